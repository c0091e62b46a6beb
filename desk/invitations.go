package desk

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/go-json-experiment/json"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/passkey"
	"countersign.dev/policy"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

const (
	// InvitationLife is how long a link is good.
	InvitationLife = 24 * time.Hour
	// MostInvited is the largest number of people in one list, which one change enrols.
	MostInvited = actions.MaxKeys
	// mostOpenInvitations is the largest number of links that wait at a desk.
	mostOpenInvitations = 20_000
	// mostListed is the largest number of invitations in a list.
	mostListed = 1000
	// keepUnanswered is how long a link that nobody answered stays in the list.
	keepUnanswered = 30 * 24 * time.Hour
)

// Invitee is somebody who is to be invited, with the digest of the secret that the link will have.
type Invitee struct {
	Worker workforce.WorkerID
	Secret canonical.Digest // see actions.InvitationDigest
}

// InvitationState is how an invitation stands.
type InvitationState string

// The states of invitations.
const (
	InvitationMade      InvitationState = "made"      // the link is good
	InvitationAnswered  InvitationState = "answered"  // a passkey was made, and waits for its enrolment
	InvitationEnrolled  InvitationState = "enrolled"  // the chain has the key
	InvitationExpired   InvitationState = "expired"   // nobody answered in time
	InvitationWithdrawn InvitationState = "withdrawn" // it was taken back, a later one took its place, or it was for another site
	InvitationEdited    InvitationState = "edited"    // the ledger has another invitation, or another answer, than the database
	InvitationLeft      InvitationState = "left"      // the engagement of the worker has ended
)

// Invitation is an invitation as those who enrol keys see it.
type Invitation struct {
	ID      string
	Worker  workforce.WorkerID
	Name    string // empty if the reader may not read it
	By      workforce.WorkerID
	Made    canonical.Time
	Expires canonical.Time
	State   InvitationState
	Answer  *InvitationAnswer // nil before somebody answered
}

// InvitationAnswer is what the browser of somebody who was invited handed in, verified.
type InvitationAnswer struct {
	At           canonical.Time
	Made         passkey.Made
	Registration passkey.Registration
	Possession   actions.Signature
}

// Enrolment is what a change of desk.key enrols for an answered invitation.
func (a InvitationAnswer) Enrolment(w workforce.WorkerID) actions.Enrolment {
	return actions.Enrolment{Worker: w, Key: a.Made.Key, Possession: a.Possession}
}

// answerDigest is what the ledger keeps of an answer.
func answerDigest(registration, possession []byte) canonical.Digest {
	return canonical.Sum([]byte("countersign/invitation/v1/answer\n"), registration, []byte{'\n'}, possession)
}

// Invite makes invitations for people of this desk: all of them or none. Earlier invitations of the
// same people end. Whoever may ask for enrolments may invite. It gives nobody a key: that needs an
// enrolment, which others countersign.
func (d *Desk) Invite(ctx context.Context, by kernel.Caller, people []Invitee) (out []Invitation, err error) {
	err = d.kernel.Change(ctx, by, "invite", func(s *proof.State) (func(*kernel.Tx) error, error) {
		if err := d.mayInvite(s, by); err != nil {
			return nil, err
		}
		now := d.kernel.TimeNow()
		if err := invitable(s, people, now.Time); err != nil {
			return nil, err
		}
		rows := make([]store.Invitation, len(people))
		said := entry.Invitation{By: by.Worker, Expires: canonical.At(now.Add(InvitationLife)), Invited: make([]entry.Invited, len(people))}
		names := make([]string, len(people))
		for i, p := range people {
			rows[i] = store.Invitation{ID: d.kernel.IDs.New("inv"), Secret: p.Secret, Log: s.EnrolName(), Worker: p.Worker, By: by.Worker, Made: now, Expires: said.Expires}
			said.Invited[i], names[i] = entry.Invited{Invitation: rows[i].ID, Secret: p.Secret, Worker: p.Worker}, rows[i].ID
		}
		return func(t *kernel.Tx) error {
			if err := t.DropOldInvitations(canonical.At(now.Add(-keepUnanswered))); err != nil {
				return err
			}
			n, err := t.OpenInvitations()
			if err != nil {
				return err
			}
			if n+len(rows) > mostOpenInvitations {
				return fault.New(fault.Exhausted, "too-many-invitations", "%d invitations wait at this desk already, and it keeps %d. Take those back that nobody will use, or wait: a link is good for a day.", n, mostOpenInvitations)
			}
			if again, err := invitedBefore(t, rows); err != nil || again {
				return err
			}
			about := slices.Clone(names)
			for _, r := range rows {
				ended, err := t.InsertInvitation(r, func(k workforce.KeyID) bool { _, ok := t.State.People.Key(k); return ok })
				if err != nil {
					return err
				}
				about = append(about, ended...)
			}
			t.Enter(entry.KindInvitation, said).About(about...)
			return nil
		}, nil
	})
	if err != nil {
		return nil, err
	}
	s, st, err := d.kernel.Standing(ctx, by)
	if err != nil {
		return nil, err
	}
	return d.show(ctx, s, st, func(stx *store.Tx) (rows []store.Invitation, err error) {
		for _, p := range people {
			row, err := stx.InvitationWith(p.Secret)
			if err != nil {
				return nil, err
			}
			rows = append(rows, row)
		}
		return rows, nil
	})
}

