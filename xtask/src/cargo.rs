//! cargo, as a developer calls it.

use std::process::Command;

use crate::home;

/// How all binaries are built: with the tests, whose features of crates they share then. Without, each crate that has others would be
/// built once more.
pub(crate) const BUILD: [&str; 5] = ["build", "--quiet", "--workspace", "--bins", "--tests"];

/// cargo with these arguments, in the repository.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(home::repository());
    // Set by the cargo that runs xtask, for xtask's own package. Crates that ask for them would be built anew, and once more when
    // xtask is run without it.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PKG_") || name == "CARGO_MANIFEST_DIR" {
            command.env_remove(name);
        }
    }
    command
}
