package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/desktest"
	"countersign.dev/platform"
	"countersign.dev/policy"
	"countersign.dev/sqldb"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// floor is a town in which people work on cases, under the policy, the budgets, the rules and
// the queues that come with the program.
type floor struct {
	*town
	program desk.ProgramCaller
	agents  []agent
	label   string // of this desk's connections to PostgreSQL; empty on SQLite
	made    int    // reports that were made
	posts   int    // posts of plaza, each of an account of its own

	generator atomic.Int64 // processor time of making reports and signing, in nanoseconds
}

// agent is somebody at work under a session.
type agent struct {
	id      workforce.WorkerID
	session canonical.Digest
	key     ed25519.PrivateKey
}

// people is how many agents a floor has.
const people = 64

// newFloor opens a floor on the database at url, with so many posts on plaza.
func newFloor(b *testing.B, url string, posts int) *floor {
	b.Helper()
	return newFloorOf(b, url, posts, people)
}

// newFloorOf is newFloor with so many agents.
func newFloorOf(b *testing.B, url string, posts, agents int) *floor {
	b.Helper()
	f := &floor{posts: posts}
	if strings.HasPrefix(url, "postgres") {
		f.label = "bench_" + strings.ToLower(rand.Text())
		url += "&application_name=" + f.label
	}
	f.town = newTownWith(b, nil, desktest.Options{URL: url, Budgets: actions.DefaultBudgets(), Formats: actions.NewestFormats})
	f.post()
	f.adopt(actions.PartRules, cases.DefaultRules())
	f.adopt(actions.PartQueues, cases.DefaultQueues())
	f.admit(agents)
	f.program = f.AdmitProgram("square", "kim", cases.SourcePerson)
	f.followed()
	b.Logf("digest policy %s", policy.DigestOf(policy.Default()))
	b.Logf("digest budgets %s", canonical.DigestOf(actions.DefaultBudgets()))
	b.Logf("digest rules %s", actions.DigestOfText(cases.DefaultRules()))
	b.Logf("digest queues %s", actions.DigestOfText(cases.DefaultQueues()))
	return f
}

// post makes the posts.
func (f *floor) post() {
	f.b.Helper()
	for first := 0; first < f.posts; first += 500 {
		var owners, list []string
		for i := first; i < min(first+500, f.posts); i++ {
			owners = append(owners, fmt.Sprintf(`{"handle":"@writer%d","name":"A Writer","followers":12}`, i))
			list = append(list, fmt.Sprintf(`{"account":"acct/%d","text":"Buy this, and buy it now (%d).","language":"en"}`, accounts+2+i, i))
		}
		setUp(f.b, f.plaza.url+"/staff/v1/accounts/bulk", f.plaza.seed, `{"accounts":[`+strings.Join(owners, ",")+`]}`)
		setUp(f.b, f.plaza.url+"/staff/v1/posts/bulk", f.plaza.seed, `{"posts":[`+strings.Join(list, ",")+`]}`)
	}
}

// adopt puts a text to the desk and in force.
func (f *floor) adopt(part, text string) {
	f.b.Helper()
	kept, err := f.PutText(f.b.Context(), desktest.As(f.Officers[0]), part, text)
	if err != nil {
		f.b.Fatal(err)
	}
	named := &actions.Text{Digest: kept.Digest, Size: int64(len(text))}
	s := actions.Setting{Of: part}
	if part == actions.PartRules {
		s.Rules = named
	} else {
		s.Queues = named
	}
	f.Change(actions.DeskChange, s)
}

