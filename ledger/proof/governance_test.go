package proof_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/ledgertest"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/platform"
	"countersign.dev/policy"
	"countersign.dev/workforce"
)

// enter appends an entry that nobody checked, and gives it to a follower.
func enter(w *prooftest.World, kind string, data any, sealed ...ledger.Opening) error {
	e := w.Append(ledger.Draft{Class: ledger.Governance, Kind: kind, Data: data, Sealed: sealed, Expect: ledger.AnyNumber})[0]
	return w.State().Apply(e.Leaf, e.Body)
}

// refusedAs checks that an error is a fault of a type whose text says what.
func refusedAs(t *testing.T, err error, typ, what string) {
	t.Helper()
	f := fault.As(err)
	if f == nil || f.Type != typ || !strings.Contains(f.Text, what) {
		t.Errorf("got %v, want %s about %q", err, typ, what)
	}
}

func record(id workforce.WorkerID, v workforce.VendorID, manager workforce.WorkerID) workforce.Record {
	r := workforce.Record{Worker: id, Vendor: v, Roles: []workforce.Role{workforce.Lead}, Team: "support", Manager: manager, Site: "site", Zone: "Europe/Lisbon",
		Start: canonical.At(ledgertest.Epoch.AddDate(-1, 0, 0))}
	if v != "" {
		r.Last = canonical.At(ledgertest.Epoch.AddDate(1, 0, 0))
	}
	return r
}

var (
	keys   = func(k ...workforce.KeyID) actions.Keys { return actions.Keys{Revoke: k} }
	end    = func(p workforce.WorkerID) actions.Engagement { return actions.Engagement{Op: "end", Worker: p} }
	vendor = func(id workforce.VendorID) actions.Setting {
		return actions.Setting{Of: actions.PartVendors, Vendor: &workforce.Vendor{ID: id, Name: string(id), Ratchet: 14}}
	}
	raise = func(id string, from, to actions.Tier) actions.Setting {
		return actions.Setting{Of: actions.PartTiers, Raise: &actions.Raise{Subject: prooftest.Account(id), From: from, To: to}}
	}
)

