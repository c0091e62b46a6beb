package desk_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"image"
	"image/png"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/desktest"
	"countersign.dev/executor/executortest"
	"countersign.dev/fault"
	"countersign.dev/platform"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// scene is a desk whose platform shows what a test says, and a program that reports.
type scene struct {
	*desktest.Town
	t       *testing.T
	p       *executortest.Platform
	program desk.ProgramCaller
	n       int

	mu    sync.Mutex
	reads []string // what was asked of the platform: subject, and the name of a picture
}

const posted = "post/1"

func newScene(t *testing.T, o desktest.Options) *scene {
	t.Helper()
	sc := &scene{t: t, p: executortest.NewPlatform(time.Now)}
	sc.p.Account("acct/3", 12, "")
	sc.p.Post(posted, "acct/3")
	sc.p.BeforeEvidence(sc.note)
	o.Platform = sc.p
	sc.Town = desktest.NewTown(t, o)
	sc.OpenCasework()
	sc.program = sc.AdmitProgram("square", "ann", cases.SourcePerson)
	return sc
}

func (sc *scene) note(id, picture string) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	sc.reads = append(sc.reads, strings.TrimSpace(id+" "+picture))
}

// asked returns what was asked of the platform, and forgets it.
func (sc *scene) asked() []string {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	reads := sc.reads
	sc.reads = nil
	return reads
}

// report hands in a report of the post, and returns its case.
func (sc *scene) report(reason, told string) cases.Case {
	sc.t.Helper()
	sc.n++
	got, err := sc.TakeReports(sc.t.Context(), sc.program, []cases.Report{{ExternalID: fmt.Sprint("r", sc.n), Subject: platform.Subject{Platform: "plaza", ID: posted}, Reason: reason,
		Text: "Look at this.", Scores: []cases.Score{}, Evidence: cases.Told{Text: told, Language: "en"}}})
	if err == nil {
		err = got[0].Err
	}
	if err != nil {
		sc.t.Fatal(err)
	}
	return got[0].Case
}

// kept waits until all evidence of a case is copied, and returns it, newest first.
func (sc *scene) kept(c cases.Case) (all []casework.Kept) {
	sc.t.Helper()
	desktest.Until(sc.t, "the evidence is copied", func() bool {
		var err error
		if all, err = sc.EvidenceOf(sc.t.Context(), desktest.As("kim"), c.ID); err != nil {
			sc.t.Fatal(err)
		}
		return len(all) > 0 && !slices.ContainsFunc(all, func(k casework.Kept) bool { return k.State == cases.EvidencePending })
	})
	for _, k := range all {
		b, digest, err := k.Shown.Bytes()
		if err != nil || digest != k.Document || canonical.Check(b) != nil {
			sc.t.Errorf("the document of %s: %v, %v", k.ID, err, canonical.Check(b))
		}
		sc.intact(k.Evidence)
	}
	return all
}

// intact demands that the bytes are those that the digests name.
func (sc *scene) intact(e store.Evidence) {
	sc.t.Helper()
	if err := sc.Store.Read(sc.t.Context(), func(tx *store.Tx) error {
		problems, err := tx.CheckEvidence(e)
		for _, p := range problems {
			sc.t.Errorf("%s: %s", p.Evidence, p.Text)
		}
		return err
	}); err != nil {
		sc.t.Fatal(err)
	}
}

// row returns a case as it is stored now.
func (sc *scene) row(id string) (c cases.Case) {
	sc.t.Helper()
	if err := sc.Store.Read(sc.t.Context(), func(tx *store.Tx) (err error) {
		c, err = tx.Case(id)
		return err
	}); err != nil {
		sc.t.Fatal(err)
	}
	return c
}

