//! Replaces secrets in JSON: the values of keys with secret names. The text may have been cut, even within a character.

/// Returns the text with the values of secret keys replaced; nothing if there are none. All values within the value of a
/// secret key are replaced.
pub(super) fn hide(text: &[u8], is_secret: impl Fn(&str) -> bool) -> Option<Vec<u8>> {
    let mut hidden: Option<Vec<u8>> = None;
    let mut tokens = Tokens { text, next: 0 };
    let mut depth = 0_usize;
    // Keeps the depth of the secret key whose value is being read.
    let mut secret: Option<usize> = None;
    while let Some((start, end)) = tokens.next_token() {
        match text[start] {
            // Ends the value of a secret key with the next comma, or the next closing mark, at the depth of the key.
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                secret = secret.filter(|at| *at < depth);
            }
            b',' => secret = secret.filter(|at| *at < depth),
            b':' => {}
            b'"' if tokens.is_at_colon() => {
                // Takes a name that is no text of JSON as it stands between the quotes.
                let as_it_stands = |_| String::from_utf8_lossy(&text[start + 1..end - 1]).into_owned();
                let name: String = serde_json::from_slice(&text[start..end]).unwrap_or_else(as_it_stands);
                if secret.is_none() && is_secret(&name) {
                    secret = Some(depth);
                }
            }
            first if secret.is_some() => {
                let bytes = hidden.get_or_insert_with(|| text.to_vec());
                let is_string = first == b'"';
                // Keeps the quotes; a string that was cut has no closing quote.
                let is_whole = is_string && end - start >= 2 && text[end - 1] == b'"';
                for byte in &mut bytes[start + usize::from(is_string)..end - usize::from(is_whole)] {
                    match byte {
                        _ if is_string => *byte = b'x',
                        // Replaces digits by digits and keeps words such as `true`: the text stays JSON.
                        b'0'..=b'9' => *byte = b'1',
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    hidden
}

/// The tokens of a JSON text: strings, marks, and other values.
struct Tokens<'t> {
    text: &'t [u8],
    next: usize,
}

impl Tokens<'_> {
    /// Returns the bounds of the next token.
    fn next_token(&mut self) -> Option<(usize, usize)> {
        let start = self.skip_space();
        let bytes = self.text;
        self.next = match *bytes.get(start)? {
            b'"' => {
                let mut end = start + 1;
                while end < bytes.len() && bytes[end] != b'"' {
                    // Skips the escaped byte, which may be a quote.
                    end += if bytes[end] == b'\\' { 2 } else { 1 };
                }
                (end + 1).min(bytes.len())
            }
            byte if is_mark(byte) => start + 1,
            _ => {
                let rest = &bytes[start..];
                let is_end = |byte: &u8| byte.is_ascii_whitespace() || is_mark(*byte) || *byte == b'"';
                start + rest.iter().position(is_end).unwrap_or(rest.len())
            }
        };
        Some((start, self.next))
    }

    fn is_at_colon(&self) -> bool {
        self.text.get(self.skip_space()) == Some(&b':')
    }

    fn skip_space(&self) -> usize {
        let rest = &self.text[self.next..];
        self.next + rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count()
    }
}

fn is_mark(byte: u8) -> bool {
    matches!(byte, b'{' | b'}' | b'[' | b']' | b',' | b':')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hidden(text: &str) -> Option<String> {
        let hidden = hide(text.as_bytes(), |name| name == "key")?;
        Some(String::from_utf8(hidden).expect("whole strings and digits were replaced"))
    }

    #[test]
    fn the_values_of_secret_keys_are_replaced_and_no_others() {
        for (text, expected) in [
            (r#"{"a":"key","b":["key"]}"#, None),
            (r#"{"key":"abc","a":"abc"}"#, Some(r#"{"key":"xxx","a":"abc"}"#)),
            (r#"[{"key" : "a\"b\\"}, "c"]"#, Some(r#"[{"key" : "xxxxxx"}, "c"]"#)),
            (r#"{"k\u0065y":-120.5e3,"b":1}"#, Some(r#"{"k\u0065y":-111.1e1,"b":1}"#)),
            (
                r#"{"key":{"a":["b",7,{"c":"d"}],"e":null},"f":"g"}"#,
                Some(r#"{"key":{"a":["x",1,{"c":"x"}],"e":null},"f":"g"}"#),
            ),
            (r#"{"key":{"key":1,"a":"b"},"a":"b"}"#, Some(r#"{"key":{"key":1,"a":"x"},"a":"b"}"#)),
            (r#"{"key":"cut in the mid"#, Some(r#"{"key":"xxxxxxxxxxxxxx"#)),
            (r#"{"key":"你"}"#, Some(r#"{"key":"xxx"}"#)),
            ("{\"key\":\"a\\", Some("{\"key\":\"xx")),
            ("", None),
        ] {
            assert_eq!(hidden(text).as_deref(), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_keeps_its_length(text: String) {
            for text in [text.clone(), format!("{{\"key\":{text}"), format!("{{\"key\":\"{text}")] {
                prop_assert_eq!(hidden(&text).map_or(text.len(), |hidden| hidden.len()), text.len());
            }
        }
    }
}
