package plaza

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"countersign.dev/canonical"
	"countersign.dev/sqldb"
)

// Reports says where reports go. The zero value keeps them here.
type Reports struct {
	// URL is the address of the receiver, under which POST /reports takes reports and
	// GET /reports/{id} says what became of one.
	URL string
	// Token returns the token that a request carries. It is asked for each request, and may
	// make a new one or read one that was made.
	Token func(context.Context) (string, error)
	// Forget is told of a token that the receiver refused, so that Token makes another one.
	// Nil: nobody is told.
	Forget func(token string)
	// Platform is what the receiver calls this platform; empty means plaza.
	Platform string
	// Client sends the requests; nil means one that waits for 30 seconds.
	Client *http.Client
	// Retry is the time after which a request that failed is sent again, which doubles up to
	// five minutes; 0 means one second.
	Retry time.Duration
	// Ask is the time after which the receiver is first asked what became of a report. The
	// longer a report is open, the more seldom; at least every six hours. 0 means one minute.
	Ask time.Duration
}

// Limits of what is sent at once, and of answers.
const (
	outboxMost     = 1000       // reports
	outboxBytes    = 1000 << 10 // of reports; a request has at most 1 MiB
	answerLimit    = 8 << 20    // bytes of an answer
	outboxSignal   = "outbox"
	outboxLook     = 30 * time.Second // after which the outbox is looked at again unasked: another process may have written to it
	retryLongest   = 5 * time.Minute
	tokenRetries   = 5  // times Retry is the wait for a token
	askedMost      = 20 // reports in one round of questions
	askLongest     = 6 * time.Hour
	askedForMonths = 184 * 24 * time.Hour // after which nobody asks any more
	wordLongest    = 200                  // bytes of an identifier or a word of the receiver that is kept
	promiseLongest = 16 << 10             // bytes
)

// OutReport is a report as it is sent (doc/platform-protocol.md, "Reports go out").
type OutReport struct {
	ExternalID string         `json:"external_id"`
	Subject    OutSubject     `json:"subject"`
	Reason     string         `json:"reason"`
	Text       string         `json:"text"`
	Language   string         `json:"language"`
	Reporter   OutReporter    `json:"reporter"`
	At         canonical.Time `json:"at"`
	Evidence   OutEvidence    `json:"evidence"`
	Scores     []OutScore     `json:"scores"`
}

// OutSubject names what was reported.
type OutSubject struct {
	Platform string `json:"platform"`
	ID       string `json:"id"`
	Handle   string `json:"handle"`
}

// OutReporter names who reported: an account, or nobody.
type OutReporter struct {
	ID        string `json:"id"`
	Anonymous bool   `json:"anonymous"`
}

// OutEvidence is what was reported, as it stood then.
type OutEvidence struct {
	Text     string `json:"text"`
	Language string `json:"language"`
}

// OutScore is a number that a program gave the subject. Plaza has no such programs.
type OutScore struct {
	Name  string `json:"name"`
	Value int64  `json:"value"`
}

// waiting is a report in the outbox.
type waiting struct {
	number int64
	body   string
}

func (w waiting) externalID() string { return reportPrefix + strconv.FormatInt(w.number, 10) }

// answered is what the receiver says of one report.
type answerOf struct {
	ExternalID string `json:"external_id"`
	ID         string `json:"id"`
	Case       string `json:"case"`
	State      string `json:"state"`
	Promise    string `json:"promise"`
	Error      *struct {
		Type   string `json:"type"`
		Detail string `json:"detail"`
	} `json:"error"`
}

// outbox sends reports and asks what became of them.
type outbox struct {
	s      *Server
	to     Reports
	most   int // reports in the next request
	mu     sync.Mutex
	why    string // why the newest request failed; empty: it did not
	failed time.Time
}

// trouble says why reports wait, and since when; empty if nothing is wrong.
func (o *outbox) trouble() (string, time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.why, o.failed
}

func (o *outbox) note(err error, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case err == nil:
		o.why, o.failed = "", time.Time{}
	case o.why == "":
		o.failed = now
		fallthrough
	default:
		o.why = err.Error()
	}
}

// SendReports names a receiver of reports that was not known when the server was made; the
// parameters are those of Reports. It is called once at most, before the server's pages are
// served.
func (s *Server) SendReports(url string, token func(context.Context) (string, error), forget func(string), c *http.Client) {
	s.reports.URL, s.reports.Token, s.reports.Forget = url, token, forget
	if c != nil {
		s.reports.Client = c
	}
	s.startOutbox()
}

