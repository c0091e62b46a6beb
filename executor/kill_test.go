package executor_test

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/executor"
	"countersign.dev/executor/executortest"
	"countersign.dev/executor/journal"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/link"
	"countersign.dev/platform"
	"countersign.dev/workforce"
)

// The test binary runs itself again as an executor in a process of its own,
// which kills itself, with SIGKILL, at its n'th step. Desk and platform stay in
// the test's process. The product has no switch for this: Config.Step is all.

// killEnv holds what the other process needs, as JSON.
const killEnv = "COUNTERSIGN_KILL_EXECUTOR"

// errand is what the other process does.
type errand struct {
	Desk, Plaza, Journal string
	Key                  []byte
	Root                 canonical.Digest
	Clock                time.Time
	Warrant              []byte // handed over, unless empty
	Restored             string // subject that the watch restores, unless empty
	Lifted               string // request whose lift is waited for, unless empty
	Records              int64  // and until the journal has as many records and all are in the ledger
	KillAt               int    // number of the step to die at, from 1; 0: none
}

// victim is the other process. It answers 0 if it did its errand and did not die.
func victim(text string) int {
	var x errand
	if err := json.Unmarshal([]byte(text), &x); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	if err := x.run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func (x errand) run(ctx context.Context) error {
	j, err := journal.Open(ctx, x.Journal)
	if err != nil {
		return err
	}
	plaza := dialPlaza(x.Plaza)
	platforms := map[string]platform.Connector{"plaza": plaza}
	if x.Restored != "" {
		platforms["plaza"] = watchedRemote{plaza}
	}
	steps := make(chan string) // counted in one place, since acts and outbox step side by side
	go func() {
		n := 0
		for name := range steps {
			n++
			fmt.Println("step", n, name)
			if n == x.KillAt {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {}
			}
		}
	}()
	e, err := executor.New(ctx, executor.Config{ID: prooftest.ExecutorID, Key: ed25519.PrivateKey(x.Key), Root: x.Root,
		Platforms: platforms, Journal: j, Desk: link.DialDesk(x.Desk, "token"),
		Limits: executor.Limits{Entry: patience, Pause: time.Millisecond, LongestPause: 10 * time.Millisecond, Tick: time.Millisecond, Save: time.Millisecond},
		Now:    func() time.Time { return x.Clock }, Step: func(name string) { steps <- name }})
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	running, stop := context.WithCancel(ctx)
	defer stop()
	go func() { ended <- e.Run(running) }()
	for !e.Running() {
		breathe()
	}
	if len(x.Warrant) > 0 {
		for {
			r, err := e.Carry(ctx, x.Warrant, patience)
			if fault.KindOf(err) == fault.Unavailable {
				breathe()
				continue
			}
			if err != nil {
				return err
			}
			if r.Outcome != "" {
				fmt.Println("outcome", r.Outcome, r.Type)
				break
			}
		}
	}
	for {
		restored := x.restored(ctx, plaza, e) // first: what it is told by is among the records then
		records, err := j.Digests(ctx)
		if err != nil {
			return fmt.Errorf("%w: %+v", err, e.Status())
		}
		if restored && int64(len(records)) >= x.Records && e.Entered() == int64(len(records)) {
			break
		}
		breathe()
	}
	stop()
	if err := <-ended; err != nil {
		return err
	}
	return j.Close()
}

// breathe leaves the processor to the executor between two looks at it.
func breathe() { <-time.After(time.Millisecond) }

// restored reports whether the subject is restored and the breach is over.
func (x errand) restored(ctx context.Context, plaza *remote, e *executor.Executor) bool {
	if x.Restored == "" {
		return true
	}
	now, err := plaza.Read(ctx, platform.Subject{Platform: "plaza", ID: x.Restored})
	return err == nil && now.Status == platform.Up && e.Status().Watches[0].Breaches == 0
}

// TestKilled kills the executor between every two steps of a measure, of its
// undo, of a suspension and of the lift that it leaves owed, of a label, the end of a limit
// and a warning; started again it loses nothing and does nothing twice.
func TestKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	w := prooftest.Staffed(t)
	desk := executortest.NewDesk(w)
	plaza := executortest.NewPlatform(w.Now)
	folder := t.TempDir()
	x := errand{Desk: listen(t, folder, "desk", link.Desk(desk, "token")), Plaza: listen(t, folder, "plaza", servePlaza(plaza)),
		Journal: filepath.Join(folder, "journal.db"), Key: w.ExecutorKey, Root: w.Root}

	account := 100
	var measure, emergency *prooftest.Request
	// contain is an emergency act; the one before is reviewed first.
	contain := func(s platform.Subject, d time.Duration) *prooftest.Request {
		if emergency != nil {
			w.Change(actions.DeskReview, actions.Review{Of: actions.ReviewEmergency, ID: emergency.ID, Involved: []workforce.WorkerID{"ole"}, Findings: canonical.Sum(nil)})
		}
		emergency = w.Request("ole", actions.AccountContain, s, actions.Standard, func(a *actions.Action) { a.Until = canonical.At(w.Now().Add(d)) })
		return emergency
	}
	ran := 0
	for _, c := range []struct {
		name string
		// set makes a request and its warrant.
		set  func(s platform.Subject) (*prooftest.Request, []byte)
		duty proof.Duty
	}{
		{"measure", func(s platform.Subject) (*prooftest.Request, []byte) {
			measure = w.Request("ann", actions.AccountTakedown, s, actions.Standard)
			return measure, w.Warrant(measure)
		}, proof.DutyAct},
		{"undo", func(s platform.Subject) (*prooftest.Request, []byte) {
			measure = w.Request("ann", actions.AccountTakedown, s, actions.Standard)
			raw := w.Warrant(measure)
			x.must(t, w, raw, 2)
			undo := w.Undo("bob", measure)
			return undo, w.Warrant(undo)
		}, proof.DutyAct},
		{"suspension", func(s platform.Subject) (*prooftest.Request, []byte) {
			r := w.Request("ann", actions.AccountSuspend, s, actions.Standard, func(a *actions.Action) { a.Until = canonical.At(w.Now().Add(1000 * time.Hour)) })
			return r, w.Warrant(r)
		}, proof.DutyAct},
		{"lift", func(s platform.Subject) (*prooftest.Request, []byte) {
			r := w.Request("ann", actions.AccountSuspend, s, actions.Standard, func(a *actions.Action) { a.Until = canonical.At(w.Now().Add(time.Minute)) })
			x.must(t, w, w.Warrant(r), 2)
			w.Advance(time.Minute)
			return r, nil
		}, proof.DutyLift},
		{"label", func(s platform.Subject) (*prooftest.Request, []byte) {
			r := w.Request("ann", actions.AccountLabel, s, actions.Standard)
			return r, w.Warrant(r)
		}, proof.DutyAct},
		{"end of a limit", func(s platform.Subject) (*prooftest.Request, []byte) {
			r := w.Request("ann", actions.AccountLimit, s, actions.Standard, func(a *actions.Action) { a.Until = canonical.At(w.Now().Add(time.Minute)) })
			x.must(t, w, w.Warrant(r), 2)
			w.Advance(time.Minute)
			return r, nil
		}, proof.DutyLift},
		{"warning", func(s platform.Subject) (*prooftest.Request, []byte) {
			r := w.Request("ann", actions.AccountWarn, s, actions.Standard)
			return r, w.Warrant(r)
		}, proof.DutyAct},
		{"emergency act", func(s platform.Subject) (*prooftest.Request, []byte) {
			r := contain(s, 20*time.Minute)
			return r, w.Warrant(r)
		}, proof.DutyAct},
		{"its revert", func(s platform.Subject) (*prooftest.Request, []byte) {
			r := contain(s, time.Minute)
			x.must(t, w, w.Warrant(r), 2)
			w.Advance(time.Minute)
			return r, nil
		}, proof.DutyLift},
		{"refusal", func(s platform.Subject) (*prooftest.Request, []byte) {
			r := w.Request("ann", actions.AccountTakedown, s, actions.Standard)
			plaza.Set(s.ID, platform.Down, "LEGAL-1")
			return r, w.Warrant(r)
		}, proof.DutyAct},
	} {
		if !slices.Contains(errands, c.name) {
			continue
		}
		ran++
		t.Run(c.name, func(t *testing.T) {
			died := 0
			for n := 1; ; n++ {
				account++
				s := plaza.Account(fmt.Sprintf("acct/%d", account), 1, "")
				r, raw := c.set(s)
				effects := len(plaza.Effects())
				records := int64(len(w.Acted()))
				want, changes := []string{"intent", "receipt executed"}, 1
				if c.name == "refusal" {
					want, changes = []string{"refusal failed wrong-state"}, 0
				}
				records += int64(len(want))
				x.KillAt = n
				killed, log := x.do(t, w, raw, records)
				if killed {
					died++
					x.KillAt = 0
					_, again := x.do(t, w, raw, records)
					log = append(append(log, "killed"), again...)
				}
				if c.name == "warning" && len(plaza.Effects()) == effects {
					// It was killed before the call, and what is not known to have been sent is not
					// sent by the next one.
					want, changes = []string{"intent", "receipt failed not-sent"}, 0
				}
				if got := w.OutcomeOf(r.ID, c.duty); !slices.Equal(got, want) {
					t.Errorf("killed at step %d: the ledger has %q, want %q\n%s", n, got, want, strings.Join(log, "\n"))
				}
				if got := len(plaza.Effects()) - effects; got != changes {
					t.Errorf("killed at step %d: the platform changed %d times, want %d\n%s", n, got, changes, strings.Join(log, "\n"))
				}
				if !killed {
					break
				}
			}
			least := 5 // the last steps may come after the errand is done
			if c.name == "refusal" {
				least = 1
			}
			if died < least {
				t.Errorf("killed only %d times", died)
			}
			t.Logf("killed at each of %d steps", died)
		})
	}
	if ran != len(errands) {
		t.Errorf("%d errands of %q", ran, errands)
	}
	sequences := map[int64]bool{}
	for i, e := range w.Acted() {
		if sequences[e.Sequence] || e.Sequence != int64(i) {
			t.Errorf("record %d of the ledger has the sequence number %d", i, e.Sequence)
		}
		sequences[e.Sequence] = true
	}
}

