package executor_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/executor"
	"countersign.dev/executor/journal"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/platform"
)

// refusesBurdening: the executor says why it has stopped, takes no burdening act
// on and spends nothing, while a prepared undo is carried out.
func (p *place) refusesBurdening(because string, burdening, undo []byte) {
	p.t.Helper()
	p.until("the executor has stopped because of "+because, func() bool { return strings.Contains(p.Status().Stopped, because) })
	effects := len(p.plaza.Effects())
	if got, err := p.carry(burdening); !fault.Is(err, "executor-stopped") || !strings.Contains(err.Error(), because) {
		p.t.Errorf("burdening: %+v, %v", got, err)
	}
	if n := len(p.plaza.Effects()); n != effects {
		p.t.Errorf("the platform changed %d times", n-effects)
	}
	if undo == nil {
		return
	}
	if got, err := p.carry(undo); err != nil || got.Outcome != proof.Executed {
		p.t.Errorf("undo: %+v, %v", got, err)
	}
}

// prepare carries one measure out and returns its undo's warrant and one for
// another measure.
func (p *place) prepare() (burdening, undo []byte) {
	p.t.Helper()
	measure := p.takedown(p.president(), actions.Critical)
	p.executes(measure)
	p.entered(measure, proof.DutyAct, "intent", "receipt executed")
	burdening = p.world.Warrant(p.takedown(p.plaza.Account("acct/9", 1, ""), actions.Standard))
	undo = p.world.Warrant(p.world.Undo("bob", measure))
	p.ready()
	return burdening, undo
}

// withhold takes the bodies of some entries away from every answer.
func withhold(which func(ledger.Leaf) bool) func(*linkv1.Feed) {
	return func(f *linkv1.Feed) {
		var rest []proof.ServedBody
		for _, b := range f.Bodies {
			leaf, err := ledger.ParseLeaf([]byte(f.Leaves[b.Index-f.From]))
			if err == nil && !which(leaf) {
				rest = append(rest, b)
			}
		}
		f.Bodies = rest
	}
}

// TestWithheld: a body that is withheld, or is another than its leaf commits to,
// stops burdening acts and nothing else, until it is given.
func TestWithheld(t *testing.T) {
	for name, lie := range map[string]func(n int64) func(*linkv1.Feed){
		"governance": func(n int64) func(*linkv1.Feed) {
			return withhold(func(l ledger.Leaf) bool { return l.Class == ledger.Governance && l.Number >= n })
		},
		"edited": func(n int64) func(*linkv1.Feed) {
			return func(f *linkv1.Feed) {
				for i, b := range f.Bodies {
					f.Bodies[i].Body = canonical.Raw(bytes.ReplaceAll(b.Body, []byte(`"end"`), []byte(`"and"`)))
				}
			}
		},
		"another salt": func(n int64) func(*linkv1.Feed) {
			return func(f *linkv1.Feed) {
				for i := range f.Bodies {
					f.Bodies[i].Salt = make([]byte, 32)
				}
			}
		},
		"all": func(n int64) func(*linkv1.Feed) { return func(f *linkv1.Feed) { f.Bodies = nil } },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			burdening, undo := p.prepare()
			n := p.world.State().Next
			p.desk.Lie(lie(n))
			p.world.End("abe")
			p.refusesBurdening(fmt.Sprintf("governance entry %d", n), burdening, undo)
			p.desk.Lie(nil)
			p.until("the body is there", func() bool { return p.Status().Stopped == "" })
			if got, err := p.carry(burdening); err != nil || got.Outcome != proof.Executed {
				t.Errorf("afterwards: %+v, %v", got, err)
			}
		})
	}
}

// TestWithheldReceipt: the same of an execution entry.
func TestWithheldReceipt(t *testing.T) {
	p := newPlace(t)
	burdening, undo := p.prepare()
	p.desk.Lie(withhold(func(l ledger.Leaf) bool { return l.Class == ledger.Execution }))
	if got, err := p.carry(undo); err != nil || got.Outcome != proof.Executed {
		t.Errorf("undo: %+v, %v", got, err)
	}
	p.refusesBurdening("execution entry", burdening, nil)
}

