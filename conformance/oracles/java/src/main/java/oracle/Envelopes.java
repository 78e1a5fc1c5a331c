package oracle;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import javax.security.auth.callback.CallbackHandler;
import javax.xml.crypto.dsig.Reference;
import org.apache.wss4j.common.WSEncryptionPart;
import org.apache.wss4j.common.crypto.Crypto;
import org.apache.wss4j.common.saml.SAMLCallback;
import org.apache.wss4j.common.saml.SAMLUtil;
import org.apache.wss4j.common.saml.SamlAssertionWrapper;
import org.apache.wss4j.common.saml.bean.AttributeBean;
import org.apache.wss4j.common.saml.bean.AttributeStatementBean;
import org.apache.wss4j.common.saml.bean.AudienceRestrictionBean;
import org.apache.wss4j.common.saml.bean.AuthenticationStatementBean;
import org.apache.wss4j.common.saml.bean.ConditionsBean;
import org.apache.wss4j.common.saml.bean.KeyInfoBean;
import org.apache.wss4j.common.saml.bean.SubjectBean;
import org.apache.wss4j.common.saml.bean.Version;
import org.apache.wss4j.common.saml.builder.SAML1Constants;
import org.apache.wss4j.common.saml.builder.SAML2Constants;
import org.apache.wss4j.common.ext.WSSecurityException;
import org.apache.wss4j.common.util.WSTimeSource;
import org.apache.wss4j.dom.WSConstants;
import org.apache.wss4j.dom.WSDataRef;
import org.apache.wss4j.dom.engine.WSSConfig;
import org.apache.wss4j.dom.engine.WSSecurityEngine;
import org.apache.wss4j.dom.engine.WSSecurityEngineResult;
import org.apache.wss4j.dom.handler.RequestData;
import org.apache.wss4j.dom.handler.WSHandlerResult;
import org.apache.wss4j.dom.message.WSSecHeader;
import org.apache.wss4j.dom.message.WSSecSAMLToken;
import org.apache.wss4j.dom.message.WSSecSignature;
import org.apache.wss4j.dom.message.WSSecTimestamp;
import org.apache.wss4j.dom.message.token.Timestamp;
import org.apache.wss4j.dom.saml.WSSecSignatureSAML;
import org.apache.wss4j.dom.validate.Credential;
import org.w3c.dom.Document;
import org.w3c.dom.Element;

/**
 * WS-Security envelopes by WSS4J.
 *
 * <p>To sign: {@code ENVELOPE NOW STYLE METHOD DIGEST PARTS KEY CERTIFICATE ISSUER-KEY ISSUER-CERTIFICATE ISSUER AUDIENCE}.
 * To verify: {@code ENVELOPE NOW AUTHORITIES KNOWN}, answered by the ids of the elements that were verified.
 */
final class Envelopes {
    private static final String WSA = "http://www.w3.org/2005/08/addressing";
    private static final CallbackHandler NOBODY = callbacks -> {};

    private Envelopes() {}

    static void begin() {
        WSSConfig.init();
    }

    // ── to sign ──────────────────────────────────────────────────────────────────────────────────

    static List<byte[]> sign(Request request) throws Refused {
        Document document = Tree.read(request.bytes());
        try {
            Instant now = Instant.parse(request.text());
            String style = request.text();
            String method = request.text();
            String digest = request.text();
            List<String> parts = request.names();
            String key = request.text();
            String certificate = request.text();
            Crypto crypto = Keys.signer(key, certificate);
            WSSecHeader header = new WSSecHeader(document);
            header.insertSecurityHeader();
            WSSecTimestamp timestamp = new WSSecTimestamp(header);
            timestamp.setWsTimeSource(standing(now));
            timestamp.setTimeToLive(300);
            timestamp.prepare();
            timestamp.prependToHeader();
            SamlAssertionWrapper assertion = style.startsWith("saml") ? assertion(style, certificate, now, request) : null;
            if (style.endsWith("-str")) {
                signWithAssertion(header, assertion, method, digest, parts(document, parts, timestamp.getId()), crypto);
            } else {
                signBeside(header, assertion, style, method, digest, parts, timestamp.getId(), document, crypto);
            }
        } catch (Refused refused) {
            throw refused;
        } catch (Exception error) {
            throw new Refused(error);
        }
        return List.of(Tree.write(document));
    }

