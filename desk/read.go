package desk

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// evidenceReaders may read what is evidence (design, law 11).
var evidenceReaders = []workforce.Role{workforce.Lead, workforce.Officer, workforce.OnCall, workforce.Investigator, workforce.Auditor}

func (d *Desk) standing(ctx context.Context, by Caller) (*proof.State, workforce.Standing, error) {
	s, err := d.State(ctx)
	if err != nil {
		return nil, workforce.Standing{}, err
	}
	st, err := d.engaged(s, by)
	return s, st, err
}

// engaged refuses who is not at this desk any more.
func (d *Desk) engaged(s *proof.State, by Caller) (workforce.Standing, error) {
	st := s.People.Standing(by.Worker, d.now())
	if !st.Engaged {
		return st, fault.New(fault.Forbidden, "engagement-ended", "%s may not read here: %s.", by.Worker, st.Why)
	}
	return st, nil
}

func mayReadWarrant(s *proof.State, by Caller, r store.Request, now time.Time) bool {
	st := s.People.Standing(by.Worker, now)
	if may(st, evidenceReaders...) {
		return true
	}
	signed := r.Requester() == by.Worker
	for _, c := range r.Signers {
		signed = signed || c.Statement.Signer == by.Worker
	}
	return st.Engaged && signed
}

// RequestByID returns a request. Everybody at the desk may read what they are
// asked to countersign; the names of countersigners are for those who signed
// and for readers of evidence.
func (d *Desk) RequestByID(ctx context.Context, by Caller, request string) (actions.Request, error) {
	// The request, and whether our state is the newest, at one moment.
	r, number, missing := d.store.RequestNow(ctx, request)
	if missing != nil && !fault.Is(missing, "no-such-request") {
		return actions.Request{}, missing
	}
	s, err := d.stateAt(ctx, number)
	if err != nil {
		return actions.Request{}, err
	}
	if _, err := d.engaged(s, by); err != nil {
		return actions.Request{}, err
	}
	if missing != nil {
		return actions.Request{}, missing
	}
	out := d.shown(s, by, r)
	if out.Status == actions.StatusFailed && out.Outcome == "handle-moved" {
		out.OutcomeText = d.moved(ctx, out)
	}
	if replaceable(out) {
		newest, _, err := d.newest(ctx, out)
		if err != nil {
			return actions.Request{}, err
		}
		out.ReplacedBy = newest.ID
	}
	return out, nil
}

// moved says what an account is called now whose burden nobody has signed under that
// handle. It is read for whoever looks and kept nowhere: a handle is personal.
func (d *Desk) moved(ctx context.Context, r actions.Request) string {
	ctx, cancel := context.WithTimeout(ctx, sortPatience)
	defer cancel()
	now, err := d.executor.Read(ctx, platform.Subject{Platform: r.Action.Subject.Platform, ID: r.Action.Subject.ID})
	if err != nil {
		return r.OutcomeText
	}
	return fmt.Sprintf("It was signed for %s, and the platform calls that account %s now. Nothing was done. Look whether it is still whom you mean, and ask again.",
		r.Action.Subject.Handle, now.Subject.Handle)
}

// shown returns a request as the caller may see it.
func (d *Desk) shown(s *proof.State, by Caller, r store.Request) actions.Request {
	if mayReadWarrant(s, by, r, d.now()) {
		return r.Request
	}
	r.Signers, r.Declined = nil, nil
	return r.Request
}

// Wait returns a request once its version is newer than the given one, or as it
// is when ctx ends.
func (d *Desk) Wait(ctx context.Context, by Caller, request string, version int64) (actions.Request, error) {
	woken, stop := d.store.DB().Listen(requestSignal(request))
	defer stop()
	// Another node's change wakes nobody here, so look now and then.
	tick := time.NewTicker(lookElsewhere)
	defer tick.Stop()
	for {
		r, err := d.RequestByID(context.WithoutCancel(ctx), by, request)
		// A version that is still to come is of a desk from before: who knows it hears
		// at once how things are here.
		if err != nil || r.Version != version {
			return r, err
		}
		select {
		case <-woken:
		case <-tick.C:
		case <-ctx.Done():
			return r, nil
		}
	}
}

