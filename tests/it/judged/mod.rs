//! What the program sent, as judged by programs that share no line with it.

mod sink;
mod strange;
