package rehearsal

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/cli"
	"countersign.dev/client"
	"countersign.dev/fault"
	"countersign.dev/workforce"
)

// insider is a worker of the desk who attacks it with only their own credentials: a key,
// a token, and a client that does not check what it signs or sends.
type insider struct {
	worker workforce.WorkerID
	key    cli.KeyFile
	desk   *client.Client
	http   *http.Client
	token  string

	session canonical.Digest                           // under which they sign; zero: with the own key
	signs   func(challenge [32]byte) actions.Signature // with whatever key they have
}

func (g *testbed) insider(worker string) (*insider, error) {
	key, err := cli.ReadKey(filepath.Join(g.home(worker), "my.key"))
	if err != nil {
		return nil, err
	}
	token, err := g.token(worker)
	if err != nil {
		return nil, err
	}
	return newInsider(g.desk, key, token)
}

func newInsider(desk string, key cli.KeyFile, token string) (*insider, error) {
	h := &http.Client{Transport: &http.Transport{}, Timeout: 30 * time.Second}
	d, err := client.New(desk, token, h)
	if err != nil {
		return nil, err
	}
	return &insider{worker: key.Worker, key: key, desk: d, http: h, token: token, signs: key.Sign}, nil
}

func (i *insider) close() { i.http.CloseIdleConnections() }

// attempt is one try and its answer: the status of a request, or the type of a refusal.
type attempt struct {
	What   string `json:"what"`
	Answer string `json:"answer"`
}

// tries keeps all attempts.
type tries struct{ all []attempt }

func (t *tries) add(what, status string, err error) {
	if err != nil {
		if status = fault.TypeOf(err); status == "" {
			status = "error: " + err.Error()
		}
	}
	t.all = append(t.all, attempt{what, status})
}

// forgery changes a draft before it is signed.
type forgery func(*v1.Draft)

// ask drafts a wish, changes the draft, signs and submits it. If the desk refuses to
// draft, that is an answer as well.
func (i *insider) ask(ctx context.Context, w v1.Wish, forge ...forgery) (v1.Request, v1.Submission, error) {
	w.Key, w.Session = i.key.Key, i.session
	draft, err := i.desk.Draft(ctx, w)
	if err != nil {
		return v1.Request{}, v1.Submission{}, err
	}
	return i.submit(ctx, draft, forge...)
}

func (i *insider) submit(ctx context.Context, draft v1.Draft, forge ...forgery) (v1.Request, v1.Submission, error) {
	for _, f := range forge {
		f(&draft)
	}
	draft.Statement.Action = draft.Action.Digest()
	s := draft.Sign(i.signs)
	r, err := i.desk.Submit(ctx, s, 0)
	return i.settled(ctx, r, err), s, err
}

func (i *insider) sign(s actions.Statement) actions.Signed {
	return actions.Signed{Statement: s, Signature: i.signs(s.Challenge())}
}

// settled waits for the outcome of an approved request.
func (i *insider) settled(ctx context.Context, r v1.Request, err error) v1.Request {
	for tries := 0; err == nil && r.Status == actions.StatusApproved && tries < 10; tries++ {
		var next v1.Request
		if next, err = i.desk.Wait(ctx, r.ID, r.Version, time.Second); err == nil {
			r = next
		}
	}
	return r
}

// countersign signs a request, with a changed statement if one is wanted.
func (i *insider) countersign(ctx context.Context, request string, forge ...func(*actions.Statement)) (v1.Request, error) {
	draft, err := i.desk.DraftVerdict(ctx, request, v1.VerdictWish{Verdict: actions.VerdictCountersign, Key: i.key.Key})
	if err != nil {
		return v1.Request{}, err
	}
	for _, f := range forge {
		f(&draft.Statement)
	}
	return i.hand(ctx, request, draft.Statement)
}

// hand signs a statement about a request, whatever its content, and hands it in.
func (i *insider) hand(ctx context.Context, request string, s actions.Statement) (v1.Request, error) {
	r, err := i.desk.Countersign(ctx, request, v1.Countersignature{Signed: i.sign(s)})
	return i.settled(ctx, r, err), err
}

