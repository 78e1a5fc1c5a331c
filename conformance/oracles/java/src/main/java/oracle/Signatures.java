package oracle;

import java.nio.charset.StandardCharsets;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.util.ArrayList;
import java.util.List;
import javax.xml.XMLConstants;
import javax.xml.crypto.dom.DOMStructure;
import javax.xml.crypto.dsig.CanonicalizationMethod;
import javax.xml.crypto.dsig.Reference;
import javax.xml.crypto.dsig.SignedInfo;
import javax.xml.crypto.dsig.Transform;
import javax.xml.crypto.dsig.XMLSignatureFactory;
import javax.xml.crypto.dsig.dom.DOMSignContext;
import javax.xml.crypto.dsig.dom.DOMValidateContext;
import javax.xml.crypto.dsig.keyinfo.KeyInfo;
import javax.xml.crypto.dsig.spec.C14NMethodParameterSpec;
import javax.xml.crypto.dsig.spec.ExcC14NParameterSpec;
import javax.xml.crypto.dsig.spec.TransformParameterSpec;
import org.apache.xml.security.algorithms.SignatureAlgorithm;
import org.apache.xml.security.signature.XMLSignature;
import org.apache.xml.security.transforms.Transforms;
import org.apache.xml.security.transforms.params.InclusiveNamespaces;
import org.apache.xml.security.utils.Constants;
import org.w3c.dom.Document;
import org.w3c.dom.Element;

/**
 * XML signatures by the JDK (javax.xml.crypto) and by Santuario itself.
 *
 * <p>To sign: {@code DOCUMENT PARENT METHOD PREFIXES KEY KEYINFO (ID ENVELOPED PREFIXES DIGEST)*}; the signature becomes
 * the last child of PARENT. To verify: {@code DOCUMENT SIGNATURE CERTIFICATE}.
 */
final class Signatures {
    private static final String EXCLUSIVE = CanonicalizationMethod.EXCLUSIVE;

    private Signatures() {}

    static void begin() {
        org.apache.xml.security.Init.init();
    }

    /** One reference to make. */
    private record Line(String id, boolean enveloped, List<String> prefixes, String digest) {}

    /** What to sign and how. */
    private record Wish(Document document, Element parent, String method, List<String> prefixes, PrivateKey key, Element keyInfo, List<Line> lines) {}

    private static Wish wish(Request request) throws Refused {
        Document document = Tree.read(request.bytes());
        Tree.registerIds(document);
        Element parent = Tree.at(document, request.number());
        String method = request.text();
        List<String> prefixes = request.names();
        PrivateKey key = Keys.secret(request.text());
        String keyInfo = request.text();
        List<Line> lines = new ArrayList<>();
        while (request.more()) {
            lines.add(new Line(request.text(), request.text().equals("enveloped"), request.names(), request.text()));
        }
        Element known = null;
        if (!keyInfo.isEmpty()) {
            Document read = Tree.read(keyInfo.getBytes(StandardCharsets.UTF_8));
            known = (Element) document.importNode(read.getDocumentElement(), true);
        }
        return new Wish(document, parent, method, prefixes, key, known, lines);
    }

    // ── the JDK ──────────────────────────────────────────────────────────────────────────────────

    private static XMLSignatureFactory factory() throws Exception {
        return XMLSignatureFactory.getInstance("DOM", "XMLDSig");
    }

    static List<byte[]> jdkSign(Request request) throws Refused {
        Wish wish = wish(request);
        try {
            XMLSignatureFactory factory = factory();
            List<Reference> references = new ArrayList<>();
            for (Line line : wish.lines()) {
                List<Transform> transforms = new ArrayList<>();
                if (line.enveloped()) {
                    transforms.add(factory.newTransform(Transform.ENVELOPED, (TransformParameterSpec) null));
                }
                transforms.add(factory.newTransform(EXCLUSIVE, exclusive(line.prefixes())));
                references.add(factory.newReference("#" + line.id(), factory.newDigestMethod(line.digest(), null), transforms, null, null));
            }
            SignedInfo signedInfo = factory.newSignedInfo(
                factory.newCanonicalizationMethod(EXCLUSIVE, (C14NMethodParameterSpec) exclusive(wish.prefixes())),
                factory.newSignatureMethod(wish.method(), null),
                references);
            KeyInfo keyInfo = null;
            if (wish.keyInfo() != null) {
                List<DOMStructure> content = new ArrayList<>();
                for (var child = wish.keyInfo().getFirstChild(); child != null; child = child.getNextSibling()) {
                    content.add(new DOMStructure(child));
                }
                keyInfo = factory.getKeyInfoFactory().newKeyInfo(content);
            }
            DOMSignContext context = new DOMSignContext(wish.key(), wish.parent());
            context.setDefaultNamespacePrefix("ds");
            factory.newXMLSignature(signedInfo, keyInfo).sign(context);
        } catch (Exception error) {
            throw new Refused(error);
        }
        return List.of(Tree.write(wish.document()));
    }

