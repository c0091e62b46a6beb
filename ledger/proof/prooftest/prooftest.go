// Package prooftest makes desks for tests: a real ledger, a real founding by
// three officers, people with keys, and the requests, countersignatures and
// warrants that they sign. What it makes is made by the rules of package proof,
// and a World is a complete desk as an executor or a verifier sees one. It is
// for tests alone and fails the test where anything goes wrong.
//
//	w := prooftest.Staffed(t)
//	r := w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/17"), actions.Critical)
//	w.Countersign(r, "lee", "kim")
//	warrant := w.Warrant(r)
package prooftest

import (
	"cmp"
	"crypto/ed25519"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/id"
	"countersign.dev/ledger"
	"countersign.dev/ledger/ledgertest"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/policy"
	"countersign.dev/workforce"
	"countersign.dev/workforce/workforcetest"
)

// ExecutorID names the executor that every World founds.
const ExecutorID = "executor-1"

// World is a desk in memory. Its methods may be called by several goroutines,
// save those that take part in the same Request.
type World struct {
	Origin      string
	Officers    []workforce.WorkerID // ada, bea, cem
	ExecutorKey ed25519.PrivateKey   // of ExecutorID
	Root        canonical.Digest     // hash of entry 0

	t      testing.TB
	mu     sync.Mutex
	log    memory
	state  *proof.State
	clock  time.Time
	random io.Reader
	keys   map[workforce.WorkerID]Signer
	grown  chan struct{} // closed when the log grows

	records  map[int64]canonical.Digest // by sequence
	measures map[string]actions.Measure // that were executed, by request
	requests map[string]*Request
	decided  atomic.Int64 // the version of the case that was decided last
}

// Options change what Found founds with; the zero value is the default.
type Options struct {
	Seed    byte // of all randomness: worlds of different seeds have different keys
	At      time.Time
	Policy  map[string]string
	Budgets []actions.Budget
	Trust   func(*actions.Trust)
	// FirstLaws founds a desk as they were founded before laws had numbers.
	FirstLaws bool
	// Laws is the number that the founding statement names; zero is the newest.
	Laws int64
	// Formats is the number of the formats in which the desk begins; zero is the newest that
	// its laws allow.
	Formats int64
}

// Found returns a desk founded by three officers, at which nobody else is yet.
func Found(t testing.TB, o Options) *World {
	t.Helper()
	if o.At.IsZero() {
		o.At = ledgertest.Epoch
	}
	if o.Policy == nil {
		o.Policy = policy.Default()
	}
	w := &World{Origin: ledgertest.Origin, t: t, clock: o.At, random: ledgertest.Rand(o.Seed + 128),
		Officers: slices.Clone(workforcetest.Officers), keys: map[workforce.WorkerID]Signer{},
		grown: make(chan struct{}), records: map[int64]canonical.Digest{}, measures: map[string]actions.Measure{}, requests: map[string]*Request{}}
	if err := w.log.start(w.Origin, w.random, o.At); err != nil {
		t.Fatal(err)
	}
	w.ExecutorKey = w.newKey()
	if o.Formats == 0 {
		o.Formats = actions.NewestFormats
		if o.FirstLaws || o.Laws > 0 && o.Laws < 3 {
			o.Formats = actions.FirstFormats
		}
	}
	if o.Budgets == nil {
		o.Budgets = actions.FoundingBudgets(o.Formats)
	}
	f := proof.Founding{V: proof.FoundingVersion(o.Formats), Laws: cmp.Or(o.Laws, actions.NewestLaws), Origin: w.Origin, LogKey: w.log.key.VerifierKey(), Policy: o.Policy, Budgets: o.Budgets,
		Time: canonical.At(o.At), Nonce: w.bytes(32), Trust: actions.Trust{Executor: ExecutorID,
			ExecutorKey: canonical.Bytes(w.ExecutorKey.Public().(ed25519.PublicKey)), RelyingParty: "desk.example.com",
			Origins: []string{"https://desk.example.com"}, EndingsPerHour: 10, RaisesPerHour: 20, UndoWindow: 30}}
	if o.FirstLaws {
		f.Laws = 0
	}
	if o.Formats > actions.FirstFormats {
		f.Formats = o.Formats
	}
	if o.Trust != nil {
		o.Trust(&f.Trust)
	}
	for _, officer := range w.Officers {
		w.keys[officer] = fileKey{w.newKey()}
		f.Officers = append(f.Officers, proof.Officer{Worker: officer, Key: w.PublicKey(officer)})
	}
	closed := proof.Closed{Founding: f}
	for _, officer := range w.Officers {
		closed.Signatures = append(closed.Signatures, w.sign(officer, f.Challenge()))
	}
	w.state = proof.NewState(canonical.Digest{})
	w.govern(proof.KindFounding, closed, nil)
	w.Root = w.state.Root
	return w
}

