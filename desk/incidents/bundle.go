package incidents

import (
	"context"
	"fmt"
	"slices"

	"countersign.dev/canonical"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/incident"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// IncidentBundle returns an incident's report with the evidence for it, for somebody who
// checks it without this desk. It includes personal fields only if personal is set. Each
// export is an entry that commits to the content of the bundle and names the reader. So a
// desk that tells an incident in two ways has both on record.
func (d *Room) IncidentBundle(ctx context.Context, by kernel.Caller, id string, personal bool) ([]byte, error) {
	var content incident.Content
	var seal *store.Appended
	var root canonical.Digest
	err := d.desk.Change(ctx, by, "export incident", func(s *proof.State) (func(*kernel.Tx) error, error) {
		if err := d.mayTouchIncidents(s, by); err != nil {
			return nil, err
		}
		i, err := d.loadIncident(ctx, id)
		if err != nil {
			return nil, err
		}
		g, err := d.gather(ctx, s, i, personal)
		if err != nil {
			return nil, err
		}
		root = s.Root
		if content, err = incident.Prepare(g, root); err != nil {
			// The evidence does not support the report. It is a fault of ours, or somebody
			// edited the rows.
			return nil, fmt.Errorf("bundle of %s: %w", id, internal(err))
		}
		return func(t *kernel.Tx) error {
			seal = t.Enter(entry.KindExport, content.Export(by.Worker)).About(id)
			return nil
		}, nil
	})
	if err != nil {
		return nil, err
	}
	raw, err := d.sealed(ctx, content, seal.Entry())
	if err != nil {
		return nil, err
	}
	// A bundle that does not verify is given to nobody.
	if _, err := incident.Verify(raw, proof.Trust{Root: root}); err != nil {
		return nil, fmt.Errorf("bundle of %s: %w", id, internal(err))
	}
	return raw, nil
}

// internal turns an error into one that cannot be taken for a refusal of the caller.
func internal(err error) error {
	if fault.KindOf(err) == fault.TooLarge {
		return err
	}
	return fmt.Errorf("%s (%s)", fault.TextOf(err), fault.TypeOf(err))
}

// sealed adds the proofs to a content, once its seal is committed.
func (d *Room) sealed(ctx context.Context, c incident.Content, seal ledger.Entry) ([]byte, error) {
	size, checkpoint, err := d.desk.Store.Covering(ctx, seal.Index)
	if err != nil {
		return nil, err
	}
	proofs, err := d.desk.Tiles.Inclusions(ctx, size, append(c.Indexes(), seal.Index)...)
	if err != nil {
		return nil, err
	}
	last := len(proofs) - 1
	return incident.Complete(c, incident.Anchor{Checkpoint: string(checkpoint), Proofs: proofs[:last],
		Seal: incident.Seal{Body: seal.BodyBytes, Salt: seal.Salt, Proof: proofs[last]}})
}

// reportDays is for how many days back a bundle lists the acts of those involved.
const reportDays = 30

// gather collects the contents of a bundle: the governance chain up to the given state, and
// the entries that the report rests on.
func (d *Room) gather(ctx context.Context, s *proof.State, i incident.Incident, personal bool) (g incident.Gathered, err error) {
	g.Personal = personal
	if g.Report, err = d.report(ctx, s, i, reportDays); err != nil {
		return g, err
	}
	var chain []ledger.Entry
	for int64(len(chain)) < s.Next {
		more, err := d.desk.Store.Governance(ctx, int64(len(chain)), 1000)
		if err != nil {
			return g, err
		}
		if len(more) == 0 {
			return g, fmt.Errorf("the governance chain in the database has %d of %d entries", len(chain), s.Next)
		}
		chain = append(chain, more...)
	}
	chain = chain[:s.Next] // without entries that are newer than the state
	for _, e := range chain {
		g.Entries = append(g.Entries, incident.Opened{Index: e.Index, Body: e.BodyBytes, Salt: e.Salt})
	}
	about, err := d.entriesOf(ctx, g.Report)
	if err != nil {
		return g, err
	}
	for _, e := range about {
		if e.Leaf.Class != ledger.Governance {
			g.Entries = append(g.Entries, incident.Opened{Index: e.Index, Body: e.BodyBytes, Salt: e.Salt})
		}
	}
	if !personal {
		return g, nil
	}
	for _, e := range about {
		for _, o := range e.Openings {
			g.Openings = append(g.Openings, incident.FieldOf{Index: e.Index, Opening: o})
		}
	}
	if err := d.gatherNames(ctx, s, &g); err != nil {
		return g, err
	}
	if err := d.gatherWarrants(ctx, about, &g); err != nil {
		return g, err
	}
	return g, d.gatherTiers(ctx, &g)
}

// gatherTiers collects the entries that record the tiers which rules once gave the subjects
// of the warrants, opened for these subjects alone. A verifier compares the warrants' tiers
// with them.
func (d *Room) gatherTiers(ctx context.Context, g *incident.Gathered) error {
	asked, held := map[string]bool{}, map[int64]bool{}
	for _, raw := range g.Warrants {
		w, err := proof.ParseWarrant(raw)
		if err != nil {
			return err
		}
		name := w.Action.Subject.String()
		if asked[name] {
			continue
		}
		asked[name] = true
		entries, err := d.desk.Store.EntriesNaming(ctx, proof.KindTiers, canonical.MustMarshal(name))
		if err != nil {
			return err
		}
		for _, e := range entries {
			if !held[e.Index] {
				held[e.Index] = true
				g.Entries = append(g.Entries, incident.Opened{Index: e.Index, Body: e.BodyBytes, Salt: e.Salt})
			}
			for _, o := range e.Openings {
				g.Openings = append(g.Openings, incident.FieldOf{Index: e.Index, Opening: o})
			}
		}
	}
	return nil
}

// entriesOf reads the entries that a report's timeline names.
func (d *Room) entriesOf(ctx context.Context, r incident.Report) (out []ledger.Entry, err error) {
	var places []int64
	for _, m := range r.Timeline {
		if m.Source == incident.FromLedger {
			places = append(places, m.Entry)
		}
	}
	slices.Sort(places)
	places = slices.Compact(places)
	err = d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		out = out[:0]
		for _, index := range places {
			e, err := stx.Entry(index)
			if err != nil {
				return err
			}
			out = append(out, e)
		}
		return nil
	})
	return out, err
}

