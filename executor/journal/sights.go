package journal

import (
	"context"
	"fmt"
	"slices"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/sqldb"
)

// Watched is the watch's knowledge about one layer of a subject.
type Watched struct {
	Subject platform.Subject
	Layer   platform.Layer
	Tier    actions.Tier // the highest tier with which it was ever read
	// State is the last state of the layer that was explained or accepted. Its status is
	// empty while nobody knows which state is right.
	State   platform.Expect
	Beneath platform.Status // the status that was right before, while State is down; empty: nobody knows
	Since   canonical.Time  // since when it was seen in State and in no other
	Request string          // the request whose warrant, or the breach whose restoration, left it so; empty: it was seen so
	// Gone is the act whose measure was seen to be gone, though no act of ours had lifted
	// it. It explains nothing any more.
	Gone Key
	// Baseline is the sequence number of the first baseline that holds the state,
	// -1 if none does yet; Entered is that record's time.
	Baseline int64
	Entered  canonical.Time
	Lock     platform.Lock // of the visibility alone
}

// OtherLayers is the Layer of the Watched that stands for all layers of a subject but the
// visibility that have none of their own: they were read, and nothing stood there.
const OtherLayers platform.Layer = "*"

// layerColumn scans the text of a layer, or of OtherLayers.
type layerColumn struct{ into *platform.Layer }

// Scan implements sql.Scanner.
func (c layerColumn) Scan(v any) error {
	var s string
	switch v := v.(type) {
	case string:
		s = v
	case []byte:
		s = string(v)
	}
	if *c.into = platform.Layer(s); s == platform.VisibilityLayer.String() {
		*c.into = platform.VisibilityLayer
	}
	return nil
}

// layerOf returns the text of the layer that a command changes; empty if it changes none.
func layerOf(c platform.Command) string {
	if c.Verb == platform.Warn {
		return ""
	}
	return c.Layer.String()
}

// Under returns the status beneath a state into which the subject comes now, whoever
// brought it there: see Beneath.
func (w Watched) Under(now platform.Expect) platform.Status {
	switch {
	case now.Status != platform.Down:
		return ""
	case w.State.Status == platform.Down:
		return w.Beneath
	}
	return w.State.Status
}

// Breach is a burden that nothing explains.
type Breach struct {
	ID      string
	Subject platform.Subject
	Layer   platform.Layer
	Tier    actions.Tier
	Found   platform.Expect
	By      string // the credential, as far as it was known when the breach was journalled
	Sight   proof.Sight
	Due     canonical.Time // when it is to be restored; zero: only if people ask for it
	Over    bool           // the subject was seen in another state since
	Seen    canonical.Time
}

// StreamPlace is the place up to which a platform's stream was followed.
type StreamPlace struct {
	Cursor string
	Swept  canonical.Time
	Blind  string // the stable type of the reason why not all of it is seen
}

func sightText(s *proof.Sight) string {
	if s == nil {
		return ""
	}
	return string(canonical.MustMarshal(s))
}

// left notes the state in which an act has left its subject. From the same moment on the
// watch explains that state and no earlier one. The status beneath is Watched.Under; for
// a subject that was never seen it is the state that the act found.
func left(tx *sqldb.Tx, k Key, after platform.Expect, at canonical.Time) error {
	_, err := tx.Exec(`insert into watched (platform, subject_id, layer, handle, tier, status, mark, since, request, gone_request, gone_duty, baseline, entered,
			locked, lock_since, lock_cleared, beneath)
		select platform, subject_id, layer, json_extract(subject, '$.handle'), tier, $3, $4, $5, request, '', '', -1, 0, false, 0, 0,
			case when $3 = 'down' and json_extract(command, '$.expect.status') <> 'down' then json_extract(command, '$.expect.status') else '' end
			from act where request = $1 and duty = $2
		on conflict (platform, subject_id, layer) do update set status = excluded.status, mark = excluded.mark, since = excluded.since,
			request = excluded.request, baseline = -1, entered = 0,
			beneath = case when excluded.status <> 'down' then '' when watched.status = 'down' then watched.beneath else watched.status end`,
		k.Request, string(k.Duty), string(after.Status), string(after.Mark), at.Micro())
	return err
}