    /** The signature names a certificate, or an assertion that stands in the header by itself. */
    private static void signBeside(
        WSSecHeader header, SamlAssertionWrapper assertion, String style, String method, String digest, List<String> names, String timestamp, Document document, Crypto crypto)
        throws Exception {
        WSSecSignature signature = new WSSecSignature(header);
        signature.setUserInfo(Keys.ALIAS, Keys.PASSWORD);
        signature.setSignatureAlgorithm(method);
        signature.setDigestAlgo(digest);
        signature.setAddInclusivePrefixes(!names.contains("no-prefixes"));
        signature.setKeyIdentifierType(identifier(style));
        if (assertion != null) {
            new WSSecSAMLToken(header).build(assertion);
            signature.setCustomTokenId(assertion.getId());
            boolean first = style.startsWith("saml1");
            signature.setCustomTokenValueType(first ? WSConstants.WSS_SAML_KI_VALUE_TYPE : WSConstants.WSS_SAML2_KI_VALUE_TYPE);
        }
        if (style.equals("path")) {
            signature.setUseSingleCertificate(false);
        }
        signature.prepare(crypto);
        boolean coversToken = names.contains("Token");
        if (coversToken) {
            // It has to be in the document before it can be digested.
            signature.prependBSTElementToHeader();
        }
        List<WSEncryptionPart> parts = parts(document, names, timestamp);
        if (coversToken) {
            parts.add(new WSEncryptionPart(signature.getBSTTokenId()));
        }
        if (names.contains("STR")) {
            WSEncryptionPart part = new WSEncryptionPart("STRTransform", "", "Element");
            part.setId(signature.getSecurityTokenReferenceURI());
            parts.add(part);
        }
        if (names.contains("Assertion")) {
            parts.add(new WSEncryptionPart(assertion.getId()));
        }
        List<Reference> references = signature.addReferencesToSign(parts);
        signature.computeSignature(references);
        if (!coversToken) {
            signature.prependBSTElementToHeader();
        }
    }

    /** The signature names the assertion, brings it along, and covers it by STR-Transform. */
    private static void signWithAssertion(
        WSSecHeader header, SamlAssertionWrapper assertion, String method, String digest, List<WSEncryptionPart> parts, Crypto crypto) throws Exception {
        WSSecSignatureSAML signature = new WSSecSignatureSAML(header);
        signature.setUserInfo(Keys.ALIAS, Keys.PASSWORD);
        signature.setSignatureAlgorithm(method);
        signature.setDigestAlgo(digest);
        signature.setKeyIdentifierType(WSConstants.X509_KEY_IDENTIFIER);
        signature.getParts().addAll(parts);
        signature.getParts().add(new WSEncryptionPart("STRTransform", "", "Element"));
        signature.build(crypto, assertion, null, null, null);
    }

    private static int identifier(String style) {
        return switch (style) {
            case "token", "path" -> WSConstants.BST_DIRECT_REFERENCE;
            case "issuer-serial" -> WSConstants.ISSUER_SERIAL;
            case "subject-key-identifier" -> WSConstants.SKI_KEY_IDENTIFIER;
            case "thumbprint" -> WSConstants.THUMBPRINT_IDENTIFIER;
            case "embedded" -> WSConstants.X509_KEY_IDENTIFIER;
            case "saml1", "saml2" -> WSConstants.CUSTOM_KEY_IDENTIFIER;
            default -> throw new IllegalArgumentException("unknown style " + style);
        };
    }

    private static List<WSEncryptionPart> parts(Document document, List<String> names, String timestamp) {
        List<WSEncryptionPart> parts = new ArrayList<>();
        for (String name : names) {
            switch (name) {
                case "Body" -> parts.add(new WSEncryptionPart("Body", document.getDocumentElement().getNamespaceURI(), "Content"));
                case "Timestamp" -> parts.add(new WSEncryptionPart(timestamp));
                case "To", "Action", "MessageID" -> parts.add(new WSEncryptionPart(name, WSA, "Content"));
                default -> { }
            }
        }
        return parts;
    }

    private static SamlAssertionWrapper assertion(String style, String certificate, Instant now, Request request) throws Exception {
        Crypto issuerCrypto = Keys.signer(request.text(), request.text());
        String issuer = request.text();
        String audience = request.text();
        boolean first = style.startsWith("saml1");
        SAMLCallback wanted = new SAMLCallback();
        SAMLUtil.doSAMLCallback(callbacks -> describe((SAMLCallback) callbacks[0], first, certificate, now, issuer, audience), wanted);
        SamlAssertionWrapper assertion = new SamlAssertionWrapper(wanted);
        if (first) {
            assertion.getSaml1().setIssueInstant(now);
        } else {
            assertion.getSaml2().setIssueInstant(now);
        }
        assertion.signAssertion(Keys.ALIAS, Keys.PASSWORD, issuerCrypto, false, WSConstants.C14N_EXCL_OMIT_COMMENTS, WSConstants.RSA_SHA256, WSConstants.SHA256);
        return assertion;
    }

