package main

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"countersign.dev/canonical"
	"countersign.dev/cli"
	"countersign.dev/deskdir"
	"countersign.dev/executor"
	"countersign.dev/executor/journal"
	"countersign.dev/fault"
	"countersign.dev/httpd"
	"countersign.dev/link"
	"countersign.dev/platform"
	"countersign.dev/platform/bluesky"
	"countersign.dev/platform/lazy"
	"countersign.dev/platform/plaza"
)

type executorCommand struct {
	Desk       string `placeholder:"ADDRESS" help:"Where the desk listens for its executor: unix:/path or http://127.0.0.1:PORT. Default: unix:../desk.sock of the folder."`
	Listen     string `placeholder:"ADDRESS" help:"Where the desk finds this executor: unix:/path or http://127.0.0.1:PORT. Default: unix:../executor.sock of the folder."`
	WithParent bool   `help:"End when the standard input ends, since then the process that started this one is gone." hidden:""`
	logging
}

func (c *executorCommand) Help() string {
	return "The folder (--dir) is the executor's own; nobody else needs to read it:\n\n" +
		"  key.json        its key, which signs its records\n" +
		"  trust/          the hash of entry 0 of the desk that it serves\n" +
		"  platforms.json  the platforms' addresses and credentials: [{\"name\",\"connector\",\"url\",\"token\"}]\n" +
		"  alarm.json      the one address that it alarms itself when the desk does not take a breach; may be left out: {\"url\",\"key\"}\n" +
		"  link.json       its name, the two tokens by which it and the desk know each other, and that of people on call\n" +
		"  journal.db      what it has done; never delete or copy back an old one\n\n" +
		"init makes the folder as DIR/executor. In earnest it lies on another machine, under another user."
}

// linkSettings is link.json, the facts that desk and executor must know about each other.
// Both have a copy.
type linkSettings struct {
	Executor      string `json:"executor"`       // the executor's name in the governance chain
	DeskToken     string `json:"desk_token"`     // the executor shows it to the desk
	ExecutorToken string `json:"executor_token"` // the desk shows it to the executor
	// OnCallToken is shown to the executor by people on call, and lets them only hand
	// something over. It is empty in folders that are older than it.
	OnCallToken string `json:"oncall_token,omitempty"`
}

const linkFile = "link.json"

// secretsBeside says which needed files are in no backup.
const secretsBeside = "`countersign init` writes it for a new desk. Beside a backup, put back from where you keep the secrets: " +
	"log.key, link.json, and config.json if you have one, into the desk's folder; key.json, link.json, platforms.json, and alarm.json if you have one, into executor/."

func newLink(name string, rand io.Reader) (linkSettings, error) {
	l := linkSettings{Executor: name}
	for _, token := range []*string{&l.DeskToken, &l.ExecutorToken, &l.OnCallToken} {
		b := make([]byte, 32)
		if _, err := io.ReadFull(rand, b); err != nil {
			return l, fmt.Errorf("make a token: %w", err)
		}
		*token = fmt.Sprintf("%x", b)
	}
	return l, nil
}

func readLink(folder string) (linkSettings, error) {
	var l linkSettings
	path := filepath.Join(folder, linkFile)
	if err := cli.ReadDocument(path, &l); errors.Is(err, fs.ErrNotExist) {
		return l, fault.New(fault.Invalid, "unreadable", "%s is missing. %s", path, secretsBeside).Because(err)
	} else if err != nil {
		return l, err
	}
	if l.Executor == "" || len(l.DeskToken) < 32 || len(l.ExecutorToken) < 32 || l.OnCallToken != "" && len(l.OnCallToken) < 32 {
		return l, fault.New(fault.Invalid, "bad-link", "%s names no executor or holds no tokens.", path)
	}
	return l, nil
}

// findExecutor returns the address of the executor for the desk in a folder, and the
// token that it asks for.
func findExecutor(dir string) (address, token string, err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return "", "", fmt.Errorf("name the folder: %w", err)
	}
	between, err := readLink(dir)
	if err != nil {
		return "", "", err
	}
	config, err := readConfig(dir)
	if err != nil {
		return "", "", err
	}
	if address = config.Executor.Address; address == "" {
		address = "unix:" + filepath.Join(dir, deskdir.ExecutorSocket)
	}
	return address, cmp.Or(between.OnCallToken, between.ExecutorToken), nil
}

// executorStarted is the one answer of executor, given when it is ready.
type executorStarted struct {
	Executor string   `json:"executor"`
	Listen   string   `json:"listen"`
	Desk     string   `json:"desk"`
	Pid      int      `json:"pid"`
	Serving  []string `json:"platforms"`
}

