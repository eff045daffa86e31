//! How an exchange through the proxy ends, on both sides.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::mpsc;

use onbeat_wire::How;
use socket2::{Domain, Socket, Type};

use super::proxied::Proxied;
use super::support::{chunked, end, read_exact, read_head, read_to_end, reset, server, writes};

const REQUEST: &[u8] = b"GET /chat HTTP/1.1\r\nHost: a\r\n\r\n";

/// A chunk, and a part of the next.
fn unfinished() -> Vec<u8> {
    let bytes = chunked([&b"data: 1\n\n"[..]]);
    [&bytes[..bytes.len() - 5], b"9\r\ndat"].concat()
}

/// Starts a server that sends an unfinished response, and tells when its client has left.
fn endless() -> (SocketAddr, mpsc::Receiver<()>) {
    let (left, has_left) = mpsc::channel();
    let left = Mutex::new(left);
    let addr = server(move |mut socket| {
        read_head(&mut socket);
        socket.write_all(&unfinished()).expect("a reader");
        assert_eq!(read_head(&mut socket), "");
        left.lock().expect("no panic").send(()).expect("the test waits");
    });
    (addr, has_left)
}

#[test]
fn a_server_that_cuts_or_resets_does_so_to_the_client() {
    for (is_reset, how) in [(false, How::Cut), (true, How::Reset)] {
        let (go, told) = mpsc::channel::<()>();
        let told = Mutex::new(told);
        let proxied = Proxied::start(server(move |mut socket| {
            read_head(&mut socket);
            socket.write_all(&unfinished()).expect("a reader");
            told.lock().expect("no panic").recv().expect("the test is there");
            if is_reset {
                reset(socket);
            }
        }));
        let mut client = proxied.connect();
        client.write_all(REQUEST).expect("a reader");
        assert_eq!(read_exact(&mut client, unfinished().len()), unfinished());
        go.send(()).expect("the server waits");
        let ended = if is_reset { Err(std::io::ErrorKind::ConnectionReset) } else { Ok(Vec::new()) };
        assert_eq!(read_to_end(&mut client), ended);
        let recorded = proxied.recording("0001-GET-chat.jsonl: 200, 2 writes, ");
        assert_eq!((writes(&recorded), end(&recorded)), (vec![&b"data: 1\n\n"[..], b"dat"], how));
    }
}

#[test]
fn a_client_that_reads_slowly_gets_all_bytes_before_a_reset() {
    // Sends more than a client with a small buffer takes without reading, and less than the machine holds.
    let mut sent = chunked([&[b'x'; 16 * 1024][..]]);
    // Leaves the last chunk out.
    sent.truncate(sent.len() - 5);
    let bytes = sent.len();
    let proxied = Proxied::start(server(move |mut socket| {
        read_head(&mut socket);
        socket.write_all(&sent).expect("a reader");
        reset(socket);
    }));
    let client = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    client.set_recv_buffer_size(4096).expect("a socket option");
    client.connect(&proxied.addr.into()).expect("the proxy listens");
    let mut client = TcpStream::from(client);
    client.write_all(REQUEST).expect("a reader");
    // Reads only after the proxy has noted the reset.
    proxied.recording("0001-GET-chat.jsonl: 200, 1 write, reset");
    let mut read = Vec::new();
    let ended = client.read_to_end(&mut read).map_err(|error| error.kind());
    assert_eq!((read.len(), ended), (bytes, Err(std::io::ErrorKind::ConnectionReset)));
}

#[test]
fn a_client_that_leaves_closes_the_connection_to_the_server_at_once() {
    for is_reset in [false, true] {
        let (addr, has_left) = endless();
        let proxied = Proxied::start(addr);
        let mut client = proxied.connect();
        client.write_all(REQUEST).expect("a reader");
        assert_eq!(read_exact(&mut client, unfinished().len()), unfinished());
        if is_reset {
            reset(client);
        } else {
            drop(client);
        }
        has_left.recv().expect("the server notices");
        let recorded = proxied.recording("0001-GET-chat.jsonl: 200, 2 writes, closed by the client");
        assert_eq!((writes(&recorded), end(&recorded)), (vec![&b"data: 1\n\n"[..], b"dat"], How::Closed));
    }
}

