//! The docs as a book: built without a warning, and with no link that leads nowhere in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::home;

/// Where `docs/book.toml` has the book.
const BOOK: &str = "target/site/docs";

/// Builds the book, puts the examples beside it, which its pages link to, and follows the links.
pub(super) fn build(mdbook: &Path) -> Result<()> {
    let (repository, book) = (home::repository(), home::repository().join(BOOK));
    let output = Command::new(mdbook).args(["build", "docs"]).current_dir(&repository).output()?;
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    let warned = ["WARN", "ERROR"].iter().any(|level| said.contains(level));
    ensure!(output.status.success() && !warned, "mdbook build docs: {}\n{said}", output.status);

    let examples = book.with_file_name("examples");
    fs::create_dir_all(&examples)?;
    for example in fs::read_dir(repository.join("examples"))? {
        let example = example?;
        fs::copy(example.path(), examples.join(example.file_name()))?;
    }

    let broken = broken(&book)?;
    ensure!(broken.is_empty(), "the book has links that lead nowhere:\n{}", broken.join("\n"));
    Ok(())
}

/// The links of the book's pages to files that are not there.
fn broken(book: &Path) -> Result<Vec<String>> {
    let mut broken = Vec::new();
    for page in fs::read_dir(book).with_context(|| format!("cannot list {}", book.display()))? {
        let page = page?.path();
        // The page of all pages, for printers, is made of the others.
        if page.extension().is_none_or(|end| end != "html") || page.ends_with("print.html") {
            continue;
        }
        let text = fs::read_to_string(&page)?;
        let nowhere = links(&text).filter(|link| !target(&page, link).exists());
        broken.extend(nowhere.map(|link| format!("{}: {link}", page.display())));
    }
    Ok(broken)
}

/// The links of a page to files beside it.
fn links(page: &str) -> impl Iterator<Item = &str> {
    let all = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    all.filter(|link| !link.contains(':') && !link.starts_with(['#', '/']))
}

fn target(page: &Path, link: &str) -> PathBuf {
    page.with_file_name(link.split('#').next().unwrap_or(link))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_files_are_found() {
        let page =
            r##"<a href="a.html#b"> <link href="css/c.css"> <a href="#d"> <a href="https://e"> <base href="/">"##;
        assert_eq!(links(page).collect::<Vec<_>>(), ["a.html#b", "css/c.css"]);
        assert_eq!(target(Path::new("book/x.html"), "a.html#b"), Path::new("book/a.html"));
    }
}
