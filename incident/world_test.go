package incident_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/incident"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/platform"
	"countersign.dev/policy"
	"countersign.dev/workforce"
)

const (
	brc        = "brc_01jd0000000000000000000017"
	inc        = "inc_01jd0000000000000000000017"
	credential = "staff token night-shift"
)

var subject = prooftest.Account("acct/17")

// evening is a desk at which something happened.
type evening struct {
	*prooftest.World
	t        testing.TB
	sequence int64
	report   incident.Report
	about    map[int64]bool // entries that are about the incident
	openings []incident.FieldOf
	warrants [][]byte
}

func begin(t testing.TB) *evening {
	t.Helper()
	w := prooftest.Staffed(t)
	w.Change(actions.DeskChange, actions.Setting{Of: actions.PartOrders, Order: &actions.Order{Op: "place", Platform: "plaza", Tier: actions.Critical,
		Until: canonical.At(w.Now().AddDate(0, 1, 0)), PerSubject: 100, PerTier: 1000}})
	return &evening{World: w, t: t, about: map[int64]bool{}}
}

// record enters a record of the executor's.
func (e *evening) record(x proof.Execution, openings ...ledger.Opening) int64 {
	e.t.Helper()
	x.V, x.Executor, x.Sequence, x.At = proof.ExecutionV1, prooftest.ExecutorID, e.sequence, canonical.At(e.Now())
	e.sequence++
	if err := x.Check(); err != nil {
		e.t.Fatal(err)
	}
	s := x.Sign(e.ExecutorKey)
	s.Openings = openings
	if err := s.CheckOpenings(); err != nil {
		e.t.Fatal(err)
	}
	if err := e.Record(s); err != nil {
		e.t.Fatal(err)
	}
	return e.newest()
}

// newest takes in the newest entry as one about the incident.
func (e *evening) newest() int64 {
	all := e.Entries()
	last := all[len(all)-1]
	e.about[last.Index] = true
	for _, o := range last.Openings {
		e.openings = append(e.openings, incident.FieldOf{Index: last.Index, Opening: o})
	}
	return last.Index
}

func (e *evening) field(name, value string) (ledger.Opening, canonical.Digest) {
	e.t.Helper()
	o, err := ledger.Field(name, value)
	if err != nil {
		e.t.Fatal(err)
	}
	salt := canonical.Sum([]byte(name), []byte(value))
	o.Salt = salt[:]
	d, err := o.Commitment()
	if err != nil {
		e.t.Fatal(err)
	}
	return o, d
}

var nonce = make(canonical.Bytes, 32)

