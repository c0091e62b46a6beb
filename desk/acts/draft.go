package acts

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/platform"
	"countersign.dev/policy"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// Draft turns a wish into an action, with the statement that the caller may sign. It reads
// the subject as it is now and its tier, and adds the policy's answer. It stores nothing.
func (d *Room) Draft(ctx context.Context, by kernel.Caller, w Wish) (Draft, error) {
	s, err := d.desk.State(ctx)
	if err != nil {
		return Draft{}, err
	}
	if err := decidedElsewhere(s, w.Kind, w.Case); err != nil {
		return Draft{}, err
	}
	out, err := d.draftWish(ctx, s, by, w)
	if err == nil {
		err = d.decide(ctx, s, &out, w.Reason)
	}
	return out, err
}

// draftWish is Draft without the decision that an action with a case comes with.
func (d *Room) draftWish(ctx context.Context, s *proof.State, by kernel.Caller, w Wish) (Draft, error) {
	spec, ok := actions.SpecOf(w.Kind)
	if !ok {
		return Draft{}, fault.New(fault.Invalid, "unknown-kind", "There is no kind of action %q.", w.Kind)
	}
	a := actions.Action{V: actions.ActionVersion(s.Formats), Kind: w.Kind, Direction: spec.Direction, Effect: spec.Effect,
		Inverse: actions.Inverse{Kind: spec.Inverse, Direction: spec.InverseDirection},
		Change:  canonical.Raw("{}"), Until: w.Until, Category: w.Category, Case: w.Case, Rule: w.Rule, Reason: w.Reason, Nonce: d.desk.Random(16)}
	request := d.desk.IDs.New(proof.RequestPrefix)
	var lifts actions.Lifts
	var err error
	if spec.Desk {
		if w.Change == nil {
			return Draft{}, fault.New(fault.Invalid, "bad-action", "An action of kind %s must say what it changes.", w.Kind)
		}
		a.Subject = platform.Subject{Platform: actions.DeskPlatform, ID: w.Change.Part()}
		a.Tier, a.Effect, a.Direction, a.Inverse = actions.Critical, actions.Reversible, w.Change.Direction(), actions.Inverse{}
		if w.Change, err = d.resolve(ctx, s, w.Change); err != nil {
			return Draft{}, err
		}
		a.Change = canonical.MustMarshal(w.Change)
	} else {
		reading, err := d.desk.Read(ctx, s, w.Subject)
		if err != nil {
			return Draft{}, err
		}
		if err := d.describe(ctx, &a, spec, reading, w, request); err != nil {
			return Draft{}, err
		}
		if err := labels(s, a, reading); err != nil {
			return Draft{}, err
		}
		if lifts, _, err = d.lifts(ctx, s, a, by.Worker); err != nil {
			return Draft{}, err
		}
	}
	out, err := d.draft(s, by, a, request, signingKey{w.Key, w.Session}, lifts)
	if err == nil && lifts == actions.LiftsOlder && out.Verdict == policy.Held {
		out.Reasons = append(out.Reasons, d.undoneAlone(ctx, by, a, w)...)
	}
	if err == nil && w.Case == "" && out.Verdict == policy.Forbidden && s.Casework() && decides(spec) {
		out.Reasons = append(out.Reasons, proof.Reason{Policy: caseDecides, Text: throughCase})
	}
	if err == nil && spec.Desk {
		out.Coverage, err = d.inquiry.CoverageChange(s, by, w.Change, w.Records)
	}
	return out, err
}

// undoneAlone says so if the caller needs nobody else to lift what an action lifts, by an
// undo of the request that left it. A lift that is not an undo counts as one of an older
// measure, and others countersign it. A mark that no undo fits gives no word.
func (d *Room) undoneAlone(ctx context.Context, by kernel.Caller, a actions.Action, w Wish) []proof.Reason {
	of := a.Command.Expect.Mark.Request()
	undo, err := d.DraftUndo(ctx, by, of, UndoWish{Reason: w.Reason, Key: w.Key, Session: w.Session})
	c := undo.Action.Command
	if err != nil || undo.Verdict != policy.Permitted || c.Subject.ID != a.Subject.ID || c.Subject.Platform != a.Subject.Platform || c.Layer != a.Command.Layer {
		return nil
	}
	return []proof.Reason{{Policy: "undo", Text: fmt.Sprintf("The request %s left this measure, and you can lift it alone, by undoing that request: countersign action undo %s --reason WHY", of, of)}}
}

