package proof

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/workforce"
)

// Trust is all that a verifier needs besides the warrant.
type Trust struct {
	Root canonical.Digest // hash of entry 0
	// Quorum, if set, is the rule of witnesses that must accept the checkpoint and its
	// cosignatures.
	Quorum *ledger.Trust
}

// Report is what a verified warrant says.
type Report struct {
	Warrant    Warrant
	Requester  workforce.Worker
	Signers    []workforce.Worker
	Origin     string
	Size       int64  // of the ledger at the checkpoint
	Revocation string // what is known of later changes of keys, engagements and sessions
	Word       []string
	Tiers      string       // how far the tier was compared with the ledger's; only from Chain and By, and only for a burdening act
	Later      []Later      // what changed since the warrant was entered; only from Chain
	NotInChain []NotInChain // what the executor took directly and the chain does not hold; only from Chain
	Authority  string       // what the entries in Authority prove, and what not; empty if there are none
}

// Verifier verifies warrants under one trust. It remembers the entries of warrants that
// held, and does not decode them again when later warrants carry them. Several goroutines
// may use it.
type Verifier struct {
	trust Trust
	mu    sync.Mutex
	known map[canonical.Digest]*carriedEntry // by the commitment in their leaf
	bytes int                                // total size of the known entries' texts
	most  int
	folds map[string]*State // by nameOf their entries; never changed
}

// maxFolds bounds how many states are remembered.
const maxFolds = 256

// maxKnown is the largest total size, in bytes, of the entries that a Verifier remembers.
// Beyond it all are forgotten, which only costs time.
const maxKnown = 16 << 20

// NewVerifier returns a verifier.
func NewVerifier(t Trust) *Verifier {
	return &Verifier{trust: t, known: map[canonical.Digest]*carriedEntry{}, most: maxKnown, folds: map[string]*State{}}
}

// Verify checks a warrant offline: that it is in canonical form, entry 0 against the
// trusted hash, the log's signature, and that the ledger includes the warrant's core and
// every entry that it rests on. Then it judges the act again by these entries. Errors are
// faults that say which check failed. Report.Revocation says what Verify cannot know. That
// the entries were authorised when they were entered, and that no later entry was left out,
// is the word of the log's key until Complete or Chain checks it.
func Verify(raw []byte, t Trust) (Report, error) { return NewVerifier(t).Verify(raw) }

// Verify is like the function Verify.
func (v *Verifier) Verify(raw []byte) (Report, error) {
	r, _, err := v.verify(raw, false)
	return r, err
}

// Complete is Verify for a complete warrant. By the entries in its Authority it checks
// besides that each governance entry on which the warrant rests was authorised when it was
// entered, down to entry 0; see Report.Authority. It takes warrants without such entries
// too, and then it does no more than Verify.
func (v *Verifier) Complete(raw []byte) (Report, error) {
	r, _, err := v.verify(raw, true)
	return r, err
}

func (v *Verifier) verify(raw []byte, complete bool) (Report, opened, error) {
	o, err := v.open(raw, complete)
	if err != nil {
		return Report{}, o, err
	}
	if o.checkpoint, err = v.checkLedger(o); err != nil {
		return Report{}, o, err
	}
	s, err := v.fold(o)
	if err != nil {
		return Report{}, o, err
	}
	if err := checkRuling(o, s); err != nil {
		return Report{}, o, err
	}
	w := o.warrant
	if len(o.authority) > 0 {
		if err := v.authorised(o); err != nil {
			return Report{}, o, err
		}
	}
	v.remember(o.entries, s)
	r := Report{Warrant: w, Origin: s.Origin, Size: o.checkpoint.Size, Word: w.Ruling.Facts.Word,
		Revocation: fmt.Sprintf("authentic as of ledger size %d, revocation not checked", o.checkpoint.Size)}
	if len(w.Sessions) > 0 {
		r.Revocation += ", session not checked for revocation"
	}
	if len(o.authority) > 0 {
		r.Authority = fmt.Sprintf(checkedAuthority, len(o.entries)+len(o.authority))
	}
	people, _ := w.Core().Signers()
	r.Requester, _ = s.People.Worker(people[0])
	for _, p := range people[1:] {
		w, _ := s.People.Worker(p)
		r.Signers = append(r.Signers, w)
	}
	return r, o, nil
}

func wrong(typ, format string, args ...any) *fault.Error {
	return fault.New(fault.Forbidden, typ, format, args...)
}

