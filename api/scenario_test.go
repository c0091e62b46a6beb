package api_test

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/client"
	"countersign.dev/desk/desktest"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/workforce"
)

// patience bounds what must come about: no test may depend on how busy the machine is.
const patience = 5 * time.Minute

// settled submits what needs nobody else, and waits until something came of it.
func settled(t *testing.T, c *client.Client, sub v1.Submission) v1.Request {
	t.Helper()
	r := must[v1.Request](t)(c.Submit(t.Context(), sub, v1.MaxWait*time.Second))
	return executed(t, c, r)
}

// executed waits until something came of an approved request.
func executed(t *testing.T, c *client.Client, r v1.Request) v1.Request {
	t.Helper()
	for r.Status == actions.StatusApproved {
		r = must[v1.Request](t)(c.Wait(t.Context(), r.ID, r.Version, v1.MaxWait*time.Second))
	}
	return r
}

func TestMainJob(t *testing.T) {
	s := serve(t)
	ctx := t.Context()
	ann, bob, kim := s.as("ann"), s.as("bob"), s.as("kim")

	// A standard subject: requested, executed, warrant, undone.
	sub := s.submission(ann, "ann", "plaza:@neighbour")
	r := settled(t, ann, sub)
	if r.Status != actions.StatusExecuted || r.Requester != "ann" || r.Action.Subject.ID != "acct/3" {
		t.Fatalf("got %+v, want it executed", r)
	}
	again := must[v1.Request](t)(ann.Submit(ctx, sub, 0))
	if again.ID != r.ID || again.Version != r.Version {
		t.Errorf("the same submission gave %s version %d, want %s version %d", again.ID, again.Version, r.ID, r.Version)
	}
	if d := cmp.Diff(r, must[v1.Request](t)(ann.Request(ctx, r.ID))); d != "" {
		t.Errorf("read again it is another: %s", d)
	}
	warrant := must[[]byte](t)(ann.Warrant(ctx, r.ID))
	report, err := proof.Verify(warrant, proof.Trust{Root: s.Root})
	if err != nil || report.Requester.Worker != "ann" {
		t.Errorf("the warrant does not verify offline: %v", err)
	}
	direct := must[[]byte](t)(s.Desk.Warrant(ctx, as("ann"), r.ID))
	if c, err := proof.ParseWarrant(direct); err != nil || c.Digest() != report.Warrant.Digest() {
		t.Errorf("the warrant served is not the desk's: %v", err)
	}
	shown := must[v1.Subject](t)(ann.Subject(ctx, "plaza:acct/3"))
	if shown.State.Status != platform.Down || shown.State.Mark != platform.MarkOf(r.ID) {
		t.Errorf("the subject is %+v, want it down under our mark", shown.State)
	}
	undo := must[v1.Draft](t)(ann.DraftUndo(ctx, r.ID, v1.UndoWish{Reason: "mistake", Key: s.PublicKey("ann").ID()}))
	u := settled(t, ann, s.sign("ann", undo))
	if u.Status != actions.StatusExecuted {
		t.Errorf("the undo is %s: %s", u.Status, u.OutcomeText)
	}

	// A protected one: held, an agent of the same firm is refused, countersigned by another.
	held := must[v1.Request](t)(ann.Submit(ctx, s.submission(ann, "ann", "plaza:@singer"), 0))
	if held.Status != actions.StatusHeld || held.Need.Independent < 1 {
		t.Fatalf("got %s, need %v; want it held", held.Status, held.Need)
	}
	draft := must[v1.Draft](t)(kim.DraftVerdict(ctx, held.ID, v1.VerdictWish{Verdict: actions.VerdictCountersign, Key: s.PublicKey("kim").ID()}))
	yes := v1.Countersignature{Signed: s.signed("kim", draft)}
	done := must[v1.Request](t)(kim.Countersign(ctx, held.ID, yes))
	done = executed(t, kim, done)
	if done.Status != actions.StatusExecuted || len(done.Countersignatures) != 1 {
		t.Errorf("after the countersignature it is %s with %d countersignatures", done.Status, len(done.Countersignatures))
	}
	// The same signature again, as after a lost answer and a restart: no conflict.
	repeated := must[v1.Request](t)(kim.Countersign(ctx, held.ID, yes))
	if repeated.ID != held.ID {
		t.Errorf("the repeat answered %s", repeated.ID)
	}
	other := yes.Signed.Statement
	other.Nonce = bytes.Repeat([]byte{1}, 32)
	_, err = kim.Countersign(ctx, held.ID, v1.Countersignature{Signed: actions.Signed{Statement: other, Signature: s.Sign("kim", other.Challenge())}})
	if fault.KindOf(err) != fault.Conflict {
		t.Errorf("another signature on a request that is carried out: %v", err)
	}
	unsigned := yes
	unsigned.Signed.Statement = other
	if _, err = kim.Countersign(ctx, held.ID, unsigned); fault.KindOf(err) != fault.Forbidden {
		t.Errorf("a statement that was not signed: %v", err)
	}

	// Declined with an alarm, and withdrawn.
	two := must[v1.Request](t)(ann.Submit(ctx, s.submission(ann, "ann", "plaza:@president"), 0))
	no := must[v1.Draft](t)(kim.DraftVerdict(ctx, two.ID, v1.VerdictWish{Verdict: actions.VerdictDecline, Key: s.PublicKey("kim").ID()}))
	no.Statement.Alarm = true
	frozen := must[v1.Request](t)(kim.Decline(ctx, two.ID, v1.Decline{Signed: s.signed("kim", no), Alarm: true, Reason: "who asked for this?"}))
	if frozen.Status != actions.StatusFrozen || len(frozen.Declined) != 1 || !frozen.Declined[0].Alarm {
		t.Errorf("after the alarm it is %s", frozen.Status)
	}
	three := must[v1.Request](t)(ann.Submit(ctx, s.submission(ann, "ann", "plaza:@president"), 0))
	withdraw := func(by workforce.WorkerID, version int64) v1.Withdrawal {
		deed := s.Withdrawal(by, three.ID, version)
		return v1.Withdrawal{Version: version, Deed: &deed}
	}
	back := withdraw("ann", three.Version)
	_, err = ann.Withdraw(ctx, three.ID, withdraw("ann", three.Version+1))
	if fault.KindOf(err) != fault.Conflict {
		t.Errorf("withdrawn as of a version that is not: %v", err)
	}
	if _, err := bob.Withdraw(ctx, three.ID, withdraw("bob", three.Version)); fault.KindOf(err) != fault.Forbidden {
		t.Errorf("bob withdraws ann's request: %v", err)
	}
	if _, err := ann.Withdraw(ctx, three.ID, v1.Withdrawal{Version: three.Version}); fault.TypeOf(err) != "another-signer" {
		t.Errorf("withdrawn without a signature: %v", err)
	}
	gone := must[v1.Request](t)(ann.Withdraw(ctx, three.ID, back))
	if gone.Status != actions.StatusWithdrawn {
		t.Errorf("after the withdrawal it is %s", gone.Status)
	}
	// Again, under another key, as after a lost answer; and as of a version that never was.
	if _, err := ann.Withdraw(ctx, three.ID, back); err != nil {
		t.Errorf("the same withdrawal again: %v", err)
	}
	if _, err := ann.Withdraw(ctx, three.ID, v1.Withdrawal{Version: gone.Version, Deed: back.Deed}); fault.KindOf(err) != fault.Conflict {
		t.Errorf("a withdrawal of what is withdrawn: %v", err)
	}
}

