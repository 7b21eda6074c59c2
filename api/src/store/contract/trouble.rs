//! A database that is full or too slow.

use super::*;

on_every_store!(a_server_ends_what_takes_too_long_and_lets_go_of_a_client_that_is_gone, |store| {
    if store.db.postgres().is_some() {
        let ask = "SELECT current_setting('statement_timeout') || ' ' || \
                   current_setting('idle_in_transaction_session_timeout') || ' ' || \
                   current_setting('tcp_user_timeout') || ' ' || current_setting('tcp_keepalives_idle')";
        let mut tx = store.db.begin().await.unwrap();
        let row = tx.row(ask, args![]).await.unwrap().unwrap();
        // Over a socket of the file system the last two do not apply.
        let found = row.text(0).unwrap();
        assert!(found.starts_with("20s 30s "), "{found}");
        assert!(found.ends_with(" 30000 15") || found.ends_with(" 0 0"), "{found}");
    }
});

#[tokio::test]
async fn a_full_database_is_named_and_told_for_half_a_minute() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.db");
    let url = format!("sqlite://{}", file.display());
    let store = Store::open(&url, &folder.path().join("blobs")).await.unwrap();
    assert_eq!(store.full(), [""; 0]);
    // As much as there is now is all there may be.
    store.db.exec("PRAGMA max_page_count = 1", args![]).await.unwrap();
    let mut refused = None;
    for _ in 0..50 {
        let row = NewRow { language: "x".repeat(20_000), ..new_row(Priority::Normal) };
        if let Err(error) = store.submit(&row, NOW).await {
            refused = Some(error);
            break;
        }
    }
    let refused = refused.expect("the database takes everything");
    assert!(matches!(refused, StoreError::Full { .. }), "{refused}");
    assert!(refused.to_string().contains(&file.display().to_string()), "{refused}");
    assert_eq!(store.full(), ["database"]);
}
