// Package workforce knows the people of the desk: vendors, workers, their engagements and
// keys, and the standing of each at an instant. It is pure; its state is folded from the
// governance chain, and nothing else may change it.
//
// A worker's identifier is a pseudonym: it stands in the ledger for ever, and platforms
// and the public see it. Names and e-mail addresses are sealed.
package workforce

import (
	"cmp"
	"encoding/hex"
	"maps"
	"regexp"
	"slices"
	"time"

	"countersign.dev/canonical"
)

// WorkerID is a worker's pseudonym. It is never used for another person.
type WorkerID string

// VendorID names a company that supplies workers. The empty vendor is the
// platform's own company: its workers are employees.
type VendorID string

// KeyID names a key: "key_" and 32 hexadecimal digits of the SHA-256 of its
// algorithm and public half, so that one key has one name everywhere.
type KeyID string

// Role is what a worker does at the desk. A worker may have several.
type Role string

// The roles. Administration and action are apart: no role may do everything.
const (
	Agent        Role = "agent"        // works cases, requests acts
	Lead         Role = "lead"         // leads agents, countersigns
	Officer      Role = "officer"      // changes the desk, with others
	OnCall       Role = "oncall"       // freezes, undoes, may use emergency acts
	Investigator Role = "investigator" // reads incidents and exposure
	Auditor      Role = "auditor"      // reads everything that is evidence, changes nothing
	Specialist   Role = "specialist"   // trained for child safety and threats to life: works cases, sees media of child safety
)

// Roles lists every role.
var Roles = []Role{Agent, Lead, Officer, OnCall, Investigator, Auditor, Specialist}

// Settle is how long a newly admitted worker is a newcomer, and how long a
// gain in independence takes to count (design, law 4).
const Settle = 30 * 24 * time.Hour

const day = 24 * time.Hour

// DefaultRatchet is the number of days before the last day in which burdening acts on
// protected and critical subjects are refused, for vendors that set no other.
const DefaultRatchet = 14

var identifier = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// ValidIdentifier reports whether s may name a worker or a vendor: lower-case letters,
// digits, dot, underscore and hyphen, at most 64. An '@' is not allowed, so that no
// e-mail address ends in a ledger that forgets nothing.
func ValidIdentifier(s string) bool { return identifier.MatchString(s) }

// Record is one worker's engagement as an admission fixes it. The ledger keeps it in
// clear.
type Record struct {
	Worker  WorkerID       `json:"worker"`
	Vendor  VendorID       `json:"vendor"`
	Roles   []Role         `json:"roles"` // sorted, without doubles
	Team    string         `json:"team"`
	Manager WorkerID       `json:"manager"` // direct manager; may be a person who is not at the desk
	Site    string         `json:"site"`
	Zone    string         `json:"zone"`   // IANA time zone of the site
	Start   canonical.Time `json:"start"`  // first instant at which the worker may act
	Last    canonical.Time `json:"last"`   // the engagement ends at this instant; zero: open-ended
	Notice  canonical.Time `json:"notice"` // when notice was given; zero: none
}

// Person holds the personal fields of a worker, which the ledger only seals.
type Person struct {
	Name  string
	Email string
}

// Tie holds the facts about a worker that independence depends on.
type Tie struct {
	Vendor  VendorID
	Manager WorkerID
	Until   time.Time // when it was superseded; zero for the present one
}

// Worker is a person at the desk, as the governance chain says.
type Worker struct {
	Record
	Admitted canonical.Time // time of the admission that began this engagement
	Founding bool           // admitted by the founding import or the founding statement
	Ended    canonical.Time // when an action ended the engagement before Last; zero: none did
	Past     []Tie          // superseded ties, newest last; kept while they may still count
	Entry    int64          // number of the governance entry with the newest record
}

// End returns the instant at which the engagement ends, zero if open-ended.
func (w Worker) End() canonical.Time {
	switch {
	case w.Ended.IsZero():
		return w.Last
	case w.Last.IsZero() || w.Ended.Before(w.Last.Time):
		return w.Ended
	default:
		return w.Last
	}
}

// Employee reports whether the worker is engaged by the platform's own company.
func (w Worker) Employee() bool { return w.Vendor == "" }

// Has reports whether the worker has the role.
func (w Worker) Has(r Role) bool { return slices.Contains(w.Roles, r) }

