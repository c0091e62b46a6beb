package desktest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"countersign.dev/platform"
	"countersign.dev/plaza"
	"countersign.dev/sqldb"
)

// Square is a real plaza in this process, on a database of its own.
type Square struct {
	Server *plaza.Server
	URL    string
	DB     *sqldb.DB
	tb     testing.TB
}

// OpenSquare opens an empty plaza until the test ends.
func OpenSquare(t testing.TB) *Square { return OpenSquareWith(t, plaza.Config{}) }

// OpenSquareWith is OpenSquare with settings of the test's. The database is the
// square's own, unless the settings have one.
func OpenSquareWith(t testing.TB, c plaza.Config) *Square {
	t.Helper()
	if c.DB == nil {
		db, err := plaza.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "plaza.db"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		c.DB = db
	}
	s := &Square{Server: plaza.New(c), DB: c.DB, tb: t}
	web := httptest.NewServer(s.Server.Handler())
	t.Cleanup(web.Close)
	t.Cleanup(s.Server.Close)
	s.URL = web.URL
	return s
}

// Token issues a staff token.
func (s *Square) Token(name string, scope plaza.Scope) string {
	s.tb.Helper()
	token, err := s.Server.IssueToken(s.tb.Context(), name, scope)
	if err != nil {
		s.tb.Fatal(err)
	}
	return token
}

// Post sends a request that makes something.
func (s *Square) Post(token, path, body string) {
	s.tb.Helper()
	req, err := http.NewRequestWithContext(s.tb.Context(), http.MethodPost, s.URL+path, strings.NewReader(body))
	if err != nil {
		s.tb.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.tb.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusCreated {
		answer, _ := io.ReadAll(res.Body)
		s.tb.Fatalf("%s: %s: %s", path, res.Status, answer)
	}
}

// Rename gives an account another handle.
func (s *Square) Rename(id, handle string) {
	s.tb.Helper()
	if err := s.DB.Write(s.tb.Context(), func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`update account set handle = $1, fold = $1 where id = $2`, strings.TrimPrefix(handle, "@"), strings.TrimPrefix(id, "acct/"))
		return err
	}); err != nil {
		s.tb.Fatal(err)
	}
}

// Owner is somebody who is signed in as an account's owner.
type Owner struct {
	s     *Square
	token string
}

// Owner signs somebody in as an account's owner, by a new session.
func (s *Square) Owner(id string) Owner {
	s.tb.Helper()
	token, err := s.Server.IssueOwnerToken(s.tb.Context(), id)
	if err != nil {
		s.tb.Fatal(err)
	}
	return Owner{s, token}
}

// Does asks for one route of the owner's API.
func (o Owner) Does(method, route string) {
	o.s.tb.Helper()
	r, err := http.NewRequestWithContext(o.s.tb.Context(), method, o.s.URL+"/owner/v1/"+route, nil)
	if err != nil {
		o.s.tb.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+o.token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		o.s.tb.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		o.s.tb.Fatalf("%s %s: %s", method, route, answer.Status)
	}
}

// Change is one change of a subject, as plaza's own events tell.
type Change struct {
	Status platform.Status
	Mark   platform.Mark
}

// Changes returns every change that plaza has made to a subject, in order. It
// asks plaza's tables, past everything of Countersign.
func (s *Square) Changes(subject string) (all []Change) {
	s.tb.Helper()
	err := s.DB.Read(s.tb.Context(), func(tx *sqldb.Tx) (err error) {
		all, err = sqldb.All(tx, func(r sqldb.Row) (Change, error) {
			var c Change
			return c, r.Scan(&c.Status, &c.Mark)
		}, `select status, mark from event where subject = $1 order by id`, subject)
		return err
	})
	if err != nil {
		s.tb.Fatal(err)
	}
	return all
}
