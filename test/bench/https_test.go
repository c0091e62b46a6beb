package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/api"
	v1 "countersign.dev/api/v1"
	"countersign.dev/client"
	"countersign.dev/desk/acts"
	"countersign.dev/httpd"
	"countersign.dev/test/testenv"
)

// BenchmarkHTTPS measures acts without countersigner over the REST API, from the submission until the
// answer says that they are executed: over http and over the desk's own https with HTTP/2, in turns,
// and on a connection of their own (new-…) as well as on one that is kept. The ratio is that of the
// sums: what https costs.
func BenchmarkHTTPS(b *testing.B) {
	for _, kind := range kinds {
		b.Run(kind.name, func(b *testing.B) {
			c := newCommit(b, kind.url(b))
			t := newTown(b, kind.url(b), nil)
			// The API's clock, which counts a person's calls, runs on by a minute before each act: people
			// do not make that many.
			var ahead time.Duration
			rest, err := api.New(api.Config{Desk: t.Desk, Version: "bench", Now: func() time.Time { return time.Now().Add(ahead) }})
			if err != nil {
				b.Fatal(err)
			}
			config := httpd.Config{Desk: t.Desk, API: rest, Now: time.Now, Logger: slog.New(slog.DiscardHandler)}
			plainAddress := serve(b, config)
			believed := x509.NewCertPool()
			cert, text := certificate(b)
			believed.AppendCertsFromPEM(text)
			config.Certificate = cert
			address := serve(b, config)
			ask, secret := t.TokenAsk("ann", "ann")
			if _, err := t.Desk.SignIn(b.Context(), ask); err != nil {
				b.Fatal(err)
			}
			ways := []struct {
				name, url string
				kept      bool
				client    *client.Client
				transport *http.Transport
				took      times
			}{{name: "http", url: "http://" + plainAddress, kept: true}, {name: "https", url: "https://" + address, kept: true},
				{name: "new-http", url: "http://" + plainAddress}, {name: "new-https", url: "https://" + address}}
			for i := range ways {
				w := &ways[i]
				w.transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: believed, ServerName: "localhost"}, ForceAttemptHTTP2: true}
				b.Cleanup(w.transport.CloseIdleConnections)
				if w.client, err = client.New(w.url, secret, &http.Client{Transport: w.transport}); err != nil {
					b.Fatal(err)
				}
			}
			for i := range warm + rounds {
				if i == warm {
					c.again()
					for w := range ways {
						ways[w].took = nil
					}
				}
				c.once()
				for at := range ways { // another one is first in each round
					w := &ways[(i+at)%len(ways)]
					if !w.kept {
						w.transport.CloseIdleConnections()
					}
					s := t.takedown(subjectOf(i))
					ahead += time.Minute
					var r v1.Request
					w.took.measure(func() {
						if r, err = w.client.Submit(b.Context(), submission(s), 10*time.Second); err != nil || r.Status != actions.StatusExecuted {
							b.Fatalf("the request is %s: %v", r.Status, err)
						}
					})
					t.executed(t.undo(r.ID))
				}
			}
			for i, w := range ways {
				b.Run(w.name, func(b *testing.B) {
					report(b, w.took, c)
					if i%2 == 1 {
						b.ReportMetric(sum(w.took)/sum(ways[i-1].took), "of-http")
						b.ReportMetric(w.took.p50()/ways[i-1].took.p50(), "p50-of-http")
					}
				})
			}
		})
	}
}

func submission(s acts.Submission) v1.Submission {
	out := v1.Submission{Action: s.Action, Signed: s.Signed}
	if s.Decision != nil {
		out.Decision = &v1.Decided{Decision: s.Decision.Decision, Signed: s.Decision.Signed, Reasons: s.Decision.Reasons}
	}
	return out
}

func sum(of times) (all float64) {
	for _, d := range of {
		all += d.Seconds()
	}
	return all
}

// serve serves a desk at an address of this machine until the benchmark ends.
func serve(b *testing.B, c httpd.Config) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- httpd.New(c).Serve(ctx, l) }()
	b.Cleanup(func() { stop(); <-served })
	return l.Addr().String()
}

// certificate makes the certificate of a desk at localhost, and what a browser needs to believe it.
func certificate(b *testing.B) (own *httpd.Certificate, believed []byte) {
	b.Helper()
	cert, key, err := testenv.Certificate(1, "localhost")
	if err != nil {
		b.Fatal(err)
	}
	files := [2]string{filepath.Join(b.TempDir(), "cert.pem"), filepath.Join(b.TempDir(), "key.pem")}
	for i, text := range [][]byte{cert, key} {
		if err := os.WriteFile(files[i], text, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	own, err = httpd.LoadCertificate(files[0], files[1], time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	return own, cert
}
