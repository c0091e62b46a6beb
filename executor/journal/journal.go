// Package journal is the executor's own memory: which warrants it has taken on
// and what came of them, which lifts it owes, every record that it has signed, and
// the newest ledger that it has seen. The database behind it belongs to the
// executor alone.
//
// It trusts the disk and nothing else. It promises that what it returned is
// durable; that a warrant is taken on at most once, by request and by core, with
// the budget counted in the same transaction; that a stage is left at most
// once; that records are numbered from 0 without gap, in the transaction of
// the change that they tell of; and that no record is ever changed.
//
// A warrant goes through these stages, each change of stage one transaction:
//
//	(none) → intended → ended        a lift: owed → intended → ended
//	(none) → ended                   refused before anything was intended
//
// If we die before intended is durable, nothing has happened and the warrant may
// be handed over again. If we die after it, the call may or may not have been
// made: the platform is asked. If we die after ended is durable, all is known,
// and at most the records of it are not in the ledger yet: they are handed over.
package journal

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"sync/atomic"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/sqldb"
	"countersign.dev/workforce"
)

//go:embed migrations
var migrationFiles embed.FS

// Journal is an open journal. It is safe for concurrent use.
type Journal struct {
	db   *sqldb.DB
	turn atomic.Int64 // of the claim that this process made; 0 before
}

