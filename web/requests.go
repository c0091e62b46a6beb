package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/acts"
	"countersign.dev/fault"
	"countersign.dev/wording"
)

// requestsPage is a list of requests.
type requestsPage struct {
	Items  []acts.Sight
	Mine   bool
	Status actions.Status
	Next   string // URL of the next page; empty: this is the last
}

// At is the URL of the list with another filter.
func (p requestsPage) At(mine bool, status actions.Status) string {
	q := url.Values{}
	if mine {
		q.Set("mine", "1")
	}
	if status != "" {
		q.Set("status", string(status))
	}
	if len(q) == 0 {
		return "/requests"
	}
	return "/requests?" + q.Encode()
}

// requests lists requests, newest first: mine or everybody's, perhaps of one status.
func (s *Server) requests(ctx context.Context, r *http.Request, by reader) (view, error) {
	q := r.URL.Query()
	p := requestsPage{Mine: q.Get("mine") != "", Status: actions.Status(q.Get("status"))}
	if p.Status != "" && !slices.Contains(actions.Statuses, p.Status) {
		return view{}, fault.New(fault.Invalid, "bad-parameter", "There is no status %q.", string(p.Status))
	}
	f := acts.Filter{Status: p.Status, Cursor: q.Get("before"), Limit: 50}
	if p.Mine {
		f.Requester = by.Worker
	}
	var next string
	var err error
	if p.Items, next, err = s.desk.RequestsFor(ctx, by.of(), f); err != nil {
		return view{}, err
	}
	if next != "" {
		q.Set("before", next)
		p.Next = "/requests?" + q.Encode()
	}
	return view{Title: "Requests", Here: "/requests", Script: "requests", Body: requestList(p)}, nil
}

// requestPage is the page of one request.
type requestPage struct {
	acts.Sight
	Sentence string
	Keys     []wording.EnrolledKey // that it enrols
	Facts    []wording.Fact
	Word     string
	Need     string
	Events   []event
	Mine     bool
	Undo     string // what an undo will do; empty: there is nothing to undo
	UndoKind actions.Kind
	Withdraw bool
	Again    bool
	Text     string // the action, canonical JSON
	ByFile   bool   // the reader's own key is a file, and it is what signs this
}

// event is a line of the timeline of a request.
type event struct {
	At   canonical.Time
	What string
}

// request is the page of one request: how it stands, and what its reader may do about it.
func (s *Server) request(ctx context.Context, r *http.Request, by reader) (view, error) {
	seen, err := s.desk.RequestFor(ctx, by.of(), r.PathValue("id"))
	if err != nil {
		return view{}, err
	}
	if !seen.Whole {
		return view{Title: seen.ID, Here: "/requests", Body: bareRequest(seen)}, nil
	}
	keys, err := s.keysOf(ctx, by, seen.Action)
	if err != nil {
		return view{}, err
	}
	p := requestPage{Sight: seen, Sentence: sentence(seen.Action, keys), Keys: keys, Facts: wording.Facts(seen.Action), Word: wording.Status(seen.Status), Need: wording.Need(seen.Need, false),
		Mine: seen.Requester() == by.Worker, ByFile: by.ByFile && seen.Action.Tier != actions.Standard, Text: string(canonical.MustMarshal(seen.Action))}
	p.Withdraw = p.Mine && seen.Open()
	if seen.Lapsed != nil {
		p.Word = "held, and can never be carried out: " + seen.Lapsed.Text
	}
	spec, _ := actions.SpecOf(seen.Action.Kind)
	if seen.Status == actions.StatusExecuted && seen.Action.Inverse.Direction == actions.Relieving && seen.ReplacedBy == "" && seen.LiftedBy == "" && !spec.Desk {
		p.Undo, p.UndoKind = wording.Undoing(seen.Action), seen.Action.Inverse.Kind
	}
	p.Again = p.Mine && !spec.Desk && !seen.Action.Undo() && seen.Action.Case == "" && slices.Contains([]actions.Status{actions.StatusFailed, actions.StatusVoid, actions.StatusExpired, actions.StatusWithdrawn}, seen.Status)
	p.Events = events(seen.Request)
	return view{Title: seen.ID, Here: "/requests", Script: "requests", Body: oneRequest(p)}, nil
}

// events are the timeline of a request, oldest first.
func events(r actions.Request) []event {
	all := []event{{r.Created, string(r.Requester()) + " asked for it, with " + wording.SignedWith(r.Signed, r.Session)}}
	for _, c := range r.Signers {
		all = append(all, event{c.Statement.NotBefore, string(c.Statement.Signer) + " countersigned it, with " + wording.SignedWith(c, nil)})
	}
	for _, n := range r.Declined {
		said := string(n.Signed.Statement.Signer) + " declined it"
		if n.Alarm {
			said += ", with an alarm"
		}
		at := n.At
		if at.IsZero() {
			at = n.Signed.Statement.NotBefore
		}
		all = append(all, event{at, said + ": " + n.Reason})
	}
	if r.Taken != nil {
		all = append(all, event{r.Taken.At, "It was withdrawn"})
	}
	if !r.Executed.IsZero() {
		all = append(all, event{r.Executed, "It was carried out"})
	} else if r.Outcome != "" {
		all = append(all, event{r.Updated, r.OutcomeText})
	}
	if r.ReversedBy != "" {
		all = append(all, event{r.Updated, "It was undone by " + r.ReversedBy})
	}
	slices.SortStableFunc(all, func(a, b event) int { return a.At.Compare(b.At.Time) })
	return all
}
