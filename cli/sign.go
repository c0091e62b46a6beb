package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/id"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/policy"
	"countersign.dev/prose"
	"countersign.dev/wording"
	"countersign.dev/workforce"
)

// signing holds the flags of commands that sign.
type signing struct {
	Yes  bool          `short:"y" help:"Sign without asking. What is signed is shown all the same."`
	Wait time.Duration `default:"10s" help:"How long to wait for the outcome. 0s: not at all."`

	// answer, if set, makes the JSON answer in the place of the request.
	answer func(v1.Request) any
	// next, if set, adds the next steps to the page of a request that was carried out.
	next func(*Page)
}

func isRequest(s string) bool { return id.Valid(proof.RequestPrefix, s) }

// identity is the signer, and the desk that the signature is for.
type identity struct {
	key    KeyFile // only its name, if the key is missing
	worker workforce.WorkerID
	origin string // empty: not pinned
	log    string // likewise

	session *keptSession // whose key signs in the place of the person's own key; nil: the own key signs
	away    bool         // a session is kept, and cannot be used here
	missing error        // why the own key is not at hand; nil if it is
}

// own is the same person without the session.
func (me identity) own() (identity, error) {
	me.session = nil
	return me, me.missing
}

// sign signs a challenge with the session's key, or else with the person's own.
func (me identity) sign(ctx context.Context, s *Session, challenge [32]byte) (actions.Signature, error) {
	if me.session != nil {
		s.used = me.session
		return s.signSession(ctx, me.session, challenge)
	}
	if me.missing != nil {
		return actions.Signature{}, me.missing
	}
	return me.key.Sign(challenge), nil
}

// signed signs a draft, and its decision if it has one.
func (me identity) signed(ctx context.Context, s *Session, d v1.Draft) (v1.Submission, error) {
	var failed error
	out := d.Sign(func(challenge [32]byte) actions.Signature {
		signature, err := me.sign(ctx, s, challenge)
		if failed == nil {
			failed = err
		}
		return signature
	})
	return out, failed
}

// with says with what this person signs.
func (me identity) with() string {
	if me.session == nil {
		return fmt.Sprint(me.key.Key)
	}
	return fmt.Sprintf("the %s of %s", wording.SessionOf(me.session.session()), me.key.Key)
}

// bySession reports whether a session's key may sign a request, and whether it may on any
// tier; otherwise the subject must be standard. A change of the desk it signs only if that
// ends the worker's own sessions, and with them the one that signs it.
func (me identity) bySession(k actions.Kind, change actions.Change) (may, anyTier bool) {
	if spec, ok := actions.SpecOf(k); ok && spec.Session {
		return true, false
	}
	c, ok := change.(actions.Keys)
	own := ok && c.Void != nil && (c.Void.Scope == actions.ScopeWorker && c.Void.Of == string(me.worker) ||
		c.Void.Scope == actions.ScopeKey && c.Void.Of == string(me.key.Key))
	own = own && (me.session == nil || me.session.endedBy(*c.Void))
	return own, own
}

// drafted has an act drafted: under the session that is kept, if a session may sign it, and
// otherwise for the person's own key. Which of the two it is, the returned identity says. It
// offers a session where one would have done.
func (s *Session) drafted(me identity, k actions.Kind, change actions.Change, draft func(under canonical.Digest) (v1.Draft, error)) (v1.Draft, identity, error) {
	may, anyTier := me.bySession(k, change)
	if me.session != nil && may {
		d, err := draft(me.session.digest())
		// A clock of the desk that is behind ours may put the draft before the session.
		if err != nil || (anyTier || d.Action.Tier == actions.Standard) && me.session.session().Holds(d.Statement.NotBefore.Time) {
			return d, me, err
		}
		if !anyTier && d.Action.Tier != actions.Standard {
			s.Say("The subject is %s, and a session signs for standard subjects only. Your own key signs this, and not the session.", d.Action.Tier)
		}
	}
	kept := me.session != nil || me.away
	if me.session != nil && !may && me.missing != nil {
		s.sayOwn(string(k))
	}
	me, err := me.own()
	if err != nil {
		return v1.Draft{}, me, err
	}
	d, err := draft(canonical.Digest{})
	// What the policy forbids it forbids a session too.
	if err == nil && may && !anyTier && !kept && d.Action.V != actions.ActionV1 && d.Action.Tier == actions.Standard && d.Ruling.Verdict != policy.Forbidden {
		s.offerSession()
	}
	return d, me, err
}

