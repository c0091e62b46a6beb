package plaza

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/sqldb"
)

// next takes the next n numbers of a counter and returns the first.
func next(tx *sqldb.Tx, name string, n int64) (int64, error) {
	var last int64
	err := tx.QueryRow(`update counter set last = last + $1 where name = $2 returning last`, n, name).Scan(&last)
	if err != nil {
		return 0, fmt.Errorf("counting %ss: %w", name, err)
	}
	return last - n + 1, nil
}

// account is a row of the table of that name.
type account struct {
	number    int64
	handle    string // without @, as its owner writes it
	name      string
	bio       string
	verified  bool
	office    string
	followers int64
	created   time.Time
	status    Status
	mark      string
	rev       int64
	off       off
	span      span
	language  string // of posts whose author chooses none
}

// off says whether an account is deactivated, and by whom. A takedown hides it.
type off struct {
	is bool
	by string // the owner's handle with its @, or the holder of a staff token; empty: nobody knows
}

const accountColumns = `a.id, a.handle, a.name, a.bio, a.verified, a.office, a.followers, a.created, a.status, a.mark, a.rev, a.off, a.off_by, a.since, a.planned_end, a.language`

type scanner interface{ Scan(...any) error }

func scanAccount(row scanner, more ...any) (account, error) {
	var a account
	var created, since, until int64
	err := row.Scan(append([]any{&a.number, &a.handle, &a.name, &a.bio, &a.verified, &a.office,
		&a.followers, &created, &a.status, &a.mark, &a.rev, &a.off.is, &a.off.by, &since, &until, &a.language}, more...)...)
	a.created, a.span = time.UnixMicro(created).UTC(), spanOf(since, until)
	return a, err
}

func accountByNumber(tx *sqldb.Tx, n int64) (account, error) {
	a, err := scanAccount(tx.QueryRow(`select `+accountColumns+` from account a where a.id = $1`, n))
	if sqldb.IsNotFound(err) {
		return a, noSuchSubject(subjectID{Account, n}.String())
	}
	return a, err
}

// accountByHandle takes a handle with its @, in any case.
func accountByHandle(tx *sqldb.Tx, handle string) (account, error) {
	fold, err := foldHandle(handle)
	if err != nil {
		return account{}, err
	}
	a, err := scanAccount(tx.QueryRow(`select `+accountColumns+` from account a where a.fold = $1`, fold))
	if sqldb.IsNotFound(err) {
		return a, noSuchSubject(handle)
	}
	return a, err
}

func (a account) id() subjectID { return subjectID{Account, a.number} }

func (a account) state(now time.Time) State {
	return State{ID: a.id().String(), Handle: "@" + a.handle, Sort: Account,
		Status: a.status, Mark: a.mark, Rev: strconv.FormatInt(a.rev, 10),
		Facts: a.facts(), At: canonical.At(now), off: a.off, span: a.span}
}

func spanOf(since, until int64) span {
	return span{canonical.FromMicro(since), canonical.FromMicro(until)}
}

func (a account) facts() Facts {
	return Facts{Followers: a.followers, Verified: a.verified, Office: a.office, Created: a.created.Unix()}
}

// post is a row of the table of that name.
type post struct {
	number  int64
	account int64
	text    string
	likes   int64
	reposts int64
	created time.Time
	status  Status
	mark    string
	rev     int64
	span    span

	language string
	edited   canonical.Time // by its author; zero: never
	answers  int64          // the number of the post that it answers; 0: none
}

const postColumns = `p.id, p.account, p.body, p.likes, p.reposts, p.created, p.status, p.mark, p.rev, p.since, p.planned_end, p.language, p.edited,
	coalesce((select r.answers from post_reply r where r.post = p.id), 0)`

// postRow reads a row of the table post beside the columns of its account.
type postRow struct {
	post
	at, since, until, changed int64
}

func (p *postRow) into() []any {
	return []any{&p.number, &p.account, &p.text, &p.likes, &p.reposts, &p.at, &p.status, &p.mark, &p.rev, &p.since, &p.until, &p.language, &p.changed, &p.answers}
}

func (p *postRow) read() post {
	p.created, p.span = time.UnixMicro(p.at).UTC(), spanOf(p.since, p.until)
	p.edited = canonical.FromMicro(p.changed)
	return p.post
}

// scanPost reads a row of the columns of an account and of a post.
func scanPost(row scanner) (post, account, error) {
	var p postRow
	a, err := scanAccount(row, p.into()...)
	return p.read(), a, err
}

// postWithAccount also returns the post's account.
func postWithAccount(tx *sqldb.Tx, n int64) (post, account, error) {
	p, a, err := scanPost(tx.QueryRow(`select `+accountColumns+`, `+postColumns+`
		from post p join account a on a.id = p.account where p.id = $1`, n))
	if sqldb.IsNotFound(err) {
		return p, a, noSuchSubject(subjectID{Content, n}.String())
	}
	return p, a, err
}

