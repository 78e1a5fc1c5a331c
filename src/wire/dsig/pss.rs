//! `RSAPSSParams` (RFC 9231 §2.3.9): what RSASSA-PSS with parameters may say.
//!
//! One hash for the message and for MGF1, a salt as long as the hash, the trailer 0xBC. Every other combination is
//! legal there, used by nobody, and a second way to say the same: refused, each parameter in its own words.

use super::Error;
use super::parse::{Parts, named, structure};
use crate::wire::crypto::{DigestAlgorithm, SignatureAlgorithm};
use crate::wire::ns;
use crate::wire::xml::Element;

/// The algorithm that a `ds:SignatureMethod` of type `#rsa-pss` asks for.
pub(super) fn parameters(method: Element<'_>) -> Result<SignatureAlgorithm, Error> {
    let mut parts = Parts::of(method)?;
    let parameters = parts.optional_of(ns::DSIG_MORE07, "RSAPSSParams");
    parts.end()?;
    // Without parameters: SHA-256 throughout.
    let Some(parameters) = parameters else { return Ok(SignatureAlgorithm::RsaPssSha256) };

    let mut parts = Parts::of(parameters)?;
    let digest = match parts.optional("DigestMethod") {
        Some(element) => digest(element, "the digest of RSA-PSS")?,
        None => DigestAlgorithm::Sha256,
    };
    if let Some(element) = parts.optional_of(ns::DSIG_MORE07, "MaskGenerationFunction") {
        mask(element, digest)?;
    }
    if let Some(element) = parts.optional_of(ns::DSIG_MORE07, "SaltLength") {
        number(element, "the salt length of RSA-PSS", digest.length())?;
    }
    if let Some(element) = parts.optional_of(ns::DSIG_MORE07, "TrailerField") {
        number(element, "the trailer field of RSA-PSS", 1)?;
    }
    parts.end()?;
    SignatureAlgorithm::rsa_pss(digest).ok_or_else(|| structure(parameters, "RSA-PSS has no such digest"))
}

/// The mask generation function is MGF1 with the digest of the message.
fn mask(element: Element<'_>, wanted: DigestAlgorithm) -> Result<(), Error> {
    let function = named(element)?;
    if function != ns::MGF1 {
        return Err(other(element, "the mask generation function of RSA-PSS", function, ns::MGF1));
    }
    let mut parts = Parts::of(element)?;
    if let Some(method) = parts.optional("DigestMethod") {
        let name = "the digest of MGF1";
        if digest(method, name)? != wanted {
            return Err(other(method, name, named(method)?, wanted.uri()));
        }
    }
    parts.end()
}

fn digest(element: Element<'_>, name: &'static str) -> Result<DigestAlgorithm, Error> {
    Parts::of(element)?.end()?;
    let uri = named(element)?;
    DigestAlgorithm::from_uri(uri).ok_or_else(|| other(element, name, uri, "SHA-256, SHA-384 or SHA-512"))
}

fn number(element: Element<'_>, name: &'static str, wanted: usize) -> Result<(), Error> {
    let Some(text) = element.text() else {
        return Err(structure(element, format!("pss:{} has elements inside", element.local_name())));
    };
    // xs:integer allows white space around it and nothing that a number would not show.
    let found = text.trim_ascii();
    if found == wanted.to_string() { Ok(()) } else { Err(other(element, name, found, &wanted.to_string())) }
}

fn other(element: Element<'_>, name: &'static str, found: &str, wanted: &str) -> Error {
    let found = found.chars().take(LONGEST).collect();
    Error::Parameter { element: element.id(), name, found, wanted: wanted.to_owned() }
}

/// How much of a value is quoted.
const LONGEST: usize = 120;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::xml::{Document, Limits};

    fn read(inside: &str) -> Result<SignatureAlgorithm, String> {
        let xml = format!(
            "<ds:SignatureMethod xmlns:ds='{}' xmlns:pss='{}' Algorithm='{}'>{inside}</ds:SignatureMethod>",
            ns::DS,
            ns::DSIG_MORE07,
            ns::RSA_PSS
        );
        let document = Document::parse(xml, &Limits::default()).expect("well-formed");
        parameters(document.root()).map_err(|error| error.to_string())
    }

    fn of(inside: &str) -> Result<SignatureAlgorithm, String> {
        read(&format!("<pss:RSAPSSParams>{inside}</pss:RSAPSSParams>"))
    }

    #[test]
    fn takes_what_santuario_and_the_rfc_write() {
        let sha384 = format!("<ds:DigestMethod Algorithm='{}'/>", ns::SHA384);
        let sha512 = format!("<ds:DigestMethod Algorithm='{}'/>", ns::SHA512);
        let mask =
            format!("<pss:MaskGenerationFunction Algorithm='{}'>{sha384}</pss:MaskGenerationFunction>", ns::MGF1);
        for (found, wanted) in [
            (read(""), SignatureAlgorithm::RsaPssSha256),
            (of(""), SignatureAlgorithm::RsaPssSha256),
            (
                of(&format!("{sha384}{mask}<pss:SaltLength>48</pss:SaltLength><pss:TrailerField>1</pss:TrailerField>")),
                SignatureAlgorithm::RsaPssSha384,
            ),
            (
                of(&format!("{sha512}<pss:SaltLength> 64 </pss:SaltLength><pss:TrailerField>1</pss:TrailerField>")),
                SignatureAlgorithm::RsaPssSha512,
            ),
        ] {
            assert_eq!(found, Ok(wanted));
        }
    }

    #[test]
    fn refuses_each_other_value_in_its_own_words() {
        let sha1 = format!("<ds:DigestMethod Algorithm='{}'/>", ns::SHA1);
        let sha512 = format!("<ds:DigestMethod Algorithm='{}'/>", ns::SHA512);
        let mgf1 = format!("<pss:MaskGenerationFunction Algorithm='{}'>", ns::MGF1);
        for (inside, wanted) in [
            (sha1.clone(), "the digest of RSA-PSS is"),
            (format!("{mgf1}{sha1}</pss:MaskGenerationFunction>"), "the digest of MGF1 is"),
            (format!("{mgf1}{sha512}</pss:MaskGenerationFunction>"), "the digest of MGF1 is"),
            ("<pss:MaskGenerationFunction Algorithm='urn:x'/>".into(), "mask generation function"),
            ("<pss:SaltLength>20</pss:SaltLength>".into(), "the salt length of RSA-PSS is \"20\", and 32 is taken"),
            ("<pss:SaltLength>+32</pss:SaltLength>".into(), "the salt length"),
            ("<pss:TrailerField>2</pss:TrailerField>".into(), "the trailer field"),
            ("<pss:TrailerField>1</pss:TrailerField><pss:SaltLength>32</pss:SaltLength>".into(), "may not stand here"),
            ("<pss:SaltLength>32</pss:SaltLength><pss:SaltLength>32</pss:SaltLength>".into(), "may not stand here"),
        ] {
            let error = of(&inside).expect_err(&inside);
            assert!(error.contains(wanted), "{error}");
        }
    }
}
