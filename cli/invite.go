package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/wording"
	"countersign.dev/workforce"
)

type inviteCommands struct {
	Make     inviteMake     `cmd:"" default:"withargs" help:"Make links with which people make a passkey in a browser: up to 50 people, each link once, for a day."`
	List     inviteList     `cmd:"" help:"List invitations: who, how it stands, and the six words of the passkey that was made."`
	Enrol    inviteEnrol    `cmd:"" help:"Ask the desk to enrol the passkeys that were made. Officers countersign."`
	Withdraw inviteWithdraw `cmd:"" help:"Take invitations back."`
}

const aboutInvitations = "A link lets one person make one passkey, and gives nobody a key at the desk: that needs an enrolment, which others countersign. " +
	"Whoever gets the link instead of its person can make a passkey in the person's name. So have each person read out the six words of their passkey, on another way than the one the link went, " +
	"and compare them with those that `countersign invite list` shows."

// maxInviteFile bounds a file of people who are to be invited, in bytes.
const maxInviteFile = 1 << 16

type inviteMake struct {
	People []workforce.WorkerID `arg:"" optional:"" name:"worker" help:"Identifiers of workers who were admitted."`
	File   string               `placeholder:"FILE" help:"A file with more of them, one a line."`
	Page   string               `placeholder:"ORIGIN" help:"The desk's page for the links, if it has several: https://desk.example.com. Default: the address of the desk if passkeys work there, else the first of its pages."`
}

func (c *inviteMake) Help() string {
	return aboutInvitations + "\nThe secrets of the links are made here, and the desk keeps their digests: the links are shown once, and nobody finds them again. " +
		"Send each to its person alone. A new invitation of the same person ends the one before. All or nobody: whoever cannot be invited is named."
}

// invitedPerson is a link in the answer of invite.
type invitedPerson struct {
	Invitation string             `json:"invitation"`
	Worker     workforce.WorkerID `json:"worker"`
	Name       string             `json:"name"`
	Link       string             `json:"link"`
	Expires    canonical.Time     `json:"expires"`
}

func (c *inviteMake) Run(ctx context.Context, s *Session) error {
	people, err := c.people()
	if err != nil {
		return err
	}
	d, err := s.desk()
	if err != nil {
		return err
	}
	set, err := s.load()
	if err != nil {
		return err
	}
	now, err := d.Policy(ctx)
	if err != nil {
		return err
	}
	page, err := c.page(now.Trust.Origins, set.URL)
	if err != nil {
		return err
	}
	var ask v1.Invitees
	secrets := map[canonical.Digest]string{}
	of := map[workforce.WorkerID]canonical.Digest{}
	for _, w := range people {
		b := make([]byte, 32)
		if _, err := io.ReadFull(s.Rand, b); err != nil {
			return fmt.Errorf("make the secret of a link: %w", err)
		}
		secret := actions.InvitationSecret(b)
		digest, _ := actions.InvitationDigest(secret)
		secrets[digest], of[w] = secret, digest
		ask.People = append(ask.People, v1.Invitee{Worker: w, Secret: digest})
	}
	made, err := d.Invite(ctx, ask)
	if err != nil {
		return named(err, people)
	}
	out := make([]invitedPerson, 0, len(made.Items))
	for _, i := range made.Items {
		out = append(out, invitedPerson{i.ID, i.Worker, i.Name, page + "/invite/" + secrets[of[i.Worker]], i.Expires})
	}
	return s.Answer(items(out), func(p *Page) {
		for _, i := range out {
			who := string(i.Worker)
			if i.Name != "" {
				who += ", " + i.Name
			}
			p.Line("%s, %s", who, i.Invitation)
			p.Line("  %s", i.Link)
		}
		if len(out) > 0 {
			p.Line("Send each link to its person alone. It is good once, %s, and is not shown again.", until(out[0].Expires, s.Now()))
			p.Line("Have each read out six words to you, and compare them: countersign invite list. Then: countersign invite enrol --reason WHY")
		}
	})
}

// people are those of the arguments and of the file.
func (c *inviteMake) people() ([]workforce.WorkerID, error) {
	people := slices.Clone(c.People)
	if c.File != "" {
		b, err := ReadFile(c.File, maxInviteFile)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(b)) {
			if id := strings.TrimSpace(line); id != "" {
				people = append(people, workforce.WorkerID(id))
			}
		}
	}
	if len(people) == 0 {
		return nil, fault.New(fault.Invalid, "bad-invitation", "Nobody is named. Whom do you invite? countersign invite ID…, or --file with one identifier a line.")
	}
	if len(people) > actions.MaxKeys {
		return nil, fault.New(fault.Invalid, "bad-invitation", "%d people are named; at most %d are invited at once, since one change enrols the whole list.", len(people), actions.MaxKeys)
	}
	return people, nil
}

