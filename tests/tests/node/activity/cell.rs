//! A cell that computes in silence, with nobody watching.

use anyhow::{Context, Result, ensure};
use carrel_api::activity::{Signal, Verdict, Vote};
use jiff::{SignedDuration, Timestamp};

use super::{LIMIT, Lab, WARNING, of};

const SLEEPS: SignedDuration = SignedDuration::from_secs(180);

#[tokio::test]
async fn a_silent_cell_of_three_minutes_is_not_stopped_by_a_limit_of_one_but_its_notebook_is_when_it_ended()
-> Result<()> {
    let (lab, jupyter) = Lab::jupyter().await?;
    let kernel = jupyter.kernel()?;
    kernel.run("import time")?;
    kernel.leave(&format!("time.sleep({})", SLEEPS.as_secs()))?;
    let ends = Timestamp::now() + SLEEPS;
    let busy = lab.is_found(Verdict::Busy).await?;
    let kernels = of(Signal::Kernels, &busy.evidence)?;
    ensure!(kernels.vote == Vote::Busy && kernels.value == "1 of 1 kernels busy", "{busy:?}");
    lab.is_left_alone_until(ends - SignedDuration::from_secs(2)).await?;

    let warned = lab.is_warned().await?;
    let activity = warned.life.activity.context("nothing is said of its activity")?;
    let pending = activity.pending.context("no pending stop")?;
    ensure!(activity.verdict == Verdict::Idle, "{pending:?}");
    let off = activity.since.duration_since(ends).abs();
    ensure!(off < SignedDuration::from_secs(5), "idle since {}, and the cell ended at {ends}", activity.since);
    ensure!(pending.at >= activity.since + LIMIT && pending.at >= pending.warned + WARNING, "{pending:?}");

    let stop = lab.is_stopped(ends, SignedDuration::from_secs(5)).await?;
    // A stop is noted in whole seconds.
    ensure!(stop.at >= carrel_api::whole_seconds(pending.at), "stopped at {}, announced for {}", stop.at, pending.at);
    let kernels = of(Signal::Kernels, &stop.evidence)?;
    ensure!(kernels.value == "none of 1 kernels busy" && kernels.at >= pending.at, "{stop:?}");
    Ok(())
}
