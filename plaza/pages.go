package plaza

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"countersign.dev/fault"
	"countersign.dev/prose"
	"countersign.dev/sqldb"
)

//go:embed templates static
var pageFiles embed.FS

const pageLength = 30

// pages renders the public pages.
type pages struct {
	templates *template.Template
	style     []byte
	stylePath string // contains the style's hash, so that it may be cached for ever
}

func newPages() *pages {
	style, err := pageFiles.ReadFile("static/plaza.css")
	if err != nil {
		panic(err) // embedded above
	}
	sum := sha256.Sum256(style)
	p := &pages{style: style, stylePath: "/static/" + hex.EncodeToString(sum[:6]) + ".css"}
	p.templates = template.Must(template.New("").Funcs(template.FuncMap{
		"count": shortCount, "exact": exactCount, "sentence": sentence,
	}).ParseFS(pageFiles, "templates/*.html"))
	return p
}

func (p *pages) mux(s *Server) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+p.stylePath, func(w http.ResponseWriter, r *http.Request) {
		protect(w.Header())
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		w.Write(p.style)
	})
	mux.HandleFunc("GET /avatar/{file}", servePicture(avatarSVG))
	mux.HandleFunc("GET /banner/{file}", servePicture(bannerSVG))
	mux.HandleFunc("GET /{$}", s.showing((*Server).timelinePage))
	mux.HandleFunc("GET /following", s.showing((*Server).followingPage))
	mux.HandleFunc("GET /search", s.showing((*Server).searchPage))
	mux.HandleFunc("GET /people", s.showing((*Server).peoplePage))
	mux.HandleFunc("GET /picture/{post}/{digest}", s.getPicture)
	mux.HandleFunc("GET /post/{number}", s.showing((*Server).postPage))
	mux.HandleFunc("GET /{handle}", s.showing((*Server).profilePage))
	mux.HandleFunc("GET /", s.showing(func(*Server, *sqldb.Tx, *http.Request) (view, error) {
		return nowhere(), nil
	}))
	return mux
}

// protect sets the headers that isolate a page: no script at all, no frames, forms only
// to this site, nothing loaded from elsewhere.
func protect(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
}

// The standing of the subject of a page, in <main data-status> and in the header
// Plaza-Status, for programs that look without signing in.
const nothingHere = "none"

// view is one page.
type view struct {
	Status   int    // HTTP
	Standing string // up, down, deactivated or none
	Title    string
	Here     string // the page's place in the navigation
	Style    string

	Heading        string // of a notice
	Text           string
	Next, NextText string // where a notice leads to; empty: to the timeline

	Own         *ownView // one's own account
	Report      *reportView
	Mine        *mineList // one's own reports
	SignIn      bool
	StaffSignIn bool
	Console     *consoleView
	Wrong       string // why signing in or a search failed

	Search bool
	Query  string // of the search

	Handle  string // of a notice about an account
	Account *accountView
	Self    bool // it is the account of the owner who is signed in
	Follows bool // the owner who is signed in follows it
	Posts   []postView
	Above   []postView // of the thread of a post
	Below   []postView
	Compose *composeView
	Change  *composeView // the reader's own post
	Heads   string       // of a list of posts
	Empty   string       // instead of posts if there are none
	People  []accountView
	Notable []accountView
	Older   string // link to the next page
	Viewer  int64  // number of the account of the owner who is signed in; 0: nobody
}

type accountView struct {
	ID                                string
	Handle, Name, Bio, Office, Joined string
	Verified                          bool
	Followers                         int64
	PostCount                         int64
	Labels                            []labelView
}

// labelView is a label as a page shows it.
type labelView struct{ Value, Title, Reason, Reference string }

type postView struct {
	Number         int64
	Author         accountView
	Text           []string // paragraphs
	Likes, Reposts int64
	When, Exactly  string
	ISO            string
	Labels         []labelView
	Pictures       []pictureView
	Veil           string // why the pictures are veiled, in one or two words; empty: they are not
	Tag, Language  string // the tag of the language and its name; empty: nobody has said
	Edited         string // when its author last changed it; empty: never
	Answers        *answerView
	Replies        int64
	Gap            bool // a post stood here that is not shown
}

func viewAccount(a account) accountView {
	return accountView{ID: a.id().String(), Handle: a.handle, Name: a.name, Bio: a.bio, Office: a.office, Verified: a.verified,
		Followers: a.followers, Joined: a.created.Format("January 2006")}
}

