package proof

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/note"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/policy"
	"countersign.dev/workforce"
)

// WarrantVersion is the only version of Warrant.
const WarrantVersion = "countersign/warrant/v1"

// MaxWarrant is the largest warrant that is read, in bytes.
const MaxWarrant = 4 << 20

// Warrant is the complete proof that an action is authorised.
type Warrant struct {
	Core
	People []Evidence `json:"people"`
	Ledger Anchor     `json:"ledger"`
}

// Core is the part of a warrant that its ledger entry commits to.
type Core struct {
	V                 string           `json:"v"`
	Action            actions.Action   `json:"action"`
	Request           actions.Signed   `json:"request"`
	Ruling            Ruling           `json:"ruling"`
	Countersignatures []actions.Signed `json:"countersignatures"`
}

// Digest is what the ledger entry holds.
func (c Core) Digest() canonical.Digest { return canonical.DigestOf(c) }

// Ruling is policy's answer as the desk had it when the slots were filled. The
// executor rules again; this is for those who ask later why.
type Ruling struct {
	Policy  canonical.Digest `json:"policy"`
	At      canonical.Time   `json:"at"`
	Facts   Facts            `json:"facts"`
	Need    actions.Need     `json:"need"`
	Reasons []Reason         `json:"reasons"`
}

// Facts are what the ruling read of the requester and the subject. All but
// those that Word names are recomputed from the entries in People.
type Facts struct {
	Engaged  bool             `json:"engaged"`
	Employee bool             `json:"employee"`
	Vendor   string           `json:"vendor"`
	Roles    []workforce.Role `json:"roles"`
	InNotice bool             `json:"in_notice"`
	Ratchet  bool             `json:"ratchet"`
	Newcomer bool             `json:"newcomer"`
	Tier     actions.Tier     `json:"tier"`
	Lifts    actions.Lifts    `json:"lifts"`
	Case     bool             `json:"case"`
	Word     []string         `json:"word"` // the facts that are the desk's word: "case", "lifts", "tier"
}

// Reason is one policy that spoke.
type Reason struct {
	Policy string `json:"policy"`
	Text   string `json:"text"`
}

// Evidence is one governance entry with its inclusion proof.
type Evidence struct {
	Entry ledger.Body      `json:"entry"`
	Salt  canonical.Bytes  `json:"salt"`
	Proof ledger.Inclusion `json:"proof"`
}

// Anchor fixes the core in the ledger.
type Anchor struct {
	Checkpoint   string           `json:"checkpoint"` // signed note: the log's signature alone
	Entry        ledger.Body      `json:"entry"`      // of kind warrant
	Salt         canonical.Bytes  `json:"salt"`
	Proof        ledger.Inclusion `json:"proof"`
	Cosignatures []string         `json:"cosignatures"` // witnesses' signature lines
}

// Record is the data of the ledger entry of a warrant: what is never erased.
type Record struct {
	Warrant          canonical.Digest     `json:"warrant"`
	Request          string               `json:"request"`
	Kind             actions.Kind         `json:"kind"`
	Tier             actions.Tier         `json:"tier"`
	Direction        actions.Direction    `json:"direction"`
	Policy           canonical.Digest     `json:"policy"`
	Executor         string               `json:"executor"`
	Requester        workforce.WorkerID   `json:"requester"`
	Countersigners   []workforce.WorkerID `json:"countersigners"`
	GovernanceNumber int64                `json:"governance_number"` // entries of the chain that the ruling had seen
}

// RecordOf returns the ledger record of a core ruled on by a state.
func RecordOf(c Core, s *State) Record {
	r := Record{Warrant: c.Digest(), Request: c.Request.Statement.Request, Kind: c.Action.Kind, Tier: c.Ruling.Facts.Tier,
		Direction: c.Action.Direction, Policy: c.Ruling.Policy, Executor: c.Request.Statement.Executor,
		Requester: c.Request.Statement.Signer, GovernanceNumber: s.Next}
	for _, cs := range c.Countersignatures {
		r.Countersigners = append(r.Countersigners, cs.Statement.Signer)
	}
	return r
}

