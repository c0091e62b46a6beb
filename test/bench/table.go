package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// row is a line of the table.
type row struct {
	name  string
	bench string // of which its numbers are; %s stands for the database
	unit  string
	// number returns the value and its limit. The limit is an upper one, or a
	// lower one if least is set; zero: there is none.
	number func(metrics) (value, limit float64)
	least  bool
}

// upTo is a limit of so many commits and checks of a signature.
func upTo(commits, checks float64) func(metrics) (float64, float64) {
	return func(m metrics) (float64, float64) { return m["p50-ms"], commits*m["c-ms"] + checks*m["v-ms"] }
}

func just(unit string) func(metrics) (float64, float64) {
	return func(m metrics) (float64, float64) { return m[unit], 0 }
}

var rows = []row{
	{name: "one durable commit: c", bench: "Ledger/%s/writers=1", unit: "ms", number: just("c-ms")},
	{name: "one check of an Ed25519 signature: v", bench: "Act/%s/undo", unit: "ms", number: just("v-ms")},
	{name: "ledger append, 1 writer ≤ 1.5 c + 13 v", bench: "Ledger/%s/writers=1", unit: "ms", number: upTo(1.5, 13)},
	{name: "Tessera, 1 writer", bench: "Ledger/%s/writers=1", unit: "ms", number: just("tessera-ms")},
	{name: "times below Tessera, 1 writer ≥ 30", bench: "Ledger/%s/writers=1", unit: "×", least: true,
		number: func(m metrics) (float64, float64) { return m["tessera-ms"] / m["p50-ms"], 30 }},
	{name: "ledger appends, 64 writers", bench: "Ledger/%s/writers=64", unit: "/s", number: just("entries/s")},
	{name: "times Tessera's rate, 64 writers ≥ 20", bench: "Ledger/%s/writers=64", unit: "×", least: true,
		number: func(m metrics) (float64, float64) { return m["entries/s"] / m["tessera/s"], 20 }},
	{name: "change of the desk with one entry", bench: "Desk/%s/change", unit: "ms", number: just("p50-ms")},
	{name: "request → executed on plaza ≤ 8 c + 70 v", bench: "Act/%s/request", unit: "ms", number: upTo(8, 70)},
	{name: "the same with drafting", bench: "Act/%s/request-drafted", unit: "ms", number: just("p50-ms")},
	{name: "undo on plaza ≤ 6 c + 60 v", bench: "Act/%s/undo", unit: "ms", number: upTo(6, 60)},
	{name: "the same with drafting", bench: "Act/%s/undo-drafted", unit: "ms", number: just("p50-ms")},
	{name: "a label on plaza, request → executed ≤ 8 c + 70 v", bench: "Act/%s/label", unit: "ms", number: upTo(8, 70)},
	{name: "its undo ≤ 6 c + 60 v", bench: "Act/%s/unlabel", unit: "ms", number: upTo(6, 60)},
	{name: "a standard act under a session ≤ in the formats 1 + 3 v", bench: "Session/%s/request", unit: "ms",
		number: func(m metrics) (float64, float64) { return m["p50-ms"], m["before-ms"] + 3*m["v-ms"] }},
	{name: "processor time of one, desk and executor ≤ 60 v", bench: "Session/%s/processor", unit: "µs",
		number: func(m metrics) (float64, float64) { return m["processor-us"], 60 * 1000 * m["v-ms"] }},
	{name: "the same in the formats 1", bench: "Session/%s/processor-before", unit: "µs", number: just("processor-us")},
	{name: "undo on a PDS ≤ its calls + 5 c + 105 v", bench: "PDS/%s/undo", unit: "ms",
		number: func(m metrics) (float64, float64) { return m["p50-ms"], m["calls-ms"] + 5*m["c-ms"] + 105*m["v-ms"] }},
	{name: "its calls", bench: "PDS/%s/undo", unit: "ms", number: just("calls-ms")},
	{name: "the same calls made directly", bench: "PDS/%s/undo", unit: "ms", number: just("direct-ms")},
	{name: "a sweep of 100,000 accounts with layers ≤ 1.1 × one without", bench: "Sweep", unit: "ms",
		number: func(m metrics) (float64, float64) { return m["with-ms"], 1.1 * m["without-ms"] }},
	{name: "backtest ≥ 1.5 requests in each v", bench: "Backtest/%s", unit: "/s", least: true,
		number: func(m metrics) (float64, float64) { return m["requests/s"], 1.5 / (m["v-ms"] / 1000) }},
	{name: "processor time of one", bench: "Backtest/%s", unit: "µs", number: just("cpu-us/request")},
	{name: "ruling ≤ 1.5 × one bare evaluation by Cedar", bench: "Rule/rule", unit: "µs", number: beside(1.5, "Rule/bare")},
	{name: "verifying a warrant, three file keys ≤ 4 × the checks", bench: "Verify/ed25519/verify", unit: "µs", number: beside(4, "Verify/ed25519/signatures")},
	{name: "verifying a warrant, three passkeys ≤ 4 × the checks", bench: "Verify/webauthn-es256/verify", unit: "µs", number: beside(4, "Verify/webauthn-es256/signatures")},
	{name: "the same, of a desk never met before", bench: "Verify/ed25519/cold", unit: "µs", number: micros},
	{name: "compiling its policy set, once in a process", bench: "Compile/cold", unit: "µs", number: micros},
	{name: "verifying a warrant under a session ≤ 4 × the checks", bench: "VerifySession/ed25519/verify", unit: "µs", number: beside(4, "VerifySession/ed25519/signatures")},
	{name: "the same under a session of P-256 ≤ 4 × the checks", bench: "VerifySession/p256/verify", unit: "µs", number: beside(4, "VerifySession/p256/signatures")},
}

