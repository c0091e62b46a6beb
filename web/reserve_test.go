package web_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/desktest"
	"countersign.dev/store"
	"countersign.dev/test/testenv"
	"countersign.dev/web/webtest"
	"countersign.dev/workforce"
)

// reservationOf returns the live reservation of a worker, without a number if there is none.
func reservationOf(t *testing.T, d *webtest.Desk, by workforce.WorkerID) (r store.Reservation) {
	t.Helper()
	if err := d.Store.Read(t.Context(), func(tx *store.Tx) error {
		have, ok, err := tx.Reservation(by)
		if ok {
			r = have
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return r
}

// slowly keeps the long timers of a page, for the test to let them go off, and what it asks of the desk.
const slowly = `(() => {
	const soon = setTimeout;
	globalThis.later = {};
	globalThis.setTimeout = (f, ms, ...a) => {
		const name = ms > 40000 && ms < 59000 ? "renew" : ms > 20000 && ms < 40000 ? "nearly" : "";
		if (!name) return soon(f, ms, ...a);
		later[name] = () => { delete later[name]; f(...a); };
		return 0;
	};
	globalThis.asked = 0;
	const ask = fetch;
	globalThis.fetch = (url, o) => { if (String(url).endsWith("/reservations")) asked++; return ask(url, o); };
	return true;
})()`

// TestReserveByKey: a key of a rule has the desk keep the following case. Another person's next is
// another case, and the decision brings the kept one.
func TestReserveByKey(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	d.Passkeys("ann")
	var all []casework.Received
	for _, post := range []string{"post/1", "acct/3", "acct/4"} {
		got := d.Flag(post, post, "MisleadingSpam", "acct/2")
		d.Evidenced(got.Case.ID)
		all = append(all, got)
	}
	tab := d.SignIn("ann")
	testenv.Eval[bool](tab, slowly) // no time passes
	tab.Press("Enter")
	onCase(tab, all[0].Case.ID)
	if r := reservationOf(t, d, "ann"); r.Number != 0 {
		t.Fatalf("reserved before any key: %+v", r)
	}
	tab.Press("1")
	desktest.Until(t, "the following case is kept", func() bool { return reservationOf(t, d, "ann").Case == all[1].Case.ID })
	if taken := d.Take("bob"); taken.Case.ID != all[2].Case.ID {
		t.Errorf("bob was given %s", taken.Case.Subject)
	}
	if strings.Contains(testenv.Eval[string](tab, "document.documentElement.outerHTML"), all[1].Case.ID) {
		t.Error("the page names the case that is kept")
	}
	tab.WaitText("#departs", "the usual ones")
	tab.Press("Ctrl+Enter")
	onCase(tab, all[1].Case.ID)
	if r := reservationOf(t, d, "ann"); r.Number != 0 {
		t.Errorf("after it was taken: %+v", r)
	}
}

// TestReserveByTime: the following case is kept when this one is as old as most of its queue when they
// are nearly done; it is renewed while somebody is at the page, and not while the page is locked.
func TestReserveByTime(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	d.Passkeys("ann")
	d.Flag("1", "post/1", "MisleadingSpam", "acct/2")
	second := d.Flag("2", "acct/3", "MisleadingSpam", "acct/2")
	tab := d.SignIn("ann")
	testenv.Eval[bool](tab, slowly)
	tab.Press("Enter")
	tab.Wait("=> later.nearly")
	testenv.Eval[bool](tab, "(later.nearly(), true)")
	tab.Wait("=> later.renew")
	first := reservationOf(t, d, "ann")
	if first.Case != second.Case.ID || first.Renewed != 0 {
		t.Fatalf("kept is %+v", first)
	}
	testenv.Eval[bool](tab, "(later.renew(), true)")
	tab.Wait("=> asked === 2 && later.renew")
	if r := reservationOf(t, d, "ann"); r.Number != first.Number || r.Renewed != 1 || !r.Until.After(first.Until.Time) {
		t.Errorf("renewed it is %+v", r)
	}
	if n := testenv.Eval[int](tab, `import(document.documentElement.dataset.static + "/shell.js").then(async (shell) => {
		shell.lock();
		later.renew();
		// What is asked now goes out behind a reservation.
		await shell.api("POST", "cases/" + document.querySelector("#case").dataset.case + "/draft", { reasons: "so far" });
		return asked;
	})`); n != 2 {
		t.Errorf("a locked page asked %d times", n)
	}
	if r := reservationOf(t, d, "ann"); r.Renewed != 1 {
		t.Errorf("a locked page renewed it: %+v", r)
	}
}

// TestReserveByMedian: the page of a case says in how long it asks: two thirds of what the queue's
// cases took.
func TestReserveByMedian(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	d.Passkeys("ann")
	for _, post := range []string{"acct/5", "acct/6", "acct/7", "acct/8", "acct/9"} {
		d.Evidenced(d.Flag(post, post, "MisleadingSpam", "acct/2").Case.ID)
		if _, err := d.TryDecide("bob", d.Take("bob"), casework.Judgement{Verdict: actions.CaseNoViolation}); err != nil {
			t.Fatal(err)
		}
	}
	d.Flag("1", "post/1", "MisleadingSpam", "acct/2")
	second := d.Flag("2", "acct/3", "MisleadingSpam", "acct/2")
	tab := d.SignIn("ann")
	tab.Press("Enter")
	tab.Wait("#case")
	desktest.Until(t, "the following case is kept", func() bool { return reservationOf(t, d, "ann").Case == second.Case.ID })
	if _, err := d.Desk.Next(t.Context(), desktest.As("bob"), ""); err == nil {
		t.Error("bob was given the case that is kept for ann")
	}
}

// TestDraftAgain: a draft that the desk did not take is sent again.
func TestDraftAgain(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	d.Passkeys("ann")
	got := d.Flag("1", "post/1", "MisleadingSpam", "acct/4")
	d.Evidenced(got.Case.ID)
	tab := d.SignIn("ann")
	tab.Allow("503")
	tab.Press("Enter")
	onCase(tab, got.Case.ID)
	var refusals, drafts atomic.Int32
	refusals.Store(1)
	inner := d.Handler
	d.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/draft") && drafts.Add(1) <= refusals.Load() {
			http.Error(w, "not now", http.StatusServiceUnavailable)
			return
		}
		inner.ServeHTTP(w, r)
	}))
	tab.Type("#reasons", "It asks for money.")
	tab.WaitText("#kept", "kept")
	if n := drafts.Load(); n < 2 {
		t.Errorf("the draft was sent %d times", n)
	}
	var kept []store.CaseDraft
	if err := d.Store.Read(t.Context(), func(tx *store.Tx) (err error) {
		kept, err = tx.CaseDrafts(got.Case.ID)
		return err
	}); err != nil || len(kept) != 1 || !strings.Contains(string(kept[0].Body), "It asks for money.") {
		t.Errorf("kept is %+v: %v", kept, err)
	}
}
