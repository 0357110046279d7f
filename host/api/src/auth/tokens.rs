//! The tokens that operators create, list and revoke.

use super::secret::{Hash, hash, secret};
use super::{Auth, AuthError, Identity, Role};
use model::{Time, hex};
use store::db::{Db, Decision, TokenRow};

/// The most tokens.
pub(super) const TOKENS_MAX: usize = 256;
/// The longest name of a token.
pub(super) const NAME_MAX: usize = 64;

/// A known token.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) hash: Hash,
    pub(super) identity: Identity,
    /// Its expiry; `None` if it does not expire.
    pub(super) expires_at_ms: Option<u64>,
    /// The data folder whose `admin.token` it is; empty if an operator created it.
    pub(super) folder: String,
    created_at_ms: u64,
}

impl Token {
    /// Reads a row.
    pub(super) fn read(row: &TokenRow) -> Result<Self, AuthError> {
        let unknown = || AuthError::Role(row.name.clone(), row.role.clone());
        Ok(Self {
            hash: hex::decode_array(&row.hash).ok_or_else(unknown)?,
            identity: Identity { name: row.name.clone(), role: Role::parse(&row.role).ok_or_else(unknown)? },
            // A time before 1970 has passed.
            expires_at_ms: row.expires_at_ms.map(|at| u64::try_from(at).unwrap_or(0)),
            folder: row.folder.clone(),
            created_at_ms: row.created_at_ms,
        })
    }

    pub(super) fn has_expired(&self, now: Time) -> bool {
        self.expires_at_ms.is_some_and(|at| at <= now.millis())
    }
}

/// The properties of a token to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken<'a> {
    /// Its name, which the audit records for actions with this token.
    pub name: &'a str,
    /// Its role.
    pub role: Role,
    /// Its expiry; `None` if it does not expire.
    pub expires_at: Option<Time>,
}

/// The properties of a token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenInfo {
    /// Its name and role.
    pub identity: Identity,
    /// The time it was created.
    pub created_at_ms: u64,
    /// Its expiry; `None` if it does not expire.
    pub expires_at_ms: Option<u64>,
    /// True if it is the `admin.token` of a data folder.
    pub of_folder: bool,
}

impl Auth {
    /// Creates a token and returns its only copy.
    ///
    /// # Errors
    /// If the name is invalid or taken, or the database or the system's randomness fails.
    pub async fn create_token(&self, db: &Db, wanted: &NewToken<'_>, now: Time) -> Result<String, AuthError> {
        let NewToken { name, role, expires_at } = *wanted;
        let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.len() > NAME_MAX || !name.chars().all(named) {
            return Err(AuthError::Name(name.chars().take(NAME_MAX).collect()));
        }
        let (secret, row) = new_token(name, role, expires_at, now)?;
        let is_free =
            |known: &[Token]| known.len() < TOKENS_MAX && known.iter().all(|token| token.identity.name != name);
        let free = is_free(&self.lock().tokens);
        if !free || !db.add_token(&self.scope, &row).await? {
            return Err(AuthError::Taken(name.to_owned()));
        }
        let token = Token::read(&row)?;
        self.lock().tokens.push(token);
        Ok(secret)
    }

    /// Returns true if there is a token with this name.
    pub fn has_token(&self, name: &str) -> bool {
        self.lock().tokens.iter().any(|token| token.identity.name == name)
    }

    /// Revokes the tokens with this name at once, with their sessions and login codes, and queues the revocation for
    /// storage. If one was the `admin.token` of the data folder, that is replaced.
    ///
    /// # Errors
    /// If the data folder's token cannot be replaced. The revocation is in effect nevertheless.
    pub fn revoke_token(&self, db: &Db, name: &str, who: &str, now: Time) -> Result<(), AuthError> {
        let mut state = self.lock();
        let named = |token: &&Token| token.identity.name == name;
        let revoked: Vec<Token> = state.tokens.iter().filter(named).cloned().collect();
        for token in &revoked {
            state.forget(&token.hash);
            db.decisions().write(Decision::RevokedToken(hex::encode(&token.hash)));
        }
        drop(state);
        if revoked.iter().any(|token| token.folder == self.folder.id()) {
            return self.replace_own(db, who, now);
        }
        Ok(())
    }

    /// Returns the properties of each token, by name.
    pub fn tokens(&self) -> Vec<TokenInfo> {
        let info = |token: &Token| TokenInfo {
            identity: token.identity.clone(),
            created_at_ms: token.created_at_ms,
            expires_at_ms: token.expires_at_ms,
            of_folder: !token.folder.is_empty(),
        };
        let mut all: Vec<TokenInfo> = self.lock().tokens.iter().map(info).collect();
        all.sort_by(|a, b| a.identity.name.cmp(&b.identity.name));
        all
    }
}

/// Creates an admin token for a data folder, with an unused name.
pub(super) fn of_folder(folder: &str, taken: &[&str], now: Time) -> Result<(String, TokenRow), AuthError> {
    let is_free = |name: &String| !taken.contains(&name.as_str());
    let names = std::iter::once("admin".to_owned()).chain((2..=TOKENS_MAX).map(|number| format!("admin-{number}")));
    let name = { names }.find(is_free).ok_or_else(|| AuthError::Taken("admin".to_owned()))?;
    let (secret, row) = new_token(&name, Role::Admin, None, now)?;
    Ok((secret, TokenRow { folder: folder.to_owned(), ..row }))
}

fn new_token(name: &str, role: Role, expires_at: Option<Time>, now: Time) -> Result<(String, TokenRow), AuthError> {
    let secret = secret()?;
    let row = TokenRow {
        name: name.to_owned(),
        role: role.as_str().to_owned(),
        hash: hash(&secret).map(|hash| hex::encode(&hash)).unwrap_or_default(),
        created_at_ms: now.millis(),
        expires_at_ms: expires_at.map(|at| i64::try_from(at.millis()).unwrap_or(i64::MAX)),
        folder: String::new(),
    };
    Ok((secret, row))
}
