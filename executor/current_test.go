package executor_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/platform"
)

// follows reports whether a question for a feed is that of an executor that follows the
// ledger: it waits for news. The question how far the ledger goes now does not wait.
func follows(_ int64, wait time.Duration) bool { return wait > 0 }

// patiently restarts the executor so that it waits so long for an undo's ledger.
func (p *place) patiently(wait time.Duration) {
	p.t.Helper()
	p.halt()
	p.limits.RelievingEntry = wait
	p.start()
	p.ready()
}

// endsUnread enters the end of ann's sessions, of which the executor reads nothing until the
// desk's Mute is over.
func (p *place) endsUnread() {
	p.desk.Mute(follows)
	p.advance(time.Second)
	p.world.Void("ann", actions.Void{Scope: actions.ScopeWorker, Of: "ann", Before: canonical.At(p.world.Now())})
}

// undone takes an account down and returns that measure, and the warrant of an undo under
// the same session.
func (p *place) undone(id string) (*prooftest.Request, []byte) {
	p.t.Helper()
	s := own(p)
	r := p.taken(s, id)
	raw := p.world.Warrant(p.world.Under(s, p.world.Undo("ann", r)))
	p.ready()
	return r, raw
}

// TestUndoWaitsForTheEndOfItsSession: the end of a session is in the desk's ledger, and the
// executor has not read it yet. An undo under that session is not carried out: the executor
// asks first how far the ledger goes, and reads all of it.
func TestUndoWaitsForTheEndOfItsSession(t *testing.T) {
	p := newPlace(t)
	r, raw := p.undone("acct/9")
	p.patiently(patience)
	changes := len(p.plaza.Effects())
	p.endsUnread()
	var once sync.Once
	p.desk.Lie(func(*linkv1.Feed) { // the first feed answers the executor's question
		once.Do(func() { p.desk.Mute(nil) })
	})
	p.desk.Before(func(proof.Execution) { p.desk.Mute(nil) }) // it did not ask, and has begun
	p.comesTo("the undo", raw, "refused session-void")
	if n := len(p.plaza.Effects()); n != changes {
		t.Errorf("the platform changed %d times", n-changes)
	}
	if st := p.plaza.State(r.Action.Subject.ID); st.Status != platform.Down {
		t.Errorf("the account is %s", st.Status)
	}
}

// TestNoDeskHoldsAnUndoUp: an undo under a session goes through after the limit at the
// latest, whatever the desk answers when it is asked how far its ledger goes (law 5). Whether
// the session has ended meanwhile, an executor that gets no answer cannot know.
func TestNoDeskHoldsAnUndoUp(t *testing.T) {
	for _, c := range []struct {
		name string
		desk func(p *place)
	}{
		{"it does not answer", func(p *place) { p.desk.Mute(func(int64, time.Duration) bool { return true }) }},
		{"it cannot be reached", func(p *place) { p.desk.Down(true) }},
		{"it gives nothing of what it says that it has", (*place).endsUnread},
		{"it names a size that never comes", func(p *place) {
			p.desk.Lie(func(f *linkv1.Feed) {
				lines := strings.Split(f.Checkpoint, "\n")
				lines[1] = "9000000"
				f.Checkpoint = strings.Join(lines, "\n")
			})
		}},
		{"it names no size", func(p *place) { p.desk.Lie(func(f *linkv1.Feed) { f.Checkpoint = "" }) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPlace(t)
			r, raw := p.undone("acct/9")
			c.desk(p)
			got, err := p.Carry(t.Context(), raw, time.Minute)
			if err != nil || got.Outcome != proof.Executed {
				t.Errorf("%+v, %v", got, err)
			}
			if st := p.plaza.State(r.Action.Subject.ID); st.Status != platform.Up {
				t.Errorf("the account is %s", st.Status)
			}
		})
	}
}

// TestStopsWhileItAsks: the executor is shut down while it waits for the desk's answer. It
// ends at once, has not begun the undo, and carries it out after the restart.
func TestStopsWhileItAsks(t *testing.T) {
	p := newPlace(t)
	r, raw := p.undone("acct/9")
	p.patiently(time.Hour)
	asked, ended := make(chan struct{}), make(chan error, 1)
	var once sync.Once
	p.desk.Mute(func(from int64, wait time.Duration) bool {
		if !follows(from, wait) {
			once.Do(func() { close(asked) })
		}
		return true
	})
	e := p.Executor
	go func() {
		_, err := e.Carry(t.Context(), raw, patience)
		ended <- err
	}()
	<-asked
	p.cancel()
	select {
	case err := <-ended:
		if !fault.Is(err, "executor-not-running") {
			t.Errorf("got %v", err)
		}
	case <-time.After(patience):
		p.desk.Mute(nil)
		t.Fatal("it waits for the desk")
	}
	p.halt()
	if st := p.plaza.State(r.Action.Subject.ID); st.Status != platform.Down {
		t.Errorf("the account is %s", st.Status)
	}
	p.desk.Mute(nil)
	p.start()
	p.ready()
	p.comesTo("the undo after the restart", raw, "executed ")
}
