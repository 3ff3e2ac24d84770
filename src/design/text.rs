//! A text in English and in Spanish, both in the page: the reader chooses which is shown.
//!
//! There is no way from a string to a text but through a constructor that asks for both languages, or that says why one is
//! enough: a sentence without its Spanish does not compile.

use maud::{Markup, Render, html};
use serde::{Serialize, Serializer};

/// The same in two languages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    en: String,
    /// `None`: the English is shown in both, and marked as English.
    es: Option<String>,
}

impl Text {
    /// Both languages, as they stand.
    pub fn new(en: impl Into<String>, es: impl Into<String>) -> Self {
        Self { en: en.into(), es: Some(es.into()) }
    }

    /// Both languages; the numbers of the Spanish one are written as in English, and get their comma here.
    pub fn counted(en: impl Into<String>, es: impl AsRef<str>) -> Self {
        Self::new(en, spanish_numbers(es.as_ref()))
    }

    /// A figure, or a name that is the same in both languages but for the decimal comma.
    pub fn figure(text: impl Into<String>) -> Self {
        let text = text.into();
        let es = spanish_numbers(&text);
        Self::new(text, es)
    }

    /// A name, which no language changes.
    pub fn name(text: impl Into<String>) -> Self {
        let text = text.into();
        Self::new(text.clone(), text)
    }

    /// Words that came in English from outside: from a file of results, or from somebody's own experiment.
    pub fn as_written(text: impl Into<String>) -> Self {
        Self { en: text.into(), es: None }
    }

    /// The English.
    pub fn en(&self) -> &str {
        &self.en
    }

    /// The Spanish; the English where there is none.
    pub fn es(&self) -> &str {
        self.es.as_deref().unwrap_or(&self.en)
    }

    /// True without a letter.
    pub fn is_empty(&self) -> bool {
        self.en.is_empty()
    }

    /// Some texts one after the other.
    pub fn join(texts: impl IntoIterator<Item = Self>, between: &str) -> Self {
        let texts: Vec<Self> = texts.into_iter().filter(|text| !text.is_empty()).collect();
        let all = |of: fn(&Self) -> &str| texts.iter().map(of).collect::<Vec<_>>().join(between);
        Self::new(all(Self::en), all(Self::es))
    }

    /// As a sentence enumerates them: `a`, `a and b`, `a, b and c`.
    pub fn list(texts: impl IntoIterator<Item = Self>) -> Self {
        let mut texts: Vec<Self> = texts.into_iter().collect();
        let Some(last) = texts.pop() else { return Self::default() };
        if texts.is_empty() {
            return last;
        }
        let first = Self::join(texts, ", ");
        Self::new(
            format!("{} and {}", first.en(), last.en()),
            format!("{} {} {}", first.es(), and(last.es()), last.es()),
        )
    }

    /// As the begin of a sentence.
    #[must_use]
    pub fn upper_first(&self) -> Self {
        let upper = |text: &str| {
            let mut letters = text.chars();
            letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
        };
        Self { en: upper(&self.en), es: self.es.as_deref().map(upper) }
    }
}

/// The Spanish "and", which is "e" before the sound of an i.
fn and(next: &str) -> &'static str {
    let next = next.trim_start_matches(['«', '"', ' ']).to_lowercase();
    let sounds_as_i = next.starts_with(['i', 'í']) || (next.starts_with("hi") && !next.starts_with("hie"));
    if sounds_as_i { "e" } else { "y" }
}

/// In JSON a text is its English.
impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.en)
    }
}

/// What can stand within a sentence of both languages.
pub trait Part {
    /// It, in both.
    fn part(&self) -> Text;
}

impl Part for Text {
    fn part(&self) -> Text {
        self.clone()
    }
}

/// A figure as it was formatted: Spanish gets its decimal comma.
impl Part for str {
    fn part(&self) -> Text {
        Text::figure(self)
    }
}

impl Part for String {
    fn part(&self) -> Text {
        Text::figure(self)
    }
}

impl<T: Part + ?Sized> Part for &T {
    fn part(&self) -> Text {
        (**self).part()
    }
}

macro_rules! counts {
    ($($kind:ty),*) => {
        $(impl Part for $kind {
            fn part(&self) -> Text {
                Text::name(self.to_string())
            }
        })*
    };
}
counts!(u32, u64, usize);

/// A sentence in both languages with the same parts: `both!("{rate} with {arm}", "{rate} con {arm}", rate = plain(x), arm)`. A
/// part is a [`Text`], a figure that is formatted already, or a count. Both sentences must use each of them.
macro_rules! both {
    (@part $name:ident) => { $crate::design::Part::part(&$name) };
    (@part $name:ident = $value:expr) => { $crate::design::Part::part(&$value) };
    ($en:literal, $es:literal, $($name:ident $(= $value:expr)?),+ $(,)?) => {{
        $(let $name = $crate::design::both!(@part $name $(= $value)?);)+
        $crate::design::Text::new(
            { $(let $name = $name.en();)+ format!($en) },
            { $(let $name = $name.es();)+ format!($es) },
        )
    }};
}
pub(crate) use both;

