package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/platform"
	"countersign.dev/wording"
	"countersign.dev/workforce"
)

type actionCommands struct {
	Request     actionRequest     `cmd:"" help:"Ask for an act: shows what will be signed, signs it with your key, hands it in."`
	Show        actionShow        `cmd:"" help:"Show where a request stands."`
	List        actionList        `cmd:"" help:"List requests, newest first."`
	Countersign actionCountersign `cmd:"" help:"Sign somebody else's request: your yes to exactly this act."`
	Decline     actionDecline     `cmd:"" help:"Say no to somebody else's request, signed."`
	Withdraw    actionWithdraw    `cmd:"" help:"Take your own open request back."`
	Undo        actionUndo        `cmd:"" help:"Lift the measure that an executed request left."`
	Again       actionAgain       `cmd:"" help:"Ask once more for an act that was not done, on the subject as it is now."`
}

type actionRequest struct {
	Kind     string `arg:"" help:"account.takedown, account.deactivate, account.suspend, account.restore, account.delete, content.remove or content.restore; limit, unlimit, label or unlabel after account. or content.; account.warn."`
	Subject  string `arg:"" help:"PLATFORM:@HANDLE or PLATFORM:ID, such as plaza:@someone, plaza:post/93 or bluesky:did:plc:…"`
	Reason   string `required:"" help:"Why, for the countersigners and for the ledger: at most 2,000 bytes, no personal data. Of account.warn: the text that the account holder reads."`
	Case     string `help:"Reference of the case that this belongs to. Not at a desk with rules and queues: there countersign case decide CASE --verdict violation --rule 1 is the way."`
	Value    string `placeholder:"LABEL" help:"The label to set or to take away, such as spam. The command platform list shows which may be set on a platform."`
	Until    moment `placeholder:"TIME" help:"End of a suspension, or of a limit, which may do without: a time such as 2026-11-30T18:00:00Z, or a length from now such as 72h or 3d."`
	Category string `enum:",legal,child-safety" default:"" help:"legal or child-safety: one person may not lift such a measure."`
	signing
}

func (c *actionRequest) Help() string {
	return "The desk writes a draft; this program checks that it is what you asked for, shows it, and signs it with your key. " +
		"Exit 0: done, or held for others to countersign. Exit 1: the answer is no.\n\n" +
		"A subject has layers: its visibility, a limit, and each label. An act changes one of them and leaves the others as they are. " +
		"account.warn sends the account holder a message, which cannot be taken back: the text of --reason, of at most 2,000 bytes."
}

func (c *actionRequest) Run(ctx context.Context, s *Session) error {
	kind := actions.Kind(c.Kind)
	spec, ok := actions.SpecOf(kind)
	switch {
	case !ok || spec.Desk:
		return fault.New(fault.Invalid, "bad-kind", "%q is not an act on a platform; there are %s.", c.Kind, wording.Joined(platformKinds()))
	case spec.Emergency:
		return fault.New(fault.Invalid, "bad-kind", "An emergency act has a command of its own: countersign emergency %s --reason WHY.", c.Subject)
	case spec.Timed && c.Until.given == "":
		return fault.New(fault.Invalid, "no-end", "A suspension has an end: give --until TIME, such as --until 72h.")
	case !spec.Timed && !spec.MayEnd && c.Until.given != "":
		return fault.New(fault.Invalid, "no-end", "Only account.suspend, account.limit and content.limit have an end; leave --until out.")
	case spec.Labels() && c.Value == "":
		return fault.New(fault.Invalid, "bad-label", "Say which label: --value LABEL, such as --value spam.")
	}
	if _, err := spec.Layer(c.Value); err != nil {
		return err
	}
	if err := (actions.Action{Kind: kind, Until: c.Until.from(s.Now())}).Lasts(s.Now()); err != nil {
		return err
	}
	return c.request(ctx, s, v1.Wish{Kind: kind, Subject: c.Subject, Value: c.Value, Reason: c.Reason, Case: c.Case,
		Until: c.Until.from(s.Now()), Category: actions.Category(c.Category)}, nil, nil)
}

func allKinds() []string {
	var kinds []string
	for _, spec := range actions.Catalogue() {
		kinds = append(kinds, string(spec.Kind))
	}
	return kinds
}

