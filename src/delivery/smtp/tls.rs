//! TLS to a relay: certificates are always checked.

use std::{io, path::Path, sync::Arc, time::Duration};

use rustls::{
    CertificateError, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
    server::ParsedCertificate,
};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::{settings::SettingsError, stream::Stream};
use crate::tls;

/// Checks certificates against the system's roots and those of one file, for one host.
#[derive(Clone)]
pub(super) struct Encryption {
    connector: TlsConnector,
    host: ServerName<'static>,
}

/// The reason that a connection could not be encrypted.
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
        let mut roots = tls::roots();
        let named = ca_file.map_or(Ok(Vec::new()), |file| add_file(Arc::make_mut(&mut roots), file))?;
        if roots.is_empty() {
            return Err(SettingsError(
                "the system has no root certificates, so no relay can be trusted: install them or set a CA file".into(),
            ));
        }
        let config = tls::client().map_err(SettingsError)?;
        let verifier = Named::new(roots, named, config.crypto_provider())?;
        let config =
            config.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth();
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), host })
    }

    /// Encrypts a connection on which nothing is read ahead.
    pub(super) async fn wrap(&self, stream: Stream, deadline: Duration) -> Result<Stream, HandshakeError> {
        let handshake = stream.encrypted(|socket| self.connector.connect(self.host.clone(), socket));
        match timeout(deadline, handshake).await {
            Ok(Ok(stream)) => Ok(stream),
            // rustls reports certificate and protocol errors as invalid data.
            Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidData => {
                let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
                // A greeting in plain text is no TLS record.
                let plain = matches!(cause, Some(rustls::Error::InvalidMessage(_)));
                Err(HandshakeError::Refused(if plain {
                    format!("it speaks plain text first, as a port for `tls = \"starttls\"` does ({error})")
                } else {
                    error.to_string()
                }))
            }
            Ok(Err(error)) => Err(HandshakeError::Broken(format!("TLS handshake: {error}"))),
            Err(_) => Err(HandshakeError::Broken(format!("TLS handshake: not finished within {deadline:?}"))),
        }
    }
}

/// The certificates of a file, which are trusted as roots from now on.
fn add_file(roots: &mut RootCertStore, file: &Path) -> Result<Vec<CertificateDer<'static>>, SettingsError> {
    let refuse =
        |words: &dyn std::fmt::Display| SettingsError(format!("CA file `{}`: {words}", file.display()));
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| refuse(&error))?;
    let mut found = Vec::new();
    for certificate in certificates {
        let certificate = certificate.map_err(|error| refuse(&error))?;
        roots.add(certificate.clone()).map_err(|error| refuse(&error))?;
        found.push(certificate);
    }
    if found.is_empty() { Err(refuse(&"no PEM certificate in it")) } else { Ok(found) }
}

/// The usual checks, and one thing more: a relay may show the very certificate that the settings name as trusted, also
/// where that is a certificate authority's (what `openssl req -x509` makes). Its name and its time are checked all the
/// same.
#[derive(Debug)]
struct Named {
    usual: Arc<WebPkiServerVerifier>,
    named: Vec<CertificateDer<'static>>,
}

impl Named {
    fn new(
        roots: Arc<RootCertStore>,
        named: Vec<CertificateDer<'static>>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, SettingsError> {
        let usual = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider))
            .build()
            .map_err(|error| SettingsError(format!("the root certificates cannot be used: {error}")))?;
        Ok(Self { usual, named })
    }
}

impl ServerCertVerifier for Named {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let checked =
            self.usual.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match checked {
            // The time is looked at before this is found, and the key signs the handshake.
            Err(rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(cause))))
                if format!("{cause:?}") == "CaUsedAsEndEntity"
                    && self.named.iter().any(|one| one == end_entity) =>
            {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            checked => checked,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.usual.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.usual.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}
