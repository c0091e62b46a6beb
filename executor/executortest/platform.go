package executortest

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/platform"
)

// Failure is how one call of a platform goes wrong.
type Failure int

// The failures.
const (
	NoFailure   Failure = iota
	LostBefore          // nothing is done, and the answer is lost
	LostAfter           // it is done, and the answer is lost: a 500 after the act
	Late                // nothing is done yet, the answer is lost, and it is done when Deliver is called, if it was not asked about
	Unreachable         // nothing gets there
	Overtaken           // it is done and answered, and done again by others before it is read back
)

// Platform is a platform.Connector to a platform in memory.
type Platform struct {
	name string
	now  func() time.Time

	mu      sync.Mutex
	can     platform.Capabilities
	states  map[string]platform.State
	handles map[string]string
	done    map[string]platform.Receipt
	fenced  map[string]bool
	beneath map[string]bool // accounts that are down and were deactivated before; the deactivation shows after the lift
	late    []late
	fail    []Failure
	away    bool
	mute    bool
	refuses bool // every command
	effects []Effect
	bare    map[string]bool // subjects whose layers but the visibility are not shown
	silent  map[string]bool // subjects that cannot be read
	vain    int             // reads of these
	bared   int             // reads of subjects that are bare
	absent  map[string]bool // subjects that are not there for now
	before  func(platform.Command)
	watched watched
	content content
}

type late struct {
	key     string
	command platform.Command
}

// Effect is one change that took place on the platform.
type Effect struct {
	Key     string
	Command platform.Command
}

var _ platform.Connector = (*Platform)(nil)

// NewPlatform returns an empty platform called plaza.
func NewPlatform(now func() time.Time) *Platform {
	p := &Platform{name: "plaza", now: now, states: map[string]platform.State{}, handles: map[string]string{}, done: map[string]platform.Receipt{},
		fenced: map[string]bool{}, beneath: map[string]bool{}, silent: map[string]bool{}, bare: map[string]bool{}, absent: map[string]bool{}}
	p.watched.init()
	p.content = content{shown: map[string]platform.Evidence{}, pictures: map[string][]byte{}}
	p.can = platform.Capabilities{CompareAndSet: true, Lookup: true, RequestLife: 1, Contents: true,
		Facts: []platform.Fact{platform.FactFollowers, platform.FactVerified, platform.FactOffice, platform.FactOwner}}
	for _, v := range []platform.Verb{platform.Takedown, platform.Restore, platform.Deactivate, platform.Reactivate, platform.Delete} {
		p.can.Abilities = append(p.can.Abilities, platform.Ability{Verb: v, Sort: platform.Account, Marks: true})
	}
	for _, v := range []platform.Verb{platform.Takedown, platform.Restore} {
		p.can.Abilities = append(p.can.Abilities, platform.Ability{Verb: v, Sort: platform.Content, Marks: true})
	}
	for _, s := range []platform.Sort{platform.Account, platform.Content} {
		for _, v := range []platform.Verb{platform.Limit, platform.Unlimit, platform.Label, platform.Unlabel} {
			p.can.Abilities = append(p.can.Abilities, platform.Ability{Verb: v, Sort: s, Marks: true})
		}
	}
	p.can.Abilities = append(p.can.Abilities, platform.Ability{Verb: platform.Warn, Sort: platform.Account})
	p.can.Labels = slices.Clone(Labels)
	return p
}

// Labels are the values of labels that the platform offers.
var Labels = []string{"graphic", "sensitive", "spam"}

// Plain takes all layers but the visibility, and warnings, from what the platform offers.
func (p *Platform) Plain() {
	p.Alter(func(c *platform.Capabilities) {
		c.Labels = nil
		c.Abilities = slices.DeleteFunc(c.Abilities, func(a platform.Ability) bool {
			return a.Verb == platform.Warn || !a.Verb.Fits(platform.VisibilityLayer)
		})
	})
}

