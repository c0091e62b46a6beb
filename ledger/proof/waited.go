package proof

import (
	"fmt"
	"slices"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/workforce"
)

// A wait is counted from the time at which the ledger got each signature, and never from
// the times in the statements: signers write those themselves. So a warrant or change that
// had to wait carries the ledger's own entries of the request and of each countersignature.

// Waited proves, in a governance entry, when the ledger got the signatures that authorise
// it. A warrant has the same entries under its own checkpoint.
type Waited struct {
	Checkpoint string     `json:"checkpoint"` // signed note: the log's signature alone
	Entries    []Evidence `json:"entries"`    // of the request, then of the countersignatures in their order
}

// Entered says when the ledger got each statement on a request, by signer.
type Entered map[workforce.WorkerID]time.Time

// signatures are those under an action, with what their entries in the ledger must agree
// with.
type signatures struct {
	action            actions.Action
	request           actions.Signed
	countersignatures []actions.Signed
	decided           *actions.Signed // the statement of the decision that the action is a measure of; nil: there is none
	sessions          []actions.SignedSession
	ruled             *Facts // of a ruling that waited for nothing; nil: the act had to wait
	alone             bool   // the entry of the request may come alone: then no countersignature has waited
}

// entered reads, from entries, when the ledger got a request and its countersignatures.
// There must be one entry for each signature, in order, and nothing in an entry may
// contradict what was signed. From version 2 on no entry is dated before its statement is
// valid. The caller checks that the ledger holds the entries.
func (s signatures) entered(entries []Evidence) (Entered, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	all := append([]actions.Signed{s.request}, s.countersignatures...)
	if len(entries) != len(all) && !(s.alone && len(entries) == 1) {
		return nil, wrong("bad-wait", "There are %d entries from which the wait is counted, but %d signatures.", len(entries), len(all))
	}
	out := make(Entered, len(entries))
	for i, e := range entries {
		read := s.readRequest
		if i > 0 {
			read = s.readVerdict
		}
		if err := read(e, all[i]); err != nil {
			return nil, err
		}
		if st := all[i].Statement; st.V != actions.StatementV1 && e.Entry.Time.Before(st.NotBefore.Time) {
			return nil, refuse("bad-statement", "The statement of %s does not fit: it is not valid before %s, and its entry in the ledger is dated %s.", st.Signer, st.NotBefore, e.Entry.Time)
		}
		out[all[i].Statement.Signer] = e.Entry.Time.Time
	}
	return out, nil
}

// readRequest checks the entry of the request. The tier may be above the action's, since it
// was read; what the act lifts, what it needed then and the instant of that judgement are the
// desk's word.
func (s signatures) readRequest(e Evidence, signed actions.Signed) error {
	var r entry.Request
	if err := e.says(entry.KindRequest, signed, &r, &r.Signed); err != nil {
		return err
	}
	if _, err := r.Said(); err != nil {
		return err
	}
	approved := r.Status == actions.StatusApproved
	switch a := r.Act; {
	case !recorded(s.action, a.Kind == ""):
		return e.contradicts("the facts of the act are missing")
	case a.Kind != "" && a != s.actAs(a.Tier, a.Lifts):
		return e.contradicts("it is about another act")
	case r.Law != "" && !specDesk(s.action):
		return e.contradicts("it says that a law decides what the act needs")
	case r.Status != actions.StatusHeld && !approved, approved && (s.ruled == nil || len(s.countersignatures) > 0):
		return e.contradicts(fmt.Sprintf("it says that the request was %s at once", r.Status))
	case approved && s.ruled != nil && (a.Tier != s.ruled.Tier || a.Lifts != s.ruled.Lifts):
		return e.contradicts("it was ruled on by another tier, or as the lift of another measure, than the warrant says")
	case (r.Decided == nil) != (s.decided == nil), r.Decided != nil && canonical.DigestOf(*r.Decided) != canonical.DigestOf(*s.decided):
		return e.contradicts("it holds another decision's statement")
	case !slices.EqualFunc(r.Sessions, s.sessions, func(a, b actions.SignedSession) bool { return canonical.DigestOf(a) == canonical.DigestOf(b) }):
		return e.contradicts("it holds other sessions")
	}
	return nil
}

// readVerdict checks the entry of a countersignature from which a wait is counted: nobody's
// signature ends a wait, so that the request was held after it.
func (s signatures) readVerdict(e Evidence, signed actions.Signed) error {
	var r entry.Verdict
	if err := e.says(entry.KindCountersign, signed, &r, &r.Signed); err != nil {
		return err
	}
	if _, err := r.Said(entry.KindCountersign); err != nil {
		return err
	}
	switch {
	case !recorded(s.action, r.Tier == ""):
		return e.contradicts("the facts of the act are missing")
	case r.Tier != "" && r.Tier != s.actAs(r.Tier, "").Tier:
		return e.contradicts("its tier is none, or is below the one that was signed")
	case r.Law != "" && !specDesk(s.action):
		return e.contradicts("it says that a law decides what the act needs")
	case r.Status != actions.StatusHeld, r.Alarm:
		return e.contradicts(fmt.Sprintf("it says that the request was %s after it, or that it raised an alarm", r.Status))
	}
	return nil
}

