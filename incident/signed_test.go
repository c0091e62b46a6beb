package incident_test

import (
	"strings"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/incident"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/workforce"
)

// TestWithdrawalsAreVerified: a withdrawal that was signed is checked like every
// other statement; one from before they were signed is the desk's word.
func TestWithdrawalsAreVerified(t *testing.T) {
	t.Parallel()
	resigned := func(e *evening, r *entry.End) {
		st := &r.Deed.Signed.Statement
		st.Document = r.Deed.Deed.Digest()
		r.Deed.Signed.Signature = e.Key("bob").Sign(st.Challenge())
	}
	for _, c := range []struct {
		name string
		edit func(e *evening, r *entry.End)
		typ  string // of the refusal; empty: none
		text string // of its line
	}{
		{"signed", func(*evening, *entry.End) {}, "", "The request was withdrawn, signed with file key "},
		{"under a session", func(e *evening, r *entry.End) {
			s := e.StartSession("bob", actions.SessionEd25519)
			r.Deed.Session, r.Deed.Signed.Statement.Session = &s.SignedSession, s.Session.Digest()
			r.Deed.Signed.Signature = s.Sign(r.Deed.Signed.Statement.Challenge())
		}, "", "The request was withdrawn, signed with session "},
		{"not signed, as before", func(_ *evening, r *entry.End) { r.Deed = nil }, "", "The request was withdrawn."},
		{"said of somebody else", func(_ *evening, r *entry.End) { r.Worker = "ann" }, "bad-entry", ""},
		{"of another request", func(e *evening, r *entry.End) { r.Request = e.NewRequestID() }, "bad-entry", ""},
		{"another deed", func(e *evening, r *entry.End) { r.Deed.Deed.What = actions.DeedFindings; resigned(e, r) }, "bad-entry", ""},
		{"a deed with the verdict act", func(e *evening, r *entry.End) { r.Deed.Signed.Statement.Verdict = actions.VerdictAct; resigned(e, r) }, "bad-entry", ""},
		{"a statement about the action, as in version 1", func(e *evening, r *entry.End) {
			p := e.Request("bob", actions.AccountTakedown, subject, actions.Critical)
			r.Request, r.Deed, r.Signed = p.ID, nil, e.Statement(p, "bob", actions.VerdictWithdraw)
		}, "bad-entry", ""},
		{"changed after it was signed", func(_ *evening, r *entry.End) { r.Deed.Signed.Statement.Nonce[0] ^= 1 }, "bad-signature", ""},
		{"with a key of nobody's", func(_ *evening, r *entry.End) { r.Deed.Signed.Statement.Key = "key_none" }, "unknown-key", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := contestedIn(t, func(e *evening) {
				p := e.Request("bob", actions.AccountTakedown, subject, actions.Critical)
				sealed, commitment := e.field("text", "")
				d, err := proof.NewDeed(e.State().Formats, actions.Deed{What: actions.DeedWithdraw, Of: p.ID, Version: 1}, "",
					actions.Statement{Log: e.State().LogName(), Signer: "bob", Key: e.PublicKey("bob").ID()}, e.Now(), make([]byte, 96))
				if err != nil {
					t.Fatal(err)
				}
				signed := d.SignedDeed()
				signed.Deed.Text = commitment
				r := entry.End{Request: p.ID, Deed: &signed, Status: actions.StatusWithdrawn, Type: "withdrawn", Worker: "bob"}
				resigned(e, &r)
				c.edit(e, &r)
				e.Append(ledger.Draft{Class: ledger.Desk, Kind: entry.KindWithdraw, Data: r, Sealed: []ledger.Opening{sealed}, Expect: ledger.AnyNumber})
				e.newest()
			})
			content, err := incident.Prepare(e.gathered(false), e.Root)
			if c.typ != "" {
				if !fault.Is(err, c.typ) {
					t.Fatalf("got %v, want %s", err, c.typ)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			v, err := incident.Verify(e.seal(content), e.trust())
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range v.Report.Timeline {
				if strings.HasPrefix(m.Text, c.text) && m.Who == "bob" {
					return
				}
			}
			t.Errorf("no line says %q: %+v", c.text, v.Report.Timeline)
		})
	}
}

// TestDeedsAreVerified: a deed in an entry agrees with the entry, commits to the text
// that the entry seals, and is signed by the worker whom the entry names.
func TestDeedsAreVerified(t *testing.T) {
	t.Parallel()
	type task struct {
		Incident string             `json:"incident"`
		Number   int64              `json:"number"`
		Owner    workforce.WorkerID `json:"owner"`
		Worker   workforce.WorkerID `json:"worker"`
		Deed     actions.SignedDeed `json:"deed,omitzero"`
	}
	for _, c := range []struct {
		name string
		edit func(e *evening, x *task) (again bool) // whether it is signed again
		typ  string                                 // of the refusal; empty: none
	}{
		{"signed", func(*evening, *task) bool { return false }, ""},
		{"not signed, as before", func(_ *evening, x *task) bool { x.Deed = actions.SignedDeed{}; return false }, ""},
		{"said of somebody else", func(_ *evening, x *task) bool { x.Worker = "ann"; return false }, "bad-entry"},
		{"given to somebody else", func(_ *evening, x *task) bool { x.Owner = "ann"; return false }, "bad-entry"},
		{"of another incident", func(_ *evening, x *task) bool { x.Deed.Deed.Of = "inc_other"; return true }, "bad-entry"},
		{"with another text", func(_ *evening, x *task) bool { x.Deed.Deed.Text = canonical.Sum([]byte("x")); return true }, "bad-entry"},
		{"another deed", func(_ *evening, x *task) bool { x.Deed.Deed.What = actions.DeedFindings; return true }, "bad-entry"},
		{"another verdict", func(_ *evening, x *task) bool { x.Deed.Signed.Statement.Verdict = actions.VerdictRequest; return true }, "bad-entry"},
		{"changed after it was signed", func(_ *evening, x *task) bool { x.Deed.Deed.Version++; return false }, "bad-entry"},
		{"signed with another key", func(e *evening, x *task) bool {
			x.Deed.Signed.Signature = e.Key("ann").Sign(x.Deed.Signed.Statement.Challenge())
			return false
		}, "bad-signature"},
		{"for another ledger", func(_ *evening, x *task) bool { x.Deed.Signed.Statement.Log = "elsewhere"; return true }, "bad-statement"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := contestedIn(t, func(e *evening) {
				sealed, commitment := e.field("text", "Ask ann.")
				d, err := proof.NewDeed(e.State().Formats, actions.Deed{What: actions.DeedAssignTask, Of: inc, To: "sue", Version: 1}, "Ask ann.",
					actions.Statement{Log: e.State().LogName(), Signer: "kim", Key: e.PublicKey("kim").ID()}, e.Now(), make([]byte, 96))
				if err != nil {
					t.Fatal(err)
				}
				x := task{Incident: inc, Number: 1, Owner: "sue", Worker: "kim", Deed: d.SignedDeed()}
				sign := func() {
					x.Deed.Signed.Statement.Document = x.Deed.Deed.Digest()
					x.Deed.Signed.Signature = e.Key("kim").Sign(x.Deed.Signed.Statement.Challenge())
				}
				x.Deed.Deed.Text = commitment
				sign()
				if c.edit(e, &x) {
					sign()
				}
				e.Append(ledger.Draft{Class: ledger.Desk, Kind: "incident-task", Data: x, Sealed: []ledger.Opening{sealed}, Expect: ledger.AnyNumber})
				e.newest()
			})
			e.report.Incident.Tasks = []incident.Task{{Number: 1, Text: "Ask ann.", Owner: "sue"}}
			content, err := incident.Prepare(e.gathered(false), e.Root)
			if err == nil {
				_, err = incident.Verify(e.seal(content), e.trust())
			}
			if c.typ == "" && err != nil || c.typ != "" && !fault.Is(err, c.typ) {
				t.Errorf("got %v, want %q", err, c.typ)
			}
		})
	}
}