func platformKinds() []string {
	var kinds []string
	for _, spec := range actions.Catalogue() {
		if !spec.Desk && !spec.Emergency { // emergencies have a command of their own
			kinds = append(kinds, string(spec.Kind))
		}
	}
	return kinds
}

type actionShow struct {
	Request string        `arg:"" help:"req_…"`
	Wait    time.Duration `help:"Wait up to this long for it to come to its end, or to change if it is held."`
}

func (c *actionShow) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	r, err := d.Request(ctx, c.Request)
	if err != nil {
		return err
	}
	deadline := s.Now().Add(c.Wait)
	for first := r.Version; !final(r.Status) && (r.Status != actions.StatusHeld || r.Version == first); {
		left := deadline.Sub(s.Now())
		if left <= 0 {
			break
		}
		if r, err = d.Wait(ctx, r.ID, r.Version, min(left, v1.MaxWait*time.Second)); err != nil {
			return err
		}
	}
	// With --json the change itself is in the answer, and rows have a route of their own.
	whole := &Page{color: s.Color}
	if r.Status == actions.StatusHeld && !s.JSON {
		if err := s.whole(ctx, whole, d, r.ID, r.Action); err != nil {
			return err
		}
	}
	var newest v1.Request
	if r.ReplacedBy != "" {
		if newest, err = d.Request(ctx, r.ReplacedBy); err != nil {
			return err
		}
	}
	return s.Answer(r, func(p *Page) {
		describeRequest(p, r, s.Now())
		describeReplaced(p, newest)
		p.Line("")
		describeAction(p, r.Action)
		p.Append(whole)
	})
}

type actionList struct {
	Status    actions.Status     `help:"Only those in this status: held, approved, done and so on."`
	Requester workforce.WorkerID `help:"Only this worker's."`
	Kind      actions.Kind       `help:"Only this kind."`
	Platform  string             `help:"Only on this platform; desk for changes of the desk."`
	Subject   string             `help:"Only about this subject: PLATFORM:@HANDLE or PLATFORM:ID. With --kind account.warn it shows whether the account was warned before."`
	Limit     int                `default:"50" help:"At most so many."`
	Cursor    string             `help:"Go on where an earlier list ended."`
}

func (c *actionList) Run(ctx context.Context, s *Session) error {
	names := make([]string, len(actions.Statuses))
	for i, st := range actions.Statuses {
		if names[i] = st.Word(); string(c.Status) == names[i] {
			c.Status = st
		}
	}
	if c.Status != "" && !slices.Contains(actions.Statuses, c.Status) {
		return fault.New(fault.Invalid, "bad-status", "%q is not a status; there are %s.", c.Status, wording.Joined(names))
	}
	if _, ok := actions.SpecOf(c.Kind); !ok && c.Kind != "" {
		return fault.New(fault.Invalid, "bad-kind", "There is no kind of action %q; there are %s.", c.Kind, wording.Joined(allKinds()))
	}
	d, err := s.desk()
	if err != nil {
		return err
	}
	about, err := c.about(ctx, d)
	if err != nil {
		return err
	}
	page, err := d.Requests(ctx, v1.RequestFilter{Status: c.Status, Requester: c.Requester, Kind: c.Kind, Platform: c.Platform, Subject: about, Limit: c.Limit, Cursor: c.Cursor})
	if err != nil {
		return err
	}
	doc := items(page.Items)
	doc.Next = page.Next
	return s.Answer(doc, func(p *Page) {
		rows := [][]string{{"REQUEST", "STATUS", "BY", "WHEN", "SIGNED WITH", "ACT"}}
		for _, r := range page.Items {
			status := r.Status.Word()
			switch {
			case r.ReplacedBy != "":
				status += ", replaced"
			case r.LiftedBy != "":
				status += ", lifted"
			}
			if r.Outline {
				rows = append(rows, []string{r.ID, status, "another company", wording.When(r.Created), "", outlineWords(r)})
				continue
			}
			rows = append(rows, []string{r.ID, status, r.Requester, wording.When(r.Created), listedWith(r.Signed), short(wording.Action(r.Action), 80)})
		}
		p.Table(rows)
		if page.Next != "" {
			p.Line("There are more: --cursor %s", page.Next)
		}
	})
}

