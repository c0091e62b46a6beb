package rehearsal

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/cases"
	"countersign.dev/cli"
	"countersign.dev/deskdir"
	"countersign.dev/fault"
	"countersign.dev/platform"
)

// The afternoon's reports, by the newest posts of plaza but the spammer's: which post, for
// which of plaza's reasons, in which words.
var afternoon = []struct{ reason, text string }{
	{"sexual", "Not for everybody to see. Please put a warning on it."},
	{"harassment", "This is about me, and I do not like it."},
	{"spam", "The same offer again and again."},
	{"other", "I do not know whether this is allowed. Somebody should look."},
}

// workDesk opens the desk for the day's work: rules and queues are adopted, plaza's program is
// admitted, and the people of the first act declare the accounts that are their own.
func (d *demo) workDesk(ctx context.Context) error {
	for _, set := range []struct{ noun, file string }{{"rule", cases.RulesFile}, {"queue", cases.QueuesFile}} {
		file := filepath.Join(d.dir, set.file)
		if r := d.as(ctx, demoOfficers[0], set.noun, "default", "--out", file); r.code != cli.Done {
			return r.err
		}
		if err := d.decide(ctx, set.noun, "propose", file, "--reason", "to begin with"); err != nil {
			return err
		}
	}
	key := filepath.Join(d.dir, deskdir.ReportsKey)
	if r := d.as(ctx, demoOfficers[0], "program", "key", "make", key, "--program", "plaza-reports"); r.code != cli.Done {
		return r.err
	}
	if err := d.decide(ctx, "program", "add", "plaza-reports", "--enrolment", key+cli.EnrolmentSuffix, "--owner", employee, "--platform", "plaza", "--source", cases.SourcePerson,
		"--rate", "6000", "--reason", "reports from plaza"); err != nil {
		return err
	}
	for _, w := range []string{asker, second, contractor, employee, leaver} {
		if r := d.as(ctx, w, "worker", "accounts", "--none"); r.code != cli.Done {
			return r.err
		}
	}
	// The lead of Northlake writes on plaza himself.
	r := d.as(ctx, sameVendor, "worker", "accounts", "--account", "plaza:"+d.authors[1])
	return r.err
}

// work plays the afternoon: reports come in, an agent clears four cases, and nobody judges
// their own affair.
func (d *demo) work(ctx context.Context) error {
	d.tell("In the afternoon, people on plaza report four posts, with a button beside each.")
	began := time.Now()
	d.step("report-in", func() string {
		for i, r := range afternoon {
			if err := d.report(ctx, d.posts[i], r.reason, r.text); err != nil {
				return "could not: " + fault.TextOf(err)
			}
		}
		return d.arrived(ctx)
	})
	d.line("          Four cases wait at the desk after %d ms. Each report got a promise that the ledger's key signed: it cannot get lost unnoticed.", time.Since(began).Milliseconds())
	d.tell("Priya Raman takes the first. Tomás Vidal, at another firm, gets another one; nobody gets hers.")
	var first v1.Claimed
	if ok := d.step("case-claimed-once", func() string { return d.claimedOnce(ctx, &first) }); !ok {
		return nil
	}
	d.tell("Her train is early: she goes home in the middle of it. Her lead hands over what she has in hand, by one command. Tomás gets it next, with what she wrote.")
	d.step("shift-handed-over", func() string { return d.handedOver(ctx, &first) })
	d.tell("The next day she is back. She clears all four: a label, nothing wrong, a post removed, and one for a lead to judge.")
	d.step("decision-executed", func() string { return d.cleared(ctx, first) })
	d.tell("Piotr Zielony, her lead, declared that one of these accounts is his. He wants to judge what was reported there.")
	d.step("own-affair-refused", func() string {
		r := d.as(ctx, sameVendor, "case", "claim", d.said["own"])
		d.quote(r)
		return r.outcome()
	})
	d.tell("An auditor counts it all again, from the ledger and the evidence, and trusts none of the desk's own counters.")
	d.step("audit-agrees", func() string { return d.audited(ctx, 3) })
	return nil
}

