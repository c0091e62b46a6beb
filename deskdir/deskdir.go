// Package deskdir knows the folder of a desk, DIR: the names of its files, the executor's
// list of platforms, and the locks by which two programs do not keep the same database.
package deskdir

import (
	"errors"
	"io/fs"
	"os"
	"slices"

	"github.com/go-json-experiment/json"

	"countersign.dev/fault"
)

// Files and folders of DIR.
const (
	Config        = "config.json"
	LogKey        = "log.key"       // signs the ledger's checkpoints; secret
	Founding      = "founding.json" // the founding statement, open until init close
	Trust         = "trust"         // for verifiers
	Keys          = "keys"          // of init --try only
	Executor      = "executor"      // the executor's own folder
	DeskDatabase  = "desk.db"
	PlazaDatabase = "plaza.db"

	SetupToken = "plaza-setup.token" // opens plaza's set-up API: making accounts and posts
	StaffToken = "plaza-staff.token" // for an executor that runs by itself
	ReportsKey = "plaza-reports.key" // of the program by which plaza hands in reports; secret
)

// Files of the executor's folder, besides trust.
const (
	ExecutorKey    = "key.json"       // signs its records; secret
	Platforms      = "platforms.json" // addresses and credentials; secret
	Journal        = "journal.db"
	ExecutorSocket = "executor.sock" // where the desk finds it; both sockets are in DIR
	DeskSocket     = "desk.sock"     // where it finds the desk
)

// Platform is one member of the executor's platforms.json, a JSON array: the address of a
// platform and the credential with which the executor signs in there.
type Platform struct {
	Name      string `json:"name"`      // as the governance chain names it
	Connector string `json:"connector"` // plaza or bluesky
	URL       string `json:"url"`
	// Token is a staff token of the platform protocol (plaza), or the
	// administrator's password of a PDS (bluesky).
	Token string `json:"token"`
}

// ReadPlatforms reads a platforms.json; it returns none if the file does not exist.
func ReadPlatforms(path string) ([]Platform, error) {
	var ps []Platform
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.New(fault.Invalid, "bad-platforms", "%s cannot be read.", path).Because(err)
	}
	if err := json.Unmarshal(b, &ps, json.RejectUnknownMembers(true)); err != nil {
		// No cause: it could quote a credential.
		return nil, fault.New(fault.Invalid, "bad-platforms", "%s is not a list of platforms, each with name, connector, url and token.", path)
	}
	seen := map[string]bool{}
	for _, p := range ps {
		switch {
		case p.Name == "" || p.URL == "" || p.Token == "":
			return nil, fault.New(fault.Invalid, "bad-platforms", "%s: every platform has a name, a url and a token.", path)
		case p.Connector != ConnectorPlaza && p.Connector != ConnectorBluesky:
			return nil, fault.New(fault.Invalid, "bad-platforms", "%s: the connector of %s is plaza or bluesky.", path, p.Name)
		case seen[p.Name]:
			return nil, fault.New(fault.Invalid, "bad-platforms", "%s: %s is there twice.", path, p.Name)
		}
		seen[p.Name] = true
	}
	return ps, nil
}

// Connectors.
const (
	ConnectorPlaza   = "plaza"
	ConnectorBluesky = "bluesky"
)

// MustBeEmpty refuses a folder that holds anything but locks. A folder that does not
// exist counts as empty.
func MustBeEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.Invalid, "unreadable", "%s cannot be used as a folder.", dir).Because(err)
	}
	if slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return !isLock(e.Name()) }) {
		return fault.New(fault.Invalid, "not-empty", "%s holds something already; a desk is founded in an empty folder. Name one with --dir.", dir)
	}
	return nil
}
