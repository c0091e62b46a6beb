package actions

import (
	"slices"
	"testing"

	"countersign.dev/platform"
)

// TestCatalogue holds the catalogue to the laws.
func TestCatalogue(t *testing.T) {
	// Kinds stand in ledgers for ever: the list only grows, at its end.
	want := []Kind{"account.takedown", "account.deactivate", "account.suspend", "account.restore", "account.delete",
		"content.remove", "content.restore", "desk.admit", "desk.engagement", "desk.key", "desk.change"}
	var got []Kind
	for _, s := range Catalogue() {
		got = append(got, s.Kind)
	}
	if len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
		t.Errorf("kinds %q, expected them to begin with %q", got, want)
	}
	seen := map[Kind]bool{}
	for _, s := range Catalogue() {
		if seen[s.Kind] {
			t.Errorf("%s is there twice", s.Kind)
		}
		seen[s.Kind] = true
		if s.Direction != Burdening && s.Direction != Relieving {
			t.Errorf("%s has no direction", s.Kind)
		}
		if s.Desk {
			if s.Sort != "" || len(s.Verbs) != 0 || s.Inverse != "" || s.Timed || s.Direction != Burdening || s.Effect != Reversible {
				t.Errorf("%s: a change of the desk is %+v", s.Kind, s)
			}
			continue
		}
		if s.Sort != platform.Account && s.Sort != platform.Content || len(s.Verbs) == 0 {
			t.Errorf("%s acts on %q by %q", s.Kind, s.Sort, s.Verbs)
		}
		if (s.Effect == OneWay || s.Says()) != (s.Inverse == "") || (s.Inverse == "") != (s.InverseDirection == "") {
			t.Errorf("%s is %s and its inverse %q", s.Kind, s.Effect, s.Inverse)
		}
		inverse, ok := SpecOf(s.Inverse)
		if s.Inverse == "" {
			continue
		}
		// Law 2: the undo of a relieving act burdens, and the other way round, so that no chain
		// of one person's reversals ends in harm.
		if !ok || inverse.Direction != s.InverseDirection || inverse.Direction == s.Direction || inverse.Sort != s.Sort || inverse.Timed || inverse.MayEnd && s.Direction == Burdening {
			t.Errorf("%s is taken back by %+v", s.Kind, inverse)
		}
	}
	// Whoever is handed the catalogue cannot change it.
	Catalogue()[0].Direction = Relieving
	if s, _ := SpecOf(AccountTakedown); s.Direction != Burdening {
		t.Error("the catalogue can be changed from outside")
	}
	if _, ok := SpecOf("account.shout"); ok {
		t.Error("an unknown kind has a spec")
	}
}

// TestDirectionsByEffect: a direction is what the verbs do to the subject,
// whatever the kind is called.
func TestDirectionsByEffect(t *testing.T) {
	for _, s := range Catalogue() {
		for _, v := range s.Verbs {
			after := platform.Command{Verb: v, Mark: "CSGN-x"}.After()
			if (after.Status == platform.Up) != (s.Direction == Relieving) {
				t.Errorf("%s is %s and %s leaves the subject %s", s.Kind, s.Direction, v, after.Status)
			}
		}
	}
}

func TestVerbFor(t *testing.T) {
	for _, c := range []struct {
		kind Kind
		now  platform.Status
		want platform.Verb
	}{
		{AccountTakedown, platform.Up, platform.Takedown},
		{AccountSuspend, platform.Up, platform.Takedown},
		{AccountRestore, platform.Down, platform.Restore},
		{AccountRestore, platform.Deactivated, platform.Reactivate},
		{ContentRestore, platform.Down, platform.Restore},
		{AccountDelete, platform.Deactivated, platform.Delete},
		{DeskChange, "", ""},
	} {
		s, _ := SpecOf(c.kind)
		if got := s.VerbFor(c.now); got != c.want {
			t.Errorf("%s on %s is %s, expected %s", c.kind, c.now, got, c.want)
		}
	}
}

// TestChainsOfReversals walks, from every kind, every chain of single-person
// reversals, which are those whose direction is relieving, and looks where it
// ends: never in down, deactivated or deleted.
func TestChainsOfReversals(t *testing.T) {
	for _, start := range Catalogue() {
		s := start
		for range 10 {
			next, ok := SpecOf(s.Inverse)
			if !ok || s.InverseDirection != Relieving {
				break
			}
			for _, v := range next.Verbs {
				if after := (platform.Command{Verb: v}).After(); after.Status != platform.Up {
					t.Errorf("reversals from %s end in %s", start.Kind, after.Status)
				}
			}
			s = next
		}
	}
}
