//! The test decides what a response sends, and when: writes to live connections, cuts, and the wait for clients.

mod ended_responses;
mod faulty_writes;
mod routes;
mod waits;
mod writes;

use serde_json::Value;

use crate::served::Served;

/// Writes to the response on a connection, and returns the answer.
fn write(served: &Served, id: u64, chunk: &Value) -> Value {
    served.did("POST", &format!("/connections/{id}/write"), chunk)
}

/// The status and the wrong field of a write that is refused.
fn refused(served: &Served, id: impl std::fmt::Display, chunk: &Value) -> (u16, String) {
    let (status, answer) = served.control("POST", &format!("/connections/{id}/write"), chunk);
    assert!(answer["error"]["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{answer}");
    (status, answer["error"]["field"].as_str().unwrap_or_default().to_owned())
}

/// The ids of the connections in an answer.
fn ids(answer: &Value) -> Vec<u64> {
    let connections = answer["connections"].as_array().expect("a list");
    connections.iter().map(|one| one["id"].as_u64().expect("an id")).collect()
}

/// Adds a route.
fn add_route(served: &Served, route: &Value) {
    served.did("POST", "/routes", route);
}
