package authserver

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/suites"
)

// documentsTaken names the publications whose client got tokens.
func documentsTaken(all []probes.Published) []string {
	var names []string
	for i := range all {
		if all[i].Issued() {
			names = append(names, all[i].Name)
		}
	}
	return names
}

// noClients judges publications that make no client.
func noClients(published *probes.Future[[]probes.Published]) func(SpecContext) {
	return func(ctx SpecContext) {
		all, err := published.Await(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(documentsTaken(all)).To(BeEmpty(), "an access token was issued to the client of a document with")
		applyIfAny(all)
	}
}

// dubiousClients judges publications that ought to make no client, but whose
// success harms nobody by itself.
func dubiousClients(published *probes.Future[[]probes.Published], meaning string) func(SpecContext) {
	return func(ctx SpecContext) {
		all, err := published.Await(ctx)
		Expect(err).NotTo(HaveOccurred())
		if names := documentsTaken(all); len(names) > 0 {
			suites.Warn("%s: an access token was issued to the client of a document with %s", meaning, strings.Join(names, "; "))
		}
		applyIfAny(all)
	}
}

// applyIfAny ends an assertion about documents for which there was no place.
func applyIfAny(all []probes.Published) {
	GinkgoHelper()
	if len(all) == 0 {
		suites.NotApplicable("the documents of this run are published in one place only, and these need another")
	}
}
