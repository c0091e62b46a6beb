package plaza

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/platform"
)

var (
	_ platform.Watcher  = (*Connector)(nil)
	_ platform.Notifier = (*Connector)(nil)
	_ platform.Cutter   = (*Connector)(nil)
)

// Optional routes of the protocol, by their names in the capabilities.
const (
	offersAccounts = "accounts"
	offersLock     = "lock"
	offersNotices  = "notices"
	offersTokens   = "tokens"
)

func (p *Connector) offered(what string) error {
	if p.offers[what] {
		return nil
	}
	return fault.New(fault.Unsupported, "not-offered", "%s does not offer %s.", p.name, what)
}

// Watch follows the server's events.
func (p *Connector) Watch(ctx context.Context, cursor string) (platform.Stream, error) {
	after := FromNow
	if cursor != "" {
		n, err := strconv.ParseInt(cursor, 10, 64)
		if err != nil || n < 0 || strconv.FormatInt(n, 10) != cursor {
			return nil, fault.New(fault.Invalid, "bad-cursor", "%.40q is not a place in the event stream of %s.", cursor, p.name)
		}
		after = n
	}
	s, err := p.Events(ctx, after)
	if err != nil {
		return nil, err
	}
	return watching{s}, nil
}

// watching is a Stream that reports where to look.
type watching struct{ s *Stream }

func (w watching) Next() (platform.Happening, error) {
	e, err := w.s.Next()
	h := platform.Happening{Subject: e.Subject, Layer: e.Layer, Locks: e.Locks, By: e.By, At: e.At}
	if !e.Locks { // if only the lock changed, the event brought about no state
		h.Status, h.Mark, h.Marked = e.Status, e.Mark, true
	}
	return h, err
}

func (w watching) Cursor() string { return strconv.FormatInt(w.s.Cursor(), 10) }

func (w watching) Silence() time.Duration { return w.s.p.silence }

func (w watching) Close() error { return w.s.Close() }

// Peek reads the subject, which is one call.
func (p *Connector) Peek(ctx context.Context, s platform.Subject) (platform.State, error) {
	w, err := p.look(ctx, s)
	if err != nil {
		return platform.State{}, err
	}
	return p.layersOf(w), nil
}

// Limits of the list of accounts.
const (
	mostListed = 1000
	listLimit  = 16 << 20 // bytes, so that each account may bear as many labels as the protocol allows
	nextLimit  = 512      // bytes of a cursor
)

// Accounts returns a page of up to 1,000 accounts with their layers, and with facts if the
// server lists them.
func (p *Connector) Accounts(ctx context.Context, cursor string) ([]platform.Listed, string, error) {
	if err := p.offered(offersAccounts); err != nil {
		return nil, "", err
	}
	query := url.Values{}
	if cursor != "" {
		query.Set("after", cursor)
	}
	var w struct {
		Accounts []struct {
			ID     string                    `json:"id"`
			Handle string                    `json:"handle"`
			Status platform.Status           `json:"status"`
			Mark   *platform.Mark            `json:"mark"`
			Layers []wireLayer               `json:"layers"`
			Facts  map[string]jsontext.Value `json:"facts"`
		} `json:"accounts"`
		Next *string `json:"next"`
	}
	if err := p.get(ctx, "accounts", query, listLimit, "a list of accounts", &w); err != nil {
		return nil, "", err
	}
	if w.Next == nil || len(*w.Next) > nextLimit || len(w.Accounts) > mostListed || *w.Next != "" && *w.Next == cursor {
		return nil, "", unclear("%s answered with a list of accounts that cannot be read.", p.name)
	}
	page := make([]platform.Listed, len(w.Accounts))
	for i, a := range w.Accounts {
		sort, err := p.Sort(a.ID)
		if err != nil || sort != platform.Account || !knownStatus(a.Status) || !handleForm.MatchString(a.Handle) ||
			a.Mark == nil || !markForm.MatchString(string(*a.Mark)) {
			return nil, "", unclear("%s listed an account that cannot be read: %.80q.", p.name, a.ID)
		}
		page[i] = platform.Listed{Subject: platform.Subject{Platform: p.name, ID: a.ID, Handle: a.Handle},
			Status: a.Status, Mark: *a.Mark, Marked: true, Layers: layersIn(a.Layers), Layered: true}
		if a.Facts != nil {
			page[i].Facts, page[i].Unread = p.facts(sort, a.Facts)
		}
	}
	return page, *w.Next, nil
}

