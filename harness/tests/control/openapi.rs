//! The description is true of real requests and answers.

use std::collections::BTreeSet;

use jsonschema::Validator;
use onbeat_control::OPENAPI;
use onbeat_routes::SCHEMA;
use serde_json::{Value, json};

use super::support::{Client, manual};

fn document() -> Value {
    serde_json::from_str(OPENAPI).expect("JSON")
}

/// The schema at this pointer, with all others within reach.
fn schema(pointer: &str) -> Validator {
    let mut root = json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "$ref": "#".to_owned() + &pointer.replace('{', "%7B").replace('}', "%7D")});
    for part in ["components", "paths"] {
        root[part] = document()[part].clone();
    }
    jsonschema::validator_for(&root).unwrap_or_else(|error| panic!("{pointer}: {error}"))
}

fn escaped(path: &str) -> String {
    path.replace('~', "~0").replace('/', "~1")
}

#[test]
fn every_schema_is_one_and_every_reference_leads_somewhere() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    for name in document["components"]["schemas"].as_object().expect("schemas").keys() {
        schema(&format!("/components/schemas/{name}"));
    }
    let mut left = vec![&document];
    while let Some(value) = left.pop() {
        if let Some(target) = value.get("$ref").and_then(Value::as_str) {
            assert!(document.pointer(&target[1..]).is_some(), "{target} leads nowhere");
        }
        left.extend(value.as_array().into_iter().flatten());
        left.extend(value.as_object().into_iter().flat_map(|object| object.values()));
    }
}

/// Makes a request; it and its answer must be as the document says. A request that is refused need not be.
fn ask(client: &mut Client, method: &str, template: &str, id: &str, body: &Value) -> Value {
    let (status, answer) = client.control(method, &template.replace("{id}", id).replace("{name}", id), body);
    let operation = format!("/paths/{}/{}", escaped(template), method.to_lowercase());
    let document = document();
    let responses = &document.pointer(&operation).expect("an operation")["responses"];
    let mut named = if responses.get(status.to_string()).is_some() { status.to_string() } else { "default".into() };
    named = format!("{operation}/responses/{named}");
    if let Some(target) = document.pointer(&named).and_then(|response| response["$ref"].as_str()) {
        named = target[1..].to_owned();
    }
    let answers = schema(&format!("{named}/content/application~1json/schema"));
    let errors: Vec<_> = answers.iter_errors(&answer).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{method} {template} {body}: {status} {answer}\n{errors:?}");
    if !body.is_null() {
        let requests = schema(&format!("{operation}/requestBody/content/application~1json/schema"));
        assert_eq!(requests.is_valid(body), status < 300, "{method} {template} {body}: {status} {answer}");
    }
    answer
}

#[test]
fn real_requests_and_answers_are_as_described() {
    let served = manual();
    let mut driver = served.connect();
    let mut ask = |method: &str, path: &str, id: &str, body: Value| ask(&mut driver, method, path, id, &body);
    let _clients = (served.listener(), served.stream("/sse-data"), served.listener());
    ask("GET", "/ready", "", Value::Null);
    ask("GET", "/clock", "", Value::Null);
    for body in [json!({"ms": 30_000}), json!({"to": "next"}), json!({"ms": 0})] {
        ask("POST", "/clock/advance", "", body);
    }
    for body in
        [json!({"ms": -1}), json!({"ms": 1.5}), json!({}), json!({"to": "x"}), json!({"ms": 1, "x": 1}), json!([])]
    {
        ask("POST", "/clock/advance", "", body);
    }
    for fault in [
        json!({"path": "/sse", "kind": "status", "status": 503, "retry_after_s": 5}),
        json!({"path": "/sse", "kind": "status", "status": 301, "location": "/x"}),
        json!({"path": "/sse", "times": 3, "kind": "content-type", "content_type": "text/html"}),
        json!({"connection": 0, "kind": "cut", "from": {"byte": 3}}),
        json!({"path": "/sse", "kind": "split", "bytes": 1}),
        json!({"path": "/sse", "kind": "coalesce", "writes": 2, "from": {"write": 1}}),
        json!({"path": "/sse", "kind": "line-ends", "ends": "cr", "from": {"ms": 1}}),
        json!({"path": "/sse", "kind": "retry", "retry_ms": 1}),
        json!({"path": "/sse", "kind": "id", "event_id": "七"}),
        json!({"path": "/sse", "kind": "bom"}),
        json!({"path": "/sse", "kind": "stall", "x": 1}),
        json!({"path": "/sse", "kind": "nothing"}),
        json!({"path": "/sse", "connection": 1, "kind": "cut"}),
        json!({"path": "/sse", "kind": "cut", "from": {"byte": 1, "ms": 1}}),
        json!({"path": "/sse", "kind": "status", "status": 200}),
        json!({"kind": "cut"}),
        json!({"path": "sse", "kind": "cut"}),
        json!({"path": "/sse?x", "kind": "cut"}),
        json!({"path": "/ss*", "kind": "cut"}),
        json!({"path": "/sse", "kind": "cut", "times": 0}),
        json!({"path": "/sse", "kind": "split", "bytes": 0}),
    ] {
        ask("POST", "/faults", "", fault);
    }
    ask("GET", "/faults", "", Value::Null);
    ask("DELETE", "/faults/{id}", "1", Value::Null);
    ask("DELETE", "/faults/{id}", "1", Value::Null);
    ask("GET", "/connections", "", Value::Null);
    for chunk in [
        json!({"data": "a\nb"}),
        json!({"comment": "", "event": "e", "id": "7", "retry": 5, "request": 0}),
        json!({"text": "a"}),
        json!({"base64": "YWI=", "request": 0}),
        json!({"base64": "YWJj"}),
        json!({}),
        json!({"request": 0}),
        json!({"text": ""}),
        json!({"base64": "YWI"}),
        json!({"base64": ""}),
        json!({"id": "a\u{0}"}),
        json!({"event": "a\nb"}),
        json!({"text": "a", "data": "b"}),
        json!({"retry": 1.5}),
        json!({"data": "a", "request": -1}),
        json!({"dta": "a"}),
    ] {
        ask("POST", "/connections/{id}/write", "2", chunk);
    }
    for wait in [
        json!({"path": "/sse"}),
        json!({"path": "/sse", "method": "GET", "at_least": 1, "timeout_ms": 0}),
        json!({"path": "/SSE/?", "method": "GET"}),
        json!({"path": "sse"}),
        json!({"path": "/sse#a"}),
        json!({"path": "/ss*"}),
        json!({"path": "/sse é"}),
        json!({"path": "/sse", "method": ""}),
        json!({"path": "/sse", "method": "get"}),
        json!({"path": "/sse", "method": "*"}),
        json!({"path": "/sse", "at_least": 0}),
        json!({"path": "/sse", "timeout_ms": -1}),
        json!({"method": "GET"}),
    ] {
        ask("POST", "/connections/wait", "", wait);
    }
    ask("POST", "/connections/{id}/close", "2", json!({"how": "cut", "request": 0}));
    ask("POST", "/connections/{id}/close", "1", json!({"how": "end"}));
    ask("POST", "/connections/{id}/close", "1", json!({"how": "x"}));
    ask("DELETE", "/faults", "", Value::Null);
    ask("GET", "/openapi.json", "", Value::Null);
    ask("POST", "/reset", "", json!({"x": 1}));
    let lines = schema("/components/schemas/LogLine");
    for line in served.log().lines() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        assert!(lines.is_valid(&line), "{line}");
    }
    ask("POST", "/reset", "", json!({}));
    ask("POST", "/reset", "", Value::Null);
}

