package acts

import (
	"context"
	"maps"
	"slices"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// This file says what one reader sees of a request (law 17). Whoever may sign it sees its subject,
// and of the person who asks the pseudonym, the company, the last day, and whether the lines of the
// two differ. A vendor's people see of other companies' requests that they may not sign the kind and
// the status, and no more.

// Sight is a request as one reader may see it.
type Sight struct {
	actions.Request
	// Whole says that the reader sees all of the request. Otherwise only its identifier, version,
	// status, times, and the kind and tier of its action are set.
	Whole bool
	// May says that the reader may sign the request now: a countersignature could count.
	May bool
	// Why says why the reader may not sign an open request; empty if there is nothing to say.
	Why string
	// HasSigned says that the reader has countersigned or declined the request.
	HasSigned bool
	// Asker is who asks, for a reader who may sign; nil for others.
	Asker *Asker
	// Slots are the signatures that the request needs, for a reader who may sign or asked for it.
	Slots []Slot
	// Reasons say why an open request is held.
	Reasons []proof.Reason
}

// Asker is what the possible signers of a request learn of the person who asks.
type Asker struct {
	Worker   workforce.WorkerID
	Vendor   workforce.VendorID // empty: an employee
	Since    canonical.Time
	Last     canonical.Time // zero: no last day is set
	InNotice bool           // notice was given, or these are the last days
	// Differ says that neither is in the other's chain of managers, and that they have different
	// managers.
	Differ bool
}

// Slot is one signature that a request needs.
type Slot struct {
	By   actions.Qualifier // who fills it; empty: anybody who is independent
	Here bool              // it is filled
	Mine bool              // the reader could fill it
	// Error says that a signature that was given counts no more, and why; it fills no slot.
	Error string
}

// RequestFor returns a request as the caller may see it.
func (d *Room) RequestFor(ctx context.Context, by kernel.Caller, request string) (Sight, error) {
	s, r, err := d.look(ctx, by, request)
	if err != nil {
		return Sight{}, err
	}
	out, err := d.sight(ctx, s, by, r)
	if err != nil || !out.Whole {
		return out, err
	}
	out.Request, err = d.whole(ctx, s, by, r)
	return out, err
}

// RequestsFor is Requests with all that a Sight says but the slots.
func (d *Room) RequestsFor(ctx context.Context, by kernel.Caller, f Filter) (all []Sight, next string, err error) {
	s, _, err := d.desk.Standing(ctx, by)
	if err != nil {
		return nil, "", err
	}
	return pageOf(ctx, d, f, func(r store.Request) (Sight, bool, error) {
		seen, err := d.sight(ctx, s, by, r)
		if err != nil || !seen.Whole {
			return seen, !f.tells(), err
		}
		seen.Request = d.shown(s, by, r)
		return seen, true, nil
	})
}

// Waiting returns the held requests that the caller may sign and has not, newest first.
func (d *Room) Waiting(ctx context.Context, by kernel.Caller) (all []Sight, err error) {
	for f := (Filter{Status: actions.StatusHeld}); len(all) < kernel.MaxPage; {
		rs, next, err := d.RequestsFor(ctx, by, f)
		if err != nil {
			return nil, err
		}
		for _, r := range rs {
			if r.May && !r.HasSigned {
				all = append(all, r)
			}
		}
		if f.Cursor = next; next == "" {
			break
		}
	}
	return all, nil
}

// sight says what a reader may see of a request.
func (d *Room) sight(ctx context.Context, s *proof.State, by kernel.Caller, r store.Request) (Sight, error) {
	now := d.desk.Now()
	me := s.People.Standing(by.Worker, now)
	out := Sight{Request: r.Request, HasSigned: signedBy(r, by.Worker)}
	var void []workforce.WorkerID // whose signatures count no more
	live := r.Open() && now.Before(r.Expires().Time)
	if live {
		ask, err := d.asked(ctx, s, r)
		if err != nil {
			return Sight{}, err
		}
		if ask.Lifts, _, err = d.lifts(ctx, s, r.Action, r.Requester()); err != nil {
			ask.Lifts = actions.LiftsNothing // a request whose measure is gone is shown all the same
		}
		err = s.Asks(ask, by.Worker)
		if out.May = err == nil; err != nil {
			out.Why = fault.TextOf(err)
		}
		for _, c := range r.Signers {
			if s.Asks(ask, c.Statement.Signer) != nil {
				void = append(void, c.Statement.Signer)
			}
		}
		if _, reasons, err := s.Demands(ask); err == nil {
			for _, x := range reasons {
				out.Reasons = append(out.Reasons, proof.Reason{Policy: x.Policy, Text: x.Text})
			}
		}
	}
	out.Whole = out.May || d.reads(s, by, r)
	if out.May || out.HasSigned {
		out.Asker = askerOf(s, by.Worker, r.Requester(), now)
	}
	if out.Whole && live {
		out.Slots = slots(s, r, me, out.May && !out.HasSigned, void, now)
	}
	if !out.Whole {
		out.Reasons, out.Request = nil, outline(r.Request)
	}
	return out, nil
}

// reads reports whether the caller reads all of a request whether or not a signature of theirs
// could count: they signed it, its requester is of their company, or they are no vendor's people.
func (d *Room) reads(s *proof.State, by kernel.Caller, r store.Request) bool {
	now := d.desk.Now()
	mine := s.People.Standing(by.Worker, now).Vendor
	return r.Requester() == by.Worker || signedBy(r, by.Worker) || mine == "" || mine == s.People.Standing(r.Requester(), now).Vendor
}

// readsWhole reports whether the caller reads all of a request.
func (d *Room) readsWhole(ctx context.Context, s *proof.State, by kernel.Caller, r store.Request) (bool, error) {
	if d.reads(s, by, r) {
		return true, nil
	}
	if !r.Open() || !d.desk.Now().Before(r.Expires().Time) {
		return false, nil
	}
	ask, err := d.asked(ctx, s, r)
	return err == nil && s.Asks(ask, by.Worker) == nil, err
}

// unread refuses to tell a caller more of a request than its outline.
func (d *Room) unread(ctx context.Context, s *proof.State, by kernel.Caller, r store.Request) error {
	whole, err := d.readsWhole(ctx, s, by, r)
	if err == nil && !whole {
		err = fault.New(fault.Forbidden, "not-yours-to-read", "%s was asked for at another company, and you may not sign it, so that you read its kind and its status only. An act on a subject that you know names the subject itself.", r.ID)
	}
	return err
}

// outline is all that a vendor's people see of another company's request that they may not sign:
// its identifier, version, status and times, and the kind, tier and platform of its action.
func outline(r actions.Request) actions.Request {
	return actions.Request{ID: r.ID, Version: r.Version, Status: r.Status, Created: r.Created, Updated: r.Updated, Executed: r.Executed,
		Action: actions.Action{V: r.Action.V, Kind: r.Action.Kind, Tier: r.Action.Tier, Direction: r.Action.Direction, Subject: platform.Subject{Platform: r.Action.Subject.Platform}}}
}

func signedBy(r store.Request, w workforce.WorkerID) bool {
	return slices.ContainsFunc(r.Signers, func(c actions.Signed) bool { return c.Statement.Signer == w }) ||
		slices.ContainsFunc(r.Declined, func(n actions.Refusal) bool { return n.Signed.Statement.Signer == w })
}

// askerOf is what a possible signer learns of the person who asks.
func askerOf(s *proof.State, reader, asker workforce.WorkerID, now time.Time) *Asker {
	w, _ := s.People.Worker(asker)
	st := s.People.Standing(asker, now)
	me, _ := s.People.Worker(reader)
	apart := !slices.Contains(s.People.Chain(asker, now), reader) && !slices.Contains(s.People.Chain(reader, now), asker)
	return &Asker{Worker: asker, Vendor: w.Vendor, Since: w.Start, Last: w.End(), InNotice: st.InNotice || st.Ratchet,
		Differ: apart && (w.Manager == "" || w.Manager != me.Manager)}
}

// slots are the signatures that a request needs, the filled ones first. It says of none who filled
// it: only those who read a warrant learn that.
func slots(s *proof.State, r store.Request, me workforce.Standing, could bool, void []workforce.WorkerID, now time.Time) []Slot {
	var all []Slot
	var signers []actions.Signer
	for _, c := range r.Signers {
		if slices.Contains(void, c.Statement.Signer) {
			continue
		}
		signers = append(signers, actions.Signer{Worker: c.Statement.Signer, Standing: s.People.Standing(c.Statement.Signer, now)})
	}
	// Each slot that asks for a sort of people is filled by somebody of that sort first.
	used := map[workforce.WorkerID]bool{}
	fill := func(q actions.Qualifier) Slot {
		x := Slot{By: q, Mine: could && (q == "" || (actions.Signer{Standing: me}).Qualifies(q))}
		for _, sg := range signers {
			if !used[sg.Worker] && (q == "" || sg.Qualifies(q)) {
				used[sg.Worker], x.Here, x.Mine = true, true, false
				break
			}
		}
		return x
	}
	qualified := 0
	for _, q := range slices.Sorted(maps.Keys(r.Need.Qualified)) {
		for range r.Need.Qualified[q] {
			all = append(all, fill(q))
			qualified++
		}
	}
	for range max(0, r.Need.Independent-qualified) {
		all = append(all, fill(""))
	}
	for range void {
		all = append(all, Slot{Error: "A signature that was given counts no more: its signer may not sign this now."})
	}
	return all
}
