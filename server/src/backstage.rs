//! Behind a world: who is connected to it, what is to go wrong, and what has happened.

mod exchange;
mod seats;

use std::sync::Arc;
use std::time::Duration;

use onbeat_wire::Instant;
use onbeat_wire::recording::ClosedHow;
use tokio::sync::Notify;

pub(crate) use self::exchange::{Exchange, Progress};
pub(crate) use self::seats::Occupant;
use self::seats::Seats;
use crate::clock::machine_pause;
use crate::connection::{Closing, Connection};
use crate::faults::{Fault, Faults, Report, Strikes, TooMany};
use crate::log::{Log, Redaction, What};

/// How long clients may take to receive the end of an answer, in the machine's time.
pub const END_TIME_MAX: Duration = Duration::from_secs(1);

/// What is behind a world.
#[derive(Debug, Default)]
pub struct Backstage {
    faults: Faults,
    log: Arc<Log>,
    seats: Seats,
    /// An answer has ended.
    ended: Notify,
}

impl Backstage {
    /// What is behind a new world, in whose log nobody finds what `redaction` leaves out.
    #[must_use]
    pub fn new(redaction: Redaction) -> Self {
        Self { log: Arc::new(Log::new(redaction)), ..Self::default() }
    }

    /// The faults.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// What has happened.
    #[must_use]
    pub fn log(&self) -> &Arc<Log> {
        &self.log
    }

    /// Adds a fault, at `now`. One for a connection strikes the answer under way on it, or else its next.
    ///
    /// # Errors
    ///
    /// If there are too many, in the world or on the answer under way.
    pub fn add_fault(&self, now: Instant, fault: Fault) -> Result<Report, TooMany> {
        let mut struck_now = None;
        let report = self.faults.add(fault, |struck| {
            let Strikes::Connection(id) = struck.fault.strikes else { return Ok(false) };
            let occupant = self.seats.occupant(id).filter(|occupant| occupant.exchange.is_under_way());
            let Some(Occupant { connection, exchange, .. }) = occupant else { return Ok(false) };
            exchange.strike(struck)?;
            struck_now = Some(connection);
            Ok(true)
        })?;
        self.log.note(now, What::Fault { id: report.id, fault: Arc::clone(&report.fault) });
        if let Some(connection) = struck_now {
            connection.wake();
        }
        Ok(report)
    }

    /// Deletes the fault with this id, or all of them, at `now`; returns what they have done.
    pub fn delete_faults(&self, now: Instant, id: Option<u64>) -> Vec<Report> {
        let deleted = self.faults.delete(id);
        if !deleted.is_empty() {
            self.log.note(now, What::FaultsDeleted { ids: deleted.iter().map(|report| report.id).collect() });
            self.occupants().iter().for_each(|occupant| occupant.connection.wake());
        }
        deleted
    }

    /// Closes the connection with this ordinal, at `now`. Returns whether there was one.
    pub fn close(&self, now: Instant, id: u64, how: ClosedHow) -> bool {
        self.begin_close(now, id, how).is_some()
    }

    /// The same, and waits until the answer on the connection has ended, but no longer than [`END_TIME_MAX`]: the client
    /// may not read.
    pub(crate) async fn close_and_wait(&self, now: Instant, id: u64, how: ClosedHow) -> bool {
        let Some(occupant) = self.begin_close(now, id, how) else { return false };
        self.all_over(&[occupant]).await;
        true
    }

    fn begin_close(&self, now: Instant, id: u64, how: ClosedHow) -> Option<Occupant> {
        let occupant = self.seats.occupant(id)?;
        self.log.note(now, What::Close { connection: id, how });
        match how {
            ClosedHow::End => occupant.connection.end(),
            ClosedHow::Reset => occupant.connection.close(Closing::Reset),
            ClosedHow::Half => occupant.connection.close(Closing::Half),
        }
        Some(occupant)
    }

