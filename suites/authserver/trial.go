package authserver

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

// cited makes citations of texts such as "RFC 7636, 4.6".
func cited(texts ...string) []suites.Cite {
	var cites []suites.Cite
	for _, text := range texts {
		doc, section, _ := strings.Cut(text, ", ")
		cites = append(cites, suites.Cite{Doc: doc, Section: section})
	}
	return cites
}

// succeeded names the trials that ended with an access token.
func succeeded(tried []probes.Tried) []string {
	var names []string
	for _, t := range tried {
		if t.Issued() {
			names = append(names, t.Name)
		}
	}
	return names
}

// refused judges a family of attacks: none may have come to an access token.
// What has to be true of those that did is completed by "for".
func refused(d *probes.Deployment, trials *probes.Future[[]probes.Tried]) func(SpecContext) {
	return func(ctx SpecContext) {
		tried, err := trials.Await(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(succeeded(tried)).To(BeEmpty(), "an access token was issued for")
		undecidedIfFiltered(d, tried)
	}
}

// contested judges a family of requests that ought to be refused, but whose
// success harms nobody by itself.
func contested(d *probes.Deployment, trials *probes.Future[[]probes.Tried], meaning string) func(SpecContext) {
	return func(ctx SpecContext) {
		tried, err := trials.Await(ctx)
		Expect(err).NotTo(HaveOccurred())
		if names := succeeded(tried); len(names) > 0 {
			suites.Warn("%s: an access token was issued for: %s", meaning, strings.Join(names, "; "))
		}
		undecidedIfFiltered(d, tried)
	}
}

// undecidedIfFiltered notes how the attacks were refused, and does not count a
// firewall's refusal as the server's.
func undecidedIfFiltered(d *probes.Deployment, tried []probes.Tried) {
	var filtered []string
	for _, t := range tried {
		if t.Filtered() {
			filtered = append(filtered, t.Name)
		}
		if t.Tokens != nil && t.Tokens.Response.Status >= 500 {
			d.Note("%s: refused with status %d", t.Name, t.Tokens.Response.Status)
		}
	}
	if len(filtered) > 0 {
		suites.Undecided(d, reports.Edge, "%s", fmt.Sprintf("something in front of the server refused: %s", strings.Join(filtered, "; ")))
	}
}
