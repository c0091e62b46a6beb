package store

import (
	"fmt"
	"strings"

	"countersign.dev/canonical"
	"countersign.dev/platform"
	"countersign.dev/sqldb"
)

// Sighting is one of the executor's records of what its watch saw, or of a restoration.
// Data is the record as it was signed.
type Sighting struct {
	Executor string
	Sequence int64
	Kind     string
	Breach   string // empty: the record is about no breach
	Platform string
	Subject  string // identifier on the platform; empty: about many subjects, or none
	Tier     string
	Layer    platform.Layer // of the state that was seen
	At       canonical.Time // by the executor's clock
	Data     []byte
}

// InsertSighting stores a record of the watch. It comes after InsertExecution of the same
// record, which fails the change if the record is not the executor's next.
func (tx *Tx) InsertSighting(s Sighting) {
	tx.Later(sqldb.Statement{SQL: `insert into sighting (executor, sequence, kind, breach, platform, subject, tier, at, layer)
		select $1, $2, $3, $4, $5, $6, $7, $8, $9 where exists (select 1 from execution where executor = $1 and sequence = $2)
		on conflict (executor, sequence) do nothing`,
		Args: []any{s.Executor, s.Sequence, s.Kind, s.Breach, s.Platform, s.Subject, s.Tier, s.At.Micro(), s.Layer.String()}}, nil)
}

const sightingColumns = `s.executor, s.sequence, s.kind, s.breach, s.platform, s.subject, s.tier, s.at, s.layer, e.data`

func scanSighting(row sqldb.Row) (Sighting, error) {
	var s Sighting
	var at int64
	var layer string
	err := row.Scan(&s.Executor, &s.Sequence, &s.Kind, &s.Breach, &s.Platform, &s.Subject, &s.Tier, &at, &layer, &s.Data)
	s.At = canonical.FromMicro(at)
	if err == nil {
		s.Layer, err = platform.ParseLayer(layer)
	}
	return s, err
}

// SightingFilter chooses sightings; empty members choose all.
type SightingFilter struct {
	Kind     string
	Platform string
	Subject  string
	Layer    string // the text of a layer
	Before   int64  // sequence; 0: from the newest
	Limit    int
}

// Sightings returns the records of an executor's watch, newest first.
func (tx *Tx) Sightings(executor string, f SightingFilter) ([]Sighting, error) {
	q := []string{"select " + sightingColumns + ` from sighting s join execution e on e.executor = s.executor and e.sequence = s.sequence
		where s.executor = $1 and (cast($2 as bigint) = 0 or s.sequence < $2)`}
	args := []any{executor, f.Before}
	for _, c := range []struct{ column, value string }{{"kind", f.Kind}, {"platform", f.Platform}, {"subject", f.Subject}, {"layer", f.Layer}} {
		if c.value != "" {
			args = append(args, c.value)
			q = append(q, fmt.Sprintf("and s.%s = $%d", c.column, len(args)))
		}
	}
	args = append(args, f.Limit)
	q = append(q, fmt.Sprintf("order by s.sequence desc limit $%d", len(args)))
	return sqldb.All(tx.Tx, scanSighting, strings.Join(q, " "), args...)
}

// SightingCounts returns how many records of each kind the watch has made.
func (tx *Tx) SightingCounts() (map[string]int64, error) {
	return tx.counts(`select kind, count(*) from sighting group by kind`)
}

// Execution returns the data of an executor's record; an error IsNotFound of
// sqldb if there is none.
func (tx *Tx) Execution(executor string, sequence int64) (data []byte, err error) {
	return data, tx.QueryRow(`select data from execution where executor = $1 and sequence = $2`, executor, sequence).Scan(&data)
}
