package actions

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/platform"
	"countersign.dev/workforce"
)

// Change is the content of an action of a desk kind. Direction and Part are functions of
// it, so that nobody can call a burdening change relieving.
type Change interface {
	Direction() Direction
	Part() string // the identifier of the action's subject: desk:PART
	check() error
}

// Parts of the desk.
const (
	PartWorkforce = "workforce"
	PartKeys      = "keys"
	PartPolicy    = "policy"
	PartTiers     = "tiers"
	PartBudgets   = "budgets"
	PartTrust     = "trust"
	PartVendors   = "vendors"
	PartPlatforms = "platforms"
	PartOrders    = "orders"  // standing orders
	PartModes     = "modes"   // observe or enforce
	PartLocks     = "locks"   // owner locks that the desk takes out of effect
	PartFreezes   = "freezes" // whose acts are frozen
	PartReviews   = "reviews" // of emergency acts and incidents
	PartLaws      = "laws"    // which rules the chain is judged by
	PartSessions  = "sessions"
	PartFormats   = "formats" // in which formats the desk signs
	PartPrograms  = "programs"
	PartRules     = "rules"  // the rules of the community
	PartQueues    = "queues" // in which cases wait
	PartHashes    = "hashes" // lists of hashes
)

// Admit is the change of desk.admit: one import file. The rows follow it in the
// governance chain, one entry each, and must hash to Root in their order.
type Admit struct {
	File     canonical.Digest `json:"file"`     // of the import file, byte for byte
	Rows     int64            `json:"rows"`     // how many rows change anything
	Root     canonical.Digest `json:"root"`     // RFC 6962 root over the digests of the rows
	Founding bool             `json:"founding"` // the founding import: once, signed by all officers
	Joiners  int64            `json:"joiners"`
	Leavers  int64            `json:"leavers"`
	Changes  int64            `json:"changes"`
}

// Direction of an admission is burdening: it makes people workers.
func (Admit) Direction() Direction { return Burdening }

// Part is the workforce.
func (Admit) Part() string { return PartWorkforce }

func (c Admit) check() error {
	if c.File.IsZero() || c.Root.IsZero() || c.Rows < 1 || c.Rows > workforce.MaxImport ||
		c.Joiners < 0 || c.Leavers < 0 || c.Changes < 0 || c.Joiners+c.Leavers+c.Changes != c.Rows {
		return fmt.Errorf("an import has a file, a root and 1 to %d rows, each a joiner, a leaver or a change", workforce.MaxImport)
	}
	return nil
}

// Row is one worker's line of an admission as it stands in the ledger.
type Row struct {
	Record workforce.Record            `json:"record"`
	Sealed map[string]canonical.Digest `json:"sealed"` // commitments to name and email
}

// Digest is the leaf of Admit.Root that stands for the row.
func (r Row) Digest() canonical.Digest {
	return canonical.Sum([]byte("countersign/row/v1\n"), canonical.MustMarshal(r))
}

// Engagement is the change of desk.engagement: one worker's engagement.
type Engagement struct {
	Op     string             `json:"op"` // "extend", "end", or "reinstate": take back an end
	Worker workforce.WorkerID `json:"worker"`
	Last   canonical.Time     `json:"last"` // the new end; for "end" the zero time means at once; zero for "reinstate"
}

// ReinstateWithin is the time within which an end may be taken back. The worker loses
// nothing by the end: independence goes on counting.
const ReinstateWithin = 7 * 24 * time.Hour

// Direction of an end is relieving, of an extension or a reinstatement burdening.
func (c Engagement) Direction() Direction {
	if c.Op == "end" {
		return Relieving
	}
	return Burdening
}

// Part is the workforce.
func (Engagement) Part() string { return PartWorkforce }

