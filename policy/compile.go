package policy

import (
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/cedar-policy/cedar-go"
	publicast "github.com/cedar-policy/cedar-go/ast"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
	"github.com/cedar-policy/cedar-go/x/exp/schema"
	"github.com/cedar-policy/cedar-go/x/exp/schema/resolved"
	"github.com/cedar-policy/cedar-go/x/exp/schema/validate"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/workforce"
)

//go:embed schema.cedarschema
var schemaText []byte

// Schema returns the Cedar schema that every set is checked against.
func Schema() string { return string(schemaText) }

// vocabulary is the schema, resolved once.
var vocabulary = func() *resolved.Schema {
	var s schema.Schema
	s.SetFilename("schema.cedarschema")
	if err := s.UnmarshalCedar(schemaText); err != nil {
		panic(fmt.Sprintf("policy: the schema of the product does not parse: %v", err))
	}
	r, err := s.Resolve()
	if err != nil {
		panic(fmt.Sprintf("policy: the schema of the product does not resolve: %v", err))
	}
	return r
}()

// Limits of a set. It is signed, stands in the ledger, and every ruling walks it.
const (
	MaxSize     = 256 << 10 // bytes of all files
	MaxFiles    = 64
	MaxPolicies = 500
)

// Set is a compiled policy set. It is not changed and may be used by many at once.
type Set struct {
	files  map[string]string
	digest canonical.Digest
	rules  []rule // all, by identifier
	slices map[cedar.EntityUID]slice
	world  *world
	names  names
	lenses map[string]names // by action
	tiers  map[string][]tierRule

	cases    *sync.Map // of caseQuestion → Ruling: what was said of queues, cases and names
	evidence *sync.Map // of class → Ruling: what MayReadEvidence said, which is asked at every read
}

// Digest names the set: a hash over the names and texts of all its files.
func (s *Set) Digest() canonical.Digest { return s.digest }

// DigestOf returns the digest that files have or would have as a set: over every
// name and every text, policy tests as well. The texts must be UTF-8.
func DigestOf(files map[string]string) canonical.Digest {
	return canonical.Sum([]byte("countersign/policy/v1\n"), canonical.MustMarshal(files))
}

// Files returns the files of the set by name.
func (s *Set) Files() map[string]string { return maps.Clone(s.files) }

// problems collects what is wrong with a set, each with its place.
type problems []fault.Detail

func (p *problems) add(file string, line int, id, format string, args ...any) {
	at := file
	if line > 0 {
		at = fmt.Sprintf("%s:%d", file, line)
	}
	if id != "" {
		at += " " + id
	}
	*p = append(*p, fault.Detail{At: at, Text: fmt.Sprintf(format, args...)})
}

func (p problems) err() error {
	if len(p) == 0 {
		return nil
	}
	return fault.New(fault.Invalid, "bad-policy", "The policy set cannot be used; the one in force stays.").With(p...)
}

// Compile reads a set: *.cedar and tiers.json; *.txtar are policy tests, which
// Check runs and Compile leaves alone. The error is a fault of type "bad-policy"
// with a detail for each thing wrong, naming file, line and policy; or, of a set
// that loads but whose changes of the desk would need less than a takedown on
// critical, of type "weaker-than-critical".
//
// The same files give the same *Set: it is remembered by its digest, for the
// whole process. Errors are not remembered.
func Compile(files map[string]string) (*Set, error) {
	if err := checkFiles(files); err != nil { // before any work that grows with their size
		return nil, err
	}
	digest := DigestOf(files)
	if s, ok := remembered.Get(digest); ok {
		return s, nil
	}
	s, err, _ := compiling.Do(string(digest[:]), func() (any, error) {
		s, err := compileLawful(files)
		if err == nil {
			remembered.Add(digest, s)
		}
		return s, err
	})
	return s.(*Set), err
}

