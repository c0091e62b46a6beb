package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cli"
	"countersign.dev/deskdir"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/policy"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

type initCommands struct {
	Open  initOpen  `cmd:"" default:"withargs" help:"Open the founding statement of a new desk, in an empty folder."`
	Sign  initSign  `cmd:"" help:"An officer's part: put your key into the statement; once all keys are in, sign it."`
	Close initClose `cmd:"" help:"Enter the signed statement as entry 0 of the ledger and write the trust folder."`
}

// fewest is the least number of founding officers of a desk whose policy asks for two
// countersigners.
const fewest = 3

type initOpen struct {
	Officers    []string `name:"officer" placeholder:"ID[=FILE.public]" help:"An officer, once for each: three at least, or two under the rule below; with the public half of their key if it is known already, as key make writes it."`
	Origin      string   `help:"Origin of the ledger: a name of yours that is never used again, such as desk.example.com/ledger."`
	Executor    string   `default:"executor" help:"What the executor is called."`
	ExecutorKey string   `placeholder:"FILE.public" help:"Public half of the key of an executor on another machine. Left out: a key is made here."`
	Site        string   `placeholder:"DOMAIN" help:"The site to which passkeys are bound for good, such as example.com. Left out with --page: localhost, for trying on one machine."`
	Page        []string `placeholder:"ORIGIN" help:"A page on which passkeys may sign, such as https://desk.example.com; once for each. Left out: https://DOMAIN; for localhost http://localhost:7400."`
	Policy      string   `placeholder:"FOLDER" help:"The whole first policy set. Left out: the built-in one."`
	Formats     int64    `default:"0" placeholder:"1" help:"For trying the switch of an older desk: found this one in the formats 1. Only with --try."`
	Try         bool     `help:"For trying only: make every key here and close at once. Whoever reads this folder is then every officer."`
}

func (c *initOpen) Help() string {
	return "Founding takes several people, so that nobody could have founded it alone:\n\n" +
		"  1. here:          countersign init --dir DIR --origin desk.example.com/ledger --officer ada --officer ben --officer cy\n" +
		"  2. each officer, on a machine of their own:  countersign key make my.key --worker ada --hardware\n" +
		"  3. each in turn, with the copy of DIR/founding.json that goes round:  countersign init sign founding.json --officer ada --key my.key     (hand it on; go round twice)\n" +
		"  4. here:          countersign init close founding.json --dir DIR     (the copy that came back)\n\n" +
		"Give --site and --page if people will sign with passkeys in browsers: they are signed with the founding. Without them they are for trying on one machine. " +
		siteIsFixed + " Take the registrable domain of the pages (example.com for https://desk.example.com), unless strangers have pages under it. " +
		"It is no IP address; each page's host is the site or a subdomain of it; pages are of https, but for http://localhost. " +
		"Pages are changed later by several people (countersign site propose --page ORIGIN --reason WHY).\n\n" +
		"With two officers the desk works under one rule: no policy may need more than two people. Everything that would " +
		"need two countersigners then needs one. Both are indispensable: where one is lost, nobody can thaw, admit or enrol any more. " +
		"With three officers the desk goes on without each of them."
}

// siteIsFixed says what the choice of the site means.
const siteIsFixed = "The site is fixed: browsers bind every passkey to it (WebAuthn calls it the RP id), and with another site everybody needs a new passkey."

// site fills in the site and the pages, and refuses those with which passkeys would not work.
func (c *initOpen) site() error {
	switch {
	case c.Site == "" && len(c.Page) == 0:
		c.Site, c.Page = actions.Localhost, []string{"http://localhost:7400"}
	case c.Site == actions.Localhost && len(c.Page) == 0:
		c.Page = []string{"http://localhost:7400"}
	case len(c.Page) == 0:
		c.Page = []string{"https://" + c.Site}
	}
	return actions.CheckSite(c.Site, c.Page)
}

