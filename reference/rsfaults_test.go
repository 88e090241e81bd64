package reference

import (
	"encoding/base64"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/reference/fault"
)

// A symptom is what gives a fault away: a question whose answer is yes of a
// deployment with the fault, and no of a sound one.
type symptom func(*desk) bool

var rsFaultFiles = []string{
	"challenge.go", "prm.go", "bearer.go", "audience.go", "jwt.go", "scope.go", "session.go", "transport.go",
}

// TestFaultsOfTheResourceServer shows that each fault changes what it says it
// changes, and that a sound deployment does not do the same.
func TestFaultsOfTheResourceServer(t *testing.T) {
	symptoms := map[fault.Fault]symptom{}
	for _, some := range []map[fault.Fault]symptom{
		challengeSymptoms, metadataSymptoms, bearerSymptoms, audienceSymptoms, jwtSymptoms, scopeSymptoms, sessionSymptoms, transportSymptoms,
	} {
		maps.Copy(symptoms, some)
	}
	sound := sitDown(t, Options{})
	for _, file := range rsFaultFiles {
		for _, f := range faultsOf(t, file) {
			t.Run(f.ID, func(t *testing.T) {
				shows := symptoms[f]
				if shows == nil {
					t.Skip("only the checks show it: see the kill matrix")
				}
				if shows(&desk{t, sound.s}) {
					t.Error("a sound deployment shows it too")
				}
				if !shows(withFault(t, f)) {
					t.Error("the fault does not show")
				}
			})
		}
	}
}

// line is the challenge to a request without a token.
func line(d *desk) string { return d.modern("", "tools/list", nil).Header.Get("WWW-Authenticate") }

// scopeLine is the challenge to a call that lacks a scope.
func scopeLine(d *desk) string {
	return d.tool(d.token(tokens.Claim("scope", "upstream.read")), "append_note").Header.Get("WWW-Authenticate")
}

// differs asks the same twice.
func differs(ask func() string) bool {
	first, second := ask(), ask()
	return first != second
}

func lineHas(s string) symptom   { return func(d *desk) bool { return strings.Contains(line(d), s) } }
func lineLacks(s string) symptom { return func(d *desk) bool { return !strings.Contains(line(d), s) } }
func garbageLine(d *desk) string {
	return d.modern("garbage", "tools/list", nil).Header.Get("WWW-Authenticate")
}

var challengeSymptoms = map[fault.Fault]symptom{
	fault.ChallengeMissing:       func(d *desk) bool { return line(d) == "" },
	fault.ChallengeBare:          func(d *desk) bool { return line(d) == "Bearer" },
	fault.ChallengeOtherScheme:   lineHas("Basic"),
	fault.ChallengeUnterminated:  func(d *desk) bool { return strings.Count(line(d), `"`)%2 == 1 },
	fault.ChallengeTwice:         func(d *desk) bool { return strings.Count(line(d), "scope=") == 2 },
	fault.ChallengeErrorUnasked:  lineHas("error="),
	fault.ChallengeNoError:       func(d *desk) bool { return !strings.Contains(garbageLine(d), "error=") },
	fault.ChallengeOwnError:      func(d *desk) bool { return !strings.Contains(garbageLine(d), `error="invalid_token"`) },
	fault.ChallengeNoScope:       lineLacks("scope="),
	fault.ChallengeOfflineAccess: lineHas("offline_access"),
	fault.ChallengeEveryScope:    lineHas("notes.write"),
	fault.ChallengeScopeVaries:   func(d *desk) bool { return differs(func() string { return line(d) }) },
	fault.PointerMissing:         lineLacks("resource_metadata="),
	fault.PointerRelative:        lineHas(`resource_metadata="/`),
	fault.PointerForeign:         lineHas("/oauth-protected-resource/profile"),
	fault.PointerDead:            lineHas("/nowhere"),
	fault.PointerInDescription: func(d *desk) bool {
		return !strings.Contains(garbageLine(d), ` resource_metadata="`) && strings.Contains(garbageLine(d), "resource_metadata=")
	},
	fault.AnonymousForbidden: func(d *desk) bool { return d.modern("", "tools/list", nil).StatusCode == 403 },
	fault.AnonymousRedirect:  func(d *desk) bool { return d.modern("", "tools/list", nil).StatusCode == 302 },
	fault.UnauthorizedAsResult: func(d *desk) bool {
		r := d.modern("garbage", "tools/list", nil)
		return r.StatusCode == 200 && rpcCode(r) != 0
	},
	fault.InvalidTokenForbidden:   func(d *desk) bool { return d.modern("garbage", "tools/list", nil).StatusCode == 403 },
	fault.InvalidTokenServerError: func(d *desk) bool { return d.modern("garbage", "tools/list", nil).StatusCode == 500 },
	fault.MalformedServerError:    func(d *desk) bool { return d.modern("a b", "tools/list", nil).StatusCode == 500 },
	fault.VerboseErrors:           func(d *desk) bool { return strings.Contains(d.modern("garbage", "tools/list", nil).raw, "goroutine ") },
	fault.TokenEchoed:             func(d *desk) bool { return strings.Contains(garbageLine(d), "garbage") },
	fault.TokenInErrorBody:        func(d *desk) bool { return strings.Contains(d.modern("garbage", "tools/list", nil).raw, "garbage") },
}

