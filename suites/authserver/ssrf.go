package authserver

import (
	"context"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/reports"
	"github.com/mcpassay/mcpassay/suites"
)

// plainLoopback are the spellings of loopback that every filter knows.
var plainLoopback = []string{"127.0.0.1", "localhost", "[::1]"}

// canaries need a place to put them.
func canaries(ctx context.Context, d *probes.Deployment) (bool, string) {
	return d.LocalServer(ctx), probes.ErrNoCanary.Error()
}

// hits names the lures that were taken.
func hits(lures []probes.Lure) []string {
	var taken []string
	for _, l := range lures {
		if l.Hit {
			taken = append(taken, l.What)
		}
	}
	return taken
}

// onLoopbackItself is what to say of a server that connects to loopback and is
// there itself: the draft lets it, since that is how developers work.
const onLoopbackItself = "a server on loopback may do so for its developers, and any other is led into its own network by it: make sure that addresses are filtered where it really runs"

// reached judges connections to loopback that nothing but the address itself
// should have kept a server from.
func reached(lures *probes.Future[[]probes.Lure], what string) func(SpecContext) {
	return func(ctx SpecContext) {
		all, err := lures.Await(ctx)
		Expect(err).NotTo(HaveOccurred())
		if taken := hits(all); len(taken) > 0 {
			suites.Warn("%s (%s); %s", what, strings.Join(taken, ", "), onLoopbackItself)
		}
	}
}

// around judges connections to loopback by a way around a filter. Without a
// filter there is nothing to get around.
func around(d *probes.Deployment, lures *probes.Future[[]probes.Lure], direct *probes.Future[[]probes.Lure], what string) func(SpecContext) {
	return func(ctx SpecContext) {
		all, err := lures.Await(ctx)
		Expect(err).NotTo(HaveOccurred())
		taken := hits(all)
		if len(taken) == 0 {
			return
		}
		plain, err := direct.Await(ctx)
		Expect(err).NotTo(HaveOccurred())
		if slices.ContainsFunc(plain, func(l probes.Lure) bool { return l.Hit && slices.Contains(plainLoopback, l.What) }) {
			suites.LeaveTo(d, "as-ssrf-addresses", reports.AuthServer, "loopback addresses are not refused in the first place")
		}
		Expect(taken).To(BeEmpty(), what)
	}
}

// only keeps the lures that the filter selects.
func only(d *probes.Deployment, keep func(probes.Lure) bool) *probes.Future[[]probes.Lure] {
	return probes.Start(d, func(ctx context.Context) ([]probes.Lure, error) {
		all, err := d.LuredByClientID(ctx)
		if err != nil {
			return nil, err
		}
		return slices.DeleteFunc(slices.Clone(all), func(l probes.Lure) bool { return !keep(l) }), nil
	})
}

func plainlySpelt(l probes.Lure) bool { return slices.Contains(plainLoopback, l.What) }

// fetchSafety is where the danger of fetching is described.
func fetchSafety() []suites.Cite {
	return []suites.Cite{
		{Doc: "OAuth Client ID Metadata Document", Section: "8.6"},
		{Doc: "MCP Security Best Practices", Section: "Server-Side Request Forgery"},
	}
}

const filterAddresses = "Check the address that a connection is about to be made to, after names are resolved and redirects taken, and refuse all that is not public: loopback, private, link-local, shared, reserved, and IPv6 forms that hold any of them."

