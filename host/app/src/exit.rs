//! Exit codes of commands (docs/cli.md).

use api::client::HostError;

/// Unhealthy, refused, or failed in another way.
pub(crate) const UNHEALTHY: u8 = 1;
/// No host is running.
pub(crate) const NOT_RUNNING: u8 = 2;
/// The host does not answer, or refuses the token.
pub(crate) const UNREACHABLE: u8 = 3;
/// Invalid command line: EX_USAGE of sysexits, because 2 means that no host is running.
pub(crate) const USAGE: u8 = 64;

/// Returns the code of an error.
pub(crate) fn code_of(error: &anyhow::Error) -> u8 {
    let host = error.chain().find_map(|cause| cause.downcast_ref::<HostError>());
    match host {
        Some(HostError::NotRunning { .. }) => NOT_RUNNING,
        Some(HostError::Unreachable { .. } | HostError::TokenRefused { .. }) => UNREACHABLE,
        Some(HostError::Refused { .. }) | None => UNHEALTHY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn an_error_of_the_host_has_its_code_also_below_a_context() {
        let absent = || HostError::NotRunning { folder: "d".into() };
        assert_eq!(code_of(&absent().into()), NOT_RUNNING);
        let wrapped = Err::<(), _>(absent()).context("listing the orders");
        assert_eq!(wrapped.err().map(|error| code_of(&error)), Some(NOT_RUNNING));
        let refused = HostError::TokenRefused { detail: String::new() };
        assert_eq!(code_of(&refused.into()), UNREACHABLE);
        assert_eq!(code_of(&anyhow::anyhow!("no")), UNHEALTHY);
    }
}