// forge gives, in every answer, a whole other ledger, made from the honest one and signed
// by the log's key.
func forge(w *prooftest.World, change func(*linkv1.Feed)) func(*linkv1.Feed) {
	other := w.Feed(0)
	change(&other)
	sign(w, &other)
	return func(f *linkv1.Feed) { serve(f, other) }
}

func serve(f *linkv1.Feed, other linkv1.Feed) {
	from := f.From
	*f = linkv1.Feed{From: from, Checkpoint: other.Checkpoint}
	if from < int64(len(other.Leaves)) {
		f.Leaves = other.Leaves[from:]
	}
	for _, b := range other.Bodies {
		if b.Index >= from {
			f.Bodies = append(f.Bodies, b)
		}
	}
}

func sign(w *prooftest.World, f *linkv1.Feed) {
	var edge ledger.Edge
	for _, text := range f.Leaves {
		leaf, err := ledger.ParseLeaf([]byte(text))
		if err != nil {
			panic(err)
		}
		edge.Add(leaf.Hash())
	}
	signed, err := ledger.Checkpoint{Origin: w.Origin, Size: edge.Size(), Root: edge.Root()}.Sign(w.LogKey())
	if err != nil {
		panic(err)
	}
	f.Checkpoint = string(signed)
}

// add puts an entry of the desk's making at the end of a feed from 0.
func add(f *linkv1.Feed, b ledger.Body) {
	raw, salt := canonical.MustMarshal(b), make([]byte, 32)
	leaf := ledger.Leaf{Class: b.Class, Number: b.Number, Commitment: ledger.Commitment(raw, salt)}
	f.Bodies = append(f.Bodies, proof.ServedBody{Index: int64(len(f.Leaves)), Body: raw, Salt: salt})
	f.Leaves = append(f.Leaves, string(leaf.Bytes()))
}

