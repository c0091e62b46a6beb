package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/mod/sumdb/tlog"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/deskdir"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/platform"
	plazaconnector "countersign.dev/platform/plaza"
	"countersign.dev/sqldb"
	"countersign.dev/workforce"
)

// TestMain makes this test binary the program itself for scripts, and for the
// executor that serve starts.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"countersign": main})
}

// TestScript runs the scripts in testdata/script on the built program, with real
// servers on free ports. Commands besides testscript's own:
//
//	exit N PROGRAM ARGS…     run, and demand exit code N
//	serve DIR [ARGS…]        start the desk in DIR; sets URL, PLAZA and BROWSER; ended with the script
//	finish                   end it as Ctrl-C does, and demand exit code 0
//	crash                    end it as a power cut does
//	locked FILE…             demand that the kernel knows of a lock on each database
//	visit FILE…              open, read and close each database as a foreign program does
//	kill-executor            kill the executor that serve started, which starts it again
//	officers DIR             sign in everybody who has a key in DIR/keys, each into o/ID
//	together ARGS…           the first officer requests, the two others countersign, all with --yes; demands that it was done
//	typed N LINE PROGRAM ARGS…  run with a terminal as standard input and error, type LINE at it (@eof: end the input), and
//	                         demand exit code N; what the terminal showed is in the file terminal
//	field VAR MEMBER…        set VAR from the last JSON answer
//	seed HANDLE FOLLOWERS [OFFICE]   make an account on plaza and a post of its; the post's identifier is POST
//	stafftoken FILE          write the executor's staff token of plaza to a file
//	around HANDLE            take an account down around the desk, with the executor's staff token
//	rename HANDLE HANDLE     give an account on plaza another handle
//	followed                 wait until the executor's journal knows the whole ledger
//	entered KIND             wait until one of the newest entries is of a kind
//	withhold FILE            take the last governance entry out of an export
//	forge FOLDER FILE        sign with the log's key of a desk's folder that its ledger had another root at size 1
//	metrics                  fetch what the desk counts
//	agent NAME               run an ssh-agent at NAME.sock; sets SSH_AUTH_SOCK
//	held NAME TEXT           demand that the agent holds a key whose comment says TEXT
//	gathered DIR             wait until the desk has read the evidence of every open case that the worker of DIR reads, and platforms have said what they preserve
//	became DIR CASE STATE    wait until a case is in a state
//	certify CERT KEY NAME…   write a certificate for names that signs itself, and its key
//	passkey LINK VAR         make a passkey under the link of an invitation, as a browser does; sets VAR to its six words
//	renewed CERT             wait until the desk shows the certificate of a file
//	flag SUBJECT             report a post or an account of plaza as somebody without an account
//	status PATTERN [gone]    wait until the first officer's status matches a pattern, or does so no more
//	page HANDLE TEXT         demand that the account's public page says TEXT
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(e *testscript.Env) error {
			e.Setenv("NO_COLOR", "1")
			e.Setenv("TMPDIR", e.WorkDir)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exit": cmdExit, "serve": cmdServe, "finish": cmdFinish, "crash": cmdCrash, "locked": cmdLocked, "visit": cmdVisit, "officers": cmdOfficers, "together": cmdTogether,
			"field": cmdField, "seed": cmdSeed, "page": cmdPage, "metrics": cmdMetrics, "kill-executor": cmdKillExecutor, "stafftoken": cmdStaffToken, "followed": cmdFollowed, "entered": cmdEntered, "around": cmdAround, "rename": cmdRename, "withhold": cmdWithhold, "forge": cmdForge, "typed": cmdTyped, "agent": cmdAgent, "held": cmdHeld, "gathered": cmdGathered, "became": cmdBecame, "certify": cmdCertify, "renewed": cmdRenewed, "passkey": cmdPasskey, "flag": cmdFlag, "status": cmdStatus,
		},
		RequireUniqueNames: true,
	})
}

