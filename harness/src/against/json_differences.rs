//! The places where two JSON values differ.

use serde_json::Value;

/// A place where two JSON values differ, and the value of each there, if there is one.
pub(super) struct JsonDifference<'v> {
    /// The place (RFC 6901).
    pub(super) pointer: String,
    pub(super) first: Option<&'v Value>,
    pub(super) second: Option<&'v Value>,
}

/// Returns the differences between two values, as deep as possible.
pub(super) fn json_differences<'v>(first: &'v Value, second: &'v Value) -> Vec<JsonDifference<'v>> {
    let mut differences = Vec::new();
    add_differences(first, second, "", &mut differences);
    differences
}

fn add_differences<'v>(first: &'v Value, second: &'v Value, pointer: &str, differences: &mut Vec<JsonDifference<'v>>) {
    match (first, second) {
        (Value::Object(fields), Value::Object(others)) => {
            let more = others.keys().filter(|key| !fields.contains_key(*key));
            for key in fields.keys().chain(more) {
                let pointer = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
                match (fields.get(key), others.get(key)) {
                    (Some(value), Some(other)) => add_differences(value, other, &pointer, differences),
                    (first, second) => differences.push(JsonDifference { pointer, first, second }),
                }
            }
        }
        // Compares items by place only if no item is added or missing, which would shift the others.
        (Value::Array(values), Value::Array(others)) if values.len() == others.len() => {
            for (index, (value, other)) in values.iter().zip(others).enumerate() {
                add_differences(value, other, &format!("{pointer}/{index}"), differences);
            }
        }
        _ if first == second => {}
        _ => {
            let (pointer, first, second) = (pointer.to_owned(), Some(first), Some(second));
            differences.push(JsonDifference { pointer, first, second });
        }
    }
}
