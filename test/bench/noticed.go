package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"time"
)

// series is a number of rounds of one sort: how soon an account that was taken down
// around the desk is seen up again. They are run by the program itself (replay
// rounds), as processes of their own, with a desk made anew for each run: an
// account is restored at once only the first time in an hour, and the fewer
// accounts are critical the more often each is read.
type series struct {
	name   string
	pds    bool
	perRun int
	args   []string
}

var (
	onPlaza   = series{name: "plaza", perRun: 5, args: []string{"--labels"}}
	onPDS     = series{name: "PDS", pds: true, perRun: 5}
	protected = series{name: "PDS, protected", pds: true, perRun: 20, args: []string{"--tier", "protected"}}
	busy      = series{name: "PDS, busy", pds: true, perRun: 5, args: []string{"--events", "500"}}
)

// sightings is what came of a series; see replay rounds for the members.
type sightings struct {
	Events float64   `json:"events_per_s"`
	Back   []float64 `json:"back_ms"`
	Call   []float64 `json:"call_ms"`
	Stream []float64 `json:"stream_ms"`
	Label  []float64 `json:"label_back_ms"`
	Inside []float64 `json:"inside_ms"`
	Lift   []float64 `json:"lift_ms"`
}

// run makes so many rounds.
func (s series) run(program string, n int) (sightings, error) {
	var all sightings
	for runs := 0; len(all.Back) < n; runs++ {
		args := append([]string{"rounds", "--rounds", strconv.Itoa(min(s.perRun, n-len(all.Back)))}, s.args...)
		cmd := exec.Command(program, append([]string{"replay"}, append(args, "--json")...)...)
		if s.pds {
			cmd = exec.Command(filepath.Join("test", "replay.sh"), args...)
		}
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		if err := cmd.Run(); err != nil {
			return all, fmt.Errorf("%s, after %d rounds: %w\n%s%s", s.name, len(all.Back), err, out.Bytes(), errs.Bytes())
		}
		var one sightings
		if err := json.Unmarshal(out.Bytes(), &one); err != nil {
			return all, fmt.Errorf("%s: read %q: %w", s.name, out.Bytes(), err)
		}
		all.Events = (all.Events*float64(runs) + one.Events) / float64(runs+1)
		all.Back, all.Call, all.Stream = append(all.Back, one.Back...), append(all.Call, one.Call...), append(all.Stream, one.Stream...)
		all.Inside, all.Lift, all.Label = append(all.Inside, one.Inside...), append(all.Lift, one.Lift...), append(all.Label, one.Label...)
		fmt.Fprintf(os.Stderr, "# %s: %d of %d rounds\n", s.name, len(all.Back), n)
	}
	return all, nil
}

// quantile returns the value that so many in a hundred are not above.
func quantile(of []float64, percent int) float64 {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[min(len(sorted)*percent/100, len(sorted)-1)]
}

// measureWatch makes n rounds of each series and prints the table. The quiet ones
// run side by side, each on servers of its own, since they mostly pause; the busy
// one runs by itself.
func measureWatch(out io.Writer, n int) error {
	folder, err := os.MkdirTemp("", "countersign-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	program := filepath.Join(folder, "countersign")
	if b, err := exec.Command("go", "build", "-o", program, "./cmd/countersign").CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w\n%s", err, b)
	}
	before := load()
	type outcome struct {
		of  string
		r   sightings
		err error
	}
	done := make(chan outcome)
	quiet := []series{onPlaza, onPDS, protected}
	for _, s := range quiet {
		go func() {
			r, err := s.run(program, n)
			done <- outcome{s.name, r, err}
		}()
	}
	came := map[string]sightings{}
	var v checkTimes
	if err := v.sample(); err != nil {
		return err
	}
	for range quiet {
		o := <-done
		if o.err != nil {
			fmt.Fprintf(os.Stderr, "# %v\n", o.err) // the others go on for long
			err = errors.Join(err, o.err)
		}
		came[o.of] = o.r
	}
	if err != nil {
		return err
	}
	if came[busy.name], err = busy.run(program, n); err != nil {
		return err
	}
	if err := v.sample(); err != nil {
		return err
	}
	outages := []outage{}
	for _, cmd := range []*exec.Cmd{exec.Command(program, "replay", "outage", "--json"), exec.Command(filepath.Join("test", "replay.sh"), "outage")} {
		fmt.Fprintln(os.Stderr, "# ten minutes without the platform")
		o, err := afterOutage(cmd)
		if err != nil {
			return err
		}
		outages = append(outages, o)
	}
	fmt.Fprintf(out, "%d rounds of each, 3 to 10 s apart at random, on %d accounts of the tier; %d processors, %s, %s/%s; load average %s before, %s after\n\n",
		n, onPDS.perRun, runtime.NumCPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH, before, load())
	printWatch(out, came, v.p50())
	fmt.Fprintf(out, "\n| after an outage, until | the stream is followed | all are checked | the last that was taken down is seen up |\n|---|--:|--:|--:|\n")
	for _, o := range outages {
		fmt.Fprintf(out, "| %s: %d protected accounts, %d of them taken down, %.0f s without the platform | %.1f s | %.1f s | %.1f s |\n",
			o.Platform, o.Accounts, o.Changed, o.OutageMS/1000, o.StreamMS/1000, o.SweptMS/1000, o.UpMS/1000)
	}
	return nil
}