// founded returns the log's name and key from entry 0, which must be the trusted one.
func (v *Verifier) founded(o opened) (origin string, key note.Verifier, err error) {
	if len(o.entries) == 0 {
		return "", nil, wrong("no-evidence", "The warrant carries no governance entries.")
	}
	first := o.entries[0]
	if root := first.leaf.Digest(); root != v.trust.Root || first.body.Kind != KindFounding {
		return "", nil, wrong("foreign-desk", "The warrant is of a desk whose entry 0 is %s; the entry 0 that you trust is %s.", root, v.trust.Root)
	}
	f, err := first.effect()
	if err != nil {
		return "", nil, err
	}
	return f.founding.Origin, f.log, nil
}

// checkLedger checks that the desk's ledger, with the signatures of the log and of the
// quorum, holds the warrant's entries and its core. It comes first: nothing else is read
// from entries that the ledger does not hold.
func (v *Verifier) checkLedger(o opened) (ledger.Checkpoint, error) {
	w := o.warrant
	origin, key, err := v.founded(o)
	if err != nil {
		return ledger.Checkpoint{}, err
	}
	cp, err := openCheckpoint(w.Ledger, key, v.trust.Quorum)
	if err != nil {
		return cp, err
	}
	if cp.Origin != origin {
		return cp, wrong("foreign-log", "The checkpoint is of the ledger %q, but the desk's ledger is %q.", cp.Origin, origin)
	}
	for i, e := range o.entries {
		if err := w.People[i].Proof.Verify(e.leaf, cp); err != nil {
			return cp, fmt.Errorf("governance entry %d: %w", e.body.Number, err)
		}
	}
	for i, e := range o.authority {
		if err := w.Authority[i].Proof.Verify(e.leaf, cp); err != nil {
			return cp, ofEntry(e, err)
		}
	}
	if err := Included(w.Entries(), cp, w.Ledger.Proof.Index); err != nil {
		return cp, err
	}
	return cp, checkAnchor(o, cp)
}

func openCheckpoint(a Anchor, key note.Verifier, quorum *ledger.Trust) (ledger.Checkpoint, error) {
	surplus := wrong("surplus-signature", "The checkpoint carries signatures by unknown keys.")
	full := []byte(a.Checkpoint)
	for i, line := range a.Cosignatures {
		// One line each and in order, so that the same cosignatures have one spelling.
		if strings.IndexByte(line, '\n') != len(line)-1 || i > 0 && a.Cosignatures[i-1] >= line {
			return ledger.Checkpoint{}, wrong("surplus-signature", "The cosignatures must be lines in sorted order, each once.")
		}
		full = append(full, line...)
	}
	if quorum == nil {
		if len(a.Cosignatures) > 0 {
			return ledger.Checkpoint{}, wrong("surplus-signature", "The proof carries cosignatures of witnesses that the trust folder does not name.")
		}
		signed, err := ledger.ParseCheckpoint(full, key)
		if err == nil && signed.Unknown > 0 {
			err = surplus
		}
		return signed.Checkpoint, err
	}
	signed, err := quorum.Open(full)
	if err != nil {
		return ledger.Checkpoint{}, err
	}
	if signed.Unknown > 0 || len(signed.Cosignatures) != len(a.Cosignatures) {
		return ledger.Checkpoint{}, surplus
	}
	return signed.Checkpoint, quorum.Quorum(signed)
}

// fold builds the state from the warrant's governance entries. Each entry must be from
// before the warrant, and in order. Only the effects of the entries are applied: Chain
// checks that they were authorised.
func (v *Verifier) fold(o opened) (*State, error) {
	w := o.warrant
	last := int64(-1)
	have := make([]int64, len(o.entries))
	for i, e := range o.entries {
		number := e.body.Number
		if e.body.Class != ledger.Governance || number <= last {
			return nil, wrong("bad-evidence", "The governance entries of the warrant must be in order, each once.")
		}
		last, have[i] = number, number
		if w.People[i].Proof.Index >= w.Ledger.Proof.Index {
			return nil, wrong("bad-evidence", "Governance entry %d came after the warrant.", number)
		}
	}
	s, err := v.effects(o.entries)
	if err != nil {
		return nil, err
	}
	people, keys := w.Core().Signers()
	if want := s.Evidence(people, keys, w.Ruling.At.Time); !slices.Equal(want, have) {
		return nil, wrong("bad-evidence", "The warrant carries governance entries that it does not rest on.")
	}
	return s, nil
}

// effects returns the state after the effects of entries, applied in order.
func (v *Verifier) effects(entries []*carriedEntry) (*State, error) {
	v.mu.Lock()
	s, ok := v.folds[nameOf(entries)]
	v.mu.Unlock()
	if ok {
		return s, nil
	}
	s = NewState(v.trust.Root)
	for _, e := range entries {
		if err := s.foldEntry(e); err != nil {
			return nil, fmt.Errorf("governance entry %d: %w", e.body.Number, err)
		}
	}
	return s, nil
}

