package cli

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/platform"
	"countersign.dev/wording"
)

const deskLog = "desk.example.com/ledger#sha256:0000000000000000000000000000000000000000000000000000000000000007"

// runAgent serves an ssh-agent at a socket in a folder, and returns its keys.
func runAgent(t *testing.T, dir string) (keys agent.Agent, socket string) {
	t.Helper()
	keys, socket = agent.NewKeyring(), filepath.Join(dir, "a.sock")
	serveAgent(t, socket, keys)
	return keys, socket
}

func serveAgent(t *testing.T, socket string, keys agent.Agent) {
	t.Helper()
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_ = agent.ServeAgent(keys, c) // it ends with the connection
			}()
		}
	}()
}

// machine is a person's machine: its environment, its clock, and its folder for settings.
type machine struct {
	*Session
	env  map[string]string
	now  time.Time
	said *bytes.Buffer
	key  KeyFile
	home string
}

// newMachine has a key file of ada and a runtime folder in memory, and no agent.
func newMachine(t *testing.T) *machine {
	t.Helper()
	m := &machine{env: map[string]string{}, now: noon, said: &bytes.Buffer{}, home: t.TempDir()}
	m.env["COUNTERSIGN_DIR"], m.env["XDG_RUNTIME_DIR"], m.env["HOME"] = m.home, t.TempDir(), t.TempDir()
	m.Session = &Session{Global: &Global{}, stdout: &bytes.Buffer{}, Program: Program{Stdin: strings.NewReader(""), Stderr: m.said, Rand: rand.NewChaCha8([32]byte{3}),
		Now: func() time.Time { return m.now }, Getenv: func(k string) string { return m.env[k] },
		InMemory: func(dir string) (bool, error) {
			return dir == filepath.Join(m.env["XDG_RUNTIME_DIR"], "countersign"), nil
		}}}
	var err error
	if m.key, err = MakeKey(rand.NewChaCha8([32]byte{2}), "ada", false); err != nil {
		t.Fatal(err)
	}
	if err := WriteKey(m.keyPath(), m.key); err != nil {
		t.Fatal(err)
	}
	if err := WriteSecret(filepath.Join(m.home, settingsFile), settings{URL: "http://desk.example.com", Key: "ada.key", Worker: "ada", Log: deskLog, Origin: "desk.example.com/ledger"}); err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *machine) keyPath() string { return filepath.Join(m.home, "ada.key") }

