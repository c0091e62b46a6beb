package store

import (
	"fmt"

	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/fault"
	"countersign.dev/sqldb"
	"countersign.dev/workforce"
)

// This file stores second looks and calibrations.

const lookColumns = `id, kind, state, decision, case_id, copy, worker, vendor, verdict, rule, queue, day, buried, chance, why, calibration, judge, seal, reading, drawn, copied, judged`

// SealedLook is a look with the seal that stands in its row.
type SealedLook struct {
	cases.Look
	Seal    canonical.Digest
	Reading []byte // of the subject, as it was when it was decided: canonical JSON; nil: there was none
}

func scanLook(row sqldb.Row) (l SealedLook, err error) {
	var buried, drawn, copied, judged int64
	var seal string
	if err := row.Scan(&l.ID, &l.Kind, &l.State, &l.Decision, &l.Case, &l.Copy, &l.Worker, &l.Vendor, &l.Verdict, &l.Rule, &l.Queue, &l.Day, &buried, &l.Chance, &l.Why, &l.Calibration, &l.Only, &seal, &l.Reading, &drawn, &copied, &judged); err != nil {
		return l, err
	}
	l.Buried, l.Drawn, l.Copied, l.Judged = buried != 0, canonical.FromMicro(drawn), canonical.FromMicro(copied), canonical.FromMicro(judged)
	l.Seal, err = textDigest(seal)
	return l, err
}

// InsertLook stores a look. One for the same decision that is there already stays.
func (tx *Tx) InsertLook(l SealedLook) {
	tx.Later(sqldb.Statement{SQL: `insert into look (` + lookColumns + `) values (` + sqldb.Places(1, 22) + `) on conflict do nothing`,
		Args: []any{l.ID, string(l.Kind), string(l.State), l.Decision, l.Case, l.Copy, string(l.Worker), string(l.Vendor), string(l.Verdict), l.Rule, l.Queue, l.Day, asInt(l.Buried), l.Chance, l.Why,
			l.Calibration, string(l.Only), digestText(l.Seal), l.Reading, l.Drawn.Micro(), l.Copied.Micro(), l.Judged.Micro()}}, nil)
}

// DropLook removes a look that somebody altered, so that it can be drawn again.
func (tx *Tx) DropLook(id string) {
	tx.Later(sqldb.Statement{SQL: `delete from look where id = $1`, Args: []any{id}}, nil)
}

// NoLook is the refusal of an identifier that names no look, or none that the caller may know of.
func NoLook(id string) error {
	if len(id) > 64 {
		id = id[:64] + "…"
	}
	return fault.New(fault.NotFound, "no-such-look", "There is no look %q that you may see.", id)
}

// Look returns a look; a fault "no-such-look" if there is none.
func (tx *Tx) Look(id string) (SealedLook, error) { return tx.aLook(id, "") }

// LookLocked is Look in a change.
func (tx *Tx) LookLocked(id string) (SealedLook, error) {
	return tx.aLook(id, tx.Dialect().ForUpdate())
}

func (tx *Tx) aLook(id, lock string) (SealedLook, error) {
	l, err := scanLook(tx.QueryRow(`select `+lookColumns+` from look where id = $1`+lock, id))
	if sqldb.IsNotFound(err) {
		return l, NoLook(id)
	}
	return l, err
}

// LooksOf returns the looks at a decision.
func (tx *Tx) LooksOf(decision string) ([]SealedLook, error) {
	return sqldb.All(tx.Tx, scanLook, `select `+lookColumns+` from look where decision = $1 order by id limit 1000`, decision)
}

// OpenLooks returns the looks that are not judged yet whose decided case, or whose copy, is among these
// cases.
func (tx *Tx) OpenLooks(ids ...string) (all []SealedLook, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return all, inParts(1, ids, func(places string, args []any) error {
		some, err := sqldb.AllAnew(tx.Tx, scanLook, `select `+lookColumns+` from look where state in ('drawn','waiting') and case_id in (`+places+`)
			union select `+lookColumns+` from look where state in ('drawn','waiting') and copy <> '' and copy in (`+places+`) order by id`, args...)
		all = append(all, some...)
		return err
	})
}

