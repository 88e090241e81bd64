package suites_test

import (
	"time"

	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reference/variant"
)

func init() {
	settings["as-cimd-time-limit"] = reference.Options{FetchTimeout: time.Second}
	settings["as-alternative-registration"] = reference.Options{Variants: []variant.Variant{variant.NoRegistration}}
}
