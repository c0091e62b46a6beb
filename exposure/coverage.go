package exposure

import (
	"slices"
	"time"

	"countersign.dev/actions"
	"countersign.dev/policy"
	"countersign.dev/workforce"
)

// Hours is how many hours ahead coverage looks: a week.
const Hours = 7 * 24

// Coverage counts the people who could countersign an act.
type Coverage struct {
	Need  actions.Need // the strictest slots over all people who may request it now
	Now   []Alike      // the people who could countersign now
	Hours [Hours]int   // the number of people who could, at the view's instant and each hour after
	Short []int        // the hours in which fewer people could than the need and one more
}

func (v *View) findCoverage(q Question) (Coverage, error) {
	ways, err := q.ways(v.state.Policy)
	if err != nil {
		return Coverage{}, err
	}
	var c Coverage
	for i, r := range v.requests(ways[0], asTheyAre) {
		if k := &v.classes[i]; k.key != noKey && k.standing.Engaged && r.Verdict == policy.Held {
			c.strictest(r.Need)
		}
	}
	lens := v.state.Policy.CountersignLens()
	said := map[policy.Class]bool{}
	f := ways[0].facts
	may := func(st workforce.Standing) bool {
		f.Worker = policy.WorkerOf(st)
		k := lens.ClassOf(v.state.Policy.ClassOf(f.Worker))
		yes, ok := said[k]
		if !ok {
			yes = v.state.Policy.MayCountersign(f).Verdict == policy.Permitted
			said[k] = yes
		}
		return yes && st.Engaged
	}
	steady := 0 // people who could in every hour
	now := v.countersigns(ways[0], asTheyAre)
	for i := range v.classes {
		k := &v.classes[i]
		if k.key == noKey || c.Need.Hardware && k.key != hardwareKey || k.frozen && f.Direction == actions.Burdening {
			continue
		}
		can := Alike{Sort: sortOf(k.standing, k.key)}
		for _, m := range k.members {
			if now[i] && m.counts {
				can.members = append(can.members, m)
			}
			if !m.steady {
				v.week(&c, m.id, may)
			} else if now[i] && m.counts {
				steady++
			}
		}
		if can.Count = len(can.members); can.Count > 0 {
			c.Now = append(c.Now, can)
		}
	}
	for h := range c.Hours {
		c.Hours[h] += steady
		if c.Need.Independent > 0 && c.Hours[h] < c.Need.Independent+1 {
			c.Short = append(c.Short, h)
		}
	}
	return c, nil
}

// strictest widens the need to cover another.
func (c *Coverage) strictest(n actions.Need) {
	c.Need.Independent = max(c.Need.Independent, n.Independent)
	c.Need.Wait = max(c.Need.Wait, n.Wait)
	c.Need.Hardware = c.Need.Hardware || n.Hardware
	for qualifier, k := range n.Qualified {
		if c.Need.Qualified == nil {
			c.Need.Qualified = map[actions.Qualifier]int{}
		}
		c.Need.Qualified[qualifier] = max(c.Need.Qualified[qualifier], k)
	}
}

// week adds the hours in which a person could countersign whose standing changes within
// the week. Between two changes it asks once.
func (v *View) week(c *Coverage, id workforce.WorkerID, may func(workforce.Standing) bool) {
	w := v.state.People.Seat(id)
	at := turns(v.state.People, &w.Worker)
	changes := at[:]
	for _, t := range w.Past {
		changes = append(changes, t.Until.Add(workforce.Settle))
	}
	slices.SortFunc(changes, time.Time.Compare)
	could, known := false, false
	for h := range Hours {
		t := v.at.Add(time.Duration(h) * time.Hour)
		for len(changes) > 0 && !changes[0].After(t) {
			changes, known = changes[1:], false
		}
		if !known {
			could, known = !t.Before(w.Counts()) && may(v.state.People.StandingOf(&w.Worker, t)), true
		}
		if could {
			c.Hours[h]++
		}
	}
}
