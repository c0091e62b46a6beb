package system

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/desktest"
	"countersign.dev/executor"
	"countersign.dev/executor/journal"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/link"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/platform"
	"countersign.dev/platform/bluesky"
	"countersign.dev/platform/plaza"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// place is the folder by which the processes of a test find each other.
type place string

// folderVariable names the folder to a process of ours.
const folderVariable = "COUNTERSIGN_SYSTEM_FOLDER"

func (p place) file(name string) string   { return filepath.Join(string(p), name) }
func (p place) socket(name string) string { return "unix:" + p.file(name+".sock") }

// settings is what both processes are told.
type settings struct {
	World     desktest.Kept      `json:"world"`
	Platforms []platformSettings `json:"platforms"`
}

type platformSettings struct {
	Name      string `json:"name"`
	Connector string `json:"connector"`
	URL       string `json:"url"`
	Secret    string `json:"secret"`
	// Watch has the executor watch the platform as well. What the watch journals comes
	// between the steps of an act, which other tests count.
	Watch bool `json:"watch"`
	// Patience is for how many milliseconds a call's answer is waited for, and after how
	// many without a sign of life an event stream is dead: once that long on plaza, twice
	// on a PDS. 0: as the connector has it.
	Patience int64 `json:"patience"`
	// Blind is after how many milliseconds without a stream the executor says that it
	// is blind; 0: its default.
	Blind int64 `json:"blind"`
}

func (p platformSettings) connect(ctx context.Context) (platform.Connector, error) {
	patience := time.Duration(p.Patience) * time.Millisecond
	if p.Connector == "bluesky" {
		// The PDS is on this machine: what it has not done two seconds after the
		// connection broke it never does.
		return bluesky.New(bluesky.Config{Name: p.Name, URL: p.URL, AdminPassword: p.Secret, Patience: patience, RequestLife: 2 * time.Second, Poll: 50 * time.Millisecond})
	}
	c := plaza.Config{Name: p.Name, URL: p.URL, Token: p.Secret, Silence: patience}
	if patience > 0 {
		c.Client = &http.Client{Timeout: patience}
	}
	return plaza.Connect(ctx, c)
}

func readSettings(t *testing.T, p place) settings {
	t.Helper()
	b, err := os.ReadFile(p.file("settings.json"))
	if err != nil {
		t.Fatal(err)
	}
	var s settings
	if err := canonical.Unmarshal(b, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// killer is the step function of a process: it notes every step, and at the one
// it was armed for it kills the process as a power cut would.
type killer struct {
	mu    sync.Mutex
	trace []string
	at    string
	after int
}

// arming says at which occurrence of which step to die.
type arming struct {
	Step  string `json:"step"`
	After int    `json:"after"`
}

func (k *killer) step(name string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.trace = append(k.trace, name)
	if name != k.at {
		return
	}
	if k.after--; k.after == 0 {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // the signal is on its way, and nothing happens any more
	}
}

func (k *killer) arm(_ context.Context, a arming) (struct{}, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.at, k.after, k.trace = a.Step, a.After, nil
	return struct{}{}, nil
}

func (k *killer) traced(context.Context, struct{}) ([]string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]string{}, k.trace...), nil
}

// runProcess is the control of a process of ours: it obeys commands over a socket, and
// ends with the process that started it.
func runProcess(t *testing.T, p place, name string, k *killer, control map[string]http.HandlerFunc) {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/arm", handler(k.arm))
	mux.HandleFunc("/trace", handler(k.traced))
	for path, h := range control {
		mux.HandleFunc(path, h)
	}
	serve(t, p.socket(name+"-control"), mux)
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(3)
}

func serve(t *testing.T, address string, h http.Handler) {
	t.Helper()
	l, err := link.Listen(address)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = http.Serve(l, h) }() // until the process ends
}

// failure is an error on its way to the test.
type failure struct {
	Kind fault.Kind `json:"kind"`
	Type string     `json:"type"`
	Text string     `json:"text"`
}

func handler[In, Out any](do func(context.Context, In) (Out, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in In
		b, err := io.ReadAll(r.Body)
		if err == nil {
			err = canonical.Unmarshal(b, &in)
		}
		var out Out
		if err == nil {
			out, err = do(r.Context(), in)
		}
		if err != nil {
			w.WriteHeader(http.StatusTeapot)
			_, _ = w.Write(canonical.MustMarshal(failure{fault.KindOf(err), fault.TypeOf(err), err.Error()}))
			return
		}
		_, _ = w.Write(canonical.MustMarshal(out))
	}
}

