package alarm_test

import (
	"context"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"io"
	"log"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/alarm"
	"countersign.dev/canonical"
	"countersign.dev/fault"
)

// Every test runs where the environment names a proxy that is not there; it is
// set this early because net/http reads it once.
func TestMain(m *testing.M) {
	for _, name := range []string{"HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"} {
		if err := os.Setenv(name, "http://127.0.0.1:1"); err != nil {
			log.Fatal(err)
		}
	}
	m.Run()
}

var message = alarm.Message{ID: "alm_1", Type: alarm.Breach, Time: canonical.At(vectorTime), Data: canonical.Raw(`{"subject":"did:plc:x"}`)}

// receiver is an HTTPS server for example.com on a loopback address, a sender
// to which names answers, and an endpoint that opens that address alone.
func receiver(t *testing.T, names *zone, handle http.HandlerFunc) (alarm.Sender, alarm.Endpoint) {
	t.Helper()
	server := httptest.NewUnstartedServer(handle)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	port := server.Listener.Addr().(*net.TCPAddr).AddrPort().Port()
	_, text, _ := net.SplitHostPort(server.Listener.Addr().String())
	return alarm.Sender{Now: func() time.Time { return vectorTime }, Timeout: time.Minute, Roots: roots, Resolver: names.resolver()},
		alarm.Endpoint{
			URL:  "https://example.com:" + text + "/hook/s3cret?token=s3cret",
			Keys: []alarm.Key{key(t, vectorSecret), key(t, vectorShared)},
			AllowPrivate: alarm.Private{
				Prefixes: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
				Ports:    []uint16{port},
			},
		}
}

// zone is a DNS server that answers every A question with the next answer,
// and with the last one for ever.
type zone struct {
	answers [][]string
	asked   atomic.Int64
}

func always(ip ...string) *zone { return &zone{answers: [][]string{ip}} }

func (z *zone) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go z.serve(ours)
		return theirs, nil
	}}
}

// serve answers as DNS over TCP does: each message after its length.
func (z *zone) serve(c net.Conn) {
	defer c.Close()
	for {
		var size [2]byte
		if _, err := io.ReadFull(c, size[:]); err != nil {
			return
		}
		q := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(c, q); err != nil {
			return
		}
		end := 12
		for q[end] != 0 {
			end += int(q[end]) + 1
		}
		end += 5 // the root, the type and the class
		var records []byte
		count := 0
		if binary.BigEndian.Uint16(q[end-4:]) == 1 { // A
			n := min(int(z.asked.Add(1))-1, len(z.answers)-1)
			for _, ip := range z.answers[n] {
				count++
				records = append(records, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
				records = append(records, netip.MustParseAddr(ip).AsSlice()...)
			}
		}
		a := append([]byte{q[0], q[1], 0x85, 0x80, 0, 1, 0, byte(count), 0, 0, 0, 0}, q[12:end]...)
		a = append(a, records...)
		if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(a))), a...)); err != nil {
			return
		}
	}
}

func TestDelivered(t *testing.T) {
	var got http.Header
	var body []byte
	var closes bool
	s, to := receiver(t, always("127.0.0.1"), func(w http.ResponseWriter, r *http.Request) {
		got, closes = r.Header, r.Close
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
	})
	if err := s.Send(t.Context(), to, message); err != nil {
		t.Fatal(err)
	}
	if want := `{"data":{"subject":"did:plc:x"},"timestamp":"2021-02-25T15:02:10.000000Z","type":"breach"}`; string(body) != want {
		t.Errorf("body %s", body)
	}
	for _, k := range []string{vectorPublic, vectorShared} {
		if _, err := alarm.Verify(got, body, vectorTime, 0, key(t, k)); err != nil {
			t.Errorf("%.6s: %v", k, err)
		}
	}
	if !closes {
		t.Error("the connection stays open for what comes next")
	}
	if got.Get("Content-Type") != "application/json" || got.Get("Authorization") != "" {
		t.Errorf("header %v", got)
	}
}

