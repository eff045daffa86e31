//! JSON exactly as `JSON.stringify` writes it (ECMA-262, 25.5.2).
//!
//! `serde_json` agrees on everything but numbers: `serde_json` prints `50.0` and `1e16` where ECMAScript's
//! `Number::toString` (ECMA-262, 6.1.6.1.20) prints `50` and `10000000000000000`.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// Returns `value` as JSON: no spaces, keys in the order of declaration, numbers as ECMAScript prints them.
///
/// # Panics
///
/// If `value` cannot be JSON at all, such as a map whose keys are not strings.
#[must_use]
pub fn stringify<T: Serialize + ?Sized>(value: &T) -> String {
    // Makes room for most payloads, which then need no second allocation.
    let mut bytes = Vec::with_capacity(128);
    value
        .serialize(&mut Serializer::with_formatter(&mut bytes, EcmaScript))
        .expect("payloads are plain structs, written to memory");
    String::from_utf8(bytes).expect("serde_json writes UTF-8")
}

struct EcmaScript;

impl Formatter for EcmaScript {
    fn write_f64<W: Write + ?Sized>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        writer.write_all(ryu_js::Buffer::new().format_finite(value).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// ECMA-262, 6.1.6.1.20, step by step, from the shortest digits that Rust's `{:e}` finds.
    fn number_to_string(value: f64) -> String {
        if value == 0.0 {
            return "0".into();
        }
        let sign = if value < 0.0 { "-" } else { "" };
        let scientific = format!("{:e}", value.abs());
        let (mantissa, exponent) = scientific.split_once('e').expect("scientific notation");
        let digits = even_of_two(&mantissa.replace('.', ""), value);
        let k = i32::try_from(digits.len()).expect("at most 17 digits");
        let n = exponent.parse::<i32>().expect("an exponent") + 1;
        let zeros = |count: i32| "0".repeat(usize::try_from(count).expect("not negative"));
        let split = |at: i32| digits.split_at(usize::try_from(at).expect("not negative"));
        let body = if k <= n && n <= 21 {
            format!("{digits}{}", zeros(n - k))
        } else if 0 < n && n <= 21 {
            let (whole, fraction) = split(n);
            format!("{whole}.{fraction}")
        } else if -6 < n && n <= 0 {
            format!("0.{}{digits}", zeros(-n))
        } else {
            let (first, rest) = split(1);
            let point = if rest.is_empty() { "" } else { "." };
            format!("{first}{point}{rest}e{:+}", n - 1)
        };
        format!("{sign}{body}")
    }

    /// Where two shortest spellings are equally close, the standard wants the even one, and Rust rounds up.
    fn even_of_two(digits: &str, value: f64) -> String {
        let exact = format!("{:.1074}", value.abs()).replace('.', "");
        let exact = exact.trim_matches('0');
        match exact.strip_suffix('5') {
            Some(lower) if lower.len() == digits.len() && lower.ends_with(['0', '2', '4', '6', '8']) => {
                lower.to_owned()
            }
            _ => digits.to_owned(),
        }
    }

    #[test]
    fn numbers_are_spelled_as_in_ecmascript() {
        for (value, printed) in [
            (0.0, "0"),
            (-0.0, "0"),
            (50.0, "50"),
            (63.2, "63.2"),
            (-1.5, "-1.5"),
            (0.1 + 0.2, "0.30000000000000004"),
            (0.000_001, "0.000001"),
            (0.000_000_1, "1e-7"),
            (1.5e-7, "1.5e-7"),
            (123_456_789_012_345_680_000.0, "123456789012345680000"),
            (1e21, "1e+21"),
            (1.5e300, "1.5e+300"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (1_125_874_010_522_507.0 + 0.25, "1125874010522507.2"),
            (9_007_199_254_740_993.0, "9007199254740992"),
            (f64::NAN, "null"),
            (f64::INFINITY, "null"),
        ] {
            assert_eq!(stringify(&value), printed);
        }
    }

    #[test]
    fn strings_are_escaped_as_in_ecmascript() {
        for (value, printed) in [
            ("\"\\/", r#""\"\\/""#),
            ("\u{8}\t\n\u{c}\r", r#""\b\t\n\f\r""#),
            ("\0\u{1b}\u{1f}", r#""\u0000\u001b\u001f""#),
            ("\u{7f}\u{2028}\u{2029}é😀", "\"\u{7f}\u{2028}\u{2029}é😀\""),
        ] {
            assert_eq!(stringify(value), printed);
        }
    }

    #[test]
    fn the_second_formatter_knows_the_vectors_too() {
        assert_eq!(number_to_string(5e-324), "5e-324");
        assert_eq!(number_to_string(1e21), "1e+21");
        assert_eq!(number_to_string(0.000_001), "0.000001");
    }

    proptest! {
        #[test]
        fn any_number_is_spelled_as_the_standard_says(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            prop_assert_eq!(stringify(&value), number_to_string(value));
        }

        #[test]
        fn any_everyday_number_is_spelled_as_the_standard_says(value in -1e6..1e6_f64, scale in 0..9_i32) {
            let rounded = (value * 10_f64.powi(scale)).round() / 10_f64.powi(scale);
            prop_assert_eq!(stringify(&rounded), number_to_string(rounded));
        }
    }
}
