package ledger

import (
	"bytes"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"countersign.dev/canonical"
	"countersign.dev/fault"
)

// KindRoll is the kind of the entries of the class desk whose data is a Roll.
const KindRoll = "roll"

// MaxRoll bounds the documents of one roll.
const MaxRoll = 4096

// Roll commits to the documents of a sort with consecutive numbers: Root is the root of the
// tree of RFC 6962 over their leaves. A document that a roll leaves out is missing for ever:
// the next roll of its sort begins after it.
type Roll struct {
	First int64            `json:"first"`
	Last  int64            `json:"last"`
	Root  canonical.Digest `json:"root"`
	Sort  DocumentSort     `json:"sort"`
}

// NewRoll returns the roll over leaves, which must be of one sort and have consecutive
// numbers.
func NewRoll(leaves []DocumentLeaf) (Roll, error) {
	if len(leaves) == 0 || len(leaves) > MaxRoll {
		return Roll{}, rollMalformed("it has not 1 to 4096 documents")
	}
	first := leaves[0]
	for i, l := range leaves {
		if l.Sort != first.Sort || l.Number != first.Number+int64(i) {
			return Roll{}, rollMalformed("its documents are not of one sort with consecutive numbers")
		}
	}
	hashes, err := rollHashes(leaves)
	if err != nil {
		return Roll{}, err
	}
	root, err := tlog.TreeHash(int64(len(leaves)), hashes)
	if err != nil {
		return Roll{}, rollMalformed("it has no root").Because(err)
	}
	r := Roll{First: first.Number, Last: leaves[len(leaves)-1].Number, Root: canonical.Digest(root), Sort: first.Sort}
	return r, r.check()
}

// ParseRoll reads the data of an entry of kind roll.
func ParseRoll(data []byte) (Roll, error) {
	var r Roll
	if err := canonical.UnmarshalExact(data, &r); err != nil {
		return Roll{}, err
	}
	return r, r.check()
}

func rollMalformed(what string) *fault.Error {
	return fault.New(fault.Invalid, "roll-malformed", "The roll is malformed: %s.", what)
}

func (r Roll) check() error {
	switch {
	case !r.Sort.Valid():
		return rollMalformed("its sort is unknown")
	case r.First < 0 || r.Last < r.First || r.Last > maxNumber || r.Last-r.First >= MaxRoll:
		return rollMalformed("its numbers are not those of 1 to 4096 documents")
	case r.Root.IsZero():
		return rollMalformed("it has no root")
	}
	return nil
}

// Prove makes the path of the document with a number from the leaves of the roll.
func (r Roll) Prove(leaves []DocumentLeaf, number int64) (Inclusion, error) {
	if again, err := NewRoll(leaves); err != nil || again != r {
		return Inclusion{}, tampered("The %s documents %d to %d are not those of their roll.", r.Sort, r.First, r.Last).Because(err)
	}
	hashes, err := rollHashes(leaves)
	if err != nil {
		return Inclusion{}, err
	}
	return ProveInclusion(int64(len(leaves)), number-r.First, hashes)
}

// Verify checks that a document with the leaf is in the roll, by its path.
func (r Roll) Verify(path Inclusion, leaf DocumentLeaf) error {
	if err := r.check(); err != nil {
		return err
	}
	if leaf.Sort != r.Sort || leaf.Number != r.First+path.Index || leaf.Number > r.Last {
		return proofWrong("the document's number is not that of its place in the roll")
	}
	hashes, err := toHashes(path.Hashes)
	if err != nil {
		return err
	}
	if err := tlog.CheckRecord(hashes, r.Last-r.First+1, tlog.Hash(r.Root), path.Index, leaf.Hash()); err != nil {
		return proofWrong("the document is not the one in the roll").Because(err)
	}
	return nil
}

// storedHashes are the hashes of a tree in the order in which package tlog stores them.
type storedHashes []tlog.Hash

// ReadHashes implements tlog.HashReader.
func (s storedHashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, at := range indexes {
		if at < 0 || at >= int64(len(s)) {
			return nil, rollMalformed("a hash of its tree is missing")
		}
		out[i] = s[at]
	}
	return out, nil
}

func rollHashes(leaves []DocumentLeaf) (storedHashes, error) {
	stored := make(storedHashes, 0, 2*len(leaves))
	for i, l := range leaves {
		more, err := tlog.StoredHashesForRecordHash(int64(i), l.Hash(), stored)
		if err != nil {
			return nil, rollMalformed("it has no tree").Because(err)
		}
		stored = append(stored, more...)
	}
	return stored, nil
}

const promiseVersion = "countersign/promise/v1"

// RolledWithin is the time within which the log promises that a document is in a roll. It
// is much longer than a roll takes, so that a restart or the loss of a database's node
// breaks no promise.
const RolledWithin = time.Hour

// maxPromise bounds the text that is read before any signature is checked.
const maxPromise = 4096

