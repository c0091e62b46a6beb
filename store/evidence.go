package store

import (
	"crypto/sha256"
	"fmt"
	"hash"

	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/fault"
	"countersign.dev/news"
	"countersign.dev/platform"
	"countersign.dev/sqldb"
	"countersign.dev/workforce"
)

// Media says what the copying of an evidence does with pictures.
type Media string

// What it may do.
const (
	CopyMedia Media = "copy"
	NoMedia   Media = "none" // a reason of child safety stops it
	HashMedia Media = "hash" // their digests are taken and their bytes let go
)

// Evidence is what a subject showed when it was reported, on its way to its copy.
type Evidence struct {
	ID       string
	Case     string
	Report   string
	Subject  platform.Subject // without its handle
	State    cases.EvidenceState
	Media    Media
	Told     cases.Told
	Read     canonical.Digest // of the stored text of what was read; zero: nothing yet
	Document canonical.Digest // of the stored cases.EvidenceDocument; zero while it is pending
	Content  canonical.Digest // see cases.ContentDigest
	Thread   canonical.Digest // see cases.ThreadDigest
	Matched  string           // the hash list that a picture of it is on
	Why      string           // nothing could be read: the stable type of the reason
	At       canonical.Time   // when it was acknowledged
	Copied   canonical.Time
}

const evidenceColumns = `id, case_id, report, platform, subject, state, media, told, read, document, content, thread, matched, why, at, copied`

func scanEvidence(row sqldb.Row) (e Evidence, err error) {
	var told []byte
	var at, copied int64
	var read, document, content, thread string
	if err := row.Scan(&e.ID, &e.Case, &e.Report, &e.Subject.Platform, &e.Subject.ID, &e.State, &e.Media, &told, &read, &document, &content, &thread, &e.Matched, &e.Why, &at, &copied); err != nil {
		return e, err
	}
	e.At, e.Copied = canonical.FromMicro(at), canonical.FromMicro(copied)
	if err := canonical.Unmarshal(told, &e.Told); err != nil {
		return e, fmt.Errorf("evidence %s: what was told is not as it was written: %w", e.ID, err)
	}
	for _, d := range []struct {
		text string
		into *canonical.Digest
	}{{read, &e.Read}, {document, &e.Document}, {content, &e.Content}, {thread, &e.Thread}} {
		if *d.into, err = textDigest(d.text); err != nil {
			return e, fmt.Errorf("evidence %s: %w", e.ID, err)
		}
	}
	return e, nil
}

// Evidence returns an evidence; a fault "no-such-evidence" if there is none.
func (tx *Tx) Evidence(id string) (Evidence, error) {
	return tx.anEvidence(`where id = $1`, id)
}

// EvidenceLocked is Evidence, in a change; nobody else changes the row before the commit.
func (tx *Tx) EvidenceLocked(id string) (Evidence, error) {
	return tx.anEvidence(`where id = $1`+tx.Dialect().ForUpdate(), id)
}

// EvidenceOfDocument returns an evidence of a case by the digest of its document.
func (tx *Tx) EvidenceOfDocument(caseID string, document canonical.Digest) (Evidence, error) {
	return tx.anEvidence(`where document = $1 and case_id = $2`, digestText(document), caseID)
}

// CasesOfDocument returns the cases that have evidence with a document.
func (tx *Tx) CasesOfDocument(document canonical.Digest) ([]string, error) {
	return sqldb.All(tx.Tx, scanText, `select distinct case_id from evidence where document = $1 and document <> '' order by case_id limit 100`, digestText(document))
}

func (tx *Tx) anEvidence(where string, args ...any) (Evidence, error) {
	e, err := scanEvidence(tx.QueryRow(`select `+evidenceColumns+` from evidence `+where, args...))
	if sqldb.IsNotFound(err) {
		return e, noEvidence()
	}
	return e, err
}

func noEvidence() error {
	return fault.New(fault.NotFound, "no-such-evidence", "There is no such evidence.")
}

// NewestEvidence returns up to limit evidences of a case, newest first.
func (tx *Tx) NewestEvidence(caseID string, limit int) ([]Evidence, error) {
	return sqldb.All(tx.Tx, scanEvidence, `select `+evidenceColumns+` from evidence where case_id = $1 order by at desc, id desc limit $2`, caseID, limit)
}

