package suites_test

import (
	"time"

	"github.com/mcpassay/mcpassay/reference"
	"github.com/mcpassay/mcpassay/reference/variant"
)

func init() {
	for id, o := range map[string]reference.Options{
		"rs-introspection-fails-closed": {Variants: []variant.Variant{variant.OpaqueTokens}, Patience: time.Second},
		"rs-introspection-active":       {Variants: []variant.Variant{variant.OpaqueTokens}},
		"rs-introspection-cache":        {Variants: []variant.Variant{variant.IntrospectionCache}},
		"rs-behind-gateway":             {Variants: []variant.Variant{variant.PhantomTokens}},
	} {
		settings[id] = o
	}
}
