package cli

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"golang.org/x/mod/sumdb/tlog"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/policy"
	"countersign.dev/wording"
	"countersign.dev/workforce"
)

// whole writes the parts of a change of the desk that one line cannot show, or of which
// only the digest is signed: the rows of an import, the keys of an enrolment, and the difference between a policy
// set, or a text, and the one in force. Of an act on a platform it writes what the act replaces. Rows come from the desk and are compared with the signed
// root. If they differ, or if the desk does not show rows that it should, the worker must
// not sign. request is empty for a draft of one's own, whose rows were shown before.
func (s *Session) whole(ctx context.Context, p *Page, d deskClient, request string, a actions.Action) error {
	spec, _ := actions.SpecOf(a.Kind)
	if !spec.Desk {
		s.wholeMeasure(ctx, p, d, a)
		return nil
	}
	change, err := actions.ParseChange(a.Kind, a.Change)
	if err != nil {
		return err
	}
	switch c := change.(type) {
	case actions.Admit:
		if request == "" {
			return nil
		}
		return s.wholeImport(ctx, p, d, request, c)
	case actions.Engagement:
		if c.Op != "extend" {
			return nil
		}
		w, err := d.Worker(ctx, c.Worker)
		if err != nil {
			return err
		}
		says(p, wording.EndBefore(w.Last))
	case actions.Keys:
		s.wholeKeys(ctx, p, d, c)
	case actions.Setting:
		if request == "" {
			if err := fresh(ctx, d, a); err != nil {
				return err
			}
		}
		return s.wholeSetting(ctx, p, d, c, request != "")
	}
	return nil
}

// wholeMeasure writes which measure an act takes the place of, and what becomes of its end.
// The older end is the desk's word, and helps to understand what is signed.
func (s *Session) wholeMeasure(ctx context.Context, p *Page, d deskClient, a actions.Action) {
	older := a.Command.Confirms()
	if older == "" {
		return
	}
	r, err := d.Request(ctx, older)
	if err != nil {
		p.Line("It takes the place of the measure of %s, whose end is not known here: %s", older, fault.TextOf(err))
		return
	}
	says(p, wording.MeasureBefore(r.Action, a))
}

