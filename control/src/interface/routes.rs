//! `GET`, `POST`, `PUT` and `DELETE /routes`, and `DELETE /routes/{id}`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use onbeat_faults::form::Nothing;
use onbeat_routes::{Problems, RouteReport, TooManyRoutes, read_route, read_routes};
use serde::Serialize;
use serde_json::Value;

use super::refusal::Refusal;
use super::request::ControlRequest;
use super::router::Id;
use super::{Control, Json};

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

pub(super) async fn get(State(control): State<Arc<Control>>, _: ControlRequest<Nothing>) -> Json<RoutesAnswer> {
    Json(RoutesAnswer { routes: control.instance().routes.reports() })
}

/// Adds a route before all others.
pub(super) async fn post(
    State(control): State<Arc<Control>>,
    ControlRequest { form, open: _open, .. }: ControlRequest<Value>,
) -> Result<(StatusCode, Json<AddedAnswer>), Refusal> {
    let route = read_route(form, control.settings.routes.folder.as_deref())?;
    // A wrong route was refused before the wait for an advance.
    let (instance, _rest) = control.instance_at_rest().await;
    let id = instance.routes.add(route)?;
    Ok((StatusCode::CREATED, Json(AddedAnswer { id })))
}

/// Replaces the routes that were added.
pub(super) async fn put(
    State(control): State<Arc<Control>>,
    ControlRequest { form, open: _open, .. }: ControlRequest<Value>,
) -> Result<Json<ReplacedAnswer>, Refusal> {
    let routes = read_routes(form, control.settings.routes.folder.as_deref())?;
    let (instance, _rest) = control.instance_at_rest().await;
    Ok(Json(ReplacedAnswer { ids: instance.routes.replace(routes)? }))
}

pub(super) async fn delete_all(State(control): State<Arc<Control>>, _: ControlRequest<Nothing>) -> Json<RoutesAnswer> {
    let (instance, _rest) = control.instance_at_rest().await;
    Json(RoutesAnswer { routes: instance.routes.delete(None) })
}

pub(super) async fn delete(
    State(control): State<Arc<Control>>,
    Id(id): Id,
    _: ControlRequest<Nothing>,
) -> Result<Json<RouteReport>, Refusal> {
    let (instance, _rest) = control.instance_at_rest().await;
    let deleted = instance.routes.delete(Some(id)).pop();
    deleted.map(Json).ok_or_else(|| {
        let reason = format!("no route {id} is there: GET /__onbeat/routes lists those that are");
        Refusal::new(StatusCode::NOT_FOUND, "id", reason)
    })
}

impl From<Problems> for Refusal {
    fn from(problems: Problems) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "route", problems.to_string())
    }
}

impl From<TooManyRoutes> for Refusal {
    fn from(error: TooManyRoutes) -> Self {
        Self::new(StatusCode::CONFLICT, "routes", format!("{error}: delete some"))
    }
}