// EvidenceBefore returns the content of the newest evidence of a case that was copied before
// another one; zero if there is none.
func (tx *Tx) EvidenceBefore(e Evidence) (canonical.Digest, error) {
	var content string
	err := tx.QueryRow(`select content from evidence where case_id = $1 and content <> '' and (at < $2 or at = $2 and id < $3) order by at desc, id desc limit 1`,
		e.Case, e.At.Micro(), e.ID).Scan(&content)
	if sqldb.IsNotFound(err) {
		return canonical.Digest{}, nil
	}
	if err != nil {
		return canonical.Digest{}, err
	}
	return textDigest(content)
}

// CopiedBefore returns the newest evidence of a case that has a document and was asked for before
// another one; ok is false if there is none.
func (tx *Tx) CopiedBefore(e Evidence) (before Evidence, ok bool, err error) {
	before, err = scanEvidence(tx.QueryRow(`select `+evidenceColumns+` from evidence where case_id = $1 and document <> '' and (at < $2 or at = $2 and id < $3) order by at desc, id desc limit 1`,
		e.Case, e.At.Micro(), e.ID))
	if sqldb.IsNotFound(err) {
		return before, false, nil
	}
	return before, err == nil, err
}

// MediaToSay reports whether a case has pictures that were left out since it is reported for a
// reason of child safety, or evidence of which nobody knows that yet.
func (tx *Tx) MediaToSay(caseID string) (bool, error) {
	var n int64
	err := tx.QueryRow(`select count(*) from evidence e where e.case_id = $1 and (e.state = 'pending' or exists (select 1 from evidence_picture p where p.evidence = e.id and p.state = 'withheld'))`, caseID).Scan(&n)
	return n > 0, err
}

// PendingEvidence counts the evidences that are still to be copied, and says since when the
// oldest of them waits.
func (tx *Tx) PendingEvidence() (n int64, since canonical.Time, err error) {
	var at int64
	err = tx.QueryRow(`select count(*), coalesce(min(at), 0) from evidence where state = 'pending'`).Scan(&n, &at)
	return n, canonical.FromMicro(at), err
}

// InsertEvidence stores new evidences.
func (tx *Tx) InsertEvidence(all ...Evidence) {
	rows := make([][]any, len(all))
	for i, e := range all {
		rows[i] = []any{e.ID, e.Case, e.Report, e.Subject.Platform, e.Subject.ID, string(e.State), string(e.Media), canonical.MustMarshal(e.Told), digestText(e.Read), digestText(e.Document),
			digestText(e.Content), digestText(e.Thread), e.Matched, e.Why, e.At.Micro(), e.Copied.Micro()}
	}
	eachInsert(`insert into evidence (`+evidenceColumns+`) values `, ``, rows, func(s sqldb.Statement, _ int) { tx.Later(s, nil) })
}

// StopMedia has the evidences of a case that are still to be copied leave pictures out.
func (tx *Tx) StopMedia(caseID string) {
	tx.Later(sqldb.Statement{SQL: `update evidence set media = 'none' where case_id = $1 and state = 'pending' and media = 'copy'`, Args: []any{caseID}}, nil)
}

// ReadEvidence keeps what was read for a pending evidence, so that it is not lost if the subject
// is gone by the time its pictures are copied.
func (tx *Tx) ReadEvidence(id string, read canonical.Digest) {
	tx.Later(sqldb.Statement{SQL: `update evidence set read = $2 where id = $1 and state = 'pending' and read = ''`, Args: []any{id, digestText(read)}}, nil)
}

// FinishEvidence ends the copying of an evidence that the same change has read with its lock.
func (tx *Tx) FinishEvidence(e Evidence) {
	tx.tell(news.Case, e.Case, 0)
	tx.Later(sqldb.Statement{SQL: `update evidence set state = $2, document = $3, content = $4, thread = $5, matched = $6, why = $7, copied = $8 where id = $1 and state = 'pending'`,
		Args: []any{e.ID, string(e.State), digestText(e.Document), digestText(e.Content), digestText(e.Thread), e.Matched, e.Why, e.Copied.Micro()}}, func(n int64) error {
		if n != 1 {
			return sqldb.ErrAgain
		}
		return nil
	})
}

// MatchEvidence notes, on every evidence that has a picture, that the picture is on a list.
func (tx *Tx) MatchEvidence(digest canonical.Digest, list string) {
	tx.Later(sqldb.Statement{SQL: `update evidence set matched = $2 where matched = '' and id in (select evidence from evidence_picture where digest = $1)`, Args: []any{digestText(digest), list}}, nil)
}

