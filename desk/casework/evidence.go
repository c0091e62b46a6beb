package casework

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/jobs"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// This file keeps evidence: what a subject showed when it was reported (law 17).
//
// Evidence is acknowledged in the transaction of the report, and copied by a job afterwards.
// The job reads through the executor alone; no address from a report is ever opened. It may
// die anywhere: what was read is committed before the first picture is asked for, each
// picture is committed by itself, and the document is written once, at the end.

// The steps of a copy. A desk may die after each of them.
const (
	StepEvidenceRead    = "evidence read"    // what the subject shows is committed, if it has pictures
	StepEvidencePicture = "evidence picture" // what became of one picture is committed
	StepEvidenceCopied  = "evidence copied"  // the document is committed
)

// EvidenceConfig holds what the wiring gives the evidence.
type EvidenceConfig struct {
	// Load returns the case that somebody may read; one that the caller may not know of is a
	// fault "no-such-case".
	Load func(ctx context.Context, by kernel.Caller, id string) (*proof.State, workforce.Standing, cases.Case, error)
	// MaySee refuses somebody who may read a case and may not see its pictures, or may not say
	// what becomes of them.
	MaySee func(s *proof.State, st workforce.Standing, c cases.Case, what MediaUse) error
	// Match says on which governed hash list a digest is. nil: there are no lists.
	Match func(ctx context.Context, s *proof.State, digest canonical.Digest) (list string, ok bool, err error)
	// Removes, if set, returns what is called in the transaction in which somebody removes bytes of
	// a case's evidence, before it does; it refuses whoever may not.
	Removes func(ctx context.Context, s *proof.State, by kernel.Caller, caseID string) (func(t *kernel.Tx) error, error)
	// Copied, if set, returns what is called in the transaction that ends a copy.
	Copied func(ctx context.Context, s *proof.State) (func(t *kernel.Tx, e store.Evidence, document cases.EvidenceDocument) error, error)
	// Matched, if set, returns what is called in the transaction that finds a picture of an
	// evidence on a hash list, once for each evidence.
	Matched func(ctx context.Context, s *proof.State) (func(t *kernel.Tx, e store.Evidence, list string) error, error)
	// Opened keeps, in a change, that somebody gets to see a case.
	Opened func(stx *store.Tx, by kernel.Caller, c cases.Case, how How) error
	// Look, if set, reads the state of a case's subject and keeps it, so that whoever is shown the
	// case knows its tier.
	Look func(ctx context.Context, caseID string) error
	// Kept, if set, returns what stands in the place of what the subject of a case shows now; ok is
	// false if nothing does.
	Kept func(ctx context.Context, c cases.Case) (e platform.Evidence, ok bool, err error)
	// Patience is how long a platform that does not answer is asked again; 0: a week.
	Patience time.Duration
	// Fresh is for how long a copy stands for the reports of its case that come after it; 0: a
	// minute.
	Fresh time.Duration
	// SweepEvery is the time between two looks for new hash lists; 0: ten seconds.
	SweepEvery time.Duration
}

// MediaUse is what somebody wants to do with pictures.
type MediaUse string

// The uses.
const (
	SeeMedia     MediaUse = "see"
	RemoveMedia  MediaUse = "remove"  // their bytes
	ReleaseMedia MediaUse = "release" // have them copied, or their digests taken, although a reason of child safety stopped it
)

// Evidence keeps what subjects showed when they were reported. It is safe for concurrent use.
type Evidence struct {
	desk *kernel.Kernel
	c    EvidenceConfig
}

// NewEvidence makes the evidence of a desk and registers its job.
func NewEvidence(k *kernel.Kernel, c EvidenceConfig) *Evidence {
	if c.Patience == 0 {
		c.Patience = 7 * 24 * time.Hour
	}
	if c.Fresh == 0 {
		c.Fresh = time.Minute
	}
	if c.SweepEvery == 0 {
		c.SweepEvery = 10 * time.Second
	}
	d := &Evidence{desk: k, c: c}
	jobs.Handle(k.Slow, func(ctx context.Context, j copyJob) error { return d.copy(ctx, j.Evidence) })
	return d
}

// copyJob copies one evidence.
type copyJob struct {
	Evidence string `json:"evidence"`
}

func (copyJob) Kind() string { return "desk.evidence" }

