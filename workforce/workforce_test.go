package workforce

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"countersign.dev/canonical"
)

var noon = canonical.At(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))

const tick = time.Microsecond

func ago(d time.Duration) canonical.Time { return canonical.At(noon.Add(-d)) }
func in(d time.Duration) canonical.Time  { return canonical.At(noon.Add(d)) }
func days(n int) time.Duration           { return time.Duration(n) * 24 * time.Hour }

// single returns a registry of one vendor and one worker.
func single(by func(*Record)) *Registry {
	reg := NewRegistry()
	reg.Vendors["acme"] = Vendor{ID: "acme", Name: "Acme", Ratchet: 10}
	rec := Record{Worker: "w", Vendor: "acme", Roles: []Role{Agent}, Start: ago(days(100)), Last: in(days(100))}
	if by != nil {
		by(&rec)
	}
	reg.Admit(rec, ago(days(90)), false, 1)
	return reg
}

// TestStandingBoundaries looks one microsecond before, at, and one after every
// instant at which who somebody is changes.
func TestStandingBoundaries(t *testing.T) {
	at := canonical.At
	for name, c := range map[string]struct {
		reg   *Registry
		from  canonical.Time // the first instant at which it is so
		what  func(Standing) bool
		until bool // it was so before, and is not from then on
	}{
		"begins at the start":     {single(nil), ago(days(100)), func(s Standing) bool { return s.Engaged }, false},
		"ends at the last hour":   {single(nil), in(days(100)), func(s Standing) bool { return s.Engaged }, true},
		"in notice once given":    {single(func(r *Record) { r.Notice = noon }), noon, func(s Standing) bool { return s.InNotice }, false},
		"ratchet of the vendor":   {single(nil), in(days(90)), func(s Standing) bool { return s.Ratchet }, false},
		"newcomer for 30 days":    {single(nil), ago(days(60)), func(s Standing) bool { return s.Newcomer }, true},
		"newcomer from the start": {single(func(r *Record) { r.Start = ago(days(50)) }), ago(days(20)), func(s Standing) bool { return s.Newcomer }, true},
		"ended by an action": {func() *Registry {
			reg := single(nil)
			w := reg.Seat("w").Worker
			w.Ended = noon
			reg.Put(w)
			return reg
		}(), noon, func(s Standing) bool { return s.Engaged }, true},
		"ended after the last day": {func() *Registry {
			reg := single(nil)
			w := reg.Seat("w").Worker
			w.Ended = in(days(200))
			reg.Put(w)
			return reg
		}(), in(days(100)), func(s Standing) bool { return s.Engaged }, true},
		"no employee for 30 days after a vendor": {func() *Registry {
			reg := single(nil)
			reg.Admit(Record{Worker: "w", Roles: []Role{Agent}, Start: ago(days(100)), Last: in(days(100))}, noon, false, 2)
			return reg
		}(), in(Settle), func(s Standing) bool { return s.Employee }, false},
	} {
		for _, off := range []time.Duration{-days(1), -tick, 0, tick, days(1)} {
			want := off >= 0 != c.until
			if got := c.what(c.reg.Standing("w", at(c.from.Add(off)).Time)); got != want {
				t.Errorf("%s: %v, %s off: %v", name, c.from, off, got)
			}
		}
	}
}

