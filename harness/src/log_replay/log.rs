//! Reads the log of a served world, as `GET /__onbeat/log` returns the log.

use std::time::Duration;

use onbeat_control::restore;
use onbeat_faults::Fault;
use onbeat_routes::read_route;
use onbeat_server::limits::Limits;
use onbeat_server::random::Seed;
use onbeat_wire::LeftHow;
use onbeat_wire::jsonl::{self, Problem, WrongLine, ensure};
use onbeat_wire::recording::{
    Close, End, Exchange, Fact, FaultAdded, FaultsDeleted, Line, LogStart, NoNotes, Push, Request, ResponseHead,
    RouteAdded, RoutesDeleted, Write,
};
use onbeat_wire::{Entry, Epoch, EpochError, Head, How, Instant, TIME_MAX, What, header_bytes};

use super::{Answers, LoggedAction, LoggedAnswer, LoggedWorld};
use crate::player::Action;
use crate::world_lab::{Overdue, Setup};

/// The version of the log that can be read.
const VERSION: u32 = 1;

/// The most bytes that clients read beyond twice the length of the log: in a replay a client that did not read gets more.
const MORE_BYTES_MAX: u64 = 2 * 1024 * 1024;
/// The most bytes that all lines together leave out: a replay puts other bytes in their place, and holds them all.
const LEFT_OUT_BYTES_MAX: usize = 256 * 1024 * 1024;

/// A log that can't be read, or can't be replayed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The text is empty.
    #[error("expected a log, as GET /__onbeat/log answers it; it is empty")]
    Empty,
    /// The text is no log.
    #[error("expected a log, as GET /__onbeat/log answers it; {0}")]
    NoLog(WrongLine),
    /// A line has a wrong form, or a wrong place.
    #[error(transparent)]
    Line(#[from] WrongLine),
    /// The log was full before its end.
    #[error("the log was full, and {0} lines of it are missing: reset the server before what is to be replayed")]
    Dropped(u64),
    /// The routes file is needed.
    #[error("the log is of a server with the routes file {0}: give --routes FILE")]
    NeedsRoutes(String),
    /// A routes file is given, and the server had none.
    #[error("the log is of a server without a routes file: leave --routes out")]
    HasNoRoutes,
    /// Far more happens than the log tells.
    #[error(
        "line {line}, field \"t_ms\": expected a time until which the log tells what happens; until then its streams \
         write or wait far more than it has lines for: lines are missing, the time was changed, or a replay of so long a \
         silence, or of so much that nobody read, is too much work"
    )]
    Unaccounted {
        /// The line whose time is never reached, from 1.
        line: usize,
    },
    /// The world goes on after the end of the log.
    #[error(transparent)]
    Overdue(#[from] Overdue),
}

impl LoggedWorld {
    /// Reads a log. Empty lines are passed over.
    ///
    /// # Errors
    ///
    /// If the text is no log, or the log is incomplete.
    pub fn parse(text: &str) -> Result<Self, LogError> {
        let mut lines = jsonl::lines(text);
        let (number, first) = lines.next().ok_or(LogError::Empty)?;
        let no_log = |problem: Problem| LogError::NoLog(problem.at(number));
        let Line { t_ms, fact: Fact::Log(start), .. } = Line::<NoNotes>::read(first).map_err(no_log)? else {
            return Err(no_log(Problem::field("kind", "log")));
        };
        jsonl::within("t_ms", t_ms, 0..=0).map_err(|problem| problem.at(number))?;
        // Refuses a log with a missing end: the replay would differ there.
        if start.dropped > 0 {
            return Err(LogError::Dropped(start.dropped));
        }
        let mut logged = Self::begin(&start).map_err(|problem| problem.at(number))?;
        for (number, line) in lines {
            logged.take_in(number, line).map_err(|wrong| wrong.at(number))?;
        }
        // Sets the bounds when all lines are known.
        logged.setup.deadline = logged.end.0 + Duration::from_secs(60);
        logged.read_bytes_max = MORE_BYTES_MAX + 2 * text.len() as u64;
        Ok(logged)
    }

