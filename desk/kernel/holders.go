package kernel

// Holders are the people who hold credentials, machines or keys with which they can act
// around the desk, as its operator declares. Each is a line of text, or a worker's
// identifier. Nothing proves that they are all.
type Holders struct {
	// Platforms holds, by platform, the holders of its staff or administrator's
	// credentials, and by PLATFORM/CREDENTIAL those of one credential.
	Platforms map[string][]string `json:"platforms,omitzero"`
	Executor  []string            `json:"executor,omitzero"` // holders of the executor's machine, and so of everything on it
	LogKey    []string            `json:"log_key,omitzero"`  // holders of the key that signs the ledger's checkpoints
}
