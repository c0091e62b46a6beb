package desk_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/alarms"
	"countersign.dev/desk/desktest"
	"countersign.dev/desk/inquiry"
	"countersign.dev/desk/kernel"
	"countersign.dev/exposure"
	"countersign.dev/ledger"
	"countersign.dev/platform"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// takedown asks for the exposure of a takedown and returns its act.
func takedown(t *testing.T, to *desktest.Town, by workforce.WorkerID, subject string, at time.Time) (inquiry.Exposure, inquiry.ExposedAct) {
	t.Helper()
	e, err := to.Desk.Exposure(t.Context(), desktest.As(by), subject, actions.AccountTakedown, at)
	if err != nil {
		t.Fatal(err)
	}
	if len(e.Acts) != 1 {
		t.Fatalf("%d acts", len(e.Acts))
	}
	return e, e.Acts[0]
}

func way(t *testing.T, a inquiry.ExposedAct, w exposure.Way) exposure.Row {
	t.Helper()
	for _, r := range a.Collusion.Rows {
		if r.Way == w {
			return r
		}
	}
	t.Fatalf("no row %s", w)
	return exposure.Row{}
}

// Of a past instant: the chain is folded up to the entries that are dated not
// after it, with its people, its policy and what people had raised by then.
func TestExposureThen(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		_, before := takedown(t, to, "ada", "plaza:@neighbour", time.Time{})
		then := to.Clock().Now()
		to.Clock().Advance(time.Hour)
		to.Request("kim", acts.Wish{Kind: actions.DeskChange, Change: actions.Setting{Of: actions.PartTiers,
			Raise: &actions.Raise{Subject: platform.Subject{Platform: "plaza", ID: "acct/3"}, From: actions.Standard, To: actions.Protected}}})
		to.Request("ada", acts.Wish{Kind: actions.DeskEngagement, Change: actions.Engagement{Op: "end", Worker: "lee"}})
		now, after := takedown(t, to, "ada", "plaza:@neighbour", time.Time{})
		if now.Tier != actions.Protected || now.Floor != actions.Standard || after.Alone.Count != 0 {
			t.Errorf("raised, it is %s over %s, and %d could act alone", now.Tier, now.Floor, after.Alone.Count)
		}
		if r := way(t, after, exposure.ByTiers); r.People < 3 || len(r.Then) == 0 {
			t.Errorf("lowering it takes %d people (%s)", r.People, r.Why)
		}
		was, past := takedown(t, to, "ada", "plaza:@neighbour", then)
		if was.Tier != actions.Standard || past.Alone.Count != before.Alone.Count || past.Coverage.Hours[0] != before.Coverage.Hours[0] {
			t.Errorf("of an hour ago: %s, %d alone, %d could countersign; it said %d and %d", was.Tier, past.Alone.Count, past.Coverage.Hours[0], before.Alone.Count, before.Coverage.Hours[0])
		}
		if was.Governance >= now.Governance || was.Governance == 0 {
			t.Errorf("it is as of %d entries, now as of %d", was.Governance, now.Governance)
		}
		if past.Coverage.Hours[0] == after.Coverage.Hours[0] {
			t.Error("the test changes nothing")
		}
		_, err := to.Desk.Exposure(t.Context(), desktest.As("ada"), "plaza:@neighbour", "", then.AddDate(-1, 0, 0))
		if err == nil || !strings.Contains(err.Error(), "founded after") {
			t.Errorf("before the founding: %v", err)
		}
	})
}

