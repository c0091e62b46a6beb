package proof_test

import (
	"testing"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/ledger/proof/prooftest"
)

var (
	digest = func(text string) canonical.Digest { return canonical.Sum([]byte(text)) }
	rules  = func(text, before string) actions.Setting {
		t := actions.Text{Digest: digest(text), Size: 7}
		if before != "" {
			t.Replaces = digest(before)
		}
		return actions.Setting{Of: actions.PartRules, Rules: &t}
	}
	queues = func(text, before string) actions.Setting {
		c := rules(text, before)
		return actions.Setting{Of: actions.PartQueues, Queues: c.Rules}
	}
	hashList = func(name, text, before string) actions.Setting {
		c := rules(text, before)
		t := *c.Rules
		t.Name, t.Source = name, "the hotline"
		return actions.Setting{Of: actions.PartHashes, Hashes: &t}
	}
)

// TestTexts: the chain holds which texts are in force, and casework is open once a rule set
// and a queue set are.
func TestTexts(t *testing.T) {
	w := prooftest.Found(t, prooftest.Options{})
	w.Staff()
	w.Change(actions.DeskChange, rules("r1", ""))
	if s := w.State(); s.Casework() || s.Rules.Digest != digest("r1") || s.Rules.Number != s.Next-1 {
		t.Errorf("the state has the rules %+v and casework open: %v", s.Rules, s.Casework())
	}
	before := w.State().Clone()
	w.Change(actions.DeskChange, queues("q1", ""))
	w.Change(actions.DeskChange, rules("r2", "r1"))
	w.Change(actions.DeskChange, hashList("abuse", "h1", ""))
	w.Change(actions.DeskChange, hashList("terror", "h2", ""))
	w.Change(actions.DeskChange, hashList("abuse", "h3", "h1"))
	s := w.State()
	if !s.Casework() || s.Rules.Digest != digest("r2") || s.Queues.Digest != digest("q1") || s.Hashes["abuse"].Digest != digest("h3") || len(s.Hashes) != 2 {
		t.Errorf("the state has %+v, %+v, %+v", s.Rules, s.Queues, s.Hashes)
	}
	w.Change(actions.DeskChange, actions.Setting{Of: actions.PartHashes, Hashes: &actions.Text{Name: "abuse", Replaces: digest("h3")}})
	if _, on := w.State().Hashes["abuse"]; on || len(w.State().Hashes) != 1 {
		t.Errorf("a list that ended is in force: %+v", w.State().Hashes)
	}
	if before.Queues.Number != 0 || len(before.Hashes) != 0 {
		t.Error("a clone changed with its original")
	}
}

// TestTextsRefused: whoever signs sees a text compared with the one in force; a comparison
// with another one is not applied.
func TestTextsRefused(t *testing.T) {
	w := prooftest.Found(t, prooftest.Options{})
	w.Staff()
	try := func(c actions.Setting, typ, what string) {
		t.Helper()
		_, err := w.TryChange(actions.DeskChange, c, "ada", "bea", "cem")
		refusedAs(t, err, typ, what)
	}
	try(queues("q1", ""), "wrong-state", "no rule set is in force")
	try(rules("r2", "r1"), "wrong-state", "compared with another text than the one that is in force now (none)")
	w.Change(actions.DeskChange, rules("r1", ""))
	try(rules("r1", ""), "wrong-state", "in force already")
	try(rules("r2", ""), "wrong-state", "somebody else changed it meanwhile")
	try(rules("r3", "r2"), "wrong-state", "in force now ("+digest("r1").String()+")")
	try(actions.Setting{Of: actions.PartHashes, Hashes: &actions.Text{Name: "abuse", Replaces: digest("h1")}}, "wrong-state", `no list of hashes "abuse"`)
	w.Change(actions.DeskChange, hashList("abuse", "h1", ""))
	try(actions.Setting{Of: actions.PartHashes, Hashes: &actions.Text{Name: "abuse", Replaces: digest("h2")}}, "wrong-state", "Propose it anew")
	for _, c := range []struct {
		edit func(*actions.Text)
		what string
	}{
		{func(t *actions.Text) { t.Digest = canonical.Digest{} }, "named by its digest"},
		{func(t *actions.Text) { t.Size = 0 }, "named by its digest"},
		{func(t *actions.Text) { t.Size = actions.MaxTextSize + 1 }, "named by its digest"},
		{func(t *actions.Text) { t.Name = "abuse" }, "only a list of hashes"},
		{func(t *actions.Text) { t.Source = "me" }, "only a list of hashes"},
		{func(t *actions.Text) { t.Replaces = t.Digest }, "not itself"},
	} {
		bad := rules("r2", "r1")
		c.edit(bad.Rules)
		try(bad, "bad-action", c.what)
	}
	for _, c := range []struct {
		edit func(*actions.Text)
		what string
	}{
		{func(t *actions.Text) { t.Name = "" }, "the name of a list"},
		{func(t *actions.Text) { t.Name = "Abuse" }, "the name of a list"},
		{func(t *actions.Text) { t.Source = "" }, "who made it"},
		{func(t *actions.Text) { t.Source = "a\u202eb" }, "who made it"},
		{func(t *actions.Text) { t.Digest = canonical.Digest{} }, "the end of a list"},
	} {
		bad := hashList("other", "h2", "")
		c.edit(bad.Hashes)
		try(bad, "bad-action", c.what)
	}
	two := rules("r2", "r1")
	two.Queues = queues("q1", "").Queues
	try(two, "bad-action", "of one part")
	two = rules("r2", "r1")
	two.Of = actions.PartQueues
	try(two, "bad-action", "of one part")

	old := prooftest.Found(t, prooftest.Options{Formats: actions.FirstFormats})
	old.Staff()
	_, err := old.TryChange(actions.DeskChange, rules("r1", ""), "ada", "bea", "cem")
	refusedAs(t, err, "wrong-state", "formats adopt")
}
