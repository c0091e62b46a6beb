package actions

import (
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/platform"
	"countersign.dev/workforce"
)

// A document of version 1 keeps its members and its challenge for ever. Statements and
// actions have one type in memory, which has the members of version 2; its V says in
// which of the two shapes it is written and signed. What version 1 cannot say must be
// empty in a document of version 1: it would be neither written nor signed.

// The numbers of the formats in which a desk signs; proof.State.Formats says which are in
// force.
const (
	FirstFormats  = 1
	NewestFormats = 2
)

// The versions of Statement. Each is the first line of what is hashed into a challenge.
const (
	StatementV1 = "countersign/statement/v1"
	StatementV2 = "countersign/statement/v2"
)

// The versions of Action.
const (
	ActionV1 = "countersign/action/v1"
	ActionV2 = "countersign/action/v2"
)

// StatementVersion returns the version of the statements in formats of a number.
func StatementVersion(formats int64) string { return versionOf(formats, StatementV1, StatementV2) }

// ActionVersion returns the version of the actions in formats of a number.
func ActionVersion(formats int64) string { return versionOf(formats, ActionV1, ActionV2) }

func versionOf(formats int64, v1, v2 string) string {
	if formats < 2 {
		return v1
	}
	return v2
}

// Formats returns the number of the formats of which the action is; 0 if it is of none.
func (a Action) Formats() int64 {
	switch a.V {
	case ActionV1:
		return 1
	case ActionV2:
		return 2
	}
	return 0
}

// StatementFormV1 is the form of countersign/statement/v1.
type StatementFormV1 struct {
	Action    canonical.Digest   `json:"action"`
	Executor  string             `json:"executor"`
	Expires   canonical.Time     `json:"expires"`
	Key       workforce.KeyID    `json:"key"`
	Log       string             `json:"log"`
	Nonce     canonical.Bytes    `json:"nonce"`
	NotBefore canonical.Time     `json:"not_before"`
	Policy    canonical.Digest   `json:"policy"`
	Request   string             `json:"request"`
	Signer    workforce.WorkerID `json:"signer"`
	V         string             `json:"v"`
	Verdict   Verdict            `json:"verdict"`
}

// StatementFormV2 is the form of countersign/statement/v2.
type StatementFormV2 Statement

// MarshalJSONTo writes a statement in the form of its version.
func (s Statement) MarshalJSONTo(to *jsontext.Encoder) error {
	if s.V == StatementV2 {
		return json.MarshalEncode(to, StatementFormV2(s))
	}
	return json.MarshalEncode(to, StatementFormV1{Action: s.Action, Executor: s.Executor, Expires: s.Expires, Key: s.Key, Log: s.Log, Nonce: s.Nonce,
		NotBefore: s.NotBefore, Policy: s.Policy, Request: s.Request, Signer: s.Signer, V: s.V, Verdict: s.Verdict})
}

// UnmarshalJSONFrom reads a statement of either version. A statement of version 1 with a member
// of version 2 is refused.
func (s *Statement) UnmarshalJSONFrom(from *jsontext.Decoder) error {
	var w StatementFormV2
	if err := json.UnmarshalDecode(from, &w, json.RejectUnknownMembers(true)); err != nil {
		return err
	}
	*s = Statement(w)
	if s.V != StatementV2 && (s.Alarm || !s.Batch.IsZero() || !s.Decision.IsZero() || !s.Document.IsZero() || !s.Founding.IsZero() || !s.Session.IsZero()) {
		return fmt.Errorf("a statement of version %q has members of %s", s.V, StatementV2)
	}
	return nil
}

// ActionFormV1 is the form of countersign/action/v1.
type ActionFormV1 struct {
	Case      string           `json:"case"`
	Category  Category         `json:"category"`
	Change    canonical.Raw    `json:"change"`
	Command   platform.Command `json:"command"`
	Direction Direction        `json:"direction"`
	Effect    Effect           `json:"effect"`
	Inverse   Inverse          `json:"inverse"`
	Kind      Kind             `json:"kind"`
	Lossy     string           `json:"lossy"`
	Nonce     canonical.Bytes  `json:"nonce"`
	Reason    string           `json:"reason"`
	Reverses  string           `json:"reverses"`
	Subject   platform.Subject `json:"subject"`
	Tier      Tier             `json:"tier"`
	Until     canonical.Time   `json:"until"`
	V         string           `json:"v"`
}

// ActionFormV2 is the form of countersign/action/v2.
type ActionFormV2 struct {
	Case       string           `json:"case"`
	Category   Category         `json:"category"`
	Change     canonical.Raw    `json:"change"`
	Command    CommandFormV2    `json:"command"`
	Direction  Direction        `json:"direction"`
	Effect     Effect           `json:"effect"`
	Inverse    Inverse          `json:"inverse"`
	Kind       Kind             `json:"kind"`
	Lossy      string           `json:"lossy"`
	Nonce      canonical.Bytes  `json:"nonce"`
	Parameters canonical.Digest `json:"parameters"`
	Reason     string           `json:"reason"`
	Reverses   string           `json:"reverses"`
	Rule       Rule             `json:"rule"`
	Subject    platform.Subject `json:"subject"`
	Tier       Tier             `json:"tier"`
	Until      canonical.Time   `json:"until"`
	V          string           `json:"v"`
	Veto       int64            `json:"veto"`
}

