package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/jobs"
	"countersign.dev/sqldb"
	"countersign.dev/sqldb/sqldbtest"
)

type note struct {
	Text string `json:"text"`
}

func (note) Kind() string { return "test.note" }

type other struct{}

func (other) Kind() string { return "test.other" }

// clock is a time that a test moves.
type clock struct{ at atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.at.Store(time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC).UnixNano())
	return c
}
func (c *clock) now() time.Time        { return time.Unix(0, c.at.Load()).UTC() }
func (c *clock) pass(d time.Duration)  { c.at.Add(int64(d)) }
func (c *clock) stamp() canonical.Time { return canonical.At(c.now()) }

func open(t *testing.T, url string, c *clock, o jobs.Options) (*sqldb.DB, *jobs.Runner) {
	t.Helper()
	db := sqldbtest.Open(t, url, sqldb.Options{Now: c.now})
	o.Now = c.now
	r, err := jobs.New(t.Context(), db, o)
	if err != nil {
		t.Fatal(err)
	}
	return db, r
}

func enqueue(t *testing.T, db *sqldb.DB, j jobs.Job, at canonical.Time, key string) {
	t.Helper()
	if err := db.Write(t.Context(), func(tx *sqldb.Tx) error { return jobs.Enqueue(tx, j, at, key) }); err != nil {
		t.Fatal(err)
	}
}

func list(t *testing.T, db *sqldb.DB, s jobs.State) (all []jobs.Row) {
	t.Helper()
	err := db.Read(t.Context(), func(tx *sqldb.Tx) (err error) {
		all, err = jobs.List(tx, s, 0, 100)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func runDue(t *testing.T, r *jobs.Runner, want int) {
	t.Helper()
	if n, err := r.RunDue(t.Context()); n != want || err != nil {
		t.Errorf("%d attempts, want %d; %v", n, want, err)
	}
}

func TestMigrations(t *testing.T) {
	if err := sqldb.CheckMigrations(jobs.Migrations()); err != nil {
		t.Error(err)
	}
}

func TestWithTheChange(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		c := newClock()
		db, r := open(t, url, c, jobs.Options{})
		var got []string
		jobs.Handle(r, func(_ context.Context, n note) error { got = append(got, n.Text); return nil })
		undone := errors.New("undone")
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			if err := jobs.Enqueue(tx, note{"never"}, tx.Now(), ""); err != nil {
				return err
			}
			return undone
		})
		if !errors.Is(err, undone) {
			t.Fatal(err)
		}
		enqueue(t, db, note{"second"}, canonical.At(c.now().Add(time.Minute)), "")
		enqueue(t, db, note{"first"}, c.stamp(), "")
		enqueue(t, db, other{}, c.stamp(), "")
		runDue(t, r, 1)
		c.pass(time.Minute)
		runDue(t, r, 1)
		runDue(t, r, 0)
		if !slices.Equal(got, []string{"first", "second"}) {
			t.Errorf("ran %q", got)
		}
		if left := list(t, db, jobs.Waiting); len(left) != 1 || left[0].Kind != "test.other" {
			t.Errorf("left are %v: a kind without handler is for others", left)
		}
	})
}

func TestUnique(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		c := newClock()
		db, r := open(t, url, c, jobs.Options{BackOff: func(int) time.Duration { return time.Minute }})
		runs := 0
		jobs.Handle(r, func(_ context.Context, n note) error {
			if runs++; runs == 1 {
				// While it runs, another of its key is news; when it then
				// fails, that one stands for both.
				enqueue(t, db, note{"again"}, c.stamp(), "k")
				return errors.New("failed")
			}
			if n.Text != "again" {
				t.Errorf("ran %q", n.Text)
			}
			return nil
		})
		later := canonical.At(c.now().Add(time.Hour))
		enqueue(t, db, note{"a"}, later, "k")
		enqueue(t, db, note{"b"}, c.stamp(), "k") // the same, and earlier
		enqueue(t, db, note{"c"}, later, "k")     // the same, and later
		if w := list(t, db, jobs.Waiting); len(w) != 1 || w[0].Due != c.stamp() || w[0].Key != "k" {
			t.Errorf("waiting are %v", w)
		}
		runDue(t, r, 2)
		if w := append(list(t, db, jobs.Waiting), list(t, db, jobs.Running)...); len(w) != 0 {
			t.Errorf("left are %v", w)
		}
		enqueue(t, db, other{}, later, "k")
		enqueue(t, db, note{"d"}, later, "")
		enqueue(t, db, note{"e"}, later, "")
		if w := list(t, db, jobs.Waiting); len(w) != 3 {
			t.Errorf("waiting are %v: another kind, and two without key", w)
		}
	})
}

