package wording

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/platform"
	"countersign.dev/policy"
	"countersign.dev/workforce"
)

// TestEveryKindHasWords walks the catalogue and every change of the desk: each has
// words, and whatever a change says, its words say too, so that nobody signs what was
// not shown. What only a digest or a file stands for is shown by whole.
func TestEveryKindHasWords(t *testing.T) {
	on := platform.Subject{Platform: "platform-x", ID: "acct/4711", Handle: "@handle-x"}
	key := workforce.PublicKey{Algorithm: workforce.FileEd25519, Public: make([]byte, 32), Credential: canonical.Bytes{}, Hardware: true}
	later := canonical.At(time.Date(2031, 5, 17, 0, 0, 0, 0, time.UTC))
	trust := actions.Trust{Executor: "executor-x", ExecutorKey: make([]byte, 32), RelyingParty: "party.example", Origins: []string{"https://origin.example"},
		EndingsPerHour: 37, RaisesPerHour: 41, UndoWindow: 43}
	changes := map[actions.Kind][]actions.Change{
		actions.DeskAdmit: {actions.Admit{File: canonical.Sum([]byte("f")), Root: canonical.Sum([]byte("r")), Rows: 60, Joiners: 10, Leavers: 20, Changes: 30, Founding: true}},
		actions.DeskEngagement: {actions.Engagement{Op: "end", Worker: "worker-x"}, actions.Engagement{Op: "extend", Worker: "worker-x", Last: later},
			actions.Engagement{Op: "reinstate", Worker: "worker-x"}},
		actions.DeskKey: {actions.Keys{Void: &actions.Void{Scope: actions.ScopeKey, Of: "key_x", Before: later}}, actions.Keys{Void: &actions.Void{Scope: actions.ScopeVendor, Of: "vendor-x", Before: later}},
			actions.Keys{Revoke: []workforce.KeyID{"key_x"}}, actions.Keys{Enrol: []actions.Enrolment{{Worker: "worker-x", Key: key}}}},
		actions.DeskFreeze: {actions.Freeze{Op: "freeze", Scope: actions.ScopeWorker, Of: "worker-x"}, actions.Freeze{Op: "thaw", Scope: actions.ScopeVendor, Of: "vendor-x"},
			actions.Freeze{Op: "freeze", Scope: actions.ScopePlatform, Of: "platform-x"}, actions.Freeze{Op: "freeze", Scope: actions.ScopeAll},
			actions.Freeze{Op: "thaw", Scope: actions.ScopeVendor}},
		actions.DeskReview: {actions.Review{Of: "incident", ID: "inc_x", Involved: []workforce.WorkerID{"worker-x", "worker-y"}, Findings: canonical.Sum([]byte("f"))}},
		actions.DeskChange: {
			actions.Setting{Of: actions.PartTiers, Raise: &actions.Raise{Subject: on, From: actions.Standard, To: actions.Critical}},
			actions.Setting{Of: actions.PartTiers, Raise: &actions.Raise{Subject: on, From: actions.Critical, To: actions.Standard}},
			actions.Setting{Of: actions.PartTiers, Raise: &actions.Raise{Subject: on, From: actions.Protected, To: actions.Standard, Fall: actions.Critical}},
			actions.Setting{Of: actions.PartPolicy, Policy: map[string]string{"a.cedar": "permit (principal, action, resource);"}},
			actions.Setting{Of: actions.PartBudgets, Budgets: []actions.Budget{{Per: "vendor", Window: "day", Tier: actions.Protected, Direction: actions.Burdening, Limit: 47},
				{Per: "worker", Window: "hour", Tier: actions.Standard, Direction: actions.Relieving, Undo: true, Limit: 53}}},
			actions.Setting{Of: actions.PartTrust, Trust: &trust},
			actions.Setting{Of: actions.PartVendors, Vendor: &workforce.Vendor{ID: "vendor-x", Name: "Vendor X", Ratchet: 59}},
			actions.Setting{Of: actions.PartPlatforms, Platform: &actions.Platform{Name: "platform-x", Connector: "connector-x"}},
			actions.Setting{Of: actions.PartOrders, Order: &actions.Order{Op: "place", Platform: "platform-x", Tier: actions.Critical, Until: later, PerSubject: 61, PerTier: 67, Vouched: later, Never: []string{"MARK-X"},
				Cut: &actions.Cut{Breaches: 71, Within: 60 * 73}}},
			actions.Setting{Of: actions.PartPlatforms, Platform: &actions.Platform{Name: "platform-x", Connector: "connector-x", Labels: []string{"label-x", "label-y"}}},
			actions.Setting{Of: actions.PartOrders, Order: &actions.Order{Op: "place", Platform: "platform-x", Tier: actions.Critical, Until: later, PerSubject: 61, PerTier: 67,
				Layers: []actions.OrderLayer{actions.OrderLabels, actions.OrderLimit}}},
			actions.Setting{Of: actions.PartTiers, Raise: &actions.Raise{Subject: on, From: actions.Standard, To: actions.Critical, Confirm: true}},
			actions.Setting{Of: actions.PartPlatforms, Platform: &actions.Platform{Name: "platform-x", Connector: "connector-x", Facts: []platform.Fact{platform.FactCreated, platform.FactOwner}}, Unranked: []string{"platform-x"}},
			actions.Setting{Of: actions.PartPolicy, Policy: map[string]string{"a.cedar": "permit (principal, action, resource);"}, Unranked: []string{"platform-x", "platform-y"}},
			actions.Setting{Of: actions.PartOrders, Order: &actions.Order{Op: "revoke", Platform: "platform-x", Tier: actions.Critical}},
			actions.Setting{Of: actions.PartModes, Mode: &actions.Mode{Platform: "platform-x", Tier: actions.Standard, Mode: actions.Observe}},
			actions.Setting{Of: actions.PartModes, Mode: &actions.Mode{Platform: "platform-x", Tier: actions.Standard, Mode: actions.Enforce}},
			actions.Setting{Of: actions.PartLocks, Unlock: &actions.Unlock{Subject: on}},
			actions.Setting{Of: actions.PartLaws, Laws: actions.NewestLaws},
			actions.Setting{Of: actions.PartFormats, Formats: actions.NewestFormats},
			actions.Setting{Of: actions.PartPrograms, Program: &actions.Program{Op: actions.ProgramAdd, ID: "program-x", Owner: "worker-x", Platforms: []string{"platform-x", "platform-y"},
				Source: "trusted-flagger", Rate: 79, Key: workforce.PublicKey{Algorithm: workforce.FileEd25519, Public: make([]byte, 32)}}},
			actions.Setting{Of: actions.PartPrograms, Program: &actions.Program{Op: actions.ProgramEnd, ID: "program-x"}},
			actions.Setting{Of: actions.PartPrograms, Program: &actions.Program{Op: actions.ProgramHandOver, ID: "program-x", Owner: "worker-y"}},
			actions.Setting{Of: actions.PartRules, Rules: &actions.Text{Digest: canonical.Sum([]byte("rules")), Size: 79, Replaces: canonical.Sum([]byte("rules before"))}},
			actions.Setting{Of: actions.PartQueues, Queues: &actions.Text{Digest: canonical.Sum([]byte("queues")), Size: 83}},
			actions.Setting{Of: actions.PartHashes, Hashes: &actions.Text{Digest: canonical.Sum([]byte("hashes")), Size: 89, Name: "list-x", Source: "Maker X"}},
			actions.Setting{Of: actions.PartHashes, Hashes: &actions.Text{Name: "list-x", Replaces: canonical.Sum([]byte("hashes"))}},
		},
	}
	// How the words say what has a fixed set of values.
	said := map[string]string{"end": "End", "extend": "Extend", "reinstate": "Reinstate", "freeze": "Freeze", "thaw": "Thaw", "place": "Let the executor", "revoke": "Revoke",
		"confirm": "stand by it", "observe": "Only observe", "enforce": "Enforce", "all": "all burdening acts", "ed25519": "key_", "platform": "platform-x", "add": "Let the program", "hand-over": "Hand the program"}
	for _, spec := range actions.Catalogue() {
		if !spec.Desk {
			if verbs[spec.Kind] == "" {
				t.Errorf("%s has no words", spec.Kind)
			}
			continue
		}
		if len(changes[spec.Kind]) == 0 {
			t.Errorf("the test knows no change of kind %s", spec.Kind)
		}
		for _, c := range changes[spec.Kind] {
			a := actions.Action{V: actions.ActionV1, Kind: spec.Kind, Tier: actions.Critical, Direction: c.Direction(), Effect: actions.Reversible, Reason: "Because.",
				Subject: platform.Subject{Platform: actions.DeskPlatform, ID: c.Part()}, Change: canonical.MustMarshal(c), Nonce: make([]byte, 16)}
			words := whole(a)
			if strings.Contains(words, "does not know") {
				t.Errorf("%s: %s", spec.Kind, words)
			}
			for at, value := range leafValues(reflect.ValueOf(c), "") {
				if strings.HasSuffix(at, ".Of") && value == c.Part() || strings.Contains(at, ".Policy") || strings.Contains(at, ".Possession") || strings.Contains(at, ".Public") {
					continue // the part is in the words; files are shown by whole; a key is named by its hash
				}
				if s, ok := c.(actions.Setting); ok && s.TextOf() != nil && value == (canonical.Digest{}).String() {
					continue // there is no such text
				}
				if f, ok := c.(actions.Freeze); ok && f.Scope == actions.ScopeVendor && f.Of == "" && at == ".Scope" {
					value = "all employees"
				}
				if want, ok := said[value]; ok {
					value = want
				}
				if !strings.Contains(words, value) {
					t.Errorf("%s%s is %q, and the words do not say it:\n%s", spec.Kind, at, value, words)
				}
			}
		}
	}
	parts := map[string]bool{}
	for _, c := range changes[actions.DeskChange] {
		parts[c.Part()] = true
	}
	for _, k := range []actions.Kind{actions.DeskAdmit, actions.DeskEngagement, actions.DeskKey, actions.DeskFreeze, actions.DeskReview} {
		for _, c := range changes[k] {
			parts[c.Part()] = true
		}
	}
	for part := range constants(t, "../actions/change.go", "Part") {
		if !parts[part] {
			t.Errorf("the test knows no change of %s", part)
		}
	}
}

