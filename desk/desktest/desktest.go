// Package desktest opens desks for tests: a real store on SQLite or PostgreSQL,
// founded by three officers, with the people that a test needs, each with a key.
// It drives the desk through its own methods only, as surfaces do, and fails the
// test where anything goes wrong. It is for tests alone.
package desktest

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"countersign.dev/actions"
	"countersign.dev/alarm"
	"countersign.dev/canonical"
	"countersign.dev/desk"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/alarms"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/inbox"
	"countersign.dev/desk/kernel"
	"countersign.dev/incident"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/policy"
	"countersign.dev/sqldb/sqldbtest"
	"countersign.dev/store"
	"countersign.dev/workforce"
	"countersign.dev/workforce/workforcetest"
)

// OwnSecret keys the digests of accounts at every World.
var OwnSecret = make([]byte, 32)

// ExecutorID names the executor of every World.
const ExecutorID = "executor-1"

// World is a desk with the private keys of its people.
type World struct {
	*desk.Desk
	Store       *store.Store
	URL         string
	LogKey      *ledger.Key
	Origin      string
	ExecutorKey ed25519.PrivateKey
	Root        canonical.Digest
	Officers    []workforce.WorkerID
	Programs    map[string]Program // those that AddProgram admitted

	t     testing.TB
	clock *Clock
	keys  map[workforce.WorkerID]ed25519.PrivateKey
	close func() error
	rest  func()
}

// Clock is a clock that a test moves.
type Clock struct {
	mu     sync.Mutex
	offset time.Duration
	held   time.Time // zero: it goes on with the machine's
}

// Now returns the machine's time, moved.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.held.IsZero() {
		return c.held.Add(c.offset)
	}
	return time.Now().Add(c.offset)
}

// Hold stops the clock: from now on only Advance moves it. What happens in one
// minute is so on a slow machine too.
func (c *Clock) Hold() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = time.Now()
}

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += d
}

// Options change what New opens; the zero value is SQLite with the default policy.
type Options struct {
	URL      string // of the database; empty: a new SQLite file
	Policy   map[string]string
	Budgets  []actions.Budget
	Executor kernel.Executor
	Rand     io.Reader
	Trust    func(*actions.Trust)
	// FirstLaws founds a desk as they were founded before laws had numbers.
	FirstLaws bool
	// Laws is the number that the founding statement names; zero is the newest.
	Laws int64
	// Formats is the number of the formats in which the desk begins; zero is the newest that
	// its laws allow.
	Formats int64
	Step    func(string) // see desk.Config

	Destinations  []alarms.Destination // see desk.Config
	Sender        alarm.Sender
	Inbox         inbox.Config // without its secret
	Holders       kernel.Holders
	ExposureEvery time.Duration // see desk.Config
	HealthEvery   time.Duration // the same
	ExecutorStart time.Duration // the same
	RollEvery     time.Duration // the same

	ExecutorNow func() time.Time   // of a Town's executor; nil: the desk's clock
	Platform    platform.Connector // of a Town; nil: a real plaza
}

// Each runs test once on SQLite and once on PostgreSQL, each time with an empty
// database. PostgreSQL is left out where there is none, unless it is required.
//
// Under the race detector, which makes everything five times as slow, it runs test once: on
// PostgreSQL, where several write at the same time, or on SQLite where there is none. The
// desk's goroutines are the same on both. A test that lets people, nodes or rounds meet by
// itself uses Both.
func Each(t *testing.T, test func(t *testing.T, o Options)) {
	t.Helper()
	if !underRace {
		Both(t, test)
		return
	}
	if os.Getenv("COUNTERSIGN_POSTGRES") == "" && os.Getenv("COUNTERSIGN_REQUIRE") == "" {
		t.Run("sqlite", func(t *testing.T) { test(t, Options{URL: sqldbtest.SQLite(t)}) })
		return
	}
	t.Run("postgres", func(t *testing.T) { test(t, Options{URL: sqldbtest.Postgres(t)}) })
}

// Both runs test as Each does, under the race detector as well.
func Both(t *testing.T, test func(t *testing.T, o Options)) {
	t.Helper()
	// Both at once: a test waits more than it computes. The group waits for both of them.
	t.Run("on", func(t *testing.T) {
		sqldbtest.Each(t, func(t *testing.T, url string) {
			t.Parallel()
			test(t, Options{URL: url})
		})
	})
}