// Staffed returns a founded desk with the usual people; see Staff.
func Staffed(t testing.TB) *World {
	t.Helper()
	w := Found(t, Options{})
	w.Staff()
	return w
}

// Staff admits the cast in the founding import, with a key bound to hardware for each, and
// connects the platform plaza.
func (w *World) Staff() {
	w.t.Helper()
	for _, v := range workforcetest.Vendors {
		w.Change(actions.DeskChange, actions.Setting{Of: actions.PartVendors, Vendor: &workforce.Vendor{ID: v, Name: string(v), Ratchet: 14}})
	}
	people := workforcetest.Records(w.Now())
	w.Admit(people...)
	var ids []workforce.WorkerID
	for _, p := range people {
		ids = append(ids, p.Worker)
	}
	w.Enrol(ids...)
	w.Change(actions.DeskChange, actions.Setting{Of: actions.PartPlatforms, Platform: &actions.Platform{Name: "plaza", Connector: "plaza", Facts: platform.Facts, Labels: []string{"graphic", "sensitive", Label}}})
}

// Now is the desk's clock.
func (w *World) Now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.clock
}

// Advance moves the desk's clock.
func (w *World) Advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = w.clock.Add(d)
}

// State returns a copy of the desk's state.
func (w *World) State() *proof.State {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state.Clone()
}

// PublicKey returns the public half of somebody's key as it is enrolled.
func (w *World) PublicKey(id workforce.WorkerID) workforce.PublicKey {
	return w.Key(id).PublicKey()
}

// NewRequestID returns an identifier for a request.
func (w *World) NewRequestID() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return id.Source{Now: func() time.Time { return w.clock }, Rand: w.random}.New(proof.RequestPrefix)
}

// Key returns somebody's key.
func (w *World) Key(id workforce.WorkerID) Signer {
	w.mu.Lock()
	defer w.mu.Unlock()
	k, ok := w.keys[id]
	if !ok {
		w.t.Fatalf("prooftest: %s has no key", id)
	}
	return k
}

func (w *World) newKey() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(w.bytes(ed25519.SeedSize)) }

func (w *World) bytes(n int) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	b := make([]byte, n)
	if _, err := io.ReadFull(w.random, b); err != nil {
		w.t.Fatal(err)
	}
	return b
}

func (w *World) sign(id workforce.WorkerID, challenge [32]byte) actions.Signature {
	return w.Key(id).Sign(challenge)
}

// govern appends an entry of the governance chain and applies it.
func (w *World) govern(kind string, data any, sealed []ledger.Opening) ledger.Entry {
	w.t.Helper()
	e, err := w.tryGovern(kind, data, sealed)
	if err != nil {
		w.t.Fatalf("prooftest: %s: %v", kind, err)
	}
	return e
}

func (w *World) tryGovern(kind string, data any, sealed []ledger.Opening) (ledger.Entry, error) {
	next := w.State()
	entries, err := w.append([]ledger.Draft{{Class: ledger.Governance, Kind: kind, Data: data, Sealed: sealed, Expect: next.Next}},
		func(entries []ledger.Entry) error {
			if err := next.Apply(entries[0].Leaf, entries[0].Body); err != nil {
				return err
			}
			w.state = next
			return nil
		})
	if err != nil {
		return ledger.Entry{}, err
	}
	return entries[0], nil
}

// Change makes a change of the desk as all officers sign it: requested by the
// first, countersigned by the others where it needs them.
func (w *World) Change(k actions.Kind, c actions.Change) ledger.Entry {
	w.t.Helper()
	e, err := w.TryChange(k, c, w.Officers[0], w.Officers[1:]...)
	if err != nil {
		w.t.Fatalf("prooftest: %s: %v", k, err)
	}
	return e
}

