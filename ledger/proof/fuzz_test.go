package proof_test

import (
	"bytes"
	"crypto/ed25519"
	"slices"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/workforce"
)

// FuzzVerify edits a good warrant: nothing but the warrant itself verifies, and nothing
// panics. The verifier knows the desk: to read a founding anew is slow, and
// TestEveryLeaf does it. The input is the edit and not the warrant, so that minimising one costs little: of the
// whole document the fuzzer would try to leave out every byte, for a minute at a time.
func FuzzVerify(f *testing.F) {
	w, warrant := criticalWarrant(f, workforce.PasskeyES256)
	undo := w.Warrant(w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/18"), actions.Standard))
	good := [][]byte{warrant, undo}
	f.Add(false, uint32(0), uint32(0), []byte{})
	f.Add(true, uint32(1), uint32(0), []byte(" "))
	f.Add(false, uint32(0), uint32(1<<30), []byte(`{"v":"countersign/warrant/v1"}`))
	lossy := []byte(`"lossy":"",`)
	f.Add(false, uint32(bytes.Index(warrant, lossy)), uint32(len(lossy)), []byte{})
	warm := proof.NewVerifier(proof.Trust{Root: w.Root})
	for _, raw := range good {
		if _, err := warm.Verify(raw); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, second bool, at, cut uint32, put []byte) {
		raw := warrant
		if second {
			raw = undo
		}
		from := min(int(at), len(raw))
		raw = slices.Concat(raw[:from], put, raw[from+min(int(cut), len(raw)-from):])
		parsed, parseErr := proof.ParseWarrant(raw)
		if parseErr == nil && !bytes.Equal(canonical.MustMarshal(parsed), raw) {
			t.Error("a warrant has two spellings")
		}
		_, err := warm.Verify(raw)
		if err == nil && !bytes.Equal(raw, warrant) && !bytes.Equal(raw, undo) {
			t.Errorf("something else verifies: %s", raw)
		}
		if err != nil && fault.KindOf(err) == fault.Internal {
			t.Errorf("an error that is no refusal: %v", err)
		}
	})
}

// FuzzStatement: a statement has one spelling, and another one another challenge.
func FuzzStatement(f *testing.F) {
	w := prooftest.Staffed(f)
	r := w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/17"), actions.Standard)
	good := r.Signed.Statement
	f.Add(good.Bytes())
	f.Add(r.Decision.Signed.Statement.Bytes())
	f.Add(w.Under(w.StartSession("ann", actions.SessionP256), r).Signed.Statement.Bytes())
	f.Add(staffedIn(f, 1).Request("ann", actions.AccountTakedown, prooftest.Account("acct/17"), actions.Standard).Signed.Statement.Bytes())
	f.Fuzz(func(t *testing.T, raw []byte) {
		var s actions.Statement
		if err := canonical.UnmarshalExact(raw, &s); err != nil {
			return
		}
		if !bytes.Equal(s.Bytes(), raw) {
			t.Error("a statement has two spellings")
		}
		if (s.Challenge() == good.Challenge()) != bytes.Equal(raw, good.Bytes()) {
			t.Error("two statements have one challenge")
		}
	})
}

// FuzzSession: a session has one spelling, and the desk believes none but the one that the
// person's own key signed.
func FuzzSession(f *testing.F) {
	w := prooftest.Staffed(f)
	var good [][]byte
	for _, algorithm := range []actions.SessionAlgorithm{actions.SessionEd25519, actions.SessionP256} {
		good = append(good, canonical.MustMarshal(w.StartSession("ann", algorithm).SignedSession))
		f.Add(good[len(good)-1])
	}
	state, at := w.State(), w.Now()
	f.Fuzz(func(t *testing.T, raw []byte) {
		var s actions.SignedSession
		if err := canonical.UnmarshalExact(raw, &s); err != nil {
			return
		}
		if !bytes.Equal(canonical.MustMarshal(s), raw) {
			t.Error("a session has two spellings")
		}
		err := state.Certified(s, at)
		if err == nil && !slices.ContainsFunc(good, func(g []byte) bool { return bytes.Equal(g, raw) }) {
			t.Errorf("a session that ann did not sign is certified: %s", raw)
		}
		if err != nil && fault.KindOf(err) == fault.Internal {
			t.Errorf("an error that is no refusal: %v", err)
		}
	})
}

