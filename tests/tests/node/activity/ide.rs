//! code-server, open in a browser.

use anyhow::{Result, ensure};
use carrel_api::activity::{Signal, Verdict, Vote};
use carrel_tests::eventually;
use jiff::{SignedDuration, Timestamp};
use xtask::code_server::Window;
use xtask::images::{Image, ensure as build};

use super::{Lab, NAME, SLACK, of};
use crate::companions::address;

const OPEN: SignedDuration = SignedDuration::from_secs(150);
const WORKS_EACH: SignedDuration = SignedDuration::from_secs(15);
/// How long code-server calls itself alive after a beat of its heart.
const HEART: SignedDuration = SignedDuration::from_secs(60);

#[tokio::test]
async fn an_open_code_server_keeps_its_notebook_until_it_is_closed() -> Result<()> {
    build(&[Image::CodeServer], true)?;
    // As Kubeflow's spawner makes them: it knows no prefix, so the route takes that off.
    let lab = Lab::open(Image::CodeServer.reference(), "{notebooks.kubeflow.org/http-rewrite-uri: /}").await?;
    let site = address(&lab.desk, NAME).await?;
    let name = "2f1c9a54-7c1e-4d0a-9f58-0d6b1c3e5a77";
    let window = eventually("the window", async || Window::open(&site, name)).await?;
    let closes = Timestamp::now() + OPEN;

    let busy = lab.is_found(Verdict::Busy).await?;
    let heart = of(Signal::CodeServer, &busy.evidence)?;
    ensure!(heart.vote == Vote::Busy && heart.value == "alive" && busy.evidence.len() == 1, "{busy:?}");
    while Timestamp::now() < closes {
        window.work()?;
        lab.runs_until(closes.min(Timestamp::now() + WORKS_EACH)).await?;
    }
    drop(window);

    // The last beat may be as old as the heart's period when the window closes.
    let stop = lab.is_stopped(closes, HEART + SLACK).await?;
    ensure!(of(Signal::CodeServer, &stop.evidence)?.value == "expired", "{stop:?}");
    Ok(())
}
