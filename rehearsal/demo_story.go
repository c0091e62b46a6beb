package rehearsal

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/cli"
	"countersign.dev/client"
	"countersign.dev/deskdir"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/policy"
	"countersign.dev/wording"
	"countersign.dev/workforce"
)

// The people of the evening; all are in the import file.
const (
	contractor = "bl-041" // the senior support contractor, on the last day
	asker      = "nl-007" // an agent of another vendor
	sameVendor = "nl-002" // a lead of the asker's vendor
	second     = "te-003" // a lead of a third vendor
	employee   = "em-004" // a lead and employee
	onCall     = "em-011"
	// An investigator and an auditor, who have no part in the story: for you to try.
	investigator = "em-015"
	auditor      = "em-020"
	leaver       = "te-005" // a lead who leaves this evening
)

// The accounts of the evening.
const (
	president = "@president"
	treasury  = "@treasury"
	mayor     = "@mayor"
	spammer   = "@free_phones_4u"
)

// play plays the evening.
func (d *demo) play(ctx context.Context) error {
	d.took, d.said = map[string]time.Duration{}, map[string]string{}
	before, now, of, err := d.whoCouldAlone(ctx)
	if err != nil {
		return err
	}
	d.line("")
	d.line("Under a policy like 2017's %d of %d could do this alone; under this one, %s.", before, of, people(now))
	d.said["could"], d.said["can"] = fmt.Sprintf("%d of %d could", before, of), people(now)
	d.line("The account of the head of state: %s/%s", d.on.PlazaURL, president)
	d.line("")
	d.pause()

	if err := d.work(ctx); err != nil {
		return err
	}
	held := d.as(ctx, asker, "action", "request", "account.takedown", "plaza:"+treasury, "--reason", "reported as hacked")
	request := held.member("id")
	d.tell("Dana Whitlow, of Brightline Assist, works her last hour. She tries to take %s down.", president)
	d.step("last-day-refused", func() string {
		r := d.as(ctx, contractor, "action", "request", "account.takedown", "plaza:"+president, "--reason", "goodbye")
		d.quote(r)
		return r.outcome()
	})
	d.tell("She tries to countersign somebody else's request, for %s.", treasury)
	d.step("last-day-countersign-refused", func() string {
		r := d.as(ctx, contractor, "action", "countersign", request)
		d.quote(r)
		return r.outcome()
	})
	d.tell("Priya Raman, of Northlake Services, had made that request. A lead of her own firm wants to countersign it.")
	d.step("same-vendor-countersign-refused", func() string {
		r := d.as(ctx, sameVendor, "action", "countersign", request)
		d.quote(r)
		return r.outcome()
	})
	if err := d.underSession(ctx, request); err != nil {
		return err
	}
	if err := d.weaker(ctx); err != nil {
		return err
	}
	if err := d.critical(ctx); err != nil {
		return err
	}
	if err := d.leaves(ctx); err != nil {
		return err
	}
	// For the next person who tries it: one countersignature is still missing.
	d.as(ctx, employee, "action", "countersign", request)
	d.said["held"] = request
	if err := d.verify(ctx); err != nil {
		return err
	}
	if err := d.around(ctx); err != nil {
		return err
	}
	d.tell("The auditor counts the whole evening: every act signed, every report in one case, every decision on what was shown.")
	d.step("evening-audited", func() string { return d.audited(ctx, 0) })
	d.tell("The same desk has pages for people in browsers. Its page of the sign-in: %s", d.on.Browser)
	d.step("desk-page-served", func() string { return d.pageServed(ctx) })
	d.theLines()
	return nil
}

// pageServed asks for the page of the sign-in, as anybody could. What it may load is the desk's
// own alone.
func (d *demo) pageServed(ctx context.Context) string {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.on.Browser+"/signin", nil)
	if err != nil {
		return "could not: " + err.Error()
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "could not: " + err.Error()
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	policy := res.Header.Get("Content-Security-Policy")
	switch {
	case err != nil:
		return "could not: " + err.Error()
	case res.StatusCode != http.StatusOK || !strings.Contains(string(body), `class="sheet signin"`):
		return "no page: " + res.Status
	case !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "require-trusted-types-for 'script'"):
		return "no policy"
	}
	return "served"
}

