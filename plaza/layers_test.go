package plaza_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"countersign.dev/plaza"
	"countersign.dev/sqldb"
	"countersign.dev/test/testenv"
)

// onBoth runs a test against a plaza on each of the databases.
func onBoth(t *testing.T, edit func(*plaza.Config), test func(*testing.T, *town)) {
	t.Helper()
	if edit == nil {
		edit = func(*plaza.Config) {}
	}
	t.Run("sqlite", func(t *testing.T) { test(t, newTown(t, edit)) })
	t.Run("postgres", func(t *testing.T) { test(t, townOn(t, testenv.Postgres(t), edit)) })
}

// layered is a command about a layer.
func layered(verb, layer, id, status, mark, leave string) string {
	return fmt.Sprintf(`{"verb":%q,"layer":%q,"subject":{"id":%q},"expect":{"status":%q,"mark":%q},"mark":%q}`, verb, layer, id, status, mark, leave)
}

// doc is a state document, as far as these tests look.
type doc struct {
	Status, Mark, Rev string
	Layers            []plaza.Stood
}

func (to *town) read(id string) doc {
	to.t.Helper()
	var d doc
	if err := json.Unmarshal([]byte(to.want(200, "GET", "/staff/v1/subjects?id="+id, to.staff, "", "")), &d); err != nil {
		to.t.Fatal(err)
	}
	return d
}

// stands writes the layers of a subject without their revisions.
func (d doc) stands() string {
	var all []string
	for _, l := range d.Layers {
		all = append(all, fmt.Sprintf("%s %s %s", l.Layer, l.Status, l.Mark))
	}
	return strings.Join(all, ", ")
}

// sends posts a command under a key of its own and returns the answer.
func (to *town) sends(status int, body string) string {
	to.t.Helper()
	to.keys++
	return to.want(status, "POST", "/staff/v1/commands", to.staff, fmt.Sprint("sent-", to.keys), body)
}

func (to *town) refuses(status int, problem, body string) string {
	to.t.Helper()
	answer := to.sends(status, body)
	if !strings.Contains(answer, "/problems/"+problem+`"`) {
		to.t.Errorf("%s is refused with %s; want %s", body, answer, problem)
	}
	return answer
}

// TestLayers sets and lifts each layer of an account and of a post, and looks at the
// state, at the receipt and at the events.
func TestLayers(t *testing.T) {
	onBoth(t, nil, func(t *testing.T, to *town) {
		to.seed()
		events := to.follow(0)
		tells := func(event, subject, layer, status, mark string) string {
			t.Helper()
			e := events.next()
			got := fmt.Sprint(e["event"], " ", e["subject"], " ", e["layer"], " ", e["status"], " ", e["mark"], " ", e["by"])
			if want := fmt.Sprint(event, " ", subject, " ", layer, " ", status, " ", mark, " console"); got != want {
				t.Fatalf("the event is %q, want %q", got, want)
			}
			return e["rev"].(string)
		}
		for _, id := range []string{"acct/1", "post/1"} {
			before := to.read(id)
			if before.Layers != nil {
				t.Fatalf("%s begins with %v", id, before.Layers)
			}
			var receipt struct {
				Key, Verb     string
				Before, After doc
			}
			if err := json.Unmarshal([]byte(to.sends(200, layered("label", "label:spam", id, "unset", "", "m1"))), &receipt); err != nil {
				t.Fatal(err)
			}
			rev := tells("layer", id, "label:spam", "set", "m1")
			if diff := cmp.Diff([]plaza.Stood{{Layer: "label:spam", Status: "set", Mark: "m1", Rev: rev}}, receipt.After.Layers); diff != "" || receipt.Before.Layers != nil || receipt.Verb != "label" {
				t.Errorf("the receipt is %+v\n%s", receipt, diff)
			}
			if is := to.read(id); is.stands() != "label:spam set m1" || is.Rev != before.Rev || is.Status != "up" || is.Mark != "" {
				t.Errorf("labelled it is %+v, before %+v", is, before)
			}
			to.refuses(409, "wrong-state", layered("label", "label:spam", id, "unset", "", "m2"))
			to.sends(200, layered("limit", "limit", id, "none", "", ""))
			tells("layer", id, "limit", "limited", "")
			var third struct{ After doc }
			if err := json.Unmarshal([]byte(to.sends(200, layered("label", "label:graphic", id, "unset", "", ""))), &third); err != nil {
				t.Fatal(err)
			}
			tells("layer", id, "label:graphic", "set", "")
			if diff := cmp.Diff(to.read(id).Layers, third.After.Layers); diff != "" {
				t.Errorf("the receipt tells other layers, or in another order, than are read: %s", diff)
			}
			if is := to.read(id); is.stands() != "label:graphic set , label:spam set m1, limit limited " {
				t.Errorf("it stands as %s", is.stands())
			}
			// Another layer's command changes no revision, and a takedown no layer.
			before = to.read(id)
			to.sends(200, command("takedown", id, "up", "", "m3"))
			if rev := tells("change", id, "<nil>", "down", "m3"); rev == before.Rev {
				t.Errorf("the takedown left the revision %s", rev)
			}
			if diff := cmp.Diff(before.Layers, to.read(id).Layers); diff != "" {
				t.Errorf("a takedown changed layers: %s", diff)
			}
			to.sends(200, layered("unlabel", "label:graphic", id, "set", "", "")) // on what is down
			tells("layer", id, "label:graphic", "unset", "")
			to.sends(200, layered("label", "label:sensitive", id, "unset", "", "m4"))
			tells("layer", id, "label:sensitive", "set", "m4")
			to.sends(200, command("restore", id, "down", "m3", ""))
			tells("change", id, "<nil>", "up", "")
			now := to.refuses(409, "wrong-state", layered("unlabel", "label:spam", id, "set", "m2", ""))
			if !strings.Contains(now, `"now":{`) || !strings.Contains(now, `"layers":[{"layer":"label:sensitive","mark":"m4","rev":`) {
				t.Errorf("the refusal says %s", now)
			}
			if again := to.read(id).Layers; again[1].Rev != rev {
				t.Errorf("the label's revision is %s now, was %s", again[1].Rev, rev)
			}
			withRev := func(rev string) string {
				return fmt.Sprintf(`{"verb":"unlabel","layer":"label:spam","subject":{"id":%q},"expect":{"status":"set","mark":"m1","rev":%q}}`, id, rev)
			}
			to.refuses(409, "wrong-state", withRev(rev+"0"))
			to.sends(200, withRev(rev))
			tells("layer", id, "label:spam", "unset", "")
			to.refuses(409, "wrong-state", withRev(rev))
			to.sends(200, layered("label", "label:spam", id, "unset", "", "m1"))
			if second := tells("layer", id, "label:spam", "set", "m1"); second == rev {
				t.Errorf("set again, the label has the revision %s once more", rev)
			}
			to.sends(200, layered("unlabel", "label:spam", id, "set", "m1", ""))
			tells("layer", id, "label:spam", "unset", "")
			to.sends(200, layered("unlabel", "label:sensitive", id, "set", "m4", ""))
			tells("layer", id, "label:sensitive", "unset", "")
			to.sends(200, layered("unlimit", "limit", id, "limited", "", ""))
			tells("layer", id, "limit", "none", "")
			if is := to.read(id); is.Layers != nil {
				t.Errorf("with everything lifted it has %v", is.Layers)
			}
		}
	})
}

