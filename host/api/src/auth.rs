//! Who may do what: bearer tokens with a name and a role, cookie sessions for the page, and one-time login codes.
//! Secrets are 256 random bits; what is kept of them is a SHA-256 hash. Tokens are rows, sessions and codes live in memory.
//! The HTTP extractors that ask this module are in `http`.

#[cfg(test)]
mod tests;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::{Time, hex};
use parking_lot::{Mutex, MutexGuard};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use store::db::{AccountScope, Db, DbError, TokenRow};

/// How long a cookie session lasts, in milliseconds: 12 hours.
pub const SESSION_MILLIS: u64 = 12 * 3_600_000;
/// How long a login code can be redeemed, in milliseconds: 10 minutes.
pub const CODE_MILLIS: u64 = 600_000;
/// The most cookie sessions at once; the oldest gives way.
const SESSIONS_MAX: usize = 256;
/// The most login codes at once; the oldest gives way.
const CODES_MAX: usize = 16;
/// The most tokens.
const TOKENS_MAX: usize = 256;
/// Wrong secrets in any minute before the answer is [`AuthError::TooMany`]. Right ones pass all the same: nobody may keep
/// an operator from the emergency stop by guessing, and 256 bits cannot be guessed.
const FAILURES_PER_MINUTE: u32 = 60;
const MINUTE_MILLIS: u64 = 60_000;
/// The longest name of a token.
const NAME_MAX: usize = 64;
/// The longest secret that is looked at.
const SECRET_MAX: usize = 256;

/// What a token may do. Each role may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reads, and stops everything in an emergency.
    Viewer,
    /// Starts, stops and cancels.
    Trader,
    /// Releases a halt, changes the configuration and makes tokens.
    Admin,
}

impl Role {
    /// Returns the word in rows and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Trader => "trader",
            Self::Admin => "admin",
        }
    }

    /// Parses the word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Viewer, Self::Trader, Self::Admin].into_iter().find(|role| role.as_str() == text)
    }
}

/// Who asks: a token's name and role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The token's name.
    pub name: String,
    /// What it may do.
    pub role: Role,
}

/// A session that has just begun.
#[derive(Clone)]
pub struct NewSession {
    /// The cookie's value: the only copy.
    pub cookie: String,
    /// Who it is.
    pub identity: Identity,
}

impl std::fmt::Debug for NewSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewSession").field("identity", &self.identity).finish_non_exhaustive()
    }
}

/// Why somebody is not let in, or a token not made.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// No such token, session or code, or it has expired.
    #[error("the token, session or login code is unknown or has expired")]
    Unknown,
    /// Too many wrong secrets in the last minute.
    #[error("too many wrong tokens in the last minute; try again in a minute")]
    TooMany,
    /// The name cannot be a token's name.
    #[error("a token's name has 1 to {NAME_MAX} letters, digits, `-`, `_` or `.`, not `{0}`")]
    Name(String),
    /// A token of this name exists, or there are too many.
    #[error("there is a token named `{0}` already, or there are {TOKENS_MAX} tokens")]
    Taken(String),
    /// A role in the database is none.
    #[error("the token `{0}` has the unknown role `{1}`")]
    Role(String, String),
    /// The system gave no randomness.
    #[error("the system gave no randomness: {0}")]
    Random(String),
    /// The token's file could not be written.
    #[error("writing {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

type Hash = [u8; 32];

/// Knows the tokens, sessions and login codes. Cheap to ask: nothing here waits for the database but making a token.
#[derive(Debug)]
pub struct Auth {
    /// The mode and the account that its tokens open.
    scope: AccountScope,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    tokens: Vec<(Hash, Identity)>,
    /// By the cookie's hash, so that the lookup's timing tells nothing of a cookie.
    sessions: BTreeMap<Hash, Lease>,
    codes: BTreeMap<Hash, Lease>,
    failures: u32,
    failures_since: u64,
}

#[derive(Debug)]
struct Lease {
    identity: Identity,
    until_ms: u64,
}

