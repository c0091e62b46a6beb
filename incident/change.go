package incident

import (
	"slices"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/prose"
	"countersign.dev/wording"
	"countersign.dev/workforce"
)

// Limits of texts that people write.
const (
	MaxTitle    = 200    // bytes
	MaxTask     = 2_000  // bytes of a task, and of its result
	MaxFindings = 50_000 // bytes
	MaxTasks    = 100
)

func checkText(what, text string, most int) error {
	if text == "" || len(text) > most {
		return fault.New(fault.Invalid, "bad-incident", "%s has 1 to %d bytes.", what, most)
	}
	return prose.Check(what, text)
}

func (i Incident) touch() Incident {
	i.Version++
	i.Tasks = slices.Clone(i.Tasks)
	return i
}

func (i Incident) open() error {
	if i.Status != Open {
		return fault.New(fault.Conflict, "incident-closed", "The incident was closed at %s.", i.Closed)
	}
	return nil
}

// Joined notes that another breach of the same subject belongs to this incident.
func (i Incident) Joined() (Incident, error) {
	if err := i.open(); err != nil {
		return i, err
	}
	return i.touch(), nil
}

// Assign adds a task. The caller has to know whether its owner is independent of the
// people involved.
func (i Incident) Assign(text string, owner workforce.WorkerID) (Incident, error) {
	if err := i.open(); err != nil {
		return i, err
	}
	if err := checkText("A task", text, MaxTask); err != nil {
		return i, err
	}
	if len(i.Tasks) >= MaxTasks {
		return i, fault.New(fault.Exhausted, "too-many-tasks", "An incident has at most %d tasks.", MaxTasks)
	}
	i = i.touch()
	i.Tasks = append(i.Tasks, Task{Number: int64(len(i.Tasks)) + 1, Text: text, Owner: owner})
	return i, nil
}

// Finish notes the result of a task, which only its owner may report.
func (i Incident) Finish(number int64, by workforce.WorkerID, result string, now canonical.Time) (Incident, error) {
	if err := i.open(); err != nil {
		return i, err
	}
	at := slices.IndexFunc(i.Tasks, func(t Task) bool { return t.Number == number })
	switch {
	case at < 0:
		return i, fault.New(fault.NotFound, "no-such-task", "The incident has no task %d.", number)
	case i.Tasks[at].Owner != by:
		return i, fault.New(fault.Forbidden, "not-your-task", "The task is %s's to finish.", i.Tasks[at].Owner)
	case !i.Tasks[at].Done.IsZero():
		return i, fault.New(fault.Conflict, "task-done", "The task was finished at %s.", i.Tasks[at].Done)
	}
	if err := checkText("A result", result, MaxTask); err != nil {
		return i, err
	}
	i = i.touch()
	i.Tasks[at].Done, i.Tasks[at].Result = now, result
	return i, nil
}

// Proposable checks findings with which a person wants to close the incident.
func (i Incident) Proposable(findings string) error {
	if err := i.open(); err != nil {
		return err
	}
	return checkText("The text of findings", findings, MaxFindings)
}

// Close closes the incident by a review that was countersigned.
func (i Incident) Close(review, findings string, now canonical.Time) (Incident, error) {
	if err := i.open(); err != nil {
		return i, err
	}
	left := 0
	for _, t := range i.Tasks {
		if t.Done.IsZero() {
			left++
		}
	}
	if left > 0 {
		return i, fault.New(fault.Conflict, "tasks-open", "%s not done; the incident is closed afterwards.", wording.Plural(left, "task of the incident is", "tasks of the incident are"))
	}
	i = i.touch()
	i.Status, i.Review, i.Findings, i.Closed = Closed, review, findings, now
	return i, nil
}

// FindingsDigest returns the digest of the findings that a review signs.
func FindingsDigest(text string) canonical.Digest { return canonical.Sum([]byte(text)) }

// Contest opens an incident on a request.
func Contest(id string, r actions.Request, by workforce.WorkerID, title string, now canonical.Time) (Incident, error) {
	if err := checkText("A title", title, MaxTitle); err != nil {
		return Incident{}, err
	}
	if err := prose.CheckLine("A title", title); err != nil {
		return Incident{}, err
	}
	return Incident{ID: id, Version: 1, Status: Open, Cause: Contested, Request: r.ID, Subject: r.Action.Subject, Layer: r.Action.Command.Layer, Tier: r.Action.Tier,
		Opened: now, By: by, Title: title}, nil
}
