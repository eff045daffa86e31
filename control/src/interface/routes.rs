//! Which request is for what.

use axum::http::{Method, StatusCode};

use super::PREFIX;
use super::refusal::Refusal;

/// A method and a path, in which `{id}` stands for a number.
pub type Route = (&'static str, &'static str);

/// Every route.
pub const ROUTES: [Route; 11] = [
    ("GET", "/clock"),
    ("POST", "/clock/advance"),
    ("POST", "/reset"),
    ("GET", "/connections"),
    ("POST", "/connections/{id}/close"),
    ("GET", "/faults"),
    ("POST", "/faults"),
    ("DELETE", "/faults"),
    ("DELETE", "/faults/{id}"),
    ("GET", "/log"),
    ("GET", "/openapi.json"),
];

/// The route of a request, and the id in its path, if there is one.
pub(super) fn find(method: &Method, path: &str) -> Result<(Route, u64), Refusal> {
    let routes: Vec<_> = ROUTES.iter().filter(|(_, template)| matches(template, path)).collect();
    if routes.is_empty() {
        let mut known: Vec<_> = ROUTES.iter().map(|(_, template)| format!("{PREFIX}{template}")).collect();
        known.dedup();
        let reason = format!("expected one of {}, got {PREFIX}{path}", known.join(", "));
        return Err(Refusal::new(StatusCode::NOT_FOUND, "path", reason));
    }
    let Some(route) = routes.iter().find(|(known, _)| *known == method.as_str()) else {
        let methods: Vec<&str> = routes.iter().map(|(known, _)| *known).collect();
        return Err(Refusal::method(&methods.join(", "), method));
    };
    let id = path.split('/').zip(route.1.split('/')).find(|(_, template)| *template == "{id}");
    let id = id.map_or(Ok(0), |(id, _)| {
        let plain = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
        let number = plain.then(|| id.parse().ok()).flatten();
        number.ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "id", format!("expected a whole number, got {id}")))
    })?;
    Ok((**route, id))
}

fn matches(template: &str, path: &str) -> bool {
    let (mut template, mut path) = (template.split('/'), path.split('/'));
    loop {
        match (template.next(), path.next()) {
            (None, None) => return true,
            (Some("{id}"), Some(_)) => {}
            (Some(expected), Some(segment)) if expected == segment => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_found_by_its_method_and_path() {
        assert_eq!(find(&Method::GET, "/clock").expect("known").0, ("GET", "/clock"));
        assert_eq!(find(&Method::POST, "/connections/17/close").expect("known").1, 17);
        for (method, path, status, field) in [
            (Method::GET, "", 404, "path"),
            (Method::GET, "/", 404, "path"),
            (Method::GET, "/clock/", 404, "path"),
            (Method::GET, "/Clock", 404, "path"),
            (Method::POST, "/clock", 405, "method"),
            (Method::GET, "/connections/1/close", 405, "method"),
            (Method::DELETE, "/faults/x", 404, "id"),
            (Method::DELETE, "/faults/-1", 404, "id"),
            (Method::DELETE, "/faults/+1", 404, "id"),
            (Method::DELETE, "/faults/", 404, "id"),
            (Method::DELETE, "/faults/99999999999999999999", 404, "id"),
        ] {
            let refusal = find(&method, path).expect_err(path);
            assert_eq!((refusal.status.as_u16(), refusal.field.as_str()), (status, field), "{method} {path}");
        }
        assert_eq!(find(&Method::PUT, "/faults").expect_err("405").allow.as_deref(), Some("GET, POST, DELETE"));
    }
}
