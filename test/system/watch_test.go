package system

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/desktest"
	"countersign.dev/executor"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/platform"
	"countersign.dev/platform/bluesky"
	connector "countersign.dev/platform/plaza"
	"countersign.dev/plaza"
	"countersign.dev/sqldb"
	"countersign.dev/sqldb/sqldbtest"
	"countersign.dev/test/testenv"
	"countersign.dev/workforce"
)

// stage is a house that watches a real platform, on which an insider has the
// platform's own staff credential. Everything is real: the platform, the desk's and
// the executor's processes, ledger, journal and standing orders.
type stage struct {
	*house
	*lane
	name     string
	accounts map[string]string // identifiers, by what they are for
	standard []string          // accounts that do not matter, each for one use
	used     int

	// insider takes an account down under a mark, past the lane.
	insider func(id string)
	status  func(id string) platform.Status
	// changes are what was done to an account on the platform, as far as somebody
	// other than the executor can count it.
	changes func(id string) []desktest.Change
	// want is what there is of changes after the insider's takedown and one restoration.
	want []desktest.Change
	// beyond has the platform forget the event that the insider's call makes.
	beyond func(insider func())
	// quoted is an identifier as a frame of the event stream has it.
	quoted func(id string) string
	// names says whether the platform tells whose credential it was.
	names bool
}

// The accounts of a stage. Those for troubles with the stream are protected: critical
// ones are read directly as well, and would not need it.
var (
	protectedFor = []string{"cut", "silent", "doubled", "reordered", "gap"}
	criticalFor  = []string{"dead desk", executor.StepSeen, executor.StepBreached, executor.StepCalled, executor.StepEnded}
)

const standardOnes = 8

// patient has the watch not say that it is blind because there is no stream for
// some time (milliseconds): what it says in a gap is to be seen, however slow the machine.
const patient = 60_000

// ordered waits until the ledger has a baseline of all accounts that matter, and has
// the officers place standing orders that vouch for it.
func (s *stage) ordered() {
	s.t.Helper()
	until(s.t, "a baseline of all accounts that matter is in the ledger", func() bool {
		w, baselines := s.watch(), s.told(proof.KindBaseline)
		return w.Streaming && w.Entered && len(baselines) > 0 && int(baselines[len(baselines)-1].Count) == len(s.accounts)
	})
	for _, tier := range []actions.Tier{actions.Protected, actions.Critical} {
		s.changed("ada", actions.Setting{Of: actions.PartOrders, Order: &actions.Order{Op: "place", Platform: s.name, Tier: tier,
			Until: canonical.At(time.Now().Add(24 * time.Hour)), PerSubject: 5, PerTier: 1000, Layers: actions.OrderLayers, Vouched: canonical.At(time.Now())}}, "bea", "cem")
	}
}

// changed makes a change of the desk, and waits until the executor has it.
func (s *stage) changed(by workforce.WorkerID, c actions.Change, countersigners ...workforce.WorkerID) {
	s.t.Helper()
	e := s.direct()
	defer e.Close()
	until(s.t, "the executor has read the ledger", func() bool { _, err := e.Facts(); return err == nil })
	before := s.house.status().Governance
	a := s.change(e, by, actions.DeskChange, c)
	s.must("change", func() error {
		_, err := ask[actions.Request](s.desk, "/request", signed{By: by, Action: a.Action, Signed: a.Request})
		return err
	})
	for _, w := range countersigners {
		s.countersign(w, a.Request.Statement.Request)
	}
	until(s.t, "the executor has the change", func() bool { return s.house.status().Governance > before })
}

// watch is how the executor says that its watch is.
func (s *stage) watch() linkv1.WatchStatus {
	s.t.Helper()
	for _, w := range s.house.status().Watches {
		if w.Platform == s.name {
			return w
		}
	}
	return linkv1.WatchStatus{}
}

// told returns what the watch has entered, of one kind.
func (s *stage) told(kind string) []sighting {
	s.t.Helper()
	all, err := ask[[]sighting](s.desk, "/watched", struct{}{})
	if err != nil {
		s.t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(x sighting) bool { return kind != "" && x.Kind != kind })
}

// up waits until an account is up.
func (s *stage) up(id string) {
	s.t.Helper()
	until(s.t, "the account is up again", func() bool { return s.status(id) == platform.Up })
}

