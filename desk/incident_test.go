package desk_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/alarm"
	"countersign.dev/canonical"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/alarms"
	"countersign.dev/desk/desktest"
	"countersign.dev/desk/incidents"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/incident"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/workforce"
)

const president = "plaza:acct/1"

// breach enters that a critical account was taken down around the desk.
func breach(to *desktest.World) string {
	return to.Enter(to.Breach(president, actions.Critical), map[string]string{proof.SealedSubject: president}).Execution.Request
}

// restore enters that the executor lifted what a breach left.
func restore(to *desktest.World, breach string, outcome proof.Outcome) {
	sight := to.Breach(president, actions.Critical).Sight
	sight.Order = "req_order"
	e := proof.Execution{Kind: proof.KindIntent, Duty: proof.DutyRestore, Request: breach, Sight: sight}
	to.Enter(e, nil)
	e.Kind, e.Outcome = proof.KindReceipt, outcome
	e.Before, e.After = e.Sight.Found, platform.Expect{Status: platform.Up}
	to.Enter(e, nil)
}

func opened(t *testing.T, w *desktest.World, f incidents.Filter) []incident.Incident {
	t.Helper()
	is, _, err := w.Incidents(t.Context(), desktest.As("kim"), f)
	if err != nil {
		t.Fatal(err)
	}
	return is
}

func raised(t *testing.T, w *desktest.World) (kinds []string) {
	t.Helper()
	as, _, err := w.Alarms(t.Context(), desktest.As("kim"), alarms.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range slices.Backward(as) {
		kinds = append(kinds, a.Kind+" "+string(a.Severity))
	}
	return kinds
}

func staffed(t *testing.T, o desktest.Options) *desktest.World {
	t.Helper()
	w := desktest.New(t, o)
	w.Staff()
	return w
}

// A breach opens an incident, in the transaction of its entry; a duel of fifty
// rounds stays one; and after its closing the next breach opens another.
func TestBreachOpensIncident(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		w := staffed(t, o)
		const rounds = 50
		for range rounds {
			restore(w, breach(w), proof.Executed)
		}
		is := opened(t, w, incidents.Filter{})
		if len(is) != 1 || is[0].Cause != incident.Breach || is[0].Subject.String() != president || is[0].Tier != actions.Critical || is[0].By != "" {
			t.Fatalf("%d incidents: %+v", len(is), is)
		}
		r, err := w.Report(t.Context(), desktest.As("kim"), is[0].ID, 0)
		if err != nil {
			t.Fatal(err)
		}
		steps := map[incident.Step]int{}
		for _, m := range r.Timeline {
			steps[m.Step]++
		}
		if steps[incident.StepSeen] != rounds || steps[incident.StepRestoring] != rounds || steps[incident.StepRestored] != rounds ||
			steps[incident.StepOpened] != 1 || steps[incident.StepAlarmed] != 12 {
			t.Errorf("the timeline has %v", steps)
		}
		if !slices.IsSortedFunc(r.Timeline, func(a, b incident.Moment) int { return a.At.Compare(b.At.Time) }) {
			t.Error("the timeline is out of order")
		}
		if r.Down.IsZero() || !r.Up.After(r.Down.Time) {
			t.Errorf("down %s, up %s", r.Down, r.Up)
		}
		got := raised(t, w)
		paged := 0
		for _, a := range got {
			if strings.HasSuffix(a, " page") {
				paged++
			}
		}
		// The first ten rounds one by one, then at 20 and 50; a page at the first, the
		// second, the tenth and these two.
		if len(got) != 12 || got[0] != "breach page" || got[1] != "duel page" || got[2] != "duel warn" || paged != 5 {
			t.Errorf("%d alarms, %d of them page: %q", len(got), paged, got)
		}
		// Another subject is another incident.
		const singer = "plaza:acct/2"
		w.Enter(w.Breach(singer, actions.Protected), map[string]string{proof.SealedSubject: singer})
		if is = opened(t, w, incidents.Filter{Status: incident.Open}); len(is) != 2 {
			t.Errorf("%d incidents are open, want 2", len(is))
		}
	})
}

// TestDoneAgainBeforeReadBack: in a duel the act may be done again before our
// restoration is read back. That pages nobody by itself: it is another breach.
func TestDoneAgainBeforeReadBack(t *testing.T) {
	w := staffed(t, desktest.Options{})
	sight := w.Breach(president, actions.Critical).Sight
	sight.Order = "req_order"
	e := proof.Execution{Kind: proof.KindIntent, Duty: proof.DutyRestore, Request: breach(w), Sight: sight}
	w.Enter(e, nil)
	e.Kind, e.Outcome, e.Type, e.After = proof.KindReceipt, proof.Unknown, "not-read-back", e.Sight.Found
	w.Enter(e, nil)
	if got, want := raised(t, w), []string{"breach page"}; !slices.Equal(got, want) {
		t.Errorf("alarms %q, want %q", got, want)
	}
	breach(w)
	if got, want := raised(t, w), []string{"breach page", "duel page"}; !slices.Equal(got, want) {
		t.Errorf("alarms %q, want %q", got, want)
	}
}