// started keeps a new session at the desk of a log, as session start does once the desk has
// taken it.
func (m *machine) started(t *testing.T, log string) *keptSession {
	t.Helper()
	me := identity{key: m.key, worker: "ada"}
	c, seed, err := m.newSession(statusOf(log), me, 8*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	k, err := m.hold(t.Context(), c, seed)
	if err != nil {
		t.Fatal(err)
	}
	k.Signed.Signature = m.key.Sign(c.Challenge())
	if err := m.write(k); err != nil {
		t.Fatal(err)
	}
	return k
}

func files(t *testing.T, dirs ...string) (all []string) {
	t.Helper()
	for _, dir := range dirs {
		if err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
			if err == nil && !e.IsDir() && strings.HasPrefix(e.Name(), "session-") {
				all = append(all, path)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// TestWhereTheKeyIsKept: with an agent the key is there, with the session's lifetime, and
// no file has it; without one it is in one file in memory.
func TestWhereTheKeyIsKept(t *testing.T) {
	for _, inAgent := range []bool{true, false} {
		m := newMachine(t)
		var keys agent.Agent
		if inAgent {
			keys, m.env["SSH_AUTH_SOCK"] = runAgent(t, t.TempDir())
		}
		must(t, os.Mkdir(filepath.Join(m.env["XDG_RUNTIME_DIR"], "countersign"), 0o755)) // by somebody who did not care
		started := m.started(t, deskLog)
		k, err := m.keptAt(deskLog, "ada")
		if err != nil || k == nil || k.digest() != started.digest() || k.inAgent() != inAgent {
			t.Fatalf("in an agent %v: kept %+v, %v", inAgent, k, err)
		}
		all := files(t, m.env["XDG_RUNTIME_DIR"], m.env["HOME"], m.home)
		if len(all) != 1 || all[0] != k.path || filepath.Dir(k.path) != filepath.Join(m.env["XDG_RUNTIME_DIR"], "countersign") {
			t.Errorf("in an agent %v: the files %v", inAgent, all)
		}
		for path, want := range map[string]os.FileMode{k.path: 0o600, filepath.Dir(k.path): 0o700} {
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
				t.Errorf("%s: %v, %v", path, info.Mode(), err)
			}
		}
		challenge := [32]byte{1, 2, 3}
		signature, err := m.signSession(t.Context(), k, challenge)
		if err != nil || !ed25519.Verify(k.public(), challenge[:], signature.Signature) || len(signature.AuthenticatorData)+len(signature.ClientData) != 0 {
			t.Errorf("in an agent %v: the signature %+v, %v", inAgent, signature, err)
		}
		b, err := os.ReadFile(k.path)
		if err != nil || bytes.Contains(b, []byte(`"seed"`)) == inAgent {
			t.Errorf("in an agent %v: the file is %s, %v", inAgent, b, err)
		}
		if inAgent {
			list, err := keys.List()
			if err != nil || len(list) != 1 || list[0].Comment != "countersign: session "+k.digest().String()+" of ada at "+deskLog {
				t.Errorf("the agent holds %v, %v", list, err)
			}
		}
		if err := m.forget(t.Context(), k); err != nil {
			t.Fatal(err)
		}
		if k, err := m.keptAt(deskLog, "ada"); k != nil || err != nil {
			t.Errorf("forgotten, and there is %+v, %v", k, err)
		}
		if inAgent {
			if list, _ := keys.List(); len(list) != 0 {
				t.Errorf("forgotten, and the agent holds %v", list)
			}
		}
	}
}

// lifetimes is an agent that notes for how long it was to hold keys, or refuses them.
type lifetimes struct {
	agent.Agent
	asked   []uint32
	refuses error
}

func (a *lifetimes) Add(k agent.AddedKey) error {
	a.asked = append(a.asked, k.LifetimeSecs)
	if a.refuses != nil {
		return a.refuses
	}
	return a.Agent.Add(k)
}

func TestAgentDropsTheKeyAtTheEnd(t *testing.T) {
	m := newMachine(t)
	socket := filepath.Join(t.TempDir(), "a.sock")
	a := &lifetimes{Agent: agent.NewKeyring()}
	serveAgent(t, socket, a)
	m.env["SSH_AUTH_SOCK"] = socket
	if k := m.started(t, deskLog); !k.inAgent() {
		t.Fatalf("kept %+v", k)
	}
	if !slices.Equal(a.asked, []uint32{8 * 3600}) { // the answer came, so nobody writes it any more
		t.Errorf("the agent was asked to hold the key for %v seconds", a.asked)
	}
	// An agent that refuses, as one that is locked does, is passed over.
	a.refuses = os.ErrPermission
	if k := m.started(t, strings.Replace(deskLog, "desk", "other", 1)); k.inAgent() {
		t.Errorf("kept in an agent that refused: %+v", k)
	}
}

func TestNoPlaceForTheKey(t *testing.T) {
	for name, change := range map[string]func(*machine){
		"no runtime folder":              func(m *machine) { m.env["XDG_RUNTIME_DIR"] = "" },
		"a relative runtime folder":      func(m *machine) { m.env["XDG_RUNTIME_DIR"] = "run" },
		"a runtime folder on a disk":     func(m *machine) { m.InMemory = func(string) (bool, error) { return false, nil } },
		"a system without such folders":  func(m *machine) { m.InMemory = nil },
		"an agent that does not answer":  func(m *machine) { m.env["XDG_RUNTIME_DIR"], m.env["SSH_AUTH_SOCK"] = "", filepath.Join(m.home, "none") },
		"a file in the folder's place":   func(m *machine) { _ = os.WriteFile(filepath.Join(m.env["XDG_RUNTIME_DIR"], "countersign"), nil, 0o600) },
		"a link to a folder on the disk": func(m *machine) { _ = os.Symlink(m.home, filepath.Join(m.env["XDG_RUNTIME_DIR"], "countersign")) },
	} {
		m := newMachine(t)
		change(m)
		c, seed, err := m.newSession(statusOf(deskLog), identity{key: m.key, worker: "ada"}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if k, err := m.hold(t.Context(), c, seed); err == nil {
			t.Errorf("%s: kept at %s", name, k.path)
		} else if f := fault.As(err); f != nil && f.Type == "no-place-for-key" && !strings.Contains(f.Text, "ssh-agent") {
			t.Errorf("%s: says not what to do: %v", name, err)
		}
		if all := files(t, m.home); len(all) > 0 {
			t.Errorf("%s: wrote %v", name, all)
		}
	}
}

// statusOf is what a desk of the formats 2 says of itself.
func statusOf(log string) v1.Status {
	return v1.Status{Log: log, Formats: 2, Ledger: v1.LedgerStatus{GovernanceHead: canonical.Sum([]byte("entry 7"))}}
}

// TestKeptSessionsAreChecked: what lies in the file is used for this desk and worker only.
func TestKeptSessionsAreChecked(t *testing.T) {
	other := strings.Replace(deskLog, "7", "8", 1)
	m := newMachine(t)
	k := m.started(t, deskLog)
	if k, err := m.keptAt(other, "ada"); k != nil || err != nil {
		t.Errorf("at a desk of another founding: %+v, %v", k, err)
	}
	if k, err := m.keptAt(deskLog, "bob"); k != nil || err != nil {
		t.Errorf("for another worker: %+v, %v", k, err)
	}
	good, err := os.ReadFile(k.path)
	if err != nil {
		t.Fatal(err)
	}
	write := func(path string, b []byte, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(path, b, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(filepath.Dir(k.path), sessionFile(other, "ada")), good, 0o600)
	if k, err := m.keptAt(other, "ada"); !fault.Is(err, "bad-session-file") {
		t.Errorf("the session of one desk in the file of another: %+v, %v", k, err)
	}
	write(filepath.Join(filepath.Dir(k.path), sessionFile(deskLog, "bob")), good, 0o600)
	if k, err := m.keptAt(deskLog, "bob"); !fault.Is(err, "bad-session-file") {
		t.Errorf("the session of one worker in the file of another: %+v, %v", k, err)
	}
	for name, change := range map[string]func(map[string]any){
		"version": func(d map[string]any) { d["v"] = "countersign/kept-session/v0" },
		"seed":    func(d map[string]any) { d["seed"] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" },
		"member":  func(d map[string]any) { d["more"] = true },
	} {
		var doc map[string]any
		if err := json.Unmarshal(good, &doc); err != nil {
			t.Fatal(err)
		}
		change(doc)
		b, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		write(k.path, b, 0o600)
		if k, err := m.keptAt(deskLog, "ada"); !fault.Is(err, "bad-session-file") || strings.Contains(err.Error(), "AAAA") {
			t.Errorf("another %s: %+v, %v", name, k, err)
		}
	}
	write(k.path, good, 0o640)
	if k, err := m.keptAt(deskLog, "ada"); !fault.Is(err, "session-exposed") {
		t.Errorf("a file that others may read: %+v, %v", k, err)
	}
	// A seed is believed in the runtime folder only.
	if err := os.Remove(k.path); err != nil {
		t.Fatal(err)
	}
	_, state := m.sessionFolders()
	if err := ownFolder(state); err != nil {
		t.Fatal(err)
	}
	write(filepath.Join(state, sessionFile(deskLog, "ada")), good, 0o600)
	if k, err := m.keptAt(deskLog, "ada"); !fault.Is(err, "bad-session-file") {
		t.Errorf("a secret on a disk: %+v, %v", k, err)
	}
}

// TestSigner: the session that is kept signs while it lives and is of the person's key, also
// where that key is not at hand.
func TestSigner(t *testing.T) {
	type want struct {
		session bool
		away    bool
		err     string
	}
	for name, c := range map[string]struct {
		change func(t *testing.T, m *machine, k *keptSession)
		want   want
	}{
		"live":            {nil, want{session: true}},
		"key in a drawer": {func(t *testing.T, m *machine, _ *keptSession) { must(t, os.Remove(m.keyPath())) }, want{session: true}},
		"almost over":     {func(_ *testing.T, m *machine, k *keptSession) { m.now = k.session().Expires.Add(-30 * time.Second) }, want{}},
		"over, no key": {func(t *testing.T, m *machine, k *keptSession) {
			m.now = k.session().Expires.Time
			must(t, os.Remove(m.keyPath()))
		}, want{err: "unreadable"}},
		"another key":       {func(t *testing.T, m *machine, _ *keptSession) { otherKey(t, m) }, want{}},
		"a key of somebody": {func(t *testing.T, m *machine, _ *keptSession) { must(t, os.Chmod(m.keyPath(), 0o644)) }, want{err: "key-exposed"}},
		"exposed":           {func(t *testing.T, _ *machine, k *keptSession) { must(t, os.Chmod(k.path, 0o644)) }, want{away: true}},
	} {
		m := newMachine(t)
		k := m.started(t, deskLog)
		if c.change != nil {
			c.change(t, m, k)
		}
		me, err := m.signer(t.Context(), deskLog)
		if got := (want{me.session != nil, me.away, ""}); err == nil && got != c.want || err != nil && !fault.Is(err, c.want.err) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if me, err := m.signer(t.Context(), strings.Replace(deskLog, "7", "8", 1)); err == nil && me.session != nil {
			t.Errorf("%s: the session of one desk signs at another", name)
		}
	}
	// The agent has lost it: the own key signs, and no session is offered.
	m := newMachine(t)
	keys, socket := runAgent(t, t.TempDir())
	m.env["SSH_AUTH_SOCK"] = socket
	m.started(t, deskLog)
	must(t, keys.RemoveAll())
	if me, err := m.signer(t.Context(), deskLog); err != nil || me.session != nil || !me.away || !strings.Contains(m.said.String(), "ssh-agent") {
		t.Errorf("a key that is gone: %+v, %v, %s", me, err, m.said)
	}
	// One that is over leaves nothing.
	m = newMachine(t)
	k := m.started(t, deskLog)
	m.now = k.session().Expires.Time
	if _, err := m.signer(t.Context(), deskLog); err != nil || len(files(t, m.env["XDG_RUNTIME_DIR"])) != 0 {
		t.Errorf("over, and there are %v, %v", files(t, m.env["XDG_RUNTIME_DIR"]), err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// otherKey puts another key of the same worker in the place of the one that started the
// session.
func otherKey(t *testing.T, m *machine) {
	t.Helper()
	k, err := MakeKey(rand.NewChaCha8([32]byte{9}), "ada", false)
	must(t, err)
	must(t, os.Remove(m.keyPath()))
	must(t, WriteKey(m.keyPath(), k))
}

// TestWhatASessionSigns: what takes the person's own key is drafted for it.
func TestWhatASessionSigns(t *testing.T) {
	m := newMachine(t)
	k := m.started(t, deskLog)
	me, err := m.signer(t.Context(), deskLog)
	must(t, err)
	now := canonical.At(m.now)
	void := func(scope, of string) actions.Change {
		return actions.Keys{Void: &actions.Void{Scope: scope, Of: of, Before: canonical.At(now.Add(time.Second))}}
	}
	older := actions.Keys{Void: &actions.Void{Scope: actions.ScopeWorker, Of: "ada", Before: k.session().NotBefore}}
	for _, c := range []struct {
		name   string
		kind   actions.Kind
		change actions.Change
		tier   actions.Tier
		begins time.Duration // of the draft, from the session's begin
		want   bool
	}{
		{"standard", actions.AccountTakedown, nil, actions.Standard, time.Second, true},
		{"its lift", actions.AccountRestore, nil, actions.Standard, time.Second, true},
		{"protected", actions.AccountTakedown, nil, actions.Protected, time.Second, false},
		{"critical", actions.ContentRemove, nil, actions.Critical, time.Second, false},
		{"a desk whose clock is behind", actions.AccountTakedown, nil, actions.Standard, -time.Second, false},
		{"for good", actions.AccountDelete, nil, actions.Standard, time.Second, false},
		{"emergency", actions.AccountContain, nil, actions.Standard, time.Second, false},
		{"freeze", actions.DeskFreeze, actions.Freeze{Op: "freeze", Scope: actions.ScopeAll}, actions.Critical, time.Second, false},
		{"revoke", actions.DeskKey, actions.Keys{Revoke: nil}, actions.Critical, time.Second, false},
		{"own sessions", actions.DeskKey, void(actions.ScopeWorker, "ada"), actions.Critical, time.Second, true},
		{"own sessions, but not this one", actions.DeskKey, older, actions.Critical, time.Second, false},
		{"own key's sessions", actions.DeskKey, void(actions.ScopeKey, string(m.key.Key)), actions.Critical, time.Second, true},
		{"another's sessions", actions.DeskKey, void(actions.ScopeWorker, "bob"), actions.Critical, time.Second, false},
		{"another key's sessions", actions.DeskKey, void(actions.ScopeKey, "key_x"), actions.Critical, time.Second, false},
		{"a vendor's sessions", actions.DeskKey, void(actions.ScopeVendor, "ada"), actions.Critical, time.Second, false},
		{"all sessions", actions.DeskKey, void(actions.ScopeAll, ""), actions.Critical, time.Second, false},
	} {
		var asked []canonical.Digest
		d, who, err := m.drafted(me, c.kind, c.change, func(under canonical.Digest) (v1.Draft, error) {
			asked = append(asked, under)
			return v1.Draft{Action: actions.Action{V: actions.ActionV2, Kind: c.kind, Tier: c.tier},
				Statement: actions.Statement{V: actions.StatementV2, Session: under, NotBefore: canonical.At(k.session().NotBefore.Add(c.begins))}}, nil
		})
		last := asked[len(asked)-1]
		if err != nil || (who.session != nil) != c.want || last != who.session.digest() || d.Statement.Session != last {
			t.Errorf("%s: signed under the session %v, drafted under %v, %v", c.name, who.session != nil, asked, err)
		}
		if signature, err := who.sign(t.Context(), m.Session, [32]byte{1}); err != nil || ed25519.Verify(k.public(), make([]byte, 32), signature.Signature) {
			t.Errorf("%s: %v", c.name, err)
		} else if own := string(signature.Signature) == string(m.key.Sign([32]byte{1}).Signature); own == c.want {
			t.Errorf("%s: signed with the own key %v", c.name, own)
		}
	}
	if strings.Contains(m.said.String(), "session start") {
		t.Errorf("a session was offered to who has one: %s", m.said)
	}
	// Without the own key nothing else is even drafted.
	me.missing = fault.New(fault.Invalid, "no-key", "No key.")
	if _, _, err := m.drafted(me, actions.DeskFreeze, actions.Freeze{}, func(canonical.Digest) (v1.Draft, error) {
		t.Error("drafted without a key")
		return v1.Draft{}, nil
	}); !fault.Is(err, "no-key") {
		t.Errorf("%v", err)
	}
}

// TestSessionIsOffered in one line, and only where one would have done.
func TestSessionIsOffered(t *testing.T) {
	for _, c := range []struct {
		name string
		kind actions.Kind
		tier actions.Tier
		v    string
		away bool
		want int
	}{
		{"standard", actions.AccountTakedown, actions.Standard, actions.ActionV2, false, 1},
		{"protected", actions.AccountTakedown, actions.Protected, actions.ActionV2, false, 0},
		{"emergency", actions.AccountContain, actions.Standard, actions.ActionV2, false, 0},
		{"the formats 1", actions.AccountTakedown, actions.Standard, actions.ActionV1, false, 0},
		{"one is kept elsewhere", actions.AccountTakedown, actions.Standard, actions.ActionV2, true, 0},
	} {
		m := newMachine(t)
		me, err := m.signer(t.Context(), deskLog)
		must(t, err)
		me.away = c.away
		for range 2 {
			if _, _, err := m.drafted(me, c.kind, nil, func(canonical.Digest) (v1.Draft, error) {
				return v1.Draft{Action: actions.Action{V: c.v, Kind: c.kind, Tier: c.tier}}, nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		if got := strings.Count(m.said.String(), "countersign session start"); got != c.want {
			t.Errorf("%s: offered %d times, want %d", c.name, got, c.want)
		}
	}
}

// TestDishonestSession: a draft is under the session that was asked for, and for its desk.
func TestDishonestSession(t *testing.T) {
	m := newMachine(t)
	m.started(t, deskLog)
	me, err := m.signer(t.Context(), deskLog)
	must(t, err)
	own, err := me.own()
	must(t, err)
	w, d := honest(t, own)
	d.Action.V, d.Action.Case, w.Case = actions.ActionV2, "", ""
	origin, founding, err := actions.SplitLog(deskLog)
	must(t, err)
	draft := func(change func(*actions.Statement)) v1.Draft {
		out := d
		out.Statement = statementFor(own, d.Action, actions.VerdictRequest)
		st := &out.Statement
		st.V, st.Log, st.Founding, st.Session = actions.StatementV2, origin, founding, me.session.digest()
		change(st)
		return out
	}
	if err := checkDraft(draft(func(*actions.Statement) {}), w, me, noon); err != nil {
		t.Fatalf("the honest draft: %v", err)
	}
	loose := me
	loose.log, loose.origin = "", "" // not pinned: the session says which desk it is for
	for name, c := range map[string]struct {
		me     identity
		change func(*actions.Statement)
	}{
		"no session":            {me, func(s *actions.Statement) { s.Session = canonical.Digest{} }},
		"another session":       {me, func(s *actions.Statement) { s.Session = canonical.Sum([]byte("x")) }},
		"a session, unasked":    {own, func(*actions.Statement) {}},
		"a desk of another log": {loose, func(s *actions.Statement) { s.Log = "evil.example.com/ledger" }},
		"another founding":      {loose, func(s *actions.Statement) { s.Founding = canonical.Sum([]byte("x")) }},
	} {
		if err := checkDraft(draft(c.change), w, c.me, noon); !fault.Is(err, "wrong-draft") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLapsed: a session that the desk does not take any more is forgotten, and no other.
func TestLapsed(t *testing.T) {
	for typ, gone := range map[string]bool{"session-void": true, "session-replaced": true, "no-session": true, "own-key-needed": false, "unreachable": false} {
		m := newMachine(t)
		m.started(t, deskLog)
		me, err := m.signer(t.Context(), deskLog)
		must(t, err)
		m.lapsed(t.Context(), fault.New(fault.Forbidden, typ, "No."))
		if len(files(t, m.env["XDG_RUNTIME_DIR"])) != 1 {
			t.Errorf("%s: forgotten before it signed", typ)
		}
		_, err = me.sign(t.Context(), m.Session, [32]byte{})
		must(t, err)
		m.lapsed(t.Context(), fault.New(fault.Forbidden, typ, "No."))
		if (len(files(t, m.env["XDG_RUNTIME_DIR"])) == 0) != gone {
			t.Errorf("%s: forgotten %v", typ, !gone)
		}
	}
}

func TestNewSessionIsRefused(t *testing.T) {
	m := newMachine(t)
	me := identity{key: m.key, worker: "ada", log: deskLog}
	for want, status := range map[string]v1.Status{
		"foreign-desk": {Log: strings.Replace(deskLog, "7", "8", 1), Formats: 2},
		"no-sessions":  {Log: deskLog, Formats: 1},
	} {
		if _, _, err := m.newSession(status, me, time.Hour); !fault.Is(err, want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	me.log = ""
	if _, _, err := m.newSession(statusOf("desk.example.com/ledger"), me, time.Hour); !fault.Is(err, "foreign-desk") {
		t.Errorf("a desk without an entry 0: %v", err)
	}
	for life, says := range map[string]string{"11h": "at most 10h", "0s": "lasts for some time", "-1h": "lasts for some time"} {
		if r := command(t, t.TempDir(), "session", "start", "--for="+life); r.code != Wrong || !strings.Contains(r.stderr, says) {
			t.Errorf("--for %s: %+v", life, r)
		}
	}
	if r := command(t, t.TempDir(), "session", "end", "--reason", "r", "--before", "3h"); r.code != Wrong || !strings.Contains(r.stderr, "--before") {
		t.Errorf("an end in the future: %+v", r)
	}
}

// TestEndedBy: the key is removed here if its session is among those that ended.
func TestEndedBy(t *testing.T) {
	m := newMachine(t)
	k := m.started(t, deskLog)
	at := func(d time.Duration) canonical.Time { return canonical.At(k.session().NotBefore.Add(d)) }
	for _, c := range []struct {
		void actions.Void
		want bool
	}{
		{actions.Void{Scope: actions.ScopeWorker, Of: "ada", Before: at(time.Second)}, true},
		{actions.Void{Scope: actions.ScopeKey, Of: string(m.key.Key), Before: at(time.Second)}, true},
		{actions.Void{Scope: actions.ScopeAll, Before: at(time.Second)}, true},
		{actions.Void{Scope: actions.ScopeWorker, Of: "ada", Before: at(0)}, false},
		{actions.Void{Scope: actions.ScopeWorker, Of: "bob", Before: at(time.Second)}, false},
		{actions.Void{Scope: actions.ScopeKey, Of: "ada", Before: at(time.Second)}, false},
		{actions.Void{Scope: actions.ScopeVendor, Of: "ada", Before: at(time.Second)}, false},
	} {
		if got := k.endedBy(c.void); got != c.want {
			t.Errorf("%+v: ended %v", c.void, got)
		}
	}
}

// TestYoursAgain: an act that met a higher tier is asked for again, with the own key.
func TestYoursAgain(t *testing.T) {
	request := func(undo bool, outcome string) v1.Request {
		a := actions.Action{Kind: actions.AccountTakedown, Subject: platform.Subject{Platform: "plaza", ID: "acct/17"}}
		if undo {
			a.Kind, a.Reverses = actions.AccountRestore, otherRequest
		}
		return v1.Request{ID: someRequest, Status: actions.StatusVoid, Outcome: outcome, Action: a}
	}
	for want, r := range map[string]v1.Request{
		"takes your own key:\n  countersign action again " + someRequest + "\n":  request(false, "own-key-needed"),
		"takes your own key:\n  countersign action undo " + otherRequest + " --": request(true, "own-key-needed"),
	} {
		p := &Page{}
		describeRequest(p, r, noon)
		if !strings.Contains(p.String(), want) || !strings.Contains(p.String(), "yours again") {
			t.Errorf("want %q in:\n%s", want, p)
		}
	}
	p := &Page{}
	describeRequest(p, request(false, "budget"), noon)
	if strings.Contains(p.String(), "yours again") {
		t.Errorf("%s", p)
	}
}

// forger is an agent that signs with another key than it was asked for.
type forger struct {
	agent.Agent
	other ssh.Signer
}

func (f *forger) Sign(_ ssh.PublicKey, data []byte) (*ssh.Signature, error) {
	return f.other.Sign(nil, data)
}

func TestAgentThatLies(t *testing.T) {
	m := newMachine(t)
	keys, socket := runAgent(t, t.TempDir())
	m.env["SSH_AUTH_SOCK"] = socket
	k := m.started(t, deskLog)
	must(t, keys.RemoveAll())
	if _, err := m.signSession(t.Context(), k, [32]byte{}); !fault.Is(err, "agent-does-not-sign") {
		t.Errorf("%v", err)
	}
	// A signature over something else, or by another key, is not handed in.
	_, private, err := ed25519.GenerateKey(rand.NewChaCha8([32]byte{5}))
	must(t, err)
	other, err := ssh.NewSignerFromKey(private)
	must(t, err)
	socket2 := filepath.Join(t.TempDir(), "a.sock")
	serveAgent(t, socket2, &forger{Agent: keys, other: other})
	m.env["SSH_AUTH_SOCK"] = socket2
	if _, err := m.signSession(t.Context(), k, [32]byte{}); !fault.Is(err, "agent-does-not-sign") {
		t.Errorf("another key signed: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.signSession(ctx, k, [32]byte{}); err == nil {
		t.Error("signed after the command was interrupted")
	}
}

// statusDesk is a desk that answers with its status alone.
type statusDesk v1.Status

func (d statusDesk) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := json.Marshal(v1.Status(d))
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(body)), Request: r}, err
}

// TestDeedsUnderASession: a session signs the deeds of a person's own work, comes with them,
// and is offered for them; findings, and to open an incident, take the own key.
func TestDeedsUnderASession(t *testing.T) {
	own := []actions.DeedKind{actions.DeedFindings, actions.DeedOpenIncident}
	for _, formats := range []int64{1, 2} {
		for _, what := range []actions.DeedKind{actions.DeedOpenIncident, actions.DeedAssignTask, actions.DeedFinishTask, actions.DeedFindings, actions.DeedWithdraw} {
			for _, kept := range []bool{true, false} {
				m := newMachine(t)
				m.HTTP = &http.Client{Transport: statusDesk{Log: deskLog, Formats: formats}}
				want := kept && !slices.Contains(own, what)
				var k *keptSession
				if kept {
					if formats == 1 {
						continue // such a desk starts none
					}
					k = m.started(t, deskLog)
				}
				d, err := m.desk()
				must(t, err)
				out, err := m.deed(t.Context(), d, actions.Deed{What: what, Of: someRequest}, "text", "what", canonical.Time{}, true)
				must(t, err)
				challenge := out.Signed.Statement.Challenge()
				if !want {
					if out.Session != nil || !out.Signed.Statement.Session.IsZero() || !ed25519.Verify(ed25519.PublicKey(m.key.Public), challenge[:], out.Signed.Signature.Signature) {
						t.Errorf("%s in the formats %d, with a session %v: signed by %+v", what, formats, kept, out.Session)
					}
				} else if out.Session == nil || out.Session.Session.Digest() != out.Signed.Statement.Session || !ed25519.Verify(k.public(), challenge[:], out.Signed.Signature.Signature) {
					t.Errorf("%s in the formats %d: signed by %+v", what, formats, out.Session)
				}
				offered := strings.Contains(m.said.String(), "countersign session start")
				if offered != (!kept && formats == 2 && !slices.Contains(own, what)) {
					t.Errorf("%s in the formats %d, with a session %v: offered %v", what, formats, kept, offered)
				}
			}
		}
	}
}

// TestKeptOfAList lists what the desk lists, and says which is kept here.
func TestKeptOfAList(t *testing.T) {
	m := newMachine(t)
	k := m.started(t, deskLog)
	other := *k
	other.Signed.Session.Nonce = make([]byte, 32)
	m.HTTP = &http.Client{Transport: listDesk{{Digest: k.digest(), Signed: k.Signed}, {Digest: other.digest(), Signed: other.Signed, Why: "Ended."}}}
	out := &bytes.Buffer{}
	m.stdout = out
	must(t, (&sessionList{}).Run(t.Context(), m.Session))
	lines := strings.Split(out.String(), "\n")
	if len(lines) != 4 || !strings.HasPrefix(lines[1], wording.ShortDigest(k.digest())) || !strings.Contains(lines[1], " yes") || !strings.Contains(lines[2], " no ") || !strings.HasSuffix(lines[2], "Ended.") {
		t.Errorf("%s", out)
	}
}

// listDesk is a desk that lists sessions.
type listDesk []v1.Session

func (d listDesk) RoundTrip(r *http.Request) (*http.Response, error) {
	body := canonical.MustMarshal(v1.Page[v1.Session]{Items: d})
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(body)), Request: r}, nil
}

// TestNotAgain: whoever asks again for an act that was not without effect is told what there
// is to do in its place.
func TestNotAgain(t *testing.T) {
	want := map[actions.Status]string{
		actions.StatusExecuted:  "countersign action show " + someRequest,
		actions.StatusReversed:  otherRequest + " undid it",
		actions.StatusLifted:    "ask for it anew: countersign action request account.takedown plaza:acct/17 --reason WHY",
		actions.StatusHeld:      "held and still open",
		actions.StatusApproved:  "approved and still open",
		actions.StatusUnknown:   "countersign subject show plaza:acct/17",
		actions.StatusDeclined:  "is declined. To have it decided once more, ask for it anew: countersign action request",
		actions.StatusFrozen:    "is frozen. To have it decided once more, ask for it anew: countersign action request",
		actions.StatusFailed:    "",
		actions.StatusVoid:      "",
		actions.StatusExpired:   "",
		actions.StatusWithdrawn: "",
	}
	for _, st := range actions.Statuses {
		w, known := want[st]
		got := notAgain(v1.Request{ID: someRequest, ReversedBy: otherRequest, Status: st, Action: actions.Action{Kind: actions.AccountTakedown, Subject: platform.Subject{Platform: "plaza", ID: "acct/17"}}})
		if !known || !strings.Contains(got, w) || (w == "") != (got == "") {
			t.Errorf("%s: %q", st, got)
		}
	}
}
