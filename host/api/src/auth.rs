//! Who may do what: bearer tokens with a name and a role, cookie sessions for the page, and one-time login codes.
//! Secrets are 256 random bits; what is kept of them is a SHA-256 hash. Tokens are rows, sessions and codes live in memory.
//! The HTTP extractors that ask this module are in `guard`. `folder` has the admin token of the data folder.

mod folder;
mod secret;
#[cfg(test)]
mod tests;
mod tokens;

use folder::{Folder, FolderToken};
pub use folder::{admin_token_path, forget_admin_tokens, keep};
use model::Time;
use parking_lot::{Mutex, MutexGuard};
use secret::{Hash, hash, same, secret};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use store::db::{AccountScope, Db, DbError};
use tokens::Token;
pub use tokens::{NewToken, TokenInfo};

/// How long a cookie session lasts, in milliseconds: 12 hours.
pub const SESSION_MILLIS: u64 = 12 * 3_600_000;
/// How long a login code can be redeemed, in milliseconds: 10 minutes.
pub const CODE_MILLIS: u64 = 600_000;
/// The most cookie sessions at once; the oldest gives way.
const SESSIONS_MAX: usize = 256;
/// The most login codes at once; the oldest gives way.
const CODES_MAX: usize = 16;
/// Wrong secrets in any minute before the answer is [`AuthError::TooMany`]. Right ones pass all the same: nobody may keep
/// an operator from the emergency stop by guessing, and 256 bits cannot be guessed.
const FAILURES_PER_MINUTE: u32 = 60;
const MINUTE_MILLIS: u64 = 60_000;

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

/// The credential of a caller, checked again while a long answer such as a stream goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    /// A token.
    Token(Hash),
    /// The cookie of a session.
    Session(Hash),
}

impl Proof {
    /// Returns what a bearer token proves; nothing if it cannot be one.
    pub(crate) fn of_token(token: &str) -> Option<Self> {
        hash(token).map(Self::Token)
    }

    /// Returns what a cookie proves; nothing if it cannot be one.
    pub(crate) fn of_cookie(cookie: &str) -> Option<Self> {
        hash(cookie).map(Self::Session)
    }
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

/// The reason for which a caller is refused or a token is not made.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// No such token, session or code, or it has expired.
    #[error("the token, session or login code is unknown or has expired")]
    Unknown,
    /// Too many wrong secrets in the last minute.
    #[error("too many wrong tokens in the last minute; try again in a minute")]
    TooMany,
    /// The name cannot be a token's name.
    #[error("a token's name has 1 to {max} letters, digits, `-`, `_` or `.`, not `{0}`", max = tokens::NAME_MAX)]
    Name(String),
    /// A token of this name exists, or there are too many.
    #[error("there is a token named `{0}` already, or there are {max} tokens", max = tokens::TOKENS_MAX)]
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

/// Knows the tokens, sessions and login codes. Cheap to ask: nothing here waits for the database but making a token.
#[derive(Debug)]
pub struct Auth {
    /// The mode and the account that its tokens open.
    scope: AccountScope,
    folder: Folder,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    tokens: Vec<Token>,
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
    /// Reads the tokens of `scope`. `DATA_DIR/admin.token`, readable by the owner alone, has an admin token of the scope that runs; each scope
    /// keeps a copy of its own beside it. One that is missing is made, and takes the place of the one that the folder had.
    ///
    /// # Errors
    /// If the database, a file or the system's randomness fails.
    pub async fn open(db: &Db, scope: AccountScope, data_dir: &Path, now: Time) -> Result<Self, AuthError> {
        let folder = Folder::open(data_dir, &scope)?;
        let mut rows = db.tokens(&scope).await?;
        match folder.find(&rows)? {
            FolderToken::Opens(hash) => {
                db.adopt_token(&hash, folder.id()).await?;
                let adopted = rows.iter_mut().filter(|row| row.hash == hash && row.folder.is_empty());
                adopted.for_each(|row| folder.id().clone_into(&mut row.folder));
            }
            FolderToken::Missing { taken_away } => {
                let before = folder.replaced(db, &rows, taken_away);
                rows.retain(|row| !before.contains(&row.hash));
                let taken: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
                let (secret, row) = tokens::of_folder(folder.id(), &taken, now)?;
                // The files first: a token that only the database knows would lock everybody out.
                folder.write(&secret)?;
                for hash in &before {
                    db.remove_token(hash).await?;
                }
                if !db.add_token(&scope, &row).await? {
                    return Err(AuthError::Taken(row.name));
                }
                tracing::info!(
                    mode = scope.mode(),
                    token = row.name,
                    replaced = before.len(),
                    "admin token made; tokens of other modes and accounts do not open this host"
                );
                rows.push(row);
            }
        }
        let tokens = rows.iter().map(Token::read).collect::<Result<_, _>>()?;
        Ok(Self { scope, folder, state: Mutex::new(State { tokens, ..State::default() }) })
    }

    /// Returns a text that no other data folder has: the page's cookie is named after it.
    pub(crate) fn instance(&self) -> &str {
        self.folder.instance()
    }

    /// Returns who holds the token of the data folder: an admin.
    pub fn owner(&self) -> Identity {
        let state = self.lock();
        let own =
            state.tokens.iter().find(|token| token.folder == self.folder.id() && token.identity.role == Role::Admin);
        own.map_or_else(|| Identity { name: "admin".to_owned(), role: Role::Admin }, |token| token.identity.clone())
    }