// errGone says that a process did not answer: nobody knows what it has done.
var errGone = errors.New("the process does not answer")

// process is a process of ours, seen from the test that started it.
type process struct {
	place place
	name  string

	mu     sync.Mutex
	cmd    *exec.Cmd
	stdin  io.Closer
	output *bytes.Buffer
	ended  chan struct{}
	client *http.Client
}

// start starts the process and waits until it can be controlled.
func (p *process) start(t testing.TB) {
	t.Helper()
	test := map[string]string{"desk": "TestDeskProcess", "executor": "TestExecutorProcess"}[p.name]
	cmd := exec.Command(os.Args[0], "-test.run=^"+test+"$", "-test.timeout=20m")
	cmd.Env = append(os.Environ(), folderVariable+"="+string(p.place))
	output := &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = output, output
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	p.mu.Lock()
	p.cmd, p.stdin, p.output, p.ended = cmd, stdin, output, ended
	p.client = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", p.place.file(p.name+"-control.sock"))
	}}}
	p.mu.Unlock()
	until(t, "the "+p.name+" starts", func() bool {
		if p.dead() {
			t.Fatalf("the %s ended: %s", p.name, output)
		}
		_, err := ask[[]string](p, "/trace", struct{}{})
		return err == nil
	})
}

func (p *process) dead() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// kill ends the process as a power cut would, and returns when it is gone.
func (p *process) kill() error {
	p.mu.Lock()
	cmd, ended := p.cmd, p.ended
	p.mu.Unlock()
	err := cmd.Process.Kill()
	<-ended
	return err
}

// revive starts the process again if it was killed. That it ended otherwise is a
// failure of the test.
func (p *process) revive(t testing.TB) {
	t.Helper()
	if !p.dead() {
		return
	}
	if s, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || s.Signal() != syscall.SIGKILL {
		t.Fatalf("the %s ended by itself: %s\n%s", p.name, p.cmd.ProcessState, p.output)
	}
	p.client.CloseIdleConnections()
	p.start(t)
}

// stop ends the process at the end of a test.
func (p *process) stop() {
	if p.cmd == nil {
		return
	}
	_ = p.kill() // an error means that it is gone
	p.stdin.Close()
	p.client.CloseIdleConnections()
}

