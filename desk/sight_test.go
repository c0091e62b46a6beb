package desk_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/desktest"
	"countersign.dev/ledger/entry"
	"countersign.dev/platform"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// openings counts how often a worker opened a case, by the way.
func (o office) openings(id string, w workforce.WorkerID) map[string]int {
	o.t.Helper()
	n := map[string]int{}
	if err := o.Store.Read(o.t.Context(), func(tx *store.Tx) error {
		all, err := tx.Openings(id, "", 1000)
		for _, one := range all {
			if one.Worker == w {
				n[one.Why]++
			}
		}
		return err
	}); err != nil {
		o.t.Fatal(err)
	}
	return n
}

// sights returns the entries about who saw a case, in their order. None of them names the subject.
func (o office) sights(id string) (all []entry.CaseRead) {
	o.t.Helper()
	for _, e := range since(o.t, o.World, 0) {
		if e.Body.Kind != entry.KindCaseRead {
			continue
		}
		var r entry.CaseRead
		if err := canonical.UnmarshalExact(e.Body.Data, &r); err != nil {
			o.t.Fatal(err)
		}
		if strings.Contains(string(e.BodyBytes), "post/") || strings.Contains(string(e.BodyBytes), "acct/") {
			o.t.Errorf("the entry names whom it is about: %s", e.BodyBytes)
		}
		if r.Case == id {
			all = append(all, r)
		}
	}
	return all
}

// TestEachWayIn: each way in which somebody gets to see a case is a row, and an entry too where
// the subject is protected or critical: one for each claim, and one an hour for all reads.
func TestEachWayIn(t *testing.T) {
	for _, tier := range actions.Tiers {
		t.Run(string(tier), func(t *testing.T) {
			desktest.Each(t, func(t *testing.T, opt desktest.Options) {
				o := newOffice(t, opt)
				ctx := t.Context()
				o.Subjects.Ranked("post/1", tier)
				o.Subjects.Shows("post/1", platform.Evidence{Sort: platform.Content, Text: platform.Text{Text: "I will come for you."},
					Pictures: []platform.Picture{{Name: "1"}}}, pngOf(t, 8))
				o.Adopt(actions.PartRules, strings.Replace(cases.DefaultRules(), `"referrals": []`, `"referrals": [{"id": "hotline", "name": "The hotline", "to": "desk@hotline.example", "about": "Threats."}]`, 1))
				o.Run()
				id := o.Flag("a", "post/1", "ViolenceThreats", "acct/9").Case.ID
				o.Evidenced(id)
				taken := o.Take("ann")
				o.do("ann", actions.DeedRefer, taken.Case, cases.Order{Referral: "hotline", Reference: "H-77", Until: o.in(90 * 24 * time.Hour)})
				now := o.Clock().Now()
				o.Clock().Advance(now.Truncate(time.Hour).Add(time.Hour + time.Minute).Sub(now))
				ann := desktest.As("ann")
				kept, err := o.Desk.EvidenceOf(ctx, ann, id)
				if err != nil || len(kept) != 1 || len(kept[0].Shown.Pictures) != 1 {
					t.Fatalf("%+v: %v", kept, err)
				}
				ways := []struct {
					how  string
					open func() error
				}{
					{"evidence", func() error { _, err := o.Desk.EvidenceOf(ctx, ann, id); return err }},
					{"read", func() error { _, err := o.Desk.Case(ctx, ann, id); return err }},
					{"evidence", func() error { _, err := o.Desk.EvidenceDocument(ctx, ann, id, kept[0].Document); return err }},
					{"picture", func() error {
						_, err := o.Desk.OpenPicture(ctx, ann, id, kept[0].Shown.Pictures[0].Digest, "to judge it")
						return err
					}},
					{"now", func() error { _, err := o.Desk.Now(ctx, ann, id); return err }},
					{"now", func() error { _, err := o.Desk.EvidenceNow(ctx, ann, id); return err }},
					{"referral", func() error { _, err := o.Desk.ReferralExport(ctx, ann, id); return err }},
					{"claim", func() error { _, err := o.Desk.Claim(ctx, ann, id); return err }},
				}
				entered := func() int { return len(o.sights(id)) }
				if n := entered(); tier == actions.Standard && n != 0 || tier != actions.Standard && n == 0 {
					t.Fatalf("a claim left %d entries", n)
				}
				for i, way := range ways {
					o.Clock().Advance(time.Hour) // to one in which nobody read the case
					if _, err := o.Desk.Claim(ctx, ann, id); err != nil {
						t.Fatal(err)
					}
					rows, entries := o.openings(id, "ann"), entered()
					for range 2 {
						if err := way.open(); err != nil {
							t.Fatalf("%d %s: %v", i, way.how, err)
						}
						o.Clock().Advance(time.Millisecond)
					}
					if have := o.openings(id, "ann"); have[way.how] != rows[way.how]+2 {
						t.Errorf("%d: two openings by %s are %d rows", i, way.how, have[way.how]-rows[way.how])
					}
					want := 1
					if tier == actions.Standard {
						want = 0
					}
					all := o.sights(id)
					if len(all) != entries+want {
						t.Errorf("%d: two openings by %s of a %s subject are %d entries in an hour, want %d", i, way.how, tier, len(all)-entries, want)
					} else if want > 0 {
						if last := all[len(all)-1]; last != (entry.CaseRead{Case: id, How: way.how, Tier: tier, Worker: "ann"}) {
							t.Errorf("%d: the entry says %+v", i, last)
						}
					}
				}
			})
		})
	}
}

