package plaza

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/sqldb"
)

// Limits of posts and of what a page shows around one.
const (
	postLongest  = 1000     // characters
	ownPostLimit = 16 << 10 // bytes in the body of an owner's post
	postForm     = 32 << 10 // bytes in a form with a post; each byte of it may take three
	aboveShown   = 20       // posts that a page shows above its own
	belowShown   = 200      // and below it
)

// answered returns the number of the post that is to be answered; 0 for none. Nobody
// answers a post that is not shown.
func answered(tx *sqldb.Tx, name string) (int64, error) {
	if name == "" {
		return 0, nil
	}
	id, err := parseID(name)
	if err != nil {
		return 0, err
	}
	p, a, err := postWithAccount(tx, id.number)
	switch {
	case err != nil:
		return 0, err
	case p.status == Deleted:
		return 0, noSuchSubject(name)
	case p.status != Up || a.status != Up:
		return 0, fault.New(fault.Conflict, "wrong-state", "%s is not shown at the moment and cannot be answered.", name)
	}
	return p.number, nil
}

// Written is a post as its author writes it.
type Written struct {
	Text     string `json:"text"`
	Language string `json:"language,omitempty"` // a BCP 47 tag; the account's if absent
	Answers  string `json:"answers,omitempty"`  // identifier of the post that it answers
}

// write makes a post of an owner and returns its identifier.
func (s *Server) write(ctx context.Context, o session, w Written) (string, error) {
	if err := checkPost(w.Text, w.Language, w.Answers); err != nil {
		return "", err
	}
	id := subjectID{sort: Content}
	err := s.asOwner(ctx, o.account, func(tx *sqldb.Tx, a account, now time.Time) (err error) {
		if a.status != Up {
			return fault.New(fault.Conflict, "wrong-state", "Your account is %s, and nothing can be posted from it now.", a.status)
		}
		p := post{account: a.number, text: w.Text, created: now, language: cmp.Or(w.Language, a.language)}
		if p.answers, err = answered(tx, w.Answers); err != nil {
			return err
		}
		if p.number, err = next(tx, "post", 1); err != nil {
			return err
		}
		id.number = p.number
		return insertPost(tx, p)
	})
	return id.String(), err
}

// ownPost reads a post of an account that its owner may change now.
func ownPost(tx *sqldb.Tx, a account, number int64) (post, error) {
	p, _, err := postWithAccount(tx, number)
	if err == nil && (p.account != a.number || p.status == Deleted) {
		err = noSuchSubject(subjectID{Content, number}.String())
	}
	if err == nil && (p.status != Up || a.status != Up) {
		err = fault.New(fault.Conflict, "wrong-state", "The post or your account is not shown at the moment, and the post is not yours to change now.")
	}
	return p, err
}

// rewrite changes text and language of an owner's post. The post says from then on that it
// was changed, and when.
func (s *Server) rewrite(ctx context.Context, o session, number int64, w Written) error {
	if err := checkPost(w.Text, w.Language, w.Answers); err != nil {
		return err
	}
	if w.Answers != "" {
		return fault.New(fault.Invalid, "bad-post", "A post answers what it answered when it was written.")
	}
	return s.asOwner(ctx, o.account, func(tx *sqldb.Tx, a account, now time.Time) error {
		p, err := ownPost(tx, a, number)
		if err != nil {
			return err
		}
		language := cmp.Or(w.Language, p.language)
		if p.text == w.Text && p.language == language {
			return nil
		}
		_, err = tx.Exec(`update post set body = $1, language = $2, edited = $3 where id = $4`, w.Text, language, now.UnixMicro(), number)
		return err
	})
}

// withdraw deletes an owner's post. What answers it stays.
func (s *Server) withdraw(ctx context.Context, o session, number int64) error {
	return s.asOwner(ctx, o.account, func(tx *sqldb.Tx, a account, now time.Time) error {
		if _, err := ownPost(tx, a, number); err != nil {
			return err
		}
		id := subjectID{Content, number}
		before, err := stateOf(tx, id, now)
		if err != nil {
			return err
		}
		if err := keep(tx, id, now); err != nil {
			return err
		}
		if _, err := s.move(tx, "@"+a.handle, id, before, left{status: Deleted}, now); err != nil {
			return err
		}
		return erase(tx, id)
	})
}

// speak sets the language of an owner's posts of which the owner chooses none.
func (s *Server) speak(ctx context.Context, o session, tag string) error {
	if tag == "" {
		tag = noLanguage
	}
	if err := checkLanguage(tag); err != nil {
		return err
	}
	return s.asOwner(ctx, o.account, func(tx *sqldb.Tx, a account, _ time.Time) error {
		_, err := tx.Exec(`update account set language = $1 where id = $2`, tag, a.number)
		return err
	})
}

func (s *Server) postWritten(c call) error {
	var w Written
	if err := readStrict(c, &w); err != nil {
		return err
	}
	id, err := s.write(c.r.Context(), c.owner, w)
	if err != nil {
		return err
	}
	writeJSON(c.w, http.StatusCreated, jsonType, made{ID: id})
	return nil
}

func (c call) post() (int64, error) {
	id, err := parseID(postPrefix + c.r.PathValue("number"))
	return id.number, err
}

func (s *Server) putWritten(c call) error {
	number, err := c.post()
	if err != nil {
		return err
	}
	var w Written
	if err := readStrict(c, &w); err != nil {
		return err
	}
	return s.thenOwn(c, s.rewrite(c.r.Context(), c.owner, number, w))
}

func (s *Server) deleteWritten(c call) error {
	number, err := c.post()
	if err != nil {
		return err
	}
	return s.thenOwn(c, s.withdraw(c.r.Context(), c.owner, number))
}

