package suites_test

import "github.com/mcpassay/mcpassay/fixtures/deployments"

var trials = []trial{
	{deployment: deployments.OIDCProvider, browser: true, shards: []string{""}},
	{deployment: deployments.WorkersOAuthProvider, browser: true, slow: true, shards: []string{""}},
	{deployment: deployments.SDKDemo, shards: []string{""}},
	{deployment: deployments.SDKDemoStrict, slow: true, shards: []string{""}},
}
