package desk_test

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/cases"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/desktest"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/sqldb/sqldbtest"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// flagMany reports one post for each name, the most urgent first.
func (o office) flagMany(names ...string) {
	o.t.Helper()
	for _, name := range names {
		o.Flag("r-"+name, "post/"+name, "MisleadingSpam", "acct/9")
	}
}

// beside is a wish for a reservation beside a claim.
func beside(of casework.Taken) casework.ReserveWish {
	return casework.ReserveWish{Case: of.Case.ID, Claim: of.Claim.Number}
}

// reserve reserves the following case beside a claim; a number renews.
func (o office) reserve(by workforce.WorkerID, of casework.Taken, number ...int64) casework.Reservation {
	o.t.Helper()
	w := beside(of)
	if len(number) > 0 {
		w.Number = number[0]
	}
	r, err := o.Desk.Reserve(o.t.Context(), desktest.As(by), w)
	if err != nil {
		o.t.Fatalf("a reservation for %s: %v", by, err)
	}
	return r
}

// parked returns the case that is reserved for a worker, and why the newest reservation ended.
func (o office) parked(by workforce.WorkerID) (subject, ended string) {
	o.t.Helper()
	if err := o.Store.Read(o.t.Context(), func(tx *store.Tx) error {
		r, ok, err := tx.Reservation(by)
		if err == nil && ok {
			c, err := tx.Case(r.Case)
			subject = c.Subject.ID
			return err
		}
		if err == nil {
			err = tx.QueryRow(`select coalesce(max(why), '') from case_reservation r where worker = $1 and number = (select max(number) from case_reservation m where m.worker = $1)`, string(by)).Scan(&ended)
		}
		return err
	}); err != nil {
		o.t.Fatal(err)
	}
	return subject, ended
}

// TestReserve: the case that next would give is kept for a person who works on another one, for a
// minute. Nobody else is given it, nobody has seen it, and it counts as no claim. Next gives it.
func TestReserve(t *testing.T) {
	desktest.Each(t, func(t *testing.T, options desktest.Options) {
		o := newOffice(t, options)
		o.Clock().Hold()
		o.flagMany("1", "2", "3", "4")
		first := o.Take("ann")
		before := o.now(o.caseOf("post/2").ID)
		r := o.reserve("ann", first)
		if r.Number != 1 || !r.Until.Equal(o.in(time.Minute).Time) {
			t.Fatalf("reserved is %+v", r)
		}
		if at, _ := o.parked("ann"); at != "post/2" {
			t.Fatalf("%q is reserved, and next would give post/2", at)
		}
		// Asked again it answers the same, and keeps nothing more.
		if again := o.reserve("ann", first); again != r {
			t.Errorf("asked again it is %+v, and was %+v", again, r)
		}
		second := o.now(before.ID)
		if second.State != cases.Waiting || second.Claim != 0 || second.Holder != "" || second.Owner == "" {
			t.Errorf("the reserved case is %+v", second)
		}
		if seen := o.sawIt(second.ID); len(seen) != 0 {
			t.Errorf("the reserved case was seen: %+v", seen)
		}
		for i, by := range []workforce.WorkerID{"bob", "abe"} {
			if got := o.Take(by); got.Case.Subject.ID != fmt.Sprint("post/", 3+i) {
				t.Errorf("%s was given %s", by, got.Case.Subject.ID)
			}
		}
		_, err := o.Desk.Next(t.Context(), desktest.As("sue"), "")
		refused(t, err, "nothing-waits")

		// It is no claim: with three of them, and a reservation, it is the reservation that waits.
		got := o.Take("ann")
		if got.Case.ID != second.ID || got.Shown.Seen == nil {
			t.Fatalf("ann was given %s", got.Case.Subject.ID)
		}
		if seen := o.sawIt(second.ID); len(seen) != 1 || seen[0].Worker != "ann" || seen[0].Why != string(casework.SawByClaim) {
			t.Errorf("seen by %+v", seen)
		}
		if at, why := o.parked("ann"); at != "" || why != "taken" {
			t.Errorf("after it was taken %q is reserved (%s)", at, why)
		}

		// A reservation that nobody took is anybody's after a minute.
		o.flagMany("5")
		if r = o.reserve("ann", got); r.Number != 2 {
			t.Fatalf("the next one is %+v", r)
		}
		o.Clock().Advance(time.Minute - time.Microsecond)
		_, err = o.Desk.Next(t.Context(), desktest.As("sue"), "")
		refused(t, err, "nothing-waits")
		o.Clock().Advance(time.Microsecond)
		if got := o.Take("sue"); got.Case.Subject.ID != "post/5" {
			t.Errorf("sue was given %s", got.Case.Subject.ID)
		}
	})
}

