package proof_test

import (
	"fmt"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/workforce"
)

func endProgram(id string) actions.Setting {
	return actions.Setting{Of: actions.PartPrograms, Program: &actions.Program{Op: actions.ProgramEnd, ID: id}}
}

func handOver(id string, to workforce.WorkerID) actions.Setting {
	return actions.Setting{Of: actions.PartPrograms, Program: &actions.Program{Op: actions.ProgramHandOver, ID: id, Owner: to}}
}

// TestProgramStands: a program stands from its admission on while its owner is engaged, until
// a change ends it. A hand-over keeps it standing when its owner leaves.
func TestProgramStands(t *testing.T) {
	w := prooftest.Staffed(t)
	if _, err := w.State().Program("scout", w.Now()); !fault.Is(err, "no-such-program") {
		t.Errorf("before it was added: %v", err)
	}
	add, _ := w.Program("scout", "ann")
	w.Change(actions.DeskChange, add)
	p, err := w.State().Program("scout", w.Now())
	if err != nil || p.Owner != "ann" || p.Rate != 600 || p.Key.ID() != add.Program.Key.ID() {
		t.Fatalf("it stands as %+v, %v", p, err)
	}
	before := w.State()
	w.End("ann")
	_, err = w.State().Program("scout", w.Now())
	refusedAs(t, err, "program-without-owner", "countersign program hand-over scout --owner WORKER")
	if _, err := before.Program("scout", w.Now()); err != nil {
		t.Errorf("a state of before changed too: %v", err)
	}
	w.Change(actions.DeskChange, handOver("scout", "ada"))
	if p, err = w.State().Program("scout", w.Now()); err != nil || p.Owner != "ada" || p.Rate != 600 {
		t.Errorf("after the hand-over it stands as %+v, %v", p, err)
	}
	before = w.State()
	if _, err := w.TryChange(actions.DeskChange, endProgram("scout"), "ada"); err != nil {
		t.Fatalf("one officer alone ends it: %v", err)
	}
	_, err = w.State().Program("scout", w.Now())
	refusedAs(t, err, "program-ended", "does not come back")
	if _, err := before.Program("scout", w.Now()); err != nil {
		t.Errorf("the end reached a state of before: %v", err)
	}
}

// TestProgramChanges: what the chain refuses of a program, whoever signs it.
func TestProgramChanges(t *testing.T) {
	w := prooftest.Staffed(t)
	scout, _ := w.Program("scout", "ann")
	w.Change(actions.DeskChange, scout)
	gone, _ := w.Program("gone", "ann")
	w.Change(actions.DeskChange, gone)
	w.Change(actions.DeskChange, endProgram("gone"))
	edit := func(id string, owner workforce.WorkerID, change func(*actions.Program)) actions.Setting {
		s, _ := w.Program(id, owner)
		change(s.Program)
		return s
	}
	for name, c := range map[string]struct {
		change    actions.Setting
		typ, what string
	}{
		"a name in use":                {edit("scout", "ann", func(*actions.Program) {}), "wrong-state", "never used again"},
		"a name that was used":         {edit("gone", "ann", func(*actions.Program) {}), "wrong-state", "never used again"},
		"a worker's name":              {edit("bob", "ann", func(*actions.Program) {}), "wrong-state", "bob is a worker"},
		"an owner who is not there":    {edit("new", "nobody", func(*actions.Program) {}), "no-such-worker", "nobody"},
		"a platform that is not there": {edit("new", "ann", func(p *actions.Program) { p.Platforms = []string{"elsewhere", "plaza"} }), "no-such-platform", "elsewhere"},
		"a worker's key": {edit("new", "ann", func(p *actions.Program) {
			p.Key = w.PublicKey("bob")
			p.Key.Hardware = false
		}), "wrong-state", "enrolled for bob"},
		"another program's key":     {edit("new", "ann", func(p *actions.Program) { p.Key, p.Possession = scout.Program.Key, scout.Program.Possession }), "wrong-state", "the program scout"},
		"the proof of another":      {edit("new", "ann", func(p *actions.Program) { p.ID = "newer" }), "no-possession", "program key make FILE --program newer"},
		"an unknown program":        {endProgram("new"), "no-such-program", "new"},
		"the end of what is ended":  {endProgram("gone"), "wrong-state", "was ended"},
		"a hand-over of one ended":  {handOver("gone", "ada"), "wrong-state", "was ended"},
		"a hand-over to the owner":  {handOver("scout", "ann"), "wrong-state", "owned by ann already"},
		"a hand-over to a stranger": {handOver("scout", "nobody"), "no-such-worker", "nobody"},
	} {
		_, err := w.TryChange(actions.DeskChange, c.change, "ada", "bea", "cem")
		f := fault.As(err)
		if f == nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		refusedAs(t, f, c.typ, c.what)
	}

	// A key signs for one principal.
	e := w.Enrolment("bob")
	e.Key = scout.Program.Key
	_, err := w.TryChange(actions.DeskKey, actions.Keys{Enrol: []actions.Enrolment{e}}, "ada", "bea", "cem")
	refusedAs(t, err, "wrong-state", "that of the program scout")

	old := prooftest.Found(t, prooftest.Options{Formats: actions.FirstFormats})
	old.Staff()
	early, _ := old.Program("scout", "ann")
	_, err = old.TryChange(actions.DeskChange, early, "ada", "bea", "cem")
	refusedAs(t, err, "wrong-state", "formats 2")
}

