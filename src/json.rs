//! Strict JSON. A key must not be repeated, because a reader that takes the last of two values hides the first. A
//! struct with named fields must be a map, because a list of values does not say which value belongs to which field.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Reads a struct from a map only. serde itself also accepts a list of the fields' values.
///
/// # Errors
///
/// The value is not a map, or not a map of the struct.
pub fn object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Object::deserialize(deserializer).map(|Object(value)| value)
}

/// Reads a list of structs, each from a map.
///
/// # Errors
///
/// The same as [`object`].
pub fn objects<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let all: Vec<Object<T>> = Vec::deserialize(deserializer)?;
    Ok(all.into_iter().map(|Object(value)| value).collect())
}

struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields(PhantomData))
    }
}

struct Fields<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

/// A value without repeated keys at any depth.
struct Distinct(Value);

/// Reads a map without repeated keys at any depth.
///
/// # Errors
///
/// The value is not a map, or a map repeats a key.
pub fn distinct<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Map<String, Value>, D::Error> {
    match Distinct::deserialize(deserializer)?.0 {
        Value::Object(map) => Ok(map),
        _ => Err(D::Error::custom("expected a map")),
    }
}

/// Reads a map of counts without repeated keys.
///
/// # Errors
///
/// It is not a map, a key is repeated, or a value is not a count.
pub fn counts<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, u64>, D::Error> {
    deserializer.deserialize_map(Counts)
}

struct Counts;

impl<'de> Visitor<'de> for Counts {
    type Value = BTreeMap<String, u64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of counts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut counts = BTreeMap::new();
        while let Some((key, count)) = access.next_entry::<String, u64>()? {
            if counts.contains_key(&key) {
                return Err(repeated(&key));
            }
            counts.insert(key, count);
        }
        Ok(counts)
    }
}

/// The error for a repeated key.
#[must_use]
pub fn repeated<E: Error>(key: &str) -> E {
    E::custom(format_args!("duplicate key `{key}`"))
}

impl<'de> Deserialize<'de> for Distinct {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some((key, Distinct(value))) = access.next_entry::<String, Distinct>()? {
            if map.contains_key(&key) {
                return Err(repeated(&key));
            }
            map.insert(key, value);
        }
        Ok(map.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Distinct(value)) = access.next_element()? {
            list.push(value);
        }
        Ok(list.into())
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
}

/// The number of bytes in the longer of `NaN` and `Infinity`, and its sign.
const WORD: usize = 9;

/// Whether JSON cannot be read because there is NaN or infinity where the reader stopped.
#[must_use]
pub fn is_not_finite(bytes: &[u8], error: &serde_json::Error) -> bool {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let line = lines
        .nth(error.line().saturating_sub(1))
        .unwrap_or_default();
    let start = error.column().saturating_sub(WORD);
    let near = line.get(start..).unwrap_or_default();
    let near = near.get(..2 * WORD).unwrap_or(near);
    let near = String::from_utf8_lossy(near);
    near.contains("NaN") || near.contains("Infinity")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Map<String, Value>, String> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        distinct(&mut deserializer).map_err(|error| error.to_string())
    }

    #[test]
    fn a_list_of_fields_is_no_struct() {
        #[derive(Debug, serde::Deserialize, PartialEq)]
        struct Inner {
            a: u64,
        }
        #[derive(Debug, serde::Deserialize, PartialEq)]
        struct Outer {
            #[serde(deserialize_with = "objects")]
            all: Vec<Inner>,
        }
        let read = |text: &str| -> Result<Outer, _> {
            object(&mut serde_json::Deserializer::from_str(text))
        };
        let all = vec![Inner { a: 1 }, Inner { a: 2 }];
        assert_eq!(
            read(r#"{"all": [{"a": 1}, {"a": 2, "b": 3}]}"#).unwrap(),
            Outer { all }
        );
        for text in [
            r#"[[{"a": 1}]]"#,
            r#"{"all": [[1]]}"#,
            r#"{"all": {"a": 1}}"#,
            "null",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn all_but_repeated_keys_is_read_as_serde_reads_it() {
        let text = r#"{"a": [1, -2, 0.5, 1e3, true, null, "x\n"], "b": {"a": {"a": 18446744073709551615}}, "": {}}"#;
        assert_eq!(read(text), Ok(serde_json::from_str(text).unwrap()));
    }

    #[test]
    fn a_repeated_key_is_refused_at_any_depth() {
        for text in [
            r#"{"a": 1, "a": 1}"#,
            r#"{"b": [{"a": 1, "a": null}]}"#,
            r#"{"b": {"c": {"a": {}, "\u0061": {}}}}"#,
        ] {
            let said = read(text).unwrap_err();
            assert!(said.contains("duplicate key `a`"), "{said}");
        }
        for text in ["[]", "null", "1"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
