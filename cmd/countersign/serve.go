package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"countersign.dev/api"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/cli"
	"countersign.dev/client"
	"countersign.dev/desk/alarms"
	"countersign.dev/desk/kernel"
	"countersign.dev/deskdir"
	"countersign.dev/fault"
	"countersign.dev/httpd"
	"countersign.dev/ledger/proof"
	"countersign.dev/link"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/plaza"
	"countersign.dev/prose"
	"countersign.dev/web"
)

type serveCommand struct {
	Listen      string   `placeholder:"HOST:PORT" help:"Where the desk answers. Left out: as config.json says, else 127.0.0.1:7400 or the next free port."`
	PlazaListen string   `placeholder:"HOST:PORT" help:"Where the built-in platform's pages are. Left out: as config.json says, else 127.0.0.1:7401 or the next free port."`
	TLSCert     string   `name:"tls-cert" type:"path" placeholder:"FILE" help:"Serve https with this certificate, a PEM file. A renewed one is taken without a restart."`
	TLSKey      string   `name:"tls-key" type:"path" placeholder:"FILE" help:"The private key of that certificate, a PEM file."`
	BehindProxy []string `placeholder:"ADDRESS" help:"IP address or network of a proxy that serves https before the desk: its X-Forwarded-Proto and X-Forwarded-Host are believed. Once for each."`
	NoPlaza     bool     `help:"Leave the built-in platform out."`
	WithParent  bool     `help:"End when the standard input ends, since then the process that started this one is gone." hidden:""`
	logging

	demo web.Demo // nil: this is no demo
}

func (c *serveCommand) Help() string {
	return "Runs in the foreground until it is interrupted. The executor is a process of its own beside the desk; it is started again if it dies. " +
		"DIR/config.json says more; all of it may be left out.\n\n" +
		httpd.OnlyLocalhost + " So give --tls-cert and --tls-key, or put a proxy before the desk that serves https, and name it with --behind-proxy."
}

const defaultPlaza = "127.0.0.1:7401"

// started is the one answer of serve, given when all parts run.
type started struct {
	Desk string `json:"desk"` // address
	// Browser is the address of the desk's pages; empty if people cannot work in browsers.
	Browser string `json:"browser"`
	// BrowserWhy says why people cannot sign in there, or on the desk's own machine only.
	BrowserWhy string           `json:"browser_why,omitzero"`
	Plaza      string           `json:"plaza"` // address; empty if left out
	Origin     string           `json:"origin"`
	Root       canonical.Digest `json:"root"`
	Executor   string           `json:"executor"` // its name
	Pid        int              `json:"pid"`
}

func (c *serveCommand) Run(ctx context.Context, s *cli.Session) error {
	if c.WithParent {
		var stop context.CancelFunc
		ctx, stop = withParent(ctx, s)
		defer stop()
	}
	return c.serve(ctx, s, func(*services) error { return nil })
}

// services is a running desk with its parts.
type services struct {
	*openDesk
	deskURL  string
	browser  browser
	plaza    *plaza.Server // nil if left out
	plazaURL string
	executor *supervisor // nil if the executor runs by itself
	started  started
}

