package system

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"image"
	"image/png"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/desktest"
	"countersign.dev/desk/kernel"
	"countersign.dev/desk/looks"
	"countersign.dev/executor"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/platform"
	"countersign.dev/plaza"
	"countersign.dev/sqldb"
	"countersign.dev/workforce"
)

// The steps from a report to the receipt of what it led to, and its evidence, at which the desk
// and the executor are killed.
var (
	deskSteps = []string{casework.StepReported, casework.StepEvidenceRead, casework.StepEvidencePicture, casework.StepEvidenceCopied, casework.StepClaimed, casework.StepShown,
		kernel.StepJudged, kernel.StepRequested, kernel.StepHandOver, kernel.StepHandedOver, kernel.StepRecorded, kernel.StepRolled}
	executorSteps = []string{executor.StepJudged, executor.StepIntended, executor.StepEntered, executor.StepAgain, executor.StepCalled, executor.StepEnded, executor.StepHandedOver}
	// otherSteps are those that a day's work does not go through, with the test that kills there
	// and the folder that it is in.
	otherSteps = map[string][2]string{
		"desk." + kernel.StepCountersigned:  {"test/system", "TestKilledOnPlaza"},
		"desk." + casework.StepSettled:      {"desk", "TestSettledKilled"},
		"desk." + casework.StepReserved:     {"desk", "TestReservedKilled"},
		"desk." + looks.StepLookCopied:      {"desk", "TestLooksKilled"},
		"desk." + looks.StepLookDayClosed:   {"desk", "TestLooksKilled"},
		"executor." + executor.StepSeen:     {"executor", "TestKilledWatching"},
		"executor." + executor.StepBreached: {"executor", "TestKilledWatching"},
		"executor." + executor.StepTaken:    {"executor", "TestTakenKilled"},
		"executor." + executor.StepSaving:   {"executor", "TestKilled"},
	}
)

// TestEveryStep demands that each step that the source names is one of those at which a test
// kills.
func TestEveryStep(t *testing.T) {
	var want []string
	for _, s := range deskSteps {
		want = append(want, "desk."+s)
	}
	for _, s := range executorSteps {
		want = append(want, "executor."+s)
	}
	for s, at := range otherSteps {
		want = append(want, s)
		if folder, test := at[0], at[1]; !slices.ContainsFunc(sources(t, folder), func(f *ast.File) bool {
			return slices.ContainsFunc(f.Decls, func(d ast.Decl) bool {
				function, ok := d.(*ast.FuncDecl)
				return ok && function.Name.Name == test
			})
		}) {
			t.Errorf("%s has no test %s, which is to kill at %q", folder, test, s)
		}
	}
	var got []string
	for _, folder := range []string{"desk/kernel", "desk/casework", "desk/looks", "desk/acts", "desk/rolls", "executor"} {
		for _, parsed := range sources(t, folder) {
			ast.Inspect(parsed, func(n ast.Node) bool {
				v, ok := n.(*ast.ValueSpec)
				if !ok || len(v.Values) != 1 || !strings.HasPrefix(v.Names[0].Name, "Step") {
					return true
				}
				if text, ok := v.Values[0].(*ast.BasicLit); ok && text.Kind == token.STRING {
					process, _, _ := strings.Cut(folder, "/")
					got = append(got, process+"."+strings.Trim(text.Value, `"`))
				}
				return true
			})
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("steps at which a test kills (-), and those of the source (+): %s", diff)
	}
}

// sources are the files of a folder, tests included.
func sources(t *testing.T, folder string) (all []*ast.File) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(folder), "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no source in %s: %v", folder, err)
	}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, parsed)
	}
	return all
}

// What the test asks the desk's process to do in a day's work.
type (
	flagged struct {
		External string         `json:"external"`
		Subject  string         `json:"subject"`
		At       canonical.Time `json:"at"`
	}
	received struct {
		ID      string `json:"id"`
		Case    string `json:"case"`
		Promise string `json:"promise"`
	}
	taken struct {
		By      workforce.WorkerID `json:"by"`
		Case    string             `json:"case"`
		Claim   int64              `json:"claim"`
		Version int64              `json:"version"`
	}
	judged struct {
		Decision acts.Decided `json:"decision"`
		Measures []draft      `json:"measures"`
	}
	verdict struct {
		By       workforce.WorkerID `json:"by"`
		Case     string             `json:"case"`
		Decision acts.Decided       `json:"decision"`
		Measures []signed           `json:"measures"`
	}
	decided struct {
		ID       string   `json:"id"`
		Requests []string `json:"requests"`
		Promise  string   `json:"promise"`
	}
)

