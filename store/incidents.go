package store

import (
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/incident"
	"countersign.dev/platform"
	"countersign.dev/sqldb"
	"countersign.dev/workforce"
)

const incidentColumns = `id, version, status, cause, breach, request, platform, subject, handle, tier, opened, opened_by, title, review, findings, closed, layer`

func scanIncident(row sqldb.Row) (incident.Incident, error) {
	var i incident.Incident
	var opened, closed int64
	var layer string
	err := row.Scan(&i.ID, &i.Version, &i.Status, &i.Cause, &i.Breach, &i.Request, &i.Subject.Platform, &i.Subject.ID, &i.Subject.Handle, &i.Tier,
		&opened, &i.By, &i.Title, &i.Review, &i.Findings, &closed, &layer)
	i.Opened, i.Closed = canonical.FromMicro(opened), canonical.FromMicro(closed)
	if err == nil {
		i.Layer, err = platform.ParseLayer(layer)
	}
	return i, err
}

// Incident returns an incident with its tasks; a fault "no-such-incident" if
// there is none.
func (tx *Tx) Incident(id string) (incident.Incident, error) {
	i, err := scanIncident(tx.QueryRow(`select `+incidentColumns+` from incident where id = $1`, id))
	if sqldb.IsNotFound(err) {
		return i, fault.New(fault.NotFound, "no-such-incident", "There is no such incident.")
	}
	if err != nil {
		return i, err
	}
	i.Tasks, err = sqldb.All(tx.Tx, func(r sqldb.Row) (incident.Task, error) {
		var t incident.Task
		var done int64
		err := r.Scan(&t.Number, &t.Text, &t.Owner, &done, &t.Result)
		t.Done = canonical.FromMicro(done)
		return t, err
	}, `select number, text, owner, done, result from incident_task where incident = $1 order by number`, id)
	return i, err
}

// IncidentFilter chooses incidents; empty members choose all.
type IncidentFilter struct {
	Status   incident.Status
	Cause    incident.Cause
	Platform string
	Subject  string
	Before   string // identifiers sort by time: only those before this one
	Limit    int
}

// Incidents returns incidents, newest first, without their tasks and findings.
func (tx *Tx) Incidents(f IncidentFilter) ([]incident.Incident, error) {
	var c conditions
	if f.Before != "" {
		c.add("id < $%d", f.Before)
	}
	c.equal("status", string(f.Status))
	c.equal("cause", string(f.Cause))
	c.equal("platform", f.Platform)
	c.equal("subject", f.Subject)
	q := `select ` + incidentColumns + ` from incident` + c.limited(f.Limit)
	return sqldb.All(tx.Tx, scanIncident, q, c.args...)
}

// OpenIncident returns the identifier of the open incident that a breach of a
// subject joins, empty if there is none.
func (tx *Tx) OpenIncident(platform, subject string) (id string, err error) {
	err = tx.QueryRow(`select id from incident where platform = $1 and subject = $2 and status = 'open' and cause = 'breach'`, platform, subject).Scan(&id)
	if sqldb.IsNotFound(err) {
		return "", nil
	}
	return id, err
}

// OpenContest returns the identifier of the open incident on a request, empty if
// there is none.
func (tx *Tx) OpenContest(request string) (id string, err error) {
	err = tx.QueryRow(`select id from incident where request = $1 and status = 'open' and cause = 'contested'`, request).Scan(&id)
	if sqldb.IsNotFound(err) {
		return "", nil
	}
	return id, err
}

// Contested reports whether there is an incident on a request in a status.
func (tx *Tx) Contested(request string, status incident.Status) (is bool, err error) {
	return is, tx.QueryRow(`select exists (select 1 from incident where request = $1 and cause = 'contested' and status = $2)`, request, string(status)).Scan(&is)
}