// Promise is the log key's word that the document of a sort with a number is the one with
// the commitment, and will be in a roll by an instant. Who keeps it can show that the
// document was left out, altered or numbered anew.
type Promise struct {
	By         canonical.Time   `json:"by"`
	Commitment canonical.Digest `json:"commitment"`
	ID         string           `json:"id"`
	Log        string           `json:"log"` // the origin
	Number     int64            `json:"number"`
	Sort       DocumentSort     `json:"sort"`
	Time       canonical.Time   `json:"time"`
}

// Promise returns the promise of a document in its place, as a signed note. It is the same
// bytes each time.
func (l *Log) Promise(d Document) ([]byte, error) {
	p := Promise{By: canonical.At(d.Body.Time.Add(RolledWithin)), Commitment: d.Commitment, ID: d.Body.ID, Log: l.Origin, Number: d.Number, Sort: d.Sort, Time: d.Body.Time}
	if err := p.check(); err != nil {
		return nil, err
	}
	text, err := p.text()
	if err != nil {
		return nil, err
	}
	signed, err := note.Sign(&note.Note{Text: text}, l.Signer)
	if err != nil {
		return nil, promiseMalformed("it cannot be signed").Because(err)
	}
	return signed, nil
}

// text returns the two lines that are signed.
func (p Promise) text() (string, error) {
	body, err := canonical.Marshal(p)
	return promiseVersion + "\n" + string(body) + "\n", err
}

// ParsePromise reads a promise that the log's key has signed, in its one spelling.
//
// A promise cannot be taken for a checkpoint, which the same key signs: a checkpoint has
// three lines before its signatures, the second one a number, and a promise has two.
func ParsePromise(signed []byte, log note.Verifier) (Promise, error) {
	p, err := ReadPromise(signed)
	if err != nil {
		return Promise{}, err
	}
	n, err := note.Open(signed, note.VerifierList(log))
	if err != nil {
		return Promise{}, fault.New(fault.Forbidden, "promise-unverified", "The promise of %q is not signed by the key of the log %q.", p.Log, log.Name()).Because(err)
	}
	if len(n.Sigs) != 1 || len(n.UnverifiedSigs) != 0 {
		return Promise{}, promiseMalformed("it has more than the log's signature")
	}
	if p.Log != log.Name() {
		return Promise{}, fault.New(fault.Forbidden, "promise-unverified", "The promise is of the log %q, not of %q.", p.Log, log.Name())
	}
	return p, nil
}

func promiseMalformed(what string) *fault.Error {
	return fault.New(fault.Invalid, "promise-malformed", "This is not a promise in the form that a log signs: %s.", what)
}

// ReadPromise reads a promise without checking its signature.
func ReadPromise(signed []byte) (Promise, error) {
	if len(signed) > maxPromise {
		return Promise{}, promiseMalformed("it is too long")
	}
	text, signatures, ok := bytes.Cut(signed, []byte("\n\n"))
	if !ok || !bytes.HasSuffix(signatures, []byte("\n")) || bytes.Count(signatures, []byte("\n")) != 1 {
		return Promise{}, promiseMalformed("it has not one signature after a blank line")
	}
	if wrong := signaturesWrong(signatures); wrong != "" {
		return Promise{}, promiseMalformed(wrong)
	}
	body, ok := strings.CutPrefix(string(text), promiseVersion+"\n")
	if !ok {
		return Promise{}, promiseMalformed("its first line is not " + promiseVersion)
	}
	var p Promise
	if err := canonical.UnmarshalExact([]byte(body), &p); err != nil {
		return Promise{}, promiseMalformed("its second line is not canonical JSON of its members").Because(err)
	}
	return p, p.check()
}

func (p Promise) check() error {
	switch {
	case !p.Sort.Valid():
		return promiseMalformed("its sort is unknown")
	case !ValidDocumentID(p.ID):
		return promiseMalformed("its identifier is not one of a document")
	case p.Number < 0 || p.Number > maxNumber:
		return promiseMalformed("its number is out of range")
	case p.Commitment.IsZero():
		return promiseMalformed("it has no commitment")
	case p.Time.IsZero() || p.By.Before(p.Time.Time):
		return promiseMalformed("its times are missing, or in the wrong order")
	}
	return CheckOrigin(p.Log)
}

// Of reports whether the promise is of exactly this document in its place.
func (p Promise) Of(d Document) bool {
	return p.Sort == d.Sort && p.Number == d.Number && p.Commitment == d.Commitment && p.ID == d.Body.ID
}

// Rolled checks that a roll, whose entry has a time, keeps the promise, by the path of the
// document in it.
func (p Promise) Rolled(r Roll, at canonical.Time, path Inclusion) error {
	if err := r.Verify(path, DocumentLeaf{Sort: p.Sort, Number: p.Number, Commitment: p.Commitment}); err != nil {
		return err
	}
	if at.After(p.By.Time) {
		return fault.New(fault.Forbidden, "rolled-late", "The %s %q was to be in a roll by %s, and its roll is of %s.", p.Sort, p.ID, p.By, at)
	}
	return nil
}
