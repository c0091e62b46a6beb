package plaza

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/sqldb"
)

// ownerRoutes are the routes for programs of an account's owner; openapi.json describes
// each of them. The page at /account offers the same to people.
var ownerRoutes = []route{
	{"GET", "/owner/v1/account", OwnerScope, 0, (*Server).getOwn},
	{"PUT", "/owner/v1/lock", OwnerScope, 0, (*Server).putLock},
	{"DELETE", "/owner/v1/lock", OwnerScope, 0, (*Server).deleteLock},
	{"POST", "/owner/v1/deactivate", OwnerScope, 0, (*Server).postDeactivate},
	{"POST", "/owner/v1/reactivate", OwnerScope, 0, (*Server).postReactivate},
	{"POST", "/owner/v1/follow", OwnerScope, ownerLimit, (*Server).postFollow},
	{"POST", "/owner/v1/unfollow", OwnerScope, ownerLimit, (*Server).postUnfollow},
	{"POST", "/owner/v1/posts", OwnerScope, ownPostLimit, (*Server).postWritten},
	{"PUT", "/owner/v1/posts/{number}", OwnerScope, ownPostLimit, (*Server).putWritten},
	{"DELETE", "/owner/v1/posts/{number}", OwnerScope, 0, (*Server).deleteWritten},
	{"GET", "/owner/v1/reports", OwnerScope, 0, (*Server).getReports},
	{"POST", "/owner/v1/reports", OwnerScope, reportBody, (*Server).postReport},
	{"PUT", "/owner/v1/language", OwnerScope, ownerLimit, (*Server).putLanguage},
}

// IssueOwnerToken makes and returns a token whose holder acts as the owner of an account
// ("acct/17" or "@handle"). Only its hash is kept. An owner may have several.
func (s *Server) IssueOwnerToken(ctx context.Context, account string) (string, error) {
	g, err := s.giveOwner(ctx, account)
	return g.Token, err
}

// given is the answer to a request for an owner's token.
type given struct {
	ID    string `json:"id"`
	Token string `json:"token"`
}

func (s *Server) giveOwner(ctx context.Context, account string) (given, error) {
	token, err := s.newToken()
	if err != nil {
		return given{}, err
	}
	g := given{Token: token}
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		a, err := accountNamed(tx, account)
		if err != nil {
			return err
		}
		g.ID = a.id().String()
		_, err = tx.Exec(`insert into owner_token (hash, account, created) values ($1, $2, $3)`, tokenHash(token), a.number, s.now().UnixMicro())
		return err
	})
	if err != nil {
		return given{}, fmt.Errorf("making a token for the owner of %s: %w", account, err)
	}
	return g, nil
}

// accountNamed finds an account that is not deleted by identifier or handle.
func accountNamed(tx *sqldb.Tx, name string) (account, error) {
	var a account
	id, err := parseID(name)
	switch {
	case err != nil:
		a, err = accountByHandle(tx, name)
	case id.sort != Account:
		return a, fault.New(fault.Invalid, "bad-subject", "%s is not an account.", name)
	default:
		a, err = accountByNumber(tx, id.number)
	}
	if err == nil && a.status == Deleted {
		return a, noSuchSubject(name)
	}
	return a, err
}

// newOwner asks for a token of an account's owner.
type newOwner struct {
	Account string `json:"account"`
}

func (s *Server) postOwner(c call) error {
	var n newOwner
	if err := readStrict(c, &n); err != nil {
		return err
	}
	g, err := s.giveOwner(c.r.Context(), n.Account)
	if err != nil {
		return err
	}
	writeJSON(c.w, http.StatusCreated, jsonType, g)
	return nil
}

// session is an owner who is signed in by a token.
type session struct {
	account int64     // its number
	began   time.Time // when the token was made
}

func (s *Server) authenticateOwner(r *http.Request) (session, error) {
	token, ok := bearer(r)
	if !ok {
		return session{}, unknownOwner()
	}
	return s.ownerOf(r.Context(), token)
}

func unknownOwner() error {
	return fault.New(fault.Unauthenticated, "bad-token", "Send your token as Authorization: Bearer TOKEN; this one is unknown or missing.")
}

// ownerOf returns the session of a token.
func (s *Server) ownerOf(ctx context.Context, token string) (o session, err error) {
	err = s.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		o, err = ownerByToken(tx, token)
		return err
	})
	return o, err
}

