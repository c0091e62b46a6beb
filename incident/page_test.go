package incident_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/incident"
	"countersign.dev/platform"
)

// shown verifies a bundle and draws its page.
func shown(t testing.TB, e *evening, personal bool, o incident.Options) []byte {
	t.Helper()
	v, err := incident.Verify(e.bundle(personal), e.trust())
	if err != nil {
		t.Fatal(err)
	}
	o.Personal, o.Names, o.Verified = personal, v.Names, &v
	page, err := incident.HTML(v.Report, o)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// TestPages writes all pages, into the folder that PAGES names if somebody wants
// to look at them, and demands that they need nothing else.
func TestPages(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("PAGES")
	if dir == "" {
		dir = t.TempDir()
	}
	foreign := regexp.MustCompile(`(?i)<script|<link|<img|<iframe|<object|\b(src|href|action|srcset|on[a-z]+)\s*=|url\(|@import|https?://|//[a-z]`)
	for name, play := range map[string]func(testing.TB) *evening{"breach": breached, "contested": contested, "duel": dueled} {
		for _, personal := range []bool{false, true} {
			page := shown(t, play(t), personal, incident.Options{Historical: personal})
			file := name
			if personal {
				file += "-personal"
			}
			if err := os.WriteFile(filepath.Join(dir, file+".html"), page, 0o644); err != nil {
				t.Fatal(err)
			}
			if at := foreign.FindIndex(page); at != nil {
				t.Errorf("%s refers to something outside: %q", file, page[max(0, at[0]-40):min(len(page), at[1]+40)])
			}
			if n := bytes.Count(page, []byte("<svg")); n != bytes.Count(page, []byte("</svg>")) || n == 0 || n > 2 {
				t.Errorf("%s has %d drawings", file, n)
			}
			if name == "breach" && !bytes.Contains(page, []byte("requester, file key")) {
				t.Errorf("%s does not say with what the other acts were signed", file)
			}
			if bytes.Contains(page, []byte("2017")) != personal {
				t.Errorf("%s shows the figures of 2017: %t", file, !personal)
			}
		}
	}
}

// dueled is a breach of which the watch saw forty rounds.
func dueled(t testing.TB) *evening {
	e := breached(t)
	name, sealed := e.field("subject", subject.String())
	for range 19 {
		e.Advance(61 * time.Second)
		again(e, name, sealed)
	}
	return e
}

// secrets are what no export without personal fields may hold.
var secrets = []string{"@17", "acct/17", "acct/3", "night shift of acme", credential, "Find out who", "It breaks a rule", "case-1", "signed it without reading"}

func TestWithheld(t *testing.T) {
	t.Parallel()
	for name, play := range map[string]func(testing.TB) *evening{"breach": breached, "contested": contested} {
		e := play(t)
		seen := 0
		for _, personal := range []bool{true, false} {
			raw := e.bundle(personal)
			v, err := incident.Verify(raw, e.trust())
			if err != nil {
				t.Fatal(err)
			}
			o := incident.Options{Personal: personal, Names: v.Names, Verified: &v}
			page, err := incident.HTML(v.Report, o)
			if err != nil {
				t.Fatal(err)
			}
			for _, secret := range secrets {
				for what, text := range map[string][]byte{"bundle": raw, "page": page, "text": incident.Markdown(v.Report, o)} {
					holds := bytes.Contains(text, []byte(secret))
					if holds && !personal {
						t.Errorf("%s: the %s without personal fields holds %q", name, what, secret)
					}
					if holds {
						seen++
					}
				}
			}
		}
		if seen < 6 {
			t.Errorf("%s: with personal fields %d secrets are told, so that looking for them says nothing", name, seen)
		}
		// A page of a report as the desk has it withholds as well.
		page, err := incident.HTML(e.report, incident.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range secrets {
			if bytes.Contains(page, []byte(secret)) {
				t.Errorf("%s: a page of an unverified report holds %q", name, secret)
			}
		}
		if !bytes.Contains(page, []byte("a page alone proves nothing")) {
			t.Error("a page that was not verified does not say so")
		}
	}
}

// TestRedactKeepsItsInput: the caller's report is not changed.
func TestRedactKeepsItsInput(t *testing.T) {
	t.Parallel()
	e := breached(t)
	before := canonical.DigestOf(e.report)
	if redacted := incident.Redact(e.report); canonical.DigestOf(redacted) == before {
		t.Error("nothing was withheld")
	}
	if canonical.DigestOf(e.report) != before {
		t.Error("the report itself was changed")
	}
	if twice := incident.Redact(incident.Redact(e.report)); canonical.DigestOf(twice) != canonical.DigestOf(incident.Redact(e.report)) {
		t.Error("to withhold twice is not to withhold once")
	}
}

// TestHostileTexts puts markup wherever somebody may write.
func TestHostileTexts(t *testing.T) {
	t.Parallel()
	const evil = `"><script>alert(1)</script><svg onload=x> | **b** [l](http://evil.example) & {{.}}` + "\x1b]0;t\x07\u202eselttab\u200b\u2066\u2028\U000E0041"
	const raw = "\x1b\x07\u202e\u200b\u2066\u2028\U000E0041"
	r := hostile(t, breached(t).report, evil)
	page, err := incident.HTML(r, incident.Options{Personal: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"<script", "onload=x>", `href="http`} {
		if strings.Contains(string(page), bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	if i := bytes.IndexAny(page, raw); i >= 0 {
		t.Errorf("the page holds %q", page[max(0, i-30):i+10])
	}
	if bytes.Count(page, []byte("‹U+202E›")) < 10 || bytes.Count(page, []byte("&lt;script&gt;")) < 10 {
		t.Error("the texts did not come through")
	}
	text := string(incident.Markdown(r, incident.Options{Personal: true}))
	if i := strings.IndexAny(text, raw); i >= 0 {
		t.Errorf("Markdown holds %q", text[max(0, i-30):i+10])
	}
	if strings.Contains(text, "<script") || strings.Contains(text, "[l](") || strings.Contains(text, " **b**") {
		t.Error("Markdown lets markup through")
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "| ") && strings.Contains(line, "alert") {
			cells := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|")
			if cells != 6 && cells != 7 {
				t.Errorf("a row of a table was broken: %s", line)
			}
		}
	}
}

// hostile replaces every text in a report that is not an identifier of ours.
func hostile(t *testing.T, r incident.Report, evil string) incident.Report {
	t.Helper()
	r.Incident.Title, r.Incident.Findings = evil, evil
	r.Incident.Subject = platform.Subject{Platform: evil, ID: evil, Handle: evil}
	for i := range r.Incident.Tasks {
		r.Incident.Tasks[i].Text, r.Incident.Tasks[i].Result = evil, evil
	}
	for i := range r.Timeline {
		r.Timeline[i].At = canonical.At(r.At.Add(time.Duration(i) * time.Second))
		r.Timeline[i].Text = evil
	}
	a := &r.Attribution
	a.Credential, a.Holders, a.Why = evil, []string{evil}, evil
	for i := range r.Touched {
		r.Touched[i].As, r.Touched[i].With, r.Touched[i].Subject.ID = evil, evil, evil
	}
	for i := range r.Rulings {
		r.Rulings[i].Need, r.Rulings[i].Which = evil, evil
		for j := range r.Rulings[i].Reasons {
			r.Rulings[i].Reasons[j].Text = evil
		}
	}
	for i := range r.Exposure {
		r.Exposure[i].Way, r.Exposure[i].Group, r.Exposure[i].Around = evil, []string{evil}, []string{evil}
	}
	return r
}

// TestAnyReport draws reports that lack this and that.
func TestAnyReport(t *testing.T) {
	t.Parallel()
	whole := breached(t).report
	raw, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	var doc any
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	n := 0
	change(doc, func(what string) {
		b, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		var r incident.Report
		if err := json.Unmarshal(b, &r); err != nil {
			return
		}
		n++
		if _, err := incident.HTML(r, incident.Options{Personal: true, Historical: true}); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		incident.Markdown(r, incident.Options{})
	})
	if n < 100 {
		t.Errorf("only %d reports were drawn", n)
	}
	for _, r := range []incident.Report{{}, {Incident: incident.Incident{Cause: incident.Contested, Tier: actions.Critical}},
		{Down: canonical.At(whole.At.Time), Up: canonical.At(whole.At.Add(-time.Hour)), Timeline: whole.Timeline[:1]}} {
		if _, err := incident.HTML(r, incident.Options{}); err != nil {
			t.Error(err)
		}
	}
}

// TestDrawing reads the wide drawing: every step is there, in its order, apart
// from its neighbours, whether they are 1 ms or four hours away.
func TestDrawing(t *testing.T) {
	t.Parallel()
	page := string(shown(t, contested(t), false, incident.Options{}))
	_, svg, _ := strings.Cut(page, `<svg class="chart wide"`)
	svg, _, _ = strings.Cut(svg, "</svg>")
	circles := regexp.MustCompile(`cx="([0-9.]+)" cy="([0-9.]+)" r="9"/><text [^>]*>([0-9]+)<`).FindAllStringSubmatch(svg, -1)
	if len(circles) != 12 {
		t.Fatalf("%d steps are drawn, want 12", len(circles))
	}
	last := 0.0
	for i, c := range circles {
		var x float64
		if err := json.Unmarshal([]byte(c[1]), &x); err != nil {
			t.Fatal(err)
		}
		if i > 0 && x-last < 50 {
			t.Errorf("step %d stands %.1f after the one before", i+1, x-last)
		}
		if x < 100 || x > 1120 {
			t.Errorf("step %d stands at %.1f", i+1, x)
		}
		last = x
	}
	var gaps []string
	for _, g := range regexp.MustCompile(`class="gap"[^>]*>([^<]+)<`).FindAllStringSubmatch(svg, -1) {
		gaps = append(gaps, strings.ReplaceAll(g[1], "\u00a0", " "))
	}
	if want := []string{"7 min", "8 min", "0 ms", "8 ms", "31 ms", "9 min", "0 ms", "20 ms", "15 ms", "1 min", "2 d 23 h"}; !slices.Equal(gaps, want) {
		t.Errorf("the times between are %q, want %q", gaps, want)
	}
}
