// Package platformtest is the conformance suite of platforms: a list of named promises,
// each kept or broken with a reason. Run tests them on a connector and, for servers that
// speak the platform protocol (doc/platform-protocol.md), on the server directly.
//
// It is part of the product (countersign platform check), so it does not import testing.
// It needs a scratch account on the platform, which it takes down and brings back many
// times. It trusts no answer: it always reads the result of a call back. It deletes
// nothing, touches no other subject, and leaves the scratch account up.
package platformtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"countersign.dev/fault"
	"countersign.dev/id"
	"countersign.dev/platform"
)

// Target is the platform under test.
type Target struct {
	Connector platform.Connector
	Account   platform.Subject // scratch account: up and without a mark; an identifier or a handle
	Content   platform.Subject // scratch content; the zero value leaves out the promises that need it
	Missing   platform.Subject // an account's identifier that names nothing
	Wire      *Wire            // the server itself, if it speaks the platform protocol
	// Around makes changes that the connector cannot make, such as the owner's own, and
	// returns their subject, which is not a scratch one. A lock of one account is set and
	// removed several times, also where that changes nothing, and that account is taken down
	// and brought back too.
	Around map[platform.Change]func(context.Context) (platform.Subject, error)
	// Told returns the texts of the messages that the holder of the scratch account has got.
	// Nil: warnings are sent, and nobody looks whether they arrive.
	Told func(context.Context) ([]string, error)
	// Spare makes another credential, which is then cut off. It returns the stream's name
	// for it, and a function that reports whether it still opens anything. Nil: this is not
	// tested.
	Spare  func(context.Context) (name string, opens func(context.Context) bool, err error)
	Source id.Source // makes keys and marks; the zero value works
	// Patience is the longest wait for something that must come, such as an event; 0 means
	// 10 seconds.
	Patience time.Duration
}

// MissingAccount is an identifier that no server of the platform protocol has ever given
// out.
const MissingAccount = "acct/9007199254740991"

// Wire is a server that speaks the platform protocol.
type Wire struct {
	URL    string
	Token  string // of the same holder as the connector's
	Client *http.Client
}

// Outcome is the result of testing a promise.
type Outcome string

// The outcomes.
const (
	Kept    Outcome = "kept"
	Broken  Outcome = "broken"
	Skipped Outcome = "skipped" // not promised by this platform
)

// Result is the outcome for one promise.
type Result struct {
	Promise string // stable name
	Text    string // the promise in words
	Outcome Outcome
	Reason  string // why it is broken or was skipped
	Took    time.Duration
}

// Report holds the outcomes of all promises.
type Report struct{ Results []Result }

// OK reports whether no promise is broken and at least one was kept.
func (r Report) OK() bool {
	kept, broken, _ := r.Count()
	return broken == 0 && kept > 0
}

// Count counts the outcomes.
func (r Report) Count() (kept, broken, skipped int) {
	for _, res := range r.Results {
		switch res.Outcome {
		case Kept:
			kept++
		case Broken:
			broken++
		default:
			skipped++
		}
	}
	return kept, broken, skipped
}

// Broken lists the names of the broken promises.
func (r Report) Broken() []string {
	var names []string
	for _, res := range r.Results {
		if res.Outcome == Broken {
			names = append(names, res.Promise)
		}
	}
	return names
}

// String is the report as text, a line for each promise.
func (r Report) String() string {
	var b strings.Builder
	for _, res := range r.Results {
		fmt.Fprintf(&b, "%-7s  %-30s  %s", res.Outcome, res.Promise, res.Text)
		if res.Reason != "" {
			fmt.Fprintf(&b, "\n%41s→ %s", "", res.Reason)
		}
		b.WriteByte('\n')
	}
	kept, broken, skipped := r.Count()
	fmt.Fprintf(&b, "%d kept, %d broken, %d skipped\n", kept, broken, skipped)
	return b.String()
}

// promise is one promise to be tested.
type promise struct {
	name, text string
	// needs says why the promise is not tested on this target; "" if it is. Nil: always.
	needs func(*run) string
	check func(context.Context, *run) error
}

// Promises lists name and text of every promise, in the order of testing.
func Promises() []Result {
	var all []Result
	for _, p := range allPromises() {
		all = append(all, Result{Promise: p.name, Text: p.text})
	}
	return all
}

func allPromises() []promise {
	return slices.Concat(connectorPromises(), layerPromises(), wirePromises(), watchPromises())
}

// run is one run of the suite.
type run struct {
	Target
	can    platform.Capabilities
	offers []string // optional routes that the server itself announces
}

