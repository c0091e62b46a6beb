package system

import (
	"crypto/ed25519"
	"errors"
	"os"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/desktest"
	"countersign.dev/fault"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/platform"
	"countersign.dev/workforce"
)

func keyOf(k desktest.Kept) ed25519.PrivateKey { return ed25519.NewKeyFromSeed(k.Executor) }

// house is a desk and an executor in processes of their own. The test holds the
// people's keys, as people do, and signs for them.
type house struct {
	t              *testing.T
	people         *desktest.World
	desk, executor *process
	// mourned, if set, is called when the desk was killed, before it is started again.
	mourned func()
}

// plenty lets a test act on critical subjects more often than anybody should.
var plenty = func() []actions.Budget {
	bs := actions.DefaultBudgets()
	for i := range bs {
		bs[i].Limit = 100_000
	}
	return bs
}()

// openHouse founds and staffs a desk in a database and starts both processes.
// connect adds platforms to the desk's chain.
func openHouse(t *testing.T, o desktest.Options, platforms ...platformSettings) *house {
	t.Helper()
	return openHouseWith(t, o, func(*desktest.World) {}, platforms...)
}

// openHouseWith is openHouse with more done at the desk before the processes start.
func openHouseWith(t *testing.T, o desktest.Options, more func(*desktest.World), platforms ...platformSettings) *house {
	t.Helper()
	o.Budgets = plenty
	w := desktest.New(t, o)
	w.Staff()
	more(w)
	for _, p := range platforms {
		if p.Name != "plaza" {
			added := actions.Platform{Name: p.Name, Connector: p.Connector, Facts: []platform.Fact{platform.FactCreated, platform.FactOwner}} // of a PDS
			s, err := w.State(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			w.Change(actions.DeskChange, actions.Setting{Of: actions.PartPlatforms, Platform: &added, Unranked: s.Policy.Unranks(nil, added)})
		}
	}
	w.Close()
	// Not t.TempDir, whose path is too long for a socket.
	folder, err := os.MkdirTemp("", "countersign-system-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(folder); err != nil {
			t.Error(err)
		}
	})
	p := place(folder)
	if err := os.WriteFile(p.file("settings.json"), canonical.MustMarshal(settings{World: w.Keep(), Platforms: platforms}), 0o600); err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, people: w, desk: &process{place: p, name: "desk"}, executor: &process{place: p, name: "executor"}}
	t.Cleanup(h.executor.stop)
	t.Cleanup(h.desk.stop)
	h.desk.start(t)
	h.executor.start(t)
	return h
}

// persist does something until it is acknowledged, as a person does who gets no
// answer: whatever was killed is started again, and asked again. known errors are
// the caller's.
func (h *house) persist(what string, do func() error) error {
	h.t.Helper()
	var known error
	until(h.t, what, func() bool {
		err := do()
		if errors.Is(err, errGone) || fault.KindOf(err) == fault.Unavailable || fault.Is(err, "ledger-not-followed") {
			h.revive()
			return false
		}
		known = err
		return true
	})
	return known
}

// revive starts again what was killed.
func (h *house) revive() {
	h.t.Helper()
	if h.mourned != nil && h.desk.dead() {
		h.mourned()
	}
	h.desk.revive(h.t)
	h.executor.revive(h.t)
}

func (h *house) must(what string, do func() error) {
	h.t.Helper()
	if err := h.persist(what, do); err != nil {
		h.t.Fatalf("%s: %v", what, err)
	}
}

// submit drafts and signs once, and submits until that is acknowledged.
func (h *house) submit(by workforce.WorkerID, make func() (draft, error)) actions.Request {
	h.t.Helper()
	var d draft
	h.must("draft", func() (err error) { d, err = make(); return err })
	s := signed{By: by, Action: d.Action, Signed: actions.Signed{Statement: d.Statement, Signature: h.people.Sign(by, d.Statement.Challenge())}, Decided: d.Decided}
	if s.Decided != nil {
		s.Decided.Signed.Signature = h.people.Sign(by, s.Decided.Signed.Statement.Challenge())
	}
	var r actions.Request
	h.must("request", func() (err error) { r, err = ask[actions.Request](h.desk, "/request", s); return err })
	if r.ID != d.Statement.Request {
		h.t.Fatalf("the request %s was acknowledged as %s", d.Statement.Request, r.ID)
	}
	return r
}

func (h *house) request(w wish) actions.Request {
	h.t.Helper()
	return h.submit(w.By, func() (draft, error) { return ask[draft](h.desk, "/draft", w) })
}

func (h *house) undo(by workforce.WorkerID, request string) actions.Request {
	h.t.Helper()
	return h.submit(by, func() (draft, error) { return ask[draft](h.desk, "/draft-undo", about{by, request}) })
}

// countersign signs until the desk acknowledges it, or says that it has the
// signature already.
func (h *house) countersign(by workforce.WorkerID, request string) {
	h.t.Helper()
	var d draft
	h.must("draft", func() (err error) {
		d, err = ask[draft](h.desk, "/draft-countersign", about{by, request})
		return err
	})
	s := signed{By: by, Request: request, Signed: actions.Signed{Statement: d.Statement, Signature: h.people.Sign(by, d.Statement.Challenge())}}
	err := h.persist("countersign", func() error { _, err := ask[actions.Request](h.desk, "/countersign", s); return err })
	if err != nil && !fault.Is(err, "already-signed") && !fault.Is(err, "not-open") && !fault.Is(err, "not-in-force") {
		h.t.Fatalf("countersign by %s: %v", by, err)
	}
	for _, c := range h.report(request).Request.Signers {
		if canonical.DigestOf(c) == canonical.DigestOf(s.Signed) {
			return
		}
	}
	h.t.Fatalf("the countersignature of %s was acknowledged (%v) and is not there", by, err)
}

// report recomputes the ledger.
func (h *house) report(request string) (r report) {
	h.t.Helper()
	h.must("report", func() (err error) { r, err = ask[report](h.desk, "/report", about{"kim", request}); return err })
	return r
}

// settled waits until a request has this status, and the ledger these records of it.
func (h *house) settled(request string, want actions.Status) report {
	h.t.Helper()
	var r report
	until(h.t, "the request is "+string(want), func() bool {
		h.revive()
		r = h.report(request)
		return r.Request.Status != actions.StatusHeld && r.Request.Status != actions.StatusApproved
	})
	if r.Request.Status != want {
		h.t.Fatalf("the request is %s (%s: %s), want %s", r.Request.Status, r.Request.Outcome, r.Request.OutcomeText, want)
	}
	return r
}

// arm has a process die at a step.
func (h *house) arm(p *process, a arming) {
	h.t.Helper()
	if _, err := ask[struct{}](p, "/arm", a); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) trace(p *process) []string {
	h.t.Helper()
	steps, err := ask[[]string](p, "/trace", struct{}{})
	if err != nil {
		h.t.Fatal(err)
	}
	return steps
}

func (h *house) status() (s linkv1.ExecutorStatus) {
	h.t.Helper()
	h.must("status", func() (err error) { s, err = ask[linkv1.ExecutorStatus](h.executor, "/status", struct{}{}); return err })
	return s
}