func TestPages(t *testing.T) {
	s := serve(t)
	ctx := t.Context()
	ann := s.as("ann")
	var sent []string
	for range 5 {
		sent = append(sent, must[v1.Request](t)(ann.Submit(ctx, s.submission(ann, "ann", "plaza:@president"), 0)).ID)
	}
	var got []string
	for cursor, pages := "", 0; ; pages++ {
		p := must[v1.Page[v1.Request]](t)(ann.Requests(ctx, v1.RequestFilter{Requester: "ann", Cursor: cursor, Limit: 2}))
		for _, r := range p.Items {
			got = append([]string{r.ID}, got...)
		}
		if cursor = p.Next; cursor == "" {
			break
		}
		if pages > 5 {
			t.Fatal("the pages do not end")
		}
	}
	if d := cmp.Diff(sent, got); d != "" {
		t.Errorf("requests over pages of 2: %s", d)
	}

	var workers []string
	cursor := ""
	for {
		p := must[v1.Page[v1.Worker]](t)(ann.Workers(ctx, v1.WorkerFilter{Cursor: cursor, Limit: 5}))
		for _, w := range p.Items {
			workers = append(workers, string(w.ID))
		}
		if cursor = p.Next; cursor == "" {
			break
		}
	}
	want := []string{"abe", "ada", "ann", "bea", "cem", "dan", "eva", "kim", "ole", "sue"} // and none of bolt
	if d := cmp.Diff(want, workers); d != "" {
		t.Errorf("workers over pages of 5: %s", d)
	}
	acme, employees := must[v1.Page[v1.Worker]](t)(ann.Workers(ctx, v1.WorkerFilter{Vendor: ptr("acme"), Role: "lead"})),
		must[v1.Page[v1.Worker]](t)(ann.Workers(ctx, v1.WorkerFilter{Vendor: ptr("")}))
	if len(acme.Items) != 1 || acme.Items[0].ID != "sue" || len(employees.Items) != 6 {
		t.Errorf("leads of acme: %v; employees: %d, want sue and 6", acme.Items, len(employees.Items))
	}

	// A cursor of another list, and one that is none.
	p := must[v1.Page[v1.Worker]](t)(ann.Workers(ctx, v1.WorkerFilter{Limit: 1}))
	_, err := ann.Requests(ctx, v1.RequestFilter{Cursor: p.Next})
	wants(t, err, fault.Invalid, "bad-cursor")
	_, err = ann.Keys(ctx, "", "%%%", 0)
	wants(t, err, fault.Invalid, "bad-cursor")
	first := must[v1.Request](t)(ann.Request(ctx, sent[0])).Action.Subject
	of := platform.Subject{Platform: first.Platform, ID: first.ID}.String()
	for subject, n := range map[string]int{of: len(sent), "plaza:acct/none": 0, "desk:acct/none": 0} {
		if p := must[v1.Page[v1.Request]](t)(ann.Requests(ctx, v1.RequestFilter{Kind: actions.AccountTakedown, Subject: subject})); len(p.Items) != n {
			t.Errorf("requests about %s: %d, want %d", subject, len(p.Items), n)
		}
	}
	_, err = ann.Requests(ctx, v1.RequestFilter{Subject: "plaza:@president"})
	wants(t, err, fault.Invalid, "bad-subject")
	_, err = ann.Requests(ctx, v1.RequestFilter{Subject: of, Platform: "desk"})
	wants(t, err, fault.Invalid, "bad-subject")
	_, err = ann.Draft(ctx, v1.Wish{Kind: actions.AccountWarn, Subject: of, Reason: strings.Repeat("a", 2001)})
	wants(t, err, fault.Invalid, "invalid-request")
	if f := fault.As(err); len(f.Detail) != 1 || f.Detail[0] != (fault.Detail{At: "reason", Text: "This is longer than 2000 characters, which is the most that is taken here."}) {
		t.Errorf("a reason that is too long: %+v", f.Detail)
	}
	_, err = ann.Requests(ctx, v1.RequestFilter{Kind: "content.lable"})
	wants(t, err, fault.Invalid, "unknown-kind")
	_, err = ann.Requests(ctx, v1.RequestFilter{Limit: 101})
	wants(t, err, fault.Invalid, "invalid-request")

	keys := must[v1.Page[v1.Key]](t)(ann.Keys(ctx, "ann", "", 0))
	if len(keys.Items) != 1 || keys.Items[0].ID != s.PublicKey("ann").ID() {
		t.Errorf("ann's keys: %+v", keys.Items)
	}
	vendors := must[v1.Page[v1.Vendor]](t)(ann.Vendors(ctx, "", 1))
	if len(vendors.Items) != 1 || vendors.Items[0].ID != "acme" || vendors.Items[0].Workers != 4 || vendors.Next == "" {
		t.Errorf("vendors: %+v", vendors)
	}
}

