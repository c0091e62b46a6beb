package incidents

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/kernel"
	"countersign.dev/exposure"
	"countersign.dev/fault"
	"countersign.dev/incident"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/policy"
	"countersign.dev/store"
	"countersign.dev/wording"
	"countersign.dev/workforce"
)

// readIncident lets a reader of evidence read about an incident. If the subject is
// critical, the reading is entered in the ledger (design, law 11) before anything is
// answered.
func (d *Room) readIncident(ctx context.Context, by kernel.Caller, id, what string, read func(*proof.State, incident.Incident) error) error {
	return d.desk.Change(ctx, by, "read incident", func(s *proof.State) (func(*kernel.Tx) error, error) {
		if err := d.mayTouchIncidents(s, by); err != nil {
			return nil, err
		}
		i, err := d.loadIncident(ctx, id)
		if err != nil {
			return nil, err
		}
		if err := read(s, i); err != nil {
			return nil, err
		}
		return func(t *kernel.Tx) error {
			if i.Tier == actions.Critical {
				t.Enter(entry.KindIncidentRead, entry.IncidentRead{Incident: id, What: what, Worker: by.Worker}).About(id)
			}
			return nil
		}, nil
	})
}

// Attribution says who is answerable for the act or breach of an incident, as far as
// anything is known.
func (d *Room) Attribution(ctx context.Context, by kernel.Caller, id string) (a incident.Attribution, err error) {
	err = d.readIncident(ctx, by, id, "attribution", func(s *proof.State, i incident.Incident) error {
		return d.desk.Store.Read(ctx, func(stx *store.Tx) error {
			a, err = d.attribute(stx, s, i)
			return err
		})
	})
	return a, err
}

// Report gathers all that is known about an incident. days is how far back it lists the
// acts of those involved; 0 means 30.
func (d *Room) Report(ctx context.Context, by kernel.Caller, id string, days int) (r incident.Report, err error) {
	if days == 0 {
		days = 30
	}
	if days < 0 || days > 3650 {
		return r, fault.New(fault.Invalid, "bad-parameter", "A report looks back 1 to 3650 days.")
	}
	err = d.readIncident(ctx, by, id, "report", func(s *proof.State, i incident.Incident) error {
		r, err = d.report(ctx, s, i, days)
		return err
	})
	return r, err
}

// RuledBy returns what a proposed policy set would have ruled on the act of an incident, by
// the facts as they were then. The files are compiled only for readers of evidence: others
// would fill the memory of compiled sets. A set that could not be put in force is the fault
// of policy.Compile.
func (d *Room) RuledBy(ctx context.Context, by kernel.Caller, id string, files map[string]string) (r incident.Ruled, err error) {
	err = d.readIncident(ctx, by, id, "ruling", func(s *proof.State, i incident.Incident) error {
		set, err := policy.Compile(files)
		if err != nil {
			return err
		}
		c, err := d.ruledActOf(ctx, s, i)
		if err != nil {
			return err
		}
		r = c.ruled("proposed", set)
		return nil
	})
	return r, err
}

func (d *Room) report(ctx context.Context, s *proof.State, i incident.Incident, days int) (incident.Report, error) {
	r := incident.Report{Incident: i, At: d.desk.TimeNow()}
	c, err := d.ruledActOf(ctx, s, i)
	if err != nil {
		return r, err
	}
	err = d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		if r.Timeline, r.Down, r.Up, err = d.timeline(stx, s, i, c); err != nil {
			return err
		}
		if r.Attribution, err = d.attribute(stx, s, i); err != nil {
			return err
		}
		r.Touched, err = d.touched(stx, s, i, canonical.At(d.desk.Now().AddDate(0, 0, -days)))
		return err
	})
	if err != nil {
		return r, err
	}
	r.Rulings = []incident.Ruled{c.ruled("then", c.then.Policy), c.ruled("today", s.Policy)}
	if c.platform() {
		e, err := d.exposureThen(c)
		if err != nil {
			return r, err
		}
		r.Exposure = []incident.Exposed{e}
	}
	return r, nil
}

// ruledAct is the act of an incident in the form in which a policy set rules on it.
type ruledAct struct {
	incident incident.Incident
	at       canonical.Time
	then     *proof.State // the chain as it was at that instant
	facts    policy.Facts
	known    bool // the person who did it is known, and in the facts
}

