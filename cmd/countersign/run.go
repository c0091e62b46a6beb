package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"countersign.dev/cli"
)

// logging holds the flags of commands that run until they are stopped.
type logging struct {
	Log string `enum:"error,warn,info,debug" default:"warn" help:"How much to say on the standard error while running: error, warn, info or debug."`

	// told is a message that is reported elsewhere, and that the log leaves out.
	told string
}

func (l logging) logger(s *cli.Session) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(l.Log)); err != nil {
		level = slog.LevelWarn // kong knows only levels that exist
	}
	text := slog.NewTextHandler(s.Stderr, &slog.HandlerOptions{Level: level})
	if l.told != "" {
		return slog.New(without{text, l.told})
	}
	return slog.New(text)
}

// without is a log handler that leaves out one message.
type without struct {
	slog.Handler
	message string
}

func (w without) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == w.message {
		return nil
	}
	return w.Handler.Handle(ctx, r)
}

// together runs parts of a program until ctx ends or one of them fails, and then ends all
// of them. The end of ctx is no error.
func together(ctx context.Context, parts ...func(context.Context) error) error {
	own, stop := context.WithCancel(ctx)
	defer stop()
	var mu sync.Mutex
	var all error
	var running sync.WaitGroup
	for _, part := range parts {
		running.Go(func() {
			defer stop()
			err := part(own)
			if err == nil || own.Err() != nil && errors.Is(err, context.Canceled) {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			all = errors.Join(all, err)
		})
	}
	running.Wait()
	return all
}

// lastWords bounds the time for requests under way after the end has come.
const lastWords = 5 * time.Second

// httpServer serves on a listener until its context ends.
func httpServer(server *http.Server, l net.Listener) func(context.Context) error {
	return func(ctx context.Context) error {
		ended := make(chan error, 1)
		go func() { ended <- server.Serve(l) }()
		select {
		case err := <-ended:
			return err
		case <-ctx.Done():
		}
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
		defer cancel()
		err := server.Shutdown(last)
		if err != nil {
			// Clients that still wait will ask again; nothing is lost by hanging up.
			err = server.Close()
		}
		<-ended // http.ErrServerClosed
		return err
	}
}

// withParent returns a context that ends when the standard input does, since then the
// process that started this one is gone.
func withParent(ctx context.Context, s *cli.Session) (context.Context, context.CancelFunc) {
	ctx, stop := context.WithCancel(ctx)
	go func() {
		_, _ = io.Copy(io.Discard, s.Stdin) // whatever ends it, the parent is gone
		stop()
	}()
	return ctx, stop
}