// breached plays the way around the desk: somebody takes the account down with
// the platform's own credential, and the executor puts it back.
func breached(t testing.TB) *evening {
	e := begin(t)
	e.Advance(4*time.Hour + 11*time.Minute)
	name, sealed := e.field(proof.SealedSubject, subject.String())
	token, whose := e.field(proof.SealedCredential, credential)
	changed := canonical.At(e.Now())
	e.Advance(3 * time.Millisecond)
	sight := proof.Sight{Platform: "plaza", Tier: actions.Critical, Subject: sealed, Expected: platform.Expect{Status: platform.Up},
		Found: platform.Expect{Status: platform.Down, Mark: "night-shift"}, Via: "stream", Seen: canonical.At(e.Now()), Why: "never-warranted", Order: e.State().Orders["plaza/critical"].Request}
	e.Advance(2 * time.Millisecond)
	seen := e.record(proof.Execution{Kind: proof.KindBreach, Duty: proof.DutyWatch, Request: brc, Sight: &sight}, name)
	e.Advance(1 * time.Millisecond)
	e.record(proof.Execution{Kind: proof.KindIntent, Duty: proof.DutyRestore, Request: brc, Nonce: nonce, Sight: &sight, Warrant: canonical.Sum([]byte("order"))}, name)
	e.Advance(19 * time.Millisecond)
	e.record(proof.Execution{Kind: proof.KindReceipt, Duty: proof.DutyRestore, Request: brc, Nonce: nonce, Sight: &sight, Warrant: canonical.Sum([]byte("order")),
		Outcome: proof.Executed, Before: sight.Found, After: platform.Expect{Status: platform.Up}}, name)
	up := canonical.At(e.Now())
	e.Advance(340 * time.Millisecond)
	told := sight
	told.Credential = whose
	e.record(proof.Execution{Kind: proof.KindTold, Duty: proof.DutyWatch, Request: brc, Sight: &told}, name, token)
	e.Advance(10 * time.Millisecond)
	alarmed := canonical.At(e.Now())
	e.Advance(42 * time.Second)
	if _, err := e.TryChange(actions.DeskFreeze, actions.Freeze{Op: "freeze", Scope: actions.ScopeVendor, Of: "acme"}, "ole"); err != nil {
		t.Fatal(err)
	}
	froze := e.newest()
	e.Advance(4 * time.Hour)
	then := e.State().Policy.Digest()
	e.report = incident.Report{
		Incident: incident.Incident{ID: inc, Version: 3, Status: incident.Open, Cause: incident.Breach, Breach: brc, Subject: subject, Tier: actions.Critical,
			Opened: alarmed, Title: "@17 was taken down around the desk",
			Tasks: []incident.Task{{Number: 1, Text: "Find out who used the staff token night-shift between 17:00 and 18:00.", Owner: "kim", Done: canonical.At(e.Now()), Result: "The shift of acme; the token is replaced."},
				{Number: 2, Text: "Tell the owner of @17 what happened.", Owner: "eva"}}},
		At: canonical.At(e.Now()), Down: changed, Up: up,
		Timeline: []incident.Moment{
			{At: changed, Step: incident.StepChanged, Text: "The platform dates the change.", Source: incident.FromPlatform, Request: brc},
			{Step: incident.StepSeen, Text: "seen", Source: incident.FromLedger, Entry: seen},
			{At: alarmed, Step: incident.StepOpened, Text: "The incident was opened.", Source: incident.FromDesk, Request: brc},
			{At: canonical.At(alarmed.Add(4 * time.Millisecond)), Step: incident.StepAlarmed, Text: "An alarm was sent to 2 addresses.", Source: incident.FromDesk, Request: brc},
			{Step: incident.StepFrozen, Source: incident.FromLedger, Entry: froze},
		},
		Attribution: incident.Attribution{Around: true, Credential: credential, Holders: []string{"dan", "abe", "the night shift of acme"}},
		Touched: []incident.Touched{{Request: "req_01jd0000000000000000000003", Kind: actions.AccountSuspend, Subject: prooftest.Account("acct/3"), Tier: actions.Standard,
			Status: actions.StatusExecuted, At: canonical.At(changed.Add(-26 * time.Hour)), As: "requester", With: "file key"}},
		Rulings: []incident.Ruled{
			{Policy: then, Which: "then", Verdict: policy.Held, Need: "2 independent; 1 employee; hardware keys", Reasons: []policy.Reason{{Policy: "critical-needs-two", Text: "Harm to a critical account needs two independent people."}}},
			{Policy: then, Which: "today", Verdict: policy.Held, Need: "2 independent; 1 employee; hardware keys", Reasons: []policy.Reason{{Policy: "critical-needs-two", Text: "Harm to a critical account needs two independent people."}}},
			{Policy: canonical.Sum([]byte("proposed")), Which: "proposed", Verdict: policy.Forbidden, Reasons: []policy.Reason{{Policy: "night-freeze", Text: "Nobody acts on critical accounts at night."}}}},
		Exposure: []incident.Exposed{
			{At: changed, Kind: actions.AccountTakedown, Alone: 0, Collusion: 3, Way: "the act as ruled", Group: []string{"an agent of acme", "a lead of bolt", "an employee lead"}, Around: []string{"dan", "abe", "the night shift of acme"}},
			{At: changed, Kind: actions.AccountContain, Alone: 1, Collusion: 1, Way: "emergency", Group: []string{"an on-call employee"}, Around: []string{"dan", "abe", "the night shift of acme"}}},
	}
	return e
}

// contested plays an act with its signatures that somebody contests afterwards.
func contested(t testing.TB) *evening { return contestedIn(t, func(*evening) {}) }

