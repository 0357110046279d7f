//! Loading of a module's bytes, early or when it is due.

use super::file::Hash;
use crate::module::Sandbox;
use crate::supervisor::loading::{Early, Outcome};
use sha2::{Digest, Sha256};

/// Loads a module, unless it is the last loaded one, or the early load already did.
pub(super) fn load(sandbox: &Sandbox, bytes: &[u8], loaded: Option<Hash>, early: Option<Early>) -> Outcome {
    let hash = Hash::from(Sha256::digest(bytes));
    match early {
        Some(early) if early.hash == hash => *early.outcome,
        _ => outcome_of(sandbox, bytes, hash, loaded),
    }
}

/// Loads a module that may still be incomplete. A failure that more bytes may resolve is discarded.
pub(super) fn load_early(sandbox: &Sandbox, bytes: &[u8], loaded: Option<Hash>) -> Outcome {
    let hash = Hash::from(Sha256::digest(bytes));
    match outcome_of(sandbox, bytes, hash, loaded) {
        Outcome::Failed { may_pass: true, .. } => Outcome::Early(None),
        outcome => Outcome::Early(Some(Early { hash, outcome: Box::new(outcome) })),
    }
}

fn outcome_of(sandbox: &Sandbox, bytes: &[u8], hash: Hash, loaded: Option<Hash>) -> Outcome {
    if loaded == Some(hash) {
        return Outcome::Same;
    }
    match sandbox.load_hashed(bytes, hash) {
        Ok(module) => Outcome::Loaded(module),
        Err(error) => {
            // More bytes or another attempt may help.
            let may_pass = error.may_be_unfinished() || error.is_of_the_machine();
            Outcome::Failed { error: error.to_string(), may_pass }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::Compiler;
    use crate::settings::Settings;

    #[test]
    fn what_was_loaded_early_is_used_only_for_the_same_bytes() {
        let sandbox = Sandbox::new(Settings::default(), Compiler::Inline).unwrap();
        let early = |bytes: &[u8]| {
            let outcome = Outcome::Failed { error: "loaded early".to_owned(), may_pass: false };
            Some(Early { hash: Sha256::digest(bytes).into(), outcome: Box::new(outcome) })
        };
        let error = |outcome| match outcome {
            Outcome::Failed { error, .. } => error,
            other => panic!("{other:?}"),
        };
        assert_eq!(error(load(&sandbox, b"this", None, early(b"this"))), "loaded early");
        assert_ne!(error(load(&sandbox, b"this", None, early(b"that"))), "loaded early");
        assert_ne!(error(load(&sandbox, b"this", None, None)), "loaded early");
        // A failure of a file that may be incomplete is discarded.
        assert!(matches!(load_early(&sandbox, b"\0asm", None), Outcome::Early(None)));
    }
}
