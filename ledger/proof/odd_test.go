package proof_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/ledger/proof/prooftest"
)

// TestSecondReaderOfClientData: passkeys sign client data of odd spellings, on which both
// readers must agree.
func TestSecondReaderOfClientData(t *testing.T) {
	odd := map[string]func(string) string{
		"nested 100 deep":          func(s string) string { return with(s, `"x":`+nested("[", 100)) },
		"nested 900 deep":          func(s string) string { return with(s, `"x":`+nested("[", 900)) },
		"nested 3000 deep":         func(s string) string { return with(s, `"x":`+nested("[", 3000)) },
		"objects nested 3000 deep": func(s string) string { return with(s, `"x":`+nested(`{"a":`, 3000)) },
		"half a pair":              func(s string) string { return with(s, `"x":"\ud800"`) },
		"half a pair name":         func(s string) string { return with(s, `"\ud800":1`) },
		"a pair":                   func(s string) string { return with(s, `"x":"\ud83d\ude00"`) },
		"null crossOrigin":         func(s string) string { return strings.Replace(s, `"crossOrigin":false`, `"crossOrigin":null`, 1) },
		"zero crossOrigin":         func(s string) string { return strings.Replace(s, `"crossOrigin":false`, `"crossOrigin":0`, 1) },
		"-0 crossOrigin":           func(s string) string { return strings.Replace(s, `"crossOrigin":false`, `"crossOrigin":-0.0`, 1) },
		"text crossOrigin":         func(s string) string { return strings.Replace(s, `"crossOrigin":false`, `"crossOrigin":""`, 1) },
		"list crossOrigin":         func(s string) string { return strings.Replace(s, `"crossOrigin":false`, `"crossOrigin":[]`, 1) },
		"null topOrigin":           func(s string) string { return with(s, `"topOrigin":null`) },
		"null type":                func(s string) string { return strings.Replace(s, `"webauthn.get"`, `null`, 1) },
		"BOM":                      func(s string) string { return "\ufeff" + s },
		"spaces":                   func(s string) string { return " \t\r\n" + s + " \n" },
		"form feed":                func(s string) string { return "\f" + s },
		"NBSP":                     func(s string) string { return "\u00a0" + s },
		"NUL behind":               func(s string) string { return s + "\x00" },
		"two values":               func(s string) string { return s + "{}" },
		"NaN":                      func(s string) string { return with(s, `"x":NaN`) },
		"Infinity":                 func(s string) string { return with(s, `"x":-Infinity`) },
		"1E400":                    func(s string) string { return with(s, `"x":1E400`) },
		"01":                       func(s string) string { return with(s, `"x":01`) },
		"1.":                       func(s string) string { return with(s, `"x":1.`) },
		"-":                        func(s string) string { return with(s, `"x":-`) },
		"arabic digit":             func(s string) string { return with(s, `"x":1٣`) },
		"long integer":             func(s string) string { return with(s, `"x":`+strings.Repeat("9", 6000)) },
		"twice":                    func(s string) string { return with(s, `"\u006frigin":"https://desk.example.com"`) },
		"another case":             func(s string) string { return with(s, `"Origin":"https://desk.example.com"`) },
		"only another case":        func(s string) string { return strings.Replace(s, `"origin"`, `"Origin"`, 1) },
		"escaped slash":            func(s string) string { return strings.Replace(s, `https://`, `https:\/\/`, 1) },
		"escaped name":             func(s string) string { return strings.Replace(s, `"type"`, `"\u0074ype"`, 1) },
		"bad UTF-8":                func(s string) string { return with(s, "\"x\":\"\xff\"") },
		"UTF-8 surrogate":          func(s string) string { return with(s, "\"x\":\"\xed\xa0\x80\"") },
		"overlong":                 func(s string) string { return with(s, "\"x\":\"\xc0\xaf\"") },
		"noncharacter":             func(s string) string { return with(s, "\"x\":\"\uffff\"") },
		"DEL":                      func(s string) string { return with(s, "\"x\":\"\x7f\"") },
		"tab in text":              func(s string) string { return with(s, "\"x\":\"\t\"") },
		"\\v escape":               func(s string) string { return with(s, `"x":"\v"`) },
		"\\u12 escape":             func(s string) string { return with(s, `"x":"\u12"`) },
		"\\u+123 escape":           func(s string) string { return with(s, `"x":"\u+123"`) },
		"\\u 12 escape":            func(s string) string { return with(s, `"x":"\u 123"`) },
		"\\u1_23 escape":           func(s string) string { return with(s, `"x":"\u1_23"`) },
		"\\U escape":               func(s string) string { return with(s, `"x":"\U1234"`) },
		"comma at the end":         func(s string) string { return strings.TrimSuffix(s, "}") + ",}" },
		"comment":                  func(s string) string { return s + "//" },
		"nested twice":             func(s string) string { return with(s, `"x":{"a":1,"a":2}`) },
		"empty name":               func(s string) string { return with(s, `"":1,"x":2`) },
		"a list":                   func(s string) string { return "[" + s + "]" },
	}
	all := map[string]func(*craft){}
	for name, spell := range odd {
		all["passkeys, standard: "+name] = func(c *craft) {
			c.assert = func(p *prooftest.Passkey, challenge [32]byte) actions.Signature {
				s := p.Sign(challenge)
				return p.Raw(s.AuthenticatorData, []byte(spell(string(s.ClientData))))
			}
		}
	}
	craftedBoth(t, all)
}

