package actions

import (
	"fmt"
	"slices"

	"countersign.dev/canonical"
	"countersign.dev/workforce"
)

// The subjects of reviews.
const (
	ReviewEmergency = "emergency"
	ReviewIncident  = "incident"
)

// Review is the change of desk.review: it closes the review of an emergency act or of an
// incident. Neither those who were involved, nor people who depend on them, may sign it.
type Review struct {
	Of       string               `json:"of"`       // "emergency" or "incident"
	ID       string               `json:"id"`       // the request, or the incident
	Involved []workforce.WorkerID `json:"involved"` // sorted
	Findings canonical.Digest     `json:"findings"` // SHA-256 of the text of the findings
}

// Direction of closing a review is burdening: it unlocks what the review had locked.
func (Review) Direction() Direction { return Burdening }

// Part is the reviews.
func (Review) Part() string { return PartReviews }

func (c Review) check() error {
	switch {
	case c.Of != ReviewEmergency && c.Of != ReviewIncident || c.ID == "" || len(c.ID) > 100:
		return fmt.Errorf("a review names an emergency or an incident")
	case c.Findings.IsZero():
		return fmt.Errorf("a review is closed with findings")
	case len(c.Involved) > 100 || !slices.IsSorted(c.Involved) || len(slices.Compact(slices.Clone(c.Involved))) != len(c.Involved):
		return fmt.Errorf("those involved are sorted, each once, 100 at most")
	case c.Of == ReviewEmergency && len(c.Involved) == 0:
		return fmt.Errorf("the review of an emergency act names who did it")
	}
	return nil
}
