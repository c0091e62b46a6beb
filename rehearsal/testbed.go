package rehearsal

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"countersign.dev/actions"
	"countersign.dev/cli"
	"countersign.dev/client"
	"countersign.dev/deskdir"
	"countersign.dev/fault"
	"countersign.dev/platform"
	"countersign.dev/platform/bluesky"
	"countersign.dev/plaza"
	"countersign.dev/policy"
)

// The people of a replay, besides the officers.
const (
	colleague = "bl-002" // with the contractor's vendor
	sameLine  = "nl-050" // with another vendor, and under the colleague's manager
	reader    = "em-020" // an investigator, whose token the observer has
)

// The attacked accounts: each way has its own, so that no way is affected by the one
// before. And one account that nobody needs.
const (
	forDesk       = "president"
	forAccomplice = "treasury"
	forTakedown   = "chancellor"
	forSwitchOff  = "premier"
	forApproval   = "mayor"
	forKey        = "speaker"
	forEngagement = "minister"
	forSeconds    = "governor"
	forRush       = "envoy"
	forCut        = "consul"
	forLabel      = "regent"
	forLabels     = "viceroy"
	nobodyMinds   = "freephones"
)

var attacked = []string{forDesk, forAccomplice, forTakedown, forSwitchOff, forApproval, forKey, forEngagement, forSeconds, forRush, forCut, forLabel, forLabels}

// account is an account on the attacked platform.
type account struct {
	handle string           // as it is spelt there: @president, president-3f.test
	id     string           // acct/17, did:plc:…
	page   string           // plaza: the address at which anybody sees it
	repo   string           // PDS: the same
	owner  string           // the credential of its owner
	on     platform.Subject // the same for the desk
}

// testbed is a desk with its executor in processes of their own, and a platform.
type testbed struct {
	*cast
	platform string
	plaza    string   // address; empty on a PDS
	pds      *pds     // nil on plaza
	names    []string // of the accounts that are made
	raised   []string // those of them that people raise
	tier     actions.Tier
	ranked   bool // on a PDS: a tier rule of the policy can tell which accounts matter
	accounts map[string]account
	many     []account // more accounts, without names
	serve    *child
	plazas   *child // nil on a PDS
	shift    time.Time
	stderr   io.Writer
	log      *slog.Logger
}

const replayOrigin = "replay.countersign.example/ledger"

// build starts all parts. tearDown ends them, also after an error.
func (g *testbed) build(ctx context.Context, folder string, tell func(string, ...any)) error {
	files := policy.Default()
	if folder != "" {
		var err error
		if files, err = cli.ReadPolicy(folder); err != nil {
			return err
		}
	}
	set, err := policy.Compile(files)
	if err != nil {
		return err
	}
	// The built-in rules read facts that a PDS does not give.
	g.ranked = set.Ranks(g.platform, bluesky.Facts())
	args := []string{"init", "--try", "--origin", g.origin}
	for _, o := range g.officers {
		args = append(args, "--officer", o)
	}
	if folder != "" {
		args = append(args, "--policy", folder)
	}
	if r := g.run(ctx, g.dir, args...); r.code != cli.Done {
		return r.err
	}
	// The platform declares the holders of its credential.
	config := map[string]any{"holders": map[string]any{"platforms": map[string][]string{g.platform: {"ops-first-shift", "ops-" + nightShift}}}}
	if err := cli.WriteSecret(filepath.Join(g.dir, deskdir.Config), config); err != nil {
		return err
	}
	if g.pds != nil {
		path := filepath.Join(g.dir, deskdir.Executor, deskdir.Platforms)
		if err := cli.WriteSecret(path, []deskdir.Platform{{Name: g.platform, Connector: deskdir.ConnectorBluesky, URL: g.pds.url, Token: g.pds.password}}); err != nil {
			return err
		}
	} else if err := g.startPlaza(ctx); err != nil {
		return err
	}
	if err := g.start(ctx); err != nil {
		return err
	}
	tell("The desk %s runs, with its executor in a process of its own. Platform: %s.", g.desk, g.where())
	g.shift = time.Now().UTC().Add(62 * time.Minute).Truncate(time.Second)
	if err := g.makeAccounts(ctx); err != nil {
		return err
	}
	if err := g.hire(ctx); err != nil {
		return err
	}
	for _, name := range g.raised {
		// Several stand by the tier, so that a standing order covers the account.
		if err := g.decide(ctx, "subject", "tier", g.accounts[name].on.String(), string(g.tier), "--from", "standard", "--confirm", "--reason", "matters"); err != nil {
			return err
		}
	}
	if len(g.raised) > 0 {
		tell("%d accounts there are %s; three vendors' and the platform's own people work at the desk.", len(g.raised), g.tier)
	}
	return nil
}

