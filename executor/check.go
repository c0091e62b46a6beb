package executor

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/executor/journal"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/platform"
)

// reading is a subject as it was read.
type reading struct {
	subject platform.Subject // as the platform resolves it
	sort    platform.Sort
	state   platform.State
	owner   *platform.State
}

// readSubject reads a subject.
func readSubject(ctx context.Context, c platform.Connector, s platform.Subject) (reading, error) {
	r := reading{subject: s}
	var err error
	if s.ID == "" {
		if r.subject, err = c.Resolve(ctx, s); err != nil {
			return r, err
		}
	}
	if r.sort, err = c.Sort(r.subject.ID); err != nil {
		return r, err
	}
	if r.subject, r.state, err = c.Look(ctx, r.subject); err != nil {
		return r, err
	}
	if owner, ok := r.state.Facts[platform.FactOwner].(string); ok && r.sort == platform.Content && owner != "" {
		// An owner who cannot be read makes the content critical (law 5). The tier says so, and
		// it is no error here.
		if st, err := c.Read(ctx, platform.Subject{Platform: s.Platform, ID: owner}); err == nil {
			r.owner = &st
		}
	}
	return r, nil
}

// Read reads a subject for the desk, with the tier that it has by our own state
// of the chain.
func (e *Executor) Read(ctx context.Context, s platform.Subject) (linkv1.Reading, error) {
	c, err := e.connector(s.Platform)
	if err != nil {
		return linkv1.Reading{}, err
	}
	v := e.ledger.view()
	if !v.state.Founded() {
		return linkv1.Reading{}, notFollowed
	}
	r, err := readSubject(ctx, c, s)
	if err != nil {
		return linkv1.Reading{}, fmt.Errorf("read %s: %w", s, err)
	}
	if err := e.remember(ctx, v.state, r); err != nil {
		return linkv1.Reading{}, err
	}
	tier, why := e.tierOf(v.state, c, r)
	reasons := make([]proof.Reason, len(why))
	for i, w := range why {
		reasons[i] = proof.Reason{Policy: w.Policy, Text: w.Text}
	}
	out := linkv1.Reading{Subject: r.subject, Sort: r.sort, State: r.state, Owner: r.owner, Capabilities: c.Capabilities(), Tier: tier, Why: reasons}
	out.Heights = e.heightsOf(v.state, r)
	name := r.subject.String()
	out.Raised, out.Confirmed = v.state.Raised[name], v.state.Confirmed[name]
	return out, nil
}

// Vouch is Read with the executor's signature on the subject's identity.
func (e *Executor) Vouch(ctx context.Context, s platform.Subject) (linkv1.Reading, error) {
	r, err := e.Read(ctx, s)
	if err != nil {
		return r, err
	}
	word := actions.Resolution{Executor: e.id, Subject: r.Subject, At: canonical.At(e.now())}
	c := word.Challenge(e.ledger.root)
	word.Signature = ed25519.Sign(e.key, c[:])
	r.Resolution = &word
	return r, nil
}

// evidenceTime bounds the reading of what a subject shows, which may take several calls.
const evidenceTime = 30 * time.Second