// Wanted is evidence that a report asks for.
type Wanted struct {
	Case    string
	Report  string
	Subject platform.Subject
	Told    cases.Told
	// Media is false if the case is reported for a reason of child safety: then no picture is
	// copied, and what is still to be copied for the case leaves pictures out.
	Media bool
	// First says that the same change opens the case, so that it has no evidence yet.
	First bool
	// Asked says that the same change has asked for evidence of the case already.
	Asked bool
}

// Keep acknowledges evidence in the transaction of its reports, and has it copied. A case
// whose evidence is still to be copied, or was copied just now, needs no other copy: a thousand
// reports in a minute ask the platform once.
func (d *Evidence) Keep(t *kernel.Tx, all ...Wanted) error {
	var asked []store.Evidence
	for _, w := range all {
		wanted, err := d.wanted(t, w)
		if err != nil {
			return err
		}
		media := store.CopyMedia
		if !w.Media {
			media = store.NoMedia
		}
		if wanted {
			asked = append(asked, d.asked(t, w, media))
		}
	}
	return d.ask(t, asked...)
}

// wanted reports whether the evidence that a report asks for is to be copied, and stops the
// copying of media where the report says so.
func (d *Evidence) wanted(t *kernel.Tx, w Wanted) (bool, error) {
	if !w.Media && (w.Asked || !w.First) {
		t.StopMedia(w.Case)
	}
	if w.Asked || w.First {
		return !w.Asked, nil
	}
	newest, err := t.NewestEvidence(w.Case, 1)
	return len(newest) == 0 || newest[0].State != cases.EvidencePending && t.Now().Sub(newest[0].Copied.Time) >= d.c.Fresh, err
}

func (d *Evidence) asked(t *kernel.Tx, w Wanted, media store.Media) store.Evidence {
	return store.Evidence{ID: d.desk.IDs.New(cases.EvidencePrefix), Case: w.Case, Report: w.Report, Subject: platform.Subject{Platform: w.Subject.Platform, ID: w.Subject.ID},
		State: cases.EvidencePending, Media: media, Told: w.Told, At: t.Now()}
}

func (d *Evidence) ask(t *kernel.Tx, all ...store.Evidence) error {
	work := map[string]copyJob{}
	for _, e := range all {
		work[e.ID] = copyJob{e.ID}
	}
	t.InsertEvidence(all...)
	return jobs.EnqueueNew(t.Tx.Tx, t.Now(), work)
}

// Unedited refuses to go on with a case whose subject shows something else now than what the
// desk has copied of it. What it shows now is copied anew, which is news for the case. If there
// is no copy to compare with, or the platform does not answer, nobody can tell, and the work goes on.
// So it does when the subject is edited again and again: its author keeps nobody from deciding on
// what was shown.
func (d *Evidence) Unedited(ctx context.Context, c cases.Case) error {
	if c.Look != "" { // it shows what was there when it was decided first
		return nil
	}
	var newest []store.Evidence
	if err := d.desk.Store.ReadOne(ctx, func(stx *store.Tx) (err error) {
		newest, err = stx.NewestEvidence(c.ID, maxEdits+1)
		return err
	}); err != nil || len(newest) > maxEdits && d.desk.Now().Sub(newest[maxEdits].At.Time) < time.Hour {
		return err
	}
	copied := slices.IndexFunc(newest, func(e store.Evidence) bool { return e.State == cases.EvidenceCopied && !e.Content.IsZero() })
	if copied < 0 {
		return nil
	}
	now, err := d.desk.Executor.Evidence(ctx, newest[copied].Subject)
	if err != nil || cases.ContentDigest(now) == newest[copied].Content {
		return nil
	}
	if err := d.desk.TryChange(ctx, func(*proof.State) (func(*kernel.Tx) error, error) {
		return func(t *kernel.Tx) error {
			last, err := t.NewestEvidence(c.ID, 1)
			if err != nil || len(last) == 0 || last[0].ID != newest[copied].ID {
				return err // it is copied anew already
			}
			return d.ask(t, d.asked(t, Wanted{Case: c.ID, Subject: c.Subject}, mediaOf(c)))
		}, nil
	}); err != nil {
		return err
	}
	return fault.New(fault.Conflict, "content-edited", "What %s shows was edited since it was shown to you. The desk copies it anew; look at it in a moment, and decide again: `countersign case show %s`.", c.Subject, c.ID)
}

// maxEdits is how many edits within an hour keep a decision waiting.
const maxEdits = 3

// mediaOf says what becomes of the media of a case's subject.
func mediaOf(c cases.Case) store.Media {
	if c.ChildSafety() {
		return store.NoMedia
	}
	return store.CopyMedia
}

