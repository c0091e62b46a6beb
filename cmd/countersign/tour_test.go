package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"countersign.dev/test/testenv"
)

// visitor walks through the tour as a person does, and counts what that person would need: a
// second for each press, and the time to read what is new on the screen.
type visitor struct {
	*testenv.Tab
	t       *testing.T
	presses int // in this step
	total   time.Duration
	read    map[string]bool // texts that were read already
}

const perWord = time.Minute / 250

// reads adds the time to read what stands in some places of the page.
func (v *visitor) reads(selectors ...string) {
	v.t.Helper()
	for _, s := range selectors {
		for _, text := range v.Texts(s) {
			for line := range strings.Lines(text) {
				if line = strings.TrimSpace(line); !v.read[line] {
					v.read[line] = true
					v.total += time.Duration(len(strings.Fields(line))) * perWord
				}
			}
		}
	}
}

func (v *visitor) pressed() { v.presses++; v.total += time.Second }

func (v *visitor) click(selector string) { v.t.Helper(); v.Click(selector); v.pressed() }
func (v *visitor) key(name string)       { v.t.Helper(); v.Press(name); v.pressed() }

// bar is where the tour tells what to do, and what came of it.
const bar = "#tour .step"

// step begins a step of the tour, and be becomes its person.
func (v *visitor) step(name string) {
	v.t.Helper()
	if name != "agent" {
		v.click("#tour [data-next]")
	}
	v.Wait("=> document.querySelector('#tour').dataset.at === '" + name + "'")
	v.reads(bar + "[data-step=" + name + "]")
	v.presses = 0
}

func (v *visitor) be(worker string) {
	v.t.Helper()
	v.click("#tour [data-be=" + worker + "]")
	v.Wait("=> document.documentElement.dataset.worker === '" + worker + "' && document.documentElement.dataset.ready")
}

// look takes the page in each of its forms, and judges it.
func (v *visitor) look(name string) {
	v.t.Helper()
	for _, wrong := range v.Validate() {
		v.t.Errorf("%s: HTML: %s", name, wrong)
	}
	for _, scheme := range []string{"dark", "light"} {
		v.Scheme(scheme)
		for _, width := range []int{390, 1440} {
			v.Size(width)
			v.Screenshot(fmt.Sprintf("%s-%s-%d", name, scheme, width))
			for _, wrong := range v.Axe() {
				v.t.Errorf("%s, %s, %d px: axe: %s", name, scheme, width, wrong)
			}
		}
	}
}

func (v *visitor) done(name string) {
	v.t.Helper()
	v.Wait("=> document.querySelector('#tour').dataset.done === 'yes'")
	v.reads(bar + "[data-step=" + name + "]")
	v.look("tour-" + name)
	if v.presses > 12 {
		v.t.Errorf("the step %s asks for %d presses", name, v.presses)
	}
	v.t.Logf("%s: %d presses, %v in all", name, v.presses, v.total.Round(time.Second))
}

// TestTour: a visitor takes the whole tour of the living demo in a browser. At the pace of people it ends
// within five minutes, and no step asks for more than twelve presses.
func TestTour(t *testing.T) {
	testenv.Browser(t)
	address := startDemo(t, filepath.Join(t.TempDir(), "demo"))
	tab := testenv.NewTab(t, testenv.TabOptions{Base: address})
	tab.Allow("403") // the contractor is refused
	tab.Allow("409") // the simulated people report something on the case that the agent decides
	v := &visitor{Tab: tab, t: t, read: map[string]bool{}}
	v.Open("/")
	v.Wait("#tour .step")
	v.look("tour-picker")
	v.reads("main")

	v.step("agent")
	v.be("nl-007")
	for n := range 3 {
		if n == 0 {
			v.key("Enter")
		}
		v.Wait("=> document.documentElement.dataset.ready === 'case' && !document.querySelector('#verdict')?.dataset.done")
		// An agent reads what was reported, what the desk read, and what is known of the subject; the
		// list of the rules is for looking things up.
		v.reads("main h1", "main h2", "main .report", "main figure", "main blockquote", "main dl")
		v.decides()
	}
	v.done("agent")
	// Whoever leaves the tour takes it up where it was, also on another page.
	v.Click("#tour [data-leave]")
	v.WaitGone("#tour .step")
	v.Open("/queues")
	v.Wait("#tour [data-leave]")
	v.WaitGone("#tour .step")
	v.Click("#tour [data-leave]")
	v.Wait("#tour .step[data-step=agent]")

	v.step("contractor")
	before := v.SecondTab()
	before.Allow("401")
	before.Open("/work")
	before.Wait("=> document.documentElement.dataset.worker === 'nl-007' && document.documentElement.dataset.ready")
	v.be("bl-041")
	before.Wait("=> location.pathname === '/signin'") // the agent's session is over
	if text := v.Text("header .person"); !strings.Contains(text, "Dana Whitlow") {
		t.Errorf("the page calls its reader %q", text)
	}
	v.click("#tour .step[data-step=contractor] [data-act]")
	v.Wait(".outcome")
	v.reads(".outcome")
	if text := v.Text(".outcome"); !strings.Contains(text, "@president stays up") || !strings.Contains(text, "last day") || !strings.Contains(text, "two others must sign") {
		t.Errorf("the refusal is not in the page: %s", text)
	}
	v.done("contractor")

	v.step("countersign")
	v.be("te-003")
	v.Wait("=> document.documentElement.dataset.ready === 'countersign'")
	if v.Count("#signing .evidence blockquote") == 0 || strings.Contains(v.Text("#signing"), "names no case") {
		t.Errorf("the request has no evidence: %s", v.Text("#signing .evidence"))
	}
	v.phone()
	if text := v.Text("#tour"); strings.Contains(text, "Be Tomás") || !strings.Contains(text, "You are Tomás Vidal") {
		t.Errorf("the bar says %q", text)
	}
	v.reads("#signing")
	v.click("input[name=verdict][value=countersign]")
	v.click("#typed")
	for _, c := range "@mayor" {
		v.key(string(c))
	}
	v.key("Enter")
	v.done("countersign")
	declined(v)

	v.step("insider")
	v.click("#tour .step[data-step=insider] [data-act]")
	v.Wait(".outcome")
	// The page of the request that was declined comes only now. It leaves the outcome where it is.
	v.letPages()
	v.Wait("=> document.documentElement.dataset.ready === 'requests' && document.querySelector('#request')")
	v.Wait(".outcome")
	v.reads(".outcome")
	v.done("insider")

	v.step("investigator")
	v.be("em-015")
	v.Wait("#incident")
	// The step asks who did it, and when; the rest of the report is for those who go on.
	v.reads("#incident h1", "#incident h2", "#incident .summary", "#incident .figures", "#incident section:not(.proof) .facts", "#incident blockquote")
	if text := v.Text("#incident"); !strings.Contains(text, "Ruben Castell") || strings.Contains(text, "nobody is declared") {
		t.Errorf("the incident does not say who is declared to hold the credential: %s", text)
	}
	if testenv.Eval[string](v.Tab, "document.querySelector('#tour').dataset.done") == "yes" {
		t.Error("the step is done before anybody read the page")
	}
	v.click("#tour .step[data-step=investigator] [data-act]")
	v.done("investigator")

	v.step("auditor")
	v.be("em-020")
	v.WaitText("#result", "It holds")
	v.reads("main [data-request]") // what comes after it is for those who go on
	v.done("auditor")
	if text := v.Text(".next"); !strings.Contains(text, "A desk of your own") || !strings.Contains(text, "Be Jonas Okafor") {
		t.Errorf("the end says %q", text)
	}

	if v.total > 5*time.Minute {
		t.Errorf("the tour takes %v", v.total)
	}
}

