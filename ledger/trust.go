package ledger

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"countersign.dev/fault"
)

// Trust says whose signatures on a checkpoint are believed: one log's, and which
// witnesses' together. It is read from a C2SP tlog-policy file:
//
//	log <verifier key> [<url>]
//	witness <name> <verifier key> [<url>]
//	group <name> all|any|<k> <member>…
//	quorum <name>|none
//
// Names are declared before they are used, and a name is in one group at most; a
// line that starts with "#" is a comment. Stricter than the format: exactly one
// log, and nothing surplus on a line.
type Trust struct {
	Log       note.Verifier
	LogURL    string // empty if not given
	Witnesses []TrustedWitness
	quorum    quorum // nil for none
}

// TrustedWitness is a witness as the file names it.
type TrustedWitness struct {
	Name string // in the file; the key has a name of its own
	Key  *Witness
	URL  string // empty if not given
}

// quorum tells whether the keys that cosigned are enough.
type quorum interface {
	met(by map[witnessKey]bool) bool
}

type witnessKey struct {
	name string
	id   uint32
}

func (k witnessKey) met(by map[witnessKey]bool) bool { return by[k] }

type group struct {
	need    int
	members []quorum
}

func (g group) met(by map[witnessKey]bool) bool {
	n := 0
	for _, m := range g.members {
		if m.met(by) {
			n++
		}
	}
	return n >= g.need
}

// Origin returns the log's origin.
func (t *Trust) Origin() string { return t.Log.Name() }

// Open reads a signed checkpoint of the log with the witnesses' cosignatures.
// Whether these are enough is Quorum's answer.
func (t *Trust) Open(signed []byte) (Signed, error) {
	keys := make([]*Witness, len(t.Witnesses))
	for i, w := range t.Witnesses {
		keys[i] = w.Key
	}
	return ParseCheckpoint(signed, t.Log, keys...)
}

// Quorum refuses a checkpoint that too few of the witnesses have cosigned.
func (t *Trust) Quorum(s Signed) error {
	if t.quorum == nil {
		return nil
	}
	by := map[witnessKey]bool{}
	for _, c := range s.Cosignatures {
		by[witnessKey{c.Name, c.KeyID}] = true
	}
	if !t.quorum.met(by) {
		return fault.New(fault.Forbidden, "quorum-missing",
			"The checkpoint at size %d is cosigned by %d witnesses, which is not the quorum that the trust file asks for.", s.Size, len(by))
	}
	return nil
}

// HasQuorum reports whether the file asks for any witness.
func (t *Trust) HasQuorum() bool { return t.quorum != nil }

// ParseTrust reads a trust file. Every bad line is named in the error.
func ParseTrust(file []byte) (*Trust, error) {
	p := trustParser{names: map[string]quorum{}, grouped: map[string]bool{}, keys: map[string]bool{}}
	var bad []fault.Detail
	for i, line := range strings.Split(string(file), "\n") {
		fields := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' })
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if err := p.line(fields[0], fields[1:]); err != nil {
			bad = append(bad, fault.Detail{At: fmt.Sprintf("line %d", i+1), Text: err.Error()})
		}
	}
	switch {
	case len(bad) > 0:
	case strings.IndexFunc(string(file), func(r rune) bool { return r < ' ' && r != '\t' && r != '\n' || r == 0x7f }) >= 0:
		bad = append(bad, fault.Detail{At: "file", Text: "it holds control characters; lines end in a line feed alone"})
	case p.trust.Log == nil:
		bad = append(bad, fault.Detail{At: "log", Text: "no line names the log"})
	case !p.decided:
		bad = append(bad, fault.Detail{At: "quorum", Text: `no line names the quorum; "quorum none" asks for no witness`})
	}
	if len(bad) > 0 {
		return nil, fault.New(fault.Invalid, "trust-malformed", "The trust file is not a usable tlog-policy.").With(bad...)
	}
	return &p.trust, nil
}

type trustParser struct {
	trust   Trust
	names   map[string]quorum
	grouped map[string]bool // names that are in a group
	keys    map[string]bool
	decided bool
}

func (p *trustParser) line(keyword string, args []string) error {
	switch keyword {
	case "log":
		return p.log(args)
	case "witness":
		return p.witness(args)
	case "group":
		return p.group(args)
	case "quorum":
		return p.setQuorum(args)
	}
	return fmt.Errorf("%q is none of log, witness, group, quorum", keyword)
}

func (p *trustParser) log(args []string) error {
	if len(args) < 1 || len(args) > 2 {
		return fmt.Errorf("a log has a verifier key and perhaps a URL")
	}
	if p.trust.Log != nil {
		return fmt.Errorf("a second log; one trust file is for one log")
	}
	v, err := ParseVerifierKey(args[0])
	if err != nil {
		return fmt.Errorf("the log's verifier key: %s", fault.TextOf(err))
	}
	p.trust.Log = v
	p.trust.LogURL = strings.Join(args[1:], "")
	return nil
}

func (p *trustParser) witness(args []string) error {
	if len(args) < 2 || len(args) > 3 {
		return fmt.Errorf("a witness has a name, a verifier key and perhaps a URL")
	}
	w, err := NewWitness(args[1])
	if err != nil {
		return fmt.Errorf("the verifier key of witness %q: %s", args[0], fault.TextOf(err))
	}
	// One key under two names would count twice.
	if p.keys[string(w.public)] {
		return fmt.Errorf("the key of witness %q already stands under another name", args[0])
	}
	if err := p.declare(args[0], witnessKey{w.name, w.id}); err != nil {
		return err
	}
	p.keys[string(w.public)] = true
	p.trust.Witnesses = append(p.trust.Witnesses, TrustedWitness{Name: args[0], Key: w, URL: strings.Join(args[2:], "")})
	return nil
}

func (p *trustParser) group(args []string) error {
	if len(args) < 3 {
		return fmt.Errorf("a group has a name, how many are needed, and members")
	}
	name, need, members := args[0], args[1], args[2:]
	g := group{}
	switch need {
	case "any":
		g.need = 1
	case "all":
		g.need = len(members)
	default:
		n, err := strconv.Atoi(need)
		if err != nil || n < 1 || n > len(members) || strconv.Itoa(n) != need {
			return fmt.Errorf("group %q needs %q of %d members: say all, any, or a number up to that", name, need, len(members))
		}
		g.need = n
	}
	for _, m := range members {
		q, ok := p.names[m]
		if !ok {
			return fmt.Errorf("group %q has the member %q, which no line above declares", name, m)
		}
		if p.grouped[m] {
			return fmt.Errorf("%q is in a group twice; it would count twice", m)
		}
		p.grouped[m] = true
		g.members = append(g.members, q)
	}
	return p.declare(name, g)
}

func (p *trustParser) setQuorum(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("a quorum has one name, or none")
	}
	if p.decided {
		return fmt.Errorf("a second quorum")
	}
	p.decided = true
	if args[0] == "none" {
		return nil
	}
	q, ok := p.names[args[0]]
	if !ok {
		return fmt.Errorf("the quorum %q is not declared above", args[0])
	}
	p.trust.quorum = q
	return nil
}

func (p *trustParser) declare(name string, q quorum) error {
	if name == "none" {
		return fmt.Errorf("nothing can be named none")
	}
	if _, ok := p.names[name]; ok {
		return fmt.Errorf("the name %q is declared twice", name)
	}
	p.names[name] = q
	return nil
}