func people(n int) string {
	switch n {
	case 0:
		return "nobody"
	case 1:
		return "one person"
	}
	return fmt.Sprintf("%d people", n)
}

// whoCouldAlone asks both policies about each worker of the import.
func (d *demo) whoCouldAlone(ctx context.Context) (before, now, of int, err error) {
	c, err := d.client(demoOfficers[0])
	if err != nil {
		return 0, 0, 0, err
	}
	present, err := c.Policy(ctx)
	if err != nil {
		return 0, 0, 0, err
	}
	files, err := policy.Example("before")
	if err != nil {
		return 0, 0, 0, err
	}
	old, err := policy.Compile(files)
	if err != nil {
		return 0, 0, 0, err
	}
	set, err := policy.Compile(present.Files)
	if err != nil {
		return 0, 0, 0, err
	}
	f := v1.WorkerFilter{Limit: v1.MaxPage}
	for {
		page, err := c.Workers(ctx, f)
		if err != nil {
			return 0, 0, 0, err
		}
		for _, w := range page.Items {
			if isOfficer(w.Roles) {
				continue
			}
			of++
			facts := takedownFacts(w)
			if old.Rule(facts).Verdict == policy.Permitted {
				before++
			}
			if set.Rule(facts).Verdict == policy.Permitted {
				now++
			}
		}
		if f.Cursor = page.Next; f.Cursor == "" {
			return before, now, of, nil
		}
	}
}

func isOfficer(roles []workforce.Role) bool {
	for _, r := range roles {
		if r == workforce.Officer {
			return true
		}
	}
	return false
}

// takedownFacts is the question: may this worker take a critical account down?
func takedownFacts(w v1.Worker) policy.Facts {
	st := workforce.Standing{Worker: w.ID, Known: true, Engaged: w.Standing.Engaged, Employee: w.Standing.Employee, Vendor: w.Vendor, Roles: w.Roles,
		InNotice: w.Standing.InNotice, Ratchet: w.Standing.Ratchet, Newcomer: w.Standing.Newcomer}
	a := actions.Action{Kind: actions.AccountTakedown, Direction: actions.Burdening, Effect: actions.Reversible, Tier: actions.Critical, Case: "C-2100",
		Subject: platform.Subject{Platform: "plaza", ID: "acct/1", Handle: president}, Command: platform.Command{Verb: platform.Takedown}}
	return proof.FactsOf(a, st, actions.Critical, actions.LiftsNothing)
}

// client is a REST client for a worker.
func (d *demo) client(worker string) (*client.Client, error) {
	var settings struct {
		Token string `json:"token"`
	}
	if err := readMember(filepath.Join(d.home(worker), "client.json"), &settings); err != nil {
		return nil, err
	}
	return client.New(d.on.URL, settings.Token, nil)
}

// quote shows the desk's answer to a refused command.
func (d *demo) quote(r result) {
	text := r.member("error.text")
	if text == "" {
		text = r.member("outcome_text")
	}
	if text == "" {
		text = r.member("missing")
	}
	if text != "" {
		d.line("          “%s”", text)
	}
}

// undo lifts a request's measure and returns the request's status afterwards.
func (d *demo) undo(ctx context.Context, worker, request string) string {
	u := d.as(ctx, worker, "action", "undo", request, "--reason", "a mistake")
	if u.outcome() != string(actions.StatusExecuted) {
		return u.outcome()
	}
	return d.as(ctx, worker, "action", "show", request).outcome()
}