// TestLimitTakesThePlaceOfAnother: only between two marks, as with takedowns.
func TestLimitTakesThePlaceOfAnother(t *testing.T) {
	onBoth(t, nil, func(t *testing.T, to *town) {
		to.seed()
		to.sends(200, layered("limit", "limit", "acct/1", "none", "", "m1"))
		to.refuses(409, "wrong-state", layered("limit", "limit", "acct/1", "none", "", "m2"))
		to.refuses(409, "wrong-state", layered("limit", "limit", "acct/1", "limited", "m3", "m2"))
		to.refuses(400, "bad-command", layered("limit", "limit", "acct/1", "limited", "m1", "m1"))
		to.refuses(400, "bad-command", layered("limit", "limit", "acct/1", "limited", "", "m2"))
		to.refuses(400, "bad-command", layered("limit", "limit", "acct/1", "limited", "m1", ""))
		before := to.read("acct/1").Layers[0].Rev
		to.sends(200, layered("limit", "limit", "acct/1", "limited", "m1", "m2"))
		if is := to.read("acct/1"); is.stands() != "limit limited m2" || is.Layers[0].Rev == before {
			t.Errorf("it stands as %v", is.Layers)
		}
		to.refuses(409, "wrong-state", layered("unlimit", "limit", "acct/1", "limited", "m1", ""))
		to.sends(200, layered("unlimit", "limit", "acct/1", "limited", "m2", ""))
	})
}

