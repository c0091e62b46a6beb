package prooftest

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	linkv1 "countersign.dev/link/v1"
)

// memory is a ledger in memory. The World's lock guards it.
type memory struct {
	key     *ledger.Key
	log     *ledger.Log
	head    ledger.Head
	entries []ledger.Entry
	hashes  map[int][]tlog.Hash
}

func (m *memory) start(origin string, random io.Reader, at time.Time) error {
	var err error
	if m.key, err = ledger.NewKey(origin, random); err != nil {
		return err
	}
	m.log, m.hashes = &ledger.Log{Origin: origin, Signer: m.key, Rand: random}, map[int][]tlog.Hash{}
	m.head, err = m.log.Start(at)
	return err
}

// Newest implements ledger.Source.
func (m *memory) Newest(context.Context) (int64, []byte, error) {
	return m.head.Size, m.head.Checkpoint, nil
}

// Leaves implements ledger.Source.
func (m *memory) Leaves(_ context.Context, start int64, n int) ([]ledger.Leaf, error) {
	var leaves []ledger.Leaf
	for _, e := range m.entries[start : start+int64(n)] {
		leaves = append(leaves, e.Leaf)
	}
	return leaves, nil
}

// Hashes implements ledger.Source.
func (m *memory) Hashes(_ context.Context, level int, start int64, n int) ([]tlog.Hash, error) {
	if have := int64(len(m.hashes[level])); start+int64(n) > have {
		return nil, fmt.Errorf("hashes %d to %d asked for at level %d, which has %d", start, start+int64(n), level, have)
	}
	return m.hashes[level][start : start+int64(n)], nil
}

// keep makes appended entries part of the log.
func (m *memory) keep(head ledger.Head, entries []ledger.Entry, nodes []ledger.Node) {
	m.head = head
	m.entries = append(m.entries, entries...)
	for _, e := range entries {
		m.hashes[0] = append(m.hashes[0], e.Leaf.Hash())
	}
	for _, n := range nodes {
		m.hashes[n.Level] = append(m.hashes[n.Level], n.Hash)
	}
}

// append appends drafts if allow, called before anything is kept, lets it.
func (w *World) append(drafts []ledger.Draft, allow func([]ledger.Entry) error) ([]ledger.Entry, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	head, entries, nodes, err := w.log.log.Append(w.log.head, drafts, w.clock)
	if err != nil {
		return nil, err
	}
	if allow != nil {
		if err := allow(entries); err != nil {
			return nil, err
		}
	}
	w.log.keep(head, entries, nodes)
	close(w.grown)
	w.grown = make(chan struct{})
	return entries, nil
}

// Append appends entries that nobody checks, as a desk that lies could.
func (w *World) Append(drafts ...ledger.Draft) []ledger.Entry {
	w.t.Helper()
	entries, err := w.append(drafts, nil)
	if err != nil {
		w.t.Fatalf("prooftest: append: %v", err)
	}
	return entries
}

// Size returns the number of entries, and a channel that is closed when there are more.
func (w *World) Size() (int64, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.head.Size, w.grown
}

// Entries returns all entries.
func (w *World) Entries() []ledger.Entry {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.entries[:len(w.log.entries):len(w.log.entries)]
}

// LogKey returns the ledger's key.
func (w *World) LogKey() *ledger.Key { return w.log.key }

// Head returns the ledger's head.
func (w *World) Head() ledger.Head {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.head
}

// Feed returns the ledger from an index on, as followers get it.
func (w *World) Feed(from int64) linkv1.Feed {
	w.mu.Lock()
	defer w.mu.Unlock()
	f := linkv1.Feed{From: from, Checkpoint: string(w.log.head.Checkpoint)}
	for _, e := range w.log.entries[min(from, w.log.head.Size):] {
		f.Leaves = append(f.Leaves, string(e.Leaf.Bytes()))
		b := proof.ServedBody{Index: e.Index, Body: canonical.Raw(e.BodyBytes), Salt: e.Salt}
		if e.Body.Kind == proof.KindTiers {
			b.Sealed = e.Openings
		}
		f.Bodies = append(f.Bodies, b)
	}
	return f
}

