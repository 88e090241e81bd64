// Command mcpassay tests the OAuth chain in front of an MCP server: how a client
// finds the authorization server, how it obtains a token, and what the server
// does with it.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/mcpassay/mcpassay/reports"
)

type commands struct {
	Run       runCommand       `cmd:"" help:"Test a deployment."`
	Resume    resumeCommand    `cmd:"" help:"Finish what an earlier run has parked."`
	Client    clientCommand    `cmd:"" help:"Certify a client: put it in front of deployments, sound and hostile, and judge what it does."`
	Serve     serveCommand     `cmd:"" name:"client serve" help:"Serve pages on which people put clients to the test that they operate."`
	Verify    verifyCommand    `cmd:"" help:"Verify a signed statement about a client, and say what it claims."`
	Checks    checksCommand    `cmd:"" help:"List the checks, or explain one."`
	Reference referenceCommand `cmd:"" help:"Start the reference deployment: an authorization server, an MCP server and an upstream API."`
	Faults    faultsCommand    `cmd:"" help:"List the faults and variants of the reference deployment."`
	Coverage  coverageCommand  `cmd:"" help:"Write, in Markdown, which requirements the checks cover."`
	Version   versionCommand   `cmd:"" help:"Print the version."`
}

func main() { os.Exit(execute(os.Args[1:], os.Stdout, os.Stderr)) }

// execute runs one command line and returns its exit code.
func execute(args []string, stdout, stderr io.Writer) int {
	var cli commands
	parser, err := kong.New(&cli,
		kong.Name("mcpassay"),
		kong.Description("mcpassay tests the OAuth chain in front of MCP servers.\n\n"+
			"Exit codes: 0 the gate passed, 1 it failed, 2 bad usage or configuration, 3 it could not be decided, 130 interrupted."),
		kong.Writers(stdout, stderr),
		kong.Vars{"profiles": strings.Join(profileIDs(), ", ")},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Bind(&output{stdout, stderr}))
	if err != nil {
		return complain(stderr, err, reports.ExitUndecided)
	}
	ctx, err := parser.Parse(joined(args))
	if err != nil {
		return complain(stderr, err, reports.ExitUsage)
	}
	err = ctx.Run()
	var code exitCode
	var usage *usageError
	switch {
	case err == nil:
		return reports.ExitPassed
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &usage):
		return complain(stderr, err, reports.ExitUsage)
	}
	return complain(stderr, err, reports.ExitUndecided)
}

// output is where a command writes: results, and everything else.
type output struct{ stdout, stderr io.Writer }

// exitCode is the error of a command that has said all there is to say.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

// A usageError is a mistake in what the user asked for or configured.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// complain says what is wrong, on one line.
func complain(w io.Writer, err error, code int) int {
	fmt.Fprintln(w, "mcpassay: "+strings.Join(strings.Fields(err.Error()), " ")) //nolint:errcheck // nowhere left to complain
	return code
}
