//! Work that logs in: the cluster knows a right name and password, and tells them in a file. They are read for each run and go to the
//! generator alone; plan, manifest and runs keep the word `{login}`.

use std::fs;

use anyhow::Context;

use crate::cluster::contract::ClusterAnswer;
use crate::results::work::WeightedRequest;

/// Stands in a body for that of a login.
const LOGIN: &str = "{login}";

/// The requests, with the body of a login in its place.
///
/// # Errors
/// When the work logs in, and the cluster names no file with a login, or one that cannot be read.
pub fn filled(mut work: Vec<WeightedRequest>, cluster: &ClusterAnswer) -> anyhow::Result<Vec<WeightedRequest>> {
    for body in work.iter_mut().filter_map(|request| request.body.as_mut()).filter(|body| body.contains(LOGIN)) {
        let file = cluster.login.as_ref().with_context(|| {
            format!("the work says {LOGIN}, but nobody can log in there: give the arm's up --login 19456:2")
        })?;
        let login = fs::read_to_string(file).with_context(|| format!("cannot read the login in {file}"))?;
        *body = body.replace(LOGIN, login.trim());
    }
    Ok(work)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(login: &str) -> ClusterAnswer {
        serde_json::from_str(&format!(r#"{{"target":"http://h:1","nodes":[]{login}}}"#)).unwrap()
    }

    #[test]
    fn a_login_is_read_where_the_cluster_says() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "name=a&password=hunter2\n").unwrap();
        let post = WeightedRequest {
            method: "POST".to_owned(),
            body: Some(LOGIN.to_owned()),
            ..WeightedRequest::get(1, "/login")
        };
        let work = vec![post, WeightedRequest::get(1, "/whoami")];
        let known = cluster(&format!(r#","login":"{}""#, file.path().display()));
        let done = filled(work.clone(), &known).unwrap();
        assert_eq!((done[0].body.as_deref(), done[1].body.as_deref()), (Some("name=a&password=hunter2"), None));
        assert!(filled(work.clone(), &cluster("")).unwrap_err().to_string().contains("--login 19456:2"));
        assert!(filled(work.clone(), &cluster(r#","login":"/nowhere""#)).unwrap_err().to_string().contains("/nowhere"));
        assert_eq!(filled(work[1..].to_vec(), &cluster("")).unwrap(), work[1..]);
    }
}
