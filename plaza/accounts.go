package plaza

import (
	"fmt"
	"net/http"
	"strconv"

	"countersign.dev/fault"
	"countersign.dev/sqldb"
)

// Listed is an account on the list of all.
type Listed struct {
	ID     string `json:"id"`
	Handle string `json:"handle"`
	Status Status `json:"status"`
	Mark   string `json:"mark"`
}

// accountPage is a part of the list of all accounts.
type accountPage struct {
	Accounts []Listed `json:"accounts"`
	Next     string   `json:"next"` // where the next part begins; empty after the last
}

// getAccounts lists all accounts that are not deleted, in the order of their
// numbers, which is the order of their making: what is made while somebody reads
// the list comes on a later page.
func (s *Server) getAccounts(c call) error {
	q := c.r.URL.Query()
	var after int64
	if text := q.Get("after"); text != "" {
		var err error
		if after, err = strconv.ParseInt(text, 10, 64); err != nil || after < 1 || strconv.FormatInt(after, 10) != text {
			return fault.New(fault.Invalid, "bad-cursor", "%s is not where a page begins; send what the page before says is next.", quote(text))
		}
	}
	var page accountPage
	err := s.db.Read(c.r.Context(), func(tx *sqldb.Tx) error {
		page = accountPage{Accounts: []Listed{}}
		rows, err := tx.Query(`select id, handle, status, mark from account
			where id > $1 and status <> 'deleted' order by id limit $2`, after, accountsMost+1)
		if err != nil {
			return err
		}
		defer rows.Close()
		var last int64
		for rows.Next() {
			if len(page.Accounts) == accountsMost {
				page.Next = strconv.FormatInt(last, 10)
				break
			}
			var l Listed
			if err := rows.Scan(&last, &l.Handle, &l.Status, &l.Mark); err != nil {
				return err
			}
			l.ID, l.Handle = subjectID{Account, last}.String(), "@"+l.Handle
			page.Accounts = append(page.Accounts, l)
		}
		return rows.Err()
	})
	if err != nil {
		return fmt.Errorf("listing accounts: %w", err)
	}
	writeJSON(c.w, http.StatusOK, jsonType, page)
	return nil
}