// copy copies one evidence, as far as it was not copied before.
func (d *Evidence) copy(ctx context.Context, id string) error {
	e, err := d.row(ctx, id)
	if err != nil || e.State != cases.EvidencePending {
		return err
	}
	shown, why, err := d.read(ctx, e)
	if err != nil {
		return err
	}
	d.desk.Step(StepEvidenceRead)
	if shown != nil {
		if err := d.copyPictures(ctx, e, *shown); err != nil {
			return err
		}
	}
	if d.c.Look != nil && shown != nil {
		// Before the end: if the desk dies here, the next attempt looks again.
		if err := d.c.Look(ctx, e.Case); err != nil {
			d.desk.Logger.WarnContext(ctx, "the state of a reported subject is not read; it is read when somebody looks at its case", "case", e.Case, "error", err)
		}
	}
	if err := d.finish(ctx, e.ID, shown, why); err != nil {
		return err
	}
	d.desk.Step(StepEvidenceCopied)
	return nil
}

func (d *Evidence) row(ctx context.Context, id string) (e store.Evidence, err error) {
	err = d.desk.Store.ReadOne(ctx, func(stx *store.Tx) error {
		e, err = stx.Evidence(id)
		return err
	})
	return e, err
}

// read returns what the subject shows: as it was read before, or as the executor reads it now. If
// nobody can read it any more, why is the stable type of the reason.
func (d *Evidence) read(ctx context.Context, e store.Evidence) (shown *platform.Evidence, why string, err error) {
	if !e.Read.IsZero() {
		shown = &platform.Evidence{}
		err = d.desk.Store.ReadOne(ctx, func(stx *store.Tx) error {
			b, err := stx.EvidenceText(e.Read)
			if err != nil {
				return err
			}
			return canonical.Unmarshal(b, shown)
		})
		return shown, "", err
	}
	now, err := d.desk.Executor.Evidence(ctx, e.Subject)
	if err == nil && len(now.Pictures) == 0 {
		return &now, "", nil // the document is next, and holds all of it
	}
	if err != nil {
		if d.lost(e, err) {
			return nil, fault.TypeOf(err), nil
		}
		return nil, "", err
	}
	b, err := canonical.Marshal(now)
	if err != nil {
		return nil, "", jobs.GiveUp(fmt.Errorf("write what %s shows: %w", e.Subject, err))
	}
	err = d.desk.Store.Write(ctx, func(stx *store.Tx) error {
		stx.KeepEvidenceText(canonical.Sum(b), b)
		stx.ReadEvidence(e.ID, canonical.Sum(b))
		return nil
	})
	return &now, "", err
}

// lost reports whether an error of a platform is an answer that another attempt does not
// change: the subject is gone, or the platform tells nobody. A platform that did not answer for
// all of the patience counts as lost too.
func (d *Evidence) lost(e store.Evidence, err error) bool {
	switch kind := fault.KindOf(err); {
	case fault.Is(err, "no-such-subject"), fault.Is(err, "no-such-picture"), fault.Is(err, "not-offered"):
		return true
	case kind == fault.Invalid, kind == fault.TooLarge:
		return true
	}
	return d.desk.Now().Sub(e.At.Time) > d.c.Patience
}

// copyPictures commits what becomes of each picture. One that cannot be read now does not hold
// up the others.
func (d *Evidence) copyPictures(ctx context.Context, e store.Evidence, shown platform.Evidence) error {
	var done []store.EvidencePicture
	err := d.desk.Store.ReadOne(ctx, func(stx *store.Tx) (err error) {
		done, err = stx.EvidencePictures(e.ID)
		return err
	})
	if err != nil {
		return err
	}
	known := map[int64]bool{}
	for _, p := range done {
		known[p.N] = true
	}
	var failed error
	for i, p := range shown.Pictures {
		n := int64(i) + 1
		if known[n] {
			continue
		}
		if err := d.copyPicture(ctx, e.ID, n, p); err != nil {
			failed = err
			continue
		}
		d.desk.Step(StepEvidencePicture)
	}
	return failed
}