// TestLies: what the desk may do to the ledger that it serves while the
// executor runs, all signed with the true key of the log.
func TestLies(t *testing.T) {
	for _, c := range []struct {
		name    string
		lie     func(p *place) func(*linkv1.Feed)
		because string
		healed  bool // by telling the truth again
	}{
		{"a second governance chain beside the first", func(p *place) func(*linkv1.Feed) {
			end := p.world.End("abe")
			return forge(p.world, func(f *linkv1.Feed) { b := end.Body; add(f, b) })
		}, "two chains", true},
		{"a governance entry left out", func(p *place) func(*linkv1.Feed) {
			p.desk.Down(true) // so that the executor does not see the true one
			b := p.world.End("abe").Body
			return forge(p.world, func(f *linkv1.Feed) {
				f.Leaves, f.Bodies = f.Leaves[:len(f.Leaves)-1], f.Bodies[:len(f.Bodies)-1]
				b.Number++
				add(f, b)
			})
		}, "an entry is missing", true},
		{"a second governance chain instead of the first", func(p *place) func(*linkv1.Feed) {
			p.desk.Down(true) // so that the executor does not see the true one
			b := p.world.End("abe").Body
			return forge(p.world, func(f *linkv1.Feed) {
				f.Leaves, f.Bodies = f.Leaves[:len(f.Leaves)-1], f.Bodies[:len(f.Bodies)-1]
				b.Prev = canonical.Sum([]byte("another head"))
				add(f, b)
			})
		}, "does not name the entry before it", false},
		{"a change that nobody signed", func(p *place) func(*linkv1.Feed) {
			a, err := p.world.Authority(actions.DeskChange, actions.Setting{Of: actions.PartBudgets, Budgets: actions.DefaultBudgets()[:1]}, "ada", "bea")
			if err != nil {
				p.t.Fatal(err)
			}
			p.world.Append(ledger.Draft{Class: ledger.Governance, Kind: string(actions.DeskChange), Data: a, Expect: ledger.AnyNumber})
			return nil
		}, "does not verify", false},
		// Officers signed it, since their own desk lied to them about it as well.
		{"an enrolment that was signed at a rehearsal", func(p *place) func(*linkv1.Feed) {
			e := p.world.Enrolment("abe")
			e.Possession = p.world.Key("abe").Sign(actions.PossessionChallenge(p.world.Origin, "abe", e.Key.ID()))
			p.world.Append(ledger.Draft{Class: ledger.Governance, Kind: string(actions.DeskKey), Expect: ledger.AnyNumber,
				Data: p.world.Claim(actions.DeskKey, actions.Keys{Enrol: []actions.Enrolment{e}}, "ada", "bea", "cem")})
			return nil
		}, "did not sign for its enrolment", false},
		{"a body that is no entry", func(p *place) func(*linkv1.Feed) {
			p.world.Append(ledger.Draft{Class: ledger.Governance, Kind: "desk.change", Data: map[string]any{"x": 1}, Expect: ledger.AnyNumber})
			return nil
		}, "does not verify", false},
		{"the same stretch once more", func(p *place) func(*linkv1.Feed) {
			return func(f *linkv1.Feed) { *f = p.world.Feed(f.From - 3) }
		}, "answered with the ledger from", true},
		{"the same entries under new numbers", func(p *place) func(*linkv1.Feed) {
			return func(f *linkv1.Feed) { from := f.From; *f = p.world.Feed(from - 3); f.From = from }
		}, "two chains", true},
		{"another key's checkpoint", func(p *place) func(*linkv1.Feed) {
			key, err := ledger.NewKey(p.world.Origin, bytes.NewReader(make([]byte, 32)))
			if err != nil {
				p.t.Fatal(err)
			}
			return func(f *linkv1.Feed) {
				head := p.world.Head()
				signed, err := ledger.Checkpoint{Origin: p.world.Origin, Size: head.Size, Root: head.Edge.Root()}.Sign(key)
				if err != nil {
					p.t.Error(err)
				}
				f.Checkpoint = string(signed)
			}
		}, "not signed by the log's key", true},
		{"a checkpoint over other entries", func(p *place) func(*linkv1.Feed) {
			other := prooftest.Found(p.t, prooftest.Options{Seed: 9})
			other.Append(make([]ledger.Draft, 0)...)
			return func(f *linkv1.Feed) {
				head := p.world.Head()
				signed, err := ledger.Checkpoint{Origin: p.world.Origin, Size: head.Size + 1, Root: other.Head().Edge.Root()}.Sign(p.world.LogKey())
				if err != nil {
					p.t.Error(err)
				}
				f.Checkpoint = string(signed)
			}
		}, "withholds the entries from", true},
		{"a fork at the same size", func(p *place) func(*linkv1.Feed) {
			return func(f *linkv1.Feed) {
				signed, err := ledger.Checkpoint{Origin: p.world.Origin, Size: p.world.Head().Size, Root: [32]byte{1}}.Sign(p.world.LogKey())
				if err != nil {
					p.t.Error(err)
				}
				f.Checkpoint = string(signed)
			}
		}, "is forked", false},
		{"a shorter ledger", func(p *place) func(*linkv1.Feed) {
			short := p.world.Feed(0)
			p.world.End("abe")
			p.ready()
			return func(f *linkv1.Feed) { serve(f, short) }
		}, "an old ledger", true},
		{"a record that the executor never made", func(p *place) func(*linkv1.Feed) {
			x := proof.Execution{V: proof.ExecutionV1, Executor: prooftest.ExecutorID, Sequence: 999, Kind: proof.KindIntent, Duty: proof.DutyAct,
				Request: p.world.NewRequestID(), Nonce: make([]byte, 32), At: canonical.At(p.world.Now())}
			if err := p.world.Record(x.Sign(p.world.ExecutorKey)); err != nil {
				p.t.Fatal(err)
			}
			return nil
		}, "its journal lacks", false},
		{"a record of the executor's with other content", func(p *place) func(*linkv1.Feed) {
			x := p.world.Acted()[1]
			x.Text = "other"
			p.world.Append(x.Sign(p.world.ExecutorKey).Draft())
			return nil
		}, "its journal lacks", false},
		{"a record of the executor's twice", func(p *place) func(*linkv1.Feed) {
			p.world.Append(p.world.Acted()[1].Sign(p.world.ExecutorKey).Draft())
			return nil
		}, "twice", false},
		{"a record in its name that it did not sign", func(p *place) func(*linkv1.Feed) {
			x := proof.SignedExecution{Execution: p.world.Acted()[1], Signature: make([]byte, 64)}
			p.world.Append(x.Draft())
			return nil
		}, "its journal lacks", false},
		{"another executor's key in the chain", func(p *place) func(*linkv1.Feed) {
			trust := p.world.State().Trust
			trust.ExecutorKey = make([]byte, 32)
			p.world.Change(actions.DeskChange, actions.Setting{Of: actions.PartTrust, Trust: &trust})
			return nil
		}, "with another key or name", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPlace(t)
			burdening, undo := p.prepare()
			p.desk.Lie(c.lie(p))
			p.desk.Down(false)
			p.refusesBurdening(c.because, burdening, undo)
			p.desk.Lie(nil)
			if !c.healed {
				if p.restart(); c.name != "a fork at the same size" && !strings.HasPrefix(c.name, "a second") {
					p.until("it has stopped again", func() bool { return strings.Contains(p.Status().Stopped, c.because) })
				}
				return
			}
			p.until("the truth is believed again", func() bool { return p.Status().Stopped == "" })
			if got, err := p.carry(burdening); err != nil || got.Outcome != proof.Executed {
				t.Errorf("afterwards: %+v, %v", got, err)
			}
		})
	}
}