// must does an errand without dying.
func (x errand) must(t *testing.T, w *prooftest.World, raw []byte, more int64) {
	t.Helper()
	x.KillAt = 0
	if killed, log := x.do(t, w, raw, int64(len(w.Acted()))+more); killed {
		t.Fatalf("died:\n%s", strings.Join(log, "\n"))
	}
}

// do runs the errand in a process of its own and returns what it said.
func (x errand) do(t *testing.T, w *prooftest.World, raw []byte, records int64) (killed bool, log []string) {
	t.Helper()
	x.Warrant, x.Records, x.Clock = raw, records, w.Now()
	text, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), killEnv+"="+string(text))
	out, err := c.CombinedOutput()
	for s := bufio.NewScanner(strings.NewReader(string(out))); s.Scan(); {
		log = append(log, s.Text())
	}
	var exit *exec.ExitError
	switch {
	case err == nil:
		return false, log
	case errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL:
		return true, log
	}
	t.Fatalf("the executor failed: %v\n%s", err, out)
	return false, nil
}

func listen(t *testing.T, folder, name string, h http.Handler) string {
	t.Helper()
	address := "unix:" + filepath.Join(folder, name)
	l, err := link.Listen(address)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: h}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = server.Serve(l) }()
	t.Cleanup(func() { server.Close(); <-ended })
	return address
}

