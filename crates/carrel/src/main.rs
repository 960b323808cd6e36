//! Carrel's one binary. Each part of the suite is a subcommand; `carrel --help` lists them.

mod activity;
mod age;
mod args;
mod client;
mod companions;
mod controllers;
mod docs;
mod drain_plan;
mod history;
mod logs;
mod outside;
mod pages;
mod policy;
mod printed;
mod report;
mod rights;
mod routing;
mod volumes;
mod wiring;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};

/// Fewer pages for the same caches than the system's allocator, and no slower.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let result = match Args::parse().command {
        Command::Controllers(args) => controllers::run(*args).map_err(|error| error.to_string()),
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
            eprintln!("carrel: {problem}");
            ExitCode::FAILURE
        }
    }
}