// TestCredentialCut: that a credential was cut off pages, and that it was not pages with
// what to do; that it is about to be pages nobody.
func TestCredentialCut(t *testing.T) {
	w := staffed(t, desktest.Options{})
	id := breach(w)
	e := proof.Execution{Kind: proof.KindIntent, Duty: proof.DutyCut, Request: id,
		Sight: &proof.Sight{Platform: "plaza", Tier: actions.Critical, Order: "req_order", Count: 3}}
	name := map[string]string{proof.SealedCredential: "night-shift"}
	w.Enter(e, name)
	e.Kind, e.Outcome = proof.KindReceipt, proof.Executed
	e.Sight = &proof.Sight{Platform: "plaza", Tier: actions.Critical, Order: "req_order", Count: 3}
	w.Enter(e, nil)
	e.Kind, e.Outcome, e.Type, e.Text = proof.KindRefusal, proof.Refused, "cannot-cut", "Change the password."
	w.Enter(e, nil)
	if got, want := raised(t, w), []string{"breach page", "credential.cut page", "credential.stays page"}; !slices.Equal(got, want) {
		t.Errorf("alarms %q, want %q", got, want)
	}
	is := opened(t, w, incidents.Filter{})
	r, err := w.Report(t.Context(), desktest.As("kim"), is[0].ID, 0)
	if err != nil || !r.Up.IsZero() {
		t.Errorf("a cut is taken for a restoration: up %s, %v", r.Up, err)
	}
	told := 0
	for _, m := range r.Timeline {
		if strings.Contains(m.Text, "cut off") || strings.Contains(m.Text, "Change the password.") {
			told++
		}
	}
	if told < 3 {
		t.Errorf("the incident tells %d times of the credential", told)
	}
}

// What is handed over twice is entered once, with one incident and one alarm.
func TestBreachHandedOverAgain(t *testing.T) {
	w := staffed(t, desktest.Options{})
	signed := w.Enter(w.Breach(president, actions.Critical), map[string]string{proof.SealedSubject: president})
	if err := w.Desk.Record(t.Context(), signed); err != nil {
		t.Errorf("the second time: %v", err)
	}
	if is := opened(t, w, incidents.Filter{}); len(is) != 1 {
		t.Errorf("%d incidents", len(is))
	}
	if got := raised(t, w); len(got) != 1 {
		t.Errorf("alarms %q", got)
	}
}

// A record that does not come with what opens it, or opens something else, is
// not entered.
func TestOpeningsAreChecked(t *testing.T) {
	w := staffed(t, desktest.Options{})
	for name, spoil := range map[string]func(*proof.SignedExecution){
		"none":    func(e *proof.SignedExecution) { e.Openings = nil },
		"another": func(e *proof.SignedExecution) { e.Openings[0].Value = canonical.Raw(`"plaza:acct/2"`) },
		"twice":   func(e *proof.SignedExecution) { e.Openings = append(e.Openings, e.Openings[0]) },
		"renamed": func(e *proof.SignedExecution) { e.Openings[0].Name = proof.SealedCredential },
	} {
		e := w.SignedRecord(w.Breach(president, actions.Critical), map[string]string{proof.SealedSubject: president})
		spoil(&e)
		if err := w.Desk.Record(t.Context(), e); !fault.Is(err, "bad-record") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Well sealed, but of another platform than the sight says.
	if err := w.Desk.Record(t.Context(), w.SignedRecord(w.Breach(president, actions.Critical), map[string]string{proof.SealedSubject: "other:acct/1"})); !fault.Is(err, "bad-record") {
		t.Errorf("a subject of another platform: %v", err)
	}
	if is := opened(t, w, incidents.Filter{}); len(is) != 0 {
		t.Errorf("%d incidents of records that were not entered", len(is))
	}
}

// What the watch tells without a breach is kept, and alarmed where people must know.
func TestSightings(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		w := staffed(t, o)
		observed := w.Breach("plaza:acct/2", actions.Protected)
		observed.Kind = proof.KindObserved
		w.Enter(observed, map[string]string{proof.SealedSubject: "plaza:acct/2"})
		of := func(kind, typ, text string) {
			w.Enter(proof.Execution{Kind: kind, Duty: proof.DutyWatch, Request: "plaza", Type: typ, Text: text, Sight: &proof.Sight{Platform: "plaza", Count: 3}}, nil)
		}
		of(proof.KindBaseline, "", "")
		of(proof.KindForeign, "", "")
		of(proof.KindBlind, "stream-silent", "No answer for 10 s.")
		of(proof.KindBlind, "cursor-gone", "Events were missed.")
		of(proof.KindSighted, "", "")
		restore(w, breach(w), proof.Failed)
		spent := w.Breach("plaza:acct/2", actions.Protected)
		spent.Type, spent.Text, spent.Sight.Order = "budget-spent", "The standing order allows 1.", "req_order"
		w.Enter(spent, map[string]string{proof.SealedSubject: "plaza:acct/2"})
		of(proof.KindBlind, "stream-unreadable", "A frame cannot be read.")
		passed := w.Breach("plaza:acct/3", actions.Protected)
		passed.Type, passed.Text, passed.Sight.Order = "budget-passed", "The standing order expects 1.", "req_order"
		w.Enter(passed, map[string]string{proof.SealedSubject: "plaza:acct/3"})
		if got, want := raised(t, w), []string{"observed warn", "stream.silent page", "stream.gap page", "stream.back info", "breach page", "restore.failed page",
			"breach page", "budget.spent page", "stream.gap page", "breach page", "budget.spent page"}; !slices.Equal(got, want) {
			t.Errorf("alarms %q, want %q", got, want)
		}
		var got []string
		for next := int64(0); ; {
			ss, after, err := w.Sightings(t.Context(), desktest.As("kim"), incidents.SightingFilter{Before: next, Limit: 3})
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range ss {
				got = append(got, s.Kind+" "+s.Subject)
			}
			if next = after; next == 0 {
				break
			}
		}
		want := []string{"breach acct/3", "blind ", "breach acct/2", "receipt acct/1", "intent acct/1", "breach acct/1", "sighted ", "blind ", "blind ", "foreign ", "baseline ", "observed acct/2"}
		if !slices.Equal(got, want) {
			t.Errorf("sightings %q, want %q", got, want)
		}
		ss, _, err := w.Sightings(t.Context(), desktest.As("kim"), incidents.SightingFilter{Kind: proof.KindBlind, Platform: "plaza"})
		if err != nil || len(ss) != 3 {
			t.Errorf("%d times blind, %v", len(ss), err)
		}
		_, _, err = w.Sightings(t.Context(), desktest.As("ann"), incidents.SightingFilter{})
		refused(t, err, "not-yours-to-read")
	})
}

