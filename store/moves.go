package store

import (
	"fmt"
	"slices"

	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/fault"
	"countersign.dev/news"
	"countersign.dev/sqldb"
	"countersign.dev/workforce"
)

// ErrAgain has a change run again: it read something before it locked it, and that has changed.
var ErrAgain = sqldb.ErrAgain

// CaseDeed is a signed deed on a case that was done.
type CaseDeed struct {
	Digest  canonical.Digest // of the deed
	ID      string           // of its document
	Case    string
	What    string
	Worker  workforce.WorkerID
	Signed  canonical.Digest // of the deed with its statement
	Version int64            // of the case after it
	Time    canonical.Time
}

// InsertCaseDeed stores a deed that is done. If another node has just done it, the change runs
// again and finds it.
func (tx *Tx) InsertCaseDeed(d CaseDeed) {
	tx.Later(sqldb.Statement{SQL: `insert into case_deed (digest, id, case_id, what, worker, signed, version, time) values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing`,
		Args: []any{d.Digest.String(), d.ID, d.Case, d.What, string(d.Worker), d.Signed.String(), d.Version, d.Time.Micro()}}, func(n int64) error {
		if n == 0 {
			return fmt.Errorf("the deed %s was done at the same time: %w", d.Digest, sqldb.ErrAgain)
		}
		return nil
	})
}

// CaseDeed returns a deed on a case by its digest; ok is false if it was not done.
func (tx *Tx) CaseDeed(digest canonical.Digest) (d CaseDeed, ok bool, err error) {
	var signed string
	var at int64
	err = tx.QueryRow(`select id, case_id, what, worker, signed, version, time from case_deed where digest = $1`, digest.String()).
		Scan(&d.ID, &d.Case, &d.What, &d.Worker, &signed, &d.Version, &at)
	if sqldb.IsNotFound(err) {
		return d, false, nil
	}
	if err != nil {
		return d, false, err
	}
	d.Digest, d.Time = digest, canonical.FromMicro(at)
	d.Signed, err = textDigest(signed)
	return d, err == nil, err
}

// Burial is one more act of a worker that ends or delays a report with less than is usual.
type Burial struct {
	Worker workforce.WorkerID
	Vendor workforce.VendorID
	Time   canonical.Time
	What   string // the kind of deed, or the verdict
	About  string // the case
}

// Bury numbers and stores a burial. The number lets Buried count without reading each of them.
func (tx *Tx) Bury(b Burial) error {
	last, err := tx.lastBurial(b.Worker)
	if err != nil {
		return err
	}
	tx.Later(sqldb.Statement{SQL: `insert into burial (worker, n, vendor, time, what, about) values ($1, $2, $3, $4, $5, $6) on conflict do nothing`,
		Args: []any{string(b.Worker), last + 1, string(b.Vendor), b.Time.Micro(), b.What, b.About}}, func(n int64) error {
		if n == 0 {
			return sqldb.ErrAgain // somebody signed in as the same worker at another node was faster
		}
		return nil
	})
	return nil
}

// Buried counts what a worker buried since an instant.
func (tx *Tx) Buried(w workforce.WorkerID, since canonical.Time) (int64, error) {
	last, err := tx.lastBurial(w)
	if err != nil || last == 0 {
		return 0, err
	}
	var first int64
	err = tx.QueryRow(`select n from burial where worker = $1 and time >= $2 order by time, n limit 1`, string(w), since.Micro()).Scan(&first)
	if sqldb.IsNotFound(err) {
		return 0, nil
	}
	return last - first + 1, err
}

func (tx *Tx) lastBurial(w workforce.WorkerID) (n int64, err error) {
	err = tx.QueryRow(`select n from burial where worker = $1 order by n desc limit 1`, string(w)).Scan(&n)
	if sqldb.IsNotFound(err) {
		err = nil
	}
	return n, err
}

// BuriedBy counts what the people of a vendor buried since an instant; the empty vendor is
// that of the employees.
func (tx *Tx) BuriedBy(v workforce.VendorID, since canonical.Time) (n int64, err error) {
	return n, tx.QueryRow(`select count(*) from burial where vendor = $1 and time >= $2`, string(v), since.Micro()).Scan(&n)
}

// Reveal is that a worker had private data of somebody revealed. It holds what telling the holder of
// the account needs. Account is empty if the reporter is a worker of the desk.
type Reveal struct {
	Worker   workforce.WorkerID
	Vendor   workforce.VendorID
	Case     string
	Report   string
	Platform string
	Account  string
	Reason   string
	Time     canonical.Time
}

