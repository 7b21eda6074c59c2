//! The tokens a service cannot be without: one to administer it, one its workers call with.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::auth::LOCAL;
use crate::config::ServiceConfig;
use crate::service::StartError;
use crate::store::{Adopted, Scope, Store};
use crate::time::now_ms;

/// Makes the first admin token and the workers' token where they are missing. Returns the text of the first, the only
/// time it is known, and the file that holds the second.
///
/// A file the operator named (`worker_token_file`) may hold a token of the operator's own, as a secret of compose or
/// Kubernetes does: it becomes the workers', and the file is never written.
pub(crate) async fn make(
    store: &Store,
    config: &ServiceConfig,
) -> Result<(Option<String>, PathBuf), StartError> {
    let path = match &config.worker_token_file {
        Some(path) => adopt(store, path).await?,
        None => write_unless_known(store, config.data.join("worker.token")).await?,
    };
    // Last: nothing may fail between here and the line that shows it.
    let first = if store.has_token(Scope::Admin).await? {
        None
    } else {
        let scopes = [Scope::Submit, Scope::Read, Scope::Judge, Scope::Problems, Scope::Admin];
        Some(store.create_token("admin", LOCAL, &scopes, now_ms()).await?)
    };
    Ok((first, path))
}

/// Takes the token of the operator's file as the workers'; one that is not there yet is made and written.
async fn adopt(store: &Store, path: &Path) -> Result<PathBuf, StartError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return write_unless_known(store, path.to_owned()).await;
        }
        Err(source) => return Err(StartError::Data { path: path.to_owned(), source }),
    };
    let refused = |why| StartError::WorkerToken { path: path.to_owned(), why };
    match store.adopt_worker_token(text.trim(), LOCAL, now_ms()).await? {
        Adopted::Taken | Adopted::Known => Ok(path.to_owned()),
        Adopted::Weak => Err(refused("it needs 32 to 256 visible ASCII characters")),
        Adopted::Over => Err(refused("it was taken back or has ended; put a new one there")),
        Adopted::Other => Err(refused("it is a token for something else; workers need one of their own")),
    }
}

async fn write_unless_known(store: &Store, path: PathBuf) -> Result<PathBuf, StartError> {
    let now = now_ms();
    let known = match std::fs::read_to_string(&path) {
        Ok(text) => store.token(text.trim(), now).await?.is_some_and(|t| t.scopes.contains(&Scope::Worker)),
        Err(_) => false,
    };
    if !known {
        let token = store.create_token("worker", LOCAL, &[Scope::Worker], now).await?;
        write_secret(&path, &token).map_err(|source| StartError::Data { path: path.clone(), source })?;
    }
    Ok(path)
}

/// Writes a file that only its owner may read, whole or not at all.
fn write_secret(path: &Path, text: &str) -> std::io::Result<()> {
    let fresh = path.with_extension("token.new");
    let _ = std::fs::remove_file(&fresh);
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    std::fs::rename(&fresh, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::Service;

    async fn start(data: &Path, file: &Path) -> Result<Service, String> {
        let mut config = ServiceConfig::new(data.to_owned());
        config.listen = "127.0.0.1:0".parse().unwrap();
        config.worker_token_file = Some(file.to_owned());
        Service::start(config).await.map_err(|e| e.to_string())
    }

    #[tokio::test]
    async fn the_operators_own_worker_token_is_taken_and_stays_the_one() {
        let folder = tempfile::tempdir().unwrap();
        let (data, file) = (folder.path().join("data"), folder.path().join("secret"));
        let text = "w".repeat(40);
        std::fs::write(&file, format!("{text}\n")).unwrap();
        for _ in 0..2 {
            let service = start(&data, &file).await.unwrap();
            assert_eq!(service.worker_token_file(), file);
            let workers: Vec<_> = service.store().tokens().await.unwrap();
            assert_eq!(workers.iter().filter(|t| t.scopes == [Scope::Worker]).count(), 1);
            assert!(service.store().token(&text, now_ms()).await.unwrap().is_some());
        }
        assert!(!data.join("worker.token").exists());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), format!("{text}\n"), "it is the operator's file");
    }

    #[tokio::test]
    async fn a_worker_token_that_cannot_be_one_keeps_the_service_from_starting() {
        let folder = tempfile::tempdir().unwrap();
        let (data, file) = (folder.path().join("data"), folder.path().join("secret"));
        for weak in ["", "short", &"x".repeat(31), &format!("{} {}", "a".repeat(20), "b".repeat(20))] {
            std::fs::write(&file, weak).unwrap();
            assert!(start(&data, &file).await.unwrap_err().contains("32 to 256 visible"), "{weak:?}");
        }
        std::fs::write(&file, "w".repeat(40)).unwrap();
        let service = start(&data, &file).await.unwrap();
        let taken = service.store().tokens().await.unwrap();
        let worker = taken.iter().find(|t| t.scopes == [Scope::Worker]).unwrap();
        service.store().revoke_token(&worker.id, now_ms()).await.unwrap();
        let admin = service.first_token().unwrap().to_owned();
        drop(service);
        assert!(
            start(&data, &file).await.unwrap_err().contains("taken back"),
            "a restart must not bring it back"
        );
        std::fs::write(&file, admin).unwrap();
        assert!(start(&data, &file).await.unwrap_err().contains("something else"));
    }

    #[tokio::test]
    async fn the_admin_token_is_not_lost_with_a_start_that_fails() {
        let folder = tempfile::tempdir().unwrap();
        let (data, taken) = (folder.path().join("data"), std::net::TcpListener::bind("127.0.0.1:0").unwrap());
        let mut config = ServiceConfig::new(data.clone());
        config.listen = taken.local_addr().unwrap();
        Service::start(config.clone()).await.expect_err("the address is taken");
        config.listen = "127.0.0.1:0".parse().unwrap();
        assert!(Service::start(config).await.unwrap().first_token().is_some(), "it was made and never shown");
    }

    #[tokio::test]
    async fn a_named_file_that_is_not_there_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        let service = start(&folder.path().join("data"), &file).await.unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(service.store().token(text.trim(), now_ms()).await.unwrap().is_some());
    }
}
