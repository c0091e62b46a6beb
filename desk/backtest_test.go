package desk_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/desktest"
	"countersign.dev/desk/inquiry"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/policy"
	"countersign.dev/sqldb"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// long is a window that holds all that a test does.
var long = canonical.At(time.Now().Add(-24 * time.Hour))

func backtest(t *testing.T, to *desktest.Town, files map[string]string) inquiry.Backtested {
	t.Helper()
	b, err := to.Backtest(t.Context(), desktest.As("kim"), files, long, canonical.Time{}, -1)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// inForce is the set in force with files replaced or added.
func inForce(t *testing.T, to *desktest.Town, more map[string]string) map[string]string {
	t.Helper()
	s, err := to.Desk.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	files := s.Policy.Files()
	maps.Copy(files, more)
	return files
}

// extra is one more hold for what a condition says. Where that may be on critical,
// changes of the desk are held as well, since no set may ask less of them.
func extra(hold, condition string) map[string]string {
	one := func(id, group, condition string) string {
		return fmt.Sprintf("@id(%q)\n@reason(\"This is one hold more than before.\")\n@hold(%q)\nforbid (principal, action in [%s], resource)\nwhen { %s };\n", id, hold, group, condition)
	}
	text := one("extra", `Action::"measures", Action::"lifts"`, condition)
	if !strings.Contains(condition, "standard") && !strings.Contains(condition, "protected") {
		text += one("extra-desk", `Action::"changes"`, `!context.founding && context.direction == Direction::"burdening"`)
	}
	return map[string]string{"extra.cedar": text}
}

// busy plays requests of every sort, with their countersignatures, declines and
// undos, and returns how many of them policy refused.
func busy(t *testing.T, to *desktest.Town) (refused int64) {
	t.Helper()
	try := func(by workforce.WorkerID, k actions.Kind, subject string, c actions.Category) actions.Request {
		w := desktest.Wish(k, subject)
		w.Category = c
		r, err := to.TryRequest(by, w)
		if proof.RuledBy(err) != nil {
			refused++
		} else if err != nil {
			t.Fatalf("%s on %s by %s: %v", k, subject, by, err)
		}
		return to.Settled(by, r)
	}
	undo := func(by workforce.WorkerID, r actions.Request, signers ...workforce.WorkerID) {
		u, err := to.TryUndo(by, r.ID)
		if err != nil {
			t.Fatal(err)
		}
		if len(signers) > 0 {
			u = to.Countersign(u.ID, signers...)
		}
		to.Settled(by, u)
	}
	r := try("ann", actions.AccountTakedown, "plaza:@neighbour", "")
	undo("bob", r)
	r = to.Settled("kim", to.Countersign(try("kim", actions.AccountSuspend, "plaza:@shop", actions.CategoryLegal).ID, "lee"))
	undo("abe", r, "lee")
	r = try("bob", actions.ContentRemove, "plaza:post/1", "")
	undo("bob", r)
	r = try("sue", actions.AccountDeactivate, "plaza:@shop", "")
	undo("ole", r)
	r = to.Settled("ann", to.Countersign(try("ann", actions.AccountTakedown, "plaza:@singer", "").ID, "lee"))
	undo("ole", r)
	to.Countersign(try("abe", actions.AccountTakedown, "plaza:@president", actions.CategoryChildSafety).ID, "lee")
	r = to.Settled("ann", to.Countersign(try("ann", actions.AccountTakedown, "plaza:@president", "").ID, "lee", "kim"))
	undo("kim", r)
	r = try("bob", actions.AccountTakedown, "plaza:@singer", "")
	d, err := to.DraftVerdict(t.Context(), desktest.As("sue"), r.ID, actions.VerdictDecline, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := to.Decline(t.Context(), desktest.As("sue"), r.ID, to.Signed("sue", d), false, "no"); err != nil {
		t.Fatal(err)
	}
	// In other layers than the visibility.
	r = try("ann", actions.AccountLabel, "plaza:@neighbour", "")
	undo("bob", r)
	try("bob", actions.ContentLimit, "plaza:post/1", "")
	r = to.Settled("ann", to.Countersign(try("ann", actions.AccountLimit, "plaza:@singer", "").ID, "lee"))
	undo("ole", r)
	to.Countersign(try("abe", actions.AccountLabel, "plaza:@president", "").ID, "lee")
	try("dan", actions.AccountTakedown, "plaza:@singer", "")
	try("ole", actions.AccountSuspend, "plaza:@shop", "")
	held := try("lee", actions.AccountSuspend, "plaza:@singer", "")
	for _, by := range []workforce.WorkerID{"bob", "dan"} {
		if _, err := to.TryCountersign(by, held.ID); proof.RuledBy(err) == nil {
			t.Fatalf("a countersignature by %s: %v", by, err)
		}
		refused++
	}
	return refused
}

func rows(t *testing.T, to *desktest.Town) (all []store.Request) {
	t.Helper()
	if err := to.Store.Read(t.Context(), func(tx *store.Tx) (err error) {
		all, err = tx.Requests(store.RequestFilter{Limit: 10_000})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// Replayed with the very set that ruled, nothing changes, and nothing contradicts
// what was entered; with another set in between as well.
func TestBacktestSameSet(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		refused := busy(t, to)
		b := backtest(t, to, policy.Default())
		if b.Requests != int64(len(rows(t, to))) || b.Refusals != refused || refused < 4 {
			t.Errorf("%d of %d requests were replayed, and %d of %d refusals", b.Requests, len(rows(t, to)), b.Refusals, refused)
		}
		if len(b.Changes) != 0 || b.FindingsN != 0 || len(b.Unread) != 0 {
			t.Errorf("changes %+v, findings %v, unread %v", b.Changes, b.Findings, b.Unread)
		}

		// What was ruled by another set is compared with that one.
		before := int64(len(rows(t, to)))
		strict := inForce(t, to, extra("1 independent", `resource.tier == Tier::"standard"`))
		to.Change(actions.DeskChange, actions.Setting{Of: actions.PartPolicy, Policy: strict})
		held := to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@shop"))
		b = backtest(t, to, policy.Default())
		if b.FindingsN != 0 || len(b.Changes) != 1 || b.Changes[0].Request != held.ID || b.Changes[0].Turn != proof.NowPermitted {
			t.Errorf("back to the built-in set: %+v, findings %v", b.Changes, b.Findings)
		}
		b = backtest(t, to, strict)
		if b.FindingsN != 0 || b.Requests != before+2 || slices.ContainsFunc(b.Changes, func(c proof.Change) bool { return c.Request == held.ID }) || len(b.Changes) == 0 {
			t.Errorf("the stricter set from the start: %d requests, %+v, findings %v", b.Requests, b.Changes, b.Findings)
		}
	})
}

// A set that differs in one hold changes exactly those requests that reading
// them one by one finds. The reading shares no code with the replay: it looks at the
// rows' actions and needs, and at who asked.
func TestBacktestOneHold(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		busy(t, to)
		all := rows(t, to)
		agents := []workforce.WorkerID{"ann", "abe", "bob", "dan"}
		rnd := rand.New(rand.NewPCG(1, 2))
		changed := 0
		for range 40 {
			tier := actions.Tiers[rnd.IntN(3)]
			condition := fmt.Sprintf("resource.tier == Tier::%q", tier)
			fits := func(a actions.Action, by workforce.WorkerID) bool { return a.Tier == tier }
			and := func(cedar string, more func(actions.Action, workforce.WorkerID) bool) {
				before := fits
				condition += " && " + cedar
				fits = func(a actions.Action, by workforce.WorkerID) bool { return before(a, by) && more(a, by) }
			}
			if rnd.IntN(2) == 0 {
				and(`principal in Role::"agent"`, func(_ actions.Action, by workforce.WorkerID) bool { return slices.Contains(agents, by) })
			}
			if rnd.IntN(3) == 0 {
				and(`context.category != Category::"rules"`, func(a actions.Action, _ workforce.WorkerID) bool { return a.Category != "" })
			}
			if rnd.IntN(3) == 0 {
				and(`context.direction == Direction::"burdening"`, func(a actions.Action, _ workforce.WorkerID) bool { return a.Direction == actions.Burdening })
			}
			if rnd.IntN(4) == 0 {
				weaker := []actions.Kind{actions.AccountLabel, actions.AccountLimit, actions.ContentLimit}
				and(`action in [Action::"account.label", Action::"account.limit", Action::"content.limit"]`, func(a actions.Action, _ workforce.WorkerID) bool { return slices.Contains(weaker, a.Kind) })
			}
			n := 1 + rnd.IntN(3)
			hold, needs := fmt.Sprintf("%d independent", n), func(has int) bool { return n > has }
			if rnd.IntN(3) == 0 {
				hold, needs = "+1", func(int) bool { return true }
			}
			want := map[string]proof.Turn{}
			for _, r := range all {
				switch {
				case !needs(r.Need.Independent) || r.Need.All:
				case hold == "+1" && r.Action.Tier == actions.Standard && r.Action.Direction == actions.Burdening && r.Action.Category != "":
					// The policy asked for nobody there, and the law for one: one more is that one.
				case r.Action.Subject.Platform == actions.DeskPlatform && (tier != actions.Critical || r.Action.Direction == actions.Relieving):
				case r.Action.Subject.Platform != actions.DeskPlatform && !fits(r.Action, r.Requester()):
				case r.Need.Zero():
					want[r.ID] = proof.NowHeld
				default:
					want[r.ID] = proof.NeedsMore
				}
			}
			b := backtest(t, to, inForce(t, to, extra(hold, condition)))
			got := map[string]proof.Turn{}
			for _, c := range b.Changes {
				got[c.Request] = c.Turn
			}
			if !maps.Equal(got, want) || b.FindingsN != 0 {
				t.Errorf("with @hold(%q) when %s: got %v, want %v, findings %v", hold, condition, got, want, b.Findings)
			}
			changed += len(want)
		}
		if changed < 40 {
			t.Errorf("only %d changes were compared", changed)
		}
	})
}

// without is the set in force without the policies of given identifiers.
func without(t *testing.T, to *desktest.Town, ids ...string) map[string]string {
	files := inForce(t, to, nil)
	for name, text := range files {
		for _, id := range ids {
			if i := strings.Index(text, fmt.Sprintf("@id(%q)", id)); i >= 0 {
				end := i + strings.Index(text[i:], ";\n") + 2
				text = text[:i] + text[end:]
			}
		}
		files[name] = text
	}
	return files
}

func turns(b inquiry.Backtested) string {
	var words []string
	for _, c := range b.Changes {
		words = append(words, fmt.Sprintf("%s %s %s", c.Turn, c.Act.Tier, c.Worker))
	}
	return strings.Join(words, ", ")
}

// What was refused is replayed, and who could countersign as well; the weakest
// stands first.
func TestBacktestOfRefusalsAndSigners(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		_, err := to.TryRequest("dan", desktest.Wish(actions.AccountTakedown, "plaza:@president"))
		refused(t, err, "forbidden-by-policy")
		r := to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@singer"))
		_, err = to.TryCountersign("bob", r.ID)
		refused(t, err, "forbidden-by-policy")
		to.Settled("ann", to.Countersign(r.ID, "lee"))

		if got := turns(backtest(t, to, without(t, to, "last-days-no-requests"))); got != "now-possible critical dan" {
			t.Errorf("without the rule of the last days: %s", got)
		}
		b := backtest(t, to, inForce(t, to, map[string]string{"extra.cedar": `@id("agents-sign")
@reason("Agents countersign on protected subjects as well.")
permit (principal in Role::"agent", action == Action::"countersign", resource) when { resource.tier == Tier::"protected" };
`}))
		if got := turns(b); got != "now-may-countersign protected bob" || !b.Changes[0].Refused {
			t.Errorf("where agents may countersign: %s", got)
		}
		nobody := inForce(t, to, map[string]string{"extra.cedar": `@id("bolt-signs-nothing")
@reason("Nobody of bolt countersigns on protected subjects.")
forbid (principal in Vendor::"bolt", action == Action::"countersign", resource) when { resource.tier == Tier::"protected" };
`})
		b = backtest(t, to, nobody)
		if got := turns(b); got != "not-filled protected ann" || !b.Changes[0].Filled || b.Changes[0].WouldFill ||
			len(b.Changes[0].Lost) != 1 || b.Changes[0].Lost[0].Worker != "lee" {
			t.Errorf("where lee may not countersign: %s %+v", got, b.Changes)
		}
		r = to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@president"))
		to.Countersign(r.ID, "lee", "kim")
		two := inForce(t, to, map[string]string{"extra.cedar": `@id("two-become-one")
@reason("Leads of bolt do not countersign on critical subjects.")
forbid (principal in Vendor::"bolt", action == Action::"countersign", resource) when { resource.tier == Tier::"critical" };
`})
		b = backtest(t, to, two)
		if got := turns(b); got != "not-filled critical ann" {
			t.Errorf("where only kim may countersign: %s", got)
		}
		// With one more than needed the others suffice, and who would not count is named.
		r = to.Request("kim", desktest.Wish(actions.ContentRemove, "plaza:post/2"))
		to.Countersign(r.ID, "lee", "sue", "eva")
		b = backtest(t, to, two)
		if got := turns(b); got != "not-filled critical ann, signer-refused critical kim" || b.Changes[1].Lost[0].Worker != "lee" || !b.Changes[1].WouldFill {
			t.Errorf("where sue and eva suffice: %s", got)
		}
		// Looser first, critical before protected.
		loose := without(t, to, "critical-needs-two", "protected-needs-one", "last-days-no-requests")
		maps.Copy(loose, extra("1 independent", `resource.tier == Tier::"standard" || resource.tier == Tier::"critical"`))
		to.Settled("ann", to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@shop")))
		b, err = to.Backtest(t.Context(), desktest.As("ada"), loose, long, canonical.Time{}, 3)
		if err != nil {
			t.Fatal(err)
		}
		if got := turns(b); got != "now-possible critical dan, needs-fewer critical ann, needs-fewer critical kim" || b.Left != 2 || b.Turns[proof.NowHeld] != 1 {
			t.Errorf("a set looser above and stricter below: %s, %d left, %v", got, b.Left, b.Turns)
		}
	})
}