// Attribution goes to the last word that is known and no further.
func TestAttributionAroundTheDesk(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		o.Holders = kernel.Holders{Platforms: map[string][]string{"plaza": {"ann", "bob", "night team"}, "plaza/night-shift": {"bob"}, "other": {"eva"}},
			Executor: []string{"ole"}, LogKey: []string{"ada"}}
		w := staffed(t, o)
		b := breach(w)
		id := opened(t, w, incidents.Filter{})[0].ID
		attribution := func() incident.Attribution {
			t.Helper()
			a, err := w.Attribution(t.Context(), desktest.As("kim"), id)
			if err != nil {
				t.Fatal(err)
			}
			if !a.Around || a.Worker != "" || a.Vendor != "" || a.Key != "" || len(a.Signers) != 0 {
				t.Errorf("somebody is named for what came around the desk: %+v", a)
			}
			return a
		}
		a := attribution()
		if a.Credential != "" || !slices.Equal(a.Holders, []string{"ann", "bob", "night team"}) || !strings.Contains(a.Why, "no warrant was ever about the subject") ||
			!strings.Contains(a.Why, "does not tell whose") || !strings.Contains(a.Why, "3 are declared") {
			t.Errorf("before it was told: %+v", a)
		}
		// The platform tells later.
		w.Enter(proof.Execution{Kind: proof.KindTold, Duty: proof.DutyWatch, Request: b, Sight: &proof.Sight{Platform: "plaza"}}, map[string]string{proof.SealedCredential: "night-shift"})
		a = attribution()
		if a.Credential != "night-shift" || !slices.Equal(a.Holders, []string{"bob"}) || !strings.Contains(a.Why, "1 are declared to hold it") {
			t.Errorf("after it was told: %+v", a)
		}
		r, err := w.Report(t.Context(), desktest.As("kim"), id, 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Exposure) != 1 || r.Exposure[0].Kind != actions.AccountTakedown || r.Exposure[0].Alone != 0 || r.Exposure[0].Collusion < 2 ||
			len(r.Exposure[0].Group) != int(r.Exposure[0].Collusion) {
			t.Errorf("exposure: %+v", r.Exposure)
		}
		if want := []string{"plaza: ann", "plaza: bob", "plaza: night team", "plaza/night-shift: bob", "executor: ole", "log-key: ada"}; !slices.Equal(r.Exposure[0].Around, want) {
			t.Errorf("around the desk could %q, want %q", r.Exposure[0].Around, want)
		}
		if len(r.Rulings) != 2 || r.Rulings[0].Which != "then" || r.Rulings[1].Which != "today" || r.Rulings[0].Verdict != "held" || r.Rulings[0].Need == "" {
			t.Errorf("rulings: %+v", r.Rulings)
		}
	})
}

// A copied mark of our own is called what it is.
func TestAttributionOfACopiedMark(t *testing.T) {
	w := staffed(t, desktest.Options{})
	e := w.Breach(president, actions.Critical)
	e.Sight.Found.Mark, e.Sight.Warrant = platform.MarkOf("req_old"), "req_new"
	w.Enter(e, map[string]string{proof.SealedSubject: president})
	a, err := w.Attribution(t.Context(), desktest.As("kim"), opened(t, w, incidents.Filter{})[0].ID)
	if err != nil || !strings.Contains(a.Why, "mark of another request of this desk") || !strings.Contains(a.Why, "req_new") {
		t.Errorf("%v: %s", err, a.Why)
	}
}