// Seal makes the core of a warrant from an Ask that a state found ready: with
// the countersignatures that fill the slots and no others.
func (s *State) Seal(a Ask, j Judgement) (Core, error) {
	if !j.Ready {
		return Core{}, refuse("held", "The action is held: %s.", j.Missing)
	}
	c := Core{V: WarrantVersion, Action: a.Action, Request: a.Request, Ruling: s.rulingOf(a, j)}
	for _, cs := range a.Countersignatures {
		if slices.ContainsFunc(j.Chosen, func(sg actions.Signer) bool { return sg.Worker == cs.Statement.Signer }) {
			c.Countersignatures = append(c.Countersignatures, cs)
		}
	}
	return c, nil
}

func (s *State) rulingOf(a Ask, j Judgement) Ruling {
	f := j.Facts
	r := Ruling{Policy: s.Policy.Digest(), At: canonical.At(a.At), Need: j.Need, Facts: Facts{
		Engaged: f.Worker.Engaged, Employee: f.Worker.Employee, Vendor: string(f.Worker.Vendor), Roles: f.Worker.Roles,
		InNotice: f.Worker.InNotice, Ratchet: f.Worker.Ratchet, Newcomer: f.Worker.Newcomer,
		Tier: f.Subject.Tier, Lifts: actions.Lifts(f.Lifts), Case: f.CaseGiven, Word: []string{"case", "lifts", "tier"},
	}}
	for _, reason := range j.Ruling.Reasons {
		r.Reasons = append(r.Reasons, Reason{reason.Policy, reason.Text})
	}
	return r
}

// Signers returns the requester and those who countersigned, and their keys.
func (c Core) Signers() ([]workforce.WorkerID, []workforce.KeyID) {
	people := []workforce.WorkerID{c.Request.Statement.Signer}
	keys := []workforce.KeyID{c.Request.Statement.Key}
	for _, cs := range c.Countersignatures {
		people = append(people, cs.Statement.Signer)
		keys = append(keys, cs.Statement.Key)
	}
	return people, keys
}

// ParseWarrant reads a warrant in its one spelling. Nothing is verified yet.
func ParseWarrant(raw []byte) (Warrant, error) {
	var w Warrant
	if len(raw) > MaxWarrant {
		return w, fault.New(fault.TooLarge, "too-large", "A warrant has at most %d bytes.", MaxWarrant)
	}
	if err := canonical.UnmarshalExact(raw, &w); err != nil {
		return w, err
	}
	if w.V != WarrantVersion {
		return w, fault.New(fault.Invalid, "malformed", "This is not a warrant of version %s.", WarrantVersion)
	}
	return w, nil
}

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
}

// Verifier verifies warrants under one trust. It remembers compiled policy sets
// by their digest and may be used by several goroutines through Clone only.
type Verifier struct {
	trust Trust
	sets  map[canonical.Digest]*policy.Set
}

// NewVerifier returns a verifier.
func NewVerifier(t Trust) *Verifier {
	return &Verifier{trust: t, sets: map[canonical.Digest]*policy.Set{}}
}

// Verify checks a warrant offline: its one spelling, entry 0 against the trusted
// hash, the log's signature, the inclusion of every entry that it rests on and
// of the core's own, and then the whole judgement again from these entries.
// Errors are faults that say what does not hold. What it cannot know is in
// Report.Revocation.
func Verify(raw []byte, t Trust) (Report, error) { return NewVerifier(t).Verify(raw) }

