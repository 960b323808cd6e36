//! The pages that people read: their links lead somewhere, the book has all of them, and what they show can be read. What
//! a cluster is needed for is in `apiserver/documents`.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use carrel_tests::pages::{self, Page};
use serde_json::Value;
use xtask::home::repository;

/// A path without `..` in it.
fn plain(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut plain, part| {
        match part {
            Component::ParentDir => drop(plain.pop()),
            part => plain.push(part),
        }
        plain
    })
}

/// What is wrong with a link of a page, if anything.
fn broken(link: &str, page: &Page, all: &[Page]) -> Option<String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = if file.is_empty() { page.path.clone() } else { plain(&page.path.with_file_name(file)) };
    if !repository().join(&target).exists() {
        return Some(format!("{}: {link} leads nowhere", page.path.display()));
    }
    let known = all.iter().find(|other| other.path == target);
    let found = anchor.is_empty() || known.is_some_and(|other| other.anchors.contains(anchor));
    (!found).then(|| format!("{}: {link} leads to no heading", page.path.display()))
}

#[test]
fn every_link_leads_somewhere() {
    let all = pages::all().unwrap();
    let broken: Vec<_> =
        all.iter().flat_map(|page| page.links.iter().filter_map(|link| broken(link, page, &all))).collect();
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(all.iter().map(|page| page.links.len()).sum::<usize>() > 100, "links were read");
}

#[test]
fn the_book_has_every_page() {
    let all = pages::all().unwrap();
    let summary = all.iter().find(|page| page.path.ends_with("SUMMARY.md")).unwrap();
    let listed: BTreeSet<_> = summary.links.iter().map(|link| Path::new("docs").join(link)).collect();
    let there: BTreeSet<_> = pages::files("docs", "md").unwrap().into_iter().collect();
    let there: BTreeSet<_> = there.into_iter().filter(|path| *path != summary.path).collect();
    assert_eq!(listed, there, "docs/SUMMARY.md lists the pages of docs/");
}

/// mdBook says nothing of a page that it can't include but leaves it out.
#[test]
fn what_a_page_includes_is_there() {
    for path in pages::files("docs", "md").unwrap() {
        let text = std::fs::read_to_string(repository().join(&path)).unwrap();
        for included in text.split("{{#include ").skip(1).filter_map(|rest| rest.split("}}").next()) {
            let target = repository().join(plain(&path.with_file_name(included)));
            assert!(target.is_file(), "{}: {included} is not there", path.display());
        }
    }
}

/// Folders of the repository by which a path in a sentence or a command is known as one.
const FOLDERS: &[&str] = &["crates/", "deploy/", "dev/", "docs/", "examples/", "tests/", "xtask/"];

#[test]
fn every_path_that_is_named_exists() {
    let mut named = 0;
    for page in pages::all().unwrap() {
        let commands = page.blocks.iter().flat_map(pages::Block::commands);
        let words = page.words.iter().map(String::as_str).chain(commands).flat_map(str::split_whitespace);
        for word in words.filter(|word| FOLDERS.iter().any(|folder| word.starts_with(folder))) {
            assert!(repository().join(word).exists(), "{}: {word} is not there", page.path.display());
            named += 1;
        }
    }
    assert!(named > 20, "only {named} paths were read");
}

#[test]
fn what_is_shown_as_yaml_or_json_can_be_read() {
    let mut read = 0;
    for page in pages::all().unwrap() {
        for block in &page.blocks {
            let result = match block.language.as_str() {
                "yaml" => serde_saphyr::from_multiple::<Value>(&block.text).map(drop).map_err(|e| e.to_string()),
                "json" => serde_json::from_str::<Value>(&block.text).map(drop).map_err(|e| e.to_string()),
                "" | "sh" | "console" => continue,
                other => panic!("{}: nobody tests blocks of {other}", page.path.display()),
            };
            result.unwrap_or_else(|error| panic!("{}: {error}\n{}", page.path.display(), block.text));
            read += 1;
        }
    }
    assert!(read > 10, "only {read} blocks were read");
}

#[test]
fn every_example_explains_itself_and_is_listed() {
    let all = pages::all().unwrap();
    let table = all.iter().find(|page| page.path == Path::new("examples/README.md")).unwrap();
    let listed: BTreeSet<_> = table.links.iter().map(|link| Path::new("examples").join(link)).collect();
    let there: BTreeSet<_> = pages::files("examples", "yaml").unwrap().into_iter().collect();
    assert_eq!(listed, there, "examples/README.md lists the examples");
    for path in there {
        let text = std::fs::read_to_string(repository().join(&path)).unwrap();
        let lines = text.lines().take_while(|line| line.starts_with("# ")).count();
        assert_eq!(lines, 3, "{}: three lines at the top say what it is for", path.display());
    }
}
