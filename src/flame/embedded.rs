//! The stacks within a picture, so that the picture alone can be compared with another one.

use maud::{Markup, html};

use super::error::UnreadableStacks;
use super::stacks::{Sampled, Stacks};

/// The words for what was sampled.
const CPU: &str = "cpu";
const OFF_CPU: &str = "off-cpu";

/// The element that holds them.
pub fn write(stacks: &Stacks) -> Markup {
    let (kind, hertz) = match stacks.sampled {
        Sampled::Cpu(hertz) => (CPU, hertz.unwrap_or(0)),
        Sampled::OffCpu => (OFF_CPU, 0),
    };
    html! { metadata data-sampled=(kind) data-hertz=(hertz) data-title=(stacks.title) { (stacks.folded()) } }
}

/// Reads them back.
///
/// # Errors
/// When the picture has none.
pub fn read(picture: &str) -> Result<Stacks, UnreadableStacks> {
    let not_ours = UnreadableStacks::NotOurs;
    let (_, rest) = picture.split_once("<metadata ").ok_or_else(|| not_ours.clone())?;
    let (attributes, rest) = rest.split_once('>').ok_or_else(|| not_ours.clone())?;
    let (folded, _) = rest.split_once("</metadata>").ok_or_else(|| not_ours.clone())?;
    let attribute = |name: &str| {
        let (_, rest) = attributes.split_once(&format!("{name}=\""))?;
        rest.split_once('"').map(|(value, _)| unescaped(value))
    };
    let mut stacks = Stacks::parse(&unescaped(folded))?;
    let hertz = attribute("data-hertz").and_then(|text| text.parse().ok()).filter(|hertz| *hertz > 0);
    stacks.sampled = match attribute("data-sampled").as_deref() {
        Some(CPU) => Sampled::Cpu(hertz),
        Some(OFF_CPU) => Sampled::OffCpu,
        Some(_) | None => return Err(not_ours),
    };
    stacks.title = attribute("data-title").unwrap_or_default();
    Ok(stacks)
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_come_back() {
        for sampled in [Sampled::Cpu(Some(99)), Sampled::Cpu(None), Sampled::OffCpu] {
            let mut stacks = Stacks::parse("pool;<a & b as \"c\">::d;&amp; 3\nx;y 4\n").unwrap();
            stacks.sampled = sampled;
            stacks.title = "node \"1\" <& more>".into();
            let picture = html! { svg { (write(&stacks)) } }.into_string();
            assert_eq!(read(&picture), Ok(stacks));
        }
    }
}
