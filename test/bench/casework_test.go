package main

import (
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign.dev/store"
)

// BenchmarkCaseworkIntake hands in reports, each with the promise of its roll: one a call from
// 16 clients side by side, and 1,000 a call one call after the other.
func BenchmarkCaseworkIntake(b *testing.B) {
	for _, kind := range kinds {
		b.Run(kind.name, func(b *testing.B) {
			c := newCommit(b, kind.url(b))
			f := newFloor(b, kind.url(b), 0)
			f.bring(f.reports(2000), 1) // to warm up
			const clients, each, calls = 16, 500, 20
			single := f.reports(clients * each)
			bulk := f.reports(calls * 1000)
			c.again()
			for range warm {
				c.once()
			}
			before, begun := f.usage(), time.Now()
			var next atomic.Int64
			together(clients, func(int) {
				for i := next.Add(1) - 1; i < int64(len(single)); i = next.Add(1) - 1 {
					f.brought(f.TakeReports(b.Context(), f.program, single[i:i+1]))
				}
			})
			singly, usedSingly := time.Since(begun), f.usage().since(before)
			for range warm {
				c.once()
			}
			before, begun = f.usage(), time.Now()
			f.bring(bulk, 1000)
			inBulk, usedInBulk := time.Since(begun), f.usage().since(before)
			for _, m := range []struct {
				name string
				n    int
				took time.Duration
				used usage
			}{{"singly", len(single), singly, usedSingly}, {"bulk", len(bulk), inBulk, usedInBulk}} {
				b.Run(m.name, func(b *testing.B) {
					b.ReportMetric(float64(m.n)/m.took.Seconds(), "per-s")
					m.used.report(b, m.n)
					b.ReportMetric(c.took.p50(), "c-ms")
					b.ReportMetric(c.checks.p50(), "v-ms")
					b.ReportMetric(0, "ns/op")
				})
			}
		})
	}
}

// BenchmarkCaseworkNext has 64 people claim the next case, with 100,000 open ones in six
// queues. Everybody claims as many as one may hold; then their cases are closed, which is not
// measured, and they go on.
func BenchmarkCaseworkNext(b *testing.B) {
	for _, kind := range kinds {
		b.Run(kind.name, func(b *testing.B) {
			c := newCommit(b, kind.url(b))
			f := newFloor(b, kind.url(b), 0)
			f.bring(f.reports(openReports(b)), 1000)
			f.write(func(tx *store.Tx) error {
				// Plaza has none of these posts: what evidence would have told of them is written here.
				if _, err := tx.Exec(`delete from job where kind = 'desk.evidence'`); err != nil {
					return err
				}
				_, err := tx.Exec(`update case_file set subject_sort = 'content', owner = 'account/' || substr(subject, 6)`)
				return err
			})
			b.Run("next", func(b *testing.B) { f.nexts(b, c) })
		})
	}
}

// nexts measures next.
func (f *floor) nexts(b *testing.B, c *commit) {
	const rounds, each = 15, 3
	var mu sync.Mutex
	var all times
	var total time.Duration
	used := usage{}
	for round := range rounds + 2 {
		if round == 2 { // warm
			all, total, used = nil, 0, usage{}
			c.again()
		}
		c.once()
		before, begun := f.usage(), time.Now()
		together(people, func(i int) {
			var mine times
			for range each {
				mine.measure(func() { f.take(f.agents[i]) })
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, mine...)
		})
		total += time.Since(begun)
		now := f.usage().since(before)
		used = usage{used.desk + now.desk, used.executor + now.executor, used.plaza + now.plaza, used.database + now.database, used.generator + now.generator}
		f.write(func(tx *store.Tx) error {
			if _, err := tx.Exec(`update case_claim set ended = 1, why = 'closed' where ended = 0`); err != nil {
				return err
			}
			_, err := tx.Exec(`update case_file set state = 'closed', holder = '' where state = 'claimed'`)
			return err
		})
	}
	b.ReportMetric(float64(len(all))/total.Seconds(), "per-s")
	b.ReportMetric(all.p50(), "p50-ms")
	b.ReportMetric(all.p99(), "p99-ms")
	used.report(b, len(all))
	b.ReportMetric(c.took.p50(), "c-ms")
	b.ReportMetric(c.checks.p50(), "v-ms")
	b.ReportMetric(0, "ns/op")
}

