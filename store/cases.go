package store

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/fault"
	"countersign.dev/news"
	"countersign.dev/sqldb"
	"countersign.dev/workforce"
)

const caseColumns = `id, version, state, sort, platform, subject, handle, subject_sort, owner, reasons, sources, severity, language, reports, reporters,
	queue, queue_set, due, opened, updated, opened_by, claim, holder, until, turn, turn_why, skips, question, into_case, escalate, language_told, moved_at,
	tier, reach, born, likely, score, started, factor, ordering, anew, anew_limit, look`

func scanCase(row sqldb.Row) (cases.Case, error) {
	var c cases.Case
	var reasons, sources []byte
	var set string
	var due, opened, updated, until, told, born, started int64
	if err := row.Scan(&c.ID, &c.Version, &c.State, &c.Sort, &c.Subject.Platform, &c.Subject.ID, &c.Subject.Handle, &c.Of, &c.Owner, &reasons, &sources,
		&c.Severity, &c.Language, &c.Reports, &c.Reporters, &c.Queue, &set, &due, &opened, &updated, &c.By, &c.Claim, &c.Holder, &until,
		&c.Turn, &c.TurnWhy, &c.Skips, &c.Question, &c.Into, &c.Escalate, &told, &c.MovedAt,
		&c.Tier, &c.Reach, &born, &c.Likely, &c.Score, &started, &c.Factor, &c.Ordering, &c.Anew, &c.AnewLimit, &c.Look); err != nil {
		return c, err
	}
	c.Due, c.Opened, c.Updated, c.Until = canonical.FromMicro(due), canonical.FromMicro(opened), canonical.FromMicro(updated), canonical.FromMicro(until)
	c.Born, c.Started = canonical.FromMicro(born), canonical.FromMicro(started)
	c.LanguageTold = told != 0
	if err := canonical.Unmarshal(reasons, &c.Reasons); err != nil {
		return c, fmt.Errorf("case %s: its reasons are not as they were written: %w", c.ID, err)
	}
	if err := canonical.Unmarshal(sources, &c.Sources); err != nil {
		return c, fmt.Errorf("case %s: its sources are not as they were written: %w", c.ID, err)
	}
	if set != "" {
		if err := c.QueueSet.UnmarshalText([]byte(set)); err != nil {
			return c, fmt.Errorf("case %s: its queue set is not as it was written: %w", c.ID, err)
		}
	}
	return c, nil
}

func caseArgs(c cases.Case) []any {
	return []any{c.ID, c.Version, string(c.State), string(c.Sort), c.Subject.Platform, c.Subject.ID, c.Subject.Handle, string(c.Of), c.Owner,
		canonical.MustMarshal(c.Reasons), canonical.MustMarshal(c.Sources), string(c.Severity), c.Language, c.Reports, c.Reporters,
		c.Queue, c.QueueSet.String(), c.Due.Micro(), c.Opened.Micro(), c.Updated.Micro(), string(c.By), c.Claim, string(c.Holder), c.Until.Micro(),
		string(c.Turn), c.TurnWhy, c.Skips, c.Question, c.Into, c.Escalate, asInt(c.LanguageTold), string(c.MovedAt),
		string(c.Tier), c.Reach, c.Born.Micro(), c.Likely, c.Score, c.Started.Micro(), c.Factor, c.Ordering, c.Anew, c.AnewLimit, c.Look}
}

// NoCase is the refusal of an identifier that names no case, or none that the caller may know of.
func NoCase(id string) error {
	if len(id) > 64 {
		id = id[:64] + "…"
	}
	return fault.New(fault.NotFound, "no-such-case", "There is no case %q.", id)
}

// Case returns a case; a fault "no-such-case" if there is none.
func (tx *Tx) Case(id string) (cases.Case, error) { return tx.aCase(id, "") }

// CaseLocked is Case, in a change; nobody else changes the case before the commit.
func (tx *Tx) CaseLocked(id string) (cases.Case, error) {
	c, err := tx.aCase(id, tx.Dialect().ForUpdate())
	if err == nil {
		tx.lockedCase(c)
	}
	return c, err
}

