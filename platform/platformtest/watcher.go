package platformtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"countersign.dev/fault"
	"countersign.dev/platform"
)

// watchPromises are tested on connectors that can be watched. There is one for each
// change that the stream may show, since a watch is blind to a kind that its stream
// leaves out.
func watchPromises() []promise {
	list := []promise{
		{"watch-peek", "peeks at the same status, mark and layers that it reads", needsWatcher, checkPeek},
		{"watch-accounts", "lists the account as it is", needsAccounts, checkAccounts},
		{"watch-accounts-layers", "lists the layers of the account as they are", needsListedLayers, checkListedLayers},
		{"watch-resume", "goes on after the cursor, and tells what came in between", needsWatcher, checkWatchResume},
		{"watch-cursor", "refuses what is no cursor", needsWatcher, checkWatchCursor},
		{"watch-lock", "tells of the owner's lock, and when it was taken back", needsLock, checkLock},
		{"watch-notice", "sends the owner a message", needsNotifier, checkNotice},
	}
	for _, s := range shown {
		list = append(list, promise{"watch-" + string(s.change), s.text, s.needs, s.check})
	}
	return append(list,
		promise{"cut-guards", "never cuts off the credential that asks, nor one that it does not know", needsCutter, checkCutGuards},
		promise{"cut-ends", "cuts another credential off, once for each key", needsSpare, checkCutEnds})
}

func needsCutter(r *run) string {
	if _, ok := r.Connector.(platform.Cutter); !ok || !r.can.Cuts {
		return "the platform cannot cut credentials off, or not with this one"
	}
	return ""
}

func needsSpare(r *run) string {
	if why := needsCutter(r); why != "" || r.Spare != nil {
		return why
	}
	return "this suite was given no credential to cut off"
}

func checkCutGuards(ctx context.Context, r *run) error {
	c := r.Connector.(platform.Cutter)
	if r.can.Credential == "" {
		return errors.New("it does not say which credential asks")
	}
	if _, err := c.Cut(ctx, r.key(), r.can.Credential); !fault.Is(err, "own-token") {
		return fmt.Errorf("cutting off the credential that asks is not refused as own-token: %v", err)
	}
	if _, err := c.Cut(ctx, r.key(), "nobody-of-this-name"); !fault.Is(err, "no-such-token") {
		return fmt.Errorf("cutting off nobody's credential is not refused as no-such-token: %v", err)
	}
	_, err := r.expectState(ctx, r.Account, platform.Up, "") // it still opens
	return err
}

func checkCutEnds(ctx context.Context, r *run) error {
	c, key := r.Connector.(platform.Cutter), r.key()
	name, opens, err := r.Spare(ctx)
	if err != nil {
		return err
	}
	if !opens(ctx) {
		return errors.New("the credential opens nothing before")
	}
	first, err := c.Cut(ctx, key, name)
	if err != nil {
		return fmt.Errorf("it was not cut off: %w", err)
	}
	if opens(ctx) {
		return errors.New("it still opens")
	}
	// Who answers for it has got another one meanwhile, which nobody meant.
	if _, opens, err = r.Spare(ctx); err != nil {
		return err
	}
	again, err := c.Cut(ctx, key, name)
	if err != nil || !again.Equal(first.Time) {
		return fmt.Errorf("the same key was answered %s and then %s, %w", first, again, err)
	}
	if !opens(ctx) {
		return errors.New("the same key cut off twice")
	}
	return nil
}

// showing is a change that a stream may show: how to bring the subject to the state
// before it, and how to make it.
type showing struct {
	change platform.Change
	text   string
	verb   platform.Verb // made through the connector; empty: only Target.Around makes it
	sort   platform.Sort
	remark bool
}

