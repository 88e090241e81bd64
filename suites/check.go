// Package suites is the mechanism that checks are made of: what a check is, the
// catalogue of them, how they are run, and matchers that read like the standards.
package suites

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reports"
)

// A Check is one requirement, judged. Its declaration is the only place that
// knows it: labels, listing, documentation, reports and proof follow from it.
type Check struct {
	ID       string // stable: users put it into waivers
	Title    string // the requirement, in one sentence
	Role     Role   // the party whose duty it is
	Area     Area
	Level    Level
	Levels   map[Revision]Level // where the level is another in a revision
	Severity Severity           // of a confirmed failure
	Cites    []Cite
	Since    Revision      // first MCP revision it binds in
	Until    Revision      // first MCP revision it no longer binds in; empty: none
	Covers   []string      // rows of the requirement catalogues
	Remedy   string        // what an operator should do about a failure
	Needs    []Need        // what the deployment must offer for it to apply
	Faults   []fault.Fault // what it must catch
	Specs    func(*probes.Deployment)
}

// A Cite names a document and a section of it.
type Cite = reports.Cite

// Role is the party under test.
type Role string

// The roles.
const (
	RS Role = "rs" // the MCP server as an OAuth resource server
	AS Role = "as" // the authorization server
)

// Area is the subject of a check. Each is a test suite of the JUnit report.
type Area string

// The areas.
const (
	Discovery            Area = "discovery"
	Metadata             Area = "as-metadata"
	Registration         Area = "registration-dcr"
	PKCE                 Area = "pkce"
	RedirectURI          Area = "redirect-uri"
	Resource             Area = "resource-indicator"
	AuthorizationRequest Area = "authorization-request"
	Audience             Area = "audience"
	Lifetime             Area = "token-lifetime"
	TokenRequest         Area = "token-request"
	ClientAuth           Area = "client-authentication"
	TokenRevocation      Area = "revocation"
	TokenIntrospection   Area = "introspection"
	Refresh              Area = "refresh"
	IssuerCheck          Area = "issuer-validation"
	TokenUse             Area = "token-use"
	Scope                Area = "scope"
	Session              Area = "session"
	Transport            Area = "transport"
	Passthrough          Area = "token-passthrough"
	ClientIDDocuments    Area = "registration-cimd"
	Preregistration      Area = "registration-preregistered"
	SSRF                 Area = "ssrf"
	Consent              Area = "consent"
	ConfusedDeputy       Area = "consent-confused-deputy"
	WebSecurity          Area = "web-security"
	CrossOrigin          Area = "cors"
	ErrorHandling        Area = "error-handling"
	TransportSecurity    Area = "tls"
	Communication        Area = "communication-security"
	PushedRequests       Area = "par"
	DPoP                 Area = "dpop"
	ClientCredentials    Area = "client-credentials"
	WorkloadIdentity     Area = "workload-identity"
	EnterpriseManaged    Area = "enterprise-managed"
	IdentityAssertion    Area = "id-jag"
	TokenExchange        Area = "token-exchange"
	JWTValidation        Area = "jwt-validation"
	Concurrency          Area = "replay-race"
	Parity               Area = "registration-parity"
	Identity             Area = "identity"
)

// Level is the requirement level (RFC 2119).
type Level string

// The levels.
const (
	Must   Level = "MUST"
	Should Level = "SHOULD"
	May    Level = "MAY"
)

// Severity is the worst plausible outcome of a confirmed failure.
type Severity string

// The severities.
const (
	Critical Severity = "critical"
	High     Severity = "high"
	Medium   Severity = "medium"
	Low      Severity = "low"
	Info     Severity = "info"
)

// Revision is a revision of the MCP specification. They order as strings.
type Revision string

// The revisions.
const (
	V20250326 Revision = "2025-03-26"
	V20250618 Revision = "2025-06-18"
	V20251125 Revision = "2025-11-25"
	V20260728 Revision = "2026-07-28"
)

// Revisions lists them all, oldest first.
var Revisions = []Revision{V20250326, V20250618, V20251125, V20260728}

// LevelIn is the level in a revision: that of the newest revision up to it which
// changed the level, else the check's own.
func (c *Check) LevelIn(r Revision) Level {
	level, at := c.Level, Revision("")
	for revision, l := range c.Levels {
		if revision <= r && revision >= at {
			level, at = l, revision
		}
	}
	return level
}

// Labels are what filters select by: id, area, role, level and first revision.
func (c *Check) Labels() []string {
	return []string{c.ID, string(c.Area), string(c.Role), strings.ToLower(string(c.Level)), string(c.Since), string(c.Severity)}
}

var catalogue []*Check

// Register adds a check to the catalogue. It panics on a declaration that is not
// complete, since that is a mistake in the program.
func Register(c Check) *Check {
	if problem := c.incomplete(); problem != "" {
		panic(fmt.Sprintf("check %q: %s", c.ID, problem))
	}
	catalogue = append(catalogue, &c)
	return &c
}

func (c *Check) incomplete() string {
	switch {
	case c.ID == "" || strings.ContainsAny(c.ID, " &|!,()/:"):
		return "bad id"
	case Find(c.ID) != nil:
		return "declared twice"
	case c.Title == "" || c.Role == "" || c.Area == "" || c.Level == "" || c.Severity == "" || c.Since == "" || c.Remedy == "":
		return "title, role, area, level, severity, since and remedy are all needed"
	case len(c.Cites) == 0:
		return "cites nothing"
	case len(c.Faults) == 0:
		return "has no fault to show that it can fail"
	case c.Specs == nil:
		return "judges nothing"
	}
	return ""
}

// Catalogue returns every check, sorted by id.
func Catalogue() []*Check {
	sorted := slices.Clone(catalogue)
	slices.SortFunc(sorted, func(a, b *Check) int { return strings.Compare(a.ID, b.ID) })
	return sorted
}

// Find returns the check with the id, or nil.
func Find(id string) *Check {
	for _, c := range catalogue {
		if c.ID == id {
			return c
		}
	}
	return nil
}
