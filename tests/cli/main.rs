//! The built binary, driven from outside.
