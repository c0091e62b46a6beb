package plaza

import (
	"countersign.dev/fault"
	"countersign.dev/sqldb"
)

// postLongest is the number of characters that a post may have.
const postLongest = 1000

// answered returns the number of the post that is to be answered; 0 for none. Nobody
// answers a post that is not shown.
func answered(tx *sqldb.Tx, name string) (int64, error) {
	if name == "" {
		return 0, nil
	}
	id, err := parseID(name)
	if err != nil {
		return 0, err
	}
	p, a, err := postWithAccount(tx, id.number)
	switch {
	case err != nil:
		return 0, err
	case p.status == Deleted:
		return 0, noSuchSubject(name)
	case p.status != Up || a.status != Up:
		return 0, fault.New(fault.Conflict, "wrong-state", "%s is not shown at the moment and cannot be answered.", name)
	}
	return p.number, nil
}
