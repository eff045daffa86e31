//! The routes of a server: listed, added and deleted.

use std::path::Path;

use onbeat_routes::{Origin, Route, RouteReport, read_inline_routes};

use super::thread::RunningServer;
use super::{Reply, Server, ServerError};

/// A route of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedRoute {
    /// The id.
    pub id: u64,
    /// Where the route is from.
    pub origin: RouteOrigin,
    /// How many requests the route has answered.
    pub requests: u64,
    /// The route, in JSON.
    pub route: String,
}

/// Where a route is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RouteOrigin {
    /// The test has added the route.
    Added,
    /// The scenario of the world.
    Scenario,
    /// The routes with which the server was started.
    Started,
}

impl From<RouteReport> for ListedRoute {
    fn from(RouteReport { id, origin, requests, route }: RouteReport) -> Self {
        let origin = match origin {
            Origin::Added => RouteOrigin::Added,
            Origin::Scenario => RouteOrigin::Scenario,
            Origin::File => RouteOrigin::Started,
        };
        Self { id, origin, requests, route: route.to_string() }
    }
}

impl Server {
    /// Adds routes before all others: in TOML, the keys of one route, or a table `[[route]]` for each; or the same in JSON.
    /// Returns the ids, in the order of the text. Channels and scenarios belong to
    /// [`ServerBuilder::routes`](super::ServerBuilder::routes), but a channel without a history needs no declaration.
    ///
    /// ```
    /// # use onbeat::Server;
    /// let server = Server::start().wait()?;
    /// server.route(r#"
    ///     method = "POST"
    ///     path = "/v1/chat"
    ///     steps = [{ data = "Hel" }, { wait_ms = 50, data = "lo" }, { end = "cut" }]
    /// "#).wait()?;
    /// server.route(r#"{"path": "/health", "body": "ok"}"#).wait()?;
    /// assert_eq!(server.routes().wait()?.len(), 2);
    /// # Ok::<(), onbeat::server::ServerError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the text has problems: the error tells all, each with its line.
    pub fn route(&self, text: impl Into<String>) -> Reply<Vec<u64>> {
        let text = text.into();
        self.server.ask(async move |server| {
            let routes = read(&server, &text)?;
            Ok(server.controller.add_routes(routes).await?)
        })
    }

    /// Returns all routes, in the order in which they are tried.
    ///
    /// # Errors
    ///
    /// If the server has ended.
    pub fn routes(&self) -> Reply<Vec<ListedRoute>> {
        self.server.ask(async |server| Ok(listed(server.controller.routes())))
    }

    /// Replaces the added routes by the routes in this text. Returns the ids, in the order of the text.
    ///
    /// ```
    /// # use onbeat::Server;
    /// # let server = Server::start().wait()?;
    /// server.replace_routes(r#"{"route": [{"path": "/a", "body": "1"}, {"path": "/b", "body": "2"}]}"#).wait()?;
    /// assert_eq!(server.delete_routes().wait()?.len(), 2);
    /// # Ok::<(), onbeat::server::ServerError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the text has problems: all of these. The old routes stay.
    pub fn replace_routes(&self, text: impl Into<String>) -> Reply<Vec<u64>> {
        let text = text.into();
        self.server.ask(async move |server| {
            let routes = read(&server, &text)?;
            Ok(server.controller.replace_routes(routes).await?)
        })
    }

    /// Deletes a route by its id. Returns the route.
    ///
    /// # Errors
    ///
    /// If no route has this id.
    pub fn delete_route(&self, id: u64) -> Reply<ListedRoute> {
        self.server.ask(async move |server| Ok(server.controller.delete_route(id).await?.into()))
    }

    /// Deletes the routes that were added. Returns the deleted routes.
    ///
    /// # Errors
    ///
    /// If the server has ended.
    pub fn delete_routes(&self) -> Reply<Vec<ListedRoute>> {
        self.server.ask(async |server| Ok(listed(server.controller.delete_routes().await)))
    }
}

/// Reads routes, which find recordings from the folder of the server.
fn read(server: &RunningServer, text: &str) -> Result<Vec<Route>, ServerError> {
    let folder = server.controller.settings().routes.folder.as_deref().unwrap_or(Path::new(""));
    Ok(read_inline_routes(text, folder)?)
}

fn listed(routes: Vec<RouteReport>) -> Vec<ListedRoute> {
    routes.into_iter().map(ListedRoute::from).collect()
}
