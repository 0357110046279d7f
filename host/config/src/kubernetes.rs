//! Environment variables that Kubernetes sets in each pod for every service of its namespace. A service named
//! `polytrader` or `polytrader-…` makes them look like this program's own.

use std::net::IpAddr;

/// Protocols of service ports.
const PROTOCOLS: [&str; 3] = ["TCP", "UDP", "SCTP"];

/// Returns true if a variable has a name and value that Kubernetes generates: `NAME_SERVICE_HOST`, `NAME_SERVICE_PORT`,
/// `NAME_SERVICE_PORT_WORD`, `NAME_PORT`, and `NAME_PORT_80_TCP` with `_PROTO`, `_PORT` and `_ADDR`.
pub(super) fn made(name: &str, value: &str) -> bool {
    let is_port = || value.parse::<u16>().is_ok();
    let is_ip = || value.parse::<IpAddr>().is_ok();
    if name.ends_with("_SERVICE_HOST") {
        return is_ip();
    }
    if name.ends_with("_SERVICE_PORT") || name.contains("_SERVICE_PORT_") {
        return is_port();
    }
    let of_port = name.rsplit_once("_PORT_").map(|(_, rest)| rest.split('_').collect::<Vec<_>>());
    match of_port.as_deref() {
        Some([port, protocol]) if is_one(port, protocol) => is_link(value),
        Some([port, protocol, "PROTO"]) if is_one(port, protocol) => value.eq_ignore_ascii_case(protocol),
        Some([port, protocol, "ADDR"]) if is_one(port, protocol) => is_ip(),
        // `NAME_PORT_80_TCP_PORT` ends like `NAME_PORT`.
        Some([port, protocol, "PORT"]) if is_one(port, protocol) => is_port(),
        _ => name.ends_with("_PORT") && is_link(value),
    }
}

fn is_one(port: &str, protocol: &str) -> bool {
    port.parse::<u16>().is_ok() && PROTOCOLS.contains(&protocol)
}

/// Returns true if a value has the form `tcp://10.0.0.7:8000`.
fn is_link(value: &str) -> bool {
    let Some((protocol, address)) = value.split_once("://") else { return false };
    PROTOCOLS.iter().any(|known| known.eq_ignore_ascii_case(protocol))
        && address.rsplit_once(':').is_some_and(|(ip, port)| {
            port.parse::<u16>().is_ok() && ip.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_kubernetes_by_its_name_and_its_value() {
        for (name, value) in [
            ("POLYTRADER_PORT", "tcp://10.0.0.7:8000"),
            ("POLYTRADER_PORT", "udp://[fd00::7]:53"),
            ("POLYTRADER_SERVICE_HOST", "10.0.0.7"),
            ("POLYTRADER_SERVICE_HOST", "fd00::7"),
            ("POLYTRADER_SERVICE_PORT", "8000"),
            ("POLYTRADER_SERVICE_PORT_HTTP", "8000"),
            ("POLYTRADER_SERVICE_PORT_HTTP_ALT", "8000"),
            ("POLYTRADER_PORT_8000_TCP", "tcp://10.0.0.7:8000"),
            ("POLYTRADER_PORT_8000_TCP_PROTO", "tcp"),
            ("POLYTRADER_PORT_8000_TCP_PORT", "8000"),
            ("POLYTRADER_PORT_8000_TCP_ADDR", "10.0.0.7"),
            ("POLYTRADER_API_SERVICE_HOST", "10.0.0.7"),
            ("POLYTRADER_API_PORT_53_UDP_ADDR", "10.0.0.7"),
        ] {
            assert!(made(name, value), "{name}={value}");
        }
        for (name, value) in [
            ("POLYTRADER_PORT", "8000"),
            ("POLYTRADER_PORT", "http://10.0.0.7:8000"),
            ("POLYTRADER_PORT", "tcp://host:8000"),
            ("POLYTRADER_SERVICE_HOST", "polytrader.example.com"),
            ("POLYTRADER_SERVICE_PORT", "70000"),
            ("POLYTRADER_SERVICE_PORT_HTTP", "http"),
            ("POLYTRADER_PORT_8000_TCP_PROTO", "udp"),
            ("POLYTRADER_PORT_8000_HTTP", "tcp://10.0.0.7:8000"),
            ("POLYTRADER_PORT_8000_TCP_SIZE", "1"),
            ("POLYTRADER_MAX_MARKT_USD", "5"),
            ("POLYTRADER_API_LISTN", "10.0.0.7"),
        ] {
            assert!(!made(name, value), "{name}={value}");
        }
    }
}
