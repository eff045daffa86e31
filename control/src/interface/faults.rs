//! `GET`, `POST` and `DELETE /faults`, and `DELETE /faults/{id}`.

use axum::http::{HeaderValue, StatusCode};
use onbeat_server::context::plain_path;
use onbeat_wire::TIME_MAX;
use serde::Serialize;

use super::fields::{Fields, INTEGER_MAX};
use super::refusal::Refusal;
use super::{Control, Instance};
use crate::faults::{Break, Fault, From, Head, Kind, LineEnds, Report, Rewrite, Strikes};

const PATH_BYTES_MAX: usize = 2048;
const CONTENT_TYPE_BYTES_MAX: usize = 256;
const EVENT_ID_CHARACTERS_MAX: usize = 256;
const SPLIT_BYTES_MAX: usize = 64 * 1024;
const COALESCED_WRITES_MAX: usize = 1000;
const TIMES_MAX: u64 = 1_000_000;
const KINDS: &str = "\"status\", \"content-type\", \"cut\", \"reset\", \"end\", \"stall\", \"split\", \"coalesce\", \
    \"duplicate\", \"invalid-utf8\", \"bom\", \"line-ends\", \"retry\" or \"id\"";

#[derive(Serialize)]
pub(super) struct FaultsAnswer {
    faults: Vec<Report>,
}

pub(super) fn get(instance: &Instance) -> FaultsAnswer {
    FaultsAnswer { faults: instance.monitor.faults().reports() }
}

pub(super) async fn post(control: &Control, fields: Fields) -> Result<Report, Refusal> {
    let fault = parse(fields)?;
    let (instance, _rest) = control.instance_at_rest().await;
    let added = instance.monitor.add_fault(fault);
    added.map_err(|error| Refusal::new(StatusCode::CONFLICT, "faults", format!("{error}: delete some")))
}

pub(super) async fn delete_all(control: &Control) -> FaultsAnswer {
    let (instance, _rest) = control.instance_at_rest().await;
    FaultsAnswer { faults: instance.monitor.delete_faults(None) }
}

pub(super) async fn delete(control: &Control, id: u64) -> Result<Report, Refusal> {
    let (instance, _rest) = control.instance_at_rest().await;
    let mut deleted = instance.monitor.delete_faults(Some(id));
    deleted.pop().ok_or_else(|| {
        let reason = format!("there is no fault {id}: GET /__onbeat/faults lists those that there are");
        Refusal::new(StatusCode::NOT_FOUND, "id", reason)
    })
}

/// The fault that these fields describe.
///
/// # Errors
///
/// If they describe none.
pub fn parse(mut fields: Fields) -> Result<Fault, Refusal> {
    let strikes = strikes(&mut fields)?;
    let times = fields.integer("times", 1, TIMES_MAX)?.unwrap_or(1);
    let name = fields.needed_text("kind", KINDS, |name| Some(name.to_owned()))?;
    let (kind, known) = kind(&name, &mut fields)?;
    let is_of_the_body = !matches!(kind, Kind::Head(_));
    let from = if is_of_the_body { from(&mut fields)? } else { From::Write(0) };
    let where_from = if is_of_the_body { ", from" } else { "" };
    fields.done(&format!("path or connection, times, kind{where_from}{known}"))?;
    Ok(Fault { strikes, times, from, kind })
}

fn strikes(fields: &mut Fields) -> Result<Strikes, Refusal> {
    let plain = |path: &str| {
        let printable = path.bytes().all(|byte| byte.is_ascii_graphic());
        let fits = path.starts_with('/') && printable && path.len() <= PATH_BYTES_MAX && !path.contains(['?', '#']);
        let path = plain_path(path);
        let is_control = path.strip_prefix(super::PREFIX).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        (fits && path != "/" && !is_control).then_some(path)
    };
    let path = fields.text(
        "path",
        "a path like \"/sse-data\", without a query, and not of the control interface or its page",
        plain,
    )?;
    match (path, fields.integer("connection", 0, INTEGER_MAX)?) {
        (Some(path), None) => Ok(Strikes::Path(path)),
        (None, Some(connection)) => Ok(Strikes::Connection(connection)),
        (Some(_), Some(_)) => Err(fields.wrong("connection", "expected either path or connection, got both")),
        (None, None) => Err(fields.wrong("path", "expected path or connection, got neither")),
    }
}

fn from(fields: &mut Fields) -> Result<From, Refusal> {
    let Some(mut from) = fields.object("from")? else { return Ok(From::Write(0)) };
    let write = from.integer("write", 0, INTEGER_MAX)?;
    let byte = from.integer("byte", 0, INTEGER_MAX)?;
    let ms = from.integer("ms", 0, TIME_MAX.as_millis())?;
    let parsed = match (write, byte, ms) {
        (Some(write), None, None) => From::Write(write),
        (None, Some(byte), None) => From::Byte(byte),
        (None, None, Some(ms)) => From::Ms(ms),
        _ => return Err(fields.wrong("from", "expected one of write, byte and ms")),
    };
    from.done("write, byte or ms").map(|()| parsed)
}