// wholeSetting writes the present setting beside the new one. The present one is the
// desk's word; the new one is signed.
func (s *Session) wholeSetting(ctx context.Context, p *Page, d deskClient, c actions.Setting, sums bool) error {
	switch c.Of {
	case actions.PartPolicy:
		return s.wholePolicy(ctx, p, d, c.Policy, sums)
	case actions.PartBudgets, actions.PartTrust:
		now, err := d.Policy(ctx)
		if err != nil {
			return err
		}
		if c.Of == actions.PartTrust {
			says(p, wording.TrustBefore(now.Trust, *c.Trust))
			if c.Trust.RelyingParty == now.Trust.RelyingParty {
				return nil
			}
			losing, keyless, err := s.passkeys(ctx, d)
			if err != nil {
				return err
			}
			says(p, wording.LosePasskeys(now.Trust, *c.Trust, losing, keyless))
			return nil
		}
		if !sums && sameBudgets(now.Budgets, c.Budgets) {
			return nothingChanges("These are the budgets that are in force")
		}
		says(p, wording.BudgetsBefore(now.Budgets, c.Budgets))
		olderThan(p, actions.OlderBudgets(c.Budgets))
	case actions.PartVendors:
		all, err := d.Vendors(ctx)
		if err != nil {
			return err
		}
		var old workforce.Vendor
		for _, v := range all {
			if v.ID == c.Vendor.ID {
				old = workforce.Vendor{ID: v.ID, Name: v.Name, Ratchet: v.Ratchet}
			}
		}
		if !sums && old == *c.Vendor {
			return nothingChanges("The vendor %s is just so", c.Vendor.ID)
		}
		says(p, wording.VendorBefore(old, *c.Vendor))
	case actions.PartPlatforms:
		all, err := d.Platforms(ctx)
		if err != nil {
			return err
		}
		var old actions.Platform
		for _, f := range all.Items {
			if f.Name == c.Platform.Name {
				old = actions.Platform{Name: f.Name, Connector: f.Connector, Facts: f.Facts, Labels: f.Labels}
			}
		}
		if !sums && old.Name != "" && canonical.Sum(canonical.MustMarshal(old)) == canonical.Sum(canonical.MustMarshal(*c.Platform)) {
			return nothingChanges("The platform %s is connected just so", c.Platform.Name)
		}
		says(p, wording.PlatformBefore(old, *c.Platform))
	case actions.PartPrograms:
		all, err := d.Programs(ctx)
		if err != nil {
			return err
		}
		var old actions.Program
		for _, x := range all {
			if x.ID == c.Program.ID {
				old = actions.Program{ID: x.ID, Owner: x.Owner, Platforms: x.Platforms, Source: x.Source, Rate: x.Rate}
			}
		}
		says(p, wording.ProgramBefore(old, *c.Program))
	case actions.PartRules, actions.PartQueues, actions.PartHashes:
		return s.wholeText(ctx, p, d, c)
	case actions.PartOrders, actions.PartModes:
		now, err := d.Desk(ctx)
		if err != nil {
			return err
		}
		if c.Mode != nil {
			says(p, wording.ModeBefore(slices.ContainsFunc(now.Modes, func(m v1.Mode) bool {
				return m.Platform == c.Mode.Platform && m.Tier == c.Mode.Tier && m.Mode == actions.Observe
			}), *c.Mode))
			return nil
		}
		var old actions.Order
		for _, o := range now.Orders {
			if o.Platform == c.Order.Platform && o.Tier == c.Order.Tier {
				old = actions.Order{Platform: o.Platform, Tier: o.Tier, Until: o.Until, PerSubject: o.PerSubject, PerTier: o.PerTier, Vouched: o.Vouched, Layers: o.Layers, Never: o.Never, Cut: o.Cut}
			}
		}
		says(p, wording.OrderBefore(old, *c.Order))
	}
	return nil
}

// nothingChanges refuses to ask for a setting that is the present one.
func nothingChanges(format string, args ...any) error {
	return fault.New(fault.Conflict, "wrong-state", "%s already, so nothing would change. Nothing was signed.", fmt.Sprintf(format, args...))
}

// olderThan is older for what this program finds itself.
func olderThan(p *Page, all []fault.Detail) {
	for _, d := range all {
		older(p, []v1.Detail{v1.Detail(d)})
	}
}

// sameBudgets leaves the order aside.
func sameBudgets(a, b []actions.Budget) bool {
	lacks := func(these, those []actions.Budget) bool {
		return slices.ContainsFunc(these, func(x actions.Budget) bool { return !slices.Contains(those, x) })
	}
	return !lacks(a, b) && !lacks(b, a)
}

// fresh refuses to ask for a change for which an open request asks already. Only the newest
// held requests are looked at.
func fresh(ctx context.Context, d deskClient, a actions.Action) error {
	page, err := d.Requests(ctx, v1.RequestFilter{Status: actions.StatusHeld, Kind: a.Kind, Platform: actions.DeskPlatform, Limit: v1.MaxPage})
	if err != nil {
		return err
	}
	for _, r := range page.Items {
		if canonical.Sum(r.Action.Change) != canonical.Sum(a.Change) {
			continue
		}
		whole, err := d.Request(ctx, r.ID)
		if err != nil {
			return err
		}
		if whole.Status == actions.StatusHeld && whole.Lapsed == nil {
			return fault.New(fault.Conflict, "wrong-state", "%s asks for this change already, and the request is open. Nothing was signed. Others countersign it: countersign action countersign %s", r.Requester, r.ID)
		}
	}
	return nil
}