// What the proposed set would do to a policy that cannot be, and to a reader who may not.
func TestBacktestIsRefused(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		set := policy.Default()
		ask := func(by workforce.WorkerID, files map[string]string, since, until canonical.Time) error {
			_, err := to.Backtest(t.Context(), desktest.As(by), files, since, until, -1)
			return err
		}
		refused(t, ask("ann", set, long, canonical.Time{}), "not-yours-to-read")
		refused(t, ask("nobody", set, long, canonical.Time{}), "engagement-ended")
		refused(t, ask("kim", map[string]string{"a.cedar": "permit("}, long, canonical.Time{}), "bad-policy")
		refused(t, ask("kim", set, long, long), "bad-window")
		for _, by := range []workforce.WorkerID{"ada", "kim", "ole", "lee"} {
			if err := ask(by, set, long, canonical.Time{}); err != nil {
				t.Errorf("by %s: %v", by, err)
			}
		}
		// Whoever may propose a set may ask what it would change.
		to.Change(actions.DeskChange, actions.Setting{Of: actions.PartPolicy, Policy: inForce(t, to, map[string]string{"extra.cedar": `@id("ann-proposes")
@reason("Agents may propose policies, which officers countersign.")
permit (principal in Role::"agent", action in Action::"changes", resource) when { resource.part == Part::"policy" };
`})})
		if err := ask("ann", set, long, canonical.Time{}); err != nil {
			t.Error(err)
		}
	})
}

