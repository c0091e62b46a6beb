package proof

import (
	"slices"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/workforce"
)

// Frozen is a freeze in force.
type Frozen struct {
	actions.Freeze
	By      workforce.WorkerID
	At      canonical.Time
	Request string
	Alone   bool // By froze it alone: nobody countersigned
}

// frozen returns the refusal if a freeze stops burdening acts: a freeze of everything, of
// the platform, of the worker, or of the worker's vendor; nil if none does. An empty worker
// or an empty platform is not checked.
func (s *State) frozen(w workforce.WorkerID, st workforce.Standing, platform string) error {
	for _, c := range []struct {
		ask bool
		key actions.Freeze
	}{
		{true, actions.Freeze{Scope: actions.ScopeAll}},
		{platform != "", actions.Freeze{Scope: actions.ScopePlatform, Of: platform}},
		{w != "", actions.Freeze{Scope: actions.ScopeWorker, Of: string(w)}},
		{w != "", actions.Freeze{Scope: actions.ScopeVendor, Of: string(st.Vendor)}},
	} {
		if !c.ask {
			continue
		}
		if f, ok := s.Freezes[c.key.Key()]; ok {
			return refuse("frozen", "%s are frozen since %s; several people together thaw them.", sentence(c.key.Acts()), f.At)
		}
	}
	return nil
}

// stopped returns the refusal if a freeze stops an act of a worker. A freeze stops
// burdening acts, but not votes to thaw by people who are not frozen themselves.
func (s *State) stopped(a actions.Action, w workforce.WorkerID, st workforce.Standing, at time.Time) error {
	if len(s.Freezes) == 0 || a.Direction == actions.Relieving && !s.againstOthers(a, w) {
		return nil
	}
	if a.Kind != actions.DeskFreeze && a.Direction != actions.Relieving {
		platform := a.Subject.Platform
		if specDesk(a) {
			platform = ""
		}
		return s.frozen(w, st, platform)
	}
	// For a thaw, or a relieving act against other people, only freezes of this worker
	// count.
	for _, key := range []actions.Freeze{{Scope: actions.ScopeWorker, Of: string(w)}, {Scope: actions.ScopeVendor, Of: string(st.Vendor)}} {
		if f, ok := s.Freezes[key.Key()]; ok && !s.answers(a, w, at) {
			return refuse("frozen", "The acts of %s are frozen since %s; others thaw them.", w, f.At)
		}
	}
	return nil
}

// againstOthers reports whether a relieving act is a freeze, an end of an engagement or
// of sessions, or a revocation that is directed at others. Under the laws 2 nobody whose own acts are frozen may make one. To
// end one's own engagement, or to revoke one's own keys, is not directed at others.
func (s *State) againstOthers(a actions.Action, w workforce.WorkerID) bool {
	if s.Laws < 2 || !specDesk(a) {
		return false
	}
	ch, err := actions.ParseChange(a.Kind, a.Change)
	if err != nil {
		return false
	}
	switch c := ch.(type) {
	case actions.Freeze:
		return true
	case actions.Engagement:
		return c.Worker != w
	case actions.Keys:
		if c.Void != nil {
			return !s.OwnVoid(actions.Statement{Signer: w}, *c.Void)
		}
		return slices.ContainsFunc(c.Revoke, func(id workforce.KeyID) bool {
			k, ok := s.People.Key(id)
			return ok && k.Worker != w
		})
	}
	return false
}

// thawed returns the people, without those whose acts are frozen: people who have to be
// able to thaw, admit and enrol must not be frozen themselves.
func (s *State) thawed() *workforce.Registry { return s.thawedBut("") }

// thawedBut is thawed, but does not count the freezes that one person made alone.
func (s *State) thawedBut(by workforce.WorkerID) *workforce.Registry {
	counts := func(key actions.Freeze) bool {
		f, on := s.Freezes[key.Key()]
		return on && !(f.Alone && f.By == by)
	}
	some := false
	for _, f := range s.Freezes {
		some = some || f.People()
	}
	if !some {
		return s.People
	}
	left := s.People.Clone()
	for _, seat := range s.People.Seats() {
		w := seat.Worker
		if counts(actions.Freeze{Scope: actions.ScopeWorker, Of: string(w.Worker)}) || counts(actions.Freeze{Scope: actions.ScopeVendor, Of: string(w.Vendor)}) {
			// These people stay in the line of managers, but cannot sign.
			w.Ended = w.Start
			left.Put(w)
		}
	}
	return left
}

// mayFreeze checks a freeze or a thaw against the freezes in force.
func (s *State) mayFreeze(by workforce.WorkerID, c actions.Freeze, at time.Time) error {
	_, on := s.Freezes[c.Key()]
	switch {
	case c.Thaws() && !on:
		return fault.New(fault.Conflict, "wrong-state", "%s are not frozen.", sentence(c.Acts()))
	case c.Thaws():
		return nil
	case on:
		return fault.New(fault.Conflict, "wrong-state", "%s are frozen already.", sentence(c.Acts()))
	}
	switch c.Scope {
	case actions.ScopeWorker:
		if _, ok := s.People.Worker(workforce.WorkerID(c.Of)); !ok {
			return fault.New(fault.NotFound, "no-such-worker", "There is no worker %s at this desk.", c.Of)
		}
	case actions.ScopeVendor:
		if _, ok := s.People.Vendors[workforce.VendorID(c.Of)]; !ok && c.Of != "" {
			return fault.New(fault.NotFound, "no-such-vendor", "There is no vendor %s at this desk.", c.Of)
		}
	case actions.ScopePlatform:
		if _, ok := s.Platforms[c.Of]; !ok {
			return fault.New(fault.NotFound, "no-such-platform", "There is no platform %q at this desk.", c.Of)
		}
	}
	if !c.People() {
		return nil
	}
	if err := s.maySuspend(by, c, at); err != nil {
		return err
	}
	return s.limit(by, "end", 1, s.Trust.EndingsPerHour, at)
}
