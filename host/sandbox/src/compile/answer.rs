//! Protocol between the host and the compiler process. A request is a [`Request`] followed by the module until the end
//! of input; an answer is an authentication code over the rest, a kind byte, and then native code or an error text.

use crate::fault::{LoadError, sanitize};
use crate::native::{Authentic, LENGTH, Secret};
use crate::settings::Compile;

/// Length of a request before the module, in bytes.
pub(super) const REQUEST: usize = LENGTH + 16;
/// Offset of an answer's content.
const CONTENT: usize = LENGTH + 1;

const NATIVE: u8 = 0;
const INVALID: u8 = 1;
const CONTRACT: u8 = 2;
const MEMORY: u8 = 3;

/// The header before the module.
pub(super) struct Request {
    /// Authenticates the answer, and ties it to this request.
    pub(super) secret: Secret,
    pub(super) processor_s: u64,
    pub(super) memory_max: u64,
}

impl Request {
    pub(super) const fn new(secret: Secret, limits: &Compile) -> Self {
        Self { secret, processor_s: limits.processor_s, memory_max: limits.memory_max }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let numbers = [self.processor_s.to_le_bytes(), self.memory_max.to_le_bytes()];
        [self.secret.bytes().as_slice(), numbers.as_flattened()].concat()
    }

    pub(super) fn read(bytes: &[u8; REQUEST]) -> Option<Self> {
        let (secret, rest) = bytes.split_first_chunk()?;
        let (processor, rest) = rest.split_first_chunk()?;
        let memory = rest.first_chunk()?;
        Some(Self {
            secret: Secret::new(*secret),
            processor_s: u64::from_le_bytes(*processor),
            memory_max: u64::from_le_bytes(*memory),
        })
    }
}

/// Encodes an answer.
pub(super) fn write(secret: &Secret, hash: &[u8; LENGTH], outcome: Result<Vec<u8>, LoadError>) -> Vec<u8> {
    let (kind, content) = match outcome {
        Ok(native) => (NATIVE, native),
        Err(LoadError::Contract(words)) => (CONTRACT, words.into_bytes()),
        Err(LoadError::CompileMemory { .. }) => (MEMORY, Vec::new()),
        Err(LoadError::Invalid(words)) => (INVALID, words.into_bytes()),
        Err(other) => (INVALID, other.to_string().into_bytes()),
    };
    let content = [&[kind], content.as_slice()].concat();
    let code = secret.code(hash, &content);
    [code.as_slice(), &content].concat()
}

/// Decodes an answer about the module with this hash.
pub(super) fn read(
    secret: &Secret,
    hash: &[u8; LENGTH],
    limits: &Compile,
    bytes: Vec<u8>,
) -> Result<Authentic, LoadError> {
    let broken = || LoadError::CompileCrash(format!("its answer of {} bytes is not valid", bytes.len()));
    let code: [u8; LENGTH] = bytes.first_chunk().copied().ok_or_else(broken)?;
    let kind = bytes.get(LENGTH).copied().ok_or_else(broken)?;
    let broken = broken();
    let answer = Authentic::check(secret, &code, hash, bytes, LENGTH, CONTENT).ok_or(broken)?;
    let text = || sanitize(&String::from_utf8_lossy(answer.code()));
    match kind {
        NATIVE => Ok(answer),
        INVALID => Err(LoadError::Invalid(text())),
        CONTRACT => Err(LoadError::Contract(text())),
        MEMORY => Err(LoadError::CompileMemory { limit: limits.memory_max }),
        other => Err(LoadError::CompileCrash(format!("its answer has the unknown kind {other}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_only_with_the_secret_of_its_request() {
        let limits = Compile::default();
        let request = Request::new(Secret::new([7; LENGTH]), &limits);
        let bytes: [u8; REQUEST] = request.to_bytes().try_into().unwrap();
        let secret = Request::read(&bytes).unwrap().secret;
        let hash = [1; LENGTH];
        let read =
            |bytes: &[u8]| read(&request.secret, &hash, &limits, bytes.to_vec()).map(|found| found.code().to_vec());
        let good = write(&secret, &hash, Ok(b"native".to_vec()));
        assert_eq!(read(&good), Ok(b"native".to_vec()));
        let errors = [
            LoadError::Invalid("bad".into()),
            LoadError::Contract("other".into()),
            LoadError::CompileMemory { limit: limits.memory_max },
        ];
        for error in errors {
            assert_eq!(read(&write(&secret, &hash, Err(error.clone()))), Err(error));
        }
        let broken = |bytes: &[u8]| matches!(read(bytes), Err(LoadError::CompileCrash(_)));
        assert!((0..good.len()).all(|end| broken(&good[..end])), "cut off");
        assert!(broken(&write(&Secret::new([8; LENGTH]), &hash, Ok(Vec::new()))), "made with another secret");
        assert!(broken(&write(&secret, &[2; LENGTH], Ok(Vec::new()))), "about another module");
    }
}
