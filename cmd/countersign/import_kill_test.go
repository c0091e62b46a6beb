package main

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	v1 "countersign.dev/api/v1"
	"countersign.dev/cli"
	"countersign.dev/client"
	"countersign.dev/deskdir"
	"countersign.dev/ledger"
	"countersign.dev/sqldb"
)

// importRows is how many rows TestImportKilled imports unless COUNTERSIGN_IMPORT_ROWS says
// another number. The rows are so long that they go in by ten pieces at least.
const (
	importRows = 3000
	importSize = 9 << 20
)

// perSubject is how many rows in succession are about one subject.
const perSubject = 10

// TestImportKilled: the process that imports a file of reports is killed, and in other rounds the
// desk, each at random places: while a request is sent, while an answer comes, and while the
// database is written. The same command again goes on each time, and in the end each row is one
// report, in one case, with a promise that its roll keeps.
func TestImportKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	rows := importRows
	if text := os.Getenv("COUNTERSIGN_IMPORT_ROWS"); text != "" {
		var err error
		if rows, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	begun := time.Now()
	part := func(what string) {
		t.Logf("%s took %s", what, time.Since(begun).Round(100*time.Millisecond))
		begun = time.Now()
	}
	f := &importer{t: t, home: t.TempDir(), rows: rows}
	f.opens()
	part("opening the desk")

	// All or nothing: one bad row, the last, keeps all of them out.
	good, size := f.file()
	bad := append(bytes.Clone(good), `{"external_id":"bad","reason":"spam"}`+"\n"...)
	f.writes("rows.jsonl", bad)
	refused := func() {
		t.Helper()
		if code, said := f.imports(f.url, moment{}); code != cli.Wrong || !strings.Contains(said, fmt.Sprintf("line %d: ", rows+1)) {
			t.Fatalf("a file with a bad row ends with %d: %s", code, said)
		}
	}
	refused()
	if n := f.counted("select count(*) from report"); n != 0 {
		t.Fatalf("%d reports are in", n)
	}
	f.writes("rows.jsonl", good)

	seed := uint64(time.Now().UnixNano())
	t.Logf("rand.NewPCG(%d, 0)", seed)
	random := mathrand.New(mathrand.NewPCG(seed, 0))
	kills := map[string]int{}
	for _, victim := range []string{"import", "desk"} {
		for _, of := range []string{"sent", "answered", "written", "sent"} {
			m := moment{victim: victim, of: of}
			switch of {
			case "sent":
				m.after = 1 + random.Int64N(int64(size))
			case "answered":
				m.after = 1 + random.Int64N(int64(rows)*300)
			case "written":
				m.after = 1 + random.Int64N(40)
			}
			code, said := f.imports("", m)
			switch {
			case victim == "import" && code == killed, victim == "desk" && code == cli.CouldNot:
				kills[victim+" "+of]++
			default:
				t.Fatalf("the import ends with %d although the %s was to be killed after %d %s: %s", code, victim, m.after, of, said)
			}
			if victim == "desk" {
				if !strings.Contains(said, "To go on, run it again") && !strings.Contains(said, "Is the desk running?") {
					t.Errorf("whoever imports is not told how to go on: %s", said)
				}
				f.starts()
			}
			t.Logf("%s killed after %d %s: %d reports are in", victim, m.after, of, f.counted("select count(*) from report"))
		}
	}
	if len(kills) != 6 {
		t.Errorf("kills: %v", kills)
	}
	part("eight killed imports")

	known := f.counted("select count(*) from report")
	if got := f.finishes(); got.Rows != rows || got.New != rows-known || got.Known != known {
		t.Errorf("the last run says %+v; %d were in", got, known)
	}
	part("the import to the end")
	if got := f.finishes(); got.New != 0 || got.Known != rows {
		t.Errorf("one run more says %+v", got)
	}
	f.writes("rows.jsonl", bad)
	refused()
	part("once more, and once with the bad row")
	for what, sql := range map[string]string{
		"reports":                     "select count(*) from report",
		"names":                       "select count(distinct program || ' ' || external_id) from report",
		"reports in a case":           "select count(*) from report r join case_file c on c.id = r.case_id and c.subject = r.subject",
		"reports by their cases":      "select sum(reports) from case_file",
		"documents":                   "select count(*) from document where sort = 'report'",
		"reports with their document": "select count(*) from report r join document d on d.sort = 'report' and d.id = r.id",
		"last number":                 "select max(number) + 1 from document where sort = 'report'",
	} {
		if n := f.counted(sql); n != rows {
			t.Errorf("%s: %d, want %d", what, n, rows)
		}
	}
	subjects := (rows + perSubject - 1) / perSubject
	for what, sql := range map[string]string{
		"cases":    "select count(*) from case_file",
		"subjects": "select count(distinct subject) from case_file",
		"promises": "select count(*) from case_clock where kind = 'promise'",
		"openings": "select count(*) from case_move where move = 'opened'",
	} {
		if n := f.counted(sql); n != subjects {
			t.Errorf("%s: %d, want %d", what, n, subjects)
		}
	}
	f.promised()
	part("the promises")
	f.audits()
	part("the audit")
}

