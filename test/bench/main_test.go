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
	r, err := parse(strings.NewReader(said), nil)
	if err != nil {
		t.Fatal(err)
	}
	slower, err := parse(strings.NewReader("BenchmarkRule/bare 1 10000 ns/op\nBenchmarkRule/rule 1 16000 ns/op\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	faster, err := parse(strings.NewReader("BenchmarkRule/bare 1 10000 ns/op\nBenchmarkRule/rule 1 12000 ns/op\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	printTable(&out, rows, []run{slower, r, faster})
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
	if _, err := parse(strings.NewReader("BenchmarkX-2 1 many ns/op\n"), nil); err == nil {
		t.Error("taken for a number")
	}
}

// TestCaseworkTable: a day of decisions is made from what one of each sort takes, and the
// digests are those that the benchmarks said.
func TestCaseworkTable(t *testing.T) {
	digests := map[string]string{}
	r, err := parse(strings.NewReader("    floor_test.go:68: digest policy sha256:abc\n"+
		"BenchmarkCaseworkShift/sqlite/size-2 1 0 ns/op 5.000 measured-entries 1.000 buried-entries 30000 measured-database-B 10000 buried-database-B 2000 reported-database-B\n"+
		"BenchmarkCaseworkShift/sqlite/sustained-2 1 0 ns/op 80.00 per-s 10000 desk-us 5000 executor-us 20000 total-us 2.000 processors 0.05000 v-ms\n"), digests)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	printTable(&out, caseworkRows, []run{r})
	for _, want := range []string{
		"| sustained, 16 people ≥ 0.8 × processors ÷ the processor time of one | sqlite | 80.0 /s | 80.0 /s | 1.00 | yes |",
		"| entries of 3,000,000 decided cases a day, 16 % with a measure, without rolls | sqlite | 4920000 | | | |",
		"| gigabytes of the database | sqlite | 45.6 GB | | | |",
	} {
		if !strings.Contains(out.String(), want+"\n") {
			t.Errorf("the table lacks\n%s", want)
		}
	}
	if t.Failed() {
		t.Log("\n" + out.String())
	}
	if digests["policy"] != "sha256:abc" {
		t.Errorf("digests are %v", digests)
	}
}
