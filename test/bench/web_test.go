package main

import (
	"bytes"
	"compress/gzip"
	"database/sql"
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/api"
	"countersign.dev/canonical"
	"countersign.dev/desk/acts"
	"countersign.dev/httpd"
	"countersign.dev/store"
	"countersign.dev/web"
)

// BenchmarkWebPages takes each page as a browser does, one after the other, at a desk with 100,000
// cases, 10,000 of them open, and 15,000 workers: the time of the server alone, from the request to
// the last byte.
func BenchmarkWebPages(b *testing.B) {
	for _, kind := range kinds {
		b.Run(kind.name, func(b *testing.B) {
			c := newCommit(b, kind.url(b))
			url := kind.url(b)
			f := newFloor(b, url, 0)
			f.crowd(15_000)
			f.bring(f.reports(openReports(b)), 1000)
			f.write(func(tx *store.Tx) error {
				for _, q := range []string{
					`delete from job where kind = 'desk.evidence'`,
					`update case_file set subject_sort = 'content', owner = 'account/' || substr(subject, 6)`,
					// Nine in ten were judged before; every tenth is open, in each queue alike.
					`update case_file set state = 'closed' where id in (select id from (select id, row_number() over (order by id) as n from case_file) as x where x.n % 10 <> 3)`,
					`update case_clock set ended = started where case_id in (select id from case_file where state = 'closed')`,
				} {
					if _, err := tx.Exec(q); err != nil {
						return err
					}
				}
				return nil
			})
			tidy(b, url)
			rest, err := api.New(api.Config{Desk: f.Desk, Version: "bench", Now: f.Clock().Now})
			if err != nil {
				b.Fatal(err)
			}
			pages, err := web.New(web.Config{Desk: f.Desk, Now: f.Clock().Now})
			if err != nil {
				b.Fatal(err)
			}
			server := httpd.New(httpd.Config{Desk: f.Desk, API: rest, Web: pages, Now: f.Clock().Now, Logger: slog.New(slog.DiscardHandler)})
			p := f.Browser("agent00")
			ask := func(method, path, body string) *httptest.ResponseRecorder {
				r := httptest.NewRequestWithContext(b.Context(), method, "http://localhost"+path, strings.NewReader(body))
				r.AddCookie(&http.Cookie{Name: "countersign", Value: p.Secret})
				if method == http.MethodPost {
					proof := actions.BrowserProof{Method: method, Target: path, Token: p.Token.ID, At: f.Clock().Now().UnixMicro(), Body: canonical.Sum([]byte(body))}
					r.Header.Set("Content-Type", "application/json")
					r.Header.Set(httpd.ProofHeader, p.Token.ID+" "+strconv.FormatInt(proof.At, 10)+" "+base64.RawURLEncoding.EncodeToString(p.Proves(proof)))
				}
				w := httptest.NewRecorder()
				server.ServeHTTP(w, r)
				return w
			}
			taken := f.Take("agent00")
			held := f.Request("kim", acts.Wish{Kind: actions.AccountTakedown, Subject: "plaza:@singer", Reason: "hacked"})
			for _, page := range []struct{ name, path string }{
				{"work", "/work"}, {"queues", "/queues"}, {"queue", "/queues/spam"}, {"case", "/cases/" + taken.Case.ID}, {"waiting", "/countersign"}, {"countersign", "/countersign/" + held.ID},
				{"requests", "/requests"}, {"request", "/requests/" + held.ID}, {"settings", "/settings"}, {"find", "/find?q=plaza:post/17"},
			} {
				var all times
				size, zipped := 0, 0
				for i := range 220 {
					if i == 20 { // warm
						all = nil
						c.again()
					}
					if i%10 == 0 {
						c.once()
					}
					var w *httptest.ResponseRecorder
					all.measure(func() { w = ask(http.MethodGet, page.path, "") })
					if w.Code != http.StatusOK {
						b.Fatalf("%s answers %d: %s", page.path, w.Code, w.Body)
					}
					size, zipped = w.Body.Len(), zippedSize(w.Body.Bytes())
				}
				b.Run(page.name, func(b *testing.B) { pageMetrics(b, c, all, size, zipped) })
			}
			var all times
			size, zipped := 0, 0
			for i := range 120 {
				if i == 20 {
					all = nil
					c.again()
				}
				f.write(func(tx *store.Tx) error {
					if _, err := tx.Exec(`update case_claim set ended = 1, why = 'closed' where ended = 0`); err != nil {
						return err
					}
					_, err := tx.Exec(`update case_file set state = 'closed', holder = '' where state = 'claimed'`)
					return err
				})
				c.once()
				var w *httptest.ResponseRecorder
				all.measure(func() { w = ask(http.MethodPost, "/next", "{}") })
				if w.Code != http.StatusOK {
					b.Fatalf("/next answers %d: %s", w.Code, w.Body)
				}
				size, zipped = w.Body.Len(), zippedSize(w.Body.Bytes())
			}
			b.Run("next", func(b *testing.B) { pageMetrics(b, c, all, size, zipped) })
		})
	}
}

// tidy does at once what PostgreSQL does by itself within minutes after many rows have changed.
func tidy(b *testing.B, url string) {
	b.Helper()
	if !strings.HasPrefix(url, "postgres") {
		return
	}
	db, err := sql.Open("pgx", url)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(b.Context(), "vacuum analyze"); err != nil {
		b.Fatal(err)
	}
}

func pageMetrics(b *testing.B, c *commit, all times, size, zipped int) {
	b.ReportMetric(all.p50(), "p50-ms")
	b.ReportMetric(all.p95(), "p95-ms")
	b.ReportMetric(all.p99(), "p99-ms")
	b.ReportMetric(float64(size)/1024, "KiB")
	b.ReportMetric(float64(zipped)/1024, "gzip-KiB")
	b.ReportMetric(c.took.p50(), "c-ms")
	b.ReportMetric(c.checks.p50(), "v-ms")
	b.ReportMetric(0, "ns/op")
}

func zippedSize(page []byte) int {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(page) // a buffer takes everything
	_ = w.Close()
	return out.Len()
}
