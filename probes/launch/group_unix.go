//go:build unix

package launch

import (
	"os"
	"os/exec"
	"syscall"
)

// ownGroup makes the client the leader of a process group, so that whatever it
// starts can be ended with it.
func ownGroup(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killGroup ends everything in the client's group, and tells whether there was
// anything.
func killGroup(c *exec.Cmd) bool { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) == nil }

// signalOf names the signal that ended a process, if one did.
func signalOf(s *os.ProcessState) string {
	if status, ok := s.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return status.Signal().String()
	}
	return ""
}
