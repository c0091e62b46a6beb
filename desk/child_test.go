package desk_test

import (
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/alarm"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/alarms"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/desktest"
	"countersign.dev/executor/executortest"
	"countersign.dev/fault"
	"countersign.dev/platform"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// mediaClocks returns the clocks of media of a case, oldest first.
func (o office) mediaClocks(id string) (out []store.Clock) {
	o.t.Helper()
	if err := o.Store.Read(o.t.Context(), func(tx *store.Tx) error {
		all, err := tx.Clocks(id)
		for _, c := range all {
			if c.Kind == store.MediaClock {
				out = append(out, c)
			}
		}
		return err
	}); err != nil {
		o.t.Fatal(err)
	}
	return out
}

// running demands that one clock of media runs on a case, and returns it.
func (o office) running(id string) store.Clock {
	o.t.Helper()
	all := o.mediaClocks(id)
	if len(all) == 0 {
		o.t.Fatalf("no clock of media on %s", id)
	}
	c := all[len(all)-1]
	if !c.Met.IsZero() || !c.Ended.IsZero() || !c.Paused.IsZero() {
		o.t.Errorf("the clock of %s does not run: %+v", id, c)
	}
	return c
}

// press signs and hands in what becomes of the media of a case.
func (o office) press(by workforce.WorkerID, id string, media store.Media) error {
	what := actions.DeedCopyEvidence
	if media == store.HashMedia {
		what = actions.DeedHashEvidence
	}
	const why = "it is needed"
	return o.Desk.ReleaseMedia(o.t.Context(), desktest.As(by), id, media, why, o.Deed(by, actions.Deed{What: what, Of: id, Version: o.now(id).Version}, why))
}

// mediaAlarms returns the alarms about missed clocks of media, newest first.
func (o office) mediaAlarms() (out []alarms.Alarm) {
	o.t.Helper()
	all, _, err := o.Desk.Alarms(o.t.Context(), desktest.As("sue"), alarms.Filter{})
	if err != nil {
		o.t.Fatal(err)
	}
	for _, a := range all {
		if a.Kind == string(alarm.MediaMissed) {
			out = append(out, a)
		}
	}
	return out
}

// TestMediaClock: the first reason of child safety starts a clock of one hour, which nothing but
// a specialist's press stops; an alarm pages once an hour and queue, and says which cases wait.
func TestMediaClock(t *testing.T) {
	desktest.Each(t, func(t *testing.T, opt desktest.Options) {
		o := newOffice(t, opt)
		o.Clock().Hold()
		c := o.Flag("1", "post/1", "MisleadingSpam", "acct/9").Case
		if all := o.mediaClocks(c.ID); len(all) != 0 {
			t.Errorf("spam has %+v", all)
		}
		o.Clock().Advance(10 * time.Minute)
		o.Flag("2", "post/1", "ChildSafetyCSAM", "acct/8")
		clock := o.running(c.ID)
		if clock.Due.Sub(clock.Started.Time) != time.Hour || !clock.Started.Equal(o.in(0).Time) {
			t.Errorf("it runs from %s to %s", clock.Started, clock.Due)
		}
		// A second reason, asking and sleeping change nothing.
		o.Clock().Advance(time.Minute)
		o.Flag("3", "post/1", "ChildSafetyGroom", "acct/7")
		taken := o.Take("bob")
		if !taken.Case.Media.Equal(clock.Due.Time) {
			t.Errorf("the claim shows %s", taken.Case.Media)
		}
		o.do("bob", actions.DeedAsk, taken.Case, cases.Order{Role: cases.AskSpecialist, Note: "Do you agree?"})
		if now := o.running(c.ID); now != clock {
			t.Errorf("asked: %+v", now)
		}
		eva := o.Take("eva").Case
		o.do("eva", actions.DeedSnooze, eva, cases.Order{Until: o.in(5 * time.Minute), Note: "later"})
		if now := o.running(c.ID); now != clock {
			t.Errorf("snoozed: %+v", now)
		}
		if v, err := o.Desk.Case(t.Context(), desktest.As("kim"), c.ID); err != nil || !v.Case.Media.Equal(clock.Due.Time) {
			t.Errorf("%v: shown as %s", err, v.Case.Media)
		}
		if all, _, err := o.Desk.Cases(t.Context(), desktest.As("kim"), casework.Filter{}); err != nil || len(all) != 1 || !all[0].Media.Equal(clock.Due.Time) {
			t.Errorf("%v: listed as %+v", err, all)
		}
		if due, err := o.Desk.DueClocks(t.Context(), desktest.As("ann"), o.now(c.ID).Queue, o.in(time.Hour)); err != nil || len(due) != 2 || due[1].Kind != store.MediaClock || !due[1].Due.Equal(clock.Due.Time) || due[1].Late {
			t.Errorf("%v: due %+v", err, due)
		}

		o.Clock().Advance(58*time.Minute + 59*time.Second)
		o.sweep()
		if all := o.mediaAlarms(); len(all) != 0 {
			t.Errorf("an alarm before it is missed: %+v", all)
		}
		o.Clock().Advance(time.Second)
		for range 2 {
			o.sweep()
		}
		all := o.mediaAlarms()
		if len(all) != 1 || all[0].Severity != alarms.Page || !strings.Contains(all[0].Text, c.ID) || !strings.Contains(all[0].Text, "countersign case media CASE copy") {
			t.Fatalf("alarms: %+v", all)
		}
		if n := o.promises(); n != 1 {
			t.Errorf("%d alarms about promises", n)
		}
		// Another one of the queue within the hour is told with the next alarm, which names both.
		second := o.Flag("4", "post/2", "ChildSafetyCSAM", "acct/8").Case
		o.Clock().Advance(time.Hour)
		o.sweep()
		all = o.mediaAlarms()
		if len(all) != 2 || !strings.Contains(all[0].Text, c.ID+", "+second.ID) {
			t.Errorf("alarms: %+v", all)
		}
		// The press meets it, late as it is, and stands in the history.
		if err := o.press("eva", c.ID, store.HashMedia); err != nil {
			t.Fatal(err)
		}
		clocks := o.mediaClocks(c.ID)
		if len(clocks) != 1 || clocks[0].Met.IsZero() || clocks[0].Missed.IsZero() {
			t.Errorf("after the press: %+v", clocks)
		}
		v, err := o.Desk.Case(t.Context(), desktest.As("kim"), c.ID)
		if last := v.Moves[len(v.Moves)-1]; err != nil || last.Move != "media" || !strings.Contains(string(last.Detail), `"media":"hash"`) || !v.Case.Media.IsZero() {
			t.Errorf("%v: %+v, %s", err, v.Moves, v.Case.Media)
		}
	})
}

// TestMediaAlarmWithoutSpecialist: where nobody is a specialist the alarm says so, and what to do.
func TestMediaAlarmWithoutSpecialist(t *testing.T) {
	o := newOffice(t, desktest.Options{})
	s, err := o.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for id, role := range map[workforce.WorkerID]workforce.Role{"bob": workforce.Agent, "eva": workforce.Lead} {
		r := s.People.Seat(id).Record
		r.Roles = []workforce.Role{role}
		o.Admit(false, r)
	}
	c := o.Flag("1", "post/1", "ChildSafetyCSAM", "acct/8").Case
	if _, err := o.Desk.OpenPicture(t.Context(), desktest.As("kim"), c.ID, canonical.Sum([]byte("x")), "to judge it"); !fault.Is(err, "media-withheld") || !strings.Contains(err.Error(), "Nobody at this desk is a specialist. Officers give the role") {
		t.Errorf("a lead looks: %v", err)
	}
	o.Clock().Advance(time.Hour)
	o.sweep()
	all := o.mediaAlarms()
	if len(all) != 1 || !strings.Contains(all[0].Text, "Nobody at this desk is a specialist. Officers give the role") || !strings.Contains(all[0].Text, c.ID) {
		t.Errorf("%+v", all)
	}
}

// TestMediaClockFollows: the clock goes with the report that started it.
func TestMediaClockFollows(t *testing.T) {
	desktest.Each(t, func(t *testing.T, opt desktest.Options) {
		o := newOffice(t, opt)
		o.Clock().Hold()
		o.lessGrave()
		// Into the older case.
		old := o.Flag("1", "post/1", "MisleadingSpam", "acct/9").Case
		young := o.Flag("2", "post/2", "ChildSafetyPrivacy", "acct/8").Case
		if o.now(young.ID).Grave() {
			t.Fatal("the test needs a reason of child safety that is not of the highest severity")
		}
		clock := o.running(young.ID)
		o.Clock().Advance(time.Minute)
		held := o.claim("eva", young.ID).Case
		o.do("eva", actions.DeedMerge, held, cases.Order{Into: old.ID, Note: "one person has both"})
		if now := o.running(old.ID); !now.Started.Equal(clock.Started.Time) || !now.Due.Equal(clock.Due.Time) {
			t.Errorf("merged: %+v, was %+v", now, clock)
		}
		if all := o.mediaClocks(young.ID); len(all) != 1 || all[0].Ended.IsZero() {
			t.Errorf("the merged case: %+v", all)
		}
		if err := o.press("eva", young.ID, store.CopyMedia); !fault.Is(err, "case-merged") {
			t.Errorf("a press on what was merged: %v", err)
		}
		// Out again.
		o.Clock().Advance(time.Minute)
		held = o.claim("eva", old.ID).Case
		rows, err := o.reportsOf(old.ID)
		if err != nil {
			t.Fatal(err)
		}
		var of []string
		for _, r := range rows {
			if r.Subject == "post/2" {
				of = append(of, r.ID)
			}
		}
		o.do("eva", actions.DeedSplit, held, cases.Order{Reports: of})
		again := o.openCase("post/2")
		if now := o.running(again); !now.Due.Equal(clock.Due.Time) {
			t.Errorf("split: %+v", now)
		}
		if all := o.mediaClocks(old.ID); len(all) != 1 || all[0].Ended.IsZero() {
			t.Errorf("the case that it left: %+v", all)
		}
		// A press there is about that subject: a report that goes to another one has its own hour.
		if err := o.press("eva", again, store.HashMedia); err != nil {
			t.Fatal(err)
		}
		o.Clock().Advance(time.Minute)
		o.Flag("3", "post/2", "MisleadingSpam", "acct/8")
		held = o.claim("eva", again).Case
		o.do("eva", actions.DeedSplit, held, cases.Order{Reports: of, Subject: "plaza:post/3", Note: "of that post"})
		third := o.openCase("post/3")
		if now := o.running(third); !now.Started.Equal(o.in(0).Time) {
			t.Errorf("of another subject: %+v", now)
		}
		// A move between queues changes nothing.
		was := o.running(third)
		o.do("kim", actions.DeedMove, o.now(third), cases.Order{Queue: "identity"})
		if now := o.running(third); now != was {
			t.Errorf("moved: %+v, was %+v", now, was)
		}
	})
}

// lessGrave puts rules in force under which a reason of child safety is not of the highest
// severity, so that cases of two subjects may be merged, and one person ends a case.
func (o office) lessGrave() {
	o.t.Helper()
	text := cases.DefaultRules()
	less := strings.Replace(text, `"ChildSafetyPrivacy": {"severity": "highest"`, `"ChildSafetyPrivacy": {"severity": "medium"`, 1)
	if less == text {
		o.t.Fatal("the default rules have no such reason")
	}
	o.Adopt(actions.PartRules, less)
}

// TestMediaClockTakenBack: the clock of a case that was opened while another one was decided
// goes with it into that one when the decision is taken back.
func TestMediaClockTakenBack(t *testing.T) {
	o := newOffice(t, desktest.Options{})
	o.Clock().Hold()
	old := o.Flag("1", "post/1", "MisleadingSpam", "acct/9").Case
	out, err := o.TryDecide("bob", o.Take("bob"), casework.Judgement{Verdict: actions.CaseNoViolation})
	if err != nil {
		t.Fatal(err)
	}
	young := o.Flag("2", "post/1", "ChildSafetyCSAM", "acct/8").Case
	if young.ID == old.ID {
		t.Fatal("the report joined a decided case")
	}
	clock := o.running(young.ID)
	o.Clock().Advance(time.Second)
	if _, _, _, err := back(o.World, "bob", out.ID); err != nil {
		t.Fatal(err)
	}
	if now := o.running(old.ID); !now.Due.Equal(clock.Due.Time) || !now.Started.Equal(clock.Started.Time) {
		t.Errorf("%+v, was %+v", now, clock)
	}
	if all := o.mediaClocks(young.ID); len(all) != 1 || all[0].Ended.IsZero() {
		t.Errorf("the merged case: %+v", all)
	}
}

func (o office) reportsOf(id string) (rows []store.Report, err error) {
	err = o.Store.Read(o.t.Context(), func(tx *store.Tx) error {
		rows, err = tx.ReportsOf(id, "", 100)
		return err
	})
	return rows, err
}

func (o office) openCase(subject string) (id string) {
	o.t.Helper()
	if err := o.Store.Read(o.t.Context(), func(tx *store.Tx) (err error) {
		id, err = tx.OpenCaseID("plaza", subject, cases.Flagged)
		return err
	}); err != nil || id == "" {
		o.t.Fatalf("no open case of %s: %v", subject, err)
	}
	return id
}

// TestPreservation: the first reason of child safety has the platform asked, once, to preserve
// the subject for 90 days; what it answers stands on the case and in its history.
func TestPreservation(t *testing.T) {
	desktest.Each(t, func(t *testing.T, opt desktest.Options) {
		sc := newScene(t, opt)
		sc.p.Show(posted, shows("text", nil, false), nil)
		answered := func(c cases.Case) casework.View {
			t.Helper()
			var v casework.View
			desktest.Until(t, "the platform has answered", func() bool {
				var err error
				if v, err = sc.Desk.Case(t.Context(), desktest.As("kim"), c.ID); err != nil {
					t.Fatal(err)
				}
				return len(v.Preserved) == 1 && !v.Preserved[0].Answered.IsZero()
			})
			return v
		}
		c := sc.report("spam", "")
		sc.kept(c)
		if until := sc.p.Preserved(posted); !until.IsZero() {
			t.Errorf("spam is preserved until %s", until)
		}
		sc.p.Away(true)
		before := sc.Clock().Now()
		sc.report("ChildSafetyCSAM", "")
		v, err := sc.Desk.Case(t.Context(), desktest.As("kim"), c.ID)
		if err != nil || len(v.Preserved) != 1 || !v.Preserved[0].Answered.IsZero() || v.Preserved[0].Answer != "" {
			t.Fatalf("%v: %+v", err, v.Preserved)
		}
		sc.p.Away(false)
		desktest.Until(t, "the platform is asked again", func() bool {
			sc.Clock().Advance(time.Second)
			return !sc.p.Preserved(posted).IsZero()
		})
		v = answered(c)
		p := v.Preserved[0]
		if p.Answer != store.PreservedAnswer || p.Until.Sub(p.Asked.Time) != casework.PreserveFor || p.Asked.Before(before) || !sc.p.Preserved(posted).Equal(p.Until.Time) || p.Subject.ID != posted {
			t.Errorf("%+v, on the platform until %s", p, sc.p.Preserved(posted))
		}
		moves := 0
		for _, m := range v.Moves {
			if m.Move == "preservation" && strings.Contains(string(m.Detail), `"answer":"preserved"`) {
				moves++
			}
		}
		if moves != 1 {
			t.Errorf("the history has it %d times: %+v", moves, v.Moves)
		}
		// Further reasons ask for nothing more.
		sc.report("ChildSafetyGroom", "")
		sc.kept(c)
		if v := answered(c); v.Preserved[0] != p {
			t.Errorf("then %+v", v.Preserved)
		}
	})
}

// TestPreservationNotOffered: a platform that cannot preserve is asked once, and the case says so.
func TestPreservationNotOffered(t *testing.T) {
	p := executortest.NewPlatform(time.Now)
	p.Account("acct/3", 12, "")
	p.Post(posted, "acct/3")
	to := desktest.NewTown(t, desktest.Options{Platform: unable{p, p}})
	to.OpenOffice()
	c := to.World.Flag("1", posted, "ChildSafetyCSAM", "acct/8").Case
	desktest.Until(t, "the platform has answered", func() bool {
		v, err := to.Desk.Case(t.Context(), desktest.As("kim"), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		return len(v.Preserved) == 1 && v.Preserved[0].Answer == "not-offered"
	})
	if until := p.Preserved(posted); !until.IsZero() {
		t.Errorf("preserved until %s", until)
	}
}

// unable is a connector that preserves nothing.
type unable struct {
	platform.Connector
	platform.Evidencer
}

// TestMediaClockDecided: a decision freezes the clock only if no picture was left out, and the
// clock runs again if that decision is taken back.
func TestMediaClockDecided(t *testing.T) {
	sc := newScene(t, desktest.Options{})
	sc.Owns("eva")
	sc.Owns("bob")
	o := office{&desktest.Office{World: sc.World}, t}
	o.lessGrave()
	for _, c := range []struct {
		id       string
		pictures map[string][]byte
		runs     bool
	}{{"post/1", map[string][]byte{"1": pngOf(t, 8)}, true}, {"post/2", nil, false}} {
		sc.p.Post(c.id, "acct/3")
		sc.p.Show(c.id, platform.Evidence{Subject: platform.Subject{Platform: "plaza", ID: c.id}, Sort: platform.Content, Text: platform.Text{Text: "text"}, Pictures: shows("", c.pictures, true).Pictures}, c.pictures)
		got, err := o.TryFlag(c.id, c.id, "ChildSafetyPrivacy", "acct/8")
		if err != nil {
			t.Fatal(err)
		}
		evidenceCopied(t, sc.World)
		taken := o.claim("eva", got.Case.ID)
		sc.Clock().Hold()
		out, err := o.TryDecide("eva", taken, casework.Judgement{Verdict: actions.CaseNoViolation})
		if err != nil {
			t.Fatal(err)
		}
		all := o.mediaClocks(got.Case.ID)
		if len(all) != 1 || all[0].Ended.IsZero() != c.runs || !all[0].Met.IsZero() {
			t.Errorf("%s, decided as %s: %+v", c.id, out.Case.State, all)
		}
		if _, _, _, err := back(sc.World, "eva", out.ID); err != nil {
			t.Fatal(err)
		}
		o.running(got.Case.ID)
	}
}

// TestLaw17SelfReport: an abuser who reports himself under child safety makes nothing vanish: text
// and profile are kept, and so are pictures that were copied before; the clock runs, the platform
// preserves, and a specialist's press brings the pictures that were left out. A lead who is no
// specialist sees none of them, old or new.
func TestLaw17SelfReport(t *testing.T) {
	desktest.Each(t, func(t *testing.T, opt desktest.Options) {
		sc := newScene(t, opt)
		o := office{&desktest.Office{World: sc.World}, t}
		first := map[string][]byte{"1": pngOf(t, 8)}
		sc.p.Show(posted, shows("before", first, true), first)
		c := sc.report("spam", "")
		sc.kept(c)
		old := canonical.Sum(first["1"])
		if _, err := sc.OpenPicture(t.Context(), desktest.As("kim"), c.ID, old, "to judge it"); err != nil {
			t.Fatalf("before the report: %v", err)
		}

		both := map[string][]byte{"1": first["1"], "2": pngOf(t, 9)}
		sc.p.Show(posted, shows("after", both, true), both)
		sc.Clock().Advance(2 * time.Minute)
		sc.report("ChildSafetyCSAM", "")
		k := sc.kept(c)[0]
		if k.Shown.Read == nil || k.Shown.Read.Text.Text != "after" || k.Shown.Read.Author.Name != "Three" {
			t.Errorf("text and profile: %+v", k.Shown)
		}
		fresh := canonical.Sum(both["2"])
		if _, parts := sc.picture(old); parts == 0 {
			t.Error("the picture that was copied before is gone")
		}
		if _, parts := sc.picture(fresh); parts != 0 {
			t.Error("a picture was copied without a press")
		}
		o.running(c.ID)
		if _, err := sc.OpenPicture(t.Context(), desktest.As("kim"), c.ID, old, "to judge it"); !fault.Is(err, "media-withheld") {
			t.Errorf("a lead who is no specialist sees the old picture: %v", err)
		}
		desktest.Until(t, "the platform preserves", func() bool { return !sc.p.Preserved(posted).IsZero() })

		if err := o.press("eva", c.ID, store.CopyMedia); err != nil {
			t.Fatal(err)
		}
		sc.kept(c)
		for _, digest := range []canonical.Digest{old, fresh} {
			if f, err := sc.OpenPicture(t.Context(), desktest.As("eva"), c.ID, digest, "to judge it"); err != nil || len(f.Bytes) == 0 {
				t.Errorf("a specialist after the press: %v", err)
			}
			if _, err := sc.OpenPicture(t.Context(), desktest.As("kim"), c.ID, digest, "curious"); !fault.Is(err, "media-withheld") {
				t.Errorf("a lead after the press: %v", err)
			}
		}
		if all := o.mediaClocks(c.ID); len(all) != 1 || all[0].Met.IsZero() {
			t.Errorf("the clock after the press: %+v", all)
		}
	})
}
