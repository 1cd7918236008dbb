//! Every public type, trait, function and method has a runnable example, or is used by name in one of the page that its
//! reader is on, or is sent to.
//!
//! Read from the sources, to which `cargo fmt` gives one form: a block's first line stands at no indentation, its methods
//! at four spaces.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use wgformer::models::{FAMILIES, Family};
use wgformer::tasks::TASKS;

/// Something public, and what is said of it.
struct Item {
    place: String,
    name: String,
    /// What it is listed on: a method's type, a module for everything else.
    parent: String,
    kind: Kind,
    docs: Vec<String>,
}

#[derive(PartialEq)]
enum Kind {
    Module,
    Method,
    Other,
}

impl Item {
    /// What a reader sees of the code that `cargo test --doc` runs.
    fn example(&self) -> String {
        let (mut code, mut fence) = (Vec::new(), None);
        for line in &self.docs {
            match line.strip_prefix("```") {
                Some(language) if fence.is_none() => fence = Some(language),
                Some(_) => fence = None,
                None if fence == Some("") && !line.starts_with("# ") => {
                    code.push(without_comment(line))
                }
                None => {}
            }
        }
        code.join("\n")
    }

    /// The page that shows what is said of it: a method's type has all of them on one.
    fn page(&self) -> &str {
        match self.kind {
            Kind::Method => &self.parent,
            Kind::Module | Kind::Other => &self.name,
        }
    }

    /// The pages that may have its example: the one that lists it, and that which its "See" names.
    fn pages(&self) -> impl Iterator<Item = &str> {
        let see = self
            .docs
            .iter()
            .find_map(|line| line.strip_prefix("See [`"));
        let page = see.and_then(|target| target.split(['`', ':', '(']).next());
        [&self.parent[..]].into_iter().chain(page)
    }

    fn is_used_in(&self, example: &str) -> bool {
        example.match_indices(&self.name[..]).any(|(start, name)| {
            let (before, after) = (&example[..start], &example[start + name.len()..]);
            let is_called = before.ends_with('.') || before.ends_with("::");
            (is_called || self.kind != Kind::Method)
                && !before.ends_with(is_of_word)
                && !after.starts_with(is_of_word)
        })
    }
}

fn is_of_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn without_comment(line: &str) -> &str {
    line.split_once("//").map_or(line, |(code, _)| code)
}

fn first_word(text: &str) -> &str {
    text.split(|character| !is_of_word(character))
        .next()
        .unwrap()
}

/// What begins here, if it is of a kind that has an example.
fn item_name(code: &str) -> Option<&str> {
    let code = code.strip_prefix("async ").unwrap_or(code);
    let kinds = ["fn ", "struct ", "enum ", "trait "];
    Some(first_word(
        kinds.iter().find_map(|kind| code.strip_prefix(kind))?,
    ))
}

/// The type whose methods follow this line.
fn type_of_block(line: &str) -> Option<&str> {
    if let Some(code) = line.strip_prefix("pub trait ") {
        return Some(first_word(code));
    }
    let code = line.strip_prefix("impl")?;
    let code = code
        .strip_prefix('<')
        .map_or(Some(code), |it| Some(it.split_once("> ")?.1));
    Some(first_word(code?.trim_start()))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let files = paths.flat_map(|path| {
        if path.is_dir() {
            rust_files(&path)
        } else {
            vec![path]
        }
    });
    files
        .filter(|file| file.extension().is_some_and(|end| end == "rs"))
        .collect()
}

/// The module whose page has what a file makes public: a folder's files are private modules.
fn module(file: &Path) -> String {
    let folder = file.parent().and_then(Path::file_name).unwrap();
    let name = if folder == "src" {
        file.file_stem().unwrap()
    } else {
        folder
    };
    name.to_string_lossy().into_owned()
}