// serve runs the desk until ctx ends. ready is called when all parts run, before the
// answer is given.
func (c *serveCommand) serve(ctx context.Context, s *cli.Session, ready func(*services) error) (err error) {
	dir, err := filepath.Abs(s.Folder())
	if err != nil {
		return fmt.Errorf("name the folder: %w", err)
	}
	log := c.logger(s)
	config, err := readConfig(dir)
	if err != nil {
		return err
	}
	https, proxies, err := c.https(dir, config, s.Now, log)
	if err != nil {
		return err
	}
	root, err := readRoot(filepath.Join(dir, deskdir.Trust))
	if err != nil {
		return err
	}
	held, err := deskdir.AcquireLock(dir, deskdir.DeskLock, "serve")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, held.Release()) }()
	if err := held.Database(config.Database, filepath.Join(dir, deskdir.DeskDatabase), "serve"); err != nil {
		return err
	}
	settings, err := readLink(dir)
	if err != nil {
		return err
	}
	if config.Executor.Address == "" {
		if err := startable(filepath.Join(dir, deskdir.Executor)); err != nil {
			return err
		}
	}
	sockets, cleanUp, err := socketFolder(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cleanUp()) }()

	v := &services{}
	var parts []func(context.Context) error
	if !c.NoPlaza && !config.Plaza.Off {
		part, end, err := c.openPlaza(ctx, s, dir, "serve", config, v, log)
		if err != nil {
			return err
		}
		defer end()
		parts = append(parts, part)
	}

	executorAddress := config.Executor.Address
	if executorAddress == "" {
		executorAddress = "unix:" + filepath.Join(sockets, deskdir.ExecutorSocket)
	}
	executor := link.DialExecutor(executorAddress, settings.ExecutorToken)
	defer executor.Close()
	options := deskOptions{executor: remote{executor}, root: root, logger: log}
	if config.Executor.Address == "" {
		options.executorStart = ownStart
	}
	if v.openDesk, err = openDeskWith(ctx, config, dir, options); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.openDesk.close()) }()

	deskAddress := config.Executor.DeskListen
	if deskAddress == "" {
		deskAddress = "unix:" + filepath.Join(sockets, deskdir.DeskSocket)
	}
	back, err := link.Listen(deskAddress)
	if err != nil {
		return err
	}
	parts = append(parts, httpServer(httpd.NewServer(link.Desk(v.desk, settings.DeskToken, func(err error) { log.Error("a call of the executor failed", "error", err) })), back))
	if config.Executor.Address == "" {
		v.executor = &supervisor{folder: filepath.Join(dir, deskdir.Executor), desk: deskAddress, listen: executorAddress, level: c.Log, stderr: s.Stderr, log: log}
		parts = append(parts, v.executor.run)
	}

	front, part, err := c.openFront(ctx, s, config, https, proxies, v, executor)
	if err != nil {
		return errors.Join(err, back.Close())
	}
	parts = append(parts, part, v.desk.Run, func(ctx context.Context) error {
		return c.up(ctx, s, v, root, settings, executor, front, ready)
	})
	return together(ctx, parts...)
}

// openFront opens the desk's own address.
func (c *serveCommand) openFront(ctx context.Context, s *cli.Session, config Config, https *httpd.Certificate, proxies []netip.Prefix, v *services, executor *link.ExecutorClient) (net.Listener, func(context.Context) error, error) {
	address, explicit := c.Listen, c.Listen != ""
	if !explicit && config.Listen != "" {
		address, explicit = config.Listen, true
	}
	if address == "" {
		address = httpd.DefaultAddress
	}
	l, moved, err := httpd.Listen(ctx, address, explicit)
	if err != nil {
		return nil, nil, err
	}
	if moved != "" {
		s.Say("%s", moved)
	}
	rest, err := api.New(api.Config{Desk: v.desk, Executor: executor.Ask, Version: s.Version, Now: s.Now})
	if err != nil {
		return nil, nil, errors.Join(err, l.Close())
	}
	pages, err := web.New(web.Config{Desk: v.desk, Now: s.Now, Demo: c.demo})
	if err != nil {
		return nil, nil, errors.Join(err, l.Close())
	}
	state, err := v.desk.State(ctx)
	if err != nil {
		return nil, nil, errors.Join(err, l.Close())
	}
	v.deskURL = deskAddress(l, https, config.Hosts)
	v.browser = browserDesk(l, https, len(proxies) > 0, config.Hosts, state.Trust.Origins)
	var links []httpd.Link
	if v.plazaURL != "" {
		links = append(links, httpd.Link{URL: v.plazaURL, Name: "Plaza", Text: "The built-in platform: its public pages."})
		if config.Plaza.ReportsTo == "" {
			sendReports(v.plaza, v.deskURL, config, s, https)
			v.desk.Also(func(ctx context.Context, _ *proof.State) ([]alarms.Matter, error) { return heldReports(ctx, v.plaza) })
		}
	}
	front := httpd.New(httpd.Config{Desk: v.desk, API: rest, Web: pages, Publish: config.PublishLedger, Hosts: config.Hosts, Certificate: https, Proxies: proxies, Links: links, Now: s.Now, Logger: c.logger(s)})
	return l, func(ctx context.Context) error { return front.Serve(ctx, l) }, nil
}

