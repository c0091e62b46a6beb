package httpd

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/fault"
)

// lookAgain is the least time between two looks at the files of a certificate.
const lookAgain = time.Second

// maxCertificate bounds each file of a certificate.
const maxCertificate = 1 << 20

// Certificate is a certificate and its key in two PEM files. Renewed files are taken
// without a restart: the files are compared with what was read before, at most once a second,
// when somebody connects. The certificate of before stays in use while the files cannot be
// read, or do not fit each other, as between the writing of one and of the other.
type Certificate struct {
	cert, key string
	now       func() time.Time
	log       *slog.Logger
	pair      atomic.Pointer[tls.Certificate]

	mu     sync.Mutex
	looked time.Time
	seen   canonical.Digest // of the files at the last look, or of the error
}

// LoadCertificate reads a certificate (its chain, the leaf first) and its key.
func LoadCertificate(cert, key string, now func() time.Time, log *slog.Logger) (*Certificate, error) {
	c := &Certificate{cert: cert, key: key, now: now, log: log, looked: now()}
	pair, seen, err := c.read()
	if err != nil {
		return nil, fault.New(fault.Invalid, "bad-certificate", "The certificate %s and the key %s cannot be used: %s.", cert, key, err).Because(err)
	}
	c.seen = seen
	c.pair.Store(&pair)
	return c, nil
}

// read reads both files. seen tells their contents, or the error, from others.
func (c *Certificate) read() (pair tls.Certificate, seen canonical.Digest, err error) {
	defer func() {
		if err != nil && seen.IsZero() {
			seen = canonical.Sum([]byte(err.Error()))
		}
	}()
	cert, err := readPEM(c.cert)
	if err != nil {
		return pair, seen, err
	}
	key, err := readPEM(c.key)
	if err != nil {
		return pair, seen, err
	}
	seen = canonical.Sum(fmt.Appendf(nil, "%d %d\n", len(cert), len(key)), cert, key)
	pair, err = tls.X509KeyPair(cert, key)
	if err != nil {
		// The words of package tls name neither file, and hold nothing of the key.
		return pair, seen, errors.New(strings.TrimPrefix(err.Error(), "tls: "))
	}
	return pair, seen, nil
}

func readPEM(path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(b) > maxCertificate || !bytes.Contains(b, []byte("-----BEGIN ")) {
		return nil, fmt.Errorf("%s is no PEM file", path)
	}
	return b, nil
}

// get returns the certificate for a connection. One of those who connect looks at the files;
// the others do not wait for that.
func (c *Certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if c.mu.TryLock() {
		c.look()
		c.mu.Unlock()
	}
	return c.pair.Load(), nil
}

// look takes renewed files.
func (c *Certificate) look() {
	now := c.now()
	if since := now.Sub(c.looked); since >= 0 && since < lookAgain {
		return
	}
	c.looked = now
	pair, seen, err := c.read()
	if seen == c.seen {
		return // also an error that was logged before
	}
	c.seen = seen
	if err != nil {
		c.log.Error("the renewed certificate cannot be used; the one of before stays in use", "error", err)
		return
	}
	c.pair.Store(&pair)
	c.log.Info("a renewed certificate is in use", "until", pair.Leaf.NotAfter)
}

// Names returns the names for which the certificate in use was issued, without patterns.
func (c *Certificate) Names() []string {
	var names []string
	for _, n := range c.pair.Load().Leaf.DNSNames {
		if !strings.HasPrefix(n, "*.") {
			names = append(names, strings.ToLower(n))
		}
	}
	return names
}

// Covers reports whether the certificate in use was issued for a name or address.
func (c *Certificate) Covers(host string) bool {
	return c.pair.Load().Leaf.VerifyHostname(host) == nil
}

// Client returns a client for parts of the desk's own process: it trusts what the machine trusts,
// and the certificate in use, also one that signed itself.
func (c *Certificate) Client(timeout time.Duration) *http.Client {
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		roots, err := x509.SystemCertPool()
		if err != nil {
			roots = x509.NewCertPool() // a machine that trusts nobody
		}
		_, _ = c.get(nil)
		roots.AddCert(c.pair.Load().Leaf)
		return (&tls.Dialer{Config: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}}).DialContext(ctx, network, address)
	}
	return &http.Client{Timeout: timeout, Transport: &http.Transport{DialTLSContext: dial, IdleConnTimeout: time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// config is the configuration of the listener.
func (c *Certificate) config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get}
}
