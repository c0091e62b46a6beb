package executor_test

const killEnv = "COUNTERSIGN_KILL_EXECUTOR"

func victim(string) int { return 1 }
