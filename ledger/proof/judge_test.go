package proof_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger/ledgertest"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/platform"
	"countersign.dev/policy"
	"countersign.dev/workforce"
)

// TestJudge is each way in which an act is not authorised. A judgement is an
// error, held for a reason, or ready.
func TestJudge(t *testing.T) {
	takedown := func(w *prooftest.World, by workforce.WorkerID, tier actions.Tier, signers ...workforce.WorkerID) *prooftest.Request {
		return w.Countersign(w.Request(by, actions.AccountTakedown, prooftest.Account("acct/17"), tier), signers...)
	}
	judge := func(w *prooftest.World, r *prooftest.Request) (proof.Judgement, error) {
		return w.State().Judge(w.Ask(r))
	}
	// signedAs signs a request anew with another statement.
	signedAs := func(w *prooftest.World, tier actions.Tier, edit func(*actions.Statement)) (proof.Judgement, error) {
		r := takedown(w, "ann", tier)
		r.Signed = w.Statement(r, "ann", actions.VerdictRequest, edit)
		return judge(w, r)
	}
	countersignedAs := func(w *prooftest.World, edit func(*actions.Statement)) (proof.Judgement, error) {
		r := takedown(w, "ann", actions.Protected)
		r.Countersignatures = []actions.Signed{w.Statement(r, "lee", actions.VerdictCountersign, edit)}
		return judge(w, r)
	}
	admit := func(w *prooftest.World, r workforce.Record) {
		w.Admit(r)
		if _, ok := w.State().People.Worker(r.Worker); !ok {
			w.Enrol(r.Worker)
		}
	}
	for _, c := range []struct {
		name string
		try  func(*prooftest.World) (proof.Judgement, error)
		typ  string // "" held or ready
		what string // "" ready
	}{
		{"standard, alone", func(w *prooftest.World) (proof.Judgement, error) {
			return judge(w, takedown(w, "ann", actions.Standard))
		}, "", ""},
		{"protected, alone", func(w *prooftest.World) (proof.Judgement, error) {
			return judge(w, takedown(w, "ann", actions.Protected))
		}, "", "0 of 1"},
		{"protected, by two", func(w *prooftest.World) (proof.Judgement, error) {
			return judge(w, takedown(w, "ann", actions.Protected, "lee"))
		}, "", ""},
		{"critical, by two", func(w *prooftest.World) (proof.Judgement, error) {
			return judge(w, takedown(w, "ann", actions.Critical, "lee"))
		}, "", "1 of 2"},
		{"critical, by three", func(w *prooftest.World) (proof.Judgement, error) {
			return judge(w, takedown(w, "ann", actions.Critical, "kim", "lee"))
		}, "", ""},

		// Independence.
		{"the same vendor", func(w *prooftest.World) (proof.Judgement, error) {
			return judge(w, takedown(w, "ann", actions.Protected, "sue"))
		}, "", "both with the vendor acme"},
		{"the same manager", func(w *prooftest.World) (proof.Judgement, error) {
			admit(w, record("kim", "", "gus"))
			return judge(w, takedown(w, "ann", actions.Protected, "kim"))
		}, "", "same manager, gus"},
		{"the manager", func(w *prooftest.World) (proof.Judgement, error) {
			r := record("bob", "bolt", "kim")
			r.Roles = []workforce.Role{workforce.Agent}
			admit(w, r)
			return judge(w, takedown(w, "bob", actions.Protected, "kim"))
		}, "", "chain of managers"},
		{"the manager's manager", func(w *prooftest.World) (proof.Judgement, error) {
			r := record("bob", "bolt", "eva")
			r.Roles = []workforce.Role{workforce.Agent}
			admit(w, r)
			admit(w, record("eva", "", "kim"))
			return judge(w, takedown(w, "bob", actions.Protected, "kim"))
		}, "", "chain of managers"},
		{"two signers of one vendor", func(w *prooftest.World) (proof.Judgement, error) {
			return judge(w, takedown(w, "kim", actions.Critical, "lee", "sue"))
		}, "", "do not fill the slots"},
		{"a manager changed 30 days ago but for a microsecond", func(w *prooftest.World) (proof.Judgement, error) {
			admit(w, record("kim", "", "gus"))
			at := w.Now()
			admit(w, record("kim", "", "mia"))
			w.Advance(at.Add(workforce.Settle - time.Microsecond).Sub(w.Now()))
			return judge(w, takedown(w, "ann", actions.Protected, "kim"))
		}, "", "same manager, gus"},
		{"a manager changed 30 days ago", func(w *prooftest.World) (proof.Judgement, error) {
			admit(w, record("kim", "", "gus"))
			at := w.Now()
			admit(w, record("kim", "", "mia"))
			w.Advance(at.Add(workforce.Settle).Sub(w.Now()))
			return judge(w, takedown(w, "ann", actions.Protected, "kim"))
		}, "", ""},
		{"admitted 30 days ago but for a microsecond", func(w *prooftest.World) (proof.Judgement, error) {
			admit(w, record("zed", "", "zoe"))
			w.Enrol("zed")
			w.Advance(w.State().People.Seat("zed").Admitted.Add(workforce.Settle - time.Microsecond).Sub(w.Now()))
			return judge(w, takedown(w, "ann", actions.Protected, "zed"))
		}, "", "less than 30 days ago"},
		{"admitted 30 days ago", func(w *prooftest.World) (proof.Judgement, error) {
			admit(w, record("zed", "", "zoe"))
			w.Enrol("zed")
			w.Advance(w.State().People.Seat("zed").Admitted.Add(workforce.Settle).Sub(w.Now()))
			return judge(w, takedown(w, "ann", actions.Protected, "zed"))
		}, "", ""},
		{"a newcomer, on critical", func(w *prooftest.World) (proof.Judgement, error) {
			admit(w, record("zed", "", "zoe"))
			w.Enrol("zed")
			return judge(w, takedown(w, "ann", actions.Critical, "lee", "zed"))
		}, "forbidden-by-policy", "less than 30 days"},
		// A contractor of last week does not fill the employee's slot.
		{"an employee since yesterday", func(w *prooftest.World) (proof.Judgement, error) {
			admit(w, record("lee", "", "mia"))
			return judge(w, takedown(w, "ann", actions.Critical, "lee", "eva"))
		}, "", ""},
		{"no employee but one since yesterday", func(w *prooftest.World) (proof.Judgement, error) {
			admit(w, record("lee", "", "jan"))
			return judge(w, takedown(w, "ann", actions.Critical, "lee"))
		}, "", "1 of 2"},

		// People and keys.
		{"an ended requester", func(w *prooftest.World) (proof.Judgement, error) {
			r := takedown(w, "ann", actions.Standard)
			w.End("ann")
			return judge(w, r)
		}, "engagement-ended", "ann"},
		// Approval by someone who has left since is no approval.
		{"an ended countersigner", func(w *prooftest.World) (proof.Judgement, error) {
			r := takedown(w, "ann", actions.Protected, "lee")
			w.End("lee")
			return judge(w, r)
		}, "engagement-ended", "lee"},
		{"the last instant of an engagement", func(w *prooftest.World) (proof.Judgement, error) {
			w.Advance(w.State().People.Seat("dan").Last.Sub(w.Now()) - time.Microsecond)
			return judge(w, takedown(w, "dan", actions.Standard))
		}, "", ""},
		{"the instant after", func(w *prooftest.World) (proof.Judgement, error) {
			w.Advance(w.State().People.Seat("dan").Last.Sub(w.Now()))
			return judge(w, takedown(w, "dan", actions.Standard))
		}, "engagement-ended", "dan"},
		{"on the last day", func(w *prooftest.World) (proof.Judgement, error) {
			return judge(w, takedown(w, "dan", actions.Protected))
		}, "forbidden-by-policy", "last days"},
		{"in notice", func(w *prooftest.World) (proof.Judgement, error) {
			r := record("ann", "acme", "gus")
			r.Roles, r.Notice = []workforce.Role{workforce.Agent}, canonical.At(w.Now())
			w.Admit(r)
			return judge(w, takedown(w, "ann", actions.Protected, "lee"))
		}, "forbidden-by-policy", "Notice has been given"},
		{"a countersigner in notice", func(w *prooftest.World) (proof.Judgement, error) {
			r := record("lee", "bolt", "jan")
			r.Notice = canonical.At(w.Now())
			w.Admit(r)
			return judge(w, takedown(w, "ann", actions.Protected, "lee"))
		}, "forbidden-by-policy", "Notice has been given"},
		{"a countersigner in the last days", func(w *prooftest.World) (proof.Judgement, error) {
			r := record("lee", "bolt", "jan")
			r.Last = canonical.At(w.Now().AddDate(0, 0, 13))
			w.Admit(r)
			return judge(w, takedown(w, "ann", actions.Protected, "lee"))
		}, "forbidden-by-policy", "last days"},
		{"a revoked key of the requester", func(w *prooftest.World) (proof.Judgement, error) {
			r := takedown(w, "ann", actions.Standard)
			w.Revoke("ann")
			return judge(w, r)
		}, "revoked-key", "ann"},
		{"a revoked key of a countersigner", func(w *prooftest.World) (proof.Judgement, error) {
			r := takedown(w, "ann", actions.Protected, "lee")
			w.Revoke("lee")
			return judge(w, r)
		}, "revoked-key", "lee"},
		{"a key that is not enrolled", func(w *prooftest.World) (proof.Judgement, error) {
			w.Enrolment("ann")
			return judge(w, takedown(w, "ann", actions.Standard))
		}, "unknown-key", "not enrolled"},
		{"another's key", func(w *prooftest.World) (proof.Judgement, error) {
			return signedAs(w, actions.Standard, func(s *actions.Statement) { s.Key = w.PublicKey("bob").ID() })
		}, "unknown-key", "does not belong to ann"},
		{"another's signature", func(w *prooftest.World) (proof.Judgement, error) {
			r := takedown(w, "ann", actions.Standard)
			r.Signed.Signature = w.Key("bob").Sign(r.Signed.Statement.Challenge())
			return judge(w, r)
		}, "bad-signature", "does not verify"},
		{"another's countersignature", func(w *prooftest.World) (proof.Judgement, error) {
			r := takedown(w, "ann", actions.Protected, "lee")
			r.Countersignatures[0].Signature = w.Key("bob").Sign(r.Countersignatures[0].Statement.Challenge())
			return judge(w, r)
		}, "bad-signature", "does not verify"},
		{"a key that is not bound to hardware", func(w *prooftest.World) (proof.Judgement, error) {
			soft(w, "lee")
			return judge(w, takedown(w, "ann", actions.Critical, "kim", "lee"))
		}, "", "hardware"},
		{"a requester whose key is not", func(w *prooftest.World) (proof.Judgement, error) {
			soft(w, "ann")
			return judge(w, takedown(w, "ann", actions.Critical, "kim", "lee"))
		}, "", "hardware"},

		// Statements.
		{"another version", func(w *prooftest.World) (proof.Judgement, error) {
			return signedAs(w, actions.Standard, func(s *actions.Statement) { s.V = actions.StatementV1 })
		}, "bad-statement", "version"},
		{"for another log", func(w *prooftest.World) (proof.Judgement, error) {
			return signedAs(w, actions.Standard, func(s *actions.Statement) { s.Log = "other.example.com/ledger" })
		}, "bad-statement", "for the ledger"},
		{"for another executor", func(w *prooftest.World) (proof.Judgement, error) {
			return signedAs(w, actions.Standard, func(s *actions.Statement) { s.Executor = "executor-2" })
		}, "bad-statement", "for the executor"},
		{"carried out by another executor", func(w *prooftest.World) (proof.Judgement, error) {
			a := w.Ask(takedown(w, "ann", actions.Standard))
			a.Executor = "executor-2"
			return w.State().Judge(a)
		}, "foreign-executor", "executor-2"},
		{"of another action", func(w *prooftest.World) (proof.Judgement, error) {
			r := takedown(w, "ann", actions.Standard)
			r.Action.Reason = "Another."
			return judge(w, r)
		}, "bad-statement", "another action"},
		{"with another verdict", func(w *prooftest.World) (proof.Judgement, error) {
			return signedAs(w, actions.Standard, func(s *actions.Statement) { s.Verdict = actions.VerdictDecline })
		}, "bad-statement", `says "decline"`},
		{"a decline as a countersignature", func(w *prooftest.World) (proof.Judgement, error) {
			return countersignedAs(w, func(s *actions.Statement) { s.Verdict = actions.VerdictDecline })
		}, "bad-statement", `says "decline"`},
		{"a countersignature of another request", func(w *prooftest.World) (proof.Judgement, error) {
			return countersignedAs(w, func(s *actions.Statement) { s.Request = w.NewRequestID() })
		}, "bad-statement", "another request"},
		{"a countersignature of another action", func(w *prooftest.World) (proof.Judgement, error) {
			return countersignedAs(w, func(s *actions.Statement) { s.Action = canonical.Sum(nil) })
		}, "bad-statement", "another action"},
		{"no request", func(w *prooftest.World) (proof.Judgement, error) {
			return signedAs(w, actions.Standard, func(s *actions.Statement) { s.Request = "req_1" })
		}, "bad-statement", "another request"},
		{"no policy", func(w *prooftest.World) (proof.Judgement, error) {
			return signedAs(w, actions.Standard, func(s *actions.Statement) { s.Policy = canonical.Digest{} })
		}, "bad-statement", "no policy"},
		{"a short nonce", func(w *prooftest.World) (proof.Judgement, error) {
			return signedAs(w, actions.Standard, func(s *actions.Statement) { s.Nonce = s.Nonce[:16] })
		}, "bad-statement", "nonce"},
		{"the mark of another request", func(w *prooftest.World) (proof.Judgement, error) {
			r := w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/17"), actions.Standard,
				func(a *actions.Action) { a.Command.Mark = platform.MarkOf("req_another") })
			return judge(w, r)
		}, "bad-statement", "another mark"},
		{"not valid yet", func(w *prooftest.World) (proof.Judgement, error) {
			return signedAs(w, actions.Standard, func(s *actions.Statement) { s.NotBefore = canonical.At(w.Now().Add(time.Microsecond)) })
		}, "bad-statement", "not valid before"},
		{"the last instant", func(w *prooftest.World) (proof.Judgement, error) {
			return signedAs(w, actions.Standard, func(s *actions.Statement) { s.Expires = canonical.At(w.Now().Add(time.Microsecond)) })
		}, "", ""},
		{"expired", func(w *prooftest.World) (proof.Judgement, error) {
			return signedAs(w, actions.Standard, func(s *actions.Statement) { s.Expires = canonical.At(w.Now()) })
		}, "expired", ""},
		{"an expired countersignature", func(w *prooftest.World) (proof.Judgement, error) {
			return countersignedAs(w, func(s *actions.Statement) { s.Expires = canonical.At(w.Now()) })
		}, "expired", ""},
		{"a life of 24 hours", func(w *prooftest.World) (proof.Judgement, error) {
			return signedAs(w, actions.Standard, func(s *actions.Statement) { s.Expires = canonical.At(s.NotBefore.Add(24 * time.Hour)) })
		}, "", ""},
		{"a longer life", func(w *prooftest.World) (proof.Judgement, error) {
			return signedAs(w, actions.Standard, func(s *actions.Statement) { s.Expires = canonical.At(s.NotBefore.Add(24*time.Hour + time.Microsecond)) })
		}, "bad-statement", "good for longer than 24h"},
		{"a longer life on critical", func(w *prooftest.World) (proof.Judgement, error) {
			return signedAs(w, actions.Critical, func(s *actions.Statement) { s.Expires = canonical.At(s.NotBefore.Add(4*time.Hour + time.Microsecond)) })
		}, "bad-statement", "good for longer than 4h"},
		// A countersignature in a drawer, to be used years later.
		{"a countersignature of long life", func(w *prooftest.World) (proof.Judgement, error) {
			return countersignedAs(w, func(s *actions.Statement) { s.Expires = canonical.At(s.NotBefore.AddDate(5, 0, 0)) })
		}, "bad-statement", "lee would be good for longer"},

		// The subject as read.
		{"a higher tier than written", func(w *prooftest.World) (proof.Judgement, error) {
			a := w.Ask(takedown(w, "ann", actions.Standard))
			a.Tier = actions.Critical
			return w.State().Judge(a)
		}, "", "0 of 2"},
		{"a lower tier than written", func(w *prooftest.World) (proof.Judgement, error) {
			a := w.Ask(takedown(w, "ann", actions.Critical))
			a.Tier = actions.Standard
			return w.State().Judge(a)
		}, "", "0 of 2"},
		{"no case", func(w *prooftest.World) (proof.Judgement, error) {
			return judge(w, w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/17"), actions.Standard, func(a *actions.Action) { a.Case = "" }))
		}, "forbidden-by-policy", "case"},
		{"not well formed", func(w *prooftest.World) (proof.Judgement, error) {
			return judge(w, w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/17"), actions.Standard, func(a *actions.Action) { a.Direction = actions.Relieving }))
		}, "bad-action", "direction"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := prooftest.Staffed(t)
			j, err := c.try(w)
			switch {
			case c.typ != "":
				refusedAs(t, err, c.typ, c.what)
			case err != nil:
				t.Errorf("refused: %v", err)
			case c.what == "":
				if !j.Ready || j.Missing != "" {
					t.Errorf("not ready: %s", j.Missing)
				}
			default:
				if j.Ready {
					t.Error("ready")
				}
				refusedAs(t, fault.New(fault.Forbidden, "held", "%s", j.Missing), "held", c.what)
			}
		})
	}
}

