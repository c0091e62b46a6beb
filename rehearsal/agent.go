package rehearsal

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"countersign.dev/actions"
)

// sshAgent is the ssh-agent of one person, in the memory of this process: a play needs
// nothing but Go, and a machine may have neither an ssh-agent nor a folder in memory.
type sshAgent struct {
	keys   agent.Agent
	dir    string // of its socket, and the person's runtime folder
	listen net.Listener
}

func startAgent() (*sshAgent, error) {
	dir, err := os.MkdirTemp("", "countersign-agent-") // in DIR the socket's path could be too long
	if err != nil {
		return nil, fmt.Errorf("make a folder for the ssh-agent: %w", err)
	}
	a := &sshAgent{keys: agent.NewKeyring(), dir: dir}
	if a.listen, err = net.Listen("unix", a.socket()); err != nil {
		return nil, errors.Join(fmt.Errorf("start an ssh-agent: %w", err), os.RemoveAll(dir))
	}
	go a.serve()
	return a, nil
}

func (a *sshAgent) socket() string { return filepath.Join(a.dir, "agent") }

// serve answers until the agent is closed.
func (a *sshAgent) serve() {
	for {
		c, err := a.listen.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			_ = agent.ServeAgent(a.keys, c) // it ends with the connection
		}()
	}
}

func (a *sshAgent) close() error { return errors.Join(a.listen.Close(), os.RemoveAll(a.dir)) }

// environment is what a person with this agent has in the environment.
func (a *sshAgent) environment() map[string]string {
	return map[string]string{"SSH_AUTH_SOCK": a.socket(), "XDG_RUNTIME_DIR": a.dir}
}

// sign signs a challenge with the key of a session, as everybody can who reaches the agent.
func (a *sshAgent) sign(k actions.SessionKey, challenge [32]byte) (actions.Signature, error) {
	key, err := ssh.NewPublicKey(ed25519.PublicKey(k.Public))
	if err != nil {
		return actions.Signature{}, fmt.Errorf("name the session's key: %w", err)
	}
	signed, err := a.keys.Sign(key, challenge[:])
	if err != nil {
		return actions.Signature{}, fmt.Errorf("sign with the session's key: %w", err)
	}
	return actions.Signature{Signature: signed.Blob}, nil
}