var _ = suites.Register(suites.Check{
	ID:       "as-ssrf-addresses",
	Title:    "Nobody makes the server connect to its own network by a client id",
	Role:     suites.AS,
	Area:     suites.SSRF,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    append(fetchSafety(), cited("RFC 6890, 2")...),
	Since:    suites.V20251125,
	Covers:   []string{"ssrf-special-addresses", "as-cimd-ssrf-private-addresses"},
	Remedy:   filterAddresses,
	Needs:    []suites.Need{suites.Documents, canaries},
	Faults:   []fault.Fault{fault.FetchAnyAddress},
	Specs: func(d *probes.Deployment) {
		plain := only(d, plainlySpelt)

		It("that is on loopback", reached(plain, "the server connects to loopback for a client_id"))
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-ssrf-spellings",
	Title:    "What keeps the server from its own network looks at addresses, not at texts",
	Role:     suites.AS,
	Area:     suites.SSRF,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    append(fetchSafety(), cited("RFC 8725, 3.10")...),
	Since:    suites.V20251125,
	Covers:   []string{"ssrf-address-spellings"},
	Remedy:   filterAddresses,
	Needs:    []suites.Need{suites.Documents, canaries},
	Faults:   []fault.Fault{fault.FetchAddressText},
	Specs: func(d *probes.Deployment) {
		plain := only(d, plainlySpelt)
		odd := only(d, func(l probes.Lure) bool { return !plainlySpelt(l) })

		It("however loopback is spelt", around(d, odd, plain, "127.0.0.1, localhost and ::1 are refused, and the server connects to"))
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-ssrf-redirects",
	Title:    "No redirect leads the server into its own network",
	Role:     suites.AS,
	Area:     suites.SSRF,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    append(fetchSafety(), cited("OAuth Client ID Metadata Document, 5", "RFC 9101, 10.4")...),
	Since:    suites.V20251125,
	Covers:   []string{"ssrf-redirect-following", "as-cimd-ssrf-redirects"},
	Remedy:   "Follow no redirects when fetching what a client names; " + strings.ToLower(filterAddresses[:1]) + filterAddresses[1:],
	Needs:    []suites.Need{suites.Documents, canaries},
	Faults:   []fault.Fault{fault.FetchRedirectsAny},
	Specs: func(d *probes.Deployment) {
		plain := only(d, plainlySpelt)
		led := probes.Start(d, d.LuredByRedirect)

		It("from a document", around(d, led, plain, "the server refuses loopback addresses, and is led there by"))
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-ssrf-document-urls",
	Title:    "The URLs within a document lead the server nowhere that its own URL could not",
	Role:     suites.AS,
	Area:     suites.SSRF,
	Level:    suites.Should,
	Severity: suites.High,
	Cites:    fetchSafety(),
	Since:    suites.V20251125,
	Covers:   []string{"as-cimd-ssrf-secondary-urls", "as-cimd-ssrf-private-addresses"},
	Remedy:   "Fetch jwks_uri and logo_uri through the same filter as documents, other pages not at all, and nothing but https.",
	Needs:    []suites.Need{suites.Documents, canaries},
	Faults:   []fault.Fault{fault.FetchKeySetAny, fault.FetchDescription},
	Specs: func(d *probes.Deployment) {
		plain := only(d, plainlySpelt)
		within := probes.Start(d, d.LuredByDocument)

		It("be they of keys or of pages", around(d, within, plain, "the server refuses loopback addresses as a client_id, and connects to them for"))
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-ssrf-registration",
	Title:    "Registering a client makes the server fetch nothing from its own network",
	Role:     suites.AS,
	Area:     suites.SSRF,
	Level:    suites.Should,
	Severity: suites.Medium,
	Cites:    cited("RFC 7591, 5", "OpenID Connect Dynamic Client Registration, 9.1", "RFC 9700, 4"),
	Since:    suites.V20250326,
	Covers:   []string{"ssrf-registration-uri-fields", "ssrf-special-addresses"},
	Remedy:   "Fetch what a registration names only when it is needed, and the pages for people never; refuse addresses that are not public wherever the server runs for others.",
	Needs:    []suites.Need{suites.DynamicRegistration, canaries},
	Faults:   []fault.Fault{fault.FetchRegistration, fault.FetchRegisteredKeys},
	Specs: func(d *probes.Deployment) {
		pages, keys := probes.Start(d, d.LuredByRegistration), probes.Start(d, d.LuredByKeys)

		It("for the pages that it names", func(ctx SpecContext) {
			lures, err := pages.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			taken := hits(lures)
			if slices.Equal(taken, []string{"sector_identifier_uri"}) {
				suites.Warn("the server connects to loopback for sector_identifier_uri, which it has to read; %s", onLoopbackItself)
			}
			Expect(taken).To(BeEmpty(), "the server connects to loopback for")
		})
		It("for the keys that it names", reached(keys, "the server connects to loopback for the keys of a client"))
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-ssrf-request-uri",
	Title:    "A request_uri that nobody registered is not fetched",
	Role:     suites.AS,
	Area:     suites.SSRF,
	Level:    suites.Should,
	Severity: suites.High,
	Cites:    cited("RFC 9101, 5.2.3, 10.4.1", "OpenID Connect Core, 6.2"),
	Since:    suites.V20250326,
	Covers:   []string{"ssrf-request-uri"},
	Remedy:   "Accept request_uri only if it came from a pushed authorization request or is registered for the client; refuse others before anything is fetched.",
	Needs:    []suites.Need{canaries},
	Faults:   []fault.Fault{fault.FetchRequestURI},
	Specs: func(d *probes.Deployment) {
		probe := probes.Start(d, d.LuredByRequest)

		It("whoever sends it", func(ctx SpecContext) {
			lures, err := probe.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(hits(lures)).To(BeEmpty(), "the server connected to a request_uri by")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-ssrf-hygiene",
	Title:    "What the server fetches gets no secret, and tells none",
	Role:     suites.AS,
	Area:     suites.SSRF,
	Level:    suites.Should,
	Severity: suites.Medium,
	Cites:    append(fetchSafety(), cited("RFC 8725, 3.10", "OAuth 2.1, 1.5")...),
	Since:    suites.V20251125,
	Covers:   []string{"ssrf-fetch-hygiene"},
	Remedy:   "Send no credentials or cookies with what clients make you fetch, verify certificates, and tell users the same whatever the reason of a failure; the details belong into a log.",
	Needs:    []suites.Need{suites.Documents},
	Faults:   []fault.Fault{fault.FetchCredentials, fault.FetchUnverified, fault.FetchErrorEchoed, fault.FetchErrorDetailed},
	Specs: func(d *probes.Deployment) {
		brought := probes.Start(d, d.Brought)
		type strange struct{ fetched, offered bool }
		unverified := probes.Start(d, func(ctx context.Context) (strange, error) {
			fetched, offered, err := d.Strangely(ctx)
			return strange{fetched, offered}, err
		})
		telltales := probes.Start(d, d.Telltales)

		It("in a header", func(ctx SpecContext) {
			Expect(brought.Await(ctx)).To(BeEmpty(), "fetches of documents or keys bring credentials")
		})
		It("over connections that anybody could stand in", func(ctx SpecContext) {
			s, err := unverified.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if !s.offered {
				suites.NotApplicable("the documents of this run are published in one place only, with a certificate that is trusted")
			}
			Expect(s.fetched).To(BeFalse(), "a document was fetched although nobody vouches for the server's certificate")
		})
		It("by showing what was answered", func(ctx SpecContext) {
			all, err := telltales.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			for _, t := range all {
				Expect(t.Echoes()).To(BeFalse(), "the answer of another host was shown to the user: "+t.What)
			}
		})
		It("or by saying why there was none", func(ctx SpecContext) {
			all, err := telltales.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			texts := map[string]string{}
			for _, t := range all {
				if !t.Echoes() {
					texts[t.Text] = t.What
				}
			}
			Expect(different(texts)).To(HaveLen(1), "what users are shown tells these apart")
		})
	},
})

// different are the things that one could tell apart, by one name each.
func different(texts map[string]string) []string {
	var names []string
	for _, name := range texts {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
