package cli

import (
	"context"
	"slices"
	"strings"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/fault"
	"countersign.dev/wording"
	"countersign.dev/workforce"
)

type siteCommands struct {
	Show    siteShow    `cmd:"" default:"withargs" help:"Show the site to which passkeys are bound, the pages on which they sign, and who has one."`
	Propose sitePropose `cmd:"" help:"Ask the desk for other pages, or for another site. Officers countersign."`
}

const aboutSite = "Passkeys are bound to the site for as long as they exist: WebAuthn calls it the RP id. It is a domain, and every page's host is the site or a subdomain of it. " +
	"Other pages of the same site change no key. With another site every passkey of before counts for nothing, also if the older site comes back: " +
	"everybody needs a new one, and it is refused if the keys that are left were too few to thaw, to admit and to enrol."

type siteShow struct{}

func (*siteShow) Help() string { return aboutSite }

// siteAnswer is the answer of site show.
type siteAnswer struct {
	Site  string   `json:"site"`
	Pages []string `json:"pages"`
	// Passkeys are the people who have a live passkey; those of PasskeysAlone have no other key.
	Passkeys      []workforce.WorkerID `json:"passkeys"`
	PasskeysAlone []workforce.WorkerID `json:"passkeys_alone"`
}

func (*siteShow) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	now, err := d.Policy(ctx)
	if err != nil {
		return err
	}
	some, alone, err := s.passkeys(ctx, d)
	if err != nil {
		return err
	}
	return s.Answer(siteAnswer{now.Trust.RelyingParty, now.Trust.Origins, some, alone}, func(p *Page) {
		p.Facts([2]string{"site", now.Trust.RelyingParty}, [2]string{"pages", strings.Join(now.Trust.Origins, ", ")})
		p.Line("%s of it, %d of them no other key.", wording.Plural(len(some), "person has a passkey", "people have passkeys"), len(alone))
	})
}

// passkeys returns who has a live passkey and is engaged, sorted, and those of them who have no
// other live key.
func (s *Session) passkeys(ctx context.Context, d deskClient) (some, alone []workforce.WorkerID, err error) {
	keys, err := d.Keys(ctx, "")
	if err != nil {
		return nil, nil, err
	}
	has, other := map[workforce.WorkerID]bool{}, map[workforce.WorkerID]bool{}
	for _, k := range keys {
		of := workforce.Key{PublicKey: workforce.PublicKey{Algorithm: k.Algorithm}, Enrolled: k.Enrolled, Revoked: k.Revoked}
		if !of.Live(s.Now()) {
			continue
		}
		if of.Passkey() {
			has[k.Worker] = true
		} else {
			other[k.Worker] = true
		}
	}
	some, alone = []workforce.WorkerID{}, []workforce.WorkerID{}
	if len(has) == 0 {
		return some, alone, nil
	}
	people, err := d.AllWorkers(ctx, v1.WorkerFilter{})
	if err != nil {
		return nil, nil, err
	}
	for _, w := range people {
		if !w.Standing.Engaged || !has[w.ID] {
			continue
		}
		some = append(some, w.ID)
		if !other[w.ID] {
			alone = append(alone, w.ID)
		}
	}
	slices.Sort(some)
	slices.Sort(alone)
	return some, alone, nil
}

type sitePropose struct {
	Site string   `placeholder:"DOMAIN" help:"The site. Left out: as it is."`
	Page []string `placeholder:"ORIGIN" help:"A page on which passkeys may sign, such as https://desk.example.com; once for each. They take the place of all present ones. Left out: as they are."`
	asking
}

func (*sitePropose) Help() string { return aboutSite }

func (c *sitePropose) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	now, err := d.Policy(ctx)
	if err != nil {
		return err
	}
	trust := now.Trust
	if c.Site != "" {
		trust.RelyingParty = c.Site
	}
	if len(c.Page) > 0 {
		trust.Origins = c.Page
	}
	if trust.RelyingParty == now.Trust.RelyingParty && slices.Equal(trust.Origins, now.Trust.Origins) {
		return fault.New(fault.Conflict, "nothing-changes", "These are the site and the pages already, so nothing would change. Nothing was signed.")
	}
	if err := actions.CheckSite(trust.RelyingParty, trust.Origins); err != nil {
		return err
	}
	return c.change(ctx, s, actions.DeskChange, actions.Setting{Of: actions.PartTrust, Trust: &trust}, c.Reason)
}