// New opens and founds a desk.
func New(t testing.TB, o Options) *World {
	t.Helper()
	if o.URL == "" {
		o.URL = "sqlite:" + filepath.Join(t.TempDir(), "desk.db")
	}
	if o.Policy == nil {
		o.Policy = policy.Default()
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	w := &World{t: t, URL: o.URL, Origin: "desk.example.com/ledger", clock: &Clock{}, keys: map[workforce.WorkerID]ed25519.PrivateKey{},
		Officers: slices.Clone(workforcetest.Officers)}
	var err error
	if w.LogKey, err = ledger.NewKey(w.Origin, rand.Reader); err != nil {
		t.Fatal(err)
	}
	w.ExecutorKey = newKey(t)
	w.Open(o)
	w.found(o)
	return w
}

// Open opens the desk's database again, as a restarted or a second node does.
func (w *World) Open(o Options) {
	w.t.Helper()
	if err := w.TryOpen(o); err != nil {
		w.t.Fatal(err)
	}
}

// TryOpen is Open for what may fail.
func (w *World) TryOpen(o Options) error {
	w.t.Helper()
	log := &ledger.Log{Origin: w.Origin, Signer: w.LogKey, Rand: rand.Reader}
	var err error
	w.Store, err = store.Open(w.t.Context(), w.URL, log, w.LogKey.Verifier(), store.Options{Now: w.clock.Now})
	if err != nil {
		return err
	}
	w.close = sync.OnceValue(w.Store.Close)
	if o.Executor == nil {
		o.Executor = &late{} // one that is away
	}
	closing := w.close
	w.t.Cleanup(func() {
		if err := closing(); err != nil {
			w.t.Error(err)
		}
	})
	o.Inbox.Secret = OwnSecret
	w.Desk, err = desk.Open(w.t.Context(), desk.Config{Store: w.Store, Log: log, Executor: o.Executor, Root: w.Root, Now: w.clock.Now,
		Rand: rand.Reader, Step: o.Step, Holders: o.Holders, ExposureEvery: o.ExposureEvery, RollEvery: o.RollEvery, Casework: casework.Config{OwnSecret: OwnSecret}, BrowserSecret: OwnSecret, Inbox: o.Inbox,
		Alarms: alarms.Config{Destinations: o.Destinations, Sender: o.Sender, HealthEvery: o.HealthEvery, ExecutorStart: o.ExecutorStart}, Logger: slog.New(slog.NewTextHandler(w.t.Output(), nil))})
	return err
}

// Node opens another node on the same database, with the same people. Only
// PostgreSQL lets two nodes write.
func (w *World) Node(o Options) *World {
	w.t.Helper()
	n := *w
	n.Open(o)
	return &n
}

// Run runs the desk's background work until Rest, or until the test ends.
func (w *World) Run() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	running := w.Desk
	go func() { defer close(done); running.Run(ctx) }()
	w.rest = func() { cancel(); <-done }
	w.t.Cleanup(w.rest)
}

// Rest ends what Run began.
func (w *World) Rest() { w.rest() }

// Clock is the desk's clock.
func (w *World) Clock() *Clock { return w.clock }

