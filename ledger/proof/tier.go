package proof

import (
	"crypto/ed25519"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"golang.org/x/mod/sumdb/tlog"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/ledger"
	"countersign.dev/platform"
	"countersign.dev/policy"
)

// Height is the highest tier that rules ever gave a subject, by the facts that were read
// then. It stands, whatever the facts say later, until several people sign that it falls.
type Height struct {
	Tier actions.Tier   `json:"tier"`
	Rule Reason         `json:"rule"` // the rule that gave the tier
	At   canonical.Time `json:"at"`   // when the facts were read
	// Chain is the number of governance entries that were known when the facts were read: a
	// fall that was signed before that does not lower this height.
	Chain int64 `json:"chain"`
}

// Heights returns the height of a subject ("plaza:acct/17"); ok is false if, as far as is
// known, no rule ever raised it. A nil Heights knows no subject.
type Heights func(subject string) (h Height, ok bool)

// Falls holds, by tier, the number of the newest governance entry with which several people
// let a subject fall from the tier that rules had given it; 0: none did. A fall from
// critical is one from protected as well, and not the other way round.
type Falls struct {
	Protected int64
	Critical  int64
}

// Of returns the number of the governance entry that let a tier fall: heights that were
// read before it have fallen.
func (f Falls) Of(t actions.Tier) int64 {
	if t == actions.Critical {
		return f.Critical
	}
	return f.Protected
}

// with returns the falls after one more.
func (f Falls) with(t actions.Tier, number int64) Falls {
	f.Protected = number
	if t == actions.Critical {
		f.Critical = number
	}
	return f
}

// Newest returns the number of the newest fall.
func (f Falls) Newest() int64 { return max(f.Protected, f.Critical) }

// Stands reports whether nobody has let a subject's height fall since it was read.
func (s *State) Stands(subject string, h Height) bool {
	return h.Chain > s.Fallen[subject].Of(h.Tier)
}

// stood returns the height of a subject, if it has one that stands.
func (s *State) stood(subject string, heights Heights) (Height, bool) {
	if heights == nil {
		return Height{}, false
	}
	h, ok := heights(subject)
	return h, ok && s.Stands(subject, h)
}

// TierOf returns the tier of a subject whose state was read: the highest of what
// the rules say of its facts, what rules said of it ever before, and what people
// raised it to. Content is as protected as the account that owns it, if that was
// read.
func (s *State) TierOf(subject platform.Subject, sort platform.Sort, st platform.State, promised []platform.Fact, owner *platform.State, heights Heights) (actions.Tier, []policy.Reason) {
	t, why := s.Policy.Tier(subject.Platform, sort, st, promised, owner)
	names := []string{subject.String()}
	if id, ok := st.Facts[platform.FactOwner].(string); ok {
		names = append(names, platform.Subject{Platform: subject.Platform, ID: id}.String())
	}
	for _, name := range names {
		h, ok := s.stood(name, heights)
		if !ok || h.Tier.Rank() <= t.Rank() {
			continue
		}
		t, why = h.Tier, append(why, policy.Reason{Policy: policy.LawStands, Text: fmt.Sprintf(
			"On %s it was read as %s (%s) That stands until several people sign its fall.", h.At.UTC().Format("2 January 2006"), h.Tier, h.Rule.Text)})
	}
	for _, name := range names {
		raised, ok := s.Raised[name]
		if !ok || raised.Rank() <= t.Rank() {
			continue
		}
		t, why = raised, append(why, policy.Reason{Policy: "raised", Text: "People at the desk raised it to " + string(raised) + "."})
	}
	return t, why
}

// RaisedTo returns the tier that people raised a subject to; standard if nobody did.
func (s *State) RaisedTo(subject platform.Subject) actions.Tier {
	if t, ok := s.Raised[subject.String()]; ok {
		return t
	}
	return actions.Standard
}

