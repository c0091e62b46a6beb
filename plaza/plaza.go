// Package plaza is a small social platform: accounts, posts, a public timeline and
// profile pages, and a staff API by which its employees and their programs take accounts
// and posts down and bring them back.
//
// It is a platform like any other and knows nothing about the users of its staff API. It
// takes the holder of a staff token for that holder, and trusts nobody else. It promises
// what doc/platform-protocol.md says: a command compares and sets in one transaction with
// its event and its receipt, acts at most once for each key, and can be asked about
// afterwards; and a key that was asked about before its command arrived never takes
// effect. Pages show a change as soon as it is answered.
package plaza

import (
	"context"
	"crypto/rand"
	"embed"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"countersign.dev/sqldb"
)

//go:embed migrations
var migrationFiles embed.FS

// Migrations returns the tables of plaza, a folder for each database.
func Migrations() fs.FS {
	sub, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return sub
}

// Open opens or makes plaza's own database at a URL such as "sqlite:/path/plaza.db".
func Open(ctx context.Context, url string) (*sqldb.DB, error) {
	return sqldb.Open(ctx, url, sqldb.Options{Migrations: Migrations(), Line: "plaza"})
}

// Limits of the staff API. They are announced in the capabilities.
const (
	// RequestLife is the time after its arrival in which a command may still take effect. A
	// command that could not be carried out in that time is refused.
	RequestLife = 30 * time.Second

	commandLimit = 32 << 10 // bytes in the body of a command, a warning in any script among them
	setupLimit   = 8 << 20  // bytes in the body of a setup request
	setupMost    = 5000     // accounts or posts in one setup request
	noticeLimit  = 32 << 10 // bytes in the body of a notice
	ownerLimit   = 4 << 10  // bytes in the body of an owner's request
	accountsMost = 1000     // accounts on a page of the list
)

// Config holds all that a Server needs. DB is required; every other zero value works.
type Config struct {
	DB   *sqldb.DB // opened with Migrations; the caller closes it after the Server
	Now  func() time.Time
	Rand io.Reader
	Log  *slog.Logger

	// EventBacklog is the number of events that are kept for readers that come back; 0 means
	// 100,000.
	EventBacklog int64
	// Heartbeat is the time after which a silent event stream says that it is alive; 0 means
	// 5 seconds. It is announced in the capabilities.
	Heartbeat time.Duration
	// Labels are the labels that staff may set; nil means Labels. New panics if a value is
	// not of the form or stands there twice.
	Labels []LabelText
	// MostStreams is the largest number of open event streams; 0 means 256.
	MostStreams int
	// Reports says where the reports of people go.
	Reports Reports
	// Address returns the network address that a request comes from, which is counted when
	// somebody reports without an account. Nil means the address of the connection: set it
	// where a proxy stands before plaza.
	Address func(*http.Request) string
}

// Server is one plaza. It is safe for concurrent use.
type Server struct {
	db        *sqldb.DB
	now       func() time.Time
	rand      io.Reader
	log       *slog.Logger
	backlog   int64
	heartbeat time.Duration
	labels    []LabelText
	reports   Reports
	address   func(*http.Request) string
	out       *outbox
	working   sync.WaitGroup
	streams   chan struct{} // one place for each open stream
	closed    chan struct{}
	closeOnce sync.Once
	pages     *pages
	drawing   sync.Mutex // held while pictures are read: each takes much memory for a moment
	handler   http.Handler
}

// New returns a plaza on an open database.
func New(c Config) *Server {
	s := &Server{db: c.DB, now: c.Now, rand: c.Rand, log: c.Log, backlog: c.EventBacklog,
		heartbeat: c.Heartbeat, closed: make(chan struct{})}
	if s.now == nil {
		s.now = time.Now
	}
	if s.rand == nil {
		s.rand = rand.Reader
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.backlog == 0 {
		s.backlog = 100_000
	}
	if s.heartbeat == 0 {
		s.heartbeat = 5 * time.Second
	}
	if c.MostStreams == 0 {
		c.MostStreams = 256
	}
	if c.Labels == nil {
		c.Labels = Labels
	}
	s.labels = offered(c.Labels)
	s.reports, s.address = c.Reports, c.Address
	if s.reports.Platform == "" {
		s.reports.Platform = "plaza"
	}
	if s.reports.Client == nil {
		// A token is for the receiver and for nobody to whom it sends us on.
		s.reports.Client = &http.Client{Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	if s.reports.Retry == 0 {
		s.reports.Retry = time.Second
	}
	if s.reports.Ask == 0 {
		s.reports.Ask = time.Minute
	}
	s.streams = make(chan struct{}, c.MostStreams)
	s.pages = newPages()
	s.handler = s.routes()
	s.startOutbox()
	s.startForgetting()
	return s
}

// Handler serves the public pages and the staff API.
func (s *Server) Handler() http.Handler { return s.handler }

// Close ends the open event streams, which would otherwise keep an HTTP server
// from shutting down, and the sending of reports. The database stays open.
func (s *Server) Close() {
	s.closeOnce.Do(func() { close(s.closed) })
	s.working.Wait()
}
