package plaza_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/plaza"
	"countersign.dev/sqldb"
)

// reportsMany makes reports by a program of an owner.
func (to *town) reportsMany(token string, first, last int) {
	to.t.Helper()
	for n := first; n <= last; n++ {
		to.want(201, "POST", "/owner/v1/reports", token, fmt.Sprint("many-", n), fmt.Sprintf(`{"subject":"post/%d","reason":"spam","text":"report %d"}`, 1+n%4, n))
	}
}

// ids are the external identifiers of reports.
func ids(first, last int) []string {
	var all []string
	for n := first; n <= last; n++ {
		all = append(all, fmt.Sprint("report-", n))
	}
	return all
}

func states(state string, n int) []string { return slices.Repeat([]string{state}, n) }

// databases are those of a test that opens a plaza again and again.
var databases = map[string]func(*testing.T) string{
	"sqlite":   func(t *testing.T) string { return "sqlite:" + t.TempDir() + "/plaza.db" },
	"postgres": postgres,
}

// TestKilledBeforePush: reports that were made while nothing could be sent, by a plaza that
// then ended, go out in their order once it is started again.
func TestKilledBeforePush(t *testing.T) {
	for name, database := range databases {
		t.Run(name, func(t *testing.T) {
			dsn, d := database(t), newDesk()
			first := townOn(t, dsn) // sends nothing, as one that is killed before it could
			first.seed()
			first.reportsMany(first.ownerToken("acct/2"), 1, 7)
			first.server.Close()
			second := townOn(t, dsn, d.serve(t))
			second.settled(states("received", 7)...)
			if !slices.Equal(d.came, ids(1, 7)) {
				t.Errorf("the desk got %v", d.came)
			}
			second.reportsMany(second.ownerToken("acct/1"), 8, 8)
			second.settled(states("received", 8)...)
		})
	}
}

// TestLostAnswer: the desk took the reports and nobody heard it. They are sent again under
// the same names, byte for byte, and are acknowledged once.
func TestLostAnswer(t *testing.T) {
	for name, database := range databases {
		t.Run(name, func(t *testing.T) {
			d := newDesk()
			d.lost = 3
			to := townOn(t, database(t), d.serve(t))
			to.seed()
			to.reportsMany(to.ownerToken("acct/2"), 1, 3)
			rows := to.settled(states("received", 3)...)
			d.mu.Lock()
			defer d.mu.Unlock()
			if len(d.known) != 3 || len(d.differs) > 0 || len(d.came) <= 3 {
				t.Errorf("the desk knows %d reports, of %v; came with other bytes: %v", len(d.known), d.came, d.differs)
			}
			for i, r := range rows {
				if r.receipt != fmt.Sprint("rep_report-", i+1) {
					t.Errorf("%+v", r)
				}
			}
		})
	}
}

// TestKilledBeforeKept: plaza ends after the desk took the reports and before the answer was
// kept. The next one sends them again, and the desk counts them once.
func TestKilledBeforeKept(t *testing.T) {
	for name, database := range databases {
		t.Run(name, func(t *testing.T) {
			dsn, d := database(t), newDesk()
			first := townOn(t, dsn, d.serve(t), func(c *plaza.Config) {
				c.Reports.Client = &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
					res, err := http.DefaultTransport.RoundTrip(r)
					if err == nil {
						res.Body.Close()
					}
					return nil, errors.New("the process ends here")
				})}
			})
			first.seed()
			first.reportsMany(first.ownerToken("acct/2"), 1, 2)
			d.until(t, "both reports are there", func() bool { return len(d.known) == 2 })
			first.server.Close()
			if rows := first.settled("waiting", "waiting"); rows[0].body == "" {
				t.Errorf("%+v", rows)
			}
			townOn(t, dsn, d.serve(t)).settled("received", "received")
			if len(d.known) != 2 || len(d.differs) > 0 {
				t.Errorf("the desk knows %v, with other bytes %v", d.known, d.differs)
			}
		})
	}
}

type transport func(*http.Request) (*http.Response, error)

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

