package client

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/mcpassay/mcpassay/fixtures/testclient"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

// An Extension is a way to a token that MCP leaves to an extension: no client has
// to know it.
type Extension struct {
	ID   string // by which clients and servers declare it
	Name string
	used func(*Trace) bool // tells whether the client went that way
}

// The extensions.
var (
	machine = &Extension{"io.modelcontextprotocol/oauth-client-credentials", "client credentials", func(t *Trace) bool {
		return len(t.grants(grantMachine)) > 0
	}}
	enterprise = &Extension{"io.modelcontextprotocol/enterprise-managed-authorization", "identity assertions", func(t *Trace) bool {
		return len(t.provider(http.MethodPost, "/token"))+len(t.provider(http.MethodGet, "/authorize"))+len(t.grants(grantAssertion)) > 0
	}}
	workload = &Extension{"io.modelcontextprotocol/auth/wif", "a workload's assertion", func(t *Trace) bool {
		return len(t.grants(grantAssertion)) > 0 || t.shown(t.workloadSecrets()) != ""
	}}
)

// The grant types of the extensions.
const (
	grantMachine   = "client_credentials"
	grantAssertion = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	grantExchange  = "urn:ietf:params:oauth:grant-type:token-exchange"
)

// usesExtension tells whether the client did what the situation is there for.
func usesExtension(t *Trace) bool { return t.Situation.Extension.used(t) }

// unused says of a client that did not get a token in some way why that is not
// judged: it went another way, or nobody knows why it went none.
func (t *Trace) unused(way string) Verdict {
	if usedEndpoints(t) || t.Served() {
		return notApplicable("the client does not use " + way + ": it asked for authorization otherwise")
	}
	return notReached("the client ended without asking for a token by " + way)
}

// judge is what the check says of a client in one situation. Where it is judged
// wherever a client is to get through, extensions are not asked of anybody.
func (c *Check) judge(t *Trace) Verdict {
	if c.In == nil && t.Situation.Extension != nil && !usesExtension(t) {
		return t.unused(t.Situation.Extension.Name)
	}
	return c.Judge(t)
}

// judged is a check on clients that use an extension.
func judged(judge func(*Trace) Verdict) func(*Trace) Verdict {
	return func(t *Trace) Verdict {
		if !usesExtension(t) {
			return t.unused(t.Situation.Extension.Name)
		}
		return judge(t)
	}
}

func warns(format string, args ...any) Verdict {
	return Verdict{Outcome: reports.Warn, Message: fmt.Sprintf(format, args...)}
}

// theirs are the client's requests to a party.
func (t *Trace) theirs(party reference.Party, method, suffix string) []*Request {
	return slices.DeleteFunc(t.requests(party, method, suffix), func(r *Request) bool { return ours(r.Observation) })
}

// ours tells whether a server of the deployment made a request, not the client.
func ours(x *reference.Observation) bool {
	id, _, ok := (&Request{Observation: x}).basic()
	return x.Header.Get("User-Agent") == reference.UserAgent || ok && id == reference.ResourceServerClient
}

// A guarded value is one that only some may see, and in some place only.
type guarded struct {
	name, value string
	may         func(x *reference.Observation, header string) bool // header is "" for the body
}

// inBodyAt is the place of what is posted to one party.
func inBodyAt(party reference.Party) func(*reference.Observation, string) bool {
	return func(x *reference.Observation, header string) bool {
		return x.Party == party && x.Method == http.MethodPost && header == ""
	}
}

// shown says where a guarded value is that it must not be; "" if nowhere.
func (t *Trace) shown(values []guarded) string {
	for _, x := range t.Seen {
		if ours(x) {
			continue
		}
		for _, g := range values {
			switch {
			case g.value == "":
			case strings.Contains(x.URL.String(), g.value):
				return g.name + " stands in a URI of the " + string(x.Party)
			case g.strays(x):
				return g.name + " was sent to the " + string(x.Party)
			}
		}
	}
	return ""
}

// strays tells whether the value is in the body or in a header that it must not be in.
func (g *guarded) strays(x *reference.Observation) bool {
	for header, values := range x.Header {
		held := slices.ContainsFunc(values, func(one string) bool { return strings.Contains(one, g.value) })
		if held && !g.may(x, header) {
			return true
		}
	}
	return strings.Contains(string(x.Body), g.value) && !g.may(x, "")
}

