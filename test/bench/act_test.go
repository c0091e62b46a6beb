package main

import (
	"context"
	"testing"

	"countersign.dev/desk/acts"
	"countersign.dev/desk/desktest"
	"countersign.dev/platform"
	"countersign.dev/platform/bluesky"
	"countersign.dev/test/testenv"
)

// rounds is how often each measurement is taken, after a few to warm up.
const rounds, warm = 200, 10

// BenchmarkAct measures acts on plaza without countersigner, from the submission
// of the signed request until the desk says that it is executed: a takedown and
// its undo, and in turns with them a label and its undo. Beside it what it takes with drafting, where the desk reads the
// subject and makes the statement that is signed.
func BenchmarkAct(b *testing.B) {
	for _, kind := range kinds {
		b.Run(kind.name, func(b *testing.B) {
			c := newCommit(b, kind.url(b))
			t := newTown(b, kind.url(b), nil)
			var request, undo, drafted, undoDrafted, label, unlabel times
			for i := range warm + rounds {
				if i == warm {
					request, undo, drafted, undoDrafted, label, unlabel = nil, nil, nil, nil, nil, nil
					c.again()
				}
				c.once()
				var s acts.Submission
				var draft times
				draft.measure(func() { s = t.takedown(subjectOf(i)) })
				request.measure(func() { t.executed(s) })
				drafted = append(drafted, draft[0]+request[len(request)-1])
				c.once()
				draft = nil
				draft.measure(func() { s = t.undo(s.Signed.Statement.Request) })
				undo.measure(func() { t.executed(s) })
				undoDrafted = append(undoDrafted, draft[0]+undo[len(undo)-1])
				c.once()
				s = t.label(subjectOf(i))
				label.measure(func() { t.executed(s) })
				c.once()
				s = t.undo(s.Signed.Statement.Request)
				unlabel.measure(func() { t.executed(s) })
			}
			for _, m := range []struct {
				name string
				took times
			}{{"request", request}, {"request-drafted", drafted}, {"undo", undo}, {"undo-drafted", undoDrafted}, {"label", label}, {"unlabel", unlabel}} {
				b.Run(m.name, func(b *testing.B) { report(b, m.took, c) })
			}
		})
	}
}

// BenchmarkPDS measures the undo of a takedown on a real PDS and, in the same
// undo, the calls that it makes there: a look, and then read, change, read back.
// Beside it the same calls made directly, one after the other: a PDS that was idle
// between them answers more slowly.
func BenchmarkPDS(b *testing.B) {
	for _, kind := range kinds {
		b.Run(kind.name, func(b *testing.B) {
			pds := testenv.PDS(b)
			c := newCommit(b, kind.url(b))
			t := newTown(b, kind.url(b), pds)
			connector, err := bluesky.New(bluesky.Config{Name: "bluesky", URL: pds.URL, AdminPassword: pds.AdminPassword})
			if err != nil {
				b.Fatal(err)
			}
			account := platform.Subject{Platform: "bluesky", ID: pds.CreateAccount(b, "bench").DID}
			var undo, calls, direct times
			for i := range warm + rounds/2 {
				if i == warm {
					undo, calls, direct = nil, nil, nil
					c.again()
				}
				c.once()
				r := t.executed(t.takedown(account.String()))
				s := t.undo(r.ID)
				t.calls.take()
				undo.measure(func() { t.executed(s) })
				calls = append(calls, t.calls.take())
				c.once()
				mark := platform.MarkOf(r.ID)
				if _, err := connector.Apply(b.Context(), "k", platform.Command{Verb: platform.Takedown, Subject: account, Mark: mark,
					Expect: platform.Expect{Status: platform.Up}}); err != nil {
					b.Fatal(err)
				}
				direct.measure(func() {
					if err := lift(b.Context(), connector, account, mark); err != nil {
						b.Fatal(err)
					}
				})
			}
			b.Run("undo", func(b *testing.B) {
				report(b, undo, c)
				b.ReportMetric(calls.p50(), "calls-ms")
				b.ReportMetric(direct.p50(), "direct-ms")
			})
		})
	}
}

// lift makes the calls of an undo and nothing else.
func lift(ctx context.Context, c *bluesky.Connector, account platform.Subject, mark platform.Mark) error {
	if _, _, err := c.Look(ctx, account); err != nil {
		return err
	}
	_, err := c.Apply(ctx, "k", platform.Command{Verb: platform.Restore, Subject: account, Expect: platform.Expect{Status: platform.Down, Mark: mark}})
	return err
}

// BenchmarkDesk measures a change of the desk that makes one entry: a held
// request is withdrawn.
func BenchmarkDesk(b *testing.B) {
	for _, kind := range kinds {
		b.Run(kind.name, func(b *testing.B) {
			c := newCommit(b, kind.url(b))
			t := newTown(b, kind.url(b), nil)
			var took times
			for i := range warm + rounds {
				if i == warm {
					took = nil
					c.again()
				}
				c.once()
				r, err := t.Desk.Request(b.Context(), desktest.As("ann"), t.takedown("plaza:@singer"))
				if err != nil {
					b.Fatal(err)
				}
				deed := t.Withdrawal("ann", r.ID, r.Version)
				took.measure(func() {
					if _, err := t.Desk.Withdraw(b.Context(), desktest.As("ann"), r.ID, acts.Withdrawal{Version: r.Version, Deed: &deed}); err != nil {
						b.Fatal(err)
					}
				})
			}
			b.Run("change", func(b *testing.B) { report(b, took, c) })
		})
	}
}