// SureTier returns the highest tier of subjects that rests on facts that were read, or on
// several people. Standing orders go by it. A raise by a single person, and a fact that is
// only missing, do not count.
func (s *State) SureTier(heights Heights, subjects ...string) actions.Tier {
	t := actions.Standard
	for _, name := range subjects {
		if h, ok := s.stood(name, heights); ok {
			t = t.Max(h.Tier)
		}
		if c, ok := s.Confirmed[name]; ok {
			t = t.Max(c)
		}
	}
	return t
}

// Unranked says that no rule about tiers can tell which accounts of a platform matter.
type Unranked struct {
	Platform string   `json:"platform"`
	Rules    []string `json:"rules"`  // the rules that read a fact which the connector does not give
	Raised   int64    `json:"raised"` // subjects there that people raised: no others are protected
}

// Unranked says that the rules about tiers read no fact that a platform's connector gives.
// It is nil if one of them does, or if there are no rules, since then all subjects are
// critical.
func (s *State) Unranked(name string, given []platform.Fact) *Unranked {
	if s.Policy == nil || s.Policy.Ranks(name, given) {
		return nil
	}
	u := &Unranked{Platform: name, Rules: []string{}}
	for _, r := range s.Policy.Silent(name, given) {
		u.Rules = append(u.Rules, r.Policy)
	}
	for subject := range s.Raised {
		if strings.HasPrefix(subject, name+":") {
			u.Raised++
		}
	}
	return u
}

// String says for people what follows.
func (u Unranked) String() string {
	silent := "it has none about accounts there"
	if len(u.Rules) > 0 {
		silent = fmt.Sprintf("%d cannot speak: %s", len(u.Rules), strings.Join(u.Rules, ", "))
	}
	subjects := "subjects"
	if u.Raised == 1 {
		subjects = "subject"
	}
	return fmt.Sprintf("The policy's tier rules read no fact that %s gives (%s): only %d %s raised by people are protected there.", u.Platform, silent, u.Raised, subjects)
}

// ranked refuses a change after which no rule ranks the accounts of a platform, so that all
// of them are standard, unless the change says so itself. It also refuses a change that
// says so of a platform for which it is not so.
func (s *State) ranked(c actions.Setting, set *policy.Set) error {
	if s.Laws < 2 || s.few != nil {
		return nil
	}
	var want []string
	switch c.Of {
	case actions.PartPlatforms:
		want = s.Policy.Unranks(nil, *c.Platform)
	case actions.PartPolicy:
		want = set.Unranks(s.Policy, slices.Collect(maps.Values(s.Platforms))...)
	default:
		return nil
	}
	if slices.Equal(want, c.Unranked) {
		return nil
	}
	if len(want) == 0 {
		return refuse("unranked-platform", "The change says that no rule can tell which accounts of %s matter. That is not so, or it was so before; leave it out.", strings.Join(c.Unranked, ", "))
	}
	return refuse("unranked-platform", "With this change no tier rule of the policy reads a fact that the connector of %s gives: all accounts there are standard until people raise them. "+
		"Whoever wants that says so in the change (--unranked), and raises the accounts that matter; or change the rules in tiers.json first.", strings.Join(want, ", "))
}

// MaxTiers is how many subjects one record of kind tiers has at most.
const MaxTiers = 250

// SealedNth names the field that seals the nth subject of a record of kind tiers.
func SealedNth(n int) string { return fmt.Sprintf("%s/%03d", SealedSubject, n) }

// tierLine is a subject in a batch of tiers.
type tierLine struct {
	Subject canonical.Digest `json:"subject"` // the commitment to its identifier
	Tier    actions.Tier     `json:"tier"`
}

// TiersRoot returns the RFC 6962 root over the canonical JSON of
// {"subject":COMMITMENT,"tier":TIER}, one for each subject of a batch in its order.
func TiersRoot(t actions.Tier, subjects []canonical.Digest) canonical.Digest {
	var edge ledger.Edge
	for _, d := range subjects {
		edge.Add(tlog.RecordHash(canonical.MustMarshal(tierLine{d, t})))
	}
	return canonical.Digest(edge.Root())
}

