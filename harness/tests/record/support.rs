//! Servers that write raw bytes, and the recorder as a process.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use onbeat_wire::How;
use onbeat_wire::printable::to_json;
use onbeat_wire::recording::{ArrivalNotes, Fact, Line};
use socket2::SockRef;

pub(crate) type RecordedLine = Line<ArrivalNotes>;

/// Nothing in these tests waits longer for bytes, so that a bug fails instead of hanging.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Starts a server that has each connection handled on a thread of its own. The server ends with the test's process.
pub(crate) fn server(handle: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("an address");
    let handle = Arc::new(handle);
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let (socket, handle) = (socket.expect("a connection"), Arc::clone(&handle));
            socket.set_nodelay(true).expect("a socket option");
            socket.set_read_timeout(Some(PATIENCE)).expect("a socket option");
            std::thread::spawn(move || handle(socket));
        }
    });
    addr
}

/// Starts a server that reads one request, answers with these pieces, and closes the connection.
pub(crate) fn answering(pieces: Vec<Vec<u8>>) -> SocketAddr {
    server(move |mut socket| {
        let head = read_head(&mut socket).to_lowercase();
        // To close a socket with unread bytes would reset the connection.
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next()?.parse().ok());
        read_exact(&mut socket, length.unwrap_or(0));
        for piece in &pieces {
            // The recorder may have left.
            let _ = socket.write_all(piece);
        }
    })
}

/// Reads up to the end of a head, and no further; returns the head.
pub(crate) fn read_head(socket: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match socket.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => break,
        }
    }
    String::from_utf8(head).expect("a head in UTF-8")
}

/// Reads so many bytes.
pub(crate) fn read_exact(socket: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    socket.read_exact(&mut bytes).expect("as many bytes");
    bytes
}

/// Reads until the connection ends; returns the bytes, or how the connection failed.
pub(crate) fn read_to_end(socket: &mut TcpStream) -> Result<Vec<u8>, std::io::ErrorKind> {
    let mut bytes = Vec::new();
    socket.read_to_end(&mut bytes).map(|_| bytes).map_err(|error| error.kind())
}

/// Resets a connection, instead of closing.
pub(crate) fn reset(socket: TcpStream) {
    SockRef::from(&socket).set_linger(Some(Duration::ZERO)).expect("a socket option");
    drop(socket);
}

/// Returns a response in these chunks, with the last chunk.
pub(crate) fn chunked<'c>(chunks: impl IntoIterator<Item = &'c [u8]>) -> Vec<u8> {
    let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut bytes = head.to_vec();
    for chunk in chunks {
        bytes.extend([format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat());
    }
    bytes.extend(b"0\r\n\r\n");
    bytes
}

pub(crate) fn onbeat(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_onbeat")).args(arguments).output().expect("onbeat runs")
}

/// Records one exchange with the server; returns the lines on stdout.
pub(crate) fn record(addr: SocketAddr, arguments: &[&str]) -> Vec<RecordedLine> {
    let url = format!("http://{addr}/chat");
    let output = onbeat(&[&["record", &url], arguments].concat());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    lines(std::str::from_utf8(&output.stdout).expect("UTF-8"))
}

/// Reads a recording. Each line is written again as it was.
pub(crate) fn lines(text: &str) -> Vec<RecordedLine> {
    assert!(text.is_empty() || text.ends_with('\n'), "{text:?}");
    let read = |line: &str| {
        let read = RecordedLine::read(line).unwrap_or_else(|problem| panic!("{line}: {}", problem.at(1)));
        assert_eq!(to_json(&read), line);
        read
    };
    text.lines().map(read).collect()
}

/// Returns the writes.
pub(crate) fn writes(lines: &[RecordedLine]) -> Vec<&[u8]> {
    let write = |line: &'_ RecordedLine| matches!(line.fact, Fact::Write(_));
    lines
        .iter()
        .filter(|line| write(line))
        .map(|line| if let Fact::Write(write) = &line.fact { &write.bytes[..] } else { &[] })
        .collect()
}

/// Returns how the exchange ended: by the last line, and no other.
pub(crate) fn end(lines: &[RecordedLine]) -> How {
    let ends: Vec<How> =
        lines.iter().filter_map(|line| if let Fact::End(end) = line.fact { Some(end.how) } else { None }).collect();
    assert_eq!(ends.len(), 1);
    assert!(matches!(lines.last().expect("a line").fact, Fact::End(_)));
    ends[0]
}

/// Returns the statuses of the heads.
pub(crate) fn statuses(lines: &[RecordedLine]) -> Vec<u16> {
    lines.iter().filter_map(|line| if let Fact::Head(head) = &line.fact { Some(head.status) } else { None }).collect()
}

/// Returns a new folder for one test.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("record-{name}-{}", std::process::id()));
    // A process with the same number may have left one.
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}
