package suites_test

import (
	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reference/variant"
)

func init() {
	settings["as-consent-again"] = reference.Options{Variants: []variant.Variant{variant.RemembersConsent}}
}
