package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"golang.org/x/mod/sumdb/note"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/wording"
)

type ledgerCommands struct {
	Log    ledgerLog    `cmd:"" help:"List entries, as the desk lets you read them."`
	Show   ledgerShow   `cmd:"" help:"Show one report, decision, deed or opening of a case, and check offline that the ledger holds it."`
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
			rows = append(rows, []string{fmt.Sprint(x.Index), x.Class, fmt.Sprint(x.Number), x.Kind, wording.When(x.Time)})
		}
		p.Table(rows)
	})
}

// GovernanceFile is the file of an export that opens the governance chain: one JSON array
// of {index, body, salt}. It carries no personal field.
const GovernanceFile = "governance.json"

// TiersFile is the file of a folder that opens batches of tiers: one JSON array of
// {index, body, salt, sealed}. It names accounts, so an export does not contain it unless
// asked: `ledger export --subject` writes it, opened for the accounts that are named.
const TiersFile = "tiers.json"

// TakenFile is the file of an export that opens the executor's records of changes that it took
// directly: one JSON array of {index, body, salt}. It carries no personal field.
const TakenFile = "taken.json"

// ledgerAt opens the ledger at a desk's address or in a folder, with the entries there
// about tiers to which rules once raised subjects, and about what the executor took.
func (s *Session) ledgerAt(ctx context.Context, where string, subjects ...string) (proof.Served, error) {
	if strings.HasPrefix(where, "http://") || strings.HasPrefix(where, "https://") {
		c, err := s.load()
		if err != nil {
			return proof.Served{}, err
		}
		own := *s.Global
		own.URL = strings.TrimSuffix(strings.TrimRight(where, "/"), "/ledger")
		other := &Session{Program: s.Program, Global: &own}
		if c.URL != "" && own.URL != c.URL {
			other.settings = &settings{URL: own.URL} // the token is the configured desk's, and nobody else's
		}
		d, err := other.desk()
		if err != nil {
			return proof.Served{}, err
		}
		served := d.served(ctx)
		if len(subjects) == 0 {
			return served, nil // nobody asks about a warrant
		}
		if served.Taken, err = d.taken(ctx); err == nil {
			served.Tiers, err = d.tiers(ctx, subjects...)
		}
		return served, err
	}
	info, err := os.Stat(where)
	if err != nil {
		return proof.Served{}, unreadable(where, err)
	}
	if !info.IsDir() {
		return proof.Served{}, fault.New(fault.Invalid, "unreadable", "%s is neither a desk's address nor a folder.", where)
	}
	tiers, err := bodiesIn(where, TiersFile, "batches of tiers")
	if err != nil {
		return proof.Served{}, err
	}
	taken, err := bodiesIn(where, TakenFile, "records of what the executor took")
	if err != nil {
		return proof.Served{}, err
	}
	return proof.Served{Tiers: tiers, Taken: taken, Fetch: ledger.Folder(os.DirFS(where)), Bodies: func(from int64) ([]proof.ServedBody, error) {
		raw, err := ReadFile(filepath.Join(where, GovernanceFile), 1<<30)
		if err != nil {
			return nil, err
		}
		var all []proof.ServedBody
		if err := json.Unmarshal(raw, &all, json.RejectUnknownMembers(true)); err != nil {
			return nil, fault.New(fault.Invalid, "bad-export", "%s is not the governance chain of an export.", GovernanceFile)
		}
		return slices.DeleteFunc(all, func(b proof.ServedBody) bool { return b.Index < from }), nil
	}}, nil
}