/// What happens, and which fields that needs.
fn kind(name: &str, fields: &mut Fields) -> Result<(Kind, &'static str), Refusal> {
    Ok(match name {
        "status" => (Kind::Head(status(fields)?), ", status, location, retry_after_s"),
        "content-type" => {
            let expected = "a value of a Content-Type header, of at most 256 visible ASCII characters";
            let value = fields.needed_text("content_type", expected, |text| header(text, CONTENT_TYPE_BYTES_MAX))?;
            (Kind::Head(Head::ContentType(value)), ", content_type")
        }
        "cut" => (Kind::Break(Break::Cut), ""),
        "reset" => (Kind::Break(Break::Reset), ""),
        "end" => (Kind::Break(Break::End), ""),
        "stall" => (Kind::Break(Break::Stall), ""),
        "split" => (Kind::Rewrite(Rewrite::Split(fields.needed_count("bytes", 1, SPLIT_BYTES_MAX)?)), ", bytes"),
        "coalesce" => {
            (Kind::Rewrite(Rewrite::Coalesce(fields.needed_count("writes", 2, COALESCED_WRITES_MAX)?)), ", writes")
        }
        "duplicate" => (Kind::Rewrite(Rewrite::Duplicate), ""),
        "invalid-utf8" => (Kind::Rewrite(Rewrite::InvalidUtf8), ""),
        "bom" => (Kind::Rewrite(Rewrite::Bom), ""),
        "line-ends" => {
            let named = |name: &str| match name {
                "cr" => Some(LineEnds::Cr),
                "crlf" => Some(LineEnds::Crlf),
                _ => None,
            };
            let ends = fields.needed_text("ends", "\"cr\" or \"crlf\"", named)?;
            (Kind::Rewrite(Rewrite::LineEnds(ends)), ", ends")
        }
        "retry" => (Kind::Rewrite(Rewrite::Retry(fields.needed_integer("retry_ms", 0, INTEGER_MAX)?)), ", retry_ms"),
        "id" => {
            let expected = "an event ID, of at most 256 characters, without a line end or NUL";
            (Kind::Rewrite(Rewrite::Id(fields.needed_text("event_id", expected, event_id)?)), ", event_id")
        }
        other => return Err(fields.wrong("kind", format!("expected {KINDS}, got {:?}", short(other)))),
    })
}

fn status(fields: &mut Fields) -> Result<Head, Refusal> {
    let code = fields.needed_integer("status", 0, INTEGER_MAX)?;
    let redirects = matches!(code, 301 | 302 | 303 | 307 | 308);
    let status = u16::try_from(code).ok().filter(|code| *code == 204 || redirects || (400..=599).contains(code));
    let status = status.and_then(|code| StatusCode::from_u16(code).ok()).ok_or_else(|| {
        fields.wrong("status", format!("expected 204, 301, 302, 303, 307, 308 or 400 to 599, got {code}"))
    })?;
    let expected = "a URL or a path, of at most 2048 visible ASCII characters";
    let location = fields.text("location", expected, |text| header(text, PATH_BYTES_MAX))?;
    if location.is_some() != redirects {
        let reason = if redirects { "is needed with this status" } else { "goes with 301, 302, 303, 307 and 308 only" };
        return Err(fields.wrong("location", reason));
    }
    let seconds = fields.integer("retry_after_s", 0, u64::from(u32::MAX))?;
    if seconds.is_some() && code < 400 {
        return Err(fields.wrong("retry_after_s", "goes with 4xx and 5xx only"));
    }
    Ok(Head::Status { status, location, retry_after_s: seconds.and_then(|seconds| u32::try_from(seconds).ok()) })
}

/// What the field `id` of an event can hold (WHATWG HTML, 9.2.6), the empty text included, which resets it.
fn event_id(text: &str) -> Option<String> {
    let fits = text.chars().count() <= EVENT_ID_CHARACTERS_MAX && !text.contains(['\r', '\n', '\0']);
    fits.then(|| text.to_owned())
}

/// A value that a header can have.
fn header(text: &str, bytes_max: usize) -> Option<HeaderValue> {
    let fits = !text.is_empty() && text.len() <= bytes_max && text.trim() == text;
    let visible = text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    (fits && visible).then(|| HeaderValue::from_str(text).ok()).flatten()
}

fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(json: &str) -> Result<Fault, Refusal> {
        Fields::from_json(json.as_bytes()).and_then(parse)
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
        assert_eq!(parsed(r#"{"path":"/FEED/","kind":"bom"}"#), parsed(r#"{"path":"/feed","kind":"bom"}"#));
    }

    #[test]
    fn a_wrong_fault_is_refused_by_the_name_of_its_field() {
        for (json, field) in [
            ("{}", "path"),
            (r#"{"path":"/a"}"#, "kind"),
            (r#"{"path":"/a","kind":"explode"}"#, "kind"),
            (r#"{"path":"/a","kind":1}"#, "kind"),
            (r#"{"path":"a","kind":"cut"}"#, "path"),
            (r#"{"path":"/a?b","kind":"cut"}"#, "path"),
            (r#"{"path":"/a b","kind":"cut"}"#, "path"),
            (r#"{"path":"/__onbeat/reset","kind":"cut"}"#, "path"),
            (r#"{"path":"/__ONBEAT/","kind":"cut"}"#, "path"),
            (r#"{"path":"/","kind":"cut"}"#, "path"),
            (r#"{"path":"//","kind":"cut"}"#, "path"),
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
            let refusal = parsed(json).expect_err(json);
            assert_eq!((refusal.status, refusal.field.as_str()), (StatusCode::BAD_REQUEST, field), "{json}: {refusal}");
        }
    }
}