func flagOn(ctx context.Context, w *desktest.World, f flagged) (out received, err error) {
	got, err := w.TakeReports(ctx, desk.ProgramCaller{ID: "square", Token: "test"}, []cases.Report{{ExternalID: f.External, At: f.At, Subject: platform.Subject{Platform: "plaza", ID: f.Subject},
		Reason: string(cases.ReasonOther), Text: "This is ours.", Scores: []cases.Score{}, Evidence: cases.Told{Language: "en"}, Reporter: cases.Reporter{Anonymous: true}}})
	if err == nil {
		err = got[0].Err
	}
	if err != nil {
		return out, err
	}
	return received{got[0].Report.ID, got[0].Case.ID, got[0].Promise}, nil
}

// takeOn takes the next case. Who lost the answer finds the case by its identifier.
func takeOn(ctx context.Context, w *desktest.World, a about) (taken, error) {
	got, err := w.Next(ctx, desktest.As(a.By), "")
	if fault.Is(err, "nothing-waits") {
		got, err = w.Claim(ctx, desktest.As(a.By), a.Request)
	}
	return taken{a.By, got.Case.ID, got.Claim.Number, got.Case.Version}, err
}

func judgeOn(ctx context.Context, w *desktest.World, x taken) (out judged, err error) {
	d, err := w.DraftDecision(ctx, desktest.As(x.By), x.Case, casework.Judgement{Claim: x.Claim, Version: x.Version, Verdict: actions.CaseViolation, Rule: copyrightRule})
	out.Decision = d.Decision
	for _, m := range d.Measures {
		out.Measures = append(out.Measures, draft{Action: m.Action, Statement: m.Statement})
	}
	return out, err
}

func decideOn(ctx context.Context, w *desktest.World, v verdict) (out decided, err error) {
	in := casework.Verdict{Decision: v.Decision}
	for _, m := range v.Measures {
		in.Measures = append(in.Measures, acts.Submission{Action: m.Action, Signed: m.Signed})
	}
	made, err := w.Decide(ctx, desktest.As(v.By), v.Case, in)
	out.ID, out.Promise, out.Requests = made.ID, made.Promise, []string{}
	for _, r := range made.Requests {
		out.Requests = append(out.Requests, r.ID)
	}
	return out, err
}

// workday is a house at whose desk people work on cases.
type workday struct {
	*house
	square *desktest.Square
	db     *sqldb.DB // the desk's, past the desk
	n      int
}

// openWorkday opens a house with rules, queues and a program that reports.
func openWorkday(t *testing.T, o desktest.Options) *workday {
	t.Helper()
	square := desktest.OpenSquare(t)
	d := &workday{square: square}
	d.house = openHouseWith(t, o, func(w *desktest.World) { w.OpenOffice() }, platformSettings{Name: "plaza", Connector: "plaza", URL: square.URL, Secret: square.Token("executor", plaza.StaffScope)})
	var err error
	if d.db, err = sqldb.Open(t.Context(), d.people.URL, sqldb.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.db.Close() })
	// A killed desk has begun jobs, which wait for minutes until they are due again.
	d.mourned = func() {
		if err := d.db.Write(d.t.Context(), func(tx *sqldb.Tx) error {
			_, err := tx.Exec(`update job set due = 0 where state = 'running'`)
			return err
		}); err != nil {
			d.t.Fatal(err)
		}
	}
	return d
}

// counts are what a report has led to.
type counts struct {
	Reports, Cases, Closed, Claims, Shown, Decisions, Measures, Executed, Intents, Receipts, Evidence, Copied, Pictures int
}

