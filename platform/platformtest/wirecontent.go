package platformtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"countersign.dev/platform"
)

// Bounds of content, as the protocol's document has them.
const (
	contentAnswer   = 2 << 20  // bytes
	contentText     = 64 << 10 // bytes
	contentNear     = 8 << 10  // bytes of a text in a thread
	contentBio      = 16 << 10 // bytes
	contentName     = 1 << 10  // bytes
	contentAlt      = 4 << 10  // bytes
	contentPosts    = 20
	contentPictures = 20
	pictureBytes    = 16 << 20
)

// readOffers asks which optional routes the server has. A server that does not answer
// breaks other promises.
func (r *run) readOffers(ctx context.Context) {
	if r.Wire == nil {
		return
	}
	a, err := r.send(ctx, http.MethodGet, "capabilities", nil, nil)
	if err != nil || a.status != http.StatusOK {
		return
	}
	var said struct {
		Offers []string `json:"offers"`
	}
	if json.Unmarshal(a.body, &said) == nil {
		r.offers = said.Offers
	}
}

func needsContentRoute(r *run) string {
	if !slices.Contains(r.offers, "content") {
		return "the server does not tell what people see of a subject"
	}
	return ""
}

// content asks for the content of a subject and demands that it has the protocol's form.
func (r *run) content(ctx context.Context, s platform.Subject) (document, error) {
	req, err := r.request(ctx, http.MethodGet, "content?id="+s.ID, nil)
	if err != nil {
		return nil, err
	}
	within, cancel := context.WithTimeout(ctx, r.Patience)
	defer cancel()
	res, err := r.client().Do(req.WithContext(within))
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, contentAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("the content of %s ends early: %w", s, err)
	}
	if len(b) > contentAnswer {
		return nil, fmt.Errorf("the content of %s has more than %d bytes", s, contentAnswer)
	}
	t, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	d, err := reply{res.StatusCode, t, res.Header, b}.done()
	if err != nil {
		return nil, fmt.Errorf("the content of %s: %w", s, err)
	}
	if !utf8.Valid(b) {
		return nil, fmt.Errorf("the content of %s is not UTF-8", s)
	}
	if err := r.checkContent(s, d); err != nil {
		return nil, fmt.Errorf("the content of %s: %w", s, err)
	}
	return d, nil
}

// members demands members of the types of the examples.
func members(d document, examples document) error {
	for _, name := range slices.Sorted(maps.Keys(examples)) {
		got, want := fmt.Sprintf("%T", d[name]), fmt.Sprintf("%T", examples[name])
		if v, ok := d[name]; !ok || got != want {
			return fmt.Errorf("%s is %v (%s), not a value of the type %s", name, v, got, want)
		}
	}
	return nil
}

func longest(d document, bounds map[string]int) error {
	for name, most := range bounds {
		if text, _ := d[name].(string); len(text) > most {
			return fmt.Errorf("%s has %d bytes; at most %d are allowed", name, len(text), most)
		}
	}
	return nil
}

func timeAt(d document, name string) error {
	text, _ := d[name].(string)
	if _, err := time.Parse("2006-01-02T15:04:05.000000Z", text); err != nil {
		return fmt.Errorf("%s is no time in UTC with six decimals: %v", name, d[name])
	}
	return nil
}

var (
	languageForm = regexp.MustCompile(`^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$`)
	digestForm   = regexp.MustCompile(`^[0-9a-f]{64}$`)
	pictureForm  = regexp.MustCompile(`^image/[a-z0-9.+-]{1,60}$`)
)

func languageAt(d document) error {
	if tag, _ := d["language"].(string); !languageForm.MatchString(tag) || len(tag) > 35 {
		return fmt.Errorf("language is no BCP 47 tag: %v", d["language"])
	}
	return nil
}

