package executor_test

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/executor/executortest"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	linkv1 "countersign.dev/link/v1"
)

// decline enters somebody's no to a request, and returns its index.
func (p *place) decline(r *prooftest.Request) int64 {
	return p.world.Append(ledger.Draft{Class: ledger.Desk, Kind: entry.KindDecline, Expect: ledger.AnyNumber, Data: entry.Verdict{Request: r.ID,
		Signed: p.world.Statement(r, "eva", actions.VerdictDecline), Status: actions.StatusDeclined}})[0].Index
}

// TestWithheldNo: a desk that enters somebody's no and does not hand its body over,
// or another body, gets nothing done with the signatures that it has in hand. The
// warrant is not spent by it: once the body is there, the no counts.
func TestWithheldNo(t *testing.T) {
	for name, lie := range map[string]func(b *proof.ServedBody) bool{
		"withheld": func(*proof.ServedBody) bool { return false },
		"another body": func(b *proof.ServedBody) bool {
			b.Body = bytes.Replace(b.Body, []byte(`"kind":"decline"`), []byte(`"kind":"comment"`), 1)
			return true
		},
		"another salt":    func(b *proof.ServedBody) bool { b.Salt = bytes.Repeat([]byte{1}, 32); return true },
		"all in the salt": func(b *proof.ServedBody) bool { b.Salt, b.Body = append(b.Salt, b.Body...), nil; return true },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			var index atomic.Int64
			index.Store(-1)
			edit := func(f *linkv1.Feed) {
				var bodies []proof.ServedBody
				for _, b := range f.Bodies {
					if b.Index != index.Load() || lie(&b) {
						bodies = append(bodies, b)
					}
				}
				f.Bodies = bodies
			}
			r := p.takedown(p.president(), actions.Critical)
			size, _ := p.world.Size()
			index.Store(size)
			p.desk.Lie(edit)
			if got := p.decline(r); got != size {
				t.Fatalf("the no is entry %d, want %d", got, size)
			}
			raw := p.world.Warrant(r)
			if got, err := p.carry(raw); !fault.Is(err, "entry-withheld") {
				t.Fatalf("%+v, %v", got, err)
			}
			if n := len(p.plaza.Effects()); n != 0 {
				t.Fatalf("%d effects", n)
			}
			p.desk.Lie(nil)
			if got, err := p.carry(raw); err != nil || got.Outcome != proof.Refused || got.Type != "declined" {
				t.Fatalf("once it is there: %+v, %v", got, err)
			}
		})
	}
}

// TestWithheldBeforeTheCall: what came after the warrant is read as well, before the call.
func TestWithheldBeforeTheCall(t *testing.T) {
	p := newPlace(t)
	r := p.takedown(p.president(), actions.Critical)
	raw := p.world.Warrant(r)
	var index atomic.Int64
	index.Store(-1)
	p.desk.Lie(func(f *linkv1.Feed) {
		f.Bodies = slices.DeleteFunc(f.Bodies, func(b proof.ServedBody) bool { return b.Index == index.Load() })
	})
	p.desk.Before(func(x proof.Execution) {
		if x.Kind == proof.KindIntent {
			size, _ := p.world.Size()
			index.Store(size)
			p.decline(r)
		}
	})
	if got, err := p.carry(raw); err != nil || got.Outcome != proof.Dropped || got.Type != "entry-withheld" {
		t.Errorf("%+v, %v", got, err)
	}
	if n := len(p.plaza.Effects()); n != 0 {
		t.Errorf("%d effects", n)
	}
}