// audited has the auditor count everything, and reports whether it agrees. decided is the number
// of reports that are in decided cases; 0: any.
func (d *demo) audited(ctx context.Context, decided int64) string {
	agree := ""
	// A document waits up to a second for its roll.
	for wait := time.Now().Add(20 * time.Second); time.Now().Before(wait); {
		r := d.as(ctx, auditor, "audit", "--trust", filepath.Join(d.dir, deskdir.Trust))
		var doc struct {
			OK       bool `json:"ok"`
			Casework struct {
				Reports   int64 `json:"reports"`
				InOpen    int64 `json:"in_open"`
				InDecided int64 `json:"in_decided"`
				Findings  []struct {
					Type string `json:"type"`
					Text string `json:"text"`
				} `json:"findings"`
			} `json:"casework"`
			Documents struct {
				Waiting int64 `json:"waiting"`
			} `json:"documents"`
		}
		if err := json.Unmarshal(r.doc, &doc); err != nil || r.code == cli.CouldNot {
			return "could not: " + r.member("error.type")
		}
		agree = fmt.Sprintf("%d reports, %d in open cases and %d in decided ones", doc.Casework.Reports, doc.Casework.InOpen, doc.Casework.InDecided)
		switch {
		case !doc.OK:
			for _, f := range doc.Casework.Findings {
				d.line("          (%s: %s)", f.Type, f.Text)
			}
			return "differs: " + agree
		case doc.Documents.Waiting > 0:
			continue
		case doc.Casework.Reports == doc.Casework.InOpen+doc.Casework.InDecided && (decided == 0 || doc.Casework.InDecided == decided):
			d.line("          %s.", agree)
			return "agrees"
		}
		return "differs: " + agree
	}
	return "the rolls are late: " + agree
}

// leaveOne has one more post reported, and waits until its case is there for whoever tries the
// printed commands. Where it does not come in, the line says so: the demo's steps are over.
func (d *demo) leaveOne(ctx context.Context) string {
	post := d.posts[len(afternoon)]
	if err := d.report(ctx, post, "spam", "I see this everywhere."); err != nil {
		return "no case waits yet: " + fault.TextOf(err)
	}
	c, err := d.client(second)
	if err != nil {
		return "no case waits yet: " + fault.TextOf(err)
	}
	for wait := time.Now().Add(30 * time.Second); time.Now().Before(wait); {
		all, err := c.Cases(ctx, v1.CaseFilter{State: cases.Waiting})
		if err != nil {
			return "no case waits yet: " + fault.TextOf(err)
		}
		for _, one := range all.Items {
			if one.Subject.ID == post && d.copied(ctx, c, one.ID) {
				return fmt.Sprintf("one waits, since somebody has just reported %s/%s", d.on.PlazaURL, post)
			}
		}
		if pause(ctx, 20*time.Millisecond) != nil {
			break
		}
	}
	return "no case waits yet: plaza's last report is still on its way"
}

var hiddenKey = regexp.MustCompile(`name="key" value="([^"]+)"`)

