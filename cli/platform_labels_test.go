package cli

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/platform"
)

// signedPlatform runs a command that changes a platform, and returns the platform as it
// was signed.
func signedPlatform(t *testing.T, dir string, args ...string) (result, actions.Platform) {
	t.Helper()
	r := command(t, dir, append(args, "--reason", "r", "--yes", "--json")...)
	if r.code != Done {
		return r, actions.Platform{}
	}
	var doc v1.Request
	if err := json.Unmarshal([]byte(r.stdout), &doc); err != nil {
		t.Fatal(err)
	}
	change, err := actions.ParseChange(doc.Action.Kind, doc.Action.Change)
	if err != nil {
		t.Fatal(err)
	}
	return r, *change.(actions.Setting).Platform
}

// TestLabelsOfANewPlatform are all that its connector offers, unless somebody says which.
// A platform that is connected once more keeps those that are listed.
func TestLabelsOfANewPlatform(t *testing.T) {
	offers := v1.Status{Formats: actions.NewestFormats, Executor: &v1.ExecutorStatus{Platforms: []string{"plaza"},
		Facts: map[string][]platform.Fact{"plaza": platform.Facts}, Labels: map[string][]string{"plaza": {"graphic", "spam"}}}}
	old := offers
	old.Formats = actions.FirstFormats
	silent := v1.Status{Formats: actions.NewestFormats}
	known := v1.Platform{Name: "plaza", Connector: "plaza", Facts: platform.Facts, Labels: []string{"spam"}}
	add := []string{"platform", "add", "plaza", "--connector", "plaza"}
	for name, c := range map[string]struct {
		status v1.Status
		known  []v1.Platform
		more   []string
		want   []string
		says   string
	}{
		"all that is offered":        {offers, nil, nil, []string{"graphic", "spam"}, "The platform plaza is new."},
		"those that are named":       {offers, nil, []string{"--labels", "spam,misleading,spam"}, []string{"misleading", "spam"}, "labels that may be set there: misleading and spam"},
		"none in the formats 1":      {old, nil, nil, nil, "The platform plaza is new."},
		"none without the executor":  {silent, nil, []string{"--facts", "followers,office"}, nil, "The platform plaza is new."},
		"those that are named again": {offers, []v1.Platform{known}, []string{"--labels", "graphic"}, []string{"graphic"}, "labels that may be set no more: spam"},
	} {
		r, p := signedPlatform(t, deskFor(t, c.status, c.known...), append(slices.Clone(add), c.more...)...)
		if r.code != Done || !slices.Equal(p.Labels, c.want) || !strings.Contains(r.stderr, c.says) {
			t.Errorf("%s: %d, labels %q, want %q\n%s", name, r.code, p.Labels, c.want, r.stderr)
		}
	}
	if r, _ := signedPlatform(t, deskFor(t, offers, known), add...); r.code != Refused || !strings.Contains(r.stderr, "The platform plaza is connected just so already, so nothing would change.") {
		t.Errorf("those that are listed: %d %s", r.code, r.stderr)
	}
	if r, _ := signedPlatform(t, deskFor(t, offers), append(slices.Clone(add), "--labels", "Spam")...); r.code != Wrong || !strings.Contains(r.stderr, `"Spam" is not the value of a label`) {
		t.Errorf("a value that is none: %d %s", r.code, r.stderr)
	}
}

// TestLabelsAreChanged: the change says which labels come and go, keeps the others and
// all else of the platform.
func TestLabelsAreChanged(t *testing.T) {
	known := v1.Platform{Name: "plaza", Connector: "plaza", Facts: platform.Facts, Labels: []string{"graphic", "spam"}}
	blunt := v1.Platform{Name: "bluesky", Connector: "bluesky", Facts: []platform.Fact{platform.FactCreated, platform.FactOwner}}
	dir := deskFor(t, v1.Status{Formats: actions.NewestFormats}, known, blunt)
	for _, c := range []struct {
		args []string
		want []string
		says []string
	}{
		{[]string{"plaza", "--add", "sensitive"}, []string{"graphic", "sensitive", "spam"}, []string{"This changes the labels of plaza, and nothing else of it:\n", "labels that may be set from now on: sensitive\n"}},
		{[]string{"plaza", "--remove", "graphic,spam"}, nil, []string{"labels that may be set no more: graphic and spam\n"}},
		{[]string{"plaza", "--add", "a,b", "--remove", "spam"}, []string{"a", "b", "graphic"},
			[]string{"labels that may be set from now on: a and b\n", "labels that may be set no more: spam\n"}},
	} {
		r, p := signedPlatform(t, dir, append([]string{"platform", "labels"}, c.args...)...)
		if r.code != Done || !slices.Equal(p.Labels, c.want) || p.Name != "plaza" || p.Connector != "plaza" || !slices.Equal(p.Facts, platform.Facts) {
			t.Errorf("%q: %d, signed %+v\n%s", c.args, r.code, p, r.stderr)
		}
		for _, says := range c.says {
			if !strings.Contains(r.stderr, says) {
				t.Errorf("%q: it is not said that %s\n%s", c.args, says, r.stderr)
			}
		}
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"plaza"}, Wrong, "Listed with plaza: graphic, spam."},
		{[]string{"plaza", "--add", "spam"}, Refused, "The label spam is listed with plaza already."},
		{[]string{"plaza", "--remove", "sensitive"}, Refused, "The label sensitive is not listed with plaza. Listed there: graphic, spam."},
		{[]string{"plaza", "--add", "a", "--remove", "a"}, Wrong, "cannot be added and removed at once"},
		{[]string{"plaza", "--add", "a b"}, Wrong, `"a b" is not the value of a label`},
		{[]string{"plaza", "--add", "a", "--unranked"}, Refused, "leave --unranked out"},
		{[]string{"bluesky", "--add", "a"}, Refused, "add --unranked"},
		{[]string{"harbour", "--add", "a"}, Refused, `There is no platform "harbour"`},
	} {
		if r, _ := signedPlatform(t, dir, append([]string{"platform", "labels"}, c.args...)...); r.code != c.code || !strings.Contains(r.stderr, c.says) {
			t.Errorf("%q: %d %s", c.args, r.code, r.stderr)
		}
	}
	if r, p := signedPlatform(t, dir, "platform", "labels", "bluesky", "--add", "a", "--unranked"); r.code != Done || !slices.Equal(p.Labels, []string{"a"}) {
		t.Errorf("an unranked platform: %d %+v %s", r.code, p, r.stderr)
	}
	if r, _ := signedPlatform(t, dir, "platform", "labels", "plaza", "--add", "sensitive"); r.code != Refused || !strings.Contains(r.stderr, "ada asks for this change already") {
		t.Errorf("a change that is asked for already: %d %s", r.code, r.stderr)
	}
	r := command(t, dir, "platform", "list")
	if r.code != Done || !strings.Contains(r.stdout, "graphic and spam") || !strings.Contains(r.stdout, "none") {
		t.Errorf("the list: %d %s", r.code, r.stdout)
	}
}
