package proof_test

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/policy"
	"countersign.dev/workforce"
)

// moved is a desk with a history, and a warrant of it that rests on that history. dov is an
// officer who was admitted after the founding, and signs what follows. The policy was changed
// twice. ann has a new key. lee, who countersigns, came by the founding import, went to
// another vendor, and got a longer engagement. kim was ended, straight at the executor, and
// reinstated.
func moved(t testing.TB) (*prooftest.World, []byte) {
	t.Helper()
	w := prooftest.Staffed(t)
	dov := record("dov", "", "")
	dov.Roles = []workforce.Role{workforce.Officer}
	w.Admit(dov)
	w.Enrol("dov")
	w.Advance(31 * 24 * time.Hour)
	files := policy.Default()
	files["first.cedar"] = "// nothing more\n"
	w.Change(actions.DeskChange, actions.Setting{Of: actions.PartPolicy, Policy: files})
	w.Advance(time.Hour)
	w.Officers = []workforce.WorkerID{"dov", "bea", "cem"}
	w.Enrol("ann")
	w.Change(actions.DeskChange, vendor("cork"))
	lee := w.State().People.Seat("lee").Record
	lee.Vendor, lee.Last = "cork", canonical.At(w.Now().AddDate(0, 2, 0))
	w.Admit(lee)
	w.Advance(time.Hour)
	w.Change(actions.DeskEngagement, actions.Engagement{Op: "extend", Worker: "lee", Last: canonical.At(w.Now().AddDate(0, 3, 0))})
	files = maps.Clone(files)
	files["more.cedar"] = "// nothing more\n"
	w.Change(actions.DeskChange, actions.Setting{Of: actions.PartPolicy, Policy: files})
	taken := actions.Engagement{Op: "end", Worker: "kim"}
	a, err := w.Authority(actions.DeskEngagement, taken, "ada")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.TakeOver(takenOf(w, a)); err != nil {
		t.Fatal(err)
	}
	w.Advance(time.Hour)
	w.Change(actions.DeskEngagement, actions.Engagement{Op: "reinstate", Worker: "kim"})
	w.Advance(32 * 24 * time.Hour)
	return w, w.Warrant(w.Countersign(w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/17"), actions.Critical), "lee", "kim"))
}

// takenOf returns the executor's record of a change that it took.
func takenOf(w *prooftest.World, a proof.Authority) proof.SignedExecution {
	return proof.Execution{V: proof.ExecutionVersion(w.State().Formats), Executor: prooftest.ExecutorID, Kind: proof.KindTaken, Duty: proof.DutyWatch,
		Request: a.Request.Statement.Request, At: canonical.At(w.Now()), Taken: &a}.Sign(w.ExecutorKey)
}

// complete verifies a complete warrant.
func complete(w *prooftest.World, raw []byte) (proof.Report, error) {
	return proof.NewVerifier(proof.Trust{Root: w.Root}).Complete(raw)
}

// TestCompleteWarrant: a complete warrant shows who authorised whom, down to entry 0.
// Nothing but a verifier takes it.
func TestCompleteWarrant(t *testing.T) {
	w, plain := moved(t)
	raw := w.Complete(plain)
	r, err := complete(w, raw)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes; %d without the %d entries that authorise others", len(raw), len(plain), len(r.Warrant.Authority))
	kinds := map[string]bool{}
	for _, a := range append(slices.Clone(r.Warrant.People), r.Warrant.Authority...) {
		kinds[a.Entry.Kind] = true
	}
	for _, kind := range []string{proof.KindFounding, proof.KindRow, proof.KindTaken, "desk.admit", "desk.key", "desk.engagement", "desk.change"} {
		if !kinds[kind] {
			t.Errorf("the warrant carries no entry of kind %s", kind)
		}
	}
	for _, says := range []string{"checked down to entry 0", "limits an hour", "indispensable", "rows of an import", "--ledger"} {
		if !strings.Contains(r.Authority, says) {
			t.Errorf("the report does not say %q: %s", says, r.Authority)
		}
	}
	v := proof.NewVerifier(proof.Trust{Root: w.Root})
	if chained, err := v.Chain(raw, w.Served()); err != nil || !strings.HasSuffix(chained.Authority, "by the whole chain") {
		t.Errorf("with the chain: %v, %q", err, chained.Authority)
	}
	if report, err := v.Complete(plain); err != nil || report.Authority != "" {
		t.Errorf("without entries that authorise others: %v, %q", err, report.Authority)
	}
	if _, err := proof.ParseWarrant(raw); !fault.Is(err, "malformed") {
		t.Errorf("a parser for the executor took it: %v", err)
	}
	if _, err := v.Verify(raw); !fault.Is(err, "malformed") {
		t.Errorf("a verifier for the executor took it: %v", err)
	}
	if parsed, err := proof.ParseComplete(raw); err != nil || string(canonical.MustMarshal(parsed)) != string(raw) {
		t.Errorf("it has two spellings: %v", err)
	}
	if first := w.Complete(w.Warrant(w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/18"), actions.Standard))); len(first) >= len(raw) {
		t.Error("a warrant of one person carries what authorises others")
	}
}

// spoiledAuthority yields a complete warrant in which only Authority is wrong, in every way, with the
// number of the entry that a refusal must name.
func spoiledAuthority(t *testing.T, w *prooftest.World, raw []byte, visit func(name string, number int64, raw []byte)) {
	t.Helper()
	good, err := proof.ParseComplete(raw)
	must(t, err)
	edit := func(how string, number int64, f func(*proof.Warrant)) {
		bad := good
		bad.Authority, bad.People = slices.Clone(good.Authority), slices.Clone(good.People)
		f(&bad)
		visit(fmt.Sprintf("entry %d %s", number, how), number, canonical.MustMarshal(bad))
	}
	carried := map[int64]bool{}
	for _, p := range good.People {
		carried[p.Entry.Number] = true
		if p.Entry.Number > 0 {
			edit("of people, doubled among those who authorise", p.Entry.Number, func(bad *proof.Warrant) {
				bad.Authority = append(bad.Authority, p)
				slices.SortFunc(bad.Authority, func(a, b proof.Evidence) int { return int(a.Entry.Number - b.Entry.Number) })
			})
		}
	}
	for i, a := range good.Authority {
		n := a.Entry.Number
		carried[n] = true
		edit("missing", n, func(bad *proof.Warrant) { bad.Authority = slices.Delete(bad.Authority, i, i+1) })
		edit("doubled", n, func(bad *proof.Warrant) { bad.Authority = slices.Insert(bad.Authority, i, a) })
		edit("with another salt", n, func(bad *proof.Warrant) { bad.Authority[i].Salt = slices.Clone(a.Salt); bad.Authority[i].Salt[0] ^= 1 })
		edit("with another place", n, func(bad *proof.Warrant) { bad.Authority[i].Proof.Index++ })
		edit("dated otherwise", n, func(bad *proof.Warrant) { bad.Authority[i].Entry.Time = canonical.At(a.Entry.Time.Add(time.Second)) })
		edit("with other data", n, func(bad *proof.Warrant) {
			bad.Authority[i].Entry.Data = canonical.Raw(strings.Replace(string(a.Entry.Data), "sha256:", "sha256:0", 1))
		})
		if i > 0 {
			edit("before the one before", n, func(bad *proof.Warrant) { bad.Authority[i-1], bad.Authority[i] = a, good.Authority[i-1] })
		}
	}
	for _, e := range w.Entries() {
		switch surplus := (proof.Evidence{Entry: e.Body, Salt: e.Salt, Proof: w.Inclusion(e.Index)}); {
		case e.Leaf.Class == ledger.Governance && !carried[e.Leaf.Number]:
			edit("surplus", e.Leaf.Number, func(bad *proof.Warrant) {
				bad.Authority = append(bad.Authority, surplus)
				slices.SortFunc(bad.Authority, func(a, b proof.Evidence) int { return int(a.Entry.Number - b.Entry.Number) })
			})
		case e.Leaf.Class == ledger.Desk && e.Leaf.Number < 2:
			edit("of the desk", e.Leaf.Number, func(bad *proof.Warrant) { bad.Authority = append(bad.Authority, surplus) })
		}
	}
}

// TestCompleteWarrantRefuses visits every entry of Authority: none may be tampered with, be
// missing, be surplus or stand twice, and the refusal says which one it is, or which one
// does without it.
func TestCompleteWarrantRefuses(t *testing.T) {
	w, plain := moved(t)
	v := proof.NewVerifier(proof.Trust{Root: w.Root})
	ways := 0
	raw := w.Complete(plain)
	if _, err := v.Complete(raw); err != nil {
		t.Fatal(err)
	}
	spoiledAuthority(t, w, raw, func(name string, number int64, bad []byte) {
		ways++
		_, err := v.Complete(bad)
		f := fault.As(err)
		switch {
		case f == nil || f.Kind == fault.Internal:
			t.Errorf("%s: %v", name, err)
		case strings.HasSuffix(name, "missing") || strings.HasSuffix(name, "before"):
			if !strings.HasPrefix(f.Text, "Governance entry ") {
				t.Errorf("%s: the refusal names no entry: %s", name, f.Text)
			}
		case strings.HasSuffix(name, "other data"), strings.Contains(f.Text, fmt.Sprintf("Governance entry %d ", number)):
		default:
			t.Errorf("%s: the refusal does not name it: %s", name, f.Text)
		}
	})
	if ways < 60 {
		t.Errorf("only %d ways were tried", ways)
	}
}

// lie enters a governance entry that the chain does not authorise, as who holds the log's key
// can, and returns the warrant of an act by the state that it would give.
type lie struct {
	w *prooftest.World
	s *proof.State
}

func (l *lie) enter(t *testing.T, kind string, data any, sealed ...ledger.Opening) int64 {
	t.Helper()
	e := l.w.Append(ledger.Draft{Class: ledger.Governance, Kind: kind, Data: data, Sealed: sealed, Expect: ledger.AnyNumber})[0]
	if kind != string(actions.DeskAdmit) {
		must(t, proof.FoldEntry(l.s, proof.Evidence{Entry: e.Body, Salt: e.Salt}))
	}
	l.s.Next = e.Leaf.Number + 1
	return e.Leaf.Number
}

// unauthorised are entries that a log which lies puts into the governance chain, by what
// is wrong with each.
func unauthorised() map[string]unauthorisedEntry {
	claim := func(l *lie, k actions.Kind, c actions.Change, by ...workforce.WorkerID) proof.Authority {
		return l.w.Claim(k, c, by[0], by[1:]...)
	}
	enrol := func(l *lie, who workforce.WorkerID) actions.Keys {
		return actions.Keys{Enrol: []actions.Enrolment{l.w.Enrolment(who)}}
	}
	return map[string]unauthorisedEntry{
		"a key enrolled by one": {"held", func(t *testing.T, l *lie) (int64, []int64) {
			return l.enter(t, "desk.key", claim(l, actions.DeskKey, enrol(l, "ann"), "ada")), nil
		}},
		"a key enrolled by people who may not": {"forbidden-by-policy", func(t *testing.T, l *lie) (int64, []int64) {
			return l.enter(t, "desk.key", claim(l, actions.DeskKey, enrol(l, "ann"), "bob", "sue", "kim")), nil
		}},
		"a key that did not sign for itself": {"no-possession", func(t *testing.T, l *lie) (int64, []int64) {
			k := enrol(l, "ann")
			k.Enrol[0].Possession = l.w.Signature("ann", [32]byte{1})
			return l.enter(t, "desk.key", claim(l, actions.DeskKey, k, "ada", "bea", "cem")), nil
		}},
		"a signature of somebody else": {"bad-signature", func(t *testing.T, l *lie) (int64, []int64) {
			a := claim(l, actions.DeskKey, enrol(l, "ann"), "ada", "bea", "cem")
			a.Countersignatures[0].Signature = l.w.Signature("ann", a.Countersignatures[0].Statement.Challenge())
			return l.enter(t, "desk.key", a), nil
		}},
		"another action than was signed": {"bad-statement", func(t *testing.T, l *lie) (int64, []int64) {
			a := claim(l, actions.DeskKey, enrol(l, "bob"), "ada", "bea", "cem")
			a.Action.Change = canonical.MustMarshal(enrol(l, "ann"))
			return l.enter(t, "desk.key", a), nil
		}},
		"more signatures than it needs": {"surplus-signature", func(t *testing.T, l *lie) (int64, []int64) {
			dov := record("dov", "", "")
			dov.Roles = []workforce.Role{workforce.Officer}
			l.w.Admit(dov)
			l.w.Enrol("dov")
			l.w.Advance(31 * 24 * time.Hour)
			l.s = l.w.State()
			return l.enter(t, "desk.key", claim(l, actions.DeskKey, enrol(l, "ann"), "ada", "bea", "cem", "dov")), nil
		}},
		"a change after its time": {"expired", func(t *testing.T, l *lie) (int64, []int64) {
			a := claim(l, actions.DeskKey, enrol(l, "ann"), "ada", "bea", "cem")
			l.w.Advance(48 * time.Hour)
			return l.enter(t, "desk.key", a), nil
		}},
		"a change twice": {"spent", func(t *testing.T, l *lie) (int64, []int64) {
			lee := l.w.State().People.Seat("lee").Record
			a := claim(l, actions.DeskEngagement, actions.Engagement{Op: "extend", Worker: "ann", Last: canonical.At(lee.Last.AddDate(1, 0, 0))}, "ada", "bea", "cem")
			l.enter(t, "desk.engagement", a)
			return l.enter(t, "desk.engagement", a), nil
		}},
		"a policy by one": {"held", func(t *testing.T, l *lie) (int64, []int64) {
			files := policy.Default()
			files["more.cedar"] = "// nothing\n"
			return l.enter(t, "desk.change", claim(l, actions.DeskChange, actions.Setting{Of: actions.PartPolicy, Policy: files}, "ada")), nil
		}},
		"a change that was taken from somebody who may not make it": {"forbidden-by-policy", func(t *testing.T, l *lie) (int64, []int64) {
			n := l.enter(t, proof.KindTaken, takenOf(l.w, claim(l, actions.DeskEngagement, end("ann"), "bob")))
			l.enter(t, "desk.engagement", claim(l, actions.DeskEngagement, actions.Engagement{Op: "reinstate", Worker: "ann"}, "ada", "bea", "cem"))
			return n, []int64{3}
		}},
		"a row without its admission": {"bad-authority", func(t *testing.T, l *lie) (int64, []int64) {
			_, rows, _ := l.w.Rows(l.s.People.Seat("ann").Record)
			return l.enter(t, proof.KindRow, proof.RowDataOf(l.s, rows[0], canonical.At(l.w.Now()), 1, 0)), []int64{3}
		}},
		"a row outside of its admission": {"broken-chain", func(t *testing.T, l *lie) (int64, []int64) {
			change, rows, opened := l.w.Rows(l.s.People.Seat("ann").Record, record("new", "", ""))
			n := l.enter(t, "desk.admit", claim(l, actions.DeskAdmit, change, "ada", "bea", "cem"))
			return l.enter(t, proof.KindRow, proof.RowDataOf(l.s, rows[0], canonical.At(l.w.Now()), n, 1), opened[0]...), []int64{n}
		}},
		"another row than was signed": {"broken-chain", func(t *testing.T, l *lie) (int64, []int64) {
			change, rows, opened := l.w.Rows(l.s.People.Seat("ann").Record)
			n := l.enter(t, "desk.admit", claim(l, actions.DeskAdmit, change, "ada", "bea", "cem"))
			rows[0].Record.Vendor = ""
			return l.enter(t, proof.KindRow, proof.RowDataOf(l.s, rows[0], canonical.At(l.w.Now()), n, 0), opened[0]...), []int64{n}
		}},
		"an admission by one": {"held", func(t *testing.T, l *lie) (int64, []int64) {
			change, rows, _ := l.w.Rows(l.s.People.Seat("ann").Record)
			n := l.enter(t, "desk.admit", claim(l, actions.DeskAdmit, change, "ada"))
			l.enter(t, proof.KindRow, proof.RowDataOf(l.s, rows[0], canonical.At(l.w.Now()), n, 0))
			return n, []int64{n}
		}},
		"a row with other sealed fields": {"broken-chain", func(t *testing.T, l *lie) (int64, []int64) {
			change, rows, _ := l.w.Rows(l.s.People.Seat("ann").Record)
			n := l.enter(t, "desk.admit", claim(l, actions.DeskAdmit, change, "ada", "bea", "cem"))
			return l.enter(t, proof.KindRow, proof.RowDataOf(l.s, rows[0], canonical.At(l.w.Now()), n, 0)), []int64{n}
		}},
	}
}

// unauthorisedEntry is one lie.
type unauthorisedEntry struct {
	want string // the type of the refusal
	// lie enters it. It returns the number of the entry that nobody authorised, and the numbers
	// of entries that the warrant must carry besides.
	lie func(t *testing.T, l *lie) (number int64, more []int64)
}

// tell returns a warrant that rests on a lie, by itself and complete.
func (c unauthorisedEntry) tell(t *testing.T) (w *prooftest.World, number int64, plain, whole []byte) {
	t.Helper()
	w = prooftest.Staffed(t)
	l := &lie{w: w, s: w.State()}
	number, more := c.lie(t, l)
	ask := w.Ask(w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/17"), actions.Standard))
	j, err := l.s.Judge(ask)
	must(t, err)
	core, err := l.s.Seal(ask, j)
	must(t, err)
	plain = w.Enter(core, l.s, j)
	return w, number, plain, w.Complete(plain, more...)
}

// TestUnauthorisedEntries: a warrant that rests on a lie of the log verifies by itself, since
// its entries are the word of the log's key. A complete warrant names the entry that nobody
// authorised.
func TestUnauthorisedEntries(t *testing.T) {
	for name, c := range unauthorised() {
		t.Run(name, func(t *testing.T) {
			w, number, plain, whole := c.tell(t)
			if _, err := proof.Verify(plain, proof.Trust{Root: w.Root}); err != nil {
				t.Fatalf("by itself: %v", err)
			}
			_, err := complete(w, whole)
			if f := fault.As(err); !fault.Is(err, c.want) || !strings.Contains(f.Text, fmt.Sprintf("Governance entry %d ", number)) {
				t.Errorf("%v; want %s of entry %d", err, c.want, number)
			}
		})
	}
}

// TestSecondReaderOfAuthority puts complete warrants, spoiled ones and lies to both readers.
func TestSecondReaderOfAuthority(t *testing.T) {
	w, plain := moved(t)
	raw := w.Complete(plain)
	a := both(t, func(yield func(document) bool) {
		yield(document{"complete", raw, w.Root})
		spoiledAuthority(t, w, raw, func(name string, _ int64, bad []byte) { yield(document{name, bad, w.Root}) })
		for name, c := range unauthorised() {
			w, _, _, whole := c.tell(t)
			yield(document{name, whole, w.Root})
		}
	})
	if !slices.Equal(a.accepted, []string{"complete"}) {
		t.Errorf("both accept %q", a.accepted)
	}
	for typ := range a.ruled {
		if !slices.Contains([]string{"held", "forbidden-by-policy", "surplus-signature"}, typ) {
			t.Errorf("only our reader refuses as %s", typ)
		}
	}
	if len(a.refused) < 60 {
		t.Errorf("both refuse only %d", len(a.refused))
	}
}

// TestCompleteWarrantOfLaws: what a law asked in place of the policy. That several ended
// somebody whom one could not end alone is shown by their signatures. A recovery, for which
// everybody signs who is left, is not: few entries do not say who is left.
func TestCompleteWarrantOfLaws(t *testing.T) {
	warrant := func(w *prooftest.World, officers ...workforce.WorkerID) []byte {
		w.Officers = officers
		w.Enrol("ann")
		return w.Complete(w.Warrant(w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/17"), actions.Standard)))
	}
	t.Run("together", func(t *testing.T) {
		w := withDov(prooftest.Found(t, prooftest.Options{}))
		back := actions.Engagement{Op: "reinstate", Worker: "dov"}
		must(t, do(w, actions.DeskEngagement, end("dov"), "ada"))
		w.Change(actions.DeskEngagement, back)
		refusedAs(t, do(w, actions.DeskEngagement, end("dov"), "ada"), "held", "")
		must(t, do(w, actions.DeskEngagement, end("dov"), "ada", "bea", "cem"))
		w.Change(actions.DeskEngagement, back)
		raw := warrant(w, "dov", "bea", "cem")
		r, err := complete(w, raw)
		must(t, err)
		ends := 0
		for _, a := range r.Warrant.Authority {
			if a.Entry.Kind == string(actions.DeskEngagement) {
				ends++
			}
		}
		if ends != 4 {
			t.Errorf("the warrant carries %d changes of dov's engagement, and there were 4", ends)
		}
		if a := both(t, slices.Values([]document{{"together", raw, w.Root}})); len(a.accepted) != 1 {
			t.Errorf("the second reader refuses it: %v", a.checks)
		}
	})
	t.Run("recovery", func(t *testing.T) {
		w := prooftest.Staffed(t)
		suspendBy(t, w, "ada", "cem")
		change, rows, opened := w.Rows(newOfficer("dov"))
		e, err := waits(w, actions.DeskAdmit, change, proof.RecoveryWait, "ada", "bea")
		must(t, err)
		must(t, w.Govern(proof.KindRow, proof.RowDataOf(w.State(), rows[0], canonical.At(w.Now()), e.Body.Number, 0), opened[0]...))
		_, err = waits(w, actions.DeskKey, actions.Keys{Enrol: []actions.Enrolment{w.Enrolment("dov")}}, proof.RecoveryWait, "ada", "bea")
		must(t, err)
		w.Advance(31 * 24 * time.Hour)
		_, err = complete(w, warrant(w, "dov", "ada", "bea"))
		refusedAs(t, err, "bad-statement", fmt.Sprintf("Governance entry %d ", e.Body.Number))
	})
}

// TestEveryWarrantCompletes: of every sort of warrant of version 2, at desks of every sort,
// both readers accept the complete one too.
func TestEveryWarrantCompletes(t *testing.T) {
	var all []document
	for _, m := range desks(t, 2) {
		for _, d := range m.warrants {
			d.raw = m.world.Complete(d.raw)
			if w, err := proof.ParseComplete(d.raw); err != nil || len(w.Authority) == 0 && !strings.HasSuffix(d.name, "by officers") {
				t.Errorf("%s: %v, with %d entries that authorise others", d.name, err, len(w.Authority))
			}
			all = append(all, d)
		}
	}
	if a := both(t, slices.Values(all)); len(a.accepted) != len(all) || len(all) < 70 {
		t.Errorf("both accept %d of %d; they refuse %q", len(a.accepted), len(all), a.refused)
	}
}

// relog puts the entries of a warrant into a ledger of their own, as a log that lies can: in
// the order that it likes, and two entries of one number if it likes.
func relog(t *testing.T, w *prooftest.World, warrant proof.Warrant, order func(all []*proof.Evidence)) []byte {
	t.Helper()
	anchor := proof.Evidence{Entry: warrant.Ledger.Entry, Salt: warrant.Ledger.Salt, Proof: warrant.Ledger.Proof}
	warrant.People, warrant.Authority = slices.Clone(warrant.People), slices.Clone(warrant.Authority)
	all := []*proof.Evidence{&warrant.Requested}
	for _, list := range [][]proof.Evidence{warrant.People, warrant.Authority, warrant.Waited} {
		for i := range list {
			all = append(all, &list[i])
		}
	}
	slices.SortStableFunc(all, func(a, b *proof.Evidence) int { return int(a.Proof.Index - b.Proof.Index) })
	order(all)
	all = append(all, &anchor)
	var tree hashes
	for _, e := range all {
		leaf, err := e.Leaf()
		must(t, err)
		tree.add(leaf.Bytes())
	}
	for i, e := range all {
		var err error
		e.Proof, err = ledger.ProveInclusion(tree.size, int64(i), tree)
		must(t, err)
	}
	head, err := tlog.TreeHash(tree.size, tree)
	must(t, err)
	key := w.LogKey()
	warrant.Ledger.Proof = anchor.Proof
	warrant.Ledger.Checkpoint = logKey{key.Name(), binary.BigEndian.AppendUint32(nil, key.KeyHash()), key.Sign}.checkpoint(w.Origin, tree.size, head)
	return canonical.MustMarshal(warrant)
}

// TestLyingLogOfAuthority: a log that gives numbers twice, or not in its order, may not
// authorise by that.
func TestLyingLogOfAuthority(t *testing.T) {
	w := prooftest.Found(t, prooftest.Options{Policy: lenient, Budgets: actions.DefaultBudgets()[:2]})
	withDov(w)
	w.Officers = []workforce.WorkerID{"dov", "bea", "cem"}
	trust := w.State().Trust
	trust.RaisesPerHour++
	set := w.Change(actions.DeskChange, actions.Setting{Of: actions.PartTrust, Trust: &trust}).Body.Number
	w.Enrol("ann")
	good, err := proof.ParseComplete(w.Complete(w.Warrant(w.Countersign(w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/17"), actions.Critical), "dov", "lee"))))
	must(t, err)
	row := slices.IndexFunc(good.People, func(e proof.Evidence) bool {
		return e.Entry.Kind == proof.KindRow && strings.Contains(string(e.Entry.Data), `"dov"`)
	})
	twice := good.People[row]
	twice.Salt = slices.Clone(twice.Salt)
	twice.Salt[0] ^= 1
	number := twice.Entry.Number
	var documents []document
	for name, c := range map[string]struct {
		edit  func(*proof.Warrant)
		order func([]*proof.Evidence)
		want  string
	}{
		"as it was": {func(*proof.Warrant) {}, func([]*proof.Evidence) {}, ""},
		"a number twice": {func(bad *proof.Warrant) {
			bad.Authority = append(slices.Clone(bad.Authority), twice)
			slices.SortFunc(bad.Authority, func(a, b proof.Evidence) int { return int(a.Entry.Number - b.Entry.Number) })
		}, func([]*proof.Evidence) {}, fmt.Sprintf("Governance entry %d ", number)},
		"which names another one before it": {func(bad *proof.Warrant) {
			bad.People = slices.Clone(bad.People)
			bad.People[row].Entry.Prev[0] ^= 1
		}, func([]*proof.Evidence) {}, fmt.Sprintf("Governance entry %d ", number)},
		"in the place of people": {func(bad *proof.Warrant) {
			at := slices.IndexFunc(bad.People, func(e proof.Evidence) bool { return e.Entry.Number == set })
			bad.Authority = append(slices.Clone(bad.Authority), bad.People[at])
			slices.SortFunc(bad.Authority, func(a, b proof.Evidence) int { return int(a.Entry.Number - b.Entry.Number) })
			bad.People = slices.Delete(slices.Clone(bad.People), at, at+1)
		}, func([]*proof.Evidence) {}, fmt.Sprintf("rests on governance entry %d,", set)},
		"before its admission": {func(*proof.Warrant) {}, func(all []*proof.Evidence) {
			at := slices.IndexFunc(all, func(e *proof.Evidence) bool { return e.Entry.Number == number && e.Entry.Class == ledger.Governance })
			all[at-1], all[at] = all[at], all[at-1]
		}, fmt.Sprintf("Governance entry %d ", number)},
	} {
		bad := good
		c.edit(&bad)
		raw := relog(t, w, bad, c.order)
		documents = append(documents, document{name, raw, w.Root})
		if _, err := complete(w, raw); c.want == "" {
			must(t, err)
		} else {
			if f := fault.As(err); !fault.Is(err, "bad-authority") && !fault.Is(err, "broken-chain") || !strings.Contains(f.Text, c.want) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if a := both(t, slices.Values(documents)); !slices.Equal(a.accepted, []string{"as it was"}) {
		t.Errorf("both accept %q", a.accepted)
	}
}
