package desk_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/desk/desktest"
	"countersign.dev/desk/incidents"
	"countersign.dev/desk/kernel"
	"countersign.dev/ledger/proof"
	"countersign.dev/sqldb"
	"countersign.dev/sqldb/sqldbtest"
	"countersign.dev/store"
)

// full is how many entries the ledger of BenchmarkAttribution has besides its own.
const full = 1_000_000

// fill writes as many entries as a year has, by SQL: requests of a thousand people
// on a hundred thousand subjects, each with its entries and where they are found.
// They stand far behind the ledger's end, where they are in nobody's way, and are
// as many rows in every table and index that a report reads.
func fill(b *testing.B, w *desktest.World) {
	b.Helper()
	text := func(s string) string { return "cast('" + s + "' as bytea)" }
	series := "(select g as n from generate_series(0, 999999) g)"
	if w.Store.DB().Dialect() == sqldb.SQLite {
		text = func(s string) string { return "cast('" + s + "' as blob)" }
		series = "(with recursive r(n) as (select 0 union all select n + 1 from r where n < 999999) select n from r)"
	}
	// Entries of the act of every fourth number.
	request := "'req_' || cast(10000000 + n / 4 as text)"
	hash := text("00000000000000000000000000000000")
	err := w.Store.Write(b.Context(), func(tx *store.Tx) error {
		for _, q := range []string{
			`insert into ledger_entry (idx, class, number, kind, time, leaf, leaf_hash)
				select 100000000 + n, 'desk', 100000000 + n, case n % 4 when 0 then 'request' when 1 then 'countersign' when 2 then 'warrant' else 'receipt' end,
				1600000000000000 + n, ` + text("leaf") + `, ` + hash + ` from ` + series + ` s`,
			`insert into ledger_body (idx, body, salt) select 100000000 + n, ` + text(fmt.Sprintf("%0600d", 0)) + `, ` + hash + ` from ` + series + ` s`,
			`insert into ledger_opening (idx, name, salt, value) select 100000000 + n, 'subject', ` + hash + `, ` + text("plaza:acct/0") + ` from ` + series + ` s where n % 4 = 0`,
			`insert into ledger_about (about, time, idx) select ` + request + `, 1600000000000000 + n, 100000000 + n from ` + series + ` s`,
			`insert into ledger_about (about, time, idx) select 'worker w' || cast(n % 1000 as text), 1600000000000000 + n, 100000000 + n from ` + series + ` s where n % 4 < 2`,
			`insert into execution (executor, sequence, request, kind, data) select 'executor-0', n, ` + request + `, 'receipt', ` + hash + ` from ` + series + ` s where n % 4 = 3`,
			`insert into sighting (executor, sequence, kind, breach, platform, subject, tier, at)
				select 'executor-0', n, 'foreign', '', 'plaza', 'acct/' || cast(1000 + n % 100000 as text), 'standard', 1600000000000000 + n from ` + series + ` s where n % 4 = 3`,
			`insert into request (id, version, status, kind, platform, subject, requester, mark, action, signed, signers, declined, need, missing, created, updated, expires,
				outcome, outcome_text, executed, reversed_by, core, evidence, entry, session)
				select ` + request + `, 1, 'executed', 'account.takedown', 'plaza', 'acct/' || cast(1000 + n % 100000 as text), 'w' || cast(n % 1000 as text), '', ` +
				text(fmt.Sprintf("%01000d", 0)) + `, ` + hash + `, ` + hash + `, ` + hash + `, ` + hash + `, '', 1600000000000000, 1600000000000000, 1600000000000000,
				'', '', 1600000000000000, '', null, ` + hash + `, 100000000 + n, '' from ` + series + ` s where n % 4 = 0`,
			// A ledger that grew for a year has been looked at; this one has not.
			`analyze`,
		} {
			if _, err := tx.Exec(q); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkAttribution measures who did it and the whole report, of a breach and
// of a contested act, on a ledger with a million entries more.
func BenchmarkAttribution(b *testing.B) {
	for _, kind := range []struct {
		name string
		url  func(testing.TB) string
	}{{"sqlite", sqldbtest.SQLite}, {"postgres", sqldbtest.Postgres}} {
		b.Run(kind.name, func(b *testing.B) {
			to := desktest.NewTown(b, desktest.Options{URL: kind.url(b), Holders: kernel.Holders{Platforms: map[string][]string{"plaza": {"ann", "bob"}}}})
			r := to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@president"))
			to.Settled("ann", to.Countersign(r.ID, "lee", "kim"))
			contested, err := to.OpenIncident(b.Context(), desktest.As("eva"), r.ID, "Who wanted this?")
			if err != nil {
				b.Fatal(err)
			}
			to.StopExecutor()
			for range 5 {
				to.Enter(to.Breach("plaza:acct/2", actions.Protected), map[string]string{proof.SealedSubject: "plaza:acct/2", proof.SealedCredential: "night-shift"})
			}
			is, _, err := to.Incidents(b.Context(), desktest.As("eva"), incidents.Filter{Subject: "acct/2", Platform: "plaza"})
			if err != nil || len(is) != 1 {
				b.Fatalf("%d incidents, %v", len(is), err)
			}
			fill(b, to.World)
			for name, ask := range map[string]func() error{
				"attribution-breach":    func() error { _, err := to.Attribution(b.Context(), desktest.As("eva"), is[0].ID); return err },
				"attribution-contested": func() error { _, err := to.Attribution(b.Context(), desktest.As("eva"), contested.ID); return err },
				"report-breach":         func() error { _, err := to.Report(b.Context(), desktest.As("eva"), is[0].ID, 30); return err },
				"report-contested":      func() error { _, err := to.Report(b.Context(), desktest.As("eva"), contested.ID, 30); return err },
			} {
				b.Run(name, func(b *testing.B) {
					var took []time.Duration
					for b.Loop() {
						start := time.Now()
						if err := ask(); err != nil {
							b.Fatal(err)
						}
						took = append(took, time.Since(start))
					}
					first := took[0]
					slices.Sort(took)
					b.ReportMetric(float64(full)/1e6, "Mentries")
					b.ReportMetric(first.Seconds()*1000, "first-ms")
					b.ReportMetric(took[len(took)/2].Seconds()*1000, "p50-ms")
					b.ReportMetric(took[len(took)*99/100].Seconds()*1000, "p99-ms")
				})
			}
		})
	}
}
