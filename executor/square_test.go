package executor_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign.dev/desk/desktest"
	"countersign.dev/executor/executortest"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/platform"
	connector "countersign.dev/platform/plaza"
	"countersign.dev/plaza"
	"countersign.dev/sqldb"
)

// played is a platform as tests of the watch play it: in memory, where it can be made
// to fail, or a real plaza.
type played interface {
	platform.Connector
	Account(id string, followers int64, office string) platform.Subject
	Set(id string, status platform.Status, mark platform.Mark)
	SetBy(by, id string, status platform.Status, mark platform.Mark)
	State(id string) platform.State
}

var (
	_ played = (*executortest.Platform)(nil)
	_ played = (*square)(nil)
)

// square is a real plaza, reached over HTTP by the real connector. It has the machine's
// clock: what the executor takes the time to be is none of a platform's business.
type square struct {
	*connector.Connector // the executor's
	*desktest.Square
	t *testing.T

	mu    sync.Mutex
	staff map[string]*connector.Connector
	keys  int
	downs map[string]bool // accounts whose takedown the executor's stream has told, and which it has queued
}

// Watch is the connector's, and notes what was told.
func (s *square) Watch(ctx context.Context, cursor string) (platform.Stream, error) {
	stream, err := s.Connector.Watch(ctx, cursor)
	if err != nil {
		return nil, err
	}
	return &listened{Stream: stream, s: s}, nil
}

// toldDown reports whether the executor has taken in that an account was taken down.
func (s *square) toldDown(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.downs[id]
}

// listened notes an event once the next is asked for: then it was taken in.
type listened struct {
	platform.Stream
	s    *square
	last string
}

func (l *listened) Next() (platform.Happening, error) {
	l.s.mu.Lock()
	l.s.downs[l.last] = true
	l.s.mu.Unlock()
	l.last = ""
	h, err := l.Stream.Next()
	if err == nil && h.Status == platform.Down {
		l.last = h.Subject.ID
	}
	return h, err
}

func openSquare(t *testing.T, c *clock) *square {
	t.Helper()
	return squareOf(t, c, desktest.OpenSquare(t))
}

func squareOf(t *testing.T, c *clock, plaza *desktest.Square) *square {
	t.Helper()
	s := &square{Square: plaza, t: t, staff: map[string]*connector.Connector{}, downs: map[string]bool{}}
	s.Connector = s.connect(executortest.Executor, c.Now)
	return s
}

func (s *square) connect(holder string, now func() time.Time) *connector.Connector {
	s.t.Helper()
	scope := plaza.StaffScope
	if holder == executortest.Executor {
		scope = plaza.KeeperScope
	}
	c, err := connector.Connect(s.t.Context(), connector.Config{Name: "plaza", URL: s.URL, Token: s.Token(holder, scope), Now: now})
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// as is a connector with the staff token of somebody who goes around the desk.
func (s *square) as(holder string) *connector.Connector {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.staff[holder] == nil {
		s.staff[holder] = s.connect(holder, nil)
	}
	return s.staff[holder]
}

// Account makes the account that is next by its number.
func (s *square) Account(id string, followers int64, office string) platform.Subject {
	s.t.Helper()
	return s.accounts([]string{id}, followers, office)[0]
}

// accounts makes those that are next by their numbers, as alike as can be.
func (s *square) accounts(ids []string, followers int64, office string) []platform.Subject {
	s.t.Helper()
	const most = 5000 // in one request
	seed := s.Token("seed", plaza.SetupScope)
	var made []platform.Subject
	var all []string
	for i, id := range ids {
		made = append(made, prooftest.Account(id))
		all = append(all, fmt.Sprintf(`{"handle":%q,"name":"An Account","office":%q,"followers":%d}`, made[i].Handle, office, followers))
		if len(all) == most || i == len(ids)-1 {
			s.Post(seed, "/staff/v1/accounts/bulk", `{"accounts":[`+strings.Join(all, ",")+`]}`)
			all = nil
		}
	}
	last := made[len(made)-1]
	if is, err := s.Resolve(s.t.Context(), last); err != nil || is != last {
		s.t.Fatalf("plaza calls %s %s, %v", last, is, err)
	}
	return made
}

// Set is SetBy of an insider whose name does not matter.
func (s *square) Set(id string, status platform.Status, mark platform.Mark) {
	s.t.Helper()
	s.SetBy("insider", id, status, mark)
}

// SetBy has somebody change an account with a staff token.
func (s *square) SetBy(by, id string, status platform.Status, mark platform.Mark) {
	s.t.Helper()
	if err := s.setBy(by, id, status, mark); err != nil {
		s.t.Fatal(err)
	}
}

func (s *square) setBy(by, id string, status platform.Status, mark platform.Mark) error {
	c, subject := s.as(by), platform.Subject{Platform: "plaza", ID: id}
	now, err := c.Peek(s.t.Context(), subject)
	if err != nil {
		return err
	}
	command := platform.Command{Verb: platform.Takedown, Subject: subject, Expect: now.At(platform.VisibilityLayer), Mark: mark}
	switch {
	case status == platform.Deactivated:
		command.Verb = platform.Deactivate
	case status == platform.Up && now.Status == platform.Deactivated:
		command.Verb = platform.Reactivate
	case status == platform.Up:
		command.Verb = platform.Restore
	}
	s.mu.Lock()
	s.keys++
	key := fmt.Sprintf("key-%d", s.keys)
	s.mu.Unlock()
	_, err = c.Apply(s.t.Context(), key, command)
	return err
}

// State reads a subject.
func (s *square) State(id string) platform.State {
	s.t.Helper()
	st, err := s.as("insider").Read(s.t.Context(), platform.Subject{Platform: "plaza", ID: id})
	if err != nil {
		s.t.Fatal(err)
	}
	return st
}

// restorations follows plaza's events from the first, until the executor has brought
// so many accounts back, and returns those, in their order.
func (s *square) restorations(n int) (all []connector.Event) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 4*patience)
	defer cancel()
	stream, err := s.as("auditor").Events(ctx, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	defer stream.Close()
	for len(all) < n {
		e, err := stream.Next()
		if err != nil {
			s.t.Fatalf("in vain: %d of %d restorations: %v", len(all), n, err)
		}
		if e.By == executortest.Executor && e.Status == platform.Up {
			all = append(all, e)
		}
	}
	return all
}

// commanded fails unless the executor has sent so many commands and no other, and
// each of them did something. It asks plaza's tables: events do not tell of a
// command that was refused.
func (p *place) commanded(want int) {
	p.t.Helper()
	var all, done int
	err := p.square.DB.Read(p.t.Context(), func(tx *sqldb.Tx) error {
		return tx.QueryRow(`select count(*), count(case outcome when 'done' then 1 end) from command where holder = $1`, executortest.Executor).Scan(&all, &done)
	})
	if err != nil {
		p.t.Fatal(err)
	}
	if all != want || done != want {
		p.t.Errorf("%d commands of the executor's, %d of them carried out; expected %d", all, done, want)
	}
}

// sideBySide does n things, some at once.
func sideBySide(t *testing.T, n int, do func(i int) error) {
	t.Helper()
	var wait sync.WaitGroup
	turns := make(chan struct{}, 32)
	for i := range n {
		turns <- struct{}{}
		wait.Go(func() {
			defer func() { <-turns }()
			if err := do(i); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if t.Failed() {
		t.FailNow()
	}
}
