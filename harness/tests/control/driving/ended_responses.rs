//! Writes to a response that is over, or that the test ends.

use serde_json::{Value, json};

use super::{refused, write};
use crate::support::{GREETING, manual};

#[test]
fn a_response_that_is_over_takes_no_writes_and_the_next_on_its_connection_is_another() {
    let served = manual();
    let mut client = served.stream("/dynamic-counter");
    served.advance(31_000);
    assert_eq!(client.rest().last().map(String::as_str), Some("."));
    let text = json!({"text": "a"});
    assert_eq!(refused(&served, 0, &text), (409, "connection".to_owned()));
    client.get("/sse");
    assert_eq!(client.head().status, 200);
    assert_eq!(client.data(), GREETING);
    assert_eq!(refused(&served, 0, &json!({"text": "a", "request": 0})), (409, "request".to_owned()));
    let (status, answer) = served.control("POST", "/connections/0/close", &json!({"how": "cut", "request": 0}));
    assert_eq!((status, &answer["error"]["field"]), (409, &json!("request")));
    assert_eq!(write(&served, 0, &json!({"text": "a", "request": 1}))["request"], 1);
    assert_eq!(client.there(), ["a"]);
    served.did("POST", "/connections/0/close", &json!({"how": "half"}));
    assert_eq!(refused(&served, 0, &text), (409, "connection".to_owned()));
}

#[test]
fn a_cut_comes_behind_all_that_was_written_and_closes_the_connection() {
    let served = manual();
    let mut client = served.listener();
    write(&served, 0, &json!({"text": "data: a"}));
    let answer = served.did("POST", "/connections/0/close", &json!({"how": "cut"}));
    assert_eq!(answer, json!({"id": 0, "how": "cut"}));
    // Unlike a half-close it does not wait for the client.
    assert_eq!(served.did("GET", "/connections", &Value::Null)["connections"], json!([]));
    assert_eq!(client.rest(), ["data: a"]);
    assert!(!client.reset);
    let log = served.log();
    assert!(log.ends_with("\"how\":\"cut\"}\n"), "{log}");
}