// TestReadsWhatItLacks: a desk that gives no bodies of its own entries with the leaves,
// as it does to one who is far behind, is asked for them, from the first signature on
// and not from entry 0; and a usual act asks for nothing.
func TestReadsWhatItLacks(t *testing.T) {
	p := newPlace(t)
	for i := range 20 { // old ones, which nobody needs to read
		p.world.Append(ledger.Draft{Class: ledger.Desk, Kind: "comment", Data: map[string]any{"old": fmt.Sprint(i)}, Expect: ledger.AnyNumber})
	}
	p.ready()
	noted, _ := p.world.Size()
	p.executes(p.takedown(p.plaza.Account("acct/9", 1, ""), actions.Standard))
	if n := p.desk.Asked(); n != 0 {
		t.Errorf("a usual act asked %d times", n)
	}
	p.advance(time.Hour)
	p.world.Enters(p.takedown(p.plaza.Account("acct/8", 1, ""), actions.Standard)) // with it the ledger's size at this hour is noted
	p.ready()
	p.advance(time.Hour)
	r := p.takedown(p.president(), actions.Critical)
	for i := range 30 {
		p.world.Append(ledger.Draft{Class: ledger.Desk, Kind: "comment", Data: map[string]any{"n": fmt.Sprint(i)}, Expect: ledger.AnyNumber})
	}
	raw := p.world.Warrant(r)
	p.ready()
	var least atomic.Int64
	least.Store(1 << 60)
	p.halt()
	p.desk.Lie(func(f *linkv1.Feed) {
		if len(f.Bodies) <= 7 { // an answer to who asks for bodies
			if len(f.Bodies) > 0 {
				least.Store(min(least.Load(), f.From))
			}
			return
		}
		f.Bodies = slices.DeleteFunc(f.Bodies, func(b proof.ServedBody) bool { return bytes.Contains(b.Body, []byte(`"class":"desk"`)) })
	})
	p.start()
	if got, err := p.carry(raw); err != nil || got.Outcome != proof.Executed {
		t.Fatalf("%+v, %v", got, err)
	}
	if n := p.desk.Asked(); n < 4 || n > 12 {
		t.Errorf("it asked %d times for 30 entries in pieces of 7", n)
	}
	if from := least.Load(); from < noted {
		t.Errorf("it asked from entry %d on; %d were there an hour before the first signature", from, noted)
	}
}

// TestUndoAsksForNothing: what relieves is not held up by a desk that gives nothing.
func TestUndoAsksForNothing(t *testing.T) {
	p := newPlace(t)
	r := p.takedown(p.plaza.Account("acct/9", 1, ""), actions.Standard)
	p.executes(r)
	p.entered(r, proof.DutyAct, "intent", "receipt executed")
	p.desk.Lie(func(f *linkv1.Feed) {
		f.Bodies = slices.DeleteFunc(f.Bodies, func(b proof.ServedBody) bool { return bytes.Contains(b.Body, []byte(`"class":"desk"`)) })
	})
	p.executes(p.world.Undo("ann", r))
}

// comments enters entries of the desk's own that say nothing.
func (p *place) comments(n int) {
	for i := range n {
		p.world.Append(ledger.Draft{Class: ledger.Desk, Kind: "comment", Data: map[string]any{"n": fmt.Sprint(i)}, Expect: ledger.AnyNumber})
	}
}

// bare has the desk give no bodies of its own entries with the leaves, and calls asked
// with the place from which it is asked for them.
func (p *place) bare(asked func(from int64)) {
	p.desk.Lie(func(f *linkv1.Feed) {
		if len(f.Bodies) > 0 && len(f.Bodies) <= executortest.BodiesAtOnce {
			asked(f.From)
			return
		}
		f.Bodies = slices.DeleteFunc(f.Bodies, func(b proof.ServedBody) bool { return bytes.Contains(b.Body, []byte(`"class":"desk"`)) })
	})
}

// withdraw enters a withdrawal of ann's, whose statement is valid for as long as life.
func (p *place) withdraw(r *prooftest.Request, life time.Duration) {
	p.t.Helper()
	deed, err := proof.NewDeed(2, actions.Deed{What: actions.DeedWithdraw, Of: r.ID, Version: 1}, "",
		actions.Statement{Log: p.world.State().LogName(), Signer: "ann", Key: p.world.PublicKey("ann").ID(), Expires: canonical.At(p.world.Now().Add(life))}, p.world.Now(), make([]byte, 96))
	if err != nil {
		p.t.Fatal(err)
	}
	deed.Signed = p.world.Signed("ann", deed.Signed.Statement)
	signed := deed.SignedDeed()
	if err := p.world.State().MayDo(signed, p.world.Now()); err != nil {
		p.t.Fatal(err)
	}
	p.world.Append(ledger.Draft{Class: ledger.Desk, Kind: entry.KindWithdraw, Expect: ledger.AnyNumber, Sealed: []ledger.Opening{proof.Sealing(actions.DeedWithdraw, "", deed.Salt)},
		Data: entry.End{Request: r.ID, Deed: &signed, Status: actions.StatusWithdrawn, Worker: "ann"}})
}

