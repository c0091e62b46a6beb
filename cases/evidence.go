package cases

import (
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/platform"
)

// EvidencePrefix is the prefix of identifiers of evidence.
const EvidencePrefix = "evi"

// EvidenceVersion is the only version of EvidenceDocument.
const EvidenceVersion = "countersign/evidence/v1"

// EvidenceState says how far evidence was copied (casework, law 17).
type EvidenceState string

// The states.
const (
	EvidencePending EvidenceState = "pending" // acknowledged, and still to be copied
	EvidenceCopied  EvidenceState = "copied"  // what the subject showed was read, and is kept
	EvidenceGone    EvidenceState = "gone"    // nothing could be read any more; Why says so
)

// EvidenceDocument is the document of what a subject showed when it was reported. What the desk read
// itself and what whoever reported says are apart. It is written once, in canonical form, and
// named by the SHA-256 of these bytes. Strangers' text in it is as it came.
type EvidenceDocument struct {
	At       canonical.Time     `json:"at"`               // when the document was made
	Changed  Changed            `json:"changed,omitzero"` // that what was read need not be what was reported
	Content  canonical.Digest   `json:"content,omitzero"` // of what was read without its surroundings; see ContentDigest
	ID       string             `json:"id"`               // of the evidence at the desk
	Pictures []EvidencePicture  `json:"pictures"`         // what became of each picture in Read
	Read     *platform.Evidence `json:"read"`             // by the desk; null if it could read nothing
	Report   string             `json:"report"`           // the report that it was copied for
	Reported canonical.Time     `json:"reported"`         // when that report was acknowledged
	Subject  platform.Subject   `json:"subject"`          //
	Thread   canonical.Digest   `json:"thread,omitzero"`  // of what was read of its surroundings; see ThreadDigest
	Told     Told               `json:"told"`             // by whoever reported
	V        string             `json:"v"`                //
	Why      string             `json:"why,omitzero"`     // nothing was read: the stable type of the reason
}

// Changed says what shows that a subject was changed between the report and the copy.
type Changed struct {
	Edited canonical.Time   `json:"edited,omitzero"` // the platform says that it was changed then, after the report
	Told   canonical.Digest `json:"told,omitzero"`   // of the text that whoever reported tells, if it is another one
	Read   canonical.Digest `json:"read,omitzero"`   // of the text that was read, if Told is there
	Before canonical.Digest `json:"before,omitzero"` // Content of the case's evidence before this, if it was another one
}

// PictureState says what became of a picture.
type PictureState string

// The states. All but the first have no bytes at the desk.
const (
	PictureKept     PictureState = "kept"
	PictureHashed   PictureState = "hashed"    // its digest was taken and its bytes let go, as a specialist said
	PictureWithheld PictureState = "withheld"  // a report for a reason of child safety stopped the copying
	PictureMatched  PictureState = "matched"   // its digest is on a governed hash list
	PictureRemoved  PictureState = "removed"   // somebody removed bytes of this digest, by a signed press
	PictureTooLarge PictureState = "too-large" // of more than platform.MaxPicture bytes
	PictureGone     PictureState = "gone"      // the platform had it no more
	PictureUnread   PictureState = "unread"    // the platform did not give it out for a week
)

// EvidencePicture is what became of a picture.
type EvidencePicture struct {
	Digest canonical.Digest `json:"digest,omitzero"` // SHA-256 of the bytes, taken by the desk or, where Told, by the platform
	Format Format           `json:"format,omitzero"` // of the bytes, as the desk sees it
	List   string           `json:"list,omitzero"`   // the hash list that the digest is on
	Name   string           `json:"name"`            // as in Read
	Size   int64            `json:"size,omitzero"`   // bytes
	State  PictureState     `json:"state"`
	Told   bool             `json:"told,omitzero"`  // the digest is the platform's word: the bytes were not read again
	Other  bool             `json:"other,omitzero"` // the bytes are not those whose digest the platform told
}

