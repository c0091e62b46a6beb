package system

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/desktest"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/sqldb"
	"countersign.dev/sqldb/sqldbtest"
	"countersign.dev/store"
)

// tamper runs statements as somebody who owns the desk's database, triggers
// included.
func tamper(t *testing.T, w *desktest.World, statement string, args ...any) {
	t.Helper()
	guards := map[string]string{"ledger_body_is_not_changed": "ledger_body", "ledger_entry_is_append_only": "ledger_entry"}
	if err := w.Store.Write(t.Context(), func(tx *store.Tx) error {
		for guard, table := range guards {
			drop := "drop trigger if exists " + guard
			if tx.Dialect() == sqldb.PostgreSQL {
				drop += " on " + table
			}
			if _, err := tx.Exec(drop); err != nil {
				return err
			}
		}
		n, err := tx.Exec(statement, args...)
		if err == nil && n == 0 {
			err = fmt.Errorf("%q changed nothing", statement)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// entryOf returns where the newest entry of a kind stands.
func entryOf(t *testing.T, w *desktest.World, kind string) ledger.Entry {
	t.Helper()
	var found ledger.Entry
	if err := w.Store.Read(t.Context(), func(tx *store.Tx) error {
		entries, err := tx.Entries(0, 1<<40)
		for _, e := range entries {
			if e.Body.Kind == kind {
				found = e
			}
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return found
}

// approvedAway brings a takedown of the head of state to its last signature while
// the executor is away, so that the warrant waits.
func approvedAway(t *testing.T, to *desktest.Town) actions.Request {
	t.Helper()
	r := to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@president"))
	to.Countersign(r.ID, "lee")
	to.StopExecutor()
	if r = to.Countersign(r.ID, "kim"); r.Status != actions.StatusApproved {
		t.Fatalf("the request is %s", r.Status)
	}
	return r
}

// stops demands that the executor has stopped for a reason, that a critical act
// is not carried out, and that an undo still is.
func stops(t *testing.T, to *desktest.Town, waiting, undoable actions.Request, why ...string) {
	t.Helper()
	var got string
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the executor says: %q", got)
		}
	})
	desktest.Until(t, "the executor stops: "+strings.Join(why, " … "), func() bool {
		got = to.Executor.Status().Stopped
		for _, part := range why {
			if !strings.Contains(got, part) {
				return false
			}
		}
		return true
	})
	if waiting.ID != "" {
		raw, err := to.Warrant(t.Context(), desktest.As("kim"), waiting.ID)
		if err != nil {
			t.Fatal(err)
		}
		result, err := to.Executor.Carry(t.Context(), raw, patience)
		if fault.KindOf(err) != fault.Unavailable || !strings.Contains(fault.TextOf(err), why[0]) {
			t.Errorf("the executor says of the waiting warrant: %+v, %v; want a text with %q", result, err, why[0])
		}
	}
	if n := len(to.Changes("acct/1")); n != 0 {
		t.Errorf("plaza changed the head of state's account %d times", n)
	}
	if undoable.ID == "" {
		return
	}
	u, err := to.TryUndo("ann", undoable.ID)
	if err != nil {
		t.Fatalf("undo: %v", err)
	}
	raw, err := to.Warrant(t.Context(), desktest.As("kim"), u.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := to.Executor.Carry(t.Context(), raw, patience); err != nil || got.Outcome != proof.Executed {
		t.Errorf("undo while the executor refuses burdening acts: %+v, %v", got, err)
	}
	if st := to.State("acct/3"); !st.Is(platform.Up, "") {
		t.Errorf("after the undo plaza has %s", platform.Describe(st.Status, st.Mark))
	}
}

// measure takes an account of no rank down, so that there is something to undo.
func measure(t *testing.T, to *desktest.Town) actions.Request {
	t.Helper()
	r := to.Settled("ann", to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@neighbour")))
	if r.Status != actions.StatusExecuted {
		t.Fatalf("%s: %s", r.Status, r.OutcomeText)
	}
	return r
}

// TestDatabaseOwner: a contractor who owns the desk's database. A countersigner
// has left, and the entry that says so is taken away, emptied or replaced; a key
// in an enrolment is swapped for the contractor's own. Nothing is carried out,
// the executor says which entry is wrong, and undo goes on.
func TestDatabaseOwner(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(t *testing.T, to *desktest.Town, e ledger.Entry){
		"the entry's body is deleted": func(t *testing.T, to *desktest.Town, e ledger.Entry) {
			tamper(t, to.World, `delete from ledger_body where idx = $1`, e.Index)
		},
		"the entry ends somebody else": func(t *testing.T, to *desktest.Town, e ledger.Entry) {
			tamper(t, to.World, `update ledger_body set body = $2 where idx = $1`, e.Index, []byte(strings.Replace(string(e.BodyBytes), "lee", "bob", -1)))
		},
		"the entry's salt is another": func(t *testing.T, to *desktest.Town, e ledger.Entry) {
			tamper(t, to.World, `update ledger_body set salt = $2 where idx = $1`, e.Index, make([]byte, 32))
		},
	} {
		t.Run(name, func(t *testing.T) {
			desktest.Each(t, func(t *testing.T, o desktest.Options) {
				to := desktest.NewTown(t, o)
				undoable := measure(t, to)
				waiting := approvedAway(t, to)
				to.Request("ada", acts.Wish{Kind: actions.DeskEngagement, Change: actions.Engagement{Op: "end", Worker: "lee"}})
				e := entryOf(t, to.World, string(actions.DeskEngagement))
				spoil(t, to, e)
				to.StartExecutor()
				stops(t, to, waiting, undoable, fmt.Sprintf("entry %d of the ledger", e.Index))
				// Who opens the desk on these rows is told as well.
				if err := reopened(to.World); err == nil {
					t.Error("a desk opens on a governance chain that somebody edited")
				}
			})
		})
	}
	t.Run("a key is swapped", func(t *testing.T) {
		desktest.Each(t, func(t *testing.T, o desktest.Options) {
			to := desktest.NewTown(t, o)
			e := entryOf(t, to.World, string(actions.DeskKey))
			lees := to.PublicKey("lee").Public
			mallorys := to.PublicKey("mallory").Public
			text := func(b canonical.Bytes) string { return strings.Trim(string(canonical.MustMarshal(b)), `"`) }
			swapped := strings.ReplaceAll(string(e.BodyBytes), text(lees), text(mallorys))
			if swapped == string(e.BodyBytes) {
				t.Fatal("the enrolment does not hold the key")
			}
			tamper(t, to.World, `update ledger_body set body = $2 where idx = $1`, e.Index, []byte(swapped))
			if err := reopened(to.World); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("governance %d", e.Leaf.Number)) {
				t.Errorf("a desk opens on a swapped key: %v", err)
			}
			// An executor that starts anew is given the swapped row.
			to.StopExecutor()
			to.JournalAt = filepath.Join(t.TempDir(), "journal.db")
			to.StartExecutor()
			stops(t, to, actions.Request{}, actions.Request{}, fmt.Sprintf("entry %d of the ledger", e.Index))
		})
	})
}

// reopened tries to open a desk on the world's database, as a restart does. The
// store is the one that is open, since SQLite has one writer.
func reopened(w *desktest.World) error {
	_, err := desk.Open(w.Context(), desk.Config{Store: w.Store, Root: w.Root, Now: time.Now, Log: &ledger.Log{Origin: w.Origin, Signer: w.LogKey}, Casework: casework.Config{OwnSecret: desktest.OwnSecret}, BrowserSecret: desktest.OwnSecret})
	return err
}

// TestEditedApproval: signatures are copied between rows, needs are lowered, and
// requests are called approved. The desk's own judgement reads none of it.
func TestEditedApproval(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		other := to.Request("bob", desktest.Wish(actions.AccountTakedown, "plaza:@president"))
		other = to.Countersign(other.ID, "eva")
		r := to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@president"))
		to.Countersign(r.ID, "lee")
		// eva's yes to bob's request is put under ann's, and the need lowered.
		tamper(t, to.World, `update request set signers = (select signers from request where id = $1), need = $3 where id = $2`,
			other.ID, r.ID, canonical.MustMarshal(actions.Need{}))
		if got := to.Countersign(r.ID, "kim"); got.Status != actions.StatusHeld {
			t.Errorf("with a signature from another request it is %s", got.Status)
		}
		// Approved by decree, without a warrant.
		tamper(t, to.World, `update request set status = 'approved' where id = $1`, r.ID)
		if _, err := to.Warrant(t.Context(), desktest.As("kim"), r.ID); !fault.Is(err, "no-warrant") {
			t.Errorf("the warrant of a request that was called approved: %v", err)
		}
		// A request about a singer, approved in earnest, is pointed at the head of state.
		small := to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@singer"))
		to.Rest() // or the desk might hand over what it read before the edit
		to.StopExecutor()
		to.Countersign(small.ID, "lee")
		var core proof.Core
		if err := to.Store.Read(t.Context(), func(tx *store.Tx) error {
			row, err := tx.Request(small.ID)
			if err != nil {
				return err
			}
			return canonical.Unmarshal(row.Core, &core)
		}); err != nil {
			t.Fatal(err)
		}
		core.Action.Subject.ID, core.Action.Subject.Handle = "acct/1", "@president"
		core.Action.Command.Subject = core.Action.Subject
		tamper(t, to.World, `update request set core = $2 where id = $1`, small.ID, canonical.MustMarshal(core))
		to.StartExecutor()
		to.Followed()
		raw, err := to.Warrant(t.Context(), desktest.As("kim"), small.ID)
		if err == nil {
			_, err = to.Executor.Carry(t.Context(), raw, patience)
		}
		if !fault.Is(err, "bad-anchor") {
			t.Errorf("an edited warrant: %v", err)
		}
		for _, id := range []string{"acct/1", "acct/2"} {
			if n := len(to.Changes(id)); n != 0 {
				t.Errorf("plaza changed %s %d times", id, n)
			}
		}
	})
}

// TestReplayedWarrant: a warrant is spent once, though the desk hands it over
// again after its measure was lifted, and though its row says so.
func TestReplayedWarrant(t *testing.T) {
	t.Parallel()
	to := desktest.NewTown(t, desktest.Options{URL: sqldbtest.SQLite(t)})
	r := measure(t, to)
	raw, err := to.Warrant(t.Context(), desktest.As("kim"), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	u, err := to.TryUndo("ann", r.ID)
	if err != nil {
		t.Fatal(err)
	}
	to.Settled("ann", u)
	if got, err := to.Executor.Carry(t.Context(), raw, patience); err != nil || got.Outcome != proof.Executed {
		t.Errorf("handed over again: %+v, %v; want what came of it then", got, err)
	}
	tamper(t, to.World, `update request set status = 'approved', executed = 0 where id = $1`, r.ID)
	tamper(t, to.World, `insert into job (kind, args, unique_key, state, due, attempts, last_error, created) values ('desk.carry', $1, null, 'waiting', 0, 0, '', 0)`,
		canonical.MustMarshal(map[string]string{"request": r.ID}))
	// Another act goes all the way meanwhile, so that the job has had its turn.
	other := to.Settled("ann", to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@shop")))
	if other.Status != actions.StatusExecuted {
		t.Fatalf("%s: %s", other.Status, other.OutcomeText)
	}
	desktest.Until(t, "the job ran", func() bool {
		var n int
		if err := to.Store.Read(t.Context(), func(tx *store.Tx) error {
			return tx.QueryRow(`select count(*) from job where kind = 'desk.carry' and due = 0`).Scan(&n)
		}); err != nil {
			t.Fatal(err)
		}
		return n == 0
	})
	want := []desktest.Change{{Status: platform.Down, Mark: platform.MarkOf(r.ID)}, {Status: platform.Up}}
	if diff := cmp.Diff(want, to.Changes("acct/3")); diff != "" {
		t.Error(diff)
	}
}

// TestWarrantOfAnotherDesk: a complete and valid warrant, of a desk with other
// officers and the same names, moves nothing here.
func TestWarrantOfAnotherDesk(t *testing.T) {
	t.Parallel()
	to, elsewhere := desktest.NewTown(t, desktest.Options{URL: sqldbtest.SQLite(t)}), desktest.NewTown(t, desktest.Options{URL: sqldbtest.SQLite(t)})
	waiting := approvedAway(t, elsewhere)
	raw, err := elsewhere.Warrant(t.Context(), desktest.As("kim"), waiting.ID)
	if err != nil {
		t.Fatal(err)
	}
	// Ours is as long, so that there is an entry at its place.
	for range 8 {
		to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@president"))
	}
	to.Followed()
	if got, err := to.Executor.Carry(t.Context(), raw, 10*time.Second); !fault.Is(err, "not-in-ledger") {
		t.Errorf("a warrant of another desk: %+v, %v", got, err)
	}
	if n := len(to.Changes("acct/1")); n != 0 {
		t.Errorf("plaza changed %d times", n)
	}
}

// copyFile copies a database that nobody has open.
func copyFile(t *testing.T, from, to string) {
	t.Helper()
	for _, end := range []string{"", "-wal", "-shm"} {
		b, err := os.ReadFile(from + end)
		if os.IsNotExist(err) {
			if err := os.Remove(to + end); err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to+end, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOldLedger: the desk's database is put back to last night's, in which a
// countersigner had not left yet. The executor remembers that it saw more.
func TestOldLedger(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "desk.db")
	to := desktest.NewTown(t, desktest.Options{URL: "sqlite:" + file})
	undoable := measure(t, to)
	to.StopExecutor()
	to.Rest()
	to.Close()
	copyFile(t, file, file+".backup")
	to.Wake()
	to.StartExecutor()
	to.Followed()
	to.Request("ada", acts.Wish{Kind: actions.DeskEngagement, Change: actions.Engagement{Op: "end", Worker: "lee"}})
	// With an act the executor journals the ledger's head; without one it does so
	// within a second.
	if r := to.Settled("ann", to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@shop"))); r.Status != actions.StatusExecuted {
		t.Fatalf("%s: %s", r.Status, r.OutcomeText)
	}
	to.StopExecutor()
	to.Rest()
	to.Close()
	copyFile(t, file+".backup", file)
	to.Wake()
	to.StartExecutor()
	stops(t, to, actions.Request{}, undoable, "old ledger")
	// lee, who has left, signs again by the old rows.
	r := to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@president"))
	to.Countersign(r.ID, "lee")
	r = to.Countersign(r.ID, "kim")
	raw, err := to.Warrant(t.Context(), desktest.As("kim"), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := to.Executor.Carry(t.Context(), raw, 10*time.Second); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("an act by the old ledger: %+v, %v", got, err)
	}
	if n := len(to.Changes("acct/1")); n != 0 {
		t.Errorf("plaza changed %d times", n)
	}
}

// TestOldJournal: the executor's journal is put back, so that it would repeat acts that
// it has forgotten. The ledger holds them, and the executor stops; acts that it remembers
// can be undone.
func TestOldJournal(t *testing.T) {
	t.Parallel()
	to := desktest.NewTown(t, desktest.Options{URL: sqldbtest.SQLite(t)})
	undoable := measure(t, to)
	to.StopExecutor()
	copyFile(t, to.JournalAt, to.JournalAt+".backup")
	to.StartExecutor()
	to.Followed()
	forgotten := to.Settled("ann", to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@shop")))
	if forgotten.Status != actions.StatusExecuted {
		t.Fatalf("%s: %s", forgotten.Status, forgotten.OutcomeText)
	}
	waiting := approvedAway(t, to)
	copyFile(t, to.JournalAt+".backup", to.JournalAt)
	to.StartExecutor()
	stops(t, to, waiting, undoable, "its journal lacks")
	raw, err := to.Warrant(t.Context(), desktest.As("kim"), forgotten.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := to.Executor.Carry(t.Context(), raw, 10*time.Second); err == nil && got.Outcome == proof.Executed {
		t.Errorf("a forgotten warrant was carried out again: %+v", got)
	}
	if n := len(to.Changes("acct/4")); n != 1 {
		t.Errorf("plaza changed the forgotten subject %d times, want 1", n)
	}
}

// TestEntryFrom2036: whoever has the desk's clock, or its database and log key,
// dates an entry ten years ahead. That does not end anybody's engagement; it
// stops burdening acts and names both clocks.
func TestEntryFrom2036(t *testing.T) {
	t.Parallel()
	to := desktest.NewTown(t, desktest.Options{URL: sqldbtest.SQLite(t), ExecutorNow: time.Now})
	undoable := measure(t, to)
	waiting := approvedAway(t, to)
	ahead := time.Until(time.Date(2036, 1, 1, 0, 0, 0, 0, time.UTC))
	to.Clock().Advance(ahead)
	if err := to.Store.Write(t.Context(), func(tx *store.Tx) error {
		// Of a class whose bodies the executor reads.
		x := proof.Execution{V: proof.ExecutionV1, Executor: "executor-of-somebody", Kind: proof.KindIntent}.Sign(to.ExecutorKey)
		tx.Append(x.Draft())
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	to.Clock().Advance(-ahead)
	to.StartExecutor()
	stops(t, to, waiting, undoable, "2036-01-01T", time.Now().UTC().Format("2006-01-02T"), "clocks")
}

// TestBurst: 250 and more governance entries come in a second while acts go on.
// Every act is carried out under the newest of them, and none is lost.
func TestBurst(t *testing.T) {
	t.Parallel()
	const entries = 260
	to := desktest.NewTown(t, desktest.Options{URL: sqldbtest.SQLite(t), Budgets: plenty, Trust: func(tr *actions.Trust) { tr.RaisesPerHour = 10_000 }})
	before, err := to.Desk.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var next atomic.Int64
	var burst, acting sync.WaitGroup
	begun := time.Now()
	for range 8 {
		burst.Go(func() {
			for n := next.Add(1); n <= entries; n = next.Add(1) {
				wish := acts.Wish{Kind: actions.DeskChange, Reason: "test", Change: actions.Setting{Of: actions.PartTiers, Raise: &actions.Raise{
					Subject: platform.Subject{Platform: "plaza", ID: fmt.Sprintf("acct/%d", 1000+n)}, From: actions.Standard, To: actions.Protected}}}
				if err := persistently(func() error { _, err := to.TryRequest("ada", wish); return err }); err != nil {
					t.Errorf("raising %d: %v", n, err)
				}
			}
		})
	}
	done := make(chan struct{})
	var cycles int
	acting.Go(func() {
		for {
			var r actions.Request
			err := persistently(func() (err error) {
				r, err = to.TryRequest("ann", desktest.Wish(actions.AccountTakedown, "plaza:@neighbour"))
				return err
			})
			if err != nil {
				t.Errorf("act %d: %v", cycles, err)
				return
			}
			if r = to.Settled("ann", r); r.Status != actions.StatusExecuted {
				t.Errorf("act %d is %s: %s", cycles, r.Status, r.OutcomeText)
				return
			}
			var u actions.Request
			if err := persistently(func() (err error) { u, err = to.TryUndo("ann", r.ID); return err }); err != nil {
				t.Errorf("undo %d: %v", cycles, err)
				return
			}
			if u = to.Settled("ann", u); u.Status != actions.StatusExecuted {
				t.Errorf("undo %d is %s: %s", cycles, u.Status, u.OutcomeText)
				return
			}
			cycles++
			select {
			case <-done:
				return
			default:
			}
		}
	})
	burst.Wait()
	took := time.Since(begun)
	close(done)
	acting.Wait()
	s, err := to.Desk.State(t.Context())
	if err != nil || s.Next != before.Next+entries {
		t.Errorf("the chain has %d entries, want %d, %v", s.Next, before.Next+entries, err)
	}
	to.Followed()
	if st := to.Executor.Status(); st.Governance != s.Next || st.Stopped != "" {
		t.Errorf("the executor has folded %d of %d; %s", st.Governance, s.Next, st.Stopped)
	}
	if n := len(to.Changes("acct/3")); n != 2*cycles {
		t.Errorf("plaza changed %d times in %d cycles", n, cycles)
	}
	t.Logf("%d governance entries in %s, beside %d acts with their undos", entries, took, cycles)
}

// persistently asks a busy desk again, as its answer says.
func persistently(do func() error) error {
	for {
		if err := do(); !fault.Is(err, "busy") {
			return err
		}
	}
}