// invitedBefore reports whether a list was handed in before: each of its secrets is there, for the
// same person. A secret that is there for anything else is refused.
func invitedBefore(t *kernel.Tx, rows []store.Invitation) (bool, error) {
	n := 0
	for _, r := range rows {
		have, err := t.InvitationWith(r.Secret)
		if fault.Is(err, "no-invitation") {
			continue
		}
		if err != nil {
			return false, err
		}
		if n++; have.Worker != r.Worker || have.By != r.By {
			n = len(rows) + 1
		}
	}
	if n > 0 && n != len(rows) {
		return false, fault.New(fault.Conflict, "bad-invitation", "Some of these links were made before. Make new secrets for all of the list.")
	}
	return n > 0, nil
}

// invitable checks all people of a list, and says of each who cannot be invited why.
func invitable(s *proof.State, people []Invitee, now time.Time) error {
	if len(people) == 0 || len(people) > MostInvited {
		return fault.New(fault.Invalid, "bad-invitation", "%d people are in the list; 1 to %d are invited at once, since one change enrols the whole list.", len(people), MostInvited)
	}
	no := fault.New(fault.Invalid, "bad-invitation", "Nobody was invited, since some of the list cannot be.")
	seen, secrets := map[workforce.WorkerID]bool{}, map[canonical.Digest]bool{}
	bad := func(i int, format string, args ...any) {
		no.Detail = append(no.Detail, fault.Detail{At: fmt.Sprintf("people[%d]", i), Text: fmt.Sprintf(format, args...)})
	}
	for i, p := range people {
		w, ok := s.People.Worker(p.Worker)
		switch {
		case !ok:
			bad(i, "There is no worker %q at this desk. People are admitted first.", string(p.Worker))
		case over(w, now):
			bad(i, "The engagement of %s is over.", p.Worker)
		case seen[p.Worker]:
			bad(i, "%s is in the list twice.", p.Worker)
		case p.Secret.IsZero() || secrets[p.Secret]:
			bad(i, "The link for %s has no secret of its own.", p.Worker)
		}
		seen[p.Worker], secrets[p.Secret] = true, true
	}
	if len(no.Detail) > 0 {
		return no
	}
	return nil
}

// over reports whether somebody has left. Whoever has yet to begin can make a key before.
func over(w workforce.Worker, now time.Time) bool {
	end := w.End()
	return !end.IsZero() && !now.Before(end.Time)
}

// mayInvite refuses those whom the policy does not let ask for an enrolment.
func (d *Desk) mayInvite(s *proof.State, by kernel.Caller) error {
	st, err := d.kernel.Engaged(s, by)
	if err != nil {
		return err
	}
	if reasons, ok := mayEnrol(s, st); !ok {
		return notYours("invite", by.Worker, reasons)
	}
	return nil
}

func enrolling(st workforce.Standing) policy.Facts {
	f := policy.DeskFacts(actions.DeskKey, actions.Burdening, actions.PartKeys)
	f.Worker = policy.WorkerOf(st)
	return f
}

// mayEnrol reports whether the policy lets somebody ask for an enrolment, and why not.
func mayEnrol(s *proof.State, st workforce.Standing) ([]policy.Reason, bool) {
	r := s.Policy.Rule(enrolling(st))
	return r.Reasons, r.Verdict != policy.Forbidden
}

