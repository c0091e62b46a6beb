package rehearsal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"

	"countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/cli"
	"countersign.dev/client"
	"countersign.dev/fault"
	"countersign.dev/incident"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
)

// Observe watches, as a process of its own, while a way in is played. It knows a public
// address, at which anybody sees whether an account is up, and a desk with the token of a
// worker who may read there. It shares nothing with the watch, has no platform's
// credential, and learns only the times of the play.
//
// It reads lines of JSON: first what to look at (lookout), at the end when the attacker
// called and was answered (played). It writes lines of JSON: each change that it sees
// (sighting), and at last a summary (observation). It ends with its input.
type Observe struct{}

// lookout tells the observer what to look at.
type lookout struct {
	// Page is plaza's public page of the account. Repo is used instead on a PDS: the address
	// of com.atproto.sync.getRepoStatus for the account.
	Page    string `json:"page,omitzero"`
	Repo    string `json:"repo,omitzero"`
	Every   int64  `json:"every_ms"` // how often to look
	Desk    string `json:"desk"`     // address
	Token   string `json:"token"`
	Subject string `json:"subject"` // whose incident to look for, PLATFORM:ID
	// People and Requests say whose refusals to look for in the ledger. They are set where
	// no incident can come since nothing reaches the platform.
	People   []string `json:"people,omitzero"`
	Requests []string `json:"requests,omitzero"`
	// Forged says that another person may be signed in as them, so that a refusal does not
	// tell who was refused.
	Forged bool `json:"forged,omitzero"`
}

// played says when the attacker's first call was sent and the last one answered, by the
// clock of this machine.
type played struct {
	Sent     canonical.Time `json:"sent"`
	Answered canonical.Time `json:"answered"`
}

// sighting is one line of the observer: ready, a status of the account, noticed,
// attributed, or report.
type sighting struct {
	Event       string         `json:"event"`
	At          canonical.Time `json:"at"`
	Text        string         `json:"text,omitzero"`
	Observation *observation   `json:"observation,omitzero"`
}

// The events of a sighting that are not statuses.
const (
	sightReady      = "ready"
	sightNoticed    = "noticed"
	sightAttributed = "attributed"
	sightReport     = "report"
)

// observation is the observer's summary.
type observation struct {
	Polls      int  `json:"polls"`
	Unanswered int  `json:"unanswered"` // polls without an answer
	Up         bool `json:"up"`         // the last poll said so; an account with a label is not up here
	// AwayMS is the longest time in which the account was not seen up: from the start of the
	// last poll that saw it up to the answer of the next one that did. It is never shorter
	// than the account was down; a time without answers counts.
	AwayMS float64 `json:"away_ms"`
	// UpShare is the share of a time in which the account was seen up by two polls one after
	// the other, so that it is never larger than the true share. The time runs from the
	// start of the first poll after the attacker's first call to the answer of the
	// attacker's last call.
	UpShare float64 `json:"up_share"`
	// Seen is the time at which a poll first saw it not up; zero: none did.
	Seen canonical.Time `json:"seen"`
	// Again is the time at which a poll was answered that saw it up, was sent after the
	// attacker had the last answer, and was followed only by polls that saw it up; zero:
	// none.
	Again      canonical.Time `json:"again"`
	Noticed    canonical.Time `json:"noticed"`
	NoticedBy  string         `json:"noticed_by"`
	Attributed canonical.Time `json:"attributed"`
	To         string         `json:"attributed_to"`
}

func (c *Observe) Run(ctx context.Context, s *cli.Session) error {
	lines := bufio.NewScanner(s.Stdin)
	lines.Buffer(nil, 1<<20)
	var orders lookout
	if err := readLine(lines, &orders); err != nil {
		return err
	}
	o, err := newObserver(ctx, orders, s.Stdout)
	if err != nil {
		return err
	}
	defer o.http.CloseIdleConnections()
	looking, stop := context.WithCancel(ctx)
	defer stop()
	var both sync.WaitGroup
	both.Go(func() { o.every(looking, o.lookAtAccount) })
	both.Go(func() { o.every(looking, o.lookAtDesk) })
	var p played
	err = readLine(lines, &p)
	stop()
	both.Wait()
	if err != nil {
		return err
	}
	return s.Answer(sighting{Event: sightReport, At: canonical.At(o.now()), Observation: o.report(p)}, func(*cli.Page) {})
}

func readLine(lines *bufio.Scanner, into any) error {
	if !lines.Scan() {
		return fault.New(fault.Unavailable, "left-alone", "Whoever started the observer is gone.").Because(lines.Err())
	}
	if err := json.Unmarshal(lines.Bytes(), into, json.RejectUnknownMembers(true)); err != nil {
		return fault.New(fault.Invalid, "bad-lookout", "This is not what an observer is told.").Because(err)
	}
	return nil
}

