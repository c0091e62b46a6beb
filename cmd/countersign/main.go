// Command countersign is the operations desk between the people who work on a
// social platform and its live accounts: server, executor and command line in
// one program. This package holds the configuration and the wiring, and the
// commands that need them: init, serve, executor, demo and replay. The others are in cli.
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
)

// grammar is every command.
type grammar struct {
	cli.Global

	Demo     demoCommand     `cmd:"" help:"Play the evening of 2017 against a desk with 300 workers, and leave it running to try."`
	Init     initCommands    `cmd:"" help:"Found a desk: open a statement, have the officers sign it, close it."`
	Serve    serveCommand    `cmd:"" help:"Run the desk, with its executor beside it and the built-in platform."`
	Executor executorCommand `cmd:"" help:"Run the executor by itself: it holds the platforms' credentials and acts on warrants only."`
	Backup   backupCommand   `cmd:"" help:"Copy the databases of a desk's folder while it runs, and check the copies."`
	Replay   replayCommands  `cmd:"" help:"Try the eleven minutes of 2017 again, against a desk set up for it."`
	Plaza    plazaCommand    `cmd:"" hidden:"" help:"Run the built-in platform by itself."`
	Observe  observeCommand  `cmd:"" hidden:"" help:"Look on while the replay plays, from outside."`

	cli.Commands
}

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var g grammar
	return cli.Run(ctx, program(), &g, &g.Global, os.Args[1:])
}

// program is this process as commands see it.
func program() cli.Program {
	terminal := func(f *os.File) bool { return isatty.IsTerminal(f.Fd()) }
	return cli.Program{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, Now: time.Now, Rand: rand.Reader, Version: version(),
		Interactive:  terminal(os.Stdin) && terminal(os.Stderr),
		DialExecutor: func(address, token string) cli.Executor { return link.DialExecutor(address, token) },
		FindExecutor: findExecutor,
		Color:        terminal(os.Stdout) && terminal(os.Stderr) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb",
	}
}

// version says which build this is: the module's version, or the commit.
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
