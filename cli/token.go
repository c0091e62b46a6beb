package cli

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/wording"
	"countersign.dev/workforce"
)

type tokenCommands struct {
	Create tokenCreate `cmd:"" help:"Sign in: your key signs, the desk gives a token, for at most 10 hours."`
	List   tokenList   `cmd:"" help:"List your tokens, and mark the one in use here."`
	Revoke tokenRevoke `cmd:"" help:"End one of your tokens, or all of somebody who lost a machine. With the one in use here you sign out."`
}

type tokenCreate struct {
	Worker workforce.WorkerID `help:"Who you are at the desk. Default: as the key file or client.json says."`
	Name   string             `default:"command line" help:"What the token is for."`
	For    time.Duration      `default:"10h" help:"How long it lives; at most 10h."`
	Save   bool               `help:"Keep token, address, key and worker in DIR/client.json, which only you may read, and don't print the token."`
	Yes    bool               `short:"y" help:"Sign without asking, also for a desk whose origin is not in client.json yet. What is signed is shown all the same."`
}

func (c *tokenCreate) Help() string {
	return "A token lets its bearer be known to the desk as you, to read what you may read and to hand in what your key signed. It signs nothing itself. " +
		"To sign a day's standard work with one signature of your key, start a session after it: countersign session start"
}

const tokenLife = 10 * time.Hour

// createdToken is the answer of token create.
type createdToken struct {
	Token  v1.Token `json:"token"`
	Secret string   `json:"secret"` // empty if it was saved
	Saved  string   `json:"saved"`  // the file in which it was saved, if it was
}

func (c *tokenCreate) Run(ctx context.Context, s *Session) error {
	if c.For <= 0 {
		return fault.New(fault.Invalid, "bad-token-life", "A token lives for some time: give --for a length such as 8h.")
	}
	if c.For > tokenLife {
		return fault.New(fault.Invalid, "bad-token-life", "A token lives for at most 10h.")
	}
	set, err := s.load()
	if err != nil {
		return err
	}
	k, err := s.OwnKey()
	if err != nil {
		return err
	}
	worker := c.Worker
	if worker == "" {
		worker = k.Worker
	}
	if worker == "" {
		worker = set.Worker
	}
	if worker == "" {
		return fault.New(fault.Invalid, "no-worker", "Say who you are: --worker ID.")
	}
	d, err := s.desk()
	if err != nil {
		return err
	}
	status, err := d.Status(ctx)
	if err != nil {
		return err
	}
	if set.Origin != "" && status.Origin != set.Origin {
		return fault.New(fault.Forbidden, "foreign-desk", "The desk at %s is %q, yours is %q.", set.URL, status.Origin, set.Origin)
	}
	if strings.Contains(set.Log, "#") && status.Log != set.Log {
		return fault.New(fault.Forbidden, "foreign-desk", "The desk at %s is %q, yours is %q: another entry 0, as a rehearsal has.", set.URL, status.Log, set.Log)
	}
	ask, secret, err := newAsk(s, status.Log, worker, k, c.Name, c.For)
	if err != nil {
		return err
	}
	s.Say("You sign in to the desk %s at %s as %s, with %s, until %s.", status.Origin, set.URL, worker, k.Key, until(ask.Expires, s.Now()))
	if set.Origin == "" {
		// At the first sign-in only the address says which desk this is.
		if err := s.Confirm("Is that the desk that you mean?", c.Yes); err != nil {
			return err
		}
	}
	t, err := d.SignIn(ctx, v1.SignedTokenAsk{Ask: ask, Signature: k.Sign(ask.Challenge())})
	if err != nil {
		return err
	}
	doc := createdToken{Token: t, Secret: secret}
	if c.Save {
		if doc.Saved, err = c.save(s, set, worker, status, secret); err != nil {
			return err
		}
		doc.Secret = ""
	}
	return s.Answer(doc, func(p *Page) {
		if doc.Saved != "" {
			p.Line("You are %s at %s until %s. Kept in %s.", worker, status.Origin, until(t.Expires, s.Now()), doc.Saved)
			return
		}
		p.Line("%s", doc.Secret)
		s.Say("You are %s at %s until %s. Give the token as COUNTERSIGN_TOKEN; it is not shown again.", worker, status.Origin, until(t.Expires, s.Now()))
	})
}

