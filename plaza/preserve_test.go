package plaza_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/plaza"
)

// TestPreserve: what staff have preserved stays for staff when it is deleted, text and pictures,
// until that time, and is public nowhere; what they do not have preserved goes.
func TestPreserve(t *testing.T) {
	at := &clock{now: time.Now().UTC()}
	onBoth(t, func(c *plaza.Config) { c.Now = at.Now }, func(t *testing.T, to *town) {
		at.set(0)
		staff, setup := to.staff, to.setup
		to.want(201, "POST", "/staff/v1/accounts/bulk", setup, "", `{"accounts":[{"handle":"@ann","name":"Ann"},{"handle":"@ben","name":"Ben"}]}`)
		picture := `"pictures":[` + drawn(t, "one") + `]`
		to.want(201, "POST", "/staff/v1/posts/bulk", setup, "", `{"posts":[{"account":"acct/1","text":"kept words",`+picture+`},{"account":"acct/1","text":"other words"},{"account":"acct/2","text":"of ben",`+picture+`}]}`)
		now := at.Now()
		ask := func(status int, id string, until time.Time) string {
			t.Helper()
			return to.want(status, "POST", "/staff/v1/preserve", staff, "", fmt.Sprintf(`{"id":%q,"until":%q}`, id, canonical.At(until)))
		}
		ask(404, "post/9", now.Add(time.Hour))
		ask(400, "post/x", now.Add(time.Hour))
		ask(400, "post/1", now.Add(-time.Hour))
		ask(400, "post/1", now.Add(plaza.PreserveMost+time.Hour))
		ask(200, "post/1", now.Add(48*time.Hour))
		if got := ask(200, "post/1", now.Add(time.Hour)); !strings.Contains(got, canonical.At(now.Add(48*time.Hour)).String()) {
			t.Errorf("asked for less: %s", got)
		}
		ask(200, "acct/2", now.Add(48*time.Hour))

		eve := to.ownerToken("acct/1")
		to.want(200, "DELETE", "/owner/v1/posts/1", eve, "", "")
		to.want(200, "DELETE", "/owner/v1/posts/2", eve, "", "")
		to.want(200, "POST", "/staff/v1/commands", staff, "gone", command("delete", "acct/2", "up", "", ""))
		read := func(status int, id string) (c plaza.SubjectContent) {
			t.Helper()
			body := to.want(status, "GET", "/staff/v1/content?id="+id, staff, "", "")
			if status == 200 {
				if err := json.Unmarshal([]byte(body), &c); err != nil {
					t.Fatal(err)
				}
			}
			return c
		}
		for id, text := range map[string]string{"post/1": "kept words", "post/3": "of ben"} {
			c := read(200, id)
			if c.Text != text || c.Status != plaza.Deleted || c.Preserved.IsZero() || len(c.Pictures) != 1 || c.Author.Name == "" {
				t.Errorf("%s: %+v", id, c)
			}
			if got := to.want(200, "GET", "/staff/v1/content/picture?id="+id+"&n=1", staff, "", ""); len(got) == 0 {
				t.Errorf("%s: no picture", id)
			}
			if status, _, _ := to.page("/" + id); status != 404 && status != 410 {
				t.Errorf("the public gets %d for %s", status, id)
			}
		}
		if c := read(200, "acct/2"); c.Profile == nil || c.Profile.Name != "Ben" || c.Status != plaza.Deleted {
			t.Errorf("the account: %+v", c)
		}
		read(404, "post/2")
		to.want(404, "GET", "/staff/v1/subjects?id=post/1", staff, "", "")
		at.set(49 * time.Hour) // at each reading
		read(404, "post/1")
		to.want(404, "GET", "/staff/v1/content/picture?id=post/3&n=1", staff, "", "")
	})
}
