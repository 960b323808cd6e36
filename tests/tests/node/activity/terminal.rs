//! A terminal in which something prints, and whose page is closed.

use anyhow::{Result, ensure};
use carrel_api::activity::{Signal, Verdict};
use jiff::{SignedDuration, Timestamp};

use super::{Lab, of};

const PRINTS: SignedDuration = SignedDuration::from_secs(150);

#[tokio::test]
async fn a_terminal_that_prints_keeps_its_notebook_though_its_page_is_closed() -> Result<()> {
    let (lab, jupyter) = Lab::jupyter().await?;
    let mut terminal = jupyter.terminal()?;
    // What is typed is shown too: the answer is none of that.
    let line = format!("for i in $(seq {}); do echo line-$i; sleep 1; done", PRINTS.as_secs());
    terminal.type_line(&line, "line-1")?;
    let ends = Timestamp::now() + PRINTS;
    drop(terminal);
    let busy = lab.is_found(Verdict::Busy).await?;
    ensure!(of(Signal::Terminals, &busy.evidence)?.value == "1 terminals", "{busy:?}");
    ensure!(of(Signal::Kernels, &busy.evidence)?.value == "no kernels", "{busy:?}");
    lab.is_left_alone_until(ends - SignedDuration::from_secs(2)).await?;

    lab.is_warned().await?;
    // The loop's own work makes it a little longer.
    lab.is_stopped(ends, SignedDuration::from_secs(5)).await.map(drop)
}
