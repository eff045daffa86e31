//! The servers of a lab: the application under test, and those beside the application.

use tokio::sync::mpsc::UnboundedSender;

use super::application::{Application, Served};
use crate::transport::ServerEnd;

/// A server of a lab.
#[derive(Clone)]
pub(crate) enum Host {
    /// An application, of which the lab serves each connection.
    Served(Served),
    /// A server that serves the connections by itself.
    #[cfg_attr(not(feature = "server"), expect(dead_code, reason = "only the built-in server is such a server"))]
    Listener(UnboundedSender<ServerEnd>),
}

impl Host {
    /// Returns the host of an application.
    pub(crate) fn of(application: impl Application) -> Self {
        Self::Served(Served::new(application))
    }
}