// TestStanding: what holds whatever the clock says.
func TestStanding(t *testing.T) {
	reg := single(nil)
	now := noon.Time
	// Somebody unknown has every fact against them.
	want := Standing{Worker: "ghost", Why: "no such worker at this desk", InNotice: true, Ratchet: true, Newcomer: true}
	if d := cmp.Diff(want, reg.Standing("ghost", now)); d != "" {
		t.Error(d)
	}
	// A vendor that is not admitted engages nobody.
	delete(reg.Vendors, "acme")
	if s := reg.Standing("w", now); s.Engaged || !strings.Contains(s.Why, "acme") {
		t.Errorf("of an unknown vendor: %+v", s)
	}
	// An engagement that cannot be read has ended (law 5).
	if s := single(func(r *Record) { r.Start = canonical.Time{} }).Standing("w", now); s.Engaged || s.Why == "" {
		t.Errorf("without a start: %+v", s)
	}
	// An employee without an end is in no ratchet, one with an end in that of the default.
	employee := func(last canonical.Time) Standing {
		return single(func(r *Record) { r.Vendor, r.Last = "", last }).Standing("w", now)
	}
	if s := employee(canonical.Time{}); !s.Engaged || s.Ratchet || !s.Employee {
		t.Errorf("an open-ended employee: %+v", s)
	}
	if s := employee(in(days(DefaultRatchet))); !s.Ratchet {
		t.Errorf("an employee %d days before the end: %+v", DefaultRatchet, s)
	}
	if s := employee(canonical.At(in(days(DefaultRatchet)).Add(tick))); s.Ratchet {
		t.Errorf("an employee just before that: %+v", s)
	}
	// A vendor's ratchet of 0 days begins with the end.
	reg = single(func(r *Record) { r.Last = in(tick) })
	reg.Vendors["acme"] = Vendor{ID: "acme"}
	if s := reg.Standing("w", now); s.Ratchet || !s.Engaged {
		t.Errorf("a ratchet of 0: %+v", s)
	}
	if s := reg.Standing("w", now.Add(tick)); !s.Ratchet || s.Engaged {
		t.Errorf("a ratchet of 0 at the end: %+v", s)
	}
}

// TestFounding: the founding import counts people from their engagement's start,
// everybody later from the later of start and admission.
func TestFounding(t *testing.T) {
	reg := single(nil)
	rec := reg.Seat("w").Record
	for name, c := range map[string]struct {
		start, admitted canonical.Time
		founding        bool
		settled, counts canonical.Time
	}{
		"founding, long there":      {ago(days(100)), noon, true, ago(days(70)), ago(days(100))},
		"founding, beginning later": {in(days(5)), noon, true, in(days(35)), in(days(5))},
		"later, long there":         {ago(days(100)), noon, false, in(days(30)), in(days(30))},
		"later, beginning later":    {in(days(5)), noon, false, in(days(35)), in(days(35))},
	} {
		reg := NewRegistry()
		rec.Start = c.start
		reg.Admit(rec, c.admitted, c.founding, 1)
		w := reg.Seat("w").Worker
		if !w.Settled().Equal(c.settled.Time) || !w.Counts().Equal(c.counts.Time) {
			t.Errorf("%s: settled %s, counts %s", name, w.Settled(), w.Counts())
		}
	}
}

// TestAdmitAgain: a second admission changes the record and leaves the old ties
// behind; who had left begins anew.
func TestAdmitAgain(t *testing.T) {
	reg := single(nil)
	rec := reg.Seat("w").Record
	rec.Team, rec.Manager = "blue", "lee"
	before := reg.Clone()
	reg.Admit(rec, noon, true, 7)
	w := reg.Seat("w").Worker
	if w.Admitted != ago(days(90)) || w.Founding || w.Entry != 7 || w.Team != "blue" {
		t.Errorf("a change makes a newcomer, or a founder: %+v", w)
	}
	if d := cmp.Diff([]Tie{{Vendor: "acme", Until: noon.Time}}, w.Past); d != "" {
		t.Error(d)
	}
	if w := before.Seat("w"); len(w.Past) != 0 || w.Team != "" {
		t.Error("the clone changed with the original")
	}
	// The same tie again leaves nothing behind; an older one drops out in time.
	reg.Admit(rec, in(days(1)), false, 8)
	if len(reg.Seat("w").Past) != 1 {
		t.Errorf("ties %+v", reg.Seat("w").Past)
	}
	rec.Manager = "max"
	reg.Admit(rec, in(days(30)), false, 9)
	if d := cmp.Diff([]Tie{{Vendor: "acme", Manager: "lee", Until: noon.Add(days(30))}}, reg.Seat("w").Past); d != "" {
		t.Error(d)
	}
	// Past the last day, an admission begins a new engagement.
	rec.Start, rec.Last = in(days(150)), in(days(300))
	reg.Admit(rec, in(days(100)), false, 10)
	if w := reg.Seat("w").Worker; w.Admitted != in(days(100)) || !reg.Standing("w", noon.Add(days(151))).Newcomer {
		t.Errorf("who comes back is no newcomer: %+v", w)
	}
	// Ended by an action, then admitted again at the same instant: begins anew and is not ended.
	w = reg.Seat("w").Worker
	w.Ended = in(days(200))
	reg.Put(w)
	reg.Admit(rec, in(days(200)), false, 11)
	if w := reg.Seat("w").Worker; w.Admitted != in(days(200)) || !w.Ended.IsZero() {
		t.Errorf("after an end: %+v", w)
	}
}

