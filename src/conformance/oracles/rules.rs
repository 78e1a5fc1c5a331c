//! Where a verdict on a changed message may differ from ours, and why.

/// A difference that is there on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    pub name: &'static str,
    /// Whose verdict differs; empty for anybody's.
    pub who: &'static str,
    /// How the reason begins, or what is in it: ours where we refuse, theirs where they do.
    pub reason: &'static str,
    pub why: &'static str,
}

impl Rule {
    pub(super) fn is_of(&self, who: &str, reason: &str) -> bool {
        (self.who.is_empty() || self.who == who) && reason.contains(self.reason)
    }
}

/// They take it, we do not.
pub const STRICTER: &[Rule] = &[
    Rule {
        name: "a value is base64 and nothing else",
        who: "",
        reason: "signature Base64",
        why: "Others skip what is no letter of base64.",
    },
    Rule {
        name: "a Signature is built as its schema says",
        who: "",
        reason: "signature Structure",
        why: "Two readings of one Signature have each been an attack (XML Signature 1.1 §4).",
    },
    Rule {
        name: "an id names one element",
        who: "",
        reason: "signature ReferenceRepeated",
        why: "Ours counts every attribute that a common stack takes for an id, `id` too.",
    },
    Rule {
        name: "an element has one id",
        who: "",
        reason: "signature TwoIds",
        why: "Another reader may know the element by the other one.",
    },
    Rule {
        name: "a namespace name is an absolute URI",
        who: "",
        reason: "xml Namespace",
        why: "C14N 1.0 §2.1 fails on relative ones.",
    },
    Rule {
        name: "a namespace name is an absolute URI",
        who: "WSS4J",
        reason: "xml-namespace",
        why: "C14N 1.0 §2.1 fails on relative ones.",
    },
    Rule {
        name: "there are no processing instructions",
        who: "",
        reason: "xml ProcessingInstruction",
        why: "SOAP 1.1 §3: a message must not contain them. A damaged XML declaration is one.",
    },
    Rule {
        name: "there are no processing instructions",
        who: "WSS4J",
        reason: "xml-processing-instruction",
        why: "SOAP 1.1 §3: a message must not contain them. A damaged XML declaration is one.",
    },
    Rule {
        name: "a Signature is built as its schema says",
        who: "WSS4J",
        reason: "signature-structure",
        why: "Two readings of one Signature have each been an attack (XML Signature 1.1 §4).",
    },
    Rule {
        name: "the Security header holds elements only",
        who: "WSS4J",
        reason: "security-header-content",
        why: "WSS 1.1 §5 has no text in it, and what nobody reads somebody else may.",
    },
    Rule {
        name: "a key reference is read in one way",
        who: "WSS4J",
        reason: "key-reference-not-understood",
        why: "WSS 1.1 §7: elements only, and base64 where base64 stands. WSS4J skips what is neither.",
    },
    Rule {
        name: "the envelope is SOAP's",
        who: "WSS4J",
        reason: "soap-",
        why: "WSS4J looks at the Security header; the SOAP stack beside it looks at the rest.",
    },
    Rule {
        name: "addressing headers are WS-Addressing's",
        who: "WSS4J",
        reason: "addressing-",
        why: "WSS4J does not read them.",
    },
];

/// We take it, they do not; only where the change stands in the KeyInfo of a signature, and nowhere else.
pub const IN_KEY_INFO: &[Rule] = &[Rule {
    name: "KeyInfo is a hint",
    who: "WSS4J",
    reason: "",
    why: "Nothing covers KeyInfo. We read there which token of the message is meant, and of an assertion's own signature \
          nothing at all: its key is the registered one. WSS4J takes the issuer's key from there, and judges hints such as \
          TokenType and ValueType by the Basic Security Profile.",
}];

/// We take it, they do not; for these words of theirs, and only where one byte was changed that nobody signed.
pub const LOOSER: &[Rule] = &[
    Rule {
        name: "the EncodingType of a token has a default",
        who: "WSS4J",
        reason: "BSP:R3029",
        why: "WSS 1.1 §6.3: #Base64Binary. Real clients leave the attribute out; WSS4J asks for it with BSP R3029.",
    },
    Rule {
        name: "the name of a namespace that nothing uses",
        who: "libxmlsec1",
        reason: "is not a valid URI",
        why: "libxml2 also judges the port in it. No signed element has the namespace, or the digest would differ.",
    },
];
