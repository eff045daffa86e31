//! Secrets: in headers, queries and bodies of both sides, none is written anywhere.

use std::io::Write;

use super::proxied::Proxied;
use super::support::{answering, folder, onbeat, read_to_end};

#[test]
fn no_secret_is_in_the_recording_or_on_a_screen() {
    let folder = folder("secrets");
    let file = folder.join("chat.jsonl");
    let answer = "HTTP/1.1 200 OK\r\nSet-Cookie: sid=S3CR3T-set-cookie\r\nX-Room: S3CR3T-room\r\n\
                  Location: /next?token=S3CR3T-location\r\nX-Echo: Bearer S3CR3T-bearer\r\nContent-Length: 55\r\n\r\n\
                  data: you sent Bearer S3CR3T-bearer and S3CR3T-query.\n\n";
    let url = format!("http://{}/chat?a=1&access_token=S3CR3T-query&room=S3CR3T-named", answering(vec![answer.into()]));
    let output = onbeat(&[
        "record",
        &url,
        "-H",
        "Authorization: Bearer S3CR3T-bearer",
        "-H",
        "Cookie: sid=S3CR3T-cookie; b=1",
        "-H",
        "X-Api-Key: S3CR3T-api-key",
        "-H",
        "X-Room: S3CR3T-x-room",
        "-d",
        "{\"model\":\"m\",\"password\":\"S3CR3T-password\",\"nested\":[{\"client_secret\":\"S3CR3T-nested\"}]}",
        "--redact",
        "X-Room",
        "--redact",
        "room",
        "-o",
        file.to_str().expect("UTF-8"),
    ]);
    assert_eq!(output.status.code(), Some(0));
    let text = std::fs::read_to_string(&file).expect("a file");
    for text in
        [&text, &String::from_utf8_lossy(&output.stdout).into(), &String::from_utf8_lossy(&output.stderr).into()]
    {
        assert!(!text.contains("S3CR3T"), "{text}");
    }
    for kept in [
        "a=1&access_token=xxxxxxxxxxxx&",
        "\\\"model\\\":\\\"m\\\"",
        "data: you sent xxxxxxxxxxxxxxxxxxxx and xxxxxxxxxxxx.",
    ] {
        assert!(text.contains(kept), "{text}");
    }
}

#[test]
fn a_password_in_the_url_is_refused_without_being_shown() {
    for url in ["http://me:S3CR3T@localhost:1/", "me:S3CR3T@localhost", "http://localhost:S3CR3T/?token=S3CR3T"] {
        let output = onbeat(&["record", url]);
        let said = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(2));
        assert!(said.contains("expected a URL like http://localhost:8000/chat") && !said.contains("S3CR3T"), "{said}");
    }
}

#[test]
fn no_secret_is_in_the_folder_of_a_proxy() {
    let answer = "HTTP/1.1 200 OK\r\nSet-Cookie: sid=S3CR3T\r\nConnection: close\r\n\r\nyou are S3CR3T-bearer\n";
    let addr = answering(vec![answer.into()]);
    let proxied = Proxied::with(&format!("http://{addr}"), &["--redact", "x-room"]);
    let mut client = proxied.connect();
    let request = "POST /login?api_key=S3CR3T-query HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer S3CR3T-bearer\r\n\
                   Cookie: S3CR3T\r\nX-Room: S3CR3T\r\nContent-Type: application/x-www-form-urlencoded\r\n\
                   Content-Length: 15\r\n\r\npassword=S3CR3T";
    client.write_all(request.as_bytes()).expect("a reader");
    assert_eq!(read_to_end(&mut client), Ok(answer.into()));
    proxied.recording("0001-POST-login.jsonl: 200, ");
    for entry in std::fs::read_dir(&proxied.folder).expect("a folder") {
        let path = entry.expect("a file").path();
        let text = std::fs::read_to_string(&path).expect("UTF-8");
        assert!(!text.contains("S3CR3T") && !path.to_string_lossy().contains("S3CR3T"), "{text}");
        assert!(text.contains("password=xxxxxx"), "{text}");
    }
}