    /// Ends all answers under way in good order, and those of clients that do not read after [`END_TIME_MAX`] in any
    /// order. Connections with such an answer are closed, but for the one that is `kept`, and so are those that are
    /// half-closed. Returns how many answers there were.
    pub(crate) async fn end_all(&self, kept: Option<&Arc<Connection>>) -> usize {
        let half_closed = self.occupants().into_iter().filter(|occupant| occupant.connection.is_half_closed());
        half_closed.for_each(|occupant| occupant.connection.end());
        let under_way = self.seats.under_way();
        for Occupant { connection, .. } in &under_way {
            if kept.is_some_and(|kept| Arc::ptr_eq(kept, connection)) {
                connection.end_streams();
            } else {
                connection.end();
            }
        }
        if !self.all_over(&under_way).await {
            let left = under_way.iter().filter(|occupant| occupant.exchange.is_under_way());
            left.for_each(|occupant| occupant.connection.abort());
        }
        if let Some(kept) = kept {
            kept.welcome_streams();
        }
        under_way.len()
    }

    /// Waits until these answers have ended; returns whether they have in time.
    async fn all_over(&self, occupants: &[Occupant]) -> bool {
        let all_over = async {
            loop {
                let next = self.ended.notified();
                if !occupants.iter().any(|occupant| occupant.exchange.is_under_way()) {
                    return true;
                }
                next.await;
            }
        };
        tokio::select! {
            biased;
            all_over = all_over => all_over,
            () = machine_pause(END_TIME_MAX) => false,
        }
    }

    /// Tells whoever waits for it that an answer has ended.
    pub(crate) fn end_noted(&self) {
        self.ended.notify_waiters();
    }

    /// The open connections, in the order of their ordinals.
    pub(crate) fn occupants(&self) -> Vec<Occupant> {
        self.seats.occupants()
    }

