package plaza

import (
	"context"
	"fmt"
	"net/http"

	"countersign.dev/fault"
	"countersign.dev/sqldb"
)

// newFollow names the account that an owner wants to follow, or not to follow any more.
type newFollow struct {
	Account string `json:"account"` // identifier or handle
}

// follow lets an owner follow another account, or ends that. Asking again changes
// nothing.
func (s *Server) follow(ctx context.Context, o session, name string, on bool) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		own, err := accountByNumber(tx, o.account)
		if err != nil {
			return err
		}
		if own.status == Deleted {
			return noSuchSubject("account")
		}
		a, err := accountNamed(tx, name)
		switch {
		case err != nil:
			return err
		case a.number == own.number:
			return fault.New(fault.Conflict, "own-account", "Nobody follows their own account.")
		case on && a.status != Up:
			return fault.New(fault.Conflict, "wrong-state", "@%s is %s at the moment and cannot be followed.", a.handle, a.status)
		}
		change := `delete from follow where follower = $1 and followee = $2`
		args := []any{own.number, a.number}
		more := -1
		if on {
			change = `insert into follow (follower, followee, since) values ($1, $2, $3) on conflict (follower, followee) do nothing`
			args = append(args, s.now().UnixMicro())
			more = 1
		}
		n, err := tx.Exec(change, args...)
		if err == nil && n == 1 {
			_, err = tx.Exec(`update account set followers = followers + $1 where id = $2`, more, a.number)
		}
		if err != nil {
			return fmt.Errorf("following %s: %w", a.id(), err)
		}
		return nil
	})
}

// follows returns true if one account follows another.
func follows(tx *sqldb.Tx, follower, followee int64) (bool, error) {
	var n int
	err := tx.QueryRow(`select count(*) from follow where follower = $1 and followee = $2`, follower, followee).Scan(&n)
	return n > 0, err
}

// eraseFollows removes a deleted account from those who follow and are followed.
func eraseFollows(tx *sqldb.Tx, account int64) error {
	if _, err := tx.Exec(`update account set followers = followers - 1 where id in (select followee from follow where follower = $1)`, account); err != nil {
		return err
	}
	_, err := tx.Exec(`delete from follow where follower = $1 or followee = $1`, account)
	return err
}

func (s *Server) postFollow(c call) error   { return s.answerFollow(c, true) }
func (s *Server) postUnfollow(c call) error { return s.answerFollow(c, false) }

func (s *Server) answerFollow(c call, on bool) error {
	var n newFollow
	if err := readStrict(c, &n); err != nil {
		return err
	}
	return s.thenOwn(c, s.follow(c.r.Context(), c.owner, n.Account, on))
}

// followingPage shows signed-in owners the posts of the accounts that they follow, and their
// own. A limit keeps nothing from it: who follows has chosen to read this.
func (s *Server) followingPage(tx *sqldb.Tx, r *http.Request) (view, error) {
	in, err := signedIn(tx, r)
	if err != nil {
		return view{}, err
	}
	if in.account == 0 {
		return signInPage(""), nil
	}
	v := view{Status: http.StatusOK, Standing: string(Up), Title: "Following", Here: "following", Heads: "Following",
		Empty: "Nothing yet. Follow somebody, and their posts are here."}
	if err := offerForm(tx, r, &v, composeView{Want: "post"}); err != nil {
		return v, err
	}
	return v, s.fillPosts(tx, r, &v, `(a.id = $4 or exists (select 1 from follow f where f.follower = $4 and f.followee = a.id))`, in.account, "/following")
}
