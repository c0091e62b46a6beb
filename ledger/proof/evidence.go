package proof

import (
	"bytes"
	"fmt"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/ledger"
	"countersign.dev/policy"
)

// carriedEntry is a governance entry as a warrant carries it. All its fields follow from
// the entry's text and salt, so they hold for every warrant that carries the entry.
type carriedEntry struct {
	body   ledger.Body
	salt   canonical.Bytes
	size   int // of the text, in bytes
	leaf   ledger.Leaf
	effect func() (effect, error) // what the entry changes; read once
}

// effect is what an entry changes.
type effect struct {
	founding *Founding
	log      note.Verifier // of a founding
	row      *RowData
	change   actions.Change
	by       actions.Statement // the statement that requested the change
	set      *policy.Set       // the policy set of a founding or of a change of policy
	at       canonical.Time    // when the effect began, if that is not the entry's time
}

// openEntry reads an entry and computes the leaf that it makes with its salt.
func openEntry(text []byte, salt canonical.Bytes) (*carriedEntry, error) {
	body, err := ledger.ParseBody(text)
	if err != nil {
		return nil, err
	}
	leaf, err := ledger.LeafOf(body, text, salt)
	return &carriedEntry{body: body, salt: salt, size: len(text), leaf: leaf,
		effect: sync.OnceValues(func() (effect, error) { return readEffect(body) })}, err
}

func readEffect(b ledger.Body) (effect, error) {
	switch b.Kind {
	case KindFounding:
		var c Closed
		if err := canonical.UnmarshalExact(b.Data, &c); err != nil {
			return effect{}, err
		}
		log, err := ledger.ParseVerifierKey(c.Founding.LogKey)
		if err != nil {
			return effect{}, err
		}
		set, err := policy.Compile(c.Founding.Policy)
		return effect{founding: &c.Founding, log: log, set: set}, err
	case KindRow:
		var d RowData
		err := canonical.UnmarshalExact(b.Data, &d)
		return effect{row: &d}, err
	case KindTaken:
		return readTaken(b)
	}
	var a Authority
	if err := canonical.UnmarshalExact(b.Data, &a); err != nil {
		return effect{}, err
	}
	ch, err := actions.ParseChange(a.Action.Kind, a.Action.Change)
	if err != nil {
		return effect{}, err
	}
	if string(a.Action.Kind) != b.Kind {
		return effect{}, wrong("bad-evidence", "The entry is of kind %s, but its action is of kind %s.", b.Kind, a.Action.Kind)
	}
	set, err := setOf(ch)
	return effect{change: ch, by: a.Request.Statement, set: set}, err
}

// readTaken reads a change that its signer handed straight to the executor. A warrant
// carries such an entry only if it had an effect.
func readTaken(b ledger.Body) (effect, error) {
	var e SignedExecution
	if err := canonical.UnmarshalExact(b.Data, &e); err != nil {
		return effect{}, err
	}
	if err := e.Execution.Check(); err != nil {
		return effect{}, err
	}
	if e.Execution.Kind != KindTaken {
		return effect{}, wrong("bad-evidence", "The entry is of a change that was taken directly, but holds a record of kind %s.", e.Execution.Kind)
	}
	a := *e.Execution.Taken
	ch, err := actions.ParseChange(a.Action.Kind, a.Action.Change)
	if err != nil {
		return effect{}, err
	}
	if !takeable(ch) {
		return effect{}, notTakeable
	}
	at := e.Execution.At
	if at.After(b.Time.Time) {
		at = b.Time
	}
	return effect{change: ch, by: a.Request.Statement, at: at}, nil
}

// foldEntry folds in the effect of one entry by itself.
func (s *State) foldEntry(e *carriedEntry) error {
	does, err := e.effect()
	if err != nil {
		return err
	}
	switch {
	case does.founding != nil && e.body.Number != 0:
		return wrong("bad-evidence", "A desk is founded once.")
	case does.founding != nil:
		s.Next = 1
		s.effectFounding(e.body, *does.founding, does.set)
	case does.row != nil:
		s.effectRow(e.body, *does.row)
	case e.body.Kind == string(actions.DeskAdmit) && s.few != nil:
		s.admitFew(e.body, does.change.(actions.Admit))
	case e.body.Kind == string(actions.DeskAdmit):
		return wrong("bad-evidence", "The warrant carries an admission, which proves nothing about a person. It must carry rows of it instead.")
	case !s.known(does.change):
		return wrong("bad-evidence", "The entry changes a person or a key that no entry of the warrant introduces.")
	default:
		b := e.body
		if !does.at.IsZero() {
			b.Time = does.at
		}
		s.effect(b, does.by, does.change, does.set)
	}
	return nil
}

// opened is a warrant that was read, and not verified yet.
type opened struct {
	warrant    Warrant
	entries    []*carriedEntry   // of warrant.People
	authority  []*carriedEntry   // of warrant.Authority
	checkpoint ledger.Checkpoint // once checked
	// ahead returns the time of the newest governance entry before an index of the ledger; nil
	// unless the whole chain is at hand.
	ahead func(index int64) time.Time
}

// open reads a warrant in canonical form. Most of its text are governance entries that
// earlier warrants carried as well, above all the founding with the whole policy: these are
// not read again. Only a complete warrant may carry entries that authorise others.
func (v *Verifier) open(raw []byte, complete bool) (opened, error) {
	w, people, err := readWarrant(raw, complete)
	if err != nil {
		return opened{}, err
	}
	o := opened{warrant: w}
	for i, p := range people {
		e, err := v.entry(p.Entry, p.Salt)
		if err != nil {
			return o, fmt.Errorf("governance entry at place %d of the warrant: %w", i, err)
		}
		o.entries = append(o.entries, e)
		o.warrant.People = append(o.warrant.People, Evidence{Entry: e.body, Proof: p.Proof, Salt: p.Salt})
	}
	for i, a := range w.Authority {
		text, err := canonical.Marshal(a.Entry)
		if err != nil {
			return o, err
		}
		e, err := v.entry(text, a.Salt)
		if err != nil {
			return o, of(fmt.Sprintf("The authorising entry at place %d of the warrant", i), err)
		}
		o.authority = append(o.authority, e)
	}
	return o, nil
}

// entry returns the known entry with a text and salt, or opens it.
func (v *Verifier) entry(text []byte, salt canonical.Bytes) (*carriedEntry, error) {
	commitment := ledger.Commitment(text, salt)
	v.mu.Lock()
	e := v.known[commitment]
	v.mu.Unlock()
	// The commitment is the hash of salt and text, one after the other. If the salt is the
	// same as well, the text is the same.
	if e != nil && bytes.Equal(e.salt, salt) {
		return e, nil
	}
	return openEntry(text, salt)
}

// remember keeps the entries of a warrant that has held, and the state that they give.
func (v *Verifier) remember(entries []*carriedEntry, s *State) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.folds) == maxFolds {
		clear(v.folds)
	}
	v.folds[nameOf(entries)] = s
	for _, e := range entries {
		if _, ok := v.known[e.leaf.Commitment]; ok {
			continue
		}
		if v.bytes += e.size; v.bytes > v.most {
			clear(v.known)
			v.bytes = e.size
		}
		v.known[e.leaf.Commitment] = e
	}
}
