package proof_test

import (
	"strings"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/platform"
	"countersign.dev/policy"
)

// pds is a platform as the connector for a PDS promises it: no fact that a rule of the
// default policy reads.
func pds(yes ...string) actions.Setting {
	return actions.Setting{Of: actions.PartPlatforms, Unranked: yes,
		Platform: &actions.Platform{Name: "bluesky", Connector: "bluesky", Facts: []platform.Fact{platform.FactCreated, platform.FactOwner}}}
}

// withTiers is the default policy with other rules about tiers.
func withTiers(text string) map[string]string {
	files := policy.Default()
	files["tiers.json"] = text
	return files
}

// TestPlatformWithoutRanks: where no rule can tell which accounts matter, all officers
// have signed that they know, in the change itself, or the chain does not take it.
func TestPlatformWithoutRanks(t *testing.T) {
	w := prooftest.Found(t, prooftest.Options{})
	w.Staff()
	err := do(w, actions.DeskChange, pds(), "ada", "bea", "cem")
	if !fault.Is(err, "unranked-platform") || !strings.Contains(err.Error(), "bluesky") {
		t.Errorf("a platform on which every account is standard was added without a word: %v", err)
	}
	if err := do(w, actions.DeskChange, pds("plaza"), "ada", "bea", "cem"); !fault.Is(err, "unranked-platform") {
		t.Errorf("a yes to another platform was taken: %v", err)
	}
	must(t, do(w, actions.DeskChange, pds("bluesky"), "ada", "bea", "cem"))
	must(t, do(w, actions.DeskChange, raise("acct/1", actions.Standard, actions.Critical), "ada"))
	s := w.State()
	if got := s.Platforms["bluesky"]; got.Connector != "bluesky" || len(got.Facts) != 2 {
		t.Errorf("the chain knows %+v", got)
	}
	u := s.Unranked("bluesky", s.Platforms["bluesky"].Facts)
	if u == nil || len(u.Rules) != 4 || u.Rules[3] != "tiers.bluesky.4" || u.Raised != 0 || !strings.Contains(u.String(), "4 cannot speak") {
		t.Errorf("told is %v", u)
	}
	if u := s.Unranked("plaza", s.Platforms["plaza"].Facts); u != nil {
		t.Errorf("of a platform with facts is told: %v", u)
	}
	if u := s.Unranked("plaza", nil); u == nil || u.Raised != 1 || !strings.Contains(u.String(), "only 1 subject raised by people") {
		t.Errorf("of a connector that gives nothing any more is told: %v", u)
	}
	// A yes where there is nothing to say yes to would be signed without a meaning.
	again := actions.Setting{Of: actions.PartPlatforms, Platform: &actions.Platform{Name: "plaza", Connector: "plaza", Facts: platform.Facts}, Unranked: []string{"plaza"}}
	if err := do(w, actions.DeskChange, again, "ada", "bea", "cem"); !fault.Is(err, "unranked-platform") {
		t.Errorf("a yes without need was taken: %v", err)
	}
}

// TestPolicyTakesLastRank: a set that takes the last rule which could rank the accounts
// of a connected platform wants the same yes.
func TestPolicyTakesLastRank(t *testing.T) {
	w := prooftest.Found(t, prooftest.Options{})
	w.Staff()
	must(t, do(w, actions.DeskChange, pds("bluesky"), "ada", "bea", "cem"))
	set := func(tiers string, yes ...string) error {
		return do(w, actions.DeskChange, actions.Setting{Of: actions.PartPolicy, Policy: withTiers(tiers), Unranked: yes}, "ada", "bea", "cem")
	}
	const none = `{"plaza":[],"bluesky":[]}`
	if err := set(none); !fault.Is(err, "unranked-platform") || !strings.Contains(err.Error(), "plaza") || strings.Contains(err.Error(), "bluesky") {
		t.Errorf("the last rule was taken from plaza: %v", err)
	}
	if err := set(none, "bluesky", "plaza"); !fault.Is(err, "unranked-platform") {
		t.Errorf("bluesky was so before, and was signed again: %v", err)
	}
	must(t, set(none, "plaza"))
	must(t, set(`{"plaza":[],"bluesky":[{"tier":"protected","always":true,"reason":"Every account here matters."}]}`))
	if u := w.State().Unranked("bluesky", nil); u != nil {
		t.Errorf("a rule that always holds ranks, and yet: %v", u)
	}
}

// TestOldPlatformsWithoutRanks: chains of the first laws go on as they were.
func TestOldPlatformsWithoutRanks(t *testing.T) {
	w := prooftest.Found(t, prooftest.Options{FirstLaws: true})
	w.Staff()
	must(t, do(w, actions.DeskChange, actions.Setting{Of: actions.PartPlatforms, Platform: &actions.Platform{Name: "bluesky", Connector: "bluesky"}}, "ada", "bea", "cem"))
}
