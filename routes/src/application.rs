//! The routes of a world as an application: finds the response to a request, and plays it.

use std::sync::Arc;

use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use onbeat_server::application::Application;
use onbeat_server::channel::{Delivery, Event};
use onbeat_server::context::{RequestContext, clipped};
use onbeat_server::random::Random;
use onbeat_server::respond::{Playing, at_once, respond, with_head_change};
use onbeat_server::script::Start;
use onbeat_server::world::World;
use onbeat_wire::stringify;
use serde::Serialize;

use crate::channels::{ChannelReport, Channels, NamedChannel, NoSuchChannel};
use crate::chunk::published;
use crate::cors;
use crate::event_fields::EventFields;
use crate::fault_hook::FaultHook;
use crate::model::{Model, Route, Step, StepAction, Subscribe};
use crate::request::Request;
use crate::response::Answer;
use crate::steps::steps;
use crate::table::{RouteReport, RouteTable, TooManyRoutes};
use crate::template::Moment;

/// The routes and channels of a world.
#[derive(Debug)]
pub struct Routes {
    world: Arc<World>,
    table: RouteTable,
    channels: Arc<Channels>,
    /// Whether the built-in endpoints answer where no route matches.
    has_built_in: bool,
}

/// The delivery of an event to the subscribers of a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Published {
    /// The ID of the event, if the event has an ID.
    pub id: Option<String>,
    /// How many clients get the event.
    pub clients: usize,
    /// Whether a mailbox is filling: the publisher should let the subscribers read first.
    #[serde(skip)]
    pub filling: bool,
    /// The bytes of the event.
    #[serde(skip)]
    pub bytes: Bytes,
}

impl Routes {
    /// Returns the routes of a model in a world, with the routes of `scenario` before all others. Where no route matches, the
    /// built-in endpoints answer if the world `has_built_in` endpoints, or else a 404 with the reasons.
    #[must_use]
    pub fn new(world: Arc<World>, model: &Model, scenario: Option<&str>, has_built_in: bool) -> Self {
        let channels = Arc::new(Channels::new(world.limits().mailbox_events_max, &model.channels));
        Self { world, table: RouteTable::new(model, scenario), channels, has_built_in }
    }

    /// Adds routes before all others: the first of `routes` matches first. Returns the ids in the order of `routes`; the first
    /// has the highest.
    ///
    /// # Errors
    ///
    /// If there would be more than [`ROUTES_MAX`](crate::ROUTES_MAX) routes added at run time: none is added.
    pub fn add(&self, routes: Vec<Route>) -> Result<Vec<u64>, TooManyRoutes> {
        let channels = routes.iter().flat_map(subscribed_channels).collect();
        let ids = self.table.add(routes)?;
        self.make_channels(channels);
        Ok(ids)
    }

    /// Replaces the routes added at run time by `routes`, of which the first comes first. Returns the ids of the old routes,
    /// and the ids of the new routes, of which the first is the highest.
    ///
    /// # Errors
    ///
    /// If there are more than [`ROUTES_MAX`](crate::ROUTES_MAX): the old routes stay.
    pub fn replace(&self, routes: Vec<Route>) -> Result<(Vec<u64>, Vec<u64>), TooManyRoutes> {
        let channels = routes.iter().flat_map(subscribed_channels).collect();
        let ids = self.table.replace(routes)?;
        self.make_channels(channels);
        Ok(ids)
    }

    /// Makes the channels of routes that have been added: an event can be published before the first client subscribes.
    fn make_channels(&self, names: Vec<String>) {
        for name in names {
            self.channels.named(&name);
        }
    }

    /// Deletes the route with this id, or all routes added at run time. Returns the deleted routes.
    pub fn delete(&self, id: Option<u64>) -> Vec<RouteReport> {
        self.table.delete(id)
    }

    /// Returns all routes, in the order in which they match.
    #[must_use]
    pub fn reports(&self) -> Vec<RouteReport> {
        self.table.reports()
    }

    /// Returns whether a route takes `GET` requests to this path.
    #[must_use]
    pub fn takes_get(&self, path: &str) -> bool {
        self.table.takes(&Method::GET, path)
    }

    /// Returns all channels, by name.
    #[must_use]
    pub fn channels(&self) -> Vec<ChannelReport> {
        self.channels.reports()
    }

