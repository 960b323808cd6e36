//! What a kernel says while it runs a piece of code, message by message. Pure.

use anyhow::{Result, bail};
use serde_json::Value;

use super::Output;

/// Whether more is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    Running,
    Ended,
}

/// One request to a kernel, and what came back so far.
pub(super) struct Execution {
    id: String,
    output: Output,
    /// The reply comes on one channel and the output on another, in no order: both must have ended.
    replied: bool,
    idle: bool,
    began: bool,
}

impl Execution {
    pub(super) fn new(id: &str) -> Self {
        Self { id: id.to_owned(), output: Output::default(), replied: false, idle: false, began: false }
    }

    /// Takes in one message of the kernel's channels. A traceback, or a kernel that died, is an error.
    pub(super) fn take(&mut self, message: &Value) -> Result<Progress> {
        let kind = text(message, "/msg_type").or(text(message, "/header/msg_type")).unwrap_or_default();
        let state = text(message, "/content/execution_state").unwrap_or_default();
        // The server says this in its own name, as an answer to nothing.
        if kind == "status" && matches!(state, "dead" | "restarting") {
            bail!("the kernel died; most often its container ran out of memory");
        }
        if text(message, "/parent_header/msg_id") != Some(self.id.as_str()) {
            return Ok(Progress::Running);
        }
        match kind {
            "stream" => {
                let said = text(message, "/content/text").unwrap_or_default();
                match text(message, "/content/name") {
                    Some("stderr") => self.output.warnings.push_str(said),
                    _ => self.output.text.push_str(said),
                }
            }
            "execute_result" => {
                self.output.text.push_str(text(message, "/content/data/text~1plain").unwrap_or_default());
            }
            "error" => bail!("the code failed:\n{}", traceback(message)),
            // "error" or "aborted"; the traceback comes on the other channel too, but perhaps later.
            "execute_reply" if text(message, "/content/status") != Some("ok") => {
                bail!("the code failed:\n{}", traceback(message))
            }
            "execute_reply" => self.replied = true,
            "status" if state == "busy" => self.began = true,
            "status" if state == "idle" => self.idle = true,
            _ => {}
        }
        Ok(if self.replied && self.idle { Progress::Ended } else { Progress::Running })
    }

    /// Whether the kernel began with it.
    pub(super) fn began(&self) -> bool {
        self.began
    }

    pub(super) fn output(self) -> Output {
        self.output
    }
}

fn text<'a>(message: &'a Value, pointer: &str) -> Option<&'a str> {
    message.pointer(pointer)?.as_str()
}

/// The traceback without its colours, or at least the exception's name and text.
fn traceback(message: &Value) -> String {
    let lines = message.pointer("/content/traceback").and_then(Value::as_array);
    let lines: Vec<_> = lines.into_iter().flatten().filter_map(Value::as_str).map(plain).collect();
    if lines.is_empty() {
        let name = text(message, "/content/ename").unwrap_or("no reason given");
        return format!("{name}: {}", text(message, "/content/evalue").unwrap_or_default());
    }
    lines.join("\n")
}

/// `text` without the escape sequences that colour a terminal.
fn plain(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |mut plain, part| {
        plain.push_str(part.split_once('m').map_or(part, |(_, rest)| rest));
        plain
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(kind: &str, content: &Value) -> Value {
        json!({ "msg_type": kind, "parent_header": { "msg_id": "mine" }, "content": content })
    }

    fn run(messages: &[Value]) -> Result<(Progress, Output)> {
        let mut execution = Execution::new("mine");
        let mut progress = Progress::Running;
        for message in messages {
            assert_eq!(progress, Progress::Running, "ended before {message}");
            progress = execution.take(message)?;
        }
        Ok((progress, execution.output()))
    }

    #[test]
    fn output_that_comes_after_the_reply_is_kept() {
        let said = run(&[
            answer("status", &json!({ "execution_state": "busy" })),
            answer("stream", &json!({ "name": "stdout", "text": "accuracy " })),
            answer("stream", &json!({ "name": "stderr", "text": "a warning\n" })),
            answer("execute_reply", &json!({ "status": "ok" })),
            answer("stream", &json!({ "name": "stdout", "text": "0.97\n" })),
            answer("execute_result", &json!({ "data": { "text/plain": "42" } })),
            answer("status", &json!({ "execution_state": "idle" })),
        ]);
        let output = Output { text: "accuracy 0.97\n42".into(), warnings: "a warning\n".into() };
        assert_eq!(said.unwrap(), (Progress::Ended, output));
    }

    #[test]
    fn code_begins_when_the_kernel_is_busy_with_it() {
        let mut execution = Execution::new("mine");
        let other = json!({ "msg_type": "status", "parent_header": { "msg_id": "other" }, "content": { "execution_state": "busy" } });
        execution.take(&other).unwrap();
        assert!(!execution.began());
        execution.take(&answer("status", &json!({ "execution_state": "busy" }))).unwrap();
        assert!(execution.began());
    }

    #[test]
    fn answers_to_others_are_not_ours() {
        let idle = json!({ "msg_type": "status", "parent_header": { "msg_id": "other" }, "content": { "execution_state": "idle" } });
        let start = json!({ "msg_type": "status", "parent_header": {}, "content": { "execution_state": "starting" } });
        let said = run(&[start, answer("execute_reply", &json!({ "status": "ok" })), idle]);
        assert_eq!(said.unwrap(), (Progress::Running, Output::default()));
    }

    #[test]
    fn a_traceback_is_an_error_without_colours() {
        let lines = json!({ "ename": "ZeroDivisionError", "traceback": ["\u{1b}[31mZeroDivisionError\u{1b}[39m: division by zero", "  at 1"] });
        let error = run(&[answer("error", &lines)]).unwrap_err().to_string();
        assert_eq!(error, "the code failed:\nZeroDivisionError: division by zero\n  at 1");
    }

    #[test]
    fn a_dead_kernel_is_an_error() {
        let dead = json!({ "msg_type": "status", "parent_header": {}, "content": { "execution_state": "restarting" } });
        assert!(run(&[dead]).unwrap_err().to_string().contains("the kernel died"));
    }
}