// TestOrder: reports come in the order in which they were made, also when many wait, when
// the desk is down and when it takes only a few at once.
func TestOrder(t *testing.T) {
	for name, database := range databases {
		t.Run(name, func(t *testing.T) {
			dsn, d := database(t), newDesk()
			d.down, d.most = []int{503, 401, 429, 500, 403, 404}, 6
			first := townOn(t, dsn)
			first.seed()
			first.reportsMany(first.ownerToken("acct/2"), 1, 40)
			to := townOn(t, dsn, d.serve(t))
			to.settled(states("received", 40)...)
			if !slices.Equal(d.came, ids(1, 40)) {
				t.Errorf("the desk got %v", d.came)
			}
			if len(d.down) > 0 || d.requests < 6+40/6 {
				t.Errorf("%d requests, and %v to come", d.requests, d.down)
			}
		})
	}
}

// TestRefusedReports: a report that the desk refuses does not hold up the others; staff see
// why, and send it again.
func TestRefusedReports(t *testing.T) {
	for name, database := range databases {
		t.Run(name, func(t *testing.T) {
			dsn, d := database(t), newDesk()
			d.refuses["report-2"] = "not-your-platform"
			d.forgets["report-3"] = true
			to := townOn(t, dsn, d.serve(t))
			to.seed()
			eve := to.ownerToken("acct/2")
			to.reportsMany(eve, 1, 4)
			rows := to.settled("received", "refused", "waiting", "received")
			if rows[1].problem != "not-your-platform" || rows[1].body == "" || rows[1].receipt != "" {
				t.Errorf("%+v", rows[1])
			}
			// The one without an answer is sent again and again.
			d.mu.Lock()
			alone := count(d.came, "report-3")
			d.mu.Unlock()
			d.until(t, "report 3 came again by itself", func() bool { return count(d.came, "report-3") > alone+2 })
			_, page := to.console("GET", "/console", to.staff, nil)
			for _, text := range []string{"report-2", "not-your-platform", "It is not-your-platform.", "They wait", "says nothing of the reports"} {
				if !strings.Contains(page, text) {
					t.Errorf("the console does not say %q", text)
				}
			}
			d.mu.Lock()
			delete(d.refuses, "report-2")
			delete(d.forgets, "report-3")
			before := count(d.came, "report-2")
			d.mu.Unlock()
			to.settled("received", "refused", "received", "received")
			if n := count(d.came, "report-2"); n != before {
				t.Errorf("what was refused came %d times, then %d", before, n)
			}
			if page := to.look("/account/reports", eve); !strings.Contains(page, "Could not be passed on") {
				t.Error("the reporter is not told that it could not be passed on")
			}
			for form, status := range map[string]int{"report=0": 400, "report=x": 400, "": 400, "report=2": 303} {
				v, _ := url.ParseQuery(form)
				if res, _ := to.console("POST", "/console/reports", to.staff, v); res.StatusCode != status {
					t.Errorf("%s: %s", form, res.Status)
				}
			}
			if res, _ := to.console("POST", "/console/reports", "nobody", url.Values{"report": {"all"}}); res.Header.Get("Location") != "/console" {
				t.Errorf("nobody sends again: %s", res.Status)
			}
			to.settled(states("received", 4)...)
			if len(d.differs) > 0 {
				t.Errorf("came with other bytes: %v", d.differs)
			}
		})
	}
}

func count(all []string, one string) (n int) {
	for _, s := range all {
		if s == one {
			n++
		}
	}
	return n
}

