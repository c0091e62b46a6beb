package exposure

import (
	"runtime"
	"sync"
	"time"

	"countersign.dev/policy"
	"countersign.dev/workforce"
)

// shard is some of the people of a desk, sorted into classes by one processor.
type shard struct {
	view    *View
	until   time.Time // the next instant at which anybody's standing changes; zero: never
	classes []class   // in the order in which they were met
	sizes   []int     // of each class
	members []member  // as they stand in the registry; class is an index into classes
}

// sort sorts everybody into classes. Most of its cost is reading everybody's record, so
// that all processors share it.
func (v *View) sort(seats []workforce.Seat) {
	const worthwhile = 1000 // people for a processor
	shards := make([]shard, max(1, min(runtime.GOMAXPROCS(0), len(seats)/worthwhile)))
	share := (len(seats) + len(shards) - 1) / len(shards)
	each := func(do func(p *shard, from, to int)) {
		var all sync.WaitGroup
		for i := range shards {
			all.Go(func() { do(&shards[i], min(i*share, len(seats)), min((i+1)*share, len(seats))) })
		}
		all.Wait()
	}
	each(func(p *shard, from, to int) {
		p.view = v
		p.sort(seats[from:to])
	})
	index := map[alike]int32{}
	var sizes []int
	of := make([][]int32, len(shards)) // for each shard, the view's classes for the shard's classes
	for i := range shards {
		p := &shards[i]
		if !p.until.IsZero() && (v.until.IsZero() || p.until.Before(v.until)) {
			v.until = p.until
		}
		for j, c := range p.classes {
			k, known := index[c.alike]
			if !known {
				k = int32(len(v.classes))
				index[c.alike] = k
				v.classes, sizes = append(v.classes, c), append(sizes, 0)
			}
			of[i] = append(of[i], k)
			sizes[k] += p.sizes[j]
		}
	}
	// By class, in one piece of memory.
	sorted := make([]member, len(seats))
	next, at := make([]int, len(sizes)), 0
	for k, n := range sizes {
		v.classes[k].members = sorted[at : at+n : at+n]
		next[k] = at
		at += n
	}
	to := make([][]int, len(shards)) // for each shard, the next places of the members of each class
	for i := range shards {
		for j, k := range of[i] {
			to[i] = append(to[i], next[k])
			next[k] += shards[i].sizes[j]
		}
	}
	each(func(p *shard, from, _ int) {
		i := from / max(share, 1)
		for _, m := range p.members {
			j := m.class
			m.class = of[i][j]
			sorted[to[i][j]] = m
			to[i][j]++
		}
	})
}

// sort sorts a shard.
func (p *shard) sort(seats []workforce.Seat) {
	p.members = make([]member, 0, len(seats))
	index := map[alike]int32{}
	small := map[uint64]int32{} // classes of people whom the set does not name, by their packed number
	for j := range seats {
		m, k := p.place(&seats[j])
		packed, ok := k.packed()
		i, found := small[packed]
		if !ok || !found {
			i, found = index[k]
		}
		if !found {
			i = int32(len(p.classes))
			index[k] = i
			p.classes, p.sizes = append(p.classes, class{alike: k, first: m.id}), append(p.sizes, 0)
			if ok {
				small[packed] = i
			}
		}
		m.class = i
		p.sizes[i]++
		p.members = append(p.members, m)
	}
}

// place returns a person's class and the facts about them as a member.
func (p *shard) place(seat *workforce.Seat) (member, alike) {
	v, w := p.view, &seat.Worker
	st := v.state.People.StandingOf(w, v.at)
	k := alike{class: v.state.Policy.ClassOf(policy.WorkerOf(st)), frozen: v.frozen(w), contractor: w.Vendor != ""}
	if !st.Engaged && w.Vendor != "" {
		_, admitted := v.state.People.Vendors[w.Vendor]
		k.unadmitted = !admitted && !w.Start.IsZero() && !v.at.Before(w.Start.Time) && (w.End().IsZero() || v.at.Before(w.End().Time))
	}
	m := member{id: w.Worker, vendor: w.Vendor, manager: w.Manager, plain: len(w.Past) == 0, counts: !v.at.Before(w.Counts()), steady: true}
	week := v.at.Add(Hours * time.Hour)
	for _, t := range turns(v.state.People, w) {
		m.steady = !p.turn(t, week) && m.steady
	}
	for _, t := range w.Past {
		m.steady = !p.turn(t.Until.Add(workforce.Settle), week) && m.steady
	}
	for h := range seat.Held {
		p.turn(h.Enrolled.Time, v.at)
		p.turn(h.Revoked.Time, v.at)
	}
	switch best, ok := seat.Best(v.at); {
	case !ok:
	case best.Hardware:
		k.key = hardwareKey
	default:
		k.key = plainKey
	}
	return m, k
}

// turn notes an instant at which a standing changes, and reports whether it comes before
// another instant.
func (p *shard) turn(t, before time.Time) bool {
	if !t.After(p.view.at) {
		return false
	}
	if p.until.IsZero() || t.Before(p.until) {
		p.until = t
	}
	return t.Before(before)
}

// turns are the instants at which a standing changes by the passing of time alone, save
// for superseded ties.
func turns(r *workforce.Registry, w *workforce.Worker) [6]time.Time {
	end := w.End()
	t := [6]time.Time{w.Start.Time, end.Time, w.Notice.Time, w.Settled(), w.Counts()}
	if !end.IsZero() {
		ratchet := workforce.DefaultRatchet
		if vendor, ok := r.Vendors[w.Vendor]; ok {
			ratchet = vendor.Ratchet
		}
		t[5] = end.Add(-time.Duration(ratchet) * 24 * time.Hour)
	}
	return t
}