// Open opens or makes the journal in a file.
func Open(ctx context.Context, path string) (*Journal, error) {
	migrations, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	db, err := sqldb.Open(ctx, "sqlite:"+path, sqldb.Options{Migrations: migrations, Line: "journal"})
	if err != nil {
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	return &Journal{db: db}, nil
}

// Close closes the journal.
func (j *Journal) Close() error { return j.db.Close() }

// Owner names the executor and the desk that a journal belongs to.
type Owner struct {
	Executor string
	Root     canonical.Digest // hash of entry 0 of the desk
}

// Head is the newest ledger that was seen.
type Head struct {
	Size    int64
	Tree    canonical.Digest // root of the tree of that size
	Edge    ledger.Edge      // of the same tree; empty if an older executor noted the head
	Entered int64            // every record with a lower sequence number was seen in it
}

// Claim makes a new journal the owner's, and returns the newest ledger that it has seen.
// A journal of another owner is a fault of type "foreign-journal".
//
// From then on a process that claimed the journal earlier, and may still run, can change
// nothing in it: two processes that both settle the same act would each spoil the other's
// call.
func (j *Journal) Claim(ctx context.Context, o Owner) (Head, error) {
	var have Owner
	var head Head
	var turn int64
	err := j.db.Write(ctx, func(tx *sqldb.Tx) error {
		if _, err := tx.Exec("insert into memory (one, executor, root, size, tree, entered, turn) values (1, $1, $2, 0, '', 0, 0) on conflict (one) do nothing",
			o.Executor, o.Root.String()); err != nil {
			return err
		}
		err := tx.QueryRow("select executor, root, size, tree, edge, entered, turn + 1 from memory").
			Scan(&have.Executor, text(&have.Root), &head.Size, text(&head.Tree), edgeColumn{&head.Edge}, &head.Entered, &turn)
		if err != nil || have != o {
			return err
		}
		_, err = tx.Exec("update memory set turn = $1", turn)
		return err
	})
	if err != nil {
		return Head{}, fmt.Errorf("claim the journal: %w", err)
	}
	if have != o {
		return Head{}, fault.New(fault.Conflict, "foreign-journal",
			"The journal is of the executor %q at the desk founded by %s; this is %q at the desk founded by %s. Give each executor a journal of its own.",
			have.Executor, have.Root, o.Executor, o.Root)
	}
	j.turn.Store(turn)
	return head, nil
}

// Saw keeps a ledger's head if it is the newest yet, and marks of its size or less: in one
// transaction, since a mark without the head would hold for another ledger too.
func (j *Journal) Saw(ctx context.Context, h Head, marks ...Mark) error {
	return j.write(ctx, "note the ledger's head", func(tx *sqldb.Tx) error {
		if err := mark(tx, marks); err != nil {
			return err
		}
		return saw(tx, h)
	})
}

func saw(tx *sqldb.Tx, h Head) error {
	edge, err := h.Edge.MarshalBinary()
	if err != nil {
		return err
	}
	_, err = tx.Exec("update memory set size = $1, tree = $2, edge = $3, entered = $4 where size < $1", h.Size, h.Tree.String(), encode(edge), h.Entered)
	return err
}

// ChainEntry is an entry of the governance chain that was verified.
type ChainEntry struct {
	Place int64 // index in the ledger; -1: kept by an executor that did not note it
	Leaf  ledger.Leaf
	Body  []byte
	Salt  canonical.Bytes
}

// Keep keeps governance entries, so that the executor knows without the desk who may
// undo.
func (j *Journal) Keep(ctx context.Context, chain []ChainEntry) error {
	return j.write(ctx, "keep the governance chain", func(tx *sqldb.Tx) error {
		for _, c := range chain {
			if _, err := tx.Exec("insert into chain (place, number, leaf, body, salt) values ($1, $2, $3, $4, $5)",
				c.Place, c.Leaf.Number, string(c.Leaf.Bytes()), string(c.Body), encode(c.Salt)); err != nil {
				return err
			}
		}
		return nil
	})
}

// Stage is the progress of an act.
type Stage string

// The stages.
const (
	Owed     Stage = "owed"     // a lift that is not due, or was not begun
	Intended Stage = "intended" // may have been called
	Ended    Stage = "ended"
)

// Key names an act: a request has one of each duty.
type Key struct {
	Request string
	Duty    proof.Duty
}

// Act is the journal's record of one warrant or lift.
type Act struct {
	Key
	Stage     Stage
	Warrant   canonical.Digest // of the core
	Document  []byte           // the warrant, to be kept; see Journal.Document
	Subject   platform.Subject
	Kind      actions.Kind
	Command   platform.Command
	Requester workforce.WorkerID
	Vendor    workforce.VendorID
	Tier      actions.Tier // as read
	Direction actions.Direction
	Undo      bool
	Category  actions.Category
	Nonce     canonical.Bytes
	Attempt   int64 // the call that may be under way, from 1; 0 before the first
	Due       canonical.Time
	Intended  canonical.Time
	Began     int64 // sequence number of the intent's record; -1 if there is none
	Ended     canonical.Time
	Sight     *proof.Sight // of a restoration: what its records tell of the breach
	Result

	// What only budgets read; it is kept and not read back.
	Owner string         // of content: its account, as read
	Also  actions.Family // the second family in which the act counts; Intend sets it
}

// Result is the outcome of an act. The zero value means: under way.
type Result struct {
	Outcome proof.Outcome
	Type    string
	Text    string
}

// Sign makes the record for a sequence number. It may be called twice, and must return
// the same record each time.
type Sign func(sequence int64) proof.SignedExecution

// Intend takes a warrant on, or begins a lift: from then on the warrant is spent and its
// budget is used, and its grounds are remembered; their errors are those of remember. allow
// is given the second family in which the act counts, and a count; both include every act
// taken on before. Its error is returned as it is, and nothing is changed. A warrant that
// was taken on before is a fault of type "spent".
//
// If we die after this, the platform is asked for the outcome of the call.
func (j *Journal) Intend(ctx context.Context, a Act, g Grounds, h Head, allow func(also actions.Family, count actions.Count) error, sign Sign) (proof.SignedExecution, error) {
	var record proof.SignedExecution
	err := j.write(ctx, "journal an intent", func(tx *sqldb.Tx) error {
		if allow != nil {
			var err error
			if a.Also, err = alsoOf(tx, a); err != nil {
				return err
			}
			if err := allow(a.Also, counter(tx)); err != nil {
				return err
			}
		}
		if err := remember(tx, g); err != nil {
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

// intend is Intend as a part of a change.
func intend(tx *sqldb.Tx, a Act, sign Sign) (proof.SignedExecution, error) {
	record, err := enter(tx, a.Request, sign)
	if err != nil {
		return record, err
	}
	a.Stage, a.Began = Intended, record.Execution.Sequence
	return record, begin(tx, a)
}

// Refuse spends a warrant for which nothing was intended. after is as in End.
func (j *Journal) Refuse(ctx context.Context, a Act, h Head, after *platform.Expect, sign Sign) (proof.SignedExecution, error) {
	var record proof.SignedExecution
	err := j.write(ctx, "journal a refusal", func(tx *sqldb.Tx) error {
		a.Stage, a.Began = Ended, -1
		if err := begin(tx, a); err != nil {
			return err
		}
		if after != nil {
			if err := left(tx, a.Key, *after, a.Ended); err != nil {
				return err
			}
		}
		var err error
		if record, err = enter(tx, a.Request, sign); err != nil {
			return err
		}
		return saw(tx, h)
	})
	return record, err
}

// End journals the outcome of an act. With it come the lift that the act leaves owed, if
// any, and the state that the act left, if it is known, which the watch then explains. An
// act that has ended is a fault of type "ended": the second outcome does not count.
//
// If we die after this, nothing is left to do but to hand the record over.
func (j *Journal) End(ctx context.Context, k Key, r Result, at canonical.Time, h Head, lift *Act, after *platform.Expect, sign Sign) (proof.SignedExecution, error) {
	var record proof.SignedExecution
	err := j.write(ctx, "journal a receipt", func(tx *sqldb.Tx) error {
		n, err := tx.Exec("update act set stage = $1, outcome = $2, type = $3, text = $4, ended = $5 where request = $6 and duty = $7 and stage <> $1",
			string(Ended), string(r.Outcome), r.Type, r.Text, at.Micro(), k.Request, string(k.Duty))
		if err != nil {
			return err
		}
		if n != 1 {
			return fault.New(fault.Conflict, "ended", "The %s of the request %s has ended already.", k.Duty, k.Request)
		}
		if after != nil {
			if err := left(tx, k, *after, at); err != nil {
				return err
			}
		}
		if lift != nil {
			lift.Stage, lift.Began = Owed, -1
			if err := begin(tx, *lift); err != nil {
				return err
			}
		}
		if record, err = enter(tx, k.Request, sign); err != nil {
			return err
		}
		return saw(tx, h)
	})
	return record, err
}

// Attempt journals that a call is about to be made again, under a new key, after the
// platform said that the call before did not and will not take effect. An attempt by
// somebody else in between is a fault of type "ended".
//
// If we die after this, the platform is asked about the new call.
func (j *Journal) Attempt(ctx context.Context, k Key, after int64) error {
	return j.write(ctx, "journal another attempt", func(tx *sqldb.Tx) error {
		n, err := tx.Exec("update act set attempt = $1 where request = $2 and duty = $3 and stage = $4 and attempt = $5",
			after+1, k.Request, string(k.Duty), string(Intended), after)
		if err == nil && n != 1 {
			err = fault.New(fault.Conflict, "ended", "The %s of the request %s is not at attempt %d any more.", k.Duty, k.Request, after)
		}
		return err
	})
}

// write runs a change. The end of a context does not interrupt it: a change that has
// begun is waited for, since the executor must not act on a change that may not be
// journalled.
func (j *Journal) write(ctx context.Context, doing string, fn func(*sqldb.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	turn := j.turn.Load()
	if err := j.db.Write(context.WithoutCancel(ctx), func(tx *sqldb.Tx) error {
		n, err := tx.Exec("update memory set turn = turn where turn = $1", turn)
		if err == nil && n != 1 {
			err = fault.New(fault.Conflict, "journal-taken", "Another executor process has taken this journal over; this one may not go on.")
		}
		if err != nil {
			return err
		}
		return fn(tx)
	}); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

// begin inserts the row of an act, or moves an owed lift on.
func begin(tx *sqldb.Tx, a Act) error {
	n, err := tx.Exec(`insert into act (request, duty, stage, warrant, platform, subject, subject_id, kind, command, requester, vendor, tier,
		direction, undo, category, nonce, attempt, due, intended, began, ended, outcome, type, text, sight, layer, family, also, owner)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29)
		on conflict do nothing`,
		a.Request, string(a.Duty), string(a.Stage), a.Warrant.String(), a.Subject.Platform, string(canonical.MustMarshal(a.Subject)),
		a.Subject.ID, string(a.Kind), string(canonical.MustMarshal(a.Command)), string(a.Requester), string(a.Vendor), string(a.Tier), string(a.Direction), a.Undo,
		string(a.Category), encode(a.Nonce), a.Attempt, a.Due.Micro(), a.Intended.Micro(), a.Began, a.Ended.Micro(), string(a.Outcome), a.Type, a.Text,
		sightText(a.Sight), layerOf(a.Command), string(actions.FamilyOf(a.Kind)), string(a.Also), a.Owner)
	if err != nil {
		return err
	}
	if n == 1 {
		if len(a.Document) > 0 {
			_, err = tx.Exec("insert into document (request, warrant) values ($1, $2)", a.Request, string(a.Document))
		}
		return err
	}
	if a.Duty == proof.DutyLift && a.Stage != Owed {
		n, err = tx.Exec(`update act set stage = $1, nonce = $2, attempt = $3, intended = $4, began = $5, ended = $6, outcome = $7, type = $8, text = $9
			where request = $10 and duty = $11 and stage = $12`, string(a.Stage), encode(a.Nonce), a.Attempt, a.Intended.Micro(), a.Began, a.Ended.Micro(),
			string(a.Outcome), a.Type, a.Text, a.Request, string(a.Duty), string(Owed))
		if err != nil || n == 1 {
			return err
		}
	}
	return fault.New(fault.Conflict, "spent", "The warrant of the request %s has been handed over before and is spent.", a.Request)
}

// enter numbers and keeps a record.
func enter(tx *sqldb.Tx, request string, sign Sign) (proof.SignedExecution, error) {
	var next int64
	if err := tx.QueryRow("select coalesce(max(sequence), -1) + 1 from record").Scan(&next); err != nil {
		return proof.SignedExecution{}, err
	}
	r := sign(next)
	if r.Execution.Sequence != next {
		return r, fmt.Errorf("record %d was signed as %d", next, r.Execution.Sequence)
	}
	openings := ""
	if len(r.Openings) > 0 {
		openings = string(canonical.MustMarshal(r.Openings))
	}
	_, err := tx.Exec("insert into record (sequence, request, digest, body, openings) values ($1, $2, $3, $4, $5)",
		next, request, canonical.DigestOf(r).String(), string(canonical.MustMarshal(r)), openings)
	return r, err
}

// counter counts acts for the budgets: acts that were carried out, may have been, or are
// about to be.
func counter(tx *sqldb.Tx) actions.Count {
	return func(b actions.Budget, by actions.Spender, since time.Time) (int64, error) {
		column, who := "requester", string(by.Worker)
		if b.Per == "vendor" {
			column, who = "vendor", string(by.Vendor)
		}
		family := b.Family
		if family == actions.FamilyEvery {
			family = actions.FamilyAll
		}
		// The minutes that lie in the window as a whole are summed up already.
		first := since.UnixMicro()/minute + 1
		var whole, begun int64
		err := tx.QueryRow(`select (select coalesce(sum(acts), 0) from spent where per = $1 and who = $2 and tier = $3 and direction = $4 and undo = $5 and family = $6 and minute >= $7),
			(select count(*) from act where `+column+` = $2 and tier = $3 and direction = $4 and undo = $5 and duty = 'act' and intended > $8 and intended < $9
				and outcome in ('', 'executed', 'unknown') and $6 in ('all', family, also))`,
			b.Per, who, string(b.Tier), string(b.Direction), b.Undo, string(family), first, since.UnixMicro(), first*minute).Scan(&whole, &begun)
		return whole + begun, err
	}
}

// minute is the span of a row of the table spent, in microseconds.
const minute = int64(time.Minute / time.Microsecond)

// alsoOf returns the second family in which an act counts.
func alsoOf(tx *sqldb.Tx, a Act) (actions.Family, error) {
	family := actions.FamilyOf(a.Kind)
	if family != actions.FamilyContent || a.Owner == "" {
		return actions.FamilyEvery, nil
	}
	var before int64
	err := tx.QueryRow(`select count(*) from act where requester = $1 and platform = $2 and owner = $3 and duty = 'act' and owner <> '' and direction = $4 and undo = $5
		and intended > $6 and outcome in ('', 'executed', 'unknown')`,
		string(a.Requester), a.Subject.Platform, a.Owner, string(a.Direction), a.Undo, a.Intended.Add(-time.Hour).UnixMicro()).Scan(&before)
	return actions.AlsoOf(family, before), err
}
