package system

import (
	"crypto/rand"
	"slices"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/desktest"
	"countersign.dev/id"
	"countersign.dev/ledger/proof"
	"countersign.dev/link"
	"countersign.dev/platform"
	"countersign.dev/platform/plaza"
	plazaserver "countersign.dev/plaza"
	"countersign.dev/workforce"
)

// openSquare opens a plaza with one account, and how the executor reaches it.
func openSquare(t *testing.T) (*desktest.Square, platformSettings) {
	t.Helper()
	s := desktest.OpenSquare(t)
	s.Post(s.Token("seed", plazaserver.SetupScope), "/staff/v1/accounts/bulk", `{"accounts":[{"handle":"@neighbour","name":"A Neighbour","followers":12}]}`)
	return s, platformSettings{Name: "plaza", Connector: "plaza", URL: s.URL, Secret: s.Token("executor", plazaserver.StaffScope)}
}

// direct reaches the executor as the desk does, onCall as people on call do.
func (h *house) direct() *link.ExecutorClient { return h.dial("token of the executor") }
func (h *house) onCall() *link.ExecutorClient { return h.dial("token of those on call") }

func (h *house) dial(token string) *link.ExecutorClient {
	return link.DialExecutor(h.executor.place.socket("executor"), token)
}

// change signs a change of the desk; the executor's facts say what the desk is like.
func (h *house) change(e *link.ExecutorClient, by workforce.WorkerID, k actions.Kind, c actions.Change) proof.Authority {
	h.t.Helper()
	facts, err := e.Facts()
	if err != nil {
		h.t.Fatal(err)
	}
	nonce := make([]byte, 48)
	if _, err := rand.Read(nonce); err != nil {
		h.t.Fatal(err)
	}
	now := time.Now()
	a := actions.Action{V: actions.ActionVersion(facts.Formats), Kind: k, Tier: actions.Critical, Direction: c.Direction(), Effect: actions.Reversible,
		Reason: "as agreed", Subject: platform.Subject{Platform: actions.DeskPlatform, ID: c.Part()}, Change: canonical.MustMarshal(c), Nonce: nonce[:16]}
	origin, founding, err := actions.SplitLog(facts.Log)
	if err != nil {
		h.t.Fatal(err)
	}
	st := actions.Statement{V: actions.StatementVersion(facts.Formats), Log: origin, Founding: founding, Request: id.Source{Now: time.Now, Rand: rand.Reader}.New(proof.RequestPrefix),
		Action: a.Digest(), Verdict: proof.VerdictOf(a), Policy: facts.Policy, Signer: by, Key: h.people.PublicKey(by).ID(), Executor: proof.DeskExecutor,
		Nonce: nonce[16:], NotBefore: canonical.At(now), Expires: canonical.At(now.Add(proof.Validity(a)))}
	return proof.Authority{Action: a, Request: actions.Signed{Statement: st, Signature: h.people.Sign(by, st.Challenge())}}
}

