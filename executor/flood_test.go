package executor_test

import (
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/workforce"
)

// TestEndsOfOwnSessionsAreFew: the executor lays each end of sessions that it took over every
// state of the chain. A session signs none that leaves it alive, and a person makes no more
// than a few; but the sessions from before now end always, a minute after the last.
func TestEndsOfOwnSessionsAreFew(t *testing.T) {
	p := newPlace(t)
	p.ready()
	p.desk.Hide(true) // the chain gets none of them
	s := own(p)
	p.advance(time.Second)
	of := func(by workforce.WorkerID, before time.Time) actions.Keys {
		return actions.Keys{Void: &actions.Void{Scope: actions.ScopeWorker, Of: string(by), Before: canonical.At(before)}}
	}
	takes := func(before time.Time) error {
		a, err := p.world.Authority(actions.DeskKey, of("ann", before), "ann")
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.Take(t.Context(), a)
		return err
	}
	early := s.Session.NotBefore.Add(-time.Hour)
	for range 3 {
		early = early.Add(time.Microsecond)
		r := p.world.Under(s, p.world.RequestChange(actions.DeskKey, of("ann", early), "ann"))
		_, err := p.Take(t.Context(), proof.Authority{Action: r.Action, Request: r.Signed, Sessions: r.Sessions})
		refused(t, err, "bad-void")
	}
	for range p.world.State().Trust.EndingsPerHour {
		early = early.Add(time.Microsecond)
		if err := takes(early); err != nil {
			t.Fatal(err)
		}
	}
	refused(t, takes(early.Add(time.Microsecond)), "budget-spent")
	p.advance(time.Minute)
	if err := takes(p.world.Now()); err != nil {
		t.Errorf("the sessions from before now do not end: %v", err)
	}
	refused(t, takes(p.world.Now().Add(time.Second)), "budget-spent")
}

// refused checks that a change was refused with a type.
func refused(t *testing.T, err error, typ string) {
	t.Helper()
	if !fault.Is(err, typ) {
		t.Errorf("got %v, want a refusal of type %s", err, typ)
	}
}
