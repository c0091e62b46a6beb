package api_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/client"
	"countersign.dev/desk/desktest"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/workforce"
)

// office is a site at which cases are worked on.
type office struct {
	*site
	program *client.Client
	secret  string // of the program's token
}

func openCasework(t *testing.T) *office {
	t.Helper()
	s := serve(t)
	s.OpenCasework()
	s.declare("ann", "bob")
	w := &office{site: s, secret: s.ProgramToken(t, s.AddProgram("square", "ann"))}
	w.program = s.client(w.secret)
	return w
}

// declare has workers declare that they have no accounts of their own.
func (s *site) declare(all ...workforce.WorkerID) {
	s.t.Helper()
	for _, w := range all {
		s.Owns(w)
	}
}

func reportOn(id, external string) v1.Report {
	return v1.Report{ExternalID: external, Subject: v1.Reported{Platform: "plaza", ID: id}, Reason: "spam", Text: "buy buy buy", Language: "en",
		Reporter: cases.Reporter{ID: "acct/1"}, Evidence: cases.Told{Text: "buy", Language: "en"}, Scores: []cases.Score{{Name: "spam", Value: 930000}}}
}

// report hands in a report, and waits until the desk has read its evidence: that is news for
// whoever judges.
func (w *office) report(r v1.Report) v1.Taken {
	w.t.Helper()
	got := must[v1.Taken](w.t)(w.program.Report(w.t.Context(), r))
	w.read(got.Case)
	return got
}

// read waits until the desk has read the evidence of a case.
func (w *office) read(id string) {
	w.t.Helper()
	ann := w.as("ann")
	desktest.Until(w.t, "the evidence is read", func() bool {
		v := must[v1.CaseView](w.t)(ann.Case(w.t.Context(), id))
		return len(v.Shown.Evidence) > 0 && !slices.ContainsFunc(v.Shown.Evidence, func(e cases.ShownEvidence) bool { return e.State == "pending" })
	})
}

// post sends a body as it is, and returns the status and the answer.
func (w *office) post(path, token, body string) (int, http.Header, string) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.url+v1.Base+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := w.http().Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(b)
}

// TestReportsAsPublished sends the example of the published protocol as it stands there.
func TestReportsAsPublished(t *testing.T) {
	w := openCasework(t)
	body := `{"reports":[{"external_id":"report-17",
  "subject":{"platform":"plaza","id":"post/1","handle":""},
  "reason":"scam","text":"They want my card number.","language":"en",
  "reporter":{"id":"acct/18","anonymous":false},
  "at":"2026-11-23T05:39:46.000000Z",
  "evidence":{"text":"Buy two, get nothing.","language":"en"},
  "scores":[{"name":"spam","value":930000}]},
  {"external_id":"report-18","subject":{"platform":"plaza","id":"","handle":""},"reason":"scam","text":"","language":"","reporter":{"id":"","anonymous":true},
   "at":"2026-11-23T05:39:46.000000Z","evidence":{"text":"","language":""},"scores":[]}]}`
	var first struct {
		Answers []map[string]any `json:"answers"`
	}
	for try := range 2 {
		status, _, answer := w.post("/reports", w.secret, body)
		var got struct {
			Answers []map[string]any `json:"answers"`
		}
		if err := json.Unmarshal([]byte(answer), &got); err != nil || status != http.StatusOK || len(got.Answers) != 2 {
			t.Fatalf("%d %s: %v", status, answer, err)
		}
		a, b := got.Answers[0], got.Answers[1]
		promise, _ := a["promise"].(string)
		if a["external_id"] != "report-17" || a["id"] == "" || a["case"] == "" || a["state"] != "waiting" || a["error"] != nil {
			t.Errorf("try %d: the acknowledgement is %v", try, a)
		}
		if p, err := ledger.ParsePromise([]byte(promise), w.LogKey.Verifier()); err != nil || p.ID != a["id"] || p.Sort != ledger.ReportDocument {
			t.Errorf("try %d: the promise says %+v: %v", try, p, err)
		}
		refused, _ := b["error"].(map[string]any)
		if b["external_id"] != "report-18" || b["id"] != nil || refused["type"] != "bad-report" || refused["detail"] == "" {
			t.Errorf("try %d: the refusal is %v", try, b)
		}
		if try == 0 {
			first = got
		} else if a["id"] != first.Answers[0]["id"] || a["promise"] != first.Answers[0]["promise"] {
			t.Errorf("the same again got %v, and before %v", a, first.Answers[0])
		}
	}
	id, _ := first.Answers[0]["id"].(string)
	state := must[v1.ReportState](t)(w.program.ReportState(t.Context(), id))
	if state.ID != id || state.ExternalID != "report-17" || state.State != cases.Waiting || state.Outcome != "" {
		t.Errorf("it became %+v", state)
	}
	if named := must[v1.ReportState](t)(w.program.ReportNamed(t.Context(), "report-17")); named != state {
		t.Errorf("by its own name it is %+v", named)
	}
}