// Law 11: only those whom policy names read exposure, leads not of what is
// critical; what is read of critical subjects is an entry that names nobody.
func TestLaw11ReadingExposure(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		for _, c := range []struct {
			by      workforce.WorkerID
			subject string
			refused bool
		}{{"ada", "plaza:@president", false}, {"kim", "plaza:@president", true}, {"kim", "plaza:@singer", false}, {"ann", "plaza:@neighbour", true}, {"ole", "plaza:@neighbour", true}, {"dan", "plaza:@neighbour", true}} {
			from := size(t, to)
			_, err := to.Desk.Exposure(t.Context(), desktest.As(c.by), c.subject, "", time.Time{})
			var got []string
			for _, e := range since(t, to.World, from) {
				if e.Leaf.Class != ledger.Desk {
					continue // the executor watches
				}
				got = append(got, e.Body.Kind)
				for _, secret := range []string{"acct/1", "@president"} {
					if strings.Contains(string(e.BodyBytes), secret) {
						t.Errorf("the entry shows %s", secret)
					}
				}
			}
			var want []string
			if c.refused {
				refused(t, err, "not-yours-to-read")
				want = []string{"refused"}
			} else if err != nil {
				t.Errorf("%s may not read it of %s: %v", c.by, c.subject, err)
			} else if c.subject == "plaza:@president" {
				want = []string{"exposure-read"}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s reads of %s: entered %q, want %q", c.by, c.subject, got, want)
			}
		}
		// Of oneself everybody, and without an entry.
		reads := func() int { return kinds(t, to.World, 0)["exposure-read"] }
		before := reads()
		r, err := to.Desk.Reach(t.Context(), desktest.As("dan"), "dan")
		if err != nil || reads() != before {
			t.Errorf("of oneself: %v, %d entries", err, reads()-before)
		}
		deed := func(ds []inquiry.AloneAct, k actions.Kind, tier actions.Tier) bool {
			return slices.ContainsFunc(ds, func(d inquiry.AloneAct) bool { return d.Kind == k && d.Tier == tier })
		}
		if !deed(r.Now, actions.AccountTakedown, actions.Standard) || deed(r.Now, actions.AccountTakedown, actions.Critical) || r.Last.IsZero() || !deed(r.LastDay, actions.AccountTakedown, actions.Standard) {
			t.Errorf("dan could do %+v now and %+v on the last day", r.Now, r.LastDay)
		}
		// Beside it stands what a session of dan's could do: on standard subjects only, within
		// the budgets of such acts, until it ends, and here until the engagement does. Dan and ole end it, each alone.
		x := r.Session
		if x == nil || !deed(x.Acts, actions.AccountTakedown, actions.Standard) || !x.Runs.IsZero() || !x.Until.Equal(r.Last.Add(time.Microsecond)) || x.Ends != 1 ||
			len(x.Budgets) != 12 || slices.ContainsFunc(x.Budgets, func(b actions.Budget) bool { return b.Tier != actions.Standard }) ||
			slices.ContainsFunc(x.Acts, func(a inquiry.AloneAct) bool { return a.Tier != actions.Standard || a.Kind == actions.AccountContain }) {
			t.Errorf("with a session of dan's: %+v", x)
		}
		dans, _ := to.Session("dan")
		if _, err := to.StartSession(t.Context(), desktest.As("dan"), dans); err != nil {
			t.Fatal(err)
		}
		if r, err = to.Desk.Reach(t.Context(), desktest.As("dan"), "dan"); err != nil || !r.Session.Runs.Equal(r.Session.Until.Time) {
			t.Errorf("a session of dan's runs until %s, and %+v, %v", r.Session.Until, r.Session, err)
		}
		// A lead sees of others what is not critical, without an entry.
		if r, err = to.Desk.Reach(t.Context(), desktest.As("kim"), "ole"); err != nil || reads() != before || !deed(r.Now, actions.AccountContain, actions.Protected) || slices.ContainsFunc(r.Session.Acts, func(a inquiry.AloneAct) bool { return a.Kind == actions.AccountContain || a.Tier != actions.Standard }) {
			t.Errorf("kim sees of ole %+v, %v", r.Now, err)
		}
	})
}

