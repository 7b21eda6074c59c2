//! Takes the secrets out of URLs before they reach a log or a message.

/// The URL with its password, or all its user information when it cannot be told apart, replaced by `***`.
pub fn redact(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    // A password may hold an unescaped `/`: the last `@` of the whole text bounds what may be secret.
    let at = rest.rfind('@').filter(|at| *at < end || rest[..*at].contains(':'));
    let shown = match at {
        Some(at) => match rest[..at].split_once(':') {
            Some((user, _)) => format!("{scheme}://{user}:***@{}", &rest[at + 1..]),
            None => format!("{scheme}://***@{}", &rest[at + 1..]),
        },
        None => url.to_owned(),
    };
    match shown.split_once("password=") {
        Some((before, after)) => {
            let tail = after.find('&').map_or("", |at| &after[at..]);
            format!("{before}password=***{tail}")
        }
        None => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::redact;

    #[test]
    fn no_password_survives() {
        for (url, shown) in [
            ("amqp://user:secret@host:5672/vhost", "amqp://user:***@host:5672/vhost"),
            ("amqp://secret@host/", "amqp://***@host/"),
            ("postgres://u:p@ss/word@host/db", "postgres://u:***@host/db"),
            ("postgres://host/db?user=u&password=secret&x=1", "postgres://host/db?user=u&password=***&x=1"),
            ("sqlite:///var/lib/x.db", "sqlite:///var/lib/x.db"),
            ("amqp://127.0.0.1:5672", "amqp://127.0.0.1:5672"),
        ] {
            assert_eq!(redact(url), shown);
        }
    }
}
