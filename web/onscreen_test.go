package web_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/cases"
	"countersign.dev/desk/desktest"
	"countersign.dev/plaza"
	"countersign.dev/sqldb/sqldbtest"
	"countersign.dev/store"
	"countersign.dev/test/testenv"
	"countersign.dev/web/webtest"
	"countersign.dev/workforce"
)

// compress is by how much the agents of BenchmarkNextOnScreen are faster than people. The page asks for
// a reservation after two thirds of what cases took, so that this is as much earlier; a reservation
// lasts a minute of the clock all the same, so that none ends here: BenchmarkReserved has those.
const compress = 20

// BenchmarkNextOnScreen has agents decide cases by keyboard in Chromium, each in a browser of their
// own, for as long as people take: lognormal with medians of 12 s spam, 45 s text, 150 s harassment,
// divided by compress; 16 in 100 with a measure. It measures from the key that decides until the next
// case is painted: the first frame after it is on the page and its script is ready, and what that
// frame does. The desk, its executor, plaza, the agents' hands and Chromium share this machine.
func BenchmarkNextOnScreen(b *testing.B) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": sqldbtest.SQLite, "postgres": sqldbtest.Postgres} {
		for _, agents := range []int{1, 4} {
			b.Run(fmt.Sprint(name, "/agents=", agents), func(b *testing.B) { nextOnScreen(b, url(b), agents) })
		}
	}
}

// watchScreen notes in a page how long it took from each key that decides until the next case was
// painted.
const watchScreen = `(() => {
	globalThis.painted = [];
	let pressed = 0, last = "";
	addEventListener("keydown", (e) => { if (e.key === "a" || e.key === "Enter" && e.ctrlKey) pressed = e.timeStamp; }, true);
	new MutationObserver(() => {
		const id = document.querySelector("#case")?.dataset.case ?? "";
		if (document.documentElement.dataset.ready !== "case" || id === last) return;
		last = id;
		const from = pressed;
		requestAnimationFrame(() => {
			const after = new MessageChannel();
			after.port1.onmessage = () => {
				const now = performance.now(), next = performance.getEntriesByType("resource").findLast((e) => e.name.endsWith("/next"));
				painted.push(from ? { all: now - from, before: next.startTime - from, next: next.responseEnd - next.startTime, show: now - next.responseEnd } : { all: 0, before: 0, next: 0, show: 0 });
			};
			after.port2.postMessage(0);
		});
	}).observe(document.documentElement, { attributes: true, attributeFilter: ["data-ready"] });
	performance.setResourceTimingBufferSize(100000);
	return true;
})()`

// asks is how long a page waited for the desk's answers, by what was asked, in milliseconds.
const asks = `performance.getEntriesByType("resource").filter((e) => e.initiatorType === "fetch").map((e) => [new URL(e.name).pathname.replace(/(cases|decisions)\/[^/]*_[^/]*/, "$1/ID"), e.responseEnd - e.startTime])`

func nextOnScreen(b *testing.B, url string, agents int) {
	const each, warm = 40, 6
	people := []workforce.WorkerID{"ann", "bob", "abe", "sue"}[:agents]
	d := webtest.Open(b, desktest.Options{URL: url, Budgets: actions.DefaultBudgets()})
	d.Passkeys(people...)
	n := agents * (each + warm + 3)
	var accounts, posts []string
	for i := range n {
		accounts = append(accounts, fmt.Sprintf(`{"handle":"@writer%d","name":"A Writer","followers":12}`, i))
		posts = append(posts, fmt.Sprintf(`{"account":"acct/%d","text":"Buy this, and buy it now (%d)."}`, 5+i, i))
	}
	seed := d.Token("seed2", plaza.SetupScope)
	d.Post(seed, "/staff/v1/accounts/bulk", `{"accounts":[`+strings.Join(accounts, ",")+`]}`)
	d.Post(seed, "/staff/v1/posts/bulk", `{"posts":[`+strings.Join(posts, ",")+`]}`)
	kinds := []struct {
		reason cases.Reason
		median time.Duration
	}{{"MisleadingSpam", 12 * time.Second}, {"Other", 45 * time.Second}, {"MisleadingSpam", 12 * time.Second}, {"HarassmentTroll", 150 * time.Second}, {"MisleadingSpam", 12 * time.Second}}
	took := map[string]time.Duration{}
	for i := range n {
		kind := kinds[i%len(kinds)]
		got := d.Flag(fmt.Sprint("r", i), fmt.Sprint("post/", 3+i), kind.reason, "acct/4")
		took[got.Case.ID] = kind.median
	}
	for id := range took {
		d.Evidenced(id)
	}
	var mu sync.Mutex
	all := map[string][]float64{}
	waited := map[string][]float64{}
	var everybody sync.WaitGroup
	tabs := make([]*testenv.Tab, agents)
	for i, by := range people {
		tabs[i] = d.SignIn(by)
	}
	for i, tab := range tabs {
		everybody.Go(func() {
			random := rand.New(rand.NewPCG(uint64(i), 2017))
			testenv.Eval[bool](tab, watchScreen)
			tab.Press("Enter")
			for n := range each + warm {
				tab.Wait(fmt.Sprintf("=> painted.length === %d", n+1))
				id := testenv.Eval[string](tab, "document.querySelector('#case').dataset.case")
				takes := time.Duration(float64(took[id]) * math.Exp(0.5*random.NormFloat64()) / compress)
				if random.Float64() < 0.16 {
					time.Sleep(max(takes/2, takes-3*time.Second/compress))
					tab.Press("1")
					time.Sleep(min(takes/2, 3*time.Second/compress))
					tab.Press("Ctrl+Enter")
				} else {
					time.Sleep(takes)
					tab.Press("a")
				}
			}
			tab.Wait(fmt.Sprintf("=> painted.length === %d", each+warm+1))
			times := testenv.Eval[[]map[string]float64](tab, "painted")[warm+1:]
			answers := testenv.Eval[[][2]any](tab, asks)
			mu.Lock()
			defer mu.Unlock()
			for _, one := range times {
				for part, ms := range one {
					all[part] = append(all[part], ms)
				}
			}
			for _, a := range answers {
				waited[a[0].(string)] = append(waited[a[0].(string)], a[1].(float64))
			}
		})
	}
	everybody.Wait()
	var kept int
	if err := d.Store.Read(b.Context(), func(tx *store.Tx) error {
		return tx.QueryRow(`select count(*) from case_reservation where why = 'taken'`).Scan(&kept)
	}); err != nil {
		b.Fatal(err)
	}
	for part, ms := range all {
		slices.Sort(ms)
		if part == "all" {
			b.ReportMetric(ms[len(ms)*95/100], "p95-ms")
			part = "p50"
		}
		b.ReportMetric(ms[len(ms)/2], part+"-ms")
	}
	b.ReportMetric(100*float64(kept)/float64(agents*(each+warm)), "reserved-%")
	b.ReportMetric(0, "ns/op")
	for path, times := range waited {
		slices.Sort(times)
		b.Logf("%-40s %4d times, p50 %5.1f ms, p95 %5.1f ms", path, len(times), times[len(times)/2], times[len(times)*95/100])
	}
}
