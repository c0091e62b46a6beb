package wording_test

import (
	"testing"

	"countersign.dev/cases"
	"countersign.dev/wording"
)

// TestReason: each reason of the taxonomy has words, and no two have the same.
func TestReason(t *testing.T) {
	for r, want := range map[cases.Reason]string{"MisleadingScam": "misleading: scam", "ChildSafetyCSAM": "child-safety: CSAM", "HarassmentHateSpeech": "harassment: hate speech", "SelfHarmED": "self-harm: ED",
		"SexualNCII": "sexual: NCII", "RuleBanEvasion": "rule: ban evasion", "Appeal": "appeal", "Other": "other", "ViolenceGraphicContent": "violence: graphic content"} {
		if got := wording.Reason(r); got != want {
			t.Errorf("%s: %q, want %q", r, got, want)
		}
	}
	seen := map[string]cases.Reason{}
	for _, r := range cases.Reasons() {
		words := wording.Reason(r)
		if other, is := seen[words]; is {
			t.Errorf("%s and %s are both %q", r, other, words)
		}
		seen[words] = r
	}
}
