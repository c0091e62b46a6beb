package platformtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"countersign.dev/fault"
	"countersign.dev/platform"
)

func needsLookup(r *run) string {
	if !r.can.Lookup {
		return "the platform cannot be asked about commands"
	}
	return ""
}

func needsCompareAndSet(r *run) string {
	if !r.can.CompareAndSet {
		return "the platform cannot compare and set"
	}
	return ""
}

func needsMarks(r *run) string {
	if a, _ := r.can.Can(platform.Takedown, platform.Account); !a.Marks {
		return "the platform keeps no mark beside a takedown"
	}
	return ""
}

func needsDeactivate(r *run) string {
	_, off := r.can.Can(platform.Deactivate, platform.Account)
	_, on := r.can.Can(platform.Reactivate, platform.Account)
	if !off || !on {
		return "the platform offers no deactivation"
	}
	return ""
}

func needsBeneath(r *run) string {
	if r.Around[platform.AccountDeactivated] != nil && r.Around[platform.AccountReactivated] != nil {
		return ""
	}
	return needsDeactivate(r)
}

func needsContent(r *run) string {
	if r.Content.ID == "" {
		return "no scratch content was given"
	}
	if _, ok := r.can.Can(platform.Takedown, platform.Content); !ok {
		return "the platform offers no takedown of content"
	}
	return ""
}

// connectorPromises are tested through platform.Connector only, so for any platform.
func connectorPromises() []promise {
	return []promise{
		{"capabilities", "says what it can do, the same every time", nil, checkCapabilities},
		{"sort", "tells accounts from content by the identifier, and refuses what is neither", nil, checkSort},
		{"resolve", "completes a handle to an identifier and back, in any case of letters", nil, checkResolve},
		{"read", "reads status, mark, revision and every promised fact", nil, checkRead},
		{"unknown-subject", "says no-such-subject of what is not there, and does nothing", nil, checkUnknown},
		{"takedown", "takes an account down and leaves the mark", nil, checkTakedown},
		{"wrong-status-changes-nothing", "refuses a command that expects another status, and says what is in place", nil, checkWrongStatus},
		{"wrong-mark-changes-nothing", "refuses a command that expects another mark, and says what is in place", needsMarks, checkWrongMark},
		{"mark-kept", "never writes a mark over one that the command does not name", needsMarks, checkMarkKept},
		{"confirm", "puts a takedown in the place of the one whose mark it names, and the account stays down", needsMarks, checkConfirm},
		{"restore", "brings an account back under the expected mark, and the mark is gone", nil, checkRestore},
		{"restore-by-identifier", "brings an account back under the expected mark, whatever handle the command names", nil, checkRestoreByIdentifier},
		{"deactivate", "deactivates and reactivates an account", needsDeactivate, checkDeactivate},
		{"beneath", "takes an account down that is deactivated without a mark, and leaves it so when that is lifted", needsBeneath, checkBeneath},
		{"content", "takes content down and brings it back, and its account stays up", needsContent, checkContent},
		{"revision", "has another revision after each change and the same without one", needsCompareAndSet, checkRevision},
		{"repeat-changes-nothing", "changes nothing when the same command is sent again at once", nil, checkRepeat},
		{"same-key-acts-once", "does not act again for a key that has acted, whatever happened since", needsLookup, checkSameKey},
		{"refusal-is-final", "does not carry a refused command out later under the same key", needsLookup, checkRefusalFinal},
		{"key-of-another-command", "refuses a key that belongs to another command", needsLookup, checkKeyReused},
		{"lookup-done", "tells of a command that took effect, with its receipt", needsLookup, checkLookupDone},
		{"lookup-refused", "tells of a command that was refused that it did not take effect", needsLookup, checkLookupRefused},
		{"lookup-fences", "a key it does not know cannot take effect later", needsLookup, checkLookupFences},
		{"duplicates-act-once", "acts once for one key sent many times at once", needsBoth, checkDuplicates},
		{"rivals-one-wins", "lets one of many commands on one state win", needsCompareAndSet, checkRivals},
		{"given-up", "sends nothing for a caller who has given up", nil, checkGivenUp},
	}
}

