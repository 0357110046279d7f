use super::*;
use model::hex;
use store::db::TokenRow;
use testkit::Scratch;

const NOW: Time = Time::from_millis(1_800_000_000_000);

fn viewer() -> Identity {
    Identity { name: "eye".to_owned(), role: Role::Viewer }
}

fn paper() -> AccountScope {
    AccountScope::new("paper", "0xa")
}

fn lasting(name: &str, role: Role) -> NewToken<'_> {
    NewToken { name, role, expires_at: None }
}

async fn open(dir: &Path) -> (Db, Auth) {
    let db = Db::open(&format!("sqlite:{}", dir.join("test.sqlite").display())).await.unwrap();
    let auth = Auth::open(&db, paper(), dir, NOW).await.unwrap();
    (db, auth)
}

#[tokio::test]
async fn the_first_start_writes_an_admin_token_that_only_the_owner_reads() {
    use std::os::unix::fs::PermissionsExt;
    let dir = Scratch::new("first");
    let (db, auth) = open(&dir).await;
    let path = admin_token_path(&dir);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let token = std::fs::read_to_string(&path).unwrap();
    let admin = Identity { name: "admin".to_owned(), role: Role::Admin };
    assert_eq!(auth.bearer(token.trim_end(), NOW).unwrap(), admin);
    let again = Auth::open(&db, paper(), &dir, NOW).await.unwrap();
    assert_eq!(again.bearer(token.trim_end(), NOW).unwrap(), admin, "a second start keeps the token");
    assert!(
        !format!("{:?}", db.tokens(&paper()).await.unwrap()).contains(token.trim_end()),
        "the token itself is not stored"
    );
}

#[tokio::test]
async fn tokens_have_roles_and_names_of_their_own() {
    let dir = Scratch::new("roles");
    let (db, auth) = open(&dir).await;
    let token = auth.create_token(&db, &lasting("desk-1", Role::Trader), NOW).await.unwrap();
    assert_eq!(auth.bearer(&token, NOW).unwrap(), Identity { name: "desk-1".to_owned(), role: Role::Trader });
    assert!(matches!(auth.create_token(&db, &lasting("desk-1", Role::Admin), NOW).await, Err(AuthError::Taken(_))));
    assert!(matches!(auth.create_token(&db, &lasting("a b", Role::Admin), NOW).await, Err(AuthError::Name(_))));
    assert!(matches!(auth.bearer("", NOW), Err(AuthError::Unknown)));
    assert!(matches!(auth.bearer(&"x".repeat(10_000), NOW), Err(AuthError::Unknown)));
    assert!(Role::Viewer < Role::Trader && Role::Trader < Role::Admin);
}

fn empty() -> Auth {
    let dir = Scratch::new("auth");
    Auth { scope: paper(), folder: Folder::open(&dir, &paper()).unwrap(), unowned: Vec::new(), state: Mutex::default() }
}

#[test]
fn a_login_code_works_once_and_for_ten_minutes() {
    let auth = empty();
    let code = auth.login_code(viewer(), NOW).unwrap();
    let session = auth.redeem(&code, NOW).unwrap();
    assert_eq!(auth.session(&session.cookie, NOW).unwrap(), viewer());
    assert!(matches!(auth.redeem(&code, NOW), Err(AuthError::Unknown)));
    let late = auth.login_code(viewer(), NOW).unwrap();
    assert!(matches!(auth.redeem(&late, NOW.plus_millis(CODE_MILLIS)), Err(AuthError::Unknown)));
}

#[test]
fn a_session_ends_by_logout_or_after_twelve_hours() {
    let auth = empty();
    let first = auth.begin(viewer(), NOW).unwrap();
    assert!(auth.session(&first.cookie, NOW.plus_millis(SESSION_MILLIS - 1)).is_ok());
    assert!(auth.session(&first.cookie, NOW.plus_millis(SESSION_MILLIS)).is_err());
    assert!(auth.logout(&first.cookie));
    assert!(auth.session(&first.cookie, NOW).is_err());
}