// CommandFormV2 is the command of an action of version 2: it names the layer of the subject
// that it changes, the state of that layer from which it starts, and the state that it
// leaves. That of a warning names none and neither starts from nor leaves a state. A change
// of the desk has an empty one.
type CommandFormV2 struct {
	Expect  Standing         `json:"expect"`
	Layer   string           `json:"layer"`
	Leave   Standing         `json:"leave"`
	Subject platform.Subject `json:"subject"`
	Verb    platform.Verb    `json:"verb"`
}

// Standing is the state of one layer of a subject in documents of version 2.
type Standing struct {
	Mark  platform.Mark `json:"mark"`
	Value string        `json:"value"`
}

// StandingOf returns the state of a layer as documents of version 2 write it.
func StandingOf(e platform.Expect) Standing { return Standing{Mark: e.Mark, Value: string(e.Status)} }

// Expect is the inverse of StandingOf.
func (s Standing) Expect() platform.Expect {
	return platform.Expect{Status: platform.Status(s.Value), Mark: s.Mark}
}

func commandOf(c platform.Command) CommandFormV2 {
	if c == (platform.Command{}) {
		return CommandFormV2{}
	}
	out := CommandFormV2{Expect: StandingOf(c.Expect), Layer: c.Layer.String(), Leave: StandingOf(c.After()), Subject: c.Subject, Verb: c.Verb}
	if c.Verb == platform.Warn {
		out.Layer = ""
	}
	return out
}

// command returns the command in memory. It refuses one whose layer is unknown, and one
// that would leave another state than its verb does.
func (c CommandFormV2) command() (platform.Command, error) {
	out := platform.Command{Expect: c.Expect.Expect(), Mark: c.Leave.Mark, Subject: c.Subject, Verb: c.Verb}
	var err error
	if c.Layer != "" {
		if out.Layer, err = platform.ParseLayer(c.Layer); err != nil {
			return out, err
		}
	}
	if commandOf(out) != c {
		return out, fmt.Errorf("the command names no known layer, or its verb %q leaves another state than %q", c.Verb, c.Leave.Value)
	}
	return out, nil
}

// MarshalJSONTo writes an action in the form of its version.
func (a Action) MarshalJSONTo(to *jsontext.Encoder) error {
	if a.V == ActionV2 {
		return json.MarshalEncode(to, ActionFormV2{Case: a.Case, Category: a.Category, Change: a.Change, Command: commandOf(a.Command), Direction: a.Direction,
			Effect: a.Effect, Inverse: a.Inverse, Kind: a.Kind, Lossy: a.Lossy, Nonce: a.Nonce, Parameters: a.Parameters, Reason: a.Reason,
			Reverses: a.Reverses, Rule: a.Rule, Subject: a.Subject, Tier: a.Tier, Until: a.Until, V: a.V, Veto: a.Veto})
	}
	return json.MarshalEncode(to, ActionFormV1{Case: a.Case, Category: a.Category, Change: a.Change, Command: a.Command, Direction: a.Direction, Effect: a.Effect,
		Inverse: a.Inverse, Kind: a.Kind, Lossy: a.Lossy, Nonce: a.Nonce, Reason: a.Reason, Reverses: a.Reverses, Subject: a.Subject, Tier: a.Tier,
		Until: a.Until, V: a.V})
}

// UnmarshalJSON reads an action of either version.
func (a *Action) UnmarshalJSON(b []byte) error {
	var is struct {
		V string `json:"v"`
	}
	if err := json.Unmarshal(b, &is); err != nil {
		return err
	}
	if is.V != ActionV2 {
		var w ActionFormV1
		if err := json.Unmarshal(b, &w, json.RejectUnknownMembers(true)); err != nil {
			return err
		}
		if w.Command.Layer != platform.VisibilityLayer {
			return fmt.Errorf("a command of version 1 names the layer %q", w.Command.Layer)
		}
		*a = Action{Case: w.Case, Category: w.Category, Change: w.Change, Command: w.Command, Direction: w.Direction, Effect: w.Effect,
			Inverse: w.Inverse, Kind: w.Kind, Lossy: w.Lossy, Nonce: w.Nonce, Reason: w.Reason, Reverses: w.Reverses, Subject: w.Subject, Tier: w.Tier,
			Until: w.Until, V: w.V}
		return nil
	}
	var w ActionFormV2
	if err := json.Unmarshal(b, &w, json.RejectUnknownMembers(true)); err != nil {
		return err
	}
	command, err := w.Command.command()
	if err != nil {
		return err
	}
	*a = Action{Case: w.Case, Category: w.Category, Change: w.Change, Command: command, Direction: w.Direction, Effect: w.Effect,
		Inverse: w.Inverse, Kind: w.Kind, Lossy: w.Lossy, Nonce: w.Nonce, Parameters: w.Parameters, Reason: w.Reason,
		Reverses: w.Reverses, Rule: w.Rule, Subject: w.Subject, Tier: w.Tier, Until: w.Until, V: w.V, Veto: w.Veto}
	return nil
}

// Rule names a rule of the community in what is signed: its number, and the digest of its
// text. It is empty where no rule is named.
type Rule struct {
	Number int64            `json:"number"`
	Text   canonical.Digest `json:"text"`
}

func (r Rule) check() error {
	if r.Number < 0 || (r.Number == 0) != r.Text.IsZero() {
		return fault.New(fault.Invalid, "bad-rule", "A rule is named by its number and by the digest of its text.")
	}
	return nil
}