// restored waits until an account is up and the ledger has it all: one breach, and
// one restoration with its intent and its receipt. It returns the breach.
func (s *stage) restored(id string) sighting {
	s.t.Helper()
	s.up(id)
	subject := s.name + ":" + id
	var breaches, restorations []sighting
	until(s.t, "the restoration is in the ledger", func() bool {
		all := s.told("")
		breaches = slices.DeleteFunc(slices.Clone(all), func(x sighting) bool { return x.Kind != proof.KindBreach || x.Subject != subject })
		restorations = slices.DeleteFunc(all, func(x sighting) bool {
			return x.Duty != proof.DutyRestore || !slices.ContainsFunc(breaches, func(b sighting) bool { return b.Request == x.Request })
		})
		return slices.ContainsFunc(restorations, func(x sighting) bool { return x.Kind == proof.KindReceipt })
	})
	if len(breaches) != 1 || breaches[0].Order == "" {
		s.t.Fatalf("the breaches of %s: %+v", subject, breaches)
	}
	request := breaches[0].Request
	if !strings.HasPrefix(request, proof.BreachPrefix) {
		s.t.Errorf("the breach is called %q", request)
	}
	for i := range restorations {
		restorations[i].Via, restorations[i].Order, restorations[i].Count = "", "", 0 // as in the breach
	}
	if diff := cmp.Diff([]sighting{
		{Kind: proof.KindIntent, Duty: proof.DutyRestore, Request: request},
		{Kind: proof.KindReceipt, Duty: proof.DutyRestore, Request: request, Outcome: proof.Executed},
	}, restorations); diff != "" {
		s.t.Errorf("the restoration of %s: %s", subject, diff)
	}
	if diff := cmp.Diff(s.want, s.changes(id)); diff != "" {
		s.t.Errorf("what changed %s on the platform: %s", subject, diff)
	}
	return breaches[0]
}

// named waits until the ledger says whose credential a breach was, with the breach
// or after it, where the platform tells.
func (s *stage) named(b sighting) {
	s.t.Helper()
	if !s.names {
		return
	}
	until(s.t, "the credential is told", func() bool {
		return slices.ContainsFunc(s.told(""), func(x sighting) bool { return x.Request == b.Request && x.Credential == "insider" })
	})
}

// noted waits until the executor's place in the stream is one that it can go on
// from: after an event, which an account that does not matter makes.
func (s *stage) noted() {
	s.t.Helper()
	before := len(s.told(proof.KindForeign))
	s.insider(s.one())
	until(s.t, "the watch has counted a foreign change", func() bool { return len(s.told(proof.KindForeign)) > before })
}

// one returns an account that does not matter and has not been used.
func (s *stage) one() string {
	s.t.Helper()
	s.used++
	return s.standard[s.used-1]
}

// trouble is one thing that goes wrong while an insider takes an account down.
type trouble struct {
	name string
	play func(s *stage, id string)
}

// troubles plays every trouble, one after the other: those of every platform, and more.
func (s *stage) troubles(t *testing.T, more ...trouble) {
	var played []string
	for _, c := range append([]trouble{
		{"cut", (*stage).whileCut},
		{"silent", (*stage).whileSilent},
		{"doubled", (*stage).whileDoubled},
		{"reordered", (*stage).whileReordered},
		{"gap", (*stage).beyondTheBacklog},
		{"dead desk", (*stage).withoutDesk},
		{executor.StepSeen, killedAt(executor.StepSeen, platform.Down)},
		{executor.StepBreached, killedAt(executor.StepBreached, platform.Down)},
		{executor.StepCalled, killedAt(executor.StepCalled, platform.Up)},
		{executor.StepEnded, killedAt(executor.StepEnded, platform.Up)},
	}, more...) {
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
			outer := s.t
			s.house.t = t
			defer func() { s.house.t = outer }()
			defer func() {
				if t.Failed() && !s.desk.dead() {
					t.Logf("%s is %s; the watch has entered %+v", s.accounts[c.name], s.status(s.accounts[c.name]), s.told(""))
				}
			}()
			played = append(played, c.name)
			c.play(s, s.accounts[c.name])
		})
	}
	// Nothing came after, and all of it stands in a ledger that can be recomputed.
	until(t, "the watch has nothing open", func() bool { w := s.watch(); return w.Breaches == 0 && w.Blind == "" && w.Streaming })
	for _, name := range played {
		id := s.accounts[name]
		if s.status(id) != platform.Up {
			t.Errorf("%s: the account is %s", name, s.status(id))
		}
		if diff := cmp.Diff(s.want, s.changes(id)); diff != "" {
			t.Errorf("%s: what changed the account: %s", name, diff)
		}
	}
	if n := len(s.told(proof.KindBreach)); n != len(played) {
		t.Errorf("%d breaches of %d accounts", n, len(played))
	}
	if _, err := ask[struct{}](s.desk, "/audit", struct{}{}); err != nil {
		t.Error(err)
	}
}

