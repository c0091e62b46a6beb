package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/incident"
	"countersign.dev/platform"
	"countersign.dev/policy"
	"countersign.dev/wording"
	"countersign.dev/workforce"
)

type incidentCommands struct {
	List  incidentList  `cmd:"" help:"List incidents, newest first."`
	Show  incidentShow  `cmd:"" help:"Show all that is known of one: when, who, what else they did, who could have."`
	Open  incidentOpen  `cmd:"" help:"Open one on a request that you contest."`
	Task  incidentTasks `cmd:"" help:"What is to be done before one is closed."`
	Undo  incidentUndo  `cmd:"" help:"Lift a chosen set of the measures of those involved, each with its own signature."`
	Close incidentClose `cmd:"" help:"Ask to close one with findings. People who were not involved countersign."`
	incidentEvidence
}

type incidentList struct {
	Status   incident.Status `enum:"open,closed," default:"" help:"Only open or closed ones."`
	Platform string          `help:"Only on this platform."`
	Subject  string          `help:"Only on this subject, PLATFORM:ID."`
	Limit    int             `default:"50" help:"At most so many."`
	Cursor   string          `help:"Go on where an earlier list ended."`
}

func (c *incidentList) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	page, err := d.Incidents(ctx, v1.IncidentFilter{Status: c.Status, Platform: c.Platform, Subject: c.Subject, Limit: c.Limit, Cursor: c.Cursor})
	if err != nil {
		return err
	}
	doc := items(page.Items)
	doc.Next = page.Next
	return s.Answer(doc, func(p *Page) {
		rows := [][]string{{"INCIDENT", "STATUS", "OPENED", "TIER", "SUBJECT", "WHAT"}}
		for _, i := range page.Items {
			rows = append(rows, []string{i.ID, string(i.Status), wording.When(i.Opened), string(i.Tier), wording.Subject(i.Subject), short(i.Title, 60)})
		}
		p.Table(rows)
		if page.Next != "" {
			p.Line("There are more: --cursor %s", page.Next)
		}
	})
}

type incidentShow struct {
	Incident string `arg:"" help:"inc_…"`
	Days     int    `default:"30" help:"How far back to list other acts of the people involved."`
	Policy   string `placeholder:"FOLDER" help:"Also give the ruling that this policy set would have made."`
}

func (c *incidentShow) Help() string {
	return "Reading about a critical subject is entered in the ledger, with your name."
}

func (c *incidentShow) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	r, err := d.IncidentReport(ctx, c.Incident, c.Days)
	if err != nil {
		return err
	}
	if c.Policy != "" {
		files, err := readPolicy(c.Policy, true)
		if err != nil {
			return err
		}
		proposed, err := d.IncidentRuling(ctx, c.Incident, inForce(files))
		if err != nil {
			return err
		}
		r.Rulings = append(r.Rulings, proposed)
	}
	return s.Answer(r, func(p *Page) { describeReport(p, r) })
}

func describeIncident(p *Page, i v1.Incident) {
	p.Line("%s: %s", i.ID, i.Status)
	by := string(i.By)
	if by == "" {
		by = "the watch"
	}
	p.Facts([2]string{"what", i.Title}, [2]string{"subject", wording.Subject(i.Subject)}, [2]string{"layer", otherLayer(i)}, [2]string{"tier", string(i.Tier)},
		[2]string{"opened", wording.When(i.Opened) + ", by " + by}, [2]string{"request", i.Request}, [2]string{"breach", i.Breach},
		[2]string{"closed", wording.When(i.Closed)}, [2]string{"by the review", i.Review}, [2]string{"findings", i.Findings})
	for _, t := range i.Tasks {
		state := "open"
		if !t.Done.IsZero() {
			state = "done " + wording.When(t.Done) + ": " + t.Result
		}
		p.Line("  task %d, %s: %s (%s)", t.Number, t.Owner, t.Text, state)
	}
}

// sessionWords says when the session ran under which a request was signed.
func sessionWords(u incident.Under) string {
	if u.Session.IsZero() {
		return ""
	}
	text := precise(u.Begins) + " to " + precise(u.Expires)
	if !u.Void.IsZero() {
		text += "; void, as all that were certified before " + precise(u.Void)
	}
	return text
}

