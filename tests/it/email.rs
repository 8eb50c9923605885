//! Tests of `email`.
