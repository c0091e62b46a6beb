package client

import (
	"context"
	"net/http"
	"net/url"
	"time"

	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
)

func casePath(id, rest string) string { return v1.Base + "/cases/" + url.PathEscape(id) + rest }

// Report hands in a report as a program.
func (c *Client) Report(ctx context.Context, r v1.Report) (t v1.Taken, err error) {
	return t, c.change(ctx, http.MethodPost, v1.Base+"/reports", nil, r, &t)
}

// Reports hands in several reports as a program. The answers are in the order of the reports.
func (c *Client) Reports(ctx context.Context, all []v1.Report) ([]v1.Taken, error) {
	var out v1.IntakeAnswer
	err := c.change(ctx, http.MethodPost, v1.Base+"/reports", nil, v1.Reports{Reports: all}, &out)
	return out.Answers, err
}

// ReportState returns what became of a report that the caller handed in.
func (c *Client) ReportState(ctx context.Context, id string) (s v1.ReportState, err error) {
	return s, c.get(ctx, v1.Base+"/reports/"+url.PathEscape(id), nil, &s)
}

// ReportNamed returns what became of the caller's report with an external_id.
func (c *Client) ReportNamed(ctx context.Context, external string) (s v1.ReportState, err error) {
	return s, c.get(ctx, v1.Base+"/reports", url.Values{"external_id": {external}}, &s)
}

// WithdrawReport takes a report of the calling program back.
func (c *Client) WithdrawReport(ctx context.Context, id string) (s v1.ReportState, err error) {
	return s, c.change(ctx, http.MethodPost, v1.Base+"/reports/"+url.PathEscape(id)+"/withdrawal", nil, nil, &s)
}

// Find reports what the calling worker came upon.
func (c *Client) Find(ctx context.Context, f v1.OwnFinding) (t v1.Taken, err error) {
	return t, c.change(ctx, http.MethodPost, v1.Base+"/findings", nil, f, &t)
}

// Cases lists cases, newest first.
func (c *Client) Cases(ctx context.Context, f v1.CaseFilter) (p v1.Page[v1.Case], err error) {
	q := values("state", string(f.State), "queue", f.Queue, "subject", f.Subject, "mine", truth(f.Mine), "cursor", f.Cursor, "limit", number(int64(f.Limit)))
	return p, c.get(ctx, v1.Base+"/cases", q, &p)
}

// Case returns a case with its history.
func (c *Client) Case(ctx context.Context, id string) (v v1.CaseView, err error) {
	return v, c.get(ctx, casePath(id, ""), nil, &v)
}

// CaseNow reads the subject of a case on its platform.
func (c *Client) CaseNow(ctx context.Context, id string) (s v1.Subject, err error) {
	return s, c.get(ctx, casePath(id, "/now"), nil, &s)
}

// Reveal returns who handed a report of a case in. It is sent once, since each reveal spends a budget.
func (c *Client) Reveal(ctx context.Context, id string, w v1.RevealWish) (r v1.Revealed, err error) {
	return r, c.into(ctx, call{method: http.MethodPost, path: casePath(id, "/reveals"), body: w}, &r)
}

// QueueOrder returns what a lead has ordered of a queue.
func (c *Client) QueueOrder(ctx context.Context, queue string) (o v1.QueueOrder, err error) {
	return o, c.get(ctx, v1.Base+"/queues/"+url.PathEscape(queue)+"/order", nil, &o)
}

// ReorderQueue hands in a lead's signed order of a queue. The same deed again gives the same answer.
func (c *Client) ReorderQueue(ctx context.Context, queue string, d v1.QueueDeed) (o v1.QueueOrder, err error) {
	return o, c.change(ctx, http.MethodPost, v1.Base+"/queues/"+url.PathEscape(queue)+"/orders", nil, d, &o)
}

// TryQueues asks what a queue set would have done with the cases of the last days.
func (c *Client) TryQueues(ctx context.Context, text string) (t v1.QueueTrial, err error) {
	return t, c.ask(ctx, v1.Base+"/queues/trials", v1.QueueTry{Text: text}, &t)
}

// NextCase claims the most urgent case, in one queue or in all that the caller works on. It is
// sent once: after a lost answer the case is among the caller's own.
func (c *Client) NextCase(ctx context.Context, queue string, without ...string) (t v1.Claimed, err error) {
	return t, c.into(ctx, call{method: http.MethodPost, path: v1.Base + "/cases/next", body: v1.NextWish{Queue: queue, Without: without}}, &t)
}

// Reserve keeps the case that NextCase would give for the caller. An answer without a number says that
// none is kept. It is sent once, since each renewal counts.
func (c *Client) Reserve(ctx context.Context, w v1.ReserveWish) (r v1.Reservation, err error) {
	return r, c.into(ctx, call{method: http.MethodPost, path: v1.Base + "/cases/reservations", body: w, none: true}, &r)
}

// ClaimCase claims a case by its identifier. Its holder gets the same claim again.
func (c *Client) ClaimCase(ctx context.Context, id string) (t v1.Claimed, err error) {
	return t, c.change(ctx, http.MethodPost, casePath(id, "/claim"), nil, nil, &t)
}