// soft gives somebody a key that may be copied.
func soft(w *prooftest.World, p workforce.WorkerID) {
	e := w.Enrolment(p)
	e.Key.Hardware = false
	w.Change(actions.DeskKey, actions.Keys{Enrol: []actions.Enrolment{e}})
}

// TestReadmittedOfficer: founding officers are independent of each other; one who
// became a contractor, or left and was admitted again, is what everybody is.
func TestReadmittedOfficer(t *testing.T) {
	w := prooftest.Found(t, prooftest.Options{Trust: func(tr *actions.Trust) { tr.EndingsPerHour = 5 }})
	more := []workforce.Record{record("dov", "", ""), record("eli", "", "")}
	for i := range more {
		more[i].Roles = []workforce.Role{workforce.Officer}
	}
	w.Admit(more...)
	w.Enrol("dov", "eli")
	try := func(want string) {
		t.Helper()
		j, err := w.State().Judge(w.Ask(w.Countersign(w.RequestChange(actions.DeskChange, vendor("new"), "ada"), "cem", "dov")))
		if err != nil || j.Ready != (want == "") {
			t.Fatalf("ready %v: %s, %v", j.Ready, j.Missing, err)
		}
		if want != "" {
			refusedAs(t, fault.New(fault.Forbidden, "held", "%s", j.Missing), "held", want)
		}
	}
	try("")
	w.End("cem")
	w.Advance(time.Minute)
	cem := record("cem", "", "")
	cem.Roles = []workforce.Role{workforce.Officer}
	change, rows, opened := w.Rows(cem)
	if err := w.Govern(string(actions.DeskAdmit), w.Claim(actions.DeskAdmit, change, "ada", "bea", "dov")); err != nil {
		t.Fatal(err)
	}
	s := w.State()
	if err := w.Govern(proof.KindRow, proof.RowDataOf(s, rows[0], canonical.At(w.Now()), s.Next-1, 0), opened[0]...); err != nil {
		t.Fatal(err)
	}
	try("cem was admitted less than 30 days ago")
	w.Advance(workforce.Settle)
	try("")
	cem.Manager = "ada"
	w.Admit(cem)
	try("ada is in cem's chain of managers")
}

