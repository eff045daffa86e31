//! The answer of a server to come.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::sync::oneshot;

use super::ServerError;

/// The answer of a server to come: `.await` in an async function, or [`Reply::wait`] elsewhere.
///
/// The call begins when the reply is first awaited or waited for. Once begun, the call goes on to the end, even if the reply
/// is dropped.
#[must_use = "the call begins with `.await`, or with `.wait()` in a test without a runtime"]
pub struct Reply<T>(ReplyState<T>);

/// The way by which the answer comes.
pub(super) type Answer<T> = oneshot::Receiver<Result<T, ServerError>>;

enum ReplyState<T> {
    NotBegun(Option<Box<dyn FnOnce() -> Answer<T> + Send>>),
    Begun(Answer<T>),
}

impl<T> Reply<T> {
    /// Returns the reply to a call that `begin` begins.
    pub(super) fn new(begin: impl FnOnce() -> Answer<T> + Send + 'static) -> Self {
        Self(ReplyState::NotBegun(Some(Box::new(begin))))
    }

    /// Blocks the thread until the answer is here.
    ///
    /// ```
    /// # use onbeat::Server;
    /// let server = Server::start().wait()?;
    /// assert_eq!(server.clock().wait()?.now_ms, 0);
    /// # Ok::<(), onbeat::server::ServerError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As the method has them that returned the reply.
    ///
    /// # Panics
    ///
    /// In an async function of tokio, where a client on the same thread could not go on: write `.await` there.
    #[track_caller]
    pub fn wait(self) -> Result<T, ServerError> {
        self.begun().blocking_recv().unwrap_or_else(|_| Err(ServerError::stopped()))
    }

    fn begun(self) -> Answer<T> {
        match self.0 {
            ReplyState::NotBegun(begin) => begin.expect("a call begins once")(),
            ReplyState::Begun(answer) => answer,
        }
    }
}

impl<T> Future for Reply<T> {
    type Output = Result<T, ServerError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let ReplyState::NotBegun(begin) = &mut self.0 {
            let begin = begin.take().expect("a call begins once");
            // Begins the call only now, so that a reply never awaited does nothing.
            self.0 = ReplyState::Begun(begin());
        }
        let ReplyState::Begun(answer) = &mut self.0 else { unreachable!("the call has begun") };
        let answer = ready!(Pin::new(answer).poll(cx));
        Poll::Ready(answer.unwrap_or_else(|_| Err(ServerError::stopped())))
    }
}

impl<T> fmt::Debug for Reply<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has_begun = matches!(self.0, ReplyState::Begun(_));
        f.debug_struct("Reply").field("has_begun", &has_begun).finish_non_exhaustive()
    }
}
