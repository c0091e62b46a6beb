// Command suite runs the tests of one or more modules and tells what came of
// them: a line per package with its time, each failed test with its output, each
// skipped one with its reason, the tests that ran for long, and last, alone on its line, the counts.
//
//	suite [-flags "-race …"] DIR[:PATTERN,…[:TESTS]] …
//
// TESTS is a regular expression of the tests to run, as for go test -run; without it all run.
//
// It exits 0 only if something passed and nothing failed. A package that does
// not build, a panic outside any test and a `go test` that fails without saying
// why each count as a failure. A test with subtests is not counted beside them,
// unless it failed by itself.
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

func main() {
	flags := flag.String("flags", "", "flags for go test, separated by spaces")
	flag.Parse()
	if flag.NArg() == 0 {
		fmt.Fprintln(os.Stderr, `usage: suite [-flags "…"] DIR[:PATTERN,…[:TESTS]] …`)
		os.Exit(2)
	}
	r := newReport(os.Stdout)
	for _, module := range flag.Args() {
		if err := run(r, module, strings.Fields(*flags)); err != nil {
			r.broken(module, err)
		}
	}
	if !r.end() {
		os.Exit(1)
	}
}

// run runs `go test -json` in one module and feeds the report.
func run(r *report, module string, flags []string) error {
	dir, patterns, ok := strings.Cut(module, ":")
	if !ok {
		patterns = "./..."
	}
	patterns, tests, chosen := strings.Cut(patterns, ":")
	if chosen {
		flags = append(slices.Clone(flags), "-run="+tests)
	}
	args := append([]string{"test", "-json"}, flags...)
	cmd := exec.Command("go", append(args, strings.Split(patterns, ",")...)...)
	cmd.Dir = dir
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	before := r.failures()
	if err := r.read(out); err != nil {
		return fmt.Errorf("read the output of go test: %w", err)
	}
	// Failed tests are counted one by one; only a failure that named none is
	// one of its own.
	if err := cmd.Wait(); err != nil && r.failures() == before {
		return fmt.Errorf("go test: %w", err)
	}
	return nil
}

// event is a line of `go test -json` (see `go doc test2json`).
type event struct {
	Action      string
	Package     string
	ImportPath  string // of build output
	Test        string
	Elapsed     float64
	Output      string
	FailedBuild string
}

type test struct{ pkg, name string }

func (t test) String() string { return t.pkg + " " + t.name }

type report struct {
	out     io.Writer
	output  map[test]*strings.Builder // of running tests; a package's own under an empty name
	running map[string]map[string]bool
	builds  map[string]*strings.Builder
	parents map[test]string // tests with subtests, and the worst outcome of these
	passed  int
	failed  []string
	skipped []string
	long    []timed
}

// timed is a test without a test above it, and for how many seconds it ran.
type timed struct {
	test
	seconds float64
}

func newReport(out io.Writer) *report {
	return &report{out: out, output: map[test]*strings.Builder{}, running: map[string]map[string]bool{},
		builds: map[string]*strings.Builder{}, parents: map[test]string{}}
}

func (r *report) failures() int { return len(r.failed) }

