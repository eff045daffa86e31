//! Patterns: `*` stands for any characters, and `\*` for the character `*`.

/// Returns whether a text fits a pattern.
pub(crate) fn fits(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern, text);
    // Keeps, of the last star, the pattern behind the star and the text still to be taken.
    let mut last_star: Option<(&str, &str)> = None;
    loop {
        match first(pattern) {
            Some((Token::Star, rest)) => {
                // Lets the star take nothing at first.
                last_star = Some((rest, text));
                pattern = rest;
                continue;
            }
            Some((Token::Char(expected), rest)) => {
                if let Some(after) = text.strip_prefix(expected) {
                    (pattern, text) = (rest, after);
                    continue;
                }
            }
            None if text.is_empty() => return true,
            // Goes on below when the pattern is used up before the text: a star may still take more.
            None => {}
        }
        // Lets the last star take a character more. An earlier star never needs more: the last star takes the difference.
        let Some((behind, left)) = last_star else { return false };
        let mut chars = left.chars();
        if chars.next().is_none() {
            return false;
        }
        (pattern, text) = (behind, chars.as_str());
        last_star = Some((behind, text));
    }
}

enum Token {
    Star,
    Char(char),
}

/// Splits the first token off a pattern.
fn first(pattern: &str) -> Option<(Token, &str)> {
    // Looks for an escaped star before a plain backslash, which stands for itself.
    if let Some(rest) = pattern.strip_prefix("\\*") {
        return Some((Token::Char('*'), rest));
    }
    let mut chars = pattern.chars();
    let token = match chars.next()? {
        '*' => Token::Star,
        char => Token::Char(char),
    };
    Some((token, chars.as_str()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns whether a text fits, by the definition of a pattern alone.
    fn fits_by_definition(pattern: &[char], text: &[char]) -> bool {
        match pattern {
            [] => text.is_empty(),
            ['\\', '*', rest @ ..] => text.first() == Some(&'*') && fits_by_definition(rest, &text[1..]),
            ['*', rest @ ..] => (0..=text.len()).any(|taken| fits_by_definition(rest, &text[taken..])),
            [char, rest @ ..] => text.first() == Some(char) && fits_by_definition(rest, &text[1..]),
        }
    }

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("gpt-*", "gpt-4o", true),
            ("gpt-*", "GPT-4o", false),
            ("*b*", "abc", true),
            ("a*b*c", "a1b2b3c", true),
            ("a*b*c", "a1b2b3", false),
            ("a\\*b", "a*b", true),
            ("a\\*b", "axb", false),
            ("*/x", "a/b/x", true),
            ("*你", "你好你", true),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn many_stars_take_no_time() {
        assert!(!fits(&"*a".repeat(1000), &"a".repeat(999)));
        assert!(!fits(&("*a".repeat(100) + "b"), &"a".repeat(10_000)));
    }

    proptest! {
        #[test]
        fn a_text_fits_as_the_definition_says(pattern in r"[ab/*\\]{0,8}", text in "[ab/*]{0,10}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(fits(&pattern, &text), fits_by_definition(&chars(&pattern), &chars(&text)));
        }
    }
}
