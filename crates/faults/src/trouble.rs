//! What may go wrong in a life.

use std::collections::BTreeMap;

/// What goes wrong in a life.
#[derive(Clone, Debug, Default)]
pub struct Trouble {
    /// A request fails: which, how, and when.
    pub request: Option<(usize, Fault, When)>,
    /// The request from which on the API server is away.
    pub away: Option<usize>,
    /// How watches fail.
    pub watches: Watches,
    /// The wall clock jumps by an hour, now back and now forth, whenever somebody looks at it.
    pub clock_steps: bool,
}

/// How a request fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 409.
    Conflict,
    /// 429.
    TooManyRequests,
    /// 500.
    Internal,
    /// Nobody answers.
    NoAnswer,
    /// The connection is cut.
    Cut,
    /// Our process is killed, and another starts without its memory.
    Killed,
    /// Our process hangs until its claim is over, and another leads from then on.
    Hung,
}

impl Fault {
    /// All of them.
    pub const ALL: &[Self] =
        &[Self::Conflict, Self::TooManyRequests, Self::Internal, Self::NoAnswer, Self::Cut, Self::Killed, Self::Hung];

    /// Who refuses has done nothing; of the others nobody can tell.
    pub fn moments(self) -> &'static [When] {
        match self {
            Self::Conflict | Self::TooManyRequests => &[When::BeforeIt],
            Self::Internal | Self::NoAnswer | Self::Cut | Self::Killed => &[When::BeforeIt, When::AfterIt],
            Self::Hung => &[When::AfterIt, When::Late],
        }
    }
}

/// Whether the API server did what was asked before it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// It did not.
    BeforeIt,
    /// It did.
    AfterIt,
    /// It does so when another process has done all there was to do.
    Late,
}

/// How watches fail.
#[derive(Clone, Debug, Default)]
pub struct Watches {
    /// How many changes the cache of each watch stays behind, as long as there is anything else to do.
    pub lag: BTreeMap<&'static str, usize>,
    /// Every event comes twice.
    pub twice: bool,
    /// The event of this number never comes. What misses it is listed anew once all have nothing to do.
    pub missed: Option<usize>,
    /// The watch that should bring the event of this number brings nothing any more, until all have nothing to do and it
    /// lists anew.
    pub down: Option<usize>,
}
