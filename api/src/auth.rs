//! Who calls, and what they may do.
//!
//! A token decides wherever there is one. Without a token only a service that listens on loopback answers, as
//! tenant `local`, and only when nothing suggests that a web page or a proxy stands in between: the Host is a
//! loopback name, the Origin is absent or ours, and there is no forwarding header. A page elsewhere that
//! rebinds its name to 127.0.0.1 fails on Host; one that posts across sites fails on Origin.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, header};
use proto::job::Priority;

use crate::app::App;
use crate::error::{ApiError, Code};
use crate::store::Scope;
use crate::time::now_ms;

/// The tenant of requests without a token.
pub(crate) const LOCAL: &str = "local";
/// What tenant `local` may do: never admin, never worker.
const LOCAL_SCOPES: [Scope; 4] = [Scope::Submit, Scope::Read, Scope::Judge, Scope::Problems];
/// Headers a proxy adds: behind one, a loopback peer says nothing about who asks.
const FORWARDING: [&str; 6] =
    ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via"];

/// Who asks.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// The token's name; `local` without one.
    name: String,
    tenant: String,
    scopes: Vec<Scope>,
    /// The most urgent class it may ask for.
    priority: Priority,
}

impl Caller {
    /// Whether this scope, or admin, was granted. Admin is a person's scope: it is no worker.
    pub(crate) fn has(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope) || (scope != Scope::Worker && self.scopes.contains(&Scope::Admin))
    }

    /// Refuses a caller without the scope.
    pub(crate) fn need(&self, scope: Scope) -> Result<(), ApiError> {
        if self.has(scope) {
            return Ok(());
        }
        let name = scope.name();
        Err(ApiError::new(Code::Forbidden, format!("this needs a token with the scope `{name}`")))
    }

    /// Who it is, for the audit log.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The class it gets: the one asked for, or the most urgent one it may have when that is less urgent.
    pub(crate) fn capped(&self, asked: Priority) -> Priority {
        asked.max(self.priority)
    }

    /// Whose submissions are made.
    pub(crate) fn tenant(&self) -> &str {
        &self.tenant
    }

    /// Whose submissions may be seen; `None` for everybody's.
    pub(crate) fn sees(&self) -> Option<&str> {
        if self.has(Scope::Admin) { None } else { Some(&self.tenant) }
    }

    /// Whether the judge's view is shown (decision 12).
    pub(crate) fn is_judge(&self) -> bool {
        self.has(Scope::Judge)
    }
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        match bearer(&parts.headers)? {
            Some(token) => match app.store.token(token, now_ms()).await? {
                Some(row) => {
                    tracing::debug!(token.name = %row.name, "authenticated");
                    Ok(Self {
                        name: row.name,
                        tenant: row.tenant,
                        scopes: row.scopes,
                        priority: row.priority,
                    })
                }
                None => Err(ApiError::new(Code::Unauthorized, "this token is not known, or not any more")),
            },
            None => without_token(app.loopback, &parts.headers, parts.uri.authority().map(Authority::as_str)),
        }
    }
}

fn bearer(headers: &HeaderMap) -> Result<Option<&str>, ApiError> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let wrong = || ApiError::new(Code::Unauthorized, "the Authorization header must be `Bearer TOKEN`");
    let text = value.to_str().map_err(|_| wrong())?;
    let (scheme, token) = text.split_once(' ').ok_or_else(wrong)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(Some(token.trim())) } else { Err(wrong()) }
}

fn without_token(loopback: bool, headers: &HeaderMap, authority: Option<&str>) -> Result<Caller, ApiError> {
    if !loopback {
        return Err(ApiError::new(Code::Unauthorized, "a token is needed: `Authorization: Bearer TOKEN`"));
    }
    if let Some(name) = FORWARDING.iter().find(|name| headers.contains_key(**name)) {
        let detail = format!("the header `{name}` shows a proxy: a token is needed");
        return Err(ApiError::new(Code::Unauthorized, detail));
    }
    let host = headers.get(header::HOST).and_then(|v| v.to_str().ok()).or(authority).unwrap_or("");
    if !is_loopback_host(host) {
        let detail =
            "without a token the Host header must be a loopback name, such as 127.0.0.1 or localhost";
        return Err(ApiError::new(Code::HostNotAllowed, detail));
    }
    if let Some(origin) = headers.get(header::ORIGIN) {
        let ours = origin.to_str().is_ok_and(|o| o.eq_ignore_ascii_case(&format!("http://{host}")));
        if !ours {
            let detail = "without a token a request from another site's page is refused";
            return Err(ApiError::new(Code::OriginNotAllowed, detail));
        }
    }
    if headers.get("sec-fetch-site").is_some_and(|v| v.as_bytes() == b"cross-site") {
        let detail = "without a token a request from another site's page is refused";
        return Err(ApiError::new(Code::OriginNotAllowed, detail));
    }
    Ok(Caller {
        name: LOCAL.to_owned(),
        tenant: LOCAL.to_owned(),
        scopes: LOCAL_SCOPES.to_vec(),
        priority: Priority::Contest,
    })
}

