//! API keys.

use crate::{bare, fresh, trader};

#[tokio::test]
async fn a_key_is_made_once_and_derived_ever_after() {
    let (client, key) = (bare(), fresh());
    client.derive_api_key(&key, None).await.unwrap_err();
    let made = client.create_api_key(&key, None).await.unwrap();
    client.create_api_key(&key, None).await.unwrap_err();
    assert_eq!(client.derive_api_key(&key, None).await.unwrap().key(), made.key());
    let trader = trader(&key).await;
    trader.api_keys().await.unwrap();
    assert!(!trader.closed_only_mode().await.unwrap().closed_only);
    trader.delete_api_key().await.unwrap();
    trader.api_keys().await.unwrap_err();
}

#[tokio::test]
async fn keys_that_do_not_trade_come_and_go() {
    let client = trader(&fresh()).await;
    let key = client.create_readonly_api_key().await.unwrap().api_key;
    assert_eq!(client.readonly_api_keys().await.unwrap(), [key.as_str()]);
    client.delete_readonly_api_key(&key).await.unwrap();
    assert!(client.readonly_api_keys().await.unwrap().is_empty());
    let builder = client.create_builder_api_key().await.unwrap();
    let listed = client.builder_api_keys().await.unwrap();
    assert_eq!((listed[0].key, listed[0].revoked_at), (builder.key(), None));
    client.revoke_builder_api_key().await.unwrap();
    assert!(client.builder_api_keys().await.unwrap()[0].revoked_at.is_some());
}