    /// Returns the channel with this name.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn channel(&self, name: &str) -> Result<ChannelReport, NoSuchChannel> {
        Ok(self.channels.find(name)?.report(name))
    }

    /// Waits for the next subscription to a channel, from this call on.
    ///
    /// # Errors
    ///
    /// If there is no such channel.
    pub fn next_subscribed(&self, channel: &str) -> Result<impl Future<Output = ()> + use<>, NoSuchChannel> {
        Ok(self.channels.find(channel)?.log().next_subscribed())
    }

    /// Sends an event to the subscribers of a channel, now. An event without an ID gets its number, if the channel has a
    /// history.
    ///
    /// # Errors
    ///
    /// If there is no such channel.
    pub fn publish(&self, channel: &str, event: EventFields) -> Result<Published, NoSuchChannel> {
        let channel = self.channels.find(channel)?;
        // Counts an event with an ID of its own as well, so that a number tells the position among all events.
        Ok(channel.publish_next(|_, number| {
            let id = event.id.clone().or(number);
            let bytes = EventFields { id: id.clone(), ..event }.encode();
            self.send(&channel, bytes, id)
        }))
    }

    /// Sends bytes to the subscribers of a channel, now, as an event with this ID.
    ///
    /// # Errors
    ///
    /// If there is no such channel.
    pub fn publish_bytes(&self, channel: &str, bytes: Bytes, id: Option<String>) -> Result<Published, NoSuchChannel> {
        let channel = self.channels.find(channel)?;
        Ok(channel.publish_next(|_, _| self.send(&channel, bytes, id)))
    }

    fn send(&self, channel: &NamedChannel, bytes: Bytes, id: Option<String>) -> Published {
        // Publishes no empty write, for which a request without a body may ask: no chunk is empty (RFC 9112, 7.1).
        let event = if bytes.is_empty() { Event::from([]) } else { Event::from([bytes.clone()]) }.with_id(id.clone());
        let Delivery { clients, filling, .. } = self.world.publish_to(&channel.log(), self.world.clock().now(), event);
        Published { id, clients, filling, bytes }
    }

    /// Returns the start of the response to a request.
    fn start(&self, context: &RequestContext) -> Start {
        Start { at: context.at, ..self.world.start(&context.connection, context.request) }
    }

    /// Answers a request, unless the built-in endpoints are to answer.
    async fn respond(self: Arc<Self>, context: RequestContext, head: Parts) -> Option<Response> {
        let request = Arc::new(Request::new(&head, context.body.clone()));
        let connection = Arc::clone(&context.connection);
        // Asks the routes before publishing requests and preflights: a route can take `OPTIONS` itself.
        let mut response = if let Some(answer) = self.table.answer(&request) {
            let start = self.start(&context);
            let answer = Answer { response: answer, request, start, channels: Arc::clone(&self.channels) };
            // Holds only a whole answer back until earlier arrivals are taken in; a stream begins without delay.
            if answer.is_at_once() {
                at_once(&self.world, &connection, self.play(context, &head, answer)).await
            } else {
                self.play(context, &head, answer).await
            }
        } else if let Some(channel) = self.channels.published_by(&request) {
            let publishing = Arc::clone(&self).publish_request(context, channel, request);
            at_once(&self.world, &connection, publishing).await
        } else if request.is_preflight() && (!self.has_built_in || self.has_path(head.uri.path())) {
            // Returns early: `preflight` has set the headers for other origins already.
            return Some(cors::preflight(&head.headers));
        } else if self.has_built_in {
            return None;
        } else {
            let not_found = async { (StatusCode::NOT_FOUND, self.table.why_not(&request)).into_response() };
            at_once(&self.world, &connection, with_head_change(&context, not_found)).await
        };
        // Comes last, since a page of another origin gets the names of all headers of the finished answer.
        cors::let_read(&head.headers, response.headers_mut());
        Some(response)
    }

    /// Plays the response of a route, through the faults of the route and of the world.
    async fn play(&self, context: RequestContext, head: &Parts, answer: Answer) -> Response {
        // Sends the head alone in answer to `HEAD`.
        let is_played = head.method != Method::HEAD;
        let faults = &answer.response.faults;
        // Registers the faults of the route before `with_head_change` and `respond` ask the hooks of the request.
        if !faults.is_empty() {
            context.alter(Box::new(FaultHook::new(faults, answer.start.at)));
        }
        let path = clipped(head.uri.path().to_owned()).into();
        let how = Playing { start: answer.start, path, subscription: None, is_played };
        with_head_change(&context, respond(&self.world, context.clone(), answer.script(), how)).await
    }

    /// Publishes the event of a request.
    async fn publish_request(
        self: Arc<Self>,
        context: RequestContext,
        channel: Arc<NamedChannel>,
        request: Arc<Request>,
    ) -> Response {
        // Publishes inside of `with_head_change`: a fault that answers in place of the channel publishes no event.
        let Start { epoch, at, seed, connection, request: number } = self.start(&context);
        with_head_change(&context, async {
            let publish = channel.publish().expect("the channel was found by its request");
            let answer = channel.publish_next(|seq, id| {
                let mut random = Random::new(seed, connection, number);
                let (request, now, t_ms) = (&*request, epoch.at(at), at.as_millis());
                let mut moment = Moment { request, now, t_ms, seq, random: &mut random };
                let (bytes, id) = published(&publish.event, &mut moment, id);
                self.send(&channel, bytes, id)
            });
            if answer.filling {
                // Lets the subscribers read first: a burst of events must not run ahead of the readers.
                tokio::task::yield_now().await;
            }
            let json = HeaderValue::from_static("application/json");
            (publish.status, [(CONTENT_TYPE, json)], stringify(&answer)).into_response()
        })
        .await
    }

    /// Returns whether a route or a publish request has this path.
    #[must_use]
    pub fn has_path(&self, path: &str) -> bool {
        self.table.has_path(path) || self.channels.publish_at(path)
    }
}

impl Application for Routes {
    fn takes(&self, head: &Parts) -> bool {
        !self.has_built_in || self.table.may_answer(head) || self.channels.publish_at(head.uri.path())
    }

    fn answer(self: Arc<Self>, context: RequestContext, head: Parts) -> BoxFuture<'static, Option<Response>> {
        self.respond(context, head).boxed()
    }
}

/// Returns the names of the channels that the responses of a route subscribe to.
fn subscribed_channels(route: &Route) -> Vec<String> {
    let of_step = |step: &Step| match &step.action {
        StepAction::Subscribe(Subscribe { channels, .. }) => channels.clone(),
        _ => Vec::new(),
    };
    route.responses.iter().flat_map(steps).flat_map(of_step).collect()
}
