package incident

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/mod/sumdb/note"

	"countersign.dev/canonical"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/workforce"
)

// Verified is the verified content of a bundle.
type Verified struct {
	Report   Report
	Bundle   Bundle
	Origin   string
	Size     int64            // of the ledger under the checkpoint
	Root     canonical.Digest // hash of entry 0, as trusted
	Entries  int
	Chain    int64 // governance entries folded, each authorised by those before it
	Records  int   // of the executor's, each signed by the key that the chain named
	Warrants int
	Seal     int64          // index of the entry that commits to the content
	Sealed   canonical.Time // when the bundle was made
	By       entry.Export   // the worker who exported it
	Claims   []Claim
	// Names are the names of people whose rows the bundle opens.
	Names map[workforce.WorkerID]string
}

// Claim is one statement of the report, with its evidence.
type Claim struct {
	What   string `json:"what"`
	Proven bool   `json:"proven"`
	How    string `json:"how"` // how it is proven, or whose word it is
}

// Verify checks a bundle offline, by the hash of entry 0 (and witnesses) alone:
// one spelling; the checkpoint's signature by the log's key that entry 0 names;
// every entry opened and included under it; the governance chain folded with
// every signature, from entry 0 on; each of the executor's records and people's
// statements signed by a key that the chain knew at its place; each warrant as
// package proof verifies it and by the chain; the seal's commitment to all this;
// and that every line of the timeline which claims the ledger is what an entry
// tells, the attribution what the entries give, and the rest of the report no
// other than they say. What then is not proven stands in Claims as somebody's
// word. Errors are faults that say what does not hold.
//
// Verify cannot know of entries that the desk did not put into the bundle, nor of anything
// that came after the seal.
func Verify(raw []byte, t proof.Trust) (Verified, error) {
	b, err := Parse(raw)
	if err != nil {
		return Verified{}, err
	}
	return b.verify(t)
}

// Root returns the hash of the bundle's own entry 0. A reader who has no better reason to
// trust it learns that the bundle agrees with itself, and not whose bundle it is.
func (b Bundle) Root() (canonical.Digest, error) {
	if len(b.Content.Entries) == 0 {
		return canonical.Digest{}, bad("bad-bundle", "The bundle has no entries.")
	}
	leaf, _, err := leafOf(b.Content.Entries[0])
	return leaf.Digest(), err
}

// leafOf opens an entry by itself.
func leafOf(o Opened) (ledger.Leaf, ledger.Body, error) {
	body, err := ledger.ParseBody(o.Body)
	if err != nil {
		return ledger.Leaf{}, body, at(o.Index, err)
	}
	leaf, err := ledger.LeafOf(body, o.Body, o.Salt)
	if err != nil {
		return leaf, body, at(o.Index, err)
	}
	return leaf, body, nil
}

func (b Bundle) verify(t proof.Trust) (v Verified, err error) {
	c := b.Content
	if len(c.Entries) == 0 || t.Root.IsZero() {
		return v, bad("bad-bundle", "The bundle has no entries, or no entry 0 is trusted.")
	}
	requests, err := requestsOf(c.Warrants)
	if err != nil {
		return v, err
	}
	// The ledger comes first: entries that it does not hold are not looked at.
	cp, err := b.included(t)
	if err != nil {
		return v, err
	}
	seal, err := b.seal(cp)
	if err != nil {
		return v, err
	}
	h, err := fold(c.Entries, t.Root, requests)
	if err != nil {
		return v, err
	}
	if h.state.Origin != cp.Origin {
		return v, bad("foreign-log", "The checkpoint is of the ledger %q, the desk's is %q.", cp.Origin, h.state.Origin)
	}
	if !c.Personal && len(c.Openings)+len(c.Warrants) > 0 {
		return v, bad("bad-bundle", "The bundle says that it holds no personal fields, and holds some.")
	}
	if err := h.open(c.Openings); err != nil {
		return v, err
	}
	if err := h.warrants(c.Warrants, t); err != nil {
		return v, err
	}
	r := b.Told()
	if err := h.report(r); err != nil {
		return v, err
	}
	v = Verified{Report: r, Bundle: b, Origin: cp.Origin, Size: cp.Size, Root: t.Root, Entries: len(h.entries), Chain: h.state.Next, Records: h.records,
		Warrants: len(c.Warrants), Seal: b.Ledger.Seal.Proof.Index, Sealed: seal.Time}
	if err := canonical.UnmarshalExact(seal.Data, &v.By); err != nil {
		return v, err
	}
	v.Claims, v.Names = h.claims(r), h.names()
	return v, nil
}

