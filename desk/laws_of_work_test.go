package desk_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/desktest"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/platform"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// flagged is a report on a subject of plaza, in somebody's words.
func flagged(external, subject, text string) cases.Report {
	return cases.Report{ExternalID: external, Subject: platform.Subject{Platform: "plaza", ID: subject}, Reason: "spam", Text: text, Scores: []cases.Score{},
		Evidence: cases.Told{Text: text, Language: "en"}, Reporter: cases.Reporter{ID: "acct/9"}}
}

func workerOf(t *testing.T, of *desktest.Office, id workforce.WorkerID) workforce.Worker {
	t.Helper()
	s, err := of.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w, ok := s.People.Worker(id)
	if !ok {
		t.Fatalf("there is no worker %s", id)
	}
	return w
}

// TestLaw12ReportsAreInOneCase: the same report again, alone or among others, gets the first
// answer; another one under its name is refused, and takes nothing else with it; and each is in
// one case and counted once, by rows and by documents.
func TestLaw12ReportsAreInOneCase(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		of := desktest.NewOffice(t, o)
		from := of.AdmitProgram("square2", "ann", cases.SourcePerson)
		take := func(rs ...cases.Report) []casework.Received {
			t.Helper()
			got, err := of.Desk.TakeReports(t.Context(), from, rs)
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		first := take(flagged("a", "post/1", "buy"))[0]
		again := take(flagged("a", "post/1", "buy"))[0]
		if again.New || again.Report.ID != first.Report.ID || again.Promise != first.Promise || again.Document.Number != first.Document.Number {
			t.Errorf("the same report again: got %+v, want the answer %+v", again, first)
		}
		mixed := take(flagged("a", "post/1", "buy"), flagged("a", "post/1", "sell"), flagged("b", "post/1", "buy"), flagged("b", "post/1", "buy"), flagged("c", "post/2", "buy"))
		refused(t, mixed[1].Err, "report-differs")
		for i, want := range map[int]string{0: first.Case.ID, 2: first.Case.ID, 3: first.Case.ID} {
			if mixed[i].Err != nil || mixed[i].Case.ID != want {
				t.Errorf("report %d: got %+v, want it in the case %s", i, mixed[i], want)
			}
		}
		if mixed[2].Report.ID != mixed[3].Report.ID || !mixed[2].New || mixed[3].New {
			t.Errorf("the same report twice in one call is two: %+v, %+v", mixed[2], mixed[3])
		}
		if mixed[4].Case.ID == first.Case.ID {
			t.Error("a report on another subject joined the case")
		}
		if err := of.Store.Read(t.Context(), func(tx *store.Tx) error {
			c, err := tx.Case(first.Case.ID)
			rows, unread := tx.ReportsOf(first.Case.ID, "", 100)
			docs, unheard := tx.Documents(ledger.ReportDocument, 0, 100)
			if c.Reports != 2 || len(rows) != 2 || len(docs) != 3 || c.Reporters != 1 {
				t.Errorf("the case counts %d reports of %d people and has %d rows; there are %d documents, want 2, 1, 2 and 3", c.Reports, c.Reporters, len(rows), len(docs))
			}
			return errors.Join(err, unread, unheard)
		}); err != nil {
			t.Fatal(err)
		}
	})
}