// TestPartOfALedgerProvesNothing: a desk that was caught at a lie does not go on by giving
// entries whose checkpoint it still owes.
func TestPartOfALedgerProvesNothing(t *testing.T) {
	p := newPlace(t)
	p.ready()
	before := p.world.Head().Size
	after := make(chan string, 1) // why the executor had stopped after it got the entries
	given := false
	p.desk.Lie(func(f *linkv1.Feed) {
		if given {
			select {
			case after <- p.Status().Stopped:
			default:
			}
		}
		given = given || f.From == before && len(f.Leaves) > 0
		signed, err := ledger.Checkpoint{Origin: p.world.Origin, Size: p.world.Head().Size + 1, Root: [32]byte{1}}.Sign(p.world.LogKey())
		if err != nil {
			t.Error(err)
		}
		f.Checkpoint = string(signed)
	})
	p.until("it has stopped", func() bool { return strings.Contains(p.Status().Stopped, "withholds the entries from") })
	p.world.End("abe")
	if why := <-after; why == "" {
		t.Error("it went on when it got entries under a checkpoint that covers more")
	}
}

// TestRestartOnOtherLedger: what was seen before a restart is remembered.
func TestRestartOnOtherLedger(t *testing.T) {
	for name, c := range map[string]struct {
		lie     func(w *prooftest.World, before linkv1.Feed) func(*linkv1.Feed)
		because string
	}{
		"shorter": {func(_ *prooftest.World, before linkv1.Feed) func(*linkv1.Feed) {
			return func(f *linkv1.Feed) { serve(f, before) }
		}, "an old ledger"},
		"different": {func(w *prooftest.World, _ linkv1.Feed) func(*linkv1.Feed) {
			return forge(w, func(f *linkv1.Feed) {
				for i := len(f.Leaves) - 1; ; i-- {
					if leaf, _ := ledger.ParseLeaf([]byte(f.Leaves[i])); leaf.Class == ledger.Desk {
						leaf.Commitment[0]++
						f.Leaves[i] = string(leaf.Bytes())
						return
					}
				}
			})
		}, "not the ones that this executor saw"},
		"different and longer": {func(w *prooftest.World, _ linkv1.Feed) func(*linkv1.Feed) {
			w.End("abe")
			return forge(w, func(f *linkv1.Feed) {
				leaf, _ := ledger.ParseLeaf([]byte(f.Leaves[len(f.Leaves)-2]))
				for i := len(f.Leaves) - 2; leaf.Class != ledger.Desk; i-- {
					leaf, _ = ledger.ParseLeaf([]byte(f.Leaves[i]))
					if leaf.Class == ledger.Desk {
						leaf.Commitment[0]++
						f.Leaves[i] = string(leaf.Bytes())
					}
				}
			})
		}, "not the ones that this executor saw"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			measure := p.takedown(p.president(), actions.Critical)
			p.executes(measure)
			p.entered(measure, proof.DutyAct, "intent", "receipt executed")
			burdening := p.world.Warrant(p.takedown(p.plaza.Account("acct/9", 1, ""), actions.Standard))
			p.ready()
			before := p.world.Feed(0)
			last := p.takedown(p.plaza.Account("acct/10", 1, ""), actions.Standard)
			p.executes(last)
			p.entered(last, proof.DutyAct, "intent", "receipt executed")
			p.ready()
			p.halt()
			p.desk.Lie(c.lie(p.world, before))
			p.start()
			p.refusesBurdening(c.because, burdening, nil)
		})
	}
}