#[test]
fn real_requests_for_routes_and_channels_are_as_described() {
    let served = manual();
    let mut driver = served.connect();
    let mut ask = |method: &str, path: &str, id: &str, body: Value| ask(&mut driver, method, path, id, &body);
    for route in [
        json!({"path": "/feed", "steps": [{"subscribe": "news"}]}),
        json!({"path": "/feed", "method": "POST", "response": [{"status": 503}, {"body": "x"}]}),
        json!({"method": "POST", "status": 200}),
        json!({"path": "feed", "status": 200}),
    ] {
        ask("POST", "/routes", "", route);
    }
    ask("PUT", "/routes", "", json!({"routes": [{"path": "/feed", "steps": [{"subscribe": "news"}]}]}));
    ask("PUT", "/routes", "", json!({}));
    ask("GET", "/routes", "", Value::Null);
    ask("GET", "/channels", "", Value::Null);
    let _subscriber = served.stream("/feed");
    for (channel, chunk) in
        [("news", json!({"data": "x", "id": "7"})), ("news", json!({"text": "x"})), ("news", json!({}))]
    {
        ask("POST", "/channels/{name}", channel, chunk);
    }
    ask("POST", "/channels/{name}/wait", "news", json!({"at_least": 1}));
    ask("POST", "/channels/{name}/wait", "news", json!({"at_least": 0}));
    ask("DELETE", "/routes/{id}", "3", Value::Null);
    ask("DELETE", "/routes/{id}", "3", Value::Null);
    ask("DELETE", "/routes", "", Value::Null);
}

/// Adds the keys of a form to `keys`, each with the keys above.
fn add_keys(root: &Value, schema: &Value, above: &str, keys: &mut BTreeSet<String>) {
    if let Some(target) = schema["$ref"].as_str() {
        add_keys(root, root.pointer(&target[1..]).expect(target), above, keys);
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let name = format!("{above}.{name}");
        add_keys(root, property, &name, keys);
        keys.insert(name);
    }
    for part in ["oneOf", "anyOf", "allOf"].iter().filter_map(|part| schema[part].as_array()).flatten() {
        add_keys(root, part, above, keys);
    }
    if schema["items"].is_object() {
        add_keys(root, &schema["items"], above, keys);
    }
}

#[test]
fn a_route_has_the_same_keys_at_run_time_as_in_a_file() {
    let (document, file): (Value, Value) = (document(), serde_json::from_str(SCHEMA).expect("JSON"));
    let (mut at_run_time, mut in_a_file) = (BTreeSet::new(), BTreeSet::new());
    add_keys(&document, &document["components"]["schemas"]["NewRoute"], "", &mut at_run_time);
    add_keys(&file, &file["$defs"]["route"], "", &mut in_a_file);
    assert_eq!(at_run_time, in_a_file);
    assert!(in_a_file.contains(".response.steps.heartbeat.send_b64"));
    assert!(in_a_file.contains(".response.fault.from.byte"));
}

#[test]
fn the_examples_are_as_described() {
    let document = document();
    for (path, item) in document["paths"].as_object().expect("paths") {
        let content = "/post/requestBody/content/application~1json";
        let Some(examples) = item.pointer(content).and_then(|content| content["examples"].as_object()) else {
            continue;
        };
        let schema = schema(&format!("/paths/{}{content}/schema", escaped(path)));
        for (name, example) in examples {
            assert!(schema.is_valid(&example["value"]), "{path} {name}");
        }
    }
}