// describe completes an action on a platform from a reading of its subject. It names the
// layer that the kind changes, and expects what was read there.
func (d *Room) describe(ctx context.Context, a *actions.Action, spec actions.Spec, r linkv1.Reading, w Wish, request string) error {
	if r.Sort != spec.Sort {
		return fault.New(fault.Invalid, "wrong-sort", "%s is %s; %s acts on %s.", r.Subject, r.Sort.Noun(), spec.Kind, spec.Sort.Noun())
	}
	layer, err := spec.Layer(w.Value)
	if err != nil {
		return err
	}
	now := r.State.At(layer)
	if layer != platform.VisibilityLayer || spec.Says() {
		if a.V == actions.ActionV1 {
			return fault.New(fault.Conflict, "formats-too-old", "This desk signs in the formats %d, which have no %s. Officers change that with `countersign formats adopt --reason WHY`.", actions.FirstFormats, spec.Kind)
		}
		if r.State.Status == platform.Deleted {
			return fault.New(fault.NotFound, "no-such-subject", "%s is deleted, so there is nothing that %s could act on.", r.Subject, spec.Kind)
		}
	}
	verb := spec.VerbFor(now.Status)
	able, ok := r.Capabilities.Can(verb, r.Sort)
	if !ok {
		return notOffered(spec, r)
	}
	a.Subject, a.Tier = r.Subject, r.Tier
	if able.Lossy != "" && spec.Effect == actions.Reversible {
		a.Effect, a.Lossy = actions.Lossy, able.Lossy
	}
	a.Command = platform.Command{Verb: verb, Layer: layer, Subject: r.Subject}
	if spec.Says() {
		return nil
	}
	a.Command.Expect = now
	if spec.Direction == actions.Burdening && verb != platform.Delete {
		a.Command.Mark = platform.MarkOf(request)
	}
	return d.changes(ctx, *a, spec, r)
}

// changes refuses an action that would change nothing, since the layer of its subject is
// already as the action would leave it.
func (d *Room) changes(ctx context.Context, a actions.Action, spec actions.Spec, r linkv1.Reading) error {
	c := a.Command
	clear := c.Expect.Status == c.Layer.Clear()
	// A takedown covers an account that its owner has deactivated; lifting it shows the
	// account as deactivated again.
	hides := c.Verb == platform.Takedown && r.Sort == platform.Account && c.Expect == platform.Expect{Status: platform.Deactivated}
	if (spec.Direction == actions.Burdening) == clear || spec.Kind == actions.AccountDelete || hides {
		return nil
	}
	if confirms, err := d.confirms(ctx, a); err != nil || confirms {
		return err
	}
	what := string(spec.Kind)
	if spec.Emergency {
		what = "an emergency act"
	} else if err := d.shorter(ctx, a, r); err != nil {
		return err
	}
	already := " already"
	if clear && c.Layer != platform.VisibilityLayer {
		already = "" // "not labelled": perhaps it never was
	}
	return fault.New(fault.Conflict, "wrong-state", "%s is %s%s, so %s would change nothing.", r.Subject, platform.DescribeIn(c.Layer, c.Expect), already, what)
}

