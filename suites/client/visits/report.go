package visits

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"github.com/mcpassay/mcpassay/reports"
)

// The files that a tenant can have.
const (
	statementFile = "statement.jws"
	badgeFile     = "badge.svg"
	folderFile    = "mcpassay-report.zip"
)

// A file is what a tenant downloads.
type file struct {
	kind  string
	write func(*Server, io.Writer, *reports.Report) error
}

var downloads = map[string]file{
	reports.JSONFile: {"application/json", func(_ *Server, w io.Writer, r *reports.Report) error { return reports.WriteJSON(w, r) }},
	reports.JUnitFile: {"application/xml", func(_ *Server, w io.Writer, r *reports.Report) error {
		return reports.WriteJUnit(w, r, false)
	}},
	statementFile: {"application/jose", (*Server).writeStatement},
	badgeFile:     {"image/svg+xml", (*Server).writeBadge},
	folderFile:    {"application/zip", (*Server).writeFolder},
}

// download sends a file of the tenant's report. It is made for that, one at a time.
func (s *Server) download(w http.ResponseWriter, r *http.Request, t *tenant) {
	name := r.PathValue("file")
	wanted, ok := downloads[name]
	if !ok || s.Seal == nil && (name == statementFile || name == badgeFile) {
		s.nothing(w)
		return
	}
	if !t.writing.TryLock() {
		s.show(w, http.StatusTooManyRequests, "message.html", message{"One at a time", "Another report of yours is being written. Try again when it is there.", t.path()})
		return
	}
	defer t.writing.Unlock()
	var body bytes.Buffer
	if err := wanted.write(s, &body, t.report()); err != nil {
		s.show(w, http.StatusConflict, "message.html", message{"There is no such report yet", reasonOf(err), t.path()})
		return
	}
	w.Header().Set("Content-Type", wanted.kind)
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	_, _ = body.WriteTo(w) // the browser has gone: nobody to tell
}

// reasonOf says why there is no report.
func reasonOf(err error) string {
	if errors.Is(err, errUnstated) {
		return "Try at least one situation, and finish those that are under way. What could still change is not stated."
	}
	return "It could not be written."
}

// errUnstated says that there is nothing to make a statement of.
var errUnstated = errors.New("nothing is stated")

func state(r *reports.Report) (*reports.Statement, error) {
	if len(r.Situations) == 0 || r.Interrupted {
		return nil, errUnstated
	}
	return reports.State(r, reports.NamedClient{Name: r.Target})
}

func (s *Server) writeStatement(w io.Writer, r *reports.Report) error {
	statement, err := state(r)
	if err != nil {
		return err
	}
	text, err := statement.JSON()
	if err != nil {
		return err
	}
	sealed, err := s.Seal(text)
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, sealed+"\n")
	return err
}

func (s *Server) writeBadge(w io.Writer, r *reports.Report) error {
	statement, err := state(r)
	if err != nil {
		return err
	}
	return reports.WriteBadge(w, statement)
}

// writeFolder writes all that the command line writes, as one archive.
func (s *Server) writeFolder(w io.Writer, r *reports.Report) (err error) {
	dir, err := os.MkdirTemp("", "mcpassay-report-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := reports.WriteFolder(dir, r, false); err != nil {
		return err
	}
	for name, write := range map[string]func(io.Writer, *reports.Report) error{statementFile: s.writeStatement, badgeFile: s.writeBadge} {
		var b bytes.Buffer
		if s.Seal == nil || len(r.Situations) == 0 || r.Interrupted {
			continue // the rest says so
		}
		if err := errors.Join(write(&b, r), os.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o600)); err != nil {
			return err
		}
	}
	archive := zip.NewWriter(w)
	return errors.Join(archive.AddFS(os.DirFS(dir)), archive.Close())
}