// Lock reads the owner's lock. On a server without locks no owner has one.
func (p *Connector) Lock(ctx context.Context, s platform.Subject) (platform.Lock, error) {
	sort, err := p.sortHere(s)
	if err != nil {
		return platform.Lock{}, err
	}
	if sort != platform.Account {
		return platform.Lock{}, fault.New(fault.Invalid, "bad-subject", "%s is not an account; only those have locks.", s)
	}
	if !p.offers[offersLock] {
		return platform.Lock{}, nil
	}
	var w struct {
		ID      string         `json:"id"`
		Set     *bool          `json:"set"`
		Since   canonical.Time `json:"since"`
		Cleared canonical.Time `json:"cleared"`
		Session canonical.Time `json:"session"`
	}
	if err := p.get(ctx, "lock", url.Values{"id": {s.ID}}, answerLimit, "a lock", &w); err != nil {
		return platform.Lock{}, err
	}
	if w.ID != s.ID || w.Set == nil || !*w.Set && !w.Cleared.IsZero() {
		return platform.Lock{}, unclear("%s answered with a lock that cannot be read.", p.name)
	}
	return platform.Lock{Set: *w.Set, Since: w.Since, Cleared: w.Cleared, Session: w.Session}, nil
}

// Notify shows the owner a message, once for each key.
func (p *Connector) Notify(ctx context.Context, key string, s platform.Subject, title, text string) error {
	sort, err := p.sortHere(s)
	if err != nil {
		return err
	}
	if sort != platform.Account {
		return fault.New(fault.Invalid, "bad-subject", "%s is not an account; only those have owners.", s)
	}
	if !keyForm.MatchString(key) {
		return fault.New(fault.Invalid, "bad-key", "The key %.80q cannot be sent to %s.", key, p.name)
	}
	if err := p.offered(offersNotices); err != nil {
		return err
	}
	body := canonical.MustMarshal(struct {
		Account string `json:"account"`
		Title   string `json:"title"`
		Text    string `json:"text"`
	}{s.ID, title, text})
	a, err := p.call(ctx, http.MethodPost, "notices", nil, http.Header{"Idempotency-Key": {key}}, body)
	if err != nil {
		return err
	}
	if a.problem != nil {
		return p.refusal(*a.problem)
	}
	var w struct {
		Key string `json:"key"`
	}
	if err := json.Unmarshal(a.body, &w); err != nil || w.Key != key {
		return unclear("%s answered with something that is not a receipt of the message.", p.name).Because(err)
	}
	return nil
}

var tokenForm = regexp.MustCompile(`^[A-Za-z0-9._~-]{1,200}$`)

// Cut revokes all tokens of a holder, once for the key.
func (p *Connector) Cut(ctx context.Context, key, credential string) (canonical.Time, error) {
	if !tokenForm.MatchString(credential) || !keyForm.MatchString(key) {
		return canonical.Time{}, fault.New(fault.Invalid, "no-such-token", "%.80q is no name of a token at %s.", credential, p.name)
	}
	if err := p.offered(offersTokens); err != nil {
		return canonical.Time{}, err
	}
	a, err := p.call(ctx, http.MethodPost, "tokens/"+credential+"/revoke", nil, http.Header{"Idempotency-Key": {key}}, nil)
	if err != nil {
		return canonical.Time{}, err
	}
	if a.problem != nil {
		return canonical.Time{}, p.refusal(*a.problem)
	}
	var w struct {
		ID      string         `json:"id"`
		Revoked canonical.Time `json:"revoked"`
	}
	if err := json.Unmarshal(a.body, &w); err != nil || w.ID != credential || w.Revoked.IsZero() {
		return canonical.Time{}, unclear("%s answered with something that is not a revocation of %s.", p.name, credential).Because(err)
	}
	return w.Revoked, nil
}