// newLanguage is the language of an owner's posts.
type newLanguage struct {
	Language string `json:"language"` // a BCP 47 tag; und or empty for none
}

func (s *Server) putLanguage(c call) error {
	var n newLanguage
	if err := readStrict(c, &n); err != nil {
		return err
	}
	return s.thenOwn(c, s.speak(c.r.Context(), c.owner, n.Language))
}

// formText is a text of a form. Browsers end lines with two characters.
func formText(r *http.Request, name string) string {
	return strings.ReplaceAll(r.PostFormValue(name), "\r\n", "\n")
}

// wrote carries out the form of a post.
func (s *Server) wrote(r *http.Request, o session, wanted string) (string, error) {
	w := Written{Text: formText(r, "text"), Language: r.PostFormValue("language")}
	if wanted == "post" {
		w.Answers = r.PostFormValue("answers")
		id, err := s.write(r.Context(), o, w)
		return "/" + id, err
	}
	id, err := parseID(r.PostFormValue("post"))
	if err != nil {
		return "", err
	}
	if wanted == "delete" {
		return "/account", s.withdraw(r.Context(), o, id.number)
	}
	return "/" + id.String(), s.rewrite(r.Context(), o, id.number, w)
}

// composeView is the form of a post: a new one, an answer, or one that is to be changed.
type composeView struct {
	Want      string // post or change
	Answers   string // identifier of the post that is answered
	To        string // the handle of its author
	Post      string // identifier of the post that is changed
	Text      string
	Languages []chosenLanguage
	Chosen    string
}

func composing(v composeView, tag string) *composeView {
	v.Languages, v.Chosen = languages, tag
	if languageName(tag) == tag {
		v.Languages = append([]chosenLanguage{{tag, tag}}, languages...)
	}
	return &v
}

// answerView names the post that a post answers.
type answerView struct {
	Number int64
	Handle string // of its author; empty if it is not shown
}

// answersAmong reads what posts answer.
func answersAmong(tx *sqldb.Tx, posts []post) (map[int64]*answerView, error) {
	args := []any{}
	for _, p := range posts {
		if p.answers != 0 {
			args = append(args, p.number)
		}
	}
	if len(args) == 0 {
		return nil, nil
	}
	all := map[int64]*answerView{}
	type answer struct {
		post int64
		answerView
	}
	list, err := sqldb.All(tx, func(row sqldb.Row) (a answer, err error) {
		return a, row.Scan(&a.post, &a.Number, &a.Handle)
	}, `select r.post, r.answers, case when p.status = 'up' and a.status = 'up' then a.handle else '' end
		from post_reply r join post p on p.id = r.answers join account a on a.id = p.account
		where r.post in (`+sqldb.Places(1, len(args))+`)`, args...)
	if err != nil {
		return nil, fmt.Errorf("reading what posts answer: %w", err)
	}
	for _, a := range list {
		all[a.post] = &a.answerView
	}
	return all, nil
}

// repliesAmong counts the posts that are shown and answer some posts.
func repliesAmong(tx *sqldb.Tx, posts []int64) (map[int64]int64, error) {
	if len(posts) == 0 {
		return nil, nil
	}
	args := []any{}
	for _, n := range posts {
		args = append(args, n)
	}
	all := map[int64]int64{}
	list, err := sqldb.All(tx, func(row sqldb.Row) (c [2]int64, err error) {
		return c, row.Scan(&c[0], &c[1])
	}, `select r.answers, count(*) from post_reply r join post p on p.id = r.post join account a on a.id = p.account
		where r.answers in (`+sqldb.Places(1, len(args))+`) and p.status = 'up' and a.status = 'up' group by r.answers`, args...)
	if err != nil {
		return nil, fmt.Errorf("counting answers: %w", err)
	}
	for _, c := range list {
		all[c[0]] = c[1]
	}
	return all, nil
}

// fillThread adds to the page of a post what stands above and below it. A post that is not
// shown leaves a gap above, and below it what answers it is shown.
func (s *Server) fillThread(tx *sqldb.Tx, v *view, p post) error {
	up, err := above(tx, p, aboveShown)
	if err != nil {
		return err
	}
	if v.Above, err = s.viewWritten(tx, up, true); err != nil {
		return err
	}
	down, err := below(tx, []int64{p.number}, belowShown)
	if err != nil {
		return err
	}
	sortWritten(down)
	if v.Below, err = s.viewWritten(tx, down, false); err != nil {
		return err
	}
	// The order says already what these answer.
	for i := range v.Above {
		if i > 0 {
			v.Above[i].Answers = nil
		}
	}
	for i, b := range v.Below {
		if b.Answers != nil && b.Answers.Number == p.number {
			v.Below[i].Answers = nil
		}
	}
	return nil
}

// viewWritten shows posts, with or without gaps for those that are not shown.
func (s *Server) viewWritten(tx *sqldb.Tx, list []written, gaps bool) ([]postView, error) {
	shown := []written{}
	for _, w := range list {
		if w.status == Up && w.by.status == Up {
			shown = append(shown, w)
		}
	}
	views, err := s.viewPosts(tx, shown)
	if err != nil || !gaps {
		return views, err
	}
	all := []postView{}
	for _, w := range list {
		if w.status == Up && w.by.status == Up {
			all, views = append(all, views[0]), views[1:]
		} else {
			all = append(all, postView{Number: w.number, Gap: true})
		}
	}
	return all, nil
}

func editedText(t canonical.Time) string {
	if t.IsZero() {
		return ""
	}
	return viewTime(t.Time)
}
