package proof

import (
	"fmt"
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

// enteredBy reads, from entries, when the ledger got a request and its countersignatures.
// There must be one entry for each signature, in order. The caller checks that the ledger
// holds the entries.
func enteredBy(request actions.Signed, countersignatures []actions.Signed, entries []Evidence) (Entered, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	all := append([]actions.Signed{request}, countersignatures...)
	if len(entries) != len(all) {
		return nil, wrong("bad-wait", "There are %d entries from which the wait is counted, but %d signatures.", len(entries), len(all))
	}
	out := make(Entered, len(all))
	for i, e := range entries {
		signed, err := e.statement(i > 0)
		if err != nil {
			return nil, err
		}
		if canonical.DigestOf(signed) != canonical.DigestOf(all[i]) {
			return nil, wrong("bad-wait", "Ledger entry %d does not hold the signature of %s.", e.Proof.Index, all[i].Statement.Signer)
		}
		out[signed.Statement.Signer] = e.Entry.Time.Time
	}
	return out, nil
}

// statement reads the signed statement in a desk entry of kind request or countersign.
func (e Evidence) statement(countersign bool) (signed actions.Signed, err error) {
	kind := entry.KindRequest
	if countersign {
		kind = entry.KindCountersign
	}
	if e.Entry.Class != ledger.Desk || e.Entry.Kind != kind {
		return signed, wrong("bad-wait", "Ledger entry %d is of kind %s; the wait must be counted from an entry of kind %s.", e.Proof.Index, e.Entry.Kind, kind)
	}
	if countersign {
		var r entry.Verdict
		err = canonical.UnmarshalExact(e.Entry.Data, &r)
		return r.Signed, err
	}
	var r entry.Request
	err = canonical.UnmarshalExact(e.Entry.Data, &r)
	return r.Signed, err
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
	countersignatures := w.Countersignatures
	if w.V != WarrantV1 && len(w.Waited) == 0 {
		countersignatures = nil // nothing had to wait
	}
	return enteredBy(w.Request, countersignatures, w.Entries())
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
	return enteredBy(a.Request, a.Countersignatures, a.Waited.Entries)
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