    fn begin(start: &LogStart) -> Result<Self, Problem> {
        let LogStart { version, seed, epoch, clock, mailbox, routes, scenario, .. } = start;
        let expected = format_args!("version {VERSION}, got {version}: use the onbeat that wrote it");
        ensure(*version == VERSION, "version", expected)?;
        let seed = seed.parse().map(Seed).map_err(|_| Problem::field("seed", "a whole number from 0 to 2^64 - 1"))?;
        let epoch: Epoch = epoch.parse().map_err(|error: EpochError| Problem::field("epoch", error.expected()))?;
        ensure(["real", "scaled", "manual"].contains(&clock.as_str()), "clock", "real, scaled or manual")?;
        jsonl::within("mailbox", *mailbox, 1..=u64::MAX)?;
        let mut setup = Setup::new(seed, epoch);
        setup.limits = Limits { mailbox_events_max: *mailbox, ..setup.limits };
        let is_exact = clock == "manual";
        Ok(Self {
            setup,
            is_exact,
            actions: Vec::new(),
            answers: Answers::new(),
            routes: routes.clone(),
            scenario: scenario.clone(),
            end: (Duration::ZERO, 1),
            read_bytes_max: MORE_BYTES_MAX,
            left_out_bytes: 0,
        })
    }

    fn take_in(&mut self, number: usize, line: &str) -> Result<(), Problem> {
        let Line { t_ms, exchange, fact, notes: NoNotes {} } = Line::read(line)?;
        jsonl::within("t_ms", t_ms, 0..=TIME_MAX.as_millis())?;
        let at = Duration::from_millis(t_ms);
        let entry = |what| Entry { at: Instant::EPOCH + at, what };
        let action = match fact {
            Fact::Log(_) => return Err(Problem::line("no second line of kind log")),
            Fact::Request(request) => Some(self.request(exchange, &request)?),
            Fact::Head(ResponseHead { status, headers }) => {
                jsonl::within("status", status.into(), 100..=999)?;
                let headers = self.all_whole(&headers)?;
                let answer = self.answer(exchange)?;
                // Takes the version out of the request, since the log has none in a head.
                let head = Head { minor_version: u8::from(answer.is_chunked), status, headers };
                answer.entries.push(entry(What::Head(head)));
                None
            }
            Fact::Write(Write { bytes }) => {
                self.answer(exchange)?.entries.push(entry(What::Write(bytes)));
                None
            }
            Fact::End(End { how }) => {
                let (connection, request) = ordinals(exchange)?;
                let answer = self.answer(exchange)?;
                if answer.entries.iter().any(|entry| matches!(entry.what, What::End(_))) {
                    return Err(Problem::line(format_args!(
                        "no second end of request {request} on connection {connection}"
                    )));
                }
                answer.entries.push(entry(What::End(how)));
                let action = Action::Leave(LeftHow::Closed);
                // Turns the end of a leaving client into an action; every other end is an effect to compare.
                (how == How::Closed).then_some(LoggedAction::Client { connection, action })
            }
            Fact::Push(Push { bytes }) => {
                ensure(!bytes.is_empty(), "text", "at least one byte")?;
                Some(LoggedAction::Push { connection: connection(exchange)?, bytes })
            }
            Fact::Close(Close { how }) => Some(LoggedAction::Close { connection: connection(exchange)?, how }),
            Fact::Fault(FaultAdded { fault, .. }) => {
                let fault = Fault::from_json(fault);
                let fault = fault.map_err(|wrong| Problem::field("fault", format_args!("a fault; {wrong}")))?;
                Some(LoggedAction::Fault(fault))
            }
            Fact::Route(RouteAdded { route, .. }) => {
                let read =
                    // Checks the route without its files, whose folder is known only at the replay.
                    read_route(route.clone(), None).err().filter(|problems| !problems.first_field().contains("play"));
                match read {
                    Some(problems) => return Err(Problem::field("route", format_args!("a route; {problems}"))),
                    None => Some(LoggedAction::Route(route)),
                }
            }
            Fact::RoutesDeleted(RoutesDeleted { ids }) => Some(LoggedAction::DeleteRoutes(ids)),
            Fact::Publish(publish) => Some(LoggedAction::Publish(publish)),
            Fact::FaultsDeleted(FaultsDeleted { ids }) => Some(LoggedAction::DeleteFaults(ids)),
            Fact::Recording(_) | Fact::RawRequest(_) | Fact::Event(_) | Fact::Leave(_) | Fact::Dropped(_) => {
                let kind = fact.kind();
                return Err(Problem::field("kind", format_args!("the kind of a line of a log, got {kind:?}")));
            }
        };
        // Takes the latest time, since the lines of a real clock can be out of order.
        if at >= self.end.0 {
            self.end = (at, number);
        }
        self.actions.extend(action.map(|action| (at, number, action)));
        Ok(())
    }

