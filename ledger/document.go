package ledger

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"countersign.dev/canonical"
	"countersign.dev/fault"
)

const documentVersion = "countersign/document/v1"

// MaxDocument bounds the body of a document.
const MaxDocument = 1 << 20

// DocumentSort is one of the numbered sequences of documents.
type DocumentSort string

// The sorts. The list only grows.
const (
	ReportDocument   DocumentSort = "report"   // somebody flagged a subject
	DecisionDocument DocumentSort = "decision" // a signed verdict on a case
	DeedDocument     DocumentSort = "deed"     // a signed move that is no measure
	OpeningDocument  DocumentSort = "opening"  // somebody opened a case
)

// DocumentSorts lists every sort, in the order in which their heads are locked.
func DocumentSorts() []DocumentSort {
	return []DocumentSort{DecisionDocument, DeedDocument, OpeningDocument, ReportDocument}
}

// Valid reports whether s is one of the sorts.
func (s DocumentSort) Valid() bool {
	switch s {
	case ReportDocument, DecisionDocument, DeedDocument, OpeningDocument:
		return true
	}
	return false
}

// DocumentDraft is a document before it has a number.
type DocumentDraft struct {
	Sort DocumentSort
	ID   string // finds the document; each sort has it once
	Data any    // becomes canonical JSON, an object; nil is the empty one

	// Sealed are the personal fields. Each gets a salt that has none.
	Sealed []Opening
}

// DocumentBody is the content of a document, to which its leaf commits.
type DocumentBody struct {
	Data   canonical.Raw               `json:"data"`
	ID     string                      `json:"id"`
	Sealed map[string]canonical.Digest `json:"sealed"`
	Sort   DocumentSort                `json:"sort"`
	Time   canonical.Time              `json:"time"`
	V      string                      `json:"v"`
}

// Document is a document in its place with everything that is kept about it. Openings may
// be erased.
type Document struct {
	Sort       DocumentSort
	Number     int64 // within the sort
	Commitment canonical.Digest
	Body       DocumentBody
	BodyBytes  []byte // Body in canonical form: what is committed to
	Salt       canonical.Bytes
	Openings   []Opening
}

// Document makes the document of a draft, as of a time. It has no number yet: the
// commitment does not depend on it.
func (l *Log) Document(d DocumentDraft, at canonical.Time) (Document, error) {
	b := DocumentBody{V: documentVersion, Sort: d.Sort, ID: d.ID, Time: at, Data: canonical.Raw("{}")}
	if d.Data != nil {
		data, err := canonical.Marshal(d.Data)
		if err != nil {
			return Document{}, documentMalformed("its data cannot be written as JSON").Because(err)
		}
		b.Data = data
	}
	var err error
	var openings []Opening
	if b.Sealed, openings, err = l.seal(d.Sealed); err != nil {
		return Document{}, err
	}
	raw, err := canonical.Marshal(b)
	if err != nil {
		return Document{}, documentMalformed("it cannot be written as JSON").Because(err)
	}
	// A document must be readable for ever, so it has to pass the reader's own checks.
	if err := checkDocument(raw, b); err != nil {
		return Document{}, err
	}
	salt, err := l.salt()
	if err != nil {
		return Document{}, err
	}
	return Document{Sort: d.Sort, Number: -1, Commitment: DocumentCommitment(raw, salt), Body: b, BodyBytes: raw, Salt: salt, Openings: openings}, nil
}

// ParseDocument reads the body of a document in its canonical form and refuses any other
// text.
func ParseDocument(text []byte) (DocumentBody, error) {
	if len(text) > MaxDocument {
		return DocumentBody{}, documentMalformed("it is longer than " + strconv.Itoa(MaxDocument) + " bytes")
	}
	var b DocumentBody
	if err := canonical.UnmarshalExact(text, &b); err != nil {
		return DocumentBody{}, err
	}
	return b, checkDocument(text, b)
}

func documentMalformed(what string) *fault.Error {
	return fault.New(fault.Invalid, "document-malformed", "The document is malformed: %s.", what)
}

func checkDocument(text []byte, b DocumentBody) error {
	switch {
	case len(text) > MaxDocument:
		return documentMalformed("it is longer than " + strconv.Itoa(MaxDocument) + " bytes")
	case b.V != documentVersion:
		return documentMalformed("its version is not " + documentVersion)
	case !b.Sort.Valid():
		return documentMalformed("its sort is unknown")
	case !ValidDocumentID(b.ID):
		return documentMalformed("its identifier is not 1 to 64 characters of a-z, A-Z, 0-9, '-', '_' and, not in front, '.'")
	case b.Time.IsZero():
		return documentMalformed("it has no time")
	case len(b.Data) == 0 || b.Data[0] != '{':
		return documentMalformed("its data is not an object")
	case b.Sealed == nil:
		return documentMalformed("it has no object of sealed fields")
	}
	for name, c := range b.Sealed {
		if !validField(name) {
			return documentMalformed("the name of a sealed field is not 1 to 128 visible ASCII characters")
		}
		if c.IsZero() {
			return documentMalformed("a sealed field has no commitment")
		}
	}
	return nil
}

