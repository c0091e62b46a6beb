package plaza

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/sqldb"
)

// Layer is one of the things that can stand on a subject, each with a status, a mark and
// a revision of its own: its visibility, a limit of its reach, and each label.
type Layer string

// The layers that have no value.
const (
	// VisibilityLayer is what State.Status says. Commands and state documents do not name it.
	VisibilityLayer Layer = ""
	// LimitLayer keeps a subject out of the public timeline, search and suggestions.
	LimitLayer Layer = "limit"
)

const labelPrefix = "label:"

// LabelLayer returns the layer of a label.
func LabelLayer(value string) Layer { return Layer(labelPrefix + value) }

// Label returns the value of a label's layer; false for other layers.
func (l Layer) Label() (string, bool) { return strings.CutPrefix(string(l), labelPrefix) }

// clear is the status of a layer that does not stand.
func (l Layer) clear() Status {
	switch l {
	case VisibilityLayer:
		return Up
	case LimitLayer:
		return NoLimit
	}
	return Unset
}

// mostLabels is the largest number of labels that may stand on a subject.
const mostLabels = 20

var labelForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)

// LabelText is a label that staff may set, with what the public reads of it.
type LabelText struct {
	Value  string // lower-case letters, digits and dashes
	Title  string
	Reason string // one sentence
}

// Labels are the labels that plaza offers unless it is told others.
var Labels = []LabelText{
	{graphicLabel, "Graphic", "Pictures or words here show violence, injury or death."},
	{"impersonation", "Impersonation", "This may be taken for a person or an organisation that it is not."},
	{"misleading", "Misleading", "This says something that reliable sources contradict."},
	{sensitiveLabel, "Sensitive", "Pictures or words here show nudity, or something else that not everybody wants to see."},
	{"spam", "Spam", "This repeats itself, or leads people to places that they did not ask for."},
}

// The labels that veil pictures.
const (
	graphicLabel   = "graphic"
	sensitiveLabel = "sensitive"
)

// offered sorts the labels that may be set. The lists are written in the program, so that
// a value of another form is a mistake in it.
func offered(list []LabelText) []LabelText {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b LabelText) int { return strings.Compare(a.Value, b.Value) })
	for i, l := range list {
		if !labelForm.MatchString(l.Value) || i > 0 && list[i-1].Value == l.Value {
			panic(fmt.Sprintf("plaza: a label may not be called %q", l.Value))
		}
	}
	return list
}

// labelValues lists the values of the labels that may be set.
func (s *Server) labelValues() []string {
	values := []string{}
	for _, l := range s.labels {
		values = append(values, l.Value)
	}
	return values
}

// labelText returns the words for a label that stands. A label that is not offered any
// more has its value as its title.
func (s *Server) labelText(value string) LabelText {
	for _, l := range s.labels {
		if l.Value == value {
			return l
		}
	}
	return LabelText{value, value, "Plaza’s staff set this label."}
}

// Stood is a layer that stands on a subject.
type Stood struct {
	Layer  Layer  `json:"layer"`
	Status Status `json:"status"`
	Mark   string `json:"mark"`
	Rev    string `json:"rev"` // changes with each change of this layer, and of no other
}

// standing is a Stood with the times that the public and the owner are told.
type standing struct {
	Stood
	since time.Time
	until time.Time // the planned end; zero: not said
}

// at returns a layer of a subject. One that does not stand has the clear status, no mark
// and no revision.
func (st State) at(l Layer) Stood {
	if l == VisibilityLayer {
		return Stood{Status: st.Status, Mark: st.Mark, Rev: st.Rev}
	}
	for _, stood := range st.Layers {
		if stood.Layer == l {
			return stood
		}
	}
	return Stood{Layer: l, Status: l.clear()}
}