func TestKeys(t *testing.T) {
	k := Key{PublicKey: PublicKey{Algorithm: FileEd25519, Public: []byte("public")}, Worker: "w", Enrolled: noon, Revoked: in(days(1))}
	for at, want := range map[time.Duration]bool{-tick: false, 0: true, days(1) - tick: true, days(1): false} {
		if k.Live(noon.Add(at)) != want {
			t.Errorf("%s after the enrolment: %v", at, !want)
		}
	}
	if (Key{}).Live(noon.Time) {
		t.Error("a key that was never enrolled is live")
	}
	// One key has one name; algorithm and public half decide, nothing else.
	same := k.PublicKey
	same.Hardware, same.Credential = true, []byte("c")
	other, longer := k.PublicKey, k.PublicKey
	other.Algorithm, longer.Public = PasskeyEd25519, []byte("publicc")
	if k.ID() != same.ID() || k.ID() == other.ID() || k.ID() == longer.ID() || !strings.HasPrefix(string(k.ID()), "key_") || len(k.ID()) != 36 {
		t.Errorf("names %s %s %s %s", k.ID(), same.ID(), other.ID(), longer.ID())
	}
	if got := k.ID(); got != "key_69696e4852e7d9f13eb8f27e159d7d90" {
		t.Errorf("the name of a key has changed: %s", got) // it stands in ledgers
	}
	reg := NewRegistry()
	reg.Put(Worker{Record: Record{Worker: "w"}})
	reg.Put(Worker{Record: Record{Worker: "x"}})
	for _, p := range []string{"b", "a", "c"} {
		n := Key{PublicKey: PublicKey{Algorithm: FileEd25519, Public: []byte(p)}, Worker: "w"}
		reg.PutKey(n)
	}
	stranger := Key{PublicKey: PublicKey{Algorithm: FileEd25519, Public: []byte("x")}, Worker: "x"}
	reg.PutKey(stranger)
	ks := reg.KeysOf("w")
	if len(ks) != 3 || ks[0].ID() > ks[1].ID() || ks[1].ID() > ks[2].ID() {
		t.Errorf("keys %+v", ks)
	}
}

func TestSorted(t *testing.T) {
	reg := NewRegistry()
	for _, id := range []WorkerID{"c", "a", "b"} {
		reg.Put(Worker{Record: Record{Worker: id}})
	}
	if s := reg.Sorted(); len(s) != 3 || s[0].Worker != "a" || s[2].Worker != "c" {
		t.Errorf("sorted %+v", s)
	}
}