func (sc *scene) picture(digest canonical.Digest) (p store.Picture, parts int) {
	sc.t.Helper()
	if err := sc.Store.Read(sc.t.Context(), func(tx *store.Tx) (err error) {
		if p, _, err = tx.Picture(digest); err != nil {
			return err
		}
		return tx.QueryRow(`select count(*) from picture_part where digest = $1`, digest.String()).Scan(&parts)
	}); err != nil {
		sc.t.Fatal(err)
	}
	return p, parts
}

func pngOf(t *testing.T, side int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, side, side))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// bomb is a PNG of a few bytes that says that it has 50,000 pixels on each side.
func bomb(t *testing.T) []byte {
	t.Helper()
	b := pngOf(t, 1)
	copy(b[16:], []byte{0, 0, 0xc3, 0x50, 0, 0, 0xc3, 0x50})
	binary.BigEndian.PutUint32(b[29:], crc32.ChecksumIEEE(b[12:29]))
	return b
}

// shows is a post with a thread and pictures; told gives the platform's word on their digests.
func shows(text string, pictures map[string][]byte, told bool) platform.Evidence {
	e := platform.Evidence{Text: platform.Text{Text: text}, Language: "de", Author: platform.Profile{ID: "acct/3", Handle: "@3", Name: "Three", Bio: platform.Text{Text: "I sell."}},
		Thread: []platform.Post{{ID: "post/0", Author: platform.Profile{ID: "acct/9"}, Text: platform.Text{Text: "What is on offer?"}}, {ID: posted, Answers: "post/0", Text: platform.Text{Text: text}, Subject: true}}}
	var names []string
	for name := range pictures {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		p := platform.Picture{Name: name, Type: "image/png", Bytes: int64(len(pictures[name])), Alt: platform.Text{Text: "alt of " + name}}
		if told {
			p.SHA256 = canonical.Sum(pictures[name])
		}
		e.Pictures = append(e.Pictures, p)
	}
	return e
}

// hostile is a stranger's text: HTML, text that turns around, characters of no width, NUL, and a
// great many emoji. It is over the bound.
var hostile = "<script>alert(1)</script> \u202eevil\u202c \u200b\u2066 \x00\x1b[31m e\u0301 " + strings.Repeat("🙂", 1_000_000)

