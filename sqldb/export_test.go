package sqldb

// Waiting returns how many changes wait for their turn.
func Waiting(db *DB) int {
	db.writer.mu.Lock()
	defer db.writer.mu.Unlock()
	return len(db.writer.queue)
}

// Left reports to a running change whether its caller has stopped waiting for it.
func Left(db *DB) bool { return db.writer.running.left.Load() }

// Closing reports whether Close has been called.
func Closing(db *DB) bool {
	db.writer.mu.Lock()
	defer db.writer.mu.Unlock()
	return db.writer.closed
}

// LockByProcess has this process lock SQLite files as on a system that knows no other way.
func LockByProcess() { lockByDescriptor = func() error { return nil } }

// Unnamed is unnamed.
func Unnamed(q string) string { return unnamed(q) }

// SideBySide returns how many readers may be in transactions at the same time.
func SideBySide(db *DB) int {
	if db.dialect == SQLite {
		return cap(db.reading)
	}
	return postgresReaders
}
