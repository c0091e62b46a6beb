package proof

import (
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/platform"
)

// Founding statements, records of the executor and warrants have one type in memory and
// two forms, as statements and actions have; see package actions, formats.go.

// The versions of Founding, Execution and Warrant. Each is the first line of what is hashed
// into a challenge, where there is one.
const (
	FoundingV1  = "countersign/founding/v1"
	FoundingV2  = "countersign/founding/v2"
	ExecutionV1 = "countersign/execution/v1"
	ExecutionV2 = "countersign/execution/v2"
	WarrantV1   = "countersign/warrant/v1"
	WarrantV2   = "countersign/warrant/v2"
)

// FoundingVersion returns the version of a founding statement of a desk that begins in the
// formats of a number.
func FoundingVersion(formats int64) string { return versionOf(formats, FoundingV1, FoundingV2) }

// ExecutionVersion returns the version of the executor's records.
func ExecutionVersion(formats int64) string { return versionOf(formats, ExecutionV1, ExecutionV2) }

// WarrantVersion returns the version of warrants.
func WarrantVersion(formats int64) string { return versionOf(formats, WarrantV1, WarrantV2) }

func versionOf(formats int64, v1, v2 string) string {
	if formats < 2 {
		return v1
	}
	return v2
}

// versionIn returns the v of a document.
func versionIn(b []byte) (string, error) {
	var is struct {
		V string `json:"v"`
	}
	err := json.Unmarshal(b, &is)
	return is.V, err
}

func strictly(b []byte, v any) error { return json.Unmarshal(b, v, json.RejectUnknownMembers(true)) }

// foundingV1 is countersign/founding/v1.
type foundingV1 struct {
	V        string            `json:"v"`
	Origin   string            `json:"origin"`
	LogKey   string            `json:"log_key"`
	Recovers string            `json:"recovers"`
	Officers []Officer         `json:"officers"`
	Trust    actions.Trust     `json:"trust"`
	Policy   map[string]string `json:"policy"`
	Budgets  []actions.Budget  `json:"budgets"`
	Time     canonical.Time    `json:"time"`
	Nonce    canonical.Bytes   `json:"nonce"`
	Laws     int64             `json:"laws,omitzero"`
}

// foundingV2 is countersign/founding/v2.
type foundingV2 Founding

// MarshalJSONTo writes a founding statement in the form of its version.
func (f Founding) MarshalJSONTo(to *jsontext.Encoder) error {
	if f.V == FoundingV2 {
		return json.MarshalEncode(to, foundingV2(f))
	}
	return json.MarshalEncode(to, foundingV1{V: f.V, Origin: f.Origin, LogKey: f.LogKey, Recovers: f.Recovers, Officers: f.Officers, Trust: f.Trust, Policy: f.Policy,
		Budgets: f.Budgets, Time: f.Time, Nonce: f.Nonce, Laws: f.Laws})
}

// UnmarshalJSON reads a founding statement of either version.
func (f *Founding) UnmarshalJSON(b []byte) error {
	var w foundingV2
	if err := strictly(b, &w); err != nil {
		return err
	}
	*f = Founding(w)
	if f.V != FoundingV2 && f.Formats != 0 {
		return fmt.Errorf("a founding statement of version %q names formats", f.V)
	}
	return nil
}

// executionV1 is countersign/execution/v1.
type executionV1 struct {
	V        string           `json:"v"`
	Executor string           `json:"executor"`
	Sequence int64            `json:"sequence"`
	Kind     string           `json:"kind"`
	Duty     Duty             `json:"duty"`
	Request  string           `json:"request"`
	Warrant  canonical.Digest `json:"warrant"`
	Nonce    canonical.Bytes  `json:"nonce"`
	At       canonical.Time   `json:"at"`
	Outcome  Outcome          `json:"outcome"`
	Type     string           `json:"type"`
	Text     string           `json:"text"`
	Layer    platform.Layer   `json:"-"`
	Before   platform.Expect  `json:"before"`
	After    platform.Expect  `json:"after"`
	Lifted   platform.Mark    `json:"lifted"`
	LiftAt   canonical.Time   `json:"lift_at"`
	Sight    *Sight           `json:"sight"`
	Taken    *Authority       `json:"taken"`
}

// executionV2 is countersign/execution/v2: each state names its layer.
type executionV2 struct {
	After    layered          `json:"after"`
	At       canonical.Time   `json:"at"`
	Before   layered          `json:"before"`
	Duty     Duty             `json:"duty"`
	Executor string           `json:"executor"`
	Kind     string           `json:"kind"`
	LiftAt   canonical.Time   `json:"lift_at"`
	Lifted   platform.Mark    `json:"lifted"`
	Nonce    canonical.Bytes  `json:"nonce"`
	Outcome  Outcome          `json:"outcome"`
	Request  string           `json:"request"`
	Sequence int64            `json:"sequence"`
	Sight    *sightV2         `json:"sight"`
	Taken    *Authority       `json:"taken"`
	Text     string           `json:"text"`
	Type     string           `json:"type"`
	V        string           `json:"v"`
	Warrant  canonical.Digest `json:"warrant"`
}

