package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-json-experiment/json"

	"countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
)

type ledgerCommands struct {
	Log    ledgerLog    `cmd:"" help:"List entries, as the desk lets you read them."`
	Verify ledgerVerify `cmd:"" help:"Check a whole ledger and its governance chain against a trust folder. On a desk's address or an exported folder."`
	Export ledgerExport `cmd:"" help:"Copy the ledger into a folder: C2SP tiles, checkpoint, and the governance chain's bodies."`
}

type ledgerLog struct {
	After int64 `default:"-1" help:"Begin after this index; -1 for the beginning."`
	Limit int   `default:"50" help:"At most so many."`
	Last  int   `help:"Only the newest so many."`
}

func (c *ledgerLog) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	after, limit := c.After, c.Limit
	if c.Last > 0 {
		status, err := d.Status(ctx)
		if err != nil {
			return err
		}
		after, limit = max(-1, status.Ledger.Size-int64(c.Last)-1), c.Last
	}
	e, err := d.Entries(ctx, after, limit)
	if err != nil {
		return err
	}
	return s.Answer(e, func(p *Page) {
		rows := [][]string{{"INDEX", "CLASS", "NUMBER", "KIND", "WHEN"}}
		for _, x := range e.Items {
			rows = append(rows, []string{fmt.Sprint(x.Index), x.Class, fmt.Sprint(x.Number), x.Kind, when(x.Time)})
		}
		p.Table(rows)
	})
}

// GovernanceFile is the file of an export that opens the governance chain: one
// JSON array of {index, body, salt}. It carries no personal field.
const GovernanceFile = "governance.json"

// served is a ledger that can be read: a desk's, or an export's.
type served struct {
	fetch  ledger.Fetch
	bodies func(from int64) (v1.Bodies, error)
}

// ledgerAt opens the ledger at a desk's address or in a folder.
func (s *Session) ledgerAt(ctx context.Context, where string) (served, error) {
	if strings.HasPrefix(where, "http://") || strings.HasPrefix(where, "https://") {
		c, err := s.load()
		if err != nil {
			return served{}, err
		}
		own := *s.Global
		own.URL = strings.TrimSuffix(strings.TrimRight(where, "/"), "/ledger")
		other := &Session{Program: s.Program, Global: &own}
		if own.URL != c.URL && s.Getenv("COUNTERSIGN_TOKEN") == "" {
			other.settings = &settings{URL: own.URL} // the token is the configured desk's, and nobody else's
		}
		d, err := other.desk()
		if err != nil {
			return served{}, err
		}
		return served{d.Ledger(ctx), func(from int64) (v1.Bodies, error) { return d.Governance(ctx, from) }}, nil
	}
	info, err := os.Stat(where)
	if err != nil {
		return served{}, unreadable(where, err)
	}
	if !info.IsDir() {
		return served{}, fault.New(fault.Invalid, "unreadable", "%s is neither a desk's address nor a folder.", where)
	}
	return served{ledger.Folder(os.DirFS(where)), func(from int64) (v1.Bodies, error) {
		var b v1.Bodies
		raw, err := ReadFile(filepath.Join(where, GovernanceFile), 1<<30)
		if err != nil {
			return b, err
		}
		if err := json.Unmarshal(raw, &b.Bodies, json.RejectUnknownMembers(true)); err != nil {
			return b, fault.New(fault.Invalid, "bad-export", "%s is not the governance chain of an export.", GovernanceFile)
		}
		if from > 0 {
			b.Bodies = nil
		}
		b.From, b.Next = from, from
		return b, nil
	}}, nil
}

// readBodies reads the whole governance chain's bodies, by index.
func (v served) readBodies() ([]v1.Body, error) {
	var all []v1.Body
	for from := int64(0); ; {
		b, err := v.bodies(from)
		if err != nil {
			return nil, err
		}
		all = append(all, b.Bodies...)
		if b.Next <= from {
			return all, nil
		}
		from = b.Next
	}
}

// follow verifies a whole ledger and folds its governance chain: every entry's
// own authority is checked, from the entry 0 that the trust folder names.
func (s *Session) follow(ctx context.Context, where string, folder trustFolder, trust *ledger.Trust) (*proof.State, ledger.Signed, error) {
	v, err := s.ledgerAt(ctx, where)
	if err != nil {
		return nil, ledger.Signed{}, err
	}
	leaves := map[int64]ledger.Leaf{}
	last := int64(-1)
	witnesses := make([]*ledger.Witness, len(trust.Witnesses))
	for i, w := range trust.Witnesses {
		witnesses[i] = w.Key
	}
	signed, err := ledger.Reader{Fetch: v.fetch, Log: trust.Log, Witnesses: witnesses, Leaf: func(index int64, l ledger.Leaf) error {
		if l.Class == ledger.Governance {
			leaves[index], last = l, l.Number
		}
		return nil
	}}.Verify()
	if err != nil {
		return nil, signed, err
	}
	if err := trust.Quorum(signed); err != nil {
		return nil, signed, err
	}
	bodies, err := v.readBodies()
	if err != nil {
		return nil, signed, err
	}
	state := proof.NewState(folder.Root)
	for _, b := range bodies {
		leaf, ok := leaves[b.Index]
		if !ok && b.Index >= signed.Size {
			continue // newer than the checkpoint that was read
		}
		if !ok {
			return nil, signed, fault.New(fault.Conflict, "ledger-tampered", "The governance chain names entry %d, which is none of its class.", b.Index)
		}
		body, err := ledger.Verify(leaf, b.Body, b.Salt)
		if err != nil {
			return nil, signed, err
		}
		if err := state.Apply(leaf, body); err != nil {
			return nil, signed, err
		}
	}
	if state.Next != last+1 {
		return nil, signed, fault.New(fault.Conflict, "ledger-tampered", "The ledger has %d governance entries, and %d of them were opened: some are withheld.", last+1, state.Next)
	}
	if state.Founded() && state.Origin != signed.Origin {
		return nil, signed, fault.New(fault.Conflict, "ledger-tampered", "The ledger is %q, and its entry 0 founds %q.", signed.Origin, state.Origin)
	}
	return state, signed, nil
}

