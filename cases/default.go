package cases

import _ "embed"

var (
	//go:embed default/rules.json
	defaultRules string
	//go:embed default/queues.json
	defaultQueues string
)

// DefaultRules returns the text of the default rule set.
func DefaultRules() string { return defaultRules }

// DefaultQueues returns the text of the default queue set, which goes with the default
// rule set.
func DefaultQueues() string { return defaultQueues }