// Held says how many reports wait since sending them fails, since when, and why; 0: none.
func (s *Server) Held(ctx context.Context) (n int64, since time.Time, why string, err error) {
	why, since = s.out.trouble()
	if why == "" {
		return 0, time.Time{}, "", nil
	}
	err = s.db.Read(ctx, func(tx *sqldb.Tx) error {
		return tx.QueryRow(`select count(*) from outbox where not refused`).Scan(&n)
	})
	if err != nil {
		return 0, time.Time{}, "", fmt.Errorf("count what waits in the outbox: %w", err)
	}
	return n, since, why, nil
}

// startOutbox begins to send what waits. The server ends it with Close.
func (s *Server) startOutbox() {
	s.out = &outbox{s: s, to: s.reports, most: outboxMost}
	if s.reports.URL == "" {
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	s.working.Go(func() {
		<-s.closed
		stop()
	})
	s.working.Go(func() { s.out.push(ctx) })
	s.working.Go(func() { s.out.inquire(ctx) })
}

// push sends what waits, and then waits for more, until it is told to stop.
func (o *outbox) push(ctx context.Context) {
	woken, done := o.s.db.Listen(outboxSignal)
	defer done()
	wait := o.to.Retry
	for ctx.Err() == nil {
		more, err := o.pushOnce(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			o.note(err, o.s.now())
			o.s.log.WarnContext(ctx, "reports wait", "error", err)
			later := wait
			if missing := (*noToken)(nil); errors.As(err, &missing) {
				// Nobody was asked yet, and the key may be there any moment.
				wait, later = o.to.Retry, tokenRetries*o.to.Retry
			}
			if asked := (*tryLater)(nil); errors.As(err, &asked) {
				later = max(later, min(asked.after, retryLongest))
			}
			if sleep(ctx, later, nil); wait < retryLongest {
				wait = min(2*wait, retryLongest)
			}
			continue
		}
		o.note(nil, time.Time{})
		if wait = o.to.Retry; !more {
			sleep(ctx, outboxLook, woken)
		}
	}
}

// sleep waits for a time, or until it is woken or told to stop.
func sleep(ctx context.Context, d time.Duration, woken <-chan struct{}) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-woken:
	case <-ctx.Done():
	}
}

// tryLater is the failure of a request that is to be sent again.
type tryLater struct {
	text  string
	after time.Duration
}

func (e *tryLater) Error() string { return e.text }

// noToken is the failure to get a token for a request.
type noToken struct{ why error }

func (e *noToken) Error() string {
	return "there is no token for the receiver of reports: " + e.why.Error()
}
func (e *noToken) Unwrap() error { return e.why }

// refusal is the refusal of a whole request for what it holds.
type refusal struct{ kind, detail string }

func (e *refusal) Error() string { return e.kind + ": " + e.detail }

// pushOnce sends the oldest reports that wait, and keeps what the answer says of them. It
// returns true if more may wait.
//
// If the process ends before the answer is kept, the same bytes are sent again under the
// same names, and get the same answer.
func (o *outbox) pushOnce(ctx context.Context) (more bool, err error) {
	var batch []waiting
	err = o.s.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		batch, err = waitingReports(tx, o.most)
		return err
	})
	if err != nil || len(batch) == 0 {
		return false, err
	}
	answers, err := o.send(ctx, batch)
	if whole := (*refusal)(nil); errors.As(err, &whole) {
		if len(batch) > 1 {
			o.most = len(batch) / 2
			return true, nil
		}
		answers, err = map[string]answerOf{batch[0].externalID(): {Error: &struct {
			Type   string `json:"type"`
			Detail string `json:"detail"`
		}{whole.kind, whole.detail}}}, nil
	}
	if err != nil {
		return false, err
	}
	settled, err := o.keep(ctx, batch, answers)
	if err != nil {
		return false, err
	}
	if settled == 0 {
		return false, &tryLater{text: "the receiver's answer says nothing of the reports that were sent"}
	}
	o.most = min(2*o.most, outboxMost)
	return true, nil
}

// waitingReports reads the oldest reports that wait, up to a number and a size.
func waitingReports(tx *sqldb.Tx, most int) ([]waiting, error) {
	all, err := sqldb.All(tx, func(row sqldb.Row) (w waiting, err error) {
		return w, row.Scan(&w.number, &w.body)
	}, `select report, body from outbox where not refused order by report limit $1`, most)
	if err != nil {
		return nil, fmt.Errorf("reading the outbox: %w", err)
	}
	size := 0
	for i, w := range all {
		if size += len(w.body) + 1; size > outboxBytes && i > 0 {
			return all[:i], nil
		}
	}
	return all, nil
}

