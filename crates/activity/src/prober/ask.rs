//! One question over HTTP, bounded in time and size.
//!
//! A connection for each question and none kept: no cookies, no proxy of the environment, no redirect followed. The
//! connection is driven by whoever asks, so that dropping the question closes it.

use std::error::Error;
use std::pin::pin;
use std::time::Duration;

use http::header::{ACCEPT, CONNECTION, HOST, LOCATION, USER_AGENT};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::body::{Body, Bytes};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpStream;

use super::place::{Place, Via, is_plain};
use super::target::{Question, Target};
use crate::answers::{Answer, bounded};

/// The most bytes that are read of a body.
pub const MOST_BYTES: usize = 256 * 1024;
/// The most bytes of an answer's head.
const MOST_HEAD: usize = 64 * 1024;
/// Whom servers see in their logs.
const AGENT: &str = "carrel-activity";

/// Asks servers.
#[derive(Clone)]
pub struct Asker(Means);

#[derive(Clone)]
enum Means {
    Sockets(Via),
    ApiServer(kube::Client),
}

impl Asker {
    /// One that asks this way. The client is used only for [`Via::ApiServer`].
    pub fn new(via: Via, client: &kube::Client) -> Self {
        match via {
            Via::ApiServer => Self(Means::ApiServer(client.clone())),
            Via::Pod => Self::pods(),
            Via::Service => Self(Means::Sockets(Via::Service)),
        }
    }

    /// One that asks pods at their own address, for which it needs no client.
    pub fn pods() -> Self {
        Self(Means::Sockets(Via::Pod))
    }

    /// Asks one question and waits at most this long, from the first step of connecting to the last byte.
    pub async fn ask(&self, target: &Target, question: Question, limit: Duration) -> Answer {
        if !is_plain(&target.base_path) {
            return unreachable(&format!("its base path `{}` is no plain path", target.base_path));
        }
        let path = target.path(question);
        let asked = async {
            match &self.0 {
                Means::Sockets(via) => over_socket(&target.reach.place(*via), &path).await,
                Means::ApiServer(client) => over_proxy(client, &target.reach.place(Via::ApiServer), &path).await,
            }
        };
        tokio::time::timeout(limit, asked).await.unwrap_or(Answer::Timeout)
    }
}

async fn over_socket(place: &Place, path: &str) -> Answer {
    let connected = match place {
        Place::Socket(address) => TcpStream::connect(address).await,
        Place::Name(name, port) => TcpStream::connect((name.as_str(), *port)).await,
        Place::Proxy(_) => return unreachable(&format!("{place} is no address")),
    };
    let stream = match connected {
        Ok(stream) => stream,
        Err(error) => return unreachable(&format!("{place}: {error}")),
    };
    let request = Request::get(path)
        .header(HOST, place.to_string())
        .header(USER_AGENT, AGENT)
        .header(ACCEPT, "application/json")
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new());
    let request = match request {
        Ok(request) => request,
        Err(error) => return unreachable(&format!("{place}{path}: {error}")),
    };
    let (mut sender, connection) =
        match http1::Builder::new().max_buf_size(MOST_HEAD).handshake(TokioIo::new(stream)).await {
            Ok(both) => both,
            Err(error) => return unreachable(&format!("{place}: {error}")),
        };
    let mut exchange = pin!(async {
        match sender.send_request(request).await {
            Ok(response) => answer(response).await,
            Err(error) => unreachable(&format!("{place}: {}", words(&error))),
        }
    });
    let mut connection = pin!(connection);
    tokio::select! {
        answer = &mut exchange => answer,
        // The connection is over when all was read from it; what was read may still wait to be looked at. How it
        // failed, the exchange says.
        _ = &mut connection => exchange.await,
    }
}

async fn over_proxy(client: &kube::Client, place: &Place, path: &str) -> Answer {
    let Place::Proxy(prefix) = place else { return unreachable(&format!("{place} is no path of the API server")) };
    let request =
        Request::get(format!("{prefix}{path}")).header(ACCEPT, "application/json").body(kube::client::Body::empty());
    let request = match request {
        Ok(request) => request,
        Err(error) => return unreachable(&format!("{place}: {error}")),
    };
    let response = match client.send(request).await {
        Ok(response) => response,
        Err(error) => return unreachable(&format!("the API server: {}", words(&error))),
    };
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return answer(response).await;
    }
    // What the API server says itself, such as that there is no such pod or that Carrel may not ask, is not the
    // server's: a 404 of its own would be taken for that of a server without kernels.
    match read(response.into_body()).await {
        Answer::Body(body) => match serde_json::from_str::<ApiStatus>(&body) {
            Ok(said) if said.kind == "Status" => unreachable(&format!("the API server: {}", said.message)),
            _ => refused(status),
        },
        _ => refused(status),
    }
}

/// The API server's own answer.
#[derive(Deserialize)]
struct ApiStatus {
    kind: String,
    #[serde(default)]
    message: String,
}

async fn answer<B>(response: Response<B>) -> Answer
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let status = response.status();
    if status.is_redirection() {
        let location = response.headers().get(LOCATION).map(|value| String::from_utf8_lossy(value.as_bytes()));
        return Answer::Redirected(bounded(&location.unwrap_or_default()));
    }
    if !status.is_success() {
        return refused(status);
    }
    read(response.into_body()).await
}

fn refused(status: StatusCode) -> Answer {
    if status == StatusCode::NOT_FOUND { Answer::NotFound } else { Answer::Refused(status.as_u16()) }
}

async fn read<B>(body: B) -> Answer
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    // A length that is announced is refused before a byte is read; one that is not, as soon as it is passed.
    if body.size_hint().lower() > MOST_BYTES as u64 {
        return Answer::TooLong;
    }
    match pin!(Limited::new(body, MOST_BYTES)).collect().await {
        Ok(body) => Answer::Body(String::from_utf8_lossy(&body.to_bytes()).into_owned()),
        Err(error) if error.is::<LengthLimitError>() => Answer::TooLong,
        Err(error) => unreachable(&format!("the answer broke off: {}", words(error.as_ref()))),
    }
}

fn unreachable(why: &str) -> Answer {
    Answer::Unreachable(bounded(why))
}

/// An error with its causes: hyper says what failed in the causes.
fn words(error: &(dyn Error + 'static)) -> String {
    let mut all = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !all.ends_with(&text) {
            all = format!("{all}: {text}");
        }
        cause = error.source();
    }
    all
}
