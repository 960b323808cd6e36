//! Carrel's one binary. Each part of the suite is a subcommand; `carrel --help` lists them.

mod activity;
mod adopt;
mod age;
mod args;
mod client;
mod companions;
mod controllers;
mod docs;
mod doctor;
mod drain_plan;
mod heard;
mod history;
mod kind;
mod logs;
mod outside;
mod pages;
mod policy;
mod printed;
mod report;
mod rights;
mod routing;
mod status;
mod volumes;
mod why;
mod wiring;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use args::{Args, Command};
use doctor::DoctorArgs;

/// Fewer pages for the same caches than the system's allocator, and no slower.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let result = match args().command {
        Command::Controllers(args) => controllers::run(*args).map_err(|error| error.to_string()),
        Command::Adopt(args) => adopt::run(&args).map_err(|error| error.to_string()),
        Command::Why(args) => why::run(&args).map_err(|error| error.to_string()),
        Command::Doctor(args) => return diagnose(&args),
        Command::Volumes(args) => volumes::run(&args).map_err(|error| error.to_string()),
        Command::DrainPlan(args) => drain_plan::run(&args).map_err(|error| error.to_string()),
        Command::Policy(args) => policy::run(&args).map_err(|error| error.to_string()),
        Command::Report(args) => report::run(&args).map_err(|error| error.to_string()),
        Command::Crds => docs::crds().map_err(|error| error.to_string()),
        Command::Reasons => docs::reasons().map_err(|error| error.to_string()),
        Command::Rights => rights::print().map_err(|error| error.to_string()),
        Command::Metrics => docs::metrics().map_err(|error| error.to_string()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            printed::say(&format!("carrel: {problem}"));
            ExitCode::FAILURE
        }
    }
}

/// Its findings are told apart from that there are none.
fn diagnose(args: &DoctorArgs) -> ExitCode {
    doctor::run(args).unwrap_or_else(|problem| {
        printed::say(&format!("carrel: {problem}"));
        ExitCode::from(doctor::BLIND)
    })
}

/// How kubectl calls a plugin of the name carrel, and how its user does.
const PLUGIN: (&str, &str) = ("kubectl-carrel", "kubectl carrel");

/// The command line. As a plugin of kubectl, its help is about what people type.
fn args() -> Args {
    let mut command = Args::command();
    let program = std::env::args_os().next().map(PathBuf::from).unwrap_or_default();
    if program.file_stem().is_some_and(|name| name == PLUGIN.0) {
        command = command.bin_name(PLUGIN.1);
    }
    let matches = command.clone().get_matches();
    Args::from_arg_matches(&matches).unwrap_or_else(|error| error.format(&mut command).exit())
}
