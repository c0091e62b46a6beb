package web

import (
	"context"
	"net/http"
	"strconv"

	"countersign.dev/canonical"
	"countersign.dev/desk"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/inbox"
	"countersign.dev/workforce"
)

// settingsPage is what concerns the reader alone.
type settingsPage struct {
	Worker      workforce.Worker
	Standing    workforce.Standing
	Keys        []workforce.Key
	Sessions    []acts.Session
	Token       string // of this page
	Tokens      []desk.Token
	Declared    bool
	Accounts    int64
	DeclaredAt  canonical.Time
	Channel     inbox.Channel
	Preferences desk.Preferences
	Raw         string // the preferences, canonical JSON
}

// settings is the page of the reader's own keys, sessions and preferences.
func (s *Server) settings(ctx context.Context, _ *http.Request, by reader) (view, error) {
	state, err := s.desk.State(ctx)
	if err != nil {
		return view{}, err
	}
	p := settingsPage{Keys: state.People.KeysOf(by.Worker), Standing: state.People.Standing(by.Worker, s.config.Now()), Token: by.Token}
	p.Worker, _ = state.People.Worker(by.Worker)
	if p.Sessions, err = s.desk.Sessions(ctx, by.of()); err != nil {
		return view{}, err
	}
	all, err := s.desk.Tokens(ctx, by.of())
	if err != nil {
		return view{}, err
	}
	now := s.config.Now()
	for _, t := range all {
		if t.Revoked.IsZero() && now.Before(t.Expires.Time) {
			p.Tokens = append(p.Tokens, t)
		}
	}
	own, declared, err := s.desk.OwnDeclaration(ctx, by.of())
	if err != nil {
		return view{}, err
	}
	p.Declared, p.Accounts, p.DeclaredAt = declared, own.Accounts, own.Time
	if p.Channel, err = s.desk.Channel(ctx, by.of()); err != nil {
		return view{}, err
	}
	if p.Preferences, err = s.desk.PreferencesOf(ctx, by.of()); err != nil {
		return view{}, err
	}
	p.Raw = string(canonical.MustMarshal(p.Preferences))
	return view{Title: "Settings", Here: "/settings", Script: "settings", Body: mySettings(p)}, nil
}

// attempt says how the newest attempt to send somebody a message went.
func attempt(c inbox.Channel) string {
	if c.Answer != 0 {
		return c.Status + " (" + strconv.Itoa(c.Answer) + ")"
	}
	return c.Status
}

// madeOf says what kind of key a key is.
func madeOf(k workforce.Key) string {
	switch {
	case k.Algorithm == workforce.FileEd25519 && k.Hardware:
		return "file or token, declared bound to hardware"
	case k.Algorithm == workforce.FileEd25519:
		return "file"
	case k.Hardware:
		return "passkey, bound to its device"
	}
	return "passkey that may be copied: it never counts as hardware"
}