// contested opens an incident on a takedown that ann asked for and lee and kim
// countersigned.
func contested(t *testing.T, to *desktest.Town) (actions.Request, incident.Incident) {
	t.Helper()
	wish := desktest.Wish(actions.AccountTakedown, "plaza:@president")
	wish.Reason = "a text that stands nowhere else"
	r := to.Request("ann", wish)
	r = to.Settled("ann", to.Countersign(r.ID, "lee", "kim"))
	if r.Status != actions.StatusExecuted {
		t.Fatalf("the request is %s: %s", r.Status, r.OutcomeText)
	}
	i, err := to.OpenIncident(t.Context(), desktest.As("eva"), r.ID, "Who wanted this?")
	if err != nil {
		t.Fatal(err)
	}
	return r, i
}

// What went through the desk is told with worker, vendor, key, session and
// countersigners, and so is everything else that they touched.
func TestReportOfAContestedAct(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		other := to.Settled("ann", to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@neighbour")))
		singer := to.Countersign(to.Request("bob", desktest.Wish(actions.AccountTakedown, "plaza:@singer")).ID, "kim")
		r, i := contested(t, to)
		if _, err := to.OpenIncident(t.Context(), desktest.As("eva"), r.ID, "Again"); !fault.Is(err, "incident-open") {
			t.Errorf("a second incident on one request: %v", err)
		}
		u, err := to.TryUndo("ole", r.ID)
		if err != nil {
			t.Fatal(err)
		}
		to.Settled("ole", u)
		rep, err := to.Report(t.Context(), desktest.As("eva"), i.ID, 7)
		if err != nil {
			t.Fatal(err)
		}
		a := rep.Attribution
		if a.Around || a.Worker != "ann" || a.Vendor != "acme" || a.Key != to.PublicKey("ann").ID() || a.Session != "test" || a.Start.IsZero() || a.Last.IsZero() {
			t.Errorf("attribution: %+v", a)
		}
		if len(a.Signers) != 2 || a.Signers[0].Worker != "kim" || a.Signers[1].Worker != "lee" || a.Signers[1].Vendor != "bolt" || a.Signers[0].At.IsZero() ||
			a.Signers[1].Key != to.PublicKey("lee").ID() {
			t.Errorf("signers: %+v", a.Signers)
		}
		var steps []incident.Step
		for _, m := range rep.Timeline {
			if m.Entry < 0 || m.Source != incident.FromLedger || m.At.IsZero() || m.Text == "" {
				t.Errorf("a moment: %+v", m)
			}
			steps = append(steps, m.Step)
		}
		for _, want := range []incident.Step{incident.StepAsked, incident.StepSigned, incident.StepApproved, incident.StepIntended, incident.StepExecuted,
			incident.StepOpened, incident.StepReversed} {
			if !slices.Contains(steps, want) {
				t.Errorf("the timeline lacks %s: %q", want, steps)
			}
		}
		if rep.Down.IsZero() || !rep.Up.After(rep.Down.Time) {
			t.Errorf("down %s, up %s", rep.Down, rep.Up)
		}
		var touched []string
		for _, x := range rep.Touched {
			touched = append(touched, fmt.Sprintf("%s %s %s", x.Request, x.Subject.ID, x.As))
		}
		if want := []string{singer.ID + " acct/2 countersigner", other.ID + " acct/3 requester"}; !slices.Equal(touched, want) {
			t.Errorf("touched %q, want %q", touched, want)
		}
		if len(rep.Rulings) != 2 || rep.Rulings[0].Verdict != "held" || rep.Rulings[0].Policy != rep.Rulings[1].Policy {
			t.Errorf("rulings: %+v", rep.Rulings)
		}
		// Long ago is not lately.
		to.Clock().Advance(8 * 24 * time.Hour)
		rep, err = to.Report(t.Context(), desktest.As("eva"), i.ID, 7)
		if err != nil || len(rep.Touched) != 0 {
			t.Errorf("a week later they touched %v lately, %v", rep.Touched, err)
		}
		if len(rep.Exposure) != 1 || rep.Exposure[0].At != r.Created {
			t.Errorf("exposure is as of %+v, want %s", rep.Exposure, r.Created)
		}
	})
}