// works has one report come in and decided, whoever is killed meanwhile, and demands that
// nothing was lost and nothing done twice.
func (d *workday) works() {
	d.t.Helper()
	d.n++
	post, external := fmt.Sprintf("post/%d", d.n), fmt.Sprintf("report-%d", d.n)
	token := d.square.Token("seed", plaza.SetupScope)
	d.square.Post(token, "/staff/v1/accounts/bulk", fmt.Sprintf(`{"accounts":[{"handle":"@writer%d","name":"A Writer","followers":1}]}`, d.n))
	d.square.Post(token, "/staff/v1/posts/bulk", fmt.Sprintf(`{"posts":[{"account":"acct/%d","text":"Work %[1]d.","pictures":[{"data":"%s","alt":"one"},{"data":"%s","alt":"two"}]}]}`, d.n, picture(d.t, 2*d.n), picture(d.t, 2*d.n+1)))

	flag := flagged{external, post, canonical.At(time.Now())}
	var in received
	d.must("report", func() (err error) { in, err = ask[received](d.desk, "/flag", flag); return err })
	d.until("the evidence is copied", func() bool { return d.counts(in, decided{}, post).Copied == 1 })
	var claim taken
	d.must("claim", func() (err error) { claim, err = ask[taken](d.desk, "/take", about{"ann", in.Case}); return err })
	if claim.Case != in.Case {
		d.t.Fatalf("ann got the case %s, and not %s", claim.Case, in.Case)
	}
	var draft judged
	d.must("draft", func() (err error) { draft, err = ask[judged](d.desk, "/judge", claim); return err })
	v := verdict{By: "ann", Case: in.Case, Decision: draft.Decision}
	v.Decision.Signed.Signature = d.people.Sign("ann", v.Decision.Signed.Statement.Challenge())
	for _, m := range draft.Measures {
		v.Measures = append(v.Measures, signed{By: "ann", Action: m.Action, Signed: actions.Signed{Statement: m.Statement, Signature: d.people.Sign("ann", m.Statement.Challenge())}})
	}
	var out decided
	d.must("decide", func() (err error) { out, err = ask[decided](d.desk, "/decide", v); return err })
	if len(out.Requests) != 1 || out.Requests[0] != draft.Measures[0].Statement.Request {
		d.t.Fatalf("the decision led to %+v", out)
	}
	d.settled(out.Requests[0], actions.StatusExecuted)
	d.until("the case is closed", func() bool { return d.counts(in, out, post).Closed == 1 })
	want := counts{Reports: 1, Cases: 1, Closed: 1, Claims: 1, Shown: 1, Decisions: 1, Measures: 1, Executed: 1, Intents: 1, Receipts: 1, Evidence: 1, Copied: 1, Pictures: 2}
	if diff := cmp.Diff(want, d.counts(in, out, post)); diff != "" {
		d.t.Errorf("what the report has led to: %s", diff)
	}
	if diff := cmp.Diff([]desktest.Change{{Status: platform.Down, Mark: platform.MarkOf(out.Requests[0])}}, d.square.Changes(post)); diff != "" {
		d.t.Errorf("the platform has: %s", diff)
	}
	for promise, id := range map[string]string{in.Promise: in.ID, out.Promise: out.ID} {
		p, err := ledger.ParsePromise([]byte(promise), d.people.LogKey.Verifier())
		if err != nil || p.ID != id {
			d.t.Fatalf("the promise of %s is of %s: %v", id, p.ID, err)
		}
		d.until("the document "+id+" is in a roll", func() bool {
			return d.counted(`select count(*) from document d join roll r on r.sort = d.sort and r.first <= d.number and d.number <= r.last where d.id = $1 and d.number = $2 and d.sort = $3`, id, p.Number, string(p.Sort)) == 1
		})
	}
	// What was killed at its last step is still starting.
	d.until("the executor takes burdening acts on", func() bool { return d.status().Stopped == "" })
}

// until waits for something, and starts again whatever was killed meanwhile.
func (d *workday) until(what string, holds func() bool) {
	d.t.Helper()
	until(d.t, what, func() bool {
		d.revive()
		return holds()
	})
}

func (d *workday) counted(query string, args ...any) (n int) {
	d.t.Helper()
	if err := d.db.Read(d.t.Context(), func(tx *sqldb.Tx) error { return tx.QueryRow(query, args...).Scan(&n) }); err != nil {
		d.t.Fatal(err)
	}
	return n
}

