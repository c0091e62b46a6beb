package desk_test

import (
	"testing"
	"time"

	"countersign.dev/cases"
	"countersign.dev/desk/desktest"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// isAt fails if a worker is not where the desk should know them.
func (o office) isAt(w workforce.WorkerID, want cases.Presence) {
	o.t.Helper()
	if p, err := o.Presence(o.t.Context(), desktest.As(w)); err != nil || p.State != want {
		o.t.Fatalf("%s is %s, want %s: %v", w, p.State, want, err)
	}
}

// TestPresence: who takes a case is on; nobody gets a case on a break; who does nothing for a quarter of an
// hour, or signs out, is away; each stretch stays as a row.
func TestPresence(t *testing.T) {
	desktest.Each(t, func(t *testing.T, opt desktest.Options) {
		o := newOffice(t, opt)
		o.Clock().Hold()
		o.isAt("ann", cases.Away)
		o.Flag("1", "post/1", "MisleadingSpam", "acct/9")
		o.Flag("2", "post/2", "MisleadingSpam", "acct/9")
		_, err := o.SetPresence(o.Context(), desktest.As("ann"), "asleep")
		refused(t, err, "bad-parameter")

		o.isAt("ann", cases.Away)
		if p, err := o.SetPresence(o.Context(), desktest.As("ann"), cases.Break); err != nil || p.State != cases.Break || p.By != "ann" {
			t.Fatalf("%+v, %v", p, err)
		}
		_, err = o.Next(o.Context(), desktest.As("ann"), "")
		refused(t, err, "not-on")
		o.Clock().Advance(time.Hour)
		o.isAt("ann", cases.Break) // a break ends when the person says so

		if _, err := o.SetPresence(o.Context(), desktest.As("ann"), cases.On); err != nil {
			t.Fatal(err)
		}
		taken := o.Take("ann")
		o.isAt("ann", cases.On)
		for range 9 { // working on one case is doing something
			o.Clock().Advance(4 * time.Minute)
			if _, err := o.Extend(o.Context(), desktest.As("ann"), taken.Case.ID, taken.Claim.Number, 60); err != nil {
				t.Fatal(err)
			}
			o.isAt("ann", cases.On)
		}
		o.Clock().Advance(15 * time.Minute)
		o.isAt("ann", cases.Away) // before any row says so
		if err := o.SweepPresence(t.Context()); err != nil {
			t.Fatal(err)
		}
		o.isAt("ann", cases.Away)
		o.Clock().Advance(time.Minute)
		o.sweep()
		o.Take("ann") // asking for a case is being there
		o.isAt("ann", cases.On)

		ask, _ := o.TokenAsk("ann", "ann")
		token, err := o.SignIn(o.Context(), ask)
		if err != nil {
			t.Fatal(err)
		}
		if err := o.RevokeToken(o.Context(), desktest.As("ann"), token.ID); err != nil {
			t.Fatal(err)
		}
		o.isAt("ann", cases.Away)

		var rows []store.Presence
		if err := o.Store.Read(t.Context(), func(tx *store.Tx) (err error) {
			rows, err = tx.PresenceHistory("ann", 10)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		want := []cases.Presence{cases.Away, cases.On, cases.Away, cases.On, cases.Break}
		for i, p := range rows {
			if len(rows) != len(want) || p.State != want[i] || i > 0 && !p.Ended.Equal(rows[i-1].Since.Time) {
				t.Fatalf("the rows are %+v, want %v, one after the other", rows, want)
			}
		}
	})
}

// TestPresenceOfLine: a lead sees the own line and nobody else; others see only themselves.
func TestPresenceOfLine(t *testing.T) {
	desktest.Each(t, func(t *testing.T, opt desktest.Options) {
		o := newOffice(t, opt)
		boss := o.line()
		s, err := o.State(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		all := []workforce.WorkerID{"ann", "bob", "sue", "lee", "kim"}
		for _, w := range all {
			if _, err := o.SetPresence(o.Context(), desktest.As(w), cases.Meeting); err != nil {
				t.Fatal(err)
			}
		}
		_, err = o.Line(o.Context(), desktest.As("ann"))
		refused(t, err, "not-a-lead")
		for _, lead := range []workforce.WorkerID{"sue", "lee", "kim"} {
			line, err := o.Line(o.Context(), desktest.As(lead))
			if err != nil {
				if st := s.People.Standing(lead, o.Clock().Now()); !st.Has(workforce.Lead) {
					continue
				}
				t.Fatal(err)
			}
			for _, p := range line {
				if !s.Reports(p.Worker, lead) {
					t.Errorf("%s sees where %s is, who is not in the line", lead, p.Worker)
				}
			}
			if lead == boss && len(line) == 0 {
				t.Error("the lead of ann sees nobody")
			}
		}
	})
}
