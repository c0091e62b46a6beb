package policy

import (
	"fmt"
	"slices"

	"countersign.dev/actions"
	"countersign.dev/fault"
	"countersign.dev/platform"
)

// This file says what a set lacks that was written before the program knew all of today's
// kinds. Such a set still compiles and rules: its groups cover the new kinds, and what it
// must name it does not permit.

// Older says what the set does not rule on because it may be older than the kinds of this
// program, and which change its author should make; empty if there is nothing to say.
func (s *Set) Older() []fault.Detail {
	const at, how = string(actions.AccountWarn), "as the default set's requests.cedar and people.cedar do: `action in [Action::\"measures\", Action::\"account.warn\"]`"
	if !s.permitsWarnings() {
		return []fault.Detail{{At: at, Text: "This set lets nobody warn an account holder. A set from before there were warnings permits limits and labels, " +
			"which are measures, but a warning only if it names it. To let people warn, name account.warn wherever the set permits, holds or forbids measures, " + how +
			"; then ask for the change with `countersign policy propose DIR --reason WHY`."}}
	}
	people, err := s.classes()
	if err != nil {
		return nil // too many to look at; checkDesk has said so
	}
	limit := Facts{Kind: actions.AccountLimit, Direction: actions.Burdening, Effect: actions.Reversible, Verb: platform.Limit,
		Subject: Subject{Platform: unnamed(s.names.platforms), Sort: platform.Account, Tier: actions.Critical}}
	warn := limit
	warn.Kind, warn.Effect, warn.Verb = actions.AccountWarn, actions.Said, platform.Warn
	for w := range people {
		limit.Worker, warn.Worker = w, w
		if s.Rule(warn).Verdict == Permitted && s.Rule(limit).Verdict != Permitted {
			return []fault.Detail{{At: at, Text: fmt.Sprintf("Under this set %s may warn the holder of a critical account alone, and may not limit the account alone. "+
				"If you do not mean it, name account.warn wherever the set holds or forbids measures, %s.", s.someone(w), how)}}
		}
	}
	return nil
}

// permitsWarnings reports whether a permit of the set names account.warn. A permit that does
// not name it does not count for it; see index.
func (s *Set) permitsWarnings() bool {
	return slices.ContainsFunc(s.rules, func(r rule) bool { return r.permits() && r.namesIt(actionWarn) })
}
