package suites_test

import (
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reference/variant"
)

func init() {
	settings["rs-dpop-nonce"] = reference.Options{Variants: []variant.Variant{variant.DPoPNonces}}
	settings["as-dpop-nonce"] = reference.Options{Variants: []variant.Variant{variant.DPoPNonces}}
}
