// Command countersign is the operations desk between the people who work on a
// social platform and its live accounts: server, executor and command line in
// one program. This package holds the configuration and the wiring, and the
// commands that need them: init, serve, executor and backup. Demo and replay are in rehearsal,
// all others in cli.
//
// It is trusted with the machine that it runs on: the log key, the executor's
// key and the platforms' credentials lie in the folders that it is pointed at.
package main

import (
	"context"
	"crypto/rand"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/mattn/go-isatty"

	"countersign.dev/cli"
	"countersign.dev/link"
	"countersign.dev/rehearsal"
)

// grammar is every command.
type grammar struct {
	cli.Global

	Demo     rehearsal.Demo    `cmd:"" help:"A living desk to look at in a browser, with a tour of six steps; with --story the evening of 2017 in the terminal."`
	Init     initCommands      `cmd:"" help:"Found a desk: open a statement, have the officers sign it, close it."`
	Serve    serveCommand      `cmd:"" help:"Run the desk, with its executor beside it and the built-in platform."`
	Executor executorCommand   `cmd:"" help:"Run the executor by itself: it holds the platforms' credentials and acts on warrants only."`
	Backup   backupCommand     `cmd:"" help:"Copy the databases of a desk's folder while it runs, and check the copies."`
	Replay   rehearsal.Replay  `cmd:"" help:"Try the eleven minutes of 2017 again, against a desk set up for it."`
	Plaza    plazaCommand      `cmd:"" hidden:"" help:"Run the built-in platform by itself."`
	Observe  rehearsal.Observe `cmd:"" hidden:"" help:"Look on while the replay plays, from outside."`

	cli.Commands
}

// newGrammar returns the commands; demo and replay run other commands of it.
func newGrammar() *grammar {
	p := rehearsal.Program{
		Process: program,
		Grammar: func() (any, *cli.Global) { g := newGrammar(); return g, &g.Global },
		Serve:   serveToPlay,
	}
	return &grammar{Demo: rehearsal.NewDemo(p), Replay: rehearsal.NewReplay(p)}
}

// serveToPlay is serve for demo and replay, which report alarms in their own words.
func serveToPlay(ctx context.Context, s *cli.Session, at rehearsal.Addresses, ready func(rehearsal.Desk) error) error {
	serve := serveCommand{Listen: at.Desk, PlazaListen: at.Plaza, logging: logging{Log: "error", told: "alarm"}}
	if at.Visited != nil {
		serve.demo = demoPages{at.Visited}
	}
	return serve.serve(ctx, s, func(v *services) error {
		return ready(rehearsal.Desk{URL: v.deskURL, Browser: v.browser.address, PlazaURL: v.plazaURL, Plaza: v.plaza,
			Size:        func(ctx context.Context) (int64, error) { size, _, err := v.store.Newest(ctx); return size, err },
			ExecutorPid: func() int { return int(v.executor.pid.Load()) }})
	})
}

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	g := newGrammar()
	return cli.Run(ctx, program(), g, &g.Global, os.Args[1:])
}

// program is this process in the form that commands use.
func program() cli.Program {
	terminal := func(f *os.File) bool { return isatty.IsTerminal(f.Fd()) }
	return cli.Program{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, Now: time.Now, Rand: rand.Reader, Version: version(),
		Interactive:  terminal(os.Stdin) && terminal(os.Stderr),
		DialExecutor: func(address, token string) cli.Executor { return link.DialExecutor(address, token) },
		FindExecutor: findExecutor,
		InMemory:     inMemory,
		Color:        terminal(os.Stdout) && terminal(os.Stderr) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb",
	}
}

// version returns the module's version, or the commit.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && (v == "" || v == "(devel)") {
			v = s.Value
		}
	}
	if v == "" || v == "(devel)" {
		return "development"
	}
	return v
}