// killed stands for the exit code of a process that SIGKILL has ended.
const killed = -1

// moment is when which process is killed: after so many bytes of requests or of answers, or after
// the database was written so many times.
type moment struct {
	victim, of string
	after      int64
}

// importer is a desk in a process of its own, and a program that imports files.
type importer struct {
	t        *testing.T
	home     string
	rows     int
	url      string
	desk     *exec.Cmd
	ended    chan struct{}
	officers []string
}

func (f *importer) at(name ...string) string {
	return filepath.Join(append([]string{f.home}, name...)...)
}

func (f *importer) writes(name string, content []byte) {
	f.t.Helper()
	if err := os.WriteFile(f.at(name), content, 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// does runs a command that must be done, and returns its answer.
func (f *importer) does(args ...string) []byte {
	f.t.Helper()
	c := exec.Command("countersign", append(args, "--json")...)
	c.Dir = f.home
	var said bytes.Buffer
	c.Stderr = &said
	out, err := c.Output()
	if err != nil {
		f.t.Fatalf("%v: %v\n%s%s", args, err, out, said.String())
	}
	return out
}

// together has the first officer ask for something, and the others countersign it.
func (f *importer) together(args ...string) {
	f.t.Helper()
	var r struct{ ID, Status string }
	answer := func(b []byte) {
		if err := json.Unmarshal(b, &r); err != nil {
			f.t.Fatal(err)
		}
	}
	answer(f.does(append(append([]string{"--dir", f.officers[0]}, args...), "--reason", "test", "--yes")...))
	for _, officer := range f.officers[1:] {
		answer(f.does("--dir", officer, "action", "countersign", r.ID, "--yes"))
	}
	if r.Status != "executed" {
		f.t.Fatalf("%v: %s", args, r.Status)
	}
}

// starts starts the desk.
func (f *importer) starts() {
	f.t.Helper()
	c := exec.Command("countersign", "serve", "--json", "--dir", f.at("desk"), "--listen", "127.0.0.1:0", "--plaza-listen", "127.0.0.1:0")
	c.Dir = f.home
	said := &bytes.Buffer{}
	c.Stderr = said
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		f.t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	ended := make(chan struct{})
	go func() { _ = c.Wait(); close(ended) }()
	f.desk, f.ended = c, ended
	f.t.Cleanup(func() { _ = c.Process.Kill(); <-ended })
	var doc struct{ Desk string }
	if err == nil {
		err = json.Unmarshal([]byte(line), &doc)
	}
	if err != nil {
		f.t.Fatalf("serve did not start: %v\n%s", err, said)
	}
	f.url = doc.Desk
}

// opens founds a desk with rules, queues and a program that reports.
func (f *importer) opens() {
	f.t.Helper()
	f.does("init", "--try", "--dir", f.at("desk"))
	f.starts()
	keys, err := filepath.Glob(f.at("desk", deskdir.Keys, "*.key"))
	if err != nil || len(keys) != 3 {
		f.t.Fatalf("the keys of the officers: %v, %v", keys, err)
	}
	for _, key := range keys {
		dir := f.at("o", strings.TrimSuffix(filepath.Base(key), ".key"))
		f.does("token", "create", "--yes", "--save", "--url", f.url, "--dir", dir, "--key", key)
		f.officers = append(f.officers, dir)
	}
	f.writes("people.csv", []byte("worker,name,email,vendor,role,team,manager,site,zone,start,last,notice\nann,Ann Archer,,,agent,blue,mel,,,2026-01-01T00:00:00Z,2099-01-01T00:00:00Z,\n"))
	f.together("platform", "add", "plaza", "--connector", "plaza")
	f.together("worker", "import", "--managers-elsewhere", "people.csv", "--founding")
	f.does("rule", "default", "--out", "rules.json")
	f.does("queue", "default", "--out", "queues.json")
	f.together("rule", "propose", "rules.json")
	f.together("queue", "propose", "queues.json")
	f.does("program", "key", "make", "square.key", "--program", "square", "--url", f.url)
	f.together("program", "add", "square", "--enrolment", "square.key.enrolment", "--owner", "ann", "--platform", "plaza", "--source", "person", "--rate", "1000000")
}

// report is the row with a number.
func (f *importer) report(i int) v1.Report {
	const words = "Nobody seems to look at it. "
	r := v1.Report{ExternalID: fmt.Sprintf("row-%d", i), Reason: "spam", Text: fmt.Sprintf("This is number %d of a long list. ", i) + strings.Repeat(words, importSize/f.rows/len(words))}
	r.Subject.Platform, r.Subject.ID = "plaza", fmt.Sprintf("post/%d", 1_000_000+i/perSubject)
	r.Reporter.ID = fmt.Sprintf("acct/%d", 2_000_000+i)
	return r
}

// file is the file of all rows, and how many bytes of it are sent at least.
func (f *importer) file() (content []byte, size int) {
	f.t.Helper()
	var b bytes.Buffer
	for i := range f.rows {
		r := f.report(i)
		fmt.Fprintf(&b, `{"external_id":%q,"subject":{"platform":%q,"id":%q},"reason":%q,"text":%q,"reporter":{"id":%q}}`+"\n", r.ExternalID, r.Subject.Platform, r.Subject.ID, r.Reason, r.Text, r.Reporter.ID)
	}
	return b.Bytes(), b.Len()
}

// imports runs the import, and kills at a moment, unless it is the zero one. Where what is sent
// or answered counts, the import reaches the desk through a wire of the test's.
func (f *importer) imports(url string, m moment) (code int, said string) {
	f.t.Helper()
	var c *exec.Cmd
	var once sync.Once
	kill := func() {
		once.Do(func() {
			victim := f.desk
			if m.victim == "import" {
				victim = c
			}
			_ = victim.Process.Kill()
		})
	}
	started := make(chan struct{})
	if url == "" {
		w := &wire{t: f.t, to: strings.TrimPrefix(f.url, "http://")}
		switch m.of {
		case "sent":
			w.sent.limit, w.sent.reached = m.after, func() { <-started; kill() }
		case "answered":
			w.answered.limit, w.answered.reached = m.after, func() { <-started; kill() }
		}
		url = w.open()
		defer w.close()
	}
	c = exec.Command("countersign", "report", "import", "rows.jsonl", "--program-key", "square.key", "--url", url)
	c.Dir = f.home
	var errs bytes.Buffer
	c.Stderr = &errs
	if err := c.Start(); err != nil {
		f.t.Fatal(err)
	}
	close(started)
	done := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		if m.of == "written" {
			f.whenWritten(m.after, done, kill)
		}
	}()
	err := c.Wait()
	close(done)
	<-watched
	if m.victim == "desk" {
		<-f.ended
	}
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0, errs.String()
	case !errors.As(err, &exit):
		f.t.Fatal(err)
	case exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL:
		return killed, errs.String()
	}
	return exit.ExitCode(), errs.String()
}