// TestOneReport: the first time is 201, a repeat 200, another report under the name 409, and
// what is not well formed is refused.
func TestOneReport(t *testing.T) {
	w := openCasework(t)
	ctx := t.Context()
	one := func(external, more string) string {
		return fmt.Sprintf(`{"external_id":%q,"subject":{"platform":"plaza","id":"post/1"},"reason":"spam"%s}`, external, more)
	}
	for i, c := range []struct {
		token, body string
		status      int
		typ         string
	}{
		{w.secret, one("r1", ""), 201, ""},
		{w.secret, one("r1", ""), 200, ""},
		{w.secret, one("r1", `,"text":"another"`), 409, "report-differs"},
		{w.secret, one("", ""), 400, "bad-report"},
		{w.secret, `{"reports":[]}`, 400, "bad-report"},
		{w.secret, one("r2", `,"reports":[]`), 400, "bad-report"},
		{w.secret, one("r2", `,"fame":1`), 400, "invalid-request"},
		{w.secret, strings.Replace(one("r2", ""), "plaza", "elsewhere", 1), 400, "bad-report"},
		{w.secret, one("r2", `,"text":"`+strings.Repeat("x", 33<<10)+`"`), 413, "too-large"},
		{w.secret, one("r2", `,"text":"`+strings.Repeat("x", 5<<20)+`"`), 413, "body-too-large"},
		{w.token("ann"), one("r3", ""), 401, "token-of-worker"},
	} {
		status, _, answer := w.post("/reports", c.token, c.body)
		if status != c.status || !strings.Contains(answer, c.typ) {
			t.Errorf("%d: %d %.300s, want %d %s", i, status, answer, c.status, c.typ)
		}
	}
	r := must[v1.Taken](t)(w.program.Report(ctx, reportOn("post/1", "r4")))
	_, err := w.as("ann").ReportState(ctx, r.ID)
	wants(t, err, fault.NotFound, "no-such-report")
	_, err = w.program.Cases(ctx, v1.CaseFilter{})
	wants(t, err, fault.Unauthenticated, "token-of-program")
}

// TestWithdrawnReport: a report that is taken back stays in its case, which is at a new version.
func TestWithdrawnReport(t *testing.T) {
	w := openCasework(t)
	ctx := t.Context()
	r := w.report(reportOn("post/1", "r1"))
	before := must[v1.CaseView](t)(w.as("ann").Case(ctx, r.Case))
	for range 2 {
		state := must[v1.ReportState](t)(w.program.WithdrawReport(ctx, r.ID))
		if state.Outcome != "withdrawn" || state.Withdrawn.IsZero() || state.Case != r.Case {
			t.Errorf("it became %+v", state)
		}
	}
	after := must[v1.CaseView](t)(w.as("ann").Case(ctx, r.Case))
	if after.Case.Version != before.Case.Version+1 || after.Case.State != cases.Waiting || after.Moves[len(after.Moves)-1].Move != "report-withdrawn" {
		t.Errorf("the case was %+v and is %+v", before.Case, after.Case)
	}
	other := w.client(w.ProgramToken(t, w.AddProgram("other", "ann")))
	_, err := other.WithdrawReport(ctx, r.ID)
	wants(t, err, fault.NotFound, "no-such-report")
}

// TestReportsTooFast: beyond the rate of its admission a program is told when to come back.
func TestReportsTooFast(t *testing.T) {
	w := openCasework(t)
	w.Clock().Hold()
	all := make([]v1.Report, 601)
	for i := range all {
		all[i] = reportOn("post/1", fmt.Sprint("r", i))
	}
	must[[]v1.Taken](t)(w.program.Reports(t.Context(), all))
	status, header, answer := w.post("/reports", w.secret, `{"external_id":"x","subject":{"platform":"plaza","id":"post/1"},"reason":"spam"}`)
	if status != http.StatusTooManyRequests || header.Get("Retry-After") == "" || !strings.Contains(answer, "program-too-fast") {
		t.Errorf("%d, Retry-After %q: %s", status, header.Get("Retry-After"), answer)
	}
}

