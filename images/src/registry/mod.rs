//! Images from and to a registry, over the distribution protocol (distribution-spec), spoken by `oci-client`.
//!
//! What is asked for is a [`Reference`]; where it is asked is decided once, in [`Source`]: a mirror before the registry
//! itself, plain HTTP only for loopback or when told so. A broken connection is taken up where it broke. Digests are
//! checked by this crate over what arrived, whoever sent it.
//!
//! A manifest is fetched by this crate itself, with a bound (`manifest`); all else is the client's.
//!
//! The functions block: each has a small runtime of its own. The process has installed a TLS provider.

mod manifest;
mod pull;
mod push;

use std::time::Duration;

use oci_client::client::{Certificate, CertificateEncoding, ClientConfig, ClientProtocol};
use oci_client::errors::OciDistributionError;
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};

use crate::error::{ImageError, Result};
use crate::store::adopt::AdoptOptions;

/// Tries of one request or one blob; each further one waits twice as long.
const TRIES: u32 = 6;
const FIRST_WAIT: Duration = Duration::from_millis(300);
/// Without a byte for so long, a connection counts as broken.
const SILENCE: Duration = Duration::from_secs(30);
const CONNECT: Duration = Duration::from_secs(15);

/// Who asks.
#[derive(Clone, Default)]
pub enum Credentials {
    /// Nobody in particular.
    #[default]
    Anonymous,
    /// A user and a password or token.
    Basic {
        /// The user.
        user: String,
        /// Never shown.
        password: String,
    },
    /// A token that is sent as it is.
    Token(String),
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Credentials::Anonymous => f.write_str("Anonymous"),
            Credentials::Basic { user, .. } => {
                f.debug_struct("Basic").field("user", user).finish_non_exhaustive()
            }
            Credentials::Token(_) => f.write_str("Token(…)"),
        }
    }
}

impl Credentials {
    fn auth(&self) -> RegistryAuth {
        match self {
            Credentials::Anonymous => RegistryAuth::Anonymous,
            Credentials::Basic { user, password } => RegistryAuth::Basic(user.clone(), password.clone()),
            Credentials::Token(token) => RegistryAuth::Bearer(token.clone()),
        }
    }
}

/// How to talk to a registry.
#[derive(Debug, Clone, Default)]
pub struct RegistryOptions {
    /// Who asks. Sent to the registry alone, never to a mirror.
    pub credentials: Credentials,
    /// Hosts that have copies, such as `mirror.example:5000`, asked in this order before the registry itself. Not used
    /// to push.
    pub mirrors: Vec<String>,
    /// Plain HTTP with a host that is not this machine.
    pub plain_http: bool,
}

/// How to pull.
#[derive(Debug, Clone, Default)]
pub struct PullOptions {
    /// How to talk.
    pub registry: RegistryOptions,
    /// What to make of it.
    pub adopt: AdoptOptions,
}

/// One place to ask for an image.
struct Source {
    client: Client,
    /// The same without a login, for what the client reads without a bound.
    http: reqwest::Client,
    /// `http` or `https`.
    scheme: &'static str,
    reference: Reference,
    auth: RegistryAuth,
}

/// Reads a reference: `debian:12`, `registry.example/team/image@sha256:…`. Without a host it is Docker Hub's.
///
/// # Errors
/// [`ImageError::BadRequest`].
pub(crate) fn parse(text: &str) -> Result<Reference> {
    text.parse().map_err(|error| {
        let shown: String = text.chars().take(200).flat_map(char::escape_debug).collect();
        ImageError::BadRequest(format!(
            "`{shown}` is not a reference ({error}); [HOST[:PORT]/]NAME[:TAG][@DIGEST] is needed, such as debian:12"
        ))
    })
}

/// The registry a reference names, as credentials are kept for it.
///
/// # Errors
/// [`ImageError::BadRequest`].
pub fn host_of(reference: &str) -> Result<String> {
    Ok(parse(reference)?.registry().to_owned())
}

/// Where to ask, in order.
fn sources(reference: &Reference, options: &RegistryOptions) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for mirror in &options.mirrors {
        let mut there = reference.clone();
        if mirror.is_empty() || mirror.contains('/') {
            return Err(ImageError::BadRequest(format!(
                "`{mirror}` is not a mirror: HOST or HOST:PORT is needed"
            )));
        }
        there.set_mirror_registry(mirror.clone());
        sources.push(source(mirror, options.plain_http, there, RegistryAuth::Anonymous)?);
    }
    let (host, auth) = (reference.resolve_registry(), options.credentials.auth());
    sources.push(source(host, options.plain_http, reference.clone(), auth)?);
    Ok(sources)
}

