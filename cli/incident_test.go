package cli

import (
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/incident"
	"countersign.dev/platform"
)

// TestUndoSince: with a time only what was signed from then on is chosen, of a session and of
// all that those involved signed.
func TestUndoSince(t *testing.T) {
	session := canonical.Sum([]byte("a session"))
	var r v1.IncidentReport
	for i, under := range []canonical.Digest{session, {}, session, {}} {
		r.Touched = append(r.Touched, incident.Touched{Request: []string{"req_a", "req_b", "req_c", "req_d"}[i], Kind: actions.AccountTakedown, Status: actions.StatusExecuted,
			At: canonical.At(noon.Add(time.Duration(i) * time.Minute)), As: "requester", Session: under})
	}
	for _, c := range []struct {
		since   time.Duration // from noon
		session canonical.Digest
		want    []string
	}{
		{0, canonical.Digest{}, []string{"req_a", "req_b", "req_c", "req_d"}},
		{time.Minute, canonical.Digest{}, []string{"req_b", "req_c", "req_d"}},
		{0, session, []string{"req_a", "req_c"}},
		{time.Minute, session, []string{"req_c"}},
		{time.Hour, session, nil},
	} {
		at := noon.Add(c.since)
		undo := incidentUndo{All: c.session.IsZero(), Since: moment{given: at.Format(time.RFC3339), at: at}}
		got, err := undo.choose(t.Context(), deskClient{}, r, c.session)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("since %s: %v, %v, not %v", at, got, err, c.want)
		}
	}
}

// TestAgain: the command that asks for a measure again is whole, and a shell reads it as it
// was meant.
func TestAgain(t *testing.T) {
	subject := platform.Subject{Platform: "plaza", ID: "acct/17"}
	for want, a := range map[string]actions.Action{
		"countersign action request account.takedown plaza:acct/17 --reason WHY":                                                         {Kind: actions.AccountTakedown},
		"countersign action request account.takedown plaza:acct/17 --reason WHY --case C-3001 --category legal":                          {Kind: actions.AccountTakedown, Case: "C-3001", Category: actions.CategoryLegal},
		"countersign action request account.suspend plaza:acct/17 --reason WHY --until " + noon.Add(time.Hour).Format(time.RFC3339) + "": {Kind: actions.AccountSuspend, Until: canonical.At(noon.Add(time.Hour))},
		`countersign action request content.remove plaza:acct/17 --reason WHY --case 'Dan'\''s $(mail)'`:                                 {Kind: actions.ContentRemove, Case: "Dan's $(mail)"},
		"": {Kind: actions.AccountSuspend, Until: canonical.At(noon)}, // its time is over
	} {
		a.Subject = subject
		if got := again(v1.Request{Action: a}, noon); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}

// TestLiftOfABreachIsShown: an incident about what was done around the desk shows the command
// that lifts it, in its layer, as long as it stands.
func TestLiftOfABreachIsShown(t *testing.T) {
	for _, c := range []struct {
		layer platform.Layer
		kind  actions.Kind
		on    string
		want  string
	}{
		{platform.VisibilityLayer, actions.AccountTakedown, "acct/2", "  countersign action request account.restore plaza:acct/2 --reason WHY\n"},
		{platform.LimitLayer, actions.ContentLimit, "post/2", "  countersign action request content.unlimit plaza:post/2 --reason WHY\n"},
		{platform.LabelLayer("spam"), actions.AccountLabel, "acct/2", "  countersign action request account.unlabel plaza:acct/2 --value spam --reason WHY\n"},
	} {
		r := v1.IncidentReport{Exposure: []incident.Exposed{{Kind: c.kind}}}
		r.Incident.Breach, r.Incident.Layer, r.Incident.Subject = "brc_1", c.layer.String(), platform.Subject{Platform: "plaza", ID: c.on, Handle: "@old"}
		for _, over := range []bool{false, true} {
			if over {
				r.Up = canonical.At(noon)
			}
			p := &Page{}
			describeReport(p, r)
			if strings.Contains(p.String(), c.want) == over {
				t.Errorf("over %v, the page shows the command or not:\n%s", over, p)
			}
		}
	}
}
