//! What comes back from the world that took the mails: read as evidence, decided about elsewhere.

pub mod maillog;
