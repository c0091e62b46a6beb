package acts

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/incidents"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/platform"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

func mayReadWarrant(s *proof.State, by kernel.Caller, r store.Request, now time.Time) bool {
	st := s.People.Standing(by.Worker, now)
	signed := r.Requester() == by.Worker
	for _, c := range r.Signers {
		signed = signed || c.Statement.Signer == by.Worker
	}
	mine := st.Vendor == "" || st.Vendor == s.People.Standing(r.Requester(), now).Vendor
	return st.Engaged && (signed || mine && kernel.ReadsEvidence(s, st))
}

// RequestByID returns a request as the caller may see it. A vendor's people get of other
// companies' requests that they may not sign what outline leaves. Only those who signed a
// request and readers of evidence see the names of its countersigners.
func (d *Room) RequestByID(ctx context.Context, by kernel.Caller, request string) (actions.Request, error) {
	s, r, err := d.look(ctx, by, request)
	if err != nil {
		return actions.Request{}, err
	}
	return d.seen(ctx, s, by, r)
}

// seen returns one request as the caller may see it.
func (d *Room) seen(ctx context.Context, s *proof.State, by kernel.Caller, r store.Request) (actions.Request, error) {
	if whole, err := d.readsWhole(ctx, s, by, r); err != nil || !whole {
		return outline(r.Request), err
	}
	return d.whole(ctx, s, by, r)
}

// RequestVersion returns the version of a request that the caller may read.
func (d *Room) RequestVersion(ctx context.Context, by kernel.Caller, request string) (int64, error) {
	_, r, err := d.look(ctx, by, request)
	return r.Version, err
}

// look reads a request, and the newest state, for a caller who is engaged.
func (d *Room) look(ctx context.Context, by kernel.Caller, request string) (*proof.State, store.Request, error) {
	// One read gives the request and the number of the next governance entry, by which we
	// know whether our state is the newest.
	r, number, missing := d.desk.Store.RequestNow(ctx, request)
	if missing != nil && !fault.Is(missing, "no-such-request") {
		return nil, r, missing
	}
	s, err := d.desk.StateAt(ctx, number)
	if err != nil {
		return nil, r, err
	}
	if _, err := d.desk.Engaged(s, by); err != nil {
		return nil, r, err
	}
	if missing != nil {
		return nil, r, missing
	}
	if r.Action.Case != "" {
		if hidden, err := d.unseen(ctx, by); err != nil {
			return nil, r, err
		} else if hidden[r.Action.Case] {
			return nil, store.Request{}, store.NoRequest(request)
		}
	}
	return s, r, nil
}

// Given has a function say as what subjects are read for somebody who judges a case again without
// knowing that. It is called once, before the desk is used.
func (d *Room) Given(as func(ctx context.Context, by kernel.Caller, subject string) (context.Context, error)) {
	d.given = as
}

// unseen returns the decided cases of which somebody sees no measure, since they judge a copy.
func (d *Room) unseen(ctx context.Context, by kernel.Caller) (map[string]bool, error) {
	if by.Worker == "" {
		return nil, nil
	}
	var held []store.SealedLook
	if err := d.desk.Store.ReadOne(ctx, func(stx *store.Tx) (err error) {
		held, err = stx.LooksHeldBy(by.Worker)
		return err
	}); err != nil || len(held) == 0 {
		return nil, err
	}
	hidden := map[string]bool{}
	for _, l := range held {
		hidden[l.Case] = true
	}
	return hidden, nil
}

// whole returns a request for a reader of all of it, with what is looked up for a reader of
// the one request.
func (d *Room) whole(ctx context.Context, s *proof.State, by kernel.Caller, r store.Request) (actions.Request, error) {
	out := d.shown(s, by, r)
	if under := out.Signed.Statement.Session; !under.IsZero() {
		if err := d.desk.Store.ReadOne(ctx, func(stx *store.Tx) error {
			known, err := stx.Session(under)
			out.Session = &known.Signed.Session
			return err
		}); err != nil {
			return actions.Request{}, err
		}
	}
	if out.Status == actions.StatusFailed && out.Outcome == "handle-moved" {
		out.OutcomeText = d.newHandle(ctx, out)
	}
	if replaceable(out) {
		newest, lifted, err := d.newest(ctx, out)
		if err != nil {
			return actions.Request{}, err
		}
		out.ReplacedBy, out.LiftedBy = newest.ID, lifted.ID
	}
	if out.Open() {
		var err error
		if out.Lapsed, err = d.lapsed(ctx, s, r); err != nil {
			// The request is shown all the same. Whoever signs it learns what is wrong.
			d.desk.Logger.ErrorContext(ctx, "it is not known whether a held request can still be carried out", "request", r.ID, "error", err)
		}
	}
	if out.Status != actions.StatusWithdrawn && len(out.Declined) == 0 {
		return out, nil
	}
	return out, d.ended(ctx, &out)
}

