package plaza

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/sqldb"
)

// NewNotice is a message to the owner of an account.
type NewNotice struct {
	Account string `json:"account"` // acct/17
	Title   string `json:"title"`
	Text    string `json:"text"`
}

func (n NewNotice) check() (subjectID, error) {
	id, err := parseID(n.Account)
	if err != nil {
		return id, err
	}
	if id.sort != Account {
		return id, fault.New(fault.Invalid, "bad-subject", "%s is not an account.", n.Account)
	}
	if !within(n.Title, 1, 200) || strings.ContainsAny(n.Title, "\r\n") || !within(n.Text, 1, 5000) {
		return id, fault.New(fault.Invalid, "bad-notice", "A notice has a title of up to 200 characters in one line and a text of up to 5,000.")
	}
	return id, nil
}

// Sent is the answer to a notice.
type Sent struct {
	Key string         `json:"key"`
	At  canonical.Time `json:"at"` // when it was first sent
}

// postNotice shows the owner a message, once for each key of a holder.
func (s *Server) postNotice(c call) error {
	keys := c.r.Header.Values("Idempotency-Key")
	if len(keys) != 1 {
		return fault.New(fault.Invalid, "bad-key", "Send one Idempotency-Key header; with the same key nothing is sent twice.")
	}
	if err := checkKey(keys[0]); err != nil {
		return err
	}
	var n NewNotice
	if err := readStrict(c, &n); err != nil {
		return err
	}
	id, err := n.check()
	if err != nil {
		return err
	}
	digest := canonical.DigestOf(n).String()
	var sent Sent
	err = s.db.Write(c.r.Context(), func(tx *sqldb.Tx) error {
		sent = Sent{Key: keys[0]}
		var before string
		var created int64
		err := tx.QueryRow(`select digest, created from notice where holder = $1 and key = $2 and not warning`, c.holder, keys[0]).Scan(&before, &created)
		switch {
		case err == nil && before != digest:
			return fault.New(fault.Invalid, keyReused, "This key belongs to another notice.")
		case err == nil:
			sent.At = canonical.FromMicro(created)
			return nil
		case !sqldb.IsNotFound(err):
			return fmt.Errorf("reading the notice %q: %w", keys[0], err)
		}
		now := s.now()
		if _, err := stateOf(tx, id, now); err != nil {
			return err
		}
		number, err := next(tx, "notice", 1)
		if err != nil {
			return err
		}
		_, err = tx.Exec(`insert into notice (id, account, holder, key, digest, title, body, created)
			values ($1, $2, $3, $4, $5, $6, $7, $8)`,
			number, id.number, c.holder, keys[0], digest, n.Title, n.Text, now.UnixMicro())
		if sqldb.IsUnique(err) {
			return sqldb.ErrAgain // another process took the same key
		}
		sent.At = canonical.At(now)
		return err
	})
	if err != nil {
		return err
	}
	writeJSON(c.w, http.StatusOK, jsonType, sent)
	return nil
}

// Notice is a message as its owner reads it.
type Notice struct {
	Title   string         `json:"title"`
	Text    string         `json:"text"`
	Warning bool           `json:"warning,omitzero"` // a warning from staff, and no other message
	At      canonical.Time `json:"at"`
}

// noticesShown is the number of notices that an owner is shown, the newest first.
const noticesShown = 50

func noticesOf(tx *sqldb.Tx, account int64) ([]Notice, error) {
	rows, err := tx.Query(`select title, body, warning, created from notice where account = $1 order by id desc limit $2`, account, noticesShown)
	if err != nil {
		return nil, fmt.Errorf("reading notices: %w", err)
	}
	defer rows.Close()
	all := []Notice{}
	for rows.Next() {
		var n Notice
		var created int64
		if err := rows.Scan(&n.Title, &n.Text, &n.Warning, &created); err != nil {
			return nil, fmt.Errorf("reading notices: %w", err)
		}
		n.At = canonical.At(time.UnixMicro(created))
		all = append(all, n)
	}
	return all, rows.Err()
}