func cmdExit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exit N PROGRAM ARGS…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var failed *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &failed) {
		got = failed.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, not %d\n%s%s", got, want, ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
}

// server is a running serve.
type server struct {
	cmd    *exec.Cmd
	stderr *bytes.Buffer
	ended  chan error
}

var servers = map[*testscript.TestScript]*server{}
var serversLock = make(chan struct{}, 1)

func withServers(f func()) {
	serversLock <- struct{}{}
	defer func() { <-serversLock }()
	f()
}

func environment(ts *testscript.TestScript) []string {
	var env []string
	for _, k := range []string{"PATH", "HOME", "TMPDIR", "NO_COLOR"} {
		env = append(env, k+"="+ts.Getenv(k))
	}
	if file := ts.Getenv("SSL_CERT_FILE"); file != "" {
		env = append(env, "SSL_CERT_FILE="+file)
	}
	return env
}

func cmdServe(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: serve DIR ARGS…")
	}
	s := &server{stderr: &bytes.Buffer{}, ended: make(chan error, 1)}
	s.cmd = exec.Command(programPath(ts), append([]string{"serve", "--json", "--dir", ts.MkAbs(args[0]), "--listen", "127.0.0.1:0", "--plaza-listen", "127.0.0.1:0"}, args[1:]...)...)
	s.cmd.Dir, s.cmd.Env, s.cmd.Stderr = ts.MkAbs("."), environment(ts), s.stderr
	out, err := s.cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(s.cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	go func() { s.ended <- s.cmd.Wait() }()
	ts.Defer(func() {
		_ = s.cmd.Process.Kill() // it may have been stopped already
		withServers(func() { delete(servers, ts) })
	})
	if err != nil {
		<-s.ended
		ts.Fatalf("serve did not start: %v\n%s", err, s.stderr)
	}
	var doc struct{ Desk, Plaza, Browser string }
	ts.Check(json.Unmarshal([]byte(line), &doc))
	ts.Setenv("URL", doc.Desk)
	ts.Setenv("PLAZA", doc.Plaza)
	ts.Setenv("BROWSER", doc.Browser)
	ts.Setenv("DESK", ts.MkAbs(args[0]))
	withServers(func() { servers[ts] = s })
}

func programPath(ts *testscript.TestScript) string {
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if path := filepath.Join(dir, "countersign"); exists(path) {
			return path
		}
	}
	ts.Fatalf("countersign is not in PATH")
	return ""
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// patience bounds what must come about: no test may depend on how busy the machine is.
const patience = 5 * time.Minute

func running(ts *testscript.TestScript) (s *server) {
	withServers(func() { s = servers[ts] })
	if s == nil {
		ts.Fatalf("nothing is served")
	}
	return s
}

func cmdFinish(ts *testscript.TestScript, neg bool, args []string) {
	s := running(ts)
	ts.Check(s.cmd.Process.Signal(os.Interrupt))
	select {
	case err := <-s.ended:
		if err != nil {
			ts.Fatalf("serve ended with %v\n%s", err, s.stderr)
		}
	case <-time.After(patience):
		ts.Fatalf("serve did not end\n%s", s.stderr)
	}
}

// cmdKillExecutor kills the child of serve whose command is executor.
func cmdCrash(ts *testscript.TestScript, neg bool, args []string) {
	s := running(ts)
	ts.Check(s.cmd.Process.Kill())
	<-s.ended
}

// isLocked reports whether the kernel lists a lock on a file.
func isLocked(ts *testscript.TestScript, path string) bool {
	info, err := os.Stat(path)
	ts.Check(err)
	all, err := os.ReadFile("/proc/locks")
	ts.Check(err)
	return bytes.Contains(all, fmt.Appendf(nil, ":%d ", info.Sys().(*syscall.Stat_t).Ino))
}

func cmdLocked(ts *testscript.TestScript, neg bool, args []string) {
	for _, file := range args {
		if path := ts.MkAbs(file); isLocked(ts, path) == neg {
			ts.Fatalf("%s is locked: %v", file, !neg)
		}
	}
}

