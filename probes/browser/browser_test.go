package browser_test

import (
	"errors"
	"os"
	"testing"

	"github.com/mcpassay/mcpassay/probes/browser"
	"github.com/mcpassay/mcpassay/probes/rehearsal"
)

// launch starts a browser for a test. Without one the test is skipped, unless
// MCPASSAY_REQUIRE_BROWSER is set.
func launch(t testing.TB, opts browser.Options) *browser.Browser {
	t.Helper()
	b, err := browser.Launch(t.Context(), opts)
	if errors.Is(err, browser.ErrNoBrowser) && os.Getenv("MCPASSAY_REQUIRE_BROWSER") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func TestSites(t *testing.T) {
	rehearsal.Run(t, launch(t, browser.Options{}), true)
}

func TestRefusedCredentials(t *testing.T) {
	rehearsal.Refused(t, launch(t, browser.Options{}), "plain", "name-first", "single-page")
}
