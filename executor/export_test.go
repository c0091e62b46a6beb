package executor

// Unread returns how many entries of the desk's were not read since the executor began
// to follow the ledger.
func (e *Executor) Unread() (n int64) {
	f := e.ledger
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, u := range f.nos.unread {
		n += max(0, u.to-max(u.from, f.begun))
	}
	return n
}

// SplitMarks is splitMarks.
var SplitMarks = splitMarks