// InsertReveal numbers and stores a reveal.
func (tx *Tx) InsertReveal(r Reveal) error {
	var last int64
	err := tx.QueryRow(`select n from case_reveal where worker = $1 order by n desc limit 1`, string(r.Worker)).Scan(&last)
	if err != nil && !sqldb.IsNotFound(err) {
		return err
	}
	tx.Later(sqldb.Statement{SQL: `insert into case_reveal (worker, n, vendor, case_id, report, platform, account, reason, time) values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing`,
		Args: []any{string(r.Worker), last + 1, string(r.Vendor), r.Case, r.Report, r.Platform, r.Account, r.Reason, r.Time.Micro()}}, func(n int64) error {
		if n == 0 {
			return sqldb.ErrAgain // the same worker at another node was faster
		}
		return nil
	})
	return nil
}

// Reveals returns what was revealed in a case, oldest first.
func (tx *Tx) Reveals(caseID string, limit int) ([]Reveal, error) {
	return sqldb.All(tx.Tx, func(r sqldb.Row) (o Reveal, err error) {
		var at int64
		err = r.Scan(&o.Worker, &o.Vendor, &o.Case, &o.Report, &o.Platform, &o.Account, &o.Reason, &at)
		o.Time = canonical.FromMicro(at)
		return o, err
	}, `select worker, vendor, case_id, report, platform, account, reason, time from case_reveal where case_id = $1 order by time, worker, n limit $2`, caseID, limit)
}

// Revealed counts what a worker had revealed since an instant or, with vendor, what all people of the
// vendor had; the empty vendor is that of the employees.
func (tx *Tx) Revealed(w workforce.WorkerID, v workforce.VendorID, vendor bool, since canonical.Time) (n int64, err error) {
	if vendor {
		return n, tx.QueryRow(`select count(*) from case_reveal where vendor = $1 and time >= $2`, string(v), since.Micro()).Scan(&n)
	}
	return n, tx.QueryRow(`select count(*) from case_reveal where worker = $1 and time >= $2`, string(w), since.Micro()).Scan(&n)
}

// OpenCaseID returns the identifier of the open case of a subject and sort, without locking
// it; empty: there is none.
func (tx *Tx) OpenCaseID(platform, subject string, sort cases.Sort) (id string, err error) {
	err = tx.QueryRow(`select id from case_file where platform = $1 and subject = $2 and sort = $3 and look = '' and state in `+openStates, platform, subject, string(sort)).Scan(&id)
	if sqldb.IsNotFound(err) {
		err = nil
	}
	return id, err
}

// CasesLocked returns cases, each locked, in the order in which they were asked for. They are
// locked in the order of their identifiers, so that two changes never wait for each other.
func (tx *Tx) CasesLocked(ids ...string) ([]cases.Case, error) {
	sorted := slices.Clone(ids)
	slices.Sort(sorted)
	by := map[string]cases.Case{}
	for _, id := range slices.Compact(sorted) {
		c, err := tx.CaseLocked(id)
		if err != nil {
			return nil, err
		}
		by[id] = c
	}
	all := make([]cases.Case, len(ids))
	for i, id := range ids {
		all[i] = by[id]
	}
	return all, nil
}

// MoveReporters notes those who reported in one case in another one as well. It returns how
// many had not been noted there.
func (tx *Tx) MoveReporters(from, to string) (int64, error) {
	return tx.Exec(`insert into case_reporter (case_id, reporter) select $2, reporter from case_reporter where case_id = $1 on conflict do nothing`, from, to)
}

// MoveDrafts keeps what people have written on one case as drafts on another one, unless they
// have one there.
func (tx *Tx) MoveDrafts(from, to string) {
	tx.Later(sqldb.Statement{SQL: `insert into case_draft (case_id, worker, body, updated) select $2, worker, body, updated from case_draft where case_id = $1 on conflict do nothing`, Args: []any{from, to}}, nil)
	tx.Later(sqldb.Statement{SQL: `delete from case_draft where case_id = $1`, Args: []any{from}}, nil)
}

