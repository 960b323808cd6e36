//! What controllers share.