// TestLaw13OneCaseOnePerson: a claim that is over writes nothing any more, and whoever held it is
// told who has the case now: by name within the vendor, and by the vendor's name across. What was
// written stays.
func TestLaw13OneCaseOnePerson(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		of := desktest.NewOffice(t, o)
		of.Clock().Hold()
		of.Flag("a", "post/1", "MisleadingSpam", "acct/9")
		taken := of.Take("ann")
		if err := of.Desk.KeepDraft(t.Context(), desktest.As("ann"), taken.Case.ID, []byte(`{"reasons":"half a thought"}`)); err != nil {
			t.Fatal(err)
		}
		_, err := of.Desk.Next(t.Context(), desktest.As("abe"), "")
		refused(t, err, "nothing-waits")
		of.Clock().Advance(taken.Claim.Until.Sub(taken.Claim.Started.Time))
		if err := of.Desk.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		next := of.Take("bob")
		if next.Case.ID != taken.Case.ID || next.Claim.Number != taken.Claim.Number+1 {
			t.Fatalf("the case came to bob as %+v", next.Claim)
		}
		_, err = of.Desk.Release(t.Context(), desktest.As("ann"), taken.Case.ID, taken.Claim.Number)
		refused(t, err, "claim-ended")
		ann, bob := workerOf(t, of, "ann"), workerOf(t, of, "bob")
		if ann.Vendor == bob.Vendor {
			t.Fatal("ann and bob are of one vendor, and the test needs two")
		}
		if text := fault.TextOf(err); strings.Contains(text, "bob") || !strings.Contains(text, string(bob.Vendor)) {
			t.Errorf("ann is told %q, and should be told the vendor and no name", text)
		}
		_, err = of.TryDecide("ann", taken, casework.Judgement{Verdict: actions.CaseNoViolation})
		refused(t, err, "claim-ended")
		if len(next.Drafts) != 1 || string(next.Drafts[0].Body) != `{"reasons":"half a thought"}` {
			t.Errorf("bob is handed the drafts %+v, want ann's", next.Drafts)
		}
	})
}

// TestThreeClaims: nobody holds more than three cases, and whoever holds three still works on
// each of them.
func TestThreeClaims(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		of := desktest.NewOffice(t, o)
		var held []casework.Taken
		for i := range cases.MaxClaims + 1 {
			of.Flag("r"+string(rune('a'+i)), "post/"+string(rune('1'+i)), "MisleadingSpam", "acct/9")
			if i < cases.MaxClaims {
				held = append(held, of.Take("ann"))
			}
		}
		_, err := of.Desk.Next(t.Context(), desktest.As("ann"), "")
		refused(t, err, "too-many-claims")
		again, err := of.Desk.Claim(t.Context(), desktest.As("ann"), held[1].Case.ID)
		if err != nil || again.Claim.Number != held[1].Claim.Number {
			t.Fatalf("her own claim again: %v, %+v", err, again.Claim)
		}
		if _, err := of.TryDecide("ann", held[0], casework.Judgement{Verdict: actions.CaseNoViolation}); err != nil {
			t.Fatal(err)
		}
		if taken := of.Take("ann"); taken.Case.ID == held[0].Case.ID {
			t.Error("she was given the case that she has decided")
		}
	})
}

// TestLaw14DecisionSaysWhatWasSeen: a decision on what has changed since is refused and nothing is
// done; two answers to one card give one measure; the bytes that were shown are hashed again.
func TestLaw14DecisionSaysWhatWasSeen(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		of := desktest.NewOffice(t, o)
		requests := func() int {
			var n int
			if err := of.Store.Read(t.Context(), func(tx *store.Tx) error {
				return tx.QueryRow(`select count(*) from request where kind like 'content.%' or kind like 'account.%'`).Scan(&n)
			}); err != nil {
				t.Fatal(err)
			}
			return n
		}
		of.Flag("a", "post/1", "MisleadingSpam", "acct/9")
		taken := of.Take("ann")
		remove := casework.Judgement{Verdict: actions.CaseViolation, Rule: 1, Reasons: "It is spam."}
		card, err := of.Judged("ann", taken, remove)
		if err != nil {
			t.Fatal(err)
		}
		of.Flag("b", "post/1", "HarassmentHateSpeech", "acct/8")
		_, err = of.Desk.Decide(t.Context(), desktest.As("ann"), taken.Case.ID, card)
		refused(t, err, "case-moved")
		if n := requests(); n != 0 {
			t.Fatalf("%d requests were made by a decision on what had changed", n)
		}
		// Looked at again, it is decided; the answer that was lost is given again, and once only.
		again, err := of.Desk.Claim(t.Context(), desktest.As("ann"), taken.Case.ID)
		if err != nil {
			t.Fatal(err)
		}
		if card, err = of.Judged("ann", again, remove); err != nil {
			t.Fatal(err)
		}
		altered := card
		altered.Decision.Decision.Evidence = canonical.Sum([]byte("something else"))
		_, err = of.Desk.Decide(t.Context(), desktest.As("ann"), taken.Case.ID, altered)
		refused(t, err, "bad-decision")
		first, err := of.Desk.Decide(t.Context(), desktest.As("ann"), taken.Case.ID, card)
		if err != nil {
			t.Fatal(err)
		}
		second, err := of.Desk.Decide(t.Context(), desktest.As("ann"), taken.Case.ID, card)
		if err != nil || second.ID != first.ID || second.Promise != first.Promise {
			t.Errorf("the same decision again: %v, %+v", err, second)
		}
		other, err := of.Judged("ann", again, remove)
		if err == nil {
			_, err = of.Desk.Decide(t.Context(), desktest.As("ann"), taken.Case.ID, other)
		}
		if err == nil {
			t.Error("a second decision was made on one card")
		}
		if n, want := requests(), len(first.Requests); n != want {
			t.Errorf("%d requests were made, want %d", n, want)
		}

		// Somebody edits what is kept as shown.
		of.Flag("c", "post/2", "MisleadingSpam", "acct/9")
		taken = of.Take("ann")
		card, err = of.Judged("ann", taken, remove)
		if err != nil {
			t.Fatal(err)
		}
		if err := of.Store.Write(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Exec(`update shown set body = $2 where digest = $1`, taken.Document.String(), []byte(`{}`))
			return err
		}); err != nil {
			t.Fatal(err)
		}
		_, err = of.Desk.Decide(t.Context(), desktest.As("ann"), taken.Case.ID, card)
		refused(t, err, "ledger-tampered")
	})
}

