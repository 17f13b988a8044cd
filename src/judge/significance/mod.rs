//! Confidence intervals and tests on rows, for all imputations of missing scores.

pub(in crate::judge) mod attainable;
pub(in crate::judge) mod bounds;
pub(in crate::judge) mod family;
pub(in crate::judge) mod row_means;
pub(in crate::judge) mod scenario;
pub(in crate::judge) mod test;
