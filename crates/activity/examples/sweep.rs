//! How long one sweep of 10,000 servers takes on one core, with and without a thousand that hang.
//!
//! A stand-in server answers for all of them in a thread of its own; the prober has one thread. Each server is at another
//! address of 127.0.0.0/16, so that no port of the client is used up.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use carrel_activity::answers::Answer;
use carrel_activity::prober::{Asker, Prober, Question, Reach, Server, Settings, Target};
use carrel_activity::table::Table;
use carrel_runtime::Key;
use jiff::Timestamp;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

const SERVERS: usize = 10_000;
const HANGING: usize = 1_000;
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n[]";

type Failure = Box<dyn std::error::Error>;

/// The connections that the stand-in has.
#[derive(Default)]
struct Open {
    now: AtomicUsize,
    most: AtomicUsize,
}

/// Who was heard, when it was asked, and whether it answered.
struct Heard {
    name: String,
    asked: Timestamp,
    at: Timestamp,
    answered: bool,
}

fn main() -> Result<(), Failure> {
    let open = Arc::new(Open::default());
    let (bound, port) = std::sync::mpsc::channel();
    let counted = open.clone();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let listener = TcpListener::bind("0.0.0.0:0").await?;
            // Fails only when the other end, the program, is over.
            let _ = bound.send(listener.local_addr()?.port());
            stand_in(listener, counted).await
        })
    });
    let port = port.recv()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        sweeps("all answer", port, 0, &open).await?;
        sweeps("1,000 hang", port, HANGING, &open).await
    })
}

async fn stand_in(listener: TcpListener, open: Arc<Open>) -> std::io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        let open = open.clone();
        tokio::spawn(async move {
            let now = open.now.fetch_add(1, Ordering::Relaxed) + 1;
            open.most.fetch_max(now, Ordering::Relaxed);
            // Whoever asks has gone when this fails, which is no matter.
            let _ = answer(&stream).await;
            open.now.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

/// Answers one request, or nothing to one for a server that hangs.
async fn answer(stream: &TcpStream) -> std::io::Result<()> {
    let mut head = [0; 1024];
    loop {
        stream.readable().await?;
        // A request of this size comes in one piece.
        match stream.try_read(&mut head) {
            Ok(0) => return Ok(()),
            Ok(_) if head.starts_with(b"GET /hanging") => {}
            Ok(_) => break,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    stream.writable().await?;
    stream.try_write(ANSWER).map(drop)
}

fn target(n: usize, port: u16, hanging: usize) -> Result<Target, Failure> {
    // Spread among the others, as they are in a cluster.
    let word =
        if n.is_multiple_of(SERVERS / HANGING) && n / (SERVERS / HANGING) < hanging { "hanging" } else { "good" };
    let name = format!("{word}-{n}");
    let reach = Reach {
        namespace: "team".into(),
        pod: format!("{name}-0"),
        pod_ip: IpAddr::V4(Ipv4Addr::new(127, 0, u8::try_from(n / 250)?, u8::try_from(n % 250 + 1)?)),
        port,
        service: name.clone(),
    };
    let server = Server { kind: "Notebook", key: Key::new("team", name.clone()) };
    let questions = vec![Question::Kernels, Question::Terminals];
    Ok(Target { server, pod_uid: format!("uid-{n}"), reach, base_path: format!("/{name}"), questions })
}

/// Three sweeps, each as fast as it goes: the first knows of nobody that it is slow.
async fn sweeps(what: &str, port: u16, hanging: usize, open: &Open) -> Result<(), Failure> {
    let table = Arc::new(Table::new(|last: &bool, next| last != next));
    for n in 0..SERVERS {
        let target = target(n, port, hanging)?;
        table.look_after(&target.server.clone(), Some(target));
    }
    // Nobody's turn comes by itself while this runs.
    let settings = Settings { period: Duration::from_hours(10_000), ..Settings::default() };
    let prober = Prober::new(table.clone(), Asker::pods(), settings);
    let ask_now = prober.ask_now();
    let (tell, mut told) = mpsc::unbounded_channel();
    let hear = move |target: &Target, answers: Vec<(Question, Answer)>, asked: Timestamp, _| {
        let answered = answers.iter().all(|(_, answer)| *answer == Answer::Body("[]".into()));
        table.heard_of(&target.server, &target.pod_uid, answered);
        let name = target.server.key.name.clone();
        let _ = tell.send(Heard { name, asked, at: Timestamp::now(), answered });
    };
    let running = tokio::spawn(prober.run(|| true, hear));
    for round in 1..=3 {
        open.most.store(0, Ordering::Relaxed);
        let (start, cpu) = (Instant::now(), cpu());
        for n in 0..SERVERS {
            ask_now.ask_now(target(n, port, hanging)?.server);
        }
        let (mut good, mut late, mut wrong) = (Vec::new(), HashSet::new(), 0);
        let mut good_took = Duration::ZERO;
        while good.len() + late.len() < SERVERS {
            let Some(heard) = told.recv().await else { return Err("the prober is gone".into()) };
            if heard.name.starts_with("hanging") {
                late.insert(heard.name);
            } else {
                good.push(heard.at.duration_since(heard.asked));
                wrong += usize::from(!heard.answered);
                good_took = start.elapsed();
            }
        }
        good.sort_unstable();
        let percentile = |of: usize| good.get(good.len() * of / 100).copied().unwrap_or_default().as_millis();
        println!(
            "{what}, sweep {round}: {} good ones in {:.2} s ({wrong} without an answer), p50 {} ms, p99 {} ms; \
             all in {:.2} s, CPU {:.2} s; at most {} connections",
            good.len(),
            good_took.as_secs_f64(),
            percentile(50),
            percentile(99),
            start.elapsed().as_secs_f64(),
            cpu_since(cpu).as_secs_f64(),
            open.most.load(Ordering::Relaxed),
        );
    }
    running.abort();
    Ok(())
}

/// What this thread has computed so far.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(stat.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or_default())
}

fn cpu_since(before: Duration) -> Duration {
    cpu().saturating_sub(before)
}