// with returns the layers after one of them has changed. The list of st stays as it is.
func (st State) with(now Stood) []Stood {
	var all []Stood
	for _, stood := range st.Layers {
		if stood.Layer != now.Layer {
			all = append(all, stood)
		}
	}
	if now.Status != now.Layer.clear() {
		all = append(all, now)
	}
	slices.SortFunc(all, func(a, b Stood) int { return strings.Compare(string(a.Layer), string(b.Layer)) })
	return all
}

// labelsOn counts the labels that stand on a subject.
func (st State) labelsOn() int {
	n := 0
	for _, stood := range st.Layers {
		if _, ok := stood.Layer.Label(); ok {
			n++
		}
	}
	return n
}

// layerTable returns the table of layers of a sort, and its column with the subject.
func layerTable(sort Sort) (table, column string) {
	if sort == Account {
		return "account_layer", "account"
	}
	return "post_layer", "post"
}

const layerColumns = `l.name, l.mark, l.rev, l.since, l.planned_end`

func scanLayer(row scanner, subject *int64) (standing, error) {
	var l standing
	var rev, since, until int64
	err := row.Scan(subject, &l.Layer, &l.Mark, &rev, &since, &until)
	l.Status, l.Rev, l.since, l.until = IsSet, strconv.FormatInt(rev, 10), canonical.FromMicro(since).Time, canonical.FromMicro(until).Time
	if l.Layer == LimitLayer {
		l.Status = Limited
	}
	return l, err
}

// layersBetween reads the layers that stand on the subjects of a sort whose numbers lie
// between two, both of them included.
func layersBetween(tx *sqldb.Tx, sort Sort, first, last int64) (map[int64][]standing, error) {
	table, column := layerTable(sort)
	return readLayers(tx, `select l.`+column+`, `+layerColumns+` from `+table+` l
		where l.`+column+` between $1 and $2 order by l.`+column+`, l.name`, first, last)
}

// layersAmong reads the layers that stand on some subjects of a sort.
func layersAmong(tx *sqldb.Tx, sort Sort, numbers []int64) (map[int64][]standing, error) {
	if len(numbers) == 0 {
		return nil, nil
	}
	args := []any{}
	for _, n := range numbers {
		args = append(args, n)
	}
	table, column := layerTable(sort)
	return readLayers(tx, `select l.`+column+`, `+layerColumns+` from `+table+` l
		where l.`+column+` in (`+sqldb.Places(1, len(args))+`) order by l.`+column+`, l.name`, args...)
}

func readLayers(tx *sqldb.Tx, query string, args ...any) (map[int64][]standing, error) {
	rows, err := tx.Query(query, args...)
	if err != nil {
		return nil, fmt.Errorf("reading layers: %w", err)
	}
	defer rows.Close()
	all := map[int64][]standing{}
	for rows.Next() {
		var subject int64
		l, err := scanLayer(rows, &subject)
		if err != nil {
			return nil, fmt.Errorf("reading layers: %w", err)
		}
		all[subject] = append(all[subject], l)
	}
	return all, rows.Err()
}

// layersOf reads the layers that stand on a subject, in the order of their names.
func layersOf(tx *sqldb.Tx, id subjectID) ([]standing, error) {
	all, err := layersBetween(tx, id.sort, id.number, id.number)
	return all[id.number], err
}

// told leaves out what the staff API does not tell.
func told(list []standing) []Stood {
	var all []Stood
	for _, l := range list {
		all = append(all, l.Stood)
	}
	return all
}

// eraseLayers removes the layers of a deleted subject, and of an account's posts.
func eraseLayers(tx *sqldb.Tx, id subjectID) error {
	if id.sort == Account {
		if _, err := tx.Exec(`delete from account_layer where account = $1`, id.number); err != nil {
			return err
		}
		_, err := tx.Exec(`delete from post_layer where post in (select id from post where account = $1)`, id.number)
		return err
	}
	_, err := tx.Exec(`delete from post_layer where post = $1`, id.number)
	return err
}

