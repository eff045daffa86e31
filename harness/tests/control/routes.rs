//! Routes and channels over the control interface, on a server with the built-in endpoints and on one with a routes file.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::support::{Client, manual};
use crate::served::Served;

/// Returns the path of a file in the folder of these tests.
fn path_of(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("control-routes");
    std::fs::create_dir_all(&folder).expect("a folder");
    folder.join(name)
}

/// A server with this routes file and a manual clock.
fn with_routes(name: &str, text: &str) -> Served {
    let file = path_of(name);
    std::fs::write(&file, format!("onbeat = 1\n{text}")).expect("a file");
    Served::start(&["--clock", "manual", "--routes", file.to_str().expect("UTF-8")])
}

/// A client that has sent this request, and has read the head of the answer.
fn asked(served: &Served, method: &str, target: &str, body: &str) -> Client {
    let mut client = served.connect();
    client.expect(method);
    let length = body.len();
    client.send(
        format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}").as_bytes(),
    );
    client
}

#[test]
fn a_test_holds_a_stream_in_its_hands() {
    let served = manual();
    let steps = json!([{"event": "start"}, {"open": true}]);
    let route = json!({"method": "POST", "path": "/v1/chat/completions", "match": {"/stream": true}, "steps": steps});
    assert_eq!(served.did("POST", "/routes", &route), json!({"id": 1}));
    let mut chat = asked(&served, "POST", "/v1/chat/completions", r#"{"stream":true}"#);
    let wait = json!({"path": "/v1/chat/completions", "method": "POST"});
    let connected = served.did("POST", "/connections/wait", &wait);
    let id = &connected["connections"][0]["id"];
    assert_eq!(chat.head().status, 200);
    assert_eq!(chat.data(), "event: start\n\n");
    served.did("POST", &format!("/connections/{id}/write"), &json!({"data": "{\"delta\":\"Hel\"}"}));
    assert_eq!(chat.data(), "data: {\"delta\":\"Hel\"}\n\n");
    served.did("POST", &format!("/connections/{id}/close"), &json!({"how": "cut"}));
    assert!(chat.part().is_none());
    // The built-in endpoints are still there, and a request without its route as well.
    assert_eq!(served.listener().there(), [""; 0]);
    assert_eq!(asked(&served, "POST", "/v1/chat/completions", "{}").head().status, 404);
    let routes = served.did("GET", "/routes", &Value::Null);
    assert_eq!((&routes["routes"][0]["requests"], &routes["routes"][0]["route"]), (&json!(1), &route));
    served.did("DELETE", "/routes/1", &Value::Null);
    assert_eq!(served.did("GET", "/routes", &Value::Null), json!({"routes": []}));
}

#[test]
fn a_route_that_is_added_comes_first_until_it_is_deleted_or_the_server_is_reset() {
    let served = with_routes("first.toml", "[[route]]\npath = \"/a\"\nbody = \"file\"");
    let body = |name: &str| json!({"path": "/a", "body": name});
    assert_eq!(served.ask("/a"), "file");
    let first = served.did("POST", "/routes", &body("first"))["id"].clone();
    served.did("POST", "/routes", &body("second"));
    assert_eq!(served.ask("/a"), "second");
    let ids = served.did("PUT", "/routes", &json!({"routes": [body("third"), body("fourth")]}))["ids"].clone();
    assert_eq!(served.ask("/a"), "third");
    assert_eq!(served.control("DELETE", &format!("/routes/{first}"), &Value::Null).0, 404);
    served.did("DELETE", &format!("/routes/{}", ids[0]), &Value::Null);
    assert_eq!(served.ask("/a"), "fourth");
    served.did("DELETE", "/routes", &Value::Null);
    assert_eq!(served.ask("/a"), "file");
    // The log has what a replay repeats, in the order of a replay: the last route is added first.
    let log = served.log();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let noted = lines.iter().filter_map(|line| match line["kind"].as_str() {
        Some("route") => Some(line["id"].to_string()),
        Some("routes-deleted") => Some(format!("-{}", line["ids"])),
        _ => None,
    });
    assert_eq!(noted.collect::<Vec<_>>(), ["2", "3", "-[3,2]", "4", "5", "-[5]", "-[4]"]);
    served.did("POST", "/routes", &body("fifth"));
    served.did("POST", "/reset", &json!({}));
    assert_eq!(served.ask("/a"), "file");
    let (status, refused) = served.control("POST", "/routes", &json!({"path": "/a", "steps": [{"dat": "x"}]}));
    let reason = "steps[0]: expected a known key, got dat: did you mean data?";
    assert_eq!((status, &refused["error"]["reason"]), (400, &json!(reason)));
}

#[test]
fn a_route_that_is_added_comes_before_a_publishing_request_of_the_file() {
    let served = with_routes("publish.toml", "[channel.news]\nhistory = 1\npublish = { path = \"/news\" }");
    let publish = || served.connect().asked("POST", "/news", &[], "x").1;
    assert_eq!(publish(), r#"{"id":"1","clients":0}"#);
    served.did("POST", "/routes", &json!({"method": "POST", "path": "/news", "body": "route"}));
    assert_eq!(publish(), "route");
}

#[test]
fn a_reset_chooses_a_scenario_and_a_seed() {
    let text =
        "[[route]]\npath = \"/a\"\nbody = \"{{random 0 1}}\"\n[[scenario.offline.route]]\npath = \"/a\"\nstatus = 503";
    let served = with_routes("scenario.toml", text);
    let (status, refused) = served.control("POST", "/reset", &json!({"scenario": "ofline"}));
    assert_eq!((status, &refused["error"]["reason"]), (400, &json!("expected offline, got \"ofline\"")));
    let first = served.ask("/a");
    served.did("POST", "/reset", &json!({"scenario": "offline"}));
    assert_eq!(asked(&served, "GET", "/a", "").head().status, 503);
    served.did("POST", "/reset", &json!({}));
    assert_eq!(served.ask("/a"), first);
    served.did("POST", "/reset", &json!({"seed": "7"}));
    let other = served.ask("/a");
    assert_ne!(other, first);
    served.did("POST", "/reset", &json!({"seed": 7}));
    assert_eq!(served.ask("/a"), other);
}

#[test]
fn a_test_publishes_to_a_channel_when_enough_clients_have_subscribed() {
    let served = manual();
    served.did("POST", "/routes", &json!({"path": "/feed", "steps": [{"subscribe": "news"}]}));
    let (status, refused) = served.control("POST", "/channels/nws", &json!({"data": "x"}));
    assert_eq!((status, &refused["error"]["reason"]), (404, &json!("expected a channel, such as news, got nws")));
    let (status, refused) = served.control("POST", "/channels/news/wait", &json!({"timeout_ms": 0}));
    let reason = "expected 1 subscribed to news within 0 ms, got 0";
    assert_eq!((status, &refused["error"]["reason"]), (409, &json!(reason)));
    let mut readers: Vec<_> = (0..3).map(|_| served.stream("/feed")).collect();
    let report = served.did("POST", "/channels/news/wait", &json!({"at_least": 3}));
    assert_eq!(report, json!({"name": "news", "subscribers": 3, "events": 0, "kept": 0}));
    let published = served.did("POST", "/channels/news", &json!({"event": "e", "data": "x"}));
    assert_eq!(published, json!({"id": null, "clients": 3}));
    served.did("POST", "/channels/news", &json!({"text": "data: raw\n\n"}));
    for reader in &mut readers {
        assert_eq!(reader.next(2), ["event: e\ndata: x\n\n", "data: raw\n\n"]);
    }
    assert_eq!(served.did("GET", "/channels", &Value::Null)["channels"][0]["events"], 2);
}

#[test]
fn an_event_with_an_id_of_its_own_is_counted_like_any_other() {
    let served = with_routes("ids.toml", "[channel.news]\nhistory = 5");
    let publish = |event: Value| served.did("POST", "/channels/news", &event)["id"].clone();
    assert_eq!(publish(json!({"id": "own", "data": "a"})), "own");
    assert_eq!(publish(json!({"data": "b"})), "2");
    assert_eq!(served.did("GET", "/channels", &Value::Null)["channels"][0]["events"], 2);
}

#[test]
fn an_event_that_was_published_before_any_client_came_is_replayed() {
    let text = "[[route]]\npath = \"/feed\"\nsteps = [{ subscribe = \"news\", history = \"all\" }]\n[channel.news]\nhistory = 1";
    let served = with_routes("before.toml", text);
    assert_eq!(served.did("POST", "/channels/news", &json!({"data": "x"}))["clients"], 0);
    assert_eq!(served.stream("/feed").next(1), ["id: 1\ndata: x\n\n"]);
    let log = served.log();
    let file = path_of("before.toml");
    let (said, code) = super::log::replayed_with("before", &log, &["--routes", file.to_str().expect("UTF-8")]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn each_response_of_a_route_makes_its_channels() {
    let served = manual();
    let responses = json!([{"status": 503}, {"steps": [{"subscribe": "late"}]}]);
    served.did("POST", "/routes", &json!({"path": "/feed", "response": responses}));
    assert_eq!(served.did("POST", "/channels/late", &json!({"data": "x"}))["clients"], 0);
    served.did("PUT", "/routes", &json!({"routes": [{"path": "/feed", "steps": [{"subscribe": "later"}]}]}));
    assert_eq!(served.did("POST", "/channels/later", &json!({"data": "x"}))["clients"], 0);
}

#[test]
fn a_publishing_request_that_a_fault_refuses_publishes_nothing() {
    let served = with_routes("refused.toml", "[channel.news]\nhistory = 1\npublish = { path = \"/news\" }");
    served.fault(&json!({"path": "/news", "kind": "status", "status": 503}));
    let publish = || served.connect().asked("POST", "/news", &[], "x");
    assert_eq!(publish().0.status, 503);
    assert_eq!(publish().1, r#"{"id":"1","clients":0}"#);
    assert_eq!(served.did("GET", "/channels", &Value::Null)["channels"][0]["events"], 1);
}

#[test]
fn the_log_of_a_server_with_routes_is_replayed_to_the_byte() {
    let text = "[[route]]\nmethod = \"POST\"\npath = \"/chat\"\nmatch = { \"/stream\" = true }\n\
        steps = [{ wait_ms = 5, data = '{\"v\":{{random 0 1}},\"said\":{{json /prompt}}}', times = 3, every_ms = 10 }, { open = true }]\n\
        [[route]]\npath = \"/feed\"\nsteps = [{ subscribe = \"news\", heartbeat_ms = 15 }]\n\
        [channel.news]\nhistory = 2\npublish = { path = \"/news\" }\n\
        [scenario.busy]\n[[scenario.busy.route]]\npath = \"/busy\"\nfault = { kind = \"cut\", from = { ms = 20 } }\nsteps = [{ data = \"x\" }, { open = true }]";
    let served = with_routes("replayed.toml", text);
    served.did("POST", "/reset", &json!({"scenario": "busy", "seed": "7"}));
    let body = r#"{"stream":true,"prompt":"say \"hi\"","password":"hunter2"}"#;
    let mut chat = asked(&served, "POST", "/chat", body);
    assert_eq!(asked(&served, "POST", "/chat", "{}").head().status, 404);
    let _busy = served.stream("/busy");
    let _feed = served.stream("/feed");
    asked(&served, "POST", "/news", "first").head();
    served.advance(20);
    served.did("POST", "/channels/news", &json!({"event": "e", "data": "second"}));
    served.did(
        "PUT",
        "/routes",
        &json!({"routes": [{"path": "/added", "body": "1"}, {"path": "/added", "method": "*", "body": "2"}]}),
    );
    assert_eq!(served.ask("/added"), "1");
    served.did("POST", "/connections/0/write", &json!({"data": "pushed"}));
    served.did("POST", "/connections/0/close", &json!({"how": "cut"}));
    served.did("DELETE", "/routes", &Value::Null);
    served.did("POST", "/routes", &json!({"path": "/added", "body": "3"}));
    assert_eq!(served.ask("/added"), "3");
    served.advance(30);
    chat.head();
    let log = served.log();
    assert!(!log.contains("hunter2"), "{log}");
    let file = path_of("replayed.toml");
    let (said, code) = super::log::replayed_with("routes", &log, &["--routes", file.to_str().expect("UTF-8")]);
    assert!(said.ends_with("the same to the byte\n") && code == Some(0), "{said}");
    let (said, code) = super::log::replayed("routes-missing", &log);
    assert!(
        said.contains("the log is of a server with the routes file replayed.toml: give --routes FILE")
            && code == Some(2),
        "{said}"
    );
}

#[test]
fn answers_without_a_body_are_complete_and_what_follows_on_their_connection_is_replayed() {
    let text = "[[route]]\npath = \"/a\"\nresponse = [{ status = 503 }, { status = 429, retry_after_s = 1 }, { status = 204 }, \
        { status = 304 }, { body = \"\" }, { steps = [{ end = \"complete\" }] }, { body = \"last\", headers = { Set-Cookie = \"id=hunter2\" } }]";
    let served = with_routes("refusals.toml", text);
    let mut client = served.connect();
    let statuses: Vec<u16> = (0..6).map(|_| client.asked("GET", "/a", &[], "").0.status).collect();
    assert_eq!(statuses, [503, 429, 204, 304, 200, 200]);
    assert_eq!(client.asked("GET", "/a", &[], "").1, "last");
    let log = served.log();
    assert_eq!(log.matches(r#""how":"complete""#).count(), 7, "{log}");
    assert!(!log.contains("hunter2"), "{log}");
    let file = path_of("refusals.toml");
    let (said, code) = super::log::replayed_with("refusals", &log, &["--routes", file.to_str().expect("UTF-8")]);
    assert!(said.ends_with("the same to the byte\n") && code == Some(0), "{said}\n{log}");
}

#[test]
fn bodies_with_a_length_are_replayed_write_by_write_and_faults_at_their_head_in_its_instant() {
    let recording = |end: &str| {
        format!(
            "{{\"kind\":\"recording\",\"format\":1,\"onbeat\":\"0.2.0\",\"from\":\"http://a/\",\"framing\":\"length\"}}\n\
             {{\"t_ms\":0,\"kind\":\"request\",\"text\":\"GET / HTTP/1.1\\r\\n\\r\\n\"}}\n\
             {{\"t_ms\":10,\"kind\":\"head\",\"status\":200,\"headers\":[[\"content-length\",\"18\"]]}}\n\
             {{\"t_ms\":100,\"kind\":\"write\",\"text\":\"data: 1\\n\\n\"}}\n{end}\n"
        )
    };
    // Two writes of one instant, whose boundary the wire does not show.
    let whole = "{\"t_ms\":200,\"kind\":\"write\",\"text\":\"data\"}\n{\"t_ms\":200,\"kind\":\"write\",\"text\":\": 2\\n\\n\"}\n{\"t_ms\":200,\"kind\":\"end\",\"how\":\"complete\"}";
    for (name, end) in [("whole", whole), ("cut", "{\"t_ms\":200,\"kind\":\"end\",\"how\":\"cut\"}")] {
        std::fs::write(path_of(&format!("{name}.jsonl")), recording(end)).expect("a file");
    }
    let fault = |kind: &str| {
        format!(
            "[[route]]\npath = \"/{kind}\"\nwait_ms = 10\nsteps = [{{ wait_ms = 90, data = \"1\" }}]\nfault = {{ kind = \"{kind}\" }}\n"
        )
    };
    let text =
        "[[route]]\npath = \"/whole\"\nplay = \"whole.jsonl\"\n[[route]]\npath = \"/broken\"\nplay = \"cut.jsonl\"\n"
            .to_owned()
            + &["cut", "reset", "end"].map(fault).concat();
    let served = with_routes("lengths.toml", &text);
    let paths = ["/whole", "/broken", "/cut", "/reset", "/end", "/whole", "/whole"];
    let _clients = paths.map(|path| asked(&served, "GET", path, ""));
    served.did("POST", "/connections/wait", &json!({"path": "/whole", "at_least": 3}));
    for path in &paths[1..5] {
        served.did("POST", "/connections/wait", &json!({"path": path}));
    }
    // An end before all bytes is a cut: before the head, and between the writes.
    let end = |connection: u64| served.did("POST", &format!("/connections/{connection}/close"), &json!({"how": "end"}));
    end(5);
    served.advance(150);
    end(6);
    served.advance(250);
    let log = served.log();
    let ends: Vec<&str> = log.lines().filter(|line| line.contains("\"kind\":\"end\"")).collect();
    let at = |ms: u64| ends.iter().filter(|line| line.starts_with(&format!("{{\"t_ms\":{ms},"))).count();
    assert_eq!((at(10), at(150), at(200), ends.len()), (4, 1, 2, 7), "{log}");
    let cut = |connection: u64| {
        let of = format!("\"connection\":{connection},");
        ends.iter().any(|line| line.contains(&of) && line.contains("\"how\":\"cut\""))
    };
    assert!(cut(5) && cut(6), "{log}");
    let file = path_of("lengths.toml");
    let (said, code) = super::log::replayed_with("lengths", &log, &["--routes", file.to_str().expect("UTF-8")]);
    assert!(said.ends_with("the same to the byte\n") && code == Some(0), "{said}\n{log}");
}

#[test]
fn who_has_subscribed_is_there_when_a_request_publishes_at_once() {
    let text = "[channel.news]\npublish = { path = \"/news\" }\n[[route]]\npath = \"/feed\"\nsteps = [{ subscribe = [\"news\"] }]";
    let served = with_routes("subscribed.toml", text);
    let mut publisher = served.connect();
    let mut clients = move || publisher.asked("POST", "/news", &[], "x").1;
    for round in 0..200 {
        let mut client = served.connect();
        client.get("/feed");
        assert_eq!(clients(), r#"{"id":null,"clients":1}"#, "round {round}");
        drop(client);
        assert_eq!(clients(), r#"{"id":null,"clients":0}"#, "round {round}");
    }
}

#[test]
fn an_end_before_the_head_is_in_the_log_as_in_the_recording() {
    for how in ["cut", "reset"] {
        let recording = format!(
            "{{\"kind\":\"recording\",\"format\":1,\"onbeat\":\"0.2.0\",\"from\":\"http://a/\",\"framing\":\"chunked\"}}\n\
             {{\"t_ms\":0,\"kind\":\"request\",\"text\":\"GET / HTTP/1.1\\r\\n\\r\\n\"}}\n\
             {{\"t_ms\":5,\"kind\":\"end\",\"how\":\"{how}\"}}\n"
        );
        let name = format!("headless-{how}");
        std::fs::write(path_of(&format!("{name}.jsonl")), recording).expect("a file");
        let text = format!("[[route]]\npath = \"/a\"\nplay = \"{name}.jsonl\"");
        let served = with_routes(&format!("{name}.toml"), &text);
        let _client = asked(&served, "GET", "/a", "");
        served.did("POST", "/connections/wait", &json!({"path": "/a"}));
        served.advance(5);
        let log = served.log();
        let end = format!("{{\"t_ms\":5,\"kind\":\"end\",\"connection\":0,\"request\":0,\"how\":\"{how}\"}}");
        assert_eq!(log.lines().last(), Some(end.as_str()), "{log}");
    }
}

#[test]
fn faults_and_time_act_on_routes_as_on_the_built_in_streams() {
    let text = "[[route]]\npath = \"/Feed\"\nsteps = [{ data = \"{{seq}}\", every_ms = 1000, times = 100 }]\n\
        [[route]]\npath = \"/gone\"\nsteps = [{ data = \"x\" }, { wait_ms = 10, end = \"reset\" }]";
    let served = with_routes("faults.toml", text);
    served.fault(&json!({"path": "/feed", "kind": "status", "status": 503, "retry_after_s": 1}));
    assert_eq!(asked(&served, "GET", "/Feed", "").head().status, 503);
    served.fault(&json!({"path": "/feed", "kind": "duplicate", "from": {"write": 1}}));
    let mut feed = served.stream("/Feed");
    let answer = served.advance(2000);
    assert_eq!(answer["writes"], 2);
    let event = |n: u32| format!("data: {n}\n\n");
    assert_eq!(feed.next(4), [event(1), event(2), event(2), event(3)]);
    let mut gone = served.stream("/gone");
    served.advance(10);
    assert_eq!(gone.data(), "data: x\n\n");
    assert!(gone.part().is_none() && gone.reset);
    let connections = served.did("GET", "/connections", &Value::Null);
    assert_eq!(connections["connections"].as_array().map(Vec::len), Some(1), "{connections}");
}

#[test]
fn a_fault_strikes_a_route_for_the_root_and_is_refused_where_the_page_is() {
    let served = Served::start(&["--clock", "manual"]);
    let cut = json!({"path": "/", "kind": "cut", "from": {"byte": 2}});
    let (status, answer) = served.control("POST", "/faults", &cut);
    assert_eq!((status, &answer["error"]["field"]), (400, &json!("path")), "{answer}");
    served.did("POST", "/routes", &json!({"method": "POST", "path": "/", "steps": [{"data": "hi"}, {"open": true}]}));
    assert_eq!(served.control("POST", "/faults", &cut).0, 201);
    let mut client = served.connect();
    client.expect("POST");
    client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(client.head().status, 200);
    assert_eq!(client.rest(), ["da"]);
}
