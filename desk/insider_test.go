package desk_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/desktest"
	"countersign.dev/desk/incidents"
	"countersign.dev/desk/kernel"
	"countersign.dev/incident"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	connector "countersign.dev/platform/plaza"
)

// An insider takes the president down with a staff credential of plaza's own. The
// watch sees it, the executor lifts it under a standing order, and the desk says
// at once what is known: the credential, and who may hold it.
func TestInsider(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		o.Holders = kernel.Holders{Platforms: map[string][]string{"plaza/insider": {"abe", "bob"}, "plaza": {"abe", "bob", "eva"}}}
		to := desktest.NewTown(t, o)
		to.StopExecutor()
		to.Watched = true
		to.StartExecutor()
		baseline := func() bool {
			ss, _, err := to.Sightings(t.Context(), desktest.As("kim"), incidents.SightingFilter{Kind: proof.KindBaseline, Platform: "plaza"})
			return err == nil && len(ss) > 0
		}
		desktest.Until(t, "the watch has its baseline in the ledger", baseline)
		now := canonical.At(to.Clock().Now())
		to.Change(actions.DeskChange, actions.Setting{Of: actions.PartOrders, Order: &actions.Order{Op: "place", Platform: "plaza", Tier: actions.Critical,
			Until: canonical.At(now.Add(24 * time.Hour)), PerSubject: 100, PerTier: 100, Vouched: now}})
		to.Followed()
		insider, err := connector.Connect(t.Context(), connector.Config{Name: "plaza", URL: to.PlazaURL, Token: to.Insider})
		if err != nil {
			t.Fatal(err)
		}
		subject := platform.Subject{Platform: "plaza", ID: "acct/1", Handle: "@president"}
		if _, err := insider.Apply(t.Context(), "req_insider", platform.Command{Verb: platform.Takedown, Subject: subject, Mark: "STAFF-1", Expect: platform.Expect{Status: platform.Up}}); err != nil {
			t.Fatal(err)
		}
		var i incident.Incident
		desktest.Until(t, "the breach is an incident", func() bool {
			is, _, err := to.Incidents(t.Context(), desktest.As("kim"), incidents.Filter{Platform: "plaza", Subject: "acct/1"})
			if err != nil || len(is) == 0 {
				return false
			}
			i = is[0]
			return true
		})
		var r incident.Report
		desktest.Until(t, "the report has the restoration and the credential", func() bool {
			if r, err = to.Report(t.Context(), desktest.As("kim"), i.ID, 0); err != nil {
				t.Fatal(err)
			}
			return !r.Up.IsZero() && r.Attribution.Credential != ""
		})
		if st := to.State("acct/1"); st.Status != platform.Up {
			t.Errorf("plaza shows %s", st.Status)
		}
		if a := r.Attribution; !a.Around || a.Credential != "insider" || !slices.Equal(a.Holders, []string{"abe", "bob"}) {
			t.Errorf("attribution: %+v", a)
		}
		var steps []incident.Step
		for _, m := range r.Timeline {
			if m.Step == incident.StepSeen || m.Step == incident.StepRestoring || m.Step == incident.StepRestored {
				steps = append(steps, m.Step)
			}
		}
		if want := []incident.Step{incident.StepSeen, incident.StepRestoring, incident.StepRestored}; !slices.Equal(steps, want) {
			t.Errorf("steps %q, want %q", steps, want)
		}
		if !r.Up.After(r.Down.Time) {
			t.Errorf("down %s, up %s", r.Down, r.Up)
		}
		if len(r.Exposure) != 1 || r.Exposure[0].Kind != actions.AccountTakedown || r.Exposure[0].Alone != 0 {
			t.Errorf("exposure: %+v", r.Exposure)
		}
		// Whoever was never here can check it, down to the order under which it was
		// restored.
		_, v := export(t, to.World, i.ID, true)
		if a := v.Report.Attribution; !a.Around || a.Credential != "insider" || v.Report.Incident.Subject.ID != "acct/1" {
			t.Errorf("the bundle says %+v", a)
		}
		ordered := slices.ContainsFunc(v.Claims, func(c incident.Claim) bool {
			return c.Proven && strings.HasPrefix(c.What, "That the restoration")
		})
		if !ordered {
			t.Errorf("the bundle does not prove that the restoration was ordered: %v", v.Claims)
		}
	})
}

