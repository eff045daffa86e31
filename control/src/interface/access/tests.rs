use axum::body::Body;

use super::*;

const LOCAL: &str = "127.0.0.1:3000";

fn access(addr: &str, host: &str, token: Option<&str>) -> Result<Access, AccessError> {
    let addr = addr.parse().expect("an address");
    Access::new(&[addr], host, token.map(str::to_owned), &["http://Named:5173".to_owned()])
}

fn request(headers: &[(&str, &str)]) -> Request {
    let builder =
        headers.iter().fold(Request::builder().uri("/x"), |builder, (name, value)| builder.header(*name, *value));
    builder.body(Body::empty()).expect("a request")
}

#[test]
fn an_address_that_others_reach_needs_a_token() {
    for addr in [LOCAL, "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
        assert!(access(addr, "localhost", None).is_ok(), "{addr}");
    }
    for addr in ["0.0.0.0:1", "192.168.0.1:1", "[::]:1", "[::ffff:10.0.0.1]:1"] {
        assert!(matches!(access(addr, "x", None), Err(AccessError::Exposed(_))), "{addr}");
        assert!(access(addr, "x", Some("secret")).is_ok(), "{addr}");
    }
    for token in ["", "two words", "ümlaut", "line\n"] {
        assert!(matches!(access(LOCAL, "x", Some(token)), Err(AccessError::Token)), "{token}");
    }
}

#[test]
fn an_origin_has_a_scheme_and_a_host_and_nothing_else() {
    for origin in ["http://localhost:5173", "https://a.example", "http://[::1]:1", "chrome-extension://abc"] {
        assert_eq!(parse_origin(origin).as_deref(), Some(origin));
    }
    for wrong in ["", "null", "*", "localhost", "http://", "http://*", "http://a/", "http://a/b", "http://u@a"]
        .into_iter()
        .chain(["http://a:80", "https://a:443", "http://a:99999", "http://a:b", "http://[::1]x"])
    {
        assert_eq!(parse_origin(wrong), None, "{wrong}");
    }
}

#[test]
fn the_host_must_be_one_of_this_server() {
    let local = access(LOCAL, "localhost", None).expect("fine");
    let ok = |access: &Access, host: &str| access.origin(&request(&[("host", host)])).is_ok();
    for host in [
        "localhost",
        "LOCALHOST:3000",
        "127.0.0.1:3000",
        "127.0.0.2",
        "[::1]:3000",
        "localhost:1",
        "localhost.",
        "LocalHost.:3000",
    ] {
        assert!(ok(&local, host), "{host}");
    }
    for host in [
        "evil.example",
        "evil.example:3000",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "192.168.0.1",
        "0.0.0.0",
        "[::]",
        "",
        "localhost@evil.example",
        "evil.example@localhost",
        "localhost..",
        "127.0.0.1.",
        ".",
        "localhost:",
        "localhost:99999",
        "127.0.0.1:abc",
        "[::1].evil.example",
        "[::1]x",
        "[::1",
        "127.1",
        "2130706433",
    ] {
        assert!(!ok(&local, host), "{host}");
    }
    assert!(local.origin(&request(&[])).is_err());
    assert!(local.origin(&request(&[("host", "localhost"), ("host", "localhost")])).is_err());
    let named = access(LOCAL, "Backend", None).expect("fine");
    assert!(ok(&named, "backend:3000") && ok(&named, "localhost") && !ok(&named, "evil.example"));
    // Puts another host into the target, which wins over the header (RFC 9112, 3.2.2).
    let mut absolute = request(&[("host", "localhost")]);
    *absolute.uri_mut() = Uri::from_static("http://evil.example/__onbeat/clock");
    assert!(local.origin(&absolute).is_err());
}