func (c Engagement) check() error {
	switch {
	case c.Worker == "":
		return fmt.Errorf("no worker is named")
	case c.Op == "end" && c.Last.IsZero(), c.Op == "extend" && !c.Last.IsZero(), c.Op == "reinstate" && c.Last.IsZero():
		return nil
	case c.Op == "end":
		return fmt.Errorf("ending takes effect at once; it has no last day")
	case c.Op == "reinstate":
		return fmt.Errorf("a reinstatement takes back an end; the last day is the one from before")
	default:
		return fmt.Errorf("op is end, reinstate, or extend with a last day")
	}
}

// MaxKeys is the largest number of keys in one change; small, since a warrant carries
// the whole entry that enrolled each of its keys.
const MaxKeys = 50

// Enrolment binds a key to a worker.
type Enrolment struct {
	Worker workforce.WorkerID  `json:"worker"`
	Key    workforce.PublicKey `json:"key"`
	// Possession is the key's signature over PossessionChallenge: nobody
	// enrols a key that they do not hold.
	Possession Signature `json:"possession"`
}

// PossessionChallenge is the challenge that a new key signs to be enrolled for a worker
// at the desk of a log. The laws in force decide which name of the log that is: see
// proof.State.EnrolName.
func PossessionChallenge(log string, w workforce.WorkerID, k workforce.KeyID) [32]byte {
	return canonical.Sum([]byte("countersign/enrol/v1\n"), canonical.MustMarshal([]string{log, string(w), string(k)}))
}

// Keys is the change of desk.key.
type Keys struct {
	Enrol  []Enrolment       `json:"enrol"`
	Revoke []workforce.KeyID `json:"revoke"`
	// Void ends sessions; it is of the formats 2 and later, and stands alone.
	Void *Void `json:"void,omitzero"`
}

// Direction of a change that only revokes, or ends sessions, is relieving.
func (c Keys) Direction() Direction {
	if len(c.Enrol) == 0 {
		return Relieving
	}
	return Burdening
}

// Part is the keys, or the sessions.
func (c Keys) Part() string {
	if c.Void != nil {
		return PartSessions
	}
	return PartKeys
}

func (c Keys) check() error {
	if c.Void != nil {
		if len(c.Enrol)+len(c.Revoke) > 0 {
			return fmt.Errorf("a change that ends sessions enrols and revokes no key")
		}
		return c.Void.check()
	}
	if (len(c.Enrol) == 0) == (len(c.Revoke) == 0) || len(c.Enrol) > MaxKeys || len(c.Revoke) > MaxKeys {
		return fmt.Errorf("a change of keys enrols, or revokes, 1 to %d keys", MaxKeys)
	}
	seen := map[workforce.KeyID]bool{}
	for _, e := range c.Enrol {
		if e.Worker == "" || !e.Key.WellFormed() {
			return fmt.Errorf("an enrolment names a worker and a key of a known algorithm")
		}
		if id := e.Key.ID(); seen[id] {
			return fmt.Errorf("the key %s is there twice", id)
		} else {
			seen[id] = true
		}
	}
	for _, id := range c.Revoke {
		if seen[id] {
			return fmt.Errorf("the key %s is there twice", id)
		}
		seen[id] = true
	}
	return nil
}

// Raise is the change of part tiers: people set a subject's tier above the tier by rules.
// Lowering takes back what people raised and, with Fall, the tier that rules once gave
// the subject; it never changes the tier by today's facts.
type Raise struct {
	Subject platform.Subject `json:"subject"`
	From    Tier             `json:"from"` // the tier to which people had raised it until now; compared
	To      Tier             `json:"to"`
	// Fall is a tier that rules once gave the subject and that ends with this change; empty:
	// that tier stands.
	Fall Tier `json:"fall,omitzero"`
	// Confirm says that several people stand by the tier, so that a standing order covers
	// the subject: under it the executor acts against the platform, which no single person's
	// raise achieves. It may come together with the raise.
	Confirm bool `json:"confirm,omitzero"`
	// Resolved is the executor's signed word on the identity of Subject.
	Resolved *Resolution `json:"resolved,omitzero"`
}

