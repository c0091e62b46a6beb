package prooftest

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/workforce"
)

type hash = tlog.Hash

// Request is an action with the signatures under it so far.
type Request struct {
	ID                string
	By                workforce.WorkerID
	Action            actions.Action
	Signed            actions.Signed
	Countersignatures []actions.Signed
	Decision          *actions.SignedDecision // of a measure of version 2
	Sessions          []actions.SignedSession // that the statements name
}

// Account names an account of the platform plaza, such as "acct/17", whose
// handle is "@17".
func Account(id string) platform.Subject {
	handle := id
	for i := range id {
		if id[i] == '/' {
			handle = "@" + id[i+1:]
		}
	}
	return platform.Subject{Platform: "plaza", ID: id, Handle: handle}
}

// Post names a post of the platform plaza.
func Post(id string) platform.Subject { return platform.Subject{Platform: "plaza", ID: id} }

func deskSubject(c actions.Change) platform.Subject {
	return platform.Subject{Platform: actions.DeskPlatform, ID: c.Part()}
}

// Label is the value of the labels that Request sets and takes away.
const Label = "spam"

// Request signs a request for a measure on, or the lift of one from, a subject whose layer
// is clear, or bears a measure, respectively. edit may change the action before it is
// signed.
func (w *World) Request(by workforce.WorkerID, k actions.Kind, s platform.Subject, tier actions.Tier, edit ...func(*actions.Action)) *Request {
	w.t.Helper()
	spec, ok := actions.SpecOf(k)
	if !ok {
		w.t.Fatalf("prooftest: no kind %s", k)
	}
	value := ""
	if spec.Labels() {
		value = Label
	}
	layer, err := spec.Layer(value)
	if err != nil {
		w.t.Fatalf("prooftest: %v", err)
	}
	r := &Request{ID: w.NewRequestID(), By: by}
	a := actions.Action{V: actions.ActionVersion(w.State().Formats), Kind: k, Subject: s, Tier: tier, Direction: spec.Direction, Effect: spec.Effect,
		Inverse: actions.Inverse{Kind: spec.Inverse, Direction: spec.InverseDirection}, Change: canonical.Raw("{}"), Nonce: w.bytes(16),
		Case: "case-1", Reason: "It breaks a rule of the community.",
		Command: platform.Command{Verb: spec.Verbs[0], Subject: s, Layer: layer, Expect: platform.Expect{Status: layer.Clear()}, Mark: platform.MarkOf(r.ID)}}
	if spec.Direction == actions.Relieving {
		a.Command.Expect.Status, a.Command.Mark = layer.Bears(), ""
	}
	if spec.Says() {
		a.Command.Expect, a.Command.Mark = platform.Expect{}, ""
	}
	if spec.Timed {
		a.Until = canonical.At(w.Now().Add(24 * time.Hour))
	}
	if spec.Emergency {
		a.Until = canonical.At(w.Now().Add(15 * time.Minute))
	}
	for _, f := range edit {
		f(&a)
	}
	r.Action = a
	if a.V != actions.ActionV1 && a.Case != "" {
		w.Decide(r)
	}
	return w.sign1(r)
}

// Decide makes the requester's signed decision that lists the request's action, under the
// action's case. edit may change the decision before it is signed.
func (w *World) Decide(r *Request, edit ...func(*actions.Decision)) {
	d := actions.Decision{V: actions.DecisionVersion, Case: r.Action.Case, Version: w.decided.Add(1), Subject: r.Action.Subject, Verdict: actions.CaseViolation,
		Language: "und", Measures: []canonical.Digest{r.Action.Digest()}, Nonce: w.bytes(32), Reasons: canonical.Sum(w.bytes(32))}
	for _, f := range edit {
		f(&d)
	}
	st := w.Document(r.By, d.Digest(), actions.VerdictDecide)
	r.Decision = &actions.SignedDecision{Decision: d, Signed: actions.Signed{Statement: st, Signature: w.sign(r.By, st.Challenge())}}
}

// Document returns a statement of version 2 about a document, to be signed.
func (w *World) Document(by workforce.WorkerID, of canonical.Digest, v actions.Verdict) actions.Statement {
	s, now := w.State(), w.Now()
	return actions.Statement{V: actions.StatementV2, Log: s.Origin, Founding: s.Root, Document: of, Verdict: v, Signer: by, Key: w.PublicKey(by).ID(),
		Executor: proof.DeskExecutor, Nonce: w.bytes(32), NotBefore: canonical.At(now), Expires: canonical.At(now.Add(5 * time.Minute))}
}

