package browser

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// ErrNoBrowser says that there is no browser on this machine to launch.
var ErrNoBrowser = errors.New("no browser found: install chrome-headless-shell, Chromium or Google Chrome " +
	"(on Debian: apt install chromium-headless-shell), or name the executable")

// executables are where browsers are installed, the lightest first: a flow in
// headless-shell takes a third of the time it takes in the whole of Chromium.
// Names without a slash are looked up in the PATH.
var executables = []string{
	"headless-shell",
	"chrome-headless-shell",
	"/headless-shell/headless-shell",
	"/usr/lib/chromium/chromium-headless-shell",
	"/usr/lib64/chromium-browser/headless_shell",
	"chromium-headless-shell",
	"/usr/lib/chromium/chromium",
	"/usr/lib/chromium-browser/chromium-browser",
	"/usr/lib64/chromium-browser/chromium-browser",
	"/opt/google/chrome/chrome",
	"/opt/chromium.org/chromium/chrome",
	"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
	"/Applications/Chromium.app/Contents/MacOS/Chromium",
	`C:\Program Files\Google\Chrome\Application\chrome.exe`,
	`C:\Program Files (x86)\Google\Chrome\Application\chrome.exe`,
	`C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe`,
	"chromium",
	"chromium-browser",
	"google-chrome",
	"google-chrome-stable",
	"chrome",
}

// Find returns the path of the browser to launch. Distributions put shell
// scripts into the PATH that start the browser as their child; killing one
// leaves the browser running, so Find prefers what is not a script.
func Find() (string, error) {
	var script string
	for _, name := range executables {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		if path = program(path); !isScript(path) {
			return path, nil
		}
		if script == "" {
			script = path
		}
	}
	if script == "" {
		return "", ErrNoBrowser
	}
	return script, nil
}

// locate returns the program behind the path that a user named.
func locate(path string) (string, error) {
	if path == "" {
		return Find()
	}
	found, err := exec.LookPath(path)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNoBrowser, err)
	}
	return program(found), nil
}

// program returns the program that the path starts. For a script it looks where
// Debian keeps the program: below /usr/lib, under the same name.
func program(path string) string {
	if !isScript(path) {
		return path
	}
	base := filepath.Base(path)
	for _, dir := range []string{"/usr/lib/chromium", "/usr/lib/" + base, "/usr/lib64/" + base} {
		candidate := filepath.Join(dir, base)
		if info, err := os.Stat(candidate); err == nil && info.Mode().IsRegular() && !isScript(candidate) {
			return candidate
		}
	}
	return path
}

func isScript(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	head := make([]byte, 2)
	_, err = f.Read(head)
	return err == nil && bytes.Equal(head, []byte("#!"))
}
