//! Storage trouble.
