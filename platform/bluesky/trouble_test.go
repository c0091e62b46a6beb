package bluesky_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"countersign.dev/fault"
	"countersign.dev/platform"
	"countersign.dev/platform/bluesky"
	"countersign.dev/test/testenv"
)

// Each of these ends a call without a usable answer, after the PDS acted or
// before; Apply cannot tell which, and Lookup can.
func TestUnansweredCallsAreSettledByLookup(t *testing.T) {
	w := newWorld(t)
	status := func(code int) func(http.ResponseWriter, *http.Request) {
		return func(out http.ResponseWriter, r *http.Request) { out.WriteHeader(code) }
	}
	for _, tc := range []struct {
		name  string
		acts  bool
		after func(http.ResponseWriter, *http.Request)
	}{
		{"500 after the act", true, status(500)},
		{"502 after the act", true, status(502)},
		{"504 after the act", true, status(504)},
		{"cut off after the act", true, cutOff},
		{"500 instead of the act", false, status(500)},
		{"503 instead of the act", false, status(503)},
		{"408 instead of the act", false, status(408)},
		{"cut off instead of the act", false, cutOff},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := w.pds.CreateAccount(t, "trouble")
			spoiled := func(out http.ResponseWriter, r *http.Request) {
				if tc.acts {
					if code := w.front.act(r); code != 200 {
						t.Errorf("the PDS itself answered %d", code)
					}
				}
				tc.after(out, r)
			}
			settle := func(cmd platform.Command) {
				t.Helper()
				w.front.instead(change, spoiled)
				_, err := w.c.Apply(t.Context(), "k", cmd)
				if fault.KindOf(err) != fault.Unavailable || fault.Is(err, "not-sent") {
					t.Errorf("%s: %v", cmd.Verb, err)
				}
				w.front.instead(change, nil)
				sent := w.front.count(change)
				out, err := w.c.Lookup(t.Context(), "k", cmd)
				if err != nil || !out.Known || out.Done != tc.acts {
					t.Errorf("lookup of the %s: %+v, %v", cmd.Verb, out, err)
				}
				if tc.acts && !out.Receipt.After.Is(cmd.After().Status, cmd.After().Mark) {
					t.Errorf("receipt of the %s: %+v", cmd.Verb, out.Receipt)
				}
				if w.front.count(change) != sent {
					t.Error("Lookup changed something")
				}
			}
			settle(takedown(a.DID, ours))
			if !tc.acts {
				w.is(a.DID, platform.Up, "")
				w.apply(takedown(a.DID, ours)) // known not done, so it may be sent again
			}
			settle(restore(a.DID, ours))
			if !tc.acts {
				w.is(a.DID, platform.Down, ours)
			}
		})
	}
}

// A call that we gave up on is held somewhere and arrives while Lookup waits.
func TestLateArrivalIsFound(t *testing.T) {
	b := testenv.PDS(t)
	f := newFront(t, b)
	w := &world{T: t, pds: b, front: f, c: connect(t, bluesky.Config{URL: f.URL, AdminPassword: b.AdminPassword,
		Patience: 5 * time.Second, RequestLife: time.Hour})}
	a := b.CreateAccount(t, "late")
	release := make(chan struct{})
	arrived := make(chan int, 1)
	f.instead(change, func(_ http.ResponseWriter, r *http.Request) {
		held := r.Clone(context.WithoutCancel(r.Context()))
		<-release
		arrived <- f.act(held)
	})
	if _, err := w.c.Apply(t.Context(), "k", takedown(a.DID, ours)); fault.KindOf(err) != fault.Unavailable || fault.Is(err, "not-sent") {
		t.Fatalf("a held call: %v", err)
	}
	w.is(a.DID, platform.Up, "")
	var once sync.Once
	asked := f.count("com.atproto.admin.getSubjectStatus")
	f.justBefore("com.atproto.admin.getSubjectStatus", func() {
		if f.count("com.atproto.admin.getSubjectStatus") > asked+2 { // Lookup has found it not in place
			once.Do(func() { close(release) })
		}
	})
	out, err := w.c.Lookup(t.Context(), "k", takedown(a.DID, ours))
	if err != nil || !out.Done || !out.Known {
		t.Errorf("lookup: %+v, %v", out, err)
	}
	once.Do(func() { close(release) })
	if code := <-arrived; code != 200 {
		t.Errorf("the held call was answered %d", code)
	}
}

