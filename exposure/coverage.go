package exposure

import (
	"time"

	"countersign.dev/actions"
	"countersign.dev/policy"
	"countersign.dev/workforce"
)

// Hours is how many hours ahead coverage looks: a week.
const Hours = 7 * 24

// Coverage is how many could countersign an act.
type Coverage struct {
	Need  actions.Need // the strictest slots of any who may request it now
	Now   []Alike      // who could countersign now
	Hours [Hours]int   // how many could, at the view's instant and each hour after
	Short []int        // the hours in which there are fewer than the need and one more
}

// Coverage says who could countersign an act, of no category and for a case, and
// how many will be able to in each hour of the coming week if nothing changes but
// the time: engagements, notices and ratchets begin and end, newcomers settle.
// Those are counted who may, have a live key of the sort that is needed, and
// count as independent of anybody at all.
func (v *View) Coverage(q Question) (Coverage, error) {
	ways, err := q.ways()
	if err != nil {
		return Coverage{}, err
	}
	var c Coverage
	f := ways[0].facts
	for i := range v.classes {
		k := &v.classes[i]
		if k.key == noKey || !k.standing.Engaged {
			continue
		}
		if r := v.rule(ways[0], k); r.Verdict == policy.Held {
			c.Need.Independent = max(c.Need.Independent, r.Need.Independent)
			c.Need.Wait = max(c.Need.Wait, r.Need.Wait)
			c.Need.Hardware = c.Need.Hardware || r.Need.Hardware
			for qualifier, n := range r.Need.Qualified {
				if c.Need.Qualified == nil {
					c.Need.Qualified = map[actions.Qualifier]int{}
				}
				c.Need.Qualified[qualifier] = max(c.Need.Qualified[qualifier], n)
			}
		}
	}
	said := map[policy.Class]bool{}
	may := func(st workforce.Standing) bool {
		k := v.state.Policy.ClassOf(policy.WorkerOf(st))
		yes, ok := said[k]
		if !ok {
			yes = v.mayCountersign(f, st)
			said[k] = yes
		}
		return yes
	}
	for i := range v.classes {
		k := &v.classes[i]
		if k.key == noKey || c.Need.Hardware && k.key != hardwareKey {
			continue
		}
		now := Alike{Sort: sortOf(k.standing, k.key)}
		for _, id := range k.members {
			if v.week(&c, id, may) {
				now.Count++
				now.members = append(now.members, id)
			}
		}
		if now.Count > 0 {
			c.Now = append(c.Now, now)
		}
	}
	for h, n := range c.Hours {
		if c.Need.Independent > 0 && n < c.Need.Independent+1 {
			c.Short = append(c.Short, h)
		}
	}
	return c, nil
}

// week adds the hours in which one person could countersign, and reports whether
// they could now. Only whose standing changes within the week is asked for each hour.
func (v *View) week(c *Coverage, id workforce.WorkerID, may func(workforce.Standing) bool) (now bool) {
	w := v.state.People.Workers[id]
	end := v.at.Add(Hours * time.Hour)
	changes := func(t time.Time) bool { return t.After(v.at) && t.Before(end) }
	steady := true
	for _, t := range turns(v.state.People, &w) {
		steady = steady && !changes(t)
	}
	for _, t := range w.Past {
		steady = steady && !changes(t.Until.Add(workforce.Settle))
	}
	could := func(at time.Time) bool {
		return !at.Before(w.Counts()) && may(v.state.People.Standing(id, at))
	}
	now = could(v.at)
	for h := range Hours {
		if now && steady || !steady && could(v.at.Add(time.Duration(h)*time.Hour)) {
			c.Hours[h]++
		}
	}
	return now
}
