//! Whether the world around a campaign is as it has to be.
//!
//! - [`landing_page`]: whether a page leaves a link unspent when machines visit it; `scanner` visits as they do.

pub mod landing_page;
mod scanner;

pub use scanner::Unreached;
