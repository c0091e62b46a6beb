package incident

import (
	"cmp"
	"fmt"
	"slices"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/workforce"
)

// BundleVersion is the only version of a bundle.
const BundleVersion = "countersign/incident-bundle/v1"

// Bounds of a bundle that is read. Nothing in a bundle is compressed, so that it takes no
// more room than its length.
const (
	MaxBundle  = 32 << 20 // bytes; no more than package client reads
	MaxEntries = 200_000
	// MaxWarrants bounds the states of the chain that are kept at once.
	MaxWarrants = 100
)

// Bundle is an incident's report with all evidence for it. The document is canonical
// JSON; see doc/incident-bundle.md.
type Bundle struct {
	Content Content `json:"content"`
	Ledger  Anchor  `json:"ledger"`
	V       string  `json:"v"`
}

// Content is the report and the evidence. The digest of its canonical form stands in the
// seal, an entry of kind export.
type Content struct {
	// Entries are the whole governance chain up to the seal, the executor's
	// records and the desk's entries, sorted by index.
	Entries []Opened `json:"entries"`
	// Openings open personal fields; sorted by index and name. None unless
	// Personal.
	Openings []FieldOf `json:"openings"`
	Personal bool      `json:"personal"`
	Report   reportDoc `json:"report"`
	// Warrants are those of the requests involved, whole; sorted by request. They
	// name the subject and quote people, hence none unless Personal.
	Warrants []canonical.Raw `json:"warrants"`
}

// Opened is a ledger entry with the salt that opens its leaf.
type Opened struct {
	Body  canonical.Raw   `json:"body"`
	Index int64           `json:"index"`
	Salt  canonical.Bytes `json:"salt"`
}

// FieldOf is the opening of a personal field of an entry.
type FieldOf struct {
	Index   int64          `json:"index"`
	Opening ledger.Opening `json:"opening"`
}

// Anchor proves a bundle's entries, under one signed checkpoint.
type Anchor struct {
	Checkpoint string             `json:"checkpoint"`
	Proofs     []ledger.Inclusion `json:"proofs"` // of the entries, in their order
	Seal       Seal               `json:"seal"`
}

// Seal is the entry that commits to the content, with its proof.
type Seal struct {
	Body  canonical.Raw    `json:"body"`
	Proof ledger.Inclusion `json:"proof"`
	Salt  canonical.Bytes  `json:"salt"`
}

// Gathered is everything that a desk gathers for a bundle.
type Gathered struct {
	Report Report
	// Entries are the whole governance chain and all entries about the incident, each once,
	// in any order.
	Entries []Opened
	// Openings and Warrants are used only if Personal.
	Openings []FieldOf
	Warrants [][]byte
	Personal bool
}

// Prepare makes the content of a bundle. It writes the lines of the report's timeline
// that are known from the ledger anew from the entries, and finds the attribution in
// them. A report that contradicts the entries is refused with a fault of type
// "report-unsupported". root is the hash of entry 0.
func Prepare(g Gathered, root canonical.Digest) (Content, error) {
	c := Content{Entries: slices.Clone(g.Entries), Openings: []FieldOf{}, Warrants: []canonical.Raw{}, Personal: g.Personal}
	slices.SortFunc(c.Entries, func(a, b Opened) int { return cmp.Compare(a.Index, b.Index) })
	r := g.Report
	if g.Personal {
		c.Openings = slices.Clone(g.Openings)
		slices.SortFunc(c.Openings, byPlace)
		warrants := slices.Clone(g.Warrants)
		slices.SortFunc(warrants, func(a, b []byte) int { return cmp.Compare(requestOf(a), requestOf(b)) })
		for _, w := range warrants {
			c.Warrants = append(c.Warrants, w)
		}
	} else {
		r = Redact(r)
	}
	h, err := fold(c.Entries, root, nil)
	if err != nil {
		return c, err
	}
	if err := h.open(c.Openings); err != nil {
		return c, err
	}
	if !h.named(r.Incident) {
		r.Incident.Subject = platform.Subject{Platform: r.Incident.Subject.Platform} // its name was erased
	}
	if r.Timeline, err = h.retell(r); err != nil {
		return c, err
	}
	if r.Attribution, err = h.attribute(r.Incident, r.Attribution); err != nil {
		return c, err
	}
	c.Report = docOf(r)
	return c, nil
}

func byPlace(a, b FieldOf) int {
	return cmp.Or(cmp.Compare(a.Index, b.Index), cmp.Compare(a.Opening.Name, b.Opening.Name))
}

func requestOf(warrant []byte) string {
	w, err := proof.ParseWarrant(warrant)
	if err != nil {
		return ""
	}
	return w.Request.Statement.Request
}

// Export is the data of the entry, of kind export and class desk, that seals the
// content. It is entered after all others and before Complete.
func (c Content) Export(by workforce.WorkerID) entry.Export {
	return entry.Export{By: by, Content: canonical.DigestOf(c), Incident: c.Report.Incident.ID, Personal: c.Personal}
}

// Indexes are the places of the entries that Complete needs proofs of, in the
// order of the proofs.
func (c Content) Indexes() []int64 {
	all := make([]int64, len(c.Entries))
	for i, e := range c.Entries {
		all[i] = e.Index
	}
	return all
}