func notYours(what string, w workforce.WorkerID, reasons []policy.Reason) error {
	no := fault.New(fault.Forbidden, "not-yours-to-"+what, "The policy does not let %s ask for the enrolment of keys, so that invitations are not theirs.", w)
	for _, reason := range reasons {
		no.Detail = append(no.Detail, fault.Detail{At: reason.Policy, Text: reason.Text})
	}
	return no
}

// mayReadInvitations refuses those who may neither ask for an enrolment nor countersign one.
func (d *Desk) mayReadInvitations(ctx context.Context, by kernel.Caller) (*proof.State, workforce.Standing, error) {
	s, st, err := d.kernel.Standing(ctx, by)
	if err != nil {
		return nil, st, err
	}
	reasons, ok := mayEnrol(s, st)
	if !ok && s.Policy.MayCountersign(enrolling(st)).Verdict != policy.Permitted {
		return nil, st, notYours("invite", by.Worker, reasons)
	}
	return s, st, nil
}

// Invitations returns the newest invitations, newest first, to those who may ask for an enrolment or
// countersign one.
func (d *Desk) Invitations(ctx context.Context, by kernel.Caller) ([]Invitation, error) {
	s, st, err := d.mayReadInvitations(ctx, by)
	if err != nil {
		return nil, err
	}
	return d.show(ctx, s, st, func(stx *store.Tx) ([]store.Invitation, error) { return stx.Invitations(mostListed) })
}

// MadeByInvitation returns what the desk knows of the making of keys: of those that were made under
// an invitation the invitation, by key. It is for the readers of Invitations.
func (d *Desk) MadeByInvitation(ctx context.Context, by kernel.Caller, keys []workforce.KeyID) (map[workforce.KeyID]Invitation, error) {
	s, st, err := d.mayReadInvitations(ctx, by)
	if err != nil {
		return nil, err
	}
	all, err := d.show(ctx, s, st, func(stx *store.Tx) (rows []store.Invitation, err error) {
		for _, k := range keys {
			with, err := stx.InvitationsWithKey(k)
			if err != nil {
				return nil, err
			}
			rows = append(rows, with...)
		}
		return rows, nil
	})
	out := map[workforce.KeyID]Invitation{}
	for _, i := range all {
		if i.Answer != nil {
			out[i.Answer.Made.Key.ID()] = i
		}
	}
	return out, err
}

