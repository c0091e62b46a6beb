package bluesky

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/fxamacker/cbor/v2"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/platform"
)

// This file reads what a subject shows. Records are read with the PDS's proof, which it
// gives its administrator also while the record or its account is down.
//
// What a PDS does not know stays empty: followers and numbers of posts, and answers to a
// post, which only a view of the whole network knows. The thread goes upwards from a post, as far
// as the accounts of this PDS; nobody else is asked.

var _ platform.Evidencer = (*Connector)(nil)

const (
	postCollection    = "app.bsky.feed.post"
	profileCollection = "app.bsky.actor.profile"
	profileKey        = "self"

	// newest is the number of an account's posts that are shown beside its profile.
	newest = platform.MaxThread
)

// leniently reads a record, which is its author's own: whatever a PDS has accepted must not
// keep the rest of it from being seen.
var leniently = func() cbor.DecMode {
	m, err := cbor.DecOptions{
		DefaultMapType:  reflect.TypeFor[map[string]any](),
		IndefLength:     cbor.IndefLengthForbidden,
		MaxNestedLevels: 256,
		UTF8:            cbor.UTF8DecodeInvalid,
		TimeTag:         cbor.DecTagIgnored,
	}.DecMode()
	if err != nil {
		panic(err) // the options above are constants
	}
	return m
}()

// Evidence reads a record, or the profile and the newest posts of an account.
func (c *Connector) Evidence(ctx context.Context, s platform.Subject) (platform.Evidence, error) {
	sort, err := c.Sort(s.ID)
	if err != nil {
		return platform.Evidence{}, err
	}
	s.Platform = c.config.Name
	owner := s.ID
	if sort == platform.Content {
		owner, _ = recordOwner(s.ID)
		s.Handle = ""
	}
	holds, err := c.account(ctx, owner)
	if errors.Is(err, errNotThere) {
		return platform.Evidence{}, noSuchSubject(s, err)
	}
	if err != nil {
		return platform.Evidence{}, err
	}
	e := platform.Evidence{Subject: s, Sort: sort, Thread: []platform.Post{}, Pictures: []platform.Picture{}, At: canonical.At(c.config.Now())}
	now, err := c.measure(ctx, s, sort)
	if err != nil {
		return platform.Evidence{}, err
	}
	e.Status = now.Status
	if sort == platform.Account {
		e.Subject.Handle = strings.ToLower(holds.Handle)
		err = c.readProfile(ctx, &e, holds)
	} else {
		err = c.readRecord(ctx, &e, holds)
	}
	if err != nil {
		return platform.Evidence{}, err
	}
	return e.Bound(), nil
}

// readProfile adds what an account says of itself, and its newest posts.
func (c *Connector) readProfile(ctx context.Context, e *platform.Evidence, holds account) error {
	profile, pictures, err := c.profile(ctx, holds)
	if err != nil {
		return err
	}
	e.Author, e.Pictures, e.Created = profile, pictures, profile.Created
	var page struct {
		Records []struct {
			URI   string         `json:"uri"`
			Value map[string]any `json:"value"`
		} `json:"records"`
	}
	// The PDS lists nothing of an account that is not active; its profile has to do.
	if err := c.query(ctx, "com.atproto.repo.listRecords", params{{"repo", holds.DID}, {"collection", postCollection}, {"limit", "20"}}, &page); err != nil {
		if asRefusal(err) != nil {
			return nil
		}
		return err
	}
	slices.Reverse(page.Records) // the PDS lists the newest first
	for _, r := range page.Records[:min(newest, len(page.Records))] {
		if at, ok := recordOwner(r.URI); ok && at == holds.DID {
			e.Thread = append(e.Thread, postOf(r.URI, holds, record(r.Value)))
		}
	}
	return nil
}

// profile reads an account's profile, and the pictures in it.
func (c *Connector) profile(ctx context.Context, holds account) (platform.Profile, []platform.Picture, error) {
	p := platform.Profile{ID: holds.DID, Handle: strings.ToLower(holds.Handle)}
	if made, err := parseTime(holds.IndexedAt); err == nil {
		p.Created = canonical.At(made)
	}
	r, found, err := c.open(ctx, holds.DID, profileCollection, profileKey)
	if err != nil || !found {
		return p, []platform.Picture{}, err
	}
	p.Name, p.Bio = r.text("displayName"), platform.Text{Text: r.text("description")}
	return p, r.pictures(), nil
}

// open reads and decodes a record.
func (c *Connector) open(ctx context.Context, did, collection, key string) (record, bool, error) {
	b, found, err := c.record(ctx, did, collection, key)
	if err != nil || !found {
		return nil, false, err
	}
	var r record
	if err := leniently.Unmarshal(b, &r); err != nil {
		return nil, false, fault.New(fault.Invalid, "evidence-unreadable", "The record %s/%s of %s cannot be read.", collection, key, did).Because(err)
	}
	return r, true, nil
}

