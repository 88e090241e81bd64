package suites_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
)

// A run of the checks mostly waits, and one process can judge only one at a time:
// so the kill matrix is made by several processes of this test, each of which
// takes a share of the faults. So it is with the variants.

// shard is the share of a process.
type shard struct {
	index, count int
	result       string // file
}

const shardVariable = "MCPASSAY_SHARD"

// thisShard tells which share this process is to take, if it is one of several.
func thisShard(t *testing.T) (s shard, sharded bool) {
	t.Helper()
	value := os.Getenv(shardVariable)
	if value == "" {
		return s, false
	}
	if n, err := fmt.Sscanf(value, "%d/%d %q", &s.index, &s.count, &s.result); n != 3 {
		t.Fatalf("%s: %v", shardVariable, err)
	}
	return s, true
}

func (s shard) String() string { return fmt.Sprintf("%d/%d %q", s.index, s.count, s.result) }

func (s shard) write(t *testing.T, m *matrix) {
	t.Helper()
	data, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.result, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// has tells whether the share holds what comes at the position.
func (s shard) has(position int) bool { return position%s.count == s.index }

// spread runs the test of the name in processes of their own, each of which takes
// a share of it, and shows what they say of what went wrong. It returns the files
// with their results.
func spread(t *testing.T, test string) []string {
	t.Helper()
	count := runtime.NumCPU() + 1
	dir := t.TempDir()
	results, outputs, errs := make([]string, count), make([][]byte, count), make([]error, count)
	var all sync.WaitGroup
	for i := range count {
		results[i] = filepath.Join(dir, strconv.Itoa(i)+".json")
		all.Go(func() {
			c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+test+"$", "-test.timeout=30m")
			c.Env = append(os.Environ(), "GOGC=400", shardVariable+"="+shard{i, count, results[i]}.String())
			outputs[i], errs[i] = c.CombinedOutput()
		})
	}
	all.Wait()
	for i := range count {
		if errs[i] != nil {
			t.Errorf("share %d of %d: %v\n%s", i, count, errs[i], outputs[i])
		}
	}
	return results
}

// inShards makes the matrix in processes of their own.
func (m *matrix) inShards(t *testing.T) {
	t.Helper()
	for _, result := range spread(t, "TestMutants") {
		data, err := os.ReadFile(result)
		if err != nil {
			t.Fatal(err)
		}
		part := newMatrix()
		if err := json.Unmarshal(data, part); err != nil {
			t.Fatal(err)
		}
		m.add(part)
	}
}

func (m *matrix) add(part *matrix) {
	m.Runs += part.Runs
	m.Kills += part.Kills
	m.Declared += part.Declared
	m.Missed += part.Missed
	m.Unexpected += part.Unexpected
	maps.Copy(m.Killed, part.Killed)
	for check, titles := range part.Facets {
		if m.Facets[check] == nil {
			m.Facets[check] = map[string]bool{}
		}
		for title, failed := range titles {
			m.Facets[check][title] = m.Facets[check][title] || failed
		}
	}
}
