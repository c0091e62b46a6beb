package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/casework"
	"countersign.dev/fault"
	"countersign.dev/platform"
)

// registerCases registers every route about reports, cases and queues.
func (s *Server) registerCases() {
	const get, post = http.MethodGet, http.MethodPost
	addProgram(s, operation{id: "report", method: post, path: "/reports", body: v1.MaxBody, status: http.StatusCreated, changes: true, repeats: true,
		summary: "Hand in a report (201, or 200 if it was handed in before), or up to 1,000 of them (200, with an answer for each). An answer with an identifier acknowledges: the report is durable, in exactly one case, and promised"}, s.takeReports)
	add(s, operation{id: "report-state", method: get, path: "/reports/{id}", callers: forBoth, summary: "What became of a report that you handed in; nothing about people"}, s.reportState)
	add(s, operation{id: "report-named", method: get, path: "/reports", callers: forBoth, summary: "What became of the report that you handed in under your own name for it"}, s.reportNamed)
	addProgram(s, operation{id: "withdraw-report", method: post, path: "/reports/{id}/withdrawal", changes: true, summary: "Take a report back; it stays in its case, and whoever judges sees that it was taken back"}, s.withdrawReport)
	add(s, operation{id: "find", method: post, path: "/findings", status: http.StatusCreated, body: v1.MaxBody, changes: true, repeats: true, summary: "Report what you came upon yourself; it opens a case, or joins the open one of its subject"}, s.find)
	add(s, operation{id: "list-cases", method: get, path: "/cases", summary: "Cases that you may read, newest first"}, s.cases)
	add(s, operation{id: "next-case", method: post, path: "/cases/next", changes: true, summary: "Claim the most urgent case that you may work on; 404 nothing-waits if there is none"}, s.nextCase)
	add(s, operation{id: "reserve-case", method: post, path: "/cases/reservations", changes: true, none: true,
		summary: "Keep the case that next would give for you, for a minute, beside a case that you hold; with the number of your reservation: renew it, twice at most. Nothing is told of the case. 204 if none can be kept, or your claim is over"}, s.reserveCase)
	add(s, operation{id: "case", method: get, path: "/cases/{id}", changes: true, summary: "A case as it is now, with its history; that you opened it is kept"}, s.aCase)
	add(s, operation{id: "case-now", method: get, path: "/cases/{id}/now", summary: "The subject of a case as the executor reads it now"}, s.caseNow)
	add(s, operation{id: "claim-case", method: post, path: "/cases/{id}/claim", changes: true, summary: "Claim a case by its identifier: for leads, the last holder and those who were asked. Its holder gets the same claim again"}, s.claimCase)
	add(s, operation{id: "release-case", method: post, path: "/cases/{id}/release", changes: true, summary: "Give a case that you hold back to its queue"}, s.releaseCase)
	add(s, operation{id: "extend-claim", method: post, path: "/cases/{id}/extend", changes: true, summary: "Move the end of your claim"}, s.extendClaim)
	add(s, operation{id: "keep-draft", method: post, path: "/cases/{id}/draft", changes: true, status: http.StatusNoContent, summary: "Keep what you have written and not handed in; an empty draft deletes it. It needs no live claim"}, s.keepDraft)
	add(s, operation{id: "draft-decision", method: post, path: "/cases/{id}/drafts", summary: "The decision of a judgement with its measures, and the statements to sign; nothing is stored"}, s.draftDecision)
	add(s, operation{id: "decide", method: post, path: "/cases/{id}/decisions", status: http.StatusCreated, body: v1.MaxBody, changes: true, repeats: true,
		summary: "Hand in a signed decision with its signed measures; 409 case-moved if the case has changed since you saw it. The same decision again gives the same answer, with 200"}, s.decide)
	add(s, operation{id: "do-on-case", method: post, path: "/cases/{id}/deeds", body: v1.MaxBody, changes: true,
		summary: "Hand in a signed deed on a case: note, skip, snooze, ask, escalate, refer, language, move, merge or split. The same deed again changes nothing"}, s.doOnCase)
	add(s, operation{id: "reveal", method: post, path: "/cases/{id}/reveals", changes: true,
		summary: "Who handed a report of a case in: for whoever holds the case, or investigates it. It needs a reason, spends a budget, and is entered in the ledger before it is answered"}, s.reveal)
	add(s, operation{id: "draft-take-back", method: post, path: "/decisions/{id}/drafts", summary: "All that you sign to take a decision of yours back, within 15 seconds; nothing is stored"}, s.draftTakeBack)
	add(s, operation{id: "take-back", method: post, path: "/decisions/{id}/withdrawal", body: v1.MaxBody, changes: true, summary: "Take a decision of yours back: its measures end, and you hold the case again under a new claim"}, s.takeBack)
	add(s, operation{id: "queue-board", method: get, path: "/queues/board", summary: "The queues that you may read, in their order, with what waits in them"}, s.queueBoard)
	add(s, operation{id: "queue-order", method: get, path: "/queues/{id}/order", summary: "What a lead has ordered of a queue; 0 as its number: nothing yet"}, s.queueOrder)
	add(s, operation{id: "reorder-queue", method: post, path: "/queues/{id}/orders", body: v1.MaxBody, changes: true,
		summary: "Put a queue of your own ahead, or back: a lead's signed deed; its cases are due after a part of what they would be due after otherwise, until a time. The same deed again gives the same answer"}, s.reorderQueue)
	add(s, operation{id: "try-queues", method: post, path: "/queues/trials", body: v1.MaxBody, summary: "Try a queue set on the cases of the last 30 days: what would have moved, what would have been late, who could work on it; nothing is stored"}, s.tryQueues)
	add(s, operation{id: "due-clocks", method: get, path: "/queues/clocks", summary: "What is due on cases of the queues that you may read and not done yet, the most urgent first: what is late, and what falls due within a day"}, s.dueClocks)
}