// bodiesIn reads a file of entries in an export; none if there is no such file.
func bodiesIn(folder, name, what string) (all []proof.ServedBody, err error) {
	file := filepath.Join(folder, name)
	if !exists(file) {
		return nil, nil
	}
	raw, err := ReadFile(file, 1<<30)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(raw, &all, json.RejectUnknownMembers(true)); err != nil {
		return nil, fault.New(fault.Invalid, "bad-export", "%s does not hold %s.", name, what).Because(err)
	}
	return all, nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// tiers returns the desk's entries about tiers to which rules once raised subjects,
// opened for the named subjects alone. An entry about several of them is returned once.
func (d deskClient) tiers(ctx context.Context, subjects ...string) ([]proof.ServedBody, error) {
	var all []proof.ServedBody
	for _, subject := range subjects {
		answer, err := d.TierEntries(ctx, subject)
		if err != nil {
			return nil, err
		}
		for _, b := range answer.Items {
			if i := slices.IndexFunc(all, func(have proof.ServedBody) bool { return have.Index == b.Index }); i >= 0 {
				all[i].Sealed = append(all[i].Sealed, b.Sealed...)
				continue
			}
			all = append(all, proof.ServedBody{Index: b.Index, Body: b.Body.Body, Salt: b.Salt, Sealed: b.Sealed})
		}
	}
	return all, nil
}

// taken returns the executor's records of changes that it took directly.
func (d deskClient) taken(ctx context.Context) (all []proof.ServedBody, err error) {
	for from := int64(0); ; {
		b, err := d.Taken(ctx, from)
		if err != nil || len(b.Bodies) == 0 {
			return all, err
		}
		for _, x := range b.Bodies {
			all = append(all, proof.ServedBody{Index: x.Index, Body: x.Body, Salt: x.Salt})
		}
		if b.Next <= from {
			return all, nil // the desk says that it has more, and gives none
		}
		from = b.Next
	}
}

// served is the desk's ledger in the form that verifiers read.
func (d deskClient) served(ctx context.Context) proof.Served {
	// The chain is asked for by number and served by index: the entry with this number is
	// the first one whose index is after or more.
	var number, after int64
	return proof.Served{Fetch: d.Ledger(ctx), Bodies: func(from int64) ([]proof.ServedBody, error) {
		if from != after {
			number, after = 0, 0
		}
		for {
			stretch, err := d.Governance(ctx, number)
			if err != nil || len(stretch.Bodies) == 0 {
				return nil, err
			}
			var some []proof.ServedBody
			for _, b := range stretch.Bodies {
				if b.Index >= from {
					some = append(some, proof.ServedBody{Index: b.Index, Body: b.Body, Salt: b.Salt})
				}
			}
			if stretch.Next <= number {
				return some, nil // the desk says that it has more, and gives none
			}
			number, after = stretch.Next, stretch.Bodies[len(stretch.Bodies)-1].Index+1
			if len(some) > 0 {
				return some, nil
			}
		}
	}}
}

// follow verifies a whole ledger and folds its governance chain from the entry 0 that the
// trust folder names. The ledger must have gone through the checkpoints in seen.
func (s *Session) follow(ctx context.Context, where string, folder trustFolder, trust *ledger.Trust, seen ...ledger.Checkpoint) (*proof.State, ledger.Signed, error) {
	served, err := s.ledgerAt(ctx, where)
	if err != nil {
		return nil, ledger.Signed{}, err
	}
	return proof.Follow(folder.trust(trust), trust.Log, served, seen, nil)
}

type ledgerVerify struct {
	Ledger string `arg:"" name:"ledger" help:"Address of a desk at which you are signed in, or folder of an export."`
	Trust  string `required:"" placeholder:"FOLDER" help:"Your trust folder: root and policy."`

	Seen []string `placeholder:"FILE" help:"A checkpoint that you kept from before, or the folder of an earlier export. The ledger must have been through each of them; else it is another than the one you saw."`
}

func (c *ledgerVerify) Help() string {
	return "Reads every entry and every tile, checks that they are one log under the signed checkpoint, opens the governance chain, " +
		"and checks each of its changes: signatures, policy in force, independence, from the entry 0 that you trust. " +
		"At a desk's address sign in first (token create --save); a folder needs nothing.\n" +
		"Whoever has the log key and the database can show two people two ledgers, each of which is whole. Keep the file checkpoint of each export and give it with --seen: a ledger that was not through it is refused, " +
		"and the two files, both signed by the log's key, prove it to others."
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
	Seen       int              `json:"seen"` // checkpoints kept from before; the ledger went through all of them
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
	seen, err := readSeen(c.Seen, trust.Log)
	if err != nil {
		return err
	}
	state, signed, err := s.follow(ctx, c.Ledger, folder, trust, seen...)
	if err != nil {
		return err
	}
	doc := verifiedLedger{Seen: len(seen), OK: true, Origin: signed.Origin, Size: signed.Size, Root: state.Root, Governance: state.Next,
		Workers: len(state.People.Seats()), Witnesses: len(signed.Cosignatures)}
	if state.Policy != nil {
		doc.Policy = state.Policy.Digest().String()
	}
	return s.Answer(doc, func(p *Page) {
		p.Line("%s", p.Good("The ledger is whole and its governance chain is sound."))
		p.Facts([2]string{"ledger", fmt.Sprintf("%s, %d entries", doc.Origin, doc.Size)}, [2]string{"entry 0", doc.Root.String()},
			[2]string{"governance", fmt.Sprintf("%d entries, each authorised by what came before it", doc.Governance)},
			[2]string{"workers", fmt.Sprint(doc.Workers)}, [2]string{"policy", doc.Policy},
			[2]string{"witnesses", fmt.Sprintf("%d cosigned", doc.Witnesses)})
		if doc.Seen > 0 {
			p.Facts([2]string{"checkpoints seen before", fmt.Sprintf("%d, and it went through each", doc.Seen)})
		}
	})
}

// readSeen reads checkpoints that a person kept. A checkpoint that the log's key did not
// sign says nothing about the log.
func readSeen(paths []string, log note.Verifier) ([]ledger.Checkpoint, error) {
	var all []ledger.Checkpoint
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			path = filepath.Join(path, ledger.CheckpointPath)
		}
		raw, err := ReadFile(path, 1<<20)
		if err != nil {
			return nil, err
		}
		signed, err := ledger.ParseCheckpoint(raw, log)
		if err != nil {
			return nil, fault.New(fault.Invalid, "bad-checkpoint", "%s is not a checkpoint that this log's key signed.", path).Because(err)
		}
		all = append(all, signed.Checkpoint)
	}
	return all, nil
}