// sealsTiers reports whether openings are those of all subjects of a batch.
func (e Execution) sealsTiers(openings []ledger.Opening) bool {
	if int64(len(openings)) != e.Sight.Count {
		return false
	}
	subjects := make([]canonical.Digest, len(openings))
	for i, o := range openings {
		var err error
		if subjects[i], err = o.Commitment(); err != nil || o.Name != SealedNth(i) {
			return false
		}
	}
	return TiersRoot(e.Sight.Tier, subjects) == e.Sight.Root
}

// TiersOf reads the heights of subjects from an entry of kind tiers, as far as openings of
// it are at hand. hidden is the number of its subjects that no opening names: their names
// were erased, or are withheld. The caller checks who made the record, with
// SignedExecution.VerifyBy. An error means that the entry contradicts itself.
func TiersOf(b ledger.Body, openings []ledger.Opening) (heights map[string]Height, hidden int64, err error) {
	e, err := ParseExecution(b)
	if err != nil {
		return nil, 0, err
	}
	x := e.Execution
	if err := x.Check(); err != nil || x.Kind != KindTiers {
		return nil, 0, broken("Execution entry %d is no batch of tiers.", b.Number)
	}
	subjects := make([]canonical.Digest, x.Sight.Count)
	for i := range subjects {
		subjects[i] = b.Sealed[SealedNth(i)]
	}
	if TiersRoot(x.Sight.Tier, subjects) != x.Sight.Root || int64(len(b.Sealed)) != x.Sight.Count {
		return nil, 0, broken("Execution entry %d seals other subjects than those that were signed.", b.Number)
	}
	heights = map[string]Height{}
	for _, o := range openings {
		var name string
		if !b.Opens(o) || json.Unmarshal(o.Value, &name) != nil {
			return nil, 0, broken("The field %s of the execution entry %d does not open what it seals.", o.Name, b.Number)
		}
		heights[name] = Height{Tier: x.Sight.Tier, Rule: Reason{Policy: x.Sight.Why, Text: x.Text}, At: x.Sight.Seen, Chain: x.Sight.Chain}
	}
	return heights, x.Sight.Count - int64(len(heights)), nil
}

// resolvedBefore is the longest time between the resolution of a subject and the signature
// of a change that names it: time to read a draft. resolvedAfter allows for clocks that
// differ.
const (
	resolvedBefore = 15 * time.Minute
	resolvedAfter  = time.Minute
)

// resolved checks, under the laws 2 and later, that a change names the subject that its
// signers meant: the executor of the chain has signed that this identifier had this handle
// when the change was drafted. The chain itself cannot ask a platform, and a desk that lies
// would have people lower the tier of the president under somebody else's handle. A raise
// that names no handle misleads nobody and needs no such signature.
func (s *State) resolved(subject platform.Subject, r *actions.Resolution, relieves bool, by actions.Statement) error {
	if s.Laws < 2 || r == nil && relieves && subject.Handle == "" {
		return nil
	}
	if r == nil {
		return refuse("not-resolved", "The executor's signed word that %s:%s has the handle in the change is missing; draft it again.", subject.Platform, subject.ID)
	}
	c := r.Challenge(s.Root)
	switch t := s.Trust; {
	case r.Subject != subject:
		return refuse("not-resolved", "The executor has resolved another subject than the one that is signed: the identifier and the handle in the change do not belong to the same account.")
	case r.Executor != t.Executor || len(t.ExecutorKey) != ed25519.PublicKeySize || !ed25519.Verify(ed25519.PublicKey(t.ExecutorKey), c[:], r.Signature):
		return refuse("not-resolved", "That %s:%s has the handle in the change is not signed by the executor that the governance chain names.", subject.Platform, subject.ID)
	case r.At.Before(by.NotBefore.Add(-resolvedBefore)) || r.At.After(by.NotBefore.Add(resolvedAfter)):
		return refuse("not-resolved", "The subject was resolved at %s, but the change is signed as of %s; draft it again.", r.At, by.NotBefore)
	}
	return nil
}