func TestOutcomes(t *testing.T) {
	for _, c := range []struct {
		status  int
		after   string
		outcome alarm.Outcome
		wait    time.Duration
	}{
		{status: 200, outcome: alarm.Delivered}, {status: 204, outcome: alarm.Delivered}, {status: 299, outcome: alarm.Delivered},
		{status: 410, outcome: alarm.Gone},
		{status: 304, outcome: alarm.Retry}, {status: 404, outcome: alarm.Retry}, {status: 500, outcome: alarm.Retry},
		{status: 429, after: "90", outcome: alarm.Retry, wait: 90 * time.Second},
		{status: 503, after: vectorTime.Add(time.Hour).UTC().Format(http.TimeFormat), outcome: alarm.Retry, wait: time.Hour},
		{status: 503, after: vectorTime.Add(-time.Hour).UTC().Format(http.TimeFormat), outcome: alarm.Retry},
		{status: 503, after: "2000000000", outcome: alarm.Retry, wait: 24 * time.Hour},
		{status: 503, after: "-5", outcome: alarm.Retry}, {status: 503, after: "soon", outcome: alarm.Retry},
	} {
		s, to := receiver(t, always("127.0.0.1"), func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", c.after)
			w.WriteHeader(c.status)
		})
		err := s.Send(t.Context(), to, message)
		var u *alarm.Undelivered
		if errors.As(err, &u) != (c.outcome != alarm.Delivered) || alarm.OutcomeOf(err) != c.outcome {
			t.Errorf("%d: %v", c.status, err)
		} else if u != nil && (u.After != c.wait || u.Status != c.status || fault.As(err) == nil) {
			t.Errorf("%d %q: after %s, status %d, %v", c.status, c.after, u.After, u.Status, err)
		}
	}
}

// An address that was good when it was looked up first is not good for ever.
func TestNameThatTurnsPrivate(t *testing.T) {
	var calls atomic.Int64
	s, to := receiver(t, &zone{answers: [][]string{{"127.0.0.1"}, {"127.0.0.2"}}}, func(http.ResponseWriter, *http.Request) { calls.Add(1) })
	if err := s.Send(t.Context(), to, message); err != nil {
		t.Fatal(err)
	}
	err := s.Send(t.Context(), to, message)
	if !fault.Is(err, "alarm-address") || alarm.OutcomeOf(err) != alarm.Refused || calls.Load() != 1 {
		t.Errorf("after %d calls: %v", calls.Load(), err)
	}
	if strings.Contains(fault.TextOf(err), "127.0.0.2") {
		t.Errorf("shows what the name is inside: %s", fault.TextOf(err))
	}
}

// A name with several addresses, the first of them fit: each is judged, not the
// name. Nothing leaves the machine, since the judged ones are not connected to.
func TestEachAddressOfANameIsJudged(t *testing.T) {
	judged := map[string]bool{}
	control := alarm.Private{}.Control(false)
	d := net.Dialer{Resolver: always("93.184.215.14", "10.0.0.1", "169.254.169.254").resolver()}
	d.ControlContext = func(_ context.Context, network, address string, c syscall.RawConn) error {
		judged[address] = control(network, address, c) == nil
		return errors.New("not connected")
	}
	if _, err := d.DialContext(t.Context(), "tcp", "example.com:443"); err == nil {
		t.Fatal("connected")
	}
	want := map[string]bool{"93.184.215.14:443": true, "10.0.0.1:443": false, "169.254.169.254:443": false}
	if diff := cmp.Diff(want, judged); diff != "" {
		t.Error(diff)
	}
}

func TestPrivateAddressesAreNotCalled(t *testing.T) {
	var calls atomic.Int64
	s, to := receiver(t, always("127.0.0.1"), func(http.ResponseWriter, *http.Request) { calls.Add(1) })
	to.AllowPrivate.Prefixes = nil
	if err := s.Send(t.Context(), to, message); alarm.OutcomeOf(err) != alarm.Refused || calls.Load() != 0 {
		t.Errorf("%d calls: %v", calls.Load(), err)
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	var calls atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) }))
	defer elsewhere.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		s, to := receiver(t, always("127.0.0.1"), func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, status)
		})
		// What it redirects to is opened, so that only not following keeps it away.
		to.AllowPrivate.Ports = append(to.AllowPrivate.Ports, elsewhere.Listener.Addr().(*net.TCPAddr).AddrPort().Port())
		err := s.Send(t.Context(), to, message)
		if !fault.Is(err, "alarm-redirected") || alarm.OutcomeOf(err) != alarm.Retry || calls.Load() != 0 {
			t.Errorf("%d: %d calls, %v", status, calls.Load(), err)
		}
	}
}

