package web_test

import (
	"slices"
	"strings"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/desk/desktest"
	"countersign.dev/ledger/proof"
	"countersign.dev/web/webtest"
)

// TestPlacesByRole: the navigation, the palette and the keys have incidents for those who may read
// them and for nobody else; the palette says so when it finds nothing; and whoever works on no queue
// is offered no case.
func TestPlacesByRole(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	d.Passkeys("ann", "kim", "ole")
	d.StopExecutor()
	d.Enter(d.Breach("plaza:acct/1", actions.Critical), map[string]string{proof.SealedSubject: "plaza:acct/1"})
	agent := d.SignIn("ann")
	if slices.ContainsFunc(agent.Texts(".top nav a"), func(s string) bool { return strings.Contains(s, "Incidents") }) {
		t.Error("an agent is shown a page that the agent may not read")
	}
	if agent.Count("main [data-next]") != 1 {
		t.Error("an agent is offered no case")
	}
	agent.Press("Ctrl+k")
	agent.Type("#palette-field", "incident")
	agent.Wait("#palette-none")
	agent.WaitText("#palette-none", "Nothing found")

	reader := d.SignIn("kim")
	reader.Press("Ctrl+k")
	reader.Type("#palette-field", "incid")
	reader.WaitText("#palette-list", "Incidents")
	reader.Press("Enter")
	reader.WaitText("h1", "Incidents")
	ready(reader, "requests")
	reader.WaitText("main", "Down around the desk: a critical subject of plaza")
	reader.Press("j")
	reader.Press("Enter")
	reader.Wait("#incident")
	reader.Press("g")
	reader.Press("i")
	reader.WaitText("h1", "Incidents")
	called := d.SignIn("ole") // on call: judges no cases
	ready(called, "work")
	called.WaitText("main", "You work on no queue")
	if called.Count("main [data-next]") != 0 {
		t.Error("somebody who judges no cases is offered the next one")
	}
	called.Open("/queues")
	ready(called, "queues")
	if called.Count("main [data-next]") != 0 {
		t.Error("somebody who judges no cases is offered the next one of a queue")
	}
	called.Size(390)
	if !inSight(called, ".top nav a:last-child") {
		t.Error("on a phone, the navigation is cut off")
	}
}