func (c ruledAct) platform() bool { spec, _ := actions.SpecOf(c.facts.Kind); return !spec.Desk }

// ruledActOf returns the act that an incident is about: the contested request, or the act
// that would have had the effect of the breach.
func (d *Room) ruledActOf(ctx context.Context, s *proof.State, i incident.Incident) (c ruledAct, err error) {
	c.incident = i
	if i.Cause == incident.Contested {
		r, err := d.desk.Load(ctx, i.Request)
		if err != nil {
			return c, err
		}
		c.at, c.known = r.Created, true
		if c.then, err = d.desk.PastState(ctx, c.at.Time); err != nil {
			return c, err
		}
		c.facts, err = d.factsOf(c.then, r)
		return c, err
	}
	var t breachRecord
	var newest store.Request
	var ever bool
	if err := d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		if t, err = readBreach(stx, i); err != nil {
			return err
		}
		newest, ever, err = stx.NewestOn(i.Subject.Platform, i.Subject.ID, i.Opened)
		return err
	}); err != nil {
		return c, err
	}
	c.at = i.Opened
	layer, found := i.Layer, platform.Down
	if t.sight != nil {
		c.at, layer, found = t.sight.Seen, t.sight.Layer, t.sight.Found.Status
	}
	if c.then, err = d.desk.PastState(ctx, c.at.Time); err != nil {
		return c, err
	}
	sort := platform.Account
	if ever {
		spec, _ := actions.SpecOf(newest.Action.Kind)
		sort = spec.Sort
	} else {
		sort = d.sortOf(ctx, i.Subject)
	}
	c.facts = policy.Facts{Kind: kindFor(sort, layer, found), Subject: policy.Subject{Platform: i.Subject.Platform, Sort: sort, Tier: i.Tier}, CaseGiven: true}
	spec, _ := actions.SpecOf(c.facts.Kind)
	c.facts.Direction, c.facts.Effect = spec.Direction, spec.Effect
	if len(spec.Verbs) > 0 {
		c.facts.Verb = spec.Verbs[0]
	}
	return c, nil
}

// sortOf asks the executor what a subject is. If the executor does not answer at once, it
// assumes an account: the report must not wait.
func (d *Room) sortOf(ctx context.Context, subject platform.Subject) platform.Sort {
	ctx, cancel := context.WithTimeout(ctx, SortPatience)
	defer cancel()
	if r, err := d.desk.Executor.Read(ctx, platform.Subject{Platform: subject.Platform, ID: subject.ID}); err == nil {
		return r.Sort
	}
	return platform.Account
}

// SortPatience is how long a reader waits for the executor to say what a subject is.
const SortPatience = 500 * time.Millisecond

// kindFor returns the kind of act whose effect a status of a layer is.
func kindFor(sort platform.Sort, l platform.Layer, found platform.Status) actions.Kind {
	_, label := l.Label()
	switch {
	case label && sort == platform.Content:
		return actions.ContentLabel
	case label:
		return actions.AccountLabel
	case l == platform.LimitLayer && sort == platform.Content:
		return actions.ContentLimit
	case l == platform.LimitLayer:
		return actions.AccountLimit
	case sort == platform.Content:
		return actions.ContentRemove
	case found == platform.Deactivated:
		return actions.AccountDeactivate
	case found == platform.Deleted:
		return actions.AccountDelete
	}
	return actions.AccountTakedown
}

// factsOf returns the facts by which a request was ruled on. For a request that was
// approved, they are those in its warrant.
func (d *Room) factsOf(then *proof.State, r store.Request) (policy.Facts, error) {
	if len(r.Core) == 0 {
		st := then.People.Standing(r.Requester(), r.Created.Time)
		lifts := actions.LiftsOf(r.Action, nil, r.Requester(), r.Created.Time, then.Trust.UndoWindow)
		return proof.FactsOf(r.Action, st, r.Action.Tier, lifts), nil
	}
	var core proof.Core
	if err := canonical.Unmarshal(r.Core, &core); err != nil {
		return policy.Facts{}, fmt.Errorf("the core of %s in the database: %w", r.ID, err)
	}
	f := core.Ruling.Facts
	st := workforce.Standing{Worker: r.Requester(), Known: true, Engaged: f.Engaged, Employee: f.Employee, Vendor: workforce.VendorID(f.Vendor),
		Roles: f.Roles, InNotice: f.InNotice, Ratchet: f.Ratchet, Newcomer: f.Newcomer}
	return proof.FactsOf(r.Action, st, f.Tier, f.Lifts), nil
}

