//! Writes to live connections that meet a fault.

use serde_json::{Value, json};

use super::{refused, write};
use crate::support::{GREETING, manual};

#[test]
fn faults_strike_what_is_written() {
    let served = manual();
    let mut client = served.listener();
    served.fault(&json!({"connection": 0, "kind": "split", "bytes": 4}));
    served.fault(&json!({"connection": 0, "kind": "line-ends", "ends": "crlf"}));
    write(&served, 0, &json!({"data": "ab"}));
    // Each piece has been sent before the next, and the second fault has made two bytes of each line end.
    assert_eq!(client.there(), ["data", ": ab", "\r\n\r\n"]);
    served.did("DELETE", "/faults", &Value::Null);
    write(&served, 0, &json!({"data": "ab"}));
    assert_eq!(client.there(), ["data: ab\n\n"]);
}

#[test]
fn a_fault_that_holds_writes_back_holds_these_back_and_is_told() {
    let served = manual();
    let mut client = served.listener();
    served.fault(&json!({"connection": 0, "kind": "coalesce", "writes": 3}));
    assert_eq!(write(&served, 0, &json!({"text": "1"}))["written"], false);
    assert_eq!(write(&served, 0, &json!({"text": "2"}))["written"], false);
    assert_eq!(client.there(), [""; 0]);
    assert_eq!(write(&served, 0, &json!({"text": "3"}))["written"], true);
    assert_eq!(client.there(), ["123"]);
    served.did("DELETE", "/faults", &Value::Null);
    served.fault(&json!({"connection": 0, "kind": "stall"}));
    assert_eq!(write(&served, 0, &json!({"text": "4"}))["written"], false);
    assert_eq!(served.did("GET", "/connections", &Value::Null)["connections"][0]["state"], "stalled");
    served.advance(30_000);
    assert_eq!(client.there(), [""; 0]);
    // As with any write, what a stall has met is lost, and the rest comes.
    served.did("DELETE", "/faults", &Value::Null);
    write(&served, 0, &json!({"text": "5"}));
    assert_eq!(client.there(), ["5"]);
}

#[test]
fn a_fault_can_cut_a_response_in_the_middle_of_what_is_written() {
    let served = manual();
    let mut client = served.listener();
    served.fault(&json!({"connection": 0, "kind": "cut", "from": {"byte": GREETING.len() + 9}}));
    assert_eq!(write(&served, 0, &json!({"data": "{\"a\":1}"}))["written"], true);
    assert_eq!(client.rest(), ["data: {\"a"]);
    assert!(!client.reset && served.did("GET", "/connections", &Value::Null)["connections"] == json!([]));
    let mut client = served.listener();
    served.fault(&json!({"connection": 1, "kind": "reset", "from": {"write": 1}}));
    assert_eq!(refused(&served, 1, &json!({"data": ""})).0, 404);
    assert_eq!(client.rest(), [""; 0]);
    assert!(client.reset);
}