// inOrder makes a change wait until the changes before it are committed, and those after
// it wait for this one. Only so do its reads see all other layers of the subject, and
// only so are labels counted right. On SQLite the transaction is alone anyway. Every
// change that numbers an event comes here first, so that no two wait for each other.
func inOrder(tx *sqldb.Tx) error {
	if tx.Dialect().ForUpdate() == "" {
		return nil
	}
	var last int64
	if err := tx.QueryRow(`select last from counter where name = 'event'` + tx.Dialect().ForUpdate()).Scan(&last); err != nil {
		return fmt.Errorf("waiting for the changes before: %w", err)
	}
	return nil
}

// cover sets or lifts one layer of a subject and records the event, in the name of by.
// Nothing else of the subject changes. The number of the event is the revision: no other
// change has the same one.
func (s *Server) cover(tx *sqldb.Tx, by string, id subjectID, before State, layer Layer, leave left, now time.Time) (State, error) {
	was, is := before.at(layer), Stood{Layer: layer, Status: leave.status, Mark: leave.mark}
	n, err := announce(tx, announcement{layerEvent, Event{Subject: before.ID, Handle: before.Handle, Layer: layer,
		Status: is.Status, Mark: is.Mark, By: by, At: canonical.At(now)}}, s.backlog)
	if err != nil {
		return State{}, fmt.Errorf("recording the change of %s: %w", id, err)
	}
	is.Rev = strconv.FormatInt(n, 10)
	table, column := layerTable(id.sort)
	var touched int64
	switch {
	case is.Status == layer.clear():
		touched, err = tx.Exec(`delete from `+table+` where `+column+` = $1 and name = $2 and rev = $3`, id.number, string(layer), revision(was))
	case was.Status == layer.clear():
		touched, err = tx.Exec(`insert into `+table+` (`+column+`, name, mark, rev, since, planned_end) values ($1, $2, $3, $4, $5, $6)
			on conflict (`+column+`, name) do nothing`, id.number, string(layer), is.Mark, n, now.UnixMicro(), leave.until.Micro())
	default:
		touched, err = tx.Exec(`update `+table+` set mark = $1, rev = $2, planned_end = $3 where `+column+` = $4 and name = $5 and rev = $6`,
			is.Mark, n, leave.until.Micro(), id.number, string(layer), revision(was))
	}
	if err != nil {
		return State{}, fmt.Errorf("changing %s of %s: %w", layer, id, err)
	}
	if touched != 1 {
		return State{}, sqldb.ErrAgain // another process was faster
	}
	after := before
	after.Layers = before.with(is)
	return after, nil
}

// revision is the number that a layer's revision spells; 0 for one that does not stand,
// which no row has.
func revision(l Stood) int64 {
	n, err := strconv.ParseInt(l.Rev, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// warningTitle is what an owner reads above every warning.
const warningTitle = "A warning from Plaza’s staff"

// longestWarning is the number of characters that a warning may have.
const longestWarning = 5000

// checkWarning demands that a warning shows something and is plain text.
func checkWarning(text string) error {
	visible := strings.ContainsFunc(text, func(r rune) bool { return unicode.In(r, unicode.L, unicode.N, unicode.P, unicode.S) })
	if !visible || !within(text, 1, longestWarning) || strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' }) {
		return fault.New(fault.Invalid, "bad-command", "The text of a warning has 1 to %d characters that people can read, and no control characters but line feeds.", longestWarning)
	}
	return nil
}

// warn puts a warning before the holder of an account. It changes nothing of the account.
func (s *Server) warn(tx *sqldb.Tx, holder, key string, id subjectID, text string, now time.Time) error {
	number, err := next(tx, "notice", 1)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`insert into notice (id, account, holder, warning, key, digest, title, body, created)
		values ($1, $2, $3, $4, $5, '', $6, $7, $8)`, number, id.number, holder, true, key, warningTitle, text, now.UnixMicro())
	if err != nil {
		return fmt.Errorf("warning %s: %w", id, err)
	}
	return nil
}
