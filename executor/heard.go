package executor

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"sort"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/executor/journal"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/workforce"
)

// A person's refusal of a request (a decline or a withdrawal, here: a no) is one of the
// desk's own entries, and a leaf does not show the kind of its entry. So before the
// executor burdens anybody it has read every entry that may be about the request, and has
// checked each against the leaf that it followed itself. A desk that keeps one back stops
// the act.
//
// A desk gives the bodies with the newest leaves, so that usually nothing needs to be
// asked for. Missing bodies are asked for when an act needs them: after a start, all
// since the act was first signed.

// no is somebody's no to a request, as the ledger holds it.
type no struct {
	index int64  // of its entry
	kind  string // of its entry
	by    workforce.WorkerID
	over  time.Time // from then on nobody can act on the request anyway
}

// stretch is the range [from, to) of entries of the ledger.
type stretch struct{ from, to int64 }

// nos holds the known refusals of requests. The follower's lock guards it.
type nos struct {
	by     map[string][]no // by request, in no order
	full   int             // at so many requests those that are over are looked for
	folded canonical.Time  // time of the newest governance entry: the next one is not dated earlier
	unread []stretch       // desk entries that were not all read, in order
	marks  []journal.Mark
	fresh  []journal.Mark // those that the journal lacks
	recent []journal.Mark // of the last day, closer together; the journal has none of them
	times  []stamp        // of the governance entries that were read, in order
	kept   []stamp        // of those that the journal held at the start, in order
}

// stamp says when an entry of the ledger was made, by the ledger.
type stamp struct {
	index int64
	at    canonical.Time
}

// markEvery is the time from one mark to the next. After a start at most so much more of
// the ledger is read than needed.
const markEvery = 10 * time.Minute

// recentEvery and recentLife are the time from one recent mark to the next, and how long
// they are kept: as long as a request is open.
const (
	recentEvery = 15 * time.Second
	recentLife  = 25 * time.Hour
)

// joined is the largest gap between two unread entries that are asked for as one stretch.
const joined = 100

// note remembers a decline or a withdrawal of the request that the signature names,
// whatever request the desk writes beside it. It forgets the refusals of requests that are
// over by our own clock and were over when the newest governance entry was made, so that no
// later entry can carry them out. It goes by governance entries because the times of other
// entries are the desk's word, and some changes may not be folded yet.
//
// A request is over at the end that the refusal's own statement names, but no earlier than a
// request can end that was signed before the refusal: the desk tells a program when a request
// ends, and nobody's statement shows that the desk told the truth. A refusal that is not
// over is never forgotten, however many there are.
func (s *nos) note(index int64, b ledger.Body, own time.Time) {
	var request string
	var signed actions.Signed
	switch b.Kind {
	case entry.KindDecline:
		var r entry.Verdict
		if canonical.Read(b.Data, &r) != nil {
			return
		}
		request, signed = r.Request, r.Signed
	case entry.KindWithdraw:
		var r entry.End
		if canonical.Read(b.Data, &r) != nil {
			return
		}
		request, signed = r.Request, r.Signed
		if r.Deed != nil {
			signed = r.Deed.Signed
			signed.Statement.Request = r.Deed.Deed.Of // what was signed, whatever the desk writes beside it
		}
	default:
		return
	}
	if named := signed.Statement.Request; named != "" { // withdrawals of earlier versions are not signed
		request = named
	}
	if s.by == nil {
		s.by, s.full = map[string][]no{}, manyNos
	}
	if len(s.by) >= s.full {
		maps.DeleteFunc(s.by, func(_ string, said []no) bool {
			return !slices.ContainsFunc(said, func(n no) bool { return !n.over.Before(s.folded.Time) || !n.over.Before(own) })
		})
		s.full = max(manyNos, 2*len(s.by))
	}
	over := own.Add(proof.LongestLife + tolerance)
	if expires := signed.Statement.Expires.Time; expires.After(over) {
		over = expires
	}
	s.by[request] = append(s.by[request], no{index, b.Kind, signed.Statement.Signer, over})
}

// manyNos is the least number of requests at which those that are over are looked for.
const manyNos = 10_000