// Undo signs one person's undo of a measure.
func (w *World) Undo(by workforce.WorkerID, of *Request, edit ...func(*actions.Action)) *Request {
	w.t.Helper()
	spec, _ := actions.SpecOf(of.Action.Kind)
	after := of.Action.Command.After()
	return w.Request(by, spec.Inverse, of.Action.Subject, of.Action.Tier, append([]func(*actions.Action){func(a *actions.Action) {
		inverse, _ := actions.SpecOf(spec.Inverse)
		a.Command.Verb, a.Command.Layer, a.Command.Expect, a.Reverses = inverse.VerbFor(after.Status), of.Action.Command.Layer, after, of.ID
		a.Category = of.Action.Category
		if a.V != actions.ActionV1 {
			a.Case = "" // an undo is no measure of a decision
		}
	}}, edit...)...)
}

// sign1 signs the request's action by its requester.
func (w *World) sign1(r *Request) *Request {
	if r.ID == "" {
		r.ID = w.NewRequestID()
	}
	r.Signed = w.Statement(r, r.By, proof.VerdictOf(r.Action))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.requests[r.ID] = r
	return r
}

// Statement signs a statement about a request. edit may change it before.
func (w *World) Statement(r *Request, by workforce.WorkerID, v actions.Verdict, edit ...func(*actions.Statement)) actions.Signed {
	now := w.Now()
	st := w.State()
	s := actions.Statement{V: actions.StatementVersion(r.Action.Formats()), Log: st.LogName(), Request: r.ID, Action: r.Action.Digest(), Verdict: v,
		Policy: st.Policy.Digest(), Signer: by, Key: w.PublicKey(by).ID(), Executor: st.ExecutorOf(r.Action), Nonce: w.bytes(32),
		NotBefore: canonical.At(now), Expires: canonical.At(now.Add(proof.Validity(r.Action)))}
	if s.V != actions.StatementV1 {
		s.Log, s.Founding = st.Origin, st.Root
		if r.Decision != nil {
			s.Decision = r.Decision.Decision.Digest()
		}
	}
	for _, f := range edit {
		f(&s)
	}
	return actions.Signed{Statement: s, Signature: w.sign(by, s.Challenge())}
}

// Countersign adds countersignatures.
func (w *World) Countersign(r *Request, by ...workforce.WorkerID) *Request {
	for _, b := range by {
		r.Countersignatures = append(r.Countersignatures, w.Statement(r, b, actions.VerdictCountersign))
	}
	slices.SortFunc(r.Countersignatures, func(a, b actions.Signed) int { return cmp.Compare(a.Statement.Signer, b.Statement.Signer) })
	return r
}

// Ask puts the request as the desk does: with the measures that it knows to be executed.
func (w *World) Ask(r *Request) proof.Ask {
	s := w.State()
	now := w.Now()
	entered := w.entered(r)
	w.mu.Lock()
	defer w.mu.Unlock()
	var m *actions.Measure
	if measure, ok := w.measures[r.Action.Reverses]; ok {
		m = &measure
	}
	return proof.Ask{Action: r.Action, Request: r.Signed, Countersignatures: r.Countersignatures, At: now, Executor: s.ExecutorOf(r.Action),
		Entered: entered, Requested: entered[r.Signed.Statement.Signer], Decision: r.Decision, Sessions: r.Sessions, Tier: r.Action.Tier, Lifts: actions.LiftsOf(r.Action, m, r.By, now, s.Trust.UndoWindow)}
}

// Warrant seals the request, enters it in the ledger and returns the warrant.
func (w *World) Warrant(r *Request) []byte {
	w.t.Helper()
	raw, err := w.TryWarrant(r)
	if err != nil {
		w.t.Fatalf("prooftest: warrant of %s by %s: %v", r.Action.Kind, r.By, err)
	}
	return raw
}

// TryWarrant is Warrant for a request that may be refused.
func (w *World) TryWarrant(r *Request) ([]byte, error) {
	a := w.Ask(r)
	s := w.State()
	j, err := s.Judge(a)
	if err != nil {
		return nil, err
	}
	c, err := s.Seal(a, j)
	if err != nil {
		return nil, err
	}
	return w.Enter(c, s, j), nil
}