func (r *run) checkContent(s platform.Subject, d document) error {
	if err := errors.Join(members(d, document{"subject": document{}, "status": "", "text": "", "cut": false, "language": "",
		"thread": []any{}, "pictures": []any{}, "created": "", "at": ""}),
		timeAt(d, "created"), timeAt(d, "at"), languageAt(d), longest(d, map[string]int{"text": contentText})); err != nil {
		return err
	}
	if _, edited := d["edited"]; edited {
		if err := timeAt(d, "edited"); err != nil {
			return err
		}
	}
	sort, err := r.Connector.Sort(s.ID)
	if err != nil {
		return err
	}
	if at(d, "subject", "id") != s.ID || at(d, "subject", "handle") != s.Handle || at(d, "subject", "sort") != string(sort) {
		return fmt.Errorf("its subject is %v", d["subject"])
	}
	who, other := "author", "profile"
	if sort == platform.Account {
		who, other = other, who
		if at(d, who, "id") != s.ID || at(d, who, "handle") != s.Handle || d["text"] != "" || len(d["pictures"].([]any)) > 0 {
			return fmt.Errorf("the profile is that of %v; text and pictures belong to content", at(d, who, "id"))
		}
	}
	if _, there := d[other]; there {
		return fmt.Errorf("it has the member %s, which belongs to the other sort", other)
	}
	profile, _ := d[who].(document)
	if err := errors.Join(members(profile, document{"id": "", "handle": "", "name": "", "bio": "", "created": "", "followers": 0.0, "posts": 0.0}),
		timeAt(profile, "created"), longest(profile, map[string]int{"handle": contentName, "name": contentName, "bio": contentBio})); err != nil {
		return fmt.Errorf("%s: %w", who, err)
	}
	if err := r.checkThread(s, sort, d); err != nil {
		return err
	}
	pictures := d["pictures"].([]any)
	if len(pictures) > contentPictures {
		return fmt.Errorf("it has %d pictures; at most %d are allowed", len(pictures), contentPictures)
	}
	for n, v := range pictures {
		p, _ := v.(document)
		if err := errors.Join(members(p, document{"n": 0.0, "type": "", "bytes": 0.0, "width": 0.0, "height": 0.0, "sha256": "", "alt": ""}),
			longest(p, map[string]int{"alt": contentAlt})); err != nil {
			return fmt.Errorf("picture %d: %w", n+1, err)
		}
		if p["n"] != float64(n+1) || !pictureForm.MatchString(p["type"].(string)) || !digestForm.MatchString(p["sha256"].(string)) ||
			p["bytes"].(float64) < 1 || p["bytes"].(float64) > pictureBytes || p["width"].(float64) < 1 || p["height"].(float64) < 1 {
			return fmt.Errorf("picture %d is %v", n+1, p)
		}
	}
	return nil
}

func (r *run) checkThread(s platform.Subject, sort platform.Sort, d document) error {
	thread := d["thread"].([]any)
	if len(thread) > contentPosts {
		return fmt.Errorf("its thread has %d posts; at most %d are allowed", len(thread), contentPosts)
	}
	subjects, seen := 0, map[any]bool{}
	for n, v := range thread {
		p, _ := v.(document)
		author, _ := p["author"].(document)
		if err := errors.Join(members(p, document{"id": "", "author": document{}, "answers": "", "status": "", "text": "", "cut": false, "language": "", "at": "", "subject": false}),
			members(author, document{"id": "", "handle": "", "name": ""}), timeAt(p, "at"), languageAt(p),
			longest(p, map[string]int{"text": contentNear}), longest(author, map[string]int{"handle": contentName, "name": contentName})); err != nil {
			return fmt.Errorf("post %d of the thread: %w", n+1, err)
		}
		if got, err := r.Connector.Sort(p["id"].(string)); err != nil || got != platform.Content || seen[p["id"]] {
			return fmt.Errorf("post %d of the thread is %v", n+1, p["id"])
		}
		seen[p["id"]] = true
		if p["status"] != string(platform.Up) && p["status"] != string(platform.Down) && p["status"] != string(platform.Deactivated) {
			return fmt.Errorf("post %d of the thread is %v", n+1, p["status"])
		}
		if sort == platform.Account && author["id"] != s.ID {
			return fmt.Errorf("post %d is not the account's, but that of %v", n+1, author["id"])
		}
		if p["subject"] != (sort == platform.Content && p["id"] == s.ID) {
			return fmt.Errorf("post %d of the thread, %v, is the subject: %v", n+1, p["id"], p["subject"])
		}
		if p["subject"] == true {
			subjects++
			if p["status"] != d["status"] || p["at"] != d["created"] || author["id"] != at(d, "author", "id") || p["language"] != d["language"] ||
				!strings.HasPrefix(d["text"].(string), p["text"].(string)) {
				return fmt.Errorf("the subject is told differently in its thread: %v", p)
			}
		}
	}
	if sort == platform.Content && subjects != 1 {
		return fmt.Errorf("its thread has the subject %d times", subjects)
	}
	return nil
}

func checkWireContent(ctx context.Context, r *run) error {
	for _, s := range r.subjects() {
		if d, err := r.content(ctx, s); err != nil {
			return err
		} else if d["status"] != string(platform.Up) {
			return fmt.Errorf("the content of %s is %v", s, d["status"])
		}
	}
	return nil
}

// timeless is content without the members that differ from one reading to the next.
func timeless(d document) string {
	d = maps.Clone(d)
	delete(d, "at")
	delete(d, "status")
	thread := []any{}
	for _, v := range d["thread"].([]any) {
		p := maps.Clone(v.(document))
		delete(p, "status")
		thread = append(thread, p)
	}
	d["thread"] = thread
	return string(encode(d))
}

