package suites_test

import (
	"time"

	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reference/variant"
)

func init() {
	settings["as-device-expiry"] = reference.Options{DeviceLifetime: time.Second}
	settings["as-consent-again"] = reference.Options{Variants: []variant.Variant{variant.RemembersConsent}}
}