// Investigates reports whether a worker has a task to do of an open incident about a subject, about the
// account that owns it (empty: not known), or about a measure of a case.
func (tx *Tx) Investigates(w workforce.WorkerID, subject platform.Subject, owner, caseID string) (is bool, err error) {
	return is, tx.QueryRow(`select exists (select 1 from incident i join incident_task k on k.incident = i.id where k.owner = $1 and k.done = 0 and i.status = 'open'
		and (i.platform = $2 and (i.subject = $3 or i.subject = $4 and $4 <> '') or i.request <> '' and i.request in (select m.request from case_measure m where m.case_id = $5)))`,
		string(w), subject.Platform, subject.ID, owner, caseID).Scan(&is)
}

// InsertIncident stores a new incident. If another one is open in its place, the
// change fails with the fault "incident-open".
func (tx *Tx) InsertIncident(i incident.Incident) {
	tx.Later(sqldb.Statement{SQL: `insert into incident (` + incidentColumns + `) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
		on conflict do nothing`, Args: []any{i.ID, i.Version, string(i.Status), string(i.Cause), i.Breach, i.Request, i.Subject.Platform, i.Subject.ID,
		i.Subject.Handle, string(i.Tier), i.Opened.Micro(), string(i.By), i.Title, i.Review, i.Findings, i.Closed.Micro(), i.Layer.String()}},
		func(n int64) error {
			if n == 0 {
				return fault.New(fault.Conflict, "incident-open", "An incident about this is open already.")
			}
			return nil
		})
}

// SaveIncident stores a changed incident, whose version is one more than the one
// that was read, but not its tasks. After somebody else's change in between, this
// one fails with the fault "version-moved".
func (tx *Tx) SaveIncident(i incident.Incident) {
	tx.Later(sqldb.Statement{SQL: `update incident set version = $2, status = $3, review = $4, findings = $5, closed = $6 where id = $1 and version = $2 - 1`,
		Args: []any{i.ID, i.Version, string(i.Status), i.Review, i.Findings, i.Closed.Micro()}},
		func(n int64) error {
			if n == 0 {
				return fault.New(fault.Conflict, "version-moved", "The incident has changed in the meantime; look at it again.")
			}
			return nil
		})
}

// SaveTask stores a new or changed task of an incident, which SaveIncident
// guards.
func (tx *Tx) SaveTask(incident string, t incident.Task) {
	tx.Later(sqldb.Statement{SQL: `insert into incident_task (incident, number, text, owner, done, result) values ($1, $2, $3, $4, $5, $6)
		on conflict (incident, number) do update set done = excluded.done, result = excluded.result`,
		Args: []any{incident, t.Number, t.Text, string(t.Owner), t.Done.Micro(), t.Result}}, nil)
}

// Breach is a breach of an incident.
type Breach struct {
	ID       string
	Incident string
	Layer    platform.Layer // of the subject, in which it was
	Seen     canonical.Time
	Restored canonical.Time // zero: not, as far as is known
}

// InsertBreach adds a breach to an incident. One that is there stays as it is.
func (tx *Tx) InsertBreach(b Breach) {
	tx.Later(sqldb.Statement{SQL: `insert into incident_breach (breach, incident, seen, restored, layer) values ($1, $2, $3, $4, $5) on conflict (breach) do nothing`,
		Args: []any{b.ID, b.Incident, b.Seen.Micro(), b.Restored.Micro(), b.Layer.String()}}, nil)
}

// RestoreBreach notes when a breach was undone.
func (tx *Tx) RestoreBreach(breach string, at canonical.Time) {
	tx.Later(sqldb.Statement{SQL: `update incident_breach set restored = $2 where breach = $1 and restored = 0`, Args: []any{breach, at.Micro()}}, nil)
}

func scanBreach(r sqldb.Row) (Breach, error) {
	var b Breach
	var seen, restored int64
	var layer string
	err := r.Scan(&b.ID, &b.Incident, &seen, &restored, &layer)
	b.Seen, b.Restored = canonical.FromMicro(seen), canonical.FromMicro(restored)
	if err == nil {
		b.Layer, err = platform.ParseLayer(layer)
	}
	return b, err
}