// shorter refuses an act with an end, or with a category, that cannot take the place of a
// measure of ours in its layer, and says what can be done instead. It returns nil for every
// other act.
func (d *Room) shorter(ctx context.Context, a actions.Action, r linkv1.Reading) error {
	name := a.Command.Confirms()
	if !a.Kind.Replaces() || name == "" {
		return nil
	}
	older, err := d.desk.Load(ctx, name)
	switch on := older.Action.Subject; {
	case fault.Is(err, "no-such-request"):
		return nil
	case err != nil:
		return err
	case on.Platform != r.Subject.Platform || on.ID != r.Subject.ID || older.Action.Command.Layer != a.Command.Layer ||
		older.Status != actions.StatusExecuted && older.Status != actions.StatusUnknown:
		return nil // its mark was copied, or nobody knows what it stands for
	}
	is := fmt.Sprintf("%s is %s, until %s by the measure of %s.", r.Subject, platform.Describe(a.Command.Expect.Status, ""), older.Action.Until, name)
	if older.Action.Until.IsZero() {
		is = fmt.Sprintf("%s is %s, without an end, by the measure of %s.", r.Subject, platform.Describe(a.Command.Expect.Status, ""), name)
	}
	again := fmt.Sprintf("countersign action undo %s --reason WHY, and then ask for %s again.", name, a.Kind)
	later := a.Until.IsZero() || a.Until.After(older.Action.Until.Time)
	switch {
	case !older.Action.Until.IsZero() && later && a.Category != older.Action.Category && older.Action.Category != actions.CategoryRules:
		return fault.New(fault.Conflict, "wrong-state", "%s It has the category %s, which a measure in its place keeps: --category %[2]s", is, older.Action.Category)
	case !a.Until.IsZero() && (older.Action.Until.IsZero() || !later):
		return fault.New(fault.Conflict, "wrong-state", "%s Such a measure can only be lengthened. To shorten it: %s", is, again)
	}
	return nil
}

// notOffered refuses an act that a platform cannot carry out, and names those that it can.
func notOffered(spec actions.Spec, r linkv1.Reading) error {
	no := fault.New(fault.Unsupported, "not-offered", "The platform %s does not offer %s.", r.Subject.Platform, spec.Kind)
	verbs := r.Capabilities.Instead(r.Sort)
	var instead []string
	for _, other := range actions.Catalogue() {
		if !other.Desk && !other.Emergency && other.Effect != actions.OneWay && other.Sort == r.Sort && other.Direction == spec.Direction &&
			slices.ContainsFunc(other.Verbs, func(v platform.Verb) bool { return slices.Contains(verbs, v) }) {
			instead = append(instead, string(other.Kind))
		}
	}
	if len(instead) > 0 {
		no.Text += fmt.Sprintf(" What it offers on %s: %s.", r.Sort.Noun(), strings.Join(instead, ", "))
	}
	return no
}

// labels refuses a label that the desk does not list, that the platform does not offer, or
// that is one too many. The executor makes the same checks.
func labels(s *proof.State, a actions.Action, r linkv1.Reading) error {
	value, _ := a.Command.Layer.Label()
	if a.Command.Verb != platform.Label {
		return nil
	}
	// A label that the platform does not offer cannot be listed either.
	if !slices.Contains(r.Capabilities.Labels, value) {
		return fault.New(fault.Unsupported, "not-offered", "The platform %s does not offer the label %q; it offers %s.", r.Subject.Platform, value, cmp.Or(strings.Join(r.Capabilities.Labels, ", "), "none"))
	}
	if err := s.MayLabel(a); err != nil {
		return err
	}
	n := 0
	for l := range r.State.Layers {
		if _, label := l.Label(); label {
			n++
		}
	}
	if n >= platform.MostLabels {
		return fault.New(fault.Conflict, "too-many-labels", "%s has %d labels already, and a subject has %d at most. Take one away first.", r.Subject, n, platform.MostLabels)
	}
	return nil
}

// confirms reports whether the layer of the subject bears a timed measure of ours, and the
// action would take the place of that measure.
func (d *Room) confirms(ctx context.Context, a actions.Action) (bool, error) {
	older := a.Command.Confirms()
	if !a.Kind.Replaces() || older == "" {
		return false, nil
	}
	return d.outlasts(ctx, a, a.Subject, older)
}