// sayOwn says that a session runs and does not sign something, to somebody whose own key is
// not at hand.
func (s *Session) sayOwn(what string) {
	s.Say("Your session does not sign this (%s): it signs standard work only. Your own key signs this, and not the session.", what)
}

// offerSession tells once that a session would save signatures of the person's own key.
func (s *Session) offerSession() {
	if s.offered {
		return
	}
	s.offered = true
	s.Say("Your own key signs each act. To sign a day's standard work with one signature of it: countersign session start")
}

func (s *Session) identity() (identity, error) {
	c, err := s.load()
	if err != nil {
		return identity{}, err
	}
	k, err := s.OwnKey()
	if err != nil {
		return identity{}, err
	}
	me := identity{key: k, worker: k.Worker, origin: c.Origin, log: c.Log}
	switch {
	case me.worker == "":
		me.worker = c.Worker
	case c.Worker != "" && c.Worker != me.worker && c.Key != "" && s.Key == "" && s.Getenv("COUNTERSIGN_KEY") == "":
		return me, fault.New(fault.Invalid, "other-worker", "client.json says that you are %s, but the key in it belongs to %s.", c.Worker, me.worker)
	}
	if me.worker == "" {
		return me, fault.New(fault.Invalid, "no-worker", "The key file does not say whose it is; make it with --worker, or set worker in client.json.")
	}
	return me, nil
}

// request drafts a wish, checks that the draft is that wish and nothing else, shows it,
// signs it, hands it in and answers with the outcome.
func (c *signing) request(ctx context.Context, s *Session, w v1.Wish, change actions.Change, rows []v1.Row) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	r, err := c.ask(ctx, s, d, w, change, rows)
	if err != nil {
		return err
	}
	return c.finish(ctx, s, d, r)
}

// checkReason refuses a reason that nobody could sign.
func checkReason(text string) error {
	if len(text) > actions.MaxText {
		return fault.New(fault.Invalid, "bad-text", "The reason is %d bytes long, and it may be at most %d. Nothing was signed.", len(text), actions.MaxText)
	}
	return prose.Check("The reason", text)
}

// ask is request without waiting and without an answer.
func (c *signing) ask(ctx context.Context, s *Session, d deskClient, w v1.Wish, change actions.Change, rows []v1.Row) (r v1.Request, err error) {
	log, err := s.ledgerName(ctx, d)
	if err != nil {
		return r, err
	}
	me, err := s.signer(ctx, log)
	if err != nil {
		return r, err
	}
	// A freeze must not wait for words, and a review has findings.
	if freezes := w.Kind == actions.DeskFreeze && change.Direction() == actions.Relieving; w.Reason != "" || !freezes && w.Kind != actions.DeskReview {
		if err := checkReason(w.Reason); err != nil {
			return r, err
		}
	}
	w.Key = me.key.Key
	if change != nil {
		w.Change = canonical.MustMarshal(change)
	}
	draft, me, err := s.drafted(me, w.Kind, change, func(under canonical.Digest) (v1.Draft, error) {
		w.Session = under
		return d.Draft(ctx, w)
	})
	if err != nil {
		return r, err
	}
	if err := checkDraft(draft, w, me, s.Now()); err != nil {
		return r, err
	}
	return c.hand(ctx, s, d, me, draft, rows)
}

const (
	// needsCase is the rule of the built-in policy set that refuses a measure without a case.
	needsCase = "standard-needs-a-case"
	// caseDecides is the word of a desk with rules and queues, where nobody names a case: the
	// measure comes with the case's decision.
	caseDecides = "case-decides"
)