// TestValidity: what is critical waits for nobody long; the desk's own changes may.
func TestValidity(t *testing.T) {
	critical := actions.Action{Tier: actions.Critical, Subject: prooftest.Account("acct/17")}
	desk := actions.Action{Tier: actions.Critical, Subject: platform.Subject{Platform: actions.DeskPlatform, ID: actions.PartKeys}}
	standard := actions.Action{Tier: actions.Standard, Subject: prooftest.Account("acct/17")}
	if a, b, c := proof.Validity(critical), proof.Validity(desk), proof.Validity(standard); a != 4*time.Hour || b != 24*time.Hour || c != 24*time.Hour {
		t.Error(a, b, c)
	}
}

// TestWait: a wait runs from when the ledger had every signature that is needed.
// The signers together could date all of theirs back.
func TestWait(t *testing.T) {
	files := policy.Default()
	files["wait.cedar"] = `@id("wait") @reason("The subject is protected: one person must countersign, and then it waits for three days.") @hold("1 independent; wait 72h") forbid (principal, action in Action::"measures", resource) when { resource.tier == Tier::"protected" };` + "\n"
	w := prooftest.Found(t, prooftest.Options{Policy: files})
	w.Staff()
	start := w.Now()
	// Without a case there is no decision, whose statement would be over sooner.
	r := w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/17"), actions.Protected, func(a *actions.Action) { a.Case = "" })
	long := func(from time.Time) func(*actions.Statement) {
		return func(s *actions.Statement) {
			s.NotBefore, s.Expires = canonical.At(from), canonical.At(from.Add(96*time.Hour))
		}
	}
	ready := func(want bool, missing string) {
		t.Helper()
		j, err := w.State().Judge(w.Ask(r))
		if err != nil || j.Ready != want {
			t.Fatalf("ready %v (%s), %v; want %v", j.Ready, j.Missing, err, want)
		}
		if !want {
			refusedAs(t, fault.New(fault.Forbidden, "held", "%s", j.Missing), "held", missing)
		}
	}
	r.Signed = w.Statement(r, "ann", actions.VerdictRequest, long(start.Add(-80*time.Hour)))
	ready(false, "0 of 1")
	// ann and lee both dated theirs back by more than the whole wait.
	r.Countersignatures = []actions.Signed{w.Statement(r, "lee", actions.VerdictCountersign, long(start.Add(-80*time.Hour)))}
	ready(false, "waiting for 72h") // and the ledger has neither
	w.Enters(r)
	ready(false, "waiting for 72h")

	r.Signed, r.Countersignatures = w.Statement(r, "ann", actions.VerdictRequest, long(start)), nil
	w.Enters(r)
	w.Advance(time.Hour)
	r.Countersignatures = []actions.Signed{w.Statement(r, "lee", actions.VerdictCountersign, long(start))}
	w.Enters(r)
	w.Advance(72*time.Hour - time.Microsecond)
	ready(false, "waiting for 72h")
	w.Advance(time.Microsecond)
	ready(true, "")
	// One more signature does not begin the wait again, and does not end it.
	r.Countersignatures = append([]actions.Signed{w.Statement(r, "eva", actions.VerdictCountersign)}, r.Countersignatures...)
	w.Enters(r)
	ready(true, "")
	j, _ := w.State().Judge(w.Ask(r))
	if len(j.Chosen) != 1 || j.Chosen[0].Worker != "lee" {
		t.Errorf("chosen %v, want lee, who has waited", j.Chosen)
	}
	// The requester's own signature waits as well.
	r.Signed = w.Statement(r, "ann", actions.VerdictRequest, long(w.Now()))
	ready(false, "waiting for 72h")
	r.Signed = w.Statement(r, "ann", actions.VerdictRequest, func(s *actions.Statement) {
		s.NotBefore, s.Expires = canonical.At(start), canonical.At(start.Add(96*time.Hour+time.Microsecond))
	})
	w.Enters(r)
	_, err := w.State().Judge(w.Ask(r))
	refusedAs(t, err, "bad-statement", "longer than 96h")
}