// admit brings the agents in, who have no accounts of their own, and starts their sessions.
func (f *floor) admit(agents int) {
	f.b.Helper()
	now := f.Clock().Now()
	var records []workforce.Record
	var enrol []actions.Enrolment
	for i := range agents {
		r := workforce.Record{Worker: workforce.WorkerID(fmt.Sprintf("agent%02d", i)), Vendor: "acme", Roles: []workforce.Role{workforce.Agent}, Team: "support", Manager: "gus",
			Site: "site", Zone: "Europe/Lisbon", Start: canonical.At(now.AddDate(-1, 0, 0)), Last: canonical.At(now.AddDate(1, 0, 0))}
		if i%2 == 1 {
			r.Vendor, r.Manager = "bolt", "ivo"
		}
		records = append(records, r)
		enrol = append(enrol, f.Enrolment(r.Worker))
	}
	f.Admit(false, records...)
	for some := range slices.Chunk(enrol, 50) { // as many as one change may enrol
		f.Change(actions.DeskKey, actions.Keys{Enrol: some})
	}
	for _, r := range records {
		s, key := f.Session(r.Worker)
		if _, err := f.Desk.StartSession(f.b.Context(), desktest.As(r.Worker), s); err != nil {
			f.b.Fatal(err)
		}
		f.agents = append(f.agents, agent{id: r.Worker, session: s.Session.Digest(), key: key})
	}
	for _, a := range f.agents {
		f.Owns(a.id)
	}
}

// crowd admits so many people who have no keys and do nothing.
func (f *floor) crowd(n int) {
	f.b.Helper()
	now := f.Clock().Now()
	var all []workforce.Record
	for i := range n {
		r := workforce.Record{Worker: workforce.WorkerID(fmt.Sprintf("many%05d", i)), Vendor: "acme", Roles: []workforce.Role{workforce.Agent}, Team: fmt.Sprint("team", i/20), Manager: "gus",
			Site: "site", Zone: "Europe/Lisbon", Start: canonical.At(now.AddDate(-1, 0, 0)), Last: canonical.At(now.AddDate(1, 0, 0))}
		if i%2 == 1 {
			r.Vendor, r.Manager = "bolt", "ivo"
		}
		all = append(all, r)
	}
	for some := range slices.Chunk(all, 1000) {
		f.Admit(false, some...)
	}
}

func (f *floor) write(fn func(*store.Tx) error) {
	f.b.Helper()
	if err := f.Store.Write(f.b.Context(), fn); err != nil {
		f.b.Fatal(err)
	}
}

// reported are the reasons and languages of reports: every queue gets some.
var reported = []struct{ reason, language string }{
	{"MisleadingSpam", "en"}, {"HarassmentTroll", "en"}, {"MisleadingSpam", "en"}, {"MisleadingImpersonation", "en"}, {"HarassmentHateSpeech", "en"},
	{"MisleadingSpam", "de"}, {"MisleadingBot", "en"}, {"Other", "en"}, {"ViolenceThreats", "en"}, {"HarassmentDoxxing", "en"},
}

// reports makes reports of subjects that nobody has reported before, each a new report but
// for two in seven, which join the one before (1.4 reports a subject).
func (f *floor) reports(n int) []cases.Report {
	var all []cases.Report
	f.generate(func() {
		for range n {
			i := f.made
			f.made++
			subject := i
			if i%7 == 3 || i%7 == 6 {
				subject--
			}
			kind := reported[subject%len(reported)]
			all = append(all, f.report(i, platform.Subject{Platform: "plaza", ID: fmt.Sprintf("post/%d", 1_000_000+subject)}, kind.reason, kind.language))
		}
	})
	return all
}

// spam makes one report of each of so many of plaza's posts, from the one with a number on.
func (f *floor) spam(first, n int) []cases.Report {
	var all []cases.Report
	f.generate(func() {
		for i := range n {
			f.made++
			all = append(all, f.report(f.made, platform.Subject{Platform: "plaza", ID: fmt.Sprintf("post/%d", first+i)}, "MisleadingSpam", "en"))
		}
	})
	return all
}

