//! Rules of other products.