// remote is a connector to the platform in the test's process.
type remote struct {
	platform.Connector // of an empty platform, for what needs no I/O
	client             *http.Client
}

type remoteCall struct {
	Op      string
	Key     string
	Subject platform.Subject
	Command platform.Command
}

type remoteAnswer struct {
	Kind, Type, Text string
	Wrong            *platform.WrongState
	Subject          platform.Subject
	State            platform.State
	Receipt          platform.Receipt
	Outcome          platform.Outcome
	Page             []platform.Listed
	Next             string
}

func servePlaza(p *executortest.Platform) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var c remoteCall
		if err := json.NewDecoder(r.Body).Decode(&c); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		var a remoteAnswer
		var err error
		switch c.Op {
		case "resolve":
			a.Subject, err = p.Resolve(r.Context(), c.Subject)
		case "read":
			a.State, err = p.Read(r.Context(), c.Subject)
		case "look":
			a.Subject, a.State, err = p.Look(r.Context(), c.Subject)
		case "accounts":
			a.Page, a.Next, err = p.Accounts(r.Context(), c.Key)
		case "apply":
			a.Receipt, err = p.Apply(r.Context(), c.Key, c.Command)
		case "lookup":
			a.Outcome, err = p.Lookup(r.Context(), c.Key, c.Command)
		}
		if err != nil {
			a.Kind, a.Type, a.Text = strconv.Itoa(int(fault.KindOf(err))), fault.TypeOf(err), err.Error()
			errors.As(err, &a.Wrong)
		}
		_ = json.NewEncoder(w).Encode(a)
	})
}