func (tx *Tx) aCase(id, lock string) (cases.Case, error) {
	c, err := scanCase(tx.QueryRow(`select `+caseColumns+` from case_file where id = $1`+lock, id))
	if sqldb.IsNotFound(err) {
		return c, NoCase(id)
	}
	return c, err
}

// lockedCase remembers a case as it was read with its lock.
func (tx *Tx) lockedCase(c cases.Case) {
	if tx.locked == nil {
		tx.locked = map[string]cases.Case{}
	}
	tx.locked[c.ID] = c
}

const openStates = `('waiting','claimed','held','asked','snoozed','escalated')`

// OpenCases returns the open cases of subjects of a platform, of one sort, locked, by the
// subject's identifier.
func (tx *Tx) OpenCases(platform string, subjects []string, sort cases.Sort) (map[string]cases.Case, error) {
	by := map[string]cases.Case{}
	// Everybody locks in the order of the subjects, so that nodes do not block each other.
	subjects = slices.Compact(slices.Sorted(slices.Values(subjects)))
	return by, inParts(3, subjects, func(places string, args []any) error {
		all, err := sqldb.AllAnew(tx.Tx, scanCase, `select `+caseColumns+` from case_file where platform = $1 and sort = $2 and subject in (`+places+`) and look = '' and state in `+openStates+` order by subject`+tx.Dialect().ForUpdate(),
			append([]any{platform, string(sort)}, args...)...)
		for _, c := range all {
			tx.lockedCase(c)
			by[c.Subject.ID] = c
		}
		return err
	})
}

// InsertCases stores new cases. If another node has opened one for the same subject and sort
// in the meantime, the change runs again and finds it.
func (tx *Tx) InsertCases(all []cases.Case) {
	rows := make([][]any, len(all))
	for i, c := range all {
		rows[i] = caseArgs(c)
	}
	tx.insertLater(`insert into case_file (`+caseColumns+`) values `, rows)
	for _, c := range all {
		tx.tellOpened(c)
	}
}

// InsertCase is InsertCases for one.
func (tx *Tx) InsertCase(c cases.Case) { tx.InsertCases([]cases.Case{c}) }

// SaveCase stores a case that the same change has read with its lock. It writes the columns
// that have changed, so that no index is touched that has none of them.
func (tx *Tx) SaveCase(c cases.Case) {
	args := caseArgs(c)
	before, known := tx.locked[c.ID]
	old := caseArgs(before)
	set, some := "", []any{c.ID}
	for i, name := range caseNames {
		if i == 0 || known && same(old[i], args[i]) {
			continue
		}
		some = append(some, args[i])
		set += fmt.Sprintf(", %s = $%d", name, len(some))
	}
	if set == "" {
		return
	}
	if known {
		tx.lockedCase(c)
	}
	if known && before.State.Takeable() && c.State != before.State {
		tx.endReservationOf(c.ID, "moved")
	}
	tx.tellCase(before, c)
	tx.Later(sqldb.Statement{SQL: `update case_file set ` + set[2:] + ` where id = $1`, Args: some}, func(n int64) error {
		if n != 1 {
			return tampered("The case %s is gone from the database.", c.ID)
		}
		return nil
	})
}

var caseNames = strings.Fields(strings.ReplaceAll(caseColumns, ",", " "))

// same compares values of columns.
func same(a, b any) bool {
	if x, ok := a.([]byte); ok {
		y, ok := b.([]byte)
		return ok && bytes.Equal(x, y)
	}
	return a == b
}

// CountReport stores the counters of a case that a report has joined without changing
// anything else in it.
func (tx *Tx) CountReport(c cases.Case) {
	tx.tell(news.Case, c.ID, c.Version)
	if before, known := tx.locked[c.ID]; known {
		before.Reports, before.Reporters, before.Updated = c.Reports, c.Reporters, c.Updated
		tx.lockedCase(before)
	}
	tx.Later(sqldb.Statement{SQL: `update case_file set reports = $2, reporters = $3, updated = $4 where id = $1`, Args: []any{c.ID, c.Reports, c.Reporters, c.Updated.Micro()}}, nil)
}

