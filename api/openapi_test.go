package api_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/api"
	v1 "countersign.dev/api/v1"
)

type document struct {
	OpenAPI string                 `json:"openapi"`
	Servers []struct{ URL string } `json:"servers"`
	Paths   map[string]map[string]struct {
		OperationID string                               `json:"operationId"`
		Summary     string                               `json:"summary"`
		Security    *[]map[string][]string               `json:"security"`
		MaxBytes    int64                                `json:"x-max-bytes"`
		Parameters  []struct{ Name, In string }          `json:"parameters"`
		RequestBody *struct{ Content content }           `json:"requestBody"`
		Responses   map[string]struct{ Content content } `json:"responses"`
	} `json:"paths"`
	Components struct {
		Schemas map[string]struct {
			Type                 any             `json:"type"`
			AdditionalProperties json.RawMessage `json:"additionalProperties"`
			Properties           map[string]any  `json:"properties"`
		} `json:"schemas"`
	} `json:"components"`
	Problems map[string]string `json:"x-problems"`
}

type content map[string]json.RawMessage

func readDocument(t *testing.T) (document, *api.Server, []byte) {
	t.Helper()
	s, err := api.New(api.Config{Version: "test", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	var d document
	if err := json.Unmarshal(s.OpenAPI(), &d); err != nil {
		t.Fatal(err)
	}
	return d, s, s.OpenAPI()
}

func TestDocumentHasEveryRoute(t *testing.T) {
	d, s, _ := readDocument(t)
	if d.OpenAPI != "3.1.0" {
		t.Errorf("OpenAPI %q", d.OpenAPI)
	}
	documented := map[string][]string{}
	for path, operations := range d.Paths {
		for method := range operations {
			documented[path] = append(documented[path], strings.ToUpper(method))
		}
		slices.Sort(documented[path])
	}
	if diff := cmp.Diff(s.Routes(), documented); diff != "" {
		t.Errorf("routes of the code (-) and of the document (+): %s", diff)
	}
	// What the contract with clients names.
	for _, want := range []string{"POST /drafts", "POST /requests", "GET /requests", "GET /requests/{id}", "POST /requests/{id}/drafts",
		"POST /requests/{id}/undo-drafts", "POST /requests/{id}/countersignatures", "POST /requests/{id}/declines",
		"POST /requests/{id}/withdrawal", "GET /requests/{id}/warrant", "GET /workers", "GET /workers/{id}", "GET /vendors", "GET /keys",
		"GET /subjects", "GET /policy", "POST /policy/check", "POST /policy/backtest", "POST /tokens", "GET /tokens", "DELETE /tokens/{id}", "DELETE /workers/{id}/tokens", "GET /platforms", "GET /desk",
		"GET /status", "GET /status/matters", "GET /ledger/entries", "GET /openapi.json", "GET /incidents", "POST /incidents", "GET /incidents/{id}",
		"GET /incidents/{id}/report", "GET /incidents/{id}/attribution", "POST /incidents/{id}/ruling", "POST /incidents/{id}/tasks", "POST /incidents/{id}/tasks/{number}/result",
		"POST /incidents/{id}/findings", "GET /programs", "POST /programs/tokens", "GET /programs/self", "GET /alarms", "GET /events", "GET /sightings"} {
		method, path, _ := strings.Cut(want, " ")
		if !slices.Contains(documented[v1.Base+path], method) {
			t.Errorf("%s is missing", want)
		}
	}
}

func TestDocumentIsStrict(t *testing.T) {
	d, _, raw := readDocument(t)
	if len(d.Servers) != 1 || d.Servers[0].URL != "/" {
		t.Errorf("servers: %v", d.Servers)
	}
	requests := d.Paths[v1.Base+"/requests"]["post"].Responses
	if a, b := requests["200"].Content["application/json"], requests["201"].Content["application/json"]; len(a) == 0 || string(a) != string(b) {
		t.Errorf("a repeat of a submission is described as %s, the submission as %s", a, b)
	}
	open := map[string]bool{"status": true, "openapi": true, "sign-in": true, "program-sign-in": true, "open-invitation": true, "answer-invitation": true}
	seen := map[string]bool{}
	for path, operations := range d.Paths {
		for method, o := range operations {
			if o.OperationID == "" || o.Summary == "" || seen[o.OperationID] {
				t.Errorf("%s %s: identifier %q, summary %q", method, path, o.OperationID, o.Summary)
			}
			seen[o.OperationID] = true
			// Left out, it would be whatever the document says for all routes.
			if o.Security == nil || (len(*o.Security) == 0) != open[o.OperationID] {
				t.Errorf("%s: security %v", o.OperationID, o.Security)
			}
			if (o.MaxBytes > 0) != (method == "post") {
				t.Errorf("%s: x-max-bytes %d", o.OperationID, o.MaxBytes)
			}
			_, ok := o.Responses["default"]
			if !ok {
				t.Errorf("%s: no refusal is described", o.OperationID)
			}
		}
	}
	for name, s := range d.Components.Schemas {
		if s.Type == "object" && s.Properties != nil && string(s.AdditionalProperties) != "false" {
			t.Errorf("schema %s lets unknown members in", name)
		}
	}
	for _, part := range strings.Split(string(raw), `"$ref":"#/components/schemas/`)[1:] {
		name, _, _ := strings.Cut(part, `"`)
		if _, ok := d.Components.Schemas[name]; !ok {
			t.Errorf("schema %s is referred to and missing", name)
		}
	}
	for _, secret := range []string{"Hash", "hash", "Salt"} {
		for name, s := range d.Components.Schemas {
			if _, ok := s.Properties[secret]; ok && name != "LedgerStatus" {
				t.Errorf("schema %s has a member %s", name, secret)
			}
		}
	}
}
