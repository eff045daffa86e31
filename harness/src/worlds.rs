//! Random worlds around an application of yours. Clients come, read slowly, leave and come back; a seed determines each
//! world.
//!
//! ```text
//!  client_request                     what clients ask for, and what is declared of the responses
//!    │
//!  shorthand                          histories as short JSON
//!    │
//!  world_history ── world_generator   what each client does, and when: drawn from a seed
//!    │
//!  world_client                       what each client has seen
//!    │
//!  world_player                       plays a history in a lab
//!    │
//!  general_invariants                 what is true of all applications
//!    │
//!  invariant_outcome ── own_invariant what is true of yours
//!    │
//!  world_failure                      the message of a failed world
//!    │
//!  one_world                          a world: played, judged, and shrunk if it fails
//! ```
//!
//! Networks, draws and shrinking are those of [`simulate`](crate::simulate).

mod client_request;
mod general_invariants;
mod invariant_outcome;
mod one_world;
mod own_invariant;
mod shorthand;
mod world_client;
mod world_failure;
mod world_generator;
mod world_history;
mod world_player;

use std::fmt;
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

pub use self::client_request::ClientRequest;
use self::client_request::RequestSource;
pub use self::invariant_outcome::InvariantOutcome;
use self::own_invariant::OwnInvariant;
pub use self::world_client::{EndedWorld, WorldClient, WorldExchange};
use self::world_history::WorldHistory;
use crate::lab::bare::Host;
use crate::lab::for_worlds::quietly;
use crate::lab::{Application, Lab, Response};
use crate::simulate::Draws;

/// One of so many worlds is played twice where the application is declared to be deterministic.
const TWICE_EVERY: u64 = 16;

/// Random worlds around an application.
///
/// In each world clients come at any moment, over networks that are late, slow, narrow, or cut bytes anywhere. They read,
/// stop reading, and read on; they leave by FIN, RST or half-close, or are cut off at any byte, and come back with
/// `Last-Event-ID`. They send further requests when a response is complete. Time jumps. The same seed gives the same clients.
///
/// Of every application it must be true that
///
/// - nothing panics, and no world hangs;
/// - what comes is HTTP/1.1, an event stream is UTF-8, and a complete one ends behind a whole event;
/// - nothing is left when all clients have gone: no handler, no body, and no task that each client leaves behind.
///
/// More is true of what is declared with a [`ClientRequest`], and of what the test says with
/// [`invariant`](Self::invariant) and [`each_stream`](Self::each_stream).
///
/// # Examples
///
/// ```
/// use axum::response::sse::{Event, Sse};
/// use axum::{Router, routing::get};
/// use futures_util::{StreamExt, stream};
/// use onbeat::{ClientRequest, Worlds};
///
/// fn app() -> Router {
///     Router::new().route("/count", get(|| async {
///         let numbers = stream::iter(0..5).then(|number| async move {
///             tokio::time::sleep(onbeat::secs(1)).await;
///             Event::default().id(number.to_string()).data("a number")
///         });
///         Sse::new(numbers.map(Ok::<_, std::convert::Infallible>))
///     }))
/// }
///
/// Worlds::new(app)
///     .request(ClientRequest::get("/count").same_for_all())
///     .each_stream("ids rise", |stream| stream.events().is_sorted_by_key(|event| event.id.clone()))
///     .seeds(0..20)
///     .run();
/// ```
#[must_use = "worlds are played by `.run()`"]
pub struct Worlds<S = ()> {
    build: Build<S>,
    sources: Vec<RequestSource>,
    invariants: Vec<OwnInvariant<S>>,
    seeds: Range<u64>,
    again: Vec<String>,
    length: Duration,
    grace: Duration,
    is_deterministic: bool,
    allows_panics: bool,
    real_time_limit: Duration,
}

/// Builds the application of a world, and the state beside the application.
type Build<S> = Box<dyn Fn(Lab) -> LocalBoxFuture<'static, (Host, S)>>;

impl Worlds {
    /// Returns worlds around the applications of `build`, which builds a new one for each world.
    pub fn new<A: Application>(build: impl Fn() -> A + 'static) -> Self {
        Self::with_state(async move |_| (build(), ()))
    }