// contestedIn has something happen before the warrant is entered.
func contestedIn(t testing.TB, before func(*evening)) *evening {
	e := begin(t)
	e.Advance(2 * time.Hour)
	r := e.Request("bob", actions.AccountTakedown, subject, actions.Critical)
	asked := e.entry("request", e.asking(r, actions.StatusHeld, actions.Need{Independent: 2, Hardware: true, Qualified: map[actions.Qualifier]int{actions.QualifierEmployee: 1}}),
		map[string]string{"subject": subject.String(), "handle": subject.Handle, "reason": r.Action.Reason, "case": r.Action.Case})
	for i, who := range []workforce.WorkerID{"kim", "sue"} {
		e.Advance(time.Duration(7+i) * time.Minute)
		e.Countersign(r, who)
		j := slices.IndexFunc(r.Countersignatures, func(s actions.Signed) bool { return s.Statement.Signer == who })
		e.entry("countersign", e.answer(r, r.Countersignatures[j]), nil)
	}
	before(e)
	e.warrants = append(e.warrants, e.Warrant(r))
	e.newest()
	core := digestOf(t, e.warrants[0])
	e.Advance(8 * time.Millisecond)
	e.record(proof.Execution{Kind: proof.KindIntent, Duty: proof.DutyAct, Request: r.ID, Nonce: nonce, Warrant: core})
	e.Advance(31 * time.Millisecond)
	e.record(proof.Execution{Kind: proof.KindReceipt, Duty: proof.DutyAct, Request: r.ID, Nonce: nonce, Warrant: core, Outcome: proof.Executed,
		Before: platform.Expect{Status: platform.Up}, After: r.Action.Command.After()})
	down := canonical.At(e.Now())
	e.Executed(r)
	e.Advance(9 * time.Minute)
	u := e.Undo("ole", r)
	e.entry("request", e.asking(u, actions.StatusApproved, actions.Need{}),
		map[string]string{"subject": subject.String(), "handle": subject.Handle, "reason": u.Action.Reason, "case": u.Action.Case})
	e.warrants = append(e.warrants, e.Warrant(u))
	e.newest()
	e.Advance(20 * time.Millisecond)
	core = digestOf(t, e.warrants[1])
	e.record(proof.Execution{Kind: proof.KindIntent, Duty: proof.DutyAct, Request: u.ID, Nonce: nonce, Warrant: core})
	e.Advance(15 * time.Millisecond)
	e.record(proof.Execution{Kind: proof.KindReceipt, Duty: proof.DutyAct, Request: u.ID, Nonce: nonce, Warrant: core, Outcome: proof.Executed,
		Before: r.Action.Command.After(), After: platform.Expect{Status: platform.Up}})
	up := canonical.At(e.Now())
	opened := canonical.At(e.Now().Add(time.Minute))
	e.Advance(72 * time.Hour)
	findings := "The request was wrong, and two people signed it without reading. Both were told."
	if _, err := e.TryChange(actions.DeskReview, actions.Review{Of: actions.ReviewIncident, ID: inc, Involved: []workforce.WorkerID{}, Findings: canonical.Sum([]byte(findings))},
		e.Officers[0], e.Officers[1:]...); err != nil {
		t.Fatal(err)
	}
	review := e.newest()
	closing := e.State().Reviewed["incident "+inc]
	key := e.PublicKey("bob").ID()
	e.report = incident.Report{
		Incident: incident.Incident{ID: inc, Version: 4, Status: incident.Closed, Cause: incident.Contested, Request: r.ID, Subject: subject, Tier: actions.Critical,
			Opened: opened, By: "ole", Title: "Contested: the takedown of @17", Review: closing.Request, Findings: findings, Closed: closing.At},
		At: canonical.At(e.Now()), Down: down, Up: up,
		Timeline: []incident.Moment{{Source: incident.FromLedger, Entry: asked},
			{At: opened, Step: incident.StepOpened, Who: "ole", Text: "The incident was opened.", Source: incident.FromDesk, Request: r.ID},
			{Source: incident.FromLedger, Entry: review}},
		Attribution: incident.Attribution{Worker: "bob", Key: key, Session: "tok_01jd0000000000000000000001"},
		Rulings:     []incident.Ruled{{Policy: e.State().Policy.Digest(), Which: "then", Verdict: policy.Held, Need: "2 independent; 1 employee"}},
	}
	return e
}

