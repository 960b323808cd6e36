// The kinds that routes are, for tests: what is read of these modules are their CRDs, so that the real schema judges what
// Carrel writes. No Go code here imports them (`go mod tidy` would take them away).
module carrel/cluster/routes

go 1.26.0

require (
	istio.io/api v1.31.4
	sigs.k8s.io/gateway-api v1.6.3
)
