package suites_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/probes/wire"
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reference/variant"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

// judgedInBrowser are the checks that nothing but a browser can judge. The kill
// matrix, which has none, finds them inapplicable; TestMutantsInBrowser proves them.
var judgedInBrowser = map[string]bool{
	"as-pages-not-framed": true, "as-xss-client-metadata": true, "as-xss-request-parameters": true,
	"as-consent-facts": true, "as-web-message-origin": true,
}

// browserSettings are how the reference must be for checks of these that its
// plain shape makes inapplicable.
var browserSettings = map[string]reference.Options{
	"as-web-message-origin": {Variants: []variant.Variant{variant.WebMessage}},
}

// alsoInBrowser are checks that the kill matrix proves, but that rest on what
// browsers do with cookies and with requests of other sites: with the faults to
// prove them by once more.
var alsoInBrowser = map[string][]fault.Fault{
	"as-consent-csrf":              {fault.ConsentForged, fault.ConsentAnySession},
	"as-consent-denial":            {fault.ConsentDenialIgnored},
	"as-login-csrf":                {fault.LoginForged},
	"as-session-fixation":          {fault.SessionFixed},
	"as-session-cookie-attributes": {fault.CookieScriptable},
	"as-pages-leak-nothing":        {fault.PagesThirdParty},
	"as-transaction-browser-bound": {fault.TransactionAnywhere},
	"as-transactions-apart":        {fault.TransactionPerBrowser, fault.TransactionScopeLatest},
	"as-consent-silent-code":       {fault.ConsentRemembered},
	"as-return-parameters":         {fault.PagesReturn},
}

// TestMutantsInBrowser is the kill matrix of the checks that need a browser. They
// share one.
func TestMutantsInBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("takes two minutes")
	}
	b := launch(t)
	defer b.Close() //nolint:errcheck // nothing depends on it
	judge := func(t *testing.T, o reference.Options, filter string) *reports.Report {
		return judgeBy(t, o, filter, func(*wire.Client) (probes.UserAgent, string) { return b, "browser" }, nil)
	}
	claims := map[fault.Fault][]string{}
	all := map[string][]string{}        // by setting: the check it is for, or none
	only := os.Getenv("MCPASSAY_CHECK") // for whoever works on one
	for _, c := range suites.Catalogue() {
		if !strings.Contains(c.ID, only) {
			continue
		}
		faults := alsoInBrowser[c.ID]
		if judgedInBrowser[c.ID] {
			faults = c.Faults
		}
		if len(faults) > 0 {
			all[settingOf(c.ID)] = append(all[settingOf(c.ID)], c.ID)
		}
		for _, f := range faults {
			claims[f] = append(claims[f], c.ID)
		}
	}
	for setting, ids := range all {
		sound := judge(t, browserSettings[setting], strings.Join(ids, " || "))
		for i := range sound.Results {
			r := &sound.Results[i]
			idle := slices.ContainsFunc(r.Facets, func(f reports.Facet) bool { return f.Outcome == reports.NotApplicable })
			if r.Outcome != reports.Pass || setting != "" && idle {
				t.Error(describe(r))
			}
		}
	}
	m := newMatrix()
	for f, ids := range claims {
		t.Run(f.ID, func(t *testing.T) {
			o := browserSettings[settingOf(ids[0])]
			o.Faults = []fault.Fault{f}
			report := judge(t, o, strings.Join(ids, " || "))
			for i := range report.Results {
				r := &report.Results[i]
				if !judgedBad(r.Outcome) {
					t.Errorf("does not notice a deployment that %s\n%s", f.Doc, describe(r))
				}
				m.note(r, true)
			}
		})
	}
	for _, c := range suites.Catalogue() {
		if provenInBrowser(c) {
			m.everyAssertionOf(t, c.ID)
		}
	}
}

// settingOf is the check itself if it needs a setting of its own.
func settingOf(id string) string {
	if _, ok := browserSettings[id]; ok {
		return id
	}
	return ""
}

// provenInBrowser tells whether all of a check's faults are tried in a browser.
func provenInBrowser(c *suites.Check) bool {
	return judgedInBrowser[c.ID] || len(alsoInBrowser[c.ID]) == len(c.Faults)
}
