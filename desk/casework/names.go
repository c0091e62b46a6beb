package casework

import (
	"countersign.dev/desk/kernel"
	"countersign.dev/ledger/proof"
	"countersign.dev/workforce"
)

// This file says under which names people stand in what others read of cases. Within one company
// everybody has their pseudonym. A vendor's people never learn who somebody of another company is,
// whatever the policy says; employees do if the policy's action read.people lets them.

// named returns a worker's name as a reader may have it: the pseudonym, or only the company.
func named(s *proof.State, reader workforce.Standing, w workforce.WorkerID) workforce.WorkerID {
	if w == "" || w == reader.Worker {
		return w
	}
	other, ok := s.People.Worker(w)
	switch {
	case !ok:
		return "somebody"
	case other.Vendor == reader.Vendor, kernel.ReadsNames(s, reader):
		return w
	case other.Vendor == "":
		return "an employee"
	}
	return workforce.WorkerID("somebody at " + string(other.Vendor))
}

// dependence says why two people are not independent, in words that name nobody whom the reader
// may not know; empty: they are.
func dependence(why string, s *proof.State, reader workforce.Standing, other workforce.WorkerID) string {
	if why != "" && named(s, reader, other) != other {
		return "you are not independent of each other"
	}
	return why
}
