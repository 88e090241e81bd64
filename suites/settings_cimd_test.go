package suites_test

import (
	"time"

	"github.com/mcpassay/mcpassay/reference"
)

func init() {
	settings["as-cimd-time-limit"] = reference.Options{FetchTimeout: time.Second}
}