var shown = []showing{
	{platform.AccountTakenDown, "shows that an account is taken down", platform.Takedown, platform.Account, false},
	{platform.AccountRestored, "shows that an account is brought back", platform.Restore, platform.Account, false},
	{platform.AccountRemarked, "shows that an account comes under another mark", platform.Takedown, platform.Account, true},
	{platform.AccountDeactivated, "shows that an account is deactivated", platform.Deactivate, platform.Account, false},
	{platform.AccountReactivated, "shows that an account is reactivated", platform.Reactivate, platform.Account, false},
	{platform.AccountDeleted, "shows that an account is deleted", "", platform.Account, false},
	{platform.ContentTakenDown, "shows that content is taken down", platform.Takedown, platform.Content, false},
	{platform.ContentRestored, "shows that content is brought back", platform.Restore, platform.Content, false},
	{platform.ContentDeleted, "shows that content is deleted", "", platform.Content, false},
	{platform.AccountLimited, "shows that an account is limited", platform.Limit, platform.Account, false},
	{platform.AccountUnlimited, "shows that an account's limit is lifted", platform.Unlimit, platform.Account, false},
	{platform.AccountLabelled, "shows that an account is labelled, and which label it is", platform.Label, platform.Account, false},
	{platform.AccountUnlabelled, "shows that a label of an account is taken away, and which one", platform.Unlabel, platform.Account, false},
	{platform.ContentLimited, "shows that content is limited", platform.Limit, platform.Content, false},
	{platform.ContentUnlimited, "shows that the limit of content is lifted", platform.Unlimit, platform.Content, false},
	{platform.ContentLabelled, "shows that content is labelled, and which label it is", platform.Label, platform.Content, false},
	{platform.ContentUnlabelled, "shows that a label of content is taken away, and which one", platform.Unlabel, platform.Content, false},
	{platform.LockSet, "shows that the owner's lock is set", "", platform.Account, false},
	{platform.LockCleared, "shows that the owner's lock is taken back", "", platform.Account, false},
}

// opposite names, for a change around the desk, the change that has to be made first.
var opposite = map[platform.Change]platform.Change{
	platform.LockSet: platform.LockCleared, platform.LockCleared: platform.LockSet,
	platform.AccountDeactivated: platform.AccountReactivated, platform.AccountReactivated: platform.AccountDeactivated,
}

func (r *run) watcher() (platform.Watcher, bool) {
	w, ok := r.Connector.(platform.Watcher)
	return w, ok
}

func needsWatcher(r *run) string {
	if _, ok := r.watcher(); !ok {
		return "the connector cannot be watched"
	}
	return ""
}

func needsAccounts(r *run) string {
	if why := needsWatcher(r); why != "" {
		return why
	}
	w, _ := r.watcher()
	if _, _, err := w.Accounts(context.Background(), ""); fault.Is(err, "not-offered") {
		return "the platform lists no accounts"
	}
	return ""
}

func needsLock(r *run) string {
	if why := needsWatcher(r); why != "" {
		return why
	}
	if !r.shows(platform.LockSet).Stream {
		return "the platform has no owner's lock"
	}
	if r.Around[platform.LockSet] == nil || r.Around[platform.LockCleared] == nil {
		return "this suite was not told how an owner sets the lock"
	}
	return ""
}

func needsNotifier(r *run) string {
	n, ok := r.Connector.(platform.Notifier)
	if !ok {
		return "the connector sends owners nothing"
	}
	if err := n.Notify(context.Background(), r.key(), r.Missing, "Nobody", "Nobody reads this."); fault.Is(err, "not-offered") {
		return "the platform sends owners nothing"
	}
	return ""
}

func (r *run) shows(c platform.Change) platform.Showing {
	if w, ok := r.watcher(); ok {
		for _, s := range w.Shows() {
			if s.Change == c {
				return s
			}
		}
	}
	return platform.Showing{}
}

func (s showing) needs(r *run) string {
	if why := needsWatcher(r); why != "" {
		return why
	}
	if !r.shows(s.change).Stream {
		return "the platform's stream does not show it, as it says"
	}
	if r.Around[s.change] != nil {
		return ""
	}
	if s.sort == platform.Content && r.Content.ID == "" {
		return needsContent(r)
	}
	if _, ok := r.can.Can(s.verb, s.sort); !ok {
		return "this suite was not told how to make the change"
	}
	return ""
}

