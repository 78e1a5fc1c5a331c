import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.util.Arrays;
import javax.xml.parsers.DocumentBuilderFactory;
import org.apache.wss4j.common.crypto.Merlin;
import org.apache.wss4j.dom.engine.WSSConfig;
import org.apache.wss4j.dom.engine.WSSecurityEngine;
import org.apache.wss4j.dom.handler.RequestData;
import org.w3c.dom.Document;

/**
 * How long WSS4J takes for a message: parse, and its whole Security header.
 *
 * <p>{@code WARM-UP AUTHORITY KNOWN,KNOWN MESSAGE...}: certificates and messages are files. Prints a line for each message:
 * the median of its rounds in nanoseconds of processor time. The first message warms up so many times, the others a tenth.
 */
public final class Verify {
    private static final int ROUNDS = 61;
    private static final int EACH = 20;

    private Verify() {}

    public static void main(String[] arguments) throws Exception {
        WSSConfig.init();
        int warmUp = Integer.parseInt(arguments[0]);
        Merlin crypto = new Merlin();
        crypto.setTrustStore(store(arguments[1]));
        crypto.setKeyStore(store(arguments[2].split(",")));
        DocumentBuilderFactory builders = DocumentBuilderFactory.newInstance();
        builders.setNamespaceAware(true);
        builders.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
        ThreadMXBean clock = ManagementFactory.getThreadMXBean();
        for (String file : Arrays.copyOfRange(arguments, 3, arguments.length)) {
            byte[] message = Files.readAllBytes(Path.of(file));
            for (int i = 0; i < warmUp; i++) {
                verify(message, crypto, builders);
            }
            warmUp = Math.max(warmUp / 10, 200);
            long[] rounds = new long[ROUNDS];
            for (int round = 0; round < ROUNDS; round++) {
                long began = clock.getCurrentThreadCpuTime();
                for (int i = 0; i < EACH; i++) {
                    verify(message, crypto, builders);
                }
                rounds[round] = (clock.getCurrentThreadCpuTime() - began) / EACH;
            }
            Arrays.sort(rounds);
            System.out.println(rounds[ROUNDS / 2]);
        }
    }

    private static void verify(byte[] message, Merlin crypto, DocumentBuilderFactory builders) throws Exception {
        Document document = builders.newDocumentBuilder().parse(new ByteArrayInputStream(message));
        RequestData data = new RequestData();
        data.setWssConfig(WSSConfig.getNewInstance());
        // The message grows old while it is measured; its Timestamp is read and compared all the same.
        data.setTimeStampStrict(false);
        data.setTimeStampTTL(Integer.MAX_VALUE);
        data.setSigVerCrypto(crypto);
        data.setCallbackHandler(callbacks -> {});
        data.setDisableBSPEnforcement(true);
        if (new WSSecurityEngine().processSecurityHeader(document, data).getResults().isEmpty()) {
            throw new IllegalStateException("nothing was verified");
        }
    }

    private static KeyStore store(String... files) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        for (String file : files) {
            try (InputStream pem = Files.newInputStream(Path.of(file))) {
                Certificate certificate = CertificateFactory.getInstance("X.509").generateCertificate(pem);
                store.setCertificateEntry("certificate-" + store.size(), certificate);
            }
        }
        return store;
    }
}
