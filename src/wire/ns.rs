//! Namespaces and identifiers of the specifications we speak. Compared byte for byte, always.

// ── XML ────────────────────────────────────────────────────────────────────────────────────────
pub const XML: &str = "http://www.w3.org/XML/1998/namespace";
pub const XMLNS: &str = "http://www.w3.org/2000/xmlns/";
pub const XS: &str = "http://www.w3.org/2001/XMLSchema";
pub const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

// ── SOAP and WS-Addressing ─────────────────────────────────────────────────────────────────────
pub const SOAP11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
pub const SOAP12: &str = "http://www.w3.org/2003/05/soap-envelope";
pub const SOAP11_ACTOR_NEXT: &str = "http://schemas.xmlsoap.org/soap/actor/next";
pub const SOAP12_ROLE_NEXT: &str = "http://www.w3.org/2003/05/soap-envelope/role/next";
pub const SOAP12_ROLE_ULTIMATE_RECEIVER: &str = "http://www.w3.org/2003/05/soap-envelope/role/ultimateReceiver";
/// WS-Addressing 1.0.
pub const WSA: &str = "http://www.w3.org/2005/08/addressing";
/// WS-Addressing, the submission of August 2004.
pub const WSA04: &str = "http://schemas.xmlsoap.org/ws/2004/08/addressing";
pub const WSA_ANONYMOUS: &str = "http://www.w3.org/2005/08/addressing/anonymous";
pub const WSA_NONE: &str = "http://www.w3.org/2005/08/addressing/none";
pub const WSA04_ANONYMOUS: &str = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous";
pub const WSA_FAULT: &str = "http://www.w3.org/2005/08/addressing/fault";
pub const WSA_SOAP_FAULT: &str = "http://www.w3.org/2005/08/addressing/soap/fault";
/// The Liberty Identity Web Services Framework, SOAP binding 2.0.
pub const LIBERTY_SB: &str = "urn:liberty:sb";
pub const WSAM: &str = "http://www.w3.org/2007/05/addressing/metadata";

// ── WS-Security ────────────────────────────────────────────────────────────────────────────────
pub const WSSE: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
pub const WSU: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
pub const WSSE11: &str = "http://docs.oasis-open.org/wss/oasis-wss-wssecurity-secext-1.1.xsd";
pub const X509_V3: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3";
pub const X509_PKI_PATH: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509PKIPathv1";
pub const X509_PKCS7: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#PKCS7";
pub const X509_SUBJECT_KEY_IDENTIFIER: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509SubjectKeyIdentifier";
pub const BASE64_BINARY: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary";
pub const THUMBPRINT_SHA1: &str = "http://docs.oasis-open.org/wss/oasis-wss-soap-message-security-1.1#ThumbprintSHA1";
pub const ENCRYPTED_KEY_TOKEN: &str = "http://docs.oasis-open.org/wss/oasis-wss-soap-message-security-1.1#EncryptedKey";
pub const ENCRYPTED_KEY_SHA1: &str =
    "http://docs.oasis-open.org/wss/oasis-wss-soap-message-security-1.1#EncryptedKeySHA1";
/// `wsse:KeyIdentifier/@ValueType` for the `AssertionID` of a SAML 1.1 assertion.
pub const SAML11_ASSERTION_ID: &str = "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.0#SAMLAssertionID";
/// `wsse:KeyIdentifier/@ValueType` for the `ID` of a SAML 2.0 assertion.
pub const SAML20_ASSERTION_ID: &str = "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLID";
pub const SAML11_TOKEN: &str = "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV1.1";
pub const SAML20_TOKEN: &str = "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV2.0";
pub const USERNAME_TOKEN: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#UsernameToken";
pub const PASSWORD_TEXT: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText";
pub const PASSWORD_DIGEST: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest";
pub const STR_TRANSFORM: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#STR-Transform";

