//! `onbeat record` from outside, against servers that write raw bytes: one exchange, and the proxy.
//!
//! No test sleeps: a server waits for a word of the test, or the test for bytes.

mod ends;
mod https;
mod once;
mod proxied;
mod proxy;
mod proxy_ends;
mod secrets;
mod support;
mod twice;
mod usage;
