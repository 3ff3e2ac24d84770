//! A text in English and in Spanish, both in the page: the reader chooses which is shown.

use maud::{Markup, Render, html};

/// The same in two languages. Where there is no Spanish, the English is shown in both, and marked as English.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    en: String,
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

    /// The English.
    pub fn en(&self) -> &str {
        &self.en
    }

    /// The Spanish; the English where there is none.
    pub fn es(&self) -> &str {
        self.es.as_deref().unwrap_or(&self.en)
    }
}

/// English alone.
impl From<String> for Text {
    fn from(en: String) -> Self {
        Self { en, es: None }
    }
}

/// English alone.
impl From<&str> for Text {
    fn from(en: &str) -> Self {
        en.to_owned().into()
    }
}

impl Render for Text {
    fn render(&self) -> Markup {
        match &self.es {
            None if self.en.is_empty() => html! {},
            None => html! { span.only lang="en" { (self.en) } },
            Some(es) if *es == self.en => html! { (es) },
            Some(es) => html! { span lang="en" { (self.en) } span lang="es" { (es) } },
        }
    }
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
    fn both_languages_are_in_the_page_and_what_is_foreign_is_marked() {
        let page = |text: Text| text.render().into_string();
        assert_eq!(page(Text::new("<b>", "si")), "<span lang=\"en\">&lt;b&gt;</span><span lang=\"es\">si</span>");
        assert_eq!(page(Text::figure("12")), "12");
        assert_eq!(page(Text::figure("1.5")), "<span lang=\"en\">1.5</span><span lang=\"es\">1,5</span>");
        assert_eq!(page("yes".into()), "<span class=\"only\" lang=\"en\">yes</span>");
        assert_eq!((Text::from("yes").es(), Text::new("a", "b").es()), ("yes", "b"));
    }
}