// A window holds what was asked in it, with the signatures that came later.
func TestBacktestWindow(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		before := to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@singer"))
		to.Clock().Advance(time.Minute)
		since := canonical.At(to.Clock().Now())
		inside := to.Request("abe", desktest.Wish(actions.AccountTakedown, "plaza:@president"))
		to.Clock().Advance(time.Minute)
		until := canonical.At(to.Clock().Now())
		to.Countersign(before.ID, "lee")
		to.Settled("ann", to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@shop")))
		to.Countersign(inside.ID, "lee", "kim")
		set := inForce(t, to, extra("+1", "true"))
		b, err := to.Backtest(t.Context(), desktest.As("kim"), set, since, until, -1)
		if err != nil {
			t.Fatal(err)
		}
		if b.Requests != 1 || len(b.Changes) != 1 || b.Changes[0].Request != inside.ID || !b.Changes[0].Filled || b.Changes[0].WouldFill {
			t.Errorf("%d requests, %+v", b.Requests, b.Changes)
		}
	})
}

// unlock takes away what keeps rows of the ledger from being changed.
func unlock(t *testing.T, to *desktest.Town) {
	t.Helper()
	if to.Store.DB().Dialect() == sqldb.PostgreSQL {
		change(t, to, `alter table ledger_body disable trigger all`)
		change(t, to, `alter table ledger_entry disable trigger all`)
		return
	}
	change(t, to, `drop trigger ledger_body_is_not_changed`)
	change(t, to, `drop trigger ledger_entry_is_not_changed`)
}