func needsBoth(r *run) string {
	if why := needsLookup(r); why != "" {
		return why
	}
	return needsCompareAndSet(r)
}

func checkCapabilities(_ context.Context, r *run) error {
	for _, v := range []platform.Verb{platform.Takedown, platform.Restore} {
		if _, ok := r.can.Can(v, platform.Account); !ok {
			return fmt.Errorf("%s of accounts is not offered", v)
		}
	}
	seen := map[string]bool{}
	for _, a := range r.can.Abilities {
		name := string(a.Verb) + " of " + string(a.Sort)
		if seen[name] {
			return fmt.Errorf("%s is offered twice", name)
		}
		seen[name] = true
	}
	if r.can.RequestLife < 1 {
		return fmt.Errorf("a request life of %d seconds is no promise", r.can.RequestLife)
	}
	again := r.Connector.Capabilities()
	if !slices.Equal(again.Abilities, r.can.Abilities) || !slices.Equal(again.Facts, r.can.Facts) ||
		again.CompareAndSet != r.can.CompareAndSet || again.Lookup != r.can.Lookup || again.RequestLife != r.can.RequestLife || !slices.Equal(again.Labels, r.can.Labels) {
		return errors.New("the second answer differs from the first")
	}
	return nil
}

func checkSort(_ context.Context, r *run) error {
	if s, err := r.Connector.Sort(r.Account.ID); err != nil || s != platform.Account {
		return fmt.Errorf("%s is %q, %v", r.Account, s, err)
	}
	if r.Content.ID != "" {
		if s, err := r.Connector.Sort(r.Content.ID); err != nil || s != platform.Content {
			return fmt.Errorf("%s is %q, %v", r.Content, s, err)
		}
	}
	for _, id := range []string{"", "nonsense", r.Account.ID + " ", " " + r.Account.ID} {
		if s, err := r.Connector.Sort(id); err == nil {
			return fmt.Errorf("%q is %q", id, s)
		}
	}
	return nil
}

func checkResolve(ctx context.Context, r *run) error {
	for _, s := range []platform.Subject{
		{Platform: r.Account.Platform, ID: r.Account.ID},
		{Platform: r.Account.Platform, Handle: r.Account.Handle},
		{Platform: r.Account.Platform, Handle: strings.ToUpper(r.Account.Handle)},
		r.Account,
	} {
		full, err := r.Connector.Resolve(ctx, s)
		if err != nil {
			return fmt.Errorf("resolving %s: %w", s, err)
		}
		if full != r.Account {
			return fmt.Errorf("%s resolves to %+v, not to %+v", s, full, r.Account)
		}
	}
	return checkLook(ctx, r)
}

// checkLook compares Look with the separate calls that it stands for. The handle must
// be the platform's and not the caller's.
func checkLook(ctx context.Context, r *run) error {
	for _, s := range r.subjects() {
		moved := s
		moved.Handle = "of.somebody.else"
		named, now, err := r.Connector.Look(ctx, moved)
		if err != nil {
			return fmt.Errorf("looking at %s: %w", s, err)
		}
		if named != s {
			return fmt.Errorf("%s is named %+v, not %+v", moved, named, s)
		}
		read, err := r.Connector.Read(ctx, s)
		if err != nil {
			return fmt.Errorf("reading %s: %w", s, err)
		}
		if !now.Is(read.Status, read.Mark) || now.Rev != read.Rev || !maps.Equal(now.Facts, read.Facts) || !slices.Equal(now.Unread, read.Unread) {
			return fmt.Errorf("%s looks like %+v and reads as %+v", s, now, read)
		}
	}
	return nil
}

