package main

// The checks.
import (
	_ "github.com/mcpassay/mcpassay/suites/authserver"
	_ "github.com/mcpassay/mcpassay/suites/resourceserver"
)
