package desk_test

import (
	"strconv"
	"testing"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/desktest"
	"countersign.dev/desk/kernel"
	"countersign.dev/platform"
	"countersign.dev/policy"
)

// TestCaseCursorsTellNothing: the cursor of a list of cases names no case that its reader may not know
// of, and does not say that there are more of them.
func TestCaseCursorsTellNothing(t *testing.T) {
	set := policy.Default()
	set["french.cedar"] = `@id("no-french")
@reason("Bolt's people do not read French cases.")
forbid (principal in Vendor::"bolt", action in [Action::"work.queue", Action::"read.case"], resource)
when { resource has language && resource.language == "fr" };
`
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		o.Policy = set
		to := desktest.NewTown(t, o)
		to.OpenOffice()
		flag := func(n int, subject, language string) {
			t.Helper()
			to.Clock().Advance(time.Millisecond)
			got, err := to.TakeReports(t.Context(), kernel.ProgramCaller{ID: "square"}, []cases.Report{{ExternalID: strconv.Itoa(n), At: canonical.At(to.Clock().Now()), Reason: "MisleadingSpam",
				Subject: platform.Subject{Platform: "plaza", ID: subject}, Scores: []cases.Score{}, Evidence: cases.Told{Language: language}, Reporter: cases.Reporter{ID: "acct/9"}}})
			if err != nil || got[0].Err != nil {
				t.Fatal(err, got)
			}
		}
		flag(1, "acct/3", "en")
		flag(2, "acct/4", "fr")
		flag(3, "post/1", "en")
		flag(4, "acct/2", "fr")
		flag(5, "acct/1", "fr")
		all, _, err := to.Cases(t.Context(), desktest.As("kim"), casework.Filter{Queue: "spam"})
		if err != nil {
			t.Fatal(err)
		}
		languages := map[string]string{}
		for _, c := range all {
			languages[c.ID] = c.Language
		}
		seen := 0
		for f := (casework.Filter{Queue: "spam", Limit: 1}); ; {
			page, next, err := to.Cases(t.Context(), desktest.As("bob"), f)
			if err != nil {
				t.Fatal(err)
			}
			if seen += len(page); languages[next] == "fr" || next != "" && len(page) == 0 {
				t.Errorf("after %d cases the cursor names %s, in %q", len(page), next, languages[next])
			}
			if f.Cursor = next; next == "" {
				break
			}
		}
		if seen != 2 || len(all) != 5 {
			t.Errorf("bob goes through %d cases, kim through %d", seen, len(all))
		}
	})
}