// Resolution is the executor's signed word that a platform knew an account or a piece of
// content by this identifier and this handle at an instant. It travels in the change that
// people sign, so that the handle of another account cannot lower this one.
type Resolution struct {
	Executor  string           `json:"executor"`
	Subject   platform.Subject `json:"subject"`
	At        canonical.Time   `json:"at"`
	Signature canonical.Bytes  `json:"signature"` // Ed25519 over the challenge, by the executor's key
}

// Challenge is the challenge that the executor signs, for the desk with this hash of
// entry 0.
func (r Resolution) Challenge(root canonical.Digest) [32]byte {
	return canonical.Sum([]byte("countersign/resolution/v1\n"), canonical.MustMarshal([]string{root.String(), r.Executor, r.Subject.Platform, r.Subject.ID, r.Subject.Handle, r.At.String()}))
}

// Relieves reports whether the change only protects more, toward the desk alone.
func (r Raise) Relieves() bool { return r.Fall == "" && !r.Confirm && r.To.Rank() > r.From.Rank() }

func (r Raise) check() error {
	switch {
	case r.Subject.ID == "" || !slices.Contains(Tiers, r.From) || !slices.Contains(Tiers, r.To):
		return fmt.Errorf("a change of tier names a subject, the tier until now and another one")
	case r.Confirm && (r.Fall != "" || r.To == Standard || r.To.Rank() < r.From.Rank()):
		return fmt.Errorf("only a tier above standard is confirmed: the one until now or a higher one")
	case r.Fall == "" && !r.Confirm && r.From == r.To:
		return fmt.Errorf("a change of tier names a subject, the tier until now and another one")
	case r.Fall != "" && (!slices.Contains(Tiers, r.Fall) || r.Fall.Rank() <= r.To.Rank()):
		return fmt.Errorf("the tier that falls is above the one that is left")
	}
	return nil
}

// Budget limits how many acts may be carried out in a window. The executor
// counts them.
type Budget struct {
	Per       string    `json:"per"`    // "worker" or "vendor"
	Window    string    `json:"window"` // "hour" or "day", both sliding
	Tier      Tier      `json:"tier"`
	Direction Direction `json:"direction"`
	Undo      bool      `json:"undo"`            // of undos, which have budgets of their own
	Limit     int64     `json:"limit"`           // 0 allows none
	Family    Family    `json:"family,omitzero"` // the kinds that it counts; empty: every kind
}

// Trust names the machines that the chain trusts: the executor, and the pages on which
// people sign.
type Trust struct {
	Executor       string          `json:"executor"`     // identifier
	ExecutorKey    canonical.Bytes `json:"executor_key"` // Ed25519
	RelyingParty   string          `json:"relying_party"`
	Origins        []string        `json:"origins"` // of pages on which passkeys sign
	EndingsPerHour int64           `json:"endings_per_hour"`
	RaisesPerHour  int64           `json:"raises_per_hour"`
	// UndoWindow is the number of days within which one person may undo.
	UndoWindow int64 `json:"undo_window"`
}

// Platform is a connected platform. The executor knows its address and credential; the
// chain says only that it exists and which connector talks to it.
type Platform struct {
	Name      string `json:"name"`
	Connector string `json:"connector"` // "plaza" or "bluesky"
	// Facts are the facts that the connector promised when the change was drafted, sorted.
	// Platforms signed before this member existed have none.
	Facts []platform.Fact `json:"facts,omitzero"`
	// Labels are the values of labels that may be set on the platform's subjects, sorted. The
	// executor compares them with those that the connector promises. A label that stands may
	// be taken away whatever its value.
	Labels []string `json:"labels,omitzero"`
}

// MaxLabels bounds the values of labels that the chain lists for a platform.
const MaxLabels = 1000

