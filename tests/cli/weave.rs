//! A fake trace server on loopback: two runs, and whatever fault a test wants.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::{Value, json};

/// A request, as it came.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub head: String,
    pub body: Value,
}

/// An answer, whole or broken.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Status, more header lines, body.
    Whole(u16, String, Vec<u8>),
    /// These bytes, and the end of the connection.
    Raw(Vec<u8>),
    /// Nothing for so long, and the end of the connection.
    Silence(Duration),
}

impl Reply {
    pub fn json(body: &Value) -> Self {
        Self::Whole(200, String::new(), body.to_string().into_bytes())
    }

    /// JSON Lines.
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

/// The server; it stops when it is dropped.
pub struct Weave {
    pub url: String,
    seen: Arc<Mutex<Vec<Request>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// A run of the fake server: `passed` of `scored` trials are true, of `trials`.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    pub passed: u64,
    pub scored: u64,
    pub trials: u64,
}

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
    /// A server that answers as Weave does: the runs `cand` and `base`, on the same rows.
    pub fn start() -> Self {
        Self::with(|_, _| None)
    }

    /// The same, with a script that may answer in its place. The script sees how many requests to the
    /// same path with the same body there were before.
    pub fn with(script: impl Fn(&Request, usize) -> Option<Reply> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen: Arc<Mutex<Vec<Request>>> = Arc::default();
        let stop = Arc::new(AtomicBool::new(false));
        let script: Arc<Script> = Arc::new(script);
        let (requests, stopped) = (Arc::clone(&seen), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                let (requests, script) = (Arc::clone(&requests), Arc::clone(&script));
                let stopped = Arc::clone(&stopped);
                thread::spawn(move || serve(stream.unwrap(), &requests, &*script, &stopped));
            }
        });
        Self {
            url,
            seen,
            stop,
            thread: Some(thread),
        }
    }

    pub fn requests(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Weave {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.url.trim_start_matches("http://"));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(mut stream: TcpStream, seen: &Mutex<Vec<Request>>, script: &Script, stopped: &AtomicBool) {
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    while let Some(request) = read(&mut stream) {
        let before = {
            let mut seen = seen.lock().unwrap();
            let same = |known: &&Request| known.path == request.path && known.body == request.body;
            let before = seen.iter().filter(same).count();
            seen.push(request.clone());
            before
        };
        match script(&request, before).unwrap_or_else(|| answer(&request)) {
            Reply::Whole(status, lines, body) => {
                let head = format!(
                    "HTTP/1.1 {status} X\r\nContent-Length: {}\r\n{lines}\r\n",
                    body.len()
                );
                if stream
                    .write_all(head.as_bytes())
                    .and_then(|()| stream.write_all(&body))
                    .is_err()
                {
                    return;
                }
            }
            Reply::Raw(bytes) => {
                let _ = stream.write_all(&bytes);
                return;
            }
            Reply::Silence(time) => {
                let step = Duration::from_millis(20);
                let mut waited = Duration::ZERO;
                while waited < time && !stopped.load(Ordering::Relaxed) {
                    thread::sleep(step);
                    waited += step;
                }
                return;
            }
        }
    }
}

fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        bytes.push(byte[0]);
    }
    let head = String::from_utf8(bytes).unwrap();
    let length = head.lines().find_map(|line| {
        line.to_ascii_lowercase()
            .strip_prefix("content-length:")
            .map(|n| n.trim().parse().unwrap())
    });
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).ok()?;
    let mut words = head.split(' ');
    Some(Request {
        method: words.next()?.to_owned(),
        path: words.next()?.to_owned(),
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
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

/// What Weave answers.
pub fn answer(request: &Request) -> Reply {
    if let Some(id) = request
        .path
        .strip_prefix("/v2/my-team/bot/evaluation_runs/")
    {
        return match run_of(id) {
            None => Reply::status(404, &format!("Evaluation run {id} not found")),
            Some(_) => Reply::json(&status_of(id, "completed")),
        };
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
    Reply::Whole(404, String::new(), br#"{"detail":"Not Found"}"#.to_vec())
}

pub fn status_of(id: &str, status: &str) -> Value {
    json!({
        "evaluation_run_id": id,
        "evaluation": "weave:///my-team/bot/object/answers:v1",
        "model": "weave:///my-team/bot/object/bot:v1",
        "status": status,
        "started_at": "2026-11-23T09:00:00Z",
        "finished_at": "2026-11-23T09:01:00.123456+00:00",
        "summary": {"a field": "that nobody knows"},
    })
}

pub fn summary_of(rows: u64, runs: &[(&str, Run)]) -> Value {
    let evaluations: Vec<Value> = runs
        .iter()
        .map(|(id, run)| {
            json!({
                "evaluation_call_id": id,
                "trial_count": run.trials,
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
                "evaluations": [{"evaluation_call_id": id, "trials": [{"predict_and_score_call_id": "p", "scores": {"correctness": true}, "model_output": "x"}]}],
            })
        })
        .collect();
    json!({"total_rows": rows.len(), "rows": rows, "summary": null, "warnings": []})
}

/// A run's root call, as the SDK logs it: begun at this hour, an hour long.
pub fn call(id: &str, hour: u32) -> Value {
    json!({
        "id": id,
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
        "summary": {"a field": "that nobody asked for"},
    })
}
