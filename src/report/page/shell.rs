//! What every page of results has: head, bar, language and theme, style and script. One file, no network.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use crate::design::{BASE, Text};
use crate::report::charts::Ink;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("report.js");

/// The policy names the one script by its hash: nothing that stands in results can ever run.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = BASE64_STANDARD.encode(Sha256::digest(SCRIPT));
    format!(
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'"
    )
});

/// A page: its title in both languages, the sections that the bar leads to (their ids and names), and what is in it.
pub fn page(title: &Text, sections: &[(&str, Text)], main: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content=(*POLICY);
                link rel="icon" href="data:,";
                title data-es=(title.es()) { (title.en()) }
                style { (PreEscaped(BASE)) (PreEscaped(STYLE)) (PreEscaped(inks())) }
                noscript { style { (PreEscaped(without_script())) } }
            }
            body {
                a.skip href="#view" { (Text::new("Skip to the figures", "Ir a las cifras")) }
                header #bar {
                    span.brand { "webapp" }
                    nav aria-label="Sections" data-es="Secciones" {
                        @for (id, name) in sections { a href={ "#" (id) } { (name) } }
                    }
                    (choices())
                }
                main #view tabindex="-1" { (main) }
                footer #foot { span { "webapp " (env!("CARGO_PKG_VERSION")) } span { (Text::new("One file, made from runs.jsonl and manifest.json; it asks nothing from any network.", "Un solo archivo, hecho de runs.jsonl y manifest.json; no pide nada a ninguna red.")) } }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

/// Language and theme: radio buttons, which work without JavaScript.
fn choices() -> Markup {
    let choice = |group: &str, value: &str, name: Markup, checked: bool| {
        html! {
            input type="radio" name=(group) id={ (group) "-" (value) } value=(value) checked[checked];
            label for={ (group) "-" (value) } { (name) }
        }
    };
    html! {
        div.tools {
            div.switch role="radiogroup" aria-label="Language" data-es="Idioma" {
                (choice("language", "en", html! { "EN" }, true))
                (choice("language", "es", html! { "ES" }, false))
            }
            div.switch role="radiogroup" aria-label="Theme" data-es="Tema" {
                (choice("theme", "auto", html! { "auto" }, true))
                (choice("theme", "light", html! { (Text::new("light", "claro")) }, false))
                (choice("theme", "dark", html! { (Text::new("dark", "oscuro")) }, false))
            }
        }
    }
}

/// Most series of a chart that can be switched off.
const GROUPS: usize = 48;

/// The colours of the drawing.
fn inks() -> String {
    Ink::all().map(|ink| format!(".i-{0}{{--s:var(--{0})}}", ink.name())).collect()
}

/// What the script does, for a browser without: language, theme and the boxes of the legends by `:has()`, which would cost a
/// browser with a script half a second while it reads a large page.
fn without_script() -> String {
    let groups = (0..GROUPS).map(|group| {
        format!("figure:has(input[data-s=\"{group}\"]:not(:checked)) g[data-s=\"{group}\"]{{display:none}}")
    });
    let choices = [
        ":root:has(#theme-light:checked){color-scheme:light}",
        ":root:has(#theme-dark:checked){color-scheme:dark}",
        ":root:has(#language-es:checked) [lang=\"es\"]{display:revert}",
        ":root:has(#language-es:checked) :is(span,text)[lang=\"en\"]:not(.only){display:none}",
    ];
    choices.into_iter().map(str::to_owned).chain(groups).collect()
}