func hasReason(r v1.Ruling, policy string) bool {
	return slices.ContainsFunc(r.Reasons, func(r proof.Reason) bool { return r.Policy == policy })
}

// submit shows, signs and hands in a checked draft, and answers with the outcome.
func (c *signing) submit(ctx context.Context, s *Session, d deskClient, me identity, draft v1.Draft, rows []v1.Row) error {
	r, err := c.hand(ctx, s, d, me, draft, rows)
	if err != nil {
		return err
	}
	return c.finish(ctx, s, d, r)
}

// hand shows, signs and hands in a checked draft.
func (c *signing) hand(ctx context.Context, s *Session, d deskClient, me identity, draft v1.Draft, rows []v1.Row) (r v1.Request, err error) {
	s.show("You sign this request", draft, me, rulingWords(draft.Ruling))
	if err := s.showWhole(ctx, d, "", draft.Action); err != nil {
		return r, err
	}
	if a := draft.Action; a.Case == "" && draft.Ruling.Verdict == policy.Forbidden && hasReason(draft.Ruling, needsCase) && !hasReason(draft.Ruling, caseDecides) {
		s.Say("To name the case: countersign action request %s %s%s --case CASE --reason WHY", a.Kind, a.Subject, valueFlag(a.Command.Layer))
	}
	if err := s.Confirm("Sign and send it?", c.Yes); err != nil {
		return r, err
	}
	signed, err := me.signed(ctx, s, draft)
	if err != nil {
		return r, err
	}
	signed.Rows = rows
	return d.Submit(ctx, signed, min(c.Wait, v1.MaxWait*time.Second))
}

// finish waits until a request is no longer under way and answers.
func (c *signing) finish(ctx context.Context, s *Session, d deskClient, r v1.Request) error {
	r, err := d.settled(ctx, r, c.Wait, s.Now)
	if err != nil {
		return err
	}
	note := ""
	if r.Status == actions.StatusApproved && c.Wait > 0 {
		s.End(CouldNot)
		note = fmt.Sprintf("It was approved, but it has no outcome after %s. %s To see whether it has one now: countersign action show %s --wait 30s", c.Wait, whyWaiting(ctx, d, r.Action.Subject.Platform), r.ID)
	}
	doc := any(r)
	if c.answer != nil {
		doc = c.answer(r)
	}
	return s.outcome(r, doc, note, c.next)
}

// settled waits until an approved request has its outcome.
func (d deskClient) settled(ctx context.Context, r v1.Request, wait time.Duration, now func() time.Time) (v1.Request, error) {
	deadline := now().Add(wait)
	for r.Status == actions.StatusApproved {
		left := deadline.Sub(now())
		if left <= 0 {
			return r, nil
		}
		var err error
		if r, err = d.Wait(ctx, r.ID, r.Version, min(left, v1.MaxWait*time.Second)); err != nil {
			return r, err
		}
	}
	return r, nil
}

// countersign signs somebody else's held request.
func (c *signing) countersign(ctx context.Context, s *Session, d deskClient, r v1.Request) error {
	if r.Outline {
		return unread(r)
	}
	me, draft, err := s.verdict(ctx, d, r, actions.VerdictCountersign)
	if err != nil {
		return err
	}
	s.show(fmt.Sprintf("%s asks; you countersign this", r.Requester), draft, me, wording.Need(r.Need, inRecovery(r)))
	if err := s.showWhole(ctx, d, r.ID, draft.Action); err != nil {
		return err
	}
	if err := s.Confirm("Countersign it?", c.Yes); err != nil {
		return err
	}
	signed := actions.Signed{Statement: draft.Statement, Signature: me.key.Sign(draft.Statement.Challenge())}
	if r, err = d.Countersign(ctx, r.ID, v1.Countersignature{Signed: signed}); err != nil {
		return err
	}
	return c.finish(ctx, s, d, r)
}

