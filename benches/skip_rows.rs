//! The minimal work of any reader of rows: it fetches the same pages as the gate, and skips their JSON.
//! `benches/rows_check.py` compares its time with that of the gate.
//!
//! Usage: `skip_rows URL ROWS PAGE`

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a program that is run by hand"
)]

use serde::de::IgnoredAny;

fn main() {
    // `cargo bench` runs this program without arguments. It then has nothing to do.
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, rows, page] = arguments.as_slice() else {
        println!("usage: skip_rows URL ROWS PAGE");
        return;
    };
    let number = |text: &str| -> u64 { text.parse().expect("a number") };
    let (rows, page) = (number(rows), number(page));
    let agent: ureq::Agent = ureq::Agent::config_builder().build().new_agent();
    let mut bytes = 0;
    for offset in (0..rows).step_by(usize::try_from(page).expect("a small page")) {
        let body = format!(r#"{{"include_rows":true,"limit":{page},"offset":{offset}}}"#);
        let answer = agent
            .post(format!("{url}/v2/my-team/bot/eval_results/query"))
            .header("Content-Type", "application/json")
            .send(body)
            .expect("an answer")
            .into_body()
            .with_config()
            .limit(1 << 30)
            .read_to_vec()
            .expect("a body");
        bytes += answer.len();
        serde_json::from_slice::<IgnoredAny>(&answer).expect("JSON");
    }
    println!("{bytes} bytes");
}