// TestChainAttacks is what a desk that lies could put into its governance chain.
// A follower refuses each, with a reason.
func TestChainAttacks(t *testing.T) {
	for _, c := range []struct {
		name   string
		attack func(*prooftest.World) error
		typ    string
		what   string
	}{
		// Somebody founds the desk once more, with keys of their own.
		{"a second founding", func(w *prooftest.World) error {
			return enter(w, proof.KindFounding, opened[proof.Closed](w.Entries()[0]))
		}, "broken-chain", "founded once"},
		// An entry is left out, so that a revocation is never seen.
		{"a gap", func(w *prooftest.World) error {
			s := w.State()
			w.End("ann")
			e := w.End("bob")
			return s.Apply(e.Leaf, e.Body)
		}, "broken-chain", "is missing"},
		// The same entry is given again.
		{"an entry twice", func(w *prooftest.World) error {
			e := w.End("ann")
			return w.State().Apply(e.Leaf, e.Body)
		}, "broken-chain", "second chain"},
		// Two entries claim the same place: the follower of one does not take what follows the other.
		{"a fork", func(w *prooftest.World) error {
			s := w.State()
			w.End("ann")
			e := w.End("bob")
			e.Body.Number--
			return s.Apply(e.Leaf, e.Body)
		}, "broken-chain", "does not name the entry before it"},
		// An entry is dated back to when somebody was engaged still.
		{"time going back", func(w *prooftest.World) error {
			s := w.State()
			w.Advance(time.Hour)
			e := w.End("ann")
			e.Body.Time = canonical.At(s.Time.Add(-time.Microsecond))
			return s.Apply(e.Leaf, e.Body)
		}, "broken-chain", "dated before"},
		{"an entry of another class", func(w *prooftest.World) error {
			e := w.Append(ledger.Draft{Class: ledger.Desk, Kind: "warrant", Expect: ledger.AnyNumber})[0]
			return w.State().Apply(e.Leaf, e.Body)
		}, "broken-chain", "not of the governance chain"},
		{"a leaf of another class", func(w *prooftest.World) error {
			s := w.State()
			e := w.End("ann")
			e.Leaf.Class = ledger.Desk
			return s.Apply(e.Leaf, e.Body)
		}, "broken-chain", "not of the governance chain"},
		// The entry's kind is what people see in a list; its action is what is done.
		{"another kind than its action", func(w *prooftest.World) error {
			return enter(w, string(actions.DeskKey), w.Claim(actions.DeskEngagement, end("ann"), "ada"))
		}, "broken-chain", "but its action is of kind"},
		{"an act on a platform as a change", func(w *prooftest.World) error {
			r := w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/17"), actions.Standard)
			return enter(w, string(actions.AccountTakedown), proof.Authority{Action: r.Action, Request: r.Signed})
		}, "not-a-desk-change", ""},
		{"a row of nothing", func(w *prooftest.World) error {
			change, _, _ := w.Rows(record("new", "", "mia"))
			e := w.Append(ledger.Draft{Class: ledger.Governance, Kind: string(actions.DeskAdmit), Data: w.Claim(actions.DeskAdmit, change, "ada", "bea", "cem"), Expect: ledger.AnyNumber})[0]
			s := w.State()
			if err := s.Apply(e.Leaf, e.Body); err != nil {
				return err
			}
			e = w.Append(ledger.Draft{Class: ledger.Governance, Kind: proof.KindRow, Expect: ledger.AnyNumber})[0]
			return s.Apply(e.Leaf, e.Body)
		}, "not-canonical", ""},
		{"data that says more", func(w *prooftest.World) error {
			return enter(w, string(actions.DeskEngagement), struct {
				proof.Authority
				Extra string `json:"zzz"`
			}{Authority: w.Claim(actions.DeskEngagement, end("ann"), "ada")})
		}, "malformed", ""},

		// Authority.
		{"nobody countersigned", func(w *prooftest.World) error {
			return enter(w, string(actions.DeskChange), w.Claim(actions.DeskChange, vendor("new"), "ada"))
		}, "held", "0 of 2"},
		{"one too few", func(w *prooftest.World) error {
			return enter(w, string(actions.DeskChange), w.Claim(actions.DeskChange, vendor("new"), "ada", "bea"))
		}, "held", "1 of 2"},
		{"countersigned by who may not", func(w *prooftest.World) error {
			return enter(w, string(actions.DeskChange), w.Claim(actions.DeskChange, vendor("new"), "ada", "bea", "kim"))
		}, "forbidden-by-policy", ""},
		{"requested by who may not", func(w *prooftest.World) error {
			return enter(w, string(actions.DeskChange), w.Claim(actions.DeskChange, vendor("new"), "ann", "ada", "bea"))
		}, "forbidden-by-policy", ""},
		// The same person signs twice to look like two.
		{"one person twice", func(w *prooftest.World) error {
			a := w.Claim(actions.DeskChange, vendor("new"), "ada", "bea", "bea")
			return enter(w, string(actions.DeskChange), a)
		}, "bad-statement", "each person once"},
		{"unsorted", func(w *prooftest.World) error {
			a := w.Claim(actions.DeskChange, vendor("new"), "ada", "bea", "cem")
			slices.Reverse(a.Countersignatures)
			return enter(w, string(actions.DeskChange), a)
		}, "bad-statement", "sorted by signer"},
		// Who asked countersigns as well.
		{"self-countersigned", func(w *prooftest.World) error {
			return enter(w, string(actions.DeskChange), w.Claim(actions.DeskChange, vendor("new"), "ada", "ada", "bea"))
		}, "held", "their own act"},
		// A signature more than needed makes a second spelling of the same change.
		{"a surplus signature", func(w *prooftest.World) error {
			return enter(w, string(actions.DeskEngagement), w.Claim(actions.DeskEngagement, end("ann"), "ada", "bea"))
		}, "surplus-signature", ""},
		// A change that was applied is applied again, after it was taken back.
		{"a spent request", func(w *prooftest.World) error {
			a := w.Claim(actions.DeskChange, raise("acct/17", actions.Standard, actions.Critical), "ada")
			if err := w.Govern(string(actions.DeskChange), a); err != nil {
				return err
			}
			w.Change(actions.DeskChange, raise("acct/17", actions.Critical, actions.Standard))
			return enter(w, string(actions.DeskChange), a)
		}, "spent", ""},
		{"what was signed is another change", func(w *prooftest.World) error {
			a := w.Claim(actions.DeskEngagement, end("ann"), "ada")
			a.Action.Change = canonical.MustMarshal(end("abe"))
			return enter(w, string(actions.DeskEngagement), a)
		}, "bad-statement", "another action"},
		// An extension calls itself relieving, which one person may do.
		{"a burdening change called relieving", func(w *prooftest.World) error {
			r := w.RequestChange(actions.DeskEngagement, end("ann"), "ada")
			r.Action.Change = canonical.MustMarshal(actions.Engagement{Op: "extend", Worker: "ann", Last: canonical.At(ledgertest.Epoch.AddDate(5, 0, 0))})
			s := w.Statement(r, "ada", actions.VerdictRequest)
			return enter(w, string(actions.DeskEngagement), proof.Authority{Action: r.Action, Request: s})
		}, "bad-action", "direction"},
		// Who left signs with a key that nobody revoked, dated back to when they were here.
		{"ended, and dated back", func(w *prooftest.World) error {
			r := w.RequestChange(actions.DeskEngagement, end("ann"), "kim")
			back := w.Now()
			w.Advance(time.Minute)
			w.End("kim")
			w.Advance(time.Minute)
			s := w.Statement(r, "kim", actions.VerdictRequest, func(s *actions.Statement) {
				s.NotBefore, s.Expires = canonical.At(back), canonical.At(back.Add(time.Hour))
			})
			return enter(w, string(actions.DeskEngagement), proof.Authority{Action: r.Action, Request: s})
		}, "engagement-ended", "ended on"},
		{"a revoked key", func(w *prooftest.World) error {
			a := w.Claim(actions.DeskEngagement, end("ann"), "kim")
			w.Revoke("kim")
			return enter(w, string(actions.DeskEngagement), a)
		}, "revoked-key", ""},

		// What no signature makes good.
		{"ending who is not here", func(w *prooftest.World) error {
			return enter(w, string(actions.DeskEngagement), w.Claim(actions.DeskEngagement, end("nobody"), "ada"))
		}, "no-such-worker", "nobody"},
		{"ending whose engagement is over", func(w *prooftest.World) error {
			w.End("ann")
			return enter(w, string(actions.DeskEngagement), w.Claim(actions.DeskEngagement, end("ann"), "ada"))
		}, "wrong-state", "is over"},
		{"extending whose engagement is over", func(w *prooftest.World) error {
			w.Advance(6 * time.Hour) // to the microsecond at which dan's ends
			return enter(w, string(actions.DeskEngagement), w.Claim(actions.DeskEngagement,
				actions.Engagement{Op: "extend", Worker: "dan", Last: canonical.At(ledgertest.Epoch.AddDate(1, 0, 0))}, "ada", "bea", "cem"))
		}, "wrong-state", "is over"},
		{"an extension that shortens", func(w *prooftest.World) error {
			return enter(w, string(actions.DeskEngagement), w.Claim(actions.DeskEngagement,
				actions.Engagement{Op: "extend", Worker: "ann", Last: canonical.At(ledgertest.Epoch.AddDate(1, 0, 0))}, "ada", "bea", "cem"))
		}, "wrong-state", "does not end before"},
		{"an extension of what has no end", func(w *prooftest.World) error {
			return enter(w, string(actions.DeskEngagement), w.Claim(actions.DeskEngagement,
				actions.Engagement{Op: "extend", Worker: "kim", Last: canonical.At(ledgertest.Epoch.AddDate(5, 0, 0))}, "ada", "bea", "cem"))
		}, "wrong-state", "does not end before"},
		{"a key for who is not here", func(w *prooftest.World) error {
			return enter(w, string(actions.DeskKey), w.Claim(actions.DeskKey, actions.Keys{Enrol: []actions.Enrolment{w.Enrolment("nobody")}}, "ada", "bea", "cem"))
		}, "no-such-worker", ""},
		// A key is enrolled once more, for another: everything it signed would be theirs.
		{"a key of another", func(w *prooftest.World) error {
			e := actions.Enrolment{Worker: "abe", Key: w.PublicKey("ann")}
			e.Possession = w.Key("ann").Sign(actions.PossessionChallenge(w.State().EnrolName(), "abe", e.Key.ID()))
			return enter(w, string(actions.DeskKey), w.Claim(actions.DeskKey, actions.Keys{Enrol: []actions.Enrolment{e}}, "ada", "bea", "cem"))
		}, "wrong-state", "enrolled for ann already"},
		// A revoked key is enrolled again, and its old signatures live again.
		{"a revoked key again", func(w *prooftest.World) error {
			w.Revoke("ann")
			e := actions.Enrolment{Worker: "ann", Key: w.PublicKey("ann"), Possession: w.Key("ann").Sign(actions.PossessionChallenge(w.State().EnrolName(), "ann", w.PublicKey("ann").ID()))}
			return enter(w, string(actions.DeskKey), w.Claim(actions.DeskKey, actions.Keys{Enrol: []actions.Enrolment{e}}, "ada", "bea", "cem"))
		}, "wrong-state", "make a new one"},
		// Somebody enrols a public key that they found.
		{"a key that its owner does not hold", func(w *prooftest.World) error {
			e := w.Enrolment("abe")
			e.Possession = w.Key("bob").Sign(actions.PossessionChallenge(w.State().EnrolName(), "abe", e.Key.ID()))
			return enter(w, string(actions.DeskKey), w.Claim(actions.DeskKey, actions.Keys{Enrol: []actions.Enrolment{e}}, "ada", "bea", "cem"))
		}, "no-possession", ""},
		{"possession signed for another", func(w *prooftest.World) error {
			e := w.Enrolment("abe")
			e.Worker = "ann"
			return enter(w, string(actions.DeskKey), w.Claim(actions.DeskKey, actions.Keys{Enrol: []actions.Enrolment{e}}, "ada", "bea", "cem"))
		}, "no-possession", ""},
		{"possession signed for another desk", func(w *prooftest.World) error {
			e := w.Enrolment("abe")
			e.Possession = w.Key("abe").Sign(actions.PossessionChallenge("other.example.com/ledger#"+w.Root.String(), "abe", e.Key.ID()))
			return enter(w, string(actions.DeskKey), w.Claim(actions.DeskKey, actions.Keys{Enrol: []actions.Enrolment{e}}, "ada", "bea", "cem"))
		}, "no-possession", ""},
		{"the same key twice in one change", func(w *prooftest.World) error {
			e := w.Enrolment("abe")
			return enter(w, string(actions.DeskKey), w.Claim(actions.DeskKey, actions.Keys{Enrol: []actions.Enrolment{e, e}}, "ada", "bea", "cem"))
		}, "bad-action", "there twice"},
		{"revoking a key that is not there", func(w *prooftest.World) error {
			return enter(w, string(actions.DeskKey), w.Claim(actions.DeskKey, keys("key_00000000000000000000000000000000"), "ada"))
		}, "wrong-state", "no live key"},
		{"revoking a key twice", func(w *prooftest.World) error {
			w.Revoke("ann")
			return enter(w, string(actions.DeskKey), w.Claim(actions.DeskKey, keys(w.PublicKey("ann").ID()), "ada"))
		}, "wrong-state", "no live key"},
		{"the same key revoked twice in one change", func(w *prooftest.World) error {
			k := w.PublicKey("ann").ID()
			return enter(w, string(actions.DeskKey), w.Claim(actions.DeskKey, keys(k, k), "ada"))
		}, "bad-action", "there twice"},
		// Somebody raises from what they wish had been: two concurrent changes cross.
		{"a tier raised from another", func(w *prooftest.World) error {
			return enter(w, string(actions.DeskChange), w.Claim(actions.DeskChange, raise("acct/17", actions.Protected, actions.Critical), "ada"))
		}, "wrong-state", "raised to standard, not to protected"},
		{"a policy that does not compile", func(w *prooftest.World) error {
			return enter(w, string(actions.DeskChange), w.Claim(actions.DeskChange, actions.Setting{Of: actions.PartPolicy, Policy: map[string]string{"x.cedar": "permit"}}, "ada", "bea", "cem"))
		}, "bad-policy", ""},

		// Locking everybody out, one relieving change after the other.
		{"ending the third officer", func(w *prooftest.World) error {
			return enter(w, string(actions.DeskEngagement), w.Claim(actions.DeskEngagement, end("cem"), "ada"))
		}, "held", "0 of 2"},
		{"revoking the third officer's key", func(w *prooftest.World) error {
			return enter(w, string(actions.DeskKey), w.Claim(actions.DeskKey, keys(w.PublicKey("cem").ID()), "ada"))
		}, "held", "0 of 2"},
		{"suspending the second of three officers", func(w *prooftest.World) error {
			if err := w.Govern(string(actions.DeskFreeze), w.Claim(actions.DeskFreeze, freeze(actions.ScopeWorker, "cem"), "ole")); err != nil {
				return err
			}
			return enter(w, string(actions.DeskFreeze), w.Claim(actions.DeskFreeze, freeze(actions.ScopeWorker, "bea"), "ada"))
		}, "nobody-left", ""},
		{"a policy that nobody could change again", func(w *prooftest.World) error {
			files := policy.Default()
			for name, text := range files {
				files[name] = strings.ReplaceAll(text, `@hold("2 independent; 1 employee; 1 officer; hardware")`, `@hold("5 independent; 1 employee; 1 officer; hardware")`)
			}
			return enter(w, string(actions.DeskChange), w.Claim(actions.DeskChange, actions.Setting{Of: actions.PartPolicy, Policy: files}, "ada", "bea", "cem"))
		}, "nobody-left", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			refusedAs(t, c.attack(prooftest.Staffed(t)), c.typ, c.what)
		})
	}
}