// copyPicture copies one picture and commits what became of it.
func (d *Evidence) copyPicture(ctx context.Context, id string, n int64, p platform.Picture) error {
	e, err := d.row(ctx, id) // a report for child safety may have come in the meantime
	if err != nil {
		return err
	}
	outcome := cases.EvidencePicture{Name: p.Name, Digest: p.SHA256, Told: !p.SHA256.IsZero()}
	var bytes []byte
	if e.Media != store.NoMedia {
		if outcome, bytes, err = d.fetch(ctx, e, p); err != nil {
			return err
		}
	}
	return d.desk.TryChange(ctx, func(s *proof.State) (func(*kernel.Tx) error, error) {
		list, matched, err := d.match(ctx, s, outcome.Digest)
		if err != nil {
			return nil, err
		}
		tell, err := d.tellMatched(ctx, s)
		if err != nil {
			return nil, err
		}
		return func(t *kernel.Tx) error {
			now, err := t.EvidenceLocked(id)
			if err != nil || now.State != cases.EvidencePending {
				return err
			}
			// A list that came into force since is compared again.
			if next, err := t.NextGovernance(); err != nil || next != s.Next {
				return errOr(err, ledger.ErrMoved)
			}
			became := outcome
			switch {
			case matched:
				became = cases.EvidencePicture{Name: p.Name, Digest: outcome.Digest, Told: outcome.Told, Other: outcome.Other, Size: outcome.Size, State: cases.PictureMatched, List: list}
				gone := store.Picture{Digest: became.Digest, State: cases.PictureMatched, Size: became.Size, List: list, At: t.Now(), Removed: t.Now()}
				if _, err := t.RemovePicture(gone); err != nil {
					return err
				}
			case now.Media == store.NoMedia:
				became = cases.EvidencePicture{Name: p.Name, Digest: p.SHA256, Told: !p.SHA256.IsZero(), State: cases.PictureWithheld}
			case became.State == cases.PictureKept && !became.Told:
				kept, err := t.KeepPicture(store.Picture{Digest: became.Digest, State: cases.PictureKept, Format: became.Format, Size: became.Size, At: t.Now()}, bytes)
				if err != nil {
					return err
				}
				became.State, became.List = kept.State, kept.List
			}
			if became.State == "" { // it was on a list until just now
				return fault.New(fault.Unavailable, "busy", "The hash lists kept changing while a picture was copied.")
			}
			t.SaveEvidencePicture(store.EvidencePicture{Evidence: id, N: n, EvidencePicture: became})
			if matched && now.Matched == "" {
				t.MatchEvidence(became.Digest, list)
				return tell(t, now, list)
			}
			return nil
		}, nil
	})
}