func (f *floor) report(i int, subject platform.Subject, reason, language string) cases.Report {
	return cases.Report{At: canonical.At(f.Clock().Now()), ExternalID: fmt.Sprintf("report-%d", i), Subject: subject, Reason: reason, Language: language,
		Text: "This is the third time this week, and nobody seems to look at it. Please do.", Reporter: cases.Reporter{ID: fmt.Sprintf("acct/%d", 2_000_000+i)}, Scores: []cases.Score{},
		Evidence: cases.Told{Text: strings.Repeat("Buy this, and buy it now, before it is gone. ", 6), Language: language}}
}

// bring hands reports in, so many a call.
func (f *floor) bring(all []cases.Report, each int) {
	f.b.Helper()
	for len(all) > 0 {
		n := min(each, len(all))
		f.brought(f.TakeReports(f.b.Context(), f.program, all[:n]))
		all = all[n:]
	}
}

func (f *floor) brought(got []casework.Received, err error) {
	f.b.Helper()
	if err != nil {
		f.b.Fatal(err)
	}
	for _, r := range got {
		if r.Err != nil || !r.New || r.Promise == "" {
			f.b.Fatalf("the report %s: %+v", r.ExternalID, r)
		}
	}
}

// together runs work n times side by side.
func together(n int, work func(int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { work(i) })
	}
	all.Wait()
}

// take claims the next case.
func (f *floor) take(a agent) casework.Taken {
	t, err := f.Next(f.b.Context(), desktest.As(a.id), "")
	if err != nil {
		f.b.Error(err)
	}
	return t
}

// verdict is a decision that is signed and not handed in.
type verdict struct {
	agent agent
	id    string
	casework.Verdict
}

// judged drafts and signs a decision of a case that an agent has claimed: spam with its
// usual measure, or no violation.
func (f *floor) judged(a agent, t casework.Taken, violation bool) verdict {
	j := casework.Judgement{Claim: t.Claim.Number, Version: t.Case.Version, Verdict: actions.CaseNoViolation, Session: a.session}
	if violation {
		j.Verdict, j.Rule, j.Reasons = actions.CaseViolation, 1, "It is spam."
	}
	d, err := f.DraftDecision(f.b.Context(), desktest.As(a.id), t.Case.ID, j)
	if err != nil {
		f.b.Error(err)
		return verdict{}
	}
	v := verdict{agent: a, id: t.Case.ID}
	f.generate(func() {
		v.Decision = d.Decision
		c := d.Decision.Signed.Statement.Challenge()
		v.Decision.Signed.Signature = actions.Signature{Signature: ed25519.Sign(a.key, c[:])}
		for _, m := range d.Measures {
			v.Measures = append(v.Measures, desktest.Under(a.key, acts.Draft{Action: m.Action, Statement: m.Statement}))
		}
	})
	return v
}

// decided hands a decision in and waits until all that it asks for is executed.
func (f *floor) decided(v verdict, measures int) {
	by := desktest.As(v.agent.id)
	out, err := f.Decide(f.b.Context(), by, v.id, v.Verdict)
	if err != nil || len(out.Requests) != measures {
		f.b.Errorf("the decision of the case %s with %d measures: %v", v.id, len(out.Requests), err)
		return
	}
	for _, r := range out.Requests {
		for err == nil && r.Status == actions.StatusApproved {
			r, err = f.Desk.Wait(f.b.Context(), by, r.ID, r.Version)
		}
		if err != nil || r.Status != actions.StatusExecuted {
			f.b.Errorf("the measure %s is %s (%s): %v", r.ID, r.Status, r.OutcomeText, err)
		}
	}
}

// held claims as many cases for everybody as one may hold, and returns what decides them.
func (f *floor) held(violation bool) []verdict {
	var mu sync.Mutex
	var all []verdict
	together(people, func(i int) {
		for range cases.MaxClaims {
			v := f.judged(f.agents[i], f.take(f.agents[i]), violation)
			mu.Lock()
			all = append(all, v)
			mu.Unlock()
		}
	})
	if f.b.Failed() {
		f.b.FailNow()
	}
	return all
}

