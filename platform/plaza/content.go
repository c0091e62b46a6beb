package plaza

import (
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/platform"
)

// This file reads what a subject shows, which the protocol offers as "content".

const (
	offersContent = "content"

	// offersPreserve names the route by which a subject is kept for staff.
	offersPreserve = "preserve"

	// contentLimit is the most bytes of a content by the protocol.
	contentLimit = 2 << 20
	// unknownLanguage is the protocol's word where a platform does not know a language.
	unknownLanguage = "und"
)

var _ platform.Evidencer = (*Connector)(nil)

type wireContent struct {
	Subject struct {
		ID     string        `json:"id"`
		Handle string        `json:"handle"`
		Sort   platform.Sort `json:"sort"`
	} `json:"subject"`
	Status    platform.Status `json:"status"`
	Text      *string         `json:"text"` // missing is not the same as empty
	Cut       bool            `json:"cut"`
	Language  string          `json:"language"`
	Author    *wireProfile    `json:"author"`
	Profile   *wireProfile    `json:"profile"`
	Thread    []wirePost      `json:"thread"`
	Pictures  []wirePicture   `json:"pictures"`
	Created   canonical.Time  `json:"created"`
	Edited    canonical.Time  `json:"edited"`
	Preserved canonical.Time  `json:"preserved"`
}

type wireProfile struct {
	ID        string         `json:"id"`
	Handle    string         `json:"handle"`
	Name      string         `json:"name"`
	Bio       string         `json:"bio"`
	Created   canonical.Time `json:"created"`
	Followers *int64         `json:"followers"`
	Posts     *int64         `json:"posts"`
}

type wirePost struct {
	ID       string          `json:"id"`
	Author   wireProfile     `json:"author"`
	Answers  string          `json:"answers"`
	Status   platform.Status `json:"status"`
	Text     string          `json:"text"`
	Cut      bool            `json:"cut"`
	Language string          `json:"language"`
	At       canonical.Time  `json:"at"`
	Subject  bool            `json:"subject"`
}

type wirePicture struct {
	N      int    `json:"n"`
	Type   string `json:"type"`
	Bytes  int64  `json:"bytes"`
	Width  int64  `json:"width"`
	Height int64  `json:"height"`
	SHA256 string `json:"sha256"`
	Alt    string `json:"alt"`
}

// Evidence asks the server what a subject shows.
func (p *Connector) Evidence(ctx context.Context, s platform.Subject) (platform.Evidence, error) {
	sort, err := p.sortHere(s)
	if err != nil {
		return platform.Evidence{}, err
	}
	if err := p.offered(offersContent); err != nil {
		return platform.Evidence{}, err
	}
	a, err := p.callFor(ctx, contentLimit, http.MethodGet, "content", url.Values{"id": {s.ID}}, nil, nil)
	if err != nil {
		return platform.Evidence{}, err
	}
	if a.problem != nil {
		return platform.Evidence{}, p.refusal(*a.problem)
	}
	// Texts are strangers': a piece of one that is no character becomes the replacement
	// character, and does not keep the rest from being read.
	var w wireContent
	if err := json.Unmarshal(a.body, &w, jsontext.AllowInvalidUTF8(true)); err != nil {
		return platform.Evidence{}, unclear("%s answered with something that is not a content.", p.name).Because(err)
	}
	return p.content(s, sort, w)
}

