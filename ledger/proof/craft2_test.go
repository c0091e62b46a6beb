package proof_test

import (
	"crypto/elliptic"
	"encoding/asn1"
	"encoding/base64"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/workforce"
)

// This file holds the crafts that only warrants of version 2 have.

// now is the instant of the ruling, moved.
func (c *craft) now(by time.Duration) string {
	return quoted(canonical.At(instantOf(string(c.raw("/ruling/at"))).Add(by)).String())
}

// under makes somebody's session sign the statements at these paths. It is there and named
// by them, and certified by that person's own key.
func (c *craft) under(by workforce.WorkerID, paths ...string) {
	at := instantOf(string(c.raw("/ruling/at")))
	s := c.world.StartSession(by, actions.SessionEd25519, func(s *actions.Session) {
		s.NotBefore, s.Expires = canonical.At(at.Add(-time.Hour)), canonical.At(at.Add(time.Hour))
	})
	c.sessions = maps.Clone(c.sessions)
	c.sessions[base64.StdEncoding.EncodeToString(s.Session.SessionKey.Public)] = s
	c.add("/sessions", "", string(canonical.MustMarshal(s.SignedSession)))
	for _, path := range paths {
		lookUp(c.doc, path+"/statement/session").raw = quoted(s.Session.Digest().String())
	}
}

// sortSessions puts two sessions into the order of their digests.
func (c *craft) sortSessions() {
	digest := func(path string) string { return canonical.Sum(c.raw(path + "/session")).String() }
	if digest("/sessions/0") > digest("/sessions/1") {
		c.put("/sessions", "["+string(c.raw("/sessions/1"))+","+string(c.raw("/sessions/0"))+"]")
	}
}

// rekey makes a key the first session's.
func (c *craft) rekey(algorithm string, public []byte, key sessionKey) {
	encoded := base64.StdEncoding.EncodeToString(public)
	c.put("/sessions/0/session/session_key", `{"algorithm":`+quoted(algorithm)+`,"public":`+quoted(encoded)+`}`)
	c.sessions = maps.Clone(c.sessions)
	c.sessions[encoded] = key
}

// signing is a session's key that signs otherwise.
type signing func(challenge [32]byte) actions.Signature

func (s signing) Sign(challenge [32]byte) actions.Signature { return s(challenge) }

// bytesOf returns JSON text of so many bytes.
func bytesOf(n int) string { return quoted(base64.StdEncoding.EncodeToString(make([]byte, n))) }

