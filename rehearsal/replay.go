package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/cli"
	"countersign.dev/deskdir"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/plaza"
)

// Replay tries the eleven minutes again, or a part of them, against a desk set up for it.
type Replay struct {
	ElevenMinutes replayElevenMinutes `cmd:"" help:"Try the act of 2017 again in five ways, against a desk set up for it, and report the outcome of each."`
	Rounds        replayRounds        `cmd:"" help:"Take accounts down around the desk again and again, and measure how soon each is seen up."`
	Outage        replayOutage        `cmd:"" help:"Measure how soon all protected accounts are checked after nobody has watched for a time."`
}

// onPlatform says on which platform something is played.
type onPlatform struct {
	Platform             string `enum:"plaza,bluesky" default:"plaza" help:"plaza, the built-in platform, or bluesky, a PDS."`
	PDS                  string `name:"pds" placeholder:"URL" help:"Address of the PDS. Accounts are made on it for the replay and deleted at its end; nothing else on it is touched."`
	PDSAdminPasswordFile string `name:"pds-admin-password-file" placeholder:"FILE" help:"File with the PDS administrator's password: the platform's own staff credential."`

	program Program
}

type replayElevenMinutes struct {
	onPlatform
	Policy          string `placeholder:"FOLDER" help:"Play it under another first policy."`
	NoStandingOrder bool   `help:"Place no standing order, to see what it does."`
	Slow            int    `default:"1" placeholder:"N" help:"On a machine that is busy or slow: be N times as patient. An account may be away for N seconds in a defeat."`
}

func (c *replayElevenMinutes) Validate() error {
	if c.Slow < 1 {
		return fault.New(fault.Invalid, "wrong-use", "--slow is how many times as patient to be: 1 or more.")
	}
	return nil
}

func (c *replayElevenMinutes) Help() string {
	return "On 2 November 2017 a contractor deactivated a head of state's account on the last day. It was back after 660 seconds; who it was, was known after two hours. " +
		"Here somebody who may do as much tries: desk, alone by every route that a worker of the desk has; accomplice, with others; platform-credential, around the desk; database, by editing the desk's; duel, around the desk again and again. " +
		"What came of it is said by an observer, a process of its own that knows the platform's public addresses and a reader's token of the desk. " +
		"Milliseconds are counted from before the attacker's first call was sent until the observer saw it. Exit 1 if any way is not defeated."
}

// replayAnswer is the one answer of replay eleven-minutes.
type replayAnswer struct {
	Platform string `json:"platform"`
	Ways     []way  `json:"ways"`
}

// way is one way in, with its outcome.
type way struct {
	Way      string `json:"way"`
	Defeated bool   `json:"defeated"`
	How      string `json:"how"`
	// The times of the way's worst act, in milliseconds from before the attacker's first
	// call: until the observer saw that it was noticed; until it saw the account up again, 0
	// if it never was down; until a person, or the credential, was named. Null: not seen.
	NoticedMS    *float64 `json:"noticed_ms"`
	RestoredMS   *float64 `json:"restored_ms"`
	AttributedMS *float64 `json:"attributed_ms"`
	// The next two are of the way duel. UpShare is the share of the time in which the
	// account was seen up against an attacker who repeats the act once a second. The other
	// is the time in milliseconds from the first call until the platform no longer accepted
	// the credential. Null: not so.
	UpShare *float64    `json:"up_share"`
	CutMS   *float64    `json:"cut_ms"`
	Acts    []onAccount `json:"acts"`
}

// onAccount is one act that was played on one account.
type onAccount struct {
	Act          string      `json:"act"`
	Defeated     bool        `json:"defeated"`
	NoticedMS    *float64    `json:"noticed_ms"`
	RestoredMS   *float64    `json:"restored_ms"`
	AttributedMS *float64    `json:"attributed_ms"`
	UpShare      *float64    `json:"up_share"` // of a duel
	CutMS        *float64    `json:"cut_ms"`
	Attempts     []attempt   `json:"attempts"`
	Observed     observation `json:"observed"`
}

// longestAway is the longest time for which an account may be down if the attack counts
// as defeated.
const longestAway = time.Second

