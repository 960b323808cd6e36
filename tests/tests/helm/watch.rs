//! Somebody who asks each server all the time, and notes for how long one does not answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use xtask::web;

/// How long each server was away at most.
type Away = BTreeMap<String, Duration>;

/// Asks, until it is ended.
pub(crate) struct Watch {
    over: Arc<AtomicBool>,
    asking: JoinHandle<Away>,
}

impl Watch {
    /// Asks these servers, by their names, again and again.
    pub(crate) fn over(addresses: BTreeMap<String, String>) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let end = over.clone();
        let asking = std::thread::spawn(move || ask(&addresses, &end));
        Self { over, asking }
    }

    /// Ends it. The longest time for which a server did not answer, but for the one whose Service was taken away.
    pub(crate) fn end(self, but: &str) -> Result<Duration> {
        self.over.store(true, Ordering::Relaxed);
        let mut away = self.asking.join().map_err(|_| anyhow!("who asked is gone"))?;
        ensure!(away.remove(but).is_some(), "{but} was never asked");
        Ok(away.into_values().max().unwrap_or_default())
    }
}

fn ask(addresses: &BTreeMap<String, String>, end: &AtomicBool) -> Away {
    let mut away: Away = addresses.keys().map(|name| (name.clone(), Duration::ZERO)).collect();
    let mut since: BTreeMap<&str, Instant> = addresses.keys().map(|name| (name.as_str(), Instant::now())).collect();
    while !end.load(Ordering::Relaxed) {
        for (name, address) in addresses {
            let asked = Instant::now();
            let answers = web::get(&format!("{address}/api")).is_ok_and(|(status, _)| status == 200);
            if answers {
                since.insert(name, Instant::now());
            } else if let (Some(longest), Some(since)) = (away.get_mut(name), since.get(name.as_str())) {
                // From the last answer, as nobody knows when between the two it went.
                *longest = (*longest).max(asked.elapsed().max(since.elapsed()));
            }
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    away
}