func TestBadLayers(t *testing.T) {
	to := newTown(t, nil)
	to.seed()
	for _, body := range []string{
		layered("label", "label:nothing-of-the-sort", "acct/1", "unset", "", "m"),
		layered("label", "label:SPAM", "acct/1", "unset", "", "m"),
		layered("label", "label:", "acct/1", "unset", "", "m"),
		layered("label", "label:-spam", "acct/1", "unset", "", "m"),
		layered("label", "label:spam", "acct/1", "none", "", "m"),
		layered("label", "label:spam", "acct/1", "set", "", "m"),
		layered("label", "label:spam", "acct/1", "set", "m", "m2"),
		layered("label", "label:spam", "acct/1", "unset", "m", "m2"),
		layered("label", "label:spam", "acct/1", "up", "", "m"),
		layered("label", "spam", "acct/1", "unset", "", "m"),
		layered("label", "limit", "acct/1", "unset", "", "m"),
		layered("label", "", "acct/1", "unset", "", "m"),
		layered("unlabel", "label:"+strings.Repeat("a", 65), "acct/1", "set", "", ""),
		layered("unlabel", "label:spam", "acct/1", "set", "", "m"),
		layered("unlabel", "label:spam", "acct/1", "unset", "", ""),
		layered("limit", "label:spam", "acct/1", "none", "", "m"),
		layered("limit", "", "acct/1", "none", "", "m"),
		layered("limit", "limit", "acct/1", "up", "", "m"),
		layered("limit", "limit", "acct/1", "none", "", "a b"),
		layered("unlimit", "limit", "acct/1", "none", "", ""),
		layered("takedown", "visibility", "acct/1", "up", "", "m"),
		layered("takedown", "limit", "acct/1", "up", "", "m"),
		layered("restore", "limit", "acct/1", "down", "", ""),
		layered("warn", "limit", "acct/1", "", "", ""),
		`{"verb":"label","layer":"label:sp\u0000am","subject":{"id":"acct/1"},"expect":{"status":"unset"},"mark":"m"}`,
		`{"verb":"label","layer":"label:spam\n","subject":{"id":"acct/1"},"expect":{"status":"unset"},"mark":"m"}`,
		`{"verb":"label","layer":"label:sp\u001b[2Jam","subject":{"id":"acct/1"},"expect":{"status":"unset"},"mark":"m"}`,
		`{"verb":"label","layer":"label:spa\u200bm","subject":{"id":"acct/1"},"expect":{"status":"unset"},"mark":"m"}`,
		`{"verb":"label","layer":"label:spam","subject":{"id":"acct/1"},"expect":{"status":"unset","rev":"1"},"mark":"m"}`,
		`{"verb":"label","layer":"label:spam","subject":{"id":"acct/1"},"mark":"m"}`,
		`{"verb":"label","layer":"label:spam","subject":{"id":"acct/1"},"expect":{"status":"unset"},"text":"x"}`,
		`{"verb":"unlabel","layer":"label:spam","subject":{"id":"acct/1"},"expect":{"status":"set"},"until":"2026-12-01T00:00:00.000000Z"}`,
		`{"verb":"label","layer":"label:spam","subject":{"id":"post/1","handle":"@x"},"expect":{"status":"unset"},"mark":"m"}`,
	} {
		to.refuses(400, "bad-command", body)
	}
	for _, body := range []string{
		`{"verb":"label","layers":["label:spam"],"subject":{"id":"acct/1"},"expect":{"status":"unset"}}`,
		`{"verb":"label","layer":"label:spam","layer":"label:spam","subject":{"id":"acct/1"},"expect":{"status":"unset"}}`,
		`{"verb":"limit","layer":"limit","subject":{"id":"acct/1"},"expect":{"status":"none"},"until":"tomorrow"}`,
		`{"verb":"limit","layer":"limit","subject":{"id":"acct/1"},"expect":{"status":"none"},"until":1}`,
	} {
		to.refuses(400, "malformed", body)
	}
	// A refusal for its form leaves the key unused.
	to.want(400, "POST", "/staff/v1/commands", to.staff, "once", layered("label", "label:other", "acct/1", "unset", "", "m"))
	to.want(200, "POST", "/staff/v1/commands", to.staff, "once", layered("label", "label:spam", "acct/1", "unset", "", "m"))
	to.refuses(409, "handle-moved", `{"verb":"unlabel","layer":"label:spam","subject":{"id":"acct/1","handle":"@other"},"expect":{"status":"set","mark":"m"}}`)
	if is := to.read("acct/1"); is.stands() != "label:spam set m" || is.Rev != "1" {
		t.Errorf("it is %+v", is)
	}
}

// manyLabels is a list of labels longer than may stand on one subject.
func manyLabels(n int) []plaza.LabelText {
	var list []plaza.LabelText
	for i := range n {
		list = append(list, plaza.LabelText{Value: fmt.Sprintf("l%03d", n-i), Title: "L", Reason: "R."})
	}
	return list
}

