package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/desk"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/desktest"
	"countersign.dev/httpd"
	"countersign.dev/live"
	"countersign.dev/web"
	"countersign.dev/workforce"
)

// liveVariable makes the test binary the browsers of BenchmarkLive, in a process of their own: it
// holds the address of the desk.
const liveVariable = "COUNTERSIGN_BENCH_LIVE"

// liveStreams is how many streams the benchmark wants; the limit of open files may allow fewer.
const liveStreams = 15_000

// BenchmarkLive measures live streams on one node, over plain HTTP and over the desk's own https with
// HTTP/2: as many as it wants or as the limit of open files allows, each of them showing requests, a
// tenth of them a queue as well. It reports how many KiB of memory a stream takes in the desk's
// process, how long after the commit the last of them has an event of a request and one of a list,
// how long it takes until a tenth of them have read again the page that changed, and until a tenth
// have come back after a cut, and the p99 of 64 writers without streams and meanwhile.
func BenchmarkLive(b *testing.B) {
	for _, kind := range kinds {
		for _, secure := range []bool{false, true} {
			name := kind.name + "/http"
			if secure {
				name += "s"
			}
			b.Run(name, func(b *testing.B) { benchmarkLive(b, kind.url(b), secure) })
		}
	}
}

func benchmarkLive(b *testing.B, url string, secure bool) {
	of := desktest.NewOffice(b, desktest.Options{URL: url})
	var held []actions.Request
	for i := range 6 {
		// A change of the desk is held until officers have countersigned it.
		r, err := of.TryRequest("ada", acts.Wish{Kind: actions.DeskChange, Reason: "test",
			Change: actions.Setting{Of: actions.PartVendors, Vendor: &workforce.Vendor{ID: workforce.VendorID(fmt.Sprint("vendor-", i)), Name: "A vendor", Ratchet: 14}}})
		if err != nil || r.Status != actions.StatusHeld {
			b.Fatalf("request %d is %s: %v", i, r.Status, err)
		}
		held = append(held, r)
	}
	queue := of.Flag("first", "post/first", "MisleadingSpam", "acct/9").Case.Queue

	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		b.Fatal(err)
	}
	n := min(liveStreams, int(limit.Cur)-500)
	const each = 20 // streams of one sign-in
	var secrets []string
	for range (n + each - 1) / each {
		ask, secret := of.TokenAsk("ann", "ann")
		if _, err := of.Desk.SignIn(b.Context(), ask); err != nil {
			b.Fatal(err)
		}
		secrets = append(secrets, secret)
	}

	streams := live.New(live.Config{Desk: of.Desk, Caller: func(r *http.Request) (desk.Caller, error) { return httpd.Authenticate(of.Desk, r) }})
	pages, err := web.New(web.Config{Desk: of.Desk, Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	config := httpd.Config{Desk: of.Desk, API: streams, Web: pages, Now: time.Now, Logger: slog.New(slog.DiscardHandler)}
	var believed []byte
	if secure {
		config.Certificate, believed = certificate(b)
	}
	address := serve(b, config)

	var flags atomic.Int64
	write := func() float64 {
		const writers, rounds = 64, 40
		var mu sync.Mutex
		var took times
		together(writers, func(int) {
			for range rounds {
				i := flags.Add(1)
				begun := time.Now()
				if _, err := of.TryFlag(fmt.Sprint("f", i), fmt.Sprint("post/f", i), "MisleadingSpam", "acct/9"); err != nil {
					b.Error(err)
				}
				d := time.Since(begun)
				mu.Lock()
				took = append(took, d)
				mu.Unlock()
			}
		})
		return float64(quantileOf(took, 99).Microseconds()) / 1000
	}
	write() // to warm up
	alone := write()

	browsers := startBrowsers(b, address, browserPlan{Streams: n, Each: each, Secrets: secrets, Believed: believed, Cookie: of.Browser("kim").Secret, Page: "/requests/" + held[0].ID}, held, queue)
	before := resident(b)
	connect := browsers.do("connect")
	if got := streams.Streams(); got != n {
		b.Fatalf("%d of %d streams are open", got, n)
	}
	kib := float64(resident(b)-before) / float64(n) / 1024

	var request times
	for _, r := range held[:5] {
		browsers.expect("request", n)
		if _, err := of.TryWithdraw("ada", r.ID, r.Version); err != nil {
			b.Fatal(err)
		}
		request = append(request, browsers.last(time.Now()))
	}
	browsers.expect("queue", n/10)
	of.Flag("a list", "post/list", "MisleadingSpam", "acct/9")
	list := browsers.last(time.Now())
	meanwhile := write()
	again := browsers.do("read")
	back := browsers.do("return")

	b.ReportMetric(float64(n), "streams")
	b.ReportMetric(kib, "KiB/stream")
	b.ReportMetric(connect.Seconds(), "connect-s")
	b.ReportMetric(request.p50(), "request-ms")
	b.ReportMetric(float64(list.Microseconds())/1000, "list-ms")
	b.ReportMetric(again.Seconds(), "reread-s")
	b.ReportMetric(back.Seconds(), "return-s")
	b.ReportMetric(alone, "alone-p99-ms")
	b.ReportMetric(meanwhile, "meanwhile-p99-ms")
	b.ReportMetric(0, "ns/op")
}

func quantileOf(of times, percent int) time.Duration {
	var all []float64
	for _, d := range of {
		all = append(all, float64(d))
	}
	return time.Duration(quantile(all, percent))
}

// resident returns the bytes of memory that this process has in use.
func resident(b *testing.B) int64 {
	b.Helper()
	runtime.GC()
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Skip("needs /proc: ", err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// browsers are the process that holds the other ends of the streams.
type browsers struct {
	b   *testing.B
	in  io.WriteCloser
	out *bufio.Scanner
}

// browserPlan is what they are told at the beginning.
type browserPlan struct {
	Streams, Each int
	Secrets       []string
	Query         string // of all
	Lists         string // added to that of every tenth
	Believed      []byte // the desk's certificate; empty: it has no https
	Cookie        string // of somebody who reads pages
	Page          string // that is read again
}

func startBrowsers(b *testing.B, address string, plan browserPlan, held []actions.Request, queue string) *browsers {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), liveVariable+"="+address)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { in.Close(); cmd.Wait() })
	plan.Lists = "&queue=" + queue
	for _, r := range held {
		plan.Query += "&request=" + r.ID
	}
	if err := json.NewEncoder(in).Encode(plan); err != nil {
		b.Fatal(err)
	}
	return &browsers{b, in, bufio.NewScanner(out)}
}

