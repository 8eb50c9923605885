//! The `linkpost` program.

fn main() {}
