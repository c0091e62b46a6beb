package system

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/actions"
	"countersign.dev/desk/desktest"
	"countersign.dev/fault"
	"countersign.dev/platform"
	"countersign.dev/plaza"
	"countersign.dev/sqldb/sqldbtest"
	"countersign.dev/workforce"
)

// commandOf is a command past the desk: a takedown under a mark, or the lifting
// of the measure that stands under another.
func commandOf(id string, from, mark platform.Mark) platform.Command {
	c := platform.Command{Verb: platform.Takedown, Subject: platform.Subject{Platform: "plaza", ID: id}, Expect: platform.Expect{Status: platform.Up}, Mark: mark}
	if from != "" {
		c.Verb, c.Expect, c.Mark = platform.Restore, platform.Expect{Status: platform.Down, Mark: from}, ""
	}
	return c
}

// TestTroubles: what a platform may do to the one call of an act, seen from the
// desk: the status of the request, its text, and what has changed on plaza.
func TestTroubles(t *testing.T) {
	once := func(r actions.Request) []desktest.Change {
		return []desktest.Change{{Status: platform.Down, Mark: platform.MarkOf(r.ID)}}
	}
	for _, c := range []struct {
		name    string
		spoil   func(t *testing.T, to *desktest.Town, g *gate)
		status  actions.Status
		outcome string
		text    string // part of what a person reads
		changes func(actions.Request) []desktest.Change
	}{
		{"500 after the act", func(t *testing.T, to *desktest.Town, g *gate) {
			g.commands(1, func(g *gate, w http.ResponseWriter, r *http.Request) {
				g.passOn(r)
				w.WriteHeader(http.StatusInternalServerError)
			})
		}, actions.StatusExecuted, "executed", "", once},
		{"500 before the act", func(t *testing.T, to *desktest.Town, g *gate) {
			g.commands(2, func(_ *gate, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
		}, actions.StatusExecuted, "executed", "", once},
		{"500 for ever", func(t *testing.T, to *desktest.Town, g *gate) {
			g.commands(1000, func(_ *gate, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
		}, actions.StatusFailed, "platform-failed", "did not carry the act out in 5 attempts", nil},
		{"the connection cut before the act", func(t *testing.T, to *desktest.Town, g *gate) {
			g.commands(1, func(_ *gate, w http.ResponseWriter, _ *http.Request) { cut(w) })
		}, actions.StatusExecuted, "executed", "", once},
		{"the connection cut after the act", func(t *testing.T, to *desktest.Town, g *gate) {
			g.commands(1, func(g *gate, w http.ResponseWriter, r *http.Request) { g.passOn(r); cut(w) })
		}, actions.StatusExecuted, "executed", "", once},
		{"the answer cut in the middle", func(t *testing.T, to *desktest.Town, g *gate) {
			g.commands(1, func(g *gate, w http.ResponseWriter, r *http.Request) {
				answer := g.passOn(r).Body.Bytes()
				w.Header().Set("Content-Type", "application/json")
				_, _ = w.Write(answer[:len(answer)/2])
			})
		}, actions.StatusExecuted, "executed", "", once},
		{"sent twice by a proxy", func(t *testing.T, to *desktest.Town, g *gate) {
			g.commands(1, func(g *gate, w http.ResponseWriter, r *http.Request) {
				b := body(r)
				again := r.Clone(r.Context())
				again.Body = readCloser(b)
				g.passOn(again)
				answer := g.passOn(r)
				for k, v := range answer.Header() {
					w.Header()[k] = v
				}
				w.WriteHeader(answer.Code)
				_, _ = w.Write(answer.Body.Bytes())
			})
		}, actions.StatusExecuted, "executed", "", once},
		{"answered by a web page", func(t *testing.T, to *desktest.Town, g *gate) {
			g.commands(1, func(_ *gate, w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>Sign in</html>")) })
		}, actions.StatusExecuted, "executed", "", once},
		{"slower than our patience, then done", func(t *testing.T, to *desktest.Town, g *gate) {
			g.commands(1, func(g *gate, _ http.ResponseWriter, r *http.Request) {
				detached := r.Clone(t.Context()) // plaza goes on when the caller has gone
				detached.Body = readCloser(body(r))
				g.passOn(detached)
				<-r.Context().Done()
			})
		}, actions.StatusExecuted, "executed", "", once},
		{"down already, under a foreign mark", func(t *testing.T, to *desktest.Town, g *gate) {
			meddle(t, to, "foreign", commandOf("acct/1", "", "LEGAL-1"))
		}, actions.StatusFailed, "wrong-state", `down under the mark "LEGAL-1"`, func(actions.Request) []desktest.Change {
			return []desktest.Change{{Status: platform.Down, Mark: "LEGAL-1"}}
		}},
		{"another mark when it is read back", func(t *testing.T, to *desktest.Town, g *gate) {
			g.commands(1, func(g *gate, w http.ResponseWriter, r *http.Request) {
				answer := g.passOn(r)
				mark := to.State("acct/1").Mark
				meddle(t, to, "lift", commandOf("acct/1", mark, ""))
				meddle(t, to, "foreign", commandOf("acct/1", "", "LEGAL-1"))
				for k, v := range answer.Header() {
					w.Header()[k] = v
				}
				w.WriteHeader(answer.Code)
				_, _ = w.Write(answer.Body.Bytes())
			})
		}, actions.StatusUnknown, "not-read-back", `down under the mark "LEGAL-1"`, func(r actions.Request) []desktest.Change {
			return append(once(r), desktest.Change{Status: platform.Up}, desktest.Change{Status: platform.Down, Mark: "LEGAL-1"})
		}},
		{"the token revoked", func(t *testing.T, to *desktest.Town, g *gate) {
			g.commands(1, func(g *gate, w http.ResponseWriter, r *http.Request) {
				r.Header.Set("Authorization", "Bearer plaza_nobody")
				answer := g.passOn(r)
				for k, v := range answer.Header() {
					w.Header()[k] = v
				}
				w.WriteHeader(answer.Code)
				_, _ = w.Write(answer.Body.Bytes())
			})
		}, actions.StatusFailed, "bad-token", "token", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			to := desktest.NewTown(t, desktest.Options{URL: sqldbtest.SQLite(t), Budgets: plenty})
			g := throughGate(t, to, time.Second)
			r := to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@president"))
			to.Countersign(r.ID, "lee")
			c.spoil(t, to, g)
			r = to.Settled("ann", to.Countersign(r.ID, "kim"))
			if r.Status != c.status || r.Outcome != c.outcome || !strings.Contains(r.OutcomeText, c.text) {
				t.Errorf("the request is %s (%s: %s), want %s (%s: … %s …)", r.Status, r.Outcome, r.OutcomeText, c.status, c.outcome, c.text)
			}
			var want []desktest.Change
			if c.changes != nil {
				want = c.changes(r)
			}
			if diff := cmp.Diff(want, to.Changes("acct/1")); diff != "" {
				t.Errorf("plaza: %s", diff)
			}
			if _, err := to.Store.Audit(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

type bytesCloser struct{ *strings.Reader }

func (bytesCloser) Close() error { return nil }

func readCloser(b []byte) bytesCloser { return bytesCloser{strings.NewReader(string(b))} }

// TestPlatformDown: nothing can be drafted while the platform is down, what was
// approved meanwhile is carried out when it is back, and nothing is said twice.
func TestPlatformDown(t *testing.T) {
	t.Parallel()
	to := desktest.NewTown(t, desktest.Options{URL: sqldbtest.SQLite(t), Budgets: plenty})
	g := throughGate(t, to, time.Second)
	r := to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@president"))
	to.Countersign(r.ID, "lee")
	g.set(func(_ *gate, w http.ResponseWriter, _ *http.Request) bool { cut(w); return true })
	_, err := to.TryRequest("bob", desktest.Wish(actions.AccountTakedown, "plaza:@shop"))
	if f := fault.As(err); f == nil || f.Kind != fault.Unavailable || f.Text != "plaza does not answer." {
		t.Errorf("a draft while plaza is down: %v", err)
	}
	if r = to.Countersign(r.ID, "kim"); r.Status != actions.StatusApproved {
		t.Fatalf("it is %s", r.Status)
	}
	_, err = to.TryUndo("ann", r.ID)
	if !fault.Is(err, "not-in-force") {
		t.Errorf("undo of what has not been done: %v", err)
	}
	g.set(nil)
	if r = to.Settled("ann", r); r.Status != actions.StatusExecuted {
		t.Fatalf("%s: %s", r.Status, r.OutcomeText)
	}
	g.set(func(_ *gate, w http.ResponseWriter, _ *http.Request) bool { cut(w); return true })
	u, err := to.TryUndo("ann", r.ID) // needs no reading
	if err != nil || u.Status != actions.StatusApproved {
		t.Fatalf("undo while plaza is down: %s, %v", u.Status, err)
	}
	g.set(nil)
	if u = to.Settled("ann", u); u.Status != actions.StatusExecuted {
		t.Fatalf("%s: %s", u.Status, u.OutcomeText)
	}
	want := []desktest.Change{{Status: platform.Down, Mark: platform.MarkOf(r.ID)}, {Status: platform.Up}}
	if diff := cmp.Diff(want, to.Changes("acct/1")); diff != "" {
		t.Error(diff)
	}
}

// TestForeignMeasureIsKept: an undo never lifts somebody else's measure, even
// one that has replaced ours, and says whose is in place.
func TestForeignMeasureIsKept(t *testing.T) {
	t.Parallel()
	to := desktest.NewTown(t, desktest.Options{URL: sqldbtest.SQLite(t)})
	r := to.Settled("ann", to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@neighbour")))
	meddle(t, to, "lift", commandOf("acct/3", platform.MarkOf(r.ID), ""))
	meddle(t, to, "foreign", commandOf("acct/3", "", "LEGAL-1"))
	u, err := to.TryUndo("ann", r.ID)
	if err != nil {
		t.Fatal(err)
	}
	if u = to.Settled("ann", u); u.Status != actions.StatusFailed || u.Outcome != "wrong-state" || !strings.Contains(u.OutcomeText, `"LEGAL-1"`) {
		t.Errorf("the undo is %s (%s: %s)", u.Status, u.Outcome, u.OutcomeText)
	}
	if st := to.State("acct/3"); !st.Is(platform.Down, "LEGAL-1") {
		t.Errorf("plaza has %s", platform.Describe(st.Status, st.Mark))
	}
	if got, err := to.RequestByID(t.Context(), desktest.As("ann"), r.ID); err != nil || got.Status != actions.StatusExecuted {
		t.Errorf("the measure is %s, %v", got.Status, err)
	}
}

// TestKilledInFlight kills the executor while its call is on the way: before
// plaza has it, with plaza having it and the answer under way, and with the call
// arriving after the executor has asked about it.
func TestKilledInFlight(t *testing.T) {
	t.Parallel()
	square := desktest.OpenSquare(t)
	g := openGate(t, square.URL)
	h := openHouse(t, desktest.Options{URL: sqldbtest.SQLite(t)},
		platformSettings{Name: "plaza", Connector: "plaza", URL: g.URL, Secret: square.Token("executor", plaza.StaffScope)})
	square.Post(square.Token("seed", plaza.SetupScope), "/staff/v1/accounts/bulk", `{"accounts":[
		{"handle":"@one","name":"One","office":"mayor"},{"handle":"@two","name":"Two","office":"mayor"},{"handle":"@three","name":"Three","office":"mayor"}]}`)
	kill := func() {
		if err := h.executor.kill(); err != nil {
			t.Error(err)
		}
	}
	late := make(chan *http.Request, 1)
	for i, c := range []struct {
		name  string
		spoil func(g *gate, w http.ResponseWriter, r *http.Request)
	}{
		{"before it arrives", func(_ *gate, w http.ResponseWriter, _ *http.Request) { kill(); cut(w) }},
		{"after it was done", func(g *gate, w http.ResponseWriter, r *http.Request) { g.passOn(r); kill(); cut(w) }},
		{"before it arrives late", func(_ *gate, w http.ResponseWriter, r *http.Request) {
			detached := r.Clone(t.Context())
			detached.Body = readCloser(body(r))
			late <- detached
			kill()
			cut(w)
		}},
	} {
		id := []string{"acct/1", "acct/2", "acct/3"}[i]
		g.commands(1, c.spoil)
		h.perform(act{wish: wish{By: "ann", Kind: actions.AccountTakedown, Subject: "plaza:" + id}, signers: []workforce.WorkerID{"lee", "kim"},
			changes: func() []desktest.Change { return square.Changes(id) }})
	}
	before := square.Changes("acct/3")
	if answer := g.passOn(<-late); answer.Code != http.StatusConflict {
		t.Errorf("a command that was asked about and arrives late is answered with %d: %s", answer.Code, answer.Body)
	}
	if after := square.Changes("acct/3"); !slices.Equal(before, after) {
		t.Errorf("a late command took effect: %v", after)
	}
}