func dialPlaza(address string) *remote {
	return &remote{executortest.NewPlatform(time.Now), executortest.UnixClient(strings.TrimPrefix(address, "unix:"))}
}

func (r *remote) call(ctx context.Context, c remoteCall) (a remoteAnswer, err error) {
	away := fault.New(fault.Unavailable, "platform-away", "The platform does not answer.")
	b, err := json.Marshal(c)
	if err != nil {
		return a, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://plaza/", strings.NewReader(string(b)))
	if err != nil {
		return a, err
	}
	response, err := r.client.Do(request)
	if err != nil {
		return a, away.Because(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&a); err != nil {
		return a, away.Because(err)
	}
	switch {
	case a.Wrong != nil:
		return a, a.Wrong
	case a.Kind != "":
		k, _ := strconv.Atoi(a.Kind)
		return a, fault.New(fault.Kind(k), a.Type, "%s", a.Text)
	}
	return a, nil
}

func (r *remote) Resolve(ctx context.Context, s platform.Subject) (platform.Subject, error) {
	a, err := r.call(ctx, remoteCall{Op: "resolve", Subject: s})
	return a.Subject, err
}

func (r *remote) Read(ctx context.Context, s platform.Subject) (platform.State, error) {
	a, err := r.call(ctx, remoteCall{Op: "read", Subject: s})
	return a.State, err
}

func (r *remote) Look(ctx context.Context, s platform.Subject) (platform.Subject, platform.State, error) {
	a, err := r.call(ctx, remoteCall{Op: "look", Subject: s})
	return a.Subject, a.State, err
}

func (r *remote) Apply(ctx context.Context, key string, c platform.Command) (platform.Receipt, error) {
	a, err := r.call(ctx, remoteCall{Op: "apply", Key: key, Command: c})
	return a.Receipt, err
}

func (r *remote) Lookup(ctx context.Context, key string, c platform.Command) (platform.Outcome, error) {
	a, err := r.call(ctx, remoteCall{Op: "lookup", Key: key, Command: c})
	return a.Outcome, err
}

// watchedRemote is a remote whose stream says nothing: all is seen by reading.
type watchedRemote struct{ *remote }

type mute struct{ ctx context.Context }

func (m mute) Next() (platform.Happening, error) {
	<-m.ctx.Done()
	return platform.Happening{}, m.ctx.Err()
}
func (m mute) Cursor() string         { return "" }
func (m mute) Silence() time.Duration { return time.Hour }
func (m mute) Close() error           { return nil }

func (r watchedRemote) Watch(ctx context.Context, _ string) (platform.Stream, error) {
	return mute{ctx}, nil
}

func (r watchedRemote) Peek(ctx context.Context, s platform.Subject) (platform.State, error) {
	return r.Read(ctx, s)
}

func (r watchedRemote) Accounts(ctx context.Context, cursor string) ([]platform.Listed, string, error) {
	a, err := r.call(ctx, remoteCall{Op: "accounts", Key: cursor})
	return a.Page, a.Next, err
}

func (r watchedRemote) Lock(context.Context, platform.Subject) (platform.Lock, error) {
	return platform.Lock{}, nil
}

func (r watchedRemote) Shows() []platform.Showing { return nil }