func (p post) state(owner account, now time.Time) State {
	return State{ID: subjectID{Content, p.number}.String(), Sort: Content,
		Status: p.status, Mark: p.mark, Rev: strconv.FormatInt(p.rev, 10),
		Facts: Facts{Followers: owner.followers, Verified: owner.verified, Office: owner.office,
			Created: p.created.Unix(), Owner: owner.id().String()},
		At: canonical.At(now), span: p.span}
}

// stateOf reads a subject. A deleted subject does not exist any more.
func stateOf(tx *sqldb.Tx, id subjectID, now time.Time) (State, error) {
	var st State
	if id.sort == Account {
		a, err := accountByNumber(tx, id.number)
		if err != nil {
			return State{}, err
		}
		st = a.state(now)
	} else {
		p, owner, err := postWithAccount(tx, id.number)
		if err != nil {
			return State{}, err
		}
		st = p.state(owner, now)
	}
	if st.Status == Deleted {
		return State{}, noSuchSubject(id.String())
	}
	layers, err := layersOf(tx, id)
	st.Layers = told(layers)
	return st, err
}

// set moves a subject from the revision in before to the status and mark in after and
// returns the new revision. It returns false if the subject is not at that revision any
// more, so that two writers of one database cannot both act on what they read.
func set(tx *sqldb.Tx, id subjectID, before, after State) (string, bool, error) {
	rev, err := strconv.ParseInt(before.Rev, 10, 64)
	if err != nil {
		return "", false, fmt.Errorf("revision %q: %w", before.Rev, err)
	}
	var n int64
	if id.sort == Content {
		n, err = tx.Exec(`update post set status = $1, mark = $2, since = $3, planned_end = $4, rev = rev + 1 where id = $5 and rev = $6`,
			string(after.Status), after.Mark, after.span.since.Micro(), after.span.until.Micro(), id.number, rev)
	} else {
		n, err = tx.Exec(`update account set status = $1, mark = $2, off = $3, off_by = $4, since = $5, planned_end = $6, rev = rev + 1 where id = $7 and rev = $8 and off = $9`,
			string(after.Status), after.Mark, after.off.is, after.off.by, after.span.since.Micro(), after.span.until.Micro(), id.number, rev, before.off.is)
	}
	return strconv.FormatInt(rev+1, 10), n == 1, err
}

// setOff notes beneath a takedown whether an account is deactivated. It returns false if
// the account is not at that revision any more. The change is not visible, so the
// revision stays.
func setOff(tx *sqldb.Tx, a account, now off) (bool, error) {
	n, err := tx.Exec(`update account set off = $1, off_by = $2 where id = $3 and rev = $4 and off = $5`, now.is, now.by, a.number, a.rev, a.off.is)
	return n == 1, err
}

