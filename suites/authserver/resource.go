package authserver

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

func rfc8707(section string) []suites.Cite {
	return []suites.Cite{{Doc: "RFC 8707", Section: section}, {Doc: "MCP 2026-07-28", Section: "Resource Parameter Implementation"}}
}

// readable awaits a token and skips when none was issued or its audience cannot
// be read.
func readable(ctx SpecContext, f *probes.Future[*probes.Bound]) *probes.Bound {
	b, err := f.Await(ctx)
	Expect(err).NotTo(HaveOccurred())
	if !b.Issued() {
		suites.NotApplicable("no token was issued: %s", b.Ended())
	}
	if !b.Readable {
		suites.NotApplicable("the access token is opaque: whom it is for cannot be read")
	}
	return b
}

// needsOther skips where no second resource is known.
func needsOther(ctx SpecContext, d *probes.Deployment) {
	if offered, want := suites.OtherResource(ctx, d); !offered {
		suites.NotApplicable("needs %s", want)
	}
}

// parent tells whether an audience is the origin or a parent path of the resource.
func parent(audience, resource string) bool {
	a := strings.TrimSuffix(audience, "/")
	return strings.Contains(a, "://") && strings.HasPrefix(resource, a+"/")
}

var _ = suites.Register(suites.Check{
	ID:       "as-audience-follows-resource",
	Title:    "An access token is for the resource that was asked for",
	Role:     suites.AS,
	Area:     suites.Resource,
	Level:    suites.Should,
	Severity: suites.High,
	Cites:    rfc8707("2.2"),
	Since:    suites.V20250618,
	Covers:   []string{"as-audience-bound-token", "ri-audience-follows-resource"},
	Remedy:   "Put the requested resource into aud, and nothing that other servers accept; a token for a client or for a whole origin can be used against its neighbours.",
	Needs:    []suites.Need{suites.JWTAccessTokens},
	Faults: []fault.Fault{
		fault.AudienceClient, fault.AudienceIssuer, fault.AudienceOrigin, fault.AudienceMissing, fault.AudienceEverything, fault.ResourceIgnored,
	},
	Specs: func(d *probes.Deployment) {
		own := d.TryResource(nil, nil)
		other := d.TryResource([]probes.Mutation{probes.With("resource", d.Target.OtherResource)}, nil)

		It("by its aud", func(ctx SpecContext) {
			b := readable(ctx, own)
			resource := b.Authorization.Request.Values.Get("resource")
			if b.For(resource) {
				return
			}
			if slices.ContainsFunc(b.Audience, func(a string) bool { return parent(a, resource) }) {
				suites.Warn("aud is %q, a parent of the resource %q: every server below it accepts the token", b.Audience, resource)
			}
			Fail(fmt.Sprintf("aud is %q, and the resource %q", b.Audience, resource))
		})
		It("and for no other", func(ctx SpecContext) {
			needsOther(ctx, d)
			b := readable(ctx, own)
			Expect(b.Audience).NotTo(ContainElement(d.Target.OtherResource), "the token is for a second resource too, which was not asked for")
		})
		It("also when that is another", func(ctx SpecContext) {
			needsOther(ctx, d)
			b := readable(ctx, other)
			Expect(b.Audience).To(ContainElement(d.Target.OtherResource), "a token for a second resource was asked for, and aud is something else")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-resource-bound-from-authorization",
	Title:    "The resource of the authorization request binds the token",
	Role:     suites.AS,
	Area:     suites.Resource,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    rfc8707("2.1"),
	Since:    suites.V20250618,
	Covers:   []string{"ri-bound-from-authorize-alone"},
	Remedy:   "Keep the resource with the code and use it when the token request names none.",
	Needs:    []suites.Need{suites.JWTAccessTokens},
	Faults:   []fault.Fault{fault.ResourceAtTokenOnly},
	Specs: func(d *probes.Deployment) {
		silent := d.TryResource(nil, []probes.Mutation{probes.Without("resource")})
		sound := d.TryResource(nil, nil)

		It("when the token request names none", func(ctx SpecContext) {
			b, control := readable(ctx, silent), readable(ctx, sound)
			resource := b.Authorization.Request.Values.Get("resource")
			if !control.For(resource) {
				suites.NotApplicable("not even a sound flow binds the token; as-audience-follows-resource judges that")
			}
			Expect(b.Audience).To(ConsistOf(control.Audience), "without resource in the token request aud is something else")
		})
	},
})

// lookalikes are resources that nobody serves, most of them spelt almost like
// the one that is served.
func lookalikes(resource string) map[string]string {
	all := map[string]string{
		"an unknown host": "https://other.mcpassay.example/mcp",
		"a relative URL":  "/mcp",
		"not a URL":       "mcp server",
		"a fragment":      resource + "#x",
		"a deeper path":   strings.TrimSuffix(resource, "/") + "/mcpassay-unknown",
	}
	u, err := url.Parse(resource)
	if err != nil {
		return all
	}
	scheme := "https"
	if u.Scheme == "https" {
		scheme = "http"
	}
	all["another scheme"] = scheme + "://" + u.Host + u.RequestURI()
	all["the host as a prefix"] = u.Scheme + "://" + u.Hostname() + ".mcpassay.example" + u.RequestURI()
	all["the host as user information"] = u.Scheme + "://" + u.Host + "@mcpassay.example" + u.RequestURI()
	return all
}

var _ = suites.Register(suites.Check{
	ID:       "as-resource-unknown",
	Title:    "No token is issued for a resource that the server does not know",
	Role:     suites.AS,
	Area:     suites.Resource,
	Level:    suites.Should,
	Severity: suites.High,
	Cites:    rfc8707("2"),
	Since:    suites.V20250618,
	Covers:   []string{"ri-unknown-or-malformed", "as-resource-invalid-target"},
	Remedy:   "Compare the resource with a list of known ones, character by character, and answer anything else with invalid_target.",
	Needs:    []suites.Need{suites.JWTAccessTokens},
	Faults: []fault.Fault{
		fault.ResourceUnknown, fault.ResourceUnknownIgnored, fault.ResourceBeginning, fault.ResourceFragment, fault.ResourceScheme,
		fault.ResourceUserinfo, fault.ResourceCrash,
	},
	Specs: func(d *probes.Deployment) {
		tried := d.TryResources(lookalikes)
		sound := d.TryResource(nil, nil)

		It("with that audience", func(ctx SpecContext) {
			all, err := tried.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			for name, b := range all {
				asked := b.Authorization.Request.Values.Get("resource")
				Expect(b.For(asked)).To(BeFalse(), "a token was issued for %s: %s", name, asked)
			}
		})
		It("with another audience, as if it had not been asked for", func(ctx SpecContext) {
			if control := readable(ctx, sound); !control.For(control.Authorization.Request.Values.Get("resource")) {
				suites.NotApplicable("resources are ignored altogether; as-audience-follows-resource judges that")
			}
			all, err := tried.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			var ignored []string
			for name, b := range all {
				if b.Issued() && !b.For(b.Authorization.Request.Values.Get("resource")) {
					ignored = append(ignored, name)
				}
			}
			slices.Sort(ignored)
			Expect(ignored).To(BeEmpty(), "these resources are ignored and a token for another resource is issued")
		})
		It("and the request does no harm to the server", func(ctx SpecContext) {
			all, err := tried.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			for name, b := range all {
				if page := b.Authorization.Landing.Page; page != nil && b.Authorization.Code == "" {
					Expect(page.Status).To(BeNumerically("<", 500), "%s is answered with a server error", name)
				}
			}
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-resource-token-cannot-widen",
	Title:    "A token request cannot name a resource that was not authorized",
	Role:     suites.AS,
	Area:     suites.Resource,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    rfc8707("2.2"),
	Since:    suites.V20250618,
	Covers:   []string{"ri-token-cannot-widen-authorize", "as-resource-not-widened", "ri-second-resource"},
	Remedy:   "Accept in the token request only resources that the user has agreed to in the authorization request.",
	Needs:    []suites.Need{suites.JWTAccessTokens, suites.OtherResource},
	Faults:   []fault.Fault{fault.TokenResourceWidens, fault.TokenResourceBoth},
	Specs: func(d *probes.Deployment) {
		instead := d.TryResource(nil, []probes.Mutation{probes.With("resource", d.Target.OtherResource)})
		beside := d.TryResource(nil, []probes.Mutation{probes.Add("resource", d.Target.OtherResource)})

		It("instead of the authorized one", func(ctx SpecContext) {
			b, err := instead.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(b.For(d.Target.OtherResource)).To(BeFalse(), "the token request named a resource that was not authorized, and got a token for it")
		})
		It("beside the authorized one", func(ctx SpecContext) {
			b, err := beside.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(b.For(d.Target.OtherResource)).To(BeFalse(), "the token request added a resource that was not authorized, and got a token for it")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-resource-not-conjured",
	Title:    "Where no resource was authorized, the token request cannot name any it likes",
	Role:     suites.AS,
	Area:     suites.Resource,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    rfc8707("2.2"),
	Since:    suites.V20250618,
	Covers:   []string{"ri-token-when-none-authorized"},
	Remedy:   "Let the token request choose only among the resources that the authorization covered, by name or by default.",
	Needs:    []suites.Need{suites.JWTAccessTokens},
	Faults:   []fault.Fault{fault.TokenResourceConjured},
	Specs: func(d *probes.Deployment) {
		const unknown = "https://conjured.mcpassay.example/mcp"
		conjured := d.TryResource([]probes.Mutation{probes.Without("resource")}, []probes.Mutation{probes.With("resource", unknown)})

		It("such as one that the server does not know", func(ctx SpecContext) {
			b, err := conjured.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(b.For(unknown)).To(BeFalse(), "a token was issued for %s", unknown)
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-resource-default-restricted",
	Title:    "A token for which no resource was asked is not for every resource",
	Role:     suites.AS,
	Area:     suites.Resource,
	Level:    suites.Should,
	Severity: suites.Medium,
	Cites:    []suites.Cite{{Doc: "RFC 9068", Section: "3"}, {Doc: "RFC 9700", Section: "2.3"}},
	Since:    suites.V20250618,
	Covers:   []string{"ri-default-when-absent"},
	Remedy:   "Give such tokens one default audience, or refuse the request.",
	Needs:    []suites.Need{suites.JWTAccessTokens},
	Faults:   []fault.Fault{fault.DefaultEverything},
	Specs: func(d *probes.Deployment) {
		without := d.TryResource([]probes.Mutation{probes.Without("resource")}, []probes.Mutation{probes.Without("resource")})

		It("but for one, or not issued", func(ctx SpecContext) {
			b := readable(ctx, without)
			Expect(b.Audience).NotTo(BeEmpty(), "a token without an audience was issued: every resource that does not look takes it")
			resource, err := d.Resource(ctx)
			Expect(err).NotTo(HaveOccurred())
			both := b.For(resource) && d.Target.OtherResource != "" && b.For(d.Target.OtherResource)
			Expect(both).To(BeFalse(), "the token is for several resources: %q", b.Audience)
		})
	},
})