    /// Returns worlds around the applications of `build`, which may spawn tasks, and add hosts that the application calls, as
    /// [`lab_with`](crate::lab_with) does.
    pub fn with<A: Application>(build: impl AsyncFn(Lab) -> A + 'static) -> Self {
        Self::with_state(async move |lab| (build(lab).await, ()))
    }
}

impl<S: 'static> Worlds<S> {
    /// Returns worlds around the applications of `build`, which returns with each application what invariants of the test look
    /// at, for example the sender of a channel.
    ///
    /// ```
    /// # use axum::{Router, routing::get};
    /// # use onbeat::Worlds;
    /// # fn app(_: tokio::sync::broadcast::Sender<u8>) -> Router { Router::new().route("/news", get(|| async {})) }
    /// Worlds::with_state(async |_| {
    ///     let sender = tokio::sync::broadcast::Sender::new(16);
    ///     (app(sender.clone()), sender)
    /// })
    /// .get("/news")
    /// .invariant("no receiver is left", |world| world.state().receiver_count() == 0)
    /// .seeds(0..10)
    /// .run();
    /// ```
    pub fn with_state<A: Application>(build: impl AsyncFn(Lab) -> (A, S) + 'static) -> Self {
        let build = Rc::new(build);
        let build: Build<S> = Box::new(move |lab| {
            let build = Rc::clone(&build);
            async move {
                let (application, state) = build(lab).await;
                (Host::of(application), state)
            }
            .boxed_local()
        });
        Self {
            build,
            sources: Vec::new(),
            invariants: Vec::new(),
            seeds: 0..200,
            again: Vec::new(),
            length: Duration::from_secs(300),
            grace: Duration::from_secs(3600),
            is_deterministic: false,
            allows_panics: false,
            real_time_limit: Duration::from_secs(60),
        }
    }

    // Requests.

    /// Adds a `GET` to what clients may ask for.
    pub fn get(self, target: &str) -> Self {
        self.request(ClientRequest::get(target))
    }

    /// Adds a request to what clients may ask for. All requests are sent equally often; [`draw`](Self::draw) weighs.
    pub fn request(self, request: ClientRequest) -> Self {
        self.draw(move |_| request.clone())
    }

    /// Adds requests that are drawn.
    ///
    /// ```
    /// # use onbeat::{ClientRequest, Worlds};
    /// # let app = || axum::Router::new();
    /// # let _ =
    /// Worlds::new(app).draw(|draws| match draws.below(10) {
    ///     0 => ClientRequest::post("/clear"),
    ///     _ => ClientRequest::post("/notes").body(format!("note {}", draws.below(1000))),
    /// });
    /// ```
    pub fn draw(mut self, draw: impl Fn(&mut Draws) -> ClientRequest + 'static) -> Self {
        self.sources.push(Box::new(draw));
        self
    }

    // Invariants.

    /// Adds an invariant of each world after its end. `check` asserts, or returns an [`InvariantOutcome`].
    pub fn invariant<V: InvariantOutcome>(
        mut self,
        name: &str,
        check: impl for<'a> Fn(&'a EndedWorld<'a, S>) -> V + 'static,
    ) -> Self {
        self.invariants.push(OwnInvariant::of_world(name, check));
        self
    }

    /// Adds an invariant of each event stream, as far as its client has seen the stream. `check` asserts, or returns an
    /// [`InvariantOutcome`].
    pub fn each_stream<V: InvariantOutcome>(mut self, name: &str, check: impl Fn(&Response) -> V + 'static) -> Self {
        self.invariants.push(OwnInvariant::of_stream(name, check));
        self
    }

    /// Declares that the same seed gives the same world: some worlds are played twice, and each byte must come again at the
    /// same time. An application with randomness of its own breaks the declaration.
    pub fn deterministic(self) -> Self {
        Self { is_deterministic: true, ..self }
    }

    /// Lets panics of the application pass that the application, or tokio, catches.
    pub fn allow_panics(self) -> Self {
        Self { allows_panics: true, ..self }
    }

    // The run.

    /// Sets the seeds; 0 to 199 by default.
    pub fn seeds(self, seeds: Range<u64>) -> Self {
        Self { seeds, ..self }
    }

    /// Plays a history before the worlds of all seeds, as the message of a failed world prints the history. The history stays
    /// the same when seeds come to mean other worlds.
    pub fn again(mut self, history: &str) -> Self {
        self.again.push(history.to_owned());
        self
    }

    /// Sets how long a world lasts at most, without the jumps of time; 5 minutes by default.
    pub fn length(self, length: Duration) -> Self {
        Self { length, ..self }
    }

    /// Sets how long the application may be at work after its clients have left; an hour by default.
    pub fn grace(self, grace: Duration) -> Self {
        Self { grace, ..self }
    }

    /// Sets how much of the machine's time may pass in a world without anything happening; a minute by default.
    pub fn real_time_limit(self, limit: Duration) -> Self {
        Self { real_time_limit: limit, ..self }
    }

    /// Plays the worlds, and returns what occurred in them.
    ///
    /// # Panics
    ///
    /// If a world fails, with the seed, the violation, the shortest history found that shows the violation, what the clients
    /// did and saw, and how to play the world again. If no request was ever answered with success. If there is no request, or
    /// a history can't be read. If called on a thread with a tokio runtime.
    #[track_caller]
    #[expect(clippy::must_use_candidate, reason = "a test runs worlds to see none fail")]
    pub fn run(&self) -> Explored {
        match quietly(|| self.explore()) {
            Ok(explored) => explored,
            Err(message) => panic!("{message}"),
        }
    }

    /// Plays the worlds; returns the message of the first failure.
    fn explore(&self) -> Result<Explored, String> {
        if self.sources.is_empty() {
            return Err("expected a request that clients send: add `.get(\"/events\")`, for example".into());
        }
        let mut explored = Explored::default();
        // Plays the given histories first, in which a known failure shows soonest.
        for again in &self.again {
            let history = WorldHistory::read(again, self.sources.len())
                .map_err(|error| format!("expected a history as a failed world prints it, got {again:?}: {error}"))?;
            explored.add(self.checked_world(&history, false).map_err(|failure| failure.to_string())?);
        }
        let length_ms = u64::try_from(self.length.as_millis()).unwrap_or(u64::MAX);
        for seed in self.seeds.clone() {
            let history = WorldHistory::draw(seed, &self.sources, length_ms);
            let twice = self.is_deterministic && seed.is_multiple_of(TWICE_EVERY);
            explored.add(self.checked_world(&history, twice).map_err(|failure| failure.to_string())?);
        }
        // Fails without a single success, since such worlds test hardly any code of the application.
        if explored.requests > 0 && explored.successes == 0 {
            let names: Vec<String> = self.names().collect();
            return Err(format!(
                "expected an answer with success (2xx), got none to {} requests, such as {}: is a path misspelt?",
                explored.requests,
                names.join(", ")
            ));
        }
        Ok(explored)
    }

    /// Returns an example of each kind of request.
    fn names(&self) -> impl Iterator<Item = String> {
        let random = || onbeat_server::random::Random::new(onbeat_server::random::Seed(0), 0, 0);
        self.sources.iter().map(move |source| source(&mut Draws::new(random())).name())
    }
}

/// What occurred in the worlds of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explored {
    /// How many worlds were played.
    pub worlds: u64,
    /// How many requests were sent.
    pub requests: u64,
    /// How many requests were answered with success (2xx).
    pub successes: u64,
    /// How many events clients saw.
    pub events: u64,
    /// How long the worlds lasted together, in virtual time.
    pub lasted: Duration,
}

impl Explored {
    fn add(&mut self, other: Self) {
        self.worlds += other.worlds;
        self.requests += other.requests;
        self.successes += other.successes;
        self.events += other.events;
        self.lasted += other.lasted;
    }
}

impl fmt::Display for Explored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { worlds, requests, successes, events, lasted } = self;
        let hours = lasted.as_secs() / 3600;
        write!(
            f,
            "{worlds} worlds, {requests} requests, {successes} with success, {events} events, {hours} h of virtual time"
        )
    }
}

impl<S> fmt::Debug for Worlds<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worlds").field("seeds", &self.seeds).finish_non_exhaustive()
    }
}
