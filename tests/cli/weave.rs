//! A fake trace server on loopback with two runs. A test can replace any answer with a fault.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::net::Shutdown;
use serde_json::{Value, json};

/// A request as it was received.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub head: String,
    pub body: Value,
}

/// An answer, complete or broken.
#[derive(Clone, Debug)]
pub enum Reply {
    /// A status, additional header lines, and a body.
    Whole(u16, String, Vec<u8>),
    /// These bytes, and then the end of the connection.
    Raw(Vec<u8>),
    /// The first bytes, a pause, and the second bytes. The connection remains open.
    Kept(Vec<u8>, Duration, Vec<u8>),
    /// No answer for this time, and then the end of the connection.
    Silence(Duration),
    /// These bytes, and then a reset of the connection.
    Reset(Vec<u8>),
    /// These bytes, and then no more while the server exists.
    Stall(Vec<u8>),
    /// The first bytes, and then the second bytes repeatedly, each after a pause.
    Endless(Vec<u8>, Vec<u8>, Duration),
    /// A reset of the connection. The server then stops listening.
    Gone,
}

impl Reply {
    pub fn json(body: &Value) -> Self {
        Self::Whole(200, String::new(), body.to_string().into_bytes())
    }

    /// An answer in JSON Lines.
    pub fn lines(lines: &[Value]) -> Self {
        let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
        Self::Whole(200, String::new(), lines.join("\n").into_bytes())
    }

    pub fn status(status: u16, reason: &str) -> Self {
        Self::Whole(
            status,
            String::new(),
            json!({ "reason": reason }).to_string().into_bytes(),
        )
    }

    pub fn header(self, line: &str) -> Self {
        match self {
            Self::Whole(status, lines, body) => {
                Self::Whole(status, format!("{lines}{line}\r\n"), body)
            }
            other => other,
        }
    }
}

type Script = dyn Fn(&Request, usize) -> Option<Reply> + Send + Sync;

/// A connection from which requests are read, and to which answers are written.
pub trait Link: Read + Write {}

impl<T: Read + Write> Link for T {}

/// Handles a connection before its first request. The number is the count of earlier connections. `None` means that the
/// connection is not served.
type Opening = dyn Fn(TcpStream, usize) -> Option<Box<dyn Link>> + Send + Sync;

/// The server. It stops when it is dropped.
pub struct Weave {
    pub url: String,
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

/// The state that all connections of a server share.
struct State {
    address: SocketAddr,
    seen: Mutex<Vec<Request>>,
    connections: AtomicUsize,
    stop: AtomicBool,
    /// The socket after the server has stopped listening. While it exists, no other server can get its port.
    closed: Mutex<Option<TcpListener>>,
    opening: Box<Opening>,
    script: Box<Script>,
}

/// A run on the fake server: `scored` of `trials` trials have a score, and `passed` of these are true.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    pub passed: u64,
    pub scored: u64,
    pub trials: u64,
}

/// The number of calls of a run: its root call, and for each row the trial and the prediction.
pub const CALLS: u64 = 201;
pub const CANDIDATE: Run = Run {
    passed: 90,
    scored: 100,
    trials: 100,
};
pub const BASELINE: Run = Run {
    passed: 92,
    scored: 100,
    trials: 100,
};

impl Weave {
    /// A server that answers as Weave does. It has the runs `cand` and `base` on the same rows.
    pub fn start() -> Self {
        Self::with(|_, _| None)
    }

    /// The same server with a script that may replace an answer. The script gets the request and the number of earlier
    /// requests to the same path with the same body.
    pub fn with(script: impl Fn(&Request, usize) -> Option<Reply> + Send + Sync + 'static) -> Self {
        Self::behind(|stream, _| Some(Box::new(stream)), script)
    }