// TestShortNo: a desk that lies tells the program of whoever says no that the request expires
// in five minutes, and so does the statement of the no. The desk goes on to enter ten thousand
// noes that nobody signed, and a change of the desk. The request is good for hours still, and
// the executor does not forget the no.
func TestShortNo(t *testing.T) {
	const life = 5 * time.Minute
	for name, c := range map[string]struct {
		no   func(p *place, r *prooftest.Request)
		want string
	}{
		"a withdrawal": {func(p *place, r *prooftest.Request) { p.withdraw(r, life) }, "refused withdrawn"},
		"a decline": {func(p *place, r *prooftest.Request) {
			signed := p.world.Statement(r, "eva", actions.VerdictDecline, func(st *actions.Statement) { st.Expires = canonical.At(st.NotBefore.Add(life)) })
			p.world.Append(ledger.Draft{Class: ledger.Desk, Kind: entry.KindDecline, Expect: ledger.AnyNumber, Data: entry.Verdict{Request: r.ID, Signed: signed, Status: actions.StatusDeclined}})
		}, "refused declined"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			r := p.world.Enters(p.takedown(p.plaza.Account("acct/9", 1, ""), actions.Standard))
			c.no(p, r)
			p.ready()
			p.advance(2 * life)
			p.world.End("abe")
			p.ready()
			p.flood(10_001)
			p.refusedAs(p.world.Forge(r), "acct/9", c.want)
		})
	}
}

// flood enters noes to requests that nobody made.
func (p *place) flood(n int) {
	drafts := make([]ledger.Draft, n)
	for i := range drafts {
		drafts[i] = ledger.Draft{Class: ledger.Desk, Kind: entry.KindWithdraw, Expect: ledger.AnyNumber, Data: entry.End{Request: fmt.Sprint("old ", i), Status: actions.StatusWithdrawn}}
	}
	p.world.Append(drafts...)
	p.ready()
}

// TestForgottenEntries: a journal without marks, as earlier programs wrote it, and a
// ledger longer than the executor's memory of it. A request that was signed before the
// first start cannot be judged any more and is signed anew; requests that are signed
// afterwards go on.
func TestForgottenEntries(t *testing.T) {
	t.Parallel()
	p := emptyPlace(t, prooftest.Staffed(t))
	p.plaza = executortest.NewPlatform(p.clock.Now)
	p.played = p.plaza
	p.limits.Leaves = 20
	old := p.takedown(p.president(), actions.Critical)
	p.comments(60)
	raw := p.world.Warrant(old)
	p.bare(func(int64) {})
	p.begun()
	got, err := p.carry(raw)
	if err != nil || got.Outcome != proof.Refused || got.Type != "entries-forgotten" {
		t.Fatalf("%+v, %v", got, err)
	}
	if n := len(p.plaza.Effects()); n != 0 {
		t.Fatalf("%d effects", n)
	}
	p.advance(2 * time.Minute)
	p.executes(p.takedown(p.president(), actions.Critical))
}

// TestMarksAfterAClockThatWasWrong: a clock that was years ahead for a while, and is set
// right, keeps nobody from noting the ledger's size: after a start only what came since
// the request was signed is asked for.
func TestMarksAfterAClockThatWasWrong(t *testing.T) {
	p := newPlace(t)
	right := p.clock.Now()
	p.clock.Set(right.AddDate(10, 0, 0))
	p.comments(20)
	p.ready()
	noted, _ := p.world.Size()
	p.clock.Set(right.Add(time.Hour))
	p.world.Advance(time.Hour)
	p.comments(20) // the size is noted at the first of them that the executor sees, or later
	p.ready()
	p.advance(time.Hour)
	r := p.takedown(p.president(), actions.Critical)
	p.comments(10)
	raw := p.world.Warrant(r)
	p.ready()
	p.halt()
	var least atomic.Int64
	least.Store(1 << 60)
	p.bare(func(from int64) { least.Store(min(least.Load(), from)) })
	p.start()
	if got, err := p.carry(raw); err != nil || got.Outcome != proof.Executed {
		t.Fatalf("%+v, %v", got, err)
	}
	if from := least.Load(); from < noted || from == 1<<60 {
		t.Errorf("it asked from entry %d on; %d were there an hour before the first signature", from, noted)
	}
}

