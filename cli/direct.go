package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/id"
	"countersign.dev/ledger/proof"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/platform"
	"countersign.dev/wording"
)

// Executor is an executor that this command line reaches without the desk, for the case
// that the desk is dead or lies. It checks by itself all that it is handed.
type Executor interface {
	Facts() (linkv1.DraftFacts, error)
	Take(ctx context.Context, a proof.Authority) (linkv1.TakeResult, error)
}

// directCommand holds the flags of relieving changes that a signer may also hand straight to
// the executor.
type directCommand struct {
	Direct    bool   `help:"Hand it straight to the executor and not to the desk."`
	Executor  string `placeholder:"ADDRESS" help:"Where the executor listens: unix:/path or http://127.0.0.1:PORT. Default: as client.json says, else that of the desk in the folder."`
	TokenFile string `placeholder:"FILE" help:"A file with the token that the executor asks for. Default: as client.json says, else that of the desk in the folder."`
	signing
}

// relieve requests a relieving change of the desk. It goes through the desk; or straight
// to the executor, if the worker asked for that or the desk does not answer.
func (c *directCommand) relieve(ctx context.Context, s *Session, k actions.Kind, change actions.Change, reason string) error {
	if c.Direct {
		return c.hand(ctx, s, k, change, reason)
	}
	err := c.change(ctx, s, k, change, reason)
	if err == nil || s.answered || !unheard(err) {
		return err
	}
	if _, _, missing := c.executor(s); missing != nil {
		s.hint = "If the desk is dead, the executor takes this without it: on the desk's machine with --dir DESK --key FILE, and elsewhere with --direct, --executor ADDRESS and --token-file FILE. " +
			"If you have neither, call somebody on call." + s.hint
		return err // there is no executor to hand it to
	}
	s.Say("The desk does not answer: %s Handing it straight to the executor.", fault.TextOf(err))
	return c.hand(ctx, s, k, change, reason)
}

// unheard reports whether an error says that the desk was not reached, and not that it
// refused.
func unheard(err error) bool {
	switch f := fault.As(err); {
	case f == nil:
		return true
	case f.Kind == fault.Unavailable, f.Kind == fault.Internal:
		return true
	default:
		return f.Type == "no-desk" || f.Type == "no-token"
	}
}

// executor finds the executor's address: in flags, then in client.json, then by the desk
// in the folder.
func (c *directCommand) executor(s *Session) (address, token string, err error) {
	set, err := s.load()
	if err != nil {
		return "", "", err
	}
	if c.TokenFile != "" {
		raw, err := ReadFile(c.TokenFile, 1<<12)
		if err != nil {
			return "", "", err
		}
		set.ExecutorToken = strings.TrimSpace(string(raw))
	}
	if c.Executor != "" {
		set.Executor = c.Executor
	}
	if (set.Executor == "" || set.ExecutorToken == "") && s.FindExecutor != nil {
		if address, token, err := s.FindExecutor(s.Folder()); err == nil {
			if set.Executor == "" {
				set.Executor = address
			}
			if set.ExecutorToken == "" {
				set.ExecutorToken = token
			}
		}
	}
	if set.Executor != "" && set.ExecutorToken == "" && s.DialExecutor != nil {
		return "", "", fault.New(fault.Invalid, "no-executor-token",
			"The executor at %s takes nobody without its token. Give --token-file FILE, or the desk's folder (--dir).", set.Executor)
	}
	if set.Executor == "" || set.ExecutorToken == "" || s.DialExecutor == nil {
		return "", "", fault.New(fault.Invalid, "no-executor-address",
			"The executor can take this without the desk, but its address is not known here. Give --direct, --executor ADDRESS and --token-file FILE (the token is oncall_token in the desk's link.json); or, on the desk's machine, the desk's folder and your key: --dir DESK --key FILE.")
	}
	return set.Executor, set.ExecutorToken, nil
}

