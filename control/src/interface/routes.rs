//! `GET`, `POST`, `PUT` and `DELETE /routes`, and `DELETE /routes/{id}`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use onbeat_faults::form::Nothing;
use onbeat_routes::{RouteReport, read_route, read_routes};
use serde::Serialize;
use serde_json::Value;

use super::refusal::Refusal;
use super::request::ControlRequest;
use super::router::Id;
use super::{Control, Json};
use crate::controller::OperationError;

/// The most bytes of the routes in one request.
const ROUTES_BYTES_MAX: usize = 1024 * 1024;

#[derive(Serialize)]
pub(super) struct RoutesAnswer {
    routes: Vec<RouteReport>,
}

#[derive(Serialize)]
pub(super) struct AddedAnswer {
    id: u64,
}

#[derive(Serialize)]
pub(super) struct ReplacedAnswer {
    ids: Vec<u64>,
}

pub(super) async fn get(State(control): State<Arc<Control>>, _: ControlRequest<Nothing>) -> Result<Response, Refusal> {
    control.unread.long_json(&RoutesAnswer { routes: control.controller.routes() })
}

/// Adds a route before all others.
pub(super) async fn post(
    State(control): State<Arc<Control>>,
    ControlRequest { form, open: _open, .. }: ControlRequest<Value, ROUTES_BYTES_MAX>,
) -> Result<(StatusCode, Json<AddedAnswer>), Refusal> {
    let folder = control.controller.settings().routes.folder.as_deref();
    let route = read_route(form, folder).map_err(OperationError::from)?;
    let ids = control.controller.add_routes(vec![route]).await?;
    Ok((StatusCode::CREATED, Json(AddedAnswer { id: ids[0] })))
}

/// Replaces the routes added at run time.
pub(super) async fn put(
    State(control): State<Arc<Control>>,
    ControlRequest { form, open: _open, .. }: ControlRequest<Value, ROUTES_BYTES_MAX>,
) -> Result<Json<ReplacedAnswer>, Refusal> {
    let folder = control.controller.settings().routes.folder.as_deref();
    let routes = read_routes(form, folder).map_err(OperationError::from)?;
    Ok(Json(ReplacedAnswer { ids: control.controller.replace_routes(routes).await? }))
}

pub(super) async fn delete_all(State(control): State<Arc<Control>>, _: ControlRequest<Nothing>) -> Json<RoutesAnswer> {
    Json(RoutesAnswer { routes: control.controller.delete_routes().await })
}

pub(super) async fn delete(
    State(control): State<Arc<Control>>,
    Id(id): Id,
    _: ControlRequest<Nothing>,
) -> Result<Json<RouteReport>, Refusal> {
    Ok(Json(control.controller.delete_route(id).await?))
}
