package store

import (
	"slices"
	"strings"

	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/fault"
	"countersign.dev/sqldb"
	"countersign.dev/workforce"
)

// Report is a report as it is stored. Its text and its reporter are in its document.
type Report struct {
	ID         string
	Program    string
	ExternalID string
	Body       canonical.Digest // of the report as it was handed in
	Case       string
	Platform   string
	Subject    string
	Reason     cases.Reason
	OwnReason  string // the platform's own word
	Severity   cases.Severity
	Source     string // class of the source
	Reporter   string // keyed digest of the reporter; empty: unknown
	Anonymous  bool
	Language   string
	Reported   canonical.Time // by the platform's clock
	Received   canonical.Time
	Withdrawn  canonical.Time
}

const reportColumns = `id, program, external_id, body, case_id, platform, subject, reason, own_reason, severity, source, reporter, anonymous, language, reported, received, withdrawn`

func scanReport(row sqldb.Row) (r Report, err error) {
	var body string
	var anonymous, reported, received, withdrawn int64
	if err := row.Scan(&r.ID, &r.Program, &r.ExternalID, &body, &r.Case, &r.Platform, &r.Subject, &r.Reason, &r.OwnReason, &r.Severity, &r.Source,
		&r.Reporter, &anonymous, &r.Language, &reported, &received, &withdrawn); err != nil {
		return r, err
	}
	r.Anonymous = anonymous != 0
	r.Reported, r.Received, r.Withdrawn = canonical.FromMicro(reported), canonical.FromMicro(received), canonical.FromMicro(withdrawn)
	return r, r.Body.UnmarshalText([]byte(body))
}

// ReportsBy returns the reports of a program that have these identifiers of the program's own,
// by the identifier.
func (tx *Tx) ReportsBy(program string, external []string) (map[string]Report, error) {
	by := map[string]Report{}
	return by, inParts(2, external, func(places string, args []any) error {
		all, err := sqldb.AllAnew(tx.Tx, scanReport, `select `+reportColumns+` from report where program = $1 and external_id in (`+places+`)`, append([]any{program}, args...)...)
		for _, r := range all {
			by[r.ExternalID] = r
		}
		return err
	})
}

// NoReport is the refusal of an identifier that names no report, or one of somebody else.
func NoReport() error { return fault.New(fault.NotFound, "no-such-report", "There is no such report.") }

// Report returns a report; a fault "no-such-report" if there is none.
func (tx *Tx) Report(id string) (Report, error) {
	r, err := scanReport(tx.QueryRow(`select `+reportColumns+` from report where id = $1`, id))
	if sqldb.IsNotFound(err) {
		return r, NoReport()
	}
	return r, err
}

// ReportsOf returns up to limit reports of a case after an identifier, oldest first.
func (tx *Tx) ReportsOf(caseID, after string, limit int) ([]Report, error) {
	return sqldb.All(tx.Tx, scanReport, `select `+reportColumns+` from report where case_id = $1 and id > $2 order by id limit $3`, caseID, after, limit)
}

// ReasonCount is how often a case was reported for a reason.
type ReasonCount struct {
	Reason    cases.Reason
	Source    string
	Anonymous bool
	Withdrawn bool
	Count     int64
}

// ReasonCounts counts the reports of a case by reason and source, withdrawn ones apart.
func (tx *Tx) ReasonCounts(caseID string) ([]ReasonCount, error) {
	return sqldb.All(tx.Tx, func(r sqldb.Row) (c ReasonCount, err error) {
		var anonymous, withdrawn int64
		err = r.Scan(&c.Reason, &c.Source, &anonymous, &withdrawn, &c.Count)
		c.Anonymous, c.Withdrawn = anonymous != 0, withdrawn != 0
		return c, err
	}, `select reason, source, anonymous, gone, count(*) from (select reason, source, anonymous, case when withdrawn > 0 then 1 else 0 end as gone from report where case_id = $1) counted
		group by reason, source, anonymous, gone order by reason, source, anonymous, gone`, caseID)
}

