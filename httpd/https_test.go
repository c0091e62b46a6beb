package httpd_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign.dev/fault"
	"countersign.dev/httpd"
	"countersign.dev/test/testenv"
)

// issued is a certificate that signs itself, as two PEM files.
type issued struct {
	cert, key []byte
	serial    *big.Int
}

func issue(t *testing.T, serial int64, names ...string) issued {
	t.Helper()
	cert, key, err := testenv.Certificate(serial, names...)
	if err != nil {
		t.Fatal(err)
	}
	return issued{cert, key, big.NewInt(serial)}
}

func writeFile(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// over is a desk behind its own https.
type over struct {
	*site
	address   string
	cert, key string // the files
}

func newOver(t *testing.T, first issued) *over {
	t.Helper()
	dir := t.TempDir()
	o := &over{cert: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "key.pem")}
	writeFile(t, o.cert, first.cert)
	writeFile(t, o.key, first.key)
	o.site = newSite(t, func(c *httpd.Config) {
		own, err := httpd.LoadCertificate(o.cert, o.key, c.Now, c.Logger)
		if err != nil {
			t.Fatal(err)
		}
		c.Certificate = own
	})
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o.address = l.Addr().String()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- o.server.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return o
}

// get asks on a new connection, under a name, and believes one certificate alone.
func (o *over) get(believed issued, name, path string, change func(*tls.Config)) (*http.Response, string, error) {
	o.t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(believed.cert)
	t := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Time: o.Clock().Now}, ForceAttemptHTTP2: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, o.address)
		}}
	if change != nil {
		change(t.TLSClientConfig)
	}
	defer t.CloseIdleConnections()
	r, err := http.NewRequestWithContext(o.t.Context(), "GET", "https://"+name+path, nil)
	if err != nil {
		o.t.Fatal(err)
	}
	w, err := (&http.Client{Transport: t}).Do(r)
	if err != nil {
		return nil, "", err
	}
	b, err := io.ReadAll(w.Body)
	return w, string(b), errors.Join(err, w.Body.Close())
}

func TestOwnHTTPS(t *testing.T) {
	first := issue(t, 1, "desk.example.com")
	o := newOver(t, first)
	w, body, err := o.get(first, "desk.example.com", "/healthz", nil)
	if err != nil || w.StatusCode != 200 || body != "ok\n" {
		t.Fatalf("%v, %q", err, body)
	}
	if w.ProtoMajor != 2 {
		t.Errorf("the desk answered by %s", w.Proto)
	}
	if got := w.Header.Get("Strict-Transport-Security"); got == "" {
		t.Error("a browser may come back without https")
	}
	// The suites that TLS 1.0 and 1.1 have in common with the desk's certificate.
	old := &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11, InsecureSkipVerify: true,
		CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}}
	if c, err := (&tls.Dialer{Config: old}).DialContext(t.Context(), "tcp", o.address); err == nil {
		t.Errorf("the desk takes %s", tls.VersionName(c.(*tls.Conn).ConnectionState().Version))
		_ = c.Close()
	}
	if _, _, err := o.get(first, "desk.example.com", "/healthz", func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }); err != nil {
		t.Errorf("TLS 1.2: %v", err)
	}
	if got := o.log.String(); strings.Contains(got, "handshake") || strings.Contains(got, "127.0.0.1:") {
		t.Errorf("a failed handshake is in the log: %s", got)
	}
	// A name that the certificate does not have is not the desk's, whoever asks for it.
	w, body, err = o.get(first, "other.example.com", "/healthz", func(c *tls.Config) { c.InsecureSkipVerify = true })
	if err != nil || w.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("another name: %v, %q", err, body)
	}
}

func TestRenewedCertificate(t *testing.T) {
	first, second := issue(t, 1, "desk.example.com"), issue(t, 2, "desk.example.com", "new.example.com")
	o := newOver(t, first)
	o.Clock().Hold()
	shows := func(want issued) {
		t.Helper()
		w, _, err := o.get(want, "desk.example.com", "/healthz", nil)
		if err != nil || w.StatusCode != 200 {
			t.Fatalf("certificate %s: %v", want.serial, err)
		}
	}
	shows(first)

	// Half of the renewal has come: the desk goes on with what it has, and says so once.
	writeFile(t, o.cert, second.cert)
	for range 3 {
		o.Clock().Advance(2 * time.Second)
		shows(first)
	}
	if n := strings.Count(o.log.String(), "cannot be used"); n != 1 {
		t.Errorf("the log tells %d times that the files do not fit: %s", n, o.log)
	}
	writeFile(t, o.key, second.key)
	shows(first) // within a second of the last look
	o.Clock().Advance(2 * time.Second)
	shows(second)
	if w, _, err := o.get(second, "new.example.com", "/healthz", nil); err != nil || w.StatusCode != 200 {
		t.Errorf("the new name is not the desk's: %v", err)
	}

	// Nonsense, and no file at all, take nothing away.
	writeFile(t, o.cert, []byte("-----BEGIN CERTIFICATE-----\nnonsense"))
	o.Clock().Advance(2 * time.Second)
	shows(second)
	if err := errors.Join(os.Remove(o.cert), os.Remove(o.key)); err != nil {
		t.Fatal(err)
	}
	o.Clock().Advance(2 * time.Second)
	shows(second)
	if strings.Contains(o.log.String(), "PRIVATE") {
		t.Error("the log holds a key")
	}
}

