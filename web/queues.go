package web

import (
	"context"
	"net/http"
	"slices"

	"countersign.dev/cases"
	"countersign.dev/desk/casework"
)

// queueRow is a queue with what waits in it.
type queueRow struct {
	casework.Queue
	Title                       string
	Waiting, Claimed, Elsewhere int64
	Works                       bool   // the reader may take cases from it
	Due                         string // of the most urgent one that waits, RFC 3339; empty: none waits
}

func rowOf(q casework.Queue) queueRow {
	row := queueRow{Queue: q, Title: q.Queue.Title.In("en")}
	for _, c := range q.Counts {
		switch c.State {
		case cases.Waiting:
			row.Waiting += c.Count
			if !c.Due.IsZero() {
				row.Due = c.Due.String()
			}
		case cases.Claimed:
			row.Claimed += c.Count
		default:
			row.Elsewhere += c.Count
		}
	}
	return row
}

// queues is the page of all queues that the reader may read.
func (s *Server) queues(ctx context.Context, _ *http.Request, by reader) (view, error) {
	all, err := s.desk.QueueBoard(ctx, by.of())
	if err != nil {
		return view{}, err
	}
	rows := make([]queueRow, len(all))
	on, err := s.desk.WorksOn(ctx, by.of())
	if err != nil {
		return view{}, err
	}
	for i, q := range all {
		rows[i] = rowOf(q)
		rows[i].Works = slices.Contains(on, q.Name)
	}
	return view{Title: "Queues", Here: "/queues", Script: "queues", Body: queueBoard(rows)}, nil
}

// queuePage is one queue with its cases.
type queuePage struct {
	Row   queueRow
	Cases []cases.Case
	Next  string // cursor
	State cases.State
}

// queue is the page of one queue.
func (s *Server) queue(ctx context.Context, r *http.Request, by reader) (view, error) {
	name := r.PathValue("name")
	p := queuePage{State: cases.State(r.URL.Query().Get("state"))}
	if p.State == "" {
		p.State = cases.Waiting
	}
	var err error
	if p.Cases, p.Next, err = s.desk.Cases(ctx, by.of(), casework.Filter{Queue: name, State: p.State, Cursor: r.URL.Query().Get("after"), Limit: 50}); err != nil {
		return view{}, err
	}
	all, err := s.desk.QueueBoard(ctx, by.of())
	if err != nil {
		return view{}, err
	}
	on, err := s.desk.WorksOn(ctx, by.of())
	if err != nil {
		return view{}, err
	}
	for _, q := range all {
		if q.Name == name {
			p.Row = rowOf(q)
			p.Row.Works = slices.Contains(on, name)
		}
	}
	return view{Title: p.Row.Title, Here: "/queues", Script: "queues", Body: oneQueue(p)}, nil
}