// sawIt returns who saw a case.
func (o office) sawIt(id string) (seen []store.CaseOpening) {
	o.t.Helper()
	if err := o.Store.Read(o.t.Context(), func(tx *store.Tx) (err error) {
		seen, err = tx.Openings(id, "", 10)
		return err
	}); err != nil {
		o.t.Fatal(err)
	}
	return seen
}

// TestReserveBesideThree: with three claims a person reserves one more and takes it when one of them
// is decided.
func TestReserveBesideThree(t *testing.T) {
	desktest.Each(t, func(t *testing.T, options desktest.Options) {
		o := newOffice(t, options)
		o.flagMany("1", "2", "3", "4", "5")
		var held []casework.Taken
		for range cases.MaxClaims {
			held = append(held, o.Take("ann"))
		}
		if r := o.reserve("ann", held[0]); r.Number == 0 {
			t.Fatal("nothing is reserved beside three claims")
		}
		if r := o.reserve("ann", held[1]); r.Number != 1 {
			t.Errorf("beside another claim a second one is reserved: %+v", r)
		}
		_, err := o.Desk.Next(t.Context(), desktest.As("ann"), "")
		refused(t, err, "too-many-claims")
		if _, err := o.TryDecide("ann", held[0], casework.Judgement{Verdict: actions.CaseNoViolation}); err != nil {
			t.Fatal(err)
		}
		if got := o.Take("ann"); got.Case.Subject.ID != "post/4" {
			t.Errorf("ann was given %s, and post/4 was reserved", got.Case.Subject.ID)
		}
	})
}

