package store

import (
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/sqldb"
	"countersign.dev/workforce"
)

// Invitation is a link with which a worker makes a passkey in a browser.
type Invitation struct {
	ID        string
	Secret    canonical.Digest // of the link's secret
	Log       string           // whose desk made it
	Worker    workforce.WorkerID
	By        workforce.WorkerID // who invited
	Made      canonical.Time
	Expires   canonical.Time
	Withdrawn canonical.Time // zero: it was not taken back, and no later one took its place
	Answered  canonical.Time // zero: nobody made a passkey yet

	// What the browser handed in; nothing before it answered.
	Key          workforce.KeyID
	Registration []byte // canonical
	Possession   []byte // canonical
}

const invitationColumns = `id, secret, log, worker, inviter, made, expires, coalesce(withdrawn, 0), coalesce(answered, 0), coalesce(key, ''), registration, possession`

func scanInvitation(r sqldb.Row) (i Invitation, err error) {
	var secret, worker, by, key string
	var made, expires, withdrawn, answered int64
	if err := r.Scan(&i.ID, &secret, &i.Log, &worker, &by, &made, &expires, &withdrawn, &answered, &key, &i.Registration, &i.Possession); err != nil {
		return i, err
	}
	i.Worker, i.By, i.Key = workforce.WorkerID(worker), workforce.WorkerID(by), workforce.KeyID(key)
	i.Made, i.Expires = canonical.FromMicro(made), canonical.FromMicro(expires)
	if withdrawn != 0 {
		i.Withdrawn = canonical.FromMicro(withdrawn)
	}
	if answered != 0 {
		i.Answered = canonical.FromMicro(answered)
	}
	return i, i.Secret.UnmarshalText([]byte(secret))
}

// InsertInvitation adds an invitation that nobody has answered. Those of the same worker before it
// end, whether they were answered or not; enrolled says which keys the chain has, whose
// invitations stay as they are. It returns the identifiers of those that it ended.
func (tx *Tx) InsertInvitation(i Invitation, enrolled func(workforce.KeyID) bool) (ended []string, err error) {
	earlier, err := tx.InvitationsOf(i.Worker)
	if err != nil {
		return nil, err
	}
	for _, old := range earlier {
		if old.Withdrawn.IsZero() && !(old.Key != "" && enrolled(old.Key)) {
			if err := tx.WithdrawInvitation(old.ID, i.Made); err != nil {
				return nil, err
			}
			ended = append(ended, old.ID)
		}
	}
	_, err = tx.Exec(`insert into invitation (id, secret, log, worker, inviter, made, expires) values ($1, $2, $3, $4, $5, $6, $7)`,
		i.ID, i.Secret.String(), i.Log, string(i.Worker), string(i.By), i.Made.Micro(), i.Expires.Micro())
	return ended, err
}

// DropOldInvitations removes the invitations that nobody answered and that ended before an instant.
// What was answered stays: it shows how a key was made.
func (tx *Tx) DropOldInvitations(before canonical.Time) error {
	_, err := tx.Exec(`delete from invitation where answered is null and expires < $1`, before.Micro())
	return err
}

// OpenInvitations counts the invitations that somebody may still answer.
func (tx *Tx) OpenInvitations() (n int, err error) {
	return n, tx.QueryRow(`select count(*) from invitation where answered is null and withdrawn is null and expires > $1`, tx.Now().Micro()).Scan(&n)
}

// Invitation returns an invitation; a fault "no-invitation" if there is none.
func (tx *Tx) Invitation(id string) (Invitation, error) {
	return oneInvitation(sqldb.All(tx.Tx, scanInvitation, `select `+invitationColumns+` from invitation where id = $1`, id))
}

// InvitationWith returns the invitation of a secret with this digest; a fault "no-invitation" if
// there is none.
func (tx *Tx) InvitationWith(secret canonical.Digest) (Invitation, error) {
	return oneInvitation(sqldb.All(tx.Tx, scanInvitation, `select `+invitationColumns+` from invitation where secret = $1`, secret.String()))
}

func oneInvitation(all []Invitation, err error) (Invitation, error) {
	if err == nil && len(all) == 0 {
		err = fault.New(fault.NotFound, "no-invitation", "There is no such invitation at this desk.")
	}
	if err != nil {
		return Invitation{}, err
	}
	return all[0], nil
}

// InvitationsOf returns the invitations of a worker, newest first.
func (tx *Tx) InvitationsOf(w workforce.WorkerID) ([]Invitation, error) {
	return sqldb.All(tx.Tx, scanInvitation, `select `+invitationColumns+` from invitation where worker = $1 order by made desc, id desc`, string(w))
}

// InvitationsWithKey returns the invitations that were answered with a key, newest first.
func (tx *Tx) InvitationsWithKey(k workforce.KeyID) ([]Invitation, error) {
	return sqldb.All(tx.Tx, scanInvitation, `select `+invitationColumns+` from invitation where key = $1 order by made desc, id desc`, string(k))
}

// Invitations returns the newest invitations, newest first, as many as limit.
func (tx *Tx) Invitations(limit int) ([]Invitation, error) {
	return sqldb.All(tx.Tx, scanInvitation, `select `+invitationColumns+` from invitation order by made desc, id desc limit $1`, limit)
}

// LockInvitation keeps others from changing an invitation until the change commits, and returns it.
func (tx *Tx) LockInvitation(id string) (Invitation, error) {
	return oneInvitation(sqldb.All(tx.Tx, scanInvitation, `select `+invitationColumns+` from invitation where id = $1`+tx.Dialect().ForUpdate(), id))
}

// AnswerInvitation keeps what a browser handed in for an invitation. An invitation takes one answer.
func (tx *Tx) AnswerInvitation(i Invitation) error {
	_, err := tx.Exec(`update invitation set answered = $2, key = $3, registration = $4, possession = $5 where id = $1 and answered is null`,
		i.ID, i.Answered.Micro(), string(i.Key), i.Registration, i.Possession)
	return err
}

// WithdrawInvitation ends an invitation.
func (tx *Tx) WithdrawInvitation(id string, at canonical.Time) error {
	_, err := tx.Exec(`update invitation set withdrawn = $2 where id = $1 and withdrawn is null`, id, at.Micro())
	return err
}