// Settled returns the instant from which the worker is no newcomer: Settle
// after the start for people of the founding import, else after the later of
// start and admission.
func (w Worker) Settled() time.Time {
	from := w.Start.Time
	if !w.Founding && w.Admitted.After(from) {
		from = w.Admitted.Time
	}
	return from.Add(Settle)
}

// Counts returns the instant from which the worker counts as independent of
// anybody: at once for the founding import, else Settle after the admission.
func (w Worker) Counts() time.Time {
	if w.Founding {
		return w.Start.Time
	}
	return w.Settled()
}

// Ties returns the facts that independence depends on at an instant: the present tie and
// those superseded less than Settle before, since independence is lost at once and gained
// only with time.
func (w Worker) Ties(at time.Time) []Tie {
	ties := []Tie{{Vendor: w.Vendor, Manager: w.Manager}}
	for _, t := range w.Past {
		if at.Before(t.Until.Add(Settle)) {
			ties = append(ties, t)
		}
	}
	return ties
}

// Vendor is a company that supplies workers.
type Vendor struct {
	ID   VendorID `json:"id"`
	Name string   `json:"name"`
	// Ratchet is the number of days before a worker's last day in which burdening acts on
	// protected and critical subjects are refused.
	Ratchet int `json:"ratchet"`
}

// Algorithm says how a key signs.
type Algorithm string

// The algorithms. A file key signs the 32 bytes of the challenge; a passkey has
// them as its WebAuthn challenge.
const (
	FileEd25519    Algorithm = "ed25519"
	PasskeyES256   Algorithm = "webauthn-es256"
	PasskeyEd25519 Algorithm = "webauthn-eddsa"
)

// PublicKey describes a key, as its enrolment does.
type PublicKey struct {
	Algorithm Algorithm       `json:"algorithm"`
	Public    canonical.Bytes `json:"public"` // 32 bytes of Ed25519, or 65 bytes of an uncompressed P-256 point
	// Credential is the WebAuthn credential identifier; empty for a file key.
	Credential canonical.Bytes `json:"credential"`
	// Hardware says that the people who countersigned the enrolment saw the private half
	// bound to a device: a passkey that is not backup-eligible, or a file key that lives in
	// a hardware token. It rests on their word alone.
	Hardware bool `json:"hardware"`
}

// ID returns the key's name, which follows from its public half.
func (k PublicKey) ID() KeyID {
	d := canonical.Sum([]byte("countersign/key/v1\n"), []byte(k.Algorithm), []byte{'\n'}, k.Public)
	return KeyID("key_" + hex.EncodeToString(d[:16]))
}

// Passkey reports whether an authenticator keeps the private half for one site.
func (k PublicKey) Passkey() bool { return k.Algorithm != FileEd25519 }

// WellFormed reports whether the public half is one of its algorithm.
func (k PublicKey) WellFormed() bool {
	switch k.Algorithm {
	case FileEd25519, PasskeyEd25519:
		return len(k.Public) == 32
	case PasskeyES256:
		return len(k.Public) == 65 && k.Public[0] == 4
	}
	return false
}

// Key is an enrolled key.
type Key struct {
	PublicKey
	Worker   WorkerID
	Enrolled canonical.Time
	Revoked  canonical.Time // zero: not revoked
	Entry    int64          // number of the governance entry that enrolled it
}

// Live reports whether the key is enrolled and not revoked at an instant.
func (k Key) Live(at time.Time) bool {
	return !k.Enrolled.IsZero() && !at.Before(k.Enrolled.Time) && (k.Revoked.IsZero() || at.Before(k.Revoked.Time))
}

// Registry holds everybody. A Registry that has been published is not changed;
// changes are made to a Clone.
type Registry struct {
	Vendors map[VendorID]Vendor

	// A call that goes through everybody waits mostly for memory: so people lie in one piece
	// of it, each with the times of their keys.
	seats []Seat
	where map[WorkerID]int // index into seats
	keys  map[KeyID]Key
	// Keys of people who are not in the registry. A caller that folds only the entries under
	// a warrant meets keys before their workers, or without them.
	early map[WorkerID][]Held
}

// Seat is a worker and all keys that the worker has or had.
type Seat struct {
	Worker
	first  Held // most people have one key
	others []Held
}

// Held holds the facts about a key that a seat keeps.
type Held struct {
	ID       KeyID
	Enrolled canonical.Time
	Revoked  canonical.Time // zero: not revoked
	Hardware bool
}

