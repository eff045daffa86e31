//! The proxy as a process, and its folder of recordings.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::support::{PATIENCE, RecordedLine, folder, lines};

/// A proxy as a process, killed with the test.
pub(crate) struct Proxied {
    pub(crate) process: Child,
    pub(crate) addr: SocketAddr,
    pub(crate) folder: PathBuf,
    stdout: Mutex<BufReader<ChildStdout>>,
}

impl Proxied {
    /// Starts a proxy for the server at an address.
    pub(crate) fn start(server: SocketAddr) -> Self {
        Self::with(&format!("http://{server}"), &[])
    }

    /// Starts a proxy for the server with a URL, with further arguments.
    pub(crate) fn with(url: &str, arguments: &[&str]) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let folder = folder(&format!("proxy-{}", NUMBER.fetch_add(1, Ordering::Relaxed)));
        let mut command = Command::new(env!("CARGO_BIN_EXE_onbeat"));
        command.args(["record", "--listen", "127.0.0.1:0", "--to", url, "--dir"]).arg(&folder).args(arguments);
        let mut process = command.stdout(Stdio::piped()).spawn().expect("onbeat runs");
        let mut stdout = BufReader::new(process.stdout.take().expect("a pipe"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("a first line");
        let addr = line.trim().strip_prefix("listening on http://").expect("the announcement");
        Self { process, addr: addr.parse().expect("an address"), folder, stdout: Mutex::new(stdout) }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let client = TcpStream::connect(self.addr).expect("the proxy listens");
        client.set_nodelay(true).expect("a socket option");
        client.set_read_timeout(Some(PATIENCE)).expect("a socket option");
        client
    }

    /// Waits for the next line on stdout.
    pub(crate) fn next_line(&self) -> String {
        let mut line = String::new();
        self.stdout.lock().expect("no panic").read_line(&mut line).expect("a line");
        line
    }

    /// Waits until an exchange has been recorded; returns the recording, whose summary begins like this.
    pub(crate) fn recording(&self, summary: &str) -> Vec<RecordedLine> {
        let line = self.next_line();
        assert!(line.starts_with(summary), "expected {summary}, got {line}");
        let name = line.split(": ").next().expect("a name");
        lines(&std::fs::read_to_string(self.folder.join(name)).expect("a file"))
    }

    /// Sends a signal, and reads nothing on stdout; returns the exit code.
    #[cfg(unix)]
    pub(crate) fn end_unread(mut self, signal: &str) -> Option<i32> {
        self.signal(signal);
        self.process.wait().expect("it ends").code()
    }

    #[cfg(unix)]
    fn signal(&self, signal: &str) {
        let killed = Command::new("kill").args([signal, &self.process.id().to_string()]).status().expect("kill runs");
        assert!(killed.success());
    }

    /// Sends a signal; returns the exit code, and what is left on stdout.
    #[cfg(unix)]
    pub(crate) fn end(mut self, signal: &str) -> (Option<i32>, String) {
        self.signal(signal);
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut *self.stdout.lock().expect("no panic"), &mut rest).expect("UTF-8");
        (self.process.wait().expect("it ends").code(), rest)
    }
}

impl Drop for Proxied {
    fn drop(&mut self) {
        // It may have exited already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
