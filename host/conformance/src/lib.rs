//! Conformance tests against the venue's official client. The library is empty: see `tests/`.