// EvidencesWith returns up to limit evidences that have a picture, newest first.
func (tx *Tx) EvidencesWith(digest canonical.Digest, limit int) ([]Evidence, error) {
	return sqldb.All(tx.Tx, scanEvidence, `select `+evidenceColumns+` from evidence where id in (select evidence from evidence_picture where digest = $1) order by at desc, id desc limit $2`,
		digestText(digest), limit)
}

// MoveEvidence puts the evidences of a case into another one: all, or those of some reports.
func (tx *Tx) MoveEvidence(from, to string, reports []string) (int64, error) {
	args := []any{from, to}
	in := ""
	if reports != nil {
		if len(reports) == 0 {
			return 0, nil
		}
		in = ` and report in (` + sqldb.Places(3, len(reports)) + `)`
		for _, id := range reports {
			args = append(args, id)
		}
	}
	return tx.Exec(`update evidence set case_id = $2 where case_id = $1`+in, args...)
}

// KeepEvidenceText stores a text by its digest.
func (tx *Tx) KeepEvidenceText(digest canonical.Digest, body []byte) {
	tx.Later(sqldb.Statement{SQL: `insert into evidence_text (digest, body) values ($1, $2) on conflict (digest) do nothing`, Args: []any{digestText(digest), body}}, nil)
}

// EvidenceBytes returns the bytes that are stored under a digest, which nobody has compared with
// it.
func (tx *Tx) EvidenceBytes(digest canonical.Digest) (body []byte, err error) {
	err = tx.QueryRow(`select body from evidence_text where digest = $1`, digestText(digest)).Scan(&body)
	if sqldb.IsNotFound(err) {
		return nil, noEvidence()
	}
	return body, err
}

// EvidenceText returns a stored text; a fault "evidence-altered" if it is another one than its
// digest names.
func (tx *Tx) EvidenceText(digest canonical.Digest) ([]byte, error) {
	body, err := tx.EvidenceBytes(digest)
	if err == nil && canonical.Sum(body) != digest {
		return nil, altered("The text of the evidence %s", digest)
	}
	return body, err
}

func altered(what string, digest canonical.Digest) error {
	return fault.New(fault.Conflict, "evidence-altered", what+" is not what was stored: somebody changed the database.", digest)
}

// EvidencePicture is what became of a picture of an evidence.
type EvidencePicture struct {
	Evidence string
	N        int64
	cases.EvidencePicture
}

// SaveEvidencePicture stores what became of a picture. What became of it first stays.
func (tx *Tx) SaveEvidencePicture(p EvidencePicture) {
	tx.Later(sqldb.Statement{SQL: `insert into evidence_picture (evidence, n, name, state, digest, outcome) values ($1, $2, $3, $4, $5, $6) on conflict (evidence, n) do nothing`,
		Args: []any{p.Evidence, p.N, p.Name, string(p.State), digestText(p.Digest), canonical.MustMarshal(p.EvidencePicture)}}, nil)
}

// EvidencePictures returns what became of the pictures of an evidence, in their order.
func (tx *Tx) EvidencePictures(evidence string) ([]EvidencePicture, error) {
	return sqldb.All(tx.Tx, func(r sqldb.Row) (p EvidencePicture, err error) {
		var outcome []byte
		if err := r.Scan(&p.Evidence, &p.N, &outcome); err != nil {
			return p, err
		}
		return p, canonical.Unmarshal(outcome, &p.EvidencePicture)
	}, `select evidence, n, outcome from evidence_picture where evidence = $1 order by n`, evidence)
}

// PictureOf reports whether a case has a picture in its evidence.
func (tx *Tx) PictureOf(caseID string, digest canonical.Digest) (bool, error) {
	var n int64
	err := tx.QueryRow(`select count(*) from evidence_picture p join evidence e on e.id = p.evidence where p.digest = $1 and e.case_id = $2`, digestText(digest), caseID).Scan(&n)
	return n > 0, err
}

// Picture is a picture by the digest of its bytes.
type Picture struct {
	Digest  canonical.Digest
	State   cases.PictureState // kept, matched or removed
	Format  cases.Format
	Size    int64
	List    string             // the hash list that it is on
	Deed    canonical.Digest   // by which somebody had its bytes removed
	Worker  workforce.WorkerID // who did
	At      canonical.Time     // when it was seen first
	Removed canonical.Time     // when its bytes were removed
}

const pictureColumns = `digest, state, format, size, list, deed, worker, at, removed`