func checkRead(ctx context.Context, r *run) error {
	for _, s := range r.subjects() {
		now, err := r.expectState(ctx, s, platform.Up, "")
		if err != nil {
			return err
		}
		if r.can.CompareAndSet != (now.Rev != "") {
			return fmt.Errorf("compare and set is %v but the revision of %s is %q", r.can.CompareAndSet, s, now.Rev)
		}
		if now.Seen.IsZero() {
			return fmt.Errorf("%s was seen at no time", s)
		}
		if err := r.checkFacts(s, now); err != nil {
			return err
		}
	}
	return nil
}

// checkFacts demands each promised fact, which is either there or named as unread.
func (r *run) checkFacts(s platform.Subject, now platform.State) error {
	sort, err := r.Connector.Sort(s.ID)
	if err != nil {
		return err
	}
	for _, f := range r.can.Facts {
		v, there := now.Facts[f]
		if f == platform.FactOwner && sort == platform.Account {
			if there {
				return fmt.Errorf("the account %s has an owner", s)
			}
			continue
		}
		if !there {
			return fmt.Errorf("the promised fact %q of %s is missing (unread: %v)", f, s, now.Unread)
		}
		switch f {
		case platform.FactFollowers, platform.FactCreated:
			_, there = v.(int64)
		case platform.FactVerified:
			_, there = v.(bool)
		default:
			_, there = v.(string)
		}
		if !there {
			return fmt.Errorf("the fact %q of %s is %T", f, s, v)
		}
	}
	for f := range now.Facts {
		if !slices.Contains(r.can.Facts, f) {
			return fmt.Errorf("the fact %q of %s was not promised", f, s)
		}
	}
	return nil
}

// checkRestoreByIdentifier: an account may have been renamed since its measure.
func checkRestoreByIdentifier(ctx context.Context, r *run) error {
	m := r.mark()
	if _, err := r.carryOut(ctx, down(r.Account, m)); err != nil {
		return err
	}
	renamed := r.Account
	renamed.Handle = strings.TrimRight(renamed.Handle, "x") + "-before"
	_, err := r.carryOut(ctx, up(renamed, m))
	return err
}

func checkUnknown(ctx context.Context, r *run) error {
	if r.Missing.ID == "" {
		return errors.New("no identifier was given that names nothing")
	}
	if _, err := r.Connector.Read(ctx, r.Missing); noSuchSubject(err) != nil {
		return fmt.Errorf("reading: %w", noSuchSubject(err))
	}
	if _, err := r.Connector.Resolve(ctx, platform.Subject{Platform: r.Missing.Platform, ID: r.Missing.ID}); noSuchSubject(err) != nil {
		return fmt.Errorf("resolving the identifier: %w", noSuchSubject(err))
	}
	if _, _, err := r.Connector.Look(ctx, r.Missing); noSuchSubject(err) != nil {
		return fmt.Errorf("looking: %w", noSuchSubject(err))
	}
	if _, err := r.Connector.Apply(ctx, r.key(), down(r.Missing, r.mark())); noSuchSubject(err) != nil {
		return fmt.Errorf("takedown: %w", noSuchSubject(err))
	}
	return nil
}

// checkReceipt compares a receipt with what it must say and with what is read.
func (r *run) checkReceipt(ctx context.Context, c platform.Command, got platform.Receipt) error {
	return r.checkLeft(ctx, c, got, r.after(c))
}

// checkLeft is checkReceipt of a command that leaves what is wanted.
func (r *run) checkLeft(ctx context.Context, c platform.Command, got platform.Receipt, want platform.Expect) error {
	if before := got.Before.At(c.Layer); before != c.Expect {
		return fmt.Errorf("the receipt's state before is %s", platform.DescribeIn(c.Layer, before))
	}
	if after := got.After.At(c.Layer); after != want {
		return fmt.Errorf("the receipt's state after is %s", platform.DescribeIn(c.Layer, after))
	}
	if got.Lifted != "" {
		return fmt.Errorf("the receipt says that the measure %q was lifted", string(got.Lifted))
	}
	now, err := r.expectLayer(ctx, c.Subject, c.Layer, want)
	if err != nil {
		return err
	}
	if told, read := got.After.Revision(c.Layer), now.Revision(c.Layer); told != read {
		return fmt.Errorf("the receipt's revision is %q, but %q is read", told, read)
	}
	return nil
}