// whenWritten calls what is to be done when the desk's database was written so many times.
func (f *importer) whenWritten(times int64, done chan struct{}, do func()) {
	last := time.Time{}
	for {
		select {
		case <-done:
			return
		default:
		}
		info, err := os.Stat(f.at("desk", deskdir.DeskDatabase+"-wal"))
		if err == nil && info.ModTime() != last {
			if !last.IsZero() {
				times--
			}
			last = info.ModTime()
		}
		if times <= 0 {
			do()
			return
		}
	}
}

// finishes imports to the end, and returns what the import says of it.
func (f *importer) finishes() (got struct {
	Rows, New, Known int
	Refused          []any
}) {
	f.t.Helper()
	if err := json.Unmarshal(f.does("report", "import", "rows.jsonl", "--program-key", "square.key", "--url", f.url), &got); err != nil {
		f.t.Fatal(err)
	}
	if len(got.Refused) > 0 {
		f.t.Errorf("%d rows are refused: %v", len(got.Refused), got.Refused[0])
	}
	return got
}

// counted asks the desk's database past the desk.
func (f *importer) counted(query string) (n int) {
	f.t.Helper()
	f.reads(func(tx *sqldb.Tx) error { return tx.QueryRow(query).Scan(&n) })
	return n
}

func (f *importer) reads(do func(*sqldb.Tx) error) {
	f.t.Helper()
	db, err := sqldb.Open(f.t.Context(), "sqlite:"+f.at("desk", deskdir.DeskDatabase), sqldb.Options{})
	if err != nil {
		f.t.Fatal(err)
	}
	defer db.Close()
	if err := db.Read(f.t.Context(), do); err != nil {
		f.t.Fatal(err)
	}
}

