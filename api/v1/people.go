package v1

import (
	"countersign.dev/canonical"
	"countersign.dev/workforce"
)

// Worker is a person at the desk, by pseudonym.
type Worker struct {
	ID       workforce.WorkerID `json:"id"`
	Vendor   workforce.VendorID `json:"vendor" doc:"empty: an employee"`
	Roles    []workforce.Role   `json:"roles"`
	Team     string             `json:"team"`
	Manager  workforce.WorkerID `json:"manager"`
	Site     string             `json:"site"`
	Zone     string             `json:"zone"`
	Start    canonical.Time     `json:"start"`
	Last     canonical.Time     `json:"last" doc:"the engagement ends at this instant; empty: open-ended"`
	Notice   canonical.Time     `json:"notice"`
	Admitted canonical.Time     `json:"admitted"`
	Founding bool               `json:"founding"`
	Ended    canonical.Time     `json:"ended" doc:"ended by an action before its last day"`
	Entry    int64              `json:"entry" doc:"number of the governance entry with the newest record"`
	Standing Standing           `json:"standing"`
	Keys     []Key              `json:"keys" doc:"empty in lists"`
	Person   *Person            `json:"person,omitempty" doc:"only if asked for, and if the desk lets you read it"`
}

// Standing is a worker's present standing.
type Standing struct {
	Engaged  bool           `json:"engaged"`
	Why      string         `json:"why" doc:"why not engaged"`
	Employee bool           `json:"employee"`
	InNotice bool           `json:"in_notice"`
	Ratchet  bool           `json:"ratchet" doc:"within the vendor's ratchet before the last day"`
	Newcomer bool           `json:"newcomer"`
	Last     canonical.Time `json:"last"`
}

// Person holds the personal fields of a worker.
type Person struct {
	Name  string `json:"name"`
	Email string `json:"email"`
}

// WorkerFilter chooses workers, by identifier.
type WorkerFilter struct {
	Vendor *workforce.VendorID // empty: employees
	Role   workforce.Role
	Cursor string
	Limit  int
}

// Vendor is a company that supplies workers.
type Vendor struct {
	ID      workforce.VendorID `json:"id"`
	Name    string             `json:"name"`
	Ratchet int                `json:"ratchet" doc:"days before a last day from which burdening acts on protected and critical subjects are refused"`
	Workers int                `json:"workers" doc:"records, ended ones included; 0 of another company, for those who do not read its people"`
}

// Key is an enrolled key.
type Key struct {
	ID         workforce.KeyID     `json:"id"`
	Worker     workforce.WorkerID  `json:"worker"`
	Algorithm  workforce.Algorithm `json:"algorithm"`
	Public     canonical.Bytes     `json:"public"`
	Credential canonical.Bytes     `json:"credential"`
	Hardware   bool                `json:"hardware"`
	Enrolled   canonical.Time      `json:"enrolled"`
	Revoked    canonical.Time      `json:"revoked"`
	Entry      int64               `json:"entry"`
}

// Token is a bearer token without its secret.
type Token struct {
	ID      string             `json:"id"`
	Worker  workforce.WorkerID `json:"worker"`
	Key     workforce.KeyID    `json:"key" doc:"that signed for it"`
	Name    string             `json:"name"`
	Created canonical.Time     `json:"created"`
	Expires canonical.Time     `json:"expires"`
	Revoked canonical.Time     `json:"revoked"`
	Current bool               `json:"current,omitzero" doc:"in a list: the one with which it was asked for"`
}
