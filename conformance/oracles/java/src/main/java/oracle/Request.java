package oracle;

import java.nio.charset.StandardCharsets;
import java.util.List;

/** The fields of a request, taken one after the other behind the verb. */
final class Request {
    private final List<byte[]> fields;
    private int next = 1;

    Request(List<byte[]> fields) {
        this.fields = fields;
    }

    String verb() {
        return new String(fields.get(0), StandardCharsets.UTF_8);
    }

    boolean more() {
        return next < fields.size();
    }

    byte[] bytes() {
        return fields.get(next++);
    }

    String text() {
        return new String(bytes(), StandardCharsets.UTF_8);
    }

    int number() {
        return Integer.parseInt(text());
    }

    /** Names between spaces. */
    List<String> names() {
        String text = text();
        return text.isEmpty() ? List.of() : List.of(text.split(" "));
    }
}