// ValidDocumentID reports whether a document can have the identifier. It is one part of an
// address.
func ValidDocumentID(s string) bool {
	return len(s) >= 1 && len(s) <= 64 && s[0] != '.' && strings.IndexFunc(s, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_' || r == '.')
	}) < 0
}

// DocumentCommitment returns the commitment to the body of a document with a salt.
func DocumentCommitment(body []byte, salt canonical.Bytes) canonical.Digest {
	return canonical.Sum([]byte(documentVersion+"\n"), salt, body)
}

// VerifyDocument checks that a commitment of a sort is to exactly this body with this
// salt, and returns the body.
func VerifyDocument(sort DocumentSort, commitment canonical.Digest, body []byte, salt canonical.Bytes) (DocumentBody, error) {
	if err := checkSalt(salt); err != nil {
		return DocumentBody{}, err
	}
	if DocumentCommitment(body, salt) != commitment {
		return DocumentBody{}, tampered("The %s document is not the one that was committed to.", sort)
	}
	b, err := ParseDocument(body)
	if err != nil {
		return DocumentBody{}, err
	}
	if b.Sort != sort {
		return DocumentBody{}, tampered("The document calls itself a %s, its place says %s.", b.Sort, sort)
	}
	return b, nil
}

// Verify checks that the parts of d belong together: commitment, body, salt and openings.
// It sets Body.
func (d *Document) Verify() error {
	b, err := VerifyDocument(d.Sort, d.Commitment, d.BodyBytes, d.Salt)
	if err != nil {
		return err
	}
	for _, o := range d.Openings {
		if !b.Opens(o) {
			return tampered("The field %q of the %s %q is not the one committed to.", o.Name, d.Sort, b.ID)
		}
	}
	d.Body = b
	return nil
}

// Opens reports whether o opens one of b's sealed fields.
func (b DocumentBody) Opens(o Opening) bool { return opens(b.Sealed, o) }

// Leaf returns the document's leaf in a roll.
func (d Document) Leaf() DocumentLeaf {
	return DocumentLeaf{Sort: d.Sort, Number: d.Number, Commitment: d.Commitment}
}

// DocumentLeaf is one record of the tree of a roll.
type DocumentLeaf struct {
	Sort       DocumentSort
	Number     int64
	Commitment canonical.Digest
}

// Bytes returns the leaf in the form that the tree of a roll holds.
func (l DocumentLeaf) Bytes() []byte {
	b := make([]byte, 0, maxLeaf)
	b = append(b, documentVersion+"\n"...)
	b = append(b, l.Sort...)
	b = append(b, '\n')
	b = strconv.AppendInt(b, l.Number, 10)
	b = append(b, '\n')
	b = base64.StdEncoding.AppendEncode(b, l.Commitment[:])
	return append(b, '\n')
}

// Hash returns the leaf's hash in the tree of a roll.
func (l DocumentLeaf) Hash() tlog.Hash { return tlog.RecordHash(l.Bytes()) }

// ParseDocumentLeaf reads a leaf in the form that Bytes writes, and no other.
func ParseDocumentLeaf(b []byte) (DocumentLeaf, error) {
	malformed := fault.New(fault.Invalid, "leaf-malformed", "This is not the leaf of a document in a roll.")
	if len(b) > maxLeaf {
		return DocumentLeaf{}, malformed
	}
	lines := strings.Split(string(b), "\n")
	if len(lines) != 5 {
		return DocumentLeaf{}, malformed
	}
	number, err := strconv.ParseInt(lines[2], 10, 64)
	if err != nil {
		return DocumentLeaf{}, malformed.Because(err)
	}
	commitment, err := base64.StdEncoding.DecodeString(lines[3])
	if err != nil || len(commitment) != len(canonical.Digest{}) {
		return DocumentLeaf{}, malformed
	}
	l := DocumentLeaf{Sort: DocumentSort(lines[1]), Number: number, Commitment: canonical.Digest(commitment)}
	if !l.Sort.Valid() || number < 0 || number > maxNumber || !bytes.Equal(l.Bytes(), b) {
		return DocumentLeaf{}, malformed
	}
	return l, nil
}
