package desk_test

import (
	"strings"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/desktest"
)

// TestEnrolmentOfAnotherDesk: what a key signed for its enrolment at a desk with the
// same origin and another entry 0, or by the origin alone, is refused before an officer
// signs, and when somebody hands it in who has made the draft alone.
func TestEnrolmentOfAnotherDesk(t *testing.T) {
	w := desktest.New(t, desktest.Options{})
	w.Staff()
	good := w.Enrolment("ann")
	good.Key = w.PublicKey("ann's second")
	by := func(name string) acts.Wish {
		e := good
		e.Possession = w.Sign("ann's second", actions.PossessionChallenge(name, "ann", e.Key.ID()))
		return acts.Wish{Kind: actions.DeskKey, Change: actions.Keys{Enrol: []actions.Enrolment{e}}, Reason: "a spare"}
	}
	full := w.Origin + "#" + w.Root.String()
	d, err := w.Draft(t.Context(), desktest.As("ada"), by(full))
	if err != nil {
		t.Fatal(err)
	}
	for name, wish := range map[string]acts.Wish{"the origin alone": by(w.Origin), "another entry 0": by(w.Origin + "#" + canonical.Sum([]byte("rehearsal")).String())} {
		_, err := w.Draft(t.Context(), desktest.As("ada"), wish)
		refused(t, err, "no-possession")
		if err != nil && !strings.Contains(err.Error(), "countersign key enrolment FILE --worker ann --desk '"+full+"'") {
			t.Errorf("%s: the refusal does not say what to do: %v", name, err)
		}
		in := d
		in.Action.Change = canonical.MustMarshal(wish.Change)
		in.Statement.Action = in.Action.Digest()
		_, err = w.Desk.Request(t.Context(), desktest.As("ada"), w.Submission("ada", in))
		refused(t, err, "no-possession")
	}
	w.Change(actions.DeskKey, by(full).Change.(actions.Keys))
}

// TestEnrolmentAcrossTheLaws3: a desk under the laws 2 takes the origin alone. What is
// open when the laws 3 are adopted is refused, and says what to do.
func TestEnrolmentAcrossTheLaws3(t *testing.T) {
	w := desktest.New(t, desktest.Options{Laws: 2})
	w.Staff()
	wish := acts.Wish{Kind: actions.DeskKey, Change: actions.Keys{Enrol: []actions.Enrolment{w.Enrolment("spare")}}, Reason: "a spare"}
	e := &wish.Change.(actions.Keys).Enrol[0]
	e.Worker, e.Possession = "ann", w.Sign("spare", actions.PossessionChallenge(w.Origin, "ann", e.Key.ID()))
	open := w.Request("ada", wish)
	w.Countersign(open.ID, "bea")
	w.Change(actions.DeskChange, actions.Setting{Of: actions.PartLaws, Laws: 3})
	_, err := w.TryCountersign("cem", open.ID)
	refused(t, err, "no-possession")
	_, err = w.TryRequest("ada", wish)
	refused(t, err, "no-possession")
	e.Possession = w.Sign("spare", actions.PossessionChallenge(w.LogName(), "ann", e.Key.ID()))
	w.Change(actions.DeskKey, wish.Change)
	if s, err := w.State(t.Context()); err != nil || len(s.People.KeysOf("ann")) != 2 {
		t.Errorf("the key is not enrolled: %v", err)
	}
}
