package suites_test

import (
	"time"

	"github.com/mcpassay/mcpassay/reference"
)

func init() {
	settings["rs-request-state-expires"] = reference.Options{RequestStateLifetime: time.Second}
}