func TestAnswerWithoutEnd(t *testing.T) {
	stopped := make(chan int, 1)
	s, to := receiver(t, always("127.0.0.1"), func(w http.ResponseWriter, _ *http.Request) {
		written := 0
		for block := make([]byte, 1<<10); ; {
			n, err := w.Write(block)
			if written += n; err != nil || written > 64<<20 {
				stopped <- written
				return
			}
		}
	})
	if err := s.Send(t.Context(), to, message); err != nil {
		t.Fatal(err)
	}
	// What is in the sockets' buffers is beside what was read.
	if n := <-stopped; n > 32<<20 {
		t.Errorf("the receiver could write %d bytes", n)
	}
	s, to = receiver(t, always("127.0.0.1"), func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X", strings.Repeat("x", 80<<10))
	})
	if err := s.Send(t.Context(), to, message); alarm.OutcomeOf(err) != alarm.Retry {
		t.Errorf("a header of 80 KiB: %v", err)
	}
}

func TestSlowReceiver(t *testing.T) {
	arrived, done := make(chan struct{}, 2), make(chan struct{})
	s, to := receiver(t, always("127.0.0.1"), func(http.ResponseWriter, *http.Request) {
		arrived <- struct{}{}
		<-done
	})
	t.Cleanup(func() { close(done) }) // before the server closes, which waits for its handlers
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	if err := s.Send(ctx, to, message); alarm.OutcomeOf(err) != alarm.Retry || !errors.Is(err, context.Canceled) {
		t.Errorf("context: %v", err)
	}
	s.Timeout = 200 * time.Millisecond
	ctx, cancel = context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if err := s.Send(ctx, to, message); alarm.OutcomeOf(err) != alarm.Retry || !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
		t.Errorf("time-out: %v", err)
	}
}

func TestWhatIsNotSent(t *testing.T) {
	var calls atomic.Int64
	s, good := receiver(t, always("127.0.0.1"), func(http.ResponseWriter, *http.Request) { calls.Add(1) })
	for name, change := range map[string]func(*alarm.Endpoint, *alarm.Message){
		"http":     func(e *alarm.Endpoint, _ *alarm.Message) { e.URL = strings.Replace(e.URL, "https", "http", 1) },
		"file":     func(e *alarm.Endpoint, _ *alarm.Message) { e.URL = "file:///etc/s3cret" },
		"user":     func(e *alarm.Endpoint, _ *alarm.Message) { e.URL = "https://u:s3cret@example.com/" },
		"no host":  func(e *alarm.Endpoint, _ *alarm.Message) { e.URL = "https:///s3cret" },
		"nonsense": func(e *alarm.Endpoint, _ *alarm.Message) { e.URL = "https://example.com/%zzs3cret" },
		"newline":  func(e *alarm.Endpoint, _ *alarm.Message) { e.URL += "\n" },
		"no keys":  func(e *alarm.Endpoint, _ *alarm.Message) { e.Keys = nil },
		"no id":    func(_ *alarm.Endpoint, m *alarm.Message) { m.ID = "" },
		"id.stop":  func(_ *alarm.Endpoint, m *alarm.Message) { m.ID = "alm.1" },
		"type":     func(_ *alarm.Endpoint, m *alarm.Message) { m.Type = "Breach!" },
		"no time":  func(_ *alarm.Endpoint, m *alarm.Message) { m.Time = canonical.Time{} },
		"no data":  func(_ *alarm.Endpoint, m *alarm.Message) { m.Data = nil },
		"spelling": func(_ *alarm.Endpoint, m *alarm.Message) { m.Data = canonical.Raw(`{ }`) },
		"array":    func(_ *alarm.Endpoint, m *alarm.Message) { m.Data = canonical.Raw(`[]`) },
		"too large": func(_ *alarm.Endpoint, m *alarm.Message) {
			m.Data = canonical.Raw(`{"a":"` + strings.Repeat("a", 19_950) + `"}`)
		},
	} {
		to, m := good, message
		change(&to, &m)
		err := s.Send(t.Context(), to, m)
		if alarm.OutcomeOf(err) != alarm.Refused || fault.As(err) == nil || calls.Load() != 0 {
			t.Errorf("%s: %d calls, %v", name, calls.Load(), err)
		} else if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: shows the address: %v", name, err)
		}
	}
}

