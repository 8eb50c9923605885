//! TLS as a client: one provider of crypto, and whom the system trusts.

use std::sync::{Arc, OnceLock};

use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier, crypto::aws_lc_rs};

/// The system's root certificates, read once in the life of the process. Those that cannot be parsed are left out, as
/// browsers do; there may be none.
#[must_use]
pub(crate) fn roots() -> Arc<RootCertStore> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    Arc::clone(ROOTS.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Arc::new(roots)
    }))
}

/// A client's configuration with the provider and the versions of TLS chosen. `Err` is a fragment.
pub(crate) fn client() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, String> {
    ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("no usable TLS version: {error}"))
}