// about returns the subject that the list is about, by its identifier; empty if it is about
// all. The desk knows a subject's requests by that, and the platform whose handle it is.
func (c *actionList) about(ctx context.Context, d deskClient) (string, error) {
	if c.Subject == "" {
		return "", nil
	}
	on, err := platform.ParseSubject(c.Subject)
	switch {
	case err != nil:
		return "", err
	case c.Platform != "" && c.Platform != on.Platform:
		return "", fault.New(fault.Invalid, "wrong-use", "%s is not on %s; leave --platform out.", c.Subject, c.Platform)
	case on.ID != "":
		return on.String(), nil
	}
	r, err := d.Subject(ctx, c.Subject)
	if err != nil {
		return "", err
	}
	return platform.Subject{Platform: r.Subject.Platform, ID: r.Subject.ID}.String(), checkSubject(r.Subject, c.Subject)
}

// listedWith says with what a request in a list was signed. Of a session the list has the
// digest and no more.
func listedWith(by actions.Signed) string {
	if named := by.Statement.Session; !named.IsZero() {
		return "session " + wording.ShortDigest(named)
	}
	return wording.SignedWith(by, nil)
}

func short(s string, n int) string {
	s = strings.ReplaceAll(s, "\n", " ")
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

type actionCountersign struct {
	Request string `arg:"" help:"req_…"`
	signing
}

func (c *actionCountersign) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	r, err := d.Request(ctx, c.Request)
	if err != nil {
		return err
	}
	return c.countersign(ctx, s, d, r)
}

type actionDecline struct {
	Request string `arg:"" help:"req_…"`
	Reason  string `required:"" help:"Why."`
	Alarm   bool   `help:"Raise an alarm: you were pressed, or something is wrong. Freezes the request."`
	Yes     bool   `short:"y" help:"Sign without asking. What is signed is shown all the same."`
}

func (c *actionDecline) Run(ctx context.Context, s *Session) error {
	if err := checkReason(c.Reason); err != nil {
		return err
	}
	d, err := s.desk()
	if err != nil {
		return err
	}
	r, err := d.Request(ctx, c.Request)
	if err != nil {
		return err
	}
	if r.Outline {
		return unread(r)
	}
	me, draft, err := s.verdict(ctx, d, r, actions.VerdictDecline)
	if err != nil {
		return err
	}
	s.show(fmt.Sprintf("%s asks; you decline this", r.Requester), draft, me, wording.Need(r.Need, inRecovery(r)))
	if err := s.showWhole(ctx, d, r.ID, draft.Action); err != nil {
		// A refusal is safe, whatever the desk shows.
		s.Say("What it changes cannot be shown: %s", fault.TextOf(err))
	}
	if err := s.Confirm("Decline it?", c.Yes); err != nil {
		return err
	}
	if draft.Statement.V != actions.StatementV1 {
		draft.Statement.Alarm = c.Alarm
	}
	signed := actions.Signed{Statement: draft.Statement, Signature: me.key.Sign(draft.Statement.Challenge())}
	if r, err = d.Decline(ctx, r.ID, v1.Decline{Signed: signed, Alarm: c.Alarm, Reason: c.Reason}); err != nil {
		return err
	}
	// The worker asked for the refusal: it is done.
	return s.Answer(r, func(p *Page) { describeRequest(p, r, s.Now()) })
}

type actionWithdraw struct {
	Request string `arg:"" help:"req_…"`
	Yes     bool   `short:"y" help:"Sign without asking."`
}

func (c *actionWithdraw) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	r, err := d.Request(ctx, c.Request)
	if err != nil {
		return err
	}
	if me, err := s.workerName(); err == nil && string(me) != r.Requester {
		if r.Outline {
			return unread(r)
		}
		return fault.New(fault.Forbidden, "not-requester", "Only %s, who requested it, may withdraw it, and nothing was signed. You may say no to it: countersign action decline %s --reason WHY", r.Requester, r.ID)
	}
	if r, err = withdraw(ctx, s, d, r, c.Yes); err != nil {
		return err
	}
	return s.Answer(r, func(p *Page) { describeRequest(p, r, s.Now()) })
}

