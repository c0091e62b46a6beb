package desk_test

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign.dev/alarm"
	"countersign.dev/desk/alarms"
	"countersign.dev/desk/desktest"
	"countersign.dev/fault"
	"countersign.dev/jobs"
	"countersign.dev/sqldb"
)

// pager receives alarms, on the loopback interface.
type pager struct {
	*httptest.Server
	key    alarm.Key
	secret string

	mu     sync.Mutex
	answer int // status; 0 for 200
	got    []received
}

type received struct {
	id      string
	body    []byte
	problem error
	media   string
}

func newPager(t *testing.T) *pager {
	t.Helper()
	secret, err := alarm.GenerateShared(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &pager{secret: secret}
	if p.key, err = alarm.ParseKey(secret); err != nil {
		t.Fatal(err)
	}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		h, bad := alarm.Verify(r.Header, body, time.Now(), 365*24*time.Hour, p.key)
		if err == nil {
			err = bad
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.got = append(p.got, received{h.ID, body, err, r.Header.Get("Content-Type")})
		if p.answer != 0 {
			w.WriteHeader(p.answer)
		}
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *pager) say(status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = status
}

func (p *pager) received() []received {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]received(nil), p.got...)
}

// destination opens the loopback address, which nothing opens by itself.
func (p *pager) destination(t *testing.T, kinds ...alarm.Type) alarms.Destination {
	t.Helper()
	at := p.Listener.Addr().(*net.TCPAddr).AddrPort()
	return alarms.Destination{Endpoint: alarm.Endpoint{URL: p.URL + "/hook?secret=s3cret", Keys: []alarm.Key{p.key},
		AllowPrivate: alarm.Private{Prefixes: []netip.Prefix{netip.PrefixFrom(at.Addr(), at.Addr().BitLen())}, Ports: []uint16{at.Port()}, Plain: true}},
		Secrets: []string{p.secret}, Kinds: kinds}
}

