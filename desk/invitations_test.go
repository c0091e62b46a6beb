package desk_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk"
	"countersign.dev/desk/desktest"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/passkey"
	"countersign.dev/sqldb"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// secretOf makes the secret of a link.
func secretOf(t testing.TB) string {
	t.Helper()
	b := make([]byte, 32)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	return actions.InvitationSecret(b)
}

// invite has somebody invite people, and returns the secrets of their links.
func invite(t testing.TB, w *desktest.World, by workforce.WorkerID, people ...workforce.WorkerID) ([]string, []desk.Invitation) {
	t.Helper()
	secrets := make([]string, len(people))
	invitees := make([]desk.Invitee, len(people))
	for i, p := range people {
		secrets[i] = secretOf(t)
		digest, _ := actions.InvitationDigest(secrets[i])
		invitees[i] = desk.Invitee{Worker: p, Secret: digest}
	}
	made, err := w.Invite(t.Context(), desktest.As(by), invitees)
	if err != nil {
		t.Fatal(err)
	}
	return secrets, made
}

// device is an authenticator in software.
func device(seed byte) *prooftest.Passkey {
	return prooftest.NewPasskey(workforce.PasskeyES256, bytes.Repeat([]byte{seed}, 32))
}

// handIn makes what a browser hands in for an open invitation with a passkey.
func handIn(o desk.OpenInvitation, p *prooftest.Passkey) (passkey.Registration, actions.Signature) {
	a := p.Usual
	a.Challenge = o.Challenge
	return p.Register(a), p.Sign(actions.PossessionChallenge(o.EnrolName, o.Worker, p.PublicKey().ID()))
}

// answered opens a link and answers it with a passkey.
func answered(t testing.TB, w *desktest.World, secret string, p *prooftest.Passkey) passkey.Made {
	t.Helper()
	o, err := w.Invited(t.Context(), secret)
	if err != nil {
		t.Fatal(err)
	}
	r, possession := handIn(o, p)
	made, err := w.AnswerInvitation(t.Context(), secret, r, possession)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// listed is an invitation as an officer sees it.
func listed(t testing.TB, w *desktest.World, id string) desk.Invitation {
	t.Helper()
	all, err := w.Invitations(t.Context(), desktest.As("bea"))
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(i desk.Invitation) bool { return i.ID == id })
	if i < 0 {
		t.Fatalf("%s is in no list", id)
	}
	return all[i]
}