// The parts of a shift.
const (
	single       = 200 // decisions with one measure, one after the other
	prepared     = 3 * people
	shiftPeople  = 16
	shiftEach    = 40
	shiftCases   = shiftPeople * shiftEach
	buriedRounds = 10
	buriedCases  = buriedRounds * prepared
)

// BenchmarkCaseworkShift has agents decide cases under sessions: spam on a post, which is
// removed (decide, processor, sustained), and cases that break no rule (buried).
//
// decide is from the submission of the signed decision until the desk says that its measure
// is executed, one after the other. processor is the processor time of that, with claims,
// drafts and signatures made before. sustained has 16 people who claim, draft, sign, hand in
// and wait until it is executed. buried has 64 people who hand in what they have claimed,
// drafted and signed before.
func BenchmarkCaseworkShift(b *testing.B) {
	for _, kind := range kinds {
		b.Run(kind.name, func(b *testing.B) {
			c := newCommit(b, kind.url(b))
			f := newFloor(b, kind.url(b), warm+single+prepared+shiftCases)
			f.bring(f.spam(1, f.posts), 1000)
			f.copied()
			b.Run("decide", f.decideOne(c))
			b.Run("processor", f.decideProcessor())
			before := f.size()
			b.Run("sustained", f.sustained())
			f.settled()
			measured := f.size().since(before)
			before = f.size()
			f.bring(f.spam(1_000_000, buriedCases+prepared), 1000)
			f.copied()
			f.settled()
			reported := f.size().since(before)
			f.bury(f.held(false)) // warm
			before = f.size()
			b.Run("buried", f.buried())
			f.settled()
			buried := f.size().since(before)
			b.Run("size", func(b *testing.B) {
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(float64(reported.entries)/(buriedCases+prepared), "reported-entries")
				b.ReportMetric(float64(reported.database)/(buriedCases+prepared), "reported-database-B")
				b.ReportMetric(float64(reported.ledger)/(buriedCases+prepared), "reported-ledger-B")
				b.ReportMetric(float64(measured.entries)/shiftCases, "measured-entries")
				b.ReportMetric(float64(measured.database)/shiftCases, "measured-database-B")
				b.ReportMetric(float64(measured.ledger)/shiftCases, "measured-ledger-B")
				b.ReportMetric(float64(buried.entries)/buriedCases, "buried-entries")
				b.ReportMetric(float64(buried.database)/buriedCases, "buried-database-B")
				b.ReportMetric(float64(buried.ledger)/buriedCases, "buried-ledger-B")
			})
		})
	}
}

func (f *floor) decideOne(c *commit) func(*testing.B) {
	return func(b *testing.B) {
		var took, drafted times
		for i := range warm + single {
			if i == warm {
				took, drafted = nil, nil
				c.again()
			}
			c.once()
			a := f.agents[i%people]
			var v verdict
			var before times
			before.measure(func() { v = f.judged(a, f.take(a), true) })
			took.measure(func() { f.decided(v, 1) })
			drafted = append(drafted, before[0]+took[len(took)-1])
			if f.b.Failed() {
				b.FailNow()
			}
		}
		report(b, took, c)
		b.ReportMetric(drafted.p50(), "drafted-ms")
	}
}

func (f *floor) decideProcessor() func(*testing.B) {
	return func(b *testing.B) {
		v := newCheck(b)
		all := f.held(true)
		f.settled()
		for range prepared {
			v.verify(b)
		}
		before := f.usage()
		for _, one := range all {
			f.decided(one, 1)
		}
		f.settled()
		f.usage().since(before).report(b, len(all))
		b.ReportMetric(v.checks.p50(), "v-ms")
		b.ReportMetric(0, "ns/op")
	}
}

func (f *floor) sustained() func(*testing.B) {
	return func(b *testing.B) {
		v := newCheck(b)
		for range prepared {
			v.verify(b)
		}
		before, begun := f.usage(), time.Now()
		together(shiftPeople, func(i int) {
			for range shiftEach {
				f.decided(f.judged(f.agents[i], f.take(f.agents[i]), true), 1)
				if f.b.Failed() {
					return
				}
			}
		})
		took := time.Since(begun)
		f.settled()
		f.usage().since(before).report(b, shiftCases)
		b.ReportMetric(shiftCases/took.Seconds(), "per-s")
		b.ReportMetric(float64(runtime.NumCPU()), "processors")
		b.ReportMetric(v.checks.p50(), "v-ms")
		b.ReportMetric(0, "ns/op")
	}
}