// decision drafts and signs a decision.
func (s *site) decision(c *client.Client, id workforce.WorkerID, on string, j v1.Judgement) v1.Decision {
	s.t.Helper()
	j.Key = s.PublicKey(id).ID()
	d, err := c.DraftDecision(s.t.Context(), on, j)
	if err != nil {
		s.t.Fatal(err)
	}
	return d.Sign(func(challenge [32]byte) actions.Signature { return s.Sign(id, challenge) })
}

// TestDayByREST: a report comes in, becomes a case, is claimed, decided with a label and
// carried out, and the program reads that.
func TestDayByREST(t *testing.T) {
	w := openCasework(t)
	ctx := t.Context()
	ann, bob := w.as("ann"), w.as("bob")
	_, err := ann.NextCase(ctx, "")
	wants(t, err, fault.NotFound, "nothing-waits")
	r := w.report(reportOn("acct/4", "r1"))

	taken := must[v1.Claimed](t)(ann.NextCase(ctx, ""))
	if taken.Case.ID != r.Case || taken.Case.State != cases.Claimed || taken.Claim.Number != 1 || canonical.DigestOf(taken.Shown) != taken.Claim.Document {
		t.Fatalf("claimed is %+v", taken)
	}
	if len(taken.Shown.Reports) != 1 || taken.Shown.Reports[0].Text != "buy buy buy" {
		t.Errorf("shown is %+v", taken.Shown)
	}
	again := must[v1.Claimed](t)(ann.ClaimCase(ctx, r.Case))
	if again.Claim.Number != 1 || again.Claim.Document != taken.Claim.Document {
		t.Errorf("its holder claims it again: %+v", again.Claim)
	}
	if _, err := bob.ReleaseCase(ctx, r.Case, 1); fault.TypeOf(err) != "claim-ended" && fault.TypeOf(err) != "no-such-case" {
		t.Errorf("somebody else releases it: %v", err)
	}
	if err := ann.KeepCaseDraft(ctx, r.Case, v1.CaseDraft{Verdict: actions.CaseViolation, Rule: 1, Reasons: "so far"}); err != nil {
		t.Error(err)
	}
	longer := must[v1.Case](t)(ann.ExtendClaim(ctx, r.Case, v1.Extension{Claim: 1, Active: 20}))
	if longer.Until.Before(taken.Claim.Until.Time) {
		t.Errorf("extended until %s", longer.Until)
	}
	if v := must[v1.CaseView](t)(ann.Case(ctx, r.Case)); len(v.Drafts) != 1 || v.Drafts[0].Reasons != "so far" || v.Drafts[0].Rule != 1 {
		t.Errorf("the draft is %+v", v.Drafts)
	}
	if now := must[v1.Subject](t)(ann.CaseNow(ctx, r.Case)); now.Subject.ID != "acct/4" || now.Tier != actions.Standard {
		t.Errorf("the subject is %+v", now)
	}
	mine := must[v1.Page[v1.Case]](t)(ann.Cases(ctx, v1.CaseFilter{Mine: true}))
	if len(mine.Items) != 1 || mine.Items[0].ID != r.Case {
		t.Errorf("ann's are %+v", mine.Items)
	}

	label := []v1.CaseMeasure{{Kind: actions.AccountLabel, Value: "spam"}}
	j := v1.Judgement{Claim: 1, Version: taken.Shown.Version, Verdict: actions.CaseViolation, Rule: 1, Measures: &label, Reasons: "A label does."}
	signed := w.decision(ann, "ann", r.Case, j)
	made := must[v1.DecisionMade](t)(ann.Decide(ctx, r.Case, signed, v1.MaxWait*time.Second))
	if len(made.Requests) != 1 {
		t.Fatalf("made is %+v", made)
	}
	if got := executed(t, ann, made.Requests[0]); got.Status != actions.StatusExecuted {
		t.Errorf("the measure is %s: %s", got.Status, got.OutcomeText)
	}
	if p, err := ledger.ParsePromise([]byte(made.Promise), w.LogKey.Verifier()); err != nil || p.ID != made.ID || p.Sort != ledger.DecisionDocument {
		t.Errorf("the promise says %+v: %v", p, err)
	}
	repeated := must[v1.DecisionMade](t)(ann.Decide(ctx, r.Case, signed, 0))
	if repeated.ID != made.ID || len(repeated.Requests) != 1 || repeated.Requests[0].ID != made.Requests[0].ID {
		t.Errorf("the same again made %+v", repeated)
	}
	desktest.Until(t, "the case is closed", func() bool {
		v := must[v1.CaseView](t)(ann.Case(ctx, r.Case))
		return v.Case.State == cases.Closed && len(v.Drafts) == 0 && v.Decisions[0].Requests[0].Status == actions.StatusExecuted
	})
	if state := must[v1.ReportState](t)(w.program.ReportState(ctx, r.ID)); state.Outcome != "violation" || state.Decided.IsZero() {
		t.Errorf("the program reads %+v", state)
	}
	board := must[v1.Page[v1.Queue]](t)(ann.QueueBoard(ctx))
	if len(board.Items) == 0 || board.Items[0].Lease < 5 {
		t.Errorf("the board is %+v", board.Items)
	}
}