func with(s, member string) string { return strings.TrimSuffix(s, "}") + "," + member + "}" }

// TestSecondReaderOfOddities: the same for other odd documents of version 2.
func TestSecondReaderOfOddities(t *testing.T) {
	all := map[string]func(*craft){}
	put := func(of, path, raw string) { all[of+": "+path+" is "+raw] = func(c *craft) { c.put(path, raw) } }
	for _, of := range []string{"file keys, under a session", "file keys, standard"} {
		for _, tag := range []string{`"en\n"`, `"e"`, `"en-"`, `"en-a"`, `"EN"`, `"en-ÄÖ"`, `"en-١٢"`, `"ena"`, `"enab"`, `"en-abcdefghi"`, `""`, `"ſs"`, `"\u212Aa"`} {
			put(of, "/decision/decision/language", tag)
		}
		for _, text := range []string{`"a\nb"`, `"\u0085"`, `"\u2028"`, `"\u200b"`, `"\u00ad"`, `"\u061c"`, `"\u202e"`, `"\u2069"`, `"\ufeff"`, `"\ue000"`, `"\u007f"`} {
			put(of, "/decision/decision/subject/handle", text)
			put(of, "/decision/decision/scores", `[{"name":`+text+`,"program":"p","value":1}]`)
		}
		for _, n := range []string{"-1", "0", "9007199254740991", "9007199254740992", "9007199254740994", "9223372036854774784", "-9223372036854775808"} {
			put(of, "/decision/decision/version", n)
			put(of, "/decision/decision/claim", n)
			put(of, "/decision/decision/scores", `[{"name":"n","program":"p","value":`+n+`}]`)
		}
		put(of, "/decision/decision/scores", `[{"name":"b","program":"a","value":1},{"name":"a","program":"b","value":1}]`)
		put(of, "/decision/decision/scores", `[{"name":"a","program":"b","value":1},{"name":"b","program":"a","value":1}]`)
		put(of, "/decision/decision/scores", "[{\"name\":\"\uffff\",\"program\":\"a\",\"value\":1},{\"name\":\"\U00010000\",\"program\":\"a\",\"value\":1}]")
		put(of, "/decision/decision/scores", "[{\"name\":\"\U00010000\",\"program\":\"a\",\"value\":1},{\"name\":\"\uffff\",\"program\":\"a\",\"value\":1}]")
		put(of, "/decision/decision/scores", "null")
		put(of, "/decision/decision/opened", "null")
		put(of, "/sessions", "null")
		put(of, "/authority", "null")
		put(of, "/countersignatures", "null")
		put(of, "/waited", "null")
		put(of, "/decision", "null")
		for _, at := range []string{`"0000-01-01T00:00:00.000000Z"`, `"9999-12-31T23:59:59.999999Z"`, `"0001-01-01T00:00:00.000001Z"`, `""`} {
			for _, path := range []string{"/decision/signed/statement/not_before", "/decision/signed/statement/expires", "/request/statement/not_before", "/request/statement/expires", "/requested/entry/time", "/ruling/at", "/ledger/entry/time"} {
				put(of, path, at)
			}
		}
		if of == "file keys, standard" {
			all[of+": an empty list of sessions in the request's entry"] = func(c *craft) { c.hold("/requested/entry/data", "sessions", "[]") }
		}
		put(of, "/requested/entry/kind", `"countersign"`)
		put(of, "/requested/entry/class", `"execution"`)
		put(of, "/decision/decision/subject/id", `"acct/999"`)
		put(of, "/decision/decision/subject/platform", `"other"`)
		put(of, "/decision/decision/rule", `{"number":0,"set":"","text":""}`)
		put(of, "/action/rule", `{"number":1,"text":"sha256:`+strings.Repeat("1", 64)+`"}`)
		all[of+": both rules"] = func(c *craft) {
			one := "sha256:" + strings.Repeat("1", 64)
			c.put("/action/rule", `{"number":9223372036854774784,"text":"`+one+`"}`)
			c.put("/decision/decision/rule", `{"number":9223372036854774784,"set":"`+one+`","text":"`+one+`"}`)
		}
	}
	for _, path := range []string{"/sessions/0/session/not_before", "/sessions/0/session/expires"} {
		for _, at := range []string{`"0000-01-01T00:00:00.000000Z"`, `"9999-12-31T23:59:59.999999Z"`, `"0001-01-01T00:00:00.000001Z"`} {
			put("file keys, under a session", path, at)
		}
	}
	craftedBoth(t, all)
}

// craftedBoth puts crafts of version 2 to both readers, which must agree.
func craftedBoth(t *testing.T, all map[string]func(*craft)) {
	l := newLab(t, 0, 2)
	both(t, func(yield func(document) bool) {
		for _, name := range slices.Sorted(maps.Keys(all)) {
			of, _, _ := strings.Cut(name, ":")
			d, s := l.find(t, of)
			c := &craft{forger: newForger(d, s), t: t}
			all[name](c)
			root := c.enter(true)
			if !yield(document{name, c.doc.text(), root}) {
				return
			}
		}
	})
}