// TestManyLabels: twenty stand on a subject, of 200 that come one after the other and at
// once; what is lifted makes room.
func TestManyLabels(t *testing.T) {
	onBoth(t, func(c *plaza.Config) { c.Labels = manyLabels(220) }, func(t *testing.T, to *town) {
		to.seed()
		for i := 1; i <= 20; i++ {
			to.sends(200, layered("label", fmt.Sprintf("label:l%03d", i), "acct/1", "unset", "", "m"))
		}
		to.sends(200, layered("limit", "limit", "acct/1", "none", "", "m")) // is no label
		answer := to.refuses(409, "too-many-labels", layered("label", "label:l021", "acct/1", "unset", "", "m"))
		if !strings.Contains(answer, `"now":{`) || !strings.Contains(answer, "label:l020") {
			t.Errorf("the refusal is %s", answer)
		}
		to.refuses(409, "wrong-state", layered("label", "label:l020", "acct/1", "unset", "", "m"))
		to.sends(200, layered("unlabel", "label:l001", "acct/1", "set", "m", ""))
		to.sends(200, layered("label", "label:l021", "acct/1", "unset", "", "m"))
		for i := 22; i <= 200; i++ {
			to.refuses(409, "too-many-labels", layered("label", fmt.Sprintf("label:l%03d", i), "acct/1", "unset", "", "m"))
		}
		if is := to.read("acct/1"); len(is.Layers) != 21 {
			t.Errorf("%d layers stand", len(is.Layers))
		}
		// The owner's page and the profile show all of them.
		token := to.ownerToken("acct/1")
		if res, page := to.browse("GET", "/account", token, "", nil); res.StatusCode != 200 || strings.Count(page, "<h3>L</h3>") != 20 {
			t.Errorf("the owner's page: %s", page)
		}
		var wg sync.WaitGroup
		for i := 1; i <= 60; i++ {
			wg.Go(func() {
				to.send("POST", "/staff/v1/commands", to.staff, fmt.Sprint("crowd", i), layered("label", fmt.Sprintf("label:l%03d", i), "acct/2", "unset", "", "m"))
			})
		}
		wg.Wait()
		if is := to.read("acct/2"); len(is.Layers) != 20 {
			t.Errorf("%d labels stand after 60 at once", len(is.Layers))
		}
	})
}

// TestLabelsNotOfferedAnyMore: what stands stays, is told, and can be lifted; it cannot be
// set.
func TestLabelsNotOfferedAnyMore(t *testing.T) {
	file := t.TempDir() + "/plaza.db"
	to := openTown(t, file, func(c *plaza.Config) { c.Labels = manyLabels(3) })
	to.seed()
	if caps := to.want(200, "GET", "/staff/v1/capabilities", to.staff, "", ""); !strings.Contains(caps, `"labels":["l001","l002","l003"]`) {
		t.Errorf("the capabilities are %s", caps)
	}
	set := layered("label", "label:l002", "acct/1", "unset", "", "m")
	first := to.want(200, "POST", "/staff/v1/commands", to.staff, "before", set)
	to.server.Close()
	if err := to.db.Close(); err != nil {
		t.Fatal(err)
	}
	again := openTown(t, file, nil)
	if answer := again.want(200, "POST", "/staff/v1/commands", again.staff, "before", set); answer != first {
		t.Errorf("the same key has another answer now: %s", answer)
	}
	if caps := again.want(200, "GET", "/staff/v1/capabilities", again.staff, "", ""); !strings.Contains(caps, `"labels":["graphic","impersonation","misleading","sensitive","spam"]`) {
		t.Errorf("the capabilities are %s", caps)
	}
	if is := again.read("acct/1"); is.stands() != "label:l002 set m" {
		t.Errorf("it stands as %s", is.stands())
	}
	again.refuses(400, "bad-command", layered("label", "label:l003", "acct/1", "unset", "", "m"))
	again.refuses(409, "wrong-state", layered("unlabel", "label:l003", "acct/1", "set", "m", ""))
	again.sends(200, layered("unlabel", "label:l002", "acct/1", "set", "m", ""))
	again.refuses(400, "bad-command", layered("label", "label:l002", "acct/1", "unset", "", "m"))
}

// TestLayersOfWhatIsNotUp: layers of a subject that is down or deactivated can be changed;
// a deleted one has none, and keeps none.
func TestLayersOfWhatIsNotUp(t *testing.T) {
	onBoth(t, nil, func(t *testing.T, to *town) {
		to.seed()
		labels := func(id string) {
			t.Helper()
			for _, l := range plaza.Labels {
				to.sends(200, layered("label", "label:"+l.Value, id, "unset", "", "m"))
			}
			to.sends(200, layered("limit", "limit", id, "none", "", "m"))
		}
		to.sends(200, command("takedown", "acct/1", "up", "", "t"))
		labels("acct/1")
		to.sends(200, command("restore", "acct/1", "down", "t", ""))
		to.sends(200, command("deactivate", "acct/1", "up", "", "d"))
		to.sends(200, layered("unlabel", "label:spam", "acct/1", "set", "m", ""))
		to.sends(200, layered("unlimit", "limit", "acct/1", "limited", "m", ""))
		to.sends(200, layered("limit", "limit", "acct/1", "none", "", "m2"))
		labels("post/1")
		labels("post/2")
		to.sends(200, command("reactivate", "acct/1", "deactivated", "d", ""))
		if is := to.read("acct/1"); len(is.Layers) != 5 || is.Layers[4].Mark != "m2" {
			t.Errorf("it is %+v", is)
		}
		answer := to.sends(200, command("delete", "acct/1", "up", "", ""))
		if _, after, ok := strings.Cut(answer, `"after":`); !ok || strings.Contains(after[:strings.Index(after, `"before"`)], "layers") {
			t.Errorf("the receipt of the deletion is %s", answer)
		}
		to.sends(200, command("delete", "post/2", "up", "", ""))
		for _, id := range []string{"acct/1", "post/1", "post/2"} {
			to.refuses(404, "no-such-subject", layered("limit", "limit", id, "none", "", "m"))
			to.refuses(404, "no-such-subject", layered("unlabel", "label:spam", id, "set", "m", ""))
		}
		for _, table := range []string{"account_layer", "post_layer"} {
			var left int
			if err := to.db.Read(t.Context(), func(tx *sqldb.Tx) error { return tx.QueryRow(`select count(*) from ` + table).Scan(&left) }); err != nil || left != 0 {
				t.Errorf("%s has %d rows of deleted subjects, %v", table, left, err)
			}
		}
	})
}