// TestEndsWhileSaving: an executor that is told to end while it journals what it
// followed journals all of it.
func TestEndsWhileSaving(t *testing.T) {
	p := newPlace(t)
	p.ready()
	p.halt()
	p.world.End("abe")
	want := p.world.State().Next
	ended := make(chan struct{})
	p.step = func(name string) {
		if name == executor.StepSaving {
			<-ended
		}
	}
	p.start()
	p.ready()
	go func() {
		p.cancel()
		close(ended)
	}()
	p.halt()
	p.journals(want)
}

// TestMarkComesWithItsHead: wherever an executor dies while it journals what it followed, the
// journal holds no mark of a ledger that is longer than the journalled head. Such a mark would
// say that an entry was seen which only a rewritten end of the ledger holds.
func TestMarkComesWithItsHead(t *testing.T) {
	p := newPlace(t)
	p.ready()
	p.halt()
	var steps atomic.Int64
	look := func() {
		marks, err := p.journal.Marks(context.Background())
		if err != nil {
			t.Error(err)
		}
		head, err := p.journal.Seen(context.Background())
		if err != nil {
			t.Error(err)
		}
		for _, m := range marks {
			if m.Size > head.Size {
				t.Errorf("a mark of size %d, and a head of size %d", m.Size, head.Size)
			}
		}
		if head.Size == 0 {
			t.Error("nothing is journalled")
		}
		steps.Add(1)
	}
	p.step = func(name string) {
		if name == executor.StepSaving {
			look()
		}
	}
	p.start()
	p.ready()
	before := steps.Load()
	p.advance(time.Hour)
	p.world.End("abe")
	p.ready()
	p.until("it is journalled", func() bool {
		marks, err := p.journal.Marks(t.Context())
		size, _ := p.world.Size()
		return err == nil && steps.Load() > before && slices.ContainsFunc(marks, func(m journal.Mark) bool { return m.Size == size })
	})
	look()
}

// TestMarksBeyondTheHead: marks of a ledger that is longer than the head wait for the next
// one.
func TestMarksBeyondTheHead(t *testing.T) {
	marks := []journal.Mark{{Size: 3}, {Size: 5}, {Size: 5}, {Size: 8}}
	for size, want := range map[int64]int{2: 0, 3: 1, 5: 3, 7: 3, 8: 4, 9: 4} {
		upTo, beyond := executor.SplitMarks(marks, size)
		if diff := cmp.Diff([2]int{want, len(marks) - want}, [2]int{len(upTo), len(beyond)}); diff != "" {
			t.Errorf("size %d: %s", size, diff)
		}
	}
}

// TestGivenLate: a governance entry whose body came after the ledger's head was
// journalled is journalled as well.
func TestGivenLate(t *testing.T) {
	p := newPlace(t)
	p.ready()
	want := p.world.State().Next + 1
	p.desk.Lie(withhold(func(l ledger.Leaf) bool { return l.Class == ledger.Governance && l.Number == want-1 }))
	p.world.End("abe")
	size, _ := p.world.Size()
	p.until("the head is journalled", func() bool {
		h, err := p.journal.Seen(t.Context())
		return err == nil && h.Size >= size
	})
	p.desk.Lie(nil)
	p.until("the change is known", func() bool { return p.Status().Governance == want })
	p.halt()
	p.journals(want)
}