func viewPost(p post, a account, now time.Time) postView {
	return postView{Number: p.number, Author: viewAccount(a), Text: strings.Split(p.text, "\n"),
		Likes: p.likes, Reposts: p.reposts, When: ago(p.created, now),
		Exactly: p.created.Format("2 January 2006, 15:04 UTC"), ISO: p.created.Format(time.RFC3339),
		Tag: strings.TrimSuffix(p.language, noLanguage), Language: languageName(p.language), Edited: editedText(p.edited)}
}

// showing reads a page in one snapshot and renders it completely before the first byte is
// sent.
func (s *Server) showing(read func(*Server, *sqldb.Tx, *http.Request) (view, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var v view
		err := s.db.Read(r.Context(), func(tx *sqldb.Tx) (err error) {
			if v, err = read(s, tx, r); err != nil {
				return err
			}
			in, err := signedIn(tx, r)
			if err != nil {
				return err
			}
			v.Viewer = in.account
			v.Notable, err = notable(tx, v.Viewer, 5, 0)
			return err
		})
		if fault.KindOf(err) == fault.NotFound || fault.KindOf(err) == fault.Invalid {
			v, err = nowhere(), nil
		}
		if err != nil {
			s.broken(w, r, err)
			return
		}
		s.render(w, r, v)
	}
}

// render shows a page, completely or not at all.
func (s *Server) render(w http.ResponseWriter, r *http.Request, v view) {
	var page bytes.Buffer
	v.Style = s.pages.stylePath
	if err := s.pages.templates.ExecuteTemplate(&page, "page.html", v); err != nil {
		s.broken(w, r, err)
		return
	}
	protect(w.Header())
	// A page shows the present state: it must not come from a cache after an account was
	// taken down or brought back.
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Plaza-Status", v.Standing)
	w.WriteHeader(v.Status)
	// A name that people gave themselves must not hide or turn the text beside it.
	w.Write([]byte(prose.Markup(page.String())))
}

// broken answers that a page cannot be shown.
func (s *Server) broken(w http.ResponseWriter, r *http.Request, err error) {
	s.log.ErrorContext(r.Context(), "page failed", "path", r.URL.Path, "error", err)
	protect(w.Header())
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, "Plaza cannot show this page right now. Please try again in a moment.", http.StatusServiceUnavailable)
}

func nowhere() view {
	return view{Status: http.StatusNotFound, Standing: nothingHere, Title: "Not found",
		Heading: "There is nothing here.", Text: "The address may be misspelt, or what was here has been deleted."}
}

// withheld is the page of an account that is not up. It is answered with 200: the page
// exists and tells the account's status, and a program reads the standing.
func withheld(a account) view {
	v := view{Status: http.StatusOK, Standing: string(a.status), Title: "@" + a.handle, Handle: a.handle}
	switch a.status {
	case Down:
		v.Heading = "This account has been taken down."
		v.Text = "Plaza’s staff took @" + a.handle + " down. Its profile and posts are not shown while this lasts."
	case Deactivated:
		v.Heading = "This account has been deactivated."
		v.Text = "@" + a.handle + " is switched off at the moment. Its profile and posts are not shown."
	default:
		v = nowhere()
		v.Heading = "This account doesn’t exist."
		v.Text = "Nobody is called @" + a.handle + " here."
	}
	return v
}

func (s *Server) timelinePage(tx *sqldb.Tx, r *http.Request) (view, error) {
	v := view{Status: http.StatusOK, Standing: string(Up), Title: "Plaza", Here: "timeline", Heads: "Timeline"}
	err := s.fillPosts(tx, r, &v, `$4 = 0 and `+accountIsPublic+` and `+postIsPublic+` and not exists (select 1 from post_reply r where r.post = p.id)`, 0, "/")
	if err != nil {
		return v, err
	}
	return v, offerForm(tx, r, &v, composeView{Want: "post"})
}

// offerForm adds the form of a post for an owner who may use it.
func offerForm(tx *sqldb.Tx, r *http.Request, v *view, form composeView) error {
	in, err := signedIn(tx, r)
	if err != nil || in.account == 0 {
		return err
	}
	a, err := accountByNumber(tx, in.account)
	if err == nil && a.status == Up {
		v.Compose = composing(form, a.language)
	}
	return err
}

// A limit keeps accounts and posts out of what the public is shown unasked: the timeline,
// search and suggestions.
const (
	accountIsPublic = `not exists (select 1 from account_layer al where al.account = a.id and al.name = 'limit')`
	postIsPublic    = `not exists (select 1 from post_layer pl where pl.post = p.id and pl.name = 'limit')`
)

