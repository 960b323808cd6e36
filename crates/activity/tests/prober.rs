//! The prober against servers that answer, misbehave and hang.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use carrel_activity::answers::{Answer, LONGEST_VALUE};
use carrel_activity::prober::{AskNow, Asker, MOST_BYTES, Prober, Question, Reach, Server, Settings, Target};
use carrel_activity::table::Table;
use carrel_runtime::Key;
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};

/// Longer than any test waits.
const LONG: Duration = Duration::from_mins(10);
const SHORT: Duration = Duration::from_millis(300);

/// One byte that comes in.
async fn read(stream: &TcpStream) -> io::Result<u8> {
    loop {
        stream.readable().await?;
        let mut byte = [0];
        match stream.try_read(&mut byte) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => return Ok(byte[0]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

/// Sends all of this.
async fn write(stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.writable().await?;
        match stream.try_write(bytes) {
            Ok(sent) => bytes = &bytes[sent..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A server whose connections are all handled so, after the head of the request was read. Gives its address.
async fn serve<F, Fut>(handle: F) -> SocketAddr
where
    F: Fn(TcpStream, String) -> Fut + Send + Sync + Clone + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let handle = handle.clone();
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let Ok(byte) = read(&stream).await else { return };
                    head.push(byte);
                }
                handle(stream, String::from_utf8(head).unwrap()).await;
            });
        }
    });
    address
}

/// A server that always writes this and closes.
async fn says(raw: impl Into<String>) -> SocketAddr {
    let raw: Arc<str> = raw.into().into();
    serve(move |stream, _| {
        let raw = raw.clone();
        async move { drop(write(&stream, raw.as_bytes()).await) }
    })
    .await
}

fn server(name: &str) -> Server {
    Server { kind: "Notebook", key: Key::new("team", name) }
}

fn target(name: &str, address: SocketAddr) -> Target {
    let reach = Reach {
        namespace: "team".into(),
        pod: format!("{name}-0"),
        pod_ip: address.ip(),
        port: address.port(),
        service: name.into(),
    };
    let base_path = format!("/notebook/team/{name}");
    Target {
        server: server(name),
        pod_uid: format!("uid-{name}"),
        reach,
        base_path,
        questions: vec![Question::Kernels],
    }
}

async fn ask(address: SocketAddr, limit: Duration) -> Answer {
    Asker::pods().ask(&target("nb", address), Question::Kernels, limit).await
}

fn why(answer: Answer) -> String {
    let Answer::Unreachable(why) = answer else { panic!("{answer:?}") };
    why
}

