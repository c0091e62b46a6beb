package incident_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/incident"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/platform"
)

// underSession plays an act on a standard subject that bob asked for under a session, and
// that somebody contests. early ends bob's sessions 20 minutes later.
func underSession(t testing.TB, early bool) (*evening, *prooftest.Session) {
	e := begin(t)
	begins := e.Now()
	s := e.StartSession("bob", actions.SessionEd25519)
	e.entry(entry.KindSession, s.SignedSession, nil)
	e.Advance(time.Hour)
	r := e.Under(s, e.Request("bob", actions.AccountTakedown, subject, actions.Standard))
	asked := e.entry(entry.KindRequest, e.asking(r, actions.StatusApproved, actions.Need{}), map[string]string{"subject": subject.String(), "handle": subject.Handle, "reason": r.Action.Reason, "case": r.Action.Case})
	e.warrants = append(e.warrants, e.Warrant(r))
	e.newest()
	e.Advance(30 * time.Millisecond)
	e.record(proof.Execution{Kind: proof.KindReceipt, Duty: proof.DutyAct, Request: r.ID, Nonce: nonce, Warrant: digestOf(t, e.warrants[0]), Outcome: proof.Executed,
		Before: platform.Expect{Status: platform.Up}, After: r.Action.Command.After()})
	down := canonical.At(e.Now())
	e.Advance(20 * time.Minute)
	if early {
		e.Void("ole", actions.Void{Scope: actions.ScopeWorker, Of: "ann", Before: canonical.At(e.Now())})                  // not bob's
		e.Void("ole", actions.Void{Scope: actions.ScopeWorker, Of: "bob", Before: canonical.At(begins.Add(-time.Minute))}) // from before
		e.Void("ole", actions.Void{Scope: actions.ScopeWorker, Of: "bob", Before: canonical.At(e.Now())})
	}
	e.report = incident.Report{
		Incident: incident.Incident{ID: inc, Version: 1, Status: incident.Open, Cause: incident.Contested, Request: r.ID, Subject: subject, Tier: actions.Standard,
			Opened: canonical.At(e.Now()), By: "ole", Title: "Contested: the takedown of @17"},
		At: canonical.At(e.Now()), Down: down, Timeline: []incident.Moment{{Source: incident.FromLedger, Entry: asked}},
		Attribution: incident.Attribution{Worker: "bob", Key: e.PublicKey("bob").ID()}}
	return e, s
}

