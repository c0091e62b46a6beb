package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/workforce"
)

// settings is DIR/client.json: what a person need not type again. A flag overrides the
// environment, and the environment overrides the file.
type settings struct {
	URL   string `json:"url,omitzero"`   // of the desk
	Token string `json:"token,omitzero"` // the secret that `token create` got from the desk
	Key   string `json:"key,omitzero"`   // path of the key file; relative to DIR
	// Worker is your name at the desk.
	Worker workforce.WorkerID `json:"worker,omitzero"`
	// Origin is the origin of the desk's ledger: drafts for other ledgers are not signed.
	Origin string `json:"origin,omitzero"`
	// Log is the ledger's name in statements for the desk: the origin and the hash of entry
	// 0, as at the first sign-in.
	Log string `json:"log,omitzero"`
	// Executor and ExecutorToken are used to hand a freeze, an end or a revocation straight
	// to the executor when the desk does not answer.
	Executor      string `json:"executor,omitzero"`
	ExecutorToken string `json:"executor_token,omitzero"`
}

const settingsFile = "client.json"

// Folder returns DIR.
func (s *Session) Folder() string {
	switch {
	case s.Dir != "":
		return s.Dir
	case s.Getenv("COUNTERSIGN_DIR") != "":
		return s.Getenv("COUNTERSIGN_DIR")
	default:
		return "."
	}
}

// load reads DIR/client.json once and lays environment and flags over it.
func (s *Session) load() (settings, error) {
	if s.settings != nil {
		return *s.settings, nil
	}
	var c settings
	path := filepath.Join(s.Folder(), settingsFile)
	b, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return c, unreadable(path, err)
	default:
		if err := json.Unmarshal(b, &c, json.RejectUnknownMembers(true)); err != nil {
			return c, fault.New(fault.Invalid, "bad-settings", "%s cannot be read: %s.", path, canonical.Wrong(err))
		}
		if c.Key != "" && !filepath.IsAbs(c.Key) {
			c.Key = filepath.Join(s.Folder(), c.Key)
		}
	}
	for _, o := range []struct {
		to    *string
		value string
	}{
		{&c.URL, s.Getenv("COUNTERSIGN_URL")}, {&c.Token, s.Getenv("COUNTERSIGN_TOKEN")}, {&c.Key, s.Getenv("COUNTERSIGN_KEY")},
		{&c.URL, s.URL}, {&c.Key, s.Key},
	} {
		if o.value != "" {
			*o.to = o.value
		}
	}
	c.URL = strings.TrimRight(c.URL, "/")
	s.settings = &c
	return c, nil
}

// keep changes DIR/client.json. It changes the values of the file, not those that the
// environment overrides.
func (s *Session) keep(change func(*settings)) (string, error) {
	path := filepath.Join(s.Folder(), settingsFile)
	var c settings
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return path, unreadable(path, err)
	}
	if err == nil {
		if err := json.Unmarshal(b, &c, json.RejectUnknownMembers(true)); err != nil {
			return path, fault.New(fault.Invalid, "bad-settings", "%s cannot be read: %s.", path, canonical.Wrong(err))
		}
	}
	change(&c)
	s.settings = nil
	return path, WriteSecret(path, c)
}

// Remember keeps a desk's address and origin in DIR/client.json. An empty argument
// changes nothing.
func (s *Session) Remember(url, origin string) error {
	_, err := s.keep(func(c *settings) {
		if url != "" {
			c.URL = url
		}
		if origin != "" {
			c.Origin = origin
		}
	})
	return err
}

// WriteSecret writes a document that only its owner may read. It writes all of it or
// nothing.
func WriteSecret(path string, doc any) error {
	b, err := json.Marshal(doc, json.Deterministic(true), jsontext.WithIndent("  "))
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return WriteFile(path, append(b, '\n'), 0o600)
}

// WriteFile writes beside the file and renames, so that a crash leaves the old one.
func WriteFile(path string, b []byte, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(f.Name()))
	}
	return nil
}

