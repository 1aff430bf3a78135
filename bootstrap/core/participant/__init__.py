"""What one agent does between its inputs: a pure state machine, which the agent and the model checker both drive."""