// up waits until the executor answers, checks that the ledger was not set back, and gives
// the answer.
func (c *serveCommand) up(ctx context.Context, s *cli.Session, v *services, root canonical.Digest, settings linkSettings, executor *link.ExecutorClient, front net.Listener, ready func(*services) error) error {
	status, err := answering(ctx, executor)
	if err != nil {
		return err
	}
	size, _, err := v.store.Newest(ctx)
	if err != nil {
		return err
	}
	if status.Size > size {
		return fault.New(fault.Conflict, "ledger-set-back",
			"The executor has seen this ledger with %d entries, and the database has %d: it was set back, perhaps from a backup. "+
				"It must not go on, since others hold its newer checkpoints. Found a new desk whose entry 0 names the old one's last checkpoint.", status.Size, size)
	}
	v.started = started{Desk: v.deskURL, Browser: v.browser.address, BrowserWhy: v.browser.why, Plaza: v.plazaURL, Origin: v.key.Name(), Root: root, Executor: settings.Executor, Pid: os.Getpid()}
	if err := s.Remember(v.deskURL, v.key.Name()); err != nil {
		return err
	}
	if err := ready(v); err != nil {
		return err
	}
	if !s.Answered() {
		if err := s.Answer(v.started, func(p *cli.Page) {
			p.Line("The desk %s is at %s", v.started.Origin, v.started.Desk)
			if v.browser.address != "" {
				p.Line("In browsers it is at %s", v.browser.address)
			}
			if v.browser.why != "" {
				p.Line("%s", v.browser.why)
			}
			if v.plazaURL != "" {
				p.Line("Plaza is at %s", v.plazaURL)
			}
			p.Line("Stop it with Ctrl-C.")
		}); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return nil
}

// startTime bounds the time until an executor answers for the first time.
const startTime = 30 * time.Second

// ownStart is the time that an executor which serve itself starts may take before
// somebody is paged. It is well below startTime, after which serve ends, so that the page
// comes before the end.
const ownStart = 10 * time.Second

// answering waits until the executor answers.
func answering(ctx context.Context, executor *link.ExecutorClient) (linkv1.ExecutorStatus, error) {
	waiting, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, 250*time.Millisecond) {
		status, err := executor.Ask(waiting)
		if err == nil {
			return status, nil
		}
		select {
		case <-time.After(pause):
		case <-waiting.Done():
			if ctx.Err() != nil {
				return status, ctx.Err()
			}
			return status, fault.New(fault.Unavailable, "no-executor", "The executor does not answer. Nothing can be carried out without it.").Because(err)
		}
	}
}

// plazaCommand runs the built-in platform by itself, so that it keeps running when the
// desk is restarted.
type plazaCommand struct {
	Listen     string `placeholder:"HOST:PORT" help:"Where its pages are. Left out: 127.0.0.1:7401 or the next free port."`
	WithParent bool   `help:"End when the standard input ends, since then the process that started this one is gone." hidden:""`
	logging
}

// plazaStarted is the one answer of plaza.
type plazaStarted struct {
	Plaza string `json:"plaza"` // address
	Pid   int    `json:"pid"`
}

func (c *plazaCommand) Run(ctx context.Context, s *cli.Session) error {
	if c.WithParent {
		var stop context.CancelFunc
		ctx, stop = withParent(ctx, s)
		defer stop()
	}
	dir, err := filepath.Abs(s.Folder())
	if err != nil {
		return fmt.Errorf("name the folder: %w", err)
	}
	config, err := readConfig(dir)
	if err != nil {
		return err
	}
	v := &services{}
	part, end, err := (&serveCommand{PlazaListen: c.Listen}).openPlaza(ctx, s, dir, "plaza", config, v, c.logger(s))
	if err != nil {
		return err
	}
	defer end()
	if err := s.Answer(plazaStarted{v.plazaURL, os.Getpid()}, func(p *cli.Page) { p.Line("Plaza is at %s", v.plazaURL) }); err != nil {
		return err
	}
	return together(ctx, part)
}

