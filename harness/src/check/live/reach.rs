//! Finds the server, and finds out whether the server has the streams of the contract.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use onbeat_clock::{Clock, TokioClock};
use tokio::net::lookup_host;

use super::target::Live;
use super::{Remote, Unreachable};
use crate::check::{LinesSeen, Target};
use crate::judge::{Pace, SharedStalls, fields};
use crate::player::{Action, Bounds, ClientLog};
use crate::replay::Stream;
use crate::server_url::{ServerUrl, without_userinfo};

/// The time within which a connection has to be established.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// The time within which a stream has to begin.
const BEGIN_MAX: Duration = Duration::from_secs(10);
/// The lines of a stream that begins: a head, and a line of the body.
const FIRST_LINES: usize = 2;

/// Reads the URL of a server that speaks plain HTTP.
fn plain_http(url: &str) -> Result<ServerUrl, String> {
    let server = ServerUrl::read(url)?;
    if server.is_tls {
        return Err(
            "expected http://, since onbeat check does not speak TLS: give the address at which the server itself \
                    takes plain HTTP"
                .into(),
        );
    }
    Ok(server)
}

/// Finds the address of the server, and connects once.
pub(super) async fn reach(remote: &Remote) -> Result<Live, Unreachable> {
    let address =
        plain_http(&remote.url).map_err(|why| Unreachable::Url { url: without_userinfo(&remote.url), why })?;
    let unreachable = |why: String| Unreachable::Connect { url: address.with_port(), why };
    let addrs: Vec<SocketAddr> = lookup_host((address.host.as_str(), address.port))
        .await
        .map_err(|error| unreachable(error.to_string()))?
        .collect();
    let clock: Arc<dyn Clock> = Arc::new(TokioClock::start());
    // Tries all addresses of a name: the first that answers counts, and the last error is told.
    let mut why = "no address".to_owned();
    for addr in addrs {
        let live = Live {
            clock: Arc::clone(&clock),
            pace: Pace::real(remote.scale, remote.tolerance),
            addr,
            host: remote.headers.host().unwrap_or(&address.authority).to_owned(),
            prefix: address.path.clone(),
            headers: remote.headers.lines(),
            url: address.to_string(),
            stalls: SharedStalls::default(),
        };
        tokio::select! {
            biased;
            outcome = async { live.clone().connect(Bounds::NONE).await } => match outcome {
                Ok(_) => return Ok(live),
                Err(error) => why = error.to_string(),
            },
            () = clock.sleep_until(clock.now() + CONNECT_MAX) => why = format!("no answer within {CONNECT_MAX:?}"),
        }
    }
    Err(unreachable(why))
}

/// Waits until each of the streams that end has failed to begin as an event stream, and returns the reasons. Waits for ever
/// otherwise.
pub(super) async fn trouble(live: &Live) -> String {
    let paths = Stream::all().filter(|stream| stream.ends()).map(Stream::path);
    let begins = join_all(paths.map(|path| begins(live.clone(), path))).await;
    let mut why = Vec::new();
    for begun in begins {
        match begun {
            Ok(()) => std::future::pending().await,
            Err(reason) => why.push(reason),
        }
    }
    // Tells streams that fail alike once.
    why.dedup_by_key(|reason| reason.split_once(": ").map(|(_, reason)| reason.to_owned()));
    format!("this is not the server of the contract, or it is badly broken: {}", why.join("; "))
}

/// Returns whether a head came that is not the head of an event stream, so that there is no more to wait for.
fn is_head_wrong(log: &ClientLog) -> bool {
    let head = log.first_exchange().and_then(|exchange| exchange.head);
    head.is_some_and(|(_, head)| head.status != 200 || !fields::is_event_stream(&head))
}

/// Asks for a path, and returns an error with the reason if no event stream begins.
async fn begins(mut live: Live, path: &str) -> Result<(), String> {
    let prefix = live.prefix.clone();
    let told = |why: &str| Err(format!("GET {prefix}{path}: {why}"));
    let bounds = Bounds { bytes_max: 1 << 18, entries_max: 1 << 10 };
    let Ok(mut client) = live.connect(bounds).await else { return told("no connection") };
    client.act(Action::request(live.address(&format!("GET {path} HTTP/1.1\r\nHost: onbeat\r\n\r\n")))).await;
    let mut lines = LinesSeen::default();
    client.until_within(BEGIN_MAX, |log| lines.count(log) >= FIRST_LINES || is_head_wrong(log)).await;
    let log = client.log();
    let begins = lines.count(&log) >= FIRST_LINES;
    // Looks from the connection to the body, since the first failure explains the later failures.
    let Some(got) = log.first_exchange() else { return told("nothing was sent") };
    let Some((_, head)) = &got.head else {
        return told(&got.broken.unwrap_or_else(|| format!("no answer within {BEGIN_MAX:?}")));
    };
    let location = head.header("location").map(|to| format!(" to {to}")).unwrap_or_default();
    match (head.status, head.header("content-type"), fields::coding(head)) {
        (200, _, None) if fields::is_event_stream(head) && begins => Ok(()),
        (200, _, None) if fields::is_event_stream(head) => {
            told(&format!("expected a line after the head of the event stream, but {}", got.why_no_more()))
        }
        (200, _, Some(coding)) => told(&format!("expected an event stream as it is, got one encoded as {coding}")),
        (200, kind, _) => told(&format!("expected text/event-stream, got {}", kind.unwrap_or("no content type"))),
        (502..=504, _, _) => told(&format!(
            "expected 200, got {}: something between the check and the server does not reach the server",
            head.status
        )),
        (401 | 403 | 407, _, _) => {
            told(&format!("expected 200, got {}; if the server wants a token, send it with --header", head.status))
        }
        (300..=399, _, _) => told(&format!("expected 200, got {} (a redirect{location})", head.status)),
        (status, _, _) => told(&format!("expected 200, got {status}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_behind_tls_is_refused() {
        for text in ["https://localhost:3000", "HTTPS://localhost"] {
            let why = plain_http(text).expect_err(text);
            assert!(why.contains("onbeat check does not speak TLS"), "{text}: {why}");
        }
        assert!(plain_http("http://localhost:3000").is_ok());
    }
}
