//! The proxy: every byte is passed on at once, in both directions, and every exchange is recorded.

use std::io::{Read, Write};
use std::sync::Mutex;
use std::sync::mpsc;

use onbeat_wire::How;
use onbeat_wire::recording::{Fact, RawRequest};
use socket2::SockRef;

use super::proxied::Proxied;
use super::support::{answering, chunked, end, read_exact, read_head, read_to_end, server, statuses, writes};

#[test]
fn each_piece_is_passed_on_before_the_next_is_sent() {
    let (go, told) = mpsc::channel::<()>();
    let told = Mutex::new(told);
    let pieces = |bytes: &[u8]| bytes.chunks(7).map(<[u8]>::to_vec).collect::<Vec<_>>();
    let answer = chunked([&b"data: hello\n\n"[..], "data: 你好\n\n".as_bytes()]);
    let sent = pieces(&answer);
    let proxied = Proxied::start(server(move |mut socket| {
        let head = read_head(&mut socket);
        assert!(head.contains("Transfer-Encoding: chunked"), "{head}");
        for piece in pieces(b"5\r\nhello\r\n3;x=1\r\nyou\r\n0\r\n\r\n") {
            // A body that waits for its end would wait for ever: the client sends the next piece when told.
            assert_eq!(read_exact(&mut socket, piece.len()), piece);
            socket.write_all(b"").expect("open");
            told.lock().expect("no panic").recv().expect("the client is there");
        }
        for piece in &sent {
            socket.write_all(piece).expect("a reader");
            told.lock().expect("no panic").recv().expect("the client is there");
        }
    }));
    let mut client = proxied.connect();
    client.write_all(b"POST /chat HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n").expect("a reader");
    for piece in pieces(b"5\r\nhello\r\n3;x=1\r\nyou\r\n0\r\n\r\n") {
        client.write_all(&piece).expect("a reader");
        go.send(()).expect("the server is there");
    }
    for piece in pieces(&answer) {
        assert_eq!(read_exact(&mut client, piece.len()), piece);
        go.send(()).expect("the server is there");
    }
    let recorded = proxied.recording("0001-POST-chat.jsonl: 200, 2 writes, complete after ");
    assert_eq!(
        (writes(&recorded), end(&recorded)),
        (vec![&b"data: hello\n\n"[..], "data: 你好\n\n".as_bytes()], How::Complete)
    );
    assert_eq!(recorded[1].notes.body.as_ref().expect("a body").bytes, &b"helloyou"[..]);
}

#[test]
fn a_connection_carries_one_exchange_after_another_each_in_a_file() {
    let addr = server(|mut socket| {
        for number in 0..3 {
            let head = read_head(&mut socket);
            let body = format!("{number}");
            assert!(head.starts_with(&format!("GET /api/{number}?a=b HTTP/1.1\r\nHost: ")), "{head}");
            socket.write_all(&chunked([body.as_bytes()])).expect("a reader");
        }
    });
    let proxied = Proxied::with(&format!("http://{addr}/api"), &[]);
    let mut client = proxied.connect();
    let request = |number| format!("GET /{number}?a=b HTTP/1.1\r\nHost: elsewhere\r\n\r\n");
    // The second and the third request come at once.
    for requests in [request(0), request(1) + &request(2)] {
        client.write_all(requests.as_bytes()).expect("a reader");
        if requests.contains("/0") {
            read_exact(&mut client, chunked([&b"0"[..]]).len());
        }
    }
    assert_eq!(read_to_end(&mut client), Ok([chunked([&b"1"[..]]), chunked([&b"2"[..]])].concat()));
    for number in 0..3 {
        let recorded = proxied.recording(&format!("000{}-GET-api-{number}.jsonl: 200, 1 write, complete", number + 1));
        assert_eq!(writes(&recorded), [number.to_string().as_bytes()]);
        let text = format!("GET /api/{number}?a=b HTTP/1.1\r\nHost: {addr}\r\n\r\n");
        assert_eq!(recorded[1].fact, Fact::RawRequest(RawRequest { text }));
    }
}

#[test]
fn a_file_has_the_place_of_the_first_byte_of_its_request() {
    let (accepted, told) = mpsc::channel::<()>();
    let proxied = Proxied::start(server(move |mut socket| {
        accepted.send(()).expect("the test waits");
        read_head(&mut socket);
        socket.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").expect("a reader");
    }));
    let mut listener = proxied.connect();
    listener.write_all(b"GET /feed HTTP/1.1\r\n").expect("a reader");
    // The proxy connects when the first bytes have come.
    told.recv().expect("a connection");
    let mut publisher = proxied.connect();
    publisher.write_all(b"POST /say HTTP/1.1\r\nHost: a\r\n\r\n").expect("a reader");
    proxied.recording("0002-POST-say.jsonl: 204");
    listener.write_all(b"Host: a\r\n\r\n").expect("a reader");
    proxied.recording("0001-GET-feed.jsonl: 204");
}