// gatherNames opens the names of the people whom the report names, and no other field of
// theirs.
func (d *Room) gatherNames(ctx context.Context, s *proof.State, g *incident.Gathered) error {
	r := g.Report
	people := []workforce.WorkerID{r.Attribution.Worker, r.Incident.By}
	for _, m := range r.Timeline {
		people = append(people, m.Who)
	}
	for _, sg := range r.Attribution.Signers {
		people = append(people, sg.Worker)
	}
	for _, t := range r.Incident.Tasks {
		people = append(people, t.Owner)
	}
	slices.Sort(people)
	return d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		for _, id := range slices.Compact(people) {
			w, ok := s.People.Worker(id)
			if !ok {
				continue
			}
			e, err := stx.EntryOf(ledger.Governance, w.Entry)
			if err != nil {
				return err
			}
			for _, o := range e.Openings {
				if o.Name == "name" {
					g.Openings = append(g.Openings, incident.FieldOf{Index: e.Index, Opening: o})
				}
			}
		}
		return nil
	})
}

// gatherWarrants assembles the warrants whose entries are in the report.
func (d *Room) gatherWarrants(ctx context.Context, about []ledger.Entry, g *incident.Gathered) error {
	for _, e := range about {
		if e.Leaf.Class != ledger.Desk || e.Body.Kind != entry.KindWarrant || len(g.Warrants) == incident.MaxWarrants {
			continue
		}
		var record entry.Warrant
		if err := canonical.UnmarshalExact(e.Body.Data, &record); err != nil {
			return fmt.Errorf("entry %d: %w", e.Index, err)
		}
		r, err := d.desk.Load(ctx, record.Request)
		if err != nil {
			return err
		}
		warrant, err := d.desk.Assemble(ctx, r)
		if err != nil {
			return err
		}
		g.Warrants = append(g.Warrants, warrant)
	}
	return nil
}
