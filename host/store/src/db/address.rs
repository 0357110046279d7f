//! The address of a database. It may contain a password, so it is never shown in full: neither by us, nor by the
//! driver, which logs each parameter that it does not know with its value.

use url::Url;

/// The replacement of hidden parts.
const HIDDEN: &str = "***";
/// The parameters that the driver knows and that are not secret.
const SHOWN: [&str; 15] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "port",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-mode",
    "ssl-root-cert",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
];
/// The parameters that the driver knows and that may contain a secret.
const HIDING: [&str; 3] = ["options", "password", "user"];
/// The values of `sslmode`; the driver logs any other.
const SSL_MODES: [&str; 6] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];

/// Returns the address for display: secrets are hidden, and so is anything that could be one in an invalid address.
pub fn shown(address: &str) -> String {
    if address.is_empty() || address.strip_prefix("sqlite:").is_some_and(|file| !file.contains('?')) {
        return address.to_owned();
    }
    match parse(address) {
        Ok(url) => shown_parts(&url),
        Err(_) => {
            let scheme =
                ["sqlite:", "postgres://", "postgresql://"].into_iter().find(|scheme| address.starts_with(scheme));
            format!("{}{HIDDEN}", scheme.unwrap_or_default())
        }
    }
}

fn shown_parts(url: &Url) -> String {
    let user = match (url.username(), url.password()) {
        ("", None) => String::new(),
        (user, None) => format!("{user}@"),
        (user, Some(_)) => format!("{user}:{HIDDEN}@"),
    };
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let parameter = |(name, value): (std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)| match &*name {
        name if SHOWN.contains(&name) => format!("{name}={value}"),
        name if HIDING.contains(&name) => format!("{name}={HIDDEN}"),
        _ => HIDDEN.to_owned(),
    };
    let parameters: Vec<String> = url.query_pairs().map(parameter).collect();
    let query = if parameters.is_empty() { String::new() } else { format!("?{}", parameters.join("&")) };
    format!("{}://{user}{}{port}{}{query}", url.scheme(), url.host_str().unwrap_or_default(), url.path())
}

/// Returns true if the address must be visible only to the owner of this process.
pub fn is_secret(address: &str) -> bool {
    shown(address).contains(HIDDEN)
}

/// Refuses a server address that is ambiguous, or that the driver would log in part.
///
/// # Errors
/// The problem, without the address.
pub fn check(address: &str) -> Result<(), String> {
    if address.is_empty() || address.starts_with("sqlite:") {
        return Ok(());
    }
    let url = parse(address)?;
    for (name, value) in url.query_pairs() {
        let named = name.strip_prefix("options[").and_then(|name| name.strip_suffix(']'));
        if !SHOWN.contains(&&*name) && !HIDING.contains(&&*name) && named.is_none() {
            return Err(format!(
                "it has an unknown parameter, whose name and value are not shown; expected {} or {}",
                SHOWN.join(", "),
                HIDING.join(", ")
            ));
        }
        if matches!(&*name, "sslmode" | "ssl-mode") && !SSL_MODES.contains(&&*value) {
            return Err(format!("sslmode must be one of {}", SSL_MODES.join(", ")));
        }
    }
    Ok(())
}

/// Parses the address of a server.
fn parse(address: &str) -> Result<Url, String> {
    let write = "write postgres://USER@HOST/NAME";
    let rest = ["postgres://", "postgresql://"].into_iter().find_map(|scheme| address.strip_prefix(scheme));
    let rest = rest.ok_or_else(|| write.to_owned())?;
    let authority = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    // An apparent path or query would be the rest of a password, and the host a part of it.
    if rest.get(authority..).is_some_and(|behind| behind.contains(['@', '#'])) {
        return Err(format!(
            "@ or # after its host; in a user, a password or a parameter write / ? # @ as %2F %3F %23 %40; {write}"
        ));
    }
    Url::parse(address).map_err(|error| format!("{error}; {write}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_spelling_shows_a_password() {
        for (address, expected) in [
            ("", ""),
            ("sqlite:/srv/a.sqlite", "sqlite:/srv/a.sqlite"),
            ("sqlite:/srv/a?key=hunter2", "sqlite:***"),
            ("postgres://me@h:5432/d", "postgres://me@h:5432/d"),
            ("postgres://me:hunter2@h/d", "postgres://me:***@h/d"),
            ("postgres://me:hunter2%2Fx@h/d", "postgres://me:***@h/d"),
            ("postgres://me:se@cr:hunter2@h:5432/d", "postgres://me:***@h:5432/d"),
            ("postgres://:hunter2@h/d", "postgres://:***@h/d"),
            ("postgresql://h/d?user=me&password=hunter2", "postgresql://h/d?user=***&password=***"),
            ("postgres://h/d?sslmode=require&sslpassword=hunter2", "postgres://h/d?sslmode=require&***"),
            ("postgres://h/d?hunter2", "postgres://h/d?***"),
            ("postgres://h/d?options=-c%20a%3Dhunter2", "postgres://h/d?options=***"),
            ("postgres://h/d?options[a]=hunter2", "postgres://h/d?***"),
            ("postgres://h/d?PASSWORD=hunter2", "postgres://h/d?***"),
            ("postgres://h/d?pass%77ord=hunter2", "postgres://h/d?password=***"),
            // Characters that end the host or the path.
            ("postgres://me:hunter2/secret@h/d", "postgres://***"),
            ("postgres://me:1234/hunter2@h/d", "postgres://***"),
            ("postgres://me:1234?hunter2@h/d", "postgres://***"),
            ("postgres://me:1234#hunter2@h/d", "postgres://***"),
            ("postgres://h/d?password=a@hunter2", "postgres://***"),
            ("postgres://h/d#hunter2", "postgres://***"),
            // Other forms.
            ("host=h user=me password=hunter2", "***"),
            ("POSTGRES://me:hunter2@h/d", "***"),
            ("mysql://me:hunter2@h/d", "***"),
            ("hunter2", "***"),
        ] {
            assert_eq!(shown(address), expected, "{address}");
            assert_eq!(is_secret(address), address != expected, "{address}");
            let message = check(address).err().unwrap_or_default();
            assert!(!message.contains("hunter2"), "{message}");
        }
    }

    #[test]
    fn an_address_that_the_driver_would_misunderstand_or_repeat_is_refused() {
        for good in [
            "postgres://me@h/d",
            "postgres://me:p%40ss@[::1]:5432/d?sslmode=verify-full&sslrootcert=/a.pem",
            "postgres://postgres@localhost/postgres?host=/tmp/socket",
            "postgres://h/d?user=me&password=x&options[lock_timeout]=9s&application_name=a",
            "sqlite:/srv/a.sqlite",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for (bad, reason) in [
            ("postgres://me:a/b@h/d", "after its host"),
            ("postgres://h/d#a", "after its host"),
            ("postgres://h/d?sslpassword=x", "unknown parameter"),
            ("postgres://h/d?sslmode=on", "sslmode must be one of"),
            ("postgres://h:99999/d", "port"),
            ("mysql://h/d", "write postgres://"),
        ] {
            let message = check(bad).unwrap_err();
            assert!(message.contains(reason), "{bad}: {message}");
        }
    }
}