// TestReserveIsNoParking: a reservation is renewed twice, beside a claim that is live, and three
// leases are all beside one claim; after it nobody reserves the same case again that day, and nobody
// keeps one by claims that are over. So a case is kept from others for three minutes at most.
func TestReserveIsNoParking(t *testing.T) {
	desktest.Each(t, func(t *testing.T, options desktest.Options) {
		o := newOffice(t, options)
		o.Clock().Hold()
		o.flagMany("1", "2", "3", "4", "5", "6")
		first, other := o.Take("ann"), o.Take("ann")
		began := o.in(0)
		r := o.reserve("ann", first)
		for i := range 4 {
			o.Clock().Advance(50 * time.Second)
			of := first
			if i == 1 {
				of = other // the claim beside it may change
			}
			again := o.reserve("ann", of, r.Number)
			switch {
			case i < cases.MaxRenewals && (again.Number != r.Number || !again.Until.Equal(o.in(time.Minute).Time)):
				t.Fatalf("renewal %d: %+v", i+1, again)
			case i == cases.MaxRenewals && again != r:
				t.Fatalf("renewed a third time: %+v, and was %+v", again, r)
			case i > cases.MaxRenewals && again.Number != 0:
				// post/3 is what next would give, and is not reserved again.
				t.Fatalf("when it was over, %+v", again)
			}
			r = again
		}
		if got := o.in(0).Sub(began.Time); got > 4*time.Minute {
			t.Fatal(got)
		}
		if got := o.reserve("ann", other); got.Number != 0 {
			t.Errorf("the same case is reserved again: %+v", got)
		}
		// Also beside a new claim.
		if _, err := o.Desk.Release(t.Context(), desktest.As("ann"), first.Case.ID, first.Claim.Number); err != nil {
			t.Fatal(err)
		}
		_, err := o.Desk.Reserve(t.Context(), desktest.As("ann"), beside(first))
		refused(t, err, "claim-ended")
		if first, err = o.Desk.Claim(t.Context(), desktest.As("ann"), first.Case.ID); err != nil {
			t.Fatal(err)
		}
		if got := o.reserve("ann", first); got.Number != 0 {
			t.Errorf("the same case is reserved again beside a new claim: %+v", got)
		}
		if got := o.Take("bob"); got.Case.Subject.ID != "post/3" {
			t.Fatalf("bob was given %s", got.Case.Subject.ID)
		}
		// The next one is reserved beside the new claim, three leases long, and then no more: neither
		// that case nor another one.
		r = o.reserve("ann", first)
		for range 5 {
			o.Clock().Advance(59 * time.Second)
			o.reserve("ann", first, r.Number)
		}
		if at, why := o.parked("ann"); at != "" || why != "over" {
			t.Errorf("%q is still reserved (%s)", at, why)
		}
		if got := o.Take("bob"); got.Case.Subject.ID != "post/4" {
			t.Fatalf("bob was given %s", got.Case.Subject.ID)
		}
		if got := o.reserve("ann", first); got.Number != 0 {
			t.Errorf("beside one claim another case is reserved: %+v", got)
		}
		// Beside a third claim one is, and it is renewed beside that one alone.
		third := o.Take("ann")
		r = o.reserve("ann", third)
		o.Clock().Advance(time.Second)
		if again := o.reserve("ann", first, r.Number); r.Number != 3 || again != r {
			t.Errorf("%+v was renewed beside a claim that had three leases: %+v", r, again)
		}
		if again := o.reserve("ann", third, r.Number); !again.Until.Equal(o.in(time.Minute).Time) {
			t.Errorf("%+v is not renewed: %+v", r, again)
		}
		// A day later the rows are gone, except the newest, so that no number is given twice.
		o.Clock().Advance(time.Minute)
		o.sweep() // which ends it
		o.Clock().Advance(cases.ReserveAgain + 2*time.Hour)
		o.sweep()
		var rows int
		if err := o.Store.Read(t.Context(), func(tx *store.Tx) error { return tx.QueryRow(`select count(*) from case_reservation`).Scan(&rows) }); err != nil || rows != 1 {
			t.Errorf("%d rows are kept (%v)", rows, err)
		}
		for _, by := range []workforce.WorkerID{"bob", "abe", "sue"} { // all of that day are late now
			o.Take(by)
			o.Take(by)
		}
		o.flagMany("7", "8")
		if got := o.reserve("ann", o.Take("ann")); got.Number != 4 {
			t.Errorf("the number after a day is %+v", got)
		}
	})
}

// TestReserveNothingUrgent: what is of the highest severity or due within 15 minutes is never
// reserved, nor is what comes behind it; and what becomes so while it is reserved is anybody's at
// once, and not renewed.
func TestReserveNothingUrgent(t *testing.T) {
	desktest.Each(t, func(t *testing.T, options desktest.Options) {
		o := newOffice(t, options)
		o.Clock().Hold()
		o.flagMany("1", "2", "3")
		mine := o.Take("eva")
		o.Flag("g1", "post/9", "ViolenceThreats", "acct/9")
		grave := o.caseOf("post/9")
		if !grave.Grave() {
			t.Fatal("the case is not of the highest severity, and the test needs one")
		}
		if r := o.reserve("eva", mine); r.Number != 0 {
			t.Fatalf("%+v is reserved, though a case of the highest severity waits", r)
		}
		if got := o.Take("eva"); got.Case.ID != grave.ID {
			t.Fatalf("eva was given %s", got.Case.Subject.ID)
		}
		r := o.reserve("eva", mine)
		if r.Number != 1 {
			t.Fatalf("%+v", r)
		}
		// It becomes more severe.
		o.Flag("g2", "post/2", "ViolenceThreats", "acct/8")
		if got := o.Take("kim"); got.Case.Subject.ID != "post/2" {
			t.Errorf("kim was given %s, and post/2 is of the highest severity now", got.Case.Subject.ID)
		}
		if at, why := o.parked("eva"); at != "" || why != "moved" {
			t.Errorf("%q is reserved (%s)", at, why)
		}

		// It becomes due.
		due := o.caseOf("post/3").Due
		o.Clock().Advance(due.Sub(o.in(0).Time) - 15*time.Minute - 30*time.Second)
		o.flagMany("4")
		mine = o.Take("sue")
		if mine.Case.Subject.ID != "post/3" {
			t.Fatal(mine.Case.Subject)
		}
		if _, err := o.Desk.Release(t.Context(), desktest.As("sue"), mine.Case.ID, mine.Claim.Number); err != nil {
			t.Fatal(err)
		}
		mine, err := o.Desk.Next(t.Context(), desktest.As("ann"), "", mine.Case.ID)
		if err != nil {
			t.Fatal(err)
		}
		if r = o.reserve("ann", mine); r.Number != 1 {
			t.Fatalf("%+v", r)
		}
		_, err = o.Desk.Next(t.Context(), desktest.As("bob"), "")
		refused(t, err, "nothing-waits")
		o.Clock().Advance(30 * time.Second)
		if again := o.reserve("ann", mine, r.Number); again.Number != 0 {
			t.Errorf("it is due in 15 minutes and was renewed: %+v", again)
		}
		if got := o.Take("bob"); got.Case.Subject.ID != "post/3" {
			t.Errorf("bob was given %s", got.Case.Subject.ID)
		}
	})
}