// TestWholeRequestRefused: what the desk refuses as a whole is halved until the report that
// it cannot take stands alone; the others go in.
func TestWholeRequestRefused(t *testing.T) {
	for name, database := range databases {
		t.Run(name, func(t *testing.T) {
			dsn, d := database(t), newDesk()
			first := townOn(t, dsn)
			first.seed()
			first.reportsMany(first.ownerToken("acct/2"), 1, 9)
			to := townOn(t, dsn, d.serve(t), func(c *plaza.Config) {
				c.Reports.Client = &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
					if r.Method == "POST" {
						body, err := r.GetBody()
						if err != nil {
							return nil, err
						}
						b, err := io.ReadAll(body)
						if err != nil {
							return nil, err
						}
						if strings.Contains(string(b), `"external_id":"report-5"`) {
							return answer(422, "unprocessable"), nil
						}
					}
					return http.DefaultTransport.RoundTrip(r)
				})}
			})
			want := states("received", 9)
			want[4] = "refused"
			rows := to.settled(want...)
			if rows[4].problem != "unprocessable" {
				t.Errorf("%+v", rows[4])
			}
			if !slices.Equal(d.came, append(ids(1, 4), ids(6, 9)...)) {
				t.Errorf("the desk got %v", d.came)
			}
		})
	}
}

