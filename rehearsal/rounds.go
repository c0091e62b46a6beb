package rehearsal

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cli"
	"countersign.dev/deskdir"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/platform/bluesky"
	"countersign.dev/plaza"
	"countersign.dev/sqldb"
)

// replayRounds measures the platform-credential way a given number of times. Each round
// is on an account of its own, since the pace of restorations falls where one account is
// taken down again and again.
type replayRounds struct {
	onPlatform
	Tier    actions.Tier  `enum:"protected,critical" default:"critical" help:"Of the accounts: critical ones are also read directly, protected ones are seen by the event stream alone."`
	Rounds  int           `default:"5" help:"How many, at most 20: each is on an account of its own, and the more accounts are critical the less often each of them is read directly."`
	Least   time.Duration `default:"3s" help:"The shortest pause between two rounds; pauses are drawn at random, since a stream that is only fast when busy would else seem fast."`
	Most    time.Duration `default:"10s" help:"The longest."`
	Labels  bool          `help:"On plaza: set a label around the desk in each round too, on the same account, with pauses alike and in turns before and after the takedown."`
	PerSec  int           `name:"events" default:"0" help:"How many unrelated events a second to make on the platform meanwhile."`
	Writers int           `default:"8" help:"By how many writers."`
	// A PDS makes some tens of records a second, with all processors of its machine: the
	// measurement would then be of the PDS.
	Sequencer string `type:"existingfile" placeholder:"FILE" help:"On a PDS: the database of its sequencer. The events are put there, as records that were made, and the PDS streams them to all who follow."`
}

func (c *replayRounds) Help() string {
	return "An anonymous client asks the platform's public address until it sees the account up again, counted from before the call that took it down was sent."
}

// measured is the one answer of replay rounds. Times are in milliseconds, one for
// each round.
type measured struct {
	Platform string       `json:"platform"`
	Tier     actions.Tier `json:"tier"`
	Rounds   int          `json:"rounds"`
	Events   float64      `json:"events_per_s"` // made meanwhile
	// Back is the time from before the call until the account was seen up again. Call is the
	// duration of the attacker's own call, which is part of it.
	Back []float64 `json:"back_ms"`
	Call []float64 `json:"call_ms"`
	// Stream is the time from before the call until the PDS's event stream told it to a
	// subscriber beside ours: it shows the stream's own back-off. Empty on plaza.
	Stream []float64 `json:"stream_ms"`
	// LabelBack and LabelCall are the same of a label.
	LabelBack []float64 `json:"label_back_ms"`
	LabelCall []float64 `json:"label_call_ms"`
	// Inside is, by the executor's records of takedowns, the time from its reading of the state to its
	// receipt. Lift is the duration of the calls of a restoration, which are part of it;
	// they are made directly between the rounds.
	Inside []float64 `json:"inside_ms"`
	Lift   []float64 `json:"lift_ms"`
}

// mostRounds is the number of accounts that people of a new desk may raise in an hour.
const mostRounds = 20

func (c *replayRounds) Run(ctx context.Context, s *cli.Session) error {
	if c.Rounds < 1 || c.Rounds > mostRounds || c.Least < 0 || c.Most < c.Least {
		return fault.New(fault.Invalid, "wrong-use", "There are 1 to %d rounds, and the longest pause is no shorter than the shortest.", mostRounds)
	}
	if c.Labels && c.Platform != deskdir.ConnectorPlaza {
		return fault.New(fault.Invalid, "wrong-use", "--labels goes with plaza: a PDS has no labels of its own.")
	}
	names := []string{nobodyMinds}
	for n := range c.Rounds {
		names = append(names, fmt.Sprintf("round%d", n))
	}
	return c.onTestbed(ctx, s, names, func(ctx context.Context, g *testbed) error {
		g.raised, g.tier = names[1:], c.Tier
		if err := g.build(ctx, "", s.Say); err != nil {
			return err
		}
		if err := g.guard(ctx, c.Tier, c.Rounds, true); err != nil {
			return err
		}
		doc, err := c.measure(ctx, s, g, names[1:])
		if err != nil {
			return err
		}
		return s.Answer(doc, doc.page)
	})
}