func reportFrom(r v1.Report) cases.Report {
	out := cases.Report{At: r.At, Evidence: r.Evidence, ExternalID: r.ExternalID, Language: r.Language, Reason: r.Reason, Reporter: r.Reporter, Scores: r.Scores,
		Subject: platform.Subject{Platform: r.Subject.Platform, ID: r.Subject.ID, Handle: r.Subject.Handle}, Text: r.Text}
	if out.Scores == nil {
		out.Scores = []cases.Score{}
	}
	return out
}

// takenOf returns the answer to one report.
func takenOf(r casework.Received) v1.Taken {
	if r.Err != nil {
		return v1.Taken{ExternalID: r.ExternalID, Error: &v1.ReportFailed{Type: fault.TypeOf(r.Err), Detail: fault.TextOf(r.Err)}}
	}
	return v1.Taken{ExternalID: r.ExternalID, ID: r.Report.ID, Case: r.Case.ID, State: r.Case.State, New: r.New, Promise: r.Promise}
}

type takenOut struct {
	Status int
	Body   v1.IntakeAnswer
}

func (s *Server) takeReports(ctx context.Context, by desk.ProgramCaller, in *struct{ Body v1.Intake }) (*takenOut, error) {
	many := in.Body.Reports != nil
	all := in.Body.Reports
	if !many {
		all = []v1.Report{in.Body.Report}
	} else if one := reportFrom(in.Body.Report); one.Digest() != reportFrom(v1.Report{}).Digest() {
		return nil, fault.New(fault.Invalid, "bad-report", "Hand in the members of one report, or a list of reports, and not both.")
	}
	got, err := s.desk.TakeReports(ctx, by, list(all, reportFrom))
	if err != nil {
		return nil, err
	}
	out := &takenOut{Status: http.StatusOK}
	if !many {
		if got[0].Err != nil {
			return nil, got[0].Err
		}
		if got[0].New {
			out.Status = http.StatusCreated
		}
		out.Body.Taken = takenOf(got[0])
		return out, nil
	}
	out.Body.Answers = list(got, takenOf)
	return out, nil
}

func (s *Server) reportState(ctx context.Context, by desk.Caller, in *Identified) (*answerOf[v1.ReportState], error) {
	p, err := s.desk.Progress(ctx, by, in.ID)
	return answerWith(progressOf(p), err)
}

func (s *Server) reportNamed(ctx context.Context, by desk.Caller, in *struct {
	ExternalID string `query:"external_id" required:"true" maxLength:"200"`
}) (*answerOf[v1.ReportState], error) {
	p, err := s.desk.ProgressNamed(ctx, by, in.ExternalID)
	return answerWith(progressOf(p), err)
}