func TestCertificatesThatCannotBeUsed(t *testing.T) {
	one, other := issue(t, 1, "desk.example.com"), issue(t, 2, "desk.example.com")
	for name, files := range map[string][2][]byte{
		"no key of this certificate": {one.cert, other.key},
		"key first":                  {one.key, one.cert},
		"empty":                      {nil, one.key},
		"too large":                  {append(one.cert, make([]byte, 1<<20)...), one.key},
	} {
		dir := t.TempDir()
		cert, key := filepath.Join(dir, "cert"), filepath.Join(dir, "key")
		writeFile(t, cert, files[0])
		writeFile(t, key, files[1])
		if _, err := httpd.LoadCertificate(cert, key, time.Now, nil); !fault.Is(err, "bad-certificate") || !strings.Contains(err.Error(), cert) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := httpd.LoadCertificate("/nowhere/cert", "/nowhere/key", time.Now, nil); !fault.Is(err, "bad-certificate") {
		t.Errorf("no file: %v", err)
	}
}

// TestProxies asks from the address 192.0.2.1, as httptest does.
func TestProxies(t *testing.T) {
	var origin string
	var secure bool
	var page error
	behind := func(proxies ...string) *site {
		return newSite(t, func(c *httpd.Config) {
			c.Hosts = []string{"desk.example.com"}
			for _, p := range proxies {
				a, err := httpd.ParseProxy(p)
				if err != nil {
					t.Fatal(err)
				}
				c.Proxies = append(c.Proxies, a)
			}
			c.API = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				origin, secure = httpd.Origin(r), httpd.Secure(r)
				page = httpd.CheckPage(r, []string{"https://desk.example.com", "http://localhost:7400"})
			})
		})
	}
	named, network, other := behind("192.0.2.1"), behind("2001:db8::1", "192.0.2.0/24"), behind("198.51.100.7")
	for _, c := range []struct {
		name    string
		site    *site
		headers []string
		origin  string // "": refused
		page    string // type of the refusal of the page
	}{
		{"named", named, []string{"Host", "desk.example.com", "X-Forwarded-Proto", "https"}, "https://desk.example.com", ""},
		{"named, by network", network, []string{"Host", "desk.example.com", "X-Forwarded-Proto", "HTTPS"}, "https://desk.example.com", ""},
		{"named, with the name beside it", named, []string{"Host", "127.0.0.1:7400", "X-Forwarded-Host", "Desk.Example.com", "X-Forwarded-Proto", "https"}, "https://desk.example.com", ""},
		{"named, with a port", named, []string{"Host", "desk.example.com:443", "X-Forwarded-Proto", "https"}, "https://desk.example.com", ""},
		{"named, on another port", named, []string{"Host", "desk.example.com:8443", "X-Forwarded-Proto", "https"}, "https://desk.example.com:8443", "foreign-page"},
		{"named, without https", named, []string{"Host", "desk.example.com", "X-Forwarded-Proto", "http"}, "http://desk.example.com", "needs-https"},
		{"named, that says nothing", named, []string{"Host", "desk.example.com"}, "http://desk.example.com", "needs-https"},
		{"named, that says two things", named, []string{"Host", "desk.example.com", "X-Forwarded-Proto", "https, http"}, "http://desk.example.com", "needs-https"},
		{"named, that passes on what the client said", named, []string{"Host", "desk.example.com", "X-Forwarded-Proto", "https", "X-Forwarded-Proto", "http"}, "http://desk.example.com", "needs-https"},
		{"named, that passes on another name", named, []string{"Host", "desk.example.com", "X-Forwarded-Host", "localhost", "X-Forwarded-Host", "desk.example.com", "X-Forwarded-Proto", "https"}, "https://desk.example.com", ""},
		{"named, under a foreign name", named, []string{"Host", "desk.example.com", "X-Forwarded-Host", "evil.example", "X-Forwarded-Proto", "https"}, "", ""},
		{"somebody else", other, []string{"Host", "desk.example.com", "X-Forwarded-Proto", "https"}, "http://desk.example.com", "needs-https"},
		{"somebody else, who names the desk", other, []string{"Host", "evil.example", "X-Forwarded-Host", "desk.example.com"}, "", ""},
		{"nobody named", behind(), []string{"Host", "desk.example.com", "X-Forwarded-Proto", "https"}, "http://desk.example.com", "needs-https"},
		{"localhost", behind(), []string{"Host", "localhost:7400"}, "http://localhost:7400", ""},
		{"127.0.0.1, where passkeys do not work", behind(), []string{"Host", "127.0.0.1:7400"}, "http://127.0.0.1:7400", "needs-https"},
		{"localhost on another port", behind(), []string{"Host", "localhost:7409"}, "http://localhost:7409", "foreign-page"},
	} {
		origin, secure, page = "", false, nil
		w := c.site.do("GET", "/api/x", c.headers...)
		if origin != c.origin || secure != strings.HasPrefix(c.origin, "https:") {
			t.Errorf("%s: origin %q, secure %v, want %q; %d", c.name, origin, secure, c.origin, w.Code)
		}
		if got := fault.TypeOf(page); c.page != "" && got != c.page || c.page == "" && page != nil {
			t.Errorf("%s: the page is refused with %v, want %q", c.name, page, c.page)
		}
		if c.origin == "" && w.Code != http.StatusMisdirectedRequest {
			t.Errorf("%s: %d", c.name, w.Code)
		}
		if got := w.Header().Get("Strict-Transport-Security") != ""; got != secure && c.origin != "" {
			t.Errorf("%s: bound to https: %v", c.name, got)
		}
	}
}

