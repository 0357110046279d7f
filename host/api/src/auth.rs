//! Authentication and authorization: bearer tokens with a name and a role, cookie sessions for the page, and one-time
//! login codes. Secrets are 256 random bits; only their SHA-256 hash is stored. Tokens are database rows, sessions and
//! codes are in memory.
//! The HTTP extractors that use this module are in `guard`. `folder` has the admin token of the data folder.

mod folder;
mod secret;
#[cfg(test)]
mod tests;
mod tokens;

use folder::{Folder, FolderToken};
pub use folder::{admin_token_path, forget_admin_tokens, keep_admin_token};
use model::{Time, hex};
use parking_lot::{Mutex, MutexGuard};
use secret::{Hash, hash, same, secret};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use store::db::{AccountScope, Db, DbError};
use tokens::Token;
pub use tokens::{NewToken, TokenInfo};

/// Lifetime of a cookie session, in milliseconds: 12 hours.
pub const SESSION_MILLIS: u64 = 12 * 3_600_000;
/// Lifetime of a login code, in milliseconds: 10 minutes.
pub const CODE_MILLIS: u64 = 600_000;
/// The most cookie sessions at once; the one that ends first is removed.
const SESSIONS_MAX: usize = 256;
/// The most login codes at once; the one that ends first is removed.
const CODES_MAX: usize = 16;
/// Wrong secrets within a minute before the answer is [`AuthError::TooMany`]. Correct ones are accepted nevertheless:
/// guessing must not keep an operator from the emergency stop, and 256 bits cannot be guessed. Far above the tests of the
/// API's description, which try a wrong secret on each route.
const FAILURES_PER_MINUTE: u32 = 6_000;
const MINUTE_MILLIS: u64 = 60_000;

/// The role of a token. Each role includes the permissions of the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reads, and triggers the emergency stop.
    Viewer,
    /// Starts, stops and cancels.
    Trader,
    /// Releases a halt, changes the configuration and creates tokens.
    Admin,
}

impl Role {
    /// Returns the text used in rows and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Trader => "trader",
            Self::Admin => "admin",
        }
    }

    /// Parses the text used in rows and answers.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Viewer, Self::Trader, Self::Admin].into_iter().find(|role| role.as_str() == text)
    }
}

/// The identity of a caller: a token's name and role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The token's name.
    pub name: String,
    /// Its role.
    pub role: Role,
}

/// The credential of a caller, checked again during a long answer such as a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    /// A token.
    Token(Hash),
    /// The cookie of a session.
    Session(Hash),
}

impl Proof {
    /// Returns the credential of a bearer token; `None` if it cannot be one.
    pub(crate) fn of_token(token: &str) -> Option<Self> {
        hash(token).map(Self::Token)
    }

    /// Returns the credential of a cookie; `None` if it cannot be one.
    pub(crate) fn of_cookie(cookie: &str) -> Option<Self> {
        hash(cookie).map(Self::Session)
    }
}

/// A session that has just started.
#[derive(Clone)]
pub struct NewSession {
    /// The cookie's value; this is its only copy.
    pub cookie: String,
    /// The identity.
    pub identity: Identity,
}

impl std::fmt::Debug for NewSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewSession").field("identity", &self.identity).finish_non_exhaustive()
    }
}

/// The reason why a caller is refused or a token is not created.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// No such token, session or code, or it has expired.
    #[error("the token, session or login code is unknown or has expired")]
    Unknown,
    /// Too many wrong secrets in the last minute.
    #[error("too many wrong tokens in the last minute; try again in a minute")]
    TooMany,
    /// The name is invalid for a token.
    #[error("a token's name has 1 to {max} letters, digits, `-`, `_` or `.`, not `{0}`", max = tokens::NAME_MAX)]
    Name(String),
    /// A token with this name exists, or there are too many.
    #[error("there is a token named `{0}` already, or there are {max} tokens", max = tokens::TOKENS_MAX)]
    Taken(String),
    /// A role in the database is unknown.
    #[error("the token `{0}` has the unknown role `{1}`")]
    Role(String, String),
    /// The system provided no randomness.
    #[error("the system provided no randomness: {0}")]
    Random(String),
    /// The token's file could not be written.
    #[error("writing {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// The tokens, sessions and login codes. Cheap to query: only creating a token waits for the database.