// page is the origin of the links.
func (c *inviteMake) page(origins []string, url string) (string, error) {
	switch at := strings.TrimSuffix(url, "/"); {
	case c.Page != "" && !slices.Contains(origins, c.Page):
		return "", fault.New(fault.Invalid, "foreign-page", "Passkeys of this desk are made on %s, and not on %s. Nobody was invited.", strings.Join(origins, ", "), c.Page)
	case c.Page != "":
		return c.Page, nil
	case slices.Contains(origins, at):
		return at, nil
	case len(origins) == 0:
		return "", fault.New(fault.Conflict, "no-pages", "This desk has no pages on which passkeys are made. `countersign site propose --page ORIGIN --reason WHY` changes that, and several people sign it.")
	}
	return origins[0], nil
}

// named puts the person's name before each fault of a list.
func named(err error, people []workforce.WorkerID) error {
	f := fault.As(err)
	if f == nil || !fault.Is(err, "bad-invitation") {
		return err
	}
	for i, d := range f.Detail {
		for at, w := range people {
			if d.At == fmt.Sprintf("people[%d]", at) {
				f.Detail[i].At = string(w)
			}
		}
	}
	return err
}

type inviteList struct {
	All         bool `help:"Those that are over as well: enrolled, expired, taken back."`
	Attestation bool `help:"With what the browsers handed in, in the JSON answer, so that anybody can verify it again."`
}

func (c *inviteList) Help() string { return aboutInvitations }

func (c *inviteList) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	all, err := d.Invitations(ctx, c.Attestation)
	if err != nil {
		return err
	}
	if !c.All {
		all.Items = slices.DeleteFunc(all.Items, func(i v1.Invitation) bool {
			return i.State == "enrolled" || i.State == "expired" || i.State == "withdrawn"
		})
	}
	return s.Answer(items(all.Items), func(p *Page) {
		if len(all.Items) == 0 {
			p.Line("No invitation is open.")
			return
		}
		rows := [][]string{{"INVITATION", "WORKER", "NAME", "BY", "STATE", "LINK ENDS", "WORDS", "KEY"}}
		for _, i := range all.Items {
			words, sort := "", ""
			if a := i.Answer; a != nil {
				words, sort = a.Key.ID().Words(), wording.MadeKey(a.Enrolment(i.Worker))
			}
			rows = append(rows, []string{i.ID, string(i.Worker), i.Name, string(i.By), i.State, wording.When(i.Expires), words, sort})
		}
		p.Table(rows)
		for _, i := range all.Items {
			switch i.State {
			case "edited":
				p.Line("%s: the desk's database has another invitation, or another answer, than the ledger: somebody edited it. Do not enrol it; find out who could.", p.Bad(i.ID))
			case "left":
				p.Line("%s: the engagement of %s has ended.", i.ID, i.Worker)
			}
		}
	})
}

type inviteEnrol struct {
	Invitations []string `arg:"" optional:"" name:"invitation" help:"inv_…: those to enrol. Default: all that you made and that were answered."`
	asking
}

func (c *inviteEnrol) Help() string {
	return "One change enrols the whole list, and is shown before you sign it: names, the six words of each, and what sort of key it is. Compare the words with those that each person reads out to you. " +
		"The words are worked out here from the keys that you sign, and so are those that the others see who countersign.\n" + aboutInvitations
}

func (c *inviteEnrol) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	me, err := s.identity()
	if err != nil {
		return err
	}
	all, err := d.Invitations(ctx, false)
	if err != nil {
		return err
	}
	chosen, err := c.chosen(all.Items, me.worker)
	if err != nil {
		return err
	}
	now, err := d.Policy(ctx)
	if err != nil {
		return err
	}
	status, err := d.Status(ctx)
	if err != nil {
		return err
	}
	var change actions.Keys
	for _, i := range chosen {
		e := i.Answer.Enrolment(i.Worker)
		if err := madeWell(i, e, status.EnrolName, proof.Sites{RelyingParty: now.Trust.RelyingParty, Origins: now.Trust.Origins}); err != nil {
			return err
		}
		change.Enrol = append(change.Enrol, e)
	}
	return c.change(ctx, s, actions.DeskKey, change, c.Reason)
}

