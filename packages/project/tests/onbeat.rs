//! The tests of the application, with nothing but what `onbeat` has by default.

use onbeat::player::Action;

#[test]
fn a_request_of_the_lab_is_written_as_http() {
    drop(project::router());
    let Action::Request { method, bytes } = Action::plain_request("GET", "/late", &[]) else { panic!("a request") };
    assert_eq!((&method[..], &bytes[..]), ("GET", &b"GET /late HTTP/1.1\r\nHost: onbeat\r\n\r\n"[..]));
}
