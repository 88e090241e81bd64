package reports

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Names of the files of a report within its folder.
const (
	JSONFile  = "report.json"
	JUnitFile = "junit.xml"
)

// WriteFolder writes every file of a report into dir, which exists. What can be
// written is written, whatever else goes wrong.
func WriteFolder(dir string, r *Report, strict bool) error {
	errs := []error{writeFiles(dir, r, strict), Evidence(dir, r)}
	if len(r.Situations) > 0 {
		errs = append(errs, Transcripts(dir, r), OfficialChecks(dir, r))
	}
	return errors.Join(errs...)
}

// AmendFolder writes the files of a report of which some results are new. The
// evidence of the others stays as it is: it holds more than a report that was read
// from a file.
func AmendFolder(dir string, r *Report, strict bool, judged []string) error {
	return errors.Join(writeFiles(dir, r, strict), amendEvidence(dir, r, judged))
}

func writeFiles(dir string, r *Report, strict bool) error {
	write := func(name string, render func(io.Writer) error) error {
		var b bytes.Buffer
		if err := render(&b); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o644); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
		return nil
	}
	return errors.Join(
		write(JSONFile, func(w io.Writer) error { return WriteJSON(w, r) }),
		write(JUnitFile, func(w io.Writer) error { return WriteJUnit(w, r, strict) }),
	)
}
