//! The routes of a world, in order, and how many requests each has answered.

use std::sync::Arc;

use axum::http::Method;
use axum::http::request::Parts;
use parking_lot::Mutex;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::model::{Model, Response, Route};
use crate::no_match::no_match;
use crate::request::Request;

/// The most routes that are added at run time.
pub const ROUTES_MAX: usize = 10_000;

/// There would be more than [`ROUTES_MAX`] routes added at run time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at most {ROUTES_MAX} routes can be added at run time")]
pub struct TooManyRoutes;

/// The routes of a world, of which the first match answers: routes added at run time, the newest first, then the routes of
/// the scenario, then the routes of the file.
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
    #[serde(serialize_with = "write_form")]
    pub route: Arc<Value>,
}

/// Writes a shared form as the form itself.
fn write_form<S: Serializer>(form: &Arc<Value>, serializer: S) -> Result<S::Ok, S::Error> {
    form.serialize(serializer)
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

    /// Returns the response to a request, and counts the request; nothing if no route matches.
    pub(crate) fn answer(&self, request: &Request) -> Option<Arc<Response>> {
        let mut table = self.0.lock();
        let row = table.rows.iter_mut().find(|row| row.route.mismatch(request).is_none())?;
        // Finds the route and counts the request under one lock, so that no two requests get the same response.
        let number = usize::try_from(row.requests).unwrap_or(usize::MAX);
        row.requests += 1;
        // Repeats the last response for ever.
        row.responses.get(number).or(row.responses.last()).map(Arc::clone)
    }

    /// Returns whether a route may match a request with this head: by the path, and by the method or as a preflight.
    pub(crate) fn may_answer(&self, head: &Parts) -> bool {
        let path = head.uri.path();
        if head.method == Method::OPTIONS { self.has_path(path) } else { self.takes(&head.method, path) }
    }

    /// Returns whether a route may match a request with this method and this path.
    pub(crate) fn takes(&self, method: &Method, path: &str) -> bool {
        self.0.lock().rows.iter().any(|row| row.route.path.fits(path) && row.route.takes_method(method))
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

    /// Adds routes before all others: the first of `routes` matches first. Returns the ids in the order of `routes`; the first
    /// has the highest. Adds all routes or none.
    pub(crate) fn add(&self, routes: Vec<Route>) -> Result<Vec<u64>, TooManyRoutes> {
        let mut table = self.0.lock();
        let before = table.rows.iter().filter(|row| row.origin == Origin::Added).count();
        if before + routes.len() > ROUTES_MAX { Err(TooManyRoutes) } else { Ok(table.put_first(routes)) }
    }

    /// Replaces the routes added at run time by `routes`. Returns the ids of the old routes, and of the new routes.
    pub(crate) fn replace(&self, routes: Vec<Route>) -> Result<(Vec<u64>, Vec<u64>), TooManyRoutes> {
        if routes.len() > ROUTES_MAX {
            return Err(TooManyRoutes);
        }
        let mut table = self.0.lock();
        let old = table.rows.iter().filter(|row| row.origin == Origin::Added).map(|row| row.id).collect();
        table.rows.retain(|row| row.origin != Origin::Added);
        Ok((old, table.put_first(routes)))
    }

    /// Deletes the route with this id, or all routes added at run time. Returns the deleted routes.
    pub(crate) fn delete(&self, id: Option<u64>) -> Vec<RouteReport> {
        let mut table = self.0.lock();
        // Deletes a route of the file too if named by id, but without an id only the added routes.
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

impl Rows {
    /// Puts added routes before all others. Returns the ids in the order of `routes`.
    fn put_first(&mut self, routes: Vec<Route>) -> Vec<u64> {
        let count = routes.len() as u64;
        // Numbers the routes from the last to the first, as single additions would.
        let ids: Vec<_> = (self.added + 1..=self.added + count).rev().collect();
        self.added += count;
        let rows: Vec<_> = ids.iter().zip(routes).map(|(id, route)| Row::new(*id, Origin::Added, route)).collect();
        self.rows.splice(0..0, rows);
        ids
    }
}

impl Row {
    fn new(id: u64, origin: Origin, mut route: Route) -> Self {
        // Moves the responses out of the route, to share each with the requests that it answers.
        let responses = std::mem::take(&mut route.responses).into_iter().map(Arc::new).collect();
        Self { id, origin, route, responses, requests: 0 }
    }

    fn report(&self) -> RouteReport {
        let Self { id, origin, route, requests, .. } = self;
        RouteReport { id: *id, origin: *origin, requests: *requests, route: Arc::clone(&route.form) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Content;
    use crate::request::tests::request;
    use crate::testing::{head, model, route};

    fn table(scenario: Option<&str>) -> RouteTable {
        let model = model(
            r#"[[route]]
            path = "/a"
            response = [{ body = "file 1" }, { body = "file 2" }]
            [[route]]
            method = "POST"
            path = "/b/*"
            body = "posted"
            [scenario.busy]
            [[scenario.busy.route]]
            path = "/a"
            body = "busy""#,
        );
        RouteTable::new(&model, scenario)
    }

    /// The body of the response to a `GET` of `/a`.
    fn answer(table: &RouteTable) -> Option<String> {
        let response = table.answer(&request("GET", "/a", &[], ""))?;
        let Content::Body(template) = &response.content else { panic!("expected a body") };
        Some(format!("{template:?}").split('"').nth(1).unwrap_or_default().to_owned())
    }

    fn listed(table: &RouteTable) -> Vec<(u64, Origin, u64)> {
        table.reports().iter().map(|report| (report.id, report.origin, report.requests)).collect()
    }

    #[test]
    fn the_responses_come_one_after_another_and_the_last_repeats() {
        let table = table(None);
        let answers: Vec<_> = std::iter::repeat_with(|| answer(&table).expect("an answer")).take(4).collect();
        assert_eq!(answers, ["file 1", "file 2", "file 2", "file 2"]);
        assert_eq!(listed(&table), [(1, Origin::File, 4), (2, Origin::File, 0)]);
    }

    #[test]
    fn added_routes_come_before_those_of_the_scenario_and_these_before_those_of_the_file() {
        let table = table(Some("busy"));
        assert_eq!(answer(&table).as_deref(), Some("busy"));
        assert_eq!(table.add(vec![route("body = \"old\"")]), Ok(vec![4]));
        assert_eq!(table.add(vec![route("body = \"new\"")]), Ok(vec![5]));
        assert_eq!(answer(&table).as_deref(), Some("new"));
        let order = [
            (5, Origin::Added, 1),
            (4, Origin::Added, 0),
            (1, Origin::Scenario, 1),
            (2, Origin::File, 0),
            (3, Origin::File, 0),
        ];
        assert_eq!(listed(&table), order);
        assert_eq!(super::RouteTable::new(&model(""), Some("nobody")).reports(), []);
    }

    #[test]
    fn those_that_were_added_are_replaced_and_deleted_by_themselves() {
        let table = table(None);
        table.add(vec![route("body = \"old\"")]).expect("there is room");
        assert_eq!(
            table.replace(vec![route("body = \"first\""), route("body = \"second\"")]),
            Ok((vec![3], vec![5, 4]))
        );
        assert_eq!(answer(&table).as_deref(), Some("first"));
        assert_eq!(table.delete(Some(5)).len(), 1);
        assert_eq!(answer(&table).as_deref(), Some("second"));
        assert_eq!(table.delete(Some(5)), []);
        assert_eq!(table.delete(None).iter().map(|report| report.id).collect::<Vec<_>>(), [4]);
        assert_eq!(answer(&table).as_deref(), Some("file 1"));
        // A route of the file goes only by its id.
        assert_eq!(table.delete(Some(1)).len(), 1);
        assert_eq!((answer(&table), table.add(vec![route("body = \"x\"")])), (None, Ok(vec![6])));
    }

    #[test]
    fn there_is_room_for_so_many_added_routes() {
        let table = table(None);
        let many = |count| vec![route("body = \"x\""); count];
        assert_eq!(table.replace(many(ROUTES_MAX + 1)), Err(TooManyRoutes));
        assert_eq!(table.replace(many(ROUTES_MAX)).map(|(_, ids)| ids.len()), Ok(ROUTES_MAX));
        assert_eq!(table.add(many(1)), Err(TooManyRoutes));
        table.delete(Some(5));
        // A refusal adds no route, and takes no id.
        assert_eq!(table.add(many(2)), Err(TooManyRoutes));
        let next = ROUTES_MAX as u64 + 3;
        assert_eq!(table.add(many(1)), Ok(vec![next]));
    }

    #[test]
    fn a_head_may_be_answered_by_path_and_method_and_every_preflight_by_its_path() {
        let table = table(None);
        for (method, target, may) in [
            ("GET", "/a", true),
            ("HEAD", "/a?b", true),
            ("POST", "/a", false),
            ("OPTIONS", "/a", true),
            ("POST", "/b/c", true),
            ("GET", "/b/c", false),
            ("OPTIONS", "/b/c", true),
            ("OPTIONS", "/c", false),
        ] {
            assert_eq!(table.may_answer(&head(method, target, &[])), may, "{method} {target}");
        }
        assert!(table.has_path("/b/x") && !table.has_path("/b"));
    }
}