func (d *demo) critical(ctx context.Context) error {
	d.tell("Now somebody has a reason: %s is hacked, so Priya asks for a takedown.", president)
	var r result
	d.step("critical-held", func() string {
		r = d.as(ctx, asker, "action", "request", "account.takedown", "plaza:"+president, "--reason", "the account is hacked")
		d.line("          Held: it wants 2 independent countersignatures, one of them by an employee, all with keys bound to hardware.")
		return r.outcome()
	})
	request := r.member("id")
	d.tell("Tomás Vidal, of Telora, and Marta Lindgren, an employee, read it and sign it, each with a key of their own.")
	d.step("critical-executed", func() string {
		d.as(ctx, second, "action", "countersign", request)
		r = d.as(ctx, employee, "action", "countersign", request)
		return r.outcome()
	})
	page := d.on.PlazaURL + "/" + president
	d.tell("Down: %s", page)
	d.step("plaza-shows-down", func() string { return shows(ctx, page, platform.Down) })
	if err := d.attribute(ctx, request); err != nil {
		return err
	}
	d.tell("The owner has it back. One person on call lifts the measure.")
	began := time.Now()
	d.step("critical-undone", func() string { return d.undo(ctx, onCall, request) })
	d.step("plaza-shows-up", func() string { return shows(ctx, page, platform.Up) })
	d.took["back"] = time.Since(began)
	d.tell("Back after %d ms: %s", d.took["back"].Milliseconds(), page)
	return d.keep(ctx, president, request)
}

// shows asks plaza's public page, as anybody could.
func shows(ctx context.Context, page string, want platform.Status) string {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, page, nil)
	if err != nil {
		return "could not: " + err.Error()
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "could not: " + err.Error()
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return "could not: " + err.Error()
	}
	if !strings.Contains(string(body), fmt.Sprintf(`data-status="%s"`, want)) {
		return "not shown"
	}
	return "shown"
}

// attribute asks the desk who did it; it starts from the mark on the platform alone.
func (d *demo) attribute(ctx context.Context, request string) error {
	c, err := d.client(onCall)
	if err != nil {
		return err
	}
	began := time.Now()
	subject, err := c.Subject(ctx, "plaza:"+president)
	if err != nil {
		return err
	}
	r, err := c.Request(ctx, strings.TrimPrefix(string(subject.State.Mark), string(platform.MarkOf(""))))
	if err != nil {
		return err
	}
	w, err := c.Person(ctx, workforce.WorkerID(r.Requester))
	if err != nil {
		return err
	}
	vendors, err := c.Vendors(ctx, "", v1.MaxPage)
	if err != nil {
		return err
	}
	d.took["who"] = time.Since(began)
	firm := "an employee"
	for _, v := range vendors.Items {
		if v.ID == w.Vendor {
			firm = v.Name
		}
	}
	d.said["who"] = fmt.Sprintf("%s, %s, last day %s", w.Person.Name, firm, w.Last.Format("2 January 2006"))
	d.tell("Who? Known after %d ms: asked by %s, signed with %s; countersigned by %d independent people.", d.took["who"].Milliseconds(), d.said["who"], wording.SignedWith(r.Signed, r.Session), len(r.Countersignatures))
	return nil
}

// leaves plays an approval by a person who has left before it is carried out.
func (d *demo) leaves(ctx context.Context) error {
	d.tell("Another request, for %s. While the executor is out of reach, it is approved; then one of its signers leaves.", mayor)
	r := d.as(ctx, asker, "action", "request", "account.takedown", "plaza:"+mayor, "--reason", "reported")
	request := r.member("id")
	d.as(ctx, leaver, "action", "countersign", request)
	var approved, ended result
	if err := d.withoutExecutor(func() {
		approved = d.as(ctx, employee, "action", "countersign", request, "--wait", "0s")
		ended = d.as(ctx, demoOfficers[0], "worker", "end", leaver, "--reason", "left today")
	}); err != nil {
		return err
	}
	if approved.member("status") != string(actions.StatusApproved) || ended.code != cli.Done {
		d.line("          (approved: %s; ended: %s)", approved.outcome(), ended.outcome())
	}
	d.step("leaver-voids-warrant", func() string {
		r := d.as(ctx, asker, "action", "show", request, "--wait", "20s")
		d.quote(r)
		return r.outcome()
	})
	return nil
}

// withoutExecutor plays something while the executor answers nobody.
func (d *demo) withoutExecutor(play func()) error {
	pid := d.on.ExecutorPid()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		return fmt.Errorf("hold the executor: %w", err)
	}
	play()
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		return fmt.Errorf("let the executor go on: %w", err)
	}
	return nil
}

// keep writes the warrant of the request about an account into a file.
func (d *demo) keep(ctx context.Context, account, request string) error {
	file := d.warrantOf(account)
	d.warrants = append(d.warrants, file)
	return d.as(ctx, onCall, "warrant", "show", request, "--out", file).err
}

