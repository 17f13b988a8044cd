//! GitHub: comments on the pull request of the running workflow, through its GraphQL API.
//!
//! GraphQL is used because it says of each comment whether the token's owner wrote it. The REST API does not tell a
//! job's own token which user it belongs to.

use std::fs::File;
use std::io::Read as _;

use anyhow::Context as _;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Map, Value, json};
use ureq::http::Method;

use super::client::{Client, Repeat, read};
use super::marker::Moment;
use super::thread::{Absence, Comment, Kept, Note, Origin, Thread, keep};
use super::variables::{number, variable};
use crate::fault::Fault;
use crate::http::Answer;
use crate::secret::Secret;
use crate::site::Lookup;

/// The user name that belongs to a token, in git.
pub(super) const USER: &str = "x-access-token";
const PUBLIC_API: &str = "https://api.github.com/graphql";
/// Maximum size of an event, in bytes. GitHub sends no larger event.
const MAX_EVENT: u64 = 32 * 1024 * 1024;
/// Maximum number of pages, of a hundred comments each. No pull request has so many comments.
const MAX_PAGES: usize = 100;
/// The login of Dependabot. No user can have this name, because it contains brackets.
const DEPENDABOT: &str = "dependabot[bot]";
const PERMISSION: &str = "the job needs `permissions: pull-requests: write`; on pull requests from forks and by \
                          Dependabot its token may only read";

const COMMENTS: &str = "query($owner: String!, $name: String!, $number: Int!, $after: String) {
  repository(owner: $owner, name: $name) {
    pullRequest(number: $number) {
      comments(first: 100, after: $after) {
        nodes { id body viewerDidAuthor }
        pageInfo { hasNextPage endCursor }
      }
    }
  }
}";
const SUBJECT: &str = "query($owner: String!, $name: String!, $number: Int!) {
  repository(owner: $owner, name: $name) { pullRequest(number: $number) { id } }
}";
const CREATE: &str = "mutation($subject: ID!, $body: String!) {
  addComment(input: {subjectId: $subject, body: $body}) { clientMutationId }
}";
const UPDATE: &str = "mutation($id: ID!, $body: String!) {
  updateIssueComment(input: {id: $id, body: $body}) { clientMutationId }
}";

/// The pull request of the running workflow.
pub struct GitHub {
    client: Client,
    url: String,
    owner: String,
    name: String,
    number: u64,
    origin: Origin,
}

/// The fields that are read of the event that started the workflow.
#[derive(Deserialize)]
struct Event {
    pull_request: Option<PullRequest>,
    /// The user who caused the event.
    sender: Option<User>,
}

#[derive(Deserialize)]
struct PullRequest {
    number: u64,
    head: Branch,
    base: Branch,
    user: Option<User>,
}

#[derive(Deserialize)]
struct Branch {
    sha: String,
    /// `None` if the fork was deleted.
    repo: Option<Repository>,
}

#[derive(Deserialize)]
struct Repository {
    full_name: String,
}

#[derive(Deserialize)]
struct User {
    login: String,
}

impl PullRequest {
    fn is_from_fork(&self) -> bool {
        let name = |branch: &Branch| branch.repo.as_ref().map(|repo| repo.full_name.clone());
        name(&self.head).is_none() || name(&self.head) != name(&self.base)
    }
}

/// The event that started the workflow, if the runner names one.
fn event(lookup: &Lookup<'_>) -> Result<Option<Event>, Fault> {
    let Some(path) = variable(lookup, "GITHUB_EVENT_PATH") else {
        return Ok(None);
    };
    let read = || -> anyhow::Result<Event> {
        let mut text = String::new();
        File::open(path)?
            .take(MAX_EVENT)
            .read_to_string(&mut text)?;
        Ok(serde_json::from_str(&text)?)
    };
    read()
        .map(Some)
        .context("cannot read the event in GITHUB_EVENT_PATH")
        .map_err(|error| {
            Fault::evidence_of(&error)
                .help("GitHub Actions writes this file: check the variables of the job")
        })
}