#[tokio::test]
async fn a_body_is_given_and_the_question_is_asked_below_the_base_without_being_activity() {
    let heads = Arc::new(Mutex::new(Vec::new()));
    let kept = heads.clone();
    let address = serve(move |stream, head| {
        kept.lock().push(head);
        async move { drop(write(&stream, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: a=b\r\n\r\n[]").await) }
    })
    .await;
    assert_eq!(ask(address, LONG).await, Answer::Body("[]".into()));
    assert_eq!(ask(address, LONG).await, Answer::Body("[]".into()));
    let heads = heads.lock().clone();
    assert!(heads[0].starts_with("GET /notebook/team/nb/api/kernels?no_track_activity=1 HTTP/1.1\r\n"), "{}", heads[0]);
    assert!(heads[0].to_lowercase().contains(&format!("host: {address}\r\n")), "{}", heads[0]);
    assert!(!heads[1].to_lowercase().contains("cookie"), "{}", heads[1]);
}

#[tokio::test]
async fn a_body_in_chunks_and_one_until_the_end_are_whole() {
    let chunked = says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n[\r\n1\r\n]\r\n0\r\n\r\n").await;
    assert_eq!(ask(chunked, LONG).await, Answer::Body("[]".into()));
    assert_eq!(ask(says("HTTP/1.1 200 OK\r\n\r\n[]").await, LONG).await, Answer::Body("[]".into()));
}

#[tokio::test]
async fn statuses_are_told_apart() {
    for (status, answer) in
        [("403 Forbidden", Answer::Refused(403)), ("503 Oh", Answer::Refused(503)), ("404 Not Found", Answer::NotFound)]
    {
        let address = says(format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\n[]")).await;
        assert_eq!(ask(address, LONG).await, answer);
    }
}

#[tokio::test]
async fn a_redirect_is_told_and_not_followed() {
    let reached = Arc::new(AtomicUsize::new(0));
    let count = reached.clone();
    let elsewhere = serve(move |_, _| {
        count.fetch_add(1, Ordering::SeqCst);
        async {}
    })
    .await;
    let location = format!("http://{elsewhere}/login?{}", "x".repeat(5000));
    let address = says(format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")).await;
    let Answer::Redirected(told) = ask(address, LONG).await else { panic!("no redirect") };
    let kept = told.strip_suffix('…').unwrap_or_else(|| panic!("not cut: {told}"));
    assert!(location.starts_with(kept) && kept.len() > 20 && told.chars().count() <= LONGEST_VALUE, "{told}");
    assert_eq!(reached.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_body_of_the_most_bytes_is_read_and_one_byte_more_is_too_long() {
    for (bytes, too_long) in [(MOST_BYTES, false), (MOST_BYTES + 1, true)] {
        let body = "x".repeat(bytes);
        for head in [format!("Content-Length: {bytes}\r\n"), String::new()] {
            let answer = ask(says(format!("HTTP/1.1 200 OK\r\n{head}\r\n{body}")).await, LONG).await;
            assert_eq!(answer == Answer::TooLong, too_long, "{head}");
            assert_eq!(matches!(answer, Answer::Body(body) if body.len() == bytes), !too_long, "{head}");
        }
    }
}

#[tokio::test]
async fn an_endless_body_is_too_long_and_is_not_waited_for() {
    let address = serve(|stream, _| async move {
        drop(write(&stream, b"HTTP/1.1 200 OK\r\n\r\n").await);
        while write(&stream, &[b'x'; 4096]).await.is_ok() {}
    })
    .await;
    assert_eq!(ask(address, LONG).await, Answer::TooLong);
}

#[tokio::test]
async fn a_length_beyond_the_most_is_not_waited_for() {
    let address = serve(|stream, _| async move {
        drop(write(&stream, b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n").await);
        drop(read(&stream).await);
    })
    .await;
    assert_eq!(ask(address, LONG).await, Answer::TooLong);
}

#[tokio::test]
async fn a_server_that_hangs_or_drips_is_out_of_time() {
    assert_eq!(ask(hanging().await.0, SHORT).await, Answer::Timeout);
    for head in ["", "HTTP/1.1 200 OK\r\n\r\n"] {
        let dripping = serve(move |stream, _| async move {
            drop(write(&stream, head.as_bytes()).await);
            while write(&stream, b"H").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
        let answer = ask(dripping, SHORT).await;
        // Bytes that can't become a head are found out at once.
        assert!(answer == Answer::Timeout || head.is_empty() && matches!(answer, Answer::Unreachable(_)), "{answer:?}");
    }
}

#[tokio::test]
async fn nobody_at_the_port_is_told_with_the_address() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let why = why(ask(address, LONG).await);
    assert!(why.contains(&address.to_string()) && why.contains("refused"), "{why}");
}

#[tokio::test]
async fn what_is_no_http_or_breaks_off_is_no_answer() {
    for raw in ["SSH-2.0-OpenSSH_9.6\r\n\r\n", "", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[]"] {
        let answer = ask(says(raw).await, LONG).await;
        assert!(matches!(&answer, Answer::Unreachable(why) if why.len() > 5), "{raw}: {answer:?}");
    }
    let head = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(1_000_000));
    assert!(matches!(ask(says(head).await, LONG).await, Answer::Unreachable(_)));
}

#[tokio::test]
async fn a_base_path_that_climbs_is_not_asked() {
    let address = says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]").await;
    let climbing = Target { base_path: "/a/../../secrets".into(), ..target("nb", address) };
    let why = why(Asker::pods().ask(&climbing, Question::Kernels, LONG).await);
    assert!(why.contains("/a/../../secrets"), "{why}");
}

/// A prober that runs, with what it heard.
struct Running {
    table: Arc<Table<Answer>>,
    heard: Arc<Mutex<HashMap<String, usize>>>,
    may_ask: Arc<AtomicBool>,
    ask_now: AskNow,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    fn start(settings: Settings, targets: impl IntoIterator<Item = Target>) -> Self {
        let table = Arc::new(Table::new(|last: &Answer, next| last != next));
        for target in targets {
            table.look_after(&target.server.clone(), Some(target));
        }
        let prober = Prober::new(table.clone(), Asker::pods(), settings);
        let ask_now = prober.ask_now();
        let heard: Arc<Mutex<HashMap<String, usize>>> = Arc::default();
        let may_ask = Arc::new(AtomicBool::new(true));
        let (counts, verdicts, leads) = (heard.clone(), table.clone(), may_ask.clone());
        let task = tokio::spawn(prober.run(
            move || leads.load(Ordering::SeqCst),
            move |target, answers, _, _| {
                *counts.lock().entry(target.server.key.name.clone()).or_default() += 1;
                for (_, answer) in answers {
                    verdicts.heard_of(&target.server, &target.pod_uid, answer);
                }
            },
        ));
        Self { table, heard, may_ask, ask_now, task }
    }

    fn times(&self, name: &str) -> usize {
        self.heard.lock().get(name).copied().unwrap_or_default()
    }

    fn how_many(&self, prefix: &str) -> usize {
        self.heard.lock().keys().filter(|name| name.starts_with(prefix)).count()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn until(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if done() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never came: {what}");
}

/// A server that answers an empty list after this time and counts how many wait at a time.
async fn counting(wait: Duration) -> (SocketAddr, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let (open, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (now, peak) = (open.clone(), most.clone());
    let address = serve(move |stream, _| {
        let (now, peak) = (now.clone(), peak.clone());
        async move {
            peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(wait).await;
            now.fetch_sub(1, Ordering::SeqCst);
            drop(write(&stream, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]").await);
        }
    })
    .await;
    (address, open, most)
}

/// A server that never answers, with how many were connected at a time at most.
async fn hanging() -> (SocketAddr, Arc<AtomicUsize>) {
    let (open, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let peak = most.clone();
    let address = serve(move |stream, _| {
        let (open, peak) = (open.clone(), peak.clone());
        async move {
            peak.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            drop(read(&stream).await);
            open.fetch_sub(1, Ordering::SeqCst);
        }
    })
    .await;
    (address, most)
}

const EAGER: Settings =
    Settings { period: Duration::from_millis(200), limit: LONG, patience: LONG, room: 8, slow_room: 4 };

#[tokio::test]
async fn no_more_are_asked_at_a_time_than_there_is_room_for_and_all_are() {
    let (address, _, most) = counting(Duration::from_millis(20)).await;
    let running = Running::start(EAGER, (0..100).map(|n| target(&format!("good-{n}"), address)));
    until("each is heard", || running.how_many("good") == 100).await;
    assert_eq!(most.load(Ordering::SeqCst), 8);
}

#[tokio::test]
async fn those_that_hang_hold_up_nobody() {
    let (good, _, _) = counting(Duration::ZERO).await;
    let (bad, most) = hanging().await;
    let settings = Settings { patience: Duration::from_millis(200), ..EAGER };
    let goods = (0..200).map(|n| target(&format!("good-{n}"), good));
    let bads = (0..50).map(|n| target(&format!("bad-{n}"), bad));
    let running = Running::start(settings, goods.chain(bads));
    // None of those that hang is through before this ends: with them in the way, the third round would never come.
    until("each good one is heard three times", || (0..200).all(|n| running.times(&format!("good-{n}")) >= 3)).await;
    assert_eq!(running.how_many("bad"), 0);
    assert!(most.load(Ordering::SeqCst) <= 8 + 4);
}

#[tokio::test]
async fn one_that_hangs_is_heard_to_be_out_of_time() {
    let (bad, _) = hanging().await;
    let settings = Settings { patience: Duration::from_millis(50), limit: SHORT, ..EAGER };
    let running = Running::start(settings, [target("bad", bad)]);
    until("it is heard", || running.table.heard(&server("bad")) == Some(Answer::Timeout)).await;
}

#[tokio::test]
async fn nobody_is_asked_before_its_time_but_whoever_is_asked_for_is_at_once() {
    let (address, _, _) = counting(Duration::ZERO).await;
    let settings = Settings { period: LONG * 1000, ..EAGER };
    let running = Running::start(settings, (0..20).map(|n| target(&format!("good-{n}"), address)));
    running.ask_now.ask_now(server("good-7"));
    running.ask_now.ask_now(server("unknown"));
    until("it is heard", || running.times("good-7") == 1).await;
    assert_eq!(running.how_many("good"), 1);
}

#[tokio::test]
async fn nobody_is_asked_while_this_process_may_not_ask() {
    let (address, _, _) = counting(Duration::ZERO).await;
    let running = Running::start(EAGER, [target("good", address)]);
    until("it is heard", || running.times("good") > 0).await;
    running.may_ask.store(false, Ordering::SeqCst);
    tokio::time::sleep(EAGER.period).await;
    let before = running.times("good");
    running.ask_now.ask_now(server("good"));
    tokio::time::sleep(EAGER.period * 3).await;
    assert_eq!(running.times("good"), before);
    running.may_ask.store(true, Ordering::SeqCst);
    until("it is heard again", || running.times("good") > before).await;
}

#[tokio::test]
async fn a_late_answer_of_an_old_pod_is_dropped() {
    let (address, open, _) = counting(SHORT).await;
    let old = target("nb", address);
    let settings = Settings { period: LONG * 1000, ..EAGER };
    let running = Running::start(settings, [old.clone()]);
    running.ask_now.ask_now(server("nb"));
    until("it is being asked", || open.load(Ordering::SeqCst) == 1).await;
    running.table.look_after(&server("nb"), Some(Target { pod_uid: "another".into(), ..old }));
    until("the old pod answers", || running.times("nb") == 1).await;
    assert_eq!(running.table.heard(&server("nb")), None);
    running.ask_now.ask_now(server("nb"));
    until("the new pod answers", || running.table.heard(&server("nb")) == Some(Answer::Body("[]".into()))).await;
}
