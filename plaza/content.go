package plaza

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/sqldb"
)

// Bounds of what staff are told of a subject, as the protocol has them.
const (
	contentPosts    = 20       // in a thread, the subject among them
	contentText     = 64 << 10 // bytes of a text
	contentNear     = 8 << 10  // bytes of a text in a thread
	threadAbove     = 9        // posts in a thread that stand above its subject
	threadLongest   = 100      // steps from a post up to those that it answers, deleted ones among them
	contentPictures = 20       // the largest number of a picture that may be asked for
)

// SubjectContent is a subject as people see it, for staff who judge it. It is told in
// full whatever its status is.
type SubjectContent struct {
	Subject  ContentSubject `json:"subject"`
	Status   Status         `json:"status"`
	Text     string         `json:"text"` // as its author wrote it; empty for an account
	Cut      bool           `json:"cut"`  // the text is longer than what is told
	Language string         `json:"language"`
	Author   *Profile       `json:"author,omitempty"`  // of content
	Profile  *Profile       `json:"profile,omitempty"` // of an account
	Thread   []ThreadPost   `json:"thread"`            // around content; the newest posts of an account
	Pictures []PictureOf    `json:"pictures"`
	Created  canonical.Time `json:"created"`
	Edited   canonical.Time `json:"edited,omitzero"` // absent: never
	At       canonical.Time `json:"at"`              // when this was read; of what was deleted: when
	// Preserved is until when staff have it kept, also if it is deleted. Absent: it is not.
	Preserved canonical.Time `json:"preserved,omitzero"`
}

// ContentSubject names a subject.
type ContentSubject struct {
	ID     string `json:"id"`
	Handle string `json:"handle"` // empty for content
	Sort   Sort   `json:"sort"`
}

// Profile is an account as people see it.
type Profile struct {
	ID        string         `json:"id"`
	Handle    string         `json:"handle"`
	Name      string         `json:"name"`
	Bio       string         `json:"bio"`
	Created   canonical.Time `json:"created"`
	Followers int64          `json:"followers"`
	Posts     int64          `json:"posts"` // that are not deleted
}

// ThreadPost is a post in a thread.
type ThreadPost struct {
	ID       string         `json:"id"`
	Author   ThreadAuthor   `json:"author"`
	Answers  string         `json:"answers"` // identifier of the post that it answers; empty for none
	Status   Status         `json:"status"`
	Text     string         `json:"text"`
	Cut      bool           `json:"cut"`
	Language string         `json:"language"`
	At       canonical.Time `json:"at"` // when it was made
	Subject  bool           `json:"subject"`
}

// ThreadAuthor names the author of a post in a thread.
type ThreadAuthor struct {
	ID     string `json:"id"`
	Handle string `json:"handle"`
	Name   string `json:"name"`
}

