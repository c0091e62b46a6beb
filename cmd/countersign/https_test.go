package main

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"countersign.dev/fault"
	"countersign.dev/httpd"
	"countersign.dev/test/testenv"
)

// certify makes a certificate that signs itself, and its key, as PEM files.
func certify(cert, key string, names ...string) error {
	c, k, err := testenv.Certificate(time.Now().UnixNano(), names...)
	if err != nil {
		return err
	}
	if err := os.WriteFile(cert, c, 0o600); err != nil {
		return err
	}
	return os.WriteFile(key, k, 0o600)
}

func cmdCertify(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: certify CERT KEY NAME…")
	}
	ts.Check(certify(ts.MkAbs(args[0]), ts.MkAbs(args[1]), args[2:]...))
}

// at is a listener that only has an address.
type at struct{ net.TCPAddr }

func (*at) Accept() (net.Conn, error) { return nil, net.ErrClosed }
func (*at) Close() error              { return nil }
func (a *at) Addr() net.Addr          { return &a.TCPAddr }

func TestBrowserDesk(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert"), filepath.Join(dir, "key")
	if err := certify(cert, key, "*.example.com", "desk.example.com"); err != nil {
		t.Fatal(err)
	}
	own, err := httpd.LoadCertificate(cert, key, time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	local := []string{"http://localhost:7400"}
	for _, c := range []struct {
		name           string
		address        string
		own            *httpd.Certificate
		proxied        bool
		hosts, origins []string
		want           string
		why            string // in the reason; "": none
		desk           string // "": not asked
	}{
		{name: "to try", address: "127.0.0.1:7400", origins: local, want: "http://localhost:7400", desk: "http://127.0.0.1:7400"},
		{name: "the next port", address: "127.0.0.1:7403", origins: local, want: "http://localhost:7403", why: "sign on http://localhost:7400 only"},
		{name: "IPv6", address: "[::1]:7400", origins: local, want: "http://localhost:7400"},
		{name: "on every address", address: "0.0.0.0:7400", origins: local, want: "http://localhost:7400", why: "on localhost only"},
		{name: "with another name", address: "127.0.0.1:7400", hosts: []string{"desk"}, origins: local, want: "http://localhost:7400", why: "on localhost only"},
		{name: "on one address", address: "192.0.2.1:7400", origins: local, want: "", why: "on localhost only"},
		{name: "on the usual port", address: "127.0.0.1:80", origins: []string{"http://localhost"}, want: "http://localhost"},
		{name: "https", address: "192.0.2.1:443", own: own, origins: []string{"https://desk.example.com"}, want: "https://desk.example.com", desk: "https://desk.example.com"},
		{name: "https on a port", address: "192.0.2.1:7400", own: own, origins: []string{"https://desk.example.com"}, want: "https://desk.example.com", desk: "https://desk.example.com:7400"},
		{name: "https under one of several names", address: "0.0.0.0:443", own: own, hosts: []string{"other.example.net", "b.example.com"}, origins: []string{"https://a.example.net", "https://b.example.com"}, want: "https://b.example.com", desk: "https://b.example.com"},
		{name: "https without a page", address: "0.0.0.0:8443", own: own, origins: local, want: "https://desk.example.com:8443", why: "Nobody can sign in there"},
		{name: "behind a proxy", address: "127.0.0.1:7400", proxied: true, hosts: []string{"desk.example.com"}, origins: []string{"http://localhost:7400", "https://desk.example.com:8443"}, want: "https://desk.example.com:8443"},
		{name: "behind a proxy, without a page", address: "127.0.0.1:7400", proxied: true, hosts: []string{"desk.example.com"}, origins: local, want: "https://desk.example.com", why: "Nobody can sign in there"},
	} {
		tcp, err := net.ResolveTCPAddr("tcp", c.address)
		if err != nil {
			t.Fatal(err)
		}
		l := &at{*tcp}
		got := browserDesk(l, c.own, c.proxied, c.hosts, c.origins)
		if got.address != c.want || c.why == "" && got.why != "" || !strings.Contains(got.why, c.why) {
			t.Errorf("%s: %q because of %q, want %q because of %q", c.name, got.address, got.why, c.want, c.why)
		}
		if desk := deskAddress(l, c.own, c.hosts); c.desk != "" && desk != c.desk {
			t.Errorf("%s: programs go to %s, want %s", c.name, desk, c.desk)
		}
	}
}

func TestWrongHTTPS(t *testing.T) {
	var halfConfig, noHost Config
	halfConfig.TLS.Key = "key.pem"
	noHost.Proxies = []string{"127.0.0.1"}
	named := Config{Hosts: []string{"desk.example.com"}}
	for name, c := range map[string]struct {
		command serveCommand
		config  Config
		want    string
	}{
		"a certificate without its key": {serveCommand{TLSCert: "cert.pem"}, Config{}, "bad-certificate"},
		"a key alone":                   {serveCommand{}, halfConfig, "bad-certificate"},
		"no files":                      {serveCommand{TLSCert: "/nowhere/c", TLSKey: "/nowhere/k"}, Config{}, "bad-certificate"},
		"a proxy by its name":           {serveCommand{BehindProxy: []string{"proxy.example.com"}}, named, "bad-proxy"},
		"everybody":                     {serveCommand{BehindProxy: []string{"0.0.0.0/0"}}, named, "bad-proxy"},
		"a proxy without a host":        {serveCommand{}, noHost, "no-host"},
	} {
		if _, _, err := c.command.https(t.TempDir(), c.config, time.Now, nil); !fault.Is(err, c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	own, proxies, err := (&serveCommand{BehindProxy: []string{"10.0.0.0/8"}}).https(t.TempDir(), named, time.Now, nil)
	if err != nil || own != nil || len(proxies) != 1 {
		t.Errorf("a named proxy: %v, %v, %v", own, proxies, err)
	}
}

// cmdRenewed waits until the desk shows the certificate of a file.
func cmdRenewed(ts *testscript.TestScript, neg bool, args []string) {
	block, _ := pem.Decode([]byte(ts.ReadFile(args[0])))
	u, err := url.Parse(ts.Getenv("URL"))
	ts.Check(err)
	waitFor(ts, "the certificate of "+args[0]+" is shown", func() bool {
		c, err := tls.Dial("tcp", u.Host, &tls.Config{InsecureSkipVerify: true}) // the certificate is compared
		ts.Check(err)
		shown := c.ConnectionState().PeerCertificates[0].Raw
		ts.Check(c.Close())
		return bytes.Equal(shown, block.Bytes)
	})
}
