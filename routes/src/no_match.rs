//! The words of a 404: the nearest route, and why this route does not match.

use std::fmt;

use axum::http::Method;
use onbeat_faults::form::shown;

use crate::matching::Mismatch;
use crate::model::{Condition, Route};
use crate::nearest_name::nearest;
use crate::request::{Request, RequestPart};

/// Returns the text of a 404: the nearest route, and the reason why this route does not match.
pub(crate) fn no_match(routes: &[&Route], request: &Request) -> String {
    let (method, path) = (request.method(), request.path());
    // Ranks a route by the first failed test: the later the test, the nearer the route.
    let rank = |mismatch: &Mismatch| match mismatch {
        Mismatch::Condition(..) | Mismatch::NoJson(_) => 0,
        Mismatch::Method => 1,
        Mismatch::Path => 2,
    };
    let mismatches = routes.iter().filter_map(|route| Some((route, route.mismatch(request)?)));
    // Takes the first of equally near routes, as `min_by_key` does: the earlier route has precedence.
    let nearest_route = match mismatches.min_by_key(|(_, mismatch)| rank(mismatch)) {
        None => return format!("no route matches {method} {path}: there is no route\n"),
        Some((_, Mismatch::Path)) => {
            let paths: Vec<_> = routes.iter().map(|route| route.path.0.as_str()).collect();
            // Falls back to the first route, so that the message always shows a path.
            let named = nearest(path, paths.iter().copied()).unwrap_or(paths[0]);
            routes.iter().find(|route| route.path.0 == named).map(|route| (*route, Mismatch::Path))
        }
        Some((route, mismatch)) => Some((*route, mismatch)),
    };
    let (route, mismatch) = nearest_route.expect("a path of a route");
    format!("no route matches {method} {path}\nthe nearest is {route}: {mismatch}\n")
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = self.method.as_ref().map_or("*", Method::as_str);
        write!(f, "{method} {}", self.path.0)
    }
}

impl fmt::Display for RequestPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Method => f.write_str("method"),
            Self::Path => f.write_str("path"),
            Self::Body => f.write_str("body"),
            Self::Query(name) => write!(f, "query.{name}"),
            Self::Header(name) => write!(f, "header.{name}"),
            Self::Json(pointer) => f.write_str(pointer),
        }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path => f.write_str("its path differs"),
            Self::Method => f.write_str("its method differs"),
            Self::NoJson(Condition { part, expected }) => {
                write!(f, "it expects {} at {part}, and the body is no JSON", shown(&expected.to_string()))
            }
            Self::Condition(Condition { part, expected }, None) => {
                write!(f, "it expects {} at {part}, and the request has none", shown(&expected.to_string()))
            }
            Self::Condition(Condition { part, expected }, Some(value)) => {
                write!(
                    f,
                    "it expects {} at {part}, and the request has {}",
                    shown(&expected.to_string()),
                    shown(&value.to_string())
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::tests::request;
    use crate::testing::model;

    #[test]
    fn the_nearest_route_differs_as_late_as_possible() {
        let model = model(
            r#"[[route]]
            path = "/other"
            status = 200
            [[route]]
            path = "/chats"
            status = 200
            [[route]]
            method = "PUT"
            path = "/chat"
            status = 200
            [[route]]
            method = "POST"
            path = "/chat"
            match = { "/model" = "gpt-*", "header.x-key" = "1" }
            status = 200"#,
        );
        let routes: Vec<_> = model.routes.iter().collect();
        for (method, path, body, said) in [
            (
                "POST",
                "/chat",
                r#"{"model":"x"}"#,
                "POST /chat: it expects \"gpt-*\" at /model, and the request has \"x\"",
            ),
            ("POST", "/chat", "{}", "POST /chat: it expects \"gpt-*\" at /model, and the request has none"),
            ("POST", "/chat", "", "POST /chat: it expects \"gpt-*\" at /model, and the body is no JSON"),
            (
                "POST",
                "/chat",
                r#"{"model":"gpt-4"}"#,
                "POST /chat: it expects \"1\" at header.x-key, and the request has none",
            ),
            ("GET", "/chat", "", "PUT /chat: its method differs"),
            ("GET", "/cats", "", "GET /chats: its path differs"),
            ("GET", "/nothing/like/it", "", "GET /other: its path differs"),
        ] {
            let text = no_match(&routes, &request(method, path, &[], body));
            assert_eq!(text, format!("no route matches {method} {path}\nthe nearest is {said}\n"));
        }
        let text = no_match(&[], &request("GET", "/a", &[], ""));
        assert_eq!(text, "no route matches GET /a: there is no route\n");
        let long = format!(r#"{{"model":"{}"}}"#, "x".repeat(100));
        let text = no_match(&routes, &request("POST", "/chat", &[], &long));
        assert!(text.ends_with(&format!("the request has \"{}…\n", "x".repeat(59))), "{text}");
    }
}