#[test]
fn responses_without_a_body_are_passed_on_and_recorded() {
    let addr = server(|mut socket| {
        for answer in [
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
            "HTTP/1.1 204 No Content\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\n",
            "HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno",
        ] {
            if !answer.contains("503") {
                read_head(&mut socket);
            }
            socket.write_all(answer.as_bytes()).expect("a reader");
            if answer.contains("Continue") {
                assert_eq!(read_exact(&mut socket, 2), b"hi");
            }
        }
    });
    let proxied = Proxied::start(addr);
    let mut client = proxied.connect();
    client.write_all(b"HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n").expect("a reader");
    assert!(read_head(&mut client).starts_with("HTTP/1.1 200"));
    client.write_all(b"DELETE /b HTTP/1.1\r\nHost: a\r\n\r\n").expect("a reader");
    assert!(read_head(&mut client).starts_with("HTTP/1.1 204"));
    let head = b"POST /c HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    client.write_all(head).expect("a reader");
    assert!(read_head(&mut client).starts_with("HTTP/1.1 100"));
    client.write_all(b"hi").expect("a reader");
    assert!(read_head(&mut client).starts_with("HTTP/1.1 503"));
    assert_eq!(end(&proxied.recording("0001-HEAD-a.jsonl: 200, 0 writes, complete")), How::Complete);
    assert_eq!(end(&proxied.recording("0002-DELETE-b.jsonl: 204, 0 writes, complete")), How::Complete);
    let recorded = proxied.recording("0003-POST-c.jsonl: 503, 1 write, complete");
    assert_eq!(statuses(&recorded), [100, 503]);
    assert_eq!(recorded[1].notes.body.as_ref().expect("a body").bytes, &b"hi"[..]);
}

