package alarms

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"countersign.dev/actions"
	"countersign.dev/alarm"
	"countersign.dev/canonical"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/incident"
	"countersign.dev/ledger/proof"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/platform"
	"countersign.dev/prose"
	"countersign.dev/store"
	"countersign.dev/wording"
	"countersign.dev/workforce"
)

// Matter is one state of the desk, as of now, that people should know of. A matter of
// severity Page or Warn needs a person who acts.
type Matter struct {
	Section  string // one of the sections
	Severity store.Severity
	Text     string         // the state, in a sentence
	Do       string         // what a person can do about it; empty: nothing is to be done
	Since    canonical.Time // zero: not known
	Request  string         // Request to Tier say what the matter is about; each may be empty
	Incident string
	Platform string
	Tier     actions.Tier
}

// Needs reports whether somebody has to do something.
func (m Matter) Needs() bool { return m.Severity == Page || m.Severity == Warn }

// Sections of matters, in the order in which they are shown.
var Sections = []string{"executor", "watch", "ledger", "requests", "reviews", "incidents", "emergencies", "freezes", "lifts", "officers", "recoveries", "alarms", "reports", "queues", "people"}

// How long something waits before somebody is told.
const (
	reviewAfter    = 24 * time.Hour // an emergency act, or an incident, without a closed review
	approvedAfter  = time.Minute    // an approved request of which nothing was heard
	leavingWithin  = 7 * 24 * time.Hour
	endedWithin    = 24 * time.Hour // a program whose end is still told
	eachWaiting    = 5              // requests that begin to wait in one check are told one by one up to this number
	mostMatters    = 200
	neverSweptTime = 10 * time.Minute
)

// signersAfter is how long a request of a tier waits for countersigners before
// somebody is told.
var signersAfter = map[actions.Tier]time.Duration{actions.Standard: time.Hour, actions.Protected: 15 * time.Minute, actions.Critical: 5 * time.Minute}

// Matters returns the present matters, for readers of evidence.
func (d *Room) Matters(ctx context.Context, by kernel.Caller) ([]Matter, error) {
	s, st, err := d.desk.Standing(ctx, by)
	if err == nil {
		err = kernel.Evidence(s, st, "The lines of `countersign status` about what needs a person")
	}
	if err != nil {
		return nil, err
	}
	return d.matters(ctx, s)
}