// LookOfCopy returns the look for which a case is a copy.
func (tx *Tx) LookOfCopy(id string) (SealedLook, error) {
	l, err := scanLook(tx.QueryRow(`select `+lookColumns+` from look where copy = $1 and copy <> ''`, id))
	if sqldb.IsNotFound(err) {
		return l, NoLook(id)
	}
	return l, err
}

// LookFilter chooses looks; empty members choose all.
type LookFilter struct {
	State       cases.LookState
	Kind        cases.LookKind
	Calibration string
	Worker      workforce.WorkerID
	Day         int64 // 0: all
	Before      string
	Limit       int
}

// Looks returns looks, newest first.
func (tx *Tx) Looks(f LookFilter) ([]SealedLook, error) {
	var c conditions
	if f.Before != "" {
		c.add("id < $%d", f.Before)
	}
	c.equal("state", string(f.State))
	c.equal("kind", string(f.Kind))
	c.equal("calibration", f.Calibration)
	c.equal("worker", string(f.Worker))
	if f.Day > 0 {
		c.add("day = $%d", f.Day)
	}
	return sqldb.AllAnew(tx.Tx, scanLook, `select `+lookColumns+` from look`+c.limited(f.Limit), c.args...)
}

// LooksDrawn returns the identifiers of looks whose copies are still to be made, the oldest first.
func (tx *Tx) LooksDrawn(before canonical.Time, limit int) ([]string, error) {
	return sqldb.All(tx.Tx, scanText, `select id from look where state = 'drawn' and drawn <= $1 order by drawn, id limit $2`, before.Micro(), limit)
}

// SaveLook stores what changes in a look: its state, its copy, its queue, and how likely it was.
func (tx *Tx) SaveLook(l cases.Look) {
	tx.Later(sqldb.Statement{SQL: `update look set state = $2, copy = $3, queue = $4, chance = $5, why = $6, copied = $7, judged = $8 where id = $1`,
		Args: []any{l.ID, string(l.State), l.Copy, l.Queue, l.Chance, l.Why, l.Copied.Micro(), l.Judged.Micro()}}, func(n int64) error {
		if n != 1 {
			return tampered("The look %s is gone from the database.", l.ID)
		}
		return nil
	})
}

// LookCounts counts the looks that wait, by queue, with the oldest of each.
func (tx *Tx) LookCounts() ([]QueueCount, error) {
	return sqldb.All(tx.Tx, scanCount, `select queue, state, count(*), min(drawn), min(drawn) from look where state in ('drawn','waiting') and kind = 'second' group by queue, state order by queue, state`)
}

// BarFromLook notes that a worker may not judge a copy, so that it is not offered to them again.
func (tx *Tx) BarFromLook(look string, w workforce.WorkerID) {
	tx.Later(sqldb.Statement{SQL: `insert into look_barred (look, worker) values ($1, $2) on conflict do nothing`, Args: []any{look, string(w)}}, nil)
}

// BarredFromLook reports whether it is known already that a worker may not judge a copy.
func (tx *Tx) BarredFromLook(look string, w workforce.WorkerID) (bool, error) {
	var n int64
	err := tx.QueryRow(`select count(*) from look_barred where look = $1 and worker = $2`, look, string(w)).Scan(&n)
	return n > 0, err
}

// CopyReporters notes for a copy who reported in the case that it stands for, so that they are barred.
func (tx *Tx) CopyReporters(from, to string) {
	tx.Later(sqldb.Statement{SQL: `insert into case_reporter (case_id, reporter) select $2, reporter from case_reporter where case_id = $1 on conflict do nothing`, Args: []any{from, to}}, nil)
}