#[test]
fn a_client_that_leaves_before_the_head_is_noticed_by_the_server() {
    let (got, request) = mpsc::channel();
    let (left, has_left) = mpsc::channel();
    let (got, left) = (Mutex::new(got), Mutex::new(left));
    let proxied = Proxied::start(server(move |mut socket| {
        got.lock().expect("no panic").send(read_head(&mut socket)).expect("the test waits");
        assert_eq!(read_head(&mut socket), "");
        left.lock().expect("no panic").send(()).expect("the test waits");
    }));
    let mut client = proxied.connect();
    client.write_all(REQUEST).expect("a reader");
    request.recv().expect("a request");
    drop(client);
    has_left.recv().expect("the server notices");
    let recorded = proxied.recording("0001-GET-chat.jsonl: no answer, 0 writes, closed by the client");
    assert_eq!((recorded.len(), end(&recorded)), (3, How::Closed));
}

#[test]
fn a_request_that_is_followed_at_once_by_its_end_is_answered() {
    let proxied = Proxied::start(server(|mut socket| {
        read_head(&mut socket);
        assert_eq!(read_head(&mut socket), "");
        socket.write_all(&chunked([&b"data: 1\n\n"[..]])).expect("a reader");
    }));
    let mut client = proxied.connect();
    client.write_all(REQUEST).expect("a reader");
    client.shutdown(Shutdown::Write).expect("a connection");
    assert_eq!(read_to_end(&mut client), Ok(chunked([&b"data: 1\n\n"[..]])));
    assert_eq!(end(&proxied.recording("0001-GET-chat.jsonl: 200, 1 write, complete")), How::Complete);
}

#[test]
#[cfg(unix)]
fn ctrl_c_ends_the_recordings_under_way() {
    let (addr, has_left) = endless();
    let proxied = Proxied::start(addr);
    let mut client = proxied.connect();
    client.write_all(REQUEST).expect("a reader");
    read_exact(&mut client, unfinished().len());
    let (code, rest) = proxied.end("-INT");
    assert_eq!(code, Some(0));
    assert!(rest.starts_with("0001-GET-chat.jsonl: 200, 2 writes, closed by the client after "), "{rest}");
    has_left.recv().expect("the server notices");
}

#[test]
#[cfg(unix)]
fn a_folder_that_takes_nothing_fails_the_recorder_and_not_the_exchange() {
    let (addr, has_left) = endless();
    let proxied = Proxied::start(addr);
    std::fs::remove_dir_all(&proxied.folder).expect("the folder is ours");
    let mut client = proxied.connect();
    client.write_all(REQUEST).expect("a reader");
    assert_eq!(read_exact(&mut client, unfinished().len()), unfinished());
    drop(client);
    has_left.recv().expect("the server notices");
    assert_eq!(proxied.end("-TERM"), (Some(2), String::new()));
}

#[test]
#[cfg(unix)]
fn a_stdout_that_nobody_reads_holds_nothing_up() {
    const EXCHANGES: usize = 800;
    let proxied = Proxied::start(server(|mut socket| {
        for _ in 0..EXCHANGES {
            read_head(&mut socket);
            socket.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").expect("a reader");
        }
    }));
    let mut client = proxied.connect();
    let request = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(200));
    for _ in 0..EXCHANGES {
        client.write_all(request.as_bytes()).expect("a reader");
        assert!(read_head(&mut client).starts_with("HTTP/1.1 204"));
    }
    // The lines are longer than a pipe.
    assert_eq!(proxied.end_unread("-INT"), Some(0));
}