// ended finds in the ledger when a request was declined, and when and with what it was
// withdrawn.
func (d *Room) ended(ctx context.Context, r *actions.Request) error {
	r.Declined = slices.Clone(r.Declined)
	return d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		about, err := stx.EntriesAbout(r.ID, canonical.Time{}, mostAbout)
		if err != nil {
			return err
		}
		for _, e := range about {
			switch e.Body.Kind {
			case entry.KindDecline:
				var said entry.Verdict
				if err := canonical.Unmarshal(e.Body.Data, &said); err != nil {
					return fmt.Errorf("the ledger's entry %d: %w", e.Index, err)
				}
				for i, n := range r.Declined {
					if canonical.DigestOf(n.Signed) == canonical.DigestOf(said.Signed) {
						r.Declined[i].At = e.Body.Time
					}
				}
			case entry.KindWithdraw:
				var end entry.End
				if err := canonical.Unmarshal(e.Body.Data, &end); err != nil {
					return fmt.Errorf("the ledger's entry %d: %w", e.Index, err)
				}
				r.Taken = &actions.Taking{At: e.Body.Time, Signed: end.Signed}
				if end.Deed != nil {
					r.Taken.Signed = end.Deed.Signed
				}
				if under := r.Taken.Signed.Statement.Session; !under.IsZero() {
					known, err := stx.Session(under)
					if err != nil {
						return err
					}
					r.Taken.Session = &known.Signed.Session
				}
			}
		}
		return nil
	})
}

// newHandle returns the outcome of a request that failed because its account has another handle
// than the one that was signed. It reads the new handle for each caller and stores it
// nowhere: a handle is personal.
func (d *Room) newHandle(ctx context.Context, r actions.Request) string {
	ctx, cancel := context.WithTimeout(ctx, incidents.SortPatience)
	defer cancel()
	now, err := d.desk.Executor.Read(ctx, platform.Subject{Platform: r.Action.Subject.Platform, ID: r.Action.Subject.ID})
	if err != nil {
		return r.OutcomeText
	}
	return fmt.Sprintf("The request was signed for %s, but the platform now calls that account %s. Nothing was done. Check whether it is still the account that you mean, and ask again.",
		r.Action.Subject.Handle, now.Subject.Handle)
}

// shown returns a request for a reader of all of it, without the signatures that the reader may
// not see. Everybody sees their own refusal.
func (d *Room) shown(s *proof.State, by kernel.Caller, r store.Request) actions.Request {
	if mayReadWarrant(s, by, r, d.desk.Now()) {
		return r.Request
	}
	r.Signers = nil
	r.Declined = slices.DeleteFunc(slices.Clone(r.Declined), func(n actions.Refusal) bool { return n.Signed.Statement.Signer != by.Worker })
	return r.Request
}

// Wait returns a request once its version is newer than the given one, or as it
// is when ctx ends.
func (d *Room) Wait(ctx context.Context, by kernel.Caller, request string, version int64) (actions.Request, error) {
	woken, stop := d.desk.Store.DB().Listen(requestSignal(request))
	defer stop()
	// A change by another node does not wake this one, so look now and then.
	tick := time.NewTicker(kernel.LookElsewhere)
	defer tick.Stop()
	for {
		s, r, err := d.look(context.WithoutCancel(ctx), by, request)
		if err != nil {
			return actions.Request{}, err
		}
		// A caller may know a later version, from before the database was set back. That
		// caller gets the present version at once.
		if r.Version != version {
			return d.seen(context.WithoutCancel(ctx), s, by, r)
		}
		select {
		case <-woken:
		case <-tick.C:
		case <-ctx.Done():
			return d.seen(context.WithoutCancel(ctx), s, by, r)
		}
	}
}

// Filter chooses requests; empty members choose all.
type Filter struct {
	Status    actions.Status
	Kind      actions.Kind
	Platform  string
	Subject   string // the identifier; with Platform
	Requester workforce.WorkerID
	Cursor    string
	Limit     int
}

// Requests returns a page of requests, each as the caller may see it, newest first, and the
// cursor of the next page, empty at the end. A page may have fewer items than were asked for.
func (d *Room) Requests(ctx context.Context, by kernel.Caller, f Filter) ([]actions.Request, string, error) {
	s, _, err := d.desk.Standing(ctx, by)
	if err != nil {
		return nil, "", err
	}
	hidden, err := d.unseen(ctx, by)
	if err != nil {
		return nil, "", err
	}
	return pageOf(ctx, d, f, func(r store.Request) (actions.Request, bool, error) {
		if hidden[r.Action.Case] {
			return actions.Request{}, false, nil
		}
		whole, err := d.readsWhole(ctx, s, by, r)
		if whole {
			return d.shown(s, by, r), true, err
		}
		return outline(r.Request), !f.tells(), err
	})
}

