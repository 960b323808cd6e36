//! How lists are printed: in columns for people, as CSV or JSON for machines.

use std::io::{self, Write};

use clap::ValueEnum;
use serde::Serialize;

/// How a list is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// Lines in columns, for people.
    Table,
    /// Comma-separated values with a head, for spreadsheets.
    Csv,
    /// JSON, for machines.
    Json,
}

/// How a list is printed of which nobody makes a spreadsheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// Lines in columns, for people.
    Table,
    /// A JSON array, for machines.
    Json,
}

/// Prints a list, and beside it, so that what reads the list has nothing else in it, what it comes to.
pub(crate) fn print_list<T: Serialize>(
    rows: &[T],
    form: Form,
    table: impl FnOnce(&[T]) -> String,
    sum: &str,
) -> io::Result<()> {
    let printed = match form {
        Form::Json => serde_json::to_string_pretty(rows).map_err(io::Error::other)? + "\n",
        Form::Table if rows.is_empty() => String::new(),
        Form::Table => table(rows),
    };
    print(&printed)?;
    say(sum);
    Ok(())
}

/// Says something beside what is printed. That nobody listens is no failure.
pub(crate) fn say(words: &str) {
    let _ = writeln!(io::stderr(), "{words}");
}

/// Lines in columns, each as wide as its widest cell.
pub(crate) fn columns(lines: &[Vec<String>]) -> String {
    let count = lines.iter().map(Vec::len).max().unwrap_or_default();
    let width = |at: usize| lines.iter().filter_map(|line| line.get(at)).map(|cell| cell.chars().count()).max();
    let widths: Vec<_> = (0..count).map(|at| width(at).unwrap_or_default()).collect();
    let line = |cells: &Vec<String>| {
        let cells = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    lines.iter().map(line).collect()
}

/// Lines of comma-separated values (RFC 4180, but for the ends of lines).
pub(crate) fn csv(lines: &[Vec<String>]) -> String {
    let cell = |cell: &String| {
        // A spreadsheet takes what begins so for a formula, and servers choose some of the words.
        let cell =
            if cell.starts_with(['=', '+', '-', '@']) && cell.len() > 1 { format!("'{cell}") } else { cell.clone() };
        if cell.contains([',', '"', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
    };
    lines.iter().map(|cells| cells.iter().map(cell).collect::<Vec<_>>().join(",") + "\n").collect()
}

/// Prints to standard output. That nobody reads on is no failure.
pub(crate) fn print(text: &str) -> io::Result<()> {
    print_bytes(text.as_bytes())
}

/// The same of what was written as bytes.
pub(crate) fn print_bytes(text: &[u8]) -> io::Result<()> {
    match io::stdout().lock().write_all(text) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// A line from words.
pub(crate) fn line<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_stand_under_each_other_and_are_quoted_where_they_must_be() {
        let lines = [line(["NAME", "WHY"]), line(["a-longer-name", "idle, and \"done\""]), line(["=b", ""])];
        assert_eq!(columns(&lines), "NAME           WHY\na-longer-name  idle, and \"done\"\n=b\n");
        assert_eq!(csv(&lines), "NAME,WHY\na-longer-name,\"idle, and \"\"done\"\"\"\n'=b,\n");
    }
}
