//! The faults of a server: listed, added and deleted.

use onbeat_faults::Report;
use serde_json::Value;

use super::thread::RunningServer;
use super::{Connection, Fault, Reply, Server, ServerError};

/// A fault of a server, and how often the fault has struck.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FaultReport {
    /// The id, from 1, in the order of adding.
    pub id: u64,
    /// The fault, in JSON.
    pub fault: String,
    /// How many more responses the fault will strike.
    pub left: u64,
    /// How many responses have met the fault.
    pub met: u64,
    /// How many responses the fault has altered.
    pub fired: u64,
}

impl From<Report> for FaultReport {
    fn from(Report { id, fault, left, met, fired }: Report) -> Self {
        let fault = serde_json::to_string(&*fault).expect("a fault is plain data");
        Self { id, fault, left, met, fired }
    }
}

impl Server {
    /// Adds a fault of the next responses to a path. A response meets the oldest fault of each kind that has yet to strike.
    ///
    /// ```
    /// # use onbeat::Server;
    /// # use onbeat::server::Fault;
    /// # let server = Server::start().wait()?;
    /// let fault = server.fault("/feed", Fault::cut().after_bytes(40).times(2)).wait()?;
    /// assert_eq!((fault.left, fault.fired), (2, 0));
    /// # Ok::<(), onbeat::server::ServerError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If a value of the fault is wrong, or there are too many faults.
    pub fn fault(&self, path: &str, fault: Fault) -> Reply<FaultReport> {
        let form = fault.with("path", path).into_json();
        self.server.ask(async move |server| add(&server, form).await)
    }

    /// Returns the faults, in the order of their ids.
    ///
    /// # Errors
    ///
    /// If the server has ended.
    pub fn faults(&self) -> Reply<Vec<FaultReport>> {
        self.server.ask(async |server| Ok(reports(server.controller.faults())))
    }

    /// Deletes a fault by its id. Returns how often the fault has struck.
    ///
    /// # Errors
    ///
    /// If no fault has this id.
    pub fn delete_fault(&self, id: u64) -> Reply<FaultReport> {
        self.server.ask(async move |server| Ok(server.controller.delete_fault(id).await?.into()))
    }

    /// Deletes all faults. Returns how often each has struck.
    ///
    /// # Errors
    ///
    /// If the server has ended.
    pub fn delete_faults(&self) -> Reply<Vec<FaultReport>> {
        self.server.ask(async |server| Ok(reports(server.controller.delete_faults().await)))
    }
}

impl Connection {
    /// Adds a fault of the response under way on this connection, or else of the next.
    ///
    /// # Errors
    ///
    /// If a value of the fault is wrong, or there are too many faults.
    pub fn fault(&self, fault: Fault) -> Reply<FaultReport> {
        let form = fault.with("connection", self.id()).into_json();
        self.server().ask(async move |server| add(&server, form).await)
    }
}

async fn add(server: &RunningServer, form: Value) -> Result<FaultReport, ServerError> {
    let fault = onbeat_faults::Fault::from_json(form).map_err(|wrong| ServerError::from(wrong).of("fault"))?;
    Ok(server.controller.add_fault(fault).await?.into())
}

fn reports(faults: Vec<Report>) -> Vec<FaultReport> {
    faults.into_iter().map(FaultReport::from).collect()
}
