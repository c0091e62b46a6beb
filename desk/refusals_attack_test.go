package desk_test

import (
	"regexp"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/desktest"
	"countersign.dev/fault"
)

// TestRefusalsTellNoAsker: the refusals of what a vendor's people try on another company's request, of
// which they may read the outline alone, tell nothing more.
func TestRefusalsTellNoAsker(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		held := to.Request("abe", acts.Wish{Kind: actions.AccountTakedown, Subject: "plaza:@singer", Reason: "Words of a reason."})
		over := to.Request("abe", acts.Wish{Kind: actions.AccountLimit, Subject: "plaza:@president", Reason: "Words of a reason."})
		over, err := to.TryWithdraw("abe", over.ID, over.Version)
		if err != nil {
			t.Fatal(err)
		}
		declined := to.Request("abe", acts.Wish{Kind: actions.AccountTakedown, Subject: "plaza:@president", Reason: "Words of a reason."})
		no, err := to.DraftVerdict(t.Context(), desktest.As("kim"), declined.ID, actions.VerdictDecline, "")
		if err != nil {
			t.Fatal(err)
		}
		if declined, err = to.Desk.Decline(t.Context(), desktest.As("kim"), declined.ID, to.Signed("kim", no), false, "Words of a reason."); err != nil {
			t.Fatal(err)
		}
		secrets := regexp.MustCompile(`\b(abe|kim|acme)\b|singer|president|acct/|Words of`)
		for _, r := range []actions.Request{held, over, declined} {
			st := r.Signed.Statement
			st.Signer, st.Verdict, st.Key = "bob", actions.VerdictCountersign, to.PublicKey("bob").ID()
			yes := actions.Signed{Statement: st, Signature: to.Sign("bob", st.Challenge())}
			st.Verdict = actions.VerdictDecline
			no := actions.Signed{Statement: st, Signature: to.Sign("bob", st.Challenge())}
			_, withdrawn := to.TryWithdraw("bob", r.ID, r.Version)
			_, stale := to.TryWithdraw("bob", r.ID, r.Version+1)
			_, signed := to.Desk.Countersign(t.Context(), desktest.As("bob"), r.ID, yes)
			_, declined := to.Desk.Decline(t.Context(), desktest.As("bob"), r.ID, no, false, "Because.")
			_, undone := to.TryUndo("bob", r.ID)
			_, again := to.TryRequest("bob", acts.Wish{Kind: r.Action.Kind, Subject: r.Action.Subject.String(), Reason: "Mine."})
			for what, err := range map[string]error{"withdraw": withdrawn, "withdraw as it never was": stale, "countersign": signed, "decline": declined, "undo": undone} {
				text := fault.TextOf(err)
				for _, d := range fault.As(err).Detail {
					text += "\n" + d.Text
				}
				if found := secrets.FindString(text); found != "" || err == nil {
					t.Errorf("%s of a request that is %s tells bob, of bolt, of %q: %v %s", what, r.Status, found, err, text)
				}
			}
			if again != nil && secrets.MatchString(fault.TextOf(again)) {
				t.Logf("the same act: %v", again)
			}
		}
	})
}