// member looks at one member of the metadata.
func member(name string, odd func(any) bool) symptom {
	return func(d *desk) bool { return odd(d.metadata().doc[name]) }
}

func absent(v any) bool { return v == nil }

func lists(value string) func(any) bool {
	return func(v any) bool { return strings.Contains(fmt.Sprint(v), value) }
}

var metadataSymptoms = map[fault.Fault]symptom{
	fault.MetadataMissing: func(d *desk) bool {
		return d.metadata().StatusCode == 404 && !strings.Contains(line(d), "resource_metadata")
	},
	fault.MetadataAppended: func(d *desk) bool {
		return d.metadata().StatusCode == 404 && d.get(d.endpoint()+metadataPath).StatusCode == 200
	},
	fault.MetadataSibling:          member("resource", lists("/other/mcp")),
	fault.MetadataWrongResource:    member("resource", lists("elsewhere")),
	fault.MetadataOriginResource:   func(d *desk) bool { return d.metadata().doc["resource"] == d.s.ResourceServer.origin },
	fault.MetadataSlashResource:    member("resource", lists("/mcp/")),
	fault.MetadataFragmentResource: member("resource", lists("#")),
	fault.MetadataNoResource:       member("resource", absent),
	fault.MetadataNoServers:        member("authorization_servers", absent),
	fault.MetadataEmptyServers: member("authorization_servers", func(v any) bool {
		servers, ok := v.([]any)
		return ok && len(servers) == 0
	}),
	fault.MetadataServersString: member("authorization_servers", func(v any) bool {
		_, ok := v.(string)
		return ok
	}),
	fault.MetadataDocumentServer:   member("authorization_servers", lists("/.well-known/")),
	fault.MetadataQueryServer:      member("authorization_servers", lists("?")),
	fault.MetadataDeadServer:       member("authorization_servers", lists("/nowhere")),
	fault.MetadataMediaType:        func(d *desk) bool { return d.metadata().Header.Get("Content-Type") == "text/plain" },
	fault.MetadataHTML:             func(d *desk) bool { return strings.HasPrefix(d.metadata().raw, "<!doctype html>") },
	fault.MetadataNeedsToken:       func(d *desk) bool { return d.metadata().StatusCode == 401 },
	fault.MetadataRedirectsToLogin: func(d *desk) bool { return d.metadata().StatusCode == 302 },
	fault.MetadataDuplicateMember:  func(d *desk) bool { return strings.Count(d.metadata().raw, `"resource"`) == 2 },
	fault.MetadataQueryTokens:      member("bearer_methods_supported", lists("query")),
	fault.MetadataEmptyArrays:      member("resource_signing_alg_values_supported", lists("[]")),
	fault.MetadataOfflineAccess:    member("scopes_supported", lists("offline_access")),
	fault.MetadataWildcardScope:    member("scopes_supported", lists("*")),
	fault.MetadataAlgNone:          member("resource_signing_alg_values_supported", lists("none")),
	fault.MetadataUnsignedSigned: member("signed_metadata", func(v any) bool {
		text, _ := v.(string)
		return strings.HasSuffix(text, ".")
	}),
	fault.MetadataSignedDiffers: member("signed_metadata", lists("eyJ")),
	fault.MetadataCleartextKeys: member("jwks_uri", lists("http://keys.elsewhere.example")),
}

func unguarded(changes ...change) symptom {
	return func(d *desk) bool { return served(d.tool("", "whoami", changes...)) }
}