// TestInvitation: from the link to the key that the officers enrol, by the ordinary change alone.
func TestInvitation(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		w := desktest.New(t, o)
		w.Staff()
		w.Clock().Hold()
		secrets, made := invite(t, w, "ada", "ann", "bob")
		if made[0].State != desk.InvitationMade || made[0].Worker != "ann" || made[0].By != "ada" || made[0].Name != "Name of ann" {
			t.Errorf("made %+v", made[0])
		}
		open, err := w.Invited(t.Context(), secrets[0])
		if err != nil || open.Worker != "ann" || open.State != desk.InvitationMade || open.RelyingParty != "desk.example.com" || open.EnrolName != w.EnrolName() || open.Made != nil {
			t.Fatalf("the link shows %+v: %v", open, err)
		}
		p := device(1)
		r, possession := handIn(open, p)
		got, err := w.AnswerInvitation(t.Context(), secrets[0], r, possession)
		if err != nil {
			t.Fatal(err)
		}
		if got.Key.ID() != p.PublicKey().ID() || !got.Key.Hardware {
			t.Errorf("the desk read %+v", got)
		}
		if again, err := w.AnswerInvitation(t.Context(), secrets[0], r, possession); err != nil || !reflect.DeepEqual(got, again) {
			t.Errorf("the same answer again gives %+v, before %+v: %v", again, got, err)
		}
		open, err = w.Invited(t.Context(), secrets[0])
		if err != nil || open.State != desk.InvitationAnswered || open.Made == nil || open.Made.Key.ID() != p.PublicKey().ID() {
			t.Errorf("after the answer the link shows %+v: %v", open, err)
		}
		in := listed(t, w, made[0].ID)
		if in.State != desk.InvitationAnswered || in.Answer == nil || in.Answer.Made.Key.ID().Words() != p.PublicKey().ID().Words() || in.Answer.Made.Model == "" {
			t.Errorf("the list has %+v", in)
		}
		if s, err := w.State(t.Context()); err != nil {
			t.Fatal(err)
		} else if _, enrolled := s.People.Key(p.PublicKey().ID()); enrolled {
			t.Error("an invitation enrolled a key by itself")
		}
		w.Change(actions.DeskKey, actions.Keys{Enrol: []actions.Enrolment{in.Answer.Enrolment("ann")}})
		if in := listed(t, w, made[0].ID); in.State != desk.InvitationEnrolled {
			t.Errorf("after the enrolment it is %s", in.State)
		}
		if _, err := w.Invited(t.Context(), secrets[0]); !fault.Is(err, "no-invitation") {
			t.Errorf("the link of an enrolled key: %v", err)
		}
		by, err := w.MadeByInvitation(t.Context(), desktest.As("cem"), []workforce.KeyID{p.PublicKey().ID(), w.PublicKey("bob").ID()})
		if err != nil || len(by) != 1 || by[p.PublicKey().ID()].ID != made[0].ID {
			t.Errorf("made by invitation: %+v, %v", by, err)
		}
		if err := w.WithdrawInvitation(t.Context(), desktest.As("ada"), made[0].ID); !fault.Is(err, "key-enrolled") {
			t.Errorf("withdrawn after the enrolment: %v", err)
		}
	})
}

// TestDeadLinks: a link that nobody made, one that was taken back, one whose time is over, and one
// of somebody who has left are answered alike.
func TestDeadLinks(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		w := desktest.New(t, o)
		w.Staff()
		w.Clock().Hold()
		secrets, made := invite(t, w, "ada", "ann", "bob", "dan", "sue", "kim")
		if err := w.WithdrawInvitation(t.Context(), desktest.As("bea"), made[1].ID); err != nil {
			t.Fatal(err)
		}
		if err := w.WithdrawInvitation(t.Context(), desktest.As("bea"), made[1].ID); err != nil {
			t.Errorf("taken back twice: %v", err)
		}
		answered(t, w, secrets[3], device(3))
		again, _ := invite(t, w, "ada", "sue", "kim") // earlier ones end, answered or not
		answered(t, w, again[0], device(4))
		w.Clock().Advance(7 * time.Hour) // dan's last day is over
		digest, _ := actions.InvitationDigest(secretOf(t))
		if _, err := w.Invite(t.Context(), desktest.As("ada"), []desk.Invitee{{Worker: "dan", Secret: digest}}); !fault.Is(err, "bad-invitation") {
			t.Errorf("somebody who has left is invited: %v", err)
		}
		dead := func(secret, what string) {
			t.Helper()
			_, err := w.Invited(t.Context(), secret)
			r, possession := handIn(desk.OpenInvitation{Challenge: make([]byte, 32), Worker: "ann"}, device(9))
			_, posted := w.AnswerInvitation(t.Context(), secret, r, possession)
			for _, err := range []error{err, posted} {
				if !fault.Is(err, "no-invitation") || fault.TextOf(err) != fault.TextOf(unknown(t, w)) {
					t.Errorf("%s: %v", what, err)
				}
			}
		}
		dead(secrets[1], "taken back")
		dead(secrets[2], "of somebody who has left")
		dead(secrets[3], "answered, and a later one was made")
		dead(secrets[4], "a later one was made")
		dead("csgi_short", "no secret")
		dead("", "nothing")
		for id, want := range map[string]desk.InvitationState{made[0].ID: desk.InvitationMade, made[1].ID: desk.InvitationWithdrawn, made[2].ID: desk.InvitationLeft, made[3].ID: desk.InvitationWithdrawn} {
			if got := listed(t, w, id); got.State != want {
				t.Errorf("%s is %s, want %s", got.Worker, got.State, want)
			}
		}
		w.Clock().Advance(17 * time.Hour)
		dead(secrets[0], "of yesterday")
		dead(again[0], "answered, and of yesterday")
		if got := listed(t, w, made[0].ID); got.State != desk.InvitationExpired {
			t.Errorf("of yesterday: %s", got.State)
		}
		w.Clock().Advance(40 * 24 * time.Hour)
		invite(t, w, "ada", "ann")
		all, err := w.Invitations(t.Context(), desktest.As("ada"))
		if err != nil || slices.ContainsFunc(all, func(i desk.Invitation) bool { return i.ID == made[0].ID }) || !slices.ContainsFunc(all, func(i desk.Invitation) bool { return i.ID == made[3].ID }) {
			t.Errorf("after 40 days the list has %+v: %v", all, err)
		}
	})
}