// Filter chooses requests; empty members choose all.
type Filter struct {
	Status    actions.Status
	Kind      actions.Kind
	Platform  string
	Requester workforce.WorkerID
	Cursor    string
	Limit     int
}

// MaxPage is the largest page of a list.
const MaxPage = 100

// Requests returns a page of requests, newest first, and the cursor of the next
// page, empty at the end.
func (d *Desk) Requests(ctx context.Context, by Caller, f Filter) (out []actions.Request, next string, err error) {
	s, _, err := d.standing(ctx, by)
	if err != nil {
		return nil, "", err
	}
	if f.Limit < 1 || f.Limit > MaxPage {
		f.Limit = MaxPage
	}
	var rs []store.Request
	err = d.store.Read(ctx, func(stx *store.Tx) error {
		rs, err = stx.Requests(store.RequestFilter{Status: f.Status, Kind: f.Kind, Platform: f.Platform, Requester: f.Requester,
			Before: f.Cursor, Limit: f.Limit + 1})
		if err != nil {
			return err
		}
		return findReplaced(stx, rs)
	})
	if err != nil {
		return nil, "", err
	}
	if len(rs) > f.Limit {
		rs = rs[:f.Limit]
		next = rs[f.Limit-1].ID
	}
	for _, r := range rs {
		out = append(out, d.shown(s, by, r))
	}
	return out, next, nil
}

// findReplaced finds for each of some requests, newest first, which one replaced it.
func findReplaced(stx *store.Tx, rs []store.Request) error {
	known := map[platform.Subject]map[string]store.Request{}
	for i, r := range slices.Backward(rs) { // the oldest of a subject asks for all that is newer
		if !replaceable(r.Request) {
			continue
		}
		on := platform.Subject{Platform: r.Action.Subject.Platform, ID: r.Action.Subject.ID}
		by, ok := known[on]
		if !ok {
			var err error
			if by, err = replacements(stx, on, r.ID); err != nil {
				return err
			}
			known[on] = by
		}
		newest, _ := newestOf(by, r.ID)
		rs[i].ReplacedBy = newest.ID
	}
	return nil
}

// Subject reads a subject through the executor.
func (d *Desk) Subject(ctx context.Context, by Caller, subject string) (proof.Reading, error) {
	s, _, err := d.standing(ctx, by)
	if err != nil {
		return proof.Reading{}, err
	}
	return d.vouched(ctx, s, subject)
}

