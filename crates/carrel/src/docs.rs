//! What is generated from the code: the CRDs and the pages of the docs that follow from closed sets.

use std::io::{self, Write};

use carrel_api::notebook::Reason;

/// Prints each CRD as a YAML document.
pub(crate) fn crds() -> io::Result<()> {
    let mut out = io::stdout().lock();
    for crd in carrel_api::crds() {
        let text = serde_saphyr::to_string(&crd).map_err(io::Error::other)?;
        writeln!(out, "---\n{}", text.trim_end())?;
    }
    Ok(())
}

/// Prints the table of reasons.
pub(crate) fn reasons() -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "| reason | what it means, and what helps |\n|---|---|")?;
    for reason in Reason::ALL {
        writeln!(out, "| `{}` | {} |", reason.as_str(), reason.sentence())?;
    }
    Ok(())
}
