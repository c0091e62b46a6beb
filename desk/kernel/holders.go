package kernel

// Holders are those who, as whoever runs the desk declares, hold what lets them
// act around it. Each is a line of text, or a worker's identifier. Nothing proves
// them complete.
type Holders struct {
	// Platforms are of a platform's staff or administrator's credentials, by platform,
	// or of one of them, by PLATFORM/CREDENTIAL.
	Platforms map[string][]string `json:"platforms,omitzero"`
	Executor  []string            `json:"executor,omitzero"` // of the executor's machine, and with it all that it holds
	LogKey    []string            `json:"log_key,omitzero"`  // of the key that signs the ledger's checkpoints
}
