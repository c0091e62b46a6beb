package proof

import (
	"bytes"
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/policy"
)

// entry is a governance entry as a warrant carries it. All in it follows from
// text and salt, so that it stays true whichever warrant it comes with.
type entry struct {
	text []byte // the body in canonical form
	salt canonical.Bytes
	body ledger.Body
	leaf ledger.Leaf
	does *effect // once read
}

// effect is what an entry changes.
type effect struct {
	founding *Founding
	log      note.Verifier // of a founding
	row      *RowData
	change   actions.Change
	set      *policy.Set // that a founding or a change of policy brings in
}

func (e Evidence) open() (*entry, error) {
	text, err := canonical.Marshal(e.Entry)
	if err != nil {
		return nil, err
	}
	leaf := ledger.Leaf{Class: e.Entry.Class, Number: e.Entry.Number, Commitment: ledger.Commitment(text, e.Salt)}
	body, err := ledger.Verify(leaf, text, e.Salt) // the body's own form
	return &entry{text: text, salt: e.Salt, body: body, leaf: leaf}, err
}

// effect reads the entry's data.
func (e *entry) effect() (*effect, error) {
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
	return effect{change: ch, set: set}, err
}

// take folds in the effect of one entry by itself.
func (s *State) take(e *entry) error {
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
	default:
		if err := s.takeable(does.change); err != nil {
			return err
		}
		s.effect(e.body, does.change, does.set)
	}
	return nil
}

// takeable refuses evidence about people or keys that the entries before it do
// not know, which effect presumes.
func (s *State) takeable(ch actions.Change) error {
	unknown := wrong("bad-evidence", "It changes somebody or something that the warrant's entries do not introduce.")
	switch c := ch.(type) {
	case actions.Engagement:
		if _, ok := s.People.Workers[c.Worker]; !ok {
			return unknown
		}
	case actions.Keys:
		for _, k := range c.Revoke {
			if _, ok := s.People.Keys[k]; !ok {
				return unknown
			}
		}
	}
	return nil
}

// classKnown stands in shortened warrants for an entry that is remembered. No
// entry has this class.
const classKnown ledger.Class = "known"

// referenceForm is a body in canonical form that stands for a remembered entry by its number.
const referenceForm = `{"class":"known","data":{},"kind":"","number":%d,"prev":"","sealed":{},"time":"","v":""}`

// parse reads a warrant in its one spelling, and opens its entries. Most of a
// warrant are entries that the one before carried as well, the founding with the
// whole policy first; these are known by their bytes and not read again.
func (v *Verifier) parse(raw []byte) (Warrant, []*entry, error) {
	if len(raw) > MaxWarrant {
		return Warrant{}, nil, tooLarge
	}
	w, entries, ok := v.parseShort(raw)
	if !ok {
		var err error
		if w, err = ParseWarrant(raw); err != nil {
			return w, nil, err
		}
		entries = make([]*entry, len(w.People))
	}
	for i, p := range w.People {
		if entries[i] != nil && bytes.Equal(entries[i].salt, p.Salt) {
			continue
		}
		e, err := p.open()
		if err != nil {
			return w, nil, fmt.Errorf("governance entry %d: %w", p.Entry.Number, err)
		}
		entries[i] = e
	}
	return w, entries, nil
}

var tooLarge = fault.New(fault.TooLarge, "too-large", "A warrant has at most %d bytes.", MaxWarrant)

// parseShort reads a warrant with references in the place of the entries that
// are known. A complete value in canonical form is replaced by another one, so
// that the whole is in its one spelling exactly if the shortened one is, given
// that each reference is read where an entry of people stands. Where that is not
// so, ok is false and the warrant is to be read as it is.
func (v *Verifier) parseShort(raw []byte) (w Warrant, entries []*entry, ok bool) {
	short, known := v.shorten(raw)
	if len(known) == 0 {
		return w, nil, false
	}
	w, err := ParseWarrant(short)
	if err != nil {
		return w, nil, false
	}
	entries = make([]*entry, len(w.People))
	next := 0
	for i, p := range w.People {
		if p.Entry.Class != classKnown {
			continue
		}
		if p.Entry.Number != int64(next) {
			return w, nil, false
		}
		entries[i] = known[next]
		w.People[i].Entry = known[next].body
		next++
	}
	return w, entries, next == len(known)
}

// shorten replaces known entries by references and returns them in their order.
// It need not understand what it reads: parseShort finds out whether it cut well.
func (v *Verifier) shorten(raw []byte) (short []byte, known []*entry) {
	if bytes.Contains(raw, []byte(`"class":"known"`)) {
		return nil, nil // it would be taken for a reference
	}
	const before, after = `{"entry":`, `,"proof":{"hashes":[`
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.known) == 0 {
		return nil, nil
	}
	for rest := raw; ; {
		start := bytes.Index(rest, []byte(before)) + len(before)
		if start < len(before) {
			return append(short, rest...), known
		}
		end := max(start, start+bytes.Index(rest[start:], []byte(after)))
		short = append(short, rest[:start]...)
		if e, ok := v.known[string(rest[start:end])]; ok {
			short = fmt.Appendf(short, referenceForm, len(known))
			known = append(known, e)
			start = end
		}
		rest = rest[start:]
	}
}

// remember keeps the entries of a warrant that holds.
func (v *Verifier) remember(entries []*entry) {
	v.mu.Lock()
	defer v.mu.Unlock()
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
