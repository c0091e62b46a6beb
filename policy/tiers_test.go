package policy

import (
	"strings"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/fault"
	"countersign.dev/platform"
)

// TestTierRulesRefused: a rule that could never hold, or that holds where
// something is missing, is an error at load.
func TestTierRulesRefused(t *testing.T) {
	for name, c := range map[string]struct{ rule, text string }{
		"lowers":                     {`{"tier":"standard","fact":"office","present":true,"reason":"Nobody cares for it."}`, "never lowers"},
		"unknown tier":               {`{"tier":"vital","fact":"office","present":true,"reason":"It is important."}`, "never lowers"},
		"no tier":                    {`{"fact":"office","present":true,"reason":"It is important."}`, "never lowers"},
		"unknown fact":               {`{"tier":"critical","fact":"folowers","at_least":5,"reason":"It is important."}`, "unknown"},
		"no fact":                    {`{"tier":"critical","present":true,"reason":"It is important."}`, "unknown"},
		"no condition":               {`{"tier":"critical","fact":"office","reason":"It is important."}`, "exactly one"},
		"two conditions":             {`{"tier":"critical","fact":"followers","at_least":5,"at_most":9,"reason":"It is important."}`, "exactly one"},
		"absence":                    {`{"tier":"critical","fact":"office","present":false,"reason":"It is important."}`, "escaped"},
		"never":                      {`{"tier":"critical","always":false,"reason":"It is important."}`, "escaped"},
		"text compared as number":    {`{"tier":"critical","fact":"office","at_least":5,"reason":"It is important."}`, "not a number"},
		"number compared as text":    {`{"tier":"critical","fact":"followers","is":"many","reason":"It is important."}`, "at_least"},
		"truth compared with text":   {`{"tier":"critical","fact":"verified","is":"true","reason":"It is important."}`, "not compared"},
		"compared with null":         {`{"tier":"critical","fact":"verified","is":null,"reason":"It is important."}`, ""},
		"text compared with a truth": {`{"tier":"critical","fact":"office","is":true,"reason":"It is important."}`, ""},
		"empty text":                 {`{"tier":"critical","fact":"office","is":"","reason":"It is important."}`, "empty"},
		"fraction":                   {`{"tier":"critical","fact":"followers","at_least":1.5,"reason":"It is important."}`, ""},
		"owner":                      {`{"tier":"critical","fact":"owner","present":true,"reason":"It is important."}`, "owner"},
		"unknown sort":               {`{"tier":"critical","sort":"desk","always":true,"reason":"It is important."}`, "account or content"},
		"no reason":                  {`{"tier":"critical","fact":"office","present":true}`, "sentence"},
		"always with a fact":         {`{"tier":"critical","fact":"office","always":true,"reason":"It is important."}`, "no fact"},
	} {
		_, err := Compile(with("tiers.json", `{"plaza":[`+c.rule+`]}`))
		if !fault.Is(err, "bad-policy") || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTier(t *testing.T) {
	s := mustCompile(t, with("tiers.json", `{
		"quiet": [],
		"plaza": [
			{"tier":"critical","fact":"office","present":true,"reason":"It is a public office."},
			{"tier":"critical","fact":"office","is":"king","reason":"It is a king's account."},
			{"tier":"protected","fact":"followers","at_least":100,"reason":"Many people follow it."},
			{"tier":"protected","fact":"created","at_most":1000,"reason":"It is very old indeed."},
			{"tier":"protected","fact":"verified","is":true,"reason":"It is a verified account."},
			{"tier":"critical","fact":"verified","is":false,"reason":"It is not verified at all."}
		],
		"pages": [{"tier":"protected","sort":"content","always":true,"reason":"All pages are protected."}]}`))
	type facts = map[platform.Fact]any
	all := []platform.Fact{platform.FactFollowers, platform.FactOffice}
	owned := []platform.Fact{platform.FactFollowers, platform.FactOffice, platform.FactOwner}
	for name, c := range map[string]struct {
		platform string
		sort     platform.Sort
		state    platform.State
		promised []platform.Fact
		owner    *platform.State
		tier     actions.Tier
		reasons  string
	}{
		"nothing holds":           {"plaza", platform.Account, platform.State{Facts: facts{"followers": int64(99), "office": ""}}, all, nil, "standard", ""},
		"the limit itself":        {"plaza", platform.Account, platform.State{Facts: facts{"followers": int64(100), "office": ""}}, all, nil, "protected", "tiers.plaza.3"},
		"a number out of JSON":    {"plaza", platform.Account, platform.State{Facts: facts{"followers": float64(100), "office": ""}}, all, nil, "protected", "tiers.plaza.3"},
		"the highest counts":      {"plaza", platform.Account, platform.State{Facts: facts{"followers": int64(100), "office": "mayor"}}, all, nil, "critical", "tiers.plaza.1 tiers.plaza.3"},
		"at most":                 {"plaza", platform.Account, platform.State{Facts: facts{"created": int64(1000)}}, nil, nil, "protected", "tiers.plaza.4"},
		"just above at most":      {"plaza", platform.Account, platform.State{Facts: facts{"created": int64(1001)}}, nil, nil, "standard", ""},
		"verified":                {"plaza", platform.Account, platform.State{Facts: facts{"verified": true}}, nil, nil, "protected", "tiers.plaza.5"},
		"not verified":            {"plaza", platform.Account, platform.State{Facts: facts{"verified": false}}, nil, nil, "critical", "tiers.plaza.6"},
		"verified unknown":        {"plaza", platform.Account, platform.State{}, nil, nil, "standard", ""},
		"equal text":              {"plaza", platform.Account, platform.State{Facts: facts{"office": "king"}}, nil, nil, "critical", "tiers.plaza.1 tiers.plaza.2"},
		"not promised, not there": {"quiet", platform.Account, platform.State{}, nil, nil, "standard", ""},
		// Law 5: what was promised and is not there makes critical, whether the connector owns up or not.
		"promised and unread":        {"plaza", platform.Account, platform.State{Facts: facts{"office": ""}, Unread: all[:1]}, all, nil, "critical", "law.unread-fact"},
		"promised and left out":      {"plaza", platform.Account, platform.State{Facts: facts{"office": ""}}, all, nil, "critical", "law.unread-fact"},
		"unread and unpromised":      {"quiet", platform.Account, platform.State{Unread: all[:1]}, nil, nil, "critical", "law.unread-fact"},
		"promised, no rule reads it": {"quiet", platform.Account, platform.State{Facts: facts{"office": ""}}, all, nil, "critical", "law.unread-fact"},
		// A value of the wrong sort must not slip under a limit.
		"a number as text":          {"plaza", platform.Account, platform.State{Facts: facts{"followers": "44000000", "office": ""}}, all, nil, "critical", "law.unread-fact"},
		"a fraction":                {"plaza", platform.Account, platform.State{Facts: facts{"followers": 99.5, "office": ""}}, all, nil, "critical", "law.unread-fact"},
		"no value":                  {"plaza", platform.Account, platform.State{Facts: facts{"followers": nil, "office": ""}}, all, nil, "critical", "law.unread-fact"},
		"a truth as text":           {"plaza", platform.Account, platform.State{Facts: facts{"verified": "true"}}, nil, nil, "critical", "law.unread-fact"},
		"unruled platform":          {"other", platform.Account, platform.State{}, nil, nil, "critical", "law.unruled-platform"},
		"content of the small":      {"plaza", platform.Content, platform.State{Facts: facts{"owner": "acct/1"}}, owned, &platform.State{Facts: facts{"followers": int64(1), "office": ""}}, "standard", ""},
		"content of the great":      {"plaza", platform.Content, platform.State{Facts: facts{"owner": "acct/1"}}, owned, &platform.State{Facts: facts{"followers": int64(1), "office": "mayor"}}, "critical", "tiers.plaza.1"},
		"owner half read":           {"plaza", platform.Content, platform.State{Facts: facts{"owner": "acct/1"}}, owned, &platform.State{Facts: facts{"followers": int64(1)}}, "critical", "law.unread-fact"},
		"owner not read":            {"plaza", platform.Content, platform.State{Facts: facts{"owner": "acct/1"}}, owned, nil, "critical", "law.owner-not-read"},
		"owner named, unpromised":   {"plaza", platform.Content, platform.State{Facts: facts{"owner": "acct/1"}}, nil, nil, "critical", "law.owner-not-read"},
		"owner not named":           {"plaza", platform.Content, platform.State{}, owned, nil, "critical", "law.owner-not-read law.unread-fact"},
		"no owners there":           {"plaza", platform.Content, platform.State{}, all, nil, "standard", ""},
		"always":                    {"pages", platform.Content, platform.State{}, nil, nil, "protected", "tiers.pages.1"},
		"always, of the other sort": {"pages", platform.Account, platform.State{}, nil, nil, "standard", ""},
	} {
		tier, reasons := s.Tier(c.platform, c.sort, c.state, c.promised, c.owner)
		var ids []string
		for _, r := range reasons {
			ids = append(ids, r.Policy)
		}
		if tier != c.tier || strings.Join(ids, " ") != c.reasons {
			t.Errorf("%s: %s for %q, expected %s for %q", name, tier, ids, c.tier, c.reasons)
		}
	}
}
