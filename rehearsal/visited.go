package rehearsal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/cli"
	"countersign.dev/deskdir"
	"countersign.dev/fault"
	"countersign.dev/plaza"
	"countersign.dev/workforce"
)

// Visited is a living demo, as the desk's pages show it to whoever looks on. Before it has begun,
// its methods answer with an error.
type Visited interface {
	// Scene tells where the demo plays.
	Scene() Scene
	// Characters are the people whom a visitor can be.
	Characters() []Character
	// Enrol has the demo's officers enrol a key, which is countersigned as every enrolment is.
	Enrol(ctx context.Context, e actions.Enrolment) error
	// Prepare makes sure that a step of the tour has what it needs, and names it.
	Prepare(ctx context.Context, step string) (Prop, error)
	// Around changes the account of the head of state around the desk, with the credential of
	// somebody of plaza's own staff, and waits until plaza's public page shows it as before.
	Around(ctx context.Context) (Detour, error)
}

// Scene is where a demo plays.
type Scene struct {
	Plaza     string           // address
	President string           // the handle of the head of state
	Mayor     string           // the handle of the account that the visitor is asked about
	Root      canonical.Digest // of the ledger
	Enrol     string           // the name of the desk for enrolments
}

// Character is somebody whom a visitor can be.
type Character struct {
	Worker workforce.WorkerID
	Name   string
	Role   string
	Vendor string // name of the firm
	Last   string // the last day, in words
	Story  string // one line
}

// Prop is what a step of the tour is about; members that it does not need are empty.
type Prop struct {
	Request  string
	Incident string
}

// Detour is what came of a change around the desk.
type Detour struct {
	Back     time.Duration // until plaza's public page showed the account as before
	Incident string
}

// visited is the demo's side of Visited.
type visited struct {
	*demo
	mu         sync.Mutex // one visitor's wish at a time
	ready      bool
	root       canonical.Digest
	enrolName  string
	credential string // of plaza's night shift
	taken      string // the request of a takedown that was carried out
	held       string // the request that waits for the visitor
	incident   string
	enrolled   int
}

func newVisited(d *demo) *visited { return &visited{demo: d} }

// livingAnswer is the one answer of the living demo, given when it has begun.
type livingAnswer struct {
	Browser string           `json:"browser"`
	Desk    string           `json:"desk"`
	Plaza   string           `json:"plaza"`
	Root    canonical.Digest `json:"root"`
	Dir     string           `json:"dir"`
}

// begin lets the demo come alive, and gives the demo's one answer.
func (v *visited) begin(ctx context.Context) error {
	d := v.demo
	d.took, d.said = map[string]time.Duration{}, map[string]string{}
	text, err := cli.ReadFile(filepath.Join(d.dir, deskdir.Trust, "root"), 1<<10)
	if err != nil {
		return err
	}
	if err = v.root.UnmarshalText([]byte(strings.TrimSpace(string(text)))); err != nil {
		return err
	}
	c, err := d.client(onCall)
	if err != nil {
		return err
	}
	status, err := c.Status(ctx)
	if err != nil {
		return err
	}
	v.enrolName = status.EnrolName
	now := time.Now()
	if err := d.placeOrder(ctx, actions.Order{Op: "place", Platform: deskdir.ConnectorPlaza, Tier: actions.Critical, Until: canonical.At(now.AddDate(0, 1, 0)),
		PerSubject: 60, PerTier: 1000, Layers: actions.OrderLayers, Vouched: canonical.At(now)}); err != nil {
		return err
	}
	if v.credential, err = d.on.Plaza.IssueToken(ctx, nightShift, plaza.StaffScope); err != nil {
		return err
	}
	day, err := newDay(ctx, d)
	if err != nil {
		return err
	}
	// Something to verify stands before anybody comes: a spammer's takedown.
	request, r := d.act(ctx, second, "plaza:"+spammer, "1", "account.takedown", "Nothing but offers for passwords.")
	if r.err != nil {
		return r.err
	}
	v.mu.Lock()
	v.taken, v.ready = request.ID, true
	v.mu.Unlock()
	go day.live(ctx)
	doc := livingAnswer{d.on.Browser, d.on.URL, d.on.PlazaURL, v.root, d.dir}
	if err := d.session.Answer(doc, func(p *cli.Page) {
		p.Line("")
		p.Line("    %s/", d.on.Browser)
		p.Line("")
		p.Line("40 people work there now. Choose who you are, and take the tour: six steps, five minutes.")
		p.Line("Entry 0 of this desk's ledger is %s", v.root)
		p.Line("Ctrl-C ends it. %s", "The folder "+d.dir+" stays, with every key in it; delete it when you have seen enough.")
	}); err != nil {
		return err
	}
	if !d.command.NoOpen && !d.session.JSON {
		openBrowser(d.on.Browser + "/")
	}
	return nil
}

// openBrowser opens an address in the person's browser where that is possible. The address is
// printed as well, so that nothing is lost where it is not.
func openBrowser(address string) {
	name, args := "xdg-open", []string{address}
	switch runtime.GOOS {
	case "darwin":
		name = "open"
	case "windows":
		name, args = "rundll32", []string{"url.dll,FileProtocolHandler", address}
	}
	c := exec.Command(name, args...)
	if c.Start() == nil {
		go func() { _ = c.Wait() }() // whether it found a browser does not matter
	}
}

// Scene tells where the demo plays.
func (v *visited) Scene() Scene {
	v.mu.Lock()
	defer v.mu.Unlock()
	return Scene{Plaza: v.on.PlazaURL, President: president, Mayor: mayor, Root: v.root, Enrol: v.enrolName}
}