// Breach returns a breach, and whether it is known.
func (tx *Tx) Breach(id string) (Breach, bool, error) {
	b, err := scanBreach(tx.QueryRow(`select breach, incident, seen, restored, layer from incident_breach where breach = $1`, id))
	if sqldb.IsNotFound(err) {
		return b, false, nil
	}
	return b, err == nil, err
}

// Breaches returns up to limit breaches of an incident, oldest first.
func (tx *Tx) Breaches(incident string, limit int) ([]Breach, error) {
	return sqldb.All(tx.Tx, scanBreach, `select breach, incident, seen, restored, layer from incident_breach where incident = $1 order by seen, breach limit $2`, incident, limit)
}

// BreachesBy returns up to limit breaches on a platform that were seen since an instant
// and that the platform says a credential did, newest first, without those of one
// incident. The credential is in canonical JSON, as in Credentials.
func (tx *Tx) BreachesBy(platform string, credential []byte, since canonical.Time, except string, limit int) ([]Breach, error) {
	return sqldb.All(tx.Tx, scanBreach, `select distinct b.breach, b.incident, b.seen, b.restored, b.layer from incident_breach b
		join incident i on i.id = b.incident join ledger_about a on a.about = b.breach join ledger_opening o on o.idx = a.idx
		where b.seen >= $1 and b.incident <> $2 and i.platform = $3 and o.name = 'credential' and o.value = $4
		order by b.seen desc, b.breach limit $5`, since.Micro(), except, platform, credential, limit)
}

// CountBreachesIn returns how many breaches an incident has in one layer of its subject.
func (tx *Tx) CountBreachesIn(incident string, l platform.Layer) (n int64, err error) {
	return n, tx.QueryRow(`select count(*) from incident_breach where incident = $1 and layer = $2`, incident, l.String()).Scan(&n)
}

// CountBreaches returns how many breaches an incident has.
func (tx *Tx) CountBreaches(incident string) (n int64, err error) {
	return n, tx.QueryRow(`select count(*) from incident_breach where incident = $1`, incident).Scan(&n)
}

// Credentials returns, in canonical JSON and each once, the platform's names of the
// credentials that did the breaches of an incident, as far as it told.
func (tx *Tx) Credentials(incident string) ([][]byte, error) {
	return sqldb.All(tx.Tx, func(r sqldb.Row) (v []byte, err error) { return v, r.Scan(&v) },
		`select distinct o.value from incident_breach b join ledger_about a on a.about = b.breach join ledger_opening o on o.idx = a.idx
		where b.incident = $1 and o.name = 'credential' order by 1`, incident)
}

// KeepFindings keeps the text of proposed findings.
func (tx *Tx) KeepFindings(incident string, d canonical.Digest, text string, by workforce.WorkerID, at canonical.Time) {
	tx.Later(sqldb.Statement{SQL: `insert into incident_findings (incident, digest, text, proposed, proposed_by) values ($1, $2, $3, $4, $5)
		on conflict (incident, digest) do nothing`, Args: []any{incident, d.String(), text, at.Micro(), string(by)}}, nil)
}

// Findings returns the text of findings by their digest; a fault
// "no-such-findings" if nobody proposed them.
func (tx *Tx) Findings(incident string, d canonical.Digest) (text string, err error) {
	err = tx.QueryRow(`select text from incident_findings where incident = $1 and digest = $2`, incident, d.String()).Scan(&text)
	if sqldb.IsNotFound(err) {
		return "", fault.New(fault.Conflict, "no-such-findings", "Nobody has handed in findings with this digest; `countersign incident close INCIDENT --findings FILE` hands them in and signs.")
	}
	return text, err
}

// OpenIncidents returns how many incidents of each tier are open.
func (tx *Tx) OpenIncidents() (map[string]int64, error) {
	return tx.counts(`select tier, count(*) from incident where status = 'open' group by tier`)
}