// Forge returns a warrant for a request whatever the rules say of it, as a desk
// that lies could: its core says what it likes, and its entry is in the ledger.
func (w *World) Forge(r *Request) []byte {
	s := w.State()
	a := w.Ask(r)
	j, _ := s.Judge(a)
	c := proof.Core{V: proof.WarrantVersion(r.Action.Formats()), Decision: r.Decision, Sessions: r.Sessions, Action: r.Action, Request: r.Signed, Countersignatures: r.Countersignatures, Ruling: proof.Ruling{
		Policy: s.Policy.Digest(), At: canonical.At(a.At), Need: j.Need, Facts: proof.Facts{Engaged: true, Tier: r.Action.Tier, Lifts: a.Lifts, Word: []string{"case", "lifts", "tier"}}}}
	return w.Enter(c, s, j)
}

// Enter enters a core in the ledger and returns its warrant.
func (w *World) Enter(c proof.Core, s *proof.State, j proof.Judgement) []byte {
	w.t.Helper()
	requested, ok := w.entryOf(c.Request)
	if !ok && c.V != proof.WarrantV1 {
		f := c.Ruling.Facts
		asked := entry.Request{Act: actOf(c.Action, f.Tier, f.Lifts), At: c.Ruling.At, Request: c.Request.Statement.Request, Signed: c.Request, Status: actions.StatusApproved, Sessions: c.Sessions}
		if len(c.Countersignatures) > 0 || j.Need.Wait > 0 {
			asked.Status = actions.StatusHeld
		}
		if c.Decision != nil {
			asked.Decided = &c.Decision.Signed
		}
		w.Append(ledger.Draft{Class: ledger.Desk, Kind: entry.KindRequest, Data: asked, Expect: ledger.AnyNumber})
		requested, _ = w.entryOf(c.Request)
	}
	entry := w.Append(ledger.Draft{Class: ledger.Desk, Kind: entry.KindWarrant, Data: proof.WarrantEntryOf(c, s), Expect: ledger.AnyNumber})[0]
	waited := w.waited(j.Need, c.Request, c.Countersignatures)
	w.mu.Lock()
	defer w.mu.Unlock()
	people, keys := c.Signers()
	var evidence []proof.Evidence
	for _, n := range s.Evidence(people, keys, c.Ruling.At.Time) {
		i := slices.IndexFunc(w.log.entries, func(e ledger.Entry) bool { return e.Leaf.Class == ledger.Governance && e.Leaf.Number == n })
		e := w.log.entries[i]
		evidence = append(evidence, proof.Evidence{Entry: e.Body, Salt: e.Salt, Proof: w.inclusionAt(e.Index)})
	}
	anchor := proof.Anchor{Checkpoint: string(w.log.head.Checkpoint), Entry: entry.Body, Salt: entry.Salt, Proof: w.inclusionAt(entry.Index)}
	proofs := proof.Proofs{People: evidence, Anchor: anchor, Waited: waited}
	if c.V != proof.WarrantV1 {
		proofs.Requested = proof.Evidence{Entry: requested.Body, Salt: requested.Salt, Proof: w.inclusionAt(requested.Index)}
		if len(waited) > 0 {
			proofs.Waited = waited[1:]
		}
	}
	return canonical.MustMarshal(proof.Assemble(c, proofs))
}

// Enters enters what the desk enters of a request and its countersignatures, as
// far as it is not there. A wait is counted from these entries.
func (w *World) Enters(r *Request) *Request {
	enter := func(signed actions.Signed, kind string, data any) {
		if _, ok := w.entryOf(signed); !ok {
			w.Append(ledger.Draft{Class: ledger.Desk, Kind: kind, Data: data, Expect: ledger.AnyNumber})
		}
	}
	asked := entry.Request{Act: actOf(r.Action, "", ""), At: canonical.At(w.Now()), Request: r.ID, Signed: r.Signed, Status: actions.StatusHeld, Sessions: r.Sessions}
	if r.Decision != nil {
		asked.Decided = &r.Decision.Signed
	}
	enter(r.Signed, entry.KindRequest, asked)
	for _, c := range r.Countersignatures {
		enter(c, entry.KindCountersign, entry.Verdict{At: canonical.At(w.Now()), Request: r.ID, Signed: c, Status: actions.StatusHeld, Tier: r.Action.Tier})
	}
	return r
}

func actOf(a actions.Action, read actions.Tier, lifts actions.Lifts) entry.Act {
	return proof.ActOf(proof.FactsOf(a, workforce.Standing{}, read, lifts))
}

// entryOf finds the entry that holds a signed statement.
func (w *World) entryOf(signed actions.Signed) (ledger.Entry, bool) {
	text := canonical.MustMarshal(signed)
	for _, e := range w.Entries() {
		if (e.Body.Kind == entry.KindRequest || e.Body.Kind == entry.KindCountersign) && bytes.Contains(e.BodyBytes, text) {
			return e, true
		}
	}
	return ledger.Entry{}, false
}