// ReadFile reads a file that a person named; an error names the file.
func ReadFile(path string, most int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	if info.IsDir() {
		return nil, fault.New(fault.Invalid, "unreadable", "%s is a folder; name a file.", path)
	}
	if info.Size() > most {
		return nil, fault.New(fault.TooLarge, "too-large", "%s has %d bytes; at most %d are read.", path, info.Size(), most)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	return b, nil
}

// ReadDocument reads a JSON document of which every member is known.
func ReadDocument(path string, into any) error {
	b, err := ReadFile(path, 8<<20)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, into, json.RejectUnknownMembers(true)); err != nil {
		// No cause: it could quote a secret.
		return fault.New(fault.Invalid, "malformed", "%s is not of the expected form.", path)
	}
	return nil
}

func unreadable(path string, err error) error {
	var pe *fs.PathError
	why := err.Error()
	if errors.As(err, &pe) {
		why = pe.Err.Error()
	}
	return fault.New(fault.Invalid, "unreadable", "%s cannot be read: %s.", path, why).Because(err)
}

// readTrust reads a trust folder: root, the hash of entry 0, and policy, a
// C2SP tlog-policy for log and witnesses.
func readTrust(dir string) (trustFolder, error) {
	var t trustFolder
	raw, err := ReadFile(filepath.Join(dir, TrustRoot), 1<<10)
	if err != nil {
		return t, err
	}
	if err := t.Root.UnmarshalText([]byte(strings.TrimSpace(string(raw)))); err != nil || t.Root.IsZero() {
		return t, fault.New(fault.Invalid, "bad-trust", "%s does not hold the hash of entry 0: one line, sha256: and 64 digits.", filepath.Join(dir, TrustRoot))
	}
	t.Policy, err = ReadFile(filepath.Join(dir, TrustPolicy), 1<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return t, fault.New(fault.Invalid, "no-policy", "%s has no file policy, which names the key of the log: `log` and the verifier key on a line, and `quorum none` on another. The desk's folder trust has it. With the hash of entry 0 alone, whole warrants and bundles of incidents can be verified: `countersign warrant verify FILE --root sha256:…`.", dir)
	}
	return t, err
}

// rooted is what somebody trusts for a warrant or an incident, each of which carries entry 0: the
// hash of that is enough.
type rooted struct {
	Trust string `placeholder:"FOLDER" help:"Your trust folder: root, the hash of entry 0, and, if you have it, policy, the log's and witnesses' keys."`
	Root  string `placeholder:"sha256:HASH" help:"In the place of --trust: the hash of entry 0, as you know it from elsewhere. No witness is asked for then."`
}

// read returns the trust, and the keys of log and witnesses; nil if only the hash is known.
func (r rooted) read() (proof.Trust, *ledger.Trust, error) {
	none := proof.Trust{}
	switch {
	case r.Root != "" && r.Trust != "":
		return none, nil, fault.New(fault.Invalid, "two-trusts", "Give --trust or --root, and not both.")
	case r.Root != "":
		if err := none.Root.UnmarshalText([]byte(r.Root)); err != nil || none.Root.IsZero() {
			return proof.Trust{}, nil, fault.New(fault.Invalid, "bad-trust", "%q is not the hash of entry 0: sha256: and 64 digits.", r.Root)
		}
		return none, nil, nil
	case r.Trust == "":
		return none, nil, fault.New(fault.Invalid, "no-trust", "Whom do you trust? Give --trust FOLDER, or --root sha256:… with the hash of entry 0 that the desk's officers published.")
	}
	folder, err := readTrust(r.Trust)
	if fault.Is(err, "no-policy") {
		return proof.Trust{Root: folder.Root}, nil, nil
	}
	if err != nil {
		return none, nil, err
	}
	keys, err := ledger.ParseTrust(folder.Policy)
	if err != nil {
		return none, nil, err
	}
	return folder.trust(keys), keys, nil
}

// Files of a trust folder.
const (
	TrustRoot   = "root"
	TrustPolicy = "policy"
)

type trustFolder struct {
	Root   canonical.Digest
	Policy []byte
}

// trust returns the trust for a verifier. A policy that asks for no witness is left out,
// since its log key stands in entry 0 as well.
func (t trustFolder) trust(policy *ledger.Trust) proof.Trust {
	trust := proof.Trust{Root: t.Root}
	if policy.HasQuorum() {
		trust.Quorum = policy
	}
	return trust
}