// craftsOfSessions are warrants that are wrong, or right, by one thing in a session.
func craftsOfSessions() map[string]func(*craft) {
	all := map[string]func(*craft){}
	const moment = time.Microsecond
	other := quoted(canonical.Sum([]byte("another")).String())
	put := func(name, path, raw string) {
		all[name+": "+path+" is "+raw] = func(c *craft) { c.put(path, raw) }
	}
	// Each of these sessions is certified by a key of another sort, or has one.
	for _, of := range []string{"file keys, under a session", "passkeys, under a session", "file keys, under a session of P-256", "file keys, an undo under a session", "a long chain, without a case", "file keys, decided under a session"} {
		put(of, "/sessions/0/session/v", `"countersign/session/v2"`)
		put(of, "/sessions/0/session/v", `"countersign/statement/v2"`)
		put(of, "/sessions/0/session/log", `"other.example.com/ledger"`)
		put(of, "/sessions/0/session/log", `""`)
		put(of, "/sessions/0/session/founding", other)
		put(of, "/sessions/0/session/founding", `""`)
		put(of, "/sessions/0/session/worker", `"kim"`)
		put(of, "/sessions/0/session/worker", `""`)
		all[of+": of another version, signed as this one"] = func(c *craft) {
			c.put("/sessions/0/session/v", `"countersign/session/v2"`)
			c.challenge = func(path string, right [32]byte) [32]byte {
				if strings.HasPrefix(path, "/sessions") {
					return canonical.Sum([]byte(actions.SessionVersion+"\n"), c.raw(path))
				}
				return right
			}
		}
		all[of+": certified by the person's own key, in the name of another's"] = func(c *craft) {
			kim := string(c.world.PublicKey("kim").ID())
			c.keys = maps.Clone(c.keys)
			c.keys[kim] = c.keys[c.said("/sessions/0/session/key")]
			c.put("/sessions/0/session/key", quoted(kim))
		}
		all[of+": certified by another person's key"] = func(c *craft) {
			c.put("/sessions/0/session/key", quoted(string(c.world.PublicKey("kim").ID())))
		}
		for _, n := range []int{0, 31, 33} {
			put(of, "/sessions/0/session/nonce", bytesOf(n))
		}
		put(of, "/sessions/0/session/expires", `""`)
		put(of, "/sessions/0/session/not_before", `""`)
		for path, raw := range map[string]string{"/algorithm": `""`, "/public": `""`} {
			put(of, "/sessions/0/session/session_key"+path, raw)
		}
		all[of+": a member more in the session"] = func(c *craft) { c.add("/sessions/0/session", "zzz", "0") }
		all[of+": a member more beside the session"] = func(c *craft) { c.add("/sessions/0", "zzz", "0") }
		all[of+": no session"] = func(c *craft) { c.put("/sessions", "[]") }
		all[of+": the session twice"] = func(c *craft) {
			c.put("/sessions", "["+string(c.raw("/sessions/0"))+","+string(c.raw("/sessions/0"))+"]")
		}
		all[of+": a session that nobody names"] = func(c *craft) { c.under("kim") }
		if of != "file keys, an undo under a session" && of != "a long chain, without a case" {
			all[of+": another session signs the decision"] = func(c *craft) {
				c.under(workforce.WorkerID(c.said("/request/statement/signer")), "/decision/signed")
				c.sortSessions()
			}
		}
		all[of+": another session of the same person, which nobody names"] = func(c *craft) { c.under(workforce.WorkerID(c.said("/request/statement/signer"))) }
		for good, by := range map[bool]time.Duration{true: actions.SessionLife, false: actions.SessionLife + moment} {
			all[mark(good)+of+": a session of "+by.String()] = func(c *craft) {
				c.put("/sessions/0/session/not_before", c.now(-time.Hour))
				c.put("/sessions/0/session/expires", c.now(by-time.Hour))
			}
		}
		all[of+": a session that ends when it begins"] = func(c *craft) { c.put("/sessions/0/session/expires", string(c.raw("/sessions/0/session/not_before"))) }
		statement := "/request/statement"
		if strings.HasSuffix(of, "decided under a session") {
			statement = "/decision/signed/statement"
		}
		// The statement's begin, or the request's entry, lies outside of the session.
		begins := func(c *craft, by time.Duration) {
			c.put(statement+"/not_before", c.now(by))
			c.put(statement+"/expires", c.now(time.Minute))
		}
		for good, by := range map[bool]time.Duration{true: 0, false: -moment} {
			all[mark(good)+of+": a statement from the session's begin on, "+by.String()] = func(c *craft) {
				c.put("/sessions/0/session/not_before", c.now(-time.Minute))
				begins(c, by-time.Minute)
			}
			all[mark(good)+of+": entered at the session's begin, "+by.String()] = func(c *craft) {
				c.put("/sessions/0/session/not_before", c.now(-time.Minute))
				if statement != "/request/statement" {
					c.asked(by - time.Minute)
				} else {
					c.put("/requested/entry/time", c.now(by-time.Minute))
				}
				begins(c, -time.Minute)
			}
			all[mark(good)+of+": entered at the session's end, "+by.String()] = func(c *craft) {
				c.put("/sessions/0/session/not_before", c.now(-time.Hour))
				begins(c, -time.Minute)
				c.put("/sessions/0/session/expires", c.now(moment+by))
			}
		}
		all[of+": a statement from the session's end on"] = func(c *craft) {
			c.put("/sessions/0/session/not_before", c.now(-time.Hour))
			c.put("/sessions/0/session/expires", c.now(-time.Second))
			begins(c, -time.Second)
			c.put("/requested/entry/time", c.now(-time.Second-moment))
		}
		all["good "+of+": entered, as the entry says, after the session's end, which is after the ruling"] = func(c *craft) {
			c.put("/sessions/0/session/expires", c.now(moment))
			c.put("/requested/entry/time", c.now(time.Hour))
		}
		all[of+": the person's own key signs what names the session"] = func(c *craft) { c.own = true }
		all[of+": signed under a session that is not named"] = func(c *craft) {
			key := c.sessions[c.said("/sessions/0/session/session_key/public")]
			c.put(statement+"/session", `""`)
			c.put("/sessions", "[]")
			c.keys = map[string]prooftest.Signer{c.said(statement + "/key"): asSigner{key}}
		}
		for what, prefix := range map[string]string{"a statement of version 1": "countersign/statement/v1", "a statement": "countersign/statement/v2", "a deed": "countersign/deed/v1", "a key": "countersign/key/v1", "nothing": ""} {
			all[of+": a session that is signed as "+what] = func(c *craft) {
				c.challenge = func(path string, right [32]byte) [32]byte {
					if strings.HasPrefix(path, "/sessions") {
						return canonical.Sum([]byte(prefix+"\n"), c.raw(path))
					}
					return right
				}
			}
			as := prefix
			if as == actions.StatementV2 {
				as = actions.SessionVersion
			}
			all[of+": a statement that is signed as "+as] = func(c *craft) {
				c.challenge = func(path string, right [32]byte) [32]byte {
					if path == statement {
						return canonical.Sum([]byte(as+"\n"), c.raw(path))
					}
					return right
				}
			}
		}
		all[of+": a session that is signed as an enrolment"] = func(c *craft) {
			c.challenge = func(path string, right [32]byte) [32]byte {
				if strings.HasPrefix(path, "/sessions") {
					return actions.PossessionChallenge(c.world.State().EnrolName(), workforce.WorkerID(c.said(path+"/worker")), workforce.KeyID(c.said(path+"/key")))
				}
				return right
			}
		}
		all[of+": the signature of the session under the statement"] = func(c *craft) {
			c.challenge = func(path string, right [32]byte) [32]byte {
				if path == statement {
					return canonical.Sum([]byte(actions.SessionVersion+"\n"), c.raw("/sessions/0/session"))
				}
				return right
			}
		}
		all[of+": certified with a wrong signature"] = func(c *craft) {
			c.challenge = func(path string, right [32]byte) [32]byte {
				if strings.HasPrefix(path, "/sessions") {
					right[0] ^= 1
				}
				return right
			}
		}
		for _, tier := range []string{"/ruling/facts/tier", "/action/tier"} {
			for _, t := range []string{`"protected"`, `"critical"`} {
				all[of+": a subject that ranks higher, "+tier+" "+t] = func(c *craft) {
					c.put("/ruling/facts/tier", t)
					c.put(tier, t)
				}
			}
		}
	}
	// What is signed under a session: a request and a decision, and nothing else.
	for _, of := range []string{"an emergency", "a deletion"} {
		all["file keys, "+of+": under a session"] = func(c *craft) { c.under(workforce.WorkerID(c.said("/request/statement/signer")), "/request") }
	}
	for _, of := range []string{"standard", "a suspension", "a post", "a deactivation", "a restoration", "a reactivation", "a post restored", "an undo"} {
		all["good file keys, "+of+": under a session"] = func(c *craft) { c.under(workforce.WorkerID(c.said("/request/statement/signer")), "/request") }
	}
	all["file keys, a matter of law: under a session, where hardware is needed"] = func(c *craft) { c.under("ann", "/request") }
	all["file keys, a matter of law: countersigned under a session"] = func(c *craft) { c.under("kim", "/countersignatures/0") }
	all["file keys, a matter of law: countersigned under a session that is not there"] = func(c *craft) { c.put("/countersignatures/0/statement/session", other) }
	all["good file keys, a matter of law: decided under a session"] = func(c *craft) { c.under("ann", "/decision/signed") }
	all["file keys, standard: under a session that is not there"] = func(c *craft) { c.put("/request/statement/session", other) }
	all["file keys, standard: decided under a session that is not there"] = func(c *craft) { c.put("/decision/signed/statement/session", other) }
	all["file keys, standard: under a session of somebody else"] = func(c *craft) { c.under("kim", "/request") }
	all["file keys, critical: under a session"] = func(c *craft) { c.under("ann", "/request") }
	all["file keys, critical: decided under a session"] = func(c *craft) { c.under("ann", "/decision/signed") }

	// Keys and signatures of sessions
	public := func(c *craft) []byte {
		raw, err := base64.StdEncoding.DecodeString(c.said("/sessions/0/session/session_key/public"))
		must(c.t, err)
		return raw
	}
	right := func(c *craft) sessionKey { return c.sessions[c.said("/sessions/0/session/session_key/public")] }
	key := func(name, algorithm string, edit func(raw []byte) []byte) {
		all[name] = func(c *craft) { c.rekey(algorithm, edit(public(c)), right(c)) }
	}
	same := func(raw []byte) []byte { return raw }
	key("good file keys, under a session: the same key", "ed25519", same)
	for _, algorithm := range []string{"p256", "webauthn-eddsa", "Ed25519", ""} {
		key("file keys, under a session: Ed25519 that is called "+algorithm, algorithm, same)
	}
	for _, algorithm := range []string{"ed25519", "webauthn-es256", "P-256"} {
		key("file keys, under a session of P-256: P-256 that is called "+algorithm, algorithm, same)
	}
	key("file keys, under a session: a key that is cut", "ed25519", func(raw []byte) []byte { return raw[:31] })
	key("file keys, under a session: a key that is longer", "ed25519", func(raw []byte) []byte { return append(raw, 0) })
	key("file keys, under a session of P-256: a compressed key", "p256", func(raw []byte) []byte { return append([]byte{2 + raw[64]&1}, raw[1:33]...) })
	key("file keys, under a session of P-256: a hybrid key", "p256", func(raw []byte) []byte { return append([]byte{6 + raw[64]&1}, raw[1:]...) })
	key("file keys, under a session of P-256: a key off the curve", "p256", func(raw []byte) []byte { raw[64] ^= 1; return raw })
	key("file keys, under a session of P-256: no point", "p256", func([]byte) []byte { return []byte{0} })
	for name, digits := range smallKeys {
		all["file keys, under a session: a key with which everybody signs, "+name] = func(c *craft) {
			c.rekey("ed25519", weak(digits).PublicKey().Public, weak(digits))
		}
	}
	signs := func(name string, edit func(*actions.Signature)) {
		of, _, _ := strings.Cut(strings.TrimPrefix(name, "good "), ":")
		all[name] = func(c *craft) {
			if of == "" {
				c.t.Fatal(name)
			}
			k := right(c)
			c.rekey(c.said("/sessions/0/session/session_key/algorithm"), public(c), signing(func(challenge [32]byte) actions.Signature {
				s := k.Sign(challenge)
				edit(&s)
				return s
			}))
		}
	}
	for _, of := range []string{"file keys, under a session", "file keys, under a session of P-256"} {
		signs(of+": a signature that is wrong", func(s *actions.Signature) { s.Signature[40] ^= 1 })
		signs(of+": a signature that is cut", func(s *actions.Signature) { s.Signature = s.Signature[:63] })
		signs(of+": a signature that is longer", func(s *actions.Signature) { s.Signature = append(s.Signature, 0) })
		signs(of+": a signature with a zero before", func(s *actions.Signature) { s.Signature = append([]byte{0}, s.Signature...) })
		signs(of+": no signature", func(s *actions.Signature) { s.Signature = nil })
		signs(of+": zeros", func(s *actions.Signature) { s.Signature = make([]byte, 64) })
		signs(of+": authenticator data", func(s *actions.Signature) { s.AuthenticatorData = []byte("x") })
		signs(of+": client data", func(s *actions.Signature) { s.ClientData = []byte("{}") })
	}
	signs("file keys, under a session: the other S of Ed25519", func(s *actions.Signature) { addOrder(s.Signature) })
	order := elliptic.P256().Params().N
	half := func(s *actions.Signature, i int) *big.Int { return new(big.Int).SetBytes(s.Signature[32*i : 32*i+32]) }
	signs("good file keys, under a session of P-256: the other s", func(s *actions.Signature) {
		new(big.Int).Sub(order, half(s, 1)).FillBytes(s.Signature[32:])
	})
	signs("file keys, under a session of P-256: a zero before s", func(s *actions.Signature) {
		s.Signature = slices.Concat(s.Signature[:32], []byte{0}, s.Signature[32:])
	})
	signs("file keys, under a session of P-256: s and r", func(s *actions.Signature) {
		s.Signature = slices.Concat(s.Signature[32:], s.Signature[:32])
	})
	for i, of := range []string{"r", "s"} {
		signs("file keys, under a session of P-256: "+of+" is 0", func(s *actions.Signature) { clear(s.Signature[32*i : 32*i+32]) })
		signs("file keys, under a session of P-256: "+of+" is the order", func(s *actions.Signature) { order.FillBytes(s.Signature[32*i : 32*i+32]) })
	}
	signs("file keys, under a session of P-256: in DER", func(s *actions.Signature) {
		s.Signature, _ = asn1.Marshal(struct{ R, S *big.Int }{half(s, 0), half(s, 1)})
	})
	return all
}