// ── XML Signature and its algorithms ───────────────────────────────────────────────────────────
pub const DS: &str = "http://www.w3.org/2000/09/xmldsig#";
pub const DS11: &str = "http://www.w3.org/2009/xmldsig11#";
pub const XENC: &str = "http://www.w3.org/2001/04/xmlenc#";
pub const XENC11: &str = "http://www.w3.org/2009/xmlenc11#";
/// Exclusive canonical XML 1.0 without comments; also the namespace of `InclusiveNamespaces`.
pub const EXC_C14N: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
pub const EXC_C14N_WITH_COMMENTS: &str = "http://www.w3.org/2001/10/xml-exc-c14n#WithComments";
pub const C14N: &str = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315";
pub const C14N_WITH_COMMENTS: &str = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments";
pub const C14N11_WITH_COMMENTS: &str = "http://www.w3.org/2006/12/xml-c14n11#WithComments";
pub const C14N11: &str = "http://www.w3.org/2006/12/xml-c14n11";
pub const ENVELOPED_SIGNATURE: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
pub const RSA_SHA1: &str = "http://www.w3.org/2000/09/xmldsig#rsa-sha1";
pub const RSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
pub const RSA_SHA384: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384";
pub const RSA_SHA512: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512";
pub const ECDSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256";
pub const ECDSA_SHA384: &str = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384";
pub const ECDSA_SHA512: &str = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512";
/// Identifiers of 2007, and the namespace of `RSAPSSParams` (RFC 9231 §2.3.9).
pub const DSIG_MORE07: &str = "http://www.w3.org/2007/05/xmldsig-more#";
/// RSASSA-PSS with parameters.
pub const RSA_PSS: &str = "http://www.w3.org/2007/05/xmldsig-more#rsa-pss";
pub const MGF1: &str = "http://www.w3.org/2007/05/xmldsig-more#MGF1";
/// RSASSA-PSS without parameters (RFC 9231 §2.3.10).
pub const SHA256_RSA_MGF1: &str = "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1";
pub const SHA384_RSA_MGF1: &str = "http://www.w3.org/2007/05/xmldsig-more#sha384-rsa-MGF1";
pub const SHA512_RSA_MGF1: &str = "http://www.w3.org/2007/05/xmldsig-more#sha512-rsa-MGF1";
pub const EDDSA_ED25519: &str = "http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519";
pub const SHA1: &str = "http://www.w3.org/2000/09/xmldsig#sha1";
pub const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";
pub const SHA384: &str = "http://www.w3.org/2001/04/xmldsig-more#sha384";
pub const SHA512: &str = "http://www.w3.org/2001/04/xmlenc#sha512";

// ── SAML ───────────────────────────────────────────────────────────────────────────────────────
pub const SAML1: &str = "urn:oasis:names:tc:SAML:1.0:assertion";
pub const SAML2: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
pub const SAML2P: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
pub const SAML1_HOLDER_OF_KEY: &str = "urn:oasis:names:tc:SAML:1.0:cm:holder-of-key";
pub const SAML1_SENDER_VOUCHES: &str = "urn:oasis:names:tc:SAML:1.0:cm:sender-vouches";
pub const SAML1_BEARER: &str = "urn:oasis:names:tc:SAML:1.0:cm:bearer";
/// The Format of an Issuer, which is the default.
pub const SAML2_ENTITY: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity";
pub const SAML2_HOLDER_OF_KEY: &str = "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key";
pub const SAML2_SENDER_VOUCHES: &str = "urn:oasis:names:tc:SAML:2.0:cm:sender-vouches";
pub const SAML2_BEARER: &str = "urn:oasis:names:tc:SAML:2.0:cm:bearer";

// ── WS-Trust, WS-Policy, claims ────────────────────────────────────────────────────────────────
/// WS-Trust 1.3 and 1.4 core.
pub const WST13: &str = "http://docs.oasis-open.org/ws-sx/ws-trust/200512";
/// WS-Trust 1.4, the elements that it adds (`ActAs`).
pub const WST14: &str = "http://docs.oasis-open.org/ws-sx/ws-trust/200802";
/// WS-Trust, the submission of February 2005.
pub const WST05: &str = "http://schemas.xmlsoap.org/ws/2005/02/trust";
pub const WST05_BEARER: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/NoProofKey";
pub const WSP: &str = "http://schemas.xmlsoap.org/ws/2004/09/policy";
pub const WSP15: &str = "http://www.w3.org/ns/ws-policy";
pub const WSP02: &str = "http://schemas.xmlsoap.org/ws/2002/12/policy";
pub const WSP06: &str = "http://www.w3.org/2006/07/ws-policy";
pub const SP12: &str = "http://docs.oasis-open.org/ws-sx/ws-securitypolicy/200702";
pub const SP11: &str = "http://schemas.xmlsoap.org/ws/2005/07/securitypolicy";
/// Claims of the Identity Metasystem: `ClaimType/@Uri`, `@Optional`.
pub const IDENTITY_CLAIMS: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity";
/// Claims of WS-Federation: `ClaimType/@Uri` with `Value`. Its namespace is [`AUTH`].
pub const AUTH_CLAIMS: &str = "http://docs.oasis-open.org/wsfed/authorization/200706/authclaims";
pub const AUTH: &str = "http://docs.oasis-open.org/wsfed/authorization/200706";
pub const MEX: &str = "http://schemas.xmlsoap.org/ws/2004/09/mex";