impl Render for Text {
    fn render(&self) -> Markup {
        match &self.es {
            None if self.en.is_empty() => html! {},
            None => html! { span.only lang="en" { (unbroken(&self.en)) } },
            Some(es) if *es == self.en => html! { (unbroken(es)) },
            Some(es) => html! { span lang="en" { (unbroken(&self.en)) } span lang="es" { (unbroken(es)) } },
        }
    }
}

/// What stays on the line of the number before it.
const UNITS: [&str; 18] = [
    "%", "µs", "ms", "s", "min", "h", "B", "kB", "MB", "GB", "KiB", "MiB", "GiB", "core", "cores", "núcleo", "núcleos",
    "USD",
];

/// The same with spaces between a number and its unit that no line breaks at.
pub fn unbroken(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (number, word) in text.split(' ').enumerate() {
        let unit = word.trim_end_matches(|sign: char| ".,;:)»\"".contains(sign));
        let after_number = out.ends_with(|sign: char| sign.is_ascii_digit()) && UNITS.contains(&unit);
        if number > 0 {
            out.push(if after_number { '\u{a0}' } else { ' ' });
        }
        out.push_str(word);
    }
    out
}

/// Numbers between other signs, written as in Spanish: `1,234.5` becomes `1.234,5`.
pub fn spanish_numbers(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let digit = |at: Option<usize>| at.and_then(|at| letters.get(at)).is_some_and(char::is_ascii_digit);
    let swapped = letters.iter().enumerate().map(|(at, letter)| match letter {
        '.' | ',' if !(digit(at.checked_sub(1)) && digit(Some(at + 1))) => *letter,
        '.' => ',',
        ',' => '.',
        other => *other,
    });
    swapped.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_get_their_comma_and_sentences_keep_theirs() {
        for (english, spanish) in
            [("1,234.5", "1.234,5"), ("0.25, and 3.", "0,25, and 3."), ("a.b", "a.b"), ("-12.6 %", "-12,6 %"), ("", "")]
        {
            assert_eq!(spanish_numbers(english), spanish);
        }
    }

    #[test]
    fn a_number_keeps_its_unit() {
        for (text, whole) in [
            ("13 % fewer", "13~% fewer"),
            ("after 12.0 s, in 40 ms.", "after 12.0~s, in 40~ms."),
            ("(95 %: -14.1 %)", "(95~%: -14.1~%)"),
            ("1,0 núcleos y 3 nodos", "1,0~núcleos y 3 nodos"),
            ("two cores, 0.31 USD", "two cores, 0.31~USD"),
            (" begins and ends ", " begins and ends "),
            ("", ""),
        ] {
            assert_eq!(unbroken(text).replace('\u{a0}', "~"), whole);
        }
    }

    #[test]
    fn both_languages_are_in_the_page_and_what_is_foreign_is_marked() {
        let page = |text: Text| text.render().into_string();
        assert_eq!(page(Text::new("<b>", "si")), "<span lang=\"en\">&lt;b&gt;</span><span lang=\"es\">si</span>");
        assert_eq!(page(Text::figure("12")), "12");
        assert_eq!(page(Text::figure("1.5")), "<span lang=\"en\">1.5</span><span lang=\"es\">1,5</span>");
        assert_eq!(page(Text::as_written("yes")), "<span class=\"only\" lang=\"en\">yes</span>");
        assert_eq!((Text::as_written("yes").es(), Text::new("a", "b").es()), ("yes", "b"));
    }

    #[test]
    fn parts_stand_in_both_sentences() {
        let arm = Text::new("two threads", "dos hilos");
        let said = both!(
            "{rate}/s with {arm} in {blocks} blocks",
            "{rate}/s con {arm} en {blocks} bloques",
            rate = "1,234.5",
            arm,
            blocks = 6_usize
        );
        assert_eq!(said.en(), "1,234.5/s with two threads in 6 blocks");
        assert_eq!(said.es(), "1.234,5/s con dos hilos en 6 bloques");
        assert_eq!(serde_json::to_value(&said).unwrap(), said.en());
    }

    #[test]
    fn lists_know_their_last_word() {
        let list = |parts: &[&str]| Text::list(parts.iter().map(|part| Text::name(*part)));
        for (parts, english, spanish) in [
            (&["a"][..], "a", "a"),
            (&["a", "b"], "a and b", "a y b"),
            (&["a", "b", "inicio"], "a, b and inicio", "a, b e inicio"),
            (&["a", "hierro"], "a and hierro", "a y hierro"),
        ] {
            assert_eq!((list(parts).en(), list(parts).es()), (english, spanish));
        }
        assert_eq!(Text::new("él", "élla").upper_first().en(), "Él");
    }
}