// PictureOf describes a picture of a post.
type PictureOf struct {
	N      int    `json:"n"` // from 1 on
	Type   string `json:"type"`
	Bytes  int64  `json:"bytes"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
	Alt    string `json:"alt"`
	SHA256 string `json:"sha256"` // of the bytes
}

// written is a post with its author.
type written struct {
	post
	by account
}

// cutAt returns a text, or its beginning up to a number of bytes, and whether the rest is
// missing.
func cutAt(text string, most int) (string, bool) {
	if len(text) <= most {
		return text, false
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most], true
}

func (w written) inThread(subject int64) ThreadPost {
	p := ThreadPost{ID: subjectID{Content, w.number}.String(), Author: ThreadAuthor{w.by.id().String(), "@" + w.by.handle, w.by.name},
		Status: w.status, Language: w.language, At: canonical.At(w.created), Subject: w.number == subject}
	p.Text, p.Cut = cutAt(w.text, contentNear)
	if w.answers != 0 {
		p.Answers = subjectID{Content, w.answers}.String()
	}
	return p
}

func profileOf(tx *sqldb.Tx, a account) (*Profile, error) {
	p := &Profile{ID: a.id().String(), Handle: "@" + a.handle, Name: a.name, Bio: a.bio, Created: canonical.At(a.created), Followers: a.followers}
	if err := tx.QueryRow(`select count(*) from post where account = $1 and status <> 'deleted'`, a.number).Scan(&p.Posts); err != nil {
		return nil, fmt.Errorf("counting posts of %s: %w", a.id(), err)
	}
	return p, nil
}

func scanWritten(row sqldb.Row) (written, error) {
	p, a, err := scanPost(row)
	return written{p, a}, err
}

// above reads the posts that a post answers, one after the other, the nearest last.
// Deleted ones are passed over.
func above(tx *sqldb.Tx, of post, most int) ([]written, error) {
	var all []written
	for range threadLongest {
		if of.answers == 0 || len(all) == most {
			break
		}
		p, a, err := postWithAccount(tx, of.answers)
		if err != nil {
			return nil, fmt.Errorf("reading a thread: %w", err)
		}
		if of = p; p.status != Deleted {
			all = append(all, written{p, a})
		}
	}
	slices.Reverse(all)
	return all, nil
}

// below reads the posts that answer some posts, the oldest first, and then those that
// answer them, up to a number in all. Deleted ones are passed over, and what answers them
// is told.
func below(tx *sqldb.Tx, of []int64, most int) ([]written, error) {
	var all []written
	for range threadLongest {
		if len(of) == 0 || len(all) >= most {
			break
		}
		args := []any{}
		for _, n := range of {
			args = append(args, n)
		}
		// Twice as many as are wanted, since deleted ones are passed over.
		level, err := sqldb.All(tx, scanWritten, `select `+accountColumns+`, `+postColumns+`
			from post_reply d join post p on p.id = d.post join account a on a.id = p.account
			where d.answers in (`+sqldb.Places(1, len(args))+`) order by p.created, p.id limit `+strconv.Itoa(2*most), args...)
		if err != nil {
			return nil, fmt.Errorf("reading a thread: %w", err)
		}
		of = nil
		for _, w := range level {
			of = append(of, w.number)
			if w.status != Deleted {
				all = append(all, w)
			}
		}
	}
	return all[:min(len(all), most)], nil
}

// threadOf lists up to 20 posts around a post, in the order of a reader.
func threadOf(tx *sqldb.Tx, p post, a account) ([]written, error) {
	all, err := above(tx, p, threadAbove)
	if err != nil {
		return nil, err
	}
	all = append(all, written{p, a})
	rest, err := below(tx, []int64{p.number}, contentPosts-len(all))
	if err != nil {
		return nil, err
	}
	sortWritten(rest)
	return append(all, rest...), nil
}

// sortWritten puts posts in the order in which they were made.
func sortWritten(list []written) {
	slices.SortFunc(list, func(x, y written) int {
		return cmp.Or(x.created.Compare(y.created), cmp.Compare(x.number, y.number))
	})
}

func newestPosts(tx *sqldb.Tx, a account) ([]written, error) {
	all, err := sqldb.All(tx, scanWritten, `select `+accountColumns+`, `+postColumns+` from post p join account a on a.id = p.account
		where p.account = $1 and p.status <> 'deleted' order by p.created desc, p.id desc limit $2`, a.number, contentPosts)
	if err != nil {
		return nil, fmt.Errorf("reading the newest posts of %s: %w", a.id(), err)
	}
	slices.Reverse(all)
	return all, nil
}

func picturesOf(tx *sqldb.Tx, p int64) ([]PictureOf, error) {
	all, err := sqldb.All(tx, func(row sqldb.Row) (i PictureOf, err error) {
		return i, row.Scan(&i.N, &i.Type, &i.Bytes, &i.Width, &i.Height, &i.Alt, &i.SHA256)
	}, `select place, type, length(data), width, height, alt, digest from picture where post = $1 order by place`, p)
	if err != nil {
		return nil, fmt.Errorf("reading pictures: %w", err)
	}
	return append([]PictureOf{}, all...), nil
}

// contentOf returns what staff are told of a subject. Of one that was deleted that is what was
// kept of it, if it is preserved.
func contentOf(tx *sqldb.Tx, id subjectID, now time.Time) (SubjectContent, error) {
	c, err := shownOf(tx, id)
	if err != nil {
		return c, err
	}
	c.At = canonical.At(now)
	kept, until, ok, err := preservedOf(tx, id, now)
	if err != nil {
		return c, err
	}
	if c.Status == Deleted {
		if !ok || len(kept) == 0 {
			return c, noSuchSubject(id.String())
		}
		c = SubjectContent{}
		if err := json.Unmarshal(kept, &c); err != nil {
			return c, fmt.Errorf("reading what was kept of %s: %w", id, err)
		}
	}
	if ok {
		c.Preserved = until
	}
	return c, nil
}

// shownOf reads a subject as people see it, also a deleted one, of which little is left.
func shownOf(tx *sqldb.Tx, id subjectID) (SubjectContent, error) {
	c := SubjectContent{Subject: ContentSubject{ID: id.String(), Sort: id.sort}, Pictures: []PictureOf{}, Thread: []ThreadPost{}}
	var around []written
	if id.sort == Account {
		a, err := accountByNumber(tx, id.number)
		if err != nil {
			return c, err
		}
		c.Subject.Handle, c.Status, c.Language, c.Created = "@"+a.handle, a.status, a.language, canonical.At(a.created)
		if c.Profile, err = profileOf(tx, a); err != nil {
			return c, err
		}
		if around, err = newestPosts(tx, a); err != nil {
			return c, err
		}
	} else {
		p, a, err := postWithAccount(tx, id.number)
		if err != nil {
			return c, err
		}
		c.Status, c.Language, c.Created, c.Edited = p.status, p.language, canonical.At(p.created), p.edited
		c.Text, c.Cut = cutAt(p.text, contentText)
		if c.Author, err = profileOf(tx, a); err != nil {
			return c, err
		}
		if around, err = threadOf(tx, p, a); err != nil {
			return c, err
		}
		if c.Pictures, err = picturesOf(tx, p.number); err != nil {
			return c, err
		}
	}
	for _, w := range around {
		number := int64(0)
		if id.sort == Content {
			number = id.number
		}
		c.Thread = append(c.Thread, w.inThread(number))
	}
	return c, nil
}

func (s *Server) getContent(c call) error {
	q := c.r.URL.Query()
	id, err := parseID(q.Get("id"))
	if err != nil {
		return err
	}
	if len(q) != 1 || len(q["id"]) != 1 {
		return fault.New(fault.Invalid, "bad-subject", "Ask with ?id= of an account or a post.")
	}
	var told SubjectContent
	err = s.db.Read(c.r.Context(), func(tx *sqldb.Tx) error {
		told, err = contentOf(tx, id, s.now())
		return err
	})
	if err != nil {
		return err
	}
	writeJSON(c.w, http.StatusOK, jsonType, told)
	return nil
}

// getContentPicture serves a picture of a post to staff, also of one that is down.
func (s *Server) getContentPicture(c call) error {
	q := c.r.URL.Query()
	id, err := parseID(q.Get("id"))
	if err != nil {
		return err
	}
	if len(q) != 2 || len(q["id"]) != 1 || len(q["n"]) != 1 {
		return fault.New(fault.Invalid, "bad-subject", "Ask with ?id= of a post and &n= of its picture.")
	}
	n, err := strconv.Atoi(q.Get("n"))
	if err != nil || n < 1 || n > contentPictures || strconv.Itoa(n) != q.Get("n") {
		return fault.New(fault.Invalid, "bad-picture", "%s is not the number of a picture; it is a whole number from 1 to %d.", quote(q.Get("n")), contentPictures)
	}
	var kind string
	var data []byte
	err = s.db.Read(c.r.Context(), func(tx *sqldb.Tx) error {
		if _, err := stateOf(tx, id, s.now()); fault.Is(err, "no-such-subject") && id.sort == Content {
			if _, _, kept, unread := preservedOf(tx, id, s.now()); unread != nil || !kept {
				return cmp.Or(unread, err)
			}
			unread := tx.QueryRow(`select type, data from preserved_picture where subject = $1 and place = $2`, id.String(), n).Scan(&kind, &data)
			if sqldb.IsNotFound(unread) {
				return err
			}
			return unread
		} else if err != nil {
			return err
		}
		if id.sort == Account {
			return nil
		}
		err := tx.QueryRow(`select type, data from picture where post = $1 and place = $2`, id.number, n).Scan(&kind, &data)
		if sqldb.IsNotFound(err) {
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	if kind == "" {
		return fault.New(fault.NotFound, "no-such-picture", "%s has no picture %d.", id, n)
	}
	c.w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	c.w.Header().Set("Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'")
	writeBytes(c.w, http.StatusOK, kind, data)
	return nil
}
