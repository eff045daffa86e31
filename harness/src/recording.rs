//! Recordings: the log of a served world, played again in virtual time.
//!
//! The log tells the seed, the epoch, every request, and everything else that was done to the world. Done again in a lab,
//! at the same times and in the same order, it must lead to the same bytes.

mod difference;
mod log;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use onbeat_server::backstage::{self, Backstage};
use onbeat_server::clock::Instant;
use onbeat_server::faults::Fault;
use onbeat_server::router::router;
use onbeat_server::world::World;

pub use self::difference::{Difference, Replayed};
pub use self::log::RecordingError;
use crate::client::Client;
use crate::lab::{self, Application, Lab, Overdue, Setup};
use crate::transcript::{Entry, Transcript, What};

/// What a served world noted.
#[derive(Debug)]
pub struct Recording {
    setup: Setup,
    /// Whether its times are exact, since its clock was a manual one.
    is_exact: bool,
    deeds: Vec<(Duration, Deed)>,
    answers: Answers,
}

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
    Close { connection: u64, how: backstage::How },
    Fault(Fault),
    DeleteFaults(Vec<u64>),
}

impl Recording {
    /// When the last thing was seen.
    fn end(&self) -> Duration {
        let last = self.answers.values().filter_map(|answer| answer.entries.last()).map(|entry| entry.at);
        last.max().unwrap_or(Instant::EPOCH).since_epoch()
    }

    /// Plays it again, in virtual time, and compares what comes.
    ///
    /// # Errors
    ///
    /// If the world goes on long after the log has ended.
    ///
    /// # Panics
    ///
    /// If the server does.
    pub fn replay(&self) -> Result<Replayed, Overdue> {
        // The lab's own world is left empty: this one has a backstage, and connections join it with their first request.
        let setup = self.setup;
        let observed: Arc<OnceLock<Arc<World>>> = Arc::default();
        let slot = Arc::clone(&observed);
        let application = Application::with_router(move |world| {
            let clock = Arc::clone(world.clock());
            let world = Arc::new(World::new(clock, setup.seed, setup.epoch, setup.limits).with_backstage());
            router(Arc::clone(slot.get_or_init(|| world)))
        });
        let (transcripts, time) = lab::run_with(&setup, &application, async |lab| {
            let world = Arc::clone(observed.get().expect("the lab has made its router"));
            let mut cast =
                Cast { backstage: world.backstage().expect("it was made with one"), clients: BTreeMap::new() };
            let mut transcripts = BTreeMap::new();
            for (at, deed) in &self.deeds {
                if lab.world().clock().now() < Instant::EPOCH + *at {
                    lab.until(*at).await;
                }
                cast.act(lab, deed, &mut transcripts).await;
                lab.settle().await;
            }
            lab.until(self.end()).await;
            for (connection, client) in cast.clients {
                transcripts.insert(connection, client.close().await.into_transcript());
            }
            (transcripts, lab.world().clock().now().since_epoch())
        })?;
        Ok(self.compare(&transcripts, time))
    }
}

/// Those who play it again.
struct Cast<'a> {
    backstage: &'a Backstage,
    clients: BTreeMap<u64, Client>,
}

impl Cast<'_> {
    async fn act(&mut self, lab: &mut Lab, deed: &Deed, transcripts: &mut BTreeMap<u64, Transcript>) {
        let now = lab.world().clock().now();
        match deed {
            Deed::Request { connection, method, bytes } => {
                let client = self.clients.entry(*connection).or_insert_with(|| lab.connect());
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
