package api_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/cases"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/desktest"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// heard is an answer as it came.
type heard struct {
	status int
	header http.Header
	body   string
}

func (w *office) ask(by workforce.WorkerID, method, path, body string) heard {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.url+v1.Base+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+w.token(by))
	req.Header.Set("Content-Type", "application/json")
	res, err := w.http().Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return heard{res.StatusCode, res.Header, string(b)}
}

var (
	anID     = regexp.MustCompile(`\b([a-z]{3})_[0-9a-hjkmnp-tv-z]{26}\b`)
	aDigest  = regexp.MustCompile(`sha256:[0-9a-f]{64}`)
	aTime    = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)
	aName    = regexp.MustCompile(`"(ann|bob)"`)
	someByte = regexp.MustCompile(`"(nonce|salt|key|signature)":"[^"]*"`)
)

// plain takes from an answer what is fresh in each: identifiers, digests, times and bytes of chance.
func plain(body string) string {
	body = anID.ReplaceAllString(body, "$1")
	body = aDigest.ReplaceAllString(body, "digest")
	body = aTime.ReplaceAllString(body, "time")
	body = aName.ReplaceAllString(body, `"worker"`)
	return someByte.ReplaceAllString(body, `"$1":"bytes"`)
}

// TestSecondLookIsBlind takes every route about a case twice: as ann, who judges it first, and, after her
// measures were carried out, as bob, who has the copy. Identifiers, digests and times aside, the answers are
// the same bytes with the same headers: in the history, the state now, the evidence, what the drafts expect, and what
// lists by queue and subject, the subject itself and its requests tell. The times are in order, none is still to come, and
// identifiers have the times that the case has.
func TestSecondLookIsBlind(t *testing.T) {
	w := openCasework(t)
	set, err := cases.ParseRules(cases.DefaultRules())
	if err != nil {
		t.Fatal(err)
	}
	for i := range set.Rules {
		set.Rules[i].Looks = cases.AllShare
	}
	text, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	w.Adopt(actions.PartRules, string(text))
	w.Clock().Hold()
	got := must[v1.Taken](t)(w.program.Report(t.Context(), reportOn("post/1", "r1")))
	w.Evidenced(got.Case)
	w.Clock().Advance(3 * time.Second)

	round := func(by workforce.WorkerID) (string, map[string]heard) {
		out := map[string]heard{}
		out["waiting"] = w.ask(by, "GET", "/cases?state=waiting", "")
		out["queues"] = w.ask(by, "GET", "/queues/board", "")
		out["clocks"] = w.ask(by, "GET", "/queues/clocks", "")
		out["next"] = w.ask(by, "POST", "/cases/next", `{}`)
		var claimed v1.Claimed
		if err := json.Unmarshal([]byte(out["next"].body), &claimed); err != nil || claimed.Case.ID == "" {
			t.Fatalf("%s has %s", by, out["next"].body)
		}
		id, claim := claimed.Case.ID, claimed.Claim.Number
		for name, path := range map[string]string{"case": "/cases/" + id, "now": "/cases/" + id + "/now", "evidence": "/cases/" + id + "/evidence", "evidence now": "/cases/" + id + "/evidence/now", "list": "/cases", "subject's cases": "/cases?subject=plaza:post/1",
			"closed": "/cases?state=closed", "mine": "/cases?mine=true", "subject": "/subjects?subject=plaza:post/1", "requests": "/requests?subject=plaza:post/1", "all requests": "/requests", "claimed again": "/cases?state=claimed", "after": "/queues/board"} {
			out[name] = w.ask(by, "GET", path, "")
		}
		out["claim"] = w.ask(by, "POST", "/cases/"+id+"/claim", "")
		version := must[v1.CaseView](t)(w.as(by).Case(t.Context(), id)).Case.Version
		for _, verdict := range []string{`"verdict":"no-violation"`, `"verdict":"violation","rule":1`, `"verdict":"violation","rule":1,"reasons":"All of it.","measures":[{"kind":"account.takedown"},{"kind":"content.label","value":"spam"}]`, `"verdict":"violation","rule":99`} {
			out["draft "+verdict] = w.ask(by, "POST", "/cases/"+id+"/drafts", fmt.Sprintf(`{"claim":%d,"version":%d,"key":"",%s}`, claim, version, verdict))
		}
		out["extend"] = w.ask(by, "POST", "/cases/"+id+"/extend", fmt.Sprintf(`{"claim":%d,"active":3}`, claim))
		out["draft"] = w.ask(by, "POST", "/cases/"+id+"/draft", `{"verdict":"no-violation","reasons":"It is fine."}`)
		out["drafts"] = w.ask(by, "GET", "/cases/"+id, "")
		return id, out
	}
	first, was := round("ann")

	taken, err := w.Claim(t.Context(), desktest.As("ann"), first)
	if err != nil {
		t.Fatal(err)
	}
	made, err := w.TryDecide("ann", taken, casework.Judgement{Verdict: actions.CaseViolation, Rule: 1, Reasons: "All of it.", Measures: []casework.Measure{{Kind: actions.ContentRemove}, {Kind: actions.AccountTakedown}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range made.Requests {
		if got := w.Settled("ann", r); got.Status != actions.StatusExecuted {
			t.Fatalf("%s is %s: %s", r.Action.Kind, got.Status, got.OutcomeText)
		}
	}
	w.Clock().Advance(11 * time.Minute)
	if err := w.SweepLooks(t.Context()); err != nil {
		t.Fatal(err)
	}
	second, is := round("bob")
	if second == first {
		t.Fatal("bob has the case itself")
	}
	for _, name := range slices.Sorted(maps.Keys(was)) {
		a, b := was[name], is[name]
		if a.status != b.status || plain(a.body) != plain(b.body) {
			t.Errorf("%s tells the look from a first case: %d and %d\n%s\n%s", name, a.status, b.status, apart(plain(a.body), plain(b.body)), "")
		}
		for _, h := range []http.Header{a.header, b.header} {
			for _, own := range []string{"Date", "Content-Length", "X-Request-Id", "Etag"} {
				h.Del(own)
			}
		}
		if fmt.Sprint(a.header) != fmt.Sprint(b.header) {
			t.Errorf("%s tells the look by its headers: %v and %v", name, a.header, b.header)
		}
		if strings.Contains(b.body, first) || strings.Contains(b.body, made.ID) {
			t.Errorf("%s tells bob of the first case", name)
		}
		now := w.Clock().Now().Add(time.Second)
		if strings.HasPrefix(name, "draft ") || name == "claim" || name == "extend" || name == "next" || name == "clocks" || name == "queues" {
			continue // what they expire or are due at is still to come, for both
		}
		for _, at := range aTime.FindAllString(b.body, -1) {
			if when, err := time.Parse(time.RFC3339Nano, at); err != nil || when.After(now.Add(24*time.Hour)) {
				t.Errorf("%s has the time %s, and it is %s", name, at, now)
			}
		}
	}
	if err := w.Store.Read(t.Context(), func(tx *store.Tx) error {
		a, err := tx.Case(first)
		b, unread := tx.Case(second)
		if unread != nil {
			return unread
		}
		if b.Opened.After(w.Clock().Now()) || b.Due.Sub(b.Opened.Time) != a.Due.Sub(a.Opened.Time) {
			t.Errorf("the copy was opened at %s and is due at %s; the case was opened at %s and was due at %s", b.Opened, b.Due, a.Opened, a.Due)
		}
		if prefix := func(c cases.Case) string { return c.ID[:14] }; (prefix(a) < prefix(b)) != a.Opened.Before(b.Opened.Time) {
			t.Errorf("the identifiers %s and %s are not as of %s and %s", a.ID, b.ID, a.Opened, b.Opened)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// apart returns where two texts part.
func apart(a, b string) string {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	from := max(0, i-120)
	return "…" + a[from:min(len(a), i+200)] + "\n…" + b[from:min(len(b), i+200)]
}
