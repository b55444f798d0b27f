package giveaway

// Pick is pick for tests.
func Pick(x, m uint64) (at uint64, fair bool) { return pick(x, m) }

// CloseEntries is the first step of a draw, for tests of what stops it there.
var CloseEntries = (*Store).closeEntries