// answer is a refusal of the desk.
func answer(status int, kind string) *http.Response {
	w := newAnswer()
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"type":"/problems/%s","title":"t","status":%d,"detail":"It is %s."}`, kind, status, kind)
	return w.Result()
}

// TestAnswersThatSettleNothing: an answer that is no answer of the protocol acknowledges
// nothing and refuses nothing, and the console says what is wrong.
func TestAnswersThatSettleNothing(t *testing.T) {
	bad := map[string]func() *http.Response{
		"not JSON":         func() *http.Response { return text(200, "ok") },
		"nothing":          func() *http.Response { return text(200, "") },
		"no answers":       func() *http.Response { return text(200, `{"answers":[]}`) },
		"another's answer": func() *http.Response { return text(200, `{"answers":[{"external_id":"report-9","id":"rep_9"}]}`) },
		"no identifier":    func() *http.Response { return text(200, `{"answers":[{"external_id":"report-1","id":"","case":"c"}]}`) },
		"a long one": func() *http.Response {
			return text(200, `{"answers":[{"external_id":"report-1","id":"`+strings.Repeat("x", 300)+`"}]}`)
		},
		"a long promise": func() *http.Response {
			return text(200, `{"answers":[{"external_id":"report-1","id":"rep_1","promise":"`+strings.Repeat("x", 20<<10)+`"}]}`)
		},
		"an error of no type": func() *http.Response {
			return text(200, `{"answers":[{"external_id":"report-1","error":{"type":"","detail":"d"}}]}`)
		},
		"400 of a proxy":    func() *http.Response { return text(400, "<html>Bad request</html>") },
		"redirect":          func() *http.Response { return text(302, "") },
		"an endless answer": func() *http.Response { return text(200, strings.Repeat(" ", 9<<20)) },
		"500":               func() *http.Response { return answer(500, "internal") },
		"401":               func() *http.Response { return answer(401, "bad-token") },
	}
	for name, one := range bad {
		t.Run(name, func(t *testing.T) {
			d := newDesk()
			asked := make(chan bool)
			to := townOn(t, databases["sqlite"](t), d.serve(t), func(c *plaza.Config) {
				c.Reports.Client = &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
					select {
					case wrong := <-asked:
						if wrong {
							return one(), nil
						}
						return http.DefaultTransport.RoundTrip(r)
					case <-r.Context().Done():
						return nil, r.Context().Err()
					}
				}), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
			})
			to.seed()
			to.reportsMany(to.ownerToken("acct/2"), 1, 1)
			for range 3 {
				asked <- true
			}
			if rows := to.reports(); rows[0].state != "waiting" || rows[0].body == "" {
				t.Fatalf("%+v", rows)
			}
			if _, page := to.console("GET", "/console", to.staff, nil); !strings.Contains(page, "They wait") || !strings.Contains(page, `role="alert"`) {
				t.Error("the console says nothing of it")
			}
			asked <- false
			close(asked)
			to.settled("received")
		})
	}
}

// TestTokenFails: without a token nothing is sent and nothing is lost, and it is tried again
// soon, however often it failed: the key may be there any moment.
func TestTokenFails(t *testing.T) {
	d := newDesk()
	tries := 0
	to := townOn(t, databases["sqlite"](t), d.serve(t), func(c *plaza.Config) {
		c.Reports.Token = func(context.Context) (string, error) {
			if tries++; tries < 40 {
				return "", errors.New("the key is locked")
			}
			return "at-last", nil
		}
	})
	to.seed()
	to.reportsMany(to.ownerToken("acct/2"), 1, 1)
	to.settled("received")
	if d.requests != 1 || d.tokens[0] != "Bearer at-last" {
		t.Errorf("%d requests with %v", d.requests, d.tokens)
	}
}

// TestTokenRefused: a token that the desk refuses is not sent for ever.
func TestTokenRefused(t *testing.T) {
	d := newDesk()
	d.down = []int{401}
	token := "old"
	to := townOn(t, databases["sqlite"](t), d.serve(t), func(c *plaza.Config) {
		c.Reports.Token = func(context.Context) (string, error) { return token, nil }
		c.Reports.Forget = func(refused string) { token = "not " + refused }
	})
	to.seed()
	to.reportsMany(to.ownerToken("acct/2"), 1, 1)
	to.settled("received")
	if want := []string{"Bearer old", "Bearer not old"}; !slices.Equal(d.tokens[:2], want) {
		t.Errorf("the tokens were %v", d.tokens)
	}
}

// TestTwoOutboxes: two processes on one database may both send a report; it is acknowledged
// once and the desk counts it once.
func TestTwoOutboxes(t *testing.T) {
	dsn, d := postgres(t), newDesk()
	edit := d.serve(t)
	one, two := townOn(t, dsn, edit), townOn(t, dsn, edit)
	one.seed()
	eve, other := one.ownerToken("acct/2"), one.ownerToken("acct/1")
	for n := range 20 {
		one.want(201, "POST", "/owner/v1/reports", eve, fmt.Sprint("k", n), `{"subject":"post/1","reason":"spam"}`)
		two.want(201, "POST", "/owner/v1/reports", other, fmt.Sprint("k", n), `{"subject":"post/1","reason":"spam"}`)
	}
	rows := one.settled(states("received", 40)...)
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.known) != 40 || len(d.differs) > 0 {
		t.Errorf("the desk knows %d, with other bytes %v", len(d.known), d.differs)
	}
	for i, r := range rows {
		if r.receipt != fmt.Sprint("rep_report-", i+1) || r.body != "" {
			t.Errorf("%+v", r)
		}
	}
}

// TestReportAndOutboxTogether: if what is to be sent cannot be written, there is no report
// either.
func TestReportAndOutboxTogether(t *testing.T) {
	to := newTown(t, nil)
	to.seed()
	exec := func(statement string) {
		t.Helper()
		if err := to.db.Write(context.Background(), func(tx *sqldb.Tx) error { _, err := tx.Exec(statement); return err }); err != nil {
			t.Fatal(err)
		}
	}
	exec(`create trigger broken before insert on outbox begin select raise(abort, 'broken'); end`)
	eve := to.ownerToken("acct/2")
	to.want(500, "POST", "/owner/v1/reports", eve, "k", `{"subject":"post/1","reason":"spam"}`)
	exec(`drop trigger broken`)
	if rows := to.reports(); len(rows) != 0 {
		t.Errorf("%+v", rows)
	}
	to.want(201, "POST", "/owner/v1/reports", eve, "k", `{"subject":"post/1","reason":"spam"}`)
}

// TestOutboxEnds: Close ends what is under way, also while the desk does not answer.
func TestOutboxEnds(t *testing.T) {
	asked := make(chan struct{}, 16)
	to := townOn(t, databases["sqlite"](t), func(c *plaza.Config) {
		c.Reports = plaza.Reports{URL: "http://desk.example", Client: &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
			asked <- struct{}{}
			<-r.Context().Done()
			return nil, r.Context().Err()
		})}}
	})
	to.seed()
	to.reportsMany(to.ownerToken("acct/2"), 1, 1)
	<-asked
	ended := make(chan struct{})
	go func() {
		to.server.Close()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("Close does not end")
	}
}
