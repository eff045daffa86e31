//! `GET`, `POST`, `PUT` and `DELETE /routes`, and `DELETE /routes/{id}`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use onbeat_faults::form::Nothing;
use onbeat_routes::{Problems, RouteReport, TooManyRoutes, read_route, read_routes};
use onbeat_wire::recording::{Exchange, RouteAdded, RoutesDeleted};
use serde::Serialize;
use serde_json::Value;

use super::refusal::Refusal;
use super::request::ControlRequest;
use super::router::Id;
use super::{Control, Instance, Json};

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

pub(super) async fn get(State(control): State<Arc<Control>>, _: ControlRequest<Nothing>) -> Json<RoutesAnswer> {
    Json(RoutesAnswer { routes: control.instance().routes.reports() })
}

/// Adds a route before all others.
pub(super) async fn post(
    State(control): State<Arc<Control>>,
    ControlRequest { form, open: _open, .. }: ControlRequest<Value, ROUTES_BYTES_MAX>,
) -> Result<(StatusCode, Json<AddedAnswer>), Refusal> {
    let route = read_route(form, control.settings.routes.folder.as_deref())?;
    let form = route.form.clone();
    // A wrong route was refused before the wait for an advance.
    let (instance, _rest) = control.instance_at_rest().await;
    let id = instance.routes.add(route)?;
    note_added(&instance, id, form);
    Ok((StatusCode::CREATED, Json(AddedAnswer { id })))
}

/// Replaces the routes that were added.
pub(super) async fn put(
    State(control): State<Arc<Control>>,
    ControlRequest { form, open: _open, .. }: ControlRequest<Value, ROUTES_BYTES_MAX>,
) -> Result<Json<ReplacedAnswer>, Refusal> {
    let routes = read_routes(form, control.settings.routes.folder.as_deref())?;
    let forms: Vec<_> = routes.iter().map(|route| route.form.clone()).collect();
    let (instance, _rest) = control.instance_at_rest().await;
    let (old, ids) = instance.routes.replace(routes)?;
    note_deleted(&instance, old);
    for (id, form) in ids.iter().zip(forms).rev() {
        note_added(&instance, *id, form);
    }
    Ok(Json(ReplacedAnswer { ids }))
}

pub(super) async fn delete_all(State(control): State<Arc<Control>>, _: ControlRequest<Nothing>) -> Json<RoutesAnswer> {
    let (instance, _rest) = control.instance_at_rest().await;
    let routes = instance.routes.delete(None);
    note_deleted(&instance, routes.iter().map(|route| route.id).collect());
    Json(RoutesAnswer { routes })
}

pub(super) async fn delete(
    State(control): State<Arc<Control>>,
    Id(id): Id,
    _: ControlRequest<Nothing>,
) -> Result<Json<RouteReport>, Refusal> {
    let (instance, _rest) = control.instance_at_rest().await;
    let deleted = instance.routes.delete(Some(id)).pop();
    note_deleted(&instance, deleted.iter().map(|route| route.id).collect());
    deleted.map(Json).ok_or_else(|| {
        let reason = format!("no route {id} is there: GET /__onbeat/routes lists those that are");
        Refusal::new(StatusCode::NOT_FOUND, "id", reason)
    })
}

fn note_added(instance: &Instance, id: u64, route: Value) {
    instance.monitor.note(Exchange::default(), RouteAdded { id, route });
}

fn note_deleted(instance: &Instance, ids: Vec<u64>) {
    if !ids.is_empty() {
        instance.monitor.note(Exchange::default(), RoutesDeleted { ids });
    }
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
