package proof

import (
	"bytes"
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
	"countersign.dev/workforce"
)

// Trust is all that a verifier has to be given.
type Trust struct {
	Root canonical.Digest // hash of entry 0
	// Quorum, if set, must accept the checkpoint with its cosignatures.
	Quorum *ledger.Trust
}

// Report is what a verified warrant says.
type Report struct {
	Warrant    Warrant
	Requester  workforce.Worker
	Signers    []workforce.Worker
	Origin     string
	Size       int64  // of the ledger at the checkpoint
	Revocation string // what is known of keys and engagements since
	Word       []string
	Later      []Later // what changed since the warrant was entered; only from Chain
}

// Verifier verifies warrants under one trust. It remembers entries that it met
// in warrants that held, so that the next warrant of the same people costs
// little more than its signatures. It may be used by several goroutines.
type Verifier struct {
	trust Trust
	mu    sync.Mutex
	known map[string]*entry // by body
	bytes int               // of these bodies
	most  int
}

// maxKnown bounds what a Verifier remembers, in bytes of entries. Beyond it all
// is forgotten, which costs time and nothing else.
const maxKnown = 16 << 20

// NewVerifier returns a verifier.
func NewVerifier(t Trust) *Verifier {
	return &Verifier{trust: t, known: map[string]*entry{}, most: maxKnown}
}

// Verify checks a warrant offline: its one spelling, entry 0 against the trusted
// hash, the log's signature, the inclusion of every entry that it rests on and
// of the core's own, and then the whole judgement again from these entries.
// Errors are faults that say what does not hold. What it cannot know is in
// Report.Revocation; and that the entries were authorised when the log took them,
// and that it left no later one out, is the log key's word until Chain is asked.
func Verify(raw []byte, t Trust) (Report, error) { return NewVerifier(t).Verify(raw) }

// Verify is like the function Verify.
func (v *Verifier) Verify(raw []byte) (Report, error) {
	r, _, _, err := v.verify(raw)
	return r, err
}

func (v *Verifier) verify(raw []byte) (Report, []*entry, ledger.Checkpoint, error) {
	w, entries, err := v.parse(raw)
	if err != nil {
		return Report{}, nil, ledger.Checkpoint{}, err
	}
	cp, err := v.checkpoint(w, entries)
	if err != nil {
		return Report{}, nil, cp, err
	}
	s, err := v.fold(w, entries, cp)
	if err != nil {
		return Report{}, nil, cp, err
	}
	if err := checkAnchor(w, s, cp); err != nil {
		return Report{}, nil, cp, err
	}
	if err := checkRuling(w, s); err != nil {
		return Report{}, nil, cp, err
	}
	v.remember(entries)
	r := Report{Warrant: w, Origin: s.Origin, Size: cp.Size, Word: w.Ruling.Facts.Word,
		Revocation: fmt.Sprintf("authentic as of ledger size %d, revocation not checked", cp.Size)}
	people, _ := w.Signers()
	r.Requester = s.People.Workers[people[0]]
	for _, p := range people[1:] {
		r.Signers = append(r.Signers, s.People.Workers[p])
	}
	return r, entries, cp, nil
}

func wrong(typ, format string, args ...any) *fault.Error {
	return fault.New(fault.Forbidden, typ, format, args...)
}

// checkpoint finds the log's key in the trusted entry 0 and opens the checkpoint.
func (v *Verifier) checkpoint(w Warrant, entries []*entry) (ledger.Checkpoint, error) {
	if len(entries) == 0 {
		return ledger.Checkpoint{}, wrong("no-evidence", "The warrant carries no governance entries.")
	}
	first := entries[0]
	if first.leaf.Digest() != v.trust.Root || first.body.Kind != KindFounding {
		return ledger.Checkpoint{}, wrong("foreign-desk", "The warrant is of a desk founded by %s; the one that you trust is %s.", first.leaf.Digest(), v.trust.Root)
	}
	f, err := first.effect()
	if err != nil {
		return ledger.Checkpoint{}, err
	}
	return openCheckpoint(w, f.log, v.trust.Quorum)
}

