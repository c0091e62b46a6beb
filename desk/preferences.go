package desk

import (
	"context"
	"regexp"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
)

// Preferences are how a person likes the pages. They decide nothing, and are no entry of the
// ledger.
type Preferences struct {
	KeysOff  bool              `json:"keys_off,omitzero"` // single keys do nothing
	Keys     map[string]string `json:"keys,omitzero"`     // the key that is pressed, by the usual one; empty: none
	Veil     string            `json:"veil,omitzero"`     // what lifts it: "" holds the key, "press" a press
	Colour   bool              `json:"colour,omitzero"`   // pictures are shown in colour and not in grey
	Language string            `json:"language,omitzero"` // of dates: a BCP 47 tag; empty: the browser's
	Zone     string            `json:"zone,omitzero"`     // of times: an IANA name; empty: the browser's
}

// mostKeys is the largest number of keys that somebody changes.
const mostKeys = 60

var tagForm = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$`)

func (p Preferences) check() error {
	bad := func(format string, args ...any) error {
		return fault.New(fault.Invalid, "bad-preferences", format, args...)
	}
	if len(p.Keys) > mostKeys {
		return bad("At most %d keys are changed.", mostKeys)
	}
	taken := map[string]string{}
	for usual, mine := range p.Keys {
		if len(usual) > 20 || len(mine) > 20 || usual == "" {
			return bad("%q is no key.", usual)
		}
		if other, is := taken[mine]; is && mine != "" {
			return bad("The key %q is chosen in the place of %q and of %q.", mine, usual, other)
		}
		taken[mine] = usual
	}
	if p.Veil != "" && p.Veil != "press" {
		return bad("The veil is lifted by holding its key, or by a press.")
	}
	if p.Language != "" && !tagForm.MatchString(p.Language) {
		return bad("%q is no language; write a BCP 47 tag such as en or de-AT.", p.Language)
	}
	if p.Zone != "" {
		if _, err := time.LoadLocation(p.Zone); err != nil || len(p.Zone) > 60 || p.Zone == "Local" {
			return bad("%q is no time zone; write a name such as Europe/Lisbon.", p.Zone)
		}
	}
	return nil
}

// PreferencesOf returns how the caller likes the pages.
func (d *Desk) PreferencesOf(ctx context.Context, by kernel.Caller) (p Preferences, err error) {
	err = d.kernel.Store.ReadOne(ctx, func(stx *store.Tx) error {
		body, err := stx.Preference(by.Worker)
		if err != nil || body == nil {
			return err
		}
		if canonical.Unmarshal(body, &p) != nil {
			p = Preferences{} // kept by another version of this program
		}
		return nil
	})
	return p, err
}

// KeepPreferences keeps how the caller likes the pages.
func (d *Desk) KeepPreferences(ctx context.Context, by kernel.Caller, p Preferences) error {
	return d.kernel.Change(ctx, by, "keep preferences", func(s *proof.State) (func(*kernel.Tx) error, error) {
		if err := p.check(); err != nil {
			return nil, err
		}
		if st := s.People.Standing(by.Worker, d.kernel.Now()); !st.Engaged {
			return nil, fault.New(fault.Forbidden, "engagement-ended", "%s is not at this desk any more: %s.", by.Worker, st.Why)
		}
		body := canonical.MustMarshal(p)
		return func(t *kernel.Tx) error { return t.KeepPreference(by.Worker, body) }, nil
	})
}