// Candidates returns the identifiers of the cases that a worker may be given: first those that
// come back to the worker, then those in queues, each the most urgent first, at most a few of
// each queue and state. In the queues are those that wait, those about which somebody who reads
// a language was asked, for a specialist those about which a specialist was asked, and for a
// lead those that were escalated. Cases
// that the worker skipped or handed on, and those that come back to somebody else for now, are
// not among them, nor are those that are reserved for somebody else, unless they are urgent, and
// those without which the worker asks. Nothing is locked.
func (tx *Tx) Candidates(queues []string, w workforce.WorkerID, lead, specialist bool, without []string, now canonical.Time) ([]string, error) {
	const each = 6
	args := []any{string(w), now.Micro(), now.Add(cases.Soon).UnixMicro(), string(cases.Highest)}
	but := ""
	if len(without) > 0 {
		but = ` and id not in (` + sqldb.Places(len(args)+1, len(without)) + `)`
		for _, id := range without {
			args = append(args, id)
		}
	}
	// A copy is not listed for whoever is known to have no business with it.
	but += ` and (c.look = '' or exists (select 1 from look l where l.id = c.look and (l.judge = '' or l.judge = $1)) and not exists (select 1 from look_barred b where b.look = c.look and b.worker = $1))`
	free := ` and (severity = $4 or due <= $3 or not exists (select 1 from case_reservation r where r.case_id = c.id and r.ended = 0 and r.until > $2 and r.worker <> $1))`
	arms := []string{`select * from (select id, due, 0 as place from case_file c where turn = $1 and turn <> '' and state = 'waiting'` + but + ` order by due, id limit 20) returned`}
	for _, q := range queues {
		args = append(args, q)
		arms = append(arms, fmt.Sprintf(`select * from (select id, due, 1 as place from case_file c where state = 'waiting' and queue = $%d and (turn = '' or turn = $1 or until <= $2)
			and not exists (select 1 from case_skip s where s.case_id = c.id and s.worker = $1)%s order by due, id limit %d) q%d`, len(args), free+but, each, len(args)))
		handedOn := func(state cases.State, which string) {
			arms = append(arms, fmt.Sprintf(`select * from (select id, due, 1 as place from case_file c where state = '%s'%s and queue = $%d
				and not exists (select 1 from case_skip s where s.case_id = c.id and s.worker = $1)
				and not exists (select 1 from case_claim k where k.case_id = c.id and k.number = c.claim and k.worker = $1)%s order by due, id limit %d) %s%d`, state, which, len(args), free+but, each, state, len(args)))
		}
		if lead {
			handedOn(cases.Escalated, "")
		}
		if specialist {
			handedOn(cases.Asked, "")
		} else {
			handedOn(cases.Asked, ` and escalate like '`+string(cases.AskLanguage)+` %'`)
		}
	}
	return sqldb.All(tx.Tx, scanText, `select id from (`+strings.Join(arms, ` union all `)+`) every_queue order by place, due, id`, args...)
}

func scanText(r sqldb.Row) (s string, err error) { return s, r.Scan(&s) }

// TryCase locks a case if somebody may claim it and nobody else has it in hand; ok is false
// otherwise.
func (tx *Tx) TryCase(id string) (c cases.Case, ok bool, err error) {
	c, err = scanCase(tx.QueryRow(`select `+caseColumns+` from case_file where id = $1 and state in ('waiting','asked','escalated')`+tx.Dialect().SkipLocked(), id))
	if sqldb.IsNotFound(err) {
		return c, false, nil
	}
	if err == nil {
		tx.lockedCase(c)
	}
	return c, err == nil, err
}

// CaseFilter chooses cases; empty members choose all.
type CaseFilter struct {
	State    cases.State
	Queues   []string // nil: all
	Platform string
	Subject  string
	Holder   workforce.WorkerID
	Turn     workforce.WorkerID
	Before   string // identifiers sort by time: only those before this one
	Limit    int
}

