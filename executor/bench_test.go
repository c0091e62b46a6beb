package executor_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/executor"
	"countersign.dev/executor/executortest"
	"countersign.dev/executor/journal"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/platform"
)

// BenchmarkCarry measures a measure from handing its warrant over until it is
// executed, at a desk and a platform that take no time: the executor's own share.
// It costs two commits of the journal.
func BenchmarkCarry(b *testing.B) {
	budgets := []actions.Budget{{Per: "worker", Window: "hour", Tier: actions.Standard, Direction: actions.Burdening, Limit: 1 << 40}}
	w := prooftest.Found(b, prooftest.Options{Budgets: budgets})
	w.Staff()
	j, err := journal.Open(b.Context(), filepath.Join(b.TempDir(), "journal.db"))
	if err != nil {
		b.Fatal(err)
	}
	plaza := executortest.NewPlatform(w.Now)
	e, err := executor.New(b.Context(), executor.Config{ID: prooftest.ExecutorID, Key: ed25519.PrivateKey(w.ExecutorKey), Root: w.Root,
		Platforms: map[string]platform.Connector{"plaza": plaza}, Journal: j, Desk: executortest.NewDesk(w), Now: w.Now})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			b.Error(err)
		}
		j.Close()
	}()
	for !e.Running() {
	}
	var took []time.Duration
	i := 0
	for b.Loop() {
		i++
		b.StopTimer()
		s := plaza.Account(fmt.Sprintf("acct/%d", 10_000+i), 1, "")
		raw := w.Warrant(w.Request("ann", actions.AccountTakedown, s, actions.Standard))
		b.StartTimer()
		began := time.Now()
		r, err := e.Carry(b.Context(), raw, 10*time.Second)
		took = append(took, time.Since(began))
		if err != nil || r.Outcome != proof.Executed {
			b.Fatalf("%+v, %v", r, err)
		}
	}
	// One durable commit of the same journal, for comparison.
	var commits []time.Duration
	for n := range int64(100) {
		began := time.Now()
		if err := j.Saw(b.Context(), journal.Head{Size: 1<<40 + n}); err != nil {
			b.Fatal(err)
		}
		commits = append(commits, time.Since(began))
	}
	slices.Sort(commits)
	b.ReportMetric(float64(commits[50].Microseconds()), "µs/commit")
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "µs/p50")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "µs/p99")
}

// BenchmarkStandingTiers measures what it costs that the tier of protected accounts
// stands: a sweep of a platform in memory on which no account was read before, until
// the ledger, also in memory, tells of all of them. It reports seconds of the whole,
// entries, and bytes of bodies and openings for each account.
func BenchmarkStandingTiers(b *testing.B) {
	for _, many := range []int{1000, 10_000, 100_000} {
		b.Run(fmt.Sprint(many), func(b *testing.B) {
			for b.Loop() {
				standing(b, many)
			}
		})
	}
}

func standing(b *testing.B, many int) {
	w := prooftest.Staffed(b)
	j, err := journal.Open(b.Context(), filepath.Join(b.TempDir(), "journal.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	plaza := executortest.NewPlatform(w.Now)
	for i := range many {
		plaza.Account(fmt.Sprintf("acct/%d", i), 200_000, "")
	}
	e, err := executor.New(b.Context(), executor.Config{ID: prooftest.ExecutorID, Key: ed25519.PrivateKey(w.ExecutorKey), Root: w.Root,
		Platforms: map[string]platform.Connector{"plaza": plaza}, Journal: j, Desk: executortest.NewDesk(w), Now: w.Now})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	began := time.Now()
	go func() { ended <- e.Run(ctx) }()
	told, entries, bytes := 0, 0, 0
	for from := int64(0); told < many; {
		size, grown := w.Size()
		if size == from {
			<-grown
			continue
		}
		for _, x := range w.Entries()[from:size] {
			if x.Body.Kind != proof.KindTiers {
				continue
			}
			told, entries, bytes = told+len(x.Openings), entries+1, bytes+len(x.BodyBytes)
			for _, o := range x.Openings {
				bytes += len(o.Name) + len(o.Salt) + len(o.Value)
			}
		}
		from = size
	}
	b.ReportMetric(time.Since(began).Seconds(), "s/all")
	b.ReportMetric(float64(entries), "entries")
	b.ReportMetric(float64(bytes)/float64(many), "B/account")
	stop()
	if err := <-ended; err != nil {
		b.Error(err)
	}
}