// FuzzDecision: a decision has one spelling, and none but the one that was signed goes with
// the measure.
func FuzzDecision(f *testing.F) {
	w := prooftest.Staffed(f)
	r := w.Under(w.StartSession("ann", actions.SessionEd25519), w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/17"), actions.Standard))
	good := canonical.MustMarshal(r.Decision)
	f.Add(good)
	w.Decide(r, func(d *actions.Decision) {
		d.Rule = actions.DecidedRule{Number: 7, Set: canonical.Digest{1}, Text: canonical.Digest{2}}
		d.Opened, d.Language, d.Claim = []canonical.Digest{{3}, {4}}, "pt-BR", 9
		d.Scores = []actions.Score{{Name: "spam", Program: "scorer", Value: 990000}}
	})
	f.Add(canonical.MustMarshal(r.Decision))
	state, ask := w.State(), w.Ask(r)
	f.Fuzz(func(t *testing.T, raw []byte) {
		var d actions.SignedDecision
		if err := canonical.UnmarshalExact(raw, &d); err != nil {
			return
		}
		if !bytes.Equal(canonical.MustMarshal(d), raw) {
			t.Error("a decision has two spellings")
		}
		a := ask
		a.Decision = &d
		_, err := state.Judge(a)
		if (err == nil) != bytes.Equal(raw, good) {
			t.Errorf("%v: %s", err, raw)
		}
		if err != nil && fault.KindOf(err) == fault.Internal {
			t.Errorf("an error that is no refusal: %v", err)
		}
	})
}

// FuzzDeed: a deed has one spelling, and the desk takes none but those that were signed.
func FuzzDeed(f *testing.F) {
	w := prooftest.Staffed(f)
	random := make([]byte, 96)
	var good [][]byte
	state, at := w.State(), w.Now()
	for i, s := range []*prooftest.Session{nil, w.StartSession("ann", actions.SessionEd25519)} {
		random[0] = byte(i)
		by := actions.Statement{Log: state.LogName(), Signer: "ann", Key: w.PublicKey("ann").ID()}
		if s != nil {
			by.Session = s.Session.Digest()
		}
		d, err := proof.NewDeed(state.Formats, actions.Deed{What: actions.DeedAssignTask, Of: "inc_1", To: "bob"}, "Ask the owner.", by, at, random)
		if err != nil {
			f.Fatal(err)
		}
		d.Signed = w.Signed("ann", d.Signed.Statement)
		if s != nil {
			d.Session, d.Signed.Signature = &s.SignedSession, s.Sign(d.Signed.Statement.Challenge())
		}
		if err := state.MayDo(d.SignedDeed(), at); err != nil {
			f.Fatal(err)
		}
		good = append(good, canonical.MustMarshal(d))
		f.Add(good[i])
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var d actions.SaltedDeed
		if err := canonical.UnmarshalExact(raw, &d); err != nil {
			return
		}
		if !bytes.Equal(canonical.MustMarshal(d), raw) {
			t.Error("a deed has two spellings")
		}
		err := state.MayDo(d.SignedDeed(), at)
		signed := func(g []byte) bool {
			var have actions.SaltedDeed
			return canonical.UnmarshalExact(g, &have) == nil && canonical.DigestOf(have.SignedDeed()) == canonical.DigestOf(d.SignedDeed())
		}
		if (err == nil) != slices.ContainsFunc(good, signed) {
			t.Errorf("%v: %s", err, raw)
		}
		if err != nil && fault.KindOf(err) == fault.Internal {
			t.Errorf("an error that is no refusal: %v", err)
		}
	})
}

