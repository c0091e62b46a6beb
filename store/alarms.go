package store

import (
	"context"
	"math"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/ledger"
	"countersign.dev/news"
	"countersign.dev/sqldb"
)

// Severity says how soon somebody has to hear of an alarm.
type Severity string

// The severities.
const (
	Page Severity = "page" // somebody on call, now
	Warn Severity = "warn" // today
	Info Severity = "info" // for the next person who looks
)

// Alarm is something that people must know of. It has an entry of its own, and
// alarms are in the order of their entries.
type Alarm struct {
	ID       string
	Entry    int64 // index of its ledger entry
	Kind     string
	Severity Severity
	Text     string // for a person, without personal data
	Incident string // the subject of the alarm, in this and the next members; each may be empty
	Request  string // or a breach
	Platform string
	Subject  string // identifier on the platform
	Tier     actions.Tier
	At       canonical.Time
}

// InsertAlarm stores an alarm, which learns the place of the entry that the same
// change records for it.
func (tx *Tx) InsertAlarm(a Alarm, entry *Appended) {
	tx.tell(news.Alarms, "", 0)
	tx.Later(sqldb.Statement{SQL: `insert into alarm (id, entry, kind, severity, text, incident, request, platform, subject, tier, at)
		values ($1, -1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		Args: []any{a.ID, a.Kind, string(a.Severity), a.Text, a.Incident, a.Request, a.Platform, a.Subject, string(a.Tier), a.At.Micro()}}, nil)
	entry.then = append(entry.then, func(e ledger.Entry) sqldb.Statement {
		return sqldb.Statement{SQL: `update alarm set entry = $2 where id = $1`, Args: []any{a.ID, e.Index}}
	})
}

const alarmColumns = `id, entry, kind, severity, text, incident, request, platform, subject, tier, at`

func scanAlarm(row sqldb.Row) (Alarm, error) {
	var a Alarm
	var at int64
	err := row.Scan(&a.ID, &a.Entry, &a.Kind, &a.Severity, &a.Text, &a.Incident, &a.Request, &a.Platform, &a.Subject, &a.Tier, &at)
	a.At = canonical.FromMicro(at)
	return a, err
}

// Alarm returns an alarm; an error IsNotFound of sqldb if there is none.
func (tx *Tx) Alarm(id string) (Alarm, error) {
	return scanAlarm(tx.QueryRow(`select `+alarmColumns+` from alarm where id = $1`, id))
}

// AlarmsAfter returns up to limit alarms whose entries come after a place, in
// their order.
func (tx *Tx) AlarmsAfter(entry int64, limit int) ([]Alarm, error) {
	return sqldb.All(tx.Tx, scanAlarm, `select `+alarmColumns+` from alarm where entry > $1 order by entry limit $2`, entry, limit)
}

// AlarmsBefore returns up to limit alarms, of a kind if one is given, whose
// entries come before a place, or all if it is 0, newest first.
func (tx *Tx) AlarmsBefore(entry int64, kind string, limit int) ([]Alarm, error) {
	if entry == 0 {
		entry = math.MaxInt64
	}
	if kind != "" {
		return sqldb.All(tx.Tx, scanAlarm, `select `+alarmColumns+` from alarm where kind = $1 and entry < $2 order by entry desc limit $3`, kind, entry, limit)
	}
	return sqldb.All(tx.Tx, scanAlarm, `select `+alarmColumns+` from alarm where entry < $1 order by entry desc limit $2`, entry, limit)
}

// NewestAlarms returns up to limit alarms of a kind about a platform, newest first,
// without those about critical subjects.
func (tx *Tx) NewestAlarms(kind, platform string, limit int) ([]Alarm, error) {
	return sqldb.All(tx.Tx, scanAlarm, `select `+alarmColumns+` from alarm where kind = $1 and platform = $2 and tier <> 'critical' order by entry desc limit $3`,
		kind, platform, limit)
}

// CountAlarms counts the alarms of a kind about a platform whose entries come after a
// place, without those about critical subjects. n counts all of them, pages those that
// page somebody; last is the place of the last, -1 if there is none.
func (tx *Tx) CountAlarms(kind, platform string, after int64) (n, pages, last int64, err error) {
	err = tx.QueryRow(`select count(*), count(case when severity = 'page' then 1 end), coalesce(max(entry), -1)
		from alarm where kind = $1 and platform = $2 and tier <> 'critical' and entry > $3`, kind, platform, after).Scan(&n, &pages, &last)
	return n, pages, last, err
}

// NewestAlarm returns the place of the newest alarm's entry, -1 if there is none.
func (s *Store) NewestAlarm(ctx context.Context) (entry int64, err error) {
	err = s.ReadOne(ctx, func(tx *Tx) error {
		return tx.QueryRow(`select coalesce(max(entry), -1) from alarm`).Scan(&entry)
	})
	return entry, err
}

// AlarmCounts returns how many alarms there were of each kind.
func (tx *Tx) AlarmCounts() (map[string]int64, error) {
	return tx.counts(`select kind, count(*) from alarm group by kind`)
}

// Delivery is the state of an alarm's delivery to one address.
type Delivery struct {
	Alarm       string
	Destination string // identifier of the address
	Attempts    int
	Status      string // "waiting", "delivered", "gone", "refused" or "given up"
	Answer      int    // the last HTTP status; 0: none
	Updated     canonical.Time
}

// SaveDelivery stores the state of a delivery.
func (tx *Tx) SaveDelivery(d Delivery) {
	tx.Later(sqldb.Statement{SQL: `insert into alarm_delivery (alarm, destination, attempts, status, answer, updated) values ($1, $2, $3, $4, $5, $6)
		on conflict (alarm, destination) do update set attempts = excluded.attempts, status = excluded.status, answer = excluded.answer, updated = excluded.updated`,
		Args: []any{d.Alarm, d.Destination, d.Attempts, d.Status, d.Answer, d.Updated.Micro()}}, nil)
}

// Deliveries returns the state of an alarm's delivery to each address.
func (tx *Tx) Deliveries(alarm string) ([]Delivery, error) {
	return sqldb.All(tx.Tx, func(r sqldb.Row) (Delivery, error) {
		var d Delivery
		var updated int64
		err := r.Scan(&d.Alarm, &d.Destination, &d.Attempts, &d.Status, &d.Answer, &updated)
		d.Updated = canonical.FromMicro(updated)
		return d, err
	}, `select alarm, destination, attempts, status, answer, updated from alarm_delivery where alarm = $1 order by destination`, alarm)
}

// DisableDestination notes that an address wants no more alarms.
func (tx *Tx) DisableDestination(id string, at canonical.Time) {
	tx.Later(sqldb.Statement{SQL: `insert into alarm_destination (id, disabled) values ($1, $2) on conflict (id) do nothing`, Args: []any{id, at.Micro()}}, nil)
}

// Disabled returns since when an address wants no more alarms; zero if it wants them.
func (tx *Tx) Disabled(id string) (canonical.Time, error) {
	var at int64
	err := tx.QueryRow(`select coalesce(max(disabled), 0) from alarm_destination where id = $1`, id).Scan(&at)
	if err != nil || at == 0 {
		return canonical.Time{}, err
	}
	return canonical.FromMicro(at), nil
}