// where returns the platform's address.
func (g *testbed) where() string {
	if g.pds != nil {
		return g.pds.url
	}
	return g.plaza
}

// start starts the desk, which starts its executor. If it does not start, the error is
// the fault that it reported.
func (g *testbed) start(ctx context.Context) error {
	listen := "127.0.0.1:0"
	if g.desk != "" {
		listen = strings.TrimPrefix(g.desk, "http://") // where people know it
	}
	var doc struct {
		Desk string `json:"desk"`
	}
	p, err := g.launch(ctx, &doc, "serve", "--no-plaza", "--listen", listen)
	if err != nil {
		return err
	}
	g.serve, g.desk = p, doc.Desk
	return nil
}

// startPlaza starts the built-in platform, which keeps running when the desk is
// restarted.
func (g *testbed) startPlaza(ctx context.Context) (err error) {
	var doc struct {
		Plaza string `json:"plaza"`
	}
	g.plazas, err = g.launch(ctx, &doc, "plaza", "--listen", "127.0.0.1:0")
	g.plaza = doc.Plaza
	return err
}

// launch starts a command of this program that serves in the testbed's folder, and
// reads its answer.
func (g *testbed) launch(ctx context.Context, answer any, args ...string) (*child, error) {
	p, err := startChild(g.stderr, append(args, "--with-parent", "--json", "--log", "error", "--dir", g.dir)...)
	if err != nil {
		return nil, err
	}
	said := make(chan []byte, 1)
	go func() {
		p.lines.Scan()
		said <- bytes.Clone(p.lines.Bytes())
		for p.lines.Scan() { // never let it block on a full pipe
		}
	}()
	select {
	case line := <-said:
		var failed struct {
			Error *struct {
				Type string `json:"type"`
				Text string `json:"text"`
			} `json:"error"`
		}
		switch err := json.Unmarshal(line, &failed); {
		case err != nil:
			return nil, errors.Join(fault.New(fault.Unavailable, "play-failed", "%s did not start.", args[0]), p.end())
		case failed.Error != nil:
			return nil, errors.Join(fault.New(fault.Unavailable, failed.Error.Type, "%s", failed.Error.Text), p.end())
		}
		if err := json.Unmarshal(line, answer); err != nil {
			return nil, errors.Join(fmt.Errorf("read what %s says: %w", args[0], err), p.end())
		}
		return p, nil
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), p.end())
	}
}

// stop ends the desk and its executor.
func (g *testbed) stop() error {
	if g.serve == nil {
		return nil
	}
	p := g.serve
	g.serve = nil
	return p.end()
}

// tearDown ends the parts that build began, and deletes the accounts made on a PDS.
func (g *testbed) tearDown(ctx context.Context) error {
	err := g.stop()
	if g.plazas != nil {
		err = errors.Join(err, g.plazas.end())
	}
	if g.pds != nil {
		all := slices.AppendSeq(g.many, maps.Values(g.accounts))
		err = errors.Join(err, g.pds.some(ctx, len(all), func(ctx context.Context, i int) error {
			if all[i].id == "" {
				return nil // it was never made
			}
			return g.pds.call(ctx, g.pds.admin(), "com.atproto.admin.deleteAccount", map[string]any{"did": all[i].id}, nil)
		}))
	}
	return err
}

