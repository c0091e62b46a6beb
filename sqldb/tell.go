package sqldb

import (
	"context"
	"crypto/rand"
	"database/sql"
	mathrand "math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"
)

// tellChannel is the SQL for the channel of PostgreSQL on which processes tell each other lines.
// Channels belong to a whole database, in which each schema may hold a desk of its own.
const tellChannel = "left('countersign ' || current_schema(), 63)"

// Bounds of what a process tells others. A message of PostgreSQL has less than 8,000 bytes. If so
// many messages or lines would wait, the others are told to read everything again instead.
const (
	messageSize  = 7900
	mostMessages = 64
	mostLines    = 50_000
)

// missedLine stands for lines that were not told, and leaveLine for the end of a process that has
// told everything.
const (
	missedLine = "!"
	leaveLine  = "."
)

// A process that has told something says at least every tellEvery that it is there. One that is
// silent for silence is gone, perhaps between a commit and its message.
const (
	tellEvery = 3 * time.Second
	silence   = 10 * time.Second
)

// tellPause is the least time between two messages, so that under load one message tells of many
// commits.
const tellPause = 10 * time.Millisecond

// toldBy returns the lines that changes tell, each once.
func toldBy(changes []*change) (lines []string) {
	var seen map[string]bool
	for _, c := range changes {
		for _, line := range c.told {
			if seen[line] {
				continue
			}
			if seen == nil {
				seen = map[string]bool{}
			}
			seen[line] = true
			lines = append(lines, line)
		}
	}
	return lines
}

// tell tells the lines of a commit, in this process and in the others.
func (db *DB) tell(lines []string) {
	if len(lines) == 0 {
		return
	}
	if db.told != nil {
		db.told(lines)
	}
	if db.teller != nil {
		db.teller.tell(lines)
	}
}

// teller tells other processes what was committed here, by one goroutine and after the commit. In
// the transaction itself it would hold up the commits of all processes: PostgreSQL lets only one
// transaction at a time commit that tells something, and refuses its commit when the queue of
// messages is full. So a message may be lost, when the process dies between the two; the messages
// have numbers, and those who hear notice the gap, or the silence.
type teller struct {
	node string // names this process
	pool *sql.DB
	wake chan struct{}
	done chan struct{}

	mu     sync.Mutex
	lines  []string
	missed bool
	closed bool
}

func startTeller(pool *sql.DB) *teller {
	t := &teller{node: rand.Text(), pool: pool, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go t.loop()
	return t
}

func (t *teller) tell(lines []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lines = append(t.lines, lines...); len(t.lines) > mostLines {
		t.lines, t.missed = nil, true
	}
	t.nudge()
}

func (t *teller) nudge() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// close tells what waits and ends the goroutine.
func (t *teller) close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.nudge()
	<-t.done
	t.pool.Close()
}

func (t *teller) loop() {
	defer close(t.done)
	var number int64 // of the newest message
	for {
		var tick <-chan time.Time
		if number > 0 {
			tick = time.After(tellEvery)
		}
		silent := false
		select {
		case <-t.wake:
		case <-tick:
			silent = true
		}
		t.mu.Lock()
		lines, missed, closed := t.lines, t.missed, t.closed
		t.lines, t.missed = nil, false
		t.mu.Unlock()
		parts := packed(lines, messageSize-len(t.node)-22)
		if missed || len(parts) > mostMessages {
			parts = []string{missedLine}
		}
		for _, part := range parts {
			number++
			if !t.send(t.node + " " + strconv.FormatInt(number, 10) + "\n" + part) {
				return
			}
		}
		if silent && len(parts) == 0 {
			t.send(t.node + " " + strconv.FormatInt(number, 10) + "\n")
		}
		if closed {
			if number > 0 {
				t.send(t.node + " " + strconv.FormatInt(number, 10) + "\n" + leaveLine)
			}
			return
		}
		if len(parts) > 0 {
			time.Sleep(tellPause)
		}
	}
}