// check opens the stream, makes the change and waits until the stream tells it.
func (s showing) check(ctx context.Context, r *run) error {
	change, err := s.prepare(ctx, r)
	if err != nil {
		return err
	}
	ear, err := r.listen(ctx, "")
	if err != nil {
		return err
	}
	defer ear.close()
	subject, err := change(ctx)
	if err != nil {
		return fmt.Errorf("making the change: %w", err)
	}
	h, err := ear.hear(subject)
	if err != nil {
		return err
	}
	if l := s.layer(r); h.Layer != l {
		return fmt.Errorf("what is told is about %s, not %s", h.Layer.Noun(), l.Noun())
	} else if left := (platform.Command{Verb: s.verb, Layer: l}).After().Status; l != platform.VisibilityLayer && h.Status != "" && h.Status != left {
		return fmt.Errorf("what is told says that %s became %q, not %q", l.Noun(), h.Status, left)
	}
	if locks := s.change == platform.LockSet || s.change == platform.LockCleared; h.Locks != locks {
		return fmt.Errorf("what is told says that the lock may have changed: %v", h.Locks)
	} else if locks && h.Status != "" {
		return fmt.Errorf("what is told of the lock says that it brought about %q", h.Status)
	}
	return nil
}

// layer is the layer that the change is of.
func (s showing) layer(r *run) platform.Layer {
	switch s.verb {
	case platform.Limit, platform.Unlimit:
		return platform.LimitLayer
	case platform.Label, platform.Unlabel:
		return platform.LabelLayer(r.can.Labels[0])
	}
	return platform.VisibilityLayer
}

// prepare brings the subject to the state before the change.
func (s showing) prepare(ctx context.Context, r *run) (func(context.Context) (platform.Subject, error), error) {
	if around := r.Around[s.change]; around != nil {
		if first := r.Around[opposite[s.change]]; first != nil {
			if _, err := first(ctx); err != nil {
				return nil, err
			}
		}
		return around, nil
	}
	subject := r.Account
	if s.sort == platform.Content {
		subject = r.Content
	}
	l := s.layer(r)
	c := platform.Command{Verb: s.verb, Layer: l, Subject: subject, Expect: platform.Expect{Status: l.Clear()}}
	before := map[platform.Verb]platform.Verb{platform.Restore: platform.Takedown, platform.Reactivate: platform.Deactivate,
		platform.Unlimit: platform.Limit, platform.Unlabel: platform.Label}[s.verb]
	if s.remark {
		before = platform.Takedown
	}
	if before != "" {
		receipt, err := r.apply(ctx, r.key(), platform.Command{Verb: before, Layer: l, Subject: subject, Expect: c.Expect, Mark: r.mark()})
		if err != nil {
			return nil, err
		}
		c.Expect = receipt.After.At(l)
	}
	if !s.verb.Relieves() {
		c.Mark = r.mark()
	}
	return func(ctx context.Context) (platform.Subject, error) {
		_, err := r.apply(ctx, r.key(), c)
		return subject, err
	}, nil
}

// ear listens to an open stream.
type ear struct {
	stream platform.Stream
	heard  chan platform.Happening
	failed chan error
	done   chan struct{}
	wait   time.Duration
}

func (r *run) listen(ctx context.Context, cursor string) (*ear, error) {
	w, _ := r.watcher()
	s, err := w.Watch(ctx, cursor)
	if err != nil {
		return nil, fmt.Errorf("opening the stream: %w", err)
	}
	e := &ear{stream: s, heard: make(chan platform.Happening), failed: make(chan error, 1), done: make(chan struct{}), wait: r.Patience}
	go func() {
		for {
			h, err := s.Next()
			if err != nil {
				e.failed <- err
				return
			}
			select {
			case e.heard <- h:
			case <-e.done:
				return
			}
		}
	}()
	return e, nil
}

