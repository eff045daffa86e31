//! `GET`, `POST` and `DELETE /faults`, and `DELETE /faults/{id}`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use onbeat_faults::form::Nothing;
use onbeat_faults::{Fault, Report, Target};
use serde::Serialize;
use serde_json::Value;

use super::refusal::Refusal;
use super::request::ControlRequest;
use super::router::Id;
use super::{Control, Json};

#[derive(Serialize)]
pub(super) struct FaultsAnswer {
    faults: Vec<Report>,
}

pub(super) async fn get(State(control): State<Arc<Control>>, _: ControlRequest<Nothing>) -> Json<FaultsAnswer> {
    Json(FaultsAnswer { faults: control.instance().monitor.faults().reports() })
}

pub(super) async fn post(
    State(control): State<Arc<Control>>,
    ControlRequest { form, open: _open, .. }: ControlRequest<Value>,
) -> Result<(StatusCode, Json<Report>), Refusal> {
    let fault = Fault::from_json(form)?;
    // A wrong fault was refused before the wait for an advance.
    let (instance, _rest) = control.instance_at_rest().await;
    if fault.target == Target::Path("/".into()) && !instance.routes.has_path("/") {
        let reason = r#"expected the path of a stream, got "/": the page is there, and meets no fault. Add a route for "/" first"#;
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "path", reason));
    }
    let added = instance.monitor.add_fault(fault);
    let report =
        added.map_err(|error| Refusal::new(StatusCode::CONFLICT, "faults", format!("{error}: delete some")))?;
    Ok((StatusCode::CREATED, Json(report)))
}

pub(super) async fn delete_all(State(control): State<Arc<Control>>, _: ControlRequest<Nothing>) -> Json<FaultsAnswer> {
    let (instance, _rest) = control.instance_at_rest().await;
    Json(FaultsAnswer { faults: instance.monitor.delete_faults(None) })
}

pub(super) async fn delete(
    State(control): State<Arc<Control>>,
    Id(id): Id,
    _: ControlRequest<Nothing>,
) -> Result<Json<Report>, Refusal> {
    let (instance, _rest) = control.instance_at_rest().await;
    let mut deleted = instance.monitor.delete_faults(Some(id));
    deleted.pop().map(Json).ok_or_else(|| {
        let reason = format!("there is no fault {id}: GET /__onbeat/faults lists those that there are");
        Refusal::new(StatusCode::NOT_FOUND, "id", reason)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use onbeat_faults::Kind;

    use super::*;
    use crate::OPENAPI;

    #[test]
    fn the_kinds_are_those_of_the_description() {
        let document: Value = serde_json::from_str(OPENAPI).expect("JSON");
        let kinds = document.pointer("/components/schemas/FaultKind/oneOf").and_then(Value::as_array).expect("kinds");
        let names = kinds.iter().map(|kind| &kind["properties"]["kind"]);
        let names = names.flat_map(|name| name["enum"].as_array().into_iter().flatten().chain(name.get("const")));
        let described: BTreeSet<_> = names.filter_map(Value::as_str).collect();
        let known: BTreeSet<_> = Kind::NAMES.iter().copied().collect();
        assert_eq!(described, known);
    }
}
