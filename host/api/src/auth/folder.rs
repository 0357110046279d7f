//! The admin token of a data folder. Write access to the folder is control of the host: a lost or leaked token is
//! replaced by removing `admin.token`, while the host runs or before it starts.

use super::secret::{Hash, hash};
use super::tokens::{Token, of_folder};
use super::{Auth, AuthError};
use files::Links;
use model::{Time, hex};
use sha2::{Digest, Sha256};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;
use store::db::{AccountScope, AuditRow, Db, DbKind, Decision, TokenRow};

/// The file with the folder's id.
const ID_FILE: &str = "instance";
/// Bytes of that id.
const ID_BYTES: usize = 16;
/// Characters of the text in the cookie's name.
const INSTANCE_CHARS: usize = 12;
/// The most bytes of these files.
const FILE_MAX: u64 = 1_024;
/// The interval of checks whether `admin.token` was removed.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The name in the audit for actions through access to the folder.
const OWNER: &str = "data folder";

/// The data folder as the store of an admin token.
#[derive(Debug)]
pub(super) struct Folder {
    /// Random, created at the first start.
    id: String,
    /// Derived from the id and the path, since a folder can be copied.
    instance: String,
    /// `admin.token`, with the token of the running host.
    shown: PathBuf,
    /// The file that keeps this scope's token while a host of another scope runs here.
    kept: PathBuf,
}

/// The content of a folder's token files.
pub(super) enum FolderToken {
    /// The token with this hash is valid for the host.
    Opens(String),
    /// No token is valid for the host.
    Missing {
        /// True if there is no `admin.token` at all: it was removed, or the folder is new.
        taken_away: bool,
    },
}

impl Folder {
    pub(super) fn open(data_dir: &Path, scope: &AccountScope) -> Result<Self, AuthError> {
        let id = own_id(&data_dir.join(ID_FILE))?;
        let place = data_dir.canonicalize().unwrap_or_else(|_| data_dir.to_owned());
        let digest = Sha256::new().chain_update(&id).chain_update(place.as_os_str().as_encoded_bytes()).finalize();
        let instance = hex::encode(&digest).chars().take(INSTANCE_CHARS).collect();
        let account = if scope.account().is_empty() { String::new() } else { format!(".{}", scope.account()) };
        let kept = data_dir.join(format!("admin.{}{account}.token", scope.mode()));
        Ok(Self { id, instance, shown: admin_token_path(data_dir), kept })
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn instance(&self) -> &str {
        &self.instance
    }

    /// Looks for a valid token of this scope, and writes it to both files. If `admin.token` was removed, the other
    /// scopes' copies are removed as well: the token is to be revoked everywhere.
    pub(super) fn find(&self, rows: &[TokenRow]) -> Result<FolderToken, AuthError> {
        let known = |secret: &String| rows.iter().find(|row| Some(row.hash.as_str()) == hashed(secret).as_deref());
        let Some(shown) = read(&self.shown)? else {
            if let Some(data_dir) = self.shown.parent() {
                forget_others(data_dir, &self.kept)?;
            }
            return Ok(FolderToken::Missing { taken_away: true });
        };
        let kept = read(&self.kept)?;
        if let Some(row) = known(&shown) {
            if kept.as_ref() != Some(&shown) {
                write(&self.kept, &shown)?;
            }
            return Ok(FolderToken::Opens(row.hash.clone()));
        }
        let Some((row, secret)) = kept.and_then(|secret| Some((known(&secret)?, secret))) else {
            return Ok(FolderToken::Missing { taken_away: false });
        };
        write(&self.shown, &secret)?;
        Ok(FolderToken::Opens(row.hash.clone()))
    }

    /// Returns the hashes of the tokens that a new one replaces: those created by hosts of this folder.
    pub(super) fn replaced(&self, db: &Db, rows: &[TokenRow], taken_away: bool) -> Vec<String> {
        let kept = read(&self.kept).ok().flatten().and_then(|secret| hashed(&secret));
        // From before tokens had a folder: a database in a file belongs to one folder.
        let in_file = taken_away && db.kind() == DbKind::Sqlite;
        let before = |row: &TokenRow| in_file && row.folder.is_empty() && row.name == "admin";
        let is_ours = |row: &&TokenRow| row.folder == self.id || Some(&row.hash) == kept.as_ref() || before(row);
        rows.iter().filter(is_ours).map(|row| row.hash.clone()).collect()
    }

    /// Writes the token to both files.
    pub(super) fn write(&self, secret: &str) -> Result<(), AuthError> {
        write(&self.kept, secret)?;
        write(&self.shown, secret)
    }
}

/// Returns the path of the running host's admin token.
pub fn admin_token_path(data_dir: &Path) -> PathBuf {
    data_dir.join("admin.token")
}

/// Removes the admin tokens of a data folder, for all modes and accounts. The running host, or the next one, creates
/// new ones and refuses these.
///
/// # Errors
/// If the folder cannot be read, or a file cannot be removed.
pub fn forget_admin_tokens(data_dir: &Path) -> Result<(), AuthError> {
    // `admin.token` last: a running host checks for that one.
    let shown = admin_token_path(data_dir);
    forget_others(data_dir, &shown)?;
    remove(&shown)
}

/// Removes the copies of all scopes but one.
fn forget_others(data_dir: &Path, but: &Path) -> Result<(), AuthError> {
    let failed = |source| AuthError::File { path: data_dir.to_owned(), source };
    for entry in std::fs::read_dir(data_dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with("admin.") && name.ends_with(".token") && path != but {
            remove(&path)?;
        }
    }
    Ok(())
}

fn remove(path: &Path) -> Result<(), AuthError> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != ErrorKind::NotFound => Err(AuthError::File { path: path.to_owned(), source }),
        _ => Ok(()),
    }
}