// send sends reports and returns what the answer says of each.
func (o *outbox) send(ctx context.Context, batch []waiting) (map[string]answerOf, error) {
	var b bytes.Buffer
	b.WriteString(`{"reports":[`)
	for i, w := range batch {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(w.body)
	}
	b.WriteString(`]}`)
	body, err := o.ask(ctx, http.MethodPost, "/reports", b.Bytes())
	if err != nil {
		return nil, err
	}
	var answer struct {
		Answers []answerOf `json:"answers"`
	}
	if err := json.Unmarshal(body, &answer, jsontext.AllowDuplicateNames(false)); err != nil {
		return nil, &tryLater{text: fmt.Sprintf("the receiver's answer cannot be read: %v", err)}
	}
	answers := map[string]answerOf{}
	for _, a := range answer.Answers {
		if _, twice := answers[a.ExternalID]; !twice {
			answers[a.ExternalID] = a
		}
	}
	return answers, nil
}

// ask sends a request and returns the body of an answer 200. A *refusal is one for what
// the request holds; any other error means that it may be sent again.
func (o *outbox) ask(ctx context.Context, method, route string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(o.to.URL, "/")+route, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("asking the receiver of reports: %w", err)
	}
	token := ""
	if o.to.Token != nil {
		if token, err = o.to.Token(ctx); err != nil {
			return nil, &noToken{err}
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", jsonType)
	}
	req.Header.Set("Accept", jsonType)
	res, err := o.to.Client.Do(req)
	if err != nil {
		return nil, &tryLater{text: "the receiver cannot be reached: " + err.Error()}
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, answerLimit+1))
	if err != nil || len(answer) > answerLimit {
		return nil, &tryLater{text: fmt.Sprintf("the receiver's answer ends early or has more than %d bytes: %v", answerLimit, err)}
	}
	if res.StatusCode/100 == 2 {
		return answer, nil
	}
	if res.StatusCode == http.StatusUnauthorized && o.to.Forget != nil {
		o.to.Forget(token)
	}
	kind, detail := problemIn(res, answer)
	switch res.StatusCode {
	case http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		if kind != "" && method == http.MethodPost {
			return nil, &refusal{kind, detail}
		}
	}
	failed := &tryLater{text: fmt.Sprintf("the receiver answers %d", res.StatusCode)}
	if kind != "" {
		failed.text += fmt.Sprintf(" (%s): %s", kind, detail)
	}
	if seconds, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && seconds > 0 {
		failed.after = time.Duration(seconds) * time.Second
	}
	return nil, failed
}

// problemIn reads a problem document (RFC 9457); the type is empty if there is none.
func problemIn(res *http.Response, body []byte) (kind, detail string) {
	if t, _, err := mime.ParseMediaType(res.Header.Get("Content-Type")); err != nil || t != problemType {
		return "", ""
	}
	var p struct {
		Type   string `json:"type"`
		Detail string `json:"detail"`
	}
	if json.Unmarshal(body, &p) != nil || p.Type == "" {
		return "", ""
	}
	return path.Base(p.Type), p.Detail
}

// keep writes what the receiver says of reports, and returns how many it settles. A report
// that another process has settled meanwhile stays as it is.
func (o *outbox) keep(ctx context.Context, batch []waiting, answers map[string]answerOf) (settled int, err error) {
	err = o.s.db.Write(ctx, func(tx *sqldb.Tx) error {
		settled = 0
		now := o.s.now()
		for _, w := range batch {
			a, ok := answers[w.externalID()]
			switch {
			case !ok || a.Error == nil && !kept(a.ID, wordLongest) || a.Error != nil && !kept(a.Error.Type, wordLongest) || len(a.Promise) > promiseLongest || !storable(a.Promise):
				continue // it is neither acknowledged nor refused
			case a.Error != nil:
				detail, _ := cutAt(strings.ReplaceAll(strings.ToValidUTF8(a.Error.Detail, "\ufffd"), "\x00", "\ufffd"), 2000)
				if _, err := tx.Exec(`update report set state = 'refused', settled = $1, problem = $2, detail = $3 where id = $4 and state = 'waiting'`,
					now.UnixMicro(), a.Error.Type, detail, w.number); err != nil {
					return fmt.Errorf("keeping the refusal of report %d: %w", w.number, err)
				}
				if _, err := tx.Exec(`update outbox set refused = $1 where report = $2`, true, w.number); err != nil {
					return fmt.Errorf("keeping the refusal of report %d: %w", w.number, err)
				}
			default:
				if _, err := tx.Exec(`update report set state = 'received', settled = $1, receipt = $2, of_case = $3, promise = $4, told = $5,
					ask = case when reporter is null then 0 else cast($6 as bigint) end where id = $7 and state = 'waiting'`,
					now.UnixMicro(), a.ID, word(a.Case), a.Promise, word(a.State), now.Add(o.to.Ask).UnixMicro(), w.number); err != nil {
					return fmt.Errorf("keeping the acknowledgement of report %d: %w", w.number, err)
				}
				if _, err := tx.Exec(`delete from outbox where report = $1`, w.number); err != nil {
					return fmt.Errorf("keeping the acknowledgement of report %d: %w", w.number, err)
				}
			}
			settled++
		}
		return nil
	})
	return settled, err
}