// report checks every statement of the report that entries can prove.
func (h *held) report(r Report) error {
	if err := h.incident(r); err != nil {
		return err
	}
	if err := h.timeline(r.Timeline); err != nil {
		return err
	}
	if err := h.over(r); err != nil {
		return err
	}
	if err := h.rulings(r); err != nil {
		return err
	}
	a, err := h.attribute(r.Incident, r.Attribution)
	if err != nil {
		return err
	}
	if canonical.DigestOf(a) != canonical.DigestOf(r.Attribution) {
		return unsupported("The attribution is not the one that the entries give.")
	}
	return nil
}

// over refuses a report by which a subject is still down, if the entries say that its
// breach is over. It makes no such check in a report with very many breaches, since that
// holds only the first ones.
func (h *held) over(r Report) error {
	if r.Incident.Cause != Breach || !r.Up.IsZero() || len(h.breaches) >= fewBreaches {
		return nil
	}
	var ended Moment
	for _, m := range h.told { // in the order of their times
		if x := h.breaches[m.Request]; x == nil || x.Sight.Layer != r.Incident.Layer {
			continue
		}
		switch m.Step {
		case StepSeen:
			ended = Moment{}
		case StepRestored, StepReversed:
			ended = m
		}
	}
	if !ended.At.IsZero() {
		return unsupported("The report does not say that it was put right; entry %d of the ledger says so, at %s.", ended.Entry, ended.At)
	}
	return nil
}

// fewBreaches is a number of breaches that a report still lists in full; of more it
// may leave some out.
const fewBreaches = 200

// logKey reads the log's key from the trusted entry 0, which is the bundle's first.
func (b Bundle) logKey(t proof.Trust) (note.Verifier, error) {
	first := b.Content.Entries[0]
	leaf, body, err := leafOf(first)
	if err != nil {
		return nil, err
	}
	if leaf.Digest() != t.Root || body.Kind != proof.KindFounding {
		return nil, bad("foreign-desk", "The bundle is of a desk founded by %s; the one that you trust is %s.", leaf.Digest(), t.Root)
	}
	var founded proof.Closed
	if err := canonical.UnmarshalExact(body.Data, &founded); err != nil {
		return nil, at(first.Index, err)
	}
	return ledger.ParseVerifierKey(founded.Founding.LogKey)
}

// checkpoint opens the bundle's checkpoint, and checks the signatures of the log's key
// and of the quorum.
func (b Bundle) checkpoint(t proof.Trust) (ledger.Checkpoint, error) {
	key, err := b.logKey(t)
	if err != nil {
		return ledger.Checkpoint{}, err
	}
	text := []byte(b.Ledger.Checkpoint)
	var signed ledger.Signed
	if t.Quorum == nil {
		signed, err = ledger.ParseCheckpoint(text, key)
	} else if signed, err = t.Quorum.Open(text); err == nil {
		err = t.Quorum.Quorum(signed)
	}
	switch {
	case err != nil:
		return signed.Checkpoint, err
	case signed.Unknown > 0:
		return signed.Checkpoint, bad("surplus-signature", "The checkpoint carries signatures by unknown keys.")
	case signed.Origin != key.Name():
		return signed.Checkpoint, bad("foreign-log", "The checkpoint is of the ledger %q, the desk's is %q.", signed.Origin, key.Name())
	}
	return signed.Checkpoint, nil
}

// included checks that the ledger holds every entry at its place.
func (b Bundle) included(t proof.Trust) (ledger.Checkpoint, error) {
	cp, err := b.checkpoint(t)
	if err != nil {
		return cp, err
	}
	if len(b.Ledger.Proofs) != len(b.Content.Entries) {
		return cp, bad("bad-bundle", "The bundle has %d entries and %d proofs.", len(b.Content.Entries), len(b.Ledger.Proofs))
	}
	for i, e := range b.Content.Entries {
		if err := inclusion(e, b.Ledger.Proofs[i], cp); err != nil {
			return cp, err
		}
	}
	return cp, nil
}