func progressOf(p casework.Progress) v1.ReportState {
	out := v1.ReportState{ID: p.Report.ID, ExternalID: p.Report.ExternalID, Case: p.Into, State: p.State, Outcome: p.Outcome, Received: p.Report.Received, Decided: p.Decided, Withdrawn: p.Report.Withdrawn}
	if !out.Withdrawn.IsZero() {
		out.Outcome = "withdrawn"
	}
	return out
}

func (s *Server) withdrawReport(ctx context.Context, by desk.ProgramCaller, in *Identified) (*answerOf[v1.ReportState], error) {
	p, err := s.desk.WithdrawReport(ctx, by, in.ID)
	return answerWith(progressOf(p), err)
}

func (s *Server) find(ctx context.Context, by desk.Caller, in *struct{ Body v1.OwnFinding }) (*takenOut, error) {
	f := in.Body
	subject, err := platform.ParseSubject(f.Subject)
	if err != nil {
		return nil, err
	}
	got, err := s.desk.Find(ctx, by, cases.Report{ExternalID: f.ExternalID, Subject: subject, Reason: f.Reason, Text: f.Text, Language: f.Language, At: f.At, Scores: []cases.Score{}})
	if err != nil {
		return nil, err
	}
	out := &takenOut{Status: http.StatusOK}
	if got.New {
		out.Status = http.StatusCreated
	}
	out.Body.Taken = takenOf(got)
	out.Body.Opened, out.Body.KeptOut = got.Case.By == by.Worker, got.KeptOut
	return out, nil
}

func caseOf(c cases.Case) v1.Case {
	return v1.Case{ID: c.ID, Version: c.Version, State: c.State, Sort: c.Sort, Subject: c.Subject, Of: c.Of, Owner: c.Owner, Reasons: list(c.Reasons, same), Sources: list(c.Sources, same),
		Severity: c.Severity, Language: c.Language, Reports: c.Reports, Reporters: c.Reporters, Queue: c.Queue, Due: c.Due, Opened: c.Opened, Updated: c.Updated, By: c.By,
		Claim: c.Claim, Holder: string(c.Holder), Until: c.Until, Turn: string(c.Turn), TurnWhy: c.TurnWhy, Skips: c.Skips, Question: c.Question, Into: c.Into, Asked: c.Escalate, Media: c.Media}
}

func same[T any](v T) T { return v }

type casesIn struct {
	Paged
	State   cases.State `query:"state" enum:"waiting,claimed,held,asked,snoozed,escalated,decided,closed,merged"`
	Queue   string      `query:"queue" maxLength:"64"`
	Subject string      `query:"subject" maxLength:"600" doc:"PLATFORM:ID"`
	Mine    bool        `query:"mine" doc:"those that you hold, those that come back to you, and those that you put off, handed on or decided and that are open"`
}

func (s *Server) cases(ctx context.Context, by desk.Caller, in *casesIn) (*answerOf[v1.Page[v1.Case]], error) {
	cursor, err := positionOf("cases", in.Cursor)
	if err != nil {
		return nil, err
	}
	all, next, err := s.desk.Cases(ctx, by, casework.Filter{State: in.State, Queue: in.Queue, Subject: in.Subject, Mine: in.Mine, Cursor: cursor, Limit: in.limit()})
	return answerWith(v1.Page[v1.Case]{Items: list(all, caseOf), Next: cursorOf("cases", next)}, err)
}

func claimedOf(t casework.Taken) v1.Claimed {
	return v1.Claimed{Case: caseOf(t.Case), Claim: v1.Claim{Number: t.Claim.Number, Started: t.Claim.Started, Until: t.Case.Until, Document: t.Document}, Shown: t.Shown, Drafts: list(t.Drafts, caseDraftOf), Notes: list(t.Notes, caseNoteOf), Renewed: t.Renewed, Press: t.Press, Why: t.Why}
}

func caseNoteOf(n casework.CaseNote) v1.CaseNote {
	return v1.CaseNote{Number: n.N, Worker: string(n.Worker), Time: n.Time, Public: n.Public, Text: n.Text, Deed: n.Deed}
}

// caseDraftOf returns a draft as it was kept. What was kept in a form of another version is
// shown as empty.
func caseDraftOf(d casework.CaseDraft) v1.CaseDraft {
	var out v1.CaseDraft
	if err := canonical.Unmarshal(d.Body, &out); err != nil {
		out = v1.CaseDraft{}
	}
	out.Worker, out.Updated = string(d.Worker), d.Updated
	return out
}