// InsertReports stores new reports. If the same program has handed in one with the same
// identifier at the same time on another node, the change runs again and finds it.
func (tx *Tx) InsertReports(all []Report) {
	rows := make([][]any, len(all))
	for i, r := range all {
		rows[i] = []any{r.ID, r.Program, r.ExternalID, r.Body.String(), r.Case, r.Platform, r.Subject, string(r.Reason), r.OwnReason, string(r.Severity), string(r.Source),
			r.Reporter, asInt(r.Anonymous), r.Language, r.Reported.Micro(), r.Received.Micro(), r.Withdrawn.Micro()}
	}
	tx.insertLater(`insert into report (`+reportColumns+`) values `, rows)
}

// WithdrawReport notes that whoever handed a report in took it back.
func (tx *Tx) WithdrawReport(id string, now canonical.Time) {
	tx.Later(sqldb.Statement{SQL: `update report set withdrawn = $2 where id = $1 and withdrawn = 0`, Args: []any{id, now.Micro()}}, nil)
}

// MoveReports puts reports of a case into another one. It returns how many it moved.
func (tx *Tx) MoveReports(from, to string, ids []string) (int64, error) {
	args := []any{from, to}
	in := ""
	if ids != nil {
		in = ` and id in (` + sqldb.Places(3, len(ids)) + `)`
		for _, id := range ids {
			args = append(args, id)
		}
	}
	return tx.Exec(`update report set case_id = $2 where case_id = $1`+in, args...)
}

// CountReporter notes that somebody reported in a case. It reports whether nobody had noted
// this person there before.
func (tx *Tx) CountReporter(caseID, reporter string) (first bool, err error) {
	n, err := tx.Exec(`insert into case_reporter (case_id, reporter) values ($1, $2) on conflict do nothing`, caseID, reporter)
	return n > 0, err
}

// Reporting is that somebody reported in a case.
type Reporting struct{ Case, Reporter string }

// Reportings returns who of these reporters reported in which of these cases.
func (tx *Tx) Reportings(caseIDs, reporters []string) (map[Reporting]bool, error) {
	known := map[Reporting]bool{}
	return known, inParts(1, caseIDs, func(places string, ids []any) error {
		return inParts(len(ids)+1, reporters, func(also string, args []any) error {
			all, err := sqldb.AllAnew(tx.Tx, func(r sqldb.Row) (one Reporting, err error) { return one, r.Scan(&one.Case, &one.Reporter) },
				`select case_id, reporter from case_reporter where case_id in (`+places+`) and reporter in (`+also+`)`, slices.Concat(ids, args)...)
			for _, one := range all {
				known[one] = true
			}
			return err
		})
	})
}

// InsertReportings notes that people reported in cases where they had not reported before.
func (tx *Tx) InsertReportings(all []Reporting) {
	rows := make([][]any, len(all))
	for i, r := range all {
		rows[i] = []any{r.Case, r.Reporter}
	}
	tx.insertLater(`insert into case_reporter (case_id, reporter) values `, rows)
}

// ReportedIn reports whether any of these reporters reported in a case.
func (tx *Tx) ReportedIn(caseID string, reporters []string) (bool, error) {
	if len(reporters) == 0 {
		return false, nil
	}
	args := []any{caseID}
	for _, r := range reporters {
		args = append(args, r)
	}
	var n int64
	err := tx.QueryRow(`select count(*) from case_reporter where case_id = $1 and reporter in (`+sqldb.Places(2, len(reporters))+`)`, args...).Scan(&n)
	return n > 0, err
}

// CaseDecision is a decision on a case.
type CaseDecision struct {
	ID        string
	Case      string
	Version   int64
	Claim     int64
	Worker    workforce.WorkerID
	Verdict   string
	Rule      int64
	Digest    canonical.Digest // of the decision
	Document  canonical.Digest // that was shown
	Departs   bool             // from the rule's usual measures
	Time      canonical.Time
	TakenBack canonical.Time
	Requests  []string // of its measures, in its order
	Buried    bool     // it ended the case with less than is usual
	Share     int64    // thousandths of such verdicts that are judged again; 0: it was made before there were second looks
}

const caseDecisionColumns = `id, case_id, version, claim, worker, verdict, rule, digest, document, departs, time, taken_back, buried, share`

