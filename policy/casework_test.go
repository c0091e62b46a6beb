package policy

import (
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/workforce"
)

// withoutCasework is the default set as it was before there were cases.
func withoutCasework() map[string]string {
	files := Default()
	delete(files, "casework.cedar")
	return files
}

// TestCaseworkOfOldSets: a set that has one of these actions nowhere by its name is ruled by
// the shipped file for that action, whatever its policies about all actions say; and nothing
// else that it rules on changes.
func TestCaseworkOfOldSets(t *testing.T) {
	before, err := Example("before")
	if err != nil {
		t.Fatal(err)
	}
	forbids := withoutCasework()
	forbids["extra.cedar"] = `@id("x") @reason("Nobody does anything at all.") forbid (principal, action, resource);
@id("y") @reason("Everybody does everything at all.") permit (principal, action, resource);`
	now := mustCompile(t, Default())
	for name, files := range map[string]map[string]string{"without its file": withoutCasework(), "before": before, "forbids everything": forbids} {
		old := mustCompile(t, files)
		for _, q := range corpus() {
			if q.casework.ID == "" && name != "without its file" {
				continue
			}
			was, is := q.of(old), q.of(now)
			// The default set's people.cedar says that nobody acts who is not engaged; the file alone
			// leaves it to the law.
			if was.Verdict != is.Verdict || len(was.Reasons) == 0 || q.Worker.Engaged && !slices.Equal(was.Reasons, is.Reasons) {
				t.Fatalf("%s: %+v: ruled %+v, expected %+v", name, q, was, is)
			}
		}
	}
	// Each action by itself: what the set names is the set's.
	files := withoutCasework()
	files["extra.cedar"] = `@id("kim-works") @reason("Kim alone works on queues.") permit (principal == Worker::"kim", action == Action::"work.queue", resource);`
	s := mustCompile(t, files)
	ann := Worker{ID: "ann", Vendor: "acme", Engaged: true, Roles: []workforce.Role{workforce.Agent}}
	if got := s.MayWorkQueue(ann, Queue{Name: "spam"}); got.Verdict != Forbidden {
		t.Errorf("a set that names work.queue and permits it to kim lets ann: %+v", got)
	}
	if got := s.MayReadCase(ann, Queue{Name: "spam"}, Task{Holds: true}); got.Verdict != Permitted {
		t.Errorf("the same set names read.case nowhere: %+v", got)
	}
}

// TestQueuesAreRuled: a set that names the actions says by itself who works on which queue:
// by name, vendor, language and severity.
func TestQueuesAreRuled(t *testing.T) {
	files := Default()
	files["casework.cedar"] = `
@id("acme-works-german") @reason("Acme works on the German queues.")
permit (principal in Vendor::"acme", action == Action::"work.queue", resource) when { resource.language == "de" };
@id("bolt-works-spam") @reason("Bolt works on spam and nothing else.")
permit (principal in Vendor::"bolt", action == Action::"work.queue", resource == Queue::"spam");
@id("not-the-gravest") @reason("The gravest cases are for employees.")
forbid (principal, action == Action::"work.queue", resource) when { resource.highest && !principal.employee };
@id("employees-work") @reason("Employees work on every queue.")
permit (principal, action == Action::"work.queue", resource) when { principal.employee };
@id("own-cases") @reason("People read what they hold, on queues that they know.")
permit (principal, action == Action::"read.case", resource) when { context.holds && resource == Queue::"spam" };`
	s := mustCompile(t, files)
	worker := func(v workforce.VendorID) Worker {
		return Worker{ID: "somebody", Vendor: v, Employee: v == "", Engaged: true, Roles: []workforce.Role{workforce.Agent}}
	}
	for range 2 { // the second time it is remembered
		for _, c := range []struct {
			w    Worker
			q    Queue
			want Verdict
		}{
			{worker("acme"), Queue{Name: "german", Language: "de"}, Permitted},
			{worker("acme"), Queue{Name: "german"}, Forbidden},
			{worker("acme"), Queue{Name: "german", Language: "en"}, Forbidden},
			{worker("acme"), Queue{Name: "german", Language: "de", Highest: true}, Forbidden},
			{worker("acme"), Queue{Name: "spam"}, Forbidden},
			{worker("bolt"), Queue{Name: "spam"}, Permitted},
			{worker("bolt"), Queue{Name: "spam", Highest: true}, Forbidden},
			{worker("bolt"), Queue{Name: "other"}, Forbidden},
			{worker("coil"), Queue{Name: "spam"}, Forbidden},
			{worker(""), Queue{Name: "spam", Highest: true}, Permitted},
			{worker(""), Queue{Name: "unheard of"}, Permitted},
		} {
			if got := s.MayWorkQueue(c.w, c.q); got.Verdict != c.want {
				t.Errorf("%s on %+v: %+v, want %s", c.w.Vendor, c.q, got, c.want)
			}
		}
		for name, want := range map[string]Verdict{"spam": Permitted, "german": Forbidden} {
			if got := s.MayReadCase(worker("acme"), Queue{Name: name}, Task{Holds: true}); got.Verdict != want {
				t.Errorf("a case of %s: %+v, want %s", name, got, want)
			}
		}
	}
}

