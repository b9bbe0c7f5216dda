//! Models of the sleep protocol and the gate, for loom.
