package web

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/casework"
	"countersign.dev/fault"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/platform"
	"countersign.dev/wording"
)

// waiting is the page of the requests that the reader may sign.
func (s *Server) waiting(ctx context.Context, _ *http.Request, by reader) (view, error) {
	all, err := s.desk.Waiting(ctx, by.of())
	if err != nil {
		return view{}, err
	}
	return view{Title: "Countersign", Here: "/countersign", Script: "requests", Body: waitingList(all)}, nil
}

// signPage is the page on which one request is countersigned or declined.
type signPage struct {
	acts.Sight
	Sentence string
	Undone   string         // its end: what undoes the act
	Facts    []wording.Fact // all that is signed, besides the sentence
	Keys     []wording.EnrolledKey
	Change   []string // what the change replaces, line by line
	Need     string
	Typed    string // what the reader types by hand
	Platform bool   // the act is on a platform, and not on the desk
	// Case and Kept are what the case shows of its subject; NoCase says why there is none.
	Case      *cases.Shown
	Kept      []casework.Kept
	NoCase    string
	Text      string // the action, canonical JSON
	Statement string // of the person who asks, canonical JSON
	LastSoon  bool
	Last      string
	Since     string
	Expires   canonical.Time
	Open      bool
	ByFile    bool // the reader's own key is a file
}

// checked are the facts that the page's script compares with the action, by the names that they have
// there.
var checked = map[string]bool{"kind": true, "tier": true, "until": true, "category": true}

// elsewhere are the facts that the page shows in another place.
var elsewhere = map[string]bool{"reason": true, "action": true, "case": true, "undo": true, "lost for good": true}

// besides are the facts that the page shows beside what the executor reads now.
var besides = map[string]bool{"direction": true, "now": true, "then": true}

// lastDaySoon is how near a last day is shown as an alarm.
const lastDaySoon = 30 * 24 * time.Hour

// countersign is the page of one request for somebody who may sign it.
func (s *Server) countersign(ctx context.Context, r *http.Request, by reader) (view, error) {
	id := r.PathValue("request")
	seen, err := s.desk.RequestFor(ctx, by.of(), id)
	if err != nil {
		return view{}, err
	}
	if !seen.May && !seen.HasSigned {
		why := seen.Why
		switch {
		case why == "" && seen.Open():
			why = "Its time is over, and nobody can sign it any more. Whoever still wants it asks again."
		case why == "":
			why = "It is " + wording.Status(seen.Status) + "."
		}
		return view{Title: "Not yours to sign", Here: "/countersign", Body: notYours(id, why)}, nil
	}
	keys, err := s.keysOf(ctx, by, seen.Action)
	if err != nil {
		return view{}, err
	}
	p := signPage{Sight: seen, Sentence: sentence(seen.Action, keys), Keys: keys, Facts: wording.Facts(seen.Action), Need: wording.Need(seen.Need, false),
		Platform: seen.Action.Subject.Platform != actions.DeskPlatform, Expires: seen.Expires(), ByFile: by.ByFile, Open: seen.Open() && seen.May && !seen.HasSigned}
	p.Typed = typed(seen.Action)
	if act, undone, ok := strings.Cut(p.Sentence, ". What undoes it:"); ok {
		p.Sentence, p.Undone = act+".", "What undoes it:"+undone
	}
	p.Text, p.Statement = string(canonical.MustMarshal(seen.Action)), string(canonical.MustMarshal(seen.Signed.Statement))
	if a := seen.Asker; a != nil {
		p.Last, p.Since = day(a.Last), day(a.Since)
		p.LastSoon = a.InNotice || !a.Last.IsZero() && a.Last.Sub(s.config.Now()) < lastDaySoon
	}
	if p.Change, err = s.changeLines(ctx, by, id, seen.Action); err != nil {
		return view{}, err
	}
	if err := s.caseOf(ctx, by, &p); err != nil {
		return view{}, err
	}
	return view{Title: "Countersign " + shown(seen.Action.Subject.Handle), Here: "/countersign", Script: "countersign", Quiet: true, Body: signing(p)}, nil
}

// caseOf reads the case of a request, as far as its possible signer may.
func (s *Server) caseOf(ctx context.Context, by reader, p *signPage) error {
	id := p.Sight.Action.Case
	if id == "" {
		p.NoCase = "The request names no case: there is no evidence of the desk's own."
		return nil
	}
	c, err := s.desk.Case(ctx, by.of(), id)
	if fault.KindOf(err) == fault.NotFound {
		p.NoCase = "The desk has no case " + id + " that you may read."
		return nil
	}
	if err != nil {
		return err
	}
	p.Case = &c.Shown
	before(p.Case, c.Decisions, p.ID)
	p.Kept, err = s.desk.EvidenceOf(ctx, by.of(), id)
	return err
}