// Run tests every promise of the target. It goes on after a broken one as long as the
// scratch account can be brought back to its first state.
func Run(ctx context.Context, t Target) Report {
	if t.Patience == 0 {
		t.Patience = 10 * time.Second
	}
	r := &run{Target: t, can: t.Connector.Capabilities()}
	var report Report
	r.readOffers(ctx)
	lost := r.begin(ctx)
	for _, p := range allPromises() {
		res := Result{Promise: p.name, Text: p.text}
		if p.needs != nil {
			res.Reason = p.needs(r)
		}
		began := time.Now()
		switch {
		case res.Reason != "":
			res.Outcome = Skipped
		case lost != nil:
			res.Outcome, res.Reason = Broken, "not asked: "+lost.Error()
		default:
			res.Outcome = Kept
			if err := p.check(ctx, r); err != nil {
				res.Outcome, res.Reason = Broken, err.Error()
			}
			if err := r.home(ctx); err != nil {
				lost = fmt.Errorf("after %s the scratch subject could not be brought back: %w", p.name, err)
				if res.Outcome == Kept {
					res.Outcome, res.Reason = Broken, lost.Error()
				}
			}
		}
		res.Took = time.Since(began)
		report.Results = append(report.Results, res)
	}
	return report
}

// begin completes the subjects, and refuses to work on a subject under somebody else's
// measure.
func (r *run) begin(ctx context.Context) error {
	var err error
	if r.Account, err = r.Connector.Resolve(ctx, r.Account); err != nil {
		return fmt.Errorf("the scratch account cannot be resolved: %w", err)
	}
	if r.Content.ID != "" {
		if r.Content, err = r.Connector.Resolve(ctx, r.Content); err != nil {
			return fmt.Errorf("the scratch content cannot be resolved: %w", err)
		}
	}
	for _, s := range r.subjects() {
		now, err := r.Connector.Read(ctx, s)
		if err != nil {
			return fmt.Errorf("%s cannot be read: %w", s, err)
		}
		if !now.Is(platform.Up, "") {
			return fmt.Errorf("%s is %s; the suite needs a subject that is up", s, platform.Describe(now.Status, now.Mark))
		}
		for l := range now.Layers {
			return fmt.Errorf("%s is %s; the suite needs a subject on which nothing stands", s, platform.DescribeIn(l, now.At(l)))
		}
	}
	return nil
}

func (r *run) subjects() []platform.Subject {
	if r.Content.ID == "" {
		return []platform.Subject{r.Account}
	}
	return []platform.Subject{r.Account, r.Content}
}

// markPrefix begins every mark that the suite leaves, so that it lifts no
// measure but its own.
const markPrefix = "CSGN-check_"

// home brings the scratch subjects back up, and takes away what else stands on them.
func (r *run) home(ctx context.Context) error {
	for _, s := range r.subjects() {
		now, err := r.Connector.Read(ctx, s)
		if err != nil {
			return err
		}
		sort, err := r.Connector.Sort(s.ID)
		if err != nil {
			return err
		}
		standing := slices.Sorted(maps.Keys(now.Layers))
		if !now.Is(platform.Up, "") {
			standing = append([]platform.Layer{platform.VisibilityLayer}, standing...)
		}
		for _, l := range standing {
			if err := r.clear(ctx, s, sort, l, now.At(l)); err != nil {
				return err
			}
		}
	}
	return nil
}

// clear takes away what this suite has left in a layer of a subject.
func (r *run) clear(ctx context.Context, s platform.Subject, sort platform.Sort, l platform.Layer, now platform.Expect) error {
	done := put(s, l, "")
	undo := lift(s, l, now.Mark)
	if undo.Expect = now; now.Status == platform.Deactivated {
		done.Verb, undo.Verb = platform.Deactivate, platform.Reactivate
	}
	if ability, _ := r.can.Can(done.Verb, sort); (ability.Marks || l != platform.VisibilityLayer) && !strings.HasPrefix(string(now.Mark), markPrefix) {
		return fmt.Errorf("%s is %s, which this suite did not do", s, platform.DescribeIn(l, now))
	}
	if _, err := r.Connector.Apply(ctx, r.key(), undo); err != nil {
		return err
	}
	_, err := r.expectLayer(ctx, s, l, platform.Expect{Status: l.Clear()})
	return err
}

func (r *run) key() string         { return r.Source.New("check") }
func (r *run) mark() platform.Mark { return platform.MarkOf(r.Source.New("check")) }