func (c *replayElevenMinutes) Run(ctx context.Context, s *cli.Session) error {
	return c.onTestbed(ctx, s, append([]string{nobodyMinds}, attacked...), func(ctx context.Context, g *testbed) error {
		g.raised, g.tier = attacked, actions.Critical
		if err := g.build(ctx, c.Policy, s.Say); err != nil {
			return err
		}
		if err := g.lockOwner(ctx, g.accounts[forSwitchOff]); err != nil {
			return err
		}
		if err := g.guard(ctx, actions.Critical, len(attacked), !c.NoStandingOrder); err != nil {
			return err
		}
		r := &replay{testbed: g, session: s, slow: time.Duration(c.Slow), answer: replayAnswer{Platform: c.Platform}}
		for _, play := range []func(context.Context) error{r.byDesk, r.byAccomplice, r.byCredential, r.byDatabase,
			func(ctx context.Context) error { return r.byDuel(ctx, !c.NoStandingOrder) }} {
			if err := play(ctx); err != nil {
				return err
			}
		}
		for _, w := range r.answer.Ways {
			if !w.Defeated {
				s.End(cli.Refused)
			}
		}
		return s.Answer(r.answer, r.answer.page)
	})
}

// onTestbed plays something on a testbed, and tears the testbed down however the play
// ends.
func (c *onPlatform) onTestbed(ctx context.Context, s *cli.Session, names []string, play func(context.Context, *testbed) error) (err error) {
	g := &testbed{cast: &cast{program: c.program, origin: replayOrigin, officers: demoOfficers}, platform: c.Platform, stderr: s.Stderr, log: slog.New(slog.DiscardHandler), names: names}
	if err := c.find(g); err != nil {
		return err
	}
	dir := s.Dir
	if dir == "" {
		dir = s.Getenv("COUNTERSIGN_DIR")
	}
	if dir == "" {
		if dir, err = os.MkdirTemp("", "countersign-replay-"); err != nil {
			return fmt.Errorf("make a folder: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	if g.dir, err = filepath.Abs(dir); err != nil {
		return fmt.Errorf("name the folder: %w", err)
	}
	if err := deskdir.MustBeEmpty(g.dir); err != nil {
		return err
	}
	defer func() {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute+time.Duration(len(g.many))*time.Second/10)
		defer cancel()
		err = errors.Join(err, g.tearDown(last))
	}()
	return play(ctx, g)
}

// find reads the platform's address and password.
func (c *onPlatform) find(g *testbed) error {
	if c.Platform == deskdir.ConnectorPlaza {
		if c.PDS != "" || c.PDSAdminPasswordFile != "" {
			return fault.New(fault.Invalid, "wrong-use", "--pds and --pds-admin-password-file go with --platform bluesky.")
		}
		return nil
	}
	if c.PDS == "" || c.PDSAdminPasswordFile == "" {
		return fault.New(fault.Invalid, "wrong-use", "On bluesky give --pds URL and --pds-admin-password-file FILE.")
	}
	if u, err := url.Parse(c.PDS); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fault.New(fault.Invalid, "bad-address", "%q is not the address of a PDS; write https://HOST.", c.PDS)
	}
	b, err := cli.ReadFile(c.PDSAdminPasswordFile, 1<<10)
	if err != nil {
		return err
	}
	g.pds = &pds{url: strings.TrimSuffix(c.PDS, "/"), password: strings.TrimSpace(string(b)), http: &http.Client{Timeout: 30 * time.Second}}
	if g.pds.password == "" {
		return fault.New(fault.Invalid, "bad-password-file", "%s holds no password.", c.PDSAdminPasswordFile)
	}
	return nil
}

func (a replayAnswer) page(p *cli.Page) {
	number := func(ms *float64, none string) string {
		if ms == nil {
			return none
		}
		return fmt.Sprintf("%.0f ms", *ms)
	}
	rows := [][]string{{"WAY IN", "", "NOTICED", "BACK", "KNOWN WHO"}, {"2017", "done", "", "660 s", "two hours"}}
	for _, w := range a.Ways {
		word := "NOT DEFEATED"
		if w.Defeated {
			word = "defeated"
		}
		back := number(w.RestoredMS, "not back")
		if w.RestoredMS != nil && *w.RestoredMS == 0 {
			back = "never away"
		}
		rows = append(rows, []string{w.Way, word, number(w.NoticedMS, "no"), back, number(w.AttributedMS, "no")})
	}
	p.Line("The eleven minutes, on %s:", a.Platform)
	p.Table(rows)
	p.Line("Defeated: the account was never down, or was soon up again and that was noticed. KNOWN WHO: from when on somebody, or a credential, was named; no: nobody was.")
	for _, w := range a.Ways {
		p.Line("%s: %s", w.Way, w.How)
	}
}

