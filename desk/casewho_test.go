package desk_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"countersign.dev/actions"
	"countersign.dev/cases"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/desktest"
	"countersign.dev/fault"
	"countersign.dev/sqldb/sqldbtest"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// A history of claims is linearizable if each case is at one person at a time: somebody gets
// it under a number only while it is free, and gives it back only under that number.

// held is what one operation on a case did.
type heldOp struct {
	cas    string
	take   bool // else it gives back
	lapse  bool // the leases of all cases ended
	number int64
	ok     bool // it was not refused
}

// whose is the state of one case: the number of its newest claim, and whether somebody has it.
type whose struct {
	number int64
	taken  bool
	over   bool // its lease may be over
}

var claimModel = porcupine.Model{
	Partition: func(all []porcupine.Operation) [][]porcupine.Operation {
		by := map[string][]porcupine.Operation{}
		var lapses []porcupine.Operation
		for _, op := range all {
			if in := op.Input.(heldOp); in.lapse {
				lapses = append(lapses, op)
			} else {
				by[in.cas] = append(by[in.cas], op)
			}
		}
		var parts [][]porcupine.Operation
		for _, part := range by {
			parts = append(parts, append(part, lapses...))
		}
		return parts
	},
	Init: func() any { return whose{} },
	Step: func(state, input, _ any) (bool, any) {
		s, in := state.(whose), input.(heldOp)
		switch {
		case in.lapse:
			s.over = s.over || s.taken
			return true, s
		case in.take:
			return (!s.taken || s.over) && in.number > s.number, whose{number: in.number, taken: true}
		case in.ok:
			return s.taken && !s.over && s.number == in.number, whose{number: s.number}
		}
		return !s.taken || s.over || s.number != in.number, s // refused: it is not theirs
	},
	DescribeOperation: func(input, _ any) string { return fmt.Sprintf("%+v", input) },
}

// log is a history of operations on claims.
type claimLog struct {
	mu       sync.Mutex
	ops      []porcupine.Operation
	reserved int // how often something was reserved
}

// note runs an operation and keeps when it began and ended.
func (l *claimLog) note(client int, do func() (heldOp, bool)) {
	began := time.Now().UnixNano()
	op, counts := do()
	ended := time.Now().UnixNano()
	if !counts {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ops = append(l.ops, porcupine.Operation{ClientId: client, Input: op, Call: began, Output: op, Return: ended})
}

// TestOneCaseOnePerson: several people, at two nodes where the database allows it, reserve, claim,
// give back, decide, merge and lose the same few cases at the same time. No case is at two of them,
// and none is reserved for two.
func TestOneCaseOnePerson(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		oneCaseOnePerson(t, newOffice(t, desktest.Options{Budgets: generous()}), nil, true)
	})
	t.Run("postgres", func(t *testing.T) {
		o := newOffice(t, desktest.Options{URL: sqldbtest.Postgres(t), Budgets: generous()})
		// A node judges by its own clock when its change begins, and may then wait for the
		// other's. So leases that end in between are not tried here.
		oneCaseOnePerson(t, o, o.Second(), false)
	})
}