// ask sends one question to a process. An error of the process is a fault as it
// was there; any other means that nobody knows whether it has acted.
func ask[Out, In any](p *process, path string, in In) (out Out, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://process"+path, bytes.NewReader(canonical.MustMarshal(in)))
	if err != nil {
		return out, err
	}
	res, err := p.client.Do(r)
	if err != nil {
		return out, fmt.Errorf("%w: %w", errGone, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return out, fmt.Errorf("%w: %w", errGone, err)
	}
	if res.StatusCode != http.StatusOK {
		var f failure
		if err := canonical.Unmarshal(b, &f); err != nil {
			return out, fmt.Errorf("%s answered %s: %s", path, res.Status, b)
		}
		return out, fault.New(f.Kind, f.Type, "%s", f.Text)
	}
	return out, canonical.Unmarshal(b, &out)
}

// What the desk is asked by a test. It is the desk's own methods, no more.
type (
	wish struct {
		By      workforce.WorkerID `json:"by"`
		Kind    actions.Kind       `json:"kind"`
		Subject string             `json:"subject"`
		Value   string             `json:"value"`
		Until   canonical.Time     `json:"until"`
	}
	about struct {
		By      workforce.WorkerID `json:"by"`
		Request string             `json:"request"`
	}
	signed struct {
		By      workforce.WorkerID `json:"by"`
		Request string             `json:"request"`
		Action  actions.Action     `json:"action"`
		Signed  actions.Signed     `json:"signed"`
		Decided *acts.Decided      `json:"decided"`
	}
	draft struct {
		Action    actions.Action    `json:"action"`
		Statement actions.Statement `json:"statement"`
		Decided   *acts.Decided     `json:"decided"`
	}
	// told is a ledger entry that is about a request.
	told struct {
		Kind    string        `json:"kind"`
		Duty    proof.Duty    `json:"duty"`
		Outcome proof.Outcome `json:"outcome"`
	}
	// report is what the ledger says of a request, after it was recomputed.
	report struct {
		Request actions.Request `json:"request"`
		Entries []told          `json:"entries"`
	}
)

// TestDeskProcess is the desk's process. As a test of its own it does nothing.
func TestDeskProcess(t *testing.T) {
	p := place(os.Getenv(folderVariable))
	if p == "" {
		t.Log("nothing to do unless started by another test")
		return
	}
	k := &killer{}
	remote := link.DialExecutor(p.socket("executor"), "token of the executor")
	w := desktest.Reopen(t, readSettings(t, p).World, desktest.Options{Executor: remoteExecutor{remote}, Step: k.step})
	serve(t, p.socket("desk"), link.Desk(w.Desk, "token of the desk"))
	w.Run()
	shown := func(d acts.Draft, err error) (draft, error) { return draft{d.Action, d.Statement, d.Decision}, err }
	runProcess(t, p, "desk", k, map[string]http.HandlerFunc{
		"/draft": handler(func(ctx context.Context, a wish) (draft, error) {
			return shown(w.Draft(ctx, desktest.As(a.By), acts.Wish{Kind: a.Kind, Subject: a.Subject, Value: a.Value, Until: a.Until, Case: "case-1", Reason: "spam"}))
		}),
		"/draft-undo": handler(func(ctx context.Context, a about) (draft, error) {
			return shown(w.DraftUndo(ctx, desktest.As(a.By), a.Request, acts.UndoWish{Reason: "a mistake"}))
		}),
		"/draft-countersign": handler(func(ctx context.Context, a about) (draft, error) {
			return shown(w.DraftVerdict(ctx, desktest.As(a.By), a.Request, actions.VerdictCountersign, ""))
		}),
		"/request": handler(func(ctx context.Context, a signed) (actions.Request, error) {
			return w.Desk.Request(ctx, desktest.As(a.By), acts.Submission{Action: a.Action, Signed: a.Signed, Decision: a.Decided})
		}),
		"/countersign": handler(func(ctx context.Context, a signed) (actions.Request, error) {
			return w.Desk.Countersign(ctx, desktest.As(a.By), a.Request, a.Signed)
		}),
		"/report": handler(func(ctx context.Context, a about) (report, error) { return reportOn(ctx, w, a) }),
		"/audit": handler(func(ctx context.Context, _ struct{}) (struct{}, error) {
			_, err := w.Store.Audit(ctx)
			return struct{}{}, err
		}),
		"/watched": handler(func(ctx context.Context, _ struct{}) ([]sighting, error) { return watchedOn(ctx, w) }),
		"/flag":    handler(func(ctx context.Context, f flagged) (received, error) { return flagOn(ctx, w, f) }),
		"/take":    handler(func(ctx context.Context, a about) (taken, error) { return takeOn(ctx, w, a) }),
		"/judge":   handler(func(ctx context.Context, x taken) (judged, error) { return judgeOn(ctx, w, x) }),
		"/decide":  handler(func(ctx context.Context, v verdict) (decided, error) { return decideOn(ctx, w, v) }),
	})
}

// reportOn recomputes the whole ledger and tells what it says of a request.
func reportOn(ctx context.Context, w *desktest.World, a about) (r report, err error) {
	if r.Request, err = w.RequestByID(ctx, desktest.As(a.By), a.Request); err != nil {
		return r, err
	}
	if _, err := w.Store.Audit(ctx); err != nil {
		return r, err
	}
	err = w.Store.Read(ctx, func(tx *store.Tx) error {
		r.Entries = nil
		entries, err := tx.Entries(0, 1<<40)
		if err != nil {
			return err
		}
		for _, e := range entries {
			switch {
			case e.Leaf.Class == ledger.Execution:
				x, err := proof.ParseExecution(e.Body)
				if err != nil {
					return err
				}
				if x.Execution.Request == a.Request {
					r.Entries = append(r.Entries, told{x.Execution.Kind, x.Execution.Duty, x.Execution.Outcome})
				}
			case e.Leaf.Class == ledger.Desk && strings.Contains(string(e.Body.Data), a.Request):
				r.Entries = append(r.Entries, told{Kind: e.Body.Kind})
			}
		}
		return nil
	})
	return r, err
}

// sighting is a record of the watch as it stands in the ledger, opened.
type sighting struct {
	Kind       string         `json:"kind"`
	Duty       proof.Duty     `json:"duty"`
	Request    string         `json:"request"`
	Outcome    proof.Outcome  `json:"outcome"`
	Type       string         `json:"type"`
	Layer      platform.Layer `json:"layer"`
	Via        string         `json:"via"`
	Count      int64          `json:"count"`
	Order      string         `json:"order"`
	Subject    string         `json:"subject"`
	Credential string         `json:"credential"`
}

// watchedOn returns what the watch has entered, in the ledger's order.
func watchedOn(ctx context.Context, w *desktest.World) (all []sighting, err error) {
	err = w.Store.Read(ctx, func(tx *store.Tx) error {
		all = []sighting{}
		entries, err := tx.Entries(0, 1<<40)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if e.Leaf.Class != ledger.Execution {
				continue
			}
			x, err := proof.ParseExecution(e.Body)
			if err != nil {
				return err
			}
			if x.Execution.Duty != proof.DutyWatch && x.Execution.Duty != proof.DutyRestore {
				continue
			}
			if x.Execution.Kind == proof.KindTiers {
				continue // a batch of subjects that rules raised, each sealed by itself
			}
			s := sighting{Kind: x.Execution.Kind, Duty: x.Execution.Duty, Request: x.Execution.Request, Outcome: x.Execution.Outcome, Type: x.Execution.Type}
			if x.Execution.Sight != nil {
				s.Layer, s.Via, s.Order, s.Count = x.Execution.Sight.Layer, x.Execution.Sight.Via, x.Execution.Sight.Order, x.Execution.Sight.Count
			}
			for _, o := range e.Openings {
				into := map[string]*string{proof.SealedSubject: &s.Subject, proof.SealedCredential: &s.Credential}[o.Name]
				if into == nil {
					return fmt.Errorf("a record of the watch seals %q", o.Name)
				}
				if err := canonical.Unmarshal(o.Value, into); err != nil {
					return err
				}
			}
			all = append(all, s)
		}
		return nil
	})
	return all, err
}

