use serde_json::json;

use super::*;
use crate::request::tests::request;

fn route(method: &str, path: &str, conditions: Value) -> Route {
    let method = (method != "*").then(|| method.parse().expect("a method"));
    let Value::Object(conditions) = conditions else { panic!("a table") };
    let conditions = conditions.into_iter().map(|(part, expected)| {
        let part = RequestPart::parse(&part).expect("a part");
        Condition { part, expected }
    });
    let conditions = conditions.collect();
    Route { method, path: PathPattern(path.into()), conditions, responses: vec![], form: Value::Null }
}

fn matches(conditions: Value, target: &str, body: &str) -> bool {
    route("POST", "/*", conditions).mismatch(&request("POST", target, body)).is_none()
}

#[test]
fn a_get_route_answers_head_and_a_star_any_method() {
    for (method, sent, expected) in [
        ("GET", "GET", true),
        ("GET", "HEAD", true),
        ("HEAD", "GET", false),
        ("GET", "get", false),
        ("POST", "HEAD", false),
        ("*", "PURGE", true),
    ] {
        let mismatch = route(method, "/a", json!({})).mismatch(&request(sent, "/a?x", ""));
        assert_eq!(mismatch.is_none(), expected, "{method} {sent}");
    }
}

#[test]
fn a_condition_on_the_json_body_compares_values() {
    let body = r#"{"model":"gpt-4o","n":2,"stream":true,"none":null,"messages":[{"role":"user"}],"a/b":1}"#;
    for (condition, expected) in [
        (json!({"/model": "gpt-*"}), true),
        (json!({"/model": "gpt-4"}), false),
        (json!({"/n": 2.0, "/stream": true}), true),
        (json!({"/n": "2"}), false),
        (json!({"/n": "*"}), false),
        (json!({"/stream": false}), false),
        (json!({"/none": null}), true),
        (json!({"/other": null}), false),
        (json!({"/messages": [{"role": "user"}]}), true),
        (json!({"/messages": [{"role": "us*"}]}), false),
        (json!({"/messages/0": {"role": "user"}}), true),
        (json!({"/messages/0": {}}), false),
        (json!({"/a~1b": 1}), true),
    ] {
        assert_eq!(matches(condition.clone(), "/x", body), expected, "{condition}");
    }
    assert!(!matches(json!({"/model": "*"}), "/x", "no JSON"));
}

#[test]
fn a_condition_on_a_text_compares_text_or_the_number_in_it() {
    for (condition, expected) in [
        (json!({"header.x-user": "A*"}), true),
        (json!({"header.X-User": "a*"}), false),
        (json!({"header.none": "*"}), false),
        (json!({"query.page": "2"}), true),
        (json!({"query.page": 2}), true),
        (json!({"query.page": 3}), false),
        (json!({"query.flag": true}), true),
        (json!({"query.flag": false}), false),
        (json!({"body": "*\"a\":1*"}), true),
    ] {
        assert_eq!(matches(condition.clone(), "/x?page=2&flag=true", r#"{"a":1}"#), expected, "{condition}");
    }
}

#[test]
fn the_nearest_route_is_told_with_the_reason() {
    let chat = route("POST", "/v1/chat", json!({"/model": "gpt-*", "/stream": true}));
    let feed = route("GET", "/feed", json!({}));
    let routes = [&feed, &chat];
    for (method, target, body, said) in [
        ("GET", "/fed?x=1", "", "The nearest is GET /feed: expected the path /feed, got /fed."),
        ("GET", "/v1/chats", "", "The nearest is POST /v1/chat: expected the path /v1/chat, got /v1/chats."),
        ("DELETE", "/feed", "", "The nearest is GET /feed: expected the method GET, got DELETE."),
        (
            "POST",
            "/v1/chat",
            r#"{"model":"o1"}"#,
            r#"The nearest is POST /v1/chat: expected /model to be "gpt-*", got "o1"."#,
        ),
        (
            "POST",
            "/v1/chat",
            r#"{"model":"gpt-4"}"#,
            "The nearest is POST /v1/chat: expected /stream to be true, but it is missing.",
        ),
        (
            "POST",
            "/v1/chat",
            "{",
            r#"The nearest is POST /v1/chat: expected /model to be "gpt-*", but the body is no JSON."#,
        ),
    ] {
        let text = no_match(&routes, &request(method, target, body));
        let (first, rest) = text.split_once('\n').expect("two lines");
        let path = target.split('?').next().expect("a path");
        assert_eq!((first, rest.trim_end()), (format!("No route matches {method} {path}.").as_str(), said));
    }
    assert_eq!(no_match(&[], &request("GET", "/", "")), "No route matches GET /.\nThere are no routes.\n");
}