func digestWords(d canonical.Digest) string {
	if d.IsZero() {
		return ""
	}
	return d.String()
}

// reportedSession is a session under which somebody involved signed.
type reportedSession struct {
	digest canonical.Digest
	with   string // "session 3f2a9c01b7de of 09:12 (until 17:12 UTC), certified by key_…"
}

// sessionsIn returns the sessions that a report names, each once: that of the contested
// request first.
func sessionsIn(r v1.IncidentReport) (all []reportedSession) {
	add := func(d canonical.Digest, with string) {
		if !d.IsZero() && !slices.ContainsFunc(all, func(x reportedSession) bool { return x.digest == d }) {
			all = append(all, reportedSession{d, with})
		}
	}
	add(r.Attribution.Under.Session, r.Attribution.With)
	for _, t := range r.Touched {
		add(t.Session, t.With)
	}
	return all
}

func describeReport(p *Page, r v1.IncidentReport) {
	describeIncident(p, r.Incident)
	if !r.Down.IsZero() {
		is := "down"
		if l := layerOf(r.Incident); l != platform.VisibilityLayer {
			is = platform.DescribeIn(l, platform.Expect{Status: l.Bears()})
		}
		fact := is + " since " + precise(r.Down)
		if !r.Up.IsZero() {
			fact = fmt.Sprintf("%s for %s, from %s", is, r.Up.Sub(r.Down.Time), precise(r.Down))
		}
		p.Line("  %s", fact)
	}
	if r.Incident.Breach != "" && r.Up.IsZero() {
		p.Line("")
		p.Line("To lift what the breach left, which one person may do unless a standing order says that its mark is never lifted:")
		p.Line("  %s", liftCommand(r))
	}
	p.Line("")
	p.Line("Who")
	a := r.Attribution
	if a.Around {
		credential := a.Credential
		if credential == "" {
			credential = "not told"
		}
		p.Facts([2]string{"around the desk, with credential", credential}, [2]string{"declared holders", wording.Joined(a.Holders)})
	} else {
		last := "open-ended"
		if !a.Last.IsZero() {
			last = wording.When(a.Last)
		}
		p.Facts([2]string{"worker", string(a.Worker)}, [2]string{"vendor", vendorWords(a.Vendor)}, [2]string{"engaged", wording.When(a.Start) + " to " + last},
			[2]string{"key", string(a.Key)}, [2]string{"signed with", a.With}, [2]string{"session", sessionWords(a.Under)}, [2]string{"its digest", digestWords(a.Under.Session)}, [2]string{"handed in with", a.Session})
		for _, c := range a.Signers {
			p.Line("  countersigned by %s of %s, with %s, %s", c.Worker, vendorWords(c.Vendor), c.KeyWords(), precise(c.At))
		}
	}
	p.Line("  %s", a.Why)
	p.Line("")
	rows := [][]string{{"WHEN", "AFTER", "STEP", "WHO", "ENTRY", "WHAT"}}
	var before canonical.Time
	for _, m := range r.Timeline {
		after := ""
		if !before.IsZero() {
			after = "+" + m.At.Sub(before.Time).Round(time.Microsecond).String()
		}
		before = m.At
		entry := ""
		if m.Entry >= 0 {
			entry = fmt.Sprint(m.Entry)
		}
		rows = append(rows, []string{precise(m.At), after, string(m.Step), string(m.Who), entry, short(m.Text, 300)})
	}
	p.Table(rows)
	for _, x := range r.Rulings {
		p.Line("")
		p.Line("The policy %s: %s", map[string]string{"then": "in force then", "today": "in force today", "proposed": "that is proposed"}[x.Which], x.Verdict)
		p.Facts([2]string{"policy", x.Policy.String()}, [2]string{"needs", x.Need})
		for _, reason := range x.Reasons {
			p.Line("  %s: %s", reason.Policy, reason.Text)
		}
	}
	for _, x := range r.Exposure {
		p.Line("")
		p.Line("Who could have done %s then: %d alone; together %d at least, by the way %q", x.Kind, x.Alone, x.Collusion, x.Way)
		for _, g := range x.Group {
			p.Line("  %s", g)
		}
		p.Facts([2]string{"around the desk", wording.Joined(x.Around)})
	}
	if len(r.Touched) > 0 {
		p.Line("")
		rows := [][]string{{"REQUEST", "STATUS", "AS", "WHEN", "SIGNED WITH", "ACT"}}
		for _, t := range r.Touched {
			rows = append(rows, []string{t.Request, t.Status.Word(), t.As, wording.When(t.At), t.With, t.What() + " " + wording.Subject(t.Subject)})
		}
		p.Table(rows)
	}
	for _, x := range sessionsIn(r) {
		p.Line("")
		p.Line("To lift only what the %s signed:", x.with)
		p.Line("  countersign incident undo %s --session %s --reason WHY", r.Incident.ID, wording.ShortDigest(x.digest))
	}
}

