//! The address of a database. It may have a password, so it is never shown as it is: not by us, and not by the driver, which logs each
//! parameter that it does not know with its value.

use url::Url;

/// What stands for what is hidden.
const HIDDEN: &str = "***";
/// The parameters that the driver knows and that are no secrets.
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
/// The parameters that the driver knows and that may have a secret.
const HIDING: [&str; 3] = ["options", "password", "user"];
/// The words of `sslmode`; the driver repeats others.
const SSL_MODES: [&str; 6] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];

/// Returns the address for people: everything is hidden that is a secret, or could be one where the address is no address.
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

/// Returns whether others than the owner of this process must not see the address.
pub fn is_secret(address: &str) -> bool {
    shown(address).contains(HIDDEN)
}

/// Refuses the address of a server that does not mean what it seems to, or that the driver would repeat in part.
///
/// # Errors
/// What is wrong with it, without the address.
pub fn check(address: &str) -> Result<(), String> {
    if address.is_empty() || address.starts_with("sqlite:") {
        return Ok(());
    }
    let url = parse(address)?;
    for (name, value) in url.query_pairs() {
        let named = name.strip_prefix("options[").and_then(|name| name.strip_suffix(']'));
        if !SHOWN.contains(&&*name) && !HIDING.contains(&&*name) && named.is_none() {
            return Err(format!(
                "it has a parameter that is not known, whose name and value are not repeated here; there are {} and {}",
                SHOWN.join(", "),
                HIDING.join(", ")
            ));
        }
        if matches!(&*name, "sslmode" | "ssl-mode") && !SSL_MODES.contains(&&*value) {
            return Err(format!("sslmode takes {}", SSL_MODES.join(", ")));
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
    // What seems to be a path or a query would be the rest of a password, and the host a part of it.
    if rest.get(authority..).is_some_and(|behind| behind.contains(['@', '#'])) {
        return Err(format!(
            "an @ or # stands behind its host; in a user, a password or a parameter write / ? # @ as %2F %3F %23 %40; {write}"
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
            let said = check(address).err().unwrap_or_default();
            assert!(!said.contains("hunter2"), "{said}");
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
            ("postgres://me:a/b@h/d", "behind its host"),
            ("postgres://h/d#a", "behind its host"),
            ("postgres://h/d?sslpassword=x", "is not known"),
            ("postgres://h/d?sslmode=on", "sslmode takes"),
            ("postgres://h:99999/d", "port"),
            ("mysql://h/d", "write postgres://"),
        ] {
            let said = check(bad).unwrap_err();
            assert!(said.contains(reason), "{bad}: {said}");
        }
    }
}