// newAsk makes an ask and its secret.
func newAsk(s *Session, origin string, w workforce.WorkerID, k KeyFile, name string, life time.Duration) (v1.TokenAsk, string, error) {
	random := make([]byte, 32+32)
	if _, err := io.ReadFull(s.Rand, random); err != nil {
		return v1.TokenAsk{}, "", fmt.Errorf("make a nonce and a secret: %w", err)
	}
	now, secret := canonical.At(s.Now()), actions.TokenSecret(random[32:])
	return v1.TokenAsk{V: v1.TokenAskVersion, Log: origin, Worker: w, Key: k.Key, Name: name, Nonce: random[:32],
		NotBefore: now, Expires: canonical.At(now.Add(life)), Secret: actions.SecretDigest(secret)}, secret, nil
}

func (c *tokenCreate) save(s *Session, set settings, w workforce.WorkerID, desk v1.Status, secret string) (string, error) {
	key, err := filepath.Abs(set.Key)
	if err != nil {
		return "", fmt.Errorf("name the key file: %w", err)
	}
	return s.keep(func(f *settings) {
		f.URL, f.Token, f.Key, f.Worker, f.Origin, f.Log = set.URL, secret, key, w, desk.Origin, desk.Log
	})
}

type tokenList struct{}

func (c *tokenList) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	page, err := d.Tokens(ctx)
	if err != nil {
		return err
	}
	return s.Answer(items(page.Items), func(p *Page) {
		rows := [][]string{{"TOKEN", "NAME", "CREATED", "EXPIRES", "REVOKED", "IN USE HERE"}}
		for _, t := range page.Items {
			rows = append(rows, []string{t.ID, t.Name, wording.When(t.Created), until(t.Expires, s.Now()), wording.When(t.Revoked), yesNo(t.Current)})
		}
		p.Table(rows)
	})
}

type tokenRevoke struct {
	Token  string             `arg:"" optional:"" help:"Identifier of the token, as token list shows it: tok_… Not the secret. Left out: nothing is ended, and your live tokens are named."`
	Worker workforce.WorkerID `help:"End all live tokens of this worker: you are on call, an officer, or a lead above them."`
	Yes    bool               `short:"y" help:"Changes nothing: nothing is signed, and nobody is asked. Scripts may give it as to other commands."`
}

func (c *tokenRevoke) Help() string {
	return "If it is the token that you use here, this signs you out: the key of a session that is kept here is removed too. Another machine's session goes on; end it with `countersign session end --reason WHY`."
}

func (c *tokenRevoke) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	switch {
	case c.Worker != "" && c.Token != "":
		return fault.New(fault.Invalid, "wrong-use", "Give a token or --worker, not both.")
	case c.Worker != "":
		return c.all(ctx, s, d)
	case c.Token == "":
		return c.which(ctx, s, d)
	}
	if err := d.RevokeToken(ctx, c.Token); err != nil {
		return err
	}
	c.signedOut(ctx, s, d)
	doc := struct {
		Revoked string `json:"revoked"`
	}{c.Token}
	return s.Answer(doc, func(p *Page) { p.Line("%s is revoked.", c.Token) })
}

// which is the refusal to end a token that was not named. It names those that there are.
func (c *tokenRevoke) which(ctx context.Context, s *Session, d deskClient) error {
	page, err := d.Tokens(ctx)
	if err != nil {
		return err
	}
	var live []string
	here := ""
	for _, t := range page.Items {
		if !t.Revoked.IsZero() || !s.Now().Before(t.Expires.Time) {
			continue
		}
		live = append(live, fmt.Sprintf("%s (%s)", t.ID, t.Name))
		if t.Current {
			here = fmt.Sprintf(" To sign out here: countersign token revoke %s", t.ID)
		}
	}
	return fault.New(fault.Invalid, "wrong-use", "Name the token to end. Your live tokens are %s.%s", wording.Joined(live), here)
}

// signedOut forgets the session that is kept here if the token in use here has ended.
func (c *tokenRevoke) signedOut(ctx context.Context, s *Session, d deskClient) {
	if _, err := d.Tokens(ctx); fault.KindOf(err) == fault.Unauthenticated {
		s.signOut(ctx)
	}
}

// all ends the tokens of a worker.
func (c *tokenRevoke) all(ctx context.Context, s *Session, d deskClient) error {
	page, err := d.RevokeTokensOf(ctx, c.Worker)
	if err != nil {
		return err
	}
	c.signedOut(ctx, s, d)
	return s.Answer(items(page.Items), func(p *Page) {
		if len(page.Items) == 0 {
			p.Line("%s has no live token.", c.Worker)
		}
		for _, t := range page.Items {
			p.Line("%s of %s is revoked (%s).", t.ID, c.Worker, t.Name)
		}
		p.Line("A token signs nothing. Sessions of %s end with: countersign session end --worker %s --reason WHY", c.Worker, c.Worker)
	})
}