// erase removes the personal data of a deleted subject. The row stays, so that neither
// number nor handle is ever used again.
func erase(tx *sqldb.Tx, id subjectID) error {
	if err := eraseLayers(tx, id); err != nil {
		return err
	}
	if id.sort == Content {
		if _, err := tx.Exec(`delete from picture where post = $1`, id.number); err != nil {
			return err
		}
		_, err := tx.Exec(`update post set body = '', likes = 0, reposts = 0 where id = $1`, id.number)
		return err
	}
	if err := eraseReporter(tx, id.number); err != nil {
		return err
	}
	if err := eraseFollows(tx, id.number); err != nil {
		return err
	}
	if _, err := tx.Exec(`delete from picture where post in (select id from post where account = $1)`, id.number); err != nil {
		return err
	}
	for _, of := range []string{`owner_token`, `owner_lock`, `notice`} {
		if _, err := tx.Exec(`delete from `+of+` where account = $1`, id.number); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(`update account set name = '', bio = '', office = '', verified = $1, followers = 0 where id = $2`, false, id.number); err != nil {
		return err
	}
	_, err := tx.Exec(`update post set body = '', likes = 0, reposts = 0 where account = $1`, id.number)
	return err
}

// postsLeft lists the posts of an account that are not deleted.
func postsLeft(tx *sqldb.Tx, account int64) ([]subjectID, error) {
	rows, err := tx.Query(`select id from post where account = $1 and status <> 'deleted' order by id`, account)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var ids []subjectID
	for rows.Next() {
		id := subjectID{sort: Content}
		if err := rows.Scan(&id.number); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// Event is one change of a subject's status or mark, or of one of its layers.
type Event struct {
	ID      int64          `json:"id"`
	Subject string         `json:"subject"`
	Handle  string         `json:"handle"`
	Layer   Layer          `json:"layer,omitempty"` // whose status, mark and revision follow; empty: the subject's own
	Status  Status         `json:"status"`
	Mark    string         `json:"mark"`
	Rev     string         `json:"rev"`
	By      string         `json:"by"` // holder of the staff token that made the change, or the owner's handle
	At      canonical.Time `json:"at"`
}

// announcement is an event with the name of its frame.
type announcement struct {
	name string
	Event
}

// The kinds of announcements, which are the names of their frames.
const (
	changeEvent = "change" // of status or mark
	lockEvent   = "lock"   // of the owner's lock; status and mark are the present ones
	layerEvent  = "layer"  // of another layer than visibility
)

// record writes an event about the status of a subject.
func record(tx *sqldb.Tx, name string, after State, by string, now time.Time, backlog int64) error {
	_, err := announce(tx, announcement{name, Event{Subject: after.ID, Handle: after.Handle, Status: after.Status, Mark: after.Mark,
		Rev: after.Rev, By: by, At: canonical.At(now)}}, backlog)
	return err
}

// announce writes an event and deletes the oldest events beyond the backlog. It returns
// the number of the event, which is the revision of the layer that an event is about.
func announce(tx *sqldb.Tx, e announcement, backlog int64) (int64, error) {
	n, err := next(tx, "event", 1)
	if err != nil {
		return 0, err
	}
	rev := n
	if e.name != layerEvent {
		if rev, err = strconv.ParseInt(e.Rev, 10, 64); err != nil {
			return 0, err
		}
	}
	if _, err := tx.Exec(`insert into event (id, name, subject, handle, layer, status, mark, rev, holder, created)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		n, e.name, e.Subject, e.Handle, string(e.Layer), string(e.Status), e.Mark, rev, e.By, e.At.Micro()); err != nil {
		return 0, err
	}
	if _, err := tx.Exec(`delete from event where id <= $1`, n-backlog); err != nil {
		return 0, err
	}
	tx.Signal(eventSignal)
	return n, nil
}

// eventSignal wakes the open streams once a change is committed.
const eventSignal = "event"

// eventRange returns the numbers of the oldest event kept and of the newest
// ever; the first is one more than the second if none is kept.
func eventRange(tx *sqldb.Tx) (oldest, newest int64, err error) {
	if err = tx.QueryRow(`select last from counter where name = 'event'`).Scan(&newest); err != nil {
		return 0, 0, err
	}
	err = tx.QueryRow(`select coalesce(min(id), $1) from event`, newest+1).Scan(&oldest)
	return oldest, newest, err
}

func eventsAfter(tx *sqldb.Tx, after int64, most int) ([]announcement, error) {
	rows, err := tx.Query(`select id, name, subject, handle, layer, status, mark, rev, holder, created
		from event where id > $1 order by id limit $2`, after, most)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var events []announcement
	for rows.Next() {
		var e announcement
		var rev, created int64
		if err := rows.Scan(&e.ID, &e.name, &e.Subject, &e.Handle, &e.Layer, &e.Status, &e.Mark, &rev, &e.By, &created); err != nil {
			return nil, err
		}
		e.Rev, e.At = strconv.FormatInt(rev, 10), canonical.FromMicro(created)
		events = append(events, e)
	}
	return events, rows.Err()
}

// outcome is the outcome of a command.
type outcome string

const (
	done    outcome = "done"
	refused outcome = "refused"
	fenced  outcome = "fenced" // asked about before it arrived; it never takes effect
)

// entry is a row of the table command.
type entry struct {
	digest  string
	outcome outcome
	http    int
	answer  string
}

func commandEntry(tx *sqldb.Tx, holder, key string) (entry, bool, error) {
	var e entry
	err := tx.QueryRow(`select digest, outcome, http, answer from command where holder = $1 and key = $2`, holder, key).
		Scan(&e.digest, &e.outcome, &e.http, &e.answer)
	if sqldb.IsNotFound(err) {
		return e, false, nil
	}
	return e, err == nil, err
}

func keepCommand(tx *sqldb.Tx, holder, key string, e entry, now time.Time) error {
	_, err := tx.Exec(`insert into command (holder, key, digest, outcome, http, answer, created)
		values ($1, $2, $3, $4, $5, $6, $7)`, holder, key, e.digest, string(e.outcome), e.http, e.answer, now.UnixMicro())
	if sqldb.IsUnique(err) {
		return sqldb.ErrAgain // another process took the same key
	}
	return err
}

func insertAccount(tx *sqldb.Tx, a account) error {
	_, err := tx.Exec(`insert into account (id, handle, fold, name, bio, verified, office, followers, created, status, mark, rev, language)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'up', '', 1, $10)`,
		a.number, a.handle, strings.ToLower(a.handle), a.name, a.bio, a.verified, a.office, a.followers, a.created.UnixMicro(), a.language)
	return err
}

func insertPost(tx *sqldb.Tx, p post) error {
	_, err := tx.Exec(`insert into post (id, account, body, likes, reposts, created, status, mark, rev, language)
		values ($1, $2, $3, $4, $5, $6, 'up', '', 1, $7)`,
		p.number, p.account, p.text, p.likes, p.reposts, p.created.UnixMicro(), p.language)
	if err == nil && p.answers != 0 {
		_, err = tx.Exec(`insert into post_reply (post, answers) values ($1, $2)`, p.number, p.answers)
	}
	return err
}