// after is the state that a command leaves on this platform, which may keep no mark.
func (r *run) after(c platform.Command) platform.Expect {
	want := c.After()
	if sort, err := r.Connector.Sort(c.Subject.ID); err == nil {
		if a, _ := r.can.Can(c.Verb, sort); !a.Marks {
			want.Mark = ""
		}
	}
	return want
}

// carryOut applies a command and checks its receipt.
func (r *run) carryOut(ctx context.Context, c platform.Command) (platform.Receipt, error) {
	receipt, err := r.apply(ctx, r.key(), c)
	if err != nil {
		return receipt, err
	}
	return receipt, r.checkReceipt(ctx, c, receipt)
}

func checkTakedown(ctx context.Context, r *run) error {
	_, err := r.carryOut(ctx, down(r.Account, r.mark()))
	return err
}

func checkWrongStatus(ctx context.Context, r *run) error {
	if err := r.wrongState(ctx, up(r.Account, ""), platform.Up, ""); err != nil {
		return err
	}
	receipt, err := r.carryOut(ctx, down(r.Account, r.mark()))
	if err != nil {
		return err
	}
	return r.wrongState(ctx, down(r.Account, r.mark()), platform.Down, receipt.After.Mark)
}

func checkWrongMark(ctx context.Context, r *run) error {
	m := r.mark()
	if _, err := r.carryOut(ctx, down(r.Account, m)); err != nil {
		return err
	}
	for _, other := range []platform.Mark{r.mark(), "", m + "x", platform.Mark(strings.ToUpper(string(m)))} {
		if err := r.wrongState(ctx, up(r.Account, other), platform.Down, m); err != nil {
			return fmt.Errorf("restore under the mark %q: %w", string(other), err)
		}
	}
	return nil
}

func checkMarkKept(ctx context.Context, r *run) error {
	m := r.mark()
	if _, err := r.carryOut(ctx, down(r.Account, m)); err != nil {
		return err
	}
	if err := r.wrongState(ctx, down(r.Account, r.mark()), platform.Down, m); err != nil {
		return err
	}
	return r.wrongState(ctx, instead(r.Account, r.mark(), r.mark()), platform.Down, m)
}

// instead returns the command that replaces a takedown's mark by another one.
func instead(s platform.Subject, of, m platform.Mark) platform.Command {
	return over(s, platform.VisibilityLayer, of, m)
}

func checkConfirm(ctx context.Context, r *run) error {
	for _, s := range r.subjects() {
		first, second := r.mark(), r.mark()
		if err := r.wrongState(ctx, instead(s, first, second), platform.Up, ""); err != nil {
			return err
		}
		if _, err := r.carryOut(ctx, down(s, first)); err != nil {
			return err
		}
		if _, err := r.carryOut(ctx, instead(s, first, second)); err != nil {
			return err
		}
		if err := r.wrongState(ctx, up(s, first), platform.Down, second); err != nil {
			return fmt.Errorf("lifting it under the mark that was replaced: %w", err)
		}
	}
	return nil
}

func checkRestore(ctx context.Context, r *run) error {
	receipt, err := r.carryOut(ctx, down(r.Account, r.mark()))
	if err != nil {
		return err
	}
	_, err = r.carryOut(ctx, up(r.Account, receipt.After.Mark))
	return err
}