// TestUrgentIsNotHidden: a case that is reserved and becomes urgent is offered to others, without a
// word of whoever reserved it.
func TestUrgentIsNotHidden(t *testing.T) {
	desktest.Each(t, func(t *testing.T, options desktest.Options) {
		o := newOffice(t, options)
		o.Clock().Hold()
		o.flagMany("1", "2")
		due := o.caseOf("post/2").Due
		o.Clock().Advance(due.Sub(o.in(0).Time) - 15*time.Minute - 30*time.Second)
		if r := o.reserve("ann", o.Take("ann")); r.Number == 0 {
			t.Fatal("nothing is reserved")
		}
		o.Clock().Advance(30 * time.Second)
		if got := o.Take("bob"); got.Case.Subject.ID != "post/2" {
			t.Errorf("bob was given %s", got.Case.Subject.ID)
		}
		_, err := o.Desk.Next(t.Context(), desktest.As("ann"), "")
		refused(t, err, "nothing-waits")
	})
}

// TestReserveEnds: a reservation ends when its person signs out, is frozen or leaves, and when its case
// leaves the waiting ones; and next does not give what its person may not have any more.
func TestReserveEnds(t *testing.T) {
	desktest.Each(t, func(t *testing.T, options desktest.Options) {
		o := newOffice(t, options)
		given := func(by workforce.WorkerID, subject string) {
			t.Helper()
			if got := o.Take(by); got.Case.Subject.ID != subject {
				t.Errorf("%s was given %s, want %s", by, got.Case.Subject.ID, subject)
			}
		}
		ended := func(by workforce.WorkerID, want string) {
			t.Helper()
			if at, why := o.parked(by); at != "" || why != want {
				t.Errorf("%q is reserved for %s, ended %q, want %q", at, by, why, want)
			}
		}
		// By a claim by identifier.
		o.flagMany("1", "2", "3")
		taken := o.Take("ann")
		o.reserve("ann", taken)
		if _, err := o.Desk.Claim(t.Context(), desktest.As("lee"), o.caseOf("post/2").ID); err != nil {
			t.Fatal(err)
		}
		ended("ann", "moved")
		given("ann", "post/3")

		// A skip of the reserved case, though it was not shown, makes it somebody else's.
		o.flagMany("6")
		if r := o.reserve("ann", taken); r.Number == 0 {
			t.Fatal("nothing is reserved")
		}
		six := o.caseOf("post/6")
		if err := o.Store.Write(t.Context(), func(tx *store.Tx) error { _, err := tx.Skip(six.ID, "ann", tx.Now()); return err }); err != nil {
			t.Fatal(err)
		}
		_, err := o.Desk.Next(t.Context(), desktest.As("ann"), "")
		refused(t, err, "nothing-waits")
		given("abe", "post/6")
	})
}

