package web_test

import (
	"net/http"
	"testing"

	"countersign.dev/desk/desktest"
	"countersign.dev/test/testenv"
	"countersign.dev/web/webtest"
)

// BenchmarkLighthouse has Lighthouse judge each page as its reader sees it at a desk (points of 100).
// Performance depends on what else the machine does.
func BenchmarkLighthouse(b *testing.B) {
	d := webtest.Open(b, desktest.Options{})
	d.Passkeys("ann", "lee")
	for external, subject := range map[string]string{"1": "post/1", "2": "acct/3"} {
		d.Evidenced(d.Flag(external, subject, "MisleadingSpam", "acct/4").Case.ID)
	}
	mine := d.Take("ann").Case.ID
	held := asked(d).ID
	cookie := func(by desktest.Page) []*http.Cookie {
		return []*http.Cookie{{Name: "countersign", Value: by.Secret, Domain: "localhost", Path: "/"}}
	}
	agent, signer := cookie(d.Browser("ann")), cookie(d.Browser("lee"))
	for _, p := range []struct {
		name, path string
		by         []*http.Cookie
	}{
		{"signin", "/signin", nil}, {"work", "/work", agent}, {"queues", "/queues", agent}, {"queue", "/queues/spam", agent}, {"case", "/cases/" + mine, agent},
		{"waiting", "/countersign", signer}, {"countersign", "/countersign/" + held, signer}, {"requests", "/requests", signer}, {"request", "/requests/" + held, signer},
		{"settings", "/settings", agent}, {"find", "/find?q=plaza:post/1", agent},
	} {
		b.Run(p.name, func(b *testing.B) {
			s := testenv.Lighthouse(b, d.URL+p.path, p.by)
			b.ReportMetric(float64(s.Performance), "performance")
			b.ReportMetric(float64(s.Accessibility), "accessibility")
			b.ReportMetric(float64(s.BestPractices), "best-practices")
			b.ReportMetric(0, "ns/op")
			for _, wrong := range s.Wrong {
				b.Log(wrong)
			}
		})
	}
}