// TestListWithLayers: the list tells the layers of each account, beside accounts without.
func TestListWithLayers(t *testing.T) {
	onBoth(t, nil, func(t *testing.T, to *town) {
		var list []string
		for i := range 1005 {
			list = append(list, fmt.Sprintf(`{"handle":"@u%d","name":"U"}`, i))
		}
		to.want(201, "POST", "/staff/v1/accounts/bulk", to.setup, "", `{"accounts":[`+strings.Join(list, ",")+`]}`)
		want := map[string]string{}
		for n, labels := range map[int][]string{1: {"spam"}, 999: {"graphic", "spam"}, 1000: {"sensitive"}, 1001: {"misleading"}, 1005: {"spam"}} {
			id := fmt.Sprint("acct/", n)
			for _, l := range labels {
				to.sends(200, layered("label", "label:"+l, id, "unset", "", "m"))
			}
			want[id] = to.read(id).stands()
		}
		to.sends(200, command("delete", "acct/1005", "up", "", ""))
		delete(want, "acct/1005")
		got, after, pages := map[string]string{}, "", 0
		for {
			var page struct {
				Accounts []struct {
					ID string
					doc
				}
				Next string
			}
			answer := to.want(200, "GET", "/staff/v1/accounts?after="+after, to.staff, "", "")
			if err := json.Unmarshal([]byte(answer), &page); err != nil {
				t.Fatal(err)
			}
			if pages == 0 && strings.Count(answer, `"layers"`) != 3 {
				t.Errorf("%d accounts of the first page have layers", strings.Count(answer, `"layers"`))
			}
			for _, a := range page.Accounts {
				if len(a.Layers) > 0 {
					got[a.ID] = a.stands()
				}
			}
			pages++
			if after = page.Next; after == "" {
				break
			}
		}
		if diff := cmp.Diff(want, got); diff != "" || pages != 2 {
			t.Errorf("on %d pages: %s", pages, diff)
		}
	})
}

// TestLayersApart lets people change three layers of one account at once: one of each
// crowd wins, and nobody disturbs another layer. Two servers work on one PostgreSQL.
func TestLayersApart(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { to := newTown(t, nil); apart(t, []*town{to, to}) })
	t.Run("postgres", func(t *testing.T) {
		dsn := testenv.Postgres(t)
		apart(t, []*town{townOn(t, dsn), townOn(t, dsn)})
	})
}

func apart(t *testing.T, towns []*town) {
	towns[0].seed()
	staff := towns[0].staff
	kinds := []struct{ set, lift func(mark string) string }{
		{func(m string) string { return command("takedown", "acct/1", "up", "", m) }, func(m string) string { return command("restore", "acct/1", "down", m, "") }},
		{func(m string) string { return layered("label", "label:spam", "acct/1", "unset", "", m) }, func(m string) string { return layered("unlabel", "label:spam", "acct/1", "set", m, "") }},
		{func(m string) string { return layered("limit", "limit", "acct/1", "none", "", m) }, func(m string) string { return layered("unlimit", "limit", "acct/1", "limited", m, "") }},
	}
	const crowd = 6
	together := func(round string, body func(kind, i int) string) []int {
		won, after := make([]int, len(kinds)), make([]string, len(kinds))
		var mu sync.Mutex
		var wg sync.WaitGroup
		for kind := range kinds {
			for i := range crowd {
				wg.Go(func() {
					status, answer := towns[i%2].send("POST", "/staff/v1/commands", staff, fmt.Sprint(round, "-", kind, "-", i), body(kind, i))
					mu.Lock()
					defer mu.Unlock()
					if status == 200 {
						won[kind]++
						after[kind] = answer
					} else if status != 409 {
						t.Errorf("%s: %d %s", round, status, answer)
					}
				})
			}
		}
		wg.Wait()
		return won
	}
	for round := range 8 {
		winner := fmt.Sprint("r", round)
		if won := together("set-"+winner, func(kind, i int) string { return kinds[kind].set(winner) }); !cmp.Equal(won, []int{1, 1, 1}) {
			t.Fatalf("%v won", won)
		}
		d := towns[1].read("acct/1")
		if d.Status != "down" || d.Mark != winner || d.stands() != "label:spam set "+winner+", limit limited "+winner {
			t.Fatalf("it is %+v", d)
		}
		if won := together("lift-"+winner, func(kind, i int) string { return kinds[kind].lift(winner) }); !cmp.Equal(won, []int{1, 1, 1}) {
			t.Fatalf("%v won", won)
		}
		if d := towns[0].read("acct/1"); d.Status != "up" || d.Mark != "" || d.Layers != nil {
			t.Fatalf("it is %+v", d)
		}
	}
	// Every state that a receipt tells follows from the events up to it, and events come
	// without gap.
	r := towns[1].follow(0)
	last := map[any]any{}
	for n := range 48 {
		e := r.next()
		if e["id"] != float64(n+1) || e["rev"] == last[e["layer"]] {
			t.Fatalf("event %d is %v", n+1, e)
		}
		last[e["layer"]] = e["rev"]
	}
}