// replay is one run of a replay.
type replay struct {
	*testbed
	session *cli.Session
	slow    time.Duration // the factor of patience beyond that on an idle machine
	answer  replayAnswer
}

// patience bounds the wait for an event that has to come.
func (r *replay) patience() time.Duration { return r.slow * 15 * time.Second }

// every is the time between two looks of the observer, in milliseconds.
const every = 10

// calm is the time for which an account is still observed when all seems over.
const calm = 2 * time.Second

// observed plays an act on an account while an observer watches. It waits, within its
// patience, until the observer has seen certain events.
func (r *replay) observed(ctx context.Context, name string, on account, look lookout, play func(context.Context) (*tries, error), events ...string) (onAccount, error) {
	look.Page, look.Repo, look.Every, look.Desk, look.Subject = on.page, on.repo, every, r.desk, on.on.String()
	var err error
	if look.Token, err = r.token(reader); err != nil {
		return onAccount{}, err
	}
	r.session.Say("  %s on %s …", name, on.handle)
	eyes, err := observe(ctx, look, r.stderr)
	if err != nil {
		return onAccount{}, err
	}
	p := played{Sent: canonical.At(time.Now())}
	tried, err := play(ctx)
	p.Answered = canonical.At(time.Now())
	if err == nil {
		_, err = eyes.await(ctx, r.patience(), events...)
	}
	if err == nil && r.slow > 1 {
		err = eyes.awaitUp(ctx, r.patience())
	}
	if err == nil {
		err = pause(ctx, calm)
	}
	seen, lost := eyes.finish(ctx, p)
	if err := errors.Join(err, lost); err != nil {
		return onAccount{}, err
	}
	a := onAccount{Act: name, Attempts: tried.all, Observed: seen, NoticedMS: since(p.Sent, seen.Noticed), AttributedMS: since(p.Sent, seen.Attributed)}
	never := 0.0
	switch {
	case !seen.Up:
	case seen.Seen.IsZero() && len(events) == 0:
		a.RestoredMS = &never // the act was not to reach the platform, and did not
	default:
		a.RestoredMS = since(p.Sent, seen.Again)
	}
	a.Defeated = seen.Up && seen.AwayMS <= float64((r.slow*longestAway).Milliseconds())
	return a, nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// since is the time between two instants in milliseconds; nil if the second never came.
func since(from, to canonical.Time) *float64 {
	if to.IsZero() {
		return nil
	}
	ms := math.Round(float64(to.Sub(from.Time).Microseconds())/100) / 10
	return &ms
}

// add concludes a way from its acts: it takes the worst of each time.
func (r *replay) add(name, how string, acts ...onAccount) {
	w := way{Way: name, Defeated: true, How: how, Acts: acts}
	worst := func(of func(onAccount) *float64) *float64 {
		var most *float64
		for _, a := range acts {
			ms := of(a)
			if ms == nil {
				return nil
			}
			if most == nil || *ms > *most {
				most = ms
			}
		}
		return most
	}
	for _, a := range acts {
		w.Defeated = w.Defeated && a.Defeated
	}
	w.NoticedMS = worst(func(a onAccount) *float64 { return a.NoticedMS })
	w.RestoredMS = worst(func(a onAccount) *float64 { return a.RestoredMS })
	w.AttributedMS = worst(func(a onAccount) *float64 { return a.AttributedMS })
	if !w.Defeated {
		w.How = "Not defeated. " + w.How
	}
	r.answer.Ways = append(r.answer.Ways, w)
}

// open makes an honest worker ask for a takedown, and an employee countersign it: one
// signature is missing.
func (g *testbed) open(ctx context.Context, by string, on account) (string, error) {
	held := g.as(ctx, by, "action", "request", "account.takedown", on.on.String(), "--reason", "reported", "--case", "C-2101")
	if held.member("id") == "" {
		return "", held.err
	}
	if held.member("status") == string(actions.StatusHeld) {
		if r := g.as(ctx, employee, "action", "countersign", held.member("id")); r.code != cli.Done {
			return "", r.err
		}
	}
	return held.member("id"), nil
}

func (r *replay) byDesk(ctx context.Context) error {
	on := r.accounts[forDesk]
	i, err := r.insider(contractor)
	if err != nil {
		return err
	}
	defer i.close()
	a, err := r.observed(ctx, "alone", on, lookout{People: []string{contractor}}, func(ctx context.Context) (*tries, error) {
		open, err := r.open(ctx, asker, on)
		if err != nil {
			return nil, err
		}
		return i.alone(ctx, r.testbed, on, open)
	})
	if err != nil {
		return err
	}
	a.Defeated = a.Defeated && a.Observed.Seen.IsZero()
	r.add("desk", fmt.Sprintf("The contractor tried %d things on the last day; %s. First told by %s.", len(a.Attempts), touched(a), told(a)), a)
	return nil
}

func touched(a onAccount) string {
	if a.Observed.Seen.IsZero() {
		return "the account was never touched"
	}
	return "the account was seen down"
}

func told(a onAccount) string {
	if a.Observed.NoticedBy == "" {
		return "nothing"
	}
	return a.Observed.NoticedBy
}

func (r *replay) byAccomplice(ctx context.Context) error {
	on := r.accounts[forAccomplice]
	them := map[string]*insider{}
	for _, w := range []string{contractor, colleague, sameLine} {
		i, err := r.insider(w)
		if err != nil {
			return err
		}
		defer i.close()
		them[w] = i
	}
	a, err := r.observed(ctx, "together", on, lookout{People: []string{contractor, colleague, sameLine}}, func(ctx context.Context) (*tries, error) {
		t := &tries{}
		for _, asks := range []string{colleague, sameLine} {
			// One of them asks, an employee is talked into signing, and each of them tries to add
			// the missing signature.
			open, err := r.open(ctx, asks, on)
			if err != nil {
				t.add(asks+" asks", "", err)
				continue
			}
			for _, signs := range []string{contractor, colleague, sameLine} {
				q, err := them[signs].countersign(ctx, open)
				t.add(fmt.Sprintf("%s asks, %s countersigns", asks, signs), string(q.Status), err)
				q, err = them[signs].countersign(ctx, open, func(s *actions.Statement) { s.Key = them[contractor].key.Key })
				t.add(fmt.Sprintf("%s asks, %s countersigns with another's key named", asks, signs), string(q.Status), err)
			}
		}
		return t, nil
	})
	if err != nil {
		return err
	}
	a.Defeated = a.Defeated && a.Observed.Seen.IsZero()
	r.add("accomplice", fmt.Sprintf("The contractor, a colleague of the same firm and somebody of another firm under the colleague's manager tried %d combinations, with an employee's signature in hand; %s. First told by %s.",
		len(a.Attempts), touched(a), told(a)), a)
	return nil
}

func (r *replay) byCredential(ctx context.Context) error {
	credential, err := r.credential(ctx)
	if err != nil {
		return err
	}
	h := &http.Client{Transport: &http.Transport{}, Timeout: 30 * time.Second}
	defer h.CloseIdleConnections()
	var acts []onAccount
	type try struct {
		name, on string
		do       func(context.Context, *http.Client, string, account) (int, error)
	}
	all := []try{{"takedown", forTakedown, r.takeDown}, {"deactivation", forSwitchOff, r.switchOff}}
	if r.pds == nil { // a PDS has no labels of its own
		all = append(all, try{"label", forLabel, func(ctx context.Context, h *http.Client, credential string, on account) (int, error) {
			return r.label(ctx, h, credential, on, plaza.Label)
		}})
	}
	for _, c := range all {
		on := r.accounts[c.on]
		a, err := r.observed(ctx, c.name, on, lookout{}, func(ctx context.Context) (*tries, error) {
			t := &tries{}
			status, err := c.do(ctx, h, credential, on)
			if err != nil {
				return t, err // the platform must have carried it out, or nothing was tried
			}
			t.add(c.name+" with the platform's staff credential", fmt.Sprintf("%d", status), nil)
			return t, nil
		}, sightNoticed, sightAttributed)
		if err != nil {
			return err
		}
		a.Defeated = a.Defeated && a.RestoredMS != nil && a.NoticedMS != nil
		acts = append(acts, a)
	}
	label := ""
	if len(acts) > 2 {
		label = fmt.Sprintf(" Labelled: the label was gone after at most %.0f ms.", acts[2].Observed.AwayMS)
	}
	r.add("platform-credential", fmt.Sprintf("Taken down, and deactivated under the owner's lock, around the desk; away for at most %.0f and %.0f ms.%s Attributed: %s.",
		acts[0].Observed.AwayMS, acts[1].Observed.AwayMS, label, orNobody(acts[0].Observed.To)), acts...)
	return nil
}

func orNobody(s string) string {
	if s == "" {
		return "to nobody"
	}
	return s
}

func (r *replay) byDatabase(ctx context.Context) (err error) {
	x, err := r.intruder(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, x.close()) }()
	i, err := r.insider(contractor)
	if err != nil {
		return err
	}
	defer i.close()
	// The contractor's own refusals are only counted by now, since there were many.
	helper, err := r.insider(colleague)
	if err != nil {
		return err
	}
	defer helper.close()
	theirs, err := cli.ReadKey(filepath.Join(r.home(second), "my.key"))
	if err != nil {
		return err
	}
	var acts []onAccount
	for _, c := range []struct {
		name, on string
		people   []string
		edit     func(context.Context, string, *tries) error
		act      func(context.Context, string, *tries) error
	}{
		{"an approval", forApproval, nil, func(ctx context.Context, open string, t *tries) error {
			return x.approve(ctx, open, i.key)
		}, func(ctx context.Context, open string, t *tries) error {
			q, err := i.desk.Request(ctx, open)
			q = i.settled(ctx, q, err)
			t.add("a countersignature and an approval that nobody gave", string(q.Status)+" "+q.Outcome, err)
			return nil
		}},
		{"a key", forKey, []string{second, colleague}, func(ctx context.Context, open string, t *tries) error {
			return x.swapKey(ctx, theirs.PublicKey(), i.key)
		}, func(ctx context.Context, open string, t *tries) error {
			return r.impersonate(ctx, x, helper, theirs, open, t)
		}},
		{"an engagement's end", forEngagement, []string{contractor}, func(ctx context.Context, open string, t *tries) error {
			return x.extend(ctx, contractor, r.shift)
		}, func(ctx context.Context, open string, t *tries) error {
			q, err := i.countersign(ctx, open)
			t.add("countersign, as if it were not the last day", string(q.Status), err)
			return nil
		}},
	} {
		on := r.accounts[c.on]
		open, err := r.testbed.open(ctx, asker, on)
		if err != nil {
			// Nobody can ask for anything any more, which is no defeat of the attack.
			t := &tries{}
			t.add("ask, as somebody honest does", "", err)
			acts = append(acts, onAccount{Act: c.name, Attempts: t.all})
			continue
		}
		a, err := r.observed(ctx, c.name, on, lookout{People: c.people, Requests: []string{open}, Forged: c.on == forKey}, func(ctx context.Context) (*tries, error) {
			t := &tries{}
			if err := c.edit(ctx, open, t); err != nil {
				return t, err
			}
			if err := c.act(ctx, open, t); err != nil {
				return t, err
			}
			if len(x.taken) == 0 {
				return t, nil
			}
			// The attacker cannot edit the memory of a running desk, so the desk is restarted, as
			// it is sooner or later.
			return t, r.again(ctx, x, t, func() error { return c.act(ctx, open, t) })
		})
		if err != nil {
			return err
		}
		a.Defeated = a.Defeated && a.Observed.Seen.IsZero() && a.NoticedMS != nil
		acts = append(acts, a)
	}
	how := "Edited in turn:"
	for _, a := range acts {
		how += fmt.Sprintf(" %s (%s; %s);", a.Act, touched(a), told(a))
	}
	r.add("database", strings.TrimSuffix(how, ";")+". A database keeps no names: who edited it is not known.", acts...)
	return nil
}