// KeepLookView stores what a copy shows.
func (tx *Tx) KeepLookView(copyID string, body []byte, seal canonical.Digest) {
	tx.Later(sqldb.Statement{SQL: `insert into look_view (copy, body, seal) values ($1, $2, $3)`, Args: []any{copyID, body, seal.String()}}, nil)
}

// LookView returns what a copy shows, with its seal.
func (tx *Tx) LookView(copyID string) (body []byte, seal canonical.Digest, err error) {
	var s string
	if err = tx.QueryRow(`select body, seal from look_view where copy = $1`, copyID).Scan(&body, &s); err != nil {
		if sqldb.IsNotFound(err) {
			err = NoCase(copyID)
		}
		return nil, seal, err
	}
	seal, err = textDigest(s)
	return body, seal, err
}

// Knows reports whether a worker had to do with a decided case: held it, did something on it, opened it
// or, if asked is true, asked for its subject, or for the owner of that, after it was opened.
func (tx *Tx) Knows(w workforce.WorkerID, c cases.Case, asked bool) (bool, error) {
	var n int64
	err := tx.QueryRow(`select case when exists (select 1 from case_claim where case_id = $1 and worker = $2)
		or exists (select 1 from case_opening where case_id = $1 and worker = $2)
		or exists (select 1 from case_draft where case_id = $1 and worker = $2)
		or exists (select 1 from case_deed where case_id = $1 and worker = $2)
		or ($7 = 1 and exists (select 1 from subject_asked where platform = $3 and subject = $4 and worker = $2 and time >= $5))
		or ($7 = 1 and $6 <> '' and exists (select 1 from subject_asked where platform = $3 and subject = $6 and worker = $2 and time >= $5))
		then 1 else 0 end`, c.ID, string(w), c.Subject.Platform, c.Subject.ID, c.Opened.Micro(), c.Owner, asInt(asked)).Scan(&n)
	return n == 1, err
}

// AskedSubject notes that a worker asked for what the desk has about a subject.
func (tx *Tx) AskedSubject(w workforce.WorkerID, platform, subject string, now canonical.Time) {
	tx.Later(sqldb.Statement{SQL: `insert into subject_asked (worker, platform, subject, time) values ($1, $2, $3, $4)
		on conflict (platform, subject, worker) do update set time = excluded.time`, Args: []any{string(w), platform, subject, now.Micro()}}, nil)
}

// LooksHeldBy returns the looks that are not judged yet whose copies a worker has or had in hand.
func (tx *Tx) LooksHeldBy(w workforce.WorkerID) ([]SealedLook, error) {
	return sqldb.All(tx.Tx, scanLook, `select `+lookColumns+` from look where state = 'waiting' and exists (select 1 from case_claim k where k.case_id = look.copy and k.worker = $1) order by id limit 1000`, string(w))
}

// LookVerdict is a second verdict.
type LookVerdict struct {
	Look     string
	ID       string // of its document
	Copy     string
	Worker   workforce.WorkerID
	Vendor   workforce.VendorID
	Found    cases.Found
	Digest   canonical.Digest // of the decision
	Document canonical.Digest // that was shown
	Differs  cases.Difference
	Time     canonical.Time
}

const lookVerdictColumns = `look, id, copy, worker, vendor, verdict, rule, language, measures, digest, document, difference, time`

func scanLookVerdict(row sqldb.Row) (v LookVerdict, err error) {
	var measures []byte
	var digest, document string
	var at int64
	if err := row.Scan(&v.Look, &v.ID, &v.Copy, &v.Worker, &v.Vendor, &v.Found.Verdict, &v.Found.Rule, &v.Found.Language, &measures, &digest, &document, &v.Differs, &at); err != nil {
		return v, err
	}
	v.Time = canonical.FromMicro(at)
	if err := canonical.Unmarshal(measures, &v.Found.Measures); err != nil {
		return v, fmt.Errorf("the second verdict %s: its measures are not as they were written: %w", v.ID, err)
	}
	if v.Digest, err = textDigest(digest); err != nil {
		return v, err
	}
	v.Document, err = textDigest(document)
	return v, err
}