func vendorWords(v workforce.VendorID) string {
	if v == "" {
		return "the platform's own company"
	}
	return string(v)
}

// precise writes an instant to the millisecond.
func precise(t canonical.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05.000")
}

type incidentOpen struct {
	Request string `arg:"" help:"The request that you contest: req_…"`
	Title   string `required:"" help:"What it is about, in one line."`
	Yes     bool   `short:"y" help:"Sign without asking."`
}

func (c *incidentOpen) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	deed, err := s.deed(ctx, d, actions.Deed{What: actions.DeedOpenIncident, Of: c.Request}, c.Title, "Open an incident on the request "+c.Request, canonical.Time{}, c.Yes)
	if err != nil {
		return err
	}
	i, err := d.OpenIncident(ctx, v1.NewIncident{Request: c.Request, Title: c.Title, Deed: deed})
	if err != nil {
		return err
	}
	return s.Answer(i, func(p *Page) { describeIncident(p, i) })
}

type incidentTasks struct {
	Add  taskAdd  `cmd:"" help:"Give somebody independent of those involved something to do."`
	Done taskDone `cmd:"" help:"Report the result of your task."`
}

type taskAdd struct {
	Incident string             `arg:"" help:"inc_…"`
	Text     string             `arg:"" help:"What is to be done."`
	Owner    workforce.WorkerID `required:"" help:"Who does it."`
	Yes      bool               `short:"y" help:"Sign without asking."`
}

func (c *taskAdd) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	seen, err := d.Incident(ctx, c.Incident)
	if err != nil {
		return err
	}
	deed, err := s.deed(ctx, d, actions.Deed{What: actions.DeedAssignTask, Of: c.Incident, To: c.Owner, Version: seen.Version}, c.Text,
		fmt.Sprintf("Give %s a task of the incident %s", c.Owner, c.Incident), canonical.Time{}, c.Yes)
	if err != nil {
		return err
	}
	i, err := d.AssignTask(ctx, c.Incident, v1.NewTask{Text: c.Text, Owner: c.Owner, Deed: deed})
	if err != nil {
		return err
	}
	return s.Answer(i, func(p *Page) { describeIncident(p, i) })
}

type taskDone struct {
	Incident string `arg:"" help:"inc_…"`
	Number   int64  `arg:"" help:"Number of the task."`
	Result   string `required:"" help:"What came of it."`
	Yes      bool   `short:"y" help:"Sign without asking."`
}

func (c *taskDone) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	seen, err := d.Incident(ctx, c.Incident)
	if err != nil {
		return err
	}
	deed, err := s.deed(ctx, d, actions.Deed{What: actions.DeedFinishTask, Of: actions.TaskOf(c.Incident, c.Number), Version: seen.Version}, c.Result,
		fmt.Sprintf("Finish the task %d of the incident %s", c.Number, c.Incident), canonical.Time{}, c.Yes)
	if err != nil {
		return err
	}
	i, err := d.FinishTask(ctx, c.Incident, c.Number, v1.TaskResult{Result: c.Result, Deed: deed})
	if err != nil {
		return err
	}
	return s.Answer(i, func(p *Page) { describeIncident(p, i) })
}

type incidentClose struct {
	Incident string `arg:"" help:"inc_…"`
	Findings string `required:"" placeholder:"FILE" help:"The text of the findings."`
	Reason   string `default:"The review is done." help:"Why, for the ledger."`
	signing
}

func (c *incidentClose) Help() string {
	return "The findings are handed in, and your key signs a desk.review that names them by their digest and everybody involved. Nobody involved may sign it, nor anybody who depends on them."
}

