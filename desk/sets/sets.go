// Package sets is the desk's room for the texts that stand in the governance chain by their
// digest: the rules of the community, the queues, and the lists of hashes.
//
// A text is put to the desk first, and is in force once several people have signed a change
// that names its digest. The room keeps what is in force parsed. It promises that no text is
// put in force which the desk lacks, which cannot be read, or which uses a rule's number for
// another text: until then the text of before stays.
package sets

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/policy"
	"countersign.dev/store"
)

// Room is this room of the desk. It is safe for concurrent use.
type Room struct {
	desk *kernel.Kernel

	mu     sync.Mutex
	parsed map[canonical.Digest]any // *cases.RuleSet, *cases.QueueSet or *cases.HashList
}

// New opens the room.
func New(k *kernel.Kernel) *Room { return &Room{desk: k, parsed: map[canonical.Digest]any{}} }

// Text is a text that the desk keeps.
type Text = store.Text

// mostParsed bounds the texts that are kept parsed. Those in force are few; more are read
// only while somebody proposes.
const mostParsed = 64

// textsPerHour is how many texts a worker puts to the desk an hour. Each is an entry of the
// ledger and stays.
const textsPerHour = 60

// Parts lists the parts of the desk that name texts.
var Parts = []string{actions.PartRules, actions.PartQueues, actions.PartHashes}

// PutText keeps a text of a part, so that a change can name it by its digest. It is for
// those whom the policy lets ask for such a change. A text that cannot be read is refused.
// The same text again gives the same answer.
func (d *Room) PutText(ctx context.Context, by kernel.Caller, part, text string) (Text, error) {
	digest := actions.DigestOfText(text)
	out := Text{Digest: digest, Part: part, Worker: by.Worker, Body: text}
	err := d.desk.Change(ctx, by, "put a text", func(s *proof.State) (func(*kernel.Tx) error, error) {
		st, err := d.desk.Engaged(s, by)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(Parts, part) {
			return nil, fault.New(fault.Invalid, "bad-text", "The desk keeps texts of the parts %s; %q is none of them.", strings.Join(Parts, ", "), part)
		}
		facts := policy.DeskFacts(actions.DeskChange, actions.Burdening, part)
		facts.Worker = policy.WorkerOf(st)
		if r := s.Policy.Rule(facts); r.Verdict == policy.Forbidden {
			no := fault.New(fault.Forbidden, "not-yours-to-change", "The policy does not let %s ask for a change of the %s, so that the text is not kept.", by.Worker, part)
			for _, reason := range r.Reasons {
				no.Detail = append(no.Detail, fault.Detail{At: reason.Policy, Text: reason.Text})
			}
			return nil, no
		}
		if len(text) > actions.MaxTextSize {
			return nil, fault.New(fault.TooLarge, "text-too-large", "The text has %d bytes; the desk keeps texts of at most %d.", len(text), actions.MaxTextSize)
		}
		if err := d.check(ctx, s, part, text); err != nil {
			return nil, err
		}
		switch have, err := d.load(ctx, digest); {
		case err == nil && have.Part == part:
			out = have
			return func(*kernel.Tx) error { return nil }, nil
		case err != nil && !fault.Is(err, "no-text") && !fault.Is(err, "text-edited"):
			return nil, err
		}
		out.Time = d.desk.TimeNow()
		return func(t *kernel.Tx) error {
			if n, err := t.TextsBy(by.Worker, canonical.At(out.Time.Add(-time.Hour))); err != nil {
				return err
			} else if n >= textsPerHour {
				return fault.New(fault.Exhausted, "budget-spent", "%s may put %d texts an hour to the desk, and has put that many. Wait, or let somebody else do it.", by.Worker, textsPerHour)
			}
			t.Enter(entry.KindText, entry.Text{Digest: digest, Part: part, Size: int64(len(text)), Worker: by.Worker}).About(digest.String(), store.ByWorker(by.Worker))
			return t.PutText(out)
		}, nil
	})
	return out, err
}

// Text returns a text that was put to the desk, by its digest. Everybody engaged reads rules
// and queues. A list of hashes names what must not be found, and is for those whom the
// policy lets read evidence.
func (d *Room) Text(ctx context.Context, by kernel.Caller, digest canonical.Digest) (Text, error) {
	s, st, err := d.desk.Standing(ctx, by)
	if err != nil {
		return Text{}, err
	}
	t, err := d.load(ctx, digest)
	if err == nil && t.Part == actions.PartHashes {
		err = kernel.Evidence(s, st, "Lists of hashes")
	}
	if err != nil {
		return Text{}, err
	}
	return t, nil
}

func (d *Room) load(ctx context.Context, digest canonical.Digest) (t Text, err error) {
	err = d.desk.Store.ReadOne(ctx, func(stx *store.Tx) error {
		t, err = stx.Text(digest)
		return err
	})
	return t, err
}

