package cli

import (
	"context"
	"crypto/sha256"
	"slices"
	"time"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/wording"
	"countersign.dev/workforce"
)

type emergencyCommand struct {
	Subject string `arg:"" help:"PLATFORM:@HANDLE or PLATFORM:ID of the account."`
	Reason  string `required:"" help:"Why, for the reviewers and for the ledger. No personal data."`
	Minutes int    `default:"15" help:"After how many minutes it comes back by itself, 30 at most."`
	signing
}

func (c *emergencyCommand) Help() string {
	return "One worker who is on call takes an account down at once, alone; on a critical account a second, independent person must sign. " +
		"It comes back by itself after the minutes, also if the desk is gone, unless an ordinary account.takedown of it is countersigned before. " +
		"Nobody who signed it, and nobody on the same account, makes another one until its review is closed: review close emergency REQUEST."
}

func (c *emergencyCommand) Run(ctx context.Context, s *Session) error {
	length := time.Duration(c.Minutes) * time.Minute
	if length <= 0 || length > actions.EmergencyMost {
		return fault.New(fault.Invalid, "emergency-too-long", "An emergency act stands for 1 to %d minutes; for longer, have a takedown countersigned.", int(actions.EmergencyMost.Minutes()))
	}
	return c.request(ctx, s, v1.Wish{Kind: actions.AccountContain, Subject: c.Subject, Reason: c.Reason,
		Until: canonical.At(s.Now().Add(length).Truncate(time.Second))}, nil, nil)
}

type reviewCommands struct {
	Close reviewClose `cmd:"" help:"Close the review of an emergency act. Officers who were not involved countersign."`
	List  reviewList  `cmd:"" help:"List the reviews that were closed."`
}

type reviewClose struct {
	Of       string   `arg:"" enum:"emergency" help:"emergency. An incident is closed with incident close."`
	ID       string   `arg:"" help:"The request of the emergency act, req_…"`
	Findings string   `required:"" placeholder:"FILE" help:"A file with the findings. Its hash is signed; keep the file."`
	Involved []string `required:"" placeholder:"WORKER" help:"Everybody who was involved; at least all who signed the act."`
	Reason   string   `help:"A word for the countersigners and for the ledger."`
	signing
}

func (c *reviewClose) Run(ctx context.Context, s *Session) error {
	findings, err := ReadFile(c.Findings, 1<<20)
	if err != nil {
		return err
	}
	if len(findings) == 0 {
		return fault.New(fault.Invalid, "no-findings", "%s is empty; a review is closed with findings.", c.Findings)
	}
	var involved []workforce.WorkerID
	for _, w := range c.Involved {
		involved = append(involved, workforce.WorkerID(w))
	}
	slices.Sort(involved)
	return c.change(ctx, s, actions.DeskReview,
		actions.Review{Of: c.Of, ID: c.ID, Involved: slices.Compact(involved), Findings: sha256.Sum256(findings)}, c.Reason)
}

type reviewList struct{}

func (c *reviewList) Run(ctx context.Context, s *Session) error {
	return listed(ctx, s, func(d v1.Desk) []v1.Review { return d.Reviews }, "", []string{"REVIEW OF", "INVOLVED", "CLOSED BY", "AT", "FINDINGS"},
		func(r v1.Review) []string {
			return []string{r.Of + " " + r.ID, joinedWorkers(r.Involved), string(r.By), wording.When(r.At), r.Findings.String()}
		})
}

func joinedWorkers(ws []workforce.WorkerID) string {
	names := make([]string, len(ws))
	for i, w := range ws {
		names[i] = string(w)
	}
	return wording.Joined(names)
}
