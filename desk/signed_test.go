package desk_test

import (
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/desktest"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// newestOf returns the newest entry of a kind.
func newestOf(t *testing.T, w *desktest.World, kind string) *ledger.Entry {
	t.Helper()
	var e *ledger.Entry
	if err := w.Store.Read(t.Context(), func(tx *store.Tx) (err error) {
		e, err = tx.NewestOf(kind)
		return err
	}); err != nil || e == nil {
		t.Fatalf("no entry of kind %s: %v", kind, err)
	}
	return e
}

// countOf returns the number of entries of a kind.
func countOf(t *testing.T, to *desktest.Town, kind string) (n int) {
	t.Helper()
	if err := to.Store.Read(t.Context(), func(tx *store.Tx) error {
		n = 0
		all, err := tx.Entries(0, 1<<40)
		for _, e := range all {
			if e.Body.Kind == kind {
				n++
			}
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestWithdrawalIsSigned: who is only known by a token takes nothing back, and the
// ledger's entry carries what was signed.
func TestWithdrawalIsSigned(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		o.Formats = 1
		to := desktest.NewTown(t, o)
		r := heldRequest(t, to)
		other := heldRequest(t, to)
		draft := func(request string, v actions.Verdict) acts.Draft {
			d, err := to.DraftVerdict(t.Context(), desktest.As("ann"), request, v, "")
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
		mine := draft(r.ID, actions.VerdictWithdraw)
		altered := func(change func(*actions.Statement)) actions.Signed {
			d := mine
			change(&d.Statement)
			return to.Signed("ann", d)
		}
		for _, c := range []struct {
			name   string
			signed actions.Signed
			typ    string
		}{
			{"nothing signed", actions.Signed{}, "another-signer"},
			{"signed by somebody else's key", to.Signed("bob", mine), "bad-signature"},
			{"signed by somebody else", altered(func(s *actions.Statement) { s.Signer = "bob" }), "another-signer"},
			{"a decline", to.Signed("ann", draft(r.ID, actions.VerdictDecline)), "bad-statement"},
			{"a countersignature", to.Signed("ann", draft(r.ID, actions.VerdictCountersign)), "bad-statement"},
			{"the request's own statement", r.Signed, "bad-statement"},
			{"of another request", to.Signed("ann", draft(other.ID, actions.VerdictWithdraw)), "bad-statement"},
			{"of another action", altered(func(s *actions.Statement) { s.Action = canonical.Sum([]byte("another")) }), "bad-statement"},
			{"of another ledger", altered(func(s *actions.Statement) { s.Log = "elsewhere" }), "bad-statement"},
		} {
			if _, err := to.Withdraw(t.Context(), desktest.As("ann"), r.ID, acts.Withdrawal{Version: r.Version, Signed: c.signed}); !fault.Is(err, c.typ) {
				t.Errorf("%s: got %v, want %s", c.name, err, c.typ)
			}
		}
		signed := to.Signed("ann", mine)
		if _, err := to.Withdraw(t.Context(), desktest.As("ann"), r.ID, acts.Withdrawal{Version: r.Version, Signed: signed}); err != nil {
			t.Fatal(err)
		}
		var data entry.End
		if err := canonical.UnmarshalExact(newestOf(t, to.World, entry.KindWithdraw).Body.Data, &data); err != nil {
			t.Fatal(err)
		}
		if data.Worker != "ann" || canonical.DigestOf(data.Signed) != canonical.DigestOf(signed) {
			t.Errorf("the entry holds %+v", data)
		}
	})
}

// TestWithdrawalIsADeed: in the formats 2 a withdrawal is a deed about the request in one
// version, and the ledger's entry holds it.
func TestWithdrawalIsADeed(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		r, other := heldRequest(t, to), heldRequest(t, to)
		altered := func(of actions.Deed, change func(*actions.SaltedDeed)) *actions.SaltedDeed {
			d := to.Deed("ann", of, "", func(d *actions.SaltedDeed) {
				d.Signed.Statement.Expires = r.Expires()
				change(d)
			})
			return &d
		}
		of := actions.Deed{What: actions.DeedWithdraw, Of: r.ID, Version: r.Version}
		same := func(*actions.SaltedDeed) {}
		another, theirs := to.Withdrawal("ann", other.ID, other.Version), to.Withdrawal("bob", r.ID, r.Version)
		for _, c := range []struct {
			name string
			deed *actions.SaltedDeed
			typ  string
		}{
			{"nothing signed", nil, "another-signer"},
			{"somebody else's deed", &theirs, "another-signer"},
			{"of another request", &another, "bad-deed"},
			{"of another version", altered(actions.Deed{What: actions.DeedWithdraw, Of: r.ID, Version: r.Version + 1}, same), "bad-deed"},
			{"another deed", altered(actions.Deed{What: actions.DeedFindings, Of: r.ID, Version: r.Version}, same), "bad-deed"},
			{"with a text", altered(of, func(d *actions.SaltedDeed) { d.Salt = make([]byte, 32) }), "bad-deed"},
			{"over sooner than the request", altered(of, func(d *actions.SaltedDeed) { d.Signed.Statement.Expires = canonical.At(r.Expires().Add(-time.Second)) }), "bad-deed"},
			{"of the formats 1", altered(of, func(d *actions.SaltedDeed) {
				st := &d.Signed.Statement
				st.V, st.Action, st.Document, st.Founding = actions.StatementV1, st.Document, canonical.Digest{}, canonical.Digest{}
				st.Log = to.LogName()
			}), "bad-deed"},
			{"with the verdict act", altered(of, func(d *actions.SaltedDeed) { d.Signed.Statement.Verdict = actions.VerdictAct }), "bad-deed"},
			{"of another ledger", altered(of, func(d *actions.SaltedDeed) { d.Signed.Statement.Founding = canonical.Sum([]byte("another")) }), "bad-deed"},
		} {
			if _, err := to.Desk.Withdraw(t.Context(), desktest.As("ann"), r.ID, acts.Withdrawal{Version: r.Version, Deed: c.deed}); !fault.Is(err, c.typ) {
				t.Errorf("%s: got %v, want %s", c.name, err, c.typ)
			}
		}
		deed := to.Withdrawal("ann", r.ID, r.Version)
		if _, err := to.Desk.Withdraw(t.Context(), desktest.As("ann"), r.ID, acts.Withdrawal{Version: r.Version, Deed: &deed}); err != nil {
			t.Fatal(err)
		}
		var data entry.End
		if err := canonical.UnmarshalExact(newestOf(t, to.World, entry.KindWithdraw).Body.Data, &data); err != nil {
			t.Fatal(err)
		}
		if data.Worker != "ann" || data.Deed == nil || canonical.DigestOf(*data.Deed) != canonical.DigestOf(deed.SignedDeed()) {
			t.Errorf("the entry holds %+v", data)
		}
	})
}

// TestDeedsAreSigned: what stands in the ledger under somebody's name was signed by
// them, says what they signed, and is done once: the same again changes nothing.
func TestDeedsAreSigned(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		id := ""
		r := heldRequest(t, to)
		for _, c := range []struct {
			kind string // of the entry
			by   workforce.WorkerID
			of   func() actions.Deed
			text string
			do   func(desk.Caller, string, actions.SaltedDeed) error
		}{
			{"incident", "eva", func() actions.Deed { return actions.Deed{What: actions.DeedOpenIncident, Of: r.ID} }, "Why?", func(by desk.Caller, text string, d actions.SaltedDeed) error {
				i, err := to.Desk.OpenIncident(t.Context(), by, r.ID, text, d)
				if err == nil {
					id = i.ID
				}
				return err
			}},
			{"incident-task", "eva", func() actions.Deed {
				return actions.Deed{What: actions.DeedAssignTask, Of: id, To: "ole", Version: 1}
			}, "Ask ann.", func(by desk.Caller, text string, d actions.SaltedDeed) error {
				_, err := to.Desk.AssignTask(t.Context(), by, id, text, "ole", d)
				return err
			}},
			{"incident-findings", "eva", func() actions.Deed { return actions.Deed{What: actions.DeedFindings, Of: id, Version: 2} }, "It was real.", func(by desk.Caller, text string, d actions.SaltedDeed) error {
				_, err := to.Desk.ProposeFindings(t.Context(), by, id, text, d)
				return err
			}},
			{"incident-task-done", "ole", func() actions.Deed {
				return actions.Deed{What: actions.DeedFinishTask, Of: actions.TaskOf(id, 1), Version: 2}
			}, "She did.", func(by desk.Caller, text string, d actions.SaltedDeed) error {
				_, err := to.Desk.FinishTask(t.Context(), by, id, 1, text, d)
				return err
			}},
		} {
			by, of := desktest.As(c.by), c.of()
			statement := func(f func(*actions.Statement)) actions.SaltedDeed {
				return to.Deed(c.by, of, c.text, func(d *actions.SaltedDeed) { f(&d.Signed.Statement) })
			}
			another := func(f func(*actions.Deed)) actions.SaltedDeed {
				d := of
				f(&d)
				return to.Deed(c.by, d, c.text)
			}
			foreign := to.Deed(c.by, of, c.text)
			foreign.Signed.Signature = to.Sign("bob", foreign.Signed.Statement.Challenge())
			salted := to.Deed(c.by, of, c.text)
			salted.Salt = make([]byte, 32)
			for name, bad := range map[string]struct {
				deed actions.SaltedDeed
				typ  string
			}{
				"nothing signed":      {actions.SaltedDeed{}, "another-signer"},
				"by somebody else":    {to.Deed("bob", of, c.text), "another-signer"},
				"somebody else's key": {foreign, "bad-signature"},
				"another text":        {to.Deed(c.by, of, "Something else."), "bad-deed"},
				"another salt":        {salted, "bad-deed"},
				"of something else":   {another(func(d *actions.Deed) { d.Of = "inc_none" }), "bad-deed"},
				"another deed": {another(func(d *actions.Deed) {
					if d.What == actions.DeedFindings {
						d.What = actions.DeedAssignTask
					} else {
						d.What = actions.DeedFindings
					}
				}), "bad-deed"},
				"to somebody else":       {another(func(d *actions.Deed) { d.To = "ann" }), "bad-deed"},
				"a version that is not":  {another(func(d *actions.Deed) { d.Version = 99 }), "bad-deed"},
				"for another ledger":     {statement(func(s *actions.Statement) { s.Log = "elsewhere" }), "bad-deed"},
				"about another deed":     {statement(func(s *actions.Statement) { s.Action = canonical.Sum([]byte("x")) }), "bad-deed"},
				"another verdict":        {statement(func(s *actions.Statement) { s.Verdict = actions.VerdictWithdraw }), "bad-deed"},
				"a request's":            {statement(func(s *actions.Statement) { s.Request = r.ID }), "bad-deed"},
				"good for a year":        {statement(func(s *actions.Statement) { s.Expires = canonical.At(s.Expires.AddDate(1, 0, 0)) }), "bad-deed"},
				"with a key not enroled": {statement(func(s *actions.Statement) { s.Key = "key_none" }), "unknown-key"},
			} {
				if err := c.do(by, c.text, bad.deed); !fault.Is(err, bad.typ) {
					t.Errorf("%s, %s: got %v, want %s", c.kind, name, err, bad.typ)
				}
			}
			good := to.Deed(c.by, of, c.text)
			if err := c.do(by, c.text, good); err != nil {
				t.Fatalf("%s: %v", c.kind, err)
			}
			// The desk runs, and enters sums of refusals and the like beside.
			done := countOf(t, to, c.kind)
			if err := c.do(by, c.text, good); err != nil || countOf(t, to, c.kind) != done {
				t.Errorf("%s: the same again makes %d entries: %v", c.kind, countOf(t, to, c.kind)-done, err)
			}
			resigned := good
			resigned.Signed.Statement.NotBefore = canonical.At(resigned.Signed.Statement.NotBefore.Add(time.Millisecond))
			resigned.Signed.Signature = to.Sign(c.by, resigned.Signed.Statement.Challenge())
			for name, err := range map[string]error{
				"with another text": c.do(by, "Something else.", good),
				"signed anew":       c.do(by, c.text, resigned),
				"by somebody else":  c.do(desktest.As("lee"), c.text, good),
				"by an agent":       c.do(desktest.As("bob"), c.text, good),
			} {
				if err == nil {
					t.Errorf("%s: the same deed is taken %s", c.kind, name)
				}
			}
			var data struct {
				Deed   actions.SignedDeed `json:"deed"`
				Worker workforce.WorkerID `json:"worker"`
			}
			e := newestOf(t, to.World, c.kind)
			if err := json.Unmarshal(e.Body.Data, &data); err != nil {
				t.Fatal(err)
			}
			if data.Worker != c.by || canonical.DigestOf(data.Deed) != canonical.DigestOf(good.SignedDeed()) || e.Body.Sealed[good.Deed.What.SealedBy()] != good.Deed.Text {
				t.Errorf("%s: the entry holds %+v", c.kind, data)
			}
		}
		if i, err := to.Incident(t.Context(), desktest.As("eva"), id); err != nil || len(i.Tasks) != 1 {
			t.Errorf("%d tasks: %v", len(i.Tasks), err)
		}
	})
}

