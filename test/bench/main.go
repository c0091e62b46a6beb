// Command bench measures what Countersign promises about its own speed and
// prints one table: each number beside its limit. Limits are stated in c, the
// cost of one durable commit, and in other people's programs, so each is made
// from what the same run measured in turns with the number itself; the machine
// cancels out as far as it can.
//
//	bench [-runs N]
//	bench -casework [-minutes N] [-runs N]
//	bench -watch [-rounds N]
//
// It runs Go benchmarks of several packages (this folder's, test/peers, policy,
// ledger/proof) and computes; it measures nothing itself. PostgreSQL and a PDS
// are used if the environment names them, as in package testenv; without them
// their rows are missing. A limit that is not met is printed and is no failure
// of the command: on a busy machine it means nothing.
package main

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// suite are benchmarks that are run: in which module, of which package, which. Short ones are
// run five times for each time of the others.
type suite struct {
	dir, pkg, pattern, time string
	times                   int
}

var suites = []suite{
	{".", "./policy", "^Benchmark(Rule|Compile)$", "300ms", 5},
	{".", "./ledger/proof", "^BenchmarkVerify(Session)?$", "300ms", 5},
	{"test/peers", ".", "^BenchmarkLedger$", "1x", 1},
	{".", "./test/bench", "^Benchmark(Act|PDS|Desk|Session|Sweep|Backtest)$", "1x", 1},
}

var caseworkSuites = []suite{{".", "./test/bench", "^BenchmarkCasework", "1x", 1}}

// minutesVariable holds for how many minutes reports come in; without it they are not measured.
const minutesVariable = "COUNTERSIGN_BENCH_MINUTES"

// metrics are what one benchmark reported, by unit.
type metrics map[string]float64

// run is what one run of a suite reported, by the benchmark's name.
type run map[string]metrics

func main() {
	runs := flag.Int("runs", 1, "how often everything is measured; the table shows the run in the middle")
	watch := flag.Bool("watch", false, "measure the watch instead, which takes an hour: see watch.go")
	rounds := flag.Int("rounds", 100, "with -watch: how many rounds of each sort")
	casework := flag.Bool("casework", false, "measure reports, cases and decisions instead")
	minutes := flag.Float64("minutes", 2, "with -casework: for how many minutes 200 reports a second come in")
	flag.Parse()
	if *casework {
		os.Setenv(minutesVariable, fmt.Sprint(*minutes))
		if err := measure(os.Stdout, *runs, caseworkSuites, caseworkRows); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if *watch {
		if err := measureWatch(os.Stdout, max(*rounds, 1)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if err := measure(os.Stdout, *runs, suites, rows); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func measure(out io.Writer, runs int, suites []suite, rows []row) error {
	before := load()
	var all []run
	digests := map[string]string{}
	for range runs {
		for _, s := range suites {
			for range s.times {
				fmt.Fprintf(os.Stderr, "# %s %s\n", s.dir, s.pkg)
				r, err := goTest(digests, s.dir, "test", "-run", "^$", "-bench", s.pattern, "-benchtime", s.time, "-timeout", "30m", s.pkg)
				if err != nil {
					return fmt.Errorf("benchmarks of %s in %s: %w", s.pkg, s.dir, err)
				}
				all = append(all, r)
			}
		}
	}
	fmt.Fprintf(out, "%d processors, %s, %s/%s; load average %s before, %s after\n\n", runtime.NumCPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH, before, load())
	for _, name := range slices.Sorted(maps.Keys(digests)) {
		fmt.Fprintf(out, "%s: `%s`\n", name, digests[name])
	}
	if len(digests) > 0 {
		fmt.Fprintln(out)
	}
	printTable(out, rows, all)
	return nil
}

func goTest(digests map[string]string, dir string, args ...string) (run, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, output.Bytes())
	}
	return parse(&output, digests)
}

// parse reads the lines of benchmarks out of go test's output, and into digests those that
// name what they ran under.
func parse(r io.Reader, digests map[string]string) (run, error) {
	all := run{}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) == 4 && f[1] == "digest" {
			digests[f[2]] = f[3]
		}
		if len(f) < 4 || !strings.HasPrefix(f[0], "Benchmark") {
			continue
		}
		m := metrics{}
		for i := 2; i+1 < len(f); i += 2 {
			v, err := strconv.ParseFloat(f[i], 64)
			if err != nil {
				return nil, fmt.Errorf("read %q: %w", lines.Text(), err)
			}
			m[f[i+1]] = v
		}
		all[withoutProcessors(strings.TrimPrefix(f[0], "Benchmark"))] = m
	}
	return all, lines.Err()
}

// withoutProcessors cuts the number of processors that a benchmark's name ends with.
func withoutProcessors(name string) string {
	if at := strings.LastIndexByte(name, '-'); at > 0 {
		if _, err := strconv.Atoi(name[at+1:]); err == nil {
			return name[:at]
		}
	}
	return name
}

// load returns the machine's load average of the last minute: with what else
// runs, the table tells less.
func load() string {
	b, err := os.ReadFile("/proc/loadavg")
	if first, _, ok := bytes.Cut(b, []byte(" ")); err == nil && ok {
		return string(first)
	}
	return "unknown"
}
