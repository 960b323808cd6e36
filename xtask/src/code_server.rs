//! A small client of code-server: an open window of it, through the interface of its own page.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

use crate::jupyter::{is_tick, web_socket};
use crate::web;

/// For each step of opening a window: the server loads most of itself for the first.
const PATIENCE: Duration = Duration::from_mins(1);
const TICK: Duration = Duration::from_secs(1);

/// What stands before each message: its kind, two numbers that are 0 in what is no data, and the length of the rest.
const HEAD: usize = 13;
/// The kind of messages by which a connection is made.
const CONTROL: u8 = 2;
/// The kind of connection that a window has for all but its extensions.
const MANAGEMENT: u8 = 1;

/// An open window. Dropping it closes the window.
pub struct Window {
    base: String,
    _socket: WebSocket<TcpStream>,
}

impl Window {
    /// Opens a window of the code-server at an address, whose name no other window has had.
    pub fn open(base_url: &str, name: &str) -> Result<Self> {
        let base = base_url.trim_end_matches('/').to_owned();
        let query = format!("reconnectionToken={name}&reconnection=false&skipWebSocketFrames=false");
        let mut socket = web_socket(&format!("{base}/?{query}"), TICK)?;
        say(&mut socket, &json!({"type": "auth", "auth": "00000000000000000000", "data": ""}))?;
        hear(&mut socket, "sign")?;
        say(&mut socket, &json!({"type": "connectionType", "signedData": "", "desiredConnectionType": MANAGEMENT}))?;
        hear(&mut socket, "ok")?;
        let window = Self { base, _socket: socket };
        window.work()?;
        Ok(window)
    }

    /// Loads a page, as who works in it does time and again. The heart of code-server stops when it finds its last beat a
    /// millisecond too young, and only such a request has it beat again.
    pub fn work(&self) -> Result<()> {
        web::text(&format!("{}/?folder=/home/jovyan", self.base)).map(drop)
    }
}

fn say(socket: &mut WebSocket<TcpStream>, message: &Value) -> Result<()> {
    socket.send(Message::binary(framed(&message.to_string())?)).context("speaking to code-server")
}

/// Waits for the control message of this type.
fn hear(socket: &mut WebSocket<TcpStream>, expected: &str) -> Result<()> {
    let end = Instant::now() + PATIENCE;
    loop {
        ensure!(Instant::now() < end, "code-server does not say {expected:?}");
        let message = match socket.read() {
            Ok(Message::Binary(bytes)) => control(&bytes),
            Ok(Message::Close(_)) => bail!("code-server closed the window before it said {expected:?}"),
            Ok(_) => None,
            Err(tungstenite::Error::Io(error)) if is_tick(&error) => None,
            Err(error) => return Err(error).context("listening to code-server"),
        };
        if let Some(message) = message {
            ensure!(message.get("type").and_then(Value::as_str) == Some(expected), "code-server said {message}");
            return Ok(());
        }
    }
}

fn framed(text: &str) -> Result<Vec<u8>> {
    let length = u32::try_from(text.len()).context("too long a message")?;
    let head = [&[CONTROL][..], &[0; 8], &length.to_be_bytes()];
    Ok([&head.concat(), text.as_bytes()].concat())
}

/// What a control message says; `None` for others, such as that the connection lives.
fn control(bytes: &[u8]) -> Option<Value> {
    let (head, rest) = bytes.split_at_checked(HEAD)?;
    if head.first() != Some(&CONTROL) {
        return None;
    }
    serde_json::from_slice(rest).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_heard_and_signs_of_life_are_not() {
        let said = json!({"type": "auth"});
        let bytes = framed(&said.to_string()).unwrap();
        assert_eq!((bytes.len(), bytes[12]), (HEAD + 15, 15));
        assert_eq!(control(&bytes), Some(said));
        assert_eq!(control(&[9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), None);
        assert_eq!(control(&[CONTROL]), None);
    }
}