// CheckChange refuses a change of the desk that names a text which cannot be put in force:
// the desk lacks it, it cannot be read, or it does not go with what is in force. Other
// changes it lets pass.
func (d *Room) CheckChange(ctx context.Context, s *proof.State, ch actions.Change) error {
	c, ok := ch.(actions.Setting)
	if !ok || c.TextOf() == nil || c.TextOf().Ends() {
		return nil
	}
	t := c.TextOf()
	have, err := d.load(ctx, t.Digest)
	if err != nil {
		return err
	}
	if int64(len(have.Body)) != t.Size {
		return fault.New(fault.Invalid, "bad-action", "The change names %d bytes, and the text %s has %d.", t.Size, t.Digest, len(have.Body))
	}
	return d.check(ctx, s, c.Of, have.Body)
}

// check reads a text as one that is to be put in force, beside what is in force.
func (d *Room) check(ctx context.Context, s *proof.State, part, text string) error {
	if part == actions.PartHashes {
		_, err := cases.ParseHashes(text)
		return err
	}
	var before *cases.RuleSet
	if !s.Rules.Digest.IsZero() {
		var err error
		if before, err = d.Rules(ctx, s); err != nil {
			return err
		}
	}
	if part == actions.PartQueues {
		if before == nil {
			return none(actions.PartRules) // queues name rules
		}
		_, err := cases.ParseQueues(text, before)
		return err
	}
	rules, err := cases.ParseRulesAfter(text, before)
	if err != nil || s.Queues.Digest.IsZero() {
		return err
	}
	queues, err := d.Queues(ctx, s)
	if err != nil {
		return err
	}
	if lacks := queues.Lacks(rules); len(lacks) > 0 {
		return fault.New(fault.Conflict, "queues-need-rule", "The queue set in force chooses rules that this set does not have: %s. Propose a queue set without them first.", strings.Join(lacks, "; "))
	}
	return nil
}

// Rules returns the rule set in force; a fault "no-rules" if there is none. It must not be
// changed. It reads the database once for each set that is put in force.
func (d *Room) Rules(ctx context.Context, s *proof.State) (*cases.RuleSet, error) {
	if s.Rules.Digest.IsZero() {
		return nil, none(actions.PartRules)
	}
	return inForce(ctx, d, s.Rules, cases.ParseRules)
}

// Queues is Rules for the queue set; the fault is "no-queues".
func (d *Room) Queues(ctx context.Context, s *proof.State) (*cases.QueueSet, error) {
	if s.Queues.Digest.IsZero() {
		return nil, none(actions.PartQueues)
	}
	return inForce(ctx, d, s.Queues, func(text string) (*cases.QueueSet, error) { return cases.ParseQueues(text, nil) })
}

// PastQueues returns a queue set that was in force once, by the digest of its text.
func (d *Room) PastQueues(ctx context.Context, digest canonical.Digest) (*cases.QueueSet, error) {
	return inForce(ctx, d, proof.Text{Text: actions.Text{Digest: digest}}, func(text string) (*cases.QueueSet, error) { return cases.ParseQueues(text, nil) })
}

// Hashes returns the lists of hashes in force, by name.
func (d *Room) Hashes(ctx context.Context, s *proof.State) (map[string]*cases.HashList, error) {
	all := map[string]*cases.HashList{}
	for name, t := range s.Hashes {
		l, err := inForce(ctx, d, t, cases.ParseHashes)
		if err != nil {
			return nil, err
		}
		all[name] = l
	}
	return all, nil
}

// inForce returns a text in force as it was parsed.
func inForce[T any](ctx context.Context, d *Room, of proof.Text, parse func(string) (*T, error)) (*T, error) {
	d.mu.Lock()
	have, ok := d.parsed[of.Digest].(*T)
	d.mu.Unlock()
	if ok {
		return have, nil
	}
	t, err := d.load(ctx, of.Digest)
	if err != nil {
		return nil, err
	}
	parsed, err := parse(t.Body)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.parsed) >= mostParsed {
		clear(d.parsed)
	}
	d.parsed[of.Digest] = parsed
	return parsed, nil
}

// InForce returns the rule set or the queue set in force for a caller, as its text and with
// its place in the chain. A fault "no-rules" or "no-queues" says that there is none.
func (d *Room) InForce(ctx context.Context, by kernel.Caller, part string) (proof.Text, Text, error) {
	s, _, err := d.desk.Standing(ctx, by)
	if err != nil {
		return proof.Text{}, Text{}, err
	}
	now := s.Rules
	if part == actions.PartQueues {
		now = s.Queues
	}
	if now.Digest.IsZero() {
		return now, Text{}, none(part)
	}
	t, err := d.load(ctx, now.Digest)
	return now, t, err
}

// none is the refusal where no set of a part is in force.
func none(part string) error {
	if part == actions.PartQueues {
		return fault.New(fault.Conflict, "no-queues", "No queue set is in force at this desk. Officers adopt one with `countersign queue propose FILE --reason WHY`.")
	}
	return fault.New(fault.Conflict, "no-rules", "No rule set is in force at this desk. Officers adopt one: `countersign rule default --out rules.json` writes one to begin with, and `countersign rule propose rules.json --reason WHY` asks for it.")
}

// HashesInForce returns the lists of hashes in force for a caller, by name. Their digests
// are read one list at a time, with Text.
func (d *Room) HashesInForce(ctx context.Context, by kernel.Caller) (map[string]proof.Text, error) {
	s, _, err := d.desk.Standing(ctx, by)
	if err != nil {
		return nil, err
	}
	return s.Hashes, nil
}
