package wording

import (
	"fmt"

	"countersign.dev/actions"
)

// program says what a change of a program does.
func program(p actions.Program) string {
	switch p.Op {
	case actions.ProgramAdd:
		return fmt.Sprintf("Let the program %s bring in reports from %s, all of the source %s, at most %s a minute, with the key %s; %s answers for it",
			p.ID, Joined(p.Platforms), p.Source, Many(int(p.Rate), "report"), p.Key.ID(), p.Owner)
	case actions.ProgramEnd:
		return fmt.Sprintf("End the program %s, at once and for ever: it brings in no more reports", p.ID)
	}
	return fmt.Sprintf("Hand the program %s over to %s, who answers for it from then on", p.ID, p.Owner)
}

// ProgramBefore gives the present facts about a program that is ended or handed over; the
// zero program is none.
func ProgramBefore(old, fresh actions.Program) []string {
	if old.ID == "" {
		return []string{fmt.Sprintf("The program %s is new.", fresh.ID)}
	}
	return []string{fmt.Sprintf("Until now the program %s brings in reports from %s, all of the source %s, at most %s a minute, and %s answers for it.",
		old.ID, Joined(old.Platforms), old.Source, Many(int(old.Rate), "report"), old.Owner)}
}
