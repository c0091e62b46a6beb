package httpd

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"countersign.dev/desk"
)

// meters holds the counts for Prometheus. None of them names anybody.
type meters struct {
	answers *prometheus.CounterVec // requests, by the status that they were answered with
	handler http.Handler
}

func newMeters(d *desk.Desk) *meters {
	m := &meters{answers: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "countersign_http_requests_total",
		Help: "Requests that were answered, by status."}, []string{"status"})}
	r := prometheus.NewRegistry()
	r.MustRegister(m.answers, counted{d}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.handler = promhttp.HandlerFor(r, promhttp.HandlerOpts{})
	return m
}

func (m *meters) count(status int) { m.answers.WithLabelValues(strconv.Itoa(status)).Inc() }

// The desk's own counts, read at each scrape.
var (
	alarmsTotal     = prometheus.NewDesc("countersign_alarms_total", "Alarms that were raised, by kind.", []string{"kind"}, nil)
	incidentsOpen   = prometheus.NewDesc("countersign_incidents_open", "Incidents that are open, by tier.", []string{"tier"}, nil)
	watchRecords    = prometheus.NewDesc("countersign_watch_records_total", "Records of the executor's watch, by kind.", []string{"kind"}, nil)
	requestsNow     = prometheus.NewDesc("countersign_requests", "Requests that there are, by status.", []string{"status"}, nil)
	ledgerEntries   = prometheus.NewDesc("countersign_ledger_entries_total", "Entries of the ledger.", nil, nil)
	matters         = prometheus.NewDesc("countersign_needs_person", "What needs a person, by section of countersign status.", []string{"section"}, nil)
	uncopied        = prometheus.NewDesc("countersign_evidence_pending", "Evidences of reports that are not copied yet.", nil, nil)
	uncopiedSeconds = prometheus.NewDesc("countersign_evidence_pending_seconds", "Time for which the oldest evidence of a report waits to be copied.", nil, nil)
	executorUp      = prometheus.NewDesc("countersign_executor_up", "1 if the executor answers.", nil, nil)
	executorStopped = prometheus.NewDesc("countersign_executor_stopped", "1 if the executor refuses burdening acts; left out if it does not answer.", nil, nil)
)

// scrapePatience bounds the time for which a scrape waits for the desk and its executor.
const scrapePatience = 5 * time.Second

// counted asks the desk at each scrape.
type counted struct{ desk *desk.Desk }

// Describe implements prometheus.Collector.
func (counted) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{alarmsTotal, incidentsOpen, watchRecords, requestsNow, ledgerEntries, matters, uncopied, uncopiedSeconds, executorUp, executorStopped} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (c counted) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapePatience)
	defer cancel()
	s, err := c.desk.Stats(ctx)
	if err != nil {
		to <- prometheus.NewInvalidMetric(ledgerEntries, err)
		return
	}
	each := func(d *prometheus.Desc, t prometheus.ValueType, of map[string]int64) {
		for label, n := range of {
			to <- prometheus.MustNewConstMetric(d, t, float64(n), label)
		}
	}
	one := func(d *prometheus.Desc, yes bool) {
		v := 0.0
		if yes {
			v = 1
		}
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v)
	}
	each(alarmsTotal, prometheus.CounterValue, s.Alarms)
	each(incidentsOpen, prometheus.GaugeValue, s.Incidents)
	each(watchRecords, prometheus.CounterValue, s.Sightings)
	each(requestsNow, prometheus.GaugeValue, s.Requests)
	each(matters, prometheus.GaugeValue, s.Matters)
	to <- prometheus.MustNewConstMetric(ledgerEntries, prometheus.CounterValue, float64(s.Size))
	to <- prometheus.MustNewConstMetric(uncopied, prometheus.GaugeValue, float64(s.Uncopied))
	to <- prometheus.MustNewConstMetric(uncopiedSeconds, prometheus.GaugeValue, float64(s.Oldest))
	one(executorUp, !s.Away)
	if !s.Away {
		one(executorStopped, s.Stopped)
	}
}

// metrics answers callers on this machine, and callers with a token.
func (s *Server) metrics(w http.ResponseWriter, r *http.Request) error {
	if !fromHere(r) {
		if _, err := Authenticate(s.config.Desk, r); err != nil {
			return err
		}
	}
	s.meters.handler.ServeHTTP(w, r)
	return nil
}

// fromHere reports whether a request was made on this machine, and not elsewhere and
// passed on by a proxy that runs here.
func fromHere(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	for _, h := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Via"} {
		if len(r.Header.Values(h)) > 0 {
			return false
		}
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