func errOr(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

func (d *Evidence) match(ctx context.Context, s *proof.State, digest canonical.Digest) (string, bool, error) {
	if d.c.Match == nil || digest.IsZero() {
		return "", false, nil
	}
	return d.c.Match(ctx, s, digest)
}

// tellMatched returns what tells of a picture that is on a list.
func (d *Evidence) tellMatched(ctx context.Context, s *proof.State) (func(*kernel.Tx, store.Evidence, string) error, error) {
	if d.c.Matched == nil {
		return func(*kernel.Tx, store.Evidence, string) error { return nil }, nil
	}
	return d.c.Matched(ctx, s)
}

// fetch reads a picture through the executor. It does not read the bytes of a picture that the
// desk has already, or that is on a list, by the digest that the platform tells.
func (d *Evidence) fetch(ctx context.Context, e store.Evidence, p platform.Picture) (out cases.EvidencePicture, bytes []byte, err error) {
	out = cases.EvidencePicture{Name: p.Name, Digest: p.SHA256, Told: !p.SHA256.IsZero()}
	if out.Told {
		s, err := d.desk.State(ctx)
		if err != nil {
			return out, nil, err
		}
		if _, matched, err := d.match(ctx, s, p.SHA256); err != nil || matched {
			return out, nil, err
		}
		var have store.Picture
		var ok bool
		err = d.desk.Store.ReadOne(ctx, func(stx *store.Tx) (err error) {
			have, ok, err = stx.Picture(p.SHA256)
			return err
		})
		if err != nil {
			return out, nil, err
		}
		if ok {
			out.State, out.List, out.Size, out.Format = have.State, have.List, have.Size, have.Format
			return out, nil, nil
		}
	}
	body, err := d.desk.Executor.Picture(ctx, e.Subject, p.Name)
	if err == nil {
		bytes, err = readPicture(body)
	}
	switch {
	case err == nil:
	case fault.KindOf(err) == fault.TooLarge:
		out.State = cases.PictureTooLarge
		return out, nil, nil
	case !d.lost(e, err):
		return out, nil, err
	case fault.KindOf(err) == fault.NotFound:
		out.State = cases.PictureGone
		return out, nil, nil
	default:
		out.State = cases.PictureUnread
		return out, nil, nil
	}
	out = cases.EvidencePicture{Name: p.Name, Digest: canonical.Sum(bytes), Size: int64(len(bytes)), State: cases.PictureKept}
	out.Other = !p.SHA256.IsZero() && p.SHA256 != out.Digest
	if e.Media == store.HashMedia {
		out.State = cases.PictureHashed
		return out, nil, nil
	}
	out.Format = cases.FormatOf(bytes)
	return out, bytes, nil
}

// readPicture reads a picture to its end. Whoever streams it bounds it too.
func readPicture(body io.ReadCloser) ([]byte, error) {
	defer body.Close()
	b, err := io.ReadAll(io.LimitReader(body, platform.MaxPicture+1))
	if err != nil {
		return nil, err
	}
	if len(b) > platform.MaxPicture {
		return nil, fault.New(fault.TooLarge, "picture-too-large", "The picture has more than %d bytes.", platform.MaxPicture)
	}
	return b, nil
}

// finish writes the document.
func (d *Evidence) finish(ctx context.Context, id string, shown *platform.Evidence, why string) error {
	return d.desk.TryChange(ctx, func(s *proof.State) (func(*kernel.Tx) error, error) {
		tell := func(*kernel.Tx, store.Evidence, cases.EvidenceDocument) error { return nil }
		if d.c.Copied != nil {
			var err error
			if tell, err = d.c.Copied(ctx, s); err != nil {
				return nil, err
			}
		}
		return func(t *kernel.Tx) error {
			e, err := t.EvidenceLocked(id)
			if err != nil || e.State != cases.EvidencePending {
				return err
			}
			pictures, err := t.EvidencePictures(id)
			if err != nil {
				return err
			}
			before, err := t.EvidenceBefore(e)
			if err != nil {
				return err
			}
			doc := cases.EvidenceDocument{At: t.Now(), ID: e.ID, Read: shown, Report: e.Report, Reported: e.At, Subject: e.Subject, Told: e.Told, Why: why}
			e.State, e.Why, e.Copied = cases.EvidenceGone, why, t.Now()
			if shown != nil {
				e.State, doc.Subject = cases.EvidenceCopied, shown.Subject
			}
			for _, p := range pictures {
				doc.Pictures = append(doc.Pictures, p.EvidencePicture)
			}
			doc = doc.Complete(before)
			b, digest, err := doc.Bytes()
			if err != nil {
				return err
			}
			e.Document, e.Content, e.Thread = digest, doc.Content, doc.Thread
			t.KeepEvidenceText(digest, b)
			t.FinishEvidence(e)
			return tell(t, e, doc)
		}, nil
	})
}

// Kept is an evidence of a case, for somebody who may read the case.
type Kept struct {
	store.Evidence
	Shown *cases.EvidenceDocument // nil while it is pending
}

// maxKept is the largest number of evidences of a case that are read at once.
const maxKept = 20

// EvidenceOf returns the newest evidences of a case that the caller may read, newest first.
func (d *Evidence) EvidenceOf(ctx context.Context, by kernel.Caller, caseID string) ([]Kept, error) {
	_, _, c, err := d.c.Load(ctx, by, caseID)
	if err != nil {
		return nil, err
	}
	var kept []Kept
	if err := d.desk.Store.Read(ctx, func(stx *store.Tx) (err error) {
		kept, err = KeptIn(stx, caseID)
		return err
	}); err != nil {
		return nil, err
	}
	if err := d.keepOpened(ctx, by, c, SawByEvidence); err != nil {
		return nil, err
	}
	return kept, nil
}

// keepOpened keeps that somebody gets to see a case.
func (d *Evidence) keepOpened(ctx context.Context, by kernel.Caller, c cases.Case, how How) error {
	return d.desk.Store.Write(ctx, func(stx *store.Tx) error { return d.c.Opened(stx, by, c, how) })
}

// KeptIn returns the newest evidences of a case, newest first.
func KeptIn(stx *store.Tx, caseID string) (kept []Kept, err error) {
	all, err := stx.NewestEvidence(caseID, maxKept)
	if err != nil {
		return nil, err
	}
	for _, e := range all {
		k := Kept{Evidence: e}
		if !e.Document.IsZero() {
			b, err := stx.EvidenceText(e.Document)
			if err != nil {
				return nil, err
			}
			doc, err := cases.ParseEvidence(b)
			if err != nil {
				return nil, fmt.Errorf("evidence %s: %w", e.ID, err)
			}
			k.Shown = &doc
		}
		kept = append(kept, k)
	}
	return kept, nil
}

// EvidenceDocument returns the bytes of a document of evidence of a case, which its digest names.
func (d *Evidence) EvidenceDocument(ctx context.Context, by kernel.Caller, caseID string, digest canonical.Digest) (b []byte, err error) {
	_, _, c, err := d.c.Load(ctx, by, caseID)
	if err != nil {
		return nil, err
	}
	if err := d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		e, err := stx.EvidenceOfDocument(caseID, digest)
		if err != nil {
			return err
		}
		b, err = stx.EvidenceText(e.Document)
		return err
	}); err != nil {
		return nil, err
	}
	if err := d.keepOpened(ctx, by, c, SawByEvidence); err != nil {
		return nil, err
	}
	return b, nil
}

