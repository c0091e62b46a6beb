package executor

import (
	"path/filepath"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/executor/journal"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
)

// TestHeightStands: of the tiers with which a subject was read the highest stands, in
// whatever order they are learnt, until a fall that is known at a later reading; in the
// memory and in the journal alike.
func TestHeightStands(t *testing.T) {
	read := func(tier actions.Tier, chain int64, falls proof.Falls) journal.Height {
		return journal.Height{Subject: platform.Subject{Platform: "plaza", ID: "acct/9"}, Height: proof.Height{Tier: tier, Chain: chain}, Sequence: -1, Falls: falls}
	}
	none := proof.Falls{}
	for name, c := range map[string]struct {
		read []journal.Height
		want actions.Tier
	}{
		"a lower one afterwards":                  {[]journal.Height{read(actions.Critical, 5, none), read(actions.Protected, 6, none)}, actions.Critical},
		"a higher one afterwards":                 {[]journal.Height{read(actions.Protected, 5, none), read(actions.Critical, 6, none)}, actions.Critical},
		"a lower one after the fall":              {[]journal.Height{read(actions.Critical, 5, none), read(actions.Protected, 7, proof.Falls{Critical: 6, Protected: 6})}, actions.Protected},
		"a lower one after the fall of the lower": {[]journal.Height{read(actions.Critical, 5, none), read(actions.Protected, 7, proof.Falls{Protected: 6})}, actions.Critical},
		"an old one that is learnt after a fall":  {[]journal.Height{read(actions.Protected, 7, none), read(actions.Critical, 5, proof.Falls{Critical: 6, Protected: 6})}, actions.Protected},
		"read anew after a fall":                  {[]journal.Height{read(actions.Critical, 5, none), read(actions.Critical, 7, proof.Falls{Critical: 6, Protected: 6}), read(actions.Protected, 8, proof.Falls{Critical: 6, Protected: 6})}, actions.Critical},
	} {
		h := newHeights(c.read)
		if got, ok := h.find("plaza:acct/9"); !ok || got.Tier != c.want {
			t.Errorf("%s: it is %s, want %s", name, got.Tier, c.want)
		}
		j, err := journal.Open(t.Context(), filepath.Join(t.TempDir(), "journal.db"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := j.Claim(t.Context(), journal.Owner{Executor: "executor-1", Root: canonical.Sum(nil)}); err != nil {
			t.Fatal(err)
		}
		for _, k := range c.read {
			if err := j.Remember(t.Context(), k); err != nil {
				t.Fatal(err)
			}
		}
		if all, err := j.Heights(t.Context()); err != nil || len(all) != 1 || all[0].Tier != c.want || all[0].Chain != h.of["plaza:acct/9"].Chain {
			t.Errorf("%s: the journal has %+v, %v", name, all, err)
		}
		j.Close()
		told := c.read[0]
		told.Sequence = 3
		if h = newHeights([]journal.Height{told}); len(h.pending) != 0 {
			t.Errorf("%s: what a record tells of is to be told again", name)
		}
		for _, k := range c.read[1:] {
			h.put(k)
		}
		if now := h.of["plaza:acct/9"]; (now.Sequence < 0) != h.pending["plaza:acct/9"] {
			t.Errorf("%s: to be told: %v; the record that tells of it: %d", name, h.pending["plaza:acct/9"], now.Sequence)
		}
	}
}
