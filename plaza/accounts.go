package plaza

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"countersign.dev/fault"
	"countersign.dev/sqldb"
)

// Listed is an account on the list of all.
type Listed struct {
	ID     string  `json:"id"`
	Handle string  `json:"handle"`
	Status Status  `json:"status"`
	Mark   string  `json:"mark"`
	Layers []Stood `json:"layers,omitempty"` // that stand, in the order of their names
	Facts  Facts   `json:"facts"`
}

// accountPage is a part of the list of all accounts.
type accountPage struct {
	Accounts []Listed `json:"accounts"`
	Next     string   `json:"next"` // where the next part begins; empty after the last
}

// listedColumns are those that the list tells. A sweep reads every account there is.
const listedColumns = `a.id, a.handle, a.verified, a.office, a.followers, a.created, a.status, a.mark`

func scanListed(row scanner) (int64, Listed, error) {
	var a account
	var created int64
	err := row.Scan(&a.number, &a.handle, &a.verified, &a.office, &a.followers, &created, &a.status, &a.mark)
	a.created = time.UnixMicro(created)
	return a.number, Listed{ID: a.id().String(), Handle: "@" + a.handle, Status: a.status, Mark: a.mark, Facts: a.facts()}, err
}

// getAccounts lists all accounts that are not deleted, in the order of their numbers,
// which is the order in which they were made. An account that is made while somebody
// reads the list comes on a later page.
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
		var numbers []int64
		rows, err := tx.Query(`select `+listedColumns+` from account a
			where a.id > $1 and a.status <> 'deleted' order by a.id limit $2`, after, accountsMost+1)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			if len(page.Accounts) == accountsMost {
				page.Next = strconv.FormatInt(numbers[accountsMost-1], 10)
				break
			}
			number, listed, err := scanListed(rows)
			if err != nil {
				return err
			}
			numbers = append(numbers, number)
			page.Accounts = append(page.Accounts, listed)
		}
		if err := rows.Err(); err != nil || len(numbers) == 0 {
			return err
		}
		if err := rows.Close(); err != nil {
			return err
		}
		// One question for the whole page, whose accounts have few layers.
		layers, err := layersBetween(tx, Account, numbers[0], numbers[len(numbers)-1])
		if err != nil {
			return err
		}
		for i, n := range numbers {
			page.Accounts[i].Layers = told(layers[n])
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("listing accounts: %w", err)
	}
	writeJSON(c.w, http.StatusOK, jsonType, page)
	return nil
}