// opened reads the data of an entry.
func opened[T any](e ledger.Entry) T {
	var v T
	if err := canonical.UnmarshalExact(e.Body.Data, &v); err != nil {
		panic(err)
	}
	return v
}

// TestRows is what a desk that lies could do with the rows of an admission,
// which nobody signs one by one.
func TestRows(t *testing.T) {
	people := []workforce.Record{record("new1", "acme", "gus"), record("new2", "bolt", "jan"), record("new3", "", "mia")}
	// admitting appends the admission and gives back its rows as they should be.
	type admitting struct {
		w      *prooftest.World
		number int64
		rows   []actions.Row
		opened [][]ledger.Opening
		state  *proof.State
	}
	data := func(a *admitting, i int) proof.RowData {
		return proof.RowDataOf(a.state, a.rows[i], canonical.At(a.w.Now()), a.number, int64(i))
	}
	apply := func(a *admitting, d proof.RowData, sealed []ledger.Opening) error {
		e := a.w.Append(ledger.Draft{Class: ledger.Governance, Kind: proof.KindRow, Data: d, Sealed: sealed, Expect: ledger.AnyNumber})[0]
		return a.state.Apply(e.Leaf, e.Body)
	}
	all := func(a *admitting) error {
		for i := range a.rows {
			if err := apply(a, data(a, i), a.opened[i]); err != nil {
				return err
			}
		}
		return nil
	}
	for _, c := range []struct {
		name      string
		edit      func(*actions.Admit)
		attack    func(*admitting) error
		typ, what string
	}{
		{"as it should be", nil, all, "", ""},
		{"a row that was not signed", nil, func(a *admitting) error {
			a.rows[2].Record.Roles = []workforce.Role{workforce.Officer}
			return all(a)
		}, "broken-chain", "not those that were signed"},
		{"rows reordered", nil, func(a *admitting) error {
			a.rows[0], a.rows[1] = a.rows[1], a.rows[0]
			a.opened[0], a.opened[1] = a.opened[1], a.opened[0]
			return all(a)
		}, "broken-chain", "not those that were signed"},
		{"a row left out", nil, func(a *admitting) error {
			a.rows, a.opened = a.rows[1:], a.opened[1:]
			if err := all(a); err != nil {
				return err
			}
			a.w.Append(ledger.Draft{Class: ledger.Desk, Kind: "x", Expect: ledger.AnyNumber})
			e := a.w.Append(ledger.Draft{Class: ledger.Governance, Kind: string(actions.DeskEngagement), Data: a.w.Claim(actions.DeskEngagement, end("ann"), "ada"), Expect: ledger.AnyNumber})[0]
			return a.state.Apply(e.Leaf, e.Body)
		}, "broken-chain", "where a row of the admission"},
		{"judging in the middle of it", nil, func(a *admitting) error {
			r := a.w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/17"), actions.Standard)
			_, err := a.state.Judge(a.w.Ask(r))
			return err
		}, "not-settled", ""},
		{"a row with the number of another", nil, func(a *admitting) error {
			d := data(a, 0)
			d.Index = 1
			return apply(a, d, a.opened[0])
		}, "broken-chain", "row 0 of admission"},
		{"a row of another admission", nil, func(a *admitting) error {
			d := data(a, 0)
			d.Admission--
			return apply(a, d, a.opened[0])
		}, "broken-chain", "was expected"},
		{"a row too many", nil, func(a *admitting) error {
			if err := all(a); err != nil {
				return err
			}
			return apply(a, data(a, 2), a.opened[2])
		}, "broken-chain", "without an admission"},
		// A name that was not signed is sealed in its place.
		{"other sealed fields", nil, func(a *admitting) error { return apply(a, data(a, 0), a.opened[1]) }, "broken-chain", "does not seal the same fields"},
		// Newcomers would count at once.
		{"a row that calls itself founding", nil, func(a *admitting) error {
			d := data(a, 0)
			d.Founding = true
			return apply(a, d, a.opened[0])
		}, "broken-chain", "is not the one that the chain gives"},
		{"a row that says since", nil, func(a *admitting) error {
			d := data(a, 0)
			d.Since = canonical.At(ledgertest.Epoch.AddDate(-1, 0, 0))
			return apply(a, d, a.opened[0])
		}, "broken-chain", "is not the one that the chain gives"},
		// Last month's colleague would count as independent.
		{"a past tie left out", nil, func(a *admitting) error {
			a.rows[0].Record = record("ann", "bolt", "jan")
			d := data(a, 0)
			d.Past = nil
			return apply(a, d, a.opened[0])
		}, "broken-chain", "is not the one that the chain gives"},
		{"a vendor that is not admitted", nil, func(a *admitting) error {
			a.rows[0].Record.Vendor = "carp"
			return apply(a, data(a, 0), a.opened[0])
		}, "no-such-vendor", "carp"},
		{"a contractor without an end", nil, func(a *admitting) error {
			a.rows[0].Record.Last = canonical.Time{}
			return apply(a, data(a, 0), a.opened[0])
		}, "broken-chain", "has no end"},
		{"no start", nil, func(a *admitting) error {
			a.rows[0].Record.Start = canonical.Time{}
			return apply(a, data(a, 0), a.opened[0])
		}, "broken-chain", "not a well-formed record of a worker"},
		{"no role", nil, func(a *admitting) error {
			a.rows[0].Record.Roles = nil
			return apply(a, data(a, 0), a.opened[0])
		}, "broken-chain", "not a well-formed record of a worker"},
		{"an unknown role", nil, func(a *admitting) error {
			a.rows[0].Record.Roles = []workforce.Role{"king"}
			return apply(a, data(a, 0), a.opened[0])
		}, "broken-chain", "roles"},
		{"a role twice", nil, func(a *admitting) error {
			a.rows[0].Record.Roles = []workforce.Role{workforce.Lead, workforce.Lead}
			return apply(a, data(a, 0), a.opened[0])
		}, "broken-chain", "roles"},
		{"roles unsorted", nil, func(a *admitting) error {
			a.rows[0].Record.Roles = []workforce.Role{workforce.OnCall, workforce.Lead}
			return apply(a, data(a, 0), a.opened[0])
		}, "broken-chain", "roles"},
		{"an e-mail address as the worker", nil, func(a *admitting) error {
			a.rows[0].Record.Worker = "ann@example.com"
			return apply(a, data(a, 0), a.opened[0])
		}, "broken-chain", "not a well-formed record of a worker"},
		{"the founding import once more", func(c *actions.Admit) { c.Founding = true }, nil, "founding-import-made", ""},
		// Everybody who could change anything is given another role.
		{"an import that leaves no officers", nil, func(a *admitting) error {
			for i, o := range []workforce.WorkerID{"ada", "bea", "cem"} {
				a.rows[i].Record = record(o, "", "")
			}
			var hashes []tlog.Hash
			for _, r := range a.rows {
				hashes = append(hashes, proof.RowHash(r))
			}
			change := actions.Admit{File: canonical.Sum(nil), Rows: 3, Root: proof.RowsRoot(hashes), Changes: 3}
			a.w = prooftest.Staffed(t)
			a.state = a.w.State()
			e := a.w.Append(ledger.Draft{Class: ledger.Governance, Kind: string(actions.DeskAdmit), Data: a.w.Claim(actions.DeskAdmit, change, "ada", "bea", "cem"), Expect: ledger.AnyNumber})[0]
			a.number = e.Body.Number
			if err := a.state.Apply(e.Leaf, e.Body); err != nil {
				return err
			}
			return all(a)
		}, "nobody-left", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := prooftest.Staffed(t)
			change, rows, opened := w.Rows(people...)
			if c.edit != nil {
				c.edit(&change)
			}
			e := w.Append(ledger.Draft{Class: ledger.Governance, Kind: string(actions.DeskAdmit), Data: w.Claim(actions.DeskAdmit, change, "ada", "bea", "cem"), Expect: ledger.AnyNumber})[0]
			a := &admitting{w, e.Body.Number, rows, opened, w.State()}
			err := a.state.Apply(e.Leaf, e.Body)
			if c.attack != nil {
				if err != nil {
					t.Fatal(err)
				}
				err = c.attack(a)
			}
			if c.typ == "" {
				if err != nil || !a.state.Settled() {
					t.Errorf("%v", err)
				}
				return
			}
			refusedAs(t, err, c.typ, c.what)
		})
	}
}