// Record enters a record of the executor's, once.
func (w *World) Record(e proof.SignedExecution) error {
	if err := e.Verify(w.State().Trust); err != nil {
		return err
	}
	if err := e.Execution.Check(); err != nil {
		return err
	}
	if err := e.CheckOpenings(); err != nil {
		return err
	}
	var known bool
	_, err := w.append([]ledger.Draft{e.Draft()}, func([]ledger.Entry) error {
		digest := canonical.DigestOf(e)
		var have canonical.Digest
		if have, known = w.records[e.Execution.Sequence]; known {
			if have != digest {
				return fault.New(fault.Conflict, "record-conflict", "The record %d was entered with other content.", e.Execution.Sequence)
			}
			return errKnown
		}
		w.records[e.Execution.Sequence] = digest
		if r, ok := w.requests[e.Execution.Request]; ok && e.Execution.Outcome == proof.Executed && e.Execution.Duty == proof.DutyAct {
			w.measures[r.ID] = measureOf(r, e.Execution.At)
		}
		return nil
	})
	if err == errKnown {
		return nil
	}
	return err
}

// TakeOver enters in the governance chain what the executor took directly, as the
// desk does with its record; what the chain has already is left out.
func (w *World) TakeOver(e proof.SignedExecution) error {
	if w.State().Spent(e.Execution.Request) {
		return nil
	}
	return w.Govern(proof.KindTaken, e)
}

var errKnown = fault.New(fault.Conflict, "known", "It is there already.")

// Executions returns the executor's records in the ledger, in the ledger's order.
func (w *World) Executions() []proof.Execution {
	var all []proof.Execution
	for _, e := range w.Entries() {
		if e.Leaf.Class != ledger.Execution {
			continue
		}
		x, err := proof.ParseExecution(e.Body)
		if err != nil {
			w.t.Fatalf("prooftest: %v", err)
		}
		all = append(all, x.Execution)
	}
	return all
}

// Acted is Executions without what the watch saw.
func (w *World) Acted() []proof.Execution {
	return slices.DeleteFunc(w.Executions(), func(x proof.Execution) bool { return x.Duty == proof.DutyWatch })
}

// OutcomeOf returns the records of one request as "intent executed …" by duty.
func (w *World) OutcomeOf(request string, d proof.Duty) []string {
	var got []string
	for _, x := range w.Executions() {
		if x.Request != request || x.Duty != d {
			continue
		}
		s := x.Kind
		if x.Outcome != "" {
			s += " " + string(x.Outcome)
		}
		if x.Type != "" {
			s += " " + x.Type
		}
		got = append(got, s)
	}
	return got
}

// Executed makes a request's measure one that the executor carried out now, so
// that it may be undone.
func (w *World) Executed(r *Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.measures[r.ID] = measureOf(r, canonical.At(w.clock))
}

// Served returns the ledger as the desk serves it now.
func (w *World) Served() proof.Served {
	head := w.Head()
	frozen := memory{head: head, entries: w.Entries()[:head.Size]}
	w.mu.Lock()
	frozen.hashes = maps.Clone(w.log.hashes)
	w.mu.Unlock()
	tiles := ledger.Tiles{Source: &frozen}
	var taken []proof.ServedBody
	for _, e := range frozen.entries {
		if e.Leaf.Class == ledger.Execution && e.Body.Kind == proof.KindTaken {
			taken = append(taken, proof.ServedBody{Index: e.Index, Body: canonical.Raw(e.BodyBytes), Salt: e.Salt})
		}
	}
	return proof.Served{
		Taken: taken,
		Fetch: func(path string) ([]byte, error) {
			page, err := tiles.Read(context.Background(), path)
			return page.Data, err
		},
		Bodies: func(from int64) ([]proof.ServedBody, error) {
			var all []proof.ServedBody
			for _, e := range frozen.entries[min(from, head.Size):] {
				if e.Leaf.Class == ledger.Governance {
					all = append(all, proof.ServedBody{Index: e.Index, Body: canonical.Raw(e.BodyBytes), Salt: e.Salt})
				}
			}
			return all, nil
		},
	}
}

// Rewind sets the desk's clock, and the time from which its entries may not go back: a desk
// that holds the log's key dates its entries as it likes.
func (w *World) Rewind(to time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock, w.log.head.Time = to, canonical.At(to)
}
