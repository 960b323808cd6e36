//! What a developer runs.
