package plaza

import (
	"path/filepath"
	"testing"
	"testing/fstest"

	"countersign.dev/sqldb"
	"countersign.dev/test/testenv"
)

// TestDeactivatedBefore: an account was deactivated before plaza stored who did it. The
// migration takes the name from the account's newest event, if there is one still, on
// both databases.
func TestDeactivatedBefore(t *testing.T) {
	for name, dsn := range map[string]func() string{
		"sqlite":   func() string { return "sqlite:" + filepath.Join(t.TempDir(), "plaza.db") },
		"postgres": func() string { return testenv.Postgres(t) },
	} {
		t.Run(name, func(t *testing.T) {
			dsn, before := dsn(), fstest.MapFS{}
			for _, dialect := range []string{"sqlite", "postgres"} {
				for _, file := range []string{"00001_plaza.sql", "00002_owner.sql", "00003_session.sql", "00004_keeper.sql"} {
					text, err := migrationFiles.ReadFile("migrations/" + dialect + "/" + file)
					if err != nil {
						t.Fatal(err)
					}
					before[dialect+"/"+file] = &fstest.MapFile{Data: text}
				}
			}
			db, err := sqldb.Open(t.Context(), dsn, sqldb.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if err := db.Migrate(t.Context(), "plaza", before); err != nil {
				t.Fatal(err)
			}
			if err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
				for id, status := range map[int]string{1: "deactivated", 2: "deactivated", 3: "up", 4: "down"} {
					if _, err := tx.Exec(`insert into account (id, handle, fold, name, bio, verified, office, followers, created, status, mark, rev)
						values ($1, $2, $2, '', '', false, '', 0, 0, $3, '', 1)`, id, "h"+string(rune('0'+id)), status); err != nil {
						return err
					}
				}
				for n, by := range []string{"night-shift", "@h1", "console"} {
					status := "deactivated"
					if n == 2 {
						status = "up" // of another account
					}
					if _, err := tx.Exec(`insert into event (id, name, subject, handle, status, mark, rev, holder, created)
						values ($1, 'change', $2, '', $3, '', 1, $4, 0)`, n+1, map[bool]string{true: "acct/3", false: "acct/1"}[n == 2], status, by); err != nil {
						return err
					}
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			db.Close()
			if db, err = Open(t.Context(), dsn); err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			// The events of before are there, and of the same sort; layers are another one.
			if err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
				var events int
				if err := tx.QueryRow(`select count(*) from event where name = 'change' and layer = '' and rev = 1`).Scan(&events); err != nil || events != 3 {
					t.Errorf("%d events are left, %v", events, err)
				}
				_, err := tx.Exec(`insert into event (id, name, subject, handle, layer, status, mark, rev, holder, created)
					values (4, 'layer', 'acct/1', '', 'limit', 'limited', '', 4, '', 0)`)
				return err
			}); err != nil {
				t.Errorf("an event of a layer: %v", err)
			}
			if err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
				_, err := tx.Exec(`insert into event (id, name, subject, handle, layer, status, mark, rev, holder, created)
					values (5, 'other', 'acct/1', '', '', 'up', '', 4, '', 0)`)
				return err
			}); !sqldb.IsCheck(err) {
				t.Errorf("an event of no sort: %v", err)
			}
			for number, want := range map[int64]off{1: {true, "@h1"}, 2: {true, ""}, 3: {}, 4: {}} {
				var a account
				if err := db.Read(t.Context(), func(tx *sqldb.Tx) (err error) { a, err = accountByNumber(tx, number); return err }); err != nil || a.off != want {
					t.Errorf("account %d is %+v, %v; expected %+v", number, a.off, err, want)
				}
			}
		})
	}
}
