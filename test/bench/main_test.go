package main

import (
	"strings"
	"testing"
)

const said = `goos: linux
cpu: something
I1123 07:10:15.879630   31704 await.go:115] noise
BenchmarkLedger/sqlite/writers=1-2 	 1	 0.5000 c-ms	 0.07500 v-ms	 1.725 p50-ms	 109.0 tessera-ms
BenchmarkLedger/sqlite/writers=64-2	 1	 12000 entries/s	 500.0 tessera/s
BenchmarkLedger/postgres/writers=1-2	 1	 1.000 c-ms	 0.1000 v-ms	 5.600 p50-ms	 100.0 tessera-ms
BenchmarkRule/bare-2  	   52000	     10000 ns/op
BenchmarkRule/rule-2  	   52000	     14000 ns/op	     300 B/op	       3 allocs/op
PASS
ok  	countersign.dev/somewhere	78.418s
`

func TestTable(t *testing.T) {
	r, err := parse(strings.NewReader(said))
	if err != nil {
		t.Fatal(err)
	}
	slower, err := parse(strings.NewReader("BenchmarkRule/bare 1 10000 ns/op\nBenchmarkRule/rule 1 16000 ns/op\n"))
	if err != nil {
		t.Fatal(err)
	}
	faster, err := parse(strings.NewReader("BenchmarkRule/bare 1 10000 ns/op\nBenchmarkRule/rule 1 12000 ns/op\n"))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	printTable(&out, []run{slower, r, faster})
	for _, want := range []string{
		"| one durable commit: c | sqlite | 0.50 ms | | | |",
		"| ledger append, 1 writer ≤ 1.5 c + 13 v | sqlite | 1.73 ms | 1.73 ms | 1.00 | yes |",
		"| ledger append, 1 writer ≤ 1.5 c + 13 v | postgres | 5.60 ms | 2.80 ms | 2.00 | **no** |",
		"| times below Tessera, 1 writer ≥ 30 | sqlite | 63.2 × | 30.0 × | 0.47 | yes |",
		"| times below Tessera, 1 writer ≥ 30 | postgres | 17.9 × | 30.0 × | 1.68 | **no** |",
		"| times Tessera's rate, 64 writers ≥ 20 | sqlite | 24.0 × | 20.0 × | 0.83 | yes |",
		"| times Tessera's rate, 64 writers ≥ 20 | postgres | not measured | | | |",
		// Of three runs the one in the middle.
		"| ruling ≤ 1.5 × one bare evaluation by Cedar |  | 14.0 µs | 15.0 µs | 0.93 | yes |",
	} {
		if !strings.Contains(out.String(), want+"\n") {
			t.Errorf("the table lacks\n%s", want)
		}
	}
	if t.Failed() {
		t.Log("\n" + out.String())
	}
}

func TestParseRefusesWhatItCannotRead(t *testing.T) {
	if _, err := parse(strings.NewReader("BenchmarkX-2 1 many ns/op\n")); err == nil {
		t.Error("taken for a number")
	}
}
