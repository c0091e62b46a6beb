package ledger_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/ledgertest"
)

func TestEmptyLogIsSigned(t *testing.T) {
	m := ledgertest.New(t, 1)
	c, err := ledger.ParseCheckpoint(m.Head.Checkpoint, m.Key.Verifier())
	if err != nil || c.Size != 0 {
		t.Fatalf("%+v, %v", c, err)
	}
	ledgertest.TestSource(t, m, m.Key.Verifier())
}

func TestAppendGivesPlaces(t *testing.T) {
	m := small(t)
	for i, want := range []struct {
		class  ledger.Class
		number int64
		prev   canonical.Digest
	}{
		{ledger.Governance, 0, canonical.Digest{}},
		{ledger.Desk, 0, canonical.Digest{}},
		{ledger.Governance, 1, m.Entries[0].Leaf.Digest()},
	} {
		e := m.Entries[i]
		if e.Index != int64(i) || e.Body.Class != want.class || e.Body.Number != want.number || e.Body.Prev != want.prev {
			t.Errorf("entry %d is %+v", e.Index, e.Body)
		}
		if b, err := ledger.Verify(e.Leaf, e.BodyBytes, e.Salt); err != nil || !cmp.Equal(b, e.Body) {
			t.Errorf("entry %d: %v\n%s", i, err, cmp.Diff(b, e.Body))
		}
	}
	if m.Head.Governance != m.Entries[2].Leaf.Digest() || m.Head.Size != 3 {
		t.Errorf("head is %+v", m.Head)
	}
	want := map[ledger.Class]int64{ledger.Governance: 2, ledger.Desk: 1, ledger.Execution: 0}
	if !cmp.Equal(m.Head.Next, want) {
		t.Errorf("next numbers are %v", m.Head.Next)
	}
}

// TestSplitsGiveTheSameTree appends the same drafts in batches of random sizes:
// where a batch ends must leave no trace in what is stored.
func TestSplitsGiveTheSameTree(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 700).Draw(rt, "n")
		whole, split := ledgertest.New(t, 7), ledgertest.New(t, 7)
		drafts := make([]ledger.Draft, n)
		for i := range drafts {
			drafts[i] = ledgertest.Draft(i)
		}
		whole.Append(t, ledgertest.Epoch, drafts...)
		for at := 0; at < n; {
			k := rapid.IntRange(1, n-at).Draw(rt, "batch")
			split.Append(t, ledgertest.Epoch, drafts[at:at+k]...)
			at += k
		}
		if diff := cmp.Diff(whole.Head, split.Head, cmp.Comparer(func(a, b ledger.Edge) bool { return a == b })); diff != "" {
			rt.Errorf("heads differ: %s", diff)
		}
		if diff := cmp.Diff(whole.Entries, split.Entries); diff != "" {
			rt.Errorf("entries differ: %s", diff)
		}
		if _, err := (ledger.Reader{Fetch: ledgertest.Fetch(split), Log: split.Key.Verifier()}).Verify(); err != nil {
			rt.Error(err)
		}
	})
}

func TestTimesNeverGoBack(t *testing.T) {
	m := ledgertest.New(t, 1)
	late := ledgertest.Epoch.Add(time.Hour)
	for i, step := range []struct{ now, want time.Time }{
		{ledgertest.Epoch.Add(-time.Hour), ledgertest.Epoch}, // before the log's start
		{late, late},
		{late.Add(-time.Minute), late},
		{late.Add(1500 * time.Nanosecond), late.Add(time.Microsecond)},
		{late.In(time.FixedZone("", 3600)), late.Add(time.Microsecond)},
	} {
		e := m.Append(t, step.now, ledgertest.Draft(i))[0]
		if !e.Body.Time.Equal(step.want) || !m.Head.Time.Equal(step.want) {
			t.Errorf("step %d: the entry's time is %s, the head's %s, expected %s", i, e.Body.Time, m.Head.Time, step.want)
		}
	}
}

