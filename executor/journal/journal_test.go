package journal

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/sqldb/sqldbtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	epoch = time.Date(2026, 11, 23, 5, 39, 46, 0, time.UTC)
	owner = Owner{Executor: "executor-1", Root: canonical.Sum([]byte("root"))}
)

func openJournal(t *testing.T) *Journal {
	t.Helper()
	j, err := Open(t.Context(), filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := j.Claim(t.Context(), owner); err != nil {
		t.Fatal(err)
	}
	return j
}

func signAs(kind string, a Act) Sign {
	return func(sequence int64) proof.SignedExecution {
		return proof.SignedExecution{Execution: proof.Execution{Sequence: sequence, Kind: kind, Duty: a.Duty, Request: a.Request, Nonce: a.Nonce}, Signature: canonical.Bytes{1}}
	}
}

func act(request string) Act {
	s := platform.Subject{Platform: "plaza", ID: "acct/17", Handle: "@17"}
	return Act{Key: Key{request, proof.DutyAct}, Warrant: canonical.Sum([]byte(request)), Document: []byte("{}"), Subject: s, Kind: actions.AccountSuspend,
		Command:   platform.Command{Verb: platform.Takedown, Subject: s, Expect: platform.Expect{Status: platform.Up}, Mark: platform.MarkOf(request)},
		Requester: "ann", Vendor: "acme", Tier: actions.Standard, Direction: actions.Burdening, Nonce: canonical.Bytes{1, 2, 3}, Attempt: 1,
		Due: canonical.At(epoch.Add(time.Hour)), Intended: canonical.At(epoch)}
}

// TestLife follows a suspension and its lift, reading back what was written.
func TestLife(t *testing.T) {
	ctx, j := t.Context(), openJournal(t)
	a := act("req_1")
	if _, err := j.Intend(ctx, a, Grounds{}, Head{Size: 5, Tree: owner.Root}, nil, signAs("intent", a)); err != nil {
		t.Fatal(err)
	}
	if raw, err := j.Document(ctx, a.Request); err != nil || string(raw) != "{}" {
		t.Errorf("the document is %q, %v", raw, err)
	}
	a.Stage, a.Document = Intended, nil
	unsettled, err := j.Unsettled(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Act{a}, unsettled); diff != "" {
		t.Error(diff)
	}
	if err := j.Attempt(ctx, a.Key, 1); err != nil {
		t.Fatal(err)
	}
	if err := j.Attempt(ctx, a.Key, 1); !fault.Is(err, "ended") {
		t.Errorf("the same attempt twice: %v", err)
	}
	lift := act("req_1")
	lift.Duty, lift.Document, lift.Nonce, lift.Attempt, lift.Intended = proof.DutyLift, nil, nil, 0, canonical.Time{}
	r := Result{Outcome: proof.Executed}
	if _, err := j.End(ctx, a.Key, r, canonical.At(epoch), Head{Size: 7, Tree: owner.Root}, &lift, nil, signAs("receipt", a)); err != nil {
		t.Fatal(err)
	}
	if _, err := j.End(ctx, a.Key, r, canonical.At(epoch), Head{}, &lift, nil, signAs("receipt", a)); !fault.Is(err, "ended") {
		t.Errorf("ended twice: %v", err)
	}
	if err := j.Attempt(ctx, a.Key, 2); !fault.Is(err, "ended") {
		t.Errorf("an attempt after the end: %v", err)
	}
	owed, err := j.Owed(ctx)
	if err != nil || len(owed) != 1 || owed[0].Key != lift.Key || !owed[0].Due.Equal(lift.Due.Time) {
		t.Fatalf("owed: %+v, %v", owed, err)
	}
	begun := owed[0]
	begun.Nonce, begun.Attempt, begun.Intended = canonical.Bytes{9}, 1, canonical.At(epoch)
	if _, err := j.Intend(ctx, begun, Grounds{}, Head{}, nil, signAs("intent", begun)); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Intend(ctx, begun, Grounds{}, Head{}, nil, signAs("intent", begun)); !fault.Is(err, "spent") {
		t.Errorf("a lift begun twice: %v", err)
	}
	if n, err := j.Intent(ctx, begun.Key, begun.Nonce); err != nil || n != 2 {
		t.Errorf("the lift's intent is %d, %v", n, err)
	}
	if h, err := j.Seen(ctx); err != nil || h.Size != 7 {
		t.Errorf("seen %+v, %v", h, err)
	}
	got, ok, err := j.Act(ctx, a.Key)
	if err != nil || !ok || got.Stage != Ended || got.Result != r || got.Attempt != 2 {
		t.Errorf("%+v, %v, %v", got, ok, err)
	}
}

// TestSpent: a warrant is taken on once, by request and by core.
func TestSpent(t *testing.T) {
	ctx, j := t.Context(), openJournal(t)
	a := act("req_1")
	if _, err := j.Refuse(ctx, withOutcome(a, proof.Refused), Head{}, nil, signAs("refusal", a)); err != nil {
		t.Fatal(err)
	}
	core := act("req_2")
	core.Warrant = a.Warrant
	request := act("req_1")
	request.Warrant = canonical.Sum([]byte("other"))
	for name, x := range map[string]Act{"the same": a, "the core": core, "the request": request} {
		if _, err := j.Intend(ctx, x, Grounds{}, Head{}, nil, signAs("intent", x)); !fault.Is(err, "spent") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if all, err := j.Digests(ctx); err != nil || len(all) != 1 {
		t.Errorf("%d records, %v", len(all), err)
	}
}

func withOutcome(a Act, o proof.Outcome) Act { a.Outcome = o; return a }

// TestBudget: acts at once are numbered without gap and counted as if they had
// come one after another.
func TestBudget(t *testing.T) {
	ctx, j := t.Context(), openJournal(t)
	const limit = 7
	full := fault.New(fault.Exhausted, "budget-spent", "full")
	var wait sync.WaitGroup
	var mu sync.Mutex
	taken := 0
	for i := range 40 {
		wait.Go(func() {
			a := act(fmt.Sprintf("req_%d", i))
			_, err := j.Intend(ctx, a, Grounds{}, Head{}, func(count actions.Count) error {
				n, err := count("vendor", actions.Spender{Worker: "bob", Vendor: "acme"}, a.Tier, a.Direction, false, epoch.Add(-time.Hour))
				if err == nil && n >= limit {
					err = full
				}
				return err
			}, signAs("intent", a))
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				taken++
			} else if !fault.Is(err, "budget-spent") {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if taken != limit {
		t.Errorf("%d taken on, want %d", taken, limit)
	}
	for i := range int64(limit) {
		if r, ok, err := j.Record(ctx, i); err != nil || !ok || r.Execution.Sequence != i {
			t.Errorf("record %d: %+v, %v, %v", i, r, ok, err)
		}
	}
	if _, ok, err := j.Record(ctx, limit); ok || err != nil {
		t.Errorf("record %d is there, %v", limit, err)
	}
}

// TestNeverChanged: records and the chain are append-only.
func TestNeverChanged(t *testing.T) {
	ctx, j := t.Context(), openJournal(t)
	a := act("req_1")
	if _, err := j.Intend(ctx, a, Grounds{}, Head{}, nil, signAs("intent", a)); err != nil {
		t.Fatal(err)
	}
	entry := ChainEntry{Leaf: ledger.Leaf{Class: ledger.Governance}, Body: []byte("{}"), Salt: canonical.Bytes{1}}
	if err := j.Keep(ctx, []ChainEntry{entry}); err != nil {
		t.Fatal(err)
	}
	chain, err := j.Chain(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]ChainEntry{entry}, chain); diff != "" {
		t.Error(diff)
	}
	sqldbtest.RefusesChange(t, j.db, "record", "body")
	sqldbtest.RefusesChange(t, j.db, "chain", "body")
}

// TestClaim: who claims last may write, and the head never goes back.
func TestClaim(t *testing.T) {
	ctx, j := t.Context(), openJournal(t)
	if err := j.Saw(ctx, Head{Size: 9, Tree: owner.Root, Entered: 3}); err != nil {
		t.Fatal(err)
	}
	if err := j.Saw(ctx, Head{Size: 8, Tree: canonical.Sum(nil)}); err != nil {
		t.Fatal(err)
	}
	first := j.turn.Load()
	head, err := j.Claim(ctx, owner)
	if err != nil || head != (Head{Size: 9, Tree: owner.Root, Entered: 3}) {
		t.Errorf("%+v, %v", head, err)
	}
	if _, err := j.Claim(ctx, Owner{Executor: "executor-2", Root: owner.Root}); !fault.Is(err, "foreign-journal") {
		t.Errorf("another executor: %v", err)
	}
	if err := j.Saw(ctx, Head{Size: 10}); err != nil {
		t.Errorf("after somebody else's vain claim: %v", err)
	}
	j.turn.Store(first)
	if err := j.Saw(ctx, Head{Size: 11}); !fault.Is(err, "journal-taken") {
		t.Errorf("the first claim's: %v", err)
	}
}

// TestSessionsAreForgotten: a session is kept for as long as an act can be valid that an older
// session of its key signed, and no longer.
func TestSessionsAreForgotten(t *testing.T) {
	ctx := t.Context()
	j := openJournal(t)
	begun := canonical.At(epoch)
	session := func(hours int) actions.SignedSession {
		return actions.SignedSession{Session: actions.Session{Key: "key", NotBefore: canonical.At(begun.Add(time.Duration(hours) * time.Hour))}}
	}
	see := func(x actions.SignedSession, at time.Time) {
		t.Helper()
		if err := j.See(ctx, Grounds{Sessions: []actions.SignedSession{x}, Index: 7, At: canonical.At(at)}); err != nil {
			t.Fatal(err)
		}
	}
	see(session(0), begun.Time)
	see(session(-1), begun.Add(sessionKept))
	if err := j.Replaced(ctx, session(-2)); !fault.Is(err, "session-replaced") {
		t.Errorf("a session that is kept: %v", err)
	}
	see(session(-3), begun.Add(sessionKept+time.Microsecond))
	if err := j.Replaced(ctx, session(-1)); err != nil {
		t.Errorf("a session that is forgotten: %v", err)
	}
}