// send sends a message until the database has taken it. It reports false if the process is
// closed meanwhile; then the others notice its silence.
func (t *teller) send(message string) bool {
	for lost := 0; ; lost++ {
		ctx, cancel := context.WithTimeout(context.Background(), silence/2)
		_, err := t.pool.ExecContext(ctx, "select pg_notify("+tellChannel+", $1)", message)
		cancel()
		if err == nil {
			return true
		}
		t.mu.Lock()
		closed := t.closed
		t.mu.Unlock()
		if closed {
			return false
		}
		time.Sleep(hearAgain(lost))
	}
}

// packed joins lines to parts of at most a size. A line that is longer is not told.
func packed(lines []string, size int) (parts []string) {
	part := ""
	for _, line := range lines {
		if len(line) > size {
			line = missedLine
		}
		if part != "" && len(part)+1+len(line) > size {
			parts = append(parts, part)
			part = ""
		}
		if part != "" {
			part += "\n"
		}
		part += line
	}
	if part != "" {
		parts = append(parts, part)
	}
	return parts
}

// Hear hears what other processes tell that use the same database, until ctx ends: told gets
// lines after their commit, and missed is called whenever lines may have been lost: at the
// beginning, after each loss of the connection, once it stands again, and when another process
// left out something or fell silent. So whoever reads after missed sees everything of which no
// line came. On SQLite there is no other process, and Hear waits for ctx. trouble (nil: nobody)
// gets the error of each lost connection.
func (db *DB) Hear(ctx context.Context, told func(lines []string), missed func(), trouble func(error)) {
	for lost := 0; ctx.Err() == nil; lost++ {
		others := others{}
		shared, err := db.source.listen(ctx, func() {
			lost = 0
			missed()
		}, func(message string) {
			lines, gap := others.hear(message, db.teller.node, time.Now())
			if gap {
				missed()
			}
			if len(lines) > 0 {
				told(lines)
			}
		})
		if !shared {
			<-ctx.Done()
			return
		}
		if ctx.Err() != nil {
			return
		}
		if trouble != nil {
			trouble(err)
		}
		select {
		case <-time.After(hearAgain(lost)):
		case <-ctx.Done():
		}
	}
}

// others are the other processes that were heard on a connection, by their names.
type others map[string]*other

// other is one of them.
type other struct {
	number int64 // of its newest message
	at     time.Time
}

// hear takes a message; an empty one says that there was none for a while. gap reports that
// something was not heard.
func (o others) hear(message, own string, now time.Time) (lines []string, gap bool) {
	head, body, ok := strings.Cut(message, "\n")
	node, text, _ := strings.Cut(head, " ")
	number, err := strconv.ParseInt(text, 10, 64)
	switch {
	case message == "" || node == own: // what this process tells it has heard already
	case !ok || err != nil:
		gap = true // of another version
	default:
		last, known := o[node]
		if !known {
			last = &other{number: number - 1}
			if body == "" || body == leaveLine {
				last.number = number
			}
			o[node] = last
		}
		last.at = now
		switch {
		case body == leaveLine:
			gap = number != last.number
			delete(o, node)
		case body == "":
			gap = number != last.number
			last.number = number
		case number > last.number: // else it was sent twice, since no answer came
			gap = number != last.number+1
			last.number = number
			for _, line := range strings.Split(body, "\n") {
				if line == missedLine {
					gap = true
				} else {
					lines = append(lines, line)
				}
			}
		}
	}
	for name, one := range o {
		if now.Sub(one.at) > silence {
			delete(o, name)
			gap = true
		}
	}
	return lines, gap
}

// hearAgain is the pause before a connection is made again: nearly none the first time, since
// people wait meanwhile, and up to 5 s, with chance, while the server is away.
func hearAgain(lost int) time.Duration {
	most := min(50*time.Millisecond<<min(lost, 7), 5*time.Second)
	return most/2 + mathrand.N(most/2)
}
