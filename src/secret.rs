//! Which names stand for something secret: a parameter, a header field or a setting of that name is shown without its
//! value, wherever it is shown.

/// Parts of such names, in lower case. `auth` covers `Authorization`, `key` covers `X-Api-Key`, `passw` both spellings.
const PARTS: [&str; 9] = ["auth", "cookie", "credential", "key", "passw", "pwd", "secret", "session", "token"];

/// Whether what has this name is a secret. Upper and lower case are the same; better one too many than one too few.
pub fn is_secret(name: &str) -> bool {
    let name = name.as_bytes();
    (0..name.len()).any(|start| {
        let rest = &name[start..];
        PARTS.iter().any(|part| rest.len() >= part.len() && rest[..part.len()].eq_ignore_ascii_case(part.as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for name in [
            "Authorization",
            "proxy-authorization",
            "Cookie",
            "Set-Cookie",
            "X-Api-Key",
            "API_KEY",
            "apikey",
            "password",
            "PASSWD",
            "pwd",
            "client_secret",
            "session",
            "JSESSIONID",
            "access_token",
            "X-Amz-Credential",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["", "number", "Host", "User-Agent", "Accept", "X-Forwarded-For", "pass", "toke"] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
