//! Confidence intervals and tests on rows, with every way in which missing scores could come out.

pub(in crate::judge) mod attainable;
pub(in crate::judge) mod bounds;
pub(in crate::judge) mod family;
pub(in crate::judge) mod row_means;
pub(in crate::judge) mod scenario;
pub(in crate::judge) mod test;