func ownerByToken(tx *sqldb.Tx, token string) (session, error) {
	var o session
	var created int64
	err := tx.QueryRow(`select account, created from owner_token where hash = $1`, tokenHash(token)).Scan(&o.account, &created)
	if sqldb.IsNotFound(err) {
		return o, unknownOwner()
	}
	if err != nil {
		return o, fmt.Errorf("looking an owner's token up: %w", err)
	}
	o.began = time.UnixMicro(created)
	return o, nil
}

// Lock is an owner's promise never to be deactivated without telling the staff. Plaza
// itself refuses nothing because of it; it only tells watchers.
type Lock struct {
	ID      string         `json:"id"`
	Set     bool           `json:"set"`              // it was set, and may have been removed since
	Since   canonical.Time `json:"since,omitzero"`   // when it was set
	Cleared canonical.Time `json:"cleared,omitzero"` // when it was removed; absent: it was not
	Session canonical.Time `json:"session,omitzero"` // the beginning of the session in which it was removed
	At      canonical.Time `json:"at"`               // when this was read
}

// clearingTime is the time for which a removed lock still counts as set: if it is set
// again within it, it keeps its date. The protocol says 72 hours.
const clearingTime = 72 * time.Hour

func lockOf(tx *sqldb.Tx, account int64, now time.Time) (Lock, error) {
	l := Lock{ID: subjectID{Account, account}.String(), At: canonical.At(now)}
	var since, cleared, began int64
	err := tx.QueryRow(`select since, cleared, session from owner_lock where account = $1`, account).Scan(&since, &cleared, &began)
	if sqldb.IsNotFound(err) {
		return l, nil
	}
	if err != nil {
		return l, fmt.Errorf("reading a lock: %w", err)
	}
	l.Set, l.Since = true, canonical.FromMicro(since)
	if cleared != 0 {
		l.Cleared, l.Session = canonical.FromMicro(cleared), canonical.FromMicro(began)
	}
	return l, nil
}

func (s *Server) getLock(c call) error {
	q := c.r.URL.Query()
	id, err := parseID(q.Get("id"))
	if err != nil {
		return err
	}
	if id.sort != Account || len(q) != 1 {
		return fault.New(fault.Invalid, "bad-subject", "Ask with ?id= of an account.")
	}
	var l Lock
	err = s.db.Read(c.r.Context(), func(tx *sqldb.Tx) error {
		now := s.now()
		if _, err := stateOf(tx, id, now); err != nil {
			return err
		}
		l, err = lockOf(tx, id.number, now)
		return err
	})
	if err != nil {
		return err
	}
	writeJSON(c.w, http.StatusOK, jsonType, l)
	return nil
}

// Own is an account as its owner sees it.
type Own struct {
	ID       string    `json:"id"`
	Handle   string    `json:"handle"`
	Status   Status    `json:"status"`
	Language string    `json:"language"`         // of posts of which the owner chooses none
	Beneath  Status    `json:"beneath,omitzero"` // while it is down: the status after the takedown is lifted, up or deactivated
	Lock     Lock      `json:"lock"`
	Measures []Measure `json:"measures"` // that stand on the account
	Posts    []OwnPost `json:"posts"`    // on which something stands, the newest first, up to 100
	Notices  []Notice  `json:"notices"`  // the newest first, up to 50
}

func (s *Server) own(tx *sqldb.Tx, number int64) (Own, account, error) {
	a, err := accountByNumber(tx, number)
	if err != nil {
		return Own{}, a, err
	}
	o := Own{ID: a.id().String(), Handle: "@" + a.handle, Status: a.status, Language: a.language, Beneath: a.beneath()}
	if o.Lock, err = lockOf(tx, number, s.now()); err != nil {
		return o, a, err
	}
	layers, err := layersOf(tx, a.id())
	if err != nil {
		return o, a, err
	}
	o.Measures = s.accountMeasures(a, layers)
	if o.Posts, err = s.ownPosts(tx, a); err != nil {
		return o, a, err
	}
	o.Notices, err = noticesOf(tx, number)
	return o, a, err
}

func (s *Server) getOwn(c call) error {
	var o Own
	err := s.db.Read(c.r.Context(), func(tx *sqldb.Tx) (err error) {
		o, _, err = s.own(tx, c.owner.account)
		return err
	})
	if err != nil {
		return err
	}
	writeJSON(c.w, http.StatusOK, jsonType, o)
	return nil
}