func inclusion(e Opened, p ledger.Inclusion, cp ledger.Checkpoint) error {
	if p.Index != e.Index {
		return at(e.Index, bad("bad-bundle", "The proof is of entry %d.", p.Index))
	}
	leaf, _, err := leafOf(e)
	if err != nil {
		return err
	}
	if err := p.Verify(leaf, cp); err != nil {
		return at(e.Index, err)
	}
	return nil
}

// seal checks the entry that commits to the content.
func (b Bundle) seal(cp ledger.Checkpoint) (ledger.Body, error) {
	s := b.Ledger.Seal
	if err := inclusion(Opened{Body: s.Body, Index: s.Proof.Index, Salt: s.Salt}, s.Proof, cp); err != nil {
		return ledger.Body{}, within("The seal", err)
	}
	body, err := ledger.ParseBody(s.Body)
	if err != nil {
		return body, err
	}
	var x entry.Export
	if body.Class != ledger.Desk || body.Kind != entry.KindExport || len(body.Sealed) != 0 {
		return body, bad("bad-seal", "The entry that should seal the bundle is of kind %s.", body.Kind)
	}
	if err := canonical.UnmarshalExact(body.Data, &x); err != nil {
		return body, err
	}
	entries := b.Content.Entries
	if x != b.Content.Export(x.By) || entries[len(entries)-1].Index >= s.Proof.Index {
		return body, bad("bad-seal", "The bundle is not the one that the ledger's entry %d commits to.", s.Proof.Index)
	}
	return body, nil
}

// requestsOf names the requests of warrants, which are sorted by request.
func requestsOf(warrants []canonical.Raw) (map[string]bool, error) {
	all := map[string]bool{}
	last := ""
	for _, raw := range warrants {
		w, err := proof.ParseWarrant(raw)
		if err != nil {
			return nil, err
		}
		r := w.Request.Statement.Request
		if r <= last {
			return nil, bad("bad-bundle", "The warrants of the bundle are not sorted by request, each once.")
		}
		last, all[r] = r, true
	}
	return all, nil
}

// warrants verifies each warrant by itself and by the bundle's chain.
func (h *held) warrants(warrants []canonical.Raw, t proof.Trust) error {
	verifier := proof.NewVerifier(t)
	for _, raw := range warrants {
		w, err := proof.ParseWarrant(raw)
		if err != nil {
			return err
		}
		request := w.Request.Statement.Request
		c := h.requests[request]
		if c == nil || c.entered == nil {
			return bad("bad-bundle", "The bundle holds a warrant of %s and not its entry.", request)
		}
		if err := h.agrees(w, c); err != nil {
			return within("The warrant of "+request, err)
		}
		c.layer = &w.Action.Command.Layer
		r, err := verifier.By(raw, h.ruled(c.record.GovernanceNumber), c.entered, h.state, h.batches())
		if err != nil {
			return within("The warrant of "+request, err)
		}
		c.tiers = r.Tiers
	}
	return nil
}

// batches returns the bundle's entries about tiers to which rules once raised subjects,
// with their openings.
func (h *held) batches() (all []proof.Batch) {
	for _, e := range h.entries {
		if !e.tiers() {
			continue
		}
		b := proof.Batch{Index: e.Index, Body: e.Body}
		for _, name := range slices.Sorted(maps.Keys(h.openings[e.Index])) {
			b.Openings = append(b.Openings, h.openings[e.Index][name])
		}
		all = append(all, b)
	}
	return all
}

