package api

import (
	"cmp"
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"countersign.dev/desk"
	"countersign.dev/fault"
	"countersign.dev/workforce"
)

// class names the budget that a call is paid from.
type class int

const (
	reading  class = iota // leaves no trace
	drafting              // leaves no trace, but costs the desk work
	entering              // leaves a trace in the ledger or the database
	classes
)

// allowance is a budget of calls: the most at once, and how many come back in a second.
type allowance struct {
	most   float64
	second float64
}

// allowances are the budgets of one person (doc/rest.md, Limits). A person who decides a
// case every ten seconds, with ten calls each, meets none of them.
var allowances = [classes]allowance{
	reading:  {2000, 20},
	drafting: {1000, 4},
	entering: {600, 1},
}

// programAllowances are the budgets of one program. What a program brings in is bounded by the
// rate of its admission (kernel.TakeReports).
var programAllowances = [classes]allowance{
	reading:  {5000, 100},
	drafting: {math.Inf(1), 1},
	entering: {math.Inf(1), 1},
}

// The most calls that may be under way at the same time.
const (
	mostCalls      = 32     // of one person, without streams; a call that waits counts as one
	mostOfProgram  = 128    // of one program
	mostStreams    = 8      // of one person
	mostAllStreams = 16_384 // about 400 MB
	mostUnknown    = 64     // of everybody without a token, on routes that read a body
)

// mostPurses is the number of people at which those who have asked for nothing lately are
// forgotten.
const mostPurses = 10_000

// budgets holds the rest of each person's budget, in memory. Everybody in it has shown a
// token, so there are never more than the desk has people.
type budgets struct {
	now     func() time.Time
	mu      sync.Mutex
	by      map[payer]*purse
	streams int
	unknown chan struct{}
}

// payer is who pays for a call.
type payer struct {
	worker  workforce.WorkerID
	program string
}

func (p payer) String() string { return cmp.Or(string(p.worker), p.program) }

func (p payer) allowances() *[classes]allowance {
	if p.program != "" {
		return &programAllowances
	}
	return &allowances
}

func (p payer) mostCalls() int {
	if p.program != "" {
		return mostOfProgram
	}
	return mostCalls
}

type purse struct {
	of      *[classes]allowance
	left    [classes]float64
	at      time.Time // when left was computed
	calls   int       // under way
	streams int
}

func newBudgets(now func() time.Time) *budgets {
	return &budgets{now: now, by: map[payer]*purse{}, unknown: make(chan struct{}, mostUnknown)}
}

// purse returns a person's purse as of now. b.mu is held.
func (b *budgets) purse(w payer) *purse {
	now := b.now()
	p := b.by[w]
	if p == nil {
		if len(b.by) >= mostPurses {
			b.forget(now)
		}
		p = &purse{of: w.allowances(), at: now}
		for c, a := range p.of {
			p.left[c] = a.most
		}
		b.by[w] = p
	}
	p.fill(now)
	return p
}

// fill adds the calls that have come back since the purse was last looked at.
func (p *purse) fill(now time.Time) (full bool) {
	passed := max(now.Sub(p.at), 0).Seconds()
	p.at, full = now, p.calls == 0 && p.streams == 0
	for c, a := range p.of {
		p.left[c] = min(p.left[c]+passed*a.second, a.most)
		full = full && p.left[c] == a.most
	}
	return full
}

// forget drops full purses. b.mu is held.
func (b *budgets) forget(now time.Time) {
	for w, p := range b.by {
		if p.fill(now) {
			delete(b.by, w)
		}
	}
}

// tooFast is the refusal of a call beyond one person's budget, with the seconds to wait.
func tooFast(wait float64, format string, args ...any) (error, int) {
	return fault.New(fault.Exhausted, "asking-too-fast", format, args...), max(int(math.Ceil(wait)), 1)
}

// begin takes a call out of a person's budget. done must be called when it is over.
func (b *budgets) begin(w payer, c class, stream bool) (done func(), wait int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.purse(w)
	switch {
	case p.left[c] < 1:
		err, wait = tooFast((1-p.left[c])/p.of[c].second, "%s has made too many calls of this sort; %g more come back each second. Wait, and send it again.", w, p.of[c].second)
		return nil, wait, err
	case stream && (p.streams >= mostStreams || b.streams >= mostAllStreams):
		err, wait = tooFast(10, "There are too many streams of events already: one person has %d at most.", mostStreams)
		return nil, wait, err
	case !stream && p.calls >= w.mostCalls():
		err, wait = tooFast(1, "%s has %d calls under way already. Wait for their answers.", w, w.mostCalls())
		return nil, wait, err
	}
	p.left[c]--
	count := func(n int) {
		if stream {
			p.streams, b.streams = p.streams+n, b.streams+n
		} else {
			p.calls += n
		}
	}
	count(1)
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		count(-1)
	}, 0, nil
}

// bounded refuses calls beyond a person's budget. On routes that need no token it refuses
// more bodies at a time than memory is set aside for.
func (s *Server) bounded(ctx huma.Context, next func(huma.Context)) {
	op := ctx.Operation()
	by, known := ctx.Context().Value(callerKey{}).(desk.Caller)
	if !known {
		if op.RequestBody != nil {
			select {
			case s.budgets.unknown <- struct{}{}:
				defer func() { <-s.budgets.unknown }()
			default:
				s.refuseWith(ctx, fault.New(fault.Unavailable, "busy", "Too many people are signing in at this moment. Try again."))
				return
			}
		}
		next(ctx)
		return
	}
	c, _ := op.Metadata[classKey].(class)
	stream, _ := op.Metadata[streamKey].(bool)
	done, wait, err := s.budgets.begin(payer{by.Worker, by.Program}, c, stream)
	if err != nil {
		ctx.SetHeader("Retry-After", strconv.Itoa(wait))
		s.refuseWith(ctx, err)
		return
	}
	defer done()
	next(ctx)
}

const (
	classKey   = "class"
	streamKey  = "stream"
	callersKey = "callers"
)