func (w *World) found(o Options) {
	w.t.Helper()
	now := canonical.At(w.clock.Now())
	if o.Formats == 0 {
		o.Formats = actions.NewestFormats
		if o.FirstLaws || o.Laws > 0 && o.Laws < 3 {
			o.Formats = actions.FirstFormats
		}
	}
	if o.Budgets == nil {
		o.Budgets = actions.FoundingBudgets(o.Formats)
	}
	f := proof.Founding{V: proof.FoundingVersion(o.Formats), Laws: cmp.Or(o.Laws, actions.NewestLaws), Origin: w.Origin, LogKey: w.LogKey.VerifierKey(), Policy: o.Policy, Budgets: o.Budgets,
		Time: now, Nonce: random(w.t, 32), Trust: actions.Trust{Executor: ExecutorID,
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
	for _, id := range w.Officers {
		f.Officers = append(f.Officers, proof.Officer{Worker: id, Key: w.PublicKey(id)})
	}
	c := proof.Closed{Founding: f}
	for _, id := range w.Officers {
		c.Signatures = append(c.Signatures, w.Sign(id, f.Challenge()))
	}
	e, err := w.Desk.Found(w.t.Context(), c)
	if err != nil {
		w.t.Fatal(err)
	}
	w.Root = e.Leaf.Digest()
}

func newKey(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func random(t testing.TB, n int) canonical.Bytes {
	t.Helper()
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	return b
}

// PublicKey returns a worker's key, made at the first call.
func (w *World) PublicKey(id workforce.WorkerID) workforce.PublicKey {
	if w.keys[id] == nil {
		w.keys[id] = newKey(w.t)
	}
	return workforce.PublicKey{Algorithm: workforce.FileEd25519, Public: canonical.Bytes(w.keys[id].Public().(ed25519.PublicKey)), Hardware: true}
}

// Sign signs a challenge with a worker's key.
func (w *World) Sign(id workforce.WorkerID, challenge [32]byte) actions.Signature {
	w.PublicKey(id)
	return actions.Signature{Signature: ed25519.Sign(w.keys[id], challenge[:])}
}

// As is a worker as a caller.
func As(id workforce.WorkerID) desk.Caller { return desk.Caller{Worker: id, Token: "test"} }

// TokenAsk is an ask for a token of an hour, signed with somebody's key, and the
// secret that it names. edit may change it before.
func (w *World) TokenAsk(id, signer workforce.WorkerID, edit ...func(*actions.TokenAsk)) (actions.SignedTokenAsk, string) {
	now := canonical.At(w.clock.Now())
	secret := actions.TokenSecret(random(w.t, 32))
	a := actions.TokenAsk{V: actions.TokenVersion, Log: w.LogName(), Worker: id, Key: w.PublicKey(id).ID(), Name: "test", Nonce: random(w.t, 32),
		NotBefore: now, Expires: canonical.At(now.Add(time.Hour)), Secret: actions.SecretDigest(secret)}
	for _, f := range edit {
		f(&a)
	}
	return actions.SignedTokenAsk{Ask: a, Signature: w.Sign(signer, a.Challenge())}, secret
}

// Submission signs a draft with somebody's key, and its decision if it has one.
func (w *World) Submission(by workforce.WorkerID, d acts.Draft, rows ...acts.AdmittedRow) acts.Submission {
	s := acts.Submission{Action: d.Action, Signed: w.Signed(by, d), Rows: rows}
	if d.Decision != nil {
		decided := *d.Decision
		decided.Signed.Signature = w.Sign(by, decided.Signed.Statement.Challenge())
		s.Decision = &decided
	}
	return s
}

// Session makes a session of eight hours, certified by somebody's key, and its private key.
// edit may change the session before it is signed.
func (w *World) Session(by workforce.WorkerID, edit ...func(*actions.Session)) (actions.SignedSession, ed25519.PrivateKey) {
	w.t.Helper()
	key := ed25519.NewKeyFromSeed(random(w.t, ed25519.SeedSize))
	now := canonical.At(w.clock.Now())
	s := actions.Session{V: actions.SessionVersion, Log: w.Origin, Founding: w.Root, After: w.chain().Head, Worker: by, Key: w.PublicKey(by).ID(), Nonce: random(w.t, 32),
		NotBefore: now, Expires: canonical.At(now.Add(8 * time.Hour)),
		SessionKey: actions.SessionKey{Algorithm: actions.SessionEd25519, Public: canonical.Bytes(key.Public().(ed25519.PublicKey))}}
	for _, f := range edit {
		f(&s)
	}
	return actions.SignedSession{Session: s, Signature: w.Sign(by, s.Challenge())}, key
}

// Withdrawal signs the deed that takes a request back, as it was at a version.
func (w *World) Withdrawal(by workforce.WorkerID, request string, version int64) actions.SaltedDeed {
	w.t.Helper()
	until := canonical.At(w.clock.Now().Add(time.Hour))
	if r, err := w.Desk.RequestByID(w.t.Context(), As(by), request); err == nil {
		until = r.Expires()
	}
	out, err := proof.NewDeed(w.Formats(), actions.Deed{What: actions.DeedWithdraw, Of: request, Version: version}, "",
		actions.Statement{Log: w.LogName(), Signer: by, Key: w.PublicKey(by).ID(), Expires: until}, w.clock.Now(), random(w.t, 96))
	if err != nil {
		w.t.Fatal(err)
	}
	out.Signed.Signature = w.Sign(by, out.Signed.Statement.Challenge())
	return out
}

// Deed signs a deed with somebody's key. edit may change its statement before.
func (w *World) Deed(by workforce.WorkerID, d actions.Deed, text string, edit ...func(*actions.SaltedDeed)) actions.SaltedDeed {
	w.t.Helper()
	out, err := proof.NewDeed(w.Formats(), d, text, actions.Statement{Log: w.LogName(), Signer: by, Key: w.PublicKey(by).ID()}, w.clock.Now(), random(w.t, 96))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range edit {
		f(&out)
	}
	out.Signed.Signature = w.Sign(by, out.Signed.Statement.Challenge())
	return out
}

// OpenIncident is the desk's, with the deed signed by the caller.
func (w *World) OpenIncident(ctx context.Context, by desk.Caller, request, title string) (incident.Incident, error) {
	return w.Desk.OpenIncident(ctx, by, request, title, w.Deed(by.Worker, actions.Deed{What: actions.DeedOpenIncident, Of: request}, title))
}

// AssignTask is the desk's, with the deed signed by the caller.
func (w *World) AssignTask(ctx context.Context, by desk.Caller, id, text string, owner workforce.WorkerID) (incident.Incident, error) {
	return w.Desk.AssignTask(ctx, by, id, text, owner, w.Deed(by.Worker, actions.Deed{What: actions.DeedAssignTask, Of: id, To: owner, Version: 1}, text))
}

// FinishTask is the desk's, with the deed signed by the caller.
func (w *World) FinishTask(ctx context.Context, by desk.Caller, id string, number int64, result string) (incident.Incident, error) {
	return w.Desk.FinishTask(ctx, by, id, number, result, w.Deed(by.Worker, actions.Deed{What: actions.DeedFinishTask, Of: actions.TaskOf(id, number), Version: 1}, result))
}

// ProposeFindings is the desk's, with the deed signed by the caller.
func (w *World) ProposeFindings(ctx context.Context, by desk.Caller, id, findings string) (actions.Review, error) {
	return w.Desk.ProposeFindings(ctx, by, id, findings, w.Deed(by.Worker, actions.Deed{What: actions.DeedFindings, Of: id, Version: 1}, findings))
}

// Signed signs a draft as a worker.
func (w *World) Signed(by workforce.WorkerID, d acts.Draft) actions.Signed {
	return actions.Signed{Statement: d.Statement, Signature: w.Sign(by, d.Statement.Challenge())}
}

// TryRequest drafts, signs and submits a wish.
func (w *World) TryRequest(by workforce.WorkerID, wish acts.Wish, rows ...acts.AdmittedRow) (actions.Request, error) {
	if wish.Reason == "" {
		wish.Reason = "test"
	}
	d, err := w.Desk.Draft(w.t.Context(), As(by), wish)
	if err != nil {
		return actions.Request{}, err
	}
	return w.Desk.Request(w.t.Context(), As(by), w.Submission(by, d, rows...))
}

// Request is TryRequest for what must succeed.
func (w *World) Request(by workforce.WorkerID, wish acts.Wish, rows ...acts.AdmittedRow) actions.Request {
	w.t.Helper()
	r, err := w.TryRequest(by, wish, rows...)
	if err != nil {
		w.t.Fatalf("request by %s: %v", by, err)
	}
	return r
}

// TryCountersign countersigns a request as a worker.
func (w *World) TryCountersign(by workforce.WorkerID, request string) (actions.Request, error) {
	d, err := w.Desk.DraftVerdict(w.t.Context(), As(by), request, actions.VerdictCountersign, "")
	if err != nil {
		return actions.Request{}, err
	}
	return w.Desk.Countersign(w.t.Context(), As(by), request, w.Signed(by, d))
}

// TryWithdraw withdraws a request as a worker, as it was at a version.
func (w *World) TryWithdraw(by workforce.WorkerID, request string, version int64) (actions.Request, error) {
	if w.Formats() < 2 {
		d, err := w.Desk.DraftVerdict(w.t.Context(), As(by), request, actions.VerdictWithdraw, "")
		if err != nil {
			return actions.Request{}, err
		}
		return w.Desk.Withdraw(w.t.Context(), As(by), request, acts.Withdrawal{Version: version, Signed: w.Signed(by, d)})
	}
	deed := w.Withdrawal(by, request, version)
	return w.Desk.Withdraw(w.t.Context(), As(by), request, acts.Withdrawal{Version: version, Deed: &deed})
}

// Countersign countersigns as each of several workers.
func (w *World) Countersign(request string, by ...workforce.WorkerID) actions.Request {
	w.t.Helper()
	var r actions.Request
	for _, id := range by {
		var err error
		if r, err = w.TryCountersign(id, request); err != nil {
			w.t.Fatalf("countersign by %s: %v", id, err)
		}
	}
	return r
}

// TryUndo undoes a request as a worker.
func (w *World) TryUndo(by workforce.WorkerID, request string) (actions.Request, error) {
	d, err := w.Desk.DraftUndo(w.t.Context(), As(by), request, acts.UndoWish{Reason: "a mistake"})
	if err != nil {
		return actions.Request{}, err
	}
	return w.Desk.Request(w.t.Context(), As(by), w.Submission(by, d))
}

// Change makes a change of the desk with all officers' signatures.
func (w *World) Change(k actions.Kind, c actions.Change, rows ...acts.AdmittedRow) {
	w.t.Helper()
	r := w.Request(w.Officers[0], acts.Wish{Kind: k, Change: c, Reason: "test"}, rows...)
	for _, id := range w.Officers[1:] {
		if r.Status == actions.StatusHeld {
			r = w.Countersign(r.ID, id)
		}
	}
	if r.Status != actions.StatusExecuted {
		w.t.Fatalf("%s is %s: %s", k, r.Status, r.Missing)
	}
}

// Staff admits the cast in the founding import, enrols a key for each, and connects the
// platform plaza.
func (w *World) Staff() {
	w.t.Helper()
	for _, v := range workforcetest.Vendors {
		w.Change(actions.DeskChange, actions.Setting{Of: actions.PartVendors, Vendor: &workforce.Vendor{ID: v, Name: string(v), Ratchet: 14}})
	}
	people := workforcetest.Records(w.clock.Now())
	for i, p := range people {
		if slices.Contains(Specialists, p.Worker) {
			people[i].Roles = append(people[i].Roles, workforce.Specialist) // sorts last
		}
	}
	w.Admit(true, people...)
	var enrol []actions.Enrolment
	for _, p := range people {
		enrol = append(enrol, w.Enrolment(p.Worker))
	}
	w.Change(actions.DeskKey, actions.Keys{Enrol: enrol})
	w.Change(actions.DeskChange, actions.Setting{Of: actions.PartPlatforms, Platform: &actions.Platform{Name: "plaza", Connector: "plaza", Facts: platform.Facts, Labels: slices.Clone(Labels)}})
}

// Specialists are the workers who have the role of a specialist besides their own: an agent of
// bolt, and a lead who is an employee.
var Specialists = []workforce.WorkerID{"bob", "eva"}

// Labels are those that the desk lists with plaza.
var Labels = []string{"sensitive", "spam"}

// Enrolment is a worker's key with its proof of possession.
func (w *World) Enrolment(id workforce.WorkerID) actions.Enrolment {
	k := w.PublicKey(id)
	return actions.Enrolment{Worker: id, Key: k, Possession: w.Sign(id, actions.PossessionChallenge(w.EnrolName(), id, k.ID()))}
}

// Admission makes the change and the rows of an import.
func (w *World) Admission(founding bool, people ...workforce.Record) (actions.Admit, []acts.AdmittedRow) {
	w.t.Helper()
	people = slices.Clone(people)
	slices.SortFunc(people, func(a, b workforce.Record) int { return compare(a.Worker, b.Worker) })
	var rows []acts.AdmittedRow
	var hashes []tlog.Hash
	for _, p := range people {
		o := ledger.Opening{Name: "name", Salt: random(w.t, 32), Value: canonical.MustMarshal("Name of " + string(p.Worker))}
		c, err := o.Commitment()
		if err != nil {
			w.t.Fatal(err)
		}
		row := acts.AdmittedRow{Row: actions.Row{Record: p, Sealed: map[string]canonical.Digest{"name": c}}, Openings: []ledger.Opening{o}}
		rows = append(rows, row)
		hashes = append(hashes, proof.RowHash(row.Row))
	}
	return actions.Admit{File: canonical.DigestOf(people), Rows: int64(len(rows)), Root: proof.RowsRoot(hashes), Founding: founding, Joiners: int64(len(rows))}, rows
}

// Admit admits people.
func (w *World) Admit(founding bool, people ...workforce.Record) {
	w.t.Helper()
	change, rows := w.Admission(founding, people...)
	w.Change(actions.DeskAdmit, change, rows...)
}

func compare(a, b workforce.WorkerID) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Context is the test's.
func (w *World) Context() context.Context { return w.t.Context() }

// LogName is what statements for this desk call its ledger.
func (w *World) LogName() string { return w.chain().LogName() }

// Formats is the number of the formats in which the desk signs.
func (w *World) Formats() int64 { return w.chain().Formats }

// EnrolName is what enrolments at this desk call its ledger.
func (w *World) EnrolName() string { return w.chain().EnrolName() }

func (w *World) chain() *proof.State {
	s, err := w.State(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// Under signs a draft with a session's key, and its decision if it has one.
func Under(key ed25519.PrivateKey, d acts.Draft) acts.Submission {
	sign := func(c [32]byte) actions.Signature { return actions.Signature{Signature: ed25519.Sign(key, c[:])} }
	s := acts.Submission{Action: d.Action, Signed: actions.Signed{Statement: d.Statement, Signature: sign(d.Statement.Challenge())}}
	if d.Decision != nil {
		decided := *d.Decision
		decided.Signed.Signature = sign(decided.Signed.Statement.Challenge())
		s.Decision = &decided
	}
	return s
}