// InsertLookVerdict stores a second verdict. A look has one.
func (tx *Tx) InsertLookVerdict(v LookVerdict) {
	tx.Later(sqldb.Statement{SQL: `insert into look_verdict (` + lookVerdictColumns + `) values (` + sqldb.Places(1, 13) + `)`,
		Args: []any{v.Look, v.ID, v.Copy, string(v.Worker), string(v.Vendor), string(v.Found.Verdict), v.Found.Rule, v.Found.Language, canonical.MustMarshal(v.Found.Measures), v.Digest.String(), digestText(v.Document), string(v.Differs), v.Time.Micro()}}, nil)
}

// LookVerdict returns the verdict of a look; ok is false if there is none.
func (tx *Tx) LookVerdict(look string) (v LookVerdict, ok bool, err error) {
	v, err = scanLookVerdict(tx.QueryRow(`select `+lookVerdictColumns+` from look_verdict where look = $1`, look))
	if sqldb.IsNotFound(err) {
		return v, false, nil
	}
	return v, err == nil, err
}

// LookMatter is a difference between two verdicts, which leads settle.
type LookMatter struct {
	Look       string
	Difference cases.Difference
	State      MatterState
	Lead       workforce.WorkerID
	Wrong      cases.Wrong
	Why        string
	Settled    canonical.Time
	Until      canonical.Time // of the time to dispute
	Disputer   workforce.WorkerID
	Answer     string
	Disputed   canonical.Time
	LastLead   workforce.WorkerID
	LastWrong  cases.Wrong
	LastWhy    string
	Ended      canonical.Time
	Made       canonical.Time
}

// MatterState is the state of a difference.
type MatterState string

// The states.
const (
	MatterWaiting  MatterState = "waiting"  // for a lead
	MatterSettled  MatterState = "settled"  // whoever was found wrong may answer
	MatterDisputed MatterState = "disputed" // for another lead
	MatterFinal    MatterState = "final"
)

// Last returns whose verdict was wrong by the newest word of a lead; empty: no lead has said so yet.
func (m LookMatter) Last() cases.Wrong {
	if m.LastWrong != "" {
		return m.LastWrong
	}
	return m.Wrong
}

const lookMatterColumns = `look, difference, state, lead, wrong, why, settled, until, disputer, answer, disputed, last_lead, last_wrong, last_why, ended, made`

func scanLookMatter(row sqldb.Row) (m LookMatter, err error) {
	var settled, until, disputed, ended, made int64
	var why, answer, last []byte
	err = row.Scan(&m.Look, &m.Difference, &m.State, &m.Lead, &m.Wrong, &why, &settled, &until, &m.Disputer, &answer, &disputed, &m.LastLead, &m.LastWrong, &last, &ended, &made)
	m.Why, m.Answer, m.LastWhy = string(why), string(answer), string(last)
	m.Settled, m.Until, m.Disputed, m.Ended, m.Made = canonical.FromMicro(settled), canonical.FromMicro(until), canonical.FromMicro(disputed), canonical.FromMicro(ended), canonical.FromMicro(made)
	return m, err
}

// SaveLookMatter stores a difference.
func (tx *Tx) SaveLookMatter(m LookMatter) {
	tx.Later(sqldb.Statement{SQL: `insert into look_matter (` + lookMatterColumns + `) values (` + sqldb.Places(1, 16) + `) on conflict (look) do update set state = excluded.state, lead = excluded.lead, wrong = excluded.wrong,
		why = excluded.why, settled = excluded.settled, until = excluded.until, disputer = excluded.disputer, answer = excluded.answer, disputed = excluded.disputed, last_lead = excluded.last_lead,
		last_wrong = excluded.last_wrong, last_why = excluded.last_why, ended = excluded.ended`,
		Args: []any{m.Look, string(m.Difference), string(m.State), string(m.Lead), string(m.Wrong), []byte(m.Why), m.Settled.Micro(), m.Until.Micro(), string(m.Disputer), []byte(m.Answer), m.Disputed.Micro(),
			string(m.LastLead), string(m.LastWrong), []byte(m.LastWhy), m.Ended.Micro(), m.Made.Micro()}}, nil)
}