// chosen are the invitations to enrol: those that were named, or all that a worker made and somebody
// answered.
func (c *inviteEnrol) chosen(all []v1.Invitation, me workforce.WorkerID) ([]v1.Invitation, error) {
	var out []v1.Invitation
	if len(c.Invitations) == 0 {
		for _, i := range all {
			if i.By == me && i.State == "answered" {
				out = append(out, i)
			}
		}
		slices.SortFunc(out, func(a, b v1.Invitation) int { return strings.Compare(string(a.Worker), string(b.Worker)) })
		if len(out) == 0 {
			return nil, fault.New(fault.NotFound, "no-invitation", "Nobody has answered an invitation of yours that is still open. countersign invite list shows all.")
		}
	}
	no := fault.New(fault.Conflict, "bad-invitation", "Nothing was signed, since some of these invitations cannot be enrolled.")
	for _, id := range slices.Compact(slices.Sorted(slices.Values(c.Invitations))) {
		at := slices.IndexFunc(all, func(i v1.Invitation) bool { return i.ID == id })
		switch {
		case at < 0:
			no.Detail = append(no.Detail, fault.Detail{At: id, Text: "There is no such invitation in the list."})
		case all[at].State != "answered" || all[at].Answer == nil:
			no.Detail = append(no.Detail, fault.Detail{At: id, Text: fmt.Sprintf("It is %s, and not answered.", all[at].State)})
		default:
			out = append(out, all[at])
		}
	}
	if len(no.Detail) > 0 {
		return nil, no
	}
	if len(out) > actions.MaxKeys {
		return nil, fault.New(fault.Invalid, "bad-invitation", "%d invitations were answered, and one change enrols at most %d. Name those to enrol first.", len(out), actions.MaxKeys)
	}
	return out, nil
}

// madeWell checks by itself what the desk says of a key that was made: that it signed for its
// enrolment as this worker at this desk, and that it does not count as hardware if it says that it
// can be copied.
func madeWell(i v1.Invitation, e actions.Enrolment, desk string, sites proof.Sites) error {
	if err := proof.VerifySignature(e.Key, actions.PossessionChallenge(desk, e.Worker, e.Key.ID()), e.Possession, sites); err != nil {
		return tricked("the key of the invitation %s did not sign for its enrolment as %s", i.ID, e.Worker)
	}
	if e.Key.Hardware == e.Possession.Copyable() {
		return tricked("the key of the invitation %s is said to be bound to hardware or not, and the key itself says otherwise", i.ID)
	}
	return nil
}

type inviteWithdraw struct {
	Invitations []string `arg:"" name:"invitation" help:"inv_…"`
}

func (c *inviteWithdraw) Help() string {
	return "Its link is good no more, and a passkey that was made under it is not enrolled. A key that is enrolled is revoked and not taken back: countersign key revoke KEY --reason WHY"
}

func (c *inviteWithdraw) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	for _, id := range c.Invitations {
		if err := d.WithdrawInvitation(ctx, id); err != nil {
			return err
		}
	}
	return s.Answer(items(c.Invitations), func(p *Page) {
		for _, id := range c.Invitations {
			p.Line("%s %s", p.Good("taken back"), id)
		}
	})
}

// wholeKeys writes the keys that a change enrols, one after the other. What was signed says whose a
// key is, its words, and its sort; how it was made is the desk's word.
func (s *Session) wholeKeys(ctx context.Context, p *Page, d deskClient, c actions.Keys) {
	if len(c.Enrol) == 0 {
		return
	}
	made := map[workforce.KeyID]v1.Invitation{}
	if all, err := d.Invitations(ctx, false); err == nil {
		for _, i := range all.Items {
			if i.Answer != nil {
				made[i.Answer.Key.ID()] = i
			}
		}
	} else {
		p.Line("How these keys were made is not known here: %s", fault.TextOf(err))
	}
	p.Line("Keys, with their words:")
	for _, e := range c.Enrol {
		var m wording.KeyMaking
		if i, ok := made[e.Key.ID()]; ok && i.Worker == e.Worker {
			m = wording.KeyMaking{Name: i.Name, Invitation: i.ID, By: i.By, At: i.Answer.At, Model: i.Answer.Model, Format: i.Answer.Format}
		}
		if m.Name == "" {
			if w, err := d.Person(ctx, e.Worker); err == nil && w.Person != nil {
				m.Name = w.Person.Name
			}
		}
		says(p, wording.KeyToEnrol(e, m).Lines())
	}
}
