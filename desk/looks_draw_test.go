package desk_test

import (
	"crypto/sha256"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/desktest"
	"countersign.dev/fault"
	"countersign.dev/store"
)

// digestOf makes the digest of the decision number i of a simulation.
func digestOf(i int) canonical.Digest {
	return canonical.Digest(sha256.Sum256(fmt.Appendf(nil, "decision %d", i)))
}

// TestDrawsAreTheirShare: of many decisions the share that is drawn is the share that is asked for, within
// five standard errors, at the floor and at the share of a rule; and whoever lacks the secret draws others.
func TestDrawsAreTheirShare(t *testing.T) {
	secret, other := []byte("the secret of the desk"), []byte("what somebody guesses")
	const n = 200_000
	for _, share := range []int64{cases.FloorShare, 100, 250, cases.AllShare} {
		drawn, both := 0, 0
		for i := range n {
			if cases.Drawn(cases.LookNumber(secret, "draw", digestOf(i)), share) {
				drawn++
				if cases.Drawn(cases.LookNumber(other, "draw", digestOf(i)), share) {
					both++
				}
			}
		}
		p := float64(share) / cases.AllShare
		if e := 5 * math.Sqrt(n*p*(1-p)); math.Abs(float64(drawn)-n*p) > e {
			t.Errorf("at %d thousandths %d of %d are drawn", share, drawn, n)
		}
		if e := 5 * math.Sqrt(n*p*p); math.Abs(float64(both)-n*p*p) > e {
			t.Errorf("at %d thousandths whoever guesses the secret guesses %d of %d draws; chance gives %.0f", share, both, drawn, n*p*p)
		}
	}
}

// TestLookShareByRule: the floor holds for each rule and for a verdict without one; a rule may have more, and
// what could have missed it too; own findings are all looked at where five people work, else one in ten.
func TestLookShareByRule(t *testing.T) {
	set, err := cases.ParseRules(cases.DefaultRules())
	if err != nil {
		t.Fatal(err)
	}
	spam := []cases.Reason{"spam"}
	if got := set.LookShare(1, spam, false, true); got != cases.FloorShare {
		t.Errorf("a rule that says nothing: %d", got)
	}
	rule, _ := set.Rule(1)
	rule.Looks = 200
	for _, one := range []struct {
		rule      int64
		own, five bool
		want      int64
	}{{1, false, true, 200}, {0, false, true, max(cases.FloorShare, shareAbout(set, spam))}, {2, false, true, cases.FloorShare}, {0, true, true, cases.AllShare}, {2, true, false, cases.OwnAlone}, {1, true, false, 200}} {
		if got := set.LookShare(one.rule, spam, one.own, one.five); got != one.want {
			t.Errorf("rule %d, own %v, five %v: %d, want %d", one.rule, one.own, one.five, got, one.want)
		}
	}
}

func shareAbout(set *cases.RuleSet, reasons []cases.Reason) int64 {
	if rule, _ := set.Rule(1); rule.Category == set.Judged(reasons[0]).Category {
		return rule.Looks
	}
	for _, r := range set.Rules {
		if r.Category == set.Judged(reasons[0]).Category {
			return 0
		}
	}
	return 200 // none is about it: the largest of all
}

// TestNobodyHidesMoreThanTheOdds computes and plays what one rogue agent can keep hidden. Somebody buries n
// cases on a day, k of which should have been measured. None of the k is looked at if no draw chooses one of
// them, and either a draw chooses another one, or none does and the one of the day is another one: with the
// probability (1-s)^k·(1-(1-s)^(n-k)) + (1-s)^n·(n-k)/n. So a day on which all are rogue is always found. The
// simulation draws as the desk does, with a fixed seed, and must be within five standard errors of that; and
// the weights that the desk writes down must add up to what was decided.
func TestNobodyHidesMoreThanTheOdds(t *testing.T) {
	secret := []byte("the secret of the desk")
	r := rand.New(rand.NewPCG(16, 14))
	const days = 3_000
	s := float64(cases.FloorShare) / cases.AllShare
	for _, of := range [][2]int{{1, 1}, {5, 5}, {60, 60}, {60, 1}, {60, 6}, {200, 20}} {
		n, k := of[0], of[1]
		none := math.Pow(1-s, float64(n))
		want := math.Pow(1-s, float64(k)) - none + none*float64(n-k)/float64(n)
		missed, decided := 0, 0.0
		shares := make([]int64, n)
		for i := range shares {
			shares[i] = cases.FloorShare
		}
		chance := cases.LookChances(shares)[0]
		for range days {
			looked, found, least, at := false, false, uint64(math.MaxUint64), 0
			weight := 0.0
			for i := range n {
				var d canonical.Digest
				for j := range 4 {
					x := r.Uint64()
					for b := range 8 {
						d[8*j+b] = byte(x >> (8 * b))
					}
				}
				if cases.Drawn(cases.LookNumber(secret, "draw", d), shares[i]) {
					looked, found = true, found || i < k
					weight += cases.MaxChance / float64(chance)
				}
				if x := cases.LookNumber(secret, "day", d); x < least {
					least, at = x, i
				}
			}
			if !looked {
				found = at < k
				weight += cases.MaxChance / float64(chance)
			}
			if !found {
				missed++
			}
			decided += weight
		}
		if e := 5 * math.Sqrt(days*want*(1-want)); math.Abs(float64(missed)-days*want) > e+1e-9 {
			t.Errorf("%d of %d a day: missed on %d of %d days, want %.1f", k, n, missed, days, days*want)
		}
		if k == n && missed > 0 {
			t.Errorf("somebody who buries nothing but what should be measured, %d a day, was missed on %d days", n, missed)
		}
		if got := decided / days; math.Abs(got-float64(n)) > 0.05*float64(n) {
			t.Errorf("the weighted looks stand for %.2f decisions a day, want %d", got, n)
		}
	}
}