// Shows says which changes around the desk a server of the protocol shows.
func (p *Connector) Shows() []platform.Showing {
	const (
		atOnce = "at once"
		asRead = "as late as the subject is read"
		never  = "never"
		byWhom = "The stream says by whose staff token, or that it was the owner."

		notListed = byWhom + " Posts are not listed: a sweep reads those that it knows."
		anyValue  = " Each label is a layer of its own, also one that is not listed with the platform."
	)
	seen := func(change platform.Change, what, note string) platform.Showing {
		return platform.Showing{Change: change, What: what, Stream: true, Sweep: true, Late: atOnce, Note: note, Names: strings.HasPrefix(note, byWhom)}
	}
	shows := []platform.Showing{
		seen(platform.AccountTakenDown, "an account is taken down", byWhom),
		seen(platform.AccountRestored, "an account is brought back", byWhom),
		seen(platform.AccountRemarked, "an account that is down comes under another mark", byWhom),
		seen(platform.AccountDeactivated, "an account is deactivated", byWhom+" Whoever has the owner's token is taken for the owner."),
		seen(platform.AccountReactivated, "an account is reactivated", byWhom),
		seen(platform.AccountDeleted, "an account is deleted", byWhom+" A sweep shows it by its absence. Nothing brings it back."),
		seen(platform.ContentTakenDown, "a post is taken down", notListed),
		seen(platform.ContentRestored, "a post is brought back", notListed),
		seen(platform.ContentDeleted, "a post is deleted", byWhom+" Nothing brings it back."),
	}
	for _, more := range []struct {
		verb  platform.Verb
		sort  platform.Sort
		shows []platform.Showing
	}{
		{platform.Limit, platform.Account, []platform.Showing{
			seen(platform.AccountLimited, "an account is limited, or its limit comes under another mark", byWhom),
			seen(platform.AccountUnlimited, "an account's limit is lifted", byWhom)}},
		{platform.Label, platform.Account, []platform.Showing{
			seen(platform.AccountLabelled, "an account is labelled", byWhom+anyValue),
			seen(platform.AccountUnlabelled, "a label of an account is taken away", byWhom)}},
		{platform.Limit, platform.Content, []platform.Showing{
			seen(platform.ContentLimited, "a post is limited, or its limit comes under another mark", notListed),
			seen(platform.ContentUnlimited, "a post's limit is lifted", notListed)}},
		{platform.Label, platform.Content, []platform.Showing{
			seen(platform.ContentLabelled, "a post is labelled", notListed+anyValue),
			seen(platform.ContentUnlabelled, "a label of a post is taken away", notListed)}},
	} {
		if _, ok := p.can.Can(more.verb, more.sort); ok {
			shows = append(shows, more.shows...)
		}
	}
	if !p.offers[offersAccounts] {
		for i := range shows {
			shows[i].Late = "at once by the stream; else " + asRead + ", since this server lists no accounts"
		}
	}
	if p.offers[offersLock] {
		shows = append(shows,
			seen(platform.LockSet, "the owner's lock is set", "Whoever has the owner's token is taken for the owner. The owner is told."),
			seen(platform.LockCleared, "the owner's lock is taken back", "It is dated by the platform. Whoever has the owner's token is taken for the owner; therefore a lock holds for 72 hours more, and the owner is told meanwhile. One that is taken back with a token older than the lock ends at once."))
	}
	if _, ok := p.can.Can(platform.Warn, platform.Account); ok {
		shows = append(shows, platform.Showing{Change: "account-warn", What: "an account holder is warned", Late: never, Note: "A warning changes nothing on the account. Only its holder sees it."})
	}
	return append(shows,
		platform.Showing{Change: "account-deactivate-under-takedown", What: "an account that is down is deactivated by its owner as well", Late: "when the takedown is lifted",
			Note: "Nothing shows it before. The event of the restore says then who deactivated it, and not who restored."},
		platform.Showing{Change: "handle", What: "an account's handle changes", Late: "when the account is next acted on", Note: "Status and mark are the same. What burdens it under the old handle is refused; what relieves goes by the identifier."},
		platform.Showing{Change: "database", What: "somebody changes the platform's tables with a database shell", Sweep: true, Late: asRead, Note: "The stream tells only what the platform itself did."},
		platform.Showing{Change: "owner-token", What: "a token of the owner is made", Late: never, Note: "By who runs the platform: nothing shows it."})
}
