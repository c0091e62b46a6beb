package api_test

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/incident"
	"countersign.dev/ledger/proof"
	"countersign.dev/workforce"
)

// breach enters, as the executor would, that an account was taken down around
// the desk.
func (s *site) breach(subject string, t actions.Tier) string {
	return s.Enter(s.Breach(subject, t), map[string]string{proof.SealedSubject: subject}).Execution.Request
}

func TestIncidents(t *testing.T) {
	s := serve(t)
	ctx := t.Context()
	ann, kim, eva, ole := s.as("ann"), s.as("kim"), s.as("eva"), s.as("ole")

	// A contested act: opened, given a task, closed by officers.
	r := settled(t, ann, s.submission(ann, "ann", "plaza:@neighbour"))
	contest := func(by workforce.WorkerID, request, title string) v1.NewIncident {
		return v1.NewIncident{Request: request, Title: title, Deed: s.Deed(by, actions.Deed{What: actions.DeedOpenIncident, Of: request}, title)}
	}
	_, err := ann.OpenIncident(ctx, contest("ann", r.ID, "Why?"))
	wants(t, err, fault.Forbidden, "not-yours-to-read")
	_, err = eva.OpenIncident(ctx, contest("eva", "req_none", "Why?"))
	wants(t, err, fault.NotFound, "no-such-request")
	_, err = eva.OpenIncident(ctx, contest("eva", r.ID, " "))
	wants(t, err, fault.Invalid, "bad-text")
	i := must[v1.Incident](t)(eva.OpenIncident(ctx, contest("eva", r.ID, "Why?")))
	if i.Cause != incident.Contested || i.By != "eva" || i.Request != r.ID || i.Status != incident.Open {
		t.Errorf("%+v", i)
	}
	i = must[v1.Incident](t)(eva.AssignTask(ctx, i.ID, v1.NewTask{Text: "Look.", Owner: "ole", Deed: s.Deed("eva", actions.Deed{What: actions.DeedAssignTask, Of: i.ID, To: "ole", Version: 1}, "Look.")}))
	result := func(by workforce.WorkerID, number int64) v1.TaskResult {
		return v1.TaskResult{Result: "Seen.", Deed: s.Deed(by, actions.Deed{What: actions.DeedFinishTask, Of: actions.TaskOf(i.ID, number), Version: 2}, "Seen.")}
	}
	_, err = eva.FinishTask(ctx, i.ID, 2, result("eva", 2))
	wants(t, err, fault.NotFound, "no-such-task")
	i = must[v1.Incident](t)(ole.FinishTask(ctx, i.ID, 1, result("ole", 1)))
	if len(i.Tasks) != 1 || i.Tasks[0].Result != "Seen." {
		t.Errorf("tasks: %+v", i.Tasks)
	}
	rep := must[v1.IncidentReport](t)(kim.IncidentReport(ctx, i.ID, 3))
	if rep.Attribution.Worker != "ann" || len(rep.Timeline) < 5 || len(rep.Rulings) != 2 || len(rep.Exposure) != 1 || rep.Incident.ID != i.ID {
		t.Errorf("report: %+v", rep)
	}
	who, err := kim.Attribution(ctx, i.ID)
	if err != nil || who.Worker != "ann" || who.Session == "" {
		t.Errorf("attribution: %+v, %v", who, err)
	}
	_, err = ann.IncidentReport(ctx, i.ID, 0)
	wants(t, err, fault.Forbidden, "not-yours-to-read")
	review := must[actions.Review](t)(eva.ProposeFindings(ctx, i.ID, v1.Findings{Text: "It was right.", Deed: s.Deed("eva", actions.Deed{What: actions.DeedFindings, Of: i.ID, Version: i.Version}, "It was right.")}))
	if review.ID != i.ID || review.Findings != incident.FindingsDigest("It was right.") || len(review.Involved) != 1 {
		t.Errorf("review: %+v", review)
	}
	ada := s.as("ada")
	d := must[v1.Draft](t)(ada.Draft(ctx, v1.Wish{Kind: actions.DeskReview, Change: canonical.MustMarshal(review), Reason: "done", Key: s.PublicKey("ada").ID()}))
	closing := must[v1.Request](t)(ada.Submit(ctx, s.sign("ada", d), 0))
	s.Countersign(closing.ID, "bea", "cem")
	if i = must[v1.Incident](t)(eva.Incident(ctx, i.ID)); i.Status != incident.Closed || i.Findings != "It was right." || i.Review != closing.ID {
		t.Errorf("%+v", i)
	}

	// Breaches, over pages.
	s.StopExecutor()
	s.breach("plaza:acct/1", actions.Critical)
	s.breach("plaza:acct/2", actions.Protected)
	var got []string
	for cursor := ""; ; {
		p := must[v1.Page[v1.Incident]](t)(kim.Incidents(ctx, v1.IncidentFilter{Cursor: cursor, Limit: 2}))
		for _, i := range p.Items {
			got = append(got, i.Subject.ID)
		}
		if cursor = p.Next; cursor == "" {
			break
		}
	}
	if want := []string{"acct/2", "acct/1", "acct/3"}; !slices.Equal(got, want) {
		t.Errorf("incidents %q, want %q", got, want)
	}
	one := must[v1.Page[v1.Incident]](t)(kim.Incidents(ctx, v1.IncidentFilter{Status: incident.Open, Subject: "plaza:acct/1"}))
	if len(one.Items) != 1 || one.Items[0].Subject.ID != "acct/1" {
		t.Errorf("of one subject: %+v", one.Items)
	}
	ss := must[v1.Page[v1.Sighting]](t)(kim.Sightings(ctx, v1.SightingFilter{Kind: proof.KindBreach, Limit: 1}))
	if len(ss.Items) != 1 || ss.Items[0].Subject != "plaza:acct/2" || ss.Next == "" {
		t.Errorf("sightings: %+v", ss)
	}
	as := must[v1.Page[v1.Alarm]](t)(kim.Alarms(ctx, v1.AlarmFilter{Kind: "breach"}))
	if len(as.Items) != 2 || as.Items[0].Subject != "plaza:acct/2" || as.Items[0].Incident == "" || as.Items[0].Severity != "page" {
		t.Errorf("alarms: %+v", as.Items)
	}
	_, err = kim.Alarms(ctx, v1.AlarmFilter{Cursor: one.Next + "x"})
	wants(t, err, fault.Invalid, "bad-cursor")
}

