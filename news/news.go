// Package news tells those who look at something that it has changed: “case 12 changed, its
// version is 7”, and nothing else. An event names a sort, an identifier and a version, and has
// no room for content. Whoever hears it reads again, through the methods that decide what a
// person may read.
//
// A Hub is the place of one process where committed changes come in and subscriptions hear of
// them. It trusts those who tell it to do so only after a commit, and those who subscribe to have
// asked first whether they may know of a topic: it decides nothing.
//
// It promises that a subscription hears, for each of its topics, at least of the newest change
// that was told after its beginning or after the position with which it began. Where it cannot
// know what was missed it says Again, and the listener reads everything again.
package news

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Sort says what has changed.
type Sort string

// The sorts. An event of the first two names one thing and its version; those of the others have
// no version, since what they name is a list.
const (
	Case    Sort = "case"
	Request Sort = "request"
	Queue   Sort = "queue"   // the cases of a queue, and so its counts; by its name
	Work    Sort = "work"    // a worker's own list; by the worker
	Waiting Sort = "waiting" // what waits for signatures; one list for all
	Alarms  Sort = "alarms"  // the list of alarms; one list for all
	Inbox   Sort = "inbox"   // a worker's messages, or the mark up to which they are read; by the worker
	Session Sort = "session" // a token or a session has ended; by its identifier
	Chain   Sort = "chain"   // the governance chain has grown, and rights may be others now; one for all
)

// List reports whether what has changed is a list, which many changes touch, and not one thing.
func (s Sort) List() bool {
	switch s {
	case Queue, Work, Waiting, Alarms, Inbox:
		return true
	}
	return false
}

// Topic is one thing that can change.
type Topic struct {
	Sort Sort
	ID   string // empty where there is one for all
}

// Event says that something has changed.
type Event struct {
	Topic
	Version int64 // after the change; 0: it has none
}

// short are the letters for sorts in the text of an event.
var short = map[Sort]string{Case: "c", Request: "r", Queue: "q", Work: "w", Waiting: "s", Alarms: "a", Inbox: "i", Session: "e", Chain: "g"}

var long = func() map[string]Sort {
	m := map[string]Sort{}
	for sort, letter := range short {
		m[letter] = sort
	}
	return m
}()

// Text returns an event as one short line, for another node. Parse is its inverse.
func (e Event) Text() string {
	if e.Version == 0 {
		return short[e.Sort] + " " + e.ID
	}
	return short[e.Sort] + " " + e.ID + " " + strconv.FormatInt(e.Version, 10)
}

// Parse reads the line of an event.
func Parse(text string) (Event, error) {
	parts := strings.Split(text, " ")
	if len(parts) < 2 || len(parts) > 3 || long[parts[0]] == "" {
		return Event{}, errors.New("the line is no event")
	}
	e := Event{Topic: Topic{long[parts[0]], parts[1]}}
	if len(parts) == 3 {
		var err error
		if e.Version, err = strconv.ParseInt(parts[2], 10, 64); err != nil {
			return Event{}, fmt.Errorf("the version of an event: %w", err)
		}
	}
	return e, nil
}
