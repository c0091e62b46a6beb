package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/go-json-experiment/json"

	"countersign.dev/alarm"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
)

// alarmFile is in the executor's folder.
const alarmFile = "alarm.json"

// lastResort returns how the executor alarms when the desk does not answer; nil if
// no address is set.
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
		x := r.Execution
		data := canonical.MustMarshal(map[string]any{"breach": x.Request, "executor": x.Executor, "sequence": x.Sequence, "platform": x.Sight.Platform,
			"tier": x.Sight.Tier, "found": x.Sight.Found, "why": x.Sight.Why, "order": x.Sight.Order, "text": "The desk does not take this breach; look whether it is alive."})
		err := sender.Send(ctx, to, alarm.Message{ID: x.Request, Type: alarm.Breach, Time: x.At, Data: data})
		switch alarm.OutcomeOf(err) {
		case alarm.Delivered:
			return nil
		case alarm.Retry:
			return err
		}
		log.Error("the address for alarms takes none", "error", err)
		return nil // nothing more will come of it
	}, nil
}
