//! Lists of known failures.

use std::process::Output;

use crate::served::Served;
use crate::support::{file, last_line, onbeat, text, verdicts};

#[test]
fn what_fails_is_told_and_can_be_expected() {
    // In the contract's time a server that runs twice as fast is early everywhere.
    let served = Served::start(&["--clock", "scaled:2"]);
    let url = format!("http://{}", served.addr);
    let arguments = ["check", &url, "--only", "stream-text.*,requests.options"];
    let list = file("known-failures.txt");
    let list = list.to_str().expect("UTF-8");

    let output = onbeat(&arguments);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("FAIL  stream-text.character-period"), "{}", text(&output.stdout));
    assert!(text(&output.stdout).contains(" ms too early"), "{}", text(&output.stdout));

    let written = onbeat(&[&arguments[..], &["--write-expect-failures", list]].concat());
    assert_eq!(written.status.code(), Some(0), "{}", text(&written.stderr));
    assert!(last_line(&written).starts_with("conforms but for "), "{}", last_line(&written));
    let expected = onbeat(&[&arguments[..], &["--expect-failures", list]].concat());
    assert_eq!(expected.status.code(), Some(0), "{}", text(&expected.stdout));
    assert!(last_line(&expected).starts_with("conforms but for "), "{}", last_line(&expected));

    std::fs::write(list, "requests.options # it was broken once\n").expect("a writable file");
    let stale = onbeat(&[&arguments[..], &["--expect-failures", list]].concat());
    assert_eq!(stale.status.code(), Some(1));
    assert!(text(&stale.stderr).contains("requests.options is listed, but does not fail any more"));
    assert!(text(&stale.stderr).contains("stream-text.character-period fails, and is not listed"));
    assert!(last_line(&stale).starts_with("does not conform: "), "{}", last_line(&stale));
}

#[test]
fn every_report_tells_known_failures_as_the_exit_code_does() {
    let served = Served::start(&["--clock", "scaled:2"]);
    let url = format!("http://{}", served.addr);
    let (list, junit, html) = (file("known.txt"), file("known.xml"), file("known.html"));
    let [list, junit, html] = [&list, &junit, &html].map(|path| path.to_str().expect("UTF-8"));
    let arguments = ["check", &url, "--only", "stream-text.*,requests.options", "--format", "jsonl"];
    let arguments = [&arguments[..], &["--junit", junit, "--html", html]].concat();
    // How often each word is said in the jsonl, and what the others say.
    let told = |output: &Output| {
        let verdicts = verdicts(output);
        let count = |word: &str| verdicts.iter().filter(|(_, verdict)| verdict == word).count();
        let counts = ["fail", "known-failure", "stale"].map(count);
        let xml = std::fs::read_to_string(junit).expect("written");
        let report = quick_junit::Report::deserialize_from_str(&xml).expect("JUnit");
        assert_eq!(report.failures, counts[0] + counts[2], "{xml}");
        assert_eq!(xml.matches("<skipped message=\"known failure: ").count(), counts[1]);
        assert_eq!(xml.matches("type=\"stale\"").count(), counts[2]);
        assert_eq!(output.status.code(), Some(i32::from(report.failures > 0)));
        assert_eq!(report.errors, 0);
        let page = std::fs::read_to_string(html).expect("written");
        assert_eq!(page.contains(">Conforms"), report.failures == 0);
        counts
    };
    let [failed, 0, 0] = told(&onbeat(&arguments)) else { panic!("nothing is listed yet") };
    assert!(failed > 0);
    let write = told(&onbeat(&[&arguments[..], &["--write-expect-failures", list]].concat()));
    let read = told(&onbeat(&[&arguments[..], &["--expect-failures", list]].concat()));
    assert_eq!((write[0], write[2], read[0], read[2]), (0, 0, 0, 0));
    assert!(write[1] > 0 && read[1] > 0);
    std::fs::write(list, "requests.options\n").expect("a writable file");
    let [unlisted, 0, 1] = told(&onbeat(&[&arguments[..], &["--expect-failures", list]].concat())) else {
        panic!("requests.options holds")
    };
    assert!(unlisted > 0);
}
