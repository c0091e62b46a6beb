package sqldb

import (
	"context"
	"math/rand/v2"
	"strings"
	"time"
)

// tellChannel is the SQL for the channel of PostgreSQL on which processes tell each other lines.
// Channels belong to a whole database, in which each schema may hold a desk of its own.
const tellChannel = "left('countersign ' || current_schema(), 63)"

// Bounds of what one commit tells other processes. A message of PostgreSQL has less than 8,000
// bytes. A commit that tells more than so many messages tells them to read everything again.
const (
	messageSize  = 7900
	mostMessages = 64
)

// missedLine stands for lines that were not told.
const missedLine = "!"

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

// tell tells the lines in this process.
func (db *DB) tell(lines []string) {
	if db.told != nil && len(lines) > 0 {
		db.told(lines)
	}
}

// carries returns the statements that tell lines to the other processes, once the transaction
// in which they run is committed.
func (db *DB) carries(lines []string) (all []Statement) {
	if db.dialect != PostgreSQL || len(lines) == 0 {
		return nil
	}
	for _, message := range messages(db.node, lines) {
		all = append(all, Statement{SQL: `select pg_notify(` + tellChannel + `, $1)`, Args: []any{message}})
	}
	return all
}

// messages packs lines into messages, each with the name of the process that tells them.
func messages(node string, lines []string) (all []string) {
	message := node
	for _, line := range lines {
		if len(node)+1+len(line) > messageSize {
			return []string{node + "\n" + missedLine}
		}
		if len(message)+1+len(line) > messageSize {
			all = append(all, message)
			message = node
		}
		message += "\n" + line
	}
	if all = append(all, message); len(all) > mostMessages {
		return []string{node + "\n" + missedLine}
	}
	return all
}

// Hear hears what other processes tell that use the same database, until ctx ends: told gets
// the lines of a commit after it, and missed is called whenever lines may have been lost: at the
// beginning, and after each loss of the connection, once it stands again. So whoever reads
// after missed sees everything of which no line came. On SQLite there is no other process, and
// Hear waits for ctx. trouble (nil: nobody) gets the error of each lost connection.
func (db *DB) Hear(ctx context.Context, told func(lines []string), missed func(), trouble func(error)) {
	for lost := 0; ctx.Err() == nil; lost++ {
		shared, err := db.source.listen(ctx, func() {
			lost = 0
			missed()
		}, func(message string) {
			node, rest, _ := strings.Cut(message, "\n")
			switch {
			case node == db.node || rest == "": // what this process tells it has heard already
			case rest == missedLine:
				missed()
			default:
				told(strings.Split(rest, "\n"))
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

// hearAgain is the pause before the connection is made again: nearly none the first time, since
// lists wait meanwhile, and up to 5 s, with chance, while the server is away.
func hearAgain(lost int) time.Duration {
	most := min(50*time.Millisecond<<min(lost, 7), 5*time.Second)
	return most/2 + rand.N(most/2)
}
