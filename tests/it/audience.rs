//! Tests of `audience`.
