package cli

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/wording"
	"countersign.dev/workforce"
)

type sessionCommands struct {
	Start sessionStart `cmd:"" help:"Sign a session with your own key, once a day. From then on standard work takes the session's key."`
	List  sessionList  `cmd:"" help:"List your sessions whose time is not over."`
	Show  sessionShow  `cmd:"" help:"Show the session that is kept here, and where its key is."`
	End   sessionEnd   `cmd:"" help:"End sessions before their time: your own, or those of somebody who may have lost a key."`
}

func (sessionCommands) Help() string {
	return "A session is a key for one working day, 10 hours at most. It signs requests on standard subjects, their undo, and deeds such as a task of an incident. " +
		"Everything else takes your own key: protected and critical subjects, countersigning, declining, freezes, emergency acts, changes of the desk. " +
		"The key is in your ssh-agent, or in your runtime folder in memory."
}

type sessionStart struct {
	For time.Duration `default:"10h" help:"How long it lasts; at most 10h."`
	Yes bool          `short:"y" help:"Sign without asking. What is signed is shown all the same."`
}

func (c *sessionStart) Help() string {
	return "A running session of the same key ends. The new key goes into the ssh-agent at SSH_AUTH_SOCK, which drops it when the session ends; " +
		"without an agent into a file in XDG_RUNTIME_DIR, if that lies in memory (tmpfs). " +
		"You must be signed in at the desk: countersign token create --save"
}

// shownSession is the answer of session start and session show.
type shownSession struct {
	Digest  canonical.Digest   `json:"digest"` // names the session in statements
	Desk    string             `json:"desk"`   // full name of its ledger
	Worker  workforce.WorkerID `json:"worker"`
	Key     workforce.KeyID    `json:"key"` // the person's own key, which signed it
	Begins  canonical.Time     `json:"begins"`
	Expires canonical.Time     `json:"expires"`
	Kept    string             `json:"kept"` // where the session's key is: ssh-agent, or file
	File    string             `json:"file"`
	Why     string             `json:"why,omitzero"`   // why it signs nothing any more, as the desk says; empty: it does
	Void    *v1.SessionEnd     `json:"void,omitempty"` // who ended it early
}

func shownOf(k *keptSession) shownSession {
	c := k.session()
	kept := "file"
	if k.inAgent() {
		kept = "ssh-agent"
	}
	return shownSession{Digest: k.digest(), Desk: logOf(c), Worker: c.Worker, Key: c.Key, Begins: c.NotBefore, Expires: c.Expires, Kept: kept, File: k.path}
}

// facts lists a session for a person.
func (x shownSession) facts(now time.Time) [][2]string {
	return [][2]string{{"of", fmt.Sprintf("%s, with %s", x.Worker, x.Key)}, {"desk", x.Desk}, {"begins", wording.When(x.Begins)},
		{"ends", until(x.Expires, now)}, {"session", x.Digest.String()}}
}

func (c *sessionStart) Run(ctx context.Context, s *Session) error {
	if c.For <= 0 {
		return fault.New(fault.Invalid, "bad-session-life", "A session lasts for some time: give --for a length such as 8h.")
	}
	if c.For > actions.SessionLife {
		return fault.New(fault.Invalid, "bad-session-life", "A session lasts for at most %s.", strings.TrimSuffix(actions.SessionLife.String(), "0m0s"))
	}
	d, err := s.desk()
	if err != nil {
		return err
	}
	me, err := s.identity()
	if err != nil {
		return err
	}
	status, err := d.Status(ctx)
	if err != nil {
		return err
	}
	session, seed, err := s.newSession(status, me, c.For)
	if err != nil {
		return err
	}
	k := &keptSession{V: keptSessionVersion, Signed: actions.SignedSession{Session: session}}
	p := &Page{color: s.Color}
	p.Line("You sign this session:")
	p.Facts(shownOf(k).facts(s.Now())...)
	p.Line("Its key signs, in your name, what a session may, on standard subjects: see countersign session --help")
	fmt.Fprint(s.Stderr, p.String())
	if err := s.Confirm("Sign and start it?", c.Yes); err != nil {
		return err
	}
	if k, err = s.hold(ctx, session, seed); err != nil {
		return err
	}
	k.Signed.Signature = me.key.Sign(session.Challenge())
	if err := s.start(ctx, d, k); err != nil {
		if k.inAgent() {
			_ = s.drop(ctx, k) // the agent drops it by itself; the first error is what matters
		}
		return err
	}
	doc := shownOf(k)
	return s.Answer(doc, func(p *Page) {
		p.Line("%s: the %s", p.Good("started"), wording.SessionOf(session))
		where := "in the ssh-agent, which drops it at the end"
		if !k.inAgent() {
			where = doc.File + ", in memory"
		}
		p.Facts([2]string{"its key", where}, [2]string{"session", doc.Digest.String()})
		p.Line("To end it before: countersign session end --reason WHY")
	})
}