// Cases returns cases, newest first.
func (tx *Tx) Cases(f CaseFilter) ([]cases.Case, error) {
	if f.Queues != nil && len(f.Queues) == 0 {
		return nil, nil
	}
	var c conditions
	if f.Before != "" {
		c.add("id < $%d", f.Before)
	}
	c.equal("state", string(f.State))
	c.equal("platform", f.Platform)
	c.equal("subject", f.Subject)
	// The indexes of holders and of turns are of those cases alone that have one.
	if f.Holder != "" {
		c.add("holder <> '' and holder = $%d", string(f.Holder))
	}
	if f.Turn != "" {
		c.add("turn <> '' and turn = $%d", string(f.Turn))
	}
	if f.Queues != nil {
		c.texts = append(c.texts, `queue in (`+sqldb.Places(len(c.args)+1, len(f.Queues))+`)`)
		for _, q := range f.Queues {
			c.args = append(c.args, q)
		}
	}
	q := `select ` + caseColumns + ` from case_file` + c.limited(f.Limit)
	return sqldb.AllAnew(tx.Tx, scanCase, q, c.args...)
}

// HandedOn returns the open cases that a worker held last and decided, put off or handed on, and
// that may come back: newest first.
func (tx *Tx) HandedOn(w workforce.WorkerID, before string, limit int) ([]cases.Case, error) {
	var of conditions
	of.texts = append(of.texts, `state in ('held','asked','snoozed','escalated')`)
	if before != "" {
		of.add("id < $%d", before)
	}
	of.add("exists (select 1 from case_claim k where k.case_id = c.id and k.number = c.claim and k.worker = $%d)", string(w))
	return sqldb.AllAnew(tx.Tx, scanCase, `select `+caseColumns+` from case_file c`+of.limited(limit), of.args...)
}

// EndingCases returns the claimed, snoozed and asked cases whose time is over, and those whose
// turn at one person is.
func (tx *Tx) EndingCases(now canonical.Time, limit int) ([]string, error) {
	ids, err := sqldb.AllAnew(tx.Tx, scanText, `select id from case_file where state in ('claimed','snoozed','asked') and until <= $1 order by until, id limit $2`, now.Micro(), limit)
	if err != nil {
		return nil, err
	}
	turns, err := sqldb.AllAnew(tx.Tx, scanText, `select id from case_file where turn <> '' and state = 'waiting' and until <= $1 order by until, id limit $2`, now.Micro(), limit)
	return append(ids, turns...), err
}

// Turns returns the cases that come back to somebody, for those who end turns.
func (tx *Tx) Turns(limit int) ([]cases.Case, error) {
	return sqldb.AllAnew(tx.Tx, scanCase, `select `+caseColumns+` from case_file where turn <> '' and state = 'waiting' order by until, id limit $1`, limit)
}

// HeldCases returns the cases that are claimed, with their holders, for those who end claims.
func (tx *Tx) HeldCases(after string, limit int) ([]cases.Case, error) {
	return sqldb.AllAnew(tx.Tx, scanCase, `select `+caseColumns+` from case_file where state = 'claimed' and id > $1 order by id limit $2`, after, limit)
}

// QueueCount is how many cases a queue has in one state, and when the oldest of these is due.
type QueueCount struct {
	Queue  string
	State  cases.State
	Count  int64
	Oldest canonical.Time // of opening
	Due    canonical.Time // the first that is due
}

func scanCount(r sqldb.Row) (c QueueCount, err error) {
	var oldest, due int64
	err = r.Scan(&c.Queue, &c.State, &c.Count, &oldest, &due)
	c.Oldest, c.Due = canonical.FromMicro(oldest), canonical.FromMicro(due)
	return c, err
}

// QueueCounts counts the open cases of each queue. It is for a person's eyes; no audit rests
// on it.
func (tx *Tx) QueueCounts() ([]QueueCount, error) {
	return sqldb.All(tx.Tx, scanCount, `select queue, state, count(*), min(opened), min(due) from case_file where state in `+openStates+` group by queue, state order by queue, state`)
}

