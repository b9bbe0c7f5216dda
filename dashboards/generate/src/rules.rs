//! Rules, later.