// newSession makes a session of the desk with a new key. The seed is the key's secret.
func (s *Session) newSession(desk v1.Status, me identity, life time.Duration) (c actions.Session, seed []byte, err error) {
	switch {
	case !me.knows(desk.Log):
		return c, nil, fault.New(fault.Conflict, "foreign-desk", "That desk is %q, and yours is %q. Nothing was signed.", desk.Log, cmp.Or(me.log, me.origin))
	case desk.Formats < 2:
		return c, nil, fault.New(fault.Conflict, "no-sessions", "This desk signs in the formats %d, which have no sessions. Your own key signs each act, until officers adopt newer formats with `countersign formats adopt --reason WHY`.", desk.Formats)
	}
	random := make([]byte, ed25519.SeedSize+32)
	if _, err := io.ReadFull(s.Rand, random); err != nil {
		return c, nil, fmt.Errorf("make a key and a nonce: %w", err)
	}
	seed = random[:ed25519.SeedSize]
	public := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	now := canonical.At(s.Now())
	c = actions.Session{V: actions.SessionVersion, After: desk.Ledger.GovernanceHead, Worker: me.worker, Key: me.key.Key, Nonce: random[ed25519.SeedSize:], NotBefore: now, Expires: canonical.At(now.Add(life)),
		SessionKey: actions.SessionKey{Algorithm: actions.SessionEd25519, Public: canonical.Bytes(public)}}
	if c.Log, c.Founding, err = actions.SplitLog(desk.Log); err != nil || c.Founding.IsZero() {
		return c, nil, fault.New(fault.Conflict, "foreign-desk", "The desk names itself %q, which is no origin with the hash of entry 0. Nothing was signed.", desk.Log)
	}
	return c, seed, c.Check()
}

// start hands a signed session in, and keeps it in the place of an older one.
func (s *Session) start(ctx context.Context, d deskClient, k *keptSession) error {
	if _, err := d.StartSession(ctx, k.Signed); err != nil {
		return err
	}
	c := k.session()
	if old, err := s.keptAt(logOf(c), c.Worker); err == nil && old != nil {
		if err := s.forget(ctx, old); err != nil {
			s.Say("The session before it: %v", err)
		}
	}
	return s.write(k)
}

type sessionList struct{}

// listedSession is one of the desk's sessions of the caller.
type listedSession struct {
	v1.Session
	Kept bool `json:"kept"` // its key is kept here
}

func (c *sessionList) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	page, err := d.Sessions(ctx)
	if err != nil {
		return err
	}
	all := make([]listedSession, len(page.Items))
	for i, x := range page.Items {
		k, err := s.keptAt(logOf(x.Signed.Session), x.Signed.Session.Worker)
		all[i] = listedSession{x, err == nil && k != nil && k.digest() == x.Digest && s.atHand(ctx, k)}
	}
	return s.Answer(items(all), func(p *Page) {
		if len(all) == 0 {
			p.Line("No session runs. To start one: countersign session start")
			return
		}
		rows := [][]string{{"SESSION", "KEY", "BEGINS", "ENDS", "KEPT HERE", "SIGNS NOTHING, SINCE"}}
		for _, x := range all {
			c := x.Signed.Session
			rows = append(rows, []string{wording.ShortDigest(x.Digest), string(c.Key), wording.When(c.NotBefore), until(c.Expires, s.Now()), yesNo(x.Kept), x.Why})
		}
		p.Table(rows)
		for _, x := range all {
			if x.Void != nil {
				p.Line("%s", endedWords(*x.Void, wording.ShortDigest(x.Digest)))
			}
		}
	})
}