#[test]
fn sessions_are_bounded_and_the_oldest_gives_way() {
    let auth = empty();
    let first = auth.begin(viewer(), NOW).unwrap();
    for later in 1..=u64::try_from(SESSIONS_MAX).unwrap() {
        auth.begin(viewer(), NOW.plus_millis(later)).unwrap();
    }
    assert_eq!(auth.lock().sessions.len(), SESSIONS_MAX);
    assert!(auth.session(&first.cookie, NOW).is_err());
}

#[test]
fn guessing_is_slowed_down_but_never_keeps_the_operator_out() {
    let auth = empty();
    let session = auth.begin(viewer(), NOW).unwrap();
    for _ in 0..FAILURES_PER_MINUTE {
        assert!(matches!(auth.bearer("guess", NOW), Err(AuthError::Unknown)));
    }
    assert!(matches!(auth.bearer("guess", NOW), Err(AuthError::TooMany)));
    assert!(auth.session(&session.cookie, NOW).is_ok());
    assert!(matches!(auth.bearer("guess", NOW.plus_millis(MINUTE_MILLIS)), Err(AuthError::Unknown)));
}

fn shown(dir: &Path) -> String {
    std::fs::read_to_string(admin_token_path(dir)).unwrap().trim_end().to_owned()
}

#[tokio::test]
async fn a_token_opens_its_mode_and_account_and_the_file_has_the_one_of_the_host_that_runs() {
    let dir = Scratch::new("modes");
    let (db, on_paper) = open(&dir).await;
    let of_paper = shown(&dir);
    let desk = on_paper.create_token(&db, &lasting("desk", Role::Admin), NOW).await.unwrap();
    let scopes = [AccountScope::new("live", "0xa"), AccountScope::new("live", "0xb"), AccountScope::new("demo", "0xa")];
    let mut secrets = vec![of_paper];
    for scope in &scopes {
        let auth = Auth::open(&db, scope.clone(), &dir, NOW).await.unwrap();
        assert!(auth.bearer(&desk, NOW).is_err(), "{scope:?}");
        assert!(secrets.iter().all(|other| auth.bearer(other, NOW).is_err()), "{scope:?}");
        secrets.push(shown(&dir));
        assert_eq!(auth.bearer(&shown(&dir), NOW).unwrap().role, Role::Admin, "{scope:?}");
    }
    // Each returns to its own, and a name used in another scope is free.
    for (scope, secret) in std::iter::once(&paper()).chain(&scopes).zip(&secrets) {
        let auth = Auth::open(&db, scope.clone(), &dir, NOW).await.unwrap();
        assert_eq!(shown(&dir), *secret, "{scope:?}");
        auth.bearer(secret, NOW).unwrap();
        assert_eq!(
            auth.create_token(&db, &lasting("desk", Role::Viewer), NOW).await.is_ok(),
            *scope != paper(),
            "{scope:?}"
        );
    }
}

#[tokio::test]
async fn a_token_of_an_unknown_mode_opens_demo_and_paper_and_not_live() {
    let dir = Scratch::new("unknown");
    let db = Db::open(&format!("sqlite:{}", dir.join("test.sqlite").display())).await.unwrap();
    let secret = secret().unwrap();
    db.add_token(&AccountScope::UNKNOWN, &from_before(&secret)).await.unwrap();
    std::fs::write(admin_token_path(&dir), &secret).unwrap();
    let live = Auth::open(&db, AccountScope::new("live", "0xa"), &dir, NOW).await.unwrap();
    assert!(live.bearer(&secret, NOW).is_err());
    assert_eq!(live.bearer(&shown(&dir), NOW).unwrap().role, Role::Admin, "the folder's owner is not locked out");
    for scope in [paper(), AccountScope::new("demo", "")] {
        let auth = Auth::open(&db, scope, &dir, NOW).await.unwrap();
        assert_eq!(auth.bearer(&secret, NOW).unwrap().role, Role::Admin);
        assert!(matches!(auth.create_token(&db, &lasting("admin", Role::Viewer), NOW).await, Err(AuthError::Taken(_))));
    }
}

