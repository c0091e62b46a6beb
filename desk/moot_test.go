package desk_test

import (
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/desktest"
	"countersign.dev/ledger/proof"
)

// TestMootWhenDrafted: a change that could not be applied as things are, however many
// sign it, is refused when it is drafted, and again when somebody hands it in who has
// made the draft alone.
func TestMootWhenDrafted(t *testing.T) {
	w := desktest.New(t, desktest.Options{})
	w.Staff()
	w.Change(actions.DeskEngagement, actions.Engagement{Op: "end", Worker: "ann"})
	last := canonical.At(w.Clock().Now().Add(100 * 24 * time.Hour))
	reinstate := acts.Wish{Kind: actions.DeskEngagement, Change: actions.Engagement{Op: "reinstate", Worker: "ann"}, Reason: "back"}
	in, err := w.Draft(t.Context(), desktest.As("ada"), reinstate)
	if err != nil {
		t.Fatal(err)
	}
	w.Clock().Advance(actions.ReinstateWithin)
	s, err := w.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, wish := range map[string]acts.Wish{
		"a reinstatement after 7 days": reinstate,
		"an extension of what is over": {Kind: actions.DeskEngagement, Change: actions.Engagement{Op: "extend", Worker: "ann", Last: last}, Reason: "longer"},
		"older laws":                   {Kind: actions.DeskChange, Change: actions.Setting{Of: actions.PartLaws, Laws: s.Laws}, Reason: "back"},
		"a thaw of what is not frozen": {Kind: actions.DeskFreeze, Change: actions.Freeze{Op: "thaw", Scope: actions.ScopeWorker, Of: "bob"}, Reason: "thaw"},
		"a mode that is on": {Kind: actions.DeskChange, Change: actions.Setting{Of: actions.PartModes,
			Mode: &actions.Mode{Platform: "plaza", Tier: actions.Standard, Mode: actions.Enforce}}, Reason: "mode"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.Draft(t.Context(), desktest.As("ada"), wish)
			refused(t, err, "wrong-state")
		})
	}
	now := canonical.At(w.Clock().Now())
	in.Statement.NotBefore, in.Statement.Expires = now, canonical.At(now.Add(proof.Validity(in.Action)))
	_, err = w.Desk.Request(t.Context(), desktest.As("ada"), w.Submission("ada", in))
	refused(t, err, "wrong-state")
}