// TestMayWithdraw: the requester alone takes a request back, signed, frozen or not.
func TestMayWithdraw(t *testing.T) {
	w := prooftest.Staffed(t)
	r := w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/17"), actions.Critical)
	other := w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/18"), actions.Critical)
	withdraw := func(signed actions.Signed) error { return w.State().MayWithdraw(w.Ask(r), signed) }
	signed := w.Statement(r, "ann", actions.VerdictWithdraw)
	if err := withdraw(signed); err != nil {
		t.Error(err)
	}
	refusedAs(t, withdraw(w.Statement(r, "kim", actions.VerdictWithdraw)), "not-requester", "ann")
	refusedAs(t, withdraw(w.Statement(r, "ann", actions.VerdictRequest)), "bad-statement", "says")
	refusedAs(t, withdraw(w.Statement(other, "ann", actions.VerdictWithdraw)), "bad-statement", "another request")
	foreign := signed
	foreign.Signature = w.Key("kim").Sign(signed.Statement.Challenge())
	refusedAs(t, withdraw(foreign), "bad-signature", "")
	must(t, do(w, actions.DeskFreeze, freeze(actions.ScopeWorker, "ann"), "ole"))
	if err := withdraw(w.Statement(r, "ann", actions.VerdictWithdraw)); err != nil {
		t.Errorf("while frozen: %v", err)
	}
	must(t, do(w, actions.DeskKey, actions.Keys{Revoke: []workforce.KeyID{w.PublicKey("ann").ID()}}, "ada"))
	refusedAs(t, withdraw(w.Statement(r, "ann", actions.VerdictWithdraw)), "revoked-key", "")
}

