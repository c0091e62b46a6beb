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

// A wait is counted from when the ledger had each signature, and never from what
// the signer says: whoever writes a statement writes its times. What must have
// waited therefore carries the ledger's own entries of the request and of each
// countersignature.

// Waited is what proves, in a governance entry, since when the ledger has had the
// signatures that authorise it. A warrant has the same entries under its own
// checkpoint.
type Waited struct {
	Checkpoint string     `json:"checkpoint"` // signed note: the log's signature alone
	Entries    []Evidence `json:"entries"`    // of the request, then of the countersignatures in their order
}

// Entered says when the ledger had each statement on a request, by signer.
type Entered map[workforce.WorkerID]time.Time

// enteredBy reads when the ledger had a request and its countersignatures out of
// entries that claim to be theirs, one for each and in their order. That the ledger
// holds the entries is for the caller to check.
func enteredBy(request actions.Signed, countersignatures []actions.Signed, entries []Evidence) (Entered, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	all := append([]actions.Signed{request}, countersignatures...)
	if len(entries) != len(all) {
		return nil, wrong("bad-wait", "There are %d entries to count the wait from; there are %d signatures.", len(entries), len(all))
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

// statement reads the signed statement that an entry of the desk's records.
func (e Evidence) statement(countersign bool) (signed actions.Signed, err error) {
	kind := entry.KindRequest
	if countersign {
		kind = entry.KindCountersign
	}
	if e.Entry.Class != ledger.Desk || e.Entry.Kind != kind {
		return signed, wrong("bad-wait", "Ledger entry %d is of kind %s; a wait is counted from one of kind %s.", e.Proof.Index, e.Entry.Kind, kind)
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

// Leaf returns the leaf that stands in the ledger for the entry.
func (e Evidence) Leaf() (ledger.Leaf, error) {
	text, err := canonical.Marshal(e.Entry)
	if err != nil {
		return ledger.Leaf{}, err
	}
	return ledger.LeafOf(e.Entry, text, e.Salt)
}

// Included checks that entries are in the ledger of a checkpoint, before an index.
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
			return wrong("bad-wait", "Ledger entry %d came after what rests on it.", e.Proof.Index)
		}
	}
	return nil
}

// Entered returns when the ledger had the warrant's signatures, as its entries
// say; nil if it carries none, since nothing had to wait. That the ledger holds
// them is for the caller to check.
func (w Warrant) Entered() (Entered, error) {
	return enteredBy(w.Request, w.Countersignatures, w.Waited)
}

// entered returns when the ledger had the signatures of a change of the desk,
// checked against the log's key.
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
		return nil, wrong("bad-wait", "The checkpoint is not one of the desk's ledger with its signature alone.")
	}
	if err := Included(a.Waited.Entries, signed.Checkpoint, signed.Size); err != nil {
		return nil, err
	}
	return enteredBy(a.Request, a.Countersignatures, a.Waited.Entries)
}

// over reports whether a signer's statement has waited long enough at an instant.
func (e Entered) over(signer workforce.WorkerID, wait time.Duration, at time.Time) bool {
	since, ok := e[signer]
	return wait == 0 || ok && !at.Before(since.Add(wait))
}

// needed refuses entries to count a wait from where there is none.
func (e Entered) needed(n actions.Need) error {
	if n.Wait == 0 && e != nil {
		return wrong("surplus-wait", "It carries entries to count a wait from, and nothing has to wait.")
	}
	return nil
}