    /// A request was received on this connection.
    pub(crate) fn seat(&self, id: u64, connection: &Arc<Connection>, exchange: Arc<Exchange>) {
        self.seats.take(id, connection, exchange);
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Method;

    use super::*;
    use crate::clock::{Clock, TokioClock};
    use crate::faults::{Break, From, Kind};

    /// Some connections, each with an answer under way.
    struct Scene {
        backstage: Arc<Backstage>,
        clock: TokioClock,
        all: Vec<(Arc<Connection>, Arc<Exchange>)>,
    }

    impl Scene {
        fn new(connections: u64) -> Self {
            let backstage = Arc::new(Backstage::default());
            let seated = |id| {
                let connection = Arc::new(Connection::new(id));
                let exchange = Exchange::new(0, Method::GET, "/sse".into(), Instant::EPOCH, None);
                let exchange = Arc::new(exchange);
                backstage.seat(id, &connection, Arc::clone(&exchange));
                (connection, exchange)
            };
            let all = (0..connections).map(seated).collect();
            Self { backstage, clock: TokioClock::start(), all }
        }

        /// Serves these connections: each ends its answer when it is told to.
        fn serve(&self, which: impl IntoIterator<Item = usize>) {
            for number in which {
                let (backstage, (connection, exchange)) = (Arc::clone(&self.backstage), self.all[number].clone());
                tokio::spawn(async move {
                    std::future::poll_fn(|cx| {
                        connection.register(cx.waker());
                        let is_told = connection.is_ending() || connection.closing().is_some();
                        if is_told { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
                    })
                    .await;
                    exchange.update(|progress| progress.is_over = true);
                    backstage.end_noted();
                });
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn answers_that_end_when_they_are_told_to_are_waited_for_and_for_no_longer() {
        let scene = Scene::new(3);
        scene.serve(0..3);
        tokio::task::yield_now().await;
        assert_eq!(scene.backstage.end_all(None).await, 3);
        assert_eq!(scene.clock.now(), Instant::EPOCH);
        for (connection, exchange) in &scene.all {
            assert!(!exchange.is_under_way());
            assert!(connection.is_closing_in_good_order() && !connection.is_aborted());
        }
        assert_eq!(scene.backstage.end_all(None).await, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn answers_that_do_not_end_are_broken_off() {
        let scene = Scene::new(3);
        scene.serve([1]);
        assert_eq!(scene.backstage.end_all(None).await, 3);
        assert_eq!(scene.clock.now().since_epoch(), END_TIME_MAX);
        let aborted: Vec<bool> = scene.all.iter().map(|(connection, _)| connection.is_aborted()).collect();
        assert_eq!(aborted, [true, false, true]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_connection_that_is_kept_ends_its_streams_and_welcomes_others() {
        let scene = Scene::new(2);
        scene.serve(0..2);
        assert_eq!(scene.backstage.end_all(Some(&scene.all[0].0)).await, 2);
        assert!(!scene.all[0].0.is_ending() && scene.all[1].0.is_ending());
        assert!(!scene.all[0].1.is_under_way() && !scene.all[1].1.is_under_way());
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_half_closed_or_idle_has_no_answer_and_only_the_one_is_ended() {
        let scene = Scene::new(2);
        for (_, exchange) in &scene.all {
            exchange.update(|progress| progress.is_over = true);
        }
        scene.all[0].0.note_half_closed();
        assert_eq!(scene.backstage.end_all(None).await, 0);
        assert!(scene.all[0].0.is_ending() && !scene.all[1].0.is_ending());
        assert_eq!(scene.clock.now(), Instant::EPOCH);
    }

    #[tokio::test(start_paused = true)]
    async fn a_close_is_answered_when_the_answer_has_ended() {
        for how in [ClosedHow::End, ClosedHow::Reset, ClosedHow::Half] {
            let scene = Scene::new(2);
            scene.serve([0]);
            assert!(scene.backstage.close_and_wait(Instant::EPOCH, 0, how).await);
            assert!(!scene.all[0].1.is_under_way(), "{how:?}");
            assert_eq!(scene.clock.now(), Instant::EPOCH, "{how:?}");
            let closing = match how {
                ClosedHow::End => None,
                ClosedHow::Reset => Some(Closing::Reset),
                ClosedHow::Half => Some(Closing::Half),
            };
            let (closed, other) = (&scene.all[0].0, &scene.all[1].0);
            assert_eq!((closed.closing(), closed.is_closing_in_good_order()), (closing, how == ClosedHow::End));
            assert_eq!((other.closing(), other.is_ending()), (None, false));
            // One that does not end is not waited for for ever, and one that is not there not at all.
            assert!(scene.backstage.close_and_wait(Instant::EPOCH, 1, how).await);
            assert!(!scene.backstage.close_and_wait(Instant::EPOCH, 2, how).await);
            assert_eq!(scene.clock.now().since_epoch(), END_TIME_MAX, "{how:?}");
        }
    }

    #[tokio::test]
    async fn an_answer_under_way_is_woken_by_what_is_to_become_of_it() {
        let scene = Scene::new(2);
        let mut tasks = [0, 1].map(|number: usize| {
            let mut task = tokio_test::task::spawn(());
            task.enter(|cx, _| scene.all[number].0.register(cx.waker()));
            task
        });
        let kind = Kind::Break(Break::Stall);
        let fault = Fault { strikes: Strikes::Connection(1), times: 1, from: From::Write(0), kind };
        let report = scene.backstage.add_fault(Instant::EPOCH, fault).expect("there is room");
        assert_eq!((report.left, report.met), (0, 1));
        assert_eq!([tasks[0].is_woken(), tasks[1].is_woken()], [false, true]);
        assert_eq!(scene.all[1].1.take_late_faults().len(), 1);
        tasks[1].enter(|cx, _| scene.all[1].0.register(cx.waker()));
        assert_eq!(scene.backstage.delete_faults(Instant::EPOCH, None).len(), 1);
        assert!(tasks[1].is_woken());
    }
}
