//! The admin door: a socket in the data folder, for whoever may read that folder.
//!
//! `GET /livez`, `GET /readyz`, and `POST /verb` with one [`Verb`] as JSON. The command line sends
//! the same verbs to the same function when no server is running and it has opened the store
//! itself ([`Admin::perform`]), so that both ways do the same.
//!
//! What changes state is on record before it is acknowledged.

use std::path::Path;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::UnixListener;

use crate::audit::{AdminEntry, AuditTrail, Field, FileTrail, Leaf, Reader, Shown};
use crate::mandates::{MandateDraft, MandateStore};
use crate::model::{Mandate, MandateId, MandateStanding, PartyId, RealmId, Reference, Time};
use crate::serve::clock::Clock;
use crate::store::StoreError;

/// What the admin door does. Party identifiers are checked where they are read.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Verb {
    MandateCreate {
        /// Caller-made: the same twice is one mandate.
        id: Reference,
        grantor: PartyId,
        grantee: PartyId,
        #[serde(rename = "type")]
        mandate_type: String,
        valid_from: Option<Time>,
        valid_until: Option<Time>,
    },
    MandateEnd {
        id: MandateId,
        expected_version: Option<u64>,
    },
    MandateList {
        after: Option<MandateId>,
        limit: usize,
    },
    MandateShow {
        id: MandateId,
    },
    MandateCheck {
        grantor: PartyId,
        grantee: PartyId,
        #[serde(rename = "type")]
        mandate_type: String,
        at: Option<Time>,
    },
    /// The last `count` leaves.
    AuditTail {
        count: usize,
    },
    /// All that is known of one request; without a reference, of the last one.
    AuditShow {
        reference: Option<Reference>,
    },
}

/// Why a verb was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "problem", content = "detail", rename_all = "kebab-case")]
pub enum Problem {
    /// The request makes no sense: what to say instead.
    Usage(String),
    NotFound(String),
    Conflict(String),
    /// The store or the audit trail does not do it now.
    Unavailable(String),
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict(why) => Self::Conflict(why),
            StoreError::Unavailable(why) | StoreError::Ambiguous(why) => Self::Unavailable(why),
        }
    }
}