func (c *executorCommand) Run(ctx context.Context, s *cli.Session) (err error) {
	folder, err := filepath.Abs(s.Folder())
	if err != nil {
		return fmt.Errorf("name the folder: %w", err)
	}
	if c.WithParent {
		var stop context.CancelFunc
		ctx, stop = withParent(ctx, s)
		defer stop()
	}
	log := c.logger(s)
	settings, err := readLink(folder)
	if err != nil {
		return err
	}
	held, err := deskdir.AcquireLock(folder, deskdir.ExecutorLock, "executor")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, held.Release()) }()
	config, err := executorConfig(folder, settings, log)
	if err != nil {
		return err
	}
	if c.Desk == "" {
		c.Desk = "unix:" + filepath.Join(filepath.Dir(folder), deskdir.DeskSocket)
	}
	if c.Listen == "" {
		c.Listen = "unix:" + filepath.Join(filepath.Dir(folder), deskdir.ExecutorSocket)
	}
	if config.Journal, err = journal.Open(ctx, filepath.Join(folder, deskdir.Journal)); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, config.Journal.Close()) }()
	desk := link.DialDesk(c.Desk, settings.DeskToken)
	defer desk.Close()
	config.Desk = desk
	e, err := executor.New(ctx, config)
	if err != nil {
		return err
	}
	l, err := link.Listen(c.Listen)
	if err != nil {
		return err
	}
	doc := executorStarted{Executor: settings.Executor, Listen: c.Listen, Desk: c.Desk, Pid: os.Getpid(), Serving: e.Status().Platforms}
	if err := s.Answer(doc, func(p *cli.Page) {
		p.Line("The executor %s listens on %s and follows the desk at %s. Platforms: %s.", doc.Executor, doc.Listen, doc.Desk, strings.Join(doc.Serving, ", "))
	}); err != nil {
		return err
	}
	server := httpd.NewServer(link.Executor(e, settings.ExecutorToken, settings.OnCallToken, func(err error) { log.Error("a call of the desk failed", "error", err) }))
	return together(ctx, e.Run, httpServer(server, l))
}

// executorKey reads the key of the executor in a folder.
func executorKey(folder string) (cli.KeyFile, error) {
	path := filepath.Join(folder, deskdir.ExecutorKey)
	key, err := cli.ReadKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = fault.New(fault.Invalid, "unreadable", "%s is missing. %s", path, secretsBeside).Because(err)
	}
	return key, err
}

// startable refuses to start an executor in a folder that lacks a file: it would end at
// once, each time that it is started.
func startable(folder string) error {
	if _, err := readLink(folder); err != nil {
		return err
	}
	if _, err := executorKey(folder); err != nil {
		return err
	}
	if _, err := readRoot(filepath.Join(folder, deskdir.Trust)); err != nil {
		return err
	}
	_, err := deskdir.ReadPlatforms(filepath.Join(folder, deskdir.Platforms))
	return err
}

// executorConfig reads the folder of an executor.
func executorConfig(folder string, settings linkSettings, log *slog.Logger) (executor.Config, error) {
	c := executor.Config{ID: settings.Executor}
	key, err := executorKey(folder)
	if err != nil {
		return c, err
	}
	c.Key = ed25519.NewKeyFromSeed(key.Seed)
	root, err := readRoot(filepath.Join(folder, deskdir.Trust))
	if err != nil {
		return c, err
	}
	c.Root = root
	platforms, err := deskdir.ReadPlatforms(filepath.Join(folder, deskdir.Platforms))
	if err != nil {
		return c, err
	}
	if c.Alarm, err = lastResort(folder, log); err != nil {
		return c, err
	}
	c.Platforms = map[string]platform.Connector{}
	for _, p := range platforms {
		if c.Platforms[p.Name], err = connector(p); err != nil {
			return c, err
		}
		log.Info("platform", "name", p.Name, "connector", p.Connector, "url", p.URL)
	}
	return c, nil
}

func readRoot(folder string) (canonical.Digest, error) {
	var d canonical.Digest
	path := filepath.Join(folder, cli.TrustRoot)
	b, err := cli.ReadFile(path, 1<<10)
	if err != nil {
		return d, fault.New(fault.Invalid, "not-founded", "%s is missing. `countersign init close` writes it when the desk is founded. Of a desk that is founded, copy the files root and policy from trust/ of the desk's folder, or from its backup, to %s.", path, folder).Because(err)
	}
	if err := d.UnmarshalText([]byte(strings.TrimSpace(string(b)))); err != nil || d.IsZero() {
		return d, fault.New(fault.Invalid, "bad-trust", "%s does not hold the hash of entry 0.", path)
	}
	return d, nil
}

// connector makes the connector of a platform.
func connector(p deskdir.Platform) (platform.Connector, error) {
	if p.Connector == deskdir.ConnectorBluesky {
		return bluesky.New(bluesky.Config{Name: p.Name, URL: p.URL, AdminPassword: p.Token})
	}
	return lazy.New(p.Name, func(ctx context.Context) (platform.Connector, error) {
		return plaza.Connect(ctx, plaza.Config{Name: p.Name, URL: p.URL, Token: p.Token})
	}), nil
}