    private static void describe(SAMLCallback callback, boolean first, String certificate, Instant now, String issuer, String audience) {
        callback.setSamlVersion(first ? Version.SAML_11 : Version.SAML_20);
        callback.setIssuer(issuer);
        SubjectBean subject = new SubjectBean("0206731645", "", first ? SAML1Constants.CONF_HOLDER_KEY : SAML2Constants.CONF_HOLDER_KEY);
        KeyInfoBean key = new KeyInfoBean();
        key.setCertIdentifer(KeyInfoBean.CERT_IDENTIFIER.X509_CERT);
        try {
            key.setCertificate(Keys.certificates(certificate).get(0));
        } catch (Refused error) {
            throw new IllegalStateException(error);
        }
        subject.setKeyInfo(key);
        callback.setSubject(subject);
        // Its conditions are judged by the machine's own clock: WSS4J has no other for them.
        ConditionsBean conditions = new ConditionsBean(now.minusSeconds(60), now.plusSeconds(3600L * 24 * 365 * 20));
        AudienceRestrictionBean restriction = new AudienceRestrictionBean();
        restriction.getAudienceURIs().add(audience);
        conditions.setAudienceRestrictions(new ArrayList<>(List.of(restriction)));
        callback.setConditions(conditions);
        AttributeBean attribute = new AttributeBean();
        attribute.setSimpleName("role");
        attribute.setQualifiedName("urn:oracle:role");
        attribute.setAttributeValues(new ArrayList<>(List.of("clerk")));
        AttributeStatementBean attributes = new AttributeStatementBean();
        attributes.setSamlAttributes(new ArrayList<>(List.of(attribute)));
        attributes.setSubject(subject);
        callback.setAttributeStatementData(new ArrayList<>(List.of(attributes)));
        AuthenticationStatementBean authentication = new AuthenticationStatementBean();
        authentication.setAuthenticationInstant(now.minusSeconds(30));
        authentication.setAuthenticationMethod(first ? SAML1Constants.AUTH_METHOD_X509 : SAML2Constants.AUTH_CONTEXT_CLASS_REF_X509);
        authentication.setSubject(subject);
        callback.setAuthenticationStatementData(new ArrayList<>(List.of(authentication)));
    }

    // ── to verify ────────────────────────────────────────────────────────────────────────────────

    static List<byte[]> verify(Request request) throws Refused {
        Document document = Tree.read(request.bytes());
        Instant now = Instant.parse(request.text());
        Crypto crypto = Keys.judge(request.text(), request.text());
        RequestData data = new RequestData();
        WSSConfig config = WSSConfig.getNewInstance();
        config.setCurrentTime(standing(now));
        // Its own judges by the machine's clock.
        config.setValidator(WSConstants.TIMESTAMP, (Credential credential, RequestData of) -> inTime(credential, now));
        data.setWssConfig(config);
        data.setSigVerCrypto(crypto);
        data.setDecCrypto(crypto);
        data.setCallbackHandler(NOBODY);
        List<byte[]> verified = new ArrayList<>();
        try {
            WSHandlerResult result = new WSSecurityEngine().processSecurityHeader(document, data);
            List<WSSecurityEngineResult> signatures = result == null ? null : result.getActionResults().get(WSConstants.SIGN);
            if (signatures == null) {
                throw new Refused("no signature");
            }
            for (WSSecurityEngineResult signature : signatures) {
                @SuppressWarnings("unchecked")
                List<WSDataRef> references = (List<WSDataRef>) signature.get(WSSecurityEngineResult.TAG_DATA_REF_URIS);
                for (WSDataRef reference : references) {
                    verified.add(name(reference.getProtectedElement()).getBytes(StandardCharsets.UTF_8));
                }
            }
        } catch (Refused refused) {
            throw refused;
        } catch (Exception error) {
            throw new Refused(error);
        }
        return verified;
    }

    private static Credential inTime(Credential credential, Instant now) throws WSSecurityException {
        Timestamp timestamp = credential.getTimestamp();
        boolean begun = timestamp.getCreated() == null || !timestamp.getCreated().isAfter(now.plusSeconds(60));
        boolean ended = timestamp.getExpires() != null && !timestamp.getExpires().isAfter(now);
        if (!begun || ended) {
            throw new WSSecurityException(WSSecurityException.ErrorCode.MESSAGE_EXPIRED);
        }
        return credential;
    }

    /** Namespace and local name. */
    private static String name(Element element) {
        return element == null ? "" : (element.getNamespaceURI() == null ? "" : element.getNamespaceURI()) + "|" + element.getLocalName();
    }

    private static WSTimeSource standing(Instant now) {
        return () -> now;
    }
}
