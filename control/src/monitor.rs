//! The monitor of a world: watches every exchange, and brings faults about.

mod pushing;

use std::sync::Arc;
use std::time::Duration;

use onbeat_clock::{Clock, machine_pause};
use onbeat_server::connection::{BrokenOff, Ending};
use onbeat_wire::Instant;
use onbeat_wire::recording::{Close, ClosedHow, Exchange, Fact, FaultAdded, FaultsDeleted};
use tokio::sync::Notify;

pub use self::pushing::PushError;
pub(crate) use self::pushing::Pushed;
use crate::connections::{ConnectionTable, OpenConnection};
use crate::log::{Redaction, RequestLog};
use onbeat_faults::{Fault, Faults, Report, Target, TooMany};

/// The most time for clients to receive the end of a response, in the machine's time.
pub const END_TIME_MAX: Duration = Duration::from_secs(1);

/// The faults, the log and the connections of one world.
#[derive(Debug)]
pub struct Monitor {
    clock: Arc<dyn Clock>,
    faults: Faults,
    log: Arc<RequestLog>,
    connections: ConnectionTable,
    /// Notified when a response ends.
    ended: Notify,
}

impl Monitor {
    /// Returns the monitor of a world with this clock, and with a log without the secrets in `redaction`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, redaction: Redaction) -> Self {
        let log = Arc::new(RequestLog::new(redaction));
        Self { clock, faults: Faults::default(), log, connections: ConnectionTable::default(), ended: Notify::new() }
    }

    /// Returns the faults.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    pub(crate) fn log(&self) -> &Arc<RequestLog> {
        &self.log
    }

    pub(crate) fn connections(&self) -> &ConnectionTable {
        &self.connections
    }

    /// Returns the time of the world.
    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Notes a fact in the log, now.
    pub(crate) fn note(&self, exchange: Exchange, fact: impl Into<Fact>) {
        self.log.note(self.now(), exchange, fact);
    }

    /// Adds a fault. A fault for a connection strikes the response under way there, or else the next.
    ///
    /// # Errors
    ///
    /// If there are too many faults, in the world or on the response under way.
    pub fn add_fault(&self, fault: Fault) -> Result<Report, TooMany> {
        let mut under_way = None;
        let report = self.faults.add(fault, |applied| {
            // Strikes while the list of faults is locked: no response meets the fault in between.
            let Target::Connection(id) = applied.fault.target else { return Ok(false) };
            let open = self.connections.find(id).filter(|open| open.exchange.is_under_way());
            let Some(OpenConnection { connection, exchange, .. }) = open else { return Ok(false) };
            exchange.strike(applied)?;
            under_way = Some(connection);
            Ok(true)
        })?;
        self.note(Exchange::default(), added(&report));
        if let Some(connection) = under_way {
            // Wakes the response, which may be waiting for a time that the fault changes.
            connection.wake();
        }
        Ok(report)
    }

    /// Deletes the fault with this id, or all faults; returns how often each has struck.
    pub fn delete_faults(&self, id: Option<u64>) -> Vec<Report> {
        let deleted = self.faults.delete(id);
        if !deleted.is_empty() {
            let ids = deleted.iter().map(|report| report.id).collect();
            self.note(Exchange::default(), FaultsDeleted { ids });
            // Wakes every response, since a deleted fault may have kept back any of the responses.
            self.connections.open().iter().for_each(|open| open.connection.wake());
        }
        deleted
    }

    /// Ends the connection with the ordinal `id`. Returns whether the connection was open.
    pub fn close(&self, id: u64, how: ClosedHow) -> bool {
        self.begin_close(id, how).is_some()
    }

    /// Ends the connection, and waits until the response there has ended, but no longer than [`END_TIME_MAX`]: the client
    /// may not read.
    pub(crate) async fn close_and_wait(&self, id: u64, how: ClosedHow) -> bool {
        let Some(open) = self.begin_close(id, how) else { return false };
        self.all_over(&[open]).await;
        true
    }

    fn begin_close(&self, id: u64, how: ClosedHow) -> Option<OpenConnection> {
        let open = self.connections.find(id)?;
        // Notes the close before ending the connection: the line of the end comes later.
        self.note(Exchange { connection: Some(id), request: None }, Close { how });
        open.connection.end(how.into());
        Some(open)
    }

    /// Ends all responses under way in good order, and breaks off the connections of clients that do not take the end within
    /// [`END_TIME_MAX`]. Closes the connections of these responses, and half-closed connections. Returns how many responses
    /// there were.
    pub(crate) async fn end_all(&self) -> usize {
        // Closes half-closed connections, whose streams have ended already.
        let half_closed = self.connections.open().into_iter().filter(|open| open.connection.is_half_closed());
        half_closed.for_each(|open| open.connection.end(Ending::InGoodOrder));
        let under_way = self.connections.under_way();
        for open in &under_way {
            open.connection.end(Ending::InGoodOrder);
        }
        // Breaks off the rest: a client that does not read would keep the connection open for ever.
        if !self.all_over(&under_way).await {
            let left = under_way.iter().filter(|open| open.exchange.is_under_way());
            left.for_each(|open| open.connection.end(Ending::BreakOff(BrokenOff::EndNotTaken)));
        }
        under_way.len()
    }

    /// Waits until all of `responses` have ended, at most [`END_TIME_MAX`]. Returns whether all have ended.
    async fn all_over(&self, responses: &[OpenConnection]) -> bool {
        let all_over = async {
            loop {
                // Registers before the look, so that no end in between is missed.
                let next = self.ended.notified();
                if !responses.iter().any(|open| open.exchange.is_under_way()) {
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

    /// Notes that a response has ended.
    pub(crate) fn note_ended(&self) {
        self.ended.notify_waiters();
    }
}

/// Returns the fact that a fault was added.
fn added(report: &Report) -> FaultAdded {
    let fault = serde_json::to_value(&*report.fault).expect("a fault is plain data");
    FaultAdded { id: report.id, fault }
}

#[cfg(test)]
mod tests {
    use onbeat_clock::TokioClock;
    use onbeat_server::connection::Connection;
    use onbeat_wire::How;

    use super::*;
    use crate::connections::LiveExchange;
    use onbeat_faults::{Kind, Place};

    /// Some connections, each with an answer under way.
    struct Scene {
        monitor: Arc<Monitor>,
        clock: Arc<TokioClock>,
        all: Vec<(Arc<Connection>, Arc<LiveExchange>)>,
    }

    impl Scene {
        fn new(connections: u64) -> Self {
            let clock = Arc::new(TokioClock::start());
            let monitor = Monitor::new(Arc::clone(&clock) as Arc<dyn Clock>, Redaction::default());
            let connected = |id| {
                let connection = Arc::new(Connection::new(id));
                let exchange = LiveExchange::of_test(&connection, 0);
                monitor.connections().add(&connection, Arc::clone(&exchange));
                (connection, exchange)
            };
            let all = (0..connections).map(connected).collect();
            Self { monitor: Arc::new(monitor), clock, all }
        }

        /// Serves these connections: each ends its answer when it is told to.
        fn serve(&self, which: impl IntoIterator<Item = usize>) {
            for number in which {
                let (monitor, (connection, exchange)) = (Arc::clone(&self.monitor), self.all[number].clone());
                tokio::spawn(async move {
                    std::future::poll_fn(|cx| {
                        connection.register(cx.waker());
                        if connection.ending().is_some() {
                            std::task::Poll::Ready(())
                        } else {
                            std::task::Poll::Pending
                        }
                    })
                    .await;
                    exchange.update(|progress| progress.end = Some((Instant::EPOCH, How::Complete)));
                    monitor.note_ended();
                });
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn answers_that_end_when_they_are_told_to_are_waited_for_and_for_no_longer() {
        let scene = Scene::new(3);
        scene.serve(0..3);
        tokio::task::yield_now().await;
        assert_eq!(scene.monitor.end_all().await, 3);
        assert_eq!(scene.clock.now(), Instant::EPOCH);
        for (connection, exchange) in &scene.all {
            assert!(!exchange.is_under_way());
            assert_eq!(connection.ending(), Some(Ending::InGoodOrder));
        }
        assert_eq!(scene.monitor.end_all().await, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn answers_that_do_not_end_are_broken_off() {
        let scene = Scene::new(3);
        scene.serve([1]);
        assert_eq!(scene.monitor.end_all().await, 3);
        assert_eq!(scene.clock.now().since_epoch(), END_TIME_MAX);
        let endings: Vec<_> = scene.all.iter().map(|(connection, _)| connection.ending()).collect();
        let broken_off = Some(Ending::BreakOff(BrokenOff::EndNotTaken));
        assert_eq!(endings, [broken_off, Some(Ending::InGoodOrder), broken_off]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_half_closed_or_idle_has_no_answer_and_only_the_one_is_ended() {
        let scene = Scene::new(2);
        for (_, exchange) in &scene.all {
            exchange.update(|progress| progress.end = Some((Instant::EPOCH, How::Complete)));
        }
        scene.all[0].0.note_half_closed();
        assert_eq!(scene.monitor.end_all().await, 0);
        assert_eq!(scene.all[0].0.ending(), Some(Ending::InGoodOrder));
        assert_eq!(scene.all[1].0.ending(), None);
        assert_eq!(scene.clock.now(), Instant::EPOCH);
    }

    #[tokio::test(start_paused = true)]
    async fn a_close_is_answered_when_the_answer_has_ended() {
        for how in [ClosedHow::End, ClosedHow::Cut, ClosedHow::Reset, ClosedHow::Half] {
            let scene = Scene::new(2);
            scene.serve([0]);
            assert!(scene.monitor.close_and_wait(0, how).await);
            assert!(!scene.all[0].1.is_under_way(), "{how:?}");
            assert_eq!(scene.clock.now(), Instant::EPOCH, "{how:?}");
            assert_eq!((scene.all[0].0.ending(), scene.all[1].0.ending()), (Some(how.into()), None));
            // One that does not end is not waited for for ever, and one that is not there not at all.
            assert!(scene.monitor.close_and_wait(1, how).await);
            assert!(!scene.monitor.close_and_wait(2, how).await);
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
        let kind = Kind::Stall;
        let fault = Fault { target: Target::Connection(1), times: 1, from: Place::Write(0), kind };
        let report = scene.monitor.add_fault(fault).expect("there is room");
        assert_eq!((report.left, report.met), (0, 1));
        assert_eq!([tasks[0].is_woken(), tasks[1].is_woken()], [false, true]);
        assert_eq!(scene.all[1].1.take_late_faults().len(), 1);
        tasks[1].enter(|cx, _| scene.all[1].0.register(cx.waker()));
        assert_eq!(scene.monitor.delete_faults(None).len(), 1);
        assert!(tasks[1].is_woken());
    }
}