// Live reports whether the key is enrolled and not revoked at an instant.
func (h Held) Live(at time.Time) bool {
	return !h.Enrolled.IsZero() && !at.Before(h.Enrolled.Time) && (h.Revoked.IsZero() || at.Before(h.Revoked.Time))
}

// Held yields the worker's keys, revoked ones included, as they were enrolled.
func (s *Seat) Held(yield func(*Held) bool) {
	if s.first.ID == "" || !yield(&s.first) {
		return
	}
	for i := range s.others {
		if !yield(&s.others[i]) {
			return
		}
	}
}

// Best returns the key with which the worker would sign at an instant: a live one, in
// hardware if there is one; of equals the first by name.
func (s *Seat) Best(at time.Time) (best Held, ok bool) {
	for h := range s.Held {
		if h.Live(at) && (!ok || h.Hardware && !best.Hardware || h.Hardware == best.Hardware && h.ID < best.ID) {
			best, ok = *h, true
		}
	}
	return best, ok
}

// NewRegistry returns an empty registry.
func NewRegistry() *Registry {
	return &Registry{Vendors: map[VendorID]Vendor{}, where: map[WorkerID]int{}, keys: map[KeyID]Key{}, early: map[WorkerID][]Held{}}
}

// Clone returns a registry that may be changed without touching r.
func (r *Registry) Clone() *Registry {
	return &Registry{maps.Clone(r.Vendors), slices.Clone(r.seats), maps.Clone(r.where), maps.Clone(r.keys), maps.Clone(r.early)}
}

// Seats returns everybody in the order in which they were first admitted. It must
// not be changed.
func (r *Registry) Seats() []Seat { return r.seats }

// Worker returns a worker by identifier; ok is false if there is none.
func (r *Registry) Worker(id WorkerID) (w Worker, ok bool) {
	if s := r.Seat(id); s != nil {
		return s.Worker, true
	}
	return Worker{}, false
}

// Seat returns a worker's seat, which must not be changed, or nil.
func (r *Registry) Seat(id WorkerID) *Seat {
	if i, ok := r.where[id]; ok {
		return &r.seats[i]
	}
	return nil
}

// Sorted returns all workers by identifier.
func (r *Registry) Sorted() []Worker {
	all := make([]Worker, len(r.seats))
	for i := range r.seats {
		all[i] = r.seats[i].Worker
	}
	slices.SortFunc(all, func(a, b Worker) int { return cmp.Compare(a.Worker, b.Worker) })
	return all
}

// Key returns a key by name; ok is false if it was never enrolled.
func (r *Registry) Key(id KeyID) (k Key, ok bool) {
	k, ok = r.keys[id]
	return k, ok
}

// Keys returns all keys, revoked ones included, by name.
func (r *Registry) Keys() []Key {
	return slices.SortedFunc(maps.Values(r.keys), func(a, b Key) int { return cmp.Compare(a.ID(), b.ID()) })
}

// KeysOf returns a worker's keys, revoked ones included, by name.
func (r *Registry) KeysOf(w WorkerID) []Key {
	var ks []Key
	if s := r.Seat(w); s != nil {
		for h := range s.Held {
			ks = append(ks, r.keys[h.ID])
		}
	}
	slices.SortFunc(ks, func(a, b Key) int { return cmp.Compare(a.ID(), b.ID()) })
	return ks
}

// PutKey puts a key in place, new or changed.
func (r *Registry) PutKey(k Key) {
	h := Held{k.ID(), k.Enrolled, k.Revoked, k.Hardware}
	r.keys[h.ID] = k
	if s := r.Seat(k.Worker); s != nil {
		s.put(h)
	} else {
		r.early[k.Worker] = append(slices.Clone(r.early[k.Worker]), h)
	}
}

func (s *Seat) put(h Held) {
	if s.first.ID == "" || s.first.ID == h.ID {
		s.first = h
		return
	}
	s.others = slices.Clone(s.others) // a clone's seat may share them
	if i := slices.IndexFunc(s.others, func(o Held) bool { return o.ID == h.ID }); i >= 0 {
		s.others[i] = h
	} else {
		s.others = append(s.others, h)
	}
}

// Admit puts a record in place at an instant. A worker whose engagement had
// ended begins anew; for the others a change of vendor or manager leaves the
// old tie behind for Settle.
func (r *Registry) Admit(rec Record, at canonical.Time, founding bool, entry int64) {
	w, known := r.Worker(rec.Worker)
	over := known && !w.End().IsZero() && !at.Before(w.End().Time)
	if known && (w.Vendor != rec.Vendor || w.Manager != rec.Manager) {
		past := w.Ties(at.Time)[1:]
		w.Past = append(slices.Clone(past), Tie{Vendor: w.Vendor, Manager: w.Manager, Until: at.Time})
	}
	if !known || over {
		w.Admitted, w.Founding = at, founding
	}
	w.Record, w.Ended, w.Entry = rec, canonical.Time{}, entry
	r.Put(w)
}