// asSigner is a session's key in the place of a person's.
type asSigner struct{ sessionKey }

func (asSigner) PublicKey() workforce.PublicKey { return workforce.PublicKey{} }

// smallKeys are Ed25519 keys for which anybody can sign.
var smallKeys = map[string]string{"1": "01" + strings.Repeat("00", 31), "0": strings.Repeat("00", 32), "-1": "ec" + strings.Repeat("ff", 30) + "7f",
	"order eight": "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"}

// craftsOfDecisions are measures that are wrong, or right, by one thing in their decision.
func craftsOfDecisions() map[string]func(*craft) {
	all := map[string]func(*craft){}
	const of, moment = "file keys, standard", time.Microsecond
	digest := func(s string) string { return quoted(canonical.Sum([]byte(s)).String()) }
	put := func(name, path, raw string) {
		name += ": " + path + " is " + raw
		all[fmt.Sprintf("%.200s", name)] = func(c *craft) { c.put(path, raw) }
	}
	edit := func(name string, do func(*craft)) { all[name] = do }
	const d, st = "/decision/decision", "/decision/signed/statement"
	for path, bad := range map[string][]string{
		"/v":                {`"countersign/decision/v2"`, `"countersign/deed/v1"`, `""`},
		"/case":             {`"case-2"`, `""`, `null`},
		"/claim":            {`-1`, `true`, `9007199254740992`},
		"/version":          {`0`, `-1`, `9007199254740992`, `9223372036854774784`},
		"/language":         {`""`, `"EN"`, `"english"`, `"e"`, `"en_US"`, `"en-a"`, `"en-"`, `"en-123456789"`, `"und\n"`, "\"\u0435n\""},
		"/nonce":            {bytesOf(31), bytesOf(33), `""`},
		"/reasons":          {`""`},
		"/verdict":          {`"no-violation"`, `"duplicate"`, `"not-for-us"`, `"need-more"`, `"decide"`, `""`},
		"/subject/platform": {`"other"`, `"desk"`, `""`},
		"/subject/id":       {`""`},
		"/subject/handle":   {`"a\u202eb"`, `"a\u0007"`},
		"/rule":             {`{"number":1,"set":` + digest("a") + `,"text":` + digest("b") + `}`, `{"number":1,"set":"","text":""}`, `{"number":0,"set":` + digest("a") + `,"text":""}`, `{"number":-1,"set":` + digest("a") + `,"text":` + digest("b") + `}`},
		"/measures":         {`[]`, `[` + digest("a") + `]`},
		"/opened":           {`[""]`, `null`},
		"/scores": {`[{"name":"","program":"p","value":1}]`, `[{"name":"n","program":"","value":1}]`, `[{"name":"n","program":"p","value":1},{"name":"n","program":"p","value":2}]`, `[{"name":"b","program":"p","value":1},{"name":"a","program":"p","value":2}]`, `[{"name":"a","program":"q","value":1},{"name":"b","program":"p","value":2}]`,
			`[{"name":"a\u202eb","program":"p","value":1}]`, `[{"name":"n","program":"a\u0007","value":1}]`, `[{"name":"a\nb","program":"p","value":1}]`},
	} {
		for _, raw := range bad {
			put(of, d+path, raw)
		}
	}
	for path, good := range map[string][]string{
		"/claim": {`1`, `0`, `9007199254740991`}, "/version": {`1`, `7`, `9007199254740991`}, "/language": {`"en"`, `"und"`, `"en-US"`, `"zh-Hant-TW"`, `"de-12345678"`}, "/subject/id": {`"post/1"`}, "/subject/handle": {`""`, `"@other"`},
		"/evidence": {`""`, digest("e")}, "/scores": {`[{"name":"a","program":"p","value":-1},{"name":"b","program":"p","value":0},{"name":"a","program":"q","value":1}]`, "[{\"name\":\"\ufb33\",\"program\":\"p\",\"value\":1},{\"name\":\"\U0001F600\",\"program\":\"p\",\"value\":1}]"},
		"/reasons": {digest("r")},
	} {
		for _, raw := range good {
			put("good "+of, d+path, raw)
		}
	}
	edit(of+": a decision with a member more", func(c *craft) { c.add(d, "zzz", "0") })
	edit(of+": a decision with a member more beside it", func(c *craft) { c.add("/decision", "zzz", "0") })
	sorted := []string{canonical.Sum([]byte("a")).String(), canonical.Sum([]byte("b")).String()}
	slices.Sort(sorted)
	put("good "+of, d+"/opened", `[`+quoted(sorted[0])+`,`+quoted(sorted[1])+`]`)
	put(of, d+"/opened", `[`+quoted(sorted[1])+`,`+quoted(sorted[0])+`]`)
	put(of, d+"/opened", `[`+quoted(sorted[0])+`,`+quoted(sorted[0])+`]`)
	many := func(member string, n int, one func(i int) string, good bool) {
		edit(mark(good)+of+fmt.Sprintf(": %d in %s", n, member), func(c *craft) {
			list := make([]string, n)
			for i := range list {
				list[i] = one(i)
			}
			slices.Sort(list)
			c.put(d+member, "["+strings.Join(list, ",")+"]")
		})
	}
	opened := func(i int) string { return digest(fmt.Sprint(i)) }
	many("/opened", actions.MaxOpened, opened, true)
	many("/opened", actions.MaxOpened+1, opened, false)
	score := func(i int) string { return fmt.Sprintf(`{"name":"n%03d","program":"p","value":1}`, i) }
	many("/scores", actions.MaxScores, score, true)
	many("/scores", actions.MaxScores+1, score, false)
	for _, member := range []string{"name", "program"} {
		for n, good := range map[int]bool{actions.MaxScoreName: true, actions.MaxScoreName + 1: false} {
			edit(mark(good)+of+fmt.Sprintf(": a score whose %s has %d bytes", member, n), func(c *craft) {
				c.put(d+"/scores", `[{"name":"n","program":"p","value":1}]`)
				c.put(d+"/scores/0/"+member, quoted(strings.Repeat("a", n)))
			})
		}
	}
	measures := func(name string, more ...string) {
		edit(name, func(c *craft) {
			for _, m := range more {
				c.add(d+"/measures", "", m)
			}
		})
	}
	measures("good "+of+": a second measure", digest("a"))
	measures(of+": a measure that is nothing", `""`)
	measures(of+": a measure twice", digest("a"), digest("a"))
	var fifty []string
	for i := range actions.MaxMeasures {
		fifty = append(fifty, digest(fmt.Sprint(i)))
	}
	measures("good "+of+": as many measures as there may be", fifty[1:]...)
	measures(of+": one measure too many", fifty...)
	edit(of+": the measure twice", func(c *craft) {
		c.put("/action/reason", `"Another reason."`)
		action := quoted(canonical.Sum(c.raw("/action")).String())
		c.put(d+"/measures", "["+action+","+action+"]")
	})
	put(of, "/action/case", `"case-2"`)
	put(of, "/action/case", `""`)
	long := strings.Repeat("é", 1000)
	for raw, good := range map[string]bool{"case 2": true, long: true, long + "é": false, "a\u0007": false, "a\u202eb": false} {
		edit(mark(good)+of+fmt.Sprintf(": the case %.30q of %d bytes", raw, len(raw)), func(c *craft) {
			c.put("/action/case", quoted(raw))
			c.put(d+"/case", quoted(raw))
		})
	}

	// Rules
	rule := func(name string, decided, measure string) {
		edit(name, func(c *craft) {
			c.put(d+"/rule", decided)
			c.put("/action/rule", measure)
		})
	}
	a, b := digest("a"), digest("b")
	rule("good "+of+": a rule", `{"number":1,"set":`+a+`,"text":`+b+`}`, `{"number":1,"text":`+b+`}`)
	rule(of+": another rule", `{"number":2,"set":`+a+`,"text":`+b+`}`, `{"number":1,"text":`+b+`}`)
	rule(of+": another text of the rule", `{"number":1,"set":`+b+`,"text":`+a+`}`, `{"number":1,"text":`+b+`}`)
	rule(of+": a rule that the decision does not name", `{"number":0,"set":"","text":""}`, `{"number":1,"text":`+b+`}`)
	rule(of+": a rule without its set", `{"number":1,"set":"","text":`+b+`}`, `{"number":1,"text":`+b+`}`)
	rule(of+": a rule without its text", `{"number":1,"set":`+a+`,"text":""}`, `{"number":1,"text":""}`)
	rule(of+": a rule without a number", `{"number":0,"set":`+a+`,"text":`+b+`}`, `{"number":0,"text":`+b+`}`)
	rule(of+": a rule of a negative number", `{"number":-1,"set":`+a+`,"text":`+b+`}`, `{"number":-1,"text":`+b+`}`)
	put("file keys, an undo", "/action/rule", `{"number":1,"text":`+b+`}`)
	put("file keys, an undo", "/action/rule", `{"number":0,"text":`+b+`}`)
	put("file keys, an undo", "/action/parameters", a)
	put("file keys, an undo", "/action/veto", `1`)
	put("file keys, an undo", "/action/veto", `-1`)

	// With a case there is a decision, and without one there is none.
	put("file keys, an undo", "/action/case", `"case-1"`)
	put("file keys, an undo", "/request/statement/decision", a)
	edit(of+": no decision", func(c *craft) {
		c.put("/decision", "null")
		c.put("/request/statement/decision", `""`)
	})
	edit(of+": no decision, though it is named", func(c *craft) { c.put("/decision", "null") })
	put(of, "/request/statement/decision", `""`)
	put(of, "/request/statement/decision", a)
	edit(of+": a decision and no case, of which nobody speaks", func(c *craft) {
		c.put("/action/case", `""`)
		c.put(d+"/case", `""`)
		c.put("/request/statement/decision", `""`)
		c.put("/ruling/facts/case", "false")
	})
	edit("good "+of+": neither case nor decision", func(c *craft) {
		c.put("/action/case", `""`)
		c.put("/decision", "null")
		c.put("/request/statement/decision", `""`)
		c.put("/ruling/facts/case", "false")
	})
	put("file keys, critical", "/countersignatures/0/statement/decision", `""`)
	put("file keys, critical", "/countersignatures/0/statement/decision", a)
	put("file keys, a critical restoration", "/countersignatures/0/statement/decision", a)

	// The statement that signs it
	for path, bad := range map[string][]string{
		"/verdict":    {`"act"`, `"withdraw"`, `"request"`, `"countersign"`, `"decline"`, `""`},
		"/executor":   {`"executor-1"`, `""`},
		"/request":    {`"req_06had47f60krsqyd42fz0ph7cc"`},
		"/action":     {a},
		"/batch":      {a},
		"/decision":   {a},
		"/alarm":      {`true`},
		"/policy":     {a},
		"/nonce":      {bytesOf(31), bytesOf(16), `""`},
		"/document":   {a, `""`},
		"/v":          {`"countersign/statement/v1"`, `"countersign/statement/v3"`, `"countersign/session/v1"`, `"countersign/decision/v1"`},
		"/log":        {`"other.example.com/ledger"`, `""`},
		"/founding":   {a, `""`},
		"/session":    {a},
		"/signer":     {`"kim"`, `"nobody"`, `""`},
		"/key":        {`"key_00000000000000000000000000000000"`, `""`},
		"/expires":    {`""`},
		"/not_before": {`""`},
	} {
		for _, raw := range bad {
			put(of, st+path, raw)
		}
	}
	edit(of+": decided by somebody else", func(c *craft) {
		c.put(st+"/signer", `"kim"`)
		c.put(st+"/key", quoted(string(c.world.PublicKey("kim").ID())))
	})
	edit("file keys, critical: decided by a countersigner", func(c *craft) {
		c.put(st+"/signer", `"kim"`)
		c.put(st+"/key", quoted(string(c.world.PublicKey("kim").ID())))
	})
	edit("file keys, critical: decided with a countersigner's key", func(c *craft) { c.put(st+"/key", quoted(string(c.world.PublicKey("kim").ID()))) })
	edit(of+": the digest of the decision as an action's", func(c *craft) {
		c.put(st+"/action", quoted(canonical.Sum(c.raw(d)).String()))
		c.put(st+"/document", `""`)
	})
	edit(of+": the digest of the decision as a batch's", func(c *craft) {
		c.put(st+"/batch", quoted(canonical.Sum(c.raw(d)).String()))
		c.put(st+"/document", `""`)
	})
	edit(of+": a signature that is wrong", func(c *craft) {
		c.challenge = func(path string, right [32]byte) [32]byte {
			if path == st {
				right[0] ^= 1
			}
			return right
		}
	})
	for _, prefix := range []string{"countersign/statement/v1", "countersign/session/v1", "countersign/decision/v1", "countersign/deed/v1", ""} {
		edit(of+": a decision that is signed as "+prefix, func(c *craft) {
			c.challenge = func(path string, right [32]byte) [32]byte {
				if path == st {
					return canonical.Sum([]byte(prefix+"\n"), c.raw(path))
				}
				return right
			}
		})
	}
	edit(of+": the signature of a deed about the same", func(c *craft) {
		deed := canonical.DigestOf(actions.Deed{V: actions.DeedVersion, What: actions.DeedFindings, Of: "case-1"})
		c.put(st+"/verdict", `"act"`)
		c.put(st+"/document", quoted(deed.String()))
	})
	window := func(name string, begins, expires, entered time.Duration) {
		edit(name, func(c *craft) {
			c.put(st+"/not_before", c.now(begins))
			c.put(st+"/expires", c.now(expires))
			c.asked(entered)
		})
	}
	const life = 15 * time.Minute
	window("good "+of+": a decision for 15 minutes", -time.Minute, life-time.Minute, 0)
	window(of+": a decision for more than 15 minutes", -time.Minute, life-time.Minute+moment, 0)
	window("good "+of+": a decision until after the entry", -time.Minute, moment, 0)
	window(of+": a decision until the entry", -time.Minute, 0, 0)
	window("good "+of+": a decision from a minute after the entry on", time.Minute, 2*time.Minute, 0)
	window(of+": a decision from more than a minute after the entry on", time.Minute+moment, 2*time.Minute, 0)
	window("good "+of+": a decision that was over at the ruling", -time.Hour, -time.Hour+moment, -time.Hour)
	window(of+": a decision that was over at the entry", -time.Hour, -time.Minute, -time.Minute)
	window("good "+of+": a decision until after the ruling, entered later", -time.Minute, moment, time.Hour)
	// Whatever is good for no time is not good a minute before either.
	window(of+": a decision that ends when it begins", time.Minute, time.Minute, 0)
	window(of+": a decision that ends before it begins", time.Minute, moment, 0)
	edit(of+": decided before the engagement", func(c *craft) {
		c.put(c.row("ann")+"/data/row/record/start", c.now(-time.Minute))
		c.put(st+"/not_before", c.now(-2*time.Minute))
		c.asked(-time.Minute - moment)
		c.put("/ruling/facts/newcomer", "true")
	})
	edit("good "+of+": decided when the engagement began", func(c *craft) {
		c.put(c.row("ann")+"/data/row/record/start", c.now(-time.Minute))
		c.put(st+"/not_before", c.now(-2*time.Minute))
		c.asked(-time.Minute)
		c.put("/ruling/facts/newcomer", "true")
	})

	// A countersigner's standing is read at their own time, and not at the request's.
	const restored, waited = "file keys, a critical restoration", "file keys, a restoration after a wait"
	countersigner := func(name, member string, by time.Duration) {
		edit(name, func(c *craft) {
			c.put(c.row("lee")+"/data/row/record/"+member, c.now(by))
			c.asked(-30 * time.Second)
		})
	}
	countersigner(restored+": countersigned by somebody who has left since the request", "last", -10*time.Second)
	countersigner(restored+": countersigned by somebody who left at the ruling", "last", 0)
	countersigner("good "+restored+": countersigned by somebody who left after the ruling", "last", moment)
	countersigner("good "+restored+": countersigned by somebody who came after the request", "start", -10*time.Second)
	countersigner(restored+": countersigned by somebody who came after the ruling", "start", moment)
	for by, good := range map[time.Duration]bool{0: false, moment: true} {
		edit(mark(good)+waited+fmt.Sprintf(": countersigned by somebody who left %s after that", by), func(c *craft) {
			c.put(c.row("lee")+"/data/row/record/last", quoted(canonical.At(instantOf(string(c.raw("/waited/0/entry/time"))).Add(by)).String()))
		})
	}

	// Another key of the same person: it signs the decision, or certifies the session of it.
	second := func(c *craft) (path, name string) {
		key := prooftest.NewPasskey(workforce.PasskeyEd25519, make([]byte, 32))
		name = string(key.PublicKey().ID())
		c.keys = maps.Clone(c.keys)
		c.keys[name] = key
		path = c.entry("desk.key", "") + "/data/action/change"
		c.add(path+"/enrol", "", `{"key":`+string(canonical.MustMarshal(key.PublicKey()))+`,"possession":{"authenticator_data":"","client_data":"","signature":""},"worker":"ann"}`)
		return path, name
	}
	edit("good "+of+": decided with another key", func(c *craft) {
		_, name := second(c)
		c.put(st+"/key", quoted(name))
	})
	edit("good "+of+": decided with another key, which was enrolled by itself", func(c *craft) {
		key := prooftest.NewPasskey(workforce.PasskeyEd25519, make([]byte, 32))
		name := string(key.PublicKey().ID())
		c.keys = maps.Clone(c.keys)
		c.keys[name] = key
		path := c.entry("desk.key", "")
		all := lookUp(c.doc, "/people")
		all.nodes = append(all.nodes, lookUp(c.doc, strings.TrimSuffix(path, "/entry")).clone())
		path = fmt.Sprintf("/people/%d/entry", len(all.nodes)-1)
		c.put(path+"/number", "999")
		c.put(path+"/data/action/change", `{"enrol":[{"key":`+string(canonical.MustMarshal(key.PublicKey()))+`,"possession":{"authenticator_data":"","client_data":"","signature":""},"worker":"ann"}],"revoke":[]}`)
		c.put(st+"/key", quoted(name))
	})
	// revoke appends an entry that revokes a key, which the warrant has to carry.
	revoke := func(c *craft, name string, by time.Duration) {
		path := strings.TrimSuffix(c.entry("desk.key", ""), "/entry")
		lookUp(c.doc, "/people").nodes = append(lookUp(c.doc, "/people").nodes, lookUp(c.doc, path).clone())
		path = fmt.Sprintf("/people/%d", len(lookUp(c.doc, "/people").nodes)-1)
		c.put(path+"/entry/number", "999")
		c.put(path+"/entry/time", c.now(by))
		c.put(path+"/entry/data/action/change", `{"enrol":[],"revoke":[`+quoted(name)+`]}`)
	}
	edit("good "+of+": decided with another key, revoked later", func(c *craft) {
		_, name := second(c)
		c.put(st+"/key", quoted(name))
		revoke(c, name, moment)
	})
	edit(of+": decided with another key, which is revoked", func(c *craft) {
		_, name := second(c)
		c.put(st+"/key", quoted(name))
		revoke(c, name, 0)
	})
	return all
}

