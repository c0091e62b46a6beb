package proof

import (
	"cmp"
	"slices"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
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
	r := Ruling{Policy: s.Policy.Digest(), At: canonical.At(a.At), Need: j.Need, Reasons: []Reason{}, Facts: Facts{
		Engaged: f.Worker.Engaged, Employee: f.Worker.Employee, Vendor: string(f.Worker.Vendor), Roles: f.Worker.Roles,
		InNotice: f.Worker.InNotice, Ratchet: f.Worker.Ratchet, Newcomer: f.Worker.Newcomer,
		Tier: f.Subject.Tier, Lifts: f.Lifts, Case: f.CaseGiven, Word: []string{"case", "lifts", "tier"},
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
		return w, tooLarge
	}
	if err := canonical.UnmarshalExact(raw, &w); err != nil {
		return w, err
	}
	if w.V != WarrantVersion {
		return w, fault.New(fault.Invalid, "malformed", "This is not a warrant of version %s.", WarrantVersion)
	}
	return w, nil
}

// Assemble completes a core with what proves it. entries are the evidence and
// anchor the core's own entry, with proofs against the checkpoint.
func Assemble(c Core, evidence []Evidence, anchor Anchor) Warrant {
	evidence = slices.Clone(evidence)
	slices.SortFunc(evidence, func(a, b Evidence) int { return cmp.Compare(a.Entry.Number, b.Entry.Number) })
	return Warrant{Core: c, People: evidence, Ledger: anchor}
}
