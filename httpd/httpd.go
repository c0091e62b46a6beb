// Package httpd is the desk's HTTP: the listener, the API mux and the browser mux, the
// served ledger, the only table from errors to statuses, and one structured log event for
// each request.
//
// It decides nothing about the desk. It trusts nobody who connects: bodies and headers
// are bounded and timed, a foreign Host header is refused (a web page could otherwise
// reach a desk on this machine under a name of its own), posts from other sites are
// refused, a panic answers 500 and tells nothing.
//
// It promises that every refusal is answered by one function, Fail, and that neither
// tokens, query strings nor personal data reach the log.
package httpd

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"countersign.dev/desk"
	"countersign.dev/fault"
)

// DefaultAddress is the address on which the desk listens if no other is given.
const DefaultAddress = "127.0.0.1:7400"

// Limits and times of every connection.
const (
	maxHeader         = 32 << 10
	readHeaderTimeout = 10 * time.Second
	readTimeout       = 60 * time.Second
	writeTimeout      = 90 * time.Second // longer than the longest ?wait=
	idleTimeout       = 2 * time.Minute
	grace             = 10 * time.Second // for requests under way at shutdown
	mostStreams       = 128              // requests at once on a connection of HTTP/2
)

// Config holds all that a server needs.
type Config struct {
	Desk *desk.Desk
	API  http.Handler // everything under /api/
	// Web has the pages for people, with everything that these load. Nil: there are none.
	Web http.Handler
	// Publish serves checkpoint and tiles to anybody; else they need a token.
	Publish bool
	// Hosts are further names for the desk in Host headers, without port. On a loopback
	// address the desk always answers to the machine's own names.
	Hosts []string
	// Certificate is that of the desk's own https, with HTTP/2; nil: without https. The desk
	// answers to every name of the certificate.
	Certificate *Certificate
	// Proxies are the addresses of proxies before the desk. Their X-Forwarded-Proto and
	// X-Forwarded-Host are believed, and those of nobody else.
	Proxies []netip.Prefix
	Links   []Link // further lines of the page at /
	Now     func() time.Time
	Logger  *slog.Logger
}

// Link is a line of the page at /.
type Link struct {
	URL  string
	Name string
	Text string // one sentence
}

// Server answers for one desk.
type Server struct {
	config    Config
	handler   http.Handler
	meters    *meters
	strangers *strangers
	closing   chan struct{} // closed when a shutdown begins: waits end
}

// New returns a server.
func New(c Config) *Server {
	s := &Server{config: c, meters: newMeters(c.Desk), strangers: newStrangers(mostStrangers), closing: make(chan struct{})}
	s.handler = s.observe(s.bound(s.routes()))
	return s
}

// ServeHTTP answers one request in the same way as Serve.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Serve answers requests until ctx ends. Then it gives requests under way a short time to
// finish, and ends waits at once. It closes l. After a shutdown it returns nil.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler: s.local(l), ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader, ConnState: s.strangers.watch, ConnContext: s.strangers.context,
		ErrorLog: slog.NewLogLogger(complaints{s.config.Logger.Handler()}, slog.LevelWarn), HTTP2: &http.HTTP2Config{MaxConcurrentStreams: mostStreams},
	}
	serve := server.Serve
	if s.config.Certificate != nil {
		server.TLSConfig = s.config.Certificate.config()
		serve = func(l net.Listener) error { return server.ServeTLS(l, "", "") }
	}
	done := make(chan error, 1)
	go func() { done <- serve(l) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	close(s.closing)
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	err := server.Shutdown(stop)
	if err != nil {
		err = errors.Join(err, server.Close())
	}
	<-done // http.ErrServerClosed
	return err
}

// complaints is a log handler for what the standard library's server says of connections.
type complaints struct{ slog.Handler }

// Handle leaves failed handshakes out: each names an address, and anybody makes as many as
// they like.
func (c complaints) Handle(ctx context.Context, r slog.Record) error {
	if strings.HasPrefix(r.Message, "http: TLS handshake error") {
		return nil
	}
	return c.Handler.Handle(ctx, r)
}

// routes has every route but those of the API.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/api/", s.pages(s.config.API))
	mux.Handle("/ledger/", s.ledgerMux())
	mux.Handle("/", s.pages(s.browserMux()))
	return mux
}

// bound refuses requests that are not for this desk.
func (s *Server) bound(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := askedOf(r)
		secure(w.Header())
		if a.https && !localhost(a.host) {
			w.Header().Set("Strict-Transport-Security", "max-age=31536000")
		}
		if !s.ours(r, a.host) {
			Fail(w, r, fault.New(fault.Forbidden, "foreign-host", "This desk is not called %q; name it in the desk's settings.", clip(a.host)))
			return
		}
		next.ServeHTTP(w, r)
	})
}

type localKey struct{}

// local remembers the listener's own address for the check of Host.
func (s *Server) local(l net.Listener) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.handler.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), localKey{}, l.Addr())))
	})
}

// ours reports whether a request for a host is for this desk. A page of another site
// whose name was pointed at this machine (DNS rebinding) sends its own name.
func (s *Server) ours(r *http.Request, host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
	for _, h := range s.config.Hosts {
		if host == strings.ToLower(h) {
			return true
		}
	}
	if s.config.Certificate != nil && s.config.Certificate.Covers(host) {
		return true
	}
	listening := net.IPv4(127, 0, 0, 1)
	if a, ok := r.Context().Value(localKey{}).(net.Addr); ok {
		if tcp, ok := a.(*net.TCPAddr); ok {
			listening = tcp.IP
		}
	}
	ip := net.ParseIP(host)
	if listening.IsLoopback() || listening.IsUnspecified() {
		return host == "localhost" || ip != nil && (ip.IsLoopback() || listening.IsUnspecified())
	}
	return ip != nil && ip.Equal(listening)
}

// secure sets the headers of every answer; pages widen the policy for themselves.
func secure(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	h.Set("Cache-Control", "no-store")
}

func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}

type closingKey struct{}

// Closing reports whether the server of a request has begun to shut down.
func Closing(ctx context.Context) bool {
	closing, ok := ctx.Value(closingKey{}).(<-chan struct{})
	if !ok {
		return false
	}
	select {
	case <-closing:
		return true
	default:
		return false
	}
}

// Waiting returns a context for waiting at most d: it ends with ctx, after d, or
// when the server begins to shut down.
func Waiting(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	waiting, cancel := context.WithTimeout(ctx, d)
	closing, ok := ctx.Value(closingKey{}).(<-chan struct{})
	if !ok {
		return waiting, cancel
	}
	go func() {
		select {
		case <-closing:
			cancel()
		case <-waiting.Done():
		}
	}()
	return waiting, cancel
}
