//! Recall without I/O.
