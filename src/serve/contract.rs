//! The published contract of a SOAP door: its WSDL at `?wsdl`, the schemas at `?xsd=NAME`.
//!
//! The files lie in `wsdl/` and `xsd/` and are embedded. Addresses in them are the configured one
//! of the endpoint, never the Host header's.

/// The WSDL of this name with the endpoint's address in it.
pub fn wsdl(name: &str, location: &str) -> Option<String> {
    let (_, text) = WSDLS.iter().find(|(known, _)| *known == name)?;
    Some(text.replace("{{location}}", &escaped(location)))
}

/// The schema of this name; its imports lead back to this endpoint.
pub fn schema(name: &str, location: &str) -> Option<String> {
    let (_, text) = SCHEMAS.iter().find(|(known, _)| *known == name)?;
    let here = format!("schemaLocation=\"{}?xsd=", escaped(location));
    Some(text.replace("schemaLocation=\"", &here))
}

/// An address as an attribute value. Configuration has checked that it is a URL.
fn escaped(location: &str) -> String {
    location.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

macro_rules! embedded {
    ($folder:literal: $($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../", $folder, "/", $name)))),*]
    };
}

const WSDLS: &[(&str, &str)] = embedded!("wsdl": "oasis.wsdl");
const SCHEMAS: &[(&str, &str)] = embedded!(
    "xsd": "dsig.xsd", "exc-c14n.xsd", "saml2.xsd", "soap11.xsd", "soap12.xsd", "vidimus.xsd", "wsa.xsd",
    "wsp-2002.xsd", "wsp-2004.xsd", "wsp-2006.xsd", "wsp-w3c.xsd", "wsse.xsd", "wsse11.xsd", "wst13.xsd", "wsu.xsd",
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contract_names_the_configured_address_everywhere() {
        let wsdl = wsdl("oasis.wsdl", "https://sts.example.be/sts/oasis").unwrap();
        assert!(!wsdl.contains("{{"));
        assert_eq!(wsdl.matches("location=\"https://sts.example.be/sts/oasis\"").count(), 2);
    }

    #[test]
    fn every_schema_imports_only_schemas_that_are_served() {
        for (name, _) in SCHEMAS {
            let text = schema(name, "https://a.example/s").unwrap();
            for import in text.split("schemaLocation=\"https://a.example/s?xsd=").skip(1) {
                let target = import.split('"').next().unwrap_or_default();
                assert!(SCHEMAS.iter().any(|(known, _)| *known == target), "{name} imports {target}");
            }
        }
    }
}
