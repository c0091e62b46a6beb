package testenv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// longWait bounds every wait for a page. A page that works needs a small part of
// it on any machine; only a broken one needs all of it.
const longWait = 60 * time.Second

// quiet are the flags that keep a test's browser from calling anybody but the test.
var quiet = []string{
	"disable-gpu", "disable-quic", "no-first-run", "disable-background-networking", "disable-component-update",
	"disable-sync", "disable-default-apps", "disable-domain-reliability", "no-pings", "no-default-browser-check",
}

var sharedBrowser struct {
	sync.Mutex
	ctx context.Context
	err error
}

// Browser returns the headless Chromium that all tests of this package's binary share.
// The first test that asks starts it, and it ends with the process, together with its
// folder. Tests use it through NewTab.
func Browser(t testing.TB) context.Context {
	t.Helper()
	path := setting(t, "browser", browserVariable)
	sharedBrowser.Lock()
	defer sharedBrowser.Unlock()
	if sharedBrowser.ctx == nil && sharedBrowser.err == nil {
		sharedBrowser.ctx, sharedBrowser.err = startBrowser(path)
	}
	if sharedBrowser.err != nil {
		t.Fatalf("start the browser: %v", sharedBrowser.err)
	}
	return sharedBrowser.ctx
}

func startBrowser(path string) (context.Context, error) {
	folder, err := os.MkdirTemp("", "countersign-browser-")
	if err != nil {
		return nil, fmt.Errorf("make the browser's folder: %w", err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.UserDataDir(folder),
		chromedp.Env("TMPDIR="+folder), chromedp.ModifyCmdFunc(func(cmd *exec.Cmd) {
			// The browser ends when its pipe does, thus also when this process is killed. Then
			// nobody but a shell around it is left to remove its folder.
			cmd.Args = append([]string{"sh", "-c", `"$@"; rm -rf "$0"`, folder, path}, cmd.Args[1:]...)
			cmd.Path = "/bin/sh"
		}))
	for _, flag := range quiet {
		options = append(options, chromedp.Flag(flag, true))
	}
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	allocator, _ := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	if err := chromedp.Do(ctx); err != nil {
		cancel()
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	return ctx, nil
}

// TabOptions are how a tab begins.
type TabOptions struct {
	Width  int    // in CSS pixels; 0: 1440
	Scheme string // "light" or "dark"; "": light
	Base   string // what Open puts before a path, such as "http://localhost:8080"
}

// Tab is a tab of the browser with cookies and storage of its own, shared only with its
// SecondTab. Each of its methods ends the test if it cannot do what it is asked.
//
// A tab takes down what the page writes to the console, errors that nobody caught, reports
// of the content security policy, and requests that failed or were answered with 400 and above.
// At the end of the test each of these is an error of the test, unless Allow named it.
type Tab struct {
	Base string

	t       testing.TB
	ctx     context.Context
	options TabOptions

	moved chan struct{} // told when the tab goes to another page

	mu       sync.Mutex
	problems []string
	allowed  []string
	asked    map[network.RequestID]string // URLs of requests under way
}

// NewTab opens a tab that closes with the test. Its first page is about:blank.
func NewTab(t testing.TB, options TabOptions) *Tab {
	t.Helper()
	return newTab(t, Browser(t), options, chromedp.WithNewBrowserContext())
}

// SecondTab opens another tab with the same cookies and storage.
func (b *Tab) SecondTab() *Tab {
	b.t.Helper()
	o := b.options
	o.Base = b.Base
	return newTab(b.t, b.ctx, o)
}

func newTab(t testing.TB, parent context.Context, options TabOptions, how ...chromedp.ContextOption) *Tab {
	t.Helper()
	b := &Tab{Base: options.Base, t: t, options: options, moved: make(chan struct{}, 1), asked: map[network.RequestID]string{}}
	ctx, cancel := chromedp.NewContext(parent, append(how, chromedp.WithListener(b.hear))...)
	b.ctx = ctx
	t.Cleanup(func() {
		b.end()
		cancel()
	})
	b.do("open a tab", chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, audits.Enable, cdp.Empty{})
		return err
	}))
	width := options.Width
	if width == 0 {
		width = 1440
	}
	b.Size(width)
	scheme := options.Scheme
	if scheme == "" {
		scheme = "light"
	}
	b.Scheme(scheme)
	return b
}

