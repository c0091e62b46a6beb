package journal

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
)

// testdata/one-layer.db.gz is a journal that was written by the program of the last commit
// that knew one layer of a subject alone, and one-layer.json.gz is what that program read in it.
// Nobody writes them again: an executor goes on with the journal that it has. It holds acts in
// every stage, owed lifts, restorations, watched subjects of each state with a lock, a measure
// that was seen to be gone and what lies beneath, breaches that are open and that are over, a
// baseline, cuts, tiers, changes that were taken, voids, sessions, decisions, marks, and a record
// of each of these.
const (
	oldJournal = "testdata/one-layer.db.gz"
	oldReading = "testdata/one-layer.json.gz"
)

// oldKeys are the acts of the old journal.
var oldKeys = []Key{{"req_done", proof.DutyAct}, {"req_suspended", proof.DutyAct}, {"req_suspended", proof.DutyLift}, {"req_lifted", proof.DutyAct}, {"req_lifted", proof.DutyLift},
	{"req_called", proof.DutyAct}, {"req_refused", proof.DutyAct}, {"req_undo", proof.DutyAct}, {"req_contained", proof.DutyAct}, {"req_contained", proof.DutyLift},
	{"brc_restored", proof.DutyRestore}, {"brc_restoring", proof.DutyRestore}}

func unzip(t *testing.T, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// openOld opens a copy of the old journal, which brings it to the tables of today.
func openOld(t *testing.T) *Journal {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal.db")
	if err := os.WriteFile(path, unzip(t, oldJournal), 0o600); err != nil {
		t.Fatal(err)
	}
	j, err := Open(t.Context(), path)
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

// everything reads all that a journal gives an executor, by name.
func everything(t *testing.T, j *Journal) map[string]any {
	t.Helper()
	ctx, all := t.Context(), map[string]any{}
	say := func(name string, v any, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all[name] = v
	}
	head, err := j.Seen(ctx)
	say("seen", head, err)
	edge, err := head.Edge.MarshalBinary()
	say("edge", edge, err)
	for _, k := range oldKeys {
		name := k.Request + "/" + string(k.Duty)
		a, ok, err := j.Act(ctx, k)
		if !ok {
			t.Errorf("there is no act %s", name)
		}
		say("act "+name, a, err)
		if k.Duty == proof.DutyAct {
			a, ok, err := j.Spent(ctx, a.Warrant)
			say("spent "+name, []any{a, ok}, err)
			raw, err := j.Document(ctx, k.Request)
			say("document "+name, raw, err)
		}
		if a.Began >= 0 {
			n, err := j.Intent(ctx, k, a.Nonce)
			say("intent of "+name, n, err)
		}
	}
	unsettled, err := j.Unsettled(ctx)
	say("unsettled", unsettled, err)
	owed, err := j.Owed(ctx)
	say("owed", owed, err)
	emergencies, err := j.Emergencies(ctx)
	say("emergencies", emergencies, err)
	chain, err := j.Chain(ctx)
	say("chain", chain, err)
	digests, err := j.Digests(ctx)
	say("digests", digests, err)
	for i := range digests {
		r, ok, err := j.Record(ctx, int64(i))
		if !ok || canonical.DigestOf(r) != digests[i] {
			t.Errorf("record %d is another: %v", i, ok)
		}
		say(fmt.Sprintf("record %d", i), []any{string(canonical.MustMarshal(r)), r.Openings}, err)
	}
	watched, err := j.Watched(ctx, "plaza")
	say("watched", watched, err)
	for _, w := range watched {
		a, ok, err := j.Newest(ctx, w.Subject, w.Layer)
		say("newest of "+w.Subject.ID, []any{a, ok}, err)
		n, err := j.Restored(ctx, w.Subject, w.Layer, epoch.Add(-time.Hour))
		say("restored "+w.Subject.ID, n, err)
		counts := j.Counts(ctx, w.Subject, w.Layer, actions.Critical)
		n, err = counts.OfSubject(epoch.Add(-time.Hour))
		say("restorations of "+w.Subject.ID, n, err)
		n, err = counts.OfTier(epoch.Add(-time.Hour))
		say("restorations of the tier", n, err)
	}
	place, err := j.Place(ctx, "plaza")
	say("place", place, err)
	breaches, err := j.Breaches(ctx, "plaza")
	say("breaches", breaches, err)
	named, err := j.Named(ctx, "plaza", actions.Critical, canonical.At(epoch.Add(-time.Hour)))
	say("named", named, err)
	by, err := j.CountBy(ctx, "plaza", actions.Critical, "insider", canonical.At(epoch.Add(-time.Hour)))
	say("breaches by insider", by, err)
	cuts, err := j.Cuts(ctx, "plaza")
	say("cuts", cuts, err)
	heights, err := j.Heights(ctx)
	say("heights", heights, err)
	taken, err := j.Taken(ctx)
	say("taken", taken, err)
	voids, err := j.Voids(ctx)
	say("voids", voids, err)
	marks, err := j.Marks(ctx)
	say("marks", marks, err)
	for i := range 2 {
		say(fmt.Sprintf("session %d is replaced", i), fault.Is(j.Replaced(ctx, oldSession(i)), "session-replaced"), nil)
		unseen, err := j.Unseen(ctx, Grounds{Sessions: []actions.SignedSession{oldSession(i)}, Index: 100})
		say(fmt.Sprintf("session %d is unseen", i), len(unseen), err)
	}
	return all
}

// oldSession is one of the sessions that the old journal saw.
func oldSession(i int) actions.SignedSession {
	at := epoch.Add(time.Duration(i) * time.Hour)
	return actions.SignedSession{Session: actions.Session{V: actions.SessionVersion, Worker: "ann", Key: "key", Founding: owner.Root, After: owner.Root, NotBefore: canonical.At(at),
		Expires: canonical.At(at.Add(8 * time.Hour)), Nonce: make(canonical.Bytes, 32)}}
}

// TestOldJournal: what a journal of before holds is read as it was read then. What is
// new may stand beside it.
func TestOldJournal(t *testing.T) {
	var want map[string]any
	if err := json.Unmarshal(unzip(t, oldReading), &want); err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(everything(t, openOld(t)))
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	if len(want) < 80 {
		t.Errorf("only %d readings are compared", len(want))
	}
	for name, w := range want {
		if why := lacks(got[name], w); why != "" {
			t.Errorf("%s: %s", name, why)
		}
	}
}

// lacks says what JSON got lacks of want; it may have further members.
func lacks(got, want any) string {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return fmt.Sprintf("%v, want %v", got, want)
		}
		for name, v := range w {
			if why := lacks(g[name], v); why != "" {
				return name + ": " + why
			}
		}
		return ""
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return fmt.Sprintf("%v, want %v", got, want)
		}
		for i := range w {
			if why := lacks(g[i], w[i]); why != "" {
				return fmt.Sprintf("%d: %s", i, why)
			}
		}
		return ""
	}
	g, _ := json.Marshal(got)
	x, _ := json.Marshal(want)
	if !bytes.Equal(g, x) {
		return fmt.Sprintf("%s, want %s", g, x)
	}
	return ""
}