func TestCancel(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		c := newClock()
		db, r := open(t, url, c, jobs.Options{BackOff: func(int) time.Duration { return time.Minute }})
		cancel := func(j jobs.Job, key string) {
			t.Helper()
			if err := db.Write(t.Context(), func(tx *sqldb.Tx) error { jobs.Cancel(tx, j, key); return nil }); err != nil {
				t.Error(err)
			}
		}
		var ran []string
		jobs.Handle(r, func(_ context.Context, n note) error {
			cancel(note{}, "runs") // its own: it goes on
			ran = append(ran, n.Text)
			return errors.New("failed")
		})
		enqueue(t, db, note{"cancelled"}, c.stamp(), "a")
		enqueue(t, db, note{"of another key"}, c.stamp(), "b")
		enqueue(t, db, other{}, c.stamp(), "a")
		cancel(note{}, "a")
		cancel(note{}, "nobody's")
		runDue(t, r, 1)
		if !slices.Equal(ran, []string{"of another key"}) || len(list(t, db, jobs.Waiting)) != 2 {
			t.Errorf("ran %q, left are %v", ran, list(t, db, jobs.Waiting))
		}
		cancel(note{}, "b") // it failed and waits again
		enqueue(t, db, note{"runs"}, c.stamp(), "runs")
		c.pass(time.Hour)
		runDue(t, r, 1)
		if left := list(t, db, jobs.Waiting); len(left) != 2 || len(ran) != 2 {
			t.Errorf("ran %q, left are %v: one that runs is not cancelled, and waits again when it fails", ran, left)
		}
	})
}

func TestFailures(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		c := newClock()
		var reported []string
		db, r := open(t, url, c, jobs.Options{Attempts: 3, BackOff: func(n int) time.Duration { return time.Duration(n) * time.Minute },
			Report: func(j jobs.Row, err error) {
				text, _, _ := strings.Cut(err.Error(), "\n")
				reported = append(reported, fmt.Sprintf("%d: %s", j.Attempts, text))
			}})
		jobs.Handle(r, func(_ context.Context, n note) error {
			switch n.Text {
			case "panics":
				panic("mistake")
			case "hopeless":
				return fmt.Errorf("really: %w", jobs.GiveUp(errors.New("hopeless")))
			}
			return errors.New("failed")
		})
		enqueue(t, db, note{"fails"}, c.stamp(), "")
		runDue(t, r, 1)
		if w := list(t, db, jobs.Waiting); len(w) != 1 || w[0].Attempts != 1 || w[0].LastError != "failed" || w[0].Due != canonical.At(c.now().Add(time.Minute)) {
			t.Errorf("after one failure: %+v", w)
		}
		runDue(t, r, 0)
		c.pass(time.Minute)
		runDue(t, r, 1)
		c.pass(time.Minute)
		runDue(t, r, 0)
		c.pass(time.Minute)
		runDue(t, r, 1)
		c.pass(24 * time.Hour)
		runDue(t, r, 0)
		d := list(t, db, jobs.Dead)
		if len(d) != 1 || d[0].Attempts != 3 || d[0].LastError != "failed" || string(d[0].Args) != `{"text":"fails"}` {
			t.Fatalf("dead are %+v", d)
		}
		if want := []string{"1: failed", "2: failed", "3: failed"}; !slices.Equal(reported, want) {
			t.Errorf("reported %q", reported)
		}
		if err := db.Write(t.Context(), func(tx *sqldb.Tx) error { return jobs.Revive(tx, d[0].ID) }); err != nil {
			t.Fatal(err)
		}
		runDue(t, r, 1)
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error { return jobs.Discard(tx, d[0].ID) })
		if !fault.Is(err, "job-not-found") {
			t.Errorf("discarding a job that is not dead: %v", err)
		}
		enqueue(t, db, note{"hopeless"}, c.stamp(), "")
		enqueue(t, db, note{"panics"}, c.stamp(), "")
		runDue(t, r, 2)
		d = list(t, db, jobs.Dead)
		if len(d) != 1 || d[0].LastError != "really: hopeless" {
			t.Fatalf("dead are %+v", d)
		}
		if err := db.Write(t.Context(), func(tx *sqldb.Tx) error { return jobs.Discard(tx, d[0].ID) }); err != nil {
			t.Fatal(err)
		}
		if d = list(t, db, jobs.Dead); len(d) != 0 {
			t.Errorf("dead are %+v", d)
		}
		if w := list(t, db, jobs.Waiting); len(w) != 2 || !strings.HasPrefix(w[1].LastError, "panic: mistake") {
			t.Errorf("waiting are %+v", w)
		}
	})
}

