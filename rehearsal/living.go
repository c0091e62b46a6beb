package rehearsal

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/plaza"
)

// day is a day's work of 40 simulated people, who do everything by the commands of this program,
// and of the people on plaza who report.
type day struct {
	*demo
	// random and clock are all that the day's course depends on, beside what visitors do.
	mu     sync.Mutex
	random *rand.Rand
	clock  clock

	agents, leads []string
	reporters     []string             // tokens of owners of accounts on plaza
	breaks        map[string]violation // by post
	bells         chan struct{}        // of cases, for agents who are free
}

// clock is how a day's people wait.
type clock interface {
	wait(ctx context.Context, d time.Duration) error
}

// wallClock is the clock on the wall.
type wallClock struct{}

func (wallClock) wait(ctx context.Context, d time.Duration) error { return pause(ctx, d) }

// Loads of the day: casework's measures.
const (
	arrival      = 3500 * time.Millisecond // mean time between two subjects that are reported
	perSubject   = 1.4                     // reports of a subject, in the mean
	violating    = 0.16                    // share of the subjects that break a rule
	pictureShare = 0.4                     // share of those that have a picture
	known        = 0.2                     // share of those that an account of some rank posts
	doubtful     = 0.03                    // share of the cases that an agent escalates
	stock        = 8                       // cases that wait in the mean, for visitors to take
	agentsEach   = 12                      // of each vendor
	plazaPeople  = 60                      // who report
)

// violation is a way to break a rule, with texts of a made-up world.
type violation struct {
	rule   string
	reason string // one of plaza's
	texts  []string
	says   []string // whoever reports it
}

var violations = []violation{
	{"1", "spam", []string{"Double your coins by midnight!!! Only for the first 500 who write to me.", "FREE FLIGHTS to Orlen. Click, click, click.", "I sell followers. 1,000 for the price of a coffee."},
		[]string{"The same offer again and again.", "Spam, for the fifth time today.", "A robot, surely."}},
	{"5", "harassment", []string{"Nobody in this town can stand the baker from Mill Lane. Tell her so, all of you.", "You, the cello woman: stop it, or we will make you stop.", "Look at this face. Write to him what you think of it. Again and again."},
		[]string{"This is about my neighbour.", "A whole group does this to her.", "Please make it stop."}},
	{"3", "impersonation", []string{"This is the real Treasury of Meridia. Send your card number for the refund.", "I am Mayor Brandt's new account. The old one is a fake."},
		[]string{"This is not the mayor.", "A false account."}},
	{"8", "sexual", []string{"Nothing on tonight, and I mean nothing. Pictures for everybody."},
		[]string{"My children see this.", "Put a warning on it."}},
}

// innocent is what people say who report a post that breaks no rule.
var innocent = []struct{ reason, text string }{
	{"spam", "I see this everywhere."}, {"other", "I do not like it."}, {"other", "Is this allowed?"}, {"spam", "Boring."},
	{"harassment", "He means me, I think."}, {"hate", "This is against people who bake at night."}, {"other", "Look at it, please."},
}

// Medians of handling times, and the spread of their logarithms.
const (
	quick  = 12 * time.Second
	text   = 45 * time.Second
	slow   = 150 * time.Second
	spread = 0.5
)

// handling is the time that a case takes a person.
func handling(random *rand.Rand, reason string) time.Duration {
	median := text
	switch {
	case strings.HasPrefix(reason, "Misleading"):
		median = quick
	case strings.HasPrefix(reason, "Harassment"), strings.HasPrefix(reason, "Violence"):
		median = slow
	}
	return min(time.Duration(float64(median)*math.Exp(spread*random.NormFloat64())), 4*time.Minute)
}

