package suites_test

import (
	"time"

	"github.com/mcpassay/mcpassay/reference"
)

func init() {
	settings["as-par-expiry"] = reference.Options{PushLifetime: time.Second}
}
