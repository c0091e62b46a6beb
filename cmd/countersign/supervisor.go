package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
	"time"
)

// supervisor runs the executor beside the desk as a process of its own: this program
// again. It restarts the executor when it dies, and ends it, by its pid, at shutdown.
type supervisor struct {
	folder, desk, listen string
	level                string
	stderr               io.Writer
	log                  *slog.Logger

	pid atomic.Int64 // of the running one; 0 if none runs
}

const (
	firstPause   = 50 * time.Millisecond
	longestPause = 5 * time.Second
	steady       = 10 * time.Second // an executor that lived so long did not fail at the start
	endTime      = 10 * time.Second // to finish the acts under way
)

func (v *supervisor) run(ctx context.Context) error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	for pause := firstPause; ; {
		began := time.Now()
		err := v.once(ctx, program)
		if ctx.Err() != nil {
			return nil
		}
		if time.Since(began) > steady {
			pause = firstPause
		}
		v.log.Error("the executor ended; it is started again", "error", err, "in", pause)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
		pause = min(2*pause, longestPause)
	}
}

// once runs one executor to its end.
func (v *supervisor) once(ctx context.Context, program string) error {
	cmd := exec.Command(program, "executor", "--with-parent", "--json", "--dir", v.folder, "--desk", v.desk, "--listen", v.listen, "--log", v.level)
	cmd.Stderr = v.stderr
	// Ctrl-C at the terminal must not reach the executor directly: we end it once the desk
	// is closed.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// The pipe closes when this process dies, in whatever way, and that ends the executor.
	alive, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("start the executor: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the executor: %w", err)
	}
	v.pid.Store(int64(cmd.Process.Pid))
	defer v.pid.Store(0)
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	err = errors.Join(alive.Close(), cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-ended:
		return err
	case <-time.After(endTime):
		// The journal is durable at every step, so that a kill loses nothing.
		err = errors.Join(err, cmd.Process.Kill())
		<-ended
		return err
	}
}
