package platform

import (
	"context"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"countersign.dev/canonical"
	"countersign.dev/fault"
)

// Evidencer is a connector that can also tell what a subject shows: its text, its author's
// profile, the thread around it and its pictures. It reads, and it changes nothing.
// A platform whose connector is none can be worked on; its reports then bring all the
// evidence that there is.
type Evidencer interface {
	// Evidence returns what a subject shows now, also while the subject is down. It is
	// within the bounds below. A subject that does not exist, or exists no more, is a fault
	// "no-such-subject"; a platform that offers no content is a fault "not-offered"; one that
	// does not answer is a fault of kind Unavailable.
	Evidence(ctx context.Context, s Subject) (Evidence, error)

	// Picture opens the bytes of a picture by the name that Evidence gave it. Nobody has
	// checked the bytes. The reader ends with a fault "picture-too-large" after MaxPicture
	// bytes. A picture that is not there is a fault "no-such-picture"; other errors are those
	// of Evidence.
	Picture(ctx context.Context, s Subject, name string) (io.ReadCloser, error)
}

// Preserver is a connector that can also ask its platform to preserve a subject: to keep its
// text, profile and pictures for those who judge it, even if its owner deletes it. It burdens
// nobody: nothing that anybody else sees changes.
type Preserver interface {
	// Preserve asks for it until a time. Asking again is harmless, and never shortens the time.
	// A subject that does not exist, or exists no more, is a fault "no-such-subject"; a
	// platform that does not offer it is a fault "not-offered"; one that does not answer is a
	// fault of kind Unavailable.
	Preserve(ctx context.Context, s Subject, until canonical.Time) error
}

// MaxPreserve is the longest time for which a platform is asked to preserve something.
const MaxPreserve = 366 * 24 * time.Hour

// The bounds of an evidence. A connector cuts longer texts and says so, and leaves out what
// is more; a stranger who writes much must not keep the beginning from being read. One
// within these bounds has at most MaxEvidence bytes as JSON, where a control character
// takes six.
const (
	MaxEvidence    = 4 << 20
	MaxText        = 64 << 10
	MaxThread      = 20
	MaxThreadText  = 8 << 10
	MaxBio         = 16 << 10
	MaxName        = 1 << 10
	MaxAlt         = 4 << 10
	MaxLinks       = 10
	MaxAddress     = 2 << 10
	MaxPictures    = 8
	MaxPicture     = 10 << 20
	MaxPictureName = 200
	maxToken       = 200 // of a language or a media type
)

// Evidence is what a subject shows, as a connector read it. All of its texts are strangers'
// words, kept as they came.
type Evidence struct {
	Subject  Subject        `json:"subject"`
	Sort     Sort           `json:"sort"`
	Status   Status         `json:"status,omitzero"` // of its visibility, if the platform tells it with the content
	Text     Text           `json:"text"`            // of an account: empty, since its words are in Author
	Language string         `json:"language"`        // the platform's word for it, such as "de"; empty if it has none
	Author   Profile        `json:"author"`          // of content: its owner; of an account: the account itself
	Thread   []Post         `json:"thread"`          // of content: what stands around it, in a reader's order, itself among them; of an account: its newest posts
	Pictures []Picture      `json:"pictures"`
	Links    []Link         `json:"links,omitzero"`   // addresses that the text need not show
	More     int            `json:"more,omitzero"`    // pictures, posts and links that were left out
	Created  canonical.Time `json:"created,omitzero"` // by the platform
	Edited   canonical.Time `json:"edited,omitzero"`  // when it was last changed, if it was and the platform tells
	At       canonical.Time `json:"at"`               // when it was read, by the reader's clock
}

// Text is a stranger's text, perhaps only the beginning of it.
type Text struct {
	Text string `json:"text"`
	Cut  bool   `json:"cut,omitzero"` // it went on
}

// Profile is what an account says of itself.
type Profile struct {
	ID        string         `json:"id"`
	Handle    string         `json:"handle"`
	Name      string         `json:"name"`
	Bio       Text           `json:"bio,omitzero"`
	Created   canonical.Time `json:"created,omitzero"`
	Followers *int64         `json:"followers,omitzero"` // nil: the platform does not tell
	Posts     *int64         `json:"posts,omitzero"`
}

// Post is one of the posts around a subject.
type Post struct {
	ID       string         `json:"id"`
	Answers  string         `json:"answers,omitzero"` // the post that this one answers, which need not be in the thread
	Author   Profile        `json:"author"`           // identifier, handle and name at most
	Status   Status         `json:"status,omitzero"`
	Text     Text           `json:"text"`
	Language string         `json:"language"`
	Created  canonical.Time `json:"created,omitzero"`
	Subject  bool           `json:"subject,omitzero"` // this one is the subject
}

// Link is an address that the subject leads to, as text. Nobody opens it.
type Link struct {
	Address string `json:"address"`
	Text    Text   `json:"text"` // what the platform shows in its place
}

