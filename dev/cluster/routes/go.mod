// Kinds that are not Kubernetes' own, for tests: what is read of these modules are their CRDs, so that the real schema judges
// what Carrel writes and reads. No Go code here imports them (`go mod tidy` would take them away).
module carrel/cluster/routes

go 1.26.0

require (
	github.com/kubernetes-csi/external-snapshotter/client/v8 v8.7.0
	istio.io/api v1.31.4
	sigs.k8s.io/gateway-api v1.6.3
)