// again restarts the desk on the edited database. If it does not start, the operator puts
// the rows back that were edited; if it does, the act is tried again.
func (r *replay) again(ctx context.Context, x *intruder, t *tries, act func() error) error {
	if err := r.stop(); err != nil {
		return err
	}
	err := r.start(ctx)
	t.add("start the desk on the edited database", "started", err)
	if err == nil {
		if err := act(); err != nil {
			return err
		}
		if err := r.stop(); err != nil {
			return err
		}
	}
	if err := x.putBack(ctx); err != nil {
		return err
	}
	return r.start(ctx)
}

// impersonate countersigns as a worker whose key was exchanged in the database, with a
// token that was inserted there.
func (r *replay) impersonate(ctx context.Context, x *intruder, by *insider, theirs cli.KeyFile, open string, t *tries) error {
	forged, err := x.token(ctx, theirs.Worker, theirs.Key)
	if err != nil {
		return err
	}
	own := by.key
	own.Worker = theirs.Worker
	for _, key := range []struct {
		what string
		id   bool // the exchanged key's name
	}{
		{"countersign under the name of the key that was there, with a token that was put into the database", false},
		{"countersign under the name of the key that was put there, with that token", true},
	} {
		i, err := newInsider(r.desk, own, forged)
		if err != nil {
			return err
		}
		q, err := i.desk.DraftVerdict(ctx, open, v1.VerdictWish{Verdict: actions.VerdictCountersign, Key: theirs.Key})
		if err != nil {
			t.add(key.what, "", err)
			i.close()
			continue
		}
		if key.id {
			q.Statement.Key = own.Key
		}
		v, err := i.hand(ctx, open, q.Statement)
		t.add(key.what, string(v.Status), err)
		i.close()
	}
	// A token that nobody signed for opens nothing, and a stranger's attempt leaves no
	// entry. With the insider's own token only the name of the exchanged key is false.
	q, err := by.countersign(ctx, open, func(s *actions.Statement) { s.Signer, s.Key = theirs.Worker, own.Key })
	t.add("countersign as somebody else, with the own token", string(q.Status), err)
	return nil
}