// aboutSite says what the chosen site means, and which other one there would be.
func (c *initOpen) aboutSite() string {
	if c.Site == actions.Localhost {
		return "The site of passkeys is localhost: people sign in browsers on this machine only. Found a desk for others with --site and --page: another site later needs new passkeys of everybody."
	}
	text := fmt.Sprintf("The site of passkeys is %s, for pages on %s. %s", c.Site, strings.Join(c.Page, ", "), siteIsFixed)
	if wider := actions.SuggestSite(c.Page); wider != "" && wider != c.Site {
		text += fmt.Sprintf(" If the desk may move within %s, found it with --site %s: pages of all its subdomains can be added then.", wider, wider)
	}
	return text
}

// opened is the answer of init open.
type opened struct {
	Dir       string               `json:"dir"`
	Statement string               `json:"statement"`
	Origin    string               `json:"origin"`
	Officers  []workforce.WorkerID `json:"officers"`
	Policy    canonical.Digest     `json:"policy"`
	Closed    bool                 `json:"closed"`
	Root      canonical.Digest     `json:"root"` // hash of entry 0, once closed
}

func (c *initOpen) Run(ctx context.Context, s *cli.Session) (err error) {
	dir := s.Folder()
	if err := deskdir.MustBeEmpty(dir); err != nil {
		return err
	}
	if c.Try {
		c.fill()
	}
	switch {
	case c.Formats == 0:
		c.Formats = actions.NewestFormats
	case !c.Try:
		return fault.New(fault.Invalid, "wrong-use", "A new desk is founded in the newest formats. Leave --formats out; it is for trying, with --try.")
	case c.Formats < actions.FirstFormats || c.Formats > actions.NewestFormats:
		return fault.New(fault.Invalid, "wrong-use", "There are the formats %d to %d.", actions.FirstFormats, actions.NewestFormats)
	}
	if c.Origin == "" {
		return fault.New(fault.Invalid, "no-origin", "Name the ledger: --origin desk.example.com/ledger.")
	}
	if err := ledger.CheckOrigin(c.Origin); err != nil {
		return err
	}
	if err := c.site(); err != nil {
		return err
	}
	officers, err := c.officers()
	if err != nil {
		return err
	}
	files, err := c.policySet(len(officers))
	if err != nil {
		return err
	}
	logKey, err := ledger.NewKey(c.Origin, s.Rand)
	if err != nil {
		return err
	}
	executorKey, public, err := c.executorKeys(s.Rand)
	if err != nil {
		return err
	}
	st := cli.OpenFounding{V: cli.OpenFoundingVersion, Signatures: map[workforce.WorkerID]actions.Signature{}, Founding: proof.Founding{
		V: proof.FoundingVersion(c.Formats), Laws: actions.NewestLaws, Formats: c.Formats, Origin: c.Origin, LogKey: logKey.VerifierKey(), Officers: officers, Policy: files, Budgets: actions.FoundingBudgets(c.Formats),
		Trust: actions.Trust{Executor: c.Executor, ExecutorKey: public.Public, RelyingParty: c.Site, Origins: c.Page,
			EndingsPerHour: 5, RaisesPerHour: 20, UndoWindow: 30},
		Time: canonical.At(s.Now()), Nonce: make([]byte, 32)}}
	if _, err := io.ReadFull(s.Rand, st.Founding.Nonce); err != nil {
		return fmt.Errorf("make a nonce: %w", err)
	}
	between, err := newLink(c.Executor, s.Rand)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make %s: %w", dir, err)
	}
	held, err := deskdir.AcquireLock(dir, deskdir.DeskLock, "init")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, held.Release()) }()
	if err := deskdir.MustBeEmpty(dir); err != nil { // again: another process may have been faster
		return err
	}
	if err := c.write(dir, logKey, executorKey, between, st); err != nil {
		return err
	}
	doc := opened{Dir: dir, Statement: filepath.Join(dir, deskdir.Founding), Origin: c.Origin, Policy: policy.DigestOf(files)}
	for _, o := range officers {
		doc.Officers = append(doc.Officers, o.Worker)
	}
	s.Say("%s", c.aboutSite())
	if len(officers) < fewest {
		s.Say("Two officers: no policy here may need more than two people, so one countersignature is the most that any act can need. " +
			"Both are indispensable: where one is lost, nobody can thaw, admit or enrol any more. " +
			"If one of the two is lost, nobody can admit people, enrol keys or change policy. Three are better.")
	}
	if c.Try {
		return c.tryClose(ctx, s, dir, st, doc)
	}
	return s.Answer(doc, func(p *cli.Page) {
		p.Line("Opened a founding statement for %s, with %d officers.", doc.Origin, len(doc.Officers))
		p.Line("Send a copy of %s to the first of them. Each, on a machine of their own, in the folder with that copy:", doc.Statement)
		p.Line("  countersign key make my.key --worker %s --hardware", doc.Officers[0])
		p.Line("  countersign init sign %s --officer %s --key my.key", deskdir.Founding, doc.Officers[0])
		p.Line("and hands %s on; it goes round twice: first for the keys, then for the signatures. Then here:", deskdir.Founding)
		p.Line("  countersign init close %s --dir %s", deskdir.Founding, dir)
		p.Line("with the copy of %s that came back, not the one in %s.", deskdir.Founding, dir)
	})
}