// poll is one look at the public address.
type poll struct {
	sent, answered time.Time
	status         string // up, down and so on; empty: the poll had no answer
}

type observer struct {
	lookout
	desk  *client.Client
	http  *http.Client
	begun time.Time // with a monotonic reading: a clock that is set in between changes nothing
	next  int64     // index of the first ledger entry not looked at

	incident string        // the open incident about the account
	askAt    time.Time     // when to ask next whom the incident names
	asked    time.Duration // the last wait

	mu    sync.Mutex
	out   io.Writer
	polls []poll
	seen  observation // what the desk told
}

// pollTime bounds one poll. The account counts as away meanwhile.
const pollTime = 2 * time.Second

func newObserver(ctx context.Context, orders lookout, out io.Writer) (*observer, error) {
	if (orders.Page == "") == (orders.Repo == "") || orders.Every < 1 {
		return nil, fault.New(fault.Invalid, "bad-lookout", "An observer looks at a page or at a repository, every so many milliseconds.")
	}
	o := &observer{lookout: orders, http: &http.Client{Timeout: pollTime}, begun: time.Now(), out: out}
	desk, err := client.New(orders.Desk, orders.Token, o.http)
	if err != nil {
		return nil, err
	}
	desk.Attempts = 1 // it asks again soon enough
	o.desk = desk
	status, err := desk.Status(ctx)
	if err != nil {
		return nil, err
	}
	o.next = status.Ledger.Size
	return o, nil
}

func (o *observer) now() time.Time { return o.begun.Add(time.Since(o.begun)) }

