//! `wst:Claims` (WS-Trust 1.3 section 4.1) in the dialects that clients use: the two of
//! WS-Federation, 2006/12 and 200706, and that of the Identity Metasystem.

use crate::wire::ns;
use crate::wire::shape::{self, MAX_URI, Shape, ShapeError, name_of};
use crate::wire::xml::Element;

/// The claims asked for, or asserted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims {
    /// `@Dialect`, as written.
    pub dialect: Option<String>,
    pub claims: Vec<ClaimRequest>,
    /// Names of children that are no ClaimType of a known dialect.
    pub unknown: Vec<String>,
}

/// One claim. Without values it is asked for; with values the requester asserts them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimRequest {
    pub uri: String,
    pub optional: bool,
    pub values: Vec<String>,
}

impl Claims {
    /// The values of the first claim with this URI.
    pub fn values(&self, uri: &str) -> Option<&[String]> {
        self.claims.iter().find(|claim| claim.uri == uri).map(|claim| claim.values.as_slice())
    }
}

pub(super) fn read(element: Element<'_>) -> Result<Claims, ShapeError> {
    shape::no_text(element)?;
    let mut claims = Claims { dialect: element.attribute("", "Dialect").map(str::to_owned), ..Claims::default() };
    for (count, child) in element.children().enumerate() {
        if count >= MAX_CLAIMS {
            return Err(ShapeError::new(Shape::TooLong { most: MAX_CLAIMS }, element));
        }
        match (child.namespace(), child.local_name()) {
            (ns::AUTH | AUTH_2006 | ns::IDENTITY_CLAIMS, "ClaimType") => claims.claims.push(claim(child)?),
            _ => claims.unknown.push(name_of(child)),
        }
    }
    Ok(claims)
}

/// `ClaimType/@Uri` with `Value` children, or with the value as its text (NemLog-in).
fn claim(element: Element<'_>) -> Result<ClaimRequest, ShapeError> {
    let uri = shape::attribute(element, "Uri", "ClaimType/@Uri")?;
    if uri.len() > MAX_URI || uri.is_empty() {
        return Err(ShapeError::value("a claim's URI", uri, "", element));
    }
    let optional = match element.attribute("", "Optional") {
        None | Some("false" | "0") => false,
        Some("true" | "1") => true,
        Some(other) => return Err(ShapeError::value("true or false", other, "", element)),
    };
    let mut values = Vec::new();
    if element.children().next().is_none() {
        let text = shape::text(element, MAX_VALUE)?;
        if !text.is_empty() {
            values.push(text);
        }
    } else {
        shape::no_text(element)?;
        for child in element.children() {
            if !child.is(element.namespace(), "Value") || values.len() >= MAX_CLAIMS {
                return Err(ShapeError::new(Shape::Unexpected(name_of(child)), child));
            }
            values.push(shape::text(child, MAX_VALUE)?);
        }
    }
    Ok(ClaimRequest { uri: uri.to_owned(), optional, values })
}

/// The elements of dialect `http://schemas.xmlsoap.org/ws/2006/12/authorization/authclaims`.
pub const AUTH_2006: &str = "http://schemas.xmlsoap.org/ws/2006/12/authorization";
/// Most claims of a request, and values of a claim.
const MAX_CLAIMS: usize = 64;
/// Longest value, in bytes.
const MAX_VALUE: usize = 4096;
