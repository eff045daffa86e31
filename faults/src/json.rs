//! A fault as JSON: one flat object, for the control interface and the log.

use onbeat_server::context::plain_path;
use onbeat_server::endpoints::sse_data;
use onbeat_server::ready::PREFIX;
use onbeat_wire::TIME_MS_MAX;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::values::{PATH_BYTES_MAX, check_status};
use super::{Fault, Kind, Place, Target};
use crate::form::{self, INTEGER_MAX, UNKNOWN, WrongField, fitting, within};

const TIMES_MAX: u64 = 1_000_000;

impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Keys<'a> {
            #[serde(flatten)]
            target: &'a Target,
            times: u64,
            #[serde(flatten)]
            kind: &'a Kind,
            #[serde(skip_serializing_if = "Option::is_none")]
            from: Option<Place>,
        }
        let Self { target, times, from, kind } = self;
        Keys { target, times: *times, kind, from: (!kind.changes_head()).then_some(*from) }.serialize(serializer)
    }
}

/// The keys of a fault. The parameters depend on the kind.
#[derive(Deserialize)]
struct FaultForm {
    #[serde(default, deserialize_with = "path")]
    path: Option<String>,
    #[serde(default, deserialize_with = "within::<_, _, 0, INTEGER_MAX>")]
    connection: Option<u64>,
    #[serde(default = "once", deserialize_with = "within::<_, _, 1, TIMES_MAX>")]
    times: u64,
    #[serde(deserialize_with = "kind")]
    kind: String,
    #[serde(default, deserialize_with = "place")]
    from: Option<PlaceForm>,
    #[serde(flatten)]
    parameters: Map<String, Value>,
}

/// The keys of a place, of which exactly one is present.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct PlaceForm {
    #[serde(default, deserialize_with = "within::<_, _, 0, INTEGER_MAX>")]
    write: Option<u64>,
    #[serde(default, deserialize_with = "within::<_, _, 0, INTEGER_MAX>")]
    byte: Option<u64>,
    #[serde(default, deserialize_with = "within::<_, _, 0, TIME_MS_MAX>")]
    ms: Option<u64>,
}

fn once() -> u64 {
    1
}

fn path<'de, D: Deserializer<'de>>(json: D) -> Result<Option<String>, D::Error> {
    let example = sse_data::STREAM.path;
    let expected = format!(
        "a path like \"{example}\", of at most {PATH_BYTES_MAX} visible ASCII characters, without a query or *, and not of the \
         control interface"
    );
    fitting(json, &expected, |value| {
        let path = value.as_str()?;
        let printable = path.bytes().all(|byte| byte.is_ascii_graphic());
        let fits =
            path.starts_with('/') && printable && path.len() <= PATH_BYTES_MAX && !path.contains(['?', '#', '*']);
        // Refuses paths of the control interface, whose requests meet no fault.
        let path = plain_path(path);
        let is_control = path.strip_prefix(PREFIX).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        (fits && !is_control).then_some(Some(path))
    })
}

fn kind<'de, D: Deserializer<'de>>(json: D) -> Result<String, D::Error> {
    let names: Vec<_> = Kind::NAMES.iter().map(|name| format!("\"{name}\"")).collect();
    let (last, others) = names.split_last().expect("there are kinds");
    fitting(json, &format!("{} or {last}", others.join(", ")), |value| {
        value.as_str().filter(|name| Kind::NAMES.contains(name)).map(str::to_owned)
    })
}

fn place<'de, D: Deserializer<'de>>(json: D) -> Result<Option<PlaceForm>, D::Error> {
    PlaceForm::deserialize(json).map(Some)
}

impl Fault {
    /// Reads a fault.
    ///
    /// # Errors
    ///
    /// If the value describes no fault.
    pub fn from_json(value: Value) -> Result<Self, WrongField> {
        let form: FaultForm = form::read(value)?;
        let target = match (&form.path, form.connection) {
            (Some(path), None) => Target::Path(path.clone()),
            (None, Some(connection)) => Target::Connection(connection),
            (Some(_), Some(_)) => {
                return Err(WrongField::new("connection", "expected either path or connection, got both"));
            }
            (None, None) => return Err(WrongField::new("path", "expected path or connection, got neither")),
        };
        form.fault(target)
    }

    /// Reads a fault of each response of one route, given without a target.
    ///
    /// # Errors
    ///
    /// If the value describes no fault, or names a target.
    pub fn of_route(value: Value, path: &str) -> Result<Self, WrongField> {
        for target in ["path", "connection", "times"] {
            if value.get(target).is_some() {
                return Err(WrongField::new(target, "is not known here: the fault strikes each response of its route"));
            }
        }
        // Leaves the keys of a target out of the message: a fault of a route has no target.
        let without_target = |wrong: WrongField| {
            let all = format!("{UNKNOWN}path or connection, times, ");
            let reason = wrong.reason.strip_prefix(&all).map(|known| format!("{UNKNOWN}{known}"));
            WrongField { reason: reason.unwrap_or(wrong.reason), ..wrong }
        };
        form::read::<FaultForm>(value)
            .and_then(|form| form.fault(Target::Path(path.to_owned())))
            .map_err(without_target)
    }
}

