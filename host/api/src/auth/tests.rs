use super::*;

const NOW: Time = Time::from_millis(1_800_000_000_000);

fn viewer() -> Identity {
    Identity { name: "eye".to_owned(), role: Role::Viewer }
}

fn paper() -> AccountScope {
    AccountScope::new("paper", "0xa")
}

async fn open(dir: &Path) -> (Db, Auth) {
    let db = Db::open(&format!("sqlite:{}", dir.join("test.sqlite").display())).await.unwrap();
    let auth = Auth::open(&db, paper(), dir, NOW).await.unwrap();
    (db, auth)
}

fn scratch(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("polytrader-auth-{name}-{}", std::process::id()));
    std::fs::remove_dir_all(&dir).ok();
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

#[tokio::test]
async fn the_first_start_writes_an_admin_token_that_only_the_owner_reads() {
    use std::os::unix::fs::PermissionsExt;
    let dir = scratch("first");
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
        "the token itself is not kept"
    );
    std::fs::remove_dir_all(&dir).unwrap();
}

#[tokio::test]
async fn tokens_have_roles_and_names_of_their_own() {
    let dir = scratch("roles");
    let (db, auth) = open(&dir).await;
    let token = auth.create_token(&db, "desk-1", Role::Trader, NOW).await.unwrap();
    assert_eq!(auth.bearer(&token, NOW).unwrap(), Identity { name: "desk-1".to_owned(), role: Role::Trader });
    assert!(matches!(auth.create_token(&db, "desk-1", Role::Admin, NOW).await, Err(AuthError::Taken(_))));
    assert!(matches!(auth.create_token(&db, "a b", Role::Admin, NOW).await, Err(AuthError::Name(_))));
    assert!(matches!(auth.bearer("", NOW), Err(AuthError::Unknown)));
    assert!(matches!(auth.bearer(&"x".repeat(10_000), NOW), Err(AuthError::Unknown)));
    assert!(Role::Viewer < Role::Trader && Role::Trader < Role::Admin);
    std::fs::remove_dir_all(&dir).unwrap();
}

fn empty() -> Auth {
    Auth { scope: paper(), state: Mutex::default() }
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
    let dir = scratch("modes");
    let (db, on_paper) = open(&dir).await;
    let of_paper = shown(&dir);
    let desk = on_paper.create_token(&db, "desk", Role::Admin, NOW).await.unwrap();
    let scopes = [AccountScope::new("live", "0xa"), AccountScope::new("live", "0xb"), AccountScope::new("demo", "0xa")];
    let mut secrets = vec![of_paper];
    for scope in &scopes {
        let auth = Auth::open(&db, scope.clone(), &dir, NOW).await.unwrap();
        assert!(auth.bearer(&desk, NOW).is_err(), "{scope:?}");
        assert!(secrets.iter().all(|other| auth.bearer(other, NOW).is_err()), "{scope:?}");
        secrets.push(shown(&dir));
        assert_eq!(auth.bearer(&shown(&dir), NOW).unwrap().role, Role::Admin, "{scope:?}");
    }
    // Each comes back to its own, and a name that another scope has is free.
    for (scope, secret) in std::iter::once(&paper()).chain(&scopes).zip(&secrets) {
        let auth = Auth::open(&db, scope.clone(), &dir, NOW).await.unwrap();
        assert_eq!(shown(&dir), *secret, "{scope:?}");
        auth.bearer(secret, NOW).unwrap();
        assert_eq!(auth.create_token(&db, "desk", Role::Viewer, NOW).await.is_ok(), *scope != paper(), "{scope:?}");
    }
    std::fs::remove_file(admin_token_path(&dir)).unwrap();
    Auth::open(&db, paper(), &dir, NOW).await.unwrap();
    assert!(!admin_token_path(&dir).exists(), "what was taken away stays away");
    std::fs::remove_dir_all(&dir).unwrap();
}

#[tokio::test]
async fn a_token_of_an_unknown_mode_opens_demo_and_paper_and_not_live() {
    let dir = scratch("unknown");
    let db = Db::open(&format!("sqlite:{}", dir.join("test.sqlite").display())).await.unwrap();
    let (secret, row) = new_token("admin", Role::Admin, NOW).unwrap();
    db.add_token(&AccountScope::UNKNOWN, &row).await.unwrap();
    write_token(admin_token_path(&dir), &secret).unwrap();
    let live = Auth::open(&db, AccountScope::new("live", "0xa"), &dir, NOW).await.unwrap();
    assert!(live.bearer(&secret, NOW).is_err());
    assert_eq!(live.bearer(&shown(&dir), NOW).unwrap().role, Role::Admin, "the folder's owner is not locked out");
    for scope in [paper(), AccountScope::new("demo", "")] {
        let auth = Auth::open(&db, scope, &dir, NOW).await.unwrap();
        assert_eq!(auth.bearer(&secret, NOW).unwrap().role, Role::Admin);
        assert!(matches!(auth.create_token(&db, "admin", Role::Viewer, NOW).await, Err(AuthError::Taken(_))));
    }
    std::fs::remove_dir_all(&dir).unwrap();
}