func (c *incidentClose) Run(ctx context.Context, s *Session) error {
	text, err := ReadFile(c.Findings, incident.MaxFindings)
	if err != nil {
		return err
	}
	d, err := s.desk()
	if err != nil {
		return err
	}
	seen, err := d.Incident(ctx, c.Incident)
	if err != nil {
		return err
	}
	deed, err := s.deed(ctx, d, actions.Deed{What: actions.DeedFindings, Of: c.Incident, Version: seen.Version}, string(text), "Propose findings of the incident "+c.Incident, canonical.Time{}, c.Yes)
	if err != nil {
		return err
	}
	review, err := d.ProposeFindings(ctx, c.Incident, v1.Findings{Text: string(text), Deed: deed})
	if err != nil {
		return err
	}
	if review.Of != actions.ReviewIncident || review.ID != c.Incident || review.Findings != incident.FindingsDigest(string(text)) {
		return tricked("its review is of something else")
	}
	return c.change(ctx, s, actions.DeskReview, review, c.Reason)
}

type incidentUndo struct {
	Incident string   `arg:"" help:"inc_…"`
	Requests []string `arg:"" optional:"" help:"The requests whose measures to lift, of those that incident show lists: req_… …"`
	All      bool     `xor:"which" help:"All measures of those involved that are in force, also what they signed with their own keys."`
	Session  string   `xor:"which" help:"All measures in force that this session signed, and nothing else: its first 12 digits or more, as incident show names it."`
	Since    moment   `placeholder:"TIME" help:"With --all or --session: only what was signed from this time on, such as 2026-11-30T09:00:00Z."`
	Days     int      `default:"30" help:"How far back; with --since at least to then."`
	Reason   string   `required:"" help:"Why, for the ledger."`
	signing
}

func (c *incidentUndo) Help() string {
	return "Each undo is a request of its own with a signature of its own, under the rules of every undo: your budget, the window of 30 days, and countersignatures where the measure is older or legal. What fails, fails by itself. What the policy forbids you to lift is not signed. " +
		"Measures that were lifted here are listed with the commands that ask for them again, since not all of them may have been wrong. Measures that the session lifted, or with --all those involved, are not put back: they are listed at the end, with the commands that ask for them again."
}

// undone is the answer of incident undo.
type undone struct {
	Succeeded []lifted   `json:"succeeded"` // done, or held for others
	Failed    []unlifted `json:"failed"`
	Replaced  []replaced `json:"replaced"` // their measures were not in force any more
	Nothing   string     `json:"nothing"`  // why there was nothing to undo; empty if there was something
	// StillLifted are measures that were lifted by those involved, or under the session that
	// was named, and that nothing has put back.
	StillLifted []stillLifted `json:"still_lifted"`
}

// stillLifted is a measure that somebody involved lifted.
type stillLifted struct {
	Request string             `json:"request"` // that left the measure
	Of      workforce.WorkerID `json:"of"`      // who had asked for it
	By      string             `json:"by"`      // the request that lifted it
	Again   string             `json:"again"`   // the command that asks for it again
}

// replaced is a request whose measure is not in force any more: the measure of another
// request took its place. That one is undone here too, or was over before.
type replaced struct {
	Request string `json:"request"`
	By      string `json:"by"`              // the newest such request
	Lifted  bool   `json:"lifted,omitzero"` // it lifted the measure, and left none in its place
}

type lifted struct {
	Request string         `json:"request"`
	Undo    string         `json:"undo"` // the request that lifts it
	Status  actions.Status `json:"status"`
	Again   string         `json:"again"` // the command that asks for the measure again, if it was lifted
}

type unlifted struct {
	Request string `json:"request"`
	Type    string `json:"type"`
	Error   string `json:"error"`
}