// verdict drafts a statement about a request and checks it.
func (s *Session) verdict(ctx context.Context, d deskClient, r v1.Request, v actions.Verdict) (identity, v1.Draft, error) {
	me, err := s.identity()
	if err != nil {
		if k, bad := s.ownSession(ctx); bad == nil && k != nil && k.live(s.Now()) {
			s.sayOwn(string(v))
		}
		return me, v1.Draft{}, err
	}
	draft, err := d.DraftVerdict(ctx, r.ID, v1.VerdictWish{Verdict: v, Key: me.key.Key})
	if err != nil {
		return me, draft, err
	}
	return me, draft, checkVerdict(draft, r, v, me, s.Now())
}

// checkVerdict compares the draft of a verdict with the request as it was shown.
func checkVerdict(d v1.Draft, r v1.Request, v actions.Verdict, me identity, now time.Time) error {
	if err := d.Action.Check(); err != nil {
		return tricked("%s", fault.TextOf(err))
	}
	if d.Action.Digest() != r.Action.Digest() {
		return tricked("its action is not the one that the request shows")
	}
	if asked := r.Signed.Statement.Expires; d.Statement.Expires.After(asked.Time) {
		return tricked("it would be open until %s, and the request is open until %s", d.Statement.Expires, asked)
	}
	return checkStatement(d, r.ID, v, me, r.Need, now)
}

// deed shows a deed, asks for a yes, and signs. The deed is written here, so that no desk
// can put another draft in its place. until is the end of its statement's life, zero for
// the usual one.
func (s *Session) deed(ctx context.Context, d deskClient, of actions.Deed, text, what string, until canonical.Time, yes bool) (actions.SaltedDeed, error) {
	status, err := d.Status(ctx)
	if err != nil {
		return actions.SaltedDeed{}, err
	}
	me, err := s.signer(ctx, status.Log)
	if err != nil {
		return actions.SaltedDeed{}, err
	}
	if !me.knows(status.Log) {
		return actions.SaltedDeed{}, fault.New(fault.Conflict, "foreign-desk", "That desk is %q, and yours is %q. Nothing was signed.", status.Log, cmp.Or(me.log, me.origin))
	}
	kept := me.session != nil || me.away
	if !of.What.Session() {
		if me.session != nil && me.missing != nil {
			s.sayOwn(string(of.What))
		}
		if me, err = me.own(); err != nil {
			return actions.SaltedDeed{}, err
		}
	}
	random := make([]byte, 96)
	if _, err := io.ReadFull(s.Rand, random); err != nil {
		return actions.SaltedDeed{}, fmt.Errorf("make a nonce: %w", err)
	}
	out, err := proof.NewDeed(status.Formats, of, text, actions.Statement{Log: status.Log, Signer: me.worker, Key: me.key.Key, Session: me.session.digest(), Expires: until}, s.Now(), random)
	if err != nil {
		return out, err
	}
	if me.session != nil {
		out.Session = &me.session.Signed
	} else if !kept && status.Formats > actions.FirstFormats && of.What.Session() {
		s.offerSession()
	}
	p := &Page{color: s.Color}
	p.Line("You sign this:")
	p.Facts([2]string{"deed", what}, [2]string{"text", text}, [2]string{"as", fmt.Sprintf("%s, with %s", me.worker, me.with())}, [2]string{"desk", status.Log})
	fmt.Fprint(s.Stderr, p.String())
	if err := s.Confirm("Sign and send it?", yes); err != nil {
		return out, err
	}
	out.Signed.Signature, err = me.sign(ctx, s, out.Signed.Statement.Challenge())
	return out, err
}

// tricked is the refusal to sign something that the worker did not ask for.
func tricked(format string, args ...any) error {
	return fault.New(fault.Conflict, "wrong-draft",
		"The desk's draft is not what you asked for: %s. Nothing was signed. Tell your security team; do not try again.", fmt.Sprintf(format, args...))
}