// down is the command that takes a subject down under a mark.
func down(s platform.Subject, m platform.Mark) platform.Command {
	return put(s, platform.VisibilityLayer, m)
}

// up is the command that restores a subject that is down under a mark.
func up(s platform.Subject, m platform.Mark) platform.Command {
	return lift(s, platform.VisibilityLayer, m)
}

// put is the command that puts a measure on a layer that bears none.
func put(s platform.Subject, l platform.Layer, m platform.Mark) platform.Command {
	c := platform.Command{Verb: platform.Takedown, Layer: l, Subject: s, Expect: platform.Expect{Status: l.Clear()}, Mark: m}
	if l == platform.LimitLayer {
		c.Verb = platform.Limit
	} else if l != platform.VisibilityLayer {
		c.Verb = platform.Label
	}
	return c
}

// lift is the command that takes the measure under a mark away from a layer.
func lift(s platform.Subject, l platform.Layer, m platform.Mark) platform.Command {
	c := platform.Command{Verb: platform.Restore, Layer: l, Subject: s, Expect: platform.Expect{Status: l.Bears(), Mark: m}}
	if l == platform.LimitLayer {
		c.Verb = platform.Unlimit
	} else if l != platform.VisibilityLayer {
		c.Verb = platform.Unlabel
	}
	return c
}

// expectState reads the subject and compares its visibility.
func (r *run) expectState(ctx context.Context, s platform.Subject, status platform.Status, m platform.Mark) (platform.State, error) {
	return r.expectLayer(ctx, s, platform.VisibilityLayer, platform.Expect{Status: status, Mark: m})
}

// expectLayer reads the subject and compares one layer.
func (r *run) expectLayer(ctx context.Context, s platform.Subject, l platform.Layer, want platform.Expect) (platform.State, error) {
	now, err := r.Connector.Read(ctx, s)
	if err != nil {
		return now, fmt.Errorf("reading %s: %w", s, err)
	}
	if now.At(l) != want {
		return now, fmt.Errorf("%s is %s, not %s", s, platform.DescribeIn(l, now.At(l)), platform.DescribeIn(l, want))
	}
	return now, nil
}

// apply carries a command out and demands that it succeeds.
func (r *run) apply(ctx context.Context, key string, c platform.Command) (platform.Receipt, error) {
	receipt, err := r.Connector.Apply(ctx, key, c)
	if err != nil {
		return receipt, fmt.Errorf("%s of %s: %w", c.Verb, c.Subject, err)
	}
	return receipt, nil
}

// refused demands that a command is refused for good: with a fault that does
// not leave open whether it took effect.
func (r *run) refused(ctx context.Context, key string, c platform.Command) error {
	_, err := r.Connector.Apply(ctx, key, c)
	var wrong *platform.WrongState
	switch {
	case err == nil:
		return fmt.Errorf("%s of %s was carried out", c.Verb, c.Subject)
	case errors.As(err, &wrong):
		return nil
	case fault.As(err) == nil, fault.KindOf(err) == fault.Unavailable, fault.KindOf(err) == fault.Internal:
		return fmt.Errorf("the refusal leaves open whether it took effect: %w", err)
	}
	return nil
}

// wrongState demands that a command is refused because of the present state, which is
// told, and changes nothing of its layer.
func (r *run) wrongState(ctx context.Context, c platform.Command, status platform.Status, m platform.Mark) error {
	want := platform.Expect{Status: status, Mark: m}
	_, err := r.Connector.Apply(ctx, r.key(), c)
	var wrong *platform.WrongState
	if err == nil {
		return fmt.Errorf("%s of %s was carried out although it expected %s", c.Verb, c.Subject, platform.DescribeIn(c.Layer, c.Expect))
	}
	if !errors.As(err, &wrong) {
		return fmt.Errorf("the refusal does not say that the state is another one: %w", err)
	}
	if wrong.Layer != c.Layer {
		return fmt.Errorf("the refusal is about %s, the command about %s", wrong.Layer.Noun(), c.Layer.Noun())
	}
	if now := wrong.Now.At(c.Layer); now != want {
		return fmt.Errorf("the refusal says that the subject is %s, but it is %s", platform.DescribeIn(c.Layer, now), platform.DescribeIn(c.Layer, want))
	}
	_, err = r.expectLayer(ctx, c.Subject, c.Layer, want)
	return err
}

func noSuchSubject(err error) error {
	if err == nil {
		return errors.New("it was answered as if it were there")
	}
	if !fault.Is(err, "no-such-subject") {
		return fmt.Errorf("the refusal is not no-such-subject: %w", err)
	}
	return nil
}
