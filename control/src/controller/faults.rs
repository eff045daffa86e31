//! The faults: listed, added and deleted.

use onbeat_faults::form::WrongField;
use onbeat_faults::{Fault, Report, Target};

use super::{Controller, OperationError};

impl Controller {
    /// Returns all faults, in the order of their ids.
    #[must_use]
    pub fn faults(&self) -> Vec<Report> {
        self.instance().monitor.faults().reports()
    }

    /// Adds a fault. A fault for a connection strikes the response under way there, or else the next.
    ///
    /// # Errors
    ///
    /// If there are too many faults, in the world or on the response under way; and if the fault is for the page.
    pub async fn add_fault(&self, fault: Fault) -> Result<Report, OperationError> {
        let (instance, _rest) = self.instance_at_rest().await;
        // Refuses a fault that would strike nothing, since the page answers before the world.
        if fault.target == Target::Path("/".into()) && !instance.routes.has_path("/") {
            let reason = r#"expected the path of a stream, got "/": the page is there, and meets no fault. Add a route for "/" first"#;
            return Err(WrongField::new("path", reason).into());
        }
        Ok(instance.monitor.add_fault(fault)?)
    }

    /// Deletes the fault with this id. Returns how often the fault has struck.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub async fn delete_fault(&self, id: u64) -> Result<Report, OperationError> {
        let (instance, _rest) = self.instance_at_rest().await;
        instance.monitor.delete_faults(Some(id)).pop().ok_or(OperationError::NoFault(id))
    }

    /// Deletes all faults. Returns how often each has struck.
    pub async fn delete_faults(&self) -> Vec<Report> {
        let (instance, _rest) = self.instance_at_rest().await;
        instance.monitor.delete_faults(None)
    }
}
