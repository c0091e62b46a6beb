// Package testenv gives tests real servers: a PostgreSQL database of their own, and a
// Bluesky PDS with its PLC directory. It also gives them a Python, for the second reader of
// warrants, and a browser with tools that judge its pages.
//
// It downloads and installs nothing. These things are there if the environment says so
// (`make test` sees to it). A test that asks for a missing one is skipped, and says which
// is missing. COUNTERSIGN_REQUIRE, a comma-separated list of "postgres", "pds",
// "python" and "browser", turns those skips into failures.
//
// Everything listens on loopback, on free ports, and ends with the test process, however
// that ends. Only tests import this package.
package testenv

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// The variables that name what is installed.
const (
	postgresVariable = "COUNTERSIGN_POSTGRES" // DSN of a cluster whose role may create databases
	pdsVariable      = "COUNTERSIGN_PDS"      // folder of test/platforms/atproto, installed
	pythonVariable   = "COUNTERSIGN_PYTHON"   // a Python 3 that has the package cryptography
	browserVariable  = "COUNTERSIGN_BROWSER"  // a Chromium
	toolsVariable    = "COUNTERSIGN_WEBTOOLS" // folder of test/web, installed
	requireVariable  = "COUNTERSIGN_REQUIRE"  // the things whose tests must not be skipped
)

// Python returns the path of a Python 3 that has the package cryptography.
func Python(t testing.TB) string {
	t.Helper()
	return setting(t, "python", pythonVariable)
}

// setting returns the value of a variable, or ends the test: skipped if nobody
// demanded the thing, failed if somebody did.
func setting(t testing.TB, thing, variable string) string {
	t.Helper()
	value := os.Getenv(variable)
	if value != "" {
		return value
	}
	if required(os.Getenv(requireVariable), thing) {
		t.Fatalf("%s is not set, and %s demands %s", variable, requireVariable, thing)
	}
	t.Skipf("needs %s: %s is not set; `make test` installs and sets it", thing, variable)
	return ""
}

func required(list, thing string) bool {
	return slices.ContainsFunc(strings.Split(list, ","), func(s string) bool {
		return strings.TrimSpace(s) == thing
	})
}
