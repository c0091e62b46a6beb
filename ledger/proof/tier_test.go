package proof_test

import (
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/platform"
)

// TestOneMarksNoCategory: one person alone does not mark a measure as legal or child
// safety, on any tier, since one person could not take it back.
func TestOneMarksNoCategory(t *testing.T) {
	for _, c := range []actions.Category{actions.CategoryLegal, actions.CategoryChildSafety} {
		marked := func(a *actions.Action) { a.Category = c }
		w := prooftest.Staffed(t)
		r := w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/9"), actions.Standard, marked)
		j, err := w.State().Judge(w.Ask(r))
		if err != nil || j.Ready || j.Need.Independent != 1 {
			t.Errorf("%s by one person: ready %v, need %v, %v", c, j.Ready, j.Need, err)
		}
		w.Countersign(r, "kim")
		if j, err = w.State().Judge(w.Ask(r)); err != nil || !j.Ready {
			t.Errorf("%s by two people: ready %v, %s, %v", c, j.Ready, j.Missing, err)
		}
		plain := w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/9"), actions.Standard)
		if j, err = w.State().Judge(w.Ask(plain)); err != nil || !j.Ready {
			t.Errorf("without a category: ready %v, %v", j.Ready, err)
		}

		old := prooftest.Found(t, prooftest.Options{FirstLaws: true})
		old.Staff()
		r = old.Request("ann", actions.AccountTakedown, prooftest.Account("acct/9"), actions.Standard, marked)
		if j, err = old.State().Judge(old.Ask(r)); err != nil || !j.Ready {
			t.Errorf("%s by the first laws: ready %v, %v", c, j.Ready, err)
		}
	}
}

// TestWhoIsLowered: whoever signs the lowering of @cheap-watches, or the clearing of
// its owner's lock, does not sign the president's: the chain takes such a change only
// with the executor's word that the identifier has that handle.
func TestWhoIsLowered(t *testing.T) {
	president := platform.Subject{Platform: "plaza", ID: "acct/17", Handle: "@president"}
	watches := platform.Subject{Platform: "plaza", ID: "acct/66", Handle: "@cheap-watches"}
	lie := platform.Subject{Platform: "plaza", ID: president.ID, Handle: watches.Handle}
	lower := func(s platform.Subject, r *actions.Resolution) actions.Setting {
		return actions.Setting{Of: actions.PartTiers, Raise: &actions.Raise{Subject: s, From: actions.Critical, To: actions.Standard, Resolved: r}}
	}
	fall := func(s platform.Subject, r *actions.Resolution) actions.Setting {
		return actions.Setting{Of: actions.PartTiers, Raise: &actions.Raise{Subject: s, From: actions.Critical, To: actions.Standard, Fall: actions.Critical, Resolved: r}}
	}
	unlock := func(s platform.Subject, r *actions.Resolution) actions.Setting {
		return actions.Setting{Of: actions.PartLocks, Unlock: &actions.Unlock{Subject: s, Resolved: r}}
	}
	for name, change := range map[string]func(platform.Subject, *actions.Resolution) actions.Setting{"lower": lower, "fall": fall, "unlock": unlock} {
		t.Run(name, func(t *testing.T) {
			w := prooftest.Staffed(t)
			w.Change(actions.DeskChange, raise(president.ID, actions.Standard, actions.Critical))
			refused := func(what string, c actions.Setting) {
				t.Helper()
				if _, err := w.TryChange(actions.DeskChange, c, w.Officers[0], w.Officers[1:]...); !fault.Is(err, "not-resolved") {
					t.Errorf("%s: %v", what, err)
				}
			}
			refused("the word about the president under another handle", change(lie, w.Resolve(president)))
			refused("the word about somebody else", change(lie, w.Resolve(watches)))
			forged := w.Resolve(president)
			forged.Subject = lie
			refused("a word that was changed", change(lie, forged))
			old := w.Resolve(lie)
			w.Advance(time.Hour)
			refused("a word from before", change(lie, old))
			other := w.Resolve(president)
			other.Executor = "executor-2"
			refused("the word of another executor", change(president, other))
			w.Change(actions.DeskChange, change(president, w.Resolve(president)))
		})
	}
	w := prooftest.Staffed(t)
	if _, err := w.TryChange(actions.DeskChange, actions.Setting{Of: actions.PartTiers, Raise: &actions.Raise{Subject: lie, From: actions.Standard, To: actions.Critical,
		Resolved: w.Resolve(watches)}}, "kim"); !fault.Is(err, "not-resolved") {
		t.Errorf("a raise under another's handle: %v", err)
	}
}