func takedownOf(a account) v1.Wish {
	return v1.Wish{Kind: actions.AccountTakedown, Subject: a.on.String(), Reason: "goodbye", Case: "C-2100"}
}

// alone tries every route that one person has, against an account and another worker's
// open request about it.
func (i *insider) alone(ctx context.Context, g *testbed, victim account, open string) (*tries, error) {
	t := &tries{}
	try := func(what string, r v1.Request, err error) { t.add(what, string(r.Status), err) }
	in := canonical.At(time.Now().Add(20 * time.Minute))
	for _, kind := range []actions.Kind{actions.AccountTakedown, actions.AccountDeactivate, actions.AccountSuspend, actions.AccountContain, actions.AccountDelete} {
		w := takedownOf(victim)
		w.Kind = kind
		if spec, _ := actions.SpecOf(kind); spec.Timed {
			w.Until = in
		}
		r, _, err := i.ask(ctx, w)
		try("request "+string(kind), r, err)
	}

	// Measures that are weaker than a takedown burden a critical account as well.
	for _, w := range []v1.Wish{{Kind: actions.AccountLabel, Value: forgedLabel}, {Kind: actions.AccountLimit, Until: in}, {Kind: actions.AccountWarn}} {
		w.Subject, w.Reason, w.Case = victim.on.String(), "goodbye", "C-2100"
		r, _, err := i.ask(ctx, w)
		try("request "+string(w.Kind), r, err)
	}
	r, _, err := i.ask(ctx, v1.Wish{Kind: actions.AccountLabel, Value: forgedLabel, Subject: g.accounts[nobodyMinds].on.String(), Reason: "goodbye", Case: "C-2100"},
		func(d *v1.Draft) { d.Action.Subject, d.Action.Command.Subject = victim.on, victim.on })
	try("change the subject of a permitted label", r, err)

	// Acts that are allowed on the last day, and attempts to change them into others.
	harmless := takedownOf(g.accounts[nobodyMinds])
	done, submission, err := i.ask(ctx, harmless)
	try("take down an account that nobody minds", done, err)
	if err == nil && done.Status == actions.StatusExecuted {
		draft, err := i.desk.DraftUndo(ctx, done.ID, v1.UndoWish{Reason: "a mistake", Key: i.key.Key})
		if err != nil {
			return t, err
		}
		r, _, err := i.submit(ctx, draft)
		try("undo it", r, err)
		r, err = i.desk.Submit(ctx, submission, 0)
		try("hand the spent request in again", i.settled(ctx, r, err), err)
		r, _, err = i.ask(ctx, takedownOf(victim), func(d *v1.Draft) { d.Action.Reverses = done.ID })
		try("pass a takedown off as an undo", r, err)
	}
	for what, f := range map[string]forgery{
		"change the subject of a permitted act": func(d *v1.Draft) { d.Action.Subject, d.Action.Command.Subject = victim.on, victim.on },
		"change the handle of a permitted act": func(d *v1.Draft) {
			d.Action.Subject.Handle, d.Action.Command.Subject.Handle = victim.handle, victim.handle
		},
	} {
		r, _, err := i.ask(ctx, harmless, f)
		try(what, r, err)
	}
	for what, f := range map[string]forgery{
		"call the subject standard": func(d *v1.Draft) { d.Action.Tier = actions.Standard },
		"call it relieving":         func(d *v1.Draft) { d.Action.Direction = actions.Relieving },
		"date it before the notice": func(d *v1.Draft) { d.Statement.NotBefore = canonical.At(time.Now().AddDate(0, 0, -40)) },
		"name another executor":     func(d *v1.Draft) { d.Statement.Executor = "mine" },
		"sign as somebody else":     func(d *v1.Draft) { d.Statement.Signer = second },
	} {
		r, _, err := i.ask(ctx, takedownOf(victim), f)
		try(what, r, err)
	}

	r, err = i.countersign(ctx, open)
	try("countersign another's request", r, err)
	r, err = i.countersign(ctx, open, func(s *actions.Statement) { s.Signer = second })
	try("countersign as somebody else", r, err)

	if err := i.changes(ctx, g, victim, try); err != nil {
		return t, err
	}
	if err := i.tokens(ctx, g, t, open); err != nil {
		return t, err
	}
	for n := range 20 {
		r, _, err := i.ask(ctx, takedownOf(victim))
		if n == 19 {
			try("the same twenty times", r, err)
		}
	}
	if err := i.everyRoute(ctx, t, open, submission); err != nil {
		return t, err
	}
	i.platform(ctx, g, t, victim)
	return t, nil
}