func scanPicture(row sqldb.Row) (p Picture, err error) {
	var digest, deed string
	var format []byte
	var at, removed int64
	if err := row.Scan(&digest, &p.State, &format, &p.Size, &p.List, &deed, &p.Worker, &at, &removed); err != nil {
		return p, err
	}
	p.At, p.Removed = canonical.FromMicro(at), canonical.FromMicro(removed)
	if err := canonical.Unmarshal(format, &p.Format); err != nil {
		return p, err
	}
	if p.Digest, err = textDigest(digest); err != nil {
		return p, err
	}
	p.Deed, err = textDigest(deed)
	return p, err
}

// Picture returns a picture; ok is false if nobody has seen it.
func (tx *Tx) Picture(digest canonical.Digest) (p Picture, ok bool, err error) {
	p, err = scanPicture(tx.QueryRow(`select `+pictureColumns+` from picture where digest = $1`, digestText(digest)))
	if sqldb.IsNotFound(err) {
		return p, false, nil
	}
	return p, err == nil, err
}

// picturePart is the most bytes in one row.
const picturePart = 1 << 20

// KeepPicture stores a picture with its bytes, and returns the row that stands then. A picture
// that was seen before keeps its row, and one that was removed gets no bytes.
func (tx *Tx) KeepPicture(p Picture, bytes []byte) (Picture, error) {
	if _, err := tx.ExecAll([]sqldb.Statement{pictureInsert(p)}); err != nil {
		return p, err
	}
	have, err := scanPicture(tx.QueryRow(`select `+pictureColumns+` from picture where digest = $1`+tx.Dialect().ForUpdate(), digestText(p.Digest)))
	if err != nil || have.State != cases.PictureKept {
		return have, err
	}
	for n := 0; n*picturePart < len(bytes); n++ {
		part := bytes[n*picturePart : min((n+1)*picturePart, len(bytes))]
		tx.Later(sqldb.Statement{SQL: `insert into picture_part (digest, n, bytes) values ($1, $2, $3) on conflict (digest, n) do nothing`, Args: []any{digestText(p.Digest), int64(n), part}}, nil)
	}
	return have, nil
}

func pictureInsert(p Picture) sqldb.Statement {
	return sqldb.Statement{SQL: `insert into picture (` + pictureColumns + `) values (` + sqldb.Places(1, 9) + `) on conflict (digest) do nothing`,
		Args: []any{digestText(p.Digest), string(p.State), canonical.MustMarshal(p.Format), p.Size, p.List, digestText(p.Deed), string(p.Worker), p.At.Micro(), p.Removed.Micro()}}
}

// RemovePicture removes the bytes of a picture, as its new row says: since it is on a list, or
// by somebody's deed. A picture that nobody has seen yet gets its row, so that its bytes never
// come in. It reports whether bytes were kept until now.
func (tx *Tx) RemovePicture(p Picture) (removed bool, err error) {
	if _, err := tx.ExecAll([]sqldb.Statement{pictureInsert(p)}); err != nil {
		return false, err
	}
	n, err := tx.Exec(`update picture set state = $2, list = $3, deed = $4, worker = $5, removed = $6 where digest = $1 and state = 'kept'`,
		digestText(p.Digest), string(p.State), p.List, digestText(p.Deed), string(p.Worker), p.Removed.Micro())
	if err != nil {
		return false, err
	}
	_, err = tx.Exec(`delete from picture_part where digest = $1`, digestText(p.Digest))
	return n > 0, err
}

// KeptPictures returns up to limit digests of kept pictures after one, in order.
func (tx *Tx) KeptPictures(after canonical.Digest, limit int) ([]canonical.Digest, error) {
	return sqldb.All(tx.Tx, func(r sqldb.Row) (d canonical.Digest, err error) {
		var text string
		if err := r.Scan(&text); err != nil {
			return d, err
		}
		return textDigest(text)
	}, `select digest from picture where state = 'kept' and digest > $1 order by digest limit $2`, digestText(after), limit)
}

// PicturePart returns the n-th part of a picture's bytes, counted from 0; nil after the last.
func (tx *Tx) PicturePart(digest canonical.Digest, n int64) (part []byte, err error) {
	err = tx.QueryRow(`select bytes from picture_part where digest = $1 and n = $2`, digestText(digest), n).Scan(&part)
	if sqldb.IsNotFound(err) {
		return nil, nil
	}
	return part, err
}

