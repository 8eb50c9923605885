//! Decisions about rows that cannot move by themselves, each written down for good.

pub(super) mod put_back;
pub(super) mod unknown;

pub use put_back::{Back, PutBack, Stays};
pub use unknown::{Decision, Resolution, Source, UnknownRow};