// ruled returns what a policy set rules on the act. If nobody knows who did the act, it
// returns the mildest ruling that anybody engaged at that time would have got.
func (c ruledAct) ruled(which string, set *policy.Set) incident.Ruled {
	out := incident.Ruled{Policy: set.Digest(), Which: which}
	r := policy.Ruling{Verdict: policy.Forbidden, Reasons: []policy.Reason{{Policy: policy.LawNothing, Text: "Nobody was engaged at this desk."}}}
	if c.known {
		r = set.Rule(c.facts)
	} else {
		seen := map[policy.Class]bool{}
		first := true
		for _, worker := range c.then.People.Sorted() {
			st := c.then.People.StandingOf(&worker, c.at.Time)
			w := policy.WorkerOf(st)
			if class := set.ClassOf(w); !st.Engaged || seen[class] {
				continue
			} else {
				seen[class] = true
			}
			f := c.facts
			f.Worker = w
			if one := set.Rule(f); first || harshness(one) < harshness(r) {
				r, first = one, false
			}
		}
	}
	out.Verdict, out.Reasons = r.Verdict, r.Reasons
	if r.Verdict == policy.Held {
		out.Need = r.Need.String()
	}
	return out
}

// harshness orders rulings by how hard they make the act.
func harshness(r policy.Ruling) int64 {
	switch r.Verdict {
	case policy.Permitted:
		return 0
	case policy.Held:
		if r.Need.All {
			return 1 << 40
		}
		return 1 + int64(r.Need.Independent)<<32 + r.Need.Wait
	}
	return 1 << 62
}

// exposureThen says who could have done the act at its instant.
func (d *Room) exposureThen(c ruledAct) (incident.Exposed, error) {
	out := incident.Exposed{At: c.at, Kind: c.facts.Kind, Around: d.holdersAround(c.incident.Subject.Platform)}
	v, err := exposure.ViewOf(c.then, c.at.Time)
	if err != nil {
		return out, err
	}
	q := exposure.Question{Kind: c.facts.Kind, Platform: c.facts.Subject.Platform, Tier: c.facts.Subject.Tier, Effect: c.facts.Effect}
	if c.facts.Direction == actions.Relieving {
		q.Category = c.facts.Category
	}
	alone, err := v.Alone(q)
	if err != nil {
		return out, err
	}
	together, err := v.Collusion(q)
	if err != nil {
		return out, err
	}
	out.Alone, out.Collusion = int64(alone.Count), int64(together.Number)
	for _, row := range together.Rows {
		if row.People != together.Number || row.People == 0 || out.Way != "" {
			continue
		}
		out.Way = string(row.Way)
		for _, m := range row.Group {
			out.Group = append(out.Group, personKind(m))
		}
	}
	return out, nil
}

// personKind describes a member of a group in general terms, and names nobody.
func personKind(m exposure.Member) string {
	var parts []string
	if m.Sort.Employee {
		parts = append(parts, "an employee")
	} else {
		parts = append(parts, "somebody of "+string(m.Sort.Vendor))
	}
	roles := make([]string, len(m.Sort.Roles))
	for i, r := range m.Sort.Roles {
		roles[i] = string(r)
	}
	if len(roles) > 0 {
		parts = append(parts, "who is "+strings.Join(roles, " and "))
	}
	if m.Sort.Hardware {
		parts = append(parts, "with a hardware key")
	}
	return strings.Join(append(parts, string(m.Part)), " ")
}