// Account makes an account that is up, such as "acct/17" with the handle "@17".
func (p *Platform) Account(id string, followers int64, office string) platform.Subject {
	s := platform.Subject{Platform: p.name, ID: id, Handle: "@" + id[strings.IndexByte(id, '/')+1:]}
	p.set(func() {
		p.handles[id] = s.Handle
		p.states[id] = platform.State{Status: platform.Up, Rev: "1", Facts: map[platform.Fact]any{
			platform.FactFollowers: followers, platform.FactVerified: false, platform.FactOffice: office}}
	})
	return s
}

// Post makes a post of an account.
func (p *Platform) Post(id, owner string) platform.Subject {
	p.set(func() {
		p.states[id] = platform.State{Status: platform.Up, Rev: "1", Facts: map[platform.Fact]any{platform.FactOwner: owner}}
	})
	return platform.Subject{Platform: p.name, ID: id}
}

// Fail has the next calls of Apply go wrong, one after another.
func (p *Platform) Fail(f ...Failure) { p.set(func() { p.fail = append(p.fail, f...) }) }

// Away makes the platform unreachable, and its open streams end.
func (p *Platform) Away(away bool) {
	p.set(func() {
		p.away = away
		p.watched.wake()
	})
}

// Silent makes reads of one subject go unanswered.
func (p *Platform) Silent(id string, silent bool) { p.set(func() { p.silent[id] = silent }) }

// Bare hides the layers of a subject but its visibility, as a platform may do while the
// subject is deactivated.
func (p *Platform) Bare(id string, bare bool) { p.set(func() { p.bare[id] = bare }) }

// Bared returns how many reads of bare subjects there were.
func (p *Platform) Bared() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bared
}

// Gone has a subject deleted, or brings it back as it was.
func (p *Platform) Gone(id string, gone bool) {
	p.set(func() {
		p.absent[id] = gone
		st := p.states[id]
		if gone {
			st.Status = platform.Deleted
		}
		p.announce(platform.Happening{Subject: platform.Subject{Platform: p.name, ID: id, Handle: p.handles[id]}, Status: st.Status})
	})
}

func (p *Platform) shown(id string, st platform.State) platform.State {
	if p.bare[id] {
		st.Layers = nil
	}
	return st
}

// Refuse has the platform refuse every command, as one does whose credential lost its scope.
func (p *Platform) Refuse(refuses bool) { p.set(func() { p.refuses = refuses }) }

// Unanswered returns how many reads of silent subjects there were.
func (p *Platform) Unanswered() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.vain
}

// Mute has the platform answer that it does not know of any command.
func (p *Platform) Mute(mute bool) { p.set(func() { p.mute = mute }) }

// Set puts a state and mark in place, as somebody else's act would.
func (p *Platform) Set(id string, status platform.Status, mark platform.Mark) {
	p.SetBy("", id, status, mark)
}

// SetBy is Set with the credential that the event stream names.
func (p *Platform) SetBy(by, id string, status platform.Status, mark platform.Mark) {
	p.SetLayer(by, id, platform.VisibilityLayer, platform.Expect{Status: status, Mark: mark})
}

// SetLayer is SetBy in a layer.
func (p *Platform) SetLayer(by, id string, l platform.Layer, e platform.Expect) {
	p.set(func() { p.change(by, id, l, e) })
}

// Beneath switches an account off that is down: it shows once that is lifted.
func (p *Platform) Beneath(id string) { p.set(func() { p.beneath[id] = true }) }

// Rename gives an account another handle.
func (p *Platform) Rename(id, handle string) { p.set(func() { p.handles[id] = handle }) }

// Learn changes a fact; nil takes it away.
func (p *Platform) Learn(id string, f platform.Fact, v any) {
	p.set(func() {
		s := p.states[id]
		s.Facts = maps.Clone(s.Facts)
		s.Unread = slices.DeleteFunc(slices.Clone(s.Unread), func(u platform.Fact) bool { return u == f })
		if s.Facts[f] = v; v == nil {
			delete(s.Facts, f)
			s.Unread = append(s.Unread, f)
		}
		p.states[id] = s
	})
}

