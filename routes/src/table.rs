//! The routes of a world, in order, and how many requests each has answered.

use std::sync::Arc;

use axum::http::Method;
use axum::http::request::Parts;
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::Value;

use crate::matching::no_match;
use crate::model::{Model, Response, Route};
use crate::request::Request;

/// The most routes that are added at run time.
pub const ROUTES_MAX: usize = 10_000;

/// There are [`ROUTES_MAX`] routes that were added at run time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are {ROUTES_MAX} routes that were added, and no more are kept")]
pub struct TooManyRoutes;

/// The routes of a world, of which the first that matches answers: those added at run time, the newest first, then those of
/// the scenario, then those of the file.
#[derive(Debug, Default)]
pub(crate) struct RouteTable(Mutex<Rows>);

#[derive(Debug, Default)]
struct Rows {
    added: u64,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    id: u64,
    origin: Origin,
    route: Route,
    responses: Vec<Arc<Response>>,
    requests: u64,
}

/// Where a route is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The control interface, at run time.
    Added,
    /// The scenario of the world.
    Scenario,
    /// The file.
    File,
}

/// A route, as the control interface lists routes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RouteReport {
    /// The id.
    pub id: u64,
    /// Where the route is from.
    pub origin: Origin,
    /// How many requests the route has answered.
    pub requests: u64,
    /// The route, in the form in which routes are added.
    pub route: Value,
}

impl RouteTable {
    /// Returns the routes of a model, with a scenario before all others.
    pub(crate) fn new(model: &Model, scenario: Option<&str>) -> Self {
        let of_scenario = scenario.and_then(|name| model.scenarios.get(name)).into_iter().flatten();
        let of_scenario = of_scenario.map(|route| (Origin::Scenario, route));
        let of_file = model.routes.iter().map(|route| (Origin::File, route));
        let rows =
            (1..).zip(of_scenario.chain(of_file)).map(|(id, (origin, route))| Row::new(id, origin, route.clone()));
        let rows: Vec<_> = rows.collect();
        Self(Mutex::new(Rows { added: rows.len() as u64, rows }))
    }

    /// Returns the response to a request, which counts as answered; nothing if no route matches.
    pub(crate) fn answer(&self, request: &Request) -> Option<Arc<Response>> {
        let mut table = self.0.lock();
        let row = table.rows.iter_mut().find(|row| row.route.mismatch(request).is_none())?;
        let number = usize::try_from(row.requests).unwrap_or(usize::MAX);
        row.requests += 1;
        row.responses.get(number).or(row.responses.last()).map(Arc::clone)
    }

    /// Returns whether a route may match a request with this head: by the path, and by the method or as a preflight.
    pub(crate) fn may_answer(&self, head: &Parts) -> bool {
        let fits = |route: &Route| {
            route.path.fits(head.uri.path()) && (head.method == Method::OPTIONS || route.takes_method(&head.method))
        };
        self.0.lock().rows.iter().any(|row| fits(&row.route))
    }

    /// Returns whether a route matches requests to this path.
    pub(crate) fn has_path(&self, path: &str) -> bool {
        self.0.lock().rows.iter().any(|row| row.route.path.fits(path))
    }

    /// Returns why no route matches a request.
    pub(crate) fn why_not(&self, request: &Request) -> String {
        let table = self.0.lock();
        let routes: Vec<_> = table.rows.iter().map(|row| &row.route).collect();
        no_match(&routes, request)
    }

    /// Adds a route before all others. Returns the id.
    pub(crate) fn add(&self, route: Route) -> Result<u64, TooManyRoutes> {
        let mut table = self.0.lock();
        if table.rows.iter().filter(|row| row.origin == Origin::Added).count() >= ROUTES_MAX {
            return Err(TooManyRoutes);
        }
        table.added += 1;
        let id = table.added;
        table.rows.insert(0, Row::new(id, Origin::Added, route));
        Ok(id)
    }

    /// Replaces the routes that were added by others, of which the first comes first, as if the last had been added first.
    /// Returns the ids of the old ones, and of the new ones.
    pub(crate) fn replace(&self, routes: Vec<Route>) -> Result<(Vec<u64>, Vec<u64>), TooManyRoutes> {
        if routes.len() > ROUTES_MAX {
            return Err(TooManyRoutes);
        }
        let mut table = self.0.lock();
        let old = table.rows.iter().filter(|row| row.origin == Origin::Added).map(|row| row.id).collect();
        table.rows.retain(|row| row.origin != Origin::Added);
        let count = routes.len() as u64;
        let ids: Vec<_> = (table.added + 1..=table.added + count).rev().collect();
        table.added += count;
        let rows: Vec<_> = ids.iter().zip(routes).map(|(id, route)| Row::new(*id, Origin::Added, route)).collect();
        table.rows.splice(0..0, rows);
        Ok((old, ids))
    }

    /// Deletes the route with this id, or all that were added. Returns the deleted routes.
    pub(crate) fn delete(&self, id: Option<u64>) -> Vec<RouteReport> {
        let mut table = self.0.lock();
        let goes = |row: &Row| id.map_or(row.origin == Origin::Added, |id| row.id == id);
        let deleted = table.rows.iter().filter(|row| goes(row)).map(Row::report).collect();
        table.rows.retain(|row| !goes(row));
        deleted
    }

    /// Returns all routes, in the order in which they match.
    pub(crate) fn reports(&self) -> Vec<RouteReport> {
        self.0.lock().rows.iter().map(Row::report).collect()
    }
}

impl Row {
    fn new(id: u64, origin: Origin, mut route: Route) -> Self {
        let responses = std::mem::take(&mut route.responses).into_iter().map(Arc::new).collect();
        Self { id, origin, route, responses, requests: 0 }
    }

    fn report(&self) -> RouteReport {
        let Self { id, origin, route, requests, .. } = self;
        RouteReport { id: *id, origin: *origin, requests: *requests, route: route.form.clone() }
    }
}