func (s *Server) nextCase(ctx context.Context, by desk.Caller, in *struct{ Body v1.NextWish }) (*answerOf[v1.Claimed], error) {
	t, err := s.desk.Next(ctx, by, in.Body.Queue, in.Body.Without...)
	return answerWith(claimedOf(t), err)
}

type reservedOut struct {
	Status int
	Body   v1.Reservation
}

func (s *Server) reserveCase(ctx context.Context, by desk.Caller, in *struct{ Body v1.ReserveWish }) (*reservedOut, error) {
	r, err := s.desk.Reserve(ctx, by, casework.ReserveWish(in.Body))
	// Pages ask for it while they hand in what ends the claim: that is nothing to complain of.
	over := fault.Is(err, "claim-ended") || fault.Is(err, "case-closed") || fault.Is(err, "case-merged")
	if err != nil && !over {
		return nil, err
	}
	if r.Number == 0 {
		return &reservedOut{Status: http.StatusNoContent}, nil
	}
	return &reservedOut{Status: http.StatusOK, Body: v1.Reservation(r)}, nil
}

func (s *Server) claimCase(ctx context.Context, by desk.Caller, in *Identified) (*answerOf[v1.Claimed], error) {
	t, err := s.desk.Claim(ctx, by, in.ID)
	return answerWith(claimedOf(t), err)
}

func (s *Server) aCase(ctx context.Context, by desk.Caller, in *Identified) (*answerOf[v1.CaseView], error) {
	v, err := s.desk.Case(ctx, by, in.ID)
	if err != nil {
		return nil, err
	}
	out := v1.CaseView{Case: caseOf(v.Case), Shown: v.Shown, Why: v.Why, Drafts: list(v.Drafts, caseDraftOf), Notes: list(v.Notes, caseNoteOf),
		Moves: list(v.Moves, func(m casework.CaseMove) v1.CaseMove {
			return v1.CaseMove{Version: m.Version, Move: m.Move, Worker: string(m.Worker), Time: m.Time, Detail: canonical.Raw(m.Detail)}
		}),
		Decisions: list(v.Decisions, func(d casework.CaseDecision) v1.CaseDecision {
			return v1.CaseDecision{ID: d.ID, Version: d.Version, Claim: d.Claim, Worker: string(d.Worker), Verdict: d.Verdict, Rule: d.Rule, Departs: d.Departs, Time: d.Time, TakenBack: d.TakenBack, Evidence: d.Document,
				Requests: list(d.Requests, func(id string) v1.CaseRequest {
					return v1.CaseRequest{ID: id, Status: actions.Status(v.Requests[id])}
				})}
		})}
	for _, l := range v.Lately {
		out.Lately = append(out.Lately, v1.Look(l))
	}
	for _, p := range v.Preserved {
		out.Preserved = append(out.Preserved, v1.Preservation{Subject: p.Subject, Until: p.Until, Asked: p.Asked, Answered: p.Answered, Answer: p.Answer})
	}
	out.Case.Holder = cmp.Or(v.Holder, out.Case.Holder)
	return answerWith(out, nil)
}

func (s *Server) caseNow(ctx context.Context, by desk.Caller, in *Identified) (*answerOf[v1.Subject], error) {
	r, err := s.desk.Now(ctx, by, in.ID)
	return answerWith(subjectOf(acts.Subject{Reading: r}), err)
}

func (s *Server) releaseCase(ctx context.Context, by desk.Caller, in *struct {
	Identified
	Body v1.ClaimNumber
}) (*answerOf[v1.Case], error) {
	c, err := s.desk.Release(ctx, by, in.ID, in.Body.Claim)
	return answerWith(caseOf(c), err)
}

func (s *Server) extendClaim(ctx context.Context, by desk.Caller, in *struct {
	Identified
	Body v1.Extension
}) (*answerOf[v1.Case], error) {
	c, err := s.desk.Extend(ctx, by, in.ID, in.Body.Claim, in.Body.Active)
	return answerWith(caseOf(c), err)
}

func (s *Server) keepDraft(ctx context.Context, by desk.Caller, in *struct {
	Identified
	Body v1.CaseDraft
}) (*struct{}, error) {
	d := in.Body
	d.Worker, d.Updated = "", canonical.Time{}
	var body []byte
	if d.Verdict != "" || d.Rule != 0 || len(d.Measures) > 0 || d.Reasons != "" || d.Note != "" {
		body = canonical.MustMarshal(d)
	}
	return nil, s.desk.KeepDraft(ctx, by, in.ID, body)
}

