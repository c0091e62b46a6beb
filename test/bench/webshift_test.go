package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/api"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/client"
	"countersign.dev/desk/desktest"
	"countersign.dev/httpd"
	"countersign.dev/web"
)

// What BenchmarkWebShift plays: the handling time of spam is lognormal with a median of twelve
// seconds (casework, realistic loads), and 16 cases in 100 break a rule.
const (
	shiftAgents   = 200
	shiftTime     = time.Minute
	handling      = 12 * time.Second
	handlingSigma = 0.6
	violating     = 0.16
)

// BenchmarkWebShift has 200 agents work for a minute as their browsers do, each with cookie and
// signed proof: a press decides the case, which drafts, signs and keeps the draft, then shows
// the next case while the decision is handed in, and then reads the state of the account now. The
// presses are planned before, whatever the desk does (open loop): each is measured from the instant
// for which it was planned. next-… is from the press until the next case's page is there; answer-… are
// the answers of the server one by one, each from the instant at which the browser asks.
func BenchmarkWebShift(b *testing.B) {
	for _, kind := range kinds {
		b.Run(kind.name, func(b *testing.B) {
			c := newCommit(b, kind.url(b))
			plan := planned(shiftAgents)
			posts := shiftAgents + 50
			for _, presses := range plan {
				posts += len(presses)
			}
			f := newFloorOf(b, kind.url(b), posts, shiftAgents)
			f.bring(f.spam(1, f.posts), 1000)
			f.copied()
			f.settled()
			rest, err := api.New(api.Config{Desk: f.Desk, Version: "bench", Now: time.Now})
			if err != nil {
				b.Fatal(err)
			}
			pages, err := web.New(web.Config{Desk: f.Desk, Now: time.Now})
			if err != nil {
				b.Fatal(err)
			}
			address := serve(b, httpd.Config{Desk: f.Desk, API: rest, Web: pages, Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
			s := &minute{b: b}
			seats := make([]*seat, len(f.agents))
			for i, a := range f.agents {
				seats[i] = s.sit(f.Browser(a.id), address)
				seats[i].next()
			}
			for range warm {
				c.once()
			}
			c.again()
			for range rounds {
				c.once()
			}
			s.answers = nil
			begun := time.Now().Add(time.Second)
			together(len(seats), func(i int) {
				for _, after := range plan[i] {
					at := begun.Add(after)
					time.Sleep(time.Until(at))
					seats[i].press()
					s.count(&s.presses, time.Since(at))
				}
			})
			if b.Failed() {
				return
			}
			s.handed.Wait()
			b.ReportMetric(float64(len(s.presses))/shiftTime.Seconds(), "presses/s")
			b.ReportMetric(float64(len(s.answers))/shiftTime.Seconds(), "answers/s")
			b.ReportMetric(s.presses.p50(), "next-p50-ms")
			b.ReportMetric(s.presses.p95(), "next-p95-ms")
			b.ReportMetric(s.presses.p99(), "next-p99-ms")
			b.ReportMetric(s.answers.p50(), "answer-p50-ms")
			b.ReportMetric(s.answers.p99(), "answer-p99-ms")
			b.ReportMetric(c.took.p50(), "c-ms")
			b.ReportMetric(c.checks.p50(), "v-ms")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// planned are the instants of each agent's presses, after the beginning. They are the same each time.
func planned(agents int) [][]time.Duration {
	random := rand.New(rand.NewPCG(1, 2))
	all := make([][]time.Duration, agents)
	for i := range all {
		took := func() time.Duration {
			return time.Duration(float64(handling) * math.Exp(handlingSigma*random.NormFloat64()))
		}
		for at := time.Duration(random.Float64() * float64(took())); at < shiftTime; at += took() {
			all[i] = append(all[i], at)
		}
	}
	return all
}

// minute is what is measured of a minute's work.
type minute struct {
	b       *testing.B
	mu      sync.Mutex
	answers times
	presses times
	handed  sync.WaitGroup
}

func (s *minute) count(in *times, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*in = append(*in, took)
}

// seat is somebody's browser, with the case that it shows.
type seat struct {
	*minute
	page    desktest.Page
	address string
	client  *client.Client
	random  *rand.Rand
	held    struct {
		id             string
		claim, version int64
	}
}

func (s *minute) sit(p desktest.Page, address string) *seat {
	s.b.Helper()
	at := &seat{minute: s, page: p, address: address, random: rand.New(rand.NewPCG(3, uint64(len(p.Token.Worker))+uint64(p.Token.Created.UnixMicro())))}
	var err error
	if at.client, err = client.New("http://"+address, "", &http.Client{Transport: at}); err != nil {
		s.b.Fatal(err)
	}
	return at
}

// RoundTrip sends a request as the page does, with the cookie and, if it writes, with the proof by
// the session's key.
func (s *seat) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Del("Authorization")
	r.AddCookie(&http.Cookie{Name: "countersign", Value: s.page.Secret})
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	if r.Method != http.MethodGet {
		proof := actions.BrowserProof{Method: r.Method, Target: r.URL.RequestURI(), Token: s.page.Token.ID, At: time.Now().UnixMicro(), Body: canonical.Sum(body)}
		r.Header.Set(httpd.ProofHeader, proof.Token+" "+strconv.FormatInt(proof.At, 10)+" "+base64.RawURLEncoding.EncodeToString(s.page.Proves(proof)))
	}
	begun := time.Now()
	res, err := kept.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	whole, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	s.count(&s.answers, time.Since(begun))
	res.Body = io.NopCloser(bytes.NewReader(whole))
	return res, err
}

// kept keeps the connections of all seats.
var kept = &http.Transport{MaxIdleConnsPerHost: 2 * shiftAgents}

func (s *seat) ask(method, path, body string) string {
	r, err := http.NewRequestWithContext(s.b.Context(), method, "http://"+s.address+path, bytes.NewReader([]byte(body)))
	if err != nil {
		s.b.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Countersign-Fragment", "1")
	res, err := s.RoundTrip(r)
	if err != nil {
		s.b.Errorf("%s %s: %v", method, path, err)
		return ""
	}
	text, _ := io.ReadAll(res.Body) // it is read already
	if res.StatusCode >= 300 {
		s.b.Errorf("%s %s answers %s: %s", method, path, res.Status, text)
	}
	return string(text)
}

var (
	heldCase  = regexp.MustCompile(`data-case="([^"]+)"`)
	heldShown = regexp.MustCompile(`data-shown="([^"]+)"`)
)

// next has the next case shown.
func (s *seat) next() {
	page := s.ask(http.MethodPost, "/next", "{}")
	id, shown := heldCase.FindStringSubmatch(page), heldShown.FindStringSubmatch(page)
	var of struct{ Claim, Version int64 }
	if id == nil || shown == nil || json.Unmarshal([]byte(html.UnescapeString(shown[1])), &of) != nil {
		s.b.Fatalf("the page of the next case is %s", page)
	}
	s.held.id, s.held.claim, s.held.version = id[1], of.Claim, of.Version
}

// press decides the case and shows the next.
func (s *seat) press() {
	j := v1.Judgement{Claim: s.held.claim, Version: s.held.version, Verdict: actions.CaseNoViolation, Key: s.page.Session.Session.Key, Session: s.page.Session.Session.Digest()}
	if s.random.Float64() < violating {
		j.Verdict, j.Rule, j.Reasons = actions.CaseViolation, 1, "It is spam."
	}
	of := s.held.id
	d, err := s.client.DraftDecision(s.b.Context(), of, j)
	if err != nil {
		s.b.Error(err)
		return
	}
	body := d.Sign(func(c [32]byte) actions.Signature {
		return actions.Signature{Signature: ed25519.Sign(s.page.Key, c[:])}
	})
	s.ask(http.MethodPost, v1.Base+"/cases/"+of+"/draft", fmt.Sprintf(`{"verdict":%q}`, j.Verdict))
	s.handed.Go(func() {
		if _, err := s.client.Decide(context.WithoutCancel(s.b.Context()), of, body, 0); err != nil {
			s.b.Errorf("the decision of %s: %v", of, err)
		}
	})
	s.next()
	now := s.held.id
	s.handed.Go(func() { s.ask(http.MethodGet, "/cases/"+now+"/now", "") })
}