// TestProxyPost: a form that a page behind the proxy posts is of the same site.
func TestProxyPost(t *testing.T) {
	s := newSite(t, func(c *httpd.Config) {
		c.Hosts, c.Proxies = []string{"desk.example.com"}, []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}
	})
	post := func(origin string) *httptest.ResponseRecorder {
		return s.do("POST", "/nowhere", "Host", "127.0.0.1:7400", "X-Forwarded-Host", "desk.example.com", "X-Forwarded-Proto", "https", "Origin", origin)
	}
	if w := post("https://desk.example.com"); w.Code != http.StatusNotFound {
		t.Errorf("a post from the desk's own page: %d %s", w.Code, w.Body)
	}
	if w := post("https://evil.example"); w.Code != http.StatusForbidden {
		t.Errorf("a post from another site: %d %s", w.Code, w.Body)
	}
}

func TestParseProxy(t *testing.T) {
	for _, good := range []string{"127.0.0.1", "::1", "10.1.2.0/24", "2001:db8::/32", "::ffff:10.0.0.1"} {
		if _, err := httpd.ParseProxy(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "proxy.example.com", "10.1.2.3/24", "0.0.0.0/0", "::/0", "fe80::1%eth0", "127.0.0.1:80"} {
		if p, err := httpd.ParseProxy(bad); !fault.Is(err, "bad-proxy") {
			t.Errorf("%q: %v, %v", bad, p, err)
		}
	}
}

// TestClientOfTheOwnCertificate: a part of the desk's process reaches the desk although nobody else
// trusts the certificate, also after a renewal; another name, and another certificate, it does not take.
func TestClientOfTheOwnCertificate(t *testing.T) {
	first, second := issue(t, 1, "localhost"), issue(t, 2, "localhost")
	o := newOver(t, first)
	o.Clock().Hold()
	own, err := httpd.LoadCertificate(o.cert, o.key, o.Clock().Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(o.address)
	if err != nil {
		t.Fatal(err)
	}
	asks := func(host string) error {
		res, err := own.Client(time.Minute).Get("https://" + net.JoinHostPort(host, port) + "/healthz")
		if err == nil {
			err = res.Body.Close()
		}
		return err
	}
	if err := asks("localhost"); err != nil {
		t.Errorf("the own desk: %v", err)
	}
	if err := asks("127.0.0.1"); err == nil {
		t.Error("a name that the certificate does not have is taken")
	}
	writeFile(t, o.cert, second.cert)
	writeFile(t, o.key, second.key)
	o.Clock().Advance(2 * time.Second)
	if err := asks("localhost"); err != nil {
		t.Errorf("the own desk with its new certificate: %v", err)
	}
	foreign := httptest.NewTLSServer(http.NotFoundHandler())
	defer foreign.Close()
	if res, err := own.Client(time.Minute).Get(foreign.URL); err == nil {
		_ = res.Body.Close()
		t.Error("a foreign certificate is taken")
	}
}
