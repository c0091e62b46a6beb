package plaza

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"path"
	"regexp"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"countersign.dev/canonical"
	"countersign.dev/platform"
)

// The types below are the protocol's. They are read leniently where it may grow (unknown
// members are ignored) and strictly in all parts that we rely on.

// wireCommand is a command. A server that promises no layers has to understand what it is
// sent, so the members that came with them are left out where they say nothing.
type wireCommand struct {
	Verb    platform.Verb    `json:"verb"`
	Layer   platform.Layer   `json:"layer,omitzero"`
	Subject wireSubject      `json:"subject"`
	Expect  *platform.Expect `json:"expect,omitzero"` // nil for a warning
	Mark    *platform.Mark   `json:"mark,omitzero"`   // nil for a warning
	Until   canonical.Time   `json:"until,omitzero"`
	Text    string           `json:"text,omitzero"`
}

// wireCommandOf puts a command in the form of the protocol.
func (p *Connector) wireCommandOf(c platform.Command) wireCommand {
	w := wireCommand{Verb: c.Verb, Layer: c.Layer, Subject: wireSubject{c.Subject.ID, c.Subject.Handle}}
	if c.Verb == platform.Warn {
		w.Text = c.Told.Text
		return w
	}
	w.Expect, w.Mark = &c.Expect, &c.Mark
	if c.Verb.Relieves() {
		w.Subject.Handle = "" // the server would compare a handle, and the account may have another one by now
	}
	// Only servers with layers know the member, and only a measure has an end.
	if p.can.Layered() && c.Mark != "" {
		w.Until = c.Told.Until
	}
	return w
}

type wireSubject struct {
	ID     string `json:"id"`
	Handle string `json:"handle,omitempty"`
}

type wireState struct {
	ID     string                    `json:"id"`
	Handle string                    `json:"handle"`
	Sort   platform.Sort             `json:"sort"`
	Status platform.Status           `json:"status"`
	Mark   *platform.Mark            `json:"mark"` // missing is not the same as empty
	Rev    string                    `json:"rev"`
	Layers []wireLayer               `json:"layers"`
	Facts  map[string]jsontext.Value `json:"facts"`

	stand map[platform.Layer]platform.Stood // Layers, once they are checked
}

type wireReceipt struct {
	Key    string        `json:"key"`
	Verb   platform.Verb `json:"verb"`
	Before wireState     `json:"before"`
	After  wireState     `json:"after"`
}

type wireLookup struct {
	Key     string         `json:"key"`
	Outcome string         `json:"outcome"`
	Fenced  bool           `json:"fenced"`
	Receipt jsontext.Value `json:"receipt"`
}

type wireProblem struct {
	Type   string     `json:"type"`
	Status int        `json:"status"`
	Detail string     `json:"detail"`
	Now    *wireState `json:"now"`
	Oldest int64      `json:"oldest"`
	Newest int64      `json:"newest"`
}

func (w wireProblem) is(slug string) bool { return path.Base(w.Type) == slug }

type wireCapabilities struct {
	Protocol      string             `json:"protocol"`
	Abilities     []platform.Ability `json:"abilities"`
	Labels        []string           `json:"labels"`
	Facts         []platform.Fact    `json:"facts"`
	CompareAndSet bool               `json:"compare_and_set"`
	Lookup        bool               `json:"lookup"`
	RequestLife   int                `json:"request_life"`
	Heartbeat     int                `json:"heartbeat"`
	Offers        []string           `json:"offers"`
	Credential    string             `json:"credential"`
}

// longestHeartbeat is the interval that the protocol allows a server that promises none.
const longestHeartbeat = 30

// ourFacts are the facts that rules about tiers read; a server may know others.
var ourFacts = []platform.Fact{platform.FactFollowers, platform.FactVerified, platform.FactOffice, platform.FactCreated, platform.FactOwner}

func (p *Connector) readCapabilities(ctx context.Context) error {
	a, err := p.call(ctx, http.MethodGet, "capabilities", nil, nil, nil)
	if err != nil {
		return err
	}
	if a.problem != nil {
		return p.refusal(*a.problem)
	}
	var w wireCapabilities
	if err := json.Unmarshal(a.body, &w); err != nil {
		return unclear("The capabilities of %s cannot be read.", p.name).Because(err)
	}
	if w.Protocol != Protocol {
		return unclear("%s speaks %.40q; this connector speaks %q.", p.name, w.Protocol, Protocol)
	}
	// Without these the receipts of this connector would not be true.
	if !w.CompareAndSet || !w.Lookup || w.RequestLife < 1 || w.RequestLife > 3600 {
		return unclear("%s does not promise to compare and set, to look commands up and a request life of 1 to 3600 seconds.", p.name)
	}
	p.can = platform.Capabilities{Abilities: []platform.Ability{}, Facts: []platform.Fact{},
		CompareAndSet: true, Lookup: true, RequestLife: w.RequestLife}
	if w.Heartbeat < 1 || w.Heartbeat > longestHeartbeat {
		w.Heartbeat = longestHeartbeat
	}
	if p.silence == 0 {
		p.silence = 2*time.Duration(w.Heartbeat)*time.Second + time.Second
	}
	p.offers = map[string]bool{}
	for _, o := range w.Offers {
		p.offers[o] = true
	}
	// A connector that does not know which credential is its own cuts none off: it could cut
	// off itself.
	if p.can.Credential = w.Credential; p.offers[offersTokens] && w.Credential != "" {
		p.can.Cuts = true
	} else {
		p.can.Remedy = fmt.Sprintf("Revoke that credential at %s by its own tools. For the executor to do it, give it a credential there that may revoke others' "+
			"(the platform protocol's route tokens).", p.name)
	}
	p.can.Contents = p.offers[offersContent]
	labels := offeredLabels(w.Labels)
	for _, ability := range w.Abilities {
		if knownVerb(ability.Verb) && (ability.Sort == platform.Account || ability.Sort == platform.Content) {
			p.can.Abilities = append(p.can.Abilities, ability)
		}
	}
	p.can.Abilities = whole(p.can.Abilities, labels)
	if slices.ContainsFunc(p.can.Abilities, func(a platform.Ability) bool { return a.Verb == platform.Label }) {
		p.can.Labels = labels
	}
	for _, fact := range ourFacts {
		if slices.Contains(w.Facts, fact) {
			p.can.Facts = append(p.can.Facts, fact)
		}
	}
	return nil
}

