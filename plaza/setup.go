package plaza

import (
	"cmp"
	"net/http"
	"strings"
	"unicode/utf8"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/sqldb"
)

// NewAccount is an account to be made.
type NewAccount struct {
	Handle    string         `json:"handle"` // with its @
	Name      string         `json:"name"`
	Bio       string         `json:"bio,omitempty"`
	Verified  bool           `json:"verified,omitzero"`
	Office    string         `json:"office,omitempty"`
	Followers int64          `json:"followers,omitzero"`
	Created   canonical.Time `json:"created,omitzero"`   // now if absent
	Language  string         `json:"language,omitempty"` // of posts whose author chooses none; und if absent
}

func (n NewAccount) check() error {
	if _, err := foldHandle(n.Handle); err != nil {
		return err
	}
	if !within(n.Name, 1, 100) || !within(n.Bio, 0, 500) || !within(n.Office, 0, 80) || n.Followers < 0 {
		return fault.New(fault.Invalid, "bad-account", "%s: a name has 1 to 100 characters, a bio up to 500, an office up to 80, and followers are not negative.", n.Handle)
	}
	if !storable(n.Name + n.Bio + n.Office) {
		return fault.New(fault.Invalid, "bad-account", "%s: name, bio and office are text without the character NUL.", n.Handle)
	}
	return checkLanguage(n.Language)
}

// NewPost is a post to be made.
type NewPost struct {
	Account  string         `json:"account"` // acct/17
	Text     string         `json:"text"`
	Likes    int64          `json:"likes,omitzero"`
	Reposts  int64          `json:"reposts,omitzero"`
	At       canonical.Time `json:"at,omitzero"`        // now if absent
	Pictures []NewPicture   `json:"pictures,omitempty"` // up to four
	Language string         `json:"language,omitempty"` // the account's if absent
	Answers  string         `json:"answers,omitempty"`  // identifier of the post that it answers
}

func (n NewPost) check() error {
	id, err := parseID(n.Account)
	if err != nil {
		return err
	}
	if id.sort != Account {
		return fault.New(fault.Invalid, "bad-subject", "%s is not an account.", n.Account)
	}
	if n.Likes < 0 || n.Reposts < 0 {
		return fault.New(fault.Invalid, "bad-post", "The counts of a post are not negative.")
	}
	if err := checkPost(n.Text, n.Language, n.Answers); err != nil {
		return err
	}
	if len(n.Pictures) > picturesMost {
		return fault.New(fault.Invalid, "bad-post", "A post has up to %d pictures; this one has %d.", picturesMost, len(n.Pictures))
	}
	return nil
}

// checkPost checks what the author of a post chooses.
func checkPost(text, language, answers string) error {
	if !within(text, 1, postLongest) || !storable(text) {
		return fault.New(fault.Invalid, "bad-post", "A post has 1 to %d characters, none of them NUL.", postLongest)
	}
	if answers != "" {
		id, err := parseID(answers)
		if err != nil {
			return err
		}
		if id.sort != Content {
			return fault.New(fault.Invalid, "bad-subject", "%s is not a post.", quote(answers))
		}
	}
	return checkLanguage(language)
}