// Nothing that went wrong on the way shows the path, the query or a key.
func TestErrorsHoldNoSecrets(t *testing.T) {
	s, to := receiver(t, always("127.0.0.1"), func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) })
	untrusting := s
	untrusting.Roots = x509.NewCertPool()
	nowhere := s
	nowhere.Resolver = always().resolver()
	for name, sender := range map[string]alarm.Sender{"broken off": s, "unknown root": untrusting, "no address": nowhere} {
		err := sender.Send(t.Context(), to, message)
		if alarm.OutcomeOf(err) != alarm.Retry || fault.KindOf(err) != fault.Unavailable {
			t.Errorf("%s: %v", name, err)
		}
		for e := err; e != nil; e = errors.Unwrap(e) {
			if strings.Contains(e.Error(), "s3cret") {
				t.Errorf("%s: shows the address: %v", name, e)
			}
		}
	}
}

func TestPlain(t *testing.T) {
	var calls atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) }))
	defer server.Close()
	to := alarm.Endpoint{URL: server.URL, Keys: []alarm.Key{key(t, vectorShared)}, AllowPrivate: alarm.Private{
		Prefixes: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Ports:    []uint16{server.Listener.Addr().(*net.TCPAddr).AddrPort().Port()}, Plain: true,
	}}
	if err := (alarm.Sender{}).Send(t.Context(), to, message); err != nil || calls.Load() != 1 {
		t.Errorf("%d calls, %v", calls.Load(), err)
	}
	to.URL = "http://1.1.1.1/"
	if err := (alarm.Sender{}).Send(t.Context(), to, message); alarm.OutcomeOf(err) != alarm.Refused {
		t.Errorf("over the Internet: %v", err)
	}
}

func TestSchedule(t *testing.T) {
	var total time.Duration
	for made := range 10 {
		least, ok := alarm.Schedule(made, 0)
		most, _ := alarm.Schedule(made, 1)
		if !ok || most != least+least/5 {
			t.Errorf("%d: %s to %s, %t", made, least, most, ok)
		}
		for _, j := range []float64{math.NaN(), math.Inf(-1), -1} {
			if d, _ := alarm.Schedule(made, j); d != least {
				t.Errorf("%d with jitter %v: %s", made, j, d)
			}
		}
		if d, _ := alarm.Schedule(made, math.Inf(1)); d != most {
			t.Errorf("%d with jitter without end: %s", made, d)
		}
		total += least
	}
	// The specification's table ends 75:35:05 after the first attempt.
	if want := 75*time.Hour + 35*time.Minute + 5*time.Second; total != want {
		t.Errorf("in all %s, want %s", total, want)
	}
	for _, made := range []int{-1, 10, math.MaxInt} {
		if _, ok := alarm.Schedule(made, 0); ok {
			t.Errorf("attempt after %d", made)
		}
	}
}

func TestWait(t *testing.T) {
	for _, c := range []struct {
		err  error
		wait time.Duration
		ok   bool
	}{
		{nil, 0, false},
		{&alarm.Undelivered{Outcome: alarm.Gone}, 0, false},
		{&alarm.Undelivered{Outcome: alarm.Refused}, 0, false},
		{&alarm.Undelivered{}, 5 * time.Second, true},
		{&alarm.Undelivered{After: time.Hour}, time.Hour, true},
		{&alarm.Undelivered{After: time.Second}, 5 * time.Second, true},
		{errors.New("of somebody else"), 5 * time.Second, true},
	} {
		if wait, ok := alarm.Wait(c.err, 1, 0); wait != c.wait || ok != c.ok {
			t.Errorf("%+v: %s, %t", c.err, wait, ok)
		}
	}
	if _, ok := alarm.Wait(&alarm.Undelivered{After: time.Hour}, 10, 0); ok {
		t.Error("an eleventh attempt")
	}
}
