package cli

import (
	"context"
	"strings"
	"time"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/wording"
	"countersign.dev/workforce"
)

type workerCommands struct {
	Import    workerImport    `cmd:"" help:"Admit the joiners and changes of a CSV file. Shows what differs from the desk first. Officers countersign."`
	Show      workerShow      `cmd:"" help:"Show one worker: engagement, standing now, keys, and what they could do alone now and on the last day."`
	List      workerList      `cmd:"" help:"List workers."`
	Extend    workerExtend    `cmd:"" help:"Move a worker's last day. Officers countersign."`
	End       workerEnd       `cmd:"" help:"End the engagement of one of your own reports, or, as an officer, of anybody, at once. One person may."`
	Accounts  workerAccounts  `cmd:"" help:"Declare your own accounts on the platforms, or that you have none. Without that you get no case."`
	Reinstate workerReinstate `cmd:"" help:"Take back an end within 7 days. Officers countersign."`
}

type workerShow struct {
	Worker workforce.WorkerID `arg:"" help:"Identifier of the worker."`
	Person bool               `help:"Name and e-mail address as well, if you may read them."`
}

// shownWorker is a worker with the acts that they could do alone, if the caller may read
// those.
type shownWorker struct {
	v1.Worker
	Reach *v1.Reach `json:"reach,omitempty"`
}

func (c *workerShow) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	read := d.Worker
	if c.Person {
		read = d.Person
	}
	w, err := read(ctx, c.Worker)
	if err != nil {
		return err
	}
	out := shownWorker{Worker: w}
	switch r, err := d.Reach(ctx, c.Worker); {
	case err == nil:
		out.Reach = &r
	case fault.KindOf(err) != fault.Forbidden: // not everybody may read it
		return err
	}
	return s.Answer(out, func(p *Page) {
		p.Line("%s", w.ID)
		pairs := [][2]string{}
		if w.Person != nil {
			pairs = append(pairs, [2]string{"name", w.Person.Name}, [2]string{"e-mail", w.Person.Email})
		}
		p.Facts(append(pairs,
			[2]string{"firm", wording.Firm(w.Vendor)},
			[2]string{"roles", wording.Roles(w.Roles)},
			[2]string{"team", w.Team},
			[2]string{"manager", string(w.Manager)},
			[2]string{"site", strings.TrimSpace(w.Site + " " + w.Zone)},
			[2]string{"from", wording.When(w.Start)},
			[2]string{"until", until(w.Standing.Last, s.Now())},
			[2]string{"notice", wording.When(w.Notice)},
			[2]string{"standing", standingWords(w.Standing)},
		)...)
		p.Facts(reachFacts(out.Reach)...)
		for _, k := range w.Keys {
			state := "enrolled " + wording.When(k.Enrolled)
			if !k.Revoked.IsZero() {
				state = "revoked " + wording.When(k.Revoked)
			}
			p.Line("  %s  %s, %s", k.ID, wording.KeySort(k.Algorithm, k.Hardware), state)
		}
	})
}

func standingWords(st v1.Standing) string {
	if !st.Engaged {
		return "not engaged: " + st.Why
	}
	var all []string
	for _, f := range []struct {
		is   bool
		word string
	}{{st.InNotice, "in notice"}, {st.Ratchet, "close to the last day"}, {st.Newcomer, "newcomer"}} {
		if f.is {
			all = append(all, f.word)
		}
	}
	if len(all) == 0 {
		return "engaged"
	}
	return "engaged, " + wording.Joined(all)
}

type workerList struct {
	Vendor    string         `help:"Only people of this vendor."`
	Employees bool           `help:"Only employees." xor:"firm"`
	Role      workforce.Role `help:"Only people with this role."`
	Ended     bool           `help:"Also those whose engagement is over."`
}

func (c *workerList) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	f := v1.WorkerFilter{Role: c.Role}
	if c.Vendor != "" || c.Employees {
		v := workforce.VendorID(c.Vendor)
		f.Vendor = &v
	}
	all, err := d.AllWorkers(ctx, f)
	if err != nil {
		return err
	}
	var shown []v1.Worker
	for _, w := range all {
		if over := !w.Standing.Last.IsZero() && !s.Now().Before(w.Standing.Last.Time); c.Ended || !over {
			shown = append(shown, w)
		}
	}
	return s.Answer(items(shown), func(p *Page) {
		rows := [][]string{{"WORKER", "FIRM", "ROLES", "TEAM", "MANAGER", "UNTIL", "STANDING"}}
		for _, w := range shown {
			rows = append(rows, []string{string(w.ID), wording.Firm(w.Vendor), wording.Roles(w.Roles), w.Team, string(w.Manager), wording.When(w.Standing.Last), standingWords(w.Standing)})
		}
		p.Table(rows)
		p.Line("%s", wording.Many(len(shown), "worker"))
	})
}

type workerExtend struct {
	Worker workforce.WorkerID `arg:"" help:"Identifier of the worker."`
	Last   moment             `required:"" placeholder:"TIME" help:"The new end: a time such as 2027-03-31T18:00:00Z, or a length from now such as 90d."`
	asking
}

func (c *workerExtend) Run(ctx context.Context, s *Session) error {
	return c.change(ctx, s, actions.DeskEngagement, actions.Engagement{Op: "extend", Worker: c.Worker, Last: c.Last.from(s.Now())}, c.Reason)
}

type workerEnd struct {
	Worker workforce.WorkerID `arg:"" help:"Identifier of the worker."`
	Reason string             `required:"" help:"Why, for the ledger. No personal data."`
	directCommand
}

func (c *workerEnd) Run(ctx context.Context, s *Session) error {
	return c.relieve(ctx, s, actions.DeskEngagement, actions.Engagement{Op: "end", Worker: c.Worker}, c.Reason)
}

type workerReinstate struct {
	Worker workforce.WorkerID `arg:"" help:"Identifier of the worker."`
	asking
}

func (*workerReinstate) Help() string {
	return "Takes back what `worker end` did, within 7 days. Officers countersign. The worker is who they were: the days until they count as independent go on."
}

func (c *workerReinstate) Run(ctx context.Context, s *Session) error {
	return c.change(ctx, s, actions.DeskEngagement, actions.Engagement{Op: "reinstate", Worker: c.Worker}, c.Reason)
}

// recordOf returns the desk's present record of a worker.
func recordOf(w v1.Worker) workforce.Record {
	return workforce.Record{Worker: w.ID, Vendor: w.Vendor, Roles: w.Roles, Team: w.Team, Manager: w.Manager,
		Site: w.Site, Zone: w.Zone, Start: w.Start, Last: w.Last, Notice: w.Notice}
}

func orNothing(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func over(w v1.Worker, now time.Time) bool {
	end := endOf(w)
	return !end.IsZero() && !now.Before(end.Time)
}

// endOf returns the end of the engagement: its last instant, or an earlier end by an
// action.
func endOf(w v1.Worker) canonical.Time {
	if w.Ended.IsZero() || !w.Last.IsZero() && w.Last.Before(w.Ended.Time) {
		return w.Last
	}
	return w.Ended
}