// Complete joins the content and its proofs to a bundle.
func Complete(c Content, a Anchor) ([]byte, error) {
	raw, err := canonical.Marshal(Bundle{Content: c, Ledger: a, V: BundleVersion})
	if err == nil && len(raw) > MaxBundle {
		err = tooLarge
	}
	return raw, err
}

var tooLarge = fault.New(fault.TooLarge, "too-large", "An incident's bundle has at most %d bytes and %d entries.", MaxBundle, MaxEntries)

// Parse reads a bundle in its one spelling. Nothing is verified yet.
func Parse(raw []byte) (Bundle, error) {
	var b Bundle
	if len(raw) > MaxBundle {
		return b, tooLarge
	}
	if err := canonical.Read(raw, &b); err != nil {
		return b, err
	}
	switch {
	case b.V != BundleVersion:
		return b, fault.New(fault.Invalid, "malformed", "This is not an incident's bundle of version %s.", BundleVersion)
	case len(b.Content.Entries) > MaxEntries || len(b.Content.Warrants) > MaxWarrants:
		return b, tooLarge
	}
	return b, canonical.Exact(raw, b)
}

// Told returns the report in a bundle, unverified.
func (b Bundle) Told() Report { return b.Content.Report.report() }

// reportDoc is a Report in the form of a bundle.
type reportDoc struct {
	At          canonical.Time `json:"at"`
	Attribution Attribution    `json:"attribution"`
	Down        canonical.Time `json:"down"`
	Exposure    []Exposed      `json:"exposure"`
	Incident    incidentDoc    `json:"incident"`
	Rulings     []Ruled        `json:"rulings"`
	Timeline    []Moment       `json:"timeline"`
	Touched     []Touched      `json:"touched"`
	Up          canonical.Time `json:"up"`
}

type incidentDoc struct {
	Breach   string             `json:"breach"`
	By       workforce.WorkerID `json:"by"`
	Cause    Cause              `json:"cause"`
	Closed   canonical.Time     `json:"closed"`
	Findings string             `json:"findings"`
	ID       string             `json:"id"`
	Layer    platform.Layer     `json:"layer,omitzero"`
	Opened   canonical.Time     `json:"opened"`
	Request  string             `json:"request"`
	Review   string             `json:"review"`
	Status   Status             `json:"status"`
	Subject  platform.Subject   `json:"subject"`
	Tasks    []taskDoc          `json:"tasks"`
	Tier     actions.Tier       `json:"tier"`
	Title    string             `json:"title"`
	Version  int64              `json:"version"`
}

type taskDoc struct {
	Done   canonical.Time     `json:"done"`
	Number int64              `json:"number"`
	Owner  workforce.WorkerID `json:"owner"`
	Result string             `json:"result"`
	Text   string             `json:"text"`
}

func docOf(r Report) reportDoc {
	i := r.Incident
	d := reportDoc{At: r.At, Attribution: r.Attribution, Down: r.Down, Exposure: r.Exposure, Rulings: r.Rulings, Timeline: r.Timeline,
		Touched: r.Touched, Up: r.Up, Incident: incidentDoc{Breach: i.Breach, By: i.By, Cause: i.Cause, Closed: i.Closed, Findings: i.Findings,
			ID: i.ID, Layer: i.Layer, Opened: i.Opened, Request: i.Request, Review: i.Review, Status: i.Status, Subject: i.Subject, Tier: i.Tier, Title: i.Title, Version: i.Version}}
	for _, t := range i.Tasks {
		d.Incident.Tasks = append(d.Incident.Tasks, taskDoc{Number: t.Number, Text: t.Text, Owner: t.Owner, Done: t.Done, Result: t.Result})
	}
	return d
}

func (d reportDoc) report() Report {
	i := d.Incident
	r := Report{At: d.At, Attribution: d.Attribution, Down: d.Down, Exposure: d.Exposure, Rulings: d.Rulings, Timeline: d.Timeline,
		Touched: d.Touched, Up: d.Up, Incident: Incident{Breach: i.Breach, By: i.By, Cause: i.Cause, Closed: i.Closed, Findings: i.Findings,
			ID: i.ID, Layer: i.Layer, Opened: i.Opened, Request: i.Request, Review: i.Review, Status: i.Status, Subject: i.Subject, Tier: i.Tier, Title: i.Title, Version: i.Version}}
	for _, t := range i.Tasks {
		r.Incident.Tasks = append(r.Incident.Tasks, Task{Number: t.Number, Text: t.Text, Owner: t.Owner, Done: t.Done, Result: t.Result})
	}
	return r
}

func bad(typ, format string, args ...any) *fault.Error {
	return fault.New(fault.Forbidden, typ, format, args...)
}

// at adds to an error the entry at which it arose.
func at(index int64, err error) error {
	return within(fmt.Sprintf("Entry %d of the ledger", index), err)
}

// within adds to an error, in the text that is shown, the place at which it arose.
func within(place string, err error) error {
	if f := fault.As(err); f != nil {
		return fault.New(f.Kind, f.Type, "%s: %s", place, f.Text).Because(err)
	}
	return fmt.Errorf("%s: %w", place, err)
}
