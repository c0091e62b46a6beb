package plaza

import (
	"fmt"
	"strings"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/sqldb"
)

// Measure is something of the staff's that stands on an account or a post, as its owner
// reads it.
type Measure struct {
	Layer     string         `json:"layer"` // visibility, limit or label:VALUE
	Status    Status         `json:"status"`
	Title     string         `json:"title"`
	Reason    string         `json:"reason"`
	Reference string         `json:"reference"`      // the mark; empty if none was left
	Since     canonical.Time `json:"since,omitzero"` // absent: not known
	Until     canonical.Time `json:"until,omitzero"` // when it is to end; absent: not said
}

// OwnPost is a post with what stands on it.
type OwnPost struct {
	ID       string    `json:"id"`
	Text     string    `json:"text"`
	Measures []Measure `json:"measures"`
}

// ownPostsMost is the number of posts that an owner is shown with what stands on them,
// the newest first.
const ownPostsMost = 100

// byStaff returns true if the status of an account is a measure of the staff's, and not
// its owner's choice.
func (a account) byStaff() bool {
	return a.status == Down || a.status == Deactivated && (a.mark != "" || a.off.by != "" && !strings.HasPrefix(a.off.by, "@"))
}

// measure describes a status other than up.
func (sp span) measure(status Status, mark, title, reason string) Measure {
	return Measure{Layer: "visibility", Status: status, Title: title, Reason: reason, Reference: mark, Since: sp.since, Until: sp.until}
}

// accountMeasures lists what stands on an account.
func (s *Server) accountMeasures(a account, layers []standing) []Measure {
	all := []Measure{}
	switch {
	case !a.byStaff():
	case a.status == Down:
		all = append(all, a.span.measure(a.status, a.mark, "Taken down", "Plaza’s staff took this account down. Its profile and posts are not shown."))
	default:
		all = append(all, a.span.measure(a.status, a.mark, "Deactivated", "Plaza’s staff switched this account off. Its profile and posts are not shown."))
	}
	return append(all, s.layerMeasures(layers, "Posts of this account are not in the public timeline, and it is not in search and suggestions. It stays at its address and with its followers.")...)
}

// postMeasures lists what stands on a post.
func (s *Server) postMeasures(p post, layers []standing) []Measure {
	all := []Measure{}
	if p.status == Down {
		all = append(all, p.span.measure(p.status, p.mark, "Removed", "Plaza’s staff removed this post. It is not shown."))
	}
	return append(all, s.layerMeasures(layers, "This post is not in the public timeline and in search. It stays at its address and with your followers.")...)
}

func (s *Server) layerMeasures(layers []standing, limited string) []Measure {
	var all []Measure
	for _, l := range layers {
		m := Measure{Layer: string(l.Layer), Status: l.Status, Reference: l.Mark, Since: canonical.At(l.since), Until: canonical.At(l.until)}
		if value, ok := l.Layer.Label(); ok {
			text := s.labelText(value)
			m.Title, m.Reason = text.Title, text.Reason
		} else {
			m.Title, m.Reason = "Limited", limited
		}
		all = append(all, m)
	}
	return all
}

// ownPosts lists the posts of an account on which something stands.
func (s *Server) ownPosts(tx *sqldb.Tx, a account) ([]OwnPost, error) {
	posts, err := sqldb.All(tx, func(row sqldb.Row) (post, error) {
		var p postRow
		err := row.Scan(p.into()...)
		return p.read(), err
	}, `select `+postColumns+` from post p where p.account = $1 and (p.status = 'down'
		or p.status = 'up' and exists (select 1 from post_layer l where l.post = p.id))
		order by p.created desc, p.id desc limit $2`, a.number, ownPostsMost)
	if err != nil {
		return nil, fmt.Errorf("reading what stands on posts: %w", err)
	}
	var numbers []int64
	for _, p := range posts {
		numbers = append(numbers, p.number)
	}
	layers, err := layersAmong(tx, Content, numbers)
	if err != nil {
		return nil, err
	}
	all := []OwnPost{}
	for _, p := range posts {
		all = append(all, OwnPost{subjectID{Content, p.number}.String(), p.text, s.postMeasures(p, layers[p.number])})
	}
	return all, nil
}

// measureView is a measure as a page shows it.
type measureView struct {
	Title, Reason, Reference string
	Since, Until             string
	Late                     bool // the planned end is over
}

func viewMeasures(list []Measure, now time.Time) []measureView {
	var all []measureView
	for _, m := range list {
		v := measureView{Title: m.Title, Reason: m.Reason, Reference: m.Reference}
		if !m.Since.IsZero() {
			v.Since = viewTime(m.Since.Time)
		}
		if !m.Until.IsZero() {
			v.Until, v.Late = viewTime(m.Until.Time), m.Until.Before(now)
		}
		all = append(all, v)
	}
	return all
}
