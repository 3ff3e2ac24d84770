//! The rooms of the house: each knows only what lies below it, and no files of a room know each other in a circle. The order
//! is the table in docs/architecture.md.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A module by its path: `["load", "run"]`.
type Module = Vec<String>;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The rooms in the order of the table, the highest first.
fn rooms() -> Vec<String> {
    let text = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let table = text.split("\n## The rooms").nth(1).unwrap().split("\n## ").next().unwrap();
    let name = |line: &str| Some(line.strip_prefix("| `")?.split('`').next()?.to_owned());
    table.lines().filter_map(name).collect()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

fn module_of(file: &Path) -> Module {
    let path = file.strip_prefix(root().join("src")).unwrap().with_extension("");
    let mut parts: Module = path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    parts
}

/// The source without comments and without its module of tests.
fn code_of(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    code.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n")
}

/// All paths that begin with `crate` or `super`, as absolute parts: `use` lines with their groups, and paths in the code.
fn paths(code: &str, module: &Module) -> Vec<Module> {
    let mut found = Vec::new();
    for word in ["crate::", "super::"] {
        for (at, _) in code.match_indices(word) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_' || letter == ':') {
                continue;
            }
            let base = if word == "crate::" { Vec::new() } else { module[..module.len().saturating_sub(1)].to_vec() };
            expand(&code[at + word.len()..], base, &mut found);
        }
    }
    found
}

/// Reads `a::b::{c, d::e}` behind `base`.
fn expand(rest: &str, base: Module, found: &mut Vec<Module>) {
    let word: String = rest.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
    let after = &rest[word.len()..];
    if word == "super" {
        let up = base[..base.len().saturating_sub(1)].to_vec();
        if let Some(after) = after.strip_prefix("::") {
            expand(after, up, found);
        }
        return;
    }
    if !word.is_empty() {
        let mut path = base;
        if word != "self" {
            path.push(word);
        }
        match after.strip_prefix("::") {
            Some(after) => expand(after, path, found),
            None => found.push(path),
        }
        return;
    }
    let Some(group) = rest.strip_prefix('{') else { return found.push(base) };
    let mut depth = 0;
    let mut start = 0;
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => {
                expand(group[start..at].trim(), base, found);
                return;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                expand(group[start..at].trim(), base.clone(), found);
                start = at + 1;
            }
            _ => {}
        }
    }
}

/// Which module uses which, itself and the ones around it left out.
fn imports() -> BTreeMap<Module, BTreeSet<Module>> {
    let files: BTreeMap<Module, PathBuf> =
        rust_files(&root().join("src")).into_iter().map(|file| (module_of(&file), file)).collect();
    let mut imports = BTreeMap::new();
    for (module, file) in &files {
        let code = code_of(&fs::read_to_string(file).unwrap());
        let used = paths(&code, module).into_iter().filter_map(|path| {
            let known =
                (1..=path.len()).rev().map(|length| path[..length].to_vec()).find(|path| files.contains_key(path))?;
            (!module.starts_with(&known)).then_some(known)
        });
        imports.insert(module.clone(), used.collect());
    }
    imports
}

#[test]
fn the_table_names_every_room() {
    let rooms: BTreeSet<String> = rooms().into_iter().collect();
    let modules: BTreeSet<String> = imports()
        .into_keys()
        .filter_map(|module| module.into_iter().next())
        .filter(|name| name != "lib" && name != "main")
        .collect();
    assert_eq!(rooms, modules, "docs/architecture.md and src/ differ");
}

#[test]
fn a_room_knows_only_what_lies_below_it() {
    let rooms = rooms();
    let rank = |module: &Module| rooms.iter().position(|room| Some(room) == module.first());
    let mut wrong = Vec::new();
    for (module, used) in imports() {
        let Some(here) = rank(&module) else { continue };
        wrong.extend(
            used.iter()
                .filter(|other| rank(other).is_some_and(|there| there < here))
                .map(|other| format!("{} uses {}", module.join("::"), other.join("::"))),
        );
    }
    assert!(wrong.is_empty(), "a lower room uses a higher one:\n{}", wrong.join("\n"));
}

#[test]
fn no_files_know_each_other_in_a_circle() {
    let mut left = imports();
    // Takes away, again and again, what uses nothing that is left.
    loop {
        let names: BTreeSet<Module> = left.keys().cloned().collect();
        let before = left.len();
        left.retain(|_, used| used.iter().any(|other| names.contains(other)));
        if left.len() == before {
            break;
        }
    }
    // Likewise what nothing left uses: it only leads into a circle.
    loop {
        let used: BTreeSet<Module> = left.values().flatten().cloned().collect();
        let before = left.len();
        left.retain(|module, _| used.contains(module));
        if left.len() == before {
            break;
        }
    }
    let circle: Vec<String> = left.keys().map(|module| module.join("::")).collect();
    assert!(circle.is_empty(), "these files know each other in a circle: {}", circle.join(", "));
}

/// The type that a line declares, where it stands in no function and no inner module.
fn declared_type(line: &str) -> Option<&str> {
    let line = ["pub ", "pub(super) ", "pub(crate) "].iter().find_map(|word| line.strip_prefix(word)).unwrap_or(line);
    let (kind, rest) = line.split_once(' ')?;
    let name = rest.split(|letter: char| !letter.is_alphanumeric()).next()?;
    ["struct", "enum", "trait", "type"].contains(&kind).then_some(name)
}

#[test]
fn no_type_name_is_declared_twice() {
    // Each command has its arguments and its words, which clap's users call so.
    let habits = ["Args", "Command"];
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in rust_files(&root().join("src")) {
        let module = module_of(&file);
        // A build without TLS has `no_tls` in place of `tls`, with the same names.
        if module == ["load", "no_tls"] || module.iter().any(|part| part == "tests") {
            continue;
        }
        let code = code_of(&fs::read_to_string(&file).unwrap());
        for name in code.lines().filter_map(declared_type).filter(|name| !habits.contains(name)) {
            places.entry(name.to_owned()).or_default().push(module.join("::"));
        }
    }
    assert!(places.len() > 500, "types are not found: {}", places.len());
    places.retain(|_, modules| modules.len() > 1);
    assert!(places.is_empty(), "one name stands for several things; give the rarer one a fuller name: {places:#?}");
}

#[test]
fn paths_are_understood() {
    let module = vec!["load".to_owned(), "run".to_owned()];
    let code = "use crate::http::{self, wire::{Head, Body}};\nuse super::plan::Plan;\nlet x = super::super::kernel::cpu::read();";
    let mut found: Vec<String> = paths(code, &module).iter().map(|path| path.join("::")).collect();
    found.sort();
    assert_eq!(
        found,
        ["http", "http::wire::Body", "http::wire::Head", "kernel::cpu::read", "load::plan::Plan"],
        "{found:?}"
    );
}