// endedWords says who ended a session early, when and why. called is what the session is
// called.
func endedWords(end v1.SessionEnd, called string) string {
	return fmt.Sprintf("%s was ended on %s by %s (%s): %s", called, wording.When(end.At), end.By, end.Request, end.Reason)
}

type sessionShow struct{}

func (c *sessionShow) Run(ctx context.Context, s *Session) error {
	k, err := s.ownSession(ctx)
	if err != nil {
		return err
	}
	if k == nil || !k.live(s.Now()) {
		// What is kept here no more may have been ended by somebody else.
		if page, err := s.ownSessions(ctx); err == nil && len(page) > 0 && page[0].Void != nil {
			s.Say("%s", endedWords(*page[0].Void, "The "+wording.SessionOf(page[0].Signed.Session)))
		}
		return fault.New(fault.NotFound, "no-session-here", "No session of yours is kept here. To start one: countersign session start")
	}
	held := s.atHand(ctx, k)
	doc := shownOf(k)
	all, err := s.ownSessions(ctx)
	if err != nil {
		s.Say("Whether the desk still takes this session is not known: %s", fault.TextOf(err))
	}
	for _, x := range all {
		if x.Digest == doc.Digest {
			doc.Why, doc.Void = x.Why, x.Void
		}
	}
	if !held || doc.Why != "" {
		s.End(Refused)
	}
	return s.Answer(doc, func(p *Page) {
		p.Line("The %s", wording.SessionOf(k.session()))
		where := doc.Kept
		switch {
		case !held:
			where = p.Bad("in an ssh-agent that does not answer here, or that dropped it. Your own key signs; to start a new session: countersign session start")
		case !k.inAgent():
			where = doc.File + ", in memory"
		}
		p.Facts(append(doc.facts(s.Now()), [2]string{"its key", where}, [2]string{"signs nothing", doc.Why})...)
		if doc.Void != nil {
			p.Line("%s", p.Bad(endedWords(*doc.Void, "It")))
		}
	})
}

// ownSessions returns the person's sessions that the desk knows, newest first.
func (s *Session) ownSessions(ctx context.Context) ([]v1.Session, error) {
	d, err := s.desk()
	if err != nil {
		return nil, err
	}
	page, err := d.Sessions(ctx)
	return page.Items, err
}

// ownSession returns the session of the person in the settings, or in the key file, that is
// kept here for their desk; nil if none is.
func (s *Session) ownSession(ctx context.Context) (*keptSession, error) {
	d, err := s.desk()
	if err != nil {
		return nil, err
	}
	worker, err := s.workerName()
	if err != nil {
		return nil, err
	}
	log, err := s.ledgerName(ctx, d)
	if err != nil {
		return nil, err
	}
	return s.keptAt(log, worker)
}

type sessionEnd struct {
	Worker    workforce.WorkerID `xor:"of" help:"End all sessions of this worker: you are on call, or a lead above them. Default: your own."`
	Vendor    string             `xor:"of" help:"End the sessions of everybody at this vendor: you are on call."`
	Employees bool               `xor:"of" help:"End the sessions of all employees: you are on call."`
	All       bool               `xor:"of" help:"End everybody's sessions: you are on call."`
	Of        workforce.KeyID    `name:"of-key" placeholder:"KEY" xor:"of" help:"End the sessions that this key started, key_…: you own it, you are on call, or a lead above its owner."`
	Before    moment             `placeholder:"TIME" help:"Only those that were certified before this time, such as 2026-11-30T09:00:00Z. Default: now. One that began later ends too, unless it names a change of the desk from after that time."`
	Unlisted  bool               `help:"Also if the desk knows of none of yours that runs: somebody who has your key may have signed one and kept it back."`
	Reason    string             `required:"" help:"Why, for the ledger. No personal data."`
	directCommand
}