// newDay gives 40 people keys, tokens, sessions and a place at the desk, and people on plaza
// accounts.
func newDay(ctx context.Context, d *demo) (*day, error) {
	a := &day{demo: d, random: rand.New(rand.NewPCG(40, 2017)), clock: wallClock{}, breaks: map[string]violation{}, bells: d.bells}
	for _, v := range demoVendors {
		for n := 10; len(a.agents)%agentsEach != 0 || n == 10; n++ {
			if n%12 != 2 { // those are leads
				a.agents = append(a.agents, fmt.Sprintf("%s-%03d", v.prefix, n))
			}
		}
	}
	a.leads = []string{"em-013", "em-022", "em-031", "te-014"}
	all := slices.Concat(a.agents, a.leads)
	if err := d.giveKeys(ctx, all...); err != nil {
		return nil, err
	}
	for _, w := range all {
		d.environment[d.home(w)] = d.agent.environment()
		if r := d.as(ctx, w, "worker", "accounts", "--none"); r.err != nil {
			return nil, r.err
		}
		if r := d.as(ctx, w, "session", "start", "--for", "10h"); r.err != nil {
			return nil, r.err
		}
	}
	for i := range plazaPeople {
		var owner struct {
			Token string `json:"token"`
		}
		if _, err := call(ctx, http.DefaultClient, http.MethodPost, d.on.PlazaURL+"/staff/v1/owners", "Bearer "+d.setup, nil, map[string]string{"account": d.people[100+17*i]}, &owner); err != nil {
			return nil, err
		}
		a.reporters = append(a.reporters, owner.Token)
	}
	return a, nil
}

// chance reports whether something happens that has a probability.
func (a *day) chance(p float64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.random.Float64() < p
}

// oneOf draws a number below n.
func (a *day) oneOf(n int) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.random.IntN(n)
}

// span draws a time with a mean: many are short, and few are long.
func (a *day) span(mean time.Duration) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return time.Duration(a.random.ExpFloat64() * float64(mean))
}

// live lets the day go on until ctx ends. What one of its people cannot do is left for the
// next: no fault of theirs ends the demo.
func (a *day) live(ctx context.Context) {
	work := make(chan struct{}, 1000)
	var people sync.WaitGroup
	for _, w := range a.agents {
		people.Go(func() { a.work(ctx, w, work) })
	}
	for _, w := range a.leads {
		people.Go(func() { a.countersigns(ctx, w) })
	}
	// At first there is a stock.
	for range stock {
		_ = a.reported(ctx)
	}
	arrives := time.NewTimer(a.span(arrival))
	defer arrives.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-a.bells:
			_ = a.reported(ctx) // a visitor's case, which no agent is called for
			continue
		case <-arrives.C:
			arrives.Reset(a.span(arrival))
			if a.reported(ctx) == nil {
				select {
				case work <- struct{}{}:
				default: // more waits than anybody can take
				}
			}
		}
	}
	people.Wait()
}

// reported has people on plaza report one subject.
func (a *day) reported(ctx context.Context) error {
	post, reason, says := a.world[a.oneOf(len(a.world))].id, "", ""
	if a.chance(violating) {
		v := violations[a.oneOf(len(violations))]
		var err error
		if post, err = a.post(ctx, v); err != nil {
			return err
		}
		reason, says = v.reason, v.says[a.oneOf(len(v.says))]
	} else {
		r := innocent[a.oneOf(len(innocent))]
		reason, says = r.reason, r.text
	}
	times := 1
	for a.chance(1 - 1/perSubject) {
		times++
	}
	first := a.oneOf(len(a.reporters))
	for i := range min(times, 5) {
		if err := a.reportAs(ctx, a.reporters[(first+i)%len(a.reporters)], post, reason, says); err != nil {
			return err
		}
	}
	return nil
}

// post has somebody on plaza post what breaks a rule.
func (a *day) post(ctx context.Context, v violation) (string, error) {
	p := plaza.NewPost{Account: a.people[6+a.oneOf(len(a.people)-6)], Text: v.texts[a.oneOf(len(v.texts))], At: canonical.At(time.Now())}
	if a.chance(known) {
		p.Account = a.people[3+a.oneOf(2)]
	}
	if a.chance(pictureShare) {
		file, alt, err := plaza.Scene(fmt.Sprint(p.Text, a.oneOf(1000)))
		if err != nil {
			return "", err
		}
		p.Pictures = append(p.Pictures, plaza.NewPicture{Data: file, Alt: alt})
	}
	var posted struct {
		Posts []struct {
			ID string `json:"id"`
		} `json:"posts"`
	}
	if err := a.setUp(ctx, a.setup, "posts", []plaza.NewPost{p}, &posted); err != nil {
		return "", err
	}
	a.mu.Lock()
	a.breaks[posted.Posts[0].ID] = v
	a.mu.Unlock()
	return posted.Posts[0].ID, nil
}

