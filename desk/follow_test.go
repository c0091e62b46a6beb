package desk_test

import (
	dbsql "database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"countersign.dev/actions"
	"countersign.dev/cases"
	"countersign.dev/desk"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/desktest"
	"countersign.dev/news"
	"countersign.dev/policy"
	"countersign.dev/sqldb/sqldbtest"
	"countersign.dev/workforce"
)

// listener follows as a worker who has signed in, and keeps what was heard.
type listener struct {
	t     *testing.T
	w     *desktest.World
	by    desk.Caller
	f     *desk.Following
	heard map[string]string // by what it is about
	nodes bool              // other nodes are heard, which begins with Again at some time
}

func follow(t *testing.T, w *desktest.World, who workforce.WorkerID, sight desk.Sight) *listener {
	t.Helper()
	l := &listener{t: t, w: w, by: signedIn(t, w, who), heard: map[string]string{}}
	var err error
	if l.f, err = w.Desk.Follow(t.Context(), l.by, sight, w.Desk.Moment()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.f.Close)
	return l
}

func signedIn(t *testing.T, w *desktest.World, who workforce.WorkerID) desk.Caller {
	t.Helper()
	ask, _ := w.TokenAsk(who, who)
	token, err := w.Desk.SignIn(t.Context(), ask)
	if err != nil {
		t.Fatal(err)
	}
	return desk.Caller{Worker: who, Token: token.ID}
}

// hears waits until exactly these events were heard since the last time, in any order, each once.
func (l *listener) hears(what string, want ...string) {
	l.t.Helper()
	slices.Sort(want)
	var got []string
	desktest.Until(l.t, fmt.Sprintf("%s: %s hears %q", what, l.by.Worker, want), func() bool {
		change, err := l.f.Take(l.t.Context())
		if err != nil {
			l.t.Fatal(err)
		}
		if change.Again && !l.nodes {
			l.heard["again"] = "again"
		}
		for _, e := range change.Events {
			name := strings.TrimSpace(fmt.Sprintf("%s %s", e.Sort, e.ID))
			l.heard[name] = name
			if !e.Sort.List() {
				l.heard[name] += fmt.Sprintf(" %d", e.Version)
			}
		}
		got = slices.Sorted(maps.Values(l.heard))
		for name := range l.heard {
			if !slices.ContainsFunc(want, func(w string) bool { return strings.HasPrefix(w, name) }) {
				l.t.Fatalf("%s: %s hears %q, want %q", what, l.by.Worker, got, want)
			}
		}
		return slices.Equal(got, want)
	})
	clear(l.heard)
}

// TestFollow: what people do with cases and requests is heard by those who look at them, and by
// nobody else.
func TestFollow(t *testing.T) {
	desktest.Each(t, func(t *testing.T, options desktest.Options) {
		o := newOffice(t, options)
		got := o.Flag("1", "post/1", "MisleadingSpam", "acct/9")
		id, queue := got.Case.ID, got.Case.Queue
		version := func() string { return fmt.Sprintf("case %s %d", id, o.now(id).Version) }
		ann := follow(t, o.World, "ann", desk.Sight{Cases: []string{id}, Queues: []string{queue}, Work: true})
		bob := follow(t, o.World, "bob", desk.Sight{Cases: []string{id}, Work: true})
		sue := follow(t, o.World, "sue", desk.Sight{Queues: []string{queue}})
		all := []*listener{ann, bob, sue}
		other := follow(t, o.World, "lee", desk.Sight{Queues: []string{"german"}, Work: true, Waiting: true})
		quiet := func() {
			t.Helper()
			for _, l := range append(all, other) {
				l.hears("nothing more")
			}
		}

		taken := o.Take("ann")
		ann.hears("ann claims", version(), "queue "+queue, "work")
		bob.hears("ann claims", version())
		sue.hears("ann claims", "queue "+queue)
		quiet()

		o.do("ann", actions.DeedNote, taken.Case, cases.Order{Note: "Look at the picture."})
		ann.hears("a note", version())
		bob.hears("a note", version())
		quiet()

		if _, err := o.Desk.Extend(t.Context(), desktest.As("ann"), id, taken.Claim.Number, 5); err != nil {
			t.Fatal(err)
		}
		ann.hears("a longer lease", version())
		bob.hears("a longer lease", version())
		quiet()

		if err := o.Desk.KeepDraft(t.Context(), desktest.As("ann"), id, []byte(`{"text":"hm"}`)); err != nil {
			t.Fatal(err)
		}
		ann.hears("a draft", "work")
		quiet()

		o.Flag("2", "post/1", "MisleadingSpam", "acct/8")
		ann.hears("another report", version())
		bob.hears("another report", version())
		quiet()

		o.do("ann", actions.DeedEscalate, o.now(id), cases.Order{Role: cases.AskLead, Note: "Is this one of ours?"})
		ann.hears("ann escalates", version(), "queue "+queue, "work")
		bob.hears("ann escalates", version())
		sue.hears("ann escalates", "queue "+queue)
		quiet()

		// What ann handed on leaves ann's list when somebody takes it.
		if _, err := o.Desk.Claim(t.Context(), desktest.As("sue"), id); err != nil {
			t.Fatal(err)
		}
		ann.hears("sue claims", version(), "queue "+queue, "work")
		bob.hears("sue claims", version())
		sue.hears("sue claims", "queue "+queue)
		quiet()

		o.Clock().Advance(20 * time.Minute)
		o.sweep()
		ann.hears("the lease ends", version(), "queue "+queue)
		bob.hears("the lease ends", version())
		sue.hears("the lease ends", "queue "+queue)
		quiet()

		o.Flag("3", "post/2", "MisleadingSpam", "acct/9")
		ann.hears("a new case", "queue "+queue)
		sue.hears("a new case", "queue "+queue)
		quiet()
	})
}