// TestFreezeIsInEffectSoon measures, between processes, how long after the desk's
// answer a freeze is in effect at the executor, and how long the executor takes
// for one that is handed straight to it while the desk is dead; afterwards the
// desk has them all.
func TestFreezeIsInEffectSoon(t *testing.T) {
	_, settings := openSquare(t)
	h := openHouse(t, desktest.Options{Trust: func(tr *actions.Trust) { tr.EndingsPerHour = 100 }}, settings)
	e, asDesk := h.onCall(), h.direct()
	defer e.Close()
	defer asDesk.Close()
	until(t, "the executor has read the ledger", func() bool { _, err := e.Facts(); return err == nil })
	governance := func() int64 {
		s, err := asDesk.Ask(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return s.Governance
	}
	var through []time.Duration
	// Each of them once: what several have thawed one person does not freeze again alone.
	for _, w := range []workforce.WorkerID{"ann", "abe", "sue", "bob"} {
		before := governance()
		a := h.change(e, "ole", actions.DeskFreeze, actions.Freeze{Op: "freeze", Scope: actions.ScopeWorker, Of: string(w)})
		h.must("freeze", func() error {
			_, err := ask[actions.Request](h.desk, "/request", signed{By: "ole", Action: a.Action, Signed: a.Request})
			return err
		})
		answered := time.Now()
		for governance() == before {
			if time.Since(answered) > patience {
				t.Fatal("the freeze does not reach the executor")
			}
		}
		through = append(through, time.Since(answered))
		thaw := h.change(e, "ada", actions.DeskFreeze, actions.Freeze{Op: "thaw", Scope: actions.ScopeWorker, Of: string(w)})
		h.must("thaw", func() error {
			_, err := ask[actions.Request](h.desk, "/request", signed{By: "ada", Action: thaw.Action, Signed: thaw.Request})
			return err
		})
		for _, by := range []workforce.WorkerID{"bea", "cem"} {
			h.countersign(by, thaw.Request.Statement.Request)
		}
		until(t, "the thaw reaches the executor", func() bool { return governance() == before+2 })
	}
	if err := h.desk.kill(); err != nil {
		t.Fatal(err)
	}
	var direct []time.Duration
	var requests []string
	for _, w := range []workforce.WorkerID{"lee", "kim", "eva", "dan"} {
		a := h.change(e, "ole", actions.DeskFreeze, actions.Freeze{Op: "freeze", Scope: actions.ScopeWorker, Of: string(w)})
		began := time.Now()
		got, err := e.Take(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		direct = append(direct, time.Since(began))
		requests = append(requests, got.Request)
	}
	// The executor dies as well, and forgets nothing.
	if err := h.executor.kill(); err != nil {
		t.Fatal(err)
	}
	h.desk.revive(t)
	h.executor.revive(t)
	for _, r := range requests {
		until(t, "the desk has what the executor took", func() bool {
			got, err := ask[report](h.desk, "/report", about{"ole", r})
			return err == nil && got.Request.Status == actions.StatusExecuted
		})
	}
	slices.Sort(through)
	slices.Sort(direct)
	t.Logf("through the desk, from its answer: p50 %s, most %s; straight to the executor, with the call: p50 %s, most %s",
		through[len(through)/2], through[len(through)-1], direct[len(direct)/2], direct[len(direct)-1])
}

// TestEmergencyRevertsAlone: an emergency act reverts at its deadline though the
// desk is gone for good and the executor was killed before.
func TestEmergencyRevertsAlone(t *testing.T) {
	square, settings := openSquare(t)
	h := openHouse(t, desktest.Options{}, settings)
	c, err := plaza.Connect(t.Context(), plaza.Config{Name: "plaza", URL: square.URL, Token: square.Token("reader", plazaserver.StaffScope)})
	if err != nil {
		t.Fatal(err)
	}
	shows := func() platform.Status {
		st, err := c.Read(t.Context(), platform.Subject{Platform: "plaza", ID: "acct/1"})
		if err != nil {
			t.Fatal(err)
		}
		return st.Status
	}
	deadline := time.Now().Add(8 * time.Second).Truncate(time.Second)
	r := h.request(wish{By: "ole", Kind: actions.AccountContain, Subject: "plaza:@neighbour", Until: canonical.At(deadline)})
	h.settled(r.ID, actions.StatusExecuted)
	if got := shows(); got != platform.Down && time.Now().Before(deadline) {
		t.Fatalf("it is %s", got)
	}
	if err := h.desk.kill(); err != nil {
		t.Fatal(err)
	}
	if err := h.executor.kill(); err != nil {
		t.Fatal(err)
	}
	if !time.Now().Before(deadline) {
		t.Log("this machine is so busy that the deadline passed before the executor was killed")
	}
	h.executor.revive(t)
	until(t, "it is reverted", func() bool { return shows() == platform.Up })
	if early := time.Until(deadline); early > 0 {
		t.Errorf("reverted %s too early", early)
	}
	t.Logf("up again %s after the deadline", time.Since(deadline))
	h.desk.revive(t)
	until(t, "the desk knows", func() bool {
		got, err := ask[report](h.desk, "/report", about{"kim", r.ID})
		return err == nil && got.Request.Status == actions.StatusLifted
	})
}