// every looks again and again, each time one pace after the last look began.
func (o *observer) every(ctx context.Context, look func(context.Context)) {
	tick := time.NewTicker(time.Duration(o.Every) * time.Millisecond)
	defer tick.Stop()
	for {
		look(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// tell writes a line. If its reader is gone, the end of the input says so.
func (o *observer) tell(event, text string, at time.Time) {
	b, err := json.Marshal(sighting{Event: event, At: canonical.At(at), Text: text})
	if err == nil {
		_, _ = fmt.Fprintf(o.out, "%s\n", b)
	}
}

func (o *observer) lookAtAccount(ctx context.Context) {
	p := poll{sent: o.now()}
	p.status = o.status(ctx)
	p.answered = o.now()
	if ctx.Err() != nil {
		return // cut off by our own end
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	before := ""
	if n := len(o.polls); n > 0 {
		before = o.polls[n-1].status
	} else if p.status != "" {
		o.tell(sightReady, "", p.answered)
	} else {
		return // not begun yet
	}
	o.polls = append(o.polls, p)
	if p.status != before && p.status != "" {
		o.tell(p.status, "", p.answered)
	}
}

// status is the account's status at the public address; empty: no answer.
func (o *observer) status(ctx context.Context) string {
	address := o.Page + o.Repo
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return ""
	}
	res, err := o.http.Do(req)
	if err != nil {
		return ""
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil || res.StatusCode != http.StatusOK {
		return ""
	}
	if o.Page != "" {
		return standingOnPage(string(body))
	}
	return standingOfRepo(body)
}

// labelledUp is what the observer calls an account that is up and bears a label.
const labelledUp = "labelled"

// standingOnPage finds the status of the account in plaza's page. Nobody labelled the
// accounts of a play before it began.
func standingOnPage(page string) string {
	_, after, ok := strings.Cut(page, `<main id="main" data-status="`)
	standing, _, ended := strings.Cut(after, `"`)
	if !ok || !ended {
		return ""
	}
	_, profile, _ := strings.Cut(after, `<section class="profile">`)
	profile, _, _ = strings.Cut(profile, `</section>`)
	if standing == string(platform.Up) && strings.Contains(profile, `<li class="label">`) {
		return labelledUp
	}
	return standing
}

// standingOfRepo reads an answer of com.atproto.sync.getRepoStatus.
func standingOfRepo(answer []byte) string {
	var said struct {
		Active *bool  `json:"active"`
		Status string `json:"status"`
	}
	switch err := json.Unmarshal(answer, &said); {
	case err != nil || said.Active == nil:
		return ""
	case *said.Active:
		return "up"
	case said.Status == "":
		return "not active"
	}
	return said.Status
}

// lookAtDesk asks the desk until somebody is named.
func (o *observer) lookAtDesk(ctx context.Context) {
	o.mu.Lock()
	done := !o.seen.Attributed.IsZero()
	o.mu.Unlock()
	if done {
		return
	}
	if len(o.People)+len(o.Requests) > 0 {
		o.lookAtLedger(ctx)
		return
	}
	o.lookForIncident(ctx)
}

// lookAtLedger looks for refusals in the entries since the last look.
func (o *observer) lookAtLedger(ctx context.Context) {
	page, err := o.desk.Entries(ctx, o.next-1, v1.MaxPage)
	if err != nil {
		return // the desk may be down; it is asked again
	}
	for _, e := range page.Items {
		if by, worker := o.refusal(e); by != "" {
			o.noticed(by)
			if worker != "" && !o.Forged {
				o.attributed(worker)
			}
		}
		o.next = e.Index + 1
	}
}

// lookForIncident looks for an open incident about the account, and then for the person
// whom it names. Each answer about a critical account is entered in the ledger, so it is
// asked for less and less often.
func (o *observer) lookForIncident(ctx context.Context) {
	var page struct {
		Items []struct {
			ID    string `json:"id"`
			Title string `json:"title"`
		} `json:"items"`
	}
	if o.incident == "" {
		if err := o.get(ctx, "/incidents?status=open&subject="+url.QueryEscape(o.Subject), &page); err != nil || len(page.Items) == 0 {
			return
		}
		o.incident = page.Items[0].ID
		o.noticed("incident " + o.incident + ": " + page.Items[0].Title)
	}
	if o.now().Before(o.askAt) {
		return
	}
	o.asked = min(max(2*o.asked, 10*time.Millisecond), time.Second)
	o.askAt = o.now().Add(o.asked)
	var a incident.Attribution
	if err := o.get(ctx, "/incidents/"+o.incident+"/attribution", &a); err != nil {
		return
	}
	if to := answerable(a, o.Repo != ""); to != "" {
		o.attributed(to)
	}
}

// answerable returns the answerable person, if an attribution names one: a worker, or the
// credential that the platform names. If a platform has one credential for all its staff
// and names none, the declared holders are the only answer.
func answerable(a incident.Attribution, oneForAll bool) string {
	holders := "nobody is declared to hold it"
	if len(a.Holders) > 0 {
		holders = "held by " + strings.Join(a.Holders, ", ")
	}
	switch {
	case a.Worker != "":
		return string(a.Worker)
	case a.Around && a.Credential != "":
		return fmt.Sprintf("around the desk, with %s (%s)", a.Credential, holders)
	case a.Around && oneForAll && len(a.Holders) > 0:
		return fmt.Sprintf("around the desk, with the platform's one credential (%s)", holders)
	}
	return ""
}

// get asks the desk's REST API.
func (o *observer) get(ctx context.Context, path string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, o.Desk+v1.Base+path, nil)
	if err != nil {
		return fmt.Errorf("ask the desk: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+o.Token)
	res, err := o.http.Do(req)
	if err != nil {
		return fmt.Errorf("ask the desk: %w", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 4<<20))
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("the desk answers %s", res.Status)
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(body, into)
}

// refusal returns the refused act of an entry, if it is one that we look for; and the
// refused worker, if the entry names one and the name is certain.
func (o *observer) refusal(e v1.Entry) (what, worker string) {
	var r struct {
		Worker    string `json:"worker"`
		What      string `json:"what"`
		Type      string `json:"type"`
		Count     int64  `json:"count"`
		Request   string `json:"request"`
		Execution struct {
			Request string `json:"request"`
			Type    string `json:"type"`
		} `json:"execution"`
	}
	if err := json.Unmarshal(e.Data, &r); err != nil {
		return "", ""
	}
	switch {
	case e.Kind == "refused" && r.Count > 1:
		return "", "" // the count of a minute that is over: it is about no present attempt
	case e.Kind == "refused" && slices.Contains(o.People, r.Worker):
		return fmt.Sprintf("ledger entry %d: %s refused, %s", e.Index, r.What, r.Type), r.Worker
	case e.Kind == entry.KindVoid && slices.Contains(o.Requests, r.Request):
		return fmt.Sprintf("ledger entry %d: request void, %s", e.Index, r.Type), ""
	case e.Kind == proof.KindRefusal && slices.Contains(o.Requests, r.Execution.Request):
		return fmt.Sprintf("ledger entry %d: refused by the executor, %s", e.Index, r.Execution.Type), ""
	}
	return "", ""
}

func (o *observer) noticed(by string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.seen.Noticed.IsZero() {
		at := o.now()
		o.seen.Noticed, o.seen.NoticedBy = canonical.At(at), by
		o.tell(sightNoticed, by, at)
	}
}

func (o *observer) attributed(to string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.seen.Attributed.IsZero() {
		at := o.now()
		o.seen.Attributed, o.seen.To = canonical.At(at), to
		o.tell(sightAttributed, to, at)
	}
}

// report makes the summary.
func (o *observer) report(p played) *observation {
	o.mu.Lock()
	defer o.mu.Unlock()
	sum := judgePolls(o.polls, p)
	sum.Noticed, sum.NoticedBy, sum.Attributed, sum.To = o.seen.Noticed, o.seen.NoticedBy, o.seen.Attributed, o.seen.To
	return &sum
}

// judgePolls summarises what a series of polls saw of the account.
func judgePolls(polls []poll, p played) observation {
	out := observation{Polls: len(polls)}
	away := time.Duration(0)
	var up, again *poll // the last poll that saw it up; the one with which it came up for good
	for i := range polls {
		now := &polls[i]
		switch now.status {
		case "":
			out.Unanswered++
		case "up":
			if up != nil {
				away = max(away, now.answered.Sub(up.sent))
			}
			up = now
			if again == nil && !now.sent.Before(p.Answered.Time) {
				again = now
			}
		default:
			if out.Seen.IsZero() {
				out.Seen = canonical.At(now.answered)
			}
			again = nil
		}
		out.Up = now.status == "up"
	}
	if n := len(polls); n > 0 && !out.Up {
		since := polls[0].sent
		if up != nil {
			since = up.sent
		}
		away = max(away, polls[n-1].answered.Sub(since))
	}
	if again != nil {
		out.Again = canonical.At(again.answered)
	}
	out.AwayMS = float64(away.Microseconds()) / 1000
	out.UpShare = shareUp(polls, p)
	return out
}

// shareUp is the share of a duel in which the account was seen up.
func shareUp(polls []poll, p played) float64 {
	var all, up time.Duration
	for i := range len(polls) - 1 {
		a, b := polls[i], polls[i+1]
		if a.sent.Before(p.Sent.Time) || b.sent.After(p.Answered.Time) {
			continue
		}
		all += b.sent.Sub(a.sent)
		if a.status == "up" && b.status == "up" {
			up += b.sent.Sub(a.sent)
		}
	}
	if all == 0 {
		return 0
	}
	return math.Round(1000*float64(up)/float64(all)) / 1000
}

// observing is the observer's process, as the replay sees it.
type observing struct {
	*child
	events chan sighting // closed when it is gone
	err    error         // once closed: why it broke, if it did
	status atomic.Value  // string: the last status of the account
}

// observe starts an observer and waits until it looks.
func observe(ctx context.Context, orders lookout, stderr io.Writer) (*observing, error) {
	p, err := startChild(stderr, "observe", "--json")
	if err != nil {
		return nil, err
	}
	v := &observing{child: p, events: make(chan sighting, 1024)}
	v.status.Store(string(platform.Up)) // it tells each change from here on
	go func() {
		defer close(v.events)
		for p.lines.Scan() {
			var s sighting
			if v.err = json.Unmarshal(p.lines.Bytes(), &s); v.err != nil {
				return
			}
			switch s.Event {
			case sightReady, sightNoticed, sightAttributed, sightReport:
			default:
				v.status.Store(s.Event)
			}
			v.events <- s
		}
		v.err = p.lines.Err()
	}()
	err = v.say(orders)
	if err == nil {
		_, err = v.await(ctx, observerStart, sightReady)
	}
	if err != nil {
		return nil, errors.Join(err, v.end())
	}
	return v, nil
}

// observerStart bounds the time until an observer begins.
const observerStart = 20 * time.Second

// await reads on until all of some events were seen; it returns false if a time is over
// before.
func (v *observing) await(ctx context.Context, patience time.Duration, events ...string) (bool, error) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for len(events) > 0 {
		select {
		case s, ok := <-v.events:
			if !ok {
				return false, fault.New(fault.Unavailable, "observer-gone", "The observer has ended.").Because(v.err)
			}
			events = slices.DeleteFunc(events, func(e string) bool { return e == s.Event })
		case <-timer.C:
			return false, nil
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
	return true, nil
}

// awaitUp waits until the account's last status is up, or a time is over.
func (v *observing) awaitUp(ctx context.Context, patience time.Duration) error {
	for end := time.Now().Add(patience); v.status.Load() != string(platform.Up) && time.Now().Before(end); {
		if err := pause(ctx, every*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// finish tells the observer the times of the attack, and returns what it saw.
func (v *observing) finish(ctx context.Context, p played) (observation, error) {
	var none observation
	if err := v.say(p); err != nil {
		return none, errors.Join(err, v.end())
	}
	for {
		select {
		case s, ok := <-v.events:
			switch {
			case !ok:
				return none, errors.Join(fault.New(fault.Unavailable, "observer-gone", "The observer has ended.").Because(v.err), v.end())
			case s.Event == sightReport && s.Observation != nil:
				return *s.Observation, v.end()
			}
		case <-ctx.Done():
			return none, errors.Join(ctx.Err(), v.end())
		}
	}
}
