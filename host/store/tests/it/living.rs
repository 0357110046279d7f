//! Detection of a live engine on an account, for commands that must not write beside it.

use std::path::Path;
use store::db::Db;
use store::db::engines::{Claimant, Lease};
use testkit::Scratch;

#[tokio::test]
async fn an_engine_that_gives_signs_of_life_is_found_and_one_that_left_is_not() {
    let dir = Scratch::new("living");
    let db = Db::open(&format!("sqlite:{}", dir.join("test.sqlite").display())).await.unwrap();
    assert_eq!(db.living_engine("0xFEED").await.unwrap(), None);
    let claimant = Claimant::of_this_process("0xfeed", "live", Path::new("/here")).unwrap();
    let lease = Lease::acquire(&db, claimant).await.unwrap();
    let place = db.living_engine("0xFEED").await.unwrap().unwrap();
    assert!(place.contains("/here"), "{place}");
    assert_eq!(db.living_engine("0xother").await.unwrap(), None);
    lease.leave().await.unwrap();
    assert_eq!(db.living_engine("0xfeed").await.unwrap(), None);
}
