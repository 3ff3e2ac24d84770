//! `GET /`: the live page, embedded in the binary. No framework, no build step, no request to anywhere else.
//!
//! The files under `assets/` are served as they are, below `/assets/BUNDLE/`, where `BUNDLE` is a hash over all of
//! them: a browser keeps them for good, and a new binary has new names. Only the page itself is asked for anew.

use std::sync::{Arc, LazyLock};

use crate::design;
use crate::http::{Body, Problem, Reply, Request, Response};

use super::Inner;
use super::fnv;
use super::format::Format;

/// One file of the page.
#[derive(Clone, Copy, Debug)]
pub struct Asset {
    /// Its name, without a folder.
    pub name: &'static str,
    /// Value of `Content-Type`.
    pub content_type: &'static str,
    /// Its bytes.
    pub body: &'static [u8],
}

const SCRIPT: &str = "text/javascript; charset=utf-8";

const STYLE: &str = "text/css; charset=utf-8";

macro_rules! asset {
    ($name:literal, $content_type:expr) => {
        Asset { name: $name, content_type: $content_type, body: include_bytes!(concat!("assets/", $name)) }
    };
}

const INDEX: &str = include_str!("assets/index.html");

/// All files but the page itself.
pub const ASSETS: &[Asset] = &[
    Asset { name: "base.css", content_type: STYLE, body: design::BASE.as_bytes() },
    asset!("style.css", STYLE),
    asset!("icon.svg", "image/svg+xml"),
    asset!("main.js", SCRIPT),
    asset!("add.js", SCRIPT),
    asset!("cache.js", SCRIPT),
    asset!("chart.js", SCRIPT),
    asset!("cluster.js", SCRIPT),
    asset!("dom.js", SCRIPT),
    asset!("feed.js", SCRIPT),
    asset!("format.js", SCRIPT),
    asset!("hero.js", SCRIPT),
    asset!("lab.js", SCRIPT),
    asset!("load.js", SCRIPT),
    asset!("model.js", SCRIPT),
    asset!("node.js", SCRIPT),
    asset!("pool.js", SCRIPT),
    asset!("resources.js", SCRIPT),
    asset!("scaling.js", SCRIPT),
    asset!("store.js", SCRIPT),
    asset!("words.js", SCRIPT),
];

/// Fields of every answer that a browser may show.
///
/// The policy names what is used and nothing else: no inline script or style, no frame around it, no other host,
/// and no way from a string to markup (trusted types).
pub const HEADERS: &[(&str, &str)] = &[
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
];

/// The folder under which the files are served: `/assets/`.
pub const FOLDER: &str = "/assets/";

/// What is worked out once: the name of the bundle, and the page that names it.
struct Bundle {
    name: String,
    /// An entity tag that holds for the page and for every file of this bundle.
    tag: String,
    index: Arc<[u8]>,
}

static BUNDLE: LazyLock<Bundle> = LazyLock::new(|| {
    let files = ASSETS.iter().flat_map(|asset| [asset.name.as_bytes(), asset.body]);
    let name = format!("{:016x}", fnv::hash(files.chain([INDEX.as_bytes()])));
    let index = INDEX.replace("BUNDLE", &name).into_bytes().into();
    Bundle { tag: format!("\"{name}\""), name, index }
});

/// `GET /`.
pub(super) fn handle(_app: &Arc<Inner>, request: &Request<'_>, _format: Format) -> Result<Reply, Problem> {
    Ok(Reply::Now(index(request)))
}

/// `GET /assets/BUNDLE/NAME`.
pub(super) fn handle_asset(_app: &Arc<Inner>, request: &Request<'_>, _format: Format) -> Result<Reply, Problem> {
    asset(request).map(Reply::Now).ok_or_else(|| Problem::new(404, "no such file of the page"))
}

/// The page.
pub fn index(request: &Request<'_>) -> Response {
    let body = Body::Shared(BUNDLE.index.clone());
    // What is at this address depends on the client's wish, so a cache must keep both apart.
    answer(request, "text/html; charset=utf-8", body, "no-cache").header("Vary", "Accept")
}

/// Whether the path names a file of the page.
pub fn is_asset(path: &str) -> bool {
    path.starts_with(FOLDER)
}

/// The file that the path names, of whatever bundle: `/assets/BUNDLE/main.js`. `None` when there is no such file.
///
/// During a rolling update the page of one version may fetch its files from a node of another. It gets that node's,
/// but may not keep them under the wrong name.
pub fn asset(request: &Request<'_>) -> Option<Response> {
    let (bundle, name) = request.path.strip_prefix(FOLDER)?.split_once('/')?;
    let asset = ASSETS.iter().find(|asset| asset.name == name)?;
    let keep = if bundle == BUNDLE.name { "public, max-age=31536000, immutable" } else { "no-cache" };
    Some(answer(request, asset.content_type, Body::Static(asset.body), keep))
}