// readRecord adds a record and, if it is a post, what it answers.
func (c *Connector) readRecord(ctx context.Context, e *platform.Evidence, holds account) error {
	collection, key := pathOf(e.Subject.ID)
	r, found, err := c.open(ctx, holds.DID, collection, key)
	if errors.Is(err, errNotThere) || err == nil && !found {
		return noSuchSubject(e.Subject, err)
	}
	if err != nil {
		return err
	}
	if e.Author, _, err = c.profile(ctx, holds); err != nil && !errors.Is(err, errNotThere) {
		return err
	}
	e.Pictures, e.Links, e.Language, e.Created = r.pictures(), r.links(), r.language(), r.created()
	if collection != postCollection {
		// Of other records nobody knows what a reader sees of them, so that all of it is shown.
		e.Text = platform.Text{Text: r.json()}
		return nil
	}
	e.Text = platform.Text{Text: r.text("text")}
	self := postOf(e.Subject.ID, holds, r)
	self.Subject = true
	e.Thread, err = c.above(ctx, self)
	return err
}

// above returns a post and those that it answers, the first one first. It ends at a post
// that is not on this PDS, or that was there already.
func (c *Connector) above(ctx context.Context, self platform.Post) ([]platform.Post, error) {
	thread := []platform.Post{self}
	known := map[string]account{}
	for at := self.Answers; at != "" && len(thread) < platform.MaxThread; at = thread[len(thread)-1].Answers {
		did, ok := recordOwner(at)
		if !ok || !isDID(did) || slices.ContainsFunc(thread, func(p platform.Post) bool { return p.ID == at }) {
			break
		}
		holds, there := known[did]
		if !there {
			var err error
			if holds, err = c.account(ctx, did); errors.Is(err, errNotThere) {
				break
			} else if err != nil {
				return nil, err
			}
			known[did] = holds
		}
		collection, key := pathOf(at)
		r, found, err := c.open(ctx, did, collection, key)
		if errors.Is(err, errNotThere) || fault.Is(err, "evidence-unreadable") || err == nil && !found {
			break
		}
		if err != nil {
			return nil, err
		}
		thread = append(thread, postOf(at, holds, r))
	}
	slices.Reverse(thread)
	return thread, nil
}

// pathOf returns the collection and the key in an at-URI whose form was checked.
func pathOf(uri string) (collection, key string) {
	parts := strings.Split(strings.TrimPrefix(uri, atScheme), "/")
	return parts[1], parts[2]
}

func postOf(uri string, holds account, r record) platform.Post {
	return platform.Post{ID: uri, Author: platform.Profile{ID: holds.DID, Handle: strings.ToLower(holds.Handle)}, Answers: r.in("reply").in("parent").text("uri"),
		Text: platform.Text{Text: r.text("text")}, Language: r.language(), Created: r.created()}
}

// record is a record as its author wrote it, decoded from the PDS's proof or from its
// list. Nothing in it has to have the form that its collection asks for.
type record map[string]any

// in returns the map in a member, nil if there is none.
func (r record) in(name string) record {
	switch v := r[name].(type) {
	case map[string]any:
		return v
	case record:
		return v
	}
	return nil
}

func (r record) text(name string) string {
	s, _ := r[name].(string)
	return strings.ToValidUTF8(s, "\uFFFD")
}

