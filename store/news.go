package store

import (
	"context"

	"countersign.dev/actions"
	"countersign.dev/cases"
	"countersign.dev/news"
	"countersign.dev/workforce"
)

// News is where it is told what the committed changes of this process, and of others while Hear
// runs, have touched. The statements of this package that change something tell it themselves,
// so that no caller can forget to.
func (s *Store) News() *news.Hub { return s.hub }

// Hear hears of the changes of other processes until ctx ends. trouble gets the error of each
// lost connection.
func (s *Store) Hear(ctx context.Context, trouble func(error)) {
	s.db.Hear(ctx, s.told, s.hub.Again, trouble)
}

// told takes the lines of a commit.
func (s *Store) told(lines []string) {
	events := make([]news.Event, 0, len(lines))
	for _, line := range lines {
		e, err := news.Parse(line)
		if err != nil {
			s.hub.Again() // a process of another version tells what this one does not know
			return
		}
		events = append(events, e)
	}
	s.hub.Tell(events)
}

// tell has it told that something has changed, once the change is committed.
func (tx *Tx) tell(sort news.Sort, id string, version int64) {
	tx.Tell(news.Event{Topic: news.Topic{Sort: sort, ID: id}, Version: version}.Text())
}

// tellOpened tells of a new case: nobody shows it yet, and so the lists alone have changed.
func (tx *Tx) tellOpened(c cases.Case) {
	tx.tell(news.Queue, c.Queue, 0)
	tx.tellWork(c.Holder, c.Turn, c.By)
}

// tellCase tells of a case that is stored again. A lease that was made longer, or what was seen
// of the subject, changes no list.
func (tx *Tx) tellCase(before, c cases.Case) {
	tx.tell(news.Case, c.ID, c.Version)
	if before.ID != "" && before.Version == c.Version && before.State == c.State && before.Queue == c.Queue && before.Due == c.Due && before.Holder == c.Holder && before.Turn == c.Turn {
		return
	}
	tx.tell(news.Queue, c.Queue, 0)
	if before.ID != "" && before.Queue != c.Queue {
		tx.tell(news.Queue, before.Queue, 0)
	}
	tx.tellWork(before.Holder, before.Turn, c.Holder, c.Turn)
	switch before.State {
	case cases.Held, cases.Asked, cases.Snoozed, cases.Escalated: // it is in the list of whoever held it last
		last, err := tx.Claim(c.ID, before.Claim)
		if err == nil {
			tx.tellWork(last.Worker)
		}
	}
}

// tellClosed tells of a case that may be closed now.
func (tx *Tx) tellClosed(id string) {
	c, err := tx.Case(id)
	if err != nil || c.State != cases.Decided && c.State != cases.Held {
		return // nothing changes
	}
	c.Version++
	tx.tell(news.Case, id, c.Version)
	tx.tell(news.Queue, c.Queue, 0)
	if last, err := tx.Claim(id, c.Claim); err == nil {
		tx.tellWork(last.Worker)
	}
}

func (tx *Tx) tellWork(all ...workforce.WorkerID) {
	for _, w := range all {
		if w != "" {
			tx.tell(news.Work, string(w), 0)
		}
	}
}

// tellRequest tells of a request that is stored. What waits for signatures changes when it is
// held, and when it is not held any more; what the executor did with it changes no such list.
func (tx *Tx) tellRequest(r Request) {
	tx.tell(news.Request, r.ID, r.Version)
	switch r.Status {
	case actions.StatusExecuted, actions.StatusVoid, actions.StatusFailed, actions.StatusUnknown, actions.StatusReversed, actions.StatusLifted:
	case actions.StatusApproved:
		if r.Version > 1 { // else nobody was ever asked
			tx.tell(news.Waiting, "", 0)
		}
	default:
		tx.tell(news.Waiting, "", 0)
	}
}