func (e *ear) close() {
	close(e.done)
	_ = e.stream.Close() // it is useless now
}

// hear waits for the next event of a subject and skips others.
func (e *ear) hear(s platform.Subject) (platform.Happening, error) {
	late := time.NewTimer(e.wait)
	defer late.Stop()
	for {
		select {
		case h := <-e.heard:
			if h.Subject.ID == s.ID && h.Subject.Platform == s.Platform {
				return h, nil
			}
		case err := <-e.failed:
			return platform.Happening{}, fmt.Errorf("the stream: %w", err)
		case <-late.C:
			return platform.Happening{}, fmt.Errorf("the stream told nothing of %s within %v", s, e.wait)
		}
	}
}

func checkPeek(ctx context.Context, r *run) error {
	w, _ := r.watcher()
	same := func(s platform.Subject) error {
		peeked, err := w.Peek(ctx, s)
		if err != nil {
			return err
		}
		read, err := r.Connector.Read(ctx, s)
		if err != nil {
			return err
		}
		if diff := differs(read, peeked); diff != "" {
			return fmt.Errorf("peeking at %s says %s", s, diff)
		}
		return nil
	}
	for _, s := range r.subjects() {
		if err := same(s); err != nil {
			return err
		}
		for _, l := range append(r.on(s), platform.VisibilityLayer) {
			if _, err := r.carryOut(ctx, put(s, l, r.mark())); err != nil {
				return err
			}
			if err := same(s); err != nil {
				return err
			}
		}
	}
	_, err := w.Peek(ctx, r.Missing)
	return noSuchSubject(err)
}

// mostPages bounds a list that would otherwise never end.
const mostPages = 1_000_000

// listed finds the scratch account in the list of accounts, where it is once.
func (r *run) listed(ctx context.Context) (platform.Listed, error) {
	var found []platform.Listed
	w, _ := r.watcher()
	for cursor, pages := "", 0; ; pages++ {
		page, next, err := w.Accounts(ctx, cursor)
		if err != nil {
			return platform.Listed{}, err
		}
		for _, l := range page {
			if l.Subject.ID == r.Account.ID {
				found = append(found, l)
			}
		}
		if cursor = next; next == "" {
			break
		}
		if pages == mostPages {
			return platform.Listed{}, errors.New("the list of accounts has no end")
		}
	}
	if len(found) != 1 {
		return platform.Listed{}, fmt.Errorf("%s is listed %d times", r.Account, len(found))
	}
	return found[0], nil
}

func checkAccounts(ctx context.Context, r *run) error {
	m := r.mark()
	receipt, err := r.carryOut(ctx, down(r.Account, m))
	if err != nil {
		return err
	}
	l, err := r.listed(ctx)
	if err != nil {
		return err
	}
	if l.Subject.Platform != r.Account.Platform || l.Status != receipt.After.Status || l.Marked && l.Mark != m || !l.Marked && l.Mark != "" {
		return fmt.Errorf("%s is listed as %s (mark told: %v)", r.Account, platform.Describe(l.Status, l.Mark), l.Marked)
	}
	return nil
}

func needsListedLayers(r *run) string {
	if why := needsAccounts(r); why != "" {
		return why
	}
	return needsAccountLayer(r)
}

// checkListedLayers compares the layers in the list with those that are read, while they
// stand and afterwards. A list may say that it does not tell them.
func checkListedLayers(ctx context.Context, r *run) error {
	var steps []platform.Command
	m := r.mark()
	for _, l := range r.on(r.Account) {
		steps = append(steps, put(r.Account, l, m))
	}
	for _, l := range r.on(r.Account) {
		steps = append(steps, lift(r.Account, l, m))
	}
	for _, c := range steps {
		receipt, err := r.carryOut(ctx, c)
		if err != nil {
			return err
		}
		l, err := r.listed(ctx)
		if err != nil {
			return err
		}
		if !l.Layered && l.Layers != nil {
			return errors.New("the list says that it tells no layers, and tells some")
		}
		if l.Layered && !maps.Equal(l.Layers, receipt.After.Layers) {
			return fmt.Errorf("%s is listed with the layers %v and read with %v", r.Account, l.Layers, receipt.After.Layers)
		}
	}
	return nil
}

