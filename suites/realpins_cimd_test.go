package suites_test

import (
	"slices"

	"github.com/mcpassay/mcpassay/fixtures/deployments"
	"github.com/mcpassay/mcpassay/reports"
)

func init() {
	silent := pin{reports.Warn, "The metadata has no client_id_metadata_document_supported, and no URL is taken for a client id."}
	for i := range trials {
		switch which := &trials[i]; which.deployment.Name {
		case deployments.OIDCProvider.Name:
			which.pins["as-cimd-supported"] = silent
			which.pins["as-ssrf-registration"] = pin{reports.Warn, "It connects to 127.0.0.1 and begins TLS for sector_identifier_uri at registration and for " +
				"jwks_uri when an assertion arrives; by http it connects and sends nothing."}
		case deployments.WorkersOAuthProvider.Name:
			which.pins["as-cimd-supported"] = pin{reports.Warn, "Off unless clientIdMetadataDocumentEnabled is set, and the metadata says false. " +
				"It takes documents from public https hosts only, so that ours on loopback would be refused."}
		case deployments.SDKDemo.Name, deployments.SDKDemoStrict.Name:
			which.pins["as-cimd-supported"] = silent
			which.shards = slices.Insert(slices.Clone(which.shards), 0, []string{"ssrf", "registration-cimd"})
		}
	}
}
