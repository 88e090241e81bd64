package resourceserver

import (
	"context"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

var handleHijacking = []suites.Cite{
	{Doc: "MCP Security Best Practices", Section: "State Handle Hijacking"},
	{Doc: "MCP 2026-07-28", Section: "Tools"},
}

var _ = suites.Register(suites.Check{
	ID:       "rs-handle-not-authentication",
	Title:    "A state handle does not stand in for a token",
	Role:     suites.RS,
	Area:     suites.Session,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    handleHijacking,
	Since:    suites.V20260728,
	Covers:   []string{"rs-handle-not-authentication"},
	Remedy:   "Verify the token before the handle is looked at. Handles stand in prompts, logs and tool results.",
	Needs:    []suites.Need{suites.StateHandles},
	Faults:   []fault.Fault{fault.HandleAuthenticates},
	Specs: func(d *probes.Deployment) {
		tried := probes.Start(d, d.TryHandle)

		It("for a caller who brings none", func(ctx SpecContext) {
			x, err := tried.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(x.Bare.Opened()).To(BeFalse(), "without a token, a handle opens what its owner keeps there")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-handle-bound-to-user",
	Title:    "A state handle is good for the user whom it was given to",
	Role:     suites.RS,
	Area:     suites.Session,
	Level:    suites.Should,
	Severity: suites.High,
	Cites:    handleHijacking,
	Since:    suites.V20260728,
	Covers:   []string{"rs-handle-bound-to-principal"},
	Remedy:   "Keep state under handle and user, the user taken from the verified token, and answer anybody else as if there were nothing.",
	Needs:    []suites.Need{suites.StateHandles, suites.SecondUser},
	Faults:   []fault.Fault{fault.HandleUnbound},
	Specs: func(d *probes.Deployment) {
		tried := probes.Start(d, d.TryHandle)

		It("and for no other user", func(ctx SpecContext) {
			x, err := tried.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(x.Other.Opened()).To(BeFalse(), "with a token of their own, another user opens what the handle's owner keeps there")
		})
	},
})

// sampled is how many ids of a kind are looked at.
const sampled = 16

// guessable says what makes ids guessable, if anything does.
func guessable(ids []string) string {
	sorted := slices.Sorted(slices.Values(ids))
	switch {
	case len(slices.Compact(sorted)) < len(ids):
		return "one was given out twice"
	case varyingBits(ids) < enoughBits:
		return "they differ in few places"
	}
	return ""
}

var _ = suites.Register(suites.Check{
	ID:       "rs-handle-unpredictable",
	Title:    "State handles cannot be guessed",
	Role:     suites.RS,
	Area:     suites.Session,
	Level:    suites.Should,
	Severity: suites.Medium,
	Cites:    handleHijacking,
	Since:    suites.V20260728,
	Covers:   []string{"rs-handle-unpredictable"},
	Remedy:   "Make handles from at least 128 bits of a cryptographic random source, such as a version 4 UUID.",
	Needs:    []suites.Need{suites.StateHandles},
	Faults:   []fault.Fault{fault.HandleSequential},
	Specs: func(d *probes.Deployment) {
		sample := probes.Start(d, func(ctx context.Context) ([]string, error) { return d.MintHandles(ctx, sampled) })

		It("from those that others got", func(ctx SpecContext) {
			ids, err := sample.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(guessable(ids)).To(BeEmpty(), "of %d handles, %s", len(ids), guessable(ids))
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-task-bound-to-user",
	Title:    "A task is its creator's alone",
	Role:     suites.RS,
	Area:     suites.Session,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    []suites.Cite{{Doc: "MCP 2025-11-25", Section: "Tasks, Security Considerations"}, {Doc: "SEP-2663", Section: "Security Implications"}},
	Since:    suites.V20251125,
	Covers:   []string{"rs-task-bound-to-authorization"},
	Remedy:   "Keep with the task whose token created it, and answer anybody else as if it did not exist.",
	Needs:    []suites.Need{suites.Tasks, suites.SecondUser},
	Faults:   []fault.Fault{fault.TaskUnbound, fault.TaskCancelled, fault.TaskListed},
	Specs: func(d *probes.Deployment) {
		tried := probes.Start(d, d.TryTasks)

		It("to see and to feed", func(ctx SpecContext) {
			all, err := tried.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			for _, x := range all {
				for _, method := range []string{"tasks/get", "tasks/result", "tasks/update"} {
					Expect(x.Named[method].Opened()).To(BeFalse(), "%s of another user's task is served", method)
				}
			}
		})
		It("to cancel", func(ctx SpecContext) {
			all, err := tried.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			for _, x := range all {
				Expect(x.Ended).To(BeFalse(), "after another user's tasks/cancel the task is cancelled")
			}
		})
		It("to find in a list", func(ctx SpecContext) {
			all, err := tried.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			lists := false
			for _, x := range all {
				lists = lists || x.Lists
				Expect(x.Listed).To(BeFalse(), "tasks/list names another user's task")
			}
			if !lists {
				suites.NotApplicable("the server lists no tasks")
			}
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-task-id-unpredictable",
	Title:    "Task ids cannot be guessed",
	Role:     suites.RS,
	Area:     suites.Session,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    []suites.Cite{{Doc: "MCP 2025-11-25", Section: "Tasks, Security Considerations"}, {Doc: "SEP-2663", Section: "Security Implications"}},
	Since:    suites.V20251125,
	Covers:   []string{"rs-task-id-entropy"},
	Remedy:   "Make task ids from at least 128 bits of a cryptographic random source, such as a version 4 UUID.",
	Needs:    []suites.Need{suites.Tasks},
	Faults:   []fault.Fault{fault.TaskSequential},
	Specs: func(d *probes.Deployment) {
		sample := probes.Start(d, func(ctx context.Context) ([]string, error) { return d.TaskIDs(ctx, sampled) })

		It("from those that others got", func(ctx SpecContext) {
			ids, err := sample.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			why := guessable(ids)
			if why == "" {
				return
			}
			// With tasks bound to their creators, a guess opens nothing.
			if len(d.Target.Users) > 1 {
				bound, err := d.TryTasks(ctx)
				open := slices.ContainsFunc(bound, func(x *probes.TaskTrial) bool { return x.Listed || x.Ended || x.Named["tasks/get"].Opened() })
				if err == nil && len(bound) > 0 && !open {
					suites.Warn("of %d task ids, %s; that opens nothing as long as tasks are bound to users", len(ids), why)
				}
			}
			Expect(why).To(BeEmpty(), "of %d task ids, %s", len(ids), why)
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-mirrored-not-trusted",
	Title:    "What a header field and the body agree upon is still checked against the user",
	Role:     suites.RS,
	Area:     suites.Transport,
	Level:    suites.Must,
	Severity: suites.Critical,
	Cites:    []suites.Cite{{Doc: "SEP-2243", Section: "Security Implications"}, streamableHTTP("Server Validation")},
	Since:    suites.V20260728,
	Covers:   []string{"rs-param-headers-not-trusted"},
	Remedy:   "Decide by the token which tenants, regions and resources the caller may name; the Mcp-Param fields are for routing.",
	Needs:    []suites.Need{suites.MirroredArguments, suites.SecondUser},
	Faults:   []fault.Fault{fault.MirroredTenantTrusted},
	Specs: func(d *probes.Deployment) {
		tried := probes.Start(d, d.NameOther)

		It("who may not name what belongs to another", func(ctx SpecContext) {
			n, err := tried.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(n.Opened()).To(BeFalse(), "one user, naming what belongs to another, is served it")
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "rs-cache-scope",
	Title:    "Results that depend on the user are not marked public",
	Role:     suites.RS,
	Area:     suites.Session,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    []suites.Cite{{Doc: "MCP 2026-07-28", Section: "Caching, Security Considerations"}},
	Since:    suites.V20260728,
	Covers:   []string{"rs-cache-scope-not-access-control"},
	Remedy:   "Say cacheScope private; public is also what a client assumes where it is missing.",
	Needs:    []suites.Need{suites.SecondUser},
	Faults:   []fault.Fault{fault.CacheScopePublic},
	Specs: func(d *probes.Deployment) {
		compared := probes.Start(d, d.CacheScopes)

		It("for caches that others share", func(ctx SpecContext) {
			all, err := compared.Await(ctx)
			Expect(err).NotTo(HaveOccurred())
			if len(all) == 0 {
				suites.NotApplicable("no result says who may cache it")
			}
			for _, c := range all {
				Expect(c.Differs && c.Scope == "public").To(BeFalse(), "%s is another for each of two users, and its cacheScope is public", c.Name)
			}
		})
	},
})
