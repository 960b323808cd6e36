//! What is counted of asking: how often which answer came, and how long it took.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::answers::Answer;
use crate::prober::Question;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    question: &'static str,
    outcome: &'static str,
}

/// What is counted of asking.
#[derive(Clone, Debug)]
pub struct ProbeCounts {
    answers: Family<Labels, Counter>,
    seconds: Histogram,
}

impl Default for ProbeCounts {
    fn default() -> Self {
        // 1 ms to 8 s: the limit is 5 s.
        Self { answers: Family::default(), seconds: Histogram::new(exponential_buckets(0.001, 2.0, 14)) }
    }
}

impl ProbeCounts {
    /// Counts nothing yet, and shows it in this registry.
    pub fn registered(registry: &mut Registry) -> Self {
        let counts = Self::default();
        let help = "Questions to servers whether they are used, by question and by what came back";
        registry.register("carrel_probes", help, counts.answers.clone());
        let help = "Time in which a server answered all its questions, or did not";
        registry.register_with_unit("carrel_probe", help, Unit::Seconds, counts.seconds.clone());
        counts
    }

    /// Gives each metric one line, so that a page about them can be made of the text.
    pub fn sample(&self) {
        self.heard(&[(Question::Kernels, Answer::Timeout)], Duration::ZERO);
    }

    pub(crate) fn heard(&self, answers: &[(Question, Answer)], took: Duration) {
        for (question, answer) in answers {
            let labels = Labels { question: question.label(), outcome: answer.label() };
            self.answers.get_or_create(&labels).inc();
        }
        self.seconds.observe(took.as_secs_f64());
    }
}
