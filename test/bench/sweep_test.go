package main

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign.dev/desk/desktest"
	"countersign.dev/executor"
	"countersign.dev/executor/executortest"
	"countersign.dev/executor/journal"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/platform"
	"countersign.dev/platform/plaza"
	plazaserver "countersign.dev/plaza"
	"countersign.dev/sqldb"
)

// swept is how many accounts a platform has that is swept, and sweeps how often each of
// two platforms is.
const swept, sweeps = 100_000, 7

// BenchmarkSweep measures a sweep of a plaza of 100,000 accounts on which layers stand, a
// label on every tenth and a limit on every hundredth, beside a sweep of one on which
// nothing stands. Each is swept by an executor of its own that has swept it before, and
// they take turns.
func BenchmarkSweep(b *testing.B) {
	with, without := newSwept(b, true), newSwept(b, false)
	var layers, none times
	for range sweeps {
		with.sweep(&layers)
		without.sweep(&none)
	}
	b.ReportMetric(layers.p50(), "with-ms")
	b.ReportMetric(none.p50(), "without-ms")
	b.ReportMetric(0, "ns/op")
}

// sweeper is a connector to plaza that lists accounts when it is told to. An executor that
// sweeps all the time then makes one sweep for each turn.
type sweeper struct {
	*plaza.Connector
	b     *testing.B
	asked chan struct{} // a sweep begins: the one before it is over
	turn  chan struct{}
}

func (s *sweeper) Accounts(ctx context.Context, cursor string) ([]platform.Listed, string, error) {
	if cursor == "" {
		for _, step := range []func() bool{
			func() bool {
				select {
				case s.asked <- struct{}{}:
					return true
				case <-ctx.Done():
					return false
				}
			},
			func() bool {
				select {
				case <-s.turn:
					return true
				case <-ctx.Done():
					return false
				}
			},
		} {
			if !step() {
				return nil, "", ctx.Err()
			}
		}
	}
	return s.Connector.Accounts(ctx, cursor)
}

// sweep lets the executor make one sweep.
func (s *sweeper) sweep(took *times) {
	took.measure(func() {
		s.turn <- struct{}{}
		<-s.asked
	})
}

// newSwept starts an executor on a plaza, which has swept it once.
func newSwept(b *testing.B, layers bool) *sweeper {
	b.Helper()
	square := desktest.OpenSquare(b)
	seed := square.Token("seed", plazaserver.SetupScope)
	const batch = 5000
	for from := 0; from < swept; from += batch {
		var list []string
		for i := range batch {
			list = append(list, fmt.Sprintf(`{"handle":"@neighbour%d","name":"A Neighbour","followers":12}`, from+i))
		}
		square.Post(seed, "/staff/v1/accounts/bulk", `{"accounts":[`+strings.Join(list, ",")+`]}`)
	}
	if layers {
		stand := `insert into account_layer (account, name, mark, rev, since, planned_end) select id, $1, 'TICKET-1', 1, 1, 0 from account where id % $2 = 0`
		err := square.DB.Write(b.Context(), func(tx *sqldb.Tx) error {
			if _, err := tx.Exec(stand, "label:"+desktest.Labels[0], 10); err != nil {
				return err
			}
			_, err := tx.Exec(stand, "limit", 100)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	connector, err := plaza.Connect(b.Context(), plaza.Config{Name: "plaza", URL: square.URL, Token: square.Token("executor", plazaserver.StaffScope)})
	if err != nil {
		b.Fatal(err)
	}
	w := prooftest.Staffed(b)
	j, err := journal.Open(b.Context(), filepath.Join(b.TempDir(), "journal.db"))
	if err != nil {
		b.Fatal(err)
	}
	s := &sweeper{Connector: connector, b: b, asked: make(chan struct{}), turn: make(chan struct{})}
	e, err := executor.New(b.Context(), executor.Config{ID: prooftest.ExecutorID, Key: ed25519.PrivateKey(w.ExecutorKey), Root: w.Root,
		Platforms: map[string]platform.Connector{"plaza": s}, Journal: j, Desk: executortest.NewDesk(w), Limits: executor.Limits{Sweep: time.Nanosecond}, Now: w.Now})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	b.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			b.Error(err)
		}
		j.Close()
	})
	<-s.asked
	var first times
	s.sweep(&first)
	b.Logf("the first sweep took %.0f ms", first.p50())
	return s
}