// journals checks how many governance entries the journal of a halted executor has.
func (p *place) journals(want int64) {
	p.t.Helper()
	j, err := journal.Open(p.t.Context(), p.path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer j.Close()
	chain, err := j.Chain(p.t.Context())
	if err != nil || int64(len(chain)) != want {
		p.t.Errorf("the journal has %d governance entries, %v, want %d", len(chain), err, want)
	}
}

// TestIdleRemembers: a ledger that nothing was carried out on is remembered too.
func TestIdleRemembers(t *testing.T) {
	p := newPlace(t)
	burdening := p.world.Warrant(p.takedown(p.plaza.Account("acct/9", 1, ""), actions.Standard))
	p.ready()
	before := p.world.Feed(0)
	p.world.End("abe")
	p.ready()
	size, _ := p.world.Size()
	p.until("the head is journalled", func() bool {
		h, err := p.journal.Seen(t.Context())
		return err == nil && h.Size >= size
	})
	p.halt()
	p.desk.Lie(func(f *linkv1.Feed) { serve(f, before) })
	p.start()
	p.refusesBurdening("an old ledger", burdening, nil)
	if s := p.Status(); s.Size != size {
		t.Errorf("status says size %d; it has seen %d", s.Size, size)
	}
}

// TestOldJournal: an executor whose journal was put back finds its own records
// in the ledger and stops.
func TestOldJournal(t *testing.T) {
	p := newPlace(t)
	burdening, undo := p.prepare()
	p.halt()
	old, err := os.ReadFile(p.path)
	if err != nil {
		t.Fatal(err)
	}
	p.start()
	lost := p.takedown(p.plaza.Account("acct/10", 1, ""), actions.Standard)
	p.executes(lost)
	p.entered(lost, proof.DutyAct, "intent", "receipt executed")
	p.halt()
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Remove(p.path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(p.path, old, 0o600); err != nil {
		t.Fatal(err)
	}
	p.start()
	p.refusesBurdening("the journal is an old one", burdening, undo)
}

// TestForeignJournal: a journal serves one executor at one desk.
func TestForeignJournal(t *testing.T) {
	p := newPlace(t)
	for name, c := range map[string]executor.Config{
		"desk":     {ID: prooftest.ExecutorID, Root: canonical.Sum([]byte("other"))},
		"executor": {ID: "executor-2", Root: p.world.Root},
	} {
		c.Key, c.Journal, c.Desk = p.world.ExecutorKey, p.journal, p.desk
		if _, err := executor.New(t.Context(), c); !fault.Is(err, "foreign-journal") {
			t.Errorf("another %s: %v", name, err)
		}
	}
}

// TestTakenJournal: a second process on the same journal ends the first.
func TestTakenJournal(t *testing.T) {
	p := newPlace(t)
	raw := p.world.Warrant(p.takedown(p.president(), actions.Critical))
	p.ready()
	first, stop, kept := p.Executor, p.stop, p.journal
	p.plaza.Before(func(platform.Command) { p.plaza.Before(nil); p.start() }) // in the middle of the first one's call
	if got, err := first.Carry(t.Context(), raw, patience); err == nil {
		t.Errorf("the first: %+v, %v", got, err)
	}
	if got, err := p.carry(raw); err != nil || got.Outcome != proof.Executed {
		t.Errorf("the second: %+v, %v", got, err)
	}
	if n := len(p.plaza.Effects()); n != 1 {
		t.Errorf("the platform changed %d times", n)
	}
	p.world.End("abe")
	p.until("the first has ended", func() bool { return !first.Running() })
	if err := stop(); !fault.Is(err, "journal-taken") {
		t.Errorf("the first ended with %v", err)
	}
	if err := kept.Close(); err != nil {
		t.Error(err)
	}
}

// TestForeignDesk: entry 0 is known by its hash.
func TestForeignDesk(t *testing.T) {
	p := newPlace(t)
	p.halt()
	other := prooftest.Found(t, prooftest.Options{Seed: 7})
	p.world.Root = other.Root
	p.path += "2"
	p.start()
	p.until("it says so", func() bool { return strings.Contains(p.Status().Stopped, "founded by") })
}

// TestClocks: the newest entry's time counts as now where it is near, and stops
// burdening acts where it is not.
func TestClocks(t *testing.T) {
	t.Run("our clock is slow", func(t *testing.T) {
		p := newPlace(t)
		r := p.world.Request("dan", actions.AccountTakedown, p.plaza.Account("acct/9", 1, ""), actions.Standard)
		raw := p.world.Warrant(r)
		p.world.Advance(6*time.Hour + 10*time.Second)
		p.clock.Set(p.clock.Now().Add(6*time.Hour - 20*time.Second))
		p.world.End("abe")
		p.ready()
		if got, err := p.carry(raw); err != nil || got.Type != "engagement-ended" {
			t.Errorf("%+v, %v", got, err)
		}
	})
	t.Run("the warrant's own entry", func(t *testing.T) {
		p := newPlace(t)
		p.ready()
		p.world.Advance(30 * time.Second) // the desk's clock is 30 s ahead of ours
		p.executes(p.takedown(p.president(), actions.Critical))
	})
	t.Run("an entry from 2036", func(t *testing.T) {
		p := newPlace(t)
		burdening, undo := p.prepare()
		p.world.Advance(10 * 365 * 24 * time.Hour)
		p.world.Append(ledger.Draft{Class: ledger.Execution, Kind: "intent", Data: proof.SignedExecution{Execution: proof.Execution{Executor: "executor-2", Kind: "intent"}}, Expect: ledger.AnyNumber})
		p.refusesBurdening("dated 2036", burdening, undo)
		if !strings.Contains(p.Status().Stopped, canonical.At(p.clock.Now()).String()) {
			t.Errorf("both clocks are not named: %s", p.Status().Stopped)
		}
	})
	t.Run("until our clock has caught up", func(t *testing.T) {
		p := newPlace(t)
		burdening, undo := p.prepare()
		p.world.Advance(2 * time.Minute)
		p.world.End("abe")
		p.refusesBurdening("one of the two clocks", burdening, undo)
		p.clock.Set(p.clock.Now().Add(61 * time.Second))
		if got, err := p.carry(burdening); err != nil || got.Outcome != proof.Executed {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// TestPages: a ledger that is given bit by bit is believed where a checkpoint covers it.
func TestPages(t *testing.T) {
	w := prooftest.Staffed(t)
	p := placeOf(t, w)
	p.halt()
	p.path += "2"
	p.desk.Lie(func(f *linkv1.Feed) {
		if len(f.Leaves) > 4 {
			f.Leaves = f.Leaves[:4]
			f.Bodies = f.Bodies[:min(4, len(f.Bodies))]
		}
	})
	p.start()
	p.ready()
	p.executes(p.takedown(p.president(), actions.Critical))
}

// TestBurst: 250 governance entries in a second are all folded before the next
// act, and acts go on among them.
func TestBurst(t *testing.T) {
	w := prooftest.Found(t, prooftest.Options{Trust: func(trust *actions.Trust) { trust.RaisesPerHour = 10_000 }})
	w.Staff()
	p := placeOf(t, w)
	p.ready()
	const burst = 250
	raised := make(chan struct{})
	began := time.Now()
	go func() {
		defer close(raised)
		tick := time.NewTicker(time.Second / burst)
		defer tick.Stop()
		for i := range burst {
			if _, err := w.TryChange(actions.DeskChange, actions.Setting{Of: actions.PartTiers, Raise: &actions.Raise{
				Subject: platform.Subject{Platform: "plaza", ID: fmt.Sprintf("acct/%d", 5000+i)}, From: actions.Standard, To: actions.Critical}}, "ada"); err != nil {
				t.Errorf("raise %d: %v", i, err)
			}
			<-tick.C
		}
	}()
	for i := range 10 {
		p.executes(p.takedown(p.plaza.Account(fmt.Sprintf("acct/%d", 100+i), 1, ""), actions.Standard))
	}
	<-raised
	r := p.takedown(p.plaza.Account("acct/5249", 1, ""), actions.Standard)
	if got, err := p.carry(p.world.Warrant(r)); err != nil || got.Type != "held" {
		t.Errorf("the last that was raised: %+v, %v", got, err)
	}
	t.Logf("%d entries and 11 acts in %s", burst, time.Since(began))
}