func scanCaseDecision(row sqldb.Row) (d CaseDecision, err error) {
	var digest, document string
	var departs, at, back, buried int64
	if err := row.Scan(&d.ID, &d.Case, &d.Version, &d.Claim, &d.Worker, &d.Verdict, &d.Rule, &digest, &document, &departs, &at, &back, &buried, &d.Share); err != nil {
		return d, err
	}
	d.Departs, d.Time, d.TakenBack, d.Buried = departs != 0, canonical.FromMicro(at), canonical.FromMicro(back), buried != 0
	if d.Digest, err = textDigest(digest); err != nil {
		return d, err
	}
	d.Document, err = textDigest(document)
	return d, err
}

// InsertCaseDecision stores a decision with its measures.
func (tx *Tx) InsertCaseDecision(d CaseDecision) {
	tx.Later(sqldb.Statement{SQL: `insert into case_decision (` + caseDecisionColumns + `) values (` + sqldb.Places(1, 14) + `)`,
		Args: []any{d.ID, d.Case, d.Version, d.Claim, string(d.Worker), d.Verdict, d.Rule, d.Digest.String(), digestText(d.Document), asInt(d.Departs), d.Time.Micro(), d.TakenBack.Micro(), asInt(d.Buried), d.Share}}, nil)
	for i, request := range d.Requests {
		tx.Later(sqldb.Statement{SQL: `insert into case_measure (decision, n, case_id, request) values ($1, $2, $3, $4)`, Args: []any{d.ID, i, d.Case, request}}, nil)
	}
}

// CaseDecisions returns the decisions on a case, oldest first, with their requests.
func (tx *Tx) CaseDecisions(caseID string) ([]CaseDecision, error) {
	all, err := sqldb.All(tx.Tx, scanCaseDecision, `select `+caseDecisionColumns+` from case_decision where case_id = $1 order by version limit 1000`, caseID)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].Requests, err = tx.RequestsOfDecision(all[i].ID); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// DecisionsOf returns the decisions of a worker since an instant, newest first, without their
// requests.
func (tx *Tx) DecisionsOf(w workforce.WorkerID, since canonical.Time, limit int) ([]CaseDecision, error) {
	return sqldb.All(tx.Tx, scanCaseDecision, `select `+caseDecisionColumns+` from case_decision where worker = $1 and time >= $2 order by time desc limit $3`, string(w), since.Micro(), limit)
}

// TakeBackDecision notes that a decision was taken back.
func (tx *Tx) TakeBackDecision(id string, now canonical.Time) {
	tx.Later(sqldb.Statement{SQL: `update case_decision set taken_back = $2 where id = $1 and taken_back = 0`, Args: []any{id, now.Micro()}}, func(n int64) error {
		if n == 0 {
			return fault.New(fault.Conflict, "taken-back", "The decision was taken back already.")
		}
		return nil
	})
}

// RequestsOfDecision returns the requests of a decision's measures, in its order.
func (tx *Tx) RequestsOfDecision(id string) ([]string, error) {
	return sqldb.All(tx.Tx, scanText, `select request from case_measure where decision = $1 order by n`, id)
}

// CaseOfRequest returns the case whose measure a request is; empty if it is none.
func (tx *Tx) CaseOfRequest(request string) (id string, err error) {
	err = tx.QueryRow(`select case_id from case_measure where request = $1`, request).Scan(&id)
	if sqldb.IsNotFound(err) {
		return "", nil
	}
	return id, err
}

// Strike is a decided violation of an account.
type Strike struct {
	Decision string
	Platform string
	Account  string
	Rule     int64
	Time     canonical.Time
	Expires  canonical.Time
}

// InsertStrike stores a strike.
func (tx *Tx) InsertStrike(s Strike) {
	tx.Later(sqldb.Statement{SQL: `insert into strike (decision, platform, account, rule, time, expires, ended) values ($1, $2, $3, $4, $5, $6, 0)`,
		Args: []any{s.Decision, s.Platform, s.Account, s.Rule, s.Time.Micro(), s.Expires.Micro()}}, nil)
}

// EndStrike takes back the strike of a decision.
func (tx *Tx) EndStrike(decision string, now canonical.Time) {
	tx.Later(sqldb.Statement{SQL: `update strike set ended = $2 where decision = $1 and ended = 0`, Args: []any{decision, now.Micro()}}, nil)
}

