//! Who plays in the demo: invented institutions, with numbers whose check digits are right.

/// A registered sender.
#[derive(Debug)]
pub struct Sender {
    /// Sender number: six digits.
    pub number: &'static str,
    /// The name in the registry and in the certificate.
    pub name: &'static str,
    pub organisation: &'static str,
    pub party: &'static str,
    /// Its OAuth client.
    pub client_id: &'static str,
    /// An RSA key of 2048 bits, as most senders have; otherwise P-256.
    pub rsa: bool,
}

/// The sender that does the work, one with a key of another kind, and one that tries to use what is
/// not his.
pub const SENDERS: [Sender; 3] = [
    Sender {
        number: "006400",
        name: "payroll-office",
        organisation: "Payroll Office Demo",
        party: "cbe:0400000185",
        client_id: "payroll-office",
        rsa: true,
    },
    Sender {
        number: "006401",
        name: "town-hall",
        organisation: "Town Hall Demo",
        party: "cbe:0400000284",
        client_id: "town-hall",
        rsa: false,
    },
    Sender {
        number: "006402",
        name: "health-fund",
        organisation: "Health Fund Demo",
        party: "cbe:0400000383",
        client_id: "health-fund",
        rsa: true,
    },
];

/// The employer that is represented.
pub const EMPLOYER: &str = "cbe:0123456749";
pub const EMPLOYER_NUMBER: &str = "0123456749";
pub const EMPLOYER_NAME: &str = "Bakkerij Peeters";

/// The kind of work that the mandate is for.
pub const MANDATE_TYPE: &str = "employer-file";

#[cfg(test)]
mod tests {
    use crate::model::PartyId;

    use super::*;

    #[test]
    fn all_numbers_check_out() {
        for party in SENDERS.iter().map(|sender| sender.party).chain([EMPLOYER]) {
            assert!(party.parse::<PartyId>().is_ok(), "{party}");
        }
        for sender in &SENDERS {
            assert!(format!("sender:{}", sender.number).parse::<PartyId>().is_ok());
        }
    }
}
