package suites_test

import (
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reference/variant"
)

func init() {
	for _, id := range []string{"rs-certificate-bound", "as-certificate-not-by-header"} {
		settings[id] = reference.Options{Variants: []variant.Variant{variant.TLS}}
	}
	settings["rs-dpop-nonce"] = reference.Options{Variants: []variant.Variant{variant.DPoPNonces}}
	settings["as-dpop-nonce"] = reference.Options{Variants: []variant.Variant{variant.DPoPNonces}}
}
