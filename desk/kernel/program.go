package kernel

import (
	"math"
	"strconv"
	"sync"
	"time"

	"countersign.dev/actions"
	"countersign.dev/fault"
)

// ProgramCaller is the program that uses the desk. It is no Caller: no method that a worker
// calls takes it.
type ProgramCaller struct {
	ID    string // the program's name
	Token string // identifier of the token that was shown
}

// Caller returns the program in the form in which changes and refusals note who made them.
func (p ProgramCaller) Caller() Caller { return Caller{Program: p.ID, Token: p.Token} }

// rates counts the reports of programs, in memory: each node of a desk counts those that it
// takes. The state's programs bound their number.
type rates struct {
	mu sync.Mutex
	by map[string]*rate
}

type rate struct {
	left float64   // reports that may come at once; below zero after a bulk that was larger
	at   time.Time // when left was computed
}

// TakeReports takes a number of reports out of what a program may hand in. A program may hand
// in as many at once as come back in a minute; one call may exceed what is left, so that a
// bulk larger than the rate gets in, and then nothing does until the excess has come back.
// The error is a fault of kind Exhausted whose detail "retry-after" has the seconds to wait.
func (k *Kernel) TakeReports(p actions.Program, n int) error {
	k.rates.mu.Lock()
	defer k.rates.mu.Unlock()
	now := k.Now()
	r := k.rates.by[p.ID]
	if r == nil {
		if k.rates.by == nil {
			k.rates.by = map[string]*rate{}
		}
		r = &rate{left: float64(p.Rate), at: now}
		k.rates.by[p.ID] = r
	}
	second := float64(p.Rate) / 60
	r.left = min(r.left+max(now.Sub(r.at), 0).Seconds()*second, float64(p.Rate))
	r.at = now
	if r.left < 1 && n > 0 {
		wait := max(int(math.Ceil((1-r.left)/second)), 1)
		return fault.New(fault.Exhausted, "program-too-fast", "The program %s may bring in %d reports a minute, and has brought in that many. Send this again in %d s; nothing of it was taken.", p.ID, p.Rate, wait).
			With(fault.Detail{At: "retry-after", Text: strconv.Itoa(wait)})
	}
	r.left -= float64(n)
	return nil
}