// QueueCountsFor is QueueCounts for a vendor's people: of the cases that somebody has in hand, it
// counts those of the vendor's own people.
func (tx *Tx) QueueCountsFor(v workforce.VendorID) ([]QueueCount, error) {
	return sqldb.All(tx.Tx, scanCount, `select c.queue, c.state, count(*), min(c.opened), min(c.due) from case_file c where c.state in `+openStates+` and (c.state not in ('claimed','held')
		or exists (select 1 from case_claim k where k.case_id = c.id and k.number = c.claim and k.vendor = $1)) group by c.queue, c.state order by c.queue, c.state`, string(v))
}

// Move is a row of a case's history.
type Move struct {
	Case    string
	Version int64
	Move    string // opened, reported, claimed, decided, …
	Worker  workforce.WorkerID
	Time    canonical.Time
	Detail  []byte // canonical JSON
}

// InsertMoves stores moves.
func (tx *Tx) InsertMoves(all []Move) {
	rows := make([][]any, len(all))
	for i, m := range all {
		if m.Detail == nil {
			m.Detail = []byte(`{}`)
		}
		rows[i] = []any{m.Case, m.Version, m.Move, string(m.Worker), m.Time.Micro(), m.Detail}
	}
	eachInsert(`insert into case_move (case_id, version, move, worker, time, detail) values `, ``, rows, func(s sqldb.Statement, _ int) { tx.Later(s, nil) })
}

// InsertMove is InsertMoves for one.
func (tx *Tx) InsertMove(m Move) { tx.InsertMoves([]Move{m}) }

// Moves returns the history of a case, oldest first.
func (tx *Tx) Moves(id string) ([]Move, error) {
	return sqldb.All(tx.Tx, func(r sqldb.Row) (m Move, err error) {
		var at int64
		err = r.Scan(&m.Case, &m.Version, &m.Move, &m.Worker, &at, &m.Detail)
		m.Time = canonical.FromMicro(at)
		return m, err
	}, `select case_id, version, move, worker, time, detail from case_move where case_id = $1 order by version limit 1000`, id)
}

