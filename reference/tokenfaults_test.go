package reference

import (
	"net/url"
	"strings"
	"time"

	"github.com/mcpassay/mcpassay/fixtures/tokens"
	"github.com/mcpassay/mcpassay/reference/fault"
)

// accepted asks whether a sound token with the mutations is accepted.
func accepted(mutate ...tokens.Mutation) symptom {
	return func(d *desk) bool { return served(d.tool(d.token(mutate...), "whoami")) }
}

// acceptedAs asks whether a token meant for the resource that becomes makes of
// ours is accepted.
func acceptedAs(becomes func(ours *url.URL) string) symptom {
	return func(d *desk) bool {
		ours, err := url.Parse(d.endpoint())
		if err != nil {
			d.t.Fatal(err)
		}
		return accepted(tokens.Audience(becomes(ours)))(d)
	}
}

// fromElsewhere is a token of an issuer that the attacker made up.
func fromElsewhere(d *desk) bool {
	attacker, host := attack(d.t)
	_, kid, _ := parts(d)
	host.serve(d.t, attacker, kid)
	return served(d.tool(d.forge(attacker.Issuer(host.URL)), "whoami"))
}

// parts are a sound token, its key id, and the issuer of it.
func parts(d *desk) (token, kid, issuer string) {
	token = d.token()
	parsed, err := tokens.Parse(token)
	if err != nil {
		d.t.Fatal(err)
	}
	return token, parsed.KeyID(), d.s.AuthServer.Issuer()
}

var audienceSymptoms = map[fault.Fault]symptom{
	fault.AcceptAnyAudience:     accepted(tokens.Audience("https://elsewhere.example")),
	fault.AcceptMissingAudience: accepted(tokens.Without("aud")),
	fault.AudiencePrefixMatch:   acceptedAs(func(u *url.URL) string { return u.String() + "-staging" }),
	fault.AudienceOriginMatch:   acceptedAs(func(u *url.URL) string { return u.Scheme + "://" + u.Host + "/sibling" }),
	fault.AudienceHostMatch:     acceptedAs(func(u *url.URL) string { return u.Scheme + "://" + u.Hostname() + ":444" + u.Path }),
	fault.AudienceCaseFolded:    acceptedAs(func(u *url.URL) string { return strings.ToUpper(u.String()) }),
	fault.AudienceGeneric:       accepted(tokens.Audience("api")),
	fault.AcceptForeignIssuer:   fromElsewhere,
	fault.IssuerUnchecked:       accepted(tokens.Claim("iss", "https://elsewhere.example")),
	fault.IssuerPrefixMatch: func(d *desk) bool {
		return accepted(tokens.Claim("iss", d.s.AuthServer.Issuer()+".evil.example"))(d)
	},
}

// forged asks whether any of the forgeries is accepted.
func forged(make func(*desk) []tokens.Recipe) symptom {
	return func(d *desk) bool {
		for _, f := range make(d) {
			if served(d.tool(d.forge(f), "whoami")) {
				return true
			}
		}
		return false
	}
}

func just(f tokens.Recipe) func(*desk) []tokens.Recipe {
	return func(*desk) []tokens.Recipe { return []tokens.Recipe{f} }
}

func named(all []tokens.Recipe, name string) func(*desk) []tokens.Recipe {
	return func(d *desk) []tokens.Recipe {
		for _, f := range all {
			if f.Name == name {
				return []tokens.Recipe{f}
			}
		}
		d.t.Fatalf("no forgery is called %q", name)
		return nil
	}
}

func keyURL(d *desk) (tokens.Recipe, *lair) {
	attacker, host := attack(d.t)
	_, kid, _ := parts(d)
	host.serve(d.t, attacker, kid)
	return attacker.KeyURL("jku", host.URL+"/jwks"), host
}

var jwtSymptoms = map[fault.Fault]symptom{
	fault.SignatureUnchecked:   forged(just(tokens.Altered("sub", "bob"))),
	fault.SignatureStripped:    forged(named(tokens.BrokenSignatures(), "whose signature is empty")),
	fault.ZeroSignature:        forged(named(tokens.BrokenSignatures(), "whose signature is zeros")),
	fault.AcceptAlgNone:        forged(named(tokens.Unsigned(), `that says alg "none"`)),
	fault.AcceptAlgNoneSpelled: forged(named(tokens.Unsigned(), `that says alg "nOnE"`)),
	fault.AcceptHMACPublicKey: forged(func(d *desk) []tokens.Recipe {
		jwks, err := d.s.AuthServer.Keys().JWKS()
		if err != nil {
			d.t.Fatal(err)
		}
		return tokens.HMACSigned(jwks)
	}),
	fault.AcceptHMACEmptyKey: forged(named(tokens.KeyIDInjections(), "whose kid is a path to an empty file")),
	fault.AcceptEmbeddedKey: forged(func(d *desk) []tokens.Recipe {
		attacker, _ := attack(d.t)
		return []tokens.Recipe{attacker.EmbeddedKey()}
	}),
	fault.FetchKeyURL: forged(func(d *desk) []tokens.Recipe {
		f, _ := keyURL(d)
		return []tokens.Recipe{f}
	}),
	fault.FetchKeyURLBlindly: func(d *desk) bool {
		f, host := keyURL(d)
		return !served(d.tool(d.forge(f), "whoami")) && host.hits.Load() > 0
	},
	fault.AcceptUnknownCritical: accepted(tokens.Header("crit", []string{"x"}), tokens.Header("x", 1)),
	fault.AcceptAnyType:         accepted(tokens.Header("typ", "logout+jwt")),
	fault.IDTokenAccepted:       idTokenServed,
	fault.LooseTokenSyntax: func(d *desk) bool {
		f := d.s.AuthServer.Keys().MisissuedTwice("sub", "bob")
		return served(d.tool(d.forge(f), "whoami"))
	},
	fault.KeyIDServerError:    func(d *desk) bool { return d.tool(d.forge(tokens.KeyIDInjections()[8]), "whoami").StatusCode == 500 },
	fault.AcceptExpired:       accepted(tokens.Dated("exp", -24*time.Hour)),
	fault.AcceptMissingExpiry: accepted(tokens.Without("exp")),
	fault.AcceptTextExpiry:    accepted(tokens.Claim("exp", "9999999999")),
	fault.GenerousLeeway: func(d *desk) bool {
		return accepted(tokens.Dated("exp", -30*time.Minute))(d) && !accepted(tokens.Dated("exp", -2*time.Hour))(d)
	},
	fault.AcceptNotYetValid:    accepted(tokens.Dated("nbf", time.Hour)),
	fault.AcceptMissingSubject: accepted(tokens.Without("sub")),
	fault.SubjectTrimmed: func(d *desk) bool {
		return strings.Contains(said(d.tool(d.token(tokens.Claim("sub", "ALICE ")), "whoami")), `"alice"`)
	},
}
