package oracle;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.util.HashSet;
import java.util.Set;
import javax.xml.XMLConstants;
import javax.xml.parsers.DocumentBuilder;
import javax.xml.parsers.DocumentBuilderFactory;
import org.apache.xml.security.c14n.implementations.Canonicalizer20010315WithComments;
import org.w3c.dom.Attr;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NamedNodeMap;
import org.w3c.dom.Node;
import org.xml.sax.ErrorHandler;
import org.xml.sax.SAXParseException;

/** Documents of the JDK's DOM. */
final class Tree {
    private static final DocumentBuilder BUILDER = builder();

    private Tree() {}

    private static DocumentBuilder builder() {
        try {
            DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
            factory.setNamespaceAware(true);
            factory.setFeature(XMLConstants.FEATURE_SECURE_PROCESSING, true);
            factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
            DocumentBuilder builder = factory.newDocumentBuilder();
            builder.setErrorHandler(new Strict());
            return builder;
        } catch (Exception error) {
            throw new IllegalStateException(error);
        }
    }

    static Document read(byte[] bytes) throws Refused {
        try {
            return BUILDER.parse(new ByteArrayInputStream(bytes));
        } catch (Exception error) {
            throw new Refused("not read: " + Refused.why(error));
        }
    }

    /** As the canonical form with comments: the JDK's serialisers change what they write, so that its signature is gone. */
    static byte[] write(Document document) throws Refused {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try {
            new Canonicalizer20010315WithComments().engineCanonicalizeSubTree(document, bytes);
        } catch (Exception error) {
            throw new Refused(error);
        }
        return bytes.toByteArray();
    }

    /** The element at a place in document order, from 0. */
    static Element at(Document document, int place) throws Refused {
        Element element = document.getDocumentElement();
        for (int i = 0; i < place && element != null; i++) {
            element = next(element);
        }
        if (element == null) {
            throw new Refused("no element " + place);
        }
        return element;
    }

    private static Element next(Element from) {
        Node node = from;
        do {
            if (node.getFirstChild() != null) {
                node = node.getFirstChild();
            } else {
                while (node != null && node.getNextSibling() == null) {
                    node = node.getParentNode();
                }
                node = node == null ? null : node.getNextSibling();
            }
        } while (node != null && node.getNodeType() != Node.ELEMENT_NODE);
        return (Element) node;
    }

    /** Makes ids of what the profile treats as ids: Id, ID and AssertionID. One that stands twice is refused. */
    static void registerIds(Document document) throws Refused {
        Set<String> seen = new HashSet<>();
        for (Element element = document.getDocumentElement(); element != null; element = next(element)) {
            NamedNodeMap attributes = element.getAttributes();
            for (int i = 0; i < attributes.getLength(); i++) {
                Attr attribute = (Attr) attributes.item(i);
                String name = attribute.getLocalName();
                if ("Id".equals(name) || "ID".equals(name) || "AssertionID".equals(name)) {
                    if (!seen.add(attribute.getValue())) {
                        throw new Refused("an id stands twice");
                    }
                    element.setIdAttributeNode(attribute, true);
                }
            }
        }
    }

    private static final class Strict implements ErrorHandler {
        @Override
        public void warning(SAXParseException warning) {}

        @Override
        public void error(SAXParseException error) throws SAXParseException {
            throw error;
        }

        @Override
        public void fatalError(SAXParseException error) throws SAXParseException {
            throw error;
        }
    }
}