// DraftUndo turns a request that was executed into the action that lifts its measure. It
// does not read the subject: the undo expects the state that the request left. Whoever may lift
// another company's measure reads in the draft what they sign: the subject.
func (d *Room) DraftUndo(ctx context.Context, by kernel.Caller, request string, w UndoWish) (Draft, error) {
	s, err := d.desk.State(ctx)
	if err != nil {
		return Draft{}, err
	}
	r, err := d.desk.Load(ctx, request)
	if err != nil {
		return Draft{}, err
	}
	spec, _ := actions.SpecOf(r.Action.Kind)
	switch {
	case spec.Says():
		return Draft{}, fault.New(fault.Forbidden, "message-stays", "%s sends a message, and a message cannot be taken back.", spec.Kind)
	case r.Status != actions.StatusExecuted && r.Status != actions.StatusUnknown:
		return Draft{}, fault.New(fault.Conflict, "not-in-force", "The request is %s, so it has no measure to lift.", r.Status.Word())
	case spec.Desk || spec.InverseDirection != actions.Relieving:
		return Draft{}, fault.New(fault.Forbidden, "undo-burdens", "To take back %s is itself a burdening act: request %s instead.", spec.Kind, undoAs(spec))
	}
	if err := d.replaced(ctx, r); err != nil {
		return Draft{}, err
	}
	inverse, _ := actions.SpecOf(spec.Inverse)
	after := r.Action.Command.After()
	a := actions.Action{V: actions.ActionVersion(s.Formats), Kind: inverse.Kind, Subject: r.Action.Subject, Tier: r.Action.Tier,
		Direction: inverse.Direction, Effect: inverse.Effect, Inverse: actions.Inverse{Kind: inverse.Inverse, Direction: inverse.InverseDirection},
		Command: platform.Command{Verb: inverse.VerbFor(after.Status), Layer: r.Action.Command.Layer, Subject: r.Action.Subject, Expect: after},
		Change:  canonical.Raw("{}"), Reverses: r.ID, Reason: w.Reason, Nonce: d.desk.Random(16)}
	if a.V == actions.ActionV1 {
		a.Case = r.Action.Case // later an undo is no measure of a decision
	}
	m, err := d.measure(ctx, r)
	if err != nil {
		return Draft{}, err
	}
	lifts := actions.LiftsOf(a, m, by.Worker, d.desk.Now(), s.Trust.UndoWindow)
	out, err := d.draft(s, by, a, d.desk.IDs.New(proof.RequestPrefix), signingKey{w.Key, w.Session}, lifts)
	if err == nil && out.Verdict == policy.Forbidden {
		err = d.unread(ctx, s, by, r)
	}
	if older := r.Action.Command.Confirms(); err == nil && older != "" {
		out.Reasons = append(out.Reasons, proof.Reason{Policy: "replaced",
			Text: fmt.Sprintf("The measure took the place of the measure of %s. The undo does not put that one back: the subject will be as it was before both.", older)})
	}
	return out, err
}

// replaced refuses the undo of a measure that another request of ours has lifted, and of one
// whose place another measure of ours has taken, since the undo would meet the other one's mark. The refusal names the newest such
// request, whose undo lifts all of them.
func (d *Room) replaced(ctx context.Context, r store.Request) error {
	newest, lifted, err := d.newest(ctx, r.Request)
	switch {
	case err != nil:
		return err
	case lifted.ID != "":
		return fault.New(fault.Conflict, "not-in-force", "The request %s (%s) lifted the measure of this one. There is no measure left to lift.", lifted.ID, lifted.Action.Kind)
	case newest.ID == "":
		return nil
	case newest.Status != actions.StatusExecuted:
		return fault.New(fault.Conflict, "not-in-force", "The measure of the request %s took the place of this one, and was lifted. There is no measure left to lift.", newest.ID)
	}
	return fault.New(fault.Conflict, "replaced", "The measure of the request %s took the place of this one. Undo %s instead: that lifts both.", newest.ID, newest.ID)
}

// newest returns the newest request whose measure took the place of the measure of r, if
// there is one, and the request that lifted the measure of r, or the newest one in its
// place, without being an undo.
func (d *Room) newest(ctx context.Context, r actions.Request) (newest, lifted store.Request, err error) {
	var since followers
	err = d.desk.Store.Read(ctx, func(stx *store.Tx) (err error) {
		since, err = followersOf(stx, r.Action.Subject, r.ID)
		return err
	})
	newest, lifted = since.of(r)
	return newest, lifted, err
}