// show reads rows, and returns them as a reader sees them. Signatures are verified after the reading.
// It believes no answer that the ledger does not know.
func (d *Desk) show(ctx context.Context, s *proof.State, st workforce.Standing, read func(*store.Tx) ([]store.Invitation, error)) ([]Invitation, error) {
	var rows []store.Invitation
	var names []string
	var entered []bool
	if err := d.kernel.Store.Read(ctx, func(stx *store.Tx) (err error) {
		if rows, err = read(stx); err != nil {
			return err
		}
		names, entered = make([]string, len(rows)), make([]bool, len(rows))
		for i, row := range rows {
			w, ok := s.People.Worker(row.Worker)
			if ok && readsName(s, st, w) {
				p, err := person(stx, w)
				if err != nil {
					return err
				}
				names[i] = p.Name
			}
			if entered[i], err = asEntered(stx, row); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return nil, err
	}
	out := make([]Invitation, len(rows))
	for i, row := range rows {
		x := Invitation{ID: row.ID, Worker: row.Worker, Name: names[i], By: row.By, Made: row.Made, Expires: row.Expires, State: d.stateOf(s, row)}
		if !row.Answered.IsZero() && entered[i] {
			switch a, err := answerOf(row, s); {
			case err == nil:
				x.Answer = &a
			case x.State == InvitationAnswered:
				x.State = InvitationWithdrawn // it was made for a site that is not the desk's any more
			}
		}
		if !entered[i] && (x.State == InvitationMade || x.State == InvitationAnswered) {
			x.State = InvitationEdited
		}
		out[i] = x
	}
	return out, nil
}

// readsName reports whether somebody may read what a person who was invited is called.
func readsName(s *proof.State, st workforce.Standing, w workforce.Worker) bool {
	return st.Worker == w.Worker || kernel.ReadsEvidence(s, st) && (st.Vendor == "" || st.Vendor == w.Vendor)
}

// stateOf says how an invitation stands by the chain, the clock and its row.
func (d *Desk) stateOf(s *proof.State, row store.Invitation) InvitationState {
	w, ok := s.People.Worker(row.Worker)
	k, enrolled := s.People.Key(row.Key)
	switch now := d.kernel.Now(); {
	case row.Key != "" && enrolled && k.Worker == row.Worker:
		return InvitationEnrolled
	case !row.Withdrawn.IsZero() || row.Log != s.EnrolName():
		return InvitationWithdrawn
	case !ok || over(w, now):
		return InvitationLeft
	case !row.Answered.IsZero():
		return InvitationAnswered
	case !now.Before(row.Expires.Time):
		return InvitationExpired
	}
	return InvitationMade
}

// answerOf reads the answer of a row again, as it was read when it came. The challenge is the one in
// it, since the secret that says which it must be is not kept.
func answerOf(row store.Invitation, s *proof.State) (a InvitationAnswer, err error) {
	edited := fault.New(fault.Conflict, "invitation-edited", "What the desk's database has under the invitation %s is not what a browser handed in: somebody edited it. Withdraw it, and invite %s again.", row.ID, row.Worker)
	a.At = row.Answered
	if canonical.UnmarshalExact(row.Registration, &a.Registration) != nil || canonical.UnmarshalExact(row.Possession, &a.Possession) != nil {
		return a, edited
	}
	challenge, err := passkey.ChallengeOf(a.Registration)
	if err != nil {
		return a, edited.Because(err)
	}
	if a.Made, err = answer(s, row, a.Registration, a.Possession, challenge); err != nil || a.Made.Key.ID() != row.Key {
		return a, edited.Because(err)
	}
	return a, nil
}

// answer verifies what a browser handed in.
func answer(s *proof.State, row store.Invitation, registration passkey.Registration, possession actions.Signature, challenge [32]byte) (passkey.Made, error) {
	m, err := passkey.Read(registration, challenge, passkey.Site{RelyingParty: s.Trust.RelyingParty, Origins: s.Trust.Origins})
	if err != nil {
		return m, err
	}
	if err := proof.VerifySignature(m.Key, actions.PossessionChallenge(s.EnrolName(), row.Worker, m.Key.ID()), possession, s.Sites()); err != nil {
		return m, fault.New(fault.Invalid, "bad-passkey", "The new passkey did not sign for its enrolment as %s at this desk.", row.Worker).Because(err)
	}
	// The registration is not signed by the key; the possession is, with the same flag in it.
	if possession.Copyable() != m.Synced {
		return m, fault.New(fault.Invalid, "bad-passkey", "The authenticator contradicts itself on whether the passkey can be copied to other devices.")
	}
	return m, nil
}

// asEntered reports whether the ledger has an invitation, its answer if it was answered, and no end of
// it that its row does not have, as its row says. Somebody who writes the database alone makes no
// invitation and no answer, takes back no answer, and revives no link.
func asEntered(stx *store.Tx, row store.Invitation) (bool, error) {
	entries, err := stx.EntriesAbout(row.ID, canonical.Time{}, 100)
	made, ended, answers, same := false, false, 0, false
	for _, e := range entries {
		switch e.Body.Kind {
		case entry.KindInvitation:
			var said entry.Invitation
			if canonical.UnmarshalExact(e.Body.Data, &said) != nil {
				continue
			}
			if slices.ContainsFunc(said.Invited, func(i entry.Invited) bool { return i.Invitation == row.ID }) {
				made = said.By == row.By && said.Expires.Equal(row.Expires.Time) &&
					slices.Contains(said.Invited, entry.Invited{Invitation: row.ID, Secret: row.Secret, Worker: row.Worker})
			} else { // a later one, which took the place of this one
				ended = true
			}
		case entry.KindInvitationAnswered:
			var said entry.InvitationAnswer
			answers++
			same = canonical.UnmarshalExact(e.Body.Data, &said) == nil &&
				said == entry.InvitationAnswer{Answer: answerDigest(row.Registration, row.Possession), Invitation: row.ID, Key: row.Key, Worker: row.Worker}
		case entry.KindInvitationWithdrawn:
			ended = true
		}
	}
	answered := answers == 0
	if !row.Answered.IsZero() {
		answered = answers == 1 && same
	}
	return made && answered && (!ended || !row.Withdrawn.IsZero()), err
}

// WithdrawInvitation takes an invitation back, answered or not. What is enrolled stays enrolled: a
// key is revoked, and not uninvited.
func (d *Desk) WithdrawInvitation(ctx context.Context, by kernel.Caller, id string) error {
	return d.kernel.Change(ctx, by, "withdraw an invitation", func(s *proof.State) (func(*kernel.Tx) error, error) {
		if err := d.mayInvite(s, by); err != nil {
			return nil, err
		}
		return func(t *kernel.Tx) error {
			row, err := t.LockInvitation(id)
			if err != nil {
				return err
			}
			switch d.stateOf(t.State, row) {
			case InvitationEnrolled:
				return fault.New(fault.Conflict, "key-enrolled", "The key %s of this invitation is enrolled. To end it: countersign key revoke %[1]s --reason WHY", row.Key)
			case InvitationWithdrawn:
				return nil
			}
			t.Enter(entry.KindInvitationWithdrawn, entry.InvitationEnd{By: by.Worker, Invitation: id, Worker: row.Worker}).About(id)
			return t.WithdrawInvitation(id, t.Now())
		}, nil
	})
}

// OpenInvitation is what the holder of a link learns: their own name, and the site.
type OpenInvitation struct {
	ID           string
	Worker       workforce.WorkerID
	Name         string // as the desk knows it; empty if whoever made the link may not read it
	Log          string // origin of the ledger
	EnrolName    string // the ledger's name in the proof of possession
	RelyingParty string
	Challenge    canonical.Bytes // for which the passkey is made
	Expires      canonical.Time
	State        InvitationState // made or answered
	Made         *passkey.Made   // nil before somebody answered
}

// noInvitation is the one answer for links that nobody made, that were used or taken back, and
// those whose time is over.
func noInvitation() error {
	return fault.New(fault.NotFound, "no-invitation", "This invitation is not good: it was used or taken back, its time is over, or the link is not whole. Ask whoever sent it for a new one.")
}

// Invited returns what the holder of a link may know. It is for anybody who has the secret. Errors
// are of the types "no-invitation" and "asking-too-fast".
func (d *Desk) Invited(ctx context.Context, secret string) (OpenInvitation, error) {
	s, err := d.kernel.State(ctx)
	if err != nil {
		return OpenInvitation{}, err
	}
	o, _, err := d.invited(ctx, s, secret)
	return o, d.kernel.Strange(err)
}

func (d *Desk) invited(ctx context.Context, s *proof.State, secret string) (o OpenInvitation, row store.Invitation, err error) {
	digest, ok := actions.InvitationDigest(secret)
	if !ok {
		return o, row, noInvitation()
	}
	if !d.links.all(d.kernel.Now()) {
		return o, row, tooFast()
	}
	err = d.kernel.Store.Read(ctx, func(stx *store.Tx) error {
		if row, err = stx.InvitationWith(digest); err != nil {
			return err
		}
		w, ok := s.People.Worker(row.Worker)
		if !ok {
			return noInvitation()
		}
		if entered, err := asEntered(stx, row); err != nil || !entered {
			return cmp.Or(err, noInvitation())
		}
		// Whoever made the link has its secret as well, and reads no more by it than in the list.
		if !readsName(s, s.People.Standing(row.By, d.kernel.Now()), w) {
			return nil
		}
		p, err := person(stx, w)
		o.Name = p.Name
		return err
	})
	if fault.Is(err, "no-invitation") {
		err = noInvitation()
	}
	if err != nil {
		return OpenInvitation{}, row, err
	}
	state := d.stateOf(s, row)
	if state != InvitationMade && state != InvitationAnswered || !d.kernel.Now().Before(row.Expires.Time) {
		return OpenInvitation{}, row, noInvitation()
	}
	challenge := actions.InvitationChallenge(s.EnrolName(), row.Worker, secret)
	o.ID, o.Worker, o.Log, o.EnrolName, o.RelyingParty = row.ID, row.Worker, s.Origin, s.EnrolName(), s.Trust.RelyingParty
	o.Challenge, o.Expires, o.State = challenge[:], row.Expires, state
	if state == InvitationAnswered {
		a, err := answerOf(row, s)
		if err != nil {
			return OpenInvitation{}, row, noInvitation()
		}
		o.Made = &a.Made
	}
	return o, row, nil
}

// AnswerInvitation takes the passkey that the holder of a link has made, with the signature that
// shows that they hold it. An invitation takes one answer; the same one again changes nothing.
// Nobody is known yet, so nothing of a refusal but its type is counted.
func (d *Desk) AnswerInvitation(ctx context.Context, secret string, registration passkey.Registration, possession actions.Signature) (made passkey.Made, err error) {
	kept, signed := canonical.MustMarshal(registration), canonical.MustMarshal(possession)
	if digest, ok := actions.InvitationDigest(secret); ok && !d.links.one(digest, d.kernel.Now()) {
		return made, d.kernel.Strange(tooFast())
	}
	err = d.kernel.TryChange(ctx, func(s *proof.State) (func(*kernel.Tx) error, error) {
		o, row, err := d.invited(ctx, s, secret)
		if err != nil {
			return nil, err
		}
		if o.State == InvitationAnswered {
			if string(row.Registration) != string(kept) || string(row.Possession) != string(signed) {
				return nil, fault.New(fault.Conflict, "invitation-answered", "A passkey was made under this invitation already, and this is another one. If it was not you who made it, tell whoever invited you, and ask for a new invitation.")
			}
			made = *o.Made
			return func(*kernel.Tx) error { return nil }, nil
		}
		if made, err = answer(s, row, registration, possession, [32]byte(o.Challenge)); err != nil {
			return nil, err
		}
		key := made.Key.ID()
		if _, taken := s.People.Key(key); taken {
			return nil, keyTaken()
		}
		row.Key, row.Registration, row.Possession = key, kept, signed
		said := entry.InvitationAnswer{Answer: answerDigest(kept, signed), Invitation: row.ID, Key: key, Worker: row.Worker}
		return func(t *kernel.Tx) error {
			now, err := t.LockInvitation(row.ID)
			if err != nil {
				return err
			}
			if d.stateOf(t.State, now) != InvitationMade {
				return fault.New(fault.Conflict, "version-moved", "The invitation has changed meanwhile.")
			}
			others, err := t.InvitationsWithKey(key)
			if err != nil {
				return err
			}
			if len(others) > 0 {
				return keyTaken()
			}
			row.Answered = t.Now()
			t.Enter(entry.KindInvitationAnswered, said).About(row.ID)
			return t.AnswerInvitation(row)
		}, nil
	})
	return made, d.kernel.Strange(err)
}

func keyTaken() error {
	return fault.New(fault.Conflict, "key-taken", "This passkey was handed in before. Make a new one.")
}

func tooFast() error {
	return fault.New(fault.Exhausted, "asking-too-fast", "Too many links are being opened at this moment. Wait a moment, and try again.")
}

// links bounds what the holders of links, and those who guess, make a node do.
type links struct {
	mu   sync.Mutex
	each *rate.Limiter
	of   map[canonical.Digest]*rate.Limiter // by the digest of the secret that was shown
}

const (
	linksPerSecond  = 200 // of all
	linksAtOnce     = 1000
	answersPerLink  = 20 // at once, and one more each three seconds
	answersApart    = 3 * time.Second
	mostLinksPacing = 10_000
)

// all reports whether one more link may be looked up.
func (l *links) all(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.each == nil {
		l.each = rate.NewLimiter(linksPerSecond, linksAtOnce)
	}
	return l.each.AllowN(now, 1)
}

// one reports whether one more answer may come under a link: each has two signatures to verify.
func (l *links) one(secret canonical.Digest, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.of == nil || len(l.of) >= mostLinksPacing {
		l.of = map[canonical.Digest]*rate.Limiter{}
	}
	if l.of[secret] == nil {
		l.of[secret] = rate.NewLimiter(rate.Every(answersApart), answersPerLink)
	}
	return l.of[secret].AllowN(now, 1)
}

// person returns what the sealed fields of a worker's admission say; empty for a founding officer.
func person(stx *store.Tx, w workforce.Worker) (p workforce.Person, err error) {
	e, err := stx.EntryOf(ledger.Governance, w.Entry)
	if err != nil {
		return p, err
	}
	for _, o := range e.Openings {
		switch o.Name {
		case "name":
			err = json.Unmarshal(o.Value, &p.Name)
		case "email":
			err = json.Unmarshal(o.Value, &p.Email)
		}
		if err != nil {
			return p, err
		}
	}
	return p, nil
}