impl Problem {
    fn status(&self) -> StatusCode {
        match self {
            Self::Usage(_) => StatusCode::BAD_REQUEST,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// What the verbs work on.
#[derive(Debug, Clone)]
pub struct Admin {
    pub realm: RealmId,
    pub mandates: Arc<dyn MandateStore>,
    pub trail: AuditTrail,
    /// The files of the trail: written to disk before they are read.
    pub files: Arc<FileTrail>,
    pub reader: Reader,
    pub clock: Arc<dyn Clock>,
}

/// The largest page of a list.
const PAGE: usize = 1000;

impl Admin {
    /// Does one verb.
    ///
    /// # Errors
    /// [`Problem`]; then nothing was changed.
    pub async fn perform(&self, verb: Verb) -> Result<Value, Problem> {
        let now = self.clock.now();
        match verb {
            Verb::MandateCreate { id, grantor, grantee, mandate_type, valid_from, valid_until } => {
                let draft = MandateDraft {
                    idempotency_key: *id.as_bytes(),
                    grantor,
                    grantee,
                    mandate_type,
                    valid_from: valid_from.unwrap_or(now),
                    valid_until,
                };
                self.create(draft, now).await
            }
            Verb::MandateEnd { id, expected_version } => {
                let mandate = self.mandates.end(&self.realm, id, expected_version, now).await?;
                self.record("mandate-end", &mandate, now).await?;
                Ok(shown(&mandate, now))
            }
            Verb::MandateList { after, limit } => {
                let page = self.mandates.list(&self.realm, after, limit.min(PAGE)).await?;
                let next = (page.len() == limit.min(PAGE)).then(|| page.last().map(|mandate| mandate.id)).flatten();
                let mandates: Vec<Value> = page.iter().map(|mandate| shown(mandate, now)).collect();
                Ok(json!({ "mandates": mandates, "next": next }))
            }
            Verb::MandateShow { id } => match self.mandates.show(&self.realm, id).await? {
                Some(mandate) => Ok(shown(&mandate, now)),
                None => Err(Problem::NotFound(format!("there is no mandate {id}"))),
            },
            Verb::MandateCheck { grantor, grantee, mandate_type, at } => {
                self.check(&grantor, &grantee, &mandate_type, at.unwrap_or(now)).await
            }
            Verb::AuditTail { count } => {
                self.files.flush().await?;
                let leaves = self.reader.tail(count.min(PAGE)).map_err(unreadable)?;
                let leaves: Vec<Value> = leaves.iter().map(Leaf::json).collect();
                Ok(json!({ "records": leaves }))
            }
            Verb::AuditShow { reference } => self.show(reference).await,
        }
    }

    async fn create(&self, draft: MandateDraft, now: Time) -> Result<Value, Problem> {
        if draft.grantor == draft.grantee {
            return Err(Problem::Usage("a party needs no mandate to act for itself".to_owned()));
        }
        if draft.valid_until.is_some_and(|until| until <= draft.valid_from) {
            return Err(Problem::Usage("the mandate would end before it starts".to_owned()));
        }
        if draft.mandate_type.is_empty() || draft.mandate_type.len() > 128 {
            return Err(Problem::Usage("the type of a mandate has 1 to 128 characters, e.g. `dmfa`".to_owned()));
        }
        let mandate = self.mandates.create(&self.realm, draft, now).await?;
        self.record("mandate-create", &mandate, now).await?;
        Ok(shown(&mandate, now))
    }

    async fn check(
        &self,
        grantor: &PartyId,
        grantee: &PartyId,
        mandate_type: &str,
        at: Time,
    ) -> Result<Value, Problem> {
        let all = self.mandates.between(&self.realm, grantor, grantee).await?;
        let fitting: Vec<&Mandate> = all.iter().filter(|mandate| mandate.mandate_type == mandate_type).collect();
        let in_force = fitting.iter().find(|mandate| mandate.standing(at) == MandateStanding::InForce);
        let reason = match (in_force, fitting.last()) {
            (Some(_), _) => None,
            (None, None) => Some("mandate-missing"),
            (None, Some(last)) if last.standing(at) == MandateStanding::Ended => Some("mandate-ended"),
            (None, Some(_)) => Some("mandate-outside-period"),
        };
        let shown_mandates: Vec<Value> = fitting.iter().map(|mandate| shown(mandate, at)).collect();
        Ok(json!({ "in_force": in_force.is_some(), "reason": reason, "at": at, "mandates": shown_mandates }))
    }

    /// One request as it is on record: the leaves' fields in order, opened where they are personal
    /// and not erased, and the trace.
    async fn show(&self, reference: Option<Reference>) -> Result<Value, Problem> {
        self.files.flush().await?;
        let reference = match reference {
            Some(reference) => Some(reference),
            None => self.reader.last().map_err(unreadable)?,
        };
        let missing = || Problem::NotFound("no request with that reference is on record".to_owned());
        let reference = reference.ok_or_else(missing)?;
        let shown = self.reader.show(reference).map_err(unreadable)?.ok_or_else(missing)?;
        Ok(joined(reference, &shown))
    }

    async fn record(&self, action: &'static str, mandate: &Mandate, now: Time) -> Result<(), Problem> {
        let entry = AdminEntry {
            realm: self.realm.clone(),
            reference: Reference::new(),
            at: now,
            action,
            fields: vec![
                Field::Plain("mandate", format!("{}/{}", mandate.id, mandate.version).into()),
                Field::Plain("type", mandate.mandate_type.clone().into()),
                Field::Personal("grantor", mandate.grantor.to_string().into()),
                Field::Personal("grantee", mandate.grantee.to_string().into()),
            ],
        };
        self.trail.admin(entry).await.map_err(Problem::from)
    }
}

/// What `explain` reads: one object with the fields of all leaves of the request.
fn joined(reference: Reference, shown: &Shown) -> Value {
    let mut record = serde_json::Map::new();
    let lines = shown.leaves.iter().map(Leaf::json).chain(shown.stranger.clone());
    for line in lines.filter_map(|line| line.as_object().cloned()) {
        // What is sealed is opened below, as far as it was not erased.
        let structural =
            |name: &str| matches!(name, "v" | "realm" | "node" | "seq" | "ref" | "kind" | "trace" | "sealed");
        for (name, value) in line {
            match value {
                Value::Object(fields) if name == "fields" => record.extend(fields),
                value if !structural(&name) => {
                    record.insert(name, value);
                }
                _ => {}
            }
        }
    }
    for opening in &shown.openings {
        // A value that does not open its leaf is not the one that was recorded.
        let value = if opening.sound { opening.value.clone() } else { "(does not open its record)".into() };
        record.insert(opening.field.clone(), value);
    }
    record.insert("reference".to_owned(), reference.to_string().into());
    record.insert("trace".to_owned(), shown.trace.clone().unwrap_or_default());
    Value::Object(record)
}

/// A mandate with its standing at `at`.
fn shown(mandate: &Mandate, at: Time) -> Value {
    let mut value = serde_json::to_value(mandate).unwrap_or_default();
    value["standing"] = serde_json::to_value(mandate.standing(at)).unwrap_or_default();
    value
}

fn unreadable(error: std::io::Error) -> Problem {
    Problem::Unavailable(format!("the audit trail cannot be read: {error}"))
}

/// Listens on the socket, readable by its owner only. A socket left behind by a killed server is
/// replaced; the store's lock has told already that no server is alive.
///
/// # Errors
/// When the socket cannot be made.
pub fn bind(path: &Path) -> std::io::Result<UnixListener> {
    use std::os::unix::fs::PermissionsExt;
    if path.exists() {
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Serves the verbs until the task is dropped.
pub async fn serve(listener: UnixListener, admin: Admin) {
    let router = Router::new()
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
        .route("/verb", post(verb))
        .with_state(admin);
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let service = TowerToHyperService::new(router.clone());
        tokio::spawn(async move {
            let served = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            let _ = served.await;
        });
    }
}

/// Ready: requests can be answered, because their outcome can be recorded.
async fn ready(State(admin): State<Admin>) -> Response {
    if admin.trail.healthy() {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the audit trail cannot be written\n").into_response()
    }
}

async fn verb(State(admin): State<Admin>, Json(verb): Json<Verb>) -> Response {
    match admin.perform(verb).await {
        Ok(done) => Json(done).into_response(),
        Err(problem) => (problem.status(), Json(problem)).into_response(),
    }
}