// FuzzComplete is FuzzVerify for a warrant that was signed under a session, and for a complete
// one.
func FuzzComplete(f *testing.F) {
	w := prooftest.Staffed(f)
	session := w.Warrant(w.Under(w.StartSession("ann", actions.SessionP256), w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/17"), actions.Standard)))
	whole := w.Complete(session)
	f.Add(false, uint32(0), uint32(0), []byte{})
	f.Add(true, uint32(0), uint32(0), []byte{})
	for _, member := range []string{`"authority":[`, `"decision":`, `"sessions":[`} {
		f.Add(true, uint32(bytes.Index(whole, []byte(member))+len(member)), uint32(1), []byte("null"))
	}
	warm := proof.NewVerifier(proof.Trust{Root: w.Root})
	for _, raw := range [][]byte{session, whole} {
		if _, err := warm.Complete(raw); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, complete bool, at, cut uint32, put []byte) {
		raw := session
		if complete {
			raw = whole
		}
		from := min(int(at), len(raw))
		raw = slices.Concat(raw[:from], put, raw[from+min(int(cut), len(raw)-from):])
		parsed, parseErr := proof.ParseComplete(raw)
		if parseErr == nil && !bytes.Equal(canonical.MustMarshal(parsed), raw) {
			t.Error("a warrant has two spellings")
		}
		r, err := warm.Complete(raw)
		switch {
		case err != nil && fault.KindOf(err) == fault.Internal:
			t.Errorf("an error that is no refusal: %v", err)
		case err != nil || bytes.Equal(raw, session) || bytes.Equal(raw, whole):
		case len(r.Warrant.Authority) > 0 || r.Warrant.Digest() != parsed.Digest() || !bytes.Equal(withoutAuthority(t, whole), raw):
			t.Errorf("something else verifies: %s", raw)
		}
	})
}

// withoutAuthority returns a complete warrant as an executor gets it.
func withoutAuthority(t *testing.T, raw []byte) []byte {
	w, err := proof.ParseComplete(raw)
	if err != nil {
		t.Fatal(err)
	}
	w.Authority = nil
	return canonical.MustMarshal(w)
}

// FuzzExecution: the same of the executor's records.
func FuzzExecution(f *testing.F) {
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	trust := actions.Trust{Executor: prooftest.ExecutorID, ExecutorKey: canonical.Bytes(key.Public().(ed25519.PublicKey))}
	good := canonical.MustMarshal(receipt().Sign(key))
	f.Add(good, proof.KindReceipt)
	f.Fuzz(func(t *testing.T, raw []byte, kind string) {
		e, err := proof.ParseExecution(ledger.Body{Class: ledger.Execution, Kind: kind, Data: raw})
		if err != nil {
			return
		}
		if !bytes.Equal(canonical.MustMarshal(e), raw) || e.Execution.Kind != kind {
			t.Error("a record has two spellings, or two kinds")
		}
		if e.Verify(trust) == nil && !bytes.Equal(raw, good) {
			t.Error("a record that the executor did not sign verifies")
		}
	})
}

// FuzzClientData: whatever a browser is said to have written, only what names this
// challenge and a page of the desk passes, and nothing panics.
func FuzzClientData(f *testing.F) {
	p := passkey(f, workforce.PasskeyEd25519, 1)
	challenge := [32]byte{1}
	good := p.Sign(challenge)
	f.Add([]byte(good.AuthenticatorData), []byte(good.ClientData))
	f.Fuzz(func(t *testing.T, authenticatorData, clientData []byte) {
		if err := proof.VerifySignature(p.PublicKey(), challenge, p.Raw(authenticatorData, clientData), sites); err != nil {
			if fault.TypeOf(err) != "bad-signature" {
				t.Errorf("%v", err)
			}
			return
		}
		if !bytes.HasPrefix(authenticatorData, good.AuthenticatorData[:32]) || !bytes.Contains(clientData, []byte("desk")) && !bytes.Contains(clientData, []byte(`\u`)) {
			t.Errorf("%x %s", authenticatorData, clientData)
		}
	})
}