// TestFounding is what could be wrong with entry 0.
func TestFounding(t *testing.T) {
	w := prooftest.Found(t, prooftest.Options{})
	good := opened[proof.Closed](w.Entries()[0])
	found := func(c proof.Closed, root canonical.Digest) error {
		l := ledgertest.New(t, 9)
		e := l.Append(t, ledgertest.Epoch, ledger.Draft{Class: ledger.Governance, Kind: proof.KindFounding, Data: c})[0]
		return proof.NewState(root).Apply(e.Leaf, e.Body)
	}
	if err := found(good, canonical.Digest{}); err != nil {
		t.Fatal(err)
	}
	refusedAs(t, found(good, w.Root), "broken-chain", "that you trust")
	resign := func(c *proof.Closed) {
		c.Signatures = nil
		for _, o := range c.Founding.Officers {
			c.Signatures = append(c.Signatures, w.Key(o.Worker).Sign(c.Founding.Challenge()))
		}
	}
	for _, c := range []struct {
		name    string
		edit    func(*proof.Closed)
		resign  bool
		typ, is string
	}{
		{"changed after the signatures", func(c *proof.Closed) { c.Founding.Recovers = "x" }, false, "bad-founding", "not signed by ada"},
		{"a signature missing", func(c *proof.Closed) { c.Signatures = c.Signatures[:2] }, false, "bad-founding", "2 of 3 did"},
		{"a signature too many", func(c *proof.Closed) { c.Signatures = append(c.Signatures, c.Signatures[0]) }, false, "bad-founding", "4 of 3 did"},
		{"signatures in another order", func(c *proof.Closed) { slices.Reverse(c.Signatures) }, false, "bad-founding", "not signed by ada"},
		{"one officer signs for another", func(c *proof.Closed) { c.Signatures[2] = c.Signatures[1] }, false, "bad-founding", "not signed by cem"},
		{"another version", func(c *proof.Closed) { c.Founding.V = "v2" }, true, "bad-founding", "version"},
		{"no ledger", func(c *proof.Closed) { c.Founding.Origin = "" }, true, "bad-founding", "names no ledger"},
		{"no log key", func(c *proof.Closed) { c.Founding.LogKey = "" }, true, "bad-founding", "names no ledger"},
		{"the key of another log", func(c *proof.Closed) { c.Founding.Origin = "other.example.com/ledger" }, true, "bad-founding", "log key"},
		{"no key at all", func(c *proof.Closed) { c.Founding.LogKey = "x" }, true, "bad-founding", "log key"},
		{"one officer", func(c *proof.Closed) { c.Founding.Officers = c.Founding.Officers[:1] }, true, "bad-founding", "at least three"},
		// With two, nothing that needs two countersigners can ever be done.
		{"two officers under a policy that needs three people", func(c *proof.Closed) { c.Founding.Officers = c.Founding.Officers[:2] }, true, "nobody-left", ""},
		{"officers unsorted", func(c *proof.Closed) { slices.Reverse(c.Founding.Officers) }, true, "bad-founding", "sorted"},
		{"an officer twice", func(c *proof.Closed) { c.Founding.Officers[1].Worker = "ada" }, true, "bad-founding", "sorted"},
		{"no identifier", func(c *proof.Closed) { c.Founding.Officers[0].Worker = "Ada" }, false, "bad-founding", "not an identifier"},
		{"an officer without a key", func(c *proof.Closed) { c.Founding.Officers[0].Key.Public = nil }, true, "bad-founding", "has no key"},
		{"two officers with one key", func(c *proof.Closed) { c.Founding.Officers[1].Key = c.Founding.Officers[0].Key }, true, "bad-founding", "the same key"},
		{"no nonce", func(c *proof.Closed) { c.Founding.Nonce = nil }, true, "bad-founding", "nonce"},
		{"no time", func(c *proof.Closed) { c.Founding.Time = canonical.Time{} }, true, "bad-founding", "time"},
		{"no executor", func(c *proof.Closed) { c.Founding.Trust.Executor = "" }, true, "bad-founding", "trust"},
		{"a budget below nothing", func(c *proof.Closed) { c.Founding.Budgets[0].Limit = -1 }, true, "bad-founding", "budgets"},
		{"a policy that does not compile", func(c *proof.Closed) { c.Founding.Policy = map[string]string{"a.cedar": "permit"} }, true, "bad-policy", ""},
		// The first officer alone would run the desk from then on.
		{"a policy that lets one change the desk", func(c *proof.Closed) {
			c.Founding.Policy["desk.cedar"] = strings.Replace(c.Founding.Policy["desk.cedar"], "2 independent; 1 employee; 1 officer; hardware", "1 officer; hardware", 1)
		}, true, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			closed := opened[proof.Closed](w.Entries()[0])
			c.edit(&closed)
			if c.resign {
				resign(&closed)
			}
			err := found(closed, canonical.Digest{})
			if c.typ == "" {
				if err == nil {
					t.Error("founded")
				}
				return
			}
			refusedAs(t, err, c.typ, c.is)
		})
	}
	t.Run("an entry before it", func(t *testing.T) {
		_, err := proof.NewState(canonical.Digest{}).Judge(w.Ask(w.RequestChange(actions.DeskEngagement, end("bea"), "ada")))
		refusedAs(t, err, "not-founded", "entry 0")
	})
	ofTwo := policy.Default()
	for name := range ofTwo {
		ofTwo[name] = strings.ReplaceAll(ofTwo[name], "2 independent; 1 employee; 1 officer; hardware", "1 independent; 1 employee; 1 officer; hardware")
		ofTwo[name] = strings.ReplaceAll(ofTwo[name], "2 independent; 1 employee; hardware", "1 independent; 1 employee; hardware")
		if strings.HasSuffix(name, ".txtar") {
			delete(ofTwo, name)
		}
	}
	t.Run("two officers where the policy needs two people", func(t *testing.T) {
		closed := opened[proof.Closed](w.Entries()[0])
		closed.Founding.Policy, closed.Founding.Officers = ofTwo, closed.Founding.Officers[:2]
		resign(&closed)
		if err := found(closed, canonical.Digest{}); err != nil {
			t.Error(err)
		}
	})
	t.Run("three officers of whom one is indispensable", func(t *testing.T) {
		for laws, want := range map[int64]string{0: "", actions.NewestLaws: "indispensable"} {
			closed := opened[proof.Closed](w.Entries()[0])
			closed.Founding.Policy, closed.Founding.Laws = ofTwo, laws
			if laws == 0 {
				closed.Founding.V, closed.Founding.Formats = proof.FoundingV1, 0
			}
			closed.Founding.Officers[2].Key.Hardware = false // the other two can fill what the policy asks
			resign(&closed)
			if err := found(closed, canonical.Digest{}); (err == nil) != (want == "") || err != nil && fault.TypeOf(err) != want {
				t.Errorf("by the laws %d: %v, want %q", laws, err, want)
			}
		}
	})
}