func checkWatchResume(ctx context.Context, r *run) error {
	ear, err := r.listen(ctx, "")
	if err != nil {
		return err
	}
	receipt, err := r.carryOut(ctx, down(r.Account, r.mark()))
	var h platform.Happening
	if err == nil {
		h, err = ear.hear(r.Account)
	}
	ear.close()
	if err != nil {
		return err
	}
	if now := (platform.Expect{Status: receipt.After.Status, Mark: receipt.After.Mark}); !h.Brought(platform.VisibilityLayer, now) || h.Brought(platform.VisibilityLayer, platform.Expect{Status: platform.Up}) {
		return fmt.Errorf("what is told says that it brought about %q with the mark %q, and not %s", h.Status, h.Mark, now.Status)
	}
	place := ear.stream.Cursor()
	if place == "" {
		return errors.New("there is no cursor after an event")
	}
	// Nobody listens now.
	if _, err := r.carryOut(ctx, up(r.Account, receipt.After.Mark)); err != nil {
		return err
	}
	for range 2 { // a repeat must be told as the first time
		if ear, err = r.listen(ctx, place); err != nil {
			return err
		}
		_, err = ear.hear(r.Account)
		ear.close()
		if err != nil {
			return fmt.Errorf("after the cursor %s: %w", place, err)
		}
	}
	return nil
}

func checkWatchCursor(ctx context.Context, r *run) error {
	w, _ := r.watcher()
	s, err := w.Watch(ctx, "not a cursor")
	if err == nil {
		_ = s.Close()
		return errors.New("a stream was opened after “not a cursor”")
	}
	if kind := fault.KindOf(err); kind != fault.Invalid && kind != fault.Expired {
		return fmt.Errorf("the refusal does not say that it is the cursor: %w", err)
	}
	return nil
}

func checkLock(ctx context.Context, r *run) error {
	w, _ := r.watcher()
	subject, err := r.Around[platform.LockSet](ctx)
	if err != nil {
		return err
	}
	set, err := w.Lock(ctx, subject)
	if err != nil {
		return err
	}
	if !set.Set || !set.Cleared.IsZero() {
		return fmt.Errorf("a lock that was set is told as %+v", set)
	}
	// A measure on the account must not hide the owner's lock.
	receipt, err := r.carryOut(ctx, down(subject, r.mark()))
	if err != nil {
		return err
	}
	under, err := w.Lock(ctx, subject)
	if err != nil {
		return fmt.Errorf("the lock of an account that is down: %w", err)
	}
	if under != set {
		return fmt.Errorf("while the account is down its lock is told as %+v, not %+v", under, set)
	}
	if _, err := r.carryOut(ctx, up(subject, receipt.After.Mark)); err != nil {
		return err
	}
	if _, err := r.Around[platform.LockCleared](ctx); err != nil {
		return err
	}
	cleared, err := w.Lock(ctx, subject)
	if err != nil {
		return err
	}
	if cleared.Set && cleared.Cleared.IsZero() {
		return fmt.Errorf("a lock that was taken back is told as %+v", cleared)
	}
	_, err = w.Lock(ctx, r.Missing)
	return noSuchSubject(err)
}

func checkNotice(ctx context.Context, r *run) error {
	n := r.Connector.(platform.Notifier)
	if err := n.Notify(ctx, r.key(), r.Missing, "Nobody", "Nobody reads this."); noSuchSubject(err) != nil {
		return noSuchSubject(err)
	}
	return n.Notify(ctx, r.key(), r.Account, "A test of messages", "Somebody tests whether messages to you arrive. There is nothing to do.")
}