// TestDayHasALook: where five people work, of what somebody buried on a day one is looked at, although no draw
// chose it, and nobody knows which until the day is over; the desk may die at the end and makes no second
// one. Where fewer than five work there is none.
func TestDayHasALook(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		l := newLooker(t, o)
		l.Clock().Advance(time.Hour)
		var decided []string
		for i := range 4 {
			n := fmt.Sprint(i)
			c := l.Flag(n, "post/"+n, "spam", "acct/77").Case
			l.Evidenced(c.ID)
			got, err := l.undrawn("ann", l.Take("ann"))
			if err != nil {
				t.Fatal(err)
			}
			decided = append(decided, got.ID)
		}
		looked := func() (all []store.SealedLook) {
			if err := l.Store.Read(t.Context(), func(tx *store.Tx) (err error) {
				all, err = tx.Looks(store.LookFilter{Worker: "ann", Limit: 100})
				return err
			}); err != nil {
				t.Fatal(err)
			}
			return all
		}
		if n := len(looked()); n > 0 {
			t.Fatalf("%d are looked at before the day is over", n)
		}
		l.Clock().Advance(25 * time.Hour)
		if err := l.SweepLooks(t.Context()); err != nil {
			t.Fatal(err)
		}
		all := looked()
		if len(all) != 1 {
			t.Fatalf("%d looks after the day, want 1", len(all))
		}
		none := math.Pow(0.97, 4)
		if want := int64((0.03+none/4)*1e6 + 0.5); all[0].Chance != want {
			t.Errorf("the chance is %d, want %d", all[0].Chance, want)
		}
		if err := l.SweepLooks(t.Context()); err != nil || len(looked()) != len(all) {
			t.Errorf("the day was closed twice: %d looks (%v)", len(looked()), err)
		}
	})
}

// TestEditedDrawsAreFound: somebody who removes a look from the database, or makes it one at something else,
// hides nothing: when the day is over it is there again, and an alarm says so.
func TestEditedDrawsAreFound(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		l := newLooker(t, o)
		first, look := l.own("ann", "post/1", casework.Judgement{Verdict: actions.CaseNoViolation})
		if err := l.Store.Write(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Exec(`update look set worker = $2 where id = $1`, look.ID, "abe")
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Next(t.Context(), desktest.As("bob"), ""); !fault.Is(err, "ledger-tampered") {
			t.Errorf("an edited look is given: %v", err)
		}
		l.Clock().Advance(25 * time.Hour)
		if err := l.SweepLooks(t.Context()); err != nil {
			t.Fatal(err)
		}
		all := l.looksAt(first.Case.ID)
		if len(all) != 1 || all[0].ID == look.ID || all[0].Worker != "ann" {
			t.Errorf("the looks are %+v", all)
		}
	})
}

// TestLookTakenBack: a decision that was taken back is not looked at.
func TestLookTakenBack(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		l := newLooker(t, o)
		got, err := l.Find(t.Context(), desktest.As("ann"), flagged("own", "post/1", "I saw it."))
		if err != nil {
			t.Fatal(err)
		}
		l.Evidenced(got.Case.ID)
		taken, err := l.Claim(t.Context(), desktest.As("ann"), got.Case.ID)
		if err != nil {
			t.Fatal(err)
		}
		first, err := l.TryDecide("ann", taken, casework.Judgement{Verdict: actions.CaseNoViolation})
		if err != nil {
			t.Fatal(err)
		}
		var version int64
		if err := l.Store.Read(t.Context(), func(tx *store.Tx) error {
			row, err := tx.CaseDecision(first.ID)
			version = row.Version
			return err
		}); err != nil {
			t.Fatal(err)
		}
		deed, text := l.CaseDeed("ann", actions.DeedTakeBack, first.ID, version, cases.Order{})
		if _, err := l.TakeBack(t.Context(), desktest.As("ann"), deed, text, acts.Undone{}); err != nil {
			t.Fatal(err)
		}
		if look := l.copied(got.Case.ID); look.State != cases.LookVoid || look.Copy != "" {
			t.Errorf("the look is %+v", look)
		}
	})
}
