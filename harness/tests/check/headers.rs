//! Headers of the user's own, such as a token.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};

use crate::served::Served;
use crate::support::{answering, onbeat, text};

/// Stands between a check and a server: gives on all that comes, but for answers to requests without this line.
fn wanting(token: &'static str, served: &Served) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let (addr, server) = (listener.local_addr().expect("an address"), served.addr);
    // It ends with the test's process.
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let client = client.expect("a connection");
            std::thread::spawn(move || give_on(token, client, server));
        }
    });
    addr.to_string()
}

/// Gives on each request of a connection that has the line. Any other is refused.
fn give_on(token: &str, mut client: TcpStream, server: SocketAddr) {
    let upstream = TcpStream::connect(server).expect("a connection");
    let (mut answers, mut back) = (upstream.try_clone().expect("a socket"), client.try_clone().expect("a socket"));
    std::thread::spawn(move || {
        // Whoever leaves first ends it.
        let _ = std::io::copy(&mut answers, &mut back);
        let _ = back.shutdown(Shutdown::Both);
    });
    let (mut heads, mut read) = (String::new(), [0; 4096]);
    while let Ok(length @ 1..) = client.read(&mut read) {
        heads += &String::from_utf8_lossy(&read[..length]);
        // Requests of several heads at once come whole, since none of them has a body.
        if !heads.ends_with("\r\n\r\n") {
            continue;
        }
        if heads.matches("\r\n\r\n").count() != heads.matches(token).count() {
            let refused = format!("HTTP/1.1 401 Unauthorized\r\nX-Wanted: {token}\r\nContent-Length: 0\r\n\r\n");
            // It may have left.
            let _ = client.write_all(refused.as_bytes());
            break;
        }
        if (&upstream).write_all(std::mem::take(&mut heads).as_bytes()).is_err() {
            break;
        }
    }
    let _ = upstream.shutdown(Shutdown::Both);
    let _ = client.shutdown(Shutdown::Both);
}

#[test]
fn a_header_is_sent_with_every_request() {
    let served = Served::start(&[]);
    let addr = wanting("authorization: Bearer open-sesame", &served);
    let only =
        ["--only", "stream-text.*,requests.options,requests.too-large,requests.http-1.0,fan-out.count", "--quick"];
    let token = "Authorization: Bearer open-sesame";
    let output = onbeat(&[&["check", &addr, "-H", token, "--tolerance", "10s"], &only[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));

    let output = onbeat(&[&["check", &addr], &only[..]].concat());
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("expected 200, got 401; if the server wants a token"),
        "{}",
        text(&output.stderr)
    );

    for (header, told) in
        [("open-sesame", "expected 'Name: value'"), ("Content-Length: 5", "decides about this one itself")]
    {
        let output = onbeat(&["check", &addr, "--header", header]);
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), ""), "{header}");
        assert!(
            text(&output.stderr).contains(told) && !text(&output.stderr).contains("sesame"),
            "{}",
            text(&output.stderr)
        );
    }
}

#[test]
fn a_secret_that_a_server_tells_again_is_not_printed() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Type: text/x; token=open-sesame\r\nContent-Length: 0\r\n\r\n";
    let output = onbeat(&["check", &answering(answer), "--header", "Authorization: Bearer open-sesame"]);
    assert_eq!(output.status.code(), Some(1));
    let told = [text(&output.stdout), text(&output.stderr)].concat();
    assert!(told.contains("text/x; token=[hidden]") && !told.contains("sesame"), "{told}");
}

#[test]
fn a_server_with_a_page_at_its_root_conforms() {
    let served = Served::start(&["--control"]);
    let output = onbeat(&["check", &served.addr.to_string(), "--only", "requests.*", "--tolerance", "10s", "--quick"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
}
