//! The pages that people read, as the tests read them: where their links lead, what their headings are called, and the
//! blocks of code in them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use xtask::home::repository;

/// A page.
#[derive(Debug)]
pub struct Page {
    /// Where it is, from the repository on.
    pub path: PathBuf,
    /// Where its links lead, as they are written.
    pub links: Vec<String>,
    /// What links to its headings end with.
    pub anchors: BTreeSet<String>,
    /// What is marked as code in its sentences.
    pub words: Vec<String>,
    /// Its blocks of code, in their order.
    pub blocks: Vec<Block>,
}

/// A block of code.
#[derive(Debug)]
pub struct Block {
    /// What it is marked as: `sh`, `console`, `yaml`, `json`, or nothing.
    pub language: String,
    /// What it says.
    pub text: String,
}

/// The folders whose pages are read, and the pages beside them.
const FOLDERS: &[&str] = &["docs", "examples"];
const ALONE: &[&str] = &["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "CHANGELOG.md"];

/// The programs that pages tell people to call.
const PROGRAMS: &[&str] = &["carrel", "cargo", "docker", "eval", "helm", "kubectl"];

/// All pages.
pub fn all() -> Result<Vec<Page>> {
    let mut paths: Vec<PathBuf> = ALONE.iter().map(PathBuf::from).collect();
    for folder in FOLDERS {
        paths.extend(files(folder, "md")?);
    }
    paths.iter().map(|path| Page::read(path)).collect()
}

/// The files of a folder of the repository that end so, from the repository on.
pub fn files(folder: &str, end: &str) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(repository().join(folder)).with_context(|| format!("can't list {folder}"))?;
    let names = entries.map(|entry| Ok(Path::new(folder).join(entry?.file_name())));
    let mut paths = names.collect::<Result<Vec<_>>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == end));
    paths.sort();
    Ok(paths)
}

impl Page {
    fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(repository().join(path))
            .with_context(|| format!("can't read {}", path.display()))?;
        let mut page = Self::of(&text);
        path.clone_into(&mut page.path);
        Ok(page)
    }

    fn of(text: &str) -> Self {
        let mut page = Self {
            path: PathBuf::new(),
            links: Vec::new(),
            anchors: BTreeSet::new(),
            words: Vec::new(),
            blocks: Vec::new(),
        };
        let (mut heading, mut block) = (None::<String>, None::<Block>);
        let mut taken = BTreeMap::new();
        for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
            match event {
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    page.links.push(dest_url.into_string());
                }
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    page.anchors.extend(heading.take().map(|text| anchor(&text, &mut taken)));
                }
                Event::Start(Tag::CodeBlock(kind)) => {
                    let language = match kind {
                        CodeBlockKind::Fenced(language) => language.into_string(),
                        CodeBlockKind::Indented => String::new(),
                    };
                    block = Some(Block { language, text: String::new() });
                }
                Event::End(TagEnd::CodeBlock) => page.blocks.extend(block.take()),
                Event::Text(text) => {
                    if let Some(place) = heading.as_mut().or(block.as_mut().map(|block| &mut block.text)) {
                        place.push_str(&text);
                    }
                }
                Event::Code(text) => match &mut heading {
                    Some(heading) => heading.push_str(&text),
                    None => page.words.push(text.into_string()),
                },
                _ => {}
            }
        }
        page
    }
}

/// What a link to a heading ends with, by the rule that GitHub and mdBook share.
fn anchor(heading: &str, taken: &mut BTreeMap<String, u32>) -> String {
    let kept = |c: char| match c {
        c if c.is_whitespace() => Some('-'),
        c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
        _ => None,
    };
    let name: String = heading.trim().to_lowercase().chars().filter_map(kept).collect();
    let count = taken.entry(name.clone()).or_default();
    *count += 1;
    if *count == 1 { name } else { format!("{name}-{}", *count - 1) }
}

impl Block {
    /// The commands in it, each as a person types it. Of a block that shows what commands print, those after a `$`.
    pub fn commands(&self) -> Vec<&str> {
        if !["", "sh", "console"].contains(&self.language.as_str()) {
            return Vec::new();
        }
        let printed = self.text.lines().any(|line| line.starts_with("$ "));
        let typed = self.text.lines().filter_map(|line| {
            let line = if printed { line.strip_prefix("$ ")? } else { line };
            let line = line.split(" # ").next().unwrap_or(line).trim_end();
            let program = line.split(' ').next().unwrap_or_default();
            let all = printed || self.language == "sh";
            let is_one = !line.is_empty() && !line.starts_with('#') && (all || PROGRAMS.contains(&program));
            is_one.then(|| line.split(" && "))
        });
        typed.flatten().collect()
    }

    /// The name of the file that it is to be saved as, where its first line is a comment with one.
    pub fn file(&self) -> Option<&str> {
        let name = self.text.lines().next()?.strip_prefix("# ")?;
        (!name.contains(' ') && Path::new(name).extension().is_some_and(|end| end == "yaml")).then_some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read() {
        let page = Page::of(
            "# Of `a`: b\n\n[c](d.md#e) and `deploy/crds`\n\n## x\n\n## x\n\n```sh\nkubectl get nb  # all\n```\n\n```console\n$ carrel volumes\nNAME\n```\n\n```yaml\n# a.yaml\nb: c\n```\n",
        );
        assert_eq!(page.links, ["d.md#e"]);
        assert_eq!(page.anchors, ["of-a-b", "x", "x-1"].map(str::to_owned).into());
        assert_eq!(page.words, ["deploy/crds"]);
        let [sh, console, yaml] = page.blocks.as_slice() else { panic!("{:?}", page.blocks) };
        assert_eq!((sh.commands(), console.commands()), (vec!["kubectl get nb"], vec!["carrel volumes"]));
        assert_eq!((yaml.commands(), yaml.file()), (vec![], Some("a.yaml")));
    }

    #[test]
    fn what_a_program_printed_is_no_command() {
        let block = |language: &str, text: &str| Block { language: language.to_owned(), text: text.to_owned() };
        assert!(block("", "NAME  READY\niris  True\n").commands().is_empty());
        assert_eq!(
            block("", "kubectl apply -f x && kubectl get y\n").commands(),
            ["kubectl apply -f x", "kubectl get y"]
        );
    }
}