// outage is what came of replay outage; see there.
type outage struct {
	Platform string  `json:"platform"`
	Accounts int     `json:"accounts"`
	Changed  int     `json:"changed"`
	OutageMS float64 `json:"outage_ms"`
	StreamMS float64 `json:"streaming_ms"`
	SweptMS  float64 `json:"swept_ms"`
	UpMS     float64 `json:"restored_ms"`
}

func afterOutage(cmd *exec.Cmd) (o outage, err error) {
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return o, fmt.Errorf("the outage: %w\n%s%s", err, out.Bytes(), errs.Bytes())
	}
	return o, json.Unmarshal(out.Bytes(), &o)
}

// checkTimes are how long one check of an Ed25519 signature took, in milliseconds.
type checkTimes []float64

// sample measures some checks more. The quiet series mostly pause, so that it does
// not matter that others run meanwhile.
func (t *checkTimes) sample() error {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	challenge := make([]byte, 32)
	signed := ed25519.Sign(private, challenge)
	for range 500 {
		begun := time.Now()
		if !ed25519.Verify(public, challenge, signed) {
			return errors.New("a signature does not verify")
		}
		*t = append(*t, time.Since(begun).Seconds()*1000)
	}
	return nil
}

func (t checkTimes) p50() float64 { return quantile(t, 50) }

// printWatch prints each number beside its limit. v is how long one check of a
// signature takes on this machine, in milliseconds: limits on what processors do are
// stated in it, so that they mean the same everywhere.
func printWatch(out io.Writer, of map[string]sightings, v float64) {
	fmt.Fprintln(out, "| around the desk → seen up by an anonymous client | measured | limit | ok |")
	fmt.Fprintln(out, "|---|--:|--:|---|")
	line := func(what string, value, limit float64) {
		switch {
		case limit == 0:
			fmt.Fprintf(out, "| %s | %.1f ms | | |\n", what, value)
		case value <= limit:
			fmt.Fprintf(out, "| %s | %.1f ms | %.1f ms | yes |\n", what, value, limit)
		default:
			fmt.Fprintf(out, "| %s | %.1f ms | %.1f ms | **no** |\n", what, value, limit)
		}
	}
	line("one check of an Ed25519 signature: v", v, 0)
	p, q, b, z := of[onPDS.name], of[protected.name], of[busy.name], of[onPlaza.name]
	line("PDS, critical, p50 ≤ 1,300 v", quantile(p.Back, 50), 1300*v)
	line("PDS, critical, p99 ≤ 13,000 v", quantile(p.Back, 99), 13_000*v)
	line("Countersign's own share of it, p50: from read to receipt, less the platform's calls made directly, ≤ 200 v", quantile(p.Inside, 50)-quantile(p.Lift, 50), 200*v)
	line("PDS, protected, by the stream alone, p50", quantile(q.Back, 50), 0)
	line("PDS, protected, by the stream alone, p99 ≤ 1,000 ms, which the PDS backs off for, and 6,500 v", quantile(q.Back, 99), 1000+6500*v)
	line("the PDS's own back-off beside it: another subscriber told, p50", quantile(q.Stream, 50), 0)
	line("the PDS's own back-off beside it, p99", quantile(q.Stream, 99), 0)
	line(fmt.Sprintf("PDS, critical, with %.0f unrelated events/s (500 asked for), p50, no slower than quiet", b.Events), quantile(b.Back, 50), quantile(p.Back, 50))
	line("PDS, critical, with unrelated events, p99, no slower than quiet", quantile(b.Back, 99), quantile(p.Back, 99))
	line("the attacker's own call under that load, which is in it, p50", quantile(b.Call, 50), 0)
	line("plaza, critical, p50 ≤ 330 v", quantile(z.Back, 50), 330*v)
	line("plaza, critical, p99", quantile(z.Back, 99), 0)
	line("plaza, critical, a label set in the same rounds, p50 ≤ 1.2 × that of a takedown", quantile(z.Label, 50), 1.2*quantile(z.Back, 50))
	line("plaza, critical, a label, p99", quantile(z.Label, 99), 0)
}