/// Creates a new admin token whenever `admin.token` was removed, for as long as the host runs.
pub async fn keep_admin_token(auth: &Auth, db: &Db, clock: fn() -> Time) {
    let mut failed = false;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        match auth.replace_missing(db, clock()) {
            Ok(()) => failed = false,
            Err(error) => {
                if !failed {
                    tracing::warn!(%error, "replacing the missing admin.token failed; retrying");
                }
                failed = true;
            }
        }
    }
}

impl Auth {
    /// Creates a new admin token if `admin.token` was removed. The sessions of the folder's tokens end at once.
    pub(super) fn replace_missing(&self, db: &Db, now: Time) -> Result<(), AuthError> {
        if std::fs::symlink_metadata(&self.folder.shown).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
            return self.replace_own(db, OWNER, now);
        }
        Ok(())
    }

    /// Replaces the admin token of the data folder.
    pub(crate) fn replace_own(&self, db: &Db, who: &str, now: Time) -> Result<(), AuthError> {
        if let Some(data_dir) = self.folder.shown.parent() {
            forget_others(data_dir, &self.folder.kept)?;
        }
        let mut state = self.lock();
        let is_ours = |token: &&Token| token.folder == self.folder.id || self.unowned.contains(&token.hash);
        let mut before: Vec<Hash> = state.tokens.iter().filter(is_ours).map(|token| token.hash).collect();
        // A live host does not load tokens of an unknown mode, but other hosts would accept them.
        before.extend(self.unowned.iter().filter(|hash| !state.tokens.iter().any(|token| token.hash == **hash)));
        let others = state.tokens.iter().filter(|token| !before.contains(&token.hash));
        let names: Vec<&str> = others.map(|token| token.identity.name.as_str()).collect();
        let (secret, row) = of_folder(&self.folder.id, &names, now)?;
        let token = Token::read(&row)?;
        self.folder.write(&secret)?;
        let decisions = db.decisions();
        for hash in &before {
            state.forget(hash);
            decisions.write(Decision::RevokedToken(hex::encode(hash)));
        }
        state.tokens.push(token);
        drop(state);
        tracing::info!(token = row.name, replaced = before.len(), "admin token replaced; the old one is revoked");
        let (name, at_ms) = (row.name.clone(), now.millis());
        decisions.write(Decision::AdminToken(self.scope.clone(), row));
        let (who, action, outcome) = (who.to_owned(), "tokens/replace".to_owned(), "ok".to_owned());
        decisions.write(Decision::Audit(AuditRow { at_ms, who, action, detail: name, outcome, ..AuditRow::default() }));
        Ok(())
    }
}

/// Returns the folder's id, which is created if it is missing.
fn own_id(path: &Path) -> Result<String, AuthError> {
    if let Some(id) = read(path)?.filter(|id| hex::decode_array::<ID_BYTES>(id).is_some()) {
        return Ok(id);
    }
    let mut bytes = [0; ID_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| AuthError::Random(error.to_string()))?;
    let id = hex::encode(&bytes);
    write(path, &id)?;
    Ok(id)
}

/// Returns the line of a file; `None` if there is no file.
fn read(path: &Path) -> Result<Option<String>, AuthError> {
    match files::read_text(path, Links::Follow, FILE_MAX) {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        // A file that is not text contains no token.
        Err(error) if matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::FileTooLarge) => {
            Ok(Some(String::new()))
        }
        Err(source) => Err(AuthError::File { path: path.to_owned(), source }),
    }
}

fn write(path: &Path, line: &str) -> Result<(), AuthError> {
    store::private_file::replace(path, format!("{line}\n").as_bytes())
        .map_err(|source| AuthError::File { path: path.to_owned(), source })
}

fn hashed(secret: &str) -> Option<String> {
    hash(secret).map(|hash| hex::encode(&hash))
}
