package proof

import (
	"bytes"
	"fmt"
	"sync"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/policy"
)

// carriedEntry is a governance entry as a warrant carries it. All in it follows from
// text and salt, so that it stays true whichever warrant it comes with.
type carriedEntry struct {
	text []byte // the body in canonical form
	salt canonical.Bytes
	body ledger.Body
	leaf ledger.Leaf
	root canonical.Digest // leaf.Digest
	hash tlog.Hash        // leaf.Hash
	does *effect          // once read
}

// effect is what an entry changes.
type effect struct {
	founding *Founding
	log      note.Verifier // of a founding
	row      *RowData
	change   actions.Change
	by       actions.Statement // that requested the change
	set      *policy.Set       // that a founding or a change of policy brings in
	at       canonical.Time    // from when it holds, if that is not the entry's time
}

func (e Evidence) open() (*carriedEntry, error) {
	text, err := canonical.Marshal(e.Entry)
	if err != nil {
		return nil, err
	}
	leaf, err := ledger.LeafOf(e.Entry, text, e.Salt)
	return &carriedEntry{text: text, salt: e.Salt, body: e.Entry, leaf: leaf, root: leaf.Digest(), hash: leaf.Hash()}, err
}

// effect reads the entry's data.
func (e *carriedEntry) effect() (*effect, error) {
	if e.does == nil {
		does, err := readEffect(e.body)
		if err != nil {
			return nil, err
		}
		e.does = &does
	}
	return e.does, nil
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
	case string(actions.DeskAdmit):
		return effect{}, wrong("bad-evidence", "An admission proves nothing about a person; its rows do.")
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
		return effect{}, wrong("bad-evidence", "The entry is of kind %s, its action of kind %s.", b.Kind, a.Action.Kind)
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
		return effect{}, wrong("bad-evidence", "The entry tells of a record of kind %s as of one that was taken directly.", e.Execution.Kind)
	}
	a := *e.Execution.Taken
	ch, err := actions.ParseChange(a.Action.Kind, a.Action.Change)
	at := e.Execution.At
	if at.After(b.Time.Time) {
		at = b.Time
	}
	return effect{change: ch, by: a.Request.Statement, at: at}, err
}

// take folds in the effect of one entry by itself.
func (s *State) take(e *carriedEntry) error {
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
	case !s.known(does.change):
		return wrong("bad-evidence", "It changes somebody or something that the warrant's entries do not introduce.")
	default:
		b := e.body
		if !does.at.IsZero() {
			b.Time = does.at
		}
		s.effect(b, does.by, does.change, does.set)
	}
	return nil
}

// A reference stands in shortened warrants for the entry of an Evidence that is
// known: a body without any of its members.
const (
	beforeEntry = `{"entry":`
	afterEntry  = `,"proof":{"hashes":[`
	reference   = `{}`
	bodyMembers = 8 // that a reference lacks
)

// opened is a warrant that was read, and no more.
type opened struct {
	warrant Warrant
	hashes
	entries    []*carriedEntry   // of warrant.People
	checkpoint ledger.Checkpoint // once checked
}

// parse reads a warrant in its one spelling, hashes it and opens its entries. Most
// of a warrant are entries that the one before carried as well, the founding with
// the whole policy first; these are known by their bytes and not read again.
func (v *Verifier) parse(raw []byte) (opened, error) {
	if len(raw) > MaxWarrant {
		return opened{}, tooLarge
	}
	o, ok := v.parseShort(raw)
	if !ok {
		w, err := ParseWarrant(raw)
		if err != nil {
			return o, err
		}
		text, _ := canonical.Scan(raw)
		o = opened{warrant: w, hashes: hashesOf(text, w), entries: make([]*carriedEntry, len(w.People))}
	}
	for i, p := range o.warrant.People {
		if o.entries[i] != nil && bytes.Equal(o.entries[i].salt, p.Salt) {
			continue
		}
		var err error
		if o.entries[i], err = p.open(); err != nil {
			return o, fmt.Errorf("governance entry %d: %w", p.Entry.Number, err)
		}
	}
	return o, nil
}

var tooLarge = fault.New(fault.TooLarge, "too-large", "A warrant has at most %d bytes.", MaxWarrant)

// parseShort reads a warrant with references in the place of the entries that
// are known. A complete value in canonical form is replaced by another one, so
// that the whole is in its one spelling exactly if the shortened one is but for
// what the references lack, given that each reference is read where an entry of
// people stands. Where that is not so, ok is false and the warrant is to be read
// as it is.
func (v *Verifier) parseShort(raw []byte) (o opened, ok bool) {
	buf := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(buf)
	known := v.shorten(buf, raw)
	if len(known) == 0 {
		return o, false
	}
	short := buf.Bytes()
	w := Warrant{People: make([]Evidence, 0, len(known))}
	if err := readWarrant(short, &w); err != nil {
		return o, false
	}
	text, ok := canonical.Scan(short)
	if !ok {
		return o, false
	}
	if n, ok := text.Lacks(w); !ok || n != bodyMembers*len(known) {
		return o, false
	}
	o = opened{warrant: w, hashes: hashesOf(text, w), entries: make([]*carriedEntry, len(w.People))}
	next := 0
	for i, p := range w.People {
		if p.Entry.V != "" {
			continue
		}
		if next == len(known) {
			return o, false
		}
		o.entries[i] = known[next]
		w.People[i].Entry = known[next].body
		next++
	}
	return o, next == len(known)
}

// buffers are for shortened warrants, of which nothing is kept.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// shorten writes raw with references in the place of known entries, and returns
// these in their order. It need not understand what it reads: parseShort finds
// out whether it cut well.
func (v *Verifier) shorten(short *bytes.Buffer, raw []byte) (known []*carriedEntry) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.known) == 0 {
		return nil
	}
	short.Reset()
	done, start := 0, 0
	for {
		i := bytes.Index(raw[start:], []byte(beforeEntry))
		if i < 0 {
			break
		}
		start += i + len(beforeEntry)
		if e := v.entryAt(raw[start:]); e != nil {
			short.Write(raw[done:start])
			short.WriteString(reference)
			start += len(e.text)
			known, done = append(known, e), start
		}
	}
	short.Write(raw[done:])
	if bytes.Count(short.Bytes(), []byte(beforeEntry+reference)) != len(known) {
		return nil // what stands there already would be taken for a reference
	}
	return known
}

// entryAt finds the known entry with which a text begins. In all warrants of a
// desk the first is the founding, which is most of the text.
func (v *Verifier) entryAt(text []byte) *carriedEntry {
	if f := v.founding; f != nil && bytes.HasPrefix(text, f.text) && bytes.HasPrefix(text[len(f.text):], []byte(afterEntry)) {
		return f
	}
	return v.known[string(text[:max(0, bytes.Index(text, []byte(afterEntry)))])]
}

// remember keeps the entries of a warrant that holds, and the state that they give.
func (v *Verifier) remember(entries []*carriedEntry, s *State) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.folds) == maxFolds {
		clear(v.folds)
	}
	v.folds[nameOf(entries)] = s
	v.founding = entries[0]
	for _, e := range entries {
		if _, ok := v.known[string(e.text)]; ok {
			continue
		}
		if v.bytes += len(e.text); v.bytes > v.most {
			clear(v.known)
			v.bytes = len(e.text)
		}
		v.known[string(e.text)] = e
	}
}