func change(t *testing.T, to *desktest.Town, statement string, args ...any) {
	t.Helper()
	if err := to.Store.Write(t.Context(), func(tx *store.Tx) error { _, err := tx.Exec(statement, args...); return err }); err != nil {
		t.Fatal(err)
	}
}

// indexOf finds the ledger entry of a kind about a request.
func indexOf(t *testing.T, to *desktest.Town, kind, request string) int64 {
	t.Helper()
	for _, e := range since(t, to.World, 0) {
		if e.Body.Kind == kind && strings.Contains(string(e.BodyBytes), request) {
			return e.Index
		}
	}
	t.Fatalf("there is no entry of kind %s about %s", kind, request)
	return 0
}

// What cannot be read is counted and never guessed; an edited row is found.
func TestBacktestOfWhatIsGone(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		r := to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@singer"))
		to.Settled("ann", to.Countersign(r.ID, "lee"))
		gone := to.Settled("bob", to.Request("bob", desktest.Wish(actions.AccountTakedown, "plaza:@shop")))
		edited := to.Settled("abe", to.Request("abe", desktest.Wish(actions.AccountTakedown, "plaza:@neighbour")))
		// Personal fields are no fact.
		for _, field := range []string{"subject", "handle", "reason", "case"} {
			if err := to.Store.Write(t.Context(), func(tx *store.Tx) error {
				return tx.EraseOpening(indexOf(t, to, "request", r.ID), field)
			}); err != nil {
				t.Fatal(err)
			}
		}
		unlock(t, to)
		change(t, to, `update request set action = $1, need = $2 where id = $3`, []byte("{}"), []byte("{}"), r.ID)
		for range 13 {
			_, err := to.TryRequest("dan", desktest.Wish(actions.AccountTakedown, "plaza:@president"))
			refused(t, err, "forbidden-by-policy")
		}
		to.Clock().Advance(time.Minute)
		_, err := to.TryRequest("dan", desktest.Wish(actions.AccountTakedown, "plaza:@president"))
		refused(t, err, "forbidden-by-policy")
		set := policy.Default()
		whole := backtest(t, to, set)
		if len(whole.Changes) != 0 || whole.FindingsN != 0 || whole.Refusals != 11 || whole.Unread[proof.UnreadCounted] != 3 {
			t.Errorf("changes %+v, findings %v, %d refusals, unread %v", whole.Changes, whole.Findings, whole.Refusals, whole.Unread)
		}
		if _, _, err := to.RequestThen(t.Context(), edited.ID); err != nil {
			t.Error(err)
		}

		index, other := indexOf(t, to, "request", edited.ID), indexOf(t, to, "refused", "dan")
		change(t, to, `delete from ledger_body where idx = $1`, indexOf(t, to, "request", gone.ID))
		change(t, to, `delete from ledger_body where idx = $1`, indexOf(t, to, "countersign", r.ID))
		body := bodyOf(t, to, index)
		change(t, to, `update ledger_body set body = $1 where idx = $2`, []byte(strings.Replace(body, `"abe"`, `"ann"`, 1)), index)
		b := backtest(t, to, set)
		if b.Unread[proof.UnreadErased] != 2 || b.Unread[proof.UnreadEdited] != 1 || b.Requests != whole.Requests-2 {
			t.Errorf("unread %v, %d requests of %d", b.Unread, b.Requests, whole.Requests)
		}
		if len(b.Changes) != 0 || b.FindingsN != 1 || b.Findings[0].Index != index {
			t.Errorf("changes %+v, findings %v", b.Changes, b.Findings)
		}
		_, _, err = to.RequestThen(t.Context(), edited.ID)
		refused(t, err, "not-recorded")
		// Nor is a row believed that calls an entry another one.
		change(t, to, `update ledger_entry set kind = 'countersign' where idx = $1`, other)
		if b = backtest(t, to, set); b.Unread[proof.UnreadEdited] != 2 || b.FindingsN != 2 || b.Refusals != whole.Refusals-1 {
			t.Errorf("unread %v, findings %v, %d refusals", b.Unread, b.Findings, b.Refusals)
		}
	})
}

