package api_test

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/desk/acts"
	"countersign.dev/workforce"
)

// TestRequestsApart: no answer tells a vendor's people, of another company's request that they may
// not sign, who asked for it, about whom, or why. Whoever may lift the measure alone reads what it
// stands on, and no more. The requester's own company, employees and
// those who may sign read all of it.
func TestRequestsApart(t *testing.T) {
	s := serve(t)
	held := s.Request("abe", acts.Wish{Kind: actions.AccountTakedown, Subject: "plaza:@president", Reason: "Words of a reason."})
	done := s.Request("abe", acts.Wish{Kind: actions.AccountTakedown, Subject: "plaza:acct/3", Reason: "Words of a reason.", Case: "T-1"})
	if held.Status != actions.StatusHeld || done.Status == actions.StatusHeld {
		t.Fatalf("the requests are %s and %s", held.Status, done.Status)
	}
	s.Settled("abe", done)
	call := func(token, method, path, body string) string {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, s.url+v1.Base+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		if body != "" {
			req.Header.Set("Content-Type", "application/json")
		}
		res, err := s.http().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	asks := [][3]string{
		{"GET", "/requests", ""}, {"GET", "/requests?subject=plaza:acct/3", ""}, {"GET", "/requests?requester=abe", ""}, {"GET", "/requests?status=held", ""},
		{"GET", "/waits-for-you", ""}, {"GET", "/subjects?subject=plaza:acct/3", ""},
	}
	for _, r := range []string{held.ID, done.ID} {
		asks = append(asks, [3]string{"GET", "/requests/" + r, ""}, [3]string{"GET", "/requests/" + r + "?version=99999&wait=1ms", ""}, [3]string{"GET", "/requests/" + r + "/signing", ""},
			[3]string{"GET", "/requests/" + r + "/rows", ""}, [3]string{"GET", "/requests/" + r + "/warrant", ""}, [3]string{"GET", "/requests/" + r + "/warrant?complete=true", ""},
			[3]string{"POST", "/requests/" + r + "/undo-drafts", `{"reason":"It was wrong.","key":""}`})
		for _, v := range []string{"countersign", "decline", "withdraw"} {
			asks = append(asks, [3]string{"POST", "/requests/" + r + "/drafts", `{"verdict":"` + v + `","key":""}`})
		}
	}
	secrets := regexp.MustCompile(`\babe\b|president|acct/1\b|Words of a reason`)
	for _, by := range []workforce.WorkerID{"bob", "lee"} {
		token := s.token(by)
		for _, a := range asks {
			if by == "lee" && !strings.Contains(a[1], done.ID) {
				continue // lee may sign the one that is held, and reads it
			}
			body := call(token, a[0], a[1], a[2])
			if found := secrets.FindString(body); found != "" && !strings.Contains(a[1], found) {
				t.Errorf("%s %s tells %s of %s: %s", a[0], a[1], by, found, body)
			}
			// The account itself is no secret from those who name it, but that the request is about it is.
			if strings.HasSuffix(a[1], "/undo-drafts") && strings.Contains(body, "statement") {
				continue // they may lift it, and read what they would sign
			}
			if strings.Contains(body, "acct/3") && !strings.Contains(a[1], "acct/3") || strings.Contains(body, done.ID) && strings.HasPrefix(a[1], "/requests?subject") {
				t.Errorf("%s %s tells %s the subject: %s", a[0], a[1], by, body)
			}
		}
		c := s.client(token)
		r := must[v1.Request](t)(c.Request(t.Context(), done.ID))
		if !r.Outline || r.Action.Kind != actions.AccountTakedown || r.Action.Tier == "" || r.Action.Subject.Platform != "plaza" || r.Version != done.Version && r.Version == 0 {
			t.Errorf("%s reads the outline %+v", by, r)
		}
		d := must[v1.Draft](t)(c.DraftUndo(t.Context(), done.ID, v1.UndoWish{Reason: "It was wrong."}))
		if d.Action.Subject.ID != "acct/3" || d.Action.Reason != "It was wrong." || d.Action.Reverses != done.ID {
			t.Errorf("%s, who may lift it, drafts %+v", by, d)
		}
	}
	if r := must[v1.Request](t)(s.as("lee").Request(t.Context(), held.ID)); r.Outline || r.Requester != "abe" {
		t.Errorf("lee, who may sign it, reads %+v", r)
	}
	for _, by := range []workforce.WorkerID{"ann", "kim", "ada"} {
		for _, id := range []string{held.ID, done.ID} {
			if r := must[v1.Request](t)(s.as(by).Request(t.Context(), id)); r.Outline || r.Requester != "abe" || r.Action.Reason == "" {
				t.Errorf("%s reads %+v", by, r)
			}
		}
	}
}
