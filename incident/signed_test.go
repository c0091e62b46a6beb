package incident_test

import (
	"strings"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/fault"
	"countersign.dev/incident"
	"countersign.dev/ledger/proof"
)

// TestWithdrawalsAreVerified: a withdrawal that was signed is checked like every
// other statement; one from before they were signed is the desk's word.
func TestWithdrawalsAreVerified(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(e *evening, r *proof.EndRecord)
		typ  string // of the refusal; empty: none
		text string // of its line
	}{
		{"signed", func(*evening, *proof.EndRecord) {}, "", "The request was withdrawn, signed with "},
		{"not signed, as before", func(_ *evening, r *proof.EndRecord) { r.Signed = actions.Signed{} }, "", "The request was withdrawn."},
		{"said of somebody else", func(_ *evening, r *proof.EndRecord) { r.Worker = "ann" }, "bad-entry", ""},
		{"of another request", func(e *evening, r *proof.EndRecord) { r.Request = e.NewRequestID() }, "bad-entry", ""},
		{"a decline", func(e *evening, r *proof.EndRecord) {
			r.Signed.Statement.Verdict = actions.VerdictDecline
			r.Signed.Signature = e.Key("bob").Sign(r.Signed.Statement.Challenge())
		}, "bad-entry", ""},
		{"changed after it was signed", func(_ *evening, r *proof.EndRecord) { r.Signed.Statement.Executor = "another" }, "bad-signature", ""},
		{"with a key of nobody's", func(_ *evening, r *proof.EndRecord) { r.Signed.Statement.Key = "key_none" }, "unknown-key", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := contestedIn(t, func(e *evening) {
				p := e.Request("bob", actions.AccountTakedown, subject, actions.Critical)
				r := proof.EndRecord{Request: p.ID, Signed: e.Statement(p, "bob", actions.VerdictWithdraw), Status: actions.StatusWithdrawn, Type: "withdrawn", Worker: "bob"}
				c.edit(e, &r)
				e.entry(proof.KindWithdraw, r, nil)
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