// Grant lets the pages of this tab's browser have something, such as notifications, without asking.
func (b *Tab) Grant(what string) {
	b.t.Helper()
	b.do("grant "+what, chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		c := chromedp.FromContext(ctx)
		_, err := cdp.Call(ctx, c.Browser, browser.SetPermission, browser.SetPermissionParams{Permission: &browser.PermissionDescriptor{Name: what}, Setting: browser.PermissionSettingGranted,
			Origin: b.Base, BrowserContextID: c.BrowserContextID})
		return err
	}))
}

// hear takes down what the page should not have caused.
func (b *Tab) hear(event any) {
	switch e := event.(type) {
	case *page.EventFrameNavigated, *page.EventNavigatedWithinDocument:
		select {
		case b.moved <- struct{}{}:
		default:
		}
	case *runtime.EventConsoleAPICalled:
		var words []string
		for _, a := range e.Args {
			words = append(words, remoteText(a))
		}
		b.note("console %s: %s", e.Type, strings.Join(words, " "))
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if o := e.ExceptionDetails.Exception; o != nil {
			text += " " + remoteText(o)
		}
		b.note("error: %s", text)
	case *log.EventEntryAdded:
		b.note("browser %s: %s (%s)", e.Entry.Level, e.Entry.Text, e.Entry.URL)
	case *audits.EventIssueAdded:
		if d := e.Issue.Details; d != nil && d.ContentSecurityPolicyIssueDetails != nil {
			c := d.ContentSecurityPolicyIssueDetails
			b.note("policy: %s: %s %s", c.ContentSecurityPolicyViolationType, c.ViolatedDirective, c.BlockedURL)
		}
	case *network.EventRequestWillBeSent:
		b.mu.Lock()
		b.asked[e.RequestID] = e.Request.Method + " " + e.Request.URL
		b.mu.Unlock()
	case *network.EventResponseReceived:
		if e.Response.Status >= 400 {
			b.note("answer %d: %s", e.Response.Status, b.request(e.RequestID))
		}
	case *network.EventLoadingFailed:
		if !e.Canceled {
			b.note("request failed: %s: %s %s", b.request(e.RequestID), e.ErrorText, e.BlockedReason)
		}
	}
}

func (b *Tab) request(id network.RequestID) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.asked[id]
}

func (b *Tab) note(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.problems = append(b.problems, fmt.Sprintf(format, args...))
}

func remoteText(o *runtime.RemoteObject) string {
	var s string
	switch {
	case json.Unmarshal(o.Value, &s) == nil:
		return s
	case o.Description != "":
		return o.Description
	}
	return string(o.Value)
}

// Allow names parts of problems that this test expects, such as "answer 409".
func (b *Tab) Allow(parts ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.allowed = append(b.allowed, parts...)
}

// Problems returns what was taken down so far and was not allowed.
func (b *Tab) Problems() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var found []string
	for _, p := range b.problems {
		ok := false
		for _, a := range b.allowed {
			ok = ok || strings.Contains(p, a)
		}
		if !ok {
			found = append(found, p)
		}
	}
	return found
}

// end reports what was taken down, and shows the page of a failed test.
func (b *Tab) end() {
	ctx, cancel := context.WithTimeout(b.ctx, longWait)
	defer cancel()
	// What the page caused before this answer is taken down by then.
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[string]("document.URL")); err != nil {
		b.t.Errorf("the tab did not live until the end of the test: %v", err)
	}
	for _, p := range b.Problems() {
		b.t.Errorf("the page caused: %s", p)
	}
	if !b.t.Failed() {
		return
	}
	at, _ := chromedp.Run(ctx, chromedp.Evaluate[string]("document.URL + '\\n' + (document.body?.innerText ?? '')"))
	if len(at) > 2000 {
		at = at[:2000] + "…"
	}
	file, err := b.shoot(ctx, fmt.Sprintf("failed-%s-%d", b.t.Name(), b.number()))
	if err != nil {
		file = err.Error()
	}
	b.t.Logf("the page at the end (%s): %s", file, at)
}

// tabs counts the tabs that were opened for each test.
var tabs sync.Map

// number is the number of the tab among those whose pages a failed test shows, since each has a
// picture of its own.
func (b *Tab) number() int64 {
	n, _ := tabs.LoadOrStore(b.t.Name(), new(atomic.Int64))
	return n.(*atomic.Int64).Add(1)
}

// do runs one step within the long wait.
func (b *Tab) do(what string, step chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := b.try(step); err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
}