// before takes out of what a case shows the decision that asks for a request: what is left was so
// before.
func before(x *cases.Shown, all []casework.CaseDecision, request string) {
	for _, d := range all {
		if !slices.Contains(d.Requests, request) {
			continue
		}
		x.Decisions = slices.DeleteFunc(slices.Clone(x.Decisions), func(s cases.ShownDecision) bool { return s.ID == d.ID })
		if rule := number(d.Rule); x.Strikes[rule] > 0 && d.TakenBack.IsZero() {
			x.Strikes = maps.Clone(x.Strikes)
			if x.Strikes[rule]--; x.Strikes[rule] == 0 {
				delete(x.Strikes, rule)
			}
		}
	}
}

// typed is what a signer types by hand: the handle, or what there is in its place.
func typed(a actions.Action) string {
	if a.Subject.Handle != "" {
		return a.Subject.Handle
	}
	return a.Subject.ID
}

func day(t canonical.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2 January 2006")
}

// signNow is what stands on the subject of a request now, beside what the act would leave.
type signNow struct {
	nowPart
	Layer         string
	Before, After string
	Lost          string
	Changed       []string // what is different from what the request says
}

// requestNow is the state of a request's subject now, as the executor reads it: a part of the page
// that comes by itself.
func (s *Server) requestNow(ctx context.Context, r *http.Request, by reader) (view, error) {
	seen, err := s.desk.RequestFor(ctx, by.of(), r.PathValue("request"))
	if err != nil {
		return view{}, err
	}
	if !seen.Whole {
		return view{Title: "Now", Body: overForYou()}, nil // it ended while its page was being read
	}
	if seen.Action.Subject.Platform == actions.DeskPlatform {
		return view{}, fault.New(fault.NotFound, "no-such-page", "There is no such page at this desk.")
	}
	reading, err := s.desk.Subject(ctx, by.of(), platform.Subject{Platform: seen.Action.Subject.Platform, ID: seen.Action.Subject.ID}.String())
	if fault.KindOf(err) == fault.Unavailable {
		return view{Title: "Now", Body: unread(whyOf(err))}, nil
	}
	if err != nil {
		return view{}, err
	}
	p := signNowOf(seen.Action, reading.Reading, seen.Open())
	if r.URL.Query().Get("part") == "changed" {
		return view{Title: "Changed", Body: changedSince(p)}, nil
	}
	return view{Title: "Now", Body: subjectNow(p)}, nil
}

func signNowOf(a actions.Action, r linkv1.Reading, open bool) signNow {
	p := signNow{nowPart: nowOf(r), Lost: a.Lossy}
	now := r.State.At(a.Command.Layer)
	if spec, _ := actions.SpecOf(a.Kind); !spec.Says() {
		p.Layer = a.Command.Layer.Noun()
		p.Before = platform.DescribeIn(a.Command.Layer, now)
	}
	for _, f := range wording.Facts(a) {
		if f[0] == "then" {
			p.After = unmarked(a, f[1])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.State.Facts)) {
		if text := factWords(name, r.State.Facts[name]); text != "" {
			p.Facts = append(p.Facts, [2]string{strings.ReplaceAll(string(name), "_", " "), text})
		}
	}
	if !open {
		return p
	}
	p.Changed = wording.ChangedSince(a, r.Subject, now, r.Tier)
	return p
}

// unmarked leaves out of a state the mark that the act sets, which is the name of its own request.
func unmarked(a actions.Action, state string) string {
	if a.Command.Mark == "" {
		return state
	}
	return strings.ReplaceAll(state, fmt.Sprintf(" under the mark %q", a.Command.Mark), ", marked with the name of this request")
}

// slotBy says whose signature fills a slot.
func slotBy(x acts.Slot) string {
	if x.By == "" {
		return "anybody who is independent"
	}
	return wording.Qualifier(x.By)
}

// factWords is a fact about a subject for a page; empty if it says nothing.
func factWords(name platform.Fact, v any) string {
	switch n := v.(type) {
	case bool:
		if n {
			return "yes"
		}
		return "no"
	case int64:
		if name == platform.FactCreated {
			return time.Unix(n, 0).UTC().Format("2 January 2006")
		}
		return grouped(n)
	case float64:
		return grouped(int64(n))
	}
	return shown(fmt.Sprint(v))
}

// grouped writes a number with commas, so that people read its size.
func grouped(n int64) string {
	text := number(n)
	for at := len(text) - 3; at > 0 && text[at-1] != '-'; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}