var bearerSymptoms = map[fault.Fault]symptom{
	fault.TokenInQuery: func(d *desk) bool { return served(d.tool("", "whoami", query("access_token="+d.token()))) },
	fault.TokenInBody:  func(d *desk) bool { return served(d.tool("", "whoami", asForm(d.token()))) },
	fault.SecondMethodIgnored: func(d *desk) bool {
		return served(d.tool(d.token(), "whoami", query("access_token=junk")))
	},
	fault.SecondMethodWins: func(d *desk) bool {
		return served(d.tool("junk", "whoami", query("access_token="+d.token())))
	},
	fault.SecondHeaderWins: func(d *desk) bool {
		token := d.token()
		return served(d.tool("junk", "whoami", func(o *order) { o.header.Add("Authorization", "Bearer "+token) }))
	},
	fault.AnyScheme: func(d *desk) bool {
		return served(d.tool("", "whoami", setHeader("Authorization", "Token "+d.token())))
	},
	fault.SchemeCaseSensitive: func(d *desk) bool {
		return !served(d.tool("", "whoami", setHeader("Authorization", "bearer "+d.token())))
	},
	fault.MalformedTolerated:   func(d *desk) bool { return served(d.tool(d.token()+", Bearer x", "whoami")) },
	fault.GarbageAccepted:      func(d *desk) bool { return served(d.tool("garbage", "whoami")) },
	fault.RefreshTokenAccepted: refreshTokenServed,
	fault.OnlyInitializeGuarded: func(d *desk) bool {
		return served(d.tool("", "whoami")) && d.modern("", methodDiscover, nil).StatusCode == 401
	},
	fault.ToolCallUnguarded: func(d *desk) bool {
		return served(d.tool("", "whoami")) && d.modern("", "tools/list", nil).StatusCode == 401
	},
	fault.NotificationUnguarded: func(d *desk) bool {
		return d.legacy("", d.open(d.token()), "notifications/initialized", nil).StatusCode == 202
	},
	fault.GetUnguarded: func(d *desk) bool {
		return d.legacy("", d.open(d.token()), "", nil, verb("GET")).StatusCode == 200
	},
	fault.DeleteUnguarded: func(d *desk) bool {
		return d.legacy("", d.open(d.token()), "", nil, verb("DELETE")).StatusCode == 204
	},
	fault.SlashUnguarded:   func(d *desk) bool { return served(d.tool("", "whoami", target(d.endpoint()+"/"))) },
	fault.MethodOverridden: unguarded(setHeader("X-HTTP-Method-Override", "OPTIONS")),
	fault.MethodsUnguarded: unguarded(func(o *order) { o.verb = "PUT" }),
	fault.ConnectionRemembered: func(d *desk) bool {
		keep := setHeader("Connection", "keep-alive")
		return served(d.tool(d.token(), "whoami", keep)) && served(d.tool("", "whoami", keep))
	},
	fault.IdentityHeaderTrusted: unguarded(setHeader("X-Forwarded-User", "bob")),
	fault.EffectBeforeCheck: func(d *desk) bool {
		late := d.token(tokens.Dated("exp", -time.Hour))
		return d.tool(late, "write_note").StatusCode == 401 && said(d.tool(d.token(), "read_note")) == "written"
	},
	fault.AnswersCacheable: func(d *desk) bool {
		return strings.Contains(d.tool(d.token(), "whoami").Header.Get("Cache-Control"), "public")
	},
}

// refreshTokenServed goes through a whole flow for a refresh token.
func refreshTokenServed(d *desk) bool {
	client := registerClient(d.t, d.s, testClient)
	f := &flow{t: d.t, s: d.s, b: browse(d.t, d.s), id: client.text("client_id")}
	return served(d.tool(f.tokens("scope", "notes.read").text("refresh_token"), "whoami"))
}

// idTokenServed goes through a whole flow for an ID token.
func idTokenServed(d *desk) bool {
	client := registerClient(d.t, d.s, testClient)
	f := &flow{t: d.t, s: d.s, b: browse(d.t, d.s), id: client.text("client_id")}
	return served(d.tool(f.tokens("scope", "openid notes.read").text("id_token"), "whoami"))
}

// allowed asks whether a token with the scope may read a note.
func allowed(scope any) symptom {
	return func(d *desk) bool { return served(d.tool(d.token(tokens.Claim("scope", scope)), "read_note")) }
}