// withdraw takes the person's own request back, signed.
func withdraw(ctx context.Context, s *Session, d deskClient, r v1.Request, yes bool) (v1.Request, error) {
	w, err := v1.Withdrawal{Version: r.Version}, error(nil)
	if r.Action.V == actions.ActionV1 {
		w.Signed, err = signedWithdrawal(ctx, s, d, r, yes)
	} else {
		var deed actions.SaltedDeed
		deed, err = s.deed(ctx, d, actions.Deed{What: actions.DeedWithdraw, Of: r.ID, Version: r.Version}, "",
			fmt.Sprintf("take back your request %s: %s of %s", r.ID, r.Action.Kind, wording.Subject(r.Action.Subject)), r.Signed.Statement.Expires, yes)
		w.Deed = &deed
	}
	if err != nil {
		return r, err
	}
	return d.Withdraw(ctx, r.ID, w)
}

// signedWithdrawal signs a withdrawal of version 1.
func signedWithdrawal(ctx context.Context, s *Session, d deskClient, r v1.Request, yes bool) (actions.Signed, error) {
	me, draft, err := s.verdict(ctx, d, r, actions.VerdictWithdraw)
	if err != nil {
		return actions.Signed{}, err
	}
	s.show("You take your own request back", draft, me, "")
	if err := s.Confirm("Withdraw it?", yes); err != nil {
		return actions.Signed{}, err
	}
	return actions.Signed{Statement: draft.Statement, Signature: me.key.Sign(draft.Statement.Challenge())}, nil
}

type actionAgain struct {
	Request string `arg:"" help:"The request that had no effect: req_…"`
	Reason  string `help:"Why; if it is left out, as before."`
	Until   moment `placeholder:"TIME" help:"Another end of a suspension or a limit."`
	signing
}

func (c *actionAgain) Help() string {
	return "An account that was renamed, or is in another state than people signed for, is not touched: a warrant is spent once. " +
		"This writes a new draft of the same act with the handle and the state of now, shows it, and signs it with your key. Whoever countersigns signs again. " +
		"A held request of yours that can never be carried out, since the session that signed it was ended or its subject takes your own key now, is taken back first; you sign that too."
}

func (c *actionAgain) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	r, err := d.Request(ctx, c.Request)
	if err != nil {
		return err
	}
	if r.Outline {
		return unread(r)
	}
	if spec, ok := actions.SpecOf(r.Action.Kind); !ok || spec.Desk || r.Action.Undo() {
		return fault.New(fault.Invalid, "bad-kind", "Only an act on a platform is asked for again in this way; %s is not one.", r.Action.Kind)
	}
	if r.Lapsed != nil {
		if err := c.takeBack(ctx, s, d, r); err != nil {
			return err
		}
	} else if why := notAgain(r); why != "" {
		return fault.New(fault.Conflict, "not-over", "%s", why)
	}
	value, _ := r.Action.Command.Layer.Label()
	w := v1.Wish{Kind: r.Action.Kind, Subject: r.Action.Subject.String(), Value: value, Reason: r.Action.Reason, Case: r.Action.Case,
		Category: r.Action.Category, Until: r.Action.Until}
	if c.Reason != "" {
		w.Reason = c.Reason
	}
	if c.Until.given != "" {
		w.Until = c.Until.from(s.Now())
	}
	return c.request(ctx, s, w, nil, nil)
}

// takeBack withdraws a held request that can never be carried out, so that it is asked for
// again.
func (c *actionAgain) takeBack(ctx context.Context, s *Session, d deskClient, r v1.Request) error {
	me, err := s.workerName()
	if err != nil {
		return err
	}
	if string(me) != r.Requester {
		return fault.New(fault.Conflict, "not-over", "The request is held and can never be carried out: %s. %s", r.Lapsed.Text, askAnew(r))
	}
	s.Say("%s can never be carried out: %s. It is taken back first, and then you ask again.", r.ID, r.Lapsed.Text)
	if r.Lapsed.Type == "session-void" {
		// The session that is kept here may be the one that was ended.
		if k, err := s.ownSession(ctx); err == nil && k != nil && k.digest() == r.Signed.Statement.Session {
			if err := s.forget(ctx, k); err != nil {
				s.Say("%v", err)
			}
		}
	}
	_, err = withdraw(ctx, s, d, r, c.Yes)
	return err
}