func knownVerb(v platform.Verb) bool { return slices.Contains(platform.Verbs, v) }

func knownStatus(s platform.Status) bool { return platform.VisibilityLayer.Knows(s) }

var (
	markForm   = regexp.MustCompile(`^[!-~]{0,200}$`)
	handleForm = regexp.MustCompile(`^@[A-Za-z0-9._-]{1,253}$`)
	revForm    = regexp.MustCompile(`^[!-~]{1,200}$`)
)

// checkState refuses a state that could be misunderstood.
func (p *Connector) checkState(w *wireState) error {
	sort, err := p.Sort(w.ID)
	switch {
	case err != nil || sort != w.Sort:
		return unclear("%s answered with the subject %.80q of the sort %.20q.", p.name, w.ID, w.Sort)
	case !knownStatus(w.Status):
		return unclear("%s says that %s is %.40q, which this connector does not know.", p.name, w.ID, w.Status)
	case w.Mark == nil || !markForm.MatchString(string(*w.Mark)):
		return unclear("%s gave %s no readable mark.", p.name, w.ID)
	case !revForm.MatchString(w.Rev):
		return unclear("%s gave %s no readable revision.", p.name, w.ID)
	case sort == platform.Account && !handleForm.MatchString(w.Handle), sort == platform.Content && w.Handle != "":
		return unclear("%s gave %s the handle %.80q.", p.name, w.ID, w.Handle)
	}
	w.stand = layersIn(w.Layers)
	return nil
}

// state translates a checked state. A promised fact that is missing or of
// another type goes to Unread, never silently away.
func (p *Connector) state(w wireState) platform.State {
	s := p.layersOf(w)
	s.Facts, s.Unread = p.facts(w.Sort, w.Facts)
	return s
}

// layersOf is state without the facts.
func (p *Connector) layersOf(w wireState) platform.State {
	return platform.State{Status: w.Status, Mark: *w.Mark, Rev: w.Rev, Layers: w.stand, Seen: canonical.At(p.now())}
}

func (p *Connector) facts(sort platform.Sort, raw map[string]jsontext.Value) (map[platform.Fact]any, []platform.Fact) {
	facts, unread := map[platform.Fact]any{}, []platform.Fact{}
	for _, fact := range p.can.Facts {
		if fact == platform.FactOwner && sort == platform.Account {
			continue // promised of content only
		}
		if v, ok := p.fact(fact, raw[string(fact)]); ok {
			facts[fact] = v
		} else {
			unread = append(unread, fact)
		}
	}
	return facts, unread
}

func (p *Connector) fact(fact platform.Fact, raw jsontext.Value) (any, bool) {
	if kind := raw.Kind(); len(raw) == 0 || kind == 'n' {
		return nil, false // null is not zero
	}
	switch fact {
	case platform.FactFollowers, platform.FactCreated:
		var n int64
		err := json.Unmarshal(raw, &n)
		return n, err == nil && (n >= 0 || fact == platform.FactCreated)
	case platform.FactVerified:
		var b bool
		err := json.Unmarshal(raw, &b)
		return b, err == nil
	case platform.FactOwner:
		var s string
		err := json.Unmarshal(raw, &s)
		sort, sortErr := p.Sort(s)
		return s, err == nil && sortErr == nil && sort == platform.Account
	default:
		var s string
		err := json.Unmarshal(raw, &s)
		return s, err == nil && len(s) <= 1000
	}
}

// receipt reads a receipt and compares it with the command that it claims to be of.
func (p *Connector) receipt(body []byte, key string, c platform.Command) (platform.Receipt, error) {
	var w wireReceipt
	if err := json.Unmarshal(body, &w); err != nil {
		return platform.Receipt{}, unclear("%s answered with something that is not a receipt.", p.name).Because(err)
	}
	for _, s := range []*wireState{&w.Before, &w.After} {
		if err := p.checkState(s); err != nil {
			return platform.Receipt{}, err
		}
	}
	before, left := p.state(w.Before), p.state(w.After)
	if w.Key != key || w.Verb != c.Verb || w.Before.ID != c.Subject.ID || w.After.ID != c.Subject.ID || !fits(c, before, left) {
		return platform.Receipt{}, unclear("%s answered with the receipt of another command than the one that was sent.", p.name)
	}
	return platform.Receipt{Before: before, After: left}, nil
}

// fits reports whether a command may have brought a subject from one state into another.
// Of a change only the command's own layer says so. A warning changes none.
func fits(c platform.Command, before, left platform.State) bool {
	if c.Verb == platform.Warn {
		return before.Is(left.Status, left.Mark) && before.Rev == left.Rev && maps.Equal(before.Layers, left.Layers)
	}
	moved := before.Revision(c.Layer) != left.Revision(c.Layer) // a layer that does not stand has none
	return moved && before.At(c.Layer) == c.Expect && c.Leaves(left.At(c.Layer))
}