// asking is what the desk enters of a request.
func (e *evening) asking(r *prooftest.Request, status actions.Status, need actions.Need) entry.Request {
	a := r.Action
	out := entry.Request{Act: entry.Act{Case: a.Case != "", Category: a.Category, Direction: a.Direction, Effect: a.Effect, Kind: a.Kind, Lifts: e.Ask(r).Lifts, Platform: a.Subject.Platform,
		Tier: a.Tier, Verb: a.Command.Verb}, At: canonical.At(e.Now()), Need: need, Request: r.ID, Signed: r.Signed, Status: status, Sessions: r.Sessions}
	if r.Decision != nil {
		out.Decided = &r.Decision.Signed
	}
	return out
}

// answer is what the desk enters of a verdict.
func (e *evening) answer(r *prooftest.Request, signed actions.Signed) entry.Verdict {
	return entry.Verdict{At: canonical.At(e.Now()), Request: r.ID, Signed: signed, Status: actions.StatusHeld, Tier: r.Action.Tier}
}

// entry enters something as the desk does.
func (e *evening) entry(kind string, data any, sealed map[string]string) int64 {
	e.t.Helper()
	var openings []ledger.Opening
	for name, value := range sealed {
		o, _ := e.field(name, value)
		openings = append(openings, o)
	}
	e.Append(ledger.Draft{Class: ledger.Desk, Kind: kind, Data: data, Sealed: openings, Expect: ledger.AnyNumber})
	return e.newest()
}

func (e *evening) gathered(personal bool) incident.Gathered {
	g := incident.Gathered{Report: e.report, Openings: e.openings, Warrants: e.warrants, Personal: personal}
	for _, x := range e.Entries() {
		if x.Leaf.Class == ledger.Governance || e.about[x.Index] {
			g.Entries = append(g.Entries, incident.Opened{Index: x.Index, Body: x.BodyBytes, Salt: x.Salt})
		}
	}
	return g
}

// seal enters the content of a bundle in the ledger and completes it, as a desk
// does that says what it likes.
func (e *evening) seal(c incident.Content) []byte { return e.sealAt(c, c.Indexes()) }

// sealAt is seal with proofs of these places.
func (e *evening) sealAt(c incident.Content, places []int64) []byte {
	e.t.Helper()
	s := e.Append(ledger.Draft{Class: ledger.Desk, Kind: entry.KindExport, Data: c.Export("ida"), Expect: ledger.AnyNumber})[0]
	a := incident.Anchor{Checkpoint: string(e.Head().Checkpoint), Seal: incident.Seal{Body: s.BodyBytes, Salt: s.Salt, Proof: e.Inclusion(s.Index)}}
	for _, index := range places {
		a.Proofs = append(a.Proofs, e.Inclusion(index))
	}
	raw, err := incident.Complete(c, a)
	if err != nil {
		e.t.Fatal(err)
	}
	return raw
}

func (e *evening) content(personal bool) incident.Content {
	e.t.Helper()
	c, err := incident.Prepare(e.gathered(personal), e.Root)
	if err != nil {
		e.t.Fatal(err)
	}
	return c
}

func (e *evening) bundle(personal bool) []byte { return e.seal(e.content(personal)) }

func (e *evening) trust() proof.Trust { return proof.Trust{Root: e.Root} }

func digestOf(t testing.TB, warrant []byte) canonical.Digest {
	t.Helper()
	w, err := proof.ParseWarrant(warrant)
	if err != nil {
		t.Fatal(err)
	}
	return w.Digest()
}

// again is one more round of a breach.
func again(e *evening, name ledger.Opening, sealed canonical.Digest) {
	e.t.Helper()
	request := fmt.Sprintf("brc_01jd00000000000000000%05d", e.sequence)
	sight := proof.Sight{Platform: "plaza", Tier: actions.Critical, Subject: sealed, Expected: platform.Expect{Status: platform.Up},
		Found: platform.Expect{Status: platform.Down, Mark: "night-shift"}, Via: "stream", Seen: canonical.At(e.Now()), Why: "never-warranted", Order: e.State().Orders["plaza/critical"].Request}
	e.record(proof.Execution{Kind: proof.KindBreach, Duty: proof.DutyWatch, Request: request, Sight: &sight}, name)
	e.Advance(22 * time.Millisecond)
	e.record(proof.Execution{Kind: proof.KindReceipt, Duty: proof.DutyRestore, Request: request, Nonce: nonce, Sight: &sight, Warrant: canonical.Sum([]byte("order")),
		Outcome: proof.Executed, Before: sight.Found, After: platform.Expect{Status: platform.Up}}, name)
	e.report.Up = canonical.At(e.Now())
}