// actAs returns the facts of the act on a subject of a tier that was read; the action's tier
// if that is higher, or if the tier is unknown.
func (s signatures) actAs(read actions.Tier, lifts actions.Lifts) entry.Act {
	if !slices.Contains(actions.Tiers, read) {
		read = ""
	}
	return ActOf(FactsOf(s.action, workforce.Standing{}, read, lifts))
}

// recorded reports whether an entry has the facts of the act, or is from before desks recorded
// them: some entries of version 1 are.
func recorded(a actions.Action, missing bool) bool { return !missing || a.V == actions.ActionV1 }

// says reads a desk entry of a kind, which must hold a signature, into its data. signed points to
// the signature in there.
func (e Evidence) says(kind string, want actions.Signed, data any, signed *actions.Signed) error {
	if e.Entry.Class != ledger.Desk || e.Entry.Kind != kind {
		return wrong("bad-wait", "Ledger entry %d is of kind %s; the wait must be counted from an entry of kind %s.", e.Proof.Index, e.Entry.Kind, kind)
	}
	if err := canonical.UnmarshalExact(e.Entry.Data, data); err != nil {
		return err
	}
	if canonical.DigestOf(*signed) != canonical.DigestOf(want) {
		return wrong("bad-wait", "Ledger entry %d does not hold the signature of %s.", e.Proof.Index, want.Statement.Signer)
	}
	return nil
}

func (e Evidence) contradicts(what string) error {
	return wrong("bad-entry", "Ledger entry %d contradicts what was signed: %s.", e.Proof.Index, what)
}

// Leaf returns the leaf of the entry.
func (e Evidence) Leaf() (ledger.Leaf, error) {
	text, err := canonical.Marshal(e.Entry)
	if err != nil {
		return ledger.Leaf{}, err
	}
	return ledger.LeafOf(e.Entry, text, e.Salt)
}

// Included checks that entries are in the ledger of a checkpoint, and come before an index.
func Included(entries []Evidence, cp ledger.Checkpoint, before int64) error {
	for _, e := range entries {
		leaf, err := e.Leaf()
		if err != nil {
			return err
		}
		if err := e.Proof.Verify(leaf, cp); err != nil {
			return fmt.Errorf("ledger entry %d: %w", e.Proof.Index, err)
		}
		if e.Proof.Index >= before {
			return wrong("bad-wait", "Ledger entry %d came after the warrant or the change that rests on it.", e.Proof.Index)
		}
	}
	return nil
}

// Entries returns the desk's entries of signatures that the warrant carries: from version 2
// on always that of the request, and those from which a wait is counted.
func (w Warrant) Entries() []Evidence {
	if w.V == WarrantV1 {
		return w.Waited
	}
	return append([]Evidence{w.Requested}, w.Waited...)
}

// Entered returns when the ledger got the warrant's signatures, as far as its entries say
// so. The caller checks that the ledger holds these entries.
func (w Warrant) Entered() (Entered, error) {
	by := signatures{action: w.Action, request: w.Request, countersignatures: w.Countersignatures, sessions: w.Sessions, alone: w.V != WarrantV1}
	if w.V != WarrantV1 && w.Ruling.Need.Wait == 0 {
		by.ruled = &w.Ruling.Facts
	}
	if w.Decision != nil {
		by.decided = &w.Decision.Signed
	}
	return by.entered(w.Entries())
}

// entered returns when the ledger got the signatures of a change of the desk. It checks the
// entries against the log's key.
func (s *State) entered(a Authority) (Entered, error) {
	if len(a.Waited.Entries) == 0 && a.Waited.Checkpoint == "" {
		return nil, nil
	}
	key, err := ledger.ParseVerifierKey(s.LogKey)
	if err != nil {
		return nil, err
	}
	signed, err := ledger.ParseCheckpoint([]byte(a.Waited.Checkpoint), key)
	if err != nil {
		return nil, err
	}
	if signed.Unknown > 0 || signed.Origin != s.Origin {
		return nil, wrong("bad-wait", "The checkpoint must be one of the desk's ledger, with the ledger's signature alone.")
	}
	if err := Included(a.Waited.Entries, signed.Checkpoint, signed.Size); err != nil {
		return nil, err
	}
	return signatures{action: a.Action, request: a.Request, countersignatures: a.Countersignatures, sessions: a.Sessions}.entered(a.Waited.Entries)
}

// over reports whether a signer's statement has waited long enough by an instant.
func (e Entered) over(signer workforce.WorkerID, wait time.Duration, at time.Time) bool {
	since, ok := e[signer]
	return wait == 0 || ok && !at.Before(since.Add(wait))
}

// surplusWait refuses entries of signatures where there is no wait to be counted from them.
func surplusWait(n actions.Need, entries []Evidence) error {
	if n.Wait == 0 && len(entries) > 0 {
		return wrong("surplus-wait", "It carries entries from which a wait would be counted, but the ruling asks for no wait.")
	}
	return nil
}