// Setting is the change of desk.change; exactly one member besides Of is set.
type Setting struct {
	Of       string            `json:"of"`            // the part
	Raise    *Raise            `json:"raise"`         //
	Policy   map[string]string `json:"policy"`        // all files of the new set, by name
	Budgets  []Budget          `json:"budgets"`       // the whole new list
	Trust    *Trust            `json:"trust"`         //
	Vendor   *workforce.Vendor `json:"vendor"`        // new, or changed
	Platform *Platform         `json:"platform"`      //
	Order    *Order            `json:"order"`         //
	Mode     *Mode             `json:"mode"`          //
	Unlock   *Unlock           `json:"unlock"`        //
	Laws     int64             `json:"laws,omitzero"` // the number of the rules from here on
	// Unranked is the signers' explicit yes that on these platforms, sorted, no rule about
	// tiers can tell which accounts matter, so that all are standard until people raise
	// them. It is allowed only with Platform or Policy, and only if the change has that
	// effect.
	Unranked []string `json:"unranked,omitzero"`
	// Formats is the number of the formats in which the desk signs from here on.
	Formats int64    `json:"formats,omitzero"`
	Program *Program `json:"program,omitzero"` // added, ended, or handed over
	// Rules, Queues and Hashes name texts; see Text.
	Rules  *Text `json:"rules,omitzero"`
	Queues *Text `json:"queues,omitzero"`
	Hashes *Text `json:"hashes,omitzero"`
}

// A chain says by a number which rules judge its entries. An entry that stood under the
// rules of its day must stand for ever, since a chain with a bad entry has no state.
// Stricter rules come with a higher number: the founding statement names it, or a change
// of part laws that several people sign.
const (
	FirstLaws  = 1 // of founding statements that name none
	NewestLaws = 3 // of desks that are founded now
)

// Direction of a tier raised, and of the end of a program, is relieving; all else is burdening.
func (c Setting) Direction() Direction {
	if c.Of == PartTiers && c.Raise != nil && c.Raise.Relieves() || c.Of == PartPrograms && c.Program != nil && c.Program.Relieves() {
		return Relieving
	}
	return Burdening
}

// TextOf returns the text that the setting names; nil if it is of a part without one.
func (c Setting) TextOf() *Text { return cmp.Or(c.Rules, c.Queues, c.Hashes) }

// Part is the part that the setting changes.
func (c Setting) Part() string { return c.Of }