func unknown(t testing.TB, w *desktest.World) error {
	t.Helper()
	_, err := w.Invited(t.Context(), secretOf(t))
	return err
}

// TestInvitationForAnotherSite: what was made for a site that is not the desk's any more is not enrolled.
func TestInvitationForAnotherSite(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		w := desktest.New(t, o)
		w.Staff()
		secrets, made := invite(t, w, "ada", "ann", "bob")
		answered(t, w, secrets[0], device(1))
		s, err := w.State(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		trust := s.Trust
		trust.RelyingParty, trust.Origins = "new.example.org", []string{"https://new.example.org"}
		w.Change(actions.DeskChange, actions.Setting{Of: actions.PartTrust, Trust: &trust})
		if got := listed(t, w, made[0].ID); got.State != desk.InvitationWithdrawn || got.Answer != nil {
			t.Errorf("made for the older site: %+v", got)
		}
		if _, err := w.Invited(t.Context(), secrets[0]); !fault.Is(err, "no-invitation") {
			t.Errorf("its link: %v", err)
		}
		old, err := w.Invited(t.Context(), secrets[1])
		if err != nil || old.RelyingParty != "new.example.org" {
			t.Fatalf("a link that nobody answered: %+v, %v", old, err)
		}
		r, possession := handIn(old, device(2)) // at the older site
		if _, err := w.AnswerInvitation(t.Context(), secrets[1], r, possession); !fault.Is(err, "bad-passkey") {
			t.Errorf("a passkey of the older site: %v", err)
		}
	})
}