/// Returns why the running workflow gets no secrets; `None` if its event is not of a pull request without secrets. The
/// reason comes from the event that the runner wrote, and not from variables that name a repository or a user.
///
/// # Errors
///
/// The event that started the workflow cannot be read.
pub(super) fn outsider(lookup: &Lookup<'_>) -> Result<Option<&'static str>, Fault> {
    // Other events of a pull request, such as `pull_request_target`, do get secrets.
    if variable(lookup, "GITHUB_EVENT_NAME").as_deref() != Some("pull_request") {
        return Ok(None);
    }
    let Some(event) = event(lookup)? else {
        return Ok(None);
    };
    let Some(request) = event.pull_request else {
        return Ok(None);
    };
    // Secrets depend on the user who pushed to the branch of the pull request or, if unknown, on the user who opened
    // it.
    let by = event.sender.as_ref().or(request.user.as_ref());
    Ok(if request.is_from_fork() {
        Some("the pull request is from a fork")
    } else if by.is_some_and(|user| user.login == DEPENDABOT) {
        Some("the pull request is by Dependabot")
    } else {
        None
    })
}

impl GitHub {
    /// Finds the pull request of the running workflow.
    ///
    /// # Errors
    ///
    /// There is no pull request to comment on, or it is unknown which one or with which token.
    pub fn find(lookup: &Lookup<'_>) -> Result<Self, Absence> {
        let request = event(lookup)
            .map_err(Absence::Wrong)?
            .and_then(|event| event.pull_request)
            .ok_or_else(|| Absence::NotDue("this is no workflow of a pull request".to_owned()))?;
        let event = variable(lookup, "GITHUB_EVENT_NAME");
        if event.as_deref() == Some("pull_request") && request.is_from_fork() {
            let reason = "the pull request is from a fork, and its token may not write one";
            return Err(Absence::NotDue(reason.to_owned()));
        }
        let wrong = |message: &str, help: &str| Absence::Wrong(Fault::evidence(message).help(help));
        let token = ["GITHUB_TOKEN", "GH_TOKEN"]
            .iter()
            .find_map(|name| Secret::new(&lookup(name)?, USER))
            .ok_or_else(|| {
                wrong(
                    "GITHUB_TOKEN is not set",
                    "give the step `env: GITHUB_TOKEN: ${{ github.token }}`",
                )
            })?;
        let repository = variable(lookup, "GITHUB_REPOSITORY").unwrap_or_default();
        let (owner, name) = repository.split_once('/').ok_or_else(|| {
            wrong(
                "GITHUB_REPOSITORY names no repository",
                "GitHub's runner sets it to owner/name",
            )
        })?;
        let url = variable(lookup, "GITHUB_GRAPHQL_URL").unwrap_or_else(|| PUBLIC_API.to_owned());
        let client =
            Client::new("GitHub", &url, token, is_rate_limit, lookup).map_err(Absence::Wrong)?;
        Ok(Self {
            client,
            url,
            owner: owner.to_owned(),
            name: name.to_owned(),
            number: request.number,
            origin: Origin {
                moment: Moment {
                    pipeline: number(lookup, "GITHUB_RUN_ID"),
                    attempt: number(lookup, "GITHUB_RUN_ATTEMPT"),
                },
                commit: Some(request.head.sha),
                pipeline: pipeline(lookup, &repository),
            },
        })
    }

    /// The origin of its comments.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Writes or updates comments.
    ///
    /// # Errors
    ///
    /// The comments cannot be written. The error names a missing permission.
    pub fn keep(&self, comments: &[Comment]) -> Result<Vec<Kept>, Fault> {
        keep(self, self.origin.moment, comments)
    }

    /// Sends a GraphQL query.
    fn ask<T: DeserializeOwned>(
        &self,
        query: &str,
        variables: &Value,
        repeat: Repeat,
    ) -> Result<T, Fault> {
        let body = json!({"query": query, "variables": variables});
        let answer = self
            .client
            .send(&Method::POST, &self.url, Some(&body), repeat)?;
        let refusal: ApiError = read(&answer).unwrap_or_default();
        let error = refusal.errors.first();
        let said = error.map_or(refusal.message.as_deref(), |error| Some(&error.message));
        let said = self.client.quoted(said);
        match (answer.status, error.map(|error| error.kind.as_str())) {
            (401, _) => Err(
                Fault::evidence(format!("GitHub refused the token (401){said}"))
                    .help("give the step `env: GITHUB_TOKEN: ${{ github.token }}`"),
            ),
            (403, _) | (200, Some("FORBIDDEN" | "INSUFFICIENT_SCOPES" | "NOT_FOUND")) => {
                let what = "the token may not comment on this pull request";
                Err(Fault::evidence(format!("{what}{said}")).help(PERMISSION))
            }
            (200, None) => read(&answer).map(|Answered { data }| data).ok_or_else(|| {
                Fault::evidence("an answer of GitHub is not what its API sends")
                    .help("check GITHUB_GRAPHQL_URL and the proxies")
            }),
            (status, _) => Err(Fault::evidence(format!("GitHub answered {status}{said}"))
                .help("the verdict is not affected; run the job again for the comment")),
        }
    }

    /// The variables that name the pull request, in every query.
    fn variables(&self) -> Map<String, Value> {
        let named = [
            ("owner", json!(self.owner)),
            ("name", json!(self.name)),
            ("number", json!(self.number)),
        ];
        named
            .map(|(name, value)| (name.to_owned(), value))
            .into_iter()
            .collect()
    }
}

impl Thread for GitHub {
    fn ours(&self) -> Result<Vec<Note>, Fault> {
        let mut notes = Vec::new();
        let mut after = None;
        for _ in 0..MAX_PAGES {
            let mut variables = self.variables();
            variables.extend([("after".to_owned(), json!(after))]);
            let of_repository: OfRepository<Commented> =
                self.ask(COMMENTS, &Value::Object(variables), Repeat::Harmless)?;
            let page = of_repository.repository.pull_request.comments;
            let ours = page.nodes.into_iter().flatten();
            let ours = ours.filter(|node| node.viewer_did_author);
            notes.extend(ours.map(|node| Note {
                id: node.id,
                body: node.body,
            }));
            if !page.page_info.has_next_page {
                return Ok(notes);
            }
            after = Some(page.page_info.end_cursor);
        }
        Err(Fault::evidence("the pull request has too many comments")
            .help("delete comments, or leave out --github-comment"))
    }

    fn create(&self, body: &str) -> Result<(), Fault> {
        let variables = Value::Object(self.variables());
        let of_repository: OfRepository<Subject> =
            self.ask(SUBJECT, &variables, Repeat::Harmless)?;
        let subject = of_repository.repository.pull_request.id;
        let variables = json!({"subject": subject, "body": body});
        self.ask::<IgnoredAny>(CREATE, &variables, Repeat::Never)
            .map(drop)
    }

    fn update(&self, id: &str, body: &str) -> Result<(), Fault> {
        let variables = json!({"id": id, "body": body});
        self.ask::<IgnoredAny>(UPDATE, &variables, Repeat::Harmless)
            .map(drop)
    }
}

/// Whether GitHub refuses a request only because there were too many. GraphQL says so with status 200, the limits on
/// bursts with 403 or 429.
fn is_rate_limit(answer: &Answer) -> bool {
    let none_left = |name| {
        let left = answer.headers.get(name);
        left.is_some_and(|left| left.as_bytes() == b"0")
    };
    let refusal: ApiError = read(answer).unwrap_or_default();
    let says_so = |text: &str| text.to_ascii_lowercase().contains("rate limit");
    match answer.status {
        429 => true,
        403 => {
            answer.headers.contains_key("retry-after")
                || none_left("x-ratelimit-remaining")
                || refusal.message.as_deref().is_some_and(says_so)
        }
        200 => refusal
            .errors
            .iter()
            .any(|error| error.kind == "RATE_LIMITED"),
        _ => false,
    }
}

/// GitHub's answer to a query.
#[derive(Deserialize)]
struct Answered<T> {
    data: T,
}

/// GitHub's answer if it refuses a request.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ApiError {
    errors: Vec<GraphError>,
    message: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct GraphError {
    #[serde(rename = "type")]
    kind: String,
    message: String,
}

#[derive(Deserialize)]
struct OfRepository<T> {
    repository: OfPullRequest<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfPullRequest<T> {
    pull_request: T,
}

#[derive(Deserialize)]
struct Subject {
    id: String,
}

#[derive(Deserialize)]
struct Commented {
    comments: Page,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    nodes: Vec<Option<Node>>,
    page_info: PageInfo,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Node {
    id: String,
    body: String,
    viewer_did_author: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageInfo {
    has_next_page: bool,
    end_cursor: Option<String>,
}

/// The URL of the running workflow.
fn pipeline(lookup: &Lookup<'_>, repository: &str) -> Option<String> {
    let server = variable(lookup, "GITHUB_SERVER_URL")?;
    let run = variable(lookup, "GITHUB_RUN_ID")?;
    Some(format!("{server}/{repository}/actions/runs/{run}"))
}