func bodyOf(t *testing.T, to *desktest.Town, index int64) (body string) {
	t.Helper()
	if err := to.Store.Read(t.Context(), func(tx *store.Tx) error {
		e, err := tx.Entry(index)
		body = string(e.BodyBytes)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return body
}

// What a set would have ruled on one request: then, today, and under a proposal.
func TestRequestThen(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		r := to.Request("dan", desktest.Wish(actions.AccountTakedown, "plaza:@shop"))
		end := actions.Engagement{Op: "end", Worker: "dan"}
		to.Request("ada", acts.Wish{Kind: actions.DeskEngagement, Change: end})
		stricter, err := policy.Compile(inForce(t, to, extra("1 independent", "principal.ratchet")))
		if err != nil {
			t.Fatal(err)
		}
		rec, then, err := to.RequestThen(t.Context(), r.ID)
		if err != nil {
			t.Fatal(err)
		}
		if a := then.WouldRule(then.Policy, rec); a.Verdict != policy.Permitted {
			t.Errorf("then: %+v", a)
		}
		if a := then.WouldRule(stricter, rec); a.Verdict != policy.Held || a.Need.Independent != 1 {
			t.Errorf("proposed: %+v", a)
		}
		_, _, err = to.RequestThen(t.Context(), "req_none")
		refused(t, err, "no-such-request")
	})
}