// TestEvidence: what a subject showed is copied as it came, and kept under its digest; what was
// told is apart; pictures are what their bytes say.
func TestEvidence(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		sc := newScene(t, o)
		pictures := map[string][]byte{"1": pngOf(t, 64), "2": []byte("<html><script>alert(1)</script>"), "3": bomb(t), "4": bytes.Repeat([]byte{7}, platform.MaxPicture+1), "5": bytes.Repeat([]byte("webp"), 800_000)}
		sc.p.Show(posted, shows(hostile, pictures, false), pictures)
		c := sc.report("spam", "buy\u202e\x00")
		k := sc.kept(c)[0]
		doc := k.Shown
		if k.State != cases.EvidenceCopied || doc.Told != (cases.Told{Text: "buy\u202e\x00", Language: "en"}) || doc.Subject.ID != posted || doc.Report == "" || doc.Why != "" {
			t.Errorf("%+v", doc)
		}
		if want := platform.Cut(hostile, platform.MaxText); doc.Read.Text != want || !want.Cut || !strings.HasPrefix(hostile, want.Text) {
			t.Errorf("the text is not as it came: %d bytes, cut %t", len(doc.Read.Text.Text), doc.Read.Text.Cut)
		}
		if doc.Read.Author.Name != "Three" || len(doc.Read.Thread) != 2 || doc.Read.Thread[0].Text.Text != "What is on offer?" {
			t.Errorf("%+v", doc.Read)
		}
		for i, want := range []struct {
			state cases.PictureState
			typ   string
			shown bool
		}{{cases.PictureKept, "image/png", true}, {cases.PictureKept, "", false}, {cases.PictureKept, "image/png", false}, {cases.PictureTooLarge, "", false}, {cases.PictureKept, "", false}} {
			p, name := doc.Pictures[i], fmt.Sprint(i+1)
			if p.Name != name || p.State != want.state || p.Format.Type != want.typ || p.Format.Shown != want.shown || p.Told {
				t.Errorf("picture %s: %+v", name, p)
			}
			if p.State != cases.PictureKept {
				continue
			}
			if p.Digest != canonical.Sum(pictures[name]) || p.Size != int64(len(pictures[name])) {
				t.Errorf("picture %s: %+v", name, p)
			}
			file, err := sc.OpenPicture(t.Context(), desktest.As("kim"), c.ID, p.Digest, "to judge it")
			if err != nil || !bytes.Equal(file.Bytes, pictures[name]) {
				t.Errorf("picture %s: %d bytes, %v", name, len(file.Bytes), err)
			}
		}
		if got := sc.row(c.ID); got.Language != "de" || got.Owner != "acct/3" || got.Of != platform.Content || got.Version <= c.Version {
			t.Errorf("the case does not know what was read: %+v", got)
		}

		// The document is found by its digest, on its case only.
		if b, err := sc.EvidenceDocument(t.Context(), desktest.As("kim"), c.ID, k.Document); err != nil || canonical.Sum(b) != k.Document {
			t.Errorf("%d bytes, %v", len(b), err)
		}
		if _, err := sc.EvidenceDocument(t.Context(), desktest.As("kim"), "cas_other", k.Document); fault.KindOf(err) != fault.NotFound {
			t.Errorf("on another case: %v", err)
		}

		// More reports at once ask the platform for nothing; later ones see what was changed.
		sc.asked()
		for range 20 {
			sc.report("spam", "buy")
		}
		if got := sc.kept(c); len(got) != 1 || len(sc.asked()) != 0 {
			t.Errorf("%d copies for reports that came at once", len(got))
		}
		sc.Clock().Advance(2 * time.Minute)
		sc.p.Show(posted, shows("nothing to see", map[string][]byte{"1": pictures["1"]}, true), nil)
		sc.report("spam", "buy")
		all := sc.kept(c)
		if len(all) != 2 || all[0].Shown.Changed.Before != all[1].Content || all[0].Content == all[1].Content || all[0].Thread != all[1].Thread ||
			all[0].Shown.Changed.Told != canonical.Sum([]byte("buy")) || all[0].Shown.Changed.Read != canonical.Sum([]byte("nothing to see")) {
			t.Errorf("an edited post: %+v", all[0].Shown.Changed)
		}
		// Bytes that are here are not read again.
		if p := all[0].Shown.Pictures[0]; !p.Told || p.State != cases.PictureKept || !p.Format.Shown || !slices.Equal(sc.asked(), []string{posted}) {
			t.Errorf("the same picture again: %+v", p)
		}
	})
}

// TestEvidenceGone: an abuser who deletes at once takes nothing away that was told, and a
// platform that does not answer is asked again.
func TestEvidenceGone(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		sc := newScene(t, o)
		sc.p.Show(posted, shows("deleted at once", nil, false), nil)
		sc.p.Gone(posted, true)
		c := sc.report("spam", "what stood there")
		k := sc.kept(c)[0]
		if k.State != cases.EvidenceGone || k.Shown.Why != "no-such-subject" || k.Shown.Read != nil || k.Shown.Told.Text != "what stood there" || k.Copied.IsZero() || !k.Content.IsZero() {
			t.Errorf("%+v %+v", k.Evidence, k.Shown)
		}
		sc.Clock().Advance(2 * time.Minute)
		sc.p.Gone(posted, false)
		sc.p.Away(true)
		sc.asked()
		sc.report("spam", "")
		desktest.Until(t, "the platform was asked", func() bool { return len(sc.asked()) > 0 })
		sc.p.Away(false)
		// The pause goes by the desk's clock.
		desktest.Until(t, "the platform is asked again", func() bool {
			sc.Clock().Advance(time.Second)
			all, err := sc.EvidenceOf(t.Context(), desktest.As("kim"), c.ID)
			return err == nil && all[0].State == cases.EvidenceCopied && all[0].Shown.Read.Text.Text == "deleted at once"
		})
	})
}