// kept returns true for an identifier or a word that can be kept.
func kept(s string, most int) bool { return s != "" && len(s) <= most && storable(s) }

// word is a word of the receiver, or nothing if it is none.
func word(s string) string {
	if !kept(s, wordLongest) {
		return ""
	}
	return s
}

// open is a report of which nobody knows yet what became of it.
type open struct {
	number  int64
	receipt string
	settled int64
}

// inquire asks what became of reports, a few at a time, until it is told to stop. Reports
// of nobody are not asked about: nobody waits to hear.
func (o *outbox) inquire(ctx context.Context) {
	pause := max(o.to.Ask/12, time.Millisecond)
	wait := pause
	for {
		sleep(ctx, wait, nil)
		if ctx.Err() != nil {
			return
		}
		if err := o.inquireOnce(ctx); err != nil && ctx.Err() == nil {
			o.s.log.WarnContext(ctx, "what became of reports is not known", "error", err)
			wait = min(2*wait, max(retryLongest, pause))
			continue
		}
		wait = pause
	}
}

func (o *outbox) inquireOnce(ctx context.Context) error {
	var due []open
	err := o.s.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		due, err = sqldb.All(tx, func(row sqldb.Row) (r open, err error) {
			return r, row.Scan(&r.number, &r.receipt, &r.settled)
		}, `select id, receipt, settled from report where state = 'received' and ask > 0 and ask <= $1 order by ask, id limit $2`, o.s.now().UnixMicro(), askedMost)
		return err
	})
	if err != nil {
		return fmt.Errorf("reading open reports: %w", err)
	}
	for _, r := range due {
		body, err := o.ask(ctx, http.MethodGet, "/reports/"+url.PathEscape(r.receipt), nil)
		if err != nil {
			return err
		}
		var a struct {
			ID      string `json:"id"`
			State   string `json:"state"`
			Outcome string `json:"outcome"`
		}
		if err := json.Unmarshal(body, &a); err != nil || a.ID != r.receipt {
			return &tryLater{text: fmt.Sprintf("the receiver's answer about %s cannot be read", r.receipt)}
		}
		if err := o.keepOutcome(ctx, r, word(a.State), word(a.Outcome)); err != nil {
			return err
		}
	}
	return nil
}

// keepOutcome keeps what became of a report, or when to ask again: after as long as it is
// open already.
func (o *outbox) keepOutcome(ctx context.Context, r open, told, outcome string) error {
	return o.s.db.Write(ctx, func(tx *sqldb.Tx) error {
		now := o.s.now()
		age := now.Sub(time.UnixMicro(r.settled))
		ask, state := now.Add(min(max(age, o.to.Ask), askLongest)).UnixMicro(), "received"
		switch {
		case outcome != "":
			ask, state = 0, "closed"
		case age > askedForMonths:
			ask = 0
		}
		_, err := tx.Exec(`update report set state = $1, told = $2, outcome = $3, ask = $4 where id = $5 and state = 'received'`, state, cmp.Or(told, "open"), outcome, ask, r.number)
		if err != nil {
			return fmt.Errorf("keeping the outcome of report %d: %w", r.number, err)
		}
		return nil
	})
}

// sendAgain puts a refused report, or all of them (0), back among those that wait.
func (s *Server) sendAgain(ctx context.Context, number int64) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if _, err := tx.Exec(`update report set state = 'waiting', settled = 0, problem = '', detail = '' where state = 'refused' and (id = $1 or $1 = 0)`, number); err != nil {
			return fmt.Errorf("sending reports again: %w", err)
		}
		if _, err := tx.Exec(`update outbox set refused = $1 where refused and (report = $2 or $2 = 0)`, false, number); err != nil {
			return fmt.Errorf("sending reports again: %w", err)
		}
		tx.Signal(outboxSignal)
		return nil
	})
}
