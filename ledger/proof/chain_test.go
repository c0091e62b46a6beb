package proof_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/ledgertest"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/workforce"
)

// TestChain verifies a warrant with the governance chain, and tells what happened since.
func TestChain(t *testing.T) {
	w, warrant := criticalWarrant(t)
	chain := func() proof.Report {
		t.Helper()
		r, err := proof.NewVerifier(proof.Trust{Root: w.Root}).Chain(warrant, w.Served())
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := chain()
	if len(r.Later) != 0 || r.Requester.Worker != "ann" || !strings.HasPrefix(r.Revocation, "checked as of ledger size ") {
		t.Errorf("%+v", r)
	}
	w.Advance(time.Hour)
	w.End("ole")
	w.Append(ledger.Draft{Class: ledger.Desk, Kind: "something", Expect: ledger.AnyNumber})
	if r := chain(); len(r.Later) != 0 {
		t.Errorf("somebody else's end: %v", r.Later)
	}
	w.Advance(time.Hour)
	revoked := w.Revoke("lee")
	ended := w.End("ann")
	kim := record("kim", "", "zoe")
	w.Admit(kim)
	more := map[string]string{}
	for name, text := range opened[proof.Closed](w.Entries()[0]).Founding.Policy {
		more[name] = text
	}
	more["more.cedar"] = "// nothing\n"
	w.Change(actions.DeskChange, actions.Setting{Of: actions.PartPolicy, Policy: more})
	w.Change(actions.DeskChange, raise("acct/17", actions.Standard, actions.Critical))
	r = chain()
	var said []string
	for _, l := range r.Later {
		said = append(said, string(l.Worker)+": "+l.Text)
	}
	want := []string{
		"ann: The engagement of ann ended on " + ended.Body.Time.String() + ".",
		"kim: The vendor, manager or roles of kim have changed.",
		"lee: The key " + string(w.PublicKey("lee").ID()) + " of lee was revoked on " + revoked.Body.Time.String() + ".",
		": The policy is now " + w.State().Policy.Digest().String() + ".",
		": The subject's tier was changed by people.",
	}
	if !slices.Equal(said, want) {
		t.Errorf("said %q, want %q", said, want)
	}
	if s := w.State(); r.Revocation != "checked as of ledger size "+itoa(w.Head().Size)+", governance entry "+itoa(s.Next-1) {
		t.Error(r.Revocation)
	}
	// What one change of a person says, each by itself.
	for name, edit := range map[string]func(*workforce.Record){
		"vendor": func(r *workforce.Record) { r.Vendor = "acme" }, "manager": func(r *workforce.Record) { r.Manager = "ivo" },
		"roles": func(r *workforce.Record) { r.Roles = []workforce.Role{workforce.Agent} }, "nothing": func(*workforce.Record) {},
	} {
		w, warrant := criticalWarrant(t)
		lee := w.State().People.Seat("lee").Record
		edit(&lee)
		w.Admit(lee)
		r, err := proof.NewVerifier(proof.Trust{Root: w.Root}).Chain(warrant, w.Served())
		if err != nil || (len(r.Later) == 1) != (name != "nothing") {
			t.Errorf("%s: %v, %v", name, r.Later, err)
		}
	}
	// The clock ends engagements as well, without an entry.
	w2, warrant2 := criticalWarrant(t)
	w2.Advance(w2.State().People.Seat("lee").Last.Sub(w2.Now()))
	w2.Change(actions.DeskChange, raise("acct/99", actions.Standard, actions.Critical))
	r, err := proof.NewVerifier(proof.Trust{Root: w2.Root}).Chain(warrant2, w2.Served())
	if err != nil || !slices.ContainsFunc(r.Later, func(l proof.Later) bool { return l.Worker == "lee" && strings.Contains(l.Text, "ended on") }) {
		t.Errorf("%v, %v", r.Later, err)
	}
}

func itoa(n int64) string { return string(canonical.MustMarshal(n)) }

// TestChainRefuses is what a ledger could serve, or a warrant leave out, that
// the warrant alone does not show.
func TestChainRefuses(t *testing.T) {
	critical := func(w *prooftest.World) *prooftest.Request {
		return w.Countersign(w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/17"), actions.Critical), "kim", "lee")
	}
	// sealed makes a warrant by a state, entered after what happened since.
	sealed := func(w *prooftest.World, since func()) []byte {
		r := critical(w)
		s, ask := w.State(), w.Ask(r)
		j, err := s.Judge(ask)
		if err != nil {
			t.Fatal(err)
		}
		c, err := s.Seal(ask, j)
		if err != nil {
			t.Fatal(err)
		}
		since()
		return w.Enter(c, s, j)
	}
	for _, c := range []struct {
		name      string
		make      func(*prooftest.World) ([]byte, proof.Served)
		typ, what string
	}{
		{"as it should be", func(w *prooftest.World) ([]byte, proof.Served) {
			raw := sealed(w, func() { w.End("ole") }) // about nobody in it
			return raw, w.Served()
		}, "", ""},
		{"the last of the chain", func(w *prooftest.World) ([]byte, proof.Served) { return w.Warrant(critical(w)), w.Served() }, "", ""},
		{"in pieces", func(w *prooftest.World) ([]byte, proof.Served) {
			raw, served := w.Warrant(critical(w)), w.Served()
			w.End("ole")
			served = w.Served()
			all := served.Bodies
			served.Bodies = func(from int64) ([]proof.ServedBody, error) {
				b, err := all(from)
				return b[:min(2, len(b))], err
			}
			return raw, served
		}, "", ""},
		{"bodies newer than the checkpoint", func(w *prooftest.World) ([]byte, proof.Served) {
			raw, served := w.Warrant(critical(w)), w.Served()
			w.End("ole")
			served.Bodies = w.Served().Bodies
			return raw, served
		}, "", ""},
		// lee's key was revoked before the warrant was entered, and the warrant says nothing of it.
		{"a revocation left out", func(w *prooftest.World) ([]byte, proof.Served) {
			return sealed(w, func() { w.Advance(time.Second); w.Revoke("lee") }), w.Served()
		}, "revoked-key", "lee"},
		{"an end left out", func(w *prooftest.World) ([]byte, proof.Served) {
			return sealed(w, func() { w.Advance(time.Second); w.End("ann") }), w.Served()
		}, "engagement-ended", "ann"},
		{"a stricter policy left out", func(w *prooftest.World) ([]byte, proof.Served) {
			return sealed(w, func() {
				files := map[string]string{}
				for name, text := range opened[proof.Closed](w.Entries()[0]).Founding.Policy {
					files[name] = strings.ReplaceAll(text, `@hold("2 independent; 1 employee; hardware")`, `@hold("2 independent; 2 employee; hardware")`)
					files[name] = strings.ReplaceAll(files[name], `@hold("2 independent; 1 employee; 1 officer; hardware")`, `@hold("2 independent; 2 employee; 1 officer; hardware")`)
				}
				for name := range files {
					if strings.HasSuffix(name, ".txtar") {
						delete(files, name)
					}
				}
				w.Change(actions.DeskChange, actions.Setting{Of: actions.PartPolicy, Policy: files})
			}), w.Served()
		}, "held", "when the warrant was entered"},
		{"a tie left out", func(w *prooftest.World) ([]byte, proof.Served) {
			return sealed(w, func() { w.Admit(record("lee", "bolt", "gus")) }), w.Served()
		}, "held", "when the warrant was entered"},
		{"a tier raised before", func(w *prooftest.World) ([]byte, proof.Served) {
			w.Change(actions.DeskChange, raise("acct/17", actions.Standard, actions.Critical))
			return w.Warrant(w.Countersign(w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/17"), actions.Protected), "lee")), w.Served()
		}, "bad-ruling", "raised to critical"},
		{"a ruling that claims to have seen more", func(w *prooftest.World) ([]byte, proof.Served) {
			return seen(t, w, critical(w), +1), w.Served()
		}, "bad-evidence", "came before it"},
		{"a ruling that claims to have seen what came after it", func(w *prooftest.World) ([]byte, proof.Served) {
			raw := seen(t, w, critical(w), +1)
			w.End("ole")
			w.End("eva")
			return raw, w.Served()
		}, "bad-evidence", "came before it"},
		{"on standard, raised by nobody", func(w *prooftest.World) ([]byte, proof.Served) {
			return w.Warrant(w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/17"), actions.Standard)), w.Served()
		}, "", ""},
		{"on critical, raised to it", func(w *prooftest.World) ([]byte, proof.Served) {
			w.Change(actions.DeskChange, raise("acct/17", actions.Standard, actions.Critical))
			return w.Warrant(critical(w)), w.Served()
		}, "", ""},
		{"a ruling that claims to have seen less", func(w *prooftest.World) ([]byte, proof.Served) {
			w.Change(actions.DeskEngagement, actions.Engagement{Op: "extend", Worker: "ann", Last: canonical.At(w.Now().AddDate(3, 0, 0))})
			return seen(t, w, critical(w), -1), w.Served()
		}, "bad-evidence", "leaves out"},
		// Entries that nobody authorised stand in the ledger; the warrant proves their inclusion and no more.
		{"people whom nobody admitted", func(w *prooftest.World) ([]byte, proof.Served) {
			change := actions.Keys{Enrol: []actions.Enrolment{w.Enrolment("ann")}}
			e := w.Append(ledger.Draft{Class: ledger.Governance, Kind: string(actions.DeskKey), Data: w.Claim(actions.DeskKey, change, "ada"), Expect: ledger.AnyNumber})[0]
			s := w.State()
			if err := proof.FoldEntry(s, proof.Evidence{Entry: e.Body, Salt: e.Salt}); err != nil {
				t.Fatal(err)
			}
			ask := w.Ask(w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/17"), actions.Standard))
			j, err := s.Judge(ask)
			if err != nil {
				t.Fatal(err)
			}
			c, err := s.Seal(ask, j)
			if err != nil {
				t.Fatal(err)
			}
			raw := w.Enter(c, s, j)
			// Offline that the log took the entry is all that can be known of it.
			if _, err := proof.Verify(raw, proof.Trust{Root: w.Root}); err != nil {
				t.Errorf("without the chain: %v", err)
			}
			return raw, w.Served()
		}, "held", "0 of 2"},
		{"a body withheld", func(w *prooftest.World) ([]byte, proof.Served) {
			raw, served := w.Warrant(critical(w)), w.Served()
			all := served.Bodies
			served.Bodies = func(from int64) ([]proof.ServedBody, error) {
				b, err := all(from)
				return b[:max(0, len(b)-1)], err
			}
			return raw, served
		}, "broken-chain", "withheld"},
		{"a body in the middle withheld", func(w *prooftest.World) ([]byte, proof.Served) {
			raw, served := w.Warrant(critical(w)), w.Served()
			all := served.Bodies
			served.Bodies = func(from int64) ([]proof.ServedBody, error) {
				b, err := all(from)
				return slices.Delete(b, 4, 5), err
			}
			return raw, served
		}, "broken-chain", "where 4 was expected"},
		{"bodies served out of order", func(w *prooftest.World) ([]byte, proof.Served) {
			raw, served := w.Warrant(critical(w)), w.Served()
			all := served.Bodies
			served.Bodies = func(int64) ([]proof.ServedBody, error) {
				b, err := all(0)
				return b[:3], err
			}
			return raw, served
		}, "broken-chain", "out of order"},
		{"another body", func(w *prooftest.World) ([]byte, proof.Served) {
			raw, served := w.Warrant(critical(w)), w.Served()
			all := served.Bodies
			served.Bodies = func(from int64) ([]proof.ServedBody, error) {
				b, err := all(from)
				b[5].Body = b[4].Body
				return b, err
			}
			return raw, served
		}, "ledger-tampered", ""},
		{"a body of another class", func(w *prooftest.World) ([]byte, proof.Served) {
			w.Append(ledger.Draft{Class: ledger.Desk, Kind: "x", Expect: ledger.AnyNumber})
			raw, served := w.Warrant(critical(w)), w.Served()
			all, size := served.Bodies, w.Head().Size
			served.Bodies = func(from int64) ([]proof.ServedBody, error) {
				b, err := all(from)
				b[0].Index = size - 1
				return b, err
			}
			return raw, served
		}, "broken-chain", "not of the governance chain"},
		{"bodies that cannot be read", func(w *prooftest.World) ([]byte, proof.Served) {
			raw, served := w.Warrant(critical(w)), w.Served()
			served.Bodies = func(int64) ([]proof.ServedBody, error) { return nil, fault.New(fault.Unavailable, "gone", "Gone.") }
			return raw, served
		}, "gone", ""},
		{"a tile that cannot be read", func(w *prooftest.World) ([]byte, proof.Served) {
			raw, served := w.Warrant(critical(w)), w.Served()
			served.Fetch = func(string) ([]byte, error) { return nil, fault.New(fault.Unavailable, "gone", "Gone.") }
			return raw, served
		}, "gone", ""},
		// The ledger that is served is an older one than the warrant's.
		{"a ledger cut to before the warrant", func(w *prooftest.World) ([]byte, proof.Served) {
			old := w.Served()
			return w.Warrant(critical(w)), old
		}, "ledger-tampered", "cut"},
		{"a warrant that does not hold", func(w *prooftest.World) ([]byte, proof.Served) {
			return w.Forge(w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/17"), actions.Critical)), w.Served()
		}, "held", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := prooftest.Staffed(t)
			raw, served := c.make(w)
			r, err := proof.NewVerifier(proof.Trust{Root: w.Root}).Chain(raw, served)
			if c.typ == "" {
				if err != nil || !strings.HasPrefix(r.Revocation, "checked") {
					t.Errorf("%v, %q", err, r.Revocation)
				}
				return
			}
			refusedAs(t, err, c.typ, c.what)
		})
	}
}

// TestForkedLedger serves a ledger of the same desk that split off before the warrant.
func TestForkedLedger(t *testing.T) {
	w, fork := prooftest.Staffed(t), prooftest.Staffed(t)
	if w.Root != fork.Root {
		t.Fatal("the two are not the same desk")
	}
	fork.End("ole")
	fork.Append(ledger.Draft{Class: ledger.Desk, Kind: "x", Expect: ledger.AnyNumber}, ledger.Draft{Class: ledger.Desk, Kind: "y", Expect: ledger.AnyNumber})
	raw := w.Warrant(w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/17"), actions.Standard))
	_, err := proof.NewVerifier(proof.Trust{Root: w.Root}).Chain(raw, fork.Served())
	refusedAs(t, err, "ledger-tampered", "fork")
}

// TestFollow folds the chain for whoever wants its state.
func TestFollow(t *testing.T) {
	w := prooftest.Staffed(t)
	var steps []int64
	s, signed, err := proof.Follow(proof.Trust{Root: w.Root}, mustVerifier(t, w.LogKey().VerifierKey()), w.Served(), nil, func(step proof.Step) error {
		steps = append(steps, step.State.Next)
		return nil
	})
	if err != nil || s.Next != w.State().Next || signed.Size != w.Head().Size || int64(len(steps)) != s.Next || !slices.IsSorted(steps) || steps[0] != 0 {
		t.Errorf("%v, %v, %v", s, signed, err)
	}
	stop := errors.New("stop")
	if _, _, err := proof.Follow(proof.Trust{Root: w.Root}, mustVerifier(t, w.LogKey().VerifierKey()), w.Served(), nil, func(proof.Step) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
	_, _, err = proof.Follow(proof.Trust{Root: canonical.Sum(nil)}, mustVerifier(t, w.LogKey().VerifierKey()), w.Served(), nil, nil)
	refusedAs(t, err, "broken-chain", "that you trust")
	// A log of another key takes over the founding of this one.
	taken := ledgertest.New(t, 3)
	e := taken.Append(t, ledgertest.Epoch, ledger.Draft{Class: ledger.Governance, Kind: proof.KindFounding, Data: opened[proof.Closed](w.Entries()[0])})[0]
	for name, l := range map[string]*ledgertest.Memory{"another key": taken, "nothing": ledgertest.New(t, 4)} {
		tiles := ledger.Tiles{Source: l}
		_, _, err = proof.Follow(proof.Trust{}, l.Key.Verifier(), proof.Served{
			Fetch: func(path string) ([]byte, error) {
				page, err := tiles.Read(t.Context(), path)
				return page.Data, err
			},
			Bodies: func(int64) ([]proof.ServedBody, error) {
				return []proof.ServedBody{{Index: 0, Body: e.BodyBytes, Salt: e.Salt}}, nil
			},
		}, nil, nil)
		if refusedAs(t, err, "foreign-log", "does not name the key"); t.Failed() {
			t.Fatal(name)
		}
	}
	one, line := witness(t, "one.example/w", 1)
	q, err := ledger.ParseTrust([]byte("log " + w.LogKey().VerifierKey() + "\nwitness one " + line + "\nquorum one\n"))
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = proof.Follow(proof.Trust{Root: w.Root, Quorum: q}, mustVerifier(t, w.LogKey().VerifierKey()), w.Served(), nil, nil)
	refusedAs(t, err, "quorum-missing", "")
	served := w.Served()
	served.Fetch = func(path string) ([]byte, error) {
		if path != ledger.CheckpointPath {
			return w.Served().Fetch(path)
		}
		text, signatures, _ := strings.Cut(string(w.Head().Checkpoint), "\n\n")
		signed, err := note.Sign(&note.Note{Text: text + "\n"}, one)
		_, line, _ := strings.Cut(string(signed), "\n\n")
		return []byte(text + "\n\n" + signatures + line), err
	}
	if _, _, err = proof.Follow(proof.Trust{Root: w.Root, Quorum: q}, mustVerifier(t, w.LogKey().VerifierKey()), served, nil, nil); err != nil {
		t.Errorf("with the witness that is asked for: %v", err)
	}
}

// seen makes a warrant whose record claims to have seen more, or fewer, entries than it had.
func seen(t *testing.T, w *prooftest.World, r *prooftest.Request, by int64) []byte {
	t.Helper()
	s, ask := w.State(), w.Ask(r)
	j, err := s.Judge(ask)
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.Seal(ask, j)
	if err != nil {
		t.Fatal(err)
	}
	s.Next += by
	return w.Enter(c, s, j)
}

// TestChainBelievesNoEarlierDate: ann's engagement has ended. A desk that lies enters an undo
// of hers after that, and dates the entry before her end, although it stands behind it in the
// ledger.
func TestChainBelievesNoEarlierDate(t *testing.T) {
	w := prooftest.Staffed(t)
	begun := w.Now()
	r := w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/9"), actions.Standard)
	w.Warrant(r)
	w.Executed(r)
	undo := w.Undo("ann", r)
	w.Advance(time.Hour)
	w.End("ann")
	w.Rewind(begun.Add(time.Minute))
	w.Enters(undo)
	w.Rewind(begun.Add(2 * time.Hour))
	_, err := proof.NewVerifier(proof.Trust{Root: w.Root}).Chain(w.Warrant(undo), w.Served())
	refusedAs(t, err, "engagement-ended", "")
}

// TestChainTellsOfSessions: a report says what it does not know of sessions, and by the whole
// ledger that one has been made void since.
func TestChainTellsOfSessions(t *testing.T) {
	w := prooftest.Staffed(t)
	raw := w.Warrant(w.Under(w.StartSession("ann", actions.SessionEd25519), w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/9"), actions.Standard)))
	r, err := proof.Verify(raw, proof.Trust{Root: w.Root})
	must(t, err)
	if !strings.Contains(r.Revocation, "session not checked for revocation") {
		t.Errorf("offline: %q", r.Revocation)
	}
	w.Advance(time.Hour)
	w.Void("ole", actions.Void{Scope: actions.ScopeWorker, Of: "ann", Before: canonical.At(w.Now())})
	r, err = proof.NewVerifier(proof.Trust{Root: w.Root}).Chain(raw, w.Served())
	must(t, err)
	if len(r.Later) != 1 || !strings.Contains(r.Later[0].Text, "The session of ann") {
		t.Errorf("by the ledger: %+v", r.Later)
	}
}
