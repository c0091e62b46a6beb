package desk_test

import (
	"net/http"
	"slices"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/alarms"
	"countersign.dev/desk/desktest"
	"countersign.dev/fault"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/workforce"
)

// needs returns the matters that need a person.
func needs(t *testing.T, w *desktest.World) []alarms.Matter {
	t.Helper()
	all, err := w.Matters(t.Context(), desktest.As("kim"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(m alarms.Matter) bool { return !m.Needs() })
}

// TestNobodyIsPaged: that an address of pages takes nothing any more, so that nobody
// is told of what comes, stands in the status.
func TestNobodyIsPaged(t *testing.T) {
	p := newPager(t)
	p.say(http.StatusGone)
	x := &saying{status: linkv1.ExecutorStatus{Size: 1 << 40}}
	w := staffed(t, desktest.Options{Executor: x, Destinations: []alarms.Destination{p.destination(t)}})
	x.err = fault.New(fault.Unavailable, "executor-unreachable", "It is not there.")
	if _, err := w.CheckHealth(t.Context(), canonical.At(w.Clock().Now())); err != nil {
		t.Fatal(err)
	}
	x.err = nil
	w.Run()
	desktest.Until(t, "the address said 410", func() bool { return len(p.received()) >= 1 && settled(t, w, "desk.alarm", 0) })
	w.Rest()
	if got := needs(t, w); len(got) == 0 {
		t.Error("no page leaves the desk any more, and its status says that all is well")
	}
	for range 2 { // the second time nothing is new
		if _, err := w.CheckHealth(t.Context(), canonical.At(w.Clock().Now())); err != nil {
			t.Fatal(err)
		}
	}
	if got := slices.DeleteFunc(raised(t, w), func(k string) bool { return k != "address.off page" }); len(got) != 1 {
		t.Errorf("alarms %q", raised(t, w))
	}
}

// TestIndispensableInStatus: what pages that the desk could not go on without somebody
// stands in the status for as long as it is so.
func TestIndispensableInStatus(t *testing.T) {
	x := &saying{status: linkv1.ExecutorStatus{Size: 1 << 40}}
	w := desktest.New(t, desktest.Options{Executor: x})
	w.Staff()
	if got := needs(t, w); len(got) != 0 {
		t.Fatalf("at first: %+v", got)
	}
	w.Request("cem", acts.Wish{Kind: actions.DeskKey, Change: actions.Keys{Revoke: []workforce.KeyID{w.PublicKey("cem").ID()}}})
	if _, err := w.CheckExposure(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(raised(t, w), "indispensable page") {
		t.Fatalf("alarms %q", raised(t, w))
	}
	if got := needs(t, w); len(got) == 0 {
		t.Error("the desk cannot go on without ada or bea, and its status says that all is well")
	}
}