type ledgerVerify struct {
	Ledger string `arg:"" name:"ledger" help:"Address of a desk, or folder of an export."`
	Trust  string `required:"" placeholder:"FOLDER" help:"Your trust folder: root and policy."`
}

func (c *ledgerVerify) Help() string {
	return "Reads every entry and every tile, checks that they are one log under the signed checkpoint, opens the governance chain, " +
		"and checks each of its changes: signatures, policy in force, independence, from the entry 0 that you trust."
}

// verifiedLedger is the answer of ledger verify.
type verifiedLedger struct {
	OK         bool             `json:"ok"`
	Origin     string           `json:"origin"`
	Size       int64            `json:"size"`
	Root       canonical.Digest `json:"root"` // hash of entry 0
	Governance int64            `json:"governance"`
	Workers    int              `json:"workers"`
	Policy     string           `json:"policy"`
	Witnesses  int              `json:"witnesses"`
}

func (c *ledgerVerify) Run(ctx context.Context, s *Session) error {
	folder, err := readTrust(c.Trust)
	if err != nil {
		return err
	}
	trust, err := ledger.ParseTrust(folder.Policy)
	if err != nil {
		return err
	}
	state, signed, err := s.follow(ctx, c.Ledger, folder, trust)
	if err != nil {
		return err
	}
	doc := verifiedLedger{OK: true, Origin: signed.Origin, Size: signed.Size, Root: state.Root, Governance: state.Next,
		Workers: len(state.People.Workers), Witnesses: len(signed.Cosignatures)}
	if state.Policy != nil {
		doc.Policy = state.Policy.Digest().String()
	}
	return s.Answer(doc, func(p *Page) {
		p.Line("%s", p.Good("The ledger is whole and its governance chain is sound."))
		p.Facts([2]string{"ledger", fmt.Sprintf("%s, %d entries", doc.Origin, doc.Size)}, [2]string{"entry 0", doc.Root.String()},
			[2]string{"governance", fmt.Sprintf("%d entries, each authorised by what came before it", doc.Governance)},
			[2]string{"workers", fmt.Sprint(doc.Workers)}, [2]string{"policy", doc.Policy},
			[2]string{"witnesses", fmt.Sprintf("%d cosigned", doc.Witnesses)})
	})
}

type ledgerExport struct {
	Folder string `arg:"" help:"Where to write; empty or new."`
}

func (c *ledgerExport) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	if entries, err := os.ReadDir(c.Folder); err == nil && len(entries) > 0 {
		return fault.New(fault.Conflict, "exists", "%s is not empty; name a new folder.", c.Folder)
	}
	line, err := d.VerifierKey(ctx)
	if err != nil {
		return err
	}
	log, err := ledger.ParseVerifierKey(strings.TrimSpace(line))
	if err != nil {
		return err
	}
	put := func(path string, data []byte) error {
		return WriteFile(filepath.Join(c.Folder, filepath.FromSlash(path)), data, 0o644)
	}
	// Tiles first: the chain that is read afterwards is at least as long.
	signed, err := ledger.Export(d.Ledger(ctx), log, put)
	if err != nil {
		return err
	}
	bodies, err := served{bodies: func(from int64) (v1.Bodies, error) { return d.Governance(ctx, from) }}.readBodies()
	if err != nil {
		return err
	}
	raw, err := json.Marshal(bodies)
	if err != nil {
		return fmt.Errorf("write the governance chain: %w", err)
	}
	if err := put(GovernanceFile, raw); err != nil {
		return err
	}
	doc := struct {
		Folder     string `json:"folder"`
		Origin     string `json:"origin"`
		Size       int64  `json:"size"`
		Governance int    `json:"governance"`
	}{c.Folder, signed.Origin, signed.Size, len(bodies)}
	return s.Answer(doc, func(p *Page) {
		p.Line("Wrote %d entries of %s to %s, with %d governance entries opened.", doc.Size, doc.Origin, doc.Folder, doc.Governance)
		p.Line("Anybody may check the copy: countersign ledger verify %s --trust FOLDER", doc.Folder)
	})
}