// effects are the parts of a state that a change of the desk may alter.
type effects struct {
	Policy    canonical.Digest
	Budgets   []actions.Budget
	Trust     actions.Trust
	Platforms map[string]actions.Platform
	Vendors   map[workforce.VendorID]workforce.Vendor
	Raised    map[string]actions.Tier
	Confirmed map[string]actions.Tier
	Fallen    map[string]proof.Falls
	Orders    map[string]proof.Order
	Observed  map[string]bool
	Unlocked  map[string]canonical.Time
	Freezes   map[string]proof.Frozen
	Reviewed  map[string]proof.Reviewed
	People    map[workforce.WorkerID]workforce.Worker
	Keys      map[workforce.KeyID]workforce.Key
	Laws      int64
	Formats   int64
	Voids     map[string][]proof.EndOfSessions
	Programs  map[string]proof.Program
	Imported  bool
	Rules     proof.Text
	Queues    proof.Text
	Hashes    map[string]proof.Text
}

// whole is all that is said of an action before it is signed.
func whole(a actions.Action) string {
	words := Action(a) + "\n"
	for _, f := range Facts(a) {
		words += f[0] + "  " + f[1] + "\n"
	}
	return words
}

func lines(all []string) string { return strings.Join(all, "\n") + "\n" }

func effectsOf(s *proof.State) effects {
	e := effects{Policy: s.Policy.Digest(), Budgets: s.Budgets, Trust: s.Trust, Platforms: s.Platforms, Vendors: s.People.Vendors, Raised: s.Raised, Confirmed: s.Confirmed,
		Fallen: s.Fallen, Orders: s.Orders, Observed: s.Observed, Unlocked: s.Unlocked, Freezes: s.Freezes, Reviewed: s.Reviewed, Laws: s.Laws, Formats: s.Formats, Voids: s.Voids, Programs: s.Programs, Imported: s.Imported, Rules: s.Rules, Queues: s.Queues, Hashes: s.Hashes,
		People: map[workforce.WorkerID]workforce.Worker{}, Keys: map[workforce.KeyID]workforce.Key{}}
	for _, w := range s.People.Sorted() {
		e.People[w.Worker] = w
	}
	for _, k := range s.People.Keys() {
		e.Keys[k.ID()] = k
	}
	return e
}

