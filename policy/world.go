package policy

import (
	"slices"
	"sync"

	"github.com/cedar-policy/cedar-go"

	"countersign.dev/actions"
	"countersign.dev/platform"
	"countersign.dev/workforce"
)

// This file turns facts into Cedar entities. A worker has five booleans, six roles and at
// most one vendor, and all other facts are enumerated, so that attributes, parents and
// contexts are built once and shared: Cedar's records are immutable, and building one
// costs as much as several policies.

// Types of the schema.
const (
	typeAction   cedar.EntityType = "Action"
	typeWorker   cedar.EntityType = "Worker"
	typeRole     cedar.EntityType = "Role"
	typeVendor   cedar.EntityType = "Vendor"
	typePlatform cedar.EntityType = "Platform"
	typeAccount  cedar.EntityType = "Account"
	typeContent  cedar.EntityType = "Content"
	typeDesk     cedar.EntityType = "Desk"
	typePart     cedar.EntityType = "Part"
	typeQueue    cedar.EntityType = "Queue"
)

var (
	actionCountersign  = cedar.NewEntityUID(typeAction, "countersign")
	actionReadExposure = cedar.NewEntityUID(typeAction, "read.exposure")
	actionReadEvidence = cedar.NewEntityUID(typeAction, "read.evidence")
	actionWarn         = cedar.NewEntityUID(typeAction, cedar.String(actions.AccountWarn))
)

var parts = []string{actions.PartWorkforce, actions.PartKeys, actions.PartPolicy, actions.PartTiers,
	actions.PartBudgets, actions.PartTrust, actions.PartVendors, actions.PartPlatforms, actions.PartOrders, actions.PartModes,
	actions.PartLocks, actions.PartFreezes, actions.PartReviews, actions.PartLaws, actions.PartSessions, actions.PartFormats,
	actions.PartPrograms, actions.PartRules, actions.PartQueues, actions.PartHashes}

// laterParts came when there were sets in force already. A set that names such a part
// nowhere may be older than the part, and rules on it as on the part policy: it still loads,
// and no change of a new part needs fewer people under it.
var laterParts = []string{actions.PartPrograms, actions.PartRules, actions.PartQueues, actions.PartHashes}

// question is one question in Cedar's form. It is the EntityGetter of its own evaluation.
type question struct {
	request cedar.Request
	worker  cedar.Entity
	subject cedar.Entity
	actions cedar.EntityMap
}

// Get returns the entities of the question. Roles, vendors and platforms have
// neither attributes nor parents and need not be there.
func (q *question) Get(uid cedar.EntityUID) (cedar.Entity, bool) {
	switch {
	case uid == q.request.Principal:
		return q.worker, true
	case uid == q.request.Resource:
		return q.subject, true
	case uid.Type == typeAction:
		e, ok := q.actions[uid]
		return e, ok
	default:
		return cedar.Entity{}, false
	}
}

// world holds the values that questions share.
type world struct {
	actions  cedar.EntityMap                 // with their groups, from the schema
	workers  [1 << 5]cedar.Record            // by the five booleans
	parents  sync.Map                        // of kinship → cedar.EntityUIDSet
	subjects map[actions.Tier]cedar.Record   // of accounts and content
	desks    map[string]cedar.Record         // by part
	contexts sync.Map                        // of contextKey → cedar.Record
	platform map[string]cedar.EntityUIDSet   // of platforms that the set names
	vendors  map[workforce.VendorID]struct{} // vendors that the set names; the others are all alike
}

// kinship holds the facts that decide a worker's parents.
type kinship struct {
	roles  uint8
	vendor workforce.VendorID // empty unless the set names it
}

// contextKey holds the facts that decide a context. All its members are enumerated, so
// that the cache is bounded.
type contextKey struct {
	kind      actions.Kind
	direction actions.Direction
	effect    actions.Effect
	verb      platform.Verb
	category  actions.Category
	lifts     Lift
	founding  bool
	desk      bool // the desk's word is shown
	caseGiven bool
}

