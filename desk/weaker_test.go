package desk_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/desktest"
	"countersign.dev/ledger/proof"
	"countersign.dev/policy"
)

// TestBacktestOfWeakerActs: what was asked of limits, labels and warnings is replayed as
// everything else is. Under a set from before warnings they alone would have been forbidden.
func TestBacktestOfWeakerActs(t *testing.T) {
	to := newLayered(t, desktest.Options{})
	to.platform.Account("acct/4", 12, "")
	wish := func(k actions.Kind, subject string) acts.Wish {
		w := desktest.Wish(k, subject)
		if spec, _ := actions.SpecOf(k); spec.Labels() {
			w.Value = "spam"
		}
		return w
	}
	limit := wish(actions.AccountLimit, "plaza:acct/3")
	limit.Until = canonical.At(to.Clock().Now().Add(time.Hour).Truncate(time.Second))
	limited := to.Settled("ann", to.Request("ann", limit))
	labelled := to.Settled("ann", to.Request("ann", wish(actions.ContentLabel, "plaza:post/1")))
	warned := to.Settled("ann", to.Request("ann", wish(actions.AccountWarn, "plaza:acct/3")))
	held := to.Request("ann", wish(actions.AccountWarn, "plaza:acct/1"))
	heldLabel := to.Request("ann", wish(actions.AccountLabel, "plaza:acct/1"))
	undone, err := to.TryUndo("ann", labelled.ID)
	if err != nil {
		t.Fatal(err)
	}
	undone = to.Settled("ann", undone)
	for r, want := range map[string]actions.Status{limited.ID: actions.StatusExecuted, warned.ID: actions.StatusExecuted, held.ID: actions.StatusHeld, heldLabel.ID: actions.StatusHeld, undone.ID: actions.StatusExecuted} {
		if got, err := to.RequestByID(t.Context(), desktest.As("ann"), r); err != nil || got.Status != want {
			t.Fatalf("%s is %s, want %s: %v", r, got.Status, want, err)
		}
	}
	turns := func(files map[string]string) map[string]proof.Turn {
		t.Helper()
		b := backtest(t, to.Town, files)
		if b.FindingsN != 0 || len(b.Unread) != 0 {
			t.Errorf("findings %v, unread %v", b.Findings, b.Unread)
		}
		got := map[string]proof.Turn{}
		for _, c := range b.Changes {
			got[c.Request] = c.Turn
		}
		return got
	}
	older := policy.Default()
	for name, text := range older {
		older[name] = strings.ReplaceAll(text, `, Action::"account.warn"`, "")
	}
	named := inForce(t, to.Town, map[string]string{"labels.cedar": `@id("labels-take-two")
@reason("Whoever sets a label or takes one away needs another person.")
@hold("3 independent")
forbid (principal, action in [Action::"account.label", Action::"content.label", Action::"content.unlabel"], resource);
`})
	for name, c := range map[string]struct {
		files map[string]string
		want  map[string]proof.Turn
	}{
		"the set that ruled":    {policy.Default(), map[string]proof.Turn{}},
		"a set of before":       {older, map[string]proof.Turn{warned.ID: proof.NowForbidden, held.ID: proof.NowForbidden}},
		"a hold on labels only": {named, map[string]proof.Turn{labelled.ID: proof.NowHeld, undone.ID: proof.NowHeld, heldLabel.ID: proof.NeedsMore}},
	} {
		if got := turns(c.files); !maps.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
