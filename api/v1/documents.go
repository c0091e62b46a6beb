package v1

import "countersign.dev/ledger/proof"

// Documents is a page of documents of a sort. Each is as the desk's row has it.
type Documents struct {
	Items []proof.ServedDocument `json:"items"`
	Next  int64                  `json:"next" doc:"value of after for the next page"`
}