// PictureBytes returns the bytes of a kept picture; a fault "evidence-altered" if they are not
// those that its digest names.
func (tx *Tx) PictureBytes(digest canonical.Digest) ([]byte, error) {
	var all []byte
	sum := sha256.New()
	for n := int64(0); ; n++ {
		part, err := tx.PicturePart(digest, n)
		if err != nil {
			return nil, err
		}
		if part == nil {
			break
		}
		all = append(all, part...)
		sum.Write(part)
	}
	if sumOf(sum) != digest {
		return nil, altered("The picture %s", digest)
	}
	return all, nil
}

func sumOf(h hash.Hash) (d canonical.Digest) {
	h.Sum(d[:0])
	return d
}

// PictureOpening is one look of a worker at a picture.
type PictureOpening struct {
	ID     string
	Digest canonical.Digest
	Case   string
	Worker workforce.WorkerID
	Reason string
	Time   canonical.Time
}

// OpenPicture notes that somebody looks at a picture.
func (tx *Tx) OpenPicture(o PictureOpening) {
	tx.Later(sqldb.Statement{SQL: `insert into picture_opening (id, digest, case_id, worker, reason, time) values ($1, $2, $3, $4, $5, $6)`,
		Args: []any{o.ID, digestText(o.Digest), o.Case, string(o.Worker), o.Reason, o.Time.Micro()}}, nil)
}

// PictureOpenings returns the looks at pictures of a case, by one worker or by all, oldest
// first.
func (tx *Tx) PictureOpenings(caseID string, by workforce.WorkerID, limit int) ([]PictureOpening, error) {
	return sqldb.All(tx.Tx, func(r sqldb.Row) (o PictureOpening, err error) {
		var digest string
		var at int64
		if err := r.Scan(&o.ID, &digest, &o.Case, &o.Worker, &o.Reason, &at); err != nil {
			return o, err
		}
		o.Time = canonical.FromMicro(at)
		o.Digest, err = textDigest(digest)
		return o, err
	}, `select id, digest, case_id, worker, reason, time from picture_opening where case_id = $1 and (cast($2 as text) = '' or worker = $2) order by time, id limit $3`, caseID, string(by), limit)
}

// Swept returns the digest of the hash lists with which all kept pictures were compared last.
func (tx *Tx) Swept() (lists canonical.Digest, err error) {
	var text string
	err = tx.QueryRow(`select lists from picture_swept where id = 1`).Scan(&text)
	if sqldb.IsNotFound(err) {
		return lists, nil
	}
	if err != nil {
		return lists, err
	}
	return textDigest(text)
}

// SetSwept notes with which hash lists all kept pictures were compared.
func (tx *Tx) SetSwept(lists canonical.Digest, now canonical.Time) {
	tx.Later(sqldb.Statement{SQL: `insert into picture_swept (id, lists, time) values (1, $1, $2) on conflict (id) do update set lists = excluded.lists, time = excluded.time`,
		Args: []any{digestText(lists), now.Micro()}}, nil)
}

// EvidenceProblem is something in the stored evidence that is not as it should be.
type EvidenceProblem struct {
	Evidence string
	Text     string
}

// CheckEvidence compares the bytes of an evidence with the digests that name them: its
// document, what was read, and each picture of which bytes are kept.
func (tx *Tx) CheckEvidence(e Evidence) ([]EvidenceProblem, error) {
	var problems []EvidenceProblem
	say := func(format string, args ...any) {
		problems = append(problems, EvidenceProblem{e.ID, fmt.Sprintf(format, args...)})
	}
	for what, digest := range map[string]canonical.Digest{"document": e.Document, "reading": e.Read} {
		if digest.IsZero() {
			continue
		}
		if _, err := tx.EvidenceText(digest); fault.KindOf(err) == fault.NotFound || fault.Is(err, "evidence-altered") {
			say("its %s %s is missing or was changed", what, digest)
		} else if err != nil {
			return nil, err
		}
	}
	if e.State == cases.EvidencePending {
		return problems, nil
	}
	pictures, err := tx.EvidencePictures(e.ID)
	if err != nil {
		return nil, err
	}
	for _, p := range pictures {
		if p.State != cases.PictureKept {
			continue
		}
		kept, ok, err := tx.Picture(p.Digest)
		if err != nil {
			return nil, err
		}
		if !ok {
			say("the picture %s is missing", p.Digest)
			continue
		}
		if kept.State != cases.PictureKept {
			continue // its bytes were removed, and the row says by whom
		}
		if _, err := tx.PictureBytes(p.Digest); fault.Is(err, "evidence-altered") {
			say("the bytes of the picture %s are missing or were changed", p.Digest)
		} else if err != nil {
			return nil, err
		}
	}
	return problems, nil
}