// TestFoundingImport: it counts people from their start, so all officers sign it.
func TestFoundingImport(t *testing.T) {
	fresh := func(t *testing.T) (*prooftest.World, actions.Admit) {
		w := prooftest.Found(t, prooftest.Options{})
		change, _, _ := w.Rows(record("kim", "", "mia"))
		change.Founding = true
		return w, change
	}
	for _, c := range []struct {
		name    string
		by      workforce.WorkerID
		others  []workforce.WorkerID
		typ, is string
	}{
		{"without one officer", "ada", []workforce.WorkerID{"bea"}, "held", "the countersignature of cem"},
		{"by one alone", "ada", nil, "held", "the countersignatures of bea and cem"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, change := fresh(t)
			refusedAs(t, enter(w, string(actions.DeskAdmit), w.Claim(actions.DeskAdmit, change, c.by, c.others...)), c.typ, c.is)
		})
	}
	t.Run("by an officer who founded nothing", func(t *testing.T) {
		w := prooftest.Found(t, prooftest.Options{})
		late := record("dov", "", "")
		late.Roles = []workforce.Role{workforce.Officer}
		change, rows, opened := w.Rows(late)
		if err := w.Govern(string(actions.DeskAdmit), w.Claim(actions.DeskAdmit, change, "ada", "bea", "cem")); err != nil {
			t.Fatal(err)
		}
		s := w.State()
		if err := w.Govern(proof.KindRow, proof.RowDataOf(s, rows[0], canonical.At(w.Now()), s.Next-1, 0), opened[0]...); err != nil {
			t.Fatal(err)
		}
		w.Enrol("dov")
		founding, _, _ := w.Rows(record("kim", "", "mia"))
		founding.Founding = true
		refusedAs(t, w.State().Authorise(w.Claim(actions.DeskAdmit, founding, "dov", "ada", "bea", "cem"), w.Now()), "not-an-officer", "requested by a founding officer")
		refusedAs(t, w.State().Authorise(w.Claim(actions.DeskAdmit, founding, "ada", "bea", "dov"), w.Now()), "not-an-officer", "Only founding officers")
	})
}

