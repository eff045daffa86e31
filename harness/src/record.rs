//! The recorder: exchanges with any server, kept as recordings, chunk by chunk with times.
//!
//! The recorder reads the bytes of connections itself, since HTTP libraries do not keep the boundaries of chunks:
//!
//! ```text
//!  connect                  the connection to the server, with TLS for `https`
//!      │
//!  secrets                  values kept off the disk
//!      │
//!  lines ── tap             the lines of an exchange, and parts out of raw bytes
//!  lab_exchange             one exchange of a client in a lab, as lines
//!      │
//!  recording_file           a file, written line by line
//!      │
//!  once  proxy  in_lab      a single exchange, all exchanges through a proxy, and the exchanges of a lab
//! ```

#[cfg(feature = "live")]
mod connect;
mod in_lab;
mod lab_exchange;
mod lines;
#[cfg(feature = "live")]
mod once;
#[cfg(feature = "live")]
mod proxy;
mod recording_file;
mod secrets;
#[cfg(feature = "live")]
mod tap;

#[cfg(feature = "live")]
pub use self::connect::{ConnectError, Connector};
pub use self::in_lab::Recording;
pub(crate) use self::lab_exchange::LabExchange;
pub use self::lines::{RecordedLine, Summary};
#[cfg(feature = "live")]
pub use self::once::{OneRequest, RecordError, record_once};
#[cfg(feature = "live")]
pub use self::proxy::{News, Proxy};
pub use self::recording_file::RecordingFile;
pub use self::secrets::Secrets;

/// The most bytes read from a socket at a time.
#[cfg(feature = "live")]
const READ_BYTES: usize = 64 * 1024;