    /// The same server with a layer, such as TLS, that handles each connection before its first request.
    pub fn behind(
        opening: impl Fn(TcpStream, usize) -> Option<Box<dyn Link>> + Send + Sync + 'static,
        script: impl Fn(&Request, usize) -> Option<Reply> + Send + Sync + 'static,
    ) -> Self {
        let listener = listener();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State {
            address: listener.local_addr().unwrap(),
            seen: Mutex::default(),
            connections: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            closed: Mutex::default(),
            opening: Box::new(opening),
            script: Box::new(script),
        });
        let shared = Arc::clone(&state);
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.stop.load(Ordering::Relaxed) {
                    break;
                }
                let before = shared.connections.fetch_add(1, Ordering::Relaxed);
                let state = Arc::clone(&shared);
                thread::spawn(move || state.connected(stream.unwrap(), before));
            }
            // The standard library allows that a port is bound again. Another server could then get this one.
            rustix::net::sockopt::set_socket_reuseaddr(&listener, false).unwrap();
            rustix::net::shutdown(&listener, Shutdown::Both).unwrap();
            *shared.closed.lock().unwrap() = Some(listener);
        });
        Self {
            url,
            state,
            thread: Some(thread),
        }
    }

    pub fn requests(&self) -> Vec<Request> {
        self.state.seen.lock().unwrap().clone()
    }

    /// The number of connections so far.
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::Relaxed)
    }
}

