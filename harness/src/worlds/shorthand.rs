//! Histories as short JSON: what is as usual is left out.

use serde_json::{Map, Value, json};

use crate::simulate::Link;

/// Removes the fields that are as usual from the JSON of a history.
pub(super) fn shorten(history: &mut Value) {
    // Traces of the simulation have another name for a request.
    for operation in history["operations"].as_array_mut().into_iter().flatten() {
        if let Some(request) = operation.pointer("/what/Ask") {
            operation["what"] = json!({ "Request": request });
        }
    }
    each_object(history, |object, usual| object.retain(|key, value| usual.get(key) != Some(value)));
}

/// Adds the fields that are as usual to the JSON of a history.
pub(super) fn lengthen(history: &mut Value) {
    each_object(history, |object, usual| {
        for (key, value) in usual {
            object.entry(key).or_insert_with(|| value.clone());
        }
    });
}

/// Calls `change` for each object in the JSON of a history that has usual fields, with these.
fn each_object(history: &mut Value, change: fn(&mut Map<String, Value>, &Map<String, Value>)) {
    let change = |object: &mut Value, usual: &Value| {
        if let (Value::Object(object), Value::Object(usual)) = (object, usual) {
            change(object, usual);
        }
    };
    let link = json!(Link::PLAIN);
    let operation = json!({ "settles": true, "races": false });
    let request = json!({ "draw": 0, "times": 1, "cut": null });
    for client in history["clients"].as_array_mut().into_iter().flatten() {
        change(client, &link);
    }
    for each in history["operations"].as_array_mut().into_iter().flatten() {
        if let Some(asked) = each.pointer_mut("/what/Request") {
            change(asked, &request);
        }
        change(each, &operation);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_comes_back() {
        let mut link = json!(Link::PLAIN);
        link["window_bytes"] = json!(64);
        let history = |name: &str| {
            let what = json!({ name: { "source": 0, "draw": 0, "times": 7, "cut": null } });
            let operation = json!({ "at_ms": 0, "client": 0, "what": what, "settles": false, "races": false });
            json!({ "seed": 1, "clients": [link, Link::PLAIN], "operations": [operation], "end_ms": 9 })
        };
        let mut short = history("Ask");
        shorten(&mut short);
        assert_eq!(short["clients"], json!([{ "window_bytes": 64 }, {}]));
        assert_eq!(short["operations"][0]["what"], json!({ "Request": { "source": 0, "times": 7 } }));
        lengthen(&mut short);
        assert_eq!(short, history("Request"));
    }
}
