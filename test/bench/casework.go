package main

// caseworkRows are the lines of the table of casework.
var caseworkRows = func() []row {
	all := []row{
		{name: "one durable commit: c", bench: "CaseworkShift/%s/decide", unit: "ms", number: just("c-ms")},
		{name: "one check of an Ed25519 signature: v", bench: "CaseworkShift/%s/decide", unit: "ms", number: just("v-ms")},
		{name: "reports in singly, 16 clients ≥ 1,000/s on SQLite, 700/s on PostgreSQL", bench: "CaseworkIntake/%s/singly", unit: "/s", least: true,
			number: func(m metrics) (float64, float64) {
				if m["database-us"] > 0 {
					return m["per-s"], 700
				}
				return m["per-s"], 1000
			}},
		{name: "processor time of one, all processes", bench: "CaseworkIntake/%s/singly", unit: "µs", number: just("total-us")},
		{name: "reports in, 1,000 a call ≥ 5,000/s", bench: "CaseworkIntake/%s/bulk", unit: "/s", least: true, number: atLeast(5000)},
		{name: "processor time of one, all processes", bench: "CaseworkIntake/%s/bulk", unit: "µs", number: just("total-us")},
		{name: "next, 100,000 open cases, 64 people ≥ 1,000/s", bench: "CaseworkNext/%s/next", unit: "/s", least: true, number: atLeast(1000)},
		{name: "its p50", bench: "CaseworkNext/%s/next", unit: "ms", number: just("p50-ms")},
		{name: "its p99 ≤ 50 ms", bench: "CaseworkNext/%s/next", unit: "ms", number: func(m metrics) (float64, float64) { return m["p99-ms"], 50 }},
		{name: "processor time of one, all processes", bench: "CaseworkNext/%s/next", unit: "µs", number: just("total-us")},
		{name: "a case decided → its measure executed on plaza ≤ 10 c + 75 v", bench: "CaseworkShift/%s/decide", unit: "ms", number: upTo(10, 75)},
		{name: "the same with claim, draft and signatures", bench: "CaseworkShift/%s/decide", unit: "ms", number: just("drafted-ms")},
		{name: "processor time of one, desk and executor ≤ 65 v", bench: "CaseworkShift/%s/processor", unit: "µs", number: deskAndExecutor},
		{name: "sustained, 16 people ≥ 0.8 × processors ÷ the processor time of one", bench: "CaseworkShift/%s/sustained", unit: "/s", least: true,
			number: func(m metrics) (float64, float64) { return m["per-s"], 0.8 * m["processors"] / (m["total-us"] / 1e6) }},
		{name: "processor time of one, desk and executor ≤ 65 v", bench: "CaseworkShift/%s/sustained", unit: "µs", number: deskAndExecutor},
	}
	for _, part := range []string{"desk", "executor", "plaza", "database", "generator"} {
		all = append(all, row{name: "processor time of one: " + part, bench: "CaseworkShift/%s/sustained", unit: "µs", number: just(part + "-us")})
	}
	all = append(all,
		row{name: "decided without a measure, claims made before ≥ 1,000/s", bench: "CaseworkShift/%s/buried", unit: "/s", least: true, number: atLeast(1000)},
		row{name: "processor time of one, all processes", bench: "CaseworkShift/%s/buried", unit: "µs", number: just("total-us")},
	)
	for _, sort := range []struct{ words, name string }{{"case with one report, until it waits", "reported"}, {"claim and decision with a measure", "measured"}, {"claim and decision without a measure", "buried"}} {
		all = append(all,
			row{name: "entries of one " + sort.words + ", without rolls", bench: "CaseworkShift/%s/size", number: just(sort.name + "-entries")},
			row{name: "bytes of the database", bench: "CaseworkShift/%s/size", unit: "B", number: just(sort.name + "-database-B")},
			row{name: "bytes of the ledger", bench: "CaseworkShift/%s/size", unit: "B", number: just(sort.name + "-ledger-B")},
		)
	}
	return append(all,
		row{name: "entries of 3,000,000 decided cases a day, 16 % with a measure, without rolls", bench: "CaseworkShift/%s/size", number: aDay("entries", 1)},
		row{name: "gigabytes of the database", bench: "CaseworkShift/%s/size", unit: "GB", number: aDay("database-B", 1e9)},
		row{name: "gigabytes of the ledger", bench: "CaseworkShift/%s/size", unit: "GB", number: aDay("ledger-B", 1e9)},
		row{name: "heap at 200 reports a second, at the end ≤ 1.2 × after a quarter", bench: "CaseworkMemory/%s/heap", unit: "MiB",
			number: func(m metrics) (float64, float64) { return m["late-MiB"], 1.2 * m["early-MiB"] }},
		row{name: "for so many minutes", bench: "CaseworkMemory/%s/heap", number: just("minutes")},
		row{name: "reports a second", bench: "CaseworkMemory/%s/heap", unit: "/s", number: just("per-s")},
	)
}()

func atLeast(limit float64) func(metrics) (float64, float64) {
	return func(m metrics) (float64, float64) { return m["per-s"], limit }
}

func deskAndExecutor(m metrics) (value, limit float64) {
	return m["desk-us"] + m["executor-us"], 65 * 1000 * m["v-ms"]
}

// aDay is what 3,000,000 decided cases of one report each take, 16 in 100 of them with a
// measure.
func aDay(what string, unit float64) func(metrics) (float64, float64) {
	return func(m metrics) (float64, float64) {
		return 3e6 * (m["reported-"+what] + 0.16*m["measured-"+what] + 0.84*m["buried-"+what]) / unit, 0
	}
}
