package rehearsal

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"time"

	"countersign.dev/deskdir"
	"countersign.dev/platform/bluesky"
	"countersign.dev/plaza"
)

// takeDown calls the platform itself: the staff API of plaza, or the
// administration of a PDS.
func (g *testbed) takeDown(ctx context.Context, h *http.Client, authorization string, a account) (int, error) {
	if g.pds != nil {
		return call(ctx, h, http.MethodPost, g.pds.url+"/xrpc/com.atproto.admin.updateSubjectStatus", authorization, nil, map[string]any{
			"subject": repoRef(a), "takedown": map[string]any{"applied": true, "ref": "TICKET-4411"}}, nil)
	}
	return g.staffCommand(ctx, h, authorization, a, plaza.Takedown)
}

// switchOff repeats the act of 2017.
func (g *testbed) switchOff(ctx context.Context, h *http.Client, authorization string, a account) (int, error) {
	if g.pds != nil {
		return call(ctx, h, http.MethodPost, g.pds.url+"/xrpc/com.atproto.admin.updateSubjectStatus", authorization, nil, map[string]any{
			"subject": repoRef(a), "deactivated": map[string]any{"applied": true}}, nil)
	}
	return g.staffCommand(ctx, h, authorization, a, plaza.Deactivate)
}

func repoRef(a account) map[string]any {
	return map[string]any{"$type": "com.atproto.admin.defs#repoRef", "did": a.id}
}

func (g *testbed) staffCommand(ctx context.Context, h *http.Client, authorization string, a account, verb plaza.Verb) (int, error) {
	var key [12]byte
	if _, err := rand.Read(key[:]); err != nil {
		return 0, fmt.Errorf("make a key: %w", err)
	}
	return call(ctx, h, http.MethodPost, g.plaza+"/staff/v1/commands", authorization, map[string]string{"Idempotency-Key": hex.EncodeToString(key[:])}, map[string]any{
		"verb": verb, "subject": map[string]any{"id": a.id}, "expect": map[string]any{"status": "up"}, "mark": "TICKET-4411"}, nil)
}

// forgedLabel is the label that somebody of plaza's staff sets around the desk.
const forgedLabel = "misleading"

// label sets the label on an account of plaza, or takes it away.
func (g *testbed) label(ctx context.Context, h *http.Client, authorization string, a account, verb plaza.Verb) (int, error) {
	var key [12]byte
	if _, err := rand.Read(key[:]); err != nil {
		return 0, fmt.Errorf("make a key: %w", err)
	}
	command := map[string]any{"verb": verb, "layer": plaza.LabelLayer(forgedLabel), "subject": map[string]any{"id": a.id}}
	if verb == plaza.Label {
		command["expect"], command["mark"] = map[string]any{"status": plaza.Unset}, "TICKET-4412"
	} else {
		command["expect"] = map[string]any{"status": plaza.IsSet, "mark": "TICKET-4412"}
	}
	return call(ctx, h, http.MethodPost, g.plaza+"/staff/v1/commands", authorization, map[string]string{"Idempotency-Key": hex.EncodeToString(key[:])}, command, nil)
}

// nightShift is the name on plaza of the misused credential's holder.
const nightShift = "night-shift"

// credential is the credential of a member of the platform's staff.
func (g *testbed) credential(ctx context.Context) (string, error) {
	if g.pds != nil {
		return g.pds.admin(), nil // a PDS has one for all
	}
	db, err := plaza.Open(ctx, "sqlite:"+filepath.Join(g.dir, deskdir.PlazaDatabase))
	if err != nil {
		return "", err
	}
	token, err := plaza.New(plaza.Config{DB: db, Log: g.log}).IssueToken(ctx, nightShift, plaza.StaffScope)
	return "Bearer " + token, errors.Join(err, db.Close())
}

// lockOwner makes an account's owner promise, on the platform, never to deactivate it
// without telling us.
func (g *testbed) lockOwner(ctx context.Context, a account) error {
	if g.pds != nil {
		return g.pds.call(ctx, "Bearer "+a.owner, "com.atproto.repo.putRecord", map[string]any{
			"repo": a.id, "collection": bluesky.LockCollection, "rkey": bluesky.LockKey,
			"record": map[string]any{"$type": bluesky.LockCollection, "createdAt": time.Now().UTC().Format("2006-01-02T15:04:05.000Z")}}, nil)
	}
	_, err := call(ctx, http.DefaultClient, http.MethodPut, g.plaza+"/owner/v1/lock", "Bearer "+a.owner, nil, nil, nil)
	return err
}

// readDirectly reads an account as staff do.
func (g *testbed) readDirectly(ctx context.Context, h *http.Client, authorization string, a account) error {
	address := g.plaza + "/staff/v1/subjects?id=" + url.QueryEscape(a.id)
	if g.pds != nil {
		address = g.pds.url + "/xrpc/com.atproto.admin.getSubjectStatus?did=" + url.QueryEscape(a.id)
	}
	_, err := call(ctx, h, http.MethodGet, address, authorization, nil, nil, nil)
	return err
}

// touch makes the call that lifts a measure where there is none. A PDS does the same work
// for it, and plaza refuses it after the same work.
func (g *testbed) touch(ctx context.Context, h *http.Client, authorization string, a account) error {
	if g.pds != nil {
		_, err := call(ctx, h, http.MethodPost, g.pds.url+"/xrpc/com.atproto.admin.updateSubjectStatus", authorization, nil, map[string]any{
			"subject": repoRef(a), "takedown": map[string]any{"applied": false}}, nil)
		return err
	}
	if status, err := g.staffCommand(ctx, h, authorization, a, plaza.Restore); status != http.StatusConflict && status != http.StatusBadRequest {
		return err
	}
	return nil
}
