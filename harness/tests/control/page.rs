//! The page at `/`: there where control is, safe to have open, and a client of what is described.

use std::collections::BTreeSet;

use onbeat_control::{FILES, OPENAPI};
use onbeat_wire::Head;
use serde_json::Value;

use super::support::manual;
use crate::served::Served;

/// The answer to a request for the page, made as a browser would from `host`.
fn asked(served: &Served, method: &str, path: &str, headers: &[(&str, &str)]) -> (Head, String) {
    served.connect().asked(method, path, headers, "")
}

fn text(path: &str) -> &'static str {
    &FILES.iter().find(|file| file.path == path).expect(path).text
}

fn extension(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(_, extension)| extension)
}

#[test]
fn with_control_there_is_a_page() {
    for arguments in [&["--control"][..], &["--clock", "manual"], &["--clock", "scaled:10", "--control"]] {
        let served = Served::start(arguments);
        for file in FILES.iter() {
            let (head, body) = asked(&served, "GET", file.path, &[]);
            assert_eq!((head.status, body.as_str()), (200, &*file.text), "{}", file.path);
        }
    }
}

#[test]
fn without_control_there_is_none() {
    for arguments in [&[][..], &["--clock", "scaled:10"]] {
        let served = Served::start(arguments);
        for file in FILES.iter() {
            let (head, body) = asked(&served, "GET", file.path, &[]);
            assert_eq!((head.status, body.as_str()), (404, "not found\n"), "{}", file.path);
        }
    }
}

