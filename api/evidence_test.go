package api_test

import (
	"bytes"
	"encoding/json"
	"image"
	"image/png"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/desktest"
	"countersign.dev/executor/executortest"
	"countersign.dev/platform"
)

// TestEvidence: the document comes byte for byte, a picture as what its bytes are and behind its
// veil, and neither to somebody who may not read the case.
func TestEvidence(t *testing.T) {
	p := executortest.NewPlatform(time.Now)
	p.Account("acct/3", 12, "")
	p.Post("post/1", "acct/3")
	var drawn bytes.Buffer
	if err := png.Encode(&drawn, image.NewGray(image.Rect(0, 0, 4, 4))); err != nil {
		t.Fatal(err)
	}
	page := []byte("<html><script>alert(1)</script>")
	p.Show("post/1", platform.Evidence{Text: platform.Text{Text: "<b>\u202e\x00"}, Pictures: []platform.Picture{{Name: "1", Type: "text/html"}, {Name: "2", Type: "image/png"}}},
		map[string][]byte{"1": drawn.Bytes(), "2": page})
	s := serve(t, desktest.Options{Platform: p})
	s.OpenCasework()
	got, err := s.TakeReports(t.Context(), s.AdmitProgram("square", "ann", cases.SourcePerson), []cases.Report{{ExternalID: "r1", Subject: platform.Subject{Platform: "plaza", ID: "post/1"}, Reason: "spam", Scores: []cases.Score{}}})
	if err != nil || got[0].Err != nil {
		t.Fatal(err, got[0].Err)
	}
	c := got[0].Case
	token := s.token("kim")
	get := func(token, path string) (*http.Response, []byte) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), "GET", s.url+v1.Base+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		res, err := s.http().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res, b
	}
	var all v1.Page[v1.KeptEvidence]
	desktest.Until(t, "the evidence is copied", func() bool {
		_, b := get(token, "/cases/"+c.ID+"/evidence")
		if err := json.Unmarshal(b, &all); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		return len(all.Items) == 1 && all.Items[0].State == cases.EvidenceCopied
	})
	kept := all.Items[0]
	res, b := get(token, "/evidence/"+kept.Digest.String()+"?case="+c.ID)
	doc, err := cases.ParseEvidence(b)
	if err != nil || canonical.Sum(b) != kept.Digest || doc.Read.Text.Text != "<b>\u202e\x00" || res.Header.Get("Content-Type") != "application/json" || !bytes.Equal(b, kept.Document) {
		t.Errorf("%s: %v\n%s", res.Status, err, b)
	}
	open := func(token string, digest canonical.Digest, reason string) (*http.Response, []byte) {
		return get(token, "/evidence/pictures/"+digest.String()+"?"+url.Values{"case": {c.ID}, "reason": {reason}}.Encode())
	}
	for i, want := range []struct{ media, disposition string }{{"image/png", `inline; filename="picture.png"`}, {"application/octet-stream", `attachment; filename="picture.bin"`}} {
		res, b := open(token, doc.Pictures[i].Digest, "to judge it")
		h := res.Header
		if res.StatusCode != http.StatusOK || canonical.Sum(b) != doc.Pictures[i].Digest || h.Get("Content-Type") != want.media || h.Get("Content-Disposition") != want.disposition {
			t.Errorf("picture %d: %s %v", i, res.Status, h)
		}
		if h.Get("X-Content-Type-Options") != "nosniff" || len(h.Values("Content-Security-Policy")) != 1 || h.Get("Content-Security-Policy") != "default-src 'none'; sandbox" ||
			h.Get("Cache-Control") != "no-store" || h.Get("Cross-Origin-Resource-Policy") != "same-origin" {
			t.Errorf("picture %d comes without its veil: %v", i, h)
		}
	}
	digest := doc.Pictures[0].Digest
	for name, c := range map[string]struct{ token, path, want string }{
		"without a reason": {token, "/evidence/pictures/" + digest.String() + "?case=" + c.ID, "malformed"},
		"an empty reason":  {token, "/evidence/pictures/" + digest.String() + "?reason=+&case=" + c.ID, "bad-reason"},
		"without a case":   {token, "/evidence/pictures/" + digest.String() + "?reason=x", "malformed"},
		"no digest":        {token, "/evidence/pictures/x?reason=x&case=" + c.ID, "bad-parameter"},
		"another picture":  {token, "/evidence/pictures/" + canonical.Sum(page, page).String() + "?reason=x&case=" + c.ID, "no-such-picture"},
		"another case":     {token, "/evidence/" + kept.Digest.String() + "?case=cas_x", "no-such-case"},
		"another document": {token, "/evidence/" + digest.String() + "?case=" + c.ID, "no-such-evidence"},
		"nobody":           {"", "/evidence/" + kept.Digest.String() + "?case=" + c.ID, "token-malformed"},
	} {
		res, b := get(c.token, c.path)
		if got := problemType(b); got != c.want && !(c.want == "malformed" && res.StatusCode == http.StatusBadRequest) {
			t.Errorf("%s: %s %s", name, res.Status, b)
		}
	}
	// What stands there now is read beside it.
	p.Show("post/1", platform.Evidence{Text: platform.Text{Text: "nothing to see"}}, nil)
	if _, b := get(token, "/cases/"+c.ID+"/evidence/now"); !strings.Contains(string(b), "nothing to see") {
		t.Errorf("now: %s", b)
	}
	// The signed press. Nobody removes what is their own affair, so that kim says what is hers.
	s.Owns("kim")
	press := s.Deed("kim", actions.Deed{What: actions.DeedRemoveEvidence, Of: digest.String()}, "not ours to keep")
	body, err := json.Marshal(v1.Removal{Case: c.ID, Reason: "not ours to keep"})
	if err != nil {
		t.Fatal(err)
	}
	var removal map[string]any
	if err := json.Unmarshal(body, &removal); err != nil {
		t.Fatal(err)
	}
	removal["deed"] = json.RawMessage(canonical.MustMarshal(press))
	if body, err = json.Marshal(removal); err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), "POST", s.url+v1.Base+"/evidence/pictures/"+digest.String()+"/removal", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	res, err = s.http().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, _ := io.ReadAll(res.Body)
	if res.StatusCode != http.StatusOK || !strings.Contains(string(answer), `"worker":"kim"`) {
		t.Errorf("removal: %s %s", res.Status, answer)
	}
	if _, b := open(token, digest, "to judge it"); problemType(b) != "picture-removed" {
		t.Errorf("after the removal: %s", b)
	}
}