// changes are changes of the desk that would make way for the act.
func (i *insider) changes(ctx context.Context, g *testbed, victim account, try func(string, v1.Request, error)) error {
	later := canonical.At(time.Now().AddDate(1, 0, 0))
	mine := i.key
	mine.Worker = second
	status, err := i.desk.Status(ctx)
	if err != nil {
		return err
	}
	for _, c := range []struct {
		what   string
		kind   actions.Kind
		change actions.Change
	}{
		{"lower the tier", actions.DeskChange, actions.Setting{Of: actions.PartTiers, Raise: &actions.Raise{Subject: victim.on, From: actions.Critical, To: actions.Standard}}},
		{"extend the own engagement", actions.DeskEngagement, actions.Engagement{Op: "extend", Worker: i.worker, Last: later}},
		{"enrol the own key for somebody else", actions.DeskKey, actions.Keys{Enrol: []actions.Enrolment{mine.Enrolment(status.EnrolName)}}},
		{"propose another policy", actions.DeskChange, actions.Setting{Of: actions.PartPolicy, Policy: map[string]string{
			"all.cedar": "@id(\"all\")\n@reason(\"All.\")\npermit (principal, action, resource);\n", "tiers.json": "{}"}}},
		{"only observe from now on", actions.DeskChange, actions.Setting{Of: actions.PartModes, Mode: &actions.Mode{Platform: g.platform, Tier: actions.Critical, Mode: actions.Observe}}},
		// In this mode nothing could be done through the desk at all.
		{"enforce again", actions.DeskChange, actions.Setting{Of: actions.PartModes, Mode: &actions.Mode{Platform: g.platform, Tier: actions.Critical, Mode: actions.Enforce}}},
		{"revoke the standing order", actions.DeskChange, actions.Setting{Of: actions.PartOrders, Order: &actions.Order{Op: "revoke", Platform: g.platform, Tier: actions.Critical}}},
		{"take the owner's lock out of effect", actions.DeskChange, actions.Setting{Of: actions.PartLocks, Unlock: &actions.Unlock{Subject: victim.on}}},
	} {
		b, err := canonical.Marshal(c.change)
		if err != nil {
			return err
		}
		r, _, err := i.ask(ctx, v1.Wish{Kind: c.kind, Change: b, Reason: "goodbye"})
		try(c.what, r, err)
	}
	return nil
}