// TestCandidate: what is told of a countersignature before it is kept.
func TestCandidate(t *testing.T) {
	w := prooftest.Staffed(t)
	r := w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/17"), actions.Critical)
	s := w.State()
	candidate := func(by workforce.WorkerID) error {
		return s.Candidate(w.Ask(r), w.Statement(r, by, actions.VerdictCountersign))
	}
	decline := func(by workforce.WorkerID) error {
		_, err := s.MayDecline(w.Ask(r), w.Statement(r, by, actions.VerdictDecline))
		return err
	}
	for _, try := range []func(workforce.WorkerID) error{candidate, decline} {
		if err := try("kim"); err != nil {
			t.Errorf("kim: %v", err)
		}
		refusedAs(t, try("sue"), "not-independent", "both with the vendor acme")
		refusedAs(t, try("bob"), "forbidden-by-policy", "")
		refusedAs(t, try("ann"), "forbidden-by-policy", "")
	}
	_, err := s.MayDecline(w.Ask(r), w.Statement(r, "kim", actions.VerdictCountersign))
	refusedAs(t, err, "bad-statement", "says")
	refusedAs(t, s.Candidate(w.Ask(r), w.Statement(r, "kim", actions.VerdictDecline)), "bad-statement", "says")
	soft(w, "kim")
	s = w.State()
	refusedAs(t, candidate("kim"), "key-not-hardware", "")
	protected := w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/17"), actions.Protected)
	if err := s.Candidate(w.Ask(protected), w.Statement(protected, "kim", actions.VerdictCountersign)); err != nil {
		t.Errorf("on protected: %v", err)
	}
	if err := decline("kim"); err != nil {
		t.Errorf("a decline needs no hardware: %v", err)
	}
	r.Signed = w.Statement(r, "ann", actions.VerdictRequest, func(st *actions.Statement) { st.Expires = canonical.At(w.Now()) })
	refusedAs(t, candidate("eva"), "expired", "")
	refusedAs(t, decline("eva"), "expired", "")
}

