package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/reports"
)

// statementOptions ask for a signed statement of what a client passed.
type statementOptions struct {
	Statement     string `placeholder:"FILE" help:"Write a signed statement of the outcome, and a badge beside it."`
	StatementKey  string `placeholder:"FILE" help:"Private key that signs it, a JWK or PEM. Without, one is made for this statement and thrown away."`
	ClientName    string `placeholder:"NAME" help:"Name of the client, for the statement. Default: that of its program."`
	ClientVersion string `placeholder:"VERSION" help:"Version of the client, for the statement."`
	Organisation  string `placeholder:"NAME" help:"Who makes the client, for the statement."`
}

// signer signs the statement; nil if none is asked for. What could go wrong with
// the key does so before anything is run.
func (o *statementOptions) signer() (*tokens.Signer, error) {
	switch {
	case o.Statement == "" && o.StatementKey+o.ClientName+o.ClientVersion+o.Organisation != "":
		return nil, usagef("--statement-key, --client-name, --client-version and --organisation go with --statement")
	case o.Statement == "":
		return nil, nil
	case o.StatementKey == "":
		return tokens.NewSigner("ES256")
	}
	key, err := readBounded(o.StatementKey, maxKeyFile)
	if err != nil {
		return nil, usagef("the key for the statement: %w", err)
	}
	signer, err := tokens.ParseSigner(key, "")
	if err != nil {
		return nil, usagef("the key for the statement: %w", err)
	}
	if _, err := signer.Seal(reports.StatementType, []byte("{}")); err != nil {
		return nil, usagef("the key for the statement: %w", err)
	}
	return signer, nil
}

// state writes the statement and its badge.
func (o *statementOptions) state(report *reports.Report, signer *tokens.Signer, out *output) error {
	if o.ClientName == "" {
		o.ClientName = program(report.Target)
	}
	statement, err := reports.State(report, reports.NamedClient{Name: o.ClientName, Version: o.ClientVersion, Organisation: o.Organisation})
	if err != nil {
		return err
	}
	text, err := statement.JSON()
	if err != nil {
		return err
	}
	sealed, err := signer.Seal(reports.StatementType, text)
	if err != nil {
		return err
	}
	public, err := signer.PublicJWK()
	if err != nil {
		return err
	}
	var badge bytes.Buffer
	if err := reports.WriteBadge(&badge, statement); err != nil {
		return err
	}
	image := badgeFile(o.Statement)
	for name, data := range map[string][]byte{o.Statement: []byte(sealed + "\n"), image: badge.Bytes()} {
		if err := os.WriteFile(name, data, 0o644); err != nil {
			return fmt.Errorf("write the statement: %w", err)
		}
	}
	_, err = fmt.Fprintf(out.stdout, "\nstatement %s, badge %s\nsigned with the key %s\n", o.Statement, image, public)
	return err
}

// program is the name of what a command line starts. What else stands in the line
// may be secret, and a statement is for the public.
func program(line string) string {
	for word := range strings.FieldsSeq(line) {
		if word = strings.Trim(word, `'"`); !strings.Contains(word, "=") {
			return filepath.Base(word)
		}
	}
	return "client"
}

// badgeFile is where the badge lies: beside the statement.
func badgeFile(statement string) string {
	if ext := filepath.Ext(statement); ext != ".svg" {
		return strings.TrimSuffix(statement, ext) + ".svg"
	}
	return statement + ".svg"
}

// readBounded reads a file that may be anything.
func readBounded(name string, limit int64) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // nothing is lost
	return readAtMost(file, limit)
}

func readAtMost(r io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("longer than %d bytes", limit)
	}
	return data, nil
}
