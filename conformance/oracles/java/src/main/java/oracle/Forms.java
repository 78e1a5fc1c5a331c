package oracle;

import java.io.ByteArrayOutputStream;
import java.security.GeneralSecurityException;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import javax.xml.crypto.NodeSetData;
import javax.xml.crypto.OctetStreamData;
import javax.xml.crypto.dom.DOMStructure;
import javax.xml.crypto.dsig.CanonicalizationMethod;
import javax.xml.crypto.dsig.TransformException;
import javax.xml.crypto.dsig.TransformService;
import org.apache.xml.security.c14n.CanonicalizerSpi;
import org.apache.xml.security.c14n.implementations.Canonicalizer20010315ExclOmitComments;
import org.apache.xml.security.c14n.implementations.Canonicalizer20010315OmitComments;
import org.apache.xml.security.exceptions.XMLSecurityException;
import org.apache.xml.security.signature.XMLSignatureInput;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NamedNodeMap;
import org.w3c.dom.Node;

/**
 * Canonical forms: {@code DOCUMENT (METHOD PREFIXES APEX OMIT)*}, answered by a form each. Santuario walks a subtree; the
 * JDK is given the same as a set of nodes, which goes through other code.
 */
final class Forms {
    private Forms() {}

    static List<byte[]> santuario(Request request) throws Refused {
        return each(request, (inclusive, prefixes, apex, omitted) -> {
            XMLSignatureInput input = new XMLSignatureInput(apex);
            input.setExcludeNode(omitted);
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            if (inclusive) {
                canonicalize(new Canonicalizer20010315OmitComments(), input, out);
            } else {
                new Canonicalizer20010315ExclOmitComments().engineCanonicalize(input, String.join(" ", prefixes), out, false);
            }
            return out.toByteArray();
        });
    }

    private static void canonicalize(CanonicalizerSpi how, XMLSignatureInput input, ByteArrayOutputStream out) throws XMLSecurityException {
        how.engineCanonicalizeSubTree(input.getSubNode(), out);
    }

    static List<byte[]> jdk(Request request) throws Refused {
        return each(request, (inclusive, prefixes, apex, omitted) -> {
            TransformService service = TransformService.getInstance(inclusive ? CanonicalizationMethod.INCLUSIVE : CanonicalizationMethod.EXCLUSIVE, "DOM", "XMLDSig");
            if (!inclusive) {
                // A PrefixList counts only where it was read from an element.
                service.init(new DOMStructure(Signatures.exclusive(apex.getOwnerDocument(), prefixes)), null);
            }
            Set<Node> nodes = new LinkedHashSet<>();
            collect(apex, omitted, nodes);
            NodeSetData<Node> data = nodes::iterator;
            OctetStreamData form = (OctetStreamData) service.transform(data, null);
            return form.getOctetStream().readAllBytes();
        });
    }

    private static void collect(Node node, Node omitted, Set<Node> into) {
        if (node == omitted || node.getNodeType() == Node.COMMENT_NODE) {
            return;
        }
        into.add(node);
        if (node instanceof Element element) {
            NamedNodeMap attributes = element.getAttributes();
            for (int i = 0; i < attributes.getLength(); i++) {
                into.add(attributes.item(i));
            }
        }
        for (Node child = node.getFirstChild(); child != null; child = child.getNextSibling()) {
            collect(child, omitted, into);
        }
    }

    private interface Form {
        byte[] of(boolean inclusive, List<String> prefixes, Element apex, Element omitted)
            throws XMLSecurityException, GeneralSecurityException, TransformException, java.io.IOException;
    }

    private static List<byte[]> each(Request request, Form form) throws Refused {
        Document document = Tree.read(request.bytes());
        List<byte[]> forms = new ArrayList<>();
        while (request.more()) {
            boolean inclusive = request.text().equals("inclusive");
            List<String> prefixes = request.names();
            Element apex = Tree.at(document, request.number());
            String omit = request.text();
            Element omitted = omit.isEmpty() ? null : Tree.at(document, Integer.parseInt(omit));
            try {
                forms.add(form.of(inclusive, prefixes, apex, omitted));
            } catch (Exception error) {
                throw new Refused(error);
            }
        }
        return forms;
    }
}