// TestExposureOfWeakerActs: who could limit, label and warn is told by the same rules, and
// with the budgets of its family. What an account's takedown takes is not hidden behind it.
func TestExposureOfWeakerActs(t *testing.T) {
	to := desktest.NewTown(t, desktest.Options{})
	of := func(subject string, kind actions.Kind) inquiry.ExposedAct {
		t.Helper()
		e, err := to.Desk.Exposure(t.Context(), desktest.As("ada"), subject, kind, time.Time{})
		if err != nil || len(e.Acts) != 1 {
			t.Fatalf("%s: %d acts, %v", kind, len(e.Acts), err)
		}
		return e.Acts[0]
	}
	for _, subject := range []string{"plaza:@neighbour", "plaza:@singer", "plaza:@president"} {
		_, takedown := takedown(t, to, "ada", subject, time.Time{})
		for _, kind := range []actions.Kind{actions.AccountLimit, actions.AccountLabel, actions.AccountWarn} {
			a := of(subject, kind)
			if r := way(t, a, exposure.ByAct); a.Alone.Count != takedown.Alone.Count || a.Coverage.Hours != takedown.Coverage.Hours || r.People != way(t, takedown, exposure.ByAct).People || a.Emergency != nil {
				t.Errorf("%s of %s: %d alone, %d people by the act, emergency %v", kind, subject, a.Alone.Count, r.People, a.Emergency)
			}
		}
	}
	if a := of("plaza:@neighbour", actions.AccountWarn); a.Effect != actions.Said {
		t.Errorf("the effect of a warning is %s", a.Effect)
	}
	for _, c := range []struct {
		subject string
		kind    actions.Kind
		family  actions.Family
		budgets int
	}{
		{"plaza:@neighbour", actions.AccountTakedown, actions.FamilyAccount, 4},
		{"plaza:@neighbour", actions.AccountWarn, actions.FamilyAccountWeak, 4},
		{"plaza:@neighbour", actions.AccountUnlabel, actions.FamilyAccountWeak, 5},
		{"plaza:post/1", actions.ContentLimit, actions.FamilyContent, 4},
		{"plaza:@president", actions.AccountLabel, actions.FamilyAll, 4},
		{"plaza:@president", actions.AccountUnlimit, actions.FamilyAll, 2},
	} {
		a := of(c.subject, c.kind)
		if len(a.Budgets) != c.budgets || slices.ContainsFunc(a.Budgets, func(b actions.Budget) bool { return b.Family != c.family }) {
			t.Errorf("%s of %s: within %v", c.kind, c.subject, a.Budgets)
		}
	}
	act := func(k actions.Kind, n int) inquiry.ExposedAct {
		return inquiry.ExposedAct{Kind: k, Collusion: exposure.Collusion{Number: n}}
	}
	for name, c := range map[string]struct {
		acts           []inquiry.ExposedAct
		number, weaker int
	}{
		"a warning by one":   {[]inquiry.ExposedAct{act(actions.AccountTakedown, 3), act(actions.AccountRestore, 2), act(actions.AccountLimit, 2), act(actions.AccountWarn, 1)}, 2, 1},
		"no takedown at all": {[]inquiry.ExposedAct{act(actions.AccountTakedown, 0), act(actions.AccountLabel, 2)}, 0, 2},
		"only limits":        {[]inquiry.ExposedAct{act(actions.ContentLimit, 3)}, 3, 3},
		"only takedowns":     {[]inquiry.ExposedAct{act(actions.ContentRemove, 3)}, 3, 0},
	} {
		if e := (inquiry.Exposure{Acts: c.acts}); e.Number() != c.number || e.Weaker() != c.weaker {
			t.Errorf("%s: %d and %d, want %d and %d", name, e.Number(), e.Weaker(), c.number, c.weaker)
		}
	}
}

func TestExposureTable(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		names := func(tier actions.Tier) (out []string) {
			tab, err := to.Desk.ExposureTable(t.Context(), desktest.As("ada"), tier, actions.AccountTakedown, time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range tab.Rows {
				out = append(out, r.Subject.ID)
			}
			return out
		}
		if got := names(actions.Critical); len(got) != 0 {
			t.Errorf("nothing is known, and shown are %q", got)
		}
		to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@president"))
		to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@singer"))
		raise := func(id string) {
			to.Request("kim", acts.Wish{Kind: actions.DeskChange, Change: actions.Setting{Of: actions.PartTiers,
				Raise: &actions.Raise{Subject: platform.Subject{Platform: "plaza", ID: id}, From: actions.Standard, To: actions.Critical}}})
		}
		raise("acct/4")
		raise("acct/999") // there is no such account: what cannot be read counts as critical, and comes first
		if got := names(actions.Critical); !slices.Equal(got, []string{"acct/999", "acct/1", "acct/4"}) {
			t.Errorf("critical are %q", got)
		}
		if got := names(actions.Protected); !slices.Equal(got, []string{"acct/2"}) {
			t.Errorf("protected are %q", got)
		}
	})
}

