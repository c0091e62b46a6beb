package jobs

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/sqldb"
)

// Options say how a Runner works. The zero value is usable.
type Options struct {
	Workers  int           // jobs at the same time; 0: 8
	Timeout  time.Duration // of one attempt; 0: one minute
	Poll     time.Duration // how often to look for what other nodes enqueued; 0: one second, which is best
	Attempts int           // after which a job is dead; 0: 20

	// BackOff returns the wait after the nth attempt; nil: one second, and twice as long
	// each time, up to an hour.
	BackOff func(attempt int) time.Duration
	// Report gets every failure: of an attempt, or with an empty Record of the runner
	// itself, which goes on. Nil: nothing is reported; attempts stand in the table anyway.
	Report func(Row, error)
	// Now is the clock by which jobs are due; nil: the machine's.
	Now func() time.Time
}

// latestPoll is the longest time between two looks of a runner. A job that is due later
// than that needs no waking: a look finds it in time.
const latestPoll = time.Second

// grace is the time after its timeout in which a job still counts as running: a handler
// gets it to notice the timeout.
const grace = 30 * time.Second

// Runner runs jobs.
type Runner struct {
	db       *sqldb.DB
	o        Options
	handlers map[string]func(context.Context, []byte) error

	started bool
	stop    context.CancelFunc // no more claims
	abort   context.CancelFunc // end what is running
	done    chan struct{}
}

// New returns a runner on db, whose job table it brings up to date.
func New(ctx context.Context, db *sqldb.DB, o Options) (*Runner, error) {
	if err := Migrate(ctx, db); err != nil {
		return nil, err
	}
	if o.Workers == 0 {
		o.Workers = 8
	}
	if o.Timeout == 0 {
		o.Timeout = time.Minute
	}
	if o.Poll == 0 {
		o.Poll = latestPoll
	}
	if o.Attempts == 0 {
		o.Attempts = 20
	}
	if o.BackOff == nil {
		o.BackOff = func(attempt int) time.Duration { return min(time.Second<<min(attempt-1, 20), time.Hour) }
	}
	if o.Report == nil {
		o.Report = func(Row, error) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Runner{db: db, o: o, handlers: map[string]func(context.Context, []byte) error{}}, nil
}

// Handle makes fn run the jobs of J's kind. It is called before Start. A runner leaves
// kinds without a handler to other runners. fn may run twice for one job, and its context
// ends with the timeout or when Stop waits no longer. If it returns an error the job is
// tried again, unless the error is of GiveUp.
func Handle[J Job](r *Runner, fn func(context.Context, J) error) {
	var zero J
	kind := zero.Kind()
	if r.started || r.handlers[kind] != nil {
		panic(fmt.Sprintf("jobs: a second handler of %q, or one after Start", kind))
	}
	r.handlers[kind] = func(ctx context.Context, args []byte) error {
		var j J
		if err := canonical.Unmarshal(args, &j); err != nil {
			return GiveUp(fmt.Errorf("read a %s job: %w", kind, err))
		}
		return fn(ctx, j)
	}
}

// GiveUp marks an error that another attempt cannot mend: the job is dead at once.
func GiveUp(err error) error { return givenUp{err} }

type givenUp struct{ error }

func (g givenUp) Unwrap() error { return g.error }

// Start begins to run jobs, until Stop.
func (r *Runner) Start() {
	if r.started {
		panic("jobs: started twice")
	}
	r.started = true
	r.done = make(chan struct{})
	var claiming, running context.Context
	claiming, r.stop = context.WithCancel(context.Background())
	running, r.abort = context.WithCancel(context.Background())
	woken, deaf := r.db.Listen(signal)
	go func() {
		defer close(r.done)
		defer deaf()
		r.loop(claiming, running, woken)
	}()
}

// Stop claims no more jobs and waits for those that run. When ctx ends it ends their
// contexts and goes on waiting. A job that is cut short in this way counts as failed.
func (r *Runner) Stop(ctx context.Context) {
	if !r.started {
		return
	}
	r.stop()
	select {
	case <-r.done:
	case <-ctx.Done():
	}
	r.abort()
	<-r.done
}

func (r *Runner) loop(claiming, running context.Context, woken <-chan struct{}) {
	var all sync.WaitGroup
	defer all.Wait()
	free := make(chan struct{}, r.o.Workers) // a token for each idle worker
	for range r.o.Workers {
		free <- struct{}{}
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-claiming.Done():
			return
		case <-woken:
		case <-timer.C:
		}
		for more := true; more; {
			n := 0
			select { // wait for one idle worker, then take all idle ones
			case <-claiming.Done():
				return
			case <-free:
				n = 1
			}
			for idle := true; idle && n < r.o.Workers; {
				select {
				case <-free:
					n++
				default:
					idle = false
				}
			}
			claimed, next, err := r.claim(claiming, n)
			if err != nil && claiming.Err() == nil {
				r.o.Report(Row{}, err)
			}
			for range n - len(claimed) {
				free <- struct{}{}
			}
			for _, j := range claimed {
				all.Go(func() {
					r.run(running, j)
					free <- struct{}{}
				})
			}
			more = len(claimed) == n
			timer.Reset(next)
		}
	}
}

// RunDue runs the jobs that are due now, one after another, and the jobs that these make
// due. It returns the number of attempts. It is for programs that do one thing and end,
// and for tests.
func (r *Runner) RunDue(ctx context.Context) (int, error) {
	for n := 0; ; n++ {
		claimed, _, err := r.claim(ctx, 1)
		if err != nil || len(claimed) == 0 {
			return n, err
		}
		r.run(ctx, claimed[0])
	}
}

