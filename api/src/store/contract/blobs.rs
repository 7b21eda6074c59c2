//! Blobs, in a folder always, and in a bucket by `.ci/s3`, which starts a service for it.

use bytes::Bytes;

use super::*;

const HOUR: Millis = 3600 * 1000;

/// A store over SQLite with its blobs in a bucket of its own.
async fn with_bucket() -> (Store, tempfile::TempDir) {
    outbound::choose_provider();
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("t.db").display());
    let config = S3Config {
        endpoint: Some(crate::testing::s3_endpoint()),
        access_key_id: Some("tribunal".into()),
        secret_access_key: Some("tribunal".into()),
        ..S3Config::default()
    };
    let prefix = uuid::Uuid::new_v4().simple().to_string();
    let bucket = format!("s3://tribunal/{prefix}/");
    (Store::open_with_bucket(&url, &bucket, &config).await.unwrap(), folder)
}

/// Makes the bytes of a blob others than its name says.
async fn damage(store: &Store, digest: &Digest) {
    match &store.blobs {
        Blobs::Folder(_) => std::fs::write(store.blobs.path_for_tests(digest), "other").unwrap(),
        Blobs::Bucket(bucket) => bucket.write(digest, Bytes::from_static(b"other")).await.unwrap(),
    }
}

/// Makes the file of a blob two hours old; in a bucket its row tells, and that is as old as the test says.
fn age(store: &Store, digest: &Digest) {
    if let Blobs::Folder(_) = &store.blobs {
        let then = std::time::SystemTime::now() - std::time::Duration::from_hours(2);
        let path = store.blobs.path_for_tests(digest);
        std::fs::File::options().append(true).open(path).unwrap().set_modified(then).unwrap();
    }
}

async fn keeps_the_contract(store: &Store) {
    let large = Bytes::from(vec![7u8; 9 << 20]);
    for bytes in [Bytes::new(), Bytes::from_static(b"\0\xff text"), large] {
        let digest = store.put_blob(bytes.clone(), NOW).await.unwrap();
        assert_eq!(digest, Digest::of(&bytes));
        assert_eq!(store.put_blob(bytes.clone(), NOW).await.unwrap(), digest, "sent again it is one blob");
        assert_eq!(store.blob(&digest).await.unwrap().as_ref(), Some(&bytes));
    }
    assert_eq!(store.blob(&Digest::of(b"never brought")).await.unwrap(), None);

    let damaged = store.put_blob(Bytes::from_static(b"whole"), NOW).await.unwrap();
    damage(store, &damaged).await;
    assert!(matches!(store.blob(&damaged).await, Err(StoreError::Digest { .. })), "it is never handed out");

    let bytes = Bytes::from_static(b"nobody names it");
    let orphan = store.put_blob(bytes.clone(), NOW).await.unwrap();
    assert!(
        !store.drop_unnamed(&orphan, NOW + HOUR / 2).await.unwrap(),
        "whoever brought it may have yet to name it"
    );
    age(store, &orphan);
    store.put_blob(bytes, NOW + HOUR).await.unwrap();
    assert!(!store.drop_unnamed(&orphan, NOW + HOUR).await.unwrap(), "it was brought again just now");
    age(store, &orphan);
    assert!(store.drop_unnamed(&orphan, NOW + 2 * HOUR).await.unwrap());
    assert_eq!(store.blob(&orphan).await.unwrap(), None);

    let named = store.upload("a", Bytes::from_static(b"named"), NOW).await.unwrap();
    age(store, &named);
    assert!(!store.drop_unnamed(&named, NOW + 2 * HOUR).await.unwrap());
    assert!(store.blob(&named).await.unwrap().is_some());
}

on_every_store!(blobs_in_a_folder_keep_their_contract, |store| {
    keeps_the_contract(&store).await;
});

#[tokio::test]
#[ignore = "`.ci/s3` runs it"]
async fn blobs_in_a_bucket_keep_the_same_contract() {
    let (store, _folder) = with_bucket().await;
    keeps_the_contract(&store).await;
    // Without a bucket behind it a service does not start, and says which.
    let config = S3Config {
        endpoint: Some("http://127.0.0.1:1".into()),
        access_key_id: Some("k".into()),
        secret_access_key: Some("very secret".into()),
        ..S3Config::default()
    };
    let told = Store::open_with_bucket("sqlite://:memory:", "s3://nowhere/x", &config).await.unwrap_err();
    let (shown, debug) = (told.to_string(), format!("{told:?} {config:?}"));
    assert!(shown.contains("s3://nowhere/x") && !debug.contains("very secret"), "{shown}");
}