// generate counts the processor time of what stands for people and programs outside the desk.
func (f *floor) generate(do func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := threadTime()
	do()
	f.generator.Add(int64(threadTime() - before))
}

// threadTime returns the processor time of this thread.
func threadTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

// usage is processor time by process.
type usage struct{ desk, executor, plaza, database, generator time.Duration }

func (u usage) total() time.Duration {
	return u.desk + u.executor + u.plaza + u.database + u.generator
}

func (u usage) since(before usage) usage {
	return usage{u.desk - before.desk, u.executor - before.executor, u.plaza - before.plaza, u.database - before.database, u.generator - before.generator}
}

// report states the shares of one of n.
func (u usage) report(b *testing.B, n int) {
	micro := func(d time.Duration) float64 { return d.Seconds() * 1e6 / float64(n) }
	b.ReportMetric(micro(u.desk), "desk-us")
	b.ReportMetric(micro(u.executor), "executor-us")
	b.ReportMetric(micro(u.plaza), "plaza-us")
	b.ReportMetric(micro(u.database), "database-us")
	b.ReportMetric(micro(u.generator), "generator-us")
	b.ReportMetric(micro(u.total()), "total-us")
}

// usage returns the processor time that was used so far. SQLite's is in the desk's; of
// PostgreSQL it is that of the processes that serve this desk, and 0 if they are on another
// machine.
func (f *floor) usage() usage {
	f.b.Helper()
	generator := time.Duration(f.generator.Load())
	return usage{desk: processor(f.b) - generator, executor: f.calls.used(f.b), plaza: f.plaza.used(f.b), database: f.served(), generator: generator}
}

func (f *floor) served() (all time.Duration) {
	f.b.Helper()
	if f.label == "" {
		return 0
	}
	var pids []int
	if err := f.Store.ReadOne(f.b.Context(), func(tx *store.Tx) (err error) {
		pids, err = sqldb.All(tx.Tx, func(r sqldb.Row) (pid int, err error) { return pid, r.Scan(&pid) }, `select pid from pg_stat_activity where application_name = $1`, f.label)
		return err
	}); err != nil {
		f.b.Fatal(err)
	}
	for _, pid := range pids {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue
		}
		_, after, _ := strings.Cut(string(stat), ") ")
		for _, field := range strings.Fields(after)[11:13] { // utime and stime, in hundredths of a second
			n, err := strconv.Atoi(field)
			if err != nil {
				f.b.Fatal(err)
			}
			all += time.Duration(n) * 10 * time.Millisecond
		}
	}
	return all
}

// size is how much the database and the ledger hold.
type size struct{ database, ledger, entries, rolls int64 }

func (s size) since(before size) size {
	return size{s.database - before.database, s.ledger - before.ledger, s.entries - before.entries, s.rolls - before.rolls}
}

// size measures the database by its pages, and the ledger by its leaves, bodies and what
// opens them. Entries are without those of rolls, of which there are so many a second
// however much is done.
func (f *floor) size() (s size) {
	f.b.Helper()
	pages := `select page_count * page_size from pragma_page_count, pragma_page_size`
	if f.label != "" {
		pages = `select cast(sum(pg_total_relation_size(c.oid)) as bigint) from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = current_schema() and c.relkind = 'r'`
	}
	if err := f.Store.Read(f.b.Context(), func(tx *store.Tx) error {
		for _, q := range []struct {
			text string
			into *int64
		}{
			{pages, &s.database},
			{`select cast((select sum(length(leaf)) from ledger_entry) + (select sum(length(body) + length(salt)) from ledger_body)
				+ (select sum(length(salt) + length(value)) from ledger_opening) as bigint)`, &s.ledger},
			{`select count(*) from ledger_entry where kind <> 'roll'`, &s.entries},
			{`select count(*) from ledger_entry where kind = 'roll'`, &s.rolls},
		} {
			if err := tx.QueryRow(q.text).Scan(q.into); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		f.b.Fatal(err)
	}
	return s
}