// TestLaw15OwnerIsFound: nobody is given the case of a post of their own, also where the desk has
// not read yet whose the post is.
func TestLaw15OwnerIsFound(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		of := desktest.NewOffice(t, o)
		of.Owns("abe", "plaza:acct/abe")
		got := of.Flag("a", "post/abe", "MisleadingSpam", "acct/9")
		if got.Case.Owner != "" {
			t.Fatal("the owner is known already, and the test needs one that is not")
		}
		_, err := of.Desk.Next(t.Context(), desktest.As("abe"), "")
		refused(t, err, "nothing-waits")
		of.Owns("sue", "plaza:acct/sue")
		of.Flag("b", "post/sue", "MisleadingSpam", "acct/9")
		all, _, err := of.Desk.Cases(t.Context(), desktest.As("bob"), casework.Filter{Subject: "plaza:post/sue"})
		if err != nil || len(all) != 1 {
			t.Fatalf("%v: %d cases", err, len(all))
		}
		_, err = of.Desk.Claim(t.Context(), desktest.As("sue"), all[0].ID)
		refused(t, err, "own-affair")
		for range 2 {
			if taken := of.Take("bob"); taken.Case.Owner == "" {
				t.Errorf("bob is shown %s, whose owner is not known", taken.Case.Subject)
			}
		}
	})
}

// TestLaw17SeeingIsRuled: somebody who works on no queue is told the same of a case that is there
// as of one that is not, by identifier, list and search; and who opened a case is kept.
func TestLaw17SeeingIsRuled(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		of := desktest.NewOffice(t, o)
		got := of.Flag("a", "post/1", "MisleadingSpam", "acct/9")
		const stranger = "ole"
		_, err := of.Desk.Case(t.Context(), desktest.As(stranger), got.Case.ID)
		refused(t, err, "no-such-case")
		_, missing := of.Desk.Case(t.Context(), desktest.As(stranger), strings.Replace(got.Case.ID, got.Case.ID[len(got.Case.ID)-3:], "000", 1))
		if strings.ReplaceAll(fault.TextOf(err), got.Case.ID, "X") == fault.TextOf(err) && fault.TypeOf(missing) != fault.TypeOf(err) {
			t.Errorf("a case that is there: %v; one that is not: %v", err, missing)
		}
		for _, f := range []casework.Filter{{}, {Subject: "plaza:post/1"}, {State: cases.Waiting}} {
			if all, _, err := of.Desk.Cases(t.Context(), desktest.As(stranger), f); err == nil && len(all) > 0 {
				t.Errorf("%s is shown %d cases by %+v", stranger, len(all), f)
			}
		}
		if board, err := of.Desk.QueueBoard(t.Context(), desktest.As(stranger)); err == nil && len(board) > 0 {
			t.Errorf("%s is shown the counts of %d queues", stranger, len(board))
		}
		if _, err := of.Desk.Case(t.Context(), desktest.As("ann"), got.Case.ID); err != nil {
			t.Fatal(err)
		}
		var opened int
		if err := of.Store.Read(t.Context(), func(tx *store.Tx) error {
			return tx.QueryRow(`select count(*) from case_opening where case_id = $1 and worker = 'ann'`, got.Case.ID).Scan(&opened)
		}); err != nil || opened != 1 {
			t.Errorf("%d openings of ann are kept (%v), want 1", opened, err)
		}
	})
}

