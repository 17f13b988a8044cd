//! Mutations that keep JSON valid. Random changes of bytes usually break JSON, so they test only the parser. Half of
//! the mutations still change bytes.

use libfuzzer_sys::fuzzer_mutate;
use serde_json::{Value, json};

/// Mutates one line of the input. The text from the first `{` must be JSON.
pub(crate) fn line(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let mut dice = Dice(u64::from(seed) | 1 << 40);
    let mutated = (dice.roll(2) == 0)
        .then(|| mutated(&data[..size], &mut dice))
        .flatten();
    match mutated {
        Some(bytes) if bytes.len() <= max_size => {
            data[..bytes.len()].copy_from_slice(&bytes);
            bytes.len()
        }
        _ => fuzzer_mutate(data, size, max_size),
    }
}

fn mutated(data: &[u8], dice: &mut Dice) -> Option<Vec<u8>> {
    let text = str::from_utf8(data).ok()?;
    let mut lines: Vec<&str> = text.split('\n').collect();
    let place = dice.roll(lines.len());
    let start = lines[place].find('{')?;
    let (word, rest) = lines[place].split_at(start);
    let mut value: Value = serde_json::from_str(rest).ok()?;
    for _ in 0..=dice.roll(3) {
        let donor = pick(&value, dice.roll(nodes(&value))).clone();
        let target = dice.roll(nodes(&value));
        change(pick_mut(&mut value, target), donor, dice);
    }
    let line = format!("{word}{value}");
    lines[place] = &line;
    Some(lines.join("\n").into_bytes())
}

fn change(node: &mut Value, donor: Value, dice: &mut Dice) {
    let constants = [
        json!(null),
        json!(true),
        json!(false),
        json!(0),
        json!(1),
        json!(-1),
        json!(u64::MAX),
        json!(1e308),
        json!(""),
        json!("c"),
        json!("ok"),
        json!([]),
        json!({}),
    ];
    match (dice.roll(6), &mut *node) {
        (0, node) => *node = donor,
        (1, Value::Array(items)) if !items.is_empty() => {
            items.remove(dice.roll(items.len()));
        }
        (2, Value::Array(items)) => items.insert(dice.roll(items.len() + 1), donor),
        (1, Value::Object(map)) if !map.is_empty() => {
            let key = map
                .keys()
                .nth(dice.roll(map.len()))
                .cloned()
                .unwrap_or_default();
            map.remove(&key);
        }
        (2, Value::Object(map)) => {
            let key = map
                .keys()
                .nth(dice.roll(map.len().max(1)))
                .cloned()
                .unwrap_or_default();
            map.insert(key, donor);
        }
        (3, Value::Array(items)) if items.len() > 1 => {
            let (one, other) = (dice.roll(items.len()), dice.roll(items.len()));
            items.swap(one, other);
        }
        (3 | 4, Value::Number(number)) => {
            let step = [1.0, -1.0, 0.5][dice.roll(3)];
            *node = match (number.as_u64(), dice.roll(2)) {
                (Some(count), 0) => json!(count.wrapping_add(1)),
                (Some(count), _) => json!(count.saturating_sub(1)),
                (None, _) => json!(number.as_f64().unwrap_or_default() + step),
            };
        }
        (3 | 4, Value::Bool(truth)) => *truth = !*truth,
        (_, node) => *node = constants[dice.roll(constants.len())].clone(),
    }
}

fn children(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(map) => map.values().collect(),
        _ => Vec::new(),
    }
}

fn nodes(value: &Value) -> usize {
    1 + children(value).into_iter().map(nodes).sum::<usize>()
}

/// The node with this number, in pre-order.
fn pick(value: &Value, mut number: usize) -> &Value {
    for child in children(value) {
        if number == 0 {
            break;
        }
        let within = nodes(child);
        if number <= within {
            return pick(child, number - 1);
        }
        number -= within;
    }
    value
}

fn pick_mut(value: &mut Value, mut number: usize) -> &mut Value {
    if number == 0 {
        return value;
    }
    let counts: Vec<usize> = children(value).into_iter().map(nodes).collect();
    let mut place = 0;
    while number > counts[place] {
        number -= counts[place];
        place += 1;
    }
    let child = match value {
        Value::Array(items) => items.get_mut(place),
        Value::Object(map) => map.values_mut().nth(place),
        _ => None,
    };
    pick_mut(child.expect("a child that was counted"), number - 1)
}

/// A random number generator that depends only on the fuzzer's seed.
struct Dice(u64);

impl Dice {
    /// A number below `sides`.
    fn roll(&mut self, sides: usize) -> usize {
        // Marsaglia's xorshift64.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap_or(0) % sides
    }
}