// craftsOfVersions are what else only version 2 has, and documents in which the versions are
// mixed.
func craftsOfVersions() map[string]func(*craft) {
	all := map[string]func(*craft){}
	const founding = "/people/0/entry/data/founding"
	other := quoted(canonical.Sum([]byte("another")).String())
	put := func(name, path, raw string) {
		all[name+": "+path+" is "+raw] = func(c *craft) { c.put(path, raw) }
	}
	const of = "file keys, standard"
	for _, path := range []string{"/request", "/countersignatures/0"} {
		for member, raw := range map[string]string{"document": other, "batch": other, "alarm": `true`, "founding": other, "log": `"other.example.com/ledger"`} {
			put("file keys, critical", path+"/statement/"+member, raw)
			put("file keys, a critical restoration", path+"/statement/"+member, raw)
		}
		put("file keys, critical", path+"/statement/founding", `""`)
	}
	all[of+": a statement about a document and no action"] = func(c *craft) {
		c.put("/request/statement/document", quoted(canonical.Sum(c.raw("/action")).String()))
		c.put("/request/statement/action", `""`)
	}
	// The command names its layer, and leaves what its verb leaves.
	for _, layer := range []string{"", "limit", "label:spam", "Visibility"} {
		put(of, "/action/command/layer", quoted(layer))
	}
	for _, value := range []string{"up", "deactivated", "deleted", "", "limited"} {
		put(of, "/action/command/leave/value", quoted(value))
	}
	put("file keys, a restoration", "/action/command/leave/value", `"down"`)
	put("file keys, a restoration", "/action/command/leave/mark", `"CSGN-req_06had47f60krsqyd42fz0ph7cc"`)
	put("file keys, a deletion", "/action/command/leave/value", `"down"`)
	all[of+": a command that says nothing"] = func(c *craft) {
		c.put("/action/command", `{"expect":{"mark":"","value":""},"layer":"","leave":{"mark":"","value":""},"subject":{"handle":"","id":"","platform":""},"verb":""}`)
	}

	// The request's entry
	put(of, "/requested/entry/kind", `"countersign"`)
	put(of, "/requested/entry/kind", `"session"`)
	put(of, "/requested/entry/class", `"execution"`)
	put(of, "/requested/entry/time", `""`)
	put(of, "/requested/salt", bytesOf(31))
	all[of+": a request that was entered after the warrant"] = func(c *craft) { c.late = "/requested" }
	all[of+": the entry of another signature"] = func(c *craft) { c.put("/requested/entry/data/signed/statement/nonce", bytesOf(32)) }
	all[of+": an entry of the request with a member more"] = func(c *craft) { c.add("/requested/entry/data", "zzz", "0") }
	const data = "/requested/entry/data"
	kims := func(c *craft) string {
		return "[" + string(canonical.MustMarshal(c.world.StartSession("kim", actions.SessionEd25519).SignedSession)) + "]"
	}
	all[of+": an entry of the request with null for a decision"] = func(c *craft) { c.hold(data, "decided", "null") }
	all[of+": an entry of the request without its decision"] = func(c *craft) { c.hold(data, "decided", "") }
	all[of+": an entry of the request with another's decision"] = func(c *craft) { c.hold(data, "decided", string(c.raw("/request"))) }
	all[of+": an entry of the request with no sessions"] = func(c *craft) { c.hold(data, "sessions", "[]") }
	all[of+": an entry of the request with a session"] = func(c *craft) { c.hold(data, "sessions", kims(c)) }
	all["file keys, under a session: an entry of the request without its session"] = func(c *craft) { c.hold(data, "sessions", "") }
	all["file keys, under a session: an entry of the request with another session"] = func(c *craft) { c.hold(data, "sessions", kims(c)) }
	put("file keys, an undo", data+"/act/lifts", `"older"`)
	for member, raw := range map[string]string{"request": `"req_06had47f60krsqyd42fz0ph7cc"`, "status": `"declined"`, "law": `"together"`} {
		all[of+": an entry of the request whose "+member+" is "+raw] = func(c *craft) { c.hold(data, member, raw) }
	}
	for member, raw := range map[string]string{"case": "false", "category": `"legal"`, "direction": `"relieving"`, "effect": `"lossy"`, "founding": "true", "kind": `"account.suspend"`, "lifts": `"older"`,
		"part": `"people"`, "platform": `"other"`, "tier": `"protected"`, "verb": `"deactivate"`} {
		put(of, data+"/act/"+member, raw)
	}
	put("file keys, critical", data+"/act/tier", `"standard"`)
	put("file keys, critical", data+"/act/tier", `"highest"`)
	put("file keys, critical", data+"/status", `"approved"`)
	all[of+": an entry of the request without facts"] = func(c *craft) { c.put(data+"/act/kind", `""`) }
	for _, held := range []string{"standard", "protected", "critical"} {
		all["good "+of+": a request that was held on the tier "+held] = func(c *craft) {
			c.put(data+"/status", `"held"`)
			c.put(data+"/act/tier", quoted(held))
		}
	}
	for member, raw := range map[string]string{"status": `"approved"`, "tier": `"standard"`, "request": `"req_06had47f60krsqyd42fz0ph7cc"`, "law": `"recovery"`} {
		all["a wait: an entry of a countersignature whose "+member+" is "+raw] = func(c *craft) { c.hold("/waited/0/entry/data", member, raw) }
		of := data
		if member == "tier" {
			of += "/act"
		}
		all["a wait: an entry of the request whose "+member+" is "+raw] = func(c *craft) { c.hold(of, member, raw) }
	}
	put("a wait", "/waited/1/entry/data/tier", `"highest"`)
	all["a wait: an entry of a countersignature without a tier"] = func(c *craft) { c.hold("/waited/0/entry/data", "tier", `""`) }
	all["good a wait: an entry of a countersignature on the tier critical"] = func(c *craft) { c.hold("/waited/0/entry/data", "tier", `"critical"`) }
	for by, good := range map[time.Duration]bool{0: true, -time.Microsecond: false} {
		all[mark(good)+of+": an entry of the request "+by.String()+" from its statement's begin on"] = func(c *craft) {
			c.asked(-time.Second)
			c.put("/requested/entry/time", c.now(by-time.Second))
		}
		all[mark(good)+"a wait: an entry of a countersignature "+by.String()+" from its statement's begin on"] = func(c *craft) {
			c.put("/countersignatures/0/statement/not_before", quoted(canonical.At(instantOf(string(c.raw("/waited/0/entry/time"))).Add(-by)).String()))
		}
	}
	all[of+": entries from which nothing is counted"] = func(c *craft) { c.put("/waited", "["+string(c.raw("/requested"))+"]") }
	all["file keys, critical: entries from which nothing is counted"] = func(c *craft) {
		c.put("/waited", "["+string(c.raw("/requested"))+","+string(c.raw("/requested"))+"]")
	}
	all["a wait: no entry of the countersignature"] = func(c *craft) { c.put("/waited/1", "0"); c.drop("/waited/1") }
	all["a wait: the request's entry once more"] = func(c *craft) { c.add("/waited", "", string(c.raw("/requested"))) }

	// What nothing commits to must not be there.
	all[of+": entries that authorise others"] = func(c *craft) {
		c.after = append(c.after, func() { c.put("/authority", "["+string(c.raw("/people/1"))+"]") })
	}
	all[of+": an entry of nobody's that authorises others"] = func(c *craft) {
		c.after = append(c.after, func() {
			c.put("/authority", "["+string(c.raw("/people/1"))+"]")
			c.put("/authority/0/salt", bytesOf(32))
		})
	}

	// Formats
	for raw, good := range map[string]bool{"2": true, "1": false, "0": false, "-1": false, "3": false} {
		put(mark(good)+of, founding+"/formats", raw)
	}
	put("good "+of, founding+"/laws", "2") // entry 0 is believed
	adopted := func(c *craft) string { return c.entry("desk.change", `"of":"formats"`) + "/data/action/change" }
	for _, n := range []string{"1", "3", "-2"} {
		all["a long chain, critical: the formats "+n] = func(c *craft) { c.put(adopted(c)+"/formats", n) }
	}
	all["a long chain, critical: formats of another part"] = func(c *craft) { c.put(adopted(c)+"/of", `"laws"`) }
	all["a long chain, critical: formats and laws"] = func(c *craft) { c.add(adopted(c), "laws", "3") }
	all["a long chain, critical: a vendor and formats"] = func(c *craft) {
		c.add(c.entry("desk.change", `"of":"vendors"`)+"/data/action/change", "formats", "2")
	}
	all["a long chain, critical: without the entry that set the formats"] = func(c *craft) {
		c.drop(strings.TrimSuffix(adopted(c), "/entry/data/action/change"))
	}
	all["a long chain, critical: sessions that end"] = func(c *craft) {
		path := c.entry("desk.key", "kim") + "/data/action/change"
		c.put(path, `{"enrol":[],"revoke":[],"void":{"before":`+c.now(0)+`,"of":"ann","scope":"worker"}}`)
	}
	all["a long chain, a suspension: taken, sessions that end"] = func(c *craft) {
		path := c.entry(proof.KindTaken, "") + "/data/execution/taken/action"
		c.put(path+"/kind", `"desk.key"`)
		c.put(path+"/change", `{"enrol":[],"revoke":[],"void":{"before":`+c.now(0)+`,"of":"ann","scope":"worker"}}`)
	}
	all["a long chain, a suspension: taken, as version 1 says it"] = func(c *craft) {
		c.put(c.entry(proof.KindTaken, "")+"/data/execution/v", `"countersign/execution/v1"`)
	}
	for member, raw := range map[string]string{"layer": `"visibility"`, "value": `"up"`, "mark": `"x"`} {
		all["a long chain, a suspension: taken, with a "+member+" before"] = func(c *craft) {
			c.put(c.entry(proof.KindTaken, "")+"/data/execution/before/"+member, raw)
		}
	}
	// A change holds documents of either version; only what it changes is read.
	all["good a long chain, critical: a change with a session"] = func(c *craft) {
		s := c.world.StartSession("kim", actions.SessionEd25519)
		c.add(strings.TrimSuffix(adopted(c), "/action/change"), "sessions", "["+string(canonical.MustMarshal(s.SignedSession))+"]")
	}
	all["a long chain, critical: a change with no sessions"] = func(c *craft) {
		c.add(strings.TrimSuffix(adopted(c), "/action/change"), "sessions", "[]")
	}
	after := func(c *craft) string { return c.entry("desk.change", `"of":"vendors"`) + "/data" } // of version 2
	for path, raws := range map[string]map[string]bool{
		"/action/v":            {`"countersign/action/v1"`: false, `"countersign/action/v3"`: false},
		"/request/statement/v": {`"countersign/statement/v1"`: false, `"countersign/statement/v3"`: false},
		"/action/rule":         {`{"number":7,"text":""}`: true}, "/action/veto": {`7`: true}, "/request/statement/alarm": {`true`: true},
		"/action/command": {`{"expect":{"mark":"","value":""},"layer":"visibility","leave":{"mark":"","value":"up"},"subject":{"handle":"","id":"","platform":""},"verb":"x"}`: true,
			`{"expect":{"mark":"","value":""},"layer":"visibility","leave":{"mark":"m","value":"down"},"subject":{"handle":"","id":"","platform":""},"verb":"takedown"}`: true,
			`{"expect":{"mark":"","value":""},"layer":"","leave":{"mark":"","value":"up"},"subject":{"handle":"","id":"","platform":""},"verb":"x"}`:                     false,
			`{"expect":{"mark":"","value":""},"layer":"visibility","leave":{"mark":"m","value":"up"},"subject":{"handle":"","id":"","platform":""},"verb":"x"}`:          false,
			`{"expect":{"mark":"","value":""},"layer":"visibility","leave":{"mark":"","value":"up"},"subject":{"handle":"","id":"","platform":""},"verb":""}`:            false,
			`{"expect":{"mark":"","value":""},"layer":"visibility","leave":{"mark":"","value":""},"subject":{"handle":"","id":"","platform":""},"verb":""}`:              false,
			`{"expect":{"mark":"","value":"x"},"layer":"visibility","leave":{"mark":"","value":"up"},"subject":{"handle":"","id":"","platform":""},"verb":""}`:           true,
			`{"expect":{"mark":"","value":""},"layer":"visibility","leave":{"mark":"","value":"up"},"subject":{"handle":"","id":"x","platform":""},"verb":""}`:           true,
			`{"expect":{"mark":"","status":""},"mark":"","subject":{"handle":"","id":"","platform":""},"verb":""}`:                                                       false},
	} {
		for raw, good := range raws {
			all[mark(good)+"a long chain, critical: a change whose "+path+" is "+raw] = func(c *craft) { c.put(after(c)+path, raw) }
		}
	}

	// Versions mixed
	parsed := func(c *craft) proof.Warrant {
		w, err := proof.ParseWarrant(c.doc.text())
		must(c.t, err)
		return w
	}
	marshalled := func(v any) string { return string(canonical.MustMarshal(v)) }
	first := func(c *craft, st actions.Statement) actions.Statement {
		return actions.Statement{V: actions.StatementV1, Action: canonical.Sum(c.raw("/action")), Executor: st.Executor, Expires: st.Expires, Key: st.Key, Log: c.world.State().LogName(), Nonce: st.Nonce,
			NotBefore: st.NotBefore, Policy: st.Policy, Request: st.Request, Signer: st.Signer, Verdict: st.Verdict}
	}
	inV1 := func(c *craft) string {
		a := parsed(c).Action
		a.V = actions.ActionV1
		return marshalled(a)
	}
	for _, of := range []string{"file keys, critical", "a long chain, critical", "file keys, an undo"} {
		all[of+": an action of version 1"] = func(c *craft) { c.put("/action", inV1(c)) }
		all[of+": a statement of version 1"] = func(c *craft) { c.put("/request/statement", marshalled(first(c, parsed(c).Request.Statement))) }
		all[of+": action and statements of version 1"] = func(c *craft) {
			w := parsed(c)
			c.put("/action", inV1(c))
			for i, signed := range append([]actions.Signed{w.Request}, w.Countersignatures...) {
				path := "/request"
				if i > 0 {
					path = fmt.Sprintf("/countersignatures/%d", i-1)
				}
				c.put(path+"/statement", marshalled(first(c, signed.Statement)))
			}
		}
		// A whole warrant of version 1 at a desk that signs in version 2
		all[of+": a warrant of version 1"] = func(c *craft) {
			all[of+": action and statements of version 1"](c)
			c.put("/v", `"countersign/warrant/v1"`)
			for _, member := range []string{"authority", "decision", "requested", "sessions"} {
				n := c.doc
				n.drop(slices.Index(n.names, member))
			}
			if lookUp(c.doc, "/action/case").raw == `""` {
				c.put("/ruling/facts/case", "false")
			}
			c.forger.formats = actions.FirstFormats
		}
		all[of+": a statement that is signed as version 1"] = func(c *craft) {
			c.challenge = func(path string, right [32]byte) [32]byte {
				if path == "/request/statement" {
					return canonical.Sum([]byte(actions.StatementV1+"\n"), c.raw(path))
				}
				return right
			}
		}
	}
	return all
}
