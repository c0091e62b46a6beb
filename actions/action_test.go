package actions

import (
	"strings"
	"testing"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/platform"
	"countersign.dev/workforce"
)

var noon = canonical.At(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))

func takedown() Action {
	subject := platform.Subject{Platform: "plaza", ID: "acct/17", Handle: "@president"}
	return Action{V: ActionV1, Kind: AccountTakedown, Subject: subject, Tier: Critical, Direction: Burdening, Effect: Reversible,
		Inverse: Inverse{Kind: AccountRestore, Direction: Relieving}, Change: canonical.Raw("{}"), Case: "case_1", Reason: "Impersonates a head of state.",
		Command: platform.Command{Verb: platform.Takedown, Subject: subject, Expect: platform.Expect{Status: platform.Up}, Mark: platform.MarkOf("req_1")},
		Nonce:   []byte("0123456789abcdef")}
}

func undo() Action {
	a := takedown()
	a.Kind, a.Direction, a.Inverse, a.Reverses = AccountRestore, Relieving, Inverse{Kind: AccountTakedown, Direction: Burdening}, "req_1"
	a.Command.Verb, a.Command.Mark, a.Command.Expect = platform.Restore, "", platform.Expect{Status: platform.Down, Mark: platform.MarkOf("req_1")}
	return a
}

func deskAction(k Kind, c Change) Action {
	return Action{V: ActionV1, Kind: k, Subject: platform.Subject{Platform: DeskPlatform, ID: c.Part()}, Tier: Critical, Direction: c.Direction(),
		Effect: Reversible, Change: canonical.MustMarshal(c), Reason: "Because.", Nonce: []byte("0123456789abcdef")}
}

func ending() Action { return deskAction(DeskEngagement, Engagement{Op: "end", Worker: "w"}) }