    private static ExcC14NParameterSpec exclusive(List<String> prefixes) {
        return prefixes.isEmpty() ? null : new ExcC14NParameterSpec(prefixes);
    }

    static List<byte[]> jdkVerify(Request request) throws Refused {
        Document document = Tree.read(request.bytes());
        Tree.registerIds(document);
        Element signature = Tree.at(document, request.number());
        PublicKey key = Keys.certificates(request.text()).get(0).getPublicKey();
        boolean holds;
        try {
            DOMValidateContext context = new DOMValidateContext(key, signature);
            holds = factory().unmarshalXMLSignature(context).validate(context);
        } catch (Exception error) {
            throw new Refused(error);
        }
        if (!holds) {
            throw new Refused("the signature does not hold");
        }
        return List.of();
    }

    // ── Santuario ────────────────────────────────────────────────────────────────────────────────

    static List<byte[]> santuarioSign(Request request) throws Refused {
        Wish wish = wish(request);
        Document document = wish.document();
        try {
            Element canonicalization = exclusive(document, wish.prefixes());
            Element method = new SignatureAlgorithm(document, wish.method()).getElement();
            XMLSignature signature = new XMLSignature(document, "", method, canonicalization);
            wish.parent().appendChild(signature.getElement());
            for (Line line : wish.lines()) {
                Transforms transforms = new Transforms(document);
                if (line.enveloped()) {
                    transforms.addTransform(Transforms.TRANSFORM_ENVELOPED_SIGNATURE);
                }
                if (line.prefixes().isEmpty()) {
                    transforms.addTransform(EXCLUSIVE);
                } else {
                    transforms.addTransform(EXCLUSIVE, inclusive(document, line.prefixes()));
                }
                signature.addDocument("#" + line.id(), transforms, line.digest());
            }
            if (wish.keyInfo() != null) {
                Element keyInfo = signature.getKeyInfo().getElement();
                while (wish.keyInfo().getFirstChild() != null) {
                    keyInfo.appendChild(wish.keyInfo().getFirstChild());
                }
            }
            signature.sign(wish.key());
        } catch (Exception error) {
            throw new Refused(error);
        }
        return List.of(Tree.write(document));
    }

    /** A CanonicalizationMethod with its PrefixList. */
    static Element exclusive(Document document, List<String> prefixes) {
        Element method = document.createElementNS(Constants.SignatureSpecNS, "ds:CanonicalizationMethod");
        method.setAttributeNS(XMLConstants.XMLNS_ATTRIBUTE_NS_URI, "xmlns:ds", Constants.SignatureSpecNS);
        method.setAttributeNS(null, "Algorithm", EXCLUSIVE);
        if (!prefixes.isEmpty()) {
            method.appendChild(inclusive(document, prefixes));
        }
        return method;
    }

    private static Element inclusive(Document document, List<String> prefixes) {
        Element list = document.createElementNS(InclusiveNamespaces.ExclusiveCanonicalizationNamespace, "ec:InclusiveNamespaces");
        list.setAttributeNS(XMLConstants.XMLNS_ATTRIBUTE_NS_URI, "xmlns:ec", InclusiveNamespaces.ExclusiveCanonicalizationNamespace);
        list.setAttributeNS(null, "PrefixList", String.join(" ", prefixes));
        return list;
    }

    static List<byte[]> santuarioVerify(Request request) throws Refused {
        Document document = Tree.read(request.bytes());
        Tree.registerIds(document);
        Element element = Tree.at(document, request.number());
        PublicKey key = Keys.certificates(request.text()).get(0).getPublicKey();
        boolean holds;
        try {
            holds = new XMLSignature(element, "", true).checkSignatureValue(key);
        } catch (Exception error) {
            throw new Refused(error);
        }
        if (!holds) {
            throw new Refused("the signature does not hold");
        }
        return List.of();
    }
}
