//! The origin of a request. Forwarding headers are used only from proxies on this machine and those in
//! `api.trusted_proxies`.

use crate::state::AppState;
use axum::http::{Extensions, HeaderMap};
use std::net::IpAddr;
use std::sync::Arc;

/// The other end of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Returns the other end of the connection; `None` if there is no connection.
pub(crate) fn peer(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<Peer>().map(|peer| peer.0.to_canonical())
}

/// Returns true if the forwarding headers of this peer are trusted.
pub(crate) fn is_trusted(app: &AppState, peer: Option<IpAddr>) -> bool {
    peer.is_some_and(|peer| peer.is_loopback() || app.trusted_proxies.contains(&peer))
}

/// Returns the origin of a request for the audit: an address, or the caller's and the proxy's addresses if a trusted
/// proxy names its caller.
pub(crate) fn origin(app: &AppState, extensions: &Extensions, headers: &HeaderMap) -> Arc<str> {
    let Some(peer) = peer(extensions) else { return "".into() };
    let behind = if is_trusted(app, Some(peer)) { last_forwarded(headers) } else { None };
    behind.map_or_else(|| peer.to_string(), |caller| format!("{caller} by {peer}")).into()
}

/// Returns the last address of `X-Forwarded-For`: the one that the nearest proxy has added. The caller can choose the
/// others.
fn last_forwarded(headers: &HeaderMap) -> Option<IpAddr> {
    let mut all = headers.get_all("x-forwarded-for").iter().filter_map(|line| line.to_str().ok());
    all.next_back()?.rsplit(',').next()?.trim().parse().ok()
}