// Watched returns what is known about the layers of each of a platform's subjects.
func (j *Journal) Watched(ctx context.Context, name string) ([]Watched, error) {
	return j.watched(ctx, name, "", "")
}

// WatchedOf returns what is known about one layer of a subject; ok is false if nothing is.
func (j *Journal) WatchedOf(ctx context.Context, s platform.Subject, l platform.Layer) (w Watched, ok bool, err error) {
	all, err := j.watched(ctx, s.Platform, s.ID, l.String())
	if err != nil || len(all) == 0 {
		return w, false, err
	}
	return all[0], true, nil
}

// watched reads one layer of a subject of a platform, or all if id is empty.
func (j *Journal) watched(ctx context.Context, name, id, layer string) ([]Watched, error) {
	var all []Watched
	err := j.db.Read(ctx, func(tx *sqldb.Tx) error {
		var err error
		all, err = sqldb.All(tx, func(row sqldb.Row) (Watched, error) {
			w := Watched{Subject: platform.Subject{Platform: name}}
			var since, entered, lockSince, lockCleared int64
			err := row.Scan(&w.Subject.ID, layerColumn{&w.Layer}, &w.Subject.Handle, &w.Tier, &w.State.Status, &w.State.Mark, &since, &w.Request, &w.Gone.Request, &w.Gone.Duty, &w.Baseline, &entered,
				&w.Lock.Set, &lockSince, &lockCleared, &w.Beneath)
			w.Since, w.Entered = canonical.FromMicro(since), canonical.FromMicro(entered)
			w.Lock.Since, w.Lock.Cleared = canonical.FromMicro(lockSince), canonical.FromMicro(lockCleared)
			return w, err
		}, `select subject_id, layer, handle, tier, status, mark, since, request, gone_request, gone_duty, baseline, entered, locked, lock_since, lock_cleared, beneath
			from watched where platform = $1 and ($2 = '' or subject_id = $2 and layer = $3) order by subject_id, layer`, name, id, layer)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read what was watched in the journal: %w", err)
	}
	return all, nil
}

// Watch journals the watch's knowledge about subjects.
func (j *Journal) Watch(ctx context.Context, ws ...Watched) error {
	return j.write(ctx, "note what was seen", func(tx *sqldb.Tx) error {
		for _, w := range ws {
			if err := keep(tx, w); err != nil {
				return err
			}
		}
		return nil
	})
}

func keep(tx *sqldb.Tx, w Watched) error {
	return put(tx, w, `do update set handle = excluded.handle, tier = excluded.tier, status = excluded.status, mark = excluded.mark,
			since = excluded.since, request = excluded.request, gone_request = excluded.gone_request,
			gone_duty = excluded.gone_duty, baseline = excluded.baseline, entered = excluded.entered,
			locked = excluded.locked, lock_since = excluded.lock_since, lock_cleared = excluded.lock_cleared, beneath = excluded.beneath`)
}

// Begin journals what the watch knows of layers that it had never read, where nothing is
// known of them yet.
func (j *Journal) Begin(ctx context.Context, ws ...Watched) error {
	return j.write(ctx, "note what was seen first", func(tx *sqldb.Tx) error {
		for _, w := range ws {
			if err := put(tx, w, "do nothing"); err != nil {
				return err
			}
		}
		return nil
	})
}

func put(tx *sqldb.Tx, w Watched, otherwise string) error {
	_, err := tx.Exec(`insert into watched (platform, subject_id, handle, tier, status, mark, since, request, gone_request, gone_duty, baseline, entered, locked,
			lock_since, lock_cleared, beneath, layer)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
		on conflict (platform, subject_id, layer) `+otherwise,
		w.Subject.Platform, w.Subject.ID, w.Subject.Handle, string(w.Tier), string(w.State.Status), string(w.State.Mark), w.Since.Micro(), w.Request,
		w.Gone.Request, string(w.Gone.Duty), w.Baseline, w.Entered.Micro(), w.Lock.Set, w.Lock.Since.Micro(), w.Lock.Cleared.Micro(), string(w.Beneath), w.Layer.String())
	return err
}

// Newest returns the newest warrant about a layer of a subject that was acted on: in
// flight, carried out, or of unknown outcome; ok is false if there is none. It passes over
// the acts in except.
func (j *Journal) Newest(ctx context.Context, s platform.Subject, l platform.Layer, except ...Key) (a Act, ok bool, err error) {
	all, err := j.some(ctx, `platform = $1 and subject_id = $2 and layer = $3 and began >= 0 and outcome in ('', 'executed', 'unknown') order by began desc limit $4`,
		s.Platform, s.ID, l.String(), 1+len(except))
	if err != nil {
		return a, false, err
	}
	i := slices.IndexFunc(all, func(a Act) bool { return !slices.Contains(except, a.Key) })
	if i < 0 {
		return a, false, nil
	}
	return all[i], true, nil
}

// Place returns the place up to which a platform was followed.
func (j *Journal) Place(ctx context.Context, name string) (StreamPlace, error) {
	var places []StreamPlace
	err := j.db.Read(ctx, func(tx *sqldb.Tx) error {
		var err error
		places, err = sqldb.All(tx, func(row sqldb.Row) (p StreamPlace, err error) {
			var swept int64
			err = row.Scan(&p.Cursor, &swept, &p.Blind)
			p.Swept = canonical.FromMicro(swept)
			return p, err
		}, "select cursor, swept, blind from stream where platform = $1", name)
		return err
	})
	if err != nil {
		return StreamPlace{}, fmt.Errorf("read how far %s was followed in the journal: %w", name, err)
	}
	if len(places) == 0 {
		return StreamPlace{}, nil
	}
	return places[0], nil
}

// Follow notes the place up to which a platform was followed. Everything before its
// cursor was looked at.
func (j *Journal) Follow(ctx context.Context, name string, p StreamPlace) error {
	return j.write(ctx, "note how far a platform was followed", func(tx *sqldb.Tx) error { return follow(tx, name, p) })
}

func follow(tx *sqldb.Tx, name string, p StreamPlace) error {
	_, err := tx.Exec(`insert into stream (platform, cursor, swept, blind) values ($1, $2, $3, $4)
		on conflict (platform) do update set cursor = excluded.cursor, swept = excluded.swept, blind = excluded.blind`,
		name, p.Cursor, p.Swept.Micro(), p.Blind)
	return err
}

// Tell numbers and keeps a record that belongs to no act, together with notes in the same
// transaction.
func (j *Journal) Tell(ctx context.Context, request string, h Head, sign Sign, more ...Note) (proof.SignedExecution, error) {
	var record proof.SignedExecution
	err := j.write(ctx, "journal a record", func(tx *sqldb.Tx) error {
		var err error
		if record, err = enter(tx, request, sign); err != nil {
			return err
		}
		for _, n := range more {
			if err := n(tx, record); err != nil {
				return err
			}
		}
		return saw(tx, h)
	})
	return record, err
}

// Note writes something in the transaction of a record.
type Note func(tx *sqldb.Tx, r proof.SignedExecution) error

// Seen notes the watch's new knowledge about subjects.
func Seen(ws ...Watched) Note {
	return func(tx *sqldb.Tx, _ proof.SignedExecution) error {
		for _, w := range ws {
			if err := keep(tx, w); err != nil {
				return err
			}
		}
		return nil
	}
}

// At notes the place up to which a platform was followed.
func At(name string, p StreamPlace) Note {
	return func(tx *sqldb.Tx, _ proof.SignedExecution) error { return follow(tx, name, p) }
}

// Basis notes the lines under a baseline's root. In each fresh subject that is still in
// its state of the baseline it notes that this is its first baseline.
func Basis(name string, lines []byte, fresh []Watched) Note {
	return func(tx *sqldb.Tx, r proof.SignedExecution) error {
		x := r.Execution
		if _, err := tx.Exec("insert into baseline (sequence, platform, lines) values ($1, $2, $3)", x.Sequence, name, string(lines)); err != nil {
			return err
		}
		for _, w := range fresh {
			if _, err := tx.Exec(`update watched set baseline = $1, entered = $2
				where platform = $3 and subject_id = $4 and baseline = -1 and status = $5 and mark = $6 and since = $7 and layer = $8`,
				x.Sequence, x.At.Micro(), name, w.Subject.ID, string(w.State.Status), string(w.State.Mark), w.Since.Micro(), w.Layer.String()); err != nil {
				return err
			}
		}
		return nil
	}
}

// OpenBreach journals a breach with its record. If we die after this, the breach
// is found open and its subject is looked at again.
func (j *Journal) OpenBreach(ctx context.Context, b Breach, h Head, sign Sign) (proof.SignedExecution, error) {
	return j.Tell(ctx, b.ID, h, sign, breached(b))
}

// OpenRestored is OpenBreach with the intent to restore the subject at once: one
// transaction instead of two, since the account is down meanwhile. allow is as in
// RestoreIntent. If we die after it, the platform is asked for the outcome of the call.
func (j *Journal) OpenRestored(ctx context.Context, b Breach, a Act, h Head, allow func(Restorations) error, sign, intent Sign) (breach, restoring proof.SignedExecution, err error) {
	breach, err = j.Tell(ctx, b.ID, h, sign, breached(b), func(tx *sqldb.Tx, _ proof.SignedExecution) error {
		if err := allow(counts(tx, a)); err != nil {
			return err
		}
		restoring, err = intend(tx, a, intent)
		return err
	})
	return breach, restoring, err
}

func breached(b Breach) Note {
	return func(tx *sqldb.Tx, _ proof.SignedExecution) error {
		_, err := tx.Exec(`insert into breach (id, platform, subject_id, subject, tier, found, sight, due, stage, seen, credential, layer)
			values ($1, $2, $3, $4, $5, $6, $7, $8, 'open', $9, $10, $11)`,
			b.ID, b.Subject.Platform, b.Subject.ID, string(canonical.MustMarshal(b.Subject)), string(b.Tier), string(canonical.MustMarshal(b.Found)),
			sightText(&b.Sight), b.Due.Micro(), b.Seen.Micro(), b.By, b.Layer.String())
		return err
	}
}

// Restorations counts the restorations in one layer since an instant that were made, may
// have been, or are about to be.
type Restorations struct {
	OfSubject func(since time.Time) (int64, error)
	OfTier    func(since time.Time) (int64, error)
}

func counts(tx *sqldb.Tx, a Act) Restorations {
	count := func(where string, args ...any) (n int64, err error) {
		err = tx.QueryRow("select count(*) from act where duty = 'restore' and outcome in ('', 'executed', 'unknown') and "+where, args...).Scan(&n)
		return n, err
	}
	return Restorations{
		OfSubject: func(since time.Time) (int64, error) {
			return count("platform = $1 and subject_id = $2 and layer = $3 and intended > $4", a.Subject.Platform, a.Subject.ID, layerOf(a.Command), since.UnixMicro())
		},
		OfTier: func(since time.Time) (int64, error) {
			return count("platform = $1 and tier = $2 and layer = $3 and intended > $4", a.Subject.Platform, string(a.Tier), layerOf(a.Command), since.UnixMicro())
		},
	}
}

// Counts counts as RestoreIntent does. Each call reads anew.
func (j *Journal) Counts(ctx context.Context, s platform.Subject, l platform.Layer, t actions.Tier) Restorations {
	read := func(of func(Restorations) func(time.Time) (int64, error)) func(time.Time) (int64, error) {
		return func(since time.Time) (n int64, err error) {
			err = j.db.ReadOne(ctx, func(tx *sqldb.Tx) (err error) {
				n, err = of(counts(tx, Act{Subject: s, Tier: t, Command: platform.Command{Layer: l}}))(since)
				return err
			})
			if err != nil {
				err = fmt.Errorf("count restorations in the journal: %w", err)
			}
			return n, err
		}
	}
	return Restorations{OfSubject: read(func(c Restorations) func(time.Time) (int64, error) { return c.OfSubject }),
		OfTier: read(func(c Restorations) func(time.Time) (int64, error) { return c.OfTier })}
}

// Restored returns how many restorations of a layer of a subject were begun since an
// instant, whatever their outcome.
func (j *Journal) Restored(ctx context.Context, s platform.Subject, l platform.Layer, since time.Time) (n int64, err error) {
	err = j.db.ReadOne(ctx, func(tx *sqldb.Tx) error {
		return tx.QueryRow("select count(*) from act where duty = 'restore' and platform = $1 and subject_id = $2 and layer = $3 and intended > $4",
			s.Platform, s.ID, l.String(), since.UnixMicro()).Scan(&n)
	})
	if err != nil {
		return 0, fmt.Errorf("count restorations in the journal: %w", err)
	}
	return n, nil
}

// RestoreIntent is Intend for a restoration; allow is given counts that include
// every restoration begun before.
func (j *Journal) RestoreIntent(ctx context.Context, a Act, h Head, allow func(Restorations) error, sign Sign) (proof.SignedExecution, error) {
	var record proof.SignedExecution
	err := j.write(ctx, "journal a restoration's intent", func(tx *sqldb.Tx) error {
		if err := allow(counts(tx, a)); err != nil {
			return err
		}
		var err error
		if record, err = intend(tx, a, sign); err != nil {
			return err
		}
		return saw(tx, h)
	})
	return record, err
}

// Postpone notes when an open breach is to be restored; zero: only if people ask for it.
func (j *Journal) Postpone(ctx context.Context, id string, due canonical.Time) error {
	return j.write(ctx, "postpone a restoration", func(tx *sqldb.Tx) error {
		_, err := tx.Exec("update breach set due = $1 where id = $2 and stage = 'open'", due.Micro(), id)
		return err
	})
}

// Overcome notes that a breach is over: its subject was seen in another state.
func (j *Journal) Overcome(ctx context.Context, id string) error {
	return j.write(ctx, "end a breach", func(tx *sqldb.Tx) error { return Over(id)(tx, proof.SignedExecution{}) })
}

// Over notes that a breach is over, in the transaction of the record that says so.
func Over(id string) Note {
	return func(tx *sqldb.Tx, _ proof.SignedExecution) error {
		_, err := tx.Exec("update breach set stage = 'over' where id = $1", id)
		return err
	}
}

// Breaches returns the open breaches of a platform.
func (j *Journal) Breaches(ctx context.Context, name string) ([]Breach, error) {
	var all []Breach
	err := j.db.Read(ctx, func(tx *sqldb.Tx) error {
		var err error
		all, err = sqldb.All(tx, func(row sqldb.Row) (b Breach, err error) {
			var subject, found, sight string
			var due, seen int64
			if err := row.Scan(&b.ID, &subject, layerColumn{&b.Layer}, &b.Tier, &found, &sight, &due, &seen); err != nil {
				return b, err
			}
			b.Due, b.Seen = canonical.FromMicro(due), canonical.FromMicro(seen)
			if err := canonical.UnmarshalExact([]byte(subject), &b.Subject); err != nil {
				return b, err
			}
			if err := canonical.UnmarshalExact([]byte(found), &b.Found); err != nil {
				return b, err
			}
			return b, canonical.UnmarshalExact([]byte(sight), &b.Sight)
		}, "select id, subject, layer, tier, found, sight, due, seen from breach where platform = $1 and stage = 'open' order by seen, id", name)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the open breaches in the journal: %w", err)
	}
	return all, nil
}
