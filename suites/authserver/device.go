package authserver

import (
	"context"
	"errors"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/mcpassay/mcpassay/probes"
	"github.com/mcpassay/mcpassay/reference/fault"
	"github.com/mcpassay/mcpassay/suites"
)

// devices needs the device authorization grant.
func devices(ctx context.Context, d *probes.Deployment) (bool, string) {
	const want = "an authorization server that offers the device authorization grant (RFC 8628) and registers clients for it"
	metadata, err := d.Metadata(ctx)
	if err != nil {
		return true, want
	}
	return metadata.Has("device_authorization_endpoint") && d.Registers(ctx), want
}

// passingDevices needs device codes that expire while the run waits.
func passingDevices(ctx context.Context, d *probes.Deployment) (bool, string) {
	want := "device codes that live no longer than the run may wait (--wait " + d.Target.Wait.Round(time.Second).String() + ")"
	r, err := d.AskAsDevice(ctx)
	return err == nil && r.Lifetime > 0 && r.Lifetime <= d.Target.Wait, want
}

// onDevice waits for a probe that needs a device.
func onDevice[T any](ctx SpecContext, f *probes.Future[T]) T {
	value, err := f.Await(ctx)
	for _, none := range []error{probes.ErrNoDevices, probes.ErrNoComplete} {
		if errors.Is(err, none) {
			suites.NotApplicable("%v", err)
		}
	}
	Expect(err).NotTo(HaveOccurred())
	return value
}

var _ = suites.Register(suites.Check{
	ID:       "as-device-polling",
	Title:    "A device gets tokens for its code once, when its user has approved, and is told what to wait for until then",
	Role:     suites.AS,
	Area:     suites.TokenRequest,
	Level:    suites.Must,
	Severity: suites.High,
	Cites:    cited("RFC 8628, 3.4", "RFC 8628, 3.5", "RFC 8628, 5.2"),
	Since:    suites.V20250326,
	Covers:   []string{"tok-device-polling"},
	Remedy:   "Answer authorization_pending, slow_down, access_denied and expired_token as they apply; bind the device code to its client and end it with the first tokens.",
	Needs:    []suites.Need{devices},
	Faults: []fault.Fault{
		fault.DevicePendingError, fault.DeviceNoSlowDown, fault.DeviceDenialHidden, fault.DeviceAnyClient, fault.DeviceReusable,
	},
	Specs: func(d *probes.Deployment) {
		polls := probes.Start(d, d.PollDevices)
		told := func(t *probes.Tokens, codes ...string) {
			Expect(t).To(suites.BeRefused())
			Expect(codes).To(ContainElement(t.Error), "what the device is told")
		}

		It("authorization_pending, as long as nobody answered", func(ctx SpecContext) {
			told(onDevice(ctx, polls).Waiting, "authorization_pending")
		})
		It("slow_down, when it does not wait", func(ctx SpecContext) {
			p := onDevice(ctx, polls)
			Expect(p.Hasty).To(suites.BeRefused())
			if p.Hasty.Error != "slow_down" {
				suites.Warn("a device that polls twice at once is told %q, not slow_down", p.Hasty.Error)
			}
		})
		It("access_denied, when the user refused", func(ctx SpecContext) {
			p := onDevice(ctx, polls)
			if p.Denied == nil {
				suites.NotApplicable("the page has no way to refuse")
			}
			told(p.Denied, "access_denied")
		})
		It("nothing for another client", func(ctx SpecContext) {
			p := onDevice(ctx, polls)
			if p.Foreign == nil {
				suites.NotApplicable("there is no other client")
			}
			Expect(p.Foreign).To(suites.BeRefused())
		})
		It("tokens once, after the approval", func(ctx SpecContext) {
			p := onDevice(ctx, polls)
			if p.Sound == nil {
				suites.NotApplicable("another client has used the code")
			}
			Expect(p.Sound).To(suites.BeAccepted())
			Expect(p.Again).To(suites.BeRefused())
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-device-expiry",
	Title:    "A device code gives nothing once it has expired, even if the user had approved",
	Role:     suites.AS,
	Area:     suites.TokenRequest,
	Level:    suites.Must,
	Severity: suites.Medium,
	Cites:    cited("RFC 8628, 3.2", "RFC 8628, 3.5"),
	Since:    suites.V20250326,
	Covers:   []string{"tok-device-polling"},
	Remedy:   "Answer expired_token when expires_in is over.",
	Needs:    []suites.Need{devices, passingDevices},
	Faults:   []fault.Fault{fault.DeviceEternal},
	Specs: func(d *probes.Deployment) {
		expired := probes.Start(d, d.PollExpired)

		It("but expired_token", func(ctx SpecContext) {
			t := onDevice(ctx, expired)
			Expect(t).To(suites.BeRefused())
			if t.Error != "expired_token" {
				d.Note("the device is told %q, not expired_token", t.Error)
			}
		})
	},
})

var _ = suites.Register(suites.Check{
	ID:       "as-device-confirmation",
	Title:    "A user who is led to approve a device is shown which one, and has to say yes",
	Role:     suites.AS,
	Area:     suites.Consent,
	Level:    suites.Should,
	Severity: suites.High,
	Cites:    cited("RFC 8628, 3.3.1", "RFC 8628, 5.4"),
	Since:    suites.V20250326,
	Covers:   []string{"consent-device-confirmation"},
	Remedy:   "Show the user code and the client, also when the link had the code, and approve nothing before the user confirms.",
	Needs:    []suites.Need{devices},
	Faults:   []fault.Fault{fault.DeviceAutomatic, fault.DeviceHidesCode, fault.DeviceHidesClient},
	Specs: func(d *probes.Deployment) {
		confirmation := probes.Start(d, d.ConfirmDevice)

		It("nothing happens by opening the link", func(ctx SpecContext) {
			k := onDevice(ctx, confirmation)
			Expect(k.Opened.Issued() || k.Opened.Error == "access_denied").To(BeFalse(), "opening the link in the browser of a user who has signed in answered for the user")
		})
		It("the page shows the code", func(ctx SpecContext) {
			k := onDevice(ctx, confirmation)
			if k.Opened.Issued() {
				suites.NotApplicable("nothing is asked")
			}
			Expect(consentNames(k.Said, k.Request.UserCode, plainCode(k.Request.UserCode))).To(BeTrue(), "the pages do not show the code %s", k.Request.UserCode)
		})
		It("the page shows the client", func(ctx SpecContext) {
			k := onDevice(ctx, confirmation)
			if k.Opened.Issued() {
				suites.NotApplicable("nothing is asked")
			}
			Expect(consentNames(k.Said, k.Client...)).To(BeTrue(), "the pages name none of %q", k.Client)
		})
	},
})