// TestCheck: from well-formed actions, each case changes one member, as a desk
// in error or somebody who makes actions by hand might. People sign what Check
// lets through.
func TestCheck(t *testing.T) {
	suspend := takedown()
	suspend.Kind, suspend.Until = AccountSuspend, noon
	lossy := takedown()
	lossy.Effect, lossy.Lossy = Lossy, "Sessions end."
	reactivate := undo()
	reactivate.Command.Verb, reactivate.Command.Expect.Status = platform.Reactivate, platform.Deactivated
	deletion := takedown()
	deletion.Kind, deletion.Effect, deletion.Inverse, deletion.Command.Verb, deletion.Command.Mark = AccountDelete, OneWay, Inverse{}, platform.Delete, ""
	away, removal := takedown(), takedown()
	away.Command.Expect.Status = platform.Deactivated
	removal.Kind, removal.Inverse.Kind = ContentRemove, ContentRestore
	extend := deskAction(DeskEngagement, Engagement{Op: "extend", Worker: "w", Last: noon})
	for name, a := range map[string]Action{"takedown": takedown(), "undo": undo(), "end": ending(), "suspend": suspend, "lossy": lossy,
		"reactivate": reactivate, "deletion": deletion, "extend": extend, "owner away": away, "removal": removal} {
		if err := a.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]struct {
		a    Action
		by   func(*Action)
		text string
	}{
		"no version":               {takedown(), func(a *Action) { a.V = "" }, "version"},
		"later version":            {takedown(), func(a *Action) { a.V = "countersign/action/v3" }, "version"},
		"unknown kind":             {takedown(), func(a *Action) { a.Kind = "account.shout" }, "catalogue"},
		"no tier":                  {takedown(), func(a *Action) { a.Tier = "" }, "tier"},
		"no nonce":                 {takedown(), func(a *Action) { a.Nonce = nil }, "nonce"},
		"short nonce":              {takedown(), func(a *Action) { a.Nonce = a.Nonce[:15] }, "nonce"},
		"reason with controls":     {takedown(), func(a *Action) { a.Reason = "fine\x1b[2J" }, "printable"},
		"reason not UTF-8":         {takedown(), func(a *Action) { a.Reason = "\xff" }, "printable"},
		"reason without end":       {takedown(), func(a *Action) { a.Reason = strings.Repeat("x", MaxText+1) }, "printable"},
		"case with controls":       {takedown(), func(a *Action) { a.Case = "c\x00" }, "printable"},
		"unknown category":         {takedown(), func(a *Action) { a.Category = "political" }, "category"},
		"called relieving":         {takedown(), func(a *Action) { a.Direction = Relieving }, "direction"},
		"called harmless":          {takedown(), func(a *Action) { a.Effect = "harmless" }, "effect"},
		"one-way takedown":         {takedown(), func(a *Action) { a.Effect = OneWay }, "effect"},
		"reversible deletion":      {deletion, func(a *Action) { a.Effect = Reversible }, "effect"},
		"disclosing takedown":      {takedown(), func(a *Action) { a.Effect = Disclosing }, "effect"},
		"lossy without what":       {takedown(), func(a *Action) { a.Effect = Lossy }, "lost"},
		"loss without lossy":       {takedown(), func(a *Action) { a.Lossy = "Sessions end." }, "lost"},
		"no inverse":               {takedown(), func(a *Action) { a.Inverse = Inverse{} }, "inverse"},
		"inverse called burdening": {takedown(), func(a *Action) { a.Inverse.Direction = Burdening }, "inverse"},
		"verb of another kind":     {takedown(), func(a *Action) { a.Command.Verb = platform.Delete }, "cannot be"},
		"deactivates content":      {takedown(), func(a *Action) { a.Kind = ContentRemove; a.Command.Verb = platform.Deactivate }, "cannot be"},
		"no verb":                  {takedown(), func(a *Action) { a.Command.Verb = "" }, "cannot be"},
		"other subject commanded":  {takedown(), func(a *Action) { a.Command.Subject.ID = "acct/18" }, "command's subject"},
		"other handle commanded":   {takedown(), func(a *Action) { a.Command.Subject.Handle = "@other" }, "command's subject"},
		"subject not resolved":     {takedown(), func(a *Action) { a.Subject.ID = ""; a.Command.Subject.ID = "" }, "not resolved"},
		"no platform":              {takedown(), func(a *Action) { a.Subject.Platform = ""; a.Command.Subject.Platform = "" }, "not resolved"},
		"takedown of the desk":     {takedown(), func(a *Action) { a.Subject.Platform = "desk"; a.Command.Subject.Platform = "desk" }, "not resolved"},
		"change along":             {takedown(), func(a *Action) { a.Change = canonical.Raw(`{"op":"end"}`) }, "only changes of the desk"},
		"change missing":           {takedown(), func(a *Action) { a.Change = nil }, "only changes of the desk"},
		"end of the endless":       {takedown(), func(a *Action) { a.Until = noon }, "has no end"},
		"suspension without end":   {suspend, func(a *Action) { a.Until = canonical.Time{} }, "needs an end"},
		"measure without a mark":   {takedown(), func(a *Action) { a.Command.Mark = "" }, "leaves a mark"},
		"over a marked absence":    {away, func(a *Action) { a.Command.Expect.Mark = "TICKET-1" }, "another state"},
		"over our own absence":     {away, func(a *Action) { a.Command.Expect.Mark = platform.MarkOf("req_0") }, "another state"},
		"content that is away":     {removal, func(a *Action) { a.Command.Expect.Status = platform.Deactivated }, "another state"},
		"away twice":               {away, func(a *Action) { a.Kind, a.Command.Verb = AccountDeactivate, platform.Deactivate }, "another state"},
		"takedown of the deleted":  {takedown(), func(a *Action) { a.Command.Expect.Status = platform.Deleted }, "another state"},
		"lift that leaves a mark":  {undo(), func(a *Action) { a.Command.Mark = "CSGN-x" }, "no mark"},
		"measure that reverses":    {takedown(), func(a *Action) { a.Reverses = "req_0" }, "only relieving"},
		"undo of another mark":     {undo(), func(a *Action) { a.Command.Expect.Mark = platform.MarkOf("req_2") }, "no other"},
		"undo of a foreign mark":   {undo(), func(a *Action) { a.Command.Expect.Mark = "OZONE-9" }, "no other"},
		"undo of no mark":          {undo(), func(a *Action) { a.Command.Expect.Mark = "" }, "no other"},

		"desk with a command":    {ending(), func(a *Action) { a.Command.Verb = platform.Takedown }, "no command"},
		"desk, other platform":   {ending(), func(a *Action) { a.Subject.Platform = "plaza" }, "desk:PART"},
		"desk with a handle":     {ending(), func(a *Action) { a.Subject.Handle = "@x" }, "desk:PART"},
		"desk, other part":       {ending(), func(a *Action) { a.Subject.ID = PartTiers }, "desk:workforce"},
		"desk, no part":          {ending(), func(a *Action) { a.Subject.ID = "" }, "desk:PART"},
		"extension as relief":    {extend, func(a *Action) { a.Direction = Relieving }, "direction"},
		"end as burden":          {ending(), func(a *Action) { a.Direction = Burdening }, "direction"},
		"desk below critical":    {ending(), func(a *Action) { a.Tier = Protected }, "critical"},
		"desk with a case":       {ending(), func(a *Action) { a.Case = "case_1" }, "no end, case"},
		"desk that reverses":     {ending(), func(a *Action) { a.Reverses = "req_1" }, "reverses nothing"},
		"desk with an end":       {ending(), func(a *Action) { a.Until = noon }, "no end"},
		"desk with a category":   {ending(), func(a *Action) { a.Category = CategoryLegal }, "category"},
		"desk one-way":           {ending(), func(a *Action) { a.Effect = OneWay }, "another change"},
		"desk with an inverse":   {ending(), func(a *Action) { a.Inverse = Inverse{Kind: DeskEngagement, Direction: Burdening} }, "another change"},
		"change of another kind": {ending(), func(a *Action) { a.Kind = DeskKey }, "expected form"},
		"empty change":           {ending(), func(a *Action) { a.Change = canonical.Raw("{}") }, "canonical"},
		"no change":              {ending(), func(a *Action) { a.Change = nil }, ""},
	} {
		a := c.a
		c.by(&a)
		if err := a.Check(); !fault.Is(err, "bad-action") && !fault.Is(err, "malformed") && !fault.Is(err, "not-canonical") || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v, expected %q", name, err, c.text)
		}
	}
}

