package reference

import (
	"net/http"

	"github.com/mcpassay/mcpassay/reference/fault"
)

// An answer to an authenticated request is for nobody else, so no cache may keep
// it (RFC 9111, section 5.2.2.5), whatever the transport below would say.
type answer struct {
	http.ResponseWriter
	endpoint *endpoint
	who      *caller
	begun    bool
	modern   bool // the request stood alone
}

func (a *answer) WriteHeader(status int) {
	if a.begun {
		return
	}
	a.begun = true
	e, header := a.endpoint, a.Header()
	header.Set("Cache-Control", "no-store")
	if e.faults.Has(fault.AnswersCacheable) {
		header.Set("Cache-Control", "public, max-age=600")
	}
	session := header.Get("Mcp-Session-Id")
	if session != "" {
		e.remember(e.sessions, session, a.who)
	}
	if session == "" && e.faults.Has(fault.ModernSession) {
		header.Set("Mcp-Session-Id", e.newSessionID())
	}
	if status == http.StatusNotFound && a.modern && e.faults.Has(fault.UnknownMethodStatus) {
		status = http.StatusOK
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(data []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.ResponseWriter.Write(data)
}

// Flush begins the answer, and sends what there is of a stream.
func (a *answer) Flush() {
	a.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(a.ResponseWriter).Flush() // a writer that cannot flush loses nothing
}

// Unwrap lets a ResponseController reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// A discarded answer reaches nobody.
type discarded struct{ header http.Header }

func (d *discarded) Header() http.Header            { return d.header }
func (d *discarded) Write(data []byte) (int, error) { return len(data), nil }
func (d *discarded) WriteHeader(int)                {}