// setLock sets or removes the lock. A lock that is set already keeps its date, and a
// removed one keeps the date of its removal: asking again neither renews a lock nor puts
// off its end. Of several sessions that remove it the oldest counts.
func (s *Server) setLock(ctx context.Context, o session, on bool) error {
	number := o.account
	return s.asOwner(ctx, number, func(tx *sqldb.Tx, a account, now time.Time) error {
		l, err := lockOf(tx, number, now)
		switch {
		case err != nil:
			return err
		case on && l.Set && l.Cleared.IsZero(), !on && !l.Set, !on && !l.Cleared.IsZero() && !o.began.Before(l.Session.Time):
			return nil
		case on:
			since := now
			if l.Set && now.Before(l.Cleared.Add(clearingTime)) {
				since = l.Since.Time
			}
			_, err = tx.Exec(`insert into owner_lock (account, since, cleared, session) values ($1, $2, 0, 0)
				on conflict (account) do update set since = excluded.since, cleared = 0, session = 0`, number, since.UnixMicro())
		default:
			cleared := now
			if !l.Cleared.IsZero() {
				cleared = l.Cleared.Time
			}
			var n int64
			n, err = tx.Exec(`update owner_lock set cleared = $1, session = $2 where account = $3 and session = $4`,
				cleared.UnixMicro(), o.began.UnixMicro(), number, max(0, l.Session.UnixMicro()))
			if err == nil && n == 0 {
				return sqldb.ErrAgain // another process was faster
			}
		}
		if err != nil {
			return fmt.Errorf("keeping the lock of %s: %w", a.id(), err)
		}
		return record(tx, lockEvent, a.state(now), "@"+a.handle, now, s.backlog)
	})
}

// beneath returns the status that an account has once its takedown is lifted; empty if it
// is not down.
func (a account) beneath() Status {
	switch {
	case a.status != Down:
		return ""
	case a.off.is:
		return Deactivated
	}
	return Up
}

// switchOff deactivates the account in its owner's name, or reactivates it. The owner
// cannot bring back an account that staff took down or deactivated. While it is down, the
// owner's choice lies beneath that, and shows once the takedown is lifted.
func (s *Server) switchOff(ctx context.Context, number int64, away bool) error {
	return s.asOwner(ctx, number, func(tx *sqldb.Tx, a account, now time.Time) error {
		from, to := Deactivated, Up
		if away {
			from, to = Up, Deactivated
		}
		if a.beneath() == from {
			chosen := off{}
			if away {
				chosen = off{true, "@" + a.handle}
			}
			ok, err := setOff(tx, a, chosen)
			if err == nil && !ok {
				return sqldb.ErrAgain // another process was faster
			}
			return err
		}
		if a.status != from || a.mark != "" {
			return fault.New(fault.Conflict, "wrong-state", "Your account is %s, and this is not yours to change now.", a.status)
		}
		_, err := s.move(tx, "@"+a.handle, a.id(), a.state(now), left{status: to}, now)
		return err
	})
}

// asOwner makes a change to an account that is not deleted.
func (s *Server) asOwner(ctx context.Context, number int64, do func(*sqldb.Tx, account, time.Time) error) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := inOrder(tx); err != nil {
			return err
		}
		a, err := accountByNumber(tx, number)
		if err != nil {
			return err
		}
		if a.status == Deleted {
			return noSuchSubject("account")
		}
		return do(tx, a, s.now())
	})
}

// thenOwn makes an owner's change and answers with the account after it.
func (s *Server) thenOwn(c call, err error) error {
	if err != nil {
		return err
	}
	return s.getOwn(c)
}

func (s *Server) putLock(c call) error { return s.thenOwn(c, s.setLock(c.r.Context(), c.owner, true)) }

func (s *Server) deleteLock(c call) error {
	return s.thenOwn(c, s.setLock(c.r.Context(), c.owner, false))
}

func (s *Server) postDeactivate(c call) error {
	return s.thenOwn(c, s.switchOff(c.r.Context(), c.owner.account, true))
}

func (s *Server) postReactivate(c call) error {
	return s.thenOwn(c, s.switchOff(c.r.Context(), c.owner.account, false))
}