// TestLaw20StrangersTextStaysText: what a stranger writes is kept as it came, byte for byte, with
// characters that hide, turn or end a text; and what is too long is refused whole.
func TestLaw20StrangersTextStaysText(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		of := desktest.NewOffice(t, o)
		from := of.AdmitProgram("square2", "ann", cases.SourcePerson)
		for i, text := range []string{"a\u200bb\u202edeb\u2066x", "nul \x00 here", strings.Repeat("🦀", 8000), `<script>alert(1)</script> <a href="https://evil.example">x</a>`, "\u0085\u2028\ufeff"} {
			r := flagged(string(rune('a'+i)), "post/1", text)
			got, err := of.Desk.TakeReports(t.Context(), from, []cases.Report{r})
			if err != nil || got[0].Err != nil {
				t.Fatalf("%q: %v, %v", text[:min(len(text), 20)], err, got)
			}
		}
		taken := of.Take("ann")
		seen := map[string]bool{}
		for _, r := range taken.Shown.Reports {
			seen[r.Text] = true
		}
		if !seen["nul \x00 here"] || !seen["a\u200bb\u202edeb\u2066x"] || len(seen) != 5 {
			t.Errorf("the words of strangers came to the screen otherwise: %+v", taken.Shown.Reports)
		}
		huge := flagged("huge", "post/1", strings.Repeat("x", 5<<20))
		got, err := of.Desk.TakeReports(t.Context(), from, []cases.Report{huge, flagged("fine", "post/1", "short")})
		if err != nil {
			t.Fatal(err)
		}
		refused(t, got[0].Err, "too-large")
		if got[1].Err != nil {
			t.Errorf("a report beside one that is too large: %v", got[1].Err)
		}
		wrong := flagged("wrong", "post/1", "not \xff UTF-8")
		if got, err = of.Desk.TakeReports(t.Context(), from, []cases.Report{wrong}); err != nil {
			t.Fatal(err)
		}
		refused(t, got[0].Err, "bad-report")
	})
}

// TestFloodOfReports: ten thousand reports on one subject within a minute are one case, counted right.
func TestFloodOfReports(t *testing.T) {
	of := desktest.NewOffice(t, desktest.Options{})
	from := of.AdmitProgram("square2", "ann", cases.SourcePerson)
	began := time.Now()
	for n := range 10 {
		var all []cases.Report
		for i := range 1000 {
			r := flagged("f"+string(rune('a'+n))+"-"+strings.Repeat("x", i%7)+string(rune('a'+i%26))+string(rune('a'+i/26%26))+string(rune('a'+i/676)), "post/1", "again")
			r.Reporter.ID = "acct/" + r.ExternalID
			all = append(all, r)
		}
		got, err := of.Desk.TakeReports(t.Context(), from, all)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range got {
			if one.Err != nil {
				t.Fatal(one.Err)
			}
		}
	}
	t.Logf("10,000 reports in %s", time.Since(began))
	all, _, err := of.Desk.Cases(t.Context(), desktest.As("ann"), casework.Filter{})
	if err != nil || len(all) != 1 || all[0].Reports != 10_000 || all[0].Reporters != 10_000 {
		t.Fatalf("%v: %d cases, %+v", err, len(all), all)
	}
}