func (b *Tab) try(step chromedp.Action[chromedp.Void]) error {
	// The first step makes the tab, which would end with a context that has a time limit.
	if chromedp.FromContext(b.ctx).Target == nil {
		if err := chromedp.Do(b.ctx); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(b.ctx, longWait)
	defer cancel()
	return chromedp.Do(ctx, step)
}

// Open goes to a URL, or to a path of the tab's Base, and waits until the page is loaded.
func (b *Tab) Open(url string) {
	b.t.Helper()
	if strings.HasPrefix(url, "/") {
		url = b.Base + url
	}
	b.do("open "+url, chromedp.Navigate(url))
}

// Reload loads the page again.
func (b *Tab) Reload() { b.t.Helper(); b.do("reload", chromedp.Reload()) }

// Back goes one page back.
func (b *Tab) Back() { b.t.Helper(); b.travel(-1) }

// Forward goes one page forward again.
func (b *Tab) Forward() { b.t.Helper(); b.travel(1) }

// travel goes through the tab's history. A page that the browser kept is not loaded again,
// so that there is no end of loading to wait for.
func (b *Tab) travel(by int64) {
	b.t.Helper()
	b.do("travel through the history", chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		now, err := cdp.Call(ctx, tab, page.GetNavigationHistory, cdp.Empty{})
		if err != nil {
			return err
		}
		to := now.CurrentIndex + by
		if to < 0 || to >= int64(len(now.Entries)) {
			return errors.New("there is no page")
		}
		select {
		case <-b.moved:
		default:
		}
		if _, err := cdp.Call(ctx, tab, page.NavigateToHistoryEntry, page.NavigateToHistoryEntryParams{EntryID: now.Entries[to].ID}); err != nil {
			return err
		}
		for now.CurrentIndex != to {
			select {
			case <-b.moved:
			case <-time.After(50 * time.Millisecond):
			case <-ctx.Done():
				return ctx.Err()
			}
			// While one page goes and the next one comes, there is none to ask.
			if next, err := cdp.Call(ctx, tab, page.GetNavigationHistory, cdp.Empty{}); err == nil {
				now = next
			}
		}
		return nil
	}))
	b.wait("the page to be loaded", "document.readyState === 'complete'")
}

// condition makes an expression of a condition: a condition that starts with "=> " is
// JavaScript, and every other one is a CSS selector of something that can be seen.
func condition(c string) string {
	if js, ok := strings.CutPrefix(c, "=> "); ok {
		return js
	}
	return fmt.Sprintf("[...document.querySelectorAll(%s)].some((e) => e.checkVisibility({visibilityProperty: true}))", quote(c))
}

func quote(s string) string {
	j, err := json.Marshal(s)
	if err != nil {
		panic(err) // no string fails
	}
	return string(j)
}

// Wait waits until a CSS selector finds something that can be seen, or, if the condition
// starts with "=> ", until the JavaScript expression after that is true:
//
//	b.Wait("main.case")
//	b.Wait("=> document.title.includes('Case')")
func (b *Tab) Wait(c string) { b.t.Helper(); b.wait(c, condition(c)) }

// WaitGone waits until the selector finds nothing that can be seen.
func (b *Tab) WaitGone(selector string) {
	b.t.Helper()
	b.wait(selector+" to go", "!"+condition(selector))
}

// WaitText waits until the text that can be seen under the selector contains the words.
func (b *Tab) WaitText(selector, words string) {
	b.t.Helper()
	b.wait(fmt.Sprintf("%q in %s", words, selector),
		fmt.Sprintf("[...document.querySelectorAll(%s)].some((e) => e.innerText.includes(%s))", quote(selector), quote(words)))
}