// fillPosts adds a page of posts, those for which where is true of the account of (number
// $4).
func (s *Server) fillPosts(tx *sqldb.Tx, r *http.Request, v *view, where string, of int64, path string) error {
	created, number := int64(1)<<62, int64(1)<<62
	if before := r.URL.Query().Get("before"); before != "" {
		n, err := strconv.ParseInt(before, 10, 64)
		if err != nil {
			return noSuchSubject("page")
		}
		p, _, err := postWithAccount(tx, n)
		if err != nil {
			return err
		}
		created, number = p.created.UnixMicro(), p.number
	}
	posts, err := s.posts(tx, `select `+accountColumns+`, `+postColumns+`
		from post p join account a on a.id = p.account
		where p.status = 'up' and a.status = 'up' and (p.created, p.id) < ($1, $2) and `+where+`
		order by p.created desc, p.id desc limit $3`, created, number, pageLength+1, of)
	if err != nil {
		return err
	}
	if len(posts) > pageLength {
		posts = posts[:pageLength]
		v.Older = path + "?before=" + strconv.FormatInt(posts[pageLength-1].Number, 10)
	}
	v.Posts = posts
	return nil
}

// posts reads the posts of a query for the columns of account and post, with what stands
// on them and on their accounts, and their pictures.
func (s *Server) posts(tx *sqldb.Tx, query string, args ...any) ([]postView, error) {
	rows, err := sqldb.All(tx, scanWritten, query, args...)
	if err != nil {
		return nil, fmt.Errorf("reading posts: %w", err)
	}
	return s.viewPosts(tx, rows)
}

// viewPosts shows posts with what stands on them and on their accounts, their pictures,
// and what they answer.
func (s *Server) viewPosts(tx *sqldb.Tx, rows []written) ([]postView, error) {
	var posts, accounts []int64
	var plain []post
	for _, r := range rows {
		posts, accounts, plain = append(posts, r.number), append(accounts, r.by.number), append(plain, r.post)
	}
	slices.Sort(accounts)
	accounts = slices.Compact(accounts)
	onPosts, err := layersAmong(tx, Content, posts)
	if err != nil {
		return nil, err
	}
	onAccounts, err := layersAmong(tx, Account, accounts)
	if err != nil {
		return nil, err
	}
	pictures, err := picturesAmong(tx, posts)
	if err != nil {
		return nil, err
	}
	answers, err := answersAmong(tx, plain)
	if err != nil {
		return nil, err
	}
	replies, err := repliesAmong(tx, posts)
	if err != nil {
		return nil, err
	}
	now := s.now()
	var all []postView
	for _, r := range rows {
		v := viewPost(r.post, r.by, now)
		v.Answers, v.Replies = answers[r.number], replies[r.number]
		v.Labels, v.Author.Labels = s.viewLabels(onPosts[r.number]), s.viewLabels(onAccounts[r.by.number])
		v.Pictures, v.Veil = pictures[r.number], veil(v.Labels, v.Author.Labels)
		all = append(all, v)
	}
	return all, nil
}

func (s *Server) viewLabels(layers []standing) []labelView {
	var all []labelView
	for _, l := range layers {
		if value, ok := l.Layer.Label(); ok {
			text := s.labelText(value)
			all = append(all, labelView{value, text.Title, text.Reason, l.Mark})
		}
	}
	return all
}

// veil says why pictures are veiled until the reader wants to see them; empty: they are
// not.
func veil(lists ...[]labelView) string {
	var titles []string
	for _, l := range slices.Concat(lists...) {
		if (l.Value == graphicLabel || l.Value == sensitiveLabel) && !slices.Contains(titles, l.Title) {
			titles = append(titles, l.Title)
		}
	}
	slices.Sort(titles)
	return sentence(strings.ToLower(strings.Join(titles, ", ")))
}

// notable lists the accounts with most followers that are up, and not limited; for an
// owner who is signed in (0: nobody) those that the owner does not follow yet.
func notable(tx *sqldb.Tx, viewer int64, most, skip int) ([]accountView, error) {
	all, err := sqldb.All(tx, func(row sqldb.Row) (accountView, error) {
		a, err := scanAccount(row)
		return viewAccount(a), err
	}, `select `+accountColumns+` from account a where a.status = 'up' and `+accountIsPublic+`
		and a.id <> $1 and not exists (select 1 from follow f where f.follower = $1 and f.followee = a.id)
		order by a.followers desc, a.id limit $2 offset $3`, viewer, most, skip)
	if err != nil {
		return nil, fmt.Errorf("reading accounts: %w", err)
	}
	return all, nil
}