// checkDraft compares a draft with the wish: a dishonest desk must not get a signature
// for something else.
func checkDraft(d v1.Draft, w v1.Wish, me identity, now time.Time) error {
	a := d.Action
	if err := a.Check(); err != nil {
		return tricked("%s", fault.TextOf(err))
	}
	switch {
	case a.Kind != w.Kind:
		return tricked("it is %s and you asked for %s", a.Kind, w.Kind)
	case !a.Until.Equal(w.Until.Time):
		return tricked("it ends at %q and you asked for %q", a.Until, w.Until)
	case a.Reason != w.Reason:
		return tricked("it gives another reason")
	case a.Case != w.Case:
		return tricked("it names another case")
	case a.Category != w.Category:
		return tricked("its category is %q", a.Category)
	case a.Reverses != "":
		return tricked("it is an undo of %s", a.Reverses)
	}
	spec, _ := actions.SpecOf(w.Kind)
	if layer, err := spec.Layer(w.Value); err != nil {
		return err
	} else if a.Command.Layer != layer {
		return tricked("it changes %s and you asked for a change of %s", a.Command.Layer.Noun(), layer.Noun())
	}
	if len(w.Change) > 0 {
		if canonical.Sum(a.Change) != canonical.Sum(w.Change) {
			return tricked("it changes something else")
		}
	} else if err := checkSubject(a.Subject, w.Subject); err != nil {
		return err
	}
	if a.Command.Mark != "" && a.Command.Mark != platform.MarkOf(d.Statement.Request) {
		return tricked("it would leave the mark %q", a.Command.Mark)
	}
	if err := checkDecision(d); err != nil {
		return err
	}
	return checkStatement(d, d.Statement.Request, proof.VerdictOf(a), me, d.Ruling.Need, now)
}

// checkSubject compares a resolved subject with the name that the worker gave. A handle's
// identifier is the platform's word, read by the executor; both are signed and shown.
func checkSubject(got platform.Subject, asked string) error {
	want, err := platform.ParseSubject(asked)
	if err != nil {
		return err
	}
	if got.Platform != want.Platform || want.ID != "" && got.ID != want.ID || want.ID == "" && !strings.EqualFold(got.Handle, want.Handle) {
		return tricked("it is about %s and you named %s", wording.Subject(got), asked)
	}
	return nil
}

// knows reports whether a ledger's name is the one of the worker's desk, as far as that
// is pinned. If only the origin is pinned, the hash of entry 0 may follow it.
func (me identity) knows(log string) bool {
	if strings.Contains(me.log, "#") {
		return log == me.log
	}
	origin, _, _ := strings.Cut(log, "#")
	return me.origin == "" || origin == me.origin
}

// checkDecision checks that the decision of a draft decides nothing but the drafted act: it
// is about the case and the subject that the worker named, lists this one measure, and its
// reasons are those of the act.
func checkDecision(d v1.Draft) error {
	a, st := d.Action, d.Statement
	if a.V == actions.ActionV1 || a.Case == "" {
		if d.Decision != nil || !st.Decision.IsZero() {
			return tricked("it comes with a decision, and you named no case")
		}
		return nil
	}
	if d.Decision == nil {
		return tricked("it is a measure of the case %q, and comes without a decision", a.Case)
	}
	c, by := d.Decision.Decision, d.Decision.Signed.Statement
	if err := c.Check(); err != nil {
		return tricked("%s", fault.TextOf(err))
	}
	commitment, err := d.Decision.Reasons.Commitment()
	switch {
	case st.Decision != c.Digest() || by.Document != c.Digest():
		return tricked("its statements are about another decision")
	case c.Case != a.Case || c.Subject != a.Subject || c.Verdict != actions.CaseViolation || len(c.Measures) != 1 || c.Measures[0] != a.Digest():
		return tricked("its decision is about another case, subject or measure")
	case c.Rule != (actions.DecidedRule{}) || len(c.Opened) > 0 || len(c.Scores) > 0 || !c.Evidence.IsZero() || c.Claim != 0:
		return tricked("its decision says that you saw what you did not see")
	case err != nil || commitment != c.Reasons || string(d.Decision.Reasons.Value) != string(canonical.MustMarshal(a.Reason)):
		return tricked("the reasons of its decision are not yours")
	case by.V != st.V || by.Log != st.Log || by.Founding != st.Founding || by.Signer != st.Signer || by.Key != st.Key || by.Session != st.Session:
		return tricked("the statement of its decision is for another desk or another key")
	case by.Verdict != actions.VerdictDecide || by.Executor != proof.DeskExecutor || by.Request != "" || !by.Action.IsZero() || !by.Batch.IsZero() || !by.Decision.IsZero() || by.Alarm:
		return tricked("the statement of its decision says more than the decision")
	case by.Expires.Sub(by.NotBefore.Time) > proof.DocumentLife:
		return tricked("the statement of its decision would be valid for longer than %s", proof.DocumentLife)
	}
	return nil
}

