//! A run: many worlds on all cores. The outcome does not depend on the order of the worlds.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::thread;

use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use super::{Coverage, Failure, Simulator, Trace};

/// One of so many worlds is played twice: the same seed must give the same trace.
const TWICE_EVERY: u64 = 16;

/// The outcome of many worlds.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// The failed worlds, in the order of their seeds.
    pub failures: Vec<Failure>,
    /// How many worlds were simulated, from the first seed on.
    pub worlds: u64,
    /// How long the worlds lasted together, in virtual milliseconds.
    pub virtual_ms: u64,
    /// The number of worlds with each event of interest.
    pub coverage: Coverage,
    /// The sum of the traces, in which the order of the worlds does not matter.
    trace: [u8; 32],
}

impl Simulator {
    /// Simulates the worlds of `seeds`, `jobs` at a time, as long as `goes_on` says so after each world.
    ///
    /// # Panics
    ///
    /// If the simulator panics. A panic of the server is a failure of the world.
    pub fn run(&self, seeds: &Range<u64>, jobs: NonZeroUsize, goes_on: impl Fn() -> bool + Sync) -> Run {
        let (next, run) = (Mutex::new(seeds.clone()), Mutex::new(Run::default()));
        let work = || {
            // Takes the seed in a closure: a lock in the condition would last until the world is over.
            let next = || next.lock().next();
            while let Some(seed) = next() {
                let world = self.checked_world(seed);
                run.lock().add(seed, world);
                if !goes_on() {
                    return;
                }
            }
        };
        thread::scope(|scope| (0..jobs.get()).for_each(|_| drop(scope.spawn(work))));
        // Sorts by seed, since jobs finish in any order.
        let mut run = run.into_inner();
        run.failures.sort_by_key(|failure| failure.history.seed);
        run
    }

    /// Returns the trace of a world; plays some worlds twice, and compares the traces.
    fn checked_world(&self, seed: u64) -> Result<Trace, Box<Failure>> {
        let trace = self.world(seed)?;
        if seed.is_multiple_of(TWICE_EVERY) && self.world(seed)? != trace {
            return Err(Box::new(Failure::of_determinism(seed)));
        }
        Ok(trace)
    }
}

impl Run {
    /// Returns a hash of the logs of all clients: the same for the same seeds, whatever the number of jobs.
    #[must_use]
    pub fn trace(&self) -> String {
        self.trace[..8].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn add(&mut self, seed: u64, world: Result<Trace, Box<Failure>>) {
        self.worlds += 1;
        match world {
            Ok(trace) => {
                self.virtual_ms += trace.virtual_ms;
                // Hashes the seed as well, so that two equal worlds do not cancel each other out.
                let part = Sha256::new().chain_update(seed.to_le_bytes()).chain_update(trace.hash).finalize();
                // Sums by XOR, whose result does not depend on the order of the worlds.
                self.trace.iter_mut().zip(part).for_each(|(sum, byte)| *sum ^= byte);
                self.coverage.add(&trace.coverage);
            }
            Err(failure) => self.failures.push(*failure),
        }
    }
}