func (c *replayRounds) measure(ctx context.Context, s *cli.Session, g *testbed, names []string) (measured, error) {
	doc := measured{Platform: g.platform, Tier: c.Tier, Rounds: c.Rounds, Back: []float64{}, Call: []float64{}, Stream: []float64{}, LabelBack: []float64{}, LabelCall: []float64{}, Inside: []float64{}, Lift: []float64{}}
	credential, err := g.credential(ctx)
	if err != nil {
		return doc, err
	}
	h := &http.Client{Transport: &http.Transport{}, Timeout: 30 * time.Second}
	defer h.CloseIdleConnections()
	ctx, stop := context.WithCancel(ctx)
	var beside sync.WaitGroup
	defer beside.Wait()
	defer stop()
	frames, err := g.frames(ctx, &beside)
	if err != nil {
		return doc, err
	}
	made, err := c.makeEvents(ctx, &beside, h, g)
	if err != nil {
		return doc, err
	}
	begun := time.Now()
	for n, name := range names {
		on := g.accounts[name]
		var sent time.Time
		takedown := func() (err error) {
			sent, err = c.again(ctx, h, on, &doc.Call, &doc.Back, func() (int, error) { return g.takeDown(ctx, h, credential, on) })
			return err
		}
		label := func() error {
			_, err := c.again(ctx, h, on, &doc.LabelCall, &doc.LabelBack, func() (int, error) { return g.label(ctx, h, credential, on, plaza.Label) })
			return err
		}
		acts := []func() error{takedown}
		switch {
		case c.Labels && n%2 == 0:
			acts = []func() error{label, takedown}
		case c.Labels:
			acts = []func() error{takedown, label}
		}
		for _, act := range acts {
			if err := act(); err != nil {
				return doc, err
			}
		}
		if frames != nil {
			at, err := frames.of(ctx, on.id)
			if err != nil {
				return doc, err
			}
			doc.Stream = append(doc.Stream, ms(at.Sub(sent)))
		}
		took, err := g.liftDirectly(ctx, h, credential)
		if err != nil {
			return doc, err
		}
		doc.Lift = append(doc.Lift, ms(took))
		s.Say("  round %d: %.1f ms", n+1, doc.Back[n])
	}
	doc.Events = float64(made.Load()) / time.Since(begun).Seconds()
	if doc.Events < 0.9*float64(c.PerSec) {
		s.Say("Of the %d events a second that were asked for %.0f were made.", c.PerSec, doc.Events)
	}
	// The last receipt may still be on its way.
	waiting, cancel := context.WithTimeout(ctx, backTime)
	defer cancel()
	for len(doc.Inside) < c.Rounds && err == nil {
		if doc.Inside, err = g.inside(waiting); err == nil {
			err = pause(waiting, 10*time.Millisecond)
		}
	}
	return doc, err
}

// again makes a pause and then a call around the desk, and waits until the account is seen
// up, without a label. It keeps how long the call and the whole took, and returns when the
// call was sent.
func (c *replayRounds) again(ctx context.Context, h *http.Client, on account, calls, backs *[]float64, act func() (int, error)) (sent time.Time, err error) {
	if err := pause(ctx, c.Least+rand.N(c.Most-c.Least+1)); err != nil {
		return sent, err
	}
	sent = time.Now()
	if _, err := act(); err != nil {
		return sent, err
	}
	called := ms(time.Since(sent))
	if err := seenUp(ctx, h, on, backTime); err != nil {
		return sent, err
	}
	*calls, *backs = append(*calls, called), append(*backs, ms(time.Since(sent)))
	return sent, nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// backTime bounds the time for which an account may stay away before a round has failed.
const backTime = 30 * time.Second

// seenUp asks the public address of an account, as anybody could, until it says up, and on
// plaza without a label.
func seenUp(ctx context.Context, h *http.Client, on account, within time.Duration) error {
	o := &observer{lookout: lookout{Page: on.page, Repo: on.repo}, http: h}
	waiting, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for o.status(waiting) != "up" {
		if err := pause(waiting, time.Millisecond); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fault.New(fault.Unavailable, "not-back", "%s was not back within %s.", on.handle, within)
		}
	}
	return nil
}

