package cli

import (
	"context"
	"fmt"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/workforce"
)

type loginCommand struct {
	Browser string `required:"" placeholder:"CODE" help:"The code that the page of the sign-in shows."`
	Yes     bool   `short:"y" help:"Sign without asking. What is signed is shown all the same."`
}

func (c *loginCommand) Help() string {
	return "For people whose key is a file: the page of the sign-in shows a code, and six words of the key that the browser has made. " +
		"This command shows the six words of the key that waits under the code. If they differ, somebody else's browser waits: do not sign. " +
		"Your key file signs one session of at most 10 hours for that browser, as a passkey would."
}

// browserSession is the answer of login.
type browserSession struct {
	Digest  canonical.Digest   `json:"digest"`
	Worker  workforce.WorkerID `json:"worker"`
	Words   string             `json:"words"` // of the browser's key
	Expires canonical.Time     `json:"expires"`
}

func (c *loginCommand) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	me, err := s.identity()
	if err != nil {
		return err
	}
	status, err := d.Status(ctx)
	if err != nil {
		return err
	}
	waiting, err := d.Pairing(ctx, c.Browser)
	if err != nil {
		return err
	}
	if waiting.Worker != me.worker {
		return fault.New(fault.Forbidden, "other-worker", "The browser that waits under this code is one of %s, and your key is one of %s. Nothing was signed.", waiting.Worker, me.worker)
	}
	session, _, err := s.newSession(status, me, actions.SessionLife)
	if err != nil {
		return err
	}
	session.SessionKey = waiting.Key
	if err := session.Check(); err != nil {
		return err
	}
	words := waiting.Key.Words()
	p := &Page{color: s.Color}
	p.Line("You sign a session for a browser:")
	p.Facts([2]string{"of", fmt.Sprintf("%s, with %s", me.worker, me.key.Key)}, [2]string{"desk", logOf(session)}, [2]string{"ends", until(session.Expires, s.Now())}, [2]string{"its key", words})
	s.SayAll(p.String())
	if err := s.Confirm("Does your browser show these six words?", c.Yes); err != nil {
		return err
	}
	if err := d.CertifyPairing(ctx, waiting.Code, actions.SignedSession{Session: session, Signature: me.key.Sign(session.Challenge())}); err != nil {
		return err
	}
	doc := browserSession{session.Digest(), me.worker, words, session.Expires}
	return s.Answer(doc, func(p *Page) {
		p.Line("%s: your browser signs in now, until %s", p.Good("signed"), until(session.Expires, s.Now()))
	})
}