// TestDecisionRefused: what no longer is as the decider saw it is refused, and nothing is lost.
func TestDecisionRefused(t *testing.T) {
	w := openCasework(t)
	ctx := t.Context()
	ann, bob := w.as("ann"), w.as("bob")
	r := w.report(reportOn("acct/4", "r1"))
	taken := must[v1.Claimed](t)(ann.NextCase(ctx, ""))
	j := func(edit func(*v1.Judgement)) v1.Judgement {
		out := v1.Judgement{Claim: 1, Version: taken.Shown.Version, Verdict: actions.CaseViolation, Rule: 1, Key: w.PublicKey("ann").ID()}
		edit(&out)
		return out
	}
	measures := func(m ...v1.CaseMeasure) *[]v1.CaseMeasure { return &m }
	for _, c := range []struct {
		by   *client.Client
		on   string
		edit func(*v1.Judgement)
		kind fault.Kind
		typ  string
	}{
		{ann, "cas_01kbvxxxxxxxxxxxxxxxxxxxxx", func(*v1.Judgement) {}, fault.NotFound, "no-such-case"},
		{bob, r.Case, func(*v1.Judgement) {}, fault.Conflict, "claim-ended"},
		{ann, r.Case, func(j *v1.Judgement) { j.Claim = 7 }, fault.Conflict, "claim-ended"},
		{ann, r.Case, func(j *v1.Judgement) { j.Version = 9 }, fault.Conflict, "case-moved"},
		{ann, r.Case, func(j *v1.Judgement) { j.Rule = 99 }, fault.NotFound, "no-such-rule"},
		{ann, r.Case, func(j *v1.Judgement) { j.Measures = measures(v1.CaseMeasure{Kind: "account.praise"}) }, fault.Invalid, "unknown-kind"},
		{ann, r.Case, func(j *v1.Judgement) {
			j.Measures = measures(v1.CaseMeasure{Kind: actions.AccountLabel, Value: "nice"})
			j.Reasons = "x"
		}, fault.Unsupported, "not-offered"},
		{ann, r.Case, func(j *v1.Judgement) { j.Measures = measures() }, fault.Invalid, "reason-needed"},
		{ann, r.Case, func(j *v1.Judgement) {
			j.Verdict, j.Rule = actions.CaseNoViolation, 0
			j.Measures = measures(v1.CaseMeasure{Kind: actions.AccountWarn})
		}, fault.Invalid, "bad-decision"},
	} {
		_, err := c.by.DraftDecision(ctx, c.on, j(c.edit))
		wants(t, err, c.kind, c.typ)
	}

	// A new reason comes in while the decision is signed.
	signed := w.decision(ann, "ann", r.Case, j(func(j *v1.Judgement) { j.Verdict, j.Rule = actions.CaseNoViolation, 0 }))
	more := reportOn("acct/4", "r2")
	more.Reason = "hate"
	must[v1.Taken](t)(w.program.Report(ctx, more))
	_, err := ann.Decide(ctx, r.Case, signed, 0)
	wants(t, err, fault.Conflict, "case-moved")

	// Its holder looks again under the same claim, and decides what is there now, and nobody
	// else does.
	w.read(r.Case)
	renewed := must[v1.Claimed](t)(ann.ClaimCase(ctx, r.Case))
	if !renewed.Renewed || renewed.Claim.Number != 1 || renewed.Claim.Document == taken.Claim.Document || renewed.Shown.Version != renewed.Case.Version || canonical.DigestOf(renewed.Shown) != renewed.Claim.Document {
		t.Errorf("shown again: %+v", renewed)
	}
	if same := must[v1.Claimed](t)(ann.ClaimCase(ctx, r.Case)); same.Renewed || same.Claim.Document != renewed.Claim.Document {
		t.Errorf("shown once more: %+v", same)
	}
	signed = w.decision(ann, "ann", r.Case, j(func(j *v1.Judgement) {
		j.Verdict, j.Rule, j.Version = actions.CaseNoViolation, 0, renewed.Shown.Version
	}))
	_, err = bob.Decide(ctx, r.Case, signed, 0)
	if fault.KindOf(err) != fault.Forbidden {
		t.Errorf("bob hands in what ann signed: %v", err)
	}
	made := must[v1.DecisionMade](t)(ann.Decide(ctx, r.Case, signed, 0))
	if made.Case.State != cases.Closed || len(made.Requests) != 0 {
		t.Errorf("made is %+v", made)
	}
	_, err = ann.DraftDecision(ctx, r.Case, j(func(j *v1.Judgement) { j.Version = made.Case.Version }))
	wants(t, err, fault.Conflict, "case-closed")

	// A claim that is over by the clock.
	w.report(reportOn("acct/3", "r3"))
	late := must[v1.Claimed](t)(ann.NextCase(ctx, ""))
	signed = w.decision(ann, "ann", late.Case.ID, v1.Judgement{Claim: 1, Version: late.Shown.Version, Verdict: actions.CaseNoViolation})
	w.Clock().Advance(11 * time.Minute)
	_, err = ann.Decide(ctx, late.Case.ID, signed, 0)
	wants(t, err, fault.Conflict, "claim-ended")
	if err := ann.KeepCaseDraft(ctx, late.Case.ID, v1.CaseDraft{Note: "kept all the same"}); err != nil {
		t.Error(err)
	}
}