// warrantOf is the file of the warrant that is kept of an account's takedown.
func (d *demo) warrantOf(account string) string {
	return filepath.Join(d.dir, strings.TrimPrefix(account, "@")+".warrant")
}

// verify checks the warrants in a process of its own, which has the files and the trust
// folder and nothing else: no desk, no key, no settings.
func (d *demo) verify(ctx context.Context) error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	d.verified = d.step("warrant-verified-offline", func() string {
		for _, file := range d.warrants {
			cmd := exec.CommandContext(ctx, program, "warrant", "verify", file, "--trust", filepath.Join(d.dir, deskdir.Trust), "--json")
			cmd.Env = []string{}
			if err := cmd.Run(); err != nil {
				return "not verified"
			}
		}
		return "verified"
	})
	d.tell("The warrants of the takedowns of %s and %s, checked by another process that has the files and the desk's trust folder: %s.",
		spammer, president, map[bool]string{true: "they hold", false: "they do NOT hold"}[d.verified])
	return nil
}

func (d *demo) theLines() {
	d.line("")
	d.line("                   2017                 here, in this run")
	d.line("  one person       took it down         %s", d.outcomeOf("last-day-refused"))
	d.line("  back after       660 s                %d ms", d.took["back"].Milliseconds())
	d.line("  around the desk  660 s                %d ms, by itself: %s", d.took["restored"].Milliseconds(), d.said["around"])
	d.line("  a label likewise –                    %d ms, by itself", d.took["label"].Milliseconds())
	d.line("  known who after  two hours            %d ms: %s", d.took["who"].Milliseconds(), d.said["who"])
	d.line("  who could        hundreds             %s alone", d.said["can"])
}

func (d *demo) outcomeOf(step string) string {
	for _, s := range d.steps {
		if s.Name == step {
			return s.Outcome
		}
	}
	return "not played"
}

// yourTurn prints commands for a second terminal, which work as printed.
func (d *demo) yourTurn() {
	me := invocation()
	waits := d.leaveOne(d.ctx)
	d.line("")
	d.line("Your turn, in a second terminal in this folder:")
	d.line("")
	d.line("  as the contractor:     %s action request account.takedown plaza:%s --reason goodbye --dir %s", me, president, d.home(contractor))
	d.line("  as the countersigner:  %s action countersign %s --dir %s", me, d.said["held"], d.home(second))
	d.line("  as an agent:           %s case next --dir %s", me, d.home(asker))
	if id := d.said["breach"]; id != "" {
		d.line("  as an investigator:    %s incident show %s --dir %s", me, id, d.home(investigator))
	}
	d.line("  as an auditor:         %s audit --trust %s --dir %s", me, filepath.Join(d.dir, deskdir.Trust), d.home(auditor))
	d.line("  as anybody:            %s warrant verify %s --trust %s", me, d.warrantOf(president), filepath.Join(d.dir, deskdir.Trust))
	d.line("")
	d.line("The first is refused. The second takes %s down, as its last missing signature: %s/%s", treasury, d.on.PlazaURL, treasury)
	d.line("The third works through cases: %s. Report more posts on %s, each with its own button, and decide them; the post %s/%s is limited and labelled already.", waits, d.on.PlazaURL, d.on.PlazaURL, d.spam)
	d.line("Around the desk: plaza's staff console, %s/console, opens with the token in %s. Label %s there, and look at %s/%s.",
		d.on.PlazaURL, d.nightToken(), president, d.on.PlazaURL, president)
	d.line("Desk %s, plaza %s, folder %s. Ctrl-C ends it; the folder stays, with every key in it. To have it run again:", d.on.URL, d.on.PlazaURL, d.dir)
	d.line("  %s serve --dir %s --listen %s --plaza-listen %s", me, d.dir, strings.TrimPrefix(d.on.URL, "http://"), strings.TrimPrefix(d.on.PlazaURL, "http://"))
	d.line("Delete the folder when you have seen enough.")
}

// invocation is the command by which this program is called again from the same folder.
func invocation() string {
	program, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	if strings.Contains(program, "go-build") {
		if _, err := os.Stat(filepath.Join("cmd", "countersign", "main.go")); err == nil {
			return "go run ./cmd/countersign"
		}
	}
	return program
}