// TestStandingOnlyEnds: once an engagement has ended it stays ended, and the
// ratchet, once begun, stays on, whatever the record says.
func TestStandingOnlyEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hours := rapid.IntRange(-2000, 2000)
		reg := single(func(r *Record) {
			r.Start, r.Last = in(time.Duration(hours.Draw(t, "start"))*time.Hour), in(time.Duration(hours.Draw(t, "last"))*time.Hour)
		})
		a := rapid.IntRange(-3000, 3000).Draw(t, "first")
		b := rapid.IntRange(a, 3000).Draw(t, "second")
		s, u := reg.Standing("w", noon.Add(time.Duration(a)*time.Hour)), reg.Standing("w", noon.Add(time.Duration(b)*time.Hour))
		end := reg.Seat("w").End()
		if !s.Engaged && u.Engaged && !noon.Add(time.Duration(a)*time.Hour).Before(end.Time) {
			t.Fatal("an ended engagement begins again")
		}
		if s.Ratchet && !u.Ratchet || !s.Newcomer && u.Newcomer {
			t.Fatalf("%+v becomes %+v", s, u)
		}
		if s.Engaged != (s.Why == "") {
			t.Fatalf("engaged %v because %q", s.Engaged, s.Why)
		}
	})
}

// A seat says of keys what the registry says, and a clone's keys are its own.
func TestSeat(t *testing.T) {
	reg := NewRegistry()
	reg.Put(Worker{Record: Record{Worker: "w"}})
	put := func(r *Registry, name string, hardware bool, enrolled, revoked canonical.Time) KeyID {
		k := Key{PublicKey: PublicKey{Algorithm: FileEd25519, Public: []byte(name), Hardware: hardware}, Worker: "w", Enrolled: enrolled, Revoked: revoked}
		r.PutKey(k)
		return k.ID()
	}
	best := func(r *Registry, at canonical.Time, want KeyID) {
		t.Helper()
		if b, ok := r.Seat("w").Best(at.Time); b.ID != want || ok != (want != "") {
			t.Errorf("at %s the best key is %q, not %q", at, b.ID, want)
		}
	}
	best(reg, noon, "")
	soft := put(reg, "soft", false, in(days(1)), canonical.Time{})
	best(reg, noon, "")
	best(reg, in(days(1)), soft)
	hard := put(reg, "hard", true, in(days(2)), in(days(4)))
	other := put(reg, "other", true, in(days(3)), in(days(5)))
	best(reg, in(days(1)), soft)
	best(reg, in(days(2)), hard)
	best(reg, in(days(3)), min(hard, other))
	best(reg, in(days(4)), other)
	best(reg, in(days(5)), soft)

	copied := reg.Clone()
	put(copied, "soft", false, in(days(1)), in(days(2)))
	put(copied, "other", true, in(days(3)), in(days(3)))
	third := put(copied, "third", false, in(days(1)), canonical.Time{})
	best(reg, in(days(5)), soft)
	best(copied, in(days(5)), third)
	best(reg, in(days(4)), other)
	if len(reg.KeysOf("w")) != 3 || len(copied.KeysOf("w")) != 4 || len(reg.Keys()) != 3 || len(copied.Keys()) != 4 {
		t.Error("a clone shares its keys")
	}
	copied.Put(Worker{Record: Record{Worker: "w", Team: "other"}})
	best(copied, in(days(5)), third) // a new record leaves the keys
	if reg.Seat("w").Team != "" || reg.Seat("x") != nil {
		t.Error("a clone shares its workers")
	}
	// Keys may come before their worker: the newest word on each counts.
	early := Key{PublicKey: PublicKey{Algorithm: FileEd25519, Public: []byte("early")}, Worker: "x", Enrolled: noon}
	reg.PutKey(early)
	early.Revoked = in(days(1))
	reg.PutKey(early)
	copied = reg.Clone()
	reg.Put(Worker{Record: Record{Worker: "x"}})
	if _, ok := reg.Seat("x").Best(in(days(1)).Time); ok || len(reg.KeysOf("x")) != 1 || copied.Seat("x") != nil || len(copied.Keys()) != 4 {
		t.Error("a key that came before its worker is lost or not revoked")
	}
	copied.Put(Worker{Record: Record{Worker: "x"}})
	if b, ok := copied.Seat("x").Best(noon.Time); !ok || b.ID != early.ID() {
		t.Error("a clone lost a key that came before its worker")
	}
}