// hire admits people and gives keys to those who act.
func (g *testbed) hire(ctx context.Context) error {
	if err := g.signIn(ctx, g.officers, func(w string) string { return filepath.Join(g.dir, deskdir.Keys, w+".key") }); err != nil {
		return err
	}
	for _, v := range demoVendors {
		if err := g.decide(ctx, "vendor", "add", v.id, "--name", v.name, "--reason", "contract signed"); err != nil {
			return err
		}
	}
	file := filepath.Join(g.dir, "people.csv")
	if err := writePeople(file, g.people(time.Now().UTC())); err != nil {
		return err
	}
	if err := g.decide(ctx, "worker", "import", file, "--managers-elsewhere", "--founding", "--reason", "the founding import"); err != nil {
		return err
	}
	add := []string{"platform", "add", g.platform, "--connector", deskdir.ConnectorPlaza, "--reason", "our platform"}
	if g.pds != nil {
		add = []string{"platform", "add", g.platform, "--connector", deskdir.ConnectorBluesky, "--reason", "our platform"}
		if !g.ranked {
			// The testbed raises the accounts of the play itself, once they exist.
			list := filepath.Join(g.dir, "raise.txt")
			if err := cli.WriteFile(list, []byte("# nobody yet: the accounts are still to be made\n"), 0o600); err != nil {
				return err
			}
			add = append(add, "--unranked", "--raise", list)
		}
	}
	if err := g.decide(ctx, add...); err != nil {
		return err
	}
	return g.giveKeys(ctx, contractor, colleague, sameLine, asker, second, employee, reader)
}

// people are the rows of the import. All have been at the desk for long; the contractor,
// whose notice was given a month ago, leaves in an hour.
func (g *testbed) people(now time.Time) [][]string {
	start, later := now.AddDate(-1, 0, 0).Format(time.RFC3339), now.AddDate(1, 0, 0).Format(time.RFC3339)
	row := func(id, vendor, role, manager, last, notice string) []string {
		return []string{id, "Worker " + id, id + "@example.com", vendor, role, "support", manager, "", "Europe/Lisbon", start, last, notice}
	}
	return [][]string{
		row(contractor, "brightline", "lead", "bl-m5", g.shift.Format(time.RFC3339), now.AddDate(0, 0, -30).Format(time.RFC3339)),
		row(colleague, "brightline", "lead", "m-1", later, ""),
		row(sameLine, "northlake", "lead", "m-1", later, ""),
		row(asker, "northlake", "agent", "nl-m1", later, ""),
		row(second, "telora", "lead", "te-m1", later, ""),
		row(employee, "", "lead", "em-m1", "", ""),
		row(reader, "", "investigator", "em-m4", "", ""),
	}
}

func (g *testbed) makeAccounts(ctx context.Context) error {
	g.accounts = map[string]account{}
	for _, name := range g.names {
		var a account
		var err error
		if g.pds != nil {
			a, err = g.pds.makeAccount(ctx, name)
		} else {
			a, err = g.makeOnPlaza(ctx, name)
		}
		if err != nil {
			return err
		}
		a.on = platform.Subject{Platform: g.platform, ID: a.id}
		g.accounts[name] = a
	}
	return nil
}

func (g *testbed) makeOnPlaza(ctx context.Context, name string) (account, error) {
	token, err := cli.ReadFile(filepath.Join(g.dir, deskdir.SetupToken), 1<<10)
	if err != nil {
		return account{}, err
	}
	handle, setUp := "@"+name, "Bearer "+strings.TrimSpace(string(token))
	var made, owner struct {
		ID    string `json:"id"`
		Token string `json:"token"`
	}
	if _, err := call(ctx, http.DefaultClient, http.MethodPost, g.plaza+"/staff/v1/accounts", setUp, nil,
		plaza.NewAccount{Handle: handle, Name: name, Followers: 100}, &made); err != nil {
		return account{}, err
	}
	_, err = call(ctx, http.DefaultClient, http.MethodPost, g.plaza+"/staff/v1/owners", setUp, nil, map[string]string{"account": made.ID}, &owner)
	return account{handle: handle, id: made.ID, page: g.plaza + "/" + handle, owner: owner.Token}, err
}