// Facts and policy of then are those of then, whatever has changed since.
func TestReportIsOfThen(t *testing.T) {
	to := desktest.NewTown(t, desktest.Options{})
	r, i := contested(t, to)
	before, err := to.Desk.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	files := before.Policy.Files()
	for name, text := range files {
		if strings.HasSuffix(name, ".cedar") {
			files[name] = text + "\n@id(\"nobody\")\n@reason(\"Nobody takes accounts down any more.\")\nforbid (principal, action == Action::\"account.takedown\", resource);\n"
			break
		}
	}
	to.Clock().Advance(time.Minute)
	to.Change(actions.DeskChange, actions.Setting{Of: actions.PartPolicy, Policy: files})
	end := to.Request("ada", acts.Wish{Kind: actions.DeskEngagement, Change: actions.Engagement{Op: "end", Worker: "lee"}})
	if end.Status != actions.StatusExecuted {
		t.Fatalf("ending an engagement is %s: %s", end.Status, end.Missing)
	}
	rep, err := to.Report(t.Context(), desktest.As("eva"), i.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	then, today := rep.Rulings[0], rep.Rulings[1]
	if then.Verdict != "held" || then.Policy != before.Policy.Digest() || today.Verdict != "forbidden" || today.Policy == then.Policy {
		t.Errorf("then %+v, today %+v", then, today)
	}
	if rep.Exposure[0].Collusion == 0 || rep.Exposure[0].At != r.Created {
		t.Errorf("exposure then: %+v", rep.Exposure[0])
	}
	proposed, err := to.RuledBy(t.Context(), desktest.As("eva"), i.ID, before.Policy.Files())
	if err != nil || proposed.Which != "proposed" || proposed.Verdict != "held" {
		t.Errorf("the old set proposed again: %+v, %v", proposed, err)
	}
}

// Reading about a critical subject is an entry; about others it is none; and
// who may not read is refused, on record.
func TestReadingIsRuled(t *testing.T) {
	w := staffed(t, desktest.Options{})
	breach(w)
	const singer = "plaza:acct/2"
	w.Enter(w.Breach(singer, actions.Protected), map[string]string{proof.SealedSubject: singer})
	of := func(tier actions.Tier) string {
		for _, i := range opened(t, w, incidents.Filter{}) {
			if i.Tier == tier {
				return i.ID
			}
		}
		return ""
	}
	reads := map[string]func(by workforce.WorkerID, id string) error{
		"report": func(by workforce.WorkerID, id string) error {
			_, err := w.Report(t.Context(), desktest.As(by), id, 0)
			return err
		},
		"attribution": func(by workforce.WorkerID, id string) error {
			_, err := w.Attribution(t.Context(), desktest.As(by), id)
			return err
		},
	}
	for what, read := range reads {
		for _, c := range []struct {
			tier    actions.Tier
			by      workforce.WorkerID
			entries []string
			typ     string
		}{
			{actions.Critical, "kim", []string{"incident-read"}, ""},
			{actions.Protected, "kim", nil, ""},
			{actions.Critical, "ann", []string{"refused"}, "not-yours-to-read"},
			{actions.Protected, "bob", []string{"refused"}, "not-yours-to-read"},
		} {
			h, err := w.Store.Head(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := read(c.by, of(c.tier)); fault.TypeOf(err) != c.typ && (err != nil || c.typ != "") {
				t.Errorf("%s of %s by %s: %v", what, c.tier, c.by, err)
			}
			var got []string
			for _, e := range since(t, w, h.Size) {
				got = append(got, e.Body.Kind)
			}
			if !slices.Equal(got, c.entries) {
				t.Errorf("%s of %s by %s entered %q, want %q", what, c.tier, c.by, got, c.entries)
			}
		}
	}
	for what, err := range map[string]error{
		"incidents": func() error {
			_, _, err := w.Incidents(t.Context(), desktest.As("ann"), incidents.Filter{})
			return err
		}(),
		"incident": func() error { _, err := w.Incident(t.Context(), desktest.As("ann"), of(actions.Critical)); return err }(),
		"alarms":   func() error { _, _, err := w.Alarms(t.Context(), desktest.As("ann"), alarms.Filter{}); return err }(),
		"next":     func() error { _, _, err := w.NextAlarms(t.Context(), desktest.As("ann"), -1); return err }(),
	} {
		if !fault.Is(err, "not-yours-to-read") {
			t.Errorf("ann reads %s: %v", what, err)
		}
	}
}

// A review is closed after its tasks, by people who were not involved, over
// findings that everybody can read; and the incident is closed with it.
func TestReviewClosesIncident(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		_, i := contested(t, to)
		ctx := t.Context()
		_, err := to.AssignTask(ctx, desktest.As("eva"), i.ID, "Ask ann.", "sue")
		refused(t, err, "not-independent") // of the same vendor as ann
		_, err = to.AssignTask(ctx, desktest.As("eva"), i.ID, "Ask ann.", "kim")
		refused(t, err, "not-independent") // countersigned it
		if i, err = to.AssignTask(ctx, desktest.As("eva"), i.ID, "Ask ann.", "ole"); err != nil || len(i.Tasks) != 1 || i.Tasks[0].Owner != "ole" {
			t.Fatalf("%+v, %v", i.Tasks, err)
		}
		const findings = "The order was real."
		review, err := to.ProposeFindings(ctx, desktest.As("eva"), i.ID, findings)
		if err != nil || !slices.Equal(review.Involved, []workforce.WorkerID{"ann", "kim", "lee"}) {
			t.Fatalf("%+v, %v", review, err)
		}
		wish := acts.Wish{Kind: actions.DeskReview, Change: review, Reason: "done"}
		_, err = to.TryRequest("ada", wish)
		refused(t, err, "tasks-open")
		_, err = to.FinishTask(ctx, desktest.As("eva"), i.ID, 1, "She says so.")
		refused(t, err, "not-your-task")
		if i, err = to.FinishTask(ctx, desktest.As("ole"), i.ID, 1, "She says so."); err != nil || i.Tasks[0].Done.IsZero() {
			t.Fatalf("%+v, %v", i.Tasks, err)
		}
		// Somebody left out, and findings that nobody has seen.
		short := review
		short.Involved = []workforce.WorkerID{"ann", "lee"}
		_, err = to.TryRequest("ada", acts.Wish{Kind: actions.DeskReview, Change: short, Reason: "done"})
		refused(t, err, "involved-left-out")
		unseen := review
		unseen.Findings = incident.FindingsDigest("Nothing happened.")
		_, err = to.TryRequest("ada", acts.Wish{Kind: actions.DeskReview, Change: unseen, Reason: "done"})
		refused(t, err, "no-such-findings")

		r := to.Request("ada", wish)
		for _, by := range []workforce.WorkerID{"bea", "cem"} {
			if r.Status == actions.StatusHeld {
				r = to.Countersign(r.ID, by)
			}
		}
		if r.Status != actions.StatusExecuted {
			t.Fatalf("the review is %s: %s", r.Status, r.Missing)
		}
		i, err = to.Incident(ctx, desktest.As("eva"), i.ID)
		if err != nil || i.Status != incident.Closed || i.Review != r.ID || i.Findings != findings || i.Closed.IsZero() {
			t.Errorf("%+v, %v", i, err)
		}
		_, err = to.AssignTask(ctx, desktest.As("eva"), i.ID, "One more.", "ole")
		refused(t, err, "incident-closed")
		rep, err := to.Report(ctx, desktest.As("eva"), i.ID, 0)
		if err != nil || !slices.ContainsFunc(rep.Timeline, func(m incident.Moment) bool { return m.Step == incident.StepClosed }) {
			t.Errorf("the timeline lacks the closing: %v", err)
		}
		if got := raised(t, to.World); !slices.Equal(got, []string{"incident.opened warn", "incident.closed info"}) {
			t.Errorf("alarms %q", got)
		}
	})
}

