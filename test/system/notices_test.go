package system

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/cli"
	"countersign.dev/client"
	"countersign.dev/desk/desktest"
	"countersign.dev/fault"
	"countersign.dev/platform"
	"countersign.dev/plaza"
	"countersign.dev/recount"
	"countersign.dev/sqldb"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// notice is a published notice, as far as it is read here.
type notice struct {
	ID        string `json:"id"`
	Kind      string `json:"kind"`
	Published string `json:"published_at"`
	Text      string `json:"text"`
	Targets   []struct {
		Account string `json:"account"`
		Repo    string `json:"repo"`
		Path    string `json:"path"`
	} `json:"targets"`
	Links []struct {
		ID string `json:"id"`
	} `json:"links"`
}

// size of the made-up notice: the largest that anybody has published.
const largestNotice = 3710

// TestPublicNotices: takedown notices that a platform has published become reports, one for
// each target; doc/import.md says how. COUNTERSIGN_NOTICES names their file.
func TestPublicNotices(t *testing.T) {
	path := os.Getenv("COUNTERSIGN_NOTICES")
	if path == "" {
		t.Skip("COUNTERSIGN_NOTICES names no file of public notices")
	}
	notices := readNotices(t, path)
	large := notice{ID: "made-up", Kind: "takedown", Published: "2026-11-23T09:00:00Z", Text: "All of these are ours."}
	for i := range largestNotice {
		large.Targets = append(large.Targets, struct {
			Account string `json:"account"`
			Repo    string `json:"repo"`
			Path    string `json:"path"`
		}{"made-up", fmt.Sprint("repo-", i), ""})
	}
	notices = append(notices, large)

	f := openCounter(t, desktest.Options{})
	begun := time.Now()
	part := func(what string) {
		t.Logf("%s took %s", what, time.Since(begun).Round(100*time.Millisecond))
		begun = time.Now()
	}
	f.OpenCasework()
	change, p := f.NewProgram("notices", "ann")
	change.Program.Source, change.Program.Rate = cases.SourceAuthority, actions.MaxProgramRate
	f.Change(actions.DeskChange, change)
	key := filepath.Join(f.home, "program.key")
	k := client.ProgramKey{V: "countersign/program-key/v1", Program: p.ID, Public: canonical.Bytes(p.Key[32:]), Seed: canonical.Bytes(p.Key.Seed())}
	k.Key = k.PublicKey().ID()
	if err := cli.WriteSecret(key, k); err != nil {
		t.Fatal(err)
	}
	posts := f.seedTargets(notices)
	part("making accounts and posts")

	var rows, sound bytes.Buffer
	var bad []string
	reports, withdrawn, line := 0, 0, 0
	skipped := map[string][]string{}
	taken := map[string]int{}
	write := func(ok bool, row map[string]any) {
		b, err := json.Marshal(row)
		if err != nil {
			t.Fatal(err)
		}
		line++
		rows.Write(append(b, '\n'))
		if ok {
			sound.Write(append(b, '\n'))
		} else {
			bad = append(bad, fmt.Sprintf("line %d: ", line))
		}
	}
	for _, n := range notices {
		switch n.Kind {
		case "takedown":
			report := func(i int) map[string]any {
				return map[string]any{"external_id": fmt.Sprintf("%s/%d", n.ID, i), "reason": "Other", "text": n.Text, "at": n.Published, "reporter": map[string]any{"anonymous": true}}
			}
			for i := range n.Targets {
				row := report(i)
				row["subject"] = map[string]any{"platform": "plaza", "id": posts[n.ID][i]}
				write(true, row)
			}
			if len(n.Targets) == 0 {
				write(false, report(0)) // nobody can tell what it is about
			}
			reports += len(n.Targets)
			taken[n.ID] = len(n.Targets)
		case "takedown-retraction":
			for _, of := range n.Links {
				for i := range taken[of.ID] {
					write(true, map[string]any{"withdraws": fmt.Sprintf("%s/%d", of.ID, i)})
					withdrawn++
				}
			}
		default:
			skipped[n.Kind] = append(skipped[n.Kind], n.ID)
		}
	}
	for kind, ids := range skipped {
		t.Logf("skipped until there are appeals: %d of kind %s: %s", len(ids), kind, strings.Join(ids, " "))
	}
	t.Logf("%d notices: %d reports, %d withdrawn again, %d without a target", len(notices), reports, withdrawn, len(bad))
	file := filepath.Join(f.home, "notices.jsonl")
	hand := func(content []byte, args ...string) (int, []byte, string) {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return f.runs("notices", append([]string{"report", "import", file, "--program-key", key, "--url", f.url, "--json"}, args...)...)
	}

	// All or nothing: those without a target are named by line, and nothing goes in.
	if len(bad) == 0 {
		t.Fatal("the file has no notice without a target")
	}
	code, _, said := hand(rows.Bytes())
	if code != cli.Wrong {
		t.Errorf("a file with bad rows ends with %d: %s", code, said)
	}
	for _, at := range bad {
		if !strings.Contains(said, at) {
			t.Errorf("%s is not named", at)
		}
	}
	if n := f.counted("select count(*) from report"); n != 0 {
		t.Errorf("%d reports are in", n)
	}

	var got struct {
		Rows, New, Known, Withdrawn int
		Refused                     []any
	}
	for round, want := range []int{reports, 0} {
		code, answer, said := hand(sound.Bytes())
		if err := json.Unmarshal(answer, &got); err != nil || code != cli.Done {
			t.Fatalf("round %d ends with %d: %v: %.2000s", round, code, err, said)
		}
		if got.New != want || got.New+got.Known != reports || got.Withdrawn != withdrawn || len(got.Refused) != 0 {
			t.Errorf("round %d: %+v; want %d new of %d, %d withdrawn", round, got, want, reports, withdrawn)
		}
		for what, sql := range map[string]string{
			"reports":                  "select count(*) from report",
			"reports by their cases":   "select coalesce(sum(reports), 0) from case_file",
			"reports in existing case": "select count(*) from report r join case_file c on c.id = r.case_id",
		} {
			if n := f.counted(sql); n != reports {
				t.Errorf("round %d: %s: %d, want %d", round, what, n, reports)
			}
		}
		if n := f.counted("select count(*) from report where withdrawn > 0"); withdrawn > 0 && (n == 0 || n > withdrawn) {
			t.Errorf("round %d: %d reports are withdrawn, %d were asked for", round, n, withdrawn)
		}
		part(fmt.Sprintf("the import, round %d,", round))
	}

	// People decide on all of it, and the executor carries out what they decide.
	desktest.Until(t, "the evidence is copied", func() bool { return f.counted("select count(*) from evidence where state = 'pending'") == 0 })
	part("the rest of the evidence")
	f.decideAll(f.hire(clerks), reports)
	part("deciding and carrying out")
	f.demandDecided(posts, reports)
	part("comparing with plaza")
	f.demandAudit(reports)
	part("the audit")
}

