package incident_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/incident"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
)

// read enters, in one batch, that a rule has read these subjects as critical.
func (e *evening) read(ids ...string) {
	e.t.Helper()
	var openings []ledger.Opening
	var subjects []canonical.Digest
	for i, id := range ids {
		o, d := e.field(proof.SealedNth(i), "plaza:"+id)
		openings, subjects = append(openings, o), append(subjects, d)
	}
	now := canonical.At(e.Now())
	request := strings.Replace(e.NewRequestID(), proof.RequestPrefix, proof.BreachPrefix, 1)
	e.record(proof.Execution{Kind: proof.KindTiers, Duty: proof.DutyWatch, Request: request, Text: "The account has a million followers or more.",
		Sight: &proof.Sight{Platform: "plaza", Tier: actions.Critical, Seen: now, Why: "tiers.plaza.2", Count: int64(len(ids)), Root: proof.TiersRoot(actions.Critical, subjects), Chain: e.State().Next}}, openings...)
}

// alone has one person take down, alone, what rules once read as critical, and plays it
// as an incident.
func alone(t testing.TB, fallen bool) *evening {
	e := begin(t)
	e.read("acct/8", subject.ID)
	if fallen {
		if _, err := e.TryChange(actions.DeskChange, actions.Setting{Of: actions.PartTiers, Raise: &actions.Raise{Subject: platform.Subject{Platform: "plaza", ID: subject.ID},
			From: actions.Standard, To: actions.Standard, Fall: actions.Critical}}, e.Officers[0], e.Officers[1:]...); err != nil {
			t.Fatal(err)
		}
		e.newest()
	}
	e.Advance(time.Hour)
	r := e.Request("bob", actions.AccountTakedown, subject, actions.Standard)
	asked := e.entry("request", e.asking(r, actions.StatusApproved, actions.Need{}), map[string]string{"subject": subject.String(), "handle": subject.Handle})
	e.warrants = append(e.warrants, e.Warrant(r))
	e.newest()
	e.report = incident.Report{Incident: incident.Incident{ID: inc, Status: incident.Open, Cause: incident.Contested, Request: r.ID, Subject: subject, Tier: actions.Standard, By: "ole"},
		Timeline: []incident.Moment{{Source: incident.FromLedger, Entry: asked}}, Attribution: incident.Attribution{Worker: "bob", Key: e.PublicKey("bob").ID()}}
	return e
}

// TestWarrantBelowItsTier: a bundle whose warrant was ruled by a lower tier than the
// ledger's own entries give is refused, and one that holds no such entries says so.
func TestWarrantBelowItsTier(t *testing.T) {
	t.Parallel()
	e := alone(t, false)
	if _, err := incident.Verify(e.bundle(true), e.trust()); !fault.Is(err, "lower-tier") || !strings.Contains(err.Error(), "plaza:"+subject.ID+" was critical") {
		t.Errorf("a warrant for a standard subject that was critical: %v", err)
	}
	tiers := func(e *evening) []incident.Claim {
		t.Helper()
		v, err := incident.Verify(e.bundle(true), e.trust())
		if err != nil {
			t.Fatal(err)
		}
		return slices.DeleteFunc(v.Claims, func(c incident.Claim) bool { return !strings.HasPrefix(c.What, "The tier that the warrant of ") })
	}
	if c := tiers(alone(t, true)); len(c) != 1 || !c[0].Proven || !strings.Contains(c[0].How, "1 entries") {
		t.Errorf("after its fall: %+v", c)
	}
	// The desk leaves the batch out.
	for index := range e.about {
		if all := e.Entries(); all[index].Body.Kind == proof.KindTiers {
			delete(e.about, index)
			e.openings = slices.DeleteFunc(e.openings, func(o incident.FieldOf) bool { return o.Index == index })
		}
	}
	if c := tiers(e); len(c) != 1 || c[0].Proven || !strings.Contains(c[0].How, "no entries were at hand") {
		t.Errorf("without the batch: %+v", c)
	}
}