// place is what a measure of a request occupies: a layer, under the request's mark. A mark
// of the request in another layer is not its measure.
type place struct {
	layer   platform.Layer
	request string
}

// newestOf follows replacements from a request to the newest, in the request's layer; it
// returns the zero request if there is none.
func newestOf(by map[place]store.Request, r actions.Request) (newest store.Request) {
	l := r.Action.Command.Layer
	for next, more := by[place{l, r.ID}]; more; next, more = by[place{l, next.ID}] {
		newest = next
	}
	return newest
}

// followers are requests that ended the measures of others, by the places of these.
type followers struct {
	replaced map[place]store.Request // their measures took the place
	lifted   map[place]store.Request // they lifted the measure, and are no undos of its request
}

// of returns the newest request whose measure took the place of the measure of r, and the
// request that lifted the one of these that was the last; zero requests for none.
func (f followers) of(r actions.Request) (newest, lifted store.Request) {
	newest = newestOf(f.replaced, r)
	return newest, f.lifted[place{r.Action.Command.Layer, cmp.Or(newest.ID, r.ID)}]
}

// followersOf returns the requests on a subject, newer than a given one, that ended the
// measures of others. A request whose outcome is unknown ended nothing.
func followersOf(stx *store.Tx, on platform.Subject, after string) (followers, error) {
	out := followers{map[place]store.Request{}, map[place]store.Request{}}
	for before := ""; ; {
		// Whatever ended the measure of a request was drafted after it.
		rs, err := stx.Requests(store.RequestFilter{Platform: on.Platform, Subject: on.ID, Before: before, After: after, Limit: kernel.MaxPage})
		for _, newer := range rs {
			before = newer.ID
			c := newer.Action.Command
			switch newer.Status {
			case actions.StatusExecuted, actions.StatusReversed, actions.StatusLifted:
				out.replaced[place{c.Layer, c.Confirms()}] = newer
				if newer.Action.Direction == actions.Relieving && !newer.Action.Undo() {
					out.lifted[place{c.Layer, c.Expect.Mark.Request()}] = newer
				}
			}
		}
		if err != nil || len(rs) == 0 {
			return out, err
		}
	}
}

// replaceable reports whether the measure of a request could have been replaced by another.
func replaceable(r actions.Request) bool {
	spec, _ := actions.SpecOf(r.Action.Kind)
	return r.Status == actions.StatusExecuted && !spec.Desk && spec.InverseDirection == actions.Relieving
}

func undoAs(spec actions.Spec) string {
	if spec.Inverse != "" {
		return string(spec.Inverse)
	}
	return "the opposite change"
}

// measure is measureOf, together with the measures whose place the request's measure took.
func (d *Room) measure(ctx context.Context, r store.Request) (*actions.Measure, error) {
	m := measureOf(r)
	for request := r.Action.Command.Confirms(); m != nil && request != ""; {
		older, err := d.desk.Load(ctx, request)
		if err != nil {
			return nil, err
		}
		o := measureOf(older)
		if o == nil || o.Layer != m.Layer {
			return nil, nil
		}
		spec, _ := actions.SpecOf(older.Action.Kind)
		whole := m.With(*o, spec.Emergency)
		m, request = &whole, older.Action.Command.Confirms()
	}
	return m, nil
}

// measureOf returns the measure of an executed request as LiftsOf takes it; nil if the
// request was not executed, or left no measure since it only said something.
func measureOf(r store.Request) *actions.Measure {
	if r.Executed.IsZero() || r.Action.Command.Verb == platform.Warn {
		return nil
	}
	return &actions.Measure{Request: r.ID, Requester: r.Requester(), Subject: r.Action.Subject, Layer: r.Action.Command.Layer, Executed: r.Executed, Category: r.Action.Category}
}