// tokens plays tricks with tokens: it signs in as somebody else, asks for a token beyond
// the last day, uses a revoked one and guesses one.
func (i *insider) tokens(ctx context.Context, g *testbed, t *tries, open string) error {
	officer, err := i.desk.Keys(ctx, workforce.WorkerID(g.officers[0]), "", 1)
	if err != nil {
		return err
	}
	if len(officer.Items) == 0 {
		return fault.New(fault.Internal, "internal", "%s has no key", g.officers[0])
	}
	status, err := i.desk.Status(ctx)
	if err != nil {
		return err
	}
	secret := actions.TokenSecret(make([]byte, 32))
	asked := byte(0)
	ask := func(worker string, key workforce.KeyID, life time.Duration) (v1.Token, error) {
		now := time.Now()
		asked++
		a := v1.TokenAsk{V: v1.TokenAskVersion, Log: status.Log, Worker: workforce.WorkerID(worker), Key: key, Name: "another",
			Nonce: append(make([]byte, 31), asked), NotBefore: canonical.At(now), Expires: canonical.At(now.Add(life)), Secret: actions.SecretDigest(secret)}
		return i.desk.SignIn(ctx, v1.SignedTokenAsk{Ask: a, Signature: i.key.Sign(a.Challenge())})
	}
	_, err = ask(g.officers[0], i.key.Key, time.Hour)
	t.add("sign in as an officer with the own key", "signed in", err)
	_, err = ask(g.officers[0], officer.Items[0].ID, time.Hour)
	t.add("sign in as an officer with the officer's key's name", "signed in", err)
	_, err = ask(string(i.worker), i.key.Key, 1000*time.Hour)
	t.add("a token that outlives the last day", "signed in", err)
	short, err := ask(string(i.worker), i.key.Key, time.Hour)
	if err != nil {
		return err
	}
	if err := i.desk.RevokeToken(ctx, short.ID); err != nil {
		return err
	}
	for _, other := range []struct{ what, secret string }{{"use a revoked token", secret}, {"guess a token", "csgn_" + strings.Repeat("A", 43)}} {
		o, err := newInsider(i.desk.BaseURL(), i.key, other.secret)
		if err != nil {
			return err
		}
		r, err := o.countersign(ctx, open)
		t.add(other.what, string(r.Status), err)
		o.close()
	}
	return nil
}

// everyRoute calls every route of the API, as its own description lists them, with a
// request about the account and bodies of acts.
func (i *insider) everyRoute(ctx context.Context, t *tries, open string, s v1.Submission) error {
	raw, err := i.raw(ctx, http.MethodGet, v1.Base+"/openapi.json", nil)
	if err != nil {
		return err
	}
	var described struct {
		Paths map[string]map[string]any `json:"paths"`
	}
	if err := json.Unmarshal(raw, &described); err != nil {
		return fmt.Errorf("read the API's description: %w", err)
	}
	n := 0
	for _, path := range slices.Sorted(maps.Keys(described.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(described.Paths[path])) {
			path := strings.ReplaceAll(path, "{id}", open)
			if !strings.HasPrefix(path, v1.Base) {
				path = v1.Base + path
			}
			bodies := []any{s, v1.Countersignature{Signed: s.Signed}, map[string]any{}}
			if method == "get" {
				bodies = bodies[:1] // the method has no body
			}
			for _, body := range bodies {
				// The answer does not matter, only the account does; and a stream of events never
				// ends.
				if _, err := i.raw(ctx, strings.ToUpper(method), path, body); ctx.Err() != nil {
					return err
				}
				n++
			}
		}
	}
	t.add("every route of the API with other acts' bodies", fmt.Sprintf("%d calls", n), nil)
	return nil
}

// rawTime bounds the answer to a raw call. A route that streams ends with it.
const rawTime = 2 * time.Second

// raw makes a call as no proper client would.
func (i *insider) raw(ctx context.Context, method, path string, body any) ([]byte, error) {
	var in io.Reader
	if body != nil && method != http.MethodGet {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("write a call: %w", err)
		}
		in = strings.NewReader(string(b))
	}
	ctx, cancel := context.WithTimeout(ctx, rawTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, i.desk.BaseURL()+path, in)
	if err != nil {
		return nil, fmt.Errorf("make a call: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+i.token)
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := i.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("call the desk: %w", err)
	}
	defer res.Body.Close()
	return io.ReadAll(io.LimitReader(res.Body, 4<<20))
}

// platform calls the platform itself, where an insider of the desk has no credential.
func (i *insider) platform(ctx context.Context, g *testbed, t *tries, victim account) {
	for _, c := range []struct{ what, authorization string }{
		{"the platform's staff API without a credential", ""}, {"the platform's staff API with the desk's token", "Bearer " + i.token},
	} {
		_, err := g.takeDown(ctx, i.http, c.authorization, victim)
		t.add(c.what, "taken down", err)
	}
}
