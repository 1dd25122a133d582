"""The contract of a SageMaker container, and MLflow's: GET /ping, POST /invocations."""