func cmdMetrics(ts *testscript.TestScript, neg bool, args []string) {
	answer, err := http.Get(ts.Getenv("URL") + "/metrics")
	ts.Check(err)
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	ts.Check(err)
	if answer.StatusCode != http.StatusOK || !bytes.Contains(b, []byte("process_open_fds")) {
		ts.Fatalf("/metrics: %s\n%s", answer.Status, b)
	}
}

// cmdVisit does what SQLite before 3.51 does: who gets the lock that nobody gets
// beside others takes himself for the last, and deletes the write-ahead log.
func cmdVisit(ts *testscript.TestScript, neg bool, args []string) {
	for _, file := range args {
		f, err := os.OpenFile(ts.MkAbs(file), os.O_RDWR, 0)
		ts.Check(err)
		all := syscall.Flock_t{Type: syscall.F_WRLCK, Start: 0x40000002, Len: 510} // SQLite's SHARED_FIRST and SHARED_SIZE
		if syscall.FcntlFlock(f.Fd(), syscall.F_SETLK, &all) == nil {
			ts.Check(os.Remove(ts.MkAbs(file) + "-wal"))
			ts.Check(os.Remove(ts.MkAbs(file) + "-shm"))
		}
		ts.Check(f.Close())
	}
}

func cmdKillExecutor(ts *testscript.TestScript, neg bool, args []string) {
	s := running(ts)
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", s.cmd.Process.Pid))
	ts.Check(err)
	var pids []int
	for _, f := range tasks {
		b, err := os.ReadFile(f)
		ts.Check(err)
		for _, p := range strings.Fields(string(b)) {
			n, err := strconv.Atoi(p)
			ts.Check(err)
			pids = append(pids, n)
		}
	}
	if len(pids) == 0 {
		ts.Fatalf("serve has no child process")
	}
	ts.Check(syscall.Kill(pids[0], syscall.SIGKILL))
}

// answerOf runs the program in a script's folder and returns its JSON answer.
func answerOf(ts *testscript.TestScript, args ...string) map[string]any {
	cmd := exec.Command(programPath(ts), append(args, "--json")...)
	cmd.Dir, cmd.Env = ts.MkAbs("."), environment(ts)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		ts.Fatalf("%v: %v\n%s%s", args, err, out, errs.String())
	}
	var doc map[string]any
	ts.Check(json.Unmarshal(out, &doc))
	return doc
}

func cmdOfficers(ts *testscript.TestScript, neg bool, args []string) {
	keys, err := filepath.Glob(filepath.Join(ts.MkAbs(args[0]), "keys", "*.key"))
	ts.Check(err)
	for i, key := range keys {
		id := strings.TrimSuffix(filepath.Base(key), ".key")
		answerOf(ts, "token", "create", "--yes", "--url", ts.Getenv("URL"), "--dir", ts.MkAbs(filepath.Join("o", id)), "--key", key, "--save")
		ts.Setenv(fmt.Sprintf("OFFICER%d", i+1), ts.MkAbs(filepath.Join("o", id)))
	}
}

func cmdTogether(ts *testscript.TestScript, neg bool, args []string) {
	doc := answerOf(ts, append(append([]string{"--dir", ts.Getenv("OFFICER1")}, args...), "--yes")...)
	id, _ := doc["id"].(string)
	for _, officer := range []string{"OFFICER2", "OFFICER3"} {
		doc = answerOf(ts, "--dir", ts.Getenv(officer), "action", "countersign", "--yes", id)
	}
	if doc["status"] != "executed" {
		ts.Fatalf("%v: %v, %v", args, doc["status"], doc["missing"])
	}
}

func cmdField(ts *testscript.TestScript, neg bool, args []string) {
	var v any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &v))
	for _, name := range args[1:] {
		switch x := v.(type) {
		case map[string]any:
			v = x[name]
		case []any:
			n, err := strconv.Atoi(name)
			ts.Check(err)
			if n >= len(x) {
				ts.Fatalf("%v: only %d items", args, len(x))
			}
			v = x[n]
		default:
			ts.Fatalf("%v: nothing there", args)
		}
	}
	if v == nil {
		ts.Fatalf("%v: nothing there", args)
	}
	ts.Setenv(args[0], fmt.Sprint(v))
}