// Picture is what the platform says of a picture. Nothing in it was checked, and it has no
// address: the bytes come through the connector alone.
type Picture struct {
	Name   string           `json:"name"` // the connector's own, for Picture
	Type   string           `json:"type"` // the platform's word for the format
	Bytes  int64            `json:"bytes"`
	Width  int64            `json:"width,omitzero"`
	Height int64            `json:"height,omitzero"`
	SHA256 canonical.Digest `json:"sha256,omitzero"` // of the bytes, if the platform tells
	Alt    Text             `json:"alt"`
}

// Cut returns a text of at most limit bytes, which says so if it was longer. It cuts
// between characters. A piece that is no character becomes the replacement character, since
// a document cannot hold it.
func Cut(s string, limit int) Text {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= limit {
		return Text{Text: s}
	}
	end := limit
	for end > limit-utf8.UTFMax && !utf8.RuneStart(s[end]) {
		end--
	}
	return Text{Text: s[:end], Cut: true}
}

// bound cuts a text once more, if it is longer than limit.
func (t Text) bound(limit int) Text {
	b := Cut(t.Text, limit)
	b.Cut = b.Cut || t.Cut
	return b
}

// maxNumber is the largest whole number that every reader of JSON reads exactly.
const maxNumber = 1 << 53

func count(n *int64) *int64 {
	if n == nil || *n < 0 || *n > maxNumber {
		return nil
	}
	return n
}

func (p Profile) bound() Profile {
	p.ID, p.Handle, p.Name = Cut(p.ID, MaxName).Text, Cut(p.Handle, MaxName).Text, Cut(p.Name, MaxName).Text
	p.Bio = p.Bio.bound(MaxBio)
	p.Followers, p.Posts = count(p.Followers), count(p.Posts)
	return p
}

// Bound returns the content within its bounds. Connectors pass what they read through it,
// and so does whoever gets a content from another process. The subject stays in the thread
// if it was there.
func (e Evidence) Bound() Evidence {
	e.Text = e.Text.bound(MaxText)
	e.Language = Cut(e.Language, maxToken).Text
	e.Author = e.Author.bound()
	if n := len(e.Thread); n > MaxThread {
		e.More += n - MaxThread
		e.Thread = around(e.Thread)
	}
	thread := make([]Post, len(e.Thread))
	for i, p := range e.Thread {
		p.ID, p.Answers = Cut(p.ID, MaxName).Text, Cut(p.Answers, MaxName).Text
		p.Author = Profile{ID: p.Author.ID, Handle: p.Author.Handle, Name: p.Author.Name}.bound()
		p.Text, p.Language = p.Text.bound(MaxThreadText), Cut(p.Language, maxToken).Text
		thread[i] = p
	}
	e.Thread = thread
	if n := len(e.Pictures); n > MaxPictures {
		e.More += n - MaxPictures
		e.Pictures = e.Pictures[:MaxPictures]
	}
	if n := len(e.Links); n > MaxLinks {
		e.More += n - MaxLinks
		e.Links = e.Links[:MaxLinks]
	}
	links := make([]Link, len(e.Links))
	for i, l := range e.Links {
		links[i] = Link{Address: Cut(l.Address, MaxAddress).Text, Text: l.Text.bound(MaxName)}
	}
	e.Links = links
	pictures := make([]Picture, len(e.Pictures))
	for i, p := range e.Pictures {
		p.Name, p.Type, p.Alt = Cut(p.Name, MaxPictureName).Text, Cut(p.Type, maxToken).Text, p.Alt.bound(MaxAlt)
		for _, n := range []*int64{&p.Bytes, &p.Width, &p.Height} {
			*n = min(max(*n, 0), maxNumber)
		}
		pictures[i] = p
	}
	e.Pictures = pictures
	return e
}

// around returns MaxThread posts of a thread: the first, which began it, and those that
// end at the subject, or the first ones if the subject is none of them.
func around(thread []Post) []Post {
	end := MaxThread
	for i, p := range thread {
		if p.Subject {
			end = max(end, i+1)
			break
		}
	}
	if end == MaxThread {
		return thread[:MaxThread]
	}
	return append([]Post{thread[0]}, thread[end-MaxThread+1:end]...)
}

// BoundPicture returns a reader of a picture's bytes that ends with a fault after
// MaxPicture of them. release is called when it is closed.
func BoundPicture(body io.ReadCloser, release func()) io.ReadCloser {
	return &boundPicture{body: body, release: release, left: MaxPicture}
}

type boundPicture struct {
	body    io.ReadCloser
	release func()
	left    int64
}

func (b *boundPicture) Read(into []byte) (int, error) {
	if b.left < 0 {
		return 0, fault.New(fault.TooLarge, "picture-too-large", "The platform sends a picture of more than %d bytes.", MaxPicture)
	}
	if int64(len(into)) > b.left+1 {
		into = into[:b.left+1]
	}
	n, err := b.body.Read(into)
	if b.left -= int64(n); b.left < 0 {
		return n - 1, nil // the next call says so
	}
	if err != nil && err != io.EOF {
		err = fault.New(fault.Unavailable, "platform-unavailable", "The platform's answer was cut off.").Because(err)
	}
	return n, err
}

func (b *boundPicture) Close() error {
	defer b.release()
	return b.body.Close()
}
