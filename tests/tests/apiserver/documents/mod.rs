//! The pages that people read, tried: their objects are taken by the API server, and their commands are run in order, page by
//! page, where the examples run. What can't run here says where it does (`elsewhere`).

mod elsewhere;
mod stage;
mod town;

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use carrel_tests::pages::{self, Page};
use carrel_tests::{Desk, given, kubectl};
use serde_json::Value;
use xtask::home::repository;

use elsewhere::{ELSEWHERE, REHEARSED};
use stage::Stage;

/// What is called instead of the programs that pages name, to ask only whether they take their arguments.
const OURS: &[(&str, &str)] =
    &[("carrel ", "CARREL_BINARY"), ("cargo run -p carrel -- ", "CARREL_BINARY"), ("cargo xtask ", "CARREL_XTASK")];

/// What a page's reader puts in the place of these.
const PLACEHOLDERS: &[(&str, &str)] = &[
    ("NAMESPACE", "team-a"),
    ("KIND", "notebook"),
    ("NOTEBOOK", "iris"),
    ("NODE", "fake-1"),
    ("NAME", "name"),
    ("FILE", "file"),
    ("REGISTRY", "registry.example"),
];

/// Objects in the examples of pages that stand for any other.
const STAND_FOR: &[(&str, &str)] = &[(" trains ", " iris "), (" second ", " iris ")];

/// A command that asks whether the program takes these arguments, if it is one of Carrel's own programs.
fn question(command: &str) -> Result<Option<String>> {
    let inner = command.strip_prefix("eval \"$(").and_then(|rest| rest.strip_suffix(")\"")).unwrap_or(command);
    let ours = OURS.iter().find_map(|(start, program)| Some((inner.strip_prefix(start)?, program)));
    let Some((arguments, program)) = ours else { return Ok(None) };
    // What may be left out is in brackets.
    let mut arguments = arguments.replace(['[', ']'], "");
    for (placeholder, value) in PLACEHOLDERS {
        arguments = arguments.replace(placeholder, value);
    }
    Ok(Some(format!("'{}' {arguments} --help", given(program)?)))
}

#[tokio::test]
async fn each_command_of_carrels_own_programs_is_one_that_they_take() -> Result<()> {
    let mut asked = 0;
    for page in pages::all()? {
        for command in page.blocks.iter().flat_map(pages::Block::commands) {
            if let Some(question) = question(command)? {
                let asks = carrel_tests::run(std::process::Command::new("sh").args(["-c", &question]));
                asks.with_context(|| format!("{}: {command}", page.path.display()))?;
                asked += 1;
            }
        }
    }
    ensure!(asked > 15, "only {asked} were asked");
    Ok(())
}

/// The commands of a page that are neither Carrel's own programs' nor run elsewhere. What makes the latter so is noted as needed.
fn to_run<'a>(page: &'a Page, needed: &mut BTreeSet<&'static str>) -> Result<Vec<&'a str>> {
    let mut commands = Vec::new();
    for command in page.blocks.iter().flat_map(pages::Block::commands) {
        let reason = ELSEWHERE.iter().find(|one| command.starts_with(one.command));
        if let Some(reason) = reason {
            needed.insert(reason.command);
        } else if question(command)?.is_none() {
            commands.push(command);
        }
    }
    Ok(commands)
}

/// The command as it is typed here.
fn typed(command: &str) -> String {
    let typed = STAND_FOR.iter().fold(command.to_owned(), |typed, (from, to)| typed.replace(from, to));
    let rehearsal = REHEARSED.iter().find(|(start, _)| command.starts_with(start));
    rehearsal.map_or_else(|| typed.clone(), |(_, flags)| format!("{typed} {flags}"))
}

#[tokio::test]
async fn each_command_of_the_pages_runs() -> Result<()> {
    town::build()?;
    let (mut needed, mut ran) = (BTreeSet::new(), 0);
    for page in pages::all()? {
        let commands = to_run(&page, &mut needed)?;
        if commands.is_empty() {
            continue;
        }
        let stage = Stage::new().await?;
        stage.examples(&["iris", "tensorboard", "viewer", "volume"]).await?;
        for block in &page.blocks {
            if let Some(file) = block.file() {
                stage.save(file, &block.text)?;
            }
            for command in block.commands().iter().filter(|command| commands.contains(command)) {
                stage.types(&typed(command)).with_context(|| format!("{}: {command}", page.path.display()))?;
                ran += 1;
            }
        }
    }
    ensure!(ran > 60, "only {ran} ran");
    let unneeded: Vec<_> = ELSEWHERE.iter().filter(|one| !needed.contains(one.command)).collect();
    ensure!(unneeded.is_empty(), "no page has these any more: {unneeded:?}");
    Ok(())
}

#[test]
fn what_runs_elsewhere_does() -> Result<()> {
    for one in ELSEWHERE {
        let text = std::fs::read_to_string(repository().join(one.file)).with_context(|| one.file)?;
        ensure!(text.contains(one.there), "{} has no {:?}, which runs {:?}", one.file, one.there, one.command);
    }
    Ok(())
}

/// Kinds that kubectl reads and sends to nobody.
const FOR_KUBECTL: &[&str] = &["Kustomization"];

#[tokio::test]
async fn each_object_of_the_pages_is_taken_by_the_api_server() -> Result<()> {
    let desk = Desk::without_controllers().await?;
    town::build()?;
    let mut taken = 0;
    for page in pages::all()? {
        for block in page.blocks.iter().filter(|block| block.language == "yaml") {
            let objects: Vec<Value> = serde_saphyr::from_multiple(&block.text)?;
            let whole = |object: &Value| object["kind"].as_str().is_some_and(|kind| !FOR_KUBECTL.contains(&kind));
            if !objects.iter().all(whole) {
                continue;
            }
            let file = tempfile::NamedTempFile::new()?;
            std::fs::write(file.path(), block.text.replace("team-a", &desk.namespace))?;
            let path = file.path().to_str().context("a path that is no text")?;
            // What names a namespace of its own keeps it.
            let named = objects.iter().any(|object| object.pointer("/metadata/namespace").is_some());
            let namespace: &[&str] = if named { &[] } else { &["-n", &desk.namespace] };
            kubectl(&[namespace, &["apply", "--dry-run=server", "-f", path]].concat())
                .with_context(|| format!("{}:\n{}", page.path.display(), block.text))?;
            taken += objects.len();
        }
    }
    ensure!(taken > 10, "only {taken} were taken");
    Ok(())
}

#[tokio::test]
async fn each_example_is_applied_and_what_it_starts_runs() -> Result<()> {
    let stage = Stage::new().await?;
    let all = pages::files("examples", "yaml")?;
    let names: Vec<_> = all.iter().filter_map(|path| path.file_stem()?.to_str()).collect();
    stage.examples(&names).await?;
    stage.desk.reaches("nightly", "Running").await?;
    for server in ["tensorboard/iris-runs", "pvcviewer/iris-home", "volumerequest/datasets"] {
        stage.types(&format!("kubectl wait --for=condition=Ready {server} --timeout=90s"))?;
    }
    // A member of the team may do what the example says, and read no Secret.
    let may = |words: &str| stage.types(&format!("kubectl auth can-i {words} -n team-b --as=ada --as-group=team-b"));
    for words in ["create notebooks.kubeflow.org", "get pods --subresource=log", "patch volumerequests.carrel.dev"] {
        may(words)?;
    }
    ensure!(may("get secrets").is_err() && may("create pods").is_err(), "a member may do too much");
    Ok(())
}