// cmdPasskey asks the desk that is served, whatever address stands in the link.
func cmdPasskey(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: passkey LINK VAR")
	}
	origin, secret, _ := strings.Cut(args[0], "/invite/")
	at := ts.Getenv("URL") + v1.Base + "/invite/" + secret
	get, err := http.Get(at)
	ts.Check(err)
	defer get.Body.Close()
	if neg {
		if get.StatusCode != http.StatusNotFound {
			ts.Fatalf("the link is answered with %s", get.Status)
		}
		return
	}
	var open v1.OpenInvitation
	ts.Check(json.NewDecoder(get.Body).Decode(&open))
	seed := sha256.Sum256([]byte(secret))
	p := prooftest.NewPasskey(workforce.PasskeyES256, seed[:])
	p.Usual.RelyingParty, p.Usual.Origin = open.RelyingParty, origin
	a := p.Usual
	a.Challenge = open.Challenge
	key := p.PublicKey().ID()
	b := canonical.MustMarshal(v1.InvitationAnswer{Registration: v1.Registration(p.Register(a)), Possession: p.Sign(actions.PossessionChallenge(open.EnrolName, open.Worker, key))})
	r, err := http.Post(at, "application/json", bytes.NewReader(b))
	ts.Check(err)
	defer r.Body.Close()
	var made v1.AnsweredInvitation
	ts.Check(json.NewDecoder(r.Body).Decode(&made))
	if r.StatusCode != http.StatusOK || made.Words != key.Words() {
		ts.Fatalf("%s: the desk read %+v, and the key has the words %s", r.Status, made, key.Words())
	}
	ts.Setenv(args[1], made.Words)
}

func cmdSeed(ts *testscript.TestScript, neg bool, args []string) {
	token := strings.TrimSpace(ts.ReadFile(filepath.Join(ts.Getenv("DESK"), deskdir.SetupToken)))
	followers, err := strconv.Atoi(args[1])
	ts.Check(err)
	account := map[string]any{"handle": args[0], "name": strings.TrimPrefix(args[0], "@"), "followers": followers}
	if len(args) > 2 {
		account["office"] = args[2]
	}
	made := post(ts, token, "accounts", account)
	ts.Setenv("ACCOUNT", made)
	ts.Setenv("POST", post(ts, token, "posts", map[string]any{"account": made, "text": "Hello from " + args[0] + "."}))
}

func post(ts *testscript.TestScript, token, what string, body any) string {
	b, err := json.Marshal(body)
	ts.Check(err)
	r, err := http.NewRequest(http.MethodPost, ts.Getenv("PLAZA")+"/staff/v1/"+what, bytes.NewReader(b))
	ts.Check(err)
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	ts.Check(err)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	ts.Check(err)
	if res.StatusCode != http.StatusCreated {
		ts.Fatalf("making %s: %s %s", what, res.Status, raw)
	}
	var made struct{ ID string }
	ts.Check(json.Unmarshal(raw, &made))
	return made.ID
}

func cmdFlag(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: flag SUBJECT")
	}
	form := url.Values{"subject": {strings.TrimPrefix(args[0], "plaza:")}, "reason": {"spam"}, "text": {"Look at it."}, "key": {strings.Repeat("a", 32)}}
	r, err := http.NewRequest(http.MethodPost, ts.Getenv("PLAZA")+"/report", strings.NewReader(form.Encode()))
	ts.Check(err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", ts.Getenv("PLAZA"))
	res, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(r)
	ts.Check(err)
	defer res.Body.Close()
	if body, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusSeeOther {
		ts.Fatalf("report %s: %s\n%s", args[0], res.Status, body)
	}
}

func cmdStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: status PATTERN [gone]")
	}
	pattern, gone := regexp.MustCompile(args[0]), len(args) > 1
	waitFor(ts, "status and "+strings.Join(args, " "), func() bool {
		cmd := exec.Command(programPath(ts), "--dir", ts.Getenv("OFFICER1"), "status", "--json")
		cmd.Dir, cmd.Env = ts.MkAbs("."), environment(ts)
		out, _ := cmd.Output() // its exit code says that something needs a person
		if !bytes.Contains(out, []byte(`"items"`)) {
			ts.Fatalf("status: %s", out)
		}
		_, items, _ := bytes.Cut(out, []byte(`"items"`))
		return pattern.Match(items) != gone
	})
}

func cmdPage(ts *testscript.TestScript, neg bool, args []string) {
	res, err := http.Get(ts.Getenv("PLAZA") + "/" + args[0])
	ts.Check(err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	ts.Check(err)
	if strings.Contains(string(b), args[1]) == neg {
		ts.Fatalf("the page of %s: %s\n%s", args[0], res.Status, b)
	}
}

func cmdStaffToken(ts *testscript.TestScript, neg bool, args []string) {
	platforms, err := deskdir.ReadPlatforms(filepath.Join(ts.Getenv("DESK"), deskdir.Executor, deskdir.Platforms))
	ts.Check(err)
	for _, p := range platforms {
		if p.Name == deskdir.ConnectorPlaza {
			ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(p.Token+"\n"), 0o600))
			return
		}
	}
	ts.Fatalf("plaza is not among the executor's platforms")
}

func cmdAround(ts *testscript.TestScript, neg bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	platforms, err := deskdir.ReadPlatforms(filepath.Join(ts.Getenv("DESK"), deskdir.Executor, deskdir.Platforms))
	ts.Check(err)
	for _, p := range platforms {
		if p.Name != deskdir.ConnectorPlaza {
			continue
		}
		c, err := plazaconnector.Connect(ctx, plazaconnector.Config{Name: p.Name, URL: p.URL, Token: p.Token})
		ts.Check(err)
		subject, err := c.Resolve(ctx, platform.Subject{Platform: p.Name, Handle: args[0]})
		ts.Check(err)
		_, err = c.Apply(ctx, "around", platform.Command{Verb: platform.Takedown, Subject: subject, Mark: "STAFF-1", Expect: platform.Expect{Status: platform.Up}})
		ts.Check(err)
		return
	}
	ts.Fatalf("plaza is not among the executor's platforms")
}

func cmdRename(ts *testscript.TestScript, neg bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	db, err := sqldb.Open(ctx, "sqlite:"+filepath.Join(ts.Getenv("DESK"), deskdir.PlazaDatabase), sqldb.Options{})
	ts.Check(err)
	defer db.Close()
	ts.Check(db.Write(ctx, func(tx *sqldb.Tx) error {
		n, err := tx.Exec(`update account set handle = $1, fold = $1 where fold = $2`, strings.TrimPrefix(args[1], "@"), strings.TrimPrefix(args[0], "@"))
		if err == nil && n != 1 {
			err = fmt.Errorf("there is no account %s", args[0])
		}
		return err
	}))
}

// cmdFollowed reads the journal until it has what the desk has. The executor
// notes an idle ledger's head once a second.
func cmdFollowed(ts *testscript.TestScript, neg bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	db, err := sqldb.Open(ctx, "sqlite:"+filepath.Join(ts.Getenv("DESK"), deskdir.Executor, deskdir.Journal), sqldb.Options{})
	ts.Check(err)
	defer db.Close()
	want := int64(-1)
	for noted := int64(-2); noted < want || want < 0; {
		status := answerOf(ts, "--dir", ts.Getenv("OFFICER1"), "ledger", "log", "--last", "1", "--url", ts.Getenv("URL"))
		items, _ := status["items"].([]any)
		last, _ := items[0].(map[string]any)
		index, _ := last["index"].(float64)
		want = int64(index) + 1
		ts.Check(db.Read(ctx, func(tx *sqldb.Tx) error { return tx.QueryRow("select size from memory").Scan(&noted) }))
	}
}