func checkDeactivate(ctx context.Context, r *run) error {
	receipt, err := r.carryOut(ctx, platform.Command{Verb: platform.Deactivate, Subject: r.Account,
		Expect: platform.Expect{Status: platform.Up}, Mark: r.mark()})
	if err != nil {
		return err
	}
	if err := r.wrongState(ctx, down(r.Account, r.mark()), platform.Deactivated, receipt.After.Mark); err != nil {
		return err
	}
	_, err = r.carryOut(ctx, platform.Command{Verb: platform.Reactivate, Subject: r.Account,
		Expect: platform.Expect{Status: platform.Deactivated, Mark: receipt.After.Mark}})
	return err
}

// checkBeneath needs a deactivated account. The owner deactivates it, if the target can
// make the owner do so; else a staff credential that leaves no mark does it.
func checkBeneath(ctx context.Context, r *run) (err error) {
	off := platform.Expect{Status: platform.Deactivated}
	s := r.Account
	if around := r.Around[platform.AccountDeactivated]; around != nil {
		s, err = around(ctx)
	} else {
		_, err = r.carryOut(ctx, platform.Command{Verb: platform.Deactivate, Subject: s, Expect: platform.Expect{Status: platform.Up}})
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.bringBack(ctx, s)) }()
	m := r.mark()
	if _, err := r.carryOut(ctx, platform.Command{Verb: platform.Takedown, Subject: s, Expect: off, Mark: m}); err != nil {
		return err
	}
	if err := r.wrongState(ctx, down(s, r.mark()), platform.Down, m); err != nil {
		return err
	}
	var ear *ear
	if r.Around[platform.AccountDeactivated] != nil && r.names(platform.AccountDeactivated) {
		if ear, err = r.listen(ctx, ""); err != nil {
			return err
		}
		defer ear.close()
	}
	c := up(s, m)
	receipt, err := r.apply(ctx, r.key(), c)
	if err != nil {
		return err
	}
	if err := r.checkLeft(ctx, c, receipt, off); err != nil || ear == nil {
		return err
	}
	h, err := ear.hear(s)
	if err == nil && !(h.Brought(platform.VisibilityLayer, off) && h.ByOwner()) {
		err = fmt.Errorf("the stream tells of %q by %q, and not that it was the owner who had deactivated it", h.Status, h.By)
	}
	return err
}

// names reports whether the stream promises to name the credential of a change.
func (r *run) names(c platform.Change) bool {
	w, ok := r.watcher()
	return ok && slices.ContainsFunc(w.Shows(), func(s platform.Showing) bool { return s.Change == c && s.Names })
}

// bringBack ends the state that checkBeneath has begun, whatever its outcome.
func (r *run) bringBack(ctx context.Context, s platform.Subject) error {
	now, err := r.Connector.Read(ctx, s)
	if err == nil && now.Status == platform.Down {
		if _, err = r.apply(ctx, r.key(), up(s, now.Mark)); err == nil {
			now, err = r.Connector.Read(ctx, s)
		}
	}
	if err != nil || now.Is(platform.Up, "") {
		return err
	}
	if around := r.Around[platform.AccountReactivated]; around != nil {
		_, err = around(ctx)
		return err
	}
	_, err = r.apply(ctx, r.key(), platform.Command{Verb: platform.Reactivate, Subject: s, Expect: platform.Expect{Status: now.Status, Mark: now.Mark}})
	return err
}

func checkContent(ctx context.Context, r *run) error {
	receipt, err := r.carryOut(ctx, down(r.Content, r.mark()))
	if err != nil {
		return err
	}
	if _, err := r.expectState(ctx, r.Account, platform.Up, ""); err != nil {
		return err
	}
	_, err = r.carryOut(ctx, up(r.Content, receipt.After.Mark))
	return err
}

