package policy

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/tools/txtar"

	"countersign.dev/actions"
	"countersign.dev/fault"
	"countersign.dev/platform"
	"countersign.dev/workforce"
)

// This file runs policy tests: a txtar archive whose every file is one test,
// named by what it shows, of lines "key: value". doc/policy.md lists the keys.

// Test runs the policy tests of one archive against the set and returns how many
// there were, and a detail for each that failed or could not be read.
func (s *Set) Test(name, text string) (int, []fault.Detail) {
	archive := txtar.Parse([]byte(text))
	var failures []fault.Detail
	seen := map[string]bool{}
	for _, f := range archive.Files {
		at := name + " " + strconv.Quote(f.Name)
		if seen[f.Name] {
			failures = append(failures, fault.Detail{At: at, Text: "another test has this name"})
			continue
		}
		seen[f.Name] = true
		t, err := parseScript(string(f.Data))
		if err == nil {
			err = t.run(s)
		}
		if err != nil {
			failures = append(failures, fault.Detail{At: at, Text: err.Error()})
		}
	}
	return len(archive.Files), failures
}

// script is one policy test, of a ruling or of a tier.
type script struct {
	facts       Facts
	countersign bool
	exposure    bool   // it tests who may read the exposure
	evidence    bool   // it tests who may read evidence
	casework    string // it tests work.queue, read.case, read.contact or read.people
	about       about
	verdict     Verdict
	need        actions.Need
	reasons     []string

	read     string // platform of a test of tiers
	sort     platform.Sort
	state    platform.State
	promised []platform.Fact
	owner    *platform.State
	tier     actions.Tier
}