#[test]
fn a_host_can_be_named_for_any_port_or_for_one() {
    let hosts = ["Web", "host.docker.internal:3000", "my_service:80", "[fd00::1]", "172.17.0.1:9"];
    let named = access(LOCAL, "localhost", None).and_then(|access| access.with_hosts(&hosts.map(str::to_owned)));
    let named = named.expect("names");
    let ok = |host: &str| named.origin(&request(&[("host", host)])).is_ok();
    for host in ["web", "WEB:1", "Host.Docker.Internal:3000", "my_service", "my_service:80", "[FD00:0::1]:5"]
        .into_iter()
        .chain(["172.17.0.1:9", "localhost:7"])
    {
        assert!(ok(host), "{host}");
    }
    for host in ["web.", "a.web", "web.evil.example", "web@evil.example", "evil.example@web", "172.17.0.1"]
        .into_iter()
        .chain(["host.docker.internal", "host.docker.internal:3001", "my_service:81", "[fd00::2]"])
    {
        assert!(!ok(host), "{host}");
    }
    for wrong in
        ["", "*", "*.example", "http://web", "web/", "a b", "u@web", "web:", "web:x", "web:99999", "a,b", "web%"]
    {
        let refused = access(LOCAL, "localhost", None).and_then(|access| access.with_hosts(&[wrong.to_owned()]));
        assert!(matches!(refused, Err(AccessError::Host(host)) if host == wrong), "{wrong}");
    }
}

#[test]
fn who_has_the_token_may_use_any_name_and_a_preflight_has_none() {
    let access = access("0.0.0.0:3000", "x", Some("s3cret")).expect("fine");
    for host in ["web:3000", "evil.example", "192.168.0.1"] {
        assert_eq!(access.origin(&request(&[("host", host)])), Ok(None), "{host}");
        let own = [("host", host), ("origin", &*format!("http://{host}"))];
        assert_eq!(access.origin(&request(&own)), Ok(None), "{host}");
        let foreign = [("host", host), ("origin", "http://other:1")];
        assert!(access.origin(&request(&foreign)).is_err(), "{host}");
        let named = [("host", host), ("origin", "http://named:5173")];
        assert!(access.origin(&request(&named)).is_ok_and(|origin| origin.is_some()), "{host}");
    }
    assert!(access.origin(&request(&[("host", "no host")])).is_err());
    assert!(access.origin(&request(&[])).is_err());
}

#[test]
fn a_page_of_another_origin_must_be_named() {
    let local = access(LOCAL, "localhost", None).expect("fine");
    let from = |headers: &[(&str, &str)]| {
        let headers = [&[("host", "localhost:3000")], headers].concat();
        local.origin(&request(&headers)).map(|origin| origin.is_some())
    };
    assert_eq!(from(&[]), Ok(false));
    assert_eq!(from(&[("origin", "http://localhost:3000"), ("sec-fetch-site", "same-origin")]), Ok(false));
    assert_eq!(from(&[("sec-fetch-site", "none")]), Ok(false));
    assert_eq!(from(&[("origin", "http://named:5173"), ("sec-fetch-site", "cross-site")]), Ok(true));
    for refused in [
        &[("origin", "http://evil.example")][..],
        &[("origin", "http://localhost:3001")],
        &[("origin", "https://localhost:3000")],
        &[("origin", "http://127.0.0.1:3000")],
        &[("origin", "null")],
        &[("origin", "")],
        &[("origin", "http://named:5173"), ("origin", "http://evil.example")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "http://localhost:3000"), ("sec-fetch-site", "cross-site")],
    ] {
        assert!(from(refused).is_err_and(|refusal| refusal.status == StatusCode::FORBIDDEN), "{refused:?}");
    }
}

#[test]
fn a_token_must_be_right_and_sent_as_a_bearer() {
    let access = access(LOCAL, "localhost", Some("s3cret")).expect("fine");
    let with = |lines: &[&str]| {
        let headers: Vec<_> = lines.iter().map(|line| ("authorization", *line)).collect();
        access.token(request(&headers).headers())
    };
    assert_eq!(with(&["Bearer s3cret"]), Ok(()));
    assert_eq!(with(&["bearer  s3cret"]), Ok(()));
    for wrong in [
        &[][..],
        &["Bearer "],
        &["Bearer"],
        &["Bearer s3cre"],
        &["Bearer s3cret "],
        &["Bearer s3crets"],
        &["Basic s3cret"],
        &["s3cret"],
        &["Bearer s3cret", "Bearer s3cret"],
    ] {
        assert!(with(wrong).is_err_and(|refusal| refusal.status == StatusCode::UNAUTHORIZED), "{wrong:?}");
    }
}