// entered says when the ledger had the signatures on a request.
func (w *World) entered(r *Request) proof.Entered {
	out := proof.Entered{}
	for _, signed := range append([]actions.Signed{r.Signed}, r.Countersignatures...) {
		if e, ok := w.entryOf(signed); ok {
			out[signed.Statement.Signer] = e.Body.Time.Time
		}
	}
	return out
}

// waited returns the entries that a wait is counted from; nil if there is none.
func (w *World) waited(n actions.Need, request actions.Signed, countersignatures []actions.Signed) (entries []proof.Evidence) {
	if n.Wait == 0 {
		return nil
	}
	for _, signed := range append([]actions.Signed{request}, countersignatures...) {
		if e, ok := w.entryOf(signed); ok {
			entries = append(entries, proof.Evidence{Entry: e.Body, Salt: e.Salt, Proof: w.Inclusion(e.Index)})
		}
	}
	return entries
}

// EvidenceOf returns what Enters entered, as a wait is counted from it.
func (w *World) EvidenceOf(r *Request) []proof.Evidence {
	return w.waited(actions.Need{Wait: 1}, r.Signed, r.Countersignatures)
}

// Inclusion proves an entry against the newest checkpoint.
func (w *World) Inclusion(index int64) ledger.Inclusion {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.inclusionAt(index)
}

func (w *World) inclusionAt(index int64) ledger.Inclusion {
	p, err := ledger.Tiles{Source: &w.log}.Inclusion(context.Background(), w.log.head.Size, index)
	if err != nil {
		w.t.Fatalf("prooftest: prove entry %d: %v", index, err)
	}
	return p
}

func measureOf(r *Request, executed canonical.Time) actions.Measure {
	return actions.Measure{Request: r.ID, Requester: r.By, Subject: r.Action.Subject, Layer: r.Action.Command.Layer, Executed: executed, Category: r.Action.Category}
}

// Renew proves all entries of a warrant under the newest checkpoint: the ledger may have
// grown.
func (w *World) Renew(warrant *proof.Warrant) {
	w.t.Helper()
	warrant.Ledger.Checkpoint = string(w.Head().Checkpoint)
	again := func(e *ledger.Inclusion) { *e = w.Inclusion(e.Index) }
	again(&warrant.Ledger.Proof)
	for i := range warrant.People {
		again(&warrant.People[i].Proof)
	}
	for i := range warrant.Waited {
		again(&warrant.Waited[i].Proof)
	}
	for i := range warrant.Authority {
		again(&warrant.Authority[i].Proof)
	}
	if warrant.V != proof.WarrantV1 {
		again(&warrant.Requested.Proof)
	}
}

// Complete returns a warrant with the entries that authorise those on which it rests, all
// under the newest checkpoint. The numbers in more come besides: of a chain that does not
// hold, the rules do not say what authorises what.
func (w *World) Complete(raw []byte, more ...int64) []byte {
	w.t.Helper()
	warrant, err := proof.ParseWarrant(raw)
	if err != nil {
		w.t.Fatal(err)
	}
	var grounds proof.Grounds
	s := proof.NewState(w.Root)
	chain := map[int64]ledger.Entry{}
	holds := true
	for _, e := range w.Entries() {
		if e.Leaf.Class != ledger.Governance {
			continue
		}
		chain[e.Leaf.Number] = e
		if holds {
			holds = grounds.Follow(s, e.Body) == nil && s.Apply(e.Leaf, e.Body) == nil
		}
	}
	have := map[int64]bool{}
	var people []int64
	for _, p := range warrant.People {
		people = append(people, p.Entry.Number)
		have[p.Entry.Number] = true
	}
	warrant.Authority = nil
	for _, n := range append(grounds.Of(people), more...) {
		if e := chain[n]; !have[n] {
			have[n] = true
			warrant.Authority = append(warrant.Authority, proof.Evidence{Entry: e.Body, Salt: e.Salt, Proof: ledger.Inclusion{Index: e.Index}})
		}
	}
	slices.SortFunc(warrant.Authority, func(a, b proof.Evidence) int { return cmp.Compare(a.Entry.Number, b.Entry.Number) })
	w.Renew(&warrant)
	return canonical.MustMarshal(warrant)
}

// Again assembles a warrant anew, under the newest checkpoint, as a desk does each time it
// hands one over.
func (w *World) Again(raw []byte) []byte {
	w.t.Helper()
	warrant, err := proof.ParseWarrant(raw)
	if err != nil {
		w.t.Fatal(err)
	}
	w.Renew(&warrant)
	return canonical.MustMarshal(warrant)
}