// remoteExecutor is the executor in its process, as the desk uses it.
type remoteExecutor struct{ *link.ExecutorClient }

func (r remoteExecutor) Status(ctx context.Context) (linkv1.ExecutorStatus, error) { return r.Ask(ctx) }

// unwatched hides that a connector can be watched.
func unwatched(c platform.Connector) platform.Connector {
	if shows, ok := c.(platform.Evidencer); ok {
		return struct {
			platform.Connector
			platform.Evidencer
		}{c, shows}
	}
	return struct{ platform.Connector }{c}
}

// TestExecutorProcess is the executor's process. As a test of its own it does nothing.
func TestExecutorProcess(t *testing.T) {
	p := place(os.Getenv(folderVariable))
	if p == "" {
		t.Log("nothing to do unless started by another test")
		return
	}
	k := &killer{}
	s := readSettings(t, p)
	j, err := journal.Open(t.Context(), p.file("journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	platforms, limits := map[string]platform.Connector{}, executor.Limits{Entry: patience}
	for _, c := range s.Platforms {
		connector, err := c.connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		limits.Blind = max(limits.Blind, time.Duration(c.Blind)*time.Millisecond)
		platforms[c.Name] = connector
		if !c.Watch {
			platforms[c.Name] = unwatched(connector)
		}
	}
	key := keyOf(s.World)
	e, err := executor.New(t.Context(), executor.Config{ID: desktest.ExecutorID, Key: key, Root: s.World.Root, Platforms: platforms, Journal: j,
		Desk: link.DialDesk(p.socket("desk"), "token of the desk"), Limits: limits, Step: k.step})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		if err := e.Run(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, "run:", err)
			os.Exit(4)
		}
	}()
	serve(t, p.socket("executor"), link.Executor(e, "token of the executor", "token of those on call"))
	runProcess(t, p, "executor", k, map[string]http.HandlerFunc{
		"/status": handler(func(context.Context, struct{}) (linkv1.ExecutorStatus, error) { return e.Status(), nil }),
	})
}