// taken is a change that the executor has taken directly.
func taken(t *testing.T, w *desktest.World, by workforce.WorkerID, wish acts.Wish) proof.Execution {
	t.Helper()
	wish.Reason = "test"
	d, err := w.Draft(t.Context(), desktest.As(by), wish)
	if err != nil {
		t.Fatal(err)
	}
	a := proof.Authority{Action: d.Action, Request: w.Signed(by, d)}
	return proof.Execution{Kind: proof.KindTaken, Duty: proof.DutyWatch, Request: d.Statement.Request, Taken: &a}
}

// What the executor took directly is entered in the chain as if it had been
// handed in here, once; what the chain does not authorise is recorded, once, and
// people are told.
func TestTakenIsEntered(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		w := staffed(t, o)
		w.Run()
		settled := func(request string) string {
			t.Helper()
			kind := ""
			desktest.Until(t, "what was taken is entered or refused", func() bool {
				for _, e := range since(t, w, 0) {
					if (e.Body.Kind == "taken-refused" || e.Body.Class == ledger.Governance) && strings.Contains(string(e.Body.Data), request) {
						kind = e.Body.Kind
					}
				}
				return kind != ""
			})
			return kind
		}
		end := taken(t, w, "ada", acts.Wish{Kind: actions.DeskEngagement, Change: actions.Engagement{Op: "end", Worker: "dan"}})
		w.Clock().Advance(time.Hour) // a draft of an hour ago would not be taken from a person
		w.Enter(end, nil)
		if got := settled(end.Request); got != proof.KindTaken {
			t.Fatalf("it was entered as %s", got)
		}
		s, err := w.State(t.Context())
		if err != nil || s.People.Standing("dan", w.Clock().Now()).Engaged {
			t.Errorf("dan is engaged still, %v", err)
		}
		r, err := w.RequestByID(t.Context(), desktest.As("kim"), end.Request)
		if err != nil || r.Status != actions.StatusExecuted || r.Requester() != "ada" {
			t.Errorf("the request is %s of %s, %v", r.Status, r.Requester(), err)
		}

		froze := taken(t, w, "ole", acts.Wish{Kind: actions.DeskFreeze, Change: actions.Freeze{Op: "freeze", Scope: actions.ScopeAll}})
		w.Enter(froze, nil)
		if got := settled(froze.Request); got != proof.KindTaken {
			t.Errorf("a freeze was entered as %s", got)
		}
		if s, err = w.State(t.Context()); err != nil || len(s.Freezes) != 1 {
			t.Errorf("freezes: %v, %v", s.Freezes, err)
		}
		if got := raised(t, w); !slices.Equal(got, []string{"frozen page"}) {
			t.Errorf("alarms %q", got)
		}

		// Spent: nothing more comes of it, and nobody is alarmed.
		before := len(raised(t, w))
		again := end
		w.Enter(again, nil)
		// Not authorised any more: who signed it has left.
		lost := taken(t, w, "ole", acts.Wish{Kind: actions.DeskFreeze, Change: actions.Freeze{Op: "freeze", Scope: actions.ScopePlatform, Of: "plaza"}})
		left := w.Request("ada", acts.Wish{Kind: actions.DeskEngagement, Change: actions.Engagement{Op: "end", Worker: "ole"}})
		if left.Status != actions.StatusExecuted {
			t.Fatalf("the end is %s: %s", left.Status, left.Missing)
		}
		w.Enter(lost, nil)
		if got := settled(lost.Request); got != proof.KindTaken {
			t.Errorf("it was entered as %s", got)
		}
		if r, err = w.RequestByID(t.Context(), desktest.As("kim"), lost.Request); err != nil || r.Status != actions.StatusVoid || r.Outcome != "engagement-ended" {
			t.Errorf("the request is %s (%s), %v", r.Status, r.Outcome, err)
		}
		if s, err = w.State(t.Context()); err != nil || len(s.Freezes) != 1 {
			t.Errorf("freezes: %v, %v", s.Freezes, err)
		}
		if got := raised(t, w)[before:]; !slices.Equal(got, []string{"taken.refused page"}) {
			t.Errorf("alarms %q", got)
		}
		// Burdening: never, though somebody signed it.
		burden := taken(t, w, "ada", acts.Wish{Kind: actions.DeskChange, Change: actions.Setting{Of: actions.PartBudgets, Budgets: actions.DefaultBudgets()}})
		w.Enter(burden, nil)
		if got := settled(burden.Request); got != "taken-refused" {
			t.Errorf("it was entered as %s", got)
		}

		// Readers of evidence get the executor's records of all this, a few at a time.
		var want, have []int64
		for _, e := range since(t, w, 0) {
			if e.Body.Class == ledger.Execution && e.Body.Kind == proof.KindTaken {
				want = append(want, e.Index)
			}
		}
		for from := int64(0); ; from = have[len(have)-1] + 1 {
			some, err := w.TakenRecords(t.Context(), desktest.As("kim"), from, 2)
			if err != nil || len(some) > 2 {
				t.Fatalf("%d records: %v", len(some), err)
			}
			if len(some) == 0 {
				break
			}
			for _, b := range some {
				have = append(have, b.Index)
			}
		}
		if len(want) < 4 || !slices.Equal(have, want) {
			t.Errorf("the records are those of %v, want %v", have, want)
		}
		if _, err := w.TakenRecords(t.Context(), desktest.As("ann"), 0, 2); fault.KindOf(err) != fault.Forbidden {
			t.Errorf("an agent reads them: %v", err)
		}
		n := 0
		for _, e := range since(t, w, 0) {
			if e.Body.Kind == "taken-refused" {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%d refusals of what was taken, want 1", n)
		}
	})
}