// TestReserveFallsThrough: next gives another case than the reserved one if that is not for its person
// any more, and drops the reservation.
func TestReserveFallsThrough(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(o office)
		why  string
		next func(o office) (casework.Taken, error)
	}{
		"graver":     {func(o office) { o.Flag("g", "post/2", "HarassmentHateSpeech", "acct/8") }, "graver", nil},
		"own affair": {func(o office) { o.Owns("ann", "plaza:acct/2") }, "not-theirs", nil},
		"not wanted": {func(office) {}, "not-wanted", func(o office) (casework.Taken, error) {
			return o.Desk.Next(o.t.Context(), desktest.As("ann"), "", o.caseOf("post/2").ID)
		}},
		"another queue": {func(o office) { o.Flag("q", "post/8", "OtherReason", "acct/8") }, "not-theirs", func(o office) (casework.Taken, error) {
			return o.Desk.Next(o.t.Context(), desktest.As("ann"), "general")
		}},
		"over": {func(o office) { o.Clock().Advance(time.Minute) }, "over", nil},
	} {
		t.Run(name, func(t *testing.T) {
			desktest.Each(t, func(t *testing.T, options desktest.Options) {
				o := newOffice(t, options)
				o.Clock().Hold()
				o.flagMany("1", "2", "3")
				if r := o.reserve("ann", o.Take("ann")); r.Number == 0 {
					t.Fatal("nothing is reserved")
				}
				c.do(o)
				next := c.next
				if next == nil {
					next = func(o office) (casework.Taken, error) { return o.Desk.Next(t.Context(), desktest.As("ann"), "") }
				}
				if _, err := next(o); err != nil {
					t.Fatal(err)
				}
				if at, why := o.parked("ann"); at != "" || why != c.why {
					t.Errorf("%q is reserved, ended %q, want %q", at, why, c.why)
				}
			})
		})
	}
}

// TestReserveSignedOut: who signs out reserves nothing any more; who renews the session does.
func TestReserveSignedOut(t *testing.T) {
	desktest.Each(t, func(t *testing.T, options desktest.Options) {
		o := newOffice(t, options)
		o.flagMany("1", "2")
		p := o.Browser("ann")
		as := kernel.Caller{Worker: "ann", Token: p.Token.ID}
		taken, err := o.Desk.Next(t.Context(), as, "")
		if err != nil {
			t.Fatal(err)
		}
		if r, err := o.Desk.Reserve(t.Context(), as, beside(taken)); err != nil || r.Number != 1 {
			t.Fatalf("%+v: %v", r, err)
		}
		p, err = o.TryBrowser("ann", p.Token.ID)
		if err != nil {
			t.Fatal(err)
		}
		_, err = o.Desk.Next(t.Context(), desktest.As("bob"), "")
		refused(t, err, "nothing-waits")
		if err := o.RevokeToken(t.Context(), as, p.Token.ID); err != nil {
			t.Fatal(err)
		}
		if got := o.Take("bob"); got.Case.Subject.ID != "post/2" {
			t.Errorf("bob was given %s", got.Case.Subject.ID)
		}
	})
}