// storable returns true for what both databases keep as it is.
func storable(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

func within(s string, least, most int) bool {
	n := utf8.RuneCountInString(s)
	return n >= least && n <= most
}

// made names what a setup request made, in the order of the request.
type made struct {
	ID     string `json:"id"`
	Handle string `json:"handle,omitempty"`
}

func (s *Server) postAccount(c call) error {
	var n NewAccount
	if err := readStrict(c, &n); err != nil {
		return err
	}
	m, err := s.makeAccounts(c, []NewAccount{n})
	if err != nil {
		return err
	}
	writeJSON(c.w, http.StatusCreated, jsonType, m[0])
	return nil
}

func (s *Server) postAccounts(c call) error {
	var n struct {
		Accounts []NewAccount `json:"accounts"`
	}
	if err := readStrict(c, &n); err != nil {
		return err
	}
	m, err := s.makeAccounts(c, n.Accounts)
	if err != nil {
		return err
	}
	writeJSON(c.w, http.StatusCreated, jsonType, struct {
		Accounts []made `json:"accounts"`
	}{m})
	return nil
}

// makeAccounts makes all of them or none.
func (s *Server) makeAccounts(c call, list []NewAccount) ([]made, error) {
	if err := checkAll(list); err != nil {
		return nil, err
	}
	var all []made
	err := s.db.Write(c.r.Context(), func(tx *sqldb.Tx) error {
		all = nil
		first, err := next(tx, "account", int64(len(list)))
		if err != nil {
			return err
		}
		for i, n := range list {
			switch _, err := accountByHandle(tx, n.Handle); {
			case err == nil:
				return fault.New(fault.Conflict, "handle-taken", "The handle %s is taken.", n.Handle)
			case !fault.Is(err, "no-such-subject"):
				return err
			}
			a := account{number: first + int64(i), handle: strings.TrimPrefix(n.Handle, "@"), name: n.Name, bio: n.Bio,
				verified: n.Verified, office: n.Office, followers: n.Followers, created: n.Created.Time, language: cmp.Or(n.Language, noLanguage)}
			if a.created.IsZero() {
				a.created = s.now()
			}
			if err := insertAccount(tx, a); err != nil {
				return err
			}
			all = append(all, made{a.id().String(), n.Handle})
		}
		return nil
	})
	return all, err
}

func (s *Server) postPost(c call) error {
	var n NewPost
	if err := readStrict(c, &n); err != nil {
		return err
	}
	m, err := s.makePosts(c, []NewPost{n})
	if err != nil {
		return err
	}
	writeJSON(c.w, http.StatusCreated, jsonType, m[0])
	return nil
}

func (s *Server) postPosts(c call) error {
	var n struct {
		Posts []NewPost `json:"posts"`
	}
	if err := readStrict(c, &n); err != nil {
		return err
	}
	m, err := s.makePosts(c, n.Posts)
	if err != nil {
		return err
	}
	writeJSON(c.w, http.StatusCreated, jsonType, struct {
		Posts []made `json:"posts"`
	}{m})
	return nil
}

func (s *Server) makePosts(c call, list []NewPost) ([]made, error) {
	if err := checkAll(list); err != nil {
		return nil, err
	}
	pictures, err := s.readPictures(list)
	if err != nil {
		return nil, err
	}
	var all []made
	err = s.db.Write(c.r.Context(), func(tx *sqldb.Tx) error {
		all = nil
		first, err := next(tx, "post", int64(len(list)))
		if err != nil {
			return err
		}
		languages := map[int64]string{}
		for i, n := range list {
			owner, err := parseID(n.Account)
			if err != nil {
				return err
			}
			if languages[owner.number] == "" {
				a, err := accountByNumber(tx, owner.number)
				if err == nil && a.status == Deleted {
					err = noSuchSubject(n.Account)
				}
				if err != nil {
					return err
				}
				languages[owner.number] = a.language
			}
			p := post{number: first + int64(i), account: owner.number, text: n.Text, likes: n.Likes, reposts: n.Reposts, created: n.At.Time,
				language: cmp.Or(n.Language, languages[owner.number])}
			if p.answers, err = answered(tx, n.Answers); err != nil {
				return err
			}
			if p.created.IsZero() {
				p.created = s.now()
			}
			if err := insertPost(tx, p); err != nil {
				return err
			}
			if err := insertPictures(tx, p.number, pictures[i]); err != nil {
				return err
			}
			all = append(all, made{ID: subjectID{Content, p.number}.String()})
		}
		return nil
	})
	return all, err
}

func checkAll[T interface{ check() error }](list []T) error {
	if len(list) == 0 || len(list) > setupMost {
		return fault.New(fault.Invalid, "bad-list", "Send 1 to %d at a time.", setupMost)
	}
	for _, n := range list {
		if err := n.check(); err != nil {
			return err
		}
	}
	return nil
}