// Alter changes what the platform promises.
func (p *Platform) Alter(f func(*platform.Capabilities)) { p.set(func() { f(&p.can) }) }

// Before has f called in every Apply that arrives, before anything is done.
func (p *Platform) Before(f func(platform.Command)) { p.set(func() { p.before = f }) }

// Deliver carries out the late calls.
func (p *Platform) Deliver() {
	p.set(func() {
		for _, l := range p.late {
			p.apply(l.key, l.command)
		}
		p.late = nil
	})
}

// State returns a subject's state.
func (p *Platform) State(id string) platform.State {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.states[id]
}

// Effects returns every change that commands made, in their order.
func (p *Platform) Effects() []Effect {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Effect(nil), p.effects...)
}

func (p *Platform) set(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

func (p *Platform) change(by, id string, l platform.Layer, e platform.Expect) {
	s := p.states[id]
	rev, _ := strconv.Atoi(s.Revision(l))
	p.states[id] = s.With(l, e, strconv.Itoa(rev+1))
	p.announce(platform.Happening{Subject: platform.Subject{Platform: p.name, ID: id, Handle: p.handles[id]}, Layer: l, Status: e.Status, Mark: e.Mark, Marked: true, By: by, At: canonical.At(p.now())})
}

// Capabilities implements platform.Connector.
func (p *Platform) Capabilities() platform.Capabilities {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.can
}

// Sort implements platform.Connector.
func (p *Platform) Sort(id string) (platform.Sort, error) {
	switch {
	case strings.HasPrefix(id, "acct/"):
		return platform.Account, nil
	case strings.HasPrefix(id, "post/"):
		return platform.Content, nil
	}
	return "", fault.New(fault.Invalid, "bad-subject", "%q is no subject of %s.", id, p.name)
}

// Resolve implements platform.Connector.
func (p *Platform) Resolve(_ context.Context, s platform.Subject) (platform.Subject, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.away {
		return s, p.lost()
	}
	if s.ID == "" {
		for id, h := range p.handles {
			if h == s.Handle {
				s.ID = id
			}
		}
	}
	if _, ok := p.states[s.ID]; !ok || p.absent[s.ID] {
		return s, p.missing()
	}
	s.Handle = p.handles[s.ID]
	return s, nil
}

func (p *Platform) lost() error {
	return fault.New(fault.Unavailable, "platform-away", "%s does not answer.", p.name)
}

func (p *Platform) missing() error {
	return fault.New(fault.NotFound, "no-such-subject", "There is no such subject on %s.", p.name)
}

// Read implements platform.Connector.
func (p *Platform) Read(_ context.Context, s platform.Subject) (platform.State, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.silent[s.ID] {
		p.vain++
	}
	if p.away || p.silent[s.ID] {
		return platform.State{}, p.lost()
	}
	st, ok := p.states[s.ID]
	if !ok || p.absent[s.ID] {
		return platform.State{}, p.missing()
	}
	if p.bare[s.ID] {
		p.bared++
	}
	st.Seen = canonical.At(p.now())
	return p.shown(s.ID, st), nil
}

// Look implements platform.Connector.
func (p *Platform) Look(ctx context.Context, s platform.Subject) (platform.Subject, platform.State, error) {
	named, err := p.Resolve(ctx, s)
	if err != nil {
		return named, platform.State{}, err
	}
	st, err := p.Read(ctx, s)
	return named, st, err
}

// Apply implements platform.Connector.
func (p *Platform) Apply(_ context.Context, key string, c platform.Command) (platform.Receipt, error) {
	p.mu.Lock()
	before := p.before
	p.mu.Unlock()
	if before != nil {
		before(c)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.away {
		return platform.Receipt{}, p.lost()
	}
	if p.refuses {
		return platform.Receipt{}, fault.New(fault.Forbidden, "wrong-scope", "%s does not let this credential do that.", p.name)
	}
	failure := NoFailure
	if len(p.fail) > 0 {
		failure, p.fail = p.fail[0], p.fail[1:]
	}
	switch failure {
	case LostBefore, Unreachable:
		return platform.Receipt{}, p.lost()
	case Late:
		p.late = append(p.late, late{key, c})
		return platform.Receipt{}, p.lost()
	case Overtaken:
		before := p.states[c.Subject.ID]
		if _, err := p.apply(key, c); err != nil {
			return platform.Receipt{}, err
		}
		p.change("night-shift", c.Subject.ID, c.Layer, before.At(c.Layer))
		return platform.Receipt{}, fault.New(fault.Unavailable, "not-in-place", "%s took the command, yet %s is %s.", p.name, c.Subject, before.At(c.Layer).Status)
	case LostAfter:
		_, _ = p.apply(key, c)
		return platform.Receipt{}, p.lost()
	}
	return p.apply(key, c)
}

func (p *Platform) apply(key string, c platform.Command) (platform.Receipt, error) {
	if p.fenced[key] {
		return platform.Receipt{}, fault.New(fault.Conflict, "key-fenced", "This key was asked about before its command arrived.")
	}
	if r, ok := p.done[key]; ok {
		return r, nil
	}
	now, ok := p.states[c.Subject.ID]
	if !ok || p.absent[c.Subject.ID] {
		return platform.Receipt{}, p.missing()
	}
	if sort, _ := p.Sort(c.Subject.ID); !p.offers(c.Verb, sort) {
		return platform.Receipt{}, fault.New(fault.Unsupported, "not-offered", "%s does not offer %s.", p.name, c.Verb)
	}
	if !c.Verb.Relieves() && c.Subject.Handle != p.handles[c.Subject.ID] {
		return platform.Receipt{}, fault.New(fault.Conflict, "handle-moved", "The subject has another handle.")
	}
	if c.Verb == platform.Warn {
		return p.warn(key, c, now), nil
	}
	if now.At(c.Layer) != c.Expect {
		return platform.Receipt{}, &platform.WrongState{Layer: c.Layer, Want: c.Expect, Now: now}
	}
	after := c.After()
	switch {
	case c.Verb == platform.Takedown && now.Status == platform.Deactivated:
		p.beneath[c.Subject.ID] = true
	case c.Verb == platform.Restore && p.beneath[c.Subject.ID]:
		after = platform.Expect{Status: platform.Deactivated}
		delete(p.beneath, c.Subject.ID)
	}
	p.change(Executor, c.Subject.ID, c.Layer, after)
	r := platform.Receipt{Before: now, After: p.states[c.Subject.ID]}
	p.done[key] = r
	p.effects = append(p.effects, Effect{key, c})
	return r, nil
}

func (p *Platform) offers(v platform.Verb, s platform.Sort) bool {
	_, ok := p.can.Can(v, s)
	return ok
}

// warn sends a warning, which changes nothing.
func (p *Platform) warn(key string, c platform.Command, now platform.State) platform.Receipt {
	p.watched.notices = append(p.watched.notices, Notice{Key: key, Subject: c.Subject, Title: "warning", Text: c.Told.Text})
	r := platform.Receipt{Before: now, After: now}
	p.done[key] = r
	p.effects = append(p.effects, Effect{key, c})
	return r
}

// Lookup implements platform.Connector.
func (p *Platform) Lookup(_ context.Context, key string, _ platform.Command) (platform.Outcome, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.away {
		return platform.Outcome{}, p.lost()
	}
	if p.mute {
		return platform.Outcome{}, nil
	}
	if r, ok := p.done[key]; ok {
		return platform.Outcome{Known: true, Done: true, Receipt: r}, nil
	}
	p.fenced[key] = true
	return platform.Outcome{Known: true}, nil
}