// TestReserveStopped: whoever is frozen, or whose engagement or sign-in is over, keeps no case from
// others.
func TestReserveStopped(t *testing.T) {
	desktest.Each(t, func(t *testing.T, options desktest.Options) {
		o := newOffice(t, options)
		o.Clock().Hold()
		o.Clock().Advance(6*time.Hour - 10*time.Second) // until dan's engagement ends
		o.flagMany("1", "2", "3", "4", "5", "6")
		expired := func(subject, of string, do func()) {
			t.Helper()
			by := workforce.WorkerID(of)
			if at, _ := o.parked(by); at != subject {
				t.Fatalf("%q is reserved for %s, want %s", at, of, subject)
			}
			do()
			o.sweep()
			if at, _ := o.parked(by); at != "" {
				t.Errorf("%q is still reserved for %s", at, of)
			}
			for range 2 { // what that person had claimed comes first
				got := o.Take("sue")
				if _, err := o.TryDecide("sue", got, casework.Judgement{Verdict: actions.CaseNoViolation}); err != nil {
					t.Fatal(err)
				}
				if got.Case.Subject.ID == subject {
					return
				}
			}
			t.Errorf("sue was not given %s", subject)
		}
		o.reserve("dan", o.Take("dan"))
		expired("post/2", "dan", func() { o.Clock().Advance(11 * time.Second) })
		o.reserve("ann", o.Take("ann"))
		expired("post/4", "ann", func() { o.Request("ole", freezing(actions.ScopeWorker, "ann")) })
		p := o.Browser("bob")
		as := kernel.Caller{Worker: "bob", Token: p.Token.ID}
		taken, err := o.Desk.Next(t.Context(), as, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := o.Desk.Extend(t.Context(), as, taken.Case.ID, taken.Claim.Number, 0); err != nil {
			t.Fatal(err)
		}
		o.Clock().Advance(p.Token.Expires.Sub(o.in(0).Time) - 10*time.Second)
		if taken, err = o.Desk.Claim(t.Context(), as, taken.Case.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := o.Desk.Reserve(t.Context(), as, beside(taken)); err != nil {
			t.Fatal(err)
		}
		expired("post/6", "bob", func() { o.Clock().Advance(11 * time.Second) })
	})
}

// TestReserveOwnAffair: while nobody knows whose a case is, it may be the affair of whoever reserves
// it. That is read before anything is shown, and another case is reserved.
func TestReserveOwnAffair(t *testing.T) {
	desktest.Each(t, func(t *testing.T, options desktest.Options) {
		o := newOffice(t, options)
		o.flagMany("1", "2", "3")
		o.Owns("ann", "plaza:acct/2")
		if o.reserve("ann", o.Take("ann")); o.caseOf("post/2").Owner == "" {
			t.Error("the owner was not read")
		}
		if at, _ := o.parked("ann"); at != "post/3" {
			t.Errorf("%q is reserved", at)
		}
		if got := o.Take("bob"); got.Case.Subject.ID != "post/2" {
			t.Errorf("bob was given %s", got.Case.Subject.ID)
		}
	})
}

// TestReserveRefused: a reservation stands beside a claim of the caller's own that is live.
func TestReserveRefused(t *testing.T) {
	desktest.Each(t, func(t *testing.T, options desktest.Options) {
		o := newOffice(t, options)
		o.Clock().Hold()
		o.flagMany("1", "2")
		taken := o.Take("ann")
		for _, c := range []struct {
			by  workforce.WorkerID
			w   casework.ReserveWish
			typ string
		}{
			{"bob", beside(taken), "claim-ended"},
			{"ann", casework.ReserveWish{Case: taken.Case.ID, Claim: 2}, "claim-ended"},
			{"ann", casework.ReserveWish{Case: o.caseOf("post/2").ID, Claim: 1}, "claim-ended"},
			{"ann", casework.ReserveWish{Case: "cas_none", Claim: 1}, "no-such-case"},
			{"ann", casework.ReserveWish{Case: taken.Case.ID, Claim: 1, Queue: "none"}, "no-such-queue"},
			{"ole", beside(taken), "no-queue"},
		} {
			if _, err := o.Desk.Reserve(t.Context(), desktest.As(c.by), c.w); !fault.Is(err, c.typ) {
				t.Errorf("%s with %+v: %v, want %s", c.by, c.w, err, c.typ)
			}
		}
		o.Clock().Advance(taken.Claim.Until.Sub(o.in(0).Time))
		_, err := o.Desk.Reserve(t.Context(), desktest.As("ann"), beside(taken))
		refused(t, err, "claim-ended")
	})
}

// TestReserveRace: everybody reserves at once, at two nodes where the database allows it. No case is
// reserved for two, and each is given what was reserved.
func TestReserveRace(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { reserveRace(t, newOffice(t, desktest.Options{}), nil) })
	t.Run("postgres", func(t *testing.T) {
		o := newOffice(t, desktest.Options{URL: sqldbtest.Postgres(t)})
		reserveRace(t, o, o.Second())
	})
}

func reserveRace(t *testing.T, o office, second *desktest.World) {
	nodes := []*desktest.World{o.World}
	if second != nil {
		nodes = append(nodes, second)
	}
	people := []workforce.WorkerID{"ann", "abe", "sue", "bob", "lee", "kim"}
	for i := range len(people) { // each has one claim
		o.flagMany(fmt.Sprint("first", i))
	}
	var held []casework.Taken
	for _, by := range people {
		held = append(held, o.Take(by))
	}
	for round := range 5 {
		// As many cases as people in every other round, fewer in those between.
		n := len(people) - 2*(round%2)
		for i := range n {
			o.flagMany(fmt.Sprint("r", round, "-", i))
		}
		var all sync.WaitGroup
		for i, by := range people {
			for k := range 2 { // in two windows
				all.Go(func() {
					if _, err := nodes[(i+k)%len(nodes)].Desk.Reserve(t.Context(), desktest.As(by), beside(held[i])); err != nil {
						t.Errorf("%s: %v", by, err)
					}
				})
			}
		}
		all.Wait()
		at := map[string]workforce.WorkerID{}
		for _, by := range people {
			subject, _ := o.parked(by)
			if other := at[subject]; subject != "" && other != "" {
				t.Fatalf("%s is reserved for %s and for %s", subject, by, other)
			}
			at[subject] = by
		}
		delete(at, "")
		if len(at) != n {
			t.Errorf("round %d: %d of %d cases are reserved: %v", round, len(at), n, at)
		}
		// Each decides, and takes what was reserved, at whichever node.
		for i, by := range people {
			if subject, _ := o.parked(by); subject == "" {
				continue
			}
			all.Go(func() {
				if _, err := nodes[i%len(nodes)].TryDecide(by, held[i], casework.Judgement{Verdict: actions.CaseNoViolation}); err != nil {
					t.Errorf("%s: %v", by, err)
				}
				taken, err := nodes[(i+1)%len(nodes)].Desk.Next(t.Context(), desktest.As(by), "")
				if err != nil {
					t.Errorf("%s: %v", by, err)
					return
				}
				held[i] = taken
			})
		}
		all.Wait()
		for i, by := range people {
			if of, ok := at[held[i].Case.Subject.ID]; ok && of != by {
				t.Errorf("%s was given %s, which was reserved for %s", by, held[i].Case.Subject.ID, of)
			}
		}
	}
}

// TestReserveAfter: the following case is reserved at two thirds of the median of the queue's handling
// times; a queue in which little was decided has a usual one.
func TestReserveAfter(t *testing.T) {
	desktest.Each(t, func(t *testing.T, options desktest.Options) {
		o := newOffice(t, options)
		o.Clock().Hold()
		after := func() time.Duration {
			t.Helper()
			d, err := o.Desk.ReserveAfter(t.Context(), "spam")
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
		if d := after(); d != 30*time.Second {
			t.Errorf("at first after %s", d)
		}
		for i, seconds := range []int{3, 12, 9, 100, 200} {
			o.flagMany(fmt.Sprint(i))
			taken := o.Take("ann")
			o.Clock().Advance(time.Duration(seconds) * time.Second)
			if _, err := o.TryDecide("ann", taken, casework.Judgement{Verdict: actions.CaseNoViolation}); err != nil {
				t.Fatal(err)
			}
		}
		o.Clock().Advance(time.Minute)
		if d := after(); d != 8*time.Second {
			t.Errorf("after cases of 3, 9, 12, 100 and 200 seconds it is %s, want 8 s", d)
		}
	})
}

// TestReservedKilled: the desk dies when a reservation is committed and nothing of its case was read.
// The reservation stands: the case is nobody else's, and next gives it to whom it is kept for.
func TestReservedKilled(t *testing.T) {
	desktest.Both(t, func(t *testing.T, options desktest.Options) {
		dies := false
		options.Step = func(name string) {
			if dies && name == casework.StepReserved {
				runtime.Goexit()
			}
		}
		o := newOffice(t, options)
		o.Clock().Hold()
		o.flagMany("1", "2", "3")
		first := o.Take("ann")
		dies = true
		var call sync.WaitGroup
		call.Go(func() {
			_, err := o.Desk.Reserve(t.Context(), desktest.As("ann"), beside(first))
			t.Errorf("the desk did not die: %v", err)
		})
		call.Wait()
		dies = false
		if at, _ := o.parked("ann"); at != "post/2" {
			t.Fatalf("what is kept for ann is %q", at)
		}
		if got := o.Take("abe"); got.Case.Subject.ID != "post/3" {
			t.Errorf("abe is given %s", got.Case.Subject.ID)
		}
		if got := o.Take("ann"); got.Case.Subject.ID != "post/2" {
			t.Errorf("ann is given %s", got.Case.Subject.ID)
		}
	})
}