// showWhole shows the page of whole before a signature.
func (s *Session) showWhole(ctx context.Context, d deskClient, request string, a actions.Action) error {
	p := &Page{color: s.Color}
	err := s.whole(ctx, p, d, request, a)
	fmt.Fprint(s.Stderr, p.String())
	return err
}

// wholePolicy writes the difference between the set in force and another one, file by
// file, and what the other one would have changed in the last 30 days.
func (s *Session) wholePolicy(ctx context.Context, p *Page, d deskClient, files map[string]string, sums bool) error {
	now, err := d.Policy(ctx)
	if err != nil {
		return err
	}
	if policy.DigestOf(now.Files) != now.Digest {
		return tricked("the policy set that it shows as the one in force is another one than it says")
	}
	lines, changed := wording.PolicyBefore(now.Digest, now.Files, files)
	says(p, lines)
	if changed == 0 {
		if !sums {
			return nothingChanges("This is the policy set that is in force")
		}
		p.Line("  nothing")
	}
	if set, err := policy.Compile(files); err == nil { // the desk refuses one that does not compile
		olderThan(p, set.Older())
	}
	if !sums {
		return nil
	}
	b, err := d.Backtest(ctx, v1.BacktestAsk{Files: files, Since: canonical.At(s.Now().Add(-proposalWindow).Truncate(time.Second))})
	if err != nil {
		// The worker signs the difference; the backtest is help, which not everybody may ask
		// for.
		p.Line("What it would have changed lately is not known: %s", fault.TextOf(err))
		return nil
	}
	summary(p, b)
	return nil
}

// wholeImport writes the rows of an import; rows that change what a worker may do come
// first.
func (s *Session) wholeImport(ctx context.Context, p *Page, d deskClient, request string, c actions.Admit) error {
	rows, err := d.Rows(ctx, request)
	if fault.Is(err, "no-rows") {
		p.Line("This import is over, so the desk has no rows to show: the ledger holds them, or it was not made.")
		return nil
	}
	if err != nil {
		return err
	}
	if err := sameRows(rows.Items, c); err != nil {
		return err
	}
	present, err := d.AllWorkers(ctx, v1.WorkerFilter{})
	if err != nil {
		return err
	}
	have := map[workforce.WorkerID]v1.Worker{}
	for _, w := range present {
		have[w.ID] = w
	}
	var shown []wording.ImportRow
	for _, r := range rows.Items {
		name, err := nameIn(r)
		if err != nil {
			return err
		}
		shown = append(shown, wording.ImportRow{Record: r.Row.Record, Name: name})
	}
	says(p, wording.ImportRows(shown, func(id workforce.WorkerID) (wording.Present, bool) {
		w, known := have[id]
		return wording.Present{Record: recordOf(w), Over: known && over(w, s.Now())}, known
	}))
	return nil
}

// sameRows compares the rows that a desk shows with the rows that an action signs, and
// the openings of their sealed fields with the rows.
func sameRows(rows []v1.Row, c actions.Admit) error {
	hashes := make([]tlog.Hash, 0, len(rows))
	for _, r := range rows {
		hashes = append(hashes, proof.RowHash(r.Row))
		body := ledger.Body{Sealed: r.Row.Sealed}
		for _, o := range r.Openings {
			if !body.Opens(o) {
				return tricked("it shows a %s of %s that is not the one that is signed", o.Name, r.Row.Record.Worker)
			}
		}
	}
	if int64(len(rows)) != c.Rows || proof.RowsRoot(hashes) != c.Root {
		return tricked("the rows that it shows are not those that the action signs")
	}
	return nil
}

func nameIn(r v1.Row) (name string, err error) {
	for _, o := range r.Openings {
		if o.Name == "name" {
			if err := json.Unmarshal(o.Value, &name); err != nil {
				return "", tricked("a name in it is not a text")
			}
		}
	}
	return name, nil
}