func (d *workday) counts(in received, out decided, post string) (c counts) {
	d.t.Helper()
	request := ""
	if len(out.Requests) > 0 {
		request = out.Requests[0]
	}
	for _, one := range []struct {
		into  *int
		query string
		arg   string
	}{
		{&c.Reports, `select count(*) from report where subject = $1`, post},
		{&c.Cases, `select count(*) from case_file where subject = $1 and reports = 1`, post},
		{&c.Closed, `select count(*) from case_file where id = $1 and state = 'closed'`, in.Case},
		{&c.Claims, `select count(*) from case_claim where case_id = $1`, in.Case},
		{&c.Shown, `select count(*) from document where sort = 'opening' and id like $1 || '.%'`, in.Case},
		{&c.Decisions, `select count(*) from case_decision where case_id = $1`, in.Case},
		{&c.Measures, `select count(*) from request where subject = $1`, post},
		{&c.Executed, `select count(*) from request where id = $1 and status = 'executed'`, request},
		{&c.Intents, `select count(*) from execution where request = $1 and kind = 'intent'`, request},
		{&c.Receipts, `select count(*) from execution where request = $1 and kind = 'receipt'`, request},
		{&c.Evidence, `select count(*) from evidence where case_id = $1`, in.Case},
		{&c.Copied, `select count(*) from evidence where case_id = $1 and state = 'copied'`, in.Case},
		{&c.Pictures, `select count(*) from evidence_picture where state = 'kept' and evidence in (select id from evidence where case_id = $1)`, in.Case},
	} {
		*one.into = d.counted(one.query, one.arg)
	}
	return c
}

// goneThrough waits until a process has come by all steps, and returns where it came by. What is
// committed at a step is seen before the step is.
func (d *workday) goneThrough(p *process, steps []string) []occurrence {
	d.t.Helper()
	var trace []string
	for _, s := range steps {
		d.until("the "+p.name+" comes by "+s, func() bool {
			trace = d.trace(p)
			return slices.Contains(trace, s)
		})
	}
	return occurrences(p.name, trace)
}

// picture is a small picture of its own.
func picture(t *testing.T, n int) string {
	t.Helper()
	var b bytes.Buffer
	i := image.NewGray(image.Rect(0, 0, 8, 8))
	for bit := range 16 {
		i.Pix[bit] = byte(n >> bit & 1 * 255)
	}
	if err := png.Encode(&b, i); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

// TestDayKilled kills the desk and the executor, as a power cut would, between every two steps
// from a report to the receipt of its measure, and while its evidence is copied.
func TestDayKilled(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		d := openWorkday(t, o)
		d.arm(d.desk, arming{})
		d.arm(d.executor, arming{})
		d.works()
		all := append(d.goneThrough(d.desk, deskSteps), d.goneThrough(d.executor, executorSteps)...)
		if !strings.HasPrefix(d.people.URL, "sqlite:") { // once at each step has to do
			all = slices.DeleteFunc(all, func(o occurrence) bool { return o.After > 1 })
		}
		begun := time.Now()
		for _, o := range all {
			p := d.desk
			if o.who == "executor" {
				p = d.executor
			}
			before := p.cmd.Process.Pid
			at := time.Now()
			d.arm(p, o.arming)
			// On another day the desk goes through fewer of these steps, and the next report comes by.
			for range o.After + 1 {
				if p.cmd.Process.Pid == before {
					d.works()
				}
			}
			if p.cmd.Process.Pid == before {
				t.Errorf("the %s was not killed at %q", o.who, o.Step)
			}
			t.Logf("killed: %s; %s", o, time.Since(at).Round(time.Millisecond))
			if t.Failed() {
				return
			}
		}
		t.Logf("%d kills and %d reports in %s", len(all), d.n, time.Since(begun).Round(time.Second))
		d.executor.stop()
		d.desk.stop()
		w := desktest.Reopen(t, d.people.Keep(), desktest.Options{})
		serveCounter(t, &desktest.Town{World: w}).demandAudit(d.n)
	})
}