// Alarms come in the order of the ledger, each once, and whoever waits is woken.
func TestNextAlarms(t *testing.T) {
	desktest.Both(t, func(t *testing.T, o desktest.Options) {
		w := staffed(t, o)
		breach(w)
		got, place, err := w.NextAlarms(t.Context(), desktest.As("kim"), -1)
		if err != nil || len(got) != 1 || got[0].Entry != place || got[0].Kind != string(alarm.Breach) {
			t.Fatalf("%+v, %d, %v", got, place, err)
		}
		entry := since(t, w, place)[0]
		if entry.Body.Kind != "alarm" || !strings.Contains(string(entry.Body.Data), got[0].ID) {
			t.Errorf("at the alarm's place stands a %s", entry.Body.Kind)
		}
		type answer struct {
			as  []alarms.Alarm
			err error
		}
		next := make(chan answer)
		go func() {
			as, _, err := w.NextAlarms(t.Context(), desktest.As("kim"), alarms.Newest)
			next <- answer{as, err}
		}()
		desktest.Until(t, "an alarm wakes who waits", func() bool {
			breach(w)
			select {
			case a := <-next:
				if a.err != nil || len(a.as) == 0 || a.as[0].Kind != string(alarm.Duel) {
					t.Errorf("%+v", a)
				}
				return true
			case <-time.After(time.Millisecond):
				return false
			}
		})
	})
}

// Whoever goes on from beyond the ledger's end, as after it was founded anew, is told
// so at once and not left to wait in silence.
func TestBeyondTheEnd(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		w := staffed(t, o)
		size, _, err := w.Store.Newest(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		kim := desktest.As("kim")
		over, stop := context.WithCancel(t.Context())
		stop() // what may be waited for is not
		if as, place, err := w.NextAlarms(over, kim, size-1); err != nil || len(as) > 0 || place != size-1 {
			t.Errorf("at the end: %v, %d, %v", as, place, err)
		}
		if _, _, err := w.NextAlarms(t.Context(), kim, size); !fault.Is(err, "cursor-gone") || fault.KindOf(err) != fault.Expired {
			t.Errorf("alarms beyond the end: %v", err)
		}
		if es, err := w.Entries(t.Context(), kim, size-1, 10); err != nil || len(es) > 0 {
			t.Errorf("entries at the end: %v, %v", es, err)
		}
		if _, err := w.Entries(t.Context(), kim, size, 10); !fault.Is(err, "cursor-gone") {
			t.Errorf("entries beyond the end: %v", err)
		}
		chain, err := w.Store.NextGovernance(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if es, err := w.Chain(t.Context(), kim, chain, 10); err != nil || len(es) > 0 {
			t.Errorf("the chain's end: %v, %v", es, err)
		}
		if _, err := w.Chain(t.Context(), kim, chain+1, 10); !fault.Is(err, "cursor-gone") {
			t.Errorf("beyond the chain's end: %v", err)
		}
		if _, err := w.Feed(t.Context(), size+1, time.Hour); !fault.Is(err, "ledger-shorter") {
			t.Errorf("the executor's feed beyond the end: %v", err)
		}
	})
}

