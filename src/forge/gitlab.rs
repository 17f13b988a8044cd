//! GitLab: notes on the merge request of the running pipeline.

use serde::Deserialize;
use serde_json::{Value, json};
use ureq::http::{HeaderValue, Method};

use super::client::{Client, Repeat, read};
use super::marker::Moment;
use super::thread::{Absence, Comment, Kept, Note, Origin, Thread, keep};
use super::variables::{number, variable};
use crate::fault::Fault;
use crate::http::Answer;
use crate::project::encode;
use crate::secret::Secret;
use crate::site::Lookup;

/// The user name that belongs to a token, in git.
pub(super) const USER: &str = "oauth2";
/// Maximum number of pages, of a hundred notes each. No merge request has so many notes.
const MAX_PAGES: u64 = 100;
const PERMISSION: &str = "GITLAB_TOKEN needs the scope `api` and the role Reporter or above in this project, as a project \
                          access token has; CI_JOB_TOKEN may not write notes";

/// The merge request of the running pipeline.
pub struct GitLab {
    client: Client,
    api: String,
    /// The URL of its notes.
    notes: String,
    origin: Origin,
}

/// Returns why the running pipeline gets no secrets; `None` if it is not of a merge request without secrets.
pub(super) fn outsider(lookup: &Lookup<'_>) -> Option<&'static str> {
    let target = variable(lookup, "CI_MERGE_REQUEST_PROJECT_ID")?;
    let source = variable(lookup, "CI_MERGE_REQUEST_SOURCE_PROJECT_ID")?;
    (source != target).then_some("the merge request is from a fork")
}

impl GitLab {
    /// Finds the merge request of the running pipeline.
    ///
    /// # Errors
    ///
    /// There is no merge request to comment on, or it is unknown which one or with which token.
    pub fn find(lookup: &Lookup<'_>) -> Result<Self, Absence> {
        let get = |name: &str| variable(lookup, name);
        let (Some(project), Some(request)) = (
            get("CI_MERGE_REQUEST_PROJECT_ID"),
            get("CI_MERGE_REQUEST_IID"),
        ) else {
            let reason = "this is no pipeline of a merge request".to_owned();
            return Err(Absence::NotDue(reason));
        };
        if get("CI_PROJECT_ID").is_some_and(|own| own != project) {
            let reason = "the pipeline is that of a fork, and its token may not write one";
            return Err(Absence::NotDue(reason.to_owned()));
        }
        let wrong = |message: &str, help: &str| Absence::Wrong(Fault::evidence(message).help(help));
        let token = lookup("GITLAB_TOKEN")
            .and_then(|token| Secret::new(&token, USER))
            .ok_or_else(|| wrong("GITLAB_TOKEN is not set", PERMISSION))?;
        let api = get("CI_API_V4_URL")
            .ok_or_else(|| wrong("CI_API_V4_URL is not set", "GitLab's runner sets it"))?;
        let api = api.trim_end_matches('/').to_owned();
        let client =
            Client::new("GitLab", &api, token, is_rate_limit, lookup).map_err(Absence::Wrong)?;
        let notes = format!(
            "{api}/projects/{}/merge_requests/{}/notes",
            encode(&project),
            encode(&request)
        );
        Ok(Self {
            client,
            api,
            notes,
            origin: Origin {
                moment: Moment {
                    pipeline: number(lookup, "CI_PIPELINE_ID"),
                    attempt: number(lookup, "CI_JOB_ID"),
                },
                // The first variable is set if GitLab tests a merged result, which is not a pushed commit.
                commit: get("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA").or_else(|| get("CI_COMMIT_SHA")),
                pipeline: get("CI_JOB_URL"),
            },
        })
    }

    /// The origin of its notes.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Writes or updates notes.
    ///
    /// # Errors
    ///
    /// The notes cannot be written. The error names a missing permission.
    pub fn keep(&self, comments: &[Comment]) -> Result<Vec<Kept>, Fault> {
        keep(self, self.origin.moment, comments)
    }

    fn ask(
        &self,
        method: &Method,
        url: &str,
        body: Option<&Value>,
        repeat: Repeat,
    ) -> Result<Answer, Fault> {
        let answer = self.client.send(method, url, body, repeat)?;
        let refusal: ApiError = read(&answer).unwrap_or_default();
        let said = refusal.message.or(refusal.error_description);
        let said = self.client.quoted(said.or(refusal.error).as_deref());
        match answer.status {
            200 | 201 => Ok(answer),
            401 => Err(
                Fault::evidence(format!("GitLab refused the token (401){said}")).help(PERMISSION),
            ),
            status @ (403 | 404) => {
                let what = "the token may not comment on this merge request";
                Err(Fault::evidence(format!("{what} ({status}){said}")).help(PERMISSION))
            }
            status => Err(Fault::evidence(format!("GitLab answered {status}{said}"))
                .help("the verdict is not affected; run the job again for the comment")),
        }
    }

    /// Returns the id of the user who owns the token.
    fn holder(&self) -> Result<u64, Fault> {
        let url = format!("{}/user", self.api);
        let answer = self.ask(&Method::GET, &url, None, Repeat::Harmless)?;
        let User { id } = read(&answer).ok_or_else(strange)?;
        Ok(id)
    }
}

impl Thread for GitLab {
    fn ours(&self) -> Result<Vec<Note>, Fault> {
        let holder = self.holder()?;
        let mut notes = Vec::new();
        for page in 1..=MAX_PAGES {
            let url = format!(
                "{}?per_page=100&page={page}&order_by=created_at&sort=asc",
                self.notes
            );
            let answer = self.ask(&Method::GET, &url, None, Repeat::Harmless)?;
            let known: Vec<Known> = read(&answer).ok_or_else(strange)?;
            let ours = known.into_iter().filter(|note| note.author.id == holder);
            notes.extend(ours.map(|note| Note {
                id: note.id.to_string(),
                body: note.body,
            }));
            let next = answer.headers.get("x-next-page");
            if next.is_none_or(HeaderValue::is_empty) {
                return Ok(notes);
            }
        }
        Err(Fault::evidence("the merge request has too many notes")
            .help("delete notes, or leave out --gitlab-note"))
    }

    fn create(&self, body: &str) -> Result<(), Fault> {
        let body = json!({"body": body});
        self.ask(&Method::POST, &self.notes, Some(&body), Repeat::Never)
            .map(drop)
    }

    fn update(&self, id: &str, body: &str) -> Result<(), Fault> {
        let (url, body) = (format!("{}/{id}", self.notes), json!({"body": body}));
        self.ask(&Method::PUT, &url, Some(&body), Repeat::Harmless)
            .map(drop)
    }
}

/// Whether GitLab refuses a request only because there were too many. Its own limits use status 429; a gateway in front
/// of it may use 403.
fn is_rate_limit(answer: &Answer) -> bool {
    answer.status == 429 || (answer.status == 403 && answer.headers.contains_key("retry-after"))
}

/// A note as GitLab lists it.
#[derive(Deserialize)]
struct Known {
    id: u64,
    body: String,
    author: User,
}

#[derive(Deserialize)]
struct User {
    id: u64,
}

/// The answer if a request is refused, from GitLab's own API or from its gateway.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ApiError {
    message: Option<String>,
    error_description: Option<String>,
    error: Option<String>,
}

fn strange() -> Fault {
    Fault::evidence("an answer of GitLab is not what its API sends")
        .help("check CI_API_V4_URL and the proxies")
}