// TestOwnFinding: a worker reports what the worker came upon, and decides it.
func TestOwnFinding(t *testing.T) {
	w := openCasework(t)
	ctx := t.Context()
	ann := w.as("ann")
	f := v1.OwnFinding{ExternalID: "mine-1", Subject: "plaza:@shop", Reason: "MisleadingSpam", Text: "I came upon it.", At: canonical.At(w.Clock().Now())}
	got := must[v1.Taken](t)(ann.Find(ctx, f))
	again := must[v1.Taken](t)(ann.Find(ctx, f))
	if !got.New || again.New || again.ID != got.ID || got.Promise != again.Promise {
		t.Errorf("first %+v, then %+v", got, again)
	}
	w.read(got.Case)
	taken := must[v1.Claimed](t)(ann.ClaimCase(ctx, got.Case))
	signed := w.decision(ann, "ann", got.Case, v1.Judgement{Claim: taken.Claim.Number, Version: taken.Shown.Version, Verdict: actions.CaseNoViolation})
	made := must[v1.DecisionMade](t)(ann.Decide(ctx, got.Case, signed, 0))
	if made.Case.State != cases.Closed {
		t.Errorf("made is %+v", made)
	}
	if state := must[v1.ReportState](t)(ann.ReportState(ctx, got.ID)); state.Outcome != "no-violation" {
		t.Errorf("it became %+v", state)
	}
	if !got.Opened {
		t.Errorf("ann's finding opened a case: %+v", got)
	}
	f.ExternalID, f.Reason = "mine-3", "Nonsense"
	_, nonsense := ann.Find(ctx, f)
	wants(t, nonsense, fault.Invalid, "bad-report")
	f.Reason = "MisleadingSpam"
	f.Subject = "plaza:post/93"
	_, gone := ann.Find(ctx, f)
	wants(t, gone, fault.NotFound, "no-such-subject")
	w.report(reportOn("post/93", "r-gone")) // the program saw it
	w.report(reportOn("acct/3", "r-open"))
	f.Subject = "plaza:acct/3"
	if joined := must[v1.Taken](t)(ann.Find(ctx, f)); joined.Opened {
		t.Errorf("the case of acct/3 was open already: %+v", joined)
	}
	f.ExternalID, f.Subject = "mine-2", "plaza:@nobody-has-this"
	_, err := ann.Find(ctx, f)
	wants(t, err, fault.NotFound, "no-such-subject")
	f.Text = ""
	_, err = ann.Find(ctx, f)
	wants(t, err, fault.Invalid, "bad-report")
}