// Strikes returns the strikes of an account that stand at an instant, by rule.
func (tx *Tx) Strikes(platform, account string, now canonical.Time) (map[int64]int64, error) {
	by := map[int64]int64{}
	_, err := sqldb.All(tx.Tx, func(r sqldb.Row) (struct{}, error) {
		var rule, n int64
		err := r.Scan(&rule, &n)
		by[rule] = n
		return struct{}{}, err
	}, `select rule, count(*) from strike where platform = $1 and account = $2 and ended = 0 and expires > $3 group by rule`, platform, account, now.Micro())
	return by, err
}

// NewestReports returns up to limit reports of a case: first the newest for each reason from each
// class of source, so that whoever floods a case hides nobody else's words, and then the others,
// each newest first. Withdrawn ones come last.
func (tx *Tx) NewestReports(caseID string, limit int) ([]Report, error) {
	return sqldb.All(tx.Tx, scanReport, `select `+reportColumns+` from (select r.*, case when withdrawn > 0 then 1 else 0 end as gone,
			row_number() over (partition by reason, source, anonymous, case when withdrawn > 0 then 1 else 0 end order by id desc) as place
		from report r where case_id = $1) placed order by gone, case when place = 1 then 0 else 1 end, id desc limit $2`, caseID, limit)
}

// DecisionsOn returns up to limit decisions on a subject, newest first, without their requests.
func (tx *Tx) DecisionsOn(platform, subject string, limit int) ([]CaseDecision, error) {
	return sqldb.All(tx.Tx, scanCaseDecision, `select d.id, d.case_id, d.version, d.claim, d.worker, d.verdict, d.rule, d.digest, d.document, d.departs, d.time, d.taken_back, d.buried, d.share
		from case_decision d join case_file c on c.id = d.case_id where c.platform = $1 and c.subject = $2 order by d.id desc limit $3`, platform, subject, limit)
}

// SeenState returns the state of a case's subject that was read last; nil if none was.
func (tx *Tx) SeenState(caseID string) (*cases.ShownState, error) {
	var body []byte
	err := tx.QueryRow(`select body from case_seen where case_id = $1`, caseID).Scan(&body)
	if sqldb.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var s cases.ShownState
	return &s, canonical.Unmarshal(body, &s)
}

// SaveSeen stores the state of a case's subject as it was read: in words, and the reading itself, in
// canonical JSON.
func (tx *Tx) SaveSeen(caseID string, s cases.ShownState, reading []byte) {
	tx.Later(sqldb.Statement{SQL: `insert into case_seen (case_id, body, reading) values ($1, $2, $3) on conflict (case_id) do update set body = excluded.body, reading = excluded.reading`, Args: []any{caseID, canonical.MustMarshal(s), reading}}, nil)
}

// SeenReading returns the reading of a case's subject that was made last; nil if none was.
func (tx *Tx) SeenReading(caseID string) (body []byte, err error) {
	err = tx.QueryRow(`select reading from case_seen where case_id = $1`, caseID).Scan(&body)
	if sqldb.IsNotFound(err) {
		return nil, nil
	}
	return body, err
}

// ReportsTold returns a sealed field of the documents of reports as these were handed in, by
// the report. Those that were erased are not among them.
func (tx *Tx) ReportsTold(ids []string, field string) (map[string][]byte, error) {
	by := map[string][]byte{}
	return by, inParts(2, ids, func(places string, args []any) error {
		// An arm for each, and no list: without statistics, both databases read all documents
		// for a list.
		var arms []string
		for place := range strings.SplitSeq(places, ",") {
			arms = append(arms, `select d.id, o.value from document d join document_opening o on o.sort = d.sort and o.number = d.number where d.sort = 'report' and d.id = `+place+` and o.name = $1`)
		}
		_, err := sqldb.All(tx.Tx, func(r sqldb.Row) (none struct{}, err error) {
			var id string
			var value []byte
			err = r.Scan(&id, &value)
			by[id] = value
			return none, err
		}, strings.Join(arms, ` union all `), append([]any{field}, args...)...)
		return err
	})
}