// checkContentDown takes each subject down, and the account of the content as well: all
// that was told before is still told then.
func checkContentDown(ctx context.Context, r *run) error {
	before := map[platform.Subject]document{}
	for _, s := range r.subjects() {
		d, err := r.content(ctx, s)
		if err != nil {
			return err
		}
		before[s] = d
	}
	for _, s := range r.subjects() {
		if sort, err := r.Connector.Sort(s.ID); err != nil {
			return err
		} else if _, ok := r.can.Can(platform.Takedown, sort); !ok {
			continue
		}
		if _, err := r.carryOut(ctx, down(s, r.mark())); err != nil {
			return err
		}
		for _, each := range r.subjects() {
			d, err := r.content(ctx, each)
			if err != nil {
				return fmt.Errorf("while %s is down: %w", s, err)
			}
			if each == s && d["status"] != string(platform.Down) {
				return fmt.Errorf("%s is down, and its content says %v", s, d["status"])
			}
			if timeless(d) != timeless(before[each]) {
				return fmt.Errorf("while %s is down, the content of %s is another", s, each)
			}
			if err := r.checkPictures(ctx, each, d); err != nil {
				return fmt.Errorf("while %s is down: %w", s, err)
			}
		}
	}
	return nil
}

func (r *run) picture(ctx context.Context, s platform.Subject, n string, most int64) (reply, error) {
	req, err := r.request(ctx, http.MethodGet, "content/picture?id="+s.ID+"&n="+n, nil)
	if err != nil {
		return reply{}, err
	}
	within, cancel := context.WithTimeout(ctx, r.Patience)
	defer cancel()
	res, err := r.client().Do(req.WithContext(within))
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, most+1))
	if err != nil {
		return reply{}, fmt.Errorf("picture %s of %s ends early: %w", n, s, err)
	}
	t, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	return reply{res.StatusCode, t, res.Header, b}, nil
}

func (r *run) checkPictures(ctx context.Context, s platform.Subject, d document) error {
	for n, v := range d["pictures"].([]any) {
		p := v.(document)
		told := int64(p["bytes"].(float64))
		a, err := r.picture(ctx, s, strconv.Itoa(n+1), told)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(a.body)
		if a.status != http.StatusOK || a.mediaType != p["type"] || int64(len(a.body)) != told || a.header.Get("Content-Length") != strconv.FormatInt(told, 10) ||
			hex.EncodeToString(sum[:]) != p["sha256"] {
			return fmt.Errorf("picture %d of %s is told as %v, and answered with %d, %s, %d bytes of the digest %x", n+1, s, p, a.status, a.mediaType, len(a.body), sum)
		}
	}
	return nil
}

func checkContentPictures(ctx context.Context, r *run) error {
	for _, s := range r.subjects() {
		d, err := r.content(ctx, s)
		if err != nil {
			return err
		}
		if err := r.checkPictures(ctx, s, d); err != nil {
			return err
		}
		sort, err := r.Connector.Sort(s.ID)
		if err != nil {
			return err
		}
		ask := map[string]struct {
			status int
			typ    string
		}{"0": {400, "bad-picture"}, "-1": {400, "bad-picture"}, "01": {400, "bad-picture"}, "one": {400, "bad-picture"}, "21": {400, "bad-picture"}}
		if next := len(d["pictures"].([]any)) + 1; sort == platform.Content && next <= contentPictures {
			ask[strconv.Itoa(next)] = struct {
				status int
				typ    string
			}{404, "no-such-picture"}
		}
		for n, want := range ask {
			a, err := r.picture(ctx, s, n, 1<<20)
			if err != nil {
				return err
			}
			if _, err := a.problem(want.status, want.typ); err != nil {
				return fmt.Errorf("picture %s of %s: %w", n, s, err)
			}
		}
	}
	return nil
}

func checkContentUnknown(ctx context.Context, r *run) error {
	for route, want := range map[string]struct {
		status int
		typ    string
	}{
		"content?id=" + r.Missing.ID:                      {404, "no-such-subject"},
		"content/picture?n=1&id=" + r.Missing.ID:          {404, "no-such-subject"},
		"content?id=nonsense":                             {400, "bad-subject"},
		"content":                                         {400, "bad-subject"},
		"content?id=" + r.Account.ID + "&more=yes":        {400, "bad-subject"},
		"content?handle=" + r.Account.Handle:              {400, "bad-subject"},
		"content/picture?n=1":                             {400, "bad-subject"},
		"content/picture?n=1&id=nonsense":                 {400, "bad-subject"},
		"content/picture?n=1&id=" + r.Account.ID + "&x=1": {400, "bad-subject"},
	} {
		a, err := r.send(ctx, http.MethodGet, route, nil, nil)
		if err != nil {
			return err
		}
		if _, err := a.problem(want.status, want.typ); err != nil {
			return fmt.Errorf("GET %s: %w", route, err)
		}
	}
	for _, route := range []string{"content?id=" + r.Account.ID, "content/picture?n=1&id=" + r.Account.ID} {
		a, err := r.send(ctx, http.MethodGet, route, nil, func(q *http.Request) { q.Header.Del("Authorization") })
		if err != nil {
			return err
		}
		if _, err := a.problem(http.StatusUnauthorized); err != nil {
			return fmt.Errorf("GET %s without a token: %w", route, err)
		}
		if a, err = r.send(ctx, http.MethodPost, route, nil, nil); err != nil {
			return err
		}
		if _, err := a.problem(http.StatusMethodNotAllowed); err != nil {
			return fmt.Errorf("POST %s: %w", route, err)
		}
	}
	return nil
}