fn answer(request: &Request<'_>, content_type: &'static str, body: Body, keep: &'static str) -> Response {
    let mut response = if request.has(&BUNDLE.tag) {
        Response::new(304, "", Body::Static(b""))
    } else {
        Response::new(200, content_type, body)
    };
    for (name, value) in HEADERS {
        response = response.header(name, *value);
    }
    response.header("ETag", BUNDLE.tag.as_str()).header("Cache-Control", keep)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Method;
    use crate::stats::Resource;

    fn get<'a>(path: &'a str, headers: &'a [httparse::Header<'a>]) -> Request<'a> {
        Request { method: Method::Get, path, query: "", headers, peer: ([127, 0, 0, 1], 1).into() }
    }

    fn field<'a>(response: &'a Response, name: &str) -> &'a str {
        response.headers.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value)
    }

    fn files() -> impl Iterator<Item = (&'static str, &'static str)> {
        ASSETS.iter().map(|asset| (asset.name, std::str::from_utf8(asset.body).unwrap())).chain([("index.html", INDEX)])
    }

    #[test]
    fn every_resource_has_its_words_and_its_colour() {
        let text = |name: &str| files().find(|(file, _)| *file == name).unwrap().1;
        let named = Resource::ALL.into_iter().filter(|resource| *resource != Resource::None).map(Resource::name);
        let entry =
            |line: &'static str| line.strip_prefix("  ")?.strip_suffix(": {").map(|name| name.trim_matches('\''));
        let entries = text("resources.js").lines().filter_map(entry).filter(|name| !name.starts_with(' '));
        assert_eq!(entries.collect::<Vec<_>>(), named.clone().collect::<Vec<_>>(), "resources.js");
        for name in named {
            let rule = format!(".r-{name}, [data-resource=\"{name}\"] {{ --r:");
            assert!(text("base.css").contains(&rule), "base.css has no {rule}");
        }
    }

    #[test]
    fn the_whole_page_is_under_150_kilobytes() {
        let size: usize = files().map(|(_, text)| text.len()).sum();
        assert!(size < 150_000, "{size} bytes");
    }

    #[test]
    fn every_file_that_is_named_is_there() {
        let mut named = 0;
        for (name, text) in files() {
            let quoted = text
                .split(['"', '\''])
                .filter_map(|part| part.strip_prefix("./").or(part.strip_prefix("/assets/BUNDLE/")));
            for file in quoted {
                named += 1;
                assert!(ASSETS.iter().any(|asset| asset.name == file), "{name} names {file}");
            }
        }
        assert!(named > ASSETS.len(), "only {named} names found");
    }

    #[test]
    fn every_file_of_the_folder_is_embedded() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/app/page/assets");
        for entry in std::fs::read_dir(folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(name == "index.html" || ASSETS.iter().any(|asset| asset.name == name), "{name}");
        }
    }

    #[test]
    fn nothing_is_inline_nothing_is_foreign_and_no_string_becomes_markup() {
        for (name, text) in files() {
            for word in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
                "new Function",
                "javascript:",
                " style=\"",
                "onclick=\"",
            ] {
                assert!(!text.contains(word), "{name} has {word}");
            }
            let allowed = ["http://www.w3.org/2000/svg", "http://192.168.56.12:3000", "http://${", "https?:"];
            let foreign: Vec<&str> = text
                .match_indices("http")
                .map(|(at, _)| &text[at..])
                .filter(|rest| rest.starts_with("http://") || rest.starts_with("https://"))
                .filter(|rest| !allowed.iter().any(|one| rest.starts_with(one)))
                .collect();
            assert_eq!(foreign.first(), None, "{name}");
        }
        assert!(!INDEX.contains("<style") && INDEX.matches("<script").count() == 1);
    }

    #[test]
    fn files_are_kept_for_good_under_their_bundle_and_only_there() {
        let path = format!("/assets/{}/main.js", BUNDLE.name);
        let response = asset(&get(&path, &[])).unwrap();
        assert_eq!((response.status, response.content_type), (200, SCRIPT));
        assert_eq!(field(&response, "Cache-Control"), "public, max-age=31536000, immutable");
        let other = asset(&get("/assets/0000000000000000/main.js", &[])).unwrap();
        assert_eq!((other.status, field(&other, "Cache-Control")), (200, "no-cache"));
        for path in [
            "/assets/",
            "/assets/main.js",
            "/assets/x/",
            "/assets/x/nothing.js",
            "/assets/x/../main.js",
            "/assets/x/y/main.js",
            "/",
        ] {
            assert!(asset(&get(path, &[])).is_none(), "{path}");
        }
    }

    #[test]
    fn the_page_names_its_bundle_and_is_asked_for_anew() {
        let response = index(&get("/", &[]));
        let text = std::str::from_utf8(response.body.bytes().unwrap()).unwrap();
        assert!(text.contains(&format!("/assets/{}/main.js", BUNDLE.name)) && !text.contains("BUNDLE"));
        assert_eq!((field(&response, "Cache-Control"), field(&response, "Vary")), ("no-cache", "Accept"));
        for (name, value) in HEADERS {
            assert_eq!(field(&response, name), *value);
        }
    }

    #[test]
    fn an_unchanged_file_is_not_sent_again() {
        let weak = format!("\"other\", W/{}", BUNDLE.tag);
        for (value, status) in
            [(BUNDLE.tag.as_str(), 304), (weak.as_str(), 304), ("*", 304), ("\"other\"", 200), ("", 200)]
        {
            let headers = [httparse::Header { name: "If-None-Match", value: value.as_bytes() }];
            let response = index(&get("/", &headers));
            assert_eq!(response.status, status, "{value}");
            assert_eq!(field(&response, "ETag"), BUNDLE.tag);
        }
    }
}