// checkStatement checks the statement that will be hashed and signed. The need is the one
// that is shown: its wait lengthens a statement's life, as proof.Validity says.
func checkStatement(d v1.Draft, request string, v actions.Verdict, me identity, need actions.Need, now time.Time) error {
	st := d.Statement
	most := proof.Validity(d.Action) + time.Duration(need.Wait)*time.Second
	switch {
	case st.V != actions.StatementVersion(d.Action.Formats()):
		return tricked("its statement is of version %q, and its action of version %q", st.V, d.Action.V)
	case st.Action != d.Action.Digest() || !st.Document.IsZero() || !st.Batch.IsZero():
		return tricked("its statement is about something else than its action")
	case st.Request != request || !isRequest(st.Request):
		return tricked("its statement is about another request")
	case st.Verdict != v:
		return tricked("its statement says %q, not %q", st.Verdict, v)
	case st.Signer != me.worker || st.Key != me.key.Key:
		return tricked("its statement is for %s with %s, and you are %s with %s", st.Signer, st.Key, me.worker, me.key.Key)
	case st.Session != me.session.digest():
		return tricked("its statement is under the session %s, and you sign with %s", st.Session, me.with())
	case me.session != nil && st.LogName() != logOf(me.session.session()):
		return tricked("its statement is for the desk %q, and your session is for %q", st.LogName(), logOf(me.session.session()))
	case !me.knows(st.LogName()):
		return tricked("its statement is for the desk %q, and yours is %q", st.LogName(), cmp.Or(me.log, me.origin))
	case len(st.Nonce) != 32 || st.Policy.IsZero() || st.Executor == "" || st.Log == "":
		return tricked("its statement is incomplete")
	case st.Expires.Sub(st.NotBefore.Time) > most:
		return tricked("it would be open for longer than %s", most)
	}
	// Law 5 allows clocks to differ by a minute.
	if off := st.NotBefore.Sub(now); off > time.Minute {
		return fault.New(fault.Conflict, "clocks-differ", "The desk's clock is %s ahead of this machine's. Set this machine's clock; nothing was signed.", wording.Span(off))
	}
	if !now.Before(st.Expires.Time) {
		return fault.New(fault.Conflict, "clocks-differ", "The draft has expired by this machine's clock. Set it; nothing was signed.")
	}
	return nil
}

// show shows the worker the document that the key is about to sign.
func (s *Session) show(title string, d v1.Draft, me identity, needs string) {
	p := &Page{color: s.Color}
	p.Line("%s:", title)
	describeAction(p, d.Action)
	st := d.Statement
	p.Facts(
		[2]string{"as", fmt.Sprintf("%s, with %s", st.Signer, me.with())},
		[2]string{"verdict", string(st.Verdict)},
		[2]string{"request", st.Request},
		[2]string{"desk", st.LogName()},
		[2]string{"carried out by", executorWords(st.Executor)},
		[2]string{"open until", until(st.Expires, s.Now())},
		[2]string{"needs", needs},
		[2]string{"policy", st.Policy.String()},
	)
	for _, r := range d.Ruling.Reasons {
		p.Line("  %s: %s", r.Policy, r.Text)
	}
	coverageWords(p, d.Coverage)
	fmt.Fprint(s.Stderr, p.String())
}

// rulingWords puts the policy's answer to a draft in words. A draft that it forbids is
// signed and sent all the same, so that the refusal is on record.
func rulingWords(r v1.Ruling) string {
	if r.Verdict == policy.Forbidden {
		return "no countersignature helps: the policy forbids it"
	}
	return wording.Need(r.Need, recovering(r.Reasons))
}