func (s *Server) peoplePage(tx *sqldb.Tx, r *http.Request) (view, error) {
	v := view{Status: http.StatusOK, Standing: string(Up), Title: "People", Here: "people"}
	page, err := strconv.Atoi(r.URL.Query().Get("page"))
	if err != nil || page < 1 || page > 10_000 {
		page = 1
	}
	v.People, err = notable(tx, 0, pageLength+1, (page-1)*pageLength)
	if len(v.People) > pageLength {
		v.People = v.People[:pageLength]
		v.Older = "/people?page=" + strconv.Itoa(page+1)
	}
	return v, err
}

func (s *Server) profilePage(tx *sqldb.Tx, r *http.Request) (view, error) {
	handle := r.PathValue("handle")
	if !strings.HasPrefix(handle, "@") {
		return nowhere(), nil
	}
	a, err := accountByHandle(tx, handle)
	switch {
	case fault.KindOf(err) == fault.NotFound:
		return withheld(account{handle: handle[1:], status: Deleted}), nil
	case err != nil:
		return view{}, err
	case a.status != Up:
		return withheld(a), nil
	}
	av := viewAccount(a)
	if err := tx.QueryRow(`select count(*) from post where account = $1 and status = 'up'`, a.number).Scan(&av.PostCount); err != nil {
		return view{}, err
	}
	layers, err := layersOf(tx, a.id())
	if err != nil {
		return view{}, err
	}
	av.Labels = s.viewLabels(layers)
	v := view{Status: http.StatusOK, Standing: string(Up), Title: a.name + " (@" + a.handle + ")", Account: &av}
	in, err := signedIn(tx, r)
	if err != nil {
		return view{}, err
	}
	v.Self = in.account == a.number
	if v.Follows, err = follows(tx, in.account, a.number); err != nil {
		return view{}, err
	}
	return v, s.fillPosts(tx, r, &v, `p.account = $4`, a.number, "/@"+a.handle)
}

func (s *Server) postPage(tx *sqldb.Tx, r *http.Request) (view, error) {
	id, err := parseID(postPrefix + r.PathValue("number"))
	if err != nil {
		return view{}, err
	}
	p, a, err := postWithAccount(tx, id.number)
	switch {
	case err != nil:
		return view{}, err
	case p.status == Deleted:
		return nowhere(), nil
	case a.status != Up:
		return withheld(a), nil
	case p.status == Down:
		v := view{Status: http.StatusOK, Standing: string(Down), Title: "A removed post", Handle: a.handle,
			Heading: "This post has been removed.", Text: "Plaza’s staff removed this post of @" + a.handle + "."}
		return v, s.fillThread(tx, &v, p)
	}
	v := view{Status: http.StatusOK, Standing: string(Up), Title: a.name + " on Plaza", Here: "post"}
	v.Posts, err = s.posts(tx, `select `+accountColumns+`, `+postColumns+` from post p join account a on a.id = p.account where p.id = $1`, id.number)
	if err != nil {
		return v, err
	}
	if err := s.fillThread(tx, &v, p); err != nil {
		return v, err
	}
	if err := offerForm(tx, r, &v, composeView{Want: "post", Answers: id.String(), To: a.handle}); err != nil {
		return v, err
	}
	in, err := signedIn(tx, r)
	if err == nil && in.account == a.number {
		v.Change = composing(composeView{Want: "change", Post: id.String(), Text: p.text}, p.language)
	}
	return v, err
}

// ago writes a time in the way of a timeline.
func ago(t, now time.Time) string {
	switch d := now.Sub(t); {
	case d < time.Minute:
		return "now"
	case d < time.Hour:
		return strconv.Itoa(int(d/time.Minute)) + "m"
	case d < 24*time.Hour:
		return strconv.Itoa(int(d/time.Hour)) + "h"
	case d < 7*24*time.Hour:
		return strconv.Itoa(int(d/(24*time.Hour))) + "d"
	case t.Year() == now.UTC().Year():
		return t.UTC().Format("2 Jan")
	}
	return t.UTC().Format("2 Jan 2006")
}

// shortCount writes 43100000 as 43.1M.
func shortCount(n int64) string {
	for _, unit := range []struct {
		size int64
		name string
	}{{1_000_000_000, "B"}, {1_000_000, "M"}, {1_000, "K"}} {
		if n < unit.size {
			continue
		}
		tenths := n / (unit.size / 10) // cut, not rounded: 999,999 is not 1000K
		if tenths >= 1000 || tenths%10 == 0 {
			return strconv.FormatInt(tenths/10, 10) + unit.name
		}
		return fmt.Sprintf("%d.%d%s", tenths/10, tenths%10, unit.name)
	}
	return strconv.FormatInt(n, 10)
}

// exactCount writes 43100000 as 43,100,000.
func exactCount(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// sentence begins a text with a capital letter.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}