// TestSessionsAreTold: a bundle says under which session somebody signed, who certified it
// and until when it ran, holds the session with its signature, and tells of its early end.
func TestSessionsAreTold(t *testing.T) {
	t.Parallel()
	for _, early := range []bool{false, true} {
		e, s := underSession(t, early)
		v, err := incident.Verify(e.bundle(true), e.trust())
		if err != nil {
			t.Fatal(err)
		}
		c, a := s.Session, v.Report.Attribution
		named := "session " + c.Digest().String()[len("sha256:"):][:12] + " of " + c.NotBefore.Format("15:04") + " (until " + c.Expires.Format("15:04") + " UTC), certified by "
		if a.Worker != "bob" || a.With != named+string(c.Key) || a.Under.Session != c.Digest() || a.Under.Key != c.Key || !a.Under.Begins.Equal(c.NotBefore.Time) ||
			!a.Under.Expires.Equal(c.Expires.Time) || a.Under.Void.IsZero() == early || !strings.Contains(a.Why, "bob signed the request with "+a.With+", a key that") {
			t.Errorf("early end %v: %+v", early, a)
		}
		told := map[string]int{}
		for _, m := range v.Report.Timeline {
			for _, line := range []string{"Started the " + named + string(c.Key) + ".", "Asked for account.takedown on a standard subject of plaza, signed with " + named,
				"Ended the sessions of bob that were certified before ", "Ended the sessions of ann"} {
				if strings.HasPrefix(m.Text, line) {
					told[line]++
				}
			}
			if strings.HasPrefix(m.Text, "Ended") && !strings.HasSuffix(m.Text, " Signed by ole with file key "+string(e.PublicKey("ole").ID()[:12])+".") {
				t.Errorf("nobody signed: %s", m.Text)
			}
		}
		if want := map[bool]int{false: 2, true: 3}[early]; len(told) != want || told["Ended the sessions of bob that were certified before "] > 1 {
			t.Errorf("early end %v: the timeline tells %v", early, told)
		}
		for what, text := range map[string]string{"page": string(must(incident.HTML(v.Report, incident.Options{Verified: &v}))), "Markdown": string(incident.Markdown(v.Report, incident.Options{Verified: &v}))} {
			if !strings.Contains(text, strings.Split(named, " (")[0]) || strings.Contains(text, "Ended early") != early {
				t.Errorf("the %s does not say how it was signed:\n%s", what, text)
			}
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestSessionsAreVerified: each change of what a bundle says of a session is found, though
// the desk seals it.
func TestSessionsAreVerified(t *testing.T) {
	t.Parallel()
	ended := func(m incident.Moment) bool { return strings.HasPrefix(m.Text, "Ended the sessions of bob") }
	for _, c := range []struct {
		name string
		edit func(t *testing.T, c *incident.Content)
		typ  string
	}{
		{"no early end in the timeline", func(t *testing.T, c *incident.Content) {
			reported(t, c, func(r object) {
				r["timeline"] = slices.DeleteFunc(r["timeline"].([]any), func(m any) bool { return strings.HasPrefix(m.(object)["text"].(string), "Ended the sessions of bob") })
			})
		}, "report-unsupported"},
		{"no early end in the attribution", func(t *testing.T, c *incident.Content) {
			reported(t, c, func(r object) { r["attribution"].(object)["under"].(object)["void"] = "" })
		}, "report-unsupported"},
		{"another end of the session", func(t *testing.T, c *incident.Content) {
			reported(t, c, func(r object) {
				r["attribution"].(object)["under"].(object)["expires"] = "2026-12-31T00:00:00.000000Z"
			})
		}, "report-unsupported"},
		{"an own key in place of the session", func(t *testing.T, c *incident.Content) {
			reported(t, c, func(r object) { r["attribution"].(object)["with"] = "own key" })
		}, "report-unsupported"},
		{"another session", func(t *testing.T, c *incident.Content) {
			reported(t, c, func(r object) {
				r["attribution"].(object)["under"].(object)["session"] = canonical.Sum(nil).String()
			})
		}, "report-unsupported"},
	} {
		e, _ := underSession(t, true)
		content := e.content(true)
		if !slices.ContainsFunc(incident.Bundle{Content: content}.Told().Timeline, ended) {
			t.Fatal("the bundle does not tell of the early end")
		}
		c.edit(t, &content)
		if _, err := incident.Verify(e.seal(content), e.trust()); !fault.Is(err, c.typ) {
			t.Errorf("%s: got %v, want %s", c.name, err, c.typ)
		}
	}
}

// TestStartOfASessionIsVerified: an entry that starts a session which nobody certified is
// told by no bundle that holds.
func TestStartOfASessionIsVerified(t *testing.T) {
	t.Parallel()
	e, s := underSession(t, false)
	x := s.SignedSession
	x.Session.Nonce = make([]byte, 32)
	e.entry(entry.KindSession, x, nil)
	if _, err := incident.Prepare(e.gathered(false), e.Root); !fault.Is(err, "bad-signature") {
		t.Errorf("got %v", err)
	}
}

// TestLyingDeskUnderSession: a desk that enters what no session allows in the name of a
// person has no bundle that holds.
func TestLyingDeskUnderSession(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		edit func(e *evening, s *prooftest.Session, x *entry.Request)
		typ  string
	}{
		{"as it was", func(*evening, *prooftest.Session, *entry.Request) {}, ""},
		{"without the session", func(_ *evening, _ *prooftest.Session, x *entry.Request) { x.Sessions = nil }, "no-session"},
		{"certified by somebody else", func(e *evening, _ *prooftest.Session, x *entry.Request) {
			x.Sessions[0].Signature = e.Signature("ann", x.Sessions[0].Session.Challenge())
		}, "bad-signature"},
		{"signed with the own key under the session's name", func(e *evening, _ *prooftest.Session, x *entry.Request) {
			x.Signed.Signature = e.Signature("bob", x.Signed.Statement.Challenge())
		}, "bad-signature"},
		{"begun before the session", func(e *evening, s *prooftest.Session, x *entry.Request) {
			x.Signed.Statement.NotBefore = canonical.At(s.Session.NotBefore.Add(-time.Second))
			x.Signed.Signature = s.Sign(x.Signed.Statement.Challenge())
		}, "outside-session"},
		{"of a kind that sessions do not sign", func(_ *evening, _ *prooftest.Session, x *entry.Request) { x.Act.Kind = actions.AccountDelete }, "own-key-needed"},
		{"on a critical subject", func(_ *evening, _ *prooftest.Session, x *entry.Request) { x.Act.Tier = actions.Critical }, "own-key-needed"},
		{"without the decision's statement", func(_ *evening, _ *prooftest.Session, x *entry.Request) { x.Decided = nil }, "bad-entry"},
		{"the decision signed by another key", func(e *evening, _ *prooftest.Session, x *entry.Request) {
			d := *x.Decided
			d.Signature = e.Signature("bob", d.Statement.Challenge())
			x.Decided = &d
		}, "bad-signature"},
		{"the decision of somebody else", func(e *evening, _ *prooftest.Session, x *entry.Request) {
			d := *x.Decided
			d.Statement.Signer = "ann"
			x.Decided = &d
		}, "bad-entry"},
		{"the session was void", func(e *evening, _ *prooftest.Session, _ *entry.Request) {
			e.Void("bob", actions.Void{Scope: actions.ScopeWorker, Of: "bob", Before: canonical.At(e.Now())})
		}, "session-void"},
	} {
		e := begin(t)
		s := e.StartSession("bob", actions.SessionP256)
		e.Advance(time.Minute)
		r := e.Under(s, e.Request("bob", actions.AccountTakedown, subject, actions.Standard))
		x := e.asking(r, actions.StatusHeld, actions.Need{})
		x.Sessions = []actions.SignedSession{s.SignedSession}
		c.edit(e, s, &x)
		asked := e.Append(ledger.Draft{Class: ledger.Desk, Kind: entry.KindRequest, Data: x, Expect: ledger.AnyNumber})[0].Index
		e.about[asked] = true
		e.report = incident.Report{Incident: incident.Incident{ID: inc, Version: 1, Status: incident.Open, Cause: incident.Contested, Request: r.ID,
			Subject: platform.Subject{Platform: "plaza"}, Tier: x.Act.Tier, Opened: canonical.At(e.Now()), By: "ole", Title: "contested"},
			At: canonical.At(e.Now()), Timeline: []incident.Moment{}, Attribution: incident.Attribution{Worker: "bob", Key: e.PublicKey("bob").ID()}}
		_, err := incident.Prepare(e.gathered(false), e.Root)
		if c.typ == "" && err != nil || c.typ != "" && !fault.Is(err, c.typ) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.typ)
		}
	}
}