func parseScript(text string) (script, error) {
	t := script{facts: Facts{Worker: Worker{ID: "somebody", Engaged: true, Employee: true}}}
	seen := map[string]bool{}
	var extra []string
	for i, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		key, value, ok := strings.Cut(line, ":")
		if !ok {
			return t, fmt.Errorf("line %d: %q is not a line such as verdict: held", i+1, line)
		}
		value = strings.TrimSpace(value)
		if seen[key] && key != "fact" && key != "owner" {
			return t, fmt.Errorf("line %d: %s is given twice", i+1, key)
		}
		seen[key] = true
		if key == "facts" { // read after request, which sets the facts that this line changes
			extra = strings.Fields(value)
			continue
		}
		if err := t.set(key, value); err != nil {
			return t, fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	for _, f := range extra {
		if err := t.fact(f); err != nil {
			return t, err
		}
	}
	of := 0
	for _, key := range []string{"request", "countersign", "exposure", "evidence", "queue", "case", "contact", "people", "read"} {
		if seen[key] {
			of++
		}
	}
	ruling := !seen["read"]
	switch {
	case of != 1:
		return t, fmt.Errorf("a test has one of request, countersign, exposure, evidence, queue, case, contact, people, read")
	case ruling && (!seen["verdict"] || !seen["worker"] || !seen["reasons"]):
		return t, fmt.Errorf("a test of a ruling has worker, verdict and reasons")
	case ruling && (t.verdict == Held) != seen["need"]:
		return t, fmt.Errorf("need is given exactly if the verdict is held")
	case !ruling && !seen["tier"]:
		return t, fmt.Errorf("a test of tiers has a tier")
	}
	return t, nil
}

func (t *script) set(key, value string) error {
	words := strings.Fields(value)
	switch key {
	case "worker":
		return t.worker(words)
	case "request", "countersign", "exposure":
		t.countersign, t.exposure = key == "countersign", key == "exposure"
		return t.readAct(words)
	case "evidence":
		if value != "" {
			return fmt.Errorf("evidence: stands alone, since it is read of the whole desk")
		}
		t.evidence = true
	case "queue", "case", "contact", "people":
		t.casework = key
		return t.readAbout(words)
	case "verdict":
		t.verdict = Verdict(value)
		if t.verdict != Forbidden && t.verdict != Permitted && t.verdict != Held {
			return fmt.Errorf("verdict is forbidden, permitted or held")
		}
	case "need":
		if value == "all founding officers" {
			t.need = actions.Need{All: true}
			return nil
		}
		h, err := parseHold(value)
		if err != nil {
			return err
		}
		var n needs
		n.add(h)
		t.need = n.total()
	case "reasons":
		slices.Sort(words)
		t.reasons = words
	case "read":
		if len(words) != 2 {
			return fmt.Errorf("read is a platform and account or content")
		}
		t.read, t.sort = words[0], platform.Sort(words[1])
	case "fact":
		return readFact(&t.state, value)
	case "owner":
		if t.owner == nil {
			t.owner = &platform.State{}
		}
		return readFact(t.owner, value)
	case "unread":
		for _, w := range words {
			t.state.Unread = append(t.state.Unread, platform.Fact(w))
		}
	case "promised":
		for _, w := range words {
			t.promised = append(t.promised, platform.Fact(w))
		}
	case "tier":
		t.tier = actions.Tier(value)
		if !slices.Contains(actions.Tiers, t.tier) {
			return fmt.Errorf("tier is standard, protected or critical")
		}
	default:
		return fmt.Errorf("%q is no key of a policy test", key)
	}
	return nil
}

func (t *script) worker(words []string) error {
	w := &t.facts.Worker
	for _, word := range words {
		name, value, _ := strings.Cut(word, "=")
		switch name {
		case "id":
			w.ID = workforce.WorkerID(value)
		case "vendor":
			w.Vendor, w.Employee = workforce.VendorID(value), false
		case "roles":
			roles, err := workforce.ParseRoles(value)
			if err != nil {
				return err
			}
			w.Roles = roles
		case "employee": // this line only informs the reader: a worker without vendor is an employee
		case "not-employee":
			w.Employee = false
		case "not-engaged":
			w.Engaged = false
		case "notice":
			w.InNotice = true
		case "ratchet":
			w.Ratchet = true
		case "newcomer":
			w.Newcomer = true
		default:
			return fmt.Errorf("%q is not a fact about a worker", word)
		}
	}
	return nil
}

func (t *script) readAct(words []string) error {
	f := &t.facts
	spec, ok := specs[actions.Kind(first(words))]
	switch {
	case !ok:
		return fmt.Errorf("%q is no kind of act", first(words))
	case spec.Desk && len(words) == 2:
		worker := f.Worker
		*f = DeskFacts(spec.Kind, actions.Burdening, words[1])
		f.Worker = worker
	case !spec.Desk && len(words) == 3:
		f.Kind, f.Direction, f.Effect, f.Verb = spec.Kind, spec.Direction, spec.Effect, spec.Verbs[0]
		f.Subject = Subject{Platform: words[1], Sort: spec.Sort, Tier: actions.Tier(words[2])}
	default:
		return fmt.Errorf("an act is KIND PLATFORM TIER, or a kind of the desk and a part")
	}
	return nil
}

func first(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return words[0]
}

func (t *script) fact(word string) error {
	f := &t.facts
	name, value, _ := strings.Cut(word, "=")
	switch name {
	case "case":
		f.CaseGiven = true
	case "lossy":
		f.Effect = actions.Lossy
	case "legal", "child-safety":
		f.Category = actions.Category(name)
	case "relieving":
		f.Direction = actions.Relieving
	case "founding":
		f.Founding = true
	case "lifts":
		f.Lifts = Lift(value)
	case "verb":
		f.Verb = platform.Verb(value)
	default:
		return fmt.Errorf("facts: %q is none of case, lossy, legal, child-safety, relieving, founding, lifts=…, verb=…", word)
	}
	return nil
}

// readAbout reads "spam highest language=de holds", or of people "own below".
func (t *script) readAbout(words []string) error {
	if t.casework != "people" {
		if len(words) == 0 {
			return fmt.Errorf("%s is the name of a queue, and what else there is to know", t.casework)
		}
		t.about.queue.Name, words = words[0], words[1:]
	}
	for _, word := range words {
		name, value, _ := strings.Cut(word, "=")
		switch a := &t.about; {
		case t.casework == "people" && name == "own":
			a.names.Own = true
		case t.casework == "people" && name == "below":
			a.names.Below = true
		case t.casework == "people":
			return fmt.Errorf("people: %q is neither own nor below", word)
		case name == "highest":
			a.queue.Highest = true
		case name == "language":
			a.queue.Language = value
		case t.casework == "queue":
			return fmt.Errorf("queue: %q is neither highest nor language=…", word)
		case name == "holds":
			a.task.Holds = true
		case name == "leads":
			a.task.Leads = true
		case name == "asked":
			a.task.Asked = true
		case name == "investigates":
			a.task.Investigates = true
		default:
			return fmt.Errorf("%s: %q is none of highest, language=…, holds, leads, asked, investigates", t.casework, word)
		}
	}
	return nil
}

// readFact reads "followers = 120000".
func readFact(st *platform.State, line string) error {
	name, value, ok := strings.Cut(line, "=")
	if !ok {
		return fmt.Errorf("a fact is a line such as fact: followers = 120000")
	}
	f, value := platform.Fact(strings.TrimSpace(name)), strings.TrimSpace(value)
	if st.Facts == nil {
		st.Facts = map[platform.Fact]any{}
	}
	if _, ok := st.Facts[f]; ok {
		return fmt.Errorf("the fact %s is given twice", f)
	}
	switch factForms[f] {
	case formNumber:
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return fmt.Errorf("%s is a whole number", f)
		}
		st.Facts[f] = n
	case formTruth:
		if value != "true" && value != "false" {
			return fmt.Errorf("%s is true or false", f)
		}
		st.Facts[f] = value == "true"
	case formText:
		st.Facts[f] = value
	default:
		return fmt.Errorf("the fact %q is unknown", f)
	}
	return nil
}