func TestMovedGovernance(t *testing.T) {
	m := small(t)
	head := m.Head
	draft := func(c ledger.Class, expect int64) ledger.Draft {
		return ledger.Draft{Class: c, Kind: "test.entry", Expect: expect}
	}
	for name, test := range map[string]struct {
		drafts []ledger.Draft
		moved  int // -1 for none
	}{
		"right":                   {[]ledger.Draft{draft(ledger.Governance, 2)}, -1},
		"right, not governance":   {[]ledger.Draft{draft(ledger.Execution, 2)}, -1},
		"behind":                  {[]ledger.Draft{draft(ledger.Governance, 1)}, 0},
		"ahead":                   {[]ledger.Draft{draft(ledger.Governance, 3)}, 0},
		"forgotten":               {[]ledger.Draft{draft(ledger.Governance, 0)}, 0},
		"behind, not governance":  {[]ledger.Draft{draft(ledger.Desk, 1)}, 0},
		"second of a batch":       {[]ledger.Draft{draft(ledger.Governance, 2), draft(ledger.Governance, 2)}, 1},
		"second, counted along":   {[]ledger.Draft{draft(ledger.Governance, 2), draft(ledger.Governance, 3)}, -1},
		"desk between":            {[]ledger.Draft{draft(ledger.Desk, 2), draft(ledger.Governance, 2)}, -1},
		"after somebody else's":   {[]ledger.Draft{draft(ledger.Governance, ledger.AnyNumber), draft(ledger.Desk, 2)}, 1},
		"depends on nothing":      {[]ledger.Draft{draft(ledger.Governance, ledger.AnyNumber), draft(ledger.Desk, ledger.AnyNumber)}, -1},
		"number below the others": {[]ledger.Draft{draft(ledger.Desk, -2)}, 0},
	} {
		_, entries, _, err := m.Log.Append(head, test.drafts, ledgertest.Epoch)
		if test.moved < 0 {
			if err != nil || len(entries) != len(test.drafts) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		var moved *ledger.MovedError
		if !errors.Is(err, ledger.ErrMoved) || !errors.As(err, &moved) || moved.Draft != test.moved || fault.KindOf(err) != fault.Conflict {
			t.Errorf("%s: %v", name, err)
		}
		if entries != nil {
			t.Errorf("%s: entries in spite of the error", name)
		}
	}
}

func TestAppendChangesNothingItIsGiven(t *testing.T) {
	m := ledgertest.New(t, 1)
	m.Grow(t, 300)
	before := m.Head
	before.Next = maps.Clone(m.Head.Next)
	before.Checkpoint = bytes.Clone(m.Head.Checkpoint)
	sealed := []ledger.Opening{{Name: "a", Value: canonical.Raw("1")}}
	if _, _, _, err := m.Log.Append(m.Head, []ledger.Draft{{Class: ledger.Desk, Kind: "a", Sealed: sealed, Expect: ledger.AnyNumber}}, ledgertest.Epoch); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, m.Head, cmp.Comparer(func(a, b ledger.Edge) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	if sealed[0].Salt != nil {
		t.Error("the draft's opening was given a salt in place: run again, it would keep it")
	}
	h, entries, nodes, err := m.Log.Append(m.Head, nil, ledgertest.Epoch.Add(time.Hour))
	if err != nil || len(entries) != 0 || len(nodes) != 0 || h.Time != m.Head.Time {
		t.Errorf("an empty batch: %v", err)
	}
}

func TestSaltsAreOwnAndKept(t *testing.T) {
	m := ledgertest.New(t, 1)
	given := canonical.Bytes(bytes.Repeat([]byte{7}, 32))
	a, b := ledger.Opening{Name: "a", Value: canonical.Raw(`"x"`)}, ledger.Opening{Name: "b", Value: canonical.Raw(`"x"`), Salt: given}
	d := ledger.Draft{Class: ledger.Desk, Kind: "test.entry", Sealed: []ledger.Opening{a, b}, Expect: ledger.AnyNumber}
	entries := m.Append(t, ledgertest.Epoch, d, d)
	seen := map[string]bool{}
	for _, e := range entries {
		for _, salt := range []canonical.Bytes{e.Salt, e.Openings[0].Salt} {
			if len(salt) != 32 || seen[string(salt)] {
				t.Errorf("salt %x is short or used twice", salt)
			}
			seen[string(salt)] = true
		}
		if !bytes.Equal(e.Openings[1].Salt, given) {
			t.Errorf("the given salt became %x", e.Openings[1].Salt)
		}
		for _, o := range e.Openings {
			if !e.Body.Opens(o) {
				t.Errorf("%s does not open", o.Name)
			}
		}
	}
	if _, _, _, err := (&ledger.Log{Origin: ledgertest.Origin, Signer: m.Key, Rand: strings.NewReader("short")}).Append(m.Head, []ledger.Draft{d}, ledgertest.Epoch); err == nil {
		t.Error("appended without randomness")
	}
}

func TestDraftRefused(t *testing.T) {
	m := small(t)
	twice := []ledger.Opening{{Name: "a", Value: canonical.Raw("1")}, {Name: "a", Value: canonical.Raw("2")}}
	for name, d := range map[string]ledger.Draft{
		"no class":          {Kind: "a"},
		"unknown class":     {Class: "people", Kind: "a"},
		"no kind":           {Class: ledger.Desk},
		"long kind":         {Class: ledger.Desk, Kind: strings.Repeat("a", 65)},
		"data not object":   {Class: ledger.Desk, Kind: "a", Data: []int{1}},
		"data null":         {Class: ledger.Desk, Kind: "a", Data: canonical.Raw("null")},
		"data not JSON":     {Class: ledger.Desk, Kind: "a", Data: canonical.Raw("{")},
		"data not writable": {Class: ledger.Desk, Kind: "a", Data: map[string]any{"f": func() {}}},
		"sealed twice":      {Class: ledger.Desk, Kind: "a", Sealed: twice},
		"sealed, no name":   {Class: ledger.Desk, Kind: "a", Sealed: []ledger.Opening{{Value: canonical.Raw("1")}}},
		"sealed, no value":  {Class: ledger.Desk, Kind: "a", Sealed: []ledger.Opening{{Name: "a"}}},
		"sealed, bad salt":  {Class: ledger.Desk, Kind: "a", Sealed: []ledger.Opening{{Name: "a", Value: canonical.Raw("1"), Salt: canonical.Bytes("x")}}},
		"sealed, long name": {Class: ledger.Desk, Kind: "a", Sealed: []ledger.Opening{{Name: strings.Repeat("a", 129), Value: canonical.Raw("1")}}},
	} {
		d.Expect = ledger.AnyNumber
		if _, _, _, err := m.Log.Append(m.Head, []ledger.Draft{ledgertest.Draft(0), d}, ledgertest.Epoch); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestHeadRefused: a head row that was edited, or read in parts at two moments,
// must not be signed over.
func TestHeadRefused(t *testing.T) {
	m := ledgertest.New(t, 1)
	m.Grow(t, 10)
	older := m.Head
	m.Grow(t, 20)
	if err := m.Log.Check(m.Head, m.Key.Verifier()); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*ledger.Head){
		"size":             func(h *ledger.Head) { h.Size-- },
		"edge":             func(h *ledger.Head) { h.Edge = older.Edge },
		"size and edge":    func(h *ledger.Head) { h.Size, h.Edge = older.Size, older.Edge },
		"older checkpoint": func(h *ledger.Head) { h.Checkpoint = older.Checkpoint },
		"no checkpoint":    func(h *ledger.Head) { h.Checkpoint = nil },
		"number":           func(h *ledger.Head) { h.Next[ledger.Desk]++ },
		"negative number":  func(h *ledger.Head) { h.Next[ledger.Desk] -= 100; h.Next[ledger.Execution] += 100 },
		"unknown class":    func(h *ledger.Head) { h.Next["people"] = 0 },
		"no chain":         func(h *ledger.Head) { h.Governance = canonical.Digest{} },
		"no time":          func(h *ledger.Head) { h.Time = canonical.Time{} },
		"root": func(h *ledger.Head) {
			h.Edge = ledger.Edge{}
			for range h.Size {
				h.Edge.Add(m.Entries[0].Leaf.Hash())
			}
		},
	} {
		h := m.Head
		h.Next = maps.Clone(h.Next)
		change(&h)
		if _, _, _, err := m.Log.Append(h, []ledger.Draft{ledgertest.Draft(1)}, ledgertest.Epoch); err == nil {
			t.Errorf("%s: appended", name)
		}
	}
	foreign := ledgertest.New(t, 2)
	if err := m.Log.Check(m.Head, foreign.Key.Verifier()); !fault.Is(err, "checkpoint-unverified") {
		t.Errorf("a head checked against a foreign key: %v", err)
	}
	// A log whose key has another name would give checkpoints that nobody accepts.
	if _, err := (&ledger.Log{Origin: "desk.example.com/other", Signer: m.Key}).Start(ledgertest.Epoch); !fault.Is(err, "origin-malformed") {
		t.Errorf("a key of another origin: %v", err)
	}
	other := &ledger.Log{Origin: "desk.example.com/other", Signer: m.Key, Rand: ledgertest.Rand(1)}
	if _, _, _, err := other.Append(m.Head, []ledger.Draft{ledgertest.Draft(0)}, ledgertest.Epoch); err == nil {
		t.Error("appended to a head of another origin")
	}
}

// TestDerive: a secret follows from the key and the purpose, and from nothing else; it is
// neither the key's nor another purpose's.
func TestDerive(t *testing.T) {
	key := func(seed byte, origin string) *ledger.Key {
		k, err := ledger.NewKey(origin, ledgertest.Rand(seed))
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	derive := func(k *ledger.Key, purpose string) string {
		b, err := k.Derive(purpose)
		if err != nil || len(b) != 32 {
			t.Fatalf("%d bytes, %v", len(b), err)
		}
		return string(b)
	}
	one := key(1, ledgertest.Origin)
	again, err := ledger.ParseKey(one.File())
	if err != nil {
		t.Fatal(err)
	}
	if derive(one, "a") != derive(again, "a") {
		t.Error("another node with the same key's file derives another secret")
	}
	if derive(one, "a") == derive(one, "b") || derive(one, "a") == derive(key(2, ledgertest.Origin), "a") {
		t.Error("two purposes, or two keys, have the same secret")
	}
	if bytes.Contains(one.File(), []byte(base64.StdEncoding.EncodeToString([]byte(derive(one, "a"))))) {
		t.Error("the secret is the key's own")
	}
}