// TestEveryPartIsAnEffect: whatever a state holds is compared below, or is no more than
// the place in the chain.
func TestEveryPartIsAnEffect(t *testing.T) {
	ours := reflect.TypeFor[effects]()
	for f := range reflect.TypeFor[proof.State]().Fields() {
		_, compared := ours.FieldByName(f.Name)
		if f.IsExported() && !compared && !slices.Contains([]string{"Origin", "LogKey", "Root", "Next", "Head", "Time", "Officers"}, f.Name) {
			t.Errorf("nobody compares the words of a change with what it does to State.%s", f.Name)
		}
	}
}

// TestWordsSayWhatIsApplied applies changes to a desk, and compares what they did to
// its state with the words: whatever comes is said before it is signed, and whatever
// goes by a replacement as well.
func TestWordsSayWhatIsApplied(t *testing.T) {
	w := prooftest.Found(t, prooftest.Options{Formats: actions.FirstFormats})
	w.Staff()
	star, other := prooftest.Account("acct/4711"), prooftest.Account("acct/4712")
	later := canonical.At(w.Now().Add(50 * 24 * time.Hour))
	trust := w.State().Trust
	trust.UndoWindow, trust.RaisesPerHour, trust.EndingsPerHour, trust.Origins, trust.RelyingParty = 17, 23, 29, []string{"https://elsewhere.example.com"}, "elsewhere.example.com"
	trust.Executor = "executor-2"
	budgets := actions.BudgetsWithoutFamilies() // what a desk of the first formats has
	budgets[0].Limit = 19
	families := slices.Clone(budgets)
	for i := range families {
		families[i].Family = actions.FamilyAll
	}
	families[3].Family = actions.FamilyAccountWeak
	scout, _ := w.Program("scout", "ann")
	rules, hashes := canonical.Sum([]byte("rules")), canonical.Sum([]byte("hashes"))
	files := policy.Default()
	files["lifts.cedar"] += "\n// one line more\n"
	for _, c := range []struct {
		kind   actions.Kind
		change actions.Change
	}{
		{actions.DeskChange, actions.Setting{Of: actions.PartFormats, Formats: actions.NewestFormats}},
		{actions.DeskChange, actions.Setting{Of: actions.PartRules, Rules: &actions.Text{Digest: rules, Size: 79}}},
		{actions.DeskChange, actions.Setting{Of: actions.PartRules, Rules: &actions.Text{Digest: canonical.Sum([]byte("newer rules")), Size: 81, Replaces: rules}}},
		{actions.DeskChange, actions.Setting{Of: actions.PartQueues, Queues: &actions.Text{Digest: canonical.Sum([]byte("queues")), Size: 83}}},
		{actions.DeskChange, actions.Setting{Of: actions.PartHashes, Hashes: &actions.Text{Digest: hashes, Size: 89, Name: "list-x", Source: "Maker X"}}},
		{actions.DeskChange, actions.Setting{Of: actions.PartHashes, Hashes: &actions.Text{Digest: rules, Size: 97, Name: "list-x", Source: "Maker Y", Replaces: hashes}}},
		{actions.DeskChange, actions.Setting{Of: actions.PartHashes, Hashes: &actions.Text{Name: "list-x", Replaces: rules}}},
		{actions.DeskKey, actions.Keys{Void: &actions.Void{Scope: actions.ScopeWorker, Of: "ada", Before: canonical.At(w.Now())}}},
		{actions.DeskChange, actions.Setting{Of: actions.PartTiers, Raise: &actions.Raise{Subject: star, From: actions.Standard, To: actions.Critical}}},
		{actions.DeskChange, actions.Setting{Of: actions.PartTiers, Raise: &actions.Raise{Subject: star, From: actions.Critical, To: actions.Critical, Confirm: true}}},
		{actions.DeskChange, actions.Setting{Of: actions.PartTiers, Raise: &actions.Raise{Subject: other, From: actions.Standard, To: actions.Protected, Confirm: true}}},
		{actions.DeskChange, actions.Setting{Of: actions.PartTiers, Raise: &actions.Raise{Subject: star, From: actions.Critical, To: actions.Protected}}},
		{actions.DeskChange, actions.Setting{Of: actions.PartTiers, Raise: &actions.Raise{Subject: star, From: actions.Protected, To: actions.Standard, Fall: actions.Critical}}},
		{actions.DeskChange, actions.Setting{Of: actions.PartBudgets, Budgets: budgets}},
		{actions.DeskChange, actions.Setting{Of: actions.PartBudgets, Budgets: families}},
		{actions.DeskChange, actions.Setting{Of: actions.PartVendors, Vendor: &workforce.Vendor{ID: "coil", Name: "Coil Works", Ratchet: 21}}},
		{actions.DeskChange, actions.Setting{Of: actions.PartVendors, Vendor: &workforce.Vendor{ID: "coil", Name: "Coil and Sons", Ratchet: 22}}},
		{actions.DeskChange, actions.Setting{Of: actions.PartPlatforms, Platform: &actions.Platform{Name: "harbour", Connector: "plaza", Facts: []platform.Fact{platform.FactCreated}}}},
		{actions.DeskChange, actions.Setting{Of: actions.PartPlatforms, Platform: &actions.Platform{Name: "harbour", Connector: "bluesky", Facts: []platform.Fact{platform.FactOwner}, Labels: []string{"graphic", "spam"}}}},
		{actions.DeskChange, actions.Setting{Of: actions.PartPlatforms, Platform: &actions.Platform{Name: "harbour", Connector: "bluesky", Facts: []platform.Fact{platform.FactOwner}, Labels: []string{"sensitive", "spam"}}}},
		{actions.DeskChange, actions.Setting{Of: actions.PartOrders, Order: &actions.Order{Op: "place", Platform: "plaza", Tier: actions.Critical, Until: later, PerSubject: 31, PerTier: 37,
			Vouched: canonical.At(w.Now()), Never: []string{"CSAM-*"}, Cut: &actions.Cut{Breaches: 3, Within: 600}}}},
		{actions.DeskChange, actions.Setting{Of: actions.PartOrders, Order: &actions.Order{Op: "place", Platform: "plaza", Tier: actions.Critical, Until: canonical.At(later.Add(24 * time.Hour)), PerSubject: 41, PerTier: 43,
			Vouched: canonical.At(w.Now().Add(-time.Hour)), Never: []string{"MARK-7"}, Cut: &actions.Cut{Breaches: 5, Within: 1200}}}},
		{actions.DeskChange, actions.Setting{Of: actions.PartOrders, Order: &actions.Order{Op: "place", Platform: "plaza", Tier: actions.Critical, Until: later, PerSubject: 31, PerTier: 37}}},
		{actions.DeskChange, actions.Setting{Of: actions.PartOrders, Order: &actions.Order{Op: "revoke", Platform: "plaza", Tier: actions.Critical}}},
		{actions.DeskChange, actions.Setting{Of: actions.PartModes, Mode: &actions.Mode{Platform: "plaza", Tier: actions.Standard, Mode: actions.Observe}}},
		{actions.DeskChange, actions.Setting{Of: actions.PartModes, Mode: &actions.Mode{Platform: "plaza", Tier: actions.Standard, Mode: actions.Enforce}}},
		{actions.DeskChange, actions.Setting{Of: actions.PartLocks, Unlock: &actions.Unlock{Subject: star}}},
		{actions.DeskChange, scout},
		{actions.DeskChange, actions.Setting{Of: actions.PartPrograms, Program: &actions.Program{Op: actions.ProgramHandOver, ID: "scout", Owner: "ole"}}},
		{actions.DeskChange, actions.Setting{Of: actions.PartPrograms, Program: &actions.Program{Op: actions.ProgramEnd, ID: "scout"}}},
		{actions.DeskFreeze, actions.Freeze{Op: "freeze", Scope: actions.ScopeWorker, Of: "dan"}},
		{actions.DeskFreeze, actions.Freeze{Op: "thaw", Scope: actions.ScopeWorker, Of: "dan"}},
		{actions.DeskEngagement, actions.Engagement{Op: "end", Worker: "dan"}},
		{actions.DeskEngagement, actions.Engagement{Op: "reinstate", Worker: "dan"}},
		{actions.DeskEngagement, actions.Engagement{Op: "extend", Worker: "dan", Last: later}},
		{actions.DeskKey, actions.Keys{Revoke: []workforce.KeyID{w.PublicKey("dan").ID()}}},
		{actions.DeskChange, actions.Setting{Of: actions.PartPolicy, Policy: files}},
		{actions.DeskChange, actions.Setting{Of: actions.PartTrust, Trust: &trust}},
	} {
		before := w.State().Clone()
		e := w.Change(c.kind, c.change)
		after := w.State()
		resolved := changeIn(t, e)
		words := whole(actions.Action{V: actions.ActionV1, Kind: c.kind, Subject: platform.Subject{Platform: actions.DeskPlatform, ID: resolved.Part()}, Change: canonical.MustMarshal(resolved)})
		if s, ok := resolved.(actions.Setting); ok {
			switch s.Of {
			case actions.PartBudgets:
				words += lines(BudgetsBefore(before.Budgets, s.Budgets))
			case actions.PartTrust:
				words += lines(TrustBefore(before.Trust, *s.Trust))
			case actions.PartVendors:
				words += lines(VendorBefore(before.People.Vendors[s.Vendor.ID], *s.Vendor))
			case actions.PartPlatforms:
				words += lines(PlatformBefore(before.Platforms[s.Platform.Name], *s.Platform))
			case actions.PartOrders:
				words += lines(OrderBefore(before.Orders[actions.PlaceKey(s.Order.Platform, s.Order.Tier)].Order, *s.Order))
			case actions.PartPrograms:
				words += lines(ProgramBefore(before.Programs[s.Program.ID].Program, *s.Program))
			case actions.PartRules, actions.PartQueues, actions.PartHashes:
				words += lines(TextBefore(before.TextNow(s).Text))
			case actions.PartModes:
				words += lines(ModeBefore(before.Observed[actions.PlaceKey(s.Mode.Platform, s.Mode.Tier)], *s.Mode))
			}
		}
		if g, ok := resolved.(actions.Engagement); ok && g.Op == "extend" {
			w, _ := before.People.Worker(g.Worker)
			words += lines(EndBefore(w.Last))
		}
		if s, ok := resolved.(actions.Setting); ok && s.Of == actions.PartBudgets {
			for _, b := range before.Budgets {
				if !slices.Contains(s.Budgets, b) && !strings.Contains(words, "no more: "+Budget(b)) {
					t.Errorf("the words do not say that this budget goes: %s", Budget(b))
				}
			}
		}
		was, is := leafValues(reflect.ValueOf(effectsOf(before)), ""), leafValues(reflect.ValueOf(effectsOf(after)), "")
		changed := 0
		both := maps.Clone(was)
		maps.Copy(both, is)
		for at := range both {
			old, fresh := was[at], is[at]
			if old == fresh || bookkeeping(at) {
				continue
			}
			changed++
			for _, value := range []string{old, fresh} {
				replaced := value == old && fresh != ""
				if value == "" || value == (canonical.Digest{}).String() || replaced && at == ".Policy" {
					continue // an end; and the set in force is compared file by file, by wholePolicy
				}
				if value == old && fresh == "" && !strings.Contains(words, place(at)) {
					t.Errorf("%s goes, and the words do not name %s:\n%s", at, place(at), words)
				} else if (value == fresh || replaced) && !strings.Contains(words, value) && !strings.Contains(strings.ToLower(words), saying(at)) {
					t.Errorf("%s was %q and becomes %q, and the words do not say %q:\n%s", at, old, fresh, value, words)
				}
			}
		}
		if changed == 0 {
			t.Errorf("%s %s changed nothing:\n%s", c.kind, c.change.Part(), words)
		}
	}
}