#[test]
fn another_protocol_is_passed_on_and_not_recorded_beyond_its_head() {
    let addr = server(|mut socket| {
        read_head(&mut socket);
        socket
            .write_all(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x02hi")
            .expect("a reader");
        assert_eq!(read_exact(&mut socket, 6), b"\x81\0GET ");
        socket.write_all(b"\x88\0").expect("a reader");
    });
    let proxied = Proxied::start(addr);
    let mut client = proxied.connect();
    client
        .write_all(b"GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n")
        .expect("a reader");
    read_head(&mut client);
    assert_eq!(read_exact(&mut client, 4), b"\x81\x02hi");
    client.write_all(b"\x81\0GET ").expect("a reader");
    assert_eq!(read_to_end(&mut client), Ok(b"\x88\0".to_vec()));
    let recorded = proxied.recording("0001-GET-ws.jsonl: 101, 0 writes, complete");
    assert_eq!(statuses(&recorded), [101]);
}

#[test]
fn bytes_that_are_no_http_are_passed_on_and_end_the_recording() {
    let bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\nzz\r\nmore";
    let proxied = Proxied::start(answering(vec![bytes.to_vec()]));
    let mut client = proxied.connect();
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").expect("a reader");
    assert_eq!(read_to_end(&mut client), Ok(bytes.to_vec()));
    let recorded = proxied.recording("0001-GET.jsonl: 200, 1 write, cut off by the server");
    assert_eq!(writes(&recorded), [b"a"]);
}

#[test]
#[cfg(unix)]
fn behind_bytes_that_are_no_http_all_is_passed_on_and_nothing_recorded() {
    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nName : value\r\nContent-Length: 0\r\n\r\n";
    const REQUESTS: usize = 40;
    let proxied = Proxied::start(server(|mut socket| {
        for _ in 0..REQUESTS {
            read_head(&mut socket);
            socket.write_all(ANSWER).expect("a reader");
        }
    }));
    let mut client = proxied.connect();
    for _ in 0..REQUESTS {
        client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").expect("a reader");
        assert_eq!(read_exact(&mut client, ANSWER.len()), ANSWER);
    }
    drop(client);
    let folder = proxied.folder.clone();
    let (code, told) = proxied.end("-TERM");
    let files = std::fs::read_dir(folder).expect("the folder of the recordings").count();
    assert_eq!((code, told.lines().count(), files), (Some(0), 1, 1), "{told}");
}

#[test]
fn the_proxy_itself_answers_what_can_not_be_passed_on() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address");
    let request = |proxied: &Proxied, bytes: &[u8]| {
        let mut client = proxied.connect();
        client.write_all(bytes).expect("a reader");
        String::from_utf8(read_to_end(&mut client).expect("an answer and the end")).expect("UTF-8")
    };
    let proxied = Proxied::start(gone);
    let answer = request(&proxied, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(
        answer.starts_with("HTTP/1.1 502 Bad Gateway\r\n") && answer.contains("failed to connect to http://"),
        "{answer}"
    );
    let proxied = Proxied::start(answering(Vec::new()));
    let answer = request(&proxied, b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(
        answer.starts_with("HTTP/1.1 501 Not Implemented\r\n") && answer.contains("proxy's address as the URL"),
        "{answer}"
    );
    let answer = request(&proxied, b"\x16\x03\x01\x02\0\x01\0\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
    assert_eq!(std::fs::read_dir(&proxied.folder).expect("a folder").count(), 0);
}

#[test]
fn many_clients_are_served_at_the_same_time() {
    const CLIENTS: usize = 300;
    let addr = server(|mut socket| {
        read_head(&mut socket);
        let bytes = chunked([&b"data: 1\n\n"[..]]);
        socket.write_all(&bytes[..bytes.len() - 5]).expect("a reader");
        // The response ends when the client has said so.
        read_exact(&mut socket, 1);
        socket.write_all(&bytes[bytes.len() - 5..]).expect("a reader");
    });
    let proxied = Proxied::start(addr);
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| proxied.connect()).collect();
    let head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n";
    for client in &mut clients {
        client.write_all(head).expect("a reader");
    }
    let bytes = chunked([&b"data: 1\n\n"[..]]);
    for client in &mut clients {
        assert_eq!(read_exact(client, bytes.len() - 5), &bytes[..bytes.len() - 5]);
    }
    for client in &mut clients {
        client.write_all(b"x").expect("a reader");
        assert_eq!(read_exact(client, 5), b"0\r\n\r\n");
    }
    drop(clients);
    let mut names: Vec<String> = (0..CLIENTS).map(|_| proxied.next_line()).collect();
    names.sort();
    let recorded = |number: usize| format!("{:04}-POST.jsonl: 200, 1 write, complete after", number + 1);
    assert!(names.iter().enumerate().all(|(number, name)| name.starts_with(&recorded(number))), "{names:?}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_client_that_reads_slowly_slows_the_server_down_and_takes_no_memory() {
    const CHUNK: usize = 64 * 1024;
    const CHUNKS: usize = 640;
    let stream = || {
        let chunk = vec![b'a'; CHUNK];
        chunked(std::iter::repeat_n(&chunk[..], CHUNKS))
    };
    let (stuck, is_stuck) = mpsc::channel();
    let stuck = Mutex::new(stuck);
    let addr = server(move |mut socket| {
        read_head(&mut socket);
        SockRef::from(&socket).set_send_buffer_size(CHUNK).expect("a socket option");
        socket.set_write_timeout(Some(std::time::Duration::from_millis(500))).expect("a socket option");
        let bytes = stream();
        let mut rest = &bytes[..];
        // The server goes on until nobody takes more for a while, and then waits as long as it takes.
        while let Ok(written) = socket.write(rest) {
            rest = &rest[written..];
            if rest.is_empty() {
                break;
            }
        }
        stuck.lock().expect("no panic").send(bytes.len() - rest.len()).expect("the test waits");
        socket.set_write_timeout(None).expect("a socket option");
        socket.write_all(rest).expect("a reader");
    });
    let proxied = Proxied::start(addr);
    let mut client = proxied.connect();
    SockRef::from(&client).set_recv_buffer_size(CHUNK).expect("a socket option");
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").expect("a reader");
    let taken = is_stuck.recv().expect("the server tells");
    assert!(taken < 40 * CHUNK, "{taken} bytes were taken for a client that reads nothing");
    let mut got = 0;
    let mut buffer = vec![0; CHUNK];
    let length = stream().len();
    while got < length {
        got += client.read(&mut buffer).expect("bytes");
    }
    let recorded = proxied.recording(&format!("0001-GET.jsonl: 200, {CHUNKS} writes, complete after"));
    assert_eq!(writes(&recorded).iter().map(|write| write.len()).sum::<usize>(), CHUNK * CHUNKS);
    let status = std::fs::read_to_string(format!("/proc/{}/status", proxied.process.id())).expect("Linux");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak").trim();
    let peak_kib: usize = peak.trim_end_matches(" kB").parse().expect("a number");
    assert!(peak_kib < 64 * 1024, "{peak}");
}
