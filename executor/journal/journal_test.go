package journal

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path"
	"path/filepath"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/sqldb"
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
			_, err := j.Intend(ctx, a, Grounds{}, Head{}, func(_ actions.Family, count actions.Count) error {
				n, err := count(actions.Budget{Per: "vendor", Tier: a.Tier, Direction: a.Direction}, actions.Spender{Worker: "bob", Vendor: "acme"}, epoch.Add(-time.Hour))
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

// TestFamilies: an act counts in its own family, after many on the content of one account in
// a second one too, and each budget counts what it covers and no more.
func TestFamilies(t *testing.T) {
	ctx, j := t.Context(), openJournal(t)
	n := 0
	// did journals an act and returns the second family in which it counts.
	did := func(edit func(*Act)) (also actions.Family) {
		t.Helper()
		n++
		a := act(fmt.Sprintf("req_%d", n))
		a.Kind, a.Subject.ID, a.Owner = actions.ContentRemove, fmt.Sprintf("post/%d", n), "acct/1"
		edit(&a)
		result := a.Result
		a.Result = Result{}
		if _, err := j.Intend(ctx, a, Grounds{}, Head{}, func(second actions.Family, _ actions.Count) error {
			also = second
			return nil
		}, signAs("intent", a)); err != nil {
			t.Fatal(err)
		}
		if result.Outcome != "" {
			if _, err := j.End(ctx, a.Key, result, canonical.At(epoch), Head{}, nil, nil, signAs("receipt", a)); err != nil {
				t.Fatal(err)
			}
		}
		return also
	}
	counts := func(b actions.Budget, of actions.Spender, want int64) {
		t.Helper()
		b.Tier = actions.Standard
		b.Direction = actions.Burdening
		if b.Undo {
			b.Direction = actions.Relieving
		}
		err := j.write(ctx, "count", func(tx *sqldb.Tx) error {
			got, err := counter(tx)(b, of, epoch.Add(-time.Hour))
			if got != want {
				t.Errorf("a budget per %s of the family %q counts %d, want %d", b.Per, b.Family, got, want)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	plain := func(*Act) {}
	none := func(what string, edit func(*Act)) {
		t.Helper()
		if also := did(edit); also != actions.FamilyEvery {
			t.Errorf("%s counts in %q too", what, also)
		}
	}
	none("one that failed", func(a *Act) { a.Outcome = proof.Failed })
	none("one of two hours ago", func(a *Act) { a.Intended = canonical.At(epoch.Add(-2 * time.Hour)) })
	for range actions.ContentOfOne {
		none("one of the first", plain)
	}
	none("content of another account", func(a *Act) { a.Owner = "acct/2" })
	none("content of another platform", func(a *Act) { a.Subject.Platform = "other" })
	none("content of nobody", func(a *Act) { a.Owner = "" })
	none("another person's", func(a *Act) { a.Requester = "abe" })
	none("an undo", func(a *Act) { a.Kind, a.Direction, a.Undo = actions.ContentRestore, actions.Relieving, true })
	if also := did(func(a *Act) { a.Kind = actions.ContentLabel }); also != actions.FamilyAccount {
		t.Errorf("the thirty-first counts in %q too", also)
	}
	none("an account", func(a *Act) { a.Kind = actions.AccountTakedown })
	none("an account's limit", func(a *Act) { a.Kind = actions.AccountLimit })

	ann, abe := actions.Spender{Worker: "ann", Vendor: "acme"}, actions.Spender{Worker: "abe", Vendor: "acme"}
	content := int64(actions.ContentOfOne + 4) // 30, three elsewhere or of nobody, and the thirty-first
	counts(actions.Budget{Per: "worker", Family: actions.FamilyContent}, ann, content)
	counts(actions.Budget{Per: "vendor", Family: actions.FamilyContent}, ann, content+1)
	counts(actions.Budget{Per: "worker", Family: actions.FamilyContent}, abe, 1)
	counts(actions.Budget{Per: "worker", Family: actions.FamilyAccount}, ann, 2)
	counts(actions.Budget{Per: "vendor", Family: actions.FamilyAccount}, abe, 2)
	counts(actions.Budget{Per: "worker", Family: actions.FamilyAccount}, abe, 0)
	counts(actions.Budget{Per: "worker", Family: actions.FamilyAccountWeak}, ann, 1)
	counts(actions.Budget{Per: "worker", Family: actions.FamilyBurying}, ann, 0)
	for _, f := range []actions.Family{actions.FamilyEvery, actions.FamilyAll} {
		counts(actions.Budget{Per: "worker", Family: f}, ann, content+2)
		counts(actions.Budget{Per: "worker", Family: f, Undo: true}, ann, 1)
	}
}

// TestWindowsSlide: a budget counts what was done in the hour or the day before the act, to
// the instant, though it adds whole minutes up.
func TestWindowsSlide(t *testing.T) {
	ctx, j := t.Context(), openJournal(t)
	done := map[actions.Family][]time.Time{}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 400 {
		at := epoch.Add(-time.Duration(random.Int64N(int64(26 * time.Hour))))
		switch i % 4 { // many within a minute, and at its edges
		case 0:
			at = epoch.Add(-time.Hour).Add(time.Duration(random.IntN(240)-120) * time.Second)
		case 1:
			at = epoch.Add(-24 * time.Hour).Truncate(time.Minute).Add(time.Duration(random.IntN(5)-2) * time.Microsecond)
		}
		a := act(fmt.Sprintf("req_%d", i))
		a.Intended = canonical.At(at)
		if i%3 == 0 {
			a.Kind = actions.ContentRemove
		}
		if _, err := j.Intend(ctx, a, Grounds{}, Head{}, nil, signAs("intent", a)); err != nil {
			t.Fatal(err)
		}
		if i%5 == 0 {
			if _, err := j.End(ctx, a.Key, Result{Outcome: proof.Dropped}, canonical.At(epoch), Head{}, nil, nil, signAs("receipt", a)); err != nil {
				t.Fatal(err)
			}
			continue
		}
		for _, f := range []actions.Family{actions.FamilyEvery, actions.FamilyAll, actions.FamilyOf(a.Kind)} {
			done[f] = append(done[f], a.Intended.Time)
		}
	}
	for _, length := range []time.Duration{time.Hour, 24 * time.Hour} {
		for _, shift := range []time.Duration{0, time.Microsecond, 29 * time.Second, time.Minute, -40 * time.Second} {
			since := epoch.Add(shift - length)
			for _, b := range []actions.Budget{{Per: "worker"}, {Per: "vendor", Family: actions.FamilyAll}, {Per: "vendor", Family: actions.FamilyAccount}, {Per: "worker", Family: actions.FamilyContent}} {
				var want int64
				for _, at := range done[b.Family] {
					if at.After(since) {
						want++
					}
				}
				b.Tier, b.Direction = actions.Standard, actions.Burdening
				if err := j.db.Read(ctx, func(tx *sqldb.Tx) error {
					got, err := counter(tx)(b, actions.Spender{Worker: "ann", Vendor: "acme"}, since)
					if got != want {
						t.Errorf("since %s, per %s of the family %q: %d, want %d", since, b.Per, b.Family, got, want)
					}
					return err
				}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// TestFamiliesOfBefore: acts that were journalled before there were families count in them.
func TestFamiliesOfBefore(t *testing.T) {
	before := fstest.MapFS{}
	names, err := fs.Glob(migrationFiles, "migrations/sqlite/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if base := path.Base(name); base < "00015" {
			text, err := fs.ReadFile(migrationFiles, name)
			if err != nil {
				t.Fatal(err)
			}
			before["sqlite/"+base] = &fstest.MapFile{Data: text}
		}
	}
	file := filepath.Join(t.TempDir(), "journal.db")
	old := sqldbtest.Open(t, "sqlite:"+file, sqldb.Options{Migrations: before, Line: "journal"})
	kinds := []actions.Kind{actions.ContentRemove, actions.AccountTakedown, actions.AccountContain}
	if err := old.Write(t.Context(), func(tx *sqldb.Tx) error {
		for i, k := range kinds {
			if _, err := tx.Exec(`insert into act (request, duty, stage, warrant, platform, subject, subject_id, kind, command, requester, vendor, tier, direction,
				undo, category, nonce, attempt, due, intended, began, ended, outcome, type, text, sight) values ($1, 'act', 'intended', $1, 'plaza', '{}', '', $2, '{}',
				'ann', 'acme', 'standard', 'burdening', false, '', '', 1, 0, $3, $4, 0, '', '', '', '')`, fmt.Sprintf("req_%d", i), string(k), epoch.UnixMicro(), i); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	j, err := Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	for f, want := range map[actions.Family]int64{actions.FamilyEvery: 3, actions.FamilyAll: 3, actions.FamilyContent: 1, actions.FamilyAccount: 2, actions.FamilyAccountWeak: 0} {
		if err := j.db.Read(t.Context(), func(tx *sqldb.Tx) error {
			got, err := counter(tx)(actions.Budget{Per: "worker", Tier: actions.Standard, Direction: actions.Burdening, Family: f}, actions.Spender{Worker: "ann"}, epoch.Add(-time.Hour))
			if got != want {
				t.Errorf("the family %q counts %d, want %d", f, got, want)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
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