// holdersAround returns a line for each declared holder who could act around the desk on a
// platform.
func (d *Room) holdersAround(platform string) []string {
	var all []string
	add := func(key string, holders []string) {
		for _, h := range holders {
			all = append(all, key+": "+h)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(d.desk.Holders.Platforms)) {
		if key == platform || strings.HasPrefix(key, platform+"/") {
			add(key, d.desk.Holders.Platforms[key])
		}
	}
	add("executor", d.desk.Holders.Executor)
	add("log-key", d.desk.Holders.LogKey)
	return all
}

// attribute says who is answerable, from the entries of the act and the chain.
func (d *Room) attribute(stx *store.Tx, s *proof.State, i incident.Incident) (incident.Attribution, error) {
	if i.Cause == incident.Contested {
		return d.attributeRequest(stx, s, i.Request)
	}
	return d.attributeAround(stx, i)
}

func (d *Room) attributeRequest(stx *store.Tx, s *proof.State, request string) (a incident.Attribution, err error) {
	r, err := stx.Request(request)
	if err != nil {
		return a, err
	}
	st := r.Signed.Statement
	a = incident.Attribution{Worker: st.Signer, Vendor: vendorAt(s, st.Signer, r.Created.Time), Key: st.Key, Session: r.Session}
	if w, ok := s.People.Worker(st.Signer); ok {
		a.Start, a.Last = w.Start, w.End()
	}
	entered, err := stx.EntriesAbout(request, canonical.Time{}, mostEntries)
	if err != nil {
		return a, err
	}
	when := map[workforce.WorkerID]canonical.Time{}
	said := entry.Said{Signed: r.Signed}
	for _, e := range entered {
		if e.Body.Kind == entry.KindRequest && len(e.BodyBytes) > 0 {
			var asked entry.Request
			if err := canonical.Unmarshal(e.Body.Data, &asked); err != nil {
				return a, err
			}
			said.Sessions = asked.Sessions
		}
		if e.Body.Kind != entry.KindCountersign || len(e.BodyBytes) == 0 {
			continue
		}
		var v entry.Verdict
		if err := canonical.Unmarshal(e.Body.Data, &v); err != nil {
			return a, err
		}
		when[v.Signed.Statement.Signer] = e.Body.Time
	}
	var countersigners []workforce.WorkerID
	for _, c := range r.Signers {
		w := c.Statement.Signer
		with, _ := incident.SignedUnder(entry.Said{Signed: c}, s)
		a.Signers = append(a.Signers, incident.Signer{Worker: w, Vendor: vendorAt(s, w, r.Created.Time), Key: c.Statement.Key, With: with, At: when[w]})
		countersigners = append(countersigners, w)
	}
	a.With, a.Under = incident.SignedUnder(said, s)
	a.Why = wording.Signed(st.Signer, wording.With(r.Signed, said.Session(), string(st.Key)), countersigners, len(r.Core) > 0) +
		" The signatures prove the keys, and not who held them; with which token it was handed in is the desk's word."
	return a, nil
}

// vendorAt returns the vendor of a worker at an instant; empty for an employee.
func vendorAt(s *proof.State, id workforce.WorkerID, at time.Time) workforce.VendorID {
	w, _ := s.People.Worker(id)
	for _, t := range w.Past {
		if at.Before(t.Until) {
			return t.Vendor
		}
	}
	return w.Vendor
}

func (d *Room) attributeAround(stx *store.Tx, i incident.Incident) (incident.Attribution, error) {
	a := incident.Attribution{Around: true}
	t, err := readBreach(stx, i)
	if err != nil {
		return a, err
	}
	a.Credential = t.credential
	a.Holders = slices.Clone(d.holdersOf(i.Subject.Platform, t.credential))
	var why []string
	if t.sight == nil {
		why = append(why, "The record of the breach was erased.")
	} else {
		why = append(why, wording.Contradicts(*t.sight))
	}
	if t.credential == "" {
		why = append(why, "The platform does not tell whose credential did it.")
	} else {
		why = append(why, "The platform says that it was done with this credential; that is its word, and who used it is not known.")
	}
	switch _, named := d.desk.Holders.Platforms[i.Subject.Platform+"/"+t.credential]; {
	case len(a.Holders) == 0:
		why = append(why, "Nobody is declared to hold a credential of "+i.Subject.Platform+".")
	case t.credential != "" && named:
		why = append(why, fmt.Sprintf("%d are declared to hold it.", len(a.Holders)))
	default:
		why = append(why, fmt.Sprintf("%d are declared to hold credentials of %s.", len(a.Holders), i.Subject.Platform))
	}
	all, err := credentials(stx, i)
	if err != nil {
		return a, err
	}
	if len(all) > 1 {
		why = append(why, fmt.Sprintf("Its further breaches were done with other credentials as well: %d in all.", len(all)))
	}
	a.Why = strings.Join(why, " ")
	return a, nil
}

// touched returns the other acts of those involved since an instant.
func (d *Room) touched(stx *store.Tx, s *proof.State, i incident.Incident, since canonical.Time) ([]incident.Touched, error) {
	involved, err := d.involved(stx, s, i)
	if err != nil {
		return nil, err
	}
	as := map[string]string{}
	all := map[string]store.Request{}
	signatures := map[string]actions.Signed{} // those of the people involved, by request
	for _, w := range involved {
		own, err := stx.RequestsSince(w, since, mostEntries+1)
		if err != nil {
			return nil, err
		}
		for _, r := range own {
			as[r.ID], all[r.ID], signatures[r.ID] = "requester", r, r.Signed
		}
		entries, err := stx.EntriesAbout(store.ByWorker(w), since, mostEntries+1)
		if err != nil {
			return nil, err
		}
		if len(own) > mostEntries || len(entries) > mostEntries {
			return nil, fault.New(fault.TooLarge, "too-much", "%s did more than %d acts in that time; look back fewer days.", w, mostEntries)
		}
		var signed []string
		for _, e := range entries {
			if e.Body.Kind != entry.KindCountersign || len(e.BodyBytes) == 0 {
				continue
			}
			var v entry.Verdict
			if err := canonical.Unmarshal(e.Body.Data, &v); err != nil {
				return nil, err
			}
			signed = append(signed, v.Request)
		}
		rs, err := stx.RequestsByIDs(signed)
		if err != nil {
			return nil, err
		}
		for _, r := range rs {
			if _, ok := all[r.ID]; !ok {
				as[r.ID], all[r.ID] = "countersigner", r
				if n := slices.IndexFunc(r.Signers, func(c actions.Signed) bool { return c.Statement.Signer == w }); n >= 0 {
					signatures[r.ID] = r.Signers[n]
				}
			}
		}
	}
	delete(all, i.Request)
	var out []incident.Touched
	sessions := map[canonical.Digest][]actions.SignedSession{}
	for _, id := range slices.Backward(slices.Sorted(maps.Keys(all))) {
		r, signed := all[id], signatures[id]
		t := incident.Touched{Request: id, Kind: r.Action.Kind, Subject: r.Action.Subject, Tier: r.Action.Tier, Status: r.Status, At: r.Created, As: as[id], Session: signed.Statement.Session}
		if _, read := sessions[t.Session]; !read && !t.Session.IsZero() {
			switch x, err := stx.Session(t.Session); {
			case err == nil:
				sessions[t.Session] = []actions.SignedSession{x.Signed}
			case !fault.Is(err, "no-session"):
				return nil, err
			}
		}
		if signed.Statement.V != "" {
			t.With, _ = incident.SignedUnder(entry.Said{Signed: signed, Sessions: sessions[t.Session]}, s)
		}
		out = append(out, t)
	}
	around, err := touchedAround(stx, i, since)
	out = append(out, around...)
	slices.SortStableFunc(out, func(a, b incident.Touched) int { return b.At.Compare(a.At.Time) })
	return out, err
}

// touchedAround returns the other breaches that were done with the credentials that the
// platform names for an incident.
func touchedAround(stx *store.Tx, i incident.Incident, since canonical.Time) (out []incident.Touched, err error) {
	if i.Cause != incident.Breach {
		return nil, nil
	}
	names, err := stx.Credentials(i.ID)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		bs, err := stx.BreachesBy(i.Subject.Platform, name, since, i.ID, mostEntries+1)
		if err != nil {
			return nil, err
		}
		if len(bs) > mostEntries {
			return nil, fault.New(fault.TooLarge, "too-much", "One credential did more than %d breaches in that time; look back fewer days.", mostEntries)
		}
		for _, b := range bs {
			other, err := stx.Incident(b.Incident)
			if err != nil {
				return nil, err
			}
			t := incident.Touched{Request: b.ID, Subject: other.Subject, Tier: other.Tier, Status: incident.NotRestored, At: b.Seen, As: incident.AsCredential}
			if !b.Restored.IsZero() {
				t.Status = incident.Restored
			}
			out = append(out, t)
		}
	}
	return out, nil
}

// compareMoments orders a timeline: by time, then by place in the ledger.
func compareMoments(a, b incident.Moment) int {
	return cmp.Or(a.At.Compare(b.At.Time), cmp.Compare(a.Entry, b.Entry))
}
