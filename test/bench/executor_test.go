package main

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/desk/desktest"
	"countersign.dev/executor"
	"countersign.dev/executor/journal"
	"countersign.dev/link"
	"countersign.dev/platform"
	"countersign.dev/platform/bluesky"
	"countersign.dev/platform/plaza"
	plazaserver "countersign.dev/plaza"
)

// The test binary runs itself again as the executor, in a process of its own
// with its own journal, as `serve` has it, and once more as plaza.

// The variables hold what the other processes need, as JSON.
const (
	executorVariable = "COUNTERSIGN_BENCH_EXECUTOR"
	squareVariable   = "COUNTERSIGN_BENCH_PLAZA"
)

// token is what desk and executor know each other by.
const token = "between desk and executor"

// errand is what the other process does.
type errand struct {
	Desk, Listen, Journal string
	Key                   []byte
	Root                  canonical.Digest
	Plaza, PlazaToken     string
	PDS, PDSPassword      string // empty: none
}

func TestMain(m *testing.M) {
	if address := os.Getenv(liveVariable); address != "" {
		browse(address)
		return
	}
	for variable, run := range map[string]func(string) error{executorVariable: runExecutor, squareVariable: runSquare} {
		if text := os.Getenv(variable); text != "" {
			if err := run(text); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			return
		}
	}
	os.Exit(m.Run())
}

// runExecutor runs until standard input ends, which it does with the benchmark
// however that ends.
func runExecutor(text string) error {
	var x errand
	if err := json.Unmarshal([]byte(text), &x); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	platforms := map[string]platform.Connector{}
	var err error
	if platforms["plaza"], err = plaza.Connect(ctx, plaza.Config{Name: "plaza", URL: x.Plaza, Token: x.PlazaToken}); err != nil {
		return err
	}
	if x.PDS != "" {
		pds, err := bluesky.New(bluesky.Config{Name: "bluesky", URL: x.PDS, AdminPassword: x.PDSPassword})
		if err != nil {
			return err
		}
		platforms["bluesky"] = timed{pds}
	}
	j, err := journal.Open(ctx, x.Journal)
	if err != nil {
		return err
	}
	defer j.Close()
	e, err := executor.New(ctx, executor.Config{ID: desktest.ExecutorID, Key: ed25519.PrivateKey(x.Key), Root: x.Root, Platforms: platforms,
		Journal: j, Desk: link.DialDesk(x.Desk, token)})
	if err != nil {
		return err
	}
	l, err := link.Listen(x.Listen)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: link.Executor(e, token, "", func(err error) { fmt.Fprintln(os.Stderr, "executor:", err) })}
	go server.Serve(l)
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	fmt.Println("ready")
	err = tellProcessor()
	cancel()
	return errors.Join(err, server.Close(), <-ended)
}

// tellProcessor prints the processor time of this process for each line on standard input,
// until standard input ends.
func tellProcessor() error {
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		used, err := processorTime()
		if err != nil {
			return err
		}
		fmt.Println("processor", used.Nanoseconds())
	}
	return nil
}

// runSquare runs plaza on the database at a path until standard input ends. It prints its
// address and its tokens in one line.
func runSquare(path string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	db, err := plazaserver.Open(ctx, "sqlite:"+path)
	if err != nil {
		return err
	}
	defer db.Close()
	s := plazaserver.New(plazaserver.Config{DB: db})
	defer s.Close()
	seed, err := s.IssueToken(ctx, "seed", plazaserver.SetupScope)
	if err != nil {
		return err
	}
	staff, err := s.IssueToken(ctx, "executor", plazaserver.StaffScope)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: s.Handler()}
	go server.Serve(l)
	fmt.Println("http://"+l.Addr().String(), seed, staff)
	return errors.Join(tellProcessor(), server.Close())
}

// timed tells the benchmark how long each of a connector's calls took, in a line
// on standard output.
type timed struct{ platform.Connector }

func (t timed) Look(ctx context.Context, s platform.Subject) (platform.Subject, platform.State, error) {
	defer tell(time.Now())
	return t.Connector.Look(ctx, s)
}

func (t timed) Read(ctx context.Context, s platform.Subject) (platform.State, error) {
	defer tell(time.Now())
	return t.Connector.Read(ctx, s)
}

func (t timed) Apply(ctx context.Context, key string, c platform.Command) (platform.Receipt, error) {
	defer tell(time.Now())
	return t.Connector.Apply(ctx, key, c)
}

func tell(begun time.Time) { fmt.Println(time.Since(begun).Nanoseconds()) }

// calls gathers what the executor tells.
type calls struct {
	mu        sync.Mutex
	total     time.Duration
	ask       io.Writer
	processor chan time.Duration
}

// used returns the processor time that the other process has used.
func (c *calls) used(b *testing.B) time.Duration {
	b.Helper()
	if _, err := fmt.Fprintln(c.ask); err != nil {
		b.Fatal(err)
	}
	return <-c.processor
}

func (c *calls) read(lines *bufio.Scanner) {
	defer close(c.processor)
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), "processor "); ok {
			if ns, err := strconv.ParseInt(text, 10, 64); err == nil {
				c.processor <- time.Duration(ns)
			}
		} else if ns, err := strconv.ParseInt(lines.Text(), 10, 64); err == nil {
			c.mu.Lock()
			c.total += time.Duration(ns)
			c.mu.Unlock()
		}
	}
}

// take returns how long all calls since the last take were.
func (c *calls) take() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	total := c.total
	c.total = 0
	return total
}

// startExecutor starts the executor's process until the benchmark ends.
func startExecutor(b *testing.B, x errand) *calls {
	b.Helper()
	text, err := json.Marshal(x)
	if err != nil {
		b.Fatal(err)
	}
	return newCalls(startSelf(b, executorVariable, string(text)))
}

func newCalls(ask io.Writer, lines *bufio.Scanner) *calls {
	c := &calls{ask: ask, processor: make(chan time.Duration)}
	go c.read(lines)
	return c
}

// square is plaza in a process of its own.
type square struct {
	*calls
	url, seed, staff string // seed and staff are the tokens of who sets it up and of the executor
}

// startSquare starts plaza's process until the benchmark ends.
func startSquare(b *testing.B) *square {
	b.Helper()
	input, lines := startSelf(b, squareVariable, filepath.Join(b.TempDir(), "plaza.db"))
	s := &square{}
	if _, err := fmt.Sscan(lines.Text(), &s.url, &s.seed, &s.staff); err != nil {
		b.Fatal(err)
	}
	s.calls = newCalls(input, lines)
	return s
}

// startSelf starts this binary again as another process until the benchmark ends, and
// waits for the first line that it prints.
func startSelf(b *testing.B, variable, text string) (io.Writer, *bufio.Scanner) {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), variable+"="+text)
	cmd.Stderr = b.Output()
	input, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		input.Close()
		if err := cmd.Wait(); err != nil {
			b.Errorf("the process of %s ended with %v", variable, err)
		}
	})
	lines := bufio.NewScanner(output)
	if !lines.Scan() {
		b.Fatalf("the process of %s did not start: %v", variable, lines.Err())
	}
	return input, lines
}

// sockets returns two addresses on unix sockets, in a folder whose path is short.
func sockets(b *testing.B) (desk, executor string) {
	b.Helper()
	folder, err := os.MkdirTemp("", "csbench")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(folder) })
	return "unix:" + filepath.Join(folder, "desk"), "unix:" + filepath.Join(folder, "executor")
}
