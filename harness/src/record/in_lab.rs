//! Recordings of responses in a lab, in virtual time.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use onbeat_wire::printable::to_json;
use onbeat_wire::recording::{Exchange, Fact};
use onbeat_wire::{Instant, whole_ms};

use super::RecordedLine;
use super::lab_exchange::LabExchange;
use super::recording_file::RecordingFile;
use crate::lab::{Lab, Response};

/// A recording of the exchanges of a lab: lines of JSON, in the form of `onbeat record`.
///
/// The times are exact, so that [`Lab::check_against`] holds an application to the millisecond. `onbeat check --against` takes
/// the same file over sockets, and `onbeat serve --routes` plays the file. Secrets, such as the header `authorization`, are
/// replaced by as many `x`.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    lines: Vec<RecordedLine>,
}

impl Recording {
    /// Writes the recording to a file. A missing folder is made, and an older file is replaced.
    ///
    /// # Errors
    ///
    /// If the file can't be written. The error names the file.
    pub fn save(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let path = path.as_ref();
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            let failed = |error: io::Error| {
                io::Error::new(error.kind(), format!("failed to make the folder {}: {error}", folder.display()))
            };
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let mut file = RecordingFile::replacing(path);
        self.lines.iter().try_for_each(|line| file.write(line)).map_err(io::Error::other)
    }

    /// Returns the recording with these lines.
    pub(crate) fn new(lines: Vec<RecordedLine>) -> Self {
        Self { lines }
    }

    /// Returns the recording of these exchanges, which began at `start`.
    fn of(exchanges: Vec<(u64, LabExchange)>) -> Self {
        let start = exchanges.iter().map(|(_, exchange)| exchange.began).min().unwrap_or(Instant::EPOCH);
        let is_one = exchanges.len() == 1;
        let mut framings = exchanges.iter().map(|(_, exchange)| exchange.framing);
        let first = framings.next().flatten();
        // Tells a framing only if all exchanges have the same.
        let framing = first.filter(|_| framings.all(|framing| framing == first));
        let mut beginning = None;
        let mut lines: Vec<(u64, u64, RecordedLine)> = Vec::new();
        for (connection, exchange) in exchanges {
            let later = exchange.began - start;
            let later_ms = whole_ms(later);
            let key = Exchange { connection: Some(connection), request: u32::try_from(exchange.ordinal).ok() };
            let orders = orders(&exchange);
            for (mut line, order) in exchange.lines.into_iter().zip(orders) {
                if let Fact::Recording(start) = &mut line.fact {
                    start.framing = framing;
                    // Keeps the first line of the first exchange alone: a file begins once.
                    beginning.get_or_insert(line);
                    continue;
                }
                line.t_ms += later_ms;
                if !is_one {
                    line.exchange = key;
                }
                lines.push((line.t_ms, order, line));
            }
        }
        // Sorts lines of equal times by the actions of the clients, with all consequences behind the actions.
        lines.sort_by_key(|(t_ms, order, _)| (*t_ms, *order));
        let lines = beginning.into_iter().chain(lines.into_iter().map(|(_, _, line)| line));
        Self { lines: lines.collect() }
    }
}

/// Returns the order of the lines of an exchange among lines of the same time: by the action of the client, or behind all
/// actions. No line comes behind the end.
fn orders(exchange: &LabExchange) -> Vec<u64> {
    let (request, leave) = exchange.order;
    let mut next: Option<(u64, u64)> = None;
    let mut orders: Vec<u64> = Vec::new();
    // Goes backwards, so that each line comes before the lines of the same time that follow.
    for line in exchange.lines.iter().rev() {
        let own = match line.fact {
            Fact::Recording(_) | Fact::RawRequest(_) => request,
            Fact::End(_) => leave.unwrap_or(u64::MAX),
            _ => u64::MAX,
        };
        let order = next.filter(|(t_ms, _)| *t_ms == line.t_ms).map_or(own, |(_, order)| own.min(order));
        next = Some((line.t_ms, order));
        orders.push(order);
    }
    orders.reverse();
    orders
}

/// Prints the lines in the form of a file.
impl fmt::Display for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "{}", to_json(line)))
    }
}

impl Response {
    /// Returns the recording of the response so far, with its request. A response without an end ends now, closed by the
    /// client.
    ///
    /// ```
    /// # use axum::{Router, routing::get};
    /// # let app = Router::new().route("/hello", get(|| async { "hello" }));
    /// # let folder = std::env::temp_dir().join("onbeat-doc-response-recording");
    /// onbeat::lab(app, async |lab| {
    ///     let response = lab.get("/hello").await;
    ///     response.ended().await;
    ///     response.recording().save(folder.join("hello.jsonl")).unwrap();
    ///     lab.check_against(folder.join("hello.jsonl")).await.unwrap().assert_conforms();
    /// });
    /// ```
    ///
    /// # Panics
    ///
    /// If the head of the request was not sent to its end.
    #[must_use]
    pub fn recording(&self) -> Recording {
        let (log, ordinal) = self.ordered_log();
        let now = Instant::EPOCH + self.client().lab().now();
        let exchange = LabExchange::of(&log, ordinal, now).expect("a response of a lab has a whole request");
        Recording::of(vec![(0, exchange)])
    }
}

impl Lab {
    /// Returns the recording of all requests of all clients so far, with the responses, in one timeline: for responses that
    /// depend on other clients. A response without an end ends now, closed by the client.
    ///
    /// ```
    /// # use axum::{Router, routing::get};
    /// # let app = Router::new().route("/hello", get(|| async { "hello" }));
    /// onbeat::lab(app, async |lab| {
    ///     lab.get("/hello").await;
    ///     lab.get("/hello").await;
    ///     let recording = lab.recording().to_string();
    ///     assert_eq!(recording.matches(r#""kind":"request""#).count(), 2);
    /// });
    /// ```
    #[must_use]
    pub fn recording(&self) -> Recording {
        let now = Instant::EPOCH + self.now();
        let exchanges = self.ordered_logs().into_iter().map(|log| LabExchange::all(&log, now));
        let exchanges = exchanges.filter(|exchanges| !exchanges.is_empty());
        Recording::of(
            (0..).zip(exchanges).flat_map(|(number, all)| all.into_iter().map(move |one| (number, one))).collect(),
        )
    }
}
