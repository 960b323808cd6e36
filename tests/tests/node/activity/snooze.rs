//! A notebook that its owner asks to keep.

use anyhow::{Context, Result, ensure};
use carrel_api::activity::{Signal, Verdict, Vote};
use carrel_api::vocabulary::KEEP_ALIVE;
use jiff::{SignedDuration, Timestamp};

use super::{LIMIT, Lab, NAME, of};

const KEPT: SignedDuration = SignedDuration::from_secs(150);

#[tokio::test]
async fn a_snooze_holds_for_its_time_and_no_longer() -> Result<()> {
    let (lab, _) = Lab::jupyter().await?;
    lab.is_warned().await?;
    let until = carrel_api::whole_seconds(Timestamp::now() + KEPT);
    lab.desk.annotate(NAME, KEEP_ALIVE, Some(&until.to_string())).await?;
    let busy = lab.is_found(Verdict::Busy).await?;
    let vote = of(Signal::KeepAlive, &busy.evidence)?;
    ensure!(vote.vote == Vote::Busy && vote.value.starts_with("kept until 20"), "{busy:?}");
    let kept = busy.kept.as_ref().context("no snooze")?;
    // Snoozes are counted in whole seconds.
    let short = until.duration_since(kept.until);
    ensure!(!short.is_negative() && short < SignedDuration::from_secs(1), "kept until {}, not {until}", kept.until);
    ensure!(kept.asked == until.to_string() && busy.pending.is_none(), "{busy:?}");
    let until = kept.until;
    lab.runs_until(until).await?;

    // Nobody used it all the time, so that it goes when the snooze is over, after a new warning.
    let stop = lab.is_stopped(until, LIMIT).await?;
    ensure!(stop.at > until, "{stop:?}");
    Ok(())
}