    /// Adds a request. The parts must be parts of HTTP, so that the replay sends a single request.
    fn request(&mut self, exchange: Exchange, request: &Request) -> Result<LoggedAction, Problem> {
        let (connection, number) = ordinals(exchange)?;
        let Request { method, target, version, headers, body } = request;
        let body = match body {
            Some(body) if body.is_cut => {
                return Err(Problem::field("body", "a whole body: the log has only the beginning"));
            }
            Some(body) => &body.bytes[..],
            None => &[],
        };
        let (method, target, headers) = (self.whole(method)?, self.whole(target)?, self.all_whole(headers)?);
        let is_token =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
        let is_value = |text: &str| !text.contains(['\r', '\n', '\0']);
        // Checks all parts before writing bytes: a forged log must not smuggle a second request in.
        let is_target = !target.is_empty() && !target.contains(|char: char| char.is_ascii_control() || char == ' ');
        ensure(is_token(&method), "method", "a method of HTTP")?;
        ensure(is_target, "target", "a request target without spaces and control characters")?;
        ensure(["HTTP/1.0", "HTTP/1.1"].contains(&version.as_str()), "version", "HTTP/1.0 or HTTP/1.1")?;
        for (number, (name, value)) in headers.iter().enumerate() {
            let is_header = is_token(name) && is_value(value);
            ensure(is_header, format!("headers[{number}]"), "the name and the value of a header")?;
        }
        let head = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect::<String>();
        // Frames the body by a length, since the log leaves the framing out.
        let length = if body.is_empty() { String::new() } else { format!("content-length: {}\r\n", body.len()) };
        let head = format!("{method} {target} {version}\r\n{head}{length}\r\n");
        let bytes = [&header_bytes(&head)[..], body].concat();
        let asked = format!("{method} {target}");
        let answer = LoggedAnswer { asked, is_chunked: version != "HTTP/1.0", entries: Vec::new() };
        let is_first = self.answers.insert((connection, number), answer).is_none();
        ensure(is_first, "request", format_args!("no second request {number} on connection {connection}"))?;
        Ok(LoggedAction::Client { connection, action: Action::Request { method, bytes: bytes.into() } })
    }

    /// Returns the answer of a line.
    fn answer(&mut self, exchange: Exchange) -> Result<&mut LoggedAnswer, Problem> {
        let (connection, request) = ordinals(exchange)?;
        let answer = self.answers.get_mut(&(connection, request));
        answer.ok_or_else(|| Problem::line(format_args!("request {request} of connection {connection} before it")))
    }

    /// Returns a part of a request or a head in the full length, which the log may have cut.
    fn whole(&mut self, text: &str) -> Result<String, Problem> {
        let whole = restore(text).map_err(Problem::line)?;
        self.left_out_bytes += whole.len().saturating_sub(text.len());
        // Bounds the sum as well: a line of a hundred bytes may leave out thousands.
        if self.left_out_bytes > LEFT_OUT_BYTES_MAX {
            return Err(Problem::line(format_args!(
                "at most {LEFT_OUT_BYTES_MAX} bytes left out in all lines together, got more"
            )));
        }
        Ok(whole.into_owned())
    }

    fn all_whole(&mut self, headers: &[(String, String)]) -> Result<Vec<(String, String)>, Problem> {
        headers.iter().map(|(name, value)| Ok((self.whole(name)?, self.whole(value)?))).collect()
    }
}

fn connection(exchange: Exchange) -> Result<u64, Problem> {
    exchange.connection.ok_or_else(|| Problem::missing("connection"))
}

fn ordinals(exchange: Exchange) -> Result<(u64, u32), Problem> {
    Ok((connection(exchange)?, exchange.request.ok_or_else(|| Problem::missing("request"))?))
}