// hand signs a relieving change and hands it to the executor. The executor, and not
// the desk, says what the desk is like.
func (c *directCommand) hand(ctx context.Context, s *Session, k actions.Kind, change actions.Change, reason string) error {
	address, token, err := c.executor(s)
	if err != nil {
		return err
	}
	e := s.DialExecutor(address, token)
	facts, err := e.Facts()
	if err != nil {
		return err
	}
	me, err := s.signer(ctx, facts.Log)
	if err != nil {
		return err
	}
	if may, _ := me.bySession(k, change); !may || me.session != nil && !me.session.session().Holds(facts.Clock.Time) {
		if me, err = me.own(); err != nil {
			return err
		}
	}
	draft, err := s.draftDirect(me, facts, k, change, reason)
	if err != nil {
		return err
	}
	s.show("You sign this, for the executor", draft, me, wording.Need(actions.Need{}, false))
	if err := s.Confirm("Sign and send it?", c.Yes); err != nil {
		return err
	}
	a := proof.Authority{Action: draft.Action, Request: actions.Signed{Statement: draft.Statement}}
	if a.Request.Signature, err = me.sign(ctx, s, draft.Statement.Challenge()); err != nil {
		return err
	}
	if me.session != nil {
		a.Sessions = []actions.SignedSession{me.session.Signed}
	}
	got, err := e.Take(ctx, a)
	if err != nil {
		return err
	}
	return s.Answer(handed{Request: got.Request, At: got.At, Executor: address}, func(p *Page) {
		p.Line("%s: %s", got.Request, p.Good("in force at the executor"))
		p.Line("%s", wording.Change(change))
		p.Line("The desk enters it in the ledger as soon as it answers.")
		if c.next != nil {
			c.next(p)
		}
	})
}

// handed is the answer of a change that was handed straight to the executor.
type handed struct {
	Request  string         `json:"request"`
	At       canonical.Time `json:"at"`
	Executor string         `json:"executor"`
}

// draftDirect writes the draft that the desk would write.
func (s *Session) draftDirect(me identity, facts linkv1.DraftFacts, k actions.Kind, change actions.Change, reason string) (v1.Draft, error) {
	if !me.knows(facts.Log) {
		return v1.Draft{}, fault.New(fault.Conflict, "foreign-desk", "That executor serves the desk %q, and yours is %q. Nothing was signed.", facts.Log, cmp.Or(me.log, me.origin))
	}
	now := s.Now()
	if off := facts.Clock.Sub(now); off > time.Minute || off < -time.Minute {
		return v1.Draft{}, fault.New(fault.Conflict, "clocks-differ", "The executor's clock and this machine's differ by %s. Set this machine's clock; nothing was signed.", wording.Span(max(off, -off)))
	}
	if facts.Clock.Before(now) {
		now = facts.Clock.Time // else the signature would not be valid there yet
	}
	nonce := make([]byte, 16+32)
	if _, err := io.ReadFull(s.Rand, nonce); err != nil {
		return v1.Draft{}, fmt.Errorf("make a nonce: %w", err)
	}
	a := actions.Action{V: actions.ActionVersion(facts.Formats), Kind: k, Tier: actions.Critical, Direction: change.Direction(), Effect: actions.Reversible,
		Subject: platform.Subject{Platform: actions.DeskPlatform, ID: change.Part()}, Change: canonical.MustMarshal(change), Reason: reason, Nonce: nonce[:16]}
	if err := a.Check(); err != nil {
		return v1.Draft{}, err
	}
	if err := a.Legible(); err != nil {
		return v1.Draft{}, err
	}
	st := actions.Statement{V: actions.StatementVersion(facts.Formats), Log: facts.Log, Request: id.Source{Now: s.Now, Rand: s.Rand}.New(proof.RequestPrefix),
		Action: a.Digest(), Verdict: proof.VerdictOf(a), Policy: facts.Policy, Signer: me.worker, Key: me.key.Key, Executor: proof.DeskExecutor,
		Session: me.session.digest(), Nonce: nonce[16:], NotBefore: canonical.At(now), Expires: canonical.At(now.Add(proof.Validity(a)))}
	if st.V != actions.StatementV1 {
		var err error
		if st.Log, st.Founding, err = actions.SplitLog(facts.Log); err != nil {
			return v1.Draft{}, fault.New(fault.Conflict, "foreign-desk", "The executor names its desk %q, which is no origin with the hash of entry 0.", facts.Log)
		}
	}
	return v1.Draft{Action: a, Statement: st}, nil
}