// micros is the time of one, without a limit.
func micros(m metrics) (value, limit float64) { return m["ns/op"] / 1000, 0 }

// beside is a limit of so many times what another benchmark took in the same run.
func beside(times float64, other string) func(metrics) (float64, float64) {
	return func(m metrics) (float64, float64) {
		return m["ns/op"] / 1000, times * m[other+" ns/op"] / 1000
	}
}

// result is a row's numbers of one run.
type result struct{ value, limit, ratio float64 }

func printTable(out io.Writer, rows []row, all []run) {
	fmt.Fprintln(out, "| what | database | measured | limit | of the limit | ok |")
	fmt.Fprintln(out, "|---|---|--:|--:|--:|---|")
	for _, r := range rows {
		databases := []string{""}
		if strings.Contains(r.bench, "%s") {
			databases = []string{"sqlite", "postgres"}
		}
		for _, database := range databases {
			r.print(out, database, all)
		}
	}
}

func (r row) print(out io.Writer, database string, all []run) {
	name := r.bench
	if database != "" {
		name = fmt.Sprintf(name, database)
	}
	results := r.results(name, all)
	if len(results) == 0 {
		fmt.Fprintf(out, "| %s | %s | not measured | | | |\n", r.name, database)
		return
	}
	m := results[len(results)/2]
	if m.limit == 0 {
		fmt.Fprintf(out, "| %s | %s | %s | | | |\n", r.name, database, r.text(m.value))
		return
	}
	ok := "yes"
	if m.ratio > 1 {
		ok = "**no**"
	}
	fmt.Fprintf(out, "| %s | %s | %s | %s | %.2f | %s |\n", r.name, database, r.text(m.value), r.text(m.limit), m.ratio, ok)
}

// results returns the row's numbers of each run, the one closest to its limit last.
func (r row) results(name string, all []run) []result {
	var results []result
	for _, run := range all {
		m, ok := run[name]
		if !ok {
			continue
		}
		for other, theirs := range run { // what a number may be stated in
			m[other+" ns/op"] = theirs["ns/op"]
		}
		x := result{}
		x.value, x.limit = r.number(m)
		switch {
		case r.least:
			x.ratio = x.limit / x.value
		case x.limit > 0:
			x.ratio = x.value / x.limit
		default:
			x.ratio = x.value
		}
		results = append(results, x)
	}
	slices.SortFunc(results, func(x, y result) int {
		switch {
		case x.ratio < y.ratio:
			return -1
		case x.ratio > y.ratio:
			return 1
		}
		return 0
	})
	return results
}

func (r row) text(v float64) string {
	format := "%.2f"
	switch {
	case v >= 1000:
		format = "%.0f"
	case v >= 10:
		format = "%.1f"
	}
	return strings.TrimSpace(fmt.Sprintf(format+" %s", v, r.unit))
}