// sightV2 is a Sight in a record of version 2. Layer is empty where no state is told.
type sightV2 struct {
	Chain      int64            `json:"chain"`
	Changed    canonical.Time   `json:"changed"`
	Count      int64            `json:"count"`
	Credential canonical.Digest `json:"credential"`
	Expected   actions.Standing `json:"expected"`
	Found      actions.Standing `json:"found"`
	Layer      string           `json:"layer"`
	Order      string           `json:"order"`
	Platform   string           `json:"platform"`
	Root       canonical.Digest `json:"root"`
	Seen       canonical.Time   `json:"seen"`
	Subject    canonical.Digest `json:"subject"`
	Tier       actions.Tier     `json:"tier"`
	Via        string           `json:"via"`
	Warrant    string           `json:"warrant"`
	Why        string           `json:"why"`
}

// layered is the state of one layer of a subject; all its members are empty where no state
// is told.
type layered struct {
	Layer string        `json:"layer"`
	Mark  platform.Mark `json:"mark"`
	Value string        `json:"value"`
}

// layerText names the layer of the states of a record, if one of them is told.
func layerText(l platform.Layer, states ...platform.Expect) string {
	for _, s := range states {
		if s != (platform.Expect{}) {
			return l.String()
		}
	}
	return ""
}

// layerIn reads the layer that a record names for its states. One that names none tells
// no state.
func layerIn(name string, states ...platform.Expect) (l platform.Layer, err error) {
	if name != "" {
		if l, err = platform.ParseLayer(name); err != nil {
			return l, err
		}
	}
	if layerText(l, states...) != name {
		return l, fmt.Errorf("a record names the layer %q exactly if it tells a state of it", name)
	}
	return l, nil
}

func layeredOf(l platform.Layer, e platform.Expect) layered {
	return layered{Layer: layerText(l, e), Mark: e.Mark, Value: string(e.Status)}
}

func (l layered) expect() platform.Expect {
	return platform.Expect{Status: platform.Status(l.Value), Mark: l.Mark}
}

func sightOf(s *Sight) *sightV2 {
	if s == nil {
		return nil
	}
	return &sightV2{Chain: s.Chain, Changed: s.Changed, Count: s.Count, Credential: s.Credential, Expected: actions.StandingOf(s.Expected),
		Found: actions.StandingOf(s.Found), Layer: layerText(s.Layer, s.Expected, s.Found), Order: s.Order, Platform: s.Platform, Root: s.Root, Seen: s.Seen, Subject: s.Subject,
		Tier: s.Tier, Via: s.Via, Warrant: s.Warrant, Why: s.Why}
}

func (s *sightV2) sight() (*Sight, error) {
	if s == nil {
		return nil, nil
	}
	layer, err := layerIn(s.Layer, s.Expected.Expect(), s.Found.Expect())
	if err != nil {
		return nil, err
	}
	return &Sight{Chain: s.Chain, Layer: layer, Changed: s.Changed, Count: s.Count, Credential: s.Credential, Expected: s.Expected.Expect(), Found: s.Found.Expect(), Order: s.Order,
		Platform: s.Platform, Root: s.Root, Seen: s.Seen, Subject: s.Subject, Tier: s.Tier, Via: s.Via, Warrant: s.Warrant, Why: s.Why}, nil
}

// MarshalJSONTo writes a record in the form of its version.
func (e Execution) MarshalJSONTo(to *jsontext.Encoder) error {
	if e.V == ExecutionV2 {
		return json.MarshalEncode(to, executionV2{After: layeredOf(e.Layer, e.After), At: e.At, Before: layeredOf(e.Layer, e.Before), Duty: e.Duty, Executor: e.Executor, Kind: e.Kind,
			LiftAt: e.LiftAt, Lifted: e.Lifted, Nonce: e.Nonce, Outcome: e.Outcome, Request: e.Request, Sequence: e.Sequence, Sight: sightOf(e.Sight),
			Taken: e.Taken, Text: e.Text, Type: e.Type, V: e.V, Warrant: e.Warrant})
	}
	return json.MarshalEncode(to, executionV1(e))
}