// outcome answers with a request, or doc in JSON, and sets the exit code for the
// request's status. next, if it is not nil, adds to the page of a request that was carried
// out.
func (s *Session) outcome(r v1.Request, doc any, note string, next func(*Page)) error {
	switch r.Status {
	case actions.StatusVoid, actions.StatusFailed, actions.StatusDeclined, actions.StatusFrozen, actions.StatusWithdrawn, actions.StatusExpired:
		s.End(Refused)
	case actions.StatusUnknown:
		s.End(CouldNot)
	}
	if s.used != nil && r.Session == nil {
		c := s.used.session() // SignedWith compares it with the statement
		r.Session = &c
	}
	return s.Answer(doc, func(p *Page) {
		describeRequest(p, r, s.Now())
		if note != "" {
			p.Line("%s", note)
		}
		if next != nil && r.Status == actions.StatusExecuted {
			next(p)
		}
	})
}

// outlineWords are the kind and the platform of a request that its reader may not read whole.
func outlineWords(r v1.Request) string {
	return fmt.Sprintf("%s on %s", r.Action.Kind, r.Action.Subject.Platform)
}

// unread says that a command needs more of a request than its outline.
func unread(r v1.Request) error {
	return fault.New(fault.Forbidden, "not-yours-to-read", "%s was asked for at another company, and you may not sign it. Nothing was signed.", r.ID)
}

// describeRequest writes the status of a request and the next step.
func describeRequest(p *Page, r v1.Request, now time.Time) {
	word := wording.Status(r.Status)
	moved := r.Status == actions.StatusFailed && r.Outcome == "handle-moved"
	if moved {
		word = "yours again: not done, since the account has another handle than was signed"
	}
	ownKey := r.Outcome == "own-key-needed" && (r.Status == actions.StatusVoid || r.Status == actions.StatusFailed)
	if ownKey {
		word = "yours again: not done, since it takes your own key, and a session signed it"
	}
	if r.Lapsed != nil {
		word = "held, and can never be carried out: " + r.Lapsed.Text
	}
	if r.Status == actions.StatusVoid && r.Outcome == actions.OtherFormats {
		word = "void: it was still held when the desk changed the formats in which it signs"
	}
	if spec, _ := actions.SpecOf(r.Action.Kind); spec.Says() && r.Status == actions.StatusUnknown {
		word = "unknown: it is not known whether the message was sent; it is not sent again, and a person must look"
	}
	switch r.Status {
	case actions.StatusExecuted:
		word = p.Good(word)
	case actions.StatusHeld, actions.StatusApproved, actions.StatusReversed, actions.StatusLifted:
		if r.Lapsed != nil {
			word = p.Bad(word)
		}
	default:
		word = p.Bad(word)
	}
	p.Line("%s: %s", r.ID, word)
	if r.Outline {
		p.Line("%s, asked for at another company %s. You may not sign it, so that you read no more of it.", outlineWords(r), wording.When(r.Created))
		return
	}
	p.Line("%s", wording.Action(r.Action))
	signers := make([]string, 0, len(r.Countersignatures))
	for _, c := range r.Countersignatures {
		signers = append(signers, fmt.Sprintf("%s (%s)", c.Statement.Signer, wording.SignedWith(c, nil)))
	}
	pairs := [][2]string{
		{"requested by", r.Requester + ", " + wording.When(r.Created) + ", " + wording.SignedWith(r.Signed, r.Session)},
		{"reason", r.Action.Reason},
		{"countersigned", wording.Joined(signers)},
		{"outcome", r.OutcomeText},
		{"done", wording.When(r.Executed)},
		{"undone by", r.ReversedBy},
		{"replaced by", r.ReplacedBy},
		{"lifted by", r.LiftedBy},
		{"withdrawn", withdrawnWords(r.Withdrawn)},
	}
	for _, n := range r.Declined {
		when := ""
		if !n.At.IsZero() {
			when = ", " + wording.When(n.At)
		}
		pairs = append(pairs, [2]string{"declined", fmt.Sprintf("%s%s (%s): %s", n.Signed.Statement.Signer, when, wording.SignedWith(n.Signed, nil), n.Reason)})
	}
	if r.Lapsed != nil {
		pairs = append(pairs, [2]string{"open until", until(r.Expires, now)})
	} else if r.Status == actions.StatusHeld {
		pairs = append(pairs, [2]string{"needs", wording.Need(r.Need, inRecovery(r))}, [2]string{"missing", r.Missing}, [2]string{"open until", until(r.Expires, now)})
	}
	p.Facts(pairs...)
	switch {
	case r.Lapsed != nil:
		p.Line("No signature changes that. %s", askAnew(r))
	case r.Status == actions.StatusHeld:
		if who := wording.Signers(r.Need, r.Requester, inRecovery(r)); who != "" {
			p.Line("%s", who)
		}
		p.Line("Whoever countersigns looks at it and signs with:")
		p.Line("  countersign action countersign %s", r.ID)
	case moved:
		p.Line("To ask again, for the handle that it has now:")
		p.Line("  countersign action again %s", r.ID)
	case ownKey && r.Action.Undo():
		p.Line("To ask again, which takes your own key:")
		p.Line("  countersign action undo %s --reason WHY", r.Action.Reverses)
	case ownKey:
		p.Line("To ask again, which takes your own key:")
		p.Line("  countersign action again %s", r.ID)
	case r.ReplacedBy != "" || r.LiftedBy != "":
		// The request has nothing left to take back.
	case r.Status == actions.StatusExecuted && r.Action.Inverse.Direction == actions.Relieving:
		p.Line("To take it back:")
		p.Line("  countersign action undo %s --reason WHY", r.ID)
	}
}