// matters gathers all matters, in the order of Sections.
func (d *Room) matters(ctx context.Context, s *proof.State) (all []Matter, err error) {
	waiting, cancel := context.WithTimeout(ctx, statusPatience)
	st, away := d.desk.Executor.Status(waiting)
	cancel()
	all = append(all, d.executorMatters(st, away)...)
	err = d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		own := []Matter{}
		size, _, err := stx.Newest()
		if err != nil {
			return err
		}
		if away == nil && d.behind(st.Size, size) {
			own = append(own, Matter{Section: "ledger", Severity: Warn, Text: fmt.Sprintf("The executor has read %d of %d entries of the ledger, and falls behind.", st.Size, size), Do: doBehind})
		}
		for _, gather := range []func(*store.Tx, *proof.State) ([]Matter, error){d.requestMatters, d.reviewMatters, d.incidentMatters, d.liftMatters, d.recoveryMatters, d.addressMatters, d.documentMatters} {
			more, err := gather(stx, s)
			if err != nil {
				return err
			}
			own = append(own, more...)
		}
		all = append(all, own...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, f := range s.Freezes {
		all = append(all, Matter{Section: "freezes", Severity: Warn, Since: f.At, Request: f.Request, Text: wording.Froze(f.By, f.Freeze),
			Do: "If the reason is gone, have it thawed by several: `" + wording.ThawCommand(f.Freeze) + "`"})
	}
	all = append(all, d.officerMatters(s)...)
	all = append(all, d.programMatters(s)...)
	all = append(all, d.leaving(s)...)
	for _, gather := range d.more {
		other, err := gather(ctx, s)
		if err != nil {
			return nil, err
		}
		all = append(all, other...)
	}
	slices.SortStableFunc(all, func(a, b Matter) int { return slices.Index(Sections, a.Section) - slices.Index(Sections, b.Section) })
	return all, nil
}

// statusPatience is the longest wait for the executor's status.
const statusPatience = 2 * time.Second

// Texts for Matter.Do.
const (
	doAway     = "Start the executor, or repair the connection to it. Until it answers, no approved act is carried out. If it runs, it still ends suspensions and restores subjects after breaches."
	doStopped  = "Look into the reason. Do not delete the executor's journal. Undos, the end of suspensions and restorations go on."
	doClocks   = "Set the clock that is wrong. Until the clocks agree, requests are refused."
	doBehind   = "Check whether the connection between desk and executor is slow, and read the executor's log."
	doUnrolled = "Read the desk's log: it says why no roll is made. Those who brought them in hold a promise, which breaks in an hour."
	// doDocuments is said of what somebody did to the database, or a fault of its storage.
	doDocuments = "Somebody changed the database, or its storage is broken. Keep a copy of it, look who could write there, and let somebody who reads evidence run `countersign audit --trust FOLDER`."
	doBlind     = "Changes around the desk may not be seen there before the next sweep. `countersign watch` says more."
	doSign      = "Ask somebody independent to sign. `countersign action show REQUEST` says which signatures are needed, and `countersign exposure SUBJECT` how many could give them."
	doOfficers  = "Ask somebody independent to sign. `countersign action show REQUEST` says which signatures are needed."
)

// awayText says why the executor does not answer, without the advice to try again.
func awayText(away error) string {
	if away == nil {
		return ""
	}
	text := strings.TrimSuffix(fault.TextOf(away), " Try again in a moment.")
	if !strings.HasPrefix(text, "The executor ") {
		text = "The executor does not answer the desk: " + text
	}
	return text
}

func (d *Room) executorMatters(st linkv1.ExecutorStatus, away error) (all []Matter) {
	if away != nil {
		return []Matter{{Section: "executor", Severity: Page, Text: awayText(away), Do: doAway}}
	}
	if st.Stopped != "" {
		all = append(all, Matter{Section: "executor", Severity: Page, Text: "The executor refuses burdening acts: " + st.Stopped, Do: doStopped})
	}
	if err := d.desk.CheckClocks(); err != nil {
		all = append(all, Matter{Section: "executor", Severity: Page, Text: fault.TextOf(err), Do: doClocks})
	}
	for _, w := range st.Watches {
		switch {
		case w.Blind != "" && platform.RefusesCredential(w.Blind):
			all = append(all, Matter{Section: "watch", Severity: Page, Platform: w.Platform, Text: fmt.Sprintf("%s refuses the executor's credential.", w.Platform), Do: DoCredential})
		case w.Blind != "":
			all = append(all, Matter{Section: "watch", Severity: Page, Platform: w.Platform, Text: fmt.Sprintf("The watch does not see all of %s: %s.", w.Platform, strings.ReplaceAll(w.Blind, "-", " ")), Do: doBlind})
		case w.Swept.IsZero():
			all = append(all, Matter{Section: "watch", Severity: Warn, Platform: w.Platform, Text: fmt.Sprintf("The watch has not swept %s yet.", w.Platform),
				Do: fmt.Sprintf("Just after the start that is normal. If it is still so after %s, read the executor's log.", neverSweptTime)})
		}
		if n := w.UnbasedCritical + w.UnbasedProtected; n > 0 {
			all = append(all, Matter{Section: "watch", Severity: Info, Platform: w.Platform, Text: fmt.Sprintf("%d subjects of %s are in no baseline yet: nobody has vouched for the state that they are in.", n, w.Platform)})
		}
	}
	return all
}

// DoCredential says what to do about a credential that a platform refuses.
const DoCredential = "Put the right credential into the executor's platforms.json and start it again. Until then it neither sees the platform nor acts there."

// requestMatters tells of requests that wait: for people, or at the executor.
func (d *Room) requestMatters(stx *store.Tx, _ *proof.State) (all []Matter, err error) {
	now := d.desk.Now()
	for _, tier := range actions.Tiers {
		rs, n, err := stx.Held(tier, canonical.Time{}, canonical.At(now.Add(-signersAfter[tier])), eachWaiting)
		if err != nil {
			return nil, err
		}
		for _, r := range rs {
			do := doSign
			if r.Action.Subject.Platform == actions.DeskPlatform {
				do = doOfficers
			}
			all = append(all, Matter{Section: "requests", Severity: Warn, Since: r.Created, Request: r.ID, Platform: r.Action.Subject.Platform, Tier: tier,
				Text: fmt.Sprintf("%s, requested by %s, waits for others to sign: %s", r.Action.Kind, r.Requester(), r.Missing), Do: do})
		}
		if more := n - int64(len(rs)); more > 0 {
			all = append(all, Matter{Section: "requests", Severity: Warn, Tier: tier, Text: fmt.Sprintf("%d more requests on %s subjects wait for others to sign.", more, tier), Do: "countersign action list --status held"})
		}
	}
	rs, err := stx.Requests(store.RequestFilter{Status: actions.StatusApproved, Limit: mostMatters})
	if err != nil {
		return nil, err
	}
	var old []store.Request
	for _, r := range rs {
		if r.Updated.Before(now.Add(-approvedAfter)) {
			old = append(old, r)
		}
	}
	for i, r := range old {
		if i == eachWaiting {
			all = append(all, Matter{Section: "requests", Severity: Warn, Text: fmt.Sprintf("%d more approved requests wait at the executor.", len(old)-i)})
			break
		}
		all = append(all, Matter{Section: "requests", Severity: Warn, Since: r.Updated, Request: r.ID, Platform: r.Action.Subject.Platform, Tier: r.Action.Tier,
			Text: fmt.Sprintf("%s was approved, but the executor has not reported an outcome yet.", r.Action.Kind), Do: "See the lines about the executor and the platform."})
	}
	unknown, err := unknownMatters(stx)
	return append(all, unknown...), err
}

// unknownMatters tells of acts of which nobody knows whether they took effect. A person
// looks. An undo settles a measure; a message cannot be taken back, and the closed review of
// an incident on its request settles it.
func unknownMatters(stx *store.Tx) (all []Matter, err error) {
	rs, err := stx.Requests(store.RequestFilter{Status: actions.StatusUnknown, Limit: mostMatters})
	if err != nil {
		return nil, err
	}
	for _, r := range rs {
		m := Matter{Section: "requests", Severity: Page, Since: r.Updated, Request: r.ID, Platform: r.Action.Subject.Platform, Tier: r.Action.Tier,
			Text: fmt.Sprintf("Nobody knows whether %s took effect.", r.Action.Kind), Do: "Look at the subject on the platform, then undo the request or ask again."}
		if spec, _ := actions.SpecOf(r.Action.Kind); spec.Says() {
			settled, err := stx.Contested(r.ID, incident.Closed)
			if err != nil {
				return nil, err
			}
			if settled {
				continue
			}
			m.Text = fmt.Sprintf("It is not known whether the message of %s was sent; it is not sent again.", r.Action.Kind)
			m.Do = "Find out from the platform or the account holder whether the message arrived; if it did not, ask for another one. " +
				"Note what you found: `countersign incident open " + r.ID + " --title WHAT`; when its review is closed, this is settled."
		}
		if all = append(all, m); len(all) == eachWaiting {
			break
		}
	}
	return all, nil
}

// emergencyKinds are the kinds of emergency acts.
func emergencyKinds() (all []actions.Kind) {
	for _, spec := range actions.Catalogue() {
		if spec.Emergency {
			all = append(all, spec.Kind)
		}
	}
	return all
}

// unreviewed returns the newest emergency acts that were carried out and have no
// closed review.
func unreviewed(stx *store.Tx, s *proof.State) (out []store.Request, err error) {
	for _, k := range emergencyKinds() {
		rs, err := stx.Requests(store.RequestFilter{Kind: k, Limit: mostMatters})
		if err != nil {
			return nil, err
		}
		for _, r := range rs {
			if r.Executed.IsZero() || len(r.Core) == 0 {
				continue
			}
			var core proof.Core
			if err := canonical.Unmarshal(r.Core, &core); err != nil {
				return nil, fmt.Errorf("the core of %s in the database: %w", r.ID, err)
			}
			people, _ := core.Signers()
			if _, closed := s.ReviewOf(r.ID, people, r.Created); !closed {
				out = append(out, r)
			}
		}
	}
	return out, nil
}

func (d *Room) reviewMatters(stx *store.Tx, s *proof.State) (all []Matter, err error) {
	rs, err := unreviewed(stx, s)
	if err != nil {
		return nil, err
	}
	for _, r := range rs {
		if r.Status == actions.StatusExecuted {
			all = append(all, Matter{Section: "emergencies", Severity: Warn, Since: r.Executed, Request: r.ID, Platform: r.Action.Subject.Platform, Tier: r.Action.Tier,
				Text: fmt.Sprintf("An emergency act by %s is in force until %s.", r.Requester(), wording.When(r.Action.Until)), Do: "It reverts by itself. To keep the account down, have an ordinary takedown countersigned before that."})
		}
		all = append(all, Matter{Section: "reviews", Severity: Warn, Since: r.Executed, Request: r.ID, Platform: r.Action.Subject.Platform, Tier: r.Action.Tier,
			Text: fmt.Sprintf("The emergency act by %s has no closed review.", r.Requester()), Do: "`countersign review close emergency " + r.ID + " --findings FILE --involved WORKER --reason WHY`"})
	}
	return all, nil
}

func (d *Room) incidentMatters(stx *store.Tx, _ *proof.State) (all []Matter, err error) {
	is, err := stx.Incidents(store.IncidentFilter{Status: incident.Open, Limit: eachWaiting})
	if err != nil {
		return nil, err
	}
	for _, i := range is {
		shows := "` shows it. Its review closes it."
		if i.Breach != "" {
			shows = "` shows it, and the command that lifts what the breach left. Its review closes it."
		}
		all = append(all, Matter{Section: "incidents", Severity: Warn, Since: i.Opened, Incident: i.ID, Platform: i.Subject.Platform, Tier: i.Tier, Text: i.Title,
			Do: "`countersign incident show " + i.ID + shows})
	}
	counts, err := stx.OpenIncidents()
	var n int64
	for _, c := range counts {
		n += c
	}
	if more := n - int64(len(is)); more > 0 {
		all = append(all, Matter{Section: "incidents", Severity: Warn, Text: fmt.Sprintf("%d more incidents are open.", more), Do: "countersign incident list --status open"})
	}
	return all, err
}

// liftMatters tells of measures whose time is over and which, by the desk's rows, are still
// in force because the executor could not lift them.
func (d *Room) liftMatters(stx *store.Tx, _ *proof.State) (all []Matter, err error) {
	as, err := stx.AlarmsBefore(0, string(alarm.LiftFailed), mostMatters)
	if err != nil {
		return nil, err
	}
	for _, a := range as {
		r, err := stx.Request(a.Request)
		if err != nil {
			return nil, err
		}
		if r.Status == actions.StatusExecuted {
			all = append(all, Matter{Section: "lifts", Severity: Page, Since: a.At, Request: a.Request, Platform: a.Platform, Tier: a.Tier, Text: a.Text, Do: doLift(r.Action)})
		}
	}
	return all, nil
}

func doLift(a actions.Action) string {
	value := ""
	if label, ok := a.Command.Layer.Label(); ok {
		value = " --value " + label
	}
	return fmt.Sprintf("Look at the subject. If it bears somebody else's mark, ask for the end of that: countersign action request %s SUBJECT%s --reason WHY.", a.Inverse.Kind, value)
}

// officerMatters tells of officers who are missing: one more loss could stop the desk.
func (d *Room) officerMatters(s *proof.State) (all []Matter) {
	now := d.desk.Now()
	add := func(severity store.Severity, do, format string, args ...any) {
		all = append(all, Matter{Section: "officers", Severity: severity, Text: fmt.Sprintf(format, args...), Do: do})
	}
	stuck := slices.ContainsFunc([]actions.Kind{actions.DeskAdmit, actions.DeskKey, actions.DeskFreeze}, func(k actions.Kind) bool { return s.Stuck(k, now) })
	switch {
	case stuck && (s.Laws < 2 || !s.Recoverable(now)):
		add(Page, doStuck, "Too few officers are left: nobody can thaw, admit or enrol any more.")
	case stuck:
		add(Warn, doRecover, "Too few officers are left for what the policy asks: only all of them together can thaw, admit or enrol.")
	}
	if some := s.Indispensable(now); len(some) > 0 {
		add(IndispensableSeverity(s, some), DoIndispensable, "%s", IndispensableText(some))
	}
	for _, w := range s.People.Sorted() {
		if st := s.People.Standing(w.Worker, now); !st.Engaged || !st.Has(workforce.Officer) {
			continue
		}
		if !slices.ContainsFunc(s.People.KeysOf(w.Worker), func(k workforce.Key) bool { return k.Live(now) }) {
			add(Warn, "The officer makes a key, and another officer asks for its enrolment: `countersign key make FILE --worker OFFICER`, `countersign key enroll FILE.enrolment --reason WHY`.",
				"%s is an officer and has no live key, and so can sign nothing.", w.Worker)
		}
	}
	return all
}

const (
	DoIndispensable = "Admit another officer, thaw one, or enrol a key for one who has none."
	doRecover       = "Thaw officers, enrol their keys or admit others: `countersign thaw worker ID --reason WHY`, `countersign key enroll FILE --reason WHY`, `countersign worker import FILE --reason WHY`. Everybody who is left of the officers signs."
	doStuck         = "Undo, the end of measures and restorations go on. If an engagement or a freeze does not end by itself, found a new desk."
)

// IndispensableSeverity says how urgent it is that the desk could not go on without some people. Who
// founded it with two officers knew that of both, and has had no third one since: nothing has got worse.
func IndispensableSeverity(s *proof.State, some []workforce.WorkerID) store.Severity {
	third := slices.ContainsFunc(s.People.Seats(), func(seat workforce.Seat) bool {
		return seat.Worker.Has(workforce.Officer) && !slices.Contains(s.Officers, seat.Worker.Worker)
	})
	if len(s.Officers) == 2 && slices.Equal(some, s.Officers) && !third {
		return Info
	}
	return Page
}

// IndispensableText says that the desk could not go on without each of some people.
func IndispensableText(some []workforce.WorkerID) string {
	names := make([]string, len(some))
	for i, w := range some {
		names[i] = string(w)
	}
	return fmt.Sprintf("The desk could not go on without %s: the others could neither thaw nor enrol a key.", strings.Join(names, ", nor without "))
}

// recoveryMatters tells of open requests that a law, and not the policy, lets pass:
// recoveries, and the taking out of a second officer. Those who were left out of one
// must see it while it waits.
func (d *Room) recoveryMatters(stx *store.Tx, s *proof.State) (all []Matter, err error) {
	rs, err := stx.Requests(store.RequestFilter{Status: actions.StatusHeld, Platform: actions.DeskPlatform, Limit: mostMatters})
	if err != nil {
		return nil, err
	}
	now := d.desk.Now()
	for _, r := range rs {
		law, err := s.ByLaw(r.Action, proof.FactsOf(r.Action, s.People.Standing(r.Requester(), now), r.Action.Tier, ""), r.Signed.Statement, now)
		if err != nil || law == nil {
			continue // the policy decides by now, or the request would be refused
		}
		all = append(all, Matter{Section: "recoveries", Severity: Warn, Since: r.Created, Request: r.ID, Tier: r.Action.Tier,
			Text: fmt.Sprintf("%s asks for %s: %s Still missing: %s.", r.Requester(), r.Action.Kind, law.Reason.Text, strings.TrimSuffix(r.Missing, ".")),
			Do:   "If it is right, sign it: countersign action countersign " + r.ID + ". If it is not, decline it, and freeze the one who asked."})
	}
	return all, nil
}

// addressMatters tells of addresses for alarms that get nothing any more. An address is
// named by its host alone, since the path of a pager's address is a secret.
func (d *Room) addressMatters(stx *store.Tx, _ *proof.State) (all []Matter, err error) {
	for _, x := range d.destinations {
		since, err := stx.Disabled(x.id())
		if err != nil {
			return nil, err
		}
		if since.IsZero() {
			continue
		}
		host := "an address"
		if u, err := url.Parse(x.URL); err == nil {
			host = u.Host
		}
		all = append(all, Matter{Section: "alarms", Severity: Page, Since: since, Text: prose.Sprintf("No alarms are sent to %s any more, since the address answered 410 (gone).", host), Do: doAddress})
	}
	return all, nil
}

const doAddress = "Give the address a new secret in desk/config.json, or name another address, and start the desk again. `countersign alarm list` shows the alarms that were not sent."

// programMatters tells of programs that bring no reports in: those without an owner who may act,
// and those that were ended within a day while no other one stands for their platforms.
func (d *Room) programMatters(s *proof.State) (all []Matter) {
	now := d.desk.Now()
	for _, id := range slices.Sorted(maps.Keys(s.Programs)) {
		p := s.Programs[id]
		_, err := s.Program(id, now)
		switch {
		case err == nil:
		case p.Ended.IsZero():
			all = append(all, Matter{Section: "reports", Severity: Warn, Text: prose.Sprintf("The program %s brings no reports in, and they wait: its owner %s may not act at this desk.", id, p.Owner),
				Do: fmt.Sprintf("Hand it over: `countersign program hand-over %s --owner WORKER --reason WHY`", id)})
		case p.Ended.After(now.Add(-endedWithin)):
			if missing := unserved(s, p, now); len(missing) > 0 {
				all = append(all, Matter{Section: "reports", Severity: Warn, Since: p.Ended, Text: prose.Sprintf("The program %s was ended, and no other one of the source %s stands for %s: reports from there wait.", id, p.Source, wording.Joined(missing)),
					Do: "If reports shall go on, make a new key and add a new program: `countersign program key make FILE --program NAME`, which prints the command that adds it"})
			}
		}
	}
	return all
}

// unserved returns the platforms of a program that was ended for which no program of its source
// stands. A platform is left out if another one was ended later, which is told in its place.
func unserved(s *proof.State, ended proof.Program, now time.Time) (missing []string) {
	for _, platform := range ended.Platforms {
		served := false
		for id, p := range s.Programs {
			if p.Source == ended.Source && slices.Contains(p.Platforms, platform) {
				_, err := s.Program(id, now)
				served = served || err == nil || p.Ended.After(ended.Ended.Time)
			}
		}
		if !served {
			missing = append(missing, platform)
		}
	}
	return missing
}

// leaving tells whose engagement ends soon.
func (d *Room) leaving(s *proof.State) []Matter {
	now := d.desk.Now()
	var who []string
	for _, w := range s.People.Sorted() {
		if end := w.End(); !end.IsZero() && end.After(now) && end.Before(now.Add(leavingWithin)) {
			who = append(who, string(w.Worker))
		}
	}
	if len(who) == 0 {
		return nil
	}
	ends := "engagements end"
	if len(who) == 1 {
		ends = "engagement ends"
	}
	text := fmt.Sprintf("%d %s within a week: %s", len(who), ends, strings.Join(who[:min(len(who), 10)], ", "))
	if len(who) > 10 {
		text += " and others"
	}
	return []Matter{{Section: "people", Severity: Info, Text: text + "."}}
}

// RaiseExecution raises an alarm about the outcome of an act if people must know it at
// once.
func (d *Room) RaiseExecution(t *kernel.Tx, e proof.Execution, r store.Request) error {
	spec, _ := actions.SpecOf(r.Action.Kind)
	about := func(k alarm.Type, s store.Severity, text string) error {
		return d.Raise(t, Alarm{Kind: string(k), Severity: s, Request: r.ID, Platform: r.Action.Subject.Platform, Subject: r.Action.Subject.ID, Tier: r.Action.Tier, Text: text})
	}
	if platform.RefusesCredential(e.Type) {
		if err := about(alarm.CredentialRefused, Page, fmt.Sprintf("%s refuses the executor's credential. %s", r.Action.Subject.Platform, DoCredential)); err != nil {
			return err
		}
	}
	switch {
	case e.Duty == proof.DutyAct && spec.Emergency && e.Outcome == proof.Executed:
		people := []workforce.WorkerID{r.Requester()}
		for _, c := range r.Signers {
			people = append(people, c.Statement.Signer)
		}
		return about(alarm.Emergency, Page, fmt.Sprintf("An emergency act was made on a %s subject of %s, signed by %s: %s. It reverts by itself at %s; its review must be closed by people who had no part in it.",
			r.Action.Tier, r.Action.Subject.Platform, wording.Joined(slices.Sorted(slices.Values(people))), r.Action.Kind, wording.When(r.Action.Until)))
	}
	return nil
}

// counted returns, by section, how many matters need a person.
func counted(all []Matter) map[string]int64 {
	n := map[string]int64{}
	for _, section := range Sections {
		n[section] = 0
	}
	for _, m := range all {
		if m.Needs() {
			n[m.Section]++
		}
	}
	return n
}
