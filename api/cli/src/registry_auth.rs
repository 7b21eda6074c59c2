//! Who asks a registry: a user with a password file, or what a Docker configuration file has for the host.
//!
//! Credential helpers (`credsStore`, `credHelpers`) are programs and are not run: an entry that needs one is told.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use images::{Credentials, RegistryOptions};
use serde::Deserialize;
use std::collections::HashMap;

use crate::args::RegistryArgs;
use crate::config::read_secret;
use crate::output::{Failure, note};

/// Docker Hub's entry in the file.
const HUB: &str = "https://index.docker.io/v1/";
/// Largest configuration file that is read.
const FILE_BYTES_MAX: u64 = 1 << 20;

#[derive(Debug, Default, Deserialize)]
struct DockerConfig {
    #[serde(default)]
    auths: HashMap<String, Login>,
    #[serde(default, rename = "credHelpers")]
    helpers: HashMap<String, String>,
    #[serde(default, rename = "credsStore")]
    store: Option<String>,
}

#[derive(Default, Deserialize)]
struct Login {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Login")
    }
}

/// How to talk to the registry of `reference`.
pub(crate) fn options(
    args: &RegistryArgs,
    reference: &str,
    mirrors: Vec<String>,
) -> Result<RegistryOptions, Failure> {
    let host = images::registry::host_of(reference).map_err(Failure::usage)?;
    let credentials = match (&args.username, &args.password_file) {
        (Some(user), Some(file)) => {
            Credentials::Basic { user: user.clone(), password: read_secret(file).map_err(Failure::usage)? }
        }
        _ => from_docker(args.auth_file.as_deref(), &host)?,
    };
    Ok(RegistryOptions { credentials, mirrors, plain_http: args.plain_http })
}

fn from_docker(named: Option<&Path>, host: &str) -> Result<Credentials, Failure> {
    let Some(file) = named.map(Path::to_path_buf).or_else(default_file) else {
        return Ok(Credentials::Anonymous);
    };
    let failed = |why: String| Failure::usage(format!("{}: {why}", file.display()));
    let meta = std::fs::metadata(&file).map_err(|e| failed(e.to_string()))?;
    if meta.len() > FILE_BYTES_MAX {
        return Err(failed("it is too large for a Docker configuration".to_owned()));
    }
    let text = std::fs::read(&file).map_err(|e| failed(e.to_string()))?;
    let config: DockerConfig = serde_json::from_slice(&text)
        .map_err(|e| failed(format!("it is not a Docker configuration ({e})")))?;
    of(&config, host).map_err(|why| failed(format!("the login for {host} {why}")))
}

fn default_file() -> Option<PathBuf> {
    let folder = std::env::var_os("DOCKER_CONFIG")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".docker")))?;
    Some(folder.join("config.json")).filter(|file| file.is_file())
}

fn of(config: &DockerConfig, host: &str) -> Result<Credentials, String> {
    let keys: &[&str] = if host == "docker.io" { &[HUB, "docker.io"] } else { &[host] };
    let bare = |key: &str| {
        let key = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
        key.split('/').next().unwrap_or(key).to_owned()
    };
    let found = keys
        .iter()
        .find_map(|key| config.auths.get(*key))
        .or_else(|| config.auths.iter().find(|(key, _)| bare(key) == host).map(|(_, login)| login));
    let helped = config.helpers.contains_key(host);
    match found {
        Some(login) if !helped => login.credentials(config.store.is_some()),
        None if !helped => Ok(Credentials::Anonymous),
        _ => {
            note(&format!(
                "the login for {host} is kept by a credential helper, which is not run; use --username and --password-file"
            ));
            Ok(Credentials::Anonymous)
        }
    }
}

impl Login {
    fn credentials(&self, stored: bool) -> Result<Credentials, String> {
        if let Some(token) = self.registrytoken.as_ref().filter(|token| !token.is_empty()) {
            return Ok(Credentials::Token(token.clone()));
        }
        if self.identitytoken.as_ref().is_some_and(|token| !token.is_empty()) {
            return Err(
                "is an identity token, which is not supported; use --username and --password-file".to_owned()
            );
        }
        if let (Some(user), Some(password)) = (&self.username, &self.password)
            && !user.is_empty()
        {
            return Ok(Credentials::Basic { user: user.clone(), password: password.clone() });
        }
        let Some(packed) = self.auth.as_ref().filter(|packed| !packed.is_empty()) else {
            if stored {
                note(
                    "the login is kept by a credential store, which is not run; use --username and --password-file",
                );
            }
            return Ok(Credentials::Anonymous);
        };
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(packed.trim())
            .map_err(|_| "is not in base64".to_owned())?;
        let text = String::from_utf8(bytes).map_err(|_| "is not text".to_owned())?;
        let (user, password) =
            text.trim_end_matches('\0').split_once(':').ok_or("has no colon between user and password")?;
        Ok(Credentials::Basic { user: user.to_owned(), password: password.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(json: serde_json::Value, host: &str) -> Result<String, String> {
        let config: DockerConfig = serde_json::from_value(json).unwrap();
        of(&config, host).map(|credentials| match credentials {
            Credentials::Anonymous => "nobody".to_owned(),
            Credentials::Basic { user, password } => format!("{user}:{password}"),
            Credentials::Token(token) => format!("token {token}"),
        })
    }

    #[test]
    fn a_login_is_found_by_its_host_and_by_no_other() {
        let auths = serde_json::json!({"auths": {
            "registry.example:5000": {"auth": "dTpwOnE="},
            "https://other.example/v2/": {"username": "a", "password": "b"},
            HUB: {"auth": "aHViOng="},
            "token.example": {"registrytoken": "t"},
            "broken.example": {"auth": "%%"},
            "colon.example": {"auth": "dXNlcg=="},
        }});
        for (host, expected) in [
            ("registry.example:5000", "u:p:q"),
            ("other.example", "a:b"),
            ("docker.io", "hub:x"),
            ("token.example", "token t"),
            ("registry.example", "nobody"),
            ("example", "nobody"),
        ] {
            assert_eq!(found(auths.clone(), host).unwrap(), expected, "{host}");
        }
        assert!(found(auths.clone(), "broken.example").unwrap_err().contains("base64"));
        assert!(found(auths, "colon.example").unwrap_err().contains("colon"));
    }

    #[test]
    fn a_credential_helper_is_not_run() {
        let config = serde_json::json!({
            "auths": {"a.example": {}}, "credHelpers": {"b.example": "pass"}, "credsStore": "desktop",
        });
        assert_eq!(found(config.clone(), "a.example").unwrap(), "nobody");
        assert_eq!(found(config, "b.example").unwrap(), "nobody");
    }
}
