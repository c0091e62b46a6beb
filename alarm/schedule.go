package alarm

import (
	"errors"
	"time"
)

// delays are the specification's waits before each attempt.
var delays = [...]time.Duration{0, 5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour,
	5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour}

// Schedule returns the wait before the next attempt after made attempts, and false if
// there is no further one. jitter, from 0 to 1, adds up to a fifth, so that attempts
// which failed together are not repeated together.
func Schedule(made int, jitter float64) (time.Duration, bool) {
	if made < 0 || made >= len(delays) {
		return 0, false
	}
	if !(jitter > 0) { // NaN as well
		jitter = 0
	}
	return delays[made] + time.Duration(float64(delays[made])*min(jitter, 1)/5), true
}

// Wait is Schedule after an attempt that ended with err. It waits at least as long as the
// receiver asks, and returns false if nothing more is to be sent.
func Wait(err error, made int, jitter float64) (time.Duration, bool) {
	if OutcomeOf(err) != Retry {
		return 0, false
	}
	wait, again := Schedule(made, jitter)
	var u *Undelivered
	if again && errors.As(err, &u) {
		wait = max(wait, u.After)
	}
	return wait, again
}
