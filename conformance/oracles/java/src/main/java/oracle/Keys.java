package oracle;

import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.wss4j.common.crypto.Crypto;
import org.apache.wss4j.common.crypto.Merlin;

/** Keys and certificates from PEM, each read once. */
final class Keys {
    static final String ALIAS = "key";
    static final String PASSWORD = "unused";
    private static final Map<String, PrivateKey> PRIVATE = new HashMap<>();
    private static final Map<String, List<X509Certificate>> CERTIFICATES = new HashMap<>();
    private static final Map<String, Crypto> CRYPTO = new HashMap<>();

    private Keys() {}

    static PrivateKey secret(String pem) throws Refused {
        PrivateKey known = PRIVATE.get(pem);
        if (known != null) {
            return known;
        }
        byte[] der = Base64.getMimeDecoder().decode(pem.replaceAll("-----[A-Z ]+-----", ""));
        Exception last = null;
        for (String kind : List.of("RSA", "EC", "Ed25519")) {
            try {
                PrivateKey key = KeyFactory.getInstance(kind).generatePrivate(new PKCS8EncodedKeySpec(der));
                PRIVATE.put(pem, key);
                return key;
            } catch (Exception error) {
                last = error;
            }
        }
        throw new Refused(last);
    }

    static List<X509Certificate> certificates(String pem) throws Refused {
        List<X509Certificate> known = CERTIFICATES.get(pem);
        if (known == null) {
            known = new ArrayList<>();
            try {
                var bytes = new ByteArrayInputStream(pem.getBytes(StandardCharsets.US_ASCII));
                for (Certificate certificate : CertificateFactory.getInstance("X.509").generateCertificates(bytes)) {
                    known.add((X509Certificate) certificate);
                }
            } catch (Exception error) {
                throw new Refused(error);
            }
            CERTIFICATES.put(pem, known);
        }
        return known;
    }

    /** For WSS4J: a key with its certificate. */
    static Crypto signer(String key, String certificate) throws Refused {
        return crypto(key + certificate, merlin -> {
            KeyStore store = empty();
            store.setKeyEntry(ALIAS, secret(key), PASSWORD.toCharArray(), certificates(certificate).toArray(new Certificate[0]));
            merlin.setKeyStore(store);
        });
    }

    /** For WSS4J: authorities that are trusted, and certificates that a reference can name. */
    static Crypto judge(String authorities, String known) throws Refused {
        return crypto(authorities + "/" + known, merlin -> {
            KeyStore store = empty();
            for (X509Certificate certificate : certificates(known)) {
                store.setCertificateEntry("known-" + store.size(), certificate);
            }
            merlin.setKeyStore(store);
            KeyStore trust = empty();
            for (X509Certificate certificate : certificates(authorities)) {
                trust.setCertificateEntry("trusted-" + trust.size(), certificate);
            }
            merlin.setTrustStore(trust);
        });
    }

    private static KeyStore empty() throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        return store;
    }

    private interface Fill {
        void into(Merlin merlin) throws Exception;
    }

    private static Crypto crypto(String name, Fill fill) throws Refused {
        Crypto known = CRYPTO.get(name);
        if (known == null) {
            Merlin merlin = new Merlin();
            try {
                fill.into(merlin);
            } catch (Exception error) {
                throw new Refused(error);
            }
            CRYPTO.put(name, merlin);
            known = merlin;
        }
        return known;
    }
}