// The check finds that a change of the desk or the mere passing of time made
// something easier, or coverage short, tells it once, and says nothing of it in clear.
func TestCheckExposure(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		w := desktest.New(t, o)
		w.Staff()
		check := func() []inquiry.Finding {
			t.Helper()
			found, err := w.CheckExposure(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return found
		}
		of := func(all []inquiry.Finding, tier actions.Tier, short bool) (out []inquiry.Finding) {
			for _, f := range all {
				if f.Tier == tier && (len(f.Short) > 0) == short {
					out = append(out, f)
				}
			}
			return out
		}
		if found := check(); len(of(found, actions.Critical, false)) != 0 || len(of(found, actions.Critical, true)) != 0 {
			t.Errorf("at first: %+v", found)
		}
		s, err := w.State(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		looser := s.Policy.Files()
		looser["requests.cedar"] = strings.Replace(looser["requests.cedar"], "2 independent; 1 employee; hardware", "1 independent; 1 employee; hardware", 1)
		w.Change(actions.DeskChange, actions.Setting{Of: actions.PartPolicy, Policy: looser})
		from, err := w.Store.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		found := of(check(), actions.Critical, false)
		told := func() (severities []store.Severity) {
			list, _, err := w.Alarms(t.Context(), desktest.As("ada"), alarms.Filter{})
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range list {
				severities = append(severities, a.Severity)
			}
			return severities
		}
		if got := told(); len(got) == 0 || slices.Contains(got, alarms.Warn) {
			t.Errorf("on the first day: alarms of the severities %v", got)
		}
		if len(found) != 1 || found[0].Was != 3 || found[0].Is != 2 || !found[0].AtOnce || !slices.Contains(found[0].Kinds, actions.ContentRemove) {
			t.Errorf("a looser policy: %+v", found)
		}
		if got := kinds(t, w, from.Size); got["exposure-check"] != 1 || got["alarm"] == 0 {
			t.Errorf("it entered %v", got)
		}
		for _, e := range since(t, w, from.Size) {
			if e.Body.Kind == "exposure-check" && strings.Contains(string(e.BodyBytes), "plaza") {
				t.Errorf("it shows %s", e.BodyBytes)
			}
		}
		if found := of(check(), actions.Critical, false); len(found) != 0 {
			t.Errorf("told again: %+v", found)
		}
		w.Clock().Advance(25 * time.Hour)
		for _, id := range []workforce.WorkerID{"kim", "eva", "lee"} {
			w.Request("ada", acts.Wish{Kind: actions.DeskEngagement, Change: actions.Engagement{Op: "end", Worker: id}})
		}
		short := of(check(), actions.Critical, true)
		if len(short) != 1 || len(short[0].Short) != exposure.Hours {
			t.Errorf("three leads fewer: %+v", short)
		}
		if got := told(); !slices.Contains(got, alarms.Warn) {
			t.Errorf("later: alarms of the severities %v", got)
		}
	})
}