func TestLookupThatMayNotWaitDoesNotKnow(t *testing.T) {
	b := testenv.PDS(t)
	a := b.CreateAccount(t, "hasty")
	c := connect(t, bluesky.Config{URL: b.URL, AdminPassword: b.AdminPassword, RequestLife: time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	out, err := c.Lookup(ctx, "k", takedown(a.DID, ours))
	if err != nil || out.Known || out.Done {
		t.Errorf("%+v, %v", out, err)
	}
	if got := c.Capabilities(); got.RequestLife != 3600 || got.Lookup {
		t.Errorf("capabilities %+v", got)
	}
}

// Killed with power-cut roughness and stopped without a word: nothing was sent,
// and what was acknowledged before is there afterwards.
func TestPDSThatIsDownOrStands(t *testing.T) {
	b := testenv.OwnPDS(t, testenv.BlueskyOptions{})
	c := connect(t, bluesky.Config{URL: b.URL, AdminPassword: b.AdminPassword, Patience: 3 * time.Second})
	a := b.CreateAccount(t, "mike")
	if _, err := c.Apply(t.Context(), "k", takedown(a.DID, ours)); err != nil {
		t.Fatal(err)
	}
	nothingWorks := func(how string) {
		t.Helper()
		_, readErr := c.Read(t.Context(), subject(a.DID))
		_, applyErr := c.Apply(t.Context(), "k2", restore(a.DID, ours))
		_, resolveErr := c.Resolve(t.Context(), platform.Subject{Handle: "@" + a.Handle})
		_, lookupErr := c.Lookup(t.Context(), "k2", restore(a.DID, ours))
		for name, err := range map[string]error{"read": readErr, "apply": applyErr, "resolve": resolveErr, "lookup": lookupErr, "check": c.Check(t.Context())} {
			if fault.KindOf(err) != fault.Unavailable {
				t.Errorf("%s, %s: %v", how, name, err)
			}
		}
		if !fault.Is(applyErr, "not-sent") {
			t.Errorf("%s: apply does not say that nothing was sent: %v", how, applyErr)
		}
	}
	b.Pause(t)
	nothingWorks("stopped")
	b.Resume(t)
	b.Kill(t)
	nothingWorks("killed")
	b.Restart(t)
	s, err := c.Read(t.Context(), subject(a.DID))
	if err != nil || !s.Is(platform.Down, ours) {
		t.Errorf("after the restart: %+v, %v", s, err)
	}
	if _, err := c.Apply(t.Context(), "k2", restore(a.DID, ours)); err != nil {
		t.Errorf("restore after the restart: %v", err)
	}
}

// The PDS's own throttle, reached by calling it as often as it allows.
func TestThrottled(t *testing.T) {
	b := testenv.OwnPDS(t, testenv.BlueskyOptions{RateLimits: true})
	c := connect(t, bluesky.Config{URL: b.URL, AdminPassword: b.AdminPassword})
	a := b.CreateAccount(t, "nina")
	const allowed = 3000
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range allowed / 8 {
				b.Query(t, "", "com.atproto.server.describeServer")
			}
		})
	}
	wg.Wait()
	_, err := c.Apply(t.Context(), "k", takedown(a.DID, ours))
	f := fault.As(err)
	if f == nil || f.Kind != fault.Exhausted || f.Type != "platform-throttled" {
		t.Fatalf("call %d: %v", allowed+1, err)
	}
	if len(f.Detail) != 1 || f.Detail[0].At != "retry-after" || len(f.Detail[0].Text) < 1 {
		t.Errorf("it does not say when to come back: %+v", f)
	}
}

func BenchmarkTakedownAndRestore(b *testing.B) {
	p := testenv.PDS(b)
	c, err := bluesky.New(bluesky.Config{Name: "bluesky", URL: p.URL, AdminPassword: p.AdminPassword})
	if err != nil {
		b.Fatal(err)
	}
	a := p.CreateAccount(b, "bench")
	for b.Loop() {
		if _, err := c.Apply(b.Context(), "k", takedown(a.DID, ours)); err != nil {
			b.Fatal(err)
		}
		if _, err := c.Apply(b.Context(), "k", restore(a.DID, ours)); err != nil {
			b.Fatal(err)
		}
	}
}
