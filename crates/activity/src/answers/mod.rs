//! What a server answers.

/// What came of one question to a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It answered with success; the body, bounded.
    Body(String),
    /// It answered with this status, which is neither success, nor a redirect, nor 404.
    Refused(u16),
    /// It answered 404: it is there and does not know the path.
    NotFound,
    /// It sends elsewhere, to this location; bounded, and not followed.
    Redirected(String),
    /// The body is longer than is read.
    TooLong,
    /// No whole answer came within the time.
    Timeout,
    /// Nobody was reached who speaks HTTP; why, for a person. Bounded.
    Unreachable(String),
}
