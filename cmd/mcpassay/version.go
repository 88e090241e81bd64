package main

import (
	"fmt"
	"runtime/debug"
)

// version is set by the linker in a release.
var version string

type versionCommand struct{}

func (versionCommand) Run(out *output) error {
	_, err := fmt.Fprintln(out.stdout, versionLine())
	return err
}

// versionLine is the name and version of this program, as reports name it.
func versionLine() string {
	v := version
	if info, ok := debug.ReadBuildInfo(); ok && v == "" {
		v = info.Main.Version
	}
	if v == "" || v == "(devel)" {
		v = "development version"
	}
	return "mcpassay " + v
}