func newWorld(acts cedar.EntityMap, named names) *world {
	w := &world{actions: acts, vendors: named.vendors, subjects: map[actions.Tier]cedar.Record{},
		desks: map[string]cedar.Record{}, platform: map[string]cedar.EntityUIDSet{}}
	for i := range w.workers {
		w.workers[i] = cedar.NewRecord(cedar.RecordMap{
			"employee":  cedar.Boolean(i&1 != 0),
			"engaged":   cedar.Boolean(i&2 != 0),
			"in_notice": cedar.Boolean(i&4 != 0),
			"ratchet":   cedar.Boolean(i&8 != 0),
			"newcomer":  cedar.Boolean(i&16 != 0),
		})
	}
	for _, t := range actions.Tiers {
		w.subjects[t] = cedar.NewRecord(cedar.RecordMap{"tier": literal("Tier", t)})
	}
	for _, p := range parts {
		shown := p
		if _, ok := named.parts[p]; !ok && slices.Contains(laterParts, p) {
			shown = actions.PartPolicy
		}
		w.desks[p] = cedar.NewRecord(cedar.RecordMap{"tier": literal("Tier", actions.Critical), "part": literal("Part", shown)})
	}
	for p := range named.platforms {
		w.platform[p] = cedar.NewEntityUIDSet(literal(typePlatform, p))
	}
	return w
}

func literal[S ~string](t cedar.EntityType, id S) cedar.EntityUID {
	return cedar.NewEntityUID(t, cedar.String(id))
}

// orNone names the empty value of an enumeration, since Cedar has no empty name.
func orNone[S ~string](s, none S) S {
	if s == "" {
		return none
	}
	return s
}

// ask fills q with the question whether a worker may do the act of the facts. It returns
// why it cannot, if a fact is not one that the product knows; else an empty text.
func (w *world) ask(q *question, action cedar.EntityUID, f *Facts) (why string) {
	if why := f.check(); why != "" {
		return why
	}
	q.actions = w.actions
	q.worker = cedar.Entity{UID: literal(typeWorker, f.Worker.ID), Parents: w.kin(&f.Worker), Attributes: w.workers[flags(&f.Worker)]}
	switch f.Subject.Sort {
	case Desk:
		q.subject = cedar.Entity{UID: literal(typeDesk, "desk"), Attributes: w.desks[f.Subject.Part]}
	case platform.Content:
		q.subject = cedar.Entity{UID: literal(typeContent, "subject"), Parents: w.platform[f.Subject.Platform], Attributes: w.subjects[f.Subject.Tier]}
	default:
		q.subject = cedar.Entity{UID: literal(typeAccount, "subject"), Parents: w.platform[f.Subject.Platform], Attributes: w.subjects[f.Subject.Tier]}
	}
	q.request = cedar.Request{Principal: q.worker.UID, Action: action, Resource: q.subject.UID, Context: w.context(f)}
	return ""
}

func flags(w *Worker) int {
	n := 0
	for i, set := range [...]bool{w.Employee, w.Engaged, w.InNotice, w.Ratchet, w.Newcomer} {
		if set {
			n |= 1 << i
		}
	}
	return n
}

// roleMask has a bit for each role, in the order of workforce.Roles, and its highest bit
// for unknown roles.
func roleMask(roles []workforce.Role) uint8 {
	var m uint8
	for _, r := range roles {
		if i := slices.Index(workforce.Roles, r); i >= 0 {
			m |= 1 << i
		} else {
			m |= 1 << 7
		}
	}
	return m
}

func rolesOf(mask uint8) []workforce.Role {
	var rs []workforce.Role
	for i, r := range workforce.Roles {
		if mask&(1<<i) != 0 {
			rs = append(rs, r)
		}
	}
	return rs
}

func (w *world) kin(who *Worker) cedar.EntityUIDSet {
	k := kinship{roles: roleMask(who.Roles)}
	if _, named := w.vendors[who.Vendor]; named {
		k.vendor = who.Vendor
	}
	if s, ok := w.parents.Load(k); ok {
		return s.(cedar.EntityUIDSet)
	}
	var uids []cedar.EntityUID
	for _, r := range rolesOf(k.roles) {
		uids = append(uids, literal(typeRole, r))
	}
	if k.vendor != "" {
		uids = append(uids, literal(typeVendor, k.vendor))
	}
	s := cedar.NewEntityUIDSet(uids...)
	w.parents.Store(k, s)
	return s
}