impl Drop for Weave {
    fn drop(&mut self) {
        self.state.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl State {
    /// Stops listening.
    fn close(&self) {
        self.stop.store(true, Ordering::Relaxed);
        // This connection wakes the thread that waits for a connection.
        let _ = TcpStream::connect(self.address);
    }

    fn connected(&self, stream: TcpStream, before: usize) {
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let raw = stream.try_clone().unwrap();
        if let Some(mut link) = (self.opening)(stream, before) {
            while let Some(request) = read(&mut *link) {
                let before = self.note(&request);
                let reply = (self.script)(&request, before).unwrap_or_else(|| answer(&request));
                if !self.send(&mut *link, &raw, reply) {
                    return;
                }
            }
        }
    }

    /// Records a request, and returns the number of equal requests before it.
    fn note(&self, request: &Request) -> usize {
        let mut seen = self.seen.lock().unwrap();
        let same = |known: &&Request| known.path == request.path && known.body == request.body;
        let before = seen.iter().filter(same).count();
        seen.push(request.clone());
        before
    }

    /// Sends an answer, and returns whether the connection remains open.
    fn send(&self, link: &mut dyn Link, raw: &TcpStream, reply: Reply) -> bool {
        match reply {
            Reply::Whole(status, lines, body) => {
                let head = format!(
                    "HTTP/1.1 {status} X\r\nContent-Length: {}\r\n{lines}\r\n",
                    body.len()
                );
                let sent = link
                    .write_all(head.as_bytes())
                    .and_then(|()| link.write_all(&body))
                    .and_then(|()| link.flush());
                return sent.is_ok() && !lines.contains("Connection: close");
            }
            Reply::Raw(bytes) => {
                let _ = link.write_all(&bytes).and_then(|()| link.flush());
            }
            Reply::Kept(bytes, pause, more) => {
                let sent = link.write_all(&bytes).and_then(|()| link.flush());
                if !more.is_empty() {
                    self.wait(pause);
                }
                let sent = sent.and_then(|()| link.write_all(&more));
                return sent.and_then(|()| link.flush()).is_ok();
            }
            Reply::Silence(time) => self.wait(time),
            Reply::Reset(bytes) => {
                let _ = link.write_all(&bytes).and_then(|()| link.flush());
                // The client must read the bytes before the reset arrives.
                thread::sleep(Duration::from_millis(50));
                reset(raw);
            }
            Reply::Stall(bytes) => {
                let _ = link.write_all(&bytes).and_then(|()| link.flush());
                self.wait(Duration::MAX);
            }
            Reply::Endless(bytes, piece, pause) => {
                let mut sent = link.write_all(&bytes);
                while sent.is_ok() && !self.stop.load(Ordering::Relaxed) {
                    sent = link.write_all(&piece).and_then(|()| link.flush());
                    thread::sleep(pause);
                }
            }
            Reply::Gone => {
                self.close();
                while TcpStream::connect(self.address).is_ok() {
                    thread::sleep(Duration::from_millis(1));
                }
                reset(raw);
            }
        }
        false
    }

    /// Waits for this time, or until the server stops.
    fn wait(&self, time: Duration) {
        let since = Instant::now();
        while since.elapsed() < time && !self.stop.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A listener on a free port. Linux releases a port that it chose itself when a listener is shut down, and another server
/// could get it. So the port is first chosen, and then named.
#[cfg(unix)]
fn listener() -> TcpListener {
    use rustix::net::{AddressFamily, SocketType};

    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let chosen = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    rustix::net::sockopt::set_socket_reuseaddr(&chosen, true).unwrap();
    rustix::net::bind(&chosen, &any).unwrap();
    let address = rustix::net::getsockname(&chosen).unwrap();
    TcpListener::bind(SocketAddr::try_from(address).unwrap()).unwrap()
}

#[cfg(not(unix))]
fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

/// Makes the closing of the connection a reset.
fn reset(stream: &TcpStream) {
    rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO)).unwrap();
}

/// Reads one request. The client sends no request before the previous one is answered.
fn read(stream: &mut dyn Link) -> Option<Request> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    let mut more = |bytes: &mut Vec<u8>| {
        let count = stream.read(&mut buffer).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&buffer[..count]);
        Some(())
    };
    let end = loop {
        match bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            Some(place) => break place + 4,
            None => more(&mut bytes)?,
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let length: Option<usize> = head.lines().find_map(|line| {
        line.to_ascii_lowercase()
            .strip_prefix("content-length:")
            .map(|n| n.trim().parse().unwrap())
    });
    while bytes.len() < end + length.unwrap_or(0) {
        more(&mut bytes)?;
    }
    let body = &bytes[end..];
    let mut words = head.split(' ');
    Some(Request {
        method: words.next()?.to_owned(),
        path: words.next()?.to_owned(),
        body: serde_json::from_slice(body)
            .unwrap_or_else(|_| String::from_utf8_lossy(body).into_owned().into()),
        head,
    })
}

fn run_of(id: &str) -> Option<Run> {
    match id {
        "cand" => Some(CANDIDATE),
        "base" => Some(BASELINE),
        _ => None,
    }
}

/// Whether the request reads runs by their ids.
pub fn is_root_read(request: &Request) -> bool {
    request.path == "/calls/stream_query" && request.body["filter"]["call_ids"].is_array()
}

/// Whether the request lists runs.
pub fn is_list(request: &Request) -> bool {
    request.path == "/calls/stream_query" && request.body["filter"]["op_names"].is_array()
}

/// Whether the request lists the runs of one commit.
pub fn is_rerun_list(request: &Request) -> bool {
    is_list(request) && request.body["limit"] == 100
}

/// Whether the request counts the calls of a run.
pub fn is_count(request: &Request) -> bool {
    request.path == "/calls/query_stats" && request.body["filter"]["trace_ids"].is_array()
}

/// Whether the request counts the calls of this run.
pub fn is_count_of(request: &Request, id: &str) -> bool {
    is_count(request) && request.body["filter"]["trace_ids"] == json!([format!("trace-of-{id}")])
}

/// The ids of the runs that a request reads.
pub fn ids_of(request: &Request) -> Vec<&str> {
    let ids = request.body["filter"]["call_ids"].as_array();
    let ids = ids.into_iter().flatten();
    ids.map(|id| id.as_str().unwrap()).collect()
}

/// The answer to a request for runs by their ids, with a change to each run.
pub fn roots(request: &Request, change: impl Fn(&mut Value)) -> Option<Reply> {
    is_root_read(request).then(|| {
        let known = ids_of(request)
            .into_iter()
            .filter(|id| run_of(id).is_some());
        let runs = known.map(|id| {
            let mut run = root(id);
            change(&mut run);
            run
        });
        Reply::lines(&runs.collect::<Vec<_>>())
    })
}

/// The same answer for runs that do not record how many calls they made. Their calls are then not counted.
pub fn uncounted(request: &Request) -> Option<Reply> {
    roots(request, |run| run["summary"] = json!({}))
}

/// The answer of Weave.
pub fn answer(request: &Request) -> Reply {
    if let Some(runs) = roots(request, |_| ()) {
        return runs;
    }
    if is_count(request) {
        return Reply::json(&json!({"count": CALLS, "has_more": false}));
    }
    if request.path == "/v2/my-team/bot/eval_results/query" {
        let ids: Vec<&str> = request.body["evaluation_run_ids"]
            .as_array()
            .unwrap()
            .iter()
            .map(|id| id.as_str().unwrap())
            .collect();
        if request.body["include_rows"] == true {
            return Reply::json(&rows_of(ids[0], 100));
        }
        let known: Vec<(&str, Run)> = ids
            .iter()
            .filter_map(|id| Some((*id, run_of(id)?)))
            .collect();
        let is_empty =
            known.len() < ids.len() && request.body["summary_require_intersection"] == true;
        return Reply::json(&summary_of(100, if is_empty { &[] } else { &known }));
    }
    if request.path == "/refs/read_batch" {
        let refs = request.body["refs"].as_array().unwrap();
        return Reply::json(&json!({"vals": vec![json!({"scorers": []}); refs.len()]}));
    }
    Reply::Whole(404, String::new(), br#"{"detail":"Not Found"}"#.to_vec())
}

/// The root call of a run that is read by its id. The run names no commit, so it has no re-runs.
pub fn root(id: &str) -> Value {
    let mut root = call(id, 9);
    root["started_at"] = json!("2026-11-23T09:00:00Z");
    root["ended_at"] = json!("2026-11-23T09:01:00.123456+00:00");
    // The lines of the two runs have different lengths, so half of the answer does not end between the lines.
    let version = if id == "cand" { "1.23.4" } else { "1" };
    root["attributes"] = json!({"weave": {"client_version": version}});
    root
}

pub fn summary_of(rows: u64, runs: &[(&str, Run)]) -> Value {
    let evaluations: Vec<Value> = runs
        .iter()
        .map(|(id, run)| {
            json!({
                "evaluation_call_id": id,
                "predict_total_tokens": null, "trial_count": run.trials,
                "display_name": "monday",
                "scorer_stats": [{
                    "scorer_key": "correctness",
                    "path": null,
                    "value_type": "binary",
                    "trial_count": run.scored,
                    "numeric_count": 0,
                    "numeric_mean": null,
                    "pass_true_count": run.passed,
                    "pass_known_count": run.scored,
                    "pass_rate": 1.0,
                    "pass_signal_coverage": 1.0,
                }],
            })
        })
        .collect();
    json!({"rows": [], "total_rows": 0, "summary": {"row_count": rows, "evaluations": evaluations}, "warnings": []})
}

pub fn rows_of(id: &str, rows: u64) -> Value {
    let rows: Vec<Value> = (0..rows)
        .map(|row| {
            json!({
                "row_digest": format!("digest-{row:06}"),
                "evaluations": [{"evaluation_call_id": id, "trials": [{"predict_and_score_call_id": "p", "predict_call_id": "m", "scores": {"correctness": true}, "model_output": "x"}]}],
            })
        })
        .collect();
    json!({"total_rows": rows.len(), "rows": rows, "summary": null, "warnings": []})
}

/// A run's root call as the SDK logs it. It starts at this hour and takes one hour.
pub fn call(id: &str, hour: u32) -> Value {
    json!({
        "id": id,
        "trace_id": format!("trace-of-{id}"),
        "parent_id": null,
        "op_name": "weave:///my-team/bot/op/Evaluation.evaluate:v1",
        "started_at": format!("2026-11-22T{hour:02}:00:00Z"),
        "ended_at": format!("2026-11-22T{hour:02}:59:00Z"),
        "exception": null,
        "display_name": "monday",
        "inputs": {
            "self": "weave:///my-team/bot/object/answers:v1",
            "model": "weave:///my-team/bot/object/bot:v1",
        },
        "attributes": {"git_sha": id, "git_branch": "main", "weave": {"client_version": "1"}},
        "output": {"correctness": {"true_count": 90}},
        "summary": {"status_counts": {"success": CALLS, "error": 0}, "a field": "that nobody asked for"},
    })
}
