package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/ledger"
	"countersign.dev/workforce"
)

func requestPath(id string, rest string) string {
	return v1.Base + "/requests/" + url.PathEscape(id) + rest
}

// values builds a query from pairs and leaves out the empty ones.
func values(pairs ...string) url.Values {
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return q
}

func number(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

func seconds(d time.Duration) string {
	if d <= 0 {
		return ""
	}
	return d.String()
}

// Status returns the public facts about the desk; it needs no token.
func (c *Client) Status(ctx context.Context) (s v1.Status, err error) {
	return s, c.get(ctx, v1.Base+"/status", nil, &s)
}

// Matters returns all that people should know about the state of the desk.
func (c *Client) Matters(ctx context.Context) (m v1.Matters, err error) {
	return m, c.get(ctx, v1.Base+"/status/matters", nil, &m)
}

// SignIn hands in a signed ask and gets a token. Its secret is the one whose hash the ask
// holds. SignIn needs no token.
func (c *Client) SignIn(ctx context.Context, a actions.SignedTokenAsk) (t v1.Token, err error) {
	return t, c.into(ctx, call{method: http.MethodPost, path: v1.Base + "/tokens", body: a}, &t)
}

// StartSession starts a session that the caller's own key has signed. The same session again
// gives the same answer.
func (c *Client) StartSession(ctx context.Context, s actions.SignedSession) (out v1.Session, err error) {
	return out, c.change(ctx, http.MethodPost, v1.Base+"/sessions", nil, s, &out)
}

// Sessions lists the caller's sessions whose time is not over, newest first.
func (c *Client) Sessions(ctx context.Context) (p v1.Page[v1.Session], err error) {
	return p, c.get(ctx, v1.Base+"/sessions", nil, &p)
}

// Tokens lists the caller's tokens.
func (c *Client) Tokens(ctx context.Context) (p v1.Page[v1.Token], err error) {
	return p, c.get(ctx, v1.Base+"/tokens", nil, &p)
}

// RevokeTokensOf ends all live tokens of a worker, and returns them.
func (c *Client) RevokeTokensOf(ctx context.Context, w workforce.WorkerID) (p v1.Page[v1.Token], err error) {
	return p, c.change(ctx, http.MethodDelete, v1.Base+"/workers/"+url.PathEscape(string(w))+"/tokens", nil, nil, &p)
}

// RevokeToken ends one of the caller's tokens.
func (c *Client) RevokeToken(ctx context.Context, id string) error {
	return c.change(ctx, http.MethodDelete, v1.Base+"/tokens/"+url.PathEscape(id), nil, nil, nil)
}

// Draft asks for the action of a wish and the statement to sign. Nothing is stored.
func (c *Client) Draft(ctx context.Context, w v1.Wish) (d v1.Draft, err error) {
	return d, c.ask(ctx, v1.Base+"/drafts", w, &d)
}

// Submit hands in a signed action. With a wait the answer comes when the
// request is no longer under way, or after that time.
func (c *Client) Submit(ctx context.Context, s v1.Submission, wait time.Duration) (r v1.Request, err error) {
	return r, c.change(ctx, http.MethodPost, v1.Base+"/requests", values("wait", seconds(wait)), s, &r)
}

// Requests lists requests, newest first.
func (c *Client) Requests(ctx context.Context, f v1.RequestFilter) (p v1.Page[v1.Request], err error) {
	q := values("status", string(f.Status), "requester", string(f.Requester), "kind", string(f.Kind),
		"platform", f.Platform, "subject", f.Subject, "cursor", f.Cursor, "limit", number(int64(f.Limit)))
	return p, c.get(ctx, v1.Base+"/requests", q, &p)
}

// Request returns a request as it is now.
func (c *Client) Request(ctx context.Context, id string) (r v1.Request, err error) {
	return r, c.get(ctx, requestPath(id, ""), nil, &r)
}

// Wait returns a request as soon as its version is newer than the given one, or its
// present state after the wait.
func (c *Client) Wait(ctx context.Context, id string, version int64, wait time.Duration) (r v1.Request, err error) {
	return r, c.get(ctx, requestPath(id, ""), values("version", number(version), "wait", seconds(wait)), &r)
}

// DraftVerdict asks for the statement with which to countersign or decline.
func (c *Client) DraftVerdict(ctx context.Context, id string, w v1.VerdictWish) (d v1.Draft, err error) {
	return d, c.ask(ctx, requestPath(id, "/drafts"), w, &d)
}

// DraftUndo asks for the action that undoes an executed request; hand it in
// with Submit.
func (c *Client) DraftUndo(ctx context.Context, id string, w v1.UndoWish) (d v1.Draft, err error) {
	return d, c.ask(ctx, requestPath(id, "/undo-drafts"), w, &d)
}

// Countersign hands in a signed yes.
func (c *Client) Countersign(ctx context.Context, id string, s v1.Countersignature) (r v1.Request, err error) {
	return r, c.change(ctx, http.MethodPost, requestPath(id, "/countersignatures"), nil, s, &r)
}

// Decline hands in a signed no.
func (c *Client) Decline(ctx context.Context, id string, d v1.Decline) (r v1.Request, err error) {
	return r, c.change(ctx, http.MethodPost, requestPath(id, "/declines"), nil, d, &r)
}

// Withdraw takes the caller's own request back, as it was at a version.
func (c *Client) Withdraw(ctx context.Context, id string, w v1.Withdrawal) (r v1.Request, err error) {
	return r, c.change(ctx, http.MethodPost, requestPath(id, "/withdrawal"), nil, w, &r)
}

// Signing says whether the caller may countersign a request, and who asks.
func (c *Client) Signing(ctx context.Context, id string) (x v1.Signing, err error) {
	return x, c.get(ctx, requestPath(id, "/signing"), nil, &x)
}

// WaitsForYou returns the held requests that the caller may countersign and has not.
func (c *Client) WaitsForYou(ctx context.Context) (p v1.Page[v1.Request], err error) {
	return p, c.get(ctx, v1.Base+"/waits-for-you", nil, &p)
}

// Rows returns the rows of an import that waits for signatures. A signer compares them
// with the root in the action (proof.RowsRoot).
func (c *Client) Rows(ctx context.Context, id string) (r v1.Rows, err error) {
	return r, c.get(ctx, requestPath(id, "/rows"), nil, &r)
}

// Warrant returns the exact bytes of a request's warrant.
func (c *Client) Warrant(ctx context.Context, id string) ([]byte, error) {
	return c.send(ctx, call{method: http.MethodGet, path: requestPath(id, "/warrant")})
}

// CompleteWarrant is Warrant with the governance entries that authorise those on which the
// warrant rests, down to entry 0.
func (c *Client) CompleteWarrant(ctx context.Context, id string) ([]byte, error) {
	return c.send(ctx, call{method: http.MethodGet, path: requestPath(id, "/warrant"), query: values("complete", "true")})
}

// Workers lists workers by identifier.
func (c *Client) Workers(ctx context.Context, f v1.WorkerFilter) (p v1.Page[v1.Worker], err error) {
	q := values("role", string(f.Role), "cursor", f.Cursor, "limit", number(int64(f.Limit)))
	if f.Vendor != nil && *f.Vendor == "" {
		q.Set("employees", "true")
	} else if f.Vendor != nil {
		q.Set("vendor", string(*f.Vendor))
	}
	return p, c.get(ctx, v1.Base+"/workers", q, &p)
}

// Worker returns a worker with standing and keys.
func (c *Client) Worker(ctx context.Context, id workforce.WorkerID) (w v1.Worker, err error) {
	return w, c.get(ctx, v1.Base+"/workers/"+url.PathEscape(string(id)), nil, &w)
}

// Person returns a worker with name and e-mail address, if the desk lets the
// caller read them.
func (c *Client) Person(ctx context.Context, id workforce.WorkerID) (w v1.Worker, err error) {
	return w, c.get(ctx, v1.Base+"/workers/"+url.PathEscape(string(id)), values("person", "true"), &w)
}

// Vendors lists vendors by identifier.
func (c *Client) Vendors(ctx context.Context, cursor string, limit int) (p v1.Page[v1.Vendor], err error) {
	return p, c.get(ctx, v1.Base+"/vendors", values("cursor", cursor, "limit", number(int64(limit))), &p)
}

// Keys lists keys by identifier: one worker's, or, with an empty worker, all.
func (c *Client) Keys(ctx context.Context, worker workforce.WorkerID, cursor string, limit int) (p v1.Page[v1.Key], err error) {
	return p, c.get(ctx, v1.Base+"/keys", values("worker", string(worker), "cursor", cursor, "limit", number(int64(limit))), &p)
}

// Subject reads a subject on its platform.
func (c *Client) Subject(ctx context.Context, subject string) (s v1.Subject, err error) {
	return s, c.get(ctx, v1.Base+"/subjects", url.Values{"subject": {subject}}, &s)
}

// Exposure returns who could do what to a subject. An empty kind means each kind that the
// platform offers; the zero time means now. people makes the answer name workers.
func (c *Client) Exposure(ctx context.Context, subject string, kind actions.Kind, at time.Time, people bool) (e v1.Exposure, err error) {
	q := values("subject", subject, "kind", string(kind), "at", instant(at), "people", truth(people))
	return e, c.get(ctx, v1.Base+"/exposure", q, &e)
}

// ExposureTable returns the exposure of the subjects of a tier that the desk knows.
func (c *Client) ExposureTable(ctx context.Context, tier actions.Tier, kind actions.Kind, at time.Time, people bool) (t v1.ExposureTable, err error) {
	q := values("tier", string(tier), "kind", string(kind), "at", instant(at), "people", truth(people))
	return t, c.get(ctx, v1.Base+"/exposure/table", q, &t)
}

// Reach returns the acts that a worker could do alone, now and on the last day.
func (c *Client) Reach(ctx context.Context, id workforce.WorkerID) (r v1.Reach, err error) {
	return r, c.get(ctx, v1.Base+"/workers/"+url.PathEscape(string(id))+"/reach", nil, &r)
}

func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func truth(b bool) string {
	if b {
		return "true"
	}
	return ""
}

// Platforms lists the connected platforms.
func (c *Client) Platforms(ctx context.Context) (p v1.Page[v1.Platform], err error) {
	return p, c.get(ctx, v1.Base+"/platforms", nil, &p)
}

// Desk returns standing orders, modes, freezes and closed reviews.
func (c *Client) Desk(ctx context.Context) (d v1.Desk, err error) {
	return d, c.get(ctx, v1.Base+"/desk", nil, &d)
}

// Policy returns the policy set in force.
func (c *Client) Policy(ctx context.Context) (p v1.Policy, err error) {
	return p, c.get(ctx, v1.Base+"/policy", nil, &p)
}

// CheckPolicy checks a set against the people of this desk. Nothing is stored.
func (c *Client) CheckPolicy(ctx context.Context, files map[string]string) (r v1.PolicyReport, err error) {
	return r, c.ask(ctx, v1.Base+"/policy/check", v1.PolicyFiles{Files: files}, &r)
}

// Backtest returns the rulings that a set would have made on recorded requests. Nothing
// is stored.
func (c *Client) Backtest(ctx context.Context, ask v1.BacktestAsk) (b v1.Backtest, err error) {
	return b, c.ask(ctx, v1.Base+"/policy/backtest", ask, &b)
}

// Entries lists ledger entries from an index on; after is the last index seen, -1
// for the beginning.
func (c *Client) Entries(ctx context.Context, after int64, limit int) (e v1.Entries, err error) {
	q := values("limit", number(int64(limit)))
	q.Set("after", strconv.FormatInt(after, 10))
	return e, c.get(ctx, v1.Base+"/ledger/entries", q, &e)
}

// VerifierKey returns the ledger's verifier key line.
func (c *Client) VerifierKey(ctx context.Context) (string, error) {
	raw, err := c.send(ctx, call{method: http.MethodGet, path: "/ledger/vkey", accept: "text/plain"})
	return string(raw), err
}

// Governance returns entries of the governance chain from a number on, with the salts
// that open their leaves.
func (c *Client) Governance(ctx context.Context, from int64) (b v1.Bodies, err error) {
	q := url.Values{"from": {strconv.FormatInt(from, 10)}}
	return b, c.get(ctx, "/ledger/bodies/governance", q, &b)
}

// Bodies returns entries of all classes from an index on, with the salts that open their
// leaves.
func (c *Client) Bodies(ctx context.Context, from int64) (b v1.Bodies, err error) {
	q := url.Values{"from": {strconv.FormatInt(from, 10)}}
	return b, c.get(ctx, "/ledger/bodies/all", q, &b)
}

// Taken returns the executor's records of changes that it took directly, from an index on, with
// the salts that open their leaves.
func (c *Client) Taken(ctx context.Context, from int64) (b v1.Bodies, err error) {
	q := url.Values{"from": {strconv.FormatInt(from, 10)}}
	return b, c.get(ctx, "/ledger/bodies/taken", q, &b)
}

// TierEntries returns the entries by which rules once raised a subject, PLATFORM:ID,
// opened for that subject alone.
func (c *Client) TierEntries(ctx context.Context, subject string) (b v1.TierBodies, err error) {
	return b, c.get(ctx, "/ledger/bodies/tiers", url.Values{"subject": {subject}}, &b)
}

// Document returns the exact bytes of the proof of a document, which proof.VerifyDocument
// checks. commitment is that of a promise; readers of evidence may leave it zero.
func (c *Client) Document(ctx context.Context, sort ledger.DocumentSort, id string, commitment canonical.Digest) ([]byte, error) {
	q := url.Values{}
	if !commitment.IsZero() {
		q.Set("commitment", commitment.String())
	}
	return c.send(ctx, call{method: http.MethodGet, path: v1.Base + "/documents/" + url.PathEscape(string(sort)) + "/" + url.PathEscape(id), query: q})
}

// Documents returns a page of the documents of a sort after a number, -1 for the beginning.
func (c *Client) Documents(ctx context.Context, sort ledger.DocumentSort, after int64) (d v1.Documents, err error) {
	q := values("limit", "500")
	q.Set("after", strconv.FormatInt(after, 10))
	return d, c.get(ctx, v1.Base+"/documents/"+url.PathEscape(string(sort)), q, &d)
}

// Ledger fetches the served log's checkpoint and tiles, for ledger.Reader and
// ledger.Follower.
func (c *Client) Ledger(ctx context.Context) ledger.Fetch {
	return func(path string) ([]byte, error) {
		return c.send(ctx, call{method: http.MethodGet, path: "/ledger/" + path, accept: "*/*"})
	}
}