// call sends JSON, if there is a body, to an address and reads the answer into a
// document, nil for none. An answer outside the 200s is an error that names the status.
func call(ctx context.Context, h *http.Client, method, address, authorization string, headers map[string]string, body, into any) (status int, err error) {
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return 0, fmt.Errorf("write a call: %w", err)
		}
		in = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, address, in)
	if err != nil {
		return 0, fmt.Errorf("make a call: %w", err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	for name, value := range headers {
		req.Header.Set(name, value)
	}
	res, err := h.Do(req)
	if err != nil {
		return 0, fault.New(fault.Unavailable, "platform-unreachable", "%s does not answer.", req.URL.Host).Because(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return res.StatusCode, fmt.Errorf("read the answer of %s: %w", req.URL.Path, err)
	}
	if res.StatusCode/100 != 2 {
		if len(answer) > 300 {
			answer = answer[:300]
		}
		return res.StatusCode, fault.New(fault.Conflict, "platform-refused", "%s answers %s: %s", req.URL.Path, res.Status, answer)
	}
	if into == nil || len(answer) == 0 {
		return res.StatusCode, nil
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return res.StatusCode, fmt.Errorf("read the answer of %s: %w", req.URL.Path, err)
	}
	return res.StatusCode, nil
}

// pds is a PDS with its administrator's password.
type pds struct {
	url, password string
	http          *http.Client
}

// admin is the administrator's authorization.
func (p *pds) admin() string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte("admin:"+p.password))
}

func (p *pds) call(ctx context.Context, authorization, method string, input, output any) error {
	_, err := call(ctx, p.http, http.MethodPost, p.url+"/xrpc/"+method, authorization, nil, input, output)
	return err
}

// makeAccount makes an account with an unused handle. If the PDS wants an invitation, the
// administrator makes one.
func (p *pds) makeAccount(ctx context.Context, name string) (account, error) {
	var server struct {
		Domains []string `json:"availableUserDomains"`
		Invite  bool     `json:"inviteCodeRequired"`
	}
	if err := p.query(ctx, "com.atproto.server.describeServer", &server); err != nil {
		return account{}, err
	}
	if len(server.Domains) == 0 {
		return account{}, fault.New(fault.Unsupported, "no-domain", "The PDS %s gives no handles of its own; the replay makes accounts there.", p.url)
	}
	var nonce [12]byte
	if _, err := rand.Read(nonce[:]); err != nil {
		return account{}, fmt.Errorf("make a password: %w", err)
	}
	tail := hex.EncodeToString(nonce[:])
	handle := name[:min(len(name), 9)] + "-" + tail[:6] + server.Domains[0]
	wish := map[string]any{"handle": handle, "email": tail[:6] + "-" + name + "@example.com", "password": tail}
	if server.Invite {
		var invitation struct {
			Code string `json:"code"`
		}
		if err := p.call(ctx, p.admin(), "com.atproto.server.createInviteCode", map[string]any{"useCount": 1}, &invitation); err != nil {
			return account{}, err
		}
		wish["inviteCode"] = invitation.Code
	}
	var made struct {
		DID    string `json:"did"`
		Access string `json:"accessJwt"`
	}
	if err := p.call(ctx, "", "com.atproto.server.createAccount", wish, &made); err != nil {
		return account{}, err
	}
	return account{handle: handle, id: made.DID, owner: made.Access,
		repo: p.url + "/xrpc/com.atproto.sync.getRepoStatus?did=" + url.QueryEscape(made.DID)}, nil
}

func (p *pds) query(ctx context.Context, method string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/xrpc/"+method, nil)
	if err != nil {
		return fmt.Errorf("ask the PDS: %w", err)
	}
	res, err := p.http.Do(req)
	if err != nil {
		return fault.New(fault.Unavailable, "platform-unreachable", "The PDS %s does not answer.", p.url).Because(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err == nil && res.StatusCode == http.StatusOK {
		err = json.Unmarshal(answer, into)
	}
	if err != nil || res.StatusCode != http.StatusOK {
		return fault.New(fault.Unavailable, "not-a-pds", "%s does not answer as a PDS does: %s.", p.url, res.Status).Because(err)
	}
	return nil
}

// reader is a client of the desk for a worker who may read there.
func (g *testbed) reader() (*client.Client, error) {
	token, err := g.token(reader)
	if err != nil {
		return nil, err
	}
	return client.New(g.desk, token, &http.Client{Timeout: time.Minute})
}