// EvidenceNow reads what the subject of a case shows now, through the executor, for somebody
// who may read the case. Nothing of it is kept.
func (d *Evidence) EvidenceNow(ctx context.Context, by kernel.Caller, caseID string) (platform.Evidence, error) {
	_, _, c, err := d.c.Load(ctx, by, caseID)
	if err != nil {
		return platform.Evidence{}, err
	}
	now, err := d.showsNow(ctx, c)
	if err != nil {
		return platform.Evidence{}, err
	}
	if err := d.keepOpened(ctx, by, c, SawByNow); err != nil {
		return platform.Evidence{}, err
	}
	return now, nil
}

// showsNow returns what the subject of a case shows now, or what stands in the place of that.
func (d *Evidence) showsNow(ctx context.Context, c cases.Case) (platform.Evidence, error) {
	if d.c.Kept != nil {
		if e, ok, err := d.c.Kept(ctx, c); ok || err != nil {
			return e, err
		}
	}
	return d.desk.Executor.Evidence(ctx, platform.Subject{Platform: c.Subject.Platform, ID: c.Subject.ID})
}

// Media says what the copying of an evidence does with pictures.
type Media = store.Media

// PictureFile is a kept picture, as it is handed out.
type PictureFile struct {
	store.Picture
	Bytes []byte
}

// maxWhy is the most bytes of a reason for looking at a picture, or for removing one.
const maxWhy = 1000

// reason checks a reason that a worker gives.
func reason(s string) error {
	if strings.TrimSpace(s) == "" || len(s) > maxWhy || !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return fault.New(fault.Invalid, "bad-reason", "Say why in a line of 1 to %d bytes.", maxWhy)
	}
	return nil
}

// OpenPicture lifts the veil from a picture of a case: it writes down who looks at it, on which
// case and why, and then hands it out.
func (d *Evidence) OpenPicture(ctx context.Context, by kernel.Caller, caseID string, digest canonical.Digest, why string) (PictureFile, error) {
	if err := reason(why); err != nil {
		return PictureFile{}, err
	}
	var file PictureFile
	err := d.desk.Change(ctx, by, "open a picture", func(s *proof.State) (func(*kernel.Tx) error, error) {
		p, c, err := d.picture(ctx, by, caseID, digest, SeeMedia)
		if err != nil {
			return nil, err
		}
		switch p.State {
		case cases.PictureMatched:
			return nil, fault.New(fault.Conflict, "picture-removed", "The picture is on the hash list %q: the desk does not keep its bytes.", p.List)
		case cases.PictureRemoved:
			return nil, fault.New(fault.Conflict, "picture-removed", "%s had the bytes of the picture removed at %s.", upper(string(named(s, s.People.Standing(by.Worker, d.desk.Now()), p.Worker))), p.Removed)
		}
		file.Picture = p
		return func(t *kernel.Tx) error {
			t.OpenPicture(store.PictureOpening{ID: d.desk.IDs.New("opn"), Digest: digest, Case: caseID, Worker: by.Worker, Reason: why, Time: t.Now()})
			return d.c.Opened(t.Tx, by, c, SawByPicture)
		}, nil
	})
	if err != nil {
		return PictureFile{}, err
	}
	err = d.desk.Store.Read(ctx, func(stx *store.Tx) (err error) {
		file.Bytes, err = stx.PictureBytes(digest)
		return err
	})
	return file, err
}

// picture returns the row of a picture in the evidence of a case that the caller may use so.
func (d *Evidence) picture(ctx context.Context, by kernel.Caller, caseID string, digest canonical.Digest, use MediaUse) (p store.Picture, c cases.Case, err error) {
	s, st, c, err := d.c.Load(ctx, by, caseID)
	if err != nil {
		return p, c, err
	}
	if err := d.c.MaySee(s, st, c, use); err != nil {
		return p, c, err
	}
	err = d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		of, err := stx.PictureOf(caseID, digest)
		if err != nil {
			return err
		}
		var ok bool
		if of {
			p, ok, err = stx.Picture(digest)
		}
		if err == nil && !ok {
			err = fault.New(fault.NotFound, "no-such-picture", "The desk has no such picture on the case %s.", caseID)
		}
		return err
	})
	return p, c, err
}

