package faults_test

const victimEnv = "REDISCONN_FAULTS_VICTIM"

func beVictim(string) int { return 0 }
