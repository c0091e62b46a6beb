package desk_test

import (
	"testing"

	"countersign.dev/cases"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/desktest"
	"countersign.dev/policy"
)

// TestPolicyNamesALanguage: a policy that gives a language to one vendor keeps the queue of that
// language, and cases in it that lie in other queues, from everybody else.
func TestPolicyNamesALanguage(t *testing.T) {
	set := policy.Default()
	set["german.cedar"] = `@id("german-is-for-acme")
@reason("German cases are for Acme's people.")
forbid (principal, action == Action::"work.queue", resource)
when { resource.language == "de" && !(principal in Vendor::"acme") };
`
	o := newOffice(t, desktest.Options{Policy: set})
	flag := func(external, subject, reason, language string) cases.Case {
		t.Helper()
		got, err := o.TryFlag(external, subject, cases.Reason(reason), "acct/9")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := o.Desk.Case(t.Context(), desktest.As("ann"), got.Case.ID); err != nil {
			t.Fatal(err)
		}
		c := o.now(got.Case.ID)
		if language != "en" {
			taken, err := o.Desk.Claim(t.Context(), desktest.As("sue"), c.ID)
			if err != nil {
				t.Fatal(err)
			}
			c = o.do("sue", "case.language", taken.Case, cases.Order{Language: language})
			if c.State == cases.Claimed {
				if _, err := o.Desk.Release(t.Context(), desktest.As("sue"), c.ID, c.Claim); err != nil {
					t.Fatal(err)
				}
			}
		}
		return o.now(c.ID)
	}
	german := flag("a", "post/1", "MisleadingSpam", "de-AT")
	grave := flag("b", "post/2", "ViolenceThreats", "de")
	if german.Queue != "german" || grave.Queue != "safety" {
		t.Fatalf("the cases are in %s and %s", german.Queue, grave.Queue)
	}
	english := flag("c", "post/3", "ViolenceThreats", "en")
	board, err := o.Desk.QueueBoard(t.Context(), desktest.As("bob"))
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range board {
		if q.Name == "german" {
			t.Error("bob reads the board of the queue german")
		}
	}
	_, err = o.Desk.Next(t.Context(), desktest.As("bob"), "german")
	refused(t, err, "no-such-queue")
	for _, id := range []string{german.ID, grave.ID} {
		_, err := o.Desk.Case(t.Context(), desktest.As("bob"), id)
		refused(t, err, "no-such-case")
	}
	all, _, err := o.Desk.Cases(t.Context(), desktest.As("bob"), casework.Filter{})
	if err != nil || len(all) != 1 || all[0].ID != english.ID {
		t.Errorf("bob's list: %+v, %v", all, err)
	}
	if taken := o.Take("bob"); taken.Case.ID != english.ID {
		t.Errorf("bob got %s in %s", taken.Case.ID, taken.Case.Language)
	}
	_, err = o.Desk.Next(t.Context(), desktest.As("bob"), "")
	refused(t, err, "nothing-waits")
	if taken := o.Take("ann"); taken.Case.ID != grave.ID && taken.Case.ID != german.ID {
		t.Errorf("ann got %s", taken.Case.ID)
	}
}
