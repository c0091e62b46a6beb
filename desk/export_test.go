package desk

// EnterSums enters what was counted of refusals in minutes that are over, as Run
// does every few seconds.
var EnterSums = (*Desk).recordRefusalSums
