//! A terminal of a Jupyter server, through the interface of JupyterLab's own page.

use std::net::TcpStream;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

use super::{PATIENCE, Server, is_tick};

/// A page with a terminal. Dropping it closes the page; what runs in the terminal goes on.
pub struct Terminal {
    socket: WebSocket<TcpStream>,
    shown: String,
}

impl Server {
    /// Opens a new terminal, and its page.
    pub fn terminal(&self) -> Result<Terminal> {
        let token = self.cross_site_token()?;
        let url = format!("{}/api/terminals", self.base);
        let asked = self.agent.post(&url).header("X-XSRFToken", &token).send_json(json!({}));
        let answer: Value =
            asked.and_then(|mut answer| answer.body_mut().read_json()).with_context(|| format!("POST {url}"))?;
        let name = answer.get("name").and_then(Value::as_str).context("a terminal without a name")?;
        let socket = self.channels(&format!("terminals/websocket/{name}"))?;
        Ok(Terminal { socket, shown: String::new() })
    }
}

impl Terminal {
    /// Types a line and waits until the terminal shows `answer`. The line itself, which it shows too, must not contain that.
    pub fn type_line(&mut self, line: &str, answer: &str) -> Result<()> {
        let typed = json!(["stdin", format!("{line}\r")]);
        self.socket.send(Message::text(typed.to_string())).context("typing in the terminal")?;
        self.shown.clear();
        let end = Instant::now() + PATIENCE;
        while !self.shown.contains(answer) {
            ensure!(Instant::now() < end, "the terminal does not show {answer:?}, but {:?}", self.shown);
            match self.socket.read() {
                Ok(Message::Text(text)) => self.shown.push_str(&output(&text)),
                Ok(Message::Close(_)) => bail!("the server closed the terminal"),
                Ok(_) => {}
                Err(tungstenite::Error::Io(error)) if is_tick(&error) => {}
                Err(error) => return Err(error).context("reading from the terminal"),
            }
        }
        Ok(())
    }
}

/// What a message adds to the terminal's page.
fn output(message: &str) -> String {
    match serde_json::from_str::<(String, String)>(message) {
        Ok((kind, text)) if kind == "stdout" => text,
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_output_is_shown() {
        assert_eq!(output(r#"["stdout", "1\r\n"]"#), "1\r\n");
        assert_eq!(output(r#"["setup", {}]"#), "");
        assert_eq!(output(r#"["disconnect", 1]"#), "");
    }
}
