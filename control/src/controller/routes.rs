//! The routes: listed, added, replaced and deleted.

use std::sync::Arc;

use onbeat_routes::{Route, RouteReport};
use onbeat_wire::recording::{Exchange, RouteAdded, RoutesDeleted};
use serde_json::Value;

use super::{Controller, Instance, OperationError};

impl Controller {
    /// Returns all routes, in the order in which they match.
    #[must_use]
    pub fn routes(&self) -> Vec<RouteReport> {
        self.instance().routes.reports()
    }

    /// Returns whether a route of the world of the moment takes `GET` requests to this path.
    #[must_use]
    pub fn takes_get(&self, path: &str) -> bool {
        self.instance().routes.takes_get(path)
    }

    /// Adds routes before all others: the first of `routes` matches first. Returns the ids in the order of `routes`; the first
    /// has the highest.
    ///
    /// # Errors
    ///
    /// If there are too many.
    pub async fn add_routes(&self, routes: Vec<Route>) -> Result<Vec<u64>, OperationError> {
        let forms: Vec<_> = routes.iter().map(|route| Arc::clone(&route.form)).collect();
        // Keeps the rest until the lines are in the log, so that no request comes in between.
        let (instance, _rest) = self.instance_at_rest().await;
        let ids = instance.routes.add(routes)?;
        note_added(&instance, &ids, forms);
        Ok(ids)
    }

    /// Replaces the routes added at run time by `routes`, of which the first comes first. Returns the ids in the same order.
    ///
    /// # Errors
    ///
    /// If there are too many.
    pub async fn replace_routes(&self, routes: Vec<Route>) -> Result<Vec<u64>, OperationError> {
        let forms: Vec<_> = routes.iter().map(|route| Arc::clone(&route.form)).collect();
        let (instance, _rest) = self.instance_at_rest().await;
        let (old, ids) = instance.routes.replace(routes)?;
        // Notes the deleted routes first, the order in which a replay deletes and adds routes.
        note_deleted(&instance, old);
        note_added(&instance, &ids, forms);
        Ok(ids)
    }

    /// Deletes the route with this id, of any origin.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub async fn delete_route(&self, id: u64) -> Result<RouteReport, OperationError> {
        let (instance, _rest) = self.instance_at_rest().await;
        let deleted = instance.routes.delete(Some(id)).pop();
        note_deleted(&instance, deleted.iter().map(|route| route.id).collect());
        deleted.ok_or(OperationError::NoRoute(id))
    }

    /// Deletes the routes added at run time.
    pub async fn delete_routes(&self) -> Vec<RouteReport> {
        let (instance, _rest) = self.instance_at_rest().await;
        let routes = instance.routes.delete(None);
        note_deleted(&instance, routes.iter().map(|route| route.id).collect());
        routes
    }
}

/// Notes added routes from the last to the first, the order in which a replay adds routes one by one.
fn note_added(instance: &Instance, ids: &[u64], forms: Vec<Arc<Value>>) {
    for (id, route) in ids.iter().zip(forms).rev() {
        instance.monitor.note(Exchange::default(), RouteAdded { id: *id, route: Arc::unwrap_or_clone(route) });
    }
}

fn note_deleted(instance: &Instance, ids: Vec<u64>) {
    if !ids.is_empty() {
        instance.monitor.note(Exchange::default(), RoutesDeleted { ids });
    }
}