// TestFollowRequests: what waits for signatures, and a request itself.
func TestFollowRequests(t *testing.T) {
	desktest.Both(t, func(t *testing.T, options desktest.Options) {
		to := desktest.NewTown(t, options)
		kim := follow(t, to.World, "kim", desk.Sight{Waiting: true})
		r := to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@president"))
		kim.nodes = true
		kim.hears("a request is held", "waiting")
		lee := follow(t, to.World, "lee", desk.Sight{Requests: []string{r.ID}})
		lee.nodes = true
		r, err := to.TryWithdraw("ann", r.ID, r.Version)
		if err != nil {
			t.Fatal(err)
		}
		kim.hears("it is withdrawn", "waiting")
		lee.hears("it is withdrawn", fmt.Sprintf("request %s %d", r.ID, r.Version))
	})
}

// TestLaw17NewsRevealNothing: nobody hears of what they may not read; by identifier, by list, and
// when the right ends in between.
func TestLaw17NewsRevealNothing(t *testing.T) {
	desktest.Each(t, func(t *testing.T, options desktest.Options) {
		options.Policy = policy.Default()
		options.Policy["german.cedar"] = `@id("german-is-for-acme")
@reason("German cases are for Acme's people.")
forbid (principal, action == Action::"work.queue", resource)
when { resource.language == "de" && !(principal in Vendor::"acme") };
`
		o := newOffice(t, options)
		try := func(who workforce.WorkerID, sight desk.Sight) error {
			f, err := o.Desk.Follow(t.Context(), signedIn(t, o.World, who), sight, "")
			if err == nil {
				f.Close()
			}
			return err
		}
		c := o.Flag("1", "post/1", "MisleadingSpam", "acct/9").Case
		refused(t, try("ole", desk.Sight{Cases: []string{c.ID}}), "no-such-case")
		refused(t, try("ole", desk.Sight{Cases: []string{"cas_01H00000000000000000000000"}}), "no-such-case")
		refused(t, try("ole", desk.Sight{Queues: []string{c.Queue}}), "no-such-queue")
		refused(t, try("ole", desk.Sight{Queues: []string{"nothing"}}), "no-such-queue")
		refused(t, try("bob", desk.Sight{Alarms: true}), "not-yours-to-read")
		refused(t, try("bob", desk.Sight{Requests: []string{"req_01H00000000000000000000000"}}), "no-such-request")

		// bob, of another vendor, may read the case as long as it is English, and no more once it is
		// German; what happens in the queue of German cases is not for bob either.
		ole := follow(t, o.World, "ole", desk.Sight{Work: true, Waiting: true})
		bob := follow(t, o.World, "bob", desk.Sight{Cases: []string{c.ID}, Queues: []string{c.Queue}, Work: true, Waiting: true})
		taken, err := o.Desk.Claim(t.Context(), desktest.As("sue"), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		bob.hears("sue claims it", fmt.Sprintf("case %s %d", c.ID, taken.Case.Version), "queue "+c.Queue)
		german := o.do("sue", actions.DeedLanguage, taken.Case, cases.Order{Language: "de"})
		if german.Queue != "german" {
			t.Fatalf("it is in %s", german.Queue)
		}
		bob.hears("it is not for bob any more", "case "+c.ID+" 0", "queue "+c.Queue)
		refused(t, try("bob", desk.Sight{Cases: []string{c.ID}}), "no-such-case")
		refused(t, try("bob", desk.Sight{Queues: []string{"german"}}), "no-such-queue")
		if err := try("abe", desk.Sight{Cases: []string{c.ID}, Queues: []string{"german"}}); err != nil {
			t.Error(err)
		}
		o.do("sue", actions.DeedNote, german, cases.Order{Note: "Wie zuvor."})
		o.do("sue", actions.DeedEscalate, german, cases.Order{Role: cases.AskLead, Note: "Is it ours?"})
		bob.hears("what comes later")
		ole.hears("any of it")
	})
}

// TestFollowingEnds: with the sign-in, at once when it is ended elsewhere, and with the engagement.
func TestFollowingEnds(t *testing.T) {
	desktest.Each(t, func(t *testing.T, options desktest.Options) {
		o := newOffice(t, options)
		ends := func(what string, l *listener, typ string) {
			t.Helper()
			<-l.f.Woken()
			var err error
			desktest.Until(t, what, func() bool { _, err = l.f.Take(t.Context()); return err != nil })
			refused(t, err, typ)
		}
		ann, abe := follow(t, o.World, "ann", desk.Sight{Work: true}), follow(t, o.World, "abe", desk.Sight{Work: true})
		if err := o.Desk.RevokeToken(t.Context(), ann.by, ann.by.Token); err != nil {
			t.Fatal(err)
		}
		ends("the token is revoked", ann, "bad-token")
		abe.hears("somebody else signs out")
		kim := follow(t, o.World, "kim", desk.Sight{Waiting: true})
		o.Request("ada", acts.Wish{Kind: actions.DeskEngagement, Change: actions.Engagement{Op: "end", Worker: "kim"}})
		ends("the engagement ends", kim, "engagement-ended")
		if err := abe.f.Holds(); err != nil {
			t.Error(err)
		}
		o.Clock().Advance(2 * time.Hour)
		refused(t, abe.f.Holds(), "bad-token")
	})
}

// TestFollowNodes: random histories of two nodes of one PostgreSQL, while the connections that
// listen are cut, and people come and go. Whoever follows a case knows its newest version in the
// end.
func TestFollowNodes(t *testing.T) {
	url := sqldbtest.Postgres(t)
	of := desktest.NewOffice(t, desktest.Options{URL: url})
	one, two := of.World, of.Second()
	one.Run()
	two.Run()
	nodes := []*desktest.World{one, two}
	by := signedIn(t, one, "ann")
	var ids []string
	for i := range 4 {
		ids = append(ids, of.Flag(fmt.Sprint("case-", i), fmt.Sprint("post/", i), "MisleadingSpam", "acct/9").Case.ID)
	}
	db, err := dbsql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	reports, serial := 0, sync.Mutex{}
	rapid.Check(t, func(rt *rapid.T) {
		serial.Lock()
		defer serial.Unlock()
		type page struct {
			node   *desktest.World
			id     string
			knows  int64
			after  string
			f      *desk.Following
			closed bool
		}
		read := func(p *page) {
			v, err := p.node.Desk.CaseVersion(t.Context(), by, p.id)
			if err != nil {
				rt.Fatal(err)
			}
			p.knows = v
		}
		take := func(p *page) {
			change, err := p.f.Take(t.Context())
			if err != nil {
				rt.Fatal(err)
			}
			for _, e := range change.Events {
				if e.Sort == news.Case {
					p.knows = max(p.knows, e.Version)
				}
			}
			if change.Again {
				read(p)
			}
			p.after = change.Moment
		}
		come := func(p *page) {
			if p.f, err = p.node.Desk.Follow(t.Context(), by, desk.Sight{Cases: []string{p.id}, Work: true}, p.after); err != nil {
				rt.Fatal(err)
			}
		}
		var pages []*page
		defer func() {
			for _, p := range pages {
				if p.f != nil {
					p.f.Close()
				}
			}
		}()
		for _, n := range nodes {
			for range 2 {
				p := &page{node: n, id: rapid.SampledFrom(ids).Draw(rt, "shows")}
				p.after = n.Desk.Moment()
				read(p)
				come(p)
				pages = append(pages, p)
			}
		}
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			p := rapid.SampledFrom(pages).Draw(rt, "page")
			switch rapid.SampledFrom([]string{"change", "change", "change", "cut", "drop", "come", "take"}).Draw(rt, "step") {
			case "change":
				reports++
				at := rapid.IntRange(0, len(ids)-1).Draw(rt, "case")
				reason := rapid.SampledFrom([]cases.Reason{"MisleadingSpam", "MisleadingScam", "HarassmentTroll"}).Draw(rt, "reason")
				if _, err := p.node.TryFlag(fmt.Sprint("more-", reports), fmt.Sprint("post/", at), reason, fmt.Sprint("acct/r", reports)); err != nil {
					rt.Fatal(err)
				}
			case "cut":
				if _, err := db.ExecContext(t.Context(), `select pg_terminate_backend(pid) from pg_stat_activity where query like 'listen "countersign ' || current_schema() || '%'`); err != nil {
					rt.Fatal(err)
				}
			case "drop":
				if p.f != nil {
					p.f.Close()
					p.f = nil
				}
			case "come":
				if p.f == nil {
					come(p)
				}
			case "take":
				if p.f != nil {
					take(p)
				}
			}
		}
		for _, p := range pages {
			if p.f == nil {
				come(p)
			}
			want, err := one.Desk.CaseVersion(t.Context(), by, p.id)
			if err != nil {
				rt.Fatal(err)
			}
			desktest.Until(t, fmt.Sprintf("the page knows version %d of %s", want, p.id), func() bool { take(p); return p.knows == want })
		}
	})
}
