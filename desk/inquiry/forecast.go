package inquiry

import (
	"maps"
	"slices"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/kernel"
	"countersign.dev/exposure"
	"countersign.dev/ledger/proof"
	"countersign.dev/policy"
	"countersign.dev/workforce"
)

// CoverageChange holds the number of people who could countersign a takedown on one tier of
// a platform, and its collusion number, before and after a change of the desk.
type CoverageChange struct {
	Platform      string
	Tier          actions.Tier
	Before, After Covered
}

// Covered is one side of a CoverageChange.
type Covered struct {
	Need   actions.Need
	Now    int // how many could countersign at once
	Least  int // how many could in the hour of the coming week in which they are fewest
	Number int // the collusion number; 0: nobody can
}

// CoverageChange says how a change would change the number of people who could countersign.
// records are the workers of an admission, which the change itself does not hold. The
// result is nil if the change does not affect that, or if the caller may not read it.
func (d *Room) CoverageChange(s *proof.State, by kernel.Caller, ch actions.Change, records []workforce.Record) ([]CoverageChange, error) {
	now := d.desk.TimeNow()
	if len(s.Platforms) == 0 || !s.Settled() {
		return nil, nil
	}
	for name := range s.Platforms {
		if d.mayReadExposure(s, by, exposure.Question{Kind: actions.AccountTakedown, Platform: name, Tier: actions.Critical}) != nil {
			return nil, nil
		}
	}
	after, err := changed(s, ch, records, now)
	if after == nil || err != nil {
		return nil, err
	}
	was, err := d.view(s, now.Time)
	if err != nil {
		return nil, err
	}
	is, err := exposure.ViewOf(after, now.Time)
	if err != nil {
		return nil, err
	}
	var all []CoverageChange
	for _, name := range slices.Sorted(maps.Keys(s.Platforms)) {
		for _, tier := range actions.Tiers {
			c := CoverageChange{Platform: name, Tier: tier}
			q := exposure.Question{Kind: actions.AccountTakedown, Platform: name, Tier: tier}
			for _, side := range []struct {
				v   *exposure.View
				out *Covered
			}{{was, &c.Before}, {is, &c.After}} {
				if *side.out, err = covered(side.v, q); err != nil {
					return nil, err
				}
			}
			all = append(all, c)
		}
	}
	return all, nil
}

func covered(v *exposure.View, q exposure.Question) (Covered, error) {
	c, err := v.Coverage(q)
	if err != nil {
		return Covered{}, err
	}
	n, err := v.Collusion(q)
	return Covered{c.Need, c.Hours[0], slices.Min(c.Hours[:]), n.Number}, err
}

// changed returns a state as a change of policy or people would leave it, and nil for every
// other change. It does not check whether the change is admissible: that is checked when
// the change is handed in.
func changed(s *proof.State, ch actions.Change, records []workforce.Record, at canonical.Time) (*proof.State, error) {
	next := *s
	next.Head = canonical.Digest{} // it is no state of the chain
	next.People = s.People.Clone()
	switch c := ch.(type) {
	case actions.Setting:
		switch c.Of {
		case actions.PartPolicy:
			set, err := policy.Compile(c.Policy)
			if err != nil {
				return nil, err
			}
			next.Policy = set
		case actions.PartVendors:
			next.People.Vendors[c.Vendor.ID] = *c.Vendor
		default:
			return nil, nil
		}
	case actions.Engagement:
		w, ok := next.People.Worker(c.Worker)
		if !ok {
			return nil, nil
		}
		switch c.Op {
		case "end":
			w.Ended = at
		case "reinstate":
			w.Ended = canonical.Time{}
		default:
			w.Last = c.Last
		}
		next.People.Put(w)
	case actions.Keys:
		for _, e := range c.Enrol {
			if next.People.Seat(e.Worker) != nil {
				next.People.PutKey(workforce.Key{PublicKey: e.Key, Worker: e.Worker, Enrolled: at})
			}
		}
		for _, id := range c.Revoke {
			if k, ok := next.People.Key(id); ok {
				k.Revoked = at
				next.People.PutKey(k)
			}
		}
	case actions.Admit:
		if len(records) == 0 {
			return nil, nil
		}
		for _, r := range records {
			next.People.Admit(r, at, c.Founding, 0)
		}
	default:
		return nil, nil
	}
	return &next, nil
}