// content translates an answer, which must be about the subject that was asked for.
func (p *Connector) content(s platform.Subject, sort platform.Sort, w wireContent) (platform.Evidence, error) {
	author := w.Author
	if sort == platform.Account {
		author = w.Profile
	}
	switch {
	case w.Subject.ID != s.ID || w.Subject.Sort != sort:
		return platform.Evidence{}, unclear("%s answered with another subject than %s.", p.name, s)
	case w.Text == nil || author == nil:
		return platform.Evidence{}, unclear("%s answered with a content of %s that has no text or no author.", p.name, s)
	case w.Status != "" && !knownStatus(w.Status) && (w.Status != platform.Deleted || w.Preserved.IsZero()):
		return platform.Evidence{}, unclear("%s says that %s is %.40q, which this connector does not know.", p.name, s, w.Status)
	}
	if who, err := p.Sort(author.ID); err != nil || who != platform.Account || sort == platform.Account && author.ID != s.ID {
		return platform.Evidence{}, unclear("%s answered with %.80q as the author of %s.", p.name, author.ID, s)
	}
	c := platform.Evidence{
		Subject:  platform.Subject{Platform: p.name, ID: w.Subject.ID, Handle: w.Subject.Handle},
		Sort:     sort,
		Status:   w.Status,
		Text:     platform.Text{Text: *w.Text, Cut: w.Cut},
		Language: languageOf(w.Language),
		Author:   author.profile(),
		Thread:   []platform.Post{},
		Pictures: []platform.Picture{},
		Created:  w.Created,
		Edited:   w.Edited,
		At:       canonical.At(p.now()),
	}
	for _, t := range w.Thread {
		c.Thread = append(c.Thread, platform.Post{ID: t.ID, Answers: t.Answers, Author: t.Author.profile(), Status: t.Status,
			Text: platform.Text{Text: t.Text, Cut: t.Cut}, Language: languageOf(t.Language), Created: t.At, Subject: t.Subject && t.ID == s.ID})
	}
	for _, i := range w.Pictures {
		if i.N < 1 || i.Bytes < 0 || i.Width < 0 || i.Height < 0 {
			return platform.Evidence{}, unclear("%s answered with a picture of %s that cannot be.", p.name, s)
		}
		picture := platform.Picture{Name: strconv.Itoa(i.N), Type: i.Type, Bytes: i.Bytes, Width: i.Width, Height: i.Height, Alt: platform.Text{Text: i.Alt}}
		if hexDigest.MatchString(i.SHA256) {
			// The form was compared, so that the text is a digest.
			_ = picture.SHA256.UnmarshalText([]byte("sha256:" + i.SHA256))
		}
		c.Pictures = append(c.Pictures, picture)
	}
	return c.Bound(), nil
}

var hexDigest = regexp.MustCompile(`^[0-9a-f]{64}$`)

func languageOf(s string) string {
	if s == unknownLanguage {
		return ""
	}
	return s
}

func (w wireProfile) profile() platform.Profile {
	return platform.Profile{ID: w.ID, Handle: w.Handle, Name: w.Name, Bio: platform.Text{Text: w.Bio}, Created: w.Created, Followers: w.Followers, Posts: w.Posts}
}

// Preserve asks the server to keep a subject until a time.
func (p *Connector) Preserve(ctx context.Context, s platform.Subject, until canonical.Time) error {
	if _, err := p.sortHere(s); err != nil {
		return err
	}
	if err := p.offered(offersPreserve); err != nil {
		return err
	}
	body, err := json.Marshal(struct {
		ID    string         `json:"id"`
		Until canonical.Time `json:"until"`
	}{s.ID, until})
	if err != nil {
		return fmt.Errorf("asking %s: %w", p.name, err)
	}
	a, err := p.call(ctx, http.MethodPost, "preserve", nil, nil, body)
	if err != nil {
		return err
	}
	if a.problem != nil {
		return p.refusal(*a.problem)
	}
	var kept struct {
		Until canonical.Time `json:"until"`
	}
	if err := json.Unmarshal(a.body, &kept); err != nil || kept.Until.Before(until.Time) {
		return unclear("%s answered with something that does not say that %s is kept until %s.", p.name, s, until)
	}
	return nil
}

// pictureTime bounds the reading of one picture.
const pictureTime = time.Minute

var pictureNumber = regexp.MustCompile(`^[1-9][0-9]?$`)

// Picture streams the bytes of a picture from the server.
func (p *Connector) Picture(ctx context.Context, s platform.Subject, name string) (io.ReadCloser, error) {
	if _, err := p.sortHere(s); err != nil {
		return nil, err
	}
	if err := p.offered(offersContent); err != nil {
		return nil, err
	}
	if !pictureNumber.MatchString(name) {
		return nil, fault.New(fault.NotFound, "no-such-picture", "%.40q names no picture of %s.", name, s)
	}
	u := p.base.JoinPath("staff/v1/", "content/picture")
	u.RawQuery = url.Values{"id": {s.ID}, "n": {name}}.Encode()
	ctx, cancel := context.WithTimeout(ctx, pictureTime)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("asking %s: %w", p.name, err)
	}
	r.Header.Set("Authorization", "Bearer "+p.token)
	patient := *p.client
	patient.Timeout = 0
	res, err := patient.Do(r)
	if err != nil {
		cancel()
		return nil, p.unreachable(err)
	}
	media, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if res.StatusCode == http.StatusOK && strings.HasPrefix(media, "image/") {
		return platform.BoundPicture(res.Body, cancel), nil
	}
	defer cancel()
	defer res.Body.Close()
	a, err := p.read(res, answerLimit)
	if err != nil {
		return nil, err
	}
	if a.problem != nil {
		return nil, p.refusal(*a.problem)
	}
	return nil, unclear("%s answered with something that is not a picture.", p.name)
}
