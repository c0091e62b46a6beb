package main

import (
	"fmt"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/desktest"
	"countersign.dev/id"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/policy"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// replayed is how many requests are replayed.
const replayed = 30_000

// BenchmarkBacktest replays requests against a set with one hold more, from the
// desk's own tables. The entries are those that Desk.Request, Countersign and a
// refusal enter, each in the ledger with its tree and checkpoint; they are written
// by the thousand, since 30,000 acts on a platform would take five minutes and leave
// the same rows. Every record is what the policy in force rules: a replay that
// found a contradiction would fail the benchmark.
func BenchmarkBacktest(b *testing.B) {
	for _, k := range kinds {
		b.Run(k.name, func(b *testing.B) {
			w := desktest.New(b, desktest.Options{URL: k.url(b)})
			w.Staff()
			asked, signed := fillPast(b, w)
			files := policy.Default()
			files["extra.cedar"] = "@id(\"extra\")\n@reason(\"Deactivating takes two people.\")\n@hold(\"1 independent\")\nforbid (principal, action == Action::\"account.deactivate\", resource);\n"
			since := canonical.At(w.Clock().Now().Add(-time.Hour))
			var took times
			v := newCheck(b)
			before := processor(b)
			for range max(b.N, 5) {
				took.measure(func() {
					r, err := w.Backtest(b.Context(), desktest.As("kim"), files, since, canonical.Time{}, 100)
					if err != nil {
						b.Fatal(err)
					}
					if r.Requests+r.Refusals < replayed || r.FindingsN > 0 || len(r.Unread) > 0 || r.Turns[proof.NowHeld] == 0 {
						b.Fatalf("%d requests and %d refusals were replayed, findings %v, unread %v, turns %v", r.Requests, r.Refusals, r.Findings, r.Unread, r.Turns)
					}
				})
				for range 20 {
					v.verify(b)
				}
			}
			used := processor(b) - before
			b.ReportMetric(float64(asked)/(took.p50()/1000), "requests/s")
			b.ReportMetric(float64(signed)/float64(asked), "signatures/request")
			b.ReportMetric(used.Seconds()*1e6/float64(asked*len(took)), "cpu-us/request")
			b.ReportMetric(bareRuling(b, w, files)/1000, "us/ruling")
			b.ReportMetric(v.checks.p50(), "v-ms")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// bareRuling is what one ruling costs by itself, in nanoseconds.
func bareRuling(b *testing.B, w *desktest.World, files map[string]string) float64 {
	set, err := policy.Compile(files)
	if err != nil {
		b.Fatal(err)
	}
	s, err := w.Desk.State(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	facts := proof.PastFacts(pastAct(3), policy.WorkerOf(s.People.Standing("ann", w.Clock().Now())))
	const n = 20_000
	begun := time.Now()
	for range n {
		set.Rule(facts)
	}
	return float64(time.Since(begun).Nanoseconds()) / n
}

// pastAct is the i-th act of a mix: 70 in 100 on standard subjects, 15 on
// protected, 5 on critical, 10 undos.
func pastAct(i int) entry.Act {
	a := entry.Act{Case: true, Direction: actions.Burdening, Effect: actions.Reversible, Kind: actions.AccountTakedown, Platform: "plaza", Tier: actions.Standard, Verb: platform.Takedown}
	switch n := i % 20; {
	case n < 3:
		a.Tier = actions.Protected
	case n == 3:
		a.Tier = actions.Critical
	case n < 6:
		a.Kind, a.Verb, a.Direction, a.Lifts = actions.AccountRestore, platform.Restore, actions.Relieving, actions.LiftsOurs
	case n < 9:
		a.Kind, a.Verb = actions.AccountDeactivate, platform.Deactivate
	}
	return a
}

// fillPast enters what the desk would have entered of so many requests, and says
// how many there are and how many signatures they got.
func fillPast(b *testing.B, w *desktest.World) (asked, signed int) {
	b.Helper()
	s, err := w.Desk.State(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	ids := id.Source{Now: w.Clock().Now, Rand: zeros{}}
	for asked < replayed {
		err := w.Store.Write(b.Context(), func(tx *store.Tx) error {
			now := canonical.At(w.Clock().Now())
			for range 500 {
				signed += enterPast(tx, w, s, ids, asked, now)
				asked++
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	return asked, signed
}

func enterPast(tx *store.Tx, w *desktest.World, s *proof.State, ids id.Source, i int, now canonical.Time) (signed int) {
	act := pastAct(i)
	enter := func(kind string, data any, sealed ...ledger.Opening) {
		tx.Append(ledger.Draft{Class: ledger.Desk, Kind: kind, Data: data, Sealed: sealed, Expect: ledger.AnyNumber})
	}
	request := ids.New(proof.RequestPrefix)
	statement := func(by workforce.WorkerID, v actions.Verdict) actions.Signed {
		return actions.Signed{Signature: actions.Signature{Signature: make([]byte, 64)}, Statement: actions.Statement{V: actions.StatementV1, Log: w.Origin, Request: request,
			Action: canonical.DigestOf(act), Verdict: v, Policy: s.Policy.Digest(), Signer: by, Key: w.PublicKey(by).ID(), Executor: desktest.ExecutorID,
			Nonce: make([]byte, 32), NotBefore: now, Expires: canonical.At(now.Add(4 * time.Hour))}}
	}
	if i%25 == 0 { // one in 25 is refused: dan is in the last days
		act.Tier, act.Kind, act.Verb, act.Direction, act.Lifts = actions.Critical, actions.AccountTakedown, platform.Takedown, actions.Burdening, ""
		enter(entry.KindRefused, entry.Refusal{Count: 1, Type: "forbidden-by-policy", What: "request account.takedown", Worker: "dan",
			Ruled: &entry.Ruled{Act: act, At: now, GovernanceNumber: s.Next, Request: request, Worker: "dan"}})
		return 0
	}
	rec := entry.Request{Act: act, At: now, Request: request, Signed: statement("ann", actions.VerdictRequest), Status: actions.StatusApproved}
	answer := s.WouldRule(s.Policy, rec)
	rec.Need = answer.Need
	var signers []workforce.WorkerID
	if answer.Verdict == policy.Held {
		rec.Status, signers = actions.StatusHeld, []workforce.WorkerID{"lee", "kim"}[:answer.Need.Independent]
	}
	sealed := func(name, value string) ledger.Opening {
		return ledger.Opening{Name: name, Value: canonical.MustMarshal(value)}
	}
	enter(entry.KindRequest, rec, sealed("subject", fmt.Sprintf("plaza:acct/%d", i)), sealed("handle", "@somebody"), sealed("reason", "spam in many replies"), sealed("case", "case-17"))
	for n, by := range signers {
		status := actions.StatusHeld
		if n == len(signers)-1 {
			status = actions.StatusApproved
		}
		enter(entry.KindCountersign, entry.Verdict{At: now, Need: rec.Need, Request: request, Signed: statement(by, actions.VerdictCountersign), Status: status, Tier: act.Tier})
	}
	// The warrant, intent and receipt of an act stand between requests and are
	// passed over.
	for _, kind := range []string{entry.KindWarrant, "carried", "carried"} {
		enter(kind, acts.Wish{})
	}
	return len(signers)
}

// zeros is randomness for identifiers, which need only be in order here.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
