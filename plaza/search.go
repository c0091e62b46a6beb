package plaza

import (
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"countersign.dev/sqldb"
)

// Limits of a search.
const (
	searchLongest = 100 // characters
	searchPeople  = 8
	searchPosts   = 30
)

// searchPage finds accounts by handle and name, and posts by their text. It finds nothing
// that is limited.
func (s *Server) searchPage(tx *sqldb.Tx, r *http.Request) (view, error) {
	v := view{Status: http.StatusOK, Standing: string(Up), Title: "Search", Here: "search", Search: true}
	v.Query = strings.TrimSpace(r.URL.Query().Get("q"))
	switch n := utf8.RuneCountInString(v.Query); {
	case n == 0:
		v.Query = ""
		return v, nil
	case n > searchLongest || !utf8.ValidString(v.Query) || strings.ContainsRune(v.Query, 0):
		v.Query = ""
		v.Wrong = fmt.Sprintf("Search for up to %d characters.", searchLongest)
		return v, nil
	}
	v.Title = v.Query + " · Search"
	like := tx.Dialect().Like
	pattern := "%" + sqldb.EscapeLike(v.Query) + "%"
	handle := "%" + sqldb.EscapeLike(strings.TrimPrefix(v.Query, "@")) + "%"
	var err error
	v.People, err = sqldb.All(tx, func(row sqldb.Row) (accountView, error) {
		a, err := scanAccount(row)
		return viewAccount(a), err
	}, `select `+accountColumns+` from account a where a.status = 'up' and `+accountIsPublic+`
		and (`+like("a.handle", 1)+` or `+like("a.name", 2)+`) order by a.followers desc, a.id limit $3`, handle, pattern, searchPeople)
	if err != nil {
		return v, fmt.Errorf("searching accounts: %w", err)
	}
	v.Posts, err = s.posts(tx, `select `+accountColumns+`, `+postColumns+` from post p join account a on a.id = p.account
		where p.status = 'up' and a.status = 'up' and `+accountIsPublic+` and `+postIsPublic+` and `+like("p.body", 1)+`
		order by p.created desc, p.id desc limit $2`, pattern, searchPosts)
	return v, err
}