func (c *sessionEnd) Help() string {
	return "From now on nothing that a session signed is carried out, undos included. Only an undo that the executor has taken on already goes on, or one that it takes on before it has read the ledger so far; action show tells which. Whoever goes on working starts a new session with one signature. " +
		"It goes through the desk, and straight to the executor if the desk does not answer, or with --direct. Everybody may end their own sessions, and the session itself signs that. " +
		"If none of your own sessions runs, it says so and signs nothing. " +
		"One person ends their own sessions 5 times an hour, and those of others 5 times an hour; the founding statement of the desk may say another number (endings_per_hour). From a minute after your last end on you may all the same end all of your own that began before now, so that a thief cannot use your ends up."
}

func (c *sessionEnd) Run(ctx context.Context, s *Session) error {
	void := actions.Void{Before: canonical.At(s.Now())}
	switch {
	case c.Before.after > 0:
		return fault.New(fault.Invalid, "bad-void", "Sessions end that were certified before a time. Give --before as a time such as 2026-11-30T09:00:00Z.")
	case c.Before.given != "":
		void.Before = c.Before.from(s.Now())
	}
	switch {
	case c.All:
		void.Scope = actions.ScopeAll
	case c.Vendor != "" || c.Employees:
		void.Scope, void.Of = actions.ScopeVendor, c.Vendor
	case c.Of != "":
		void.Scope, void.Of = actions.ScopeKey, string(c.Of)
	default:
		void.Scope, void.Of = actions.ScopeWorker, string(c.Worker)
	}
	if void.Scope == actions.ScopeWorker && void.Of == "" {
		worker, err := s.workerName()
		if err != nil {
			return err
		}
		void.Of = string(worker)
	}
	running, known := s.running(ctx, void)
	if known && len(running) == 0 && !c.Unlisted && !c.Direct {
		return c.nothing(ctx, s, void)
	}
	c.next = func(p *Page) {
		describeEnded(p, void, running)
		describeAfterEnd(p, void, s.seesIncidents(ctx))
	}
	if void.Scope == actions.ScopeWorker {
		s.hint = " For you they can give: countersign session end --worker " + void.Of + " --reason WHY --direct"
	}
	end := func() error { return c.relieve(ctx, s, actions.DeskKey, actions.Keys{Void: &void}, c.Reason) }
	err := end()
	if s.used != nil && signsNoMore(err) {
		s.lapsed(ctx, err)
		if _, missing := s.identity(); missing == nil {
			s.Say("Your session signs nothing any more, so your own key signs this.")
			s.kept = nil
			err = end()
		}
	}
	// With wrong-state these sessions are void already.
	if s.kept != nil && s.kept.endedBy(void) && (err == nil && s.code == Done || fault.Is(err, "wrong-state")) {
		if err := s.forget(ctx, s.kept); err != nil {
			s.Say("%v", err)
		}
	}
	return err
}

// nothingEnded is the answer of session end where nothing was to end.
type nothingEnded struct {
	Nothing string `json:"nothing"` // says so
}

// nothing answers that none of the person's own sessions runs. Nothing was signed, so that it
// counts as no end.
func (c *sessionEnd) nothing(ctx context.Context, s *Session, void actions.Void) error {
	if k, err := s.ownSession(ctx); err == nil && k != nil && k.endedBy(void) {
		if err := s.forget(ctx, k); err != nil {
			s.Say("%v", err)
		}
	}
	text := "The desk knows of no session of yours that runs and began before " + exactly(void.Before) + ", so nothing was signed and nothing has ended. If somebody may have your key, give --unlisted."
	return s.Answer(nothingEnded{text}, func(p *Page) {
		p.Line("%s", text)
		describeAfterEnd(p, void, s.seesIncidents(ctx))
	})
}

