//! Parties: institutions, senders and persons, named by identifiers that are checked.
//!
//! Written `scheme:value`, e.g. `cbe:0206731645`, `sender:006400`, `ssin:85073003328`. A wrong
//! check digit is refused where the identifier is read, so that a typing error in a mandate never
//! becomes a mandate for somebody else. Formats: `reference/domain.md` 6.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The register that gave out an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// Crossroads Bank for Enterprises number: ten digits, the last two = 97 - (first eight mod 97).
    Cbe,
    /// Sender number of the social-security sector: six digits, leading zeros count.
    Sender,
    /// National or BIS number: eleven digits, the last two = 97 - (first nine mod 97), with a `2`
    /// put before the nine for those born from 2000 on.
    Ssin,
    /// An absolute URI of another register.
    Uri,
}

impl Scheme {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cbe => "cbe",
            Self::Sender => "sender",
            Self::Ssin => "ssin",
            Self::Uri => "uri",
        }
    }
}

/// A checked identifier of a party.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartyId {
    scheme: Scheme,
    value: String,
}

/// Why a text is not an identifier; the sentence says what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartyIdError(String);

impl fmt::Display for PartyIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PartyIdError {}

impl PartyId {
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The normalised value, without the scheme.
    pub fn value(&self) -> &str {
        &self.value
    }

    pub fn new(scheme: Scheme, value: &str) -> Result<Self, PartyIdError> {
        let value = match scheme {
            Scheme::Cbe => enterprise_number(value)?,
            Scheme::Sender => sender_number(value)?,
            Scheme::Ssin => national_number(value)?,
            Scheme::Uri => uri(value)?,
        };
        Ok(Self { scheme, value })
    }
}

impl fmt::Display for PartyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.scheme.as_str(), self.value)
    }
}

impl FromStr for PartyId {
    type Err = PartyIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, value) = text.split_once(':').ok_or_else(|| {
            PartyIdError(format!(
                "`{text}` has no scheme: write `cbe:`, `sender:`, `ssin:` or `uri:` before the number"
            ))
        })?;
        let scheme = match scheme {
            "cbe" | "kbo" | "bce" => Scheme::Cbe,
            "sender" => Scheme::Sender,
            "ssin" | "niss" | "insz" => Scheme::Ssin,
            "uri" => Scheme::Uri,
            other => {
                return Err(PartyIdError(format!("`{other}` is no scheme: use `cbe`, `sender`, `ssin` or `uri`")));
            }
        };
        Self::new(scheme, value)
    }
}

impl Serialize for PartyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PartyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// `0206.731.645` and `0206731645` are one number; nine digits lack the leading zero.
fn enterprise_number(text: &str) -> Result<String, PartyIdError> {
    let digits = digits_of(text, &['.', ' '])?;
    let digits = if digits.len() == 9 { format!("0{digits}") } else { digits };
    if digits.len() != 10 {
        return Err(PartyIdError(format!("`{text}` has {} digits: an enterprise number has ten", digits.len())));
    }
    check_digits(text, number(&digits[..8]), number(&digits[8..]))?;
    Ok(digits)
}

fn sender_number(text: &str) -> Result<String, PartyIdError> {
    let digits = digits_of(text, &[])?;
    if digits.len() != 6 {
        return Err(PartyIdError(format!(
            "`{text}` has {} digits: a sender number has six, with its leading zeros",
            digits.len()
        )));
    }
    Ok(digits)
}

fn national_number(text: &str) -> Result<String, PartyIdError> {
    let digits = digits_of(text, &['.', '-', ' '])?;
    if digits.len() != 11 {
        return Err(PartyIdError(format!("`{text}` has {} digits: a national number has eleven", digits.len())));
    }
    let (body, check) = (number(&digits[..9]), number(&digits[9..]));
    check_digits(text, body, check).or_else(|_| check_digits(text, 2_000_000_000 + body, check))?;
    Ok(digits)
}

fn uri(text: &str) -> Result<String, PartyIdError> {
    let absolute = text.split_once(':').is_some_and(|(scheme, rest)| {
        !rest.is_empty()
            && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    });
    let plain = text.len() <= 1024 && text.chars().all(|c| c.is_ascii_graphic() && !"<>\"{}|\\^`".contains(c));
    if absolute && plain { Ok(text.to_owned()) } else { Err(PartyIdError(format!("`{text}` is not an absolute URI"))) }
}

fn digits_of(text: &str, separators: &[char]) -> Result<String, PartyIdError> {
    let digits: String = text.chars().filter(|c| !separators.contains(c)).collect();
    if digits.chars().all(|c| c.is_ascii_digit()) && !digits.is_empty() && digits.len() <= 16 {
        Ok(digits)
    } else {
        Err(PartyIdError(format!("`{text}` may hold digits only")))
    }
}

fn number(digits: &str) -> u64 {
    digits.bytes().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'))
}

fn check_digits(text: &str, body: u64, check: u64) -> Result<(), PartyIdError> {
    let wanted = 97 - body % 97;
    if wanted == check {
        Ok(())
    } else {
        Err(PartyIdError(format!(
            "`{text}` ends in {check:02} where its other digits ask for {wanted:02}: a digit is wrong or two are swapped"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_enterprise_number_is_normalised() {
        let party: PartyId = "kbo:0206.731.645".parse().unwrap();
        assert_eq!(party.to_string(), "cbe:0206731645");
        assert_eq!("cbe:206731645".parse::<PartyId>().unwrap(), party);
    }

    #[test]
    fn a_swapped_digit_is_refused_with_the_digits_it_asks_for() {
        let error = "cbe:0206731654".parse::<PartyId>().unwrap_err();
        assert!(error.to_string().contains("45"), "{error}");
    }

    #[test]
    fn a_sender_number_keeps_its_zeros() {
        assert!("sender:6400".parse::<PartyId>().is_err());
        assert_eq!("sender:006400".parse::<PartyId>().unwrap().value(), "006400");
    }

    #[test]
    fn a_national_number_of_either_century_is_taken() {
        assert!("ssin:85073003328".parse::<PartyId>().is_ok());
        assert!("ssin:85.07.30-033.28".parse::<PartyId>().is_ok());
        assert!("ssin:85073003329".parse::<PartyId>().is_err());
        let body = 50_101_001_u64;
        let young = format!("{body:09}{:02}", 97 - (2_000_000_000 + body) % 97);
        assert!(format!("ssin:{young}").parse::<PartyId>().is_ok());
    }

    #[test]
    fn text_without_a_scheme_is_refused_with_the_schemes() {
        let error = "0206731645".parse::<PartyId>().unwrap_err();
        assert!(error.to_string().contains("`cbe:`"), "{error}");
    }
}