// maxRemembered is how many sets are remembered. The default set takes 0.2 MB, the
// largest some megabytes. A process needs the sets that one desk has in force, proposes
// and had before; the one least recently used makes room.
const maxRemembered = 32

var (
	remembered, _ = lru.New[canonical.Digest, *Set](maxRemembered)
	compiling     singleflight.Group // by digest: many who ask at once have it compiled once
)

// compileLawful is Compile without the memory.
func compileLawful(files map[string]string) (*Set, error) {
	s, err := compile(files)
	if err != nil {
		return nil, err
	}
	if err := s.checkDesk(); err != nil {
		return nil, err
	}
	return s, nil
}

// compile is compileLawful without law 3.
func compile(files map[string]string) (*Set, error) {
	if err := checkFiles(files); err != nil {
		return nil, err
	}
	var bad problems
	s := &Set{files: maps.Clone(files), names: newNames()}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if strings.HasSuffix(name, ".cedar") {
			s.read(name, files[name], &bad)
		}
	}
	if len(s.rules) == 0 && len(bad) == 0 {
		bad.add("policies", 0, "", "the set has no policies, and so would permit nothing")
	}
	if len(s.rules) > MaxPolicies {
		bad.add("policies", 0, "", "the set has %d policies; %d are the most", len(s.rules), MaxPolicies)
	}
	if text, ok := files[tiersFile]; ok {
		s.tiers = readTiers(text, &bad)
	} else {
		bad.add(tiersFile, 0, "", "the file is missing: without it nothing says which subjects are protected")
	}
	if err := bad.err(); err != nil {
		return nil, err
	}
	s.digest = DigestOf(files)
	acts := actionEntities()
	s.index(acts)
	s.lenses = s.lensesOf()
	s.world = newWorld(acts, s.names)
	return s, nil
}

// index sorts the policies by identifier and slices them by action. A permit counts for a
// warning only if it names it: one that speaks of every action may be older than warnings,
// and the holds beside it may be on the group of measures, which a warning is not in.
func (s *Set) index(acts cedar.EntityMap) {
	slices.SortFunc(s.rules, func(a, b rule) int { return cmp.Compare(a.id, b.id) })
	s.slices, s.evidence, s.cases = map[cedar.EntityUID]slice{}, &sync.Map{}, &sync.Map{}
	for uid := range acts {
		for _, r := range s.rules {
			if speaksOf(r.policy, uid, acts) && (uid != actionWarn || !r.permits() || r.namesIt(uid)) {
				s.slices[uid] = append(s.slices[uid], r)
			}
		}
	}
}