fn items_of(file: &Path) -> Vec<Item> {
    let text = fs::read_to_string(file).unwrap();
    let module = module(file);
    let item = |number: usize, kind: Kind, name: &str, parent: &str, docs: &[String]| Item {
        place: format!("{}:{}", file.display(), number + 1),
        name: name.to_owned(),
        parent: parent.to_owned(),
        kind,
        docs: docs.to_owned(),
    };
    let inner = text.lines().filter_map(|line| line.strip_prefix("//!"));
    let inner: Vec<String> = inner.map(|line| line.trim_start().to_owned()).collect();
    let mut items = vec![item(0, Kind::Module, &module, &module, &inner)];
    let (mut docs, mut block, mut is_trait) = (Vec::new(), None, false);
    for (number, line) in text.lines().enumerate() {
        let code = line.trim_start();
        if let Some(doc) = code.strip_prefix("///") {
            docs.push(doc.strip_prefix(' ').unwrap_or(doc).to_owned());
            continue;
        }
        if code.starts_with("#[") {
            continue;
        }
        let public = code
            .strip_prefix("pub ")
            .or((is_trait && line.starts_with("    ")).then_some(code));
        if let Some(name) = public.and_then(item_name) {
            items.push(match block.filter(|_| code != line) {
                Some(parent) => item(number, Kind::Method, name, parent, &docs),
                None => item(number, Kind::Other, name, &module, &docs),
            });
        }
        docs.clear();
        if code == line && !line.is_empty() {
            block = type_of_block(line).or(block.filter(|_| line != "}"));
            is_trait = line.starts_with("pub trait ") || (is_trait && line != "}");
        }
    }
    items
}

#[test]
fn everything_public_is_in_an_example() {
    let files = rust_files(Path::new("src")).into_iter();
    // The C API has a header and examples of its own; the command line is no library.
    let is_rust_api =
        |file: &PathBuf| !file.starts_with("src/bin") && !file.starts_with("src/c_api");
    let items: Vec<Item> = files
        .filter(is_rust_api)
        .flat_map(|file| items_of(&file))
        .collect();
    let mut pages: HashMap<&str, String> = HashMap::new();
    for item in &items {
        *pages.entry(item.page()).or_default() += &item.example();
    }
    let is_shown = |item: &Item| {
        let mut pages = item.pages().filter_map(|page| pages.get(page));
        item.kind == Kind::Module
            || !item.example().is_empty()
            || pages.any(|page| item.is_used_in(page))
    };
    let others = items.iter().filter(|item| !is_shown(item));
    let others: Vec<String> = others
        .map(|it| format!("{}: {}::{}", it.place, it.parent, it.name))
        .collect();
    assert!(items.len() > 300, "the items were not found");
    assert!(
        others.is_empty(),
        "{} in no example:\n{}",
        others.len(),
        others.join("\n")
    );
}

#[test]
fn the_readme_lists_the_families_and_tasks_that_there_are() {
    let readme = fs::read_to_string("README.md").unwrap();
    let mut rows: Vec<String> = FAMILIES
        .iter()
        .map(|it| {
            let has = |head| it.heads.contains(&head);
            let heads = Family::HEADS.map(|head| if has(head) { "yes" } else { "" });
            format!(
                "| {} | `{}` | {} |",
                it.name,
                it.model_type,
                heads.join(" | ")
            )
        })
        .collect();
    rows.extend(TASKS.iter().map(|it| {
        format!(
            "| {} | `{}` | `{}` | {} |",
            it.name, it.command, it.library, it.head
        )
    }));
    for row in &rows {
        assert!(readme.lines().any(|line| line == row), "missing: {row}");
    }
    let (_, models) = readme.split_once("\n## Models\n").unwrap();
    let (models, _) = models.split_once("\n## ").unwrap();
    let listed = models.lines().filter(|line| line.starts_with("| "));
    let heads = 4; // two lines of each table
    assert_eq!(listed.count(), rows.len() + heads);
}
