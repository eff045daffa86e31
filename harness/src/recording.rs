//! Recordings: the log of a served world, played again in virtual time.
//!
//! The log tells the seed, the epoch, every request, and everything else that was done to the world. Done again in a lab,
//! at the same times and in the same order, it must lead to the same bytes.

mod difference;
mod log;
mod meter;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use onbeat_server::backstage::Backstage;
use onbeat_server::connection::Ending;
use onbeat_server::faults::Fault;
use onbeat_server::router::router;
use onbeat_server::world::World;
use onbeat_wire::{Entry, Instant, Transcript, What};

pub use self::difference::{Difference, Replayed};
pub use self::log::RecordingError;
use self::meter::{Meter, MeteredClock, MeteredPipe};
use crate::client::Client;
use crate::lab::{self, Application, Lab, Setup};
use crate::transport::WINDOW_BYTES;

/// What a served world noted.
#[derive(Debug)]
pub struct Recording {
    setup: Setup,
    /// Whether its times are exact, since its clock was a manual one.
    is_exact: bool,
    deeds: Vec<Numbered>,
    answers: Answers,
    /// The latest time that a line has, and the number of that line.
    end: (Duration, usize),
    /// What playing it again may cost, as the [`Meter`] counts.
    cost_max: u64,
}

/// A deed, its time, and the number of its line.
type Numbered = (Duration, usize, Deed);

/// The answers, by the ordinals of their connection and request.
type Answers = BTreeMap<(u64, u32), Answer>;

/// What was asked for, and what came.
#[derive(Debug)]
struct Answer {
    asked: String,
    /// Whether its writes can be told apart.
    is_chunked: bool,
    entries: Vec<Entry>,
}

impl Answer {
    /// What was seen of it: nothing, if its client left before the head.
    fn seen(&self) -> Vec<Entry> {
        let has_begun = self.entries.iter().any(|entry| matches!(entry.what, What::Head(_)));
        if has_begun { self.entries.clone() } else { Vec::new() }
    }
}

/// What is done to a world.
#[derive(Debug)]
enum Deed {
    Request { connection: u64, method: String, bytes: Vec<u8> },
    Leave { connection: u64 },
    Close { connection: u64, how: Ending },
    Fault(Fault),
    DeleteFaults(Vec<u64>),
}

impl Recording {
    /// Plays it again, in virtual time, and compares what comes.
    ///
    /// # Errors
    ///
    /// If the world goes on long after the log has ended, or far more happens in it than the log has lines for.
    ///
    /// # Panics
    ///
    /// If the server does.
    pub fn replay(&self) -> Result<Replayed, RecordingError> {
        // The lab's own world is left empty: this one has a backstage, and connections join it with their first request.
        let setup = self.setup;
        let observed: Arc<OnceLock<Arc<World>>> = Arc::default();
        let slot = Arc::clone(&observed);
        let meter = Meter::new(self.cost_max);
        let metered = Arc::clone(&meter);
        let application = Application::with_router(move |world| {
            let clock = Arc::new(MeteredClock { clock: Arc::clone(world.clock()), meter: Arc::clone(&metered) });
            let world = Arc::new(World::new(clock, setup.seed, setup.epoch, setup.limits).with_backstage());
            router(Arc::clone(slot.get_or_init(|| world)))
        });
        let (transcripts, time) = lab::run_with(&setup, &application, async |lab| {
            let world = Arc::clone(observed.get().expect("the lab has made its router"));
            let backstage = world.backstage().expect("it was made with one");
            let mut cast = Cast { backstage, clients: BTreeMap::new(), meter: Arc::clone(&meter) };
            // The line whose time is waited for.
            let line = Cell::new(self.end.1);
            tokio::select! {
                biased;
                () = meter.passed() => Err(RecordingError::Unaccounted { line: line.get() }),
                transcripts = self.play(lab, &mut cast, &line) => Ok((transcripts, world.clock().now().since_epoch())),
            }
        })??;
        Ok(self.compare(&transcripts, time))
    }

    async fn play(&self, lab: &mut Lab, cast: &mut Cast<'_>, line: &Cell<usize>) -> BTreeMap<u64, Transcript> {
        let mut transcripts = BTreeMap::new();
        for (at, number, deed) in &self.deeds {
            line.set(*number);
            if lab.world().clock().now() < Instant::EPOCH + *at {
                lab.until(*at).await;
            }
            cast.act(lab, deed, &mut transcripts).await;
            lab.settle().await;
        }
        line.set(self.end.1);
        lab.until(self.end.0).await;
        for (connection, client) in std::mem::take(&mut cast.clients) {
            transcripts.insert(connection, client.close().await.into_transcript());
        }
        transcripts
    }
}

/// Those who play it again.
struct Cast<'a> {
    backstage: &'a Backstage,
    clients: BTreeMap<u64, Client>,
    meter: Arc<Meter>,
}

impl Cast<'_> {
    async fn act(&mut self, lab: &mut Lab, deed: &Deed, transcripts: &mut BTreeMap<u64, Transcript>) {
        let now = lab.world().clock().now();
        match deed {
            Deed::Request { connection, method, bytes } => {
                let client = self.clients.entry(*connection).or_insert_with(|| {
                    let meter = Arc::clone(&self.meter);
                    let (sender, tap) = lab.pipe_through(WINDOW_BYTES, |pipe, _| MeteredPipe { pipe, meter });
                    Client::new(Arc::clone(lab.clock()), sender, tap)
                });
                client.expect(method);
                client.send(bytes).await;
            }
            Deed::Leave { connection } => {
                if let Some(client) = self.clients.remove(connection) {
                    transcripts.insert(*connection, client.close().await.into_transcript());
                }
            }
            Deed::Close { connection, how } => {
                self.backstage.close(now, *connection, *how);
            }
            Deed::Fault(fault) => {
                // The log has no fault that there was no room for.
                let _ = self.backstage.add_fault(now, fault.clone());
            }
            Deed::DeleteFaults(ids) => ids.iter().for_each(|id| drop(self.backstage.delete_faults(now, Some(*id)))),
        }
    }
}