// Put puts a worker's record in place, new or changed. Values that many workers share
// (vendor, manager, roles) are kept in memory once.
func (r *Registry) Put(w Worker) {
	if v, ok := r.Vendors[w.Vendor]; ok {
		w.Vendor = v.ID
	}
	if m := r.Seat(w.Manager); m != nil {
		w.Manager = m.Worker.Worker
	}
	if rs, ok := oneRole[firstOf(w.Roles)]; ok && len(w.Roles) == 1 {
		w.Roles = rs
	}
	if s := r.Seat(w.Worker); s != nil {
		s.Worker = w
		return
	}
	seat := Seat{Worker: w}
	for _, h := range r.early[w.Worker] {
		seat.put(h)
	}
	delete(r.early, w.Worker)
	r.where[w.Worker] = len(r.seats)
	r.seats = append(r.seats, seat)
}

// oneRole holds a list for each role alone, since most people have one role. The lists
// are shared: nobody changes a record's roles in place.
var oneRole = func() map[Role][]Role {
	m := map[Role][]Role{}
	for _, role := range Roles {
		m[role] = []Role{role}
	}
	return m
}()

func firstOf(roles []Role) Role {
	if len(roles) == 0 {
		return ""
	}
	return roles[0]
}

// Standing is a worker's standing at an instant: the facts about time that policy reads
// as booleans.
type Standing struct {
	Worker   WorkerID
	Known    bool
	Engaged  bool
	Why      string // why not engaged, for a person
	Employee bool
	Vendor   VendorID
	Roles    []Role
	InNotice bool // notice has been given
	Ratchet  bool // within the vendor's ratchet before the last day
	Newcomer bool // at the desk for less than Settle
	Last     canonical.Time
}

// Standing returns a worker's standing at an instant. An unknown worker, and one whose
// engagement cannot be read, is not engaged (law 5).
func (r *Registry) Standing(id WorkerID, at time.Time) Standing {
	s := r.Seat(id)
	if s == nil {
		return Standing{Worker: id, Why: "no such worker at this desk", InNotice: true, Ratchet: true, Newcomer: true}
	}
	return r.StandingOf(&s.Worker, at)
}

// StandingOf is Standing for a worker that was looked up already; it serves callers that
// go through everybody.
func (r *Registry) StandingOf(w *Worker, at time.Time) Standing {
	s := Standing{Worker: w.Worker, Known: true, Vendor: w.Vendor, Roles: w.Roles, Last: w.End()}
	// A person who was a contractor a week ago does not yet fill an employee's slot. This
	// goes through the Ties without making a slice, since it runs for everybody at once.
	s.Employee = w.Vendor == ""
	for _, t := range w.Past {
		s.Employee = s.Employee && (t.Vendor == "" || !at.Before(t.Until.Add(Settle)))
	}
	end := w.End()
	switch {
	case w.Start.IsZero():
		s.Why = "the engagement has no start"
	case at.Before(w.Start.Time):
		s.Why = "the engagement begins on " + w.Start.UTC().Format("2 January 2006 15:04 UTC")
	case !end.IsZero() && !at.Before(end.Time):
		s.Why = "the engagement ended on " + end.UTC().Format("2 January 2006 15:04 UTC")
	default:
		s.Engaged = true
	}
	if w.Vendor != "" {
		if _, ok := r.Vendors[w.Vendor]; !ok {
			s.Engaged, s.Why = false, "the vendor "+string(w.Vendor)+" is not admitted"
		}
	}
	ratchet := DefaultRatchet
	if v, ok := r.Vendors[w.Vendor]; ok {
		ratchet = v.Ratchet
	}
	s.InNotice = !w.Notice.IsZero() && !at.Before(w.Notice.Time)
	s.Ratchet = !end.IsZero() && !at.Before(end.Add(-time.Duration(ratchet)*day)) // in UTC, where a day has 24 hours
	s.Newcomer = at.Before(w.Settled())
	return s
}

// Has reports whether the standing includes the role.
func (s Standing) Has(r Role) bool { return slices.Contains(s.Roles, r) }
