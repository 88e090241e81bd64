//go:build !unix

package launch

import (
	"os"
	"os/exec"
)

func ownGroup(*exec.Cmd) {}

func killGroup(c *exec.Cmd) bool { return c.Process.Kill() == nil }

func signalOf(*os.ProcessState) string { return "" }