// TestLiftedByAPerson: a breach that no order restores and a person lifts shows as
// lifted: when, by whose act, and provably so.
func TestLiftedByAPerson(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		to.StopExecutor()
		to.Watched = true
		to.StartExecutor()
		desktest.Until(t, "the watch has its baseline in the ledger", func() bool {
			ws := to.Executor.Status().Watches
			return len(ws) == 1 && ws[0].Entered && ws[0].Streaming
		})
		insider, err := connector.Connect(t.Context(), connector.Config{Name: "plaza", URL: to.PlazaURL, Token: to.Insider})
		if err != nil {
			t.Fatal(err)
		}
		subject := platform.Subject{Platform: "plaza", ID: "acct/1", Handle: "@president"}
		if _, err := insider.Apply(t.Context(), "req_insider", platform.Command{Verb: platform.Takedown, Subject: subject, Mark: "STAFF-1", Expect: platform.Expect{Status: platform.Up}}); err != nil {
			t.Fatal(err)
		}
		var i incident.Incident
		desktest.Until(t, "an incident is open", func() bool {
			is := opened(t, to.World, incidents.Filter{})
			if len(is) == 1 {
				i = is[0]
			}
			return len(is) == 1
		})
		r := to.Settled("ann", to.Request("ann", desktest.Wish(actions.AccountRestore, "plaza:@president")))
		if r.Status != actions.StatusExecuted {
			t.Fatalf("the restore is %s: %s", r.Status, r.OutcomeText)
		}
		var rep incident.Report
		desktest.Until(t, "the report shows it as lifted", func() bool {
			if rep, err = to.Report(t.Context(), desktest.As("kim"), i.ID, 0); err != nil {
				t.Fatal(err)
			}
			return !rep.Up.IsZero()
		})
		if !rep.Up.After(rep.Down.Time) || rep.Up.Sub(r.Executed.Time).Abs() > 0 {
			t.Errorf("down %s, up %s; restored %s", rep.Down, rep.Up, r.Executed)
		}
		asked, over := false, false
		for _, m := range rep.Timeline {
			asked = asked || m.Step == incident.StepAsked && m.Who == "ann"
			over = over || m.Step == incident.StepReversed && m.At.Equal(rep.Up.Time) && strings.Contains(m.Text, r.ID)
		}
		if !asked || !over {
			t.Errorf("asked %t, over %t: %+v", asked, over, rep.Timeline)
		}
		if !slices.Contains(raised(t, to.World), "breach.over info") {
			t.Errorf("alarms %q", raised(t, to.World))
		}
		_, v := export(t, to.World, i.ID, false)
		if !slices.ContainsFunc(v.Claims, func(c incident.Claim) bool { return c.What == "When it was up again" && c.Proven }) {
			t.Errorf("claims: %+v", v.Claims)
		}
	})
}

// TestOneLiftsWhatNobodyLifts: what a breach has left one person may ask to lift, but
// for a mark that a standing order names as one that is never lifted, such as the
// platform's own for child safety: that takes as many as any mark that is not ours.
func TestOneLiftsWhatNobodyLifts(t *testing.T) {
	to := desktest.NewTown(t, desktest.Options{})
	now := canonical.At(to.Clock().Now())
	to.Change(actions.DeskChange, actions.Setting{Of: actions.PartOrders, Order: &actions.Order{Op: "place", Platform: "plaza", Tier: actions.Protected,
		Until: canonical.At(now.Add(time.Hour)), PerSubject: 100, PerTier: 100, Vouched: now, Never: []string{"CSAM-*"}}})
	to.Clock().Advance(2 * time.Hour) // after its end as well
	to.StopExecutor()
	to.Watched = true
	to.StartExecutor()
	desktest.Until(t, "the watch has its baseline in the ledger", func() bool {
		ws := to.Executor.Status().Watches
		return len(ws) == 1 && ws[0].Entered && ws[0].Streaming
	})
	insider, err := connector.Connect(t.Context(), connector.Config{Name: "plaza", URL: to.PlazaURL, Token: to.Insider})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		id, handle string
		mark       platform.Mark
		alone      bool
	}{{"acct/1", "@president", "CSAM-1", false}, {"acct/2", "@singer", "STAFF-1", true}} {
		subject := platform.Subject{Platform: "plaza", ID: c.id, Handle: c.handle}
		if _, err := insider.Apply(t.Context(), "req_"+c.handle[1:], platform.Command{Verb: platform.Takedown, Subject: subject, Mark: c.mark, Expect: platform.Expect{Status: platform.Up}}); err != nil {
			t.Fatal(err)
		}
		desktest.Until(t, "an incident is open", func() bool {
			return len(opened(t, to.World, incidents.Filter{Platform: "plaza", Subject: c.id})) == 1
		})
		d, err := to.Desk.Draft(t.Context(), desktest.As("ann"), desktest.Wish(actions.AccountRestore, subject.String()))
		if err != nil || (d.Need.Independent == 0) != c.alone {
			t.Errorf("%s: drafted, it needs %+v, %v", c.mark, d.Need, err)
		}
		r := to.Request("ann", desktest.Wish(actions.AccountRestore, subject.String()))
		if !c.alone && r.Status == actions.StatusHeld {
			r = to.Countersign(r.ID, "lee") // who is one of two
		}
		if (r.Status != actions.StatusHeld) != c.alone {
			t.Errorf("%s: the restore is %s", c.mark, r.Status)
		}
	}
}