// TestClaimsRunOut: whoever has a job and dies loses it; whoever has it and is
// slow does not write over another's claim.
func TestClaimsRunOut(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		c := newClock()
		o := jobs.Options{Attempts: 2, Timeout: time.Minute}
		db, slow := open(t, url, c, o)
		_, quick := open(t, url, c, o)
		jobs.Handle(slow, func(context.Context, note) error {
			runDue(t, quick, 0) // claimed
			c.pass(time.Hour)
			runDue(t, quick, 1)
			return nil // and is done, it thinks
		})
		jobs.Handle(quick, func(context.Context, note) error { return errors.New("failed") })
		enqueue(t, db, note{"a"}, c.stamp(), "")
		if n, err := slow.RunDue(t.Context()); n != 1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		if d := list(t, db, jobs.Dead); len(d) != 1 || d[0].Attempts != 2 {
			t.Errorf("dead are %+v", d)
		}

		// A job that kills whoever runs it is dead in the end.
		enqueue(t, db, note{"b"}, c.stamp(), "")
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			_, err := tx.Exec(`update job set state = 'running', attempts = 2 where state = 'waiting'`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		runDue(t, quick, 0)
		if d := list(t, db, jobs.Dead); len(d) != 2 {
			t.Errorf("dead are %+v", d)
		}
	})
}

// TestStartStop: woken at once, by the commit and not by a poll; each job once
// although two nodes run; and Stop leaves nothing behind.
func TestStartStop(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
		c := newClock()
		var mu sync.Mutex
		runs := map[string]int{}
		const n = 200
		all := make(chan struct{}, n)
		handle := func(_ context.Context, j note) error {
			mu.Lock()
			runs[j.Text]++
			mu.Unlock()
			all <- struct{}{}
			return nil
		}
		var dbs []*sqldb.DB
		var runners []*jobs.Runner
		for range 2 {
			db, err := sqldb.Open(t.Context(), url, sqldb.Options{Now: c.now})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			r, err := jobs.New(t.Context(), db, jobs.Options{Poll: time.Hour, Now: c.now})
			if err != nil {
				t.Fatal(err)
			}
			jobs.Handle(r, handle)
			r.Start()
			dbs, runners = append(dbs, db), append(runners, r)
		}
		for i := range n {
			enqueue(t, dbs[i%2], note{fmt.Sprint(i)}, c.stamp(), "")
		}
		for range n {
			<-all // no poll comes in this test's lifetime
		}
		for _, r := range runners {
			r.Stop(t.Context())
		}
		for text, k := range runs {
			if k != 1 {
				t.Errorf("job %s was run %d times", text, k)
			}
		}
		if len(runs) != n || len(list(t, dbs[0], jobs.Waiting))+len(list(t, dbs[0], jobs.Running)) != 0 {
			t.Errorf("%d of %d jobs were run, %v are left", len(runs), n, list(t, dbs[0], jobs.Running))
		}
	})
}

func TestStopWaits(t *testing.T) {
	c := newClock()
	db, r := open(t, sqldbtest.SQLite(t), c, jobs.Options{})
	begun, ended := make(chan struct{}), false
	jobs.Handle(r, func(ctx context.Context, _ note) error {
		close(begun)
		<-ctx.Done() // only Stop's end of patience, no timeout of a minute, ends this
		ended = true
		return ctx.Err()
	})
	r.Start()
	enqueue(t, db, note{"a"}, c.stamp(), "")
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r.Stop(ctx)
	if !ended {
		t.Error("Stop returned while a job ran")
	}
	if w := list(t, db, jobs.Waiting); len(w) != 1 || w[0].LastError != "context canceled" {
		t.Errorf("waiting are %+v", w)
	}
}

// TestDueInTime: a job for later starts when it is due, and one that another
// node enqueued at the next poll.
func TestDueInTime(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, url string) {
		for name, poll := range map[string]time.Duration{"due": time.Hour, "polled": 5 * time.Millisecond} {
			t.Run(name, func(t *testing.T) {
				a := sqldbtest.Open(t, url, sqldb.Options{})
				b := sqldbtest.Open(t, url, sqldb.Options{})
				r, err := jobs.New(t.Context(), a, jobs.Options{Poll: poll})
				if err != nil {
					t.Fatal(err)
				}
				ran := make(chan time.Time, 1)
				jobs.Handle(r, func(context.Context, note) error { ran <- time.Now(); return nil })
				r.Start()
				defer r.Stop(t.Context())
				at := canonical.At(time.Now())
				if name == "polled" {
					enqueue(t, b, note{}, at, "")
				} else {
					at = canonical.At(at.Add(30 * time.Millisecond))
					enqueue(t, a, note{}, at, "")
				}
				if got := <-ran; got.Before(at.Time) {
					t.Errorf("ran at %s, due at %s", got, at)
				}
			})
		}
	})
}
