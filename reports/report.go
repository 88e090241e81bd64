// Package reports says what a run found: the model of a report, and a writer
// for each format.
package reports

import (
	"time"

	"github.com/mcpassay/mcpassay/probes/wire"
)

// An Outcome is what came of a check.
type Outcome string

// The outcomes. Nothing else is ever reported.
const (
	Pass          Outcome = "pass"
	Fail          Outcome = "fail"           // a MUST is broken or an attack worked
	Warn          Outcome = "warn"           // a SHOULD is missed, or legal but risky
	Review        Outcome = "review"         // a person must look, and at what
	Inconclusive  Outcome = "inconclusive"   // could not be decided; says what blocked it
	NotApplicable Outcome = "not applicable" // with a positive reason
)

// Outcomes in order of how much they matter.
var Outcomes = []Outcome{Fail, Warn, Review, Inconclusive, NotApplicable, Pass}

// An Owner is whose trouble a result is.
type Owner string

// The owners.
const (
	ResourceServer Owner = "resource server"
	AuthServer     Owner = "authorization server"
	Client         Owner = "client"
	Upstream       Owner = "upstream"
	Edge           Owner = "edge" // a gateway, a firewall, a rate limit
	Configuration  Owner = "configuration"
	Network        Owner = "network"
	Mcpassay       Owner = "mcpassay"
)

// A Cite names a document and a section.
type Cite struct {
	Doc     string `json:"doc"`     // RFC 9728, MCP 2026-07-28 …
	Section string `json:"section"` // 3.3, or a heading where a document numbers none
}

func (c Cite) String() string {
	if c.Section == "" {
		return c.Doc
	}
	return c.Doc + " §" + c.Section
}

// A Facet is one assertion of a check. Its title completes the check's.
type Facet struct {
	Title   string  `json:"title"`
	Outcome Outcome `json:"outcome"`
	Message string  `json:"message,omitempty"` // why it is not a pass; makes sense alone

	Situation string `json:"situation,omitempty"` // id of that in which a client was judged
}

// A Result is the verdict on one check.
type Result struct {
	ID       string   `json:"id"`
	Title    string   `json:"title"`
	Area     string   `json:"area"`
	Role     string   `json:"role"`  // rs or as
	Level    string   `json:"level"` // MUST, SHOULD, MAY, in the revision under test
	Severity string   `json:"severity"`
	Since    string   `json:"since"` // first MCP revision it binds in
	Cites    []Cite   `json:"cites"`
	Covers   []string `json:"covers,omitempty"` // rows of the requirement catalogues
	Remedy   string   `json:"remedy,omitempty"`

	Outcome   Outcome          `json:"outcome"`
	Owner     Owner            `json:"owner,omitempty"`
	Message   string           `json:"message,omitempty"`    // one line
	BlockedBy string           `json:"blocked_by,omitempty"` // id of the check or part that fell first
	Facets    []Facet          `json:"facets,omitempty"`
	Notes     []string         `json:"notes,omitempty"`
	Took      time.Duration    `json:"took_ns"` // longest chain of its exchanges
	Evidence  []*wire.Exchange `json:"evidence,omitempty"`
}

// A Report is what one run found.
type Report struct {
	Tool      string `json:"tool"` // mcpassay and its version
	Target    string `json:"target"`
	Issuer    string `json:"issuer,omitempty"`
	Revision  string `json:"revision"` // MCP revision under test
	UserAgent string `json:"user_agent"`

	// Requirements are what the target was held to.
	Requirements *RequirementSet `json:"requirements,omitempty"`

	Start       time.Time     `json:"start"`
	Took        time.Duration `json:"took_ns"`
	Chain       time.Duration `json:"chain_ns"` // longest chain of dependent requests
	Interrupted bool          `json:"interrupted,omitempty"`

	// Stopped says why no check was run, if the preflight ended the run.
	Stopped *Stop `json:"stopped,omitempty"`

	Results []Result `json:"results"`

	// Situations are where a client was put, and how far it got.
	Situations []Situation `json:"situations,omitempty"`
	// Seed drew the quirks of those situations that leave some to chance.
	Seed uint64 `json:"seed,omitempty"`

	Budget  Budget    `json:"budget"`
	Residue []Residue `json:"residue,omitempty"` // what could not be removed
	Ledger  []Entry   `json:"ledger,omitempty"`
}

// A RequirementSet names the catalogue rows that bind in the revision under test.
// Reports that name the same set and digest asked the same of their targets.
type RequirementSet struct {
	ID     string `json:"id"`     // mcpassay/2026-07-28
	SHA256 string `json:"sha256"` // of the rows
	Rows   int    `json:"rows"`
}

// A Stop is why a run ended before its first check: one clear sentence.
type Stop struct {
	Owner   Owner  `json:"owner"`
	Message string `json:"message"`
	Remedy  string `json:"remedy,omitempty"`
}

// A Budget says what the run asked of the target, and its limits.
type Budget struct {
	wire.Spent
	Registrations    int `json:"registrations"`
	MaxRegistrations int `json:"max_registrations"`
	Concurrency      int `json:"concurrency"`
	Flows            int `json:"flows"` // authorization requests that a user agent was sent through
}

// Residue is something the run created and could not remove.
type Residue struct {
	Kind string `json:"kind"` // client or grant
	Name string `json:"name"`
	Why  string `json:"why"`
}

// An Entry of the identity ledger is one spelling seen of the resource's or the
// issuer's identity.
type Entry struct {
	Of    string `json:"of"`    // resource or issuer
	Where string `json:"where"` // PRM resource, token aud …
	Value string `json:"value"`

	ComparedBy string `json:"compared_by,omitempty"` // who compares it, with what
	Differs    string `json:"differs,omitempty"`     // where it parts from that
}

// LedgerCheck is the id of the check on the identity ledger.
const LedgerCheck = "as-identity-spelling"

// Count returns how many results have the outcome.
func (r *Report) Count(o Outcome) int {
	n := 0
	for i := range r.Results {
		if r.Results[i].Outcome == o {
			n++
		}
	}
	return n
}

// Has tells whether a result has the outcome.
func (r *Report) Has(o Outcome) bool { return r.Count(o) > 0 }

// Find returns the result of the check, or nil.
func (r *Report) Find(id string) *Result {
	for i := range r.Results {
		if r.Results[i].ID == id {
			return &r.Results[i]
		}
	}
	return nil
}

// Exit codes of a run.
const (
	ExitPassed      = 0
	ExitFailed      = 1
	ExitUsage       = 2
	ExitUndecided   = 3
	ExitInterrupted = 130
)

// Exit is the exit code of the run. A gate that could not decide everything it
// asks for, or that judged nothing at all, has not passed.
func (r *Report) Exit(strict bool) int {
	switch {
	case r.Interrupted:
		return ExitInterrupted
	case r.Stopped != nil && r.Stopped.Owner == Configuration:
		return ExitUsage
	case r.Stopped != nil:
		return ExitUndecided
	case r.Has(Fail), strict && r.Has(Warn):
		return ExitFailed
	case r.Has(Inconclusive), !r.Has(Pass) && !r.Has(Warn):
		return ExitUndecided
	}
	return ExitPassed
}
