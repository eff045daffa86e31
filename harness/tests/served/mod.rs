//! A served process, for tests over real sockets; each kind of test adds what it does with one.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

/// A served process, killed with the test.
pub(crate) struct Served {
    pub(crate) process: Child,
    pub(crate) addr: SocketAddr,
}

impl Served {
    /// On a free port of this machine.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::spawn(Command::new(env!("CARGO_BIN_EXE_onbeat")).args(["serve", "--addr", "127.0.0.1:0"]).args(arguments))
    }

    /// By this command.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("onbeat runs");
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().expect("a pipe")).read_line(&mut line).expect("a first line");
        let addr = line.trim().strip_prefix("listening on http://").expect("the announcement");
        let addr = addr.replacen("localhost", "127.0.0.1", 1).parse().expect("an address");
        Self { process, addr }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have exited already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
