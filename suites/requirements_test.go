package suites_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/mcpassay/mcpassay/fixtures/requirements"
	"github.com/mcpassay/mcpassay/suites"
)

// gradedOtherwise are checks whose level is none of their rows' in some revision,
// and why that is right.
var gradedOtherwise = map[string]string{
	"as-cors-no-credentials":         "The row allows cross-origin requests; that they carry credentials is what is judged.",
	"as-dcr-identity":                "An identity that a client gives itself can be another's: that is an attack that worked.",
	"as-dcr-usable":                  "The row leaves it open whether to register clients; what is offered has to work (RFC 7591, section 3).",
	"as-expires-in-true":             "The row demands the member; how true it is, OAuth 2.1 only recommends.",
	"as-iss-in-errors":               "Graded in every revision as the newest one does, since older clients do not look.",
	"as-par-single-use":              "The row's must is about expiry; that a request_uri works once is only recommended (RFC 9126, section 4).",
	"as-refresh-expired-refused":     "The row recommends that refresh tokens expire; one that has must not work.",
	"as-pkce-challenge-lookup":       "The row lets clients repeat a challenge, which servers then must not trip over.",
	"as-refresh-flow":                "The row leaves it open whether to issue refresh tokens; those issued have to work (RFC 6749, section 6).",
	"rs-403-resource-metadata-same":  "The row recommends the parameter; one that is there has to be right (RFC 9728, section 5.1).",
	"rs-403-scope-helps":             "The row recommends the parameter; one that is there has to be right (RFC 6750, section 3.1).",
	"rs-answers-not-shared":          "Caches that obey RFC 9111 store such answers only if the server lets them: a risk, no break-in.",
	"rs-body-token-ignored":          "The row is about two tokens; one in the body alone must not count (OAuth 2.1, section 5.1).",
	"rs-cors-credentials":            "The row lets servers answer other origins; doing so with credentials is the risk.",
	"rs-dpop-replay":                 "The rows demand a short window; to know every proof again is only recommended (RFC 9449, section 11.1).",
	"rs-other-scheme-refused":        "Widespread, and nobody gains by it: the token is still needed.",
	"rs-second-header-never-wins":    "Only a gateway that reads the other header makes an attack of it.",
	"rs-subject-required":            "Only RFC 9068 demands it, and not every access token follows that.",
	"rs-token-not-echoed":            "The answer goes to whoever sent the token: a risk where answers are logged.",
	"rs-token-one-reading":           "The token is genuine in each spelling; it only escapes lists of revoked ones.",
	"rs-upstream-token-for-upstream": "The row forbids passing the token on; another credential than the user's is legal but risky.",
}

// TestChecksAgreeWithRows holds what checks say of revisions and levels against
// the rows that they cover. Rows that name no revision rest on OAuth itself: MCP
// made some of them binding later, and when that was the check says.
func TestChecksAgreeWithRows(t *testing.T) {
	rows := map[string]requirements.Row{}
	for _, r := range requirements.Rows() {
		rows[r.ID] = r
	}
	used := map[string]bool{}
	for _, c := range suites.Catalogue() {
		var starts []string
		dated := true
		for _, id := range c.Covers {
			row, ok := rows[id]
			if !ok {
				t.Errorf("%s covers %s, which is no row", c.ID, id)
			}
			starts = append(starts, row.Since)
			dated = dated && row.Since != "" && !row.Extension()
		}
		if dated && len(starts) > 0 && !slices.Contains(starts, string(c.Since)) && c.ID != "as-refresh-flow" {
			t.Errorf("%s binds since %s, and its rows since %v", c.ID, c.Since, starts)
		}
		for _, revision := range suites.Revisions {
			var levels []string
			for _, id := range c.Covers {
				if row := rows[id]; row.BindsIn(string(revision)) {
					levels = append(levels, plainLevel(row.LevelIn(string(revision))))
				}
			}
			switch binds := c.Since <= revision && (c.Until == "" || revision < c.Until); {
			case !binds || len(c.Covers) == 0:
			case slices.Contains(levels, string(c.LevelIn(revision))):
			case gradedOtherwise[c.ID] != "":
				used[c.ID] = true
			default:
				t.Errorf("%s is %s in %s, and its rows are %v there", c.ID, c.LevelIn(revision), revision, levels)
			}
		}
	}
	for id := range gradedOtherwise {
		if !used[id] {
			t.Errorf("%s needs no exception", id)
		}
	}
}

// plainLevel is a row's level in the words of checks.
func plainLevel(level string) string {
	if level == "RECOMMENDED" {
		return "SHOULD"
	}
	return strings.TrimSuffix(level, " NOT")
}