// LookMatter returns the difference of a look, locked in a change; ok is false if there is none.
func (tx *Tx) LookMatter(look string) (m LookMatter, ok bool, err error) {
	m, err = scanLookMatter(tx.QueryRow(`select `+lookMatterColumns+` from look_matter where look = $1`, look))
	if sqldb.IsNotFound(err) {
		return m, false, nil
	}
	return m, err == nil, err
}

// LookMatters returns the differences in a state, oldest first, after one; of any state if it is empty.
func (tx *Tx) LookMatters(state MatterState, after canonical.Time, afterLook string, limit int) ([]LookMatter, error) {
	return sqldb.All(tx.Tx, scanLookMatter, `select `+lookMatterColumns+` from look_matter where ($1 = '' or state = $1) and (made > $2 or made = $2 and look > $3) order by made, look limit $4`, string(state), after.Micro(), afterLook, limit)
}

// LookMattersOver returns the settled differences whose time to dispute is over.
func (tx *Tx) LookMattersOver(now canonical.Time, limit int) ([]LookMatter, error) {
	return sqldb.All(tx.Tx, scanLookMatter, `select `+lookMatterColumns+` from look_matter where state = 'settled' and until <= $1 order by made, look limit $2`, now.Micro(), limit)
}

// LookedAtOf returns the looks at what a worker decided, and those that the worker judged, newest first,
// as far as they are judged.
func (tx *Tx) LookedAtOf(w workforce.WorkerID, before string, limit int) ([]SealedLook, error) {
	return sqldb.All(tx.Tx, scanLook, `select `+lookColumns+` from look where state = 'judged' and kind = 'second' and ($2 = '' or id < $2)
		and (worker = $1 or id in (select look from look_verdict where worker = $1)) order by id desc limit $3`, string(w), before, limit)
}

// OpenLookDay notes that a worker buried something on a day.
func (tx *Tx) OpenLookDay(w workforce.WorkerID, day int64) {
	tx.Later(sqldb.Statement{SQL: `insert into look_day (worker, day, closed, buried, chosen) values ($1, $2, 0, 0, '') on conflict do nothing`, Args: []any{string(w), day}}, nil)
}

// LookDay is a day on which somebody buried something.
type LookDay struct {
	Worker workforce.WorkerID
	Day    int64
	Closed canonical.Time
	Buried int64
	Chosen string // the look that was added since the draws of the day chose none; empty: none was
}

// OpenLookDays returns the days before one that are still to be closed.
func (tx *Tx) OpenLookDays(before int64, limit int) ([]LookDay, error) {
	return sqldb.All(tx.Tx, scanLookDay, `select worker, day, closed, buried, chosen from look_day where closed = 0 and day < $1 order by day, worker limit $2`, before, limit)
}

func scanLookDay(row sqldb.Row) (d LookDay, err error) {
	var closed int64
	err = row.Scan(&d.Worker, &d.Day, &closed, &d.Buried, &d.Chosen)
	d.Closed = canonical.FromMicro(closed)
	return d, err
}

// CloseLookDay stores the end of a day. It reports whether it was open.
func (tx *Tx) CloseLookDay(d LookDay) (bool, error) {
	n, err := tx.Exec(`update look_day set closed = $3, buried = $4, chosen = $5 where worker = $1 and day = $2 and closed = 0`, string(d.Worker), d.Day, d.Closed.Micro(), d.Buried, d.Chosen)
	return n > 0, err
}

