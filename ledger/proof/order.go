package proof

import (
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/platform"
)

// Order is a standing order that was placed.
type Order struct {
	actions.Order
	Request string         // the request whose signatures placed it
	Placed  canonical.Time // when it came into force
	Number  int64          // of its governance entry
}

// Spared reports whether a standing order on a platform, also after its end, names a mark
// as one that it never lifts. What the executor must not lift, one person must not lift
// alone either.
func (s *State) Spared(on string, m platform.Mark) bool {
	for _, t := range []actions.Tier{actions.Protected, actions.Critical} {
		if o, ok := s.Orders[actions.PlaceKey(on, t)]; ok && o.Spares(m) {
			return true
		}
	}
	return false
}

// StandingOrder returns the standing order in force for a tier of a platform at
// an instant; ok is false if there is none.
func (s *State) StandingOrder(platform string, t actions.Tier, at time.Time) (o Order, ok bool) {
	o, ok = s.Orders[actions.PlaceKey(platform, t)]
	return o, ok && !at.Before(o.Placed.Time) && at.Before(o.Until.Time)
}

// Observes reports whether a tier of a platform is only observed.
func (s *State) Observes(platform string, t actions.Tier) bool {
	return s.Observed[actions.PlaceKey(platform, t)]
}

// Observing is the refusal of an act on a tier of a platform that is only observed.
func Observing(platform string, t actions.Tier) error {
	return refuse("observing", "%s subjects of %s are only observed: nothing is done there. `countersign mode set %[2]s %[1]s enforce --reason WHY` switches that, countersigned by officers.", t, platform)
}

// mayWatch checks settings of the watch against what is in force.
func (s *State) mayWatch(c actions.Setting, by actions.Statement, at time.Time) error {
	known := func(name string) error {
		if _, ok := s.Platforms[name]; !ok {
			return fault.New(fault.NotFound, "no-such-platform", "There is no platform %q at this desk; add it with `countersign platform add %[1]s --connector plaza --reason WHY` (or the connector bluesky).", name)
		}
		return nil
	}
	switch c.Of {
	case actions.PartOrders:
		_, on := s.Orders[c.Order.Key()]
		switch {
		case c.Order.Op == "revoke" && !on:
			return fault.New(fault.Conflict, "wrong-state", "There is no standing order for %s.", c.Order.Key())
		case c.Order.Op == "place" && !at.Before(c.Order.Until.Time):
			return fault.New(fault.Expired, "end-is-past", "The end of the standing order, %s, has passed already.", c.Order.Until)
		case c.Order.Op == "place" && c.Order.Vouched.After(at):
			return fault.New(fault.Invalid, "bad-action", "The standing order vouches for what the ledger holds by %s, which is still to come. Vouch for a time that is past.", c.Order.Vouched)
		}
		return known(c.Order.Platform)
	case actions.PartModes:
		if s.Observes(c.Mode.Platform, c.Mode.Tier) == (c.Mode.Mode == actions.Observe) {
			return fault.New(fault.Conflict, "wrong-state", "%s is in that mode already.", actions.PlaceKey(c.Mode.Platform, c.Mode.Tier))
		}
		return known(c.Mode.Platform)
	case actions.PartLocks:
		if err := s.resolved(c.Unlock.Subject, c.Unlock.Resolved, false, by); err != nil {
			return err
		}
		return known(c.Unlock.Subject.Platform)
	}
	return nil
}