// A draft of a change of policy or people says what becomes of coverage, to those
// who may read it.
func TestDraftTellsCoverage(t *testing.T) {
	w := desktest.New(t, desktest.Options{})
	w.Staff()
	s, err := w.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stricter := s.Policy.Files()
	stricter["x.cedar"] = "@id(\"none\")\n@reason(\"Nobody countersigns at all.\")\nforbid (principal, action == Action::\"countersign\", resource) when { resource is Account };"
	lena := workforce.Record{Worker: "lena", Roles: []workforce.Role{workforce.Lead}, Start: canonical.At(w.Clock().Now().AddDate(-1, 0, 0))}
	kim := s.People.Seat("kim").Record
	kim.Roles = []workforce.Role{workforce.Agent}
	admit, _ := w.Admission(false, lena)
	for name, c := range map[string]struct {
		wish acts.Wish
		less int // could countersign on protected afterwards; -1: nothing is said
	}{
		"policy":     {acts.Wish{Kind: actions.DeskChange, Change: actions.Setting{Of: actions.PartPolicy, Policy: stricter}}, 8},
		"engagement": {acts.Wish{Kind: actions.DeskEngagement, Change: actions.Engagement{Op: "end", Worker: "kim"}}, 1},
		"key":        {acts.Wish{Kind: actions.DeskKey, Change: actions.Keys{Revoke: []workforce.KeyID{w.PublicKey("kim").ID()}}}, 1},
		"import":     {acts.Wish{Kind: actions.DeskAdmit, Change: admit, Records: []workforce.Record{kim}}, 1},
		"budget":     {acts.Wish{Kind: actions.DeskChange, Change: actions.Setting{Of: actions.PartBudgets, Budgets: actions.DefaultBudgets()}}, -1},
	} {
		c.wish.Reason = "test"
		d, err := w.Draft(t.Context(), desktest.As("ada"), c.wish)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if c.less < 0 {
			if len(d.Coverage) != 0 {
				t.Errorf("%s: %+v", name, d.Coverage)
			}
			continue
		}
		if len(d.Coverage) != 3 {
			t.Fatalf("%s: %d rows", name, len(d.Coverage))
		}
		p := d.Coverage[1]
		if p.Tier != actions.Protected || p.Before.Now-p.After.Now != c.less || p.Before.Now != 8 {
			t.Errorf("%s: %d → %d could countersign on %s", name, p.Before.Now, p.After.Now, p.Tier)
		}
	}
	d, err := w.Draft(t.Context(), desktest.As("kim"), acts.Wish{Kind: actions.DeskEngagement, Change: actions.Engagement{Op: "end", Worker: "ann"}})
	if err != nil || len(d.Coverage) != 0 {
		t.Errorf("a lead is told %+v, %v", d.Coverage, err)
	}
	if now, err := w.State(t.Context()); err != nil || now.Next != s.Next || len(now.People.Seat("kim").Roles) != 1 || now.People.Seat("kim").Roles[0] != workforce.Lead {
		t.Errorf("a draft changed the desk: %v", err)
	}
}

// The desk looks by itself: when it starts, after a change of the desk, and once a day.
func TestChecksByItself(t *testing.T) {
	desktest.Both(t, func(t *testing.T, o desktest.Options) {
		o.ExposureEvery = 24 * time.Hour
		o.Holders = kernel.Holders{Executor: []string{"ops"}, Platforms: map[string][]string{"plaza": {"eve"}, "plaza/night": {"bob"}, "plaza2": {"mal"}}}
		to := desktest.NewTown(t, o)
		checks := func() int { return kinds(t, to.World, 0)["exposure-check"] }
		desktest.Until(t, "a check at the start", func() bool { return checks() == 1 })
		to.Request("ada", acts.Wish{Kind: actions.DeskEngagement, Change: actions.Engagement{Op: "end", Worker: "kim"}})
		to.Request("ada", acts.Wish{Kind: actions.DeskEngagement, Change: actions.Engagement{Op: "end", Worker: "eva"}})
		desktest.Until(t, "what was found after the change", func() bool { return checks() >= 2 })
		n := checks()
		to.Clock().Advance(25 * time.Hour)
		desktest.Until(t, "a check of the next day", func() bool { return checks() > n })
		if e, _ := takedown(t, to, "ada", "plaza:@neighbour", time.Time{}); !slices.Equal(e.Holders.Executor, []string{"ops"}) || !slices.Equal(e.Holders.Platform, []string{"eve", "bob (night)"}) || len(e.Holders.LogKey) != 0 {
			t.Errorf("the holders are %+v", e.Holders)
		}
	})
}

// That the desk could not go on without somebody pages once.
func TestIndispensableIsAlarmed(t *testing.T) {
	w := desktest.New(t, desktest.Options{})
	w.Staff()
	check := func() (n int) {
		t.Helper()
		if _, err := w.CheckExposure(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, a := range raised(t, w) {
			if a == "indispensable page" {
				n++
			}
		}
		return n
	}
	if n := check(); n != 0 {
		t.Errorf("with three officers there are %d alarms", n)
	}
	w.Request("ada", acts.Wish{Kind: actions.DeskFreeze, Change: actions.Freeze{Op: "freeze", Scope: actions.ScopeWorker, Of: "cem"}})
	if n := check(); n != 1 {
		t.Errorf("with two left there are %d alarms, want 1", n)
	}
	if n := check(); n != 1 {
		t.Errorf("looked at again there are %d alarms, want 1", n)
	}
}
