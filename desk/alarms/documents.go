package alarms

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"countersign.dev/alarm"
	"countersign.dev/canonical"
	"countersign.dev/desk/kernel"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
)

// unrolledAfter is how long a document may wait for its roll before somebody is paged.
const unrolledAfter = 5 * time.Second

// sweepStep is the number of documents of a sort that one check reads again, of those that
// are in rolls. So all are read again from time to time; `countersign audit` reads all at
// once.
const sweepStep = ledger.MaxRoll

// sweep remembers how far the documents of each sort were read, and what was found wrong.
type sweep struct {
	mu    sync.Mutex
	fresh map[ledger.DocumentSort]int64 // the first number that was not read yet
	again map[ledger.DocumentSort]int64 // the first number to read again
	wrong map[string]bool               // sentences, so that each is told once by this process
}

// documentTrouble is what one check found.
type documentTrouble struct {
	waiting string   // names the documents that wait too long for their roll; empty: none does
	missing []string // sentences
	altered []string // sentences
}

// sweepDocuments looks for documents that wait too long, for numbers without a document, and
// for documents that are not those that were recorded or rolled.
func (d *Room) sweepDocuments(ctx context.Context) (found documentTrouble, err error) {
	d.sweep.mu.Lock()
	defer d.sweep.mu.Unlock()
	s := &d.sweep
	if s.fresh == nil {
		s.fresh, s.again, s.wrong = map[ledger.DocumentSort]int64{}, map[ledger.DocumentSort]int64{}, map[string]bool{}
	}
	var waiting []string
	err = d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		heads, err := stx.RollHeads()
		if err != nil {
			return err
		}
		for _, h := range heads {
			late, err := d.waitsTooLong(stx, h)
			if err != nil {
				return err
			}
			if late != "" {
				waiting = append(waiting, late)
			}
			if err := s.sort(stx, h, &found); err != nil {
				return err
			}
		}
		return nil
	})
	found.waiting = strings.Join(waiting, " ")
	return found, err
}

// waitsTooLong names the oldest document of a sort that waits for its roll, if it has waited
// too long.
func (d *Room) waitsTooLong(stx *store.Tx, h store.RollHead) (string, error) {
	if h.Rolled >= h.Next {
		return "", nil
	}
	at, there, err := stx.DocumentTime(h.Sort, h.Rolled)
	if err != nil || !there {
		return "", err // what is missing is told as such
	}
	if wait := d.desk.Now().Sub(at.Time); wait > unrolledAfter {
		return fmt.Sprintf("The %s document %d, recorded at %s, and all of its sort after it are in no roll yet.", h.Sort, h.Rolled, at), nil
	}
	return "", nil
}

// sort reads the documents of a sort that were not read yet, and some of the others again.
func (s *sweep) sort(stx *store.Tx, h store.RollHead, found *documentTrouble) error {
	if _, known := s.fresh[h.Sort]; !known {
		// What a process before this one has read, comes again by and by.
		s.fresh[h.Sort] = max(h.Rolled, h.Next-sweepStep)
	}
	to := min(h.Next, s.fresh[h.Sort]+4*sweepStep)
	if err := s.stretch(stx, h.Sort, s.fresh[h.Sort], to, found); err != nil {
		return err
	}
	s.fresh[h.Sort] = to
	beyond, err := stx.DocumentLeaves(h.Sort, h.Next, 1<<53-1, 1)
	if err != nil {
		return err
	}
	if len(beyond) > 0 {
		s.tell(&found.altered, "The %s document %d has a number that was never given.", h.Sort, beyond[0].Number)
	}
	return s.rolled(stx, h, found)
}

// tell adds a sentence that was not told before.
func (s *sweep) tell(to *[]string, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !s.wrong[text] {
		s.wrong[text] = true
		*to = append(*to, text)
	}
}

// forget forgets that something was told, since its alarm was not raised.
func (s *sweep) forget(found documentTrouble) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, text := range slices.Concat(found.missing, found.altered) {
		delete(s.wrong, text)
		s.again, s.fresh = map[ledger.DocumentSort]int64{}, map[ledger.DocumentSort]int64{}
	}
}

