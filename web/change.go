package web

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/acts"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/wording"
	"countersign.dev/workforce"
)

// changeLines shows what a request replaces, in the words of the command line: the files of a policy
// set, a text, the rows of an import, or the measure whose place another one takes.
func (s *Server) changeLines(ctx context.Context, by reader, request string, a actions.Action) ([]string, error) {
	if a.Subject.Platform != actions.DeskPlatform {
		older := a.Command.Confirms()
		if older == "" {
			return nil, nil
		}
		r, err := s.desk.RequestFor(ctx, by.of(), older)
		if err != nil || !r.Whole {
			return []string{"It takes the place of the measure of " + older + ", whose end is not known here."}, nil
		}
		return wording.MeasureBefore(r.Action, a), nil
	}
	change, err := actions.ParseChange(a.Kind, a.Change)
	if err != nil {
		return nil, err
	}
	state, err := s.desk.State(ctx)
	if err != nil {
		return nil, err
	}
	switch c := change.(type) {
	case actions.Admit:
		return s.importLines(ctx, by, request, state)
	case actions.Engagement:
		if w, ok := state.People.Worker(c.Worker); ok && c.Op == "extend" {
			return wording.EndBefore(w.Last), nil
		}
	case actions.Setting:
		return s.settingLines(ctx, by, c, state)
	}
	return nil, nil
}

// keysOf are the keys that an action enrols: names, six words each, and how they were made.
func (s *Server) keysOf(ctx context.Context, by reader, a actions.Action) ([]wording.EnrolledKey, error) {
	if a.Kind != actions.DeskKey {
		return nil, nil
	}
	change, err := actions.ParseChange(a.Kind, a.Change)
	c, ok := change.(actions.Keys)
	if err != nil || !ok || len(c.Enrol) == 0 {
		return nil, err
	}
	ids := make([]workforce.KeyID, len(c.Enrol))
	for i, e := range c.Enrol {
		ids[i] = e.Key.ID()
	}
	made, err := s.desk.MadeByInvitation(ctx, by.of(), ids)
	if err != nil && fault.KindOf(err) != fault.Forbidden {
		return nil, err
	}
	out := make([]wording.EnrolledKey, len(c.Enrol))
	for i, e := range c.Enrol {
		var m wording.KeyMaking
		if x, ok := made[ids[i]]; ok && x.Worker == e.Worker {
			m = wording.KeyMaking{Name: x.Name, Invitation: x.ID, By: x.By, At: x.Answer.At, Model: x.Answer.Made.Model, Format: x.Answer.Made.Format}
		}
		if m.Name == "" {
			p, err := s.desk.Person(ctx, by.of(), e.Worker)
			if kind := fault.KindOf(err); err != nil && kind != fault.Forbidden && kind != fault.NotFound {
				return nil, err
			}
			m.Name = p.Name
		}
		out[i] = wording.KeyToEnrol(e, m)
	}
	return out, nil
}

// sentence is what an action does. A list of keys stands below it.
func sentence(a actions.Action, keys []wording.EnrolledKey) string {
	if len(keys) > 1 {
		return "Enrol " + wording.Many(len(keys), "key") + ", each for the person and with the words below."
	}
	return wording.Sentence(a)
}

// settingLines shows the present setting beside the new one.
func (s *Server) settingLines(ctx context.Context, by reader, c actions.Setting, state *proof.State) ([]string, error) {
	now := s.config.Now()
	switch c.Of {
	case actions.PartPolicy:
		lines, changed := wording.PolicyBefore(state.Policy.Digest(), state.Policy.Files(), c.Policy)
		if changed == 0 {
			lines = append(lines, "  nothing")
		}
		return lines, nil
	case actions.PartBudgets:
		return wording.BudgetsBefore(state.Budgets, c.Budgets), nil
	case actions.PartTrust:
		lines := wording.TrustBefore(state.Trust, *c.Trust)
		if c.Trust.RelyingParty != state.Trust.RelyingParty {
			losing, keyless := state.LosePasskeys(now)
			lines = append(lines, wording.LosePasskeys(state.Trust, *c.Trust, losing, keyless)...)
		}
		return lines, nil
	case actions.PartVendors:
		return wording.VendorBefore(state.People.Vendors[c.Vendor.ID], *c.Vendor), nil
	case actions.PartPlatforms:
		return wording.PlatformBefore(state.Platforms[c.Platform.Name], *c.Platform), nil
	case actions.PartPrograms:
		return wording.ProgramBefore(state.Programs[c.Program.ID].Program, *c.Program), nil
	case actions.PartRules, actions.PartQueues, actions.PartHashes:
		return s.textLines(ctx, by, c, state)
	case actions.PartOrders:
		return wording.OrderBefore(state.Orders[actions.PlaceKey(c.Order.Platform, c.Order.Tier)].Order, *c.Order), nil
	case actions.PartModes:
		return wording.ModeBefore(state.Observes(c.Mode.Platform, c.Mode.Tier), *c.Mode), nil
	}
	return nil, nil
}

// textLines shows what a text changes against the one that it replaces.
func (s *Server) textLines(ctx context.Context, by reader, c actions.Setting, state *proof.State) ([]string, error) {
	t := c.TextOf()
	text := func(d canonical.Digest) (string, error) {
		got, err := s.desk.Text(ctx, by.of(), d)
		return got.Body, err
	}
	var old string
	var err error
	if !t.Replaces.IsZero() {
		if old, err = text(t.Replaces); err != nil {
			return nil, err
		}
	}
	lines := wording.TextBefore(actions.Text{Digest: t.Replaces, Size: int64(len(old)), Source: state.Hashes[t.Name].Source})
	if t.Ends() {
		return lines, nil
	}
	fresh, err := text(t.Digest)
	if err != nil {
		return nil, err
	}
	changed, err := wording.TextChanges(c.Of, old, fresh)
	if err != nil || c.Of == actions.PartHashes {
		return append(lines, changed...), err
	}
	return slices.Concat(lines, changed, wording.TextAgainst(old, fresh)), nil
}

// importLines shows the rows of an import.
func (s *Server) importLines(ctx context.Context, by reader, request string, state *proof.State) ([]string, error) {
	rows, err := s.desk.RowsOf(ctx, by.of(), request)
	if fault.Is(err, "no-rows") {
		return []string{"This import is over, so the desk has no rows to show: the ledger holds them, or it was not made."}, nil
	}
	if err != nil {
		return nil, err
	}
	var all []wording.ImportRow
	for _, r := range rows {
		all = append(all, wording.ImportRow{Record: r.Row.Record, Name: nameIn(r)})
	}
	return wording.ImportRows(all, func(id workforce.WorkerID) (wording.Present, bool) {
		w, known := state.People.Worker(id)
		return wording.Present{Record: w.Record, Over: known && ended(w, s.config.Now())}, known
	}), nil
}

func ended(w workforce.Worker, now time.Time) bool {
	end := w.End()
	return !end.IsZero() && !now.Before(end.Time)
}

// nameIn is the name that a row seals; empty if the reader may not read it.
func nameIn(r acts.AdmittedRow) (name string) {
	for _, o := range r.Openings {
		if o.Name == "name" {
			_ = json.Unmarshal(o.Value, &name) // whoever wrote something else than a name into it is shown by the pseudonym
		}
	}
	return name
}

// lineKind says whether a line of a difference is new or old.
func lineKind(line string) string {
	if len(line) > 4 && line[:4] == "    " {
		switch line[4] {
		case '+':
			return "line fresh"
		case '-':
			return "line old"
		}
	}
	return "line"
}
