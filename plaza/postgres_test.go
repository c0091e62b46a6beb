package plaza_test

import (
	"fmt"
	"net/http/httptest"
	"sync"
	"testing"

	"countersign.dev/plaza"
	"countersign.dev/test/testenv"
)

// townOn opens a plaza on a database that another process may have open.
func townOn(t *testing.T, dsn string, edit ...func(*plaza.Config)) *town {
	t.Helper()
	db, err := plaza.Open(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	c := plaza.Config{DB: db}
	for _, e := range edit {
		e(&c)
	}
	to := &town{t: t, db: db, server: plaza.New(c)}
	web := httptest.NewServer(to.server.Handler())
	t.Cleanup(func() { db.Close() })
	t.Cleanup(web.Close)
	t.Cleanup(to.server.Close)
	to.url = web.URL
	to.staff, to.setup = to.token("console", plaza.StaffScope), to.token("seed", plaza.SetupScope)
	return to
}

// TestTwoServersOneDatabase lets two processes' worth of plaza work on one
// database: a key still acts once and one rival still wins.
func TestTwoServersOneDatabase(t *testing.T) {
	dsn := testenv.Postgres(t)
	towns := []*town{townOn(t, dsn), townOn(t, dsn)}
	staff := towns[0].staff
	towns[0].seed()
	const crowd = 16
	together := func(key, body func(i int) string) map[int][]string {
		answers := map[int][]string{}
		var mu sync.Mutex
		var wg sync.WaitGroup
		for i := range crowd {
			wg.Go(func() {
				status, answer := towns[i%2].send("POST", "/staff/v1/commands", staff, key(i), body(i))
				mu.Lock()
				defer mu.Unlock()
				answers[status] = append(answers[status], answer)
			})
		}
		wg.Wait()
		return answers
	}
	for round := range 10 {
		mark := fmt.Sprint("m", round)
		answers := together(func(int) string { return "same-" + mark }, func(int) string { return command("takedown", "acct/1", "up", "", mark) })
		if len(answers[200]) != crowd {
			t.Fatalf("one key: %v", answers)
		}
		for _, a := range answers[200] {
			if a != answers[200][0] {
				t.Fatalf("one key has two answers: %s and %s", a, answers[200][0])
			}
		}
		answers = together(func(i int) string { return fmt.Sprint("rival-", i, "-", mark) }, func(i int) string { return command("restore", "acct/1", "down", mark, "") })
		if len(answers[200]) != 1 || len(answers[409]) != crowd-1 {
			t.Fatalf("rivals: %v", answers)
		}
	}
	r := towns[1].follow(0)
	for n := range 20 {
		if e := r.next(); e["id"] != float64(n+1) || e["rev"] != fmt.Sprint(n+2) {
			t.Fatalf("event %d is %v", n+1, e)
		}
	}
}

// postgres is an empty database of PostgreSQL.
func postgres(t *testing.T) string { return testenv.Postgres(t) }