// TestNoMarkWhileClocksDisagree: while the ledger is dated later than the executor's
// clock says, the clock may be the wrong one. A size that is noted then would count as
// one of before a signature that is older than some of its entries.
func TestNoMarkWhileClocksDisagree(t *testing.T) {
	p := newPlace(t)
	p.ready()
	p.world.Advance(time.Hour) // the executor's clock stays behind
	r := p.takedown(p.president(), actions.Critical)
	p.decline(r)
	raw := p.world.Warrant(r)
	p.world.Enters(p.takedown(p.plaza.Account("acct/8", 1, ""), actions.Standard))
	p.ready()
	p.clock.Set(p.world.Now().Add(-30 * time.Minute))
	p.comments(1)
	p.ready()
	p.halt()
	p.clock.Set(p.world.Now())
	p.bare(func(int64) {})
	p.start()
	if got, err := p.carry(raw); err != nil || got.Outcome != proof.Refused || got.Type != "declined" {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestAsksOnce: acts that wait for the same entries do not each ask for them.
func TestAsksOnce(t *testing.T) {
	t.Parallel()
	p := emptyPlace(t, prooftest.Staffed(t))
	p.plaza = executortest.NewPlatform(p.clock.Now)
	p.played = p.plaza
	var warrants [][]byte
	for i := range 6 {
		warrants = append(warrants, p.world.Warrant(p.takedown(p.plaza.Account(fmt.Sprintf("acct/%d", 10+i), 1, ""), actions.Standard)))
	}
	p.comments(20)
	size, _ := p.world.Size()
	var at, most atomic.Int64
	p.bare(func(int64) {
		most.Store(max(most.Load(), at.Add(1)))
		for range 1000 {
			runtime.Gosched() // whoever would ask at the same time does
		}
		at.Add(-1)
	})
	p.begun()
	var all sync.WaitGroup
	for _, raw := range warrants {
		all.Go(func() {
			if got, err := p.carry(raw); err != nil || got.Outcome != proof.Executed {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	all.Wait()
	if n := most.Load(); n > 1 {
		t.Errorf("%d acts asked at the same time", n)
	}
	if n, once := p.desk.Asked(), int(size)/executortest.BodiesAtOnce+1; n > once {
		t.Errorf("six acts asked %d times for %d entries in pieces of %d", n, size, executortest.BodiesAtOnce)
	}
}

// TestSlowDeskAndUndo: a desk that takes its time over the entries that a burdening act
// needs does not hold up the undo of another act on the same subject.
func TestSlowDeskAndUndo(t *testing.T) {
	p := newPlace(t)
	account := p.plaza.Account("acct/9", 1, "")
	first := p.takedown(account, actions.Standard)
	p.executes(first)
	p.entered(first, proof.DutyAct, "intent", "receipt executed")
	second := p.world.Warrant(p.takedown(account, actions.Standard))
	p.ready()
	p.halt()
	asked, answer := make(chan struct{}), make(chan struct{})
	var once sync.Once
	p.bare(func(int64) {
		once.Do(func() { close(asked) })
		<-answer
	})
	p.start()
	p.comments(1)
	ended := make(chan struct{})
	go func() { defer close(ended); p.carry(second) }()
	<-asked
	p.executes(p.world.Undo("ann", first))
	select {
	case <-ended:
		t.Error("the desk was not asked for anything")
	default:
	}
	close(answer)
	<-ended
}

// ended is how a request came to its end before somebody had the desk go on with it.
type ended struct {
	kind   string
	status actions.Status
}

// revives asks for a change of the desk, has it end, and applies it all the same.
func (p *place) revives(kind actions.Kind, c actions.Change, end ended) (index int64) {
	p.t.Helper()
	r := p.world.RequestChange(kind, c, p.world.Officers[0])
	p.world.Countersign(r, p.world.Officers[1:]...)
	p.world.Enters(r)
	d := ledger.Draft{Class: ledger.Desk, Kind: end.kind, Expect: ledger.AnyNumber}
	switch end.kind {
	case entry.KindDecline:
		d.Data = entry.Verdict{Request: r.ID, Signed: p.world.Statement(r, "eva", actions.VerdictDecline), Status: end.status}
	default:
		d.Data = entry.End{Request: r.ID, Signed: p.world.Statement(r, r.By, actions.VerdictWithdraw), Status: end.status, Worker: r.By}
	}
	index = p.world.Append(d)[0].Index
	if _, err := p.world.ApplyChange(r); err != nil {
		p.t.Fatal(err)
	}
	return index
}

var (
	withdrawn = ended{entry.KindWithdraw, actions.StatusWithdrawn}
	declined  = ended{entry.KindDecline, actions.StatusDeclined}
	going     = ended{entry.KindDecline, actions.StatusHeld}
)

// TestRevivedChange: a change of the desk whose request was withdrawn or declined is
// void, although the desk carries it out: a person who edits the request's row makes the
// desk go on with the signatures in hand. For a thaw, and for a relieving change, a
// decline withholds only the signer's own yes.
func TestRevivedChange(t *testing.T) {
	leaves := actions.Engagement{Op: "end", Worker: "lee"}
	budgets := actions.Setting{Of: actions.PartBudgets, Budgets: actions.DefaultBudgets()[:1]}
	for name, c := range map[string]struct {
		kind   actions.Kind
		change actions.Change
		end    ended
		sound  bool
	}{
		"withdrawn":                        {actions.DeskEngagement, leaves, withdrawn, false},
		"declined":                         {actions.DeskChange, budgets, declined, false},
		"declined, and the desk denies it": {actions.DeskChange, budgets, going, false},
		"a thaw withdrawn":                 {actions.DeskFreeze, actions.Freeze{Op: "thaw", Scope: actions.ScopeWorker, Of: "abe"}, withdrawn, false},
		"an end declined":                  {actions.DeskEngagement, leaves, going, true},
		"a thaw declined":                  {actions.DeskFreeze, actions.Freeze{Op: "thaw", Scope: actions.ScopeWorker, Of: "abe"}, going, true},
	} {
		t.Run(name, func(t *testing.T) {
			for _, running := range []bool{true, false} {
				t.Run(fmt.Sprintf("running %v", running), func(t *testing.T) {
					p := newPlace(t)
					p.world.Change(actions.DeskFreeze, actions.Freeze{Op: "freeze", Scope: actions.ScopeWorker, Of: "abe"})
					burdening, undo := p.prepare()
					if !running {
						p.halt()
						p.bare(func(int64) {})
					}
					p.revives(c.kind, c.change, c.end)
					if !running {
						p.comments(20)
						p.start()
					}
					p.ready()
					if c.sound {
						p.until("nothing stops it", func() bool { return p.Status().Stopped == "" })
						if got, err := p.carry(burdening); err != nil || got.Outcome != proof.Executed {
							t.Fatalf("%+v, %v", got, err)
						}
						return
					}
					p.refusesBurdening("before it was carried out", burdening, undo)
					p.restart()
					p.refusesBurdening("before it was carried out", burdening, nil)
				})
			}
		})
	}
}

// TestRevivedChangeWithheld: the body of a no that the desk keeps back stops burdening
// acts until it is given, and the change is void then.
func TestRevivedChangeWithheld(t *testing.T) {
	p := newPlace(t)
	burdening, undo := p.prepare()
	p.desk.Lie(func(f *linkv1.Feed) {
		f.Bodies = slices.DeleteFunc(f.Bodies, func(b proof.ServedBody) bool { return bytes.Contains(b.Body, []byte(`"kind":"withdraw"`)) })
	})
	no := p.revives(actions.DeskEngagement, actions.Engagement{Op: "end", Worker: "lee"}, withdrawn)
	p.refusesBurdening(fmt.Sprintf("the ledger's entries from %d on", no), burdening, undo)
	p.desk.Lie(nil)
	p.refusesBurdening("before it was carried out", burdening, nil)
}

// TestChangesFoundAtTheStart: with a new journal an executor takes the desk as it finds it,
// and asks for no entry; what comes later is read.
func TestChangesFoundAtTheStart(t *testing.T) {
	t.Parallel()
	p := emptyPlace(t, prooftest.Staffed(t))
	p.plaza = executortest.NewPlatform(p.clock.Now)
	p.played = p.plaza
	p.comments(60)
	p.world.End("abe")
	p.bare(func(int64) {})
	p.begun()
	p.ready()
	p.advance(2 * time.Minute) // what is signed now was not there at the start
	p.executes(p.takedown(p.plaza.Account("acct/9", 1, ""), actions.Standard))
	if n := p.desk.Asked(); n > 2 {
		t.Errorf("it asked %d times", n)
	}
	p.desk.Lie(nil)
	burdening, undo := p.prepare()
	p.revives(actions.DeskEngagement, actions.Engagement{Op: "end", Worker: "lee"}, withdrawn)
	p.refusesBurdening("before it was carried out", burdening, undo)
}