// do has them do something, and returns how long it took.
func (br *browsers) do(what string) time.Duration {
	br.b.Helper()
	begun := time.Now()
	fmt.Fprintln(br.in, what)
	return br.last(begun)
}

// expect has them wait for so many events of a sort.
func (br *browsers) expect(sort string, n int) {
	br.b.Helper()
	fmt.Fprintln(br.in, "expect", sort, n)
	if !br.out.Scan() || br.out.Text() != "ready" {
		br.b.Fatalf("the browsers say %q: %v", br.out.Text(), br.out.Err())
	}
}

// last returns how long after an instant the last of what was expected came.
func (br *browsers) last(since time.Time) time.Duration {
	br.b.Helper()
	if !br.out.Scan() {
		br.b.Fatalf("the browsers are gone: %v", br.out.Err())
	}
	at, err := strconv.ParseInt(br.out.Text(), 10, 64)
	if err != nil {
		br.b.Fatalf("the browsers say %q", br.out.Text())
	}
	return max(0, time.Unix(0, at).Sub(since))
}

// browse is the process of the browsers.
func browse(address string) {
	in := bufio.NewReader(os.Stdin)
	var plan browserPlan
	line, err := in.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &plan)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "the plan of the browsers:", err)
		os.Exit(1)
	}
	all := &tabs{address: address, plan: plan, conns: make([]io.Closer, plan.Streams), moments: make([]atomic.Pointer[string], plan.Streams)}
	all.secure = all.tls()
	all.page = &http.Client{Transport: &http.Transport{TLSClientConfig: all.secure, ForceAttemptHTTP2: true, MaxConnsPerHost: 64, MaxIdleConnsPerHost: 64}}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		f := strings.Fields(line)
		switch f[0] {
		case "connect":
			all.begin("again", plan.Streams)
			together(32, func(worker int) {
				for i := worker; i < plan.Streams; i += 32 {
					all.open(i)
				}
			})
			all.done()
		case "expect":
			n, _ := strconv.Atoi(f[2])
			all.begin(f[1], n)
			fmt.Println("ready")
			go all.done()
		case "read": // a tenth reads the page again, at once
			all.begin("", plan.Streams/10)
			go together(plan.Streams/10, func(int) { all.read() })
			all.done()
		case "return": // a tenth loses its connection at once, and comes back with its position
			all.begin("retry", plan.Streams/10)
			for i := 0; i < plan.Streams; i += 10 {
				all.conns[i].Close()
			}
			together(32, func(worker int) {
				for i := worker * 10; i < plan.Streams; i += 320 {
					all.open(i)
				}
			})
			all.done()
		}
	}
}