// guard waits until the watch knows the state of so many accounts that matter, and makes
// the officers place a standing order for their tier.
func (g *testbed) guard(ctx context.Context, tier actions.Tier, matter int, order bool) error {
	// The executor sweeps when it starts, and then enters the states of all accounts that
	// matter in the ledger.
	if err := g.stop(); err != nil {
		return err
	}
	if err := g.start(ctx); err != nil {
		return err
	}
	if err := g.awaitBaseline(ctx, matter); err != nil {
		return err
	}
	if !order {
		return nil
	}
	now := time.Now()
	return g.placeOrder(ctx, actions.Order{Op: "place", Platform: g.platform, Tier: tier, Until: canonical.At(now.AddDate(0, 1, 0)),
		PerSubject: 60, PerTier: 1000, Layers: actions.OrderLayers, Vouched: canonical.At(now)})
}

// baselineTime bounds the time until the executor knows all accounts that matter.
const baselineTime = time.Minute

// awaitBaseline waits until the ledger holds the states of all accounts that
// matter.
func (g *testbed) awaitBaseline(ctx context.Context, matter int) error {
	c, err := g.reader()
	if err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, baselineTime)
	defer cancel()
	for after := int64(-1); ; {
		page, err := c.Entries(waiting, after, 100)
		if err != nil {
			return err
		}
		for _, e := range page.Items {
			var x proof.SignedExecution
			if e.Kind == proof.KindBaseline && canonical.Unmarshal(e.Data, &x) == nil && x.Execution.Sight != nil &&
				x.Execution.Sight.Platform == g.platform && x.Execution.Sight.Count >= int64(matter) {
				return nil
			}
			after = e.Index
		}
		if len(page.Items) > 0 {
			continue
		}
		if err := pause(waiting, 50*time.Millisecond); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fault.New(fault.Unavailable, "play-failed", "The executor did not enter how the accounts are within %s.", baselineTime)
		}
	}
}
