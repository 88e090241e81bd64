package fault

// Faults of workload identity federation.
var (
	WorkloadRefused       = declare("workload-refused", "advertises the grant of workloads and refuses every assertion")
	WorkloadNeedsClient   = declare("workload-needs-client", "demands of workloads that they are registered as clients")
	WorkloadGrantUnlisted = declare("workload-grant-unlisted", "takes assertions of workloads and does not list the grant", "as-idjag-advertised")
	WorkloadAnyIssuer     = declare("workload-any-issuer", "takes assertions of workloads from any issuer")
	WorkloadUnverified    = declare("workload-unverified", "does not verify the signature of assertions of workloads")
	WorkloadAnyAudience   = declare("workload-any-audience", "takes assertions of workloads that are for another server")
	WorkloadExpired       = declare("workload-expired", "takes assertions of workloads that have expired")
	WorkloadEternal       = declare("workload-eternal", "takes assertions of workloads that never expire")
	WorkloadIncomplete    = declare("workload-incomplete", "takes assertions of workloads without iat and jti")
	WorkloadNameless      = declare("workload-nameless", "takes assertions of workloads that name none")
	WorkloadAnySubject    = declare("workload-any-subject", "gives every workload of a trusted issuer a token")
	WorkloadAnyResource   = declare("workload-any-resource", "gives workloads that it knows a token for every MCP server")
	WorkloadTenantsMixed  = declare("workload-tenants-mixed", "knows workloads by their name, whichever issuer says it")
	WorkloadFetchesKeys   = declare("workload-fetches-keys", "asks whatever issuer an assertion names for its keys")
)