func oneCaseOnePerson(t *testing.T, o office, second *desktest.World, lapses bool) {
	const posts, each = 5, 120
	nodes := []*desktest.World{o.World}
	if second != nil {
		nodes = append(nodes, second)
	}
	for i := range posts {
		o.Flag(fmt.Sprint("first", i), fmt.Sprint("post/", i), "MisleadingSpam", "acct/9")
	}
	var log claimLog
	var people sync.WaitGroup
	workers := []workforce.WorkerID{"ann", "abe", "sue", "bob", "lee", "kim"}
	for i, by := range workers {
		people.Go(func() { worker(t, nodes[i%len(nodes)], &log, i, by, posts, each) })
	}
	if lapses {
		people.Go(func() {
			for range each / 4 {
				log.note(len(workers), func() (heldOp, bool) {
					o.Clock().Advance(11 * time.Minute)
					return heldOp{lapse: true}, true
				})
				if err := o.Desk.Sweep(t.Context()); err != nil {
					t.Errorf("sweep: %v", err)
				}
			}
		})
	}
	people.Wait()
	if result := porcupine.CheckOperationsTimeout(claimModel, log.ops, time.Minute); result != porcupine.Ok {
		t.Errorf("the history of %d claims and returns is %s", len(log.ops), result)
	}
	took := slices.ContainsFunc(log.ops, func(op porcupine.Operation) bool { in := op.Input.(heldOp); return !in.take && !in.lapse && in.ok })
	if len(log.ops) < 20 || !took {
		t.Errorf("only %d operations were tried", len(log.ops))
	}
	t.Logf("%d times a case was reserved", log.reserved)
	for i := range posts {
		if err := o.Store.Read(t.Context(), func(tx *store.Tx) error {
			of, err := tx.Cases(store.CaseFilter{Platform: "plaza", Subject: fmt.Sprint("post/", i), Limit: 10_000})
			if err != nil {
				return err
			}
			open := 0
			for _, c := range of {
				if c.State.Open() {
					open++
				}
				reports, err := tx.ReportsOf(c.ID, "", 10_000)
				if err != nil {
					return err
				}
				if int64(len(reports)) != c.Reports {
					t.Errorf("%s counts %d reports, and has %d", c.ID, c.Reports, len(reports))
				}
			}
			if open > 1 {
				t.Errorf("post/%d has %d open cases", i, open)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
}

// worker works at random on what there is.
func worker(t *testing.T, w *desktest.World, log *claimLog, client int, by workforce.WorkerID, posts, each int) {
	r := rand.New(rand.NewPCG(uint64(client), 7))
	ctx := context.WithoutCancel(t.Context())
	var held, seen []casework.Taken
	var kept int64 // the number of the newest reservation
	refusal := func(what string, err error) bool {
		if kind := fault.KindOf(err); err != nil && (kind == fault.Internal || kind == fault.Unavailable) {
			t.Errorf("%s by %s: %v", what, by, err)
		}
		return err != nil
	}
	for n := range each {
		switch r.IntN(10) {
		case 8, 9:
			if len(held) == 0 {
				continue
			}
			of := held[r.IntN(len(held))]
			wish := casework.ReserveWish{Case: of.Case.ID, Claim: of.Claim.Number, Number: kept}
			got, err := w.Desk.Reserve(ctx, desktest.As(by), wish)
			if !refusal("reserve", err) && got.Number > 0 {
				kept = got.Number
				log.mu.Lock()
				log.reserved++
				log.mu.Unlock()
			}
			continue
		case 0, 4:
			_, err := w.TryFlag(fmt.Sprint(by, n), fmt.Sprint("post/", r.IntN(posts)), "MisleadingSpam", fmt.Sprint("acct/", r.IntN(9)+10)) // a reason as before: no news
			refusal("report", err)
			continue
		case 1, 2, 3:
			log.note(client, func() (heldOp, bool) {
				var taken casework.Taken
				var err error
				if len(seen) > 0 && r.IntN(3) == 0 {
					taken, err = w.Desk.Claim(ctx, desktest.As(by), seen[r.IntN(len(seen))].Case.ID)
				} else {
					taken, err = w.Desk.Next(ctx, desktest.As(by), "")
				}
				if refusal("claim", err) || slices.ContainsFunc(seen, func(s casework.Taken) bool {
					return s.Case.ID == taken.Case.ID && s.Claim.Number == taken.Claim.Number // it is theirs already
				}) {
					return heldOp{}, false
				}
				held, seen = append(held, taken), append(seen, taken)
				return heldOp{cas: taken.Case.ID, take: true, number: taken.Claim.Number, ok: true}, true
			})
			continue
		}
		if len(held) == 0 {
			continue
		}
		i := r.IntN(len(held))
		taken := held[i]
		if r.IntN(4) > 0 {
			held = slices.Delete(held, i, i+1)
		}
		log.note(client, func() (heldOp, bool) {
			op := heldOp{cas: taken.Case.ID, number: taken.Claim.Number, ok: true}
			var err error
			switch r.IntN(10) {
			case 0, 4:
				_, err = w.TryDecide(by, taken, casework.Judgement{Verdict: actions.CaseNoViolation})
			case 1:
				deed, text := w.CaseDeed(by, actions.DeedAsk, taken.Case.ID, taken.Case.Version, cases.Order{Role: cases.AskSpecialist, Note: "What?"})
				_, err = w.Desk.Do(ctx, desktest.As(by), taken.Case.ID, taken.Claim.Number, deed, text)
			case 2:
				into := taken.Case.ID
				// With a claim of the same number on the older case, the claim on the younger
				// one need not stand.
				if len(held) > 0 {
					if other := held[r.IntN(len(held))]; other.Claim.Number != taken.Claim.Number {
						into = other.Case.ID
					}
				}
				deed, text := w.CaseDeed(by, actions.DeedMerge, taken.Case.ID, taken.Case.Version, cases.Order{Into: into, Note: "One seller."})
				if _, err = w.Desk.Do(ctx, desktest.As(by), taken.Case.ID, taken.Claim.Number, deed, text); err != nil && !fault.Is(err, "claim-ended") {
					return op, refusal("merge", err) && false
				}
			default:
				_, err = w.Desk.Release(ctx, desktest.As(by), taken.Case.ID, taken.Claim.Number)
			}
			switch {
			case err == nil:
				return op, true
			case fault.Is(err, "claim-ended"), fault.Is(err, "case-closed"), fault.Is(err, "case-merged"):
				op.ok = false
				return op, true
			}
			refusal("give back", err) // such as case-moved: it says nothing about whose it is
			return op, false
		})
	}
}