// accepted takes note of verified entries.
func (s *nos) accepted(batch []followedEntry, own time.Time) {
	for _, n := range batch {
		switch {
		case n.leaf.Class != ledger.Desk:
		case n.body != nil:
			s.note(n.index, *n.body, own)
		case !n.read:
			if last := len(s.unread) - 1; last >= 0 && n.index-s.unread[last].to < joined {
				s.unread[last].to = n.index + 1
			} else {
				s.unread = append(s.unread, stretch{n.index, n.index + 1})
			}
		}
	}
}

// due reports whether it is time for a mark. If a wrong clock left a mark in the future
// and was set right, the marks go on all the same.
func (s *nos) due(own time.Time) bool {
	last := len(s.marks) - 1
	return last < 0 || own.Sub(s.marks[last].At.Time).Abs() >= markEvery
}

// datedBy reports whether the newest of the entries that can be read is dated no later
// than a time of our own clock. If it is later, one clock is wrong, and it may be ours: a
// mark by a clock that is behind would make its size seem older than it is.
func datedBy(batch []followedEntry, own time.Time) bool {
	for i := len(batch) - 1; i >= 0; i-- {
		if batch[i].raw == nil {
			continue
		}
		b, err := ledger.ParseBody(batch[i].raw)
		return err == nil && b.Time.Sub(own) <= tolerance
	}
	return false
}

// mark notes the size that the ledger has now.
func (s *nos) mark(size int64, own time.Time) {
	m := journal.Mark{At: canonical.At(own), Size: size}
	s.marks, s.fresh = append(s.marks, m), append(s.fresh, m)
}

// glance notes the size that the ledger has now among the recent marks.
func (s *nos) glance(size int64, own time.Time) {
	if last := len(s.recent) - 1; last >= 0 && own.Sub(s.recent[last].At.Time).Abs() < recentEvery {
		return
	}
	s.recent = append(s.recent, journal.Mark{At: canonical.At(own), Size: size})
	if old := slices.IndexFunc(s.recent, func(m journal.Mark) bool { return own.Sub(m.At.Time) <= recentLife }); old > len(s.recent)/2 {
		s.recent = slices.Clone(s.recent[old:])
	}
}

// hear reads the body of a desk entry, if it was given and opens the leaf. It parses only
// a body that may be a refusal.
func (n *followedEntry) hear(bodies map[int64]proof.ServedBody) {
	given, ok := bodies[n.index]
	if !ok || ledger.Opens(n.leaf, given.Body, given.Salt) != nil {
		return
	}
	n.raw = given.Body
	for _, kind := range []string{entry.KindDecline, entry.KindWithdraw} {
		// A body is canonical, or it is no entry and says nothing.
		if bytes.Contains(given.Body, []byte(`"kind":"`+kind+`"`)) {
			n.open(bodies)
			n.read = n.body != nil
			return
		}
	}
	n.read = true
}

// refused returns an error if the ledger holds somebody's refusal of a burdening act: the
// desk may not go on with signatures that it collected before.
func (f *follower) refused(request string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	said := f.nos.by[request]
	switch {
	case len(said) == 0:
		return nil
	case said[0].kind == entry.KindDecline:
		return fault.New(fault.Forbidden, "declined", "%s declined the request %s: the ledger holds it.", said[0].by, request)
	default:
		return fault.New(fault.Forbidden, "withdrawn", "The request %s was withdrawn: the ledger holds it.", request)
	}
}

// A change of the desk takes effect by its entry alone, without a warrant. So before the
// executor folds a new one, it has read every entry that may refuse the change's request,
// as it does before it burdens anybody.

// heardChange returns the first entries that have to be read before a governance entry is
// folded; ok is false if there are none. It asks for none for changes that this executor,
// with a new journal, found in the ledger when it started, nor for changes in its
// journal.
func (f *follower) heardChange(n followedEntry) (s stretch, ok bool) {
	a, is := changeIn(n)
	if !is || f.fresh && n.index < f.begun || n.leaf.Number < int64(len(f.chain)) || f.void[n.leaf.Digest()] != "" {
		return s, false
	}
	since := f.before(firstSigned(a.Request, a.Countersignatures).Add(-tolerance))
	f.mu.Lock()
	// Entries from before this executor began to follow are passed over where their leaves
	// are forgotten. Entries since then were asked for in time, and the desk kept back those
	// that are missing.
	since = max(since, min(f.base, f.begun))
	f.mu.Unlock()
	s, ok = f.nextUnread(since)
	return stretch{s.from, min(s.to, n.index)}, ok && s.from < n.index
}

