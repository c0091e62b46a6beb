package system

import (
	"cmp"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/cli"
	"countersign.dev/client"
	"countersign.dev/desk/alarms"
	"countersign.dev/desk/desktest"
	"countersign.dev/fault"
	"countersign.dev/ledger/entry"
	"countersign.dev/platform"
	"countersign.dev/plaza"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// thief has a worker's token and the key of the worker's session, but not the worker's own
// key.
type thief struct {
	*client.Client
	f       *counter
	of      workforce.WorkerID
	own     workforce.KeyID // its name only
	session actions.SignedSession
	key     ed25519.PrivateKey
}

// steal starts a session of ten hours for a worker, and gives it away.
func (f *counter) steal(of workforce.WorkerID) *thief {
	f.t.Helper()
	th := &thief{f: f, of: of, own: f.PublicKey(of).ID()}
	day := canonical.At(f.Clock().Now().Add(actions.SessionLife))
	th.session, th.key = f.Session(of, func(s *actions.Session) { s.Expires = day })
	ask, secret := f.TokenAsk(of, of, func(a *actions.TokenAsk) { a.Expires = day })
	tr := &http.Transport{}
	f.t.Cleanup(tr.CloseIdleConnections)
	c, err := client.New(f.url, secret, &http.Client{Transport: tr})
	if err == nil {
		_, err = c.SignIn(f.t.Context(), ask)
	}
	if err == nil {
		_, err = c.StartSession(f.t.Context(), th.session)
	}
	if err != nil {
		f.t.Fatal(err)
	}
	th.Client = c
	return th
}

func (th *thief) sign(challenge [32]byte) actions.Signature {
	return actions.Signature{Signature: ed25519.Sign(th.key, challenge[:])}
}

func (th *thief) signed(st actions.Statement) actions.Signed {
	return actions.Signed{Statement: st, Signature: th.sign(st.Challenge())}
}

// drafts has a wish drafted under the session. If the desk drafts it for the own key only,
// the draft is changed to name the session.
func (th *thief) drafts(w v1.Wish) (v1.Draft, error) {
	w.Key, w.Session, w.Reason = th.own, th.digest(), "goodbye"
	d, err := th.Draft(th.f.t.Context(), w)
	if err != nil {
		w.Session = canonical.Digest{}
		if d, err = th.Draft(th.f.t.Context(), w); err != nil {
			return d, err
		}
		d.Statement.Session = th.digest()
	}
	return d, nil
}

func (th *thief) digest() canonical.Digest { return th.session.Session.Digest() }

// hands signs a draft, hands it in and waits for its outcome: "executed", "held", or the type
// of the refusal by desk or executor.
func (th *thief) hands(d v1.Draft, err error) (id, outcome string) {
	th.f.t.Helper()
	var r v1.Request
	if err == nil {
		r, err = th.Submit(th.f.t.Context(), d.Sign(th.sign), 0)
	}
	for err == nil && r.Status == actions.StatusApproved {
		r, err = th.Wait(th.f.t.Context(), r.ID, r.Version, 10*time.Second)
	}
	if err != nil {
		return "", refusal(err)
	}
	return r.ID, cmp.Or(r.Outcome, string(r.Status))
}

func (th *thief) asks(w v1.Wish) (id, outcome string) { return th.hands(th.drafts(w)) }

// refusal is the type of a refusal.
func refusal(err error) string {
	if err == nil {
		return "done"
	}
	if typ := fault.TypeOf(err); typ != "" {
		return typ
	}
	return err.Error()
}

func takedownOf(subject, of string) v1.Wish {
	return v1.Wish{Kind: actions.AccountTakedown, Subject: subject, Case: of}
}

// tries is what a thief tries, and what may come of it.
type tries struct {
	t  *testing.T
	th *thief
}

func (x tries) expect(what, got string, want ...string) {
	x.t.Helper()
	if !slices.Contains(want, got) {
		x.t.Errorf("%s: %s; want %s", what, got, strings.Join(want, " or "))
	}
}

const ownKey = "own-key-needed"

// above tries what takes more than a session: subjects that rank higher, other kinds of
// acts, another platform, and signatures on another's request, which is held.
func (x tries) above(held string) {
	x.t.Helper()
	th := x.th
	for _, subject := range []string{"plaza:@president", "plaza:@singer"} {
		_, outcome := th.asks(takedownOf(subject, "above"))
		x.expect("take down "+subject, outcome, ownKey)
	}
	d, err := th.drafts(takedownOf("plaza:@president", "above"))
	d.Action.Tier, d.Decision.Decision.Measures = actions.Standard, nil
	x.expect("call the president standard", x.forged(d, err), "tier-moved")
	for _, w := range []v1.Wish{
		{Kind: actions.AccountContain, Subject: "plaza:@n0", Until: canonical.At(th.f.Clock().Now().Add(15 * time.Minute))},
		{Kind: actions.AccountDelete, Subject: "plaza:@n0", Case: "above"},
	} {
		_, outcome := th.asks(w)
		x.expect(string(w.Kind), outcome, ownKey, "not-offered")
	}
	_, outcome := th.asks(takedownOf("elsewhere:acct/1", "above"))
	x.expect("another platform", outcome, "no-such-platform")
	for _, verdict := range []actions.Verdict{actions.VerdictCountersign, actions.VerdictDecline} {
		d, err := th.DraftVerdict(x.t.Context(), held, v1.VerdictWish{Verdict: verdict, Key: th.own})
		if err != nil {
			x.t.Fatal(err)
		}
		d.Statement.Session = th.digest()
		if verdict == actions.VerdictCountersign {
			_, err = th.Countersign(x.t.Context(), held, v1.Countersignature{Signed: th.signed(d.Statement)})
		} else {
			_, err = th.Decline(x.t.Context(), held, v1.Decline{Signed: th.signed(d.Statement), Reason: "no"})
		}
		x.expect(string(verdict), refusal(err), ownKey)
	}
}

// forged hands in a draft that was changed, with statements that fit it.
func (x tries) forged(d v1.Draft, err error) string {
	if err != nil {
		return refusal(err)
	}
	if d.Decision != nil {
		decided := *d.Decision
		if len(decided.Decision.Measures) == 0 {
			decided.Decision.Measures = []canonical.Digest{d.Action.Digest()}
		}
		decided.Signed.Statement.Document = decided.Decision.Digest()
		d.Decision, d.Statement.Decision = &decided, decided.Decision.Digest()
	}
	d.Statement.Action = d.Action.Digest()
	_, outcome := x.th.hands(d, nil)
	return outcome
}

// desk tries changes of the desk: people, keys, freezes, budgets, policy.
func (x tries) desk() {
	x.t.Helper()
	th, now := x.th, canonical.At(x.th.f.Clock().Now())
	other := workforce.PublicKey{Algorithm: workforce.FileEd25519, Public: canonical.Bytes(th.key.Public().(ed25519.PublicKey)), Hardware: true}
	enrol := actions.Enrolment{Worker: th.of, Key: other, Possession: th.sign(actions.PossessionChallenge(th.f.EnrolName(), th.of, other.ID()))}
	for what, c := range map[string]struct {
		kind   actions.Kind
		change actions.Change
	}{
		"freeze somebody":            {actions.DeskFreeze, actions.Freeze{Op: "freeze", Scope: actions.ScopeWorker, Of: "bob"}},
		"end somebody's engagement":  {actions.DeskEngagement, actions.Engagement{Op: "end", Worker: "bob"}},
		"extend the own engagement":  {actions.DeskEngagement, actions.Engagement{Op: "extend", Worker: th.of, Last: canonical.At(now.AddDate(2, 0, 0))}},
		"enrol the session's key":    {actions.DeskKey, actions.Keys{Enrol: []actions.Enrolment{enrol}}},
		"revoke the owner's own key": {actions.DeskKey, actions.Keys{Revoke: []workforce.KeyID{th.own}}},
		"raise a tier":               {actions.DeskChange, actions.Setting{Of: actions.PartTiers, Raise: &actions.Raise{Subject: platform.Subject{Platform: "plaza", ID: "acct/3"}, From: actions.Standard, To: actions.Critical}}},
		"only observe":               {actions.DeskChange, actions.Setting{Of: actions.PartModes, Mode: &actions.Mode{Platform: "plaza", Tier: actions.Critical, Mode: actions.Observe}}},
	} {
		_, outcome := th.asks(v1.Wish{Kind: c.kind, Change: canonical.MustMarshal(c.change)})
		x.expect(what, outcome, ownKey)
	}
	for what, void := range map[string]actions.Void{
		"end somebody else's session": {Scope: actions.ScopeWorker, Of: "bob", Before: now},
		"end everybody's sessions":    {Scope: actions.ScopeAll, Before: now},
	} {
		_, outcome := th.asks(v1.Wish{Kind: actions.DeskKey, Change: canonical.MustMarshal(actions.Keys{Void: &void})})
		x.expect(what, outcome, "not-yours-to-void") // nor with the own key
	}
}

// documents tries to make more of the session by documents that its key signs: a new
// session, a token, a decision for several subjects. It returns the requests that were
// carried out: of several decisions on a case in one version that is one at most.
func (x tries) documents(fresh func() string) (done []string) {
	x.t.Helper()
	th, ctx := x.th, x.t.Context()
	longer, now := th.session, th.f.Clock().Now()
	longer.Session.NotBefore, longer.Session.Expires = canonical.At(now), canonical.At(now.Add(actions.SessionLife))
	longer.Signature = th.sign(longer.Session.Challenge())
	_, err := th.StartSession(ctx, longer)
	x.expect("a session by the session's key", refusal(err), "bad-signature")
	ask, _ := th.f.TokenAsk(th.of, th.of)
	ask.Signature = th.sign(ask.Ask.Challenge())
	_, err = th.SignIn(ctx, ask)
	x.expect("a token by the session's key", refusal(err), "bad-signature")

	of := fmt.Sprint("several-", now.UnixNano())
	one, err := th.drafts(takedownOf(fresh(), of))
	if err != nil {
		x.t.Fatal(err)
	}
	two, err := th.drafts(takedownOf(fresh(), of))
	if err != nil {
		x.t.Fatal(err)
	}
	both := two
	decided := *one.Decision
	decided.Decision.Measures = []canonical.Digest{one.Action.Digest(), two.Action.Digest()}
	both.Decision = &decided
	x.expect("a decision for several subjects", x.forged(both, nil), "bad-decision")
	unlisted := two
	unlisted.Decision = one.Decision
	x.expect("a decision that lists another act", x.forged(unlisted, nil), "bad-decision")
	id, first := th.hands(one, nil)
	x.expect("a decision", first, "executed", "budget-spent")
	if first == "executed" {
		done = append(done, id)
		_, second := th.hands(two, nil)
		x.expect("a second decision on the case and version", second, "case-moved")
	}
	return done
}

// TestStolenSession: somebody has the token of a lead and the key of the lead's session, and
// tries everything for nine hours. They get measures on standard accounts and undos, within
// the lead's budgets, and nothing else. Then one command ends the session, and one lifts all
// that it did: as many as whoever gives it may undo in an hour; the next person goes on.
func TestStolenSession(t *testing.T) {
	// A tenth of the shipped budgets, with which one takes 6 accounts down an hour and 30 a day,
	// but 12 undos an hour: three people lift it all.
	const hourly, daily, undos = 6, 30, 12
	budgets := actions.DefaultBudgets()
	for i, b := range budgets {
		if budgets[i].Limit = max(1, b.Limit/10); b.Undo && b.Per == "worker" {
			budgets[i].Limit = undos
		}
	}
	f := openCounter(t, desktest.Options{Budgets: budgets})
	var accounts strings.Builder
	for i := range 100 {
		fmt.Fprintf(&accounts, `,{"handle":"@n%d","name":"N","followers":7}`, i)
	}
	f.Post(f.Token("seed", plaza.SetupScope), "/staff/v1/accounts/bulk", `{"accounts":[`+accounts.String()[1:]+`]}`)
	f.seat("kim", "ole", "eva")
	foreign := f.Settled("bob", f.Request("bob", desktest.Wish(actions.AccountTakedown, "plaza:@shop")))
	held := f.Request("bob", desktest.Wish(actions.AccountTakedown, "plaza:@singer")) // sue's own key could countersign it
	th := f.steal("sue")
	x := tries{t, th}

	var got []string
	next := 0
	fresh := func() string { next++; return fmt.Sprintf("plaza:@n%d", next) }
	for hour := range 10 {
		if hour > 0 {
			f.Clock().Advance(time.Hour)
		}
		before := len(got)
		got = append(got, x.documents(fresh)...)
		for range hourly + 1 {
			id, outcome := th.asks(takedownOf(fresh(), fmt.Sprintf("case-%d", next)))
			if outcome == "executed" {
				got = append(got, id)
			} else {
				x.expect("one more takedown", outcome, "budget-spent")
			}
		}
		if n := len(got) - before; n > hourly || len(got) > daily {
			t.Fatalf("%d acts in hour %d, %d in all", n, hour, len(got))
		}
		x.above(held.ID)
		x.desk()
	}
	if len(got) != daily {
		t.Errorf("it did %d acts, and the budget of a day is %d", len(got), daily)
	}
	d, err := th.DraftUndo(t.Context(), foreign.ID, v1.UndoWish{Reason: "goodbye", Key: th.own, Session: th.digest()})
	_, outcome := th.hands(d, err)
	x.expect("lift somebody else's measure", outcome, "executed")

	if code, _, said := f.runs("ole", "session", "end", "--worker", "sue", "--reason", "stolen", "--yes"); code != cli.Done {
		t.Fatalf("the end of the session: %s", said)
	}
	_, outcome = th.asks(takedownOf(fresh(), "void"))
	x.expect("under the session that was ended", outcome, "session-void")
	_, outcome = th.hands(th.DraftUndo(t.Context(), got[0], v1.UndoWish{Reason: "goodbye", Key: th.own, Session: th.digest()}))
	x.expect("undo under it", outcome, "session-void")

	f.lifts(got, undos)
	if r, err := f.RequestByID(t.Context(), desktest.As("kim"), held.ID); err != nil || r.Status != actions.StatusHeld || len(r.Signers)+len(r.Declined) != 0 {
		t.Errorf("the held request is %s, with %d signatures, %v", r.Status, len(r.Signers)+len(r.Declined), err)
	}
	as, _, err := f.Alarms(t.Context(), desktest.As("kim"), alarms.Filter{Kind: "incident.opened"})
	if err != nil || len(as) != 1 {
		t.Errorf("%d alarms tell of the incident, %v", len(as), err)
	}
	if n := f.refusals("sue"); n < 100 { // ten a minute are entered one by one, in each of ten hours
		t.Errorf("the ledger has %d refusals of sue", n)
	}
}

// refusals is the number of refusals of a worker that the ledger tells of.
func (f *counter) refusals(of workforce.WorkerID) (n int64) {
	f.t.Helper()
	if err := f.Store.Read(f.t.Context(), func(tx *store.Tx) error {
		n = 0
		all, err := tx.Entries(0, 1<<40)
		for _, e := range all {
			var r entry.Refusal
			if e.Body.Kind == entry.KindRefused && canonical.Unmarshal(e.Body.Data, &r) == nil && r.Worker == of {
				n += r.Count
			}
		}
		return err
	}); err != nil {
		f.t.Fatal(err)
	}
	return n
}

// lifts opens an incident on the first of some requests, and has people give one command one
// after another, until all of them are lifted. Each lifts as many as one may in an hour.
func (f *counter) lifts(requests []string, each int) {
	f.t.Helper()
	var opened struct {
		ID string `json:"id"`
	}
	f.answers(&opened, "kim", "incident", "open", requests[0], "--title", "Sue's session was stolen", "--yes")
	left := len(requests)
	for _, by := range []workforce.WorkerID{"kim", "ole", "eva"} {
		_, answer, said := f.runs(by, "incident", "undo", opened.ID, "--all", "--reason", "not sue's", "--yes", "--json")
		var got struct {
			Succeeded []struct{ Request string }
			Failed    []struct{ Request, Type string }
		}
		if err := json.Unmarshal(answer, &got); err != nil {
			f.t.Fatalf("%v: %s %s", err, answer, said)
		}
		if n := min(each, left); len(got.Succeeded) != n || len(got.Failed) != left-n {
			f.t.Errorf("%s lifts %d and not %d, of %d", by, len(got.Succeeded), len(got.Failed), left)
		}
		for _, x := range got.Failed {
			if x.Type != "budget-spent" {
				f.t.Errorf("%s does not lift %s: %s", by, x.Request, x.Type)
			}
		}
		left -= len(got.Succeeded)
	}
	for _, id := range requests {
		r, err := f.RequestByID(f.t.Context(), desktest.As("kim"), id)
		if err != nil || r.Status != actions.StatusReversed || f.State(r.Action.Subject.ID).Status != platform.Up {
			f.t.Errorf("%s is %s, and %s is %s, %v", id, r.Status, r.Action.Subject, f.State(r.Action.Subject.ID).Status, err)
		}
	}
}