// withdrawnWords says when, and with what, a request was taken back.
func withdrawnWords(t *v1.Taking) string {
	switch {
	case t == nil:
		return ""
	case t.Signed.Statement.Signer == "": // from before withdrawals were signed
		return wording.When(t.At)
	}
	return wording.When(t.At) + ", " + wording.SignedWith(t.Signed, t.Session)
}

// askAnew says who asks once more for the act of a request that lapsed, and with what
// command.
func askAnew(r v1.Request) string {
	spec, _ := actions.SpecOf(r.Action.Kind)
	who, command := r.Requester, ""
	if r.Lapsed.Gone() {
		who = "Whoever still wants it"
	}
	switch {
	case r.Action.Undo():
		command = fmt.Sprintf("countersign action undo %s --reason WHY", r.Action.Reverses)
	case spec.Desk:
		return who + " asks for it anew, with the command of before."
	case r.Lapsed.Gone():
		command = requestAnew(r)
	default:
		return fmt.Sprintf("%s takes it back and asks again with: countersign action again %s", who, r.ID)
	}
	return who + " asks again with: " + command
}

// requestAnew is the command that asks for the act of a request as for a new one.
func requestAnew(r v1.Request) string {
	return fmt.Sprintf("countersign action request %s %s%s --reason WHY", r.Action.Kind, r.Action.Subject, valueFlag(r.Action.Command.Layer))
}

// describeReplaced names the measure that took the place of another one, and says how
// both are taken back.
func describeReplaced(p *Page, newest v1.Request) {
	switch {
	case newest.ID == "":
	case newest.LiftedBy != "":
		p.Line("The measure of %s took its place, and was lifted by %s.", newest.ID, newest.LiftedBy)
	case newest.Status == actions.StatusExecuted:
		p.Line("The measure of %s took its place. To lift both:", newest.ID)
		p.Line("  countersign action undo %s --reason WHY", newest.ID)
	default:
		p.Line("The measure of %s took its place, and is over as well: %s.", newest.ID, wording.Status(newest.Status))
	}
}

// final reports whether a request rests in this status.
func final(st actions.Status) bool {
	return !slices.Contains([]actions.Status{actions.StatusHeld, actions.StatusApproved}, st)
}

// executorWords names the executor that carries an act out.
func executorWords(name string) string {
	if name == proof.DeskExecutor {
		return "the desk itself"
	}
	return "the executor " + name
}
