//! A run: many worlds, on all cores, in an order that does not matter.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use super::{Coverage, Failure, Simulator, Trace};

/// Every so many worlds one is played twice, since the same seed must give the same trace.
const TWICE_EVERY: u64 = 16;

/// What came of many worlds.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// Those in which something is wrong, in the order of their seeds.
    pub failures: Vec<Failure>,
    /// How many worlds there were: those of the first seeds.
    pub worlds: u64,
    /// How long they lasted, in virtual milliseconds.
    pub virtual_ms: u64,
    /// What occurred in them.
    pub coverage: Coverage,
    /// Their traces, added up so that their order does not matter.
    trace: [u8; 32],
}

impl Simulator {
    /// Simulates the worlds of `seeds`, so many at a time, for as long as `goes_on`: it is asked after each world.
    ///
    /// # Panics
    ///
    /// If the simulator itself does; a server that panics is a failure.
    pub fn run(&self, seeds: &Range<u64>, jobs: NonZeroUsize, goes_on: impl Fn() -> bool + Sync) -> Run {
        let (next, run) = (AtomicU64::new(seeds.start), Mutex::new(Run::default()));
        let work = || {
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if !seeds.contains(&seed) {
                    return;
                }
                let world = self.twice(seed);
                run.lock().add(seed, world);
                if !goes_on() {
                    return;
                }
            }
        };
        thread::scope(|scope| (0..jobs.get()).for_each(|_| drop(scope.spawn(work))));
        let mut run = run.into_inner();
        run.failures.sort_by_key(|failure| failure.history.seed);
        run
    }

    /// The trace of a world; every now and then of two, which must be the same.
    fn twice(&self, seed: u64) -> Result<Trace, Box<Failure>> {
        let trace = self.world(seed)?;
        if seed.is_multiple_of(TWICE_EVERY) && self.world(seed)? != trace {
            return Err(Box::new(Failure::of_determinism(seed)));
        }
        Ok(trace)
    }
}

impl Run {
    /// A hash of all that every client did and saw: the same for the same seeds, whatever the number of jobs.
    #[must_use]
    pub fn trace(&self) -> String {
        self.trace[..8].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn add(&mut self, seed: u64, world: Result<Trace, Box<Failure>>) {
        self.worlds += 1;
        match world {
            Ok(trace) => {
                self.virtual_ms += trace.virtual_ms;
                self.trace.iter_mut().zip(part(seed, &trace)).for_each(|(sum, byte)| *sum ^= byte);
                self.coverage.add(&trace.coverage);
            }
            Err(failure) => self.failures.push(*failure),
        }
    }
}

/// A world's part of the run's trace.
fn part(seed: u64, trace: &Trace) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update(trace.hash);
    hash.finalize().into()
}