var scopeSymptoms = map[fault.Fault]symptom{
	fault.ScopeUnenforced: allowed("upstream.read"),
	fault.ScopeSubstring:  allowed("xnotes.reader"),
	fault.ScopeCaseFolded: allowed("NOTES.READ"),
	fault.ScopeByHeader: func(d *desk) bool {
		return served(d.tool(d.token(tokens.Claim("scope", "notes.read")), "write_note", setHeader("Mcp-Name", "read_note")))
	},
	fault.ScopeEverything:   func(d *desk) bool { return !allowed("notes.read")(d) },
	fault.ScopeUnauthorized: func(d *desk) bool { return d.tool(d.token(tokens.Without("scope")), "read_note").StatusCode == 401 },
	fault.ScopeAsResult: func(d *desk) bool {
		r := d.tool(d.token(tokens.Without("scope")), "read_note")
		return r.StatusCode == 200 && !served(r) && said(r) != ""
	},
	fault.ScopeNoChallenge:    func(d *desk) bool { return scopeLine(d) == "" },
	fault.ScopeNoError:        func(d *desk) bool { return !strings.Contains(scopeLine(d), "insufficient_scope") },
	fault.ScopeUnnamed:        func(d *desk) bool { return !strings.Contains(scopeLine(d), "scope=") },
	fault.ScopeNamedWrongly:   func(d *desk) bool { return strings.Contains(scopeLine(d), `scope="notes"`) },
	fault.ScopeOneByOne:       func(d *desk) bool { return strings.Contains(scopeLine(d), `scope="notes.read"`) },
	fault.ScopeNoPointer:      func(d *desk) bool { return !strings.Contains(scopeLine(d), "resource_metadata") },
	fault.ScopeForeignPointer: func(d *desk) bool { return strings.Contains(scopeLine(d), "/oauth-protected-resource/profile") },
	fault.ListByConnection: func(d *desk) bool {
		token := d.token()
		return differs(func() string { return d.modern(token, "tools/list", nil).raw })
	},
}

var sessionSymptoms = map[fault.Fault]symptom{
	fault.SessionAuthenticates: func(d *desk) bool { return served(d.legacy("", d.open(d.token()), "tools/list", nil)) },
	fault.SessionUnbound: func(d *desk) bool {
		return served(d.legacy(d.token(tokens.Claim("sub", "bob")), d.open(d.token()), "tools/list", nil))
	},
	fault.SessionKeepsScopes: func(d *desk) bool {
		return served(d.legacy(d.token(tokens.Without("scope")), d.open(d.token()), methodCallTool,
			map[string]any{"name": "read_note", "arguments": map[string]any{}}))
	},
	fault.SessionOutlivesToken: func(d *desk) bool {
		late := tokens.Dated("exp", -time.Hour)
		return served(d.legacy(d.token(late), d.open(d.token()), "tools/list", nil)) && !accepted(late)(d)
	},
	fault.SessionSequential: func(d *desk) bool { return strings.HasPrefix(d.open(d.token()), "session-") },
	fault.SessionNotASCII: func(d *desk) bool {
		id := d.open(d.token())
		return strings.ContainsFunc(id, func(r rune) bool { return r > '~' })
	},
	fault.SessionNeverEnds: func(d *desk) bool {
		token := d.token()
		id := d.open(token)
		return d.legacy(token, id, "", nil, verb("DELETE")).StatusCode == 204 && served(d.legacy(token, id, "tools/list", nil))
	},
	fault.SessionMissingStatus: func(d *desk) bool { return d.legacy(d.token(), "", "tools/list", nil).StatusCode == 404 },
	fault.IdentityFromClientInfo: func(d *desk) bool {
		admin := map[string]any{"name": "read_note", "arguments": map[string]any{}, "_meta": map[string]any{
			"io.modelcontextprotocol/protocolVersion":    modernVersion,
			"io.modelcontextprotocol/clientCapabilities": map[string]any{},
			"io.modelcontextprotocol/clientInfo":         map[string]any{"name": "admin", "version": "0"},
		}}
		return served(d.modern(d.token(tokens.Without("scope")), methodCallTool, admin))
	},
}

// fromOrigin asks whether a call from a page of the origin is served.
func fromOrigin(origin func(*desk) string) symptom {
	return func(d *desk) bool { return served(d.tool(d.token(), "whoami", setHeader("Origin", origin(d)))) }
}

func evil(*desk) string { return "https://evil.example" }