    /// Returns who holds this bearer token.
    ///
    /// # Errors
    /// [`AuthError::Unknown`], or [`AuthError::TooMany`] after many of them.
    pub fn bearer(&self, token: &str, now: Time) -> Result<Identity, AuthError> {
        self.judge(Proof::of_token(token), now).map(|(identity, _)| identity)
    }

    /// Returns whose session this cookie is.
    ///
    /// # Errors
    /// [`AuthError::Unknown`] if there is none or it has expired, or [`AuthError::TooMany`] after many of them.
    pub fn session(&self, cookie: &str, now: Time) -> Result<Identity, AuthError> {
        self.judge(Proof::of_cookie(cookie), now).map(|(identity, _)| identity)
    }

    /// Returns whose this is.
    ///
    /// # Errors
    /// [`AuthError::Unknown`] if it is of no token or session, or has expired; or [`AuthError::TooMany`] after many of them.
    pub(crate) fn judge(&self, proof: Option<Proof>, now: Time) -> Result<(Identity, Proof), AuthError> {
        let mut state = self.lock();
        let found = proof.and_then(|proof| Some((state.holder(proof, now)?, proof)));
        found.ok_or_else(|| state.failed(now))
    }

    /// Returns whether this still opens the host: its token is not revoked and has not expired, its session has not ended.
    pub(crate) fn holds(&self, proof: Proof, now: Time) -> bool {
        self.lock().holder(proof, now).is_some()
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
            let mut state = self.lock();
            let until_ms = state.until(&identity, now.plus_millis(CODE_MILLIS));
            lend(&mut state.codes, CODES_MAX, hash, Lease { identity, until_ms }, now);
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

    /// Returns whether a login code could be redeemed now. It stays as it is.
    ///
    /// # Errors
    /// [`AuthError::Unknown`], or [`AuthError::TooMany`] after many of them.
    pub fn check_code(&self, code: &str, now: Time) -> Result<(), AuthError> {
        let mut state = self.lock();
        let known =
            hash(code).and_then(|hash| state.codes.get(&hash)).is_some_and(|lease| lease.until_ms > now.millis());
        if known { Ok(()) } else { Err(state.failed(now)) }
    }

    /// Ends a session; says whether there was one.
    pub fn logout(&self, cookie: &str) -> bool {
        hash(cookie).and_then(|hash| self.lock().sessions.remove(&hash)).is_some()
    }

    fn begin(&self, identity: Identity, now: Time) -> Result<NewSession, AuthError> {
        let cookie = secret()?;
        if let Some(hash) = hash(&cookie) {
            let mut state = self.lock();
            let until_ms = state.until(&identity, now.plus_millis(SESSION_MILLIS));
            lend(&mut state.sessions, SESSIONS_MAX, hash, Lease { identity: identity.clone(), until_ms }, now);
        }
        Ok(NewSession { cookie, identity })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is consistent between any two statements, so another thread's panic does not spoil it.
        self.state.lock()
    }
}

impl State {
    /// Returns whose a proof is, unless it has expired.
    fn holder(&self, proof: Proof, now: Time) -> Option<Identity> {
        match proof {
            Proof::Token(hash) => self.token(&hash, now),
            Proof::Session(hash) => {
                let lease = self.sessions.get(&hash).filter(|lease| lease.until_ms > now.millis());
                lease.map(|lease| lease.identity.clone())
            }
        }
    }

    /// Compares with every token, so that the time taken tells nothing.
    fn token(&self, hash: &Hash, now: Time) -> Option<Identity> {
        let mut found = None;
        for token in &self.tokens {
            if same(&token.hash, hash) {
                found = Some(token);
            }
        }
        found.filter(|token| !token.has_expired(now)).map(|token| token.identity.clone())
    }

    /// Returns when what a token lends ends: with the token at the latest.
    fn until(&self, identity: &Identity, wanted: Time) -> u64 {
        let token = self.tokens.iter().find(|token| token.identity.name == identity.name);
        let end = token.and_then(|token| token.expires_at_ms).unwrap_or(u64::MAX);
        wanted.millis().min(end)
    }

    /// Forgets a token, its sessions and its login codes.
    fn forget(&mut self, hash: &Hash) {
        let Some(at) = self.tokens.iter().position(|token| token.hash == *hash) else { return };
        let name = self.tokens.swap_remove(at).identity.name;
        self.sessions.retain(|_, lease| lease.identity.name != name);
        self.codes.retain(|_, lease| lease.identity.name != name);
    }

    fn failed(&mut self, now: Time) -> AuthError {
        if now.millis().abs_diff(self.failures_since) >= MINUTE_MILLIS {
            (self.failures, self.failures_since) = (0, now.millis());
        }
        self.failures = self.failures.saturating_add(1);
        if self.failures > FAILURES_PER_MINUTE { AuthError::TooMany } else { AuthError::Unknown }
    }
}

/// Adds a lease; forgets those that are over, then the one that ends first if there are too many.
fn lend(leases: &mut BTreeMap<Hash, Lease>, max: usize, hash: Hash, lease: Lease, now: Time) {
    leases.retain(|_, lease| lease.until_ms > now.millis());
    while leases.len() >= max {
        let first = leases.iter().min_by_key(|(_, lease)| lease.until_ms).map(|(hash, _)| *hash);
        if first.and_then(|hash| leases.remove(&hash)).is_none() {
            break;
        }
    }
    leases.insert(hash, lease);
}