// openPlaza opens the built-in platform for a command and gives its staff token to the
// executor. It returns the functions that serve and close it.
func (c *serveCommand) openPlaza(ctx context.Context, s *cli.Session, dir, command string, config Config, v *services, log *slog.Logger) (_ func(context.Context) error, _ func(), err error) {
	address, explicit := c.PlazaListen, c.PlazaListen != ""
	if !explicit && config.Plaza.Listen != "" {
		address, explicit = config.Plaza.Listen, true
	}
	if address == "" {
		address = defaultPlaza
	}
	url := config.Plaza.Database
	if url == "" {
		url = "sqlite:" + filepath.Join(dir, deskdir.PlazaDatabase)
	}
	held, err := deskdir.AcquireLock(dir, deskdir.PlazaLock, command)
	if err != nil {
		return nil, nil, err
	}
	opened := []func() error{held.Release}
	closeAll := func() error {
		var all error
		for _, end := range slices.Backward(opened) {
			all = errors.Join(all, end())
		}
		return all
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, closeAll())
		}
	}()
	if err := held.Database(url, filepath.Join(dir, deskdir.PlazaDatabase), command); err != nil {
		return nil, nil, err
	}
	l, moved, err := httpd.Listen(ctx, address, explicit)
	if err != nil {
		return nil, nil, err
	}
	if moved != "" {
		s.Say("%s", moved)
	}
	db, err := plaza.Open(ctx, url)
	if err != nil {
		return nil, nil, errors.Join(err, l.Close())
	}
	opened = append(opened, db.Close)
	v.plaza, v.plazaURL = plaza.New(plaza.Config{DB: db, Log: log}), "http://"+l.Addr().String()
	opened = append(opened, func() error { v.plaza.Close(); return nil })
	if config.Plaza.ReportsTo != "" {
		sendReports(v.plaza, config.Plaza.ReportsTo, config, s, nil)
	}
	if err := keepToken(ctx, v.plaza, setupHolder, plaza.SetupScope, filepath.Join(dir, deskdir.SetupToken)); err != nil {
		return nil, nil, errors.Join(err, l.Close())
	}
	if config.Executor.Address == "" {
		err = tellExecutor(ctx, v.plaza, v.plazaURL, filepath.Join(dir, deskdir.Executor, deskdir.Platforms))
	} else {
		// The person who maintains the executor's platforms.json takes the token from that
		// file.
		err = keepToken(ctx, v.plaza, holder, plaza.KeeperScope, filepath.Join(dir, deskdir.StaffToken))
	}
	if err != nil {
		return nil, nil, errors.Join(err, l.Close())
	}
	return servePlaza(v.plaza, l), func() {
		if err := closeAll(); err != nil {
			log.Error("plaza's database was not closed", "error", err)
		}
	}, nil
}

// sendReports has plaza hand its reports in at a desk, by the program whose key file is named. own is
// the desk's certificate if the desk is of this process; the machine need not trust that one.
func sendReports(p *plaza.Server, desk string, config Config, s *cli.Session, own *httpd.Certificate) {
	t := &fileTokens{path: cmp.Or(config.Plaza.ReportsKey, filepath.Join(s.Folder(), deskdir.ReportsKey)), desk: desk, now: s.Now}
	if own != nil {
		t.http = own.Client(30 * time.Second)
	}
	p.SendReports(strings.TrimSuffix(desk, "/")+v1.Base, t.token, t.forget, t.http)
}

// heldReports tells of reports that plaza cannot hand in.
func heldReports(ctx context.Context, p *plaza.Server) ([]alarms.Matter, error) {
	n, since, why, err := p.Held(ctx)
	if err != nil || n == 0 {
		return nil, err
	}
	text := fmt.Sprintf("%d reports wait on plaza", n)
	if n == 1 {
		text = "1 report waits on plaza"
	}
	return []alarms.Matter{{Section: "reports", Severity: alarms.Warn, Platform: deskdir.ConnectorPlaza, Since: canonical.At(since),
		Text: prose.Show(text + " and cannot be handed in: " + strings.TrimSuffix(why, ".") + "."),
		Do:   "They are sent when the reason is gone; none is lost. If no program stands for plaza, admit one: `countersign program list`, and step 11 of the first day in doc/operating.md."}}, nil
}