// TestWhoInvites: who may ask for an enrolment invites, all of a list or nobody of it; others neither
// invite nor read.
func TestWhoInvites(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		w := desktest.New(t, o)
		w.Staff()
		digest := func() canonical.Digest { d, _ := actions.InvitationDigest(secretOf(t)); return d }
		for _, by := range []workforce.WorkerID{"ann", "kim", "sue", "nobody"} {
			if _, err := w.Invite(t.Context(), desktest.As(by), []desk.Invitee{{Worker: "bob", Secret: digest()}}); fault.KindOf(err) != fault.Forbidden {
				t.Errorf("%s invites: %v", by, err)
			}
			if _, err := w.Invitations(t.Context(), desktest.As(by)); fault.KindOf(err) != fault.Forbidden {
				t.Errorf("%s reads: %v", by, err)
			}
			if _, err := w.MadeByInvitation(t.Context(), desktest.As(by), nil); fault.KindOf(err) != fault.Forbidden {
				t.Errorf("%s reads of keys: %v", by, err)
			}
			if err := w.WithdrawInvitation(t.Context(), desktest.As(by), "inv_none"); fault.KindOf(err) != fault.Forbidden {
				t.Errorf("%s withdraws: %v", by, err)
			}
		}
		one, two := digest(), digest()
		first, err := w.Invite(t.Context(), desktest.As("ada"), []desk.Invitee{{Worker: "eva", Secret: one}})
		if err != nil {
			t.Fatal(err)
		}
		if again, err := w.Invite(t.Context(), desktest.As("ada"), []desk.Invitee{{Worker: "eva", Secret: one}}); err != nil || again[0].ID != first[0].ID || again[0].State != desk.InvitationMade {
			t.Errorf("the same list again: %+v, %v", again, err)
		}
		for _, list := range [][]desk.Invitee{{{Worker: "kim", Secret: one}}, {{Worker: "eva", Secret: one}, {Worker: "kim", Secret: two}}} {
			if _, err := w.Invite(t.Context(), desktest.As("ada"), list); !fault.Is(err, "bad-invitation") {
				t.Errorf("a secret that is used: %v", err)
			}
		}
		same := digest()
		_, err = w.Invite(t.Context(), desktest.As("ada"), []desk.Invitee{{Worker: "ann", Secret: digest()}, {Worker: "nobody", Secret: digest()}, {Worker: "ann", Secret: digest()},
			{Worker: "bob"}, {Worker: "kim", Secret: same}, {Worker: "eva", Secret: same}, {Worker: "<b>", Secret: digest()}})
		var at []string
		for _, d := range fault.As(err).Detail {
			at = append(at, d.At)
		}
		if !fault.Is(err, "bad-invitation") || !slices.Equal(at, []string{"people[1]", "people[2]", "people[3]", "people[5]", "people[6]"}) {
			t.Errorf("a list with faults: %v, %v", err, at)
		}
		var many []desk.Invitee
		for i := range 51 {
			many = append(many, desk.Invitee{Worker: workforce.WorkerID(fmt.Sprint("w", i)), Secret: digest()})
		}
		for _, list := range [][]desk.Invitee{nil, many} {
			if _, err := w.Invite(t.Context(), desktest.As("ada"), list); !fault.Is(err, "bad-invitation") || len(fault.As(err).Detail) > 0 {
				t.Errorf("%d people: %v", len(list), err)
			}
		}
		if all, err := w.Invitations(t.Context(), desktest.As("ada")); err != nil || len(all) != 1 {
			t.Errorf("somebody was invited: %+v, %v", all, err)
		}
		if err := w.WithdrawInvitation(t.Context(), desktest.As("ada"), "inv_none"); !fault.Is(err, "no-invitation") {
			t.Errorf("one that there is not: %v", err)
		}
	})
}