// Evidence reads what a subject shows. It decides nothing, and nothing is remembered.
func (e *Executor) Evidence(ctx context.Context, s platform.Subject) (platform.Evidence, error) {
	c, err := e.evidencer(s)
	if err != nil {
		return platform.Evidence{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, evidenceTime)
	defer cancel()
	shown, err := c.Evidence(ctx, s)
	if err != nil {
		return platform.Evidence{}, err
	}
	return shown.Bound(), nil
}

// Picture opens a picture of a subject by the name that Evidence gave it.
func (e *Executor) Picture(ctx context.Context, s platform.Subject, name string) (io.ReadCloser, error) {
	c, err := e.evidencer(s)
	if err != nil {
		return nil, err
	}
	if len(name) > platform.MaxPictureName {
		return nil, fault.New(fault.NotFound, "no-such-picture", "%.40q names no picture of %s.", name, s)
	}
	return c.Picture(ctx, s, name)
}

// Preserve asks a platform to keep a subject until a time. It needs no warrant, since it burdens
// nobody; it is bounded, so that a desk that lies cannot have things kept for ever.
func (e *Executor) Preserve(ctx context.Context, s platform.Subject, until canonical.Time) error {
	c, err := e.connector(s.Platform)
	if err != nil {
		return err
	}
	if _, err := c.Sort(s.ID); err != nil {
		return err
	}
	switch now := e.now(); {
	case !until.After(now):
		return fault.New(fault.Invalid, "bad-preservation", "A platform preserves until a time that is still to come; %s is over.", until)
	case until.After(now.Add(platform.MaxPreserve)):
		return fault.New(fault.Invalid, "bad-preservation", "A platform is asked to preserve for a year at most, and not until %s.", until)
	}
	keeps, ok := c.(platform.Preserver)
	if !ok {
		return fault.New(fault.Unsupported, "not-offered", "The platform %s does not offer to preserve its subjects.", s.Platform)
	}
	ctx, cancel := context.WithTimeout(ctx, evidenceTime)
	defer cancel()
	return keeps.Preserve(ctx, platform.Subject{Platform: s.Platform, ID: s.ID}, until)
}

func (e *Executor) evidencer(s platform.Subject) (platform.Evidencer, error) {
	c, err := e.connector(s.Platform)
	if err != nil {
		return nil, err
	}
	shows, ok := c.(platform.Evidencer)
	if !ok {
		return nil, fault.New(fault.Unsupported, "not-offered", "The platform %s does not tell what its subjects show.", s.Platform)
	}
	return shows, nil
}

var notFollowed = fault.New(fault.Unavailable, "ledger-not-followed", "The executor has not read the desk's ledger yet. Try again in a moment.")

func stoppedBecause(why string) error {
	return fault.New(fault.Unavailable, "executor-stopped", "%s", why)
}

func (e *Executor) connector(name string) (platform.Connector, error) {
	c, ok := e.platforms[name]
	if !ok {
		return nil, fault.New(fault.NotFound, "no-such-platform", "This executor has no connection to the platform %q.", name)
	}
	return c, nil
}

// anchored checks that the ledger holds the warrant: a desk entry of kind warrant with
// the digest of this core, whose leaf stands at its index in the ledger that we followed
// ourselves. A relieving act waits only a short time for the ledger; after that the
// checkpoint and the proofs in the warrant itself are checked, against what we know.
func (e *Executor) anchored(ctx context.Context, w proof.Warrant) error {
	leaf, err := anchor(w)
	if err != nil {
		return err
	}
	body := w.Ledger.Entry
	relieving := w.Action.Direction == actions.Relieving
	patience := e.limits.Entry
	if relieving {
		patience = e.limits.RelievingEntry
	}
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	reached := e.ledger.await(waiting, func(v *view) bool { return v.state.Founded() && v.size > w.Ledger.Proof.Index })
	if reached && relieving && len(w.Sessions) > 0 {
		e.current(waiting)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	v := e.ledger.view()
	switch {
	case reached:
		switch have, ok := e.ledger.leafAt(w.Ledger.Proof.Index); {
		case ok && have != leaf.Hash():
			return fault.New(fault.Forbidden, "not-in-ledger", "The ledger does not hold this warrant at entry %d.", w.Ledger.Proof.Index)
		case !ok:
			cp, err := e.remembered(waiting, w, v.state)
			if err != nil {
				return err
			}
			if err := w.Ledger.Proof.Verify(leaf, cp); err != nil {
				return err
			}
		}
		if err := e.waited(waiting, w, v.state); err != nil {
			return err
		}
	case !relieving || !v.state.Founded():
		if why := e.stopped(v); why != "" {
			return stoppedBecause(why)
		}
		return notFollowed
	default:
		if err := e.proven(w, leaf, v.state); err != nil {
			return err
		}
	}
	e.ledger.dated(body.Time, e.now())
	return nil
}

// anchor returns the leaf of the warrant's entry, which must be about this core.
func anchor(w proof.Warrant) (ledger.Leaf, error) {
	bad := fault.New(fault.Forbidden, "bad-anchor", "The warrant's ledger entry is not about this warrant.")
	raw, err := canonical.Marshal(w.Ledger.Entry)
	if err != nil {
		return ledger.Leaf{}, bad.Because(err)
	}
	leaf := ledger.Leaf{Class: w.Ledger.Entry.Class, Number: w.Ledger.Entry.Number, Commitment: ledger.Commitment(raw, w.Ledger.Salt)}
	body, err := ledger.Verify(leaf, raw, w.Ledger.Salt)
	if err != nil {
		return leaf, bad.Because(err)
	}
	var r entry.Warrant
	if err := canonical.UnmarshalExact(body.Data, &r); err != nil {
		return leaf, bad.Because(err)
	}
	want := proof.WarrantEntryOf(w.Core(), &proof.State{Next: r.GovernanceNumber})
	if body.Class != ledger.Desk || body.Kind != entry.KindWarrant || canonical.DigestOf(want) != canonical.DigestOf(r) {
		return leaf, bad
	}
	return leaf, nil
}

// proven checks that the warrant's entry and all entries that the warrant carries are in the
// ledger of its own checkpoint, and that this ledger can be the one that we know. The log's
// key alone says little: whoever has it can sign another ledger, in which the request stands
// at an earlier place.
func (e *Executor) proven(w proof.Warrant, leaf ledger.Leaf, s *proof.State) error {
	cp, err := e.checkpoint(w, s)
	if err != nil {
		return err
	}
	entries := slices.Concat(w.Entries(), w.People)
	if err := proof.Included(entries, cp, w.Ledger.Proof.Index); err != nil {
		return err
	}
	if err := w.Ledger.Proof.Verify(leaf, cp); err != nil {
		return err
	}
	known := e.ledger.agrees(leaf, w.Ledger.Proof, cp.Size)
	for _, entry := range entries {
		leaf, err := entry.Leaf()
		if err != nil {
			return err
		}
		known = known && e.ledger.agrees(leaf, entry.Proof, cp.Size)
	}
	if !known {
		return fault.New(fault.Forbidden, "not-in-ledger", "The warrant's checkpoint is of another ledger than the one that this executor follows.")
	}
	return nil
}

// agrees reports whether a leaf, with a proof in a ledger of a size, can be in the ledger
// that we know: the one that we followed, and the one whose head the journal has.
func (f *follower) agrees(leaf ledger.Leaf, p ledger.Inclusion, size int64) bool {
	return f.view().edge.Agrees(leaf, p, size) && f.remembered.Edge.Agrees(leaf, p, size)
}

// waited checks that the ledger holds the entries from which a wait is counted, at their
// places before the warrant's. An entry whose leaf is too old to be remembered is looked
// for under the warrant's checkpoint, whose root must be the one that our own leaves
// give.
func (e *Executor) waited(ctx context.Context, w proof.Warrant, s *proof.State) error {
	absent := fault.New(fault.Forbidden, "not-in-ledger", "The ledger does not hold the entry from which the warrant's wait is counted.")
	for _, entry := range w.Entries() {
		leaf, err := entry.Leaf()
		if err != nil {
			return err
		}
		have, ok := e.ledger.leafAt(entry.Proof.Index)
		switch {
		case entry.Proof.Index >= w.Ledger.Proof.Index, ok && have != leaf.Hash():
			return absent
		case ok:
			continue
		}
		cp, err := e.remembered(ctx, w, s)
		if err != nil {
			return err
		}
		return proof.Included(w.Entries(), cp, w.Ledger.Proof.Index)
	}
	return nil
}

// remembered returns the warrant's checkpoint if its root is the one that our own leaves
// give. If we no longer remember the ledger at that size, the desk has to assemble the
// warrant anew, under a newer checkpoint.
func (e *Executor) remembered(ctx context.Context, w proof.Warrant, s *proof.State) (ledger.Checkpoint, error) {
	cp, err := e.checkpoint(w, s)
	if err != nil {
		return cp, err
	}
	if !e.ledger.await(ctx, func(v *view) bool { return v.size >= cp.Size }) {
		return cp, notFollowed
	}
	root, ok := e.ledger.rootAt(cp.Size)
	switch {
	case !ok:
		return cp, fault.New(fault.Unavailable, "checkpoint-forgotten", "This executor no longer remembers the ledger at the size %d, under which the warrant's entries are proven. Hand the warrant over again: it is assembled anew.", cp.Size)
	case root != cp.Root:
		return cp, fault.New(fault.Forbidden, "not-in-ledger", "The warrant's checkpoint is of another ledger than the one that this executor follows.")
	}
	return cp, nil
}

// checkpoint opens the warrant's checkpoint, which the log's key has signed.
func (e *Executor) checkpoint(w proof.Warrant, s *proof.State) (ledger.Checkpoint, error) {
	key, err := ledger.ParseVerifierKey(s.LogKey)
	if err != nil {
		return ledger.Checkpoint{}, err
	}
	signed, err := ledger.ParseCheckpoint([]byte(w.Ledger.Checkpoint), key)
	return signed.Checkpoint, err
}

// judgement is what check found out about an act that may be carried out.
type judgement struct {
	state *proof.State
	at    time.Time
	own   time.Time // by the executor's clock
	// learnt is the instant of our own clock by which we had learnt what dates the warrant's
	// entries: now, or for an act that was taken on, when that was. We had the entries proven
	// then. Whatever we hear later, they are no younger.
	learnt  time.Time
	tier    actions.Tier
	spender actions.Spender
	belongs bool // the subject belongs to that of the act's decision; see proof.Ask
	// intended says that the act was taken on before.
	intended bool

	requested time.Time // when the ledger got the request, as far as we know; zero in version 1
	ruled     time.Time // when the desk ruled that the act is ready, as far as we know
}

// outcomeOf returns the outcome that a refusal of check gives the warrant: refused or
// failed, after which it is spent. It is empty if the warrant only cannot be carried out
// now.
func outcomeOf(err error) proof.Outcome {
	f := fault.As(err)
	switch {
	case f == nil, f.Kind == fault.Unavailable, f.Kind == fault.Internal:
		return ""
	case f.Type == "wrong-state", f.Type == "no-such-subject", f.Type == "handle-moved", f.Type == markExchanged, f.Type == "replaced":
		return proof.Failed
	default:
		return proof.Refused
	}
}

// check judges an act by the state that is known now and the subject as it was read. No
// call is made without it. intended is when the act was taken on; zero if it was not yet. The
// error is a fault; see outcomeOf.
func (e *Executor) check(ctx context.Context, w proof.Warrant, c platform.Connector, r reading, intended time.Time) (judgement, error) {
	v := e.ledger.view()
	own := e.now()
	j := judgement{state: v.state, at: e.ledger.at(own), intended: !intended.IsZero(), own: own, learnt: own}
	if j.intended && intended.Before(own) {
		j.learnt = intended
	}
	a := w.Action
	if a.Direction == actions.Relieving {
		j.state = v.settled // a person who withholds half an admission must not be able to stop an undo
	}
	if !j.state.Founded() {
		return j, notFollowed
	}
	if a.Direction != actions.Relieving {
		if why := e.stopped(v); why != "" {
			return j, stoppedBecause(why)
		}
		if !j.state.Settled() {
			return j, fault.New(fault.Unavailable, "not-settled", "An admission is incomplete in the ledger. Try again in a moment.")
		}
		if err := e.heard(ctx, w); err != nil {
			return j, err
		}
		if err := e.ledger.refused(w.Request.Statement.Request); err != nil {
			return j, err
		}
		if _, ok := v.state.Platforms[a.Subject.Platform]; !ok {
			return j, fault.New(fault.Forbidden, "no-such-platform", "The governance chain does not know the platform %q.", a.Subject.Platform)
		}
	}
	if err := a.Check(); err != nil {
		return j, err
	}
	if err := inPlace(a, r); err != nil {
		return j, err
	}
	if err := able(j.state, a, c, r.sort); err != nil {
		return j, err
	}
	if !a.Until.IsZero() && !a.Until.After(j.at) {
		return j, fault.New(fault.Expired, "end-is-past", "The measure would have ended at %s already.", a.Until)
	}
	lifts, err := e.liftsOf(ctx, w, j)
	if err != nil {
		return j, err
	}
	if err := e.remember(ctx, j.state, r); err != nil {
		return j, err
	}
	read, _ := e.tierOf(j.state, c, r)
	j.tier = a.Tier.Max(read)
	if j.state.Observes(a.Subject.Platform, j.tier) {
		return j, j.final(w, v, proof.Observing(a.Subject.Platform, j.tier))
	}
	if err := e.confirms(ctx, w); err != nil {
		return j, err
	}
	if j.requested, err = e.requested(w, j); err != nil {
		return j, err
	}
	j.ruled = e.ruled(w, j)
	if j.belongs, err = belongs(ctx, w, c, r); err != nil {
		return j, err
	}
	if err := e.judge(w, &j, lifts); err != nil || !isEmergency(a.Kind) {
		return j, j.final(w, v, err)
	}
	return j, e.reviewed(ctx, w, j.state)
}

// current waits until everything is followed that the desk's ledger holds now: the sessions
// under which an undo was signed may have ended while the warrant was on its way. A
// burdening act needs no such question, since its intent is entered before the call. A desk
// that does not answer, or names a size that never comes, holds an undo up until ctx ends
// and no longer (law 5).
func (e *Executor) current(ctx context.Context) {
	feed, err := e.desk.Feed(ctx, e.ledger.view().size, 0)
	if err != nil {
		return
	}
	if size, err := ledger.SizeOf([]byte(feed.Checkpoint)); err == nil {
		e.ledger.await(ctx, func(v *view) bool { return v.size >= size })
	}
}

// requested returns when the ledger got the request of a warrant: by its entry, or later if
// we know better. Nobody but the desk says that an act, which comes after the end of its
// session, was asked for before. So we must have seen the request of a burdening act in
// time ourselves. The request of an undo need not have been seen in time: it must stand in the
// ledger that we follow, and we must not know that the ledger was too short for it at the end
// of the session (law 5). So a desk that said until then that nothing is new makes the undo
// impossible: no entry proves any more that somebody asked for it in time, and it is refused
// and spent. Ask for it anew.
//
// An act that was taken on has passed this, and is not asked again: our journal does not
// hold all that we had seen by then, and the desk may be dead.
func (e *Executor) requested(w proof.Warrant, j judgement) (time.Time, error) {
	if w.V == proof.WarrantV1 {
		return time.Time{}, nil
	}
	index, at := w.Requested.Proof.Index, w.Requested.Entry.Time.Time
	for _, x := range w.Sessions {
		over := x.Session.Expires.Add(tolerance)
		switch {
		case j.intended, !j.own.After(over):
		case w.Action.Direction == actions.Relieving && e.ledger.view().size <= index:
			return at, fault.New(fault.Unavailable, "not-followed", "The session of %s was over at %s, and the desk has not given this executor the ledger's entry %d, which is the request. Try again when it has.", x.Session.Worker, x.Session.Expires, index)
		case w.Action.Direction != actions.Relieving && !e.ledger.seenBy(index, over):
			return at, fault.New(fault.Forbidden, "outside-session", "The session of %s was over at %s, and this executor had not seen the request in the ledger by then. Ask again under a new session, or with your own key.", x.Session.Worker, x.Session.Expires)
		}
	}
	if known := e.ledger.notBefore(index, j.learnt); known.After(at) {
		at = known
	}
	return j.believed(at), nil
}

// believed returns the time of an entry of the warrant. If the act was taken on, it is at
// most a minute after that, whatever the entry says.
func (j judgement) believed(at time.Time) time.Time {
	if latest := j.learnt.Add(tolerance); j.intended && at.After(latest) {
		return latest
	}
	return at
}

// ruled returns when the desk ruled that an act is ready: when the warrant says so, or later
// if we know that the ledger had no warrant a minute after that. An act which waits for its
// platform does not depend on who has left meanwhile (law 5).
func (e *Executor) ruled(w proof.Warrant, j judgement) time.Time {
	at := w.Ruling.At.Time
	for _, known := range []time.Time{w.Ledger.Entry.Time.Time, e.ledger.notBefore(w.Ledger.Proof.Index, j.learnt)} {
		if known = known.Add(-tolerance); known.After(at) {
			at = known
		}
	}
	return j.believed(at)
}

// belongs reports whether the subject of a measure belongs to that of its decision: it is
// the same, the account that owns it, or other content of that account. The platform says
// who owns content.
func belongs(ctx context.Context, w proof.Warrant, c platform.Connector, r reading) (bool, error) {
	if w.Decision == nil || w.Decision.Decision.Subject.ID == w.Action.Subject.ID {
		return true, nil
	}
	of := w.Decision.Decision.Subject
	if of.Platform != w.Action.Subject.Platform {
		return false, nil
	}
	sort, err := c.Sort(of.ID)
	if err != nil {
		return false, err
	}
	account := of.ID
	if sort == platform.Content {
		st, err := c.Read(ctx, of)
		if err != nil {
			return false, fmt.Errorf("read the subject of the decision: %w", err)
		}
		account, _ = st.Facts[platform.FactOwner].(string)
	}
	own := r.subject.ID
	if r.sort == platform.Content {
		own, _ = r.state.Facts[platform.FactOwner].(string)
	}
	return account != "" && account == own, nil
}

// final returns the error by which a relieving act is refused, or one that only says to wait:
// if the governance chain that we have followed ends before an entry by which the act may be
// good, the refusal is not the last word. It is one that the desk knew when it ruled, or one
// that a session names which seems to be void: that one stands ahead of the request, if there
// is one. The chain may know another key, person or version of the formats by then, and no
// undo is spent because the desk is dead (law 5).
func (j judgement) final(w proof.Warrant, v *view, err error) error {
	if err == nil || w.Action.Direction != actions.Relieving || outcomeOf(err) == "" || fault.KindOf(err) == fault.Expired {
		return err
	}
	behind := fault.Is(err, "session-void") && (v.size <= w.Requested.Proof.Index || j.state.Next < v.governance) &&
		slices.ContainsFunc(w.Sessions, func(x actions.SignedSession) bool { return !j.state.Knows(x.Session) })
	var ruled entry.Warrant
	if !behind && (canonical.UnmarshalExact(w.Ledger.Entry.Data, &ruled) != nil || j.state.Next >= ruled.GovernanceNumber) {
		return err
	}
	return fault.New(fault.Unavailable, "not-followed", "This rests on an entry of the governance chain that this executor has not read, and by those that it has read it would refuse: %s Try again when the desk has given the others.",
		fault.TextOf(err)).Because(err)
}

func (e *Executor) judge(w proof.Warrant, j *judgement, lifts actions.Lifts) error {
	entered, err := w.Dated(func(index int64) time.Time { return e.ledger.notBefore(index, j.learnt) }).Entered()
	if err != nil {
		return err
	}
	ask := w.Ask()
	ask.At, ask.Executor, ask.Tier, ask.Lifts, ask.Entered = j.at, e.id, j.tier, lifts, entered
	ask.Belongs, ask.Requested, ask.Ruled, ask.Intended = j.belongs, j.requested, j.ruled, j.intended
	if w.V == proof.WarrantV1 && j.state.Formats > actions.FirstFormats {
		var known bool
		if ask.BeforeFormats, known = e.ledger.beforeFormats(w.Ledger.Proof.Index); !known {
			return notFollowed
		}
	}
	ruled, err := j.state.Judge(ask)
	if err != nil {
		return err
	}
	if !ruled.Ready {
		return fault.New(fault.Forbidden, "held", "The signatures do not suffice: %s.", ruled.Missing)
	}
	if len(ruled.Chosen) != len(w.Countersignatures) {
		return fault.New(fault.Forbidden, "surplus-signature", "The warrant carries countersignatures that fill no slot.")
	}
	j.spender = actions.Spender{Worker: ruled.Requester.Worker, Vendor: ruled.Requester.Standing.Vendor}
	return nil
}

// beforeFormats reports whether an entry stands in the ledger before the change of formats.
// It is not known while the ledger was not read so far.
func (f *follower) beforeFormats(index int64) (is, known bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return index < f.renewed, f.renewed >= 0
}

// inPlace compares the subject as it was read with the subject that was signed, in the layer
// of the command alone. For a
// burdening act the handle must be the same, so that nobody else is burdened; a relieving
// act goes by identifier and mark. The error texts name no handle, since they stand in
// the ledger for ever.
func inPlace(a actions.Action, r reading) error {
	switch {
	case r.subject.ID != a.Subject.ID:
		return fault.New(fault.Conflict, "handle-moved", "The platform resolves the subject to another identifier than the one that was signed.")
	case a.Direction != actions.Relieving && r.subject.Handle != a.Subject.Handle:
		return fault.New(fault.Conflict, "handle-moved", "The subject's handle is not the one that was signed any more; check again whose account this is.")
	case a.Command.Verb == platform.Warn:
		return nil // it starts from any state
	case r.state.At(a.Command.Layer) != a.Command.Expect:
		return wrongState(a.Command.Layer, a.Command.Expect, r.state)
	case a.Command.Verb == platform.Label && labels(r.state) >= platform.MostLabels:
		return fault.New(fault.Conflict, "too-many-labels", "The subject bears %d labels; no more than %d may stand on a subject. Take one away first.", labels(r.state), platform.MostLabels)
	}
	return nil
}

// labels returns the number of labels on a subject.
func labels(s platform.State) (n int) {
	for l := range s.Layers {
		if _, is := l.Label(); is {
			n++
		}
	}
	return n
}

func wrongState(l platform.Layer, want platform.Expect, now platform.State) error {
	return fault.New(fault.Conflict, "wrong-state", "The subject is %s now; the signers expected it to be %s.",
		platform.DescribeIn(l, now.At(l)), platform.DescribeIn(l, want))
}

// able compares the act with what the platform can do, and a label's value with those that
// the chain lists for the platform and those that the platform offers. A label is taken away
// whatever its value.
func able(s *proof.State, a actions.Action, c platform.Connector, sort platform.Sort) error {
	spec, _ := actions.SpecOf(a.Kind)
	if sort != spec.Sort {
		return fault.New(fault.Forbidden, "wrong-sort", "%s is for another sort of subject than %s.", a.Kind, sort)
	}
	can := c.Capabilities()
	ability, ok := can.Can(a.Command.Verb, sort)
	if value, _ := a.Command.Layer.Label(); ok && a.Command.Verb == platform.Label {
		if err := s.MayLabel(a); err != nil {
			return err
		}
		if !slices.Contains(can.Labels, value) {
			return fault.New(fault.Unsupported, "not-able", "The platform %s does not offer the label %q.", a.Subject.Platform, value)
		}
	}
	if !ok {
		return fault.New(fault.Unsupported, "not-able", "The platform %s cannot %s a subject of this sort.", a.Subject.Platform, a.Command.Verb)
	}
	if a.Effect != actions.OneWay && ability.Lossy != a.Lossy {
		return fault.New(fault.Forbidden, "lossy-differs", "The platform loses something else than the signers were told: %q.", ability.Lossy)
	}
	return nil
}

// liftsOf returns the measures that a relieving act lifts. It goes by our own journal
// alone.
func (e *Executor) liftsOf(ctx context.Context, w proof.Warrant, j judgement) (actions.Lifts, error) {
	a := w.Action
	var m *actions.Measure
	if !a.Undo() && a.Direction == actions.Relieving && e.broken(a) && !j.state.Spared(a.Subject.Platform, a.Command.Expect.Mark) {
		return actions.LiftsBreach, nil
	}
	if a.Undo() {
		measure, ok, err := e.journal.Act(ctx, journal.Key{Request: a.Reverses, Duty: proof.DutyAct})
		if err != nil {
			return "", err
		}
		if !ok || measure.Outcome != proof.Executed && measure.Outcome != proof.Unknown || measure.Direction != actions.Burdening || measure.Command.Verb == platform.Warn {
			return "", fault.New(fault.Forbidden, "no-such-measure", "This executor has carried out no measure under the request %s, so there is nothing to undo.", a.Reverses)
		}
		whole := measureOf(measure)
		for request := measure.Command.Confirms(); request != ""; {
			older, ok, err := e.journal.Act(ctx, journal.Key{Request: request, Duty: proof.DutyAct})
			if err != nil || !ok {
				return "", errors.Join(err, fault.New(fault.Forbidden, "no-such-measure", "The measure of %s took the place of one that this executor does not know.", measure.Request))
			}
			whole = whole.With(measureOf(older), isEmergency(older.Kind))
			request = older.Command.Confirms()
		}
		m = &whole
	}
	return actions.LiftsOf(a, m, w.Request.Statement.Signer, j.at, j.state.Trust.UndoWindow), nil
}

func measureOf(a journal.Act) actions.Measure {
	return actions.Measure{Request: a.Request, Requester: a.Requester, Subject: a.Subject, Layer: a.Command.Layer, Executed: a.Ended, Category: a.Category}
}

// broken reports whether an act lifts exactly the mark that an open breach has left.
func (e *Executor) broken(a actions.Action) bool {
	w := e.watches[a.Subject.Platform]
	if w == nil {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	b, ok := w.open[spot{a.Subject.ID, a.Command.Layer}]
	return ok && b.Found == a.Command.Expect
}

// callOutcome is the meaning of a call's error.
type callOutcome int

const (
	took      callOutcome = iota // it took effect
	tookNot                      // it did not and will not
	ambiguous                    // nobody knows yet
)

func outcomeOfCall(err error) callOutcome {
	var wrong *platform.WrongState
	switch f := fault.As(err); {
	case err == nil:
		return took
	case errors.As(err, &wrong):
		return tookNot
	case f == nil, f.Kind == fault.Unavailable, f.Kind == fault.Internal:
		return ambiguous
	default:
		return tookNot
	}
}