func checkRevision(ctx context.Context, r *run) error {
	before, err := r.expectState(ctx, r.Account, platform.Up, "")
	if err != nil {
		return err
	}
	if err := r.wrongState(ctx, up(r.Account, ""), platform.Up, ""); err != nil {
		return err
	}
	again, err := r.expectState(ctx, r.Account, platform.Up, "")
	if err != nil {
		return err
	}
	if again.Rev != before.Rev {
		return fmt.Errorf("the revision went from %q to %q without a change", before.Rev, again.Rev)
	}
	revisions := []string{before.Rev}
	for range 2 {
		m := r.mark()
		for _, c := range []platform.Command{down(r.Account, m), up(r.Account, m)} {
			receipt, err := r.carryOut(ctx, c)
			if err != nil {
				return err
			}
			if slices.Contains(revisions, receipt.After.Rev) {
				return fmt.Errorf("the revision %q came again after %s", receipt.After.Rev, c.Verb)
			}
			revisions = append(revisions, receipt.After.Rev)
		}
	}
	return nil
}

func checkRepeat(ctx context.Context, r *run) error {
	key, c := r.key(), down(r.Account, r.mark())
	first, err := r.apply(ctx, key, c)
	if err != nil {
		return err
	}
	// Either the first receipt again or a refusal is right; acting is not.
	if _, err := r.Connector.Apply(ctx, key, c); err != nil && fault.KindOf(err) == fault.Unavailable {
		return fmt.Errorf("the repetition leaves open whether it took effect: %w", err)
	}
	return r.checkReceipt(ctx, c, first)
}

func checkSameKey(ctx context.Context, r *run) error {
	key, c := r.key(), down(r.Account, r.mark())
	if _, err := r.apply(ctx, key, c); err != nil {
		return err
	}
	if _, err := r.carryOut(ctx, up(r.Account, c.Mark)); err != nil {
		return err
	}
	// The state is the expected one again: only the key can stop the command.
	if _, err := r.Connector.Apply(ctx, key, c); err != nil && fault.KindOf(err) == fault.Unavailable {
		return fmt.Errorf("the repetition leaves open whether it took effect: %w", err)
	}
	_, err := r.expectState(ctx, r.Account, platform.Up, "")
	return err
}

func checkRefusalFinal(ctx context.Context, r *run) error {
	m := r.mark()
	key, c := r.key(), up(r.Account, m)
	if err := r.refused(ctx, key, c); err != nil {
		return err
	}
	if _, err := r.carryOut(ctx, down(r.Account, m)); err != nil {
		return err
	}
	// Now the state is what the refused command had expected.
	if err := r.refused(ctx, key, c); err != nil {
		return err
	}
	_, err := r.expectState(ctx, r.Account, platform.Down, m)
	return err
}

func checkKeyReused(ctx context.Context, r *run) error {
	key, c := r.key(), down(r.Account, r.mark())
	if _, err := r.apply(ctx, key, c); err != nil {
		return err
	}
	if err := r.refused(ctx, key, up(r.Account, c.Mark)); err != nil {
		return err
	}
	_, err := r.expectState(ctx, r.Account, platform.Down, c.Mark)
	return err
}

func checkLookupDone(ctx context.Context, r *run) error {
	key, c := r.key(), down(r.Account, r.mark())
	receipt, err := r.apply(ctx, key, c)
	if err != nil {
		return err
	}
	// Looked up after a later change: the answer must be about the command, not about the
	// present state.
	if _, err := r.carryOut(ctx, up(r.Account, c.Mark)); err != nil {
		return err
	}
	o, err := r.Connector.Lookup(ctx, key, c)
	if err != nil {
		return fmt.Errorf("looking up: %w", err)
	}
	if !o.Done || !o.Known {
		return fmt.Errorf("done is %v and known is %v", o.Done, o.Known)
	}
	want := r.after(c)
	if !o.Receipt.Before.Is(c.Expect.Status, c.Expect.Mark) || !o.Receipt.After.Is(want.Status, want.Mark) || o.Receipt.After.Rev != receipt.After.Rev {
		return fmt.Errorf("the receipt that is looked up is not the one that was given: %s, then %s",
			platform.Describe(o.Receipt.Before.Status, o.Receipt.Before.Mark), platform.Describe(o.Receipt.After.Status, o.Receipt.After.Mark))
	}
	return nil
}