// revived returns an error if a governance entry carries out a request that somebody
// refused earlier in the ledger. An attacker who edits a request's row could have the
// desk go on with its signatures. For a change whose decline only withholds the signer's
// own yes (actions.Withholds), only a withdrawal counts.
func (f *follower) revived(n followedEntry) error {
	a, is := changeIn(n)
	if !is {
		return nil
	}
	if why := f.void[n.leaf.Digest()]; why != "" {
		return fault.New(fault.Forbidden, "withdrawn", "%s", why)
	}
	request := a.Request.Statement.Request
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, said := range f.nos.by[request] {
		switch {
		case said.index > n.index:
		case said.kind != entry.KindDecline:
			return fault.New(fault.Forbidden, "withdrawn", "The ledger's entry %d says that the request %s was withdrawn before it was carried out.", said.index, request)
		case !actions.Withholds(a.Action):
			return fault.New(fault.Forbidden, "declined", "The ledger's entry %d says that %s declined the request %s before it was carried out.", said.index, said.by, request)
		}
	}
	return nil
}

// changeIn returns the authority of a change of the desk, if a governance entry holds
// one.
func changeIn(n followedEntry) (a proof.Authority, ok bool) {
	switch n.body.Kind {
	case proof.KindFounding, proof.KindRow, proof.KindTaken:
		return a, false
	}
	// An entry that cannot be read is refused when it is applied.
	return a, canonical.UnmarshalExact(n.body.Data, &a) == nil
}

// hearChange asks for the entries that have to be read before a change is folded, until
// all were given or the desk keeps some back.
func (f *follower) hearChange(ctx context.Context) {
	for f.unheard != (stretch{}) {
		s := f.unheard
		bodies, err := f.e.desk.Bodies(ctx, s.from, s.to)
		if err != nil || f.hear(s, bodies) == s.from {
			return
		}
		f.fold()
	}
}

// hearNews asks for missing bodies since the executor began to follow, so that they are
// read before their leaves are forgotten. Nothing waits for it.
func (f *follower) hearNews(ctx context.Context) error {
	p := f.e.pause()
	for f.await(ctx, func(*view) bool { _, ok := f.news(); return ok }) && ctx.Err() == nil {
		if f.hearSome(ctx) {
			p = f.e.pause()
		} else if p.wait(ctx) != nil {
			break
		}
	}
	return nil
}

// hearSome asks for the first of these bodies, and reports whether some were read.
func (f *follower) hearSome(ctx context.Context) bool {
	release, err := f.e.subjects.acquire(ctx, hearing)
	if err != nil {
		return false
	}
	defer release()
	s, ok := f.news()
	if !ok {
		return true // an act has read them meanwhile
	}
	bodies, err := f.e.desk.Bodies(ctx, s.from, s.to)
	return err == nil && f.hear(s, bodies) > s.from
}

// news returns the first unread entries since the executor began to follow whose leaves
// are not forgotten.
func (f *follower) news() (s stretch, ok bool) {
	f.mu.Lock()
	since := max(f.begun, f.base)
	f.mu.Unlock()
	return f.nextUnread(since)
}

// heard returns once every entry was read that may refuse a request, or an error.
func (e *Executor) heard(ctx context.Context, w proof.Warrant) error {
	since := e.ledger.before(firstSigned(w.Request, w.Countersignatures).Add(-tolerance))
	if _, ok := e.ledger.nextUnread(since); !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, e.limits.Entry)
	defer cancel()
	// One at a time: acts that wait for the same entries do not each ask for them.
	release, err := e.subjects.acquire(ctx, hearing)
	if err != nil {
		return notRead(since, err)
	}
	defer release()
	for {
		s, ok := e.ledger.nextUnread(since)
		if !ok {
			return nil
		}
		if !e.ledger.remembers(s.from) {
			return fault.New(fault.Expired, "entries-forgotten", "An entry of the ledger may be somebody's refusal of this request. This executor has not read the entry and no longer remembers its leaf: "+
				"more than %d entries came since. Sign the request anew.", e.limits.Leaves)
		}
		bodies, err := e.desk.Bodies(ctx, s.from, s.to)
		if err != nil {
			return notRead(s.from, err)
		}
		if e.ledger.hear(s, bodies) == s.from {
			return fault.New(fault.Unavailable, "entry-withheld", "The desk does not give entry %d of the ledger, or gives another than its leaf commits to. The entry may be somebody's refusal of this request, so nothing is done. "+
				"Find out why the desk keeps it back.", s.from)
		}
	}
}