// reportAs sends plaza's form for a report, as the owner of an account does.
func (a *day) reportAs(ctx context.Context, owner, subject, reason, text string) error {
	send := func(method, path string, form url.Values) (string, error) {
		req, err := http.NewRequestWithContext(ctx, method, a.on.PlazaURL+path, strings.NewReader(form.Encode()))
		if err != nil {
			return "", fmt.Errorf("report %s: %w", subject, err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.AddCookie(&http.Cookie{Name: plaza.OwnerCookie, Value: owner})
		h := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Timeout: 20 * time.Second}
		res, err := h.Do(req)
		if err != nil {
			return "", fmt.Errorf("report %s: %w", subject, err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
		if err == nil && res.StatusCode >= http.StatusBadRequest {
			err = fault.New(fault.Unavailable, "play-failed", "Plaza did not take the report of %s: %s.", subject, res.Status)
		}
		return string(body), err
	}
	page, err := send(http.MethodGet, "/report?subject="+url.QueryEscape(subject), nil)
	if err != nil {
		return err
	}
	key := hiddenKey.FindStringSubmatch(page)
	if key == nil {
		return fault.New(fault.Unavailable, "play-failed", "Plaza shows no form for a report of %s.", subject)
	}
	_, err = send(http.MethodPost, "/report", url.Values{"subject": {subject}, "reason": {reason}, "text": {text}, "key": {key[1]}})
	return err
}

// work is an agent's day: wait for a case, judge it, decide it.
func (a *day) work(ctx context.Context, worker string, bells <-chan struct{}) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-bells:
		}
		_ = a.judge(ctx, worker)
	}
}

// judge takes the next case and decides it after the time that a person needs.
func (a *day) judge(ctx context.Context, worker string) error {
	// A report is on its way from plaza for a second or so.
	if err := a.clock.wait(ctx, 2*time.Second+a.span(2*time.Second)); err != nil {
		return err
	}
	var t v1.Claimed
	if err := a.as(ctx, worker, "case", "next").decoded(&t); err != nil {
		return err
	}
	reason := ""
	if len(t.Shown.Reports) > 0 {
		reason = string(t.Shown.Reports[0].Reason)
	}
	a.mu.Lock()
	takes := handling(a.random, reason)
	v, breaks := a.breaks[t.Case.Subject.ID]
	a.mu.Unlock()
	if err := a.clock.wait(ctx, takes); err != nil {
		return err
	}
	switch {
	case a.chance(doubtful):
		return a.as(ctx, worker, "case", "escalate", t.Case.ID, "--question", "I am not sure about this one. What do you think?").err
	case breaks:
		return a.as(ctx, worker, "case", "decide", t.Case.ID, "--verdict", "violation", "--rule", v.rule, "--wait", "0s").err
	}
	return a.as(ctx, worker, "case", "decide", t.Case.ID, "--verdict", "no-violation").err
}

// countersigns is a lead's day: read what waits for another person, and sign it.
func (a *day) countersigns(ctx context.Context, worker string) {
	seen := map[string]bool{}
	for {
		if a.clock.wait(ctx, 15*time.Second+a.span(30*time.Second)) != nil {
			return
		}
		c, err := a.client(worker)
		if err != nil {
			continue
		}
		held, err := c.Requests(ctx, v1.RequestFilter{Status: actions.StatusHeld, Platform: "plaza", Limit: 20})
		if err != nil {
			continue
		}
		for _, r := range held.Items {
			// What the visitor is asked about, the visitor signs.
			if seen[r.ID] || r.Requester == asker || r.Action.Subject.Platform == "desk" {
				continue
			}
			seen[r.ID] = true
			if a.clock.wait(ctx, 5*time.Second+a.span(10*time.Second)) != nil {
				return
			}
			a.as(ctx, worker, "action", "countersign", r.ID)
			break
		}
		// What agents escalated waits for a lead.
		_ = a.judge(ctx, worker)
	}
}
