//! How a type with metadata of its own becomes a kind that kube knows.

/// Makes a namespaced kind of a type that has a field `metadata`.
#[macro_export]
macro_rules! namespaced_kind {
    ($type:ty, $kind:expr, $group:expr, $version:expr, $plural:expr) => {
        $crate::kind!($type, NamespaceResourceScope, $kind, $group, $version, $plural);
    };
}

/// Makes a kind of this scope of a type that has a field `metadata`.
#[macro_export]
macro_rules! kind {
    ($type:ty, $scope:ident, $kind:expr, $group:expr, $version:expr, $plural:expr) => {
        impl $crate::kube_core::Resource for $type {
            type DynamicType = ();
            type Scope = ::k8s_openapi::$scope;

            fn kind((): &()) -> ::std::borrow::Cow<'_, str> {
                $kind.into()
            }
            fn group((): &()) -> ::std::borrow::Cow<'_, str> {
                $group.into()
            }
            fn version((): &()) -> ::std::borrow::Cow<'_, str> {
                $version.into()
            }
            fn plural((): &()) -> ::std::borrow::Cow<'_, str> {
                $plural.into()
            }
            fn meta(&self) -> &::k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta {
                &self.metadata
            }
            fn meta_mut(&mut self) -> &mut ::k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta {
                &mut self.metadata
            }
        }
    };
}