func (t *script) run(s *Set) error {
	if t.read != "" {
		tier, reasons := s.Tier(t.read, t.sort, t.state, t.promised, t.owner)
		if tier != t.tier {
			return fmt.Errorf("the tier is %s, expected %s (%s)", tier, t.tier, say(reasons))
		}
		return t.compare(reasons)
	}
	var r Ruling
	switch {
	case t.evidence:
		r = s.MayReadEvidence(t.facts.Worker)
	case t.casework == "queue":
		r = s.MayWorkQueue(t.facts.Worker, t.about.queue)
	case t.casework == "case":
		r = s.MayReadCase(t.facts.Worker, t.about.queue, t.about.task)
	case t.casework == "contact":
		r = s.MayReadContact(t.facts.Worker, t.about.queue, t.about.task)
	case t.casework == "people":
		r = s.MayReadPeople(t.facts.Worker, t.about.names)
	case t.exposure:
		r = s.MayReadExposure(t.facts)
	case t.countersign:
		r = s.MayCountersign(t.facts)
	default:
		r = s.Rule(t.facts)
	}
	if r.Verdict != t.verdict {
		return fmt.Errorf("the ruling is %s, expected %s (%s)", r.Verdict, t.verdict, say(r.Reasons))
	}
	if !r.Need.Covers(t.need) || !t.need.Covers(r.Need) {
		return fmt.Errorf("it needs %s, expected %s", r.Need, t.need)
	}
	return t.compare(r.Reasons)
}

func (t *script) compare(reasons []Reason) error {
	var ids []string
	for _, r := range reasons {
		ids = append(ids, r.Policy)
	}
	if !slices.Equal(ids, t.reasons) {
		return fmt.Errorf("the reasons are %q, expected %q", ids, t.reasons)
	}
	return nil
}

func say(reasons []Reason) string {
	ids := map[string]bool{}
	for _, r := range reasons {
		ids[r.Policy] = true
	}
	return strings.Join(slices.Sorted(maps.Keys(ids)), ", ")
}