// Verify is like the function Verify.
func (v *Verifier) Verify(raw []byte) (Report, error) {
	w, err := ParseWarrant(raw)
	if err != nil {
		return Report{}, err
	}
	checkpoint, err := v.checkpoint(w)
	if err != nil {
		return Report{}, err
	}
	s, err := v.fold(w, checkpoint)
	if err != nil {
		return Report{}, err
	}
	if err := checkAnchor(w, s, checkpoint); err != nil {
		return Report{}, err
	}
	if err := checkRuling(w, s); err != nil {
		return Report{}, err
	}
	r := Report{Warrant: w, Origin: s.Origin, Size: checkpoint.Size, Word: w.Ruling.Facts.Word,
		Revocation: fmt.Sprintf("authentic as of ledger size %d, revocation not checked", checkpoint.Size)}
	people, _ := w.Signers()
	r.Requester = s.People.Workers[people[0]]
	for _, p := range people[1:] {
		r.Signers = append(r.Signers, s.People.Workers[p])
	}
	return r, nil
}

func wrong(typ, format string, args ...any) *fault.Error {
	return fault.New(fault.Forbidden, typ, format, args...)
}

// checkpoint finds the log's key in the trusted entry 0 and opens the checkpoint.
func (v *Verifier) checkpoint(w Warrant) (ledger.Checkpoint, error) {
	if len(w.People) == 0 {
		return ledger.Checkpoint{}, wrong("no-evidence", "The warrant carries no governance entries.")
	}
	first := w.People[0]
	leaf, err := first.leaf()
	if err != nil {
		return ledger.Checkpoint{}, err
	}
	if leaf.Digest() != v.trust.Root || first.Entry.Kind != KindFounding {
		return ledger.Checkpoint{}, wrong("foreign-desk", "The warrant is of a desk founded by %s; the one that you trust is %s.", leaf.Digest(), v.trust.Root)
	}
	var c Closed
	if err := canonical.UnmarshalExact(first.Entry.Data, &c); err != nil {
		return ledger.Checkpoint{}, err
	}
	key, err := ledger.ParseVerifierKey(c.Founding.LogKey)
	if err != nil {
		return ledger.Checkpoint{}, err
	}
	return openCheckpoint(w, key, v.trust.Quorum)
}

func openCheckpoint(w Warrant, key note.Verifier, quorum *ledger.Trust) (ledger.Checkpoint, error) {
	full := []byte(w.Ledger.Checkpoint)
	for _, line := range w.Ledger.Cosignatures {
		full = append(full, line...)
	}
	if quorum == nil {
		if len(w.Ledger.Cosignatures) > 0 {
			return ledger.Checkpoint{}, wrong("surplus-signature", "The warrant carries cosignatures of witnesses that the trust folder does not name.")
		}
		signed, err := ledger.ParseCheckpoint(full, key)
		if err == nil && signed.Unknown > 0 {
			err = wrong("surplus-signature", "The checkpoint carries signatures by unknown keys.")
		}
		return signed.Checkpoint, err
	}
	signed, err := quorum.Open(full)
	if err != nil {
		return ledger.Checkpoint{}, err
	}
	if signed.Unknown > 0 || len(signed.Cosignatures) != len(w.Ledger.Cosignatures) {
		return ledger.Checkpoint{}, wrong("surplus-signature", "The checkpoint carries signatures by unknown keys.")
	}
	return signed.Checkpoint, quorum.Quorum(signed)
}

func (e Evidence) leaf() (ledger.Leaf, error) {
	body, err := canonical.Marshal(e.Entry)
	if err != nil {
		return ledger.Leaf{}, err
	}
	leaf := ledger.Leaf{Class: e.Entry.Class, Number: e.Entry.Number, Commitment: ledger.Commitment(body, e.Salt)}
	_, err = ledger.Verify(leaf, body, e.Salt) // the body's own form
	return leaf, err
}