// decides says that nothing is wrong with the case that is shown. If something came in on the case
// after it was shown, the desk refuses, and the visitor looks at it again.
func (v *visitor) decides() {
	v.t.Helper()
	before := v.Text("h1")
	for {
		v.key("a")
		v.Wait("=> document.querySelector('h1').innerText !== " + string(must(json.Marshal(before))) + " || document.querySelector('#verdict-error')?.textContent")
		if v.Text("h1") != before {
			return
		}
		v.click("#moved button")
		v.Wait("=> document.documentElement.dataset.ready === 'case' && document.querySelector('#verdict-error')?.textContent === ''")
	}
}

// holdPages has the pages that this tab asks for from now on wait until letPages.
func (v *visitor) holdPages() {
	v.t.Helper()
	testenv.Eval[bool](v.Tab, `(() => {
		const ask = window.fetch, held = [];
		window.fetch = (to, how) => how?.headers?.["Countersign-Fragment"] ? new Promise((go) => held.push(() => go(ask(to, how)))) : ask(to, how);
		window.heldPages = held;
		window.letPages = () => { window.fetch = ask; for (const go of held) go() };
		return true;
	})()`)
}

func (v *visitor) letPages() {
	v.t.Helper()
	v.Wait("=> window.heldPages.length")
	testenv.Eval[bool](v.Tab, "(window.letPages(), true)")
}

// phone looks at the bar on a phone: it leaves the page two thirds of the screen, and folds to a pill.
func (v *visitor) phone() {
	v.t.Helper()
	v.Size(390)
	v.Wait("=> document.querySelector('#tour').offsetHeight < innerHeight / 3")
	v.Size(1440)
}

// declined takes a second request of the same step, and says no: that ends it as well. The page that
// follows is held back.
func declined(v *visitor) {
	v.t.Helper()
	before := v.URL()
	v.Click("#tour .step[data-step=countersign] [data-be]")
	v.Wait("=> location.href !== " + string(must(json.Marshal(before))) + " && document.documentElement.dataset.ready === 'countersign'")
	v.Click("input[name=verdict][value=decline]")
	v.Type("#typed", "@mayor")
	v.Type("#reason", "He is not hacked.")
	v.holdPages()
	v.Click("#answer button")
	v.WaitText("#tour output", "You declined")
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// startDemo starts the living demo, as a process of its own, and returns the address that it gives.
func startDemo(t *testing.T, dir string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "countersign", "demo", "--no-open", "--json", "--dir", dir, "--listen", "127.0.0.1:0", "--plaza-listen", "127.0.0.1:0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = t.Output()
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = time.Minute
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Wait() }) // its end is by a signal
	var doc struct {
		Browser string `json:"browser"`
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatalf("the demo says nothing: %v", lines.Err())
	}
	if err := json.Unmarshal(lines.Bytes(), &doc); err != nil {
		t.Fatalf("%v: %s", err, lines.Text())
	}
	return doc.Browser
}