// jobsOf returns the jobs of a kind that are in some of the states, all of one moment.
func jobsOf(t *testing.T, w *desktest.World, kind string, states ...jobs.State) (all []jobs.Row) {
	t.Helper()
	err := w.Store.DB().Read(t.Context(), func(tx *sqldb.Tx) error {
		for _, state := range states {
			rs, err := jobs.List(tx, state, 0, 1000)
			if err != nil {
				return err
			}
			all = append(all, slices.DeleteFunc(rs, func(r jobs.Row) bool { return r.Kind != kind })...)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// waiting returns the jobs of a kind that wait. A job that runs is none of them, and what it does may
// still come: a test that waits for the end of the work asks settled.
func waiting(t *testing.T, w *desktest.World, kind string) []jobs.Row {
	t.Helper()
	return jobsOf(t, w, kind, jobs.Waiting)
}

// settled reports whether n jobs of a kind wait and none of that kind runs.
func settled(t *testing.T, w *desktest.World, kind string, n int) bool {
	t.Helper()
	all := jobsOf(t, w, kind, jobs.Waiting, jobs.Running)
	return len(all) == n && !slices.ContainsFunc(all, func(r jobs.Row) bool { return r.State == jobs.Running })
}

// An alarm reaches the addresses that want it as a signed CloudEvent that names
// no subject; an address that fails is tried again by the schedule, through a
// restart, under the same identifier.
func TestAlarmsAreSent(t *testing.T) {
	desktest.Both(t, func(t *testing.T, o desktest.Options) {
		all, breaches, none := newPager(t), newPager(t), newPager(t)
		breaches.say(http.StatusInternalServerError)
		o.Destinations = []alarms.Destination{all.destination(t), breaches.destination(t, alarm.Breach), none.destination(t, alarm.CoverageShort)}
		w := staffed(t, o)
		w.Run()
		breach(w)
		desktest.Until(t, "both addresses were called", func() bool { return len(all.received()) == 1 && len(breaches.received()) == 1 })
		desktest.Until(t, "the second attempt waits", func() bool { return settled(t, w, "desk.alarm", 1) })
		as, _, err := w.Alarms(t.Context(), desktest.As("kim"), alarms.Filter{})
		if err != nil || len(as) != 1 {
			t.Fatalf("%d alarms, %v", len(as), err)
		}
		got := all.received()[0]
		var event struct {
			SpecVersion, ID, Source, Type, Time, Timestamp, DataContentType string
			Data                                                            struct {
				Entry                          int64
				Incident, Severity, Tier, Text string
			}
		}
		if err := json.Unmarshal(got.body, &event); err != nil {
			t.Fatal(err)
		}
		if got.problem != nil || got.id != as[0].ID || got.media != "application/cloudevents+json" || event.SpecVersion != "1.0" || event.ID != got.id ||
			event.Source != w.Origin || event.Type != "dev.countersign.breach" || event.Time == "" || event.Data.Entry != as[0].Entry ||
			event.Data.Incident != as[0].Incident || event.Data.Severity != "page" || event.Data.Tier != "critical" || event.Data.Text == "" {
			t.Errorf("%v: %s", got.problem, got.body)
		}
		if strings.Contains(string(got.body), "acct/1") {
			t.Errorf("the subject left the desk: %s", got.body)
		}
		next := waiting(t, w, "desk.alarm")[0]
		if wait := next.Due.Sub(as[0].At.Time); wait < 5*time.Second || wait > 30*time.Second {
			t.Errorf("the second attempt is due %s after the alarm", wait)
		}

		w.Rest()
		w.Close()
		breaches.say(0)
		w.Open(o)
		w.Run()
		w.Clock().Advance(time.Minute)
		desktest.Until(t, "the second attempt was made", func() bool { return len(breaches.received()) == 2 })
		if again := breaches.received()[1]; again.id != as[0].ID || again.problem != nil {
			t.Errorf("the second attempt is of %s: %v", again.id, again.problem)
		}
		desktest.Until(t, "nothing is left to send", func() bool { return settled(t, w, "desk.alarm", 0) })
		if n := len(all.received()) + len(none.received()); n != 1 {
			t.Errorf("%d messages arrived where one was wanted", n)
		}
	})
}

// After 410 nothing more is sent to an address, not by a restarted desk either.
func TestGoneIsGone(t *testing.T) {
	p := newPager(t)
	p.say(http.StatusGone)
	o := desktest.Options{Destinations: []alarms.Destination{p.destination(t)}}
	w := staffed(t, o)
	w.Run()
	breach(w)
	desktest.Until(t, "the address said 410", func() bool { return len(p.received()) == 1 && settled(t, w, "desk.alarm", 0) })
	p.say(0)
	w.Rest()
	breach(w) // the job is there before the desk runs again
	w.Close()
	w.Open(o)
	w.Run()
	desktest.Until(t, "the next alarm is dealt with", func() bool { return settled(t, w, "desk.alarm", 0) })
	w.Rest()
	if n := len(p.received()); n != 1 {
		t.Errorf("%d messages after 410", n-1)
	}
}

// What is private is sent to only where the configuration opens it.
func TestPrivateAddressIsRefused(t *testing.T) {
	p := newPager(t)
	x := p.destination(t)
	x.AllowPrivate = alarm.Private{Plain: true}
	w := staffed(t, desktest.Options{Destinations: []alarms.Destination{x}})
	w.Run()
	breach(w)
	desktest.Until(t, "the alarm is dealt with", func() bool { return settled(t, w, "desk.alarm", 0) })
	w.Rest()
	if n := len(p.received()); n != 0 {
		t.Errorf("%d messages reached a loopback address that nobody opened", n)
	}
}

func TestBadDestinations(t *testing.T) {
	p := newPager(t)
	good := p.destination(t)
	for name, xs := range map[string][]alarms.Destination{
		"no key": {{Endpoint: alarm.Endpoint{URL: p.URL}}},
		"twice":  {good, good},
		"kind":   {p.destination(t, "nonsense")},
	} {
		w := desktest.New(t, desktest.Options{})
		if err := w.TryOpen(desktest.Options{URL: w.URL, Destinations: xs}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
