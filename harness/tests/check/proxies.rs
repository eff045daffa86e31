//! Servers behind proxies that hold back what they should pass on.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};

use crate::served::Served;
use crate::support::{onbeat, text};

/// Starts a proxy that passes on each chunked response as a whole, at the end of the response; returns the URL.
fn holding_back(server: SocketAddr) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    // It ends with the test's process.
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let client = client.expect("a connection");
            let server = TcpStream::connect(server).expect("the server listens");
            let (mut from_client, mut to_server) =
                (client.try_clone().expect("a socket"), server.try_clone().expect("a socket"));
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut from_client, &mut to_server);
                let _ = to_server.shutdown(Shutdown::Both);
            });
            std::thread::spawn(move || pass_on_at_the_end(server, client));
        }
    });
    url
}

fn pass_on_at_the_end(mut server: TcpStream, mut client: TcpStream) {
    let (mut held, mut bytes) = (Vec::new(), [0; 4096]);
    while let Ok(read @ 1..) = server.read(&mut bytes) {
        held.extend_from_slice(&bytes[..read]);
        let is_chunked = held.windows(7).any(|word| word == b"chunked");
        if (!is_chunked || held.ends_with(b"\r\n0\r\n\r\n")) && client.write_all(&held).is_ok() {
            held.clear();
        }
    }
    let _ = client.write_all(&held);
    let _ = client.shutdown(Shutdown::Both);
}

#[test]
fn behind_a_proxy_that_holds_back_the_streams_the_rest_is_given_up_and_the_cause_is_told() {
    let served = Served::start(&[]);
    let only = "stream-text.*,sse-data.*,fan-out.*";
    let output = onbeat(&["check", &holding_back(served.addr), "--behind-proxy", "--quick", "--only", only]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let words = text(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("Most likely a proxy between the check and the server buffers them"), "{words}");
    assert!(words.contains("FAIL stream-text.character-period"), "{words}");
    // Each scene would wait seconds for each of its lines.
    assert!(words.contains("given up, since the writes of no stream came in time"), "{words}");
    assert!(!words.contains("FAIL fan-out"), "{words}");
}
