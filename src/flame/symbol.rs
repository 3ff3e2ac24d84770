//! Names of functions as they stand in a picture.

use std::borrow::Cow;

/// The mark of a function of the kernel, as in the folded stacks of other tools.
pub const KERNEL_MARK: &str = "_[k]";

/// Digits of the hash behind a name in the older mangling of Rust: `::h0123456789abcdef`.
const HASH_DIGITS: usize = 16;

/// The name of a frame: without its offset and hash, and with a mark where it is of the kernel. `object` is the file it comes from.
pub fn name(symbol: &str, object: &str) -> String {
    let symbol = without_hash(without_offset(symbol.trim()));
    let of_kernel = object.starts_with("[kernel") || object.starts_with("[guest.kernel") || object.ends_with(".ko");
    let name = match symbol {
        "[unknown]" | "" => match object.rsplit('/').next().unwrap_or_default() {
            "" | "[unknown]" => Cow::Borrowed("[unknown]"),
            file => Cow::Owned(format!("[{}]", file.trim_matches(['[', ']']))),
        },
        known => Cow::Borrowed(known),
    };
    // A semicolon ends a frame, and XML knows no control characters.
    let clean: String =
        name.chars().map(|letter| if letter == ';' || letter.is_control() { ':' } else { letter }).collect();
    if of_kernel { clean + KERNEL_MARK } else { clean }
}

/// The name of a thread, without its number: threads with the same work stand together.
pub fn thread(name: &str) -> String {
    let name = name.trim();
    let bare = name.trim_end_matches(|letter: char| letter.is_ascii_digit()).trim_end_matches(['-', '/', ':', ' ']);
    self::name(if bare.is_empty() { name } else { bare }, "")
}

/// As much of a name as `letters` have room for: the whole, or its last parts, or its beginning; nothing where that would say nothing.
pub fn fitted(name: &str, letters: usize) -> String {
    let mut rest = name;
    while rest.chars().count() > letters {
        match next_part(rest) {
            Some(part) => rest = part,
            None if letters < 3 => return String::new(),
            None => return rest.chars().take(letters - 1).chain(['…']).collect(),
        }
    }
    rest.to_owned()
}

/// What stands behind the first `::` that is not between brackets.
fn next_part(name: &str) -> Option<&str> {
    let mut depth = 0_i32;
    let mut previous = ' ';
    for (at, letter) in name.char_indices() {
        match letter {
            '<' | '(' | '{' | '[' => depth += 1,
            // Not the end of an arrow.
            '>' if previous != '-' => depth -= 1,
            ')' | '}' | ']' => depth -= 1,
            ':' if depth == 0 && previous == ':' => return Some(&name[at + 1..]),
            _ => {}
        }
        previous = letter;
    }
    None
}

fn without_offset(symbol: &str) -> &str {
    match symbol.rsplit_once("+0x") {
        Some((name, offset)) if offset.bytes().all(|byte| byte.is_ascii_hexdigit()) => name,
        Some(_) | None => symbol,
    }
}

fn without_hash(symbol: &str) -> &str {
    match symbol.rsplit_once("::h") {
        Some((name, hash)) if hash.len() == HASH_DIGITS && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => name,
        Some(_) | None => symbol,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_what_says_nothing() {
        for (symbol, object, wanted) in [
            ("webapp::app::fib::fib", "/opt/webapp", "webapp::app::fib::fib"),
            ("webapp::app::fib::fib+0x1f", "/opt/webapp", "webapp::app::fib::fib"),
            ("webapp::app::fib::fib::h0123456789abcdef", "/opt/webapp", "webapp::app::fib::fib"),
            ("schedule+0x23", "[kernel.kallsyms]", "schedule_[k]"),
            ("nf_hook_slow", "/lib/modules/6.1/nf.ko", "nf_hook_slow_[k]"),
            ("[unknown]", "/usr/lib/libc.so.6", "[libc.so.6]"),
            ("[unknown]", "[unknown]", "[unknown]"),
            ("[unknown]", "", "[unknown]"),
            ("<[A; 4] as B>::c", "/opt/webapp", "<[A: 4] as B>::c"),
            ("Vec<u8>::h12", "/opt/webapp", "Vec<u8>::h12"),
        ] {
            assert_eq!(name(symbol, object), wanted);
        }
        for (comm, wanted) in
            [("pool-0", "pool"), ("pool-11", "pool"), ("webapp", "webapp"), ("42", "42"), ("a 1", "a")]
        {
            assert_eq!(thread(comm), wanted);
        }
    }

    #[test]
    fn a_name_is_as_long_as_its_box() {
        for (name, letters, wanted) in [
            ("webapp::app::fib::fib", 40, "webapp::app::fib::fib"),
            ("webapp::app::fib::fib", 20, "app::fib::fib"),
            ("webapp::app::fib::fib", 8, "fib::fib"),
            ("webapp::app::fib::fib", 3, "fib"),
            ("webapp::app::fib::fib", 2, ""),
            ("webapp::app::fib::handle::{{closure}}", 12, "{{closure}}"),
            ("<core::Assert<F> as core::FnOnce<()>>::call_once", 12, "call_once"),
            ("<fn() -> a::B as c::D>::run", 5, "run"),
            ("do_syscall_64_[k]", 8, "do_sysc…"),
            ("ñandú::ñu", 4, "ñu"),
        ] {
            assert_eq!(fitted(name, letters), wanted, "{name} in {letters}");
        }
    }
}