// UnmarshalJSON reads a record of either version.
func (e *Execution) UnmarshalJSON(b []byte) error {
	v, err := versionIn(b)
	if err != nil {
		return err
	}
	if v != ExecutionV2 {
		var w executionV1
		err := strictly(b, &w)
		*e = Execution(w)
		return err
	}
	var w executionV2
	if err := strictly(b, &w); err != nil {
		return err
	}
	*e = Execution{At: w.At, Duty: w.Duty, Executor: w.Executor, Kind: w.Kind, LiftAt: w.LiftAt, Lifted: w.Lifted, Nonce: w.Nonce, Outcome: w.Outcome,
		Request: w.Request, Sequence: w.Sequence, Taken: w.Taken, Text: w.Text, Type: w.Type, V: w.V, Warrant: w.Warrant}
	e.Before, e.After = w.Before.expect(), w.After.expect()
	for _, told := range []layered{w.Before, w.After} {
		l, err := layerIn(told.Layer, told.expect())
		if err != nil {
			return err
		}
		if told.Layer != "" {
			e.Layer = l
		}
	}
	if w.Before.Layer != "" && w.After.Layer != "" && w.Before.Layer != w.After.Layer {
		return fmt.Errorf("a record tells states of the layers %q and %q", w.Before.Layer, w.After.Layer)
	}
	e.Sight, err = w.Sight.sight()
	return err
}

// coreV1 is the core of a countersign/warrant/v1.
type coreV1 struct {
	Action            actions.Action   `json:"action"`
	Countersignatures []actions.Signed `json:"countersignatures"`
	Request           actions.Signed   `json:"request"`
	Ruling            Ruling           `json:"ruling"`
	V                 string           `json:"v"`
}

// coreV2 is the core of a countersign/warrant/v2.
type coreV2 Core

// MarshalJSONTo writes a core in the form of its version.
func (c Core) MarshalJSONTo(to *jsontext.Encoder) error {
	if c.V == WarrantV2 {
		return json.MarshalEncode(to, coreV2(c))
	}
	return json.MarshalEncode(to, coreV1{Action: c.Action, Countersignatures: c.Countersignatures, Request: c.Request, Ruling: c.Ruling, V: c.V})
}

// warrantV1 is countersign/warrant/v1, with governance entries that are read, or not read yet.
type warrantV1[E any] struct {
	Action            actions.Action   `json:"action"`
	Countersignatures []actions.Signed `json:"countersignatures"`
	Ledger            Anchor           `json:"ledger"`
	People            []E              `json:"people"`
	Request           actions.Signed   `json:"request"`
	Ruling            Ruling           `json:"ruling"`
	V                 string           `json:"v"`
	Waited            []Evidence       `json:"waited"`
}

// warrantV2 is countersign/warrant/v2.
type warrantV2[E any] struct {
	Action            actions.Action          `json:"action"`
	Authority         []Evidence              `json:"authority"`
	Countersignatures []actions.Signed        `json:"countersignatures"`
	Decision          *actions.SignedDecision `json:"decision"`
	Ledger            Anchor                  `json:"ledger"`
	People            []E                     `json:"people"`
	Request           actions.Signed          `json:"request"`
	Requested         Evidence                `json:"requested"`
	Ruling            Ruling                  `json:"ruling"`
	Sessions          []actions.SignedSession `json:"sessions"`
	V                 string                  `json:"v"`
	Waited            []Evidence              `json:"waited"`
}

func (w warrantV1[E]) warrant() Warrant {
	return Warrant{Action: w.Action, Countersignatures: w.Countersignatures, Ledger: w.Ledger, Request: w.Request, Ruling: w.Ruling, V: w.V, Waited: w.Waited}
}

func (w warrantV2[E]) warrant() Warrant {
	return Warrant{Action: w.Action, Authority: w.Authority, Countersignatures: w.Countersignatures, Decision: w.Decision, Ledger: w.Ledger, Request: w.Request,
		Requested: w.Requested, Ruling: w.Ruling, Sessions: w.Sessions, V: w.V, Waited: w.Waited}
}

// MarshalJSONTo writes a warrant in the form of its version.
func (w Warrant) MarshalJSONTo(to *jsontext.Encoder) error {
	if w.V == WarrantV2 {
		return json.MarshalEncode(to, warrantV2[Evidence]{Action: w.Action, Authority: w.Authority, Countersignatures: w.Countersignatures, Decision: w.Decision, Ledger: w.Ledger,
			People: w.People, Request: w.Request, Requested: w.Requested, Ruling: w.Ruling, Sessions: w.Sessions, V: w.V, Waited: w.Waited})
	}
	return json.MarshalEncode(to, warrantV1[Evidence]{Action: w.Action, Countersignatures: w.Countersignatures, Ledger: w.Ledger, People: w.People, Request: w.Request,
		Ruling: w.Ruling, V: w.V, Waited: w.Waited})
}
