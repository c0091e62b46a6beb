package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/cli"
	"countersign.dev/desk"
	"countersign.dev/desk/alarms"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/inbox"
	"countersign.dev/desk/kernel"
	"countersign.dev/deskdir"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/platform"
	"countersign.dev/store"
)

// openDesk is an opened desk with its database and keys.
type openDesk struct {
	config Config
	key    *ledger.Key
	store  *store.Store
	desk   *desk.Desk
}

// deskOptions are the differences between opening a desk to found it and opening it to
// serve.
type deskOptions struct {
	executorStart time.Duration // see desk.Config
	executor      kernel.Executor
	root          canonical.Digest
	logger        *slog.Logger
}

// openDeskToFound opens the desk in a folder without an executor, to found it.
func openDeskToFound(ctx context.Context, s *cli.Session, dir string) (*openDesk, error) {
	config, err := readConfig(dir)
	if err != nil {
		return nil, err
	}
	return openDeskWith(ctx, config, dir, deskOptions{executor: nobody{}})
}

func openDeskWith(ctx context.Context, config Config, dir string, o deskOptions) (*openDesk, error) {
	raw, err := cli.ReadFile(filepath.Join(dir, deskdir.LogKey), 1<<16)
	if err != nil {
		return nil, fault.New(fault.Invalid, "no-desk", "%s holds no desk: %s is missing. `countersign init` founds one. Beside a backup, put back log.key, link.json and the executor's files from where you keep the secrets.", dir, deskdir.LogKey).Because(err)
	}
	key, err := ledger.ParseKey(raw)
	if err != nil {
		return nil, err
	}
	url := config.Database
	if url == "" {
		path, err := filepath.Abs(filepath.Join(dir, deskdir.DeskDatabase))
		if err != nil {
			return nil, fmt.Errorf("name the database: %w", err)
		}
		url = "sqlite:" + path
	}
	destinations, err := config.destinations()
	if err != nil {
		return nil, err
	}
	log := &ledger.Log{Origin: key.Name(), Signer: key, Rand: rand.Reader}
	st, err := store.Open(ctx, url, log, key.Verifier(), store.Options{Root: o.root})
	if err != nil {
		return nil, err
	}
	own, err := key.Derive("own-accounts") // the same at every node of the desk
	if err != nil {
		return nil, errors.Join(err, st.Close())
	}
	cookies, err := key.Derive("browser-cookies")
	if err != nil {
		return nil, errors.Join(err, st.Close())
	}
	channels, err := key.Derive("channels")
	if err != nil {
		return nil, errors.Join(err, st.Close())
	}
	d, err := desk.Open(ctx, desk.Config{BrowserSecret: cookies, Store: st, Log: log, Executor: o.executor, Root: o.root, Now: time.Now, Rand: rand.Reader, Logger: o.logger,
		Alarms: alarms.Config{Destinations: destinations, HealthEvery: 15 * time.Second, ExecutorStart: o.executorStart}, Holders: config.Holders, ExposureEvery: 24 * time.Hour,
		Casework: casework.Config{OwnSecret: own}, Inbox: inbox.Config{Secret: channels, AllowPrivate: config.Channels.DangerousPrivate.private()}})
	if err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return &openDesk{config: config, key: key, store: st, desk: d}, nil
}

func (h *openDesk) close() error { return h.store.Close() }

// nobody is the executor of a desk that is being founded: there is none.
type nobody struct{}

func (nobody) away() error {
	return fault.New(fault.Unavailable, "no-executor", "The desk is being founded; no executor runs yet.")
}

func (n nobody) Read(context.Context, platform.Subject) (linkv1.Reading, error) {
	return linkv1.Reading{}, n.away()
}

func (n nobody) Vouch(context.Context, platform.Subject) (linkv1.Reading, error) {
	return linkv1.Reading{}, n.away()
}

func (n nobody) Evidence(context.Context, platform.Subject) (platform.Evidence, error) {
	return platform.Evidence{}, n.away()
}

func (n nobody) Picture(context.Context, platform.Subject, string) (io.ReadCloser, error) {
	return nil, n.away()
}

func (n nobody) Preserve(context.Context, platform.Subject, canonical.Time) error { return n.away() }

func (n nobody) Carry(context.Context, []byte, time.Duration) (linkv1.CarryResult, error) {
	return linkv1.CarryResult{}, n.away()
}

func (n nobody) Status(context.Context) (linkv1.ExecutorStatus, error) {
	return linkv1.ExecutorStatus{}, n.away()
}