// TestProgramNeedsSeveral: to add a program, and to hand it over, takes the signatures of a
// change of the desk; one person alone ends it, and not many an hour.
func TestProgramNeedsSeveral(t *testing.T) {
	w := prooftest.Staffed(t)
	scout, _ := w.Program("scout", "ann")
	for _, c := range []actions.Setting{scout, handOver("scout", "ada")} {
		_, err := w.TryChange(actions.DeskChange, c, "ada")
		refusedAs(t, err, "held", "")
		w.Change(actions.DeskChange, c)
	}
	if scout.Direction() != actions.Burdening || endProgram("scout").Direction() != actions.Relieving {
		t.Error("adding burdens and ending relieves")
	}
	names := []string{"a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8", "a9", "b1", "b2"}
	for _, name := range names {
		c, _ := w.Program(name, "ann")
		w.Change(actions.DeskChange, c)
	}
	for i, name := range names {
		_, err := w.TryChange(actions.DeskChange, endProgram(name), "ada")
		if most := int(w.State().Trust.EndingsPerHour); i < most && err != nil || i >= most && !fault.Is(err, "budget-spent") {
			t.Errorf("end %d in an hour: %v", i+1, err)
		}
	}
	w.Advance(time.Hour)
	if _, err := w.TryChange(actions.DeskChange, endProgram("b2"), "ada"); err != nil {
		t.Errorf("an hour later: %v", err)
	}
}

// TestWhoEndsPrograms: one person alone ends an own program, and others' as the policy and
// the laws on ending say.
func TestWhoEndsPrograms(t *testing.T) {
	w := prooftest.Staffed(t)
	n := 0
	program := func(owner workforce.WorkerID) string {
		n++
		id := fmt.Sprintf("scout-%d", n)
		c, _ := w.Program(id, owner)
		w.Change(actions.DeskChange, c)
		return id
	}
	for name, c := range map[string]struct {
		by, owner workforce.WorkerID
		what      string // of the refusal; empty: it is ended
	}{
		"an officer":                      {"ada", "ann", ""},
		"somebody on call":                {"ole", "ann", ""},
		"a lead, one's own":               {"lee", "lee", ""},
		"a lead who is not above":         {"sue", "ann", "does not report to sue"},
		"a contractor, another company's": {"lee", "ann", "of another company"},
		"an employee who is a lead":       {"kim", "ann", "does not report to kim"},
	} {
		_, err := w.TryChange(actions.DeskChange, endProgram(program(c.owner)), c.by)
		if c.what == "" && err != nil {
			t.Errorf("%s: %v", name, err)
		} else if c.what != "" {
			refusedAs(t, err, "not-yours-to-end", c.what)
		}
	}
	below := record("nim", "acme", "sue")
	below.Roles = []workforce.Role{workforce.Agent}
	w.Admit(below)
	if _, err := w.TryChange(actions.DeskChange, endProgram(program("nim")), "sue"); err != nil {
		t.Errorf("a lead, of somebody below: %v", err)
	}
	left := program("ann")
	w.End("ann")
	if _, err := w.TryChange(actions.DeskChange, endProgram(left), "kim"); err != nil {
		t.Errorf("a lead, after the owner left: %v", err)
	}
}