type ledgerExport struct {
	Folder  string   `arg:"" help:"Where to write; empty or new."`
	Subject []string `placeholder:"PLATFORM:ID" help:"Also open the entries that say to which tier rules once raised this subject, so that its warrants can be compared with them. Again for more."`
}

func (c *ledgerExport) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	if entries, err := os.ReadDir(c.Folder); err == nil && len(entries) > 0 {
		return fault.New(fault.Invalid, "exists", "%s is not empty; name a new folder.", c.Folder)
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
	// What the executor took comes first, so that the tiles hold it; then the tiles: the chain is
	// read afterwards, so that it is at least as long.
	taken, err := d.taken(ctx)
	if err != nil {
		return err
	}
	signed, err := ledger.Export(d.Ledger(ctx), log, put)
	if err != nil {
		return err
	}
	var bodies []proof.ServedBody
	for from, read := int64(0), d.served(ctx).Bodies; ; from = bodies[len(bodies)-1].Index + 1 {
		some, err := read(from)
		if err != nil {
			return err
		}
		if len(some) == 0 {
			break
		}
		bodies = append(bodies, some...)
	}
	raw, err := json.Marshal(bodies)
	if err != nil {
		return fmt.Errorf("write the governance chain: %w", err)
	}
	if err := put(GovernanceFile, raw); err != nil {
		return err
	}
	if raw, err = json.Marshal(taken); err != nil {
		return fmt.Errorf("write what the executor took: %w", err)
	}
	if err := put(TakenFile, raw); err != nil {
		return err
	}
	if len(c.Subject) > 0 {
		tiers, err := d.tiers(ctx, c.Subject...)
		if err != nil {
			return err
		}
		if raw, err = json.Marshal(tiers); err != nil {
			return fmt.Errorf("write the tiers: %w", err)
		}
		if err := put(TiersFile, raw); err != nil {
			return err
		}
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
