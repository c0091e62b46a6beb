package proof

import (
	"bytes"
	"cmp"
	"slices"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/workforce"
)

// MaxWarrant is the largest warrant that is read, in bytes.
const MaxWarrant = 4 << 20

// Warrant is the complete proof that an action is authorised: its Core, the
// governance entries that it rests on, and its place in the ledger.
type Warrant struct {
	Action            actions.Action   `json:"action"`
	Countersignatures []actions.Signed `json:"countersignatures"`
	Ledger            Anchor           `json:"ledger"`
	People            []Evidence       `json:"people"`
	Request           actions.Signed   `json:"request"`
	Ruling            Ruling           `json:"ruling"`
	V                 string           `json:"v"`
	// Waited holds the ledger's entries of the request and of each countersignature, from
	// which a wait is counted. It is empty if the ruling asks for no wait.
	Waited []Evidence `json:"waited"`

	// The other members are of version 2. There Waited holds the entries of the
	// countersignatures alone.

	Authority []Evidence              `json:"authority"` // governance entries that authorise those in People; empty in a warrant for the executor
	Decision  *actions.SignedDecision `json:"decision"`  // the decision that the action is a measure of; null without a case
	Requested Evidence                `json:"requested"` // the ledger's entry of the request
	Sessions  []actions.SignedSession `json:"sessions"`  // those that statements name, sorted by their digests
}

// Core returns the part that the ledger entry commits to.
func (w Warrant) Core() Core {
	return Core{V: w.V, Action: w.Action, Request: w.Request, Ruling: w.Ruling, Countersignatures: w.Countersignatures, Decision: w.Decision, Sessions: w.Sessions}
}

// Digest returns the digest of the core.
func (w Warrant) Digest() canonical.Digest { return w.Core().Digest() }

// Core is the part of a warrant that its ledger entry commits to.
type Core struct {
	Action            actions.Action          `json:"action"`
	Countersignatures []actions.Signed        `json:"countersignatures"`
	Decision          *actions.SignedDecision `json:"decision"`
	Request           actions.Signed          `json:"request"`
	Ruling            Ruling                  `json:"ruling"`
	Sessions          []actions.SignedSession `json:"sessions"`
	V                 string                  `json:"v"`
}

// Digest returns the digest that the ledger entry holds.
func (c Core) Digest() canonical.Digest { return canonical.DigestOf(c) }

// Ruling is the policy's answer at the time when the slots were filled. The executor rules
// again; this copy is for people who later ask why.
type Ruling struct {
	At      canonical.Time   `json:"at"`
	Facts   Facts            `json:"facts"`
	Need    actions.Need     `json:"need"`
	Policy  canonical.Digest `json:"policy"`
	Reasons []Reason         `json:"reasons"`
}

// Facts are the facts of the requester and the subject by which the act was ruled on. All
// but those that Word names are recomputed from the entries in People.
type Facts struct {
	Case     bool             `json:"case"`
	Employee bool             `json:"employee"`
	Engaged  bool             `json:"engaged"`
	InNotice bool             `json:"in_notice"`
	Lifts    actions.Lifts    `json:"lifts"`
	Newcomer bool             `json:"newcomer"`
	Ratchet  bool             `json:"ratchet"`
	Roles    []workforce.Role `json:"roles"`
	Tier     actions.Tier     `json:"tier"`
	Vendor   string           `json:"vendor"`
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
	Proof ledger.Inclusion `json:"proof"`
	Salt  canonical.Bytes  `json:"salt"`
}

// Anchor fixes the core in the ledger.
type Anchor struct {
	Checkpoint   string           `json:"checkpoint"`   // signed note: the log's signature alone
	Cosignatures []string         `json:"cosignatures"` // witnesses' signature lines
	Entry        ledger.Body      `json:"entry"`        // of kind warrant
	Proof        ledger.Inclusion `json:"proof"`
	Salt         canonical.Bytes  `json:"salt"`
}

// WarrantEntryOf returns the data of the ledger entry of a core that a state ruled on.
func WarrantEntryOf(c Core, s *State) entry.Warrant { return warrantEntryOf(c, s.Next) }

func warrantEntryOf(c Core, next int64) entry.Warrant {
	r := entry.Warrant{Warrant: c.Digest(), Request: c.Request.Statement.Request, Kind: c.Action.Kind, Tier: c.Ruling.Facts.Tier,
		Direction: c.Action.Direction, Policy: c.Ruling.Policy, Executor: c.Request.Statement.Executor,
		Requester: c.Request.Statement.Signer, Countersigners: []workforce.WorkerID{}, GovernanceNumber: next}
	for _, cs := range c.Countersignatures {
		r.Countersigners = append(r.Countersigners, cs.Statement.Signer)
	}
	return r
}

