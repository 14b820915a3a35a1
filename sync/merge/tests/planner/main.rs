//! The planner, from outside: the policy as tables, the rules by example, and what must hold for any rows at all.

mod collisions;
mod columns;
mod convergence;
mod generate;
mod images;
mod order;
mod plans;
mod policy;
mod properties;