impl Auth {
    /// Reads the tokens of `scope`. If there is none, makes one named `admin`. `DATA_DIR/admin.token`, readable by the owner alone, has the
    /// admin token of the scope that runs; each scope keeps a copy of its own beside it.
    ///
    /// # Errors
    /// If the database, a file or the system's randomness fails.
    pub async fn open(db: &Db, scope: AccountScope, data_dir: &Path, now: Time) -> Result<Self, AuthError> {
        let mut tokens = db.tokens(&scope).await?;
        if tokens.is_empty() {
            let (secret, row) = new_token("admin", Role::Admin, now)?;
            // The files first: a token that only the database knows would lock everybody out.
            write_token(kept_token_path(data_dir, &scope), &secret)?;
            write_token(admin_token_path(data_dir), &secret)?;
            db.add_token(&scope, &row).await?;
            tracing::info!(
                mode = scope.mode(),
                "admin token made; tokens of other modes and accounts do not open this host"
            );
            tokens.push(row);
        } else {
            show_token(data_dir, &scope, &tokens)?;
        }
        let tokens = tokens.iter().map(known).collect::<Result<_, _>>()?;
        Ok(Self { scope, state: Mutex::new(State { tokens, ..State::default() }) })
    }

    /// Makes a token and returns its only copy.
    ///
    /// # Errors
    /// If the name is unusable or taken, or the database or the system's randomness fails.
    pub async fn create_token(&self, db: &Db, name: &str, role: Role, now: Time) -> Result<String, AuthError> {
        let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.len() > NAME_MAX || !name.chars().all(named) {
            return Err(AuthError::Name(name.chars().take(NAME_MAX).collect()));
        }
        let (secret, row) = new_token(name, role, now)?;
        let taken = self.lock().tokens.iter().any(|(_, identity)| identity.name == name);
        if taken || self.count_tokens() >= TOKENS_MAX || !db.add_token(&self.scope, &row).await? {
            return Err(AuthError::Taken(name.to_owned()));
        }
        let token = known(&row)?;
        self.lock().tokens.push(token);
        Ok(secret)
    }

    /// Says who holds this bearer token.
    ///
    /// # Errors
    /// [`AuthError::Unknown`], or [`AuthError::TooMany`] after many of them.
    pub fn bearer(&self, token: &str, now: Time) -> Result<Identity, AuthError> {
        let mut state = self.lock();
        let found = hash(token).and_then(|hash| state.token(&hash));
        found.ok_or_else(|| state.failed(now))
    }

    /// Says whose session this cookie is.
    ///
    /// # Errors
    /// [`AuthError::Unknown`] if there is none or it has expired, or [`AuthError::TooMany`] after many of them.
    pub fn session(&self, cookie: &str, now: Time) -> Result<Identity, AuthError> {
        let mut state = self.lock();
        let lease = hash(cookie).and_then(|hash| state.sessions.get(&hash));
        let found = lease.filter(|lease| lease.until_ms > now.millis()).map(|lease| lease.identity.clone());
        found.ok_or_else(|| state.failed(now))
    }

    /// Turns a token into a session.
    ///
    /// # Errors
    /// As [`Auth::bearer`]; also if the system gives no randomness.
    pub fn login(&self, token: &str, now: Time) -> Result<NewSession, AuthError> {
        let identity = self.bearer(token, now)?;
        self.begin(identity, now)
    }

    /// Makes a login code: whoever redeems it first has a session as `identity`.
    ///
    /// # Errors
    /// If the system gives no randomness.
    pub fn login_code(&self, identity: Identity, now: Time) -> Result<String, AuthError> {
        let code = secret()?;
        if let Some(hash) = hash(&code) {
            lend(&mut self.lock().codes, CODES_MAX, hash, identity, now, CODE_MILLIS);
        }
        Ok(code)
    }

    /// Turns a login code into a session. The code is gone then, and also if it had expired.
    ///
    /// # Errors
    /// [`AuthError::Unknown`], or [`AuthError::TooMany`] after many of them; also if the system gives no randomness.
    pub fn redeem(&self, code: &str, now: Time) -> Result<NewSession, AuthError> {
        let mut state = self.lock();
        let lease = hash(code).and_then(|hash| state.codes.remove(&hash));
        let found = lease.filter(|lease| lease.until_ms > now.millis()).map(|lease| lease.identity);
        let identity = found.ok_or_else(|| state.failed(now))?;
        drop(state);
        self.begin(identity, now)
    }

    /// Ends a session; says whether there was one.
    pub fn logout(&self, cookie: &str) -> bool {
        hash(cookie).and_then(|hash| self.lock().sessions.remove(&hash)).is_some()
    }

    /// How many tokens there are.
    pub fn count_tokens(&self) -> usize {
        self.lock().tokens.len()
    }