#[derive(Debug)]
pub struct Auth {
    /// The mode and account of its tokens.
    scope: AccountScope,
    folder: Folder,
    /// Admin tokens from before tokens had a mode and a folder, of any folder. They are revoked when this folder's
    /// token is replaced.
    unowned: Vec<Hash>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    tokens: Vec<Token>,
    /// By the cookie's hash, so that the timing of the lookup reveals nothing about a cookie.
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
    /// Reads the tokens of `scope`. `DATA_DIR/admin.token`, readable by the owner only, has the admin token of the
    /// running scope; each scope has its own copy beside it. A missing token is created, and replaces the folder's
    /// previous one.
    ///
    /// # Errors
    /// If the database, a file or the system's randomness fails.
    pub async fn open(db: &Db, scope: AccountScope, data_dir: &Path, now: Time) -> Result<Self, AuthError> {
        let folder = Folder::open(data_dir, &scope)?;
        let mut rows = db.tokens(&scope).await?;
        let mut unowned = db.tokens(&AccountScope::UNKNOWN).await?;
        unowned.retain(|row| row.folder.is_empty() && row.name == "admin");
        match folder.find(&rows)? {
            FolderToken::Opens(hash) => {
                unowned.retain(|row| row.hash != hash);
                db.adopt_token(&hash, folder.id()).await?;
                let adopted = rows.iter_mut().filter(|row| row.hash == hash && row.folder.is_empty());
                adopted.for_each(|row| folder.id().clone_into(&mut row.folder));
            }
            FolderToken::Missing { taken_away } => {
                let mut before = folder.replaced(db, &rows, taken_away);
                if taken_away {
                    before.extend(unowned.drain(..).map(|row| row.hash));
                }
                rows.retain(|row| !before.contains(&row.hash));
                let taken: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
                let (secret, row) = tokens::of_folder(folder.id(), &taken, now)?;
                // The files first: a token that only the database knows would lock out all operators.
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
                    "admin token created; tokens of other modes and accounts are not valid for this host"
                );
                rows.push(row);
            }
        }
        let tokens = rows.iter().map(Token::read).collect::<Result<_, _>>()?;
        let unowned = unowned.iter().filter_map(|row| hex::decode_array(&row.hash)).collect();
        Ok(Self { scope, folder, unowned, state: Mutex::new(State { tokens, ..State::default() }) })
    }

    /// Returns a text unique to this data folder, for the name of the page's cookie.
    pub(crate) fn instance(&self) -> &str {
        self.folder.instance()
    }

    /// Returns the identity of the data folder's token: an admin.
    pub fn owner(&self) -> Identity {
        let state = self.lock();
        let own =
            state.tokens.iter().find(|token| token.folder == self.folder.id() && token.identity.role == Role::Admin);
        own.map_or_else(|| Identity { name: "admin".to_owned(), role: Role::Admin }, |token| token.identity.clone())
    }

    /// Returns the holder of this bearer token.
    ///
    /// # Errors
    /// [`AuthError::Unknown`], or [`AuthError::TooMany`] after many of them.
    pub fn bearer(&self, token: &str, now: Time) -> Result<Identity, AuthError> {
        self.judge(Proof::of_token(token), now).map(|(identity, _)| identity)
    }

    /// Returns the holder of this session cookie.
    ///
    /// # Errors
    /// [`AuthError::Unknown`] if there is none or it has expired, or [`AuthError::TooMany`] after many of them.
    pub fn session(&self, cookie: &str, now: Time) -> Result<Identity, AuthError> {
        self.judge(Proof::of_cookie(cookie), now).map(|(identity, _)| identity)
    }

    /// Returns the holder of a credential.
    ///
    /// # Errors
    /// [`AuthError::Unknown`] if no token or session has it, or it has expired; or [`AuthError::TooMany`] after many of
    /// them.
    pub(crate) fn judge(&self, proof: Option<Proof>, now: Time) -> Result<(Identity, Proof), AuthError> {
        let mut state = self.lock();
        let found = proof.and_then(|proof| Some((state.holder(proof, now)?, proof)));
        found.ok_or_else(|| state.failed(now))
    }

    /// Returns true if this credential is still valid: its token is neither revoked nor expired, its session has not
    /// ended.
    pub(crate) fn holds(&self, proof: Proof, now: Time) -> bool {
        self.lock().holder(proof, now).is_some()
    }

    /// Exchanges a token for a session.
    ///
    /// # Errors
    /// As [`Auth::bearer`]; also if the system provides no randomness.
    pub fn login(&self, token: &str, now: Time) -> Result<NewSession, AuthError> {
        let identity = self.bearer(token, now)?;
        self.begin(identity, now)
    }

    /// Creates a login code: the first to redeem it gets a session as `identity`.
    ///
    /// # Errors
    /// If the system provides no randomness.
    pub fn login_code(&self, identity: Identity, now: Time) -> Result<String, AuthError> {
        let code = secret()?;
        if let Some(hash) = hash(&code) {
            let mut state = self.lock();
            let until_ms = state.until(&identity, now.plus_millis(CODE_MILLIS));
            lend(&mut state.codes, CODES_MAX, hash, Lease { identity, until_ms }, now);
        }
        Ok(code)
    }

    /// Exchanges a login code for a session. The code is removed, even if it had expired.
    ///
    /// # Errors
    /// [`AuthError::Unknown`], or [`AuthError::TooMany`] after many of them; also if the system provides no randomness.
    pub fn redeem(&self, code: &str, now: Time) -> Result<NewSession, AuthError> {
        let mut state = self.lock();
        let lease = hash(code).and_then(|hash| state.codes.remove(&hash));
        let found = lease.filter(|lease| lease.until_ms > now.millis()).map(|lease| lease.identity);
        let identity = found.ok_or_else(|| state.failed(now))?;
        drop(state);
        self.begin(identity, now)
    }

    /// Checks that a login code could be redeemed now, without changing it.
    ///
    /// # Errors
    /// [`AuthError::Unknown`], or [`AuthError::TooMany`] after many of them.
    pub fn check_code(&self, code: &str, now: Time) -> Result<(), AuthError> {
        let mut state = self.lock();
        let known =
            hash(code).and_then(|hash| state.codes.get(&hash)).is_some_and(|lease| lease.until_ms > now.millis());
        if known { Ok(()) } else { Err(state.failed(now)) }
    }

    /// Ends a session; returns true if there was one.
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
        // The state is consistent between any two statements, so another thread's panic does not corrupt it.
        self.state.lock()
    }
}

impl State {
    /// Returns the holder of a credential, unless it has expired.
    fn holder(&self, proof: Proof, now: Time) -> Option<Identity> {
        match proof {
            Proof::Token(hash) => self.token(&hash, now),
            Proof::Session(hash) => {
                let lease = self.sessions.get(&hash).filter(|lease| lease.until_ms > now.millis());
                lease.map(|lease| lease.identity.clone())
            }
        }
    }

    /// Compares with every token, so that the timing reveals nothing.
    fn token(&self, hash: &Hash, now: Time) -> Option<Identity> {
        let mut found = None;
        for token in &self.tokens {
            if same(&token.hash, hash) {
                found = Some(token);
            }
        }
        found.filter(|token| !token.has_expired(now)).map(|token| token.identity.clone())
    }

    /// Returns the expiry of a token's session or code: that of the token at the latest.
    fn until(&self, identity: &Identity, wanted: Time) -> u64 {
        let token = self.tokens.iter().find(|token| token.identity.name == identity.name);
        let end = token.and_then(|token| token.expires_at_ms).unwrap_or(u64::MAX);
        wanted.millis().min(end)
    }

    /// Removes a token, its sessions and its login codes.
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

/// Adds a lease; removes the expired ones, then the ones that end first if there are too many.
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
