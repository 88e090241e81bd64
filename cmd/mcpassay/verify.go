package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
	"github.com/mcpassay/mcpassay/suites/client"
)

// Bounds of the files that are read, in bytes.
const (
	maxKeyFile       = 64 << 10
	maxStatementFile = 4 << 20
	maxReportFile    = 256 << 20
	maxTranscript    = 16 << 20
)

type verifyCommand struct {
	File   string `arg:"" help:"The statement."`
	Key    string `placeholder:"FILE" help:"Public key of whom you expect to have signed, a JWK, key set or PEM. Without, the key that came with the statement is used, which proves nothing about who signed."`
	Report string `placeholder:"FILE" help:"report.json of the run, with its transcripts beside it, to compare with."`
}

// Help says what the exit codes mean here.
func (verifyCommand) Help() string {
	return "Exit codes: 0 verified, 1 not verified, 2 a file cannot be read or is no statement."
}

// Run verifies a statement. Whatever is in its files may be hostile.
func (c *verifyCommand) Run(out *output) error {
	sealed, err := readBounded(c.File, maxStatementFile)
	if err != nil {
		return usagef("the statement: %w", err)
	}
	key, err := c.key()
	if err != nil {
		return err
	}
	document, sealer, err := tokens.Unseal(string(sealed), reports.StatementType, key)
	if errors.Is(err, tokens.ErrNoSealed) {
		return usagef("%s: %w", c.File, err)
	}
	if err != nil {
		return c.refuse(out, err)
	}
	statement, err := reports.ReadStatement(document)
	if err != nil {
		return c.refuse(out, err)
	}
	if err := statement.Check(); err != nil {
		return c.refuse(out, err)
	}
	compared, err := c.compare(statement, out)
	if err != nil {
		return err
	}
	style, _ := styleOf(out.stdout)
	return reports.WriteStatement(out.stdout, &reports.Signed{
		Statement: statement, Algorithm: sealer.Algorithm, Thumbprint: sealer.Thumbprint, Known: sealer.Known,
		Whole: client.Scenarios(suites.Revision(statement.Revision)) == statement.Set, Compared: compared,
	}, style)
}

// refuse says why the statement is not verified.
func (c *verifyCommand) refuse(out *output, err error) error {
	complain(out.stderr, fmt.Errorf("%s is not verified: %w", c.File, err), reports.ExitFailed)
	return exitCode(reports.ExitFailed)
}

func (c *verifyCommand) key() ([]byte, error) {
	if c.Key == "" {
		return nil, nil
	}
	key, err := readBounded(c.Key, maxKeyFile)
	if err != nil {
		return nil, usagef("the key: %w", err)
	}
	if _, err := tokens.TrustedKeys(key); err != nil {
		return nil, usagef("%s: %w", c.Key, err)
	}
	return key, nil
}

// compare holds the statement against a report and the transcripts beside it.
func (c *verifyCommand) compare(statement *reports.Statement, out *output) (bool, error) {
	if c.Report == "" {
		return false, nil
	}
	text, err := readBounded(c.Report, maxReportFile)
	if err != nil {
		return false, usagef("the report: %w", err)
	}
	report, err := reports.ReadJSON(bytes.NewReader(text))
	if err != nil {
		return false, usagef("%s: %w", c.Report, err)
	}
	folder, err := os.OpenRoot(filepath.Dir(c.Report))
	if err != nil {
		return false, usagef("the report: %w", err)
	}
	defer folder.Close() //nolint:errcheck // nothing is lost
	err = statement.Against(report, func(s *reports.Situation) ([]byte, error) {
		name := reports.TranscriptPath(s)
		if name == "" {
			return nil, errors.New("there is none")
		}
		if info, err := folder.Stat(name); err != nil || !info.Mode().IsRegular() { // a pipe could keep us waiting for ever
			return nil, errors.New("cannot be read")
		}
		file, err := folder.Open(name)
		if err != nil {
			return nil, err
		}
		defer file.Close() //nolint:errcheck // nothing is lost
		return readAtMost(file, maxTranscript)
	})
	if err != nil {
		return false, c.refuse(out, err)
	}
	return true, nil
}
