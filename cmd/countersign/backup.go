package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"countersign.dev/canonical"
	"countersign.dev/cli"
	"countersign.dev/deskdir"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/sqldb"
	"countersign.dev/store"
)

type backupCommand struct {
	From string `arg:"" name:"from" help:"The folder of a desk, which may be running."`
	To   string `arg:"" name:"to" help:"A new folder for the copies."`
}

func (c *backupCommand) Help() string {
	return "Copies the SQLite databases in the folder of a desk, through SQLite, while they are in use: the desk's, plaza's, and the executor's journal if its " +
		"folder lies there. Each copy is of one moment and is checked: its pages, and the whole ledger against its signed checkpoint and against trust/. " +
		"The new folder appears only when all of it is right; if anything fails there is none.\n\n" +
		"Keys, credentials and tokens are not copied: keep them apart from the backup, under other hands. A desk needs them beside it: log.key and link.json, and config.json if there is one, in its folder; " +
		"key.json, link.json and platforms.json, and alarm.json if there is one, in executor/.\n\n" +
		"The copies are for evidence and for reading. Never put a journal back: it does not know what was done since. " +
		"Put a desk's database back only where no entry was made since; the executor refuses a ledger that was set back.\n\n" +
		"A desk on PostgreSQL is copied with pg_dump: the whole database with all its tables, in one run."
}

// backedUp is the answer of backup.
type backedUp struct {
	Folder string           `json:"folder"`
	Files  []string         `json:"files"` // under the folder
	Origin string           `json:"origin"`
	Size   int64            `json:"size"` // of the ledger, in entries
	Root   canonical.Digest `json:"root"` // hash of entry 0
	Tree   string           `json:"tree"` // root hash at that size, as in its checkpoint
}

func (c *backupCommand) Run(ctx context.Context, s *cli.Session) (err error) {
	config, err := readConfig(c.From)
	if err != nil {
		return err
	}
	database, err := inFolder(config.Database, filepath.Join(c.From, deskdir.DeskDatabase))
	if err != nil {
		return fault.New(fault.Unsupported, "backup-postgres",
			"This desk keeps its database on PostgreSQL: %s. Copy it with pg_dump, the whole database in one run: the ledger, the requests and the jobs belong together, and so do the schema_version tables. Nothing was copied here.", sqldb.Name(config.Database))
	}
	root, err := readRoot(filepath.Join(c.From, deskdir.Trust))
	if err != nil {
		return err
	}
	if _, err := os.Lstat(c.To); !errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.Invalid, "exists", "%s is there already. A backup overwrites nothing: name a new folder.", c.To)
	}
	// An unfinished backup has another name, so that nobody takes it for a backup.
	part, err := os.MkdirTemp(filepath.Dir(filepath.Clean(c.To)), "."+filepath.Base(c.To)+".part-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(part))
		}
	}()
	doc := backedUp{Folder: c.To, Root: root}
	// The journal is copied first: everything that the executor knows then is in the
	// ledger's later copy, or will be entered again.
	for _, f := range []struct {
		url, own, name string
		must           bool
	}{
		{"", filepath.Join(c.From, deskdir.Executor, deskdir.Journal), filepath.Join(deskdir.Executor, deskdir.Journal), false},
		{config.Plaza.Database, filepath.Join(c.From, deskdir.PlazaDatabase), deskdir.PlazaDatabase, false},
		{"sqlite:" + database, database, deskdir.DeskDatabase, true},
	} {
		from, err := inFolder(f.url, f.own)
		if err != nil {
			continue // plaza on PostgreSQL
		}
		if _, err := os.Stat(from); errors.Is(err, fs.ErrNotExist) && !f.must {
			continue
		}
		to := filepath.Join(part, f.name)
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return fmt.Errorf("make a folder: %w", err)
		}
		if err := sqldb.Backup(ctx, from, to); err != nil {
			return err
		}
		doc.Files = append(doc.Files, f.name)
	}
	signed, err := verifyCopy(ctx, filepath.Join(part, deskdir.DeskDatabase), c.From, root)
	if err != nil {
		return err
	}
	doc.Origin, doc.Size, doc.Tree = signed.Origin, signed.Size, signed.Root.String()
	for _, name := range []string{filepath.Join(deskdir.Trust, cli.TrustRoot), filepath.Join(deskdir.Trust, cli.TrustPolicy),
		filepath.Join(deskdir.Executor, deskdir.Trust, cli.TrustRoot), filepath.Join(deskdir.Executor, deskdir.Trust, cli.TrustPolicy)} {
		b, err := cli.ReadFile(filepath.Join(c.From, name), 1<<20)
		if errors.Is(err, fs.ErrNotExist) && strings.HasPrefix(name, deskdir.Executor) {
			continue // the executor's folder lies on another machine
		}
		if err != nil {
			return err
		}
		if err := cli.WriteFile(filepath.Join(part, name), b, 0o644); err != nil {
			return err
		}
		doc.Files = append(doc.Files, name)
	}
	if err := os.Rename(part, c.To); err != nil {
		return fmt.Errorf("name the backup: %w", err)
	}
	return s.Answer(doc, func(p *cli.Page) {
		p.Line("%s", p.Good("The backup is whole, and its ledger is sound."))
		p.Facts([2]string{"folder", doc.Folder}, [2]string{"files", strings.Join(doc.Files, ", ")},
			[2]string{"ledger", fmt.Sprintf("%s, %d entries", doc.Origin, doc.Size)}, [2]string{"entry 0", doc.Root.String()}, [2]string{"tree", doc.Tree})
		p.Line("No key and no credential is in it. Keep these elsewhere, since a desk does not start without them:")
		p.Line("  log.key, link.json (and config.json) of the desk's folder; key.json, link.json, platforms.json (and alarm.json) of executor/.")
		p.Line("Never put a journal back.")
	})
}

// inFolder returns the SQLite file that url names, own if url is empty.
func inFolder(url, own string) (string, error) {
	if url == "" {
		return own, nil
	}
	path, ok := sqldb.File(url)
	if !ok {
		return "", fault.New(fault.Unsupported, "backup-postgres", "%s is no file.", sqldb.Name(url))
	}
	return path, nil
}

// verifyCopy recomputes the ledger of a copied database from its rows and from its
// tiles, and folds its governance chain, as ledger verify does.
func verifyCopy(ctx context.Context, path, dir string, root canonical.Digest) (signed ledger.Signed, err error) {
	policy, err := cli.ReadFile(filepath.Join(dir, deskdir.Trust, cli.TrustPolicy), 1<<20)
	if err != nil {
		return signed, err
	}
	trust, err := ledger.ParseTrust(policy)
	if err != nil {
		return signed, err
	}
	st, err := store.OpenCopy(ctx, "sqlite:"+path, trust.Log, root)
	if err != nil {
		return signed, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	if _, err := st.Audit(ctx); err != nil {
		return signed, err
	}
	tiles := ledger.Tiles{Source: st}
	number := int64(0)
	_, signed, err = proof.Follow(proof.Trust{Root: root}, trust.Log, proof.Served{
		Fetch: func(path string) ([]byte, error) {
			page, err := tiles.Read(ctx, path)
			return page.Data, err
		},
		Bodies: func(int64) ([]proof.ServedBody, error) {
			entries, err := st.Governance(ctx, number, 500)
			var all []proof.ServedBody
			for _, e := range entries {
				all = append(all, proof.ServedBody{Index: e.Index, Body: e.BodyBytes, Salt: e.Salt})
			}
			number += int64(len(all))
			return all, err
		},
	}, nil, nil)
	return signed, err
}