// TestNobodyBurdensByReversing is law 2 as a small model: for every kind, no chain of up to
// four acts by one person, of whatever role, each taking back the one before
// where the catalogue knows an inverse, leaves a subject down, deleted, deactivated, limited
// or labelled by more than the first act did under countersignatures.
func TestNobodyBurdensByReversing(t *testing.T) {
	w := prooftest.Found(t, prooftest.Options{Policy: withoutOneWay(), Trust: func(tr *actions.Trust) { tr.RaisesPerHour = 1000 }})
	w.Staff()
	tried, relieved := 0, 0
	for _, spec := range actions.Catalogue() {
		if spec.Desk || spec.Direction != actions.Burdening {
			continue
		}
		for _, tier := range []actions.Tier{actions.Protected, actions.Critical} {
			for _, category := range []actions.Category{actions.CategoryRules, actions.CategoryLegal, actions.CategoryChildSafety} {
				for _, person := range []workforce.WorkerID{"ann", "lee", "kim", "ole", "ada"} {
					subject := prooftest.Account(fmt.Sprintf("acct/%d", tried))
					if spec.Sort == platform.Content {
						subject = prooftest.Post(fmt.Sprintf("post/%d", tried))
					}
					first := w.Request("ann", spec.Kind, subject, tier, func(a *actions.Action) { a.Category = category })
					w.Executed(first) // as the desk ruled, with everybody's signature
					chain(t, w, person, first, first.Action.Command.After(), 4, &tried, &relieved)
				}
			}
		}
	}
	if tried < 200 || relieved < 20 {
		t.Errorf("%d acts tried, %d of them relieved: the model does not reach far", tried, relieved)
	}
	// The same for tiers: raising is one person's, lowering what was raised is not.
	for _, person := range []workforce.WorkerID{"lee", "kim", "ole", "ada"} {
		for _, to := range []actions.Tier{actions.Protected, actions.Critical} {
			id := fmt.Sprintf("acct/raised-%s-%s", person, to)
			if _, err := w.TryChange(actions.DeskChange, raise(id, actions.Standard, to), person); err != nil {
				t.Fatalf("%s raises: %v", person, err)
			}
			for _, back := range actions.Tiers {
				if back.Rank() >= to.Rank() {
					continue
				}
				if err := w.State().Authorise(w.Claim(actions.DeskChange, raise(id, to, back), person), w.Now()); err == nil {
					t.Errorf("%s alone lowered a tier that they had raised", person)
				}
			}
		}
	}
}

