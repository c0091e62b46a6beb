package desk

import (
	"context"
	"slices"

	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/news"
	"countersign.dev/store"
)

// Sight is what a page shows, and so what it wants to hear of.
type Sight struct {
	Cases    []string
	Requests []string
	Queues   []string
	Work     bool // the caller's own list
	Waiting  bool // what waits for signatures
	Alarms   bool
	Inbox    bool // the messages to the caller
}

// mostTopics is how many things one page shows at most.
const mostTopics = 32

// Moment names the present moment. A page takes it before it reads what it shows, and follows
// from there on, so that it misses nothing in between.
func (d *Desk) Moment() string { return d.kernel.Store.News().Position() }

// Following is a caller who hears of what changes, for as long as the caller may read it.
type Following struct {
	desk  *Desk
	by    kernel.Caller
	token store.Token
	// session is that of a browser's token, and empty for other tokens.
	session store.Session
	sight   Sight
	sub     *news.Subscription
}

// Change is what has changed since the change before it.
type Change struct {
	// Events name what changed, and the versions of cases and requests. A case that the caller
	// may not read any more has version 0, and is not spoken of again.
	Events []news.Event
	// Again says that everything shown is to be read again: nobody knows what was missed.
	Again bool
	// Moment is that of the change; see Desk.Moment.
	Moment string
}

// Follow begins to follow what a page shows, after a moment. It refuses what the caller may not
// read. A moment that this node does not know begins with Again.
func (d *Desk) Follow(ctx context.Context, by kernel.Caller, sight Sight, after string) (*Following, error) {
	topics := []news.Topic{{Sort: news.Session, ID: by.Token}, {Sort: news.Chain}}
	add := func(sort news.Sort, ids ...string) {
		for _, id := range ids {
			topics = append(topics, news.Topic{Sort: sort, ID: id})
		}
	}
	if !by.Session.IsZero() {
		add(news.Session, by.Session.String())
	}
	add(news.Case, sight.Cases...)
	add(news.Request, sight.Requests...)
	add(news.Queue, sight.Queues...)
	if sight.Work {
		add(news.Work, string(by.Worker))
	}
	if sight.Waiting {
		add(news.Waiting, "")
	}
	if sight.Alarms {
		add(news.Alarms, "")
	}
	if sight.Inbox {
		add(news.Inbox, string(by.Worker))
	}
	if len(topics) > mostTopics {
		return nil, fault.New(fault.Invalid, "bad-parameter", "A page follows at most %d things.", mostTopics-3)
	}
	f := &Following{desk: d, by: by, sight: sight}
	// The subscription begins before the rights are read: what changes them in between is told.
	f.sub = d.kernel.Store.News().Subscribe(topics, after)
	if err := f.check(ctx); err != nil {
		f.sub.Close()
		return nil, err
	}
	return f, nil
}

// check reads whether the caller may still hear of everything. Lists that are refused end the
// following; a case that is refused at the beginning does as well.
func (f *Following) check(ctx context.Context) error {
	if err := f.signedIn(ctx); err != nil {
		return err
	}
	for _, id := range f.sight.Cases {
		if _, err := f.desk.CaseVersion(ctx, f.by, id); err != nil {
			return err
		}
	}
	for _, id := range f.sight.Requests {
		if _, err := f.desk.RequestVersion(ctx, f.by, id); err != nil {
			return err
		}
	}
	return f.lists(ctx)
}

// lists refuses lists that the caller may not read.
func (f *Following) lists(ctx context.Context) error {
	for _, name := range f.sight.Queues {
		if err := f.desk.MayReadQueue(ctx, f.by, name); err != nil {
			return err
		}
	}
	if f.sight.Alarms {
		return f.desk.kernel.MayReadEvidence(ctx, f.by, "Alarms")
	}
	return nil
}

// signedIn reads the caller's token anew, and refuses one that does not hold any more.
func (f *Following) signedIn(ctx context.Context) error {
	s, err := f.desk.kernel.State(ctx)
	if err != nil {
		return err
	}
	if err := f.desk.kernel.Store.Read(ctx, func(stx *store.Tx) error {
		if f.token, err = stx.Token(f.by.Token); err != nil || f.by.Session.IsZero() {
			return err
		}
		f.session, err = stx.Session(f.by.Session)
		return err
	}); err != nil {
		return err
	}
	return f.holds(s)
}

// holds refuses a token that does not hold any more, as far as memory tells.
func (f *Following) holds(s *proof.State) error {
	now := f.desk.kernel.Now()
	if !f.by.Session.IsZero() {
		return f.desk.browserHolds(s, f.token, f.session, now)
	}
	return f.desk.tokenHolds(s, f.token, now)
}

// Woken has a value when something may have changed.
func (f *Following) Woken() <-chan struct{} { return f.sub.Woken() }

// Holds returns the refusal once the caller's sign-in has ended by the clock or by the chain. It
// reads no database.
func (f *Following) Holds() error { return f.holds(f.desk.kernel.Newest()) }

// Take returns what has changed since it was called last. An error says that the caller may not
// follow any more: a fault of the kind Unauthenticated, that the sign-in has ended; one of
// another kind, that rights have changed or cannot be read, and the page begins anew.
func (f *Following) Take(ctx context.Context) (Change, error) {
	events, again, moment := f.sub.Take()
	out := Change{Again: again, Moment: moment}
	// What the events say of the caller comes first: whoever may not read any more hears nothing.
	state := f.desk.kernel.Newest()
	rights := again
	for _, e := range events {
		switch e.Sort {
		case news.Chain:
			var err error
			if state, err = f.desk.kernel.StateAt(ctx, e.Version); err != nil {
				return out, err
			}
			rights = true
		case news.Session:
			rights = true
		}
	}
	if rights {
		if err := f.signedIn(ctx); err != nil {
			return out, err
		}
		if err := f.lists(ctx); err != nil {
			return out, err
		}
	} else if err := f.holds(state); err != nil {
		return out, err
	}
	for _, e := range events {
		switch e.Sort {
		case news.Chain, news.Session:
			continue
		case news.Work, news.Inbox:
			e.ID = "" // there is one such list for each caller
		case news.Case:
			if !slices.Contains(f.sight.Cases, e.ID) {
				continue
			}
			version, err := f.desk.CaseVersion(ctx, f.by, e.ID)
			switch {
			case fault.Is(err, "no-such-case"):
				f.sight.Cases = slices.DeleteFunc(slices.Clone(f.sight.Cases), func(id string) bool { return id == e.ID })
			case err != nil:
				return out, err
			}
			e.Version = version
		}
		out.Events = append(out.Events, e)
	}
	return out, nil
}

// Close ends the following.
func (f *Following) Close() { f.sub.Close() }
