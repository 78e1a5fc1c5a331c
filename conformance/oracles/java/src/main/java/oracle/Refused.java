package oracle;

/** The judge's answer is no. */
final class Refused extends Exception {
    private static final long serialVersionUID = 1L;

    Refused(String why) {
        super(why, null, false, false);
    }

    Refused(Throwable why) {
        this(why(why));
    }

    /** The texts of an error and of its causes. */
    static String why(Throwable error) {
        StringBuilder text = new StringBuilder();
        for (Throwable at = error; at != null && text.length() < 2000; at = at.getCause()) {
            text.append(text.length() == 0 ? "" : ": ");
            text.append(at instanceof Refused ? "" : at.getClass().getSimpleName() + " ").append(at.getMessage());
        }
        return text.toString();
    }
}