func (b *Tab) wait(what, expression string) {
	b.t.Helper()
	// A page that goes away takes the wait along; then it begins again on the next one.
	script := fmt.Sprintf(`new Promise((resolve) => {
		const holds = () => { try { return Boolean(%s) } catch { return false } };
		if (holds()) { resolve(true); return }
		const look = () => { if (holds()) { observer.disconnect(); clearInterval(timer); resolve(true) } };
		const observer = new MutationObserver(look);
		observer.observe(document, {subtree: true, childList: true, attributes: true, characterData: true});
		const timer = setInterval(look, 50);
	})`, expression)
	ctx, cancel := context.WithTimeout(b.ctx, longWait)
	defer cancel()
	for {
		_, err := chromedp.Run(ctx, chromedp.Evaluate[bool](script, chromedp.EvalAwaitPromise))
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			b.t.Fatalf("waited in vain for %s", what)
		}
		var thrown *chromedp.ExceptionError
		if errors.As(err, &thrown) {
			b.t.Fatalf("wait for %s: %v", what, err)
		}
		select { // the page went away, and another one comes
		case <-b.moved:
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Click clicks, with the mouse, on the first thing that the selector finds and that can be
// seen. It waits for the thing, and for anything that covers it to go.
func (b *Tab) Click(selector string) {
	b.t.Helper()
	find := fmt.Sprintf(`[...document.querySelectorAll(%s)].find((e) => e.checkVisibility({visibilityProperty: true}))`, quote(selector))
	b.wait(selector+" to be clicked", fmt.Sprintf(`(() => {
		const e = %s;
		if (!e || e.disabled) return false;
		e.scrollIntoView({block: 'nearest', inline: 'nearest', behavior: 'instant'});
		const r = e.getBoundingClientRect(), hit = document.elementFromPoint(r.x + r.width / 2, r.y + r.height / 2);
		return hit && (e.contains(hit) || hit.contains(e) || e.control === hit);
	})()`, find))
	at := Eval[[2]float64](b, fmt.Sprintf(`(() => { const r = %s.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2] })()`, find))
	b.do("click "+selector, chromedp.MouseClickXY(at[0], at[1]))
}

// Focus puts the focus on the first thing that the selector finds.
func (b *Tab) Focus(selector string) {
	b.t.Helper()
	b.Wait(selector)
	Eval[bool](b, fmt.Sprintf("(document.querySelector(%s).focus(), true)", quote(selector)))
}

var namedKeys = map[string]string{
	"Enter": kb.Enter, "Escape": kb.Escape, "Tab": kb.Tab, "Backspace": kb.Backspace, "Delete": kb.Delete, "Space": " ",
	"ArrowUp": kb.ArrowUp, "ArrowDown": kb.ArrowDown, "ArrowLeft": kb.ArrowLeft, "ArrowRight": kb.ArrowRight,
	"Home": kb.Home, "End": kb.End, "PageUp": kb.PageUp, "PageDown": kb.PageDown, "F1": kb.F1, "F5": kb.F5,
}

// Press presses and releases a key: a character ("j", "?") or a name as KeyboardEvent.key has
// it ("Enter", "ArrowDown"), after "Ctrl+", "Shift+", "Alt+", "Meta+" or "AltGr+" as wanted.
func (b *Tab) Press(key string) { b.t.Helper(); b.press(key, 0) }

// Hold presses a key and keeps it down for a number of repeats, as a keyboard sends them.
func (b *Tab) Hold(key string, repeats int) { b.t.Helper(); b.press(key, repeats) }

func (b *Tab) press(name string, repeats int) {
	b.t.Helper()
	var modifiers chromedp.Modifier
	rest := name
	for {
		modifier, key, ok := strings.Cut(rest, "+")
		if !ok || key == "" {
			break
		}
		switch modifier {
		case "Ctrl":
			modifiers |= chromedp.ModifierCtrl
		case "Shift":
			modifiers |= chromedp.ModifierShift
		case "Alt":
			modifiers |= chromedp.ModifierAlt
		case "Meta":
			modifiers |= chromedp.ModifierMeta
		case "AltGr": // as Windows sends it
			modifiers |= chromedp.ModifierCtrl | chromedp.ModifierAlt
		default:
			b.t.Fatalf("no modifier %q in %q", modifier, name)
		}
		rest = key
	}
	if n, ok := namedKeys[rest]; ok {
		rest = n
	}
	runes := []rune(rest)
	if len(runes) != 1 {
		b.t.Fatalf("no key %q: give one character or a name that testenv knows", name)
	}
	k, ok := kb.Keys[runes[0]]
	if !ok {
		b.t.Fatalf("no keyboard has the key %q", name)
	}
	if k.Shift {
		modifiers |= chromedp.ModifierShift
	}
	down := input.DispatchKeyEventParams{
		Type: input.DispatchKeyEventTypeRawKeyDown, Key: k.Key, Code: k.Code, Modifiers: int64(modifiers),
		WindowsVirtualKeyCode: k.Windows, NativeVirtualKeyCode: k.Native,
	}
	if k.Print && modifiers&^chromedp.ModifierShift == 0 {
		down.Type, down.Text, down.UnmodifiedText = input.DispatchKeyEventTypeKeyDown, k.Text, k.Unmodified
	}
	up := down
	up.Type, up.Text, up.UnmodifiedText = input.DispatchKeyEventTypeKeyUp, "", ""
	b.do("press "+name, chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		for i := range repeats + 1 {
			d := down
			if i > 0 {
				d.AutoRepeat = new(true)
			}
			if _, err := cdp.Call(ctx, tab, input.DispatchKeyEvent, d); err != nil {
				return err
			}
		}
		_, err := cdp.Call(ctx, tab, input.DispatchKeyEvent, up)
		return err
	}))
}