// stretch reads documents with consecutive numbers.
func (s *sweep) stretch(stx *store.Tx, sort ledger.DocumentSort, from, to int64, found *documentTrouble) error {
	for from < to {
		rows, err := stx.DocumentRows(sort, from, int(min(to-from, 512)), 4<<20)
		if err != nil {
			return err
		}
		next := to
		if len(rows) > 0 && rows[0].Number < to {
			next = rows[0].Number
		}
		if next > from {
			s.tell(&found.missing, "The %s.", gap(sort, from, next-1))
			from = next
			continue
		}
		if !intact(sort, rows[0]) {
			s.tell(&found.altered, "The %s document %d is not the one that was recorded.", sort, from)
		}
		from++
		for _, row := range rows[1:] {
			if row.Number != from || from >= to {
				break // a gap: it is told by the next turn
			}
			if !intact(sort, row) {
				s.tell(&found.altered, "The %s document %d is not the one that was recorded.", sort, from)
			}
			from++
		}
	}
	return nil
}

func gap(sort ledger.DocumentSort, first, last int64) string {
	if first == last {
		return fmt.Sprintf("%s document %d is missing", sort, first)
	}
	return fmt.Sprintf("%s documents %d to %d are missing", sort, first, last)
}

// intact reports whether a row is the document that its commitment was made of.
func intact(sort ledger.DocumentSort, row store.DocumentRow) bool {
	if len(row.Commitment) != len(canonical.Digest{}) {
		return false
	}
	d := ledger.Document{Sort: sort, Number: row.Number, Commitment: canonical.Digest(row.Commitment), BodyBytes: row.Body, Salt: row.Salt, Openings: row.Openings}
	return d.Verify() == nil && d.Body.ID == row.ID
}

// rolled reads rolls again, from the place on where the last check ended: at least one, and
// as many as there are in a stretch of documents.
func (s *sweep) rolled(stx *store.Tx, h store.RollHead, found *documentTrouble) error {
	if s.again[h.Sort] >= h.Rolled {
		s.again[h.Sort] = 0
	}
	for from := s.again[h.Sort]; s.again[h.Sort] < h.Rolled && s.again[h.Sort]-from < sweepStep; {
		number := s.again[h.Sort]
		roll, index, err := stx.RollAfter(h.Sort, number)
		if err != nil {
			return err
		}
		if index < 0 {
			s.tell(&found.altered, "The %s documents from %d on were rolled, and the desk no longer knows where.", h.Sort, number)
			s.again[h.Sort] = h.Rolled
			return nil
		}
		if roll.First > number {
			s.tell(&found.missing, "The %s, and no roll holds what had these numbers.", gap(h.Sort, number, roll.First-1))
		}
		s.again[h.Sort] = roll.Last + 1
		if err := s.stretch(stx, h.Sort, roll.First, roll.Last+1, found); err != nil {
			return err
		}
		leaves, err := stx.DocumentLeaves(h.Sort, roll.First, roll.Last+1, ledger.MaxRoll)
		if err != nil {
			return err
		}
		if int64(len(leaves)) != roll.Last-roll.First+1 {
			continue // what is missing is told
		}
		if again, err := ledger.NewRoll(leaves); err != nil || again != roll {
			s.tell(&found.altered, "The %s documents %d to %d are not those that entry %d of the ledger rolls.", h.Sort, roll.First, roll.Last, index)
		}
	}
	return nil
}

// documentMatters tells of documents that wait too long for their roll.
func (d *Room) documentMatters(stx *store.Tx, _ *proof.State) (all []Matter, err error) {
	heads, err := stx.RollHeads()
	for _, h := range heads {
		late, err := d.waitsTooLong(stx, h)
		if err != nil {
			return nil, err
		}
		if late != "" {
			all = append(all, Matter{Section: "ledger", Severity: Page, Text: late, Do: doUnrolled})
		}
	}
	return all, err
}

// mostNamed bounds the sentences in one alarm.
const mostNamed = 10

// documents raises alarms about documents.
func (d *Room) documents(t *kernel.Tx, found documentTrouble) error {
	if err := d.turn(t, alarm.DocumentWaiting, found.waiting != "", found.waiting+" "+doUnrolled, "All documents that waited for their roll are in one."); err != nil {
		return err
	}
	for _, x := range []struct {
		kind alarm.Type
		all  []string
	}{{alarm.DocumentMissing, found.missing}, {alarm.DocumentAltered, found.altered}} {
		if len(x.all) == 0 {
			continue
		}
		slices.Sort(x.all)
		text := strings.Join(x.all[:min(len(x.all), mostNamed)], " ")
		if more := len(x.all) - mostNamed; more > 0 {
			text += fmt.Sprintf(" There are %d more of this.", more)
		}
		if err := d.Raise(t, Alarm{Kind: string(x.kind), Severity: Page, Text: text + " " + doDocuments}); err != nil {
			return err
		}
	}
	return nil
}
