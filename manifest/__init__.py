"""The contract: spec models, work splitting, states, the run layout and the atomic store."""