// fold builds the state that the evidence proves: each entry included in the
// ledger before the warrant, of the governance chain, in its order; effects
// only, since that the changes were authorised is the chain's affair.
func (v *Verifier) fold(w Warrant, cp ledger.Checkpoint) (*State, error) {
	s := NewState(v.trust.Root)
	s.compile = v.compile
	last := int64(-1)
	for _, e := range w.People {
		if e.Entry.Class != ledger.Governance || e.Entry.Number <= last {
			return nil, wrong("bad-evidence", "The governance entries of the warrant are not in their order, each once.")
		}
		last = e.Entry.Number
		leaf, err := e.leaf()
		if err != nil {
			return nil, err
		}
		if e.Proof.Index >= w.Ledger.Proof.Index {
			return nil, wrong("bad-evidence", "Governance entry %d came after the warrant.", e.Entry.Number)
		}
		if err := e.Proof.Verify(leaf, cp); err != nil {
			return nil, fmt.Errorf("governance entry %d: %w", e.Entry.Number, err)
		}
		if err := s.take(e.Entry); err != nil {
			return nil, fmt.Errorf("governance entry %d: %w", e.Entry.Number, err)
		}
	}
	people, keys := w.Signers()
	have := make([]int64, len(w.People))
	for i, e := range w.People {
		have[i] = e.Entry.Number
	}
	if want := s.Evidence(people, keys, w.Ruling.At.Time); !slices.Equal(want, have) {
		return nil, wrong("bad-evidence", "The warrant carries governance entries that it does not rest on.")
	}
	return s, nil
}

func (v *Verifier) compile(files map[string]string) (*policy.Set, error) {
	d := canonical.DigestOf(files)
	if set, ok := v.sets[d]; ok {
		return set, nil
	}
	set, err := policy.Compile(files)
	if err == nil {
		v.sets[d] = set
	}
	return set, err
}

// take folds in the effect of one entry by itself.
func (s *State) take(b ledger.Body) error {
	switch b.Kind {
	case KindFounding:
		var c Closed
		if err := canonical.UnmarshalExact(b.Data, &c); err != nil {
			return err
		}
		s.Next = 1
		return s.effectFounding(b, c.Founding)
	case KindRow:
		var d RowData
		if err := canonical.UnmarshalExact(b.Data, &d); err != nil {
			return err
		}
		s.effectRow(b, d)
		return nil
	case string(actions.DeskAdmit):
		return wrong("bad-evidence", "An admission proves nothing about a person; its rows do.")
	}
	var a Authority
	if err := canonical.UnmarshalExact(b.Data, &a); err != nil {
		return err
	}
	ch, err := actions.ParseChange(a.Action.Kind, a.Action.Change)
	if err != nil {
		return err
	}
	if err := s.takeable(ch); err != nil {
		return err
	}
	return s.effect(b, ch)
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

// checkAnchor checks that the ledger holds this core.
func checkAnchor(w Warrant, s *State, cp ledger.Checkpoint) error {
	anchor := Evidence{Entry: w.Ledger.Entry, Salt: w.Ledger.Salt, Proof: w.Ledger.Proof}
	leaf, err := anchor.leaf()
	if err != nil {
		return err
	}
	if cp.Origin != s.Origin {
		return wrong("foreign-log", "The checkpoint is of the ledger %q, the desk's is %q.", cp.Origin, s.Origin)
	}
	if err := anchor.Proof.Verify(leaf, cp); err != nil {
		return err
	}
	if w.Ledger.Entry.Class != ledger.Desk || w.Ledger.Entry.Kind != KindWarrant || len(w.Ledger.Entry.Sealed) != 0 {
		return wrong("bad-anchor", "The ledger entry of the warrant is not of kind %s.", KindWarrant)
	}
	var r Record
	if err := canonical.UnmarshalExact(w.Ledger.Entry.Data, &r); err != nil {
		return err
	}
	want := RecordOf(w.Core, &State{Next: r.GovernanceNumber})
	if canonical.DigestOf(want) != canonical.DigestOf(r) {
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
	if canonical.DigestOf(s.rulingOf(a, j)) != canonical.DigestOf(w.Ruling) {
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

// Assemble completes a core with what proves it. entries are the evidence and
// anchor the core's own entry, with proofs against the checkpoint.
func Assemble(c Core, evidence []Evidence, anchor Anchor) Warrant {
	evidence = slices.Clone(evidence)
	slices.SortFunc(evidence, func(a, b Evidence) int { return cmp.Compare(a.Entry.Number, b.Entry.Number) })
	return Warrant{Core: c, People: evidence, Ledger: anchor}
}