// TestReceiptsTellAllLayers: two servers on one database change two layers at once, and
// the receipt of the later change tells the earlier one.
func TestReceiptsTellAllLayers(t *testing.T) {
	dsn := testenv.Postgres(t)
	towns := []*town{townOn(t, dsn), townOn(t, dsn)}
	towns[0].seed()
	for round := range 20 {
		id := "acct/1"
		bodies := []string{command("takedown", id, "up", "", "t"), layered("label", "label:spam", id, "unset", "", "l")}
		back := []string{command("restore", id, "down", "t", ""), layered("unlabel", "label:spam", id, "set", "l", "")}
		for way, pair := range [][]string{bodies, back} {
			var after [2]doc
			var wg sync.WaitGroup
			for i, body := range pair {
				wg.Go(func() {
					var receipt struct{ After doc }
					_, answer := towns[i].send("POST", "/staff/v1/commands", towns[0].staff, fmt.Sprint("k", round, "-", way, "-", i), body)
					if err := json.Unmarshal([]byte(answer), &receipt); err != nil {
						t.Error(err)
					}
					after[i] = receipt.After
				})
			}
			wg.Wait()
			is := towns[0].read(id)
			if !cmp.Equal(after[0], is) && !cmp.Equal(after[1], is) {
				t.Fatalf("round %d: it is %+v; the receipts tell %+v and %+v", round, is, after[0], after[1])
			}
		}
	}
}

// TestLayersModel sends random commands in three layers and holds the state against a
// simple model.
func TestLayersModel(t *testing.T) {
	to := newTown(t, nil)
	runs := 0
	rapid.Check(t, func(rt *rapid.T) {
		runs++
		var made struct{ ID string }
		if err := json.Unmarshal([]byte(to.want(201, "POST", "/staff/v1/accounts", to.setup, "", fmt.Sprintf(`{"handle":"@layers%d","name":"M"}`, runs))), &made); err != nil {
			rt.Fatal(err)
		}
		type stood struct{ status, mark string }
		model := map[string]stood{"": {"up", ""}, "limit": {"none", ""}, "label:spam": {"unset", ""}, "label:graphic": {"unset", ""}}
		revs := map[string]string{}
		clear := map[string]string{"": "up", "limit": "none", "label:spam": "unset", "label:graphic": "unset"}
		full := map[string]string{"": "down", "limit": "limited", "label:spam": "set", "label:graphic": "set"}
		verbs := map[string][2]string{"": {"takedown", "restore"}, "limit": {"limit", "unlimit"}, "label:spam": {"label", "unlabel"}, "label:graphic": {"label", "unlabel"}}
		mark := rapid.SampledFrom([]string{"", "a", "b"})
		for range rapid.IntRange(1, 15).Draw(rt, "steps") {
			layer := rapid.SampledFrom([]string{"", "limit", "label:spam", "label:graphic"}).Draw(rt, "layer")
			set := rapid.Bool().Draw(rt, "set")
			from, expect, leave, verb, to1 := full[layer], mark.Draw(rt, "expect"), "", verbs[layer][1], clear[layer]
			if set {
				verb, from, to1, leave = verbs[layer][0], clear[layer], full[layer], mark.Draw(rt, "leave")
				if layer == "" || layer == "limit" {
					if expect != "" && leave != "" && expect != leave {
						from = full[layer] // in the place of another
					} else if layer != "" {
						expect = ""
					}
				} else {
					expect = ""
				}
			}
			body := layered(verb, layer, made.ID, from, expect, leave)
			if layer == "" {
				body = command(verb, made.ID, from, expect, leave)
			}
			want := 409
			changed := model[layer] == stood{from, expect}
			if changed {
				want, model[layer] = 200, stood{to1, leave}
			}
			to.sends(want, body)
			d := to.read(made.ID)
			got := map[string]stood{"": {d.Status, d.Mark}, "limit": {"none", ""}, "label:spam": {"unset", ""}, "label:graphic": {"unset", ""}}
			now := map[string]string{"": d.Rev}
			for _, l := range d.Layers {
				got[string(l.Layer)], now[string(l.Layer)] = stood{string(l.Status), l.Mark}, l.Rev
			}
			for l, want := range model {
				if got[l] != want {
					rt.Fatalf("after %s the layer %q is %+v, want %+v", body, l, got[l], want)
				}
				if revs[l] != "" && now[l] != "" && (revs[l] != now[l]) != (l == layer && changed) {
					rt.Fatalf("after %s the revision of %q is %s, was %s", body, l, now[l], revs[l])
				}
			}
			revs = now
		}
	})
}