// DrawnDecisions returns the decisions of a worker from an instant to another that were drawn, oldest
// first, without their requests. Those that were taken back are not among them.
func (tx *Tx) DrawnDecisions(w workforce.WorkerID, from, to canonical.Time) ([]CaseDecision, error) {
	return sqldb.All(tx.Tx, scanCaseDecision, `select `+caseDecisionColumns+` from case_decision where worker = $1 and time >= $2 and time < $3 and share > 0 and taken_back = 0 order by time, id`, string(w), from.Micro(), to.Micro())
}

// Calibration is a set of decided cases that several people judge.
type Calibration struct {
	ID     string
	Lead   workforce.WorkerID
	Vendor workforce.VendorID
	Title  string
	Made   canonical.Time
	Closed canonical.Time // zero: it goes on
	Result string
	People []workforce.WorkerID // sorted
}

// InsertCalibration stores a calibration with its people.
func (tx *Tx) InsertCalibration(c Calibration) {
	tx.Later(sqldb.Statement{SQL: `insert into calibration (id, lead, vendor, title, made, closed, result) values ($1, $2, $3, $4, $5, 0, $6)`,
		Args: []any{c.ID, string(c.Lead), string(c.Vendor), c.Title, c.Made.Micro(), []byte(c.Result)}}, nil)
	for _, w := range c.People {
		tx.Later(sqldb.Statement{SQL: `insert into calibration_person (calibration, worker) values ($1, $2)`, Args: []any{c.ID, string(w)}}, nil)
	}
}

// CloseCalibration ends a calibration with what its people found.
func (tx *Tx) CloseCalibration(id, result string, now canonical.Time) {
	tx.Later(sqldb.Statement{SQL: `update calibration set closed = $2, result = $3 where id = $1 and closed = 0`, Args: []any{id, now.Micro(), []byte(result)}}, func(n int64) error {
		if n == 0 {
			return fault.New(fault.Conflict, "calibration-closed", "The calibration %s is closed already.", id)
		}
		return nil
	})
}

const calibrationColumns = `id, lead, vendor, title, made, closed, result`

func scanCalibration(row sqldb.Row) (c Calibration, err error) {
	var made, closed int64
	var result []byte
	err = row.Scan(&c.ID, &c.Lead, &c.Vendor, &c.Title, &made, &closed, &result)
	c.Made, c.Closed, c.Result = canonical.FromMicro(made), canonical.FromMicro(closed), string(result)
	return c, err
}

// Calibration returns a calibration with its people; a fault "no-such-calibration" if there is none.
func (tx *Tx) Calibration(id string) (Calibration, error) {
	c, err := scanCalibration(tx.QueryRow(`select `+calibrationColumns+` from calibration where id = $1`, id))
	if sqldb.IsNotFound(err) {
		return c, NoCalibration(id)
	}
	if err != nil {
		return c, err
	}
	people, err := sqldb.All(tx.Tx, scanText, `select worker from calibration_person where calibration = $1 order by worker`, id)
	for _, w := range people {
		c.People = append(c.People, workforce.WorkerID(w))
	}
	return c, err
}

// NoCalibration is the refusal of an identifier that names no calibration, or none that the caller may
// know of.
func NoCalibration(id string) error {
	if len(id) > 64 {
		id = id[:64] + "…"
	}
	return fault.New(fault.NotFound, "no-such-calibration", "There is no calibration %q that you may see.", id)
}

// Calibrations returns calibrations, newest first: those of a vendor, or of all if every is true.
func (tx *Tx) Calibrations(v workforce.VendorID, every bool, before string, limit int) ([]Calibration, error) {
	return sqldb.All(tx.Tx, scanCalibration, `select `+calibrationColumns+` from calibration where ($1 = 1 or vendor = $2) and ($3 = '' or id < $3) order by id desc limit $4`, asInt(every), string(v), before, limit)
}
