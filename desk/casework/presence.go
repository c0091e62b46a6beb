package casework

import (
	"time"

	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/store"
	"countersign.dev/wording"
	"countersign.dev/workforce"
)

// seenEvery is how often it is noted that somebody works: not at each press.
const seenEvery = time.Minute

// present refuses a case for somebody who has said to be busy with something else. Whoever asks for a case
// otherwise is at work: from then on, where the desk took them for away.
func (d *Room) present(t *kernel.Tx, w workforce.WorkerID) error {
	p, err := t.PresenceOf(w)
	if err != nil {
		return err
	}
	now := t.Now()
	switch as := p.At(now); {
	case p.State.Elsewhere():
		return fault.New(fault.Conflict, "not-on", "You are not on since %s: %s. Nobody gives you a case until you say that you are back: `countersign presence set on`.", wording.When(p.Since), p.State)
	case as.State == cases.On:
		if now.Sub(p.Seen.Time) >= seenEvery {
			t.SeenNow(w)
		}
		return nil
	case as.State != p.State: // nobody has noted yet that the person went away
		if err := t.BeAt(store.Presence{Worker: w, State: cases.Away, Since: as.Since, Seen: p.Seen}); err != nil {
			return err
		}
	}
	return t.BeAt(store.Presence{Worker: w, State: cases.On, Since: now, Seen: canonical.At(now.Time), By: w})
}

// works notes that somebody works on a case.
func (d *Room) works(t *kernel.Tx, w workforce.WorkerID) error {
	p, err := t.PresenceOf(w)
	if err == nil && p.State == cases.On && t.Now().Sub(p.Seen.Time) >= seenEvery {
		t.SeenNow(w)
	}
	return err
}