// TryChange makes a change of the desk signed by these people, of whom those
// who are needed are kept.
func (w *World) TryChange(k actions.Kind, c actions.Change, by workforce.WorkerID, countersigners ...workforce.WorkerID) (ledger.Entry, error) {
	w.t.Helper()
	a, err := w.Authority(k, c, by, countersigners...)
	if err != nil {
		return ledger.Entry{}, err
	}
	return w.tryGovern(string(k), a, nil)
}

// Authority returns the data of the entry of a change of the desk.
func (w *World) Authority(k actions.Kind, c actions.Change, by workforce.WorkerID, countersigners ...workforce.WorkerID) (proof.Authority, error) {
	return w.authority(w.Countersign(w.RequestChange(k, c, by), countersigners...))
}

func (w *World) authority(r *Request) (proof.Authority, error) {
	state, ask := w.State(), w.Ask(r)
	j, err := state.Judge(ask)
	if err != nil {
		return proof.Authority{}, err
	}
	a := proof.Authority{Action: r.Action, Request: r.Signed}
	for _, cs := range r.Countersignatures {
		if !j.Ready || slices.ContainsFunc(j.Chosen, func(s actions.Signer) bool { return s.Worker == cs.Statement.Signer }) {
			a.Countersignatures = append(a.Countersignatures, cs)
		}
	}
	if entries := w.waited(j.Need, a.Request, a.Countersignatures); entries != nil {
		a.Waited = proof.Waited{Checkpoint: string(w.Head().Checkpoint), Entries: entries}
	}
	return a, nil
}

// Claim returns the data of the entry of a change with all these signatures,
// whatever the rules say of it.
func (w *World) Claim(k actions.Kind, c actions.Change, by workforce.WorkerID, countersigners ...workforce.WorkerID) proof.Authority {
	r := w.RequestChange(k, c, by)
	w.Countersign(r, countersigners...)
	return proof.Authority{Action: r.Action, Request: r.Signed, Countersignatures: r.Countersignatures}
}

// Resolve returns the executor's word on who a subject is, as of now.
func (w *World) Resolve(s platform.Subject) *actions.Resolution {
	r := actions.Resolution{Executor: w.State().Trust.Executor, Subject: s, At: canonical.At(w.Now())}
	c := r.Challenge(w.Root)
	r.Signature = ed25519.Sign(w.ExecutorKey, c[:])
	return &r
}

// resolve adds the executor's word where a change lacks it.
func (w *World) resolve(ch actions.Change) actions.Change {
	c, ok := ch.(actions.Setting)
	switch {
	case ok && c.Raise != nil && c.Raise.Resolved == nil:
		r := *c.Raise
		r.Resolved, c.Raise = w.Resolve(r.Subject), &r
		return c
	case ok && c.Unlock != nil && c.Unlock.Resolved == nil:
		u := *c.Unlock
		u.Resolved, c.Unlock = w.Resolve(u.Subject), &u
		return c
	}
	return ch
}

// RequestChange signs a request for a change of the desk, to which it adds the
// executor's word on whom it names, where that is missing.
func (w *World) RequestChange(k actions.Kind, c actions.Change, by workforce.WorkerID) *Request {
	c = w.resolve(c)
	return w.sign1(&Request{By: by, Action: actions.Action{V: actions.ActionVersion(w.State().Formats), Kind: k, Tier: actions.Critical, Direction: c.Direction(),
		Subject: deskSubject(c), Effect: actions.Reversible, Change: canonical.MustMarshal(c), Nonce: w.bytes(16)}})
}

// Rows returns people as rows of an admission, their change and their sealed fields.
func (w *World) Rows(people ...workforce.Record) (actions.Admit, []actions.Row, [][]ledger.Opening) {
	var rows []actions.Row
	var hashes []hash
	var opened [][]ledger.Opening
	for _, p := range people {
		openings, sealed := w.seal(string(p.Worker))
		row := actions.Row{Record: p, Sealed: sealed}
		rows, hashes, opened = append(rows, row), append(hashes, proof.RowHash(row)), append(opened, openings)
	}
	n := int64(len(rows))
	return actions.Admit{File: canonical.Sum(w.bytes(32)), Rows: n, Root: proof.RowsRoot(hashes), Joiners: n}, rows, opened
}

