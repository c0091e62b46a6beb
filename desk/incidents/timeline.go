package incidents

import (
	"fmt"
	"slices"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/incident"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/store"
)

// mostBreaches is how many breaches of one incident a timeline shows, from the
// first on; it says how many it leaves out.
const mostBreaches = 200

// timeline returns the moments of an incident from the entries about it, and from when
// (down) to when (up) the subject was in the contested state.
func (d *Room) timeline(stx *store.Tx, s *proof.State, i incident.Incident, c ruledAct) (ms []incident.Moment, down, up canonical.Time, err error) {
	names := []string{i.ID}
	layers := map[string]platform.Layer{} // of breaches, by their identifiers
	if i.Cause == incident.Contested {
		r, err := stx.Request(i.Request)
		if err != nil {
			return nil, down, up, err
		}
		names = append(names, r.ID)
		// A message leaves nothing that could last.
		if spec, _ := actions.SpecOf(r.Action.Kind); c.platform() && r.Action.Direction == actions.Burdening && !spec.Says() {
			down = r.Executed
		}
		if r.ReversedBy != "" {
			names = append(names, r.ReversedBy)
			undo, err := stx.Request(r.ReversedBy)
			if err != nil {
				return nil, down, up, err
			}
			up = undo.Executed
		} else if r.Status == actions.StatusLifted {
			up = r.Updated
		}
	} else {
		bs, err := stx.Breaches(i.ID, mostBreaches+1)
		if err != nil {
			return nil, down, up, err
		}
		for n, b := range bs {
			if n == mostBreaches {
				all, err := stx.CountBreaches(i.ID)
				if err != nil {
					return nil, down, up, err
				}
				ms = append(ms, incident.Moment{At: b.Seen, Step: incident.StepOther, Source: incident.FromDesk, Entry: -1,
					Text: fmt.Sprintf("%d more breaches of the same subject follow, which this timeline leaves out.", all-mostBreaches)})
				break
			}
			names = append(names, b.ID)
			layers[b.ID] = b.Layer
		}
		for _, b := range bs {
			if b.Layer != i.Layer {
				continue
			}
			if down.IsZero() {
				down = b.Seen
			}
			up = b.Restored
		}
		lifted, err := liftedBy(stx, names[1:])
		if err != nil {
			return nil, down, up, err
		}
		names = append(names, lifted...)
		t, err := readBreach(stx, i)
		if err != nil {
			return nil, down, up, err
		}
		if t.sight != nil && t.sight.Warrant != "" {
			names = append(names, t.sight.Warrant)
		}
	}
	var held []incident.Entry
	seen := map[int64]bool{}
	for _, name := range names {
		entries, err := stx.EntriesAbout(name, canonical.Time{}, mostEntries)
		if err != nil {
			return nil, down, up, err
		}
		for _, e := range entries {
			// Entries about reading or exporting the incident are not part of what
			// happened.
			if seen[e.Index] || len(e.BodyBytes) == 0 || e.Body.Kind == entry.KindIncidentRead || e.Body.Kind == entry.KindExport {
				continue
			}
			seen[e.Index] = true
			held = append(held, incident.Entry{Index: e.Index, Body: e.Body})
			if at := changedAt(e); !at.IsZero() {
				ms = append(ms, incident.Moment{At: at, Step: incident.StepChanged, Source: incident.FromPlatform, Entry: -1, Request: name, Layer: layers[name],
					Text: "The platform dates the change so."})
				if i.Cause == incident.Breach && layers[name] == i.Layer && at.Before(down.Time) {
					down = at
				}
			}
		}
	}
	began, err := aboutSessions(stx, s, held)
	if err != nil {
		return nil, down, up, err
	}
	held = append(held, began...)
	for _, f := range s.Freezes {
		if concerns(f, i.Subject) && !f.At.Before(c.at.Time) {
			ms = append(ms, incident.Moment{At: f.At, Step: incident.StepFrozen, Who: f.By, Source: incident.FromDesk, Entry: -1, Request: f.Request,
				Text: "Burdening acts were frozen: " + f.Key() + "."})
		}
	}
	lines, err := incident.Tell(held)
	if err != nil {
		return nil, down, up, fmt.Errorf("timeline of %s: %w", i.ID, internal(err))
	}
	ms = append(ms, lines...)
	slices.SortStableFunc(ms, compareMoments)
	return ms, down, up, nil
}

// sessionsIn returns the sessions under which people signed what entries hold, each once.
func sessionsIn(entries []incident.Entry) (all []actions.Session, err error) {
	for _, e := range entries {
		said, err := e.Said()
		if err != nil {
			return nil, internal(err)
		}
		if said == nil {
			continue
		}
		if c := said.Session(); c != nil && !slices.ContainsFunc(all, func(x actions.Session) bool { return x.Digest() == c.Digest() }) {
			all = append(all, *c)
		}
	}
	return all, nil
}

// aboutSessions returns the entries that began the sessions under which people signed what
// entries hold, and those that ended them early.
func aboutSessions(stx *store.Tx, s *proof.State, entries []incident.Entry) (out []incident.Entry, err error) {
	sessions, err := sessionsIn(entries)
	if err != nil {
		return nil, err
	}
	seen := map[int64]bool{}
	for _, c := range sessions {
		names := []string{c.Digest().String()}
		for _, v := range s.Scopes(c) {
			names = append(names, store.ByVoid(v))
		}
		for _, name := range names {
			found, err := stx.EntriesAbout(name, canonical.Time{}, mostEntries)
			if err != nil {
				return nil, err
			}
			for _, e := range found {
				one := incident.Entry{Index: e.Index, Body: e.Body}
				v, err := one.Ends()
				switch {
				case err != nil:
					return nil, internal(err)
				case seen[e.Index] || len(e.BodyBytes) == 0 || v != nil && !s.EndedBy(c, e.Body.Number):
					continue
				}
				seen[e.Index] = true
				out = append(out, one)
			}
		}
	}
	return out, nil
}

// liftedBy returns the requests whose warrants ended breaches, as the executor says.
func liftedBy(stx *store.Tx, breaches []string) (requests []string, err error) {
	for _, b := range breaches {
		entries, err := stx.EntriesAbout(b, canonical.Time{}, mostEntries)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if e.Body.Kind != proof.KindOver || len(e.BodyBytes) == 0 {
				continue
			}
			x, err := proof.ParseExecution(e.Body)
			if err != nil {
				return nil, err
			}
			if w := x.Execution.Sight.Warrant; w != "" {
				requests = append(requests, w)
			}
		}
	}
	return requests, nil
}

// changedAt returns the time that the platform gives for the change behind a breach; zero
// if the entry has none.
func changedAt(e ledger.Entry) canonical.Time {
	if e.Body.Kind != proof.KindBreach && e.Body.Kind != proof.KindTold {
		return canonical.Time{}
	}
	x, err := proof.ParseExecution(e.Body)
	if err != nil || x.Execution.Sight == nil {
		return canonical.Time{}
	}
	return x.Execution.Sight.Changed
}

// concerns reports whether a freeze stops acts on a subject, whoever asks.
func concerns(f proof.Frozen, s platform.Subject) bool {
	return f.Scope == actions.ScopeAll || f.Scope == actions.ScopePlatform && f.Of == s.Platform
}