// TestConfirmed: what one person raises, several have to stand by before a standing
// order goes by it.
func TestConfirmed(t *testing.T) {
	w := prooftest.Staffed(t)
	name := prooftest.Account("acct/9").String()
	sure := func(when string, want actions.Tier) {
		t.Helper()
		if got := w.State().SureTier(nil, name); got != want {
			t.Errorf("%s: sure of %s, want %s", when, got, want)
		}
	}
	if _, err := w.TryChange(actions.DeskChange, raise("acct/9", actions.Standard, actions.Critical), "kim"); err != nil {
		t.Fatal(err)
	}
	if got := w.State().Raised[name]; got != actions.Critical {
		t.Errorf("one person's raise makes it %q at the desk", got)
	}
	sure("raised by one", actions.Standard)
	confirm := actions.Setting{Of: actions.PartTiers, Raise: &actions.Raise{Subject: prooftest.Account("acct/9"), From: actions.Critical, To: actions.Critical, Confirm: true}}
	if _, err := w.TryChange(actions.DeskChange, confirm, w.Officers[0]); !fault.Is(err, "held") {
		t.Errorf("one person stands by it alone: %v", err)
	}
	w.Change(actions.DeskChange, confirm)
	sure("confirmed", actions.Critical)
	w.Change(actions.DeskChange, raise("acct/9", actions.Critical, actions.Protected))
	sure("lowered by several", actions.Protected)
	w.Change(actions.DeskChange, raise("acct/9", actions.Protected, actions.Standard))
	sure("lowered to nothing", actions.Standard)

	height := func(chain int64) proof.Heights {
		return func(string) (proof.Height, bool) {
			return proof.Height{Tier: actions.Critical, At: canonical.At(w.Now()), Chain: chain}, true
		}
	}
	if got := w.State().SureTier(height(1), name); got != actions.Critical {
		t.Errorf("sure of %s by what rules read", got)
	}
}

// TestSpared: a mark that an order names is spared on the order's platform, on every
// tier, also after the order's end, until the order is revoked.
func TestSpared(t *testing.T) {
	for _, tier := range []actions.Tier{actions.Protected, actions.Critical} {
		w := prooftest.Staffed(t)
		o := actions.Order{Op: "place", Platform: "plaza", Tier: tier, Until: canonical.At(w.Now().Add(time.Hour)), PerSubject: 20, PerTier: 100,
			Vouched: canonical.At(w.Now()), Never: []string{"CSAM-*", "LEGAL-1"}}
		w.Change(actions.DeskChange, actions.Setting{Of: actions.PartOrders, Order: &o})
		spared := func(when string, want bool) {
			t.Helper()
			for _, m := range []platform.Mark{"CSAM-1", "LEGAL-1"} {
				if got := w.State().Spared("plaza", m); got != want {
					t.Errorf("%s, by the order for %s subjects: %s is spared: %v", when, tier, m, got)
				}
			}
			for _, m := range []platform.Mark{"", "LEGAL-12", "XCSAM-1"} {
				if w.State().Spared("plaza", m) {
					t.Errorf("%s: %q is spared", when, m)
				}
			}
			if w.State().Spared("other", "CSAM-1") {
				t.Errorf("%s: it is spared on another platform", when)
			}
		}
		spared("in force", true)
		w.Advance(2 * time.Hour)
		w.Change(actions.DeskChange, vendor("new")) // the chain is past it as well
		spared("after its end", true)
		w.Change(actions.DeskChange, actions.Setting{Of: actions.PartOrders, Order: &actions.Order{Op: "revoke", Platform: "plaza", Tier: tier}})
		spared("revoked", false)
	}
}
