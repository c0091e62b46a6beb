package testenv_test

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"countersign.dev/test/testenv"
)

// The environment's three answers, seen from outside: this binary runs one
// probe of itself in each.
func TestMissingServersSkipOrFail(t *testing.T) {
	for _, tc := range []struct {
		require string
		want    string
	}{
		{"", "--- SKIP"},
		{"postgres", "--- SKIP"}, // demanded is another thing
		{"pds", "--- FAIL"},
		{"postgres, pds", "--- FAIL"},
		{"browser", "--- SKIP"},
	} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestProbe$", "-test.v")
		cmd.Env = append(os.Environ(), "COUNTERSIGN_PROBE=1", "COUNTERSIGN_PDS=", "COUNTERSIGN_REQUIRE="+tc.require)
		out, _ := cmd.CombinedOutput() // a failing probe exits 1: what it printed is compared
		if !strings.Contains(string(out), tc.want) {
			t.Errorf("require %q: want %s, got\n%s", tc.require, tc.want, out)
		}
	}
}

func TestProbe(t *testing.T) {
	if os.Getenv("COUNTERSIGN_PROBE") == "" {
		t.Log("nothing to do unless asked by TestMissingServersSkipOrFail")
		return
	}
	testenv.PDS(t)
}

func TestPostgresIsFreshAndInByteOrder(t *testing.T) {
	one, two := testenv.Postgres(t), testenv.Postgres(t)
	ctx := context.Background()
	for _, dsn := range []string{one, two} {
		conn, err := pgx.Connect(ctx, dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(ctx)
		// Fails in the second database if it is the first.
		if _, err := conn.Exec(ctx, "create table only_here (word text)"); err != nil {
			t.Fatal(err)
		}
		var collation, first string
		if err := conn.QueryRow(ctx, "select datcollate from pg_database where datname = current_database()").Scan(&collation); err != nil || collation != "C" {
			t.Errorf("the collation is %q, %v", collation, err)
		}
		err = conn.QueryRow(ctx, "select w from (values ('a'), ('B'), ('ä')) v(w) order by w limit 1").Scan(&first)
		if err != nil || first != "B" {
			t.Errorf("in C collation B comes before a; got %q, %v", first, err)
		}
	}
}

func TestPDSListensOnLoopbackOnly(t *testing.T) {
	b := testenv.PDS(t)
	u, err := url.Parse(b.URL)
	if err != nil {
		t.Fatal(err)
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, a := range addrs {
		ip, _, err := net.ParseCIDR(a.String())
		if err != nil || ip.IsLoopback() || ip.To4() == nil {
			continue
		}
		tried++
		if c, err := net.Dial("tcp", net.JoinHostPort(ip.String(), u.Port())); err == nil {
			c.Close()
			t.Errorf("the PDS answers on %s", ip)
		}
	}
	t.Logf("%d other addresses tried", tried)
}

func TestPDSKeepsWhatItHeldThroughAKill(t *testing.T) {
	b := testenv.OwnPDS(t, testenv.BlueskyOptions{})
	a := b.CreateAccount(t, "survivor")
	b.Kill(t)
	if _, err := http.Get(b.URL); err == nil {
		t.Error("a killed PDS answers")
	}
	b.Restart(t)
	got := b.Query(t, "", "com.atproto.identity.resolveHandle", "handle", a.Handle)
	if got.Text("did") != a.DID {
		t.Errorf("after the restart %s is %v, was %s", a.Handle, got, a.DID)
	}
}

// A test process that is killed leaves neither server nor folder behind.
func TestServersEndWithTheTestProcess(t *testing.T) {
	if os.Getenv("COUNTERSIGN_PDS") == "" {
		testenv.PDS(t) // skips or fails, as asked
	}
	temp := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestDiesWithServersRunning$")
	cmd.Env = append(os.Environ(), "COUNTERSIGN_DIE=1", "TMPDIR="+temp)
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Fatalf("it should have been killed:\n%s", out)
	}
	address, ok := strings.CutPrefix(strings.TrimSpace(string(out)), "started ")
	if !ok {
		t.Fatalf("it said\n%s", out)
	}
	for range 400 { // each round is a refused or answered connection and a walk
		_, dialErr := net.Dial("tcp", address)
		left, globErr := filepath.Glob(filepath.Join(temp, "countersign-pds-*"))
		if globErr != nil {
			t.Fatal(globErr)
		}
		if dialErr != nil && len(left) == 0 {
			return
		}
		waitABit(t)
	}
	t.Error("the PDS or its folder outlived the test process")
}

// waitABit lets other processes run: starting one of our own takes milliseconds.
func waitABit(t *testing.T) {
	t.Helper()
	if err := exec.Command("true").Run(); err != nil {
		t.Fatal(err)
	}
}

func TestDiesWithServersRunning(t *testing.T) {
	if os.Getenv("COUNTERSIGN_DIE") == "" {
		t.Log("nothing to do unless asked by TestServersEndWithTheTestProcess")
		return
	}
	b := testenv.PDS(t)
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stdout.WriteString("started " + strings.TrimPrefix(b.URL, "http://") + "\n"); err != nil {
		t.Fatal(err)
	}
	if err := self.Kill(); err != nil {
		t.Fatal(err)
	}
	select {}
}