func (s *Server) draftDecision(ctx context.Context, by desk.Caller, in *struct {
	Identified
	Body v1.Judgement
}) (*answerOf[v1.DecisionDraft], error) {
	j := in.Body
	wish := casework.Judgement{Claim: j.Claim, Version: j.Version, Verdict: j.Verdict, Rule: j.Rule, Reasons: j.Reasons, Language: j.Language, Opened: j.Opened, Key: j.Key, Session: j.Session}
	if j.Measures != nil {
		wish.Measures = list(*j.Measures, func(m v1.CaseMeasure) casework.Measure { return casework.Measure(m) })
	}
	d, err := s.desk.DraftDecision(ctx, by, in.ID, wish)
	if err != nil {
		return nil, err
	}
	return answerWith(v1.DecisionDraft{Decision: decidedOf(d.Decision), Departs: d.Departs, Usual: list(d.Usual, same), Title: d.Title,
		Measures: list(d.Measures, func(m acts.Draft) v1.Draft {
			m.Decision = nil
			return draftOf(m)
		})}, nil)
}

func decidedOf(d acts.Decided) v1.Decided {
	return v1.Decided{Decision: d.Decision, Signed: d.Signed, Reasons: d.Reasons}
}

type decideIn struct {
	Identified
	Wait string `query:"wait" maxLength:"20" doc:"how long to wait for the executor, such as 10s"`
	Body v1.Decision
}

type decidedOut struct {
	Status int
	Body   v1.DecisionMade
}

func (s *Server) decide(ctx context.Context, by desk.Caller, in *decideIn) (*decidedOut, error) {
	wait, err := waitOf(in.Wait)
	if err != nil {
		return nil, err
	}
	d := in.Body.Decision
	made, err := s.desk.Decide(ctx, by, in.ID, casework.Verdict{Decision: acts.Decided{Decision: d.Decision, Signed: d.Signed, Reasons: d.Reasons}, Measures: list(in.Body.Measures, submissionOf)})
	if err != nil {
		return nil, err
	}
	deadline := s.config.Now().Add(wait)
	for i := range made.Requests {
		if left := deadline.Sub(s.config.Now()); wait > 0 && left > 0 {
			if made.Requests[i], err = s.carried(ctx, by, made.Requests[i], left); err != nil {
				return nil, err
			}
		}
	}
	out := &decidedOut{Status: http.StatusCreated, Body: v1.DecisionMade{ID: made.ID, Case: caseOf(made.Case), Requests: list(made.Requests, requestOf), Proposed: made.Proposed, Look: made.Look != "", Promise: made.Promise}}
	if made.Known {
		out.Status = http.StatusOK
	}
	return out, nil
}

func (s *Server) queueBoard(ctx context.Context, by desk.Caller, _ *struct{}) (*answerOf[v1.Page[v1.Queue]], error) {
	all, err := s.desk.QueueBoard(ctx, by)
	return answerWith(v1.Page[v1.Queue]{Items: list(all, queueOf)}, err)
}

func (s *Server) queueOrder(ctx context.Context, by desk.Caller, in *Identified) (*answerOf[v1.QueueOrder], error) {
	o, err := s.desk.QueueOrder(ctx, by, in.ID)
	return answerWith(queueOrderOf(o), err)
}

func (s *Server) reorderQueue(ctx context.Context, by desk.Caller, in *struct {
	Identified
	Body v1.QueueDeed
}) (*answerOf[v1.QueueOrder], error) {
	o, err := s.desk.Reorder(ctx, by, in.ID, in.Body.Deed, in.Body.Text)
	return answerWith(queueOrderOf(o), err)
}

func queueOrderOf(o casework.QueueOrder) v1.QueueOrder {
	return v1.QueueOrder{Number: o.Number, Queue: o.Queue, Factor: o.Factor, Worker: string(o.Worker), Reason: o.Reason, Made: o.Made, Until: o.Until}
}