impl FaultForm {
    /// Returns the fault with this target.
    fn fault(self, target: Target) -> Result<Fault, WrongField> {
        let Self { times, kind, from, parameters, .. } = self;
        // Reads the parameters from the keys left over by the other fields.
        let kind = Kind::read(&kind, parameters.into()).map_err(with_all_known)?;
        if let Kind::Status(change) = &kind {
            check_status(change)?;
        }
        let from = match from {
            Some(_) if kind.changes_head() => return Err(WrongField::new("from", "goes with faults of the body only")),
            Some(PlaceForm { write: Some(write), byte: None, ms: None }) => Place::Write(write),
            Some(PlaceForm { write: None, byte: Some(byte), ms: None }) => Place::Byte(byte),
            Some(PlaceForm { write: None, byte: None, ms: Some(ms) }) => Place::Ms(ms),
            Some(PlaceForm { write: None, byte: None, ms: None }) => {
                return Err(WrongField::new("from", "expected one of write, byte and ms, got none"));
            }
            Some(_) => return Err(WrongField::new("from", "expected one of write, byte and ms, got several")),
            None => Place::Write(0),
        };
        Ok(Fault { target, times, from, kind })
    }
}

/// Adds the keys of all faults to the known parameters of a kind.
fn with_all_known(wrong: WrongField) -> WrongField {
    let Some(parameters) = wrong.reason.strip_prefix(UNKNOWN) else { return wrong };
    let parameters = if parameters == "nothing" { String::new() } else { format!(", {parameters}") };
    let reason = format!("{UNKNOWN}path or connection, times, kind, from{parameters}");
    WrongField { reason, ..wrong }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(json: &str) -> Result<Fault, WrongField> {
        form::parse(json.as_bytes()).and_then(Fault::from_json)
    }

    #[test]
    fn a_fault_reads_back_as_it_is_written() {
        for json in [
            r#"{"path":"/feed","times":1,"kind":"status","status":204}"#,
            r#"{"path":"/feed","times":9,"kind":"status","status":503,"retry_after_s":5}"#,
            r#"{"path":"/feed","times":1,"kind":"status","status":307,"location":"/other"}"#,
            r#"{"path":"/feed","times":1,"kind":"content-type","content_type":"text/html; charset=utf-8"}"#,
            r#"{"connection":3,"times":1,"kind":"cut","from":{"byte":20}}"#,
            r#"{"connection":3,"times":1,"kind":"reset","from":{"ms":5000}}"#,
            r#"{"path":"/feed","times":1,"kind":"end","from":{"write":0}}"#,
            r#"{"path":"/feed","times":1,"kind":"stall","from":{"write":2}}"#,
            r#"{"path":"/feed","times":1,"kind":"split","bytes":1,"from":{"write":0}}"#,
            r#"{"path":"/feed","times":1,"kind":"coalesce","writes":2,"from":{"write":0}}"#,
            r#"{"path":"/feed","times":1,"kind":"duplicate","from":{"write":0}}"#,
            r#"{"path":"/feed","times":1,"kind":"invalid-utf8","from":{"write":0}}"#,
            r#"{"path":"/feed","times":1,"kind":"bom","from":{"write":0}}"#,
            r#"{"path":"/feed","times":1,"kind":"line-ends","ends":"crlf","from":{"write":0}}"#,
            r#"{"path":"/feed","times":1,"kind":"retry","retry_ms":100,"from":{"write":0}}"#,
            r#"{"path":"/feed","times":1,"kind":"id","event_id":"七","from":{"write":1}}"#,
            r#"{"path":"/feed","times":1,"kind":"id","event_id":"","from":{"write":0}}"#,
        ] {
            let fault = parsed(json).expect(json);
            assert_eq!(serde_json::to_string(&fault).expect("plain data"), json);
        }
        let (float, whole) =
            (r#"{"path":"/a","kind":"status","status":5.03e2}"#, r#"{"path":"/a","kind":"status","status":503}"#);
        assert_eq!(parsed(float), parsed(whole));
        assert_eq!(parsed(r#"{"path":"/FEED/","kind":"bom"}"#), parsed(r#"{"path":"/feed","kind":"bom"}"#));
    }

    #[test]
    fn a_wrong_fault_is_refused_by_the_name_of_its_field() {
        for (json, field) in [
            ("{}", "kind"),
            (r#"{"kind":"cut"}"#, "path"),
            (r#"{"path":"/a"}"#, "kind"),
            (r#"{"path":"/a","kind":"explode"}"#, "kind"),
            (r#"{"path":"/a","kind":1}"#, "kind"),
            (r#"{"path":"a","kind":"cut"}"#, "path"),
            (r#"{"path":"/a?b","kind":"cut"}"#, "path"),
            (r#"{"path":"/a b","kind":"cut"}"#, "path"),
            (r#"{"path":"/__onbeat/reset","kind":"cut"}"#, "path"),
            (r#"{"path":"/__ONBEAT/","kind":"cut"}"#, "path"),
            (r#"{"path":"/a","connection":1,"kind":"cut"}"#, "connection"),
            (r#"{"connection":-1,"kind":"cut"}"#, "connection"),
            (r#"{"path":"/a","kind":"cut","times":0}"#, "times"),
            (r#"{"path":"/a","kind":"cut","times":1000001}"#, "times"),
            (r#"{"path":"/a","kind":"cut","from":1}"#, "from"),
            (r#"{"path":"/a","kind":"cut","from":{}}"#, "from"),
            (r#"{"path":"/a","kind":"cut","from":{"byte":1,"ms":1}}"#, "from"),
            (r#"{"path":"/a","kind":"cut","from":{"byte":-1}}"#, "from.byte"),
            (r#"{"path":"/a","kind":"cut","from":{"byte":1,"x":1}}"#, "from.x"),
            (r#"{"path":"/a","kind":"cut","bytes":1}"#, "bytes"),
            (r#"{"path":"/a","kind":"split"}"#, "bytes"),
            (r#"{"path":"/a","kind":"split","bytes":0}"#, "bytes"),
            (r#"{"path":"/a","kind":"coalesce","writes":1}"#, "writes"),
            (r#"{"path":"/a","kind":"line-ends","ends":"lf"}"#, "ends"),
            (r#"{"path":"/a","kind":"retry"}"#, "retry_ms"),
            (r#"{"path":"/a","kind":"id"}"#, "event_id"),
            (r#"{"path":"/a","kind":"id","event_id":1}"#, "event_id"),
            (r#"{"path":"/a","kind":"id","event_id":"1\ndata: x"}"#, "event_id"),
            (r#"{"path":"/a","kind":"status"}"#, "status"),
            (r#"{"path":"/a","kind":"status","status":200}"#, "status"),
            (r#"{"path":"/a","kind":"status","status":304}"#, "status"),
            (r#"{"path":"/a","kind":"status","status":302}"#, "location"),
            (r#"{"path":"/a","kind":"status","status":503,"location":"/b"}"#, "location"),
            (r#"{"path":"/a","kind":"status","status":302,"location":"/b\r\nX: y"}"#, "location"),
            (r#"{"path":"/a","kind":"status","status":204,"retry_after_s":1}"#, "retry_after_s"),
            (r#"{"path":"/a","kind":"status","status":503,"from":{"ms":1}}"#, "from"),
            (r#"{"path":"/a","kind":"content-type","content_type":""}"#, "content_type"),
        ] {
            let wrong = parsed(json).expect_err(json);
            assert_eq!(wrong.field, field, "{json}: {wrong}");
        }
    }

    #[test]
    fn a_wrong_fault_is_told_with_the_expected_value_and_the_given_one() {
        for (json, said) in [
            (
                r#"{"path":"/a","kind":"cut","x":1}"#,
                "x: is not known here; expected path or connection, times, kind, from",
            ),
            (
                r#"{"path":"/a","kind":"split","bytes":1,"byte":2}"#,
                "byte: is not known here; expected path or connection, times, kind, from, bytes",
            ),
            (r#"{"path":"/a","kind":"split"}"#, "bytes: expected a whole number from 1 to 65536, but it is missing"),
            (
                r#"{"path":"/a","kind":"status","status":200}"#,
                "status: expected 204, 301, 302, 303, 307, 308 or 400 to 599, got 200",
            ),
            (
                r#"{"path":"/a","kind":"cut","from":{"byte":1,"x":1}}"#,
                "from.x: is not known here; expected write, byte, ms",
            ),
            (r#"{"path":"/a","kind":"cut","from":{}}"#, "from: expected one of write, byte and ms, got none"),
            (
                r#"{"path":"/a","kind":"cut","from":{"byte":1,"ms":1}}"#,
                "from: expected one of write, byte and ms, got several",
            ),
            (
                r#"{"connection":-1,"kind":"cut"}"#,
                "connection: expected a whole number from 0 to 9007199254740991, got -1",
            ),
        ] {
            assert_eq!(parsed(json).expect_err(json).to_string(), said);
        }
        let said = parsed(r#"{"path":"/a","kind":"explode"}"#).expect_err("no kind").to_string();
        assert!(said.starts_with(r#"kind: expected "status", "content-type", "cut", "#), "{said}");
        assert!(said.ends_with(r#""retry" or "id", got "explode""#), "{said}");
    }
}
