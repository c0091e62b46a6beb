package acts

import (
	"context"
	"fmt"
	"slices"
	"time"

	"countersign.dev/actions"
	"countersign.dev/desk/incidents"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/platform"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

func mayReadWarrant(s *proof.State, by kernel.Caller, r store.Request, now time.Time) bool {
	st := s.People.Standing(by.Worker, now)
	if kernel.ReadsEvidence(s, st) {
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
func (d *Room) RequestByID(ctx context.Context, by kernel.Caller, request string) (actions.Request, error) {
	// The request, and whether our state is the newest, at one moment.
	r, number, missing := d.desk.Store.RequestNow(ctx, request)
	if missing != nil && !fault.Is(missing, "no-such-request") {
		return actions.Request{}, missing
	}
	s, err := d.desk.StateAt(ctx, number)
	if err != nil {
		return actions.Request{}, err
	}
	if _, err := d.desk.Engaged(s, by); err != nil {
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
func (d *Room) moved(ctx context.Context, r actions.Request) string {
	ctx, cancel := context.WithTimeout(ctx, incidents.SortPatience)
	defer cancel()
	now, err := d.desk.Executor.Read(ctx, platform.Subject{Platform: r.Action.Subject.Platform, ID: r.Action.Subject.ID})
	if err != nil {
		return r.OutcomeText
	}
	return fmt.Sprintf("It was signed for %s, and the platform calls that account %s now. Nothing was done. Look whether it is still whom you mean, and ask again.",
		r.Action.Subject.Handle, now.Subject.Handle)
}

// shown returns a request as the caller may see it.
func (d *Room) shown(s *proof.State, by kernel.Caller, r store.Request) actions.Request {
	if mayReadWarrant(s, by, r, d.desk.Now()) {
		return r.Request
	}
	r.Signers, r.Declined = nil, nil
	return r.Request
}

// Wait returns a request once its version is newer than the given one, or as it
// is when ctx ends.
func (d *Room) Wait(ctx context.Context, by kernel.Caller, request string, version int64) (actions.Request, error) {
	woken, stop := d.desk.Store.DB().Listen(requestSignal(request))
	defer stop()
	// Another node's change wakes nobody here, so look now and then.
	tick := time.NewTicker(kernel.LookElsewhere)
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

// Requests returns a page of requests, newest first, and the cursor of the next
// page, empty at the end.
func (d *Room) Requests(ctx context.Context, by kernel.Caller, f Filter) (out []actions.Request, next string, err error) {
	s, _, err := d.desk.Standing(ctx, by)
	if err != nil {
		return nil, "", err
	}
	if f.Limit < 1 || f.Limit > kernel.MaxPage {
		f.Limit = kernel.MaxPage
	}
	var rs []store.Request
	err = d.desk.Store.Read(ctx, func(stx *store.Tx) error {
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
func (d *Room) Subject(ctx context.Context, by kernel.Caller, subject string) (linkv1.Reading, error) {
	s, _, err := d.desk.Standing(ctx, by)
	if err != nil {
		return linkv1.Reading{}, err
	}
	return d.desk.Vouched(ctx, s, subject)
}