// fill sets for init --try the values that were left out.
func (c *initOpen) fill() {
	if c.Origin == "" {
		c.Origin = "try.countersign.example/ledger"
	}
	if len(c.Officers) == 0 {
		c.Officers = []string{"officer-1", "officer-2", "officer-3"}
	}
}

func (c *initOpen) officers() ([]proof.Officer, error) {
	var all []proof.Officer
	for _, given := range c.Officers {
		name, file, _ := strings.Cut(given, "=")
		if !workforce.ValidIdentifier(name) {
			return nil, fault.New(fault.Invalid, "bad-officer", "%q is not an identifier: lower-case letters, digits, dot, underscore and hyphen. It is kept for ever, so no e-mail address.", name)
		}
		o := proof.Officer{Worker: workforce.WorkerID(name), Key: noKey()}
		if file != "" {
			if c.Try {
				return nil, fault.New(fault.Invalid, "try-makes-keys", "--try makes every key itself; give officers by their identifiers alone.")
			}
			var err error
			if o.Key, err = cli.ReadPublicKey(file); err != nil {
				return nil, err
			}
		}
		all = append(all, o)
	}
	slices.SortFunc(all, func(a, b proof.Officer) int { return strings.Compare(string(a.Worker), string(b.Worker)) })
	for i := 1; i < len(all); i++ {
		if all[i].Worker == all[i-1].Worker {
			return nil, fault.New(fault.Invalid, "bad-officer", "%s is named twice.", all[i].Worker)
		}
	}
	if len(all) < fewest-1 {
		return nil, fault.New(fault.Invalid, "too-few-officers", "A desk is founded by at least three officers (--officer, once for each), so that nobody founds it alone. Two are possible; --help says what that means.")
	}
	return all, nil
}

func noKey() workforce.PublicKey {
	return workforce.PublicKey{Algorithm: workforce.FileEd25519, Public: canonical.Bytes{}, Credential: canonical.Bytes{}}
}

var independentSlots = regexp.MustCompile(`@hold\("\s*\+?\s*(\d+) independent`)

// oneSigner has the reasons of the built-in policy say what its holds ask for at a desk with two officers.
var oneSigner = strings.NewReplacer(
	"two independent officers must countersign, one of them an employee, all with keys bound to hardware.", "the other officer must countersign, both with keys bound to hardware.",
	"two independent people must countersign, one of them an employee, all with keys bound to hardware.", "an independent employee must countersign, both with keys bound to hardware.",
	"two independent people must countersign, one of them an employee.", "an independent employee must countersign.",
)

// policySet is the first policy set. With two officers a hold for more than one
// other person could never be discharged by the people who can change it.
func (c *initOpen) policySet(officers int) (map[string]string, error) {
	files := policy.Default()
	if c.Policy != "" {
		var err error
		if files, err = cli.ReadPolicy(c.Policy); err != nil {
			return nil, err
		}
	}
	if officers < fewest {
		for _, name := range slices.Sorted(maps.Keys(files)) {
			for _, m := range independentSlots.FindAllStringSubmatch(files[name], -1) {
				if n, err := strconv.Atoi(m[1]); err == nil && n > 1 && c.Policy != "" {
					return nil, fault.New(fault.Invalid, "policy-needs-more", "%s holds acts for %d independent people; with two officers no policy may need more than two people, the requester counted.", name, n)
				}
			}
			files[name] = independentSlots.ReplaceAllStringFunc(files[name], func(hold string) string {
				return strings.Replace(hold, independentSlots.FindStringSubmatch(hold)[1], "1", 1)
			})
			if c.Policy == "" {
				files[name] = oneSigner.Replace(files[name])
			}
		}
	}
	return files, policy.Check(files, nil, canonical.Time{}.Time).Err()
}

