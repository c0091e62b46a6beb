package rehearsal

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/go-json-experiment/json"

	"countersign.dev/fault"
)

// child is this program again, as a process of its own that talks in lines of JSON. Its
// input ends when this process dies, in whatever way, and it ends with its input.
type child struct {
	cmd   *exec.Cmd
	input io.WriteCloser
	lines *bufio.Scanner // of its output
	ended chan struct{}
	how   error // once ended
}

// endTime bounds the time for a child to finish its work.
const endTime = 10 * time.Second

// startChild starts this program with other arguments.
func startChild(stderr io.Writer, args ...string) (*child, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	c := &child{cmd: exec.Command(program, args...), ended: make(chan struct{})}
	c.cmd.Stderr = stderr
	// Ctrl-C at the terminal is ours to pass on.
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if c.input, err = c.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start %s: %w", args[0], err)
	}
	// A pipe of our own and not StdoutPipe, whose reader may not outlive Wait.
	output, write, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", args[0], err)
	}
	c.cmd.Stdout = write
	c.lines = bufio.NewScanner(output)
	c.lines.Buffer(nil, 1<<20)
	err = c.cmd.Start()
	if err = errors.Join(err, write.Close()); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", args[0], err), output.Close())
	}
	go func() {
		c.how = c.cmd.Wait()
		close(c.ended)
	}()
	return c, nil
}

// say writes a line to the child.
func (c *child) say(doc any) error {
	b, err := json.Marshal(doc)
	if err != nil {
		return fmt.Errorf("talk to %s: %w", c.cmd.Args[1], err)
	}
	if _, err := c.input.Write(append(b, '\n')); err != nil {
		return fault.New(fault.Unavailable, "child-gone", "%s has ended.", c.cmd.Args[1]).Because(err)
	}
	return nil
}

// end ends the child and waits until it is gone.
func (c *child) end() error {
	_ = c.input.Close() // it may be gone already
	select {
	case <-c.ended:
	case <-time.After(2 * endTime):
		// It did not end by itself; no process may be left running.
		_ = c.cmd.Process.Kill()
		<-c.ended
		return fault.New(fault.Internal, "internal", "%s did not end and was killed", c.cmd.Args[1])
	}
	return nil
}