// TestOldWithdrawalReads: what was entered before withdrawals were signed keeps its bytes.
func TestOldWithdrawalReads(t *testing.T) {
	const old = `{"request":"req_1","status":"withdrawn","type":"withdrawn","worker":"ann"}`
	var r entry.End
	if err := canonical.UnmarshalExact(canonical.Raw(old), &r); err != nil || r.Worker != "ann" {
		t.Errorf("got %+v, %v", r, err)
	}
}

// TestDecisionInVersion1: no decision comes in beside a request of version 1, where nobody
// checks whose it is.
func TestDecisionInVersion1(t *testing.T) {
	to := desktest.NewTown(t, desktest.Options{Formats: 1})
	d, err := to.Desk.Draft(t.Context(), desktest.As("ann"), acts.Wish{Kind: actions.AccountTakedown, Subject: "plaza:@neighbour", Reason: "spam", Case: "C-1"})
	if err != nil {
		t.Fatal(err)
	}
	reasons := ledger.Opening{Name: "reasons", Salt: make([]byte, 32), Value: canonical.MustMarshal("because")}
	commitment, err := reasons.Commitment()
	if err != nil {
		t.Fatal(err)
	}
	sub := to.Submission("ann", d)
	c := actions.Decision{V: actions.DecisionVersion, Case: "C-1", Version: 1<<53 - 1, Subject: d.Action.Subject, Verdict: actions.CaseViolation, Language: "und",
		Measures: []canonical.Digest{d.Action.Digest()}, Nonce: make([]byte, 32), Reasons: commitment}
	sub.Decision = &acts.Decided{Decision: c, Reasons: reasons, Signed: actions.Signed{Statement: actions.Statement{V: actions.StatementV2, Signer: "lee",
		Key: to.PublicKey("lee").ID(), Verdict: actions.VerdictDecide, Document: c.Digest(), Executor: "desk"}}}
	if _, err := to.Desk.Request(t.Context(), desktest.As("ann"), sub); !fault.Is(err, "bad-decision") {
		t.Errorf("got %v", err)
	}
	sub.Decision = nil
	if _, err := to.Desk.Request(t.Context(), desktest.As("ann"), sub); err != nil {
		t.Error(err)
	}
}
