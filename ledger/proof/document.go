package proof

import (
	"golang.org/x/mod/sumdb/note"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
)

// DocumentProofV1 is the version of a DocumentProof.
const DocumentProofV1 = "countersign/document-proof/v1"

// MaxDocumentProof is the largest proof of a document that is read, in bytes.
const MaxDocumentProof = 8 << 20

// DocumentProof is one document with all that proves it: the promise of the log's key, and
// the path by which it is in a roll of the ledger. It is one file, checkable offline.
type DocumentProof struct {
	Document ledger.DocumentBody `json:"document"`
	Openings []ledger.Opening    `json:"openings"` // of its personal fields, as far as the reader may see them
	Promise  string              `json:"promise"`  // the signed note
	Roll     *Rolled             `json:"roll"`     // null: it waits for its roll
	Salt     canonical.Bytes     `json:"salt"`
	V        string              `json:"v"`
}

// Rolled is the place of a document in the ledger.
type Rolled struct {
	Anchor
	Path ledger.Inclusion `json:"path"` // of the document in the roll
}

// ProvenDocument is what a verified DocumentProof says.
type ProvenDocument struct {
	Document ledger.Document
	Promise  ledger.Promise
	// Of the roll; Roll is nil as long as the document waits for it.
	Roll   *ledger.Roll
	Entry  int64          // index of the roll's entry
	Rolled canonical.Time // time of the roll's entry
	Size   int64          // of the ledger at the checkpoint
}

// ParseDocumentProof reads a proof in its canonical form and refuses any other text. It
// checks nothing else.
func ParseDocumentProof(raw []byte) (DocumentProof, error) {
	var p DocumentProof
	if len(raw) > MaxDocumentProof {
		return p, fault.New(fault.TooLarge, "too-large", "The proof of a document has at most %d bytes.", MaxDocumentProof)
	}
	if err := canonical.UnmarshalExact(raw, &p); err != nil {
		return DocumentProof{}, err
	}
	if p.V != DocumentProofV1 {
		return DocumentProof{}, fault.New(fault.Invalid, "malformed", "This is not a document %s.", DocumentProofV1)
	}
	return p, nil
}

// VerifyDocument checks a proof: the log's key has signed the promise, the promise is of
// exactly this document, its openings fit, and, once it is in a roll, the roll holds it by
// its path, in time, and stands in the ledger under a checkpoint that the log's key and, if
// quorum is set, the witnesses have signed.
func VerifyDocument(p DocumentProof, log note.Verifier, quorum *ledger.Trust) (ProvenDocument, error) {
	promise, err := ledger.ParsePromise([]byte(p.Promise), log)
	if err != nil {
		return ProvenDocument{}, err
	}
	text, err := canonical.Marshal(p.Document)
	if err != nil {
		return ProvenDocument{}, err
	}
	out := ProvenDocument{Promise: promise, Document: ledger.Document{Sort: promise.Sort, Number: promise.Number, Commitment: promise.Commitment,
		BodyBytes: text, Salt: p.Salt, Openings: p.Openings}}
	if err := out.Document.Verify(); err != nil {
		return ProvenDocument{}, err
	}
	if !promise.Of(out.Document) || promise.Time != out.Document.Body.Time {
		return ProvenDocument{}, wrong("other-document", "The promise is of the %s %q, and the document is the %s %q.", promise.Sort, promise.ID, out.Document.Sort, out.Document.Body.ID)
	}
	if p.Roll == nil {
		return out, nil
	}
	return out, p.Roll.verify(&out, log, quorum)
}

// verify checks that the document is in the ledger, and fills in where.
func (r Rolled) verify(out *ProvenDocument, log note.Verifier, quorum *ledger.Trust) error {
	cp, err := openCheckpoint(r.Anchor, log, quorum)
	if err != nil {
		return err
	}
	text, err := canonical.Marshal(r.Entry)
	if err != nil {
		return err
	}
	body, err := ledger.ParseBody(text)
	if err != nil {
		return err
	}
	leaf, err := ledger.LeafOf(body, text, r.Salt)
	if err != nil {
		return err
	}
	if err := r.Proof.Verify(leaf, cp); err != nil {
		return err
	}
	if body.Class != ledger.Desk || body.Kind != ledger.KindRoll {
		return wrong("no-roll", "The entry %d of the ledger is no roll.", r.Proof.Index)
	}
	roll, err := ledger.ParseRoll(body.Data)
	if err != nil {
		return err
	}
	if err := out.Promise.Rolled(roll, body.Time, r.Path); err != nil {
		return err
	}
	out.Roll, out.Entry, out.Rolled, out.Size = &roll, r.Proof.Index, body.Time, cp.Size
	return nil
}