// Seal makes the core of a warrant from an Ask that the state found ready. It takes the
// countersignatures that fill the slots, and no others.
func (s *State) Seal(a Ask, j Judgement) (Core, error) {
	if !j.Ready {
		return Core{}, refuse("held", "The action is held: %s.", j.Missing)
	}
	c := Core{V: WarrantVersion(a.Action.Formats()), Action: a.Action, Request: a.Request, Ruling: s.rulingOf(a, j), Decision: a.Decision, Sessions: a.Sessions}
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

// Signers returns the requester and those who countersigned, and their keys. The key under
// the decision comes last if it is another one of the requester's.
func (c Core) Signers() ([]workforce.WorkerID, []workforce.KeyID) {
	people := []workforce.WorkerID{c.Request.Statement.Signer}
	keys := []workforce.KeyID{c.Request.Statement.Key}
	for _, cs := range c.Countersignatures {
		people = append(people, cs.Statement.Signer)
		keys = append(keys, cs.Statement.Key)
	}
	if c.Decision != nil && c.Decision.Signed.Statement.Key != keys[0] {
		keys = append(keys, c.Decision.Signed.Statement.Key)
	}
	return people, keys
}

// ParseWarrant reads a warrant in canonical form. It verifies nothing. It refuses one that
// carries entries in Authority, to which nothing commits; see ParseComplete.
func ParseWarrant(raw []byte) (Warrant, error) { return parseWarrant(raw, false) }

// ParseComplete is ParseWarrant for warrants that may carry entries in Authority.
func ParseComplete(raw []byte) (Warrant, error) { return parseWarrant(raw, true) }

func parseWarrant(raw []byte, complete bool) (Warrant, error) {
	w, people, err := readWarrant(raw, complete)
	if err != nil {
		return Warrant{}, err
	}
	for _, p := range people {
		e := Evidence{Proof: p.Proof, Salt: p.Salt}
		if err := canonical.UnmarshalExact(p.Entry, &e.Entry); err != nil {
			return Warrant{}, err
		}
		w.People = append(w.People, e)
	}
	return w, nil
}

// evidenceText is an Evidence whose entry is not read yet.
type evidenceText struct {
	Entry canonical.Raw    `json:"entry"`
	Proof ledger.Inclusion `json:"proof"`
	Salt  canonical.Bytes  `json:"salt"`
}

// warrantVersionIn returns the v of a warrant. In canonical JSON a text cannot hold the member
// as it is searched for, since its quotes are escaped there: so one of the two versions is found
// without another reading of the whole. Whoever decodes the warrant compares.
func warrantVersionIn(raw []byte) (string, error) {
	for _, v := range []string{WarrantV2, WarrantV1} {
		if bytes.Contains(raw, []byte(`"v":"`+v+`"`)) {
			return v, nil
		}
	}
	return versionIn(raw)
}

// readWarrant reads a warrant in canonical form, but leaves the entries in People unread
// and returns them beside it: of these it only knows that they are in canonical form.
// Only a complete warrant may have entries in Authority.
func readWarrant(raw []byte, complete bool) (w Warrant, people []evidenceText, err error) {
	if len(raw) > MaxWarrant {
		return w, nil, fault.New(fault.TooLarge, "too-large", "A warrant has at most %d bytes.", MaxWarrant)
	}
	v, err := warrantVersionIn(raw)
	if err != nil {
		return w, nil, fault.New(fault.Invalid, "malformed", "The warrant is not JSON: %s.", canonical.Wrong(err))
	}
	switch v {
	case WarrantV1:
		var t warrantV1[evidenceText]
		err = canonical.UnmarshalExact(raw, &t)
		w, people = t.warrant(), t.People
	case WarrantV2:
		var t warrantV2[evidenceText]
		err = canonical.UnmarshalExact(raw, &t)
		w, people = t.warrant(), t.People
	default:
		return w, nil, fault.New(fault.Invalid, "malformed", "This is not a warrant of version %s or %s.", WarrantV1, WarrantV2)
	}
	if err == nil && w.V != v {
		err = fault.New(fault.Invalid, "malformed", "This is not a warrant of version %s or %s.", WarrantV1, WarrantV2)
	}
	if err == nil && len(w.Authority) > 0 && !complete {
		err = fault.New(fault.Invalid, "malformed", "The warrant carries entries that authorise others. They are for people who verify it offline. Here it is taken only without them, as the desk gives it without --complete.")
	}
	if err == nil && specDesk(w.Action) {
		err = fault.New(fault.Invalid, "malformed", "The warrant is about a change of the desk. Such a change is proven by its own entry in the governance chain, and has no warrant.")
	}
	// The statements are compared with the action when the act is judged.
	if err == nil && w.V != WarrantVersion(w.Action.Formats()) {
		err = fault.New(fault.Invalid, "malformed", "The warrant is of version %s and its action of version %s; a warrant and all that it carries are of one version.", w.V, w.Action.V)
	}
	return w, people, err
}

// Proofs are the parts of a warrant outside its core.
type Proofs struct {
	People    []Evidence // in any order
	Authority []Evidence // in any order; only for a complete warrant, of version 2
	Anchor    Anchor
	Requested Evidence   // from version 2 on
	Waited    []Evidence // see Warrant.Waited
}

// Assemble completes a core with its proofs: its governance entries, its own entry, the
// entry of its request and, if it had to wait, the entries of its signatures, all with
// inclusion proofs under the anchor's checkpoint.
func Assemble(c Core, p Proofs) Warrant {
	sorted := func(all []Evidence) []Evidence {
		return slices.SortedFunc(slices.Values(all), func(a, b Evidence) int { return cmp.Compare(a.Entry.Number, b.Entry.Number) })
	}
	people := sorted(p.People)
	w := Warrant{V: c.V, Action: c.Action, Request: c.Request, Ruling: c.Ruling, Countersignatures: c.Countersignatures,
		People: people, Ledger: p.Anchor, Waited: p.Waited, Decision: c.Decision, Sessions: c.Sessions}
	if c.V != WarrantV1 {
		w.Requested, w.Authority = p.Requested, sorted(p.Authority)
	}
	return w
}
