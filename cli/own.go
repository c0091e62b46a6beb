package cli

import (
	"context"
	"fmt"
	"strings"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/platform"
	"countersign.dev/wording"
)

type workerAccounts struct {
	Account []string `placeholder:"PLATFORM:@HANDLE" help:"An account of your own, by handle or identifier. Repeat it, or put commas between."`
	None    bool     `help:"You have no account on any of the platforms."`
	Keep    string   `placeholder:"FILE" help:"Write what opens the signed deed, with the accounts and its salt, to a new file that only you may read: with it you can prove later what you declared. The desk does not keep it."`
	Yes     bool     `short:"y" help:"Sign without asking. What is signed is shown all the same."`
}

func (c *workerAccounts) Help() string {
	return "Nobody judges their own affair, and nobody gets a first case before declaring their own accounts, or that there are none. Your own key signs it. " +
		"The desk keeps digests under a key that is not in its database, and cannot say which accounts they are; the ledger has that you declared, how many, and when. " +
		"Whatever you declare once stays your own: a new declaration adds to it. To leave an account out is a breach of contract. " +
		"Without --account and --none it says what you have declared."
}

func (c *workerAccounts) Run(ctx context.Context, s *Session) error {
	if c.None && len(c.Account) > 0 {
		return fault.New(fault.Invalid, "wrong-use", "Give --account or --none, not both.")
	}
	d, err := s.desk()
	if err != nil {
		return err
	}
	if !c.None && len(c.Account) == 0 {
		own, err := d.OwnAccounts(ctx)
		if err != nil {
			return err
		}
		return answerOwn(s, own)
	}
	me, err := s.workerName()
	if err != nil {
		return err
	}
	if c.None {
		if have, err := d.OwnAccounts(ctx); err == nil && have.Accounts > 0 {
			return fault.New(fault.Invalid, "bad-accounts", "You declared %s on %s, and what was declared stays your own for ever, also if the account is gone: so you cannot declare that you have none. Nothing was signed.", wording.Many(int(have.Accounts), "account"), wording.When(have.Time))
		}
	}
	names := []string{}
	shown := []string{}
	for _, name := range c.Account {
		r, err := s.subject(ctx, name)
		if err != nil {
			return err
		}
		if r.Sort != platform.Account {
			return fault.New(fault.Invalid, "bad-accounts", "%s is not an account.", name)
		}
		names = append(names, r.Subject.Platform+":"+r.Subject.ID)
		shown = append(shown, wording.Subject(r.Subject))
	}
	what := fmt.Sprintf("The accounts of %s: %s", me, strings.Join(shown, ", "))
	if c.None {
		what = fmt.Sprintf("%s has no account on any of the platforms", me)
	}
	text := actions.OwnAccountsText(names)
	deed, err := s.deed(ctx, d, actions.Deed{What: actions.DeedAccounts, Of: string(me)}, text, what, canonical.Time{}, c.Yes)
	if err != nil {
		return err
	}
	if c.Keep != "" {
		if err := newSecret(c.Keep, keptDeed{deed, text}); err != nil {
			return err
		}
	}
	own, err := d.DeclareAccounts(ctx, v1.OwnDeclaration{Accounts: names, Deed: deed})
	if err != nil {
		return err
	}
	return answerOwn(s, own)
}

// keptDeed opens a declaration.
type keptDeed struct {
	Deed actions.SaltedDeed `json:"deed"`
	Text string             `json:"text"`
}

func answerOwn(s *Session, own v1.OwnAccounts) error {
	return s.Answer(own, func(p *Page) {
		switch {
		case !own.Declared:
			p.Line("You have declared nothing yet, and get no case before you do: countersign worker accounts --account PLATFORM:@HANDLE, or --none.")
		case own.Accounts == 0:
			p.Line("You declared on %s that you have no account on the platforms.", wording.When(own.Time))
		default:
			p.Line("You declared %s on %s. What you declared before that stays your own as well.", wording.Many(int(own.Accounts), "account"), wording.When(own.Time))
		}
	})
}
