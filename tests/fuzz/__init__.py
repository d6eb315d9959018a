"""Random damage to what Seatrial reads from learners: notebooks, messages, whole conversations."""