func checkLookupRefused(ctx context.Context, r *run) error {
	key, c := r.key(), up(r.Account, r.mark())
	if err := r.refused(ctx, key, c); err != nil {
		return err
	}
	o, err := r.Connector.Lookup(ctx, key, c)
	if err != nil {
		return fmt.Errorf("looking up: %w", err)
	}
	if o.Done || !o.Known {
		return fmt.Errorf("done is %v and known is %v", o.Done, o.Known)
	}
	return nil
}

func checkLookupFences(ctx context.Context, r *run) error {
	key, c := r.key(), down(r.Account, r.mark())
	for range 2 {
		o, err := r.Connector.Lookup(ctx, key, c)
		if err != nil {
			return fmt.Errorf("looking up: %w", err)
		}
		if o.Done || !o.Known {
			return fmt.Errorf("done is %v and known is %v", o.Done, o.Known)
		}
		// The command arrives late.
		if err := r.refused(ctx, key, c); err != nil {
			return err
		}
		if _, err := r.expectState(ctx, r.Account, platform.Up, ""); err != nil {
			return err
		}
	}
	return nil
}

const crowd = 12

// together runs f many times at once and returns the receipts, and the errors
// that are not refusals for good.
func together(ctx context.Context, r *run, f func(int) (string, platform.Command)) (receipts []platform.Receipt, refusals int, open error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range crowd {
		key, c := f(i)
		wg.Go(func() {
			<-start
			receipt, err := r.Connector.Apply(ctx, key, c)
			var wrong *platform.WrongState
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				receipts = append(receipts, receipt)
			case errors.As(err, &wrong), fault.KindOf(err) == fault.Conflict:
				refusals++
			default:
				open = err
			}
		})
	}
	close(start)
	wg.Wait()
	return receipts, refusals, open
}

func checkDuplicates(ctx context.Context, r *run) error {
	before, err := r.expectState(ctx, r.Account, platform.Up, "")
	if err != nil {
		return err
	}
	key, c := r.key(), down(r.Account, r.mark())
	receipts, refusals, open := together(ctx, r, func(int) (string, platform.Command) { return key, c })
	if open != nil {
		return fmt.Errorf("a duplicate was neither answered nor refused: %w", open)
	}
	if refusals > 0 || len(receipts) != crowd {
		return fmt.Errorf("of %d duplicates %d were refused; each should have the one receipt", crowd, refusals)
	}
	now, err := r.expectState(ctx, r.Account, platform.Down, r.after(c).Mark)
	if err != nil {
		return err
	}
	for _, receipt := range receipts {
		if receipt.Before.Rev != before.Rev || receipt.After.Rev != now.Rev {
			return fmt.Errorf("one duplicate went from revision %q to %q, but the account went from %q to %q: it acted more than once",
				receipt.Before.Rev, receipt.After.Rev, before.Rev, now.Rev)
		}
	}
	return nil
}

func checkRivals(ctx context.Context, r *run) error {
	marks := make([]platform.Mark, crowd)
	receipts, _, open := together(ctx, r, func(i int) (string, platform.Command) {
		marks[i] = r.mark()
		return r.key(), down(r.Account, marks[i])
	})
	if open != nil {
		return fmt.Errorf("a rival was neither answered nor refused: %w", open)
	}
	if len(receipts) != 1 {
		return fmt.Errorf("%d of %d rivals were carried out on one state", len(receipts), crowd)
	}
	_, err := r.expectState(ctx, r.Account, platform.Down, receipts[0].After.Mark)
	return err
}

func checkGivenUp(ctx context.Context, r *run) error {
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := r.Connector.Apply(gone, r.key(), down(r.Account, r.mark())); err == nil {
		return errors.New("the command was carried out")
	}
	if _, err := r.Connector.Read(gone, r.Account); err == nil {
		return errors.New("the subject was read")
	}
	_, err := r.expectState(ctx, r.Account, platform.Up, "")
	return err
}
