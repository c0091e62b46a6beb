package desk_test

import (
	"testing"

	"countersign.dev/actions"
	"countersign.dev/desk"
	"countersign.dev/desk/desktest"
	"countersign.dev/fault"
	"countersign.dev/policy"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

func rewrite(t testing.TB, w *desktest.World, q string, args ...any) {
	t.Helper()
	if err := w.Store.Write(t.Context(), func(tx *store.Tx) error { _, err := tx.Exec(q, args...); return err }); err != nil {
		t.Fatal(err)
	}
}

// TestForgottenAnswer: somebody who writes the database takes an answer out of its row, so that the
// link, which they have read meanwhile, would take another one.
func TestForgottenAnswer(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		w := desktest.New(t, o)
		w.Staff()
		secrets, made := invite(t, w, "ada", "ann")
		answered(t, w, secrets[0], device(1))
		open, err := w.Invited(t.Context(), secrets[0])
		if err != nil {
			t.Fatal(err)
		}
		rewrite(t, w, `update invitation set answered = null, key = null, registration = null, possession = null where id = $1`, made[0].ID)
		r, possession := handIn(open, device(2))
		if _, err := w.AnswerInvitation(t.Context(), secrets[0], r, possession); !fault.Is(err, "no-invitation") {
			t.Errorf("a second answer: %v", err)
		}
		if got := listed(t, w, made[0].ID); got.State != desk.InvitationEdited {
			t.Errorf("the list has %+v", got)
		}
	})
}

// TestRevivedInvitation: a later invitation ended an earlier one, and somebody who writes the database
// takes that back.
func TestRevivedInvitation(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		w := desktest.New(t, o)
		w.Staff()
		secrets, made := invite(t, w, "ada", "ann", "bob")
		answered(t, w, secrets[1], device(1)) // by whoever read bob's mail
		invite(t, w, "ada", "ann", "bob")
		for i := range made {
			rewrite(t, w, `update invitation set withdrawn = null where id = $1`, made[i].ID)
			if _, err := w.Invited(t.Context(), secrets[i]); !fault.Is(err, "no-invitation") {
				t.Errorf("the link that a later one ended: %v", err)
			}
			if got := listed(t, w, made[i].ID); got.State != desk.InvitationEdited || got.Answer != nil {
				t.Errorf("the list has %+v", got)
			}
		}
	})
}

// TestLinkTellsItsMakerNoName: whoever makes a link has its secret. Where policy lets a vendor's people
// ask for enrolments, they read no name of another vendor's people by a link that they made themselves.
func TestLinkTellsItsMakerNoName(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		set := policy.Default()
		set["leads.cedar"] = `@id("leads-enrol")
@reason("Leads may ask for the enrolment of keys.")
permit (principal in Role::"lead", action == Action::"desk.key", resource);
`
		o.Policy = set
		w := desktest.New(t, o)
		w.Staff()
		digest := secretOf(t)
		of, _ := actions.InvitationDigest(digest)
		by := workforce.WorkerID("sue") // a lead of acme
		made, err := w.Invite(t.Context(), desktest.As(by), []desk.Invitee{{Worker: "bob", Secret: of}})
		if err != nil {
			t.Fatal(err)
		}
		open, err := w.Invited(t.Context(), digest)
		if err != nil {
			t.Fatal(err)
		}
		if made[0].Name != "" || open.Name != "" {
			t.Errorf("%s reads that bob, of bolt, is called %q, and %q", by, made[0].Name, open.Name)
		}
	})
}