// hearing is the name of the lock under which entries are asked for.
const hearing = "hearing"

func notRead(from int64, because error) error {
	return fault.New(fault.Unavailable, "entries-not-read", "The desk has not yet given all entries of the ledger from %d on; one of them may be somebody's refusal of this request. "+
		"The entries that were read need not be read again: try again.", from).Because(because)
}

// firstSigned is the earliest instant from which one of a request's signatures is valid
// by its own words. Nobody refused the request before that. A signer who dates a
// signature later gains nothing as long as one other signer is honest; if none is, they
// could as well sign anew.
func firstSigned(request actions.Signed, countersignatures []actions.Signed) time.Time {
	first := request.Statement.NotBefore
	for _, c := range countersignatures {
		if at := c.Statement.NotBefore; at.Before(first.Time) {
			first = at
		}
	}
	return first.Time
}

// before returns a size that the ledger had before a time of our own clock: no entry
// below it was made later.
func (f *follower) before(t time.Time) (size int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.nos.marks {
		if m.At.Before(t) {
			size = max(size, m.Size)
		}
	}
	return size
}

// notBefore returns an instant before which an entry cannot have been made, whatever the
// entry says. A desk writes the times of entries itself: it could date one back, or let its
// clock stand still. But times in a ledger never go back, so that an entry is no older than
// a governance entry ahead of it; and by our own clock it is no older than a moment at
// which the ledger was too short to hold it.
//
// A mark from the future is passed over: our clock was wrong when it was made, or is now.
func (f *follower) notBefore(index int64, own time.Time) (t time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, marks := range [][]journal.Mark{f.nos.marks, f.nos.recent} {
		for _, m := range marks {
			if at := m.At.Add(-tolerance); m.Size <= index && at.After(t) && !m.At.After(own) {
				t = at
			}
		}
	}
	for _, stamps := range [][]stamp{f.nos.kept, f.nos.times} {
		if n := sort.Search(len(stamps), func(i int) bool { return stamps[i].index >= index }); n > 0 && stamps[n-1].at.After(t) {
			t = stamps[n-1].at.Time
		}
	}
	return t
}

// seenBy reports whether we had seen an entry by an instant of our own clock.
func (f *follower) seenBy(index int64, t time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	seen := func(m journal.Mark) bool { return !m.At.After(t) && m.Size > index }
	return slices.ContainsFunc(f.nos.marks, seen) || slices.ContainsFunc(f.nos.recent, seen)
}

// remembers reports whether the leaf of an entry is still known, so that a body can be
// checked against it.
func (f *follower) remembers(index int64) bool {
	_, ok := f.leafAt(index)
	return ok
}

// atOnce is the largest number of entries that are asked for at once.
const atOnce = 1000

// nextUnread returns the next unread entries from an index on.
func (f *follower) nextUnread(since int64) (s stretch, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, u := range f.nos.unread {
		if u.to > since {
			s.from = max(u.from, since)
			return stretch{s.from, min(u.to, s.from+atOnce)}, true
		}
	}
	return s, false
}

// hear reads entries that were asked for, in their order. It returns the index of the
// first one that was not given, or whose body does not open its leaf.
func (f *follower) hear(s stretch, bodies []proof.ServedBody) int64 {
	next, own := s.from, f.e.now()
	for _, given := range bodies {
		if given.Index != next || next == s.to {
			break
		}
		b, err := ledger.ParseBody(given.Body)
		if err != nil {
			break
		}
		leaf, err := ledger.LeafOf(b, given.Body, given.Salt)
		if have, ok := f.leafAt(next); err != nil || !ok || have != leaf.Hash() {
			break
		}
		f.mu.Lock()
		f.nos.note(next, b, own)
		f.mu.Unlock()
		next++
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.nos.wasRead(stretch{s.from, next})
	return next
}

// wasRead takes entries out of the unread ones.
func (s *nos) wasRead(r stretch) {
	var left []stretch
	for _, u := range s.unread {
		for _, part := range []stretch{{u.from, min(u.to, r.from)}, {max(u.from, r.to), u.to}} {
			if part.from < part.to {
				left = append(left, part)
			}
		}
	}
	s.unread = left
}