// whileCut: the takedown comes while there is no stream. The next one goes on where
// the last was cut off, so that nothing was missed and nobody is told of it.
func (s *stage) whileCut(id string) {
	s.noted()
	blind := len(s.told(proof.KindBlind))
	s.shut()
	until(s.t, "the stream is cut", func() bool { return !s.watch().Streaming })
	s.insider(id)
	s.open()
	b := s.restored(id)
	if b.Via != "stream" {
		s.t.Errorf("seen by way of the %s", b.Via)
	}
	s.named(b)
	if n := len(s.told(proof.KindBlind)); n != blind {
		s.t.Errorf("a stream that was cut for a moment made the watch say %d times that it is blind", n-blind)
	}
}

// whileSilent: the stream is open and nothing comes. The watch says that it is
// blind, and a sweep finds the takedown while the stream is dead still.
func (s *stage) whileSilent(id string) {
	blind, sighted := len(s.told(proof.KindBlind)), len(s.told(proof.KindSighted))
	s.line.Swallow(true)
	s.insider(id)
	b := s.restored(id)
	if b.Via != "sweep" {
		s.t.Errorf("seen by way of the %s, which is dead", b.Via)
	}
	if x := s.told(proof.KindBlind)[blind:]; len(x) != 1 || x[0].Type != "stream-silent" {
		s.t.Errorf("told that it is blind: %+v", x)
	}
	s.line.Swallow(false)
	s.line.Cut() // what was swallowed does not come any more
	until(s.t, "the watch sees again", func() bool { return len(s.told(proof.KindSighted)) == sighted+1 })
}

// whileDoubled: each frame about the account comes twice. Both connectors take a
// stream that repeats itself for broken and open another; the takedown is seen.
func (s *stage) whileDoubled(id string) {
	s.noted()
	s.editing(doubled(s.quoted(id)))
	defer s.editing(nil)
	s.insider(id)
	s.named(s.restored(id))
}

// whileReordered: the takedown's frame comes after that of the next event. Plaza numbers
// its events without a gap, so that its connector refuses the first frame and asks for
// both again. A PDS leaves numbers out, so that only the second shows that something is
// wrong, and asking for the events after it would leave the takedown out.
func (s *stage) whileReordered(id string) {
	s.noted()
	next := s.one()
	s.editing(swapped(s.quoted(id), s.quoted(next)))
	defer s.editing(nil)
	s.insider(id)
	s.insider(next)
	s.named(s.restored(id))
}

// beyondTheBacklog: when the stream is back the platform replays the takedown no
// more. The watch says that it is blind, and a sweep finds it.
func (s *stage) beyondTheBacklog(id string) {
	s.noted()
	blind, sighted := len(s.told(proof.KindBlind)), len(s.told(proof.KindSighted))
	s.shut()
	until(s.t, "the stream is cut", func() bool { return !s.watch().Streaming })
	s.beyond(func() { s.insider(id) })
	if s.status(id) != platform.Down {
		s.t.Fatal("it was seen without a stream")
	}
	s.open()
	if b := s.restored(id); b.Via != "sweep" {
		s.t.Errorf("seen by way of the %s", b.Via)
	}
	until(s.t, "the watch sees again", func() bool { return len(s.told(proof.KindSighted)) == sighted+1 })
	if x := s.told(proof.KindBlind)[blind:]; len(x) != 1 || x[0].Type != "cursor-gone" {
		s.t.Errorf("told that it is blind: %+v", x)
	}
}

// withoutDesk: the desk is dead. The account comes back all the same, and when the
// desk does, the ledger has it.
func (s *stage) withoutDesk(id string) {
	if err := s.desk.kill(); err != nil {
		s.t.Fatal(err)
	}
	s.insider(id)
	s.up(id)
	if !s.desk.dead() {
		s.t.Fatal("the desk is not dead")
	}
	s.desk.revive(s.t)
	s.named(s.restored(id))
}