fn source(host: &str, plain_http: bool, reference: Reference, auth: RegistryAuth) -> Result<Source> {
    let plain = plain_http || is_loopback(host);
    let user_agent = concat!("tribunal/", env!("CARGO_PKG_VERSION"));
    let config = ClientConfig {
        protocol: if plain { ClientProtocol::Http } else { ClientProtocol::Https },
        read_timeout: Some(SILENCE),
        connect_timeout: Some(CONNECT),
        user_agent,
        extra_root_certificates: extra_roots(),
        ..ClientConfig::default()
    };
    let none = |error: &dyn std::error::Error| ImageError::Registry {
        reference: host.to_owned(),
        doing: "make a client".to_owned(),
        problem: chain(error),
    };
    let client = Client::try_from(config).map_err(|error| none(&error))?;
    let http = outbound::client()
        .user_agent(user_agent)
        .read_timeout(SILENCE)
        .connect_timeout(CONNECT)
        .build()
        .map_err(|error| none(&error))?;
    Ok(Source { client, http, scheme: if plain { "http" } else { "https" }, reference, auth })
}

fn extra_roots() -> Vec<Certificate> {
    let of = |der: &&[u8]| Certificate { encoding: CertificateEncoding::Der, data: der.to_vec() };
    outbound::extra_roots().iter().map(of).collect()
}

/// What is sent there never leaves this machine.
fn is_loopback(host: &str) -> bool {
    let name = host
        .rsplit_once(':')
        .map_or(host, |(name, port)| if port.bytes().all(|b| b.is_ascii_digit()) { name } else { host });
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Runs to the end on this thread.
fn block_on<T>(reference: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        ImageError::Registry {
            reference: reference.to_owned(),
            doing: "start a runtime".to_owned(),
            problem: error.to_string(),
        }
    })?;
    runtime.block_on(work)
}

/// Whether the same request may do better in a moment.
fn is_passing(error: &OciDistributionError) -> bool {
    match error {
        OciDistributionError::RequestError(error) => {
            !error.is_builder() && error.status().is_none_or(|status| passing_status(status.as_u16()))
        }
        OciDistributionError::ServerError { code, .. } => passing_status(*code),
        OciDistributionError::IoError(_) => true,
        _ => false,
    }
}

fn passing_status(code: u16) -> bool {
    code >= 500 || code == 408 || code == 429
}

/// Asks until there is an answer or an error that will not pass.
async fn patiently<T, F: Future<Output = oci_client::errors::Result<T>>>(
    mut ask: impl FnMut() -> F,
) -> oci_client::errors::Result<T> {
    let mut wait = FIRST_WAIT;
    for _ in 1..TRIES {
        match ask().await {
            Err(error) if is_passing(&error) => {
                tracing::info!(error = chain(&error), "a registry did not answer well; asking again");
                tokio::time::sleep(wait).await;
                wait *= 2;
            }
            other => return other,
        }
    }
    ask().await
}

/// Our error for theirs.
fn failed(reference: &Reference, doing: impl Into<String>, error: &OciDistributionError) -> ImageError {
    let advice = match error {
        OciDistributionError::AuthenticationFailure(_) | OciDistributionError::UnauthorizedError { .. } => {
            "; log in with --username and --password-file, or name a Docker configuration file with --auth-file"
        }
        OciDistributionError::ImageManifestNotFoundError(_) => "; check name and tag",
        OciDistributionError::RequestError(error) if error.is_connect() => {
            "; check the host, and use --plain-http if it speaks no TLS"
        }
        _ => "",
    };
    ImageError::Registry {
        reference: reference.to_string(),
        doing: doing.into(),
        problem: format!("{}{advice}", chain(error)),
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let said = next.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = next.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_spoken_to_in_the_clear() {
        for host in ["localhost", "localhost:5000", "127.0.0.1:5000", "127.1.2.3", "[::1]:5000", "[::1]"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in
            ["localhost.example", "127.0.0.1.example", "10.0.0.1", "registry.example:5000", "1270.0.0.1"]
        {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn a_reference_names_its_registry_and_nonsense_is_refused() {
        assert_eq!(host_of("debian:12").unwrap(), "docker.io");
        assert_eq!(host_of("127.0.0.1:5000/a/b:c").unwrap(), "127.0.0.1:5000");
        for bad in ["", "a b", "UPPER/Case", "x@sha256:00"] {
            assert!(matches!(host_of(bad), Err(ImageError::BadRequest(_))), "{bad}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let secret = Credentials::Basic { user: "u".to_owned(), password: "p4ss".to_owned() };
        let options = RegistryOptions { credentials: secret, ..RegistryOptions::default() };
        assert!(!format!("{options:?}").contains("p4ss"));
        assert!(!format!("{:?}", Credentials::Token("t0ken".to_owned())).contains("t0ken"));
    }
}