func openCheckpoint(w Warrant, key note.Verifier, quorum *ledger.Trust) (ledger.Checkpoint, error) {
	surplus := wrong("surplus-signature", "The checkpoint carries signatures by unknown keys.")
	full := []byte(w.Ledger.Checkpoint)
	for i, line := range w.Ledger.Cosignatures {
		// One line each and in order, so that the same cosignatures have one spelling.
		if strings.IndexByte(line, '\n') != len(line)-1 || i > 0 && w.Ledger.Cosignatures[i-1] >= line {
			return ledger.Checkpoint{}, wrong("surplus-signature", "The cosignatures are not sorted lines, each once.")
		}
		full = append(full, line...)
	}
	if quorum == nil {
		if len(w.Ledger.Cosignatures) > 0 {
			return ledger.Checkpoint{}, wrong("surplus-signature", "The warrant carries cosignatures of witnesses that the trust folder does not name.")
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
	if signed.Unknown > 0 || len(signed.Cosignatures) != len(w.Ledger.Cosignatures) {
		return ledger.Checkpoint{}, surplus
	}
	return signed.Checkpoint, quorum.Quorum(signed)
}

// fold builds the state that the evidence proves: each entry included in the
// ledger before the warrant, of the governance chain, in its order; effects
// only, since that the changes were authorised is the chain's affair.
func (v *Verifier) fold(w Warrant, entries []*entry, cp ledger.Checkpoint) (*State, error) {
	s := NewState(v.trust.Root)
	last := int64(-1)
	have := make([]int64, len(entries))
	for i, e := range entries {
		number, proof := e.body.Number, w.People[i].Proof
		if e.body.Class != ledger.Governance || number <= last {
			return nil, wrong("bad-evidence", "The governance entries of the warrant are not in their order, each once.")
		}
		last, have[i] = number, number
		if proof.Index >= w.Ledger.Proof.Index {
			return nil, wrong("bad-evidence", "Governance entry %d came after the warrant.", number)
		}
		if err := proof.Verify(e.leaf, cp); err != nil {
			return nil, fmt.Errorf("governance entry %d: %w", number, err)
		}
		if err := s.take(e); err != nil {
			return nil, fmt.Errorf("governance entry %d: %w", number, err)
		}
	}
	people, keys := w.Signers()
	if want := s.Evidence(people, keys, w.Ruling.At.Time); !slices.Equal(want, have) {
		return nil, wrong("bad-evidence", "The warrant carries governance entries that it does not rest on.")
	}
	return s, nil
}

// checkAnchor checks that the ledger holds this core.
func checkAnchor(w Warrant, s *State, cp ledger.Checkpoint) error {
	anchor, err := Evidence{Entry: w.Ledger.Entry, Salt: w.Ledger.Salt}.open()
	if err != nil {
		return err
	}
	if cp.Origin != s.Origin {
		return wrong("foreign-log", "The checkpoint is of the ledger %q, the desk's is %q.", cp.Origin, s.Origin)
	}
	if err := w.Ledger.Proof.Verify(anchor.leaf, cp); err != nil {
		return err
	}
	if w.Ledger.Entry.Class != ledger.Desk || w.Ledger.Entry.Kind != KindWarrant || len(w.Ledger.Entry.Sealed) != 0 {
		return wrong("bad-anchor", "The ledger entry of the warrant is not of kind %s.", KindWarrant)
	}
	var r Record
	if err := canonical.Unmarshal(w.Ledger.Entry.Data, &r); err != nil {
		return err
	}
	want := RecordOf(w.Core, &State{Next: r.GovernanceNumber})
	if !bytes.Equal(canonical.MustMarshal(want), w.Ledger.Entry.Data) {
		return wrong("bad-anchor", "The ledger holds another warrant than this one.")
	}
	if d := w.Ledger.Entry.Time.Sub(w.Ruling.At.Time); d < -time.Minute || d > time.Minute {
		return wrong("bad-anchor", "The ruling is dated %s, its ledger entry %s.", w.Ruling.At, w.Ledger.Entry.Time)
	}
	return nil
}

// checkRuling judges again and compares.
func checkRuling(w Warrant, s *State) error {
	a := w.ask()
	j, err := s.Judge(a)
	if err != nil {
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

// ask returns what the desk judged, as the warrant has it.
func (w Warrant) ask() Ask {
	executor := w.Request.Statement.Executor
	return Ask{Action: w.Action, Request: w.Request, Countersignatures: w.Countersignatures, At: w.Ruling.At.Time,
		Executor: executor, Tier: w.Ruling.Facts.Tier, Lifts: w.Ruling.Facts.Lifts}
}