// Person returns a worker's name and e-mail address: to themselves, and to
// those who answer for people or for evidence.
func (d *Desk) Person(ctx context.Context, by Caller, w workforce.WorkerID) (p workforce.Person, err error) {
	s, st, err := d.standing(ctx, by)
	if err != nil {
		return p, err
	}
	if by.Worker != w && !may(st, evidenceReaders...) {
		return p, fault.New(fault.Forbidden, "not-yours-to-read", "Names are read by leads, officers, those on call, investigators and auditors.")
	}
	worker, ok := s.People.Worker(w)
	if !ok {
		return p, fault.New(fault.NotFound, "no-such-worker", "There is no worker %s at this desk.", w)
	}
	err = d.store.Read(ctx, func(stx *store.Tx) error {
		e, err := stx.EntryOf(ledger.Governance, worker.Entry)
		if err != nil {
			return err
		}
		for _, o := range e.Openings {
			switch o.Name {
			case "name":
				err = json.Unmarshal(o.Value, &p.Name)
			case "email":
				err = json.Unmarshal(o.Value, &p.Email)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return p, err
}

// EntryView is a ledger entry as a reader of evidence sees it, without
// personal fields.
type EntryView struct {
	Index  int64
	Class  ledger.Class
	Number int64
	Kind   string
	Time   canonical.Time
	Data   canonical.Raw
}

// Entries returns ledger entries after an index, oldest first.
func (d *Desk) Entries(ctx context.Context, by Caller, after int64, limit int) (out []EntryView, err error) {
	_, st, err := d.standing(ctx, by)
	if err != nil {
		return nil, err
	}
	if !may(st, evidenceReaders...) {
		return nil, fault.New(fault.Forbidden, "not-yours-to-read", "The ledger's entries are read by leads, officers, those on call, investigators and auditors.")
	}
	if limit < 1 || limit > MaxPage {
		limit = MaxPage
	}
	err = d.store.Read(ctx, func(stx *store.Tx) error {
		entries, err := stx.Entries(after+1, after+1+int64(limit))
		out = out[:0]
		for _, e := range entries {
			out = append(out, EntryView{e.Index, e.Leaf.Class, e.Leaf.Number, e.Body.Kind, e.Body.Time, e.Body.Data})
		}
		return err
	})
	if err == nil && len(out) == 0 {
		err = d.within(ctx, after)
	}
	return out, err
}

// within refuses a place, the index of the last entry that somebody has seen, that
// is beyond the ledger's end: the ledger was founded anew or set back, and whoever
// goes on from there would hear nothing until it is as long again, and not know
// what he missed.
func (d *Desk) within(ctx context.Context, place int64) error {
	size, _, err := d.store.Newest(ctx)
	if err == nil && place >= size {
		err = cursorGone("entry", place, size)
	}
	return err
}

func cursorGone(what string, place, size int64) error {
	return fault.New(fault.Expired, "cursor-gone",
		"You go on after %s %d, and there are %d: this is another ledger than the one that you read before. Begin again from its beginning.", what, place, size)
}

// GovernanceEntry is an entry of the governance chain with what opens its leaf.
type GovernanceEntry struct {
	Index int64
	Leaf  ledger.Leaf
	Body  []byte
	Salt  canonical.Bytes
}

// Chain returns governance entries from a number on: what an outsider folds to
// check revocation.
func (d *Desk) Chain(ctx context.Context, by Caller, from int64, limit int) (out []GovernanceEntry, err error) {
	_, st, err := d.standing(ctx, by)
	if err != nil {
		return nil, err
	}
	if !may(st, evidenceReaders...) {
		return nil, fault.New(fault.Forbidden, "not-yours-to-read", "The governance chain is read by leads, officers, those on call, investigators and auditors.")
	}
	entries, err := d.store.Governance(ctx, from, limit)
	for _, e := range entries {
		out = append(out, GovernanceEntry{e.Index, e.Leaf, e.BodyBytes, e.Salt})
	}
	if err == nil && len(out) == 0 {
		var size int64
		if size, err = d.store.NextGovernance(ctx); err == nil && from > size {
			err = cursorGone("governance entry", from-1, size)
		}
	}
	return out, err
}

// TierEntries returns the ledger's entries that say what rules once raised a subject
// ("plaza:acct/17") to, opened for that subject alone: what a verifier compares a
// warrant's tier with. They are for those who read evidence.
func (d *Desk) TierEntries(ctx context.Context, by Caller, subject string) (out []proof.FeedBody, err error) {
	_, st, err := d.standing(ctx, by)
	if err != nil {
		return nil, err
	}
	if !may(st, evidenceReaders...) {
		return nil, fault.New(fault.Forbidden, "not-yours-to-read", "What opens the ledger is read by leads, officers, those on call, investigators and auditors.")
	}
	s, err := platform.ParseSubject(subject)
	if err != nil || s.ID == "" {
		return nil, fault.New(fault.Invalid, "bad-parameter", "subject is PLATFORM:ID, such as plaza:acct/17; the ledger names nobody by handle.")
	}
	entries, err := d.store.EntriesNaming(ctx, proof.KindTiers, canonical.MustMarshal(s.String()))
	for _, e := range entries {
		out = append(out, proof.FeedBody{Index: e.Index, Body: e.BodyBytes, Salt: e.Salt, Sealed: e.Openings})
	}
	return out, err
}

// Ledger gives surfaces what they serve of the ledger.
func (d *Desk) Ledger() ledger.Tiles { return d.tiles }