// TestHostileReports: what strangers write is taken as it came, and comes out as it came.
func TestHostileReports(t *testing.T) {
	w := openCasework(t)
	texts := []string{"\u202egpj.exe", "a\u200bb", "nul\x00byte", "<script>alert(1)</script> https://evil.example/", strings.Repeat("😀", 8000), "line\r\nline\x1b[31mred"}
	for i, text := range texts {
		r := reportOn("acct/4", fmt.Sprint("h", i))
		r.Text = text
		must[v1.Taken](t)(w.program.Report(t.Context(), r))
	}
	taken := must[v1.Claimed](t)(w.as("ann").NextCase(t.Context(), ""))
	if len(taken.Shown.Reports) != len(texts) {
		t.Fatalf("%d reports are shown", len(taken.Shown.Reports))
	}
	for i, r := range taken.Shown.Reports { // newest first
		if r.Text != texts[len(texts)-1-i] {
			t.Errorf("%q came out as %q", texts[len(texts)-1-i], r.Text)
		}
	}
	status, _, answer := w.post("/reports", w.secret, "{\"external_id\":\"x\",\"subject\":{\"platform\":\"plaza\",\"id\":\"acct/4\"},\"reason\":\"spam\",\"text\":\""+string([]byte{0xff})+"\"}")
	if status != http.StatusBadRequest || bytes.Contains([]byte(answer), []byte{0xff}) {
		t.Errorf("text that is no UTF-8: %d %s", status, answer)
	}
}

// TestReserveByREST: the following case is kept, and the answer tells a number and an end, and nothing
// of the case. What cannot be kept is 204.
func TestReserveByREST(t *testing.T) {
	w := openCasework(t)
	w.Clock().Hold()
	ctx := t.Context()
	secret := w.token("ann")
	ann, bob := w.client(secret), w.as("bob")
	w.report(reportOn("acct/4", "r1"))
	taken := must[v1.Claimed](t)(ann.NextCase(ctx, ""))
	body := fmt.Sprintf(`{"case":%q,"claim":%d}`, taken.Case.ID, taken.Claim.Number)
	if status, _, answer := w.post("/cases/reservations", secret, body); status != http.StatusNoContent || answer != "" {
		t.Fatalf("with nothing else waiting: %d %q", status, answer)
	}
	wish := v1.ReserveWish{Case: taken.Case.ID, Claim: taken.Claim.Number}
	if r := must[v1.Reservation](t)(ann.Reserve(ctx, wish)); r.Number != 0 {
		t.Fatalf("with nothing else waiting: %+v", r)
	}
	second := w.report(reportOn("acct/3", "r2"))
	status, _, answer := w.post("/cases/reservations", secret, body)
	until := canonical.At(w.Clock().Now().Add(cases.ReserveLife))
	if want := fmt.Sprintf(`{"number":1,"until":%q}`, until); status != http.StatusOK || strings.TrimSpace(answer) != want {
		t.Errorf("reserved: %d %s, want %s", status, answer, want)
	}
	_, err := bob.NextCase(ctx, "")
	wants(t, err, fault.NotFound, "nothing-waits")
	w.Clock().Advance(30 * time.Second)
	wish.Number = 1
	if r := must[v1.Reservation](t)(ann.Reserve(ctx, wish)); r.Number != 1 || !r.Until.Equal(until.Add(30*time.Second)) {
		t.Errorf("renewed: %+v", r)
	}
	if got := must[v1.Claimed](t)(ann.NextCase(ctx, "")); got.Case.ID != second.Case {
		t.Errorf("ann was given %s", got.Case.ID)
	}
	if r := must[v1.Reservation](t)(bob.Reserve(ctx, wish)); r.Number != 0 {
		t.Errorf("beside somebody else's claim: %+v", r)
	}
	wish.Case = "cas_none"
	_, err = ann.Reserve(ctx, wish)
	wants(t, err, fault.NotFound, "no-such-case")
	if status, _, _ := w.post("/cases/reservations", secret, `{"case":"x","claim":0}`); status != http.StatusUnprocessableEntity && status != http.StatusBadRequest {
		t.Errorf("claim 0: %d", status)
	}
}
