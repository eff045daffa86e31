//! What the command line prints: results on stdout, everything else on stderr. Nothing else in the crate writes to either.
//!
//! All that is printed is [`printable`](onbeat_wire::printable::printable): foreign text steers no terminal. Printing never fails
//! on the spot, so that a command does all its work. What became of it is known at the end:
//!
//! - a reader that has left, as in `onbeat replay | head`, wants no more, and that is no failure;
//! - a stdout that takes nothing, as a full disk, is a failure of the program;
//! - a stderr that takes nothing is passed over, since nobody is left to be told.

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

/// The results of a command, on their way to stdout.
#[derive(Debug)]
pub(super) struct Output {
    stdout: BufWriter<io::Stdout>,
    /// Nothing more is written: the reader has left, or writing has failed.
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

    /// Prints text that is printable already, but for the styles that it has; they are left out if stdout is no terminal.
    pub(super) fn styled(&mut self, text: &str) {
        self.write(&with_styles(text, AutoStream::choice(&stdout())));
    }

    /// Prints what clap has to say: help on stdout, and what is wrong with the arguments on stderr.
    pub(super) fn clap(&mut self, told: &clap::Error) -> Exit {
        let text = told.render();
        if !told.use_stderr() {
            self.styled(&text.ansi().to_string());
            return Exit::Holds;
        }
        // What is wrong is quoted as it was given.
        let is_printable = |argument: &str| printable::printable(argument, TEXT_CHARS_MAX) == argument;
        if env::args_os().skip(1).all(|argument| argument.to_str().is_some_and(is_printable)) {
            let _ = stderr().write_all(&with_styles(&text.ansi().to_string(), AutoStream::choice(&stderr())));
        } else {
            say(&text);
        }
        Exit::Failed
    }

    /// Whether anybody reads on: if not, there is no need to go on printing.
    pub(super) fn is_wanted(&self) -> bool {
        !self.is_closed
    }

    /// Hands over what has been printed so far.
    ///
    /// # Errors
    ///
    /// If stdout does not take it, though somebody reads.
    pub(super) fn flush(&mut self) -> Result<(), OutputError> {
        if !self.is_closed {
            let flushed = self.stdout.flush();
            self.note(flushed);
        }
        self.failure.take().map_or(Ok(()), |error| Err(OutputError(error)))
    }

    /// Hands over all, at the end.
    ///
    /// # Errors
    ///
    /// If stdout did not take it, though somebody reads.
    pub(super) fn finish(mut self) -> Result<(), OutputError> {
        self.flush()
    }

    fn write(&mut self, bytes: &[u8]) {
        if !self.is_closed {
            let written = self.stdout.write_all(bytes);
            self.note(written);
        }
    }

    fn note(&mut self, outcome: io::Result<()>) {
        if let Err(error) = outcome {
            self.is_closed = true;
            self.failure = (error.kind() != ErrorKind::BrokenPipe).then_some(error);
        }
    }
}

/// The text with its styles, or without them.
fn with_styles(text: &str, choice: ColorChoice) -> Vec<u8> {
    let mut stream = AutoStream::new(Vec::new(), choice);
    stream.write_all(text.as_bytes()).expect("memory takes a text");
    stream.into_inner()
}

/// Prints on stderr what the program has to say beside its results.
pub(super) fn tell(text: impl Display) {
    say(format_args!("onbeat: {text}\n"));
}

fn say(text: impl Display) {
    let text = text.to_string();
    let (text, end) = text.strip_suffix('\n').map_or((&text[..], ""), |text| (text, "\n"));
    let _ = stderr().write_all((clipped(printable_lines(text), TEXT_CHARS_MAX) + end).as_bytes());
}

/// Stderr for the log: it takes everything, and what it can't print it drops.
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