// TestWarn: a warning comes once for its key, is plainly a warning, changes nothing and
// is told of like a command.
func TestWarn(t *testing.T) {
	onBoth(t, nil, func(t *testing.T, to *town) {
		to.seed()
		token := to.ownerToken("acct/1")
		to.want(200, "POST", "/staff/v1/notices", to.staff, "w1", `{"account":"acct/1","title":"Hello","text":"A notice."}`)
		body := `{"verb":"warn","subject":{"id":"acct/1","handle":"@PRESIDENT"},"text":"Please stop <b>that</b>.\nThank you."}`
		first := to.want(200, "POST", "/staff/v1/commands", to.staff, "w1", body) // the key of a notice is another key
		if again := to.want(200, "POST", "/staff/v1/commands", to.staff, "w1", body); again != first {
			t.Errorf("again: %s, first %s", again, first)
		}
		to.want(200, "POST", "/staff/v1/notices", to.staff, "w1", `{"account":"acct/1","title":"Hello","text":"A notice."}`)
		to.want(200, "POST", "/staff/v1/commands", to.staff, "w3", `{"verb":"warn","subject":{"id":"acct/2"},"text":"You as well."}`)
		to.want(200, "POST", "/staff/v1/notices", to.staff, "w3", `{"account":"acct/2","title":"Hello","text":"A notice."}`)
		to.want(422, "POST", "/staff/v1/commands", to.staff, "w1", strings.ReplaceAll(body, "stop", "go on"))
		var receipt struct {
			Key, Verb     string
			Before, After json.RawMessage
		}
		if err := json.Unmarshal([]byte(first), &receipt); err != nil {
			t.Fatal(err)
		}
		if receipt.Key != "w1" || receipt.Verb != "warn" || string(receipt.Before) != string(receipt.After) || !strings.Contains(first, `"rev":"1"`) {
			t.Errorf("the receipt is %s", first)
		}
		if looked := to.want(200, "GET", "/staff/v1/commands/w1", to.staff, "", ""); !strings.Contains(looked, `"outcome":"done"`) || !strings.Contains(looked, first) {
			t.Errorf("looked up: %s", looked)
		}
		to.want(200, "GET", "/staff/v1/commands/w2", to.staff, "", "")
		if answer := to.want(409, "POST", "/staff/v1/commands", to.staff, "w2", body); !strings.Contains(answer, "key-fenced") {
			t.Errorf("a fenced warning: %s", answer)
		}
		n := to.own(token).Notices
		if len(n) != 2 || !n[0].Warning || n[0].Text != "Please stop <b>that</b>.\nThank you." || n[1].Warning {
			t.Errorf("the notices are %+v", n)
		}
		to.want(410, "GET", "/staff/v1/events?after=1", to.staff, "", "") // no event has been
		if is := to.read("acct/1"); is.Rev != "1" || is.Layers != nil {
			t.Errorf("warned, it is %+v", is)
		}
		to.refuses(409, "handle-moved", `{"verb":"warn","subject":{"id":"acct/1","handle":"@other"},"text":"x"}`)
		for _, body := range []string{
			`{"verb":"warn","subject":{"id":"acct/1"}}`,
			`{"verb":"warn","subject":{"id":"acct/1"},"text":""}`,
			`{"verb":"warn","subject":{"id":"acct/1"},"text":" \n "}`,
			`{"verb":"warn","subject":{"id":"acct/1"},"text":"a\u001bb"}`,
			`{"verb":"warn","subject":{"id":"acct/1"},"text":"` + strings.Repeat("x", 5001) + `"}`,
			`{"verb":"warn","subject":{"id":"acct/1"},"text":"x","mark":"m"}`,
			`{"verb":"warn","subject":{"id":"acct/1"},"text":"x","expect":{"status":"up"}}`,
			`{"verb":"warn","subject":{"id":"acct/1"},"text":"x","until":"2026-12-01T00:00:00.000000Z"}`,
			`{"verb":"warn","subject":{"id":"post/1"},"text":"x"}`,
			`{"verb":"takedown","subject":{"id":"acct/1"},"expect":{"status":"up"},"text":"x"}`,
		} {
			to.refuses(400, "bad-command", body)
		}
		to.sends(200, `{"verb":"warn","subject":{"id":"acct/1"},"text":"`+strings.Repeat("𝌆", 5000)+`"}`)
		to.sends(200, command("takedown", "acct/1", "up", "", "m"))
		to.sends(200, `{"verb":"warn","subject":{"id":"acct/1"},"text":"While it is down."}`)
		to.sends(200, command("delete", "acct/1", "down", "m", ""))
		to.refuses(404, "no-such-subject", `{"verb":"warn","subject":{"id":"acct/1"},"text":"x"}`)
	})
}