// RemovePicture removes the bytes of a picture of a case, by the signed press of somebody who
// may. The digest, where it was found, and when it was removed stay. The bytes never come in
// again.
func (d *Evidence) RemovePicture(ctx context.Context, by kernel.Caller, caseID string, digest canonical.Digest, why string, deed actions.SaltedDeed) (store.Picture, error) {
	var removed store.Picture
	err := d.desk.Change(ctx, by, "remove a picture", func(s *proof.State) (func(*kernel.Tx) error, error) {
		p, _, err := d.picture(ctx, by, caseID, digest, RemoveMedia)
		if err != nil {
			return nil, err
		}
		if p.State != cases.PictureKept {
			return nil, fault.New(fault.Conflict, "picture-removed", "The desk does not keep the bytes of this picture any more.")
		}
		sealed, err := d.deed(ctx, s, by, deed, actions.Deed{What: actions.DeedRemoveEvidence, Of: digest.String()}, why)
		if err != nil {
			return nil, err
		}
		may := func(*kernel.Tx) error { return nil }
		if d.c.Removes != nil {
			if may, err = d.c.Removes(ctx, s, by, caseID); err != nil {
				return nil, err
			}
		}
		removed = p
		removed.State, removed.Deed, removed.Worker = cases.PictureRemoved, deed.Deed.Digest(), by.Worker
		return func(t *kernel.Tx) error {
			if err := may(t); err != nil {
				return err
			}
			removed.Removed = t.Now()
			had, err := t.RemovePicture(removed)
			if err != nil {
				return err
			}
			if !had {
				return fault.New(fault.Conflict, "picture-removed", "The desk does not keep the bytes of this picture any more.")
			}
			return d.once(t, deed, cases.DeedData{Case: caseID, Deed: deed.SignedDeed(), Digest: digest}, sealed)
		}, nil
	})
	return removed, err
}

// ReleaseMedia has the media of a case copied, or only their digests taken, although a reason of
// child safety stopped the copying: a trained specialist says so by a signed press. What the
// subject shows is read anew, as evidence of its own.
func (d *Evidence) ReleaseMedia(ctx context.Context, by kernel.Caller, caseID string, media store.Media, why string, deed actions.SaltedDeed) error {
	what := actions.DeedCopyEvidence
	switch media {
	case store.CopyMedia:
	case store.HashMedia:
		what = actions.DeedHashEvidence
	default:
		return fault.New(fault.Invalid, "bad-media", "Say copy or hash.")
	}
	return d.desk.Change(ctx, by, "release media", func(s *proof.State) (func(*kernel.Tx) error, error) {
		_, st, c, err := d.c.Load(ctx, by, caseID)
		if err != nil {
			return nil, err
		}
		if err := d.c.MaySee(s, st, c, ReleaseMedia); err != nil {
			return nil, err
		}
		sealed, err := d.deed(ctx, s, by, deed, actions.Deed{What: what, Of: caseID, Version: c.Version}, why)
		if err != nil {
			return nil, err
		}
		return func(t *kernel.Tx) error {
			now, err := t.CaseLocked(caseID)
			if err != nil {
				return err
			}
			if now.State == cases.Merged {
				return fault.New(fault.Conflict, "case-merged", "The case %s was merged into %s. Say there what becomes of the media.", now.ID, now.Into)
			}
			if now.Look == "" { // a copy shows nothing newer
				if err := d.ask(t, d.asked(t, Wanted{Case: caseID, Subject: now.Subject}, media)); err != nil {
					return err
				}
			}
			t.MeetClock(caseID, store.MediaClock, t.Now())
			now.Version++
			now.Updated = t.Now()
			t.SaveCase(now)
			t.InsertMove(store.Move{Case: caseID, Version: now.Version, Move: "media", Worker: by.Worker, Time: t.Now(), Detail: canonical.MustMarshal(map[string]any{"deed": deed.Deed.Digest(), "media": media})})
			t.Signal(caseSignal(caseID))
			return d.once(t, deed, cases.DeedData{Case: caseID, Deed: deed.SignedDeed()}, sealed)
		}, nil
	})
}