// TestEvidenceKilled: the process dies after one step of a copy, and another one goes on when the
// claim on the job has run out. What was read is not lost if the subject is deleted meanwhile,
// and each picture is read once.
func TestEvidenceKilled(t *testing.T) {
	steps := []string{casework.StepEvidenceRead, casework.StepEvidencePicture, casework.StepEvidencePicture, casework.StepEvidenceCopied}
	for at, last := range steps {
		for _, deleted := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d %s, deleted %t", at, last, deleted), func(t *testing.T) {
				var n atomic.Int64
				died := make(chan string, 1)
				sc := newScene(t, desktest.Options{Step: func(name string) {
					if slices.Contains(steps, name) && n.Add(1) == int64(at)+1 {
						died <- name
						runtime.Goexit() // the worker is gone, and its job is still claimed
					}
				}})
				pictures := map[string][]byte{"1": pngOf(t, 8), "2": pngOf(t, 9)}
				sc.p.Show(posted, shows("kept", pictures, false), pictures)
				c := sc.report("spam", "told")
				if name := <-died; name != last {
					t.Fatalf("it died after %q", name)
				}
				if deleted {
					sc.p.Gone(posted, true)
				}
				sc.Clock().Advance(5 * time.Minute) // its claim runs out
				k := sc.kept(c)[0]
				if k.State != cases.EvidenceCopied || k.Shown.Read.Text.Text != "kept" || len(k.Shown.Pictures) != 2 {
					t.Fatalf("%+v", k.Shown)
				}
				for i, p := range k.Shown.Pictures {
					want := cases.PictureKept
					if deleted && i >= at {
						want = cases.PictureGone
					}
					if p.State != want {
						t.Errorf("%+v; want %s", p, want)
					}
				}
				if asked, want := sc.asked(), []string{posted, posted + " 1", posted + " 2"}; !slices.Equal(asked, want) {
					t.Errorf("asked for %v", asked)
				}
			})
		}
	}
}