/// Whether a Host header names this machine's loopback: `localhost`, `127.x.y.z` or `[::1]`, any port.
fn is_loopback_host(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((name, port)) if port.is_empty() || is_port(port) => name,
            _ => return false,
        },
        None => match host.split_once(':') {
            Some((name, port)) if is_port(&format!(":{port}")) => name,
            Some(_) => return false,
            None => host,
        },
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn is_port(text: &str) -> bool {
    text.strip_prefix(':').is_some_and(|digits| digits.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    type Row<'a> = (bool, &'a [(&'static str, &'a str)], Option<Code>);

    fn ask(loopback: bool, headers: &[(&'static str, &str)]) -> Result<Caller, Code> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        without_token(loopback, &map, None).map_err(|e| e.code)
    }

    #[test]
    fn without_a_token_only_a_plain_loopback_request_is_local() {
        let host = ("host", "127.0.0.1:8080");
        let table: &[Row<'_>] = &[
            (true, &[host], None),
            (true, &[("host", "localhost")], None),
            (true, &[("host", "[::1]:8080")], None),
            (true, &[host, ("origin", "http://127.0.0.1:8080")], None),
            (false, &[host], Some(Code::Unauthorized)),
            (true, &[], Some(Code::HostNotAllowed)),
            (true, &[("host", "evil.example")], Some(Code::HostNotAllowed)),
            (true, &[("host", "evil.example:8080")], Some(Code::HostNotAllowed)),
            (true, &[("host", "127.0.0.1.evil.example")], Some(Code::HostNotAllowed)),
            (true, &[("host", "localhost.evil.example")], Some(Code::HostNotAllowed)),
            (true, &[("host", "192.0.2.1:8080")], Some(Code::HostNotAllowed)),
            (true, &[("host", "[::1].evil.example")], Some(Code::HostNotAllowed)),
            (true, &[host, ("origin", "http://evil.example")], Some(Code::OriginNotAllowed)),
            (true, &[host, ("origin", "http://localhost:8080")], Some(Code::OriginNotAllowed)),
            (true, &[host, ("origin", "https://127.0.0.1:8080")], Some(Code::OriginNotAllowed)),
            (true, &[host, ("origin", "null")], Some(Code::OriginNotAllowed)),
            (true, &[host, ("sec-fetch-site", "cross-site")], Some(Code::OriginNotAllowed)),
            (true, &[host, ("sec-fetch-site", "same-origin")], None),
            (true, &[host, ("x-forwarded-for", "192.0.2.1")], Some(Code::Unauthorized)),
            (true, &[host, ("forwarded", "for=192.0.2.1")], Some(Code::Unauthorized)),
            (true, &[host, ("x-real-ip", "192.0.2.1")], Some(Code::Unauthorized)),
            (true, &[host, ("via", "1.1 proxy")], Some(Code::Unauthorized)),
        ];
        for (loopback, headers, refusal) in table {
            assert_eq!(ask(*loopback, headers).err(), *refusal, "{loopback} {headers:?}");
        }
    }

    #[test]
    fn local_is_never_admin_or_worker_and_admin_is_no_worker() {
        let local = ask(true, &[("host", "localhost")]).unwrap();
        assert!(!local.has(Scope::Admin) && !local.has(Scope::Worker));
        assert_eq!(local.sees(), Some(LOCAL));
        let admin = Caller { tenant: "x".into(), scopes: vec![Scope::Admin], ..local.clone() };
        assert!(admin.has(Scope::Judge) && admin.has(Scope::Submit) && !admin.has(Scope::Worker));
        assert_eq!(admin.sees(), None);
    }
}