// notAgain says why a request cannot be made again as it was; empty if it can.
func notAgain(r v1.Request) string {
	command := requestAnew(r)
	switch r.Status {
	case actions.StatusFailed, actions.StatusVoid, actions.StatusExpired, actions.StatusWithdrawn:
		return ""
	case actions.StatusExecuted:
		if r.LiftedBy != "" {
			return "The request was carried out, and " + r.LiftedBy + " lifted its measure. To have the measure again, ask for it anew, with a reason of its own: " + command
		}
		return "The request was carried out, and was not undone. There is nothing to ask for again; how it stands: countersign action show " + r.ID
	case actions.StatusReversed:
		return "The request was carried out, and " + r.ReversedBy + " undid it. Somebody decided so: to have the measure again, ask for it anew, with a reason of its own: " + command
	case actions.StatusLifted:
		return "The request was carried out for a time, and that time is over. To have the measure again, ask for it anew: " + command
	case actions.StatusHeld:
		return "The request is held and still open. It can be made again only if it comes to nothing. Its requester may take it back: countersign action withdraw " + r.ID
	case actions.StatusApproved:
		return "The request is approved and still open. It can be made again only if it comes to nothing; how it stands: countersign action show " + r.ID
	case actions.StatusUnknown:
		if spec, _ := actions.SpecOf(r.Action.Kind); spec.Says() {
			return "It is not known whether the message was sent. Find out first; if it was not, ask for another one: " + command
		}
		return "Nobody knows yet whether the request was carried out. Look at the subject first: countersign subject show " + r.Action.Subject.String()
	}
	return "The request is " + r.Status.Word() + ". To have it decided once more, ask for it anew: " + command
}

type actionUndo struct {
	Request string `arg:"" help:"The executed request whose measure to lift: req_…"`
	Reason  string `required:"" help:"Why, for the ledger."`
	signing
}

func (c *actionUndo) Run(ctx context.Context, s *Session) error {
	if err := checkReason(c.Reason); err != nil {
		return err
	}
	d, err := s.desk()
	if err != nil {
		return err
	}
	log, err := s.ledgerName(ctx, d)
	if err != nil {
		return err
	}
	me, err := s.signer(ctx, log)
	if err != nil {
		return err
	}
	r, err := d.Request(ctx, c.Request)
	if err != nil {
		return err
	}
	draft, me, err := s.draftUndo(ctx, d, me, r, c.Reason)
	if err != nil {
		return err
	}
	return c.submit(ctx, s, d, me, draft, nil)
}

// draftUndo has the undo of a request drafted, and checks the draft. The identity says with
// what it is signed.
func (s *Session) draftUndo(ctx context.Context, d deskClient, me identity, r v1.Request, reason string) (v1.Draft, identity, error) {
	draft, me, err := s.drafted(me, r.Action.Inverse.Kind, nil, func(under canonical.Digest) (v1.Draft, error) {
		return d.DraftUndo(ctx, r.ID, v1.UndoWish{Reason: reason, Key: me.key.Key, Session: under})
	})
	if err != nil {
		return draft, me, err
	}
	return draft, me, checkUndo(draft, r, reason, me, s.Now())
}

// checkUndo compares the draft of an undo with the request that it undoes.
func checkUndo(d v1.Draft, r v1.Request, reason string, me identity, now time.Time) error {
	a := d.Action
	if err := a.Check(); err != nil {
		return tricked("%s", fault.TextOf(err))
	}
	switch {
	case a.Reverses != r.ID:
		return tricked("it undoes %q", a.Reverses)
	case a.Kind != r.Action.Inverse.Kind || a.Direction != actions.Relieving:
		return tricked("it is %s, and what takes the request back is %q", a.Kind, r.Action.Inverse.Kind)
	case a.Subject.Platform != r.Action.Subject.Platform || a.Subject.ID != r.Action.Subject.ID:
		return tricked("it is about %s", wording.Subject(a.Subject))
	case a.Command.Layer != r.Action.Command.Layer:
		return tricked("it changes %s, and the request changed %s", a.Command.Layer.Noun(), r.Action.Command.Layer.Noun())
	case a.Reason != reason:
		return tricked("it gives another reason")
	}
	if err := checkDecision(d); err != nil {
		return err
	}
	return checkStatement(d, d.Statement.Request, actions.VerdictReverse, me, d.Ruling.Need, now)
}