// TestChildSafety: a reason of child safety stops the copying of media, and of what is still to
// be copied; text and profile are kept. Only a specialist sees media, or has them copied.
func TestChildSafety(t *testing.T) {
	desktest.Both(t, func(t *testing.T, o desktest.Options) {
		sc := newScene(t, o)
		pictures := map[string][]byte{"1": pngOf(t, 8), "2": pngOf(t, 9)}
		sc.p.Show(posted, shows("text", pictures, true), pictures)

		// Filed as spam first: the report of child safety comes while the copy is under way.
		held, going := make(chan struct{}), make(chan struct{})
		var once sync.Once
		sc.p.BeforeEvidence(func(id, picture string) {
			sc.note(id, picture)
			if picture == "1" {
				once.Do(func() { close(going); <-held })
			}
		})
		c := sc.report("spam", "")
		<-going
		sc.report("ChildSafetyCSAM", "")
		close(held)
		k := sc.kept(c)[0]
		if k.Media != store.NoMedia || k.Shown.Read.Text.Text != "text" || k.Shown.Read.Author.Name != "Three" {
			t.Errorf("%+v", k)
		}
		for _, p := range k.Shown.Pictures {
			if p.State != cases.PictureWithheld || p.Digest != canonical.Sum(pictures[p.Name]) || !p.Told {
				t.Errorf("%+v", p)
			}
			if _, parts := sc.picture(p.Digest); parts != 0 {
				t.Errorf("bytes of the picture %s are kept", p.Name)
			}
		}
		if got := sc.asked(); slices.Contains(got, posted+" 2") {
			t.Errorf("asked for %v", got)
		}

		// Nobody else than a specialist has them copied, and only by a signed press.
		digest := canonical.Sum(pictures["1"])
		version := sc.row(c.ID).Version
		press := func(by workforce.WorkerID, what actions.DeedKind, of, text string) actions.SaltedDeed {
			return sc.Deed(by, actions.Deed{What: what, Of: of, Version: version}, text)
		}
		others := []workforce.WorkerID{"ann", "sue", "kim"} // an agent, and leads who are no specialists
		for _, by := range others {
			if err := sc.ReleaseMedia(t.Context(), desktest.As(by), c.ID, store.CopyMedia, "needed", press(by, actions.DeedCopyEvidence, c.ID, "needed")); !fault.Is(err, "media-withheld") {
				t.Errorf("%s: %v", by, err)
			}
		}
		if err := sc.ReleaseMedia(t.Context(), desktest.As("eva"), c.ID, store.HashMedia, "needed", press("eva", actions.DeedCopyEvidence, c.ID, "needed")); !fault.Is(err, "bad-deed") {
			t.Errorf("signed something else: %v", err)
		}
		only := press("eva", actions.DeedHashEvidence, c.ID, "digests will do")
		if err := sc.ReleaseMedia(t.Context(), desktest.As("eva"), c.ID, store.HashMedia, "digests will do", only); err != nil {
			t.Fatal(err)
		}
		if err := sc.ReleaseMedia(t.Context(), desktest.As("eva"), c.ID, store.HashMedia, "digests will do", only); !fault.Is(err, "deed-done") {
			t.Errorf("the same deed again: %v", err)
		}
		for _, p := range sc.kept(c)[0].Shown.Pictures {
			if p.State != cases.PictureHashed || p.Told || p.Digest != canonical.Sum(pictures[p.Name]) {
				t.Errorf("%+v", p)
			}
		}
		if _, parts := sc.picture(digest); parts != 0 {
			t.Error("bytes are kept where only digests were asked for")
		}
		version = sc.row(c.ID).Version
		if err := sc.ReleaseMedia(t.Context(), desktest.As("eva"), c.ID, store.CopyMedia, "needed", press("eva", actions.DeedCopyEvidence, c.ID, "needed")); err != nil {
			t.Fatal(err)
		}
		if p := sc.kept(c)[0].Shown.Pictures[0]; p.State != cases.PictureKept {
			t.Errorf("%+v", p)
		}
		for _, by := range others {
			if _, err := sc.OpenPicture(t.Context(), desktest.As(by), c.ID, digest, "curious"); !fault.Is(err, "media-withheld") || !strings.Contains(err.Error(), "case ask "+c.ID) {
				t.Errorf("%s looks: %v", by, err)
			}
			if _, err := sc.RemovePicture(t.Context(), desktest.As(by), c.ID, digest, "away", press(by, actions.DeedRemoveEvidence, digest.String(), "away")); !fault.Is(err, "media-withheld") {
				t.Errorf("%s removes: %v", by, err)
			}
		}
		if _, err := sc.OpenPicture(t.Context(), desktest.As("eva"), c.ID, digest, "to judge it"); err != nil {
			t.Error(err)
		}

		// An abuser who reports himself under child safety makes nothing vanish.
		sc.Clock().Advance(2 * time.Minute)
		sc.report("ChildSafetyCSAM", "")
		if all := sc.kept(c); len(all) != 4 || all[1].Shown.Pictures[0].State != cases.PictureKept {
			t.Errorf("%d evidences", len(all))
		}
		if p, parts := sc.picture(digest); p.State != cases.PictureKept || parts == 0 {
			t.Errorf("the picture that was kept is %s", p.State)
		}
	})
}