// TestAnswersThatAreNone: what was made for another invitation, desk, worker or challenge, what does
// not sign for itself, and a key that there is already are refused; a link takes one answer.
func TestAnswersThatAreNone(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		w := desktest.New(t, o)
		w.Staff()
		secrets, _ := invite(t, w, "ada", "ann", "bob", "kim")
		ann, err := w.Invited(t.Context(), secrets[0])
		if err != nil {
			t.Fatal(err)
		}
		bob, err := w.Invited(t.Context(), secrets[1])
		if err != nil {
			t.Fatal(err)
		}
		p := device(1)
		refused := func(what, want string, r passkey.Registration, possession actions.Signature) {
			t.Helper()
			if _, err := w.AnswerInvitation(t.Context(), secrets[0], r, possession); !fault.Is(err, want) {
				t.Errorf("%s: %v, want %s", what, err, want)
			}
		}
		good, possession := handIn(ann, p)
		other, otherPossession := handIn(bob, p)
		refused("made for another invitation", "bad-passkey", other, otherPossession)
		refused("made for another invitation, signed for this one", "bad-passkey", other, possession)
		refused("signed for another worker", "bad-passkey", good, otherPossession)
		elsewhere := ann
		elsewhere.EnrolName = "rehearsal.example.com/ledger#" + strings.Repeat("0", 10)
		_, foreign := handIn(elsewhere, p)
		refused("signed for another desk", "bad-passkey", good, foreign)
		_, thief := handIn(ann, device(2))
		refused("signed by another key", "bad-passkey", good, thief)
		refused("not signed", "bad-passkey", good, actions.Signature{})
		refused("nothing", "bad-passkey", passkey.Registration{}, actions.Signature{})
		// The authenticator says once that the key is bound to it, and once that it is not.
		synced := device(1)
		synced.Usual.Flags |= prooftest.Backupable
		_, copyable := handIn(ann, synced)
		refused("copyable when it signs, and not when it was made", "bad-passkey", good, copyable)
		copied, _ := handIn(ann, synced)
		refused("copyable when it was made, and not when it signs", "bad-passkey", copied, possession)

		w.Change(actions.DeskKey, actions.Keys{Enrol: []actions.Enrolment{{Worker: "bob", Key: device(5).PublicKey(), Possession: device(5).Sign(actions.PossessionChallenge(w.EnrolName(), "bob", device(5).PublicKey().ID()))}}})
		taken, takenPossession := handIn(ann, device(5))
		refused("the key of somebody else", "key-taken", taken, takenPossession)
		answered(t, w, secrets[1], device(6))
		shared, sharedPossession := handIn(ann, device(6))
		refused("a key that somebody else handed in", "key-taken", shared, sharedPossession)

		if _, err := w.AnswerInvitation(t.Context(), secrets[0], good, possession); err != nil {
			t.Fatal(err)
		}
		late, latePossession := handIn(ann, device(7))
		refused("a second answer", "invitation-answered", late, latePossession)
		refused("half a second answer", "invitation-answered", good, latePossession)
		said := good
		said.Transports = []string{"nfc"}
		refused("the other half", "invitation-answered", said, possession)

		// Guessing what an answer may be costs the desk little.
		kim, err := w.Invited(t.Context(), secrets[2])
		if err != nil {
			t.Fatal(err)
		}
		wrong, _ := handIn(kim, device(8))
		w.Clock().Hold()
		var last error
		for range 21 {
			_, last = w.AnswerInvitation(t.Context(), secrets[2], wrong, actions.Signature{})
		}
		if !fault.Is(last, "asking-too-fast") {
			t.Errorf("the 21st answer under one link: %v", last)
		}
		w.Clock().Advance(3 * time.Second)
		right, signed := handIn(kim, device(8))
		if _, err := w.AnswerInvitation(t.Context(), secrets[2], right, signed); err != nil {
			t.Errorf("the right answer a moment later: %v", err)
		}
	})
}