// TestLimits: one person may end and raise so many an hour, and no more.
func TestLimits(t *testing.T) {
	limited := func(t *testing.T, n int64) *prooftest.World {
		w := prooftest.Found(t, prooftest.Options{Trust: func(tr *actions.Trust) { tr.EndingsPerHour, tr.RaisesPerHour = n, n }})
		w.Staff()
		return w
	}
	alone := func(w *prooftest.World, by workforce.WorkerID, k actions.Kind, c actions.Change) error {
		_, err := w.TryChange(k, c, by)
		return err
	}
	t.Run("endings", func(t *testing.T) {
		w := limited(t, 3)
		start := w.Now()
		for _, p := range []workforce.WorkerID{"ann", "abe"} {
			w.End(p)
		}
		w.Revoke("bob")
		refusedAs(t, alone(w, "ada", actions.DeskEngagement, end("sue")), "budget-spent", "3 such changes")
		refusedAs(t, alone(w, "ada", actions.DeskKey, keys(w.PublicKey("sue").ID())), "budget-spent", "")
		if err := alone(w, "bea", actions.DeskEngagement, end("sue")); err != nil {
			t.Errorf("another person: %v", err)
		}
		w.Advance(start.Add(time.Hour - time.Microsecond).Sub(w.Now()))
		refusedAs(t, alone(w, "ada", actions.DeskEngagement, end("eva")), "budget-spent", "")
		w.Advance(time.Microsecond)
		if err := alone(w, "ada", actions.DeskEngagement, end("eva")); err != nil {
			t.Errorf("an hour later: %v", err)
		}
	})
	t.Run("many keys at once", func(t *testing.T) {
		w := limited(t, 3)
		k := func(p workforce.WorkerID) workforce.KeyID { return w.PublicKey(p).ID() }
		refusedAs(t, alone(w, "ada", actions.DeskKey, keys(k("ann"), k("abe"), k("sue"), k("bob"))), "budget-spent", "")
		if err := alone(w, "ada", actions.DeskKey, keys(k("ann"), k("abe"))); err != nil {
			t.Fatal(err)
		}
		refusedAs(t, alone(w, "ada", actions.DeskKey, keys(k("sue"), k("bob"))), "budget-spent", "")
		if err := alone(w, "ada", actions.DeskKey, keys(k("sue"))); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("raises", func(t *testing.T) {
		w := limited(t, 2)
		for _, id := range []string{"acct/1", "acct/2"} {
			if err := alone(w, "ada", actions.DeskChange, raise(id, actions.Standard, actions.Critical)); err != nil {
				t.Fatal(err)
			}
		}
		refusedAs(t, alone(w, "ada", actions.DeskChange, raise("acct/3", actions.Standard, actions.Critical)), "budget-spent", "")
		// Raising does not use up what ending may, nor does lowering what raising may.
		if err := alone(w, "ada", actions.DeskEngagement, end("ann")); err != nil {
			t.Error(err)
		}
		w.Advance(time.Hour)
		for _, id := range []string{"acct/1", "acct/2"} {
			w.Change(actions.DeskChange, raise(id, actions.Critical, actions.Standard))
		}
		if err := alone(w, "ada", actions.DeskChange, raise("acct/3", actions.Standard, actions.Critical)); err != nil {
			t.Error(err)
		}
	})
}

// TestEffects: what an authorised change does to the state, and to whom.
func TestEffects(t *testing.T) {
	w := prooftest.Staffed(t)
	before := w.State()
	copied := before.Clone()
	w.Advance(time.Minute)
	w.End("ann")
	w.Revoke("bob")
	w.Change(actions.DeskEngagement, actions.Engagement{Op: "extend", Worker: "abe", Last: canonical.At(ledgertest.Epoch.AddDate(2, 0, 0))})
	w.Change(actions.DeskChange, raise("acct/1", actions.Standard, actions.Critical))
	w.Change(actions.DeskChange, raise("acct/2", actions.Standard, actions.Protected))
	w.Change(actions.DeskChange, raise("acct/2", actions.Protected, actions.Standard))
	w.Change(actions.DeskChange, actions.Setting{Of: actions.PartBudgets, Budgets: []actions.Budget{{Per: "worker", Window: "day", Tier: actions.Standard, Direction: actions.Burdening, Limit: 1}}})
	trust := before.Trust
	trust.UndoWindow = 7
	w.Change(actions.DeskChange, actions.Setting{Of: actions.PartTrust, Trust: &trust})
	files := policy.Default()
	files["more.cedar"] = "// nothing\n"
	w.Change(actions.DeskChange, actions.Setting{Of: actions.PartPolicy, Policy: files})
	w.Change(actions.DeskChange, actions.Setting{Of: actions.PartPlatforms, Platform: &actions.Platform{Name: "other", Connector: "bluesky"}})
	s := w.State()
	now := canonical.At(w.Now())
	switch {
	case !s.People.Seat("ann").Ended.Equal(now.Time) || s.People.Standing("ann", w.Now()).Engaged:
		t.Error("ann was not ended")
	case !s.People.KeysOf("bob")[0].Revoked.Equal(now.Time):
		t.Error("bob's key was not revoked")
	case s.People.Seat("abe").Last.Year() != ledgertest.Epoch.Year()+2:
		t.Error("abe was not extended")
	case len(s.Raised) != 1 || s.Raised["plaza:acct/1"] != actions.Critical:
		t.Errorf("raised: %v", s.Raised)
	case len(s.Budgets) != 1 || s.Trust.UndoWindow != 7 || s.Policy.Digest() == before.Policy.Digest() || s.Platforms["other"].Connector != "bluesky":
		t.Error("a setting did not take")
	}
	// A clone shares nothing that changes.
	if !copied.People.Seat("ann").Ended.IsZero() || !before.People.Seat("ann").Ended.IsZero() || len(before.Raised) != 0 || before.Next != copied.Next {
		t.Error("an older state changed")
	}
}

// TestChangedIsNoNewcomer: who is admitted again with another team stays whom
// they were, so that independence is not lost by a change of nothing.
func TestChangedIsNoNewcomer(t *testing.T) {
	w := prooftest.Staffed(t)
	zed := record("zed", "", "zoe")
	w.Admit(zed)
	w.Enrol("zed")
	first := w.State().People.Seat("zed").Admitted
	w.Advance(29 * 24 * time.Hour)
	zed.Team = "appeals"
	w.Admit(zed)
	if got := w.State().People.Seat("zed").Worker; !got.Admitted.Equal(first.Time) || got.Team != "appeals" || len(got.Past) != 0 {
		t.Errorf("admitted %s, first %s: %+v", got.Admitted, first, got)
	}
}

// TestTierOf: people raise over what rules say, and content is as protected as its account.
func TestTierOf(t *testing.T) {
	w := prooftest.Staffed(t)
	w.Change(actions.DeskChange, raise("acct/17", actions.Standard, actions.Critical))
	s := w.State()
	facts := func(more map[platform.Fact]any) platform.State {
		f := map[platform.Fact]any{platform.FactFollowers: int64(1), platform.FactVerified: false, platform.FactOffice: ""}
		for k, v := range more {
			f[k] = v
		}
		return platform.State{Status: platform.Up, Facts: f}
	}
	promised := []platform.Fact{platform.FactFollowers, platform.FactVerified, platform.FactOffice}
	tier, why := s.TierOf(prooftest.Account("acct/17"), platform.Account, facts(nil), promised, nil, nil)
	if tier != actions.Critical || !slices.ContainsFunc(why, func(r policy.Reason) bool { return r.Policy == "raised" }) {
		t.Errorf("raised by people: %s, %v", tier, why)
	}
	office := facts(map[platform.Fact]any{platform.FactOffice: "head of state"})
	w.Change(actions.DeskChange, raise("acct/19", actions.Standard, actions.Protected))
	if tier, _ := w.State().TierOf(prooftest.Account("acct/19"), platform.Account, office, promised, nil, nil); tier != actions.Critical {
		t.Errorf("critical by the rules and raised to less: %s", tier)
	}
	if tier, _ := s.TierOf(prooftest.Account("acct/18"), platform.Account, facts(nil), promised, nil, nil); tier != actions.Standard {
		t.Errorf("raised by nobody: %s", tier)
	}
	owner := facts(nil)
	if tier, _ := s.TierOf(prooftest.Post("post/1"), platform.Content, facts(map[platform.Fact]any{platform.FactOwner: "acct/17"}), append(promised, platform.FactOwner), &owner, nil); tier != actions.Critical {
		t.Errorf("a post of a raised account: %s", tier)
	}
}