// DraftVerdict returns the statement with which the caller countersigns or
// declines a request, or withdraws their own.
func (d *Room) DraftVerdict(ctx context.Context, by kernel.Caller, request string, v actions.Verdict, key workforce.KeyID) (Draft, error) {
	if v != actions.VerdictCountersign && v != actions.VerdictDecline && v != actions.VerdictWithdraw {
		return Draft{}, fault.New(fault.Invalid, "bad-verdict", "A verdict on a request is countersign, decline or withdraw, not %q.", v)
	}
	s, err := d.desk.State(ctx)
	if err != nil {
		return Draft{}, err
	}
	if v == actions.VerdictWithdraw && s.Formats > actions.FirstFormats {
		return Draft{}, fault.New(fault.Invalid, "bad-verdict", "A withdrawal is a deed, which the requester's own program writes and signs: %s.", actions.DeedWithdraw)
	}
	r, err := d.desk.Load(ctx, request)
	if err != nil {
		return Draft{}, err
	}
	if !r.Open() {
		return Draft{}, fault.New(fault.Conflict, "not-open", "The request is %s; it takes no more signatures.", r.Status.Word())
	}
	var asks proof.Ask
	if v != actions.VerdictWithdraw {
		if asks, err = d.asked(ctx, s, r); err != nil {
			return Draft{}, err
		}
		if err := standing(s, asks); err != nil {
			return Draft{}, err
		}
	}
	if key, err = d.pickKey(s, by, key); err != nil {
		return Draft{}, err
	}
	if v == actions.VerdictCountersign {
		// A request that cannot be judged is refused when the signature is handed in, with the reason.
		if j, err := s.Judge(asks); err == nil {
			if err := d.bound(s, by, r.Action, j.Need, key); err != nil {
				return Draft{}, err
			}
		}
	}
	st := r.Signed.Statement
	st.Verdict, st.Signer, st.Key, st.Nonce, st.NotBefore, st.Policy = v, by.Worker, key, d.desk.Random(32), d.desk.TimeNow(), s.Policy.Digest()
	st.Session = canonical.Digest{} // a session signs no verdict on a request
	// Somebody who may not read the request may not sign it either. Their signature is refused, with the
	// reason and on record, when it is handed in; the draft tells them nothing.
	whole, err := d.readsWhole(ctx, s, by, r)
	if err != nil {
		return Draft{}, err
	}
	if !whole {
		r.Request = outline(r.Request)
	}
	return Draft{Action: r.Action, Statement: st}, nil
}

// signingKey names the key that will sign a draft: the person's own and, if that is
// not zero, the session whose key signs in its place.
type signingKey struct {
	key     workforce.KeyID
	session canonical.Digest
}

func (d *Room) draft(s *proof.State, by kernel.Caller, a actions.Action, request string, with signingKey, lifts actions.Lifts) (Draft, error) {
	if err := a.Check(); err != nil {
		return Draft{}, err
	}
	if err := a.Legible(); err != nil {
		return Draft{}, err
	}
	if err := a.Reasoned(); err != nil {
		return Draft{}, err
	}
	if err := a.Lasts(d.desk.Now()); err != nil {
		return Draft{}, err
	}
	key, err := d.pickKey(s, by, with.key)
	if err != nil {
		return Draft{}, err
	}
	now := d.desk.TimeNow()
	standing := s.People.Standing(by.Worker, now.Time)
	facts := proof.FactsOf(a, standing, a.Tier, lifts)
	begun := actions.Statement{Signer: by.Worker, Request: request}
	ruling := s.RuleOn(a, facts, begun)
	law, err := s.ByLaw(a, facts, begun, now.Time)
	if err != nil {
		return Draft{}, err
	}
	if law != nil && ruling.Verdict != policy.Forbidden {
		ruling.Verdict, ruling.Need = policy.Held, law.Need
		ruling.Reasons = append(slices.Clip(ruling.Reasons), law.Reason)
	}
	out := Draft{Action: a, Statement: actions.Statement{V: actions.StatementVersion(s.Formats), Log: s.LogName(), Request: request, Action: a.Digest(),
		Verdict: proof.VerdictOf(a), Policy: s.Policy.Digest(), Signer: by.Worker, Key: key, Executor: s.ExecutorOf(a), Nonce: d.desk.Random(32),
		NotBefore: now, Expires: canonical.At(now.Add(proof.Validity(a) + time.Duration(ruling.Need.Wait)*time.Second))}}
	if out.Statement.V != actions.StatementV1 {
		out.Statement.Log, out.Statement.Founding, out.Statement.Session = s.Origin, s.Root, with.session
	}
	if err := s.Moot(a, out.Statement, now.Time); err != nil {
		return Draft{}, err
	}
	out.Verdict, out.Need = ruling.Verdict, ruling.Need
	for _, r := range ruling.Reasons {
		out.Reasons = append(out.Reasons, proof.Reason{Policy: r.Policy, Text: r.Text})
	}
	if s.Observes(a.Subject.Platform, a.Tier) {
		out.Reasons = append(out.Reasons, proof.Reason{Policy: "observing",
			Text: fmt.Sprintf("%s subjects of %s are only observed: this would be the ruling, but nothing is done.", a.Tier, a.Subject.Platform)})
	}
	if facts.Founding {
		out.Verdict, out.Need = policy.Held, actions.Need{Independent: len(s.Officers) - 1, All: true}
	}
	if out.Verdict == policy.Held {
		if err := d.bound(s, by, a, out.Need, key); err != nil {
			return Draft{}, err
		}
	}
	return out, nil
}