func listOf(digests ...canonical.Digest) string {
	var lines []string
	for _, d := range digests {
		lines = append(lines, hex.EncodeToString(d[:])+"\n")
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

func (sc *scene) adoptList(name string, digests ...canonical.Digest) {
	sc.t.Helper()
	text := listOf(digests...)
	if _, err := sc.PutText(sc.t.Context(), desktest.As("ada"), actions.PartHashes, text); err != nil {
		sc.t.Fatal(err)
	}
	sc.Change(actions.DeskChange, sc.Naming(actions.PartHashes, text, name, "a hotline"))
}

// TestEvidenceOnLists: bytes on a governed list are not copied, those that are kept are removed, and
// the case is of the highest severity. Digest, address and time stay.
func TestEvidenceOnLists(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		sc := newScene(t, o)
		pictures := map[string][]byte{"1": pngOf(t, 8), "2": pngOf(t, 9), "3": pngOf(t, 10)}
		digests := map[string]canonical.Digest{}
		for name, b := range pictures {
			digests[name] = canonical.Sum(b)
		}
		// Child abuse that was filed as spam so that it is kept.
		sc.adoptList("known", digests["1"])
		sc.p.Show(posted, shows("text", pictures, false), pictures)
		c := sc.report("spam", "")
		k := sc.kept(c)[0]
		if p := k.Shown.Pictures; p[0].State != cases.PictureMatched || p[0].List != "known" || p[0].Digest != digests["1"] || p[1].State != cases.PictureKept {
			t.Errorf("%+v", p)
		}
		if p, parts := sc.picture(digests["1"]); p.State != cases.PictureMatched || parts != 0 || p.Removed.IsZero() {
			t.Errorf("%+v with %d parts", p, parts)
		}
		if got := sc.row(c.ID); got.Severity != cases.Highest || k.Matched != "known" {
			t.Errorf("the case is %s, its evidence on %q", got.Severity, k.Matched)
		}
		if _, err := sc.OpenPicture(t.Context(), desktest.As("kim"), c.ID, digests["1"], "to judge it"); !fault.Is(err, "picture-removed") {
			t.Errorf("opened: %v", err)
		}

		// A list that comes later: within a minute, here at the next look.
		sc.adoptList("newer", digests["2"])
		if err := sc.SweepHashes(t.Context()); err != nil {
			t.Fatal(err)
		}
		if p, parts := sc.picture(digests["2"]); p.State != cases.PictureMatched || p.List != "newer" || parts != 0 || p.At.IsZero() || p.Size != int64(len(pictures["2"])) {
			t.Errorf("%+v with %d parts", p, parts)
		}
		sc.intact(k.Evidence) // bytes that are gone by a list are no sign of tampering

		// A digest that the platform tells is enough; its bytes are never asked for.
		sc.Clock().Advance(2 * time.Minute)
		sc.asked()
		sc.p.Show(posted, shows("text", pictures, true), nil)
		sc.report("spam", "")
		if p := sc.kept(c)[0].Shown.Pictures; p[0].State != cases.PictureMatched || p[1].State != cases.PictureMatched || p[2].State != cases.PictureKept {
			t.Errorf("%+v", p)
		}
		if got := sc.asked(); !slices.Equal(got, []string{posted}) {
			t.Errorf("asked for %v", got)
		}
	})
}