func (c *initOpen) executorKeys(rand io.Reader) (*cli.KeyFile, workforce.PublicKey, error) {
	if c.ExecutorKey != "" {
		public, err := cli.ReadPublicKey(c.ExecutorKey)
		return nil, public, err
	}
	k, err := cli.MakeKey(rand, "", false)
	return &k, k.PublicKey(), err
}

func (c *initOpen) write(dir string, logKey *ledger.Key, executorKey *cli.KeyFile, between linkSettings, st cli.OpenFounding) error {
	if err := cli.WriteFile(filepath.Join(dir, deskdir.LogKey), logKey.File(), 0o600); err != nil {
		return err
	}
	if executorKey != nil {
		if err := cli.WriteKey(filepath.Join(dir, deskdir.Executor, deskdir.ExecutorKey), *executorKey); err != nil {
			return err
		}
	}
	// Both sides have a copy: the executor's folder may move to another machine.
	for _, folder := range []string{dir, filepath.Join(dir, deskdir.Executor)} {
		if err := cli.WriteSecret(filepath.Join(folder, linkFile), between); err != nil {
			return err
		}
	}
	return cli.WriteFounding(filepath.Join(dir, deskdir.Founding), st)
}

// tryClose makes every officer's key, signs with all of them and closes the statement.
func (c *initOpen) tryClose(ctx context.Context, s *cli.Session, dir string, st cli.OpenFounding, doc opened) error {
	s.Say("For trying only: every officer's key lies in %s, so whoever reads this folder is all of them at once. Found a real desk without --try.", filepath.Join(dir, deskdir.Keys))
	keys := map[workforce.WorkerID]cli.KeyFile{}
	for i, o := range st.Founding.Officers {
		// The key is declared as bound to hardware, which it is not: otherwise nobody could
		// change this desk.
		k, err := cli.MakeKey(s.Rand, o.Worker, true)
		if err != nil {
			return err
		}
		if err := cli.WriteKey(filepath.Join(dir, deskdir.Keys, string(o.Worker)+".key"), k); err != nil {
			return err
		}
		st.Founding.Officers[i].Key, keys[o.Worker] = k.PublicKey(), k
	}
	for w, k := range keys {
		st.Signatures[w] = k.Sign(st.Founding.Challenge())
	}
	if err := cli.WriteFounding(filepath.Join(dir, deskdir.Founding), st); err != nil {
		return err
	}
	root, err := found(ctx, s, dir, st)
	if err != nil {
		return err
	}
	doc.Closed, doc.Root = true, root
	return s.Answer(doc, func(p *cli.Page) {
		p.Line("Founded %s, for trying, with the officers %s.", doc.Origin, strings.Join(c.Officers, ", "))
		p.Line("  entry 0  %s", root)
		p.Line("  keys     %s", filepath.Join(dir, deskdir.Keys))
		p.Line("Start it, and leave it running:")
		p.Line("  countersign serve --dir %s", dir)
		p.Line("In another terminal, sign in as each officer, at the address that serve prints:")
		folder := func(id string) string { return filepath.Join(filepath.Dir(dir), id) }
		for _, o := range doc.Officers {
			id := string(o)
			p.Line("  countersign token create --save --url http://127.0.0.1:7400 --key %s --dir %s", filepath.Join(dir, deskdir.Keys, id+".key"), folder(id))
		}
		p.Line("Then one asks, and each of the others countersigns: countersign --dir %s action countersign REQUEST", folder(string(doc.Officers[1])))
		asks := "  countersign --dir " + folder(string(doc.Officers[0]))
		p.Line("%s platform add plaza --connector plaza --reason 'to try it'", asks)
		p.Line("  countersign rule default --out %s", folder("rules.json"))
		p.Line("%s rule propose %s --reason 'to try it'", asks, folder("rules.json"))
		p.Line("  countersign queue default --out %s", folder("queues.json"))
		p.Line("%s queue propose %s --reason 'to try it'     (once the rules are countersigned)", asks, folder("queues.json"))
		p.Line("People, keys, programs and the first case: doc/operating.md, The first day. Where it stands: countersign --dir %s status", folder(string(doc.Officers[0])))
	})
}

