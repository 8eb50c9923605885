//! Values on their way into a statement.

use std::borrow::Cow;

/// A value of a statement. `None` is null, of its type.
#[derive(Debug, Clone)]
pub(in crate::ledger) enum Value<'a> {
    Integer(Option<i64>),
    Text(Option<Cow<'a, str>>),
    Bytes(Option<Cow<'a, [u8]>>),
}

/// The values of a statement, in the order of their numbers.
macro_rules! values {
    ($($value:expr),* $(,)?) => { &[$($crate::ledger::store::Value::from($value)),*] };
}
pub(in crate::ledger) use values;

macro_rules! from {
    ($($type:ty: $value:ident => $into:expr;)*) => {$(
        impl<'a> From<$type> for Value<'a> {
            fn from($value: $type) -> Self {
                $into
            }
        }
    )*};
}
from! {
    i64: value => Self::Integer(Some(value));
    &'a i64: value => Self::Integer(Some(*value));
    Option<i64>: value => Self::Integer(value);
    i32: value => Self::Integer(Some(value.into()));
    u32: value => Self::Integer(Some(value.into()));
    bool: value => Self::Integer(Some(value.into()));
    &'a str: value => Self::Text(Some(value.into()));
    &'a &'a str: value => Self::Text(Some((*value).into()));
    &'a String: value => Self::Text(Some(value.into()));
    String: value => Self::Text(Some(value.into()));
    Option<&'a str>: value => Self::Text(value.map(Cow::from));
    &'a Option<String>: value => Self::Text(value.as_deref().map(Cow::from));
    &'a [u8]: value => Self::Bytes(Some(value.into()));
    &'a [u8; 32]: value => Self::Bytes(Some(value.as_slice().into()));
    Option<&'a [u8]>: value => Self::Bytes(value.map(Cow::from));
    [u8; 32]: value => Self::Bytes(Some(value.to_vec().into()));
}
