//! TLS to a relay: certificates are always checked.

use std::{io, path::Path, sync::Arc, time::Duration};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::{settings::SettingsError, stream::Stream};

/// Checks certificates against the system's roots and those of one file, for one host.
#[derive(Clone)]
pub(super) struct Encryption {
    connector: TlsConnector,
    host: ServerName<'static>,
}

/// Why a connection could not be encrypted.
pub(super) enum HandshakeError {
    /// The certificate or the protocol: trying again changes nothing.
    Refused(String),
    /// The network: trying again may help.
    Broken(String),
}

impl Encryption {
    /// Loads the roots. Fails if there are none, or if the file cannot be read.
    pub(super) fn new(host: &str, ca_file: Option<&Path>) -> Result<Self, SettingsError> {
        let host = ServerName::try_from(host.to_owned())
            .map_err(|_| SettingsError(format!("`{host}` is neither a host name nor an IP address")))?;
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(file) = ca_file {
            add_file(&mut roots, file)?;
        }
        if roots.is_empty() {
            return Err(SettingsError(
                "the system has no root certificates, so no relay can be trusted: install them or set a CA file".into(),
            ));
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| SettingsError(format!("no usable TLS version: {error}")))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), host })
    }

    /// Encrypts a connection on which nothing is read ahead.
    pub(super) async fn wrap(&self, stream: Stream, deadline: Duration) -> Result<Stream, HandshakeError> {
        let handshake = stream.encrypted(|socket| self.connector.connect(self.host.clone(), socket));
        match timeout(deadline, handshake).await {
            Ok(Ok(stream)) => Ok(stream),
            // rustls reports certificate and protocol errors as invalid data.
            Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidData => {
                Err(HandshakeError::Refused(error.to_string()))
            }
            Ok(Err(error)) => Err(HandshakeError::Broken(format!("TLS handshake: {error}"))),
            Err(_) => Err(HandshakeError::Broken(format!("TLS handshake: not finished within {deadline:?}"))),
        }
    }
}

fn add_file(roots: &mut RootCertStore, file: &Path) -> Result<(), SettingsError> {
    let refuse =
        |words: &dyn std::fmt::Display| SettingsError(format!("CA file `{}`: {words}", file.display()));
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| refuse(&error))?;
    let mut found = false;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| refuse(&error))?;
        roots.add(certificate).map_err(|error| refuse(&error))?;
        found = true;
    }
    if found { Ok(()) } else { Err(refuse(&"no PEM certificate in it")) }
}