// report sends plaza's form for a report, as somebody without an account does.
func (d *demo) report(ctx context.Context, subject, reason, text string) error {
	page, err := d.page(ctx, "/report?subject="+url.QueryEscape(subject))
	if err != nil {
		return err
	}
	key := hiddenKey.FindStringSubmatch(page)
	if key == nil {
		return fault.New(fault.Unavailable, "play-failed", "Plaza shows no form for a report of %s.", subject)
	}
	form := url.Values{"subject": {subject}, "reason": {reason}, "text": {text}, "key": {key[1]}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.on.PlazaURL+"/report", strings.NewReader(form.Encode()))
	if err != nil {
		return fmt.Errorf("report %s: %w", subject, err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("report %s: %w", subject, err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(res.Body, 1<<20)); err != nil {
		return fmt.Errorf("report %s: %w", subject, err)
	}
	if res.StatusCode != http.StatusOK {
		return fault.New(fault.Unavailable, "play-failed", "Plaza did not take the report of %s: %s.", subject, res.Status)
	}
	return nil
}

// arrived waits until the desk has a case for each report.
func (d *demo) arrived(ctx context.Context) string {
	c, err := d.client(second)
	if err != nil {
		return "could not: " + fault.TypeOf(err)
	}
	n := 0
	for wait := time.Now().Add(30 * time.Second); time.Now().Before(wait); {
		all, err := c.Cases(ctx, v1.CaseFilter{State: cases.Waiting})
		if err != nil {
			return "could not: " + fault.TypeOf(err)
		}
		n = 0
		for _, one := range all.Items {
			// The evidence of a case is copied right after it came in, and is news for it.
			if one.Of != "" || d.copied(ctx, c, one.ID) {
				n++
			}
			if one.Subject.ID == d.posts[1] {
				d.said["own"] = one.ID
			}
		}
		if n == len(afternoon) {
			return "in"
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return "broken off"
		}
	}
	return fmt.Sprintf("%d cases of %d", n, len(afternoon))
}

// copied reports whether the evidence of a case is at the desk.
func (d *demo) copied(ctx context.Context, c interface {
	Case(context.Context, string) (v1.CaseView, error)
}, id string) bool {
	v, err := c.Case(ctx, id)
	if err != nil || len(v.Shown.Evidence) == 0 {
		return false
	}
	for _, e := range v.Shown.Evidence {
		if e.State == string(cases.EvidencePending) {
			return false
		}
	}
	return true
}

// claimedOnce has two people ask for the next case, and one of them for the other's.
func (d *demo) claimedOnce(ctx context.Context, first *v1.Claimed) string {
	r := d.as(ctx, asker, "case", "next")
	if r.code != cli.Done || json.Unmarshal(r.doc, first) != nil {
		d.quote(r)
		return "could not: " + r.member("error.type")
	}
	var other v1.Claimed
	r = d.as(ctx, second, "case", "next")
	if r.code != cli.Done || json.Unmarshal(r.doc, &other) != nil {
		d.quote(r)
		return "could not: " + r.member("error.type")
	}
	if other.Case.ID == first.Case.ID {
		return "claimed twice"
	}
	taken := d.as(ctx, second, "case", "claim", first.Case.ID)
	d.quote(taken)
	if taken.code != cli.Refused || taken.member("error.type") != "case-taken" {
		return "could not: " + taken.member("error.type")
	}
	if r := d.as(ctx, second, "case", "release", other.Case.ID); r.code != cli.Done {
		return "could not: " + r.member("error.type")
	}
	return "claimed once"
}

// handedOver has the lead of whoever holds a case give it back, and reports whether the next holder got it
// with what was written. Then the first holder takes it again.
func (d *demo) handedOver(ctx context.Context, first *v1.Claimed) string {
	const draft = "It is not spam, I think; look at the second picture."
	c, err := d.client(asker)
	if err != nil {
		return "could not: " + fault.TextOf(err)
	}
	if err := c.KeepCaseDraft(ctx, first.Case.ID, v1.CaseDraft{Reasons: draft}); err != nil {
		return "could not: " + fault.TypeOf(err)
	}
	r := d.as(ctx, sameVendor, "case", "hand-over", "--from", asker, "--reason", "she went home")
	d.quote(r)
	var out v1.HandedOver
	if r.code != cli.Done || json.Unmarshal(r.doc, &out) != nil {
		return "could not: " + r.member("error.type")
	}
	if len(out.Cases) != 1 || out.Cases[0] != first.Case.ID {
		return "handed over something else"
	}
	var next v1.Claimed
	r = d.as(ctx, second, "case", "next")
	if r.code != cli.Done || json.Unmarshal(r.doc, &next) != nil {
		return "could not: " + r.member("error.type")
	}
	if next.Case.ID != first.Case.ID || len(next.Drafts) == 0 || next.Drafts[0].Reasons != draft {
		return "without what was written"
	}
	if r := d.as(ctx, second, "case", "release", next.Case.ID); r.code != cli.Done {
		return "could not: " + r.member("error.type")
	}
	r = d.as(ctx, asker, "case", "next")
	if r.code != cli.Done || json.Unmarshal(r.doc, first) != nil {
		return "could not: " + r.member("error.type")
	}
	return "handed over"
}

// cleared decides the four cases of the afternoon, and reports whether what was decided was
// carried out.
func (d *demo) cleared(ctx context.Context, at v1.Claimed) string {
	for n := range afternoon {
		if n > 0 {
			r := d.as(ctx, asker, "case", "next")
			if r.code != cli.Done || json.Unmarshal(r.doc, &at) != nil {
				d.quote(r)
				return "could not: " + r.member("error.type")
			}
		}
		var r result
		want := platform.Up
		switch at.Case.Subject.ID {
		case d.posts[0]:
			r = d.as(ctx, asker, "case", "decide", at.Case.ID, "--verdict", "violation", "--rule", "8")
		case d.posts[1]:
			// Somebody else's affair is left as it is: the case stays for another person.
			r = d.as(ctx, asker, "case", "escalate", at.Case.ID, "--question", "Is this harassment, or a quarrel between friends?")
		case d.posts[2]:
			r, want = d.as(ctx, asker, "case", "decide", at.Case.ID, "--verdict", "violation", "--rule", "1"), platform.Down
		default:
			r = d.as(ctx, asker, "case", "decide", at.Case.ID, "--verdict", "no-violation")
		}
		if r.code != cli.Done {
			d.quote(r)
			return "could not: " + r.member("error.type")
		}
		for _, request := range d.requestsOf(r) {
			if request.Status != actions.StatusExecuted {
				return "a measure is " + string(request.Status)
			}
		}
		if shown := shows(ctx, d.on.PlazaURL+"/"+at.Case.Subject.ID, want); shown != "shown" {
			return at.Case.Subject.ID + " is not " + string(want)
		}
	}
	return "executed"
}

// requestsOf returns the measures in the answer of case decide.
func (d *demo) requestsOf(r result) []v1.Request {
	var made v1.DecisionMade
	if json.Unmarshal(r.doc, &made) != nil {
		return nil
	}
	return made.Requests
}

// find has a worker take up what they came upon, and claim the case.
func (d *demo) find(ctx context.Context, worker, subject, reason, text string) (caseID string, r result) {
	r = d.as(ctx, worker, "report", "add", "--subject", subject, "--reason", reason, "--text", text)
	if r.code != cli.Done {
		return "", r
	}
	caseID = r.member("case")
	// What the desk copies of the subject is news for the case. A person reads for longer than
	// that takes.
	if c, err := d.client(worker); err == nil {
		for wait := time.Now().Add(20 * time.Second); time.Now().Before(wait) && !d.copied(ctx, c, caseID); {
			select {
			case <-time.After(10 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}
	return caseID, d.as(ctx, worker, "case", "claim", caseID)
}

// act has a worker take one measure on what they came upon: the finding, the claim, and the
// decision under a rule. It returns the measure's request.
func (d *demo) act(ctx context.Context, worker, subject, rule, measure, text string, more ...string) (request v1.Request, r result) {
	id, r := d.find(ctx, worker, subject, "MisleadingSpam", text)
	if r.code != cli.Done {
		return request, r
	}
	r = d.as(ctx, worker, append([]string{"case", "decide", id, "--verdict", "violation", "--rule", rule, "--measure", measure, "--reason", text}, more...)...)
	if all := d.requestsOf(r); len(all) == 1 {
		request = all[0]
	}
	return request, r
}