// killedAt: the executor dies at a step of the restoration, as by a power cut. It
// leaves the account as the step says, and started again it does what is left to do.
func killedAt(step string, left platform.Status) func(*stage, string) {
	return func(s *stage, id string) {
		s.arm(s.executor, arming{step, 1})
		s.insider(id)
		until(s.t, "the executor dies at the step "+step, s.executor.dead)
		if got := s.status(id); got != left {
			s.t.Errorf("killed at %q it leaves the account %s", step, got)
		}
		s.executor.revive(s.t)
		s.restored(id)
	}
}

// kept has a square's database keep every change, which the square itself forgets
// when its backlog is full, and returns how to ask for those of a subject.
func kept(t *testing.T, square *desktest.Square) func(subject string) []desktest.Change {
	t.Helper()
	if err := square.DB.Write(t.Context(), func(tx *sqldb.Tx) error {
		if _, err := tx.Exec(`create table kept (id integer primary key, subject text not null, status text not null, mark text not null)`); err != nil {
			return err
		}
		_, err := tx.Exec(`create trigger keep after insert on event begin
			insert into kept (id, subject, status, mark) values (new.id, new.subject, new.status, new.mark); end`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return func(subject string) (all []desktest.Change) {
		err := square.DB.Read(t.Context(), func(tx *sqldb.Tx) (err error) {
			all, err = sqldb.All(tx, func(r sqldb.Row) (desktest.Change, error) {
				var c desktest.Change
				return c, r.Scan(&c.Status, &c.Mark)
			}, `select status, mark from kept where subject = $1 order by id`, subject)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
}

func proxy(t *testing.T, address string) *httputil.ReverseProxy {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	p := httputil.NewSingleHostReverseProxy(u)
	p.ErrorLog = log.New(io.Discard, "", 0) // callers die here
	return p
}

// plazaStage is a stage on a real plaza, with nobody in it yet.
type plazaStage struct {
	*stage
	square *desktest.Square
	gate   *gate // what the executor's calls pass
	act    func(c platform.Command)
	try    func(c platform.Command) error // as act, where plaza may refuse it
	state  func(id string) platform.State
	made   int
}

// insidersMark is what the insider leaves beside a takedown.
const insidersMark = "STAFF-1"

func newPlazaStage(t *testing.T, c plaza.Config) *plazaStage {
	t.Helper()
	square := desktest.OpenSquareWith(t, c)
	g := &gate{plaza: proxy(t, square.URL)}
	p := &plazaStage{square: square, gate: g, stage: &stage{name: "plaza", names: true, accounts: map[string]string{},
		quoted: func(id string) string { return fmt.Sprintf("%q", id) },
		want:   []desktest.Change{{Status: platform.Down, Mark: insidersMark}, {Status: platform.Up}}, lane: openLane(t, square.URL, g)}}
	if p.changes = square.Changes; c.DB == nil {
		p.changes = kept(t, square)
	}
	insider, err := connector.Connect(t.Context(), connector.Config{Name: "plaza", URL: square.URL, Token: square.Token("insider", plaza.StaffScope)})
	if err != nil {
		t.Fatal(err)
	}
	calls := 0
	p.try = func(c platform.Command) error {
		calls++
		_, err := insider.Apply(t.Context(), fmt.Sprintf("insider-%d", calls), c)
		return err
	}
	p.act = func(c platform.Command) {
		if err := p.try(c); err != nil {
			p.t.Fatal(err)
		}
	}
	p.insider = func(id string) { p.act(commandOf(id, "", insidersMark)) }
	p.state = func(id string) platform.State {
		now, err := insider.Peek(t.Context(), platform.Subject{Platform: "plaza", ID: id})
		if err != nil {
			p.t.Fatal(err)
		}
		return now
	}
	p.status = func(id string) platform.Status { return p.state(id).Status }
	return p
}

// make makes accounts with these facts and returns their identifiers.
func (p *plazaStage) make(n int, facts string) (ids []string) {
	var all []string
	for range n {
		p.made++
		all = append(all, fmt.Sprintf(`{"handle":"@account%d","name":"An Account",%s}`, p.made, facts))
		ids = append(ids, fmt.Sprintf("acct/%d", p.made))
	}
	p.square.Post(p.square.Token("seed", plaza.SetupScope), "/staff/v1/accounts/bulk", `{"accounts":[`+strings.Join(all, ",")+`]}`)
	return ids
}

// Facts that make an account matter, or not.
const (
	critical  = `"office":"head of state","followers":1`
	protected = `"followers":500000`
	standard  = `"followers":1`
)

// begin opens the house, once everybody is there.
func (p *plazaStage) begin(t *testing.T) {
	t.Helper()
	p.beginOn(t, sqldbtest.SQLite(t))
}

// beginOn is begin with the database of the desk.
func (p *plazaStage) beginOn(t *testing.T, url string) {
	t.Helper()
	p.house = openHouse(t, desktest.Options{URL: url}, platformSettings{Name: "plaza", Connector: "plaza", URL: p.lane.URL,
		Secret: p.square.Token("executor", plaza.StaffScope), Watch: true, Patience: 1000, Blind: patient})
	p.ordered()
}

// TestWatchOnPlaza plays the watch's troubles between processes on a real plaza, and
// those of the one call by which it restores.
func TestWatchOnPlaza(t *testing.T) {
	t.Parallel()
	const backlog = 16
	p := newPlazaStage(t, plaza.Config{EventBacklog: backlog, Heartbeat: 200 * time.Millisecond})
	late := make(chan *http.Request, 1)
	calls := []trouble{
		{"500 after success", p.spoilt(func(g *gate, w http.ResponseWriter, r *http.Request) {
			g.passOn(r)
			w.WriteHeader(http.StatusInternalServerError)
		})},
		{"slower than our patience", p.spoilt(func(g *gate, _ http.ResponseWriter, r *http.Request) {
			detached := r.Clone(t.Context()) // plaza goes on when the caller has gone
			detached.Body = readCloser(body(r))
			g.passOn(detached)
			<-r.Context().Done()
		})},
		{"late", func(s *stage, id string) {
			p.spoilt(func(_ *gate, w http.ResponseWriter, r *http.Request) {
				detached := r.Clone(t.Context())
				detached.Body = readCloser(body(r))
				late <- detached
				cut(w)
			})(s, id)
			// It arrives after it was asked about, and made again.
			if answer := p.gate.passOn(<-late); answer.Code != http.StatusConflict {
				s.t.Errorf("a restoration that arrives late is answered with %d: %s", answer.Code, answer.Body)
			}
		}},
		{"twice", p.spoilt(func(g *gate, w http.ResponseWriter, r *http.Request) {
			again := r.Clone(r.Context())
			again.Body = readCloser(body(r))
			g.passOn(again)
			g.plaza.ServeHTTP(w, r)
		})},
	}
	for i, id := range p.make(len(protectedFor), protected) {
		p.accounts[protectedFor[i]] = id
	}
	for i, id := range p.make(len(criticalFor), critical) {
		p.accounts[criticalFor[i]] = id
	}
	for i, id := range p.make(len(calls), critical) {
		p.accounts[calls[i].name] = id
	}
	p.standard = p.make(standardOnes, standard)
	p.beyond = func(takedown func()) {
		takedown()
		busy := p.one()
		for range backlog / 2 {
			p.act(commandOf(busy, "", insidersMark))
			p.act(commandOf(busy, insidersMark, ""))
		}
	}
	p.begin(t)
	p.troubles(t, calls...)
}

// spoilt has the executor's next call spoilt, which is the restoration's.
func (p *plazaStage) spoilt(spoil func(g *gate, w http.ResponseWriter, r *http.Request)) func(*stage, string) {
	return func(s *stage, id string) {
		spoils := make(chan struct{}, 1)
		p.gate.commands(1, func(g *gate, w http.ResponseWriter, r *http.Request) { spoils <- struct{}{}; spoil(g, w, r) })
		defer p.gate.set(nil)
		s.insider(id)
		s.restored(id)
		if len(spoils) != 1 {
			s.t.Error("the call was not spoilt")
		}
	}
}

// TestManyAtOnceOnPlaza: an insider takes 500 protected accounts down as fast as plaza
// lets them, and a critical one last. The critical one does not wait for the others,
// and all come back, each restored once. Ten thousand are a test of the executor's;
// what this one adds is the rest of the house: an executor that was dead meanwhile, and
// a desk that enters it all.
func TestManyAtOnceOnPlaza(t *testing.T) {
	t.Parallel()
	p := newPlazaStage(t, plaza.Config{})
	const many = 500
	ids := p.make(many, protected)
	for _, id := range ids {
		p.accounts[id] = id
	}
	president := p.make(1, critical)[0]
	p.accounts[president] = president
	p.begin(t)
	// Nobody restores while they are taken down: so all is there at once.
	if err := p.executor.kill(); err != nil {
		t.Fatal(err)
	}
	for _, id := range append(slices.Clone(ids), president) {
		p.insider(id)
	}
	p.executor.revive(t)
	p.up(president)
	down := 0
	for _, id := range ids {
		if p.status(id) == platform.Down {
			down++
		}
	}
	if down == 0 {
		t.Error("the critical account waited for all others")
	}
	for _, id := range ids {
		p.up(id)
	}
	restored := map[string]int{}
	until(t, "all restorations are in the ledger", func() bool {
		clear(restored)
		for _, x := range p.told(proof.KindReceipt) {
			if x.Duty == proof.DutyRestore && x.Outcome == proof.Executed {
				restored[x.Request]++
			}
		}
		return len(restored) == many+1
	})
	if n := len(p.told(proof.KindBreach)); n != many+1 {
		t.Errorf("%d breaches", n)
	}
	for _, id := range append(ids, president) {
		if diff := cmp.Diff(p.want, p.changes(id)); diff != "" {
			t.Errorf("what changed %s: %s", id, diff)
		}
	}
	t.Logf("%d of %d were still down when the critical account was up", down, many)
}

// TestWatchOnPDS plays them on a real PDS.
func TestWatchOnPDS(t *testing.T) {
	t.Parallel()
	const backlog = 5 * time.Second
	b := testenv.OwnPDS(t, testenv.BlueskyOptions{Backlog: backlog})
	f := newFront(t, b) // has what the executor was granted; the insider goes past it
	s := &stage{name: "bluesky", accounts: map[string]string{}, changes: f.changes, quoted: func(id string) string { return id }}
	s.want = []desktest.Change{{Status: platform.Up}}
	s.lane = openLane(t, b.URL, f)
	for _, name := range slices.Concat(protectedFor, criticalFor) {
		s.accounts[name] = b.CreateAccount(t, "account").DID
	}
	for range standardOnes {
		s.standard = append(s.standard, b.CreateAccount(t, "standard").DID)
	}
	s.insider = func(id string) {
		a := b.Call(s.t, b.Admin(), "com.atproto.admin.updateSubjectStatus", map[string]any{
			"subject": map[string]any{"$type": "com.atproto.admin.defs#repoRef", "did": id}, "takedown": map[string]any{"applied": true, "ref": "STAFF-1"}})
		if a.Status != http.StatusOK {
			s.t.Fatalf("the insider's takedown: %d %v", a.Status, a.Body)
		}
	}
	s.status = func(id string) platform.Status {
		a := b.Query(s.t, b.Admin(), "com.atproto.admin.getSubjectStatus", "did", id)
		takedown, _ := a.Body["takedown"].(map[string]any)
		if takedown["applied"] == true {
			return platform.Down
		}
		return platform.Up
	}
	probe, err := bluesky.New(bluesky.Config{Name: "bluesky", URL: b.URL, AdminPassword: b.AdminPassword})
	if err != nil {
		t.Fatal(err)
	}
	s.beyond = func(takedown func()) {
		// The event's number, by a stream of our own.
		stream, err := probe.Events(t.Context(), bluesky.FromNow)
		if err != nil {
			s.t.Fatal(err)
		}
		takedown()
		e, err := stream.Next()
		if err != nil {
			s.t.Fatal(err)
		}
		_ = stream.Close() // it has served
		until(s.t, "the PDS does not replay it any more", func() bool {
			again, err := probe.Events(t.Context(), e.ID-1)
			if err != nil {
				s.t.Fatal(err)
			}
			defer again.Close()
			_, err = again.Next()
			return fault.Is(err, "cursor-gone")
		})
	}
	s.house = openHouse(t, desktest.Options{URL: sqldbtest.SQLite(t), Trust: func(tr *actions.Trust) { tr.RaisesPerHour = 100 }},
		platformSettings{Name: "bluesky", Connector: "bluesky", URL: s.lane.URL, Secret: b.AdminPassword, Watch: true, Patience: 1500, Blind: patient})
	// Several stand by each: a standing order covers nobody whom one person raised.
	raise := func(names []string, to actions.Tier) {
		e := s.direct()
		defer e.Close()
		for _, name := range names {
			var r linkv1.Reading
			s.must("the executor's word", func() (err error) {
				r, err = e.Vouch(t.Context(), platform.Subject{Platform: "bluesky", ID: s.accounts[name]})
				return err
			})
			s.changed("ada", actions.Setting{Of: actions.PartTiers, Raise: &actions.Raise{
				Subject: r.Subject, Resolved: r.Resolution, From: actions.Standard, To: to, Confirm: true}}, "bea", "cem")
		}
	}
	raise(protectedFor, actions.Protected)
	raise(criticalFor, actions.Critical)
	s.ordered()
	s.troubles(t)
}