func (c Setting) check() error {
	set := 0
	for _, is := range []bool{c.Raise != nil, len(c.Policy) > 0, len(c.Budgets) > 0, c.Trust != nil, c.Vendor != nil, c.Platform != nil,
		c.Order != nil, c.Mode != nil, c.Unlock != nil, c.Laws != 0, c.Formats != 0, c.Program != nil, c.Rules != nil, c.Queues != nil, c.Hashes != nil} {
		if is {
			set++
		}
	}
	has := map[string]bool{PartTiers: c.Raise != nil, PartPolicy: len(c.Policy) > 0, PartBudgets: len(c.Budgets) > 0,
		PartTrust: c.Trust != nil, PartVendors: c.Vendor != nil, PartPlatforms: c.Platform != nil,
		PartOrders: c.Order != nil, PartModes: c.Mode != nil, PartLocks: c.Unlock != nil,
		PartLaws: c.Laws != 0, PartFormats: c.Formats != 0, PartPrograms: c.Program != nil,
		PartRules: c.Rules != nil, PartQueues: c.Queues != nil, PartHashes: c.Hashes != nil}
	if set != 1 || !has[c.Of] {
		return fmt.Errorf("a setting is of one part, and holds that part and no other")
	}
	if c.Unranked != nil {
		if c.Of != PartPlatforms && c.Of != PartPolicy || len(c.Unranked) == 0 || !ascends(c.Unranked) {
			return fmt.Errorf("platforms without ranks are named by a change of a platform or of the policy, sorted, each once")
		}
	}
	switch c.Of {
	case PartTiers:
		return c.Raise.check()
	case PartBudgets:
		return CheckBudgets(c.Budgets)
	case PartTrust:
		if c.Trust.Executor == "" || len(c.Trust.ExecutorKey) != 32 || c.Trust.EndingsPerHour < 1 || c.Trust.RaisesPerHour < 1 || c.Trust.UndoWindow < 1 {
			return fmt.Errorf("trust names an executor with a key of 32 bytes, and positive limits")
		}
	case PartVendors:
		if !workforce.ValidIdentifier(string(c.Vendor.ID)) || c.Vendor.Ratchet < 0 || c.Vendor.Ratchet > 365 || !goodText(c.Vendor.Name) {
			return fmt.Errorf("a vendor has an identifier, a name and a ratchet of 0 to 365 days")
		}
	case PartPlatforms:
		if !workforce.ValidIdentifier(c.Platform.Name) || c.Platform.Name == DeskPlatform || c.Platform.Connector == "" {
			return fmt.Errorf("a platform has a name, which is not %q, and a connector", DeskPlatform)
		}
		if facts := c.Platform.Facts; !ascends(facts) || slices.ContainsFunc(facts, func(f platform.Fact) bool { return !slices.Contains(platform.Facts, f) }) {
			return fmt.Errorf("the facts of a platform are sorted, each once, of those that there are")
		}
		if labels := c.Platform.Labels; !ascends(labels) || len(labels) > MaxLabels || slices.ContainsFunc(labels, func(l string) bool { return platform.CheckLabel(l) != nil }) {
			return fmt.Errorf("the labels of a platform are sorted, each once, at most %d; each is 1 to 64 lower-case letters, digits and dashes", MaxLabels)
		}
	case PartOrders:
		return c.Order.check()
	case PartModes:
		return c.Mode.check()
	case PartLocks:
		if c.Unlock.Subject.ID == "" || c.Unlock.Subject.Platform == "" || c.Unlock.Subject.Platform == DeskPlatform {
			return fmt.Errorf("an owner lock is named by its subject")
		}
	case PartPrograms:
		return c.Program.check()
	case PartRules, PartQueues, PartHashes:
		return c.TextOf().check(c.Of)
	case PartFormats:
		if c.Formats <= FirstFormats || c.Formats > NewestFormats {
			return fmt.Errorf("this program knows the formats %d to %d; a change of formats names a number above %d", FirstFormats, NewestFormats, FirstFormats)
		}
	case PartLaws:
		if c.Laws <= FirstLaws || c.Laws > NewestLaws {
			return fmt.Errorf("this program knows the laws %d to %d; a change of laws names a number above %d", FirstLaws, NewestLaws, FirstLaws)
		}
	}
	return nil
}

// ascends reports whether names are sorted, each once.
func ascends[T ~string](names []T) bool {
	return slices.IsSorted(names) && len(slices.Compact(slices.Clone(names))) == len(names)
}

// ParseChange reads the change of a desk kind. Errors are faults of type "bad-action".
func ParseChange(k Kind, raw canonical.Raw) (Change, error) {
	var c Change
	var err error
	switch k {
	case DeskAdmit:
		c, err = parse[Admit](raw)
	case DeskEngagement:
		c, err = parse[Engagement](raw)
	case DeskKey:
		c, err = parse[Keys](raw)
	case DeskChange:
		c, err = parse[Setting](raw)
	case DeskFreeze:
		c, err = parse[Freeze](raw)
	case DeskReview:
		c, err = parse[Review](raw)
	default:
		return nil, fault.New(fault.Invalid, "bad-action", "%s is not a change of the desk.", k)
	}
	if err != nil {
		return nil, err
	}
	if err := c.check(); err != nil {
		return nil, fault.New(fault.Invalid, "bad-action", "The change is not well formed: %v.", err)
	}
	return c, nil
}

func parse[T Change](raw canonical.Raw) (T, error) {
	var c T
	err := canonical.UnmarshalExact(raw, &c)
	return c, err
}