// locked is how many jobs more are looked at than are claimed, since other nodes may be about
// to claim the first ones.
const locked = 32

// claim takes up to n jobs that are due, and returns the time to wait before the next
// look. A job whose claim has run out is due too: the node that had it died.
func (r *Runner) claim(ctx context.Context, n int) (claimed []Row, next time.Duration, err error) {
	if len(r.handlers) == 0 {
		return nil, r.o.Poll, nil
	}
	now := canonical.At(r.o.Now())
	var kinds []any
	for k := range r.handlers {
		kinds = append(kinds, k)
	}
	slices.SortFunc(kinds, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
	// An arm for each kind, so that a kind with a long backlog costs the others nothing.
	var arms []string
	for i := range kinds {
		arms = append(arms, fmt.Sprintf(`select * from (select id, due from job where kind = $%d and state <> 'dead' order by due, id limit %d) kind%[1]d`, i+1, n+locked))
	}

	// A look costs a read; only if a job is due is there a durable write.
	next = r.o.Poll
	type look struct {
		id  int64
		due canonical.Time
	}
	var first []look
	err = r.db.ReadOne(ctx, func(tx *sqldb.Tx) (err error) {
		first, err = sqldb.All(tx, func(row sqldb.Row) (l look, err error) {
			var due int64
			err = row.Scan(&l.id, &due)
			l.due = canonical.FromMicro(due)
			return l, err
		}, fmt.Sprintf(`select id, due from (%s) every_kind order by due, id limit %d`, strings.Join(arms, ` union all `), n+locked), kinds...)
		return err
	})
	if err != nil {
		return nil, next, fmt.Errorf("look for jobs: %w", err)
	}
	if len(first) == 0 {
		return nil, next, nil
	}
	if wait := first[0].due.Sub(now.Time); wait > 0 {
		return nil, min(next, wait), nil
	}
	ids := make([]any, n+locked) // always as many, so that the text is prepared once
	for i := range ids {
		ids[i] = first[min(i, len(first)-1)].id
	}
	until := canonical.At(now.Add(r.o.Timeout + grace))
	var exhausted []Row
	err = r.db.Write(ctx, func(tx *sqldb.Tx) error {
		claimed, exhausted = nil, nil // it may be the second run of this
		// What another node has claimed since is not due any more.
		all, err := sqldb.AllAnew(tx, scan, fmt.Sprintf(`select %s from job where id in (%s) and state <> 'dead' and due <= $%d order by due, id limit %d`,
			columns, sqldb.Places(1, len(ids)), len(ids)+1, n)+tx.Dialect().SkipLocked(), append(ids, now.Micro())...)
		if err != nil {
			return err
		}
		for _, j := range all {
			if j.Attempts >= r.o.Attempts { // it has killed every process that ran it
				exhausted = append(exhausted, j)
				if err := bury(tx, j, "The process ended during the last attempt."); err != nil {
					return err
				}
				continue
			}
			j.Attempts++
			j.State, j.Due = Running, until
			_, err := tx.Exec(`update job set state = 'running', due = $2, attempts = $3 where id = $1`, j.ID, until.Micro(), j.Attempts)
			if err != nil {
				return err
			}
			claimed = append(claimed, j)
		}
		return nil
	})
	if err != nil {
		// If the change was made after all, the claims run out.
		return nil, next, fmt.Errorf("claim jobs: %w", err)
	}
	for _, j := range exhausted {
		r.o.Report(j, errors.New("dead: the process ended during the last attempt"))
	}
	return claimed, next, nil
}

func bury(tx *sqldb.Tx, j Row, lastError string) error {
	_, err := tx.Exec(`update job set state = 'dead', last_error = $2 where id = $1`, j.ID, lastError)
	return err
}

// run makes one attempt and stores its outcome.
func (r *Runner) run(ctx context.Context, j Row) {
	err := r.attempt(ctx, j)
	if err != nil {
		r.o.Report(j, err)
	}
	// Without ctx: the attempt was made, and its outcome is stored even if the caller has
	// stopped waiting.
	if err := r.settle(context.WithoutCancel(ctx), j, err); err != nil {
		r.o.Report(j, fmt.Errorf("write down how job %d ended: %w", j.ID, err)) // its claim runs out, and it is run again
	}
}

func (r *Runner) attempt(ctx context.Context, j Row) (err error) {
	ctx, cancel := context.WithTimeout(ctx, r.o.Timeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return r.handlers[j.Kind](ctx, j.Args)
}

func (r *Runner) settle(ctx context.Context, j Row, failure error) error {
	now := canonical.At(r.o.Now())
	return r.db.Write(ctx, func(tx *sqldb.Tx) error {
		// The number of attempts tells our claim from a later one: if ours ran out and another
		// node has the job, that node stores the outcome.
		var ours int64
		err := tx.QueryRow(`select id from job where id = $1 and state = 'running' and attempts = $2`+tx.Dialect().ForUpdate(),
			j.ID, j.Attempts).Scan(&ours)
		switch {
		case sqldb.IsNotFound(err):
			return nil
		case err != nil:
			return err
		case failure == nil:
			_, err := tx.Exec(`delete from job where id = $1`, j.ID)
			return err
		case errors.As(failure, new(givenUp)) || j.Attempts >= r.o.Attempts:
			return bury(tx, j, failure.Error())
		}
		return j.wait(tx, canonical.At(now.Add(r.o.BackOff(j.Attempts))), j.Attempts, failure.Error())
	})
}