func (r *report) read(from io.Reader) error {
	lines := bufio.NewReader(from)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil {
				fmt.Fprintf(r.out, "%s", line)
			} else {
				r.count(e)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (r *report) count(e event) {
	t := test{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		text(r.builds, e.ImportPath).WriteString(e.Output)
	case "output":
		text(r.output, t).WriteString(e.Output)
	case "run":
		if r.running[e.Package] == nil {
			r.running[e.Package] = map[string]bool{}
		}
		r.running[e.Package][e.Test] = true
		if i := strings.LastIndexByte(e.Test, '/'); i > 0 {
			r.parents[test{e.Package, e.Test[:i]}] += ""
		}
	case "pass", "fail", "skip":
		if e.Test == "" {
			r.packageEnds(e)
		} else {
			delete(r.running[e.Package], e.Test)
			if e.Elapsed >= long && !strings.Contains(e.Test, "/") {
				r.long = append(r.long, timed{t, e.Elapsed})
			}
			r.testEnds(t, e.Action)
		}
	}
}

func (r *report) testEnds(t test, action string) {
	worst, isParent := r.parents[t]
	if action == "fail" {
		// Every test above it learns of it, so that none counts it again.
		for i := strings.LastIndexByte(t.name, '/'); i > 0; i = strings.LastIndexByte(t.name[:i], '/') {
			r.parents[test{t.pkg, t.name[:i]}] = "fail"
		}
	}
	out := r.output[t]
	delete(r.output, t)
	switch {
	case action == "fail" && worst == "fail":
		r.show(out) // the parent's own words about its subtests' failure
	case action == "fail":
		r.fail(t.String(), out)
	case isParent:
	case action == "skip":
		r.skipped = append(r.skipped, t.String()+": "+reason(out))
	default:
		r.passed++
	}
}

func (r *report) packageEnds(e event) {
	t := test{pkg: e.Package}
	out := r.output[t]
	delete(r.output, t)
	if e.Action == "fail" {
		before := r.packageFailures(e.Package)
		for name := range r.running[e.Package] {
			if _, isParent := r.parents[test{e.Package, name}]; !isParent {
				r.fail(e.Package+" "+name+" (did not end)", r.output[test{e.Package, name}])
			}
		}
		switch {
		case e.FailedBuild != "":
			r.fail(e.Package+" (does not build)", r.builds[e.FailedBuild])
		case r.packageFailures(e.Package) == before && before == 0:
			r.fail(e.Package+" (failed outside its tests)", out)
		}
	}
	delete(r.running, e.Package)
	if e.Action != "skip" { // skip: a package without tests
		fmt.Fprintf(r.out, "  %-4s %7.1f s  %s\n", e.Action, e.Elapsed, e.Package)
	}
}

func (r *report) packageFailures(pkg string) (n int) {
	for _, f := range r.failed {
		if name, _, _ := strings.Cut(f, " "); name == pkg {
			n++
		}
	}
	return n
}

func (r *report) broken(what string, err error) {
	r.fail(what+" "+err.Error(), nil)
}

func (r *report) fail(name string, out *strings.Builder) {
	r.failed = append(r.failed, name)
	fmt.Fprintf(r.out, "\nFAILED %s\n", name)
	r.show(out)
}

func (r *report) show(out *strings.Builder) {
	if out == nil {
		return
	}
	for line := range strings.Lines(out.String()) {
		if !strings.HasPrefix(strings.TrimSpace(line), "=== ") {
			fmt.Fprintf(r.out, "    %s\n", strings.TrimRight(line, "\n"))
		}
	}
}

// A test that runs for long seconds or longer is named in the summary, the longest of
// them first: whoever wants the suite to be faster begins there.
const long = 10

// end prints the summary and reports whether all is well.
func (r *report) end() bool {
	if len(r.long) > 0 {
		fmt.Fprintf(r.out, "\nLonger than %d s:\n", long)
		slices.SortFunc(r.long, func(a, b timed) int { return cmp.Compare(b.seconds, a.seconds) })
		for _, l := range r.long {
			fmt.Fprintf(r.out, "  %7.1f s  %s\n", l.seconds, l.test)
		}
	}
	if len(r.skipped) > 0 {
		fmt.Fprintf(r.out, "\nLeft out:\n")
		for _, s := range r.skipped {
			fmt.Fprintf(r.out, "  %s\n", s)
		}
	}
	if len(r.failed) > 0 {
		fmt.Fprintf(r.out, "\nFailed:\n")
		for _, f := range r.failed {
			fmt.Fprintf(r.out, "  %s\n", f)
		}
	}
	if r.passed == 0 && len(r.failed) == 0 {
		fmt.Fprintf(r.out, "\nNothing ran.\n")
	}
	fmt.Fprintf(r.out, "\n%d passed, %d failed", r.passed, len(r.failed))
	if len(r.skipped) > 0 {
		fmt.Fprintf(r.out, ", %d skipped", len(r.skipped))
	}
	fmt.Fprintln(r.out)
	return r.passed > 0 && len(r.failed) == 0
}

// reason finds in a test's output why it was skipped.
func reason(out *strings.Builder) string {
	if out == nil {
		return "no reason given"
	}
	for line := range strings.Lines(out.String()) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "===") || strings.HasPrefix(line, "---") {
			continue
		}
		// "file_test.go:12: why"
		if _, why, ok := strings.Cut(line, ": "); ok {
			return why
		}
		return line
	}
	return "no reason given"
}

func text[K comparable](m map[K]*strings.Builder, k K) *strings.Builder {
	if m[k] == nil {
		m[k] = &strings.Builder{}
	}
	return m[k]
}