func (f *floor) buried() func(*testing.B) {
	return func(b *testing.B) {
		var total time.Duration
		var used usage
		for range buriedRounds {
			all := f.held(false)
			before := f.usage()
			total += f.bury(all)
			now := f.usage().since(before)
			used = usage{used.desk + now.desk, used.executor + now.executor, used.plaza + now.plaza, used.database + now.database, used.generator + now.generator}
		}
		used.report(b, buriedCases)
		b.ReportMetric(buriedCases/total.Seconds(), "per-s")
		b.ReportMetric(0, "ns/op")
	}
}

// bury hands in decisions without measures, everybody their own.
func (f *floor) bury(all []verdict) time.Duration {
	by := map[string][]verdict{}
	for _, v := range all {
		by[string(v.agent.id)] = append(by[string(v.agent.id)], v)
	}
	begun := time.Now()
	together(people, func(i int) {
		for _, v := range by[string(f.agents[i].id)] {
			f.decided(v, 0)
		}
	})
	return time.Since(begun)
}

// copied waits until the evidence of all cases is copied: a case whose evidence comes in has
// changed since it was shown.
func (f *floor) copied() {
	f.none("evidences are to be copied", `select count(*) from evidence where state = 'pending'`)
}

// settled waits until all documents are in rolls and the executor has read the ledger.
func (f *floor) settled() {
	f.none("documents are in no roll", `select cast(coalesce(sum(next - rolled), 0) as bigint) from roll_head`)
	f.followed()
}

// none waits until a query answers 0.
func (f *floor) none(what, query string) {
	f.b.Helper()
	for deadline := time.Now().Add(5 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
		var n int64
		if err := f.Store.ReadOne(f.b.Context(), func(tx *store.Tx) error { return tx.QueryRow(query).Scan(&n) }); err != nil {
			f.b.Fatal(err)
		}
		if n == 0 {
			return
		}
		if time.Now().After(deadline) {
			f.b.Fatalf("%d %s", n, what)
		}
	}
}

// BenchmarkCaseworkMemory takes in 200 reports a second for some minutes. What is alive on
// the heap at the end is compared with what is after a quarter of the time.
func BenchmarkCaseworkMemory(b *testing.B) {
	minutes, err := strconv.ParseFloat(os.Getenv(minutesVariable), 64)
	if err != nil {
		b.Skipf("%s does not say for how many minutes", minutesVariable)
	}
	for _, kind := range kinds {
		b.Run(kind.name, func(b *testing.B) {
			f := newFloor(b, kind.url(b), 0)
			b.Run("heap", func(b *testing.B) {
				const rate, slices = 200, 10
				total := int(minutes * 60 * rate * 1)
				begun := time.Now()
				var early, late uint64
				for i := 0; i < total; i += rate / slices {
					all := f.reports(rate / slices)
					together(len(all), func(k int) { f.brought(f.TakeReports(b.Context(), f.program, all[k:k+1])) })
					if before := i < total/4; before && i+rate/slices >= total/4 {
						early = heap()
					}
					time.Sleep(time.Until(begun.Add(time.Duration(i+rate/slices) * time.Second / rate)))
				}
				late = heap()
				b.ReportMetric(float64(early)/(1<<20), "early-MiB")
				b.ReportMetric(float64(late)/(1<<20), "late-MiB")
				b.ReportMetric(float64(total)/time.Since(begun).Seconds(), "per-s")
				b.ReportMetric(minutes, "minutes")
				b.ReportMetric(0, "ns/op")
			})
		})
	}
}

// heap returns how many bytes are alive on the heap.
func heap() uint64 {
	runtime.GC()
	runtime.GC() // what had a finalizer
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// openVariable holds another number of reports than the usual one, which make the open cases
// of BenchmarkCaseworkNext: fewer are sooner there.
const openVariable = "COUNTERSIGN_BENCH_REPORTS"

func openReports(b *testing.B) int {
	text := os.Getenv(openVariable)
	if text == "" {
		return 140_000
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		b.Fatalf("%s: %v", openVariable, err)
	}
	return n
}