func TestReads(t *testing.T) {
	s := serve(t)
	ctx := t.Context()
	ann, kim := s.as("ann"), s.as("kim")

	st := must[v1.Status](t)(s.client("").Status(ctx))
	if !st.Founded || st.Origin != s.Origin || st.Root != s.Root || st.Ledger.Size == 0 || st.Ledger.Hash == "" || st.Executor == nil {
		t.Errorf("status: %+v", st)
	}
	w := must[v1.Worker](t)(ann.Worker(ctx, "dan"))
	if !w.Standing.Engaged || !w.Standing.Ratchet || len(w.Keys) != 1 || w.Person != nil {
		t.Errorf("dan: %+v", w)
	}
	named := must[v1.Worker](t)(kim.Person(ctx, "dan"))
	if named.Person == nil || named.Person.Name != "Name of dan" {
		t.Errorf("kim reads dan's name: %+v", named.Person)
	}
	_, err := ann.Person(ctx, "kim")
	wants(t, err, fault.Forbidden, "not-yours-to-read")
	_, err = ann.Worker(ctx, "nobody")
	wants(t, err, fault.NotFound, "no-such-worker")
	_, err = ann.Request(ctx, "req_none")
	wants(t, err, fault.NotFound, "no-such-request")
	_, err = ann.Subject(ctx, "plaza:acct/999")
	wants(t, err, fault.NotFound, "no-such-subject")

	p := must[v1.Policy](t)(ann.Policy(ctx))
	if p.Digest.IsZero() || len(p.Files) == 0 || len(p.Budgets) == 0 || p.Trust.Executor == "" {
		t.Errorf("policy: %d files, %d budgets", len(p.Files), len(p.Budgets))
	}
	report := must[v1.PolicyReport](t)(ann.CheckPolicy(ctx, p.Files))
	if report.Digest != p.Digest || len(report.Problems) != 0 {
		t.Errorf("the set in force has problems: %+v", report.Problems)
	}
	broken := must[v1.PolicyReport](t)(ann.CheckPolicy(ctx, map[string]string{"a.cedar": "permit("}))
	if len(broken.Problems) == 0 {
		t.Error("a broken set has no problems")
	}
	_, err = ann.Backtest(ctx, v1.BacktestAsk{Files: p.Files, Since: canonical.At(s.Clock().Now().Add(-time.Hour))})
	wants(t, err, fault.Forbidden, "not-yours-to-read")
	same := must[v1.Backtest](t)(kim.Backtest(ctx, v1.BacktestAsk{Files: p.Files, Since: canonical.At(s.Clock().Now().Add(-time.Hour)), Limit: 10}))
	if same.Requests == 0 || same.Changed != 0 || len(same.Findings) != 0 || same.Policy != p.Digest {
		t.Errorf("the set in force, replayed: %+v", same)
	}
	p.Files["extra.cedar"] = "@id(\"extra\")\n@reason(\"Vendors are added by more people now.\")\n@hold(\"+1\")\nforbid (principal, action == Action::\"desk.change\", resource) when { resource.part == Part::\"vendors\" };\n"
	more := must[v1.Backtest](t)(kim.Backtest(ctx, v1.BacktestAsk{Files: p.Files, Since: canonical.At(s.Clock().Now().Add(-time.Hour)), Limit: 1}))
	if more.Changed != 2 || more.Left != 1 || len(more.Changes) != 1 || more.Changes[0].Turn != proof.NeedsMore || more.Changes[0].Part != actions.PartVendors ||
		more.Changes[0].Then.Need.Independent != 2 || more.Changes[0].Proposed.Need.Independent != 3 || more.Looser != 0 {
		t.Errorf("one hold more: %+v", more)
	}
	platforms := must[v1.Page[v1.Platform]](t)(ann.Platforms(ctx))
	if d := cmp.Diff([]v1.Platform{{Name: "plaza", Connector: "plaza", Facts: platform.Facts, Labels: desktest.Labels, Served: true}}, platforms.Items); d != "" {
		t.Error(d)
	}

	es := must[v1.Entries](t)(kim.Entries(ctx, -1, 3))
	next := must[v1.Entries](t)(kim.Entries(ctx, es.Next, 3))
	if len(es.Items) != 3 || es.Items[0].Index != 0 || es.Items[0].Kind != proof.KindFounding || next.Items[0].Index != 3 {
		t.Errorf("entries: %+v, then %+v", es, next)
	}
	_, err = ann.Entries(ctx, -1, 3)
	wants(t, err, fault.Forbidden, "not-yours-to-read")
}

