package main

import (
	"os"
	"strings"
	"testing"
)

// TestInMemory asks the kernel's list of mounts which folders lie on tmpfs.
func TestInMemory(t *testing.T) {
	mounts, err := os.ReadFile("/proc/mounts")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[bool]int{}
	for line := range strings.Lines(string(mounts)) {
		f := strings.Fields(line)
		if f[1] != "/proc" && f[1] != "/dev/shm" { // others may be hidden beneath a later mount
			continue
		}
		in, err := inMemory(f[1])
		if err != nil || in != (f[2] == "tmpfs") {
			t.Errorf("%s is %s, and in memory %v, %v", f[1], f[2], in, err)
		}
		seen[in]++
	}
	if seen[false] == 0 {
		t.Error("the test saw no folder that is not in memory")
	}
	if _, err := inMemory("/no/such/folder"); err == nil {
		t.Error("a folder that is not there was looked at")
	}
}
