package proof

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/workforce"
)

// Passkeys are bound to the relying party under which they were made. When the chain names
// another one, every passkey that was enrolled before counts as revoked by that entry, and stays
// revoked if the older relying party comes back. This holds where the desk signs in the formats
// 2 or later. Older chains are judged as they were: there a passkey's assertions for the older
// relying party did not verify, and it was said nowhere that it had lost its use.

// moves reports whether a change gives passkeys another relying party.
func (s *State) moves(ch actions.Change) bool {
	c, ok := ch.(actions.Setting)
	return ok && c.Of == actions.PartTrust && s.Formats >= 2 && c.Trust.RelyingParty != s.Trust.RelyingParty
}

// move is a change of the relying party.
type move struct {
	number int64
	at     canonical.Time
}

// moveTo revokes every passkey, since the entry of a number names another relying party.
func (s *State) moveTo(number int64, at canonical.Time) {
	s.moved = append(slices.Clip(s.moved), move{number, at})
	for _, k := range s.People.Keys() {
		if k.Passkey() && k.Revoked.IsZero() {
			k.Revoked = at
			s.People.PutKey(k)
		}
	}
}

// Moved returns the instant from which a key counts for nothing because it is a passkey of an
// older relying party; the zero Time if it is none.
func (s *State) Moved(k workforce.Key) canonical.Time {
	for _, m := range s.moved {
		if k.Passkey() && m.number > k.Entry {
			return m.at
		}
	}
	return canonical.Time{}
}

// LosePasskeys returns who would lose passkeys if the chain named another relying party, sorted:
// everybody who is engaged and has a live one, and those of them who have no other live key.
func (s *State) LosePasskeys(at time.Time) (losing, keyless []workforce.WorkerID) {
	for _, w := range s.People.Sorted() {
		if !s.People.StandingOf(&w, at).Engaged {
			continue
		}
		passkeys, others := false, false
		for _, k := range s.People.KeysOf(w.Worker) {
			passkeys = passkeys || k.Live(at) && k.Passkey()
			others = others || k.Live(at) && !k.Passkey()
		}
		if passkeys {
			losing = append(losing, w.Worker)
		}
		if passkeys && !others {
			keyless = append(keyless, w.Worker)
		}
	}
	return losing, keyless
}

// becauseMoved says of a change that it is refused for the passkeys that it takes out of use.
func (s *State) becauseMoved(err error, at time.Time) error {
	why := fault.As(err)
	if why == nil {
		return err
	}
	losing, keyless := s.LosePasskeys(at)
	people := fmt.Sprintf("%d people lose", len(losing))
	if len(losing) == 1 {
		people = "1 person loses"
	}
	return fault.New(why.Kind, why.Type, "Another site takes every passkey out of use: %s their passkeys, and %d of them have no other key. %s Enrol file keys first.",
		people, len(keyless), why.Text).With(why.Detail...).Because(errors.Unwrap(err))
}