// promised hands all rows in once more, and demands that each answer holds the promise of the
// one document of its report.
func (f *importer) promised() {
	f.t.Helper()
	policy, err := os.ReadFile(f.at("desk", deskdir.Trust, cli.TrustPolicy))
	if err != nil {
		f.t.Fatal(err)
	}
	trust, err := ledger.ParseTrust(policy)
	if err != nil {
		f.t.Fatal(err)
	}
	key, err := client.ReadProgramKey(f.at("square.key"))
	if err != nil {
		f.t.Fatal(err)
	}
	numbers := map[string]int64{}
	f.reads(func(tx *sqldb.Tx) error {
		type numbered struct {
			id     string
			number int64
		}
		all, err := sqldb.All(tx, func(r sqldb.Row) (n numbered, err error) { return n, r.Scan(&n.id, &n.number) }, `select id, number from document where sort = 'report'`)
		for _, n := range all {
			numbers[n.id] = n.number
		}
		return err
	})
	desk, err := client.New(f.url, "", nil)
	if err != nil {
		f.t.Fatal(err)
	}
	status, err := desk.Status(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	ask, secret, err := key.Ask(rand.Reader, status.Log, time.Now(), time.Hour)
	if err == nil {
		_, err = desk.SignInProgram(f.t.Context(), ask)
	}
	if err == nil {
		desk, err = client.New(f.url, secret, nil)
	}
	if err != nil {
		f.t.Fatal(err)
	}
	var all []v1.Report
	for i := range f.rows {
		all = append(all, f.report(i))
	}
	seen := map[string]bool{}
	for some := range slices.Chunk(all, 250) {
		taken, err := desk.Reports(f.t.Context(), some)
		if err != nil {
			f.t.Fatal(err)
		}
		for i, got := range taken {
			p, err := ledger.ParsePromise([]byte(got.Promise), trust.Log)
			number, there := numbers[got.ID]
			if err != nil || got.New || got.ExternalID != some[i].ExternalID || seen[got.ID] || !there || p.ID != got.ID || p.Number != number || p.Sort != ledger.ReportDocument {
				f.t.Fatalf("%s is answered with %+v, whose promise is %+v: %v", some[i].ExternalID, got, p, err)
			}
			seen[got.ID] = true
		}
	}
	if len(seen) != f.rows {
		f.t.Errorf("%d reports have promises", len(seen))
	}
}

// audits has an officer recount everything.
func (f *importer) audits() {
	f.t.Helper()
	var got struct {
		OK        bool
		Documents struct{ Documents, Rolls, Waiting int }
		Casework  struct {
			Reports, Cases int
			InOpen         int `json:"in_open"`
		}
	}
	if err := json.Unmarshal(f.does("--dir", f.officers[0], "audit", "--url", f.url, "--trust", f.at("desk", deskdir.Trust)), &got); err != nil {
		f.t.Fatal(err)
	}
	f.t.Logf("the audit: %+v", got)
	if subjects := (f.rows + perSubject - 1) / perSubject; !got.OK || got.Casework.Reports != f.rows || got.Casework.InOpen != f.rows || got.Casework.Cases != subjects || got.Documents.Waiting != 0 {
		f.t.Errorf("the audit says %+v of %d reports", got, f.rows)
	}
}

// wire carries bytes between an import and a desk, and counts them.
type wire struct {
	t              *testing.T
	to             string
	sent, answered count
	listener       net.Listener
	carrying       sync.WaitGroup
}

// count calls reached once when limit bytes have passed; 0: never.
type count struct {
	limit   int64
	reached func()
	passed  atomic.Int64
}

func (w *wire) open() string {
	w.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	w.listener = l
	w.carrying.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", w.to)
			if err != nil {
				near.Close() // the desk is away
				continue
			}
			w.carrying.Go(func() { w.sent.carry(far, near) })
			w.carrying.Go(func() { w.answered.carry(near, far) })
		}
	})
	return "http://" + l.Addr().String()
}

func (w *wire) close() {
	w.listener.Close()
	w.carrying.Wait()
}

// carry carries bytes from one side to the other until either is closed. What passes the limit
// is kept back, so that whoever is killed has seen exactly so many bytes.
func (c *count) carry(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	b := make([]byte, 4096)
	for {
		n, err := from.Read(b)
		before := c.passed.Add(int64(n)) - int64(n)
		if c.limit > 0 && before < c.limit && c.limit <= before+int64(n) {
			_, _ = to.Write(b[:c.limit-before])
			c.reached()
			return
		}
		if n > 0 {
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