// TestRemovePicture: a signed press removes the bytes of a picture at once and for ever, and
// leaves who pressed and why.
func TestRemovePicture(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		sc := newScene(t, o)
		sc.Owns("ann")
		sc.Owns("abe")
		pictures := map[string][]byte{"1": pngOf(t, 8), "2": pngOf(t, 9)}
		sc.p.Show(posted, shows("text", pictures, false), pictures)
		c := sc.report("spam", "")
		k := sc.kept(c)[0]
		digest, other := canonical.Sum(pictures["1"]), canonical.Sum(pictures["2"])
		press := sc.Deed("ann", actions.Deed{What: actions.DeedRemoveEvidence, Of: digest.String()}, "abuse of a child")
		for _, bad := range []struct {
			why    string
			digest canonical.Digest
			deed   actions.SaltedDeed
			want   string
		}{
			{"something else", digest, press, "bad-deed"},
			{"abuse of a child", other, press, "bad-deed"},
			{"abuse of a child", canonical.Sum([]byte("x")), press, "no-such-picture"},
			{"", digest, press, "bad-reason"},
			{"abuse of a child", digest, sc.Deed("abe", actions.Deed{What: actions.DeedRemoveEvidence, Of: digest.String()}, "abuse of a child"), ""},
		} {
			if _, err := sc.RemovePicture(t.Context(), desktest.As("ann"), c.ID, bad.digest, bad.why, bad.deed); err == nil || bad.want != "" && !fault.Is(err, bad.want) {
				t.Errorf("%q of %s: %v; want %s", bad.why, bad.digest, err, bad.want)
			}
		}
		if _, parts := sc.picture(digest); parts == 0 {
			t.Fatal("a refused press removed bytes")
		}
		removed, err := sc.RemovePicture(t.Context(), desktest.As("ann"), c.ID, digest, "abuse of a child", press)
		if err != nil {
			t.Fatal(err)
		}
		p, parts := sc.picture(digest)
		if p != removed || p.State != cases.PictureRemoved || p.Worker != "ann" || p.Deed != press.Deed.Digest() || parts != 0 {
			t.Errorf("%+v with %d parts", p, parts)
		}
		if _, err := sc.RemovePicture(t.Context(), desktest.As("ann"), c.ID, digest, "abuse of a child", press); !fault.Is(err, "picture-removed") {
			t.Errorf("again: %v", err)
		}
		if _, err := sc.OpenPicture(t.Context(), desktest.As("kim"), c.ID, digest, "to judge it"); !fault.Is(err, "picture-removed") {
			t.Errorf("opened: %v", err)
		}
		if p, parts := sc.picture(other); p.State != cases.PictureKept || parts == 0 {
			t.Errorf("the other picture is %s", p.State)
		}
		sc.intact(k.Evidence)
		// It never comes in again.
		sc.Clock().Advance(2 * time.Minute)
		sc.report("spam", "")
		if p := sc.kept(c)[0].Shown.Pictures[0]; p.State != cases.PictureRemoved || p.Digest != digest {
			t.Errorf("%+v", p)
		}
		if _, parts := sc.picture(digest); parts != 0 {
			t.Error("the bytes came in again")
		}
	})
}