type initSign struct {
	Statement string             `arg:"" optional:"" help:"The founding statement. Default: founding.json in DIR."`
	Officer   workforce.WorkerID `required:"" help:"Who you are in it."`
	Yes       bool               `short:"y" help:"Sign without asking. What is signed is shown all the same."`
}

func (c *initSign) Help() string {
	return "Run it on your own machine. While keys are missing it puts yours in; hand the file on. Once all keys are in it shows " +
		"the whole statement and signs it. Read it: what you sign founds the desk, and nothing later can change who founded it."
}

// signedStatement is the answer of init sign.
type signedStatement struct {
	Statement         string               `json:"statement"`
	Officer           workforce.WorkerID   `json:"officer"`
	Signed            bool                 `json:"signed"`
	MissingKeys       []workforce.WorkerID `json:"missing_keys"`
	MissingSignatures []workforce.WorkerID `json:"missing_signatures"`
}

func (c *initSign) Run(s *cli.Session) error {
	path := c.Statement
	if path == "" {
		path = filepath.Join(s.Folder(), deskdir.Founding)
	}
	st, err := cli.ReadFounding(path)
	if err != nil {
		return err
	}
	k, err := s.OwnKey()
	if err != nil {
		return err
	}
	if k.Worker != "" && k.Worker != c.Officer {
		return fault.New(fault.Invalid, "other-worker", "The key is %s's, and you sign as %s.", k.Worker, c.Officer)
	}
	i := slices.IndexFunc(st.Founding.Officers, func(o proof.Officer) bool { return o.Worker == c.Officer })
	if i < 0 {
		return fault.New(fault.Invalid, "not-an-officer", "The statement does not name %s as an officer.", c.Officer)
	}
	o := &st.Founding.Officers[i]
	added := len(o.Key.Public) == 0
	if added {
		o.Key = k.PublicKey()
	}
	if o.Key.ID() != k.Key {
		return fault.New(fault.Conflict, "other-key", "The statement has another key for %s: %s. Yours is %s.", c.Officer, o.Key.ID(), k.Key)
	}
	doc := signedStatement{Statement: path, Officer: c.Officer, MissingKeys: st.MissingKeys()}
	if len(doc.MissingKeys) == 0 {
		if err := st.Founding.Check(); err != nil {
			return err
		}
		if added { // it stays in, also if this officer does not sign now
			if err := cli.WriteFounding(path, st); err != nil {
				return err
			}
		}
		s.SayAll(st.Describe())
		if err := s.Confirm("Sign it as "+string(c.Officer)+"?", c.Yes); err != nil {
			if added {
				s.Say("Your key %s is in %s now. Hand it on to the others, who can sign; sign it yourself later, with the same command.", k.Key, path)
			}
			return err
		}
		st.Signatures[c.Officer] = k.Sign(st.Founding.Challenge())
		doc.Signed = true
	}
	doc.MissingSignatures = st.MissingSignatures()
	if err := cli.WriteFounding(path, st); err != nil {
		return err
	}
	return s.Answer(doc, func(p *cli.Page) {
		switch {
		case !doc.Signed:
			p.Line("Your key %s is in. Hand %s on to %s; sign when all keys are in.", k.Key, path, cli.Names(doc.MissingKeys))
		case len(doc.MissingSignatures) > 0:
			p.Line("Signed. Hand %s on to %s.", path, cli.Names(doc.MissingSignatures))
		default:
			p.Line("Signed, and all signatures are in. Where the desk will run, with this copy: countersign init close %s --dir DIR", filepath.Base(path))
		}
	})
}

type initClose struct {
	Statements []string `arg:"" optional:"" help:"Signed copies of the founding statement, if several came back. Default: founding.json in DIR."`
}