// enter puts an entry of the class desk in the ledger that no rule of the desk made.
func enter(t *testing.T, to *desktest.Town, kind string, data any) {
	t.Helper()
	if err := to.Store.Write(t.Context(), func(tx *store.Tx) error {
		tx.Append(ledger.Draft{Class: ledger.Desk, Kind: kind, Data: data, Expect: ledger.AnyNumber})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// A desk that enters what it did not rule is found out, each way of it; records
// without facts, and refusals by an older chain, are counted.
func TestBacktestFindsWhatWasNotRuled(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		now := canonical.At(to.Clock().Now())
		number := 0
		request := func(by workforce.WorkerID, tier actions.Tier, need actions.Need, at canonical.Time) string {
			number++
			id := fmt.Sprintf("req_%026d", number)
			act := entry.Act{Case: true, Direction: actions.Burdening, Effect: actions.Reversible, Kind: actions.AccountTakedown, Platform: "plaza", Tier: tier, Verb: platform.Takedown}
			status := actions.StatusHeld
			if need.Zero() {
				status = actions.StatusApproved
			}
			enter(t, to, entry.KindRequest, entry.Request{Act: act, At: at, Need: need, Request: id, Status: status,
				Signed: actions.Signed{Statement: actions.Statement{Request: id, Signer: by, Key: to.PublicKey(by).ID(), NotBefore: at, Expires: canonical.At(at.Add(time.Hour))}}})
			return id
		}
		sign := func(id string, by workforce.WorkerID, need actions.Need, status actions.Status) {
			enter(t, to, entry.KindCountersign, entry.Verdict{At: now, Need: need, Request: id, Status: status, Tier: actions.Protected,
				Signed: actions.Signed{Statement: actions.Statement{Request: id, Signer: by, Key: to.PublicKey(by).ID(), Verdict: actions.VerdictCountersign, NotBefore: now, Expires: canonical.At(now.Add(time.Hour))}}})
		}
		one := actions.Need{Independent: 1}
		for name, forge := range map[string]func(){
			"permitted where it is held":   func() { request("ann", actions.Protected, actions.Need{}, now) },
			"held for fewer":               func() { request("ann", actions.Critical, one, now) },
			"permitted where it is not":    func() { request("dan", actions.Critical, actions.Need{}, now) },
			"judged for another time":      func() { request("ann", actions.Standard, actions.Need{}, canonical.At(now.Add(-2*time.Minute))) },
			"a signer whom policy refuses": func() { sign(request("ann", actions.Protected, one, now), "bob", one, actions.StatusHeld) },
			"a need that changed by itself": func() {
				sign(request("ann", actions.Protected, one, now), "sue", actions.Need{Independent: 2}, actions.StatusHeld)
			},
			"approved without its slots": func() { sign(request("ann", actions.Protected, one, now), "sue", one, actions.StatusApproved) },
			"held with its slots filled": func() { sign(request("ann", actions.Protected, one, now), "lee", one, actions.StatusHeld) },
		} {
			before := backtest(t, to, policy.Default())
			forge()
			after := backtest(t, to, policy.Default())
			if after.FindingsN != before.FindingsN+1 {
				t.Errorf("%s: %d findings more: %+v", name, after.FindingsN-before.FindingsN, after.Findings)
			}
		}
		honest := backtest(t, to, policy.Default())
		sign(request("ann", actions.Protected, one, now), "lee", one, actions.StatusApproved)
		// A signature that cannot be read makes no finding of the one after it.
		id := request("abe", actions.Critical, actions.Need{Independent: 2, Hardware: true, Qualified: map[actions.Qualifier]int{actions.QualifierEmployee: 1}}, now)
		enter(t, to, entry.KindCountersign, map[string]string{"what": "from another version"})
		two := actions.Need{Independent: 2, Hardware: true, Qualified: map[actions.Qualifier]int{actions.QualifierEmployee: 1}}
		enter(t, to, entry.KindCountersign, entry.Verdict{At: now, Need: two, Request: id, Status: actions.StatusApproved, Tier: actions.Critical,
			Signed: actions.Signed{Statement: actions.Statement{Request: id, Signer: "kim", Key: to.PublicKey("kim").ID(), NotBefore: now, Expires: canonical.At(now.Add(time.Hour))}}})
		s, err := to.Desk.State(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		act := entry.Act{Case: true, Direction: actions.Burdening, Effect: actions.Reversible, Kind: actions.AccountTakedown, Platform: "plaza", Tier: actions.Critical, Verb: platform.Takedown}
		ruled := entry.Ruled{Act: act, At: now, GovernanceNumber: s.Next, Worker: "dan"}
		enter(t, to, entry.KindRefused, entry.Refusal{Count: 1, Ruled: &ruled, Type: "forbidden-by-policy", Worker: "dan"})
		older := ruled
		older.GovernanceNumber--
		enter(t, to, entry.KindRefused, entry.Refusal{Count: 1, Ruled: &older, Type: "forbidden-by-policy", Worker: "dan"})
		enter(t, to, entry.KindRefused, map[string]any{"count": 1, "type": "forbidden-by-policy", "what": "request account.takedown", "worker": "dan"})
		enter(t, to, entry.KindRefused, entry.Refusal{Count: 1, Type: "key-not-hardware", Worker: "kim"})
		enter(t, to, entry.KindRefused, entry.Refusal{Count: 1, Type: "bad-signature", Worker: "kim"})
		b := backtest(t, to, policy.Default())
		if len(b.Changes) != 0 {
			t.Errorf("under the same set there are changes: %+v", b.Changes)
		}
		if b.FindingsN != honest.FindingsN || b.Requests != honest.Requests+2 || b.Refusals != 1 || b.Others != honest.Others+1 ||
			!maps.Equal(b.Unread, map[proof.Unread]int64{proof.UnreadForm: 2, proof.UnreadMoved: 1, proof.UnreadKey: 1}) {
			t.Errorf("findings %v, %d requests (%d), %d refusals, %d others, unread %v", b.Findings, b.Requests, honest.Requests, b.Refusals, b.Others, b.Unread)
		}
		wrong := ruled
		wrong.Worker = "kim"
		enter(t, to, entry.KindRefused, entry.Refusal{Count: 1, Ruled: &wrong, Type: "forbidden-by-policy", Worker: "kim"})
		if b = backtest(t, to, policy.Default()); b.FindingsN != honest.FindingsN+1 {
			t.Errorf("a refusal that was none: %v", b.Findings)
		}
	})
}

// A measure grows older while the lift of it is held: each signature is ruled by
// what it was when it was made.
func TestBacktestOfWhatGrewOlder(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		o.Policy = policy.Default()
		o.Policy["own.cedar"] = `@id("own-needs-one") @reason("Who takes a measure back needs one other.") @hold("1 independent")
forbid (principal, action in Action::"lifts", resource) when { context.lifts == Lift::"own" };
`
		to := desktest.NewTown(t, o)
		r := to.Settled("ann", to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@shop")))
		to.Clock().Advance(29*24*time.Hour + 12*time.Hour)
		u, err := to.TryUndo("ann", r.ID)
		if err != nil {
			t.Fatal(err)
		}
		to.Clock().Advance(13 * time.Hour)
		if u = to.Settled("ann", to.Countersign(u.ID, "lee")); u.Status != actions.StatusExecuted {
			t.Fatalf("it is %s: %s", u.Status, u.OutcomeText)
		}
		set := inForce(t, to, extra("2 independent", `resource.tier == Tier::"standard" && context.lifts == Lift::"older"`))
		b := backtest(t, to, set)
		if got := turns(b); got != "needs-more standard ann" || b.Changes[0].Request != u.ID || b.FindingsN != 0 {
			t.Errorf("%s, %v", got, b.Findings)
		}
	})
}

// A key that was revoked since it signed fills no slot, then and in the replay.
func TestBacktestOfRevokedKey(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		r := to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@president"))
		to.Countersign(r.ID, "lee")
		to.Request("ada", acts.Wish{Kind: actions.DeskKey, Change: actions.Keys{Revoke: []workforce.KeyID{to.PublicKey("lee").ID()}}})
		if r = to.Countersign(r.ID, "kim"); r.Status != actions.StatusHeld {
			t.Fatalf("it is %s", r.Status)
		}
		if r = to.Settled("ann", to.Countersign(r.ID, "eva")); r.Status != actions.StatusExecuted {
			t.Fatalf("it is %s: %s", r.Status, r.OutcomeText)
		}
		if b := backtest(t, to, policy.Default()); b.FindingsN != 0 || len(b.Changes) != 0 {
			t.Errorf("%+v, %v", b.Changes, b.Findings)
		}
	})
}