// TestOpenPicture: who looked at a picture is a row before the bytes are handed out, and a look
// without a reason is none.
func TestOpenPicture(t *testing.T) {
	sc := newScene(t, desktest.Options{})
	pictures := map[string][]byte{"1": pngOf(t, 8)}
	sc.p.Show(posted, shows("text", pictures, false), pictures)
	c := sc.report("spam", "")
	sc.kept(c)
	digest := canonical.Sum(pictures["1"])
	looks := func() (all []store.PictureOpening) {
		if err := sc.Store.Read(t.Context(), func(tx *store.Tx) (err error) {
			all, err = tx.PictureOpenings(c.ID, "", 10)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return all
	}
	for _, why := range []string{"", " ", "two\nlines", strings.Repeat("x", 1001), "\xff"} {
		if _, err := sc.OpenPicture(t.Context(), desktest.As("ann"), c.ID, digest, why); !fault.Is(err, "bad-reason") {
			t.Errorf("%.20q: %v", why, err)
		}
	}
	if _, err := sc.OpenPicture(t.Context(), desktest.As("nobody"), c.ID, digest, "to judge it"); err == nil {
		t.Error("a stranger looks")
	}
	if _, err := sc.OpenPicture(t.Context(), desktest.As("ann"), "cas_none", digest, "to judge it"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("on no case: %v", err)
	}
	if got := looks(); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	// Somebody changed the bytes: they are not handed out, and the look is written down.
	if err := sc.Store.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(`delete from picture_part`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := sc.OpenPicture(t.Context(), desktest.As("ann"), c.ID, digest, "to judge it"); !fault.Is(err, "evidence-altered") {
		t.Errorf("altered bytes: %v", err)
	}
	if got := looks(); len(got) != 1 || got[0].Worker != "ann" || got[0].Digest != digest || got[0].Reason != "to judge it" {
		t.Errorf("%+v", got)
	}
}

// TestPictureChangesType: a picture that is another one when it is read than the platform told is
// kept as it is, and the document says so.
func TestPictureChangesType(t *testing.T) {
	sc := newScene(t, desktest.Options{})
	told := map[string][]byte{"1": pngOf(t, 8)}
	sc.p.Show(posted, shows("text", told, true), map[string][]byte{"1": []byte("<svg onload=alert(1)>")})
	k := sc.kept(sc.report("spam", ""))[0]
	if p := k.Shown.Pictures[0]; p.State != cases.PictureKept || !p.Other || p.Told || p.Format != (cases.Format{}) || p.Digest != canonical.Sum([]byte("<svg onload=alert(1)>")) {
		t.Errorf("%+v", p)
	}
}

// TestCorrectedLanguageStays: the language that a worker said stays, whatever the platform says
// of the content later on. Until then the platform's word goes before a report's.
func TestCorrectedLanguageStays(t *testing.T) {
	sc := newScene(t, desktest.Options{})
	sc.Owns("ann")
	sc.p.Show(posted, shows("Gift", nil, false), nil) // in German, the platform says
	c := sc.report("HarassmentTroll", "")
	sc.Evidenced(c.ID)
	taken := sc.Take("ann")
	if taken.Case.Language != "de" {
		t.Fatalf("the language is %s", taken.Case.Language)
	}
	deed, text := sc.CaseDeed("ann", actions.DeedLanguage, c.ID, taken.Case.Version, cases.Order{Language: "fr"})
	if _, err := sc.Desk.Do(t.Context(), desktest.As("ann"), c.ID, taken.Claim.Number, deed, text); err != nil {
		t.Fatal(err)
	}
	sc.p.Show(posted, shows("Gift!", nil, false), nil)
	sc.Clock().Advance(2 * time.Minute) // so that it is read again
	sc.report("spam", "")
	sc.Evidenced(c.ID)
	if now := sc.row(c.ID); now.Language != "fr" || now.Queue == "german" {
		t.Errorf("the language is %s in the queue %s", now.Language, now.Queue)
	}
}

// TestEvidenceFromPlaza: evidence of a real platform, over the executor, with the platform's
// deletion after it.
func TestEvidenceFromPlaza(t *testing.T) {
	to := desktest.NewTown(t, desktest.Options{})
	to.OpenCasework()
	program := to.AdmitProgram("square", "ann", cases.SourcePerson)
	got, err := to.TakeReports(t.Context(), program, []cases.Report{{ExternalID: "r1", Subject: platform.Subject{Platform: "plaza", ID: "post/1"}, Reason: "spam", Scores: []cases.Score{}, Evidence: cases.Told{Text: "Hello."}}})
	if err != nil || got[0].Err != nil {
		t.Fatal(err, got[0].Err)
	}
	to.Evidenced(got[0].Case.ID)
	all, err := to.EvidenceOf(t.Context(), desktest.As("kim"), got[0].Case.ID)
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	doc := all[0].Shown
	if all[0].State != cases.EvidenceCopied || doc.Read.Text.Text != "Hello." || doc.Read.Author.Handle != "@neighbour" || doc.Changed != (cases.Changed{}) || len(doc.Read.Thread) != 1 {
		t.Errorf("%+v", doc)
	}
	now, err := to.EvidenceNow(t.Context(), desktest.As("kim"), got[0].Case.ID)
	if err != nil || cases.ContentDigest(now) != all[0].Content || cases.ThreadDigest(now) != all[0].Thread {
		t.Errorf("the same content has another digest when it is read again: %v", err)
	}
}