func (s *Server) tryQueues(ctx context.Context, by desk.Caller, in *struct{ Body v1.QueueTry }) (*answerOf[v1.QueueTrial], error) {
	t, err := s.desk.TryQueues(ctx, by, in.Body.Text)
	return answerWith(v1.QueueTrial{Since: t.Since, Tried: t.Tried, All: t.All, Moved: t.Moved, Needs: list(t.Needs, same),
		Moves: list(t.Moves, func(m casework.TrialMove) v1.TrialMove {
			return v1.TrialMove{From: m.From, To: m.To, Count: m.Count, Sooner: m.Sooner, Later: m.Later, Examples: list(m.Examples, same)}
		}),
		Late:  list(t.Late, func(l casework.TrialLate) v1.TrialLate { return v1.TrialLate(l) }),
		Staff: list(t.Staff, func(x casework.TrialStaff) v1.TrialStaff { return v1.TrialStaff(x) })}, err)
}

func (s *Server) dueClocks(ctx context.Context, by desk.Caller, in *struct {
	Queue string `query:"queue" maxLength:"64" doc:"of this queue only"`
}) (*answerOf[v1.Page[v1.DueClock]], error) {
	all, err := s.desk.DueClocks(ctx, by, in.Queue, canonical.At(s.config.Now().Add(24*time.Hour)))
	return answerWith(v1.Page[v1.DueClock]{Items: list(all, func(d casework.Due) v1.DueClock {
		return v1.DueClock{Case: d.Case, Kind: d.Kind, Queue: d.Queue, Started: d.Started, Due: d.Due, Late: d.Late}
	})}, err)
}

func queueOf(q casework.Queue) v1.Queue {
	out := v1.Queue{Name: q.Name, Title: q.Title, Place: int64(q.Place), Promise: q.Promise, Lease: int64(q.Queue.Lease() / time.Minute), Digits: q.Digits,
		Counts: list(q.Counts, func(c casework.QueueCount) v1.QueueCount {
			return v1.QueueCount{State: c.State, Count: c.Count, Oldest: c.Oldest, Due: c.Due}
		})}
	if out.Digits == nil {
		out.Digits = map[string]int64{}
	}
	slices.SortFunc(out.Counts, func(a, b v1.QueueCount) int { return cmp.Compare(a.State, b.State) })
	return out
}

func (s *Server) doOnCase(ctx context.Context, by desk.Caller, in *struct {
	Identified
	Body v1.CaseDeed
}) (*answerOf[v1.Case], error) {
	c, err := s.desk.Do(ctx, by, in.ID, in.Body.Claim, in.Body.Deed, in.Body.Text)
	return answerWith(caseOf(c), err)
}

func (s *Server) reveal(ctx context.Context, by desk.Caller, in *struct {
	Identified
	Body v1.RevealWish
}) (*answerOf[v1.Revealed], error) {
	r, err := s.desk.Reveal(ctx, by, in.ID, in.Body.Report, in.Body.Reason)
	out := v1.Revealed{Case: r.Case, Report: r.Report, Worker: r.Worker, At: r.At}
	if r.Account != "" {
		out.Account = platform.Subject{Platform: r.Platform, ID: r.Account}
	}
	return answerWith(out, err)
}

func (s *Server) draftTakeBack(ctx context.Context, by desk.Caller, in *struct {
	Identified
	Body v1.TakeBackWish
}) (*answerOf[v1.TakeBackDraft], error) {
	d, err := s.desk.DraftTakeBack(ctx, by, in.ID, in.Body.Key, in.Body.Session)
	if err != nil {
		return nil, err
	}
	return answerWith(v1.TakeBackDraft{Deed: v1.DeedWish{What: d.Deed.What, Of: d.Deed.Of, Version: d.Deed.Version}, Undos: list(d.Undos, draftOf), Withdraw: d.Withdraw}, nil)
}

func (s *Server) takeBack(ctx context.Context, by desk.Caller, in *struct {
	Identified
	Body v1.TakeBack
}) (*answerOf[v1.Claimed], error) {
	if in.Body.Deed.Deed.Of != in.ID {
		return nil, fault.New(fault.Invalid, "bad-deed", "The deed takes back %q, and the path names %q.", in.Body.Deed.Deed.Of, in.ID)
	}
	undone := acts.Undone{Undos: list(in.Body.Undos, submissionOf), Withdrawals: map[string]acts.Withdrawal{}}
	for request, w := range in.Body.Withdrawals {
		undone.Withdrawals[request] = acts.Withdrawal{Version: w.Version, Signed: w.Signed, Deed: w.Deed}
	}
	t, err := s.desk.TakeBack(ctx, by, in.Body.Deed, in.Body.Text, undone)
	return answerWith(claimedOf(t), err)
}