    fn begin(&self, identity: Identity, now: Time) -> Result<NewSession, AuthError> {
        let cookie = secret()?;
        if let Some(hash) = hash(&cookie) {
            lend(&mut self.lock().sessions, SESSIONS_MAX, hash, identity.clone(), now, SESSION_MILLIS);
        }
        Ok(NewSession { cookie, identity })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is consistent between any two statements, so another thread's panic does not spoil it.
        self.state.lock()
    }
}

impl State {
    /// Compares with every token, so that the time taken tells nothing.
    fn token(&self, hash: &Hash) -> Option<Identity> {
        let mut found = None;
        for (known, identity) in &self.tokens {
            if same(known, hash) {
                found = Some(identity);
            }
        }
        found.cloned()
    }

    fn failed(&mut self, now: Time) -> AuthError {
        if now.millis().abs_diff(self.failures_since) >= MINUTE_MILLIS {
            (self.failures, self.failures_since) = (0, now.millis());
        }
        self.failures = self.failures.saturating_add(1);
        if self.failures > FAILURES_PER_MINUTE { AuthError::TooMany } else { AuthError::Unknown }
    }
}

/// Returns where the admin token of the host that runs is.
pub fn admin_token_path(data_dir: &Path) -> PathBuf {
    data_dir.join("admin.token")
}

/// Returns where the admin token of a scope is kept while a host of another one runs in the same data folder.
fn kept_token_path(data_dir: &Path, scope: &AccountScope) -> PathBuf {
    let account = if scope.account().is_empty() { String::new() } else { format!(".{}", scope.account()) };
    data_dir.join(format!("admin.{}{account}.token", scope.mode()))
}

fn write_token(path: PathBuf, secret: &str) -> Result<(), AuthError> {
    store::private_file::replace(&path, format!("{secret}\n").as_bytes())
        .map_err(|source| AuthError::File { path, source })
}

/// Has `admin.token` be a token of this scope, where the data folder has one. A file that was taken away stays away.
fn show_token(data_dir: &Path, scope: &AccountScope, tokens: &[TokenRow]) -> Result<(), AuthError> {
    let opens = |path: &Path| {
        let secret = std::fs::read_to_string(path).ok()?.trim().to_owned();
        let hash = hash(&secret).map(|hash| hex::encode(&hash))?;
        tokens.iter().any(|row| row.hash == hash).then_some(secret)
    };
    let (shown, kept) = (admin_token_path(data_dir), kept_token_path(data_dir, scope));
    match (opens(&shown), opens(&kept)) {
        (Some(secret), None) => write_token(kept, &secret),
        (None, Some(secret)) if shown.exists() => write_token(shown, &secret),
        _ => Ok(()),
    }
}

/// Adds a lease; forgets those that are over, then the one that ends first if there are too many.
fn lend(leases: &mut BTreeMap<Hash, Lease>, max: usize, hash: Hash, identity: Identity, now: Time, millis: u64) {
    leases.retain(|_, lease| lease.until_ms > now.millis());
    while leases.len() >= max {
        let first = leases.iter().min_by_key(|(_, lease)| lease.until_ms).map(|(hash, _)| *hash);
        if first.and_then(|hash| leases.remove(&hash)).is_none() {
            break;
        }
    }
    leases.insert(hash, Lease { identity, until_ms: now.plus_millis(millis).millis() });
}

fn new_token(name: &str, role: Role, now: Time) -> Result<(String, TokenRow), AuthError> {
    let secret = secret()?;
    let hash = hash(&secret).map(|hash| hex::encode(&hash)).unwrap_or_default();
    let row = TokenRow { name: name.to_owned(), role: role.as_str().to_owned(), hash, created_at_ms: now.millis() };
    Ok((secret, row))
}

fn known(row: &TokenRow) -> Result<(Hash, Identity), AuthError> {
    let unknown = || AuthError::Role(row.name.clone(), row.role.clone());
    let hash = hex::decode_array(&row.hash).ok_or_else(unknown)?;
    Ok((hash, Identity { name: row.name.clone(), role: Role::parse(&row.role).ok_or_else(unknown)? }))
}

/// Returns 256 random bits as 43 characters that need no escaping in URLs, headers and cookies.
fn secret() -> Result<String, AuthError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| AuthError::Random(error.to_string()))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn hash(secret: &str) -> Option<Hash> {
    (secret.len() <= SECRET_MAX).then(|| Sha256::digest(secret.as_bytes()).into())
}

fn same(a: &Hash, b: &Hash) -> bool {
    std::hint::black_box(a.iter().zip(b).fold(0, |all, (a, b)| all | (a ^ b))) == 0
}