// deed checks that a deed is the caller's own, was signed lately, and says exactly this. It
// returns the opening that seals its text.
func (d *Evidence) deed(ctx context.Context, s *proof.State, by kernel.Caller, signed actions.SaltedDeed, want actions.Deed, text string) (ledger.Opening, error) {
	if err := reason(text); err != nil {
		return ledger.Opening{}, err
	}
	o := proof.Sealing(want.What, text, signed.Salt)
	if err := d.desk.HandedIn(by, signed.Signed); err != nil {
		return o, err
	}
	commitment, err := o.Commitment()
	if err != nil || !signed.Deed.Says(want) || signed.Deed.Text != commitment || signed.Deed.Version > want.Version {
		return o, fault.New(fault.Forbidden, "bad-deed", "The deed that %s signed is not the one that is handed in here.", by.Worker)
	}
	return o, d.desk.MayDo(ctx, s, signed.SignedDeed())
}

// once records a deed, which is valid once.
func (d *Evidence) once(t *kernel.Tx, deed actions.SaltedDeed, data any, sealed ledger.Opening) error {
	digest := deed.Deed.Digest()
	id := hex.EncodeToString(digest[:])
	if _, err := t.Document(ledger.DeedDocument, id); err == nil {
		return fault.New(fault.Conflict, "deed-done", "This deed was done already; a deed is valid once.")
	} else if fault.KindOf(err) != fault.NotFound {
		return err
	}
	t.Record(ledger.DocumentDraft{Sort: ledger.DeedDocument, ID: id, Data: data, Sealed: []ledger.Opening{sealed}})
	return nil
}

// watchHashes compares all kept pictures with each new set of hash lists, until ctx ends.
func (d *Evidence) watchHashes(ctx context.Context) {
	tick := time.NewTicker(d.c.SweepEvery)
	defer tick.Stop()
	for {
		if err := d.SweepHashes(ctx); err != nil && ctx.Err() == nil {
			d.desk.Logger.ErrorContext(ctx, "kept pictures are not compared with the hash lists", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// hashPage is the number of pictures that are compared between two looks at the clock.
const hashPage = 1000

// SweepHashes compares all kept pictures with the hash lists in force, if that was not done with
// these lists before, and removes the bytes of those that are on one.
func (d *Evidence) SweepHashes(ctx context.Context) error {
	s, err := d.desk.State(ctx)
	if err != nil || d.c.Match == nil {
		return err
	}
	var lists, swept canonical.Digest
	if len(s.Hashes) > 0 {
		lists = canonical.DigestOf(s.Hashes)
	}
	if err := d.desk.Store.ReadOne(ctx, func(stx *store.Tx) error {
		swept, err = stx.Swept()
		return err
	}); err != nil || swept == lists {
		return err
	}
	for after := (canonical.Digest{}); ; {
		var page []canonical.Digest
		if err := d.desk.Store.ReadOne(ctx, func(stx *store.Tx) error {
			page, err = stx.KeptPictures(after, hashPage)
			return err
		}); err != nil {
			return err
		}
		for _, digest := range page {
			list, matched, err := d.match(ctx, s, digest)
			if err == nil && matched {
				err = d.removeMatched(ctx, digest, list)
			}
			if err != nil {
				return err
			}
			after = digest
		}
		if len(page) < hashPage {
			break
		}
	}
	return d.desk.Store.Write(ctx, func(stx *store.Tx) error {
		stx.SetSwept(lists, stx.Now())
		return nil
	})
}

// maxMatched is the number of evidences that one matching picture tells of; older ones have the
// mark only.
const maxMatched = 1000

// removeMatched removes the bytes of a picture that is on a list, and tells of it once for each
// evidence that has the picture.
func (d *Evidence) removeMatched(ctx context.Context, digest canonical.Digest, list string) error {
	return d.desk.TryChange(ctx, func(s *proof.State) (func(*kernel.Tx) error, error) {
		tell, err := d.tellMatched(ctx, s)
		if err != nil {
			return nil, err
		}
		return func(t *kernel.Tx) error {
			had, err := t.RemovePicture(store.Picture{Digest: digest, State: cases.PictureMatched, List: list, At: t.Now(), Removed: t.Now()})
			if err != nil || !had {
				return err
			}
			with, err := t.EvidencesWith(digest, maxMatched)
			if err != nil {
				return err
			}
			t.MatchEvidence(digest, list)
			for _, e := range with {
				if e.Matched == "" {
					if err := tell(t, e, list); err != nil {
						return err
					}
				}
			}
			return nil
		}, nil
	})
}