// liftDirectly makes the calls of a restoration, on an account that nobody needs: to
// read, to lift, and to read back.
func (g *testbed) liftDirectly(ctx context.Context, h *http.Client, credential string) (time.Duration, error) {
	on := g.accounts[nobodyMinds]
	begun := time.Now()
	for _, step := range []func() error{
		func() error { return g.readDirectly(ctx, h, credential, on) },
		func() error { return g.touch(ctx, h, credential, on) },
		func() error { return g.readDirectly(ctx, h, credential, on) },
	} {
		if err := step(); err != nil {
			return 0, err
		}
	}
	return time.Since(begun), nil
}

// inside reads from the executor's records, for each breach, the time from its reading of
// the state to the receipt of the restoration.
func (g *testbed) inside(ctx context.Context) ([]float64, error) {
	c, err := g.reader()
	if err != nil {
		return nil, err
	}
	seen := map[string]canonical.Time{}
	all := []float64{}
	for after := int64(-1); ; {
		page, err := c.Entries(ctx, after, 100)
		if err != nil {
			return nil, err
		}
		if len(page.Items) == 0 {
			return all, nil
		}
		for _, e := range page.Items {
			after = e.Index
			var x proof.SignedExecution
			if e.Class != "execution" || canonical.Unmarshal(e.Data, &x) != nil {
				continue
			}
			switch r := x.Execution; {
			case r.Kind == proof.KindBreach && r.Sight.Layer == platform.VisibilityLayer:
				seen[r.Request] = r.Sight.Seen
			case r.Kind == proof.KindReceipt && r.Duty == proof.DutyRestore && !seen[r.Request].IsZero():
				all = append(all, ms(r.At.Sub(seen[r.Request].Time)))
			}
		}
	}
}

// frames holds the arrival of frames at a subscriber of its own to a PDS's event stream.
type frames struct {
	mu      sync.Mutex
	at      map[string]time.Time // the first frame about each account since it was last asked for
	changed chan struct{}
}

// frames subscribes to a PDS's event stream; nil on plaza.
func (g *testbed) frames(ctx context.Context, beside *sync.WaitGroup) (*frames, error) {
	if g.pds == nil {
		return nil, nil
	}
	c, err := bluesky.New(bluesky.Config{Name: "beside", URL: g.pds.url, AdminPassword: g.pds.password})
	if err != nil {
		return nil, err
	}
	stream, err := c.Watch(ctx, "")
	if err != nil {
		return nil, err
	}
	f := &frames{at: map[string]time.Time{}, changed: make(chan struct{}, 1)}
	beside.Go(func() {
		defer context.AfterFunc(ctx, func() { _ = stream.Close() })()
		for {
			h, err := stream.Next()
			if err != nil {
				return // a caller that waits for a frame notices by its time limit
			}
			f.mu.Lock()
			if _, ok := f.at[h.Subject.ID]; !ok {
				f.at[h.Subject.ID] = time.Now()
			}
			f.mu.Unlock()
			select {
			case f.changed <- struct{}{}:
			default:
			}
		}
	})
	return f, nil
}

// of waits for the first frame about an account.
func (f *frames) of(ctx context.Context, id string) (time.Time, error) {
	waiting, cancel := context.WithTimeout(ctx, backTime)
	defer cancel()
	for {
		f.mu.Lock()
		at, ok := f.at[id]
		f.mu.Unlock()
		if ok {
			return at, nil
		}
		select {
		case <-f.changed:
		case <-waiting.Done():
			return at, fault.New(fault.Unavailable, "no-frame", "The event stream did not tell of %s.", id).Because(waiting.Err())
		}
	}
}