// ReportsIn returns the reports of a case among those that are named, sorted by identifier.
func (tx *Tx) ReportsIn(caseID string, ids []string) ([]Report, error) {
	args := []any{caseID}
	for _, id := range ids {
		args = append(args, id)
	}
	return sqldb.All(tx.Tx, scanReport, `select `+reportColumns+` from report where case_id = $1 and id in (`+sqldb.Places(2, len(ids))+`) order by id`, args...)
}

// Recount counts the reports of a case from their rows, withdrawn ones among them, and forgets
// the reporters of reports that have left it.
func (tx *Tx) Recount(caseID string) (n cases.Counts, err error) {
	if _, err := tx.Exec(`delete from case_reporter where case_id = $1 and not exists (select 1 from report r where r.case_id = $1 and r.reporter = case_reporter.reporter)`, caseID); err != nil {
		return n, err
	}
	if err := tx.QueryRow(`select count(*) from case_reporter where case_id = $1`, caseID).Scan(&n.Reporters); err != nil {
		return n, err
	}
	type kind struct {
		reason   cases.Reason
		source   string
		severity cases.Severity
		n        int64
	}
	all, err := sqldb.All(tx.Tx, func(r sqldb.Row) (k kind, err error) { return k, r.Scan(&k.reason, &k.source, &k.severity, &k.n) },
		`select reason, source, severity, count(*) from report where case_id = $1 group by reason, source, severity`, caseID)
	n.Reasons, n.Sources = []cases.Reason{}, []string{}
	for _, k := range all {
		n.Reports += k.n
		n.Reasons, n.Sources = append(n.Reasons, k.reason), append(n.Sources, k.source)
		if k.severity.Rank() > n.Severity.Rank() {
			n.Severity = k.severity
		}
	}
	slices.Sort(n.Reasons)
	slices.Sort(n.Sources)
	n.Reasons, n.Sources = slices.Compact(n.Reasons), slices.Compact(n.Sources)
	return n, err
}

// CaseNote is a note on a case.
type CaseNote struct {
	Case   string
	N      int64
	Worker workforce.WorkerID
	Public bool // it may be told to people outside
	Text   string
	Time   canonical.Time
	Deed   string // identifier of its document
}

// AddNote stores a note on a case that the change has locked, with the next number.
func (tx *Tx) AddNote(n CaseNote) error {
	tx.tell(news.Case, n.Case, 0)
	var last int64
	err := tx.QueryRow(`select n from case_note where case_id = $1 order by n desc limit 1`, n.Case).Scan(&last)
	if err != nil && !sqldb.IsNotFound(err) {
		return err
	}
	_, err = tx.Exec(`insert into case_note (case_id, n, worker, public, body, time, deed) values ($1, $2, $3, $4, $5, $6, $7)`,
		n.Case, last+1, string(n.Worker), asInt(n.Public), []byte(n.Text), n.Time.Micro(), n.Deed)
	return err
}

// Notes returns the notes on a case, oldest first.
func (tx *Tx) Notes(caseID string) ([]CaseNote, error) {
	return sqldb.All(tx.Tx, func(r sqldb.Row) (n CaseNote, err error) {
		var public, at int64
		var text []byte
		err = r.Scan(&n.Case, &n.N, &n.Worker, &public, &text, &at, &n.Deed)
		n.Public, n.Text, n.Time = public != 0, string(text), canonical.FromMicro(at)
		return n, err
	}, `select case_id, n, worker, public, body, time, deed from case_note where case_id = $1 order by n limit 1000`, caseID)
}

// Proposal is a verdict on a case of the highest severity that waits for a second person.
type Proposal struct {
	ID      string // of its document
	Case    string
	Version int64
	Claim   int64
	Worker  workforce.WorkerID
	Verdict string
	Rule    int64
	Digest  canonical.Digest // of the decision
	Time    canonical.Time
	Ended   canonical.Time // when a second person decided; zero: nobody has
}

const proposalColumns = `id, case_id, version, claim, worker, verdict, rule, digest, time, ended`

func scanProposal(r sqldb.Row) (p Proposal, err error) {
	var digest string
	var at, ended int64
	if err := r.Scan(&p.ID, &p.Case, &p.Version, &p.Claim, &p.Worker, &p.Verdict, &p.Rule, &digest, &at, &ended); err != nil {
		return p, err
	}
	p.Time, p.Ended = canonical.FromMicro(at), canonical.FromMicro(ended)
	p.Digest, err = textDigest(digest)
	return p, err
}