// Admit admits people: the first time as the founding import.
func (w *World) Admit(people ...workforce.Record) {
	w.t.Helper()
	change, rows, opened := w.Rows(people...)
	change.Founding = !w.State().Imported
	e := w.Change(actions.DeskAdmit, change)
	for i, row := range rows {
		state := w.State()
		w.govern(proof.KindRow, proof.RowDataOf(state, row, canonical.At(w.Now()), e.Body.Number, int64(i)), opened[i])
	}
}

// Enrolment makes a file key for somebody and the enrolment of it.
func (w *World) Enrolment(p workforce.WorkerID) actions.Enrolment {
	w.keep(p, fileKey{w.newKey()})
	return w.enrolment(p)
}

func (w *World) keep(p workforce.WorkerID, k Signer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.keys[p] = k
}

func (w *World) enrolment(p workforce.WorkerID) actions.Enrolment {
	pub := w.PublicKey(p)
	return actions.Enrolment{Worker: p, Key: pub, Possession: w.sign(p, actions.PossessionChallenge(w.State().EnrolName(), p, pub.ID()))}
}

// Enrol makes a file key for each and enrols it.
func (w *World) Enrol(people ...workforce.WorkerID) {
	w.t.Helper()
	w.enrol(func() Signer { return fileKey{w.newKey()} }, people...)
}

func (w *World) enrol(make func() Signer, people ...workforce.WorkerID) {
	w.t.Helper()
	for _, p := range people {
		w.keep(p, make())
	}
	for chunk := range slices.Chunk(people, actions.MaxKeys) {
		var c actions.Keys
		for _, p := range chunk {
			c.Enrol = append(c.Enrol, w.enrolment(p))
		}
		w.Change(actions.DeskKey, c)
	}
}

// End ends somebody's engagement at once, by an officer alone.
func (w *World) End(p workforce.WorkerID) ledger.Entry {
	w.t.Helper()
	return w.mustAlone(actions.DeskEngagement, actions.Engagement{Op: "end", Worker: p})
}

// Revoke revokes somebody's key, by an officer alone.
func (w *World) Revoke(p workforce.WorkerID) ledger.Entry {
	w.t.Helper()
	return w.mustAlone(actions.DeskKey, actions.Keys{Revoke: []workforce.KeyID{w.PublicKey(p).ID()}})
}

// Void ends sessions as somebody alone.
func (w *World) Void(by workforce.WorkerID, v actions.Void) ledger.Entry {
	w.t.Helper()
	e, err := w.TryChange(actions.DeskKey, actions.Keys{Void: &v}, by)
	if err != nil {
		w.t.Fatalf("prooftest: end sessions: %v", err)
	}
	return e
}

// Signed signs a statement with somebody's own key.
func (w *World) Signed(by workforce.WorkerID, st actions.Statement) actions.Signed {
	return actions.Signed{Statement: st, Signature: w.sign(by, st.Challenge())}
}

// Signature signs a challenge with somebody's own key.
func (w *World) Signature(by workforce.WorkerID, challenge [32]byte) actions.Signature {
	return w.sign(by, challenge)
}

func (w *World) mustAlone(k actions.Kind, c actions.Change) ledger.Entry {
	w.t.Helper()
	e, err := w.TryChange(k, c, w.Officers[0])
	if err != nil {
		w.t.Fatalf("prooftest: %s: %v", k, err)
	}
	return e
}

func (w *World) seal(name string) ([]ledger.Opening, map[string]canonical.Digest) {
	var openings []ledger.Opening
	sealed := map[string]canonical.Digest{}
	for _, field := range []string{"name", "email"} {
		o, err := ledger.Field(field, name+" "+field)
		if err != nil {
			w.t.Fatal(err)
		}
		o.Salt = w.bytes(32)
		if sealed[field], err = o.Commitment(); err != nil {
			w.t.Fatal(err)
		}
		openings = append(openings, o)
	}
	return openings, sealed
}

// Govern appends an entry of the governance chain if the rules allow it.
func (w *World) Govern(kind string, data any, sealed ...ledger.Opening) error {
	_, err := w.tryGovern(kind, data, sealed)
	return err
}

// ApplyChange applies a change of the desk that was requested, with the signatures
// under it that are needed, as they have waited.
func (w *World) ApplyChange(r *Request) (ledger.Entry, error) {
	a, err := w.authority(r)
	if err != nil {
		return ledger.Entry{}, err
	}
	return w.tryGovern(string(r.Action.Kind), a, nil)
}