// chain lets one person take back what was done last, in every way that a
// request can be written, and go on from each that they may do alone.
func chain(t *testing.T, w *prooftest.World, person workforce.WorkerID, last *prooftest.Request, state platform.Expect, depth int, tried, relieved *int) {
	t.Helper()
	if depth == 0 {
		return
	}
	spec, _ := actions.SpecOf(last.Action.Kind)
	if spec.Inverse == "" {
		return
	}
	inverse, _ := actions.SpecOf(spec.Inverse)
	for _, reverses := range []string{last.ID, ""} {
		for _, verb := range inverse.Verbs {
			r := w.Request(person, spec.Inverse, last.Action.Subject, last.Action.Tier, func(a *actions.Action) {
				a.Command.Verb, a.Command.Expect, a.Reverses, a.Category = verb, state, reverses, last.Action.Category
			})
			*tried++
			j, err := w.State().Judge(w.Ask(r))
			if err != nil || !j.Ready {
				continue
			}
			after := r.Action.Command.After()
			if after.Status != r.Action.Command.Layer.Clear() {
				t.Errorf("%s alone made %s %s by %s after %s", person, r.Action.Subject, after.Status, r.Action.Kind, last.Action.Kind)
			}
			*relieved++
			w.Executed(r)
			chain(t, w, person, r, after, depth-1, tried, relieved)
		}
	}
}