// TestOldDigests: a command of before there were layers has the digest that it had, so
// that a key that was used before an upgrade gets its first answer afterwards.
func TestOldDigests(t *testing.T) {
	to := newTown(t, nil)
	to.seed()
	to.sends(200, command("takedown", "acct/1", "up", "", "m"))
	var digest string
	if err := to.db.Read(context.Background(), func(tx *sqldb.Tx) error { return tx.QueryRow(`select digest from command`).Scan(&digest) }); err != nil {
		t.Fatal(err)
	}
	const before = "sha256:daaa45aae6e9151df86fa6bc0e1922f22e335d26ed9c00f5693f97f8809463dc"
	if digest != before {
		t.Errorf("the digest is %s, was %s", digest, before)
	}
}

// TestOwnersView: the owner sees what stands on the account and on posts, since when and
// until when, with the reference.
func TestOwnersView(t *testing.T) {
	onBoth(t, nil, func(t *testing.T, to *town) {
		to.seed()
		token := to.ownerToken("acct/1")
		const until = `,"until":"2031-05-06T07:08:09.000000Z"}`
		ending := func(body string) string { return strings.TrimSuffix(body, "}") + until }
		if o := to.own(token); len(o.Measures) != 0 || len(o.Posts) != 0 {
			t.Errorf("at first: %+v", o)
		}
		to.sends(200, ending(layered("limit", "limit", "acct/1", "none", "", "m1")))
		to.sends(200, layered("label", "label:impersonation", "acct/1", "unset", "", "m2"))
		to.sends(200, ending(layered("label", "label:spam", "post/1", "unset", "", "m3")))
		to.sends(200, ending(command("takedown", "post/3", "up", "", "m4")))
		to.sends(200, layered("label", "label:spam", "post/2", "unset", "", "other"))
		says := func(want ...string) {
			t.Helper()
			o := to.own(token)
			var got []string
			say := func(of string, list []plaza.Measure) {
				for _, m := range list {
					if m.Since.IsZero() || m.Title == "" || m.Reason == "" {
						t.Errorf("%s: %+v", of, m)
					}
					got = append(got, fmt.Sprintf("%s %s %s %s %s", of, m.Layer, m.Status, m.Reference, m.Until))
				}
			}
			say(o.ID, o.Measures)
			for _, p := range o.Posts {
				say(p.ID, p.Measures)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("the owner sees (-want +got):\n%s", diff)
			}
		}
		const end = "2031-05-06T07:08:09.000000Z"
		says("acct/1 label:impersonation set m2 ", "acct/1 limit limited m1 "+end, "post/3 visibility down m4 "+end, "post/1 label:spam set m3 "+end)
		_, page := to.browse("GET", "/account", token, "", nil)
		for _, text := range []string{"What stands on your account", "<h3>Limited</h3>", "<h3>Impersonation</h3>", "<h3>Removed</h3>", "<h3>Spam</h3>",
			"until 6 May 2031, 07:08 UTC", "no end is planned", "<code>m3</code>", "We signed the act."} {
			if !strings.Contains(page, text) {
				t.Errorf("the owner's page does not show %q", text)
			}
		}
		if strings.Contains(page, "Rain") {
			t.Error("the owner's page shows another one's post")
		}
		to.sends(200, layered("limit", "limit", "acct/1", "limited", "m1", "m5")) // without an end
		to.sends(200, command("restore", "post/3", "down", "m4", ""))
		to.sends(200, layered("unlabel", "label:spam", "post/1", "set", "m3", ""))
		to.sends(200, ending(command("takedown", "acct/1", "up", "", "m6")))
		says("acct/1 visibility down m6 "+end, "acct/1 label:impersonation set m2 ", "acct/1 limit limited m5 ")
		to.sends(200, command("restore", "acct/1", "down", "m6", ""))
		to.want(200, "POST", "/owner/v1/deactivate", token, "", "")
		says("acct/1 label:impersonation set m2 ", "acct/1 limit limited m5 ") // the owner's own choice is no measure
		to.want(200, "POST", "/owner/v1/reactivate", token, "", "")
		to.sends(200, ending(command("deactivate", "acct/1", "up", "", "")))
		says("acct/1 visibility deactivated  "+end, "acct/1 label:impersonation set m2 ", "acct/1 limit limited m5 ")
		to.sends(200, `{"verb":"warn","subject":{"id":"acct/1"},"text":"Not again."}`)
		if _, page := to.browse("GET", "/account", token, "", nil); !strings.Contains(page, `class="message warning"`) || !strings.Contains(page, "A warning from Plaza’s staff") {
			t.Error("the owner's page does not show the warning as one")
		}
	})
}