// Characters are the people whom a visitor can be.
func (v *visited) Characters() []Character {
	return []Character{
		{asker, "Priya Raman", "agent", "Northlake Services", v.lastDays[asker], "Clears what people on plaza report."},
		{contractor, "Dana Whitlow", "lead", "Brightline Assist", "today, " + v.shift.Local().Format("15:04"), "Senior support contractor in the last hour."},
		{second, "Tomás Vidal", "lead", "Telora", v.lastDays[second], "Is asked to countersign what others want."},
		{onCall, "Jonas Okafor", "on call", "employee", "none", "Is called when something is wrong."},
		{investigator, "Noor Haddad", "investigator", "employee", "none", "Finds out who did what."},
		{auditor, "Edda Kamara", "auditor", "employee", "none", "Checks it all, and believes nobody."},
	}
}

func (v *visited) is(worker workforce.WorkerID) bool {
	for _, c := range v.Characters() {
		if c.Worker == worker {
			return true
		}
	}
	return false
}

var errNotReady = fault.New(fault.Unavailable, "demo-not-ready", "The demo is still being set up. Try again in a moment.")

// Enrol has the demo's officers enrol a key.
func (v *visited) Enrol(ctx context.Context, e actions.Enrolment) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.ready {
		return errNotReady
	}
	if !v.is(e.Worker) {
		return fault.New(fault.Invalid, "bad-worker", "%q is none of the people whom you can be here.", string(e.Worker))
	}
	v.enrolled++
	file := filepath.Join(v.dir, fmt.Sprintf("visitor-%d%s", v.enrolled, cli.EnrolmentSuffix))
	b, err := canonical.Marshal(e)
	if err != nil {
		return err
	}
	if err := cli.WriteFile(file, append(b, '\n'), 0o600); err != nil {
		return err
	}
	defer os.Remove(file)
	return v.decide(ctx, "key", "enroll", file, "--reason", "a visitor of the demo")
}

// Prepare makes sure that a step of the tour has what it needs.
func (v *visited) Prepare(ctx context.Context, step string) (p Prop, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.ready {
		return p, errNotReady
	}
	switch step {
	case "agent":
		return p, v.fill(ctx)
	case "countersign":
		p.Request, err = v.waiting(ctx)
	case "investigator":
		if p.Incident = v.incident; p.Incident == "" {
			err = fault.New(fault.NotFound, "no-incident", "Nothing has happened around the desk yet: play the insider first.")
		}
	case "auditor":
		p.Request = v.takedown(ctx)
	}
	return p, err
}

// fill has more reported until an agent finds enough cases.
func (v *visited) fill(ctx context.Context) error {
	c, err := v.client(asker)
	if err != nil {
		return err
	}
	const enough = 5
	for n := range 60 {
		all, err := c.Cases(ctx, v1.CaseFilter{State: cases.Waiting})
		if err != nil {
			return err
		}
		if len(all.Items) >= enough {
			return nil
		}
		if n < enough {
			v.bells <- struct{}{} // somebody reports something
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
	return fault.New(fault.Unavailable, "no-cases", "Nothing is reported just now. Try again in a moment.")
}

// waiting returns a request about the mayor's account that waits for one more person: the second.
func (v *visited) waiting(ctx context.Context) (string, error) {
	if v.held != "" {
		switch r := v.as(ctx, asker, "action", "show", v.held); r.member("status") {
		case string(actions.StatusHeld):
			return v.held, nil
		case string(actions.StatusExecuted):
			v.taken = v.held
			if r := v.as(ctx, onCall, "action", "undo", v.held, "--reason", "the owner has it back"); r.err != nil {
				return "", r.err
			}
		}
	}
	// She takes the case up, claims it, and decides it: what the visitor is asked about has evidence.
	request, r := v.act(ctx, asker, "plaza:"+mayor, "2", "account.takedown", "The account is hacked: it offers money for passwords.")
	if request.ID == "" {
		return "", cmp.Or(r.err, error(fault.New(fault.Unavailable, "no-request", "Nobody asks for anything just now. Try again in a moment.")))
	}
	v.held = request.ID
	return v.held, v.as(ctx, employee, "action", "countersign", v.held).err
}

// takedown returns the newest takedown that was carried out, for whoever wants to verify it.
func (v *visited) takedown(ctx context.Context) string {
	if v.held != "" && v.as(ctx, asker, "action", "show", v.held).member("status") == string(actions.StatusExecuted) {
		return v.held
	}
	return v.taken
}

// Around changes the account of the head of state around the desk.
func (v *visited) Around(ctx context.Context) (out Detour, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.ready {
		return out, errNotReady
	}
	c, err := v.client(onCall)
	if err != nil {
		return out, err
	}
	subject, err := c.Subject(ctx, "plaza:"+president)
	if err != nil {
		return out, err
	}
	on := account{handle: president, id: subject.Subject.ID, page: v.on.PlazaURL + "/" + president}
	h := &http.Client{Transport: &http.Transport{}}
	defer h.CloseIdleConnections()
	began := time.Now()
	if _, err := (&testbed{plaza: v.on.PlazaURL}).takeDown(ctx, h, "Bearer "+v.credential, on); err != nil {
		return out, err
	}
	if err := seenUp(ctx, h, on, backTime); err != nil {
		return out, err
	}
	out.Back = time.Since(began)
	if out.Incident, _, err = attributed(ctx, c, subject.Subject.String()); err != nil {
		return out, err
	}
	v.incident = out.Incident
	return out, putRight(ctx, c, out.Incident)
}

// decoded reads the answer of a command.
func (r result) decoded(into any) error { return errors.Join(r.err, json.Unmarshal(r.doc, into)) }
