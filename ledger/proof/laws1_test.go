package proof_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
)

// exported is a ledger with everything in it, as a desk of earlier laws wrote it.
type exported struct {
	Root       string         `json:"root"` // hash of entry 0, as canonical.Digest spells it
	Checkpoint string         `json:"checkpoint"`
	State      map[string]any `json:"state"` // what that program made of the chain
	Entries    []struct {
		Leaf   string           `json:"leaf"`
		Body   string           `json:"body"`
		Salt   []byte           `json:"salt"`
		Sealed []ledger.Opening `json:"sealed"` // opens what the entry seals; the ledgers of laws1 and laws2 have none
	} `json:"entries"`
	Warrants []string     `json:"warrants"`
	Signed   []signedText `json:"signed"` // only in the ledgers of formats1
}

// firstLaws reads testdata/laws1/ledger.json.gz. The program of the last commit
// before laws had numbers wrote it. Nobody writes it again: what was signed under
// the first laws has to verify for ever, byte for byte. It holds each kind of
// action, each part of the desk in both directions, the row of a joiner, of
// somebody who came back and of one who moved, changes that one person may not
// make alone under later laws, file keys and passkeys of both algorithms, a
// warrant that waited, and records that the executor signed.
func firstLaws(t *testing.T) (exported, canonical.Digest) {
	t.Helper()
	return readLedger(t, "testdata/laws1/ledger.json.gz")
}

// readLedger reads an exported ledger and the hash of its entry 0.
func readLedger(t *testing.T, path string) (exported, canonical.Digest) {
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
	var e exported
	if err := json.Unmarshal(raw, &e); err != nil {
		t.Fatal(err)
	}
	var root canonical.Digest
	if err := root.UnmarshalText([]byte(e.Root)); err != nil {
		t.Fatal(err)
	}
	return e, root
}

// TestFirstLaws folds a chain from before laws had numbers and verifies the
// warrants that rest on it.
func TestFirstLaws(t *testing.T) {
	e, root := firstLaws(t)
	seen := verifyLedger(t, e, root)
	for _, k := range append(everyKind(), "freeze", "thaw", "end", "extend", "enrol", "revoke", proof.KindFounding, proof.KindRow, proof.KindTaken, entry.KindDecline,
		actions.PartTiers, actions.PartPolicy, actions.PartBudgets, actions.PartTrust, actions.PartVendors, actions.PartPlatforms, actions.PartOrders, actions.PartModes, actions.PartLocks) {
		if seen[k] == 0 {
			t.Errorf("the ledger holds nothing of %s", k)
		}
	}
}

// verifyLedger folds the chain of a ledger, verifies its warrants and compares the
// state with what the program that wrote the ledger made of it. It returns how often
// the ledger holds each kind, part and operation.
func verifyLedger(t *testing.T, e exported, root canonical.Digest) map[string]int {
	t.Helper()
	s := proof.NewState(root)
	past := map[int64]*proof.State{0: s.Clone()}  // by the number of the next governance entry
	placed := map[canonical.Digest]*proof.State{} // by a warrant's digest: the chain at its place
	seen := map[string]int{}
	for i, one := range e.Entries {
		leaf, err := ledger.ParseLeaf([]byte(one.Leaf))
		if err != nil {
			t.Fatal(err)
		}
		body, err := ledger.Verify(leaf, []byte(one.Body), one.Salt)
		if err != nil {
			t.Fatalf("entry %d: %v", i, err)
		}
		seen[body.Kind]++
		switch {
		case body.Class == ledger.Governance:
			if err := s.Apply(leaf, body); err != nil {
				t.Fatalf("entry %d: %v", i, err)
			}
			past[s.Next] = s.Clone()
			countParts(t, body, seen)
		case body.Kind == entry.KindWarrant:
			placed[opened[entry.Warrant](ledger.Entry{Body: body}).Warrant] = past[s.Next]
		case body.Class == ledger.Execution:
			x, err := proof.ParseExecution(body)
			if err == nil {
				err = x.Verify(s.Trust)
			}
			if err != nil {
				t.Errorf("entry %d: %v", i, err)
			}
		}
	}
	v := proof.NewVerifier(proof.Trust{Root: root})
	for _, text := range e.Warrants {
		w, err := proof.ParseWarrant([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		seen[string(w.Action.Kind)]++
		record := opened[entry.Warrant](ledger.Entry{Body: w.Ledger.Entry})
		if _, err := v.By([]byte(text), past[record.GovernanceNumber], placed[w.Digest()], placed[w.Digest()], nil); err != nil {
			t.Errorf("the warrant of %s: %v", w.Action.Kind, err)
		}
	}
	now := stateOf(s)
	for name, want := range e.State {
		raw, err := json.Marshal(now[name])
		if err != nil {
			t.Fatal(err)
		}
		var got any
		if err := json.Unmarshal(raw, &got); err != nil {
			t.Fatal(err)
		}
		if why := lacks(got, want); why != "" {
			t.Errorf("the state's %s is another than it was: %s", name, why)
		}
	}
	return seen
}

// stateOf is a state as the files hold it.
func stateOf(s *proof.State) map[string]any {
	people := []any{}
	for _, p := range s.People.Sorted() {
		people = append(people, map[string]any{"Worker": p, "Standing": s.People.Standing(p.Worker, s.Time.Time), "Keys": s.People.KeysOf(p.Worker)})
	}
	return map[string]any{"laws": s.Laws, "next": s.Next, "head": s.Head.String(), "time": s.Time.String(), "raised": s.Raised, "orders": s.Orders, "observed": s.Observed,
		"unlocked": s.Unlocked, "freezes": s.Freezes, "reviewed": s.Reviewed, "budgets": s.Budgets, "trust": s.Trust, "platforms": s.Platforms,
		"policy": s.Policy.Digest().String(), "people": people}
}

// everyKind lists the kinds of action that there were under the first laws.
func everyKind() []string {
	var all []string
	for _, k := range []actions.Kind{actions.AccountTakedown, actions.AccountDeactivate, actions.AccountSuspend, actions.AccountRestore, actions.AccountDelete,
		actions.AccountContain, actions.ContentRemove, actions.ContentRestore, actions.DeskAdmit, actions.DeskEngagement, actions.DeskKey, actions.DeskChange,
		actions.DeskFreeze, actions.DeskReview} {
		all = append(all, string(k))
	}
	return all
}

// countParts counts what a change of the desk is of.
func countParts(t *testing.T, b ledger.Body, seen map[string]int) {
	t.Helper()
	if _, ok := actions.SpecOf(actions.Kind(b.Kind)); !ok {
		return
	}
	a := opened[proof.Authority](ledger.Entry{Body: b})
	ch, err := actions.ParseChange(a.Action.Kind, a.Action.Change)
	if err != nil {
		t.Fatal(err)
	}
	seen[ch.Part()]++
	switch c := ch.(type) {
	case actions.Engagement:
		seen[c.Op]++
	case actions.Freeze:
		seen[c.Op]++
	case actions.Keys:
		if len(c.Enrol) > 0 {
			seen["enrol"]++
		} else {
			seen["revoke"]++
		}
	}
}

// lacks says what JSON got lacks of want; it may have further members, since
// structs grow.
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
