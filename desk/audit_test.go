package desk_test

import (
	"crypto/ed25519"
	"strings"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/desktest"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// auditOf reads the ledger of a town as an auditor does.
func auditOf(t *testing.T, to *desktest.Town) proof.Audited {
	t.Helper()
	key, err := ledger.ParseVerifierKey(to.LogKey.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	read := func(from int64) ([]proof.ServedBody, error) {
		return to.LedgerBodies(t.Context(), desktest.As("eva"), from, 7)
	}
	served := proof.Served{Fetch: func(path string) ([]byte, error) {
		page, err := to.Ledger().Read(t.Context(), path)
		return page.Data, err
	}, Bodies: func(from int64) ([]proof.ServedBody, error) {
		for {
			some, err := read(from)
			if err != nil || len(some) == 0 {
				return nil, err
			}
			var chain []proof.ServedBody
			for _, b := range some {
				if strings.Contains(string(b.Body), `"class":"governance"`) {
					chain = append(chain, b)
				}
			}
			if len(chain) > 0 {
				return chain, nil
			}
			from = some[len(some)-1].Index + 1
		}
	}}
	_, _, out, err := proof.Audit(proof.Trust{Root: to.Root}, key, served, read, nil)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestAuditNamesWhatNobodySigned: an evening's work passes, under sessions and with own
// keys; an act that somebody entered for a person is named, and so is a session that no key
// certified.
func TestAuditNamesWhatNobodySigned(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		s, key := to.Session("ann")
		if _, err := to.Desk.StartSession(t.Context(), desktest.As("ann"), s); err != nil {
			t.Fatal(err)
		}
		wish := desktest.Wish(actions.AccountTakedown, "plaza:@neighbour")
		wish.Session, wish.Reason = s.Session.Digest(), "spam"
		d, err := to.Draft(t.Context(), desktest.As("ann"), wish)
		if err != nil {
			t.Fatal(err)
		}
		r, err := to.Desk.Request(t.Context(), desktest.As("ann"), desktest.Under(key, d))
		if err != nil {
			t.Fatal(err)
		}
		to.Settled("ann", r)
		held := heldRequest(t, to)
		to.Countersign(held.ID, "lee")
		if _, err := to.TryWithdraw("ann", held.ID, held.Version+1); err != nil {
			t.Fatal(err)
		}
		good := auditOf(t, to)
		if len(good.Unsigned) != 0 || good.Acts < 4 || good.Sessions != 1 {
			t.Fatalf("%+v", good)
		}
	})
}

// sealedEntry enters something as a desk does that lies.
func sealedEntry(t *testing.T, to *desktest.Town, kind string, data any, sealed ...ledger.Opening) {
	t.Helper()
	if err := to.Store.Write(t.Context(), func(tx *store.Tx) error {
		tx.Append(ledger.Draft{Class: ledger.Desk, Kind: kind, Data: data, Sealed: sealed, Expect: ledger.AnyNumber})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// TestAuditOfEachKind: a desk that lies enters acts in people's names, of each kind and in
// each way in which the person did not sign them. The audit names each, and says why. It
// names nothing that the desk entered honestly beside them.
func TestAuditOfEachKind(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		r, i := contested(t, to)
		for _, do := range []func() error{
			func() error {
				_, err := to.AssignTask(t.Context(), desktest.As("eva"), i.ID, "Ask the president.", "ole")
				return err
			},
			func() error { _, err := to.FinishTask(t.Context(), desktest.As("ole"), i.ID, 1, "Asked."); return err },
			func() error {
				_, err := to.ProposeFindings(t.Context(), desktest.As("eva"), i.ID, "It was wrong.")
				return err
			},
			func() error { _, err := to.TryUndo("ole", r.ID); return err },
		} {
			if err := do(); err != nil {
				t.Fatal(err)
			}
		}
		session, key := to.Session("eva")
		held := to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@singer"))
		var asked, standard entry.Request
		read := func(kind string, into any) {
			if err := canonical.UnmarshalExact(newestOf(t, to.World, kind).Body.Data, into); err != nil {
				t.Fatal(err)
			}
		}
		read(entry.KindRequest, &asked)
		if good := auditOf(t, to); len(good.Unsigned) != 0 || good.Acts < 8 {
			t.Fatalf("%+v", good)
		}

		honest, wished := to.Session("ann")
		wish := desktest.Wish(actions.AccountTakedown, "plaza:@neighbour")
		wish.Session, wish.Reason = honest.Session.Digest(), "spam"
		if _, err := to.StartSession(t.Context(), desktest.As("ann"), honest); err != nil {
			t.Fatal(err)
		}
		d, err := to.Draft(t.Context(), desktest.As("ann"), wish)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := to.Desk.Request(t.Context(), desktest.As("ann"), desktest.Under(wished, d)); err != nil {
			t.Fatal(err)
		}
		read(entry.KindRequest, &standard)

		// verdict is what kim could say of the request that is held.
		verdict := func(v actions.Verdict) entry.Verdict {
			draft, err := to.DraftVerdict(t.Context(), desktest.As("kim"), held.ID, v, "")
			if err != nil {
				t.Fatal(err)
			}
			return entry.Verdict{At: asked.At, Request: held.ID, Signed: to.Signed("kim", draft), Status: actions.StatusHeld, Tier: actions.Critical}
		}
		// underSession signs a verdict of kim's under a session that kim certified.
		kims, kimsKey := to.Session("kim")
		underSession := func(v entry.Verdict) entry.Verdict {
			v.Signed.Statement.Session = kims.Session.Digest()
			c := v.Signed.Statement.Challenge()
			v.Signed.Signature = actions.Signature{Signature: ed25519.Sign(kimsKey, c[:])}
			return v
		}
		anothers := func(v entry.Verdict) entry.Verdict {
			v.Signed.Signature = to.Sign("lee", v.Signed.Statement.Challenge())
			return v
		}
		deed := func(by workforce.WorkerID, d actions.Deed, edit ...func(*actions.SaltedDeed)) (actions.SignedDeed, ledger.Opening) {
			signed := to.Deed(by, d, "a text", edit...)
			return signed.SignedDeed(), proof.Sealing(d.What, "a text", signed.Salt)
		}
		ofTask := actions.Deed{What: actions.DeedAssignTask, Of: i.ID, To: "ole", Version: 1}
		task := func(s actions.SignedDeed) entry.IncidentTask {
			return entry.IncidentTask{Incident: i.ID, Number: 2, Owner: "ole", Worker: "eva", Deed: s}
		}
		assigned, text := deed("eva", ofTask)
		forged := assigned
		forged.Signed.Signature = to.Sign("ole", forged.Signed.Statement.Challenge())
		findings, findingsText := deed("eva", actions.Deed{What: actions.DeedFindings, Of: i.ID, Version: 1}, func(d *actions.SaltedDeed) {
			d.Session, d.Signed.Statement.Session = &session, session.Session.Digest()
		})
		c := findings.Signed.Statement.Challenge()
		findings.Signed.Signature = actions.Signature{Signature: ed25519.Sign(key, c[:])}
		withdrawn := to.Withdrawal("ann", held.ID, held.Version)
		stolen := withdrawn.SignedDeed()
		stolen.Signed.Signature = to.Sign("bob", stolen.Signed.Statement.Challenge())
		old := asked.Signed
		old.Statement = actions.Statement{V: actions.StatementV1, Log: to.LogName(), Request: held.ID, Action: old.Statement.Action, Verdict: actions.VerdictWithdraw, Policy: old.Statement.Policy,
			Signer: "ann", Key: old.Statement.Key, Executor: old.Statement.Executor, Nonce: old.Statement.Nonce, NotBefore: old.Statement.NotBefore, Expires: old.Statement.Expires}
		old.Signature = to.Sign("ann", old.Statement.Challenge())
		another, _ := to.Session("bob")
		another.Session.Worker = "ann"
		selfMade, selfKey := to.Session("ann")
		c = selfMade.Session.Challenge()
		selfMade.Signature = actions.Signature{Signature: ed25519.Sign(selfKey, c[:])}
		anotherText := proof.Sealing(actions.DeedAssignTask, "another text", make([]byte, 32))

		request := func(edit func(*entry.Request)) entry.Request {
			x := standard
			edit(&x)
			return x
		}
		lies := []struct {
			what   string
			kind   string
			data   any
			sealed []ledger.Opening
			typ    string
		}{
			{"by another key", entry.KindRequest, request(func(x *entry.Request) { x.Signed.Signature = to.Sign("bob", x.Signed.Statement.Challenge()) }), nil, "bad-signature"},
			{"without its session", entry.KindRequest, request(func(x *entry.Request) { x.Sessions = nil }), nil, "no-session"},
			{"under a session, of a critical subject", entry.KindRequest, request(func(x *entry.Request) { x.Act.Tier = actions.Critical }), nil, "own-key-needed"},
			{"under a session, of a kind that takes the own key", entry.KindRequest, request(func(x *entry.Request) { x.Act.Kind = actions.AccountDelete }), nil, "own-key-needed"},
			{"with a decision that nobody signed", entry.KindRequest, request(func(x *entry.Request) {
				d := *x.Decided
				d.Signature = to.Sign("bob", d.Statement.Challenge())
				x.Decided = &d
			}), nil, "bad-signature"},
			{"without its decision", entry.KindRequest, request(func(x *entry.Request) { x.Decided = nil }), nil, "bad-entry"},
			{"for another ledger", entry.KindCountersign, entry.Verdict{Request: held.ID, Signed: actions.Signed{Statement: actions.Statement{V: actions.StatementV2, Request: held.ID, Verdict: actions.VerdictCountersign, Signer: "kim"}}}, nil, "foreign-log"},
			{"by another key", entry.KindCountersign, anothers(verdict(actions.VerdictCountersign)), nil, "bad-signature"},
			{"under a session", entry.KindCountersign, underSession(verdict(actions.VerdictCountersign)), nil, "own-key-needed"},
			{"a decline in its place", entry.KindCountersign, verdict(actions.VerdictDecline), nil, "bad-entry"},
			{"by another key", entry.KindDecline, anothers(verdict(actions.VerdictDecline)), nil, "bad-signature"},
			{"under a session", entry.KindDecline, underSession(verdict(actions.VerdictDecline)), nil, "own-key-needed"},
			{"not signed", entry.KindWithdraw, entry.End{Request: held.ID, Worker: "ann"}, nil, "unsigned"},
			{"a statement, as in version 1", entry.KindWithdraw, entry.End{Request: held.ID, Signed: old, Worker: "ann"}, nil, "other-formats"},
			{"by another key", entry.KindWithdraw, entry.End{Request: held.ID, Deed: &stolen, Worker: "ann"}, []ledger.Opening{proof.Sealing(actions.DeedWithdraw, "", withdrawn.Salt)}, "bad-signature"},
			{"of somebody else", entry.KindWithdraw, entry.End{Request: held.ID, Deed: &stolen, Worker: "bob"}, []ledger.Opening{proof.Sealing(actions.DeedWithdraw, "", withdrawn.Salt)}, "bad-entry"},
			{"said of a person", entry.KindExpire, entry.End{Request: held.ID, Worker: "ann"}, nil, "unsigned"},
			{"said of a person", entry.KindVoid, entry.End{Request: held.ID, Worker: "ann"}, nil, "unsigned"},
			{"not signed", entry.KindIncident, entry.Incident{Incident: "inc_x", Cause: "contested", Request: held.ID, Worker: "eva"}, nil, "unsigned"},
			{"contested by nobody", entry.KindIncident, entry.Incident{Incident: "inc_x", Cause: "contested", Request: held.ID}, nil, "unsigned"},
			{"not signed", entry.KindIncidentTask, task(actions.SignedDeed{}), []ledger.Opening{text}, "unsigned"},
			{"given by nobody", entry.KindIncidentTask, entry.IncidentTask{Incident: i.ID, Number: 2, Owner: "ole"}, []ledger.Opening{text}, "unsigned"},
			{"by another key", entry.KindIncidentTask, task(forged), []ledger.Opening{text}, "bad-signature"},
			{"with another text", entry.KindIncidentTask, task(assigned), []ledger.Opening{anotherText}, "bad-entry"},
			{"not signed", entry.KindIncidentTaskDone, entry.IncidentTask{Incident: i.ID, Number: 1, Owner: "ole", Worker: "ole"}, nil, "unsigned"},
			{"of another task", entry.KindIncidentTaskDone, task(assigned), []ledger.Opening{text}, "bad-entry"},
			{"not signed", entry.KindIncidentFindings, entry.IncidentFindings{Incident: i.ID, Worker: "eva"}, nil, "unsigned"},
			{"under a session", entry.KindIncidentFindings, entry.IncidentFindings{Incident: i.ID, Worker: "eva", Deed: findings}, []ledger.Opening{findingsText}, "own-key-needed"},
			{"certified by another person's key", entry.KindSession, another, nil, "unknown-key"},
			{"certified by itself", entry.KindSession, selfMade, nil, "bad-signature"},
			{"whose requester signed nothing", entry.KindWarrant, entry.Warrant{Request: "req_01jd0000000000000000000017", Requester: "ann", Countersigners: []workforce.WorkerID{}}, nil, "unsigned"},
			{"whose requester is another", entry.KindWarrant, entry.Warrant{Request: held.ID, Requester: "bob", Countersigners: []workforce.WorkerID{}}, nil, "unsigned"},
		}
		for _, lie := range lies {
			sealedEntry(t, to, lie.kind, lie.data, lie.sealed...)
		}
		sealedEntry(t, to, entry.KindIncidentTask, task(assigned), text) // this one is signed
		bad := auditOf(t, to)
		for n, lie := range lies {
			if n >= len(bad.Unsigned) {
				t.Fatalf("the audit names %d of %d", len(bad.Unsigned), len(lies))
			}
			if u := bad.Unsigned[n]; u.Kind != lie.kind || u.Type != lie.typ {
				t.Errorf("%s %s: named %s %s (%s), want %s", lie.kind, lie.what, u.Kind, u.Type, u.Text, lie.typ)
			}
		}
		if len(bad.Unsigned) != len(lies) {
			t.Errorf("beside the lies it names %+v", bad.Unsigned[len(lies):])
		}
	})
}

// TestAuditOfVersion1: what people signed in the formats 1 is no less signed, and a desk
// that changed its formats in between says both.
func TestAuditOfVersion1(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		o.Formats = 1
		to := desktest.NewTown(t, o)
		_, i := contested(t, to)
		if _, err := to.AssignTask(t.Context(), desktest.As("eva"), i.ID, "Ask the president.", "ole"); err != nil {
			t.Fatal(err)
		}
		held := to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@singer"))
		if _, err := to.TryWithdraw("ann", held.ID, held.Version); err != nil {
			t.Fatal(err)
		}
		to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@singer"))
		first := auditOf(t, to)
		to.Change(actions.DeskChange, actions.Setting{Of: actions.PartFormats, Formats: 2})
		if _, err := to.AssignTask(t.Context(), desktest.As("eva"), i.ID, "Ask again.", "ole"); err != nil {
			t.Fatal(err)
		}
		second := auditOf(t, to)
		if len(first.Unsigned)+len(second.Unsigned) != 0 || first.Acts < 7 || second.Acts <= first.Acts {
			t.Errorf("%+v\n%+v", first, second)
		}
	})
}
