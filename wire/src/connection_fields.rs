//! Fields of a single connection (RFC 9110, 7.6.1): each connection has fields of its own.

/// The names of fields that are about a single connection, in lower case. A field `connection` may name further ones.
pub const CONNECTION_FIELDS: [&str; 7] =
    ["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"];

/// Returns whether a field is about a single connection, by the name in any case.
#[must_use]
pub fn is_connection_field(name: &str) -> bool {
    CONNECTION_FIELDS.iter().any(|known| known.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_about_a_connection_in_any_case() {
        assert!(is_connection_field("Transfer-Encoding") && is_connection_field("te"));
        assert!(!is_connection_field("content-length") && !is_connection_field("tea"));
    }
}