func (c *incidentUndo) Run(ctx context.Context, s *Session) error {
	if err := checkReason(c.Reason); err != nil {
		return err
	}
	if (c.All || c.Session != "") == (len(c.Requests) > 0) {
		return fault.New(fault.Invalid, "wrong-use", "Name the requests, or give --all, or --session with a session that incident show names.")
	}
	switch {
	case c.Since.given != "" && len(c.Requests) > 0:
		return fault.New(fault.Invalid, "wrong-use", "--since chooses among what --all or --session takes in. The requests that you name are undone whenever they were signed.")
	case c.Since.after > 0:
		return fault.New(fault.Invalid, "wrong-use", "Give --since as a time such as 2026-11-30T09:00:00Z.")
	case c.Since.given != "":
		c.Days = max(c.Days, int(s.Now().Sub(c.Since.at)/(24*time.Hour))+1)
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
	r, err := d.IncidentReport(ctx, c.Incident, c.Days)
	if err != nil {
		return err
	}
	session, err := c.session(r)
	if err != nil {
		return err
	}
	chosen, err := c.choose(ctx, d, r, session)
	if err != nil {
		return err
	}
	out := undone{Succeeded: []lifted{}, Replaced: []replaced{}, Failed: c.around(r), StillLifted: []stillLifted{}}
	if chosen, out.Replaced, err = c.unreplaced(ctx, d, chosen); err != nil {
		return err
	}
	if len(chosen)+len(out.Replaced)+len(out.Failed) == 0 {
		out.Nothing = c.nothing(r, session)
	}
	failed := func(request string, err error) {
		out.Failed = append(out.Failed, unlifted{request, fault.TypeOf(err), fault.TextOf(err)})
	}
	type prepared struct {
		request v1.Request
		draft   v1.Draft
		signer  identity
	}
	var with, no []string
	var drafts []prepared
	p := &Page{color: s.Color}
	for _, id := range chosen {
		asked, draft, signer, err := c.draft(ctx, s, d, me, id)
		if fault.Is(err, "wrong-draft") {
			return err // a desk that lies gets no signature at all
		}
		if err != nil {
			failed(id, err)
			continue
		}
		if draft.Ruling.Verdict == policy.Forbidden {
			why := reasonWords(draft.Ruling)
			if failed(id, fault.New(fault.Forbidden, "forbidden", "The policy does not let you lift it. %s", why)); !slices.Contains(no, why) {
				no = append(no, why)
			}
			continue
		}
		p.Line("  %s (%s)", wording.Action(draft.Action), id)
		p.Line("    %s", askedWords(asked))
		drafts = append(drafts, prepared{asked, draft, signer})
		if w := signer.with(); !slices.Contains(with, w) {
			with = append(with, w)
		}
	}
	if len(no) > 0 && len(drafts) == 0 && len(out.Failed) == len(chosen) {
		which := "this measure"
		if len(chosen) > 1 {
			which = fmt.Sprintf("any of these %d measures", len(chosen))
		}
		return fault.New(fault.Forbidden, "forbidden", "The policy does not let you lift %s, and nothing was signed. %s The rules tell who may: `countersign policy show`", which, strings.Join(no, " "))
	}
	if len(drafts) > 0 {
		s.Say("You sign %s, with %s:", wording.Many(len(drafts), "undo"), wording.Joined(with))
		s.SayAll(p.String())
		if c.All {
			sayMixed(s, r, chosen)
		}
		if err := s.Confirm("Sign and send them?", c.Yes); err != nil {
			return err
		}
	}
	for _, x := range drafts {
		var r v1.Request
		signed, err := x.signer.signed(ctx, s, x.draft)
		if err == nil {
			r, err = d.Submit(ctx, signed, min(c.Wait, v1.MaxWait*time.Second))
			s.lapsed(ctx, err)
		}
		switch {
		case err != nil:
			failed(x.request.ID, err)
		case r.Status == actions.StatusExecuted || !final(r.Status):
			x := lifted{Request: x.request.ID, Undo: r.ID, Status: r.Status, Again: again(x.request, s.Now())}
			if r.Status != actions.StatusExecuted {
				x.Again = ""
			}
			out.Succeeded = append(out.Succeeded, x)
		default:
			failed(x.request.ID, fault.New(fault.Conflict, r.Outcome, "%s", r.OutcomeText))
		}
	}
	if len(out.Failed) > 0 {
		s.End(Refused)
	}
	if c.All || c.Session != "" {
		out.StillLifted = stillLiftedBy(ctx, d, r, session, c.Since.from(s.Now()), s.Now())
	}
	return s.Answer(out, func(p *Page) {
		defer describeStillLifted(p, out.StillLifted)
		defer describeLifted(p, out.Succeeded)
		if out.Nothing != "" {
			p.Line("%s", out.Nothing)
			return
		}
		rows := [][]string{{"REQUEST", "UNDO", "WHAT BECAME OF IT"}}
		for _, x := range out.Succeeded {
			rows = append(rows, []string{x.Request, x.Undo, wording.Status(x.Status)})
		}
		for _, x := range out.Replaced {
			how := "replaced"
			if x.Lifted {
				how = "lifted"
			}
			rows = append(rows, []string{x.Request, "", "nothing of it is left: " + how + " by " + x.By})
		}
		for _, x := range out.Failed {
			rows = append(rows, []string{x.Request, "", p.Bad(short(x.Error, 300))})
		}
		p.Table(rows)
	})
}

// around returns the breach if --all is given and its mark still stands. No request left
// that mark, so there is no request whose undo would lift it.
func (c *incidentUndo) around(r v1.IncidentReport) []unlifted {
	if !c.All || r.Incident.Breach == "" || !r.Up.IsZero() || !c.takesIn(r.Down) {
		return []unlifted{}
	}
	return []unlifted{{r.Incident.Breach, "around-the-desk", fmt.Sprintf(
		"It was done around the desk, so there is no request to undo. One person lifts what it left: %s", liftCommand(r))}}
}

// liftCommand is the command that lifts what the breach of an incident left.
func liftCommand(r v1.IncidentReport) string {
	on := r.Incident.Subject
	if on.ID != "" {
		on.Handle = ""
	}
	return fmt.Sprintf("countersign action request %s %s%s --reason WHY", liftOf(r), on, valueFlag(layerOf(r.Incident)))
}

// otherLayer names the layer of an incident, unless that is the visibility.
func otherLayer(i v1.Incident) string {
	if l := layerOf(i); l != platform.VisibilityLayer {
		return l.String()
	}
	return ""
}

// layerOf returns the layer of an incident. A desk from before there were layers tells none.
func layerOf(i v1.Incident) platform.Layer {
	l, err := platform.ParseLayer(i.Layer)
	if err != nil {
		return platform.VisibilityLayer
	}
	return l
}

// liftOf returns the kind of act that lifts what the breach of an incident left.
func liftOf(r v1.IncidentReport) actions.Kind {
	if len(r.Exposure) > 0 {
		if spec, ok := actions.SpecOf(r.Exposure[0].Kind); ok && spec.InverseDirection == actions.Relieving {
			return spec.Inverse
		}
	}
	return actions.AccountRestore
}

// valueFlag is the flag of a command that names a label; empty for every other layer.
func valueFlag(l platform.Layer) string {
	if value, ok := l.Label(); ok {
		return " --value " + value
	}
	return ""
}

// takesIn reports whether what was signed at an instant is chosen, as far as its time goes.
func (c *incidentUndo) takesIn(at canonical.Time) bool {
	return c.Since.given == "" || !at.Before(c.Since.at)
}

// askedWords says when and why a measure was asked for, and in which case.
func askedWords(r v1.Request) string {
	text := "asked for by " + r.Requester + " on " + wording.When(r.Created)
	if r.Action.Case != "" {
		text += ", case " + r.Action.Case
	}
	return short(text+": "+r.Action.Reason, 300)
}

// reasonWords are the reasons of a ruling as sentences.
func reasonWords(r v1.Ruling) string {
	var all []string
	for _, x := range r.Reasons {
		all = append(all, x.Text)
	}
	return strings.Join(all, " ")
}

// again is the command that asks once more for the measure of a request; empty if its time
// is over.
func again(of v1.Request, now time.Time) string {
	a := of.Action
	command := requestAnew(of)
	if !a.Until.IsZero() {
		if !now.Before(a.Until.Time) {
			return ""
		}
		command += " --until " + a.Until.UTC().Format(time.RFC3339)
	}
	if a.Case != "" {
		command += " --case " + quoted(a.Case)
	}
	if a.Category != "" {
		command += " --category " + string(a.Category)
	}
	return command
}

// nothing says why there is nothing to undo.
func (c *incidentUndo) nothing(r v1.IncidentReport, session canonical.Digest) string {
	text := "Nothing to undo: of those involved no measure is in force that was asked for at this desk."
	if !session.IsZero() {
		text = "Nothing to undo: no measure is in force that this session signed."
	}
	if c.Since.given != "" {
		text = strings.TrimSuffix(text, ".") + " from " + wording.When(c.Since.from(time.Time{})) + " on."
	}
	if !r.Up.IsZero() {
		is := "up again"
		if l := layerOf(r.Incident); l != platform.VisibilityLayer {
			is = platform.DescribeIn(l, platform.Expect{Status: l.Clear()}) + " any more"
		}
		text += fmt.Sprintf(" The subject is %s since %s; countersign incident show %s says by whose act.", is, precise(r.Up), r.Incident.ID)
	}
	return text
}

// session returns the session that was named with --session; zero if none was.
func (c *incidentUndo) session(r v1.IncidentReport) (named canonical.Digest, err error) {
	if c.Session == "" {
		return named, nil
	}
	var all []string
	var found []canonical.Digest
	for _, x := range sessionsIn(r) {
		short := wording.ShortDigest(x.digest)
		all = append(all, short)
		name, given := strings.TrimPrefix(x.digest.String(), "sha256:"), strings.TrimPrefix(c.Session, "sha256:")
		if len(given) >= len(short) && strings.HasPrefix(name, given) {
			found = append(found, x.digest)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(all) == 0:
		return named, fault.New(fault.Invalid, "not-theirs", "In the last %s none of those involved signed under a session.", wording.Many(c.Days, "day"))
	}
	return named, fault.New(fault.Invalid, "not-theirs", "%q is no session under which those involved signed in the last %s; they signed under %s.", c.Session, wording.Many(c.Days, "day"), wording.Joined(all))
}

// sayMixed tells before the signature that not everything was signed under one session. Then
// not all of it need be of whoever had that session.
func sayMixed(s *Session, r v1.IncidentReport, chosen []string) {
	sessions := sessionsIn(r)
	if len(sessions) == 0 {
		return
	}
	counts, own := make([]int, len(sessions)), 0
	count := func(request string, session canonical.Digest) {
		if !slices.Contains(chosen, request) {
			return
		}
		if n := slices.IndexFunc(sessions, func(x reportedSession) bool { return x.digest == session }); n >= 0 {
			counts[n]++
		} else {
			own++
		}
	}
	count(r.Incident.Request, r.Attribution.Under.Session)
	for _, t := range r.Touched {
		count(t.Request, t.Session)
	}
	parts, hint := []string{}, ""
	for n, x := range sessions {
		if counts[n] == 0 {
			continue
		}
		parts = append(parts, fmt.Sprintf("%d by the %s", counts[n], x.with))
		if hint == "" {
			hint = fmt.Sprintf("countersign incident undo %s --session %s --reason WHY", r.Incident.ID, wording.ShortDigest(x.digest))
		}
	}
	if own > 0 {
		parts = append(parts, fmt.Sprintf("%d by a person's own key", own))
	}
	if len(parts) > 1 {
		s.Say("Not all of these measures were signed under one session: %s. To lift only what one session signed: %s", wording.Joined(parts), hint)
	}
}

// stillLiftedBy returns the measures that were lifted under a session and that nothing has
// put back. Without a session it is all that people involved lifted, except for what somebody
// lifted of their own with their own key.
func stillLiftedBy(ctx context.Context, d deskClient, r v1.IncidentReport, session canonical.Digest, since canonical.Time, now time.Time) []stillLifted {
	lifts := map[string]canonical.Digest{r.Incident.Request: r.Attribution.Under.Session}
	for _, t := range r.Touched {
		if spec, ok := actions.SpecOf(t.Kind); ok && !spec.Desk && spec.Direction == actions.Relieving && t.As == "requester" && t.Status == actions.StatusExecuted {
			lifts[t.Request] = t.Session
		}
	}
	out := []stillLifted{}
	for _, id := range slices.Sorted(maps.Keys(lifts)) {
		if id == "" || !session.IsZero() && lifts[id] != session {
			continue
		}
		lift, err := d.Request(ctx, id)
		if err != nil || lift.Status != actions.StatusExecuted || lift.Action.Direction != actions.Relieving || lift.Created.Before(since.Time) {
			continue
		}
		of, err := d.Request(ctx, lift.Action.Command.Expect.Mark.Request())
		if err != nil || of.Outline || lifts[id].IsZero() && of.Requester == lift.Requester || again(of, now) == "" {
			continue
		}
		// If the subject cannot be looked at, it is listed: somebody has to look.
		if at, err := d.Subject(ctx, of.Action.Subject.String()); err == nil && at.State.At(of.Action.Command.Layer).Status == of.Action.Command.After().Status {
			continue
		}
		out = append(out, stillLifted{of.ID, workforce.WorkerID(of.Requester), id, again(of, now)})
	}
	return out
}

// describeLifted lists the commands that ask again for what was lifted here.
func describeLifted(p *Page, all []lifted) {
	first := true
	for _, x := range all {
		if x.Again == "" {
			continue
		}
		if first {
			p.Line("")
			p.Line("Lifted just now. If one of these measures was right, this asks for it again:")
		}
		first = false
		p.Line("  %s", x.Again)
		p.Line("    the measure of %s", x.Request)
	}
}

func describeStillLifted(p *Page, all []stillLifted) {
	if len(all) == 0 {
		return
	}
	p.Line("")
	p.Line("Lifted by those involved, and still lifted. Nothing puts these measures back by itself; to ask for them again:")
	for _, x := range all {
		p.Line("  %s", x.Again)
		p.Line("    the measure of %s, which %s had asked for; %s lifted it", x.Request, x.Of, x.By)
	}
}

// choose returns the requests to undo. Each must be the contested one, or one that the
// people involved had a part in.
func (c *incidentUndo) choose(ctx context.Context, d deskClient, r v1.IncidentReport, session canonical.Digest) ([]string, error) {
	var theirs, inForce []string
	if r.Incident.Request != "" && (session.IsZero() || r.Attribution.Under.Session == session) {
		theirs = append(theirs, r.Incident.Request)
		contested, err := d.Request(ctx, r.Incident.Request)
		if err != nil {
			return nil, err
		}
		if c.takesIn(contested.Created) && contested.Status == actions.StatusExecuted && contested.Action.Inverse.Direction == actions.Relieving {
			inForce = append(inForce, contested.ID)
		}
	}
	for _, t := range r.Touched {
		if t.As == incident.AsCredential || !session.IsZero() && t.Session != session {
			continue // a change around the desk has no warrant that could be undone
		}
		theirs = append(theirs, t.Request)
		if spec, ok := actions.SpecOf(t.Kind); ok && c.takesIn(t.At) && t.Status == actions.StatusExecuted && !spec.Desk && spec.InverseDirection == actions.Relieving {
			inForce = append(inForce, t.Request)
		}
	}
	if c.All || !session.IsZero() {
		return inForce, nil
	}
	for _, id := range c.Requests {
		if !slices.Contains(theirs, id) {
			return nil, fault.New(fault.Invalid, "not-theirs", "%s is none of what those involved did in the last %s; undo it by itself with `countersign action undo %s --reason WHY`.", id, wording.Many(c.Days, "day"), id)
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(c.Requests))), nil
}

// unreplaced leaves out requests whose measure another request lifted, or was replaced by
// one that is undone here as well, or that is over. A request whose measure was replaced by one that is in
// force and is not undone here stays in: its undo is refused, and the refusal names the
// other.
func (c *incidentUndo) unreplaced(ctx context.Context, d deskClient, chosen []string) (left []string, gone []replaced, err error) {
	gone = []replaced{}
	for _, id := range chosen {
		r, err := d.Request(ctx, id)
		if err != nil {
			return nil, nil, err
		}
		if r.LiftedBy != "" {
			gone = append(gone, replaced{id, r.LiftedBy, true})
			continue
		}
		covered := r.ReplacedBy != "" && slices.Contains(chosen, r.ReplacedBy)
		if r.ReplacedBy != "" && !covered {
			newest, err := d.Request(ctx, r.ReplacedBy)
			if err != nil {
				return nil, nil, err
			}
			covered = newest.Status != actions.StatusExecuted
		}
		if covered {
			gone = append(gone, replaced{id, r.ReplacedBy, false})
			continue
		}
		left = append(left, id)
	}
	return left, gone, nil
}

func (c *incidentUndo) draft(ctx context.Context, s *Session, d deskClient, me identity, id string) (v1.Request, v1.Draft, identity, error) {
	r, err := d.Request(ctx, id)
	if err != nil {
		return r, v1.Draft{}, me, err
	}
	draft, me, err := s.draftUndo(ctx, d, me, r, c.Reason)
	return r, draft, me, err
}