// TestOldJournalGoesOn: an executor goes on where the old journal ends. It begins the lift that
// is owed, ends the act whose call may be under way, spends no warrant twice, gives records
// the next numbers, and knows the states that its acts left.
func TestOldJournalGoesOn(t *testing.T) {
	ctx, j := t.Context(), openOld(t)
	digests, err := j.Digests(ctx)
	if err != nil {
		t.Fatal(err)
	}
	next := int64(len(digests))
	owed, err := j.Owed(ctx)
	if err != nil || len(owed) == 0 {
		t.Fatalf("%d lifts are owed, %v", len(owed), err)
	}
	for _, lift := range owed {
		lift.Nonce, lift.Attempt, lift.Intended = canonical.Bytes{9}, 1, canonical.At(epoch.Add(9*time.Hour))
		if _, err := j.Intend(ctx, lift, Grounds{}, Head{}, nil, signAs(proof.KindIntent, lift)); err != nil {
			t.Fatalf("the lift of %s: %v", lift.Request, err)
		}
		next++
		up := platform.Expect{Status: platform.Up}
		if _, err := j.End(ctx, lift.Key, Result{Outcome: proof.Executed}, canonical.At(epoch.Add(9*time.Hour)), Head{}, nil, &up, signAs(proof.KindReceipt, lift)); err != nil {
			t.Fatal(err)
		}
		next++
		if w, ok, err := j.WatchedOf(ctx, lift.Subject, platform.VisibilityLayer); err != nil || !ok || w.State != up || w.Request != lift.Request || w.Beneath != "" {
			t.Errorf("after the lift of %s the watch knows %+v, %v", lift.Request, w, err)
		}
	}
	unsettled, err := j.Unsettled(ctx)
	if err != nil || len(unsettled) == 0 {
		t.Fatalf("%d acts are not settled, %v", len(unsettled), err)
	}
	for _, a := range unsettled {
		after := a.Command.After()
		if _, err := j.End(ctx, a.Key, Result{Outcome: proof.Executed}, canonical.At(epoch.Add(9*time.Hour)), Head{}, nil, &after, signAs(proof.KindReceipt, a)); err != nil {
			t.Fatalf("%s: %v", a.Request, err)
		}
		next++
	}
	for _, k := range oldKeys {
		if k.Duty != proof.DutyAct {
			continue
		}
		a, _, err := j.Act(ctx, k)
		if err != nil {
			t.Fatal(err)
		}
		a.Result, a.Ended = Result{}, canonical.Time{}
		if _, err := j.Intend(ctx, a, Grounds{}, Head{}, nil, signAs(proof.KindIntent, a)); !fault.Is(err, "spent") {
			t.Errorf("the warrant of %s is carried out again: %v", k.Request, err)
		}
	}
	breaches, err := j.Breaches(ctx, "plaza")
	if err != nil || len(breaches) == 0 {
		t.Fatalf("%d breaches are open, %v", len(breaches), err)
	}
	for _, b := range breaches {
		if err := j.Overcome(ctx, b.ID); err != nil {
			t.Errorf("%s: %v", b.ID, err)
		}
	}
	if breaches, err = j.Breaches(ctx, "plaza"); err != nil || len(breaches) > 0 {
		t.Errorf("%d breaches are open still, %v", len(breaches), err)
	}
	watched, err := j.Watched(ctx, "plaza")
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Watch(ctx, watched...); err != nil {
		t.Error(err)
	}
	again, err := j.Watched(ctx, "plaza")
	if err != nil || !slices.Equal(again, watched) {
		t.Errorf("what is watched was noted again and is %+v, %v", again, err)
	}
	a := act("req_new")
	r, err := j.Intend(ctx, a, Grounds{}, Head{}, nil, signAs(proof.KindIntent, a))
	if err != nil || r.Execution.Sequence != next {
		t.Errorf("the next record is %d, want %d: %v", r.Execution.Sequence, next, err)
	}
}