/// A row from before tokens had a folder.
fn from_before(secret: &str) -> TokenRow {
    TokenRow {
        name: "admin".to_owned(),
        role: "admin".to_owned(),
        hash: hex::encode(&hash(secret).unwrap()),
        created_at_ms: 1,
        expires_at_ms: None,
        folder: String::new(),
    }
}

#[tokio::test]
async fn an_admin_token_that_was_taken_away_is_replaced_at_the_next_start() {
    let dir = Scratch::new("taken");
    let (db, _) = open(&dir).await;
    let first = shown(&dir);
    std::fs::remove_file(admin_token_path(&dir)).unwrap();
    let again = Auth::open(&db, paper(), &dir, NOW).await.unwrap();
    let second = shown(&dir);
    assert_eq!(again.bearer(&second, NOW).unwrap().role, Role::Admin);
    assert!(again.bearer(&first, NOW).is_err(), "the old one is invalid now");
    assert_eq!(db.tokens(&paper()).await.unwrap().len(), 1);
    // A file without a valid token counts as missing.
    std::fs::write(admin_token_path(&dir), "nonsense").unwrap();
    Auth::open(&db, paper(), &dir, NOW).await.unwrap();
    assert_eq!(shown(&dir), second, "the copy of this mode is still valid");
}

#[tokio::test]
async fn the_tokens_of_all_modes_are_replaced_by_the_command() {
    let dir = Scratch::new("all-modes");
    let (db, _) = open(&dir).await;
    let live = AccountScope::new("live", "0xa");
    let of_paper = shown(&dir);
    Auth::open(&db, live.clone(), &dir, NOW).await.unwrap();
    let of_live = shown(&dir);
    forget_admin_tokens(&dir).unwrap();
    for (scope, before) in [(paper(), of_paper), (live, of_live)] {
        let auth = Auth::open(&db, scope, &dir, NOW).await.unwrap();
        assert!(auth.bearer(&before, NOW).is_err());
        assert!(auth.bearer(&shown(&dir), NOW).is_ok());
    }
}

#[tokio::test]
async fn a_token_from_before_tokens_had_a_folder_is_replaced_as_well() {
    let dir = Scratch::new("before");
    let db = Db::open(&format!("sqlite:{}", dir.join("test.sqlite").display())).await.unwrap();
    let secret = secret().unwrap();
    db.add_token(&paper(), &from_before(&secret)).await.unwrap();
    let auth = Auth::open(&db, paper(), &dir, NOW).await.unwrap();
    assert!(auth.bearer(&secret, NOW).is_err() && auth.bearer(&shown(&dir), NOW).is_ok());
}

