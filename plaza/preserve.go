package plaza

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/sqldb"
)

// PreserveMost is the longest time for which staff have something preserved.
const PreserveMost = 366 * 24 * time.Hour

const preserveLimit = 4 << 10 // bytes in the body of a wish to preserve

// Preserve asks to keep a subject for staff until a time, even if it is deleted.
type Preserve struct {
	ID    string         `json:"id"`
	Until canonical.Time `json:"until"`
}

// postPreserve notes until when a subject is kept. Asking again never shortens the time.
func (s *Server) postPreserve(c call) error {
	var wish Preserve
	if err := readStrict(c, &wish); err != nil {
		return err
	}
	id, err := parseID(wish.ID)
	if err != nil {
		return err
	}
	now := s.now()
	if !wish.Until.After(now) || wish.Until.After(now.Add(PreserveMost)) {
		return fault.New(fault.Invalid, "bad-preservation", "Name a time that is still to come, and less than a year away.")
	}
	err = s.db.Write(c.r.Context(), func(tx *sqldb.Tx) error {
		if err := forgetPreserved(tx, now); err != nil {
			return err
		}
		if _, _, kept, err := preservedOf(tx, id, now); err != nil {
			return err
		} else if !kept {
			if _, err := stateOf(tx, id, now); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(`insert into preserved (subject, until) values ($1, $2) on conflict (subject) do update set until = excluded.until where preserved.until < excluded.until`,
			id.String(), wish.Until.Micro()); err != nil {
			return err
		}
		_, wish.Until, _, err = preservedOf(tx, id, now)
		return err
	})
	if err != nil {
		return err
	}
	writeJSON(c.w, http.StatusOK, jsonType, wish)
	return nil
}

// preservedOf returns until when a subject is preserved, and what was kept of it when it was
// deleted. ok is false if it is not preserved.
func preservedOf(tx *sqldb.Tx, id subjectID, now time.Time) (content []byte, until canonical.Time, ok bool, err error) {
	var at int64
	err = tx.QueryRow(`select until, content from preserved where subject = $1 and until > $2`, id.String(), now.UnixMicro()).Scan(&at, &content)
	if sqldb.IsNotFound(err) {
		return nil, until, false, nil
	}
	return content, canonical.FromMicro(at), err == nil, err
}

// keep copies what is about to be deleted of a subject, if staff asked to preserve it: of an
// account its profile and each of its posts, of a post that post, also if only its account
// is preserved. It is called while all of it is still there.
func keep(tx *sqldb.Tx, id subjectID, now time.Time) error {
	_, until, ok, err := preservedOf(tx, id, now)
	if err != nil {
		return err
	}
	if id.sort == Account {
		posts, err := postsLeft(tx, id.number)
		if err != nil {
			return err
		}
		for _, p := range posts {
			if err := keepFor(tx, p, until, ok, now); err != nil {
				return err
			}
		}
	} else if !ok {
		p, _, err := postWithAccount(tx, id.number)
		if err != nil {
			return err
		}
		if _, until, ok, err = preservedOf(tx, subjectID{Account, p.account}, now); err != nil {
			return err
		}
	}
	return keepFor(tx, id, until, ok, now)
}

// keepFor copies one subject that is about to be deleted, if it is preserved itself or with its
// account, until a time.
func keepFor(tx *sqldb.Tx, id subjectID, until canonical.Time, with bool, now time.Time) error {
	content, own, ok, err := preservedOf(tx, id, now)
	switch {
	case err != nil:
		return err
	case len(content) > 0 || !ok && !with: // it was kept already, or is not to be kept
		return nil
	case !with || ok && own.After(until.Time):
		until = own
	}
	told, err := shownOf(tx, id)
	if err != nil {
		return err
	}
	told.Status, told.At = Deleted, canonical.At(now)
	b, err := json.Marshal(told)
	if err != nil {
		return fmt.Errorf("keeping %s: %w", id, err)
	}
	if _, err := tx.Exec(`insert into preserved (subject, until, content) values ($1, $2, $3) on conflict (subject) do update set until = excluded.until, content = excluded.content`,
		id.String(), until.Micro(), b); err != nil || id.sort == Account {
		return err
	}
	_, err = tx.Exec(`insert into preserved_picture (subject, place, type, data) select $1, place, type, data from picture where post = $2`, id.String(), id.number)
	return err
}

// forgetPreserved removes what need not be kept any longer.
func forgetPreserved(tx *sqldb.Tx, now time.Time) error {
	for _, change := range []string{`delete from preserved_picture where subject in (select subject from preserved where until <= $1)`, `delete from preserved where until <= $1`} {
		if _, err := tx.Exec(change, now.UnixMicro()); err != nil {
			return fmt.Errorf("removing what was preserved: %w", err)
		}
	}
	return nil
}

// forgetEvery is the time between two removals of what need not be kept any longer.
const forgetEvery = time.Hour

// startForgetting begins to remove what need not be kept any longer. The server ends it with
// Close.
func (s *Server) startForgetting() {
	ctx, stop := context.WithCancel(context.Background())
	s.working.Go(func() {
		<-s.closed
		stop()
	})
	s.working.Go(func() { s.forget(ctx) })
}

func (s *Server) forget(ctx context.Context) {
	tick := time.NewTicker(forgetEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if err := s.db.Write(ctx, func(tx *sqldb.Tx) error { return forgetPreserved(tx, s.now()) }); err != nil && ctx.Err() == nil {
			s.log.ErrorContext(ctx, "what was preserved is not removed", "error", err)
		}
	}
}