// ReleaseCase gives a case back to its queue.
func (c *Client) ReleaseCase(ctx context.Context, id string, claim int64) (out v1.Case, err error) {
	return out, c.change(ctx, http.MethodPost, casePath(id, "/release"), nil, v1.ClaimNumber{Claim: claim}, &out)
}

// ExtendClaim moves the end of a claim.
func (c *Client) ExtendClaim(ctx context.Context, id string, e v1.Extension) (out v1.Case, err error) {
	return out, c.change(ctx, http.MethodPost, casePath(id, "/extend"), nil, e, &out)
}

// KeepCaseDraft keeps what the caller has written on a case; an empty draft deletes it.
func (c *Client) KeepCaseDraft(ctx context.Context, id string, d v1.CaseDraft) error {
	return c.change(ctx, http.MethodPost, casePath(id, "/draft"), nil, d, nil)
}

// DraftDecision asks for the decision of a judgement, with the statements to sign.
func (c *Client) DraftDecision(ctx context.Context, id string, j v1.Judgement) (d v1.DecisionDraft, err error) {
	return d, c.ask(ctx, casePath(id, "/drafts"), j, &d)
}

// Decide hands in a signed decision. With a wait the answer comes when no measure is under
// way, or after that time.
func (c *Client) Decide(ctx context.Context, id string, d v1.Decision, wait time.Duration) (m v1.DecisionMade, err error) {
	return m, c.change(ctx, http.MethodPost, casePath(id, "/decisions"), values("wait", seconds(wait)), d, &m)
}

// QueueBoard lists the queues that the caller may read, in their order, with what waits in them.
func (c *Client) QueueBoard(ctx context.Context) (p v1.Page[v1.Queue], err error) {
	return p, c.get(ctx, v1.Base+"/queues/board", nil, &p)
}

// DueClocks lists what is due on cases of the queues that the caller may read, or of one.
func (c *Client) DueClocks(ctx context.Context, queue string) (p v1.Page[v1.DueClock], err error) {
	return p, c.get(ctx, v1.Base+"/queues/clocks", values("queue", queue), &p)
}

// ReleaseMedia hands in a specialist's signed press on the pictures of a case.
func (c *Client) ReleaseMedia(ctx context.Context, id string, r v1.Release) error {
	return c.change(ctx, http.MethodPost, casePath(id, "/media"), nil, r, nil)
}

// RemovePicture hands in a signed press that removes the bytes of a picture for ever.
func (c *Client) RemovePicture(ctx context.Context, digest canonical.Digest, r v1.Removal) (out v1.RemovedPicture, err error) {
	return out, c.change(ctx, http.MethodPost, v1.Base+"/evidence/pictures/"+digest.String()+"/removal", nil, r, &out)
}

// DoOnCase hands in a signed deed on a case.
func (c *Client) DoOnCase(ctx context.Context, id string, d v1.CaseDeed) (out v1.Case, err error) {
	return out, c.change(ctx, http.MethodPost, casePath(id, "/deeds"), nil, d, &out)
}

// DraftTakeBack asks for all that takes a decision of the caller's back.
func (c *Client) DraftTakeBack(ctx context.Context, decision string, w v1.TakeBackWish) (d v1.TakeBackDraft, err error) {
	return d, c.ask(ctx, v1.Base+"/decisions/"+url.PathEscape(decision)+"/drafts", w, &d)
}

// TakeBack takes a decision of the caller's back. The claim in the answer is empty if somebody
// else works on the case from then on.
func (c *Client) TakeBack(ctx context.Context, decision string, b v1.TakeBack) (t v1.Claimed, err error) {
	return t, c.change(ctx, http.MethodPost, v1.Base+"/decisions/"+url.PathEscape(decision)+"/withdrawal", nil, b, &t)
}

// Shown returns the bytes that were shown under a digest. Whoever trusts nobody computes the
// digest anew.
func (c *Client) Shown(ctx context.Context, digest canonical.Digest) ([]byte, error) {
	return c.send(ctx, call{method: http.MethodGet, path: v1.Base + "/shown/" + digest.String()})
}

// CaseEvidence returns what the subject of a case showed when it was reported, newest first.
func (c *Client) CaseEvidence(ctx context.Context, id string) (p v1.Page[v1.KeptEvidence], err error) {
	return p, c.get(ctx, casePath(id, "/evidence"), nil, &p)
}

// EvidenceNow returns what the subject of a case shows now.
func (c *Client) EvidenceNow(ctx context.Context, id string) (e v1.EvidenceNow, err error) {
	return e, c.get(ctx, casePath(id, "/evidence/now"), nil, &e)
}

// CaseCounts returns a page of what the desk's rows count, after a case.
func (c *Client) CaseCounts(ctx context.Context, after string) (p v1.CaseCounts, err error) {
	return p, c.get(ctx, v1.Base+"/case-counts", values("after", after), &p)
}