// discount takes back what a client passed before deployments that it was to
// refuse, if it does not use the extension where it may: then it refused nothing.
func (c *Check) discount(verdicts map[string]Verdict, traces map[string]*Trace) {
	for id, v := range verdicts {
		t := traces[id]
		if t.Situation.Extension == nil || t.Situation.Ends != Refuses || v.Outcome != reports.Pass {
			continue
		}
		used := false
		why := notReached("nothing shows that the client uses " + t.Situation.Extension.Name + " at all")
		for other := range verdicts {
			o := traces[other]
			if o.Situation.Extension != t.Situation.Extension || o.Situation.Ends != Works {
				continue
			}
			if used = used || usesExtension(o); !used {
				why = o.unused(t.Situation.Extension.Name)
			}
		}
		if !used {
			verdicts[id] = why
		}
	}
}

// excuse makes what a client does not know not applicable: fixtures end when they are
// told of a scenario that they do not implement. That it connects elsewhere, and
// nowhere where it is told of that one, shows that it is the name.
func excuse(verdicts map[string]Verdict, traces map[string]*Trace) {
	connects, knows := false, map[string]bool{}
	for _, t := range traces {
		connects = connects || len(t.Seen) > 0
		knows[t.Situation.contract()] = knows[t.Situation.contract()] || !t.endedAtOnce()
	}
	for id, v := range verdicts {
		t := traces[id]
		contract := t.Situation.contract()
		if connects && !knows[contract] && t.Situation.optional() && v.Outcome == reports.Inconclusive {
			verdicts[id] = notApplicable("the client does not know the scenario " + contract +
				": it ended at once" + t.ended() + ", and connects in others")
		}
	}
}

// endedAtOnce tells whether the client said that it failed before it sent anything.
func (t *Trace) endedAtOnce() bool {
	return len(t.Seen) == 0 && t.Exit.Code > 0 && !t.Exit.TimedOut && t.Exit.Signal == ""
}

// optional tells whether a situation is about something that no client has to know.
func (s *Situation) optional() bool {
	return s.Extension != nil || strings.HasPrefix(s.contract(), "auth/dpop")
}

var _ = Register(Check{
	ID: "client-ext-declared", Title: "A client that uses an extension says so", Area: suites.ClientCredentials,
	Level: suites.Must, Severity: suites.Low, Since: suites.V20251125,
	Cites:  []suites.Cite{{Doc: "MCP Extensions", Section: "OAuth Client Credentials"}, {Doc: "MCP Extensions", Section: "Enterprise-Managed Authorization"}},
	Covers: []string{"client-ext-declared"},
	Remedy: "List the extension's identifier under extensions in the client's capabilities, on every request.",
	In:     []*Situation{machineBasic, machineSigned, enterprisePlain}, Defects: []testclient.Defect{testclient.ExtensionUndeclared},
	Judge: judged(func(t *Trace) Verdict {
		requests := slices.DeleteFunc(t.messages(), func(r *Request) bool {
			method := r.message().Method
			return strings.HasPrefix(method, "notifications/") || t.Revision < suites.V20260728 && method != "initialize"
		})
		if len(requests) == 0 {
			return notReached(noMessage)
		}
		for _, r := range requests {
			if !r.declares(t.Situation.Extension.ID) {
				// A warning: the texts of the extensions themselves do not ask for it.
				return warns("%s does not declare %s among the client's capabilities", quoted(r.message().Method), t.Situation.Extension.ID)
			}
		}
		return passes()
	}),
})

// declares tells whether a message lists an extension among the capabilities of its
// client: of itself, or of the session that it opens.
func (r *Request) declares(id string) bool {
	type capabilities struct {
		Extensions map[string]json.RawMessage `json:"extensions"`
	}
	var opening struct {
		Params struct {
			Capabilities capabilities `json:"capabilities"`
		} `json:"params"`
	}
	var of capabilities
	m := r.message()
	if m.Method == "initialize" {
		_ = json.Unmarshal(r.Body, &opening) // empty if it is none
		of = opening.Params.Capabilities
	} else {
		_ = json.Unmarshal(m.Params.Meta["io.modelcontextprotocol/clientCapabilities"], &of)
	}
	_, listed := of.Extensions[id]
	return listed
}