// makeEvents makes unrelated events on a PDS, so many a second, as far as the PDS keeps
// up; the counter counts them.
func (c *replayRounds) makeEvents(ctx context.Context, beside *sync.WaitGroup, h *http.Client, g *testbed) (made *atomic.Int64, err error) {
	made = new(atomic.Int64)
	if g.pds == nil || c.PerSec < 1 {
		return made, nil
	}
	if c.Sequencer != "" {
		return made, c.sequence(ctx, beside, g, made)
	}
	due := make(chan struct{}, c.PerSec)
	beside.Go(func() {
		tick := time.NewTicker(time.Second / time.Duration(c.PerSec))
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				select {
				case due <- struct{}{}:
				default: // the PDS does not keep up
				}
			case <-ctx.Done():
				return
			}
		}
	})
	for range c.Writers {
		beside.Go(func() {
			for {
				select {
				case <-due:
				case <-ctx.Done():
					return
				}
				if g.post(ctx) == nil {
					made.Add(1)
				}
			}
		})
	}
	return made, nil
}

// post makes a record in the repository of an account that nobody needs.
func (g *testbed) post(ctx context.Context) error {
	on := g.accounts[nobodyMinds]
	return g.pds.call(ctx, "Bearer "+on.owner, "com.atproto.repo.createRecord", map[string]any{"repo": on.id, "collection": "app.bsky.feed.post",
		"record": map[string]any{"$type": "app.bsky.feed.post", "text": "hello", "createdAt": time.Now().UTC().Format(time.RFC3339)}}, nil)
}

// sequence makes a PDS's sequencer stream, so many a second, copies of the frames that it
// streamed when records were made: the frames are the PDS's own, and it need not make a
// commit for each.
func (c *replayRounds) sequence(ctx context.Context, beside *sync.WaitGroup, g *testbed, made *atomic.Int64) error {
	const different = 20
	for range different {
		if err := g.post(ctx); err != nil {
			return err
		}
	}
	db, err := sqldb.Open(ctx, "sqlite:"+c.Sequencer, sqldb.Options{})
	if err != nil {
		return err
	}
	begun := time.Now()
	beside.Go(func() {
		defer func() { _ = db.Close() }()
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			due := int64(time.Since(begun).Seconds()*float64(c.PerSec)) - made.Load()
			var put int64
			err := db.Write(ctx, func(tx *sqldb.Tx) error {
				n, err := tx.Exec(`insert into repo_seq (did, eventType, event, invalidated, sequencedAt)
					select did, eventType, event, 0, $1 from repo_seq where did = $2 and eventType = 'append' order by seq limit $3`,
					time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), g.accounts[nobodyMinds].id, min(due, different))
				put = n
				return err
			})
			if err == nil {
				made.Add(put)
			}
		}
	})
	return nil
}

func (m measured) page(p *cli.Page) {
	p.Line("%d rounds on %s, %s accounts, with %.0f unrelated events a second:", m.Rounds, m.Platform, m.Tier, m.Events)
	rows := [][]string{{"", "P50", "P99"}}
	for _, x := range []struct {
		what string
		of   []float64
	}{{"seen up again", m.Back}, {"of it the attacker's own call", m.Call}, {"a label seen away again", m.LabelBack}, {"of it the call that set it", m.LabelCall}, {"event stream told", m.Stream}, {"from read to receipt, in the executor", m.Inside}, {"of it the platform's calls, made directly", m.Lift}} {
		if len(x.of) > 0 {
			rows = append(rows, []string{x.what, fmt.Sprintf("%.1f ms", quantile(x.of, 50)), fmt.Sprintf("%.1f ms", quantile(x.of, 99))})
		}
	}
	p.Table(rows)
}

// quantile returns the value that percent in a hundred do not exceed.
func quantile(of []float64, percent int) float64 {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[min(len(sorted)*percent/100, len(sorted)-1)]
}
