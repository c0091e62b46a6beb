package rehearsal

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/cli"
	"countersign.dev/client"
	"countersign.dev/fault"
	"countersign.dev/incident"
	"countersign.dev/platform"
	"countersign.dev/plaza"
)

// The labels of the evening.
const (
	spamLabel = "spam"       // an agent sets it on the spammer's post
	hisLabel  = "misleading" // somebody of plaza's staff sets it on the head of state
)

// limitFor is the time for which the spammer's post is limited.
const limitFor = 72 * time.Hour

// weaker plays the measures that are weaker than a takedown, each in a layer of its own.
func (d *demo) weaker(ctx context.Context) error {
	post := d.on.PlazaURL + "/" + d.spam
	d.tell("A post of %s stays, with a word to its readers: Priya labels it. %s", spammer, post)
	var label v1.Request
	d.step("labelled", func() string {
		var r result
		if label, r = d.act(ctx, asker, "plaza:"+d.spam, "1", "content.label:"+spamLabel, "an offer for passwords"); label.Status != actions.StatusExecuted {
			d.quote(r)
			return r.outcome()
		}
		return d.labelled(ctx, platform.MarkOf(label.ID))
	})
	d.line("          Readers see the label with its reason and its reference, %s.", platform.MarkOf(label.ID))
	d.tell("And for three days strangers need not meet it. She limits it: out of the timeline and the search, still at its address.")
	var limit v1.Request
	d.step("limited", func() string {
		if public, err := d.inPublic(ctx); err != nil || !public {
			return "not public before"
		}
		var r result
		if limit, r = d.act(ctx, asker, "plaza:"+d.spam, "1", "content.limit", "an offer for passwords", "--until", "72h"); limit.Status != actions.StatusExecuted {
			d.quote(r)
			return r.outcome()
		}
		return d.limited(ctx, platform.MarkOf(limit.ID))
	})
	d.tell("Then it is removed, and the removal taken back. The label and the limit are layers of their own, so that both stay.")
	d.step("layers-apart", func() string { return d.apart(ctx, label.ID, limit.ID) })
	d.line("          The marks of both are those of before: %s", post)
	return nil
}

// labelled reports whether the spammer's post shows the label, its reason and its mark.
func (d *demo) labelled(ctx context.Context, mark platform.Mark) string {
	body, err := d.page(ctx, "/"+d.spam)
	if err != nil {
		return "could not: " + fault.TypeOf(err)
	}
	words := wordsOf(spamLabel)
	for what, text := range map[string]string{"no label is": words.Title, "no reason is": words.Reason, "no reference is": string(mark)} {
		if !strings.Contains(body, html.EscapeString(text)) {
			return what + " shown"
		}
	}
	return "labelled"
}

// wordsOf returns plaza's words for a label.
func wordsOf(label string) plaza.LabelText {
	i := slices.IndexFunc(plaza.Labels, func(l plaza.LabelText) bool { return l.Value == label })
	return plaza.Labels[i]
}

// inPublic reports whether the spammer's post, which is the newest, is both in the public
// timeline and among the posts that a search finds. If it is in one of them only, that is
// an error.
func (d *demo) inPublic(ctx context.Context) (bool, error) {
	var in []bool
	for _, path := range []string{"/", "/search?q=" + url.QueryEscape("FREE PHONES")} {
		body, err := d.page(ctx, path)
		if err != nil {
			return false, err
		}
		in = append(in, strings.Contains(body, `href="/`+d.spam+`"`))
	}
	if in[0] != in[1] {
		return false, fault.New(fault.Conflict, "half-limited", "The post is in the timeline and not in the search, or the other way round.")
	}
	return in[0], nil
}

// limited reports whether the spammer's post is limited under a mark: strangers do not
// meet it, it is at its address, and its owner is told until when.
func (d *demo) limited(ctx context.Context, mark platform.Mark) string {
	public, err := d.inPublic(ctx)
	if err != nil {
		return "could not: " + fault.TypeOf(err)
	}
	if public {
		return "still public"
	}
	if shown := shows(ctx, d.on.PlazaURL+"/"+d.spam, platform.Up); shown != "shown" {
		return "not at its address"
	}
	token, err := d.on.Plaza.IssueOwnerToken(ctx, spammer)
	if err != nil {
		return "could not: " + fault.TypeOf(err)
	}
	var own struct {
		Posts []plaza.OwnPost `json:"posts"`
	}
	if _, err := call(ctx, http.DefaultClient, http.MethodGet, d.on.PlazaURL+"/owner/v1/account", "Bearer "+token, nil, nil, &own); err != nil {
		return "could not: " + fault.TypeOf(err)
	}
	for _, p := range own.Posts {
		for _, m := range p.Measures {
			if left := time.Until(m.Until.Time); p.ID == d.spam && m.Reference == string(mark) && left > 0 && left <= limitFor {
				return "limited"
			}
		}
	}
	return "its owner is not told until when"
}