func (r record) language() string {
	if list, ok := r["langs"].([]any); ok && len(list) > 0 {
		s, _ := list[0].(string)
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	return ""
}

// created returns the time that the author wrote into the record, zero if it is none.
func (r record) created() canonical.Time {
	t, err := parseTime(r.text("createdAt"))
	if err != nil || t.Before(time.UnixMicro(0)) {
		return canonical.Time{}
	}
	return canonical.At(t)
}

// walk calls visit with each map in the record, in the order of the members' names.
func (r record) walk(visit func(record)) {
	visit(r)
	for _, name := range slices.Sorted(maps.Keys(r)) {
		walk(r[name], visit)
	}
}

func walk(v any, visit func(record)) {
	switch v := v.(type) {
	case map[string]any:
		record(v).walk(visit)
	case []any:
		for _, e := range v {
			walk(e, visit)
		}
	}
}

// pictures returns every blob that the record names, whatever its format is, with the
// description that stands beside it.
func (r record) pictures() []platform.Picture {
	pictures := []platform.Picture{}
	r.walk(func(around record) {
		for _, name := range slices.Sorted(maps.Keys(around)) {
			blob := around.in(name)
			cid := cidText(blob["ref"])
			if blob.text("$type") != "blob" || cid == "" || slices.ContainsFunc(pictures, func(p platform.Picture) bool { return p.Name == cid }) {
				continue
			}
			p := platform.Picture{Name: cid, Type: blob.text("mimeType"), Bytes: max(whole(blob["size"]), 0), SHA256: blobDigest(cid), Alt: platform.Text{Text: around.text("alt")}}
			ratio := around.in("aspectRatio")
			p.Width, p.Height = max(whole(ratio["width"]), 0), max(whole(ratio["height"]), 0)
			pictures = append(pictures, p)
		}
	})
	return pictures
}

// links returns the addresses that the record leads to and that its text need not show.
func (r record) links() []platform.Link {
	var links []platform.Link
	r.walk(func(at record) {
		address := at.text("uri")
		if address == "" || strings.HasPrefix(address, atScheme) || slices.ContainsFunc(links, func(l platform.Link) bool { return l.Address == address }) {
			return
		}
		text := strings.TrimSpace(at.text("title") + "\n" + at.text("description"))
		links = append(links, platform.Link{Address: address, Text: platform.Text{Text: text}})
	})
	return links
}

func whole(v any) int64 {
	switch n := v.(type) {
	case uint64:
		if n < 1<<62 {
			return int64(n)
		}
	case int64:
		return n
	case float64: // from the PDS's list, which is JSON
		if n == float64(int64(n)) {
			return int64(n)
		}
	}
	return 0
}

// json returns the record as JSON, in the form that the protocol gives to links and bytes.
func (r record) json() string {
	b, err := json.MarshalIndent(plain(map[string]any(r)), "", "  ")
	if err != nil {
		return ""
	}
	return string(b)
}

func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := map[string]any{}
		for name, e := range v {
			m[strings.ToValidUTF8(name, "\uFFFD")] = plain(e)
		}
		return m
	case []any:
		l := make([]any, len(v))
		for i, e := range v {
			l[i] = plain(e)
		}
		return l
	case []byte:
		return map[string]any{"$bytes": v}
	case cbor.Tag:
		return map[string]any{"$link": cidText(v)}
	case string:
		return strings.ToValidUTF8(v, "\uFFFD")
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Sprint(v)
		}
	}
	return v
}

var (
	lower       = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)
	cidForm     = regexp.MustCompile(`^b[a-z2-7]{20,150}$`)
	rawSHA256   = []byte{0x01, 0x55, 0x12, 0x20} // version 1, raw bytes, SHA-256
	maxCIDBytes = 90
)

// cidText returns the name of a blob as text, from the tag of a proof or from JSON; empty
// if it is none.
func cidText(v any) string {
	switch v := v.(type) {
	case cbor.Tag:
		b, ok := v.Content.([]byte)
		if !ok || v.Number != cidTag || len(b) < 20 || len(b) > maxCIDBytes || b[0] != 0 {
			return ""
		}
		return "b" + lower.EncodeToString(b[1:])
	case map[string]any:
		if s, _ := v["$link"].(string); cidForm.MatchString(s) {
			return s
		}
	}
	return ""
}

// blobDigest returns the digest in a blob's name; zero if it is another one than SHA-256.
func blobDigest(cid string) (d canonical.Digest) {
	b, err := lower.DecodeString(strings.TrimPrefix(cid, "b"))
	if err == nil && len(b) == len(rawSHA256)+sha256.Size && slices.Equal(b[:len(rawSHA256)], rawSHA256) {
		copy(d[:], b[len(rawSHA256):])
	}
	return d
}

// pictureTime bounds the reading of one picture.
const pictureTime = time.Minute

// Picture streams a blob from the PDS.
func (c *Connector) Picture(ctx context.Context, s platform.Subject, name string) (io.ReadCloser, error) {
	sort, err := c.Sort(s.ID)
	if err != nil {
		return nil, err
	}
	did := s.ID
	if sort == platform.Content {
		did, _ = recordOwner(s.ID)
	}
	if !cidForm.MatchString(name) {
		return nil, fault.New(fault.NotFound, "no-such-picture", "%.40q names no picture of %s.", name, s)
	}
	ctx, cancel := context.WithTimeout(ctx, pictureTime)
	req, err := c.question(ctx, "com.atproto.sync.getBlob", params{{"did", did}, {"cid", name}})
	if err != nil {
		cancel()
		return nil, err
	}
	patient := *c.client
	patient.Timeout = 0
	res, err := c.do(req, &patient)
	if err != nil {
		cancel()
		return nil, err
	}
	if res.StatusCode == http.StatusOK {
		return platform.BoundPicture(res.Body, cancel), nil
	}
	defer cancel()
	defer res.Body.Close()
	_, err = outcome(req, res)
	switch r := asRefusal(err); {
	case r != nil && r.name == "RepoNotFound":
		return nil, noSuchSubject(s, err)
	case r != nil && r.name == "InvalidRequest":
		return nil, fault.New(fault.NotFound, "no-such-picture", "There is no picture %.80s of %s on this PDS.", name, s).Because(err)
	}
	return nil, err
}