// What else was done around the desk with the same credential is told beside a
// breach, and nothing that another did, on another platform or long before.
func TestSameCredential(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		w := staffed(t, o)
		enter := func(subject string, tier actions.Tier, by string) string {
			sealed := map[string]string{proof.SealedSubject: subject}
			if by != "" {
				sealed[proof.SealedCredential] = by
			}
			return w.Enter(w.Breach(subject, tier), sealed).Execution.Request
		}
		enter("plaza:acct/6", actions.Protected, "night-shift")
		w.Clock().Advance(8 * 24 * time.Hour)
		enter("plaza:acct/2", actions.Protected, "day-shift")
		enter("plaza:acct/3", actions.Protected, "")
		enter("agora:acct/3", actions.Protected, "night-shift")
		first := enter("plaza:acct/4", actions.Protected, "night-shift")
		second := enter("plaza:acct/5", actions.Protected, "")
		w.Enter(proof.Execution{Kind: proof.KindTold, Duty: proof.DutyWatch, Request: second, Sight: &proof.Sight{Platform: "plaza"}}, map[string]string{proof.SealedCredential: "night-shift"})
		restored := w.Breach("plaza:acct/4", actions.Protected)
		restored.Request, restored.Duty, restored.Kind, restored.Sight.Order = first, proof.DutyRestore, proof.KindIntent, "req_order"
		w.Enter(restored, nil)
		restored.Kind, restored.Outcome, restored.Before, restored.After = proof.KindReceipt, proof.Executed, restored.Sight.Found, platform.Expect{Status: platform.Up}
		w.Enter(restored, nil)
		enter(president, actions.Critical, "night-shift")
		is := opened(t, w, incidents.Filter{Subject: "acct/1", Platform: "plaza"})
		if len(is) != 1 {
			t.Fatalf("%d incidents", len(is))
		}
		r, err := w.Report(t.Context(), desktest.As("kim"), is[0].ID, 7)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, x := range r.Touched {
			got = append(got, fmt.Sprintf("%s %s %s %s %s", x.Request, x.Subject, x.What(), x.As, x.Status))
		}
		want := []string{second + " plaza:acct/5 around the desk credential not restored", first + " plaza:acct/4 around the desk credential restored"}
		if !slices.Equal(got, want) {
			t.Errorf("touched %q, want %q", got, want)
		}
	})
}

// A deactivation that may be the owner's pages somebody who asks; the owner's own is
// told and pages nobody; of standard subjects nothing is said.
func TestDeactivationIsAsked(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		w := staffed(t, o)
		for _, why := range []string{proof.WhyAsked, proof.WhyOwner} {
			for _, tier := range []actions.Tier{actions.Critical, actions.Standard} {
				e := w.Breach(president, tier)
				e.Kind, e.Sight.Why, e.Sight.Count = proof.KindForeign, why, 1
				e.Sight.Found = platform.Expect{Status: platform.Deactivated}
				w.Enter(e, map[string]string{proof.SealedSubject: president})
			}
		}
		if got := raised(t, w); !slices.Equal(got, []string{"deactivated page", "deactivated info"}) {
			t.Errorf("alarms %q", got)
		}
		as, _, err := w.Alarms(t.Context(), desktest.As("kim"), alarms.Filter{})
		if err != nil || !strings.Contains(as[1].Text, "Ask the owner now") || as[1].Subject != "acct/1" {
			t.Errorf("%v, it says %q of %s", err, as[1].Text, as[1].Subject)
		}
	})
}

// The end of a suspension that could not be lifted pages, and its request says so; one
// of which nothing was left to lift does not. A breach past the end says what it is.
func TestLiftThatFailed(t *testing.T) {
	w := desktest.New(t, desktest.Options{Executor: &forgetful{}})
	w.Staff()
	ended := func(why string) actions.Request {
		r := w.Request("ann", desktest.Wish(actions.AccountSuspend, "plaza:@neighbour"))
		w.Enter(proof.Execution{Kind: proof.KindReceipt, Duty: proof.DutyAct, Request: r.ID, Outcome: proof.Executed}, nil)
		w.Enter(proof.Execution{Kind: proof.KindRefusal, Duty: proof.DutyLift, Request: r.ID, Outcome: proof.Failed, Type: why, Text: "Somebody has put another mark there."}, nil)
		r, err := w.RequestByID(t.Context(), desktest.As("kim"), r.ID)
		if err != nil || r.Status != actions.StatusExecuted {
			t.Fatalf("%+v, %v", r, err)
		}
		return r
	}
	for _, why := range []string{"wrong-state", "replaced", "no-such-subject"} {
		ended(why)
	}
	if got := raised(t, w); len(got) != 0 {
		t.Errorf("alarms %q", got)
	}
	if r := ended("mark-exchanged"); !strings.Contains(r.OutcomeText, "was not lifted") {
		t.Errorf("the request says %q", r.OutcomeText)
	}
	e := w.Breach(president, actions.Critical)
	e.Sight.Why = proof.WhyEnded
	breach(w)
	w.Enter(e, map[string]string{proof.SealedSubject: president})
	if got := raised(t, w); !slices.Equal(got, []string{"lift.failed page", "breach page", "breach page"}) {
		t.Errorf("alarms %q", got)
	}
}
