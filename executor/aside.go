package executor

import (
	"context"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/executor/journal"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
)

// This file holds what the watch knows of the layers of a subject besides its visibility,
// and decides which of them to look at.
//
// Each layer is guarded as the visibility is: what was last explained or accepted there is
// right. A layer that was never seen to stand has no knowledge of its own; that of
// journal.OtherLayers, which is there once the layers of a subject that matters were read,
// says that it was clear. Looks at these layers have a queue and workers of their own, and
// each takes the lock of its own layer, so that nothing in a layer holds up the visibility.

// layers is what is known of the layers of one subject but the visibility.
type layers map[platform.Layer]journal.Watched

// put notes what is known of a layer.
func (w layersOf) put(k journal.Watched) {
	if w[k.Subject.ID] == nil {
		w[k.Subject.ID] = layers{}
	}
	w[k.Subject.ID][k.Layer] = k
}

// layersOf is the layers by subject identifier.
type layersOf map[string]layers

// in returns what is known of a layer; known is false if nobody knows which state is right
// there.
func (w *watcher) in(at spot) (k journal.Watched, known bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.inLocked(at)
}

// inLocked is in with the lock held.
func (w *watcher) inLocked(at spot) (k journal.Watched, known bool) {
	if at.layer == platform.VisibilityLayer {
		k, known = w.known[at.id]
		return k, known
	}
	beside := w.layers[at.id]
	if k, known = beside[at.layer]; !known {
		if k, known = beside[journal.OtherLayers]; !known {
			return journal.Watched{}, false
		}
		k.Layer, k.State.Status = at.layer, at.layer.Clear()
	}
	k.Tier = k.Tier.Max(w.known[at.id].Tier)
	return k, k.State.Status != ""
}

// tells reports whether the watch judges the layers besides the visibility. The records of
// version 1 cannot name them, and a desk that signs in version 1 does not accept one that
// does, nor any record after it. The layers are read once the desk has changed its formats.
func (w *watcher) tells() bool { return w.e.recordVersion() != proof.ExecutionV1 }

// look queues a look at a layer.
func (w *watcher) look(l glance) {
	if l.layer == platform.VisibilityLayer {
		w.queue.add(l)
		return
	}
	if !w.tells() {
		return
	}
	l.locks = false
	w.aside.add(l)
}

// legible reports whether a subject as it was read tells a layer. While the subject is
// deleted it tells none; while it is deactivated, only those that the platform still
// shows (casework, section 4).
func legible(l platform.Layer, s platform.State) bool {
	switch s.Status {
	case platform.Deleted:
		return false
	case platform.Deactivated:
		return s.Shows(l)
	}
	return true
}

// beside asks for a look at every layer of a subject but the visibility that is not as it
// was known, as the subject was just read.
func (w *watcher) beside(ctx context.Context, l glance, tier actions.Tier, s platform.State) error {
	if s.Status == platform.Deleted || !w.tells() {
		return nil
	}
	w.mu.Lock()
	known := len(w.layers[l.id])
	_, read := w.layers[l.id][journal.OtherLayers]
	w.mu.Unlock()
	first := !read && tier != actions.Standard
	if len(s.Layers) == 0 && known == 0 && !first {
		return nil
	}
	if first && w.c.Capabilities().Layered() {
		if err := w.firstSight(ctx, l, tier, s); err != nil {
			return err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for layer := range s.Layers {
		w.differs(l, layer, tier, s)
	}
	for layer := range w.layers[l.id] {
		if _, stands := s.Layers[layer]; !stands && layer != journal.OtherLayers && legible(layer, s) {
			w.differs(l, layer, tier, s)
		}
	}
	return nil
}

// differs asks for a look at a layer if it is not as it was known, or if a breach is open
// there. It is called with the lock held.
func (w *watcher) differs(l glance, layer platform.Layer, tier actions.Tier, s platform.State) {
	at := spot{l.id, layer}
	k, known := w.inLocked(at)
	_, open := w.open[at]
	found := s.At(layer)
	if known && found == k.State && !open || !known && found.Status == layer.Clear() && !open {
		return
	}
	l.layer, l.events, l.sort, l.urgent, l.tries = layer, nil, false, tier == actions.Critical, 0
	w.look(l)
}

// firstSight notes that the layers of a subject that matters were read for the first time.
// Nobody knows whether what stands there is right; what does not stand is not expected to.
func (w *watcher) firstSight(ctx context.Context, l glance, tier actions.Tier, s platform.State) error {
	of := platform.Subject{Platform: w.name, ID: l.id, Handle: l.handle}
	at := canonical.At(w.e.now())
	seen := []journal.Watched{{Subject: of, Layer: journal.OtherLayers, Tier: tier, State: platform.Expect{Status: platform.Unset}, Since: at, Baseline: -1}}
	w.mu.Lock()
	for layer := range s.Layers {
		if _, known := w.layers[l.id][layer]; !known {
			seen = append(seen, journal.Watched{Subject: of, Layer: layer, Tier: tier, Since: at, Baseline: -1})
		}
	}
	w.mu.Unlock()
	if err := w.e.journal.Begin(ctx, seen...); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, k := range seen {
		if _, known := w.layers[l.id][k.Layer]; !known {
			w.layers.put(k)
		}
	}
	return nil
}

// unseen notes that a layer cannot be seen, since its subject is deleted: what a breach had
// left there is gone with it.
func (w *watcher) unseen(l glance, s platform.State) error {
	if s.Status != platform.Deleted {
		return nil
	}
	return w.lifted(l, platform.Expect{Status: l.layer.Clear()}, canonical.At(w.e.now()), "")
}

// sweepLayers asks for a look at the layers of subjects of which nothing else is known,
// such as content, which no platform lists. An account that was listed with its layers has
// been compared already. It is called with the lock held.
func (w *watcher) sweepLayers(listed map[string]bool) {
	for id, beside := range w.layers {
		if _, known := w.known[id]; known || listed[id] {
			continue
		}
		for layer, k := range beside {
			if layer != journal.OtherLayers {
				w.aside.add(glance{id: id, layer: layer, handle: k.Subject.Handle, via: viaSweep})
			}
		}
	}
}