// apart removes the spammer's post and takes that back. It reports whether the label and
// the limit, which are of these requests, stood meanwhile and stand afterwards, each with its mark.
func (d *demo) apart(ctx context.Context, label, limit string) string {
	c, err := d.client(onCall)
	if err != nil {
		return "could not: " + fault.TypeOf(err)
	}
	stand := func(want platform.Status) string {
		s, err := c.Subject(ctx, "plaza:"+d.spam)
		switch {
		case err != nil:
			return "could not: " + fault.TypeOf(err)
		case s.State.Status != want:
			return "the post is " + string(s.State.Status)
		case s.State.At(platform.LabelLayer(spamLabel)) != platform.Expect{Status: platform.IsSet, Mark: platform.MarkOf(label)}:
			return "the label is another"
		case s.State.At(platform.LimitLayer) != platform.Expect{Status: platform.Limited, Mark: platform.MarkOf(limit)}:
			return "the limit is another"
		}
		return ""
	}
	removed, r := d.act(ctx, asker, "plaza:"+d.spam, "1", "content.remove", "an offer for passwords")
	if removed.Status != actions.StatusExecuted {
		d.quote(r)
		return r.outcome()
	}
	if wrong := stand(platform.Down); wrong != "" {
		return wrong
	}
	if undone := d.undo(ctx, asker, removed.ID); undone != string(actions.StatusReversed) {
		return undone
	}
	if wrong := stand(platform.Up); wrong != "" {
		return wrong
	}
	return "apart"
}

// nightToken is the file of the night shift's token of plaza, which opens the console.
func (d *demo) nightToken() string { return filepath.Join(d.dir, nightShift+".token") }

// labelAround plays a label on the head of state, set by plaza's staff around the desk.
func (d *demo) labelAround(ctx context.Context, c *client.Client, subject platform.Subject) error {
	token, err := d.on.Plaza.IssueToken(ctx, nightShift, plaza.StaffScope)
	if err != nil {
		return err
	}
	if err := cli.WriteFile(d.nightToken(), []byte(token+"\n"), 0o600); err != nil {
		return err
	}
	d.tell("The night shift tries a smaller thing: at plaza's own staff console it labels %s “%s”.", president, wordsOf(hisLabel).Title)
	d.step("label-around-the-desk-reversed", func() string {
		if outcome := d.labelReversed(ctx, token, subject.ID); outcome != "reversed" {
			return outcome
		}
		return restoredIn(ctx, c, d.said["breach"], platform.LabelLayer(hisLabel))
	})
	d.tell("Gone after %d ms, by itself; the standing order covers labels too. The incident has it as well.", d.took["label"].Milliseconds())
	return nil
}

// labelReversed labels the head of state at plaza's staff console, and asks the public
// page, as anybody could, until it shows no label any more.
func (d *demo) labelReversed(ctx context.Context, token, id string) string {
	h := &http.Client{Transport: &http.Transport{}}
	defer h.CloseIdleConnections()
	on := account{handle: president, id: id, page: d.on.PlazaURL + "/" + president}
	if before := (&observer{lookout: lookout{Page: on.page}, http: h}).status(ctx); before != string(platform.Up) {
		return "before it was " + before
	}
	began := time.Now()
	err := atConsole(ctx, d.on.PlazaURL, token, url.Values{"verb": {string(plaza.Label)}, "subject": {id}, "handle": {president}, "value": {hisLabel},
		"status": {string(plaza.Unset)}, "mark": {"TICKET-4412"}})
	if err == nil {
		err = seenUp(ctx, h, on, backTime)
	}
	d.took["label"] = time.Since(began)
	if err != nil {
		return "could not: " + fault.TypeOf(err)
	}
	return "reversed"
}

// restoredIn waits until the timeline of an incident says that the executor put a layer
// of the subject right. Without that the label was gone by itself.
func restoredIn(ctx context.Context, c *client.Client, id string, layer platform.Layer) string {
	waiting, cancel := context.WithTimeout(ctx, backTime)
	defer cancel()
	for {
		r, err := c.IncidentReport(waiting, id, 1)
		if err != nil {
			return "could not: " + fault.TypeOf(err)
		}
		if slices.ContainsFunc(r.Timeline, func(m incident.Moment) bool { return m.Layer == layer && m.Step == incident.StepRestored }) {
			return "reversed"
		}
		if pause(waiting, 20*time.Millisecond) != nil {
			return "not by the executor"
		}
	}
}

// atConsole sends a form of plaza's staff console, in the name of the holder of a staff
// token.
func atConsole(ctx context.Context, plazaURL, token string, form url.Values) error {
	var key [12]byte
	if _, err := rand.Read(key[:]); err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	form.Set("key", hex.EncodeToString(key[:]))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, plazaURL+"/console/act", strings.NewReader(form.Encode()))
	if err != nil {
		return fmt.Errorf("ask plaza: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.AddCookie(&http.Cookie{Name: "__Host-plaza-staff", Value: token})
	h := &http.Client{Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := h.Do(req)
	if err != nil {
		return fmt.Errorf("ask plaza: %w", err)
	}
	defer res.Body.Close()
	if to := res.Header.Get("Location"); res.StatusCode != http.StatusSeeOther || !strings.Contains(to, "done=") {
		return fault.New(fault.Conflict, "platform-refused", "Plaza's console answers %s.", res.Status)
	}
	return nil
}

// page reads one of plaza's public pages, as anybody could.
func (d *demo) page(ctx context.Context, path string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.on.PlazaURL+path, nil)
	if err != nil {
		return "", fmt.Errorf("ask plaza: %w", err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fmt.Errorf("ask plaza: %w", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil || res.StatusCode != http.StatusOK {
		return "", fault.New(fault.Unavailable, "no-page", "Plaza answers %s.", res.Status).Because(err)
	}
	return string(body), nil
}