// InsertClaim stores a new claim. A unique index refuses a second live one of a case.
func (tx *Tx) InsertClaim(c cases.Claim) {
	tx.Later(sqldb.Statement{SQL: `insert into case_claim (case_id, number, worker, vendor, token, started, shown, until, active, ended, why, document, asked)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		Args: []any{c.Case, c.Number, string(c.Worker), string(c.Vendor), c.Token, c.Started.Micro(), c.Shown.Micro(), c.Until.Micro(), c.Active, c.Ended.Micro(), c.Why, digestText(c.Document), asInt(c.Asked)}}, nil)
}

func digestText(d canonical.Digest) string {
	if d.IsZero() {
		return ""
	}
	return d.String()
}

func textDigest(s string) (d canonical.Digest, err error) {
	if s != "" {
		err = d.UnmarshalText([]byte(s))
	}
	return d, err
}

func asInt(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

const claimColumns = `case_id, number, worker, vendor, token, started, shown, until, active, ended, why, document, asked, reserved`

func scanClaim(row sqldb.Row) (c cases.Claim, err error) {
	var started, shown, until, ended, asked int64
	var document string
	if err := row.Scan(&c.Case, &c.Number, &c.Worker, &c.Vendor, &c.Token, &started, &shown, &until, &c.Active, &ended, &c.Why, &document, &asked, &c.Reserved); err != nil {
		return c, err
	}
	c.Started, c.Shown, c.Until, c.Ended = canonical.FromMicro(started), canonical.FromMicro(shown), canonical.FromMicro(until), canonical.FromMicro(ended)
	c.Asked = asked != 0
	c.Document, err = textDigest(document)
	return c, err
}

// Claim returns a claim of a case by its number; a fault "no-such-claim" if there is none.
func (tx *Tx) Claim(id string, number int64) (cases.Claim, error) {
	c, err := scanClaim(tx.QueryRow(`select `+claimColumns+` from case_claim where case_id = $1 and number = $2`, id, number))
	if sqldb.IsNotFound(err) {
		return c, fault.New(fault.NotFound, "no-such-claim", "The case %s has no claim %d.", id, number)
	}
	return c, err
}

// Claims returns all claims of a case, oldest first.
func (tx *Tx) Claims(id string) ([]cases.Claim, error) {
	return sqldb.All(tx.Tx, scanClaim, `select `+claimColumns+` from case_claim where case_id = $1 order by number limit 10000`, id)
}

// leftClaims chooses the live claims whose holders have signed out since, or whose sign-in is over
// at $1: the token under which each was made has ended.
const leftClaims = `select c.id from case_file c join case_claim k on k.case_id = c.id and k.number = c.claim join token t on t.id = k.token
	where c.state = 'claimed' and (t.revoked > 0 or t.expires <= $1)`

// LeftClaims returns the claimed cases whose holders have signed out since.
func (tx *Tx) LeftClaims(now canonical.Time, limit int) ([]string, error) {
	return sqldb.All(tx.Tx, scanText, leftClaims+` order by c.id limit $2`, now.Micro(), limit)
}

// LeftClaim reports whether the holder of a case's live claim has signed out since.
func (tx *Tx) LeftClaim(id string, number int64, now canonical.Time) (bool, error) {
	left, err := sqldb.All(tx.Tx, scanText, leftClaims+` and c.id = $2 and k.number = $3`, now.Micro(), id, number)
	return len(left) > 0, err
}

// CarryClaims lets the live claims and the reservation that were made under a token stand under
// another one of the same worker.
func (tx *Tx) CarryClaims(from, to string) error {
	_, err := tx.ExecAll([]sqldb.Statement{
		{SQL: `update case_claim set token = $2 where token = $1 and ended = 0`, Args: []any{from, to}},
		{SQL: `update case_reservation set token = $2 where token = $1 and ended = 0`, Args: []any{from, to}},
	})
	return err
}

// HadClaim reports whether a worker has or had a claim of a case.
func (tx *Tx) HadClaim(id string, w workforce.WorkerID) (bool, error) {
	var n int64
	err := tx.QueryRow(`select count(*) from case_claim where case_id = $1 and worker = $2`, id, string(w)).Scan(&n)
	return n > 0, err
}

// LiveClaims returns a worker's live claims.
func (tx *Tx) LiveClaims(w workforce.WorkerID) ([]cases.Claim, error) {
	return sqldb.All(tx.Tx, scanClaim, `select `+claimColumns+` from case_claim where worker = $1 and ended = 0 order by started`, string(w))
}

// EndClaim ends the live claim of a case.
func (tx *Tx) EndClaim(id string, number int64, now canonical.Time, why string) {
	tx.Later(sqldb.Statement{SQL: `update case_claim set ended = $3, why = $4 where case_id = $1 and number = $2 and ended = 0`, Args: []any{id, number, now.Micro(), why}}, nil)
}

// ExtendClaim moves the end of a live claim, and adds seconds of activity.
func (tx *Tx) ExtendClaim(id string, number int64, until canonical.Time, active int64) {
	tx.Later(sqldb.Statement{SQL: `update case_claim set until = $3, active = active + $4 where case_id = $1 and number = $2 and ended = 0`, Args: []any{id, number, until.Micro(), active}}, nil)
}

// ShowClaim stores what a claim has shown, and that it was first shown now.
func (tx *Tx) ShowClaim(id string, number int64, document canonical.Digest, body []byte, now canonical.Time) {
	tx.Later(sqldb.Statement{SQL: `insert into shown (digest, body) values ($1, $2) on conflict do nothing`, Args: []any{document.String(), body}}, nil)
	tx.Later(sqldb.Statement{SQL: `update case_claim set document = $3, shown = case when shown = 0 then $4 else shown end where case_id = $1 and number = $2`,
		Args: []any{id, number, document.String(), now.Micro()}}, nil)
}

// Shown returns what was shown under a digest; a fault "no-such-document" if nothing was.
func (tx *Tx) Shown(digest canonical.Digest) (body []byte, err error) {
	err = tx.QueryRow(`select body from shown where digest = $1`, digest.String()).Scan(&body)
	if sqldb.IsNotFound(err) {
		return nil, fault.New(fault.NotFound, "no-such-document", "Nothing was shown under the digest %s.", digest)
	}
	return body, err
}

// Skip notes that a worker skipped a case. It reports whether it was the first time.
func (tx *Tx) Skip(id string, w workforce.WorkerID, now canonical.Time) (first bool, err error) {
	n, err := tx.Exec(`insert into case_skip (case_id, worker, time) values ($1, $2, $3) on conflict do nothing`, id, string(w), now.Micro())
	return n > 0, err
}

// CaseDraft is what a worker has written on a case and not handed in.
type CaseDraft struct {
	Case    string
	Worker  workforce.WorkerID
	Body    []byte
	Updated canonical.Time
}

// KeepDraft stores a worker's draft on a case; an empty one is deleted.
func (tx *Tx) KeepDraft(d CaseDraft) {
	tx.tell(news.Work, string(d.Worker), 0)
	if len(d.Body) == 0 {
		tx.Later(sqldb.Statement{SQL: `delete from case_draft where case_id = $1 and worker = $2`, Args: []any{d.Case, string(d.Worker)}}, nil)
		return
	}
	tx.Later(sqldb.Statement{SQL: `insert into case_draft (case_id, worker, body, updated) values ($1, $2, $3, $4)
		on conflict (case_id, worker) do update set body = excluded.body, updated = excluded.updated`, Args: []any{d.Case, string(d.Worker), d.Body, d.Updated.Micro()}}, nil)
}

// DraftsOf returns what a worker has written on cases and not handed in, newest first.
func (tx *Tx) DraftsOf(w workforce.WorkerID, limit int) ([]CaseDraft, error) {
	return sqldb.All(tx.Tx, scanCaseDraft, `select case_id, worker, body, updated from case_draft where worker = $1 order by updated desc limit $2`, string(w), limit)
}

func scanCaseDraft(r sqldb.Row) (d CaseDraft, err error) {
	var at int64
	err = r.Scan(&d.Case, &d.Worker, &d.Body, &at)
	d.Updated = canonical.FromMicro(at)
	return d, err
}

// CaseDrafts returns the drafts on a case, newest first.
func (tx *Tx) CaseDrafts(id string) ([]CaseDraft, error) {
	return sqldb.All(tx.Tx, scanCaseDraft, `select case_id, worker, body, updated from case_draft where case_id = $1 order by updated desc limit 100`, id)
}

// OpenedCase notes that a worker opened a case.
func (tx *Tx) OpenedCase(id string, w workforce.WorkerID, now canonical.Time, why string) {
	tx.Later(sqldb.Statement{SQL: `insert into case_opening (case_id, worker, time, why) values ($1, $2, $3, $4) on conflict do nothing`, Args: []any{id, string(w), now.Micro(), why}}, nil)
}

// CaseOpening is that a worker opened a case.
type CaseOpening struct {
	Case   string
	Worker workforce.WorkerID
	Time   canonical.Time
	Why    string // the way
}

// Openings returns who opened a case, oldest first; of one worker, if one is named.
func (tx *Tx) Openings(id string, w workforce.WorkerID, limit int) ([]CaseOpening, error) {
	return sqldb.All(tx.Tx, func(r sqldb.Row) (o CaseOpening, err error) {
		var at int64
		err = r.Scan(&o.Case, &o.Worker, &at, &o.Why)
		o.Time = canonical.FromMicro(at)
		return o, err
	}, `select case_id, worker, time, why from case_opening where case_id = $1 and ($2 = '' or worker = $2) order by time, worker limit $3`, id, string(w), limit)
}

// LastOpenings returns when each worker who opened a case since an instant opened it last, newest
// first; at most 50.
func (tx *Tx) LastOpenings(id string, since canonical.Time) ([]CaseOpening, error) {
	return sqldb.All(tx.Tx, func(r sqldb.Row) (o CaseOpening, err error) {
		var at int64
		err = r.Scan(&o.Case, &o.Worker, &at)
		o.Time = canonical.FromMicro(at)
		return o, err
	}, `select case_id, worker, max(time) as last from case_opening where case_id = $1 and time >= $2 group by case_id, worker order by last desc, worker limit 50`, id, since.Micro())
}

// FirstRead notes that a worker's reading of a case in this hour is an entry of the ledger. It
// reports whether none was before.
func (tx *Tx) FirstRead(id string, w workforce.WorkerID, now canonical.Time) (bool, error) {
	n, err := tx.Exec(`insert into case_read (case_id, worker, hour) values ($1, $2, $3) on conflict do nothing`, id, string(w), now.Unix()/3600)
	return n > 0, err
}

// CaseReports is what rows say of a case: its state and severity, how many reports it counts, and
// how many rows of reports are in it.
type CaseReports struct {
	Case     string
	Reports  int64
	Rows     int64
	Severity cases.Severity
	State    cases.State
}

// CaseReports returns what the rows of cases count, by identifier, from one on.
func (tx *Tx) CaseReports(after string, limit int) ([]CaseReports, error) {
	return sqldb.All(tx.Tx, func(r sqldb.Row) (c CaseReports, err error) {
		return c, r.Scan(&c.Case, &c.Reports, &c.Rows, &c.Severity, &c.State)
	},
		`select id, reports, (select count(*) from report r where r.case_id = case_file.id), severity, state from case_file where id > $1 and look = '' order by id limit $2`, after, limit)
}

// CloseCase closes a case that was decided, if all measures of its newest decision were carried
// out. If somebody reported in it since, or its evidence is on a hash list since, which the
// decision could not know, it waits again. Nothing changes otherwise.
func (tx *Tx) CloseCase(id string, now canonical.Time) {
	tx.tellClosed(id)
	delete(tx.locked, id) // what stands in its row afterwards is not known here
	const newest = `(select d.id from case_decision d where d.case_id = $1 order by d.version desc limit 1)`
	tx.Later(sqldb.Statement{SQL: `update case_file set version = version + 1, updated = $2, state = case when ` + unknownThen + ` then 'waiting' else 'closed' end
		where id = $1 and state in ('decided','held') and not exists
		(select 1 from case_measure m join request r on r.id = m.request where m.decision = ` + newest + ` and r.status not in ('executed','reversed','lifted'))`, Args: []any{id, now.Micro()}}, nil)
	tx.Later(sqldb.Statement{SQL: `update case_clock set met = 0, due = (select f.due from case_file f where f.id = $1)
		where case_id = $1 and kind = '` + PromiseClock + `' and met > 0 and ended = 0 and exists (select 1 from case_file f where f.id = $1 and f.state = 'waiting' and f.updated = $2)`, Args: []any{id, now.Micro()}}, nil)
	tx.Later(sqldb.Statement{SQL: `insert into case_move (case_id, version, move, worker, time, detail)
		select id, version, case when state = 'closed' then 'closed' else 'reported-since' end, '', $2, $3 from case_file where id = $1 and state in ('closed','waiting') and updated = $2 on conflict do nothing`, Args: []any{id, now.Micro(), []byte(`{}`)}}, nil)
}

// unknownThen holds for a case $1 of which something is known that its newest decision could not
// know.
const unknownThen = `exists (select 1 from case_move v where v.case_id = $1 and v.move in ('reported','matched') and v.version > (select max(d.version) from case_decision d where d.case_id = $1))`

// ReportedSinceDecision reports whether something is known of a case that its newest decision
// could not know.
func (tx *Tx) ReportedSinceDecision(id string) (bool, error) {
	var n int64
	err := tx.QueryRow(`select case when `+unknownThen+` then 1 else 0 end`, id).Scan(&n)
	return n == 1, err
}
