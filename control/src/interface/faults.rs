//! `GET`, `POST` and `DELETE /faults`, and `DELETE /faults/{id}`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use onbeat_faults::form::Nothing;
use onbeat_faults::{Fault, Report};
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

pub(super) async fn get(State(control): State<Arc<Control>>, _: ControlRequest<Nothing>) -> Result<Response, Refusal> {
    control.unread.long_json(&FaultsAnswer { faults: control.controller.faults() })
}

pub(super) async fn post(
    State(control): State<Arc<Control>>,
    ControlRequest { form, open: _open, .. }: ControlRequest<Value>,
) -> Result<(StatusCode, Json<Report>), Refusal> {
    let fault = Fault::from_json(form)?;
    Ok((StatusCode::CREATED, Json(control.controller.add_fault(fault).await?)))
}

pub(super) async fn delete_all(State(control): State<Arc<Control>>, _: ControlRequest<Nothing>) -> Json<FaultsAnswer> {
    Json(FaultsAnswer { faults: control.controller.delete_faults().await })
}

pub(super) async fn delete(
    State(control): State<Arc<Control>>,
    Id(id): Id,
    _: ControlRequest<Nothing>,
) -> Result<Json<Report>, Refusal> {
    Ok(Json(control.controller.delete_fault(id).await?))
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