// tabs are the streams, and what is expected of them.
type tabs struct {
	address string
	plan    browserPlan
	conns   []io.Closer
	page    *http.Client
	secure  *tls.Config
	moments []atomic.Pointer[string]

	word atomic.Pointer[[]byte] // in the lines that are expected
	left atomic.Int64
	at   atomic.Int64 // when the last of them came
	came chan struct{}
}

func (t *tabs) begin(word string, n int) {
	w := []byte(word)
	t.came = make(chan struct{})
	t.left.Store(int64(n))
	t.word.Store(&w)
}

func (t *tabs) done() {
	<-t.came
	fmt.Println(t.at.Load())
}

// tls is what the browsers believe.
func (t *tabs) tls() *tls.Config {
	believed := x509.NewCertPool()
	believed.AppendCertsFromPEM(t.plan.Believed)
	return &tls.Config{RootCAs: believed, ServerName: "localhost"}
}

// ask is a request to the desk.
func (t *tabs) ask(path string) *http.Request {
	scheme := "http://"
	if len(t.plan.Believed) > 0 {
		scheme = "https://"
	}
	r, err := http.NewRequest(http.MethodGet, scheme+t.address+path, nil)
	if err != nil {
		fail(err)
	}
	_, port, _ := net.SplitHostPort(t.address)
	r.Host = "localhost:" + port
	return r
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "a browser:", err)
	os.Exit(1)
}

// read reads a page as somebody's browser does whose tab shows it.
func (t *tabs) read() {
	r := t.ask(t.plan.Page)
	name := "countersign"
	if len(t.plan.Believed) > 0 {
		name = "__Host-countersign"
	}
	r.AddCookie(&http.Cookie{Name: name, Value: t.plan.Cookie})
	r.Header.Set("Countersign-Fragment", "1")
	res, err := t.page.Do(r)
	if err != nil {
		fail(err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != http.StatusOK {
		fail(fmt.Errorf("the page answers %s: %v", res.Status, err))
	}
	t.one()
}

// one counts one of those things that are expected.
func (t *tabs) one() {
	now := time.Now().UnixNano()
	if t.left.Add(-1) == 0 {
		t.at.Store(now)
		close(t.came)
	}
}

// open opens a stream on a connection of its own, waits for the answer and reads on in a
// goroutine. A desk closes connections of strangers when 2,048 wait for their answers.
func (t *tabs) open(i int) {
	query := t.plan.Query
	if i%10 == 0 {
		query += t.plan.Lists
	}
	r := t.ask("/api/live?" + strings.TrimPrefix(query, "&"))
	r.Header.Set("Authorization", "Bearer "+t.plan.Secrets[i/t.plan.Each])
	if moment := t.moments[i].Load(); moment != nil {
		r.Header.Set("Last-Event-ID", *moment)
	}
	if len(t.plan.Believed) == 0 {
		conn, err := net.Dial("tcp", t.address)
		if err == nil {
			err = r.Write(conn)
		}
		if err != nil {
			fail(err)
		}
		t.conns[i] = conn
		lines := bufio.NewReaderSize(conn, 512)
		line, err := lines.ReadSlice('\n')
		if err != nil || !bytes.Contains(line, []byte(" 200 ")) {
			fail(fmt.Errorf("a stream is answered %q: %v", line, err))
		}
		go t.follow(i, lines)
		return
	}
	transport := &http.Transport{TLSClientConfig: t.secure, ForceAttemptHTTP2: true}
	ctx, cancel := context.WithCancel(context.Background())
	res, err := transport.RoundTrip(r.WithContext(ctx))
	if err != nil || res.StatusCode != http.StatusOK || res.ProtoMajor != 2 {
		fail(fmt.Errorf("a stream is answered %+v: %v", res, err))
	}
	t.conns[i] = closer(func() { cancel(); transport.CloseIdleConnections() })
	go t.follow(i, bufio.NewReaderSize(res.Body, 512))
}

type closer func()

func (c closer) Close() error { c(); return nil }

// follow reads a stream to its end.
func (t *tabs) follow(i int, lines *bufio.Reader) {
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil {
			return
		}
		if moment, ok := bytes.CutPrefix(line, []byte("id: ")); ok {
			text := string(bytes.TrimSpace(moment))
			t.moments[i].Store(&text)
		}
		if word := *t.word.Load(); len(word) > 0 && bytes.Contains(line, word) {
			t.one()
		}
	}
}