// agrees compares the entries that a warrant carries with the bundle's at the same
// places, since both are of one ledger.
func (h *held) agrees(w proof.Warrant, c *claim) error {
	same := func(index int64, body ledger.Body, salt canonical.Bytes) error {
		i, ok := h.find(index)
		if !ok {
			return bad("bad-bundle", "It rests on entry %d of the ledger, which the bundle does not hold.", index)
		}
		text, err := canonical.Marshal(body)
		if err != nil {
			return err
		}
		leaf, err := ledger.LeafOf(body, text, salt)
		if err != nil {
			return err
		}
		if leaf != h.leaves[i] {
			return bad("bad-bundle", "It carries another entry %d of the ledger than the bundle: one of them is of a fork.", index)
		}
		return nil
	}
	if w.Ledger.Proof.Index != c.entry {
		return bad("bad-bundle", "It stands at entry %d of the ledger; the bundle has it at %d.", w.Ledger.Proof.Index, c.entry)
	}
	if err := same(w.Ledger.Proof.Index, w.Ledger.Entry, w.Ledger.Salt); err != nil {
		return err
	}
	for _, p := range slices.Concat(w.People, w.Entries()) {
		if err := same(p.Proof.Index, p.Entry, p.Salt); err != nil {
			return err
		}
	}
	if c.asked != nil && !bytes.Equal(c.asked.Statement.Bytes(), w.Request.Statement.Bytes()) {
		return bad("bad-bundle", "It rests on another statement than the one that was handed in.")
	}
	return nil
}

// claims says for each part of a report which evidence it has.
func (h *held) claims(r Report) []Claim {
	var all []Claim
	add := func(what string, proven bool, how string) { all = append(all, Claim{what, proven, how}) }
	lines := map[Source]int{}
	for _, m := range r.Timeline {
		lines[m.Source]++
	}
	if n := lines[FromLedger]; n > 0 {
		add(fmt.Sprintf("%d of %d lines of the timeline", n, len(r.Timeline)), true, "each is what one entry of the ledger tells, with its time")
	}
	for _, s := range []Source{FromJournal, FromPlatform, FromDesk} {
		if n := lines[s]; n > 0 {
			add(fmt.Sprintf("%d of %d lines of the timeline", n, len(r.Timeline)), false, "the word of "+words[s])
		}
	}
	h.claimAnswerable(r, add)
	h.claimTiers(add)
	h.claimActs(add)
	if len(r.Rulings) > 0 {
		add("What the policy ruled", false, "the desk's computation; the policies then and today are those of the chain")
	}
	if len(r.Exposure) > 0 {
		add("Who could have done it", false, "the desk's computation from the governance chain in this bundle")
	}
	if len(r.Touched) > 0 {
		add("What else they did", false, "the desk's word")
	}
	if !r.Down.IsZero() || !r.Up.IsZero() {
		down := slices.ContainsFunc(r.Timeline, func(m Moment) bool {
			return m.Source == FromLedger && m.At.Equal(r.Down.Time) && (m.Step == StepSeen || m.Step == StepExecuted)
		})
		up := slices.ContainsFunc(r.Timeline, func(m Moment) bool {
			return m.Source == FromLedger && m.At.Equal(r.Up.Time) && (m.Step == StepRestored || m.Step == StepReversed)
		})
		since, until := "Since when it was down", "When it was up again"
		if l := r.Incident.Layer; l != platform.VisibilityLayer {
			since, until = "Since when "+l.Noun()+" was not as it should be", "When "+l.Noun()+" was put right"
		}
		add(since, down, either(down, "an entry of the ledger has this time", "told, not proven"))
		if !r.Up.IsZero() {
			add(until, up, either(up, "an entry of the ledger has this time", "told, not proven"))
		}
	}
	if r.Incident.Status == Closed {
		how := "the entry that closed the review signs their digest"
		if r.Incident.Findings == Withheld {
			add("The findings", false, "withheld; the entry that closed the review signs their digest")
		} else {
			add("The findings", true, how)
		}
	}
	if n := len(r.Incident.Tasks); n > 0 {
		entered := 0
		for _, e := range h.entries {
			if e.Body.Class == ledger.Desk && e.Body.Kind == entry.KindIncidentTask {
				entered++
			}
		}
		add("The tasks", entered == n, either(entered == n, "each was entered in the ledger with its owner", "the desk's word"))
	}
	return all
}

