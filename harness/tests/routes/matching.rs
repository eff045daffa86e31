//! The route that answers a request, and the words for a request without a route.

use crate::support::{asked, model, play, play_model, shown};

const ROUTES: &str = r#"
    [[route]]
    method = "POST"
    path = "/v1/chat"
    match = { "/stream" = true, "/model" = "gpt-*", "header.x-key" = "k*", "query.v" = "1" }
    body = "gpt"
    [[route]]
    method = "POST"
    path = "/v1/chat"
    match = { "/n" = 2, "/tags" = ["a", "*"] }
    body = "tags"
    [[route]]
    path = "/users/*/feed"
    body = "user"
    [[route]]
    method = "*"
    path = "/any"
    body = "any {{method}}"
    [scenario.offline]
    [[scenario.offline.route]]
    method = "*"
    path = "/any"
    body = "offline"
"#;

/// The body of an answer.
fn answer(scenario: Option<&'static str>, request: (&str, &str), headers: &str, body: &str) -> String {
    play_model(model(ROUTES, std::path::Path::new("")), scenario, async |lab| {
        let client = asked(lab, request.0, request.1, headers, body).await;
        let shown = shown(&client.close().await.into_transcript());
        shown.lines().nth(1).and_then(|line| line.strip_prefix("0 ")).unwrap_or_default().to_owned()
    })
}

#[test]
fn the_first_route_that_matches_answers() {
    let chat = ("POST", "/v1/chat?v=1");
    let gpt = r#"{"stream":true,"model":"gpt-4o"}"#;
    for (request, headers, body, expected) in [
        (chat, "X-Key: k1\r\n", gpt, "gpt"),
        (chat, "", r#"{"n":2.0,"tags":["a","b"]}"#, "tags"),
        (("GET", "/users/7/feed"), "", "", "user"),
        (("PATCH", "/any"), "", "{}", "any PATCH"),
    ] {
        assert_eq!(answer(None, request, headers, body), format!("{expected:?}"), "{request:?} {body}");
    }
    assert_eq!(answer(Some("offline"), ("GET", "/any"), "", ""), r#""offline""#);
}

#[test]
fn a_request_without_a_route_is_told_the_nearest_and_why_not() {
    for (request, headers, body, expected) in [
        (
            ("POST", "/v1/chat?v=1"),
            "X-Key: k1\r\n",
            r#"{"stream":false,"model":"gpt-4o"}"#,
            "no route matches POST /v1/chat\nthe nearest is POST /v1/chat: it expects true at /stream, and the request has false\n",
        ),
        (
            ("POST", "/v1/chat"),
            "",
            "no json",
            "no route matches POST /v1/chat\nthe nearest is POST /v1/chat: it expects true at /stream, and the body is no JSON\n",
        ),
        (
            ("GET", "/v1/chat"),
            "",
            "",
            "no route matches GET /v1/chat\nthe nearest is POST /v1/chat: its method differs\n",
        ),
        (
            ("GET", "/users/7/fed"),
            "",
            "",
            "no route matches GET /users/7/fed\nthe nearest is GET /users/*/feed: its path differs\n",
        ),
    ] {
        assert_eq!(answer(None, request, headers, body), format!("{expected:?}"), "{request:?}");
    }
}

#[test]
fn a_page_of_any_origin_may_ask_and_read() {
    play(ROUTES, async |lab| {
        let preflight = "Origin: http://localhost:5173\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type, x-key\r\n";
        let client = asked(lab, "OPTIONS", "/v1/chat", preflight, "").await;
        let answer = shown(&client.close().await.into_transcript());
        for expected in [
            "0 204 ",
            "access-control-allow-origin: http://localhost:5173;",
            "access-control-allow-credentials: true;",
            "access-control-allow-methods: POST;",
            "access-control-allow-headers: content-type, x-key;",
        ] {
            assert!(answer.contains(expected), "{expected} in {answer}");
        }
        let client = asked(lab, "GET", "/users/1/feed", "Origin: http://localhost:5173\r\n", "").await;
        let answer = shown(&client.close().await.into_transcript());
        assert!(answer.contains("access-control-allow-origin: http://localhost:5173;"), "{answer}");
        let client = asked(lab, "GET", "/nowhere", "Origin: http://localhost:5173\r\n", "").await;
        let answer = shown(&client.close().await.into_transcript());
        assert!(answer.starts_with("0 404 ") && answer.contains("access-control-allow-origin"), "{answer}");
    });
}