var fileName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}\.(cedar|txtar)$`)

func checkFiles(files map[string]string) error {
	var bad problems
	size := 0
	for _, name := range slices.Sorted(maps.Keys(files)) {
		size += len(name) + len(files[name])
		if name != tiersFile && !fileName.MatchString(name) {
			bad.add(fmt.Sprintf("%.80q", name), 0, "", "a set has files named NAME.cedar, %s and NAME.txtar, in lower case", tiersFile)
		}
		if !utf8.ValidString(files[name]) {
			bad.add(fmt.Sprintf("%.80q", name), 0, "", "the file is not UTF-8 text")
		}
	}
	if len(files) > MaxFiles || size > MaxSize {
		bad.add("set", 0, "", "the set is too large: at most %d files and %d bytes", MaxFiles, MaxSize)
	}
	return bad.err()
}

// read parses, checks and adds the policies of one file.
func (s *Set) read(name, text string, bad *problems) {
	list, err := cedar.NewPolicyListFromBytes(name, []byte(text))
	if err != nil {
		bad.add(name, lineOf(err), "", "the file does not parse: %v", err)
		return
	}
	validator := validate.New(vocabulary, validate.WithStrict())
	for _, p := range list {
		before := len(*bad)
		line := p.Position().Line
		r := rule{policy: p, file: name, line: line, names: newNames()}
		s.annotations(&r, bad)
		tree := (*ast.Policy)(p.AST())
		if err := validator.Policy(string(r.id), tree); err != nil {
			for _, e := range flatten(err) {
				bad.add(name, line, string(r.id), "%s", strings.TrimPrefix(e.Error(), fmt.Sprintf("for policy `%s`, ", r.id)))
			}
		}
		for _, e := range r.names.collect(tree) {
			bad.add(name, line, string(r.id), "%v", e)
		}
		s.names.add(r.names)
		if len(*bad) > before {
			continue
		}
		if r.hold != nil {
			if acts := actionEntities(); speaksOf(p, actionCountersign, acts) || slices.ContainsFunc(reads, func(uid cedar.EntityUID) bool { return speaksOf(p, uid, acts) }) {
				bad.add(name, line, string(r.id), "a hold is on requesting; its scope must leave out the action countersign and what reads")
				continue
			}
			r.policy = asPermit(p)
		}
		s.rules = append(s.rules, r)
	}
}

// asPermit returns a hold as Rule evaluates it: see rule.
func asPermit(p *cedar.Policy) *cedar.Policy {
	tree := *(*ast.Policy)(p.AST())
	tree.Effect = ast.EffectPermit
	return cedar.NewPolicyFromAST((*publicast.Policy)(&tree))
}

var policyID = regexp.MustCompile(`^[a-z][a-z0-9-]{0,63}$`)

// annotations reads @id, @reason and @hold.
func (s *Set) annotations(r *rule, bad *problems) {
	a := r.policy.Annotations()
	r.id = cedar.PolicyID(a["id"])
	fail := func(format string, args ...any) { bad.add(r.file, r.line, string(r.id), format, args...) }
	if !policyID.MatchString(string(r.id)) {
		r.id = ""
		fail("every policy needs an @id of lower-case letters, digits and hyphens")
	} else if slices.ContainsFunc(s.rules, func(o rule) bool { return o.id == r.id }) {
		fail("the @id is taken by another policy")
	}
	if r.reason = string(a["reason"]); !goodSentence(r.reason) {
		fail("every policy needs a @reason: a sentence, ending in a full stop, that the worker who meets it understands")
	}
	text, ok := a["hold"]
	if !ok {
		return
	}
	if r.policy.Effect() == cedar.Permit {
		fail("@hold stands on a permit; only a forbid can be a hold")
		return
	}
	h, err := parseHold(string(text))
	if err != nil {
		fail("%v", err)
		return
	}
	r.hold = &h
}

func goodSentence(s string) bool {
	return len(s) >= 10 && len(s) <= 500 && strings.HasSuffix(s, ".") && strings.TrimSpace(s) == s &&
		!strings.ContainsFunc(s, unicode.IsControl)
}

var lineNumber = regexp.MustCompile(`:(\d+):\d+|line (\d+)`)

// lineOf finds the line in a message of Cedar's parser, which has no other form for it.
func lineOf(err error) int {
	m := lineNumber.FindStringSubmatch(err.Error())
	if m == nil {
		return 0
	}
	n := 0
	for _, c := range m[1] + m[2] {
		n = n*10 + int(c-'0')
	}
	return n
}

func flatten(err error) []error {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		var all []error
		for _, e := range joined.Unwrap() {
			all = append(all, flatten(e)...)
		}
		return all
	}
	return []error{err}
}

// actionEntities returns the schema's actions with their groups.
func actionEntities() cedar.EntityMap {
	m := cedar.EntityMap{}
	for uid, a := range vocabulary.Actions {
		m[uid] = cedar.Entity{UID: uid, Parents: a.Entity.Parents}
	}
	return m
}

// speaksOf reports whether the scope of a policy admits an action, itself or by
// a group. Conditions are left to Cedar.
func speaksOf(p *cedar.Policy, uid cedar.EntityUID, acts cedar.EntityMap) bool {
	in := func(group cedar.EntityUID) bool { return uid == group || acts[uid].Parents.Contains(group) }
	switch scope := (*ast.Policy)(p.AST()).Action.(type) {
	case ast.ScopeTypeEq:
		return scope.Entity == uid
	case ast.ScopeTypeIn:
		return in(scope.Entity)
	case ast.ScopeTypeInSet:
		return slices.ContainsFunc(scope.Entities, in)
	default:
		return true
	}
}

// names are the workers, vendors, platforms, roles, actions and attributes that
// a set speaks of. To a set, whoever it does not name is like anybody else of
// the same class.
type names struct {
	workers   map[workforce.WorkerID]struct{}
	vendors   map[workforce.VendorID]struct{}
	platforms map[string]struct{}
	roles     map[workforce.Role]struct{}
	actions   map[cedar.EntityUID]struct{}
	read      map[string]struct{} // attributes
	parts     map[string]struct{} // of the desk
	queues    map[string]struct{}
}

func newNames() names {
	return names{map[workforce.WorkerID]struct{}{}, map[workforce.VendorID]struct{}{}, map[string]struct{}{},
		map[workforce.Role]struct{}{}, map[cedar.EntityUID]struct{}{}, map[string]struct{}{}, map[string]struct{}{}, map[string]struct{}{}}
}

// add joins what others name.
func (n names) add(o names) {
	maps.Copy(n.workers, o.workers)
	maps.Copy(n.vendors, o.vendors)
	maps.Copy(n.platforms, o.platforms)
	maps.Copy(n.roles, o.roles)
	maps.Copy(n.actions, o.actions)
	maps.Copy(n.read, o.read)
	maps.Copy(n.parts, o.parts)
	maps.Copy(n.queues, o.queues)
}

// collect adds what a policy names. It returns an error for each name that
// can never match: Cedar's validator does not look into enumerations.
func (n *names) collect(p *ast.Policy) []error {
	var bad []error
	uid := func(u cedar.EntityUID) {
		if e, ok := vocabulary.Enums[u.Type]; ok && !slices.Contains(e.Values, u) {
			bad = append(bad, fmt.Errorf("%s is not in the schema", u))
		}
		switch u.Type {
		case typeRole:
			n.roles[workforce.Role(u.ID)] = struct{}{}
		case typeWorker:
			n.workers[workforce.WorkerID(u.ID)] = struct{}{}
		case typeVendor:
			n.vendors[workforce.VendorID(u.ID)] = struct{}{}
		case typeAction:
			n.actions[u] = struct{}{}
		case typePart:
			n.parts[string(u.ID)] = struct{}{}
		case typeQueue:
			n.queues[string(u.ID)] = struct{}{}
		case typePlatform:
			n.platforms[string(u.ID)] = struct{}{}
		case typeAccount, typeContent, typeDesk:
			bad = append(bad, fmt.Errorf("%s names a single subject, which a policy never sees; raise the subject's tier instead", u))
		}
	}
	for _, scope := range []ast.IsScopeNode{p.Principal, p.Action, p.Resource} {
		switch sc := scope.(type) {
		case ast.ScopeTypeEq:
			uid(sc.Entity)
		case ast.ScopeTypeIn:
			uid(sc.Entity)
		case ast.ScopeTypeIsIn:
			uid(sc.Entity)
		case ast.ScopeTypeInSet:
			for _, e := range sc.Entities {
				uid(e)
			}
		}
	}
	for _, c := range p.Conditions {
		ast.Inspect(ast.NewNode(c.Body), func(node ast.IsNode) bool {
			switch t := node.(type) {
			case ast.NodeValue:
				if u, ok := t.Value.(cedar.EntityUID); ok {
					uid(u)
				}
			case ast.NodeTypeAccess:
				n.read[string(t.Value)] = struct{}{}
			case ast.NodeTypeHas:
				n.read[string(t.Value)] = struct{}{}
			}
			return true
		})
	}
	return bad
}
