use onbeat_server::random::Seed;
use proptest::prelude::*;

use super::*;
use crate::request::tests::request;

fn rendered(text: &str) -> String {
    let request = request("POST", "/chat?user=Bob%20B", r#"{"n":1.50,"name":"A\"da","list":[{"x":null}]}"#);
    let epoch: onbeat_wire::Epoch = "2025-12-01T00:00:00Z".parse().expect("an epoch");
    let mut random = Random::new(Seed(42), 0, 0);
    let now = epoch.at(onbeat_wire::Instant::EPOCH + std::time::Duration::from_millis(1500));
    let mut moment = Moment { request: &request, now, t_ms: 1500, seq: 7, random: &mut random };
    Template::parse(text).expect(text).render(&mut moment)
}

fn error(text: &str) -> String {
    Template::parse(text).expect_err(text).to_string()
}

#[test]
fn placeholders_are_filled_in() {
    for (text, expected) in [
        ("", ""),
        ("plain } }} { text", "plain } }} { text"),
        ("{{now}}", "2025-12-01T00:00:01.500Z"),
        ("{{ t_ms }}-{{seq}}", "1500-7"),
        ("{{method}} {{path}} {{query.user}} {{header.x-user}}", "POST /chat Bob B Ada"),
        ("{{/name}}{{/n}}{{/list}}{{/none}}{{query.none}}", r#"A"da1.5[{"x":null}]"#),
        ("{{json /name}},{{json /n}},{{json /none}},{{json query.user}}", r#""A\"da",1.5,null,"Bob B""#),
        (r#"{"a":{"b":{{json /list/0}}}}"#, r#"{"a":{"b":{"x":null}}}"#),
        ("{{{seq}}}", "{7}"),
        (r"\{{now}} \\{{", r"{{now}} \{{"),
        (r#"{{pick "a }} b"}}"#, "a }} b"),
        (r#"{{pick "a\"b\\c"}}"#, r#"a"b\c"#),
    ] {
        assert_eq!(rendered(text), expected, "{text}");
    }
}

#[test]
fn random_values_come_from_the_seed_by_a_rule_that_any_language_can_follow() {
    let mut random = Random::new(Seed(42), 0, 0);
    let mut unit = || random.next_unit();
    let units = [unit(), unit(), unit(), unit()];
    let expected = [
        stringify(&(units[0] * 100.0)),
        stringify(&((units[1] * 1000.0 + 0.5).floor() / 10.0)),
        stringify(&(-3.0 + (units[2] * 7.0).floor())),
        ["red", "green", "dark blue"][if units[3] < 1.0 / 3.0 { 0 } else { 1 + usize::from(units[3] >= 2.0 / 3.0) }]
            .to_owned(),
    ];
    assert_eq!(
        rendered(r#"{{random 0 100}};{{random 0 100 1}};{{random -3 3 0}};{{pick red green "dark blue"}}"#),
        expected.join(";")
    );
    assert_eq!(rendered("{{uuid}}"), rendered("{{uuid}}"));
}

#[test]
fn a_uuid_has_its_version_and_variant() {
    let mut random = Random::new(Seed(1), 0, 0);
    let mut seen = Vec::new();
    for _ in 0..1000 {
        let uuid = uuid(&mut random);
        let lengths: Vec<usize> = uuid.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_eq!(uuid.as_bytes()[14], b'4', "{uuid}");
        assert!(matches!(uuid.as_bytes()[19], b'8' | b'9' | b'a' | b'b'), "{uuid}");
        seen.push(uuid);
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 1000);
}

#[test]
fn whole_numbers_are_drawn_with_both_ends_and_no_others() {
    let mut random = Random::new(Seed(7), 0, 0);
    let mut counts = std::collections::BTreeMap::new();
    let Ok(range) = placeholder::Range::new(1.0, 3.0, Some(0)) else { panic!("a range") };
    for _ in 0..3000 {
        *counts.entry(range.draw(&mut random)).or_insert(0) += 1;
    }
    assert_eq!(counts.keys().collect::<Vec<_>>(), ["1", "2", "3"]);
    assert!(counts.values().all(|count| (900..1100).contains(count)), "{counts:?}");
}

#[test]
fn a_wrong_placeholder_is_refused_with_the_nearest_name() {
    for (text, said) in [
        ("{{noww}}", r#"{{noww}}: is not known; did you mean "now"?"#),
        (
            "{{colour}}",
            r"{{colour}}: expected now, t_ms, seq, random, uuid, pick, json, method, path, body, query., header., /; a literal {{ is written \{{",
        ),
        ("{{}}", r"{{}}: expected a name, such as now; a literal {{ is written \{{"),
        ("a {{now", r"{{now}}: expected }} behind it; a literal {{ is written \{{"),
        (r#"{{pick "a}}"#, r#"{{pick "a}}: expected a " that ends the quoted word; a literal {{ is written \{{"#),
        ("{{now 1}}", "{{now 1}}: expected now alone, got arguments"),
        ("{{random}}", "{{random}}: expected two numbers and perhaps a number of decimals, as in random 0 100 1"),
        ("{{random a 1}}", "{{random a 1}}: expected a number, got a"),
        ("{{random nan 1}}", "{{random nan 1}}: expected a number, got nan"),
        ("{{random 2 1}}", "{{random 2 1}}: expected the lower number first"),
        ("{{random 0 1e300}}", "{{random 0 1e300}}: expected numbers from -9007199254740991 to 9007199254740991"),
        ("{{random 0 1 99}}", "{{random 0 1 99}}: expected a number of decimals from 0 to 15, got 99"),
        ("{{random 0.5 1 0}}", "{{random 0.5 1 0}}: expected whole numbers, since the result has no decimals"),
        ("{{pick}}", "{{pick}}: expected words, as in pick red green"),
        (r#"{{pick "a"b}}"#, r#"{{pick "a"b}}: expected a space between words"#),
        ("{{json}}", "{{json}}: expected json and one part of the request, such as /user/name, query.user or body"),
    ] {
        assert_eq!(error(text), said);
    }
    for text in ["{{querry.a}}", "{{header}}", "{{header.}}", "{{Now}}", "{{json now}}", "{{ {{now}} }}"] {
        assert!(Template::parse(text).is_err(), "{text}");
    }
}

#[test]
fn a_template_knows_whether_it_counts_and_whether_it_changes() {
    let template = |text| Template::parse(text).expect("a template");
    assert!(template("{{seq}}").uses_seq() && !template("seq").uses_seq());
    assert_eq!(template("a\\{{b").constant(), Some("a{{b"));
    assert_eq!(template("").constant(), Some(""));
    assert_eq!(template("{{now}}").constant(), None);
}

proptest! {
    #[test]
    fn text_is_read_without_a_panic_and_text_without_placeholders_stays(text in r#"[a-z0-9 {}"\\./]{0,30}"#) {
        if let Ok(template) = Template::parse(&text) {
            let rendered = rendered(&text);
            if !text.contains("{{") {
                prop_assert_eq!(template.constant(), Some(&text[..]));
                prop_assert_eq!(rendered, text);
            }
        }
    }
}