func (w *world) context(f *Facts) cedar.Record {
	k := contextKey{kind: f.Kind, direction: f.Direction, effect: f.Effect, verb: f.Verb, category: f.Category, lifts: f.Lifts, founding: f.Founding}
	// The desk's word is shown for standard only: a policy that reads it for other subjects
	// finds nothing.
	if f.Subject.Sort != Desk && f.Subject.Tier == actions.Standard {
		k.desk, k.caseGiven = true, f.CaseGiven
	}
	if r, ok := w.contexts.Load(k); ok {
		return r.(cedar.Record)
	}
	m := cedar.RecordMap{
		"kind":      literal("Kind", k.kind),
		"direction": literal("Direction", k.direction),
		"effect":    literal("Effect", k.effect),
		"verb":      literal("Verb", orNone(k.verb, "none")),
		"category":  literal("Category", orNone(k.category, "rules")),
		"lifts":     literal("Lift", orNone(k.lifts, "none")),
		"founding":  cedar.Boolean(k.founding),
	}
	if k.desk {
		m["desk"] = cedar.NewRecord(cedar.RecordMap{"case": cedar.Boolean(k.caseGiven)})
	}
	r := cedar.NewRecord(m)
	w.contexts.Store(k, r)
	return r
}

// check names a fact that is missing, unknown, or contradicts the catalogue; empty if
// there is none. A ruling on such facts is no (design, law 5).
func (f *Facts) check() string {
	spec, ok := specs[f.Kind]
	if !ok {
		return "the kind of act is unknown"
	}
	for _, r := range f.Worker.Roles {
		if !slices.Contains(workforce.Roles, r) {
			return "the worker has a role that is unknown"
		}
	}
	if f.Worker.ID == "" {
		return "the worker is not named"
	}
	if spec.Desk {
		switch {
		case f.Subject.Sort != Desk || f.Subject.Platform != actions.DeskPlatform || !slices.Contains(parts, f.Subject.Part):
			return "the part of the desk is unknown"
		case f.Direction != actions.Burdening && f.Direction != actions.Relieving:
			return "the direction of the change is unknown"
		case f.Effect != actions.Reversible || f.Verb != "" || f.Category != "" || f.Lifts != "" || f.CaseGiven:
			return "a change of the desk has no verb, category, measure to lift or case"
		case f.Founding && (f.Kind != actions.DeskAdmit || f.Direction != actions.Burdening):
			return "only an admission can be the founding import"
		}
		return ""
	}
	switch {
	case f.Founding:
		return "only an admission can be the founding import"
	case f.Subject.Sort != spec.Sort || f.Subject.Platform == "" || f.Subject.Platform == actions.DeskPlatform || f.Subject.Part != "":
		return "the subject does not fit the kind of act"
	case !slices.Contains(actions.Tiers, f.Subject.Tier):
		return "the subject's tier is unknown"
	case f.Direction != spec.Direction:
		return "the direction is not the catalogue's"
	case !slices.Contains(spec.Verbs, f.Verb):
		return "the verb does not fit the kind of act"
	case (spec.Effect == actions.OneWay || spec.Says()) && f.Effect != spec.Effect,
		spec.Effect == actions.Reversible && f.Effect != actions.Reversible && f.Effect != actions.Lossy:
		return "the effect does not fit the kind of act"
	case f.Category != actions.CategoryRules && f.Category != actions.CategoryLegal && f.Category != actions.CategoryChildSafety:
		return "the category is unknown"
	case f.Lifts != "" && (spec.Direction != actions.Relieving || !slices.Contains(lifts, f.Lifts)):
		return "what is lifted does not fit the kind of act"
	}
	return ""
}

var lifts = []Lift{LiftOwn, LiftOurs, LiftOlder, LiftForeign, LiftBreach}

// specs is the catalogue by kind.
var specs = func() map[actions.Kind]actions.Spec {
	m := map[actions.Kind]actions.Spec{}
	for _, s := range actions.Catalogue() {
		m[s.Kind] = s
	}
	return m
}()
