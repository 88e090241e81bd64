package suites_test

import (
	"time"

	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reference/variant"
)

func init() {
	settings["as-base-url-discovery"] = reference.Options{BaseURL: reference.BaseURLMetadata}
	settings["as-default-endpoints"] = reference.Options{BaseURL: reference.BaseURLDefaults}
	settings["as-third-party-session"] = reference.Options{
		BaseURL: reference.BaseURLMetadata, Variants: []variant.Variant{variant.Proxy, variant.OpaqueTokens},
	}
	settings["as-par-expiry"] = reference.Options{PushLifetime: time.Second}
	for _, id := range []string{
		"as-proxy-callback", "as-proxy-consent-before-upstream", "as-proxy-consent-cookie-bound", "as-proxy-consent-cookie-flags",
		"as-proxy-consent-details", "as-proxy-consent-forgery", "as-proxy-state-after-consent", "as-proxy-state-random", "as-proxy-upstream-pkce",
	} {
		settings[id] = reference.Options{Variants: []variant.Variant{variant.Proxy}}
	}
}

func init() {
	settings["as-client-keys-replaced"] = reference.Options{Variants: []variant.Variant{variant.KeysByReference}}
}
