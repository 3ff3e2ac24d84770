//! What must never be shown.

use crate::login::{log_in, users_file};
use crate::store_support::{Kind, PASSWORD, StoreServer};
use crate::{KEY, USER_PASSWORD, cookie, node_with, seed, send};

/// Known passwords, keys, tokens and cookies are searched in everything that the node tells anybody.
pub fn nothing_secret_is_told(kind: Kind) {
    let server = StoreServer::start(kind);
    seed(&server.url(), "100");
    let folder = tempfile::tempdir().unwrap();
    let users = users_file(&folder);
    let hash = std::fs::read_to_string(&users).unwrap().trim().rsplit('$').next().unwrap().to_owned();
    let key = folder.path().join("key");
    std::fs::write(&key, KEY).unwrap();
    let mut secrets = vec![PASSWORD.to_owned(), USER_PASSWORD.to_owned(), KEY.to_owned(), hash];
    for sessions in ["store", "token"] {
        let flags =
            ["--access-log", "--log-level", "debug", "--users", &users, "--sessions", sessions, "--token-key-file"];
        let node = node_with(&server.url(), &[&flags[..], &[key.to_str().unwrap()]].concat());
        let welcome = log_in(&node, "", "ana", USER_PASSWORD);
        let jar = cookie(&welcome).unwrap();
        secrets.push(jar.trim_end().strip_prefix("Cookie: session=").unwrap().to_owned());
        let wrong = log_in(&node, &jar, "ana", "Stoat-Password-9913");
        secrets.push("Stoat-Password-9913".to_owned());
        let mut told = vec![wrong.text(), welcome.text()];
        for target in
            ["/session", "/whoami", "/stats", "/metrics", "/cluster", "/item?id=1", "/readyz", "/nowhere", "/item?id=x"]
        {
            let answer = node.get_with(target, &jar);
            let fields = answer.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("set-cookie"));
            told.push(format!("{target}: {fields:?} {}", answer.text(), fields = fields.collect::<Vec<_>>()));
        }
        told.push(send(&node, "POST", "/login", &jar, &format!("name=ana&password={USER_PASSWORD}&x=1")).text());
        told.push(send(&node, "POST", "/logout", &jar, "").text());
        let process = format!("/proc/{}", node.child.id());
        told.push(std::fs::read_to_string(format!("{process}/cmdline")).unwrap());
        let limits = std::fs::read_to_string(format!("{process}/limits")).unwrap();
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
        told.push(node.log());
        told.push(server.log());
        for text in &told {
            for secret in &secrets {
                assert!(!text.contains(secret), "{secret} in {text}");
            }
        }
        assert!(node.log().contains("POST /login"), "{}", node.log());
    }
}
