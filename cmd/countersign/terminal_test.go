package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// pseudoTerminal returns the two ends of a new pseudo-terminal: what a person
// sees and types at, and what a program has as its terminal.
func pseudoTerminal() (person, program *os.File, err error) {
	person, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, err
	}
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		return nil, nil, errors.Join(err, person.Close())
	}
	n, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		return nil, nil, errors.Join(err, person.Close())
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, errors.Join(err, person.Close())
	}
	return person, program, nil
}

// cmdTyped runs a program with a terminal as its standard input and standard error.
func cmdTyped(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: typed N LINE PROGRAM ARGS…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	line := args[1] + "\n"
	if args[1] == "@eof" {
		line = "\x04" // what Ctrl-D sends
	}
	person, program, err := pseudoTerminal()
	ts.Check(err)
	defer person.Close()
	// The terminal keeps what is typed until the program reads it.
	_, err = person.WriteString(line)
	ts.Check(err)
	cmd := exec.Command(programPath(ts), args[3:]...)
	cmd.Dir, cmd.Env = ts.MkAbs("."), environment(ts)
	var out, shown bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = program, &out, program
	ts.Check(cmd.Start())
	ts.Check(program.Close())
	// Linux says EIO once no program has the terminal any more.
	if _, err := shown.ReadFrom(person); err != nil && !errors.Is(err, syscall.EIO) {
		ts.Fatalf("read the terminal: %v", err)
	}
	got := 0
	var failed *exec.ExitError
	if err := cmd.Wait(); errors.As(err, &failed) {
		got = failed.ExitCode()
	} else {
		ts.Check(err)
	}
	ts.Check(os.WriteFile(ts.MkAbs("terminal"), shown.Bytes(), 0o600))
	if got != want {
		ts.Fatalf("exit code %d, not %d\n%s%s", got, want, out.String(), shown.String())
	}
}
