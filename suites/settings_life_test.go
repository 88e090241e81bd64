package suites_test

import (
	"time"

	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reference/variant"
)

func init() {
	settings["as-refresh-expired-refused"] = reference.Options{RefreshTokenLifetime: 2 * time.Second}
	settings["as-client-secret-expires"] = reference.Options{SecretLifetime: 2 * time.Second}
	settings["rs-revoked-token-refused"] = reference.Options{Variants: []variant.Variant{variant.OpaqueTokens}}
}