func TestTokens(t *testing.T) {
	s := serve(t)
	ctx := t.Context()
	ask, secret := s.TokenAsk("ann", "ann")
	nt := must[v1.Token](t)(s.client("").SignIn(ctx, ask))
	ann := s.client(secret)
	ts := must[v1.Page[v1.Token]](t)(ann.Tokens(ctx))
	if len(ts.Items) != 1 || ts.Items[0].ID != nt.ID || ts.Items[0].Worker != "ann" {
		t.Errorf("ann's tokens: %+v", ts.Items)
	}
	bob := s.as("bob")
	if err := bob.RevokeToken(ctx, nt.ID); fault.KindOf(err) != fault.Forbidden {
		t.Errorf("bob ends ann's token: %v", err)
	}
	if err := ann.RevokeToken(ctx, nt.ID); err != nil {
		t.Fatal(err)
	}
	_, err := ann.Policy(ctx)
	wants(t, err, fault.Unauthenticated, "bad-token")

	// Who is on call, or an officer, ends all that somebody has; a lead of others does not.
	for _, by := range []workforce.WorkerID{"ole", "ada"} {
		var secrets []string
		for range 2 {
			ask, secret := s.TokenAsk("ann", "ann")
			must[v1.Token](t)(s.client("").SignIn(ctx, ask))
			secrets = append(secrets, secret)
		}
		_, err = s.as("lee").RevokeTokensOf(ctx, "ann")
		wants(t, err, fault.Forbidden, "not-yours")
		must[v1.Page[v1.Token]](t)(s.client(secrets[0]).Tokens(ctx))
		ended := must[v1.Page[v1.Token]](t)(s.as(by).RevokeTokensOf(ctx, "ann"))
		if len(ended.Items) != 2 || ended.Items[0].Revoked.IsZero() || ended.Items[0].Worker != "ann" {
			t.Errorf("%s ends %+v", by, ended.Items)
		}
		for _, secret := range secrets {
			_, err = s.client(secret).Tokens(ctx)
			wants(t, err, fault.Unauthenticated, "bad-token")
		}
	}
	_, err = s.as("ole").RevokeTokensOf(ctx, "nobody")
	wants(t, err, fault.NotFound, "no-such-worker")

	forged, _ := s.TokenAsk("ann", "bob")
	_, err = s.client("").SignIn(ctx, forged)
	wants(t, err, fault.Forbidden, "bad-signature")
	for _, token := range []string{"", "csgn_none", "other"} {
		_, err := s.client(token).Policy(ctx)
		if fault.KindOf(err) != fault.Unauthenticated {
			t.Errorf("token %q: %v", token, err)
		}
	}
	// A token ends with the engagement.
	dan := s.as("dan")
	s.Clock().Advance(7 * time.Hour)
	_, err = dan.Policy(ctx)
	wants(t, err, fault.Unauthenticated, "bad-token")
}

