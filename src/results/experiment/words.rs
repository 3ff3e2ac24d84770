//! The words of an arm: what they may say, and what they leave open.

use super::Placeholder;

/// Flags of `webapp load` that an arm may set. All others are the bench's own: its windows, its levels, its output.
pub const LOAD_FLAGS: [&str; 12] = [
    "--no-keepalive",
    "--header",
    "--expect-status",
    "--expect-body",
    "--max-connections",
    "--poisson",
    "--threads",
    "--cookies",
    "--no-resumption",
    "--cacert",
    "--insecure",
    "--connect-to",
];

/// Flags of `webapp autoscale` that an arm may set. All others are the bench's own: its driver, its cluster, its log.
pub const AUTOSCALE_FLAGS: [&str; 19] = [
    "--metric",
    "--min",
    "--max",
    "--interval",
    "--vertical",
    "--node-units",
    "--up-window",
    "--down-window",
    "--up-policy",
    "--down-policy",
    "--up-select",
    "--down-select",
    "--tolerance",
    "--up-tolerance",
    "--down-tolerance",
    "--machine-units",
    "--machine-boot",
    "--max-machines",
    "--machine-idle",
];

/// Flags of the driver's `up` that are the bench's own.
const OWN_FLAGS: [&str; 3] = ["--name", "--json", "--quiet"];

/// Takes the words of a driver's `up` apart.
///
/// # Errors
/// When a quote is not closed, a brace is not a placeholder, or a flag is the bench's own.
pub fn up(text: &str) -> Result<Vec<String>, String> {
    let words = split(text)?;
    if words.is_empty() {
        return Err("up has no words; write for instance \"--topology vertical --units {scale}\"".to_owned());
    }
    for word in &words {
        if let Some(own) = OWN_FLAGS.iter().find(|own| is_flag(word, own)) {
            return Err(format!("{own} is given to the driver by the bench itself; leave it out"));
        }
        placeholders(word, &Placeholder::ALL)?;
    }
    if words[0] == "up" {
        return Err("leave out the first word: up itself is given to the driver by the bench".to_owned());
    }
    Ok(words)
}

/// Takes the further arguments of `webapp load` apart.
///
/// # Errors
/// When a quote is not closed, or a flag is not one of [`LOAD_FLAGS`].
pub fn load(text: &str) -> Result<Vec<String>, String> {
    let words = split(text)?;
    let unknown = words.iter().find(|word| word.starts_with('-') && !LOAD_FLAGS.iter().any(|flag| is_flag(word, flag)));
    match unknown {
        Some(word) => Err(format!("an arm may not say {word} to the load; it may say {}", LOAD_FLAGS.join(", "))),
        None => Ok(words),
    }
}

/// Takes the words of `webapp autoscale` apart. Their values are judged where the rules are read, before anything starts.
///
/// # Errors
/// When a quote is not closed, there is no metric, or a flag is not one of [`AUTOSCALE_FLAGS`].
pub fn autoscale(text: &str) -> Result<Vec<String>, String> {
    let words = split(text)?;
    let allowed = AUTOSCALE_FLAGS.join(", ");
    if let Some(word) =
        words.iter().find(|word| word.starts_with('-') && !AUTOSCALE_FLAGS.iter().any(|flag| is_flag(word, flag)))
    {
        return Err(format!("an arm may not say {word} to the autoscaler; it may say {allowed}"));
    }
    if !words.iter().any(|word| is_flag(word, "--metric")) {
        return Err(
            "the autoscaler has nothing to hold; write for instance \"--metric cpu=70 --min 2 --max 8\"".to_owned()
        );
    }
    Ok(words)
}

/// Checks that every brace of `text` is one of the placeholders `allowed`.
///
/// # Errors
/// Names the first that is not.
pub fn placeholders(text: &str, allowed: &[Placeholder]) -> Result<(), String> {
    let mut rest = text.to_owned();
    for placeholder in allowed {
        rest = rest.replace(placeholder.text(), "");
    }
    match rest.find(['{', '}']) {
        None => Ok(()),
        Some(_) => {
            let names: Vec<&str> = allowed.iter().map(|placeholder| placeholder.text()).collect();
            Err(format!("'{text}' holds a brace that is not a placeholder; there are {}", names.join(", ")))
        }
    }
}

fn is_flag(word: &str, flag: &str) -> bool {
    word.strip_prefix(flag).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
}

fn split(text: &str) -> Result<Vec<String>, String> {
    shlex::split(text).ok_or_else(|| format!("a quote in '{text}' is not closed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_the_driver() {
        assert_eq!(up("--units {scale} -- --pool-threads 8").unwrap().len(), 5);
        assert_eq!(up("--label 'two words'").unwrap(), ["--label", "two words"]);
        for (text, says) in [
            ("", "no words"),
            ("up --units 1", "leave out the first word"),
            ("--name x", "by the bench itself"),
            ("--name=x", "by the bench itself"),
            ("--units {units}", "{scale}, {unit-cpu}, {model}, {balancer}"),
            ("--units '4", "not closed"),
        ] {
            let error = up(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn words_for_the_autoscaler() {
        assert_eq!(autoscale("--metric cpu=70 --max 4").unwrap(), ["--metric", "cpu=70", "--max", "4"]);
        for (text, says) in [
            ("", "nothing to hold"),
            ("--max 4", "nothing to hold"),
            ("--metric cpu=70 --driver x", "may not say --driver"),
            ("--metric cpu=70 --log x", "it may say --metric, "),
            ("--metric 'cpu=70", "not closed"),
        ] {
            let said = autoscale(text).unwrap_err();
            assert!(said.contains(says), "{text}: {said}");
        }
    }

    #[test]
    fn words_for_the_load() {
        assert_eq!(load("--no-keepalive --header 'A: b'").unwrap(), ["--no-keepalive", "--header", "A: b"]);
        for text in ["--rate 5", "--json=x", "--duration 1s", "-c 4"] {
            assert!(load(text).unwrap_err().contains("--no-keepalive"), "{text}");
        }
    }
}