#[test]
fn the_headers_let_the_page_do_what_it_does_and_no_more() {
    let served = manual();
    for file in FILES.iter() {
        let (head, _) = asked(&served, "GET", file.path, &[]);
        let expected = match extension(file.path) {
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            _ => "text/html; charset=utf-8",
        };
        assert_eq!(head.header("content-type"), Some(expected));
        assert_eq!(head.header("cache-control"), Some("no-store"));
        assert_eq!(head.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(head.header("cross-origin-resource-policy"), Some("same-origin"));
        assert_eq!(head.header("access-control-allow-origin"), None);
        let policy = head.header("content-security-policy").expect("a policy");
        for part in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "connect-src 'self'"] {
            assert!(policy.split("; ").any(|one| one == part), "{policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
    }
}

#[test]
fn head_has_the_head_alone() {
    let served = manual();
    for file in FILES.iter() {
        let mut client = served.connect();
        let (head, body) = client.asked("HEAD", file.path, &[], "");
        let length = file.text.len().to_string();
        assert_eq!((head.status, body.as_str()), (200, ""));
        assert_eq!(head.header("content-length"), Some(length.as_str()));
        assert_eq!(client.asked("GET", file.path, &[], "").1, file.text);
    }
}

/// A server with the routes of these lines, and what the lines are read from.
fn with_routes(name: &str, lines: &str) -> Served {
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("page-{name}.toml"));
    std::fs::write(&file, format!("onbeat = 1\n{lines}")).expect("a file of the test");
    Served::start(&["--clock", "manual", "--routes", file.to_str().expect("UTF-8")])
}

#[test]
fn a_route_for_the_path_of_the_page_comes_first_and_the_page_stays_where_no_route_can_be() {
    let own = with_routes("own", "[[route]]\npath = \"/\"\nbody = \"mine\"\n");
    assert_eq!(asked(&own, "GET", "/", &[]).1, "mine");
    assert_eq!(asked(&own, "GET", "/__onbeat/page/", &[]).1, text("/"));
    let any = with_routes("any", "[[route]]\npath = \"/*\"\nbody = \"any\"\n");
    assert_eq!(asked(&any, "GET", "/", &[]).1, "any");
    let posted = with_routes("posted", "[[route]]\nmethod = \"POST\"\npath = \"/\"\nbody = \"posted\"\n");
    assert_eq!(asked(&posted, "GET", "/", &[]).1, text("/"));
    assert_eq!(asked(&posted, "POST", "/", &[]).1, "posted");
    // A route that is added comes first from then on.
    posted.did("POST", "/routes", &serde_json::json!({"path": "/", "body": "added"}));
    assert_eq!(asked(&posted, "GET", "/", &[]).1, "added");
    let below = with_routes("below", "[[route]]\npath = \"/*/*/*\"\nbody = \"below\"\n");
    for served in [&own, &posted, &below] {
        assert_eq!(asked(served, "GET", "/__onbeat/page/page.js", &[]).1, text("/__onbeat/page/page.js"));
    }
}

#[test]
fn a_page_with_a_file_of_routes_knows_no_built_in_endpoints() {
    let served = with_routes("endpoints", "[[route]]\npath = \"/a\"\nbody = \"x\"\n");
    let (_, module) = asked(&served, "GET", "/__onbeat/page/endpoints.js", &[]);
    assert!(module.contains("streams = [];") && module.contains("publishers = [];"), "{module}");
    assert!(text("/__onbeat/page/endpoints.js").contains("\"/sse\""));
}

#[test]
fn other_methods_find_what_they_found() {
    let served = manual();
    assert_eq!(asked(&served, "POST", "/", &[]).0.status, 404);
    assert_eq!(asked(&served, "OPTIONS", "/", &[]).0.status, 204);
    assert_eq!(asked(&served, "POST", "/__onbeat/page/page.js", &[("Content-Type", "application/json")]).0.status, 404);
}

#[test]
fn a_host_that_was_bound_to_this_address_gets_no_page() {
    let served = manual();
    for host in ["evil.example", "localhost.evil.example", "10.0.0.1", ""] {
        for file in FILES.iter() {
            let (head, body) = asked(&served, "GET", file.path, &[("Host", host)]);
            assert_eq!(head.status, 403, "{host} {}", file.path);
            let answer: Value = serde_json::from_str(&body).expect("JSON");
            assert_eq!(answer["error"]["field"], "host");
        }
    }
    // A link on another page leads here, as it leads anywhere.
    let link = [("Host", "localhost"), ("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate")];
    assert_eq!(asked(&served, "GET", "/", &link).0.status, 200);
}

#[test]
fn the_page_needs_no_token_since_it_asks_for_it() {
    let served = Served::start(&["--clock", "manual", "--control-token", "s3cret"]);
    for file in FILES.iter() {
        let (head, body) = asked(&served, "GET", file.path, &[]);
        assert_eq!(head.status, 200);
        assert!(!body.contains("s3cret"));
    }
}

#[test]
fn opening_the_page_is_no_part_of_the_world() {
    let served = manual();
    let mut client = served.connect();
    for file in FILES.iter() {
        client.asked("GET", file.path, &[], "");
    }
    assert_eq!(served.log().lines().count(), 1);
    client.get("/sse");
    assert_eq!(client.head().status, 200);
    let connections = served.did("GET", "/connections", &Value::Null);
    assert_eq!(
        (&connections["connections"][0]["id"], &connections["connections"][0]["request"]),
        (&0.into(), &0.into())
    );
}

/// The lines of `operations` in `control.js`: an operation, its method and its path.
fn operations() -> BTreeSet<(String, String, String)> {
    let table = text("/__onbeat/page/control.js").split_once("const operations = {\n").expect("a table").1;
    let lines = table.split_once("\n};").expect("its end").0.lines();
    let quoted = |line: &str, place| line.split('\'').nth(place).expect("a quoted text").to_owned();
    lines
        .map(|line| (line.trim().split(':').next().expect("a name").to_owned(), quoted(line, 1), quoted(line, 3)))
        .collect()
}

#[test]
fn what_the_page_asks_for_is_described() {
    let document: Value = serde_json::from_str(OPENAPI).expect("JSON");
    let operations = operations();
    assert!(operations.len() >= 10, "{operations:?}");
    for (operation, method, path) in &operations {
        assert_eq!(&document["paths"][path][method.to_lowercase()]["operationId"], operation, "{method} {path}");
    }
    // Every question names an operation of the table, and there is no other way to ask.
    for file in FILES.iter().filter(|file| extension(file.path) == "js") {
        for asked in file.text.split("ask('").skip(1).map(|rest| rest.split('\'').next().expect("a name")) {
            assert!(operations.iter().any(|(operation, ..)| operation == asked), "{}: {asked}", file.path);
        }
        let fetches = file.text.contains("fetch(");
        assert_eq!(fetches, file.path.ends_with("/control.js"), "{}", file.path);
    }
}

#[test]
fn every_fault_that_is_described_is_offered() {
    let document: Value = serde_json::from_str(OPENAPI).expect("JSON");
    let page = text("/");
    for kind in document.pointer("/components/schemas/FaultKind/oneOf").and_then(Value::as_array).expect("kinds") {
        let properties = kind["properties"].as_object().expect("properties");
        let name = &properties["kind"];
        for name in name["enum"].as_array().into_iter().flatten().chain(name.get("const")) {
            assert!(page.contains(&format!("<option value={name}>")), "{name}");
        }
        for parameter in properties.keys().filter(|key| *key != "kind") {
            assert!(page.contains(&format!(" name=\"{parameter}\"")), "{parameter}");
        }
    }
}

#[test]
fn all_that_the_page_loads_is_here() {
    let named: BTreeSet<_> = FILES
        .iter()
        .flat_map(|file| file.text.split(['"', '\'']))
        .filter(|text| matches!(extension(text), "js" | "css"))
        .map(|text| text.replace("./", "/__onbeat/page/"))
        .collect();
    let served: BTreeSet<_> = FILES.iter().map(|file| file.path.to_owned()).filter(|path| path != "/").collect();
    assert_eq!(named, served);
    for file in FILES.iter() {
        // The one address is the name of SVG's elements.
        let addresses = file.text.replace("http://www.w3.org/2000/svg", "");
        assert!(!addresses.contains("http:") && !addresses.contains("https:"), "{}", file.path);
        for sink in
            ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", " style="]
        {
            assert!(!file.text.contains(sink), "{}: {sink}", file.path);
        }
    }
}
