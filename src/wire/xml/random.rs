//! Random well-formed documents for tests, made from random bytes: prefixes rebound and undeclared, odd spacing, references,
//! line ends, comments and CDATA in every place.

/// A document from `entropy`; the same bytes give the same document.
pub(crate) fn document(entropy: &[u8]) -> String {
    let mut maker = Maker { entropy, next: 0, out: String::new(), ids: 0 };
    if maker.chance(2) {
        maker.out.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n");
    }
    let scope = Scope { default: "", p: "urn:1", q: "urn:2" };
    maker.out.push_str("<!-- before -->");
    maker.element(0, scope, " xmlns:p='urn:1' xmlns:q=\"urn:2\"");
    maker.out.push_str("\n<!-- behind -->");
    maker.out
}

#[derive(Clone, Copy)]
struct Scope {
    default: &'static str,
    p: &'static str,
    q: &'static str,
}

struct Maker<'e> {
    entropy: &'e [u8],
    next: usize,
    out: String,
    ids: usize,
}

impl Maker<'_> {
    /// A number below `below`; zero when the bytes are used up, so every document ends.
    fn pick(&mut self, below: usize) -> usize {
        let byte = self.entropy.get(self.next).copied().unwrap_or(0);
        self.next += 1;
        usize::from(byte) % below
    }

    fn chance(&mut self, one_in: usize) -> bool {
        self.pick(one_in) == one_in - 1
    }

    fn one_of(&mut self, texts: &[&'static str]) -> &'static str {
        texts[self.pick(texts.len())]
    }

    fn element(&mut self, depth: usize, outer: Scope, extra: &str) {
        let mut scope = outer;
        let mut declared = String::new();
        if self.chance(3) {
            scope.default = self.one_of(&["urn:1", "urn:2", "", "http://x.example/a?b=c#d"]);
            declared.push_str(&format!("\n  xmlns='{}'", scope.default));
        }
        if extra.is_empty() && self.chance(4) {
            scope.p = self.one_of(&["urn:1", "urn:2", "urn:3"]);
            declared.push_str(&format!(" xmlns:p = \"{}\"", scope.p));
        }
        if extra.is_empty() && self.chance(5) {
            scope.q = self.one_of(&["urn:2", "urn:1"]);
            declared.push_str(&format!("\txmlns:q='{}'", scope.q));
        }
        let name = self.one_of(&["a", "p:a", "q:b", "\u{e9}l", "p:x-1.y"]);
        self.out.push_str(&format!("<{name}"));
        let before = self.chance(2);
        if before {
            self.out.push_str(&format!("{extra}{declared}"));
        }
        self.attributes(scope);
        if !before {
            self.out.push_str(&format!("{extra}{declared}"));
        }
        if self.chance(4) {
            self.out.push_str(self.space_or_none());
            self.out.push_str("/>");
            return;
        }
        self.out.push('>');
        let pieces = self.pick(9);
        for _ in 0..pieces {
            self.content(depth, scope);
        }
        self.out.push_str(&format!("</{name}{}>", self.space_or_none()));
    }

    fn space_or_none(&self) -> &'static str {
        if self.next.is_multiple_of(3) { "\n" } else { "" }
    }

    fn attributes(&mut self, scope: Scope) {
        self.ids += 1;
        self.out.push_str(&format!(" Id=\"id-{}\"", self.ids));
        for (name, namespace) in [("a", ""), ("p:a", scope.p), ("q:a", scope.q), ("xml:lang", "xml"), ("Z", "")] {
            // Two prefixes may be bound to one namespace.
            let twice = name == "q:a" && namespace == scope.p;
            if twice || !self.chance(3) {
                continue;
            }
            let quote = self.one_of(&["'", "\""]);
            let space = self.one_of(&[" ", "\n\t", "  ", "\r\n"]);
            self.out.push_str(&format!("{space}{name}={quote}"));
            for _ in 0..self.pick(4) {
                let piece = self.one_of(&[
                    "x",
                    " ",
                    "\t",
                    "\n",
                    "\r\n",
                    "\r",
                    "&amp;",
                    "&#10;",
                    "&#xD;",
                    "&#9;",
                    "\u{e9}",
                    "\u{1f600}",
                    ">",
                    "]]>",
                    "&lt;",
                    "&quot;",
                    "&apos;",
                    "\u{fffd}",
                    "/",
                ]);
                self.out.push_str(piece);
            }
            self.out.push_str(quote);
        }
    }

    fn content(&mut self, depth: usize, scope: Scope) {
        let kind = self.pick(5);
        if kind < 3 && depth < 6 {
            return self.element(depth + 1, scope, "");
        }
        let piece = self.one_of(&[
            "text",
            "\r\n",
            "\r",
            "\n  ",
            "&lt;",
            "&gt;",
            "&amp;",
            "&#13;",
            "&#x1F600;",
            "\u{1f600}\u{e9}",
            "] ] >",
            "<!-- c < & -->",
            "<![CDATA[<&>]]>",
            "<![CDATA[\r\n]] >]]>",
            "\"'",
            "\u{ffee}",
            "\u{85}",
            "<!---->",
        ]);
        self.out.push_str(piece);
    }
}