// TestEachClaimIsEntered: each claim of a case of a protected subject is an entry, however many
// there are in an hour: by next, by identifier, and by a decision that is taken back. People at
// the desk may have raised the subject that nobody has read yet.
func TestEachClaimIsEntered(t *testing.T) {
	desktest.Each(t, func(t *testing.T, opt desktest.Options) {
		o := newOffice(t, opt)
		o.Subjects.Ranked("post/1", actions.Protected)
		id := o.Flag("a", "post/1", "MisleadingSpam", "acct/9").Case.ID
		taken := o.Take("ann")
		if _, err := o.Desk.Release(t.Context(), desktest.As("ann"), id, taken.Claim.Number); err != nil {
			t.Fatal(err)
		}
		taken, err := o.Desk.Claim(t.Context(), desktest.As("ann"), id)
		if err != nil {
			t.Fatal(err)
		}
		out, err := o.TryDecide("ann", taken, casework.Judgement{Verdict: actions.CaseNoViolation})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, _, err := back(o.World, "ann", out.ID); err != nil {
			t.Fatal(err)
		}
		claim := entry.CaseRead{Case: id, How: "claim", Tier: actions.Protected, Worker: "ann"}
		if got := o.sights(id); !slices.Equal(got, []entry.CaseRead{claim, claim, claim}) {
			t.Errorf("three claims left %+v", got)
		}
		if n := o.openings(id, "ann")["claim"]; n != 3 {
			t.Errorf("three claims are %d rows", n)
		}

		o.Change(actions.DeskChange, actions.Setting{Of: actions.PartTiers, Raise: &actions.Raise{Subject: platform.Subject{Platform: "plaza", ID: "acct/raised"}, From: actions.Standard, To: actions.Critical}})
		raised := o.Flag("b", "acct/raised", "MisleadingSpam", "acct/9").Case.ID
		if _, err := o.Desk.Case(t.Context(), desktest.As("bob"), raised); err != nil {
			t.Fatal(err)
		}
		if got := o.sights(raised); !slices.Equal(got, []entry.CaseRead{{Case: raised, How: "read", Tier: actions.Critical, Worker: "bob"}}) {
			t.Errorf("the first look at a subject that was raised left %+v", got)
		}
	})
}

// TestNothingShownUnentered: what cannot be entered is not shown.
func TestNothingShownUnentered(t *testing.T) {
	o := newOffice(t, desktest.Options{})
	o.Subjects.Ranked("post/1", actions.Critical)
	o.Subjects.Shows("post/1", platform.Evidence{Sort: platform.Content, Text: platform.Text{Text: "secret words"}}, nil)
	o.Run()
	id := o.Flag("a", "post/1", "MisleadingSpam", "acct/9").Case.ID
	o.Evidenced(id)
	kept, err := o.Desk.EvidenceOf(t.Context(), desktest.As("bob"), id)
	if err != nil {
		t.Fatal(err)
	}
	o.Rest()
	if _, err := o.Desk.Now(t.Context(), desktest.As("bob"), id); err != nil { // its tier is known from now on
		t.Fatal(err)
	}
	if err := o.Store.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(`drop table case_opening`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	ann := desktest.As("ann")
	for what, open := range map[string]func() (any, error){
		"case":     func() (any, error) { return o.Desk.Case(t.Context(), ann, id) },
		"now":      func() (any, error) { return o.Desk.Now(t.Context(), ann, id) },
		"evidence": func() (any, error) { return o.Desk.EvidenceOf(t.Context(), ann, id) },
		"document": func() (any, error) { return o.Desk.EvidenceDocument(t.Context(), ann, id, kept[0].Document) },
		"fresh":    func() (any, error) { return o.Desk.EvidenceNow(t.Context(), ann, id) },
		"next":     func() (any, error) { return o.Desk.Next(t.Context(), ann, "") },
		"claim":    func() (any, error) { return o.Desk.Claim(t.Context(), desktest.As("sue"), id) },
		"shown":    func() (any, error) { return o.Desk.ShownUnder(t.Context(), desktest.As("kim"), kept[0].Document) },
	} {
		got, err := open()
		if err == nil || strings.Contains(fmt.Sprintf("%s %+v", got, got), "secret words") || strings.Contains(fmt.Sprintf("%+v", got), "post/1") {
			t.Errorf("%s shows %+v (%v), although nobody could keep that", what, got, err)
		}
	}
}

// TestEvidenceKnowsTheTier: the copy of the evidence reads the state beside it, so that the first
// claim of a critical subject's case is an entry, although the evidence has told the owner.
func TestEvidenceKnowsTheTier(t *testing.T) {
	desktest.Each(t, func(t *testing.T, opt desktest.Options) {
		o := newOffice(t, opt)
		o.Subjects.Ranked("post/1", actions.Critical)
		o.Subjects.Shows("post/1", platform.Evidence{Sort: platform.Content, Author: platform.Profile{ID: "acct/9"}, Text: platform.Text{Text: "words"}}, nil)
		o.Run()
		id := o.Flag("a", "post/1", "MisleadingSpam", "acct/8").Case.ID
		o.Evidenced(id)
		taken := o.Take("ann")
		if taken.Shown.Seen == nil || taken.Shown.Seen.Tier != string(actions.Critical) {
			t.Errorf("the claim shows no tier: %+v", taken.Shown.Seen)
		}
		if got := o.sights(id); len(got) != 1 || got[0].Tier != actions.Critical || got[0].How != "claim" {
			t.Errorf("the first claim left %+v", got)
		}
	})
}
