//! The output of the command line: results on stdout, everything else on stderr. No other module of the crate writes there.
//!
//! All output is [`printable`](onbeat_wire::printable::printable): foreign text steers no terminal. A failure to print does not
//! stop a command, but shows at the end:
//!
//! - a reader that has left, as in `onbeat replay | head`, is no failure;
//! - a stdout that takes no bytes, such as a full disk, is a failure of the program;
//! - a stderr that takes no bytes is ignored, since no reader is left for a message.

use std::env;
use std::fmt::Display;
use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};
use onbeat_wire::printable::{self, TEXT_CHARS_MAX, clipped, printable_lines};
use serde::Serialize;

use super::Exit;

/// Stdout did not take the results.
#[derive(Debug, thiserror::Error)]
#[error("failed to write to stdout: {0}")]
pub(super) struct OutputError(io::Error);

/// The results of a command, written to stdout through a buffer.
#[derive(Debug)]
pub(super) struct Output {
    stdout: BufWriter<io::Stdout>,
    /// Whether writing has ended: the reader has left, or a write has failed.
    is_closed: bool,
    failure: Option<io::Error>,
}

#[expect(clippy::disallowed_methods, reason = "the one writer to stdout")]
fn stdout() -> io::Stdout {
    io::stdout()
}

#[expect(clippy::disallowed_methods, reason = "the one writer to stderr")]
fn stderr() -> io::Stderr {
    io::stderr()
}

impl Output {
    pub(super) fn new() -> Self {
        Self { stdout: BufWriter::new(stdout()), is_closed: false, failure: None }
    }

    /// Prints lines of text.
    pub(super) fn text(&mut self, text: impl Display) {
        self.write(printable_lines(&text.to_string()).as_bytes());
    }

    /// Prints a line of text.
    pub(super) fn line(&mut self, line: impl Display) {
        self.text(format_args!("{line}\n"));
    }

    /// Prints a line of JSON.
    pub(super) fn json<T: Serialize>(&mut self, value: &T) {
        self.write((printable::to_json(value) + "\n").as_bytes());
    }

    /// Prints text that is printable except for styles, which are left out if stdout is no terminal.
    pub(super) fn styled(&mut self, text: &str) {
        self.write(&with_styles(text, AutoStream::choice(&stdout())));
    }

    /// Prints a message of clap: help on stdout, or an error in the arguments on stderr.
    pub(super) fn clap(&mut self, message: &clap::Error) -> Exit {
        let text = message.render();
        if !message.use_stderr() {
            self.styled(&text.ansi().to_string());
            return Exit::Holds;
        }
        // Keeps clap's colours only if all arguments are printable: the message quotes arguments, which may steer a terminal.
        let is_printable = |argument: &str| printable::printable(argument, TEXT_CHARS_MAX) == argument;
        if env::args_os().skip(1).all(|argument| argument.to_str().is_some_and(is_printable)) {
            let _ = stderr().write_all(&with_styles(&text.ansi().to_string(), AutoStream::choice(&stderr())));
        } else {
            say(&text);
        }
        Exit::Failed
    }

    /// Returns whether the reader may still read: otherwise printing can stop.
    pub(super) fn is_wanted(&self) -> bool {
        !self.is_closed
    }

    /// Writes the buffered output to stdout.
    ///
    /// # Errors
    ///
    /// If stdout does not take the output, although the reader has not left.
    pub(super) fn flush(&mut self) -> Result<(), OutputError> {
        if !self.is_closed {
            let flushed = self.stdout.flush();
            self.note(flushed);
        }
        self.failure.take().map_or(Ok(()), |error| Err(OutputError(error)))
    }

    fn write(&mut self, bytes: &[u8]) {
        if !self.is_closed {
            let written = self.stdout.write_all(bytes);
            self.note(written);
        }
    }

    fn note(&mut self, outcome: io::Result<()>) {
        if let Err(error) = outcome {
            // Stops at the first failure, and keeps the reason unless the reader has left.
            self.is_closed = true;
            self.failure = (error.kind() != ErrorKind::BrokenPipe).then_some(error);
        }
    }
}

/// Returns the text with styles or without, by the choice.
fn with_styles(text: &str, choice: ColorChoice) -> Vec<u8> {
    let mut stream = AutoStream::new(Vec::new(), choice);
    stream.write_all(text.as_bytes()).expect("memory takes a text");
    stream.into_inner()
}

/// Prints a message of the program on stderr.
pub(super) fn tell(text: impl Display) {
    say(format_args!("onbeat: {text}\n"));
}

/// Prints the problems of a file on stderr, a line each, all of them: editors find the places by the lines.
pub(super) fn tell_problems(lines: impl Iterator<Item = String>) {
    for line in lines {
        let _ = stderr().write_all((printable::printable(&line, TEXT_CHARS_MAX) + "\n").as_bytes());
    }
}

fn say(text: impl Display) {
    let text = text.to_string();
    // Keeps the last line end out of the clipping.
    let (text, end) = text.strip_suffix('\n').map_or((&text[..], ""), |text| (text, "\n"));
    let _ = stderr().write_all((clipped(printable_lines(text), TEXT_CHARS_MAX) + end).as_bytes());
}

/// Stderr for the log. A line that can't be printed is dropped.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stderr;

impl Stderr {
    pub(super) fn is_terminal() -> bool {
        stderr().is_terminal()
    }
}

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = stderr().write_all(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