// nameOf returns a key for a list of entries: the commitments in their leaves.
func nameOf(entries []*carriedEntry) string {
	name := make([]byte, 0, len(canonical.Digest{})*len(entries))
	for _, e := range entries {
		name = append(name, e.leaf.Commitment[:]...)
	}
	return string(name)
}

// checkAnchor checks that the ledger holds an entry of kind warrant with this core.
func checkAnchor(o opened, cp ledger.Checkpoint) error {
	w := o.warrant
	text, err := canonical.Marshal(w.Ledger.Entry)
	if err != nil {
		return err
	}
	leaf, err := ledger.LeafOf(w.Ledger.Entry, text, w.Ledger.Salt)
	if err != nil {
		return err
	}
	if err := w.Ledger.Proof.Verify(leaf, cp); err != nil {
		return err
	}
	if w.Ledger.Entry.Class != ledger.Desk || w.Ledger.Entry.Kind != entry.KindWarrant || len(w.Ledger.Entry.Sealed) != 0 {
		return wrong("bad-anchor", "The ledger entry of the warrant is not of kind %s.", entry.KindWarrant)
	}
	var r entry.Warrant
	if err := canonical.UnmarshalExact(w.Ledger.Entry.Data, &r); err != nil {
		return err
	}
	if !reflect.DeepEqual(r, warrantEntryOf(w.Core(), r.GovernanceNumber)) {
		return wrong("bad-anchor", "The ledger entry is of another warrant than this one.")
	}
	if d := w.Ledger.Entry.Time.Sub(w.Ruling.At.Time); d < -time.Minute || d > time.Minute {
		return wrong("bad-anchor", "The ruling is dated %s, but its ledger entry is dated %s.", w.Ruling.At, w.Ledger.Entry.Time)
	}
	return nil
}

// checkRuling judges the act again by a state, and compares the ruling with the warrant's.
func checkRuling(o opened, s *State) error {
	w := o.warrant
	a, err := o.ask()
	if err != nil {
		return err
	}
	j, err := s.Judge(a)
	if err != nil {
		return err
	}
	if err := surplusWait(j.Need, w.Waited); err != nil {
		return err
	}
	if !j.Ready {
		return wrong("held", "The countersignatures do not suffice: %s.", j.Missing)
	}
	if len(j.Chosen) != len(w.Countersignatures) {
		return wrong("surplus-signature", "The warrant carries countersignatures that fill no slot.")
	}
	if again := s.rulingOf(a, j); !reflect.DeepEqual(again, w.Ruling) && canonical.DigestOf(again) != canonical.DigestOf(w.Ruling) {
		return wrong("bad-ruling", "The ruling in the warrant is not the one that its policy and facts give.")
	}
	return nil
}

// ask returns the Ask that the desk judged, rebuilt from the warrant.
func (o opened) ask() (Ask, error) {
	w := o.warrant
	if o.ahead != nil {
		w = w.Dated(o.ahead)
	}
	a := w.Ask()
	a.At, a.Executor, a.Tier, a.Lifts = w.Ruling.At.Time, w.Request.Statement.Executor, w.Ruling.Facts.Tier, w.Ruling.Facts.Lifts
	a.Belongs = true // that is the desk's word, and the executor's
	var err error
	a.Entered, err = w.Entered()
	return a, err
}

// Dated returns a warrant whose entries of signatures are dated no earlier than ahead says
// of their places in the ledger: entry times never go back, so only a desk that lies dates
// an entry before one that is ahead of it. The warrant is to be judged, and not to be
// written.
func (w Warrant) Dated(ahead func(index int64) time.Time) Warrant {
	dated := func(e Evidence) Evidence {
		if t := ahead(e.Proof.Index); t.After(e.Entry.Time.Time) {
			e.Entry.Time = canonical.At(t)
		}
		return e
	}
	w.Requested, w.Waited = dated(w.Requested), slices.Clone(w.Waited)
	for i, e := range w.Waited {
		w.Waited[i] = dated(e)
	}
	return w
}

// Ask returns the part of an Ask that the warrant's documents give, without the facts that
// its reader finds out.
func (w Warrant) Ask() Ask {
	a := Ask{Action: w.Action, Request: w.Request, Countersignatures: w.Countersignatures, Decision: w.Decision, Sessions: w.Sessions}
	if w.V != WarrantV1 {
		a.Requested = w.Requested.Entry.Time.Time
	}
	return a
}