// cmdEntered waits until one of the newest entries is of a kind.
func cmdEntered(ts *testscript.TestScript, neg bool, args []string) {
	for deadline := time.Now().Add(patience); ; {
		log := answerOf(ts, "--dir", ts.Getenv("OFFICER1"), "ledger", "log", "--last", "5", "--url", ts.Getenv("URL"))
		items, _ := log["items"].([]any)
		if slices.ContainsFunc(items, func(x any) bool { e, _ := x.(map[string]any); return e["kind"] == args[0] }) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("nothing of kind %s was entered: %v", args[0], items)
		}
	}
}

// waitFor asks again and again until something is so.
func waitFor(ts *testscript.TestScript, what string, so func() bool) {
	for deadline := time.Now().Add(patience); !so(); {
		if time.Now().After(deadline) {
			ts.Fatalf("in vain: %s", what)
		}
	}
}

func cmdGathered(ts *testscript.TestScript, neg bool, args []string) {
	waitFor(ts, "the evidence of all cases is read", func() bool {
		list, _ := answerOf(ts, "--dir", args[0], "case", "list")["items"].([]any)
		for _, x := range list {
			item, _ := x.(map[string]any)
			view := answerOf(ts, "--dir", args[0], "case", "show", fmt.Sprint(item["id"]))
			preserved, _ := view["preserved"].([]any)
			if slices.ContainsFunc(preserved, func(x any) bool { p, _ := x.(map[string]any); return p["answer"] == "" }) {
				return false
			}
			shown, _ := view["shown"].(map[string]any)
			evidence, _ := shown["evidence"].([]any)
			if len(evidence) == 0 || slices.ContainsFunc(evidence, func(x any) bool { e, _ := x.(map[string]any); return e["state"] == "pending" }) {
				return false
			}
		}
		return true
	})
}

func cmdBecame(ts *testscript.TestScript, neg bool, args []string) {
	waitFor(ts, args[1]+" is "+args[2], func() bool {
		c, _ := answerOf(ts, "--dir", args[0], "case", "show", args[1])["case"].(map[string]any)
		return c["state"] == args[2]
	})
}

func cmdWithhold(ts *testscript.TestScript, neg bool, args []string) {
	var all []json.RawMessage
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &all))
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // what is left stays as it was, byte for byte
	ts.Check(e.Encode(all[:len(all)-1]))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b.Bytes(), 0o644))
}

// cmdForge makes the second of two checkpoints that cannot both be of one ledger.
func cmdForge(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: forge FOLDER FILE")
	}
	key, err := ledger.ParseKey([]byte(ts.ReadFile(filepath.Join(args[0], deskdir.LogKey))))
	ts.Check(err)
	signed, err := ledger.Checkpoint{Origin: key.Name(), Size: 1, Root: tlog.RecordHash([]byte("another entry 0"))}.Sign(key)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), signed, 0o600))
}

// agents are the ssh-agents of all scripts, by the paths of their sockets.
var agents sync.Map

func cmdAgent(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: agent NAME")
	}
	path := ts.MkAbs(args[0] + ".sock")
	l, err := net.Listen("unix", path)
	ts.Check(err)
	ts.Defer(func() { _ = l.Close() })
	keys := agent.NewKeyring()
	agents.Store(path, keys)
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
	ts.Setenv("SSH_AUTH_SOCK", path)
}

func cmdHeld(ts *testscript.TestScript, neg bool, args []string) {
	keys, ok := agents.Load(ts.MkAbs(args[0] + ".sock"))
	if !ok {
		ts.Fatalf("no agent %s runs", args[0])
	}
	all, err := keys.(agent.Agent).List()
	ts.Check(err)
	if slices.ContainsFunc(all, func(k *agent.Key) bool { return strings.Contains(k.Comment, args[1]) }) == neg {
		ts.Fatalf("the agent holds %v", all)
	}
}
