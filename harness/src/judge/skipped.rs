//! Why a case is skipped, in the words of the report.

/// The reason for which a case was not judged, or not at some line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Skipped {
    /// The selection has no such case.
    #[error("left out")]
    LeftOut,
    /// No line that checks the case was due in time.
    #[error("it needs more time than was given")]
    NoTime,
    /// The whole check came to no result.
    #[error("it could not be judged")]
    CheckFailed,
    /// The writes of no stream came in time, so that the rest would only fail alike.
    #[cfg(feature = "live")]
    #[error("given up, since the writes of no stream came in time")]
    GivenUp,
    /// A proxy may be at fault.
    #[error("a proxy in between may change it")]
    BehindProxy,
    /// The machine held up the check for so long that late writes say nothing about the server.
    #[error("not judged: the machine was too busy to tell when writes came")]
    MachineTooBusy,
    /// The number of clients is unknown.
    #[error("others came and went during the scene, so how many clients there were could not be judged")]
    OthersCameAndWent,
    /// The request was not sent, since an earlier part of the scenario failed.
    #[error("the scene {0} broke off before")]
    BrokeOff(String),
    #[error("no connection")]
    NoConnection,
    /// The answer has another form than the expected answer, so that there is no more to compare.
    #[error("{0}")]
    OtherAnswer(String),
    /// The parser of the application gave up.
    #[error("{0}")]
    ParserGaveUp(String),
}
