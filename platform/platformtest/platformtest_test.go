package platformtest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"countersign.dev/fault"
	"countersign.dev/platform"
	"countersign.dev/platform/platformtest"
	plazaconnector "countersign.dev/platform/plaza"
	"countersign.dev/plaza"
	"countersign.dev/test/testenv"
)

// subtests has a test for each promise that was checked; the others are to be
// those that the server does not offer.
func subtests(t *testing.T, report platformtest.Report, notOffered ...string) {
	t.Helper()
	var skipped []string
	for _, res := range report.Results {
		if res.Outcome == platformtest.Skipped {
			skipped = append(skipped, res.Promise)
			continue
		}
		t.Run(res.Promise, func(t *testing.T) {
			if res.Outcome == platformtest.Broken {
				t.Errorf("%s: %s", res.Text, res.Reason)
			}
		})
	}
	if !slices.Equal(skipped, notOffered) {
		t.Errorf("not checked: %q, expected %q", skipped, notOffered)
	}
}

// target connects to a server.
func target(t *testing.T, url, token string) platformtest.Target {
	t.Helper()
	c, err := plazaconnector.Connect(t.Context(), plazaconnector.Config{Name: "plaza", URL: url, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	return platformtest.Target{
		Connector: c,
		Account:   platform.Subject{Platform: "plaza", Handle: "@scratch"},
		Content:   platform.Subject{Platform: "plaza", ID: "post/1"},
		Missing:   platform.Subject{Platform: "plaza", ID: platformtest.MissingAccount},
		Wire:      &platformtest.Wire{URL: url, Token: token},
	}
}

func TestPlaza(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { checkPlaza(t, "sqlite:"+t.TempDir()+"/plaza.db") })
	t.Run("postgres", func(t *testing.T) { checkPlaza(t, testenv.Postgres(t)) })
}

func checkPlaza(t *testing.T, database string) {
	report := platformtest.Run(t.Context(), realPlaza(t, database))
	subtests(t, report)
	if kept, _, skipped := report.Count(); skipped > 0 || kept != len(platformtest.Promises()) {
		t.Errorf("%d kept, %d skipped; plaza is to keep all %d promises", kept, skipped, len(platformtest.Promises()))
	}
}

// realPlaza is a plaza in this process, with all that may be done around the desk.
func realPlaza(t *testing.T, database string) platformtest.Target {
	t.Helper()
	ctx := t.Context()
	db, err := plaza.Open(ctx, database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	labels := slices.Clone(plaza.Labels)
	for i := range platform.MostLabels {
		labels = append(labels, plaza.LabelText{Value: fmt.Sprintf("test-%02d", i), Title: "A test", Reason: "Somebody tests labels."})
	}
	server := plaza.New(plaza.Config{DB: db, Heartbeat: time.Hour, Labels: labels}) // so that no beat brings the events
	web := httptest.NewServer(server.Handler())
	t.Cleanup(web.Close)
	t.Cleanup(server.Close)
	setup, err := server.IssueToken(ctx, "seed", plaza.SetupScope)
	if err != nil {
		t.Fatal(err)
	}
	staff, err := server.IssueToken(ctx, "tester", plaza.KeeperScope)
	if err != nil {
		t.Fatal(err)
	}
	seed(t, web.URL, setup)
	owner, err := server.IssueOwnerToken(ctx, "@owner")
	if err != nil {
		t.Fatal(err)
	}
	away, err := server.IssueOwnerToken(ctx, "@away")
	if err != nil {
		t.Fatal(err)
	}
	scratch, err := server.IssueOwnerToken(ctx, "@scratch")
	if err != nil {
		t.Fatal(err)
	}
	tg := target(t, web.URL, staff)
	tg.Told = func(ctx context.Context) ([]string, error) {
		answer, err := send(ctx, "GET", web.URL+"/owner/v1/account", scratch, "")
		if err != nil {
			return nil, err
		}
		var doc struct {
			Notices []struct{ Text string }
		}
		err = json.Unmarshal([]byte(answer), &doc)
		var texts []string
		for _, n := range doc.Notices {
			texts = append(texts, n.Text)
		}
		return texts, err
	}
	lock := func(method string) func(context.Context) (platform.Subject, error) {
		return func(ctx context.Context) (platform.Subject, error) {
			_, err := send(ctx, method, web.URL+"/owner/v1/lock", owner, "")
			return platform.Subject{Platform: "plaza", ID: "acct/2", Handle: "@owner"}, err
		}
	}
	choose := func(route string) func(context.Context) (platform.Subject, error) {
		return func(ctx context.Context) (platform.Subject, error) {
			_, err := send(ctx, "POST", web.URL+"/owner/v1/"+route, away, "")
			if err != nil && strings.Contains(err.Error(), "wrong-state") {
				err = nil // it is so already
			}
			return platform.Subject{Platform: "plaza", ID: "acct/4", Handle: "@away"}, err
		}
	}
	gone := func(id string) func(context.Context) (platform.Subject, error) {
		return func(ctx context.Context) (platform.Subject, error) {
			s := platform.Subject{Platform: "plaza", ID: id}
			_, err := tg.Connector.Apply(ctx, "delete-"+strings.ReplaceAll(id, "/", "-"), platform.Command{Verb: platform.Delete, Subject: s, Expect: platform.Expect{Status: platform.Up}})
			return s, err
		}
	}
	tg.Around = map[platform.Change]func(context.Context) (platform.Subject, error){
		platform.LockSet: lock("PUT"), platform.LockCleared: lock("DELETE"),
		platform.AccountDeactivated: choose("deactivate"), platform.AccountReactivated: choose("reactivate"),
		platform.AccountDeleted: gone("acct/3"), platform.ContentDeleted: gone("post/2"),
	}
	tg.Spare = func(ctx context.Context) (string, func(context.Context) bool, error) {
		token, err := server.IssueToken(ctx, "spare", plaza.StaffScope)
		return "spare", func(ctx context.Context) bool {
			_, err := plazaconnector.Connect(ctx, plazaconnector.Config{Name: "plaza", URL: web.URL, Token: token})
			return err == nil
		}, err
	}
	return tg
}

// TestDouble proves that the protocol's document is enough to build from, and
// that the suite asks nothing that only plaza could answer.
func TestDouble(t *testing.T) {
	web := httptest.NewServer(newDouble(""))
	defer web.Close()
	// The protocol lets a server leave out layers, warnings, lists, owners and deletion.
	report := platformtest.Run(t.Context(), target(t, web.URL, "token"))
	subtests(t, report, slices.Concat(layerPromises, []string{"wire-layers", "wire-layers-malformed", "wire-layers-revision", "wire-label-unknown", "wire-until", "wire-warn"}, contentPromises, []string{"events-layers",
		"watch-accounts", "watch-accounts-layers"}, ownerPromises, []string{"watch-account-limit", "watch-account-unlimit", "watch-account-label", "watch-account-unlabel",
		"watch-content-limit", "watch-content-unlimit", "watch-content-label", "watch-content-unlabel"}, lastPromises)...)
	for _, res := range report.Results {
		if res.Outcome == platformtest.Skipped && res.Reason == "" {
			t.Errorf("%s was skipped without a reason", res.Promise)
		}
	}
}

// TestLayeredDouble is TestDouble with the optional promises.
func TestLayeredDouble(t *testing.T) {
	d := newLayeredDouble("")
	web := httptest.NewServer(d)
	defer web.Close()
	subtests(t, platformtest.Run(t.Context(), d.target(t, web.URL)),
		slices.Concat(contentPromises, []string{"watch-accounts", "watch-accounts-layers"}, ownerPromises, lastPromises)...)
}

// TestPartsOfLayers: each of the optional promises may be made without the others.
func TestPartsOfLayers(t *testing.T) {
	limits := []string{"limit account", "unlimit account", "limit content", "unlimit content"}
	labels := []string{"label account", "unlabel account", "label content", "unlabel content"}
	for name, c := range map[string]struct {
		leaves  []string
		content bool
		kept    []string
		skipped map[string]string // promises, with the reason
	}{
		"limits of posts": {slices.Concat(limits[:2], labels, []string{"warn account"}), true, []string{"limit", "layers-apart", "wire-layers", "wire-until", "events-layers", "watch-content-limit"},
			map[string]string{"label": "the platform sets no labels", "layers-unknown-subject": "the platform has no layer of accounts but the visibility", "warn": "the platform warns nobody", "watch-account-limit": "the platform's stream does not show it, as it says"}},
		"limits of posts, and no post": {slices.Concat(limits[:2], labels), false, []string{"warn", "wire-warn", "takedown"},
			map[string]string{"limit": "no scratch content was given", "layers-apart": "no scratch content was given", "watch-content-limit": "no scratch content was given"}},
		"labels of accounts": {slices.Concat(limits, labels[2:]), true, []string{"label", "labels-most", "layers-when-down", "wire-label-unknown", "watch-account-label", "warn-once"},
			map[string]string{"limit": "the platform limits nothing", "limit-confirm": "the platform limits nothing"}},
		"warnings": {slices.Concat(limits, labels), true, []string{"warn", "warn-once", "wire-warn"},
			map[string]string{"limit": "the platform limits nothing", "label": "the platform sets no labels", "layers-apart": "the platform has no layer but the visibility", "events-layers": "the platform has no layer but the visibility"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newLayeredDouble("")
			d.leaves = c.leaves
			web := httptest.NewServer(d)
			defer web.Close()
			tg := d.target(t, web.URL)
			if !c.content {
				tg.Content = platform.Subject{}
			}
			report := platformtest.Run(t.Context(), tg)
			if !report.OK() {
				t.Errorf("broken:\n%s", report)
			}
			for _, r := range report.Results {
				if slices.Contains(c.kept, r.Promise) && r.Outcome != platformtest.Kept {
					t.Errorf("%s is %s: %s", r.Promise, r.Outcome, r.Reason)
				}
				if why, ok := c.skipped[r.Promise]; ok && (r.Outcome != platformtest.Skipped || r.Reason != why) {
					t.Errorf("%s is %s: %s; want it skipped: %s", r.Promise, r.Outcome, r.Reason, why)
				}
			}
		})
	}
}

// Promises that a server may leave out, in the order of asking.
var (
	layerPromises = []string{"limit", "limit-confirm", "label", "layers-apart", "layers-wrong-state", "layers-when-down", "layers-revision", "layers-rivals", "layers-unknown-subject", "labels-most", "warn", "warn-once"}
	ownerPromises = []string{"watch-lock", "watch-notice", "watch-account-delete", "watch-content-delete"}
	lastPromises  = []string{"watch-lock-set", "watch-lock-clear", "cut-guards", "cut-ends"}
)

// target is the target of a double whose account holder can be asked.
func (d *double) target(t *testing.T, url string) platformtest.Target {
	tg := target(t, url, "token")
	tg.Told = func(context.Context) ([]string, error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		return slices.Clone(d.told), nil
	}
	return tg
}

// flaws are servers that break promises, and the promises that must notice.
var flaws = map[string][]string{
	"ability-twice":               {"capabilities"},
	"any-token":                   {"wire-token"},
	"any-of-two-tokens":           {"wire-token"},
	"html-errors":                 {"unknown-subject", "wrong-status-changes-nothing", "wire-token", "wire-problems", "wire-methods", "wire-malformed", "wire-oversized"},
	"any-method":                  {"wire-methods"},
	"openapi-lacks-a-route":       {"wire-openapi"},
	"fact-missing":                {"read"},
	"revision-comes-again":        {"revision"},
	"revision-without-change":     {"revision"},
	"unknown-status":              {"takedown", "restore"},
	"everything-exists":           {"unknown-subject", "wire-problems"},
	"takedown-of-nothing":         {"unknown-subject"},
	"case-sensitive-handles":      {"resolve"},
	"unknown-members-pass":        {"wire-malformed"},
	"two-commands-pass":           {"wire-malformed"},
	"doubled-members-pass":        {"wire-malformed"},
	"marks-are-overwritten":       {"mark-kept"},
	"confirms-nothing":            {"confirm"},
	"forgets-who-was-away":        {"beneath"},
	"refuses-what-is-deactivated": {"beneath"},
	"mark-over-itself":            {"wire-malformed"},
	"hides-a-mark":                {"wire-malformed"},
	"any-key":                     {"wire-key"},
	"oversized-is-cut":            {"wire-oversized"},
	"keys-are-ignored":            {"same-key-acts-once", "refusal-is-final", "lookup-fences", "duplicates-act-once", "wire-first-answer", "wire-key-reused", "key-of-another-command"},
	"no-fence":                    {"lookup-fences", "wire-lookup"},
	"fence-denied":                {"lookup-fences", "wire-lookup"},
	"refusals-are-retried":        {"refusal-is-final"},
	"key-reuse-passes":            {"key-of-another-command", "wire-key-reused"},
	"key-reuse-is-409":            {"wire-key-reused"},
	"second-answer-differs":       {"wire-first-answer"},
	"fails-after-the-act":         {"takedown", "restore", "deactivate", "content"},
	"handle-ignored":              {"wire-handle"},
	"status-ignored":              {"wrong-status-changes-nothing"},
	"mark-ignored":                {"wrong-mark-changes-nothing", "wire-wrong-state"},
	"marks-in-any-case":           {"wrong-mark-changes-nothing"},
	"revision-ignored":            {"wire-revision"},
	"rivals-both-win":             {"rivals-one-wins"},
	"wrong-state-says-nothing":    {"wrong-status-changes-nothing", "wire-wrong-state"},
	"events-for-refusals":         {"events-in-order"},
	"measure-before-refusal":      {"wrong-mark-changes-nothing"},
	"pretends":                    {"takedown"},
	"mark-not-kept":               {"takedown"},
	"mark-stays":                  {"restore"},
	"content-takes-account-down":  {"content"},
	"events-lost":                 {"events-in-order"},
	"lookup-knows-nothing":        {"lookup-done", "wire-lookup"},
	"lookup-says-done":            {"lookup-refused", "wire-lookup"},
	"lookup-tells-the-present":    {"lookup-done"},
	"last-event-id-ignored":       {"events-resume"},
	"any-cursor":                  {"events-cursor"},
	"resume-repeats":              {"events-resume"},
	"events-backwards":            {"events-resume"},
	"events-early":                {"events-after-commit"},
}

// layerFlaws are the same of servers with layers and warnings.
var layerFlaws = map[string][]string{
	"limit-for-ever":                        {"wire-abilities"},
	"limit-without-mark":                    {"wire-abilities"},
	"labels-without-values":                 {"wire-abilities"},
	"labels-unsorted":                       {"wire-abilities"},
	"label-of-another-form":                 {"wire-abilities"},
	"warns-posts":                           {"wire-abilities"},
	"layer-mark-not-kept":                   {"limit", "label"},
	"limit-confirms-nothing":                {"limit-confirm"},
	"limit-takes-down":                      {"layers-apart"},
	"unlabels-all":                          {"layers-apart"},
	"restore-lifts-all":                     {"layers-apart", "layers-when-down"},
	"label-moves-the-subject":               {"layers-apart"},
	"layers-hidden-when-down":               {"layers-apart", "layers-when-down"},
	"one-layer-at-a-time":                   {"layers-apart"},
	"layer-mark-ignored":                    {"limit-confirm", "layers-wrong-state"},
	"marks-are-the-subject's":               {"layers-wrong-state"},
	"layer-refusal-hides-layers":            {"layers-wrong-state", "wire-layers"},
	"no-layer-when-down":                    {"layers-when-down"},
	"layer-revision-of-the-subject":         {"layers-revision"},
	"layer-revision-comes-again":            {"layers-revision"},
	"layer-rivals-both-win":                 {"layers-rivals"},
	"any-number-of-labels":                  {"labels-most"},
	"takedown-of-nothing":                   {"layers-unknown-subject"},
	"warning-labels":                        {"warn"},
	"warning-moves":                         {"warn"},
	"warns-twice":                           {"warn-once"},
	"warns-late":                            {"warn-once"},
	"layers-unsorted":                       {"wire-layers"},
	"layers-listed-when-clear":              {"wire-layers"},
	"any-layer":                             {"wire-layers-malformed"},
	"limit-over-itself":                     {"wire-layers-malformed"},
	"layer-with-any-verb":                   {"wire-layers-malformed"},
	"text-passes":                           {"wire-layers-malformed"},
	"layer-revision-ignored":                {"wire-layers-revision"},
	"layer-compares-the-subject's-revision": {"wire-layers-revision"},
	"any-label":                             {"wire-label-unknown"},
	"lifts-what-has-ended":                  {"wire-until"},
	"until-with-a-lift":                     {"wire-until"},
	"any-until":                             {"wire-until"},
	"any-warning":                           {"wire-warn"},
	"short-warnings":                        {"wire-warn"},
	"layer-event-of-another":                {"events-layers", "watch-account-limit", "watch-account-label", "watch-account-unlabel", "watch-content-limit", "watch-content-label"},
	"layer-event-is-a-change":               {"events-layers", "watch-account-unlimit", "watch-content-unlimit", "watch-content-unlabel"},
	"layer-events-lost":                     {"events-layers", "watch-account-limit"},
	"event-of-a-warning":                    {"events-layers"},
	"events-for-refusals":                   {"events-layers"},
}

func TestFlawsAreFound(t *testing.T) {
	if testing.Short() {
		t.Skip("asks the whole suite of some hundred servers")
	}
	t.Run("plain", func(t *testing.T) { findFlaws(t, flaws, newDouble) })
	t.Run("layered", func(t *testing.T) { findFlaws(t, layerFlaws, newLayeredDouble) })
	t.Run("telling", func(t *testing.T) { findFlaws(t, contentFlaws, newTellingDouble) })
}

func findFlaws(t *testing.T, flaws map[string][]string, double func(string) *double) {
	for flaw, promises := range flaws {
		t.Run(flaw, func(t *testing.T) {
			t.Parallel()
			d := double(flaw)
			web := httptest.NewServer(d)
			defer web.Close()
			tg := d.target(t, web.URL)
			tg.Patience = 250 * time.Millisecond
			report := platformtest.Run(t.Context(), tg)
			if report.OK() {
				t.Fatal("the report is OK")
			}
			for _, p := range promises {
				if !slices.Contains(report.Broken(), p) {
					t.Errorf("%s is said to be kept", p)
				}
			}
			if testing.Verbose() {
				t.Log(report.Broken())
			}
		})
	}
}

// TestEveryPromiseCanBreak demands a flaw, or a flawed connector, for each promise.
func TestEveryPromiseCanBreak(t *testing.T) {
	broken := map[string]bool{}
	for _, promises := range slices.Concat(slices.Collect(maps.Values(flaws)), slices.Collect(maps.Values(layerFlaws)), slices.Collect(maps.Values(contentFlaws))) {
		for _, p := range promises {
			broken[p] = true
		}
	}
	for p := range connectorFlaws {
		broken[p] = true
	}
	for _, promises := range watchFlaws {
		for _, p := range promises {
			broken[p] = true
		}
	}
	for _, p := range platformtest.Promises() {
		if !broken[p.Promise] {
			t.Errorf("no flaw shows that %s can break", p.Promise)
		}
	}
}

// TestDocument holds the document's list of promises against the suite's.
func TestDocument(t *testing.T) {
	doc, err := os.ReadFile("../../doc/platform-protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range platformtest.Promises() {
		if !strings.Contains(string(doc), "`"+p.Promise+"`") {
			t.Errorf("doc/platform-protocol.md does not name the promise `%s`", p.Promise)
		}
	}
}

// flawed is a connector that breaks one promise by itself, whatever the server does.
type flawed struct {
	platform.Connector
	flaw  string
	calls atomic.Int64
}

func (f *flawed) Capabilities() platform.Capabilities {
	c := f.Connector.Capabilities()
	if n := f.calls.Add(1); f.flaw == "capabilities" && n > 1 {
		c.RequestLife++
	}
	return c
}

func (f *flawed) Sort(id string) (platform.Sort, error) {
	if f.flaw == "sort" && id == "nonsense" {
		return platform.Account, nil
	}
	return f.Connector.Sort(id)
}

func (f *flawed) Read(ctx context.Context, s platform.Subject) (platform.State, error) {
	st, err := f.Connector.Read(ctx, s)
	if f.flaw == "read" && err == nil {
		st.Facts["shoe size"] = int64(44)
	}
	return st, err
}

func (f *flawed) Look(ctx context.Context, s platform.Subject) (platform.Subject, platform.State, error) {
	named, st, err := f.Connector.Look(ctx, s)
	if f.flaw == "resolve" {
		named.Handle = s.Handle
	}
	return named, st, err
}

func (f *flawed) Apply(ctx context.Context, key string, c platform.Command) (platform.Receipt, error) {
	if f.flaw == "given-up" {
		ctx = context.WithoutCancel(ctx)
	}
	if f.flaw == "restore-by-identifier" {
		named, err := f.Connector.Resolve(ctx, platform.Subject{Platform: c.Subject.Platform, ID: c.Subject.ID})
		if err == nil && named.Handle != c.Subject.Handle {
			return platform.Receipt{}, fault.New(fault.Conflict, "handle-moved", "It has another handle.")
		}
	}
	r, err := f.Connector.Apply(ctx, key, c)
	if f.flaw == "repeat-changes-nothing" && err == nil {
		n := f.calls.Add(1)
		if r.After.Status == platform.Down {
			// Sent again, it lifts what it did.
			undo := platform.Command{Verb: platform.Restore, Subject: c.Subject, Expect: platform.Expect{Status: platform.Down, Mark: r.After.Mark}}
			if n%2 == 0 {
				f.Connector.Apply(ctx, key+"-undo", undo)
			}
		}
	}
	return r, err
}

var connectorFlaws = map[string]bool{"capabilities": true, "sort": true, "resolve": true, "read": true, "given-up": true, "restore-by-identifier": true, "repeat-changes-nothing": true}

func TestFlawedConnectors(t *testing.T) {
	for flaw := range connectorFlaws {
		t.Run(flaw, func(t *testing.T) {
			web := httptest.NewServer(newDouble(""))
			defer web.Close()
			tg := target(t, web.URL, "token")
			tg.Connector = &flawed{Connector: tg.Connector, flaw: flaw}
			tg.Wire = nil
			if report := platformtest.Run(t.Context(), tg); !slices.Contains(report.Broken(), flaw) {
				t.Errorf("%s is said to be kept:\n%s", flaw, report)
			}
		})
	}
}