// bound refuses a draft for a key that is not bound to hardware where each signature needs one
// that is: what it signs would wait for ever. It says what the caller can do.
func (d *Room) bound(s *proof.State, by kernel.Caller, a actions.Action, need actions.Need, key workforce.KeyID) error {
	if k, ok := s.People.Key(key); !need.Hardware || !ok || k.Hardware {
		return nil
	}
	what := "changes of the desk"
	if spec, _ := actions.SpecOf(a.Kind); !spec.Desk {
		what = fmt.Sprintf("%s on %s subjects", a.Kind, a.Tier)
	}
	text := fmt.Sprintf("Here %s take keys that are bound to hardware, also that of whoever asks, and %s is not. ", what, key)
	mine := ""
	for _, k := range s.People.KeysOf(by.Worker) {
		if k.Hardware && k.Live(d.desk.Now()) {
			mine = string(k.ID())
		}
	}
	if mine != "" {
		text += fmt.Sprintf("Your key %s is: name its file with --key FILE.", mine)
	} else {
		text += fmt.Sprintf("Make one in a hardware token with `countersign key make FILE --worker %s --hardware`, and have an officer enrol it: `countersign key enroll FILE.enrolment --reason WHY`.", by.Worker)
	}
	if a.Case != "" {
		text += fmt.Sprintf(" Or hand the case to a lead: `countersign case escalate %s --question TEXT`.", a.Case)
	}
	return fault.New(fault.Forbidden, "key-not-hardware", "%s", text)
}

// pickKey returns the key that was named, or the caller's only live one.
func (d *Room) pickKey(s *proof.State, by kernel.Caller, key workforce.KeyID) (workforce.KeyID, error) {
	if key != "" {
		if k, ok := s.People.Key(key); !ok || k.Worker != by.Worker {
			return "", fault.New(fault.Forbidden, "unknown-key", "The key %s does not belong to %s.", key, by.Worker)
		}
		return key, nil
	}
	var live []workforce.KeyID
	for _, k := range s.People.KeysOf(by.Worker) {
		if k.Live(d.desk.Now()) {
			live = append(live, k.ID())
		}
	}
	switch len(live) {
	case 1:
		return live[0], nil
	case 0:
		return "", fault.New(fault.Forbidden, "unknown-key", "%s has no enrolled key; an officer enrols one with `countersign key enroll FILE --reason WHY`.", by.Worker)
	default:
		return "", fault.New(fault.Invalid, "which-key", "%s has several keys; say which one signs: %s.", by.Worker, joinKeys(live))
	}
}

func joinKeys(ks []workforce.KeyID) string {
	s := make([]string, len(ks))
	for i, k := range ks {
		s[i] = string(k)
	}
	return strings.Join(s, ", ")
}