// changeIn reads the change that a governance entry applied.
func changeIn(t *testing.T, e ledger.Entry) actions.Change {
	t.Helper()
	var r proof.Authority
	if err := canonical.UnmarshalExact(e.Body.Data, &r); err != nil {
		t.Fatal(err)
	}
	c, err := actions.ParseChange(r.Action.Kind, r.Action.Change)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// bookkeeping is who did it, when, and where in the chain: not the change's own.
func bookkeeping(at string) bool {
	switch at[strings.LastIndex(at, ".")+1:] {
	case "Request", "Placed", "Number", "By", "At", "Alone", "Entry", "Admitted", "Added", "Op", "Replaces":
		return !strings.HasSuffix(at, ".Op") || strings.HasPrefix(at, ".Freezes") || strings.HasPrefix(at, ".Orders") || strings.HasPrefix(at, ".Programs")
	}
	if strings.HasPrefix(at, ".Programs") && (strings.Contains(at, ".Key.Public") || strings.Contains(at, ".Possession")) {
		return true // the words name the key by its hash, which TestEveryKindHasWords demands
	}
	return strings.HasPrefix(at, ".Fallen") || strings.Contains(at, ".Past.")
}

// place is the key of the map that a path goes through.
func place(at string) string {
	parts := strings.SplitN(at, ".", 4)
	key := parts[2]
	switch parts[1] {
	case "Orders", "Observed":
		key = key[strings.Index(key, "/")+1:]
	case "Freezes":
		key = key[strings.Index(key, " ")+1:]
	}
	return key
}

// saying is how the words say what has a place and no value.
func saying(at string) string {
	switch {
	case strings.HasPrefix(at, ".Observed"):
		return "only observe"
	case strings.HasPrefix(at, ".Unlocked"):
		return "lock of"
	case strings.HasPrefix(at, ".Freezes"):
		return "freeze"
	case strings.HasPrefix(at, ".Programs") && strings.HasSuffix(at, ".Ended"):
		return "end the program " + place(at)
	case strings.HasPrefix(at, ".Programs") && strings.HasSuffix(at, ".Algorithm"):
		return "with the key key_"
	case strings.HasSuffix(at, ".Ended"):
		return "end the engagement of " + place(at)
	case strings.HasSuffix(at, ".Revoked"):
		return "for ever: " + place(at)
	}
	return "\x00"
}

// leafValues returns what a change says, in the form in which words say it, by its place.
func leafValues(v reflect.Value, at string) map[string]string {
	out := map[string]string{}
	switch x := v.Interface().(type) {
	case canonical.Time:
		if !x.IsZero() {
			out[at] = When(x)
		}
		return out
	case canonical.Digest:
		return map[string]string{at: x.String()}
	case actions.Cut:
		return map[string]string{at: CutAfter(&x)}
	case canonical.Bytes:
		if len(x) > 0 {
			out[at] = fmt.Sprintf("%x", []byte(x))
		}
		return out
	}
	add := func(more map[string]string) {
		for k, s := range more {
			out[k] = s
		}
	}
	switch v.Kind() {
	case reflect.String:
		if v.String() != "" {
			out[at] = v.String()
		}
	case reflect.Int, reflect.Int64:
		if v.Int() != 0 {
			out[at] = fmt.Sprint(v.Int())
		}
	case reflect.Bool:
		if v.Bool() {
			out[at] = strings.ToLower(at[strings.LastIndex(at, ".")+1:])
		}
	case reflect.Pointer:
		if !v.IsNil() {
			add(leafValues(v.Elem(), at))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			add(leafValues(v.Field(i), at+"."+v.Type().Field(i).Name))
		}
	case reflect.Slice:
		for i := range v.Len() {
			add(leafValues(v.Index(i), fmt.Sprintf("%s.%d", at, i)))
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			add(leafValues(v.MapIndex(k), at+"."+k.String()))
		}
	}
	return out
}
