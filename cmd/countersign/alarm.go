package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/go-json-experiment/json"

	"countersign.dev/actions"
	"countersign.dev/alarm"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
)

// alarmFile is a file in the executor's folder.
const alarmFile = "alarm.json"

// lastResort returns the function by which the executor raises alarms when the desk does
// not answer; nil if no address is set.
func lastResort(folder string, log *slog.Logger) (func(context.Context, proof.SignedExecution) error, error) {
	path := filepath.Join(folder, alarmFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var a AlarmAddress
	if err == nil {
		err = json.Unmarshal(b, &a, json.RejectUnknownMembers(true))
	}
	if err != nil {
		// No cause: it could quote the key.
		return nil, fault.New(fault.Invalid, "bad-config", "%s is not an address for alarms with url and secret.", path)
	}
	to, err := a.endpoint()
	if err != nil {
		return nil, err
	}
	var sender alarm.Sender
	return func(ctx context.Context, r proof.SignedExecution) error {
		err := sender.Send(ctx, to, lastMessage(r.Execution))
		switch alarm.OutcomeOf(err) {
		case alarm.Delivered:
			return nil
		case alarm.Retry:
			return err
		}
		log.Error("the address for alarms takes none", "error", err)
		return nil // no further attempt would help
	}, nil
}

// lastMessage is the alarm to the executor's one address about a record that the desk
// does not accept.
func lastMessage(x proof.Execution) alarm.Message {
	const dead = "The desk does not take this record of the executor; look whether it is alive."
	data := map[string]any{"request": x.Request, "executor": x.Executor, "sequence": x.Sequence, "kind": x.Kind, "type": x.Type, "outcome": x.Outcome, "text": dead}
	typ := alarm.Breach
	switch {
	case x.Kind == proof.KindTaken && x.Taken != nil && x.Taken.Action.Kind == actions.DeskKey:
		typ = alarm.SessionsVoided
	case x.Kind == proof.KindTaken:
		typ = alarm.Frozen
	case platform.RefusesCredential(x.Type):
		typ = alarm.CredentialRefused
	case x.Kind == proof.KindBlind:
		typ = alarm.StreamSilent
	case x.Duty == proof.DutyLift:
		typ = alarm.LiftFailed
	case x.Duty == proof.DutyRestore:
		typ = alarm.RestoreFailed
	}
	if s := x.Sight; s != nil {
		for name, v := range map[string]any{"platform": s.Platform, "tier": s.Tier, "found": s.Found, "why": s.Why, "order": s.Order} {
			data[name] = v
		}
		if x.Kind == proof.KindBreach {
			data["breach"] = x.Request
		}
	}
	return alarm.Message{ID: x.Request, Type: typ, Time: x.At, Data: canonical.MustMarshal(data)}
}