var transportSymptoms = map[fault.Fault]symptom{
	fault.OriginIgnored:     fromOrigin(evil),
	fault.OriginNullAllowed: fromOrigin(func(*desk) string { return "null" }),
	fault.OriginPrefixMatch: fromOrigin(func(d *desk) string { return d.s.ResourceServer.origin + ".evil.example" }),
	fault.OriginOtherStatus: func(d *desk) bool {
		return d.tool(d.token(), "whoami", setHeader("Origin", evil(d))).StatusCode == 400
	},
	fault.OriginRequired: func(d *desk) bool { return !served(d.tool(d.token(), "whoami")) },
	fault.OriginReflected: func(d *desk) bool {
		return d.tool(d.token(), "whoami", setHeader("Origin", evil(d))).Header.Get("Access-Control-Allow-Origin") != ""
	},
	fault.HostIgnored: func(d *desk) bool { return served(d.tool(d.token(), "whoami", setHeader("Host", "rebound.example"))) },
	fault.VersionIgnored: func(d *desk) bool {
		return served(d.modern(d.token(), "tools/list", nil, setHeader("MCP-Protocol-Version", "1900-01-01"))) &&
			served(d.legacy(d.token(), d.open(d.token()), "tools/list", nil, setHeader("MCP-Protocol-Version", "1900-01-01")))
	},
	fault.MirrorIgnored: func(d *desk) bool { return served(d.tool(d.token(), "whoami", setHeader("Mcp-Name", "read_note"))) },
	fault.MetaOptional: func(d *desk) bool {
		return served(d.modern(d.token(), "tools/list", map[string]any{"_meta": map[string]any{}}))
	},
	fault.UnknownMethodStatus: func(d *desk) bool { return d.modern(d.token(), "notes/burn", nil).StatusCode == 200 },
	fault.DiscoverMissing:     func(d *desk) bool { return d.modern(d.token(), methodDiscover, nil).StatusCode == 404 },
	fault.ModernSession:       func(d *desk) bool { return d.modern(d.token(), "tools/list", nil).Header.Get("Mcp-Session-Id") != "" },
}

// TestFaultsOfThePassage is about the faults between the resource server and its
// upstream. They need a token that the authorization server knows.
func TestFaultsOfThePassage(t *testing.T) {
	type passage struct {
		token, shown string
		received     []Credential
	}
	sent := func(p *passage, in, value string) bool {
		for _, c := range p.received {
			if c.In == in && c.Token == value {
				return true
			}
		}
		return false
	}
	symptoms := map[fault.Fault]func(*desk, *passage) bool{
		fault.CallerTokenForwarded: func(_ *desk, p *passage) bool { return sent(p, "header Authorization", p.token) },
		fault.CallerTokenInQuery:   func(_ *desk, p *passage) bool { return sent(p, "query user_token", p.token) },
		fault.CallerTokenEncoded: func(_ *desk, p *passage) bool {
			return sent(p, "header X-User-Context", base64.StdEncoding.EncodeToString([]byte(p.token)))
		},
		fault.ServiceKeyUpstream: func(_ *desk, p *passage) bool { return sent(p, "header Authorization", serviceKey) },
		fault.UpstreamTokenAccepted: func(d *desk, _ *passage) bool {
			return served(d.tool(d.token(tokens.Audience(d.s.Upstream.URL())), "whoami"))
		},
		fault.UpstreamTokenLeaked: func(_ *desk, p *passage) bool {
			return len(p.received) == 1 && strings.Contains(p.shown, p.received[0].Token)
		},
		fault.CallerTokenInAnswer: func(_ *desk, p *passage) bool { return strings.Contains(p.shown, p.token) },
		fault.CallerTokenShown:    func(d *desk, p *passage) bool { return strings.Contains(said(d.tool(p.token, "whoami")), p.token) },
	}
	try := func(shows func(*desk, *passage) bool, faults ...fault.Fault) bool {
		d, token := issued(t, "notes.read upstream.read", faults)
		r := d.tool(token, "upstream_profile")
		return shows(d, &passage{token, said(r), d.s.Upstream.Received()})
	}
	for _, f := range faultsOf(t, "passthrough.go") {
		shows := symptoms[f]
		if shows == nil {
			t.Fatalf("no symptom of %s is known", f)
		}
		if try(shows) {
			t.Errorf("a sound deployment %s", f.Doc)
		}
		if !try(shows, f) {
			t.Errorf("%s does not show", f)
		}
	}
}