// closedDesk is the answer of init close.
type closedDesk struct {
	Dir    string           `json:"dir"`
	Origin string           `json:"origin"`
	Root   canonical.Digest `json:"root"`
	Trust  string           `json:"trust"`
}

func (c *initClose) Run(ctx context.Context, s *cli.Session) (err error) {
	dir := s.Folder()
	held, err := deskdir.AcquireLock(dir, deskdir.DeskLock, "init close")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, held.Release()) }()
	paths := c.Statements
	if len(paths) == 0 {
		paths = []string{filepath.Join(dir, deskdir.Founding)}
	}
	st, err := cli.MergeFounding(paths)
	if err != nil {
		return err
	}
	own, err := cli.ReadFounding(filepath.Join(dir, deskdir.Founding))
	if err != nil {
		return err
	}
	if own.Founding.Origin != st.Founding.Origin || own.Founding.LogKey != st.Founding.LogKey {
		return fault.New(fault.Invalid, "foreign-statement", "The signed statement founds %s with another log key than the one in %s.", st.Founding.Origin, dir)
	}
	root, err := found(ctx, s, dir, st)
	if err != nil {
		return err
	}
	doc := closedDesk{Dir: dir, Origin: st.Founding.Origin, Root: root, Trust: filepath.Join(dir, deskdir.Trust)}
	return s.Answer(doc, func(p *cli.Page) {
		p.Line("Founded %s.", doc.Origin)
		p.Line("  entry 0  %s", root)
		p.Line("Publish %s, by another way than this machine: whoever verifies a warrant needs it, and nothing else.", doc.Trust)
		p.Line("Start the desk:")
		p.Line("  countersign serve --dir %s", dir)
	})
}

// trustFolders are the folders that are written when a desk is founded.
func trustFolders(dir string) []string {
	return []string{filepath.Join(dir, deskdir.Trust), filepath.Join(dir, deskdir.Executor, deskdir.Trust)}
}

// trusted reports whether the trust folders were written. The executor's may have
// moved away with its folder.
func trusted(dir string) bool {
	for _, folder := range trustFolders(dir) {
		if _, err := os.Stat(filepath.Dir(folder)); err != nil {
			continue
		}
		if _, err := os.Stat(filepath.Join(folder, cli.TrustPolicy)); err != nil {
			return false
		}
	}
	return true
}

// founded returns entry 0 if it is the closed statement; otherwise it returns the error
// why.
func (h *openDesk) founded(ctx context.Context, closed proof.Closed, why error) (first ledger.Entry, err error) {
	err = h.store.Read(ctx, func(tx *store.Tx) error {
		first, err = tx.Entry(0)
		return err
	})
	if err != nil {
		return first, err
	}
	var there proof.Closed
	if err := canonical.UnmarshalExact(first.Body.Data, &there); err != nil {
		return first, fmt.Errorf("read entry 0: %w", err)
	}
	if there.Founding.Challenge() != closed.Founding.Challenge() {
		return first, why
	}
	return first, nil
}

// found enters entry 0 and writes the trust folders.
func found(ctx context.Context, s *cli.Session, dir string, st cli.OpenFounding) (canonical.Digest, error) {
	var root canonical.Digest
	closed := st.Closed()
	if err := closed.Verify(); err != nil {
		return root, err
	}
	h, err := openDeskToFound(ctx, s, dir)
	if err != nil {
		return root, err
	}
	entry, err := h.desk.Found(ctx, closed)
	if fault.Is(err, "already-founded") && !trusted(dir) {
		// This very statement is entry 0 already if we died before the trust folders were
		// written.
		entry, err = h.founded(ctx, closed, err)
	}
	if err := errors.Join(err, h.close()); err != nil {
		return root, err
	}
	root = entry.Leaf.Digest()
	for _, folder := range trustFolders(dir) {
		if err := cli.WriteFile(filepath.Join(folder, cli.TrustRoot), []byte(root.String()+"\n"), 0o644); err != nil {
			return root, err
		}
		if err := cli.WriteFile(filepath.Join(folder, cli.TrustPolicy), []byte("log "+st.Founding.LogKey+"\nquorum none\n"), 0o644); err != nil {
			return root, err
		}
	}
	return root, s.Remember("", st.Founding.Origin)
}