// Complete fills in what follows from the other members, and returns the document.
func (e EvidenceDocument) Complete(before canonical.Digest) EvidenceDocument {
	e.V = EvidenceVersion
	if e.Pictures == nil {
		e.Pictures = []EvidencePicture{}
	}
	if e.Read == nil {
		return e
	}
	e.Content, e.Thread = ContentDigest(*e.Read), ThreadDigest(*e.Read)
	if e.Read.Edited.After(e.Reported.Time) {
		e.Changed.Edited = e.Read.Edited
	}
	if text := e.Read.Text; e.Told.Text != "" && !text.Cut && e.Told.Text != text.Text {
		e.Changed.Told, e.Changed.Read = canonical.Sum([]byte(e.Told.Text)), canonical.Sum([]byte(text.Text))
	}
	if !before.IsZero() && before != e.Content {
		e.Changed.Before = before
	}
	return e
}

// Bytes returns the document in canonical form, and its digest.
func (e EvidenceDocument) Bytes() ([]byte, canonical.Digest, error) {
	b, err := canonical.Marshal(e)
	if err != nil {
		return nil, canonical.Digest{}, err
	}
	return b, canonical.Sum(b), nil
}

// ParseEvidence reads a document that is exactly in canonical form, of this version.
func ParseEvidence(b []byte) (EvidenceDocument, error) {
	var e EvidenceDocument
	if err := canonical.UnmarshalExact(b, &e); err != nil {
		return EvidenceDocument{}, err
	}
	if e.V != EvidenceVersion {
		return EvidenceDocument{}, fault.New(fault.Invalid, "malformed", "The document is no %s.", EvidenceVersion)
	}
	return e, nil
}

// content is what a subject itself shows, without what stands around it and without what
// others change, such as the number of its followers.
type content struct {
	Bio      string          `json:"bio"` // this and the next two of an account only
	Handle   string          `json:"handle"`
	Links    []platform.Link `json:"links"`
	Name     string          `json:"name"`
	Pictures []picture       `json:"pictures"`
	Sort     platform.Sort   `json:"sort"`
	Text     string          `json:"text"`
	V        string          `json:"v"`
}

type picture struct {
	Alt    string           `json:"alt"`
	Bytes  int64            `json:"bytes"`
	Digest canonical.Digest `json:"digest,omitzero"`
	Name   string           `json:"name"`
}

// ContentDigest names what a subject itself shows: it is the same as long as nobody changes
// its text, its links, its pictures or, of an account, its profile. Two readings of the same
// content have the same digest, whatever was copied of them.
func ContentDigest(e platform.Evidence) canonical.Digest {
	c := content{V: "countersign/content/v1", Sort: e.Sort, Text: e.Text.Text, Links: e.Links, Pictures: []picture{}}
	if c.Links == nil {
		c.Links = []platform.Link{}
	}
	if e.Sort == platform.Account {
		c.Bio, c.Handle, c.Name = e.Author.Bio.Text, e.Author.Handle, e.Author.Name
	}
	for _, p := range e.Pictures {
		c.Pictures = append(c.Pictures, picture{Alt: p.Alt.Text, Bytes: p.Bytes, Digest: p.SHA256, Name: p.Name})
	}
	return canonical.DigestOf(c)
}

// ThreadDigest names what stands around a subject: the posts, in their order, with their
// authors and texts, but the subject's own.
func ThreadDigest(e platform.Evidence) canonical.Digest {
	type post struct {
		Answers string `json:"answers"`
		Author  string `json:"author"`
		ID      string `json:"id"`
		Text    string `json:"text"`
	}
	thread := struct {
		Posts []post `json:"posts"`
		V     string `json:"v"`
	}{[]post{}, "countersign/thread/v1"}
	for _, p := range e.Thread {
		if !p.Subject {
			thread.Posts = append(thread.Posts, post{p.Answers, p.Author.ID, p.ID, p.Text.Text})
		}
	}
	return canonical.DigestOf(thread)
}