// InsertProposal stores a proposal. One of a case is open at most.
func (tx *Tx) InsertProposal(p Proposal) {
	tx.Later(sqldb.Statement{SQL: `insert into case_proposal (` + proposalColumns + `) values (` + sqldb.Places(1, 10) + `)`,
		Args: []any{p.ID, p.Case, p.Version, p.Claim, string(p.Worker), p.Verdict, p.Rule, p.Digest.String(), p.Time.Micro(), p.Ended.Micro()}}, nil)
}

// OpenProposal returns the proposal on a case that waits for a second person; ok is false if
// none does.
func (tx *Tx) OpenProposal(caseID string) (p Proposal, ok bool, err error) {
	p, err = scanProposal(tx.QueryRow(`select `+proposalColumns+` from case_proposal where case_id = $1 and ended = 0`, caseID))
	if sqldb.IsNotFound(err) {
		return p, false, nil
	}
	return p, err == nil, err
}

// Proposals returns all proposals on a case, oldest first.
func (tx *Tx) Proposals(caseID string) ([]Proposal, error) {
	return sqldb.All(tx.Tx, scanProposal, `select `+proposalColumns+` from case_proposal where case_id = $1 order by version limit 1000`, caseID)
}

// EndProposal notes that a case's open proposal waits no longer.
func (tx *Tx) EndProposal(caseID string, now canonical.Time) {
	tx.Later(sqldb.Statement{SQL: `update case_proposal set ended = $2 where case_id = $1 and ended = 0`, Args: []any{caseID, now.Micro()}}, nil)
}

// Referral is to whom a case was referred.
type Referral struct {
	ID       string // of the deed's document
	Case     string
	Referral string // identifier in the rule set
	Name     string
	Address  string
	Until    canonical.Time // until which the platform preserves
	Worker   workforce.WorkerID
	Time     canonical.Time
}

// InsertReferral stores a referral.
func (tx *Tx) InsertReferral(r Referral) {
	tx.Later(sqldb.Statement{SQL: `insert into case_referral (id, case_id, referral, name, address, until, worker, time) values ($1, $2, $3, $4, $5, $6, $7, $8)`,
		Args: []any{r.ID, r.Case, r.Referral, r.Name, r.Address, r.Until.Micro(), string(r.Worker), r.Time.Micro()}}, nil)
}

// Referrals returns the referrals of a case, oldest first.
func (tx *Tx) Referrals(caseID string) ([]Referral, error) {
	return sqldb.All(tx.Tx, func(r sqldb.Row) (f Referral, err error) {
		var until, at int64
		err = r.Scan(&f.ID, &f.Case, &f.Referral, &f.Name, &f.Address, &until, &f.Worker, &at)
		f.Until, f.Time = canonical.FromMicro(until), canonical.FromMicro(at)
		return f, err
	}, `select id, case_id, referral, name, address, until, worker, time from case_referral where case_id = $1 order by id limit 1000`, caseID)
}

// CaseDecision returns a decision with its requests; a fault "no-such-decision" if there is
// none.
func (tx *Tx) CaseDecision(id string) (CaseDecision, error) {
	d, err := scanCaseDecision(tx.QueryRow(`select `+caseDecisionColumns+` from case_decision where id = $1`, id))
	if sqldb.IsNotFound(err) {
		return d, fault.New(fault.NotFound, "no-such-decision", "There is no such decision.")
	}
	if err != nil {
		return d, err
	}
	d.Requests, err = sqldb.All(tx.Tx, scanText, `select request from case_measure where decision = $1 order by n`, id)
	return d, err
}

// OwnersOf returns the workers who declared one of several accounts, by keyed digest.
func (tx *Tx) OwnersOf(digests []string) ([]workforce.WorkerID, error) {
	if len(digests) == 0 {
		return nil, nil
	}
	args := []any{}
	for _, d := range digests {
		args = append(args, d)
	}
	return sqldb.All(tx.Tx, scanWorker, `select distinct worker from own_account where digest in (`+sqldb.Places(1, len(args))+`) order by worker`, args...)
}

// ReportersOf returns the workers who reported in a case, by an account that they declared.
func (tx *Tx) ReportersOf(caseID string) ([]workforce.WorkerID, error) {
	return sqldb.All(tx.Tx, scanWorker, `select distinct o.worker from own_account o join case_reporter r on r.reporter = o.digest where r.case_id = $1 order by o.worker`, caseID)
}

func scanWorker(r sqldb.Row) (w workforce.WorkerID, err error) { return w, r.Scan(&w) }