// Events come in order and once; who comes back with the last one's id misses none.
func TestEvents(t *testing.T) {
	s := serve(t)
	s.StopExecutor()
	kim, ann := s.as("kim"), s.as("ann")
	if err := ann.Events(t.Context(), -1, func(v1.Alarm) error { return nil }); fault.TypeOf(err) != "not-yours-to-read" {
		t.Errorf("ann listens: %v", err)
	}
	var want []string
	for range 3 {
		s.breach("plaza:acct/1", actions.Critical)
		want = append(want, "alarm")
	}
	enough := errors.New("enough")
	read := func(from int64, n int) (got []v1.Alarm) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		err := kim.Events(ctx, from, func(a v1.Alarm) error {
			if got = append(got, a); len(got) == n {
				return enough
			}
			return nil
		})
		if !errors.Is(err, enough) {
			t.Fatalf("events end with %v", err)
		}
		return got
	}
	all := read(-1, len(want))
	if !slices.IsSortedFunc(all, func(a, b v1.Alarm) int { return int(a.Entry - b.Entry) }) || all[0].Kind != "breach" || all[2].Kind != "duel" {
		t.Errorf("%+v", all)
	}
	if again := read(all[0].Entry, 2); again[0] != all[1] || again[1] != all[2] {
		t.Errorf("after the first come %+v", again)
	}

	// A place that this ledger never had: everything from the beginning, and said once.
	var whys []error
	kim.BeginsAgain = func(why error) { whys = append(whys, why) }
	if again := read(1<<40, 3); !slices.Equal(again, all) || len(whys) != 1 || fault.TypeOf(whys[0]) != "cursor-gone" {
		t.Errorf("from beyond the end come %+v, told why %v", again, whys)
	}
	gone, body := s.raw("GET", "/api/v1/events", "", "Authorization", "Bearer "+s.token("kim"), "Last-Event-ID", "1099511627776")
	if gone.StatusCode != http.StatusGone || problemType(body) != "cursor-gone" {
		t.Errorf("events beyond the end: %d %s", gone.StatusCode, body)
	}
	for _, path := range []string{"/api/v1/ledger/entries?after=1099511627776", "/ledger/bodies/governance?from=1099511627776"} {
		if gone, body := s.raw("GET", path, "", "Authorization", "Bearer "+s.token("kim")); gone.StatusCode != http.StatusGone || problemType(body) != "cursor-gone" {
			t.Errorf("%s: %d %s", path, gone.StatusCode, body)
		}
	}

	// As it is on the wire; and a stream ends with its token.
	token := s.token("kim")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/api/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Last-Event-ID", strconv.FormatInt(all[2].Entry, 10))
	res, err := s.http().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%d %s", res.StatusCode, res.Header.Get("Content-Type"))
	}
	lines := bufio.NewScanner(res.Body)
	ts := must[v1.Page[v1.Token]](t)(kim.Tokens(t.Context()))
	if err := kim.RevokeToken(t.Context(), ts.Items[0].ID); err != nil {
		t.Fatal(err)
	}
	s.breach("plaza:acct/1", actions.Critical)
	text := ""
	for lines.Scan() {
		text += lines.Text() + "\n"
	}
	if n := strings.Count(text, "event: alarm\nid: "); n > 0 {
		t.Errorf("after its token was revoked %d alarms came: %s", n, text)
	}
	if strings.Contains(s.log.String(), token) {
		t.Error("the token is in the log")
	}

	for _, bad := range []string{"x", "-3", "1.5"} {
		res, b := s.raw("GET", "/api/v1/events", "", "Authorization", "Bearer "+s.token("kim"), "Last-Event-ID", bad)
		if res.StatusCode != http.StatusBadRequest || problemType(b) != "bad-parameter" {
			t.Errorf("Last-Event-ID %q: %d %s", bad, res.StatusCode, b)
		}
	}
}
