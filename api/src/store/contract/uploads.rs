//! Uploads: whose they are, how long, how many.

use bytes::Bytes;

use super::super::uploads::{KEPT_MS, PER_TENANT};
use super::*;

on_every_store!(an_upload_is_its_tenants_alone_and_kept_a_week_from_when_it_was_last_sent, |store| {
    let bytes = Bytes::from_static(b"large input");
    let digest = store.upload("a", bytes.clone(), NOW).await.unwrap();
    assert_eq!(store.uploaded("a", &digest, NOW).await.unwrap(), Some(bytes.clone()));
    assert_eq!(store.uploaded("b", &digest, NOW).await.unwrap(), None, "a digest is no key");
    store.upload("b", bytes.clone(), NOW + 1000).await.unwrap();
    assert_eq!(store.uploaded("b", &digest, NOW + 1000).await.unwrap(), Some(bytes.clone()));
    assert_eq!(store.uploaded("a", &digest, NOW + KEPT_MS).await.unwrap(), None);
    store.upload("a", bytes.clone(), NOW + 2000).await.unwrap();
    assert!(store.uploaded("a", &digest, NOW + KEPT_MS).await.unwrap().is_some());

    let path = store.blobs.path_for_tests(&digest);
    let age = || {
        let then = std::time::SystemTime::now() - std::time::Duration::from_hours(2);
        std::fs::File::options().append(true).open(&path).unwrap().set_modified(then).unwrap();
    };
    age();
    assert_eq!(store.forget_old_uploads(NOW + 1000 + KEPT_MS).await.unwrap(), 1);
    assert!(path.exists(), "the other tenant still names it");
    store.upload("c", bytes.clone(), NOW).await.unwrap();
    assert_eq!(store.forget_old_uploads(NOW + 2000 + KEPT_MS).await.unwrap(), 2);
    assert!(path.exists(), "whoever wrote it a moment ago may have yet to name it");
    store.upload("c", bytes, NOW).await.unwrap();
    age();
    assert_eq!(store.forget_old_uploads(NOW + KEPT_MS).await.unwrap(), 1);
    assert!(!path.exists(), "nobody names it");
    assert!(store.blob(&digest).await.unwrap().is_none());
});

on_every_store!(bytes_that_a_problem_needs_outlive_their_upload, |store| {
    let bytes = Bytes::from_static(b"package");
    let digest = store.upload("a", bytes, NOW).await.unwrap();
    let path = store.blobs.path_for_tests(&digest);
    let old = std::time::SystemTime::now() - std::time::Duration::from_hours(2);
    std::fs::File::options().append(true).open(&path).unwrap().set_modified(old).unwrap();
    let insert = "INSERT INTO problems (name, digest, blob, view, active, created_ms) VALUES ('p', '0', $1, '{}', 1, 0)";
    store.db.exec(insert, args![&digest]).await.unwrap();
    assert_eq!(store.forget_old_uploads(NOW + KEPT_MS).await.unwrap(), 1);
    assert!(path.exists());
});

on_every_store!(a_tenant_keeps_so_much_and_what_it_has_may_be_sent_again, |store| {
    let digest = store.upload("a", Bytes::from_static(b"one"), NOW).await.unwrap();
    let rest = PER_TENANT.1 - 3;
    let insert = "INSERT INTO uploads (tenant, digest, size, created_ms) VALUES ('a', $1, $2, $3)";
    store.db.exec(insert, args![&Digest::of(b"made up"), rest, NOW]).await.unwrap();
    match store.upload("a", Bytes::from_static(b"two"), NOW + 5).await {
        Err(StoreError::Quota { retry_ms, .. }) => assert_eq!(retry_ms, KEPT_MS - 5),
        other => panic!("{other:?}"),
    }
    assert_eq!(store.upload("a", Bytes::from_static(b"one"), NOW).await.unwrap(), digest);
    store.upload("b", Bytes::from_static(b"two"), NOW).await.unwrap();
});