#[tokio::test]
async fn an_admin_token_of_an_unknown_mode_goes_when_the_folders_is_replaced() {
    let dir = Scratch::new("unowned");
    let (db, auth) = open(&dir).await;
    let add = async |secret: &str| assert!(db.add_token(&AccountScope::UNKNOWN, &from_before(secret)).await.unwrap());
    let (first, second) = (secret().unwrap(), secret().unwrap());
    // While the host runs.
    add(&first).await;
    drop(auth);
    let auth = Auth::open(&db, AccountScope::new("demo", ""), &dir, NOW).await.unwrap();
    assert!(auth.bearer(&first, NOW).is_ok(), "it is valid until it is replaced");
    std::fs::remove_file(admin_token_path(&dir)).unwrap();
    auth.replace_missing(&db, NOW).unwrap();
    assert!(auth.bearer(&first, NOW).is_err());
    assert!(db.decisions().flush(std::time::Duration::from_secs(20)).await);
    assert!(db.tokens(&AccountScope::UNKNOWN).await.unwrap().is_empty(), "it is not in the database either");
    // At the next start, also of a live host.
    add(&second).await;
    std::fs::remove_file(admin_token_path(&dir)).unwrap();
    Auth::open(&db, AccountScope::new("live", "0xa"), &dir, NOW).await.unwrap();
    assert!(db.tokens(&AccountScope::UNKNOWN).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_second_data_folder_on_a_database_has_a_token_of_its_own() {
    let (first, second) = (Scratch::new("folder-1"), Scratch::new("folder-2"));
    let (db, _) = open(&first).await;
    let there = Auth::open(&db, paper(), &second, NOW).await.unwrap();
    assert_ne!(shown(&first), shown(&second));
    assert_eq!(there.owner().name, "admin-2");
    for folder in [&first, &second] {
        assert_eq!(there.bearer(&shown(folder), NOW).unwrap().role, Role::Admin);
    }
    // Each is replaced separately.
    let before = shown(&second);
    std::fs::remove_file(admin_token_path(&second)).unwrap();
    there.replace_missing(&db, NOW).unwrap();
    assert!(there.bearer(&before, NOW).is_err());
    assert!(there.bearer(&shown(&first), NOW).is_ok() && there.bearer(&shown(&second), NOW).is_ok());
}

#[tokio::test]
async fn while_the_host_runs_a_token_that_was_taken_away_is_replaced_for_good() {
    let dir = Scratch::new("running");
    let (db, auth) = open(&dir).await;
    let first = shown(&dir);
    let session = auth.login(&first, NOW).unwrap();
    let code = auth.login_code(auth.owner(), NOW).unwrap();
    auth.replace_missing(&db, NOW).unwrap();
    assert_eq!(shown(&dir), first, "no file is missing");
    forget_admin_tokens(&dir).unwrap();
    auth.replace_missing(&db, NOW).unwrap();
    assert!(auth.bearer(&first, NOW).is_err() && auth.bearer(&shown(&dir), NOW).is_ok());
    assert!(auth.session(&session.cookie, NOW).is_err(), "its session has ended");
    assert!(auth.redeem(&code, NOW).is_err());
    assert!(db.decisions().flush(std::time::Duration::from_secs(10)).await);
    let again = Auth::open(&db, paper(), &dir, NOW).await.unwrap();
    assert!(again.bearer(&first, NOW).is_err() && again.bearer(&shown(&dir), NOW).is_ok());
    let audits = db.audits(1).await.unwrap();
    assert_eq!((audits[0].who.as_str(), audits[0].action.as_str()), ("data folder", "tokens/replace"));
}

#[tokio::test]
async fn a_token_ends_with_what_it_opened() {
    let dir = Scratch::new("expiry");
    let (db, auth) = open(&dir).await;
    let expires_at = Some(NOW.plus_millis(1_000));
    let wanted = NewToken { name: "guest", role: Role::Viewer, expires_at };
    let guest = auth.create_token(&db, &wanted, NOW).await.unwrap();
    let session = auth.login(&guest, NOW).unwrap();
    let (just, late) = (NOW.plus_millis(999), NOW.plus_millis(1_000));
    assert!(auth.bearer(&guest, just).is_ok() && auth.session(&session.cookie, just).is_ok());
    assert!(auth.bearer(&guest, late).is_err() && auth.session(&session.cookie, late).is_err());
    // After a restart too.
    let again = Auth::open(&db, paper(), &dir, NOW).await.unwrap();
    assert!(again.bearer(&guest, just).is_ok() && again.bearer(&guest, late).is_err());
}

#[tokio::test]
async fn a_revoked_token_opens_nothing_also_after_a_restart() {
    let dir = Scratch::new("revoked");
    let (db, auth) = open(&dir).await;
    let desk = auth.create_token(&db, &lasting("desk", Role::Trader), NOW).await.unwrap();
    let session = auth.login(&desk, NOW).unwrap();
    auth.revoke_token(&db, "desk", "admin", NOW).unwrap();
    assert!(auth.bearer(&desk, NOW).is_err() && auth.session(&session.cookie, NOW).is_err());
    // The folder's own is replaced when it is revoked.
    let own = shown(&dir);
    auth.revoke_token(&db, "admin", "admin", NOW).unwrap();
    assert!(auth.bearer(&own, NOW).is_err() && auth.bearer(&shown(&dir), NOW).is_ok());
    assert!(db.decisions().flush(std::time::Duration::from_secs(10)).await);
    let again = Auth::open(&db, paper(), &dir, NOW).await.unwrap();
    assert!(again.bearer(&desk, NOW).is_err() && again.bearer(&own, NOW).is_err());
    assert!(auth.create_token(&db, &lasting("desk", Role::Viewer), NOW).await.is_ok(), "the name is free again");
}