// TestActionDigest: whatever an action says is in what people sign.
func TestActionDigest(t *testing.T) {
	base := undo().Digest()
	for name, by := range map[string]func(*Action){
		"kind": func(a *Action) { a.Kind = ContentRestore }, "id": func(a *Action) { a.Subject.ID = "acct/18" },
		"handle": func(a *Action) { a.Subject.Handle = "" }, "tier": func(a *Action) { a.Tier = Standard },
		"verb": func(a *Action) { a.Command.Verb = platform.Reactivate }, "expected mark": func(a *Action) { a.Command.Expect.Mark = "" },
		"until": func(a *Action) { a.Until = noon }, "reverses": func(a *Action) { a.Reverses = "" }, "reason": func(a *Action) { a.Reason += " " },
		"category": func(a *Action) { a.Category = CategoryLegal }, "nonce": func(a *Action) { a.Nonce = []byte("0123456789abcdeg") },
		"change": func(a *Action) { a.Change = canonical.Raw(`{"a":1}`) }, "lossy": func(a *Action) { a.Lossy = "x" },
	} {
		a := undo()
		by(&a)
		if a.Digest() == base {
			t.Errorf("the digest does not cover %s", name)
		}
	}
}

// TestTiers: an unknown tier ranks with the highest, since nothing is known of it.
func TestTiers(t *testing.T) {
	if Tier("").Rank() != Critical.Rank() || Tier("vital").Rank() != Critical.Rank() || Standard.Max("vital") != "vital" || Critical.Max(Standard) != Critical {
		t.Error("an unknown tier ranks below the highest")
	}
}

func TestLiftsOf(t *testing.T) {
	m := &Measure{Request: "req_1", Requester: "w", Subject: undo().Subject, Executed: noon}
	window := noon.AddDate(0, 0, 30)
	legal, elsewhere, other := *m, *m, *m
	legal.Category, elsewhere.Subject.Platform, other.Subject.ID = CategoryLegal, "bluesky", "acct/18"
	request := undo()
	request.Reverses = ""
	foreign, unmarked := request, request
	foreign.Command.Expect.Mark, unmarked.Command.Expect.Mark = "OZONE-9", ""
	for name, c := range map[string]struct {
		a    Action
		m    *Measure
		by   workforce.WorkerID
		at   time.Time
		want Lifts
	}{
		"own":                         {undo(), m, "w", noon.Time, LiftsOwn},
		"own, at the last instant":    {undo(), m, "w", window.Add(-time.Microsecond), LiftsOwn},
		"own, when the window closes": {undo(), m, "w", window, LiftsOlder},
		"another's":                   {undo(), m, "x", noon.Time, LiftsOurs},
		"another's, too late":         {undo(), m, "x", window, LiftsOlder},
		"legal":                       {undo(), &legal, "w", noon.Time, LiftsOlder},
		"of another subject":          {undo(), &other, "w", noon.Time, LiftsForeign},
		"of another platform":         {undo(), &elsewhere, "w", noon.Time, LiftsForeign},
		"unknown":                     {undo(), nil, "w", noon.Time, LiftsForeign},
		"ours, not as an undo":        {request, m, "w", noon.Time, LiftsOlder},
		"foreign mark":                {foreign, nil, "w", noon.Time, LiftsForeign},
		"no mark":                     {unmarked, nil, "w", noon.Time, LiftsForeign},
		"a measure":                   {takedown(), m, "w", noon.Time, LiftsNothing},
		"a change of the desk":        {ending(), m, "w", noon.Time, LiftsNothing},
	} {
		if got := LiftsOf(c.a, c.m, c.by, c.at, 30); got != c.want {
			t.Errorf("%s: %q, expected %q", name, got, c.want)
		}
	}
}
