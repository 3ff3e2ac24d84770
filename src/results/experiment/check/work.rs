//! What is asked: methods, paths, bodies and the keys in them.

use std::ops::Range;

use toml::Spanned;

use super::super::file::{WorkEntry, WorkFile};
use super::super::{Experiment, Placeholder, Size};
use super::{Checked, Checker};
use crate::results::arm::{Arm, Scale};
use crate::results::keys::{KeyError, Template};
use crate::results::work::WeightedRequest;

/// The generator holds the pattern of a mix in memory.
const MOST_WEIGHT: u32 = 10_000;
const LONGEST_PATH: usize = 2000;
const LONGEST_BODY: usize = 64 * 1024;
/// Methods that a load may have (RFC 9110 section 9).
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Reads and judges a file that holds `[[work]]` alone.
pub fn work_file(file: &str, text: &str, columns: &[String]) -> Checked<Vec<WeightedRequest>> {
    let check = Checker { file, text };
    let read: WorkFile = toml::from_str(text)
        .map_err(|error| check.error(&error.span().unwrap_or(0..0), error.message().replace('\n', ", ")))?;
    let work = read
        .work
        .ok_or_else(|| check.error(&(0..0), "there is no work; write [[work]] with a path for each kind of request"))?;
    let at = work.span();
    let work = check.work(work)?;
    check.keys(&at, &work, columns)?;
    Ok(work)
}

impl Checker<'_> {
    pub(super) fn work(&self, work: Spanned<Vec<Spanned<WorkEntry>>>) -> Checked<Vec<WeightedRequest>> {
        let at = work.span();
        let work: Vec<WeightedRequest> =
            work.into_inner().into_iter().map(|entry| self.request(entry)).collect::<Checked<_>>()?;
        self.ensure(!work.is_empty(), &at, || "work asks nothing; give it a path, or leave it out".to_owned())?;
        Ok(work)
    }

    fn request(&self, entry: Spanned<WorkEntry>) -> Checked<WeightedRequest> {
        let at = entry.span();
        let entry = entry.into_inner();
        let path = entry
            .path
            .ok_or_else(|| self.error(&at, "the request has no path; write for instance path = \"/fib?number=20\""))?;
        let method = self.one_of(entry.method, "method", &METHODS)?.unwrap_or("GET");
        self.path(&path)?;
        if let Some(body) = &entry.body {
            self.ensure(!matches!(method, "GET" | "HEAD"), &body.span(), || {
                format!("a {method} has no body; say method = \"PUT\" or \"POST\"")
            })?;
            self.ensure(body.get_ref().len() <= LONGEST_BODY, &body.span(), || {
                format!("the body has more than {LONGEST_BODY} bytes")
            })?;
        }
        Ok(WeightedRequest {
            weight: self.count(entry.weight, MOST_WEIGHT, "weight")?.unwrap_or(1),
            method: method.to_owned(),
            path: path.into_inner(),
            body: entry.body.map(Spanned::into_inner),
        })
    }

    fn path(&self, path: &Spanned<String>) -> Checked<()> {
        let (at, text) = (path.span(), path.get_ref());
        self.ensure(text.starts_with('/'), &at, || {
            format!("'{text}' is not a path; it begins with '/', and the host is that of the arm")
        })?;
        self.ensure(text.len() <= LONGEST_PATH, &at, || format!("the path has more than {LONGEST_PATH} characters"))?;
        // Spaces may stand in keys alone.
        let mut depth = 0;
        let plain = text.chars().all(|character| {
            depth += i32::from(character == '{') - i32::from(character == '}');
            character.is_ascii_graphic() || (character == ' ' && depth > 0)
        });
        self.ensure(plain && !text.contains('#'), &at, || {
            format!("'{text}' holds a space, a '#' or a non-ASCII character; percent-encode it (a space is %20)")
        })
    }

    /// The keys, with each step of the scale in its place.
    pub(super) fn work_at_scales(
        &self,
        at: &Range<usize>,
        arms: &[Arm],
        work: &[WeightedRequest],
        scales: &[Scale],
        columns: &[String],
    ) -> Checked<()> {
        let requests = work.iter().chain(arms.iter().filter_map(|arm| arm.work.as_ref()).flatten());
        type Parse = fn(&str, &[String]) -> Result<Template, KeyError>;
        let texts = requests.flat_map(|request| {
            let body = request.body.as_ref().map(|body| (body, Template::parse_body_with as Parse));
            [Some((&request.path, Template::parse_with as Parse)), body]
        });
        for (text, parse) in texts.flatten() {
            // The place of the text itself, where it is written as it is.
            let found = self.text.find(text.as_str()).map_or(at.clone(), |start| start..start);
            for scale in scales {
                parse(&text.replace(Placeholder::Scale.text(), scale.as_str()), columns)
                    .map_err(|error| self.error(&found, error.to_string()))?;
            }
        }
        Ok(())
    }

    /// Keys of a file that has no scale.
    fn keys(&self, at: &Range<usize>, work: &[WeightedRequest], columns: &[String]) -> Checked<()> {
        // A text without `{scale}` is the same at any step.
        self.work_at_scales(at, &[], work, &[Scale::from(Placeholder::Scale.text())], columns)
    }

    /// The scale must make a difference to every arm, or it would measure the same several times under other names.
    pub(super) fn scale_is_used(&self, experiment: &Experiment, at: Range<usize>) -> Checked<()> {
        let most = Size::ALL.map(|size| experiment.sizes(size).scales.len());
        if most.into_iter().all(|steps| steps <= 1) {
            return Ok(());
        }
        let unused = experiment.arms.iter().find(|arm| {
            let work = arm.work.as_ref().unwrap_or(&experiment.work);
            !arm.leaves_open(Placeholder::Scale) && !work.iter().any(|request| request.leaves_open(Placeholder::Scale))
        });
        match unused {
            None => Ok(()),
            Some(arm) => Err(self.error(
                &at,
                format!(
                    "the scale has several steps, but the arm {} says {{scale}} nowhere; use it in its words or work, or give \
                     the scale one step",
                    arm.name
                ),
            )),
        }
    }
}