// Edit has the browser carry out an editing command ("copy", "paste", "selectAll") as its menu does.
func (b *Tab) Edit(command string) {
	b.t.Helper()
	b.do("edit: "+command, chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeRawKeyDown, Commands: []string{command}})
		return err
	}))
}

// Type focuses a field and types text into it, key by key. An empty selector types where
// the focus is.
func (b *Tab) Type(selector, text string) {
	b.t.Helper()
	if selector != "" {
		b.Focus(selector)
	}
	b.do("type into "+selector, chromedp.KeyEvent(text))
}

// Compose shows text of an input method that is still being composed; an empty text ends
// the composition.
func (b *Tab) Compose(text string) {
	b.t.Helper()
	b.do("compose", chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		end := int64(len([]rune(text)))
		_, err := cdp.Call(ctx, tab, input.ImeSetComposition, input.ImeSetCompositionParams{Text: text, SelectionStart: end, SelectionEnd: end})
		return err
	}))
}

// Text waits for the first thing that the selector finds and returns its text as people see it.
func (b *Tab) Text(selector string) string {
	b.t.Helper()
	b.Wait(selector)
	return Eval[string](b, fmt.Sprintf("document.querySelector(%s).innerText", quote(selector)))
}

// Texts returns the texts of all that the selector finds now.
func (b *Tab) Texts(selector string) []string {
	b.t.Helper()
	return Eval[[]string](b, fmt.Sprintf("[...document.querySelectorAll(%s)].map((e) => e.innerText)", quote(selector)))
}

// Count returns how many things the selector finds now.
func (b *Tab) Count(selector string) int {
	b.t.Helper()
	return Eval[int](b, fmt.Sprintf("document.querySelectorAll(%s).length", quote(selector)))
}

// URL returns the page's address.
func (b *Tab) URL() string { b.t.Helper(); return Eval[string](b, "location.href") }

// HTML returns the document as it is now.
func (b *Tab) HTML() string {
	b.t.Helper()
	return Eval[string](b, "'<!DOCTYPE html>\\n' + document.documentElement.outerHTML")
}

// Source returns the page as the server sends it now. A page that the browser may not keep is asked
// for once more.
func (b *Tab) Source() string {
	b.t.Helper()
	return Eval[string](b, "(async () => (await fetch(location.href, {credentials: 'same-origin'})).text())()")
}

// Eval evaluates JavaScript in the page and returns its value; it waits for a promise.
func Eval[T any](b *Tab, js string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, longWait)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("evaluate %s: %v", js, err)
	}
	return v
}

// Size makes the page as wide as a screen: 1440 is a desk's, 390 a phone's.
func (b *Tab) Size(width int) {
	b.t.Helper()
	if width < 600 {
		b.do("be a phone", chromedp.EmulateViewport(int64(width), 844, chromedp.EmulateMobile))
		return
	}
	b.do("be a screen", chromedp.EmulateViewport(int64(width), 900))
}

// Scheme says which colours the person prefers, "light" or "dark".
func (b *Tab) Scheme(scheme string) {
	b.t.Helper()
	b.media("prefers-color-scheme", scheme)
}

func (b *Tab) media(feature, value string) {
	b.t.Helper()
	b.do("prefer "+value, chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: feature, Value: value}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
		return err
	}))
}

// Screenshot writes the whole page into test/shots/NAME.png, which git ignores, and returns
// the file's path.
func (b *Tab) Screenshot(name string) string {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, longWait)
	defer cancel()
	file, err := b.shoot(ctx, name)
	if err != nil {
		b.t.Fatalf("take a screenshot: %v", err)
	}
	return file
}

func (b *Tab) shoot(ctx context.Context, name string) (string, error) {
	root, err := projectRoot()
	if err != nil {
		return "", err
	}
	shot, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		return "", err
	}
	file := filepath.Join(root, "test", "shots", strings.NewReplacer("/", "-", " ", "_").Replace(name)+".png")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return "", err
	}
	return file, os.WriteFile(file, shot, 0o644)
}

// projectRoot is the folder of go.mod above the test's own.
func projectRoot() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		_, err := os.Stat(filepath.Join(folder, "go.mod"))
		if err == nil {
			return folder, nil
		}
		if !errors.Is(err, fs.ErrNotExist) || folder == filepath.Dir(folder) {
			return "", fmt.Errorf("find go.mod above the test: %w", err)
		}
		folder = filepath.Dir(folder)
	}
}