// withoutOneWay is the default policy without the ban on what is never taken back.
func withoutOneWay() map[string]string {
	files := policy.Default()
	delete(files, "one-way.cedar")
	for name := range files {
		if len(name) > 6 && name[len(name)-6:] == ".txtar" {
			delete(files, name)
		}
	}
	return files
}

// TestEvidence: a warrant carries what its ruling rests on, and nothing else.
func TestEvidence(t *testing.T) {
	w := prooftest.Staffed(t)
	s := w.State()
	ann := s.Evidence([]workforce.WorkerID{"ann"}, []workforce.KeyID{w.PublicKey("ann").ID()}, w.Now())
	both := s.Evidence([]workforce.WorkerID{"ann", "lee"}, []workforce.KeyID{w.PublicKey("ann").ID(), w.PublicKey("lee").ID()}, w.Now())
	if !slices.IsSorted(both) || ann[0] != 0 || len(both) <= len(ann) {
		t.Errorf("ann rests on %v, with lee %v", ann, both)
	}
	w.Change(actions.DeskEngagement, actions.Engagement{Op: "extend", Worker: "ann", Last: canonical.At(ledgertest.Epoch.AddDate(3, 0, 0))})
	e := w.Revoke("ann")
	later := w.State().Evidence([]workforce.WorkerID{"ann"}, []workforce.KeyID{w.PublicKey("ann").ID()}, w.Now())
	if want := append(ann, e.Body.Number-1, e.Body.Number); !slices.Equal(later, want) {
		t.Errorf("%v, want %v: the extension and the revocation", later, want)
	}
}

// TestWhoHasLeftCountersignsNoLift: ann asks to lift somebody else's measure, which takes a
// countersignature. Lee's engagement ends, and lee countersigns an hour later. That does not
// count, although lee was engaged when the ledger got the request. What lee signed before
// counts until it is carried out, whoever leaves meanwhile.
func TestWhoHasLeftCountersignsNoLift(t *testing.T) {
	for _, leaves := range []string{"before", "after", "never"} {
		w := prooftest.Staffed(t)
		r := w.Enters(w.Request("ann", actions.AccountRestore, prooftest.Account("acct/9"), actions.Critical))
		if j, err := w.State().Judge(w.Ask(r)); err != nil || j.Ready {
			t.Fatalf("it needs nobody: %v, %v", j.Need, err)
		}
		w.Advance(time.Hour)
		if leaves == "before" {
			w.End("lee")
			w.Advance(time.Hour)
		}
		w.Countersign(r, "kim", "lee")
		ruled := w.Now()
		if leaves == "after" {
			w.Advance(time.Minute)
			w.End("lee")
			w.Advance(time.Hour)
		}
		ask := w.Ask(r)
		if leaves == "after" {
			_, err := w.State().Judge(ask)
			refusedAs(t, err, "engagement-ended", "") // the desk rules only now
			ask.Ruled = ruled
		}
		j, err := w.State().Judge(ask)
		if leaves == "before" {
			refusedAs(t, err, "engagement-ended", "")
		} else if err != nil || !j.Ready {
			t.Errorf("lee leaves %s: %v, %s", leaves, err, j.Missing)
		}
	}
}

// TestRuledInTheFuture: a ruling or an entry that is dated after the judgement, by a desk
// whose clock is ahead, is no reason to refuse a lift: nobody of the signers has left yet.
func TestRuledInTheFuture(t *testing.T) {
	const day = 24 * time.Hour
	w := prooftest.Staffed(t)
	for _, id := range []workforce.WorkerID{"ann", "lee"} {
		worker, _ := w.State().People.Worker(id)
		worker.Last = canonical.At(w.Now().Add(20 * day)) // the last days, with rules of their own, begin later
		w.Admit(worker.Record)
	}
	w.Advance(time.Minute)
	r := w.Countersign(w.Enters(w.Request("ann", actions.AccountRestore, prooftest.Account("acct/9"), actions.Critical)), "kim", "lee")
	for what, edit := range map[string]func(*proof.Ask){
		"the ruling":                   func(a *proof.Ask) { a.Ruled = a.At.Add(21 * day) },
		"the request":                  func(a *proof.Ask) { a.Requested = a.At.Add(21 * day) },
		"the countersignature's entry": func(a *proof.Ask) { a.Entered = proof.Entered{"ann": a.At, "lee": a.At.Add(21 * day)} },
	} {
		ask := w.Ask(r)
		edit(&ask)
		if j, err := w.State().Judge(ask); err != nil || !j.Ready {
			t.Errorf("%s: %v, %s", what, err, j.Missing)
		}
	}
}