// TestSentAgain: what is signed is its own key. The same again gives the same request,
// at any time, whatever header comes with it, and nothing happens twice.
func TestSentAgain(t *testing.T) {
	s := serve(t)
	ann, token := s.as("ann"), s.token("ann")
	one := s.submission(ann, "ann", "plaza:@president")
	send := func(token string, body any, header ...string) (*http.Response, v1.Request, []byte) {
		res, b := s.raw("POST", "/api/v1/requests", string(canonical.MustMarshal(body)), append([]string{"Authorization", "Bearer " + token, "Content-Type", "application/json"}, header...)...)
		var r v1.Request
		if res.StatusCode/100 == 2 {
			if err := json.Unmarshal(b, &r); err != nil {
				t.Fatal(err)
			}
		}
		return res, r, b
	}
	res, first, b := send(token, one, "Idempotency-Key", "k-1")
	if res.StatusCode != http.StatusCreated {
		t.Fatalf("first: %d %s", res.StatusCode, b)
	}
	if res, again, b := send(token, one); res.StatusCode != http.StatusOK || again.ID != first.ID {
		t.Errorf("the same again: %d %s", res.StatusCode, b)
	}
	// An older client sends keys. They mean nothing here: another submission is another request.
	two := s.submission(ann, "ann", "plaza:@president")
	if res, r, b := send(token, two, "Idempotency-Key", "k-1"); res.StatusCode != http.StatusCreated || r.ID == first.ID {
		t.Errorf("another submission: %d %s", res.StatusCode, b)
	}
	if res, _, b := send(s.token("bob"), one); res.StatusCode != http.StatusForbidden {
		t.Errorf("ann's submission, handed in by bob: %d %s", res.StatusCode, b)
	}
	if res, _, b := send(token, map[string]any{}); res.StatusCode != http.StatusBadRequest {
		t.Errorf("malformed: %d %s", res.StatusCode, b)
	}
	s.Clock().Advance(25 * time.Hour)
	if res, again, b := send(s.token("ann"), one); res.StatusCode != http.StatusOK || again.ID != first.ID {
		t.Errorf("a day later: %d %s", res.StatusCode, b)
	}
	// Many at once are one as well.
	three := s.submission(s.as("ann"), "ann", "plaza:@president")
	token = s.token("ann")
	var all sync.WaitGroup
	got := make([]string, 4)
	for i := range got {
		all.Go(func() {
			_, r, _ := send(token, three)
			got[i] = r.ID
		})
	}
	all.Wait()
	if want := three.Signed.Statement.Request; slices.ContainsFunc(got, func(id string) bool { return id != want }) {
		t.Errorf("four at once are %q, want %s", got, want)
	}
}