// running returns the person's own sessions that a change ends. known is false if that
// cannot be told: the change is about others, or the desk does not answer soon.
func (s *Session) running(ctx context.Context, void actions.Void) (all []actions.Session, known bool) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	me, err := s.workerName()
	if err != nil || void.Scope != actions.ScopeWorker && void.Scope != actions.ScopeKey || void.Scope == actions.ScopeWorker && void.Of != string(me) {
		return nil, false
	}
	listed, err := s.ownSessions(ctx)
	// Of the one that is kept here the desk may not be able to tell.
	if k, bad := s.ownSession(ctx); bad == nil && k != nil && k.live(s.Now()) && k.endedBy(void) &&
		!slices.ContainsFunc(listed, func(x v1.Session) bool { return x.Digest == k.digest() }) {
		all = append(all, k.session())
	}
	if err != nil {
		return all, false
	}
	mine := void.Scope == actions.ScopeWorker // a key of which no session is listed may be somebody else's
	for _, x := range listed {
		c := x.Signed.Session
		mine = mine || void.Of == string(c.Key)
		if x.Why == "" && s.Now().Before(c.Expires.Time) && endedBy(c, void) {
			all = append(all, c)
		}
	}
	return all, mine
}

// exactly writes an instant to the second: sessions often begin in the same minute.
func exactly(t canonical.Time) string { return t.UTC().Format("2 January 2006 15:04:05 UTC") }

// describeEnded says which sessions ended: each, if they are the person's own, and else of
// whom.
func describeEnded(p *Page, void actions.Void, own []actions.Session) {
	if len(own) == 0 {
		p.Line("Ended: %s that began before %s", void.Sessions(), exactly(void.Before))
	}
	for _, c := range own {
		p.Line("Ended: the %s", wording.SessionOf(c))
	}
}

// seesIncidents reports whether the desk lets the caller work on incidents. A desk that does
// not answer soon is taken for one that does.
func (s *Session) seesIncidents(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	d, err := s.desk()
	if err == nil {
		_, err = d.Incidents(ctx, v1.IncidentFilter{Limit: 1})
	}
	return fault.KindOf(err) != fault.Forbidden
}

// describeAfterEnd says how to see and to lift what was signed under sessions that were
// ended. incidents says whether the person may open an incident.
func describeAfterEnd(p *Page, void actions.Void, incidents bool) {
	list := "countersign action list"
	if void.Scope == actions.ScopeWorker {
		list += " --requester " + void.Of
	}
	p.Line("What was carried out before stands. To see it:")
	p.Line("  %s", list)
	if !incidents {
		p.Line("To have lifted what you did not sign, name one such request to an investigator or to somebody on call. They open an incident on it.")
		return
	}
	p.Line("To lift what somebody else signed with it, open an incident on one such request. It lists the others, and says which session signed each:")
	p.Line("  countersign incident open REQUEST --title TITLE")
	p.Line("  countersign incident undo INCIDENT --session SESSION --reason WHY")
}

// endedBy reports whether a change ends the session, as far as that can be told here: the
// desk knows who is at which vendor.
func (k *keptSession) endedBy(v actions.Void) bool { return endedBy(k.session(), v) }

func endedBy(c actions.Session, v actions.Void) bool {
	scoped := v.Scope == actions.ScopeAll || v.Scope == actions.ScopeWorker && v.Of == string(c.Worker) || v.Scope == actions.ScopeKey && v.Of == string(c.Key)
	return scoped && c.NotBefore.Before(v.Before.Time)
}

// signOut removes the person's session from here. That is no entry in the ledger: the key is
// gone.
func (s *Session) signOut(ctx context.Context) {
	k, err := s.ownSession(ctx)
	if err == nil && k != nil {
		err = s.forget(ctx, k)
	}
	if err != nil {
		s.Say("Look whether a session of yours is still kept here: %v", err)
	}
}