func (h *held) claimAnswerable(r Report, add func(string, bool, string)) {
	a := r.Attribution
	if a.Around {
		add("That it came around the desk", true, "the executor, which holds every warrant, signed that none explains it; that it looked well is its word")
		switch {
		case a.Credential == "":
			add("With which credential", false, "the platform does not tell")
		case a.Credential == Withheld:
			add("With which credential", false, "withheld; the executor's record commits to what the platform called it")
		default:
			add("With which credential", true, "the executor's record commits to what the platform called it; that the platform called it so is the executor's word")
		}
		if len(a.Holders) > 0 {
			add("Who may hold it", false, "declared at the desk")
		}
		return
	}
	if a.Under.Session.IsZero() {
		add("Who asked", true, "signed with a key that the governance chain enrolled for them")
	} else {
		add("Who asked", true, "signed with the key of a session that a key certified which the governance chain enrolled for them; it was not void then")
	}
	if len(a.Signers) > 0 {
		add("Who countersigned", true, "signed with keys that the governance chain enrolled for them")
	}
	add("Vendor and engagement", true, "the rows of the admissions that the chain holds, as of the request")
	if a.Session != "" {
		add("With which token it was handed in", false, "the desk's word")
	}
}

// claimTiers says for each warrant how far its tier was compared. A desk may leave out
// the entries that show a higher tier.
func (h *held) claimTiers(add func(string, bool, string)) {
	told := 0
	for _, e := range h.entries {
		if e.tiers() {
			told++
		}
	}
	for _, request := range slices.Sorted(maps.Keys(h.requests)) {
		if c := h.requests[request]; c.tiers != "" {
			add("The tier that the warrant of "+request+" was ruled by", told > 0, c.tiers)
		}
	}
}

// claimActs says for each act on the platform what authorised it.
func (h *held) claimActs(add func(string, bool, string)) {
	for _, x := range h.acts {
		switch x.Duty {
		case proof.DutyRestore:
			o, ok := h.orders[x.Sight.Order]
			what := "That the restoration at " + clock(x.At) + " was ordered"
			if ok && o.Placed.Before(x.At.Time) && x.At.Before(o.Until.Time) && o.Platform == x.Sight.Platform && o.Tier == x.Sight.Tier && o.Covers(x.Sight.Layer) {
				add(what, true, fmt.Sprintf("the standing order %s, in force from %s to %s, is an entry of the governance chain with its signatures", o.Request, fullTime(o.Placed), fullTime(o.Until)))
			} else {
				add(what, false, "the executor says under an order, and the chain knows none that fits")
			}
		case proof.DutyCut:
			o, ok := h.orders[x.Sight.Order]
			what := "That cutting off the credential at " + clock(x.At) + " was ordered"
			if ok && o.Cut != nil && o.Placed.Before(x.At.Time) && x.At.Before(o.Until.Time) && o.Platform == x.Sight.Platform && o.Tier == x.Sight.Tier {
				add(what, true, fmt.Sprintf("the standing order %s, which says so after %d breaches within %d s, is an entry of the governance chain with its signatures", o.Request, o.Cut.Breaches, o.Cut.Within))
			} else {
				add(what, false, "the executor says under an order, and the chain knows none that says so")
			}
		case proof.DutyAct:
			claim, what := h.requests[x.Request], "That the act at "+clock(x.At)+" was authorised"
			switch {
			case claim == nil || claim.record == nil || claim.record.Warrant != x.Warrant:
				add(what, false, "the executor says by a warrant, and the bundle holds no entry of that warrant")
			case claim.entered != nil:
				add(what, true, "its warrant is in this bundle and verifies, by itself and by the chain")
			default:
				add(what, true, "the ledger holds an entry of exactly the warrant that the executor acted on; the warrant itself, which names the subject, is withheld")
			}
		}
	}
}

// names returns the names of people whose rows are opened.
func (h *held) names() map[workforce.WorkerID]string {
	all := map[workforce.WorkerID]string{}
	for _, e := range h.entries {
		if e.Body.Class != ledger.Governance || e.Body.Kind != proof.KindRow || h.opened[e.Index] == nil {
			continue
		}
		var d proof.RowData
		if err := e.read(&d); err == nil {
			all[d.Row.Record.Worker] = h.text(e.Index, sealedName)
		}
	}
	return all
}

// words say whose word a source is.
var words = map[Source]string{
	FromLedger:   "the ledger",
	FromJournal:  "the executor: in its journal, and not in the ledger when this was made",
	FromPlatform: "the platform",
	FromDesk:     "the desk",
}

func either(first bool, yes, no string) string {
	if first {
		return yes
	}
	return no
}
