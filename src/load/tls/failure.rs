//! What a fault of TLS counts as, and its cause in words.

use std::time::{Duration, SystemTime};

use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};

use crate::load::failure::FailedRequest;
use crate::results::load::ErrorKind;

/// Names of a certificate that are told.
const MOST_NAMES: usize = 5;

/// The failure of a request on whose connection this happened.
pub fn failed(error: Error) -> FailedRequest {
    let protocol = |text: String| FailedRequest::new(ErrorKind::TlsProtocol, text);
    match error {
        Error::InvalidCertificate(error) => of_certificate(error),
        Error::NoCertificatesPresented => {
            FailedRequest::new(ErrorKind::TlsCertificate, "the server showed no certificate")
        }
        Error::AlertReceived(AlertDescription::ProtocolVersion)
        | Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13) => {
            protocol("the server speaks neither TLS 1.2 nor TLS 1.3".to_owned())
        }
        Error::AlertReceived(alert) => protocol(format!("the server refused (alert {alert:?})")),
        Error::InvalidMessage(InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion) => {
            protocol("what came is not TLS; is this the port of plain HTTP?".to_owned())
        }
        Error::PeerIncompatible(why) => protocol(format!("the server wants what is not spoken here: {why:?}")),
        other => protocol(other.to_string()),
    }
}

fn of_certificate(error: CertificateError) -> FailedRequest {
    let (kind, text) = match error {
        CertificateError::UnknownIssuer => (
            ErrorKind::TlsAuthority,
            "no authority that is trusted here vouches for the certificate (--cacert FILE names another one)"
                .to_owned(),
        ),
        CertificateError::NotValidForName => (ErrorKind::TlsName, "the certificate is for other names".to_owned()),
        CertificateError::NotValidForNameContext { expected, presented } => {
            let expected = expected.to_str();
            (ErrorKind::TlsName, format!("the certificate is not for {expected}, but for {}", names(&presented)))
        }
        CertificateError::Expired => (ErrorKind::TlsExpiry, "the certificate has expired".to_owned()),
        CertificateError::ExpiredContext { not_after, .. } => {
            (ErrorKind::TlsExpiry, format!("the certificate expired at {}", moment(not_after)))
        }
        CertificateError::NotValidYet => (ErrorKind::TlsExpiry, "the certificate is not valid yet".to_owned()),
        CertificateError::NotValidYetContext { not_before, .. } => {
            (ErrorKind::TlsExpiry, format!("the certificate is valid from {} on", moment(not_before)))
        }
        CertificateError::BadSignature => (
            ErrorKind::TlsCertificate,
            "a signature is wrong: another key than that of the certificate, or another authority of the same name"
                .to_owned(),
        ),
        other => {
            let why = other.to_string();
            let advice = if why.contains("CaUsedAsEndEntity") {
                "; the server shows the certificate of an authority (CA:TRUE), which may sign others, but not serve"
            } else {
                ""
            };
            (ErrorKind::TlsCertificate, format!("the certificate is not accepted: {why}{advice}"))
        }
    };
    FailedRequest::new(kind, text)
}

/// The names of a certificate. rustls shows them as `DnsName("a.example")` and `IpAddress(::1)`.
fn names(presented: &[String]) -> String {
    let bare = |name: &String| {
        let inside = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
        inside.unwrap_or(name).trim_matches('"').to_owned()
    };
    let names: Vec<String> = presented.iter().map(bare).take(MOST_NAMES).collect();
    match presented.len().saturating_sub(MOST_NAMES) {
        _ if names.is_empty() => "no name at all".to_owned(),
        0 => names.join(", "),
        others => format!("{} and {others} others", names.join(", ")),
    }
}

fn moment(time: UnixTime) -> String {
    let time = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(time.as_secs()));
    time.map_or_else(
        || "a time beyond all clocks".to_owned(),
        |time| humantime::format_rfc3339_seconds(time).to_string(),
    )
}

#[cfg(test)]
mod tests {
    use rustls::OtherError;
    use rustls::pki_types::ServerName;

    use super::*;

    #[test]
    fn each_fault_has_its_kind_and_its_cause() {
        let at = UnixTime::since_unix_epoch(Duration::from_secs(1_795_687_958));
        let name = ServerName::try_from("a.example").unwrap();
        let other = |count: usize| (0..count).map(|number| format!("DnsName(\"b{number}\")")).collect::<Vec<_>>();
        let certificate = Error::InvalidCertificate;
        let cases = [
            (certificate(CertificateError::UnknownIssuer), ErrorKind::TlsAuthority, "--cacert"),
            (
                certificate(CertificateError::NotValidForNameContext { expected: name.clone(), presented: other(1) }),
                ErrorKind::TlsName,
                "not for a.example, but for b0",
            ),
            (
                certificate(CertificateError::NotValidForNameContext { expected: name, presented: other(7) }),
                ErrorKind::TlsName,
                "b4 and 2 others",
            ),
            (
                certificate(CertificateError::ExpiredContext { time: at, not_after: at }),
                ErrorKind::TlsExpiry,
                "expired at 2026-11-26T10:12:38Z",
            ),
            (
                certificate(CertificateError::NotValidYetContext { time: at, not_before: at }),
                ErrorKind::TlsExpiry,
                "valid from 2026-11-26T10:12:38Z on",
            ),
            (certificate(CertificateError::BadSignature), ErrorKind::TlsCertificate, "of the same name"),
            (certificate(CertificateError::Revoked), ErrorKind::TlsCertificate, "not accepted"),
            (
                certificate(CertificateError::Other(OtherError(std::sync::Arc::new(std::io::Error::other(
                    "CaUsedAsEndEntity",
                ))))),
                ErrorKind::TlsCertificate,
                "CA:TRUE",
            ),
            (Error::NoCertificatesPresented, ErrorKind::TlsCertificate, "no certificate"),
            (Error::AlertReceived(AlertDescription::ProtocolVersion), ErrorKind::TlsProtocol, "neither TLS 1.2"),
            (Error::AlertReceived(AlertDescription::HandshakeFailure), ErrorKind::TlsProtocol, "HandshakeFailure"),
            (Error::InvalidMessage(InvalidMessage::InvalidContentType), ErrorKind::TlsProtocol, "plain HTTP?"),
            (
                Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13),
                ErrorKind::TlsProtocol,
                "neither TLS 1.2",
            ),
            (Error::DecryptError, ErrorKind::TlsProtocol, "decrypt"),
        ];
        for (error, kind, says) in cases {
            let failure = failed(error.clone());
            assert_eq!(failure.kind, kind, "{error:?}");
            assert!(failure.text.contains(says), "{error:?}: {}", failure.text);
        }
    }
}
