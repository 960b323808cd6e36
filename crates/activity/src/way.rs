//! How a server is asked: as its owner says, or as it turns out to answer.

use std::collections::BTreeMap;

use carrel_api::activity::{Signal, Vote};
use carrel_api::vocabulary::{ACTIVITY, CODE_SERVER, ENDPOINT, JUPYTER, NONE};
use jiff::Timestamp;

use crate::Reading;
use crate::answers::{Answer, code_server, endpoint, kernels, terminals};
use crate::prober::Question;

/// How a server is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// As Jupyter is.
    Jupyter,
    /// As code-server is.
    CodeServer,
    /// By Carrel's own endpoint.
    Endpoint,
    /// Not at all.
    Silence,
}

/// A value of the annotation that names no way.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{ACTIVITY} is refused: {0:?} must be {JUPYTER}, {CODE_SERVER}, {ENDPOINT} or {NONE}; how to ask is found out")]
pub struct NoSuchWay(String);

impl Way {
    /// The way that a server's annotations ask for; to be found out if they don't.
    pub fn asked(annotations: &BTreeMap<String, String>) -> Result<Option<Self>, NoSuchWay> {
        match annotations.get(ACTIVITY).map(|text| text.trim()) {
            None => Ok(None),
            Some(JUPYTER) => Ok(Some(Self::Jupyter)),
            Some(CODE_SERVER) => Ok(Some(Self::CodeServer)),
            Some(ENDPOINT) => Ok(Some(Self::Endpoint)),
            Some(NONE) => Ok(Some(Self::Silence)),
            Some(other) => Err(NoSuchWay(other.chars().take(64).collect())),
        }
    }

    /// The way of a server that answers so; unknown while no answer can be understood. One that answers as Jupyter is
    /// asked as that, whatever else it answers.
    pub fn found(readings: &[Reading]) -> Option<Self> {
        let ways = [
            (Signal::Kernels, Self::Jupyter),
            (Signal::CodeServer, Self::CodeServer),
            (Signal::Endpoint, Self::Endpoint),
        ];
        let speaks = |signal: Signal| {
            readings.iter().any(|reading| reading.signal == signal && matches!(reading.vote, Vote::Busy | Vote::Idle))
        };
        ways.into_iter().find(|(signal, _)| speaks(*signal)).map(|(_, way)| way)
    }

    /// What is asked on this way.
    pub fn questions(self) -> &'static [Question] {
        match self {
            Self::Jupyter => &[Question::Kernels, Question::Terminals],
            Self::CodeServer => &[Question::CodeServer],
            Self::Endpoint => &[Question::Endpoint],
            Self::Silence => &[],
        }
    }
}

/// What is asked to find out the way.
pub const ALL_QUESTIONS: &[Question] =
    &[Question::Kernels, Question::Terminals, Question::CodeServer, Question::Endpoint];

/// What an answer to a question says.
pub fn read(question: Question, answer: &Answer, at: Timestamp) -> Reading {
    match question {
        Question::Kernels => kernels::read(answer, at),
        Question::Terminals => terminals::read(answer, at),
        Question::CodeServer => code_server::read(answer, at),
        Question::Endpoint => endpoint::read(answer, at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readings(answers: &[(Question, Answer); 2]) -> Vec<Reading> {
        answers.iter().map(|(question, answer)| read(*question, answer, Timestamp::UNIX_EPOCH)).collect()
    }

    #[test]
    fn a_server_is_asked_as_it_answers() {
        let page = || Answer::Body("<html>".to_owned());
        let beats = || Answer::Body(r#"{"status": "alive", "lastHeartbeat": 1}"#.to_owned());
        let none = || Answer::Body("[]".to_owned());
        for (answers, way) in [
            ([(Question::Kernels, page()), (Question::CodeServer, beats())], Some(Way::CodeServer)),
            ([(Question::Kernels, none()), (Question::CodeServer, beats())], Some(Way::Jupyter)),
            ([(Question::Kernels, Answer::NotFound), (Question::CodeServer, page())], None),
            ([(Question::Kernels, Answer::Timeout), (Question::CodeServer, Answer::Timeout)], None),
        ] {
            assert_eq!(Way::found(&readings(&answers)), way, "{answers:?}");
        }
    }

    #[test]
    fn an_owner_says_how_to_ask_and_a_slip_is_told() {
        let asked = |text: &str| Way::asked(&[(ACTIVITY.to_owned(), text.to_owned())].into());
        assert_eq!(asked("code-server"), Ok(Some(Way::CodeServer)));
        assert_eq!(asked(" none "), Ok(Some(Way::Silence)));
        assert_eq!(Way::asked(&BTreeMap::new()), Ok(None));
        assert!(asked("vscode").unwrap_err().to_string().contains("jupyter, code-server, endpoint or none"));
    }
}