// pageOf returns a page of requests as show has them, and the cursor of the next page. Where the filter
// tells, requests that show leaves out are passed over: a cursor that names one of them, or stands
// behind the last that the caller reads, would tell of it.
func pageOf[T any](ctx context.Context, d *Room, f Filter, show func(store.Request) (T, bool, error)) (out []T, next string, err error) {
	limit := f.Limit
	if limit < 1 || limit > kernel.MaxPage {
		limit = kernel.MaxPage
	}
	last := ""
	for {
		rs, more, err := d.listed(ctx, f)
		if err != nil {
			return nil, "", err
		}
		for _, r := range rs {
			one, ok, err := show(r)
			switch {
			case err != nil:
				return nil, "", err
			case !ok:
				continue
			case len(out) == limit:
				return out, last, nil
			}
			out, last = append(out, one), r.ID
		}
		if more == "" || !f.tells() {
			return out, more, nil
		}
		f.Cursor, f.Limit = more, kernel.MaxPage
	}
}

// tells reports whether the filter alone would tell what outline leaves out: an outline that it
// finds is known to be about the subject, or to be asked for by the person.
func (f Filter) tells() bool { return f.Subject != "" || f.Requester != "" }

// listed reads a page of requests, newest first, and the cursor of the next.
func (d *Room) listed(ctx context.Context, f Filter) (rs []store.Request, next string, err error) {
	if f.Limit < 1 || f.Limit > kernel.MaxPage {
		f.Limit = kernel.MaxPage
	}
	err = d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		rs, err = stx.Requests(store.RequestFilter{Status: f.Status, Kind: f.Kind, Platform: f.Platform, Subject: f.Subject, Requester: f.Requester,
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
	return rs, next, nil
}

// findReplaced sets ReplacedBy and LiftedBy of requests that are ordered newest first.
func findReplaced(stx *store.Tx, rs []store.Request) error {
	known := map[platform.Subject]followers{}
	for i, r := range slices.Backward(rs) { // the oldest request of a subject reads all newer ones
		if !replaceable(r.Request) {
			continue
		}
		on := platform.Subject{Platform: r.Action.Subject.Platform, ID: r.Action.Subject.ID}
		since, ok := known[on]
		if !ok {
			var err error
			if since, err = followersOf(stx, on, r.ID); err != nil {
				return err
			}
			known[on] = since
		}
		newest, lifted := since.of(r.Request)
		rs[i].ReplacedBy, rs[i].LiftedBy = newest.ID, lifted.ID
	}
	return nil
}

// Subject is a subject as it is now.
type Subject struct {
	linkv1.Reading
	// Measures are the requests whose measures stand on it, by their layers: those that the
	// marks name, if this desk carried them out there.
	Measures map[platform.Layer]actions.Request
	// Breaches are the incidents of the open breaches that left what stands on it, by layer.
	Breaches map[platform.Layer]string
}

// Subject reads a subject through the executor.
func (d *Room) Subject(ctx context.Context, by kernel.Caller, subject string) (out Subject, err error) {
	s, _, err := d.desk.Standing(ctx, by)
	if err != nil {
		return out, err
	}
	if d.given != nil {
		if ctx, err = d.given(ctx, by, subject); err != nil {
			return out, err
		}
	}
	if out.Reading, err = d.desk.Vouched(ctx, s, subject); err != nil {
		return out, err
	}
	out.Measures, out.Breaches = map[platform.Layer]actions.Request{}, map[platform.Layer]string{}
	for _, l := range append(slices.Collect(maps.Keys(out.State.Layers)), platform.VisibilityLayer) {
		incident, err := d.leftBy(ctx, s, out.Subject, l, out.State.At(l))
		if err != nil {
			return out, err
		}
		if incident != "" {
			out.Breaches[l] = incident
		}
		name := out.State.At(l).Mark.Request()
		if name == "" {
			continue
		}
		r, err := d.desk.Load(ctx, name)
		switch {
		case fault.Is(err, "no-such-request"):
			continue
		case err != nil:
			return out, err
		}
		// A mark of ours that somebody copied into another layer, or onto another subject, is
		// no measure of ours there.
		if on := r.Action.Subject; on.Platform == out.Subject.Platform && on.ID == out.Subject.ID && r.Action.Command.Layer == l && !r.Executed.IsZero() {
			whole, err := d.readsWhole(ctx, s, by, r)
			if err != nil {
				return out, err
			}
			if out.Measures[l] = outline(r.Request); whole {
				out.Measures[l] = d.shown(s, by, r)
			}
		}
	}
	return out, nil
}