// TestOneAnswer: whoever hold a link together answer it once, at whichever node.
func TestOneAnswer(t *testing.T) {
	desktest.Both(t, func(t *testing.T, o desktest.Options) {
		w := desktest.New(t, o)
		w.Staff()
		secrets, made := invite(t, w, "ada", "ann")
		open, err := w.Invited(t.Context(), secrets[0])
		if err != nil {
			t.Fatal(err)
		}
		nodes := []*desktest.World{w, w}
		if w.Store.DB().Dialect() == sqldb.PostgreSQL {
			nodes[1] = w.Node(o)
		}
		const holders = 8
		errs := make(chan error, holders)
		for i := range holders {
			r, possession := handIn(open, device(byte(20+i)))
			go func() {
				_, err := nodes[i%2].AnswerInvitation(context.WithoutCancel(t.Context()), secrets[0], r, possession)
				errs <- err
			}()
		}
		won := 0
		for range holders {
			switch err := <-errs; {
			case err == nil:
				won++
			case !fault.Is(err, "invitation-answered"):
				t.Errorf("a holder of the link: %v", err)
			}
		}
		var entries []ledger.Entry
		if err := w.Store.Read(t.Context(), func(tx *store.Tx) (err error) {
			entries, err = tx.EntriesAbout(made[0].ID, canonical.Time{}, 100)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if won != 1 || len(entries) != 2 || listed(t, w, made[0].ID).State != desk.InvitationAnswered {
			t.Errorf("%d holders answered, and the ledger has %d entries", won, len(entries))
		}
	})
}

// TestSwappedAnswer: somebody who writes the database puts a passkey of their own in the place of the
// one that was made. The ledger has another answer, and the words are others.
func TestSwappedAnswer(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		w := desktest.New(t, o)
		w.Staff()
		secrets, made := invite(t, w, "ada", "ann", "bob")
		open, err := w.Invited(t.Context(), secrets[0])
		if err != nil {
			t.Fatal(err)
		}
		answered(t, w, secrets[0], device(1))
		evil := device(2)
		r, possession := handIn(open, evil)
		write := func(q string, args ...any) {
			t.Helper()
			if err := w.Store.Write(t.Context(), func(tx *store.Tx) error { _, err := tx.Exec(q, args...); return err }); err != nil {
				t.Fatal(err)
			}
		}
		edited := func(what string) {
			t.Helper()
			if got := listed(t, w, made[0].ID); got.State != desk.InvitationEdited || got.Answer != nil {
				t.Errorf("%s: the list has %+v", what, got)
			}
		}
		write(`update invitation set registration = $2 where id = $1`, made[0].ID, []byte(canonical.MustMarshal(r)))
		edited("another registration") // whose key did not sign
		write(`update invitation set possession = $2, key = $3 where id = $1`, made[0].ID, []byte(canonical.MustMarshal(possession)), string(evil.PublicKey().ID()))
		edited("another registration and its signature") // which is valid by itself
		write(`update invitation set registration = $2 where id = $1`, made[0].ID, []byte("{}"))
		edited("no registration")
		if _, err := w.Invited(t.Context(), secrets[0]); !fault.Is(err, "no-invitation") {
			t.Errorf("the link of an edited answer: %v", err)
		}
		write(`update invitation set log = 'rehearsal.example.com/ledger' where id = $1`, made[1].ID)
		if _, err := w.Invited(t.Context(), secrets[1]); !fault.Is(err, "no-invitation") {
			t.Errorf("the link of another desk: %v", err)
		}
		write(`update invitation set log = $2 where id = $1`, made[1].ID, w.EnrolName())
		// A row for somebody else's link has a key that signed for another worker.
		answered(t, w, secrets[1], device(3))
		write(`update invitation set worker = 'kim' where id = $1`, made[1].ID)
		if got := listed(t, w, made[1].ID); got.State != desk.InvitationEdited {
			t.Errorf("moved to somebody else: %+v", got)
		}

		// A link that nobody made, in an officer's name; the link of another person, who never gets it;
		// one that lives longer.
		mine := secretOf(t)
		digest, _ := actions.InvitationDigest(mine)
		write(`insert into invitation (id, secret, log, worker, inviter, made, expires) values ('inv_mine', $1, $2, 'kim', 'ada', $3, $4)`,
			digest.String(), w.EnrolName(), w.Clock().Now().UnixMicro(), w.Clock().Now().Add(time.Hour).UnixMicro())
		dead := func(what, secret, id string) {
			t.Helper()
			if _, err := w.Invited(t.Context(), secret); !fault.Is(err, "no-invitation") {
				t.Errorf("%s is answered: %v", what, err)
			}
			if got := listed(t, w, id); got.State != desk.InvitationEdited {
				t.Errorf("%s: %+v", what, got)
			}
		}
		dead("a link that nobody made", mine, "inv_mine")
		theirs, made := invite(t, w, "ada", "eva", "sue", "ole")
		swapped := secretOf(t)
		digest, _ = actions.InvitationDigest(swapped)
		write(`update invitation set secret = $2 where id = $1`, made[0].ID, digest.String())
		dead("a link whose secret was swapped", swapped, made[0].ID)
		write(`update invitation set expires = $2 where id = $1`, made[1].ID, w.Clock().Now().Add(99*time.Hour).UnixMicro())
		dead("a link that was given more time", theirs[1], made[1].ID)
		if err := w.WithdrawInvitation(t.Context(), desktest.As("ada"), made[2].ID); err != nil {
			t.Fatal(err)
		}
		write(`update invitation set withdrawn = null where id = $1`, made[2].ID)
		dead("a link that was taken back, and is not any more", theirs[2], made[2].ID)
	})
}
