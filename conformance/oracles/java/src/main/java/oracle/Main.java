package oracle;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * Apache Santuario, Apache WSS4J and the JDK as judges: reads requests from stdin, answers on stdout, ends with its
 * input.
 *
 * <p>A request and an answer are records: the number of fields, then each field as its length and its bytes; all numbers
 * are four bytes, big end first. The first field of a request is its verb, that of an answer "ok" or "no".
 */
public final class Main {
    private Main() {}

    public static void main(String[] arguments) throws Exception {
        DataInputStream in = new DataInputStream(new BufferedInputStream(System.in, 1 << 16));
        DataOutputStream out = new DataOutputStream(new BufferedOutputStream(System.out, 1 << 16));
        // What a library prints must not come between the answers.
        System.setOut(System.err);
        Signatures.begin();
        Envelopes.begin();
        while (true) {
            Request request = read(in);
            if (request == null) {
                return;
            }
            List<byte[]> answer = new ArrayList<>();
            try {
                List<byte[]> fields = answer(request);
                answer.add("ok".getBytes());
                answer.addAll(fields);
            } catch (Refused | RuntimeException | LinkageError error) {
                answer.clear();
                answer.add("no".getBytes());
                answer.add(Refused.why(error).getBytes("UTF-8"));
            }
            out.writeInt(answer.size());
            for (byte[] field : answer) {
                out.writeInt(field.length);
                out.write(field);
            }
            if (in.available() == 0) {
                out.flush();
            }
        }
    }

    private static List<byte[]> answer(Request request) throws Refused {
        return switch (request.verb()) {
            case "c14n-santuario" -> Forms.santuario(request);
            case "c14n-jdk" -> Forms.jdk(request);
            case "sign-jdk" -> Signatures.jdkSign(request);
            case "sign-santuario" -> Signatures.santuarioSign(request);
            case "verify-jdk" -> Signatures.jdkVerify(request);
            case "verify-santuario" -> Signatures.santuarioVerify(request);
            case "sign-wss4j" -> Envelopes.sign(request);
            case "verify-wss4j" -> Envelopes.verify(request);
            default -> throw new IllegalArgumentException("unknown verb " + request.verb());
        };
    }

    private static Request read(DataInputStream in) throws IOException {
        int count;
        try {
            count = in.readInt();
        } catch (EOFException end) {
            return null;
        }
        List<byte[]> fields = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            byte[] field = new byte[in.readInt()];
            in.readFully(field);
            fields.add(field);
        }
        return new Request(fields);
    }
}