// fileTokens gets tokens for the program whose key a file holds. The file is read when a token
// is needed, so that the program can be made and admitted while plaza runs, and again after the
// desk refused the key or a token, so that a new program takes the place of one that was ended.
type fileTokens struct {
	path, desk string
	now        func() time.Time
	http       *http.Client // nil: one that trusts what the machine trusts

	mu     sync.Mutex
	source *client.ProgramTokens // nil: the file is to be read
}

func (t *fileTokens) token(ctx context.Context) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.source == nil {
		key, err := client.ReadProgramKey(t.path)
		if err != nil {
			return "", err
		}
		c, err := client.New(t.desk, "", t.http)
		if err != nil {
			return "", err
		}
		t.source = client.NewProgramTokens(c, key, "", t.now, rand.Reader)
	}
	secret, err := t.source.Token(ctx)
	if err != nil {
		t.source = nil
	}
	return secret, err
}

func (t *fileTokens) forget(string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.source = nil
}

func servePlaza(p *plaza.Server, l net.Listener) func(context.Context) error {
	serve := httpServer(httpd.NewServer(p.Handler()), l)
	return func(ctx context.Context) error {
		// Event streams never end by themselves.
		stop := context.AfterFunc(ctx, p.Close)
		defer stop()
		return serve(ctx)
	}
}

// holder is the executor's name on plaza.
const holder = "countersign"

// setupHolder is the name on plaza of the owner of DIR, who fills it with accounts.
const setupHolder = "setup"

// keepToken issues a token, new at every start, and writes it to a file that
// only its owner may read.
func keepToken(ctx context.Context, p *plaza.Server, holder string, scope plaza.Scope, path string) error {
	if _, err := p.RevokeTokens(ctx, holder); err != nil {
		return err
	}
	token, err := p.IssueToken(ctx, holder, scope)
	if err != nil {
		return err
	}
	return cli.WriteFile(path, []byte(token+"\n"), 0o600)
}

// tellExecutor issues a staff token and writes it, with plaza's address, into the
// executor's list of platforms. The other platforms in the list stay.
func tellExecutor(ctx context.Context, p *plaza.Server, url, path string) error {
	if _, err := p.RevokeTokens(ctx, holder); err != nil {
		return err
	}
	token, err := p.IssueToken(ctx, holder, plaza.KeeperScope)
	if err != nil {
		return err
	}
	platforms, err := deskdir.ReadPlatforms(path)
	if err != nil {
		return err
	}
	platforms = slices.DeleteFunc(platforms, func(p deskdir.Platform) bool { return p.Name == deskdir.ConnectorPlaza })
	platforms = append(platforms, deskdir.Platform{Name: deskdir.ConnectorPlaza, Connector: deskdir.ConnectorPlaza, URL: url, Token: token})
	return cli.WriteSecret(path, platforms)
}

// remote is the desk's view of an executor in another process.
type remote struct{ *link.ExecutorClient }

var _ kernel.Executor = remote{}

// Status asks the executor for its status.
func (r remote) Status(ctx context.Context) (linkv1.ExecutorStatus, error) { return r.Ask(ctx) }

// longestSocket is the longest path of a unix socket that every system allows.
const longestSocket = 100

// socketFolder returns the folder of the sockets between desk and executor: DIR, or a
// folder of their own if DIR's path is too long for a socket.
func socketFolder(dir string) (folder string, cleanUp func() error, err error) {
	if len(filepath.Join(dir, deskdir.ExecutorSocket)) < longestSocket {
		return dir, func() error { return nil }, nil
	}
	folder, err = os.MkdirTemp("", "countersign-")
	if err != nil {
		return "", nil, fmt.Errorf("make a folder for sockets: %w", err)
	}
	return folder, func() error { return os.RemoveAll(folder) }, nil
}