func (f *counter) counted(sql string) (n int) {
	f.t.Helper()
	if err := f.Store.Read(f.t.Context(), func(tx *store.Tx) error { return tx.QueryRow(sql).Scan(&n) }); err != nil {
		f.t.Fatal(err)
	}
	return n
}

func readNotices(t *testing.T, path string) (all []notice) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(b) {
		var n notice
		if err := json.Unmarshal(line, &n); err != nil {
			t.Fatalf("a notice cannot be read: %v", err)
		}
		n.Text = shortened(strings.ToValidUTF8(n.Text, ""), cases.MaxReportText)
		all = append(all, n)
	}
	return all
}

func shortened(s string, most int) string {
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "")
	}
	return s
}

// posted sends a body to plaza, and returns its answer.
func (f *counter) posted(token, path string, body []byte) []byte {
	f.t.Helper()
	req, err := http.NewRequestWithContext(f.t.Context(), http.MethodPost, f.PlazaURL+path, bytes.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusCreated {
		f.t.Fatalf("%s: %d %.500s %v", path, res.StatusCode, answer, err)
	}
	return answer
}

// seedTargets makes an account on plaza for each one that a notice names, and a post for each
// target. It returns the posts of each notice, in the order of its targets.
func (f *counter) seedTargets(notices []notice) map[string][]string {
	f.t.Helper()
	token := f.Token("seed", plaza.SetupScope)
	made := func(path, member string, items []any) (ids []string) {
		for chunk := range slices.Chunk(items, 5000) {
			b, err := json.Marshal(map[string]any{member: chunk})
			if err != nil {
				f.t.Fatal(err)
			}
			var answer map[string][]struct {
				ID string `json:"id"`
			}
			if err := json.Unmarshal(f.posted(token, path, b), &answer); err != nil || len(answer[member]) != len(chunk) {
				f.t.Fatalf("%s made %d of %d: %v", path, len(answer[member]), len(chunk), err)
			}
			for _, x := range answer[member] {
				ids = append(ids, x.ID)
			}
		}
		return ids
	}
	place := map[string]int{}
	var accounts, posts []any
	for _, n := range notices {
		for _, to := range n.Targets {
			if _, known := place[to.Account]; !known {
				place[to.Account] = len(accounts)
				accounts = append(accounts, map[string]any{"handle": fmt.Sprintf("@owner%d", len(accounts)), "name": "An Owner"})
			}
		}
	}
	ids := made("/staff/v1/accounts/bulk", "accounts", accounts)
	for _, n := range notices {
		for _, to := range n.Targets {
			posts = append(posts, map[string]any{"account": ids[place[to.Account]], "text": fmt.Sprint("Work ", len(posts))})
		}
	}
	all := made("/staff/v1/posts/bulk", "posts", posts)
	by := map[string][]string{}
	for _, n := range notices {
		by[n.ID], all = all[:len(n.Targets)], all[len(n.Targets):]
	}
	return by
}

// clerks is how many people decide on what the notices ask for, half of them at either vendor.
// The largest notice is about one account: within an hour one person removes 30 posts of it, and
// further ones as if each were an act on the account, of which there are 60. 3,710 posts are 47
// for each of these people.
const clerks = 80

// copyrightRule is the number of the default rule about works of others.
const copyrightRule = 12

// clerk is somebody who works on cases under a session.
type clerk struct {
	*thief
	decided, measures, lesser, innocent int
}

// hire brings people in who own no accounts, and signs them in.
func (f *counter) hire(n int) (all []*clerk) {
	f.t.Helper()
	now := f.Clock().Now()
	var records []workforce.Record
	var enrol []actions.Enrolment
	for i := range n {
		r := workforce.Record{Worker: workforce.WorkerID(fmt.Sprintf("clerk%02d", i)), Vendor: "acme", Roles: []workforce.Role{workforce.Agent}, Team: "works", Manager: "gus",
			Site: "site", Zone: "Europe/Lisbon", Start: canonical.At(now.AddDate(-1, 0, 0)), Last: canonical.At(now.AddDate(1, 0, 0))}
		if i%2 == 1 {
			r.Vendor, r.Manager = "bolt", "ivo"
		}
		records, enrol = append(records, r), append(enrol, f.Enrolment(r.Worker))
	}
	f.Admit(false, records...)
	for some := range slices.Chunk(enrol, 50) { // as many as one change may enrol
		f.Change(actions.DeskKey, actions.Keys{Enrol: some})
	}
	for _, r := range records {
		f.Owns(r.Worker)
		all = append(all, &clerk{thief: f.steal(r.Worker)})
	}
	return all
}

// works decides cases until none waits.
func (c *clerk) works() error {
	ctx := c.f.t.Context()
	for {
		taken, err := c.NextCase(ctx, "")
		for attempt := 0; err == nil; attempt++ {
			err = c.decides(ctx, taken)
			// Whatever happened to the case or its owner since it was shown, the clerk looks again.
			if again := fault.Is(err, "case-moved") || fault.Is(err, "wrong-state"); !again || attempt == 5 {
				break
			}
			taken, err = c.ClaimCase(ctx, taken.Case.ID)
		}
		if fault.Is(err, "nothing-waits") {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", c.of, err)
		}
	}
}

// decides gives a verdict: no violation where nobody reports the work any more, and otherwise a
// violation with the usual measures. It waits until these are carried out. What is in force
// already is left out of them: the owner may be suspended since an earlier decision, and a
// case may come back since its own suspension came too late, after the work was removed.
func (c *clerk) decides(ctx context.Context, taken v1.Claimed) error {
	j := v1.Judgement{Claim: taken.Claim.Number, Version: taken.Case.Version, Key: c.own, Session: c.digest(), Verdict: actions.CaseNoViolation, Reasons: "The notice was taken back."}
	if len(taken.Shown.Counts) > 0 {
		j.Verdict, j.Rule, j.Reasons = actions.CaseViolation, copyrightRule, "The notice names the work, the place and whose it is."
	}
	d, err := c.DraftDecision(ctx, taken.Case.ID, j)
	for _, less := range [][]v1.CaseMeasure{{{Kind: actions.ContentRemove}}, {}} {
		if fault.Is(err, "wrong-state") || slices.ContainsFunc(d.Measures, lengthens) {
			j.Reasons, j.Measures = "The rest of the usual measures is in force already.", &less
			d, err = c.DraftDecision(ctx, taken.Case.ID, j)
		}
	}
	if err != nil {
		return err
	}
	made, err := c.Decide(ctx, taken.Case.ID, d.Sign(c.sign), v1.MaxWait*time.Second)
	if err != nil {
		return err
	}
	for _, r := range made.Requests {
		for r.Status == actions.StatusApproved {
			if r, err = c.Wait(ctx, r.ID, r.Version, v1.MaxWait*time.Second); err != nil {
				return err
			}
		}
		if r.Outcome == "budget-spent" {
			return fmt.Errorf("too few people decide: %s", r.OutcomeText)
		}
	}
	c.decided++
	switch {
	case j.Verdict == actions.CaseNoViolation:
		c.innocent++
	case j.Measures != nil:
		c.lesser++
	}
	c.measures += len(d.Measures)
	return nil
}

// lengthens reports whether a draft only makes a suspension longer that is in force.
func lengthens(d v1.Draft) bool {
	return d.Action.Kind == actions.AccountSuspend && d.Action.Command.Expect.Status == platform.Down
}

// decideAll has all people decide side by side until every case is closed. A case comes back
// if one of its measures was not carried out.
func (f *counter) decideAll(people []*clerk, reports int) {
	f.t.Helper()
	open := func(states string) int {
		return f.counted("select count(*) from case_file where state in (" + states + ")")
	}
	for open("'waiting', 'claimed'") > 0 {
		var all errgroup.Group
		for _, c := range people {
			all.Go(c.works)
		}
		if err := all.Wait(); err != nil {
			f.t.Fatal(err)
		}
		desktest.Until(f.t, "it is settled what becomes of each decided case", func() bool { return open("'decided'") == 0 })
	}
	sum := clerk{}
	for _, c := range people {
		sum.decided, sum.measures, sum.lesser, sum.innocent = sum.decided+c.decided, sum.measures+c.measures, sum.lesser+c.lesser, sum.innocent+c.innocent
	}
	f.t.Logf("%d people made %d decisions on %d reports: %d without a violation, %d with less than the usual measures; %d measures", len(people), sum.decided, reports, sum.innocent, sum.lesser, sum.measures)
	if n := f.counted("select count(*) from case_file"); n != reports || n != open("'closed'") {
		f.t.Errorf("%d of %d cases about %d works are closed", open("'closed'"), n, reports)
	}
}

// decidedMeasure is a measure that a decision has asked for, and where it stands.
type decidedMeasure struct {
	request, subject string
	kind             actions.Kind
	status           actions.Status
	verdict          actions.CaseVerdict
}

// demandDecided compares decisions, requests, receipts and plaza: each post that a notice stands
// against is removed, by the one measure of the one decision about it, and nothing else is.
func (f *counter) demandDecided(posts map[string][]string, reports int) {
	f.t.Helper()
	var all []decidedMeasure
	if err := f.Store.Read(f.t.Context(), func(tx *store.Tx) (err error) {
		all, err = sqldb.All(tx.Tx, func(r sqldb.Row) (decidedMeasure, error) {
			var m decidedMeasure
			return m, r.Scan(&m.request, &m.subject, &m.kind, &m.status)
		}, `select r.id, r.subject, r.kind, r.status from case_measure m join request r on r.id = m.request order by r.id`)
		return err
	}); err != nil {
		f.t.Fatal(err)
	}
	down := map[string][]platform.Mark{}
	if err := f.DB.Read(f.t.Context(), func(tx *sqldb.Tx) error {
		type event struct {
			subject string
			mark    platform.Mark
		}
		events, err := sqldb.All(tx, func(r sqldb.Row) (event, error) {
			var e event
			return e, r.Scan(&e.subject, &e.mark)
		}, `select subject, mark from event where status = 'down' order by id`)
		for _, e := range events {
			down[e.subject] = append(down[e.subject], e.mark)
		}
		return err
	}); err != nil {
		f.t.Fatal(err)
	}
	removed, kinds, late := map[string]bool{}, map[string]int{}, 0
	for _, m := range all {
		kinds[fmt.Sprint(m.kind, " ", m.status)]++
		switch {
		case m.status == actions.StatusFailed && m.kind == actions.AccountSuspend:
			late++ // another decision had suspended the account a moment before
			continue
		case m.status != actions.StatusExecuted:
			f.t.Errorf("the measure %s, %s of %s, is %s", m.request, m.kind, m.subject, m.status)
			continue
		case m.kind == actions.AccountWarn:
			continue
		}
		if n := len(down[m.subject]); n != 1 || down[m.subject][0] != platform.MarkOf(m.request) {
			f.t.Errorf("%s was taken down %d times: %v, and not once by %s", m.subject, n, down[m.subject], m.request)
		}
		delete(down, m.subject)
		removed[m.subject] = true
	}
	f.t.Logf("measures: %v", kinds)
	if len(down) > 0 {
		f.t.Errorf("%d subjects were taken down by nobody's decision", len(down))
	}
	judged := map[string]actions.CaseVerdict{}
	if err := f.Store.Read(f.t.Context(), func(tx *store.Tx) error {
		judgements, err := sqldb.All(tx.Tx, func(r sqldb.Row) (decidedMeasure, error) {
			var m decidedMeasure
			return m, r.Scan(&m.subject, &m.verdict)
		}, `select c.subject, d.verdict from case_decision d join case_file c on c.id = d.case_id`)
		for _, m := range judgements {
			judged[m.subject] = m.verdict
		}
		return err
	}); err != nil {
		f.t.Fatal(err)
	}
	n := 0
	for _, ids := range posts {
		for _, id := range ids {
			if _, reported := judged[id]; !reported && !removed[id] {
				continue // of a counter-notice
			}
			if n++; removed[id] != (judged[id] == actions.CaseViolation) || judged[id] == "" {
				f.t.Errorf("%s: the verdict is %q; removed: %t", id, judged[id], removed[id])
			}
		}
	}
	if n != reports {
		f.t.Errorf("%d posts, and %d reports", n, reports)
	}
	const ours = " and request in (select request from case_measure)"
	for what, count := range map[string]struct {
		sql  string
		want int
	}{
		"receipts":              {"select count(*) from execution where kind = 'receipt'" + ours, len(all) - late},
		"measures with receipt": {"select count(distinct request) from execution where kind = 'receipt'" + ours, len(all) - late},
		"refusals":              {"select count(*) from execution where kind = 'refusal'" + ours, late},
	} {
		if got := f.counted(count.sql); got != count.want {
			f.t.Errorf("%s: %d, want %d, of %d measures", what, got, count.want, len(all))
		}
	}
}

// demandAudit has an auditor recount everything, by command.
func (f *counter) demandAudit(reports int) {
	f.t.Helper()
	desktest.Until(f.t, "every document is in a roll", func() bool {
		n, err := f.RollWaiting(f.t.Context())
		return err == nil && n == 0
	})
	trust := filepath.Join(f.home, "trust")
	if err := os.MkdirAll(trust, 0o700); err != nil {
		f.t.Fatal(err)
	}
	for name, content := range map[string]string{cli.TrustRoot: f.Root.String() + "\n", cli.TrustPolicy: "log " + f.LogKey.VerifierKey() + "\nquorum none\n"} {
		if err := os.WriteFile(filepath.Join(trust, name), []byte(content), 0o600); err != nil {
			f.t.Fatal(err)
		}
	}
	f.seat("eva")
	var got struct {
		OK        bool
		Documents struct{ Documents, Rolls, Waiting int }
		Casework  recount.Count
	}
	// One person asks the desk 20 questions a second and no more, and an audit has two for each
	// decision. Here a minute passes each second.
	audited := make(chan struct{})
	var clock sync.WaitGroup
	clock.Go(func() {
		second := time.NewTicker(time.Second)
		defer second.Stop()
		for {
			select {
			case <-second.C:
				f.Clock().Advance(time.Minute)
			case <-audited:
				return
			}
		}
	})
	defer clock.Wait()
	defer close(audited)
	if code, answer, said := f.runs("eva", "audit", "--trust", trust, "--json"); code != cli.Done {
		f.t.Fatalf("the audit ends with %d: %.3000s%.3000s", code, answer, said)
	} else if err := json.Unmarshal(answer, &got); err != nil {
		f.t.Fatal(err)
	}
	decisions, measures := f.counted("select count(*) from case_decision"), f.counted("select count(*) from case_measure")
	c := got.Casework
	f.t.Logf("the audit: %d documents in %d rolls; %d reports in %d cases, %d of them in decided ones; %d decisions with %d measures", got.Documents.Documents, got.Documents.Rolls, c.Reports, c.Cases, c.InDecided, c.Decisions, c.Measures)
	if !got.OK || int(c.Reports) != reports || c.InOpen+c.InDecided != c.Reports || c.InOpen != 0 || int(c.Decisions) != decisions || int(c.Cases) != reports || int(c.Measures) != measures || c.TakenBack != 0 || got.Documents.Waiting != 0 {
		f.t.Errorf("the audit does not agree: %+v, of %d reports, %d decisions and %d measures", got, reports, decisions, measures)
	}
}