// TestNobodyWorksOutsideAnEngagement: no set lets work or read somebody who is not engaged.
func TestNobodyWorksOutsideAnEngagement(t *testing.T) {
	s, err := compile(map[string]string{"tiers.json": "{}", "all.cedar": `@id("all") @reason("Everybody works and reads everything.")
permit (principal, action in [Action::"work.queue", Action::"read.case", Action::"read.contact", Action::"read.people"], resource);`})
	if err != nil {
		t.Fatal(err)
	}
	for _, engaged := range []bool{true, false} {
		w := Worker{ID: "a", Engaged: engaged}
		for name, got := range map[string]Ruling{"queue": s.MayWorkQueue(w, Queue{}), "case": s.MayReadCase(w, Queue{}, Task{}), "contact": s.MayReadContact(w, Queue{}, Task{}), "people": s.MayReadPeople(w, Names{})} {
			if (got.Verdict == Permitted) != engaged || !engaged && got.Reasons[0].Policy != LawEngaged {
				t.Errorf("%s, engaged %t: %+v", name, engaged, got)
			}
		}
		if got := s.MayWorkQueue(Worker{Engaged: engaged}, Queue{}); got.Verdict != Forbidden || got.Reasons[0].Policy != LawFacts {
			t.Errorf("somebody without a name: %+v", got)
		}
	}
}

// TestOldPoliciesStillCompile: a policy on every action and resource may read what every
// context and every resource had before there were queues.
func TestOldPoliciesStillCompile(t *testing.T) {
	files := withoutCasework()
	files["extra.cedar"] = `@id("old") @reason("A policy from before there were queues.")
forbid (principal, action, resource)
when {
  principal.in_notice && resource.tier == Tier::"critical" && context.kind == Kind::"account.delete" && context.direction == Direction::"burdening" &&
  context.effect == Effect::"lossy" && context.verb == Verb::"delete" && context.category == Category::"legal" && context.lifts == Lift::"own" && context.founding &&
  context has desk && context.desk.case
};`
	if _, err := Compile(files); err != nil {
		t.Error(err)
	}
	files["extra.cedar"] = `@id("hold") @reason("A hold on working is a hold that nobody discharges.") @hold("1 independent") forbid (principal, action == Action::"work.queue", resource);`
	if _, err := Compile(files); err == nil {
		t.Error("a hold on working on a queue compiles")
	}
}

// TestCheckOfCasework: policy check warns of a set that names these actions and shuts out
// everybody who should, or lets in whom the default set does not.
func TestCheckOfCasework(t *testing.T) {
	const all = `@id("all") @reason("Everybody works and reads everything.") permit (principal, action in [Action::"work.queue", Action::"read.case", Action::"read.contact", Action::"read.people"], resource);`
	for name, c := range map[string]struct {
		policy string
		want   []string // each at an action
	}{
		"as it is shipped": {Default()["casework.cedar"], nil},
		"named nowhere":    {`@id("x") @reason("Nobody in notice.") forbid (principal, action == Action::"read.exposure", resource) when { principal.in_notice };`, nil},
		"everybody": {all, []string{"work.queue: Under this set a worker (in notice, newcomer) may work on cases of the highest severity; all permits it",
			"work.queue: Under this set a worker (investigator) may work on a queue; all permits it",
			"read.contact: Under this set anybody may read contact data of the accounts of a case with which they have nothing to do; all permits it",
			"read.people: Under this set anybody, who is no employee, may read the names"}},
		"nobody": {`@id("none") @reason("Nobody works or reads.") forbid (principal, action in [Action::"work.queue", Action::"read.case", Action::"read.contact", Action::"read.people"], resource);`,
			[]string{"work.queue: Under this set nobody may work on a queue, so", "work.queue: Under this set nobody may work on a queue that takes cases of the highest severity",
				"read.case: Under this set nobody may read the case that they have claimed"}},
		"one queue": {`@id("spam") @reason("Officers work on spam.") permit (principal in Role::"officer", action == Action::"work.queue", resource == Queue::"spam") unless { resource.highest };`,
			[]string{"work.queue: Under this set nobody may work on a queue that takes cases of the highest severity"}},
	} {
		files := with("casework.cedar", c.policy)
		r := Check(files, nil, time.Time{})
		var got []string
		for _, w := range r.Warnings {
			if slices.Contains([]string{"work.queue", "read.case", "read.contact", "read.people"}, w.At) {
				got = append(got, w.At+": "+w.Text)
			}
		}
		ok := len(r.Problems) == 0 && len(got) == len(c.want)
		for _, want := range c.want {
			ok = ok && slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, want) })
		}
		if !ok {
			t.Errorf("%s: problems %v, warnings:\n%s", name, r.Problems, strings.Join(got, "\n"))
		}
	}
}

// TestRememberedQuestionsAreFew: what a set cannot tell apart takes one place in its memory.
func TestRememberedQuestionsAreFew(t *testing.T) {
	files := Default()
	files["extra.cedar"] = `@id("named") @reason("Nobody works on the closed queue.") forbid (principal, action == Action::"work.queue", resource == Queue::"closed");`
	s := mustCompile(t, files)
	w := Worker{ID: "a", Engaged: true, Roles: []workforce.Role{workforce.Agent}}
	for i := range 100 {
		name := strings.Repeat("q", 1+i)
		if got := s.MayWorkQueue(w, Queue{Name: name, Language: name}); got.Verdict != Permitted {
			t.Fatalf("%s: %+v", name, got)
		}
	}
	if got := s.MayWorkQueue(w, Queue{Name: "closed"}); got.Verdict != Forbidden || got.Reasons[0].Policy != "named" {
		t.Errorf("the named queue: %+v", got)
	}
	n := 0
	s.cases.Range(func(any, any) bool { n++; return true })
	if n != 2 {
		t.Errorf("%d answers are kept, want 2", n)
	}
}
